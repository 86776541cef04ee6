//! Times as RFC 3339 writes them, in UTC, to the nanosecond: `2026-11-21T09:41:07.250Z`.

use std::time::Duration;

use super::UnixTime;

const DAY: i64 = 86_400;

/// In UTC, with as many digits behind the second as are needed (none, 3, 6 or 9).
pub(super) fn written(time: UnixTime) -> String {
    let whole = time.0.as_secs();
    let day = whole / DAY.unsigned_abs();
    let second = whole % DAY.unsigned_abs();
    let (year, month, of_month) = date(i64::try_from(day).unwrap_or(i64::MAX / DAY));
    let nanos = time.0.subsec_nanos();
    let fraction = match nanos {
        0 => String::new(),
        _ if nanos.is_multiple_of(1_000_000) => format!(".{:03}", nanos / 1_000_000),
        _ if nanos.is_multiple_of(1_000) => format!(".{:06}", nanos / 1_000),
        _ => format!(".{nanos:09}"),
    };
    format!(
        "{year:04}-{month:02}-{of_month:02}T{:02}:{:02}:{:02}{fraction}Z",
        second / 3_600,
        second % 3_600 / 60,
        second % 60
    )
}

/// With any offset from UTC. Nothing for what no calendar and no clock shows, and for times before 1970.
pub(super) fn read(text: &str) -> Option<UnixTime> {
    let (date, time) = text.split_once(['T', 't'])?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let zone_at = time.find(['+', '-', 'Z', 'z'])?;
    let (clock, zone) = time.split_at_checked(zone_at)?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    let exists = (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        // A leap second counts as the first of the next minute.
        && second <= 60;
    if !exists {
        return None;
    }
    let local = days_since_1970(year, month, day) * DAY + hour * 3_600 + minute * 60 + second;
    let seconds = u64::try_from(local - offset(zone)?).ok()?;
    Some(UnixTime(Duration::new(seconds, nanos(fraction)?)))
}

/// Digits beyond the ninth are cut: nobody's clock has them.
fn nanos(fraction: &str) -> Option<u32> {
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    digits.parse().ok()
}

/// Seconds that the zone is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    let (sign, digits) = match (zone.strip_prefix('+'), zone.strip_prefix('-')) {
        (Some(digits), _) => (1, digits),
        (_, Some(digits)) => (-1, digits),
        _ => return matches!(zone, "Z" | "z").then_some(0),
    };
    let [hours, minutes] = numbers(digits, ':', [2, 2])?;
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

/// Exactly `COUNT` numbers of so many digits.
fn numbers<const COUNT: usize>(text: &str, separator: char, digits: [usize; COUNT]) -> Option<[i64; COUNT]> {
    let mut found = [0; COUNT];
    let mut parts = text.split(separator);
    for (slot, length) in found.iter_mut().zip(digits) {
        let part = parts.next()?;
        let sound = part.len() == length && part.bytes().all(|b| b.is_ascii_digit());
        *slot = sound.then(|| part.parse().ok()).flatten()?;
    }
    parts.next().is_none().then_some(found)
}

const fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
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

/// Year, month and day: the way back, by eras of 400 years, which are all alike.
const fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let year = year_of_era + era * 400;
    if month < 10 {
        (year, month + 3, day)
    } else {
        (year + 1, month - 9, day)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_written_in_utc() {
        let written = |millis| written(UnixTime::from_millis(millis));
        assert_eq!(written(0), "1970-01-01T00:00:00Z");
        assert_eq!(written(1_709_164_800_000), "2024-02-29T00:00:00Z");
        assert_eq!(written(1_700_000_000_250), "2023-11-14T22:13:20.250Z");
        assert_eq!(written(253_402_300_799_999), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn every_zone_and_fraction_is_read() {
        let seconds = |text| read(text).map(UnixTime::as_secs_f64);
        assert_eq!(seconds("2022-06-01T20:00:00+08:00"), Some(1_654_084_800.0));
        assert_eq!(seconds("2022-06-01T06:30:00-05:30"), Some(1_654_084_800.0));
        let go = read("2018-08-03T09:52:26.739266876+02:00").unwrap();
        assert_eq!(go.0, Duration::new(1_533_282_746, 739_266_876));
        assert_eq!(
            read("2018-08-03T07:52:26.7392668769Z"),
            Some(go),
            "a tenth digit is cut"
        );
    }

    #[test]
    fn what_no_calendar_shows_is_no_time() {
        for wrong in [
            "",
            "0001-01-01T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "2023-13-01T00:00:00Z",
            "2023-01-01T24:00:00Z",
            "2023-01-01T00:00:00",
            "2023-01-01 00:00:00Z",
            "2023-1-1T00:00:00Z",
            "2023-01-01T00:00:00.Z",
            "2023-01-01T00:00:00+8",
            "2023-01-01T00:00:00Zx",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(seconds in 0_u64..253_402_300_800, nanos in 0_u32..1_000_000_000, cut in 0_u32..=9) {
            let unit = 10_u32.pow(cut);
            let time = UnixTime(Duration::new(seconds, nanos / unit * unit));
            prop_assert_eq!(read(&written(time)), Some(time));
        }

        #[test]
        fn any_clock_can_be_written(seconds in any::<u64>()) {
            drop(written(UnixTime(Duration::from_secs(seconds))));
        }

        #[test]
        fn any_text_is_a_time_or_none(text in "[0-9TZ:.+-]{0,40}|.*|202[0-9]-0[0-9]-[0-3][0-9]T[0-2][0-9]:00:00(\\.[0-9]{1,10})?(Z|[+-]0[0-9]:00)") {
            let time = read(&text);
            prop_assert_eq!(time.and_then(|time| read(&written(time))), time);
        }
    }
}
