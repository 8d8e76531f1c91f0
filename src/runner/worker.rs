//! A worker: claims runs in batches up to its free slots, keeps their leases with one heartbeat, and
//! drives each in a task of its own.
//!
//! Three tasks beside the runs: the claims, the heartbeat, and a watch that cuts runs which were
//! stopped, ran too long or lost their lease. None waits for another, so neither a slow claim nor a
//! slow heartbeat makes a cancel late.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, Span};
use uuid::Uuid;

use crate::base::chain::Chain;
use crate::base::id::Kind;
use crate::bus::{Listener, Signal};
use crate::definitions::Catalog;
use crate::domain::budgets::Budgets;
use crate::domain::claim::{self, Claimed};
use crate::domain::{Store, launch};
use crate::model::Models;
use crate::storage::Storage;
use crate::telemetry::traces;

use super::drive::{Job, drive};
use super::lease::{Cut, Lease, Leases, TICK, Terms};
use super::registry::Registry;

/// What a worker works with.
#[derive(Clone)]
pub struct Deps {
    /// Rows, signals, time.
    pub store: Store,
    /// The definitions; runs of others are left to others.
    pub catalog: Catalog,
    /// The bytes of files.
    pub storage: Storage,
    /// The models.
    pub models: Models,
    /// The tools and validators.
    pub registry: Registry,
    /// What runs share.
    pub budgets: Budgets,
}

/// How it works.
#[derive(Debug, Clone)]
pub struct Settings {
    /// For logs and the run table. Each start adds a part of its own, so two processes of one name
    /// do not take each other's leases for theirs.
    pub name: String,
    /// Runs at once.
    pub concurrency: usize,
    /// Of a lease, from claim or heartbeat.
    pub lease: Duration,
    /// Between two heartbeats: well below a third of the lease, so that two may fail.
    pub heartbeat: Duration,
    /// Kept free at a lease's end: no model or tool call begins in it.
    pub lease_margin: Duration,
    /// Lease expiries without progress that end a run.
    pub max_stalls: i32,
    /// Between two looks at the queue when no signal comes.
    pub poll: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: "worker".to_owned(),
            concurrency: 16,
            lease: Duration::from_secs(45),
            heartbeat: Duration::from_secs(10),
            lease_margin: Duration::from_secs(5),
            max_stalls: 3,
            poll: Duration::from_secs(2),
        }
    }
}

/// A claim under way when everything is to end at once: many times what one takes, and short
/// beside any grace period.
const CLAIM_ENDS_WITHIN: Duration = Duration::from_secs(2);

/// Works runs off.
#[derive(Debug)]
pub struct Worker;

/// A worker at work. Dropped without [`stop`](Self::stop) it vanishes like one that crashed: its
/// runs stay leased until their leases run out.
#[must_use]
#[derive(Debug)]
pub struct Handle {
    soft: CancellationToken,
    hard: CancellationToken,
    main: AbortOnDropHandle<()>,
    name: Arc<str>,
}

impl Handle {
    /// Its name in the run table.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Stops: claims nothing more, lets runs reach their next journal entry for `grace`, then aborts
    /// what still runs; every lease is released, so that others go on at once.
    pub async fn stop(mut self, grace: Duration) {
        self.soft.cancel();
        if tokio::time::timeout(grace, &mut self.main).await.is_ok() {
            return;
        }
        self.hard.cancel();
        // A panic of the task itself has nothing left to release.
        let _ = self.main.await;
    }

    /// Vanishes as in a crash: when this returns, nothing of it runs any more. A test that only
    /// dropped it might let through a step that was about to go on.
    #[cfg(test)]
    pub(super) async fn vanish(self) {
        self.main.abort();
        let _ = self.main.await;
    }
}

impl Worker {
    /// Starts to work.
    pub fn start(deps: Deps, settings: Settings) -> Handle {
        let tail = deps.store.ids.next().simple().to_string();
        let name: Arc<str> = format!("{}-{}", settings.name, &tail[20..]).into();
        let (soft, hard) = (CancellationToken::new(), CancellationToken::new());
        let terms = Terms {
            worker: Arc::clone(&name),
            clock: deps.store.clock.clone(),
            lease: settings.lease,
            margin: settings.lease_margin,
            park: soft.clone(),
        };
        let desk = Desk {
            definitions: definitions(&deps.catalog).into(),
            own_models: Arc::new(own_models(&deps.catalog)),
            // Heard from before the first claim, so that nothing queued after it is missed.
            signals: Some(deps.store.bus.listen()),
            deps: Arc::new(deps),
            settings: Arc::new(settings),
            terms,
            leases: Leases::default(),
            beat_now: Arc::new(Notify::new()),
        };
        let main = tokio::spawn(desk.work(hard.clone()));
        Handle {
            soft,
            hard,
            main: AbortOnDropHandle::new(main),
            name,
        }
    }
}

/// The definitions that a run may name and this catalog has.
pub(super) fn definitions(catalog: &Catalog) -> Vec<String> {
    let executions = catalog
        .execution_types()
        .map(|known| launch::definition_of(&known.agent_type_key, &known.key));
    let replies = catalog.agent_types().map(|known| known.key.clone());
    executions.chain(replies).collect()
}

fn own_models(catalog: &Catalog) -> HashMap<String, String> {
    let mut models = HashMap::new();
    for agent_type in catalog.agent_types() {
        for execution_type in &agent_type.execution_types {
            let definition = launch::definition_of(&agent_type.key, &execution_type.key);
            models.insert(definition, agent_type.model.clone());
        }
        models.insert(agent_type.key.clone(), agent_type.model.clone());
    }
    models
}

struct Desk {
    deps: Arc<Deps>,
    settings: Arc<Settings>,
    definitions: Arc<[String]>,
    /// The model of each definition, unless an agent chose another.
    own_models: Arc<HashMap<String, String>>,
    terms: Terms,
    leases: Leases,
    signals: Option<Listener>,
    beat_now: Arc<Notify>,
}

impl Desk {
    async fn work(mut self, hard: CancellationToken) {
        tracing::info!(worker = %self.terms.worker, concurrency = self.settings.concurrency, "the worker starts");
        let listener = self.deps.store.bus.listen();
        let watch = watch(self.leases.clone(), listener, Arc::clone(&self.beat_now));
        let _watch = AbortOnDropHandle::new(tokio::spawn(watch));
        let _heart = AbortOnDropHandle::new(tokio::spawn(self.heart().run()));
        let mut runs = JoinSet::new();
        // A claim cut in its commit might become durable after all is released: one under way ends.
        let cut_claim = async {
            hard.cancelled().await;
            tokio::time::sleep(CLAIM_ENDS_WITHIN).await;
        };
        tokio::select! {
            () = self.claim_all(&mut runs) => {}
            () = cut_claim => {}
        }
        let left = async { while runs.join_next().await.is_some() {} };
        tokio::select! {
            () = left => {}
            () = hard.cancelled() => {}
        }
        runs.shutdown().await;
        // By name, not by list: that also has what a claim took and nobody here heard of.
        match claim::release_all(&self.deps.store, &self.terms.worker).await {
            Ok(0) => {}
            Ok(released) => tracing::info!(released, "handed runs back"),
            Err(fault) => {
                let error = Chain(&fault);
                tracing::warn!(%error, "leases are left to run out");
            }
        }
        tracing::info!(worker = %self.terms.worker, "the worker has stopped");
    }

    /// Claims until the soft stop.
    async fn claim_all(&mut self, runs: &mut JoinSet<()>) {
        let Some(mut signals) = self.signals.take() else {
            return;
        };
        let park = self.terms.park.clone();
        // The queue may hold more than the last claim took.
        let mut is_more = true;
        // Outside the loop: made anew on each signal, a busy bus would put the look at runs whose
        // worker vanished, which no signal announces, off for ever.
        let mut look = every(self.settings.poll);
        while !park.is_cancelled() {
            let free = self.settings.concurrency.saturating_sub(runs.len());
            if is_more && free > 0 {
                is_more = self.claim(runs, free).await;
                continue;
            }
            tokio::select! {
                () = park.cancelled() => return,
                Some(ended) = runs.join_next() => {
                    report(ended);
                    if is_more {
                        // A commit for one run each is what a busy queue would cost: runs that end
                        // within moments of each other are replaced together.
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                    while let Some(ended) = runs.try_join_next() {
                        report(ended);
                    }
                }
                signal = signals.next() => {
                    let mut next = Some(signal);
                    while let Some(signal) = next {
                        is_more |= matches!(signal, Some(Signal::Queued | Signal::Missed));
                        if signal.is_none() {
                            break;
                        }
                        next = signals.next().now_or_never();
                    }
                }
                _ = look.tick() => is_more = true,
            }
        }
    }

    /// Claims up to `free` runs; true when there may be more.
    async fn claim(&self, runs: &mut JoinSet<()>, free: usize) -> bool {
        let store = &self.deps.store;
        let terms = claim::Terms {
            lease: self.settings.lease,
            max_stalls: self.settings.max_stalls,
        };
        let asked_at = store.clock.monotonic();
        let models = &self.deps.models;
        let without_models = models.blocked(asked_at);
        let is_without = |key: &&String| {
            self.own_models
                .get(*key)
                .is_some_and(|model| without_models.contains(model))
        };
        let without_definitions: Vec<String> = self.definitions.iter().filter(is_without).cloned().collect();
        let wanted = claim::Wanted {
            definitions: &self.definitions,
            without_models: &without_models,
            without_definitions: &without_definitions,
        };
        // One run tries whether an endpoint is back, and which that is only the claim says.
        let free = if models.has_trial(asked_at) { 1 } else { free };
        let claimed = claim::claim_wanted(store, &self.terms.worker, wanted, free as u64, &terms).await;
        match claimed {
            Ok(claimed) => {
                let is_more = claimed.len() == free;
                for claimed in claimed {
                    let run = &claimed.run;
                    let model = run
                        .model
                        .as_ref()
                        .or_else(|| self.own_models.get(&run.definition));
                    let model = model.and_then(|name| models.find(name));
                    if let Some(circuit) = model.as_ref().and_then(|model| model.circuit()) {
                        circuit.claimed(asked_at);
                    }
                    self.take(runs, claimed, asked_at);
                }
                is_more
            }
            Err(fault) => {
                let error = Chain(&fault);
                tracing::warn!(%error, "could not claim; the next look at the queue tries again");
                false
            }
        }
    }

    fn take(&self, runs: &mut JoinSet<()>, claimed: Claimed, asked_at: Duration) {
        let lease = Arc::new(Lease::new(&self.terms, &claimed, asked_at));
        self.leases.insert(Arc::clone(&lease));
        let span = match claimed.run.execution_id {
            Some(id) => {
                let id = Kind::Execution.format(id);
                tracing::info_span!("run", run.id = %lease.run, execution.id = id)
            }
            None => {
                let id = Kind::Conversation.format(claimed.run.conversation_id);
                tracing::info_span!("run", run.id = %lease.run, conversation.id = id)
            }
        };
        let trace = trace(&lease, &claimed);
        span.in_scope(|| tracing::debug!(fence = lease.fence, claimed.is_takeover, "claimed a run"));
        let job = Job {
            deps: Arc::clone(&self.deps),
            lease,
            run: claimed.run,
            next_call: Arc::default(),
        };
        let entered = Entered {
            leases: self.leases.clone(),
            lease: Arc::clone(&job.lease),
        };
        let work = async move {
            let _entered = entered;
            drive(&job).await;
        };
        runs.spawn(work.instrument(span).instrument(trace));
    }

    fn heart(&self) -> Heart {
        Heart {
            deps: Arc::clone(&self.deps),
            settings: Arc::clone(&self.settings),
            worker: Arc::clone(&self.terms.worker),
            leases: self.leases.clone(),
            beat_now: Arc::clone(&self.beat_now),
            unknown: HashSet::new(),
        }
    }
}

/// The run's part of the trace that it was queued in; a takeover's is another part of the same.
fn trace(lease: &Lease, claimed: &Claimed) -> Span {
    let run = &claimed.run;
    let span = tracing::info_span!(
        target: traces::TARGET,
        "run",
        otel.kind = "consumer",
        run.id = %lease.run,
        run.definition = run.definition,
        run.fence = lease.fence,
        run.is_takeover = claimed.is_takeover,
        conversation.id = Kind::Conversation.format(run.conversation_id),
        execution.id = run.execution_id.map(|id| Kind::Execution.format(id)),
    );
    if let Some(parent) = &run.trace_parent {
        traces::join(&span, parent);
    }
    span
}

/// Takes the lease off the list however the run's task ends: were it left there by a panic, the
/// heartbeat would keep a run for ever that nobody works on.
struct Entered {
    leases: Leases,
    lease: Arc<Lease>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.leases.remove(&self.lease);
    }
}

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(error = %Chain(&error), "a run's task broke");
    }
}

/// Ticks from one period on; after a late tick the next comes a period later.
fn every(period: Duration) -> Interval {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.reset();
    ticks
}

/// Cuts runs whose stop was asked for as soon as that is heard, and those whose lease or time has
/// run out.
async fn watch(leases: Leases, mut signals: Listener, beat_now: Arc<Notify>) {
    let mut tick = every(TICK);
    loop {
        tokio::select! {
            signal = signals.next() => match signal {
                Some(Signal::Stop(run)) => {
                    if let Some(lease) = leases.find(run) {
                        lease.cut(Cut::Stopped);
                    }
                }
                // A stop may be among what was missed; the heartbeat's answer says.
                Some(Signal::Missed) => beat_now.notify_one(),
                Some(_) => {}
                None => return,
            },
            _ = tick.tick() => leases.look(),
        }
    }
}

struct Heart {
    deps: Arc<Deps>,
    settings: Arc<Settings>,
    worker: Arc<str>,
    leases: Leases,
    beat_now: Arc<Notify>,
    /// Leases that the database gave us at the last beat and nobody here has: handed back when they
    /// are still there at the next, for a claim that is just being taken in looks the same.
    unknown: HashSet<(Uuid, i64)>,
}

impl Heart {
    async fn run(mut self) {
        let mut beats = every(self.settings.heartbeat);
        loop {
            tokio::select! {
                _ = beats.tick() => {}
                () = self.beat_now.notified() => {}
            }
            self.beat().await;
        }
    }

    async fn beat(&mut self) {
        let store = &self.deps.store;
        let terms = claim::Terms {
            lease: self.settings.lease,
            max_stalls: self.settings.max_stalls,
        };
        // Claims that come in meanwhile are not in the answer, and not lost.
        let mine = self.leases.all();
        let asked_at = store.clock.monotonic();
        // A connection whose other end is gone without a word says nothing for minutes: the next beat
        // takes another one while the leases last.
        let renewed = claim::renew(store, &self.worker, &terms);
        let kept = match tokio::time::timeout(self.settings.lease / 2, renewed).await {
            Ok(Ok(kept)) => kept,
            Ok(Err(fault)) => {
                let error = Chain(&fault);
                tracing::warn!(%error, "a heartbeat failed; the leases run on");
                return;
            }
            Err(_) => {
                tracing::warn!("a heartbeat had no answer; the leases run on");
                return;
            }
        };
        for lease in &mine {
            match kept
                .iter()
                .find(|kept| kept.id == lease.run && kept.fence == lease.fence)
            {
                Some(kept) => {
                    lease.extend(asked_at + self.settings.lease);
                    if kept.stop_requested_at.is_some() {
                        lease.cut(Cut::Stopped);
                    }
                }
                None => lease.cut(Cut::Lost),
            }
        }
        let mut unknown = HashSet::new();
        for kept in kept {
            let is_known = self
                .leases
                .find(kept.id)
                .is_some_and(|lease| lease.fence == kept.fence);
            if is_known {
                continue;
            }
            if !self.unknown.contains(&(kept.id, kept.fence)) {
                unknown.insert((kept.id, kept.fence));
                continue;
            }
            if let Err(fault) = claim::release(store, kept.id, &self.worker, kept.fence).await {
                tracing::warn!(run.id = %kept.id, error = %Chain(&fault), "a run could not be handed back yet");
                unknown.insert((kept.id, kept.fence));
            }
        }
        self.unknown = unknown;
    }
}
