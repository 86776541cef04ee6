//! What this machine has mounted, as a proposal: the machine itself, and the plot disks and shares that must be there.
//! Only the mount table is read; no mount is touched, and no option of one, where passwords stand.

use std::path::Path;

use super::plan;
use super::reader;
use super::source;
use super::table::{Row, Table};
use super::target::Target;
use crate::collectors::{Discovery, Key, Proposal};

pub(super) async fn discover(target: &Target) -> Discovery {
    match reader::mount_table(target).await {
        Ok(table) => proposal(target, &table),
        Err(fault) => Discovery {
            looked: vec![fault.to_string()],
            proposals: Vec::new(),
        },
    }
}

fn proposal(target: &Target, table: &Table) -> Discovery {
    let plan = plan::plan(target, table);
    let places: Vec<&Row> = plan
        .chosen
        .iter()
        .filter(|mount| mount.plots && holds_plots(&mount.row))
        .map(|mount| &mount.row)
        .collect();
    // A path in the configuration is text.
    let named = places.iter().filter_map(|row| expected(row));
    let expected: Vec<Vec<Key>> = named.collect();
    let looked = format!(
        "{}: {} mounts, {} of them disks and shares where plots usually lie",
        target.procfs.join("1/mountinfo").display(),
        table.rows.len(),
        expected.len()
    );
    let mut keys = vec![Key::text("name", target.name.as_str()).about("What metrics and alerts call this machine.")];
    if (target.procfs.as_path(), target.rootfs.as_path()) != (Path::new("/proc"), Path::new("/")) {
        for (name, path) in [("procfs", &target.procfs), ("rootfs", &target.rootfs)] {
            keys.push(Key::text(name, path.to_string_lossy()));
        }
    }
    if !expected.is_empty() {
        keys.push(
            Key::list("expected", expected).about(
                "Mounted now: one that is not there later is an alarm. Take out what may be unmounted on purpose.",
            ),
        );
    }
    Discovery {
        looked: vec![looked],
        proposals: vec![Proposal {
            why: "The mounts of this machine. All of them are watched, listed here or not.".to_owned(),
            keys,
        }],
    }
}

/// A disk, a share or a FUSE filesystem; not memory, and not a filesystem of a program.
fn holds_plots(row: &Row) -> bool {
    let of_a_disk = row.source.starts_with("/dev/");
    let shared = matches!(row.fstype.as_str(), "cifs" | "smb3" | "smb2" | "nfs" | "nfs4");
    of_a_disk || shared || row.fstype.starts_with("fuse.") || row.fstype == "fuseblk" || row.fstype == "zfs"
}

fn expected(row: &Row) -> Option<Vec<Key>> {
    let mount = std::str::from_utf8(&row.mount_point).ok()?;
    let source = Key::text("source", source::shown(&row.source));
    let source = if row.source.starts_with("/dev/sd") || row.source.starts_with("/dev/nvme") {
        // After the next start of the machine the same disk can have another name.
        source.only_proposed()
    } else {
        source
    };
    let mut keys = vec![Key::text("mount", mount), source];
    if row.read_only {
        keys.push(Key::flag("read_only", true).only_proposed());
    }
    Some(keys)
}

#[cfg(test)]
mod tests {
    use super::super::table::parse_mountinfo;
    use super::*;
    use crate::collectors::Setting;

    const TABLE: &str = "\
        21 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
        22 21 8:17 / /mnt/plots/d01 rw - xfs /dev/sdb1 rw\n\
        23 21 0:50 / /mnt/plots/nas rw - cifs //user:secret@nas/plots rw,username=farm,password=secret,addr=10.0.0.5\n\
        24 21 0:51 / /mnt/ram rw - tmpfs tmpfs rw\n\
        25 21 0:52 / /run/lock rw - tmpfs tmpfs rw\n";

    #[test]
    fn disks_and_shares_for_plots_are_expected_and_no_credential_is_repeated() {
        let target = Target::local("/proc".into(), "/".into());
        let found = proposal(&target, &parse_mountinfo(TABLE.as_bytes()));
        assert_eq!(
            found.looked,
            ["/proc/1/mountinfo: 5 mounts, 2 of them disks and shares where plots usually lie"]
        );
        let Setting::List(entries) = &found.proposals[0].keys[1].value else {
            panic!("{found:?}");
        };
        let mounts: Vec<_> = entries.iter().map(|keys| keys[0].value.clone()).collect();
        let text = |text: &str| Setting::Text(text.to_owned());
        assert_eq!(mounts, [text("/mnt/plots/d01"), text("/mnt/plots/nas")]);
        assert!(entries[0][1].only_proposed && !entries[1][1].only_proposed);
        assert_eq!(entries[1][1].value, text("//nas/plots"));
        assert!(!format!("{found:?}").contains("secret"));
    }
}
