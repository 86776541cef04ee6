//! The processes of a service, as the kernel tells of them: which wait in it, and since when they run.
//!
//! Only `comm` and `stat` are read, which no hung process can hold up. Source: `proc_pid_stat(5)`; chia contract, 13 and 17.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use nix::unistd::{SysconfVar, sysconf};

use crate::actions::chia::Service;
use crate::values;

/// Processes that are looked at; a machine of a farm has some hundred.
const MOST_PROCESSES: usize = 32_768;
/// What has just been started is given so long to load its plots, or its chain, before it is started again.
const STARTS_WITHIN: Duration = Duration::from_secs(300);
/// The kernel keeps so many characters of a name.
const LONGEST_NAME: usize = 15;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process {
    number: u32,
    /// A thread of it cannot be interrupted (state D).
    waits: bool,
    /// How long after the machine it was started.
    started: Duration,
}

/// Why a service is left alone for what its processes do, if it is.
pub(super) async fn may_be_ended(procfs: PathBuf, service: Service) -> Result<(), String> {
    let now = since_boot()?;
    let seen = tokio::task::spawn_blocking(move || of(&procfs, service.name(), ticks()?)).await;
    judged(&seen.map_err(|panic| panic.to_string())??, now)
}

/// Who waits in the kernel cannot be ended, and a daemon that waits for his end answers nobody any more.
pub(super) fn judged(processes: &[Process], now: Duration) -> Result<(), String> {
    if let Some(hung) = processes.iter().find(|process| process.waits) {
        return Err(format!(
            "its process {} waits in the kernel (state D) and cannot be ended: the daemon would wait for it and answer \
             nobody any more; look for a mount that hangs",
            hung.number
        ));
    }
    let ages = processes.iter().map(|process| now.saturating_sub(process.started));
    match ages.min() {
        Some(age) if age < STARTS_WITHIN => Err(format!(
            "it was started {} ago, and is given {} to load what it needs: wait",
            values::Duration::from_secs(age.as_secs()),
            values::Duration::from(STARTS_WITHIN)
        )),
        _ => Ok(()),
    }
}

/// All of this name, or why that cannot be told.
pub(super) fn of(procfs: &Path, name: &str, ticks: u64) -> Result<Vec<Process>, String> {
    let entries = std::fs::read_dir(procfs).into_iter().flatten();
    let named = entries.take(MOST_PROCESSES).filter_map(|entry| {
        let entry = entry.ok()?;
        let number: u32 = entry.file_name().to_str()?.parse().ok()?;
        let comm = std::fs::read_to_string(entry.path().join("comm")).ok()?;
        let is_it = comm.trim_end() == name.get(..LONGEST_NAME).unwrap_or(name);
        is_it.then(|| (number, entry.path()))
    });
    let mut processes = Vec::new();
    for (number, path) in named {
        let process =
            waits(&path)
                .zip(started(&path, ticks))
                .map(|(waits, started)| Process { number, waits, started });
        processes.push(process.ok_or_else(|| format!("the state of its process {number} cannot be read"))?);
    }
    // None of it may run. But in a container, or where others' processes are hidden, none is ever seen: there the kernel's own
    // are not seen either.
    let kernel = std::fs::read_to_string(procfs.join("2/comm")).unwrap_or_default();
    if !processes.is_empty() || kernel.trim_end() == "kthreadd" {
        return Ok(processes);
    }
    Err(format!(
        "whether its process waits in the kernel (state D) cannot be seen: {} does not show the machine's processes (a container? \
         hidepid?)",
        procfs.display()
    ))
}

/// What stands behind the name in a `stat`; the name may hold anything.
fn fields(stat: &Path) -> Option<String> {
    let stat = std::fs::read_to_string(stat).ok()?;
    stat.rsplit_once(") ").map(|(_, rest)| rest.to_owned())
}

/// Nothing if its threads cannot be read.
fn waits(process: &Path) -> Option<bool> {
    let threads = std::fs::read_dir(process.join("task")).ok()?;
    let states = threads
        .take(MOST_PROCESSES)
        .filter_map(|thread| fields(&thread.ok()?.path().join("stat"))?.chars().next());
    let states: Vec<char> = states.collect();
    (!states.is_empty()).then(|| states.contains(&'D'))
}

/// The 22nd field of a `stat`, of which two stand before the end of the name.
const STARTED: usize = 22 - 3;

fn started(process: &Path, ticks: u64) -> Option<Duration> {
    let fields = fields(&process.join("stat"))?;
    let started: u64 = fields.split_whitespace().nth(STARTED)?.parse().ok()?;
    Some(Duration::from_secs(started.checked_div(ticks)?))
}

/// In which processes' starts are told. `/proc/uptime` is another one in some containers.
fn since_boot() -> Result<Duration, String> {
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME).map_err(|error| error.desc().to_owned())?;
    Ok(now.into())
}

/// Of a second.
fn ticks() -> Result<u64, String> {
    let ticks = sysconf(SysconfVar::CLK_TCK).ok().flatten();
    let ticks = ticks.and_then(|ticks| u64::try_from(ticks).ok());
    ticks.ok_or_else(|| "when its process was started cannot be told".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "chia_harvester";

    /// A procfs with these threads of processes that were started so many seconds after the machine.
    fn process(procfs: &Path, number: u32, name: &str, started: u64, states: &[&str]) {
        let own = procfs.join(number.to_string());
        let stat = |state: &str| format!("{number} (a) D ) x) {state} 1 2 3{} {}00 7 8", " 0".repeat(15), started);
        for (thread, state) in states.iter().enumerate() {
            let thread = own.join(format!("task/{thread}"));
            std::fs::create_dir_all(&thread).unwrap();
            std::fs::write(thread.join("stat"), stat(state)).unwrap();
        }
        std::fs::write(own.join("stat"), stat("S")).unwrap();
        std::fs::write(own.join("comm"), format!("{name}\n")).unwrap();
    }

    fn seen(procfs: &Path, now: u64) -> Result<(), String> {
        judged(&of(procfs, NAME, 100)?, Duration::from_secs(now))
    }

    #[test]
    fn a_process_that_waits_in_the_kernel_is_found_by_its_threads() {
        let directory = tempfile::tempdir().unwrap();
        let procfs = directory.path();
        process(procfs, 12, NAME, 10, &["S", "S"]);
        process(procfs, 13, "chia_farmer", 10, &["D"]);
        std::fs::create_dir(procfs.join("sys")).unwrap();
        assert_eq!(seen(procfs, 1_000), Ok(()));
        process(procfs, 14, NAME, 10, &["S", "D"]);
        assert!(seen(procfs, 1_000).unwrap_err().contains("its process 14 waits"));
        std::fs::remove_dir_all(procfs.join("14/task")).unwrap();
        assert!(seen(procfs, 1_000).unwrap_err().contains("14 cannot be read"));
    }

    #[test]
    fn that_none_runs_is_believed_where_the_machines_processes_are_shown() {
        let directory = tempfile::tempdir().unwrap();
        let procfs = directory.path();
        process(procfs, 13, "chia_farmer", 10, &["S"]);
        // As in a container: nobody knows whether none is there, or none is shown.
        assert!(seen(procfs, 1_000).unwrap_err().contains("cannot be seen"));
        assert!(seen(Path::new("/no/such/proc"), 1_000).is_err());
        process(procfs, 2, "kthreadd", 0, &["S"]);
        assert_eq!(seen(procfs, 1_000), Ok(()));
    }

    #[test]
    fn what_was_started_within_five_minutes_is_left_to_load_its_plots() {
        let directory = tempfile::tempdir().unwrap();
        process(directory.path(), 12, NAME, 1_000, &["S"]);
        let told = seen(directory.path(), 1_040).unwrap_err();
        assert_eq!(
            told,
            "it was started 40s ago, and is given 5m to load what it needs: wait"
        );
        assert_eq!(seen(directory.path(), 1_300), Ok(()));
    }

    #[test]
    fn our_own_process_was_started_a_moment_ago() {
        let own = PathBuf::from("/proc/self");
        let age = since_boot()
            .unwrap()
            .saturating_sub(started(&own, ticks().unwrap()).unwrap());
        assert!(age < Duration::from_secs(3_600), "{age:?}");
    }
}
