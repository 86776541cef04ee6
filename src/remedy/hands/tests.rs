//! Against the stand-ins of the room of actions, and pictures as collectors make them.

mod commands;
mod law;
mod remote;
mod stack;
mod things;
mod venus;
mod workers;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::actions::testing::{Answer, Socket};
use crate::clock::Now;
use crate::collectors::phala::{self, Node};
use crate::collectors::prb::Prb;
use crate::collectors::{self, Collector, TargetConfig as _};
use crate::exposition::{Own, Page};
use crate::relations;
use crate::remedy::hands::commands::Commands;
use crate::store::Slot;

/// The words of an action that touched nothing.
pub(super) fn refused(undone: Undone) -> String {
    match undone {
        Undone::Refused(words) => words,
        Undone::Failed(words) => panic!("something may have been touched: {words}"),
    }
}

/// Notes that are kept; from some number on the disk is full.
#[derive(Default)]
pub(super) struct Book {
    pub(super) notes: Mutex<Vec<String>>,
    full_after: Option<usize>,
}

impl Notes for Book {
    fn note(&self, words: String) -> futures_util::future::BoxFuture<'_, Result<(), String>> {
        let mut notes = self.notes.lock().unwrap();
        if self.full_after.is_some_and(|after| notes.len() >= after) {
            return Box::pin(std::future::ready(Err("no space left on device".to_owned())));
        }
        notes.push(words);
        Box::pin(std::future::ready(Ok(())))
    }

    fn asks(&self, words: String, _request: Nonce) -> futures_util::future::BoxFuture<'_, Result<(), String>> {
        self.note(words)
    }
}

/// An engine with these containers, which all run.
struct Engine {
    socket: Socket,
    containers: Arc<Mutex<BTreeMap<String, Container>>>,
}

struct Container {
    id: String,
    running: bool,
    starts: u32,
}

impl Engine {
    fn with(names: &[&str]) -> Self {
        let containers = names.iter().zip(1..).map(|(name, number)| {
            let container = Container {
                id: format!("{number:064x}"),
                running: true,
                starts: 1,
            };
            ((*name).to_owned(), container)
        });
        let containers = Arc::new(Mutex::new(containers.collect()));
        let shared = Arc::clone(&containers);
        let socket = Socket::serve(move |method, path| answer(&mut shared.lock().unwrap(), method, path));
        Self { socket, containers }
    }

    fn stopped(self, name: &str) -> Self {
        self.containers.lock().unwrap().get_mut(name).unwrap().running = false;
        self
    }

    /// `restart phala-node`, in order.
    fn did(&self) -> Vec<String> {
        let containers = self.containers.lock().unwrap();
        let name = |id: &str| containers.iter().find(|(_, one)| one.id == id).unwrap().0.clone();
        let lines = self.socket.posted().into_iter().map(|line| {
            let path = line.split('?').next().unwrap().to_owned();
            let mut words = path.rsplit('/');
            let (verb, id) = (words.next().unwrap(), words.next().unwrap());
            format!("{verb} {}", name(id))
        });
        lines.collect()
    }
}

fn answer(containers: &mut BTreeMap<String, Container>, method: &str, path: &str) -> Answer {
    let Some(rest) = path.strip_prefix("/v1.41/containers/") else {
        return Answer::Status(200, "OK".to_owned());
    };
    let (key, verb) = rest.split_once('/').unwrap();
    let found = containers.iter_mut().find(|(name, one)| *name == key || one.id == key);
    let Some((name, one)) = found else {
        return Answer::Status(404, json!({"message": "No such container"}).to_string());
    };
    if method == "GET" {
        let status = if one.running { "running" } else { "exited" };
        let started = format!("2026-11-21T14:00:{:02}Z", one.starts);
        let state = json!({"Status": status, "StartedAt": started, "ExitCode": 0});
        return Answer::Status(
            200,
            json!({"Id": one.id, "Name": format!("/{name}"), "State": state}).to_string(),
        );
    }
    let was = one.running;
    if verb.starts_with("stop") {
        one.running = false;
    } else {
        (one.running, one.starts) = (true, one.starts + 1);
    }
    let same = was == one.running && !verb.starts_with("restart");
    Answer::Status(if same { 304 } else { 204 }, String::new())
}

/// The engine `farm-1` with its containers, and more sections in JSON.
fn settings(engine: &Engine, sections: &serde_json::Value) -> Settings {
    let containers: Vec<String> = engine.containers.lock().unwrap().keys().cloned().collect();
    let engines = json!([{"name": "farm-1", "socket": engine.socket.path, "containers": containers}]);
    let section = |name: &str| sections.get(name).cloned();
    Settings {
        engines: serde_json::from_value(engines).unwrap(),
        units: section("units").map_or_else(Default::default, |units| serde_json::from_value(units).unwrap()),
        stacks: section("stacks").map_or_else(Vec::new, |stacks| serde_json::from_value(stacks).unwrap()),
        commands: section("commands")
            .map_or_else(Commands::default, |commands| serde_json::from_value(commands).unwrap()),
        remotes: section("remotes").map_or_else(Vec::new, |remotes| serde_json::from_value(remotes).unwrap()),
        targets: BTreeMap::new(),
        prbs: section("prbs").map_or_else(Vec::new, |prbs| serde_json::from_value(prbs).unwrap()),
        venus: Vec::new(),
        chia: section("chia").map_or_else(Vec::new, |chia| serde_json::from_value(chia).unwrap()),
        machines: section("machines").map_or_else(Vec::new, |machines| serde_json::from_value(machines).unwrap()),
    }
}

/// Without an engine.
pub(super) fn settings_of(sections: &serde_json::Value) -> Settings {
    Settings {
        engines: Vec::new(),
        ..settings(&Engine::with(&[]), sections)
    }
}

pub(super) fn hands(settings: &Settings, store: &Arc<Store>) -> Hands {
    let upstream = Upstream::from_system().unwrap();
    let mut hands = Hands::new(settings, &upstream, Arc::clone(store), Clock::system()).unwrap();
    hands.look_every = Duration::from_millis(5);
    hands
}

impl Hands {
    /// As the runner does with a plan that it has just made: its names mean what they mean now.
    pub(super) async fn run(&self, plan: &Plan, notes: &dyn runner::Notes) -> Result<String, Undone> {
        runner::Hands::run(self, &self.meant(plan), notes).await
    }

    pub(super) fn meant(&self, plan: &Plan) -> Plan {
        let mut plan = plan.clone();
        if let Ok(order) = catalogue::read(&plan.action, &plan.with, &self.tools().settings) {
            let meaning = self.tools().settings.meaning(&order, &plan.target);
            plan.touches = meaning.touched(&plan.entity);
            plan.deed = meaning.law.map(|law| law.deed(&plan.entity));
            plan.does = meaning.does;
        }
        plan
    }
}

pub(super) fn plan(action: &str, target: &str, entity: &str, with: &[(&str, &str)]) -> Plan {
    Plan {
        policy: "repair".parse().unwrap(),
        target: target.parse().unwrap(),
        group: "default".parse().unwrap(),
        entity: entity.to_owned(),
        rung: 0,
        action: action.parse().unwrap(),
        with: with
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        does: None,
        deed: None,
        touches: std::collections::BTreeSet::new(),
        within: crate::values::Duration::from_secs(3600),
        notice: false,
    }
}

fn tools() -> collectors::Tools {
    collectors::Tools {
        upstream: Upstream::from_system().unwrap(),
        own: Own::default(),
    }
}

/// Puts pictures in a store as the schedule would, after a round of every part.
pub(super) struct Shown<C: Collector> {
    store: Arc<Store>,
    slot: Arc<Slot>,
    collector: C,
    pub(super) snapshot: C::Snapshot,
}

impl<C: Collector> Shown<C> {
    pub(super) fn new(store: &Arc<Store>, target: &C::Target) -> Self {
        let collector = C::connect(target, &tools(), None).unwrap();
        let slot = Arc::new(Slot::new(target.name().clone(), C::NAME, &collector.parts()));
        let slots = store.slots().into_iter().chain([Arc::clone(&slot)]);
        store.replace(slots.collect(), Vec::new());
        Self {
            store: Arc::clone(store),
            slot,
            collector,
            snapshot: C::Snapshot::default(),
        }
    }

    fn now() -> Now {
        Clock::system().now()
    }

    pub(super) fn show(&mut self) {
        let now = Self::now();
        let mut parts = self.slot.parts();
        for part in &mut parts {
            part.ended(Ok(()), Duration::ZERO, now);
        }
        let diagnosis = self.collector.diagnose(&self.snapshot, now);
        let view = TargetView::new::<C>(self.slot.name.clone(), self.snapshot.clone(), diagnosis);
        self.slot.put(view, Page::new(&[]).finish(), parts);
        self.store.judge(relations::judge);
    }

    /// The same, where a part may bring nothing.
    async fn read_or_lose(&mut self) {
        for part in self.collector.parts() {
            match self.collector.read(&part).await {
                Ok(reading) => self.collector.absorb(&mut self.snapshot, reading, Self::now()),
                Err(fault) => self.collector.lost(&mut self.snapshot, &part, &fault, Self::now()),
            }
        }
        self.show();
    }

    /// Asks every part of the stand-in.
    async fn read(&mut self) {
        for part in self.collector.parts() {
            if let Ok(reading) = self.collector.read(&part).await {
                self.collector.absorb(&mut self.snapshot, reading, Self::now());
            }
        }
        self.show();
    }
}

fn node(store: &Arc<Store>) -> Shown<Node> {
    let target = json!({"name": "node-1", "para": "http://127.0.0.1:1"});
    Shown::new(store, &serde_json::from_value(target).unwrap())
}

#[test]
fn the_documents_name_every_action_and_every_key() {
    let text = include_str!("../../../docs/actions.md");
    for action in actions() {
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("| `{}` |", action.name)));
        let line = line.unwrap_or_else(|| panic!("no line for {}", action.name));
        assert!(line.contains(action.does), "{line}");
        for key in action.keys {
            assert!(line.contains(&format!("`{}`", key.name)), "{line}");
            assert!(
                text.contains(&format!("| `{}` | {} |", key.name, key.is)),
                "{}",
                key.name
            );
        }
    }
}
