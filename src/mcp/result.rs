//! What a server answered, within bounds: a stranger decides how much that is.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};
use serde_json::{Map, Value};

use super::{Answer, Blob};

/// More pieces than this are no result that a model could use.
const MAX_PIECES: usize = 100;

/// Of all blobs of one result together: they lie in memory until they are stored.
const MAX_BLOB_BYTES: usize = 16 * 1024 * 1024;

pub(super) fn read(result: CallToolResult) -> Answer {
    let mut answer = Answer {
        is_error: result.is_error.unwrap_or(false),
        structured: result.structured_content,
        left_out: result.content.len().saturating_sub(MAX_PIECES),
        ..Answer::default()
    };
    let mut texts = Vec::new();
    let mut room = MAX_BLOB_BYTES;
    let mut take = |answer: &mut Answer, data: &str, name: Option<String>, media_type: Option<String>| {
        // Four characters stand for three bytes: what cannot fit is not decoded.
        let bytes = (data.len() / 4 * 3 <= room + 3).then(|| STANDARD.decode(data).ok());
        match bytes.flatten().filter(|bytes| bytes.len() <= room) {
            Some(bytes) => {
                room -= bytes.len();
                answer.blobs.push(Blob {
                    name,
                    media_type,
                    bytes,
                });
            }
            None => answer.left_out += 1,
        }
    };
    for piece in result.content.into_iter().take(MAX_PIECES) {
        match piece {
            ContentBlock::Text(text) => texts.push(text.text),
            ContentBlock::Image(image) => take(&mut answer, &image.data, None, Some(image.mime_type)),
            ContentBlock::Audio(audio) => take(&mut answer, &audio.data, None, Some(audio.mime_type)),
            ContentBlock::Resource(embedded) => match embedded.resource {
                ResourceContents::TextResourceContents {
                    uri, mime_type, text, ..
                } => answer.resources.push(resource(&[
                    ("uri", Some(uri)),
                    ("mime_type", mime_type),
                    ("text", Some(text)),
                ])),
                ResourceContents::BlobResourceContents {
                    uri, mime_type, blob, ..
                } => {
                    let name = uri.rsplit('/').find(|part| !part.is_empty()).map(str::to_owned);
                    take(&mut answer, &blob, name, mime_type);
                }
                _ => answer.left_out += 1,
            },
            ContentBlock::ResourceLink(link) => answer.resources.push(resource(&[
                ("uri", Some(link.uri)),
                ("name", Some(link.name)),
                ("mime_type", link.mime_type),
                ("description", link.description),
            ])),
            _ => answer.left_out += 1,
        }
    }
    answer.text = texts.join("\n");
    answer
}

fn resource(members: &[(&str, Option<String>)]) -> Value {
    let known = members.iter().filter_map(|(name, value)| {
        let value = value.clone()?;
        Some(((*name).to_owned(), Value::String(value)))
    });
    Value::Object(known.collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer(result: Value) -> Answer {
        read(serde_json::from_value(result).expect("a result"))
    }

    #[test]
    fn every_kind_of_piece_has_its_place() {
        let answer = answer(json!({
            "content": [
                {"type": "text", "text": "one"},
                {"type": "image", "data": "aGk=", "mimeType": "image/png"},
                {"type": "text", "text": "two"},
                {"type": "audio", "data": "aG8=", "mimeType": "audio/wav"},
                {"type": "resource", "resource": {"uri": "memo://1", "mimeType": "text/plain", "text": "memo"}},
                {"type": "resource", "resource": {"uri": "memo://a/b.bin", "blob": "AQI="}},
                {"type": "resource_link", "uri": "memo://2", "name": "second"},
            ],
            "structuredContent": {"n": 1},
            "isError": false,
        }));
        assert_eq!(
            (answer.text.as_str(), answer.is_error, answer.left_out),
            ("one\ntwo", false, 0)
        );
        assert_eq!(answer.structured, Some(json!({"n": 1})));
        let blobs: Vec<(Option<&str>, &[u8])> = answer
            .blobs
            .iter()
            .map(|blob| (blob.name.as_deref(), blob.bytes.as_slice()))
            .collect();
        assert_eq!(
            blobs,
            [(None, &b"hi"[..]), (None, b"ho"), (Some("b.bin"), &[1, 2])]
        );
        assert_eq!(
            answer.resources,
            [
                json!({"uri": "memo://1", "mime_type": "text/plain", "text": "memo"}),
                json!({"uri": "memo://2", "name": "second"}),
            ]
        );
    }

    #[test]
    fn what_is_too_much_or_unreadable_is_counted() {
        let mut content = vec![json!({"type": "image", "data": "%%%", "mimeType": "image/png"})];
        content
            .push(json!({"type": "image", "data": "A".repeat(MAX_BLOB_BYTES * 2), "mimeType": "image/png"}));
        content.extend((0..MAX_PIECES).map(|n| json!({"type": "text", "text": n.to_string()})));
        let answer = answer(json!({"content": content, "isError": true}));
        assert_eq!(
            (answer.left_out, answer.blobs.len(), answer.is_error),
            (4, 0, true)
        );
    }
}
