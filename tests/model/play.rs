//! One process of farmwarden, from a moment in which nothing is under way through a list of moves.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use farmwarden::clock::{Clock, Now};
use farmwarden::remedy::{IncidentId, Key, Ledger, Pause, Runner, Scope, Sight, State, Step, Undone};
use tokio::task::JoinHandle;

use super::case::{Case, Fault, LEAP, PASS};
use super::farm::{Around, LOST, Outside};
use super::laws::FORGETFUL;
use super::moment::{Ends, Flight, Moment, Move, Rest, Sees};
use super::world::{World, at};

/// How long the disk may take is nature's.
const PATIENT: Duration = Duration::from_secs(1 << 30);

/// More than any chain of tasks that wake one another is long.
const HOPS: usize = 16;

async fn settle() {
    for _ in 0..HOPS {
        tokio::task::yield_now().await;
    }
}

/// Lives through the moves from there.
pub(crate) fn play(rest: &Arc<Rest>, moves: Vec<Move>) -> Moment {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut process = Process::start(rest);
        for step in &moves {
            process.lives(step).await;
        }
        process.moment(rest, moves)
    })
}

/// An action that goes on, and its target.
type Act = (usize, JoinHandle<()>);

struct Process {
    around: Around,
    runner: Arc<Runner<Around, Around, Around>>,
    visits: Vec<(Flight, JoinHandle<()>)>,
    /// Begun by visits that are over.
    acts: Arc<Mutex<Vec<Act>>>,
    /// What was told from outside and is being recorded.
    told: Vec<JoinHandle<()>>,
}

fn runner(around: &Around, state: State, last: u64) -> Arc<Runner<Around, Around, Around>> {
    let remedies = Arc::clone(&around.locked().world.case.remedies);
    let of = around.clone();
    let clock = Clock::from_fn(move || Now {
        wall: of.locked().world.now(),
        monotonic: tokio::time::Instant::now(),
    });
    let ledger = Ledger::new(around.clone(), state, last);
    Arc::new(Runner::new(ledger, around.clone(), around.clone(), remedies, clock))
}

impl Process {
    fn start(rest: &Rest) -> Self {
        // The number of a record matters only as that of an incident, which never comes again.
        let last = rest.world.next - 1;
        let outside = Outside {
            calls: vec![0; rest.world.looked.len()],
            world: rest.world.clone(),
            last,
            disk: Vec::new(),
            looks: Vec::new(),
            runs: Vec::new(),
            running: Vec::new(),
        };
        let around = Around(Arc::new(Mutex::new(outside)));
        let runner = runner(&around, rest.state.clone(), last);
        Self {
            around,
            runner,
            visits: Vec::new(),
            acts: Arc::default(),
            told: Vec::new(),
        }
    }

    async fn lives(&mut self, step: &Move) {
        match step {
            Move::Pass => self.passes(PASS).await,
            Move::Leap => self.passes(LEAP).await,
            Move::Round(target, sees) => {
                let world = &mut self.around.locked().world;
                let began = world.second;
                world.reads(*target, began, *sees);
            }
            Move::Visit(target) => self.visits_target(*target),
            Move::Looked(target, sees) => self.looked(*target, *sees),
            Move::Ended(target, ends) => {
                let said = match ends {
                    Ends::Well => Ok("HTTP 204".to_owned()),
                    Ends::Badly => Err(Undone::Failed("HTTP 500".to_owned())),
                    Ends::Refused => {
                        self.around.locked().world.left.vetoes -= 1;
                        Err(Undone::Refused("not now".to_owned()))
                    }
                };
                self.ended(*target, said);
            }
            Move::Lost(target) => {
                let name = self.around.locked().world.case.targets()[*target].clone();
                self.around.locked().world.is_cut(&name);
                self.ended(*target, Err(Undone::Failed(LOST.to_owned())));
            }
            Move::Order => {
                let step = {
                    let world = &mut self.around.locked().world;
                    world.left.deliveries -= 1;
                    world.case.order(world.second)
                };
                self.records(step).await;
                // As it was meant.
                let world = &mut self.around.locked().world;
                world.order.until = Some(world.second + Case::ORDER_HOLDS);
            }
            Move::TakeOrderBack => {
                let key = self.around.locked().world.case.key(0);
                if let Some(incident) = self.runner.ledger().with(|state| Some(state.open_for(&key)?.id)) {
                    {
                        let world = &mut self.around.locked().world;
                        world.left.words -= 1;
                        world.order.is_being_taken_back = true;
                    }
                    let by = "li".to_owned();
                    self.takes_word_back(Step::TakenBack { incident, by });
                }
            }
            Move::Ask(number) => {
                let step = {
                    let world = &mut self.around.locked().world;
                    world.left.deliveries -= 1;
                    Step::Asked(world.case.request(*number))
                };
                self.records(step).await;
            }
            Move::TakeBack(number) => self.takes_back(*number),
            Move::Disk(is_sound) => {
                let mut outside = self.around.locked();
                outside.world.left.refusals -= u8::from(!is_sound);
                outside.flush(*is_sound);
            }
            Move::Crash { is_kept } => self.crashes(*is_kept).await,
            Move::Deliver(message) => {
                let step = {
                    let world = &mut self.around.locked().world;
                    world.left.deliveries -= 1;
                    let case = Arc::clone(&world.case);
                    let message = &case.messages[*message];
                    world.heard[message.alert].hears(message.from, message.to, world.second);
                    message.step(&case)
                };
                self.records(step).await;
            }
            Move::Pause | Move::Resume | Move::Approve(_) | Move::Freeze | Move::Break => self.obeys(step).await,
        }
        settle().await;
        if let (Move::Visit(target), Some((_, visit))) = (step, self.visits.last())
            && visit.is_finished()
        {
            let has_incident = |key: &Key| self.runner.ledger().with(|state| state.open_for(key).is_some());
            self.around.locked().world.is_visited(*target, has_incident);
        }
        self.visits.retain(|(_, visit)| !visit.is_finished());
        self.told.retain(|told| !told.is_finished());
        self.acts.lock().unwrap().retain(|(_, act)| !act.is_finished());
        let next = self
            .runner
            .ledger()
            .with(|state| state.incidents().map(|incident| incident.id.record + 1).max());
        let world = &mut self.around.locked().world;
        world.next = world.next.max(next.unwrap_or_default());
    }

    async fn passes(&self, seconds: u64) {
        {
            let left = &mut self.around.locked().world.left;
            *(if seconds == PASS {
                &mut left.passes
            } else {
                &mut left.leaps
            }) -= 1;
        }
        self.around.locked().world.second += seconds;
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    fn visits_target(&mut self, target: usize) {
        let runner = Arc::clone(&self.runner);
        let name = self.around.locked().world.case.targets()[target].clone();
        let ids = self.ids(target);
        let flight = Flight {
            target,
            calls: self.around.locked().calls[target],
            ids,
        };
        let acts = Arc::clone(&self.acts);
        let visit = tokio::spawn(async move {
            if let Some(begun) = runner.visit(&name).await.begun {
                let act = tokio::spawn(async move { runner.act(begun).await });
                acts.lock().unwrap().push((target, act));
            }
        });
        self.visits.push((flight, visit));
    }

    fn ids(&self, target: usize) -> Vec<IncidentId> {
        let name = self.around.locked().world.case.targets()[target].clone();
        let of_target = |state: &State| {
            state
                .incidents()
                .filter(|incident| incident.key.target == name)
                .map(|incident| incident.id)
                .collect()
        };
        self.runner.ledger().with(of_target)
    }

    fn looked(&mut self, target: usize, sees: Sees) {
        let ids = self.ids(target);
        if let Some((flight, _)) = self.visits.iter_mut().find(|(flight, _)| flight.target == target) {
            flight.ids = ids;
        }
        let mut outside = self.around.locked();
        let place = outside.looks.iter().position(|(of, ..)| *of == target).unwrap();
        let (_, began, told) = outside.looks.remove(place);
        outside.world.reads(target, began, sees);
        told.send(()).unwrap_or_default();
    }

    fn ended(&self, target: usize, said: Result<String, Undone>) {
        let mut outside = self.around.locked();
        let name = outside.world.case.targets()[target].clone();
        let place = outside.runs.iter().position(|(plan, _)| plan.target == name).unwrap();
        let (_, told) = outside.runs.remove(place);
        drop(told.send(said));
    }

    /// As it is done for a request: between two beginnings. The disk takes its time.
    fn takes_back(&mut self, number: usize) {
        let id = {
            let world = &mut self.around.locked().world;
            world.left.words -= 1;
            world.requests[number].is_being_taken_back = true;
            world.case.request(number).id()
        };
        self.takes_word_back(Step::Withdrawn(id));
    }

    fn takes_word_back(&mut self, step: Step) {
        let (runner, fault) = (Arc::clone(&self.runner), self.around.locked().world.case.fault);
        self.told.push(tokio::spawn(async move {
            let recording = runner.ledger().record(step);
            if fault == Fault::TakenBackAtAnyTime {
                drop(recording.await);
            } else {
                drop(runner.between_beginnings(PATIENT, recording).await);
            }
        }));
    }

    /// Recorded at once: what comes in while the disk is slow waits behind what is there already.
    async fn records(&mut self, step: Step) {
        let runner = Arc::clone(&self.runner);
        self.told.push(tokio::spawn(async move {
            drop(runner.ledger().record(step).await);
        }));
        settle().await;
        self.around.locked().flush(true);
    }

    async fn obeys(&mut self, order: &Move) {
        let (case, now) = {
            let world = &mut self.around.locked().world;
            world.left.words -= 1;
            (Arc::clone(&world.case), world.second)
        };
        let by = "li".to_owned();
        match order {
            Move::Freeze => {
                let world = &mut self.around.locked().world;
                world.frozen = !world.frozen;
            }
            Move::Break => {
                let world = &mut self.around.locked().world;
                world.cause = !world.cause;
            }
            Move::Pause => {
                let until = at(now + 100_000);
                self.records(Step::Paused(Pause {
                    scope: Scope::All,
                    by,
                    reason: String::new(),
                    until,
                }))
                .await;
                self.around.locked().world.paused = true;
            }
            Move::Resume => {
                self.records(Step::Resumed { scope: Scope::All, by }).await;
                self.around.locked().world.paused = false;
            }
            Move::Approve(entity) => {
                let key = case.key(*entity);
                let of = |state: &State| state.open_for(&key).map(|incident| (incident.id, incident.rung));
                if let Some((incident, rung)) = self.runner.ledger().with(of) {
                    // Shorter than a farm lives, so that it also ends before it is used.
                    let until = at(now + 3 * PASS / 2);
                    let step = case.approved(incident, *entity, rung, until);
                    self.records(step).await;
                    self.around.locked().world.approved.push((incident, rung, until));
                }
            }
            _ => {}
        }
    }

    /// A process ends and another begins with what is on the disk.
    async fn crashes(&mut self, is_kept: bool) {
        let known = self.runner.ledger().with(Clone::clone);
        let is_torn = !self.around.locked().disk.is_empty();
        for (_, visit) in self.visits.drain(..) {
            visit.abort();
        }
        let acts = std::mem::take(&mut *self.acts.lock().unwrap());
        for task in self.told.drain(..).chain(acts.into_iter().map(|(_, act)| act)) {
            task.abort();
        }
        settle().await;
        let state = {
            let mut outside = self.around.locked();
            if is_kept {
                outside.flush(true);
            }
            outside.disk.clear();
            outside.looks.clear();
            outside.runs.clear();
            let world = &mut outside.world;
            world.left.crashes -= 1;
            for request in &mut world.requests {
                request.is_being_taken_back = false;
            }
            world.order.is_being_taken_back = false;
            let state = replayed(world);
            if (!is_torn || !is_kept) && state != known {
                world.broken.insert(FORGETFUL);
            }
            world.started = world.second;
            world.looked.iter_mut().for_each(|looked| *looked = None);
            let now = world.second;
            world.seen.iter_mut().for_each(|seen| *seen = (Sight::CannotTell, now));
            state
        };
        settle().await;
        let last = self.around.locked().last;
        self.runner = runner(&self.around, state, last);
    }

    fn moment(&self, rest: &Arc<Rest>, since: Vec<Move>) -> Moment {
        let state = self.runner.ledger().with(Clone::clone);
        let outside = self.around.locked();
        let mut flights: Vec<Flight> = Vec::new();
        for (flight, _) in &self.visits {
            // Of two on a target the first has the lock.
            let is_first = flights.iter().all(|other| other.target != flight.target);
            let calls = if is_first {
                outside.calls[flight.target] - flight.calls
            } else {
                0
            };
            flights.push(Flight {
                calls,
                ..flight.clone()
            });
        }
        let acts: Vec<usize> = self.acts.lock().unwrap().iter().map(|(target, _)| *target).collect();
        let is_at_rest = flights.is_empty() && acts.is_empty() && outside.disk.is_empty();
        let world = outside.world.clone();
        let (rest, since) = if is_at_rest {
            (
                Arc::new(Rest {
                    world: world.clone(),
                    state: state.clone(),
                }),
                Vec::new(),
            )
        } else {
            (Arc::clone(rest), since)
        };
        Moment {
            world,
            state,
            flights,
            acts,
            looks: outside
                .looks
                .iter()
                .map(|(target, began, _)| (*target, *began))
                .collect(),
            disk: outside.disk.iter().map(|(step, _)| format!("{step:?}")).collect(),
            runs: outside.runs.iter().map(|(plan, _)| plan.clone()).collect(),
            rest,
            since,
        }
    }
}

/// The state that a restart makes of what is on the disk.
fn replayed(world: &World) -> State {
    let mut state = State::default();
    for (sequence, time, step) in world.journal.iter() {
        state.apply(*sequence, *time, step);
    }
    state
}
