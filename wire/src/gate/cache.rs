//! Least-recently-used maps bounded by entries and by bytes of text, behind one short lock. The text itself is the
//! key: its hash finds it, its equality decides, so two documents can never be taken for one another.

use std::{hash::Hash, num::NonZeroUsize, sync::Mutex};

use lru::LruCache;

pub(crate) struct Cache<K: Hash + Eq, V> {
    state: Mutex<State<K, V>>,
    max_bytes: usize,
}

struct State<K: Hash + Eq, V> {
    entries: Option<LruCache<K, (usize, V)>>,
    bytes: usize,
}

impl<K: Hash + Eq, V: Clone> Cache<K, V> {
    /// With 0 entries it remembers nothing.
    pub(crate) fn new(max_entries: usize, max_bytes: usize) -> Self {
        let entries = NonZeroUsize::new(max_entries).map(LruCache::new);
        Self {
            state: Mutex::new(State { entries, bytes: 0 }),
            max_bytes,
        }
    }

    pub(crate) fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let mut state = self
            .state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        state.entries.as_mut()?.get(key).map(|(_, value)| value.clone())
    }

    pub(crate) fn put(&self, key: K, bytes: usize, value: V) {
        let mut state = self
            .state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let State {
            entries: Some(entries),
            bytes: held,
        } = &mut *state
        else {
            return;
        };
        if bytes > self.max_bytes {
            return;
        }
        *held += bytes;
        if let Some((_, (old, _))) = entries.push(key, (bytes, value)) {
            *held -= old;
        }
        while *held > self.max_bytes {
            let Some((_, (old, _))) = entries.pop_lru() else {
                break;
            };
            *held -= old;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_bounds_hold_and_the_oldest_goes_first() {
        let cache: Cache<String, u8> = Cache::new(2, 10);
        for (key, bytes) in [("a", 4), ("b", 4), ("c", 4)] {
            cache.put(key.into(), bytes, 0);
        }
        assert_eq!(
            [cache.get("a"), cache.get("b"), cache.get("c")],
            [None, Some(0), Some(0)]
        );
        cache.put("d".into(), 9, 0);
        assert_eq!(
            [cache.get("b"), cache.get("c"), cache.get("d")],
            [None, None, Some(0)]
        );
        cache.put("e".into(), 11, 0);
        assert_eq!(cache.get("e"), None);
        cache.put("d".into(), 1, 1);
        assert_eq!((cache.get("d"), cache.state.lock().unwrap().bytes), (Some(1), 1));
    }
}
