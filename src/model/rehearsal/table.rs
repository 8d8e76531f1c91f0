//! Tables as people write them: somewhere below a letter head, with headings of their own choice, with
//! totals at the end, over several pages or sheets, as CSV, Markdown, JSON, or as `read_file` shows
//! workbooks and PDF. And numbers as they write them.
//!
//! Like all filters, these are total: what is no table gives no rows.

use serde_json::Value as Json;

/// Heading and cell, in the order of the columns.
pub(super) type Row = Vec<(String, String)>;

/// Columns that a table must have: what rows call them, and what headings call them.
pub(super) type Columns = Vec<(String, Vec<String>)>;

/// The rows of all tables in the text that have these columns, under the columns' names; other
/// columns keep their own, in lower case. A row counts when its first named column is filled, with
/// something that begins with none of the words that totals begin with and is no label.
pub(super) fn rows(text: &str, columns: &Columns, totals: &[String]) -> Vec<Row> {
    let text = text.trim_start_matches('\u{FEFF}');
    if columns.is_empty() {
        return Vec::new();
    }
    let is_json = text.trim_start().starts_with(['{', '[']);
    let rows = match is_json.then(|| serde_json::from_str(text)) {
        Some(Ok(json)) => of_json(&json, columns),
        _ => of_text(text, columns),
    };
    let key = &columns[0].0;
    let counts = |row: &Row| {
        let (_, key) = row.iter().find(|(name, _)| name == key)?;
        let is_total = |word: &String| key.to_lowercase().starts_with(word.as_str());
        // A sentence below the table, and not a line that lacks its other cells.
        let is_alone = row.iter().filter(|(_, cell)| !cell.is_empty()).count() == 1;
        let is_sentence = is_alone && key.contains(' ');
        // Remarks stand between the lines and below them: "Notes:", with what follows in other cells.
        let is_label = key.ends_with(':');
        (!key.is_empty() && !totals.iter().any(is_total) && !is_sentence && !is_label).then_some(())
    };
    rows.into_iter().filter(|row| counts(row).is_some()).collect()
}

fn of_text(text: &str, columns: &Columns) -> Vec<Row> {
    let wanted = Wanted::of(columns);
    let mut rows = Vec::new();
    let mut table: Option<Table> = None;
    for section in sections(text) {
        // On the next page a table may go on without its headings; on the next sheet it does not.
        if !section.is_page {
            table = None;
        }
        let has = |delimiter: &u8| *delimiter == b',' || section.text.as_bytes().contains(delimiter);
        let read = |delimiter: u8| -> Vec<Vec<String>> { records(section.text, delimiter).collect() };
        let first = |records: &[Vec<String>]| records.iter().position(|record| wanted.head(record).is_some());
        let own = b"\t;,|"
            .iter()
            .copied()
            .filter(has)
            .filter_map(|delimiter| {
                let records = read(delimiter);
                Some((first(&records)?, delimiter, records))
            })
            .min_by_key(|(first, ..)| *first);
        let (delimiter, records) = match (own, &table) {
            (Some((_, delimiter, records)), _) => (delimiter, records),
            (None, Some(table)) => (table.delimiter, read(table.delimiter)),
            (None, None) => continue,
        };
        let mut is_headed = false;
        for record in records {
            if let Some(names) = wanted.head(&record) {
                table = Some(Table { delimiter, names });
                is_headed = true;
                continue;
            }
            let Some(table) = &table else { continue };
            // Lines of Markdown around a table have bars too, and a page without headings other lines.
            let is_full = record.len() == table.names.len();
            if is_full || (is_headed && delimiter != b'|') {
                rows.push(table.row(&record));
            }
        }
    }
    rows
}

struct Section<'t> {
    text: &'t str,
    is_page: bool,
}

/// What stands under each line such as `=== Page 1 of 2 ===`; all of it where there is none.
fn sections(text: &str) -> Vec<Section<'_>> {
    let mut sections = Vec::new();
    let (mut start, mut is_page, mut at) = (0, false, 0);
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        if trimmed.starts_with("=== ") && trimmed.ends_with(" ===") {
            sections.push(Section {
                text: &text[start..at],
                is_page,
            });
            start = at + line.len();
            is_page = trimmed.starts_with("=== Page ");
        }
        at += line.len();
    }
    sections.push(Section {
        text: &text[start..],
        is_page,
    });
    sections
}

fn records(text: &str, delimiter: u8) -> impl Iterator<Item = Vec<String>> {
    let reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        // An inch in a cell of a PDF or of Markdown quotes nothing.
        .quoting(!matches!(delimiter, b'\t' | b'|'))
        .delimiter(delimiter)
        .from_reader(std::io::Cursor::new(text.as_bytes().to_vec()));
    let cell = move |cell: &str| {
        if delimiter == b'|' {
            cell.trim_matches(['*', '`', ' ']).to_owned()
        } else {
            cell.to_owned()
        }
    };
    reader
        .into_records()
        .map_while(Result::ok)
        .map(move |record| record.iter().map(cell).collect::<Vec<String>>())
        .filter(|record| record.iter().any(|cell| !cell.is_empty() && !is_rule(cell)))
}

// The line below the headings of a Markdown table.
fn is_rule(cell: &str) -> bool {
    cell.contains("--") && cell.chars().all(|c| matches!(c, '-' | ':'))
}

struct Table {
    delimiter: u8,
    /// Of each column; empty for those without a heading.
    names: Vec<String>,
}

impl Table {
    fn row(&self, record: &[String]) -> Row {
        let mut row = Row::new();
        for (place, name) in self.names.iter().enumerate() {
            // Of two columns with one name the first counts.
            if !name.is_empty() && row.iter().all(|(taken, _)| taken != name) {
                row.push((name.clone(), record.get(place).cloned().unwrap_or_default()));
            }
        }
        row
    }
}

/// Names of columns, each with the letters of its headings.
struct Wanted<'c>(Vec<(&'c str, Vec<String>)>);

impl<'c> Wanted<'c> {
    fn of(columns: &'c Columns) -> Self {
        let of = |headings: &Vec<String>| headings.iter().map(|heading| letters(heading)).collect();
        let columns = columns.iter();
        Self(
            columns
                .map(|(name, headings)| (name.as_str(), of(headings)))
                .collect(),
        )
    }

    /// What each column of a line of headings is called; none for another line.
    fn head(&self, record: &[String]) -> Option<Vec<String>> {
        let cells: Vec<String> = record.iter().map(|cell| letters(cell)).collect();
        let mut names: Vec<String> = record.iter().map(|cell| cell.to_lowercase()).collect();
        for (name, headings) in &self.0 {
            let place = place_of(headings, &cells)?;
            (*name).clone_into(&mut names[place]);
        }
        Some(names)
    }
}

/// Of the first heading that one of the cells is.
fn place_of(headings: &[String], cells: &[String]) -> Option<usize> {
    let mut headings = headings.iter().filter(|heading| !heading.is_empty());
    headings.find_map(|heading| cells.iter().position(|cell| cell == heading))
}

// "Item no." and "item_no", "Qty (pcs)" and "qty".
fn letters(text: &str) -> String {
    let text = text.split('(').next().unwrap_or_default();
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

fn of_json(json: &Json, columns: &Columns) -> Vec<Row> {
    match json {
        Json::Array(items) => {
            let rows: Vec<Row> = items.iter().filter_map(|item| of_object(item, columns)).collect();
            if rows.is_empty() {
                items.iter().flat_map(|item| of_json(item, columns)).collect()
            } else {
                rows
            }
        }
        Json::Object(members) => members
            .values()
            .flat_map(|value| of_json(value, columns))
            .collect(),
        _ => Vec::new(),
    }
}

fn of_object(item: &Json, columns: &Columns) -> Option<Row> {
    let members = item.as_object()?;
    let text = |value: &Json| match value {
        Json::String(text) => text.trim().to_owned(),
        Json::Null => String::new(),
        other => other.to_string(),
    };
    let cells: Vec<String> = members.keys().map(|member| letters(member)).collect();
    let mut named: Vec<(&String, &String)> = Vec::new();
    for (name, headings) in columns {
        let headings: Vec<String> = headings.iter().map(|heading| letters(heading)).collect();
        let place = place_of(&headings, &cells)?;
        named.push((members.keys().nth(place)?, name));
    }
    let row = members.iter().map(|(member, value)| {
        let name = named.iter().find(|(found, _)| *found == member);
        let name = name.map_or_else(|| member.to_lowercase(), |(_, name)| (*name).clone());
        (name, text(value))
    });
    Some(row.collect())
}

/// What divides whole and fraction in the numbers of a text: a comma, a point, or nothing that could
/// be told.
pub(super) fn decimal_mark(text: &str) -> &'static str {
    let (mut commas, mut points) = (0_u32, 0_u32);
    let numbers = text.split(|c: char| !matches!(c, '0'..='9' | '.' | ','));
    for number in numbers.map(|number| number.trim_matches(['.', ','])) {
        match evidence(number) {
            Some(',') => commas += 1,
            Some(_) => points += 1,
            None => {}
        }
    }
    match commas.cmp(&points) {
        std::cmp::Ordering::Greater => ",",
        std::cmp::Ordering::Less => ".",
        std::cmp::Ordering::Equal => "",
    }
}

// "6,40", "1.234,5" and "1.234.567" tell; "1.200" and "14.03.2026" do not.
fn evidence(number: &str) -> Option<char> {
    for (mark, group) in [(',', '.'), ('.', ',')] {
        let (whole, fraction) = match number.split_once(mark) {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (number, None),
        };
        let is_decimal = fraction.is_some_and(|digits| matches!(digits.len(), 1 | 2) && is_digits(digits));
        let groups = whole.matches(group).count();
        let is_whole = grouped(whole, group);
        if is_whole && (is_decimal || (fraction.is_none() && groups > 1)) {
            return Some(mark);
        }
    }
    None
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

// Plain digits, or groups of three.
fn grouped(text: &str, group: char) -> bool {
    let mut groups = text.split(group);
    let first = groups.next().unwrap_or_default();
    let mut rest = groups.peekable();
    is_digits(first)
        && (rest.peek().is_none() || first.len() <= 3)
        && rest.all(|three| three.len() == 3 && is_digits(three))
}

/// A count or an amount as people write it, as plain digits with a point; none if it could be read in
/// two ways or in none. Words for pieces may follow.
pub(super) fn plain_number(text: &str, mark: &str) -> Option<String> {
    const PIECES: [&str; 12] = [
        "x", "pc", "pcs", "piece", "pieces", "ea", "each", "unit", "units", "st", "stk", "stück",
    ];
    let text = text.trim();
    let (sign, text) = text.strip_prefix('-').map_or(("", text), |text| ("-", text));
    let end = text
        .find(|c: char| !matches!(c, '0'..='9' | '.' | ',' | '\''))
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.trim().trim_end_matches('.').to_lowercase();
    if !unit.is_empty() && !PIECES.contains(&unit.as_str()) {
        return None;
    }
    let number = number.replace('\'', "");
    let read = |mark: char, group: char| -> Option<String> {
        let (whole, fraction) = number.split_once(mark).unwrap_or((&number, "0"));
        let is_sound = grouped(whole, group) && is_digits(fraction);
        is_sound.then(|| format!("{sign}{}.{fraction}", whole.replace(group, "")))
    };
    match mark {
        "," => read(',', '.'),
        "." => read('.', ','),
        _ => {
            let (comma, point) = (read(',', '.'), read('.', ','));
            let value = |text: &Option<String>| text.as_ref().and_then(|text| text.parse::<f64>().ok());
            match (value(&comma), value(&point)) {
                (Some(one), Some(other)) => (one.to_bits() == other.to_bits()).then_some(comma).flatten(),
                (Some(_), None) => comma,
                _ => point,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn columns() -> Columns {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        vec![
            ("sku".to_owned(), names(&["sku", "item no", "Artikelnummer"])),
            ("quantity".to_owned(), names(&["quantity", "qty", "Menge"])),
        ]
    }

    fn read(text: &str) -> Vec<(String, String)> {
        let cell = |row: &Row, name: &str| {
            row.iter()
                .find(|(known, _)| known == name)
                .map(|(_, cell)| cell.clone())
        };
        let totals = ["total".to_owned(), "summe".to_owned()];
        rows(text, &columns(), &totals)
            .iter()
            .map(|row| {
                (
                    cell(row, "sku").expect("a key"),
                    cell(row, "quantity").expect("a quantity"),
                )
            })
            .collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect()
    }

    #[test]
    fn tables_are_found_wherever_they_stand_and_whatever_their_columns_are_called() {
        let expected = pairs(&[("A-1", "2"), ("B-2", "")]);
        for text in [
            "Order 7, of March\nwith thanks\n\nItem no.;What;Qty (pcs)\nA-1;Mug; 2\nB-2;Tea;\nTotal;;2\n\nkind regards, all of us\n",
            "Item no.;Qty\nA-1;2\nNotes:;\nNotes:;blue\nB-2;\nNotes:\n",
            "=== Sheet 1 of 2: Order ===\n\nOrder,7\nQTY.,item_no,\"What, then\"\n2,A-1,\"x \"\"y\"\"\"\n,B-2,\n2,Total,\n\n=== Sheet 2 of 2: Notes ===\n\nPay soon.\n\n",
            "=== Page 1 of 3 ===\n\nInvoice 7\nPos.\tArtikelnummer\t3\" pipe\tMenge\n1\tA-1\tMug\t2\n\t\tlarge\n\n=== Page 2 of 3 ===\n\n(empty)\n\n=== Page 3 of 3 ===\n\n2\tB-2\tTea\t\n\tSumme\t\t2\nPayable soon.\n",
            "# Order\n\n| Item no. | Qty |\n| :--- | ---: |\n| `A-1` | **2** |\n| B-2 | |\n| **Total** | 2 |\n\nThanks | all\n",
            r#"{"order": 7, "lines": [{"itemNo": "A-1", "qty": 2, "note": null}, {"itemNo": "B-2", "qty": null}]}"#,
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
        for text in [
            "",
            "Item no.\nA-1\n",
            "Qty;Menge\n1;2\n",
            "[1, {}]",
            "{",
            "Total x Menge",
        ] {
            assert_eq!(read(text), [], "{text}");
        }
    }

    #[test]
    fn a_table_that_is_headed_anew_is_read_by_its_new_headings() {
        let text = "sku,quantity\nA-1,1\nqty,sku,price\n2,B-2,9\n";
        assert_eq!(read(text), pairs(&[("A-1", "1"), ("B-2", "2")]));
    }

    #[test]
    fn numbers_are_read_by_the_mark_of_their_document_and_never_guessed() {
        assert_eq!(decimal_mark("6,40 1.200 14.03.2026 €34.800,00"), ",");
        assert_eq!(decimal_mark("1,200.50 x 3"), ".");
        assert_eq!(decimal_mark("1.200 24 MUG-001"), "");
        for (text, mark, expected) in [
            ("1.200", ",", Some("1200.0")),
            ("1.200", ".", Some("1.200")),
            ("1.200", "", None),
            ("1,5", "", Some("1.5")),
            ("1.5", "", Some("1.5")),
            ("24", "", Some("24.0")),
            ("-3", ".", Some("-3.0")),
            ("1'200 Stk.", "", Some("1200.0")),
            ("12 pcs", "", Some("12.0")),
            ("2 dozen", "", None),
            ("12 boxes of 100", "", None),
            ("1.2.3", "", None),
            ("", "", None),
        ] {
            assert_eq!(plain_number(text, mark).as_deref(), expected, "{text} {mark}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(\\PC|[\"',;|\t\r\n\u{FEFF}=: 0-9.]|sku|qty|=== Page 1 of 2 ===\n){0,120}") {
            read(&text);
            plain_number(&text, decimal_mark(&text));
        }
    }
}
