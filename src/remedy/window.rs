//! Hours of the week in which something may be done: `Mon-Fri 08:00-18:00`, `Sat,Sun 10:00-16:00`, `22:00-06:00`. In UTC: a
//! time zone that puts its clocks back would have an hour twice.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::clock::UnixTime;
use crate::values;

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const DAY_MINUTES: u64 = 24 * 60;

/// Days of the week and the time of day at which it opens and closes. One that closes before it opens closes on the next
/// day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// By day from Monday on: whether it opens on it.
    days: [bool; 7],
    /// Minutes after midnight.
    opens: u64,
    closes: u64,
    text: String,
}

impl Window {
    pub fn is_open(&self, at: UnixTime) -> bool {
        let (day, minute) = day_and_minute(at);
        let today = self.on(day) && minute >= self.opens && minute < self.end();
        let before = self.on(day + 6) && minute + DAY_MINUTES < self.end();
        today || before
    }

    /// When it opens next; `at` itself while it is open.
    pub fn opens_after(&self, at: UnixTime) -> UnixTime {
        if self.is_open(at) {
            return at;
        }
        let (day, _) = day_and_minute(at);
        let into_the_day = Duration::from_secs(at.since_epoch().as_secs() % 86_400);
        let midnight = UnixTime::from_duration(Duration::from_secs(at.minus(into_the_day).since_epoch().as_secs()));
        let openings = (0..=7_u64)
            .filter(|days| self.on(day + days))
            .map(|days| midnight.plus(Duration::from_secs(days * 86_400 + self.opens * 60)));
        // At least one day is on, so it opens within the week.
        openings.filter(|opening| *opening > at).min().unwrap_or(at)
    }

    fn on(&self, day: u64) -> bool {
        let index = usize::try_from(day % 7).unwrap_or_default();
        self.days.get(index).copied().unwrap_or_default()
    }

    /// In minutes after the midnight before it opens.
    fn end(&self) -> u64 {
        if self.closes > self.opens {
            self.closes
        } else {
            self.closes + DAY_MINUTES
        }
    }
}

/// The day of the week from Monday on, and the minutes after midnight.
fn day_and_minute(at: UnixTime) -> (u64, u64) {
    let seconds = at.since_epoch().as_secs();
    // 1970-01-01 was a Thursday.
    ((seconds / 86_400 + 3) % 7, seconds % 86_400 / 60)
}

impl FromStr for Window {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            let shown = values::repeated(text);
            format!(
                "{shown} is not a time window; write days and hours in UTC, like `Mon-Fri 08:00-18:00`, `Sat,Sun 10:00-16:00` \
                 or `22:00-06:00`"
            )
        };
        let (days, hours) = text.split_once(' ').unwrap_or(("Mon-Sun", text));
        let (opens, closes) = hours.split_once('-').ok_or_else(wrong)?;
        Ok(Self {
            days: read_days(days).ok_or_else(wrong)?,
            opens: read_time(opens)
                .filter(|minute| *minute < DAY_MINUTES)
                .ok_or_else(wrong)?,
            closes: read_time(closes).ok_or_else(wrong)?,
            text: text.to_owned(),
        })
    }
}

fn read_days(text: &str) -> Option<[bool; 7]> {
    let mut on = [false; 7];
    for piece in text.split(',') {
        let (first, last) = piece.split_once('-').unwrap_or((piece, piece));
        let number = |name: &str| DAYS.iter().position(|day| *day == name);
        let (first, last) = (number(first)?, number(last)?);
        for (day, is_on) in on.iter_mut().enumerate() {
            // `Sat-Mon` goes over the end of the week.
            let within = if first <= last {
                (first..=last).contains(&day)
            } else {
                day >= first || day <= last
            };
            *is_on |= within;
        }
    }
    Some(on)
}

fn read_time(text: &str) -> Option<u64> {
    let (hour, minute) = text.split_once(':')?;
    let two = |part: &str| (part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit())).then_some(());
    two(hour).and(two(minute))?;
    let (hour, minute): (u64, u64) = (hour.parse().ok()?, minute.parse().ok()?);
    let total = hour * 60 + minute;
    (minute < 60 && total <= DAY_MINUTES).then_some(total)
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

values::deserialize_from_str!(Window, "a time window like `Mon-Fri 08:00-18:00`");
values::serialize_as_str!(Window);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> UnixTime {
        UnixTime::from_rfc3339(text).unwrap()
    }

    fn window(text: &str) -> Window {
        text.parse().unwrap()
    }

    #[test]
    fn a_window_is_open_on_its_days_between_its_hours() {
        // 2026-11-21 is a Saturday.
        let weekdays = window("Mon-Fri 08:00-18:00");
        assert!(!weekdays.is_open(at("2026-11-21T12:00:00Z")));
        assert!(!weekdays.is_open(at("2026-11-23T07:59:59Z")));
        assert!(weekdays.is_open(at("2026-11-23T08:00:00Z")));
        assert!(!weekdays.is_open(at("2026-11-23T18:00:00Z")));
        assert!(window("Sat,Sun 10:00-16:00").is_open(at("2026-11-21T12:00:00Z")));
        assert!(window("00:00-24:00").is_open(at("2026-11-21T23:59:59Z")));
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_begins() {
        let night = window("Fri 22:00-06:00");
        assert!(night.is_open(at("2026-11-20T22:00:00Z")));
        assert!(night.is_open(at("2026-11-21T05:59:00Z")));
        assert!(!night.is_open(at("2026-11-21T22:30:00Z")));
        assert!(!night.is_open(at("2026-11-20T05:59:00Z")));
    }

    #[test]
    fn it_says_when_it_opens_next() {
        let weekdays = window("Mon-Fri 08:00-18:00");
        let monday = at("2026-11-23T08:00:00Z");
        assert_eq!(weekdays.opens_after(at("2026-11-21T12:00:00Z")), monday);
        assert_eq!(weekdays.opens_after(monday), monday);
        let once = window("Mon 08:00-09:00");
        assert_eq!(once.opens_after(at("2026-11-23T09:00:00Z")), at("2026-11-30T08:00:00Z"));
    }

    #[test]
    fn what_is_no_window_is_refused() {
        for wrong in [
            "",
            "Mon",
            "8:00-9:00",
            "Mon 08:00",
            "Mo 08:00-09:00",
            "24:00-06:00",
            "08:00-24:01",
            "08:60-09:00",
        ] {
            assert!(wrong.parse::<Window>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn a_window_is_open_when_it_says_that_it_opens(
            first in 0_usize..7, last in 0_usize..7, opens in 0_u64..1440, closes in 0_u64..=1440, now in 0_u64..4_000_000_000
        ) {
            let time = |minutes: u64| format!("{:02}:{:02}", minutes / 60, minutes % 60);
            let text = format!("{}-{} {}-{}", DAYS[first], DAYS[last], time(opens), time(closes));
            let (window, now) = (window(&text), UnixTime::from_millis(now * 1000));
            let next = window.opens_after(now);
            prop_assert!(next >= now && window.is_open(next), "{text} {now} {next}");
        }

        #[test]
        fn any_text_gives_a_window_or_an_error(text in ".*") {
            drop(text.parse::<Window>());
        }
    }
}
