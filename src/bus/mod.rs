//! Signals between the parts of a node and between nodes. A signal only says "look again": it may
//! be lost, doubled or late without harm, for what it points at is read from the database, and
//! every reader also looks on a slow tick. Signals are published after commit, never inside the
//! writing transaction.
//!
//! Beside them go answers while they are being written ([`answers`]): lossy too, and nowhere stored.
//!
//! Within a process signals travel at once. Between processes a [`Transport`] carries them; to
//! add one, implement the trait and hand it to [`Bus::connect`].

pub mod answers;
pub mod postgres;

use std::sync::{Arc, Weak};

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use uuid::Uuid;

use answers::{Answers, Note};

/// Signals that a reader may fall behind before it is told to look at everything.
const CAPACITY: usize = 4096;

/// Where to look again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Signal {
    /// The change log has grown.
    Changed,
    /// This conversation's journal has grown.
    Conversation(Uuid),
    /// A run was queued or handed back.
    Queued,
    /// This run was asked to stop.
    Stop(Uuid),
    /// Signals were lost: look at everything.
    Missed,
}

/// Carries signals to other processes and back.
pub trait Transport: Send + Sync {
    /// Hands signals over for sending. Never blocks; what cannot be sent is lost.
    fn send(&self, signals: &[Signal]);

    /// Hands over what is said of answers in progress. Never blocks; it may be lost.
    fn tell(&self, notes: Vec<Note>);

    /// Waits until what was handed over is sent, or cannot be.
    fn flush(&self) -> BoxFuture<'_, ()>;
}

/// The bus of one process. Clones share it.
#[derive(Clone)]
pub struct Bus {
    local: broadcast::Sender<Signal>,
    remote: Option<Arc<dyn Transport>>,
    answers: Answers,
}

impl std::fmt::Debug for Bus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bus")
            .field("remote", &self.remote.is_some())
            .finish()
    }
}

impl Bus {
    /// A bus that no other process hears.
    pub fn local() -> Self {
        Self {
            local: broadcast::Sender::new(CAPACITY),
            remote: None,
            answers: Answers::default(),
        }
    }

    /// A bus that other processes hear. `transport` is given what delivers their signals here.
    pub fn connect(transport: impl FnOnce(Delivery) -> Arc<dyn Transport>) -> Self {
        let local = broadcast::Sender::new(CAPACITY);
        let answers = Answers::shared();
        let delivery = Delivery {
            signals: local.clone(),
            answers: answers.clone(),
        };
        let remote = transport(delivery);
        tokio::spawn(tell(answers.clone(), Arc::downgrade(&remote)));
        Self {
            local,
            remote: Some(remote),
            answers,
        }
    }

    /// The answers that are being written.
    pub fn answers(&self) -> &Answers {
        &self.answers
    }

    /// Tells everyone.
    pub fn publish(&self, signals: &[Signal]) {
        for signal in signals {
            // No listener is no harm.
            let _ = self.local.send(*signal);
        }
        if let Some(remote) = &self.remote {
            remote.send(signals);
        }
    }

    /// Waits until other processes were told what was published: the last words before the end.
    pub async fn flush(&self) {
        if let Some(remote) = &self.remote {
            remote.flush().await;
        }
    }

    /// Hears every signal from now on.
    pub fn listen(&self) -> Listener {
        Listener(self.local.subscribe())
    }
}

/// Hands what came from other processes to this one.
#[derive(Debug, Clone)]
pub struct Delivery {
    signals: broadcast::Sender<Signal>,
    answers: Answers,
}

impl Delivery {
    /// Delivers one signal.
    pub fn deliver(&self, signal: Signal) {
        let _ = self.signals.send(signal);
    }

    /// Delivers what was said of an answer in progress.
    pub fn deliver_note(&self, note: Note) {
        self.answers.hear(note);
    }
}

/// Tells other processes of answers in progress, for as long as the bus is there.
async fn tell(answers: Answers, remote: Weak<dyn Transport>) {
    let mut tick = tokio::time::interval(answers::TELL_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let Some(remote) = remote.upgrade() else {
            return;
        };
        let notes = answers.notes();
        if !notes.is_empty() {
            remote.tell(notes);
        }
    }
}

/// Hears signals.
#[derive(Debug)]
pub struct Listener(broadcast::Receiver<Signal>);

impl Listener {
    /// The next signal; [`Signal::Missed`] after falling behind; none when the bus is gone.
    pub async fn next(&mut self) -> Option<Signal> {
        match self.0.recv().await {
            Ok(signal) => Some(signal),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Signal::Missed),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_listener_that_fell_behind_is_told_to_look_at_everything() {
        let bus = Bus::local();
        let mut listener = bus.listen();
        bus.publish(&vec![Signal::Changed; CAPACITY + 1]);
        assert_eq!(listener.next().await, Some(Signal::Missed));
        assert_eq!(listener.next().await, Some(Signal::Changed));
    }
}
