//! The handle over a real journal: what is heard, ordered and done, with hands and a target of the tests.

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

/// Hands that only count.
#[derive(Clone, Default)]
struct Counting(Arc<AtomicUsize>);

impl Hands for Counting {
    async fn run(&self, _plan: &Plan, _notes: &dyn Notes) -> Result<String, Undone> {
        self.0.fetch_add(1, Ordering::Relaxed);
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
    diagnosis.judge(&NODE_STUCK, "para", Some(true), || "no block for 9m".to_owned());
    diagnosis.belongs_to("para");
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

#[tokio::test]
async fn an_order_is_carried_out_once_and_recorded() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path(), RESTART).await;
    let id = running.repairs.order(&key("node-1"), "ada").await.unwrap().id;
    let overview = running
        .until("proving", |overview| {
            overview.incidents.iter().any(|one| one.phase == "proving")
        })
        .await;
    let incident = overview.incidents.first().unwrap();
    assert_eq!(
        (incident.id, incident.group.as_str(), incident.seen.as_str()),
        (id, "east", "ill")
    );
    assert_eq!(
        (incident.rung, incident.rungs, incident.evidence.as_str()),
        (1, 1, "no block for 9m")
    );
    let policy = overview.policies.first().unwrap();
    assert_eq!((policy.left_this_hour, policy.left_today), (9, 39));
    assert_eq!(running.acted.0.load(Ordering::Relaxed), 1);
    let head = overview.journal.head.unwrap();
    running.stop().await;
    let verified = crate::journal::verify(&directory.path().join("journal"), Some(head.parse().unwrap())).unwrap();
    assert!(verified.found.is_some() && verified.records >= 3, "{verified:?}");
}

#[tokio::test]
async fn what_needs_an_approval_waits_for_it_and_goes_on_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path(), APPROVED).await;
    let id = running.repairs.order(&key("node-1"), "ada").await.unwrap().id;
    running
        .until("the hold", |overview| held_by(overview, Guard::Approval))
        .await;
    assert_eq!(running.acted.0.load(Ordering::Relaxed), 0);
    let repairs = &running.repairs;
    let other = "99.0".parse().unwrap();
    assert!(matches!(
        repairs.approve(other, None, "ada").await,
        Err(Declined::Unknown(_))
    ));
    let wrong = repairs.approve(id, Some(1), "ada").await.unwrap_err();
    assert!(wrong.to_string().contains("another rung"), "{wrong}");
    let plan = repairs.approve(id, Some(0), "ada").await.unwrap();
    assert_eq!(plan.action.as_str(), "restart-node");
    let again = repairs.approve(id, Some(0), "li").await.unwrap_err();
    assert!(!matches!(again, Declined::Unrecorded(_)), "{again}");
    running
        .until("the action", |_| running.acted.0.load(Ordering::Relaxed) == 1)
        .await;
    running.stop().await;
}

#[tokio::test]
async fn a_plan_that_changes_while_it_waits_is_told_anew() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path(), APPROVED).await;
    let repairs = &running.repairs;
    let id = repairs.order(&key("node-1"), "ada").await.unwrap().id;
    running
        .until("the hold", |overview| held_by(overview, Guard::Approval))
        .await;
    let changed = APPROVED.replace("true", "true, \"within\": \"7m\"");
    repairs.change_to(&JournalSection::default(), remedies(&changed));
    running
        .until("another record", |_| {
            let open = repairs.open().unwrap();
            let waits = |state: &State| state.incident(id)?.held.as_ref()?.plan.clone();
            let told = open.runner.ledger().with(waits);
            told.is_some_and(|plan| plan.within.get() == minutes(7))
        })
        .await;
    running.stop().await;
}

fn approvals() -> Approvals {
    Approvals {
        external_url: Some("https://farm.example".parse().unwrap()),
        ..Approvals::default()
    }
}

#[tokio::test]
async fn a_link_approves_once_and_looking_at_it_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path(), APPROVED).await;
    let repairs = &running.repairs;
    let id = repairs.order(&key("node-1"), "ada").await.unwrap().id;
    running
        .until("the hold", |overview| held_by(overview, Guard::Approval))
        .await;
    let plan = repairs.open().unwrap().runner.planned(id).unwrap();
    let now = Clock::system().now().wall;
    let made = |links: &Links, plan: &Plan, at| {
        let (link, _) = links.link(id, plan, at).unwrap();
        link.rsplit_once(LINK_PATH).unwrap().1.to_owned()
    };
    let link = made(&running.links, &plan, now);
    for _ in 0..2 {
        let offer = repairs.offered(&link).unwrap();
        assert_eq!((offer.plan, offer.evidence.as_str()), (plan.clone(), "no block for 9m"));
    }
    let of_another_rung = Plan {
        rung: 1,
        ..plan.clone()
    };
    let stranger = Links::new(&approvals()).unwrap();
    for (link, words) in [
        (made(&running.links, &plan, now.minus(minutes(120))), "this link ended"),
        (made(&running.links, &of_another_rung, now), "no longer, valid"),
        (made(&stranger, &plan, now), "no longer, valid"),
        ("x".to_owned(), "no longer, valid"),
    ] {
        let declined = repairs.approve_by_link(&link, "10.0.0.9").await.unwrap_err();
        assert!(declined.to_string().contains(words), "{declined}");
    }
    assert_eq!(running.acted.0.load(Ordering::Relaxed), 0);
    let (first, second) = tokio::join!(
        repairs.approve_by_link(&link, "10.0.0.9"),
        repairs.approve_by_link(&link, "10.0.0.9")
    );
    assert_eq!(
        [&first, &second].iter().filter(|one| one.is_ok()).count(),
        1,
        "{first:?} {second:?}"
    );
    assert!(repairs.offered(&link).is_err());
    running
        .until("the action", |_| running.acted.0.load(Ordering::Relaxed) == 1)
        .await;
    running.stop().await;
    let journal = std::fs::read_dir(directory.path().join("journal")).unwrap();
    let text: String = journal
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    assert!(text.contains("the link in a message, opened by 10.0.0.9"), "{text}");
    // Whoever reads the journal cannot approve with it.
    let secret = link.splitn(3, '-').last().unwrap();
    assert!(secret.len() == 43 && !text.contains(secret), "{text}");
}

#[tokio::test]
async fn a_pause_holds_until_it_is_ended_and_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path(), RESTART).await;
    let (repairs, now) = (&running.repairs, Clock::system().now().wall);
    let target = || Scope::Target("node-1".parse().unwrap());
    let until = now.plus(minutes(60));
    for (scope, reason, until, words) in [
        (
            Scope::Target("node-7".parse().unwrap()),
            "why",
            until,
            "there is no target node-7",
        ),
        (target(), " ", until, "needs a reason"),
        (target(), "why", now.minus(minutes(1)), "a pause ends between"),
        (target(), "why", now.plus(minutes(60 * 24 * 40)), "a pause ends between"),
    ] {
        let declined = repairs.pause(scope, "ada", reason, until).await.unwrap_err();
        assert!(declined.to_string().contains(words), "{declined}");
    }
    assert!(matches!(
        repairs.resume(target(), "ada").await,
        Err(Declined::Unknown(_))
    ));
    repairs
        .pause(target(), "ada", "moving the rack\n", until)
        .await
        .unwrap();
    repairs.order(&key("node-1"), "ada").await.unwrap();
    let overview = running
        .until("the hold", |overview| held_by(overview, Guard::Pause))
        .await;
    let words = &overview.incidents.first().unwrap().words;
    assert!(
        words.contains("paused by ada") && words.contains("moving the rack"),
        "{words}"
    );
    assert_eq!(overview.pauses.first().unwrap().reason, "moving the rack");
    repairs.resume(target(), "ada").await.unwrap();
    running
        .until("the action", |_| running.acted.0.load(Ordering::Relaxed) == 1)
        .await;
    running.stop().await;
}

#[tokio::test]
async fn an_order_says_what_is_decided_first_and_can_be_taken_back() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path(), APPROVED).await;
    let repairs = &running.repairs;
    let ordered = repairs.order(&key("node-1"), "ada").await.unwrap();
    assert!(ordered.first.starts_with("held back by "), "{}", ordered.first);
    let overview = running
        .until("the order", |overview| !overview.incidents.is_empty())
        .await;
    let incident = overview.incidents.first().unwrap();
    assert_eq!((incident.ordered_by.as_deref(), incident.fires), (Some("ada"), false));
    assert_eq!(repairs.withdraw(&key("node-1"), "li").await, Ok(ordered.id));
    running.until("the end", |overview| overview.incidents.is_empty()).await;
    let nothing = repairs.withdraw(&key("node-1"), "li").await.unwrap_err();
    assert!(matches!(nothing, Declined::Unknown(_)), "{nothing}");
    running.stop().await;
}

#[tokio::test]
async fn what_holds_is_told_as_it_is_now_and_not_as_it_was_recorded() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path(), RESTART).await;
    let (repairs, until) = (&running.repairs, Clock::system().now().wall.plus(minutes(60)));
    repairs.pause(Scope::All, "li", "first", until).await.unwrap();
    repairs.order(&key("node-1"), "ada").await.unwrap();
    running
        .until("the hold", |overview| held_by(overview, Guard::Pause))
        .await;
    let target = Scope::Target("node-1".parse().unwrap());
    repairs.pause(target, "wang", "second", until).await.unwrap();
    repairs.resume(Scope::All, "li").await.unwrap();
    let overview = repairs.overview();
    let words = overview.incidents.first().unwrap().course();
    assert!(words.contains("paused by wang") && words.contains("second"), "{words}");
    // Another cause under the same guard is recorded and told as well.
    let recorded = |state: &State| {
        let mut held = state.incidents().filter_map(|incident| incident.held.as_ref());
        held.any(|held| held.words.contains("second"))
    };
    running
        .until("the record", |_| repairs.open().unwrap().runner.ledger().with(recorded))
        .await;
    running.stop().await;
}

#[tokio::test]
async fn an_order_for_what_no_policy_allows_is_declined() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path(), RESTART).await;
    let not_there = running.repairs.order(&key("node-7"), "ada").await.unwrap_err();
    assert!(not_there.to_string().contains("not allowed for node-7"), "{not_there}");
    let unknown = Key {
        policy: "reboot".parse().unwrap(),
        ..key("node-1")
    };
    assert!(matches!(
        running.repairs.order(&unknown, "ada").await,
        Err(Declined::Unknown(_))
    ));
    running.stop().await;
}

#[tokio::test]
async fn other_policies_hold_from_the_next_decision_on_and_incidents_stay() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path(), APPROVED).await;
    let id = running.repairs.order(&key("node-1"), "ada").await.unwrap().id;
    running
        .until("the hold", |overview| held_by(overview, Guard::Approval))
        .await;
    let journal = JournalSection {
        directory: Some(directory.path().join("journal")),
        ..JournalSection::default()
    };
    let later = running.repairs.change_to(&journal, remedies(RESTART));
    assert_eq!(later, None);
    let overview = running
        .until("the action", |_| running.acted.0.load(Ordering::Relaxed) == 1)
        .await;
    assert_eq!(overview.incidents.first().unwrap().id, id);
    let elsewhere = JournalSection::default();
    let later = running.repairs.change_to(&elsewhere, remedies(RESTART));
    assert_eq!(later, Some("the change of `journal` takes effect at the next start"));
    running.stop().await;
}

#[tokio::test]
async fn nothing_is_heard_without_a_journal_and_it_says_so() {
    let repairs = Repairs::new(Parts {
        store: Arc::new(Store::default()),
        clock: Clock::system(),
        journal: JournalSection::default(),
        remedies: remedies(RESTART),
        hands: AnyHands::new(Arc::new(Counting::default())),
        links: Links::new(&Approvals::default()).unwrap(),
        tell: Arc::new(()),
    });
    let delivery = crate::alerts::parse(br#"{"version": "4", "status": "firing", "groupKey": "{}", "alerts": []}"#);
    let words = repairs.hear(&delivery.unwrap()).await.unwrap_err();
    assert!(words.contains("journal.directory"), "{words}");
    let declined = repairs.order(&key("node-1"), "ada").await.unwrap_err();
    assert!(matches!(declined, Declined::Unrecorded(_)), "{declined}");
    assert!(!repairs.overview().journal.up);
}

#[tokio::test]
async fn a_journal_that_is_back_is_found_without_an_alert() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path(), APPROVED).await;
    running.repairs.order(&key("node-1"), "ada").await.unwrap();
    let (journal, away) = (directory.path().join("journal"), directory.path().join("away"));
    std::fs::rename(&journal, &away).unwrap();
    let until = Clock::system().now().wall.plus(minutes(60));
    let declined = running
        .repairs
        .pause(Scope::All, "ada", "why", until)
        .await
        .unwrap_err();
    assert!(matches!(declined, Declined::Unrecorded(_)), "{declined}");
    running.repairs.try_the_journal().await;
    let seen = running.repairs.overview().journal;
    assert!(!seen.up && seen.words.unwrap().contains("journal"));
    std::fs::rename(&away, &journal).unwrap();
    running.repairs.try_the_journal().await;
    assert!(running.repairs.overview().journal.up);
    running.stop().await;
}

#[tokio::test]
async fn every_family_and_label_value_is_there_from_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path(), RESTART).await;
    let mut text = String::new();
    let page = running.repairs.page();
    write_families(FAMILIES, [&page], Format::Text, &mut text);
    for family in FAMILIES {
        assert!(
            text.contains(&format!("# TYPE {} ", family.name)),
            "{}: {text}",
            family.name
        );
    }
    for guard in Guard::ALL {
        let line = format!(
            "farmwarden_remediation_decisions_total{{guard=\"{}\"}} 0\n",
            guard.label()
        );
        assert!(text.contains(&line), "{line}");
    }
    for line in [
        "farmwarden_remediation_actions_total{action=\"restart-node\",outcome=\"timed_out\"} 0\n",
        "farmwarden_remediation_actions_total{action=\"restart-node\",outcome=\"refused\"} 0\n",
        "farmwarden_remediation_action_duration_seconds_count{action=\"restart-node\"} 0\n",
        "farmwarden_remediation_incidents{phase=\"escalated\"} 0\n",
        "farmwarden_remediation_incidents_closed_total{why=\"forgotten\"} 0\n",
        "farmwarden_remediation_deliveries_total{result=\"not_recorded\"} 0\n",
        "farmwarden_remediation_alerts_total{result=\"refused\"} 0\n",
        "farmwarden_remediation_budget_left{policy=\"restart_node\",within=\"24h\"} 40\n",
        "farmwarden_journal_up 1\n",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    running.stop().await;
}
