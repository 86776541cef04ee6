//! `restart-chia-service`: through the daemon of this machine, after a fresh look at what the service stands on.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

use super::super::Hands;
use super::super::tools::Tools;
use super::{FINDS_PLOTS, LOOK_WITHIN, identity, law, processes};
use crate::actions::chia::{Daemon, Restarted, Service};
use crate::clock::UnixTime;
use crate::collectors::chia::{Chia, Target};
use crate::collectors::mounts::Mounts;
use crate::remedy::runner::{Notes, Undone};
use crate::remedy::step::Plan;
use crate::values;

/// Of the time of a rung, for the words about what came of it.
const WORDS: Duration = Duration::from_secs(5);

impl Hands {
    pub(super) async fn restart_service(
        &self,
        tools: &Tools,
        target: &Target,
        service: Service,
        plan: &Plan,
        notes: &dyn Notes,
    ) -> Result<String, Undone> {
        let began = Instant::now();
        let left_alone = |words: String| Undone::Refused(format!("{service} was left alone: {words}"));
        let daemon = target.daemon.as_ref().filter(|_| target.has_daemon_here());
        let daemon = daemon.ok_or_else(|| left_alone(format!("`{}` has no `daemon` of this machine", target.name)))?;
        self.may_restart_service(tools, target, service, &plan.entity)
            .await
            .map_err(left_alone)?;
        if service == Service::Harvester {
            self.daemon_means(target, &plan.entity).map_err(left_alone)?;
        }
        let daemon = Daemon::new(&self.upstream, &identity(target)?, daemon);
        let begins = notes.note(format!("restart {service}: begins")).await;
        begins.map_err(left_alone)?;
        let outcome = daemon.restart(service).await;
        let ended = outcome.as_ref().map_or_else(ToString::to_string, |_| "done".to_owned());
        notes.note(format!("restart {service}: {ended}")).await?;
        let did = match outcome? {
            Restarted::StoppedAndStarted => "stopped and started",
            Restarted::Started => "started, as it did not run,",
        };
        let words = format!("{service} of {} was {did} by its daemon", target.name);
        if service != Service::Harvester || target.farmer.is_none() {
            return Ok(words);
        }
        let left = plan.within.get().saturating_sub(began.elapsed() + WORDS);
        let within = FINDS_PLOTS.min(left);
        let scanned = self.has_scanned(target, &plan.entity, self.clock.now().wall);
        if let Ok(plots) = tokio::time::timeout(within, scanned).await {
            return Ok(format!("{words}; it has found {plots} plots"));
        }
        let within = values::Duration::from_secs(within.as_secs());
        let words = format!("{words}, and has not looked through its directories within {within}");
        Err(Undone::Failed(words))
    }

    /// Whether a service that its unit, container or command restarts may be touched now.
    pub(in crate::remedy::hands) async fn may_touch_service(
        &self,
        tools: &Tools,
        service: Service,
        plan: &Plan,
    ) -> Result<(), Undone> {
        let left_alone = |words: String| Undone::Refused(format!("{service} was left alone: {words}"));
        let target = tools.settings.chia(&plan.target);
        let target = target.ok_or_else(|| left_alone(format!("`{}` is no Chia farm", plan.target)))?;
        let may = self.may_restart_service(tools, target, service, &plan.entity).await;
        may.map_err(left_alone)
    }

    /// Whether the daemon restarts this harvester, and no other.
    fn daemon_means(&self, target: &Target, label: &str) -> Result<(), String> {
        let view = self.view(&target.name);
        let snapshot = view.as_ref().and_then(|view| view.snapshot::<Chia>());
        let snapshot = snapshot.ok_or_else(|| format!("`{}` has no picture yet", target.name))?;
        law::of_daemon(snapshot, target, label)
    }

    /// Why not, after a fresh look.
    async fn may_restart_service(
        &self,
        tools: &Tools,
        target: &Target,
        service: Service,
        entity: &str,
    ) -> Result<(), String> {
        let machine = self.machine_of(&target.name).map(|view| view.name);
        let names = [
            Some(&target.name),
            machine.as_ref().filter(|_| service == Service::Harvester),
        ];
        for name in names.into_iter().flatten() {
            self.look_anew(name).await;
        }
        let unseen = || format!("`{}` has no picture yet", target.name);
        let view = self.view(&target.name).ok_or_else(unseen)?;
        let snapshot = view.snapshot::<Chia>().ok_or_else(unseen)?;
        let ill = self.findings(&target.name);
        match service {
            Service::Harvester => {
                let machine = self.machine_of(&target.name);
                let mounts = machine.as_ref().and_then(|view| view.snapshot::<Mounts>());
                law::harvester(snapshot, entity, mounts, &ill, self.clock.now())?;
            }
            Service::Farmer => law::farmer(snapshot)?,
            Service::FullNode => law::full_node(&ill)?,
        }
        let watched = machine.as_ref().and_then(|name| tools.settings.machine(name));
        let procfs = watched.map_or_else(|| PathBuf::from("/proc"), |target| target.procfs.clone());
        processes::may_be_ended(procfs, service).await
    }

    /// Every part of a target now; what hangs longer has shown nothing.
    pub(in crate::remedy::hands) async fn look_anew(&self, name: &values::Name) {
        if let Some(slot) = self.store.slot(name.as_str()) {
            drop(tokio::time::timeout(LOOK_WITHIN, slot.look(Instant::now())).await);
        }
        self.store.judge(crate::relations::judge);
    }

    /// When it last ended a look, and with how many plots, by the farmer.
    fn seen(&self, target: &Target, label: &str) -> Option<(Option<UnixTime>, u64)> {
        let view = self.view(&target.name)?;
        let snapshot = view.snapshot::<Chia>()?;
        let known = snapshot.harvesters.values().find(|known| known.label == label)?;
        let now = known.now.as_ref()?;
        Some((now.last_scan, now.plots?))
    }

    /// With how many plots it is back: it has ended a look since it was started, by the clock of this very machine. What ran
    /// before may have ended one while it was stopped.
    async fn has_scanned(&self, target: &Target, label: &str, started: UnixTime) -> u64 {
        loop {
            if let Some((Some(scanned), plots)) = self.seen(target, label)
                && scanned >= started
            {
                return plots;
            }
            tokio::time::sleep(self.look_every).await;
        }
    }
}
