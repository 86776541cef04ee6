//! What is known now, per target: the last picture, its rendered samples, how its rounds went.
//!
//! Rounds put, everybody else reads. A reader never waits for an upstream: it takes what is there.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::clock::{Now, UnixTime};
use crate::collectors::{Diagnosis, Link, Part, TargetView};
use crate::exposition::{Desc, Family, Page, Rendered};
use crate::upstream::{Fault, Reason};
use crate::values::Name;

static UP: Desc<3> = Desc::gauge(
    "farmwarden_target_up",
    "1 if the last round of this part of the target succeeded. Absent before the first round has ended.",
    &["collector", "target", "part"],
);
static ROUND_DURATION: Desc<3> = Desc::gauge(
    "farmwarden_target_round_duration_seconds",
    "How long the last round took, whether it succeeded or not.",
    &["collector", "target", "part"],
);
static LAST_SUCCESS: Desc<3> = Desc::gauge(
    "farmwarden_target_last_success_timestamp_seconds",
    "When a round last succeeded, since 1970. Absent if none ever did.",
    &["collector", "target", "part"],
);
static FAILURES: Desc<4> = Desc::counter(
    "farmwarden_target_failures_total",
    "Failed rounds by reason. in_progress counts rounds that were skipped because the one before was not done.",
    &["collector", "target", "part", "reason"],
);
static SYMPTOM: Desc<3> = Desc::gauge(
    "farmwarden_symptom",
    "1 while this symptom is seen on this entity; 0 for the target when it was looked at and nothing is ill. Absent when it cannot be told.",
    &["target", "symptom", "entity"],
);

/// The families of every target, whatever its kind.
pub const FAMILIES: &[&Family] = &[
    UP.family(),
    ROUND_DURATION.family(),
    LAST_SUCCESS.family(),
    FAILURES.family(),
    SYMPTOM.family(),
];

/// All targets, in the order of the page.
pub struct Store {
    slots: Mutex<Vec<Arc<Slot>>>,
    links: Mutex<Arc<Vec<Link>>>,
    /// `farmwarden_symptom`, after the relations had their say.
    verdicts: Mutex<Arc<Vec<Verdict>>>,
    symptoms: Mutex<Arc<Rendered>>,
    /// Goes up with every judgement.
    judged: watch::Sender<u64>,
    /// What the relations say on the page.
    related: Mutex<Arc<Rendered>>,
    /// Every part had its first round once. Targets that a reload adds do not take it back: whoever routes by readiness
    /// would lose sight of all others.
    was_ready: AtomicBool,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            slots: Mutex::default(),
            links: Mutex::default(),
            verdicts: Mutex::default(),
            symptoms: Mutex::default(),
            judged: watch::Sender::new(0),
            related: Mutex::default(),
            was_ready: AtomicBool::default(),
        }
    }
}

/// What is ill with one target, all relations considered.
#[derive(Clone, Debug)]
pub struct Verdict {
    pub target: Name,
    pub diagnosis: Diagnosis,
    /// How fresh the picture was that was judged.
    pub read: Vec<PartRead>,
}

/// A part of a target as it was read for a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartRead {
    pub part: &'static str,
    /// When its last round began; nothing if that failed, or none has ended.
    pub began: Option<UnixTime>,
}

/// One target's place in the store.
pub struct Slot {
    pub name: Name,
    pub collector: &'static str,
    state: Mutex<State>,
    /// How a round is asked for out of turn; set by the schedule.
    look: OnceLock<Look>,
}

/// Asks one part of a target, or every one, that has had no round begun since the given moment.
pub type Look = Box<dyn Fn(Instant, Option<&'static str>) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

struct State {
    view: Option<TargetView>,
    data: Arc<Rendered>,
    status: Arc<Rendered>,
    parts: Vec<PartStatus>,
}

/// How the rounds of a part go.
#[derive(Clone, Debug)]
pub struct PartStatus {
    pub part: Part,
    /// `None` before the first round has ended.
    pub up: Option<bool>,
    pub last_success: Option<Now>,
    /// When the last round that succeeded began: what it shows is no older.
    pub last_began: Option<UnixTime>,
    pub last_duration: Duration,
    /// When the next round begins; `None` while one runs.
    pub next_round: Option<Instant>,
    /// The fault of the last round that failed, and when that was.
    pub last_fault: Option<(Fault, Now)>,
    failures: [u64; Reason::ALL.len()],
}

impl PartStatus {
    fn new(part: Part) -> Self {
        Self {
            part,
            up: None,
            last_success: None,
            last_began: None,
            last_duration: Duration::ZERO,
            next_round: None,
            last_fault: None,
            failures: [0; Reason::ALL.len()],
        }
    }

    /// Takes a round's end into the books. True when `up` or the reason of the failure changed.
    pub fn ended(&mut self, outcome: Result<(), Fault>, took: Duration, now: Now) -> bool {
        self.last_duration = took;
        match outcome {
            Ok(()) => {
                let changed = self.up != Some(true);
                self.up = Some(true);
                self.last_success = Some(now);
                changed
            }
            Err(fault) => {
                let before = self.last_fault.as_ref().map(|(fault, _)| fault.reason());
                let changed = self.up != Some(false) || before != Some(fault.reason());
                self.count(fault.reason(), 1);
                self.up = Some(false);
                self.last_fault = Some((fault, now));
                changed
            }
        }
    }

    fn read(&self) -> PartRead {
        PartRead {
            part: self.part.name,
            began: self.last_began.filter(|_| self.up == Some(true)),
        }
    }

    pub fn count(&mut self, reason: Reason, times: u64) {
        for (counted, count) in Reason::ALL.iter().zip(&mut self.failures) {
            if *counted == reason {
                *count += times;
            }
        }
    }

    /// Whether what the part brought is too old to be shown.
    pub fn is_stale(&self, now: Now) -> bool {
        self.stale_at().is_none_or(|at| now.monotonic >= at)
    }

    /// When what the part brought becomes too old; `None` when there is nothing.
    pub fn stale_at(&self) -> Option<Instant> {
        self.last_success.map(|last| last.monotonic + self.part.stale_after())
    }

    fn samples(&self, collector: &str, target: &str, page: &mut Page) {
        let labels = [collector, target, self.part.name];
        page.add(&UP, labels, self.up);
        page.add(&ROUND_DURATION, labels, self.up.map(|_| self.last_duration));
        page.add(&LAST_SUCCESS, labels, self.last_success.map(|last| last.wall));
        for (reason, count) in Reason::ALL.iter().zip(self.failures) {
            page.add(&FAILURES, [collector, target, self.part.name, reason.label()], count);
        }
    }
}

impl Slot {
    /// A place for a target; its counters exist at zero from now on. It is on the page once the store has it.
    pub fn new(name: Name, collector: &'static str, parts: &[Part]) -> Self {
        let parts: Vec<PartStatus> = parts.iter().copied().map(PartStatus::new).collect();
        let status = render_status(collector, &name, &parts);
        Self {
            name,
            collector,
            state: Mutex::new(State {
                view: None,
                data: Arc::default(),
                status: Arc::new(status),
                parts,
            }),
            look: OnceLock::new(),
        }
    }

    /// Tells how a round is asked for out of turn; the first one told stays.
    pub fn on_look(&self, look: Look) {
        // A slot has one schedule, which tells once.
        drop(self.look.set(look));
    }

    /// Looks again: returns when every part has had a round that began at `not_before` or later. A round that hangs
    /// is waited for until its deadline, so the caller brings a limit of its own.
    pub async fn look(&self, not_before: Instant) {
        self.look_at(None, not_before).await;
    }

    /// The same for one part alone; of one that the target does not have, nothing is asked.
    pub async fn look_at(&self, part: Option<&'static str>, not_before: Instant) {
        if let Some(look) = self.look.get() {
            look(not_before, part).await;
        }
    }

    /// The rounds' side: a new picture and the books of all parts.
    pub fn put(&self, view: TargetView, data: Rendered, parts: Vec<PartStatus>) {
        let status = render_status(self.collector, &self.name, &parts);
        let mut state = locked(&self.state);
        state.view = Some(view);
        state.data = Arc::new(data);
        state.status = Arc::new(status);
        state.parts = parts;
    }

    pub fn parts(&self) -> Vec<PartStatus> {
        locked(&self.state).parts.clone()
    }

    /// The rounds' side: when the next round of a part begins. Nothing on the page depends on it.
    pub fn due(&self, part: &Part, at: Option<Instant>) {
        let mut state = locked(&self.state);
        for status in state.parts.iter_mut().filter(|status| status.part == *part) {
            status.next_round = at;
        }
    }

    /// The target's own blocks of the page.
    pub fn pages(&self) -> [Arc<Rendered>; 2] {
        let state = locked(&self.state);
        [Arc::clone(&state.status), Arc::clone(&state.data)]
    }
}

fn render_status(collector: &str, target: &Name, parts: &[PartStatus]) -> Rendered {
    let mut page = Page::new(&[]);
    for part in parts {
        part.samples(collector, target.as_str(), &mut page);
    }
    page.finish()
}

impl Store {
    /// Takes the place of all that was known before, in one piece.
    pub fn replace(&self, slots: Vec<Arc<Slot>>, links: Vec<Link>) {
        *locked(&self.slots) = slots;
        *locked(&self.links) = Arc::new(links);
    }

    /// Which target hangs on which.
    pub fn links(&self) -> Arc<Vec<Link>> {
        Arc::clone(&locked(&self.links))
    }

    pub fn slot(&self, name: &str) -> Option<Arc<Slot>> {
        self.slots().into_iter().find(|slot| slot.name.as_str() == name)
    }

    pub fn slots(&self) -> Vec<Arc<Slot>> {
        locked(&self.slots).clone()
    }

    /// The last picture of one target, if it has one.
    pub fn picture(&self, target: &Name) -> Option<TargetView> {
        let slot = self.slot(target.as_str())?;
        locked(&slot.state).view.clone()
    }

    /// What is ill, after the relations had their say. `judge` runs under the store's lock, so a later picture is
    /// never overruled by an earlier one.
    pub fn judge(&self, judge: impl FnOnce(&mut [TargetView], &[Link], &mut Page)) {
        let mut verdicts = locked(&self.verdicts);
        let pictures = self.slots().into_iter().filter_map(|slot| {
            let state = locked(&slot.state);
            Some((state.view.clone()?, state.parts.iter().map(PartStatus::read).collect()))
        });
        let (mut views, read): (Vec<TargetView>, Vec<_>) = pictures.unzip();
        let mut page = Page::new(&[]);
        judge(&mut views, &self.links(), &mut page);
        let found = views.into_iter().zip(read).map(|(view, read)| Verdict {
            target: view.name,
            diagnosis: view.diagnosis,
            read,
        });
        *verdicts = Arc::new(found.collect());
        *locked(&self.symptoms) = Arc::new(render_symptoms(verdicts.iter()));
        *locked(&self.related) = Arc::new(page.finish());
        self.judged.send_modify(|count| *count += 1);
    }

    /// Changes with every judgement.
    pub fn judged(&self) -> watch::Receiver<u64> {
        self.judged.subscribe()
    }

    pub fn verdicts(&self) -> Arc<Vec<Verdict>> {
        Arc::clone(&locked(&self.verdicts))
    }

    /// Everything for a scrape.
    pub fn pages(&self) -> Vec<Arc<Rendered>> {
        let mut pages = Vec::new();
        for slot in self.slots() {
            pages.extend(slot.pages());
        }
        pages.push(Arc::clone(&locked(&self.symptoms)));
        pages.push(Arc::clone(&locked(&self.related)));
        pages
    }

    /// What is ill with one target, as it stands on the page.
    pub fn symptoms_of(&self, target: &Name) -> Rendered {
        let verdicts = self.verdicts();
        let own = verdicts.iter().filter(|verdict| verdict.target == *target);
        render_symptoms(own)
    }

    /// Parts whose first round has not ended since the start, as `target/part`.
    pub fn waiting(&self) -> Vec<String> {
        if self.was_ready.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let mut waiting = Vec::new();
        for slot in self.slots() {
            let state = locked(&slot.state);
            let first = state.parts.iter().filter(|status| status.up.is_none());
            waiting.extend(first.map(|status| format!("{}/{}", slot.name, status.part.name)));
        }
        self.was_ready.store(waiting.is_empty(), Ordering::Relaxed);
        waiting
    }
}

fn render_symptoms<'a>(verdicts: impl IntoIterator<Item = &'a Verdict>) -> Rendered {
    let mut page = Page::new(&[]);
    for verdict in verdicts {
        let target = verdict.target.as_str();
        for symptom in &verdict.diagnosis.looked_at {
            let mut well = true;
            for finding in verdict
                .diagnosis
                .findings
                .iter()
                .filter(|finding| finding.symptom == *symptom)
            {
                page.add(&SYMPTOM, [target, symptom.name, &finding.entity], true);
                well = false;
            }
            if well {
                page.add(&SYMPTOM, [target, symptom.name, ""], false);
            }
        }
    }
    page.finish()
}

/// A panic elsewhere must not take the page with it: the data behind the lock is whole, it is replaced in one piece.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::clock::UnixTime;
    use crate::collectors::Symptom;
    use crate::exposition::golden;
    use crate::upstream::Why;

    static STUCK: Symptom = Symptom::bare("stuck");

    const PART: Part = Part {
        name: "para",
        every: Duration::from_secs(15),
        deadline: Duration::from_secs(10),
        hangs_on: &[],
    };

    fn now() -> Now {
        Now {
            wall: UnixTime::from_millis(1_700_000_000_000),
            monotonic: Instant::now(),
        }
    }

    #[test]
    fn the_families_of_a_target() {
        let mut status = PartStatus::new(PART);
        let mut page = Page::new(&[]);
        status.samples("phala", "node-0", &mut page);
        assert!(status.ended(Ok(()), Duration::from_millis(20), now()));
        let timeout = || {
            Fault::new(
                "http://127.0.0.1:1",
                "system_health",
                Why::Timeout(Duration::from_secs(5)),
            )
        };
        assert!(status.ended(Err(timeout()), Duration::from_secs(5), now()));
        assert!(!status.ended(Err(timeout()), Duration::from_secs(5), now()));
        status.samples("phala", "node-1", &mut page);
        let found = Finding {
            symptom: &STUCK,
            entity: "para".to_owned(),
            evidence: String::new(),
            part: None,
        };
        let ill = Diagnosis {
            looked_at: vec![&STUCK],
            findings: vec![found],
            ..Diagnosis::default()
        };
        let well = Diagnosis {
            looked_at: vec![&STUCK],
            findings: Vec::new(),
            ..Diagnosis::default()
        };
        let verdict = |name: &str, diagnosis| Verdict {
            target: name.parse().unwrap(),
            diagnosis,
            read: Vec::new(),
        };
        let symptoms = render_symptoms(&[verdict("node-0", well), verdict("node-1", ill)]);
        let mut text = String::new();
        let status = page.finish();
        crate::exposition::write_families(
            FAMILIES,
            [&status, &symptoms],
            crate::exposition::Format::OpenMetrics,
            &mut text,
        );
        golden::check("src/golden/targets.prom", &text);
        golden::covers("src/golden", FAMILIES);
    }

    use crate::collectors::Finding;

    #[test]
    fn data_is_stale_after_three_intervals_without_success() {
        let mut status = PartStatus::new(PART);
        let start = now();
        assert!(status.is_stale(start));
        status.ended(Ok(()), Duration::ZERO, start);
        let later = |seconds| Now {
            monotonic: start.monotonic + Duration::from_secs(seconds),
            ..start
        };
        assert!(!status.is_stale(later(44)));
        assert!(status.is_stale(later(45)));
    }
}
