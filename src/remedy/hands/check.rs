//! Policies against the actions that there are: unknown actions and keys, what is not listed, and what is never repaired
//! like that, whatever the policy says.
//!
//! Source of the latter: phala contract, "Guards for remediation".

use super::catalogue::{self, Order, Verb};
use super::settings::{Settings, Stack};
use crate::remedy::check::Contradiction;
use crate::remedy::settings::{Policy, Remedies, Rung};
use crate::values::{self, Name};

/// Between two restarts of the same worker.
const WORKER_COOL_DOWN: values::Duration = values::Duration::from_secs(600);
/// Restarts of the same worker in [`WORKER_WITHIN`].
const WORKER_ATTEMPTS: u32 = 3;
const WORKER_WITHIN: values::Duration = values::Duration::from_secs(6 * 3600);
/// So that there is time to end one that does not end by itself.
const SHORTEST_COMMAND: values::Duration = values::Duration::from_secs(30);
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
struct Checked<'a, F> {
    settings: &'a Settings,
    policy: &'a Policy,
    is_unread: &'a F,
    wrong: Vec<(String, String)>,
}

impl<F: Fn(&Name) -> bool> Checked<'_, F> {
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

    fn say(&mut self, key: impl Into<String>, words: impl Into<String>) {
        self.wrong.push((key.into(), words.into()));
    }

    fn order(&mut self, order: &Order, rung: &Rung, number: usize, place: &str) {
        match order {
            Order::Notify => {}
            Order::Thing { verb, thing, .. } => {
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
                self.time(order, None, rung, place);
            }
            Order::Stack(name) => self.stack(order, name.as_ref(), rung, place),
            Order::Command(name) => {
                if self.policy.targets.len() > 1 {
                    let words = format!(
                        "the command `{name}` is the same whichever target is ill: a policy with it has one target"
                    );
                    self.say("targets", words);
                }
                if rung.within < SHORTEST_COMMAND {
                    let words = format!(
                        "a command is given {SHORTEST_COMMAND} at least, and {} here",
                        rung.within
                    );
                    self.say(format!("{place}.within"), words);
                }
            }
            Order::RestartWorker => {
                self.worker(rung);
                self.time(order, None, rung, place);
            }
            Order::KickWorker => {
                self.worker(rung);
                self.kick(number, place);
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

    fn worker(&mut self, rung: &Rung) {
        for (index, target) in self.policy.targets.iter().enumerate() {
            let words = match self.settings.prb(target) {
                Some(prb) if prb.solo.is_empty() => continue,
                Some(_) => format!(
                    "`{target}` has workers without a PRB, and `{}` is told to a PRB",
                    rung.action
                ),
                None if (self.is_unread)(target) || !self.settings.targets.contains_key(target) => continue,
                None => format!("`{target}` is no PRB, and `{}` is told to one", rung.action),
            };
            self.say(format!("targets[{index}]"), words);
        }
        if self.policy.cool_down < WORKER_COOL_DOWN {
            let words = format!("a worker is restarted at most every {WORKER_COOL_DOWN}");
            self.say("cool_down", words);
        }
        let attempts = self.policy.attempts;
        if attempts.most.get() > WORKER_ATTEMPTS || attempts.within < WORKER_WITHIN {
            let words = format!("a worker is restarted at most {WORKER_ATTEMPTS} times in {WORKER_WITHIN}");
            self.say("attempts", words);
        }
    }

    fn kick(&mut self, number: usize, place: &str) {
        let before = self.policy.rungs.iter().take(number);
        if !before.into_iter().any(|rung| rung.action.as_str() == "restart-worker") {
            let words = "`kick-worker` comes after a `restart-worker` that did not help";
            self.say(format!("{place}.action"), words);
        }
        for (index, target) in self.policy.targets.iter().enumerate() {
            let Some(prb) = self.settings.prb(target).filter(|prb| prb.solo.is_empty()) else {
                continue;
            };
            let words = if prb.worker_manager.is_some() {
                format!("`{target}` is a PRB v3, which cannot kick a worker")
            } else if prb.pruntimes.is_none() {
                format!("`{target}` has no `pruntimes`: nobody would see that a pRuntime is back")
            } else {
                continue;
            };
            self.say(format!("targets[{index}]"), words);
        }
    }
}
