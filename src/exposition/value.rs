//! Numbers on the page. Integers are written digit by digit; nothing here converts an integer to a float, so the
//! only rounding is Prometheus' own (above 2^53).

use std::fmt::Write as _;
use std::time::Duration;

use crate::clock::UnixTime;

/// Something that may be a sample. What is unknown writes nothing: unknown is never zero.
pub trait Value: Sized {
    /// Appends the number to `line`; false, and nothing appended, when there is none.
    fn write(self, line: &mut String) -> bool;
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl Value for $type {
            fn write(self, line: &mut String) -> bool {
                write!(line, "{self}").is_ok()
            }
        }
    )*};
}
integers!(u16, u32, u64, u128, usize, i32, i64);

impl Value for bool {
    fn write(self, line: &mut String) -> bool {
        line.push(if self { '1' } else { '0' });
        true
    }
}

impl Value for f64 {
    fn write(self, line: &mut String) -> bool {
        match self {
            number if number.is_nan() => return false,
            f64::INFINITY => line.push_str("+Inf"),
            f64::NEG_INFINITY => line.push_str("-Inf"),
            // Shortest text that reads back the same; an exponent for the very large and very small.
            number => return write!(line, "{number:?}").is_ok(),
        }
        true
    }
}

/// Seconds since 1970, for names that end in `_timestamp_seconds`.
impl Value for UnixTime {
    fn write(self, line: &mut String) -> bool {
        self.as_secs_f64().write(line)
    }
}

/// Seconds.
impl Value for Duration {
    fn write(self, line: &mut String) -> bool {
        self.as_secs_f64().write(line)
    }
}

impl<T: Value> Value for Option<T> {
    fn write(self, line: &mut String) -> bool {
        self.is_some_and(|value| value.write(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(value: impl Value) -> Option<String> {
        let mut line = String::new();
        value.write(&mut line).then_some(line)
    }

    #[test]
    fn unknown_is_absent_and_infinity_is_spelled_as_prometheus_reads_it() {
        assert_eq!(written(None::<u64>), None);
        assert_eq!(written(f64::NAN), None);
        assert_eq!(written(f64::INFINITY).unwrap(), "+Inf");
        assert_eq!(written(u128::MAX).unwrap(), "340282366920938463463374607431768211455");
        assert_eq!(written(true).unwrap(), "1");
        assert_eq!(written(Duration::from_millis(1_500)).unwrap(), "1.5");
    }

    proptest! {
        #[test]
        fn a_float_reads_back_the_same(number in proptest::num::f64::NORMAL | proptest::num::f64::ZERO) {
            prop_assert_eq!(written(number).unwrap().parse::<f64>().unwrap().to_bits(), number.to_bits());
        }
    }
}
