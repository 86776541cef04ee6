//! The picture of a machine's mounts now, made from what the reader brought and what is remembered.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::memory::Memory;
use super::plan;
use super::prober::{CountOf, Failed};
use super::question::{Files, Space};
use super::reader::Probed;
use super::source::{self, Server};
use super::target::{Expected, Target};
use super::view::Round;
use crate::clock::{Now, UnixTime};

/// All mounts that are watched, and those that ought to be there.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// `None` while the mount table could not be read for too long.
    pub table: Option<TableView>,
    pub mounts: Vec<MountView>,
    pub temporary: Vec<TemporaryView>,
    /// Every mount point of the machine, watched or not.
    pub points: Arc<BTreeSet<PathBuf>>,
    /// Whether each server accepted a connection when it was last tried.
    servers: HashMap<Server, bool>,
    memory: HashMap<String, Memory>,
}

/// The mount table as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableView {
    pub entries: usize,
    pub malformed: u64,
    /// Watched mounts that no child was free to probe in the last round.
    pub unprobed: usize,
    pub children: usize,
    pub max_children: usize,
    /// Why children could not be started, or ended.
    pub trouble: Option<String>,
}

/// One mount. What is unknown is `None`.
#[derive(Clone, Debug, Default)]
pub struct MountView {
    /// The mount point.
    pub mount: String,
    /// False only for a mount that is expected; then nothing else is known but what was written into its directory.
    pub present: bool,
    /// Its entry in the list of mounts that must be there.
    pub expected: Option<Expected>,
    pub fstype: String,
    /// Without credentials and options. For a missing mount what is mounted there instead, if anything.
    pub source: String,
    pub read_only: Option<bool>,
    pub server: Option<Server>,
    /// The CIFS client has lost the share.
    pub disconnected: Option<bool>,
    /// How long the call has been running that had not returned when the round ended, and since when.
    pub in_flight: Option<(Duration, UnixTime)>,
    /// In flight for longer than the probe timeout. `None` when there was no child to probe it.
    pub stuck: Option<bool>,
    pub probe_took: Option<Duration>,
    /// Whether the last probe failed, and how.
    pub health: Option<Result<(), Trouble>>,
    pub space: Option<Space>,
    /// Its plots are counted.
    pub plots: bool,
    /// A temporary directory lies on it: it fills and empties by itself.
    pub has_temporary: bool,
    pub files: Option<Files>,
    /// Whether unfinished plots lay on it when it was last read, also while it hangs; `None` if that is not known: also when it
    /// answered for several counts after that, or farmwarden may no longer read it.
    pub unfinished: Option<bool>,
    /// Plots on it when they were last counted to the end, also while it cannot be read or is not there; `None` if they never
    /// were.
    pub plots_seen: Option<u64>,
    /// Plots of each configured kind that still fit.
    pub free_slots: Vec<(String, u64)>,
    pub bytes_per_second: Option<i64>,
    pub full_at: Option<UnixTime>,
    pub plots_finished: Option<u64>,
    /// Files in the directory of a mount that is not there.
    pub missing_files: Option<u64>,
}

/// Why a mount is in error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    Probe(Failed),
    /// What is reached at this path is the filesystem around the mount.
    Elsewhere,
}

/// A temporary directory of a plotter.
#[derive(Clone, Debug, Default)]
pub struct TemporaryView {
    pub directory: String,
    pub files: Option<Files>,
    /// Of the mount that it lies on.
    pub avail: Option<u64>,
}

/// What a mount had is forgotten when it has been gone for this long.
const FORGET_AFTER: Duration = Duration::from_hours(24);
impl Snapshot {
    /// The mount that a path lies on: the longest watched or expected mount point that is a prefix by component.
    pub fn mount_of(&self, path: &Path) -> Option<&MountView> {
        let covers = self.mounts.iter().filter(|mount| path.starts_with(&mount.mount));
        covers.max_by_key(|mount| mount.mount.len())
    }

    /// The mount point that covers a path in the whole table, also one that is not watched. As text: a symbolic link on
    /// the way is not seen.
    pub fn covering<'a>(&self, path: &'a Path) -> Option<&'a Path> {
        path.ancestors().find(|above| self.points.contains(*above))
    }

    /// Whether the server of a share accepts connections.
    pub fn reachable(&self, mount: &MountView) -> Option<bool> {
        mount
            .server
            .as_ref()
            .and_then(|server| self.servers.get(server))
            .copied()
    }

    /// Another watched mount of the same CIFS share.
    pub fn share_elsewhere(&self, mount: &MountView) -> Option<&MountView> {
        let is_same = |other: &&MountView| {
            let is_other = other.present && other.mount != mount.mount;
            is_other && source::is_cifs(&other.fstype) && source::is_same_share(&other.source, &mount.source)
        };
        let mut others = self.mounts.iter();
        source::is_cifs(&mount.fstype).then(|| others.find(is_same)).flatten()
    }

    /// Of every server of a share that was tried.
    pub(super) fn servers_reachable(&self) -> Vec<bool> {
        self.servers.values().copied().collect()
    }

    pub(super) fn absorb_servers(&mut self, servers: Vec<(Server, bool)>) {
        self.servers = servers.into_iter().collect();
    }

    /// Memory stays.
    pub(super) fn expire_probe(&mut self) {
        self.table = None;
        self.mounts.clear();
        self.temporary.clear();
    }

    pub(super) fn absorb(&mut self, target: &Target, probed: Probed, now: Now) {
        let Probed {
            plan,
            reports,
            shares,
            points,
            entries,
            malformed,
            children,
            trouble,
        } = probed;
        self.points = points;
        let round = Round { target, shares, now };
        self.mounts.clear();
        for (chosen, report) in plan.chosen.iter().zip(&reports) {
            let memory = self.memory.entry(chosen.label.clone()).or_default();
            self.mounts.push(round.view(chosen, report, memory));
        }
        self.temporary.clear();
        for (path, lies_on) in &plan.temporary {
            let of = CountOf::Temporary(path.clone());
            if let Some(mount) = self.mounts.get_mut(*lies_on) {
                mount.has_temporary = true;
            }
            self.temporary.push(TemporaryView {
                directory: path.to_string_lossy().into_owned(),
                files: reports.get(*lies_on).and_then(|report| round.files(report, &of)),
                avail: self
                    .mounts
                    .get(*lies_on)
                    .and_then(|mount| mount.space)
                    .and_then(|space| space.avail),
            });
        }
        for missing in &plan.missing {
            let of = CountOf::Missing(missing.expected.mount.clone());
            let report = missing.lies_on.and_then(|lies_on| reports.get(lies_on));
            let label = plan::label(plan::path_bytes(&missing.expected.mount));
            self.mounts.push(MountView {
                plots_seen: self.memory.get(&label).and_then(|memory| memory.plots.seen()),
                mount: label,
                expected: Some(missing.expected.clone()),
                source: missing.found_source.as_deref().map(source::shown).unwrap_or_default(),
                missing_files: report
                    .and_then(|report| round.files(report, &of))
                    .map(|files| files.files),
                ..MountView::default()
            });
        }
        self.memory.retain(|_, memory| {
            memory
                .last_seen
                .is_some_and(|seen| now.monotonic.duration_since(seen) < FORGET_AFTER)
        });
        self.table = Some(TableView {
            entries,
            malformed,
            unprobed: reports.iter().filter(|report| report.unprobed).count(),
            children,
            max_children: target.max_children,
            trouble,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::bench::{Machine, space, target};
    use super::*;

    const TB: u64 = 1_000_000_000_000;
    const ROUND: Duration = Duration::from_secs(30);

    #[test]
    fn figures_of_a_mount_that_hangs_vanish_and_the_hanging_stays() {
        let mut farm = Machine::farm();
        farm.well("/mnt/nas1", space(18 * TB, 9 * TB), None).look();
        assert!(farm.view("/mnt/nas1").space.is_some());
        for rounds in 1..=4_u32 {
            let age = ROUND * rounds;
            farm.after(ROUND).hangs("/mnt/nas1", age).look();
            let view = farm.view("/mnt/nas1");
            assert_eq!(
                (view.space.is_some(), view.health.is_some()),
                (rounds < 3, rounds < 3),
                "{rounds}"
            );
            assert_eq!((view.stuck, view.in_flight.unwrap().0), (Some(true), age));
        }
    }

    #[test]
    fn a_clock_that_goes_backwards_changes_no_decision() {
        let mut farm = Machine::farm();
        farm.hangs("/mnt/nas1", Duration::from_mins(2)).look();
        let began = farm.view("/mnt/nas1").in_flight.unwrap().1;
        assert_eq!(began, UnixTime::from_millis(1_699_999_880_000));
        farm.now.monotonic += ROUND;
        farm.now.wall = UnixTime::from_millis(5_000);
        farm.look();
        let view = farm.view("/mnt/nas1");
        assert_eq!(view.in_flight, Some((Duration::from_secs(150), began)));
        // A probe that is first seen in flight after the jump began before 1970 by that clock.
        farm.hangs("/mnt/nas2", ROUND).look();
        assert_eq!(farm.view("/mnt/nas2").in_flight, Some((ROUND, UnixTime::default())));
    }

    #[test]
    fn a_path_that_leads_elsewhere_shows_no_figures_of_the_wrong_disk() {
        let mut farm = Machine::farm();
        let root_disk = Space {
            device: Some((8, 2)),
            ..space(TB, TB / 2)
        };
        farm.well("/mnt/my disk", root_disk, None).look();
        let view = farm.view("/mnt/my disk");
        assert_eq!(
            (view.health, view.space, view.free_slots.len()),
            (Some(Err(Trouble::Elsewhere)), None, 0)
        );
        let own = Space {
            device: Some((8, 17)),
            ..root_disk
        };
        farm.well("/mnt/my disk", own, None).look();
        assert_eq!(farm.view("/mnt/my disk").health, Some(Ok(())));
    }

    #[test]
    fn a_disk_that_fails_at_listing_is_in_error_and_one_that_we_may_not_list_is_not() {
        let mut farm = Machine::farm();
        for (errno, health) in [(5, Err(Trouble::Probe(Failed::Errno(5)))), (13, Ok(()))] {
            farm.well("/mnt/my disk", space(TB, 0), None);
            let failed = farm.finished(Err(Failed::Errno(errno)));
            farm.reports
                .get_mut("/mnt/my disk")
                .unwrap()
                .counts
                .push((CountOf::Plots, failed));
            farm.look();
            assert_eq!(farm.view("/mnt/my disk").health, Some(health));
        }
    }

    #[test]
    fn growth_and_plots_are_remembered_until_something_else_is_mounted_there() {
        let mut farm = Machine::farm();
        let plots = |plot_files| {
            Some(Files {
                plot_files,
                ..Files::default()
            })
        };
        for (round, avail) in [(0, 9 * TB), (1, 9 * TB - 108_000_000_000)] {
            farm.well("/mnt/my disk", space(18 * TB, avail), plots(40 + round))
                .look()
                .after(Duration::from_mins(18));
        }
        let view = farm.view("/mnt/my disk");
        assert_eq!(
            (view.bytes_per_second, view.plots_finished),
            (Some(100_000_000), Some(1))
        );
        let left = (9 * TB - 108_000_000_000) / 100_000_000;
        assert_eq!(
            view.full_at,
            Some(UnixTime::from_millis(1_700_000_000_000 + (18 * 60 + left) * 1000))
        );
        let text = String::from_utf8_lossy(&farm.table).replace("/dev/sdb1", "/dev/sdx1");
        farm.table = text.into_bytes();
        farm.well("/mnt/my disk", space(18 * TB, 9 * TB), plots(0)).look();
        let view = farm.view("/mnt/my disk");
        assert_eq!(
            (view.bytes_per_second, view.full_at, view.plots_finished),
            (None, None, Some(0))
        );
    }

    #[test]
    fn what_lies_on_a_mount_is_known_while_it_hangs_and_unknown_where_not_all_was_seen() {
        let mut farm = Machine::farm();
        let counted = |plot_files, temp_files, unseen| {
            Some(Files {
                plot_files,
                temp_files,
                unseen,
                ..Files::default()
            })
        };
        for (plots, temporary, unseen, unfinished) in
            [(3, 1, true, Some(true)), (4, 0, true, None), (5, 0, false, Some(false))]
        {
            farm.well("/mnt/nas1", space(TB, TB / 2), counted(plots, temporary, unseen))
                .look()
                .after(ROUND);
            let view = farm.view("/mnt/nas1");
            assert_eq!((view.unfinished, view.plots_seen), (unfinished, Some(plots)));
        }
        for _ in 0..20 {
            farm.after(ROUND).hangs("/mnt/nas1", ROUND).look();
        }
        let view = farm.view("/mnt/nas1");
        assert_eq!(
            (view.files, view.unfinished, view.plots_seen),
            (None, Some(false), Some(5))
        );
    }

    #[test]
    fn what_lay_on_a_mount_is_unknown_once_it_may_not_be_read_or_was_not_counted_for_long() {
        fn count_fails(farm: &mut Machine, errno: i32) {
            let failed = farm.after(ROUND).finished(Err(Failed::Errno(errno)));
            farm.reports.get_mut("/mnt/nas1").unwrap().counts = vec![(CountOf::Plots, failed)];
        }
        let unfinished = |spoil: fn(&mut Machine)| {
            let mut farm = Machine::farm();
            farm.well("/mnt/nas1", space(TB, TB / 2), Some(Files::default())).look();
            assert_eq!(farm.view("/mnt/nas1").unfinished, Some(false));
            spoil(&mut farm);
            farm.look().after(ROUND).hangs("/mnt/nas1", ROUND).look();
            farm.view("/mnt/nas1").unfinished
        };
        assert_eq!(unfinished(|farm| count_fails(farm, 13)), None);
        // ESTALE is how a share is ill, and nobody could write there since.
        assert_eq!(unfinished(|farm| count_fails(farm, 116)), Some(false));
        let answers_uncounted = |farm: &mut Machine| {
            let answered = farm
                .after(farm.target.count_every() * 4)
                .finished(Ok(space(TB, TB / 2)));
            farm.reports.get_mut("/mnt/nas1").unwrap().space = Some(answered);
        };
        assert_eq!(unfinished(answers_uncounted), None);
    }

    #[test]
    fn a_cifs_share_that_is_mounted_twice_is_found_whatever_the_case_and_the_folder() {
        let at = |mount: &str, fstype: &str, source: &str| MountView {
            mount: mount.to_owned(),
            present: true,
            fstype: fstype.to_owned(),
            source: source.to_owned(),
            ..MountView::default()
        };
        let elsewhere = |other: MountView| {
            let own = at("/mnt/a", "cifs", "//nas/plots");
            let snapshot = super::super::bench::picture_of(vec![own.clone(), other], true);
            snapshot.share_elsewhere(&own).map(|view| view.mount.clone())
        };
        assert_eq!(
            elsewhere(at("/mnt/b", "smb3", "//NAS/Plots/new")),
            Some("/mnt/b".to_owned())
        );
        assert_eq!(elsewhere(at("/mnt/b", "cifs", "//nas/other")), None);
        assert_eq!(elsewhere(at("/mnt/b", "nfs4", "//nas/plots")), None);
    }

    #[test]
    fn a_path_lies_on_the_longest_mount_point_above_it() {
        let mut farm = Machine::new(
            target(r#"{"name": "h", "expected": [{"mount": "/mnt/gone"}]}"#),
            super::super::bench::FARM,
        );
        farm.look();
        let on = |path: &str| {
            farm.snapshot
                .mount_of(std::path::Path::new(path))
                .unwrap()
                .mount
                .clone()
        };
        assert_eq!(on("/mnt/nas1/plots/a.plot"), "/mnt/nas1");
        assert_eq!(on("/mnt/nas11"), "/");
        assert_eq!(on("/mnt/gone/x"), "/mnt/gone");
        let covering = |path| {
            farm.snapshot
                .covering(Path::new(path))
                .map(|point| point.to_str().unwrap())
        };
        assert_eq!(covering("/mnt/gone/x"), Some("/"));
        // Not watched, and a mount all the same.
        assert_eq!(covering("/proc/self"), Some("/proc"));
    }
}
