//! The messager's reading half: lists of messages by many ways, senders, shared parameters.

use serde_json::{Value, json};

use super::{
    access::At,
    changes,
    message::{FILLED, Message, ON_CHAIN, UNFILLED},
    people::{Perm, Sender},
    rpc::{Answer, Failure, Outcome, Param, Signature, nobody, number_at, same, text_at},
    settings::Own,
    text,
    version::{Role, Version},
    world::World,
};
use crate::clock::unix_ms;

const NO_NODE: &str = "dial tcp 127.0.0.1:3453: connect: connection refused";
const NO_DATABASE: &str = "dial tcp 127.0.0.1:3306: connect: connection refused";

pub(super) fn signature(version: Version, name: &str) -> Signature {
    let read = if version.from(10) { Perm::Read } else { Perm::Admin };
    let params: &[Param] = match name {
        "ListMessageByFromState" => {
            const NEW: &[Param] = &[
                Param::Address,
                Param::Int,
                Param::Bool,
                Param::Int,
                Param::Int,
                Param::Int,
            ];
            const MIDDLE: &[Param] = &[Param::Address, Param::Int, Param::Bool, Param::Int, Param::Int];
            const OLD: &[Param] = &[Param::Address, Param::Int, Param::Int, Param::Int];
            let params = match (version.from(15), version.from(4)) {
                (true, _) => NEW,
                (false, true) => MIDDLE,
                (false, false) => OLD,
            };
            return Some((Perm::Admin, params));
        }
        "ListMessage" if version.from(10) => &[Param::Object("mtypes.MsgQueryParams")],
        "ListMessage" | "ListFailedMessage" | "ListAddress" | "GetSharedParams" => &[],
        "ListBlockedMessage" => &[Param::Address, Param::Int],
        "GetMessageByUid" => &[Param::Text],
        _ => return changes::signature(version, name),
    };
    Some((read, params))
}

pub(super) fn call(world: &mut World, at: &At, name: &str, params: &[Value]) -> Answer {
    if at.instance.is(Own::DatabaseDown) {
        return Err(Failure::said(NO_DATABASE));
    }
    match name {
        "ListMessageByFromState" => by_state(world, at, params),
        "ListMessage" => queried(world, at, params),
        "ListFailedMessage" => Ok(listed(
            world,
            at,
            picked(world, |message, of| {
                message.state == UNFILLED && !message.error.is_empty() && at.owns(&of.account)
            }),
        )),
        "ListBlockedMessage" => Ok(blocked(world, at, params)),
        "GetMessageByUid" => {
            needs_node(world)?;
            let message = found(world, at, text_at(params, 0))?;
            Ok(Outcome::Value(message.value(&style(world, at))))
        }
        "ListAddress" => Ok(Outcome::Value(addresses(world, at))),
        "GetSharedParams" => Ok(Outcome::Value(shared(world, at.version()))),
        _ => changes::call(world, at, name, params),
    }
}

/// Some reads ask the node for its head first.
fn needs_node(world: &World) -> Result<(), Failure> {
    match world.well(Role::Node) {
        Some(_) => Ok(()),
        None => Err(Failure::said(NO_NODE)),
    }
}

fn style(world: &World, at: &At) -> super::message::Style {
    world.style(at.version(), at.prefix(&world.settings.network))
}

/// Remembered messages that are meant, oldest first.
fn picked(world: &World, meant: impl Fn(&Message, &Sender) -> bool) -> Vec<Message> {
    let queues = world.settings.senders.iter().zip(&world.messages);
    let picked = queues.flat_map(|(of, messages)| messages.iter().map(move |message| (of, message)));
    let mut picked: Vec<Message> = picked
        .filter(|(of, message)| meant(message, of))
        .map(|(_, message)| message.clone())
        .collect();
    picked.sort_by(|one, other| one.key().cmp(&other.key()));
    picked
}

fn listed(world: &World, at: &At, messages: Vec<Message>) -> Outcome {
    Outcome::Messages(Box::new(messages.into_iter()), style(world, at))
}

/// Messages on chain that nobody remembers one by one, made up while they are asked for: oldest first, or newest.
fn history(world: &World, meant: impl Fn(&Sender) -> bool, oldest_first: bool) -> History {
    let senders = world.settings.senders.iter().enumerate();
    let mut senders: Vec<(usize, Sender)> = senders
        .filter(|(_, of)| meant(of))
        .map(|(at, of)| (at, of.clone()))
        .collect();
    senders.sort_by_key(|(_, of)| std::cmp::Reverse(of.history));
    History {
        longest: senders.first().map_or(0, |(_, of)| of.history),
        senders,
        until_ms: world.started_ms.saturating_sub(3_600_000),
        oldest_first,
    }
}

struct History {
    /// Those with the longest history first.
    senders: Vec<(usize, Sender)>,
    longest: u64,
    until_ms: u64,
    oldest_first: bool,
}

impl History {
    fn len(&self) -> u64 {
        self.senders.iter().map(|(_, of)| of.history).sum()
    }

    fn page(self, skip: usize, take: usize) -> impl Iterator<Item = Message> + Send {
        let Self {
            senders,
            longest,
            until_ms,
            oldest_first,
        } = self;
        let backs = (1..=longest).map(move |back| if oldest_first { longest + 1 - back } else { back });
        let keys: std::sync::Arc<Vec<(usize, Sender)>> = std::sync::Arc::new(senders);
        let all = backs.flat_map(move |back| {
            let keys = std::sync::Arc::clone(&keys);
            let mut next = 0;
            std::iter::from_fn(move || {
                let (sender, of) = keys.get(next).filter(|(_, of)| of.history >= back)?;
                next += 1;
                Some((*sender, of.clone(), of.history - back))
            })
        });
        all.skip(skip)
            .take(take)
            .map(move |(sender, of, at)| Message::of_history(sender, &of, at, until_ms))
    }
}

fn usize_of(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// `remembered` (in the order wanted) and the history, as one list that is cut to a page.
fn paged(
    world: &World,
    at: &At,
    remembered: Vec<Message>,
    history: Option<History>,
    (skip, take): (u64, u64),
) -> Outcome {
    let style = style(world, at);
    let Some(history) = history else {
        let page = remembered.into_iter().skip(usize_of(skip)).take(usize_of(take));
        return Outcome::Messages(Box::new(page), style);
    };
    let (before, count) = (history.len(), u64::try_from(remembered.len()).unwrap_or_default());
    if history.oldest_first {
        let old = history.page(usize_of(skip), usize_of(take));
        let taken = before.saturating_sub(skip).min(take);
        let new = remembered
            .into_iter()
            .skip(usize_of(skip.saturating_sub(before)))
            .take(usize_of(take - taken));
        return Outcome::Messages(Box::new(old.chain(new)), style);
    }
    let new = remembered.into_iter().skip(usize_of(skip)).take(usize_of(take));
    let taken = count.saturating_sub(skip).min(take);
    let old = history.page(usize_of(skip.saturating_sub(count)), usize_of(take - taken));
    Outcome::Messages(Box::new(new.chain(old)), style)
}

fn by_state(world: &World, at: &At, params: &[Value]) -> Answer {
    needs_node(world)?;
    let old = !at.version().from(4);
    let (from, state) = (text_at(params, 0), number_at(params, 1));
    let oldest_first = old || params.get(2).and_then(Value::as_bool).unwrap_or_default();
    let (index, size) = if old { (2, 3) } else { (3, 4) };
    let (index, size) = (number_at(params, index), number_at(params, size));
    let until_ms = match number_at(params, 5) {
        0 => u64::MAX,
        older => unix_ms().saturating_sub(older / 1_000_000),
    };
    let meant = |of: &Sender| nobody(from) || same(&of.address, from);
    let mut rows = picked(world, |message, of| {
        meant(of) && message.state == state && message.created_ms < until_ms
    });
    if !oldest_first {
        rows.reverse();
    }
    let history = (state == ON_CHAIN).then(|| history(world, meant, oldest_first));
    let skip = index.saturating_sub(1).saturating_mul(size);
    Ok(paged(world, at, rows, history, (skip, size)))
}

/// `ListMessage`, whose limit of 0 means the whole table.
fn queried(world: &World, at: &At, params: &[Value]) -> Answer {
    needs_node(world)?;
    let Some(query) = params.first() else {
        let rows = picked(world, |_, _| true);
        return Ok(paged(
            world,
            at,
            rows,
            Some(history(world, |_| true, true)),
            (0, u64::MAX),
        ));
    };
    let list = |key: &str| query.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let number = |key: &str| query.get(key).and_then(Value::as_u64).unwrap_or_default();
    let (states, from) = (list("State"), list("From"));
    let whose = |of: &Sender| {
        let named = from
            .iter()
            .filter_map(Value::as_str)
            .any(|from| same(from, &of.address));
        named || from.is_empty() && at.owns(&of.account)
    };
    if from.is_empty() && !world.settings.senders.iter().any(whose) {
        return Ok(Outcome::Value(Value::Null));
    }
    let state = |state: u64| states.is_empty() || states.contains(&json!(state));
    let mut rows = picked(world, |message, of| whose(of) && state(message.state));
    let unsorted = query.get("Asc").and_then(Value::as_bool).unwrap_or_default();
    if !unsorted {
        rows.sort_by_key(|message| std::cmp::Reverse(message.updated_ms));
    }
    let history = state(ON_CHAIN).then(|| history(world, whose, unsorted));
    let (skip, take) = if at.version().from(13) {
        (number("Offset"), number("Limit"))
    } else {
        let size = number("PageSize");
        (number("PageIndex").saturating_sub(1).saturating_mul(size), size)
    };
    let take = if take == 0 { u64::MAX } else { take };
    Ok(paged(world, at, rows, history, (skip, take)))
}

fn blocked(world: &World, at: &At, params: &[Value]) -> Outcome {
    let from = text_at(params, 0);
    let until_ms = unix_ms().saturating_sub(number_at(params, 1) / 1_000_000);
    let states: &[u64] = if at.version().from(11) {
        &[UNFILLED, FILLED]
    } else {
        &[FILLED]
    };
    let meant = |of: &Sender| {
        if nobody(from) {
            of.state == 1
        } else {
            same(&of.address, from)
        }
    };
    let mut rows = picked(world, |message, of| {
        meant(of) && states.contains(&message.state) && message.created_ms < until_ms
    });
    rows.sort_by_key(|message| std::cmp::Reverse(message.updated_ms));
    listed(world, at, rows)
}

/// The message of this id, if there is one and the caller may see it.
pub(super) fn found(world: &World, at: &At, id: &str) -> Result<Message, Failure> {
    let remembered = world
        .messages
        .iter()
        .flatten()
        .find(|message| message.id == id)
        .cloned();
    let message = remembered.or_else(|| {
        let (sender, number) = Message::in_history(id)?;
        let of = world.settings.senders.get(sender).filter(|of| number < of.history)?;
        let until_ms = world.started_ms.saturating_sub(3_600_000);
        Some(Message::of_history(sender, of, number, until_ms))
    });
    let message = message.ok_or_else(|| Failure::said("get message by id error: record not found"))?;
    owned(world, at, message.sender)?;
    Ok(message)
}

/// Refuses callers that do not own a sender.
pub(super) fn owned(world: &World, at: &At, sender: usize) -> Result<(), Failure> {
    match world.settings.senders.get(sender) {
        Some(of) if !at.owns(&of.account) => {
            let address = text::on_network(&of.address, at.prefix(&world.settings.network));
            let user = &at.who.name;
            Err(Failure::said(format!(
                "signer {address} not exist in user {user}: permission deny"
            )))
        }
        _ => Ok(()),
    }
}

/// Null when there is none, as a nil slice is.
fn addresses(world: &World, at: &At) -> Value {
    let senders = world.settings.senders.iter().enumerate();
    let senders = senders.filter(|(_, of)| at.owns(&of.account) && of.state != 3);
    let rows: Vec<Value> = senders.map(|(number, of)| address(world, at, number, of)).collect();
    if rows.is_empty() {
        Value::Null
    } else {
        Value::Array(rows)
    }
}

fn address(world: &World, at: &At, number: usize, of: &Sender) -> Value {
    let zone = world.settings.zone_hours;
    let number = u64::try_from(number).unwrap_or_default();
    let mut row = json!({
        "id": text::uuid(u64::MAX, number), "addr": text::on_network(&of.address, at.prefix(&world.settings.network)),
        "nonce": of.nonce, "weight": 0, "state": of.state, "selMsgNum": of.sel_msg_num,
        "gasOverEstimation": of.gas_over_estimation, "maxFee": of.max_fee, "isDeleted": -1,
        "createAt": text::time(world.started_ms, zone), "updateAt": text::time(world.started_ms, zone),
    });
    let more = if at.version().is_a(Role::Messager) {
        json!({"maxFeeCap": of.gas_fee_cap})
    } else {
        json!({"gasFeeCap": of.gas_fee_cap, "gasOverPremium": of.gas_over_premium, "baseFee": of.base_fee})
    };
    crate::phala::merge::merge(&mut row, &more);
    row
}

fn shared(world: &World, version: Version) -> Value {
    let shared = &world.settings.shared;
    if version.is_a(Role::Messager) {
        return json!({
            "id": 1, "expireEpoch": 0, "gasOverEstimation": shared.gas_over_estimation, "maxFee": shared.max_fee,
            "maxFeeCap": shared.gas_fee_cap, "selMsgNum": shared.sel_msg_num, "scanInterval": 10,
            "maxEstFailNumOfMsg": 50,
        });
    }
    json!({
        "id": 1, "selMsgNum": shared.sel_msg_num, "gasOverEstimation": shared.gas_over_estimation,
        "maxFee": shared.max_fee, "gasFeeCap": shared.gas_fee_cap, "gasOverPremium": shared.gas_over_premium,
        "baseFee": shared.base_fee,
    })
}
