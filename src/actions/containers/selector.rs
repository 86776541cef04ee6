//! Which container is meant.

use std::fmt;
use std::str::FromStr;

use crate::values;

/// A name, or what Docker Compose wrote on the container. Names that Compose makes changed with its version 2, its labels
/// did not.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Selector {
    Name(Word),
    Service { project: Option<Word>, service: Word },
}

/// The name of a container, service or project. It stands in paths.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Word(String);

/// Names and services have the same letters in all engines.
const LONGEST: usize = 128;

impl Selector {
    pub fn name(text: &str) -> Result<Self, String> {
        text.parse().map(Self::Name)
    }

    /// Without a project it must be the only one of this service on its machine.
    pub fn service(project: Option<&str>, service: &str) -> Result<Self, String> {
        Ok(Self::Service {
            project: project.map(str::parse).transpose()?,
            service: service.parse()?,
        })
    }

    /// As the configuration has it: a name, or Compose's `project/service`; `*` stands for any project.
    fn read(text: &str) -> Result<Self, String> {
        match text.split_once('/') {
            None => Self::name(text),
            Some(("*", service)) => Self::service(None, service),
            Some((project, service)) => Self::service(Some(project), service),
        }
    }

    /// What it is called, without its project.
    pub fn word(&self) -> &str {
        match self {
            Self::Name(word) | Self::Service { service: word, .. } => word.as_str(),
        }
    }

    /// As a filter takes them.
    pub(super) fn labels(&self) -> Vec<String> {
        match self {
            Self::Name(_) => Vec::new(),
            Self::Service { project, service } => {
                let project = project.iter().map(|name| format!("{PROJECT}={name}"));
                project.chain([format!("{SERVICE}={service}")]).collect()
            }
        }
    }
}

const SERVICE: &str = "com.docker.compose.service";
const PROJECT: &str = "com.docker.compose.project";

impl Word {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Word {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if starts_well && text.len() <= LONGEST && text.chars().all(good) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "{} is not a container's name or service; those have letters, digits, `.`, `_` and `-`",
            values::repeated(text)
        ))
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

values::deserialize_from_str!(Word, "a name of letters, digits, `.`, `_` and `-`");

impl FromStr for Selector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::read(text)
    }
}

values::deserialize_from_str!(Selector, "a container's name, or `project/service` as Compose has it");

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name.as_str()),
            Self::Service {
                project: Some(project),
                service,
            } => write!(f, "service {service} of project {project}"),
            Self::Service { project: None, service } => write!(f, "service {service}"),
        }
    }
}
