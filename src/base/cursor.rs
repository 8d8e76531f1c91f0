//! Positions that clients hand back: page cursors in a connection, stream cursors in a
//! subscription. Opaque outside, versioned inside, and each names what it belongs to, so that
//! one handed to something else is refused instead of misread.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

/// A cursor that is broken, or belongs to something else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadCursor(pub String);

/// Where a page starts or ends: a sort key (none sorts last) and the row's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageCursor {
    /// The row's value of the order's field.
    pub key: Option<String>,
    /// Breaks ties.
    pub id: Uuid,
}

impl PageCursor {
    /// `order` names the connection and its order, for example `executions.created_at.desc`.
    pub fn encode(&self, order: &str) -> String {
        let key = match &self.key {
            Some(key) => format!("={key}"),
            None => "-".to_owned(),
        };
        pack(&["p1", order, &self.id.simple().to_string(), &key])
    }

    /// Reads a cursor that `order` made.
    ///
    /// # Errors
    /// [`BadCursor`] when it is broken or another order's.
    pub fn decode(text: &str, order: &str) -> Result<Self, BadCursor> {
        let fields = unpack(text, 4)?;
        let [version, of, id, key] = fields.as_slice() else {
            return Err(broken());
        };
        if version != "p1" {
            return Err(broken());
        }
        if of != order {
            return Err(BadCursor(format!(
                "the cursor belongs to {of}, and this page is ordered by {order}"
            )));
        }
        let id = Uuid::try_parse(id).map_err(|_| broken())?;
        let key = match key.split_at_checked(1) {
            Some(("=", key)) => Some(key.to_owned()),
            Some(("-", "")) => None,
            _ => return Err(broken()),
        };
        Ok(Self { key, id })
    }
}

/// A position in the change log: transaction number, then place among its rows. Ordered as
/// readers see commits (see `db::change`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct LogPosition {
    /// PostgreSQL's `xid8`; 0 on SQLite, whose one writer gives the order.
    pub transaction: i64,
    /// The row's number.
    pub number: i64,
    /// A digest of what the row there says: an older copy of the database, once it has come as far,
    /// says something else. 0 before the first row.
    pub digest: u32,
}

/// A position in one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamCursor {
    /// Of `executionStatus`: this execution at this revision.
    Execution {
        /// The subject.
        id: Uuid,
        /// The last revision seen.
        revision: i64,
    },
    /// Of `executionsChanged`, under any filter.
    Executions(LogPosition),
    /// Of `conversationEvents`: this conversation after this sequence number.
    Conversation {
        /// The subject.
        id: Uuid,
        /// The last event seen; 0 before the first.
        sequence: i64,
    },
}

impl StreamCursor {
    /// The opaque form.
    pub fn encode(&self) -> String {
        match self {
            Self::Execution { id, revision } => {
                pack(&["s1", "status", &id.simple().to_string(), &revision.to_string()])
            }
            Self::Executions(at) => {
                let subject = format!("{}:{}", at.transaction, at.digest);
                pack(&["s1", "changes", &subject, &at.number.to_string()])
            }
            Self::Conversation { id, sequence } => {
                pack(&["s1", "events", &id.simple().to_string(), &sequence.to_string()])
            }
        }
    }

    /// Reads a cursor of any stream; the caller checks that it is its own.
    ///
    /// # Errors
    /// [`BadCursor`] when it is broken.
    pub fn decode(text: &str) -> Result<Self, BadCursor> {
        let fields = unpack(text, 4)?;
        let [version, stream, subject, position] = fields.as_slice() else {
            return Err(broken());
        };
        let position: i64 = position.parse().map_err(|_| broken())?;
        if version != "s1" || position < 0 {
            return Err(broken());
        }
        let subject_id = || Uuid::try_parse(subject).map_err(|_| broken());
        match stream.as_str() {
            "status" => Ok(Self::Execution {
                id: subject_id()?,
                revision: position,
            }),
            "changes" => {
                let (transaction, digest) = subject.split_once(':').ok_or_else(broken)?;
                Ok(Self::Executions(LogPosition {
                    transaction: transaction.parse().map_err(|_| broken())?,
                    number: position,
                    digest: digest.parse().map_err(|_| broken())?,
                }))
            }
            "events" => Ok(Self::Conversation {
                id: subject_id()?,
                sequence: position,
            }),
            _ => Err(broken()),
        }
    }
}

fn broken() -> BadCursor {
    BadCursor("this is no cursor that this server gave out".to_owned())
}

// Fields are joined by a unit separator; the last may hold anything.
fn pack(fields: &[&str]) -> String {
    URL_SAFE_NO_PAD.encode(fields.join("\u{1f}"))
}

fn unpack(text: &str, fields: usize) -> Result<Vec<String>, BadCursor> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| broken())?;
    let text = String::from_utf8(bytes).map_err(|_| broken())?;
    Ok(text.splitn(fields, '\u{1f}').map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_read_back_and_nulls_stay_nulls() {
        for key in [None, Some(String::new()), Some("12".to_owned())] {
            let cursor = PageCursor {
                key,
                id: Uuid::from_u128(3),
            };
            let text = cursor.encode("executions.created_at.desc");
            assert_eq!(
                PageCursor::decode(&text, "executions.created_at.desc"),
                Ok(cursor)
            );
        }
        let id = Uuid::from_u128(9);
        for cursor in [
            StreamCursor::Execution { id, revision: 4 },
            StreamCursor::Executions(LogPosition {
                transaction: 8,
                number: 2,
                digest: u32::MAX,
            }),
            StreamCursor::Conversation { id, sequence: 0 },
        ] {
            assert_eq!(StreamCursor::decode(&cursor.encode()), Ok(cursor));
        }
    }

    #[test]
    fn a_cursor_of_another_order_is_refused_by_name() {
        let text = PageCursor {
            key: None,
            id: Uuid::nil(),
        }
        .encode("a.desc");
        let refusal = PageCursor::decode(&text, "b.asc").expect_err("another order's");
        assert!(refusal.0.contains("a.desc") && refusal.0.contains("b.asc"));
    }

    #[test]
    fn broken_cursors_are_refused() {
        for text in [
            "",
            "x",
            "////",
            "bm8",
            &pack(&["s1", "status", "no", "1"]),
            &pack(&["s1", "events", "", "-1"]),
            &pack(&["s1", "changes", "8", "1"]),
        ] {
            assert!(StreamCursor::decode(text).is_err(), "{text}");
            assert!(PageCursor::decode(text, "a").is_err(), "{text}");
        }
    }
}
