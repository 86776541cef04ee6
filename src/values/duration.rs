//! A length of time as Prometheus writes it: `15s`, `500ms`, `1h30m`, `7d`.

use std::fmt;
use std::str::FromStr;

/// A length of time above zero, read from text with its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(std::time::Duration);

/// Ten years: longer ones are typing mistakes, and would overflow clocks when they are added to a time.
const LONGEST_MILLIS: u64 = 3_650 * 86_400_000;

/// Units of Prometheus' durations, longest first, in milliseconds.
const UNITS: [(&str, u64); 6] = [
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

impl Duration {
    pub const fn from_secs(seconds: u64) -> Self {
        Self(std::time::Duration::from_secs(seconds))
    }

    pub const fn from_millis(millis: u64) -> Self {
        Self(std::time::Duration::from_millis(millis))
    }

    pub const fn get(self) -> std::time::Duration {
        self.0
    }
}

impl From<std::time::Duration> for Duration {
    fn from(duration: std::time::Duration) -> Self {
        Self(duration)
    }
}

impl FromStr for Duration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{} is not a duration; write a number and a unit, like 500ms, 15s, 5m, 1h30m or 7d",
                super::repeated(text)
            )
        };
        let mut rest = text;
        let mut total: u64 = 0;
        let mut smallest = u64::MAX;
        while !rest.is_empty() {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let (number, tail) = rest.split_at(digits);
            let letters = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
            let (unit, tail) = tail.split_at(letters);
            let number: u64 = number.parse().map_err(|_| wrong())?;
            let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
            if *millis >= smallest {
                return Err(wrong());
            }
            smallest = *millis;
            let part = number.checked_mul(*millis).ok_or_else(wrong)?;
            total = total.checked_add(part).ok_or_else(wrong)?;
            rest = tail;
        }
        if total == 0 {
            return Err(if text.is_empty() {
                wrong()
            } else {
                format!("{} is no time at all; it must be above zero", super::repeated(text))
            });
        }
        if total > LONGEST_MILLIS {
            return Err(format!("{} is longer than ten years", super::repeated(text)));
        }
        Ok(Self::from_millis(total))
    }
}

/// Exact to the millisecond, largest units first; what it prints it reads back.
impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if rest == 0 {
            return f.write_str("0s");
        }
        for (unit, millis) in UNITS {
            let count = rest / millis;
            if count > 0 {
                write!(f, "{count}{unit}")?;
                rest %= millis;
            }
        }
        Ok(())
    }
}

super::deserialize_from_str!(Duration, "a duration like 15s, 5m or 1h30m");
super::serialize_as_str!(Duration);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_read_as_prometheus_reads_them() {
        let read = |text: &str| text.parse::<Duration>().map(Duration::get);
        assert_eq!(read("15s"), Ok(std::time::Duration::from_secs(15)));
        assert_eq!(read("1h30m"), Ok(std::time::Duration::from_secs(5400)));
        assert_eq!(read("500ms"), Ok(std::time::Duration::from_millis(500)));
        for wrong in [
            "",
            "15",
            "s",
            "0s",
            "1.5s",
            "-1s",
            "1m1h",
            "1s1s",
            "15 s",
            "99999999999999999999s",
            "20000000000d",
            "1µs",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(millis in 1..=LONGEST_MILLIS) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(duration.to_string().parse::<Duration>(), Ok(duration));
        }

        #[test]
        fn any_text_gives_a_value_or_an_error(text in ".*") {
            drop(text.parse::<Duration>());
        }
    }
}
