//! Signals over PostgreSQL's LISTEN/NOTIFY.
//!
//! One connection listens. Sending goes through one other connection, several signals in one
//! statement, and never inside a writing transaction, for NOTIFY takes a global lock at commit.
//! A cut connection is opened again, and everyone then told to look at everything.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgListener, PgPool, PgPoolOptions};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{Bus, Delivery, Signal, Transport};

const CHANNEL: &str = "agentic_executions";

/// Signals in one notification: PostgreSQL takes 8000 bytes, and a signal has under 70.
const BATCH: usize = 100;

/// Signals waiting to be sent; more are dropped, as readers also look on their tick.
const WAITING: usize = 10_000;

/// Pause before a cut connection is opened again.
const REOPEN_AFTER: Duration = Duration::from_millis(200);

#[derive(Serialize, Deserialize)]
struct Notification {
    /// Sender, which has heard its own signals already.
    from: Uuid,
    signals: Vec<Signal>,
}

struct Notifier(mpsc::Sender<Signal>);

impl Transport for Notifier {
    fn send(&self, signals: &[Signal]) {
        for signal in signals {
            // Full: the other end looks on its tick.
            let _ = self.0.try_send(*signal);
        }
    }
}

/// A bus over the database at `url`. `node` tells this process apart from the others.
///
/// # Errors
/// When the database does not answer now; later it may come and go.
pub async fn connect(url: &str, node: Uuid) -> Result<Bus, sqlx::Error> {
    let pool = PgPoolOptions::new()
        .max_connections(2)
        .acquire_timeout(Duration::from_secs(5))
        .connect(url)
        .await?;
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.listen(CHANNEL).await?;
    let (sender, receiver) = mpsc::channel(WAITING);
    Ok(Bus::connect(|delivery| {
        tokio::spawn(receive(listener, delivery, node));
        tokio::spawn(send(pool, receiver, node));
        Arc::new(Notifier(sender)) as Arc<dyn Transport>
    }))
}

async fn receive(mut listener: PgListener, delivery: Delivery, node: Uuid) {
    loop {
        match listener.try_recv().await {
            Ok(Some(notification)) => {
                let Ok(heard) = serde_json::from_str::<Notification>(notification.payload()) else {
                    tracing::warn!("a notification cannot be read; is another version running?");
                    continue;
                };
                if heard.from != node {
                    heard
                        .signals
                        .into_iter()
                        .for_each(|signal| delivery.deliver(signal));
                }
            }
            Ok(None) => {
                // The connection was cut and is open again; what was sent meanwhile is lost.
                tracing::warn!("the listening connection was cut and opened again");
                delivery.deliver(Signal::Missed);
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the listening connection is down"
                );
                tokio::time::sleep(REOPEN_AFTER).await;
                delivery.deliver(Signal::Missed);
            }
        }
    }
}

async fn send(pool: PgPool, mut receiver: mpsc::Receiver<Signal>, from: Uuid) {
    let mut waiting = Vec::with_capacity(BATCH);
    while receiver.recv_many(&mut waiting, BATCH).await > 0 {
        let mut signals: Vec<Signal> = Vec::with_capacity(waiting.len());
        for signal in waiting.drain(..) {
            if !signals.contains(&signal) {
                signals.push(signal);
            }
        }
        let payload = serde_json::to_string(&Notification { from, signals }).expect("signals are plain data");
        let notify = sqlx::query("SELECT pg_notify($1, $2)")
            .bind(CHANNEL)
            .bind(payload);
        if let Err(error) = notify.execute(&pool).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "signals could not be sent"
            );
        }
    }
}
