//! What a page says, as text for a model: HTML laid out without its markup; anything
//! that is text already, as it is. Bytes become characters as browsers do it: by a
//! byte order mark, else by the header's charset, else by what the page says of itself, else as
//! UTF-8 or, where it is none, as windows-1252.

use std::fmt;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

use crate::fetch::Page;

/// Wide enough that a table row stays a line, for what a model reads has no margin.
const WIDTH: usize = 160;

/// How far into a page its own word on its charset is looked for (HTML, section 13.2.3.2).
const PRESCAN: usize = 1024;

/// Deeper elements are laid out by recursion; a real page stays far below.
const MAX_DEPTH: usize = 400;

pub(super) struct Text {
    pub title: Option<String>,
    pub text: String,
}

/// Why a page has no text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It is something else, such as a picture.
    NotText(String),
    /// Its markup could not be laid out.
    Broken,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotText(what) => write!(f, "is {what}, which is no text"),
            Self::Broken => f.write_str("has markup that cannot be laid out"),
        }
    }
}

enum Form {
    Html,
    Plain,
}

/// The text of `page`.
pub(super) fn read(page: &Page) -> Result<Text, Unreadable> {
    let (kind, charset) = media_type(&page.content_type);
    let form = form(&kind, &page.body).ok_or_else(|| {
        Unreadable::NotText(if kind.is_empty() {
            "of no known type".to_owned()
        } else {
            kind.clone()
        })
    })?;
    let text = decode(&page.body, charset.as_deref(), matches!(form, Form::Html));
    match form {
        Form::Plain => Ok(Text { title: None, text }),
        Form::Html => {
            let laid_out = lay_out(&text).ok_or(Unreadable::Broken)?;
            Ok(Text {
                title: title(&text),
                text: laid_out,
            })
        }
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

fn form(kind: &str, body: &[u8]) -> Option<Form> {
    match kind {
        "text/html" | "application/xhtml+xml" => Some(Form::Html),
        "application/json" | "application/xml" | "application/javascript" => Some(Form::Plain),
        "" | "application/octet-stream" => {
            // Nobody said: markup begins with a bracket, and text has no NUL.
            let start = body.trim_ascii_start();
            match start.first() {
                Some(b'<') => Some(Form::Html),
                _ if infer::get(body).is_none() && !body.contains(&0) => Some(Form::Plain),
                _ => None,
            }
        }
        kind if kind.starts_with("text/") || kind.ends_with("+json") || kind.ends_with("+xml") => {
            Some(Form::Plain)
        }
        _ => None,
    }
}

fn decode(body: &[u8], charset: Option<&str>, is_html: bool) -> String {
    let named = charset.and_then(|label| Encoding::for_label(label.as_bytes()));
    let encoding = named
        .or_else(|| is_html.then(|| declared(body)).flatten())
        .unwrap_or(if std::str::from_utf8(body).is_ok() {
            UTF_8
        } else {
            WINDOWS_1252
        });
    // A byte order mark overrules it, and is no part of the text.
    let (text, ..) = encoding.decode(body);
    text.replace('\0', "\u{FFFD}")
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

fn lay_out(html: &str) -> Option<String> {
    if nesting(html) > MAX_DEPTH {
        return None;
    }
    let text = html2text::config::plain_no_decorate()
        .string_from_read(html.as_bytes(), WIDTH)
        .ok()?;
    // Layout leaves runs of empty lines where scripts and pictures were.
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim_end) {
        if !line.is_empty() || lines.last().is_some_and(|last| !last.is_empty()) {
            lines.push(line);
        }
    }
    Some(lines.join("\n").trim_end().to_owned())
}

/// How deep elements can lie within each other, at most: tags that open, less those that close.
fn nesting(html: &str) -> usize {
    const VOID: [&str; 14] = [
        "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
        "track", "wbr",
    ];
    // These close themselves when the next one opens, so pages leave their ends out.
    const IMPLIED: [&str; 10] = [
        "p", "li", "td", "th", "tr", "dt", "dd", "option", "thead", "tbody",
    ];
    let (mut depth, mut deepest) = (0_usize, 0);
    for tag in html.split('<').skip(1) {
        let closes = tag.starts_with('/');
        let name = tag.trim_start_matches('/');
        let end = name
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(name.len());
        let name = name[..end].to_ascii_lowercase();
        if name.is_empty() || VOID.contains(&name.as_str()) || IMPLIED.contains(&name.as_str()) {
            continue;
        }
        if closes {
            depth = depth.saturating_sub(1);
        } else {
            depth += 1;
            deepest = deepest.max(depth);
        }
    }
    deepest
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
    use super::*;

    fn page(content_type: &str, body: impl Into<Vec<u8>>) -> Page {
        Page {
            url: "https://shop.example/mug".to_owned(),
            content_type: content_type.to_owned(),
            body: body.into(),
        }
    }

    #[test]
    fn html_becomes_its_text_with_its_title() {
        let html = "<!doctype html><html><head><title>Mug &amp; more</title><style>p { color: red }</style>\
            <script>alert(1)</script></head><body><h1>Blue mug</h1><p>SKU: <b>MUG-001</b></p>\
            <a href=\"/care\">Care</a><table><tr><td>Volume</td><td>300 ml</td></tr></table></body></html>";
        let read = read(&page("text/html; charset=utf-8", html)).expect("text");
        assert_eq!(read.title.as_deref(), Some("Mug & more"));
        for kept in ["Blue mug", "SKU: MUG-001", "Care", "Volume", "300 ml"] {
            assert!(read.text.contains(kept), "{kept} of {}", read.text);
        }
        for dropped in ["<b>", "alert", "color: red"] {
            assert!(!read.text.contains(dropped), "{dropped} of {}", read.text);
        }
    }

    #[test]
    fn characters_are_read_as_browsers_read_them() {
        let says = |content_type: &str, body: &[u8]| read(&page(content_type, body)).expect("text").text;
        assert_eq!(says("text/plain; charset=iso-8859-1", b"gr\xfcn"), "grün");
        assert_eq!(says("text/plain", "grün".as_bytes()), "grün");
        assert_eq!(says("text/plain", b"gr\xfcn"), "grün");
        assert_eq!(
            says("text/plain; charset=utf-8", b"\xef\xbb\xbfgr\xc3\xbcn"),
            "grün"
        );
        assert_eq!(
            says("text/html", b"<meta charset='windows-1251'><p>\xcc\xe8\xf0"),
            "Мир"
        );
        let old = b"<meta http-equiv=x content=\"text/html; charset=koi8-r\"><p>\xed\xc9\xd2";
        assert_eq!(says("text/html", old), "Мир");
    }

    #[test]
    fn what_is_no_text_is_named() {
        let refused = read(&page("image/png", *b"\x89PNG")).err().expect("no text");
        assert_eq!(refused, Unreadable::NotText("image/png".to_owned()));
        assert!(read(&page("", *b"a\0b")).is_err());
        assert_eq!(read(&page("", "<p>hello")).expect("markup").text, "hello");
    }

    #[test]
    fn a_page_of_a_million_open_elements_is_refused_at_once() {
        let bomb = "<div>".repeat(500_000);
        assert_eq!(read(&page("text/html", bomb)).err(), Some(Unreadable::Broken));
    }
}
