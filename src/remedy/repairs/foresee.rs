//! What would be decided about a delivery if it were handed in now. Nothing is recorded, looked at or done.

use serde::{Deserialize, Serialize};

use super::Repairs;
use super::desk::Open;
use crate::alerts::{Alert, Delivery, Status};
use crate::clock::UnixTime;
use crate::remedy::decide::{Decision, Guard};
use crate::remedy::guards::Case;
use crate::remedy::incident::Key;
use crate::remedy::state::State;
use crate::remedy::step::IncidentId;
use crate::remedy::view::Sight;
use crate::values;

/// Alerts of which it is said; each costs a decision, while others wait.
const MOST: usize = 200;

/// Of a whole delivery. Fields are read by programs: new ones may come, none may go or change its meaning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Foresight {
    pub alerts: Vec<Foreseen>,
    /// Alerts that cannot be used, and why not.
    pub refused: Vec<String>,
    /// Alerts beyond those: a delivery may have thousands.
    pub left_out: usize,
}

/// Of one alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Foreseen {
    pub alert: String,
    pub firing: bool,
    /// What it asks for, as messages name it; left out if it asks for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asks: Option<String>,
    /// The incident that it belongs to and that is open already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<IncidentId>,
    /// What is seen now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<String>,
    /// `act`, `hold`, `end` of the incident, or `nothing`.
    pub decision: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<Guard>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<UnixTime>,
    /// What would be done now, or if the guard let it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    pub words: String,
}

impl Repairs {
    /// For each alert. An error says why nothing would be done at all.
    pub fn foresee(&self, delivery: &Delivery) -> Result<Foresight, String> {
        let open = self.open()?;
        let now = self.0.clock.now().wall;
        let before = open.runner.ledger().with(Clone::clone);
        let (mut after, mut found_no_room) = (before.clone(), Vec::new());
        for (sequence, alert) in (open.journal.head().sequence.saturating_add(1)..).zip(&delivery.alerts) {
            let crowded_out = after.crowded_out;
            for step in self.steps(delivery, std::slice::from_ref(alert)) {
                after.apply(sequence, now, &step);
            }
            found_no_room.push(after.crowded_out > crowded_out);
        }
        let asked = delivery.alerts.iter().zip(found_no_room).take(MOST);
        let refused = delivery.refused.iter().take(MOST);
        Ok(Foresight {
            alerts: asked
                .map(|(alert, found_no_room)| foreseen(&open, &before, &after, alert, found_no_room))
                .collect(),
            refused: refused
                .map(|refused| format!("alerts[{}].{}", refused.index, values::clean(&refused.words)))
                .collect(),
            left_out: delivery.alerts.len().saturating_sub(MOST),
        })
    }
}

/// Why an alert that asks for something has no incident.
fn opens_none(after: &State, alert: &Alert, key: &Key, found_no_room: bool) -> String {
    if alert.status == Status::Resolved {
        return "it has ended, and no incident is open".to_owned();
    }
    if let Some(resting) = after.rests(key) {
        let words = "is over while it fires; it has another one as soon as it is seen ill";
        return format!("its incident {} {words}", resting.after);
    }
    if found_no_room {
        return "it finds no room: too much is open already; it is taken when it is repeated".to_owned();
    }
    "it is a message from before its end, which was told less than 10 minutes ago".to_owned()
}

fn foreseen(open: &Open, before: &State, after: &State, alert: &Alert, found_no_room: bool) -> Foreseen {
    let bare = Foreseen {
        alert: values::clean(alert.label("alertname").unwrap_or("an alert without name")).into_owned(),
        firing: alert.status == Status::Firing,
        asks: None,
        incident: None,
        seen: None,
        decision: "nothing".to_owned(),
        guard: None,
        until: None,
        action: None,
        words: "it asks for no repair: that takes the labels `remedy` and `target`".to_owned(),
    };
    let Some(key) = Key::asked_by(alert) else {
        let misnamed = Key::misnamed_by(alert).map(|words| format!("it asks for a repair, but {words}"));
        return Foreseen {
            words: misnamed.unwrap_or_else(|| bare.words.clone()),
            ..bare
        };
    };
    let asking = Foreseen {
        asks: Some(Case::shown(&key)),
        incident: before.open_for(&key).map(|incident| incident.id),
        ..bare
    };
    let Some(incident) = after.open_for(&key) else {
        return Foreseen {
            words: opens_none(after, alert, &key, found_no_room),
            ..asking
        };
    };
    let (seen, decision) = open.runner.foresee(after, incident);
    let evidence = values::clean(&seen.evidence);
    let sight = match seen.state {
        Sight::Ill => format!("ill since {}: {evidence}", seen.since),
        Sight::Well => format!("well since {}", seen.since),
        Sight::CannotTell => "it cannot be told whether it is ill".to_owned(),
    };
    let seeing = Foreseen {
        seen: Some(sight),
        ..asking
    };
    match decision {
        Decision::Act(plan) => Foreseen {
            decision: "act".to_owned(),
            action: Some(plan.action.to_string()),
            words: format!(
                "{} (rung {}) would be begun now, after a fresh look",
                plan.action,
                plan.rung + 1
            ),
            ..seeing
        },
        Decision::Hold(hold) => Foreseen {
            decision: "hold".to_owned(),
            guard: Some(hold.guard),
            until: hold.until,
            action: hold.plan.map(|plan| plan.action.to_string()),
            words: hold.words,
            ..seeing
        },
        Decision::Done(_, words) => Foreseen {
            decision: "end".to_owned(),
            words,
            ..seeing
        },
    }
}
