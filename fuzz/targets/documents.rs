//! A document or a page of the web: the first byte says what kind. The parts of a workbook are packed
//! here, for a damaged pack is seen at once and teaches a fuzzer nothing; they are divided by a line
//! of dashes.
#![no_main]

use std::io::{Cursor, Write};

use agentic_executions::documents::{Kind, extract};
use libfuzzer_sys::fuzz_target;

const PARTS: [&str; 6] = [
    "xl/worksheets/sheet1.xml",
    "xl/sharedStrings.xml",
    "xl/styles.xml",
    "xl/workbook.xml",
    "xl/_rels/workbook.xml.rels",
    "_rels/.rels",
];

const OTHERS: [&str; 6] = [
    "<worksheet><sheetData><row r='1'><c r='A1'><v>1</v></c></row></sheetData></worksheet>",
    "<sst><si><t>text</t></si></sst>",
    "<styleSheet><cellXfs><xf numFmtId='14'/></cellXfs></styleSheet>",
    "<workbook xmlns:r='http://schemas.openxmlformats.org/officeDocument/2006/relationships'><sheets><sheet name='S' sheetId='1' r:id='b'/></sheets></workbook>",
    "<Relationships><Relationship Id='b' Type='http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet' Target='worksheets/sheet1.xml'/><Relationship Id='c' Type='http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings' Target='sharedStrings.xml'/><Relationship Id='d' Type='http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles' Target='styles.xml'/></Relationships>",
    "<Relationships><Relationship Id='a' Type='http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument' Target='xl/workbook.xml'/></Relationships>",
];

fn workbook(text: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    let mut given = text.split("\n---\n");
    let mut pack = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (part, other) in PARTS.iter().zip(OTHERS) {
        pack.start_file(*part, stored).expect("a part");
        let content = given.next().filter(|given| !given.is_empty()).unwrap_or(other);
        pack.write_all(content.as_bytes()).expect("writes");
    }
    pack.finish().expect("a pack").into_inner()
}

fuzz_target!(|data: &[u8]| {
    let [which, document @ ..] = data else { return };
    let (kind, bytes) = match which % 5 {
        0 => (Kind::Text, document.to_vec()),
        1 => (Kind::Workbook, document.to_vec()),
        2 => (Kind::Workbook, workbook(document)),
        3 => (Kind::Pdf, document.to_vec()),
        _ => (Kind::Html(encoding_rs::UTF_8), document.to_vec()),
    };
    let _ = extract(kind, bytes);
});
