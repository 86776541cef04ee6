//! Every field of a view, over a store with targets that a test makes ill.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::*;
use crate::clock::Now;
use crate::collectors::phala::{Node, Snapshot};
use crate::collectors::{Diagnosis, Finding, Link, Part, TargetView};
use crate::exposition::Page;
use crate::remedy::testing::{at, minutes};
use crate::store::{PartStatus, Slot};
use crate::upstream::{Fault, Why};

static STUCK: Symptom = Symptom::bare("stuck");
static SLOW: Symptom = Symptom {
    takes_time: true,
    hint: false,
    ..Symptom::bare("slow")
};

const fn part(name: &'static str, hangs_on: &'static [&'static str]) -> Part {
    Part {
        name,
        every: Duration::from_secs(3600),
        deadline: Duration::from_secs(10),
        hangs_on,
    }
}

const PARA: Part = part("para", &["relay"]);
const RELAY: Part = part("relay", &[]);

struct Farm {
    store: Arc<Store>,
    second: Arc<AtomicU64>,
    eyes: StoreEyes,
    start: Instant,
}

impl Farm {
    fn new() -> Self {
        let (store, second) = (Arc::new(Store::default()), Arc::new(AtomicU64::new(0)));
        let (start, clock) = (Instant::now(), Arc::clone(&second));
        let clock = Clock::from_fn(move || {
            let passed = clock.load(Ordering::Relaxed);
            Now {
                wall: at(passed),
                monotonic: start + Duration::from_secs(passed),
            }
        });
        Self {
            eyes: StoreEyes::new(Arc::clone(&store), clock, Freeze::new(None)),
            store,
            second,
            start,
        }
    }

    fn now(&self) -> Now {
        let passed = self.second.load(Ordering::Relaxed);
        Now {
            wall: at(passed),
            monotonic: self.start + Duration::from_secs(passed),
        }
    }

    fn pass(&self, seconds: u64) {
        self.second.fetch_add(seconds, Ordering::Relaxed);
    }

    fn add(&self, name: &str, farm: &str, depends_on: &[&str]) -> Arc<Slot> {
        let slot = Arc::new(Slot::new(name.parse().unwrap(), "phala", &[PARA, RELAY]));
        let link = Link {
            target: slot.name.clone(),
            collector: "phala",
            farm: farm.parse().unwrap(),
            depends_on: depends_on.iter().map(|name| name.parse().unwrap()).collect(),
        };
        let links = self.store.links().iter().cloned().chain([link]).collect();
        self.store
            .replace([self.store.slots(), vec![Arc::clone(&slot)]].concat(), links);
        slot
    }

    /// Every part was read by a round that began now, and this was found.
    fn shows(&self, slot: &Slot, diagnosis: Diagnosis) {
        self.shows_after(slot, diagnosis, |status, now| {
            status.ended(Ok(()), Duration::ZERO, now);
            status.last_began = Some(now.wall);
        });
    }

    fn shows_after(&self, slot: &Slot, diagnosis: Diagnosis, round: impl Fn(&mut PartStatus, Now)) {
        let mut parts = slot.parts();
        for status in &mut parts {
            round(status, self.now());
        }
        let view = TargetView::new::<Node>(slot.name.clone(), Snapshot::default(), diagnosis);
        slot.put(view, Page::new(&[]).finish(), parts);
        self.store.judge(|_, _, _| {});
    }

    fn view(&self, target: &str, entity: &str) -> View {
        self.eyes.view(&key(target, entity), Some(&STUCK), self.now().wall)
    }
}

fn key(target: &str, entity: &str) -> Key {
    Key {
        target: target.parse().unwrap(),
        entity: entity.to_owned(),
        policy: "restart".parse().unwrap(),
    }
}

/// `stuck` was looked for on so many, and found on these.
fn found(entities: &[&str], among: u64) -> Diagnosis {
    let mut diagnosis = Diagnosis::default();
    for entity in entities {
        diagnosis.judge(&STUCK, entity, Some(true), || format!("{entity} stands still"));
        if ["para", "relay"].contains(entity) {
            diagnosis.belongs_to(if *entity == "para" { "para" } else { "relay" });
        }
    }
    for entity in ["para", "relay", "as a whole"] {
        if !entities.contains(&entity) {
            diagnosis.seen_well(&STUCK, entity);
        }
    }
    diagnosis.among(&STUCK, among);
    diagnosis
}

fn failed(status: &mut PartStatus, now: Now) {
    let fault = Fault::new("http://node", "system_health", Why::Timeout(Duration::from_secs(5)));
    status.ended(Err(fault), Duration::ZERO, now);
}

#[test]
fn a_target_that_is_not_there_is_not_known_and_shows_nothing() {
    let farm = Farm::new();
    let view = farm.view("node-1", "para");
    assert!(!view.is_known);
    assert_eq!((view.group.as_str(), view.looked, view.cause), ("default", None, None));
    assert_eq!(view.seen.state, Sight::CannotTell);
    assert_eq!((view.started, view.frozen), (at(0), None));
}

#[test]
fn ill_is_who_was_found_well_who_was_not_and_without_a_look_it_cannot_be_told() {
    let farm = Farm::new();
    let slot = farm.add("node-1", "east", &[]);
    assert_eq!(farm.view("node-1", "para").seen.state, Sight::CannotTell);
    farm.shows(&slot, found(&["para"], 0));
    let view = farm.view("node-1", "para");
    assert!(view.is_known);
    assert_eq!(view.group.as_str(), "east");
    assert_eq!(
        (view.seen.state, view.seen.evidence.as_str()),
        (Sight::Ill, "para stands still")
    );
    assert_eq!(farm.view("node-1", "relay").seen.state, Sight::Well);
    let other = farm.eyes.view(&key("node-1", "para"), Some(&SLOW), farm.now().wall);
    assert_eq!(other.seen.state, Sight::CannotTell);
    let without = farm.eyes.view(&key("node-1", "para"), None, farm.now().wall);
    assert_eq!(without.seen.state, Sight::CannotTell);
}

#[test]
fn who_could_not_be_judged_is_not_well_because_others_are() {
    let farm = Farm::new();
    let slot = farm.add("node-1", "east", &[]);
    let mut diagnosis = found(&[], 0);
    diagnosis.judge(&STUCK, "w1", None, String::new);
    diagnosis.judge(&SLOW, "w2", Some(true), String::new);
    farm.shows(&slot, diagnosis);
    assert_eq!(farm.view("node-1", "para").seen.state, Sight::Well);
    let unjudged = farm.view("node-1", "w1").seen;
    assert_eq!((unjudged.state, unjudged.instead()), (Sight::CannotTell, String::new()));
    let hidden = farm.view("node-1", "w2").seen;
    assert_eq!(
        (hidden.state, hidden.instead()),
        (Sight::CannotTell, " (it has slow)".to_owned())
    );
}

#[test]
fn since_is_when_the_sight_last_changed() {
    let farm = Farm::new();
    let slot = farm.add("node-1", "east", &[]);
    farm.shows(&slot, found(&["para"], 0));
    assert_eq!(farm.view("node-1", "para").seen.since, at(0));
    farm.pass(60);
    farm.shows(&slot, found(&["para", "relay"], 0));
    assert_eq!(farm.view("node-1", "para").seen.since, at(0));
    farm.shows(&slot, found(&[], 0));
    assert_eq!(farm.view("node-1", "para").seen.since, at(60));
    // A change that nobody asked about, and back again.
    farm.pass(60);
    farm.shows(&slot, found(&["para"], 0));
    let changed = farm.eyes.changed(farm.now().wall);
    assert_eq!(changed.iter().map(Name::as_str).collect::<Vec<_>>(), ["node-1"]);
    farm.pass(10);
    farm.shows(&slot, found(&[], 0));
    farm.eyes.changed(farm.now().wall);
    farm.pass(10);
    assert_eq!(farm.view("node-1", "para").seen.since, at(130));
    assert!(farm.eyes.changed(farm.now().wall).is_empty());
}

#[test]
fn an_illness_counts_from_when_it_was_first_seen_and_not_from_when_somebody_asked() {
    let farm = Farm::new();
    let slot = farm.add("node-1", "east", &[]);
    for _ in 0..3 {
        farm.shows(&slot, found(&["para"], 0));
        farm.eyes.changed(farm.now().wall);
        farm.pass(60);
    }
    assert_eq!(farm.view("node-1", "para").seen.since, at(0));
    // Nobody asked about the other one, which was well in between.
    for entities in [&["relay"][..], &[], &["relay"]] {
        farm.shows(&slot, found(entities, 0));
        farm.eyes.changed(farm.now().wall);
        farm.pass(60);
    }
    assert_eq!(farm.view("node-1", "relay").seen.since, at(300));
}

#[test]
fn what_takes_time_to_show_and_was_out_of_sight_says_since_when_it_is_in_sight_again() {
    let farm = Farm::new();
    let slot = farm.add("node-1", "east", &[]);
    let look = |symptom: &'static Symptom, ill| {
        let mut diagnosis = Diagnosis::default();
        diagnosis.judge(symptom, "para", ill, String::new);
        farm.shows(&slot, diagnosis);
        farm.pass(60);
        farm.eyes
            .view(&key("node-1", "para"), Some(symptom), farm.now().wall)
            .seen
    };
    assert_eq!(look(&SLOW, Some(true)).regained, None);
    assert_eq!(look(&SLOW, Some(false)).regained, None);
    assert_eq!(look(&SLOW, None).state, Sight::CannotTell);
    let again = look(&SLOW, Some(false));
    assert_eq!((again.state, again.regained), (Sight::Well, Some(at(240))));
    assert_eq!(look(&SLOW, Some(false)).regained, Some(at(240)));
    // What shows at once is as it looks.
    for ill in [Some(true), None, Some(false)] {
        assert_eq!(look(&STUCK, ill).regained, None);
    }
}

#[test]
fn what_another_policy_cures_is_another_sight() {
    let farm = Farm::new();
    let slot = farm.add("node-1", "east", &[]);
    farm.shows(&slot, found(&["para"], 0));
    assert_eq!(farm.view("node-1", "para").seen.since, at(0));
    farm.pass(60);
    let mut both = found(&["para"], 0);
    both.judge(&SLOW, "para", Some(true), String::new);
    farm.shows(&slot, both);
    let view = farm.eyes.view(&key("node-1", "para"), Some(&SLOW), farm.now().wall);
    assert_eq!((view.seen.state, view.seen.since), (Sight::Ill, at(60)));
}

#[test]
fn looked_is_the_beginning_of_the_oldest_round_that_the_symptom_rests_on() {
    let farm = Farm::new();
    let slot = farm.add("node-1", "east", &[]);
    farm.shows(&slot, found(&["para", "as a whole"], 0));
    farm.pass(30);
    farm.shows_after(&slot, found(&["para", "as a whole"], 0), |status, now| {
        if status.part.name == "para" {
            status.ended(Ok(()), Duration::from_secs(5), now);
            status.last_began = Some(at(25));
        }
    });
    assert_eq!(farm.view("node-1", "para").looked, Some(at(25)));
    // What no part owns rests on all of them.
    assert_eq!(farm.view("node-1", "as a whole").looked, Some(at(0)));
    // Well again, it rests on the part that was ill.
    farm.shows_after(&slot, found(&[], 0), |_, _| {});
    assert_eq!(farm.view("node-1", "para").looked, Some(at(25)));
}

#[test]
fn a_part_that_could_not_be_read_was_not_looked_at() {
    let farm = Farm::new();
    let slot = farm.add("node-1", "east", &[]);
    farm.shows(&slot, found(&["para", "as a whole"], 0));
    farm.shows_after(&slot, found(&["para", "as a whole"], 0), |status, now| {
        if status.part.name == "relay" {
            failed(status, now);
        }
    });
    assert_eq!(farm.view("node-1", "para").looked, Some(at(0)));
    assert_eq!(farm.view("node-1", "as a whole").looked, None);
}

#[test]
fn a_round_that_is_not_judged_yet_does_not_make_the_verdict_fresh() {
    let farm = Farm::new();
    let slot = farm.add("node-1", "east", &[]);
    farm.shows(&slot, found(&["para"], 0));
    farm.pass(100);
    let mut parts = slot.parts();
    for status in &mut parts {
        status.ended(Ok(()), Duration::ZERO, farm.now());
        status.last_began = Some(farm.now().wall);
    }
    let view = TargetView::new::<Node>(slot.name.clone(), Snapshot::default(), found(&[], 0));
    slot.put(view, Page::new(&[]).finish(), parts);
    let view = farm.view("node-1", "para");
    assert_eq!((view.seen.state, view.looked), (Sight::Ill, Some(at(0))));
}

#[test]
fn the_cause_is_the_broken_link_before_the_target_or_before_its_part() {
    let farm = Farm::new();
    let (node, prb) = (farm.add("node-1", "east", &[]), farm.add("prb-1", "east", &["node-1"]));
    farm.shows(&node, found(&[], 0));
    farm.shows(&prb, found(&["para"], 0));
    assert_eq!(farm.view("prb-1", "para").cause, None);
    farm.shows(&node, found(&["relay"], 0));
    assert_eq!(farm.view("prb-1", "para").cause.as_deref(), Some("node-1/relay"));
    // Its own parachain waits for its own relay chain; the relay chain waits for nobody.
    farm.shows(&node, found(&["relay", "para"], 0));
    assert_eq!(farm.view("node-1", "para").cause.as_deref(), Some("node-1/relay"));
    assert_eq!(farm.view("node-1", "relay").cause, None);
    farm.shows_after(&node, Diagnosis::default(), failed);
    assert_eq!(farm.view("prb-1", "para").cause.as_deref(), Some("node-1/relay"));
}

#[test]
fn the_fleet_is_who_has_the_symptom_in_the_group_of_all_who_could() {
    let farm = Farm::new();
    let (one, two, west) = (
        farm.add("prb-1", "east", &[]),
        farm.add("prb-2", "east", &[]),
        farm.add("prb-3", "west", &[]),
    );
    farm.shows(&one, found(&["w1", "w2"], 98));
    farm.shows(&two, found(&["w3"], 49));
    farm.shows(&west, found(&["w4"], 0));
    let fleet = farm.view("prb-1", "w1").fleet;
    assert_eq!((fleet.ill, fleet.all, fleet.stormed), (3, Some(150), None));
    let mut uncounted = Diagnosis::default();
    uncounted.look_at(&STUCK);
    uncounted.findings.push(Finding {
        symptom: &STUCK,
        entity: "w5".to_owned(),
        evidence: String::new(),
        part: None,
    });
    farm.shows(&two, uncounted);
    let fleet = farm.view("prb-1", "w1").fleet;
    assert_eq!((fleet.ill, fleet.all), (3, None));
}

#[tokio::test]
async fn a_look_asks_only_the_part_that_shows_the_symptom_and_judges_at_once() {
    let farm = Farm::new();
    let slot = farm.add("node-1", "east", &[]);
    let asked = Arc::new(Mutex::new(Vec::new()));
    let own = Arc::clone(&asked);
    slot.on_look(Box::new(move |_, part| {
        own.lock().unwrap().push(part);
        Box::pin(async {})
    }));
    farm.shows(&slot, found(&["para", "as a whole"], 0));
    let judged = farm.store.judged();
    let before = *judged.borrow();
    for entity in ["para", "as a whole"] {
        farm.view("node-1", entity);
        farm.eyes.look(&key("node-1", entity), Some(&STUCK)).await;
    }
    assert_eq!(*asked.lock().unwrap(), [Some("para"), None]);
    assert_eq!(*judged.borrow(), before + 2);
    // Nobody is there to be asked.
    farm.eyes.look(&key("node-7", "para"), Some(&STUCK)).await;
}

#[tokio::test(start_paused = true)]
async fn a_look_that_hangs_is_given_up() {
    let farm = Farm::new();
    let slot = farm.add("node-1", "east", &[]);
    let asked = Arc::new(AtomicUsize::new(0));
    let own = Arc::clone(&asked);
    slot.on_look(Box::new(move |_, _| {
        own.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::pending())
    }));
    farm.eyes.look(&key("node-1", "para"), Some(&STUCK)).await;
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_freeze_file_is_part_of_the_view() {
    let farm = Farm::new();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("freeze");
    std::fs::write(&file, "moving the rack").unwrap();
    farm.eyes.freeze.change_to(Some(file));
    assert!(farm.view("node-1", "para").frozen.is_some(), "until it was looked for");
    farm.eyes.freeze.look().await;
    assert_eq!(farm.view("node-1", "para").frozen.as_deref(), Some("moving the rack"));
}

#[test]
fn memory_is_bounded_and_what_finds_no_room_is_seen_only_since_now() {
    let farm = Farm::new();
    for number in 0..MOST_SIGHTS {
        farm.view("node-1", &number.to_string());
    }
    farm.pass(60);
    assert_eq!(farm.view("node-1", "one more").seen.since, at(60));
    farm.pass(10);
    assert_eq!(farm.view("node-1", "one more").seen.since, at(70));
    assert_eq!(farm.view("node-1", "7").seen.since, at(0));
    farm.pass(minutes(20).as_secs());
    let now = farm.now().wall;
    assert_eq!(farm.view("node-1", "one more").seen.since, now);
    farm.pass(10);
    assert_eq!(farm.view("node-1", "one more").seen.since, now);
}
