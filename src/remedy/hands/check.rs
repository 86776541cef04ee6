//! Policies against the actions that there are: unknown actions and keys, what is not listed, and what is never repaired
//! like that, whatever the policy says.
//!
//! Source of the latter: phala contract, "Guards for remediation".

use super::catalogue::{self, Order, Verb};
use super::settings::{Settings, Stack};
use crate::remedy::check::Contradiction;
use crate::remedy::settings::{Policy, Remedies, Rung};
use crate::values::{self, Name};

/// Restarts of a node in an hour and in a day.
const NODE_MOST: (u32, u32) = (1, 3);

impl Settings {
    /// An empty list when all is well. `is_unread` knows targets that are written and could not be read.
    pub fn contradictions(&self, remedies: &Remedies, is_unread: impl Fn(&Name) -> bool) -> Vec<Contradiction> {
        let mut found = Vec::new();
        for (policy, one) in remedies.policies.iter().enumerate() {
            let checked = Checked {
                settings: self,
                policy: one,
                is_unread: &is_unread,
                wrong: Vec::new(),
            };
            let wrong = checked.wrong().into_iter();
            found.extend(wrong.map(|(key, words)| Contradiction { policy, key, words }));
        }
        found
    }
}

/// A policy while it is checked.
pub(super) struct Checked<'a> {
    pub(super) settings: &'a Settings,
    pub(super) policy: &'a Policy,
    /// Whether a target is written and could not be read.
    pub(super) is_unread: &'a dyn Fn(&Name) -> bool,
    wrong: Vec<(String, String)>,
}

impl Checked<'_> {
    fn wrong(mut self) -> Vec<(String, String)> {
        for (number, rung) in self.policy.rungs.iter().enumerate() {
            let place = format!("rungs[{number}]");
            match catalogue::read(&rung.action, &rung.with, self.settings) {
                // What its room has said already is not said again.
                Err(_) if rung.is_notice() => {}
                Err(wrong) => {
                    let placed = wrong.into_iter().map(|(key, words)| (format!("{place}.{key}"), words));
                    self.wrong.extend(placed);
                }
                Ok(order) => self.order(&order, rung, number, &place),
            }
        }
        // Two rungs of the same kind say the same of the policy.
        self.wrong.sort();
        self.wrong.dedup();
        self.wrong
    }

    pub(super) fn say(&mut self, key: impl Into<String>, words: impl Into<String>) {
        self.wrong.push((key.into(), words.into()));
    }

    fn order(&mut self, order: &Order, rung: &Rung, number: usize, place: &str) {
        match order {
            Order::Notify => {}
            Order::Thing {
                verb, thing, process, ..
            } => {
                if self.policy.targets.len() > 1 {
                    let words = format!(
                        "`{}` acts on {thing} whichever target is ill: a policy with it has one target",
                        rung.action
                    );
                    self.say("targets", words);
                }
                if *verb != Verb::Start {
                    if let Some(words) = self.settings.stands_in_the_way(thing) {
                        self.say(format!("{place}.with"), words);
                    }
                    self.no_node(rung, place);
                }
                self.process(process.as_ref(), Some((*verb, thing)), rung, place);
                self.time(order, None, rung, place);
            }
            Order::Stack(name) => self.stack(order, name.as_ref(), rung, place),
            Order::Command { name, process } => {
                self.process(process.as_ref(), None, rung, place);
                if self.policy.targets.len() > 1 {
                    let words = format!(
                        "the command `{name}` is the same whichever target is ill: a policy with it has one target"
                    );
                    self.say("targets", words);
                }
                self.time(order, None, rung, place);
            }
            Order::Venus(own) => {
                self.venus(own, rung, place);
                self.time(order, None, rung, place);
            }
            Order::Chia(own) => {
                self.chia(own, rung, place);
                self.time(order, None, rung, place);
            }
            Order::Remount => {
                self.remount(rung);
                self.time(order, None, rung, place);
            }
            Order::Remote(_) => {
                self.remote(rung, place);
                self.time(order, None, rung, place);
            }
            Order::Worker(own) => {
                self.worker(*own, rung, number, place);
                self.time(order, None, rung, place);
            }
        }
    }

    /// What stops something for a chain node knows neither its order nor its evidence.
    fn no_node(&mut self, rung: &Rung, place: &str) {
        let is_node = |target: &&Name| self.settings.targets.get(*target) == Some(&"phala");
        if let Some(node) = self.policy.targets.iter().find(is_node) {
            let words = format!(
                "`{node}` is a chain node: not `{}` but `restart-stack` restarts one, of a stack that has it as its `node`",
                rung.action
            );
            self.say(format!("{place}.action"), words);
        }
    }

    fn time(&mut self, order: &Order, stack: Option<&Stack>, rung: &Rung, place: &str) {
        let needs = values::Duration::from(order.needs(stack));
        if rung.within < needs {
            let words = format!("`{}` may take {needs} here and is given {}", rung.action, rung.within);
            self.say(format!("{place}.within"), words);
        }
    }

    fn stack(&mut self, order: &Order, name: Option<&Name>, rung: &Rung, place: &str) {
        for (index, target) in self.policy.targets.iter().enumerate() {
            match self.settings.stack_of(name, target) {
                Ok(stack) => {
                    self.time(order, Some(stack), rung, place);
                    let most = self.policy.budgets.target;
                    let too_many = most.hour.get() > NODE_MOST.0 || most.day.get() > NODE_MOST.1;
                    if stack.node.is_some() && too_many {
                        let words = format!(
                            "a node is restarted once an hour and three times a day at most; write `1/h 3/d`, not `{most}`"
                        );
                        self.say("budgets.target", words);
                    }
                }
                Err(_) if (self.is_unread)(target) => {}
                Err(words) if name.is_some() => self.say(format!("{place}.with.stack"), words),
                Err(words) => self.say(format!("targets[{index}]"), words),
            }
        }
    }
}
