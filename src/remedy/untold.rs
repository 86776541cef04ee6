//! What people may not have heard before farmwarden ended: messages wait a little to go out together, and a process that is
//! killed takes them with it. Of each incident the last step that people are told of is told again after a start.

use std::collections::VecDeque;
use std::time::Duration;

use super::incident::Incident;
use super::notices;
use super::step::Step;
use super::tell::{Tell, Told};
use crate::clock::UnixTime;
use crate::journal::Head;

/// What is older has arrived or was given up long ago: nothing waits longer for a chat.
const NOT_OLDER: Duration = Duration::from_secs(3600);
/// Of more only the newest are told: the status page has all that is open.
const MOST: usize = 50;

/// Steps of a replay.
#[derive(Debug, Default)]
pub(super) struct Untold(VecDeque<Kept>);

#[derive(Debug)]
struct Kept {
    head: Head,
    time: UnixTime,
    step: Step,
    incident: Option<Incident>,
}

impl Untold {
    /// Takes in the next record.
    pub(super) fn take(&mut self, told: &Told<'_>) {
        if !notices::is_told(told.step) {
            return;
        }
        if let Some(id) = told.step.incident() {
            self.0.retain(|kept| kept.step.incident() != Some(id));
        }
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back(Kept {
            head: told.head,
            time: told.time,
            step: told.step.clone(),
            incident: told.incident.cloned(),
        });
    }

    /// Tells what is young enough, oldest first.
    pub(super) fn tell(&self, tell: &dyn Tell, now: UnixTime) {
        for kept in self.0.iter().filter(|kept| kept.time.age_at(now) < NOT_OLDER) {
            tell.told_again(&Told {
                head: kept.head,
                time: kept.time,
                step: &kept.step,
                incident: kept.incident.as_ref(),
                opened: &[],
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::super::decide::Guard;
    use super::super::step::IncidentId;
    use super::super::testing::{at, incident, minutes};
    use super::*;

    #[derive(Default)]
    struct Heard(Mutex<Vec<u64>>);

    impl Tell for Heard {
        fn told(&self, _told: &Told<'_>) {}

        fn told_again(&self, told: &Told<'_>) {
            self.0.lock().unwrap().push(told.head.sequence);
        }
    }

    fn escalated(record: u64) -> Step {
        Step::Escalated {
            incident: IncidentId { record, nth: 0 },
            words: String::new(),
        }
    }

    fn held(record: u64, guard: Guard) -> Step {
        Step::Decided {
            incident: IncidentId { record, nth: 0 },
            guard,
            until: None,
            words: String::new(),
            plan: None,
        }
    }

    fn again(steps: &[Step], now: UnixTime) -> Vec<u64> {
        let (mut untold, incident) = (Untold::default(), incident());
        for (sequence, step) in (1..).zip(steps) {
            untold.take(&Told {
                head: Head {
                    sequence,
                    ..Head::EMPTY
                },
                time: at(sequence),
                step,
                incident: Some(&incident),
                opened: &[],
            });
        }
        let heard = Heard::default();
        untold.tell(&heard, now);
        heard.0.into_inner().unwrap()
    }

    #[test]
    fn of_each_incident_the_last_step_that_people_hear_of_is_told_again() {
        let steps = [
            held(1, Guard::Approval),
            escalated(2),
            escalated(1),
            held(2, Guard::CoolDown),
        ];
        assert_eq!(again(&steps, at(10)), [2, 3]);
    }

    #[test]
    fn what_is_long_ago_is_not_told_again_and_of_many_only_the_newest() {
        let steps: Vec<Step> = (0..60).map(escalated).collect();
        assert_eq!(again(&steps, at(60)), (11..=60).collect::<Vec<_>>());
        assert_eq!(again(&steps, at(60 + 3599)), [60]);
        assert_eq!(again(&steps, at(60).plus(minutes(60))), Vec::<u64>::new());
    }
}
