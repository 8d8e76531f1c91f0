//! Workbooks: each sheet under a line with its name and place, its rows as CSV. Cells hold what is
//! stored, not how it is shown: numbers plain with a point, dates as `2026-03-14`. Rows without a
//! value are left out. Hidden sheets are named and left out: whoever looks at the workbook does not
//! see them, so what they hold is no part of what that person hands in.
//!
//! Cells are streamed: a single cell far out would otherwise make a table of all cells before it.

use std::io::Cursor;

use calamine::{DataRef, ExcelDateTime, Reader as _, SheetVisible, Xlsx, XlsxError};

use super::{Page, Unreadable};

/// The signature of a compound file: the old binary form, and the wrapping of an encrypted one.
const COMPOUND: [u8; 8] = [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1];

/// Columns that are shown; spreadsheet programs know 16,384, and a document for people has some
/// dozens.
const MAX_COLUMNS: u32 = 1_024;

pub(super) fn extract(bytes: Vec<u8>) -> Result<String, Unreadable> {
    if bytes.starts_with(&COMPOUND) {
        return Err(Unreadable::OldOrLocked);
    }
    let mut book = Xlsx::new(Cursor::new(bytes)).map_err(why)?;
    let sheets = book.sheets_metadata().to_vec();
    let mut page = Page::default();
    for (place, sheet) in sheets.iter().enumerate() {
        let note = if sheet.visible == SheetVisible::Visible {
            ""
        } else {
            " (hidden, left out)"
        };
        let name = sheet.name.replace(char::is_control, " ");
        page.push(&format!(
            "=== Sheet {} of {}: {name}{note} ===\n\n",
            place + 1,
            sheets.len()
        ))?;
        if note.is_empty() && !rows(&mut book, &sheet.name, &mut page)? {
            page.push("(empty)\n")?;
        }
        page.push("\n")?;
    }
    Ok(page.0)
}

/// Writes a sheet; false if it has no value.
fn rows(book: &mut Xlsx<Cursor<Vec<u8>>>, name: &str, page: &mut Page) -> Result<bool, Unreadable> {
    // Sheets of charts have no cells.
    let Ok(mut cells) = book.worksheet_cells_reader(name) else {
        return Ok(false);
    };
    let mut current: Option<u32> = None;
    let mut row: Vec<String> = Vec::new();
    let mut has_any = false;
    while let Some(cell) = cells.next_cell().map_err(why)? {
        let text = shown(cell.get_value());
        let (line, column) = cell.get_position();
        if text.is_empty() || column >= MAX_COLUMNS {
            continue;
        }
        if current != Some(line) {
            write(&mut row, page)?;
            current = Some(line);
        }
        let column = usize::try_from(column).unwrap_or(0);
        if row.len() <= column {
            row.resize(column + 1, String::new());
        }
        row[column] = text;
        has_any = true;
    }
    write(&mut row, page)?;
    Ok(has_any)
}

fn write(row: &mut Vec<String>, page: &mut Page) -> Result<(), Unreadable> {
    if row.is_empty() {
        return Ok(());
    }
    let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
    // Into memory, and of any length: it cannot fail.
    let _ = writer.write_record(row.iter());
    row.clear();
    let line = writer.into_inner().unwrap_or_default();
    page.push(&String::from_utf8_lossy(&line))
}

fn shown(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => plain(*number),
        DataRef::String(text) => text.trim().to_owned(),
        DataRef::SharedString(text) => text.trim().to_owned(),
        DataRef::Bool(value) => value.to_string(),
        DataRef::DateTime(instant) => moment(instant),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        // As the program that wrote it shows it: #N/A and its like.
        DataRef::Error(error) => error.to_string(),
        DataRef::Empty => String::new(),
    }
}

// To 15 digits, as spreadsheet programs count: sums of cents would otherwise end in noise.
fn plain(number: f64) -> String {
    format!("{number:.14e}")
        .parse::<f64>()
        .unwrap_or(number)
        .to_string()
}

fn moment(instant: &ExcelDateTime) -> String {
    if !instant.is_datetime() {
        return plain(instant.as_f64());
    }
    let (year, month, day, hour, minute, second, _) = instant.to_ymd_hms_milli();
    if (hour, minute, second) == (0, 0, 0) {
        format!("{year:04}-{month:02}-{day:02}")
    } else {
        format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
    }
}

fn why(error: XlsxError) -> Unreadable {
    match error {
        XlsxError::Password => Unreadable::Locked,
        _ => Unreadable::Damaged,
    }
}
