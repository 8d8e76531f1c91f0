//! Text in the place of an id or a cursor. What is taken says the same when it is written again.
#![no_main]

use agentic_executions::base::cursor::{PageCursor, StreamCursor};
use agentic_executions::base::id::parse_any;
use libfuzzer_sys::fuzz_target;

const ORDER: &str = "executions.created_at.desc";

fuzz_target!(|text: &str| {
    if let Some((kind, id)) = parse_any(text) {
        assert_eq!(kind.parse(&kind.format(id)), Ok(id));
    }
    if let Ok(cursor) = PageCursor::decode(text, ORDER) {
        assert_eq!(PageCursor::decode(&cursor.encode(ORDER), ORDER).ok(), Some(cursor));
    }
    if let Ok(cursor) = StreamCursor::decode(text) {
        assert_eq!(StreamCursor::decode(&cursor.encode()).ok(), Some(cursor));
    }
});
