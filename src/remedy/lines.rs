//! Lines of the log about repairs: what people look for there first. The journal has everything; here stand the steps that
//! ask, act, help or fail, a bounded number in a minute.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::incident::Key;
use super::step::Step;
use super::story::{Account, Mark, Of as Story};
use super::tell::{Tell, Told};
use crate::clock::UnixTime;
use crate::values;

/// Lines in a minute; without it a storm would bury everything else.
const MOST: u32 = 60;
const WITHIN: Duration = Duration::from_secs(60);

/// How many were written in this minute.
#[derive(Default)]
pub(super) struct Lines(Mutex<Written>);

#[derive(Default)]
struct Written {
    since: UnixTime,
    lines: u32,
    left_out: u64,
}

impl Written {
    /// Whether one more may be written, and how many were not in the minute before.
    fn one_more(&mut self, now: UnixTime) -> (bool, u64) {
        let mut left_out = 0;
        if self.since.age_at(now) >= WITHIN {
            left_out = self.left_out;
            *self = Self {
                since: now,
                ..Self::default()
            };
        }
        if self.lines >= MOST {
            self.left_out += 1;
            return (false, left_out);
        }
        self.lines += 1;
        (true, left_out)
    }
}

impl Tell for Lines {
    fn told(&self, told: &Told<'_>) {
        let Some((mark, line)) = line(told) else { return };
        let (may, left_out) = {
            let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            written.one_more(told.time)
        };
        if left_out > 0 {
            tracing::warn!(
                left_out,
                "repairs: {left_out} more steps were not logged one by one; the journal has them"
            );
        }
        if !may {
            return;
        }
        let record = told.head.sequence;
        match mark {
            Mark::Bad => tracing::warn!(record, "repairs: {line}"),
            Mark::Good | Mark::Plain => tracing::info!(record, "repairs: {line}"),
        }
    }
}

/// Nothing for what is no news or stands in another line.
fn line(told: &Told<'_>) -> Option<(Mark, String)> {
    match told.step {
        Step::Received { from, alerts } | Step::Strange { from, alerts } => {
            let ask = alerts.iter().filter(|alert| Key::asked_by(alert).is_some()).count();
            let misnamed = alerts.iter().find_map(Key::misnamed_by);
            if ask == 0 && misnamed.is_none() {
                return None;
            }
            let opened: Vec<String> = told
                .opened
                .iter()
                .take(3)
                .map(|incident| format!("{} {}", incident.id, incident.key))
                .collect();
            let opened = match (opened.is_empty(), told.opened.len()) {
                (true, _) => String::new(),
                (false, count) => format!("; {count} incidents begin: {}", opened.join(", ")),
            };
            let mark = if misnamed.is_some() { Mark::Bad } else { Mark::Plain };
            let misnamed = misnamed.map_or_else(String::new, |words| format!("; one is not understood: {words}"));
            let from = values::clean(from);
            Some((
                mark,
                format!("{ask} alerts from {from} ask for a repair{opened}{misnamed}"),
            ))
        }
        // Whom it is about and why stands in the journal and in the overview; it may change every minute.
        Step::Decided { .. } | Step::Noted { .. } => None,
        step => {
            let Account {
                mark,
                what,
                incident,
                whom,
                words,
            } = Story::default().account(told);
            let incident = incident.map_or_else(String::new, |id| format!("incident {id}, "));
            let whom = whom.map_or_else(String::new, |whom| format!("{whom}: "));
            let words = words.first().filter(|_| !matches!(step, Step::Paused(_)));
            let words = words.map_or_else(String::new, |words| format!(": {words}"));
            Some((mark, format!("{incident}{whom}{what}{words}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ID, at, firing, incident, plan, received};
    use super::*;
    use crate::journal::Head;

    fn of(step: &Step) -> Option<(Mark, String)> {
        let incident = incident();
        line(&Told {
            head: Head::EMPTY,
            time: at(0),
            step,
            incident: step.incident().map(|_| &incident),
            opened: &[],
        })
    }

    #[test]
    fn what_begins_is_a_line_with_whom_and_why() {
        let started = Step::Started {
            incident: ID,
            plan: plan("w1", 0),
            words: "no block for 4m".to_owned(),
        };
        let (mark, line) = of(&started).unwrap();
        assert_eq!(mark, Mark::Plain);
        assert_eq!(
            line,
            "incident 1.0, restart for w1 of prb-1: begins soft (rung 1): no block for 4m"
        );
    }

    #[test]
    fn what_asks_for_nothing_is_no_line_and_what_is_misnamed_is_one() {
        let mut alert = firing("w1", at(0));
        assert!(of(&received(alert.clone())).unwrap().1.contains("1 alerts from"));
        alert.labels.insert("target".to_owned(), "a b".to_owned());
        let (mark, line) = of(&received(alert.clone())).unwrap();
        assert!(
            mark == Mark::Bad && line.contains("not understood: its label `target`"),
            "{line}"
        );
        alert.labels.remove("remedy");
        assert_eq!(of(&received(alert)), None);
    }

    #[test]
    fn a_storm_is_cut_and_told_with_the_next_minute() {
        let mut written = Written::default();
        for _ in 0..MOST {
            assert_eq!(written.one_more(at(0)), (true, 0));
        }
        assert_eq!(written.one_more(at(59)), (false, 0));
        assert_eq!(written.one_more(at(60)), (true, 1));
        assert_eq!(written.one_more(at(61)), (true, 0));
    }
}
