//! One linear pass over a document's text before any parser sees it: counts tokens, nesting, aliases and
//! directives, and blanks out the descriptions that the September 2025 specification allows on operations,
//! fragments and variables (section 2.3), which `apollo-parser` 0.8 does not know yet. It judges no syntax.

use std::borrow::Cow;

use crate::{fault::Fault, limits::DocumentLimits};

#[derive(Clone, Copy, PartialEq)]
enum Token<'s> {
    Name(&'s str),
    Text,
    Sign(u8),
    Other,
}

/// The text to parse: same offsets and lines, descriptions replaced by spaces.
pub(super) fn scan<'s>(source: &'s str, limits: &DocumentLimits) -> Result<Cow<'s, str>, Fault> {
    if source.len() > limits.bytes {
        return Err(Fault::limit(
            format!("the document is longer than {} bytes", limits.bytes),
            None,
        ));
    }
    let bytes = source.as_bytes();
    let mut at = 0;
    let (mut tokens, mut aliases, mut directives) = (0, 0, 0);
    let mut open: Vec<u8> = Vec::new();
    let mut rounds = 0_usize;
    let mut blanks: Vec<(usize, usize)> = Vec::new();
    // The string literal that may turn out to be a description, once the token after it is known.
    let mut candidate: Option<(usize, usize)> = None;
    let mut before = Token::Other;

    while at < bytes.len() {
        let start = at;
        let token = match bytes[at] {
            b' ' | b'\t' | b'\n' | b'\r' | b',' => {
                at += 1;
                continue;
            }
            b'#' => {
                at += bytes[at..]
                    .iter()
                    .take_while(|b| !matches!(b, b'\n' | b'\r'))
                    .count();
                continue;
            }
            b'"' => {
                at = end_of_string(bytes, at);
                Token::Text
            }
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
                at += bytes[at..]
                    .iter()
                    .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
                    .count();
                Token::Name(&source[start..at])
            }
            b'0'..=b'9' | b'-' => {
                at += 1;
                at += bytes[at..]
                    .iter()
                    .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'+' | b'-' | b'_'))
                    .count();
                Token::Other
            }
            b'.' => {
                at += bytes[at..].iter().take_while(|b| **b == b'.').count().min(3);
                Token::Other
            }
            sign => {
                at += 1;
                Token::Sign(sign)
            }
        };
        tokens += 1;
        if tokens > limits.tokens {
            return Err(Fault::limit(
                format!("the document has more than {} tokens", limits.tokens),
                None,
            ));
        }

        if let Some(text) = candidate.take() {
            let describes = match token {
                Token::Name(name) => {
                    open.is_empty() && matches!(name, "query" | "mutation" | "subscription" | "fragment")
                }
                Token::Sign(b'$') => open == [b'('],
                _ => false,
            };
            if describes {
                blanks.push(text);
            }
        }
        match token {
            // After `=` or `:` it is a value.
            Token::Text if !matches!(before, Token::Sign(b'=' | b':')) => candidate = Some((start, at)),
            Token::Sign(sign @ (b'{' | b'(' | b'[')) => {
                open.push(sign);
                rounds += usize::from(sign == b'(');
                if open.len() > limits.nesting {
                    return Err(Fault::limit(
                        format!("brackets are nested deeper than {}", limits.nesting),
                        None,
                    ));
                }
            }
            Token::Sign(b'}' | b')' | b']') => rounds -= usize::from(open.pop() == Some(b'(')),
            Token::Sign(b':') if rounds == 0 => {
                aliases += 1;
                if aliases > limits.aliases {
                    return Err(Fault::limit(
                        format!("the document has more than {} aliases", limits.aliases),
                        None,
                    ));
                }
            }
            Token::Sign(b'@') => {
                directives += 1;
                if directives > limits.directives {
                    return Err(Fault::limit(
                        format!("the document has more than {} directives", limits.directives),
                        None,
                    ));
                }
            }
            _ => {}
        }
        before = token;
    }
    Ok(if blanks.is_empty() {
        Cow::Borrowed(source)
    } else {
        Cow::Owned(blank(source, &blanks))
    })
}

/// Behind the closing quotes, or the end of the text where they are missing.
fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let block = bytes[start..].starts_with(b"\"\"\"");
    let mut at = start + if block { 3 } else { 1 };
    while at < bytes.len() {
        if block {
            if bytes[at..].starts_with(b"\\\"\"\"") {
                at += 4;
                continue;
            }
            if bytes[at..].starts_with(b"\"\"\"") {
                return at + 3;
            }
        } else {
            match bytes[at] {
                b'\\' => {
                    at += 2;
                    continue;
                }
                b'"' => return at + 1,
                b'\n' | b'\r' => return at,
                _ => {}
            }
        }
        at += 1;
    }
    // An escape at the very end may have stepped over it.
    bytes.len()
}

fn blank(source: &str, spans: &[(usize, usize)]) -> String {
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    for &(start, end) in spans {
        out.push_str(&source[at..start]);
        out.extend(
            source[start..end]
                .chars()
                .map(|c| if c == '\n' || c == '\r' { c } else { ' ' }),
        );
        at = end;
    }
    out.push_str(&source[at..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanned(source: &str) -> Result<String, String> {
        scan(source, &DocumentLimits::default())
            .map(Cow::into_owned)
            .map_err(|fault| fault.errors[0].message.clone())
    }

    #[test]
    fn descriptions_become_spaces_and_values_stay() {
        assert_eq!(scanned("\"x\" query Q { a }").unwrap(), "    query Q { a }");
        assert_eq!(
            scanned("\"\"\"a\nb\"\"\"\nfragment F on Q { a }").unwrap(),
            "    \n    \nfragment F on Q { a }"
        );
        assert_eq!(
            scanned("query(\"v\" $a: Int) { a }").unwrap(),
            "query(    $a: Int) { a }"
        );
        for kept in [
            "query($a: String = \"x\" $b: Int) { a }",
            "{ a(b: \"query\") }",
            "\"x\" { a }",
        ] {
            assert_eq!(scanned(kept).unwrap(), kept);
        }
    }

    #[test]
    fn each_bound_names_itself() {
        let aliases = format!("{{{}}}", "a: b ".repeat(201));
        assert!(scanned(&aliases).unwrap_err().contains("aliases"));
        assert!(
            scanned(&format!("{{ a {} }}", "@b".repeat(201)))
                .unwrap_err()
                .contains("directives")
        );
        assert!(scanned(&"[".repeat(101)).unwrap_err().contains("nested"));
        assert!(scanned(&"a ".repeat(15_001)).unwrap_err().contains("tokens"));
        assert!(scanned(&" ".repeat(200_000)).unwrap_err().contains("bytes"));
    }

    #[test]
    fn brackets_and_quotes_inside_strings_and_comments_do_not_count() {
        let source = "{ a(b: \"[[\\\"[\", c: \"\"\"{\\\"\"\"{\"\"\") # {{{\n }";
        assert_eq!(scanned(source).unwrap(), source);
        assert_eq!(scanned("{ a(b: \"\\").unwrap(), "{ a(b: \"\\");
    }

    #[test]
    fn object_fields_and_arguments_are_no_aliases() {
        let source = format!("{{ a(b: [{}]) }}", "{c: 1} ".repeat(300));
        assert_eq!(scanned(&source).unwrap(), source);
    }
}
