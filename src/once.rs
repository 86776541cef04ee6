//! One look at targets outside the schedule: for people on the command line, and for whoever needs a verdict that is
//! not older than his question.
//!
//! What a round brings goes the way it goes in the schedule (absorb, samples, diagnosis, relations, store), so nobody
//! sees here what the page would not say.

mod steps;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use futures_util::stream::{self, FuturesUnordered};
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::time::Instant;

pub use steps::{StepSeen, Went};

use crate::clock::Clock;
use crate::collectors::{self, Collector, Finding, Part, TargetConfig, TargetView, Tools, Visit};
use crate::exposition::{Family, Format, Page, write_families};
use crate::relations;
use crate::store::{self, PartStatus, Slot, Store};
use crate::upstream::walk::{self, Step};
use crate::upstream::{Fault, Why};
use crate::values::{Endpoint, Name};

/// Targets looked at side by side; more would be a load on name servers and switches of a large farm.
const AT_ONCE: usize = 16;

/// How to look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Walk to each endpoint step by step before it is asked.
    pub walk: bool,
    /// Go on with rounds for this long; zero is one round.
    pub lasting: Duration,
}

/// Targets to be looked at. Nothing is asked before [`Once::look`].
pub struct Once {
    slots: Vec<Arc<Slot>>,
    tools: Tools,
    clock: Clock,
    plan: Plan,
    looks: Vec<BoxFuture<'static, Target>>,
    faults: Vec<Fault>,
}

/// What was seen.
pub struct Looked {
    /// In the order of the configuration.
    pub targets: Vec<Target>,
    /// Targets that could not even be set up: a defect of the configuration, not of an upstream.
    pub faults: Vec<Fault>,
    store: Store,
}

/// One target as it was seen.
#[derive(Debug)]
pub struct Target {
    pub name: Name,
    pub collector: &'static str,
    pub parts: Vec<PartSeen>,
    /// What is ill, the relations among all targets of this look considered.
    pub findings: Vec<Finding>,
}

/// One part of a target.
#[derive(Debug)]
pub struct PartSeen {
    pub name: &'static str,
    pub endpoint: Option<Endpoint>,
    /// The way to the endpoint; it ends with the step that failed.
    pub way: Vec<Step>,
    /// The last round; `None` when the way did not lead there.
    pub round: Option<Round>,
    /// Whether credentials are configured for it; without them nothing was authorised.
    pub credentials: bool,
    /// What to do about the fault, if there is one.
    pub advice: Option<&'static str>,
}

/// How a round went.
#[derive(Debug)]
pub struct Round {
    pub took: Duration,
    /// What is known after it, in a line; inside, an error is data that is old.
    pub outcome: Result<Result<String, String>, Fault>,
}

impl PartSeen {
    /// What went wrong, if anything did.
    pub fn fault(&self) -> Option<&Fault> {
        let on_the_way = self.way.iter().find_map(|step| step.outcome.as_ref().err());
        on_the_way.or_else(|| self.round.as_ref()?.outcome.as_ref().err())
    }

    /// Whether it answers with data of now.
    pub fn is_well(&self) -> bool {
        let round = self.round.as_ref().map(|round| &round.outcome);
        self.fault().is_none() && matches!(round, Some(Ok(Ok(_))))
    }
}

impl Target {
    pub fn is_well(&self) -> bool {
        self.findings.iter().all(|finding| finding.symptom.hint) && self.parts.iter().all(PartSeen::is_well)
    }
}

impl Once {
    pub fn new(tools: Tools, clock: Clock, plan: Plan) -> Self {
        Self {
            slots: Vec::new(),
            tools,
            clock,
            plan,
            looks: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// Looks at all of them, some at a time. It takes as long as the slowest part, `lasting` more at most.
    pub async fn look(self) -> Looked {
        let mut targets: Vec<Target> = stream::iter(self.looks).buffered(AT_ONCE).collect().await;
        let store = Store::default();
        store.replace(self.slots, Vec::new());
        store.judge(relations::judge);
        for verdict in store.verdicts().iter() {
            if let Some(target) = targets.iter_mut().find(|target| target.name == verdict.target) {
                target.findings.clone_from(&verdict.diagnosis.findings);
            }
        }
        Looked {
            targets,
            faults: self.faults,
            store,
        }
    }
}

impl Visit for Once {
    fn target<C: Collector>(&mut self, target: C::Target) {
        match C::connect(&target, &self.tools, None) {
            Ok(collector) => {
                let slot = Arc::new(Slot::new(target.name().clone(), C::NAME, &collector.parts()));
                self.slots.push(Arc::clone(&slot));
                let look = Look {
                    collector,
                    target,
                    slot,
                    tools: self.tools.clone(),
                    clock: self.clock.clone(),
                    plan: self.plan,
                };
                self.looks.push(look.guarded().boxed());
            }
            Err(fault) => self.faults.push(fault),
        }
    }
}

impl Looked {
    pub fn is_well(&self) -> bool {
        self.faults.is_empty() && self.targets.iter().all(Target::is_well)
    }

    /// The samples as a scrape would have them, without those about farmwarden itself.
    pub fn page(&self, format: Format) -> String {
        let order: Vec<&'static Family> = [store::FAMILIES, &collectors::families()].concat();
        let mut out = String::new();
        let pages = self.store.pages();
        write_families(&order, pages.iter().map(AsRef::as_ref), format, &mut out);
        if format == Format::OpenMetrics {
            out.push_str("# EOF\n");
        }
        out
    }
}

/// A look at one target.
struct Look<C: Collector> {
    collector: C,
    target: C::Target,
    slot: Arc<Slot>,
    tools: Tools,
    clock: Clock,
    plan: Plan,
}

impl<C: Collector> Look<C> {
    /// A defect of one collector costs its own target.
    async fn guarded(self) -> Target {
        let name = self.slot.name.clone();
        let looked = AssertUnwindSafe(self.look()).catch_unwind().await;
        looked.unwrap_or_else(|_| {
            let fault = Fault::new(name.as_str(), "look", Why::Internal("it panicked".to_owned()));
            let part = PartSeen {
                name: "all",
                endpoint: None,
                way: Vec::new(),
                credentials: false,
                advice: Some(fault.advice()),
                round: Some(Round {
                    took: Duration::ZERO,
                    outcome: Err(fault),
                }),
            };
            Target {
                name,
                collector: C::NAME,
                parts: vec![part],
                findings: Vec::new(),
            }
        })
    }

    async fn look(self) -> Target {
        let started = Instant::now();
        let parts = self.collector.parts();
        let mut seen;
        let mut snapshot = C::Snapshot::default();
        let mut books = self.slot.parts();
        let pause = parts.iter().map(|part| part.every).min().unwrap_or(self.plan.lasting);
        loop {
            // Every time: what is repaired or breaks meanwhile may lie on the way.
            seen = join_all(parts.iter().map(|part| self.walk(part))).await;
            self.rounds(&parts, &mut seen, &mut books, &mut snapshot).await;
            if started.elapsed() + pause > self.plan.lasting {
                break;
            }
            tokio::time::sleep(pause).await;
        }
        self.publish(snapshot, books);
        Target {
            name: self.slot.name.clone(),
            collector: C::NAME,
            parts: seen,
            findings: Vec::new(),
        }
    }

    async fn walk(&self, part: &Part) -> PartSeen {
        let mut endpoints = C::endpoints(&self.target).into_iter();
        let endpoint = endpoints
            .find(|(name, _)| *name == part.name)
            .map(|(_, endpoint)| endpoint);
        let way = match &endpoint {
            Some(endpoint) if self.plan.walk => walk::walk(&self.tools.upstream, endpoint, self.clock.now().wall).await,
            _ => Vec::new(),
        };
        let mut seen = PartSeen {
            name: part.name,
            endpoint,
            way,
            round: None,
            credentials: !self.target.secrets().is_empty(),
            advice: None,
        };
        seen.advice = seen.fault().map(advice::<C>);
        seen
    }

    /// A round of every part that can be reached, side by side. What one brings is taken up when it comes: others may wait
    /// for it to know whom to ask about.
    async fn rounds(
        &self,
        parts: &[Part],
        seen: &mut [PartSeen],
        books: &mut [PartStatus],
        snapshot: &mut C::Snapshot,
    ) {
        let reachable = |seen: &PartSeen| seen.way.iter().all(|step| step.outcome.is_ok());
        let asked = parts.iter().zip(seen.iter()).filter(|(_, seen)| reachable(seen));
        let mut readings: FuturesUnordered<_> = asked.map(|(part, _)| self.read(part)).collect();
        let mut ended = Vec::new();
        while let Some((part, reading, took)) = readings.next().await {
            let now = self.clock.now();
            let outcome = match reading {
                Ok(reading) => {
                    self.collector.absorb(snapshot, reading, now);
                    Ok(())
                }
                Err(fault) => {
                    self.collector.lost(snapshot, part, &fault, now);
                    Err(fault)
                }
            };
            ended.push((part, outcome, took, now));
        }
        for (part, outcome, took, now) in ended {
            if let Some(status) = books.iter_mut().find(|status| status.part == *part) {
                status.ended(outcome.clone(), took, now);
            }
            if let Some(seen) = seen.iter_mut().find(|seen| seen.name == part.name) {
                seen.advice = outcome.as_ref().err().map(advice::<C>);
                let outcome = outcome.map(|()| C::gist(snapshot, &self.target, part, now));
                seen.round = Some(Round { took, outcome });
            }
        }
    }

    async fn read<'a>(&self, part: &'a Part) -> (&'a Part, Result<C::Reading, Fault>, Duration) {
        let started = Instant::now();
        let reading = tokio::time::timeout(part.deadline, self.collector.read(part)).await;
        let late = || Fault::new(self.slot.name.as_str(), part.name, Why::Timeout(part.deadline));
        let reading = reading.unwrap_or_else(|_| Err(late()));
        (part, reading, started.elapsed())
    }

    /// Into the store, without what has become stale during a long look.
    fn publish(&self, mut snapshot: C::Snapshot, books: Vec<PartStatus>) {
        let now = self.clock.now();
        for status in books.iter().filter(|status| status.is_stale(now)) {
            self.collector.expire(&mut snapshot, &status.part);
        }
        let mut page = Page::new(&[("target", self.slot.name.as_str())]);
        C::samples(&snapshot, &mut page);
        let diagnosis = self.collector.diagnose(&snapshot, now);
        let view = TargetView::new::<C>(self.slot.name.clone(), snapshot, diagnosis);
        self.slot.put(view, page.finish(), books);
    }
}

/// The room of the collector knows best.
fn advice<C: Collector>(fault: &Fault) -> &'static str {
    C::advice(fault).unwrap_or_else(|| fault.advice())
}
