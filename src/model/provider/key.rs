//! The key of an endpoint, kept out of what comes back: some providers repeat it, where it would
//! reach the log, the journal or a reader. It is found in pieces and however JSON writes it, also
//! within JSON that is text in JSON. It is not looked for in other encodings.

use serde_json::Value;

use crate::base::message::Part;

/// A shorter key is none that a provider gave out, and could be a part of any word.
const SHORTEST_KEY: usize = 8;

/// Backslashes before a letter: three levels of JSON in JSON. A limit, so that what waits for more
/// stays short.
const MAX_BACKSLASHES: usize = 7;

/// What stands in its place.
const NOTHING: &str = "…";

/// The key that is looked for, if there is one.
#[derive(Clone, Copy)]
pub(super) struct Key<'a>(Option<&'a str>);

/// What a place of a text holds.
enum Found {
    /// The key, so many bytes long.
    All(usize),
    /// As much of it as there is text.
    Beginning,
    Other,
}

impl<'a> Key<'a> {
    pub fn new(key: Option<&'a str>) -> Self {
        Self(key.filter(|key| key.len() >= SHORTEST_KEY))
    }

    /// The text without it.
    pub fn out_of(self, text: String) -> String {
        match self.0 {
            Some(key) => scan(key, &text, false).0.unwrap_or(text),
            None => text,
        }
    }

    /// The text without it, of which more may come: what could be its beginning is taken off and
    /// returned, to be put before what comes next.
    pub fn out_of_more(self, text: &mut String) -> String {
        let Some(key) = self.0 else {
            return String::new();
        };
        let (clean, end) = scan(key, text, true);
        let rest = text.split_off(end);
        if let Some(clean) = clean {
            *text = clean;
        }
        rest
    }

    /// A part without it, whatever it is made of.
    pub fn out_of_part(self, part: Part) -> Part {
        if self.0.is_none() {
            return part;
        }
        match part {
            Part::Text { text } => Part::Text {
                text: self.out_of(text),
            },
            Part::Reasoning { text } => Part::Reasoning {
                text: self.out_of(text),
            },
            Part::ToolCall {
                call_id,
                tool,
                arguments,
            } => Part::ToolCall {
                call_id: self.out_of(call_id),
                tool: self.out_of(tool),
                arguments: self.out_of_value(arguments),
            },
            Part::Opaque { provider, data } => Part::Opaque {
                provider,
                data: self.out_of_value(data),
            },
            other => other,
        }
    }

    fn out_of_value(self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.out_of(text)),
            Value::Array(items) => items.into_iter().map(|item| self.out_of_value(item)).collect(),
            Value::Object(members) => members
                .into_iter()
                .map(|(name, value)| (self.out_of(name), self.out_of_value(value)))
                .collect(),
            other => other,
        }
    }
}

/// The text without the key, if it holds it, and where it ends: before what could be a key's
/// beginning, if more may come.
fn scan(key: &str, text: &str, may_go_on: bool) -> (Option<String>, usize) {
    let bytes = text.as_bytes();
    let first = key.as_bytes()[0];
    let mut clean: Option<String> = None;
    // Up to here it is copied.
    let mut copied = 0;
    let mut at = 0;
    while at < bytes.len() {
        // Both are ASCII, so this is where a letter begins.
        if bytes[at] != first && bytes[at] != b'\\' {
            at += 1;
            continue;
        }
        match find(key.as_bytes(), &bytes[at..]) {
            Found::All(length) => {
                let clean = clean.get_or_insert_default();
                clean.push_str(&text[copied..at]);
                clean.push_str(NOTHING);
                at += length;
                copied = at;
            }
            Found::Beginning if may_go_on => break,
            Found::Beginning | Found::Other => at += 1,
        }
    }
    if let Some(clean) = &mut clean {
        clean.push_str(&text[copied..at]);
    }
    (clean, at)
}

fn find(key: &[u8], text: &[u8]) -> Found {
    let mut at = 0;
    for letter in key {
        match find_letter(*letter, &text[at..]) {
            Found::All(length) => at += length,
            other => return other,
        }
    }
    Found::All(at)
}

/// One letter: as it is, with backslashes before it, or by its number (`\u002f`).
fn find_letter(letter: u8, text: &[u8]) -> Found {
    let backslashes = text.iter().take_while(|byte| **byte == b'\\').count();
    if letter == b'\\' && backslashes > 0 {
        return Found::All(backslashes);
    }
    if backslashes > MAX_BACKSLASHES {
        return Found::Other;
    }
    match &text[backslashes..] {
        [] => Found::Beginning,
        // Before a letter or a digit a backslash makes it another one.
        [first, ..] if *first == letter && (backslashes == 0 || !letter.is_ascii_alphanumeric()) => {
            Found::All(backslashes + 1)
        }
        [b'u', number @ ..] if backslashes > 0 => {
            let is_its = |(digit, wanted): (&u8, &u8)| digit.to_ascii_lowercase() == *wanted;
            let wanted = format!("{letter:04x}");
            if !number.iter().zip(wanted.as_bytes()).all(is_its) {
                Found::Other
            } else if number.len() < wanted.len() {
                Found::Beginning
            } else {
                Found::All(backslashes + 1 + wanted.len())
            }
        }
        _ => Found::Other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "ab/ab\"c-ab/d";

    fn written(letter: char, how: u8) -> String {
        match how {
            0 if letter.is_ascii_alphanumeric() => letter.to_string(),
            0 => format!("\\{letter}"),
            1 => format!("\\u{:04x}", u32::from(letter)),
            2 => format!("\\\\u{:04X}", u32::from(letter)),
            _ => letter.to_string(),
        }
    }

    proptest! {
        #[test]
        fn it_is_found_however_it_is_written_and_cut(
            before in "[ab/ö\\\\]{0,5}x",
            how in prop::collection::vec(0_u8..4, KEY.len()),
            after in "x[ab/ö\\\\]{0,5}",
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        ) {
            let key = Key::new(Some(KEY));
            let inside: String = KEY.chars().zip(how).map(|(letter, how)| written(letter, how)).collect();
            let all = format!("{before}{inside}{after}");
            let clean = format!("{before}…{after}");
            prop_assert_eq!(key.out_of(all.clone()), clean.clone());
            let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(all.len())).collect();
            places.retain(|place| all.is_char_boundary(*place));
            places.sort_unstable();
            let (mut told, mut rest, mut from) = (String::new(), String::new(), 0);
            for place in places.into_iter().chain([all.len()]) {
                let mut piece = std::mem::take(&mut rest) + &all[from..place];
                rest = key.out_of_more(&mut piece);
                told.push_str(&piece);
                from = place;
            }
            prop_assert_eq!(told + &rest, clean);
        }

        #[test]
        fn what_does_not_hold_it_stays_as_it_is(text in "[ab/\"c\\\\u0-]{0,40}") {
            let key = Key::new(Some("ab/ab\"c-ab/d?"));
            prop_assert_eq!(key.out_of(text.clone()), text.clone());
            let mut more = text.clone();
            let rest = key.out_of_more(&mut more);
            prop_assert_eq!(more + &rest, text);
        }
    }

    #[test]
    fn a_word_is_no_key() {
        let text = "any words".to_owned();
        assert_eq!(Key::new(Some("words")).out_of(text.clone()), text);
        assert_eq!(Key::new(None).out_of(text.clone()), text);
    }
}
