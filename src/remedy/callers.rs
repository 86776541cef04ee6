//! The section `callers` of the configuration: other farmwardens that may ask for repairs here, and for which.

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::settings::{REMOTE, Remedies, Rung};
use crate::actions::remote::{self, Key, Request, Unsealed};
use crate::clock::UnixTime;
use crate::values::{Name, SecretSource};

/// Another farmwarden that may ask for repairs here: see docs/remote.md.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Caller {
    /// What it calls itself, as its `remotes` say by `caller`.
    #[schemars(example = &"control")]
    pub name: Name,
    /// A file that only farmwarden can read, with a secret that the two have and nobody else: `openssl rand -hex 32`.
    #[schemars(example = &"/etc/farmwarden/control.key")]
    pub key_file: PathBuf,
    /// What it may ask for. All guards hold for it as for an alert.
    #[schemars(example = ["restart_stuck_worker"])]
    pub policies: Vec<Name>,
}

impl Caller {
    /// That others than farmwarden have its key as well.
    pub fn exposed(&self) -> Option<String> {
        let exposed = SecretSource::File(self.key_file.clone()).exposed()?;
        Some(format!("the key of caller {}: {exposed}", self.name))
    }

    fn contradictions(&self, remedies: &Remedies, is_unread: impl Fn(&Name) -> bool) -> Vec<(String, String)> {
        let mut found = Vec::new();
        if self.policies.is_empty() {
            let words = "name the policies that it may ask for".to_owned();
            found.push(("policies".to_owned(), words));
        }
        for (number, name) in self.policies.iter().enumerate() {
            let words = match remedies.policy(name) {
                None if is_unread(name) => continue,
                None => format!("no policy is called `{name}`"),
                Some(policy) if policy.rungs.iter().any(Rung::is_remote) => {
                    format!("`{name}` has a rung `{REMOTE}`: a request goes one hop and is not handed on")
                }
                Some(_) => continue,
            };
            found.push((format!("policies[{number}]"), words));
        }
        found
    }
}

/// What callers say of policies and of one another: the caller by its number, the key below it, and what is wrong. `is_unread`
/// knows policies that are written and could not be read.
pub fn contradictions(
    callers: &[Caller],
    remedies: &Remedies,
    is_unread: impl Fn(&Name) -> bool,
) -> Vec<(usize, String, String)> {
    let mut found = Vec::new();
    let mut names = HashSet::new();
    for (number, caller) in callers.iter().enumerate() {
        let mut own = caller.contradictions(remedies, &is_unread);
        if !names.insert(&caller.name) {
            own.push(("name".to_owned(), format!("the caller `{}` stands twice", caller.name)));
        }
        found.extend(own.into_iter().map(|(key, words)| (number, key, words)));
    }
    found
}

/// Those who may ask, with their keys.
#[derive(Clone, Debug, Default)]
pub struct Callers(Vec<Known>);

#[derive(Clone, Debug)]
struct Known {
    name: Name,
    key: Key,
    policies: Vec<Name>,
}

impl Callers {
    /// Reads the keys as they are now. The error names the callers whose key cannot be had, a line each.
    pub fn read(section: &[Caller]) -> Result<Self, String> {
        let mut known = Vec::new();
        let mut wrong = Vec::new();
        for caller in section {
            match Key::read(&SecretSource::File(caller.key_file.clone())) {
                Ok(key) => known.push(Known {
                    name: caller.name.clone(),
                    key,
                    policies: caller.policies.clone(),
                }),
                Err(words) => wrong.push(format!("caller {}: {words}", caller.name)),
            }
        }
        if wrong.is_empty() {
            Ok(Self(known))
        } else {
            Err(wrong.join("\n"))
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What was sent, if one of them signed it a moment ago.
    pub(super) fn open(&self, body: &[u8], now: UnixTime) -> Result<Request, Unsealed> {
        remote::open(body, |name| self.find(name).map(|known| &known.key), now)
    }

    /// Why it may not ask for this policy; nothing if it may.
    pub(super) fn forbid(&self, caller: &Name, policy: &Name) -> Option<String> {
        let allowed = self.find(caller).map_or(&[][..], |known| &known.policies);
        (!allowed.contains(policy)).then(|| {
            let may = Names(allowed);
            format!("caller {caller} may not ask for {policy} here, only for {may}: see its `policies`")
        })
    }

    fn find(&self, name: &Name) -> Option<&Known> {
        self.0.iter().find(|known| known.name == *name)
    }
}

struct Names<'a>(&'a [Name]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(Name::as_str).collect();
        f.write_str(if names.is_empty() { "nothing" } else { "" })?;
        f.write_str(&names.join(", "))
    }
}
