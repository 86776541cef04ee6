//! Every family of mounts, with where its figures come from.

use crate::exposition::{Desc, Family};

pub(super) static ENTRIES: Desc<0> = Desc::gauge(
    "mount_table_entries",
    "Mounts that can be reached on the machine, watched or not (mountinfo).",
    &[],
);
pub(super) static MALFORMED: Desc<0> = Desc::gauge(
    "mount_table_malformed_lines",
    "Lines of the mount table that could not be read and were left out (mountinfo).",
    &[],
);
pub(super) static UNPROBED: Desc<0> = Desc::gauge(
    "mount_unprobed",
    "Watched mounts that were not probed in the last round because no child process was free; their figures vanish.",
    &[],
);
pub(super) static PRESENT: Desc<1> = Desc::gauge(
    "mount_present",
    "1 if something is mounted there; 0 only for a mount that is configured as expected and is not there (mountinfo).",
    &["mount"],
);
pub(super) static INFO: Desc<3> = Desc::info(
    "mount_info",
    "What is mounted where; the source without credentials and options (mountinfo).",
    &["mount", "fstype", "source"],
);
pub(super) static READ_ONLY: Desc<1> = Desc::gauge(
    "mount_read_only",
    "1 if the mount or its filesystem is read-only on the host (mountinfo).",
    &["mount"],
);
pub(super) static STUCK: Desc<1> = Desc::gauge(
    "mount_stuck",
    "1 if a probe has been in flight for longer than the probe timeout: whoever touches the mount hangs.",
    &["mount"],
);
pub(super) static PROBE_STARTED: Desc<1> = Desc::gauge(
    "mount_probe_started_timestamp_seconds",
    "When the probe began that has not returned, since 1970; absent while none is in flight.",
    &["mount"],
);
pub(super) static PROBE_DURATION: Desc<1> = Desc::gauge(
    "mount_probe_duration_seconds",
    "How long the last finished probe took (statvfs, in a child process).",
    &["mount"],
);
pub(super) static ERROR: Desc<2> = Desc::gauge(
    "mount_error",
    "1 with the name of the error that the last probe met, 0 with errno none when it met none (statvfs, readdir).",
    &["mount", "errno"],
);
pub(super) static SIZE: Desc<1> = Desc::gauge(
    "mount_size_bytes",
    "Size of the filesystem (statvfs f_blocks).",
    &["mount"],
);
pub(super) static AVAIL: Desc<1> = Desc::gauge(
    "mount_avail_bytes",
    "What an ordinary user can still write; the reserve of root is not in it (statvfs f_bavail).",
    &["mount"],
);
pub(super) static INODES: Desc<1> = Desc::gauge(
    "mount_files",
    "Inodes of the filesystem, used and free; absent where it does not count them (statvfs f_files).",
    &["mount"],
);
pub(super) static INODES_FREE: Desc<1> = Desc::gauge("mount_files_free", "Free inodes (statvfs f_ffree).", &["mount"]);
pub(super) static FREE_SLOTS: Desc<2> = Desc::gauge(
    "mount_free_slots",
    "Plots of a kind that still fit, after the configured reserve and the unwritten part of unfinished plots.",
    &["mount", "plot"],
);
pub(super) static PLOT_FILES: Desc<1> = Desc::gauge(
    "mount_plot_files",
    "Files that end in .plot or .plot2, down to two directories below the mount point (readdir).",
    &["mount"],
);
pub(super) static PLOT_BYTES: Desc<1> = Desc::gauge("mount_plot_bytes", "Their size (stat).", &["mount"]);
pub(super) static TEMP_FILES: Desc<1> = Desc::gauge(
    "mount_temp_files",
    "Files that end in .tmp: plots that are being copied or made (readdir).",
    &["mount"],
);
pub(super) static TEMP_BYTES: Desc<1> = Desc::gauge(
    "mount_temp_bytes",
    "Their size when finished, as far as it is set (stat).",
    &["mount"],
);
pub(super) static TEMP_WRITTEN: Desc<1> = Desc::gauge(
    "mount_temp_written_bytes",
    "What is written of them so far; a copy that hangs does not grow (stat st_blocks).",
    &["mount"],
);
pub(super) static INCOMPLETE: Desc<1> = Desc::gauge(
    "mount_count_incomplete",
    "1 if there are too many files or directories to count in time; the figures of files are then absent.",
    &["mount"],
);
pub(super) static PLOTS_FINISHED: Desc<1> = Desc::counter(
    "mount_plots_finished_total",
    "Plot files that appeared since farmwarden first counted them there.",
    &["mount"],
);
pub(super) static WRITE_RATE: Desc<1> = Desc::gauge(
    "mount_write_bytes_per_second",
    "Mean growth of used space over up to six hours, negative while space is freed; absent until ten minutes are known.",
    &["mount"],
);
pub(super) static FULL: Desc<1> = Desc::gauge(
    "mount_full_timestamp_seconds",
    "When the mount will be full if it goes on growing at that mean, since 1970; absent while it does not grow.",
    &["mount"],
);
pub(super) static MISSING_FILES: Desc<1> = Desc::gauge(
    "mount_missing_files",
    "Files in the directory of an expected mount that is not there: they lie on the disk below it (readdir).",
    &["mount"],
);
pub(super) static REACHABLE: Desc<1> = Desc::gauge(
    "mount_server_reachable",
    "1 if the server of the CIFS or NFS share accepts TCP connections within 2 s; the share itself is not touched.",
    &["mount"],
);
pub(super) static DISCONNECTED: Desc<1> = Desc::gauge(
    "mount_cifs_disconnected",
    "1 if the CIFS client of the kernel has lost the share (/proc/fs/cifs/DebugData).",
    &["mount"],
);
pub(super) static TEMPORARY_FILES: Desc<1> = Desc::gauge(
    "mount_temporary_files",
    "Files that end in .tmp in a temporary directory of a plotter (readdir).",
    &["directory"],
);
pub(super) static TEMPORARY_PLOTS: Desc<1> = Desc::gauge(
    "mount_temporary_plots",
    "Different plots that these files belong to, by name: plots in progress.",
    &["directory"],
);
pub(super) static TEMPORARY_BYTES: Desc<1> =
    Desc::gauge("mount_temporary_bytes", "Size of these files (stat).", &["directory"]);
pub(super) static TEMPORARY_WRITTEN: Desc<1> = Desc::gauge(
    "mount_temporary_written_bytes",
    "What is written of these files; while a plotter works it changes from count to count (stat st_blocks).",
    &["directory"],
);
pub(super) static TEMPORARY_AVAIL: Desc<1> = Desc::gauge(
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
