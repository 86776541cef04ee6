//! The gateway: which wallets, provers and markets are connected to it.

use serde_json::{Value, json};

use super::{
    access::At,
    people::{Illness, Miner, Perm, User},
    rpc::{Answer, Failure, Outcome, Param, Signature, same, text_at},
    settings::Own,
    text,
    version::{Role, Version},
    world::{World, loses},
};

pub(super) fn signature(version: Version, name: &str) -> Signature {
    let need = if version.from(2) { Perm::Admin } else { Perm::Read };
    let params: &[Param] = match name {
        "ListWalletInfo" | "ListConnectedMiners" => &[],
        "ListMarketConnectionsState" if version.from(2) => &[],
        "ListWalletInfoByWallet" => &[Param::Text],
        "ListMinerConnection" => &[Param::Address],
        _ => return None,
    };
    Some((need, params))
}

pub(super) fn call(world: &World, at: &At, name: &str, params: &[Value]) -> Answer {
    let prefix = at.prefix(&world.settings.network);
    Ok(Outcome::Value(match name {
        "ListWalletInfo" => or_null(wallets(world, at).map(|user| wallet(world, at, user)).collect()),
        "ListWalletInfoByWallet" => {
            let account = text_at(params, 0);
            let user = wallets(world, at).find(|user| user.name == account);
            let user = user.ok_or_else(|| Failure::said(format!("wallet {account} not exit")))?;
            wallet(world, at, user)
        }
        "ListConnectedMiners" => or_null(
            provers(world, at)
                .map(|miner| json!(text::on_network(&miner.id, prefix)))
                .collect(),
        ),
        "ListMinerConnection" => {
            let id = text_at(params, 0);
            let miner = provers(world, at).find(|miner| same(&miner.id, id));
            let miner = miner.ok_or_else(|| Failure::said(format!("miner {id} not exit")))?;
            connections(world, at, miner, miner.provers)
        }
        _ => {
            let markets = world.settings.miners.iter().filter(|miner| miner.markets > 0);
            let row = |miner: &Miner| {
                let connections = connections(world, at, miner, miner.markets);
                json!({"Addr": text::on_network(&miner.id, prefix), "Conn": connections})
            };
            or_null(markets.map(row).collect())
        }
    }))
}

fn or_null(rows: Vec<Value>) -> Value {
    if rows.is_empty() {
        Value::Null
    } else {
        Value::Array(rows)
    }
}

fn wallets<'a>(world: &'a World, at: &'a At) -> impl Iterator<Item = &'a User> {
    let users = world.settings.users.iter();
    users.filter(|user| user.wallets > 0 && !loses(&at.instance, Own::LostWallet, &user.name))
}

fn provers<'a>(world: &'a World, at: &'a At) -> impl Iterator<Item = &'a Miner> {
    let miners = world.settings.miners.iter();
    let connected = |miner: &&Miner| miner.provers > 0 && miner.trouble != Illness::NoProver;
    miners
        .filter(connected)
        .filter(|miner| !loses(&at.instance, Own::LostProver, &miner.id))
}

/// One connection. Since then it has lasted, however long the farm runs.
fn connection(world: &World, addresses: &Value, number: u64, requests: u64, connected_s: u64) -> Value {
    let since = world.started_ms.saturating_sub(connected_s * 1000);
    json!({
        "Addrs": addresses, "ChannelId": text::uuid(since, number), "Ip": format!("127.0.0.1:{}", 36_000 + number),
        "RequestCount": requests, "CreateTime": text::time(since, world.settings.zone_hours),
    })
}

fn wallet(world: &World, at: &At, user: &User) -> Value {
    let prefix = at.prefix(&world.settings.network);
    let keys = world.settings.senders.iter().filter(|of| of.account == user.name);
    let keys: Vec<String> = keys.map(|of| text::on_network(&of.address, prefix)).collect();
    let states =
        (0..user.wallets).map(|number| connection(world, &json!(keys), number, user.requests, user.connected_s));
    let states: Vec<Value> = states.collect();
    json!({"Account": user.name, "SupportAccounts": [user.name], "ConnectStates": states})
}

fn connections(world: &World, at: &At, miner: &Miner, count: u64) -> Value {
    let old = at.version().is_a(Role::Gateway);
    let states = (0..count).map(|number| {
        let mut state = connection(world, &Value::Null, number, miner.requests, miner.connected_s);
        if let (true, Some(members)) = (old, state.as_object_mut()) {
            let channel = members.remove("ChannelId").unwrap_or_default();
            members.insert("Channel".to_owned(), channel);
        }
        state
    });
    json!({"Connections": states.collect::<Vec<Value>>(), "ConnectionCount": count})
}
