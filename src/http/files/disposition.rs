//! `Content-Disposition` (RFC 6266): the name once in ASCII for old clients, and once as it is
//! (RFC 8187) where ASCII is not enough.

use std::fmt::Write;

/// A download under this name.
pub(super) fn attachment(filename: &str) -> String {
    let plain: String = filename
        .chars()
        .map(|character| match character {
            // These end or escape the quoted form, or mean a path to some clients.
            '"' | '\\' | '/' | '%' => '_',
            ' '..='~' => character,
            _ => '_',
        })
        .collect();
    if plain == filename {
        return format!("attachment; filename=\"{plain}\"");
    }
    format!(
        "attachment; filename=\"{plain}\"; filename*=UTF-8''{}",
        encoded(filename)
    )
}

// Everything but RFC 8187's attr-char.
fn encoded(filename: &str) -> String {
    let mut text = String::with_capacity(filename.len());
    for byte in filename.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_name_stands_as_it_is() {
        assert_eq!(attachment("may 7.csv"), "attachment; filename=\"may 7.csv\"");
    }

    #[test]
    fn any_other_name_comes_twice_and_cannot_leave_its_quotes() {
        assert_eq!(
            attachment("Rechnung für €5.csv"),
            "attachment; filename=\"Rechnung f_r _5.csv\"; filename*=UTF-8''Rechnung%20f%C3%BCr%20%E2%82%AC5.csv"
        );
        assert_eq!(
            attachment("a\";x=\"\r\n.csv"),
            "attachment; filename=\"a_;x=___.csv\"; filename*=UTF-8''a%22%3Bx%3D%22%0D%0A.csv"
        );
    }
}
