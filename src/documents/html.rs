//! Pages of the web: HTML laid out without its markup, with the page's title before it.
//!
//! What layout costs cannot be told from the markup. A parser opens again, at each paragraph, what
//! an earlier one left open; a cell may span a hundred million rows; and each element looks through
//! all that are open. So a page of some kilobytes may stand for gigabytes or hours, and every rule
//! that was to see that beforehand has been passed. Nothing is judged here: the child's limits are
//! what ends such a page.

use encoding_rs::Encoding;

use super::{MAX_TEXT_BYTES, Unreadable};

/// Wide enough that a table row stays a line, for what a model reads has no margin.
const WIDTH: usize = 160;

/// What a page says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Html {
    /// Of its head, in one line.
    pub title: Option<String>,
    /// Its body.
    pub text: String,
}

impl Html {
    /// As [`extract`] gives it.
    pub(super) fn of(extracted: &str) -> Self {
        let (title, text) = extracted.split_once('\n').unwrap_or((extracted, ""));
        Self {
            title: (!title.is_empty()).then(|| title.to_owned()),
            text: text.to_owned(),
        }
    }
}

/// The title in a line of its own, empty where there is none; then the text.
pub(super) fn extract(bytes: &[u8], encoding: &'static Encoding) -> Result<String, Unreadable> {
    let html = decode(bytes, encoding);
    let title = title(&html).unwrap_or_default();
    let text = lay_out(&html)?;
    if title.len() + 1 + text.len() > MAX_TEXT_BYTES {
        return Err(Unreadable::TooLong);
    }
    Ok(format!("{title}\n{text}"))
}

/// Characters of a page in this encoding, which a byte order mark overrules.
pub(crate) fn decode(bytes: &[u8], encoding: &'static Encoding) -> String {
    let (text, ..) = encoding.decode(bytes);
    text.replace('\0', "\u{FFFD}")
}

fn lay_out(html: &str) -> Result<String, Unreadable> {
    let text = html2text::config::plain_no_decorate()
        .string_from_read(html.as_bytes(), WIDTH)
        .map_err(|_| Unreadable::Damaged)?;
    // Layout leaves runs of empty lines where scripts and pictures were.
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim_end) {
        if !line.is_empty() || lines.last().is_some_and(|last| !last.is_empty()) {
            lines.push(line);
        }
    }
    Ok(lines.join("\n").trim_end().to_owned())
}

fn title(html: &str) -> Option<String> {
    let lower = html.to_ascii_lowercase();
    let open = lower.find("<title")?;
    let start = open + lower[open..].find('>')? + 1;
    let end = start + lower[start..].find("</title")?;
    let text = html2text::config::plain_no_decorate()
        .string_from_read(&html.as_bytes()[start..end], usize::from(u16::MAX))
        .ok()?;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use encoding_rs::{UTF_8, WINDOWS_1251};

    use super::*;

    fn read(html: impl AsRef<[u8]>) -> Html {
        Html::of(&extract(html.as_ref(), UTF_8).expect("text"))
    }

    #[test]
    fn html_becomes_its_text_with_its_title() {
        let read = read(
            "<!doctype html><html><head><title>Mug &amp;\n more</title><style>p { color: red }</style>\
            <script>alert(1)</script></head><body><h1>Blue mug</h1><p>SKU: <b>MUG-001</b></p>\
            <a href=\"/care\">Care</a><table><tr><td>Volume</td><td>300 ml</td></tr></table></body></html>",
        );
        assert_eq!(read.title.as_deref(), Some("Mug & more"));
        for kept in ["Blue mug", "SKU: MUG-001", "Care", "Volume", "300 ml"] {
            assert!(read.text.contains(kept), "{kept} of {}", read.text);
        }
        for dropped in ["<b>", "alert", "color: red"] {
            assert!(!read.text.contains(dropped), "{dropped} of {}", read.text);
        }
    }

    #[test]
    fn a_page_may_have_a_title_a_text_or_neither() {
        let html = |title: Option<&str>, text: &str| Html {
            title: title.map(str::to_owned),
            text: text.to_owned(),
        };
        assert_eq!(read("<p>hello<p>there"), html(None, "hello\n\nthere"));
        assert_eq!(read("<title>hello</title>"), html(Some("hello"), ""));
        assert_eq!(read(""), html(None, ""));
        let cyrillic = extract(b"<p>\xcc\xe8\xf0", WINDOWS_1251).expect("text");
        assert_eq!(Html::of(&cyrillic), html(None, "Мир"));
    }

    #[test]
    fn tags_within_scripts_and_comments_open_nothing() {
        let strings = "a += '<div><div>';".repeat(1_000);
        let page = format!("<script>{strings}</script><!-- {strings} --><p>hello");
        assert_eq!(read(page).text, "hello");
    }
}
