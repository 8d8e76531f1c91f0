//! What a file is, by its bytes and not by what the client claims.

/// The type of a file by its first bytes. Text has no signature: what reads as text is taken at
/// its extension's word, among the types that are text.
pub(super) fn content_type(head: &[u8], filename: &str) -> String {
    if let Some(known) = infer::get(head) {
        return known.mime_type().to_owned();
    }
    if !reads_as_text(head) {
        return "application/octet-stream".to_owned();
    }
    let extension = filename
        .rsplit_once('.')
        .map(|(_, extension)| extension.to_lowercase());
    match extension.as_deref() {
        Some("csv") => "text/csv",
        Some("md") => "text/markdown",
        Some("json") => "application/json",
        Some("xml") => "text/xml",
        Some("html" | "htm") => "text/html",
        _ => "text/plain",
    }
    .to_owned()
}

fn reads_as_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The head may end within a character.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_executable_is_one_whatever_it_is_called() {
        let mut elf = vec![0x7f, b'E', b'L', b'F', 2, 1, 1];
        elf.resize(64, 0);
        assert_eq!(content_type(&elf, "lines.csv"), "application/x-executable");
        assert_eq!(
            content_type(b"MZ\x90\0\x03", "lines.csv"),
            "application/vnd.microsoft.portable-executable"
        );
        assert_eq!(
            content_type(b"\0\x01\x02binary", "lines.csv"),
            "application/octet-stream"
        );
    }

    #[test]
    fn text_is_what_its_extension_says() {
        assert_eq!(
            content_type("sku,quantity\nMÜG,1".as_bytes(), "a.CSV"),
            "text/csv"
        );
        assert_eq!(content_type(b"hello", "a.txt"), "text/plain");
        assert_eq!(
            content_type(&"aü".as_bytes()[..2], "a.txt"),
            "text/plain",
            "cut within a character"
        );
    }
}
