//! Amounts of the chain: PHA with twelve decimals, and numbers with 64 binary digits behind the point.

use std::fmt::{self, Write as _};

use crate::exposition::Value;

/// An amount in plancks; on the page it is in PHA, digit by digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Plancks(pub u128);

const DECIMALS: usize = 12;
const PER_PHA: u128 = 1_000_000_000_000;

impl Plancks {
    pub fn of_pha(pha: u64) -> Self {
        Self(u128::from(pha) * PER_PHA)
    }

    /// From `"123.4567 PHA"`, `"12.3456 kPHA"` and the like (polkadot.js), `"0"`, or a count of plancks with commas.
    pub fn read(text: &str) -> Option<Self> {
        let Some((number, unit)) = text.trim().split_once(' ') else {
            return whole(text.trim()).map(Self);
        };
        let exponent: usize = match unit.strip_suffix("PHA")? {
            "p" => 0,
            "n" => 3,
            "µ" | "\u{3bc}" => 6,
            "m" => 9,
            "" => DECIMALS,
            "k" => 15,
            "M" => 18,
            "B" | "G" => 21,
            _ => return None,
        };
        let (before, behind) = number.split_once('.').unwrap_or((number, ""));
        let mut digits: String = before.chars().filter(|c| *c != ',').collect();
        // What lies behind the last planck is cut.
        digits.extend(behind.chars().chain(std::iter::repeat('0')).take(exponent));
        whole(&digits).map(Self)
    }
}

/// Digits, with commas between thousands.
pub(super) fn whole(text: &str) -> Option<u128> {
    let digits: String = text.chars().filter(|c| *c != ',').collect();
    let sound = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    sound.then(|| digits.parse().ok()).flatten()
}

impl fmt::Display for Plancks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / PER_PHA, self.0 % PER_PHA);
        let fraction = format!("{rest:0DECIMALS$}");
        let fraction = fraction.trim_end_matches('0');
        if fraction.is_empty() {
            write!(f, "{whole}.0")
        } else {
            write!(f, "{whole}.{fraction}")
        }
    }
}

impl Value for Plancks {
    fn write(self, line: &mut String) -> bool {
        write!(line, "{self}").is_ok()
    }
}

/// U64F64 of the chain as a float; rounded from the 53rd binary digit on.
pub(super) fn fixed_point(bits: u128) -> f64 {
    let bytes = bits.to_be_bytes();
    let mut value = 0.0;
    for byte in bytes {
        value = value * 256.0 + f64::from(byte);
    }
    value / 18_446_744_073_709_551_616.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_of_every_size_are_read() {
        let read = |text: &str| Plancks::read(text).map(|plancks| plancks.0);
        assert_eq!(read("0"), Some(0));
        assert_eq!(read("123.4567 PHA"), Some(123_456_700_000_000));
        assert_eq!(read("9.0071 kPHA"), Some(9_007_100_000_000_000));
        assert_eq!(read("1.2345 MPHA"), Some(1_234_500_000_000_000_000));
        assert_eq!(read("500.0000 mPHA"), Some(500_000_000_000));
        assert_eq!(read("1,234,567"), Some(1_234_567));
        for bad in ["", " PHA", "1.5", "-1 PHA", "1 XPHA", "1 KSM", "x PHA", "1.x PHA"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn amounts_are_written_to_the_last_planck() {
        let written = |plancks| {
            let mut line = String::new();
            Plancks(plancks).write(&mut line);
            line
        };
        assert_eq!(written(123_456_789_012_345), "123.456789012345");
        assert_eq!(written(10_000_000_000_000), "10.0");
        assert_eq!(written(1), "0.000000000001");
    }

    proptest! {
        #[test]
        fn any_text_is_an_amount_or_none(text in ".*") {
            prop_assert!(Plancks::read(&text).is_none_or(|_| text.contains(|c: char| c.is_ascii_digit())));
        }

        #[test]
        fn whole_fixed_point_numbers_are_exact(number in any::<u32>()) {
            prop_assert!((fixed_point(u128::from(number) << 64) - f64::from(number)).abs() < f64::EPSILON);
        }
    }
}
