//! What a message means after those before: deliveries come at least once, from several Alertmanagers, in any order.
//!
//! A message that repeats is never a new order, and an end counts even if it comes first. Pure; whoever remembers the
//! episodes is elsewhere.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::alert::{Alert, Status};
use crate::clock::UnixTime;

/// How long after an end a message from before it may still be under way: Alertmanager tries again for its group interval
/// (5 minutes unless configured), and its peers wait for one another.
const LATE_WITHIN: Duration = Duration::from_secs(600);

/// The newest episode of an alert, from the moment it began to fire until it is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Episode {
    pub starts_at: UnixTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct End {
    /// As the alert says.
    pub at: UnixTime,
    /// When we last heard of it.
    pub heard: UnixTime,
}

/// What is new about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It fires, and did not before: the only one that may begin something.
    Begins,
    /// Said before; while it fires, it fires still.
    Repeats,
    /// It is over; what has not begun because of it is cancelled.
    Ends,
    /// From before what is known; it changes nothing.
    Late,
    /// It fires although its end was told, too long ago for a late message: Alertmanager had lost sight of Prometheus and
    /// ended it itself. It may begin something.
    Returns,
}

/// What is known after the message, and what is new about it.
pub fn hear(known: Option<&Episode>, alert: &Alert, now: UnixTime) -> (Episode, Change) {
    match (alert.status, known) {
        (Status::Firing, known) => fires(known, alert.starts_at, now),
        (Status::Resolved, known) => {
            // Checked when it was read; without it the message would be of no time at all.
            let at = alert.ends_at.unwrap_or(alert.starts_at);
            ends(known, alert.starts_at, End { at, heard: now })
        }
    }
}

fn fires(known: Option<&Episode>, starts_at: UnixTime, now: UnixTime) -> (Episode, Change) {
    let new = Episode { starts_at, end: None };
    let Some(known) = known else {
        return (new, Change::Begins);
    };
    match known.end {
        // Two Prometheus servers see the same begin at two times, and two Alertmanagers each send one of them; and the end
        // between two episodes may have been lost.
        None => {
            let starts_at = starts_at.max(known.starts_at);
            (Episode { starts_at, end: None }, Change::Repeats)
        }
        Some(end) if starts_at > end.at => (new, Change::Begins),
        Some(end) if end.heard.age_at(now) < LATE_WITHIN => (*known, Change::Late),
        Some(_) => (new, Change::Returns),
    }
}

fn ends(known: Option<&Episode>, starts_at: UnixTime, end: End) -> (Episode, Change) {
    let ended = |starts_at| Episode {
        starts_at,
        end: Some(end),
    };
    let Some(known) = known else {
        return (ended(starts_at), Change::Ends);
    };
    match known.end {
        None if end.at < known.starts_at => (*known, Change::Late),
        None => (ended(known.starts_at.max(starts_at)), Change::Ends),
        Some(before) if end.at < before.at => (*known, Change::Late),
        Some(before) => {
            let change = if starts_at > before.at {
                Change::Ends
            } else {
                Change::Repeats
            };
            (ended(known.starts_at.max(starts_at)), change)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::Change::{Begins, Ends, Late, Repeats, Returns};
    use super::*;

    fn at(second: u64) -> UnixTime {
        UnixTime::from_millis(second * 1000)
    }

    fn firing(starts_at: u64) -> Alert {
        Alert {
            status: Status::Firing,
            fingerprint: "90761707ece2ef55".parse().unwrap(),
            starts_at: at(starts_at),
            ends_at: None,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            generator_url: String::new(),
        }
    }

    fn resolved(starts_at: u64, ends_at: u64) -> Alert {
        Alert {
            status: Status::Resolved,
            ends_at: Some(at(ends_at)),
            ..firing(starts_at)
        }
    }

    /// What each message changes, all heard in one moment.
    fn heard(alerts: &[Alert], now: UnixTime) -> (Option<Episode>, Vec<Change>) {
        let mut known = None;
        let changes = alerts
            .iter()
            .map(|alert| {
                let (episode, change) = hear(known.as_ref(), alert, now);
                known = Some(episode);
                change
            })
            .collect();
        (known, changes)
    }

    #[test]
    fn a_life_of_an_alert_in_order() {
        let alerts = [
            firing(10),
            firing(10),
            resolved(10, 20),
            resolved(10, 20),
            firing(30),
            resolved(30, 40),
        ];
        let (known, changes) = heard(&alerts, at(50));
        assert_eq!(changes, [Begins, Repeats, Ends, Repeats, Begins, Ends]);
        assert_eq!(known.unwrap().end.unwrap().at, at(40));
    }

    #[test]
    fn an_end_that_comes_first_is_believed() {
        let (_, changes) = heard(&[resolved(10, 20), firing(10)], at(50));
        assert_eq!(changes, [Ends, Late]);
    }

    #[test]
    fn an_end_of_an_episode_before_does_not_end_the_new_one() {
        let (known, changes) = heard(&[firing(30), resolved(10, 20)], at(50));
        assert_eq!(changes, [Begins, Late]);
        assert_eq!(known.unwrap().end, None);
    }

    #[test]
    fn two_alertmanagers_that_saw_two_begins_tell_of_one_episode() {
        let alerts = [
            firing(12),
            firing(10),
            firing(12),
            resolved(10, 20),
            firing(12),
            resolved(12, 20),
        ];
        let (_, changes) = heard(&alerts, at(50));
        assert_eq!(changes, [Begins, Repeats, Repeats, Ends, Late, Repeats]);
    }

    #[test]
    fn an_alert_that_is_back_long_after_its_end_counts_again() {
        let (ended, _) = hear(None, &resolved(10, 20), at(50));
        let late = at(50).plus(LATE_WITHIN);
        assert_eq!(hear(Some(&ended), &firing(10), late).1, Returns);
        let just = late.since_epoch().saturating_sub(Duration::from_secs(1));
        let (_, change) = hear(Some(&ended), &firing(10), UnixTime::from_duration(just));
        assert_eq!(change, Late);
    }

    /// Episodes of ten seconds with ten between, each seen to begin by two Prometheus servers; all their messages, some of
    /// them twice, some lost, in any order.
    fn messages() -> impl Strategy<Value = Vec<Alert>> {
        let all: Vec<Alert> = (1..=3)
            .flat_map(|n| {
                [
                    firing(20 * n),
                    firing(20 * n + 1),
                    resolved(20 * n, 20 * n + 10),
                    resolved(20 * n + 1, 20 * n + 10),
                ]
            })
            .collect();
        proptest::collection::vec(proptest::sample::select(all), 0..24)
    }

    proptest! {
        #[test]
        fn whatever_the_order_nothing_begins_twice_and_the_newest_word_counts(messages in messages()) {
            let (known, changes) = heard(&messages, at(100));
            let episode = |alert: &Alert| alert.starts_at.since_epoch().as_secs() / 20;
            let mut begun = Vec::new();
            for (alert, change) in messages.iter().zip(changes) {
                prop_assert_ne!(change, Returns);
                if change == Begins {
                    begun.push(episode(alert));
                }
            }
            let mut once = begun.clone();
            once.dedup();
            prop_assert_eq!(begun.len(), once.len());
            let Some(newest) = messages.iter().map(episode).max() else {
                return Ok(());
            };
            let is_over = messages.iter().any(|alert| episode(alert) == newest && alert.status == Status::Resolved);
            prop_assert_eq!(known.unwrap().end.is_some(), is_over);
            prop_assert_eq!(known.unwrap().starts_at.since_epoch().as_secs() / 20, newest);
        }
    }
}
