//! States, times and lengths of time as people read them.

use std::time::Duration;

use maud::{Markup, html};

use crate::report::Health;

/// The class of the style sheet, which is also the shortest word.
pub(super) const fn class(health: Health) -> &'static str {
    match health {
        Health::Well => "well",
        Health::Waiting => "waiting",
        Health::Ill => "ill",
        Health::Stale => "stale",
        Health::Down => "down",
    }
}

/// So that nobody depends on seeing colours.
const fn symbol(health: Health) -> &'static str {
    match health {
        Health::Well => "✓",
        Health::Waiting => "…",
        Health::Ill => "▲",
        Health::Stale => "◷",
        Health::Down => "✕",
    }
}

/// A symbol that programs which read aloud leave out, because a word stands beside it.
pub(super) fn sign(health: Health) -> Markup {
    html! { span aria-hidden="true" { (symbol(health)) } }
}

/// Symbol, word and colour of a state.
pub(super) fn state(health: Health, words: &str) -> Markup {
    html! { span.state.(class(health)).nowrap { (sign(health)) " " (words) } }
}

/// The two largest units that matter, from milliseconds to days.
pub(super) fn length(seconds: f64) -> String {
    // Beyond what a duration holds is a defect elsewhere; the page is no place to fail for it.
    let duration = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    let whole = duration.as_secs();
    let two = |large: u64, unit: &str, small: u64, lesser: &str| match small {
        0 => format!("{large} {unit}"),
        _ => format!("{large} {unit} {small} {lesser}"),
    };
    match whole {
        0 if duration.as_millis() == 0 => "under 1 ms".to_owned(),
        0 => format!("{} ms", duration.as_millis()),
        1..10 if duration.subsec_millis() >= 100 => format!("{whole}.{} s", duration.subsec_millis() / 100),
        1..60 => format!("{whole} s"),
        60..3_600 => two(whole / 60, "min", whole % 60, "s"),
        3_600..86_400 => two(whole / 3_600, "h", whole % 3_600 / 60, "min"),
        _ => two(whole / 86_400, "d", whole % 86_400 / 3_600, "h"),
    }
}

/// How long ago, in whole seconds: nobody needs tenths of those.
pub(super) fn ago(seconds: f64) -> String {
    if seconds < 1.0 {
        return "just now".to_owned();
    }
    format!("{} ago", length(seconds.floor()))
}

/// How soon.
pub(super) fn within(seconds: f64) -> String {
    if seconds < 1.0 {
        return "now".to_owned();
    }
    format!("in {}", length(seconds.floor()))
}

/// `2026-11-21 09:41:07 UTC`, from seconds since 1970.
pub(super) fn utc(timestamp: f64) -> String {
    let whole = Duration::try_from_secs_f64(timestamp).unwrap_or_default().as_secs();
    let (days, second) = (whole / 86_400, whole % 86_400);
    let (year, month, day) = date(days);
    format!(
        "{year}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC",
        second / 3_600,
        second % 3_600 / 60,
        second % 60
    )
}

/// Year, month and day in the Gregorian calendar, so many days after 1970-01-01.
fn date(days: u64) -> (u64, u64, u64) {
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    // The calendar repeats every 400 years of 146,097 days; so loops are bounded whatever the clock says.
    let (mut year, mut left) = (1970 + 400 * (days / 146_097), days % 146_097);
    loop {
        let length = if leap(year) { 366 } else { 365 };
        if left < length {
            break;
        }
        left -= length;
        year += 1;
    }
    let february = if leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    (year, month, left + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_the_two_units_that_matter() {
        let told = [
            (0.0004, "under 1 ms"),
            (0.0124, "12 ms"),
            (1.0, "1 s"),
            (4.95, "4.9 s"),
            (15.0, "15 s"),
            (125.0, "2 min 5 s"),
            (300.0, "5 min"),
            (7_260.0, "2 h 1 min"),
            (266_400.0, "3 d 2 h"),
        ];
        for (seconds, words) in told {
            assert_eq!(length(seconds), words);
        }
        assert_eq!((ago(0.4).as_str(), ago(3.7).as_str()), ("just now", "3 s ago"));
        assert_eq!((within(0.4).as_str(), within(3.7).as_str()), ("now", "in 3 s"));
        assert_eq!((length(-1.0), length(f64::NAN)), (length(0.0), length(0.0)));
    }

    #[test]
    fn dates_follow_the_calendar() {
        // From `date -u -d @N`.
        let told = [
            (0.0, "1970-01-01 00:00:00 UTC"),
            (951_782_400.0, "2000-02-29 00:00:00 UTC"),
            (1_700_000_000.9, "2023-11-14 22:13:20 UTC"),
            (1_798_761_599.0, "2026-12-31 23:59:59 UTC"),
            (4_107_542_400.0, "2100-03-01 00:00:00 UTC"),
            (16_725_225_600.0, "2500-01-01 00:00:00 UTC"),
        ];
        for (timestamp, words) in told {
            assert_eq!(utc(timestamp), words);
        }
        assert!(utc(1e19).ends_with(" UTC"));
    }

    proptest::proptest! {
        #[test]
        fn any_number_is_told(seconds: f64) {
            assert!(!ago(seconds).is_empty() && !within(seconds).is_empty() && !utc(seconds).is_empty());
        }
    }
}
