//! What may be said of a server in logs and to people: its words without the values that it was
//! given, and no more of them than tells what went wrong. What a tool answers is not ours to change.

use secrecy::{ExposeSecret, SecretString};

use super::Reach;

/// What stands for a value, as [`SecretString`] shows itself.
const HIDDEN: &str = "[REDACTED]";

/// Shorter values (`1`, `on`, `C`) keep no secret, and are in every text.
const MIN_VALUE: usize = 4;

/// A word of a value, such as the token after `Bearer` or a line of a key: shorter ones are words.
const MIN_WORD: usize = 8;

/// Of one text, in characters: a server's word may be as long as a message.
const MAX_SAID: usize = 2_000;

/// The values that a server was given.
#[derive(Debug)]
pub(super) struct Secrets {
    /// The longest first: one may be part of another.
    values: Vec<SecretString>,
}

impl Secrets {
    pub fn of(reach: &Reach) -> Self {
        let given = match reach {
            Reach::Child { environment, .. } => environment,
            Reach::Http { headers, .. } => headers,
        };
        let mut values: Vec<&str> = Vec::new();
        for (_, value) in given {
            let value = value.expose_secret().trim();
            values.extend((value.len() >= MIN_VALUE).then_some(value));
            values.extend(value.split_whitespace().filter(|word| word.len() >= MIN_WORD));
        }
        values.sort_unstable_by(|one, other| other.len().cmp(&one.len()).then(one.cmp(other)));
        values.dedup();
        Self {
            values: values.into_iter().map(SecretString::from).collect(),
        }
    }

    /// The beginning of a text.
    pub fn hide(&self, text: &str) -> String {
        let hidden = self.replace(text);
        match hidden.char_indices().nth(MAX_SAID) {
            Some((end, _)) => format!("{}…", &hidden[..end]),
            None => hidden,
        }
    }

    /// The end of a text whose own beginning may be lost, and with it that of a value.
    pub fn hide_tail(&self, text: &str) -> String {
        let values = self.values.iter().map(ExposeSecret::expose_secret);
        let rest = values.filter_map(|value| {
            let ends = value.char_indices().map(|(start, _)| &value[start..]);
            let mut ends = ends.take_while(|end| end.len() >= MIN_VALUE);
            ends.find_map(|end| text.strip_prefix(end))
        });
        let hidden = match rest.min_by_key(|rest| rest.len()) {
            Some(rest) => format!("{HIDDEN}{}", self.replace(rest)),
            None => self.replace(text),
        };
        // One more than is said: whether there is one tells whether something is left out.
        match hidden.char_indices().nth_back(MAX_SAID) {
            Some((left_out, char)) => format!("…{}", &hidden[left_out + char.len_utf8()..]),
            None => hidden,
        }
    }

    /// All of a text: what is for the model, too.
    pub fn replace(&self, text: &str) -> String {
        let hide = |text: String, value: &SecretString| text.replace(value.expose_secret(), HIDDEN);
        self.values.iter().fold(text.to_owned(), hide)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(values: &[&str]) -> Secrets {
        let given = values.iter().map(|value| ("NAME".to_owned(), (*value).into()));
        Secrets::of(&Reach::Child {
            command: String::new(),
            arguments: Vec::new(),
            environment: given.collect(),
        })
    }

    #[test]
    fn no_value_is_said_nor_a_word_of_one() {
        let secrets = secrets(&[
            "Bearer of-good-news",
            "of-good-news-and-more",
            "C",
            "a line\nof-a-long-key",
        ]);
        for (said, hidden) in [
            ("C: Bearer of-good-news", "C: [REDACTED]"),
            ("no of-good-news today", "no [REDACTED] today"),
            ("of-good-news-and-more!", "[REDACTED]!"),
            ("Bearer is a word; of-a-long-key", "Bearer is a word; [REDACTED]"),
        ] {
            assert_eq!(secrets.hide(said), hidden);
        }
    }

    #[test]
    fn a_value_whose_beginning_is_lost_is_not_said_either() {
        let secrets = secrets(&["of-good-news"]);
        assert_eq!(
            secrets.hide_tail("good-news, of-good-news"),
            "[REDACTED], [REDACTED]"
        );
        assert_eq!(secrets.hide_tail("no-news"), "no-news");
    }

    #[test]
    fn a_long_text_is_cut_where_it_says_least() {
        let secrets = secrets(&[]);
        let long = format!("begin{}end", "ö".repeat(MAX_SAID));
        assert!(secrets.hide(&long).starts_with("begin") && secrets.hide(&long).ends_with("ö…"));
        assert!(secrets.hide_tail(&long).ends_with("end") && secrets.hide_tail(&long).starts_with("…ö"));
        assert_eq!(secrets.hide(&long).chars().count(), MAX_SAID + 1);
        assert_eq!(secrets.hide_tail(&long).chars().count(), MAX_SAID + 1);
    }
}
