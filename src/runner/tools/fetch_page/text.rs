//! How a page of the web is read: as HTML, whose layout is `documents`', or as text that it is
//! already. Bytes become characters as browsers do it: by a byte order mark, else by the header's
//! charset, else by what the page says of itself, else as UTF-8 or, where it is none, as
//! windows-1252.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

use crate::fetch::Page;

/// How far into a page its own word on its charset is looked for (HTML, section 13.2.3.2).
const PRESCAN: usize = 1024;

/// What a page's text is in, to be laid out or as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Html(&'static Encoding),
    Plain(&'static Encoding),
}

/// A page that is something else, such as a picture: its type, if that is known.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("is {}, which is no text", .0.as_deref().unwrap_or("of no known type"))]
pub(super) struct NoText(Option<String>);

/// The form of `page`, which costs nothing to tell.
pub(super) fn form(page: &Page) -> Result<Form, NoText> {
    let body = &page.body;
    let (kind, charset) = media_type(&page.content_type);
    let named = charset.and_then(|label| Encoding::for_label(label.as_bytes()));
    let guess = || {
        let is_utf_8 = std::str::from_utf8(body).is_ok();
        if is_utf_8 { UTF_8 } else { WINDOWS_1252 }
    };
    match is_html(&kind, body) {
        Some(true) => {
            let encoding = named.or_else(|| declared(body)).unwrap_or_else(guess);
            Ok(Form::Html(encoding))
        }
        Some(false) => Ok(Form::Plain(named.unwrap_or_else(guess))),
        None => Err(NoText((!kind.is_empty()).then_some(kind))),
    }
}

/// `text/html; charset="utf-8"` as its type and its charset, both in lower case.
fn media_type(header: &str) -> (String, Option<String>) {
    let mut parts = header.split(';');
    let kind = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
    let charset = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        let is_charset = name.trim().eq_ignore_ascii_case("charset");
        is_charset.then(|| value.trim().trim_matches('"').to_ascii_lowercase())
    });
    (kind, charset)
}

/// Whether it is laid out or text as it is; none when it is neither.
fn is_html(kind: &str, body: &[u8]) -> Option<bool> {
    match kind {
        "text/html" | "application/xhtml+xml" => Some(true),
        "application/json" | "application/xml" | "application/javascript" => Some(false),
        "" | "application/octet-stream" => {
            // Nobody said: markup begins with a bracket, and text has no NUL.
            let start = body.trim_ascii_start();
            match start.first() {
                Some(b'<') => Some(true),
                _ if infer::get(body).is_none() && !body.contains(&0) => Some(false),
                _ => None,
            }
        }
        kind if kind.starts_with("text/") || kind.ends_with("+json") || kind.ends_with("+xml") => Some(false),
        _ => None,
    }
}

/// The charset of `<meta charset=…>` or `<meta … content="…; charset=…">`.
fn declared(body: &[u8]) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(&body[..body.len().min(PRESCAN)]).to_ascii_lowercase();
    let meta = head.split("<meta").skip(1).find_map(|rest| {
        let tag = rest.split('>').next()?;
        let (_, after) = tag.split_once("charset")?;
        let value = after.trim_start().strip_prefix('=')?.trim_start();
        let value = value.trim_start_matches(['"', '\'']);
        let end = value.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ';' | '/'));
        Some(value[..end.unwrap_or(value.len())].to_owned())
    })?;
    let encoding = Encoding::for_label(meta.as_bytes())?;
    // It was read as ASCII, so it is no UTF-16, whatever it says.
    Some(if encoding.is_ascii_compatible() {
        encoding
    } else {
        UTF_8
    })
}

#[cfg(test)]
mod tests {
    use encoding_rs::{ISO_2022_JP, KOI8_R, WINDOWS_1251};

    use super::*;

    fn page(content_type: &str, body: impl Into<Vec<u8>>) -> Page {
        Page {
            url: "https://shop.example/mug".to_owned(),
            content_type: content_type.to_owned(),
            body: body.into(),
        }
    }

    #[test]
    fn characters_are_read_as_browsers_read_them() {
        let old = b"<meta http-equiv=x content=\"text/html; charset=koi8-r\"><p>\xed\xc9\xd2";
        for (content_type, body, expected) in [
            (
                "text/plain; charset=iso-8859-1",
                &b"gr\xfcn"[..],
                Form::Plain(WINDOWS_1252),
            ),
            ("text/plain", "grün".as_bytes(), Form::Plain(UTF_8)),
            ("text/plain", b"gr\xfcn", Form::Plain(WINDOWS_1252)),
            // What stands in a text says nothing of it.
            ("text/plain", b"<meta charset=koi8-r>", Form::Plain(UTF_8)),
            (
                "text/html; Charset=\"ISO-2022-JP\"",
                b"<p>",
                Form::Html(ISO_2022_JP),
            ),
            ("text/html; charset=unheard-of", b"<p>", Form::Html(UTF_8)),
            (
                "text/html",
                b"<meta charset='windows-1251'><p>\xcc\xe8\xf0",
                Form::Html(WINDOWS_1251),
            ),
            ("text/html", old, Form::Html(KOI8_R)),
            // It was read as ASCII, so it is none of these.
            ("text/html", b"<meta charset=utf-16>", Form::Html(UTF_8)),
            ("application/xhtml+xml", b"gr\xfcn", Form::Html(WINDOWS_1252)),
            ("application/ld+json", b"{}", Form::Plain(UTF_8)),
        ] {
            assert_eq!(form(&page(content_type, body)), Ok(expected), "{content_type}");
        }
    }

    #[test]
    fn what_is_no_text_is_named() {
        let refused = |content_type: &str, body: &[u8]| {
            form(&page(content_type, body)).expect_err("no text").to_string()
        };
        assert_eq!(refused("image/png", b"\x89PNG"), "is image/png, which is no text");
        assert_eq!(refused("", b"a\0b"), "is of no known type, which is no text");
        assert_eq!(form(&page("", " <p>hello")), Ok(Form::Html(UTF_8)));
    }
}
