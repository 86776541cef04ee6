//! Workers of a PRB: restart, and kick then restart, through the door that the PRB has.
//!
//! Each worker is looked at right before, and left alone in the states in which a restart is useless or harmful. An answer
//! of success means that the command was taken, never that the worker is well: progress is for others to see. There is no
//! call here that registers a worker anew (`RefreshRaAndRestartWorker`, `force_register`): those spend gas.
//! Sources: `runtime-bridge` `src/lifecycle/ptp`, `src/lifecycle/handlers` (v0); `phala-blockchain` `standalone/prb`.

mod answers;
mod bar;
mod door;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::time::Duration;

pub use bar::Bar;
pub use door::Door;

use super::Failed;
use crate::collectors::prb::worker::Worker;
use crate::upstream::Why;
use crate::values;

/// The workers of one PRB; with v2, of one of its lifecycles.
pub struct PrbWorkers {
    door: Door,
    pace: Pace,
}

/// How many at once, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Workers in one call, up to [`MOST_IN_A_CALL`]. A call that fails midway leaves open which of them it reached.
    pub batch: usize,
    /// Between two calls.
    pub pause: Duration,
}

/// What became of one worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// PRB took the command.
    Taken,
    /// It was left alone.
    Barred(Bar),
    Failed(Failed),
    /// A call before failed, so this one was not made.
    NotAsked,
}

/// Each worker that was named, by its uuid, in the order in which they were named.
pub type Outcomes = Vec<(String, Outcome)>;

/// So that a call stays far below the 100 kB that a monitor of v2 takes, and one failure costs few workers their outcome.
pub const MOST_IN_A_CALL: usize = 50;
/// Restarting more of a fleet one by one is no repair any more; nothing is done to any of them.
pub const MOST_IN_AN_ORDER: usize = 200;

impl PrbWorkers {
    pub const fn new(door: Door, pace: Pace) -> Self {
        Self { door, pace }
    }

    /// How failures name it.
    pub fn who(&self) -> &str {
        self.door.who()
    }

    /// Restarts the named workers, batch by batch. An error means that nothing was done to any of them.
    pub async fn restart(&self, uuids: &[String]) -> Result<Outcomes, Failed> {
        self.check("restart", uuids)?;
        let mut outcomes = Vec::with_capacity(uuids.len());
        let mut broken = false;
        for (index, batch) in uuids.chunks(self.pace.batch.clamp(1, MOST_IN_A_CALL)).enumerate() {
            if broken {
                outcomes.extend(batch.iter().map(|uuid| (uuid.clone(), Outcome::NotAsked)));
                continue;
            }
            if index > 0 {
                tokio::time::sleep(self.pace.pause).await;
            }
            // Looked at for each batch anew: the one before may have been a while ago.
            let seen = match self.seen().await {
                Ok(seen) => seen,
                Err(failed) if index == 0 => return Err(failed),
                Err(failed) => {
                    outcomes.extend(batch.iter().map(|uuid| (uuid.clone(), Outcome::Failed(failed.clone()))));
                    broken = true;
                    continue;
                }
            };
            let done = self.restart_batch(batch, &seen).await;
            broken = done.iter().any(|(_, outcome)| matches!(outcome, Outcome::Failed(_)));
            outcomes.extend(done);
        }
        Ok(outcomes)
    }

    async fn restart_batch(&self, batch: &[String], seen: &HashMap<String, Worker>) -> Outcomes {
        let barred = |uuid: &String| bar::of(seen.get(uuid));
        let wanted: Vec<&str> = batch
            .iter()
            .filter(|uuid| barred(uuid).is_none())
            .map(String::as_str)
            .collect();
        let called = match &wanted[..] {
            [] => Ok(()),
            wanted => self.door.restart(wanted).await,
        };
        let outcome = |uuid: &String| match (barred(uuid), &called) {
            (Some(bar), _) => Outcome::Barred(bar),
            (None, Ok(())) => Outcome::Taken,
            (None, Err(failed)) => Outcome::Failed(failed.clone()),
        };
        batch.iter().map(|uuid| (uuid.clone(), outcome(uuid))).collect()
    }

    /// Ends the named workers' pRuntimes, one after another, and restarts each worker when its pRuntime is `back`: that is
    /// for the caller to see, and must mean a new process, since the old one still answers for a moment. It is given
    /// `within` for it. Whether pRuntime can be kicked at all, and is started again by whatever runs it, the caller knows.
    pub async fn kick_then_restart<B>(
        &self,
        uuids: &[String],
        within: Duration,
        back: impl Fn(Worker) -> B,
    ) -> Result<Outcomes, Failed>
    where
        B: Future<Output = ()>,
    {
        self.check("kick", uuids)?;
        self.door.can_kick()?;
        let mut outcomes: Outcomes = Vec::with_capacity(uuids.len());
        for uuid in uuids {
            let broken = matches!(outcomes.last(), Some((_, Outcome::Failed(_) | Outcome::NotAsked)));
            if broken {
                outcomes.push((uuid.clone(), Outcome::NotAsked));
                continue;
            }
            if !outcomes.is_empty() {
                tokio::time::sleep(self.pace.pause).await;
            }
            let outcome = match self.seen().await {
                Ok(seen) => match (bar::of(seen.get(uuid)), seen.get(uuid)) {
                    (None, Some(worker)) => self.kick_one(uuid, worker, within, &back).await,
                    (bar, _) => Outcome::Barred(bar.unwrap_or(Bar::Absent)),
                },
                Err(failed) if outcomes.is_empty() => return Err(failed),
                Err(failed) => Outcome::Failed(failed),
            };
            outcomes.push((uuid.clone(), outcome));
        }
        Ok(outcomes)
    }

    async fn kick_one<B>(&self, uuid: &str, worker: &Worker, within: Duration, back: &impl Fn(Worker) -> B) -> Outcome
    where
        B: Future<Output = ()>,
    {
        if let Err(failed) = self.door.kick(uuid).await {
            return Outcome::Failed(failed);
        }
        if tokio::time::timeout(within, back(worker.clone())).await.is_err() {
            let words = format!(
                "{} was kicked, and its pRuntime is not back after {}: does whatever runs it start it again? PRB leaves the \
                 worker kicked until it is restarted",
                worker.identity.name,
                values::Duration::from(within)
            );
            return Outcome::Failed(Failed::after(self.who(), "kick", Why::upstream(words)));
        }
        match self.door.restart(&[uuid]).await {
            Ok(()) => Outcome::Taken,
            // The kick before it had its effect.
            Err(failed) => Outcome::Failed(Failed::after(
                failed.fault.who,
                failed.fault.operation,
                failed.fault.why,
            )),
        }
    }

    /// The workers that are loaded, by uuid.
    async fn seen(&self) -> Result<HashMap<String, Worker>, Failed> {
        let workers = self.door.workers().await?;
        Ok(workers
            .into_iter()
            .map(|worker| (worker.identity.uuid.clone(), worker))
            .collect())
    }

    fn check(&self, operation: &str, uuids: &[String]) -> Result<(), Failed> {
        let refused = |words: String| Err(Failed::before(self.who(), operation, Why::Configuration(words)));
        if uuids.is_empty() {
            return refused("no worker is named".to_owned());
        }
        if uuids.len() > MOST_IN_AN_ORDER {
            return refused(format!(
                "{} workers at once; {MOST_IN_AN_ORDER} is the most",
                uuids.len()
            ));
        }
        // PRB takes a wrong list for success.
        let sound = |uuid: &String| {
            let good = |b: u8| b.is_ascii_hexdigit() || b == b'-';
            (1..=64).contains(&uuid.len()) && uuid.bytes().all(good)
        };
        match uuids.iter().find(|uuid| !sound(uuid)) {
            Some(_) => refused("a worker that is not named by its uuid".to_owned()),
            None => Ok(()),
        }
    }
}
