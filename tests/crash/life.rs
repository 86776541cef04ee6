//! The process that is killed: the shipped journal, ledger and runner; alerts come in as fast as they are repaired, and every
//! action is a line in a file that is flushed to the disk.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use farmwarden::alerts::{Alert, Status};
use farmwarden::clock::{Clock, UnixTime};
use farmwarden::collectors::Symptom;
use farmwarden::journal::{Journal, JournalSettings};
use farmwarden::remedy::{
    Eyes, Fleet, Hands, Key, Ledger, Notes, Phase, Plan, Policy, Remedies, Runner, Seen, Sight, State, Step, Undone,
    View,
};

pub(crate) const LIVE: &str = "live";
/// No new alerts; it ends when every incident has.
pub(crate) const SETTLE: &str = "settle";
pub(crate) const JOURNAL: &str = "journal";
/// Entities whose alert was acknowledged, and entities with rungs that were done.
pub(crate) const ACKNOWLEDGED: &str = "acknowledged";
pub(crate) const DONE: &str = "done";

const TARGETS: [&str; 4] = ["prb-1", "prb-2", "prb-3", "prb-4"];
/// Alerts come in while fewer incidents are open.
const MOST_OPEN: usize = 12;
/// A process that hangs is a failure, not a test that never ends.
const LONGEST_LIFE: Duration = Duration::from_secs(120);

pub(crate) fn live(place: &Path, is_settling: bool) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let lived = runtime.block_on(async { tokio::time::timeout(LONGEST_LIFE, life(place, is_settling)).await });
    assert!(lived.is_ok(), "this life is not over within {LONGEST_LIFE:?}");
}

/// Something was done just now; whoever watches may want to kill.
fn sign() {
    drop(std::io::stdout().write_all(b"."));
    drop(std::io::stdout().flush());
}

/// Lines that outlive the process.
struct Lines(Mutex<File>);

impl Lines {
    fn open(path: &Path) -> Self {
        Self(Mutex::new(
            OpenOptions::new().create(true).append(true).open(path).unwrap(),
        ))
    }

    fn add(&self, line: &str) {
        let mut file = self.0.lock().unwrap();
        file.write_all(format!("{line}\n").as_bytes()).unwrap();
        file.sync_data().unwrap();
    }
}

struct World {
    done: Lines,
    /// Since when an entity is well.
    well: Mutex<HashMap<String, UnixTime>>,
    clock: Clock,
    started: UnixTime,
}

/// A third is cured by each rung, and a third by none.
fn cures(entity: &str, rung: usize) -> bool {
    number(entity) % 3 == rung
}

fn number(entity: &str) -> usize {
    entity.strip_prefix('w').unwrap().parse().unwrap()
}

#[derive(Clone)]
struct Around(Arc<World>);

impl Eyes for Around {
    async fn look(&self, _key: &Key, _symptom: Option<&'static Symptom>) {}

    fn view(&self, key: &Key, _symptom: Option<&'static Symptom>, now: UnixTime) -> View {
        let well = self.0.well.lock().unwrap().get(&key.entity).copied();
        let state = well.map_or(Sight::Ill, |_| Sight::Well);
        View {
            is_known: true,
            group: "farm".parse().unwrap(),
            started: self.0.started,
            looked: Some(now),
            seen: Seen {
                state,
                since: well.unwrap_or_default(),
                regained: None,
                evidence: String::new(),
            },
            cause: None,
            fleet: Fleet {
                ill: 1,
                all: Some(1000),
                stormed: None,
            },
            running: Vec::new(),
            frozen: None,
        }
    }
}

impl Hands for Around {
    async fn run(&self, plan: &Plan, _notes: &dyn Notes) -> Result<String, Undone> {
        sign();
        self.0.done.add(&format!("{} {}", plan.entity, plan.rung));
        sign();
        tokio::task::yield_now().await;
        if cures(&plan.entity, plan.rung) {
            self.0
                .well
                .lock()
                .unwrap()
                .insert(plan.entity.clone(), self.0.clock.now().wall);
        }
        Ok(String::new())
    }
}

fn remedies() -> Remedies {
    let policy: Policy = serde_json::from_str(
        r#"{
            "name": "restart", "symptom": "worker_silent_stall", "targets": ["prb-1", "prb-2", "prb-3", "prb-4"], "mode": "act",
            "ill_for": "1ms", "cool_down": "1ms",
            "rungs": [
                {"action": "soft", "timeout": "2ms", "gone_for": "1ms"},
                {"action": "hard", "timeout": "2ms", "gone_for": "1ms"}
            ],
            "budgets": {"target": "1000000/h 1000000/d", "group": "1000000/h 1000000/d", "farm": "1000000/h 1000000/d"}
        }"#,
    )
    .unwrap();
    Remedies {
        warm_up: farmwarden::values::Duration::from_millis(1),
        most: "1000000/h 1000000/d".parse().unwrap(),
        at_once: serde_json::from_str(r#"{"group": 3, "farm": 3}"#).unwrap(),
        policies: vec![policy],
        ..Remedies::default()
    }
}

fn firing(number: usize) -> Alert {
    let entity = format!("w{number}");
    let target = TARGETS.iter().cycle().nth(number).unwrap();
    let labels = [("remedy", "restart"), ("target", target), ("entity", &entity)];
    Alert {
        status: Status::Firing,
        fingerprint: format!("{number:016x}").parse().unwrap(),
        starts_at: UnixTime::from_millis(1_700_000_000_000),
        ends_at: None,
        labels: labels
            .map(|(name, value)| (name.to_owned(), (*value).to_owned()))
            .into(),
        annotations: [].into(),
        generator_url: String::new(),
    }
}

async fn life(place: &Path, is_settling: bool) {
    sign();
    let (mut state, mut last, mut heard) = (State::default(), 0, 0);
    let settings = JournalSettings::in_directory(place.join(JOURNAL));
    let clock = Clock::system();
    let (journal, _) = Journal::<Step>::open(settings, clock.clone(), |record| {
        last = record.sequence;
        if let Step::Received { alerts, .. } = &record.step {
            heard += alerts.len();
        }
        state.apply(record.sequence, record.time, &record.step);
    })
    .unwrap();
    sign();
    let around = Around(Arc::new(World {
        done: Lines::open(&place.join(DONE)),
        well: Mutex::new(cured_before(place, clock.now().wall)),
        started: clock.now().wall,
        clock: clock.clone(),
    }));
    let ledger = Ledger::new(journal, state, last);
    let runner = Arc::new(Runner::new(ledger, around.clone(), around, Arc::new(remedies()), clock));
    let visits = TARGETS.map(|target| {
        let runner = Arc::clone(&runner);
        tokio::spawn(async move {
            let target = target.parse().unwrap();
            loop {
                let visited = runner.visit(&target).await;
                sign();
                if let Some(begun) = visited.begun {
                    let runner = Arc::clone(&runner);
                    tokio::spawn(async move {
                        runner.act(begun).await;
                        sign();
                    });
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
    });
    if is_settling {
        while !is_over(&runner) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        for visit in visits {
            visit.abort();
        }
    } else {
        let acknowledged = Lines::open(&place.join(ACKNOWLEDGED));
        // Each record is one alert or two, so there are at least as many numbers as were heard.
        hear(&runner, &acknowledged, heard).await;
    }
}

/// What the actions of lives before have cured.
fn cured_before(place: &Path, now: UnixTime) -> HashMap<String, UnixTime> {
    let done = std::fs::read_to_string(place.join(DONE)).unwrap_or_default();
    let actions = done.lines().filter_map(|line| line.split_once(' '));
    let cured = actions.filter(|(entity, rung)| cures(entity, rung.parse().unwrap()));
    cured.map(|(entity, _)| (entity.to_owned(), now)).collect()
}

fn is_over(runner: &Runner<Journal<Step>, Around, Around>) -> bool {
    let is_left = |phase| !matches!(phase, Phase::Escalated { .. });
    runner
        .ledger()
        .with(|state| !state.incidents().any(|incident| is_left(incident.phase)))
}

/// Alerts of new entities, each told twice as by two Alertmanagers, for ever.
async fn hear(runner: &Runner<Journal<Step>, Around, Around>, acknowledged: &Lines, first: usize) {
    for number in first.. {
        let open = || {
            let is_left = |phase| !matches!(phase, Phase::Escalated { .. });
            runner
                .ledger()
                .with(|state| state.incidents().filter(|incident| is_left(incident.phase)).count())
        };
        while open() >= MOST_OPEN {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let told = || {
            runner.ledger().record(Step::Received {
                from: String::new(),
                alerts: vec![firing(number)],
            })
        };
        let (one, other) = tokio::join!(told(), told());
        if one.is_ok() || other.is_ok() {
            acknowledged.add(&format!("w{number}"));
            sign();
        }
    }
}
