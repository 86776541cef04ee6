//! Which target hangs on which: what is broken upstream explains what is broken behind it.

use crate::values::Name;

/// A target's place in its farm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub target: Name,
    pub collector: &'static str,
    pub farm: Name,
    /// Targets that this one needs.
    pub depends_on: Vec<Name>,
}

impl Link {
    /// Where targets belong that name no farm.
    #[expect(
        clippy::panic,
        clippy::missing_panics_doc,
        reason = "only for the literal, which a test reads"
    )]
    pub fn default_farm() -> Name {
        "default".parse().unwrap_or_else(|words| panic!("{words}"))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_default_farm_has_a_good_name() {
        assert_eq!(super::Link::default_farm().as_str(), "default");
    }
}
