//! A budget, as people write it: `3/h 10/d`.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use crate::values;

/// So many in any hour, and so many in any 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Most {
    pub hour: NonZeroU32,
    pub day: NonZeroU32,
}

impl FromStr for Most {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shown = values::repeated(text);
        let read = |(hour, day): (&str, &str)| {
            Some(Self {
                hour: hour.strip_suffix("/h")?.parse().ok()?,
                day: day.strip_suffix("/d")?.parse().ok()?,
            })
        };
        let most = text.split_once(' ').and_then(read).ok_or_else(|| {
            format!("{shown} is not a budget; write how many in an hour and in a day, each at least 1, like `3/h 10/d`")
        })?;
        if most.hour > most.day {
            return Err(format!("{shown} allows more in an hour than in a day"));
        }
        Ok(most)
    }
}

impl fmt::Display for Most {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/h {}/d", self.hour, self.day)
    }
}

values::deserialize_from_str!(Most, "a budget like `3/h 10/d`");
values::serialize_as_str!(Most);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_read_as_it_is_printed() {
        let most: Most = "3/h 10/d".parse().unwrap();
        assert_eq!(
            (most.hour.get(), most.day.get(), most.to_string().as_str()),
            (3, 10, "3/h 10/d")
        );
        for wrong in [
            "",
            "3",
            "3/h",
            "0/h 1/d",
            "1/h 0/d",
            "10/d 3/h",
            "3/h  10/d",
            "-1/h 2/d",
        ] {
            assert!(
                wrong.parse::<Most>().unwrap_err().contains("like `3/h 10/d`"),
                "{wrong}"
            );
        }
        assert!(
            "4/h 3/d"
                .parse::<Most>()
                .unwrap_err()
                .contains("more in an hour than in a day")
        );
    }
}
