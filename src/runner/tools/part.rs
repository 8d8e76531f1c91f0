//! A part of a long text. Places count characters, not bytes, so that no part ends within one.

/// What lies between two places.
pub(super) struct Part<'t> {
    pub text: &'t str,
    /// As asked for.
    pub offset: u64,
    /// Where the next part begins; none after the last.
    pub next_offset: Option<u64>,
    pub total_characters: u64,
}

impl<'t> Part<'t> {
    /// At most `limit` characters from `offset` on.
    pub fn of(text: &'t str, offset: u64, limit: u64) -> Self {
        let total = text.chars().count() as u64;
        let start = offset.min(total);
        let end = start.saturating_add(limit).min(total);
        let place = |characters: u64| {
            let characters = usize::try_from(characters).unwrap_or(usize::MAX);
            text.char_indices()
                .nth(characters)
                .map_or(text.len(), |(at, _)| at)
        };
        Self {
            text: &text[place(start)..place(end)],
            offset,
            next_offset: (end < total).then_some(end),
            total_characters: total,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_end_between_characters_and_say_where_the_next_begins() {
        let text = "größer";
        let first = Part::of(text, 0, 4);
        assert_eq!(
            (first.text, first.next_offset, first.total_characters),
            ("größ", Some(4), 6)
        );
        let last = Part::of(text, 4, 4);
        assert_eq!((last.text, last.next_offset), ("er", None));
        let beyond = Part::of(text, 9, 4);
        assert_eq!((beyond.text, beyond.next_offset, beyond.offset), ("", None, 9));
    }
}
