//! Every family of a Chia farm, with where its figures come from.

use super::compat;
use crate::exposition::{Desc, Family};

pub(super) static SERVICE: Desc<2> = Desc::info(
    "chia_service_info",
    "Release of a service (get_version, since 2.4).",
    &["service", "version"],
);
pub(super) static NETWORK: Desc<1> = Desc::info(
    "chia_network_info",
    "Network that the services are on (get_network_info).",
    &["network"],
);
pub(super) static CERTIFICATE: Desc<1> = Desc::gauge(
    "chia_tls_certificate_not_after_timestamp_seconds",
    "When the farm's authority (ca) and the certificate that farmwarden uses (client) end, since 1970.",
    &["file"],
);
pub(super) static CONNECTIONS: Desc<2> = Desc::gauge(
    "chia_connections",
    "Peers that a service is connected with, by kind; of harvesters that of this machine (get_connections).",
    &["service", "type"],
);
pub(super) static SYNCED: Desc<0> = Desc::gauge(
    "chia_full_node_synced",
    "1 if the node follows the chain: a transaction block of the last 7 minutes, and a peer (get_blockchain_state).",
    &[],
);
pub(super) static SYNC_MODE: Desc<0> = Desc::gauge(
    "chia_full_node_sync_mode",
    "1 while a long synchronisation runs (get_blockchain_state).",
    &[],
);
pub(super) static SYNC_TARGET: Desc<0> = Desc::gauge(
    "chia_full_node_sync_target_height",
    "Height that it synchronises to; absent otherwise (get_blockchain_state).",
    &[],
);
pub(super) static HEIGHT: Desc<0> = Desc::gauge(
    "chia_full_node_peak_height",
    "Height of the tip (get_blockchain_state).",
    &[],
);
pub(super) static PEAK_TIME: Desc<0> = Desc::gauge(
    "chia_full_node_peak_timestamp_seconds",
    "Time of the last transaction block that was the tip, since 1970 (get_blockchain_state).",
    &[],
);
pub(super) static AVERAGE_BLOCK: Desc<0> = Desc::gauge(
    "chia_full_node_average_block_seconds",
    "Mean time between blocks over 4608 of them, in whole seconds (get_blockchain_state).",
    &[],
);
pub(super) static DIFFICULTY: Desc<0> = Desc::gauge(
    "chia_full_node_difficulty",
    "Difficulty of the chain (get_blockchain_state).",
    &[],
);
pub(super) static SUB_SLOT_ITERS: Desc<0> = Desc::gauge(
    "chia_full_node_sub_slot_iters",
    "Iterations of a sub-slot (get_blockchain_state).",
    &[],
);
pub(super) static MEMPOOL: Desc<0> = Desc::gauge(
    "chia_full_node_mempool_transactions",
    "Transactions that wait for a block (get_blockchain_state mempool_size).",
    &[],
);
pub(super) static MEMPOOL_COST: Desc<0> =
    Desc::gauge("chia_full_node_mempool_cost", "Their cost (get_blockchain_state).", &[]);
pub(super) static MEMPOOL_MAX: Desc<0> = Desc::gauge(
    "chia_full_node_mempool_max_cost",
    "Cost from which on cheap ones are refused (get_blockchain_state mempool_max_total_cost).",
    &[],
);
pub(super) static SPACE: Desc<0> = Desc::gauge(
    "chia_network_space_bytes",
    "Estimated space of the whole network over 4608 blocks (get_blockchain_state).",
    &[],
);
pub(super) static NODE_POINTS: Desc<0> = Desc::counter(
    "chia_full_node_signage_points_total",
    "Signage points that the node told of since farmwarden listens (event signage_point).",
    &[],
);
pub(super) static POINTS: Desc<0> = Desc::counter(
    "chia_farmer_signage_points_total",
    "Signage points that the farmer told of since farmwarden listens; 64 in ten minutes (event new_signage_point).",
    &[],
);
pub(super) static MISSED: Desc<0> = Desc::counter(
    "chia_farmer_missed_signage_points_total",
    "Signage points that the farmer missed since farmwarden listens, by its own count, since 2.0 (event new_signage_point).",
    &[],
);
pub(super) static LAST_POINT: Desc<0> = Desc::gauge(
    "chia_farmer_last_signage_point_timestamp_seconds",
    "When the last one was told of, since 1970 (event new_signage_point).",
    &[],
);
pub(super) static PROOFS: Desc<0> = Desc::counter(
    "chia_farmer_proofs_total",
    "Proofs good enough for a block that were sent to the node since farmwarden listens (event proof).",
    &[],
);
pub(super) static EXPECTED: Desc<0> = Desc::gauge(
    "chia_farm_expected_time_to_win_seconds",
    "Mean time between wins: 18.75 s x network space / what the connected plots are worth.",
    &[],
);
pub(super) static CONNECTED: Desc<2> = Desc::gauge(
    "chia_harvester_connected",
    "1 if the harvester is connected with the farmer, 0 if it was once or is configured (get_harvesters_summary).",
    &["harvester", "host"],
);
pub(super) static INFO: Desc<3> = Desc::info(
    "chia_harvester_info",
    "Node id of a harvester, which changes with its certificate, and where it dials from (get_harvesters_summary; without a farmer its certificate).",
    &["harvester", "host", "node_id"],
);
pub(super) static PLOTS: Desc<2> = Desc::gauge(
    "chia_harvester_plots",
    "Plots that are farmed (get_harvesters_summary; without a farmer as the last answer to a signage point says).",
    &["harvester", "host"],
);
pub(super) static INVALID: Desc<2> = Desc::gauge(
    "chia_harvester_invalid_plots",
    "Plot files that could not be opened (get_harvesters_summary failed_to_open_filenames).",
    &["harvester", "host"],
);
pub(super) static KEYS_MISSING: Desc<2> = Desc::gauge(
    "chia_harvester_keys_missing_plots",
    "Plots for keys that the farmer does not have (get_harvesters_summary no_key_filenames).",
    &["harvester", "host"],
);
pub(super) static DUPLICATES: Desc<2> = Desc::gauge(
    "chia_harvester_duplicate_plots",
    "Second copies of plots (get_harvesters_summary).",
    &["harvester", "host"],
);
pub(super) static BYTES: Desc<2> = Desc::gauge(
    "chia_harvester_plot_bytes",
    "Size of the plot files (get_harvesters_summary total_plot_size).",
    &["harvester", "host"],
);
pub(super) static EFFECTIVE: Desc<2> = Desc::gauge(
    "chia_harvester_effective_plot_bytes",
    "What the plots are worth, whatever their compression, since 2.0 (get_harvesters_summary).",
    &["harvester", "host"],
);
pub(super) static LAST_SCAN: Desc<2> = Desc::gauge(
    "chia_harvester_last_sync_timestamp_seconds",
    "When the harvester last finished a look through all its directories, since 1970 (get_harvesters_summary).",
    &["harvester", "host"],
);
pub(super) static PROGRESS: Desc<2> = Desc::gauge(
    "chia_harvester_sync_progress_ratio",
    "How far the present look is; absent while there is none (get_harvesters_summary syncing).",
    &["harvester", "host"],
);
pub(super) static MODE: Desc<3> = Desc::gauge(
    "chia_harvester_mode",
    "1 for what lookups run on, since 2.0 (get_harvesters_summary harvesting_mode).",
    &["harvester", "host", "mode"],
);
pub(super) static RPC_UP: Desc<1> = Desc::gauge(
    "chia_harvester_rpc_up",
    "1 if the RPC of a harvester that is configured with one answers; that it farms is another thing.",
    &["harvester"],
);
pub(super) static LOOKUP: Desc<1> = Desc::histogram(
    "chia_harvester_lookup_seconds",
    "Time from a signage point to the end of a harvester's lookups, since 2.0 (event new_farming_info or farming_info).",
    &["harvester"],
);
pub(super) static LAST_ANSWER: Desc<1> = Desc::gauge(
    "chia_harvester_last_farming_info_timestamp_seconds",
    "When the harvester last answered a signage point, since 1970 (event new_farming_info or farming_info).",
    &["harvester"],
);
pub(super) static UNANSWERED: Desc<1> = Desc::gauge(
    "chia_harvester_unanswered_signage_points",
    "Signage points since a connected harvester last answered one (events).",
    &["harvester"],
);
pub(super) static ELIGIBLE: Desc<1> = Desc::counter(
    "chia_harvester_eligible_plots_total",
    "Plots that passed the filter since farmwarden listens (event new_farming_info or farming_info).",
    &["harvester"],
);
pub(super) static HARVESTER_PROOFS: Desc<1> = Desc::counter(
    "chia_harvester_proofs_total",
    "Proofs that the harvester found since farmwarden listens, partials included (event new_farming_info or farming_info).",
    &["harvester"],
);
pub(super) static KINDS: Desc<4> = Desc::gauge(
    "chia_harvester_plots_by_kind",
    "Plots by k (or v2), owner (og or pool) and level of compression (get_harvester_plots_valid).",
    &["harvester", "k", "type", "compression"],
);
pub(super) static KIND_BYTES: Desc<4> = Desc::gauge(
    "chia_harvester_plots_by_kind_bytes",
    "Size of these files (get_harvester_plots_valid).",
    &["harvester", "k", "type", "compression"],
);
pub(super) static POOL_PLOTS: Desc<2> = Desc::gauge(
    "chia_pool_plots",
    "Plots of a plot NFT (get_pool_state).",
    &["launcher", "pool"],
);
pub(super) static POOL_DIFFICULTY: Desc<2> = Desc::gauge(
    "chia_pool_difficulty",
    "Difficulty that the pool asks for (get_pool_state).",
    &["launcher", "pool"],
);
pub(super) static POOL_POINTS: Desc<2> = Desc::gauge(
    "chia_pool_current_points",
    "Points that the pool says it has for us now (get_pool_state).",
    &["launcher", "pool"],
);
pub(super) static POOL_FOUND: Desc<2> = Desc::counter(
    "chia_pool_points_found_total",
    "Points found since the farmer was started (get_pool_state).",
    &["launcher", "pool"],
);
pub(super) static POOL_ACKNOWLEDGED: Desc<2> = Desc::counter(
    "chia_pool_points_acknowledged_total",
    "Points that the pool acknowledged since the farmer was started (get_pool_state).",
    &["launcher", "pool"],
);
pub(super) static POOL_FOUND_DAY: Desc<2> = Desc::gauge(
    "chia_pool_points_found_24h",
    "Points found within the last 24 hours (get_pool_state).",
    &["launcher", "pool"],
);
pub(super) static POOL_ACKNOWLEDGED_DAY: Desc<2> = Desc::gauge(
    "chia_pool_points_acknowledged_24h",
    "Points that the pool acknowledged within the last 24 hours (get_pool_state).",
    &["launcher", "pool"],
);
pub(super) static POOL_PARTIALS: Desc<3> = Desc::counter(
    "chia_pool_partials_total",
    "Partials since the farmer was started, by what became of them, since 2.0 (get_pool_state).",
    &["launcher", "pool", "result"],
);
pub(super) static POOL_ERRORS: Desc<2> = Desc::gauge(
    "chia_pool_errors_24h",
    "Errors of the pool within the last 24 hours (get_pool_state).",
    &["launcher", "pool"],
);
pub(super) static WALLET_SYNCED: Desc<0> = Desc::gauge(
    "chia_wallet_synced",
    "1 if the wallet follows the chain (get_sync_status).",
    &[],
);
pub(super) static WALLET_HEIGHT: Desc<0> = Desc::gauge(
    "chia_wallet_height",
    "Height that the wallet is at (get_height_info).",
    &[],
);
pub(super) static WALLET_CONFIRMED: Desc<0> = Desc::gauge(
    "chia_wallet_confirmed_xch",
    "Confirmed balance in XCH, 10^12 mojo each; only with wallet_amounts (get_wallet_balance).",
    &[],
);
pub(super) static WALLET_FARMED: Desc<0> = Desc::gauge(
    "chia_wallet_farmed_xch",
    "What was farmed so far, in XCH; only with wallet_amounts (get_farmed_amount).",
    &[],
);
pub(super) static WALLET_BLOCKS: Desc<0> = Desc::gauge(
    "chia_wallet_blocks_won",
    "Blocks won so far, since 2.0 (get_farmed_amount).",
    &[],
);
pub(super) static WALLET_LAST_HEIGHT: Desc<0> = Desc::gauge(
    "chia_wallet_last_height_farmed",
    "Height of the last win; absent before the first (get_farmed_amount).",
    &[],
);
pub(super) static WALLET_LAST_TIME: Desc<0> = Desc::gauge(
    "chia_wallet_last_farmed_timestamp_seconds",
    "When it was, since 1970; since 2.0 (get_farmed_amount).",
    &[],
);
pub(super) static EVENTS: Desc<2> = Desc::counter(
    "chia_events_received_total",
    "Events of the daemon since farmwarden listens; what is not known by name is other.",
    &["origin", "command"],
);
pub(super) static EVENTS_DROPPED: Desc<0> = Desc::counter(
    "chia_events_dropped_total",
    "Events that came too fast and were not looked at, a thousand a second.",
    &[],
);
pub(super) static EVENTS_UNREADABLE: Desc<0> = Desc::counter(
    "chia_events_unreadable_total",
    "Frames of the daemon that were no event, or one in an unknown form.",
    &[],
);
pub(super) static LAST_EVENT: Desc<0> = Desc::gauge(
    "chia_events_last_timestamp_seconds",
    "When the last event came, since 1970. Whether the daemon is connected is farmwarden_target_up of the part events.",
    &[],
);

macro_rules! families {
    ($($desc:ident)*) => { [$($desc.family(),)*] };
}

const OWN: [&Family; 61] = families![
    SERVICE NETWORK CERTIFICATE CONNECTIONS SYNCED SYNC_MODE
    SYNC_TARGET HEIGHT PEAK_TIME AVERAGE_BLOCK DIFFICULTY SUB_SLOT_ITERS
    MEMPOOL MEMPOOL_COST MEMPOOL_MAX NODE_POINTS SPACE EXPECTED
    POINTS MISSED LAST_POINT PROOFS CONNECTED INFO
    PLOTS INVALID KEYS_MISSING DUPLICATES BYTES EFFECTIVE
    LAST_SCAN PROGRESS MODE RPC_UP LOOKUP LAST_ANSWER
    UNANSWERED ELIGIBLE HARVESTER_PROOFS KINDS KIND_BYTES POOL_PLOTS
    POOL_DIFFICULTY POOL_POINTS POOL_FOUND POOL_ACKNOWLEDGED POOL_FOUND_DAY POOL_ACKNOWLEDGED_DAY
    POOL_PARTIALS POOL_ERRORS WALLET_SYNCED WALLET_HEIGHT WALLET_CONFIRMED WALLET_FARMED
    WALLET_BLOCKS WALLET_LAST_HEIGHT WALLET_LAST_TIME EVENTS EVENTS_DROPPED EVENTS_UNREADABLE
    LAST_EVENT
];

/// The names of the official exporter stand behind our own.
pub(super) const FAMILIES: &[&Family] = &joined();

#[expect(clippy::indexing_slicing, reason = "at compile time")]
const fn joined() -> [&'static Family; OWN.len() + compat::FAMILIES.len()] {
    let mut all = [OWN[0]; OWN.len() + compat::FAMILIES.len()];
    let mut place = 0;
    while place < all.len() {
        all[place] = if place < OWN.len() {
            OWN[place]
        } else {
            compat::FAMILIES[place - OWN.len()]
        };
        place += 1;
    }
    all
}
