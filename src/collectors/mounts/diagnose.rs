//! What is ill in the picture of the mounts, with evidence in words.

use super::prober::Failed;
use super::samples::trouble_name;
use super::snapshot::{MountView, Snapshot, Trouble};
use super::symptoms::{
    MOUNT_ALMOST_FULL, MOUNT_DISCONNECTED, MOUNT_ERROR, MOUNT_MISSING, MOUNT_READ_ONLY, MOUNT_STUCK, MOUNT_UNPROBED,
    Thresholds,
};
use crate::collectors::Diagnosis;
use crate::values::{Duration, Size};

/// Filesystems that are read-only by nature, or empty ones that container engines put over a directory to hide it.
const READ_ONLY_BY_NATURE: [&str; 6] = ["iso9660", "udf", "squashfs", "erofs", "cramfs", "tmpfs"];

pub(super) fn diagnose(snapshot: &Snapshot, thresholds: &Thresholds) -> Diagnosis {
    let mut diagnosis = Diagnosis::default();
    for view in &snapshot.mounts {
        presence(view, &mut diagnosis);
        life(view, snapshot.reachable(view), thresholds, &mut diagnosis);
        room(view, thresholds, &mut diagnosis);
    }
    if let Some(table) = &snapshot.table {
        diagnosis.judge(&MOUNT_UNPROBED, "", Some(table.unprobed > 0), || {
            let because = match &table.trouble {
                Some(words) => words.clone(),
                None => format!(
                    "{} of {} child processes (max_children) are taken",
                    table.children, table.max_children
                ),
            };
            format!("{} mounts were not probed in the last round: {because}", table.unprobed)
        });
    }
    diagnosis
}

fn presence(view: &MountView, diagnosis: &mut Diagnosis) {
    let mount = view.mount.as_str();
    diagnosis.judge(
        &MOUNT_MISSING,
        mount,
        view.expected.as_ref().map(|_| !view.present),
        || {
            let found = if view.source.is_empty() {
                "nothing is mounted there".to_owned()
            } else {
                format!("`{}` is there instead", view.source)
            };
            match view.missing_files {
                Some(0) => format!("{mount}: {found}; its directory is empty"),
                Some(files) => format!("{mount}: {found}; {files} files lie in its directory, on the disk below"),
                None => format!("{mount}: {found}"),
            }
        },
    );
    let by_nature = READ_ONLY_BY_NATURE.contains(&view.fstype.as_str());
    let read_only = view.read_only.filter(|_| !by_nature);
    let on_purpose = view.expected.as_ref().is_some_and(|expected| expected.read_only);
    diagnosis.judge(&MOUNT_READ_ONLY, mount, read_only.map(|is| is && !on_purpose), || {
        format!("{mount}: {} {} is read-only", view.fstype, view.source)
    });
}

fn life(view: &MountView, reachable: Option<bool>, thresholds: &Thresholds, diagnosis: &mut Diagnosis) {
    let mount = view.mount.as_str();
    let hangs_for = view.in_flight.map(|(age, _)| age).unwrap_or_default();
    let stuck = view.stuck.map(|_| hangs_for >= thresholds.stuck_after.get());
    diagnosis.judge(&MOUNT_STUCK, mount, stuck, || {
        let server = match (&view.server, reachable) {
            (Some(server), Some(true)) => format!("; its server {}:{} accepts connections", server.host, server.port),
            (Some(server), Some(false)) => {
                format!("; its server {}:{} accepts no connection", server.host, server.port)
            }
            _ => String::new(),
        };
        let seconds = Duration::from_secs(hangs_for.as_secs());
        format!(
            "{mount}: a probe has not returned for {seconds} (limit {}){server}",
            thresholds.stuck_after
        )
    });
    diagnosis.judge(&MOUNT_ERROR, mount, view.health.map(|health| health.is_err()), || {
        let words = match view.health {
            Some(Err(Trouble::Elsewhere)) => {
                "this path leads to the filesystem around the mount; in a container, mount the host's root with rslave"
                    .to_owned()
            }
            Some(Err(Trouble::Probe(Failed::ChildEnded))) => {
                "the child process that probed it ended unexpectedly".to_owned()
            }
            Some(Err(trouble @ Trouble::Probe(Failed::Errno(number)))) => {
                let text = nix::errno::Errno::from_raw(number).desc();
                format!("{} ({text})", trouble_name(trouble))
            }
            Some(Ok(())) | None => String::new(),
        };
        format!("{mount}: {words}")
    });
    let lost = match (view.disconnected, reachable) {
        (None, None) => None,
        // With a server that is there again only a new mount is missing, and the mount says so itself.
        (Some(true), Some(true)) => Some(false),
        (disconnected, reachable) => Some(disconnected == Some(true) || reachable == Some(false)),
    };
    diagnosis.judge(&MOUNT_DISCONNECTED, mount, lost, || {
        let mut words = Vec::new();
        if view.disconnected == Some(true) {
            words.push("the CIFS client has lost the share".to_owned());
        }
        if let (Some(false), Some(server)) = (reachable, &view.server) {
            words.push(format!("{}:{} accepts no connection", server.host, server.port));
        }
        format!("{mount}: {}", words.join("; "))
    });
}

fn room(view: &MountView, thresholds: &Thresholds, diagnosis: &mut Diagnosis) {
    let mount = view.mount.as_str();
    let slots = view.free_slots.first().filter(|_| view.plots && !view.has_temporary);
    let Some((plot, slots)) = slots else { return };
    let unfinished = view.files.is_some_and(|files| files.temp_files > 0);
    let filling = if unfinished {
        Some(true)
    } else {
        view.bytes_per_second.map(|rate| rate > 0)
    };
    let rate = view
        .bytes_per_second
        .and_then(|rate| u64::try_from(rate).ok())
        .filter(|rate| *rate > 0);
    let avail = view.space.and_then(|space| space.avail).unwrap_or_default();
    let full_in = rate.map(|rate| std::time::Duration::from_secs(avail / rate));
    let soon = full_in.is_some_and(|left| left < thresholds.full_within.get());
    let ill = filling.map(|filling| filling && (*slots < thresholds.min_free_slots || soon));
    diagnosis.judge(&MOUNT_ALMOST_FULL, mount, ill, || {
        let room = format!(
            "{mount}: {slots} plots {plot} still fit (limit {})",
            thresholds.min_free_slots
        );
        match (rate, full_in) {
            (Some(rate), Some(left)) => format!(
                "{room}; full in {} at {}/s (limit {})",
                Duration::from_secs(left.as_secs()),
                Size::from_bytes(rate),
                thresholds.full_within
            ),
            _ => room,
        }
    });
}

#[cfg(test)]
mod tests {
    use std::time::Duration as Std;

    use super::super::bench::{LOST_SHARES, Machine, space, target};
    use super::super::question::Files;
    use super::super::source::Server;
    use super::*;

    const TB: u64 = 1_000_000_000_000;

    fn found(machine: &Machine) -> Vec<String> {
        let diagnosis = diagnose(&machine.snapshot, &machine.target.thresholds);
        diagnosis
            .findings
            .into_iter()
            .map(|finding| format!("{}: {}", finding.symptom.name, finding.evidence))
            .collect()
    }

    fn disk() -> Machine {
        disk_with("", "rw")
    }

    fn disk_with(keys: &str, options: &str) -> Machine {
        let target = target(&format!(r#"{{"name": "h"{keys}}}"#));
        let table = format!("1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 / /mnt/a {options} - ext4 /dev/sdb1 rw\n");
        Machine::new(target, table.as_bytes())
    }

    #[test]
    fn a_healthy_disk_has_no_symptom() {
        let mut machine = disk();
        assert!(found(machine.look()).is_empty());
        let diagnosis = diagnose(&machine.snapshot, &Thresholds::default());
        let looked_at: Vec<_> = diagnosis.looked_at.iter().map(|symptom| symptom.name).collect();
        assert_eq!(
            looked_at,
            ["mount_read_only", "mount_stuck", "mount_error", "mount_unprobed"]
        );
    }

    #[test]
    fn a_missing_mount_is_told_with_what_was_written_below() {
        let mut machine = disk_with(
            r#", "expected": [{"mount": "/mnt/a", "source": "//nas/x"}, {"mount": "/mnt/b"}]"#,
            "rw",
        );
        machine.well("/", space(TB, TB), None);
        let files = Files {
            files: 12,
            ..Files::default()
        };
        machine
            .counted("/", super::super::bench::missing("/mnt/b"), files)
            .look();
        assert_eq!(
            found(&machine),
            [
                "mount_missing: /mnt/a: `/dev/sdb1` is there instead",
                "mount_missing: /mnt/b: nothing is mounted there; 12 files lie in its directory, on the disk below",
            ]
        );
    }

    #[test]
    fn a_probe_that_hangs_is_a_symptom_after_a_minute() {
        let mut machine = disk();
        assert!(found(machine.hangs("/mnt/a", Std::from_secs(59)).look()).is_empty());
        assert_eq!(machine.view("/mnt/a").stuck, Some(true));
        let words = "mount_stuck: /mnt/a: a probe has not returned for 1m (limit 1m)";
        assert_eq!(found(machine.hangs("/mnt/a", Std::from_secs(60)).look()), [words]);
    }

    #[test]
    fn an_error_has_its_name() {
        let mut machine = disk();
        assert_eq!(
            found(machine.failed("/mnt/a", 116).look()),
            ["mount_error: /mnt/a: ESTALE (Stale file handle)"]
        );
        assert_eq!(
            found(machine.failed("/mnt/a", 22).look()),
            ["mount_error: /mnt/a: other (Invalid argument)"]
        );
    }

    #[test]
    fn read_only_is_a_symptom_unless_it_is_meant_to_be() {
        assert_eq!(
            found(disk_with("", "ro").look()),
            ["mount_read_only: /mnt/a: ext4 /dev/sdb1 is read-only"]
        );
        let meant = r#", "expected": [{"mount": "/mnt/a", "read_only": true}]"#;
        assert!(found(disk_with(meant, "ro").look()).is_empty());
    }

    #[test]
    fn a_lost_share_is_told_before_it_gives_an_error() {
        let mut farm = Machine::farm();
        farm.debug_data = LOST_SHARES.to_vec();
        farm.look();
        let dead = Server {
            host: "2001:db8::7".to_owned(),
            port: 2049,
        };
        farm.snapshot.absorb_servers(vec![(dead, false)]);
        let lost: Vec<_> = found(&farm)
            .into_iter()
            .filter(|words| words.starts_with("mount_disconnected"))
            .collect();
        assert_eq!(
            lost,
            [
                "mount_disconnected: /mnt/nas2: the CIFS client has lost the share",
                "mount_disconnected: /mnt/nfs: 2001:db8::7:2049 accepts no connection",
            ]
        );
    }

    #[test]
    fn a_full_disk_is_a_symptom_only_while_somebody_fills_it() {
        let mut machine = disk();
        let almost = space(18 * TB, 150_000_000_000);
        assert!(found(machine.well("/mnt/a", almost, None).look()).is_empty());
        let copying = Files {
            temp_files: 1,
            ..Files::default()
        };
        let words = "mount_almost_full: /mnt/a: 1 plots k32-c0 still fit (limit 2)";
        assert_eq!(found(machine.well("/mnt/a", almost, Some(copying)).look()), [words]);
        // An hour without growth: it is full and done.
        machine.after(Std::from_hours(1)).well("/mnt/a", almost, None);
        assert!(found(machine.look()).is_empty());
        // Growing by 100 MB/s, with room for 20 hours.
        let mut machine = disk();
        machine.well("/mnt/a", space(18 * TB, 7_360_000_000_000), None).look();
        machine
            .after(Std::from_hours(1))
            .well("/mnt/a", space(18 * TB, 7 * TB), None)
            .look();
        let words =
            "mount_almost_full: /mnt/a: 64 plots k32-c0 still fit (limit 2); full in 19h26m40s at 100 MB/s (limit 1d)";
        assert_eq!(found(&machine), [words]);
    }

    #[test]
    fn mounts_that_nobody_could_probe_are_told_and_not_judged() {
        let mut machine = disk();
        machine.reports.entry("/mnt/a".to_owned()).or_default().unprobed = true;
        let words = "mount_unprobed: 1 mounts were not probed in the last round: 4 of 128 child processes (max_children) are taken";
        assert_eq!(found(machine.look()), [words]);
        assert_eq!(machine.view("/mnt/a").stuck, None);
    }
}
