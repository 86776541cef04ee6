//! A share of a group, as people write it: `20%`.

use std::fmt;
use std::str::FromStr;

use crate::values;

/// 0 to 100 percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u8);

impl Share {
    /// Above 100 it is 100.
    pub const fn percent(percent: u8) -> Self {
        Self(if percent > 100 { 100 } else { percent })
    }

    /// Whether `part` is more than this share of `all`.
    pub fn is_exceeded(self, part: u64, all: u64) -> bool {
        u128::from(part) * 100 > u128::from(all) * u128::from(self.0)
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let percent = text.strip_suffix('%').and_then(|number| number.parse::<u8>().ok());
        percent.filter(|percent| *percent <= 100).map(Self).ok_or_else(|| {
            let shown = values::repeated(text);
            format!("{shown} is not a share; write 0% to 100%, like 20%")
        })
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

values::deserialize_from_str!(Share, "a share like 20%");
values::serialize_as_str!(Share);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_exceeded_by_more_than_itself() {
        let fifth: Share = "20%".parse().unwrap();
        assert!(!fifth.is_exceeded(20, 100));
        assert!(fifth.is_exceeded(21, 100));
        assert!(fifth.is_exceeded(1, 0));
        for wrong in ["", "20", "101%", "-1%", "a%", "0.2"] {
            assert!(wrong.parse::<Share>().unwrap_err().contains("like 20%"), "{wrong}");
        }
    }
}
