//! The circuit of an endpoint: what all calls to it know of each other. After some failures in a
//! row it opens: no call is made for a while, then one, and what that meets decides for all: others go
//! on as soon as it is being answered. A
//! provider that names a time to come back, whether it fails or only turns requests away, is left
//! alone by everyone until then, for [`LONGEST_ALONE`] at most.
//!
//! It makes no call and waits for nothing; time is handed in. One per process and endpoint, whatever
//! models are behind it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Failures in a row that open it: one model call alone may meet so many by chance.
const FAILURES: u32 = 5;
/// How long it stays open at first; twice as long each time that the one call fails too.
const FIRST_OPEN: Duration = Duration::from_secs(10);
/// An endpoint that is back is noticed within this time.
const LONGEST_OPEN: Duration = Duration::from_secs(60);
/// Providers ask for minutes at times. One that names a day would be left alone long after somebody
/// has paid its bill: it is asked again so often.
pub const LONGEST_ALONE: Duration = Duration::from_secs(5 * 60);
/// How long who waits for the one call waits before asking again.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// A run that was claimed to make the one call makes it by then, or another may.
const CLAIMED_FOR: Duration = Duration::from_secs(5);

/// An endpoint's circuit. Clones share it. Times are those of a monotonic clock.
#[derive(Clone, Debug)]
pub struct Circuit(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    endpoint: String,
    patience: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    /// Nobody asks before.
    alone_until: Duration,
}

impl State {
    fn leave_alone(&mut self, now: Duration, wait: Duration) {
        self.alone_until = self.alone_until.max(now + wait.min(LONGEST_ALONE));
    }
}

#[derive(Debug)]
enum Phase {
    /// So many failures in a row.
    Closed(u32),
    Open {
        until: Duration,
        length: Duration,
        /// A run was claimed to make the one call.
        claimed_until: Duration,
    },
    /// The one call is being made.
    Trying { length: Duration },
}

impl Default for Phase {
    fn default() -> Self {
        Self::Closed(0)
    }
}

impl Circuit {
    /// A closed one. `patience` is how long a running call waits for it.
    pub fn new(endpoint: impl Into<String>, patience: Duration) -> Self {
        let endpoint = endpoint.into();
        metrics::gauge!("agentic_model_endpoint_down", "endpoint" => endpoint.clone()).set(0.0);
        Self(Arc::new(Inner {
            endpoint,
            patience,
            state: Mutex::default(),
        }))
    }

    /// How long a running call waits for it to close.
    pub fn patience(&self) -> Duration {
        self.0.patience
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No holder panics half-way through a change.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// May a call be made?
    ///
    /// # Errors
    /// How long to wait before asking again.
    pub fn admit(&self, now: Duration) -> Result<Permit, Duration> {
        let mut state = self.state();
        if now < state.alone_until {
            return Err(state.alone_until - now);
        }
        let is_trial = match state.phase {
            Phase::Closed(_) => false,
            Phase::Open { until, .. } if now < until => return Err((until - now).min(LOOK_AGAIN)),
            Phase::Open { length, .. } => {
                state.phase = Phase::Trying { length };
                true
            }
            Phase::Trying { .. } => return Err(LOOK_AGAIN),
        };
        Ok(Permit {
            circuit: self.clone(),
            is_trial,
            is_told: false,
        })
    }

    /// Whether it is open: the endpoint is down as far as is known.
    pub fn is_open(&self) -> bool {
        !matches!(self.state().phase, Phase::Closed(_))
    }

    /// Whether the one call is being made: what it meets is worth waiting for.
    pub fn is_trying(&self) -> bool {
        matches!(self.state().phase, Phase::Trying { .. })
    }

    /// Whether no run should be begun that would call it.
    pub fn is_blocking(&self, now: Duration) -> bool {
        let state = self.state();
        if now < state.alone_until {
            return true;
        }
        match state.phase {
            Phase::Closed(_) => false,
            Phase::Open {
                until, claimed_until, ..
            } => now < until || now < claimed_until,
            Phase::Trying { .. } => true,
        }
    }

    /// A run was begun that will call it; until it does, no other is to be begun.
    pub fn claimed(&self, now: Duration) {
        if let Phase::Open { claimed_until, .. } = &mut self.state().phase {
            *claimed_until = now + CLAIMED_FOR;
        }
    }

    fn closed(&self, state: &mut State, failures: u32) {
        if !matches!(state.phase, Phase::Closed(_)) {
            let endpoint = &self.0.endpoint;
            tracing::info!(endpoint, "the models' endpoint is back");
            metrics::gauge!("agentic_model_endpoint_down", "endpoint" => endpoint.clone()).set(0.0);
        }
        state.phase = Phase::Closed(failures);
    }

    fn opened(&self, state: &mut State, now: Duration, length: Duration) {
        state.phase = Phase::Open {
            until: now + length,
            length,
            claimed_until: Duration::ZERO,
        };
        metrics::gauge!("agentic_model_endpoint_down", "endpoint" => self.0.endpoint.clone()).set(1.0);
    }
}

/// A call that may be made. What it meets is told; dropped without, it counts for nothing.
#[derive(Debug)]
#[must_use]
pub struct Permit {
    circuit: Circuit,
    is_trial: bool,
    is_told: bool,
}

impl Permit {
    /// The endpoint begins to answer: nobody waits any more for the whole of it, which may take
    /// minutes. While no answer is whole, the next failure opens the circuit again.
    pub fn heard(&mut self) {
        let is_trial = std::mem::take(&mut self.is_trial);
        let mut state = self.circuit.state();
        if is_trial && matches!(state.phase, Phase::Trying { .. }) {
            self.circuit.closed(&mut state, FAILURES - 1);
        }
    }

    /// The endpoint answered, whatever it said.
    pub fn up(mut self) {
        self.is_told = true;
        self.circuit.closed(&mut self.circuit.state(), 0);
    }

    /// It answered that it wants to be left alone for a while.
    pub fn alone(self, now: Duration, wait: Duration) {
        let circuit = self.circuit.clone();
        self.up();
        circuit.state().leave_alone(now, wait);
    }

    /// It failed or could not be reached, and may have said for how long.
    pub fn down(mut self, now: Duration, wait: Option<Duration>) {
        self.is_told = true;
        let circuit = self.circuit.clone();
        let mut state = circuit.state();
        state.leave_alone(now, wait.unwrap_or_default());
        match state.phase {
            Phase::Closed(failures) if failures + 1 < FAILURES => state.phase = Phase::Closed(failures + 1),
            Phase::Closed(_) => {
                let endpoint = &circuit.0.endpoint;
                tracing::warn!(
                    endpoint,
                    "the models' endpoint is down: no run of theirs is begun, calls wait"
                );
                metrics::counter!("agentic_model_endpoint_outages_total", "endpoint" => endpoint.clone())
                    .increment(1);
                circuit.opened(&mut state, now, FIRST_OPEN);
            }
            Phase::Trying { length } if self.is_trial => {
                circuit.opened(&mut state, now, (length * 2).min(LONGEST_OPEN));
            }
            // An answer to a call that was made before it opened.
            Phase::Open { .. } | Phase::Trying { .. } => {}
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.is_told || !self.is_trial {
            return;
        }
        // The one call was given up: the next may be made at once.
        let mut state = self.circuit.state();
        if let Phase::Trying { length } = state.phase {
            state.phase = Phase::Open {
                until: Duration::ZERO,
                length,
                claimed_until: Duration::ZERO,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn open() -> Circuit {
        let circuit = Circuit::new("test", at(300));
        for _ in 0..FAILURES {
            assert!(!circuit.is_open());
            circuit.admit(at(0)).expect("closed").down(at(0), None);
        }
        circuit
    }

    #[test]
    fn failures_in_a_row_open_it_and_an_answer_between_does_not() {
        let circuit = Circuit::new("test", at(300));
        for _ in 0..3 {
            for _ in 1..FAILURES {
                circuit.admit(at(0)).expect("closed").down(at(0), None);
            }
            circuit.admit(at(0)).expect("closed").up();
        }
        assert!(!circuit.is_open());
        assert!(open().is_open());
    }

    #[test]
    fn after_a_while_one_call_is_made_and_decides_for_all() {
        let circuit = open();
        assert!(circuit.admit(at(9)).is_err() && circuit.is_blocking(at(9)));
        assert!(!circuit.is_blocking(at(10)), "a run may be begun for it");
        circuit.claimed(at(10));
        assert!(circuit.is_blocking(at(11)), "and no second one");
        let trial = circuit.admit(at(11)).expect("the one call");
        assert!(circuit.admit(at(11)).is_err(), "no second one");
        trial.down(at(12), None);
        assert!(circuit.admit(at(31)).is_err(), "twice as long");
        drop(circuit.admit(at(32)).expect("another"));
        circuit.admit(at(32)).expect("the one before was given up").up();
        assert!(!circuit.is_open() && circuit.admit(at(32)).is_ok());
    }

    #[test]
    fn others_go_on_as_soon_as_the_one_call_is_being_answered() {
        let circuit = open();
        let mut trial = circuit.admit(at(10)).expect("the one call");
        assert!(circuit.is_trying());
        trial.heard();
        assert!(!circuit.is_trying() && !circuit.is_blocking(at(11)));
        let other = circuit.admit(at(11)).expect("another beside it");
        trial.down(at(12), None);
        assert!(
            circuit.is_open(),
            "it broke off: no answer of this endpoint was whole yet"
        );
        other.up();
        assert!(!circuit.is_open());
        let mut one_of_many = circuit.admit(at(13)).expect("closed");
        one_of_many.heard();
        one_of_many.down(at(14), None);
        assert!(!circuit.is_open(), "one failure among whole answers");
    }

    #[test]
    fn who_wants_to_be_left_alone_is_left_alone_by_everyone() {
        let circuit = Circuit::new("test", at(300));
        circuit.admit(at(0)).expect("closed").alone(at(0), at(7));
        assert_eq!(circuit.admit(at(3)).err(), Some(at(4)));
        assert!(
            circuit.is_blocking(at(3)),
            "nor is a run begun that would only wait"
        );
        assert!(circuit.admit(at(7)).is_ok() && !circuit.is_open());
        circuit.admit(at(7)).expect("closed").alone(at(7), at(86_400));
        let longest = at(7) + LONGEST_ALONE;
        assert!(circuit.admit(longest - at(1)).is_err() && circuit.admit(longest).is_ok());
    }

    #[test]
    fn one_that_is_down_and_says_for_how_long_is_not_tried_before() {
        let circuit = Circuit::new("test", at(300));
        circuit.admit(at(0)).expect("closed").down(at(0), Some(at(120)));
        assert_eq!(
            circuit.admit(at(10)).err(),
            Some(at(110)),
            "one failure does not open it"
        );
        let circuit = open();
        circuit
            .admit(at(10))
            .expect("the one call")
            .down(at(10), Some(at(120)));
        assert!(circuit.admit(at(129)).is_err() && circuit.is_blocking(at(129)));
        assert!(circuit.admit(at(130)).is_ok());
    }
}
