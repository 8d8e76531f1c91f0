//! What a file is, by its bytes and not by what the client claims.

use crate::documents::{PDF, XLSX, reads_as_text};

/// PDF readers look for the header so far into a file (ISO 32000-2, annex I).
const PDF_HEADER_WITHIN: usize = 1_024;

/// The type of a file by its first bytes. Text has no signature: what reads as text is taken at
/// its extension's word, among the types that are text.
pub fn content_type(head: &[u8], filename: &str) -> String {
    let extension = filename
        .rsplit_once('.')
        .map(|(_, extension)| extension.to_lowercase());
    let extension = extension.as_deref();
    if extension == Some("pdf") && holds(&head[..head.len().min(PDF_HEADER_WITHIN)], b"%PDF-") {
        return PDF.to_owned();
    }
    // Programs put the parts of a workbook in different orders; one that is none fails when it is read.
    if extension == Some("xlsx") && head.starts_with(b"PK\x03\x04") && holds(head, b"xl/") {
        return XLSX.to_owned();
    }
    if let Some(known) = infer::get(head) {
        return known.mime_type().to_owned();
    }
    if !reads_as_text(head) {
        return "application/octet-stream".to_owned();
    }
    match extension {
        Some("csv") => "text/csv",
        Some("md") => "text/markdown",
        Some("json") => "application/json",
        Some("xml") => "text/xml",
        Some("html" | "htm") => "text/html",
        _ => "text/plain",
    }
    .to_owned()
}

/// What may have happened to a file whose content is not what its name says, and what to do.
pub(super) fn hint(content_type: &str, filename: &str) -> Option<&'static str> {
    let is_workbook = [".xls", ".xlsx"]
        .iter()
        .any(|extension| filename.to_lowercase().ends_with(extension));
    let is_compound = matches!(
        content_type,
        "application/x-ole-storage" | "application/vnd.ms-excel"
    );
    (is_workbook && is_compound).then_some(
        "a workbook of the old binary form, or protected by a password: save it as .xlsx without one",
    )
}

fn holds(head: &[u8], wanted: &[u8]) -> bool {
    head.windows(wanted.len()).any(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_executable_is_one_whatever_it_is_called() {
        let mut elf = vec![0x7f, b'E', b'L', b'F', 2, 1, 1];
        elf.resize(64, 0);
        for name in ["lines.csv", "lines.pdf", "lines.xlsx"] {
            assert_eq!(content_type(&elf, name), "application/x-executable");
        }
        assert_eq!(
            content_type(b"MZ\x90\0\x03", "lines.csv"),
            "application/vnd.microsoft.portable-executable"
        );
        assert_eq!(
            content_type(b"\0\x01\x02binary", "lines.csv"),
            "application/octet-stream"
        );
    }

    #[test]
    fn text_is_what_its_extension_says() {
        assert_eq!(
            content_type("sku,quantity\nMÜG,1".as_bytes(), "a.CSV"),
            "text/csv"
        );
        assert_eq!(content_type(b"hello", "a.txt"), "text/plain");
        assert_eq!(content_type(b"# hello", "a.md"), "text/markdown");
        assert_eq!(
            content_type(b"Gr\xF6\xDFe;1", "a.csv"),
            "text/csv",
            "Windows-1252"
        );
        assert_eq!(
            content_type(&"aü".as_bytes()[..2], "a.txt"),
            "text/plain",
            "cut within a character"
        );
    }

    #[test]
    fn documents_are_known_by_their_bytes_whoever_wrote_them() {
        let made = |name: &str| std::fs::read(format!("tests/documents/{name}")).expect("a document");
        for (name, expected) in [
            ("invoice-german.pdf", PDF),
            ("order-english.pdf", PDF),
            ("locked.pdf", PDF),
            ("invoice-german.xlsx", XLSX),
            ("order-english.xlsx", XLSX),
            ("order-utf-16.csv", "text/csv"),
            ("order-windows-1252.csv", "text/csv"),
            ("order.json", "application/json"),
            ("photo.png", "image/png"),
        ] {
            assert_eq!(content_type(&made(name), name), expected, "{name}");
        }
        for name in ["locked.xlsx", "legacy.xls"] {
            let found = content_type(&made(name), name);
            assert!(hint(&found, name).is_some(), "{name} is {found}");
        }
        assert_eq!(content_type(b"\n%PDF-1.7", "a.pdf"), PDF);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(head in proptest::collection::vec(any::<u8>(), 0..300), name in "a\\.(pdf|xlsx|csv|png)") {
            content_type(&head, &name);
            for signature in [&b"PK\x03\x04"[..], b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", b"\xFF\xFE", b"RIFF"] {
                content_type(&[signature, &head].concat(), &name);
            }
        }
    }
}
