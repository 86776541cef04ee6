//! What the actions on miners have in common. Two services that mine for one miner are what it is slashed for, and nothing
//! upstream stops them: so there must be one, by the operator's word, by the configuration, and by all that is seen.

use super::{Making, left_alone};
use crate::actions::Failed;
use crate::actions::venus::{Change, Service};
use crate::collectors::Finding;
use crate::collectors::venus::address::Address;
use crate::collectors::venus::{MinerNow, Target, Venus, symptoms};
use crate::upstream::Fault;
use crate::values;

/// A miner that shall mine and does not, right before something is done about it.
pub(super) struct Idle<'a> {
    making: &'a Making<'a>,
    pub(super) service: &'a Service,
    pub(super) miner: Address,
    pub(super) before: MinerNow,
}

/// Why a second miner service could mine for the miners of a target, by what is configured; nothing if none could.
pub(super) fn second_service(target: &Target, all: &[Target]) -> Option<String> {
    if target.miner_services.len() != 1 {
        let number = target.miner_services.len();
        return Some(format!(
            "it has {number} miner services; mining is started only where there is one, since two are slashed"
        ));
    }
    let others = all.iter().filter(|other| other.name != target.name);
    for other in others.filter(|other| !other.miner_services.is_empty()) {
        let name = &other.name;
        if other.miners.is_empty() {
            return Some(format!(
                "`{name}` has a miner service and does not say its `miners`: it could mine for the same"
            ));
        }
        if let Some(same) = target.miners.iter().find(|miner| other.miners.contains(miner)) {
            return Some(format!(
                "`{name}` expects {same} as well: two that mine for one miner are slashed"
            ));
        }
    }
    None
}

impl Making<'_> {
    /// The miner of the symptom, if it may be mined for here and everything that a block needs is there.
    pub(super) async fn idle(&self) -> Result<Idle<'_>, String> {
        let target = &self.reach.target;
        let miner = Address::read(&self.plan.entity).filter(|miner| target.miners.contains(miner));
        let miner = miner.ok_or_else(|| {
            let shown = values::repeated(&self.plan.entity);
            left_alone(format!("{shown} is not one of `miners`, which shall mine"))
        })?;
        let left = |words: String| left_alone(format!("{miner}: {words}"));
        if let Some(words) = second_service(target, &self.tools.settings.venus) {
            return Err(left(words));
        }
        self.nobody_else_mines(&miner).map_err(left)?;
        let desk = &self.reach.desk;
        desk.head(self.hands.clock.now().wall).await.map_err(left)?;
        let before = desk.miner(&miner).await.map_err(left_alone)?;
        self.is_known(&before).await.map_err(left)?;
        self.can_win(&miner).await.map_err(left)?;
        Ok(Idle {
            making: self,
            service: self.reach.miner_service().map_err(left_alone)?,
            miner,
            before,
        })
    }

    /// What every chain service that is watched last showed.
    fn nobody_else_mines(&self, miner: &Address) -> Result<(), String> {
        for target in &self.tools.settings.venus {
            let name = &target.name;
            let mut findings = self.hands.findings(name).into_iter();
            let twice =
                |finding: &Finding| *finding.symptom == symptoms::DOUBLE_MINING && finding.entity == miner.as_str();
            if let Some(twice) = findings.find(twice) {
                return Err(format!("`{name}` shows that it is mined for twice: {}", twice.evidence));
            }
            if *name == self.plan.target {
                continue;
            }
            let view = self.hands.view(name);
            let snapshot = view.as_ref().and_then(|view| view.snapshot::<Venus>());
            let mut seen = snapshot.into_iter().flat_map(|snapshot| snapshot.miners.seen());
            if let Some((view, _)) = seen.find(|(_, seen)| seen.mines_for(miner) == Some(true)) {
                return Err(format!("the miner service {} of `{name}` mines for it", view.label));
            }
        }
        Ok(())
    }

    /// It is in the list, its user is enabled, and it is not mined for.
    async fn is_known(&self, now: &MinerNow) -> Result<(), String> {
        let Some(user) = &now.user else {
            let words =
                "it is not in the list of the miner service: its user is disabled in auth, or it is not bound there";
            return Err(words.to_owned());
        };
        match now.mining {
            Some(false) => {}
            Some(true) => return Err("it is mined for by now".to_owned()),
            None => return Err("the miner service does not say whether it is mined for".to_owned()),
        }
        match self.reach.desk.is_enabled(user).await {
            Some(true) => Ok(()),
            Some(false) => Err(format!("its user {} is disabled in auth", values::clean(user))),
            // From 1.8 the list holds miners of enabled users only.
            None if now.about.as_ref().is_some_and(|about| about.since(8)) => Ok(()),
            None => Err("nobody tells whether its user is enabled in auth".to_owned()),
        }
    }

    /// Somebody proves for it, and somebody signs its blocks.
    async fn can_win(&self, miner: &Address) -> Result<(), String> {
        let desk = &self.reach.desk;
        match desk.proves_for(miner).await {
            Some(true) => {}
            Some(false) => return Err("nobody who proves for it is connected to a gateway".to_owned()),
            None => return Err("no gateway tells whether somebody proves for it".to_owned()),
        }
        let worker = desk.worker(miner).await;
        let worker = worker.map_err(|fault| format!("who signs its blocks is not known: {fault}"))?;
        match desk.signs_for(&worker).await {
            Some(true) => Ok(()),
            Some(false) => Err(format!(
                "no wallet that is connected signs for its worker {}",
                worker.brief()
            )),
            None => Err(format!(
                "no gateway tells whether a wallet signs for its worker {}",
                worker.brief()
            )),
        }
    }
}

impl Idle<'_> {
    /// Notes what is about to be sent.
    pub(super) async fn note(&self, does: &str) -> Result<(), String> {
        let words = format!("{does} {}", self.miner);
        let noted = self.making.notes.note(words).await;
        noted.map_err(|e| left_alone(format!("it could not be noted: {e}")))
    }

    /// As it is right after.
    pub(super) async fn after(&self) -> Result<MinerNow, Fault> {
        self.making.reach.desk.miner(&self.miner).await
    }

    pub(super) async fn make(&self, change: &Change<'_>) -> Result<(), Failed> {
        self.service.make(change).await
    }

    /// What became of it, in words. `is_done` says whether the miner service itself shows it.
    pub(super) fn told(
        &self,
        did: &str,
        called: Result<(), Failed>,
        after: &Result<MinerNow, Fault>,
        is_done: impl Fn(&MinerNow) -> bool,
    ) -> Result<String, String> {
        let now = match after {
            Ok(after) if after.mining == Some(true) => "it is mined for now".to_owned(),
            Ok(after) if after.open == Some(true) => "it is open and not mined for yet".to_owned(),
            Ok(after) if after.open == Some(false) => "it is closed for mining".to_owned(),
            Ok(_) => "it is not mined for".to_owned(),
            Err(fault) => format!("how it is now is not known: {fault}"),
        };
        let miner = &self.miner;
        let shown = after.as_ref().is_ok_and(is_done);
        match called {
            // One that fails is only in the service's log from 1.8 on.
            Ok(()) if after.is_ok() && !shown => {
                Err(format!("{miner}: the miner service took the order; {now}: see its log"))
            }
            Ok(()) => Ok(format!("{did} {miner}; {now}")),
            Err(failed) if shown => Ok(format!(
                "{did} {miner}; {now}, although the call failed: {}",
                failed.fault
            )),
            Err(failed) => Err(format!("{miner}: {failed}; {now}")),
        }
    }
}
