//! The families about repairs, and their samples.

use super::Repairs;
use super::counters::Counts;
use super::overview::{self, JournalSeen};
use crate::exposition::{Desc, Family, Page, Rendered};
use crate::remedy::decide::{Guard, Why};
use crate::remedy::settings::Mode;

static DECISIONS: Desc<1> = Desc::counter(
    "farmwarden_remediation_decisions_total",
    "Times that a repair was held back, by the guard that did; what lasts is counted once. dry_run counts what would have been done.",
    &["guard"],
);
static BEGUN: Desc<1> = Desc::counter(
    "farmwarden_remediation_actions_begun_total",
    "Actions that were begun, notices among them.",
    &["action"],
);
static ACTIONS: Desc<2> = Desc::counter(
    "farmwarden_remediation_actions_total",
    "Actions that ended, by how they say they went; whether they helped is another question. interrupted ones were running when farmwarden ended.",
    &["action", "outcome"],
);
static DURATION: Desc<1> = Desc::histogram(
    "farmwarden_remediation_action_duration_seconds",
    "How long actions took.",
    &["action"],
);
static FAILED: Desc<0> = Desc::counter(
    "farmwarden_remediation_rungs_failed_total",
    "Rungs that were given up: the symptom was still there when their time was over, or they refused every time.",
    &[],
);
static CLOSED: Desc<1> = Desc::counter(
    "farmwarden_remediation_incidents_closed_total",
    "Incidents that are over, by why.",
    &["why"],
);
static ESCALATED: Desc<0> = Desc::counter(
    "farmwarden_remediation_escalations_total",
    "Incidents for which nothing is left to try: a person must act.",
    &[],
);
static STORMS: Desc<0> = Desc::counter(
    "farmwarden_remediation_storms_total",
    "Storms that began: so much of a group was ill at once that nothing was repaired one by one.",
    &[],
);
static INCIDENTS: Desc<1> = Desc::gauge(
    "farmwarden_remediation_incidents",
    "Open incidents by what is done about them now.",
    &["phase"],
);
static CROWDED_OUT: Desc<0> = Desc::counter(
    "farmwarden_remediation_alerts_crowded_out_total",
    "Alerts that asked for a repair and found no room among the open incidents, since the first record that is kept.",
    &[],
);
static POLICY: Desc<4> = Desc::info(
    "farmwarden_remediation_policy_info",
    "A policy of the configuration; enabled is false also while all repairs are switched off.",
    &["policy", "symptom", "mode", "enabled"],
);
static BUDGET: Desc<2> = Desc::gauge(
    "farmwarden_remediation_budget_left",
    "Actions that the budget of the policy for all targets still allows, in the last hour and the last 24.",
    &["policy", "within"],
);
static PAUSES: Desc<0> = Desc::gauge("farmwarden_remediation_pauses", "Pauses that hold now.", &[]);
static FROZEN: Desc<0> = Desc::gauge(
    "farmwarden_remediation_frozen",
    "1 while the freeze file is there, or cannot be looked for.",
    &[],
);
static DELIVERIES: Desc<1> = Desc::counter(
    "farmwarden_remediation_deliveries_total",
    "Requests that handed in alerts, by what became of them. Alertmanager asks again only for not_received and not_recorded.",
    &["result"],
);
static ALERTS: Desc<1> = Desc::counter(
    "farmwarden_remediation_alerts_total",
    "Alerts of recorded deliveries: those that ask for a repair, those that ask for none, those that cannot be used, and those of the group that were not sent.",
    &["result"],
);
static UP: Desc<0> = Desc::gauge(
    "farmwarden_journal_up",
    "1 if the journal takes records; without it alerts are not taken and nothing is repaired. Absent where none is configured.",
    &[],
);
static HEAD: Desc<2> = Desc::info(
    "farmwarden_journal_head_info",
    "The end of the chain of records: the number of the last one and the SHA-256 of its line. Noted elsewhere it proves that nothing before was changed.",
    &["sequence", "sha256"],
);
static BYTES: Desc<0> = Desc::gauge("farmwarden_journal_size_bytes", "Of all files of the journal.", &[]);
static WAITING: Desc<0> = Desc::gauge(
    "farmwarden_journal_waiting_records",
    "Records that wait for the disk.",
    &[],
);
static RECORDS: Desc<0> = Desc::counter(
    "farmwarden_journal_records_total",
    "Records that are on the disk, since the journal was opened.",
    &[],
);
static REFUSED: Desc<0> = Desc::counter(
    "farmwarden_journal_records_refused_total",
    "Records that could not be written, since the journal was opened; nothing was done because of them.",
    &[],
);

/// The families about repairs, in the order of the page.
pub const FAMILIES: &[&Family] = &[
    DELIVERIES.family(),
    ALERTS.family(),
    CROWDED_OUT.family(),
    INCIDENTS.family(),
    DECISIONS.family(),
    BEGUN.family(),
    ACTIONS.family(),
    DURATION.family(),
    FAILED.family(),
    CLOSED.family(),
    ESCALATED.family(),
    STORMS.family(),
    POLICY.family(),
    BUDGET.family(),
    PAUSES.family(),
    FROZEN.family(),
    UP.family(),
    HEAD.family(),
    BYTES.family(),
    WAITING.family(),
    RECORDS.family(),
    REFUSED.family(),
];

const PHASES: [&str; 4] = ["open", "running", "proving", "escalated"];

pub(super) fn page(repairs: &Repairs) -> Rendered {
    let mut page = Page::new(&[]);
    let counts = repairs.0.counters.now();
    heard(&counts, &mut page);
    counted(&counts, &mut page);
    state(repairs, &mut page);
    journal(&repairs.journal_seen(), repairs.0.journal.is_some(), &mut page);
    page.finish()
}

fn heard(counts: &Counts, page: &mut Page) {
    let deliveries = &counts.deliveries;
    for (result, count) in [
        ("recorded", deliveries.recorded),
        ("malformed", deliveries.malformed),
        ("too_large", deliveries.too_large),
        ("not_received", deliveries.not_received),
        ("not_recorded", deliveries.not_recorded),
    ] {
        page.add(&DELIVERIES, [result], count);
    }
    let alerts = &counts.alerts;
    for (result, count) in [
        ("asks", alerts.ask),
        ("asks_nothing", alerts.ask_nothing),
        ("misnamed", alerts.misnamed),
        ("refused", alerts.refused),
        ("not_sent", alerts.not_sent),
    ] {
        page.add(&ALERTS, [result], count);
    }
}

fn counted(counts: &Counts, page: &mut Page) {
    for guard in Guard::ALL {
        let count = counts.decisions.get(&guard).copied().unwrap_or_default();
        page.add(&DECISIONS, [guard.label()], count);
    }
    for (action, of) in &counts.actions {
        page.add(&BEGUN, [action], of.begun);
        for (outcome, count) in [
            ("done", of.done),
            ("refused", of.refused),
            ("failed", of.failed),
            ("timed_out", of.timed_out),
            ("unknown", of.unknown),
            ("interrupted", of.interrupted),
        ] {
            page.add(&ACTIONS, [action, outcome], count);
        }
        page.add_histogram(&DURATION, [action], &of.durations);
    }
    for why in Why::ALL.into_iter().filter(|why| *why != Why::LadderEnded) {
        let count = counts.closed.get(&why).copied().unwrap_or_default();
        page.add(&CLOSED, [why.label()], count);
    }
    page.add(&FAILED, [], counts.failed);
    page.add(&ESCALATED, [], counts.escalated);
    page.add(&STORMS, [], counts.storms);
}

fn state(repairs: &Repairs, page: &mut Page) {
    let (now, remedies) = (repairs.0.clock.now().wall, repairs.remedies());
    page.add(&FROZEN, [], repairs.0.eyes.freeze.words().is_some());
    let open = repairs.open();
    let seen = open.as_ref().ok().map(|open| {
        open.runner.ledger().with(|state| {
            let phases = PHASES.map(|phase| {
                let of_phase = state.incidents().filter(|incident| overview::phase(incident) == phase);
                of_phase.count()
            });
            let pauses = state.history.pauses(now).count();
            let policies = overview::policies(&remedies, &state.history, now);
            (phases, pauses, state.crowded_out, policies)
        })
    });
    // Without a journal it is not known what is open, and what budgets have left.
    let Some((phases, pauses, crowded_out, policies)) = seen else {
        return;
    };
    for (phase, count) in PHASES.into_iter().zip(phases) {
        page.add(&INCIDENTS, [phase], count);
    }
    page.add(&PAUSES, [], pauses);
    page.add(&CROWDED_OUT, [], crowded_out);
    for policy in policies {
        let mode = match policy.mode {
            Mode::DryRun => "dry_run",
            Mode::Act => "act",
        };
        let enabled = if policy.enabled { "true" } else { "false" };
        page.add(&POLICY, [&policy.name, &policy.symptom, mode, enabled], true);
        page.add(&BUDGET, [&policy.name, "1h"], policy.left_this_hour);
        page.add(&BUDGET, [&policy.name, "24h"], policy.left_today);
    }
}

fn journal(journal: &JournalSeen, configured: bool, page: &mut Page) {
    page.add(&UP, [], configured.then_some(journal.up));
    if let (Some(sequence), Some(head)) = (journal.sequence, &journal.head) {
        page.add(&HEAD, [&sequence.to_string(), head], true);
    }
    page.add(&BYTES, [], journal.bytes);
    page.add(&WAITING, [], journal.waiting);
    page.add(&RECORDS, [], journal.recorded);
    page.add(&REFUSED, [], journal.refused);
}
