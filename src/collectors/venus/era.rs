//! Which of the three eras a service is of, as it is found out: versions, and for those that have none, what they lack.

use std::fmt;

use serde::Deserialize;

use super::wire::{Text, required};
use crate::upstream::{VenusService, Why};

/// Section 0.1 of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Era {
    /// Of 2021, before most services had a version.
    Incubation,
    /// `venus-*`, 2022 to spring 2023.
    Venus,
    /// `sophon-*`, since July 2023.
    Sophon,
    /// A node of Lotus behind the same URL.
    Lotus,
}

impl Era {
    /// The label value `era`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Incubation => "incubation",
            Self::Venus => "venus",
            Self::Sophon => "sophon",
            Self::Lotus => "lotus",
        }
    }
}

/// What a service says of itself, and what follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// As it says it; empty where it has no such call.
    pub version: String,
    release: Option<(u64, u64)>,
    pub era: Era,
}

impl About {
    /// Of a service that has no such method: messager up to 1.6, gateway and miner of incubation, auth up to 1.7.
    pub(super) const fn without_version() -> Self {
        Self {
            version: String::new(),
            release: None,
            era: Era::Incubation,
        }
    }

    /// From the answer of `Version`.
    pub(super) fn read(service: VenusService, answer: Option<&[u8]>) -> Result<Self, Why> {
        #[derive(Deserialize)]
        struct Said {
            #[serde(rename = "Version", alias = "version")]
            version: Text,
            /// Only Lotus says it.
            #[serde(rename = "BlockDelay")]
            block_delay: Option<serde::de::IgnoredAny>,
        }
        let said: Said = required(answer)?;
        let release = release(said.version.as_str());
        let lotus =
            service == VenusService::Node && (said.block_delay.is_some() || names_network(said.version.as_str()));
        Ok(Self {
            version: said.version.cut(),
            release,
            era: if lotus { Era::Lotus } else { era(service, release) },
        })
    }

    /// Whether it says a version at all: messagers up to 1.6 and miner services of incubation do not.
    pub fn says_version(&self) -> bool {
        !self.version.is_empty()
    }

    /// Whether it is of this release of its main series or a later one; a service without a version is not.
    pub fn since(&self, minor: u64) -> bool {
        self.release.is_some_and(|release| release >= (1, minor))
    }

    /// What a service without a version shows by its answers: it is of the era after incubation.
    pub(super) fn is_of_venus(&mut self) {
        if self.release.is_none() && self.era == Era::Incubation {
            self.era = Era::Venus;
        }
    }
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version.as_str() {
            "" => write!(f, "without a version ({})", self.era.label()),
            version => write!(f, "{version} ({})", self.era.label()),
        }
    }
}

/// `1.20.0+git.1a2b3c4`, `v1.12.0-rc1`: major and minor.
fn release(text: &str) -> Option<(u64, u64)> {
    let mut parts = text.trim().trim_start_matches('v').split(['.', '-', '+']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Lotus puts the network behind its version, `1.25.0+mainnet+git.abc`; Venus only the commit.
fn names_network(version: &str) -> bool {
    version
        .split_once('+')
        .is_some_and(|(_, build)| !build.starts_with("git"))
}

/// The border between the first two eras differs from service to service.
fn era(service: VenusService, release: Option<(u64, u64)>) -> Era {
    let first_of_venus = match service {
        VenusService::Node | VenusService::Gateway => 2,
        VenusService::Messager | VenusService::Miner | VenusService::Auth => 4,
    };
    match release {
        Some(release) if release >= (1, 12) => Era::Sophon,
        Some(release) if release >= (1, first_of_venus) => Era::Venus,
        _ => Era::Incubation,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn about(service: VenusService, json: &str) -> About {
        About::read(service, Some(json.as_bytes())).unwrap()
    }

    #[test]
    fn eras_follow_from_versions() {
        let era = |service, version: &str| {
            let json = format!(r#"{{"Version":"{version}","APIVersion":131840}}"#);
            about(service, &json).era
        };
        assert_eq!(era(VenusService::Node, "1.1.3+git.abc"), Era::Incubation);
        assert_eq!(era(VenusService::Node, "v1.11.0"), Era::Venus);
        assert_eq!(era(VenusService::Node, "1.20.0-rc1+git.1a2b3c4"), Era::Sophon);
        assert_eq!(era(VenusService::Miner, "1.2.0"), Era::Incubation);
        assert_eq!(era(VenusService::Messager, "1.9.0"), Era::Venus);
        assert_eq!(era(VenusService::Gateway, "dev"), Era::Incubation);
    }

    #[test]
    fn a_lotus_node_is_told_by_its_block_delay() {
        let json = r#"{"Version":"1.25.0+mainnet+git.1","APIVersion":131840,"BlockDelay":30}"#;
        let said = about(VenusService::Node, json);
        let without = about(VenusService::Node, r#"{"Version":"1.28.0+calibnet+git.1"}"#);
        assert_eq!(without.era, Era::Lotus);
        assert_eq!(
            (said.era, said.to_string().as_str()),
            (Era::Lotus, "1.25.0+mainnet+git.1 (lotus)")
        );
    }

    #[test]
    fn a_service_without_a_version_is_of_no_release() {
        let mut none = About::without_version();
        assert!(!none.since(0) && none.era == Era::Incubation);
        none.is_of_venus();
        assert_eq!(none.era, Era::Venus);
        let known = about(VenusService::Messager, r#"{"Version":"1.10.2"}"#);
        assert!(known.since(10) && !known.since(11));
    }

    proptest! {
        #[test]
        fn any_version_has_an_era(version in ".*") {
            let json = serde_json::json!({"Version": version}).to_string();
            drop(about(VenusService::Node, &json).to_string());
        }
    }
}
