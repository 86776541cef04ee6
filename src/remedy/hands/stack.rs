//! The ordered procedure over a stack: from the configuration to steps, and what the steps are done with.
//!
//! Whether the node and the data providers work again is read from the pictures of their own collectors, at the collectors'
//! pace; nobody else asks them.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::law;
use super::settings::{Settings, Stack, Thing};
use super::things::Was;
use super::tools::Tools;
use super::{Hands, left_alone, undone};
use crate::actions::Failed;
use crate::actions::handle::{Handle, Look};
use crate::actions::stack::{self, Cluster, Event, Note, Part, Procedure, Progress};
use crate::collectors::phala::{Chain, Node};
use crate::collectors::prb::peer::Role;
use crate::collectors::prb::worker::ProviderState;
use crate::collectors::prb::{self, Prb};
use crate::remedy::runner::{Notes, Undone};
use crate::remedy::step::Plan;
use crate::upstream::Why;
use crate::values::{self, Name};

/// A data provider that is fewer blocks behind has caught up.
const PROVIDER_LAG: u64 = 3;

impl Hands {
    pub(super) async fn stack(
        &self,
        tools: &Tools,
        name: Option<&Name>,
        plan: &Plan,
        notes: &dyn Notes,
    ) -> Result<String, Undone> {
        let stack = tools.settings.stack_of(name, &plan.target).map_err(left_alone)?;
        let evidence = self.may_restart(stack).map_err(left_alone)?;
        let (procedure, things) = steps(stack, &tools.settings).map_err(left_alone)?;
        let mut handles = BTreeMap::new();
        for (part, thing) in things {
            handles.insert(part, tools.handle(&thing).map_err(left_alone)?);
        }
        let doing = Doing {
            hands: self,
            stack,
            handles,
            procedure: &procedure,
            notes,
        };
        let before = doing.before().await;
        let mut progress = Progress::default();
        let began = Instant::now();
        let outcome = stack::run(&procedure, &mut progress, &doing).await;
        outcome.map_err(|broken| undone(broken.effect(), format!("stack {}: {broken}", stack.name)))?;
        let took = values::Duration::from_secs(began.elapsed().as_secs());
        let mut words = format!(
            "restarted the stack {} in {} steps and {took}, because {evidence}",
            stack.name,
            procedure.steps.len()
        );
        if let Some(before) = before {
            words = format!("{words}; its node {before}");
        }
        if !progress.found_down.is_empty() {
            words = format!("{words}; left stopped as it was: {}", progress.found_down.join(", "));
        }
        Ok(words)
    }

    /// The evidence, or why not.
    fn may_restart(&self, stack: &Stack) -> Result<String, String> {
        let evidence = match &stack.node {
            Some(node) => {
                let unseen = || format!("`{}` has no picture of its node yet", node.target);
                let view = self.view(&node.target).ok_or_else(unseen)?;
                let snapshot = view.snapshot::<Node>().ok_or_else(unseen)?;
                let evidence = law::node(snapshot, &self.findings(&node.target), self.clock.now());
                evidence.map_err(|words| format!("the node of `{}`: {words}", node.target))?
            }
            None => self.prb_is_ill(stack)?,
        };
        match self.feeds_well(stack) {
            Some(words) => Err(words),
            None => Ok(evidence),
        }
    }

    /// Without a node something of the PRB itself must be seen to be ill.
    fn prb_is_ill(&self, stack: &Stack) -> Result<String, String> {
        let Some(prb) = &stack.prb else {
            return Err("no target shows that something is ill".to_owned());
        };
        let unseen = || format!("`{prb}` has no picture yet, so it cannot be seen whether it feeds blocks");
        let view = self.view(prb).ok_or_else(unseen)?;
        view.snapshot::<Prb>().ok_or_else(unseen)?;
        let findings = self.findings(prb);
        let first = findings.first().ok_or_else(|| format!("nothing is ill at `{prb}`"))?;
        Ok(format!(
            "{} has {}: {}",
            first.entity, first.symptom.name, first.evidence
        ))
    }
}

type Things = BTreeMap<String, Thing>;

/// The procedure, and what its parts are.
fn steps(stack: &Stack, settings: &Settings) -> Result<(Procedure, Things), String> {
    let mut things = Things::new();
    let mut part = |written, patience: values::Duration| {
        let thing = settings.thing(written).map_err(|(_, words)| words)?;
        let name = thing.to_string();
        things.insert(name.clone(), thing);
        Ok::<_, String>(Part {
            name,
            patience: patience.get(),
        })
    };
    let node = match &stack.node {
        Some(node) => Some(stack::Node {
            part: part(node.written(), node.patience)?,
            recovers_within: node.recovers_within.get(),
        }),
        None => None,
    };
    let mut group = Vec::new();
    for member in &stack.group {
        group.push(stack::Member {
            part: part(member.written(), member.patience)?,
            works_within: member.works_within.map(values::Duration::get),
        });
    }
    let mut restarted_last = Vec::new();
    for member in &stack.restarted_last {
        restarted_last.push(part(member.written(), member.patience)?);
    }
    let procedure = Procedure::cluster(&Cluster {
        group,
        node,
        restarted_last,
    });
    Ok((procedure, things))
}

/// One procedure under way.
struct Doing<'a> {
    hands: &'a Hands,
    stack: &'a Stack,
    /// By the names of the parts.
    handles: BTreeMap<String, Handle>,
    procedure: &'a Procedure,
    notes: &'a dyn Notes,
}

impl Doing<'_> {
    fn handle(&self, part: &str) -> Result<&Handle, Failed> {
        let words = || Why::Internal("a part that the stack does not have".to_owned());
        self.handles
            .get(part)
            .ok_or_else(|| Failed::before(part, "restart-stack", words()))
    }

    fn is_node(&self, part: &str) -> bool {
        let mut steps = self.procedure.steps.iter();
        let restarted = steps.find(|step| step.what == stack::What::Restart);
        self.stack.node.is_some() && restarted.is_some_and(|step| step.part.name == part)
    }

    /// How the node was, for the end.
    async fn before(&self) -> Option<String> {
        let (_, handle) = self.handles.iter().find(|(part, _)| self.is_node(part))?;
        // What fails here fails the procedure too, with its reason.
        let look = handle.look().await.ok()?;
        Some(Was(&look).to_string())
    }

    /// Until the node's own collector sees what it should, in rounds that began after `since`.
    async fn node_works(&self, target: &Name, since: Instant) {
        let mut first: BTreeMap<&'static str, u64> = BTreeMap::new();
        loop {
            if self.was_read(target, since) {
                let works = self.hands.view(target).is_some_and(|view| {
                    view.snapshot::<Node>()
                        .is_some_and(|snapshot| chains_work(snapshot.chains(), &mut first))
                });
                if works {
                    return;
                }
            }
            tokio::time::sleep(self.hands.look_every).await;
        }
    }

    /// Until every data provider answers and has caught up.
    async fn providers_work(&self, target: &Name, since: Instant) {
        loop {
            if self.was_read(target, since) {
                let view = self.hands.view(target);
                let snapshot = view.as_ref().and_then(|view| view.snapshot::<Prb>());
                if snapshot.is_some_and(|snapshot| caught_up(snapshot, since)) {
                    return;
                }
            }
            tokio::time::sleep(self.hands.look_every).await;
        }
    }

    /// Whether every part that is about it has had a round since then that succeeded.
    fn was_read(&self, target: &Name, since: Instant) -> bool {
        let Some(slot) = self.hands.store.slot(target.as_str()) else {
            return false;
        };
        let parts = slot.parts();
        let after = |last: crate::clock::Now| last.monotonic >= since;
        // Other parts of a PRB may be down for reasons of their own.
        let needed = parts.iter().filter(|status| {
            let name = status.part.name;
            name == prb::PEERS || Chain::Para.name() == name || Chain::Relay.name() == name
        });
        let mut needed = needed.peekable();
        needed.peek().is_some() && needed.all(|status| status.last_success.is_some_and(after))
    }
}

/// Every chain of the node has a higher block than when it was first seen after the restart, and none synchronises.
fn chains_work(chains: [(Chain, &crate::collectors::phala::View); 2], first: &mut BTreeMap<&'static str, u64>) -> bool {
    let mut seen = 0;
    let mut works = true;
    for (chain, view) in chains {
        let Some(head) = &view.head else {
            // One that was never heard of is not configured.
            works &= view.watch.is_none();
            continue;
        };
        seen += 1;
        let at_first = *first.entry(chain.name()).or_insert(head.best);
        let syncing = head.health.is_some_and(|health| health.is_syncing);
        works &= head.best > at_first && !syncing;
    }
    works && seen > 0
}

fn caught_up(snapshot: &prb::Snapshot, since: Instant) -> bool {
    let providers = snapshot.peers().filter(|view| view.peer.role == Role::DataProvider);
    let mut providers = providers.peekable();
    let works = |view: &prb::PeerView| {
        let heard = view.provider.as_ref().filter(|seen| seen.at.monotonic >= since);
        view.up() == Some(true)
            && heard.is_some_and(|seen| {
                let near = |behind: Option<u64>| behind.is_some_and(|behind| behind <= PROVIDER_LAG);
                let provider = &seen.value;
                provider.state == ProviderState::Idle && near(provider.para.behind()) && near(provider.relay.behind())
            })
    };
    providers.peek().is_some() && providers.all(works)
}

impl stack::Hands for Doing<'_> {
    async fn look(&self, part: &str) -> Result<Look, Failed> {
        self.handle(part)?.look().await
    }

    async fn stop(&self, part: &Part) -> Result<(), Failed> {
        self.handle(&part.name)?.stop(part.patience).await.map(drop)
    }

    async fn start(&self, part: &Part) -> Result<(), Failed> {
        self.handle(&part.name)?.start(part.patience).await.map(drop)
    }

    async fn restart(&self, part: &Part) -> Result<(), Failed> {
        self.handle(&part.name)?.restart(part.patience).await
    }

    async fn recovered(&self, part: &str) -> Result<(), Failed> {
        let since = Instant::now();
        match (&self.stack.node, &self.stack.prb) {
            (Some(node), _) if self.is_node(part) => self.node_works(&node.target, since).await,
            (_, Some(prb)) => self.providers_work(prb, since).await,
            (_, None) => {}
        }
        Ok(())
    }

    async fn record(&self, event: &Event<'_>) -> Result<(), String> {
        let stands = self.procedure.in_words(event.progress);
        let words = told(event).map_or_else(|| stands.clone(), |told| format!("{told}; {stands}"));
        self.notes.note(format!("stack {}: {words}", self.stack.name)).await
    }
}

/// What happened; a step that begins is told by where the procedure stands.
fn told(event: &Event<'_>) -> Option<String> {
    let step = event.step;
    let seconds = |took: &Duration| values::Duration::from_secs(took.as_secs().max(1));
    Some(match &event.note {
        Note::Began => return None,
        Note::Ended { took } => format!("{step}: done in {}", seconds(took)),
        Note::PassedOver(why) => format!("{step}: not needed, {why}"),
        Note::Failed { took, failed } => format!("{step}: failed after {}: {failed}", seconds(took)),
        Note::StartingAgain(part) => format!("{part} is started again"),
        Note::StartedAgain(part) => format!("{part} runs again"),
        Note::NotStartedAgain { part, failed } => format!("{part} could not be started again: {failed}"),
    })
}
