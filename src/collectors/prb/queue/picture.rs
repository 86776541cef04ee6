//! What is known of the trade queues, as samples, symptoms and words.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::Said;
use crate::clock::Now;
use crate::collectors::Diagnosis;
use crate::collectors::prb::symptoms::{QUEUE_STUCK, Thresholds};
use crate::exposition::{Desc, Family, Page};
use crate::upstream::{Fault, QueueDepth};
use crate::values::{Duration, Name};

static UP: Desc<1> = Desc::gauge(
    "phala_prb_trade_queue_up",
    "1 if the Redis of this trade queue answered in the last round (redis-q).",
    &["queue"],
);
static JOBS: Desc<2> = Desc::gauge(
    "phala_prb_trade_queue_jobs",
    "Transactions in the trade queue by state; those that are done are mostly removed at once. Absent when none was ever put in (redis-q, bee-queue prbmq__main).",
    &["queue", "state"],
);
static CREATED: Desc<1> = Desc::counter(
    "phala_prb_trade_queue_jobs_created_total",
    "Transactions ever put into the trade queue, since its Redis was emptied (redis-q, bee-queue prbmq__main).",
    &["queue"],
);
static NEXT_SINCE: Desc<1> = Desc::gauge(
    "phala_prb_trade_queue_next_job_waiting_since_timestamp_seconds",
    "Since when the same transaction has been next in the trade queue, as far as was watched, since 1970; absent while none waits (redis-q, bee-queue prbmq__main).",
    &["queue"],
);

pub(in crate::collectors::prb) const FAMILIES: [&Family; 4] =
    [UP.family(), JOBS.family(), CREATED.family(), NEXT_SINCE.family()];

/// All queues by name.
#[derive(Clone, Debug, Default)]
pub struct Picture(BTreeMap<Name, QueueView>);

/// What is known of one queue.
#[derive(Clone, Debug, Default)]
pub struct QueueView {
    /// Why the last round brought nothing; `None` when it did.
    pub fault: Option<Fault>,
    /// `None` also when no job was ever put in.
    pub depth: Option<QueueDepth>,
    /// Since when the next job has been the same one.
    next_since: Option<(Instant, Now)>,
}

impl Picture {
    pub fn absorb(&mut self, said: Said, now: Now) {
        let mut before = std::mem::take(&mut self.0);
        for (name, outcome) in said {
            let view = before.remove(&name).unwrap_or_default();
            self.0.insert(name, view.next(outcome, now));
        }
    }

    pub fn expire(&mut self) {
        self.0.clear();
    }
}

impl QueueView {
    fn next(self, outcome: Result<Option<QueueDepth>, Fault>, now: Now) -> Self {
        match outcome {
            Err(fault) => Self {
                fault: Some(fault),
                ..Self::default()
            },
            Ok(depth) => {
                let next = |depth: &Option<QueueDepth>| depth.as_ref().and_then(|depth| depth.next.clone());
                let same = next(&self.depth) == next(&depth);
                let since = self.next_since.filter(|_| same).unwrap_or((now.monotonic, now));
                Self {
                    fault: None,
                    next_since: next(&depth).map(|_| since),
                    depth,
                }
            }
        }
    }
}

pub(in crate::collectors::prb) fn samples(picture: &Picture, page: &mut Page) {
    for (name, view) in &picture.0 {
        let name = name.as_str();
        page.add(&UP, [name], view.fault.is_none());
        page.add(&NEXT_SINCE, [name], view.next_since.map(|(_, since)| since.wall));
        let Some(depth) = &view.depth else { continue };
        for (state, jobs) in [
            ("waiting", depth.waiting),
            ("active", depth.active),
            ("delayed", depth.delayed),
            ("failed", depth.failed),
            ("succeeded", depth.succeeded),
        ] {
            page.add(&JOBS, [name, state], jobs);
        }
        page.add(&CREATED, [name], depth.created);
    }
}

pub(in crate::collectors::prb) fn diagnose(
    picture: &Picture,
    thresholds: &Thresholds,
    now: Now,
    diagnosis: &mut Diagnosis,
) {
    let limit = thresholds.queue_stuck_after;
    for (name, view) in picture.0.iter().filter(|(_, view)| view.fault.is_none()) {
        let Some(depth) = &view.depth else { continue };
        let stood = view
            .next_since
            .map(|(since, _)| now.monotonic.saturating_duration_since(since))
            .unwrap_or_default();
        diagnosis.judge(&QUEUE_STUCK, name.as_str(), Some(stood >= limit.get()), || {
            format!(
                "the same transaction has been next for {} (limit {limit}), {} wait",
                Duration::from_secs(stood.as_secs()),
                depth.waiting
            )
        });
    }
}

pub(in crate::collectors::prb) fn gist(picture: &Picture) -> Result<String, String> {
    let words = picture.0.iter().map(|(name, view)| match (&view.fault, &view.depth) {
        (Some(fault), _) => format!("{name}: {}", fault.why),
        (None, Some(depth)) => format!("{name}: {} waiting, {} active", depth.waiting, depth.active),
        (None, None) => format!("{name}: no trade queue yet; is this the right Redis?"),
    });
    let words = words.collect::<Vec<_>>().join(", ");
    if picture.0.values().any(|view| view.fault.is_some()) {
        Err(words)
    } else {
        Ok(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::prb::testing::at;
    use crate::exposition::{Format, write_families};
    use crate::upstream::Why;

    fn holding(waiting: u64, next: Option<&str>) -> Said {
        let depth = QueueDepth {
            waiting,
            created: 42,
            next: next.map(ToOwned::to_owned),
            ..QueueDepth::default()
        };
        vec![("q1".parse().unwrap(), Ok(Some(depth)))]
    }

    fn found(picture: &Picture, now: Now) -> (usize, usize) {
        let mut diagnosis = Diagnosis::default();
        diagnose(picture, &Thresholds::default(), now, &mut diagnosis);
        (diagnosis.looked_at.len(), diagnosis.findings.len())
    }

    fn page(picture: &Picture) -> String {
        let mut page = Page::new(&[]);
        samples(picture, &mut page);
        let mut text = String::new();
        write_families(&FAMILIES, [&page.finish()], Format::Text, &mut text);
        text.lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.to_owned() + "\n")
            .collect()
    }

    #[test]
    fn a_queue_whose_next_job_is_not_taken_is_stuck() {
        let start = Instant::now();
        let mut picture = Picture::default();
        picture.absorb(holding(3, Some("40")), at(start, 0));
        picture.absorb(holding(5, Some("40")), at(start, 590));
        assert_eq!(found(&picture, at(start, 590)), (1, 0));
        picture.absorb(holding(9, Some("40")), at(start, 600));
        assert_eq!(found(&picture, at(start, 600)), (1, 1));
        picture.absorb(holding(9, Some("41")), at(start, 615));
        assert_eq!(found(&picture, at(start, 615)), (1, 0));
    }

    #[test]
    fn a_queue_that_empties_or_is_out_of_sight_begins_anew() {
        let start = Instant::now();
        let mut picture = Picture::default();
        picture.absorb(holding(1, Some("40")), at(start, 0));
        picture.absorb(holding(0, None), at(start, 300));
        picture.absorb(holding(1, Some("40")), at(start, 600));
        assert_eq!(found(&picture, at(start, 600)), (1, 0));
        let lost = Fault::new(
            "10.0.0.9:6379",
            "queue",
            Why::Unreachable("connection refused".to_owned()),
        );
        picture.absorb(vec![("q1".parse().unwrap(), Err(lost))], at(start, 900));
        assert_eq!(found(&picture, at(start, 900)), (0, 0));
        assert_eq!(page(&picture), "phala_prb_trade_queue_up{queue=\"q1\"} 0\n");
        assert!(gist(&picture).unwrap_err().contains("refused"));
        picture.absorb(holding(1, Some("40")), at(start, 1200));
        assert_eq!(found(&picture, at(start, 1200)), (1, 0));
    }

    #[test]
    fn a_redis_that_never_had_the_queue_shows_no_depth() {
        let mut picture = Picture::default();
        picture.absorb(vec![("q1".parse().unwrap(), Ok(None))], at(Instant::now(), 0));
        assert_eq!(page(&picture), "phala_prb_trade_queue_up{queue=\"q1\"} 1\n");
    }
}
