//! The group behind a robot: what its door lets in, and why not the rest.

use std::collections::VecDeque;

use ring::hmac;
use serde_json::{Value, json};

use super::settings::{Own, Settings};
use crate::{prb_v2::http::decoded, standin::patched, venus::text::base64, wire::Incident};

const MINUTE_MS: u64 = 60_000;

/// How far the time of a signature may be away.
const SIGNED_WITHIN_MS: u64 = 3_600_000;

const LARGEST_BODY: usize = 20_000;

/// What is kept of each list; a test looks at a handful.
const KEPT: usize = 1000;

/// One call of `robot/send`.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    /// What stands behind the `?`.
    pub(super) query: &'a str,
    pub(super) content_type: &'a str,
    pub(super) body: &'a [u8],
}

/// `errcode` and `errmsg`.
type Refusal = (i64, &'static str);

#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) settings: Settings,
    /// When the messages of the last minute came.
    recent: VecDeque<u64>,
    mute_until: Option<u64>,
    messages: VecDeque<Value>,
    refused: VecDeque<Value>,
}

impl Group {
    pub(super) fn patch(&mut self, patch: &Value) -> Result<(), String> {
        let settings = patched(&self.settings, patch)?;
        settings.dials.check(settings.incident.fault())?;
        self.settings = settings;
        Ok(())
    }

    /// The answer; what is taken stands in the group from then on.
    pub(super) fn hear(&mut self, asked: &Asked<'_>, now_ms: u64) -> Value {
        match self.taken(asked, now_ms) {
            Ok(message) => {
                keep(&mut self.messages, message);
                json!({"errcode": 0, "errmsg": "ok"})
            }
            Err((errcode, errmsg)) => {
                let refusal = json!({"errcode": errcode, "errmsg": errmsg});
                keep(&mut self.refused, refusal.clone());
                refusal
            }
        }
    }

    /// The bodies that stand in the group, oldest first.
    pub(super) fn messages(&self) -> Value {
        self.messages.iter().cloned().collect()
    }

    /// The answers to all others.
    pub(super) fn refused(&self) -> Value {
        self.refused.iter().cloned().collect()
    }

    fn taken(&mut self, asked: &Asked<'_>, now_ms: u64) -> Result<Value, Refusal> {
        if self.settings.incident == Incident::Own(Own::Busy) {
            return Err((-1, "系统繁忙"));
        }
        let token = parameter(asked.query, "access_token").ok_or((40_035, "缺少参数 access_token"))?;
        if token != self.settings.access_token {
            return Err((300_001, "token is not exist"));
        }
        self.counted(now_ms)?;
        if !asked.content_type.starts_with("application/json") {
            return Err((43_004, "无效的HTTP HEADER Content-Type"));
        }
        if asked.body.len() > LARGEST_BODY {
            return Err((460_101, "message too long, exceed 20000 bytes"));
        }
        let message: Value = serde_json::from_slice(asked.body).map_err(|_| (40_035, "不合法的参数"))?;
        let text = text(&message).ok_or((40_035, "不合法的参数"))?;
        self.signed(asked.query, now_ms)?;
        if !text.contains(&self.settings.keyword) {
            return Err((310_000, "keywords not in content"));
        }
        Ok(message)
    }

    /// Every call with the right token counts, whatever becomes of it.
    fn counted(&mut self, now_ms: u64) -> Result<(), Refusal> {
        let too_fast = (130_101, "send too fast, exceed 20 times per minute");
        if self.mute_until.is_some_and(|until| now_ms < until) {
            return Err(too_fast);
        }
        self.recent.retain(|came| now_ms.saturating_sub(*came) < MINUTE_MS);
        if self.recent.len() >= self.settings.most {
            self.mute_until = Some(now_ms + self.settings.mute_s * 1000);
            return Err(too_fast);
        }
        self.recent.push_back(now_ms);
        Ok(())
    }

    fn signed(&self, query: &str, now_ms: u64) -> Result<(), Refusal> {
        let secret = &self.settings.secret;
        if secret.is_empty() {
            return Ok(());
        }
        let sign = parameter(query, "sign").ok_or((310_000, "sign not match"))?;
        let timestamp = parameter(query, "timestamp").unwrap_or_default();
        let millis: u64 = timestamp.parse().map_err(|_| (310_000, "invalid timestamp"))?;
        if millis.abs_diff(now_ms) > SIGNED_WITHIN_MS {
            return Err((310_000, "invalid timestamp"));
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let tag = hmac::sign(&key, format!("{timestamp}\n{secret}").as_bytes());
        if base64(tag.as_ref()) == sign {
            Ok(())
        } else {
            Err((310_000, "sign not match"))
        }
    }
}

fn keep(list: &mut VecDeque<Value>, one: Value) {
    if list.len() >= KEPT {
        list.pop_front();
    }
    list.push_back(one);
}

/// One of the query's; a sign that was sent without encoding has spaces for `+` and does not match.
fn parameter(query: &str, name: &str) -> Option<String> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(key, _)| *key == name)?;
    decoded(&value.replace('+', " "))
}

/// What people read of a message, if it is one: keywords are looked for in there.
fn text(message: &Value) -> Option<String> {
    let parts = match message.get("msgtype")?.as_str()? {
        "text" => &["/text/content"][..],
        "markdown" => &["/markdown/title", "/markdown/text"],
        _ => return None,
    };
    let words = parts
        .iter()
        .map(|part| message.pointer(part)?.as_str().filter(|words| !words.is_empty()));
    Some(words.collect::<Option<Vec<_>>>()?.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000_000;

    /// By Python: base64.b64encode(hmac.digest(b'SEC123', b'1700000000000\nSEC123', 'sha256')), percent-encoded.
    const SIGNED: &str = "access_token=t&timestamp=1700000000000&sign=lkcPI1uoxBY1gUnCnnPH1Kkru0Hqjo7rFpA3haIVhEQ%3D";

    fn group(patch: &Value) -> Group {
        let mut group = Group::default();
        group.patch(&json!({"access_token": "t"})).unwrap();
        group.patch(patch).unwrap();
        group
    }

    fn said(words: &str) -> String {
        json!({"msgtype": "text", "text": {"content": words}}).to_string()
    }

    /// The errcode.
    fn sent(group: &mut Group, query: &str, body: &str, now_ms: u64) -> i64 {
        let asked = Asked {
            query,
            content_type: "application/json",
            body: body.as_bytes(),
        };
        group.hear(&asked, now_ms)["errcode"].as_i64().unwrap()
    }

    #[test]
    fn what_is_taken_stands_in_the_group_and_the_rest_does_not() {
        let mut group = group(&json!({}));
        let markdown = json!({"msgtype": "markdown", "markdown": {"title": "a", "text": "b"}});
        assert_eq!(sent(&mut group, "access_token=t", &said("one"), NOW), 0);
        assert_eq!(sent(&mut group, "access_token=t", &markdown.to_string(), NOW), 0);
        assert_eq!(sent(&mut group, "access_token=u", &said("no"), NOW), 300_001);
        assert_eq!(sent(&mut group, "", &said("no"), NOW), 40_035);
        for body in ["{", "{}", r#"{"msgtype": "text", "text": {"content": ""}}"#] {
            assert_eq!(sent(&mut group, "access_token=t", body, NOW), 40_035, "{body}");
        }
        let shown = group.messages();
        assert_eq!(shown[0]["text"]["content"], "one");
        assert_eq!(shown[1], markdown);
        assert_eq!(shown.as_array().unwrap().len(), 2);
        assert_eq!(group.refused()[0]["errmsg"], "token is not exist");
    }

    #[test]
    fn a_signature_is_checked_and_holds_for_an_hour() {
        let mut group = group(&json!({"secret": "SEC123"}));
        let hour = SIGNED_WITHIN_MS;
        for (query, now, errcode) in [
            (SIGNED, NOW, 0),
            (SIGNED, NOW + hour, 0),
            (SIGNED, NOW + hour + 1, 310_000),
            (SIGNED, NOW - hour - 1, 310_000),
            ("access_token=t", NOW, 310_000),
            (&SIGNED.replace("lk", "kl"), NOW, 310_000),
            (&SIGNED.replace("1700000000000", "1700000000001"), NOW, 310_000),
        ] {
            assert_eq!(sent(&mut group, query, &said("x"), now), errcode, "{query} {now}");
        }
    }

    #[test]
    fn a_keyword_must_be_somewhere_in_what_people_read() {
        let mut group = group(&json!({"keyword": "矿场"}));
        assert_eq!(sent(&mut group, "access_token=t", &said("矿场 node-1"), NOW), 0);
        assert_eq!(sent(&mut group, "access_token=t", &said("node-1"), NOW), 310_000);
        let title = json!({"msgtype": "markdown", "markdown": {"title": "矿场", "text": "b"}});
        assert_eq!(sent(&mut group, "access_token=t", &title.to_string(), NOW), 0);
    }

    #[test]
    fn more_than_20_in_a_minute_mute_it_for_ten() {
        let mut group = group(&json!({}));
        let mut at = |now: u64| sent(&mut group, "access_token=t", &said("x"), now);
        for number in 0..20 {
            assert_eq!(at(NOW + number), 0);
        }
        let muted = NOW + 59_999;
        assert_eq!(at(muted), 130_101);
        assert_eq!(at(muted + 599_999), 130_101, "also when the minute is long over");
        assert_eq!(at(muted + 600_000), 0);
    }

    #[test]
    fn twenty_a_minute_can_go_on_for_ever() {
        let mut group = group(&json!({}));
        for number in 0..100 {
            assert_eq!(sent(&mut group, "access_token=t", &said("x"), NOW + number * 3000), 0);
        }
    }

    #[test]
    fn a_body_has_20000_bytes_at_most() {
        let mut group = group(&json!({}));
        let empty = said("").len();
        let fits = said(&"x".repeat(20_000 - empty));
        assert_eq!(sent(&mut group, "access_token=t", &fits, NOW), 0);
        let long = said(&"x".repeat(20_001 - empty));
        assert_eq!(sent(&mut group, "access_token=t", &long, NOW), 460_101);
    }

    #[test]
    fn a_busy_one_takes_nothing() {
        let mut group = group(&json!({"incident": "busy"}));
        assert_eq!(sent(&mut group, "access_token=t", &said("x"), NOW), -1);
        assert_eq!(group.messages(), json!([]));
    }
}
