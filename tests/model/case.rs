//! What a farm of the model is made of.

use std::sync::Arc;

use farmwarden::actions::remote::{Nonce, Request, Wants};
use farmwarden::alerts::{Alert, Status};
use farmwarden::clock::UnixTime;
use farmwarden::remedy::{IncidentId, Key, Plan, Policy, Remedies, Step, settings::Mode};
use farmwarden::values::Name;

use super::world::{Left, at};

/// Seconds: two of them in a row make a view stale, and an action that takes its time outlasts one.
pub(crate) const PASS: u64 = 60;
/// Longer than late messages come, cures are forgotten and cool-downs last.
pub(crate) const LEAP: u64 = 1200;
pub(crate) const FRESH_FOR: u64 = 60;
pub(crate) const HOUR: u64 = 3600;

/// What an Alertmanager says; any number of them, any number of times.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) entity: usize,
    pub(crate) alert: usize,
    pub(crate) from: u64,
    pub(crate) to: Option<u64>,
}

impl Message {
    pub(crate) fn step(&self, case: &Case) -> Step {
        let key = case.key(self.entity);
        let labels = [
            ("remedy", key.policy.as_str()),
            ("target", key.target.as_str()),
            ("entity", &key.entity),
        ];
        let alert = Alert {
            status: if self.to.is_some() {
                Status::Resolved
            } else {
                Status::Firing
            },
            fingerprint: format!("{:016x}", self.alert).parse().unwrap(),
            starts_at: at(self.from),
            ends_at: self.to.map(at),
            labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            annotations: [].into(),
            generator_url: String::new(),
        };
        Step::Received {
            from: String::new(),
            alerts: vec![alert],
        }
    }
}

/// A mistake that product or world might have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// An approval is recorded for ever, and not until it ends.
    EndlessApproval,
    /// What is taken back does not wait for what is being begun.
    TakenBackAtAnyTime,
    /// Hands that are cut off do not say so.
    SilentHands,
    /// A person's order holds for ever.
    EndlessOrder,
    /// Plans do not say what they touch.
    UntoldThings,
    /// The number of what is asked for elsewhere is not in the record.
    ForgottenNumber,
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a thing that nature may do, or not"
)]
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) remedies: Arc<Remedies>,
    /// Targets and what is on them.
    pub(crate) entities: Vec<(Name, &'static str)>,
    pub(crate) messages: Vec<Message>,
    /// Messages that come in before anything else.
    pub(crate) opens: Vec<usize>,
    /// Time goes by while it looks, and while the disk is busy.
    pub(crate) slow: bool,
    /// At one time.
    pub(crate) visits: usize,
    pub(crate) left: Left,
    pub(crate) orders: bool,
    /// A person may order a repair.
    pub(crate) person: bool,
    pub(crate) approval: bool,
    /// What another farmwarden may ask for, each until that second, for the first entity.
    pub(crate) requests: Vec<u64>,
    /// An action may end with nobody knowing what was done.
    pub(crate) remote: bool,
    /// Its actions ask another farmwarden, which goes on whatever becomes of this one.
    pub(crate) asks: bool,
    /// Its targets stand on the same container.
    pub(crate) shares: bool,
    /// What is wrong with it, to see whether that is found.
    pub(crate) fault: Fault,
    /// What must be seen to happen: kinds of steps, guards that hold, ways in which incidents end.
    pub(crate) happens: Vec<&'static str>,
}

impl Case {
    pub(crate) fn policy(&self) -> &Policy {
        &self.remedies.policies[0]
    }

    pub(crate) fn acts(&self) -> bool {
        self.policy().mode == Mode::Act
    }

    pub(crate) fn targets(&self) -> &[Name] {
        &self.policy().targets
    }

    pub(crate) fn alerts(&self) -> usize {
        self.messages
            .iter()
            .map(|message| message.alert + 1)
            .max()
            .unwrap_or_default()
    }

    pub(crate) fn alerts_of(&self, entity: usize) -> impl Iterator<Item = usize> {
        self.messages
            .iter()
            .filter(move |message| message.entity == entity)
            .map(|message| message.alert)
    }

    pub(crate) fn key(&self, entity: usize) -> Key {
        let (target, name) = &self.entities[entity];
        Key {
            target: target.clone(),
            entity: (*name).to_owned(),
            policy: self.policy().name.clone(),
        }
    }

    /// The request with this number, as it is signed.
    pub(crate) fn request(&self, number: usize) -> Request {
        let key = self.key(0);
        Request {
            caller: "control".parse().unwrap(),
            nonce: Nonce::of([u8::try_from(number).unwrap(); 16]),
            time: at(0),
            wants: Wants::Repair,
            policy: key.policy,
            target: key.target,
            entity: key.entity,
            symptom: self.policy().symptom.get().name.to_owned(),
            incident: "412.0".to_owned(),
            rung: 1,
            until: at(self.requests[number]),
        }
    }

    /// Seconds for which a person's order holds for its first rung: shorter than a farm lives.
    pub(crate) const ORDER_HOLDS: u64 = 3 * PASS / 2;

    /// A person's order for the first entity.
    pub(crate) fn order(&self, second: u64) -> Step {
        let Key { target, entity, policy } = self.key(0);
        let holds = if self.fault == Fault::EndlessOrder {
            100_000
        } else {
            Self::ORDER_HOLDS
        };
        Step::Ordered {
            target,
            entity,
            policy,
            by: "li".to_owned(),
            until: at(second + holds),
        }
    }

    /// A person's approval of a rung.
    pub(crate) fn approved(&self, incident: IncidentId, entity: usize, rung: usize, until: UnixTime) -> Step {
        let until = match self.fault {
            Fault::EndlessApproval => at(100_000),
            _ => until,
        };
        Step::Approved {
            incident,
            plan: self.plan(entity, rung),
            by: "li".to_owned(),
            until,
            link: None,
        }
    }

    pub(crate) fn entity(&self, key: &Key) -> usize {
        self.entities
            .iter()
            .position(|(target, name)| *target == key.target && *name == key.entity)
            .unwrap()
    }

    pub(crate) fn plan(&self, entity: usize, rung: usize) -> Plan {
        let key = self.key(entity);
        let rung_of = &self.policy().rungs[rung.min(self.policy().rungs.len() - 1)];
        Plan {
            policy: key.policy,
            target: key.target,
            group: "farm".parse().unwrap(),
            entity: key.entity,
            rung,
            action: rung_of.action.clone(),
            with: rung_of.with.clone(),
            does: None,
            deed: None,
            touches: rung_of
                .meanings
                .get(&self.entities[entity].0)
                .cloned()
                .unwrap_or_default()
                .touches,
            within: rung_of.within,
            notice: false,
        }
    }
}
