//! What can be configured about the mounts of a machine, its defaults, and which mounts it chooses.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::defaults::{
    default_count_files, default_exclude, default_exclude_types, default_files_interval, default_interval,
    default_max_children, default_plot_sizes, default_plots, default_probe_timeout, default_procfs, default_reserve,
    default_rootfs, known,
};
use super::symptoms::Thresholds;
use crate::collectors::TargetConfig;
use crate::values::{Duration, Name, Pattern, Size};

/// The mounts of one machine. Only `name` must be given; docs/mounts.md has the whole story.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// What metrics, alerts and repairs call this machine.
    #[schemars(example = &"host")]
    pub name: Name,
    /// The farm it belongs to; targets that name none belong to the farm `default`.
    #[serde(default)]
    #[schemars(example = &"east", extend("x-off" = true))]
    pub farm: Option<Name>,
    /// Names of the targets that it needs to work. Left out, the one obvious candidate of its farm, if there is one; `[]` for none.
    #[serde(default)]
    #[schemars(example = ["node-1"], extend("x-off" = true))]
    pub depends_on: Option<Vec<Name>>,
    /// How often the mount table is read and every mount is asked for its room. At least 1s.
    #[serde(default = "default_interval")]
    pub interval: Duration,
    /// A probe that has not returned after this makes its mount "stuck". With a second more it must fit into nine tenths of `interval`.
    #[serde(default = "default_probe_timeout")]
    pub probe_timeout: Duration,
    /// How often plots and unfinished plots are counted: that reads directories, so it is rarer than `interval`.
    #[serde(default = "default_files_interval")]
    pub files_interval: Duration,
    /// Where the machine's /proc is; in a container the place where the host's is mounted.
    #[serde(default = "default_procfs")]
    pub procfs: PathBuf,
    /// Where the machine's / is; in a container the place where the host's is mounted. Labels leave it out.
    #[serde(default = "default_rootfs")]
    pub rootfs: PathBuf,
    /// Mount points to watch; none given is all.
    #[serde(default)]
    pub include: Vec<Pattern>,
    /// Mount points not to watch. A list of your own replaces the default.
    #[serde(default = "default_exclude")]
    pub exclude: Vec<Pattern>,
    /// Filesystem types not to watch. A list of your own replaces the default. The mount at / is watched whatever its type.
    #[serde(default = "default_exclude_types")]
    pub exclude_types: Vec<Pattern>,
    /// Mounts that must be there. One that is not is an alarm, and what is written into its directory is counted.
    #[serde(default)]
    #[schemars(example = examples::expected())]
    pub expected: Vec<Expected>,
    /// Mount points whose plots are counted and whose free slots are shown.
    #[serde(default = "default_plots")]
    pub plots: Vec<Pattern>,
    /// Temporary directories of plotters.
    #[serde(default)]
    #[schemars(example = ["/mnt/nvme/tmp"])]
    pub temporary: Vec<PathBuf>,
    /// Plots that free slots are shown for. The first is the one that "almost full" counts in.
    #[serde(default = "default_plot_sizes")]
    pub plot_sizes: Vec<PlotSize>,
    /// Room on every plot mount that is not to be filled with plots.
    #[serde(default = "default_reserve")]
    pub reserve: Size,
    /// Child processes at most. Each dead mount keeps one for as long as it is dead.
    #[serde(default = "default_max_children")]
    pub max_children: usize,
    /// Whether files are counted at all.
    #[serde(default = "default_count_files")]
    pub count_files: bool,
    /// From where on a mount counts as ill.
    #[serde(default)]
    pub thresholds: Thresholds,
}

/// A mount that must be there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The mount point.
    pub mount: PathBuf,
    /// What must be mounted there, as /proc/mounts writes it: `//nas/plots`, `nas:/export`, `/dev/sdb1`.
    pub source: Option<String>,
    /// Whether it is meant to be read-only; then that is no symptom.
    #[serde(default)]
    pub read_only: bool,
}

/// A kind of plot.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlotSize {
    /// The label value `plot`.
    pub name: Name,
    /// What one plot takes on the disk.
    pub size: Size,
}

/// What the example configuration shows where the default says little.
mod examples {
    use super::{Expected, PathBuf};

    pub(super) fn expected() -> Vec<Expected> {
        let mount = |mount: &str, source: Option<&str>, read_only| Expected {
            mount: PathBuf::from(mount),
            source: source.map(str::to_owned),
            read_only,
        };
        vec![
            mount("/mnt/plots/d01", Some("//nas1/d01"), false),
            mount("/mnt/archive", None, true),
        ]
    }
}

impl Target {
    /// The mounts of this machine with everything as by default.
    pub fn local(procfs: PathBuf, rootfs: PathBuf) -> Self {
        Self {
            name: known("host"),
            farm: None,
            depends_on: None,
            interval: default_interval(),
            probe_timeout: default_probe_timeout(),
            files_interval: default_files_interval(),
            procfs,
            rootfs,
            include: Vec::new(),
            exclude: default_exclude(),
            exclude_types: default_exclude_types(),
            expected: Vec::new(),
            plots: default_plots(),
            temporary: Vec::new(),
            plot_sizes: default_plot_sizes(),
            reserve: default_reserve(),
            max_children: default_max_children(),
            count_files: default_count_files(),
            thresholds: Thresholds::default(),
        }
    }

    /// Files are counted in rounds, so never more often than these come.
    pub(super) fn count_every(&self) -> std::time::Duration {
        self.files_interval.max(self.interval).get()
    }

    /// Whether a mount is watched for its own sake; the expected ones always are.
    pub(super) fn chooses(&self, mount: &str, fstype: &str) -> bool {
        let any = |patterns: &[Pattern], text: &str| patterns.iter().any(|pattern| pattern.matches(text));
        let included = self.include.is_empty() || any(&self.include, mount);
        included && !any(&self.exclude, mount) && (mount == "/" || !any(&self.exclude_types, fstype))
    }

    /// Whether plots on this mount are counted.
    pub(super) fn has_plots(&self, mount: &str) -> bool {
        self.plots.iter().any(|pattern| pattern.matches(mount))
    }
}

impl TargetConfig for Target {
    crate::collectors::keys_of_all!();

    fn contradictions(&self) -> Vec<(&'static str, String)> {
        super::check::contradictions(self)
    }

    fn setting(&self, key: &str) -> Option<String> {
        Some(match key {
            "expected" => match self.expected.len() {
                0 => "none".to_owned(),
                1 => "1 mount".to_owned(),
                several => format!("{several} mounts"),
            },
            "plot_sizes" => {
                let sizes = self
                    .plot_sizes
                    .iter()
                    .map(|plot| format!("{} {}", plot.name, plot.size));
                sizes.collect::<Vec<_>>().join(", ")
            }
            "reserve" => self.reserve.to_string(),
            "max_children" => self.max_children.to_string(),
            "thresholds.stuck_after" => self.thresholds.stuck_after.to_string(),
            "thresholds.min_free_slots" => self.thresholds.min_free_slots.to_string(),
            "thresholds.full_within" => self.thresholds.full_within.to_string(),
            _ => return None,
        })
    }
}

impl Target {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::Document;

    fn local() -> Target {
        Target::local(default_procfs(), default_rootfs())
    }

    #[test]
    fn by_default_disks_shares_and_fuse_are_watched_and_the_system_is_not() {
        let target = local();
        for (mount, fstype) in [
            ("/", "ext4"),
            ("/", "overlay"),
            ("/mnt/nas1", "cifs"),
            ("/mnt/a/b", "nfs4"),
            ("/media/farmer/disk", "fuseblk"),
            ("/mnt/x", "fuse.sshfs"),
            ("/mnt/ram", "tmpfs"),
            ("/home", "xfs"),
            ("/running", "ext4"),
        ] {
            assert!(target.chooses(mount, fstype), "{mount} {fstype}");
        }
        for (mount, fstype) in [
            ("/proc", "proc"),
            ("/run", "tmpfs"),
            ("/dev/shm", "tmpfs"),
            ("/var/lib/docker/overlay2/x/merged", "overlay"),
            ("/snap/core/1", "squashfs"),
            ("/mnt/auto", "autofs"),
            ("/media/cd", "iso9660"),
        ] {
            assert!(!target.chooses(mount, fstype), "{mount} {fstype}");
        }
        assert!(target.has_plots("/mnt/a/b") && !target.has_plots("/") && !target.has_plots("/home"));
    }

    #[test]
    fn a_name_is_enough_and_gives_the_defaults() {
        let read: Target = serde_json::from_str(r#"{"name": "host"}"#).unwrap();
        assert_eq!(format!("{read:?}"), format!("{:?}", local()));
        assert!(read.contradictions().is_empty());
        assert!(serde_json::from_str::<Target>(r#"{"name": "host", "intervall": "1s"}"#).is_err());
    }

    #[test]
    fn the_manual_shows_every_key_with_its_default() {
        let manual = include_str!("../../../docs/mounts.md");
        let yaml = manual.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
        let entry = yaml.split_once("    - name").unwrap().1.replace("\n      ", "\n");
        let read = Document::parse("mounts.md", &format!("name{entry}"))
            .unwrap()
            .read::<Target>();
        let read = read.value.filter(|_| read.mistakes.is_empty()).unwrap();
        assert_eq!(format!("{read:?}"), format!("{:?}", local()));
        for key in [
            "interval",
            "probe_timeout",
            "files_interval",
            "procfs",
            "rootfs",
            "include",
            "exclude",
            "exclude_types",
            "expected",
            "plots",
            "temporary",
            "plot_sizes",
            "reserve",
            "max_children",
            "count_files",
            "thresholds",
            "stuck_after",
            "min_free_slots",
            "full_within",
        ] {
            assert!(entry.contains(&format!("{key}:")), "{key}");
        }
    }

    #[test]
    fn what_contradicts_is_said_in_words() {
        let text = r#"{"name": "h", "interval": "5s", "max_children": 1, "plot_sizes":
            [{"name": "a", "size": "0B"}, {"name": "a", "size": "1GB"}], "procfs": "proc",
            "expected": [{"mount": "/a"}, {"mount": "/a"}], "temporary": ["tmp"]}"#;
        let target: Target = serde_json::from_str(text).unwrap();
        let wrong: Vec<String> = target
            .contradictions()
            .into_iter()
            .map(|(key, words)| format!("{key}: {words}"))
            .collect();
        assert_eq!(
            wrong,
            [
                "probe_timeout: 5s is too long for the interval of 5s: a round takes up to a second more than it, and must end \
                 before nine tenths of the interval",
                "max_children: 1 is too few; at least 4",
                "procfs: `proc` is not an absolute path",
                "expected: `/a` is named twice",
                "temporary: `tmp` is not an absolute path",
                "plot_sizes: `a` is named twice",
                "plot_sizes: a plot `a` of no size would fit without end",
            ]
        );
    }
}
