//! Which release a service is, and the three eras: most differences on the wire begin with a release.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Which of the five a service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Auth,
    Gateway,
    Node,
    Messager,
    Miner,
}

impl Role {
    pub const ALL: [Self; 5] = [Self::Auth, Self::Gateway, Self::Node, Self::Messager, Self::Miner];

    /// As it stands in names of services.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Gateway => "gateway",
            Self::Node => "node",
            Self::Messager => "messager",
            Self::Miner => "miner",
        }
    }

    /// The role that a service's name (`node`, `node-2`) begins with.
    pub(super) fn of(name: &str) -> Option<Self> {
        let first = name.split('-').next();
        Self::ALL.into_iter().find(|role| first == Some(role.name()))
    }
}

/// The three eras; each is a release of every service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Era {
    /// "incubation", 2021.
    A,
    /// `venus-*`, until spring 2023.
    B,
    /// `sophon-*`, since.
    C,
}

/// Major and minor number of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u16, pub u16);

impl Version {
    /// The release that stands for an era.
    pub(super) fn of(era: Era, role: Role) -> Self {
        match (era, role) {
            (Era::A, Role::Messager) => Self(1, 2),
            (Era::A, Role::Auth) => Self(1, 3),
            (Era::A, _) => Self(1, 1),
            (Era::B, _) => Self(1, 8),
            (Era::C, Role::Node | Role::Messager) => Self(1, 20),
            (Era::C, Role::Miner) => Self(1, 19),
            (Era::C, Role::Gateway) => Self(1, 18),
            (Era::C, Role::Auth) => Self(1, 16),
        }
    }

    pub(super) fn from(self, minor: u16) -> bool {
        self >= Self(1, minor)
    }

    /// Whether this release of a service belongs to era A.
    pub(super) fn is_a(self, role: Role) -> bool {
        match role {
            Role::Node | Role::Gateway => !self.from(2),
            Role::Messager | Role::Miner | Role::Auth => !self.from(4),
        }
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{}.{}", self.0, self.1))
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parts = text.split_once('.');
        let numbers = parts.and_then(|(major, minor)| Some(Self(major.parse().ok()?, minor.parse().ok()?)));
        numbers.ok_or_else(|| de::Error::custom(format!("version: `{text}` is not like 1.14")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_numbers_not_texts() {
        let read = |text: &str| serde_json::from_str::<Version>(text);
        assert_eq!(read("\"1.14\"").unwrap(), Version(1, 14));
        assert!(read("\"1.9\"").unwrap() < read("\"1.10\"").unwrap());
        assert!(read("\"1\"").is_err() && read("\"1.x\"").is_err());
        assert!(Version::of(Era::A, Role::Messager).is_a(Role::Messager));
        assert!(!Version::of(Era::B, Role::Messager).is_a(Role::Messager));
        assert_eq!((Role::of("node-2"), Role::of("nodes")), (Some(Role::Node), None));
    }
}
