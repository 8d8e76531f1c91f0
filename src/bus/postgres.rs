//! Signals over PostgreSQL's LISTEN/NOTIFY.
//!
//! One connection listens. Sending goes through one other connection, several signals in one
//! statement, and never inside a writing transaction, for NOTIFY takes a global lock at commit.
//! A cut connection is opened again, and everyone then told to look at everything.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgListener, PgPool, PgPoolOptions};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::base::chain::Chain;

use super::answers::Note;
use super::{Bus, Delivery, Signal, Transport};

const CHANNEL: &str = "agentic_executions";

/// Signals in one notification: PostgreSQL takes 8000 bytes, and a signal has under 70.
const BATCH: usize = 100;

/// Signals waiting to be sent; more are dropped, and everyone then told to look at everything.
const WAITING: usize = 10_000;

/// Pause before a cut connection is opened again.
const REOPEN_AFTER: Duration = Duration::from_millis(200);

/// For the last signals of a process: they spare others a wait and are not worth a long one.
const FLUSH_WITHIN: Duration = Duration::from_secs(3);

#[derive(Serialize, Deserialize)]
struct Notification {
    /// Sender, which has heard its own signals already.
    from: Uuid,
    signals: Vec<Signal>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notes: Vec<Note>,
}

/// Answers waiting to be told of; what comes when so many wait is lost, as it may be.
const NOTES_WAITING: usize = 100;

enum Item {
    Signal(Signal),
    /// Everything before it was sent, or could not be.
    Flush(oneshot::Sender<()>),
}

struct Notifier {
    items: mpsc::Sender<Item>,
    notes: mpsc::Sender<Vec<Note>>,
    /// Signals were dropped: the others are told to look at everything.
    is_missed: Arc<AtomicBool>,
}

impl Transport for Notifier {
    fn send(&self, signals: &[Signal]) {
        for signal in signals {
            if self.items.try_send(Item::Signal(*signal)).is_err() {
                self.is_missed.store(true, Ordering::SeqCst);
            }
        }
    }

    fn tell(&self, notes: Vec<Note>) {
        // Full: the database is away or slow, and words that nobody waits for any more are no loss.
        let _ = self.notes.try_send(notes);
    }

    fn flush(&self) -> BoxFuture<'_, ()> {
        async move {
            let (done, flushed) = oneshot::channel();
            let flush = async {
                // A sender that is gone sends nothing more.
                if self.items.send(Item::Flush(done)).await.is_ok() {
                    let _ = flushed.await;
                }
            };
            if tokio::time::timeout(FLUSH_WITHIN, flush).await.is_err() {
                tracing::warn!("the last signals could not be sent in time");
            }
        }
        .boxed()
    }
}

/// A bus over the database at `url`. `node` tells this process apart from the others.
///
/// # Errors
/// When the database does not answer now; later it may come and go.
pub async fn connect(url: &str, node: Uuid) -> Result<Bus, sqlx::Error> {
    let pool = PgPoolOptions::new()
        // One listens, one sends signals, one tells of answers.
        .max_connections(3)
        .acquire_timeout(Duration::from_secs(5))
        .connect(url)
        .await?;
    let listener = listen(&pool).await?;
    let (items, receiver) = mpsc::channel(WAITING);
    let (notes, told) = mpsc::channel(NOTES_WAITING);
    let is_missed = Arc::new(AtomicBool::new(false));
    Ok(Bus::connect(|delivery| {
        tokio::spawn(receive(pool.clone(), listener, delivery, node));
        tokio::spawn(tell(pool.clone(), node, told));
        let sender = Sender {
            pool,
            from: node,
            is_missed: Arc::clone(&is_missed),
        };
        tokio::spawn(sender.run(receiver));
        Arc::new(Notifier {
            items,
            notes,
            is_missed,
        }) as Arc<dyn Transport>
    }))
}

async fn listen(pool: &PgPool) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

async fn receive(pool: PgPool, mut listener: PgListener, delivery: Delivery, node: Uuid) {
    loop {
        let error = hear(&mut listener, &delivery, node).await;
        // Before another is opened: the pool has one for listening.
        drop(listener);
        is_down(&error);
        listener = loop {
            tokio::time::sleep(REOPEN_AFTER).await;
            match listen(&pool).await {
                Ok(listener) => break listener,
                Err(error) => is_down(&error),
            }
        };
        // Only now: what is sent after this is heard, and what was sent before is looked for.
        delivery.deliver(Signal::Missed);
    }
}

fn is_down(error: &sqlx::Error) {
    let error = Chain(error);
    tracing::warn!(%error, "the listening connection is down");
}

/// Delivers what comes until the connection fails and cannot be opened again at once.
async fn hear(listener: &mut PgListener, delivery: &Delivery, node: Uuid) -> sqlx::Error {
    loop {
        match listener.try_recv().await {
            Ok(Some(notification)) => {
                let Ok(heard) = serde_json::from_str::<Notification>(notification.payload()) else {
                    tracing::warn!("a notification cannot be read; is another version running?");
                    continue;
                };
                if heard.from != node {
                    let Notification { signals, notes, .. } = heard;
                    signals.into_iter().for_each(|signal| delivery.deliver(signal));
                    notes.into_iter().for_each(|note| delivery.deliver_note(note));
                }
            }
            Ok(None) => {
                // The connection was cut and is open again; what was sent meanwhile is lost.
                tracing::warn!("the listening connection was cut and opened again");
                delivery.deliver(Signal::Missed);
            }
            Err(error) => return error,
        }
    }
}

/// Sends what is said of answers in progress, all that waits in one statement.
async fn tell(pool: PgPool, from: Uuid, mut told: mpsc::Receiver<Vec<Note>>) {
    while let Some(mut notes) = told.recv().await {
        while let Ok(more) = told.try_recv() {
            notes.extend(more);
        }
        let payload = |note| {
            let notification = Notification {
                from,
                signals: Vec::new(),
                notes: vec![note],
            };
            serde_json::to_string(&notification).expect("notes are plain data")
        };
        let payloads: Vec<String> = notes.into_iter().map(payload).collect();
        let notify = sqlx::query("SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload")
            .bind(CHANNEL)
            .bind(payloads);
        if let Err(error) = notify.execute(&pool).await {
            let error = Chain(&error);
            tracing::debug!(%error, "answers in progress could not be told of");
        }
    }
}

struct Sender {
    pool: PgPool,
    from: Uuid,
    is_missed: Arc<AtomicBool>,
}

impl Sender {
    async fn run(self, mut receiver: mpsc::Receiver<Item>) {
        let mut waiting = Vec::with_capacity(BATCH);
        loop {
            let received = receiver.recv_many(&mut waiting, BATCH);
            if self.is_missed.load(Ordering::SeqCst) {
                // Nobody may publish anything for long: what was lost is not to wait for that.
                if let Ok(0) = tokio::time::timeout(REOPEN_AFTER, received).await {
                    return;
                }
            } else if received.await == 0 {
                return;
            }
            let mut signals: Vec<Signal> = Vec::with_capacity(waiting.len());
            let mut flushes = Vec::new();
            for item in waiting.drain(..) {
                match item {
                    Item::Signal(signal) if signals.contains(&signal) => {}
                    Item::Signal(signal) => signals.push(signal),
                    Item::Flush(done) => flushes.push(done),
                }
            }
            self.notify(signals).await;
            for done in flushes {
                // Who waited may have given up.
                let _ = done.send(());
            }
        }
    }

    async fn notify(&self, mut signals: Vec<Signal>) {
        if self.is_missed.swap(false, Ordering::SeqCst) && !signals.contains(&Signal::Missed) {
            signals.push(Signal::Missed);
        }
        if signals.is_empty() {
            return;
        }
        let from = self.from;
        let payload = serde_json::to_string(&Notification {
            from,
            signals,
            notes: Vec::new(),
        })
        .expect("signals are plain data");
        let notify = sqlx::query("SELECT pg_notify($1, $2)")
            .bind(CHANNEL)
            .bind(payload);
        if let Err(error) = notify.execute(&self.pool).await {
            self.is_missed.store(true, Ordering::SeqCst);
            tracing::warn!(
                error = %Chain(&error),
                "signals could not be sent"
            );
        }
    }
}
