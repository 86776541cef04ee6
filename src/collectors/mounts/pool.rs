//! Inside the pool: which mount is asked by which child, and when a round is over.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::child::{self, News};
use super::probed::{BackOff, Mount, Task};
use super::prober::{CountOf, Failed, Finished, Key, Limits, Reports, Round};
use super::question::{Found, Question, What};
use crate::process::Program;

pub(super) struct Pool {
    program: Program,
    limits: Limits,
    alive: Gauge,
    children: HashMap<u64, Worker>,
    mounts: HashMap<Key, Mount>,
    /// Mounts whose room is to be asked, then directories to be counted: a count never delays a probe.
    rooms: VecDeque<Key>,
    counts: VecDeque<(Key, CountOf)>,
    waiting: Option<Waiting>,
    news: mpsc::Receiver<(u64, News)>,
    tell: mpsc::Sender<(u64, News)>,
    last_number: u64,
    back_off: BackOff,
}

struct Worker {
    questions: mpsc::Sender<Question>,
    at_work: Option<Work>,
}

struct Work {
    key: Key,
    what: Task,
    since: Instant,
}

struct Waiting {
    reply: oneshot::Sender<Reports>,
    until: Instant,
}

impl Pool {
    pub(super) fn new(program: Program, limits: Limits, alive: Gauge) -> Self {
        // Every child has at most one answer and its end to tell.
        let (tell, news) = mpsc::channel(limits.max_children.max(1) * 2);
        Self {
            program,
            limits,
            alive,
            children: HashMap::new(),
            mounts: HashMap::new(),
            rooms: VecDeque::new(),
            counts: VecDeque::new(),
            waiting: None,
            news,
            tell,
            last_number: 0,
            back_off: BackOff::default(),
        }
    }

    /// Until the handle is dropped. Then the children's tasks lose their senders and end by themselves.
    pub(super) async fn run(mut self, mut rounds: mpsc::Receiver<Round>) {
        loop {
            // One look at the clock for all three, or a moment that passes in between would wake nobody.
            let now = Instant::now();
            self.hand_out(now);
            self.reply_if_over(now);
            let wake = self.next_wake(now);
            tokio::select! {
                round = rounds.recv() => match round {
                    Some(round) => self.begin(round),
                    None => return,
                },
                news = self.news.recv() => match news {
                    Some((number, News::Answer(answer))) => self.answered(number, answer.found),
                    Some((number, News::Ended)) => self.ended(number),
                    None => return,
                },
                () = tokio::time::sleep_until(wake) => {}
            }
        }
    }

    fn begin(&mut self, round: Round) {
        let now = Instant::now();
        self.limits = round.limits;
        for mount in self.mounts.values_mut() {
            mount.wanted = false;
        }
        let mut order = Vec::with_capacity(round.jobs.len());
        for job in round.jobs {
            let key = job.key.clone();
            let mount = self
                .mounts
                .entry(key.clone())
                .or_insert_with(|| Mount::new(job.clone()));
            (mount.job, mount.wanted) = (job, true);
            order.push((mount.asked, key));
        }
        self.mounts.retain(|_, mount| mount.wanted || mount.in_flight.is_some());
        // Whoever waits longest comes first, and what was never asked before all others.
        order.sort_by_key(|(asked, _)| *asked);
        self.rooms = order
            .into_iter()
            .map(|(_, key)| key)
            .filter(|key| !self.hangs_in_its_room(key))
            .collect();
        self.counts.clear();
        let until = now + self.limits.probe_timeout + self.limits.grace;
        self.waiting = Some(Waiting {
            reply: round.reply,
            until,
        });
    }

    /// Its answer, when it comes, is as good as that to a new question.
    fn hangs_in_its_room(&self, key: &Key) -> bool {
        self.children.values().any(|child| {
            child
                .at_work
                .as_ref()
                .is_some_and(|work| work.key == *key && matches!(work.what, Task::Room))
        })
    }

    /// Gives work to children as long as there is both.
    fn hand_out(&mut self, now: Instant) {
        let mut held_rooms = VecDeque::new();
        while self.can_ask(now) {
            let Some(key) = self.rooms.pop_front() else { break };
            if self.is_in_flight(&key) {
                held_rooms.push_back(key);
            } else if let Err(key) = self.ask(key, Task::Room, now) {
                self.rooms.push_front(key);
                break;
            }
        }
        let rooms_asked = self.rooms.is_empty();
        self.rooms.append(&mut held_rooms);
        let mut held_counts = VecDeque::new();
        while rooms_asked && self.can_ask(now) {
            let Some((key, of)) = self.counts.pop_front() else {
                break;
            };
            if self.is_in_flight(&key) {
                held_counts.push_back((key, of));
            } else if let Err(key) = self.ask(key, Task::Count(of.clone()), now) {
                self.counts.push_front((key, of));
                break;
            }
        }
        self.counts.append(&mut held_counts);
        if self.rooms.is_empty() && self.counts.is_empty() {
            self.let_idle_children_go();
        }
    }

    fn is_in_flight(&self, key: &Key) -> bool {
        self.mounts.get(key).is_some_and(|mount| mount.in_flight.is_some())
    }

    /// Whether fewer than a handful are at work that may still answer soon, and one is idle or can be started.
    fn can_ask(&self, now: Instant) -> bool {
        let soon = |work: &Work| now.duration_since(work.since) < self.limits.aside_after;
        let responsive = self
            .children
            .values()
            .filter(|child| child.at_work.as_ref().is_some_and(soon))
            .count();
        let idle = self.children.values().any(|child| child.at_work.is_none());
        let may_start =
            self.children.len() < self.limits.max_children && self.back_off.until.is_none_or(|until| until <= now);
        responsive < self.limits.responsive && (idle || may_start)
    }

    /// Gives the key back when there is no child to ask.
    fn ask(&mut self, key: Key, task: Task, now: Instant) -> Result<(), Key> {
        let Some(mount) = self.mounts.get_mut(&key).filter(|mount| mount.wanted) else {
            return Ok(());
        };
        let (path, what) = match &task {
            Task::Room => (mount.job.path.clone(), What::Space),
            Task::Count(of) => match mount.job.counts.iter().find(|count| count.of == *of) {
                Some(count) => (count.path.clone(), self.limits.files(count.skip.clone())),
                None => return Ok(()),
            },
        };
        let idle = self
            .children
            .iter()
            .find(|(_, child)| child.at_work.is_none())
            .map(|(number, _)| *number);
        let Some(number) = idle.or_else(|| self.start_child(now)) else {
            return Err(key);
        };
        self.last_number += 1;
        let question = Question {
            id: self.last_number,
            path,
            what,
        };
        let Some(child) = self.children.get_mut(&number) else {
            return Err(key);
        };
        if child.questions.try_send(question).is_err() {
            // It ended a moment ago; that news is on its way.
            self.children.remove(&number);
            return Err(key);
        }
        child.at_work = Some(Work {
            key: key.clone(),
            what: task.clone(),
            since: now,
        });
        if let Some(mount) = self.mounts.get_mut(&key) {
            mount.begun(task, now);
        }
        Ok(())
    }

    fn start_child(&mut self, now: Instant) -> Option<u64> {
        if self.children.len() >= self.limits.max_children || self.back_off.until.is_some_and(|until| until > now) {
            return None;
        }
        self.last_number += 1;
        match child::start(self.last_number, &self.program, self.tell.clone(), self.alive.clone()) {
            Ok(questions) => {
                self.children.insert(
                    self.last_number,
                    Worker {
                        questions,
                        at_work: None,
                    },
                );
                Some(self.last_number)
            }
            Err(error) => {
                self.back_off.fail(
                    now,
                    self.limits.back_off,
                    format!("a probe process cannot be started: {error}"),
                );
                None
            }
        }
    }

    fn answered(&mut self, number: u64, found: Found) {
        let now = Instant::now();
        let Some(work) = self.children.get_mut(&number).and_then(|child| child.at_work.take()) else {
            return;
        };
        self.back_off = BackOff::default();
        let Some(mount) = self.mounts.get_mut(&work.key) else {
            return;
        };
        let took = now.duration_since(work.since);
        mount.in_flight = None;
        match (work.what, found) {
            (Task::Room, Found::Space(space)) => {
                mount.room = Some(Finished {
                    at: now,
                    took,
                    outcome: Ok(space),
                });
                let due = mount.counts_due(now, self.limits.count_every);
                self.counts.extend(due.into_iter().map(|of| (work.key.clone(), of)));
            }
            (Task::Count(of), Found::Files(files)) => {
                mount.count_finished(
                    of,
                    Finished {
                        at: now,
                        took,
                        outcome: Ok(files),
                    },
                );
            }
            (what, Found::Failed(errno)) => mount.failed(what, now, took, Failed::Errno(errno)),
            (what, _) => mount.failed(what, now, took, Failed::ChildEnded),
        }
        if !mount.wanted {
            self.mounts.remove(&work.key);
        }
    }

    /// A child is gone that was not told to go.
    fn ended(&mut self, number: u64) {
        let now = Instant::now();
        let Some(child) = self.children.remove(&number) else {
            return;
        };
        let words = "a probe process ended unexpectedly".to_owned();
        self.back_off.fail(now, self.limits.back_off, words);
        if let Some(work) = child.at_work
            && let Some(mount) = self.mounts.get_mut(&work.key)
        {
            mount.in_flight = None;
            mount.failed(work.what, now, now.duration_since(work.since), Failed::ChildEnded);
            if !mount.wanted {
                self.mounts.remove(&work.key);
            }
        }
    }

    fn let_idle_children_go(&mut self) {
        let idle: Vec<u64> = self
            .children
            .iter()
            .filter(|(_, child)| child.at_work.is_none())
            .map(|(number, _)| *number)
            .collect();
        for number in idle.into_iter().skip(self.limits.responsive) {
            self.children.remove(&number);
        }
    }

    /// A round is over when nothing waits and nothing in flight is younger than the timeout, or when its time is up.
    fn reply_if_over(&mut self, now: Instant) {
        let Some(waiting) = &self.waiting else { return };
        let patient = |mount: &Mount| {
            mount
                .in_flight
                .is_some_and(|since| now.duration_since(since) < self.limits.probe_timeout)
        };
        let idle = self.rooms.iter().all(|key| self.is_in_flight(key))
            && self.counts.iter().all(|(key, _)| self.is_in_flight(key));
        let over = idle && !self.mounts.values().any(|mount| mount.wanted && patient(mount));
        if (over || waiting.until <= now)
            && let Some(waiting) = self.waiting.take()
        {
            // Nobody listens any more when the round was given up; the next one gets what is known then.
            drop(waiting.reply.send(self.reports()));
        }
    }

    fn reports(&self) -> Reports {
        let unprobed: HashSet<&Key> = self.rooms.iter().collect();
        let wanted = self.mounts.iter().filter(|(_, mount)| mount.wanted);
        Reports {
            mounts: wanted
                .map(|(key, mount)| (key.clone(), mount.report(unprobed.contains(key))))
                .collect(),
            children: self.children.len(),
            trouble: self.back_off.words.clone(),
        }
    }

    /// The next moment at which time alone changes something.
    fn next_wake(&self, now: Instant) -> Instant {
        let mut moments: Vec<Instant> = Vec::new();
        for since in self
            .children
            .values()
            .filter_map(|child| child.at_work.as_ref())
            .map(|work| work.since)
        {
            moments.extend([since + self.limits.aside_after, since + self.limits.probe_timeout]);
        }
        moments.extend(self.waiting.as_ref().map(|waiting| waiting.until));
        moments.extend(self.back_off.until);
        // Nothing to wait for: the pool sleeps until it is asked.
        moments
            .into_iter()
            .filter(|moment| *moment > now)
            .min()
            .unwrap_or(now + Duration::from_hours(1))
    }
}
