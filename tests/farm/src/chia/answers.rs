//! What each service answers to the routes that a monitor may ask, in the form of release 2.7.5, without what an older one
//! does not have.

use std::iter;

use bytes::Bytes;
use hyper::{Method, Request, Response, header};
use serde_json::{Value, json};

use super::{
    settings::{Harvester, Instance},
    world::World,
};
use crate::{
    phala::merge::merge,
    wire::{Load, reply},
};

/// A service with an RPC, or the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    FullNode,
    Farmer,
    Harvester,
    Wallet,
    Daemon,
}

impl Role {
    pub(super) const ALL: [Self; 5] = [
        Self::FullNode,
        Self::Farmer,
        Self::Harvester,
        Self::Wallet,
        Self::Daemon,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::FullNode => "full_node",
            Self::Farmer => "farmer",
            Self::Harvester => "harvester",
            Self::Wallet => "wallet",
            Self::Daemon => "daemon",
        }
    }
}

/// The answer to one request.
pub(super) fn answer(world: &World, role: Role, instance: &Instance, request: &Request<Bytes>) -> Response<Load> {
    let bare = |status, words: &'static str| reply(status, "text/plain; charset=utf-8", words).map(Load::Whole);
    let route = route(request);
    let missing = instance.missing.iter().any(|missing| missing == route);
    if role == Role::Daemon || missing || !has_route(world, role, route) {
        return bare(404, "404: Not Found");
    }
    if request.method() != Method::POST {
        return bare(405, "405: Method Not Allowed");
    }
    let Ok(body) = serde_json::from_slice::<Value>(request.body()) else {
        return bare(500, "500 Internal Server Error");
    };
    if let Some(words) = instance.errors.get(route) {
        return json_reply(failed(world, words));
    }
    if (role, route) == (Role::Farmer, "get_harvester_plots_valid") {
        return plots(world, &body);
    }
    let Some(mut value) = value(world, role, route) else {
        return bare(404, "404: Not Found");
    };
    if let Some(members) = value.as_object_mut() {
        members.insert("success".to_owned(), json!(true));
    }
    if let Some(patch) = instance.results.get(route) {
        merge(&mut value, patch);
    }
    json_reply(value)
}

pub(super) fn route(request: &Request<Bytes>) -> &str {
    request.uri().path().trim_start_matches('/')
}

/// By the releases in which routes were first seen.
fn has_route(world: &World, role: Role, route: &str) -> bool {
    let since = |release| world.settings.since(release);
    match route {
        "get_harvesters_summary" | "get_harvester_plots_valid" | "healthz" => since([1, 6, 2]),
        "get_harvester_config" => since([2, 0, 0]),
        "get_network_info" => since([2, 3, 1]) || matches!(role, Role::FullNode | Role::Wallet),
        "get_version" => since([2, 4, 4]),
        _ => true,
    }
}

/// An object without the members that came with a later release.
pub(super) fn as_of(world: &World, release: [u32; 3], mut value: Value, members: &[&str]) -> Value {
    if let Some(object) = value.as_object_mut().filter(|_| !world.settings.since(release)) {
        object.retain(|name, _| !members.contains(&name.as_str()));
    }
    value
}

/// Errors come with HTTP 200.
fn failed(world: &World, words: &str) -> Value {
    let error = json!({"success": false, "error": words,
        "traceback": format!("Traceback (most recent call last):\n  File \"/opt/chia/rpc/util.py\"\n{words}"),
        "structuredError": {"code": "UNKNOWN", "message": words, "data": {}}});
    let error = as_of(world, [2, 1, 0], error, &["traceback"]);
    as_of(world, [2, 6, 0], error, &["structuredError"])
}

#[expect(clippy::needless_pass_by_value, reason = "it is made for this and used nowhere else")]
fn json_reply(value: Value) -> Response<Load> {
    reply(200, "application/json; charset=utf-8", bare_numbers(&value.to_string())).map(Load::Whole)
}

/// `"@u128:12"` becomes `12`: numbers that this JSON writer cannot hold.
pub(super) fn bare_numbers(text: &str) -> String {
    let mut parts = text.split("\"@u128:");
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (digits, rest) = part.split_once('"').unwrap_or((part, ""));
        whole.push_str(digits);
        whole.push_str(rest);
    }
    whole
}

fn value(world: &World, role: Role, route: &str) -> Option<Value> {
    let settings = &world.settings;
    Some(match (role, route) {
        (_, "healthz") | (Role::Harvester, "refresh_plots") => json!({}),
        (_, "get_version") => json!({"version": settings.version}),
        (_, "get_network_info") => {
            json!({"network_name": settings.network, "network_prefix": "xch", "genesis_challenge": "cc".repeat(32)})
        }
        (_, "get_connections") => connections(world, role),
        (Role::FullNode, "get_blockchain_state") => blockchain(world),
        (Role::Farmer, "get_harvesters_summary") => {
            let connected = settings.harvesters.iter().filter(|one| one.connected);
            json!({"harvesters": connected.map(|one| world.entry(one)).collect::<Vec<_>>()})
        }
        (Role::Farmer, "get_pool_state") => json!({"pool_state": [pool(world)]}),
        (Role::Harvester, "get_plot_directories") => {
            let disks = settings.harvesters.first().map_or(0, |own| own.disks);
            json!({"directories": (0..disks).map(directory).collect::<Vec<_>>()})
        }
        (Role::Harvester, "get_harvester_config") => {
            json!({"recursive_plot_scan": false, "refresh_parameter_interval_seconds": 120, "use_gpu_harvesting": false,
                "gpu_index": 0, "enforce_gpu_index": false, "disable_cpu_affinity": false,
                "parallel_decompressor_count": 0, "decompressor_thread_count": 0})
        }
        (Role::Wallet, "get_sync_status") => {
            json!({"synced": settings.synced, "syncing": false, "genesis_initialized": true})
        }
        (Role::Wallet, "get_height_info") => {
            json!({"height": settings.height, "latest_timestamp": world.unix_s(), "is_transaction_block": null,
                "prev_transaction_block_height": null})
        }
        (Role::Wallet, "get_wallet_balance") => {
            let huge = "@u128:21000042000000000000";
            json!({"wallet_balance": {"wallet_id": 1, "wallet_type": 0, "fingerprint": 662_675_445, "asset_id": null,
                "confirmed_wallet_balance": huge, "spendable_balance": huge}})
        }
        (Role::Wallet, "get_farmed_amount") => {
            let farmed = json!({"blocks_won": 24, "farmed_amount": 48_000_000_000_000_u64,
                "farmer_reward_amount": 6_000_000_000_000_u64, "fee_amount": 0, "last_height_farmed": settings.height,
                "last_time_farmed": world.unix_s(), "pool_reward_amount": 42_000_000_000_000_u64});
            as_of(world, [2, 0, 0], farmed, &["blocks_won", "last_time_farmed"])
        }
        _ => return None,
    })
}

fn connections(world: &World, role: Role) -> Value {
    let entry = |kind: u8, id: &str, host: &str| {
        json!({"type": kind, "node_id": format!("0x{id}"), "peer_host": host, "peer_port": 8444,
            "peer_server_port": 8444, "local_port": 0, "bytes_read": 136, "bytes_written": 67,
            "creation_time": 1_795_193_123.5, "last_message_time": 1_795_193_123.75})
    };
    let peer = |number: u64| entry(1, &format!("{number:064x}"), "192.0.2.1");
    let harvesters = || world.settings.harvesters.iter().filter(|one| one.connected);
    let list: Vec<Value> = match role {
        Role::FullNode => (0..world.settings.peers).map(peer).collect(),
        Role::Farmer => {
            let all = harvesters().map(|one| entry(2, &one.node_id, &one.host));
            iter::once(peer(0)).chain(all).collect()
        }
        Role::Harvester => vec![entry(3, &"fa".repeat(32), "127.0.0.1")],
        Role::Wallet | Role::Daemon => vec![peer(0)],
    };
    json!({"connections": list})
}

fn blockchain(world: &World) -> Value {
    let settings = &world.settings;
    let state = json!({
        "peak": {"height": settings.height, "timestamp": world.unix_s(), "header_hash": "0x31", "weight": "@u128:30000000000000000000"},
        "sync": {"synced": settings.synced, "sync_mode": false, "sync_tip_height": 0, "sync_progress_height": 0},
        "difficulty": 18_000, "sub_slot_iters": 578_813_952, "space": format!("@u128:{}", settings.space),
        "average_block_time": 18, "mempool_size": 12, "mempool_cost": 90_000_000, "mempool_fees": 0,
        "mempool_max_total_cost": 110_000_000_000_u64, "block_max_cost": 11_000_000_000_u64,
        "mempool_min_fees": {"cost_5000000": 0}, "genesis_challenge_initialized": true, "node_id": "55".repeat(32)});
    json!({"blockchain_state": as_of(world, [2, 0, 0], state, &["average_block_time"])})
}

fn pool(world: &World) -> Value {
    let (settings, now) = (&world.settings, world.unix_s());
    let plots: u64 = settings
        .harvesters
        .iter()
        .filter(|one| one.connected)
        .map(|one| one.plots)
        .sum();
    let prefix = if settings.since([2, 7, 5]) { "" } else { "0x" };
    let (launcher, points) = (format!("{prefix}{}", "5c8d18cf".repeat(8)), settings.partials * 10);
    let pool = json!({"pool_config": {"launcher_id": launcher, "pool_url": "https://pool.example", "payout_instructions": "SIMFARM-PAYOUT",
            "target_puzzle_hash": "SIMFARM-TARGET", "owner_public_key": "aa", "p2_singleton_puzzle_hash": "bb"},
        "p2_singleton_puzzle_hash": "bb", "plot_count": plots, "current_difficulty": 10, "current_points": points,
        "points_found_since_start": points, "points_acknowledged_since_start": points,
        "points_found_24h": [[now, 10]], "points_acknowledged_24h": [[now, 10]],
        "valid_partials_since_start": settings.partials, "stale_partials_since_start": 0,
        "invalid_partials_since_start": 0, "missing_partials_since_start": 0, "insufficient_partials_since_start": 0,
        "pool_errors_24h": [], "authentication_token_timeout": 5});
    let [first @ .., last] =
        ["valid", "stale", "invalid", "missing", "insufficient"].map(|result| format!("{result}_partials_since_start"));
    let first = first.each_ref().map(String::as_str);
    let pool = as_of(world, [2, 0, 0], pool, &first);
    as_of(world, [2, 1, 0], pool, &[&last])
}

fn directory(number: u64) -> String {
    format!("/mnt/plots/d{number:02}")
}

/// A page of plots, made while it is sent, some 584 bytes for each.
fn plots(world: &World, body: &Value) -> Response<Load> {
    let id = body.get("node_id").and_then(Value::as_str).unwrap_or_default();
    let id = id.trim_start_matches("0x");
    let found = world
        .settings
        .harvesters
        .iter()
        .find(|one| one.connected && one.node_id == id);
    let Some(one) = found else {
        return json_reply(failed(world, &format!("Receiver missing for {id}")));
    };
    let number = |key| body.get(key).and_then(Value::as_u64);
    let (Some(page), Some(size)) = (number("page"), number("page_size").filter(|size| *size > 0)) else {
        return json_reply(failed(world, "fields missing for PlotInfoRequestData: page, page_size"));
    };
    let pages = one.plots.div_ceil(size).max(1);
    if page >= pages {
        let words = format!("Page {page} out of bounds. Available pages: 0-{}", pages - 1);
        return json_reply(failed(world, &words));
    }
    let range = page * size..one.plots.min((page + 1) * size);
    let head = format!(
        r#"{{"node_id": "{id}", "page": {page}, "page_count": {pages}, "total_count": {}, "success": true, "plots": ["#,
        one.plots
    );
    let (one, level) = (one.clone(), world.settings.since([2, 0, 0]));
    let first = range.start;
    let entries = range.map(move |at| {
        let comma = if at == first { "" } else { ", " };
        Bytes::from(format!("{comma}{}", plot(&one, at, level)))
    });
    let pieces = iter::once(Bytes::from(head))
        .chain(entries)
        .chain(iter::once(Bytes::from_static(b"]}")));
    let mut response = Response::new(Load::Pieces(Box::new(pieces)));
    let json = header::HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// `level` is whether the release tells that of the compression.
fn plot(one: &Harvester, at: u64, level: bool) -> String {
    let short = one.node_id.get(..8).unwrap_or_default();
    let (id, key) = (format!("{short}{at:056x}"), "ab".repeat(48));
    let place = directory(at.checked_rem(one.disks).unwrap_or_default());
    format!(
        concat!(
            r#"{{{level}"file_size": {bytes}, "filename": "{place}/plot-k32-c05-2024-05-01-12-00-{id}.plot", "#,
            r#""meta_group": 0, "plot_id": "0x{id}", "plot_index": 0, "plot_public_key": "0x{key}", "#,
            r#""pool_contract_puzzle_hash": "0x{id}", "pool_public_key": null, "size": 32, "time_modified": 1795191326}}"#
        ),
        level = if level { r#""compression_level": 5, "# } else { "" },
        bytes = one.plot_bytes,
        place = place,
        id = id,
        key = key,
    )
}
