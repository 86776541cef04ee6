//! What to do about a policy after looking back, in words.

use super::{AtMost, Retrospect, Used};
use crate::remedy::decide::Guard;
use crate::remedy::settings::Mode;

pub(super) fn next(of: &Retrospect) -> Vec<String> {
    let mut words = Vec::new();
    match of.mode {
        None => words.push(format!(
            "no policy of this name is in the configuration: alerts ask for it in vain; write it, or take the label \
             `remedy: {}` from the rule",
            of.name
        )),
        Some(_) if !of.enabled => words.push("it is switched off (`enabled: false`)".to_owned()),
        Some(_) if of.incidents == 0 && of.open == 0 => words.push(format!(
            "nothing asked for it; if something should have, look whether a rule has the label `remedy: {}`, and whether \
             Alertmanager sends it here",
            of.name
        )),
        Some(Mode::DryRun) => dry_run(of, &mut words),
        Some(Mode::Act) => acting(of, &mut words),
    }
    if of.storms > 0 {
        let storms = counted(of.storms, "storm");
        words.push(format!(
            "{storms}: so much was ill at once that the cause is common; look for that first"
        ));
    }
    words
}

fn dry_run(of: &Retrospect, words: &mut Vec<String>) {
    let (acts, targets) = of.would_act();
    if acts == 0 {
        words.push(format!("it would have done nothing{}", held_most(of)));
        return;
    }
    let budget = match (times(of, Guard::Budget), of.used.is_some_and(is_used_up)) {
        (0, false) => "never more than its budget".to_owned(),
        (0, true) => "just within its budget".to_owned(),
        (held, _) => format!("and its budget would have held it back {}", often(held)),
    };
    words.push(format!(
        "it would have acted {} on {}, {budget}; set `mode: act` if that is what you want",
        often(acts),
        counted(u64::try_from(targets).unwrap_or(u64::MAX), "target")
    ));
    if of.well * 2 > of.incidents {
        words.push(format!(
            "{} of {} incidents were well again by themselves; a longer `ill_for` waits for that",
            of.well, of.incidents
        ));
    }
}

fn acting(of: &Retrospect, words: &mut Vec<String>) {
    let (acts, _) = of.acted();
    if acts == 0 {
        words.push(format!("it did nothing{}", held_most(of)));
    } else if of.cured > 0 && of.escalated == 0 && of.refused + of.failed + of.timed_out == 0 {
        words.push(format!(
            "it acted {} and cured {}: nothing to do",
            often(acts),
            of.cured
        ));
    }
    if of.refused > 0 {
        words.push(format!(
            "{} refused, and nothing was done; why stands in `farmwarden audit show`",
            counted(of.refused, "action")
        ));
    }
    if of.failed + of.timed_out > 0 {
        words.push(format!(
            "{} failed or took too long; the words are in `farmwarden audit show`",
            counted(of.failed + of.timed_out, "action")
        ));
    }
    if of.interrupted > 0 {
        words.push(format!(
            "{} ran when farmwarden ended; look why it ended",
            counted(of.interrupted, "action")
        ));
    }
    if of.escalated > 0 {
        words.push(format!(
            "{} a person was called because nothing helped: another rung, or another cause?",
            often(of.escalated)
        ));
    }
    if times(of, Guard::Budget) > 0 {
        words.push("its budget held it back: allow more only if its cures last".to_owned());
    }
    if times(of, Guard::Flapping) > 0 {
        words.push("cures did not last: look for the cause, more of the same will not help".to_owned());
    }
    if times(of, Guard::Approval) > 0 {
        words.push("it waited for approvals: farmwarden approve, or `approval: false` on that rung".to_owned());
    }
}

/// `; what held it back most is warm_up: ...`, if anything did.
fn held_most(of: &Retrospect) -> String {
    of.held.first().map_or_else(
        || ": its incidents ended before anything was to be done".to_owned(),
        |held| {
            format!(
                "; what held it back most is {}: {}",
                held.guard.label(),
                hint(held.guard)
            )
        },
    )
}

const fn hint(guard: Guard) -> &'static str {
    match guard {
        Guard::UnderWay => "another rung was under way",
        Guard::Enabled => "repairs are switched off",
        Guard::KnownTarget => "the label `target` of the alert names no target of the configuration",
        Guard::KnownPolicy => "the label `remedy` of the alert names no policy of the configuration",
        Guard::TwoKeys => "its `targets` do not have what the alert names, or the alert had ended",
        Guard::FreshView => "the target could not be read as a whole (farmwarden doctor)",
        Guard::StillIll => {
            "farmwarden did not see the symptom long enough when the alert fired: compare the rule with `ill_for`"
        }
        Guard::CauseUpstream => "what the target hangs on was broken: repair that",
        Guard::Fleet => "too much of the group was ill at once",
        Guard::WarmUp => "farmwarden had just started (`remedies.warm_up`)",
        Guard::Window => "it was outside of its `windows`",
        Guard::Freeze => "the freeze file was there",
        Guard::Pause => "repairs were paused",
        Guard::CoolDown => "the action before was too recent (`cool_down`)",
        Guard::Attempts => "it was tried often enough (`attempts`)",
        Guard::Budget => "its budget, or that of all policies, was used up",
        Guard::Flapping => "cures did not last",
        Guard::Concurrency => "other actions were running (`at_once`)",
        Guard::Approval => "nobody approved it",
        Guard::DryRun => "it only rehearses",
    }
}

fn times(of: &Retrospect, guard: Guard) -> u64 {
    let held = of.held.iter().find(|held| held.guard == guard);
    held.map_or(0, |held| held.times)
}

fn is_used_up(used: Used) -> bool {
    let full = |AtMost { hour, day, allowed }: AtMost| {
        hour >= u64::from(allowed.hour.get()) || day >= u64::from(allowed.day.get())
    };
    full(used.target) || full(used.group) || full(used.farm)
}

fn often(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        count => format!("{count} times"),
    }
}

fn counted(count: u64, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}
