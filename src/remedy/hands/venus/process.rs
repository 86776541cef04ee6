//! A process of the chain service that is restarted by its unit or container: which one it is, and what 8.5 of the contract
//! asks for before that. What pictures can tell stands in `law.rs`.

use std::fmt;
use std::str::FromStr;

use super::left_alone;
use crate::actions::venus::{Health, health};
use crate::collectors::Symptom;
use crate::collectors::venus::{Instance, Target, Venus, symptoms};
use crate::remedy::hands::check::Checked;
use crate::remedy::hands::tools::Tools;
use crate::remedy::hands::{Hands, law};
use crate::remedy::runner::Undone;
use crate::remedy::settings::Rung;
use crate::remedy::step::Plan;
use crate::upstream::VenusService;
use crate::values::{self, Duration};

/// Seen as down by the rounds of so long.
const ILL_FOR: Duration = Duration::from_secs(120);
const COOL_DOWN: Duration = Duration::from_secs(900);
/// Restarts in a day.
const MOST: u32 = 3;

/// What a process is restarted for. One that answers something else has a limit, a database or a port that is wrong, which a
/// restart does not mend, and serves somebody perhaps.
static CURED: [&Symptom; 3] = [
    &symptoms::INSTANCE_DOWN,
    &symptoms::NODE_BEHIND,
    &symptoms::HEAD_STALLED,
];

/// A process as its symptoms name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::remedy::hands) struct Process {
    pub(in crate::remedy::hands) service: VenusService,
    pub(in crate::remedy::hands) label: String,
}

impl FromStr for Process {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (component, label) = text.split_once('/').unwrap_or((text, ""));
        let service = VenusService::ALL
            .into_iter()
            .find(|service| service.label() == component);
        service
            .filter(|_| !label.is_empty())
            .map(|service| Self {
                service,
                label: label.to_owned(),
            })
            .ok_or_else(|| {
                let shown = values::repeated(text);
                format!("{shown} is no process; write it as its symptoms do, like `gateway/10.0.0.21:45132`")
            })
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.service.label(), self.label)
    }
}

impl Process {
    fn instance<'a>(&self, target: &'a Target) -> Option<&'a Instance> {
        let mut instances = target.instances(self.service).iter();
        instances.find(|instance| instance.label() == self.label)
    }

    /// Symptoms of heads name a node without its component.
    fn is_meant_by(&self, entity: &str) -> bool {
        let of_head = self.service == VenusService::Node && entity == self.label;
        of_head || entity == self.to_string()
    }
}

impl Checked<'_> {
    /// Units and containers have no target of their own: a process of a chain service is named, so that the right one is
    /// restarted.
    pub(in crate::remedy::hands) fn venus_process(&mut self, process: &Process, rung: &Rung, place: &str) {
        let targets: Vec<&Target> = self
            .policy
            .targets
            .iter()
            .filter_map(|target| self.settings.venus(target))
            .collect();
        let cures_process = CURED.contains(&self.policy.symptom.get());
        let key = format!("{place}.with.process");
        // Of several targets it is said elsewhere that there must be one.
        let [target] = &targets[..] else { return };
        if process.instance(target).is_none() {
            self.say(key, format!("`{}` has no process {process}", target.name));
        }
        if !cures_process {
            let names: Vec<&str> = CURED.iter().map(|symptom| symptom.name).collect();
            self.say(
                "symptom",
                format!("a process is restarted for none but {}", names.join(", ")),
            );
        }
        if process.service == VenusService::Node {
            self.disk(rung, place);
        }
        if self.policy.ill_for < ILL_FOR {
            self.say(
                "ill_for",
                format!("a process is restarted when it was ill for {ILL_FOR} at least"),
            );
        }
        if self.policy.cool_down < COOL_DOWN {
            self.say("cool_down", format!("a process is restarted at most every {COOL_DOWN}"));
        }
        if self.policy.budgets.target.day.get() > MOST {
            self.say(
                "budgets.target",
                format!("a process is restarted at most {MOST} times a day: `1/h {MOST}/d`"),
            );
        }
    }
}

impl Checked<'_> {
    /// What is no process of the target cures none of its processes.
    pub(in crate::remedy::hands) fn no_process(&mut self, place: &str) {
        let symptom = self.policy.symptom.get();
        if CURED.contains(&symptom) {
            let words = format!("{} is about a process of the target: say which", symptom.name);
            self.say(format!("{place}.with.process"), words);
        }
    }
}

impl Hands {
    /// Whether this process may be stopped and started now.
    pub(in crate::remedy::hands) async fn may_touch_process(
        &self,
        tools: &Tools,
        process: &Process,
        plan: &Plan,
    ) -> Result<(), Undone> {
        let left = |words: String| left_alone(format!("{process} of {}: {words}", plan.target));
        if !process.is_meant_by(&plan.entity) {
            let shown = values::repeated(&plan.entity);
            return Err(left(format!("{shown} is ill, which is another process")));
        }
        let target = tools.settings.venus(&plan.target);
        let instance = target.and_then(|target| process.instance(target));
        let instance = instance.ok_or_else(|| left("it is not in the configuration".to_owned()))?;
        let findings = self.findings(&plan.target);
        let of_it = |symptom: &Symptom| CURED.contains(&symptom);
        let finding = findings
            .iter()
            .find(|finding| of_it(finding.symptom) && finding.entity == plan.entity);
        let finding = finding.ok_or_else(|| left("it is not seen to be ill".to_owned()))?;
        let health = health(&self.upstream, process.service, instance).await;
        if *finding.symptom == symptoms::INSTANCE_DOWN && health == Health::Answers {
            return Err(left("it answers by now".to_owned()));
        }
        let view = self.view(&plan.target);
        let snapshot = view.as_ref().and_then(|view| view.snapshot::<Venus>());
        let snapshot = snapshot.ok_or_else(|| left("its target has no picture yet".to_owned()))?;
        let seen = law::Restart {
            service: process.service,
            label: &process.label,
            is_down: *finding.symptom == symptoms::INSTANCE_DOWN,
            is_gone: health == Health::Gone,
        };
        law::venus_process(snapshot, &seen, self.clock.now()).map_err(left)?;
        if process.service == VenusService::Node {
            self.disk_has_room(tools, plan).await?;
        }
        Ok(())
    }
}
