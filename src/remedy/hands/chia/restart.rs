//! `restart-chia-service`: through the daemon of this machine, after a fresh look at what the service stands on.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use super::super::Hands;
use super::super::tools::Tools;
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
        tools: &Tools,
        target: &Target,
        service: Service,
        plan: &Plan,
        notes: &dyn Notes,
    ) -> Result<String, Undone> {
        let left_alone = |words: String| Undone::Refused(format!("{service} was left alone: {words}"));
        let daemon = target.daemon.as_ref().filter(|_| target.has_daemon_here());
        let daemon = daemon.ok_or_else(|| left_alone(format!("`{}` has no `daemon` of this machine", target.name)))?;
        self.may_restart_service(tools, target, service, &plan.entity)
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
        hangs_in_the_kernel(procfs, service).await
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
        Ok(Ok(None)) => Ok(()),
        Ok(Err(words)) => Err(words),
        Ok(Ok(Some(process))) => Err(format!(
            "its process {process} waits in the kernel (state D) and cannot be ended: the daemon would wait for it and answer \
             nobody any more; look for a mount that hangs"
        )),
        Err(panic) => Err(panic.to_string()),
    }
}

/// The first process of this name of which a thread cannot be interrupted, or why that cannot be told. Only `comm` and `stat`
/// are read, which no hung process can hold up.
pub(super) fn hung(procfs: &Path, name: &str) -> Result<Option<u32>, String> {
    let processes = std::fs::read_dir(procfs)
        .into_iter()
        .flatten()
        .take(MOST_PROCESSES)
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let number: u32 = entry.file_name().to_str()?.parse().ok()?;
            let comm = std::fs::read_to_string(entry.path().join("comm")).ok()?;
            // The kernel keeps 15 characters.
            let named = comm.trim_end() == name.get(..15).unwrap_or(name);
            named.then(|| (number, entry.path()))
        });
    let mut is_seen = false;
    for (number, path) in processes {
        match waits(&path) {
            Some(true) => return Ok(Some(number)),
            Some(false) => is_seen = true,
            None => return Err(format!("the state of its process {number} cannot be read")),
        }
    }
    // None of it may run. But in a container, or where others' processes are hidden, none is ever seen: there the kernel's own
    // are not seen either.
    let kernel = std::fs::read_to_string(procfs.join("2/comm")).unwrap_or_default();
    if is_seen || kernel.trim_end() == "kthreadd" {
        return Ok(None);
    }
    Err(format!(
        "whether its process waits in the kernel (state D) cannot be seen: {} does not show the machine's processes (a container? \
         hidepid?)",
        procfs.display()
    ))
}

/// Nothing if its threads cannot be read.
fn waits(process: &Path) -> Option<bool> {
    let threads = std::fs::read_dir(process.join("task")).ok()?;
    let states = threads.take(MOST_PROCESSES).filter_map(|thread| {
        let stat = std::fs::read_to_string(thread.ok()?.path().join("stat")).ok()?;
        // Behind the name, which may hold anything.
        stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next())
    });
    let states: Vec<char> = states.collect();
    (!states.is_empty()).then(|| states.contains(&'D'))
}
