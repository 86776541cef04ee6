//! The messager's changing half. The rules are the real ones, also where they are harmful: whoever repairs must know better.

use serde_json::{Value, json};

use super::{
    access::At,
    message::{FAILED, FILLED, Held, Message, ON_CHAIN, REPLACED, UNFILLED},
    messager::{found, owned},
    people::{Perm, Sender},
    queue::landed,
    rpc::{Answer, Failure, Outcome, Param, Signature, nobody, number_at, same, text_at},
    text::amount,
    version::{Role, Version},
    world::World,
};
use crate::clock::unix_ms;

pub(super) fn signature(version: Version, name: &str) -> Signature {
    let (need, params): (Perm, &[Param]) = match name {
        "MarkBadMessage" | "UpdateFilledMessageByID" => (Perm::Write, &[Param::Text]),
        "ReplaceMessage" if version.from(7) => (Perm::Write, &[Param::Object("mtypes.ReplacMessageParams")]),
        "ReplaceMessage" => (
            Perm::Admin,
            &[
                Param::Text,
                Param::Bool,
                Param::Text,
                Param::Int,
                Param::Text,
                Param::Text,
            ],
        ),
        "RepublishMessage" => (Perm::Admin, &[Param::Text]),
        "UpdateAllFilledMessage" => (Perm::Admin, &[]),
        "RecoverFailedMsg" if !version.is_a(Role::Messager) => (Perm::Write, &[Param::Address]),
        "ActiveAddress" | "ForbiddenAddress" | "DeleteAddress" | "ClearUnFillMessage" => {
            (Perm::Write, &[Param::Address])
        }
        "SetSelectMsgNum" => (Perm::Write, &[Param::Address, Param::Int]),
        "SetFeeParams" if version.from(10) => (Perm::Write, &[Param::Object("mtypes.AddressSpec")]),
        "SetFeeParams" => (Perm::Admin, &[Param::Address, Param::Float, Param::Text, Param::Text]),
        "UpdateMessageStateByID" => (Perm::Write, &[Param::Text, Param::Int]),
        "UpdateNonce" => (Perm::Admin, &[Param::Address, Param::Int]),
        "SetSharedParams" => (Perm::Admin, &[Param::Object("mtypes.SharedSpec")]),
        "SetLogLevel" if version.is_a(Role::Messager) => (Perm::Admin, &[Param::Text]),
        "SetLogLevel" => (Perm::Admin, &[Param::Text, Param::Text]),
        _ => return None,
    };
    Some((if version.from(10) { need } else { Perm::Admin }, params))
}

pub(super) fn call(world: &mut World, at: &At, name: &str, params: &[Value]) -> Answer {
    let first = text_at(params, 0);
    match name {
        "MarkBadMessage" => {
            // Before 1.10 nobody looks whether there is such a message.
            if at.version().from(10) {
                found(world, at, first)?;
            }
            with(world, first, |message| message.state = FAILED);
            Ok(done(at))
        }
        "ReplaceMessage" => replace(world, at, params),
        "RepublishMessage" => republish(world, at, first),
        "UpdateFilledMessageByID" => update_filled(world, at, first),
        "UpdateAllFilledMessage" => {
            let unnoticed = filled(world).filter(|message| message.held == Held::Unnoticed);
            let ids: Vec<String> = unnoticed.map(|message| message.id.clone()).collect();
            for id in &ids {
                update_filled(world, at, id)?;
            }
            Ok(Outcome::Value(json!(ids.len())))
        }
        "UpdateMessageStateByID" => {
            with(world, first, |message| message.state = number_at(params, 1));
            Ok(id_or_nothing(at, first))
        }
        "SetSharedParams" => Ok(set_shared(world, params)),
        "SetLogLevel" => Ok(done(at)),
        "SetFeeParams" => set_fees(world, at, params),
        _ => of_sender(world, at, name, params),
    }
}

/// Nothing, which era A wrote as an empty object.
fn done(at: &At) -> Outcome {
    if at.version().is_a(Role::Messager) {
        return Outcome::Value(json!({}));
    }
    Outcome::Nothing
}

/// Nothing, where era A gave back what it was called with.
fn id_or_nothing(at: &At, first: &str) -> Outcome {
    if at.version().is_a(Role::Messager) {
        return Outcome::Value(json!(first));
    }
    Outcome::Nothing
}

fn with(world: &mut World, id: &str, change: impl FnOnce(&mut Message)) {
    let message = world.messages.iter_mut().flatten().find(|message| message.id == id);
    if let Some(message) = message {
        change(message);
        message.updated_ms = unix_ms();
    }
}

fn filled(world: &World) -> impl Iterator<Item = &Message> {
    world
        .messages
        .iter()
        .flatten()
        .filter(|message| message.state == FILLED)
}

fn state_name(state: u64, version: Version) -> &'static str {
    match state {
        UNFILLED => "UnFillMsg",
        FILLED => "FillMsg",
        ON_CHAIN => "OnChainMsg",
        FAILED => "Failed",
        REPLACED if version.from(10) => "NonceConflictMsg",
        REPLACED => "ReplacedMsg",
        _ => "UnKnown",
    }
}

fn needs_filled(message: &Message, version: Version) -> Result<(), Failure> {
    if message.state == FILLED {
        return Ok(());
    }
    let state = state_name(message.state, version);
    Err(Failure::said(format!("need FillMsg got {state}")))
}

/// An id that nobody knows, and a node that is down, look like success.
fn republish(world: &mut World, at: &At, id: &str) -> Answer {
    let Some(message) = found(world, at, id).ok().filter(|_| world.well(Role::Node).is_some()) else {
        return Ok(done(at));
    };
    needs_filled(&message, at.version())?;
    with(world, id, |message| {
        if message.held == Held::Unpublished {
            message.held = Held::No;
        }
    });
    Ok(done(at))
}

fn update_filled(world: &mut World, at: &At, id: &str) -> Answer {
    let message = found(world, at, id)?;
    if at.version().from(10) && matches!(message.state, ON_CHAIN | REPLACED) {
        let state = state_name(message.state, at.version());
        let words = format!("message state({state}) has been final, can not update");
        return Err(Failure::said(words));
    }
    let epoch = world.settings.epoch;
    if message.state == FILLED && message.held == Held::Unnoticed {
        with(world, id, |message| landed(message, epoch));
    }
    Ok(Outcome::Value(json!(id)))
}

/// What a replacement is asked to pay.
struct Offer<'a> {
    id: &'a str,
    auto: bool,
    max_fee: u128,
    limit: u64,
    premium: u128,
    fee_cap: u128,
}

impl<'a> Offer<'a> {
    fn of(params: &'a [Value]) -> Self {
        let spec = params.first().filter(|spec| spec.is_object());
        let value = |key: &str, at: usize| match spec {
            Some(spec) => spec.get(key),
            None => params.get(at),
        };
        let money = |key, at| value(key, at).and_then(Value::as_str).map_or(0, amount);
        Self {
            id: match spec {
                Some(spec) => spec.get("ID").and_then(Value::as_str).unwrap_or_default(),
                None => text_at(params, 0),
            },
            auto: value("Auto", 1).and_then(Value::as_bool).unwrap_or_default(),
            max_fee: money("MaxFee", 2),
            limit: value("GasLimit", 3).and_then(Value::as_u64).unwrap_or_default(),
            premium: money("GasPremium", 4),
            fee_cap: money("GasFeecap", 5),
        }
    }

    /// Premium and fee cap that a message gets; by itself, at least a quarter more than before and never over the ceiling.
    fn fees(&self, message: &Message, of: Option<&Sender>, shared: u128, base_fee: u128) -> (u128, u128) {
        if !self.auto {
            return (self.premium, self.fee_cap);
        }
        let premium = (amount(&message.premium) * 5 / 4 + 1).max(100_340);
        let fee_cap = (base_fee * 3 / 2 + premium).max(premium);
        let own = of.map_or(0, |of| amount(&of.max_fee));
        let ceiling = [self.max_fee, own, shared].into_iter().find(|ceiling| *ceiling > 0);
        let highest = ceiling.map_or(u128::MAX, |ceiling| ceiling / u128::from(message.gas_limit.max(1)));
        (premium.min(highest), fee_cap.min(highest))
    }
}

/// Before 1.4 the row was written whatever its state was.
fn replace(world: &mut World, at: &At, params: &[Value]) -> Answer {
    let offer = Offer::of(params);
    let message = found(world, at, offer.id)?;
    if message.state == ON_CHAIN {
        return Err(Failure::said("message already on chain"));
    }
    if !offer.auto && offer.premium == 0 {
        return Err(Failure::said("gas premium(0) must bigger than zero"));
    }
    if !offer.auto && offer.fee_cap == 0 {
        return Err(Failure::said("gas feecap(0) must bigger than zero"));
    }
    let of = world.settings.senders.get(message.sender);
    if !of.is_some_and(|of| world.signs(&of.account)) {
        return Err(Failure::said("sign message failed: no wallet connection"));
    }
    if !at.version().is_a(Role::Messager) {
        needs_filled(&message, at.version())?;
    }
    let shared = amount(&world.settings.shared.max_fee);
    let (premium, fee_cap) = offer.fees(&message, of, shared, amount(&world.settings.base_fee));
    let limit = offer.limit;
    with(world, offer.id, |message| {
        message.premium = premium.to_string();
        message.fee_cap = fee_cap.to_string();
        message.gas_limit = if limit == 0 { message.gas_limit } else { limit };
        message.signed += 1;
        message.state = FILLED;
        if message.held == Held::Unpublished {
            message.held = Held::No;
        }
    });
    let signed = found(world, at, offer.id)?;
    Ok(Outcome::Value(signed.cid(signed.signed)))
}

fn set_shared(world: &mut World, params: &[Value]) -> Outcome {
    let spec = params.first().unwrap_or(&Value::Null);
    let shared = &mut world.settings.shared;
    if let Some(number) = spec.get("selMsgNum").and_then(Value::as_u64) {
        shared.sel_msg_num = number;
    }
    for (key, field) in [
        ("maxFee", &mut shared.max_fee),
        ("gasFeeCap", &mut shared.gas_fee_cap),
        ("baseFee", &mut shared.base_fee),
    ] {
        if let Some(text) = spec.get(key).and_then(Value::as_str) {
            text.clone_into(field);
        }
    }
    Outcome::Nothing
}

/// The sender with this address, if the caller may touch it.
fn sender(world: &World, at: &At, address: &str) -> Result<usize, Failure> {
    let mut senders = world.settings.senders.iter();
    let found = senders.position(|of| !nobody(address) && same(&of.address, address));
    let found = found.ok_or_else(|| Failure::said("record not found"))?;
    owned(world, at, found)?;
    Ok(found)
}

fn set_fees(world: &mut World, at: &At, params: &[Value]) -> Answer {
    let spec = params.first().filter(|spec| spec.is_object()).cloned();
    let spec = spec.unwrap_or_else(
        || json!({"address": text_at(params, 0), "maxFeeStr": text_at(params, 2), "gasFeeCapStr": text_at(params, 3)}),
    );
    let text = |key: &str| spec.get(key).and_then(Value::as_str).unwrap_or_default();
    let found = sender(world, at, text("address"))?;
    if let Some(of) = world.settings.senders.get_mut(found) {
        for (key, field) in [("maxFeeStr", &mut of.max_fee), ("gasFeeCapStr", &mut of.gas_fee_cap)] {
            if !text(key).is_empty() {
                text(key).clone_into(field);
            }
        }
    }
    Ok(id_or_nothing(at, text("address")))
}

fn of_sender(world: &mut World, at: &At, name: &str, params: &[Value]) -> Answer {
    let address = text_at(params, 0);
    let number = number_at(params, 1);
    let found = sender(world, at, address)?;
    let (Some(of), Some(messages)) = (world.settings.senders.get_mut(found), world.messages.get_mut(found)) else {
        return Err(Failure::said("record not found"));
    };
    match name {
        "ActiveAddress" => of.state = 1,
        "ForbiddenAddress" => of.state = 4,
        "DeleteAddress" => of.state = 3,
        "SetSelectMsgNum" => of.sel_msg_num = number,
        "UpdateNonce" => of.nonce = number,
        "RecoverFailedMsg" => {
            let lost = messages
                .iter_mut()
                .filter(|message| message.state == FAILED && message.signed > 0 && message.nonce >= of.chain_nonce);
            let ids = lost.map(|message| {
                message.state = FILLED;
                message.id.clone()
            });
            return Ok(Outcome::Value(json!(ids.collect::<Vec<String>>())));
        }
        _ => {
            let unfilled = messages.iter_mut().filter(|message| message.state == UNFILLED);
            let cleared = unfilled.map(|message| message.state = FAILED).count();
            return Ok(Outcome::Value(json!(cleared)));
        }
    }
    Ok(id_or_nothing(at, address))
}
