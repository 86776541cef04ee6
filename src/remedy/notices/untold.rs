//! What people may not have heard before farmwarden ended: messages wait a little to go out together, and a process that is
//! killed takes them with it. Of each incident the last step that people are told of is told again after a start.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::alike::MOST_ALIKE;
use super::kind::Notice;
use crate::clock::UnixTime;
use crate::journal::Head;
use crate::remedy::incident::Incident;
use crate::remedy::step::Step;
use crate::remedy::tell::{Tell, Told};

/// What is older has arrived or was given up long ago: nothing waits longer for a chat.
const NOT_OLDER: Duration = Duration::from_secs(3600);
/// Of more only the newest are told: the status page has all that is open.
const MOST: usize = 50;

/// Steps of a replay.
#[derive(Debug, Default)]
pub(in crate::remedy) struct Untold(VecDeque<Kept>);

#[derive(Debug)]
struct Kept {
    notice: Notice,
    head: Head,
    time: UnixTime,
    step: Step,
    incident: Option<Incident>,
}

impl Untold {
    /// Takes in the next record.
    pub(in crate::remedy) fn take(&mut self, told: &Told<'_>) {
        let Some(notice) = Notice::of(told) else { return };
        if let Some(id) = told.step.incident() {
            self.0.retain(|kept| kept.step.incident() != Some(id));
        }
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back(Kept {
            notice,
            head: told.head,
            time: told.time,
            step: told.step.clone(),
            incident: told.incident.cloned(),
        });
    }

    /// Tells what is young enough, oldest first; of what many have alike only the newest. What waits for a person is told of
    /// each, for each has a link of its own.
    pub(in crate::remedy) fn tell(&self, tell: &dyn Tell, now: UnixTime) {
        let mut count: BTreeMap<Notice, u32> = BTreeMap::new();
        let young = self.0.iter().rev().filter(|kept| kept.time.age_at(now) < NOT_OLDER);
        let told = young.filter(|kept| {
            let count = count.entry(kept.notice).or_default();
            *count += 1;
            *count <= MOST_ALIKE || kept.notice == Notice::Approval
        });
        let told: Vec<&Kept> = told.collect();
        for kept in told.into_iter().rev() {
            let again = Told {
                head: kept.head,
                time: kept.time,
                step: &kept.step,
                incident: kept.incident.as_ref(),
                opened: &[],
            };
            tell.told_again(&again, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::remedy::decide::Guard;
    use crate::remedy::step::IncidentId;
    use crate::remedy::testing::{at, incident, minutes};

    #[derive(Default)]
    struct Heard(Mutex<Vec<u64>>);

    impl Tell for Heard {
        fn told(&self, _told: &Told<'_>) {}

        fn told_again(&self, told: &Told<'_>, _now: UnixTime) {
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
        let steps: Vec<Step> = (0..60).map(|nth| held(nth, Guard::Approval)).collect();
        assert_eq!(again(&steps, at(60)), (11..=60).collect::<Vec<_>>());
        assert_eq!(again(&steps, at(60 + 3599)), [60]);
        assert_eq!(again(&steps, at(60).plus(minutes(60))), Vec::<u64>::new());
    }

    #[test]
    fn of_what_many_have_alike_only_the_newest_are_told_again() {
        let steps: Vec<Step> = (0..30).map(escalated).chain([held(99, Guard::Pause)]).collect();
        assert_eq!(again(&steps, at(60)), (21..=31).collect::<Vec<_>>());
    }
}
