//! Who is at work: all targets of a configuration, and how another configuration takes its place. When their rounds happen is
//! told in `rounds.rs`.

mod rounds;

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::collectors::{Collector, Link, Sections, TargetConfig, Tools, Visit};
use crate::relations;
use crate::store::{Slot, Store};
use crate::upstream::Fault;
use crate::values::Name;

use rounds::Rounds;

/// Verdicts are renewed at most this often. Judging looks at every target: doing it for every single round would cost
/// the square of their number.
const JUDGE_EVERY: Duration = Duration::from_millis(200);
/// One that comes every time must not fill the log.
const AFTER_DEFECT: Duration = Duration::from_secs(10);

/// All targets at work. Dropping it stops them.
pub struct Schedule {
    store: Arc<Store>,
    tools: Tools,
    clock: Clock,
    changed: Arc<Notify>,
    running: Vec<Running>,
    _judge: JoinSet<()>,
}

/// One target at work; dropping it stops its rounds.
struct Running {
    working: Arc<dyn Working>,
    loops: JoinSet<()>,
}

/// What a new configuration needs, made beside what runs. Dropping it changes nothing.
pub struct Plan {
    targets: Vec<Planned>,
    links: Vec<Link>,
}

struct Planned {
    working: Arc<dyn Working>,
    what: Change,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Kept,
    Changed,
    New,
}

/// What a swap did, in numbers of targets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swapped {
    pub kept: usize,
    pub changed: usize,
    pub new: usize,
    pub gone: usize,
}

impl std::fmt::Display for Swapped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            kept,
            changed,
            new,
            gone,
        } = self;
        write!(
            f,
            "targets: {kept} unchanged, {changed} changed, {new} new, {gone} gone"
        )
    }
}

impl Schedule {
    /// Nothing is read before the first swap.
    pub fn new(store: Arc<Store>, tools: Tools, clock: Clock) -> Self {
        let changed = Arc::new(Notify::new());
        let mut judging = JoinSet::new();
        let (judged, seen) = (Arc::clone(&store), Arc::clone(&changed));
        judging.spawn(async move {
            in_spite_of_defects("judging", || judge(Arc::clone(&judged), Arc::clone(&seen))).await;
        });
        Self {
            store,
            tools,
            clock,
            changed,
            running: Vec::new(),
            _judge: judging,
        }
    }

    /// Prepares all targets of a configuration. Those that did not change stay as they are; a target that cannot even
    /// be set up (a defect of the configuration, not of an upstream) fails the whole, and nothing has changed.
    pub fn plan(&self, targets: Sections, links: Vec<Link>) -> Result<Plan, Vec<Fault>> {
        let mut planner = Planner {
            schedule: self,
            targets: Vec::new(),
            faults: Vec::new(),
        };
        targets.visit(&mut planner);
        planner.finish(links)
    }

    /// Puts a plan in the place of what runs: one moment the page is the old one, the next it is the new one.
    pub fn swap(&mut self, plan: Plan) -> Swapped {
        let mut before = std::mem::take(&mut self.running);
        let mut swapped = Swapped::default();
        let mut fresh = Vec::new();
        for Planned { working, what } in plan.targets {
            let old = before
                .iter()
                .position(|old| old.working.slot().name == working.slot().name);
            let old = old.map(|index| before.swap_remove(index));
            let running = match (what, old) {
                (Change::Kept, Some(old)) => {
                    swapped.kept += 1;
                    old
                }
                (what, _) => {
                    *(if what == Change::New {
                        &mut swapped.new
                    } else {
                        &mut swapped.changed
                    }) += 1;
                    fresh.push(self.running.len());
                    Running {
                        working,
                        loops: JoinSet::new(),
                    }
                }
            };
            self.running.push(running);
        }
        swapped.gone = before.len();
        let slots = self.running.iter().map(|running| Arc::clone(running.working.slot()));
        self.store.replace(slots.collect(), plan.links);
        self.store.judge(relations::judge);
        for index in fresh {
            if let Some(Running { working, loops }) = self.running.get_mut(index) {
                Arc::clone(working).start(loops);
            }
        }
        swapped
    }

    /// One more target beside those at work.
    pub fn add<C: Collector>(&mut self, target: C::Target) -> Result<(), Fault> {
        let link = Link {
            target: target.name().clone(),
            collector: C::NAME,
            farm: Link::default_farm(),
            depends_on: Vec::new(),
        };
        let working = self.connect::<C>(target)?;
        let mut loops = JoinSet::new();
        Arc::clone(&working).start(&mut loops);
        self.running.push(Running { working, loops });
        let slots = self.running.iter().map(|running| Arc::clone(running.working.slot()));
        let links = self.store.links().iter().cloned().chain([link]).collect();
        self.store.replace(slots.collect(), links);
        Ok(())
    }

    fn named(&self, name: &Name) -> Option<&Arc<dyn Working>> {
        let mut all = self.running.iter().map(|running| &running.working);
        all.find(|working| working.slot().name == *name)
    }

    fn connect<C: Collector>(&self, target: C::Target) -> Result<Arc<dyn Working>, Fault> {
        let before = self.named(target.name());
        let before = before.and_then(|before| before.as_any().downcast_ref::<Rounds<C>>());
        let collector = C::connect(&target, &self.tools, before.map(|rounds| &rounds.collector))?;
        Ok(Rounds::new(collector, target, self))
    }
}

/// Goes through the targets of a configuration.
struct Planner<'a> {
    schedule: &'a Schedule,
    targets: Vec<Planned>,
    faults: Vec<Fault>,
}

impl Planner<'_> {
    fn finish(self, links: Vec<Link>) -> Result<Plan, Vec<Fault>> {
        if self.faults.is_empty() {
            Ok(Plan {
                targets: self.targets,
                links,
            })
        } else {
            Err(self.faults)
        }
    }
}

impl Visit for Planner<'_> {
    fn target<C: Collector>(&mut self, target: C::Target) {
        let before = self.schedule.named(target.name());
        let same = before.filter(|before| {
            let rounds = before.as_any().downcast_ref::<Rounds<C>>();
            rounds.is_some_and(|rounds| rounds.is_as_configured(&target))
        });
        if let Some(same) = same {
            let working = Arc::clone(same);
            self.targets.push(Planned {
                working,
                what: Change::Kept,
            });
            return;
        }
        let what = if before.is_some() { Change::Changed } else { Change::New };
        match self.schedule.connect::<C>(target) {
            Ok(working) => self.targets.push(Planned { working, what }),
            Err(fault) => self.faults.push(fault),
        }
    }
}

/// The rounds of a target of whatever kind.
trait Working: Send + Sync {
    fn slot(&self) -> &Arc<Slot>;
    /// Starts a loop per part.
    fn start(self: Arc<Self>, loops: &mut JoinSet<()>);
    fn as_any(&self) -> &dyn Any;
}

/// Keeps the verdicts up with the pictures.
/// Goes on after a panic, which is told: without it a defect would leave a target, or all of them, unread until the next start.
async fn in_spite_of_defects<F: Future<Output = ()>>(who: &str, mut run: impl FnMut() -> F) {
    while AssertUnwindSafe(run()).catch_unwind().await.is_err() {
        tracing::error!("{who}: a defect of farmwarden, please report it; it goes on in {AFTER_DEFECT:?}");
        tokio::time::sleep(AFTER_DEFECT).await;
    }
}

async fn judge(store: Arc<Store>, changed: Arc<Notify>) {
    loop {
        changed.notified().await;
        store.judge(relations::judge);
        tokio::time::sleep(JUDGE_EVERY).await;
    }
}

#[cfg(test)]
mod tests;
