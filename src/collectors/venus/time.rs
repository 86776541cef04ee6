//! Times as Go prints them: RFC 3339 with a fraction and the server's own offset.

use std::time::Duration;

use crate::clock::UnixTime;

/// Later ones are no times: a clock that is wrong by centuries, or the largest value of a type.
const LAST_YEAR: i64 = 2200;

/// The instant; `None` for Go's zero time (year 1), for what lies before 1970 or far in the future, and for what is none.
pub(super) fn read(text: &str) -> Option<UnixTime> {
    let (date, rest) = text.trim().split_once(['T', ' '])?;
    let (year, month, day) = three(date, '-')?;
    let at = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at_checked(at)?;
    let (whole, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let (hour, minute, second) = three(whole, ':')?;
    let within = (1970..=LAST_YEAR).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !within {
        return None;
    }
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset(zone)?;
    let since = Duration::from_secs(u64::try_from(seconds).ok()?) + Duration::from_nanos(nanos(fraction)?);
    Some(UnixTime::from_duration(since))
}

fn three(text: &str, between: char) -> Option<(i64, i64, i64)> {
    let mut parts = text.split(between).map(number);
    let three = (parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then_some(three)
}

/// At most four digits, so that nothing here can overflow.
fn number(text: &str) -> Option<i64> {
    let sound = (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    sound.then(|| text.parse().ok()).flatten()
}

fn nanos(fraction: &str) -> Option<u64> {
    let sound = fraction.len() <= 9 && fraction.bytes().all(|b| b.is_ascii_digit());
    sound.then(|| format!("{fraction:0<9}").parse().ok()).flatten()
}

/// Seconds east of Greenwich.
pub(super) fn offset(zone: &str) -> Option<i64> {
    let (sign, rest) = match zone.split_at_checked(1) {
        Some(("+", rest)) => (1, rest),
        Some(("-", rest)) => (-1, rest),
        Some(("Z" | "z", "")) => return Some(0),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours <= 14 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

/// Days since 1970-01-01, by counting years that begin in March (Howard Hinnant's `days_from_civil`).
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn millis(text: &str) -> Option<u64> {
        let seconds = read(text)?.as_secs_f64();
        format!("{:.0}", seconds * 1000.0).parse().ok()
    }

    #[test]
    fn the_same_instant_in_two_zones_is_one() {
        assert_eq!(millis("2024-06-13T19:21:04.31+08:00"), Some(1_718_277_664_310));
        assert_eq!(read("2024-06-13T19:21:04.31+08:00"), read("2024-06-13T11:21:04.31Z"));
        assert_eq!(
            read("2024-06-13T05:51:04.31-05:30"),
            read("2024-06-13T11:21:04.310000000Z")
        );
        assert_eq!(millis("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(millis("2000-02-29T00:00:00Z"), Some(951_782_400_000));
    }

    #[test]
    fn never_and_far_away_are_unknown() {
        for text in [
            "0001-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "9999-12-31T23:59:59Z",
            "292277026596-12-04T15:30:07Z",
            "",
            "T",
            "2024-06-13",
            "2024-06-13T19:21:04",
            "2024-13-01T00:00:00Z",
            "2024-06-13T25:00:00Z",
            "2024-06-13T19:21:04+0800",
            "2024-06-13T19:21:04.1234567890Z",
            "1970-01-01T00:00:00+08:00",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn days_follow_one_another(year in 1970_i64..2200, month in 1_i64..=12, day in 1_i64..28) {
            prop_assert_eq!(days(year, month, day + 1), days(year, month, day) + 1);
        }

        #[test]
        fn any_text_is_a_time_or_none(text in "[0-9T:.Z+-]{0,30}|.*") {
            prop_assert!(read(&text).is_none_or(|time| time < UnixTime::from_millis(7_300_000_000_000)));
        }
    }
}
