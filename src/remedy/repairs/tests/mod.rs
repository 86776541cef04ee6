//! The handle over a real journal: what is heard, ordered and done, with hands and a target of the tests.

mod course;
mod orders;

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::*;
use crate::collectors::phala::{NODE_STUCK, Node, Snapshot};
use crate::collectors::{Diagnosis, Link, Part, TargetView};
use crate::exposition::{Format, Page, write_families};
use crate::remedy::decide::Guard;
use crate::remedy::runner::Hands;
use crate::remedy::state::State;
use crate::remedy::step::{Plan, Scope};
use crate::remedy::testing::minutes;
use crate::remedy::{Approvals, LINK_PATH, Notes, Undone};
use crate::store::Slot;

const PARA: Part = Part {
    name: "para",
    every: Duration::from_secs(3600),
    deadline: Duration::from_secs(10),
    hangs_on: &[],
};

/// Hands that only count, and wait while a test holds them.
#[derive(Clone, Default)]
struct Counting(Arc<AtomicUsize>, Arc<tokio::sync::RwLock<()>>);

impl Hands for Counting {
    async fn run(&self, _plan: &Plan, _notes: &dyn Notes) -> Result<String, Undone> {
        self.0.fetch_add(1, Ordering::Relaxed);
        drop(self.1.read().await);
        Ok("done".to_owned())
    }
}

/// A store with one node that is stuck whenever it is looked at.
fn stuck_node() -> Arc<Store> {
    let store = Arc::new(Store::default());
    let slot = Arc::new(Slot::new("node-1".parse().unwrap(), "phala", &[PARA]));
    let link = Link {
        target: slot.name.clone(),
        collector: "phala",
        farm: "east".parse().unwrap(),
        depends_on: Vec::new(),
    };
    let weak = Arc::downgrade(&slot);
    slot.on_look(Box::new(move |_, _| {
        if let Some(slot) = weak.upgrade() {
            look(&slot);
        }
        Box::pin(async {})
    }));
    look(&slot);
    store.replace(vec![slot], vec![link]);
    store.judge(|_, _, _| {});
    store
}

fn look(slot: &Slot) {
    let now = Clock::system().now();
    let mut diagnosis = Diagnosis::default();
    for entity in ["para", "relay"] {
        diagnosis.judge(&NODE_STUCK, entity, Some(true), || "no block for 9m".to_owned());
        diagnosis.belongs_to("para");
    }
    let view = TargetView::new::<Node>(slot.name.clone(), Snapshot::default(), diagnosis);
    let mut parts = slot.parts();
    for status in &mut parts {
        status.ended(Ok(()), Duration::ZERO, now);
        status.last_began = Some(now.wall);
    }
    slot.put(view, Page::new(&[]).finish(), parts);
}

fn remedies(rung: &str) -> Remedies {
    let text = format!(
        r#"{{"warm_up": "1ms", "policies": [{{
            "name": "restart_node", "symptom": "node_stuck", "targets": ["node-1"], "mode": "act", "ill_for": "1ms",
            "rungs": [{rung}]
        }}]}}"#
    );
    serde_json::from_str(&text).unwrap()
}

const RESTART: &str = r#"{"action": "restart-node"}"#;
const APPROVED: &str = r#"{"action": "restart-node", "approval": true}"#;

struct Running {
    repairs: Repairs,
    stop: watch::Sender<bool>,
    working: JoinHandle<()>,
    acted: Counting,
    links: Links,
}

impl Running {
    async fn start(directory: &std::path::Path, rung: &str) -> Self {
        let acted = Counting::default();
        let journal = JournalSection {
            directory: Some(directory.join("journal")),
            ..JournalSection::default()
        };
        let links = Links::new(&approvals()).unwrap();
        let repairs = Repairs::new(Parts {
            store: stuck_node(),
            clock: Clock::system(),
            journal,
            remedies: remedies(rung),
            hands: AnyHands::new(Arc::new(acted.clone())),
            links: links.clone(),
            tell: Arc::new(()),
        });
        let (stop, stopped) = watch::channel(false);
        let working = tokio::spawn(repairs.clone().run(stopped));
        let running = Self {
            repairs,
            stop,
            working,
            acted,
            links,
        };
        running.until("the journal", |overview| overview.journal.up).await;
        running
    }

    /// What is to be seen, once it is as a test wants it.
    async fn until(&self, what: &str, fits: impl Fn(&Overview) -> bool) -> Overview {
        let started = tokio::time::Instant::now();
        loop {
            let overview = self.repairs.overview();
            if fits(&overview) {
                return overview;
            }
            assert!(started.elapsed() < Duration::from_secs(20), "{what}: {overview:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn waiting(&self, id: crate::remedy::IncidentId) -> IncidentSeen {
        let incidents = self.repairs.overview().incidents;
        incidents.into_iter().find(|incident| incident.id == id).unwrap()
    }

    async fn stop(self) {
        self.stop.send_replace(true);
        self.working.await.unwrap();
        self.repairs.close().await;
    }
}

fn key(target: &str) -> Key {
    Key {
        target: target.parse().unwrap(),
        entity: "para".to_owned(),
        policy: "restart_node".parse().unwrap(),
    }
}

fn held_by(overview: &Overview, guard: Guard) -> bool {
    overview.incidents.iter().any(|incident| incident.guard == Some(guard))
}

/// Running, with an order that waits for a person.
async fn waiting_for_approval(directory: &std::path::Path) -> (Running, crate::remedy::IncidentId) {
    let running = Running::start(directory, APPROVED).await;
    let id = running.repairs.order(&key("node-1"), "ada").await.unwrap().id;
    running
        .until("the hold", |overview| held_by(overview, Guard::Approval))
        .await;
    (running, id)
}

fn approvals() -> Approvals {
    Approvals {
        external_url: Some("https://farm.example".parse().unwrap()),
        ..Approvals::default()
    }
}
