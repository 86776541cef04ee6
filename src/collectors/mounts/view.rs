//! From what a round brought of one mount to what is shown of it.

use std::time::Duration;

use tokio::time::Instant;

use super::memory::Memory;
use super::plan::Chosen;
use super::prober::{CountOf, Failed, Finished, Report};
use super::question::{Files, Space};
use super::snapshot::{MountView, Trouble};
use super::source::{self, CifsShares};
use super::target::{PlotSize, Target};
use crate::clock::{Now, UnixTime};

/// Ten years; further away a projection means nothing.
const LONGEST_PROJECTION: Duration = Duration::from_hours(87_600);
/// Errors of a directory listing that are ours, not the mount's: no right to read it, or it has just gone.
const NOT_THE_MOUNTS: [i32; 4] = [1, 2, 13, 20];

/// What is the same for all mounts of a round.
pub(super) struct Round<'a> {
    pub target: &'a Target,
    pub shares: CifsShares,
    pub now: Now,
}

impl Round<'_> {
    /// What is shown of a mount.
    pub(super) fn view(&self, chosen: &Chosen, report: &Report, memory: &mut Memory) -> MountView {
        let row = &chosen.row;
        let source = source::shown(&row.source);
        memory.seen(self.now, (&source, &row.fstype));
        let room = report
            .space
            .as_ref()
            .filter(|last| self.is_fresh(last.at, self.target.interval.get()));
        let space = room
            .and_then(|last| last.outcome.ok())
            .filter(|space| !is_elsewhere(chosen, space));
        memory.answered = room.filter(|_| space.is_some()).map(|last| last.at).or(memory.answered);
        if let Some((at, used)) = room.zip(space).and_then(|(last, space)| Some((last.at, space.used?))) {
            memory.growth.see(at, used);
        }
        let counted = chosen.plots.then(|| self.count(report, &CountOf::Plots)).flatten();
        if let Some((last_at, files)) = counted.and_then(|last| Some((last.at, last.outcome.ok()?))) {
            memory.plots.see(last_at, &files);
            memory.counted |= !files.incomplete;
            let has_seen_all = !files.incomplete && !files.unseen;
            memory.unfinished = (files.temp_files > 0 || has_seen_all).then_some((last_at, files.temp_files > 0));
        } else if counted.is_some_and(|last| is_ours(&last.outcome)) {
            memory.unfinished = None;
        }
        let in_flight = memory.in_flight(report.in_flight, self.now);
        let files = counted.and_then(|last| last.outcome.ok());
        let bytes_per_second = space.and_then(|_| memory.growth.bytes_per_second());
        MountView {
            mount: chosen.label.clone(),
            present: true,
            expected: chosen.expected.clone(),
            fstype: row.fstype.clone(),
            read_only: Some(row.read_only),
            server: row.server.clone(),
            disconnected: self.shares.disconnected(&row.source).filter(|_| row.server.is_some()),
            stuck: (!report.unprobed).then(|| in_flight.is_some_and(|(age, _)| age >= self.target.probe_timeout.get())),
            in_flight,
            probe_took: room.map(|last| last.took),
            health: room.map(|last| health(chosen, last, counted)),
            space,
            plots: chosen.plots,
            has_temporary: false,
            files,
            unfinished: memory.unfinished(self.target.count_every()),
            plots_seen: memory.plots.seen(),
            free_slots: self.free_slots(chosen, space, files),
            bytes_per_second,
            full_at: space.and_then(|space| self.full_at(space.avail?, bytes_per_second?)),
            plots_finished: memory.counted.then_some(memory.plots.total),
            missing_files: None,
            source,
        }
    }

    /// Younger than three of its intervals.
    fn is_fresh(&self, at: Instant, every: Duration) -> bool {
        self.now.monotonic.duration_since(at) < every * 3
    }

    fn count<'a>(&self, report: &'a Report, of: &CountOf) -> Option<&'a Finished<Files>> {
        let (_, last) = report.counts.iter().find(|(counted, _)| counted == of)?;
        Some(last).filter(|last| self.is_fresh(last.at, self.target.count_every()))
    }

    /// The last count of a directory, if it is fresh and was not in vain.
    pub(super) fn files(&self, report: &Report, of: &CountOf) -> Option<Files> {
        self.count(report, of).and_then(|last| last.outcome.ok())
    }

    /// What unfinished plots will still take is taken off, where it is known.
    fn free_slots(&self, chosen: &Chosen, space: Option<Space>, files: Option<Files>) -> Vec<(String, u64)> {
        let Some(avail) = space.and_then(|space| space.avail).filter(|_| chosen.plots) else {
            return Vec::new();
        };
        let unwritten = files.map_or(0, |files| files.temp_bytes.saturating_sub(files.temp_written_bytes));
        let room = avail
            .saturating_sub(self.target.reserve.bytes())
            .saturating_sub(unwritten);
        let slots = |plot: &PlotSize| {
            let slots = room.checked_div(plot.size.bytes())?;
            Some((plot.name.as_str().to_owned(), slots))
        };
        self.target.plot_sizes.iter().filter_map(slots).collect()
    }

    fn full_at(&self, avail: u64, bytes_per_second: i64) -> Option<UnixTime> {
        let rate = u64::try_from(bytes_per_second).ok().filter(|rate| *rate > 0)?;
        let left = Duration::from_secs(avail / rate);
        (left < LONGEST_PROJECTION).then(|| self.now.wall.plus(left))
    }
}

/// A path that leads to the filesystem around the mount: it was unmounted a moment ago, or a container does not see it.
fn is_elsewhere(chosen: &Chosen, space: &Space) -> bool {
    space.device.is_some() && space.device == chosen.outer_device && space.device != Some(chosen.row.device)
}

/// Whether a count failed by what is no illness of the mount.
fn is_ours(outcome: &Result<Files, Failed>) -> bool {
    matches!(outcome, Err(Failed::Errno(errno)) if NOT_THE_MOUNTS.contains(errno))
}

fn health(chosen: &Chosen, room: &Finished<Space>, counted: Option<&Finished<Files>>) -> Result<(), Trouble> {
    match &room.outcome {
        Err(failed) => return Err(Trouble::Probe(*failed)),
        Ok(space) if is_elsewhere(chosen, space) => return Err(Trouble::Elsewhere),
        Ok(_) => {}
    }
    // A disk can tell its size from memory and fail at every read.
    match counted.map(|last| &last.outcome) {
        Some(outcome) if is_ours(outcome) => Ok(()),
        Some(Err(failed)) => Err(Trouble::Probe(*failed)),
        _ => Ok(()),
    }
}
