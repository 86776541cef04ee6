//! Policies with these actions against the farms that they name.

use super::Order;
use crate::actions::chia::Service;
use crate::collectors::chia::{Pick, Target};
use crate::remedy::hands::check::Checked;
use crate::remedy::settings::Rung;
use crate::values::Duration;

/// Between two restarts of the same service, or remounts of the same mount.
const COOL_DOWN: Duration = Duration::from_secs(900);
/// In a day; then a person is called.
const ATTEMPTS: u32 = 3;
const DAY: Duration = Duration::from_secs(86_400);

impl Checked<'_> {
    pub(in crate::remedy::hands) fn chia(&mut self, order: &Order, rung: &Rung, place: &str) {
        for (index, name) in self.policy.targets.iter().enumerate() {
            let words = match self.settings.chia(name) {
                Some(target) => unfit(order, target),
                None if self.is_excused(name) => None,
                None => Some(format!("`{name}` is no Chia farm, and `{}` is for one", rung.action)),
            };
            if let Some(words) = words {
                self.say(format!("targets[{index}]"), words);
            }
        }
        if let Order::Restart(service) = order {
            self.limits(*service, rung, place);
        }
    }

    /// A service that its unit, container or command restarts: what holds for the daemon's holds for it.
    pub(in crate::remedy::hands) fn chia_process(&mut self, service: Service, rung: &Rung, place: &str) {
        let targets = self.policy.targets.iter();
        let blind: Vec<(usize, String)> = targets
            .enumerate()
            .filter_map(|(index, name)| {
                let target = self.settings.chia(name)?;
                let words = format!(
                    "`{name}` names no harvester of this machine: give it its `rpc`, or the `root`; without it nobody knows its mounts"
                );
                (service == Service::Harvester && !is_here(target)).then_some((index, words))
            })
            .collect();
        for (index, words) in blind {
            self.say(format!("targets[{index}]"), words);
        }
        self.limits(service, rung, place);
    }

    fn limits(&mut self, service: Service, rung: &Rung, place: &str) {
        self.rarely(rung);
        if service == Service::FullNode && !rung.approval {
            let words = "a node takes long to start: a person decides about it; write `approval: true`";
            self.say(format!("{place}.approval"), words);
        }
    }

    /// What a farm needs rarely, and what does not help the third time.
    pub(in crate::remedy::hands) fn rarely(&mut self, rung: &Rung) {
        if self.policy.cool_down < COOL_DOWN {
            let words = format!("`{}` is done at most every {COOL_DOWN}", rung.action);
            self.say("cool_down", words);
        }
        let attempts = self.policy.attempts;
        if attempts.most.get() > ATTEMPTS || attempts.within < DAY {
            let words = format!("`{}` is done at most {ATTEMPTS} times in {DAY}", rung.action);
            self.say("attempts", words);
        }
    }
}

fn is_here(target: &Target) -> bool {
    target.root.is_some() || target.harvesters.iter().any(Pick::is_here)
}

fn unfit(order: &Order, target: &Target) -> Option<String> {
    let name = &target.name;
    let told = |wanted: Option<&crate::values::Name>| {
        let mut harvesters = target.harvesters.iter().filter(|pick| pick.rpc.is_some());
        harvesters.any(|pick| wanted.is_none_or(|wanted| pick.name == *wanted))
    };
    match order {
        Order::RefreshPlots(Some(wanted)) if !told(Some(wanted)) => {
            Some(format!("`{name}` has no harvester `{wanted}` with an `rpc`"))
        }
        Order::RefreshPlots(None) if !told(None) => Some(format!(
            "`{name}` has no harvester with an `rpc`, by which it is told to look for its plots"
        )),
        Order::Restart(_) if target.daemon.is_none() => {
            Some(format!("`{name}` has no `daemon`, which starts its services"))
        }
        Order::Restart(_) if !target.has_daemon_here() => Some(format!(
            "the daemon of `{name}` is on another machine; the farmwarden there restarts its services"
        )),
        Order::Restart(Service::Harvester) if !is_here(target) => Some(format!(
            "`{name}` names no harvester of this machine: give it its `rpc`, or the `root`"
        )),
        _ => None,
    }
}
