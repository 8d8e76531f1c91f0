//! Token buckets: each key may use so many points at once, which flow back evenly over a minute. It reads no clock:
//! the time comes with each question, from one that only goes forward.
//!
//! A bucket is kept as the instant at which it is full again (the generic cell rate algorithm): one number for each
//! key, and a full bucket is as good as none, so those are what is forgotten.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Over how long an empty bucket fills.
pub const PERIOD: Duration = Duration::from_secs(60);

/// Below so many keys nothing is looked through.
const FEW: usize = 1024;

/// A bucket for each key.
#[derive(Debug)]
pub struct Buckets<K> {
    /// Points of a full bucket, and of a minute; 0: no limit.
    capacity: u64,
    kept: Mutex<Kept<K>>,
}

#[derive(Debug)]
struct Kept<K> {
    /// When each is full again.
    full_at: HashMap<K, Duration>,
    /// At how many keys full ones are looked for next.
    look_at: usize,
}

/// How a bucket stands after a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Points of a full one; 0 where there is no limit.
    pub capacity: u64,
    /// Points that are left.
    pub left: u64,
    /// Until it is full again.
    pub full_in: Duration,
}

/// Not enough points are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// Until there are.
    pub wait: Duration,
    /// Nothing was taken.
    pub standing: Standing,
}

impl<K: Eq + Hash> Buckets<K> {
    /// Of so many points a minute; 0 never refuses.
    pub fn new(capacity: u64) -> Self {
        Self {
            capacity,
            kept: Mutex::new(Kept {
                full_at: HashMap::new(),
                look_at: FEW,
            }),
        }
    }

    /// Takes `points` from this key's bucket, all or none. More than a full bucket holds counts as a full bucket.
    ///
    /// # Errors
    /// When not enough are left, and for how long.
    pub fn take(&self, key: K, points: u64, now: Duration) -> Result<Standing, Spent> {
        let Some(price) = self.price(points) else {
            return Ok(Standing {
                capacity: 0,
                left: u64::MAX,
                full_in: Duration::ZERO,
            });
        };
        // Whoever panicked held nothing half-done.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let before = kept.full_at.get(&key).map_or(now, |at| *at.max(&now));
        let after = before + price;
        let refused_for = after.saturating_sub(now + PERIOD);
        if !refused_for.is_zero() {
            return Err(Spent {
                wait: refused_for,
                standing: self.standing(before - now),
            });
        }
        kept.full_at.insert(key, after);
        if kept.full_at.len() >= kept.look_at {
            kept.full_at.retain(|_, at| *at > now);
            kept.look_at = FEW.max(2 * kept.full_at.len());
        }
        Ok(self.standing(after - now))
    }

    /// Whether a point is left for this key, without taking it.
    ///
    /// # Errors
    /// When none is, and for how long.
    pub fn look(&self, key: &K, now: Duration) -> Result<(), Duration> {
        let Some(price) = self.price(1) else {
            return Ok(());
        };
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let before = kept.full_at.get(key).map_or(now, |at| *at.max(&now));
        let wait = (before + price).saturating_sub(now + PERIOD);
        if wait.is_zero() { Ok(()) } else { Err(wait) }
    }

    /// How long these points take to flow back; none without a limit.
    fn price(&self, points: u64) -> Option<Duration> {
        let nanos = u128::from(points.min(self.capacity)) * PERIOD.as_nanos();
        let price = nanos.checked_div(u128::from(self.capacity))?;
        Some(Duration::from_nanos(u64::try_from(price).unwrap_or(u64::MAX)))
    }

    fn standing(&self, full_in: Duration) -> Standing {
        let missing = (u128::from(self.capacity) * full_in.as_nanos()).div_ceil(PERIOD.as_nanos());
        Standing {
            capacity: self.capacity,
            left: self
                .capacity
                .saturating_sub(u64::try_from(missing).unwrap_or(u64::MAX)),
            full_in,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(1000);

    fn at(seconds: u64) -> Duration {
        START + Duration::from_secs(seconds)
    }

    #[test]
    fn a_bucket_empties_at_once_and_fills_over_a_minute() {
        let buckets = Buckets::new(60);
        assert_eq!(
            buckets.take("a", 20, START),
            Ok(Standing {
                capacity: 60,
                left: 40,
                full_in: Duration::from_secs(20)
            })
        );
        assert_eq!(buckets.take("a", 40, START).map(|standing| standing.left), Ok(0));
        let spent = buckets.take("a", 5, START).expect_err("empty");
        assert_eq!((spent.wait, spent.standing.left), (Duration::from_secs(5), 0));
        assert_eq!(buckets.take("b", 60, START).map(|standing| standing.left), Ok(0));
        assert!(buckets.take("a", 5, at(4)).is_err());
        assert_eq!(buckets.take("a", 5, at(5)).map(|standing| standing.left), Ok(0));
        assert_eq!(
            buckets.take("a", 1, at(1000)).map(|standing| standing.left),
            Ok(59)
        );
    }

    #[test]
    fn what_costs_more_than_a_full_bucket_runs_from_a_full_one_and_from_no_other() {
        let buckets = Buckets::new(10);
        assert_eq!(
            buckets.take("a", 1_000_000, START).map(|standing| standing.left),
            Ok(0)
        );
        assert!(buckets.take("a", 1_000_000, at(59)).is_err());
        assert!(buckets.take("a", 1_000_000, at(60)).is_ok());
    }

    #[test]
    fn without_a_limit_nothing_is_refused_or_kept() {
        let buckets = Buckets::new(0);
        for _ in 0..1000 {
            assert!(buckets.take("a", u64::MAX, START).is_ok());
        }
        assert!(buckets.kept.lock().expect("whole").full_at.is_empty());
    }

    #[test]
    fn looking_takes_nothing() {
        let buckets = Buckets::new(1);
        assert_eq!(buckets.look(&"a", START), Ok(()));
        assert_eq!(buckets.look(&"a", START), Ok(()));
        assert!(buckets.take("a", 1, START).is_ok());
        assert_eq!(buckets.look(&"a", at(10)), Err(Duration::from_secs(50)));
    }

    #[test]
    fn full_buckets_are_forgotten() {
        let buckets = Buckets::new(60);
        for key in 0..10_000_u64 {
            assert!(buckets.take(key, 1, at(key)).is_ok());
        }
        assert!(buckets.kept.lock().expect("whole").full_at.len() <= FEW);
    }
}
