//! How much a token may ask in a minute: operations, and what they cost. Buckets are this process's own; a client
//! that several nodes serve has one on each. The costs of fields stand beside the fields (`complexity`).

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{ServerError, Value, value};
use uuid::Uuid;

use super::errors::Code;
use super::limits::Limits;
use crate::base::buckets::{Buckets, Spent, Standing};
use crate::base::clock::{self, Clock, ms};

/// The buckets of every token. Clones share them.
#[derive(Clone, Debug)]
pub struct Throttle(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    max_complexity: u64,
    requests: Buckets<Uuid>,
    cost: Buckets<Uuid>,
}

/// What an operation costs and what is left to its token; `extensions.cost` of its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    requested: u64,
    maximum: u64,
    standing: Standing,
    /// When the bucket is full again.
    reset_at: clock::UnixMs,
}

impl Throttle {
    /// With full buckets.
    pub fn new(clock: Clock, limits: &Limits) -> Self {
        Self(Arc::new(Inner {
            clock,
            max_complexity: limits.max_complexity as u64,
            requests: Buckets::new(limits.requests_per_minute),
            cost: Buckets::new(limits.cost_per_minute),
        }))
    }

    /// Counts an operation of this token, whatever it is.
    ///
    /// # Errors
    /// How long to wait, when there were too many.
    pub fn arrive(&self, token: Uuid) -> Result<(), Duration> {
        let now = self.0.clock.monotonic();
        let taken = self.0.requests.take(token, 1, now);
        taken.map(|_| ()).map_err(|spent| spent.wait)
    }

    /// Takes what an operation costs from its token's points. Without a token nothing is taken.
    pub(super) fn charge(&self, token: Option<Uuid>, complexity: usize) -> (Cost, Result<(), ServerError>) {
        // What selects nothing that costs is still an operation.
        let requested = (complexity as u64).max(1);
        let inner = &*self.0;
        // What is refused for its cost costs nothing: 0 points show how the token stands.
        let is_allowed = requested <= inner.max_complexity;
        let taken = match token {
            Some(token) => {
                let points = if is_allowed { requested } else { 0 };
                inner.cost.take(token, points, inner.clock.monotonic())
            }
            None => Buckets::new(0).take(Uuid::nil(), 0, Duration::ZERO),
        };
        let (standing, wait) = match taken {
            Ok(standing) => (standing, None),
            Err(Spent { wait, standing }) => (standing, Some(wait)),
        };
        let cost = Cost {
            requested,
            maximum: inner.max_complexity,
            standing,
            reset_at: inner.clock.now().saturating_add(ms(standing.full_in)),
        };
        let refused = match wait {
            _ if !is_allowed => Err(cost.too_complex()),
            Some(wait) => Err(cost.spent(wait)),
            None => Ok(()),
        };
        (cost, refused)
    }
}

impl Cost {
    /// As clients see it. Without a limit per minute there is nothing that could be left.
    pub(super) fn to_value(self) -> Value {
        let requested = self.requested;
        let maximum = self.maximum;
        if self.standing.capacity == 0 {
            return value!({"requested": requested, "maximum": maximum});
        }
        let per_minute = self.standing.capacity;
        let remaining = self.standing.left;
        let reset_at = clock::to_rfc3339(self.reset_at);
        value!({
            "requested": requested,
            "maximum": maximum,
            "perMinute": per_minute,
            "remaining": remaining,
            "resetAt": reset_at
        })
    }

    fn too_complex(self) -> ServerError {
        let message = format!(
            "the operation costs {} points; one may cost {}: ask for fewer fields or smaller pages",
            self.requested, self.maximum
        );
        self.refusal(message, Code::LimitExceeded)
    }

    fn spent(self, wait: Duration) -> ServerError {
        let seconds = whole_seconds(wait);
        let message = format!(
            "the operation costs {} points, and {} of this token's {} a minute are left; come back in {seconds} s",
            self.requested, self.standing.left, self.standing.capacity
        );
        let mut error = self.refusal(message, Code::RateLimited);
        let extensions = error.extensions.get_or_insert_default();
        extensions.set("retryAfterSeconds", seconds);
        error
    }

    // An `error` of a socket is a bare list of errors, so the cost stands on the error as well.
    fn refusal(self, message: String, code: Code) -> ServerError {
        let mut error = ServerError::new(message, None);
        let extensions = error.extensions.get_or_insert_default();
        extensions.set("code", code.as_str());
        extensions.set("cost", self.to_value());
        error
    }
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
