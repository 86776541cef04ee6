//! Everything that is ever changed in Venus, and what each version wants to be told for it.

use serde_json::{Value, json};

use crate::collectors::venus::address::Address;
use crate::collectors::venus::amount::AttoFil;
use crate::upstream::VenusService;

/// One call. Ids are the messager's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// Has the messager ask the node whether a filled message is on chain.
    UpdateFilled { id: &'a str },
    /// Pushes the same bytes again.
    Republish { id: &'a str },
    /// Signs a filled message anew with more gas, up to `max_fee` for all of it.
    Replace {
        id: &'a str,
        max_fee: &'a AttoFil,
        form: ReplaceForm,
    },
    /// Gives up a message, whatever its state is: who calls has looked.
    MarkBad { id: &'a str },
    /// Opens one miner for mining.
    Start { miner: &'a Address, form: StartForm },
    /// Has the miner service read its list from auth again, all of it: with a window it would stop who is outside.
    ReloadMiners,
}

/// What a messager wants to be told for a replacement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplaceForm {
    /// From 1.7.
    Object,
    /// Up to 1.6.
    Positions,
}

/// What a miner service wants to be told for a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartForm {
    /// From 1.1.1. Never empty: up to 1.7 that is everybody.
    List,
    /// Up to 1.1.0.
    Single,
}

impl Change<'_> {
    /// As the upstream spells it, without the namespace.
    pub const fn method(&self) -> &'static str {
        match self {
            Self::UpdateFilled { .. } => "UpdateFilledMessageByID",
            Self::Republish { .. } => "RepublishMessage",
            Self::Replace { .. } => "ReplaceMessage",
            Self::MarkBad { .. } => "MarkBadMessage",
            Self::Start { .. } => "Start",
            Self::ReloadMiners => "UpdateAddress",
        }
    }

    pub(super) const fn service(&self) -> VenusService {
        match self {
            Self::UpdateFilled { .. } | Self::Republish { .. } | Self::Replace { .. } | Self::MarkBad { .. } => {
                VenusService::Messager
            }
            Self::Start { .. } | Self::ReloadMiners => VenusService::Miner,
        }
    }

    pub(super) fn params(&self) -> Value {
        match self {
            Self::UpdateFilled { id } | Self::Republish { id } | Self::MarkBad { id } => json!([id]),
            Self::Replace { id, max_fee, form } => {
                let max_fee = max_fee.attofil().to_string();
                match form {
                    // What is left out is estimated.
                    ReplaceForm::Object => json!([{"ID": id, "Auto": true, "MaxFee": max_fee}]),
                    // Limit 0 keeps the old one; the last two are looked at only where nothing is estimated.
                    ReplaceForm::Positions => json!([id, true, max_fee, 0, "0", "0"]),
                }
            }
            Self::Start { miner, form } => match form {
                StartForm::List => json!([[miner.as_str()]]),
                StartForm::Single => json!([miner.as_str()]),
            },
            Self::ReloadMiners => json!([0, 0]),
        }
    }
}
