//! The times in front of messages, in every form in which a PRB writes them.

use std::time::Duration;

use crate::clock::UnixTime;

/// The time in front of a message, and the words behind it.
pub(super) fn split_time(text: &str) -> (Option<UnixTime>, &str) {
    if let Some((stamp, words)) = text.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        // Something in brackets that is no time belongs to the message.
        if stamp.starts_with(|c: char| c.is_ascii_digit()) {
            return (iso_time(stamp), words);
        }
    }
    if let Some((millis, words)) = text.split_once(" - ") {
        // From 2001 on: a smaller number is no time.
        if let Ok(millis @ 1_000_000_000_000..=MOST_MILLIS) = millis.parse() {
            return (Some(UnixTime::from_millis(millis)), words);
        }
    }
    (None, text)
}

/// The year 9999.
const MOST_MILLIS: u64 = 253_402_300_799_999;

/// `2022-06-01T20:00:00+08:00`, also with a blank for the `T`, a fraction, a blank before the offset, or `Z`.
fn iso_time(stamp: &str) -> Option<UnixTime> {
    let (date, time) = stamp.split_once(['T', ' '])?;
    let [year, month, day] = numbers(date, '-')?;
    let zone_at = time.find(['+', '-', 'Z', ' '])?;
    let (clock, zone) = time.split_at_checked(zone_at)?;
    let [hour, minute, second] = numbers(clock.split('.').next()?, ':')?;
    let sound = (1971..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    let local = days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    let utc = local - offset(zone.trim())?;
    let seconds = sound.then(|| u64::try_from(utc).ok()).flatten()?;
    Some(UnixTime::from_duration(Duration::from_secs(seconds)))
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

    proptest! {
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
