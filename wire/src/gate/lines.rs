//! Byte offsets of a document to lines and columns, both from 1, columns in characters.

use async_graphql::Pos;

pub(super) struct Lines {
    starts: Vec<u32>,
    is_ascii: bool,
}

impl Lines {
    pub(super) fn new(source: &str) -> Self {
        let bytes = source.as_bytes();
        let mut starts = vec![0];
        for (at, byte) in bytes.iter().enumerate() {
            // A line ends with LF, CR or CR LF (spec, section 2.1.3).
            if *byte == b'\n' || (*byte == b'\r' && bytes.get(at + 1) != Some(&b'\n')) {
                starts.push(at as u32 + 1);
            }
        }
        Self {
            starts,
            is_ascii: source.is_ascii(),
        }
    }

    pub(super) fn pos(&self, source: &str, offset: usize) -> Pos {
        let line = self.starts.partition_point(|start| *start as usize <= offset);
        let start = self.starts[line - 1] as usize;
        let column = if self.is_ascii {
            offset - start
        } else {
            source.get(start..offset).map_or(0, |text| text.chars().count())
        };
        Pos {
            line,
            column: column + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_characters_and_all_three_line_ends_count() {
        let source = "a\nb\r\nc\rdé😀e";
        let lines = Lines::new(source);
        assert_eq!(lines.pos(source, 0), Pos { line: 1, column: 1 });
        assert_eq!(lines.pos(source, 2), Pos { line: 2, column: 1 });
        assert_eq!(lines.pos(source, 5), Pos { line: 3, column: 1 });
        assert_eq!(lines.pos(source, source.len() - 1), Pos { line: 4, column: 4 });
    }
}
