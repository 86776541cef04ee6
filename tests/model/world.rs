//! How everything stands, and the laws: what is asked of the world is held against what it knows itself, never against the
//! product's own books.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use farmwarden::actions::remote::RequestId;
use farmwarden::clock::UnixTime;
use farmwarden::remedy::{IncidentId, Key, Outcome, Plan, Sight, Step};
use farmwarden::values::Name;

use super::case::{Case, FRESH_FOR, HOUR};
use super::moment::Sees;

/// What must never be; each is a property of the model.
pub(crate) const TWO_AT_ONCE: &str = "never two actions on one target at a time";
pub(crate) const OVER_BUDGET: &str = "no budget of an hour is exceeded";
pub(crate) const TOO_MANY: &str = "no more run in a group or on the farm than may";
pub(crate) const TWICE: &str = "a rung of an incident is begun and done at most once";
pub(crate) const STALE: &str = "nothing is begun on a stale view or on what is not seen ill";
pub(crate) const ENDED: &str = "nothing is begun after its alerts ended";
pub(crate) const DRY: &str = "a dry run never acts";
pub(crate) const FORBIDDEN: &str = "nothing is begun against a pause, a freeze, a cause or without approval";
pub(crate) const UNRECORDED: &str = "nothing is done that is not on the disk as begun";
pub(crate) const BLIND: &str = "what was interrupted is told and looked at before anything follows";
pub(crate) const UNSEEN: &str = "a cure is told when it was seen after the action";
pub(crate) const FORGETFUL: &str = "a restart knows what was known";
pub(crate) const LEFT_ALONE: &str = "what is ill and asked for has an incident once it is visited";
pub(crate) const TAKEN_BACK: &str = "nothing is begun for a request that was taken back";
pub(crate) const GUESSED: &str = "nothing follows on an action of which nobody knows what it did";

pub(crate) const LAWS: [&str; 15] = [
    TWO_AT_ONCE,
    OVER_BUDGET,
    TOO_MANY,
    TWICE,
    STALE,
    ENDED,
    DRY,
    FORBIDDEN,
    UNRECORDED,
    BLIND,
    UNSEEN,
    FORGETFUL,
    LEFT_ALONE,
    TAKEN_BACK,
    GUESSED,
];

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

/// What an alert is known to be, from the messages alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Heard {
    fired: Option<u64>,
    /// As it says, and when that was heard.
    ended: Option<(u64, u64)>,
    /// It fired again so long after its end that the end was a mistake.
    returned: bool,
}

impl Heard {
    /// A message about the episode that began at `from`.
    pub(crate) fn hears(&mut self, from: u64, to: Option<u64>, now: u64) {
        match (to, self.ended) {
            (Some(to), _) => {
                self.ended = self.ended.max(Some((to, now)));
                if self.fired.is_none_or(|fired| fired <= to) {
                    self.returned = false;
                }
            }
            (None, Some((end, heard))) if from <= end && now >= heard + 600 => self.returned = true,
            (None, _) => {}
        }
        if to.is_none() {
            self.fired = self.fired.max(Some(from));
        }
    }

    fn fires(self) -> bool {
        let is_newer = |fired| self.ended.is_none_or(|(end, _)| fired > end);
        self.returned || self.fired.is_some_and(is_newer)
    }
}

/// What another farmwarden asks for, as far as it is on the disk.
#[expect(clippy::struct_excessive_bools, reason = "they are facts of their own")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Wish {
    is_asked: bool,
    is_taken_back: bool,
    /// It had its action.
    is_used: bool,
    pub(crate) is_being_taken_back: bool,
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
    /// Incidents of which nobody knows what their action did.
    lost: BTreeSet<IncidentId>,
    pub(crate) paused: bool,
    pub(crate) frozen: bool,
    pub(crate) cause: bool,
    begun: Vec<Begun>,
    /// Incident and rung that a person allowed, and until when.
    approved: Vec<(IncidentId, usize, UnixTime)>,
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
            lost: BTreeSet::new(),
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
            _ => {}
        }
        if let Step::Finished {
            incident,
            outcome: Outcome::Unknown,
            ..
        } = step
        {
            self.lost.insert(*incident);
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
            Step::Approved {
                incident, plan, until, ..
            } => self.approved.push((*incident, plan.rung, *until)),
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
        if let Step::Withdrawn(id) = step {
            self.request(id).is_being_taken_back = false;
        }
    }

    fn request(&mut self, id: &RequestId) -> &mut Wish {
        let case = Arc::clone(&self.case);
        let mut numbers = 0..case.requests.len();
        let number = numbers.find(|number| case.request(*number).id() == *id);
        &mut self.requests[number.unwrap()]
    }

    pub(crate) fn may_be_taken_back(&self, number: usize) -> bool {
        let request = self.requests[number];
        request.is_asked && !request.is_taken_back && !request.is_being_taken_back
    }

    /// Whether somebody asks for it; `lapsing` those that are not good any more do not.
    fn is_asked_for(&self, entity: usize, lapsing: bool) -> bool {
        let mut requests = self.requests.iter().zip(&self.case.requests);
        let asked = requests.any(|(request, until)| {
            let is_open = request.is_asked && !request.is_taken_back && !request.is_used;
            is_open && (!lapsing || self.second < *until)
        });
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
        let key = key_of(plan);
        let is_it = |begun: &&mut Begun| begun.key == key && begun.rung == plan.rung && !begun.is_over;
        match self.begun.iter_mut().find(is_it) {
            Some(begun) if !begun.was_run => begun.was_run = true,
            Some(_) => self.breaks(TWICE, true),
            None => self.breaks(UNRECORDED, true),
        }
        self.breaks(TWO_AT_ONCE, running.contains(&plan.target));
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
            &self.lost,
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

/// What happened, for those properties that say that it does happen.
fn sign(step: &Step) -> &'static str {
    match step {
        Step::Received { .. } | Step::Strange { .. } => "received",
        Step::Decided { guard, .. } => guard.label(),
        Step::Rehearsed { .. } => "rehearsed",
        Step::Started { .. } => "started",
        Step::Finished {
            outcome: Outcome::TimedOut,
            ..
        } => "timed_out",
        Step::Finished {
            outcome: Outcome::Refused,
            ..
        } => "refused",
        Step::Finished {
            outcome: Outcome::Unknown,
            ..
        } => "unknown",
        Step::Finished { .. } => "finished",
        Step::Noted { .. } => "noted",
        Step::Interrupted { .. } => "interrupted",
        Step::Cured { .. } => "cured",
        Step::Relapsed { .. } => "relapsed",
        Step::Failed { .. } => "failed",
        Step::Escalated { .. } => "escalated",
        Step::Closed { why, .. } => why.label(),
        Step::Stormed { .. } => "stormed",
        Step::Approved { .. } => "approved",
        Step::Ordered { .. } => "ordered",
        Step::TakenBack { .. } => "taken_back",
        Step::Paused(_) => "paused",
        Step::Resumed { .. } => "resumed",
        Step::Asked(_) => "asked",
        Step::Withdrawn(_) => "withdrawn",
    }
}
