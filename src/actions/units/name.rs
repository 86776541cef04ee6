//! The name of a unit.

use std::fmt;
use std::str::FromStr;

use crate::values;

/// `phala-node.service`: of a service or a mount, and never a template without its instance.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnitName(String);

/// systemd's own limit.
const LONGEST: usize = 255;

/// Starting one of another kind changes more than itself: `poweroff.target`.
const KINDS: [&str; 3] = [".service", ".mount", ".automount"];

impl UnitName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UnitName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':' | '@' | '\\');
        let bare = KINDS
            .iter()
            .find_map(|kind| text.strip_suffix(kind))
            .unwrap_or_default();
        let whole = !bare.is_empty() && !bare.ends_with('@') && !bare.starts_with('.');
        if whole && text.len() <= LONGEST && text.chars().all(good) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "{} is not a unit that can be repaired; write its whole name, like phala-node.service, of a service or a mount",
            values::repeated(text)
        ))
    }
}

impl fmt::Display for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

values::deserialize_from_str!(UnitName, "a unit like phala-node.service");
values::serialize_as_str!(UnitName);
