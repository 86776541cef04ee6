//! What can be wrong in a Chia farm, and from where on: names, grounds, advice. How it is found stands in `diagnose.rs`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::collectors::Symptom;
use crate::values::Duration;

/// From where on something counts as ill.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Thresholds {
    /// Signage points that a harvester may leave unanswered. Default 10, 94 seconds.
    pub silent_points: u64,
    /// How long a harvester may be disconnected. Default 3m: it dials again every 3s.
    pub harvester_down_after: Duration,
    /// How long a harvester may not finish a look through its directories; at least three of its intervals, as it or its last looks tell them. Default 10m.
    pub scan_stale_after: Duration,
    /// Plots below the most of the last hour that are a loss; one may vanish for good reasons. Default 2.
    pub lost_plots: u64,
    /// The same as a share, in percent; the larger of both counts. Default 1.
    pub lost_percent: u64,
    /// For how long they are gone. Default 5m.
    pub lost_after: Duration,
    /// How long there may be plots that are invalid, without keys, or duplicates. Default 30m: bad files are tried again after 20m.
    pub bad_plots_after: Duration,
    /// Lookups slower than this, one in twenty, are slow. Default 8s, where chia itself warns.
    pub lookup_slow: Duration,
    /// Lookups slower than this are in danger to be in vain. Default 20s, of the 28s that a proof has with signatures and network.
    pub lookup_too_slow: Duration,
    /// How many of them there may be, in percent. Default 5.
    pub lookup_too_slow_percent: u64,
    /// Signage points of ten minutes that the farmer may miss. Default 5.
    pub missed_points: u64,
    /// Signage points of the 64 of ten minutes that may not come, in percent. Default 20.
    pub missed_percent: u64,
    /// How long there may be no signage point. Default 90s, ten intervals.
    pub no_points_after: Duration,
    /// How long the node may not be synchronised. Default 10m; synchronised means a transaction block within 7m.
    pub not_synced_after: Duration,
    /// How long a synchronised node may stay at a height. Default 10m, in which 32 blocks are expected.
    pub stalled_after: Duration,
    /// Full nodes that the node should be connected with. Default 3; it looks for 8.
    pub min_peers: u64,
    /// For how long there may be fewer. Default 15m.
    pub few_peers_after: Duration,
    /// How long a pool may accept no partial. Default 1h: at a usual 300 a day the chance of that is e^-12.5. A farm of which fewer than 8 are expected in that time is not judged; give it a longer one.
    pub no_partials_after: Duration,
    /// Partials of an hour that may be stale or invalid, in percent; and more than two. Default 5.
    pub rejects_percent: u64,
    /// How long a pool's errors may go on. Default 30m.
    pub pool_errors_after: Duration,
    /// How long the wallet may not be synchronised. Default 30m.
    pub wallet_not_synced_after: Duration,
    /// How many times the expected time may pass without a win. Default 5: the chance of that is 0.7 %.
    pub no_win_times: u64,
    /// How long before its end a certificate is told. Default 60d.
    pub certificate_ends_within: Duration,
    /// How long there may be no events. Default 2m.
    pub events_lost_after: Duration,
}

impl Default for Thresholds {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        Self {
            silent_points: 10,
            harvester_down_after: minutes(3),
            scan_stale_after: minutes(10),
            lost_plots: 2,
            lost_percent: 1,
            lost_after: minutes(5),
            bad_plots_after: minutes(30),
            lookup_slow: Duration::from_secs(8),
            lookup_too_slow: Duration::from_secs(20),
            lookup_too_slow_percent: 5,
            missed_points: 5,
            missed_percent: 20,
            no_points_after: Duration::from_secs(90),
            not_synced_after: minutes(10),
            stalled_after: minutes(10),
            min_peers: 3,
            few_peers_after: minutes(15),
            no_partials_after: minutes(60),
            rejects_percent: 5,
            pool_errors_after: minutes(30),
            wallet_not_synced_after: minutes(30),
            no_win_times: 5,
            certificate_ends_within: Duration::from_secs(60 * 86_400),
            events_lost_after: minutes(2),
        }
    }
}

impl Thresholds {
    pub(super) fn setting(&self, key: &str) -> Option<String> {
        Some(match key {
            "silent_points" => self.silent_points.to_string(),
            "harvester_down_after" => self.harvester_down_after.to_string(),
            "scan_stale_after" => self.scan_stale_after.to_string(),
            "lost_plots" => self.lost_plots.to_string(),
            "lost_percent" => self.lost_percent.to_string(),
            "lost_after" => self.lost_after.to_string(),
            "bad_plots_after" => self.bad_plots_after.to_string(),
            "lookup_slow" => self.lookup_slow.to_string(),
            "lookup_too_slow" => self.lookup_too_slow.to_string(),
            "lookup_too_slow_percent" => self.lookup_too_slow_percent.to_string(),
            "missed_points" => self.missed_points.to_string(),
            "missed_percent" => self.missed_percent.to_string(),
            "no_points_after" => self.no_points_after.to_string(),
            "not_synced_after" => self.not_synced_after.to_string(),
            "stalled_after" => self.stalled_after.to_string(),
            "min_peers" => self.min_peers.to_string(),
            "few_peers_after" => self.few_peers_after.to_string(),
            "no_partials_after" => self.no_partials_after.to_string(),
            "rejects_percent" => self.rejects_percent.to_string(),
            "pool_errors_after" => self.pool_errors_after.to_string(),
            "wallet_not_synced_after" => self.wallet_not_synced_after.to_string(),
            "no_win_times" => self.no_win_times.to_string(),
            "certificate_ends_within" => self.certificate_ends_within.to_string(),
            "events_lost_after" => self.events_lost_after.to_string(),
            _ => return None,
        })
    }

    /// How many of so many plots are a loss.
    pub(super) fn loss(&self, of: u64) -> u64 {
        self.lost_plots.max(of.saturating_mul(self.lost_percent).div_ceil(100))
    }
}

pub static HARVESTER_DOWN: Symptom = Symptom {
    name: "harvester_down",
    meaning: "A harvester that was connected once, or is configured, has not been for `harvester_down_after` (3m): it \
              dials the farmer again every 3 s.",
    advice: "Is its machine on, and its harvester running (chia start harvester)? Before a restart look at its plot \
             mounts: with one that hangs, a harvester that starts loads nothing at all. Its own log says why it cannot \
             connect; after `chia init -c` elsewhere its certificate may be of another authority.",
    thresholds: &["chia.thresholds.harvester_down_after"],
    takes_time: true,
    hint: false,
};
pub static HARVESTER_SILENT: Symptom = Symptom {
    name: "harvester_silent",
    meaning: "Signage points arrive, but a connected harvester has left more than `silent_points` (10, 94 s) unanswered, \
              in a row or of ten minutes: it does not farm, or not all of its plots. Usual cause: a plot mount that hangs takes \
              its lookup threads one after the other; points for which none of that mount's plots is eligible are answered.",
    advice: "Look at the plot mounts of its machine first, and repair one that hangs (umount -f, umount -l, mount); then \
             refresh plots. Restart the harvester last, and never while a mount hangs: it would load no plots at all.",
    thresholds: &["chia.thresholds.silent_points"],
    takes_time: true,
    hint: false,
};
pub(super) static HARVESTER_RPC_DOWN: Symptom = Symptom {
    name: "harvester_rpc_down",
    meaning: "The RPC of a harvester that is configured with one could not be asked. It may farm all the same; its plot \
              directories are those of `config.yaml`, or those that it told last.",
    advice: "Is the harvester running, and its RPC switched on (start_rpc_server)? An RPC that accepts and says nothing is a \
             process that is frozen: look at its plot mounts before it is restarted.",
    thresholds: &[],
    takes_time: false,
    hint: true,
};
pub static SCAN_STALE: Symptom = Symptom {
    name: "harvester_scan_stale",
    meaning: "A harvester has not finished a look through its directories for `scan_stale_after` (10m, and at least three \
              of its intervals, by its RPC, `config.yaml`, or its last looks) and none is making progress: its scan hangs, mostly in a dead mount.",
    advice: "Find the mount that hangs on its machine and mount it anew. Restart the harvester only with all mounts well.",
    thresholds: &["chia.thresholds.scan_stale_after"],
    takes_time: true,
    hint: false,
};
pub static PLOTS_LOST: Symptom = Symptom {
    name: "plots_lost",
    meaning: "For `lost_after` (5m) a harvester has had at least `lost_plots` (2) and `lost_percent` (1) fewer plots than \
              in the hour before: a disk or share has gone, and says nothing else. It lasts until they are back, a day at most.",
    advice: "Is every plot mount of its machine there, and does it answer? When it is again, refresh plots (chia plots \
             check is not needed): they are back within seconds.",
    thresholds: &[
        "chia.thresholds.lost_plots",
        "chia.thresholds.lost_percent",
        "chia.thresholds.lost_after",
    ],
    takes_time: true,
    hint: false,
};
pub(super) static PLOTS_INVALID: Symptom = Symptom {
    name: "plots_invalid",
    meaning: "Plots of a harvester have failed to open for `bad_plots_after` (30m: they are tried again after 20m).",
    advice: "Its log names them. A copy that broke off, a bad disk, or a format that this release does not know.",
    thresholds: &["chia.thresholds.bad_plots_after"],
    takes_time: true,
    hint: false,
};
pub(super) static PLOTS_KEYS_MISSING: Symptom = Symptom {
    name: "plots_keys_missing",
    meaning: "Plots of a harvester are for keys that the farmer does not have, for `bad_plots_after` (30m).",
    advice: "Were they made for another key, or is a key missing on the farmer (chia keys show)? They win nothing here.",
    thresholds: &["chia.thresholds.bad_plots_after"],
    takes_time: true,
    hint: false,
};
pub(super) static PLOTS_DUPLICATE: Symptom = Symptom {
    name: "plots_duplicate",
    meaning: "Plots of a harvester are there twice, for `bad_plots_after` (30m): the second copy only takes room.",
    advice: "Its log names them. Delete one copy of each, by hand.",
    thresholds: &["chia.thresholds.bad_plots_after"],
    takes_time: true,
    hint: true,
};
pub(super) static LOOKUP_SLOW: Symptom = Symptom {
    name: "lookup_slow",
    meaning: "Of a harvester's lookups within ten minutes more than one in twenty took longer than `lookup_slow` (8s, \
              where chia itself warns).",
    advice: "Which disk is slow? One that sleeps, one that is being copied to, or a share over a slow network. Compressed \
             plots may be too much for the processor.",
    thresholds: &["chia.thresholds.lookup_slow"],
    takes_time: true,
    hint: false,
};
pub(super) static LOOKUP_TOO_SLOW: Symptom = Symptom {
    name: "lookup_too_slow",
    meaning: "Of a harvester's lookups within ten minutes more than `lookup_too_slow_percent` (5) took longer than \
              `lookup_too_slow` (20s): with signatures and network a proof has 28 s, so wins and partials are lost.",
    advice: "Look at the disks and shares of its machine: stop copies to them, give sleeping ones a reason to stay awake, \
             mount anew what hangs at times.",
    thresholds: &[
        "chia.thresholds.lookup_too_slow",
        "chia.thresholds.lookup_too_slow_percent",
    ],
    takes_time: true,
    hint: false,
};
pub(super) static POINTS_MISSED: Symptom = Symptom {
    name: "signage_points_missed",
    meaning: "Within ten minutes the farmer missed more than `missed_points` (5) signage points, or more than \
              `missed_percent` (20) of the 64 did not come.",
    advice: "Is the node's machine overloaded, its disk slow, or the network between node and farmer? Are its peers few?",
    thresholds: &["chia.thresholds.missed_points", "chia.thresholds.missed_percent"],
    takes_time: true,
    hint: false,
};
pub(super) static NO_POINTS: Symptom = Symptom {
    name: "signage_points_none",
    meaning: "The farmer has had no signage point for `no_points_after` (90s, ten intervals), although its daemon's \
              events are heard: nothing is farmed.",
    advice: "Is the node synchronised, and the farmer connected with it (chia farm summary)? If the node is well and the \
             link is gone, restart the farmer once.",
    thresholds: &["chia.thresholds.no_points_after"],
    takes_time: true,
    hint: false,
};
pub(super) static NODE_NOT_SYNCED: Symptom = Symptom {
    name: "chia_node_not_synced",
    meaning: "The node has said for `not_synced_after` (10m) that it is not synchronised: it has no transaction block of \
              the last 7 minutes, or no peer.",
    advice: "Does its height rise? Then wait. Else: peers, the machine's clock, a full or slow disk.",
    thresholds: &["chia.thresholds.not_synced_after"],
    takes_time: true,
    hint: false,
};
pub static NODE_STALLED: Symptom = Symptom {
    name: "chia_node_stalled",
    meaning: "The node says that it is synchronised, but its height has stood for `stalled_after` (10m); 32 blocks are \
              expected in that time.",
    advice: "Compare with another node or a chain explorer. A restart of a node takes long: decide it in person.",
    thresholds: &["chia.thresholds.stalled_after"],
    takes_time: true,
    hint: false,
};
pub(super) static FEW_PEERS: Symptom = Symptom {
    name: "chia_node_few_peers",
    meaning: "The node has been connected with fewer than `min_peers` (3) full nodes for `few_peers_after` (15m); it \
              looks for 8.",
    advice: "Is the internet there, and may the node dial out on 8444? A firewall that drops long connections?",
    thresholds: &["chia.thresholds.min_peers", "chia.thresholds.few_peers_after"],
    takes_time: true,
    hint: false,
};
pub(super) static NO_PARTIALS: Symptom = Symptom {
    name: "pool_no_partials",
    meaning: "A pool has accepted no partial of plots that are there for `no_partials_after` (1h). Judged where at least 8 \
              are expected in that time, by the points found in a day and the difficulty: the chance of none is e^-8 then.",
    advice: "Is the pool up, and this machine's clock right? pool errors say more. Harvesters that are silent or too slow \
             come first.",
    thresholds: &["chia.thresholds.no_partials_after"],
    takes_time: true,
    hint: false,
};
pub(super) static REJECTS: Symptom = Symptom {
    name: "pool_rejects",
    meaning: "Of a pool's partials within an hour more than `rejects_percent` (5) and more than two were stale or invalid.",
    advice: "Stale ones come too late: see lookup times and the clock. Invalid ones: a damaged plot, or bad memory.",
    thresholds: &["chia.thresholds.rejects_percent"],
    takes_time: true,
    hint: false,
};
pub(super) static POOL_ERRORS: Symptom = Symptom {
    name: "pool_errors",
    meaning: "A pool's errors have gone on for `pool_errors_after` (30m): there are new ones all the time.",
    advice: "The farmer's log has the pool's words. Is it down, or does it not know this farmer any more?",
    thresholds: &["chia.thresholds.pool_errors_after"],
    takes_time: true,
    hint: false,
};
pub(super) static WALLET_NOT_SYNCED: Symptom = Symptom {
    name: "wallet_not_synced",
    meaning: "The wallet has not been synchronised for `wallet_not_synced_after` (30m). Farming goes on without it.",
    advice: "Is the node synchronised? A wallet that was just restored takes hours.",
    thresholds: &["chia.thresholds.wallet_not_synced_after"],
    takes_time: true,
    hint: true,
};
pub(super) static NO_WIN: Symptom = Symptom {
    name: "no_win_for_long",
    meaning: "The last win is more than `no_win_times` (5) times the expected time ago; the chance of that is 0.7 %. \
              Needs a synchronised wallet, and a release from 2.0 on.",
    advice: "Luck, mostly. Do all harvesters answer in time, are partials accepted, is the wallet that of the farm?",
    thresholds: &["chia.thresholds.no_win_times"],
    takes_time: false,
    hint: true,
};
pub(super) static CERTIFICATE_ENDS: Symptom = Symptom {
    name: "chia_certificate_ends",
    meaning: "The farm's authority, or the certificate that farmwarden uses, ends within `certificate_ends_within` (60d). \
              An authority of 2021 ends in 2031, and every certificate of the farm with it.",
    advice: "Plan it: a new authority (chia init) means new certificates on every machine at once (chia init -c).",
    thresholds: &["chia.thresholds.certificate_ends_within"],
    takes_time: false,
    hint: false,
};
pub(super) static EVENTS_LOST: Symptom = Symptom {
    name: "chia_events_lost",
    meaning: "The daemon's events have not been heard for `events_lost_after` (2m): lookup times and signage points are \
              unknown.",
    advice: "Nothing, if the daemon is well: the connection is made anew by itself. Else: is it running, is the port right?",
    thresholds: &["chia.thresholds.events_lost_after"],
    takes_time: true,
    hint: false,
};
/// Judged by a relation, which sees the mounts.
pub static DIRECTORY_UNMOUNTED: Symptom = Symptom {
    name: "plot_directory_without_mount",
    meaning: "A plot directory of this machine's harvester lies on the disk of the system, so nothing is mounted on it: its \
              plots are gone, and what is written there fills that disk. Needs the machine's mounts as a target of the \
              same farm.",
    advice: "Mount what belongs there, and stop plotters before. If plots are meant to lie there: plots_on_root_disk.",
    thresholds: &["chia.plots_on_root_disk"],
    takes_time: false,
    hint: false,
};

pub(super) const SYMPTOMS: &[&Symptom] = &[
    &HARVESTER_DOWN,
    &HARVESTER_SILENT,
    &HARVESTER_RPC_DOWN,
    &SCAN_STALE,
    &PLOTS_LOST,
    &PLOTS_INVALID,
    &PLOTS_KEYS_MISSING,
    &PLOTS_DUPLICATE,
    &LOOKUP_SLOW,
    &LOOKUP_TOO_SLOW,
    &NO_POINTS,
    &POINTS_MISSED,
    &NODE_NOT_SYNCED,
    &NODE_STALLED,
    &FEW_PEERS,
    &NO_PARTIALS,
    &REJECTS,
    &POOL_ERRORS,
    &WALLET_NOT_SYNCED,
    &NO_WIN,
    &CERTIFICATE_ENDS,
    &EVENTS_LOST,
];
