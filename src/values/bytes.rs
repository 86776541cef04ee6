//! An amount of bytes as people write it: `512MiB`, `108.9GB`, `300GiB`.

use std::fmt;
use std::str::FromStr;

/// An amount of bytes, read from text with its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(u64);

const UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

impl Size {
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{} is not a size; write a number and a unit, like 512MiB, 108.9GB or 4TiB",
                super::repeated(text)
            )
        };
        let split = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
        let (number, unit) = text.split_at(split);
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        // Nine digits after the point are exact to the byte for every unit up to GB.
        if fraction.is_empty() || fraction.len() > 9 {
            return Err(wrong());
        }
        let scale = 10_u128.pow(u32::try_from(fraction.len()).map_err(|_| wrong())?);
        let whole: u64 = whole.parse().map_err(|_| wrong())?;
        let fraction: u64 = fraction.parse().map_err(|_| wrong())?;
        let bytes = u128::from(whole) * u128::from(*factor) + u128::from(fraction) * u128::from(*factor) / scale;
        u64::try_from(bytes).map(Self).map_err(|_| wrong())
    }
}

/// In the largest decimal unit, rounded to one digit: for people, not for reading back.
impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) = UNITS
            .iter()
            .take(5)
            .rev()
            .find(|(_, factor)| self.0 >= *factor)
            .unwrap_or(&("B", 1));
        let tenths = u128::from(self.0) * 10 / u128::from(*factor);
        match (tenths / 10, tenths % 10) {
            (whole, 0) => write!(f, "{whole} {unit}"),
            (whole, tenth) => write!(f, "{whole}.{tenth} {unit}"),
        }
    }
}

/// Exact, unlike what is shown for people: in the largest unit that leaves at most one digit behind the point.
impl serde::Serialize for Size {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Tenths of a binary unit are no whole bytes.
        let step = |factor: u64| if factor.is_multiple_of(10) { factor / 10 } else { factor };
        let fits = |factor: u64| self.0 >= factor && self.0.is_multiple_of(step(factor));
        let largest = UNITS
            .iter()
            .filter(|(_, factor)| fits(*factor))
            .max_by_key(|(_, factor)| *factor);
        let (unit, factor) = largest.copied().unwrap_or(("B", 1));
        let tenths = u128::from(self.0) * 10 / u128::from(factor);
        match (tenths / 10, tenths % 10) {
            (whole, 0) => serializer.collect_str(&format_args!("{whole}{unit}")),
            (whole, tenth) => serializer.collect_str(&format_args!("{whole}.{tenth}{unit}")),
        }
    }
}

super::deserialize_from_str!(Size, "a size like 512MiB or 108.9GB");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_are_read_in_decimal_and_binary_units() {
        let read = |text: &str| text.parse::<Size>().map(Size::bytes);
        assert_eq!(read("108.9GB"), Ok(108_900_000_000));
        assert_eq!(read("512MiB"), Ok(512 << 20));
        assert_eq!(read("0B"), Ok(0));
        for wrong in [
            "",
            "12",
            "GB",
            "1.GB",
            ".5GB",
            "-1GB",
            "1 GB",
            "1.2.3GB",
            "99999999999TiB",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_shown_for_people() {
        let shown = |bytes| Size::from_bytes(bytes).to_string();
        assert_eq!(shown(0), "0 B");
        assert_eq!(shown(108_900_000_000), "108.9 GB");
        assert_eq!(shown(2_000), "2 kB");
    }

    proptest! {
        #[test]
        fn what_is_written_into_a_file_is_read_back(bytes in 0..=u64::MAX, zeros in 0_u32..12) {
            let size = Size::from_bytes(bytes / 10_u64.pow(zeros) * 10_u64.pow(zeros));
            let written = serde_json::to_value(size).unwrap();
            prop_assert_eq!(written.as_str().unwrap().parse::<Size>(), Ok(size));
        }

        #[test]
        fn any_text_gives_a_value_or_an_error(text in ".*") {
            drop(text.parse::<Size>());
        }
    }
}
