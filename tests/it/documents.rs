//! Documents that other programs have made (`tests/documents/README.md`): what is read of them, what
//! is said of those that cannot be read, and that the worst of them, and the worst pages of the web,
//! cost a child and no more.

use std::convert::Infallible;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use agentic_executions::child::{Launcher, Limits};
use agentic_executions::documents::{Error, Html, Kind, Reader, Unreadable};
use encoding_rs::{Encoding, IBM866, KOI8_U, UTF_8};
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::both;
use crate::support::client::{Client, LAUNCH};
use crate::support::eventually;

fn document(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/documents/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn reader() -> Reader {
    Reader::new(Launcher::of(env!("CARGO_BIN_EXE_agentic-executions")))
}

async fn read_bytes(reader: &Reader, id: u128, kind: Kind, bytes: Vec<u8>) -> Result<Arc<str>, Error> {
    let read = reader.read(Uuid::from_u128(id), kind, async { Ok::<_, Infallible>(bytes) });
    let Ok(text) = read.await;
    text
}

/// The shipped types that take files.
const TYPES: [&str; 3] = ["invoice-scanning", "order-intake", "catalog-enrichment"];

fn kind(name: &str) -> Kind {
    match name.rsplit_once('.') {
        Some((_, "pdf")) => Kind::Pdf,
        Some((_, "xlsx" | "xls")) => Kind::Workbook,
        _ => Kind::Text,
    }
}

async fn read(name: &str) -> Result<String, Unreadable> {
    match read_bytes(&reader(), 1, kind(name), document(name)).await {
        Ok(text) => Ok(text.to_string()),
        Err(Error::Unreadable(why)) => Err(why),
        Err(error) => panic!("{name}: {error:?}"),
    }
}

#[tokio::test]
async fn pages_of_a_pdf_come_in_order_with_the_cells_of_their_tables_apart() {
    let text = read("invoice-german.pdf").await.expect("text");
    for part in [
        "=== Page 1 of 3 ===\n\nNordwind Teehandel GmbH\nSpeicherstraße 12 · 20457 Hamburg\n",
        "\nPos.\tArtikelnummer\tBezeichnung\tMenge\tEinzelpreis\tBetrag\n1\tMUG-001\tSteinzeugbecher, blau\t24\t6,40 €\t153,60 €\n",
        // A description that goes on below, in its own column.
        "\t6\t17,90 €\t107,40 €\n\t\tspülmaschinenfest, 1,2 l\n5\tKET-001\tWasserkessel\t1.200\t",
        "=== Page 2 of 3 ===\n\n(empty)\n",
        "=== Page 3 of 3 ===\n\nRechnung 2026-0412, Fortsetzung\n",
        // A row without a key keeps its other cells in their places.
        "\n\t\tSumme netto\t\t\t35.802,40 €\n",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    let text = read("order-english.pdf").await.expect("text");
    assert!(
        text.contains("Line\tItem no.\tDescription\tQty\tUnit\n1\tMUG-001\tStoneware mug, blue\t12\teach\n"),
        "{text}"
    );
    // A password that only forbids changes keeps nobody from reading.
    assert_eq!(read("read-only.pdf").await, Ok(text));
}

#[tokio::test]
async fn sheets_come_under_their_names_and_hidden_ones_are_left_out() {
    assert_eq!(
        read("invoice-german.xlsx").await.as_deref(),
        Ok(
            "=== Sheet 1 of 3: Rechnung ===\n\nNordwind Teehandel GmbH\nRechnung 2026-0413,,,Datum,2026-03-14\n\
            Artikel-Nr.,Bezeichnung,Menge,Einzelpreis,Betrag\nMUG-001,\"Steinzeugbecher, blau\",24,6.4,153.6\n\
            TEA-001,\"Earl Grey \"\"Spezial\"\", lose\",60,3.1,186\nKET-001,Wasserkessel,1200,29,34800\n,Summe,,,35139.6\n\n\
            === Sheet 2 of 3: Leer ===\n\n(empty)\n\n=== Sheet 3 of 3: Hinweise ===\n\nZahlbar innerhalb von 30 Tagen.\n\n"
        )
    );
    let text = read("order-english.xlsx").await.expect("text");
    assert!(
        text.contains("=== Sheet 3 of 3: Lists (hidden, left out) ===\n"),
        "{text}"
    );
    assert!(!text.contains("MUG-999"), "{text}");
}

#[tokio::test]
async fn what_cannot_be_read_says_what_is_wrong_and_what_to_do() {
    for (name, why) in [
        ("scan.pdf", Unreadable::Scan),
        ("locked.pdf", Unreadable::Locked),
        ("locked.xlsx", Unreadable::OldOrLocked),
        ("legacy.xls", Unreadable::OldOrLocked),
        ("photo.png", Unreadable::NoText),
    ] {
        assert_eq!(read(name).await, Err(why), "{name}");
    }
    assert!(read("broken.pdf").await.is_err());
    // One kind's bytes as the other's.
    for (bytes, kind) in [
        ("invoice-german.pdf", Kind::Workbook),
        ("invoice-german.xlsx", Kind::Pdf),
    ] {
        let read = read_bytes(&reader(), 1, kind, document(bytes)).await;
        assert!(
            matches!(read, Err(Error::Unreadable(Unreadable::Damaged))),
            "{read:?}"
        );
    }
}

/// A workbook whose parts are these; the rest is what every workbook has.
fn workbook(sheet: impl Fn(&mut dyn Write), strings: impl Fn(&mut dyn Write)) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let package = "http://schemas.openxmlformats.org/package/2006/relationships";
    for (path, text) in [
        (
            "_rels/.rels",
            format!(
                "<Relationships xmlns='{package}'><Relationship Id='a' Type='{office}/officeDocument' Target='xl/workbook.xml'/></Relationships>"
            ),
        ),
        (
            "xl/workbook.xml",
            format!(
                "<workbook xmlns='{main}' xmlns:r='{office}'><sheets><sheet name='S' sheetId='1' r:id='b'/></sheets></workbook>"
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                "<Relationships xmlns='{package}'><Relationship Id='b' Type='{office}/worksheet' Target='worksheets/sheet1.xml'/><Relationship Id='c' Type='{office}/sharedStrings' Target='sharedStrings.xml'/></Relationships>"
            ),
        ),
    ] {
        zip.start_file(path, options).expect("a part");
        zip.write_all(text.as_bytes()).expect("writes");
    }
    zip.start_file("xl/worksheets/sheet1.xml", options)
        .expect("a part");
    write!(zip, "<worksheet xmlns='{main}'><sheetData>").expect("writes");
    sheet(&mut zip);
    write!(zip, "</sheetData></worksheet>").expect("writes");
    zip.start_file("xl/sharedStrings.xml", options).expect("a part");
    write!(zip, "<sst xmlns='{main}'>").expect("writes");
    strings(&mut zip);
    write!(zip, "</sst>").expect("writes");
    zip.finish().expect("a workbook").into_inner()
}

async fn refused(reader: &Reader, kind: Kind, bytes: Vec<u8>) -> Unreadable {
    match read_bytes(reader, 2, kind, bytes).await {
        Err(Error::Unreadable(why)) => why,
        other => panic!("{:?}", other.map(|text| text.len())),
    }
}

#[tokio::test]
async fn bombs_and_loops_fail_their_document_and_nothing_else() {
    let reader = reader();
    let line = "A".repeat(1 << 16);
    // Far out, so that a table of all cells up to it would have some seventeen milliards.
    let lonely = workbook(
        |sheet| {
            write!(
                sheet,
                "<row r='1048576'><c r='XFD1048576'><v>1</v></c><c r='B1048576'><v>2</v></c></row>"
            )
            .expect("writes")
        },
        |_| {},
    );
    let text = read_bytes(&reader, 3, Kind::Workbook, lonely)
        .await
        .expect("text");
    assert_eq!(&*text, "=== Sheet 1 of 1: S ===\n\n,2\n\n");

    let long = workbook(
        |sheet| {
            for row in 1..=300 {
                write!(
                    sheet,
                    "<row r='{row}'><c r='A{row}' t='inlineStr'><is><t>{line}</t></is></c></row>"
                )
                .expect("writes");
            }
        },
        |_| {},
    );
    assert!(long.len() < 200_000, "{}", long.len());
    assert_eq!(refused(&reader, Kind::Workbook, long).await, Unreadable::TooLong);

    // One string that does not fit.
    let hungry = workbook(
        |_| {},
        |strings| {
            write!(strings, "<si><t>").expect("writes");
            for _ in 0..2_000 {
                strings.write_all(line.as_bytes()).expect("writes");
            }
            write!(strings, "</t></si>").expect("writes");
        },
    );
    let frugal = reader.clone().limited(Limits {
        memory_bytes: Some(100 << 20),
        ..Limits::default()
    });
    assert_eq!(
        refused(&frugal, Kind::Workbook, hungry).await,
        Unreadable::TooHungry
    );

    // Found by fuzzing: a column of more letters, and a row of more digits, than a number holds.
    for (id, cell) in [(5, "AAAAAAAAAAAA1"), (6, "A99999999999")] {
        let overflowing = workbook(
            |sheet| write!(sheet, "<row r='1'><c r='{cell}'><v>1</v></c></row>").expect("writes"),
            |_| {},
        );
        let read = read_bytes(&reader, id, Kind::Workbook, overflowing).await;
        assert!(
            matches!(
                read,
                Ok(_) | Err(Error::Unreadable(Unreadable::Crashed | Unreadable::Damaged))
            ),
            "{cell}: {read:?}"
        );
    }

    // Ten forms that each draw the next ten times.
    let hurried = reader.clone().limited(Limits {
        cpu: Some(Duration::from_secs(1)),
        ..Limits::default()
    });
    assert_eq!(
        refused(&hurried, Kind::Pdf, nested_forms()).await,
        Unreadable::TooSlow
    );

    // And after all that, the next document is read.
    let after = read_bytes(&reader, 4, Kind::Pdf, document("delivery-note.pdf")).await;
    assert!(after.expect("text").contains("MUG-002 x 36"));
}

/// Pages whose markup stands for gigabytes or hours, each in a way that counting its tags does not tell.
fn ruinous_pages() -> [(&'static str, String); 4] {
    let formats: String = (0..390).map(|number| format!("<b a{number}>")).collect();
    [
        // Each x opens all of them again.
        ("formats", format!("<p>{formats}{}", "<p>x".repeat(400_000))),
        // Each row of cells goes through all that span it.
        (
            "spans",
            format!(
                "<table><tr>{}{}",
                "<td rowspan=99999999>x".repeat(20_000),
                "<tr><td>x".repeat(200_000)
            ),
        ),
        // What ends here has never begun, so all stay open, and each next one looks through them.
        ("ends", "<div></x>".repeat(580_000)),
        ("depth", "<div>".repeat(500_000)),
    ]
}

async fn lay_out(reader: &Reader, html: &str) -> Result<Html, Unreadable> {
    match reader.lay_out(html.as_bytes(), UTF_8).await {
        Ok(html) => Ok(html),
        Err(Error::Unreadable(why)) => Err(why),
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn pages_made_to_take_all_there_is_fail_themselves_and_nothing_else() {
    let reader = reader().limited(Limits {
        memory_bytes: Some(200 << 20),
        cpu: Some(Duration::from_secs(2)),
        file_bytes: Some(0),
    });
    let pages = ruinous_pages();
    let laid_out = pages.iter().map(async |(what, html)| {
        let failed = lay_out(&reader, html).await.map(|html| html.text.len());
        assert!(
            matches!(
                failed,
                Err(Unreadable::TooHungry | Unreadable::TooSlow | Unreadable::Crashed)
            ),
            "{what}: {failed:?}"
        );
    });
    futures::future::join_all(laid_out).await;

    let after = lay_out(&reader, "<title>Mugs</title><p>A <b>mug</b>").await;
    let expected = Html {
        title: Some("Mugs".to_owned()),
        text: "A mug".to_owned(),
    };
    assert_eq!(after, Ok(expected));
}

#[tokio::test]
async fn pages_are_as_deep_as_programs_make_them() {
    let deep = format!("{}mug{}", "<div>".repeat(1_000), "</div>".repeat(1_000));
    assert_eq!(
        lay_out(&reader(), &deep).await.map(|html| html.text).as_deref(),
        Ok("mug")
    );
}

/// Children that lay out a page in this encoding, by which tests know their own.
fn children(encoding: &'static Encoding) -> usize {
    let processes = std::fs::read_dir("/proc").expect("a /proc").flatten();
    let is_meant = |entry: &std::fs::DirEntry| {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).ends_with(&format!("@extract\0html\0{}\0", encoding.name()))
    };
    processes.filter(is_meant).count()
}

#[tokio::test]
async fn a_page_that_nobody_waits_for_any_more_is_let_go_at_once() {
    let reader = reader();
    let [_, _, (_, endless), _] = ruinous_pages();
    let laying_out = tokio::spawn(async move { reader.lay_out(endless.as_bytes(), IBM866).await });
    eventually("the page is being laid out", async || children(IBM866) > 0).await;
    laying_out.abort();
    let asked_at = tokio::time::Instant::now();
    eventually("the child is gone", async || children(IBM866) == 0).await;
    assert!(
        asked_at.elapsed() < Duration::from_secs(5),
        "{:?}",
        asked_at.elapsed()
    );
}

#[tokio::test]
async fn pages_never_wait_behind_documents() {
    let reader = reader();
    let slow: Vec<_> = (10..14)
        .map(|id| {
            let reader = reader.clone();
            tokio::spawn(async move { read_bytes(&reader, id, Kind::Pdf, nested_forms()).await })
        })
        .collect();
    let page = reader.lay_out(b"<p>mug", KOI8_U).await.expect("a page");
    assert_eq!(page.text, "mug");
    assert!(slow.iter().all(|document| !document.is_finished()));
    slow.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn readings_of_one_document_at_once_take_it_apart_once() {
    let (reader, loaded) = (reader(), AtomicUsize::new(0));
    let load = || async {
        loaded.fetch_add(1, Ordering::SeqCst);
        Ok::<_, Infallible>(document("invoice-german.pdf"))
    };
    let id = Uuid::from_u128(20);
    let readings = (0..16).map(|_| reader.read(id, Kind::Pdf, load()));
    for read in futures::future::join_all(readings).await {
        let Ok(text) = read;
        assert!(text.expect("text").contains("MUG-001"));
    }
    let Ok(later) = reader.read(id, Kind::Pdf, load()).await;
    assert!(later.is_ok());
    assert_eq!(loaded.load(Ordering::SeqCst), 1);

    // They share what is wrong with it, too; who comes later has it tried again.
    let load = || async {
        loaded.fetch_add(1, Ordering::SeqCst);
        Ok::<_, Infallible>(document("scan.pdf"))
    };
    let id = Uuid::from_u128(21);
    let readings = (0..16).map(|_| reader.read(id, Kind::Pdf, load()));
    for read in futures::future::join_all(readings).await {
        let Ok(text) = read;
        assert!(
            matches!(text, Err(Error::Unreadable(Unreadable::Scan))),
            "{text:?}"
        );
    }
    assert_eq!(loaded.load(Ordering::SeqCst), 2);
    let Ok(later) = reader.read(id, Kind::Pdf, load()).await;
    assert!(later.is_err());
    assert_eq!(loaded.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_reading_that_was_given_up_or_could_not_load_is_no_others() {
    let (reader, id) = (reader(), Uuid::from_u128(22));
    let (_kept, never) = tokio::sync::oneshot::channel::<()>();
    let first = {
        let reader = reader.clone();
        tokio::spawn(async move {
            let load = async {
                let _ = never.await;
                Err::<Vec<u8>, _>("given up")
            };
            reader.read(id, Kind::Pdf, load).await
        })
    };
    tokio::task::yield_now().await;
    let away = reader.read(id, Kind::Pdf, async { Err("the store is away") });
    let next = reader.read(id, Kind::Pdf, async {
        Ok::<_, &str>(document("delivery-note.pdf"))
    });
    let (away, next, ()) = tokio::join!(away, next, async {
        tokio::task::yield_now().await;
        first.abort();
    });
    assert_eq!(away.expect_err("no bytes"), "the store is away");
    assert!(next.expect("bytes").expect("text").contains("MUG-002"));
}

#[tokio::test]
async fn what_waits_for_its_turn_has_loaded_nothing() {
    let (reader, loaded) = (reader(), AtomicUsize::new(0));
    let readings = (30..62).map(|id| {
        let load = async {
            loaded.fetch_add(1, Ordering::SeqCst);
            std::future::pending::<Result<Vec<u8>, Infallible>>().await
        };
        let kind = if id % 2 == 0 { Kind::Pdf } else { Kind::Text };
        reader.read(Uuid::from_u128(id), kind, load)
    });
    let all = futures::future::join_all(readings);
    assert!(futures::poll!(Box::pin(all)).is_pending());
    // Two of documents and four of texts have their turn.
    assert_eq!(loaded.load(Ordering::SeqCst), 6);
}

fn nested_forms() -> Vec<u8> {
    const DEPTH: usize = 10;
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 100 100] /Contents 4 0 R /Resources << /XObject << /F 5 0 R >> >> >>".to_owned(),
        stream("", &"/F Do ".repeat(10)),
    ];
    for depth in 1..=DEPTH {
        let next = objects.len() + 2;
        let form = format!(
            "/Type /XObject /Subtype /Form /BBox [0 0 100 100] /Resources << /XObject << /F {next} 0 R >> >>"
        );
        let draws = if depth == DEPTH {
            "0 0 m 1 1 l S".to_owned()
        } else {
            "/F Do ".repeat(10)
        };
        objects.push(stream(&form, &draws));
    }
    let mut pdf = "%PDF-1.4\n".to_owned();
    let mut places = Vec::new();
    for (number, object) in objects.iter().enumerate() {
        places.push(pdf.len());
        pdf += &format!("{} 0 obj\n{object}\nendobj\n", number + 1);
    }
    let xref = pdf.len();
    pdf += &format!("xref\n0 {}\n0000000000 65535 f \n", places.len() + 1);
    for place in &places {
        pdf += &format!("{place:010} 00000 n \n");
    }
    pdf += &format!(
        "trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{xref}\n%%EOF\n",
        places.len() + 1
    );
    pdf.into_bytes()
}

fn stream(entries: &str, content: &str) -> String {
    format!(
        "<< {entries} /Length {} >>\nstream\n{content}\nendstream",
        content.len()
    )
}

async fn launch(client: &Client, agent_type: &str, name: &str) -> Value {
    launch_with(client, agent_type, name, &document(name)).await
}

async fn launch_with(client: &Client, agent_type: &str, name: &str, bytes: &[u8]) -> Value {
    let agent = client.agent(agent_type).await;
    let variables = json!({ "input": { "agentId": agent, "executionKey": agent_type, "input": {} } });
    let (_, body) = client.upload(LAUNCH, variables, &[(name, bytes)]).await;
    let launched = &body["data"]["launchExecution"];
    match launched["execution"]["id"].as_str() {
        Some(id) => client.ended(id).await,
        None => launched.clone(),
    }
}

/// What an execution has made of its document: the products of its result, or of the order that it entered.
async fn products(client: &Client, agent_type: &str, name: &str) -> Vec<String> {
    let ended = launch(client, agent_type, name).await;
    assert_eq!(ended["status"], "FINISHED", "{agent_type} on {name}: {ended}");
    let mut products: Vec<String> = if agent_type == "order-intake" {
        let query = "query($id: ID!, $key: String!) { dataSet(id: $id) { records(collection: \"orders\", search: $key, first: 1) { nodes { document } } } }";
        let sets = client.data("{ dataSets { nodes { id } } }", json!({})).await;
        let read = json!({"id": sets["dataSets"]["nodes"][0]["id"], "key": ended["result"]["order_id"]});
        let order = client.data(query, read).await["dataSet"]["records"]["nodes"][0]["document"].clone();
        let lines = order["lines"]
            .as_array()
            .unwrap_or_else(|| panic!("{ended}: {order}"));
        lines
            .iter()
            .filter_map(|line| line["sku"].as_str().map(str::to_owned))
            .collect()
    } else {
        ended["result"]
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect()
    };
    products.sort();
    products
}

both! {
    /// Three pages with an empty one, an empty sheet, titles above tables, columns in odd places, a
    /// password that only forbids changes: each type on each of them.
    async fn every_type_that_takes_files_works_on_documents_as_people_have_them(site: Site) {
        let server = site.serve(&[]).await;
        let client = server.admin();
        let german = &["COF-001", "KET-001", "MUG-001", "MUG-002", "POT-001", "TEA-001", "TEA-002"][..];
        let english = &["FLT-001", "MUG-001", "TEA-003"][..];
        let documents = [
            ("invoice-german.pdf", german),
            ("invoice-german.xlsx", &["KET-001", "MUG-001", "TEA-001"]),
            ("order-english.pdf", english),
            ("order-english.xlsx", english),
            ("read-only.pdf", english),
            ("order.md", &["MUG-001", "TEA-003"]),
            ("order.json", &["MUG-001", "TEA-003"]),
        ];
        for agent_type in TYPES {
            // Made before, for those below would each make their own.
            client.agent(agent_type).await;
        }
        let all = documents.into_iter().flat_map(|document| TYPES.map(|agent_type| (agent_type, document)));
        let runs = all.map(|(agent_type, (name, skus))| {
            let client = &client;
            async move { assert_eq!(products(client, agent_type, name).await, skus, "{agent_type} on {name}") }
        });
        stream::iter(runs).buffer_unordered(8).for_each(|()| async {}).await;
        // "1.040" is a thousand or one and a little: nobody is sent what a script has guessed.
        for name in ["order-utf-16.csv", "order-windows-1252.csv"] {
            for agent_type in ["invoice-scanning", "catalog-enrichment"] {
                assert_eq!(products(&client, agent_type, name).await, ["MUG-001", "TEA-002"], "{agent_type} on {name}");
            }
            let ended = launch(&client, "order-intake", name).await;
            assert_eq!(ended["failure"]["code"], "unclear_quantity", "{ended}");
        }
        // Lines of running text are no table of product data; what is nothing but that names no quantity.
        for agent_type in ["invoice-scanning", "order-intake"] {
            assert_eq!(products(&client, agent_type, "delivery-note.pdf").await, ["COF-001", "KET-001", "MUG-002"]);
            let ended = launch(&client, agent_type, "data-sheet.xlsx").await;
            assert_eq!(ended["failure"]["category"], "STOPPED_BY_AGENT", "{agent_type}: {ended}");
        }
        assert_eq!(products(&client, "catalog-enrichment", "data-sheet.xlsx").await, ["MUG-001", "POT-001"]);
        // Made by nobody here.
        for agent_type in ["invoice-scanning", "order-intake"] {
            assert_eq!(products(&client, agent_type, "others-invoice.pdf").await, ["Service A", "Service B"], "{agent_type}");
            assert_eq!(products(&client, agent_type, "others-inventory.xlsx").await, ["1", "2", "3", "4"], "{agent_type}");
        }
        let ended = launch(&client, "catalog-enrichment", "delivery-note.pdf").await;
        assert_eq!(ended["failure"]["code"], "no_usable_lines", "{ended}");
    }

    async fn a_document_that_cannot_be_read_is_explained_to_the_person_by_every_type(site: Site) {
        let server = site.serve(&[]).await;
        let client = server.admin();
        for agent_type in TYPES {
            for (name, part) in [
                ("scan.pdf", "it may be a scan"),
                ("locked.pdf", "protected by a password"),
                ("broken.pdf", "damaged"),
                ("photo.png", "cannot look at images"),
            ] {
                let ended = launch(&client, agent_type, name).await;
                let failure = &ended["failure"];
                assert_eq!((&failure["category"], &failure["code"]), (&json!("STOPPED_BY_AGENT"), &json!("document_missing")), "{ended}");
                let explanation = failure["explanation"].as_str().unwrap_or_default();
                assert!(explanation.contains(name) && explanation.contains(part), "{explanation}");
            }
            for (name, part) in [("locked.xlsx", "save it as .xlsx"), ("legacy.xls", "ends in one of .csv")] {
                let refused = launch(&client, agent_type, name).await;
                assert!(refused["errors"][0]["message"].as_str().is_some_and(|text| text.contains(part)), "{agent_type} on {name}: {refused}");
            }
            let whole = document("photo.png");
            let large = [whole.as_slice(), &[0; 4_500_000]].concat();
            for (bytes, words) in [
                (&large[..], "photo.png: the image has 4501854 bytes, and models are shown images of 3932160 bytes at most; make it smaller, or save it as a JPEG."),
                (&whole[..900], "photo.png: the image is damaged or cut off, so no model can be shown it; open it and save it anew."),
            ] {
                let refused = launch_with(&client, agent_type, "photo.png", bytes).await;
                assert_eq!(refused["errors"][0]["message"], words, "{agent_type}: {refused}");
            }
        }
    }
}
