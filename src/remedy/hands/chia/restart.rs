//! `restart-chia-service`: through the daemon of this machine, after a fresh look at what the service stands on.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use super::super::Hands;
use super::{FINDS_PLOTS, identity, law};
use crate::actions::chia::{Daemon, Restarted, Service};
use crate::clock::UnixTime;
use crate::collectors::chia::{Chia, Target};
use crate::collectors::mounts::Mounts;
use crate::remedy::runner::{Notes, Undone};
use crate::remedy::step::Plan;
use crate::values;

/// For the rounds that are asked for before.
const LOOK_WITHIN: Duration = Duration::from_secs(60);
/// Processes that are looked at; a machine of a farm has some hundred.
const MOST_PROCESSES: usize = 32_768;

impl Hands {
    pub(super) async fn restart_service(
        &self,
        target: &Target,
        service: Service,
        plan: &Plan,
        notes: &dyn Notes,
    ) -> Result<String, Undone> {
        let left_alone = |words: String| Undone::Refused(format!("{service} was left alone: {words}"));
        let daemon = target.daemon.as_ref().filter(|_| target.has_daemon_here());
        let daemon = daemon.ok_or_else(|| left_alone(format!("`{}` has no `daemon` of this machine", target.name)))?;
        self.may_restart_service(target, service, &plan.entity)
            .await
            .map_err(left_alone)?;
        let before = self.last_scan(target, &plan.entity);
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
        let within = plan.within.get().saturating_sub(Daemon::LONGEST).max(FINDS_PLOTS);
        let scanned = self.has_scanned(target, &plan.entity, before);
        if let Ok(plots) = tokio::time::timeout(within, scanned).await {
            return Ok(format!("{words}; it has found {plots} plots"));
        }
        let within = values::Duration::from(within);
        let words = format!("{words}, and has not looked through its directories within {within}");
        Err(Undone::Failed(words))
    }

    /// Why not, after a fresh look.
    async fn may_restart_service(&self, target: &Target, service: Service, entity: &str) -> Result<(), String> {
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
        hangs_in_the_kernel("/proc".into(), service).await
    }

    /// Every part of a target now; what hangs longer has shown nothing.
    pub(in crate::remedy::hands) async fn look_anew(&self, name: &values::Name) {
        if let Some(slot) = self.store.slot(name.as_str()) {
            drop(tokio::time::timeout(LOOK_WITHIN, slot.look(Instant::now())).await);
        }
        self.store.judge(crate::relations::judge);
    }

    /// When the harvester of this machine that is meant last ended a look, by the farmer.
    fn last_scan(&self, target: &Target, label: &str) -> Option<UnixTime> {
        self.seen(target, label).and_then(|(scanned, _)| scanned)
    }

    fn seen(&self, target: &Target, label: &str) -> Option<(Option<UnixTime>, u64)> {
        let view = self.view(&target.name)?;
        let snapshot = view.snapshot::<Chia>()?;
        let known = snapshot.harvesters.values().find(|known| known.label == label)?;
        let now = known.now.as_ref()?;
        Some((now.last_scan, now.plots?))
    }

    /// With how many plots it is back.
    async fn has_scanned(&self, target: &Target, label: &str, before: Option<UnixTime>) -> u64 {
        loop {
            if let Some((scanned, plots)) = self.seen(target, label)
                && scanned.is_some()
                && scanned != before
            {
                return plots;
            }
            tokio::time::sleep(self.look_every).await;
        }
    }
}

/// Who waits in the kernel cannot be ended, and a daemon that waits for his end answers nobody any more.
async fn hangs_in_the_kernel(procfs: PathBuf, service: Service) -> Result<(), String> {
    let hung = tokio::task::spawn_blocking(move || hung(&procfs, service.name())).await;
    match hung {
        Ok(None) => Ok(()),
        Ok(Some(process)) => Err(format!(
            "its process {process} waits in the kernel (state D) and cannot be ended: the daemon would wait for it and answer \
             nobody any more; look for a mount that hangs"
        )),
        Err(panic) => Err(panic.to_string()),
    }
}

/// The first process of this name of which a thread cannot be interrupted. Only `comm` and `stat` are read, which no hung
/// process can hold up.
pub(super) fn hung(procfs: &Path, name: &str) -> Option<u32> {
    let processes = std::fs::read_dir(procfs)
        .ok()?
        .take(MOST_PROCESSES)
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let number: u32 = entry.file_name().to_str()?.parse().ok()?;
            let comm = std::fs::read_to_string(entry.path().join("comm")).ok()?;
            // The kernel keeps 15 characters.
            let named = comm.trim_end() == name.get(..15).unwrap_or(name);
            named.then(|| (number, entry.path()))
        });
    let waits = |path: &Path| {
        let threads = std::fs::read_dir(path.join("task"))
            .into_iter()
            .flatten()
            .take(MOST_PROCESSES);
        threads.filter_map(Result::ok).any(|thread| {
            let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            // Behind the name, which may hold anything.
            stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('D'))
        })
    };
    processes
        .into_iter()
        .find(|(_, path)| waits(path))
        .map(|(number, _)| number)
}
