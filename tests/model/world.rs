//! How everything stands: what is asked of the world is held against what it knows itself, never against the
//! product's own books.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use farmwarden::actions::remote::RequestId;
use farmwarden::clock::UnixTime;
use farmwarden::remedy::{IncidentId, Key, Outcome, Plan, Sight, Step};
use farmwarden::values::Name;

use super::asked::{Heard, Order, Wish};
use super::case::{Case, FRESH_FOR, HOUR};
use super::laws::{
    ASKED_FOR, BLIND, DRY, ENDED, FORBIDDEN, GUESSED, LEFT_ALONE, OVER_BUDGET, STALE, TAKEN_BACK, TOO_MANY, TWICE,
    TWO_AT_ONCE, UNRECORDED, UNSEEN,
};
use super::moment::Sees;
use super::signs::sign;

/// Seconds after a Saturday noon.
pub(crate) fn at(second: u64) -> UnixTime {
    UnixTime::from_millis((1_795_262_400 + second) * 1000)
}

/// How often nature may still do something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Left {
    pub(crate) passes: u8,
    pub(crate) leaps: u8,
    pub(crate) deliveries: u8,
    pub(crate) flips: u8,
    pub(crate) crashes: u8,
    pub(crate) refusals: u8,
    pub(crate) blind_looks: u8,
    pub(crate) words: u8,
    /// Actions that refuse.
    pub(crate) vetoes: u8,
}

/// An action that is on the disk as begun.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Begun {
    second: u64,
    key: Key,
    /// Nothing once it is over: then it only counts for budgets.
    incident: Option<IncidentId>,
    rung: usize,
    /// Finished or interrupted, as the record has it.
    is_over: bool,
    was_run: bool,
    /// It changes nothing.
    is_notice: bool,
}

impl Begun {
    fn runs(&self) -> bool {
        !self.is_over && !self.is_notice
    }
}

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) case: Arc<Case>,
    pub(crate) second: u64,
    pub(crate) started: u64,
    pub(crate) left: Left,
    /// By entity.
    pub(crate) ill: Vec<bool>,
    /// As the eyes have it, by entity and by target.
    pub(crate) seen: Vec<(Sight, u64)>,
    pub(crate) looked: Vec<Option<u64>>,
    /// By alert.
    pub(crate) heard: Vec<Heard>,
    /// By number.
    pub(crate) requests: Vec<Wish>,
    pub(crate) order: Order,
    /// Targets whose action has ended with nobody knowing what it did, and incidents where that is on the disk.
    cut: BTreeSet<Name>,
    lost: BTreeSet<IncidentId>,
    /// Incidents for which another farmwarden may still begin something.
    elsewhere: BTreeSet<IncidentId>,
    pub(crate) paused: bool,
    pub(crate) frozen: bool,
    pub(crate) cause: bool,
    begun: Vec<Begun>,
    /// Incident and rung that a person allowed, and until when.
    pub(crate) approved: Vec<(IncidentId, usize, UnixTime)>,
    pub(crate) broken: BTreeSet<&'static str>,
    /// Numbers of incidents are below it.
    pub(crate) next: u64,
    /// Not part of what the state is: it is the way here.
    pub(crate) journal: Arc<Vec<(u64, UnixTime, Step)>>,
    pub(crate) signs: BTreeSet<&'static str>,
}

impl World {
    pub(crate) fn new(case: &Arc<Case>) -> Self {
        Self {
            case: Arc::clone(case),
            // The rounds before are over.
            second: 1,
            started: 0,
            left: Left {
                deliveries: case.left.deliveries + u8::try_from(case.opens.len()).unwrap(),
                ..case.left
            },
            ill: vec![true; case.entities.len()],
            seen: vec![(Sight::Ill, 0); case.entities.len()],
            looked: vec![Some(0); case.targets().len()],
            heard: vec![Heard::default(); case.alerts()],
            requests: vec![Wish::default(); case.requests.len()],
            order: Order::default(),
            cut: BTreeSet::new(),
            lost: BTreeSet::new(),
            elsewhere: BTreeSet::new(),
            paused: false,
            frozen: false,
            cause: false,
            begun: Vec::new(),
            approved: Vec::new(),
            broken: BTreeSet::new(),
            next: 1,
            journal: Arc::default(),
            signs: BTreeSet::new(),
        }
    }

    pub(crate) fn now(&self) -> UnixTime {
        at(self.second)
    }

    /// A round of the target that began at this time is over.
    pub(crate) fn reads(&mut self, target: usize, began: u64, sees: Sees) {
        if let Sees::Turned(entity) = sees {
            self.left.flips -= 1;
            self.ill[entity] = !self.ill[entity];
        }
        if sees == Sees::Nothing {
            self.left.blind_looks -= 1;
            self.looked[target] = None;
        } else {
            self.sees(target, began);
        }
    }

    fn sees(&mut self, target: usize, began: u64) {
        self.looked[target] = Some(began);
        let name = &self.case.targets()[target];
        for (entity, (of, _)) in self.case.entities.iter().enumerate() {
            if of == name {
                let now = if self.ill[entity] { Sight::Ill } else { Sight::Well };
                if self.seen[entity].0 != now {
                    self.seen[entity] = (now, self.second);
                }
            }
        }
    }

    /// It is on the disk, behind all before.
    pub(crate) fn writes(&mut self, sequence: u64, step: &Step) {
        let time = self.now();
        Arc::make_mut(&mut self.journal).push((sequence, time, step.clone()));
        self.signs.insert(sign(step));
        match step {
            Step::Started { incident, plan, .. } => self.is_begun(*incident, plan),
            Step::Asked(request) => self.request(&request.id()).is_asked = true,
            Step::Withdrawn(id) => {
                let request = self.request(id);
                request.is_taken_back = true;
                request.is_being_taken_back = false;
            }
            Step::Failed { .. } => self.order.goes_on(self.second),
            Step::TakenBack { .. } | Step::Cured { .. } | Step::Closed { .. } => self.order = Order::default(),
            Step::Finished { incident, .. } => self.is_lost(*incident),
            _ => {}
        }
        match step {
            // It was never done.
            Step::Finished {
                incident,
                rung,
                outcome: Outcome::Refused,
                ..
            } => self
                .begun
                .retain(|begun| begun.is_over || begun.incident != Some(*incident) || begun.rung != *rung),
            Step::Finished { incident, rung, .. } | Step::Interrupted { incident, rung } => {
                for begun in &mut self.begun {
                    if begun.incident == Some(*incident) && begun.rung == *rung {
                        begun.is_over = true;
                    }
                }
            }
            Step::Cured { incident, .. } | Step::Closed { incident, .. } => {
                if self.begun.iter().any(Begun::runs) {
                    self.signs.insert("over_beside");
                }
                for begun in self.begun.iter_mut().filter(|begun| begun.incident == Some(*incident)) {
                    begun.incident = None;
                }
            }
            _ => {}
        }
    }

    /// The disk did not take it.
    pub(crate) fn is_refused(&mut self, step: &Step) {
        match step {
            Step::Withdrawn(id) => self.request(id).is_being_taken_back = false,
            Step::TakenBack { .. } => self.order.is_being_taken_back = false,
            _ => {}
        }
    }

    /// Nobody knows what the action on the target did.
    pub(crate) fn is_cut(&mut self, target: &Name) {
        self.cut.insert(target.clone());
    }

    /// Another farmwarden has the request, or may have it.
    pub(crate) fn is_asked_elsewhere(&mut self, incident: IncidentId) {
        self.elsewhere.insert(incident);
    }

    /// It said what became of it, so nothing of it follows.
    pub(crate) fn is_known_elsewhere(&mut self, incident: IncidentId, target: &Name) {
        self.elsewhere.remove(&incident);
        self.cut.remove(target);
    }

    fn is_lost(&mut self, incident: IncidentId) {
        let of = self
            .begun
            .iter()
            .find(|begun| begun.incident == Some(incident) && !begun.is_over);
        if let Some(begun) = of
            && self.cut.remove(&begun.key.target)
        {
            self.lost.insert(incident);
        }
    }

    fn request(&mut self, id: &RequestId) -> &mut Wish {
        let case = Arc::clone(&self.case);
        let mut numbers = 0..case.requests.len();
        let number = numbers.find(|number| case.request(*number).id() == *id);
        &mut self.requests[number.unwrap()]
    }

    /// Whether somebody asks for it; `lapsing` those that are not good any more do not.
    fn is_asked_for(&self, entity: usize, lapsing: bool) -> bool {
        let mut requests = self.requests.iter().zip(&self.case.requests);
        let asked = requests.any(|(request, until)| request.asks(lapsing && self.second >= *until))
            || self.order.asks(lapsing.then_some(self.second));
        (entity == 0 && asked) || self.case.alerts_of(entity).any(|alert| self.heard[alert].fires())
    }

    fn breaks(&mut self, law: &'static str, is_broken: bool) {
        if is_broken {
            self.broken.insert(law);
        }
    }

    /// The runner wants to begin: everything must allow it in this moment.
    pub(crate) fn is_to_begin(&mut self, incident: IncidentId, plan: &Plan) {
        let case = Arc::clone(&self.case);
        let key = key_of(plan);
        let entity = case.entity(&key);
        self.breaks(DRY, !case.acts());
        let is_ill = self.seen[entity].0 == Sight::Ill;
        self.breaks(STALE, !is_ill || !self.is_looked_at(&key.target, incident));
        self.breaks(ENDED, !self.is_asked_for(entity, true));
        self.breaks(GUESSED, self.lost.contains(&incident));
        self.breaks(ASKED_FOR, self.elsewhere.contains(&incident));
        let needs_approval = case.policy().rungs[plan.rung].approval;
        let now = self.now();
        let allows =
            |(of, rung, until): &(IncidentId, usize, UnixTime)| *of == incident && *rung == plan.rung && *until > now;
        let is_approved = !needs_approval || self.approved.iter().any(allows);
        self.breaks(FORBIDDEN, self.paused || self.frozen || self.cause || !is_approved);
        let on_target = |begun: &&Begun| begun.key.target == key.target;
        self.breaks(
            BLIND,
            !plan.notice && self.begun.iter().filter(on_target).any(Begun::runs),
        );
    }

    /// What counts is what is on the disk: two that did not know of one another are there one after the other.
    fn is_begun(&mut self, incident: IncidentId, plan: &Plan) {
        let case = Arc::clone(&self.case);
        let key = key_of(plan);
        // Alerts may end while it is being written; who took his request back was told that nothing is begun.
        let asked_only = case.messages.is_empty();
        self.breaks(TAKEN_BACK, asked_only && !self.is_asked_for(case.entity(&key), false));
        for request in self.requests.iter_mut().filter(|request| request.is_asked) {
            request.is_used = true;
        }
        let on_target = |begun: &&Begun| begun.key.target == key.target;
        self.breaks(
            TWICE,
            self.begun
                .iter()
                .any(|begun| begun.incident == Some(incident) && begun.rung >= plan.rung),
        );
        if plan.notice && self.begun.iter().any(Begun::runs) {
            self.signs.insert("told_beside");
        }
        let running = self.begun.iter().filter(|begun| begun.runs()).count();
        let most = case.remedies.at_once;
        self.breaks(
            TOO_MANY,
            !plan.notice && running >= usize::try_from(most.group.get().min(most.farm.get())).unwrap(),
        );
        let recent = |begun: &&Begun| begun.second + HOUR > self.second && !begun.is_notice;
        let budgets = case.policy().budgets;
        let spent = self.begun.iter().filter(recent).count();
        let on_this = self.begun.iter().filter(recent).filter(on_target).count();
        let all = budgets.group.hour.min(budgets.farm.hour).min(case.remedies.most.hour);
        let is_spent = |count: usize, most: std::num::NonZeroU32| count >= usize::try_from(most.get()).unwrap();
        self.breaks(
            OVER_BUDGET,
            !plan.notice && (is_spent(spent, all) || is_spent(on_this, budgets.target.hour)),
        );
        self.begun.push(Begun {
            second: self.second,
            key,
            incident: Some(incident),
            rung: plan.rung,
            is_over: false,
            was_run: false,
            is_notice: plan.notice,
        });
    }

    /// The runner wants to tell of a cure: something was done, and then it was seen well.
    pub(crate) fn is_to_be_cured(&mut self, incident: IncidentId) {
        let acted = self.begun.iter().find(|begun| begun.incident == Some(incident));
        let is_seen = acted.is_some_and(|begun| {
            let sight = self.seen[self.case.entity(&begun.key)].0;
            sight == Sight::Well && self.is_looked_at(&begun.key.target, incident)
        });
        self.breaks(UNSEEN, !is_seen);
    }

    /// Now, and since something was last done for the incident.
    fn is_looked_at(&self, target: &Name, incident: IncidentId) -> bool {
        let target = self.case.targets().iter().position(|name| name == target).unwrap();
        let after = self.last_word(incident);
        self.looked[target].is_some_and(|looked| looked + FRESH_FOR >= self.second && at(looked) >= after)
    }

    /// When the incident was opened, or something was last done for it.
    fn last_word(&self, incident: IncidentId) -> UnixTime {
        let speaks = |step: &Step| match step {
            Step::Finished { incident: of, .. } | Step::Interrupted { incident: of, .. } => *of == incident,
            _ => false,
        };
        let mut newest_first = self.journal.iter().rev();
        let last = newest_first.find(|(sequence, _, step)| *sequence == incident.record || speaks(step));
        last.map(|(_, time, _)| *time).unwrap_or_default()
    }

    /// A visit of the target had nothing to write.
    pub(crate) fn is_visited(&mut self, target: usize, has_incident: impl Fn(&Key) -> bool) {
        let case = Arc::clone(&self.case);
        for (entity, (of, _)) in case.entities.iter().enumerate() {
            let asks = case.alerts_of(entity).any(|alert| self.heard[alert].fires());
            let is_ill = self.seen[entity].0 == Sight::Ill && *of == case.targets()[target];
            self.breaks(LEFT_ALONE, asks && is_ill && !has_incident(&case.key(entity)));
        }
    }

    /// The action is being carried out.
    pub(crate) fn is_run(&mut self, plan: &Plan, running: &[Name]) {
        let (key, case) = (key_of(plan), Arc::clone(&self.case));
        let is_it = |begun: &&mut Begun| begun.key == key && begun.rung == plan.rung && !begun.is_over;
        match self.begun.iter_mut().find(is_it) {
            Some(begun) if !begun.was_run => begun.was_run = true,
            Some(_) => self.breaks(TWICE, true),
            None => self.breaks(UNRECORDED, true),
        }
        let is_shared = case.shares && !running.is_empty();
        self.breaks(TWO_AT_ONCE, is_shared || running.contains(&plan.target));
        if plan.rung > 0 {
            self.signs.insert("second_rung");
        }
    }
}

impl Hash for World {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (
            self.second,
            self.started,
            self.left,
            &self.ill,
            &self.looked,
            &self.heard,
            &self.requests,
            self.order,
            &self.cut,
            &self.lost,
            &self.elsewhere,
        )
            .hash(hasher);
        for (sight, since) in &self.seen {
            (std::mem::discriminant(sight), since).hash(hasher);
        }
        (
            self.paused,
            self.frozen,
            self.cause,
            &self.begun,
            &self.approved,
            &self.broken,
            self.next,
        )
            .hash(hasher);
    }
}

fn key_of(plan: &Plan) -> Key {
    Key {
        target: plan.target.clone(),
        entity: plan.entity.clone(),
        policy: plan.policy.clone(),
    }
}
