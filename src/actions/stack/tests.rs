use std::collections::BTreeMap;
use std::sync::Mutex;

use super::*;
use crate::actions::{Effect, Failed};
use crate::clock::UnixTime;
use crate::upstream::Why;

/// Parts that run since some second, and what they do wrong.
#[derive(Default)]
struct Farm {
    parts: Mutex<BTreeMap<String, Look>>,
    log: Mutex<Vec<String>>,
    /// `stop lifecycle`, and what it may have done.
    fails: Option<(&'static str, Effect)>,
    /// Nothing can be written down from this many events on.
    full_after: Option<usize>,
    recorded: Mutex<Vec<Progress>>,
}

fn at(second: u64) -> Look {
    Look {
        up: true,
        started_at: Some(UnixTime::from_millis(second * 1000)),
    }
}

impl Farm {
    fn of(parts: &[&str]) -> Self {
        let farm = Self::default();
        farm.parts
            .lock()
            .unwrap()
            .extend(parts.iter().map(|name| ((*name).to_owned(), at(1))));
        farm
    }

    fn down(self, part: &str) -> Self {
        self.parts.lock().unwrap().get_mut(part).unwrap().up = false;
        self
    }

    fn failing(mut self, step: &'static str, effect: Effect) -> Self {
        self.fails = Some((step, effect));
        self
    }

    fn log(&self) -> Vec<String> {
        std::mem::take(&mut self.log.lock().unwrap())
    }

    fn act(&self, verb: &str, part: &str, change: impl FnOnce(&mut Look)) -> Result<(), Failed> {
        let step = format!("{verb} {part}");
        self.log.lock().unwrap().push(step.clone());
        match self.fails {
            Some((fails, effect)) if fails == step => Err(Failed {
                effect,
                ..Failed::before("engine", step, Why::Unreachable("connection refused".to_owned()))
            }),
            _ => {
                change(self.parts.lock().unwrap().get_mut(part).unwrap());
                Ok(())
            }
        }
    }
}

impl Hands for Farm {
    async fn look(&self, part: &str) -> Result<Look, Failed> {
        Ok(self.parts.lock().unwrap()[part].clone())
    }

    async fn stop(&self, part: &Part) -> Result<(), Failed> {
        self.act("stop", &part.name, |look| look.up = false)
    }

    async fn start(&self, part: &Part) -> Result<(), Failed> {
        self.act("start", &part.name, |look| *look = at(2))
    }

    async fn restart(&self, part: &Part) -> Result<(), Failed> {
        self.act("restart", &part.name, |look| *look = at(2))
    }

    async fn recovered(&self, part: &str) -> Result<(), Failed> {
        match self.act("wait for", part, |_| ()) {
            Ok(()) => Ok(()),
            Err(_) => std::future::pending().await,
        }
    }

    async fn record(&self, event: &Event<'_>) -> Result<(), String> {
        let mut recorded = self.recorded.lock().unwrap();
        if self.full_after.is_some_and(|after| recorded.len() >= after) {
            return Err("no space left on device".to_owned());
        }
        recorded.push(event.progress.clone());
        Ok(())
    }
}

fn part(name: &str) -> Part {
    Part {
        name: name.to_owned(),
        patience: Duration::from_secs(300),
    }
}

fn node(seconds: u64) -> Node {
    Node {
        part: part("node"),
        recovers_within: Duration::from_secs(seconds),
    }
}

fn v2() -> Procedure {
    let member = |name, works_within| Member {
        part: part(name),
        works_within,
    };
    Procedure::cluster(&Cluster {
        group: vec![
            member("data_provider", Some(Duration::from_secs(600))),
            member("trade", None),
            member("lifecycle", None),
        ],
        node: Some(node(1800)),
        restarted_last: Vec::new(),
    })
}

const V2: [&str; 4] = ["data_provider", "trade", "lifecycle", "node"];

async fn taken(farm: &Farm, procedure: &Procedure) -> (Progress, Result<(), Broken>) {
    let mut progress = Progress::default();
    let outcome = run(procedure, &mut progress, farm).await;
    (progress, outcome)
}

#[tokio::test]
async fn a_cluster_is_stopped_from_the_top_and_started_from_the_bottom() {
    let farm = Farm::of(&V2);
    let (progress, outcome) = taken(&farm, &v2()).await;
    assert_eq!(outcome, Ok(()));
    assert_eq!(
        farm.log(),
        [
            "stop lifecycle",
            "stop trade",
            "stop data_provider",
            "restart node",
            "wait for node",
            "start data_provider",
            "wait for data_provider",
            "start trade",
            "start lifecycle",
        ]
    );
    assert_eq!(progress.stopped, Vec::<String>::new());
}

#[tokio::test]
async fn v0_ends_with_its_fetcher_and_solo_with_pherry() {
    let group = vec![Member {
        part: part("fetch"),
        works_within: None,
    }];
    let v0 = Procedure::cluster(&Cluster {
        group,
        node: Some(node(60)),
        restarted_last: vec![part("fetch")],
    });
    let farm = Farm::of(&["fetch", "node"]);
    assert_eq!(taken(&farm, &v0).await.1, Ok(()));
    assert_eq!(
        farm.log(),
        [
            "stop fetch",
            "restart node",
            "wait for node",
            "start fetch",
            "restart fetch"
        ]
    );
    let farm = Farm::of(&["node", "pherry"]);
    let solo = Procedure::cluster(&Cluster {
        group: Vec::new(),
        node: Some(node(60)),
        restarted_last: vec![part("pherry")],
    });
    assert_eq!(taken(&farm, &solo).await.1, Ok(()));
    assert_eq!(farm.log(), ["restart node", "wait for node", "restart pherry"]);
}

#[tokio::test]
async fn a_group_without_a_node_is_stopped_and_started_together() {
    let group = ["redis-q", "trade", "lifecycle"].map(|name| Member {
        part: part(name),
        works_within: None,
    });
    let together = Procedure::cluster(&Cluster {
        group: group.to_vec(),
        node: None,
        restarted_last: Vec::new(),
    });
    let farm = Farm::of(&["redis-q", "trade", "lifecycle"]);
    assert_eq!(taken(&farm, &together).await.1, Ok(()));
    let log = [
        "stop lifecycle",
        "stop trade",
        "stop redis-q",
        "start redis-q",
        "start trade",
        "start lifecycle",
    ];
    assert_eq!(farm.log(), log);
}

#[tokio::test]
async fn what_was_stopped_before_is_left_so() {
    let farm = Farm::of(&V2).down("trade");
    let (_, outcome) = taken(&farm, &v2()).await;
    assert_eq!(outcome, Ok(()));
    assert!(!farm.log().iter().any(|step| step.contains("trade")));
}

#[tokio::test]
async fn as_long_as_the_node_is_untouched_what_was_stopped_is_started_again() {
    for step in ["stop data_provider", "restart node"] {
        let farm = Farm::of(&V2).failing(step, Effect::Nothing);
        let (_, outcome) = taken(&farm, &v2()).await;
        let broken = outcome.unwrap_err();
        assert_eq!(broken.left_stopped, Vec::<String>::new(), "{broken}");
        assert!(
            broken
                .started_again
                .ends_with(&["trade".to_owned(), "lifecycle".to_owned()]),
            "{broken}"
        );
        assert!(farm.parts.lock().unwrap().values().all(|look| look.up));
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_may_have_been_restarted_or_does_not_recover_leaves_the_group_stopped() {
    for (step, effect) in [("restart node", Effect::Unknown), ("wait for node", Effect::Nothing)] {
        let farm = Farm::of(&V2).failing(step, effect);
        let (_, outcome) = taken(&farm, &v2()).await;
        let broken = outcome.unwrap_err();
        assert_eq!(broken.started_again, Vec::<String>::new());
        assert_eq!(broken.left_stopped, ["data_provider", "trade", "lifecycle"]);
        assert!(
            broken
                .to_string()
                .contains("still stopped: data_provider, trade, lifecycle"),
            "{broken}"
        );
        assert!(!farm.log().iter().any(|step| step.starts_with("start")));
    }
}

#[tokio::test]
async fn a_part_that_does_not_start_ends_it_and_the_rest_is_named() {
    let farm = Farm::of(&V2).failing("start trade", Effect::Unknown);
    let broken = taken(&farm, &v2()).await.1.unwrap_err();
    assert_eq!(broken.left_stopped, ["trade", "lifecycle"]);
    assert_eq!((broken.index, broken.steps), (7, 9));
}

#[tokio::test]
async fn nothing_is_done_that_cannot_be_written_down() {
    for after in 0..6 {
        let mut farm = Farm::of(&V2);
        farm.full_after = Some(after);
        let broken = taken(&farm, &v2()).await.1.unwrap_err();
        assert!(broken.to_string().contains("no space left"), "{broken}");
        assert_eq!(
            farm.log().len(),
            after.div_ceil(2),
            "an action for each event that says it begins"
        );
    }
}

/// Whatever the last record was: taken up from there, every part runs at the end and no part is restarted twice.
#[tokio::test]
async fn a_procedure_that_was_interrupted_anywhere_can_be_taken_up() {
    let whole = Farm::of(&V2);
    taken(&whole, &v2()).await.1.unwrap();
    let events = whole.recorded.lock().unwrap().len();
    for after in 1..events {
        let mut farm = Farm::of(&V2);
        farm.full_after = Some(after);
        taken(&farm, &v2()).await.1.unwrap_err();
        // It came over its journal, as an end of the process would: what was recorded is what is known.
        let text = serde_json::to_string(farm.recorded.lock().unwrap().last().unwrap()).unwrap();
        let mut progress: Progress = serde_json::from_str(&text).unwrap();
        farm.full_after = None;
        run(&v2(), &mut progress, &farm).await.unwrap();
        let log = farm.log();
        assert_eq!(
            log.iter().filter(|step| *step == "restart node").count(),
            1,
            "{after}: {log:?}"
        );
        assert!(
            farm.parts.lock().unwrap().values().all(|look| look.up),
            "{after}: {log:?}"
        );
    }
}

#[test]
fn where_it_stands_is_said_in_words() {
    let progress = Progress {
        done: 3,
        under_way: Some(at(1)),
        stopped: vec!["lifecycle".to_owned(), "trade".to_owned()],
        ..Progress::default()
    };
    assert_eq!(
        v2().in_words(&progress),
        "3 of 9 steps done; restart node is under way; stopped: lifecycle, trade"
    );
}
