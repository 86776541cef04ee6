//! The pure map from the picture of the mounts to samples.

use super::families::{
    AVAIL, DISCONNECTED, ENTRIES, ERROR, FREE_SLOTS, FULL, INCOMPLETE, INFO, INODES, INODES_FREE, MALFORMED,
    MISSING_FILES, PLOT_BYTES, PLOT_FILES, PLOTS_FINISHED, PRESENT, PROBE_DURATION, PROBE_STARTED, REACHABLE,
    READ_ONLY, SIZE, STUCK, TEMP_BYTES, TEMP_FILES, TEMP_WRITTEN, TEMPORARY_AVAIL, TEMPORARY_BYTES, TEMPORARY_FILES,
    TEMPORARY_PLOTS, TEMPORARY_WRITTEN, UNPROBED, WRITE_RATE,
};
use super::prober::Failed;
use super::snapshot::{MountView, Snapshot, TemporaryView, Trouble};
use crate::exposition::Page;

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
    use super::super::families::FAMILIES;
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
