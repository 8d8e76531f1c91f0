//! What follows when a model gives no answer: whether to ask again and after which wait, and as what
//! a run fails. It asks nobody and waits for nothing itself.
//!
//! Waits grow and are never the same twice, so that many runs that were turned away together do not
//! come back together; a provider that says when to come back is not asked before.

use std::time::Duration;

use crate::base::clock::ms;
use crate::domain::explanation::{Cause, NoAnswer};
use crate::model::circuit::{LONGEST_ALONE, Permit};
use crate::model::{Error, Reply};

/// Tries of one model call that is turned away: with the waits below they span half a minute, which
/// most overloads do not outlast; the worker that comes next would find the rest no better.
const TRIES: u32 = 6;
/// Tries of one that is answered by something that is no answer: each is paid for.
const BROKEN_TRIES: u32 = 3;
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// What is longer is another execution's business.
const LONGEST_WAIT: Duration = LONGEST_ALONE;
/// For who comes back at the instant that the provider named: not all at once.
const SPREAD: Duration = Duration::from_secs(1);

/// The tries of one model call.
#[derive(Debug, Default)]
pub(super) struct Tries {
    turned_away: u32,
    broken: u32,
    waited: Duration,
}

impl Tries {
    /// With the one that is being made.
    pub fn all(&self) -> u32 {
        self.turned_away + self.broken + 1
    }

    /// After a try that gave no answer: how long to wait before the next, if there is to be one.
    /// `chance` is between 0 and 1.
    pub fn after(&mut self, error: &Error, chance: f64) -> Option<Duration> {
        let wait = match error {
            Error::Unavailable { retry_after, .. } | Error::Down { retry_after, .. } => {
                if self.turned_away + 1 >= TRIES {
                    return None;
                }
                self.turned_away += 1;
                match retry_after {
                    Some(wait) if *wait > LONGEST_WAIT => return None,
                    // Some always name the same short time, or one that is gone.
                    Some(wait) => spread(*wait, chance).max(grown(self.turned_away, chance)),
                    None => grown(self.turned_away, chance),
                }
            }
            Error::Interrupted { .. } => {
                if self.broken + 1 >= BROKEN_TRIES {
                    return None;
                }
                self.broken += 1;
                grown(self.broken, chance)
            }
            Error::CutOff { .. }
            | Error::TooLong { .. }
            | Error::Refused { .. }
            | Error::Misconfigured { .. }
            | Error::Broken { .. } => return None,
        };
        self.waited += wait;
        Some(wait)
    }
}

fn grown(tries: u32, chance: f64) -> Duration {
    (FIRST_WAIT * 2_u32.saturating_pow(tries - 1)).mul_f64(0.5 + chance / 2.0)
}

/// For who comes back at an instant that others wait for too. `chance` is between 0 and 1.
pub(super) fn spread(wait: Duration, chance: f64) -> Duration {
    wait + SPREAD.mul_f64(chance)
}

/// Whether nobody read the request, so that it has cost nothing.
pub(super) fn is_unread(error: &Error) -> bool {
    matches!(error, Error::Unavailable { .. })
}

/// Tells an endpoint's circuit what a call met there.
pub(super) fn tell(permit: Permit, answer: &Result<Reply, Error>, now: Duration) {
    match answer {
        Err(Error::Down { retry_after, .. }) => permit.down(now, *retry_after),
        Err(Error::Unavailable {
            retry_after: Some(wait),
            ..
        }) => permit.alone(now, *wait),
        _ => permit.up(),
    }
}

/// Why a run ends that got no answer. The provider's own words stay in the log: they may quote what
/// it was sent.
pub(super) fn cause(error: &Error, model: &str, tries: &Tries) -> Cause {
    let why = match error {
        Error::Unavailable { retry_after, .. } => NoAnswer::Overloaded {
            for_ms: retry_after.filter(|wait| *wait > LONGEST_WAIT).map(ms),
        },
        Error::Down { .. } => NoAnswer::Down,
        Error::Interrupted { .. } | Error::Broken { .. } => NoAnswer::Unusable,
        Error::CutOff { .. } => NoAnswer::CutOff,
        Error::TooLong { .. } => NoAnswer::TooLong,
        Error::Refused { .. } => NoAnswer::Refused,
        Error::Misconfigured { .. } => NoAnswer::NotAccepted,
    };
    Cause::NoAnswer {
        model: model.to_owned(),
        why,
        tries: tries.all(),
        waited_ms: ms(tries.waited),
    }
}

/// Why a run ends whose model's endpoint did not come back while it was waited for.
pub(super) fn waited_in_vain(model: &str, why: NoAnswer, tries: &Tries, waited: Duration) -> Cause {
    Cause::NoAnswer {
        model: model.to_owned(),
        why,
        // None is being made now.
        tries: (tries.all() - 1).max(1),
        waited_ms: ms(tries.waited + waited),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unavailable(retry_after: Option<u64>) -> Error {
        Error::Unavailable {
            reason: String::new(),
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    #[test]
    fn waits_grow_are_spread_and_end() {
        for chance in [0.0, 1.0] {
            let mut tries = Tries::default();
            let waits: Vec<f64> = std::iter::from_fn(|| tries.after(&unavailable(None), chance))
                .map(|wait| wait.as_secs_f64())
                .collect();
            let half = 0.5 + chance / 2.0;
            assert_eq!(waits, [1.0, 2.0, 4.0, 8.0, 16.0].map(|wait| wait * half));
            assert_eq!(tries.all(), TRIES);
        }
    }

    #[test]
    fn who_names_an_instant_is_not_asked_before_and_not_waited_for_without_end() {
        let mut tries = Tries::default();
        let wait = tries.after(&unavailable(Some(7)), 0.5).expect("a wait");
        assert_eq!(wait, Duration::from_millis(7500));
        assert_eq!(tries.after(&unavailable(Some(301)), 0.5), None);
    }

    #[test]
    fn who_names_no_time_worth_mentioning_is_left_alone_longer_each_time_all_the_same() {
        for (named, first) in [(0, 1.0), (1, 2.0)] {
            let mut tries = Tries::default();
            let waits: Vec<f64> = std::iter::from_fn(|| tries.after(&unavailable(Some(named)), 1.0))
                .map(|wait| wait.as_secs_f64())
                .collect();
            assert_eq!(waits, [first, 2.0, 4.0, 8.0, 16.0]);
        }
    }

    #[test]
    fn broken_answers_are_paid_for_and_others_are_final() {
        let mut tries = Tries::default();
        let usage = crate::model::Usage::default();
        let broken = Error::Interrupted {
            reason: String::new(),
            usage,
        };
        assert!(tries.after(&broken, 0.0).is_some());
        assert!(tries.after(&broken, 0.0).is_some());
        assert!(tries.after(&broken, 0.0).is_none());
        let reason = String::new;
        for error in [
            Error::CutOff {
                reason: reason(),
                usage,
            },
            Error::TooLong { reason: reason() },
            Error::Refused {
                reason: reason(),
                usage,
            },
            Error::Misconfigured { reason: reason() },
            Error::Broken { reason: reason() },
        ] {
            assert_eq!(Tries::default().after(&error, 0.0), None, "{error}");
        }
    }
}
