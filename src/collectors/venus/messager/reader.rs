//! Asks messagers, with calls whose cost follows what waits and never what was ever sent.
//!
//! Section 2.3 of the contract: `ListBlockedMessage` and `ListFailedMessage` bring pending rows only. Up to 1.10 the first
//! leaves out unfilled messages, which are then read page by page. Reading the database itself would be another reader
//! that fills a [`Book`].

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::answers::{self, Sender, SenderState, Waiting};
use super::book::{Book, Lists, MessagerSeen, Sight};
use super::tally::Tally;
use crate::collectors::venus::known::Known;
use crate::collectors::venus::server::{Asking, Missed, Said, Server};
use crate::upstream::{Fault, Refused, VenusCall, Why};

/// Messages younger than this are on their way, not waiting.
pub(in crate::collectors::venus) const WAITING_AFTER: Duration = Duration::from_secs(60);
/// Lists of what waits come with what was updated last in front, so that a cut loses the oldest, which matter most. Then
/// only those that have waited for longer are asked for, until a list is whole. Most thresholds are among these.
const OLDER: [Duration; 4] = [
    Duration::from_secs(600),
    Duration::from_secs(1800),
    Duration::from_secs(6 * 3600),
    Duration::from_secs(24 * 3600),
];
/// Rows of a page: with bodies of some 10 kB about 5 MB.
const PAGE: usize = 500;
/// A farm has tens of senders, a chain service for many farms hundreds.
const MOST_LISTED: usize = 10_000;
/// Senders that are not active and are asked for one by one: a farm has a few.
const MOST_SINGLE: usize = 20;
/// Every sender; of lists of what waits, every active one.
const ANYBODY: &str = "<empty>";

/// All messagers of a target; they share a database.
pub(in crate::collectors::venus) struct Messagers {
    servers: Vec<Messager>,
    known: Known,
    most_senders: usize,
    most_messages: usize,
    /// For a round: all its calls one after the other may not take longer.
    time: Duration,
}

/// The calls for one book, in the order in which they are made.
#[derive(Clone, Copy)]
enum Step {
    Shared,
    Senders,
    Blocked,
    Unfilled,
    Failed,
}

/// Of the time of a round each step that is still to come keeps this part, however slow those before it are.
const SHARES: u32 = 8;

/// When a round must have ended.
#[derive(Clone, Copy)]
struct Deadlines {
    end: Instant,
    share: Duration,
}

impl Deadlines {
    fn of(time: Duration) -> Self {
        Self {
            end: Instant::now() + time,
            share: time / SHARES,
        }
    }

    /// When the calls of a step must have been answered.
    fn of_step(self, step: Step) -> Option<Instant> {
        let to_come = match step {
            Step::Shared => 4,
            Step::Senders => 3,
            Step::Blocked => 2,
            Step::Unfilled => 1,
            Step::Failed => 0,
        };
        self.end.checked_sub(self.share * to_come)
    }
}

struct Messager {
    server: Server,
    /// How many parameters `ListMessageByFromState` takes: 6 from 1.15, 5 from 1.4, 4 before.
    arity: AtomicUsize,
}

const NEWEST_ARITY: usize = 6;

impl Messagers {
    pub(in crate::collectors::venus) fn new(
        servers: Vec<Server>,
        known: Known,
        most_senders: usize,
        most_messages: usize,
        time: Duration,
    ) -> Self {
        let messager = |server| Messager {
            server,
            arity: AtomicUsize::new(NEWEST_ARITY),
        };
        Self {
            servers: servers.into_iter().map(messager).collect(),
            known,
            most_senders,
            most_messages,
            time,
        }
    }

    /// Each is asked whether it answers; then, one after the other, for its messages, until one has told all that matters.
    /// One that is only slow has its turn last.
    pub(in crate::collectors::venus) async fn read(&self) -> Vec<Said<MessagerSeen>> {
        let deadlines = Deadlines::of(self.time);
        let shared = self.servers.iter().map(|messager| messager.shared(deadlines));
        let mut said: Vec<Said<MessagerSeen>> = join_all(shared).await;
        let mut turns: Vec<_> = self.servers.iter().zip(&mut said).collect();
        turns.retain(|(_, said)| said.outcome.as_ref().err().is_none_or(is_slow));
        turns.sort_by_key(|(_, said)| said.outcome.is_err());
        let mut to_come = u32::try_from(turns.len()).unwrap_or(u32::MAX);
        for (messager, said) in turns {
            // One that hangs leaves the others their part of the time.
            let left = deadlines.end.saturating_duration_since(Instant::now());
            let deadlines = Deadlines::of(left / to_come.max(1));
            to_come = to_come.saturating_sub(1);
            let ask = async |asking: &mut Asking<'_>| self.book(messager, asking, deadlines).await;
            let until = deadlines.of_step(Step::Senders);
            if booked(said, messager.server.ask_until(until, ask).await) {
                break;
            }
        }
        keep_the_best(&mut said);
        said.iter_mut().for_each(tells_nothing);
        said
    }

    /// `None` when not one list came.
    async fn book(
        &self,
        messager: &Messager,
        asking: &mut Asking<'_>,
        deadlines: Deadlines,
    ) -> Result<Option<Book>, Fault> {
        let mut book = Book::default();
        let mut senders = Vec::new();
        let listing = asking.list(VenusCall::LIST_SENDERS, json!([]), |element| {
            match answers::sender(element) {
                Some(_) if senders.len() >= MOST_LISTED => book.left_out += 1,
                Some(sender) => senders.push(sender),
                None => book.malformed += 1,
            }
            true
        });
        book.lacks += usize::from(listing.await?.is_none());
        let base_fee = self.known.base_fee();
        book.base_fee_known = base_fee.is_some();
        let mut tally = Tally::new(base_fee, self.most_messages);
        let mut lists = Lists {
            hold_unfilled: asking.about.since(11),
            ..Lists::default()
        };
        asking.until = deadlines.of_step(Step::Blocked);
        blocked(&senders, asking, &mut tally, &mut lists).await?;
        book.lacks += usize::from(lists.active.is_none());
        asking.until = deadlines.of_step(Step::Unfilled);
        if !lists.hold_unfilled {
            let unfilled = self.unfilled(messager, asking, &mut tally).await?;
            book.lacks += usize::from(unfilled.is_none());
            lists.unfilled = unfilled.map(Sight::of);
        }
        asking.until = deadlines.of_step(Step::Failed);
        tally.begin(false);
        let failed = asking.list(VenusCall::LIST_FAILED, json!([]), |element| tally.take(element));
        book.sees_errors = failed.await?.map(Sight::of);
        let (queues, malformed) = tally.finish();
        book.malformed += malformed;
        book.put_together(senders, queues, &lists, self.most_senders);
        Ok(asking.answered.then_some(book))
    }

    /// Unfilled messages page by page, the oldest first; true when there are more than are read.
    async fn unfilled(
        &self,
        messager: &Messager,
        asking: &mut Asking<'_>,
        tally: &mut Tally,
    ) -> Result<Option<bool>, Fault> {
        tally.begin(false);
        for page in 1..=self.most_messages.div_ceil(PAGE) {
            let mut rows = 0;
            let taken = messager.page(asking, page, |element| {
                rows += 1;
                tally.take(element)
            });
            match taken.await? {
                None if page == 1 => return Ok(None),
                None | Some(true) => return Ok(Some(true)),
                Some(false) if rows < PAGE => return Ok(Some(false)),
                Some(false) => {}
            }
        }
        Ok(Some(true))
    }
}

/// What waits of active senders in one list, and of the others, whom that list leaves out, one by one.
async fn blocked(
    senders: &[Sender],
    asking: &mut Asking<'_>,
    tally: &mut Tally,
    lists: &mut Lists,
) -> Result<(), Fault> {
    lists.active = waiting(ANYBODY, asking, tally).await?;
    let inactive = senders
        .iter()
        .filter(|sender| !matches!(sender.state, SenderState::Active | SenderState::Removed));
    for sender in inactive.take(MOST_SINGLE) {
        let Some(sight) = waiting(sender.address.as_str(), asking, tally).await? else {
            break;
        };
        lists.single.insert(sender.address.clone(), sight);
    }
    Ok(())
}

/// All that waits, and if that is too much, all that is older than as little as possible.
async fn waiting(of: &str, asking: &mut Asking<'_>, tally: &mut Tally) -> Result<Option<Sight>, Fault> {
    let Some(cut) = waiting_for(WAITING_AFTER, of, asking, tally).await? else {
        return Ok(None);
    };
    for age in OLDER.into_iter().take_while(|_| cut) {
        match waiting_for(age, of, asking, tally).await? {
            Some(true) => {}
            Some(false) => return Ok(Some(Sight::Cut { beyond: Some(age) })),
            None => break,
        }
    }
    Ok(Some(Sight::of(cut)))
}

/// Whether the list of what has waited for so long was cut.
async fn waiting_for(
    age: Duration,
    of: &str,
    asking: &mut Asking<'_>,
    tally: &mut Tally,
) -> Result<Option<bool>, Fault> {
    tally.begin(of == ANYBODY);
    let nanos = u64::try_from(age.as_nanos()).unwrap_or(u64::MAX);
    let taken = asking.list(VenusCall::LIST_BLOCKED, json!([of, nanos]), |element| {
        tally.take(element)
    });
    taken.await
}

fn is_slow(fault: &Fault) -> bool {
    matches!(fault.why, Why::Timeout(_))
}

/// Of books that lack lists, the first of those that lack the least is kept.
fn keep_the_best(said: &mut [Said<MessagerSeen>]) {
    let lacks = |one: &Said<MessagerSeen>| Some(one.outcome.as_ref().ok()?.book.as_ref()?.lacks);
    let Some(least) = said.iter().filter_map(lacks).min() else {
        return;
    };
    let best = said.iter().position(|one| lacks(one) == Some(least));
    for (_, other) in said.iter_mut().enumerate().filter(|(at, _)| Some(*at) != best) {
        if let Ok(seen) = &mut other.outcome {
            seen.book = None;
        }
    }
}

/// One that refused all that it was asked, and not for want of permission, is of no use.
fn tells_nothing(said: &mut Said<MessagerSeen>) {
    let is_empty = |seen: &MessagerSeen| seen.shared.is_none() && seen.book.is_none();
    if said.outcome.as_ref().is_ok_and(is_empty)
        && let Some(missed) = said.missed.iter().find(|missed| !missed.is_forbidden())
    {
        said.outcome = Err(missed.fault.clone());
    }
}

/// Takes up what a messager said when it was asked for its messages; true when it told every list that matters. One that
/// was slow before and answers now has only left one question open.
fn booked(said: &mut Said<MessagerSeen>, booked: Said<Option<Book>>) -> bool {
    said.missed.extend(booked.missed);
    let book = match booked.outcome {
        Ok(Some(book)) => book,
        Ok(None) => return false,
        Err(fault) => {
            said.outcome = Err(fault);
            return false;
        }
    };
    let is_whole = book.lacks == 0;
    let seen = match &said.outcome {
        Ok(seen) => seen.shared.clone(),
        Err(fault) => {
            let method = VenusCall::SHARED_PARAMS.method();
            let fault = fault.clone();
            said.missed.push(Missed { method, fault });
            said.about = booked.about;
            None
        }
    };
    said.outcome = Ok(MessagerSeen {
        shared: seen,
        book: Some(book),
    });
    is_whole
}

impl Messager {
    async fn shared(&self, deadlines: Deadlines) -> Said<MessagerSeen> {
        let ask = async |asking: &mut Asking<'_>| {
            let shared = asking.may(VenusCall::SHARED_PARAMS, json!([]), answers::shared).await?;
            asking.is_of_its_service()?;
            if shared.as_ref().is_some_and(|shared| !shared.is_of_incubation) {
                asking.about.is_of_venus();
            }
            Ok(MessagerSeen { shared, book: None })
        };
        self.server.ask_until(deadlines.of_step(Step::Shared), ask).await
    }

    /// One page; when the number of parameters is refused, once more with the one that is wanted.
    async fn page(
        &self,
        asking: &mut Asking<'_>,
        page: usize,
        mut each: impl FnMut(&[u8]) -> bool + Send,
    ) -> Result<Option<bool>, Fault> {
        let call = VenusCall::LIST_BY_STATE;
        let arity = self.arity.load(Ordering::Relaxed);
        let mut outcome = asking.try_list(call, &page_params(arity, page), &mut each).await;
        if let Err(refusal) = &outcome
            && let Refused::Arity(wanted) = refusal.kind
        {
            self.arity.store(wanted, Ordering::Relaxed);
            outcome = asking.try_list(call, &page_params(wanted, page), &mut each).await;
        }
        asking.note(call, outcome)
    }
}

/// `[from, state, isAsc, pageIndex, pageSize, d]`, of which older versions lack the last and the third.
fn page_params(arity: usize, page: usize) -> Value {
    let state = Waiting::Unfilled.number();
    match arity {
        0..=4 => json!([ANYBODY, state, page, PAGE]),
        5 => json!([ANYBODY, state, true, page, PAGE]),
        _ => json!([ANYBODY, state, true, page, PAGE, 0]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_slow_the_first_calls_are_the_last_has_time_left() {
        let deadlines = Deadlines::of(Duration::from_secs(24));
        let steps = [Step::Shared, Step::Senders, Step::Blocked, Step::Unfilled, Step::Failed];
        let ends = steps.map(|step| deadlines.of_step(step).unwrap());
        assert_eq!(ends[4], deadlines.end);
        for pair in ends.windows(2) {
            assert_eq!(pair[1] - pair[0], Duration::from_secs(3));
        }
    }
}
