//! Letters and where they stand → lines of text. Letters on one height are a line; where the gap
//! between two is as wide as a letter is high, a new cell begins. Below a line of headings, cells
//! are put under the heading that they stand under, so that a row that leaves a cell empty still
//! has the others in their places. Cells are divided by a tab.
//!
//! Columns of running text that stand side by side come out side by side, as they stand.

use std::fmt::Write;

/// A piece of text that was drawn at once, mostly a character. Units of the page, y downwards.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Letter {
    pub text: String,
    pub x: f64,
    /// Of the line that it stands on.
    pub y: f64,
    pub width: f64,
    /// Height of the font.
    pub size: f64,
    pub is_upright: bool,
}

/// In heights of the font: between words of a line; between cells; between lines that still belong
/// to one table; what counts as one line.
const WORD: f64 = 0.15;
const CELL: f64 = 0.9;
const TABLE: f64 = 4.0;
const LINE: f64 = 0.45;
/// A paragraph begins where the lines are so much further apart.
const PARAGRAPH: f64 = 1.8;
/// The same letter so near, in heights of the font and in widths of the letter, is drawn again and
/// not written again: some programs make it bold like that. Two that are written stand a width apart.
const AGAIN: f64 = 0.12;
const AGAIN_OF_WIDTH: f64 = 0.4;
/// Letters before one that it may be drawn over: each of two in a row may be drawn three times.
const DRAWN_OVER: usize = 6;

#[derive(Clone, Debug, PartialEq)]
struct Cell {
    text: String,
    left: f64,
    right: f64,
}

#[derive(Clone, Debug, PartialEq)]
struct Line {
    y: f64,
    size: f64,
    cells: Vec<Cell>,
}

/// The text of a page.
pub(super) fn text(letters: Vec<Letter>) -> String {
    let (upright, other): (Vec<_>, Vec<_>) = letters.into_iter().partition(|letter| letter.is_upright);
    let lines = lines(upright);
    let mut text = String::new();
    let mut before: Option<&Line> = None;
    let mut table: Option<Table> = None;
    for (place, line) in lines.iter().enumerate() {
        let gap = before.map_or(0.0, |before| (line.y - before.y) / before.size.max(line.size));
        if gap > PARAGRAPH && !(table.is_some() && gap <= TABLE) {
            text.push('\n');
        }
        let fitting = table
            .as_ref()
            .filter(|_| gap <= TABLE)
            .and_then(|table| table.row(line));
        let row = match fitting {
            Some(row) => row,
            None => {
                table = Table::begin(&lines[place..]);
                line.cells.iter().map(|cell| cell.text.as_str()).collect()
            }
        };
        // Writing into a string does not fail.
        let _ = writeln!(text, "{}", row.join("\t").trim_end());
        before = Some(line);
    }
    let turned: String = other.iter().map(|letter| letter.text.as_str()).collect();
    if !turned.trim().is_empty() {
        let _ = writeln!(text, "\n{}", clean(&turned));
    }
    text
}

fn lines(mut letters: Vec<Letter>) -> Vec<Line> {
    letters.sort_by(|a, b| a.y.total_cmp(&b.y));
    let mut rows: Vec<Vec<Letter>> = Vec::new();
    let mut height: Option<(f64, f64)> = None;
    for letter in letters {
        match (&height, rows.last_mut()) {
            (Some((y, size)), Some(row)) if letter.y - y <= LINE * size.max(letter.size) => row.push(letter),
            _ => {
                height = Some((letter.y, letter.size));
                rows.push(vec![letter]);
            }
        }
    }
    rows.into_iter().filter_map(line).collect()
}

fn line(mut letters: Vec<Letter>) -> Option<Line> {
    letters.sort_by(|a, b| a.x.total_cmp(&b.x));
    let letters = once(letters);
    let (y, size) = letters.first().map(|letter| (letter.y, letter.size))?;
    let mut cells: Vec<Cell> = Vec::new();
    for letter in letters {
        // Drawn spaces are gaps like others: some programs draw them, some do not.
        if letter.text.trim().is_empty() {
            continue;
        }
        let right = letter.x + letter.width;
        match cells.last_mut() {
            Some(cell) if letter.x - cell.right < CELL * letter.size => {
                if letter.x - cell.right > WORD * letter.size {
                    cell.text.push(' ');
                }
                cell.text.push_str(&letter.text);
                cell.right = cell.right.max(right);
            }
            _ => cells.push(Cell {
                text: letter.text,
                left: letter.x,
                right,
            }),
        }
    }
    for cell in &mut cells {
        cell.text = clean(&cell.text);
    }
    cells.retain(|cell| !cell.text.is_empty());
    (!cells.is_empty()).then_some(Line { y, size, cells })
}

/// Without letters that were drawn over themselves.
fn once(letters: Vec<Letter>) -> Vec<Letter> {
    let mut kept: Vec<Letter> = Vec::with_capacity(letters.len());
    for letter in letters {
        let is_again = kept.iter().rev().take(DRAWN_OVER).any(|before| {
            let near = (AGAIN * before.size).min(AGAIN_OF_WIDTH * before.width);
            before.text == letter.text
                && letter.x - before.x <= near
                && (letter.y - before.y).abs() <= AGAIN * before.size
        });
        if !is_again {
            kept.push(letter);
        }
    }
    kept
}

// A tab or a break inside a cell would make two of it.
fn clean(text: &str) -> String {
    text.split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Where the columns below a line of headings are.
struct Table {
    columns: Vec<(f64, f64)>,
}

impl Table {
    /// The table that begins with the first of these lines, if one does: headings are words.
    fn begin(lines: &[Line]) -> Option<Self> {
        let (head, body) = lines.split_first()?;
        let is_word = |cell: &Cell| !cell.text.starts_with(|c: char| c.is_ascii_digit());
        if head.cells.len() < 3 || !head.cells.iter().all(is_word) {
            return None;
        }
        let mut columns: Vec<(f64, f64)> = head.cells.iter().map(|cell| (cell.left, cell.right)).collect();
        let mut last = head;
        // Rows without an empty cell tell how wide the columns are.
        for line in body {
            if line.y - last.y > TABLE * line.size || line.cells.len() > columns.len() {
                break;
            }
            last = line;
            if line.cells.len() == columns.len() {
                for (column, cell) in columns.iter_mut().zip(&line.cells) {
                    *column = (column.0.min(cell.left), column.1.max(cell.right));
                }
            }
        }
        // One over another: these are no columns.
        let are_apart = columns.windows(2).all(|pair| pair[0].1 <= pair[1].0);
        are_apart.then_some(Self { columns })
    }

    /// The line's cells in their columns; none if it is no row of this table.
    fn row<'l>(&self, line: &'l Line) -> Option<Vec<&'l str>> {
        if line.cells.len() > self.columns.len() {
            return None;
        }
        if line.cells.len() == self.columns.len() {
            return Some(line.cells.iter().map(|cell| cell.text.as_str()).collect());
        }
        let mut row = vec![""; self.columns.len()];
        let mut free = 0;
        for cell in &line.cells {
            let touched: Vec<usize> = (0..self.columns.len())
                .filter(|place| {
                    let (left, right) = self.columns[*place];
                    cell.left < right && cell.right > left
                })
                .collect();
            let place = match touched.as_slice() {
                [] => self.nearest(cell),
                [place] => *place,
                // Running text across the columns.
                _ => return None,
            };
            if place < free {
                return None;
            }
            row[place] = &cell.text;
            free = place + 1;
        }
        Some(row)
    }

    fn nearest(&self, cell: &Cell) -> usize {
        let away = |(left, right): &(f64, f64)| (left - cell.right).max(cell.left - right);
        let places = self.columns.iter().enumerate();
        places
            .min_by(|(_, a), (_, b)| away(a).total_cmp(&away(b)))
            .map_or(0, |(place, _)| place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words at their places, in letters half as wide as high.
    fn page(words: &[(f64, f64, &str)]) -> String {
        let letters = words.iter().flat_map(|(x, y, word)| {
            word.chars().zip(0_u32..).map(move |(c, place)| Letter {
                text: c.to_string(),
                x: x + f64::from(place) * 5.0,
                y: *y,
                width: 5.0,
                size: 10.0,
                is_upright: true,
            })
        });
        text(letters.collect())
    }

    #[test]
    fn cells_stand_under_their_headings_also_where_others_are_empty() {
        let text = page(&[
            (10.0, 10.0, "Invoice 7 of March"),
            (10.0, 50.0, "Key"),
            (60.0, 50.0, "Name"),
            (160.0, 50.0, "Qty"),
            (220.0, 50.0, "Amount"),
            (10.0, 64.0, "A-1"),
            (60.0, 64.0, "Mug, very"),
            (165.0, 64.0, "24"),
            (225.0, 64.0, "1.00"),
            (60.0, 76.0, "blue"),
            (60.0, 90.0, "Total"),
            (225.0, 90.0, "1.00"),
            (10.0, 120.0, "Payable within thirty days, without deduction."),
        ]);
        assert_eq!(
            text,
            "Invoice 7 of March\n\nKey\tName\tQty\tAmount\nA-1\tMug, very\t24\t1.00\n\tblue\n\tTotal\t\t1.00\nPayable within thirty days, without deduction.\n"
        );
    }

    #[test]
    fn letters_that_are_drawn_twice_to_be_bold_are_read_once() {
        let twice = [
            (10.0, 10.0, "Total 1100,22"),
            (10.4, 10.1, "Total 1100,22"),
            (10.0, 30.0, "all"),
        ];
        assert_eq!(page(&twice), "Total 1100,22\n\nall\n");
    }

    #[test]
    fn the_order_of_drawing_does_not_matter_and_no_letter_is_lost() {
        let text = page(&[(60.0, 20.0, "second"), (10.0, 10.5, "first"), (10.0, 20.0, "the")]);
        assert_eq!(text, "first\nthe\tsecond\n");
        assert_eq!(super::text(Vec::new()), "");
    }
}
