//! What a unit, a container or a command touches, where the services of its target have laws of their own: those of a chain
//! service of Venus and of a Chia farm. Nothing is guessed from a unit's name but that it must be said.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::catalogue::Verb;
use super::check::Checked;
use super::settings::{Settings, Thing};
use super::tools::Tools;
use super::{Hands, left_alone, venus};
use crate::actions::chia::Service;
use crate::remedy::runner::Undone;
use crate::remedy::settings::Rung;
use crate::remedy::step::Plan;
use crate::values::{self, Name};

/// As `with` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Process {
    Venus(venus::Process),
    Chia(Service),
    /// A person's word that it is no service of its target.
    Other,
}

/// For the looks before something with a law of its own is touched: what hangs is no reason to wait for long.
pub(super) const LOOKS_WITHIN: Duration = Duration::from_secs(60);

impl Process {
    /// What of the time of a rung the looks may take.
    pub(super) fn looks_within(process: Option<&Self>) -> Duration {
        let has_laws = process.is_some_and(|process| *process != Self::Other);
        if has_laws { LOOKS_WITHIN } else { Duration::ZERO }
    }
}

/// For what is none of the target's services.
const OTHER: &str = "other";

impl FromStr for Process {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == OTHER {
            return Ok(Self::Other);
        }
        if let Some(service) = Service::ALL.into_iter().find(|service| service.name() == text) {
            return Ok(Self::Chia(service));
        }
        text.parse().map(Self::Venus)
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Venus(process) => fmt::Display::fmt(process, f),
            Self::Chia(service) => fmt::Display::fmt(service, f),
            Self::Other => f.write_str(OTHER),
        }
    }
}

/// Whose services have laws of their own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Venus,
    Chia,
}

impl Kind {
    const fn must_say(self) -> &'static str {
        match self {
            Self::Venus => {
                "must say which `process` of the target this is, like `auth/10.0.0.21:8989`, or `other` for none of its services"
            }
            Self::Chia => {
                "must say which `process` of the target this is: `chia_harvester`, `chia_farmer`, `chia_full_node`, or `other` for \
                 none of them"
            }
        }
    }
}

impl Settings {
    fn kind(&self, target: &Name) -> Option<Kind> {
        match self.targets.get(target).copied() {
            Some("venus") => Some(Kind::Venus),
            Some("chia") => Some(Kind::Chia),
            // Where only the room of a kind was told of it.
            _ if self.venus(target).is_some() => Some(Kind::Venus),
            _ if self.chia(target).is_some() => Some(Kind::Chia),
            _ => None,
        }
    }
}

/// Whose service it is by its name: whoever calls something so and means another thing must call it otherwise.
fn named_as(thing: &Thing) -> Option<Kind> {
    let name = thing.word().to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let service = name.rsplit('/').next().unwrap_or_default();
    let is_all_of_chia = service.strip_suffix(".service").unwrap_or(service) == "chia";
    if has(&["harvester"]) || (has(&["chia"]) && has(&["farmer", "node"])) || is_all_of_chia {
        return Some(Kind::Chia);
    }
    let of_venus = has(&["venus", "sophon"]) && has(&["auth", "gateway", "messager", "miner", "node", "daemon"]);
    of_venus.then_some(Kind::Venus)
}

/// A mount that is stopped under who uses it.
fn is_mount(thing: &Thing) -> bool {
    matches!(thing, Thing::Unit(unit) if unit.as_str().ends_with("mount"))
}

impl Thing {
    /// Why it is no part of a stack: those of Phala know nothing of the laws of others.
    pub(super) fn belongs_elsewhere(&self) -> Option<String> {
        if is_mount(self) {
            return Some(format!(
                "{self} is a mount, which would be taken from under whoever uses it: `remount` keeps the order"
            ));
        }
        named_as(self).map(|_| {
            format!(
                "{self} is by its name a service of Venus or Chia, which has laws of its own: `restart-unit` or `restart-container` \
                 with its `process` keeps them; if it is none, call it otherwise"
            )
        })
    }
}

impl Checked<'_> {
    /// `thing` is nothing for a command.
    pub(super) fn process(
        &mut self,
        process: Option<&Process>,
        thing: Option<(Verb, &Thing)>,
        rung: &Rung,
        place: &str,
    ) {
        let action = &rung.action;
        if let Some((verb, thing)) = thing.filter(|(_, thing)| is_mount(thing))
            && verb != Verb::Start
        {
            let words = format!(
                "{thing} is a mount, which `{action}` would take from under whoever uses it: `remount` keeps the order"
            );
            self.say(format!("{place}.action"), words);
        }
        let kinds: Vec<Option<Kind>> = self
            .policy
            .targets
            .iter()
            .filter(|target| !self.is_excused(target))
            .map(|target| self.settings.kind(target))
            .collect();
        let key = format!("{place}.with.process");
        for kind in &kinds {
            match (kind, process) {
                (Some(kind), None) => self.say(format!("{place}.with"), format!("`{action}` {}", kind.must_say())),
                (Some(Kind::Chia) | None, Some(Process::Venus(_))) => {
                    self.say(&*key, "only a chain service of Venus has such processes");
                }
                (Some(Kind::Venus) | None, Some(Process::Chia(_))) => {
                    self.say(&*key, "only a Chia farm has such services");
                }
                (Some(Kind::Chia), Some(Process::Chia(service))) => self.chia_process(*service, rung, place),
                (Some(Kind::Venus), Some(Process::Other)) => self.no_process(place),
                (Some(Kind::Venus), Some(Process::Venus(process))) => self.venus_process(process, rung, place),
                (Some(Kind::Chia) | None, Some(Process::Other)) | (None, None) => {}
            }
        }
        let named = thing.and_then(|(_, thing)| Some((thing, named_as(thing)?)));
        let is_said = process.is_some();
        if let Some((thing, _)) =
            named.filter(|(_, kind)| !is_said && !kinds.contains(&Some(*kind)) && !kinds.is_empty())
        {
            let words = format!(
                "{thing} is by its name a service of Venus or Chia: only a policy whose target is that chain service or farm, and \
                 whose rung says which `process` it is, knows when it may be touched; if it is none, say `process: other`"
            );
            self.say(format!("{place}.with"), words);
        }
        let is_other = process == Some(&Process::Other);
        if let Some((thing, kind)) = named.filter(|(_, kind)| is_other && kinds.contains(&Some(*kind))) {
            self.say(
                key,
                format!("{thing} is by its name one of them: `{action}` {}", kind.must_say()),
            );
        }
    }
}

impl Hands {
    /// Whether what the plan is about may be stopped and started now. It takes [`LOOKS_WITHIN`] at most.
    pub(super) async fn may_touch(&self, tools: &Tools, process: Option<&Process>, plan: &Plan) -> Result<(), Undone> {
        let looks = self.look_whether(tools, process, plan);
        let looked = tokio::time::timeout(LOOKS_WITHIN, looks).await;
        looked.unwrap_or_else(|_| {
            let within = values::Duration::from(LOOKS_WITHIN);
            Err(left_alone(format!(
                "whether it may be touched now was not seen within {within}"
            )))
        })
    }

    async fn look_whether(&self, tools: &Tools, process: Option<&Process>, plan: &Plan) -> Result<(), Undone> {
        match process {
            Some(Process::Venus(process)) => self.may_touch_process(tools, process, plan).await,
            Some(Process::Chia(service)) => self.may_touch_service(tools, *service, plan).await,
            Some(Process::Other) => Ok(()),
            None => match tools.settings.kind(&plan.target) {
                Some(kind) => {
                    let action = values::repeated(plan.action.as_str());
                    Err(left_alone(format!("{action} on {} {}", plan.target, kind.must_say())))
                }
                None => Ok(()),
            },
        }
    }
}
