//! Amounts of the chain: attoFIL of any size, shown in FIL digit by digit. No float is ever in between.

use std::cmp::Ordering;
use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use crate::exposition::Value;
use crate::values;

/// 1 FIL is 10^18 attoFIL.
const DECIMALS: usize = 18;

/// All the FIL that will ever be has 28 digits; what is longer than this is no amount.
const MOST_DIGITS: usize = 100;

/// An amount in attoFIL; on the page it is in FIL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttoFil {
    /// Available balances can be below zero.
    negative: bool,
    /// Without leading zeros; empty for zero.
    digits: Box<str>,
}

impl AttoFil {
    /// Decimal text as the services write it; `None` for `<nil>`, nothing and everything else.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
        let sound = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let digits = digits.trim_start_matches('0');
        (sound && digits.len() <= MOST_DIGITS).then(|| Self {
            negative: negative && !digits.is_empty(),
            digits: digits.into(),
        })
    }

    pub fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    /// As the services write it.
    pub fn attofil(&self) -> InAttoFil<'_> {
        InAttoFil(self)
    }

    /// In attoFIL, to be reckoned with; `None` below zero and beyond all FIL there is.
    pub fn to_u128(&self) -> Option<u128> {
        let digits = if self.is_zero() { "0" } else { &*self.digits };
        digits.parse().ok().filter(|_| !self.negative)
    }

    /// So many attoFIL.
    pub fn of_u128(attofil: u128) -> Self {
        Self::read(&attofil.to_string()).unwrap_or_default()
    }

    fn fil(&self) -> String {
        let padded = format!("{:0>width$}", self.digits, width = DECIMALS + 1);
        let (whole, rest) = padded.split_at(padded.len() - DECIMALS);
        let rest = rest.trim_end_matches('0');
        let sign = if self.negative { "-" } else { "" };
        let rest = if rest.is_empty() { "0" } else { rest };
        format!("{sign}{whole}.{rest}")
    }
}

/// The amount in attoFIL instead of FIL.
#[derive(Clone, Copy, Debug)]
pub struct InAttoFil<'a>(&'a AttoFil);

impl fmt::Display for InAttoFil<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.negative, &*self.0.digits) {
            (_, "") => f.write_str("0"),
            (true, digits) => write!(f, "-{digits}"),
            (false, digits) => f.write_str(digits),
        }
    }
}

impl Value for InAttoFil<'_> {
    fn write(self, line: &mut String) -> bool {
        write!(line, "{self}").is_ok()
    }
}

impl Value for &AttoFil {
    fn write(self, line: &mut String) -> bool {
        line.push_str(&self.fil());
        true
    }
}

/// For people, in FIL.
impl fmt::Display for AttoFil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fil = self.fil();
        write!(f, "{} FIL", fil.strip_suffix(".0").unwrap_or(&fil))
    }
}

impl PartialOrd for AttoFil {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for AttoFil {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_length = self.digits.len().cmp(&other.digits.len());
        let by_size = by_length.then_with(|| self.digits.cmp(&other.digits));
        match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => by_size,
            (true, true) => by_size.reverse(),
        }
    }
}

/// An amount of the configuration: `20 FIL`, `0.5 FIL`, `3 nanoFIL`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fil(AttoFil);

/// Digits of nanoFIL up to which an amount is told as a fee.
const LONGEST_FEE: usize = 5;

const UNITS: [(&str, usize); 3] = [("FIL", DECIMALS), ("nanoFIL", 9), ("attoFIL", 0)];

impl Fil {
    pub const fn get(&self) -> &AttoFil {
        &self.0
    }

    /// Whole FIL.
    pub fn whole(fil: u32) -> Self {
        Self::scaled(&fil.to_string(), DECIMALS)
    }

    /// Whole nanoFIL, as fees are told.
    pub fn nano(nano: u32) -> Self {
        Self::scaled(&nano.to_string(), 9)
    }

    fn scaled(digits: &str, zeros: usize) -> Self {
        Self(AttoFil::read(&format!("{digits}{:0<zeros$}", "")).unwrap_or_default())
    }
}

impl FromStr for Fil {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{}` is not an amount; write a number and a unit, like 20 FIL, 0.5 FIL or 3 nanoFIL",
                text.escape_debug()
            )
        };
        let (number, unit) = text.trim().split_once(' ').ok_or_else(wrong)?;
        let (_, zeros) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        let pointless = number.ends_with('.') || whole.is_empty();
        if pointless || !digits(whole) || !digits(fraction) || fraction.len() > *zeros {
            return Err(wrong());
        }
        let amount = AttoFil::read(&format!("{whole}{fraction:0<zeros$}"));
        amount.map(Self).ok_or_else(wrong)
    }
}

/// Fees in nanoFIL, as people tell them.
impl fmt::Display for Fil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.digits.strip_suffix("000000000") {
            Some(nano) if nano.len() <= LONGEST_FEE => write!(f, "{nano} nanoFIL"),
            _ => self.0.fmt(f),
        }
    }
}

impl serde::Serialize for Fil {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

values::deserialize_from_str!(Fil, "an amount like 20 FIL or 3 nanoFIL");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(text: &str) -> Option<String> {
        let amount = AttoFil::read(text)?;
        let mut line = String::new();
        (&amount).write(&mut line).then_some(line)
    }

    #[test]
    fn amounts_of_every_size_are_shown_to_the_last_digit() {
        let fil = |text: &str| written(text).unwrap();
        assert_eq!(fil("7000000000000000"), "0.007");
        assert_eq!(fil("1000000000000000000"), "1.0");
        assert_eq!(fil("0"), "0.0");
        assert_eq!(fil("1"), "0.000000000000000001");
        assert_eq!(fil("-1500000000000000000"), "-1.5");
        assert_eq!(
            fil("2000000000000000000000000000000000000000000000000000001"),
            "2000000000000000000000000000000000000.000000000000000001"
        );
    }

    #[test]
    fn what_is_no_amount_is_unknown_and_never_zero() {
        let endless = "9".repeat(101);
        for text in ["<nil>", "", " ", "-", "1.5", "1e18", "0x1", "１", endless.as_str()] {
            assert_eq!(AttoFil::read(text), None, "{text}");
        }
        assert_eq!(AttoFil::read("-0"), AttoFil::read("000"));
    }

    #[test]
    fn amounts_of_the_configuration_have_a_unit() {
        let read = |text: &str| text.parse::<Fil>().map(|fil| fil.get().attofil().to_string());
        assert_eq!(read("20 FIL").unwrap(), "20000000000000000000");
        assert_eq!(read("0.5 FIL").unwrap(), "500000000000000000");
        assert_eq!(read("3 nanoFIL").unwrap(), "3000000000");
        assert_eq!(Fil::whole(20).to_string(), "20 FIL");
        assert_eq!(Fil::nano(3).to_string(), "3 nanoFIL");
        for wrong in [
            "20",
            "FIL",
            "-1 FIL",
            "1. FIL",
            ".5 FIL",
            "1.5 attoFIL",
            "1 PHA",
            "1  FIL",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn order_is_that_of_numbers(one in any::<i128>(), other in any::<i128>()) {
            let read = |number: i128| AttoFil::read(&number.to_string()).unwrap();
            prop_assert_eq!(read(one).cmp(&read(other)), one.cmp(&other));
            prop_assert_eq!(read(one).attofil().to_string(), one.to_string());
        }

        #[test]
        fn what_is_shown_is_what_was_read(number in any::<u128>()) {
            let shown = written(&number.to_string()).unwrap();
            let (whole, rest) = shown.split_once('.').unwrap();
            let digits = format!("{whole}{rest:0<18}");
            prop_assert_eq!(digits.parse::<u128>().unwrap(), number);
        }

        #[test]
        fn what_is_printed_is_read_back(number in any::<u128>()) {
            let fil = Fil(AttoFil::read(&number.to_string()).unwrap());
            prop_assert_eq!(fil.to_string().parse::<Fil>(), Ok(fil));
        }

        #[test]
        fn any_text_is_an_amount_or_none(text in ".*") {
            drop((AttoFil::read(&text), text.parse::<Fil>()));
        }
    }
}
