//! Who hears of every step that counts: counters, messages to people.

use std::sync::Arc;

use super::incident::Incident;
use super::state::State;
use super::step::Step;
use crate::clock::UnixTime;
use crate::journal::Head;

/// Told of each step when it is on the disk and counts, in the order of the journal; not of those of a replay.
pub trait Tell: Send + Sync + 'static {
    /// Must neither wait nor ask anything of repairs: everybody waits for it.
    fn told(&self, told: &Told<'_>);

    /// After a start, now, one step of before the end: whether people heard of it then is not known.
    fn told_again(&self, _told: &Told<'_>, _now: UnixTime) {}
}

/// One step that counts now.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// The end of the journal with its record.
    pub head: Head,
    pub time: UnixTime,
    pub step: &'a Step,
    /// The incident that it speaks of, as it was before; nothing for steps that speak of none, and of one that is over.
    pub incident: Option<&'a Incident>,
    /// The incidents that it opened.
    pub opened: &'a [Incident],
}

/// Takes a record into the state, and tells what it meant there.
pub(super) fn take<T>(
    state: &mut State,
    head: Head,
    time: UnixTime,
    step: &Step,
    tell: impl FnOnce(&Told<'_>) -> T,
) -> T {
    let before = step.incident().and_then(|id| state.incident(id)).cloned();
    state.apply(head.sequence, time, step);
    tell(&Told {
        head,
        time,
        step,
        incident: before.as_ref(),
        opened: &state.opened_by(head.sequence),
    })
}

/// Several, one after the other.
impl Tell for Vec<Arc<dyn Tell>> {
    fn told(&self, told: &Told<'_>) {
        for one in self {
            one.told(told);
        }
    }

    fn told_again(&self, told: &Told<'_>, now: UnixTime) {
        for one in self {
            one.told_again(told, now);
        }
    }
}

/// Nobody.
impl Tell for () {
    fn told(&self, _told: &Told<'_>) {}
}
