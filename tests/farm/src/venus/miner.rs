//! The miner service: which miners it mines for, what goes wrong with them, what they won.

use serde_json::{Value, json};

use super::{
    access::At,
    people::{Illness, Miner, Perm},
    rpc::{Answer, Failure, Outcome, Param, Signature, number_at, same, text_at},
    settings::Own,
    text,
    version::{Role, Version},
    world::{World, loses},
};
use crate::{clock::unix_ms, wire::Tally};

/// What [`super::Service::calls`] counts beside the methods: calls that would stop every miner outside a window.
pub const CUT: &str = "Filecoin.UpdateAddress with a window";

/// As the recorder of the real service has it.
const MOST_RECORDS: u64 = 288;

pub(super) fn signature(version: Version, name: &str) -> Signature {
    let switch = match version {
        version if version.from(13) => Perm::Admin,
        version if version.from(10) => Perm::Write,
        version if version.from(1) => Perm::Admin,
        _ => Perm::Write,
    };
    let read = |params: &'static [Param]| Some((Perm::Read, params));
    match name {
        "StatesForMining" => read(&[Param::Addresses]),
        "ListAddress" => read(&[]),
        "Start" | "Stop" if version.from(2) => Some((switch, &[Param::Addresses])),
        "Start" | "Stop" => Some((switch, &[Param::Address])),
        "UpdateAddress" => {
            let need = if version.from(10) { Perm::Admin } else { Perm::Write };
            Some((need, &[Param::Int, Param::Int]))
        }
        "QueryRecord" if version.from(13) => read(&[Param::Object("types.QueryRecordParams")]),
        "ListBlocks" if version.from(13) => read(&[Param::Object("types.BlocksQueryParams")]),
        _ => None,
    }
}

pub(super) fn call(world: &mut World, tally: &Tally, at: &At, name: &str, params: &[Value]) -> Answer {
    match name {
        "StatesForMining" => Ok(states(world, at, params)),
        "ListAddress" => {
            let mine = known(world, at).filter(|miner| at.owns(&miner.user));
            Ok(Outcome::Value(mine.map(|miner| info(world, at, miner)).collect()))
        }
        "Start" | "Stop" => switch(world, at, params, name == "Start"),
        "UpdateAddress" => {
            if number_at(params, 0) > 0 || number_at(params, 1) > 0 {
                tally.call(CUT);
            }
            if !at.version().from(8) {
                world.settings.miners.iter_mut().for_each(|miner| miner.open = true);
            }
            let infos = known(world, at).map(|miner| info(world, at, miner));
            Ok(Outcome::Value(infos.collect()))
        }
        "QueryRecord" if !at.instance.recorder => Err(Failure::said("recorder disabled")),
        "QueryRecord" => records(world, at, params),
        _ if !at.instance.blocks_listed => Err(Failure::said("you are using levelDB, List Block is not supported")),
        _ => Ok(blocks(world, at, params)),
    }
}

/// The miners that this service has heard of: of users that are enabled, and in its own list if it has one.
fn known<'a>(world: &'a World, at: &'a At) -> impl Iterator<Item = &'a Miner> {
    let only = at.instance.only.as_ref();
    let listed = move |miner: &Miner| only.is_none_or(|only| only.iter().any(|id| same(id, &miner.id)));
    let enabled = |miner: &Miner| world.user(&miner.user).is_some_and(|user| user.enabled);
    let miners = world.settings.miners.iter();
    miners.filter(move |miner| listed(miner) && enabled(miner) && miner.trouble != Illness::Vanished)
}

fn info(world: &World, at: &At, miner: &Miner) -> Value {
    let address = text::on_network(&miner.id, at.prefix(&world.settings.network));
    if !at.version().from(1) {
        let door = json!({"ListenAPI": "/ip4/127.0.0.1/tcp/45132", "Token": "SIMFARM-SECRET-TOKEN"});
        return json!({"Addr": address, "Sealer": door, "Wallet": door});
    }
    let mut row = json!({"Addr": address, "Id": "", "Name": miner.user});
    if let (true, Some(members)) = (at.version().from(8), row.as_object_mut()) {
        members.insert("OpenMining".to_owned(), json!(miner.open));
    }
    row
}

fn states(world: &World, at: &At, params: &[Value]) -> Outcome {
    let named = params.first().and_then(Value::as_array).cloned().unwrap_or_default();
    let named: Vec<&str> = named.iter().filter_map(Value::as_str).collect();
    let prefix = at.prefix(&world.settings.network);
    let all: Vec<&Miner> = known(world, at).collect();
    let mine = |id: &str| {
        all.iter()
            .find(|miner| same(&miner.id, id))
            .is_none_or(|miner| at.owns(&miner.user))
    };
    let named: Vec<&str> = named.into_iter().filter(|id| mine(id)).collect();
    if named.is_empty() {
        return Outcome::Value(all.into_iter().map(|miner| state(world, at, miner)).collect());
    }
    let rows = named
        .into_iter()
        .filter_map(|id| match all.iter().find(|miner| same(&miner.id, id)) {
            Some(miner) => Some(state(world, at, miner)),
            None if at.version().from(8) => {
                Some(json!({"Addr": text::on_network(id, prefix), "IsMining": false, "Err": null}))
            }
            None => None,
        });
    Outcome::Value(rows.collect())
}

fn state(world: &World, at: &At, miner: &Miner) -> Value {
    let mining = miner.open && miner.trouble != Illness::NotBuilt;
    let errors = if mining { errors(world, miner) } else { Vec::new() };
    let when = text::local_time(unix_ms(), world.settings.zone_hours);
    let errors: Vec<String> = errors.into_iter().map(|words| format!("{when} {words}")).collect();
    let errors = match (errors.is_empty(), at.version().from(1)) {
        (true, true) => Value::Null,
        (false, true) => json!(errors),
        (_, false) => json!(errors.last().cloned().unwrap_or_default()),
    };
    json!({"Addr": text::on_network(&miner.id, at.prefix(&world.settings.network)), "IsMining": mining, "Err": errors})
}

/// What failed in the last rounds of a miner.
fn errors(world: &World, miner: &Miner) -> Vec<String> {
    let mut errors = Vec::new();
    if miner.trouble == Illness::Errors {
        errors.extend(miner.errors.iter().cloned());
    }
    let gateway = world.well(Role::Gateway);
    let lost = gateway.is_none_or(|known| loses(&known.instance, Own::LostProver, &miner.id));
    if lost || miner.trouble == Illness::NoProver || miner.provers == 0 {
        errors.push(format!(
            "compute proof error: no connections for this miner {}",
            miner.id
        ));
    }
    if world.well(Role::Node).is_none() {
        errors.push("failed to get best mining base: connection refused".to_owned());
    }
    errors
}

/// Since 1.8 a miner that nobody knows is passed over in silence, and an empty list is nobody; before, it is all.
fn switch(world: &mut World, at: &At, params: &[Value], open: bool) -> Answer {
    let one = text_at(params, 0);
    let list = params.first().and_then(Value::as_array).cloned().unwrap_or_default();
    let mut named: Vec<String> = list.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    if !one.is_empty() {
        named.push(one.to_owned());
    }
    let silent = at.version().from(8);
    let ids: Vec<(String, String)> = known(world, at)
        .map(|miner| (miner.id.clone(), miner.user.clone()))
        .collect();
    if named.is_empty() && !silent {
        named = ids.iter().map(|(id, _)| id.clone()).collect();
    }
    for name in named {
        let Some((id, user)) = ids.iter().find(|(id, _)| same(id, &name)) else {
            if silent {
                continue;
            }
            return Err(Failure::said(format!("{name} not exist")));
        };
        if !at.owns(user) {
            let caller = &at.who.name;
            let words = format!("miner {id} not exist in user {caller}: permission deny");
            return Err(Failure::said(words));
        }
        let mut miners = world.settings.miners.iter_mut();
        if let Some(miner) = miners.find(|miner| miner.id == *id) {
            miner.open = open;
        }
    }
    Ok(Outcome::Nothing)
}

/// Whether a miner that works wins in an epoch.
fn wins(miner: &Miner, epoch: u64) -> bool {
    miner.open && miner.trouble == Illness::Healthy && miner.wins_every > 0 && epoch.is_multiple_of(miner.wins_every)
}

/// One record for each epoch from the given one on, as far as there are any.
fn records(world: &World, at: &At, params: &[Value]) -> Answer {
    let query = params.first().unwrap_or(&Value::Null);
    let number = |key: &str| query.get(key).and_then(Value::as_u64).unwrap_or_default();
    let (from, limit) = (number("Epoch"), number("Limit"));
    if limit > MOST_RECORDS {
        return Err(Failure::said(format!("query exceed MaxRecordPerQuery({MOST_RECORDS})")));
    }
    let id = query.get("Miner").and_then(Value::as_str).unwrap_or_default();
    let head = world.settings.epoch;
    let kept = head.saturating_sub(7 * 2880);
    let epochs = (from..from.saturating_add(limit.max(1))).filter(|epoch| (kept..=head).contains(epoch));
    let miner = known(world, at).find(|miner| same(&miner.id, id) && miner.open);
    let rows = miner.into_iter().flat_map(|miner| {
        epochs.clone().map(move |epoch| {
            let won = wins(miner, epoch);
            json!({
                "epoch": epoch.to_string(), "miner": miner.id, "worker": "f01001", "minerPower": miner.quality_power,
                "networkPower": "25000000000000000000", "lateStart": "false", "baseEpoch": epoch.saturating_sub(1).to_string(),
                "nullRounds": "0", "isEligible": "true", "winCount": if won { "1" } else { "0" },
                "error": if miner.trouble == Illness::Healthy { "" } else { "mining timeout!" },
            })
        })
    });
    Ok(Outcome::Value(rows.collect()))
}

/// Newest first.
fn blocks(world: &World, at: &At, params: &[Value]) -> Outcome {
    let query = params.first().unwrap_or(&Value::Null);
    let number = |key: &str| query.get(key).and_then(Value::as_u64).unwrap_or_default();
    let list = query
        .get("Miners")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let named = |id: &str| list.is_empty() || list.iter().filter_map(Value::as_str).any(|named| same(named, id));
    let prefix = at.prefix(&world.settings.network);
    let head = world.settings.epoch;
    let miners: Vec<&Miner> = known(world, at).filter(|miner| named(&miner.id)).collect();
    let epochs = (head.saturating_sub(7 * 2880)..=head).rev();
    let won = epochs.flat_map(|epoch| {
        miners
            .iter()
            .filter(move |miner| wins(miner, epoch))
            .map(move |miner| (epoch, miner))
    });
    let skip = usize::try_from(number("Offset")).unwrap_or(usize::MAX);
    let take = usize::try_from(number("Limit")).unwrap_or(usize::MAX);
    let rows = won.skip(skip).take(take).map(|(epoch, miner)| {
        let at_ms = (world.settings.genesis * 1000).saturating_add(epoch * world.settings.block_time_ms);
        json!({
            "ParentEpoch": epoch.saturating_sub(1), "ParentKey": text::cid(epoch.saturating_sub(1), 0), "Epoch": epoch,
            "Miner": text::on_network(&miner.id, prefix), "Cid": text::cid(epoch, 0),
            "WinningAt": text::time(at_ms, world.settings.zone_hours), "MineState": 1, "Consuming": 0,
        })
    });
    Outcome::Value(rows.collect())
}
