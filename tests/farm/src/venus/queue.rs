//! How messages move: with each epoch filled ones land and unfilled ones are selected; troubles hold them up.

use super::{
    message::{FILLED, Held, Message, ON_CHAIN, UNFILLED},
    people::{Sender, Trouble},
    text::amount,
    version::{Role, Version},
    world::World,
};
use crate::clock::unix_ms;

/// Messages of one sender that a block takes.
const LANDS: usize = 100;

/// Messages of one sender that a round of selection takes.
const SELECTED: u64 = 100;

/// Landed messages that are remembered one by one; older ones are only counted.
const REMEMBERED: usize = 1000;

/// Moves everything by one epoch. Without heads nothing is selected and nothing that lands is noticed.
pub(super) fn step(world: &mut World, epoch: u64) {
    let heads = world.has_heads();
    let release = world.well(Role::Messager).map(|known| known.instance.version);
    let base_fee = amount(&world.settings.base_fee);
    let shared = world.settings.shared.sel_msg_num;
    for at in 0..world.settings.senders.len() {
        let signs = world
            .settings
            .senders
            .get(at)
            .is_some_and(|of| world.signs(&of.account));
        let numbers: Vec<u64> = {
            let flow = world.settings.senders.get(at).map_or(0, |of| of.flow);
            (0..flow).map(|_| world.number()).collect()
        };
        let (Some(of), Some(messages)) = (world.settings.senders.get_mut(at), world.messages.get_mut(at)) else {
            continue;
        };
        if heads {
            land(of, messages, epoch, base_fee);
        }
        if let (true, Some(version)) = (heads, release) {
            let round = Round {
                version,
                epoch,
                base_fee,
                shared,
                signs,
            };
            round.select(of, messages);
        }
        let now = unix_ms();
        messages.extend(numbers.into_iter().map(|number| Message::new(at, of, number, now)));
        forget(of, messages);
    }
}

/// Takes filled messages into a block, in the order of their nonces, as far as nothing holds them.
fn land(of: &mut Sender, messages: &mut [Message], epoch: u64, base_fee: u128) {
    for _ in 0..LANDS {
        let due = messages.iter_mut().find(|message| {
            message.state == FILLED
                && message.nonce == of.chain_nonce
                && message.held == Held::No
                && message.filled < epoch
                && amount(&message.fee_cap) >= base_fee
        });
        let Some(message) = due else { return };
        landed(message, epoch);
        of.chain_nonce += 1;
    }
}

/// What the table says of a message once its receipt is known.
pub(super) fn landed(message: &mut Message, epoch: u64) {
    message.state = ON_CHAIN;
    message.height = epoch;
    message.exit_code = 0;
    message.held = Held::No;
    message.updated_ms = unix_ms();
}

/// One round of selection.
struct Round {
    version: Version,
    epoch: u64,
    base_fee: u128,
    shared: u64,
    signs: bool,
}

impl Round {
    /// Since 1.10 the newest first; before, the oldest, and one that fails stops the ones behind it.
    fn select(&self, of: &mut Sender, messages: &mut [Message]) {
        let pending = of.nonce.saturating_sub(of.chain_nonce);
        let limit = if of.sel_msg_num == 0 {
            self.shared
        } else {
            of.sel_msg_num
        };
        let places = limit.saturating_sub(pending).min(SELECTED);
        if of.state != 1 || places == 0 {
            return;
        }
        let mut waiting: Vec<&mut Message> = messages
            .iter_mut()
            .filter(|message| message.state == UNFILLED)
            .collect();
        waiting.sort_by(|one, other| one.key().cmp(&other.key()));
        if self.version.from(10) {
            waiting.reverse();
        }
        for message in waiting.into_iter().take(usize::try_from(places).unwrap_or_default()) {
            message.updated_ms = unix_ms();
            if !message.fails.is_empty() {
                message.error = format!("gas estimate: {}", message.fails);
                if self.version.from(10) {
                    continue;
                }
                return;
            }
            if !self.signs {
                message.error = format!("sign message failed: no connection of account {}", of.account);
                return;
            }
            fill(of, message, self.epoch, self.base_fee);
        }
    }
}

/// Gives a message the next nonce, gas and a signature.
fn fill(of: &mut Sender, message: &mut Message, epoch: u64, base_fee: u128) {
    message.state = FILLED;
    message.nonce = of.nonce;
    message.filled = epoch;
    message.error.clear();
    message.sign(base_fee);
    of.nonce += 1;
}

/// Leaves only a count of what landed long ago.
fn forget(of: &mut Sender, messages: &mut Vec<Message>) {
    let landed = messages.iter().filter(|message| message.state == ON_CHAIN).count();
    let mut surplus = landed.saturating_sub(REMEMBERED);
    messages.retain(|message| {
        let goes = surplus > 0 && message.state == ON_CHAIN;
        if goes {
            surplus -= 1;
            of.history += 1;
        }
        !goes
    });
}

/// Adds a message as it was ordered. A filled one without a nonce gets the next one; all but unfilled ones are signed.
pub(super) fn put(world: &mut World, mut message: Message) -> String {
    let base_fee = amount(&world.settings.base_fee);
    let at = message.sender;
    let (Some(of), Some(messages)) = (world.settings.senders.get_mut(at), world.messages.get_mut(at)) else {
        return String::new();
    };
    if message.state == FILLED && message.nonce == 0 {
        message.nonce = of.nonce;
        of.nonce += 1;
    }
    let own_cap = (amount(&message.fee_cap) > 0).then(|| message.fee_cap.clone());
    if message.state != UNFILLED && message.signed == 0 {
        message.sign(base_fee);
    }
    if let Some(own_cap) = own_cap {
        message.fee_cap = own_cap;
    }
    let id = message.id.clone();
    messages.push(message);
    id
}

/// Ends the trouble that a sender had and begins the one it has, if they differ.
pub(super) fn changed(world: &mut World, at: usize, before: Trouble) {
    let Some(of) = world.settings.senders.get(at).cloned() else {
        return;
    };
    if of.trouble == before {
        return;
    }
    heal(world, at, before);
    let shared = world.settings.shared.sel_msg_num;
    let limit = if of.sel_msg_num == 0 { shared } else { of.sel_msg_num };
    let count = match (of.trouble_count, of.trouble) {
        (0, Trouble::FailedEstimation | Trouble::NonceGap) => limit,
        (0, _) => 1,
        (count, _) => count,
    };
    let first = unix_ms().saturating_sub(of.trouble_age_s * 1000);
    if let (Trouble::NonceGap, Some(of)) = (of.trouble, world.settings.senders.get_mut(at)) {
        of.nonce += 1;
    }
    for number in 0..count {
        let mut message = Message::new(at, &of, world.number(), first + number);
        message.method = of.trouble_method;
        message.ill = true;
        match of.trouble {
            Trouble::Healthy => return,
            Trouble::FailedEstimation => {
                message.fails.clone_from(&of.trouble_error);
                message.error = format!("gas estimate: {}", of.trouble_error);
            }
            Trouble::StuckFilled => message.held = Held::Unpublished,
            Trouble::Unnoticed => message.held = Held::Unnoticed,
            Trouble::UnderPriced => message.fee_cap = (amount(&world.settings.base_fee) / 2).max(1).to_string(),
            Trouble::NonceGap => (),
        }
        if of.trouble != Trouble::FailedEstimation {
            message.state = FILLED;
        }
        put(world, message);
        if let (Trouble::Unnoticed, Some(of)) = (of.trouble, world.settings.senders.get_mut(at)) {
            of.chain_nonce += 1;
        }
    }
}

/// What held the messages is gone; they go their way with the next epochs.
fn heal(world: &mut World, at: usize, before: Trouble) {
    let epoch = world.settings.epoch;
    let base_fee = amount(&world.settings.base_fee);
    let (Some(of), Some(messages)) = (world.settings.senders.get_mut(at), world.messages.get_mut(at)) else {
        return;
    };
    if before == Trouble::NonceGap {
        of.chain_nonce += 1;
    }
    for message in messages.iter_mut().filter(|message| message.ill) {
        message.ill = false;
        message.fails.clear();
        if message.state == FILLED && message.held == Held::Unnoticed {
            landed(message, epoch);
        }
        message.held = Held::No;
        if message.state == FILLED {
            message.fee_cap = amount(&message.fee_cap).max(base_fee * 2).to_string();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn world(sender: &Value) -> World {
        let mut world = World::new();
        for role in Role::ALL {
            world.add(role.name(), role);
        }
        world
            .patch(&json!({"by_hand": true, "epoch": 1000, "senders": [sender]}))
            .unwrap();
        world
    }

    fn states(world: &World) -> Vec<u64> {
        world.messages.iter().flatten().map(|message| message.state).collect()
    }

    #[test]
    fn a_message_is_filled_in_one_epoch_and_lands_in_the_next() {
        let mut world = world(&json!({}));
        world.put(&json!({"count": 25})).unwrap();
        world.grow(1);
        let count = |world: &World, state| states(world).into_iter().filter(|is| *is == state).count();
        assert_eq!([UNFILLED, FILLED].map(|state| count(&world, state)), [5, 20]);
        world.grow(1);
        assert_eq!([FILLED, ON_CHAIN].map(|state| count(&world, state)), [5, 20]);
        let of = &world.settings.senders[0];
        assert_eq!((of.chain_nonce, of.nonce), (1020, 1025));
    }

    #[test]
    fn a_stuck_message_holds_its_sender_until_it_is_published_again() {
        let mut world = world(&json!({"flow": 30, "trouble": "stuck_filled"}));
        world.grow(5);
        let of = &world.settings.senders[0];
        assert_eq!((of.chain_nonce, of.nonce), (1000, 1020));
        world.messages[0][0].held = Held::No;
        world.grow(1);
        assert_eq!(world.settings.senders[0].chain_nonce, 1020);
    }

    #[test]
    fn failing_estimations_take_all_places_only_of_older_releases() {
        for (era, filled) in [("b", 0), ("c", 3)] {
            let mut world = world(&json!({"trouble": "failed_estimation", "trouble_count": 2}));
            world.patch(&json!({"era": era})).unwrap();
            world.put(&json!({"count": 3})).unwrap();
            world.grow(1);
            let count = states(&world).into_iter().filter(|state| *state == FILLED).count();
            assert_eq!(count, filled, "{era}");
        }
    }

    #[test]
    fn a_gap_stops_selection_and_healing_it_goes_on() {
        let mut world = world(&json!({"trouble": "nonce_gap"}));
        world.put(&json!({})).unwrap();
        world.grow(3);
        let of = &world.settings.senders[0];
        assert_eq!((of.chain_nonce, of.nonce), (1000, 1021));
        world.patch_one("senders", &json!({"trouble": "healthy"})).unwrap();
        world.grow(3);
        let of = &world.settings.senders[0];
        assert_eq!((of.chain_nonce, of.nonce), (1022, 1022));
    }

    #[test]
    fn what_is_not_signed_or_not_paid_for_does_not_move() {
        let mut world = world(&json!({"trouble": "under_priced"}));
        world.grow(2);
        assert_eq!(states(&world), [FILLED]);
        world.put(&json!({"sender": 0})).unwrap();
        world
            .patch_service("gateway", &json!({"incident": "lost_wallet"}))
            .unwrap();
        world.grow(1);
        assert_eq!(states(&world), [FILLED, UNFILLED]);
        assert!(world.messages[0][1].error.starts_with("sign message failed"));
    }
}
