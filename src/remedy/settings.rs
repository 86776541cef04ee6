//! The section `remedies` of the configuration: which repairs there are, for whom, and how carefully.
//!
//! A policy that is not written does not exist, and one that is written only shows what it would do until its `mode` says
//! `act`. What an action is made of belongs to the room that acts; here it has a name and settings.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::links::Approvals;
use super::most::Most;
use super::share::Share;
use super::step::Plan;
use super::symptom_name::SymptomName;
use super::window::Window;
use crate::values::{Duration, Name};

/// What of the past is kept to count in, and so the longest span that may be counted over. The journal keeps a day more
/// than this (`needed_for`), or a restart would forget what was done.
pub const LONGEST_MEMORY: Duration = Duration::from_secs(7 * 86_400);

/// The name of a rung that tells people and changes nothing.
pub const NOTIFY: &str = "notify";
/// The name of a rung that asks another farmwarden.
pub const REMOTE: &str = "remote";

/// What is repaired. Without policies alerts are recorded and nothing else happens.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Remedies {
    /// `false` holds every action, whatever the policies say.
    pub enabled: bool,
    /// Nothing is done so long after farmwarden started: what it sees may be the end of a start of the whole farm.
    pub warm_up: Duration,
    /// While this file exists nothing is done; what stands in it is shown as the reason.
    #[schemars(example = &"/run/farmwarden/freeze", extend("x-off" = true))]
    pub freeze_file: Option<PathBuf>,
    /// Actions of all policies together, in any hour and any 24 hours.
    pub most: Most,
    /// Actions that may run at the same time, of all policies. On one target there is never more than one. What other farmwardens are asked for is counted for each of them alone.
    pub at_once: Together,
    /// Approvals from a chat.
    pub approvals: Approvals,
    /// Repairs, each of one symptom.
    #[schemars(extend("x-more" = [{
        "name": "tell_of_many_workers", "symptom": "workers_correlated", "targets": ["prb-1"],
        "rungs": [{"action": "notify", "timeout": "30m"}]
    }]))]
    pub policies: Vec<Policy>,
}

impl Default for Remedies {
    fn default() -> Self {
        Self {
            enabled: true,
            warm_up: Duration::from_secs(300),
            freeze_file: None,
            most: most(20, 100),
            at_once: Together::default(),
            approvals: Approvals::default(),
            policies: Vec::new(),
        }
    }
}

impl Remedies {
    pub fn policy(&self, name: &Name) -> Option<&Policy> {
        self.policies.iter().find(|policy| policy.name == *name)
    }
}

/// A repair: an alert asks for it by the label `remedy`, and it must be allowed for the target here.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The value of the label `remedy`.
    #[schemars(example = &"restart_stuck_worker")]
    pub name: Name,
    /// `false` holds it.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// What it cures; it is looked for again before every action, and its end is the cure. `farmwarden explain` lists all.
    #[schemars(example = &"worker_silent_stall")]
    pub symptom: SymptomName,
    /// The targets on which it may act.
    #[schemars(example = ["prb-1"])]
    pub targets: Vec<Name>,
    /// `dry_run` records what would have been done; `act` does it, and needs a journal. What only tells people reaches them with `act` alone.
    #[serde(default)]
    pub mode: Mode,
    /// How long the symptom must have been seen before the first rung.
    #[serde(default = "default_ill_for")]
    pub ill_for: Duration,
    /// What is done, one rung after the other until the symptom is gone; after the last one a person is called.
    #[schemars(example = serde_json::json!([
        {"action": "notify", "with": {}, "within": "2m", "timeout": "2m", "gone_for": "1m", "approval": false},
        {"action": "restart-worker"}
    ]))]
    pub rungs: Vec<Rung>,
    /// Between two actions on the same entity.
    #[serde(default = "default_cool_down")]
    pub cool_down: Duration,
    /// Actions on the same entity.
    #[serde(default)]
    pub attempts: Attempts,
    /// Actions of this policy.
    #[serde(default)]
    pub budgets: Budgets,
    /// When it may act, in UTC, like `Mon-Fri 08:00-18:00`; none given is always.
    #[serde(default)]
    #[schemars(example = ["Mon-Fri 08:00-18:00"], extend("x-off" = true))]
    pub windows: Vec<Window>,
    /// When too much is ill for repairs one by one.
    #[serde(default)]
    pub storm: Storm,
    /// When cures do not last.
    #[serde(default)]
    pub flapping: Flapping,
    /// An incident of which nothing was heard and nothing seen for so long is over.
    #[serde(default = "default_forget_after")]
    pub forget_after: Duration,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    #[default]
    DryRun,
    Act,
}

/// One step of a ladder.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rung {
    /// `notify`, or an action by its name.
    #[schemars(example = &"restart-worker")]
    pub action: Name,
    /// Settings of the action.
    #[serde(default)]
    #[schemars(example = serde_json::json!({"container": "node"}), extend("x-off" = true))]
    pub with: BTreeMap<String, String>,
    /// For the action itself.
    #[serde(default = "default_within")]
    pub within: Duration,
    /// Until the symptom must be gone after the action; then the next rung is tried.
    #[serde(default = "default_timeout")]
    pub timeout: Duration,
    /// For how long it must be gone to count as cured; shorter than `timeout`.
    #[serde(default = "default_gone_for")]
    pub gone_for: Duration,
    /// Whether a person must approve it first.
    #[serde(default)]
    pub approval: bool,
    /// What it is on each target of its policy, as far as that stands elsewhere in the configuration.
    #[serde(skip)]
    pub meanings: BTreeMap<Name, Meaning>,
}

/// What a rung is on one target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meaning {
    /// What its names stand for: that is what a person approves.
    pub does: Option<String>,
    /// How often its deed may be done, whatever policies there are.
    pub law: Option<Law>,
    /// Containers, units, services of a daemon. No two actions have one of them at the same time, whatever their targets are.
    pub touches: BTreeSet<String>,
    /// The entity is a mount, and it is taken away and put back.
    pub touches_mount: bool,
}

impl Meaning {
    /// Whether a plan for it means the same.
    pub(super) fn is_of(&self, plan: &Plan) -> bool {
        let deed = self.law.as_ref().map(|law| law.deed(&plan.entity));
        (&self.does, &deed, &self.touched(&plan.entity)) == (&plan.does, &plan.deed, &plan.touches)
    }

    /// As plans name it.
    pub(super) fn touched(&self, entity: &str) -> BTreeSet<String> {
        let mount = self.touches_mount.then(|| format!("mount {entity}"));
        self.touches.iter().cloned().chain(mount).collect()
    }
}

/// A limit of the contract with whoever is acted on. It holds for all policies together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Law {
    /// What is done, the same by whatever action: `restart chia_harvester`.
    pub deed: String,
    pub each: Each,
    pub cool_down: Duration,
    /// In any 24 hours.
    pub most: u32,
}

/// What has a limit of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Each {
    Entity,
    Target,
    /// The deed names what it is done to, which several targets may show.
    Deed,
}

impl Law {
    /// As plans and history name it.
    pub(super) fn deed(&self, entity: &str) -> String {
        match self.each {
            Each::Entity => format!("{} {entity}", self.deed),
            Each::Target | Each::Deed => self.deed.clone(),
        }
    }

    /// The target whose deeds count, where not those of all do.
    pub(super) fn counted_on<'a>(&self, target: &'a Name) -> Option<&'a Name> {
        (self.each != Each::Deed).then_some(target)
    }
}

impl Rung {
    /// Whether it only tells people.
    pub fn is_notice(&self) -> bool {
        self.action.as_str() == NOTIFY
    }

    /// Whether it asks another farmwarden.
    pub fn is_remote(&self) -> bool {
        self.action.as_str() == REMOTE
    }

    /// Whom it asks.
    pub(super) fn remote(&self) -> Option<&str> {
        asked(&self.action, &self.with)
    }
}

/// The other farmwarden that an action asks; nothing for one that is done here.
pub(super) fn asked<'a>(action: &Name, with: &'a BTreeMap<String, String>) -> Option<&'a str> {
    let remote = with.get("remote").filter(|_| action.as_str() == REMOTE);
    remote.map(String::as_str)
}

/// How often a policy acts at most, in any hour and any 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Budgets {
    /// On one target.
    pub target: Most,
    /// On the targets that have the same `farm`.
    pub group: Most,
    /// On all targets.
    pub farm: Most,
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            target: most(3, 10),
            group: most(6, 20),
            farm: most(10, 40),
        }
    }
}

/// So many within so long; then a person is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Attempts {
    pub most: Count,
    pub within: Duration,
}

impl Default for Attempts {
    fn default() -> Self {
        Self {
            most: Count(at_least_one(3)),
            within: Duration::from_secs(6 * 3600),
        }
    }
}

/// The gate of the fleet: beyond it the cause is common, and repairs one by one only add to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Storm {
    /// It is a storm when more than this share of the group has the symptom,
    pub share: Share,
    /// and more than so many. Where the size of the group is not known this alone decides.
    pub least: u32,
    /// How long nothing is done after it.
    pub cool_down: Duration,
}

impl Default for Storm {
    fn default() -> Self {
        Self {
            share: Share::percent(20),
            least: 3,
            cool_down: Duration::from_secs(1800),
        }
    }
}

/// The quarantine of what is cured again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Flapping {
    /// So many cures of the same entity
    pub cures: Count,
    /// within so long,
    pub within: Duration,
    /// and it is left to people for so long after the last one.
    pub quarantine: Duration,
}

impl Default for Flapping {
    fn default() -> Self {
        Self {
            cures: Count(at_least_one(3)),
            within: Duration::from_secs(86_400),
            quarantine: Duration::from_secs(86_400),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Together {
    /// On the targets that have the same `farm`.
    pub group: Count,
    /// On all targets.
    pub farm: Count,
}

impl Default for Together {
    fn default() -> Self {
        Self {
            group: Count(at_least_one(1)),
            farm: Count(at_least_one(2)),
        }
    }
}

/// A number from 1 on: with 0 nothing would ever be done, which `enabled: false` says better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "u32")]
pub struct Count(NonZeroU32);

impl Count {
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl TryFrom<u32> for Count {
    type Error = &'static str;

    fn try_from(count: u32) -> Result<Self, Self::Error> {
        NonZeroU32::new(count)
            .map(Self)
            .ok_or("at least 1 is expected here; `enabled: false` switches off")
    }
}

impl JsonSchema for Count {
    fn schema_name() -> Cow<'static, str> {
        "Count".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 1 })
    }
}

const fn most(hour: u32, day: u32) -> Most {
    Most {
        hour: at_least_one(hour),
        day: at_least_one(day),
    }
}

const fn at_least_one(count: u32) -> NonZeroU32 {
    match NonZeroU32::new(count) {
        Some(count) => count,
        None => NonZeroU32::MIN,
    }
}

fn yes() -> bool {
    true
}

fn default_ill_for() -> Duration {
    Duration::from_secs(60)
}

fn default_cool_down() -> Duration {
    Duration::from_secs(600)
}

fn default_forget_after() -> Duration {
    Duration::from_secs(1800)
}

fn default_within() -> Duration {
    Duration::from_secs(120)
}

fn default_timeout() -> Duration {
    Duration::from_secs(300)
}

fn default_gone_for() -> Duration {
    Duration::from_secs(60)
}
