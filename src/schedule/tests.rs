//! The schedule with a collector that does what a test says, on a clock that the test moves.

use std::collections::VecDeque;
use std::sync::Mutex;

use serde::Deserialize;
use tokio::time::Instant;

use super::*;
use crate::clock::Now;
use crate::collectors::{Diagnosis, Here, Part, Symptom};
use crate::exposition::{Desc, Family, Format, Own, Page, write_families};
use crate::store;
use crate::upstream::{Upstream, Why};
use crate::values::{Endpoint, Name};

static VALUE: Desc<0> = Desc::gauge("fake_value", "Value.", &[]);

/// What one round does.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
enum Step {
    Gives(u64),
    Fails,
    Hangs,
    PanicsWhileReading,
    PanicsWhileAbsorbing,
    Takes(u64),
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Script {
    name: Name,
    /// One a round; the last one repeats.
    steps: Vec<Step>,
    deadline_seconds: u64,
    every_seconds: u64,
    /// It cannot even be set up.
    broken: bool,
}

impl TargetConfig for Script {
    fn name(&self) -> &Name {
        &self.name
    }

    fn farm(&self) -> Option<&Name> {
        None
    }

    fn depends_on(&self) -> Option<&[Name]> {
        None
    }

    fn unlinked(self) -> Self {
        self
    }

    fn setting(&self, _key: &str) -> Option<String> {
        None
    }
}

struct Fake {
    /// The deadline of the one before, as a sign that it was there.
    took_over: Option<Duration>,
    steps: Mutex<VecDeque<Step>>,
    deadline: Duration,
    every: Duration,
}

impl Collector for Fake {
    const NAME: &'static str = "fake";
    type Target = Script;
    type Reading = Option<u64>;
    type Snapshot = Option<u64>;
    const FAMILIES: &'static [&'static Family] = &[VALUE.family()];
    const SYMPTOMS: &'static [&'static Symptom] = &[];

    fn connect(target: &Script, _tools: &Tools, before: Option<&Self>) -> Result<Self, Fault> {
        if target.broken {
            return Err(Fault::new("fake", "connect", Why::AuthDown));
        }
        Ok(Self {
            took_over: before.map(|before| before.deadline),
            steps: Mutex::new(target.steps.clone().into()),
            deadline: Duration::from_secs(target.deadline_seconds),
            every: Duration::from_secs(target.every_seconds),
        })
    }

    fn parts(&self) -> Vec<Part> {
        vec![Part {
            name: "only",
            every: self.every,
            deadline: self.deadline,
            hangs_on: &[],
        }]
    }

    async fn read(&self, _part: &Part) -> Result<Option<u64>, Fault> {
        let step = {
            let mut steps = self.steps.lock().unwrap();
            if steps.len() > 1 {
                steps.pop_front().unwrap()
            } else {
                *steps.front().unwrap()
            }
        };
        match step {
            Step::Gives(value) => Ok(Some(value)),
            Step::Fails => Err(Fault::new("fake", "read", Why::AuthDown)),
            Step::Hangs => std::future::pending().await,
            Step::PanicsWhileReading => panic!("reading went wrong"),
            Step::PanicsWhileAbsorbing => Ok(None),
            Step::Takes(seconds) => {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                Ok(Some(seconds))
            }
        }
    }

    fn absorb(&self, snapshot: &mut Option<u64>, reading: Option<u64>, _now: Now) {
        *snapshot = Some(reading.expect("absorbing went wrong"));
    }

    fn expire(&self, snapshot: &mut Option<u64>, _part: &Part) {
        *snapshot = None;
    }

    fn samples(snapshot: &Option<u64>, page: &mut Page) {
        page.add(&VALUE, [], *snapshot);
    }

    fn diagnose(&self, _snapshot: &Option<u64>, _now: Now) -> Diagnosis {
        Diagnosis::default()
    }

    fn endpoints(_target: &Script) -> Vec<(&'static str, Endpoint)> {
        Vec::new()
    }

    fn gist(_snapshot: &Option<u64>, _target: &Script, _part: &Part, _now: Now) -> Result<String, String> {
        Ok(String::new())
    }

    fn ad_hoc(_text: &str, _here: &Here) -> Result<Script, String> {
        Err("only for tests".to_owned())
    }
}

/// A schedule with one target per script, and its page `seconds` after the start.
struct Run {
    store: Arc<Store>,
    schedule: Schedule,
    started: Instant,
}

fn script(name: &str, steps: &[Step], deadline_seconds: u64) -> Script {
    Script {
        name: name.parse().unwrap(),
        steps: steps.to_vec(),
        deadline_seconds,
        every_seconds: 10,
        broken: false,
    }
}

impl Run {
    fn start(scripts: &[(&str, &[Step], u64)]) -> Self {
        let tools = Tools {
            upstream: Upstream::from_system().unwrap(),
            own: Own::default(),
        };
        let store = Arc::new(Store::default());
        let mut run = Self {
            schedule: Schedule::new(Arc::clone(&store), tools, Clock::system()),
            store,
            started: Instant::now(),
        };
        let scripts = scripts
            .iter()
            .map(|(name, steps, deadline)| script(name, steps, *deadline));
        run.change_to(scripts).unwrap();
        run
    }

    fn change_to(&mut self, scripts: impl IntoIterator<Item = Script>) -> Result<Swapped, Vec<Fault>> {
        let mut planner = Planner {
            schedule: &self.schedule,
            targets: Vec::new(),
            faults: Vec::new(),
        };
        for script in scripts {
            planner.target::<Fake>(script);
        }
        let plan = planner.finish(Vec::new())?;
        Ok(self.schedule.swap(plan))
    }

    fn fake(&self, name: &str) -> &Rounds<Fake> {
        let working = self.schedule.named(&name.parse().unwrap()).unwrap();
        working.as_any().downcast_ref().unwrap()
    }

    async fn page_at(&self, seconds: u64) -> String {
        tokio::time::sleep_until(self.started + Duration::from_secs(seconds)).await;
        let mut order = store::FAMILIES.to_vec();
        order.push(VALUE.family());
        let mut text = String::new();
        write_families(
            &order,
            self.store.pages().iter().map(AsRef::as_ref),
            Format::Text,
            &mut text,
        );
        text
    }
}

fn up(page: &str, target: &str) -> Option<bool> {
    let series = format!("farmwarden_target_up{{collector=\"fake\",target=\"{target}\",part=\"only\"}} ");
    page.lines().find_map(|line| Some(line.strip_prefix(&series)? == "1"))
}

fn value(page: &str, target: &str) -> Option<u64> {
    let series = format!("fake_value{{target=\"{target}\"}} ");
    page.lines().find_map(|line| line.strip_prefix(&series)?.parse().ok())
}

fn failures(page: &str, target: &str, reason: &str) -> u64 {
    let series = format!(
        "farmwarden_target_failures_total{{collector=\"fake\",target=\"{target}\",part=\"only\",reason=\"{reason}\"}} "
    );
    page.lines()
        .find_map(|line| line.strip_prefix(&series)?.parse().ok())
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_failed_round_keeps_the_old_data_until_it_is_three_intervals_old() {
    let run = Run::start(&[("a", &[Step::Gives(7), Step::Fails], 5)]);
    assert_eq!(value(&run.page_at(2).await, "a"), Some(7));
    let failed = run.page_at(22).await;
    assert_eq!((up(&failed, "a"), value(&failed, "a")), (Some(false), Some(7)));
    assert_eq!(value(&run.page_at(29).await, "a"), Some(7));
    assert_eq!(value(&run.page_at(42).await, "a"), None);
}

#[tokio::test(start_paused = true)]
async fn what_is_read_rarely_is_read_again_soon_after_it_failed_but_not_for_ever() {
    let mut run = Run::start(&[]);
    let slow = |name: &str, steps: &[Step]| Script {
        every_seconds: 1800,
        ..script(name, steps, 5)
    };
    let late = [Step::Fails, Step::Fails, Step::Gives(7)];
    run.change_to([slow("late", &late), slow("dead", &[Step::Fails])])
        .unwrap();
    assert_eq!(value(&run.page_at(59).await, "late"), None);
    assert_eq!(value(&run.page_at(185).await, "late"), Some(7));
    // After 1, 3, 7, 15 and 31 minutes at the latest, and once on its beat.
    let failed = failures(&run.page_at(1800).await, "dead", "auth_down");
    assert!((5..=7).contains(&failed), "{failed}");
}

#[tokio::test(start_paused = true)]
async fn what_fails_for_hours_is_read_on_its_beat_until_it_is_back() {
    let steps = [&[Step::Fails; 1_000][..], &[Step::Gives(7)]].concat();
    let run = Run::start(&[("a", &steps, 5)]);
    assert_eq!(up(&run.page_at(9_900).await, "a"), Some(false));
    let page = run.page_at(10_100).await;
    assert_eq!((up(&page, "a"), value(&page, "a")), (Some(true), Some(7)), "{page}");
}

#[tokio::test(start_paused = true)]
async fn data_leaves_after_three_intervals_also_between_rounds() {
    let names: Vec<String> = (0..30).map(|number| format!("t{number}")).collect();
    let steps: &[Step] = &[Step::Takes(1), Step::Fails];
    let scripts: Vec<_> = names.iter().map(|name| (name.as_str(), steps, 5)).collect();
    let run = Run::start(&scripts);
    let (before, after) = (run.page_at(30).await, run.page_at(33).await);
    // The one success came in the second second.
    for name in &names {
        assert_eq!((value(&before, name), value(&after, name)), (Some(1), None), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_round_that_hangs_neither_keeps_stale_data_nor_holds_up_another_target() {
    let run = Run::start(&[("a", &[Step::Gives(7), Step::Hangs], 1000), ("b", &[Step::Gives(8)], 5)]);
    assert_eq!(value(&run.page_at(2).await, "a"), Some(7));
    let later = run.page_at(32).await;
    assert_eq!((value(&later, "a"), value(&later, "b")), (None, Some(8)));
    // Its last round that ended had succeeded.
    assert_eq!((up(&later, "a"), up(&later, "b")), (Some(true), Some(true)));
}

#[tokio::test(start_paused = true)]
async fn a_round_is_given_up_at_its_deadline() {
    let run = Run::start(&[("a", &[Step::Hangs], 5)]);
    let page = run.page_at(7).await;
    assert_eq!((up(&page, "a"), failures(&page, "a", "timeout")), (Some(false), 1));
}

#[tokio::test(start_paused = true)]
async fn a_panic_costs_its_own_samples_and_the_next_round_comes() {
    let run = Run::start(&[
        ("a", &[Step::Gives(7), Step::PanicsWhileReading, Step::Gives(9)], 5),
        ("b", &[Step::Gives(7), Step::PanicsWhileAbsorbing, Step::Gives(9)], 5),
        ("c", &[Step::Gives(7)], 5),
    ]);
    run.page_at(2).await;
    let after = run.page_at(45).await;
    for target in ["a", "b"] {
        assert_eq!(failures(&after, target, "internal"), 1, "{target}");
        assert_eq!(
            (up(&after, target), value(&after, target)),
            (Some(true), Some(9)),
            "{target}"
        );
    }
    assert_eq!(value(&after, "c"), Some(7));
}

#[tokio::test(start_paused = true)]
async fn beats_that_pass_during_a_long_round_are_counted_and_skipped() {
    let run = Run::start(&[("a", &[Step::Gives(1), Step::Takes(35), Step::Gives(2)], 1000)]);
    let page = run.page_at(60).await;
    assert_eq!((value(&page, "a"), failures(&page, "a", "in_progress")), (Some(2), 3));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_ready_before_its_first_round_and_counters_are() {
    let mut run = Run::start(&[("a", &[Step::Takes(4)], 9)]);
    assert_eq!(run.store.waiting(), ["a/only"]);
    let page = run.page_at(2).await;
    assert_eq!((up(&page, "a"), failures(&page, "a", "timeout")), (None, 0));
    run.page_at(6).await;
    assert!(run.store.waiting().is_empty());
    run.change_to([script("b", &[Step::Takes(4)], 9)]).unwrap();
    assert!(run.store.waiting().is_empty(), "a reload takes readiness back");
}

#[tokio::test(start_paused = true)]
async fn a_new_configuration_keeps_what_did_not_change_and_starts_the_rest_anew() {
    let (one, two): (&[Step], &[Step]) = (&[Step::Gives(1), Step::Takes(1000)], &[Step::Gives(2)]);
    let mut run = Run::start(&[("kept", one, 999), ("changed", one, 999), ("gone", one, 5)]);
    run.page_at(2).await;
    let swapped = run.change_to([
        script("new", two, 5),
        script("kept", one, 999),
        script("changed", two, 5),
    ]);
    let expected = Swapped {
        kept: 1,
        changed: 1,
        new: 1,
        gone: 1,
    };
    assert_eq!(swapped, Ok(expected));
    let at_once = run.page_at(2).await;
    assert_eq!((value(&at_once, "kept"), up(&at_once, "kept")), (Some(1), Some(true)));
    assert_eq!((value(&at_once, "changed"), value(&at_once, "new")), (None, None));
    assert!(!at_once.contains("gone"));
    assert_eq!(run.fake("changed").collector.took_over, Some(Duration::from_secs(999)));
    let later = run.page_at(4).await;
    assert_eq!(
        (value(&later, "kept"), value(&later, "changed"), value(&later, "new")),
        (Some(1), Some(2), Some(2))
    );
    assert!(!later.contains("gone"));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_cannot_be_set_up_leaves_everything_as_it_was() {
    let mut run = Run::start(&[("a", &[Step::Gives(1)], 5)]);
    run.page_at(2).await;
    let broken = Script {
        broken: true,
        ..script("b", &[Step::Gives(2)], 5)
    };
    let refused = run.change_to([script("a", &[Step::Gives(3)], 5), broken]);
    assert_eq!(refused.map_err(|faults| faults.len()), Err(1));
    assert_eq!(value(&run.page_at(60).await, "a"), Some(1));
}

#[tokio::test(start_paused = true)]
async fn the_rounds_of_a_target_that_is_gone_stop() {
    let mut run = Run::start(&[("a", &[Step::Gives(1)], 5)]);
    run.page_at(2).await;
    let weak = Arc::downgrade(&run.schedule.running[0].working);
    run.change_to([]).unwrap();
    tokio::task::yield_now().await;
    assert_eq!(weak.strong_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_look_asks_anew_and_takes_what_has_begun_since() {
    let steps: Vec<Step> = (1..9).map(Step::Gives).collect();
    let run = Run::start(&[("a", &steps, 5)]);
    let before = value(&run.page_at(2).await, "a");
    let slot = run.store.slot("a").unwrap();
    slot.look(run.started).await;
    assert_eq!(value(&run.page_at(2).await, "a"), before);
    let now = Instant::now();
    tokio::join!(slot.look(now), slot.look(now));
    assert_eq!(value(&run.page_at(2).await, "a"), before.map(|before| before + 1));
}

#[tokio::test(start_paused = true)]
async fn a_look_waits_for_the_round_that_runs_and_two_never_overlap() {
    let run = Run::start(&[("a", &[Step::Takes(4), Step::Gives(2)], 5)]);
    let slot = run.store.slot("a").unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(slot.parts()[0].next_round.is_none());
    let before = Instant::now();
    slot.look(before).await;
    assert!(before.elapsed() > Duration::from_secs(1), "{:?}", before.elapsed());
    assert_eq!(value(&run.page_at(2).await, "a"), Some(2));
    let next = slot.parts()[0].next_round.unwrap();
    assert!(next > Instant::now() && next < Instant::now() + Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn a_look_that_is_given_up_leaves_the_rounds_going() {
    let run = Run::start(&[("a", &[Step::Gives(1), Step::Hangs, Step::Gives(2)], 5)]);
    run.page_at(2).await;
    let slot = run.store.slot("a").unwrap();
    let looked = tokio::time::timeout(Duration::from_secs(1), slot.look(Instant::now())).await;
    assert!(looked.is_err());
    assert_eq!(value(&run.page_at(30).await, "a"), Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_look_that_was_given_up_is_no_round_for_whoever_looks_next() {
    let run = Run::start(&[]);
    let hangs_once = script("a", &[Step::Hangs, Step::Gives(2)], 500);
    // Without its loops: only looks ask.
    let working = run.schedule.connect::<Fake>(hangs_once).unwrap();
    let slot = working.slot();
    let began = Instant::now();
    assert!(
        tokio::time::timeout(Duration::from_secs(1), slot.look(began))
            .await
            .is_err()
    );
    assert_eq!(slot.parts()[0].up, None);
    slot.look(began).await;
    assert_eq!(slot.parts()[0].up, Some(true));
}
