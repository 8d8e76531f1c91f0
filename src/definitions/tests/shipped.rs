//! The shipped definitions, played from end to end.

use serde_json::{Value, json};

use crate::base::message::{Message, Role};
use crate::definitions::shipped::Shipped;
use crate::model::rehearsal::Rehearsal;
use crate::model::{Model, Purpose};

use super::stage::{End, Stage, catalog};

fn sample(agent: &str, name: &str) -> String {
    let path = format!("{agent}/executions/{agent}/samples/{name}");
    let file = Shipped::get(&path).expect("a shipped sample");
    String::from_utf8(file.data.into_owned()).expect("UTF-8")
}

async fn play(key: &str, stage: &mut Stage, input: Value) -> End {
    stage.run(key, input).await.expect("the script goes on")
}

#[test]
fn the_four_agent_types_of_the_reference_product_are_there_and_complete() {
    let catalog = catalog();
    let keys: Vec<&str> = catalog.execution_types().map(|it| it.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "catalog-enrichment",
            "catalog-web-import",
            "invoice-scanning",
            "order-intake"
        ]
    );
    for execution_type in catalog.execution_types() {
        let key = &execution_type.key;
        let agent_type = catalog
            .agent_type(&execution_type.agent_type_key)
            .expect("its owner");
        assert!(!execution_type.examples.is_empty(), "{key}");
        assert!(execution_type.output_schema.is_some(), "{key}");
        assert_eq!(execution_type.validators[0].name, "stopped_by_agent", "{key}");
        assert_eq!(execution_type.failure_codes[0].code, "runtime_error", "{key}");
        assert!(execution_type.failure_codes.len() > 10, "{key}");
        assert_eq!(execution_type.file_rules, agent_type.file_rules, "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_invoice_raises_the_stock_it_says_and_no_other() {
    let mut stage = Stage::with_demo()
        .file("invoice.csv", Some(&sample("invoice-scanning", "invoice.csv")))
        .file("invoice.txt", Some(&sample("invoice-scanning", "invoice.txt")));
    let end = play("invoice-scanning", &mut stage, json!({})).await;
    assert_eq!(
        end,
        End::Answered(json!({
            "COF-001": "stock raised by 20 to 68",
            "KET-001": "stock raised by 8 to 29",
            "MUG-001": "stock raised by 24 to 124",
            "MUG-002": "stock raised by 36 to 100",
            "POT-001": "stock raised by 6 to 18",
            "TEA-001": "stock raised by 60 to 280",
            "TEA-002": "stock raised by 40 to 115",
        }))
    );
    let mug = stage.document("products", "MUG-001");
    assert_eq!(
        (&mug["stock"], &mug["name"]),
        (&json!(124), &json!("Stoneware mug, blue"))
    );
    assert_eq!(stage.document("products", "FLT-001")["stock"], 300);
}

#[tokio::test(start_paused = true)]
async fn the_same_invoice_sent_again_or_tried_again_counts_once() {
    let mut stage = Stage::with_demo().file("a.csv", Some("sku,quantity\nMUG-001,24\nFAIL-1,2\n"));
    let end = play("invoice-scanning", &mut stage, json!({})).await;
    let expected = json!({
        "FAIL-1": "could not be written: no such luck", "MUG-001": "stock raised by 24 to 124",
    });
    assert_eq!(end, End::Answered(expected));
    stage.attempt = 2;
    let end = play("invoice-scanning", &mut stage, json!({})).await;
    let End::Answered(answer) = end else {
        panic!("{end:?}")
    };
    assert_eq!(
        answer["MUG-001"],
        "already booked from this document, stock stays 124"
    );
    // Another invoice, even for as many, is another delivery.
    stage.files.clear();
    let mut stage = stage.file("b.csv", Some("sku,quantity\nMUG-001,24.0\n"));
    let end = play("invoice-scanning", &mut stage, json!({})).await;
    assert_eq!(
        end,
        End::Answered(json!({"MUG-001": "stock raised by 24 to 148"}))
    );
}

#[tokio::test(start_paused = true)]
async fn asked_for_some_skus_an_invoice_books_these_and_has_an_outcome_for_each() {
    let csv = "sku,quantity\nMUG-001,1\nTEA-001,2\nTEA-002,many\nNEW-1,5\n";
    let mut stage = Stage::with_demo().file("invoice.csv", Some(csv));
    let input = json!({"skus": ["MUG-001", "TEA-002", "NEW-1", "POT-001"]});
    let end = play("invoice-scanning", &mut stage, input).await;
    assert_eq!(
        end,
        End::Answered(json!({
            "MUG-001": "stock raised by 1 to 101",
            "NEW-1": "new product with a stock of 5",
            "TEA-002": "no usable quantity on the invoice: \"many\"",
            "POT-001": "not on the invoice",
        }))
    );
    assert_eq!(stage.document("products", "TEA-001")["stock"], 220);
    assert_eq!(stage.document("products", "NEW-1")["stock"], 5);
}

#[tokio::test(start_paused = true)]
async fn any_csv_with_the_two_columns_is_understood() {
    let odd = [
        "Quantity;SKU;Price\r\n3;MUG-001;1,50\r\n\r\n;;\r\n4;TEA-001;2,00\r\n",
        "\u{FEFF}SKU,QUANTITY\nMUG-001,3\nTEA-001,4\n",
        "name,sku,quantity\n\"Mug, \"\"blue\"\"\nlarge\",MUG-001,3\nTea,TEA-001,4",
        "sku\tquantity\nMUG-001\t1\nTEA-001\t4\nMUG-001\t2\n",
        "\n\n sku , quantity \n MUG-001 , 3 \n\nTEA-001,4.0\n,7\nshort\n",
        "sku|quantity\nMUG-001|3\nTEA-001|4",
        "Delivered:\n\nMUG-001 x 3\n  TEA-001   x   4  \nkind regards",
    ];
    for text in odd {
        let mut stage = Stage::with_demo().file("odd.csv", Some(text));
        let end = play("invoice-scanning", &mut stage, json!({})).await;
        let End::Answered(answer) = end else {
            panic!("{text}: {end:?}")
        };
        assert_eq!(answer["MUG-001"], "stock raised by 3 to 103", "{text}");
        assert_eq!(answer["TEA-001"], "stock raised by 4 to 224", "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn documents_of_other_people_are_understood_and_totals_are_no_lines() {
    let letter = "=== Page 1 of 2 ===\n\nNordwind GmbH\nRechnung 12\nPos.\tArtikelnummer\tBezeichnung\tMenge\tPreis\n\
        1\tMUG-001\tBecher\t1.024\t6,40 €\n\t\tblau\n\n=== Page 2 of 2 ===\n\n2\tTEA-001\tTee\t60 Stk.\t3,10 €\n\tSumme\t\t\t6.739,60 €\nZahlbar sofort.\n";
    let sheets = "=== Sheet 1 of 2: Order ===\n\nOrder for week 12\nItem no.,Item,Qty.\nMUG-001,Mug,1024\n,Total,1024\n\n\
        === Sheet 2 of 2: More ===\n\nQty.,Item no.\n60,TEA-001\n\n";
    for (key, collection) in [("invoice-scanning", "products"), ("order-intake", "orders")] {
        for text in [letter, sheets] {
            let mut stage = Stage::with_demo().file("document.pdf", Some(text));
            let end = play(key, &mut stage, json!({})).await;
            let End::Answered(answer) = end else {
                panic!("{key} {text}: {end:?}")
            };
            if collection == "products" {
                let expected = json!({"MUG-001": "stock raised by 1024 to 1124", "TEA-001": "stock raised by 60 to 280"});
                assert_eq!(answer, expected, "{text}");
            } else {
                let id = answer["order_id"].as_str().expect("an id");
                let lines = &stage.document("orders", id)["lines"];
                assert_eq!(
                    (&lines[0]["quantity"], &lines[1]["quantity"]),
                    (&json!(1024), &json!(60)),
                    "{lines}"
                );
                assert_eq!(lines.as_array().map(Vec::len), Some(2));
            }
        }
    }
    // Without another number to tell by, this is a thousand or a bit more than one.
    let mut stage = Stage::with_demo().file("a.csv", Some("Artikelnummer;Menge\nMUG-001;1.024\n"));
    let end = play("order-intake", &mut stage, json!({})).await;
    assert!(
        matches!(&end, End::Stopped { code, .. } if code == "unclear_quantity"),
        "{end:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_long_document_is_read_page_by_page() {
    let lines: String = (0..250).map(|n| format!("NEW-{n},{}\n", n + 1)).collect();
    let mut stage = Stage::with_demo().file("long.csv", Some(&format!("sku,quantity\n{lines}")));
    stage.page = 700;
    let end = play("invoice-scanning", &mut stage, json!({})).await;
    let End::Answered(answer) = end else {
        panic!("{end:?}")
    };
    assert_eq!(answer.as_object().map(serde_json::Map::len), Some(250));
    for n in 0..250 {
        assert_eq!(stage.document("products", &format!("NEW-{n}"))["stock"], n + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_lines_are_within_what_a_script_may_use_and_more_are_refused_first() {
    let csv = |lines: usize| -> String {
        let rows = (0..lines).map(|n| format!("NEW-{n},{},x,y\n", n + 1));
        std::iter::once("sku,quantity,color,shape\n".to_owned())
            .chain(rows)
            .collect()
    };
    for (key, collection) in [
        ("invoice-scanning", "products"),
        ("catalog-enrichment", "products"),
        ("order-intake", "orders"),
    ] {
        let mut stage = Stage::with_demo().file("long.csv", Some(&csv(10_001)));
        let before = stage.records.clone();
        let end = play(key, &mut stage, json!({})).await;
        assert!(
            matches!(&end, End::Stopped { code, .. } if code == "document_too_long"),
            "{end:?}"
        );
        assert_eq!(stage.records, before);

        let mut stage = Stage::with_demo().file("long.csv", Some(&csv(10_000)));
        let end = play(key, &mut stage, json!({})).await;
        assert!(matches!(end, End::Answered(_)), "{key}: {end:?}");
        let written = stage.records.keys().filter(|(of, _)| of == collection);
        assert!(written.count() >= if collection == "orders" { 1 } else { 10_000 });
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_worked_on_makes_the_agent_stop_with_its_reason() {
    let nothing = || Stage::with_demo();
    let text = |text: &str| Stage::with_demo().file("a.csv", Some(text));
    let unreadable = || text("sku,quantity\nMUG-001,1\n").file("b.txt", None);
    let cases: [(&str, Stage, Value, &str, &str); 12] = [
        (
            "invoice-scanning",
            nothing(),
            json!({}),
            "document_missing",
            "No invoice is attached",
        ),
        (
            "invoice-scanning",
            unreadable(),
            json!({}),
            "document_missing",
            "b.txt could not be read, so nothing was booked: b.txt is protected by a password.",
        ),
        (
            "invoice-scanning",
            text(""),
            json!({}),
            "no_usable_lines",
            "a.csv",
        ),
        (
            "invoice-scanning",
            text("sku,quantity\n"),
            json!({}),
            "no_usable_lines",
            "a.csv",
        ),
        (
            "invoice-scanning",
            text("sku,amount\nMUG-001,1\n"),
            json!({}),
            "no_usable_lines",
            "quantity",
        ),
        (
            "invoice-scanning",
            text("sku,quantity\nMUG-001,0\n,3\nTEA-001,-1\n"),
            json!({}),
            "no_usable_lines",
            "a.csv",
        ),
        (
            "invoice-scanning",
            text("sku,quantity\nMUG-001,1\n"),
            json!({"skus": ["TEA-001"]}),
            "no_usable_lines",
            "None of the SKUs asked for",
        ),
        (
            "order-intake",
            nothing(),
            json!({}),
            "document_missing",
            "No order is attached",
        ),
        (
            "order-intake",
            text("sku,quantity\nMUG-001,2\nTEA-001,some\n"),
            json!({}),
            "unclear_quantity",
            "TEA-001",
        ),
        (
            "order-intake",
            text("good day"),
            json!({}),
            "no_usable_lines",
            "a.csv",
        ),
        (
            "catalog-enrichment",
            text("sku,color\nMUG-001,\n"),
            json!({}),
            "no_usable_lines",
            "a.csv",
        ),
        (
            "catalog-enrichment",
            text("sku,color\nMUG-001,red\n"),
            json!({"skus": ["MUG-001", "TEA-001"]}),
            "sku_missing",
            "TEA-001",
        ),
    ];
    for (key, mut stage, input, expected, part) in cases {
        let before = stage.records.clone();
        let end = play(key, &mut stage, input).await;
        let End::Stopped { code, reason } = end else {
            panic!("{key} {part}: {end:?}")
        };
        assert_eq!(code, expected, "{key}: {reason}");
        assert!(reason.contains(part), "{reason}");
        assert_eq!(stage.records, before, "{key} {part}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_data_sheet_completes_products_and_erases_nothing() {
    let mut stage = Stage::with_demo()
        .file("sheet.csv", Some(&sample("catalog-enrichment", "data-sheet.csv")))
        .file("sheet.txt", Some(&sample("catalog-enrichment", "data-sheet.txt")));
    let end = play("catalog-enrichment", &mut stage, json!({})).await;
    assert_eq!(
        end,
        End::Answered(json!({
            "MUG-001": "updated: color, material, weight_grams, ean",
            "MUG-002": "updated: color, material, weight_grams, ean",
            "MUG-003": "updated: material, weight_grams, ean",
            "POT-001": "updated: color, material, weight_grams, ean",
            "TEA-001": "updated: origin, brewing",
            "TEA-002": "updated: origin, brewing, organic",
        }))
    );
    assert_eq!(
        stage.document("products", "MUG-001"),
        &json!({
            "name": "Stoneware mug, blue", "stock": 100, "price_cents": 1290, "category": "mugs",
            "color": "blue", "material": "stoneware", "weight_grams": 340, "ean": "4006381333931",
        })
    );
    let input = json!({"skus": ["MUG-001"]});
    let end = play("catalog-enrichment", &mut stage, input).await;
    assert_eq!(
        end,
        End::Answered(json!({"MUG-001": "unchanged: the catalog has all of it"}))
    );
}

#[tokio::test(start_paused = true)]
async fn an_order_is_entered_once_whatever_its_documents_are_called() {
    let (csv, txt) = (
        sample("order-intake", "order.csv"),
        sample("order-intake", "order.txt"),
    );
    let mut stage = Stage::with_demo()
        .file("order.csv", Some(&csv))
        .file("order.txt", Some(&txt));
    let first = play("order-intake", &mut stage, json!({})).await;
    let End::Answered(answer) = &first else {
        panic!("{first:?}")
    };
    let id = answer["order_id"].as_str().expect("an id").to_owned();
    assert_eq!(answer["order_url"], format!("/records/orders/{id}"));
    let lines = &stage.document("orders", &id)["lines"];
    assert_eq!(lines.as_array().map(Vec::len), Some(6));
    assert_eq!(
        lines[2],
        json!({"sku": "MUG-001", "quantity": 12, "name": "Stoneware mug, blue", "is_known": true})
    );
    stage.files.clear();
    let mut stage = stage.file("again.txt", Some(&txt)).file("again.csv", Some(&csv));
    assert_eq!(play("order-intake", &mut stage, json!({})).await, first);
    assert_eq!(
        stage
            .records
            .keys()
            .filter(|(collection, _)| collection == "orders")
            .count(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn an_order_for_something_unknown_is_entered_and_marked() {
    let mut stage = Stage::with_demo().file("o.csv", Some("sku,quantity\nNEW-1,2\nNEW-1,3\n"));
    let end = play("order-intake", &mut stage, json!({})).await;
    let End::Answered(answer) = end else {
        panic!("{end:?}")
    };
    let id = answer["order_id"].as_str().expect("an id");
    assert_eq!(
        stage.document("orders", id)["lines"],
        json!([{"sku": "NEW-1", "quantity": 5, "name": null, "is_known": false}])
    );
}

#[tokio::test(start_paused = true)]
async fn the_web_import_accounts_for_each_page_and_writes_what_the_pages_say() {
    let mut stage = Stage::with_demo();
    let url = |number: usize| format!("https://shop.example/{number}");
    // More than a turn fetches at once; every third page is gone, and the last names no product.
    for number in (0..13).filter(|number| number % 3 != 0) {
        let text = format!(
            "Welcome: all day\n\nSKU: NEW-{number}\nColor: blue\nVolume ml: {number}00\n\nOpening hours: 9 to 5"
        );
        stage.pages.insert(url(number), text);
    }
    stage.pages.insert(url(13), "About us".to_owned());
    stage.pages.insert(url(14), "SKU: FAIL-1\nColor: red".to_owned());
    let urls: Vec<String> = (0..15).map(url).collect();
    let end = play("catalog-web-import", &mut stage, json!({"urls": urls})).await;
    let End::Answered(answer) = end else {
        panic!("{end:?}")
    };
    assert_eq!(answer.as_object().map(serde_json::Map::len), Some(15), "{answer}");
    assert_eq!(answer[url(1)], "NEW-1 created");
    assert_eq!(
        answer[url(3)],
        format!("not read: {} answered 404 Not Found", url(3))
    );
    assert!(
        answer[url(13)]
            .as_str()
            .is_some_and(|text| text.contains("names no product")),
        "{answer}"
    );
    assert_eq!(answer[url(14)], "FAIL-1 could not be written: no such luck");
    assert_eq!(
        stage.document("products", "NEW-4"),
        &json!({"color": "blue", "volume_ml": 400})
    );
}

#[tokio::test(start_paused = true)]
async fn a_web_import_that_reads_no_page_stops_with_the_reason() {
    let mut stage = Stage::with_demo();
    let input = json!({"urls": ["https://shop.example/gone", "https://shop.example/too"]});
    let end = play("catalog-web-import", &mut stage, input).await;
    let End::Stopped { code, reason } = end else {
        panic!("{end:?}")
    };
    assert_eq!(code, "no_page_read");
    assert!(
        reason.contains("https://shop.example/gone answered 404 Not Found; and so for 1 more."),
        "{reason}"
    );
    let catalog = catalog();
    let schema = &catalog
        .execution_type("catalog-web-import")
        .expect("shipped")
        .input_schema;
    for bad in [
        json!({}),
        json!({"urls": []}),
        json!({"urls": ["no url"]}),
        json!({"urls": ["ftp://x"]}),
    ] {
        assert!(!schema.check(&bad).is_empty(), "{bad}");
    }
}

#[tokio::test(start_paused = true)]
async fn in_conversation_the_rehearsal_looks_things_up_and_says_what_it_is() {
    for agent_type in catalog().agent_types() {
        let said = |text: &str, more: &[Message]| {
            let catalog = catalog();
            let mut request =
                Stage::with_demo().request(&agent_type.execution_types[0], &json!({"urls": ["x:y"]}));
            request.purpose = Purpose::Conversation;
            request.rehearsal.script = catalog
                .agent_type(&agent_type.key)
                .expect("itself")
                .conversation_rehearsal
                .clone();
            request.messages = vec![Message::text(Role::User, text)];
            request.messages.extend(more.iter().cloned());
            request.rehearsal.step = more.len() / 2;
            async move {
                Rehearsal::default()
                    .complete(&request, &|_| {})
                    .await
                    .expect("an answer")
            }
        };
        let hello = said("Hello!", &[]).await;
        let turn = Message {
            role: Role::Assistant,
            parts: hello.parts,
        };
        assert!(
            turn.plain_text().contains("rehearsal model"),
            "{}",
            agent_type.key
        );

        let asked = Message {
            role: Role::Assistant,
            parts: said("What about mug-001?", &[]).await.parts,
        };
        let calls: Vec<_> = asked.tool_calls().collect();
        assert!(calls.iter().any(|(_, tool, arguments)| {
            *tool == "search_records" && arguments["keys"] == json!(["MUG-001"])
        }));
        let results = calls
            .iter()
            .map(
                |(call_id, tool, arguments)| crate::base::message::Part::ToolResult {
                    call_id: (*call_id).to_owned(),
                    tool: (*tool).to_owned(),
                    is_error: false,
                    output: if arguments["collection"] == "products" {
                        json!({"records": [{"key": "MUG-001", "document": {"name": "Mug", "stock": 3}}]})
                    } else {
                        json!({"records": []})
                    },
                    duration_ms: None,
                    files: Vec::new(),
                },
            )
            .collect();
        let results = Message {
            role: Role::Tool,
            parts: results,
        };
        let answer = said("What about mug-001?", &[asked.clone(), results]).await;
        let turn = Message {
            role: Role::Assistant,
            parts: answer.parts,
        };
        assert!(turn.plain_text().contains("MUG-001"), "{}", turn.plain_text());
        assert_eq!(turn.tool_calls().count(), 0);
    }
}
