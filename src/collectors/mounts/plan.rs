//! From the table to what is asked: which mounts are watched, where they are reached, and whose files are counted.
//! Pure, over paths as text: asking the filesystem for them could hang.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::prober::{Count, CountOf, Job, Key};
use super::question::{RawPath, path_ref};
use super::table::{Row, Table};
use super::target::{Expected, Target};

/// What a round looks at.
pub(super) struct Plan {
    pub chosen: Vec<Chosen>,
    pub missing: Vec<Missing>,
    /// Temporary directories with the index of the chosen mount that they lie on.
    pub temporary: Vec<(PathBuf, usize)>,
}

/// A mount to be watched.
pub(super) struct Chosen {
    /// The mount point as a label; bytes that are not UTF-8 are replaced.
    pub label: String,
    pub row: Row,
    /// The device of the mount that this one lies in.
    pub outer_device: Option<(u32, u32)>,
    pub expected: Option<Expected>,
    pub plots: bool,
    pub job: Job,
}

/// A mount that ought to be there and is not.
pub(super) struct Missing {
    pub expected: Expected,
    /// What is mounted there instead.
    pub found_source: Option<String>,
    /// The index of the chosen mount that its directory lies on; `None` when it is not counted.
    pub lies_on: Option<usize>,
}

impl Plan {
    pub(super) fn jobs(&self) -> Vec<Job> {
        self.chosen.iter().map(|mount| mount.job.clone()).collect()
    }
}

/// Touching one would have the share mounted: that is for those who need it to do.
const AUTOFS: &str = "autofs";
/// How deep below a counted directory others are opened; a mount further down cannot be met.
const DEEPEST_NESTED: usize = 2;

pub(super) fn plan(target: &Target, table: &Table) -> Plan {
    let places = Places::new(table);
    let Wanted {
        indexes,
        missing,
        temporary,
    } = wanted(target, table, &places);
    let position: BTreeMap<usize, usize> = indexes.iter().enumerate().map(|(at, index)| (*index, at)).collect();
    let at = |index: Option<usize>| index.and_then(|index| position.get(&index).copied());
    let mut chosen: Vec<Chosen> = indexes
        .iter()
        .filter_map(|index| table.rows.get(*index))
        .map(|row| choose(target, table, &places, row))
        .collect();
    let mut plan_missing = Vec::new();
    for (expected, found, lies_on) in missing {
        let lies_on = at(lies_on);
        if let Some(carrier) = lies_on.and_then(|lies_on| chosen.get_mut(lies_on)) {
            add_count(
                target,
                &places,
                carrier,
                CountOf::Missing(expected.mount.clone()),
                &expected.mount,
            );
        }
        plan_missing.push(Missing {
            expected: expected.clone(),
            found_source: found.map(|row| row.source.clone()),
            lies_on,
        });
    }
    let mut plan_temporary = Vec::new();
    for (path, lies_on) in temporary {
        let Some(lies_on) = at(lies_on) else { continue };
        if let Some(carrier) = chosen.get_mut(lies_on) {
            add_count(target, &places, carrier, CountOf::Temporary(path.clone()), path);
        }
        plan_temporary.push((path.clone(), lies_on));
    }
    Plan {
        chosen,
        missing: plan_missing,
        temporary: plan_temporary,
    }
}

/// Rows of the table by index, and what the configuration names.
struct Wanted<'a> {
    indexes: BTreeSet<usize>,
    /// What is mounted there instead, and the mount that the directory lies on.
    missing: Vec<(&'a Expected, Option<&'a Row>, Option<usize>)>,
    temporary: Vec<(&'a PathBuf, Option<usize>)>,
}

fn wanted<'a>(target: &'a Target, table: &'a Table, places: &Places<'_>) -> Wanted<'a> {
    let mut indexes: BTreeSet<usize> = BTreeSet::new();
    let mut refused: BTreeSet<usize> = BTreeSet::new();
    for (index, row) in table.rows.iter().enumerate() {
        if row.fstype == AUTOFS {
            refused.insert(index);
        } else if target.chooses(&label(&row.mount_point), &row.fstype) {
            indexes.insert(index);
        }
    }
    let mut missing = Vec::new();
    for expected in &target.expected {
        let path = plain(&expected.mount);
        let found = places.at(path).and_then(|index| Some((index, table.rows.get(index)?)));
        match found {
            Some((index, row)) if row.fstype != AUTOFS && is_source(expected, &row.source) => {
                indexes.insert(index);
            }
            // The figures of something else under this name would mislead.
            Some((index, _)) => {
                refused.insert(index);
                missing.push((expected, found.map(|(_, row)| row), None));
            }
            None => missing.push((expected, None, places.covering(path))),
        }
    }
    let temporary: Vec<(&PathBuf, Option<usize>)> = target
        .temporary
        .iter()
        .map(|path| (path, places.covering(plain(path))))
        .collect();
    // What carries a configured directory is watched, whatever the patterns say.
    indexes.extend(missing.iter().filter_map(|(.., lies_on)| *lies_on));
    indexes.extend(temporary.iter().filter_map(|(_, lies_on)| *lies_on));
    indexes.retain(|index| !refused.contains(index));
    Wanted {
        indexes,
        missing,
        temporary,
    }
}

fn choose(target: &Target, table: &Table, places: &Places<'_>, row: &Row) -> Chosen {
    let label = label(&row.mount_point);
    let outer = path_ref(&row.mount_point)
        .parent()
        .and_then(|parent| places.covering(parent));
    let expected = target
        .expected
        .iter()
        .find(|expected| plain(&expected.mount) == path_ref(&row.mount_point));
    let plots = target.has_plots(&label);
    let path = path_ref(&row.mount_point);
    let mut chosen = Chosen {
        row: row.clone(),
        outer_device: outer.and_then(|index| table.rows.get(index)).map(|outer| outer.device),
        expected: expected.cloned(),
        plots,
        job: Job {
            key: Key {
                id: row.id,
                mount_point: row.mount_point.clone(),
            },
            path: reached(&target.rootfs, path),
            counts: Vec::new(),
        },
        label,
    };
    if plots {
        add_count(target, places, &mut chosen, CountOf::Plots, path);
    }
    chosen
}

fn add_count(target: &Target, places: &Places<'_>, chosen: &mut Chosen, of: CountOf, path: &Path) {
    if target.count_files {
        let skip = places
            .below(plain(path))
            .map(|nested| reached(&target.rootfs, nested))
            .collect();
        chosen.job.counts.push(Count {
            of,
            path: reached(&target.rootfs, path),
            skip,
        });
    }
}

/// All mount points but those at which something is mounted on demand only: names, for what lies below them.
pub(super) fn points(table: &Table) -> BTreeSet<PathBuf> {
    let rows = table.rows.iter().filter(|row| row.fstype != AUTOFS);
    rows.map(|row| path_ref(&row.mount_point).to_owned()).collect()
}

/// Where the mount points of a table are.
struct Places<'a>(BTreeMap<&'a Path, usize>);

impl<'a> Places<'a> {
    fn new(table: &'a Table) -> Self {
        Self(
            table
                .rows
                .iter()
                .enumerate()
                .map(|(index, row)| (path_ref(&row.mount_point), index))
                .collect(),
        )
    }

    fn at(&self, path: &Path) -> Option<usize> {
        self.0.get(path).copied()
    }

    /// The mount that a path lies on: the longest mount point that is a prefix by component.
    fn covering(&self, path: &Path) -> Option<usize> {
        path.ancestors().find_map(|prefix| self.at(prefix))
    }

    /// Mount points below a directory that a count could come to. Paths are ordered by component, so they follow it.
    fn below<'b>(&'b self, path: &'b Path) -> impl Iterator<Item = &'a Path> + 'b {
        let depth = path.components().count();
        let from_there = self.0.range::<Path, _>((Bound::Included(path), Bound::Unbounded));
        let following = from_there
            .map(|(point, _)| *point)
            .take_while(move |point| point.starts_with(path));
        following.filter(move |point| (depth + 1..=depth + DEEPEST_NESTED).contains(&point.components().count()))
    }
}

fn is_source(expected: &Expected, source: &str) -> bool {
    // As fstab may write it, and the kernel never does.
    let wanted = expected.source.as_deref().map(super::fstab::without_prefix);
    wanted.is_none_or(|wanted| wanted == source || wanted == super::source::shown(source))
}

pub(super) fn label(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

/// The bytes of a configured path, as the table would have them.
pub(super) fn path_bytes(path: &Path) -> &[u8] {
    plain(path).as_os_str().as_bytes()
}

/// Without a slash at the end, as the table writes paths.
fn plain(path: &Path) -> &Path {
    let bytes = path.as_os_str().as_bytes();
    match bytes.iter().rposition(|byte| *byte != b'/') {
        Some(last) => path_ref(bytes.get(..=last).unwrap_or(bytes)),
        None => path,
    }
}

/// Where this process reaches a path of the machine.
fn reached(rootfs: &Path, path: &Path) -> RawPath {
    rootfs.join(path.strip_prefix("/").unwrap_or(path)).into()
}

/// In a container without the host's PID namespace the table shows the host's mounts under `rootfs`: then the rest is
/// the container's own, and the host's are named as the host names them. The host's own table is left as it is.
pub(super) fn strip_rootfs(table: &mut Table, rootfs: &Path) {
    let rootfs = plain(rootfs);
    if rootfs == Path::new("/") || !table.rows.iter().any(|row| path_ref(&row.mount_point) == rootfs) {
        return;
    }
    table
        .rows
        .retain_mut(|row| match path_ref(&row.mount_point).strip_prefix(rootfs) {
            Ok(rest) => {
                row.mount_point = [b"/", rest.as_os_str().as_bytes()].concat();
                true
            }
            Err(_) => false,
        });
}

#[cfg(test)]
mod tests {
    use super::super::table::parse_mountinfo;
    use super::*;

    const FARM: &[u8] = include_bytes!("fixtures/mountinfo-farm-made-up.txt");

    fn target(text: &str) -> Target {
        serde_json::from_str(text).unwrap()
    }

    fn labels(plan: &Plan) -> Vec<&str> {
        plan.chosen.iter().map(|mount| mount.label.as_str()).collect()
    }

    #[test]
    fn the_farm_is_chosen_and_the_system_is_not() {
        let plan = plan(&target(r#"{"name": "h"}"#), &parse_mountinfo(FARM));
        assert_eq!(
            labels(&plan),
            [
                "/",
                "/mnt/my disk",
                "/mnt/frozen",
                "/mnt/bind-ro",
                "/mnt/shut",
                "/mnt/nas1",
                "/mnt/nas2",
                "/mnt/nfs",
                "/mnt/nfs-udp",
                "/mnt/sshfs",
                "/mnt/\u{fffd}\n\"quoted\\",
            ]
        );
        assert!(plan.chosen[1].plots && plan.chosen[1].job.counts.len() == 1);
        assert!(plan.chosen[0].job.counts.is_empty());
        assert_eq!(plan.chosen[1].outer_device, Some((8, 2)));
        assert_eq!(plan.chosen[0].outer_device, None);
        assert!(plan.missing.is_empty() && plan.temporary.is_empty());
    }

    #[test]
    fn an_expected_mount_is_found_missing_or_replaced() {
        let text = r#"{"name": "h", "include": ["/none"], "expected": [
            {"mount": "/mnt/nas1/", "source": "//nas1/plots"}, {"mount": "/mnt/nas2", "source": "//nas9/plots"},
            {"mount": "/mnt/gone"}, {"mount": "/mnt/auto"}]}"#;
        let plan = plan(&target(text), &parse_mountinfo(FARM));
        assert_eq!(labels(&plan), ["/", "/mnt/nas1"]);
        assert!(plan.chosen[1].expected.is_some());
        let missing: Vec<_> = plan
            .missing
            .iter()
            .map(|m| (m.expected.mount.to_str().unwrap(), m.found_source.as_deref()))
            .collect();
        assert_eq!(
            missing,
            [
                ("/mnt/nas2", Some("//nas2/Plots$")),
                ("/mnt/gone", None),
                ("/mnt/auto", Some("systemd-1"))
            ]
        );
        // A directory that is another mount is not counted as if it were empty.
        let counted: Vec<_> = plan.chosen[0]
            .job
            .counts
            .iter()
            .map(|count| count.path.as_path())
            .collect();
        assert_eq!(counted, [Path::new("/mnt/gone")]);
    }

    #[test]
    fn a_count_never_enters_a_nested_mount() {
        let text = b"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 / /mnt rw - ext4 /dev/sdb1 rw\n\
            3 2 0:9 / /mnt/nas rw - cifs //nas/a rw\n4 2 0:8 / /mnt/a/b/c rw - cifs //nas/b rw\n\
            5 1 0:7 / /mnt-other rw - ext4 /dev/sdc rw\n";
        let target = target(r#"{"name": "h", "plots": ["/mnt"], "temporary": ["/mnt/tmp/"]}"#);
        let plan = plan(&target, &parse_mountinfo(text));
        let counts = &plan.chosen[1].job.counts;
        assert_eq!(counts[0].skip, [PathBuf::from("/mnt/nas").into()]);
        assert_eq!(
            (counts[1].of.clone(), counts[1].skip.len()),
            (CountOf::Temporary("/mnt/tmp/".into()), 0)
        );
        assert_eq!(plan.temporary, [(PathBuf::from("/mnt/tmp/"), 1)]);
    }

    #[test]
    fn in_a_container_mounts_are_reached_under_rootfs_and_named_without_it() {
        let target = target(r#"{"name": "h", "rootfs": "/host"}"#);
        let reached = |table: Table| -> Vec<(String, PathBuf)> {
            let plan = plan(&target, &table);
            plan.chosen
                .iter()
                .map(|m| (m.label.clone(), m.job.path.as_path().to_owned()))
                .collect()
        };
        let wanted = [
            ("/".to_owned(), "/host".into()),
            ("/mnt/a".to_owned(), PathBuf::from("/host/mnt/a")),
        ];
        // The host's table, by the host's PID namespace.
        let mut host =
            parse_mountinfo(b"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 / /mnt/a rw - ext4 /dev/sdb1 rw\n");
        strip_rootfs(&mut host, &target.rootfs);
        assert_eq!(reached(host), wanted);
        // The container's own table.
        let mut own = parse_mountinfo(
            b"1 0 0:7 / / rw - overlay overlay rw\n2 1 8:1 / /host ro - ext4 /dev/sda1 rw\n\
              3 2 8:2 / /host/mnt/a ro - ext4 /dev/sdb1 rw\n4 1 8:1 /x /etc/hosts rw - ext4 /dev/sda1 rw\n",
        );
        strip_rootfs(&mut own, &target.rootfs);
        assert_eq!(reached(own), wanted);
    }
}
