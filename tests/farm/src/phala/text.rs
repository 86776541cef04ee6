//! Times and numbers as PRB writes them for people.

/// Unix milliseconds as `2022-06-01T20:00:00+08:00`, in a zone `hours` east of Greenwich.
pub fn iso8601(unix_ms: u64, hours: i8) -> String {
    let [year, month, day, hour, minute, second] = civil(unix_ms, hours);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{hours:+03}:00")
}

/// `12-20 10:00:00`, in UTC.
pub fn month_day(unix_ms: u64) -> String {
    let [_, month, day, hour, minute, second] = civil(unix_ms, 0);
    format!("{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// `2023-05-01 10:00:00.123456 +00:00`.
pub fn with_micros(unix_ms: u64) -> String {
    let [year, month, day, hour, minute, second] = civil(unix_ms, 0);
    let micros = unix_ms % 1000 * 1000;
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{micros:06} +00:00")
}

/// Year, month, day, hour, minute, second; the calendar by Howard Hinnant's `civil_from_days`.
pub(crate) fn civil(unix_ms: u64, hours: i8) -> [i64; 6] {
    let seconds = i64::try_from(unix_ms / 1000).unwrap_or_default() + i64::from(hours) * 3600;
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    [year, month, day, rest / 3600, rest / 60 % 60, rest % 60]
}

/// `1,680,000,000`.
pub fn commas(number: u128) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Plancks as polkadot.js formats a balance: `123.4567 PHA`, `12.3456 kPHA`; cut, not rounded; zero without a unit.
pub fn si_balance(plancks: u128) -> String {
    if plancks == 0 {
        return "0".to_owned();
    }
    let units = [
        (18, "MPHA"),
        (15, "kPHA"),
        (12, "PHA"),
        (9, "mPHA"),
        (6, "µPHA"),
        (3, "nPHA"),
        (0, "pPHA"),
    ];
    let fits = units.into_iter().find(|(zeros, _)| plancks >= 10_u128.pow(*zeros));
    let (zeros, unit) = fits.unwrap_or((0, "pPHA"));
    let one = 10_u128.pow(zeros);
    let part = plancks % one * 10_000 / one;
    format!("{}.{part:04} {unit}", commas(plancks / one))
}

/// U64F64 bits with 8 fraction digits.
pub fn fixed8(bits: u128) -> String {
    let (whole, fraction) = (bits >> 64, bits & u128::from(u64::MAX));
    let eighths = (fraction * 100_000_000 + (1 << 63)) >> 64;
    format!("{}.{:08}", whole + eighths / 100_000_000, eighths % 100_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(iso8601(1_654_084_800_000, 8), "2022-06-01T20:00:00+08:00");
        assert_eq!(iso8601(1_709_164_800_000, 0), "2024-02-29T00:00:00+00:00");
        assert_eq!(iso8601(0, -5), "1969-12-31T19:00:00-05:00");
        assert_eq!(month_day(1_709_164_801_000), "02-29 00:00:01");
        assert_eq!(with_micros(1_682_935_200_123), "2023-05-01 10:00:00.123000 +00:00");
    }

    #[test]
    fn balances_are_cut_as_polkadot_js_cuts_them() {
        let texts = [
            (0, "0"),
            (123_456_700_000_000, "123.4567 PHA"),
            (9_007_199_254_740_993, "9.0071 kPHA"),
            (12_345_678_000_000_000_000, "12.3456 MPHA"),
        ];
        for (plancks, text) in texts {
            assert_eq!(si_balance(plancks), text);
        }
    }

    #[test]
    fn fixed_point_numbers_are_rounded_and_commas_stand_every_three_digits() {
        assert_eq!(fixed8(0x2e18_8000_0000_0000_0000), "11800.50000000");
        assert_eq!(fixed8(0x3039_adcc_74b8_38c1_11ad), "12345.67890100");
        assert_eq!(fixed8((1 << 64) - 1), "1.00000000");
        assert_eq!(
            [commas(0), commas(999), commas(1_680_000_000)],
            ["0", "999", "1,680,000,000"]
        );
    }
}
