//! A chain service of Venus: the message that holds up a sender, and miners that are not mined for.
//!
//! Each action has a file with what must be so right before and what shows right after; both are asked anew, of the
//! services themselves. What must never be automated has no call at all (`actions/venus`). Source: venus contract, 2.5,
//! 2.6, 3, 8.5.

mod check;
mod disk;
mod mark_bad;
mod message;
mod miner;
mod process;
mod reload;
mod replace;
mod republish;
mod start;
mod tokens;
mod update_filled;

use std::time::Duration;

use super::catalogue::{self, Action, Key};
use super::tools::Tools;
use super::{Hands, left_alone, undone};
use crate::actions::venus::Service;
use crate::collectors::venus::amount::Fil;
use crate::collectors::venus::{Desk, Instance, Target};
use crate::remedy::runner::{Notes, Undone};
use crate::remedy::step::Plan;
use crate::upstream::{Fault, Token, Upstream, VenusService, Why};
use crate::values::SecretSource;
pub(super) use disk::DISK;
use mark_bad::{ExitCodes, Most};
pub(super) use process::Process;
pub(super) use tokens::try_tokens;

/// What is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Order {
    UpdateFilled,
    Republish,
    Replace { max_fee: Fil },
    MarkBad { exit_codes: ExitCodes, most: Most },
    Start,
    Reload,
}

const MAX_FEE: Key = Key {
    name: "max_fee",
    is: "what one replacement may cost in all, like `0.05 FIL`; it is never unlimited",
};
const EXIT_CODES: Key = Key {
    name: "exit_codes",
    is: "the chain's reasons for which a message is given up, as `venus_messager_errors` labels them, like `illegal_argument, forbidden`; errors of signing and pushing are never among them",
};
const MOST: Key = Key {
    name: "most",
    is: "messages that are given up at once, up to 20; 1",
};
const ONLY_MINER_SERVICE: Key = Key {
    name: "only_miner_service",
    is: "`yes`: your word that no other miner service anywhere mines for these miners; two are slashed",
};

pub(super) static ACTIONS: [Action; 6] = [
    Action {
        name: "update-filled-message",
        does: "has the messager ask the node whether the message that holds up a sender is on chain already",
        keys: &[],
        read: |_| Some(catalogue::Order::Venus(Order::UpdateFilled)),
    },
    Action {
        name: "republish-message",
        does: "has the messager push the message that holds up a sender once more, as it is",
        keys: &[],
        read: |_| Some(catalogue::Order::Venus(Order::Republish)),
    },
    Action {
        name: "replace-message",
        does: "has the messager sign the message that holds up a sender anew with a higher fee, where it pays less than the base fee",
        keys: &[MAX_FEE],
        read: |with| {
            let max_fee = with.required(&MAX_FEE)?;
            Some(catalogue::Order::Venus(Order::Replace { max_fee }))
        },
    },
    Action {
        name: "mark-bad-message",
        does: "has the messager give up unfilled messages that the chain refuses, so that they take no places; whoever sent them must decide again",
        keys: &[EXIT_CODES, MOST],
        read: |with| {
            let exit_codes = with.required(&EXIT_CODES);
            let most = with.optional(MOST.name)?.unwrap_or_default();
            exit_codes.map(|exit_codes| catalogue::Order::Venus(Order::MarkBad { exit_codes, most }))
        },
    },
    Action {
        name: "start-mining",
        does: "has the miner service mine for a miner that shall mine and is closed",
        keys: &[ONLY_MINER_SERVICE],
        read: |with| {
            let said = with.said(&ONLY_MINER_SERVICE, "yes");
            said.then_some(catalogue::Order::Venus(Order::Start))
        },
    },
    Action {
        name: "reload-miners",
        does: "has the miner service read its miners from auth again, for one that is open and not mined for",
        keys: &[ONLY_MINER_SERVICE],
        read: |with| {
            let said = with.said(&ONLY_MINER_SERVICE, "yes");
            said.then_some(catalogue::Order::Venus(Order::Reload))
        },
    },
];

impl Order {
    /// The looks before and after, and the call.
    pub(super) const fn needs(&self) -> Duration {
        match self {
            Self::UpdateFilled | Self::Republish | Self::Replace { .. } | Self::MarkBad { .. } => {
                Duration::from_secs(120)
            }
            // A miner service answers only between its mining rounds.
            Self::Start | Self::Reload => Duration::from_secs(180),
        }
    }

    /// Whether it costs a fee once more.
    pub(super) const fn replaces(&self) -> bool {
        matches!(self, Self::Replace { .. })
    }

    const fn is_about_miners(&self) -> bool {
        matches!(self, Self::Start | Self::Reload)
    }
}

/// What is needed to look at one chain service, and to change something in it.
pub(super) struct Reach {
    pub(super) target: Target,
    pub(super) desk: Desk,
    messagers: Vec<Option<Service>>,
    miner: Option<Service>,
}

impl Reach {
    /// Whether it names a token for changes.
    pub(super) fn may_change(target: &Target) -> bool {
        let mut instances = target.messagers.iter().chain(&target.miner_services);
        instances.any(|instance| target.act_token(instance).is_some())
    }

    /// Reads the tokens; nothing is asked yet.
    pub(super) fn new(target: &Target, upstream: &Upstream) -> Result<Self, Fault> {
        let service = |service: VenusService, instance: &Instance| -> Result<Option<Service>, Fault> {
            let Some(source) = target.act_token(instance) else {
                return Ok(None);
            };
            let token = token(target, &instance.label(), source)?;
            Ok(Some(Service::new(upstream, service, instance, token)))
        };
        let messagers = target.messagers.iter();
        Ok(Self {
            desk: Desk::new(target, upstream)?,
            messagers: messagers
                .map(|instance| service(VenusService::Messager, instance))
                .collect::<Result<_, _>>()?,
            miner: match &target.miner_services[..] {
                [only] => service(VenusService::Miner, only)?,
                _ => None,
            },
            target: target.clone(),
        })
    }

    fn messager(&self, number: usize) -> Result<&Service, String> {
        let service = self.messagers.get(number).and_then(Option::as_ref);
        service.ok_or_else(|| "the messager that answers has no `act_token_file`".to_owned())
    }

    fn miner_service(&self) -> Result<&Service, String> {
        let words = || "the miner service has no `act_token_file`".to_owned();
        self.miner.as_ref().ok_or_else(words)
    }
}

fn token(target: &Target, label: &str, source: SecretSource) -> Result<Token, Fault> {
    let who = format!("{} {label}", target.name);
    let token = Token::read(&who, source)?;
    if token.holds_address() {
        let words = "it holds an address behind the token (`JWT:/ip4/..`): keep only what stands before the `:`";
        return Err(Fault::new(
            who,
            "its token for repairs",
            Why::Configuration(words.to_owned()),
        ));
    }
    Ok(token)
}

/// An action while it is made: on what, and where its steps are noted.
struct Making<'a> {
    hands: &'a Hands,
    tools: &'a Tools,
    reach: &'a Reach,
    plan: &'a Plan,
    notes: &'a dyn Notes,
}

impl Hands {
    pub(super) async fn venus(
        &self,
        tools: &Tools,
        order: &Order,
        plan: &Plan,
        notes: &dyn Notes,
    ) -> Result<String, Undone> {
        let reach = tools.venus.get(&plan.target);
        let reach = reach.ok_or_else(|| {
            let target = &plan.target;
            left_alone(format!(
                "`{target}` is no chain service of Venus with an `act_token_file`"
            ))
        })?;
        let making = Making {
            hands: self,
            tools,
            reach,
            plan,
            notes,
        };
        match order {
            Order::UpdateFilled => making.update_filled().await,
            Order::Republish => making.republish().await,
            Order::Replace { max_fee } => making.replace(max_fee.get()).await,
            Order::MarkBad { exit_codes, most } => making.mark_bad(exit_codes, *most).await,
            Order::Start => making.start().await,
            Order::Reload => making.reload().await,
        }
    }
}
