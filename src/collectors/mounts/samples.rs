//! The families of mounts, and the pure map from the picture to samples.

use super::prober::Failed;
use super::snapshot::{MountView, Snapshot, TemporaryView, Trouble};
use crate::exposition::{Desc, Family, Page};

static ENTRIES: Desc<0> = Desc::gauge(
    "mount_table_entries",
    "Mounts that can be reached on the machine, watched or not (mountinfo).",
    &[],
);
static MALFORMED: Desc<0> = Desc::gauge(
    "mount_table_malformed_lines",
    "Lines of the mount table that could not be read and were left out (mountinfo).",
    &[],
);
static UNPROBED: Desc<0> = Desc::gauge(
    "mount_unprobed",
    "Watched mounts that were not probed in the last round because no child process was free; their figures vanish.",
    &[],
);
static PRESENT: Desc<1> = Desc::gauge(
    "mount_present",
    "1 if something is mounted there; 0 only for a mount that is configured as expected and is not there (mountinfo).",
    &["mount"],
);
static INFO: Desc<3> = Desc::info(
    "mount_info",
    "What is mounted where; the source without credentials and options (mountinfo).",
    &["mount", "fstype", "source"],
);
static READ_ONLY: Desc<1> = Desc::gauge(
    "mount_read_only",
    "1 if the mount or its filesystem is read-only on the host (mountinfo).",
    &["mount"],
);
static STUCK: Desc<1> = Desc::gauge(
    "mount_stuck",
    "1 if a probe has been in flight for longer than the probe timeout: whoever touches the mount hangs.",
    &["mount"],
);
static PROBE_STARTED: Desc<1> = Desc::gauge(
    "mount_probe_started_timestamp_seconds",
    "When the probe began that has not returned, since 1970; absent while none is in flight.",
    &["mount"],
);
static PROBE_DURATION: Desc<1> = Desc::gauge(
    "mount_probe_duration_seconds",
    "How long the last finished probe took (statvfs, in a child process).",
    &["mount"],
);
static ERROR: Desc<2> = Desc::gauge(
    "mount_error",
    "1 with the name of the error that the last probe met, 0 with errno none when it met none (statvfs, readdir).",
    &["mount", "errno"],
);
static SIZE: Desc<1> = Desc::gauge(
    "mount_size_bytes",
    "Size of the filesystem (statvfs f_blocks).",
    &["mount"],
);
static AVAIL: Desc<1> = Desc::gauge(
    "mount_avail_bytes",
    "What an ordinary user can still write; the reserve of root is not in it (statvfs f_bavail).",
    &["mount"],
);
static INODES: Desc<1> = Desc::gauge(
    "mount_files",
    "Inodes of the filesystem, used and free; absent where it does not count them (statvfs f_files).",
    &["mount"],
);
static INODES_FREE: Desc<1> = Desc::gauge("mount_files_free", "Free inodes (statvfs f_ffree).", &["mount"]);
static FREE_SLOTS: Desc<2> = Desc::gauge(
    "mount_free_slots",
    "Plots of a kind that still fit, after the configured reserve and the unwritten part of unfinished plots.",
    &["mount", "plot"],
);
static PLOT_FILES: Desc<1> = Desc::gauge(
    "mount_plot_files",
    "Files that end in .plot or .plot2, down to two directories below the mount point (readdir).",
    &["mount"],
);
static PLOT_BYTES: Desc<1> = Desc::gauge("mount_plot_bytes", "Their size (stat).", &["mount"]);
static TEMP_FILES: Desc<1> = Desc::gauge(
    "mount_temp_files",
    "Files that end in .tmp: plots that are being copied or made (readdir).",
    &["mount"],
);
static TEMP_BYTES: Desc<1> = Desc::gauge(
    "mount_temp_bytes",
    "Their size when finished, as far as it is set (stat).",
    &["mount"],
);
static TEMP_WRITTEN: Desc<1> = Desc::gauge(
    "mount_temp_written_bytes",
    "What is written of them so far; a copy that hangs does not grow (stat st_blocks).",
    &["mount"],
);
static INCOMPLETE: Desc<1> = Desc::gauge(
    "mount_count_incomplete",
    "1 if there are too many files or directories to count in time; the figures of files are then absent.",
    &["mount"],
);
static PLOTS_FINISHED: Desc<1> = Desc::counter(
    "mount_plots_finished_total",
    "Plot files that appeared since farmwarden first counted them there.",
    &["mount"],
);
static WRITE_RATE: Desc<1> = Desc::gauge(
    "mount_write_bytes_per_second",
    "Mean growth of used space over up to six hours, negative while space is freed; absent until ten minutes are known.",
    &["mount"],
);
static FULL: Desc<1> = Desc::gauge(
    "mount_full_timestamp_seconds",
    "When the mount will be full if it goes on growing at that mean, since 1970; absent while it does not grow.",
    &["mount"],
);
static MISSING_FILES: Desc<1> = Desc::gauge(
    "mount_missing_files",
    "Files in the directory of an expected mount that is not there: they lie on the disk below it (readdir).",
    &["mount"],
);
static REACHABLE: Desc<1> = Desc::gauge(
    "mount_server_reachable",
    "1 if the server of the CIFS or NFS share accepts TCP connections within 2 s; the share itself is not touched.",
    &["mount"],
);
static DISCONNECTED: Desc<1> = Desc::gauge(
    "mount_cifs_disconnected",
    "1 if the CIFS client of the kernel has lost the share (/proc/fs/cifs/DebugData).",
    &["mount"],
);
static TEMPORARY_FILES: Desc<1> = Desc::gauge(
    "mount_temporary_files",
    "Files that end in .tmp in a temporary directory of a plotter (readdir).",
    &["directory"],
);
static TEMPORARY_PLOTS: Desc<1> = Desc::gauge(
    "mount_temporary_plots",
    "Different plots that these files belong to, by name: plots in progress.",
    &["directory"],
);
static TEMPORARY_BYTES: Desc<1> = Desc::gauge("mount_temporary_bytes", "Size of these files (stat).", &["directory"]);
static TEMPORARY_WRITTEN: Desc<1> = Desc::gauge(
    "mount_temporary_written_bytes",
    "What is written of these files; while a plotter works it changes from count to count (stat st_blocks).",
    &["directory"],
);
static TEMPORARY_AVAIL: Desc<1> = Desc::gauge(
    "mount_temporary_avail_bytes",
    "What can still be written on the mount that the temporary directory lies on (statvfs).",
    &["directory"],
);

pub(super) const FAMILIES: &[&Family] = &[
    ENTRIES.family(),
    MALFORMED.family(),
    UNPROBED.family(),
    PRESENT.family(),
    INFO.family(),
    READ_ONLY.family(),
    STUCK.family(),
    PROBE_STARTED.family(),
    PROBE_DURATION.family(),
    ERROR.family(),
    SIZE.family(),
    AVAIL.family(),
    INODES.family(),
    INODES_FREE.family(),
    FREE_SLOTS.family(),
    PLOT_FILES.family(),
    PLOT_BYTES.family(),
    TEMP_FILES.family(),
    TEMP_BYTES.family(),
    TEMP_WRITTEN.family(),
    INCOMPLETE.family(),
    PLOTS_FINISHED.family(),
    WRITE_RATE.family(),
    FULL.family(),
    MISSING_FILES.family(),
    REACHABLE.family(),
    DISCONNECTED.family(),
    TEMPORARY_FILES.family(),
    TEMPORARY_PLOTS.family(),
    TEMPORARY_BYTES.family(),
    TEMPORARY_WRITTEN.family(),
    TEMPORARY_AVAIL.family(),
];

pub(super) fn samples(snapshot: &Snapshot, page: &mut Page) {
    if let Some(table) = &snapshot.table {
        page.add(&ENTRIES, [], table.entries);
        page.add(&MALFORMED, [], table.malformed);
        page.add(&UNPROBED, [], table.unprobed);
    }
    for mount in &snapshot.mounts {
        presence(mount, page);
        room(mount, page);
        files(mount, page);
        page.add(&REACHABLE, [&mount.mount], snapshot.reachable(mount));
    }
    for directory in &snapshot.temporary {
        temporary(directory, page);
    }
}

fn presence(view: &MountView, page: &mut Page) {
    let mount = view.mount.as_str();
    page.add(&PRESENT, [mount], view.present);
    if view.present {
        page.add(&INFO, [mount, &view.fstype, &view.source], true);
    }
    page.add(&READ_ONLY, [mount], view.read_only);
    page.add(&STUCK, [mount], view.stuck);
    page.add(&PROBE_STARTED, [mount], view.in_flight.map(|(_, began)| began));
    page.add(&PROBE_DURATION, [mount], view.probe_took);
    if let Some(health) = view.health {
        let name = health.err().map_or("none", trouble_name);
        page.add(&ERROR, [mount, name], health.is_err());
    }
    page.add(&MISSING_FILES, [mount], view.missing_files);
    page.add(&DISCONNECTED, [mount], view.disconnected);
}

fn room(view: &MountView, page: &mut Page) {
    let mount = view.mount.as_str();
    if let Some(space) = view.space {
        page.add(&SIZE, [mount], space.size);
        page.add(&AVAIL, [mount], space.avail);
        page.add(&INODES, [mount], space.inodes);
        page.add(&INODES_FREE, [mount], space.inodes_free);
    }
    for (plot, slots) in &view.free_slots {
        page.add(&FREE_SLOTS, [mount, plot], *slots);
    }
    page.add(&WRITE_RATE, [mount], view.bytes_per_second);
    page.add(&FULL, [mount], view.full_at);
}

fn files(view: &MountView, page: &mut Page) {
    let mount = view.mount.as_str();
    page.add(&INCOMPLETE, [mount], view.files.map(|files| files.incomplete));
    if let Some(files) = view.files.filter(|files| !files.incomplete) {
        page.add(&PLOT_FILES, [mount], files.plot_files);
        page.add(&PLOT_BYTES, [mount], files.plot_bytes);
        page.add(&TEMP_FILES, [mount], files.temp_files);
        page.add(&TEMP_BYTES, [mount], files.temp_bytes);
        page.add(&TEMP_WRITTEN, [mount], files.temp_written_bytes);
    }
    page.add(&PLOTS_FINISHED, [mount], view.plots_finished);
}

fn temporary(view: &TemporaryView, page: &mut Page) {
    let directory = view.directory.as_str();
    if let Some(files) = view.files.filter(|files| !files.incomplete) {
        page.add(&TEMPORARY_FILES, [directory], files.temp_files);
        page.add(&TEMPORARY_PLOTS, [directory], files.temp_plots);
        page.add(&TEMPORARY_BYTES, [directory], files.temp_bytes);
        page.add(&TEMPORARY_WRITTEN, [directory], files.temp_written_bytes);
    }
    page.add(&TEMPORARY_AVAIL, [directory], view.avail);
}

/// The label value `errno`. Source of the list: what Linux' CIFS, NFS, FUSE and disk filesystems give when they fail.
pub(super) fn trouble_name(trouble: Trouble) -> &'static str {
    use nix::errno::Errno;
    let Trouble::Probe(Failed::Errno(number)) = trouble else {
        return "other";
    };
    match Errno::from_raw(number) {
        Errno::EHOSTDOWN => "EHOSTDOWN",
        Errno::ENOTCONN => "ENOTCONN",
        Errno::ETIMEDOUT => "ETIMEDOUT",
        Errno::EHOSTUNREACH => "EHOSTUNREACH",
        Errno::EIO => "EIO",
        Errno::ESTALE => "ESTALE",
        Errno::EAGAIN => "EAGAIN",
        Errno::EACCES => "EACCES",
        Errno::ENOKEY => "ENOKEY",
        Errno::ENXIO => "ENXIO",
        Errno::ENOENT => "ENOENT",
        Errno::ENOSPC => "ENOSPC",
        Errno::EROFS => "EROFS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::time::{Duration, Instant};

    use super::super::bench::{FARM, LOST_SHARES, Machine, missing, space, target, temporary};
    use super::super::question::Files;
    use super::super::source::Server;
    use super::*;
    use crate::exposition::golden;

    const ROOM: &str = "src/collectors/mounts/golden";
    const TB: u64 = 1_000_000_000_000;

    fn page(snapshot: &Snapshot) -> String {
        let mut page = Page::new(&[("target", "host")]);
        samples(snapshot, &mut page);
        golden::rendered(FAMILIES, page)
    }

    fn plots(plot_files: u64) -> Files {
        Files {
            files: plot_files,
            plot_files,
            plot_bytes: plot_files * 108_000_000_000,
            ..Files::default()
        }
    }

    #[test]
    fn a_farm_with_every_kind_of_trouble() {
        let text = r#"{"name": "host", "expected": [{"mount": "/mnt/nas1"}, {"mount": "/mnt/gone"}],
            "temporary": ["/mnt/my disk/tmp"], "reserve": "1GB", "plot_sizes":
            [{"name": "k32-c0", "size": "108.9GB"}, {"name": "k32-c5", "size": "87.3GB"}]}"#;
        let mut farm = Machine::new(target(text), FARM);
        let copying = Files {
            temp_files: 1,
            temp_bytes: 108_000_000_000,
            temp_written_bytes: 8_000_000_000,
            temp_plots: 1,
            ..plots(40)
        };
        for minutes in [0, 12] {
            farm.after(Duration::from_mins(minutes));
            let room = space(18 * TB, 9 * TB - minutes * 10_000_000_000);
            farm.well(
                "/mnt/my disk",
                room,
                Some(Files {
                    plot_files: 40 + minutes / 12,
                    ..copying
                }),
            );
            farm.counted("/mnt/my disk", temporary("/mnt/my disk/tmp"), copying);
            farm.well("/", space(TB, TB / 2), None)
                .counted("/", missing("/mnt/gone"), plots(3));
            farm.failed("/mnt/frozen", 5).failed("/mnt/nfs", 116);
            farm.well("/mnt/nas1", space(18 * TB, 9 * TB), Some(plots(80)));
            farm.hangs("/mnt/nas1", Duration::from_secs(3));
            farm.hangs("/mnt/nas2", Duration::from_mins(55));
            farm.reports.entry("/mnt/sshfs".to_owned()).or_default().unprobed = true;
            farm.well(
                "/mnt/shut",
                space(18 * TB, 0),
                Some(Files {
                    incomplete: true,
                    ..plots(9)
                }),
            );
            farm.debug_data = LOST_SHARES.to_vec();
            farm.look();
        }
        let server = |host: &str, port| Server {
            host: host.to_owned(),
            port,
        };
        farm.snapshot.absorb_servers(vec![
            (server("192.0.2.10", 445), true),
            (server("192.0.2.11", 1445), false),
        ]);
        golden::check(&format!("{ROOM}/trouble.prom"), &page(&farm.snapshot));
        golden::covers(ROOM, FAMILIES);
    }

    #[test]
    fn a_filesystem_that_says_no_size_has_none() {
        let mut machine = Machine::new(target(r#"{"name": "host"}"#), b"1 0 0:7 / /mnt/f rw - fuse.x x rw\n");
        let nothing = super::super::Space {
            size: None,
            avail: None,
            used: None,
            inodes: None,
            inodes_free: None,
            device: None,
        };
        machine.well("/mnt/f", nothing, None).look();
        golden::check(&format!("{ROOM}/no-size.prom"), &page(&machine.snapshot));
    }

    #[test]
    fn nothing_is_shown_of_a_machine_that_was_not_seen() {
        let mut farm = Machine::farm();
        farm.look();
        farm.snapshot.expire_probe();
        assert_eq!(page(&farm.snapshot), "");
    }

    #[test]
    fn ten_thousand_mounts_are_shown_in_moderate_time() {
        let mut table = String::from("1 0 8:1 / / rw - ext4 /dev/sda1 rw\n");
        for n in 2..=10_000 {
            writeln!(table, "{n} 1 8:{n} / /mnt/disk{n} rw - ext4 /dev/sd{n} rw").unwrap();
        }
        let mut machine = Machine::new(target(r#"{"name": "host"}"#), table.as_bytes());
        let began = Instant::now();
        machine.look().after(Duration::from_secs(30)).look();
        let text = page(&machine.snapshot);
        assert_eq!(
            text.lines().filter(|line| line.starts_with("mount_size_bytes")).count(),
            10_000
        );
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    }
}
