//! Which alerts fire, as far as it was told. What no configuration allowed when it came has a room of its own, so that
//! invented names never cost what can be repaired.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::alerts::{self, Alert, Change, Episode, Fingerprint};
use crate::clock::UnixTime;

/// Alerts that are remembered of what could be repaired, and of what no configuration allowed.
const MOST: usize = 20_000;
const MOST_STRANGE: usize = 2000;

/// For how long after they were last heard of. Alertmanager repeats every 4 hours unless configured.
const REMEMBERED_FOR: Duration = Duration::from_secs(2 * 86_400);
/// Of what has ended: late messages from before the end are over by then.
const ENDED_FOR: Duration = Duration::from_secs(3600);
/// Where there is no room, what is old is looked for this often: it is a look at all of them.
const CLEARED_EVERY: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Episodes {
    known: Room,
    strange: Room,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Room {
    heard: BTreeMap<Fingerprint, (Episode, UnixTime)>,
    cleared: Option<UnixTime>,
}

impl Episodes {
    /// What the alert means after those before; nothing where there is no room for another one.
    pub(super) fn hear(&mut self, alert: &Alert, is_strange: bool, time: UnixTime) -> Option<(Episode, Change)> {
        let (room, most, other) = if is_strange {
            (&mut self.strange, MOST_STRANGE, &mut self.known)
        } else {
            (&mut self.known, MOST, &mut self.strange)
        };
        let before = room.heard.get(&alert.fingerprint);
        let before = before
            .or_else(|| other.heard.get(&alert.fingerprint))
            .map(|(episode, _)| *episode);
        if !room.heard.contains_key(&alert.fingerprint) && !room.has_place(most, time) {
            return None;
        }
        other.heard.remove(&alert.fingerprint);
        let (episode, change) = alerts::hear(before.as_ref(), alert, time);
        room.heard.insert(alert.fingerprint, (episode, time));
        Some((episode, change))
    }
}

impl Room {
    fn has_place(&mut self, most: usize, time: UnixTime) -> bool {
        if self.heard.len() < most {
            return true;
        }
        let is_due = self.cleared.is_none_or(|last| last.age_at(time) >= CLEARED_EVERY);
        if is_due {
            self.cleared = Some(time);
            self.heard.retain(|_, (episode, heard)| {
                let keep = if episode.end.is_some() {
                    ENDED_FOR
                } else {
                    REMEMBERED_FOR
                };
                heard.age_at(time) < keep
            });
        }
        self.heard.len() < most
    }
}
