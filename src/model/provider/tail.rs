//! Where a stream of server-sent events ends: after an event, or within one. Its decoder passes over
//! an event that is cut, as the standard wants it, and without a word; so whoever takes the end of
//! a stream for the end of an answer has to look for himself.

/// What has come since the last event.
#[derive(Debug, Default)]
pub(super) struct Tail {
    line: Line,
    is_within_event: bool,
    is_after_cr: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Line {
    /// Nothing of it yet.
    #[default]
    Start,
    Comment,
    Field,
}

impl Tail {
    pub fn go_on(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let is_second_half = std::mem::take(&mut self.is_after_cr) && *byte == b'\n';
            match byte {
                _ if is_second_half => {}
                b'\r' | b'\n' => {
                    self.is_after_cr = *byte == b'\r';
                    // An empty line ends an event.
                    if std::mem::take(&mut self.line) == Line::Start {
                        self.is_within_event = false;
                    }
                }
                b':' if self.line == Line::Start => self.line = Line::Comment,
                _ if self.line == Line::Start => {
                    self.line = Line::Field;
                    self.is_within_event = true;
                }
                _ => {}
            }
        }
    }

    /// Whether something of an event has come, and not its end.
    pub fn is_within_event(&self) -> bool {
        self.is_within_event
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_ends_with_an_empty_line_however_lines_end() {
        let is_within = |text: &str| {
            let mut tail = Tail::default();
            for byte in text.as_bytes() {
                tail.go_on(&[*byte]);
            }
            tail.is_within_event()
        };
        for whole in [
            "",
            "\n",
            "data: a\n\n",
            "data: a\r\n\r\n",
            "data: a\r\r",
            "a: b\n\n: c",
            "a\n:b\n\r\n",
        ] {
            assert!(!is_within(whole), "{whole:?}");
        }
        for cut in [
            "d",
            "data: a",
            "data: a\n",
            "data: a\r\n",
            "data: a\n: b\n",
            "data: a\n\nid",
            "a\r\n:",
        ] {
            assert!(is_within(cut), "{cut:?}");
        }
    }
}
