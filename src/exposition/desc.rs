//! What a family is: name, type, help and label names, known at compile time.

/// The type that Prometheus stores with a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Gauge,
    /// Only ever grows, or begins again at zero; its name ends in `_total`.
    Counter,
    /// Always 1, carries text in labels; its name ends in `_info`.
    Info,
    /// How many measurements were at most so large; samples carry `_bucket`, `_sum` and `_count` behind its name.
    Histogram,
}

/// A family as it is listed, documented and written in headers.
#[derive(Debug)]
pub struct Family {
    /// As samples carry it: with `_total` or `_info`.
    pub name: &'static str,
    pub kind: Kind,
    /// One line: what it counts, its unit, and the call it came from.
    pub help: &'static str,
    /// Own labels; the store adds `target` in front of them.
    pub labels: &'static [&'static str],
}

impl Family {
    /// The name without the suffix that OpenMetrics adds itself.
    pub fn base_name(&self) -> &'static str {
        let suffix = match self.kind {
            Kind::Gauge | Kind::Histogram => "",
            Kind::Counter => "_total",
            Kind::Info => "_info",
        };
        self.name.strip_suffix(suffix).unwrap_or(self.name)
    }

    /// The unit that OpenMetrics writes in a line of its own: always the last word of the base name.
    pub fn unit(&self) -> Option<&'static str> {
        ["seconds", "bytes", "ratio"].into_iter().find(|unit| {
            self.base_name()
                .strip_suffix(unit)
                .is_some_and(|rest| rest.ends_with('_'))
        })
    }
}

/// A family with the number of its labels in the type, so that a forgotten label does not compile.
#[derive(Debug)]
pub struct Desc<const LABELS: usize>(Family);

impl<const LABELS: usize> Desc<LABELS> {
    pub const fn gauge(name: &'static str, help: &'static str, labels: &'static [&'static str; LABELS]) -> Self {
        Self::new(Kind::Gauge, name, help, labels)
    }

    pub const fn counter(name: &'static str, help: &'static str, labels: &'static [&'static str; LABELS]) -> Self {
        Self::new(Kind::Counter, name, help, labels)
    }

    pub const fn info(name: &'static str, help: &'static str, labels: &'static [&'static str; LABELS]) -> Self {
        Self::new(Kind::Info, name, help, labels)
    }

    pub const fn histogram(name: &'static str, help: &'static str, labels: &'static [&'static str; LABELS]) -> Self {
        Self::new(Kind::Histogram, name, help, labels)
    }

    const fn new(kind: Kind, name: &'static str, help: &'static str, labels: &'static [&'static str; LABELS]) -> Self {
        Self(Family {
            name,
            kind,
            help,
            labels,
        })
    }

    pub const fn family(&'static self) -> &'static Family {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static FAILURES: Desc<1> = Desc::counter("x_failures_total", "Failures.", &["reason"]);
    static AGE: Desc<0> = Desc::gauge("x_last_timestamp_seconds", "Last.", &[]);
    static BUILD: Desc<0> = Desc::info("x_build_info", "Build.", &[]);

    #[test]
    fn base_name_and_unit_follow_from_the_name() {
        assert_eq!(FAILURES.family().base_name(), "x_failures");
        assert_eq!(BUILD.family().base_name(), "x_build");
        assert_eq!(AGE.family().unit(), Some("seconds"));
        assert_eq!(FAILURES.family().unit(), None);
    }
}
