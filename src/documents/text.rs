//! Text files, in the encodings that office programs write: UTF-8, UTF-16 with its mark ("Unicode
//! text"), and Windows-1252, which is what a CSV of a western Windows is.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

use super::{MAX_TEXT_BYTES, Unreadable};

/// Without a byte order mark.
pub(super) fn decode(bytes: Vec<u8>) -> Result<String, Unreadable> {
    if bytes.len() > MAX_TEXT_BYTES {
        return Err(Unreadable::TooLong);
    }
    let text = match Encoding::for_bom(&bytes) {
        Some((encoding, mark)) => {
            let text = encoding.decode_without_bom_handling_and_without_replacement(&bytes[mark..]);
            text.ok_or(Unreadable::NoText)?.into_owned()
        }
        None => match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => WINDOWS_1252
                .decode_without_bom_handling(error.as_bytes())
                .0
                .into_owned(),
        },
    };
    // Programs' data decodes to something, too.
    if text.chars().any(is_no_text) {
        return Err(Unreadable::NoText);
    }
    Ok(text)
}

fn is_no_text(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}')
}

/// Whether the beginning of a file reads as text. It may end within a character.
pub(crate) fn reads_as_text(head: &[u8]) -> bool {
    let (encoding, mark) = Encoding::for_bom(head).unwrap_or((UTF_8, 0));
    let valid = match std::str::from_utf8(head) {
        Ok(text) => Some(text),
        Err(error) if error.error_len().is_none() => std::str::from_utf8(&head[..error.valid_up_to()]).ok(),
        Err(_) => None,
    };
    match (encoding == UTF_8, valid) {
        (true, Some(text)) => !text.chars().any(is_no_text),
        (true, None) => !WINDOWS_1252
            .decode_without_bom_handling(head)
            .0
            .chars()
            .any(is_no_text),
        (false, _) => {
            let even = mark + (head.len() - mark) / 2 * 2;
            !encoding
                .decode_without_bom_handling(&head[mark..even])
                .0
                .chars()
                .any(is_no_text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_in_what_office_programs_write() {
        let utf_16 = |mark: [u8; 2], unit: fn(u16) -> [u8; 2]| -> Vec<u8> {
            let units = "größer".encode_utf16().flat_map(unit);
            mark.into_iter().chain(units).collect()
        };
        for bytes in [
            "größer".as_bytes().to_vec(),
            "\u{FEFF}größer".as_bytes().to_vec(),
            utf_16([0xFF, 0xFE], u16::to_le_bytes),
            utf_16([0xFE, 0xFF], u16::to_be_bytes),
            b"gr\xF6\xDFer".to_vec(),
        ] {
            assert!(reads_as_text(&bytes), "{bytes:?}");
            assert_eq!(decode(bytes.clone()).as_deref(), Ok("größer"), "{bytes:?}");
        }
        assert!(reads_as_text(&"aü".as_bytes()[..2]), "cut within a character");
    }

    #[test]
    fn what_programs_keep_is_no_text() {
        for bytes in [
            b"a\0b".to_vec(),
            b"\x01\x02".to_vec(),
            vec![0xFF, 0xFE, 0, 0],
            vec![b'a', 0x81],
        ] {
            assert_eq!(decode(bytes.clone()), Err(Unreadable::NoText), "{bytes:?}");
        }
    }
}
