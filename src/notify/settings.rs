//! The section `notify` of the configuration: ways to people.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dingtalk::{self, DingTalk, DingTalkSettings, Form};
use super::message::{Language, Severity};
use super::outbox::Outbox;
use super::webhook::{Webhook, WebhookSettings};
use crate::clock::Clock;
use crate::upstream::{Fault, Upstream};
use crate::values::{Endpoint, Name, Scheme, SecretSource};

/// A way to people: what repairs do is told there, and Alertmanager can hand alerts to it by `POST /chat/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Way {
    #[schemars(example = &"operators")]
    pub name: Name,
    /// `dingtalk` is a robot in a DingTalk group; `webhook` any program that takes JSON by POST.
    #[schemars(example = &"dingtalk")]
    pub kind: Kind,
    /// Without a query; the token belongs into a file or the environment.
    #[schemars(example = &"https://oapi.dingtalk.com/robot/send")]
    pub url: Endpoint,
    /// The file with the robot's access token, or the webhook's bearer token. It is read again when it is refused.
    #[serde(default)]
    #[schemars(example = &"/etc/farmwarden/dingtalk.token")]
    pub token_file: Option<PathBuf>,
    /// The environment variable with it, instead of a file.
    #[serde(default)]
    #[schemars(example = &"DINGTALK_TOKEN", extend("x-off" = true))]
    pub token_env: Option<String>,
    /// The file with the secret of a DingTalk robot that wants signed messages.
    #[serde(default)]
    #[schemars(example = &"/etc/farmwarden/dingtalk.secret", extend("x-off" = true))]
    pub secret_file: Option<PathBuf>,
    /// The environment variable with it, instead of a file.
    #[serde(default)]
    #[schemars(example = &"DINGTALK_SECRET", extend("x-off" = true))]
    pub secret_env: Option<String>,
    /// The word that a DingTalk robot wants in every message.
    #[serde(default)]
    #[schemars(example = &"farmwarden", extend("x-off" = true))]
    pub keyword: Option<String>,
    /// How a DingTalk message looks.
    #[serde(default)]
    pub form: Form,
    /// Mobile numbers of those whom a critical DingTalk message calls.
    #[serde(default)]
    #[schemars(example = ["13800000000"], extend("x-off" = true))]
    pub at_mobiles: Vec<String>,
    /// Of the words that farmwarden writes: `en` or `zh`. What upstreams say stays as it is.
    #[serde(default)]
    pub language: Language,
    /// What is less severe is not told here: `info`, `warning` or `critical`.
    #[serde(default = "everything")]
    pub least: Severity,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Dingtalk,
    Webhook,
}

fn everything() -> Severity {
    Severity::Info
}

/// Keys that only a DingTalk robot has.
const ROBOT_KEYS: &str = "only a `dingtalk` has it";

impl Way {
    /// Where its secrets lie, by the key that says so.
    pub fn secrets(&self) -> Vec<(&'static str, SecretSource)> {
        let file = |path: &Option<PathBuf>| path.clone().map(SecretSource::File);
        let env = |name: &Option<String>| name.clone().map(SecretSource::Env);
        let keys = [
            ("token_file", file(&self.token_file)),
            ("token_env", env(&self.token_env)),
            ("secret_file", file(&self.secret_file)),
            ("secret_env", env(&self.secret_env)),
        ];
        let given = keys.into_iter();
        given.filter_map(|(key, source)| Some((key, source?))).collect()
    }

    /// Keys that contradict each other: the key, and what is wrong.
    pub fn contradictions(&self) -> Vec<(&'static str, String)> {
        let mut wrong = Vec::new();
        for (file, env, words) in [
            (&self.token_file, &self.token_env, ("token_env", "token_file")),
            (&self.secret_file, &self.secret_env, ("secret_env", "secret_file")),
        ] {
            if file.is_some() && env.is_some() {
                wrong.push((words.0, format!("give it or `{}`, not both", words.1)));
            }
        }
        match self.kind {
            Kind::Dingtalk => wrong.extend(self.robot_contradictions()),
            Kind::Webhook => wrong.extend(self.webhook_contradictions()),
        }
        wrong
    }

    fn robot_contradictions(&self) -> Vec<(&'static str, String)> {
        let Some(robot) = self.robot() else {
            let words = "a robot has an access token: give `token_file` or `token_env`".to_owned();
            return vec![("", words)];
        };
        let wrong = dingtalk::check(&robot).err();
        wrong.map(|(key, words)| (key, words.to_owned())).into_iter().collect()
    }

    fn webhook_contradictions(&self) -> Vec<(&'static str, String)> {
        let mut wrong = Vec::new();
        if !matches!(self.url.scheme(), Scheme::Http | Scheme::Https) {
            wrong.push(("url", "it must begin with http:// or https://".to_owned()));
        }
        for (key, is_given) in [
            ("secret_file", self.secret_file.is_some()),
            ("secret_env", self.secret_env.is_some()),
            ("keyword", self.keyword.is_some()),
            ("at_mobiles", !self.at_mobiles.is_empty()),
        ] {
            if is_given {
                wrong.push((key, ROBOT_KEYS.to_owned()));
            }
        }
        wrong
    }

    fn token(&self) -> Option<SecretSource> {
        source(self.token_file.as_ref(), self.token_env.as_ref())
    }

    fn robot(&self) -> Option<DingTalkSettings> {
        Some(DingTalkSettings {
            name: self.name.clone(),
            url: self.url.clone(),
            access_token: self.token()?,
            secret: source(self.secret_file.as_ref(), self.secret_env.as_ref()),
            keyword: self.keyword.clone(),
            form: self.form,
            at_mobiles: self.at_mobiles.clone(),
            language: self.language,
        })
    }

    /// Reads the secrets.
    pub(super) fn ready(&self, upstream: &Upstream, clock: &Clock) -> Result<Ready, Fault> {
        if let Some(robot) = self.robot().filter(|_| self.kind == Kind::Dingtalk) {
            return DingTalk::new(upstream, robot, clock.clone()).map(Ready::DingTalk);
        }
        let settings = WebhookSettings {
            name: self.name.clone(),
            url: self.url.clone(),
            bearer_token: self.token(),
        };
        Webhook::new(upstream, settings).map(Ready::Webhook)
    }
}

/// A way whose secrets are read, and which has no queue yet.
#[derive(Debug)]
pub(super) enum Ready {
    DingTalk(DingTalk),
    Webhook(Webhook),
}

impl Ready {
    /// Must be called within the runtime.
    pub(super) fn start(self) -> Outbox {
        match self {
            Self::DingTalk(robot) => Outbox::start(robot),
            Self::Webhook(webhook) => Outbox::start(webhook),
        }
    }
}

fn source(file: Option<&PathBuf>, env: Option<&String>) -> Option<SecretSource> {
    let file = file.cloned().map(SecretSource::File);
    file.or_else(|| env.cloned().map(SecretSource::Env))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> Vec<&'static str> {
        let way: Way = serde_json::from_str(text).unwrap();
        way.contradictions().into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn a_way_that_fits_together_is_taken() {
        let robot = r#"{"name": "a", "kind": "dingtalk", "url": "https://oapi.dingtalk.com/robot/send",
            "token_file": "/token", "secret_env": "SECRET", "at_mobiles": ["13800000000"], "language": "zh", "least": "warning"}"#;
        assert!(wrong(robot).is_empty());
        assert!(wrong(r#"{"name": "a", "kind": "webhook", "url": "http://127.0.0.1:1/x"}"#).is_empty());
    }

    #[test]
    fn what_contradicts_itself_is_named_by_its_key() {
        let start = r#""name": "a", "kind": "dingtalk", "url":"#;
        assert_eq!(wrong(&format!(r#"{{{start} "https://h/s"}}"#)), [""]);
        assert_eq!(
            wrong(&format!(r#"{{{start} "http://example.com/s", "token_file": "/t"}}"#)),
            ["url"]
        );
        assert_eq!(
            wrong(&format!(
                r#"{{{start} "https://h/s", "token_file": "/t", "token_env": "T", "keyword": ""}}"#
            )),
            ["token_env", "keyword"]
        );
        let webhook = r#"{"name": "a", "kind": "webhook", "url": "ws://h/s", "secret_file": "/s", "keyword": "k"}"#;
        assert_eq!(wrong(webhook), ["url", "secret_file", "keyword"]);
    }
}
