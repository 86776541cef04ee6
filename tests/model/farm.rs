//! What lies around the runner: disk, hands, eyes and clock as nature moves them. Every call waits until nature answers.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use farmwarden::actions::remote::Nonce;
use farmwarden::clock::UnixTime;
use farmwarden::collectors::Symptom;
use farmwarden::journal::{AppendError, Appended, Hash as LineHash, Head};
use farmwarden::remedy::{Eyes, Fleet, Hands, Key, Notes, Plan, Record, Seen, Sight, Step, Undone, View};
use farmwarden::values::Name;
use tokio::sync::oneshot;

use super::case::Fault;
use super::world::{World, at};

/// What hands say that were cut off from those whom they asked.
pub(crate) const LOST: &str = "the link is cut";

type Told = oneshot::Sender<Result<Appended, AppendError>>;

/// The world, and who waits for it.
pub(crate) struct Outside {
    pub(crate) world: World,
    /// The number of the record's last step.
    pub(crate) last: u64,
    pub(crate) disk: Vec<(Step, Told)>,
    pub(crate) looks: Vec<(usize, u64, oneshot::Sender<()>)>,
    pub(crate) runs: Vec<(Plan, oneshot::Sender<Result<String, Undone>>)>,
    /// Targets with actions that run in this moment.
    pub(crate) running: Vec<Name>,
    /// Calls by target, ever.
    pub(crate) calls: Vec<u32>,
}

impl Outside {
    /// What waits for the disk is written in one piece, or refused.
    pub(crate) fn flush(&mut self, is_sound: bool) {
        for (step, told) in std::mem::take(&mut self.disk) {
            let answer = if is_sound {
                self.last += 1;
                self.world.writes(self.last, &step);
                let head = Head {
                    sequence: self.last,
                    hash: LineHash::NONE,
                };
                Ok(Appended {
                    head,
                    time: self.world.now(),
                })
            } else {
                self.world.is_refused(&step);
                Err(AppendError::Busy { records: 1 })
            };
            drop(told.send(answer));
        }
    }
}

/// Disk, eyes and hands of one process.
#[derive(Clone)]
pub(crate) struct Around(pub(crate) Arc<Mutex<Outside>>);

impl Around {
    pub(crate) fn locked(&self) -> MutexGuard<'_, Outside> {
        self.0.lock().unwrap()
    }
}

impl Record for Around {
    fn append(&self, step: &Step) -> impl Future<Output = Result<Appended, AppendError>> + Send + 'static {
        let mut outside = self.locked();
        match step {
            Step::Started { incident, plan, .. } => outside.world.is_to_begin(*incident, plan),
            Step::Cured { incident, .. } => outside.world.is_to_be_cured(*incident),
            _ => {}
        }
        let (told, written) = oneshot::channel();
        outside.disk.push((step.clone(), told));
        async move { written.await.unwrap_or(Err(AppendError::Closed)) }
    }
}

impl Eyes for Around {
    async fn look(&self, key: &Key, _symptom: Option<&'static Symptom>) {
        let (told, looked) = oneshot::channel();
        {
            let mut outside = self.locked();
            let target = outside
                .world
                .case
                .targets()
                .iter()
                .position(|name| *name == key.target)
                .unwrap();
            let began = outside.world.second;
            outside.looks.push((target, began, told));
            outside.calls[target] += 1;
        }
        drop(looked.await);
    }

    fn view(&self, key: &Key, _symptom: Option<&'static Symptom>, _now: UnixTime) -> View {
        let outside = self.locked();
        let world = &outside.world;
        let entity = world.case.entity(key);
        let target = world
            .case
            .targets()
            .iter()
            .position(|name| *name == key.target)
            .unwrap();
        let (state, since) = world.seen[entity];
        let ill = world.seen.iter().filter(|(sight, _)| *sight == Sight::Ill).count();
        View {
            is_known: true,
            group: "farm".parse().unwrap(),
            started: at(world.started).minus(Duration::from_secs(if world.started == 0 { 3600 } else { 0 })),
            looked: world.looked[target].map(at),
            seen: Seen {
                state,
                since: if since == 0 {
                    at(0).minus(Duration::from_secs(600))
                } else {
                    at(since)
                },
                regained: None,
                evidence: String::new(),
            },
            cause: world.cause.then(|| "the node before it".to_owned()),
            fleet: Fleet {
                ill: u64::try_from(ill).unwrap(),
                all: Some(u64::try_from(world.seen.len()).unwrap()),
                stormed: None,
            },
            running: Vec::new(),
            frozen: world.frozen.then(|| "hands off".to_owned()),
        }
    }
}

/// Gone when the action is, however that comes about.
struct Busy(Around, Name);

impl Drop for Busy {
    fn drop(&mut self) {
        let mut outside = self.0.locked();
        let place = outside.running.iter().position(|target| *target == self.1);
        if let Some(place) = place {
            outside.running.remove(place);
        }
        outside.runs.retain(|(plan, _)| plan.target != self.1);
    }
}

impl Hands for Around {
    async fn run(&self, plan: &Plan, notes: &dyn Notes) -> Result<String, Undone> {
        let (told, ended) = oneshot::channel();
        let busy = {
            let mut outside = self.locked();
            if plan.notice {
                outside.world.is_run(plan, &[]);
                return Ok(String::new());
            }
            let Outside { world, running, .. } = &mut *outside;
            world.is_run(plan, running);
            running.push(plan.target.clone());
            Busy(self.clone(), plan.target.clone())
        };
        let (asks, fault) = {
            let case = &self.locked().world.case;
            (case.asks, case.fault)
        };
        if asks {
            self.asks(plan, notes, fault).await?;
        }
        self.locked().runs.push((plan.clone(), told));
        let said = ended
            .await
            .unwrap_or_else(|_| Err(Undone::Failed("cut off".to_owned())));
        drop(busy);
        if is_lost(&said) {
            if fault != Fault::SilentHands {
                notes.lose_sight();
            }
        } else if asks {
            self.is_known(plan, notes);
        }
        said
    }

    async fn take_back(&self, plan: &Plan, _request: Nonce, notes: &dyn Notes) -> Result<String, Undone> {
        notes.lose_sight();
        let (told, ended) = oneshot::channel();
        let busy = {
            let mut outside = self.locked();
            outside.world.signs.insert("taken_back_there");
            outside.running.push(plan.target.clone());
            outside.runs.push((plan.clone(), told));
            Busy(self.clone(), plan.target.clone())
        };
        let said = ended
            .await
            .unwrap_or_else(|_| Err(Undone::Failed("cut off".to_owned())));
        drop(busy);
        if !is_lost(&said) {
            self.is_known(plan, notes);
        }
        said
    }
}

/// The number of a request; that it is one of a kind matters to nobody here.
const NUMBER: Nonce = Nonce::of([9; 16]);

fn is_lost(said: &Result<String, Undone>) -> bool {
    said.as_ref().is_err_and(|undone| undone.to_string() == LOST)
}

impl Around {
    /// Asks another farmwarden, as soon as the number is on the disk.
    async fn asks(&self, plan: &Plan, notes: &dyn Notes, fault: Fault) -> Result<(), Undone> {
        let words = format!("asks for {}", plan.action);
        let written = if fault == Fault::ForgottenNumber {
            notes.note(words).await
        } else {
            notes.asks(words, NUMBER).await
        };
        written.map_err(Undone::Refused)?;
        if let Some(about) = notes.about() {
            self.locked().world.is_asked_elsewhere(about.incident);
        }
        notes.lose_sight();
        Ok(())
    }

    fn is_known(&self, plan: &Plan, notes: &dyn Notes) {
        notes.regain_sight();
        if let Some(about) = notes.about() {
            self.locked().world.is_known_elsewhere(about.incident, &plan.target);
        }
    }
}
