//! The times in front of messages, in every form in which a PRB writes them.

use std::time::Duration;

use crate::clock::UnixTime;

/// When a message was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stamp {
    At(UnixTime),
    Yearless(MonthDay),
}

/// A moment of a year that is not said, in UTC: month, day, hour, minute, second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MonthDay([i64; 5]);

/// The time in front of a message, and the words behind it.
pub(super) fn split_time(text: &str) -> (Option<Stamp>, &str) {
    if let Some((stamp, words)) = text.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        // Something in brackets that is no time belongs to the message.
        if stamp.starts_with(|c: char| c.is_ascii_digit()) {
            let yearless = || MonthDay::read(stamp).map(Stamp::Yearless);
            return (iso_time(stamp).map(Stamp::At).or_else(yearless), words);
        }
    }
    if let Some((millis, words)) = text.split_once(" - ") {
        // From 2001 on: a smaller number is no time.
        if let Ok(millis @ 1_000_000_000_000..=MOST_MILLIS) = millis.parse() {
            return (Some(Stamp::At(UnixTime::from_millis(millis))), words);
        }
    }
    (None, text)
}

/// The year 9999.
const MOST_MILLIS: u64 = 253_402_300_799_999;

/// The clock of the other machine may be ahead of ours; what it wrote just now is not a year old.
const AHEAD: i64 = 3_600;

/// Leap days are eight years apart at most.
const MOST_YEARS: i64 = 8;

impl MonthDay {
    /// `12-20 10:00:00`.
    fn read(stamp: &str) -> Option<Self> {
        let (date, clock) = stamp.split_once(' ')?;
        let [month, day] = numbers(date, '-')?;
        let [hour, minute, second] = numbers(clock, ':')?;
        // In a leap year every day exists.
        seconds_since_1970([2024, month, day, hour, minute, second])?;
        Some(Self([month, day, hour, minute, second]))
    }

    /// In the last year in which it is not in the future.
    pub(super) fn before(self, now: UnixTime) -> Option<UnixTime> {
        let Self([month, day, hour, minute, second]) = self;
        let now = i64::try_from(UnixTime::default().age_at(now).as_secs()).ok()?;
        let this_year = year_of(now);
        let years = (0..=MOST_YEARS).map(|ago| this_year + 1 - ago);
        let mut times = years.filter_map(|year| seconds_since_1970([year, month, day, hour, minute, second]));
        let seconds = times.find(|seconds| *seconds <= now + AHEAD)?;
        Some(UnixTime::from_duration(Duration::from_secs(
            u64::try_from(seconds).ok()?,
        )))
    }
}

/// `2022-06-01T20:00:00+08:00`, also with a blank for the `T`, a fraction, a blank before the offset, or `Z`.
fn iso_time(stamp: &str) -> Option<UnixTime> {
    let (date, time) = stamp.split_once(['T', ' '])?;
    let [year, month, day] = numbers(date, '-')?;
    let zone_at = time.find(['+', '-', 'Z', ' '])?;
    let (clock, zone) = time.split_at_checked(zone_at)?;
    let [hour, minute, second] = numbers(clock.split('.').next()?, ':')?;
    let local = seconds_since_1970([year, month, day, hour, minute, second])?;
    let seconds = u64::try_from(local - offset(zone.trim())?).ok()?;
    Some(UnixTime::from_duration(Duration::from_secs(seconds)))
}

/// `None` for what no calendar and no clock shows.
fn seconds_since_1970([year, month, day, hour, minute, second]: [i64; 6]) -> Option<i64> {
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let sound = (1971..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    sound.then(|| days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// The year of a moment, from the count of days: at most one off before it is put right.
fn year_of(seconds: i64) -> i64 {
    let days = seconds.div_euclid(86_400);
    let guess = 1970 + days * 400 / 146_097;
    if days_since_1970(guess, 1, 1) > days {
        guess - 1
    } else if days_since_1970(guess + 1, 1, 1) <= days {
        guess + 1
    } else {
        guess
    }
}

/// Seconds that the zone is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    let (sign, digits) = match (zone.strip_prefix('+'), zone.strip_prefix('-')) {
        (Some(digits), _) => (1, digits),
        (_, Some(digits)) => (-1, digits),
        _ => return (zone == "Z").then_some(0),
    };
    let [hours, minutes] = numbers(digits, ':')?;
    Some(sign * (hours * 3_600 + minutes * 60))
}

/// Exactly `COUNT` short numbers.
fn numbers<const COUNT: usize>(text: &str, separator: char) -> Option<[i64; COUNT]> {
    let number = |digits: &str| {
        let short = (1..=4).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        short.then(|| digits.parse().ok()).flatten()
    };
    let all: Option<Vec<i64>> = text.split(separator).map(number).collect();
    all?.try_into().ok()
}

/// By counting from 1 March, so that a leap day is the last one of its year (proleptic Gregorian).
const fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year / 4 - year / 100 + year / 400;
    365 * year + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Message;
    use super::*;

    #[test]
    fn every_form_of_time_is_read() {
        let time = |text: &str| Message::read(text).at.map(UnixTime::as_secs_f64);
        assert_eq!(time("[2022-06-01T20:00:00+08:00] x"), Some(1_654_084_800.0));
        assert_eq!(time("[2022-06-01T12:00:00Z] x"), Some(1_654_084_800.0));
        assert_eq!(time("[2022-06-01T06:30:00-05:30] x"), Some(1_654_084_800.0));
        assert_eq!(time("[2024-02-29T00:00:00+00:00] x"), Some(1_709_164_800.0));
        assert_eq!(time("1636889212205 - x"), Some(1_636_889_212.205));
        assert_eq!(time("[2023-05-01 10:00:00.123456 +00:00] x"), Some(1_682_935_200.0));
        for without in [
            "[12-20 10:00:00] x",
            "x",
            "",
            "[] x",
            "[2022-13-01T00:00:00Z] x",
            "7 - x",
            "[1] x",
        ] {
            assert_eq!(time(without), None, "{without}");
        }
    }

    fn seconds(text: &str) -> u64 {
        let at = Message::read(text).at.unwrap();
        UnixTime::default().age_at(at).as_secs()
    }

    fn dated(text: &str, now: &str) -> Option<u64> {
        let now = UnixTime::from_duration(Duration::from_secs(seconds(now)));
        let at = Message::read(text).dated(now).at?;
        Some(UnixTime::default().age_at(at).as_secs())
    }

    #[test]
    fn a_time_without_a_year_is_of_the_last_year_that_fits() {
        let now = "[2026-03-01T12:00:00Z] x";
        assert_eq!(
            dated("[03-01 11:59:59] x", now),
            Some(seconds("[2026-03-01T11:59:59Z] x"))
        );
        assert_eq!(
            dated("[12-20 10:00:00] x", now),
            Some(seconds("[2025-12-20T10:00:00Z] x"))
        );
        assert_eq!(
            dated("[02-29 10:00:00] x", now),
            Some(seconds("[2024-02-29T10:00:00Z] x"))
        );
        assert_eq!(dated("[2023-05-01 10:00:00.123456 +00:00] x", now), Some(1_682_935_200));
        for bad in [
            "[13-01 10:00:00] x",
            "[02-30 10:00:00] x",
            "[12-20 24:00:00] x",
            "[12-20] x",
        ] {
            assert_eq!(dated(bad, now), None, "{bad}");
        }
    }

    #[test]
    fn a_clock_that_is_a_little_ahead_does_not_make_a_message_a_year_old() {
        let new_year = "[2026-01-01T00:00:00Z] x";
        let old_year = "[2025-12-31T23:59:50Z] x";
        assert_eq!(
            dated("[01-01 00:00:05] x", new_year),
            dated("[01-01 00:00:05] x", old_year)
        );
        assert_eq!(
            dated("[12-31 23:59:59] x", new_year),
            Some(seconds("[2025-12-31T23:59:59Z] x"))
        );
    }

    proptest! {
        #[test]
        fn a_completed_time_is_never_more_than_a_little_in_the_future(
            day in 0_u64..3_000_000, month in 1_u8..=12, of_month in 1_u8..=31,
        ) {
            let now = UnixTime::from_duration(Duration::from_secs(day * 86_400));
            let message = Message::read(&format!("[{month:02}-{of_month:02} 10:00:00] x")).dated(now);
            let ahead = message.at.map(|at| now.age_at(at).as_secs());
            prop_assert!(ahead.is_none_or(|ahead| ahead <= AHEAD.unsigned_abs()));
        }

        #[test]
        fn anything_in_brackets_is_a_time_or_none(stamp in "[0-9TZ:. +-]{0,40}") {
            drop(Message::read(&format!("[{stamp}] x")));
        }

        #[test]
        fn every_day_is_one_after_the_day_before(day in 1_i64..28, month in 1_i64..=12, year in 1971_i64..9999) {
            prop_assert_eq!(days_since_1970(year, month, day) + 1, days_since_1970(year, month, day + 1));
        }
    }
}
