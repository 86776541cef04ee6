//! One worker of a PRB, by the name that its symptom has for it.
//!
//! Source of what is never repaired like that: phala contract, "Guards for remediation".

use std::future::Future;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::catalogue::{self, Action, Key};
use super::check::Checked;
use super::tools::Tools;
use super::{Hands, left_alone};
use crate::actions::prb_workers::{Door, Outcome, Outcomes, Pace, PrbWorkers};
use crate::actions::{Effect, Failed};
use crate::collectors::prb::worker::Worker;
use crate::collectors::prb::{self, PeerView, Prb, Row};
use crate::remedy::runner::Undone;
use crate::remedy::settings::Rung;
use crate::remedy::step::Plan;
use crate::values::{self, Name};

/// What PRB is told about a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Restart,
    Kick,
}

const KICK_API: Key = Key {
    name: "kick_api",
    is: "`enabled`: your word that pRuntime runs with `--enable-kick-api`; without it a kick does nothing",
};
const RESTART_POLICY: Key = Key {
    name: "restart_policy",
    is: "`always`: your word that whatever runs pRuntime starts it again after an exit with code 0",
};

pub(super) static ACTIONS: [Action; 2] = [
    Action {
        name: "restart-worker",
        does: "has PRB restart the worker that is ill; its pRuntime is not touched",
        keys: &[],
        read: |_| Some(catalogue::Order::Worker(Order::Restart)),
    },
    Action {
        name: "kick-worker",
        does: "has PRB end the worker's pRuntime, waits until a new one answers, and has PRB restart the worker",
        keys: &[KICK_API, RESTART_POLICY],
        read: |with| {
            let words = [with.said(&KICK_API, "enabled"), with.said(&RESTART_POLICY, "always")];
            let all = words.iter().all(|said| *said);
            all.then_some(catalogue::Order::Worker(Order::Kick))
        },
    },
];

/// Between two restarts of the same worker.
const COOL_DOWN: values::Duration = values::Duration::from_secs(600);
/// Restarts of the same worker in [`ATTEMPTS_WITHIN`].
const ATTEMPTS: u32 = 3;
const ATTEMPTS_WITHIN: values::Duration = values::Duration::from_secs(6 * 3600);
/// Between two orders to the same PRB: a lifecycle takes a worker apart for each.
const PAUSE: Duration = Duration::from_secs(2);
const PACE: Pace = Pace { batch: 1, pause: PAUSE };
/// A pRuntime that does not say since when it runs, and answers so long after the kick, is a new one: the old one ends at once.
const ENDED_AFTER: Duration = Duration::from_secs(30);
/// What the calls before and after a kick may take; the rest of the rung's time is for pRuntime.
const CALLS: Duration = Duration::from_secs(100);
/// By how much a pRuntime's own count of its time may be off.
const SAME_START: Duration = Duration::from_secs(5);

/// A worker, and through what it is told something.
struct Found {
    workers: PrbWorkers,
    uuid: String,
    /// `was error at block 4242`
    was: String,
}

impl Order {
    pub(super) const fn needs(self) -> Duration {
        match self {
            // A look, and the 30s that a monitor tries to reach a lifecycle.
            Self::Restart => Duration::from_secs(60),
            Self::Kick => Duration::from_secs(180),
        }
    }
}

impl Checked<'_> {
    pub(super) fn worker(&mut self, order: Order, rung: &Rung, number: usize, place: &str) {
        for (index, target) in self.policy.targets.iter().enumerate() {
            let words = match self.settings.prb(target) {
                Some(prb) if prb.solo.is_empty() => continue,
                Some(_) => format!(
                    "`{target}` has workers without a PRB, and `{}` is told to a PRB",
                    rung.action
                ),
                None if (self.is_unread)(target) || !self.settings.targets.contains_key(target) => continue,
                None => format!("`{target}` is no PRB, and `{}` is told to one", rung.action),
            };
            self.say(format!("targets[{index}]"), words);
        }
        if self.policy.cool_down < COOL_DOWN {
            let words = format!("a worker is restarted at most every {COOL_DOWN}");
            self.say("cool_down", words);
        }
        let attempts = self.policy.attempts;
        if attempts.most.get() > ATTEMPTS || attempts.within < ATTEMPTS_WITHIN {
            let words = format!("a worker is restarted at most {ATTEMPTS} times in {ATTEMPTS_WITHIN}");
            self.say("attempts", words);
        }
        if order == Order::Kick {
            self.kick(number, place);
        }
    }

    fn kick(&mut self, number: usize, place: &str) {
        let before = self.policy.rungs.iter().take(number);
        if !before.into_iter().any(|rung| rung.action.as_str() == "restart-worker") {
            let words = "`kick-worker` comes after a `restart-worker` that did not help";
            self.say(format!("{place}.action"), words);
        }
        for (index, target) in self.policy.targets.iter().enumerate() {
            let Some(prb) = self.settings.prb(target).filter(|prb| prb.solo.is_empty()) else {
                continue;
            };
            let words = if prb.worker_manager.is_some() {
                format!("`{target}` is a PRB v3, which cannot kick a worker")
            } else if prb.pruntimes.is_none() {
                format!("`{target}` has no `pruntimes`: nobody would see that a pRuntime is back")
            } else {
                continue;
            };
            self.say(format!("targets[{index}]"), words);
        }
    }
}

impl Hands {
    pub(super) async fn worker(&self, tools: &Tools, order: Order, plan: &Plan) -> Result<String, Undone> {
        match order {
            Order::Restart => self.restart_worker(tools, plan).await,
            Order::Kick => self.kick_worker(tools, plan).await,
        }
    }

    async fn restart_worker(&self, tools: &Tools, plan: &Plan) -> Result<String, Undone> {
        let found = self.found(tools, plan)?;
        let turn = self.turn(&plan.target).await;
        let outcome = found.workers.restart(std::slice::from_ref(&found.uuid)).await;
        drop(turn);
        said(outcome, plan, "restarted", &found.was)
    }

    async fn kick_worker(&self, tools: &Tools, plan: &Plan) -> Result<String, Undone> {
        let found = self.found(tools, plan)?;
        let turn = self.turn(&plan.target).await;
        let within = plan.within.get().saturating_sub(CALLS).max(CALLS / 2);
        let target = &plan.target;
        let back = |worker: Worker| self.is_back(target, worker);
        let uuids = std::slice::from_ref(&found.uuid);
        let outcome = found.workers.kick_then_restart(uuids, within, back).await;
        drop(turn);
        said(
            outcome,
            plan,
            "kicked its pRuntime, which came back, and restarted",
            &found.was,
        )
    }

    fn found(&self, tools: &Tools, plan: &Plan) -> Result<Found, Undone> {
        let target = tools.settings.prb(&plan.target);
        let target = target.ok_or_else(|| left_alone(format!("`{}` is no PRB", plan.target)))?;
        let view = self.view(&plan.target);
        let snapshot = view.as_ref().and_then(|view| view.snapshot::<Prb>());
        let snapshot = snapshot.ok_or_else(|| left_alone(format!("`{}` has no picture yet", plan.target)))?;
        let (lifecycle, row) = worker(snapshot, &plan.entity).map_err(left_alone)?;
        if let Some(words) = self.is_shared(&plan.target, lifecycle) {
            return Err(left_alone(words));
        }
        let door = self.door(target, snapshot, lifecycle);
        let door = door.ok_or_else(|| left_alone(format!("`{}` has no door through which it is told", plan.target)))?;
        Ok(Found {
            workers: PrbWorkers::new(door, PACE),
            uuid: row.worker.identity.uuid.clone(),
            was: was(&row.worker),
        })
    }

    /// What many of a lifecycle's workers have in common is no matter of one of them.
    fn is_shared(&self, target: &Name, lifecycle: &PeerView) -> Option<String> {
        let findings = self.findings(target);
        let mut own = findings.iter().filter(|finding| finding.entity == lifecycle.label);
        let shared = own.find(|finding| *finding.symptom == prb::WORKERS_CORRELATED)?;
        Some(format!(
            "many workers of {} fail alike ({}), which no restart of one of them cures",
            lifecycle.label, shared.evidence
        ))
    }

    fn door(&self, target: &prb::Target, snapshot: &prb::Snapshot, lifecycle: &PeerView) -> Option<Door> {
        if let Some(manager) = &target.worker_manager {
            return Some(Door::v3(&self.upstream, manager));
        }
        if let Some(monitor) = &target.legacy_monitor {
            return Some(Door::v0(&self.upstream, monitor));
        }
        let (monitor, turns) = (target.monitor.as_ref()?, snapshot.turns.clone()?);
        Some(Door::v2(&self.upstream, monitor, lifecycle.peer.id.clone(), turns))
    }

    /// Waits until the PRB may be told something again. Held until the answer is there.
    async fn turn(&self, target: &Name) -> impl Drop + use<> {
        let last = {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(told.entry(target.clone()).or_default())
        };
        let mut last = last.lock_owned().await;
        if let Some(then) = *last {
            tokio::time::sleep_until(then + PAUSE).await;
        }
        *last = Some(Instant::now());
        last
    }

    /// Until the worker's pRuntime is another process than the one that was kicked, as the PRB's own collector sees it at its
    /// own pace: it began later, or it was away meanwhile.
    fn is_back(&self, target: &Name, worker: Worker) -> impl Future<Output = ()> + Send {
        let (kicked, kicked_at) = (Instant::now(), self.clock.now().wall);
        async move {
            let mut was_away = false;
            loop {
                let view = self.view(target);
                let snapshot = view.as_ref().and_then(|view| view.snapshot::<Prb>());
                let seen = snapshot.and_then(|snapshot| snapshot.runtimes.of(&worker.identity.endpoint));
                if let Some(seen) = seen {
                    was_away |= seen.up() == Some(false);
                    let answered = |since: Instant| seen.told.as_ref().is_some_and(|told| told.at >= since);
                    let is_new = match seen.watch.started {
                        Some(started) => started.plus(SAME_START) >= kicked_at,
                        None => answered(kicked + ENDED_AFTER),
                    };
                    if seen.up() == Some(true) && answered(kicked) && (is_new || was_away) {
                        return;
                    }
                }
                tokio::time::sleep(self.look_every).await;
            }
        }
    }
}

/// The one worker that is loaded under this name.
fn worker<'a>(snapshot: &'a prb::Snapshot, entity: &str) -> Result<(&'a PeerView, &'a Row), String> {
    let shown = values::repeated(entity);
    let with_rows = snapshot
        .lifecycles()
        .filter_map(|view| Some((view, view.workers.as_ref()?)));
    let mut named = with_rows.flat_map(|(view, seen)| {
        let own = move |row: &&Row| is_named(entity, &view.label, &row.label);
        seen.value.rows.iter().filter(own).map(move |row| (view, row))
    });
    match (named.next(), named.next()) {
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) => Err(format!("two workers are called {shown}")),
        (None, _) if snapshot.lifecycles().any(|view| view.label == entity) => Err(format!(
            "{shown} is a whole lifecycle; its workers are not restarted one by one"
        )),
        (None, _) => Err(format!(
            "PRB has loaded no worker {shown}: it is disabled, new since the last start, or not there"
        )),
    }
}

/// As findings name a worker: `lifecycle/worker`.
fn is_named(entity: &str, lifecycle: &str, worker: &str) -> bool {
    let rest = entity.strip_prefix(lifecycle).and_then(|rest| rest.strip_prefix('/'));
    rest == Some(worker)
}

fn was(worker: &Worker) -> String {
    let status = worker.status.label();
    match worker.heights.para_block {
        Some(block) => format!("was {status} at block {block}"),
        None => format!("was {status} without any block"),
    }
}

fn said(outcome: Result<Outcomes, Failed>, plan: &Plan, did: &str, was: &str) -> Result<String, Undone> {
    let (entity, target) = (values::clean(&plan.entity), &plan.target);
    match outcome?.into_iter().next() {
        Some((_, Outcome::Taken)) => Ok(format!("{did} {entity} of {target} ({was}); PRB took the command")),
        Some((_, Outcome::Barred(bar))) => Err(Undone::Refused(format!("{entity} of {target} was left alone: {bar}"))),
        Some((_, Outcome::Failed(failed))) => {
            let undone = |words| match failed.effect {
                Effect::Nothing => Undone::Refused(words),
                Effect::Unknown => Undone::Failed(words),
            };
            Err(undone(format!("{entity} of {target}: {failed}")))
        }
        Some((_, Outcome::NotAsked)) | None => Err(Undone::Refused(format!("{entity} of {target} was not asked"))),
    }
}
