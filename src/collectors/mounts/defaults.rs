//! What holds where the configuration says nothing.

use std::path::PathBuf;

use super::target::PlotSize;
use crate::values::{Duration, Pattern, Size};

pub(super) const fn default_interval() -> Duration {
    Duration::from_secs(30)
}

pub(super) const fn default_probe_timeout() -> Duration {
    Duration::from_secs(5)
}

pub(super) const fn default_files_interval() -> Duration {
    Duration::from_secs(120)
}

pub(super) fn default_procfs() -> PathBuf {
    PathBuf::from("/proc")
}

pub(super) fn default_rootfs() -> PathBuf {
    PathBuf::from("/")
}

/// What is no place for plots: the system's own trees, and the layers and volumes of containers.
pub(super) fn default_exclude() -> Vec<Pattern> {
    let trees = [
        "/proc",
        "/sys",
        "/dev",
        "/run",
        "/snap",
        "/var/snap",
        "/var/lib/docker",
        "/var/lib/containers",
        "/var/lib/containerd",
        "/var/lib/kubelet",
        "/var/lib/snapd",
        "/boot/efi",
    ];
    trees
        .iter()
        .flat_map(|tree| [known(tree), known(&format!("{tree}/**"))])
        .collect()
}

/// What is no disk, no share and no FUSE filesystem of somebody's data. A tmpfs stays: plotters work in memory, too.
pub(super) fn default_exclude_types() -> Vec<Pattern> {
    let types = [
        "autofs",
        "binfmt_misc",
        "bpf",
        "cgroup",
        "cgroup2",
        "configfs",
        "debugfs",
        "devpts",
        "devtmpfs",
        "efivarfs",
        "fuse.gvfsd-fuse",
        "fuse.lxcfs",
        "fuse.portal",
        "fuse.snapfuse",
        "fusectl",
        "hugetlbfs",
        "iso9660",
        "mqueue",
        "nsfs",
        "overlay",
        "proc",
        "pstore",
        "ramfs",
        "rpc_pipefs",
        "securityfs",
        "selinuxfs",
        "squashfs",
        "sysfs",
        "tracefs",
        "udf",
    ];
    types.iter().map(|name| known(name)).collect()
}

pub(super) fn default_plots() -> Vec<Pattern> {
    ["/mnt/**", "/media/**", "/home/*/**", "/srv/**", "/plots", "/plots/**"]
        .iter()
        .map(|text| known(text))
        .collect()
}

pub(super) fn default_plot_sizes() -> Vec<PlotSize> {
    vec![PlotSize {
        name: known("k32-c0"),
        size: Size::from_bytes(108_900_000_000),
    }]
}

pub(super) const fn default_reserve() -> Size {
    Size::from_bytes(0)
}

pub(super) const fn default_max_children() -> usize {
    128
}

pub(super) const fn default_count_files() -> bool {
    true
}

/// A value that this file writes itself; the tests read every one of them.
#[expect(clippy::panic, reason = "only for the literals above, all of which the tests read")]
pub(super) fn known<T: std::str::FromStr<Err = String>>(text: &str) -> T {
    text.parse().unwrap_or_else(|words| panic!("{words}"))
}
