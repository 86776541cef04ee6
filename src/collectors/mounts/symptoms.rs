//! What "ill" means for a mount, and from where on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::collectors::Symptom;
use crate::values::Duration;

/// From where on a mount counts as ill.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Thresholds {
    /// A probe has not returned for this long. Default 60s: a harvester needs an answer within 28 s.
    pub stuck_after: Duration,
    /// Fewer free slots of the first plot size than this on a mount that is being filled. Default 2.
    pub min_free_slots: u64,
    /// A plot mount will be full within this time at its present rate. Default 1d: time to bring another disk.
    pub full_within: Duration,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            stuck_after: Duration::from_secs(60),
            min_free_slots: 2,
            full_within: Duration::from_secs(24 * 3600),
        }
    }
}

pub static MOUNT_MISSING: Symptom = Symptom {
    name: "mount_missing",
    meaning: "A mount that is configured as expected is not there, or something else is mounted in its place: what is \
              written into its directory fills the disk below.",
    advice: "Stop plotters and copies to it, then mount it. Files that were written meanwhile are hidden by \
             the mount, not gone: look for them below it.",
    thresholds: &["mounts.expected"],
    takes_time: false,
    hint: false,
};
pub static MOUNT_STUCK: Symptom = Symptom {
    name: "mount_stuck",
    meaning: "A probe of the mount has not returned for `stuck_after` (60s: lookups need their plots within 28 s, and one \
              dead share blocks all lookup threads of a harvester in 72 s).",
    advice: "Is its server up? If so: umount -f, umount -l, mount. Do not restart the harvester first: it \
             would hang on start and lose all plots.",
    thresholds: &["mounts.thresholds.stuck_after"],
    takes_time: true,
    hint: false,
};
pub static MOUNT_ERROR: Symptom = Symptom {
    name: "mount_error",
    meaning: "The last probe of the mount met an error. ESTALE, EHOSTDOWN and ENOTCONN need a remount; EIO on a disk of \
              this machine means hardware.",
    advice: "ESTALE, EHOSTDOWN, ENOTCONN: mount it anew. EIO on a disk of this machine: dmesg, smartctl, \
             expect to replace it. EACCES, ENOKEY: credentials.",
    thresholds: &[],
    takes_time: false,
    hint: false,
};
pub static MOUNT_READ_ONLY: Symptom = Symptom {
    name: "mount_read_only",
    meaning: "The mount is read-only and not configured to be: a filesystem error turns ext4 read-only. Plots on it can \
              still be farmed.",
    advice: "Its plots can still be farmed. When it suits: unmount, fsck, check the disk. If it is meant to \
             be so, say read_only: true in its entry under expected.",
    thresholds: &["mounts.expected"],
    takes_time: false,
    hint: false,
};
pub static MOUNT_DISCONNECTED: Symptom = Symptom {
    name: "mount_disconnected",
    meaning: "The share's server accepts no TCP connection within 2 s, or the CIFS client says that it has lost the share \
              and its server is not known to accept any: minutes before the share itself gives an error.",
    advice: "Look at the server, its cable, its switch. Nothing on this machine helps.",
    thresholds: &[],
    takes_time: false,
    hint: false,
};
pub static MOUNT_ALMOST_FULL: Symptom = Symptom {
    name: "mount_almost_full",
    meaning: "A plot mount that is being filled has fewer than `min_free_slots` (2) free slots of the first plot size, or \
              will be full within `full_within` (1d). A full mount that nobody writes to is not ill.",
    advice: "Point the plotter to another disk, or bring one.",
    thresholds: &[
        "mounts.thresholds.min_free_slots",
        "mounts.thresholds.full_within",
        "mounts.plot_sizes",
        "mounts.reserve",
    ],
    takes_time: true,
    hint: false,
};
pub static MOUNT_UNPROBED: Symptom = Symptom {
    name: "mount_unprobed",
    meaning: "Some mounts were not probed in the last round: every one of the `max_children` (128) child processes hangs \
              in a dead mount, or none could be started.",
    advice: "Repair the mounts that hang (mount_stuck); or raise max_children.",
    thresholds: &["mounts.max_children"],
    takes_time: false,
    hint: false,
};

pub(super) const SYMPTOMS: &[&Symptom] = &[
    &MOUNT_MISSING,
    &MOUNT_STUCK,
    &MOUNT_ERROR,
    &MOUNT_READ_ONLY,
    &MOUNT_DISCONNECTED,
    &MOUNT_ALMOST_FULL,
    &MOUNT_UNPROBED,
];
