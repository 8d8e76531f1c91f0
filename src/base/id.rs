//! Public ids: a prefix that names the kind, then a UUIDv7 in 32 lower-case hexadecimal digits,
//! as in `exe_0192f3c1…`. Inside the server an id is its [`Uuid`]; the prefix exists at the edge.
//!
//! Execution types and agent types are not rows: their ids are `typ_<key>` and `aty_<key>`.
//! To add a kind, add it to [`Kind`] and to its two tables.

use std::sync::Arc;
use std::sync::Mutex;

use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use uuid::Uuid;

use super::clock::Clock;

/// What an id identifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Kind {
    Execution,
    Conversation,
    Message,
    Event,
    Agent,
    AgentType,
    DataSet,
    File,
    Record,
    User,
    ExecutionType,
    Member,
    Token,
    Session,
}

const KINDS: [(Kind, &str, &str); 14] = [
    (Kind::Execution, "exe", "an execution"),
    (Kind::Conversation, "con", "a conversation"),
    (Kind::Message, "msg", "a message"),
    (Kind::Event, "evt", "an event"),
    (Kind::Agent, "agt", "an agent"),
    (Kind::AgentType, "aty", "an agent type"),
    (Kind::DataSet, "set", "a data set"),
    (Kind::File, "fil", "a file"),
    (Kind::Record, "rec", "a record"),
    (Kind::User, "usr", "a user"),
    (Kind::ExecutionType, "typ", "an execution type"),
    (Kind::Member, "mem", "a membership"),
    (Kind::Token, "tok", "an access token"),
    (Kind::Session, "ses", "a session"),
];

impl Kind {
    /// The letters before the underscore.
    pub fn prefix(self) -> &'static str {
        self.row().1
    }

    /// For people: `an execution`.
    pub fn noun(self) -> &'static str {
        self.row().2
    }

    fn row(self) -> &'static (Kind, &'static str, &'static str) {
        KINDS
            .iter()
            .find(|row| row.0 == self)
            .expect("KINDS lists every kind")
    }

    /// The id as clients see it.
    pub fn format(self, id: Uuid) -> String {
        format!("{}_{}", self.prefix(), id.simple())
    }

    /// Reads a client's id of this kind.
    ///
    /// # Errors
    /// [`Malformed`] says what was expected, and what was given where that can be told.
    pub fn parse(self, text: &str) -> Result<Uuid, Malformed> {
        match parse_any(text) {
            Some((kind, id)) if kind == self => Ok(id),
            other => Err(Malformed {
                expected: self,
                given: other.map(|(kind, _)| kind),
            }),
        }
    }
}

/// An id that cannot name what it is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed {
    /// The kind that was asked for.
    pub expected: Kind,
    /// The kind that the id is of, when it is well formed.
    pub given: Option<Kind>,
}

/// The kind and number of a well-formed id over a UUID; `None` for anything else.
pub fn parse_any(text: &str) -> Option<(Kind, Uuid)> {
    let (prefix, digits) = text.split_once('_')?;
    let kind = KINDS.iter().find(|row| row.1 == prefix)?.0;
    let lower_hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    if digits.len() != 32 || !digits.bytes().all(lower_hex) {
        return None;
    }
    Uuid::try_parse(digits).ok().map(|id| (kind, id))
}

/// Where new ids come from: time from the clock, the rest random, rising within a process.
#[derive(Clone, Debug)]
pub struct Ids {
    clock: Clock,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    random: StdRng,
    last: u128,
}

impl Ids {
    /// Unpredictable ids, for the product.
    pub fn random(clock: Clock) -> Self {
        Self::with(clock, StdRng::from_os_rng())
    }

    /// The same ids every time, for tests.
    pub fn seeded(clock: Clock, seed: u64) -> Self {
        Self::with(clock, StdRng::seed_from_u64(seed))
    }

    fn with(clock: Clock, random: StdRng) -> Self {
        let state = State { random, last: 0 };
        Self {
            clock,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// A UUIDv7 (RFC 9562, 5.7) greater than every one given out before by this source, so that
    /// what is made later sorts later also within one millisecond.
    pub fn next(&self) -> Uuid {
        let mut state = self.state.lock().expect("no holder panics");
        let mut random = [0; 10];
        state.random.fill_bytes(&mut random);
        let millis = u64::try_from(self.clock.now()).unwrap_or(0);
        let fresh = uuid::Builder::from_unix_timestamp_millis(millis, &random)
            .into_uuid()
            .as_u128();
        let next = if fresh > state.last {
            fresh
        } else {
            // Only the 62 random bits at the end are counted up: version and variant stay.
            state.last + 1 + u128::from(state.random.next_u32())
        };
        state.last = next;
        Uuid::from_u128(next)
    }

    /// 32 random bytes: the secret of a token.
    pub fn secret(&self) -> [u8; 32] {
        let mut secret = [0; 32];
        let mut state = self.state.lock().expect("no holder panics");
        state.random.fill_bytes(&mut secret);
        secret
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_another_kind_is_told_apart() {
        let id = Ids::seeded(Clock::manual(1_700_000_000_000), 1).next();
        let text = Kind::Execution.format(id);
        assert_eq!(Kind::Execution.parse(&text), Ok(id));
        let wrong = Kind::Agent.parse(&text).expect_err("an execution is no agent");
        assert_eq!(wrong.given, Some(Kind::Execution));
    }

    #[test]
    fn garbage_is_no_id() {
        let upper = "exe_0192F3C1000070008000000000000000";
        for text in [
            "",
            "exe",
            "exe_",
            "exe_12",
            "zzz_0192f3c1000070008000000000000000",
            upper,
        ] {
            assert_eq!(parse_any(text), None, "{text}");
        }
    }

    #[test]
    fn ids_rise_within_one_millisecond_and_stay_version_7() {
        let ids = Ids::seeded(Clock::manual(1_700_000_000_000), 7);
        let made: Vec<Uuid> = (0..2000).map(|_| ids.next()).collect();
        assert!(made.is_sorted());
        assert!(made.iter().all(|id| id.get_version_num() == 7));
    }
}
