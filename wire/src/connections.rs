//! Every open socket and stream of a mounted schema, so that they can be counted and closed from outside: all of one
//! caller when a token is revoked, all of them when the server goes down.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

/// Why a connection ends, in the terms of a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// Close code (RFC 6455, section 7.4; graphql-transport-ws).
    pub code: u16,
    /// At most 123 bytes are sent.
    pub reason: String,
}

impl Close {
    /// A code with its reason.
    pub fn new(code: u16, reason: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
        }
    }

    /// 4403: the credentials hold no longer. Clients of graphql-ws do not retry with the same ones forever.
    pub fn forbidden() -> Self {
        Self::new(4403, "Forbidden")
    }

    /// 1012: the service restarts; clients reconnect.
    pub fn restart() -> Self {
        Self::new(1012, "Service restart")
    }
}

/// A handle on all open connections; clones share them.
#[derive(Clone)]
pub struct Connections {
    state: Arc<Mutex<State>>,
    max_total: usize,
    max_per_key: usize,
}

#[derive(Default)]
struct State {
    next: u64,
    open: HashMap<u64, Open>,
    per_key: HashMap<Arc<str>, usize>,
    is_shut: bool,
}

struct Open {
    key: Option<Arc<str>>,
    close: Option<oneshot::Sender<Close>>,
}

/// One connection's place among them; given back on drop.
pub(crate) struct Ticket {
    id: u64,
    connections: Connections,
    close: oneshot::Receiver<Close>,
}

/// No place is left, or the server goes down.
#[derive(Debug, PartialEq)]
pub(crate) struct Full;

impl Connections {
    pub(crate) fn new(max_total: usize, max_per_key: usize) -> Self {
        Self {
            state: Arc::default(),
            max_total,
            max_per_key,
        }
    }

    /// Open connections.
    pub fn count(&self) -> usize {
        self.lock().open.len()
    }

    /// Open connections of this key.
    pub fn count_of(&self, key: &str) -> usize {
        let state = self.lock();
        state
            .open
            .values()
            .filter(|open| open.key.as_deref() == Some(key))
            .count()
    }

    /// Closes all of this key; how many that were.
    pub fn close(&self, key: &str, close: &Close) -> usize {
        self.close_if(close, |open| open.key.as_deref() == Some(key))
    }

    /// Closes all; how many that were.
    pub fn close_all(&self, close: &Close) -> usize {
        self.close_if(close, |_| true)
    }

    /// Closes all with 1012 and takes no more.
    pub fn shut_down(&self) -> usize {
        self.lock().is_shut = true;
        self.close_all(&Close::restart())
    }

    fn close_if(&self, close: &Close, which: impl Fn(&Open) -> bool) -> usize {
        let mut state = self.lock();
        state
            .open
            .values_mut()
            .filter(|open| which(open))
            .filter_map(|open| open.close.take())
            .filter_map(|sender| sender.send(close.clone()).ok())
            .count()
    }

    pub(crate) fn open(&self) -> Result<Ticket, Full> {
        let mut state = self.lock();
        if state.is_shut || state.open.len() >= self.max_total {
            return Err(Full);
        }
        state.next += 1;
        let id = state.next;
        let (sender, receiver) = oneshot::channel();
        state.open.insert(
            id,
            Open {
                key: None,
                close: Some(sender),
            },
        );
        Ok(Ticket {
            id,
            connections: self.clone(),
            close: receiver,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// Counts the connection under its key.
    pub(crate) fn claim(&self, key: Option<Arc<str>>) -> Result<(), Full> {
        let Some(key) = key else { return Ok(()) };
        let mut state = self.connections.lock();
        let held = state.per_key.entry(key.clone()).or_default();
        if *held >= self.connections.max_per_key {
            return Err(Full);
        }
        *held += 1;
        if let Some(open) = state.open.get_mut(&self.id) {
            open.key = Some(key);
        }
        Ok(())
    }

    /// Ends when someone wants the connection closed; never, if nobody does.
    pub(crate) async fn closed(&mut self) -> Close {
        match (&mut self.close).await {
            Ok(close) => close,
            Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.connections.lock();
        let Some(Open { key: Some(key), .. }) = state.open.remove(&self.id) else {
            return;
        };
        if let Some(held) = state.per_key.get_mut(&key) {
            *held -= 1;
            if *held == 0 {
                state.per_key.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_is_counted_closed_and_forgotten() {
        let connections = Connections::new(3, 1);
        let mut first = connections.open().unwrap();
        first.claim(Some("t1".into())).unwrap();
        let second = connections.open().unwrap();
        assert_eq!(second.claim(Some("t1".into())), Err(Full));
        second.claim(Some("t2".into())).unwrap();
        assert_eq!(connections.close("t1", &Close::forbidden()), 1);
        assert_eq!(first.closed().await, Close::forbidden());
        drop(first);
        connections.open().unwrap().claim(Some("t1".into())).unwrap();
        assert_eq!(connections.count(), 1);
        assert_eq!(connections.shut_down(), 1);
        assert!(connections.open().is_err());
        drop(second);
        assert!(connections.lock().per_key.is_empty());
    }
}
