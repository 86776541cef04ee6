//! Policies with these actions against the targets that they name.

use super::Order;
use super::miner::second_service;
use crate::collectors::Symptom;
use crate::collectors::venus::{Instance, Target, symptoms};
use crate::remedy::hands::check::Checked;
use crate::remedy::settings::Rung;
use crate::values::{Duration, Name};

/// Between two replacements; a replacement needs some epochs.
const COOL_DOWN: Duration = Duration::from_secs(300);
/// Replacements of what one sender waits for; each costs a quarter more than the one before.
const REPLACEMENTS: u32 = 3;
const DAY: Duration = Duration::from_secs(86_400);
/// Three epochs: a service that mines shows errors of its rounds by then.
const GONE_FOR: Duration = Duration::from_secs(90);

impl Order {
    /// What it is done about: its entity must be what the symptom names.
    fn symptoms(&self) -> &'static [&'static Symptom] {
        static OF_FILLED: [&Symptom; 5] = [
            &symptoms::FILLED_OLD,
            &symptoms::FILLED_STUCK,
            &symptoms::UNDERPRICED,
            &symptoms::WINDOW_POST_PENDING,
            &symptoms::NONCE_GAP,
        ];
        // What is given up is older than 30m, and then it is told as that.
        static OF_UNFILLED: [&Symptom; 1] = [&symptoms::UNFILLED_STUCK];
        static OF_MINERS: [&Symptom; 1] = [&symptoms::NOT_MINING];
        match self {
            Self::UpdateFilled | Self::Republish | Self::Replace { .. } => &OF_FILLED,
            Self::MarkBad { .. } => &OF_UNFILLED,
            Self::Start | Self::Reload => &OF_MINERS,
        }
    }
}

impl Checked<'_> {
    pub(in crate::remedy::hands) fn venus(&mut self, order: &Order, rung: &Rung, place: &str) {
        let cured = order.symptoms();
        if !cured.contains(&self.policy.symptom.get()) {
            let names: Vec<&str> = cured.iter().map(|symptom| symptom.name).collect();
            let words = format!("`{}` cures none but {}", rung.action, names.join(", "));
            self.say("symptom", words);
        }
        for (index, target) in self.policy.targets.iter().enumerate() {
            let words = match self.settings.venus(target) {
                Some(venus) => unfit(order, rung, venus, &self.settings.venus),
                None if self.is_excused(target) => None,
                None => Some(format!(
                    "`{target}` is no chain service of Venus, and `{}` is for one",
                    rung.action
                )),
            };
            if let Some(words) = words {
                self.say(format!("targets[{index}]"), words);
            }
        }
        match order {
            Order::Replace { max_fee } => self.replace(max_fee.get().is_zero(), place),
            Order::MarkBad { .. } if self.policy.attempts.within < DAY => {
                let words = "how often messages of one sender are given up is limited by the day: `within: 1d`";
                self.say("attempts.within", words);
            }
            Order::Start | Order::Reload if rung.gone_for < GONE_FOR => {
                let words = format!("whether mining works shows after three epochs: at least {GONE_FOR}");
                self.say(format!("{place}.gone_for"), words);
            }
            _ => {}
        }
    }

    /// Others say that it cannot be read, or is not there.
    pub(in crate::remedy::hands) fn is_excused(&self, target: &Name) -> bool {
        (self.is_unread)(target) || !self.settings.targets.contains_key(target)
    }

    fn replace(&mut self, for_nothing: bool, place: &str) {
        if for_nothing {
            self.say(
                format!("{place}.with.max_fee"),
                "a replacement for nothing does not exist",
            );
        }
        if self.policy.cool_down < COOL_DOWN {
            let words = format!("a message is replaced at most every {COOL_DOWN}");
            self.say("cool_down", words);
        }
        let attempts = self.policy.attempts;
        if attempts.most.get() > REPLACEMENTS || attempts.within < DAY {
            let words =
                format!("a message is replaced at most {REPLACEMENTS} times: `{{most: {REPLACEMENTS}, within: 1d}}`");
            self.say("attempts", words);
        }
    }
}

/// Why nothing could be done there.
fn unfit(order: &Order, rung: &Rung, target: &Target, all: &[Target]) -> Option<String> {
    let (name, action) = (&target.name, &rung.action);
    let about_miners = order.is_about_miners();
    let (told, what) = if about_miners {
        (&target.miner_services, "miner service")
    } else {
        (&target.messagers, "messager")
    };
    let without = |instance: &&Instance| target.act_token(instance).is_none();
    if told.is_empty() {
        return Some(format!("`{name}` has no {what}, and `{action}` is told to one"));
    }
    if let Some(instance) = told.iter().find(without) {
        let label = instance.label();
        return Some(format!(
            "`{name}` has no `act_token_file` for its {what} {label}: without one nothing is changed there"
        ));
    }
    let seen = "what it must see before it acts";
    if target.nodes.is_empty() {
        return Some(format!("`{name}` has no `nodes`, and `{action}` asks them {seen}"));
    }
    if target.gateways.is_empty() && (about_miners || matches!(order, Order::Replace { .. })) {
        return Some(format!("`{name}` has no `gateways`, and `{action}` asks them {seen}"));
    }
    if !about_miners {
        return None;
    }
    if target.miners.is_empty() {
        return Some(format!(
            "`{name}` does not say its `miners`, and `{action}` mines for none but those"
        ));
    }
    second_service(target, all).map(|words| format!("`{name}`: {words}"))
}
