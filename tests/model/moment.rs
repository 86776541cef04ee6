//! A state of the model, and the moves between them. A future cannot be copied, so a state of which a visit is part holds the
//! moves that lead to it from the last one in which nothing was under way, and they are lived through again.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use farmwarden::remedy::{IncidentId, Phase, Plan, State};

use super::case::Case;
use super::play;
use super::world::World;

/// What nature may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// A little time goes by, or much.
    Pass,
    Leap,
    /// One of the messages of the case comes in, and is on the disk.
    Deliver(usize),
    /// A target's own round, at its own pace: it could not be read before, or an entity has turned. One that shows what
    /// was known is no move.
    Round(usize, Sees),
    /// Somebody visits a target.
    Visit(usize),
    /// The look at a target ends.
    Looked(usize, Sees),
    /// The action on a target ends, as it says.
    Ended(usize, Ends),
    /// What waits for the disk is on it, or refused.
    Disk(bool),
    /// The process is killed. What waits for the disk is on it, or lost.
    Crash {
        is_kept: bool,
    },
    /// A request of another farmwarden comes in, for the first or the hundredth time; or it is taken back.
    Ask(usize),
    TakeBack(usize),
    /// A person orders a repair of the first entity; or takes that back.
    Order,
    TakeOrderBack,
    /// The action on a target ends, and nobody knows what was done.
    Lost(usize),
    /// A person pauses everything, or takes it back.
    Pause,
    Resume,
    /// A person approves what is next for an entity.
    Approve(usize),
    /// A file freezes everything; or what is before the farm breaks. Or the other way round.
    Freeze,
    Break,
}

/// What an action says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    Well,
    Badly,
    /// Nothing was touched.
    Refused,
}

/// What a look shows. An illness begins and ends when somebody looks: nobody can tell that from any moment before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sees {
    AsBefore,
    /// An entity became ill, or well.
    Turned(usize),
    /// It could not be read.
    Nothing,
}

/// Nothing is under way.
#[derive(Clone, Debug)]
pub(crate) struct Rest {
    pub(crate) world: World,
    pub(crate) state: State,
}

/// A visit that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Flight {
    pub(crate) target: usize,
    /// What it asked of the world so far, and the incidents that it may have in mind.
    pub(crate) calls: u32,
    pub(crate) ids: Vec<IncidentId>,
}

/// A state of the model.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    pub(crate) world: World,
    pub(crate) state: State,
    pub(crate) flights: Vec<Flight>,
    /// Targets with actions that were begun.
    pub(crate) acts: Vec<usize>,
    pub(crate) looks: Vec<(usize, u64)>,
    pub(crate) disk: Vec<String>,
    pub(crate) runs: Vec<Plan>,
    /// How it came about; no part of what it is.
    pub(crate) rest: Arc<Rest>,
    pub(crate) since: Vec<Move>,
}

impl Hash for Moment {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.world.hash(hasher);
        self.state.hash(hasher);
        (&self.flights, &self.acts, &self.looks, &self.disk, &self.runs).hash(hasher);
    }
}

impl PartialEq for Moment {
    fn eq(&self, other: &Self) -> bool {
        let hashed = |moment: &Self| {
            let mut hasher = std::hash::DefaultHasher::new();
            moment.hash(&mut hasher);
            hasher.finish()
        };
        hashed(self) == hashed(other)
    }
}

impl Moment {
    pub(crate) fn first(case: &Arc<Case>) -> Self {
        let rest = Rest {
            world: World::new(case),
            state: State::default(),
        };
        Self {
            world: rest.world.clone(),
            state: rest.state.clone(),
            flights: Vec::new(),
            acts: Vec::new(),
            looks: Vec::new(),
            disk: Vec::new(),
            runs: Vec::new(),
            rest: Arc::new(rest),
            since: Vec::new(),
        }
        .after_all(&case.opens)
    }

    fn after_all(self, messages: &[usize]) -> Self {
        messages
            .iter()
            .fold(self, |moment, message| moment.after(Move::Deliver(*message)))
    }

    pub(crate) fn visits(&self) -> usize {
        self.flights.len()
    }

    /// The same process, one move later.
    pub(crate) fn after(&self, next: Move) -> Self {
        let mut since = self.since.clone();
        since.push(next);
        play::play(&self.rest, since)
    }
}

/// Whether somebody could approve something for it.
pub(crate) fn waits_for_a_person(state: &State, case: &Case, entity: usize) -> bool {
    let incident = state.open_for(&case.key(entity));
    incident.is_some_and(|incident| incident.phase == Phase::Open && incident.approval.is_none())
}
