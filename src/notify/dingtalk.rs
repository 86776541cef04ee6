//! DingTalk's group robot: text or Markdown by POST, signed, split at the size that it takes.
//!
//! It answers HTTP 200 whatever happens; only `errcode` 0 is success. Its access token travels in the address, so no
//! address is ever shown. Source: DingTalk's page "custom robot access", and conventions of its users.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use super::message::{Batch, Language, Severity, cut};
use super::pace::Pace;
use super::split::{json_len, split};
use super::{Again, Failure, Notifier, Piece};
use crate::clock::{Clock, UnixTime};
use crate::upstream::{Fault, Http, Upstream, Why};
use crate::values::{Endpoint, Name, Scheme, Secret, SecretSource, Size, redacted};

/// It takes 20 a minute, and is mute for ten when there are more; somebody else may use the robot, too.
const PACE: Pace = Pace {
    most: 18,
    within: Duration::from_secs(60),
    gather: Duration::from_secs(1),
};
const MUTE: Duration = Duration::from_secs(600);

/// It takes bodies of 20,000 bytes.
const MOST_BODY: usize = 19_500;

/// A longer text goes out in parts, and is cut behind the last: a minute of the robot's time for a quarter of an hour of
/// reading.
const MOST_PARTS: usize = 5;

/// Room for `(5/5)` and a line break in front of a part.
const PART_MARK: usize = 16;

const LONGEST_TITLE: usize = 120;

/// Each costs some bytes of every message.
const MOST_MOBILES: usize = 50;

const LARGEST_ANSWER: Size = Size::from_bytes(64 << 10);
const DEADLINE: Duration = Duration::from_secs(10);

const OPERATION: &str = "robot/send";

/// How messages look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    Text,
    #[default]
    Markdown,
}

/// One robot in one group.
#[derive(Clone, Debug)]
pub struct DingTalkSettings {
    pub name: Name,
    /// `https://oapi.dingtalk.com/robot/send`; without the token.
    pub url: Endpoint,
    pub access_token: SecretSource,
    /// For a robot that wants signed messages.
    pub secret: Option<SecretSource>,
    /// For a robot that wants a certain word in every message.
    pub keyword: Option<String>,
    pub form: Form,
    /// Who is called by a critical message.
    pub at_mobiles: Vec<String>,
    pub language: Language,
}

/// The robot. Its secrets are read again when it refuses a message.
#[derive(Debug)]
pub struct DingTalk {
    settings: DingTalkSettings,
    who: String,
    http: Http,
    clock: Clock,
    keys: Arc<Mutex<Keys>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Keys {
    token: Secret,
    secret: Option<Secret>,
}

impl DingTalk {
    /// Reads the secrets.
    pub fn new(upstream: &Upstream, settings: DingTalkSettings, clock: Clock) -> Result<Self, Fault> {
        let who = format!("dingtalk {} {}", settings.name, settings.url);
        let wrong = |words: &str| Fault::new(&who, "its settings", Why::Configuration(words.to_owned()));
        check(&settings).map_err(|(_, words)| wrong(words))?;
        let keys = Keys::read(&settings).map_err(|words| wrong(&words))?;
        Ok(Self {
            http: Http::new(upstream, who.clone(), DEADLINE, LARGEST_ANSWER),
            settings,
            who,
            clock,
            keys: Arc::new(Mutex::new(keys)),
        })
    }

    async fn try_send(&self, piece: &Piece) -> Result<(), Failure> {
        let keys = self.keys();
        let sign = keys
            .secret
            .as_ref()
            .map(|secret| Sign::of(secret, self.clock.now().wall));
        let url = address(self.settings.url.url(), &keys.token, sign.as_ref());
        let answer = self.http.post_json(&url, OPERATION, piece.0.clone()).await?;
        let answer: Answer = serde_json::from_slice(&answer).map_err(|_| {
            // Not quoted: it may be a page that repeats the address.
            let why = Why::malformed("the answer is no JSON with an errcode; is this DingTalk's address?");
            Failure::from(Fault::new(&self.who, OPERATION, why))
        })?;
        let Some(again) = again(answer.errcode) else {
            return Ok(());
        };
        let mut secrets = vec![&keys.token];
        secrets.extend(keys.secret.as_ref());
        secrets.extend(sign.as_ref().map(|sign| &sign.text));
        let words = redacted(&answer.errmsg, &secrets);
        let why = Why::upstream(format!("errcode {}{}: {words}", answer.errcode, hint(answer.errcode)));
        Err(Failure {
            fault: Fault::new(&self.who, OPERATION, why),
            again,
        })
    }

    fn keys(&self) -> Keys {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the secrets again; true if they are others now. What cannot be read leaves the old ones.
    async fn renewed(&self) -> bool {
        let (settings, keys) = (self.settings.clone(), Arc::clone(&self.keys));
        // The file may lie on a share that hangs. Only one message is under way, so only one thread waits for it.
        let reading = tokio::task::spawn_blocking(move || {
            let Ok(read) = Keys::read(&settings) else {
                return false;
            };
            let mut current = keys.lock().unwrap_or_else(PoisonError::into_inner);
            let differs = *current != read;
            *current = read;
            differs
        });
        matches!(tokio::time::timeout(DEADLINE, reading).await, Ok(Ok(true)))
    }

    /// The body with this text.
    fn body(&self, title: &str, text: &str, mobiles: &[String]) -> Value {
        let at = json!({"atMobiles": mobiles, "isAtAll": false});
        match self.settings.form {
            Form::Text => json!({"msgtype": "text", "text": {"content": text}, "at": at}),
            Form::Markdown => json!({"msgtype": "markdown", "markdown": {"title": title, "text": text}, "at": at}),
        }
    }

    /// What stands in front of every part: the keyword, where the text may not have it.
    fn lead(&self) -> String {
        let keyword = self.settings.keyword.as_ref();
        keyword.map_or_else(String::new, |keyword| format!("{keyword}\n\n"))
    }
}

/// The key that is wrong, and why.
pub(super) fn check(settings: &DingTalkSettings) -> Result<(), (&'static str, &'static str)> {
    let url = &settings.url;
    let is_near = matches!(url.host(), "127.0.0.1" | "::1" | "localhost");
    match url.scheme() {
        Scheme::Https => {}
        Scheme::Http if is_near => {}
        _ => {
            return Err((
                "url",
                "the URL must begin with https://, because the access token travels in it",
            ));
        }
    }
    if url.url().query().is_some() {
        let words = "the URL must end before the `?`; the access token belongs into a file or the environment";
        return Err(("url", words));
    }
    if settings
        .keyword
        .as_ref()
        .is_some_and(|keyword| keyword.is_empty() || keyword.len() > 100)
    {
        return Err(("keyword", "a keyword has 1 to 100 bytes"));
    }
    let is_mobile = |mobile: &String| {
        let digits = mobile.trim_start_matches('+');
        (1..=24).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit() || b == b'-')
    };
    if settings.at_mobiles.len() > MOST_MOBILES || !settings.at_mobiles.iter().all(is_mobile) {
        let words = "up to 50 mobile numbers of digits are expected, like 13800000000 or +852-60000000";
        return Err(("at_mobiles", words));
    }
    Ok(())
}

impl Keys {
    fn read(settings: &DingTalkSettings) -> Result<Self, String> {
        let secret = settings.secret.as_ref().map(SecretSource::read);
        Ok(Self {
            token: settings.access_token.read()?,
            secret: secret.transpose()?,
        })
    }
}

/// The signature over a time, which DingTalk takes for an hour.
struct Sign {
    millis: u128,
    text: Secret,
}

impl Sign {
    fn of(secret: &Secret, now: UnixTime) -> Self {
        let millis = now.since_epoch().as_millis();
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
        let tag = hmac::sign(&key, format!("{millis}\n{}", secret.expose()).as_bytes());
        Self {
            millis,
            text: Secret::new(STANDARD.encode(tag)),
        }
    }
}

fn address(base: &Url, token: &Secret, sign: Option<&Sign>) -> Url {
    let mut url = base.clone();
    {
        let mut query = url.query_pairs_mut();
        query.append_pair("access_token", token.expose());
        if let Some(sign) = sign {
            query.append_pair("timestamp", &sign.millis.to_string());
            query.append_pair("sign", sign.text.expose());
        }
    }
    url
}

#[derive(Deserialize)]
struct Answer {
    errcode: i64,
    #[serde(default)]
    errmsg: String,
}

/// Nothing for success.
const fn again(errcode: i64) -> Option<Again> {
    match errcode {
        0 => None,
        // Busy, as it says itself.
        -1 => Some(Again::Later),
        // More than 20 a minute: it is mute now, and another try would be one more.
        130_101 | 410_100 => Some(Again::After(MUTE)),
        _ => Some(Again::Never),
    }
}

const fn hint(errcode: i64) -> &'static str {
    match errcode {
        310_000 => " (check keyword, secret, this machine's clock, and the robot's list of addresses)",
        300_001 | 400_101 | 400_106 => " (check the access token)",
        101_002 | 460_101 => " (too long)",
        130_101 | 410_100 => " (too many messages, others use the robot too; it is mute for 10 minutes)",
        _ => "",
    }
}

/// Only who is named in the text is called.
fn calls(mobiles: &[String]) -> String {
    if mobiles.is_empty() {
        String::new()
    } else {
        format!("\n\n@{}", mobiles.join(" @"))
    }
}

impl Notifier for DingTalk {
    fn name(&self) -> &str {
        self.settings.name.as_str()
    }

    fn pace(&self) -> Pace {
        PACE
    }

    fn room(&self) -> usize {
        // Escapes and separators take the rest; where they take more it becomes two parts.
        MOST_BODY - 2_500
    }

    fn pieces(&self, batch: &Batch) -> Vec<Piece> {
        let mut title = batch.title();
        cut(&mut title, LONGEST_TITLE);
        let language = self.settings.language;
        let text = match self.settings.form {
            Form::Text => batch.text(language),
            Form::Markdown => batch.markdown(language),
        };
        let lead = self.lead();
        let mobiles = match batch.severity() {
            Severity::Critical => self.settings.at_mobiles.as_slice(),
            _ => &[],
        };
        let calls = calls(mobiles);
        let empty = self.body(&title, "", mobiles).to_string().len();
        let added = empty + json_len(&lead) + json_len(&calls) + 2 * PART_MARK;
        let parts = split(&text, MOST_BODY.saturating_sub(added), MOST_PARTS);
        let many = parts.len();
        let pieces = parts.iter().zip(1..).map(|(part, number)| {
            // One call is enough.
            let (calls, mobiles) = if number == 1 {
                (calls.as_str(), mobiles)
            } else {
                ("", &[][..])
            };
            let body = if many == 1 {
                self.body(&title, &format!("{lead}{part}{calls}"), mobiles)
            } else {
                let mark = format!("({number}/{many})");
                self.body(
                    &format!("{title} {mark}"),
                    &format!("{lead}{mark}\n\n{part}{calls}"),
                    mobiles,
                )
            };
            Piece(body.to_string().into_bytes())
        });
        pieces.collect()
    }

    async fn send(&self, piece: &Piece) -> Result<(), Failure> {
        match self.try_send(piece).await {
            // It may have a new token or secret since.
            Err(Failure {
                again: Again::Never, ..
            }) if self.renewed().await => self.try_send(piece).await,
            outcome => outcome,
        }
    }
}

#[cfg(test)]
mod tests;
