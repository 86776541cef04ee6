//! The envelope: a request as text, who sends it, and a signature over every byte of that text by a key that only the two
//! sides have (HMAC-SHA256). What is read is what was signed.

use std::fmt;

use ring::hmac;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::message::{self, Request};
use crate::clock::UnixTime;
use crate::values::{self, Duration, Name, SecretSource};

/// What both sides know. It prints as `<secret>`.
#[derive(Clone)]
pub struct Key(hmac::Key);

/// Characters of a key: `openssl rand -hex 32` gives twice as many. A shorter one could be guessed from a request.
const SHORTEST_KEY: usize = 32;
/// So that no signature of anything else, made with the same key, is one of a request.
const PURPOSE: &[u8] = b"farmwarden remote request 1\n";
/// What the clocks of two machines may differ by, and a request may be under way.
pub const WINDOW: Duration = Duration::from_secs(60);

impl Key {
    /// Reads it as it is now. The error names the place and never what is there.
    pub fn read(source: &SecretSource) -> Result<Self, String> {
        let secret = source.read()?;
        if secret.expose().len() < SHORTEST_KEY {
            return Err(format!(
                "the key is too short: at least {SHORTEST_KEY} characters are needed; make one with `openssl rand -hex 32`"
            ));
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes())))
    }

    fn over(&self, request: &str) -> hmac::Tag {
        let mut signing = hmac::Context::with_key(&self.0);
        signing.update(PURPOSE);
        signing.update(request.as_bytes());
        signing.sign()
    }

    fn signed(&self, request: &str, signature: &[u8]) -> bool {
        let text = [PURPOSE, request.as_bytes()].concat();
        // It takes the same time wherever two signatures differ.
        hmac::verify(&self.0, &text, signature).is_ok()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    caller: Name,
    request: String,
    signature: String,
}

/// As it is sent.
pub(super) fn seal(request: &Request, key: &Key) -> Result<Vec<u8>, String> {
    let broken = |e: serde_json::Error| format!("a request cannot be written: {e}");
    let text = serde_json::to_string(request).map_err(broken)?;
    let envelope = Envelope {
        caller: request.caller.clone(),
        signature: values::hex(key.over(&text).as_ref()),
        request: text,
    };
    serde_json::to_vec(&envelope).map_err(broken)
}

/// Why what came is no request.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unsealed {
    /// Whoever sent it has shown nothing, so it is told nothing.
    #[error("the signature is not that of a caller that farmwarden knows")]
    Unproven,
    /// Signed, and not to be taken all the same.
    #[error("{0}")]
    Refused(String),
}

/// Reads what was sent, if it is signed with the key of who it says that it is, a moment ago.
pub fn open<'a>(body: &[u8], key_of: impl Fn(&Name) -> Option<&'a Key>, now: UnixTime) -> Result<Request, Unsealed> {
    let envelope: Envelope = serde_json::from_slice(body).map_err(|_| Unsealed::Unproven)?;
    let signature = message::from_hex(&envelope.signature).ok_or(Unsealed::Unproven)?;
    // A caller that is not known takes as long as one that is.
    let nobody = Key(hmac::Key::new(hmac::HMAC_SHA256, &[]));
    let key = key_of(&envelope.caller);
    let is_signed = key.unwrap_or(&nobody).signed(&envelope.request, &signature);
    if !is_signed || key.is_none() {
        return Err(Unsealed::Unproven);
    }
    let request: Request = serde_json::from_str(&envelope.request)
        .map_err(|e| Unsealed::Refused(format!("the request cannot be read ({e}); is it from another version?")))?;
    if request.caller != envelope.caller {
        return Err(Unsealed::Unproven);
    }
    if let Some(words) = request.wrong().or_else(|| too_far_apart(request.time, now)) {
        return Err(Unsealed::Refused(words));
    }
    Ok(request)
}

/// Without it a request that somebody kept could be sent again when its number is forgotten.
fn too_far_apart(signed: UnixTime, now: UnixTime) -> Option<String> {
    let apart = signed.age_at(now).max(now.age_at(signed));
    (apart > WINDOW.get()).then(|| {
        format!(
            "the request was signed at {signed}, and here it is {now}: more than {WINDOW} apart; are the clocks of both machines right?"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{key, request};
    use super::*;

    fn now() -> UnixTime {
        request().time
    }

    fn opened(body: &[u8], now: UnixTime) -> Result<Request, Unsealed> {
        let (control, other) = (key('a'), key('b'));
        open(
            body,
            |caller| match caller.as_str() {
                "control" => Some(&control),
                "other" => Some(&other),
                _ => None,
            },
            now,
        )
    }

    fn sealed(change: impl FnOnce(&mut Request)) -> Vec<u8> {
        let mut request = request();
        change(&mut request);
        seal(&request, &key('a')).unwrap()
    }

    #[test]
    fn what_was_sealed_is_opened_as_it_was() {
        assert_eq!(opened(&sealed(|_| ()), now()), Ok(request()));
    }

    #[test]
    fn nothing_that_was_changed_on_the_way_is_opened_and_nobody_is_told_why() {
        let good = sealed(|_| ());
        let text = String::from_utf8(good.clone()).unwrap();
        let changed = [
            text.replace("restart_node", "restart_farm"),
            text.replace("\"caller\":\"control\"", "\"caller\":\"other\""),
            text.replace("\"caller\":\"control\"", "\"caller\":\"nobody\""),
            text.replace("\"signature\":\"", "\"signature\":\"00"),
            text.replace("\"signature\":\"", "\"signature\":\"x"),
            text.replace("\"signature\"", "\"signed\""),
            String::new(),
            "{}".to_owned(),
        ];
        for body in changed {
            assert_ne!(body, text);
            assert_eq!(opened(body.as_bytes(), now()), Err(Unsealed::Unproven), "{body}");
        }
        // One caller's key does not sign for another.
        let foreign = sealed(|request| request.caller = "other".parse().unwrap());
        assert_eq!(opened(&foreign, now()), Err(Unsealed::Unproven));
    }

    #[test]
    fn an_old_one_is_refused_with_both_times() {
        let body = sealed(|_| ());
        assert!(opened(&body, now().plus(WINDOW.get())).is_ok());
        for there in [now().plus(WINDOW.get() * 2), now().minus(WINDOW.get() * 2)] {
            let Err(Unsealed::Refused(words)) = opened(&body, there) else {
                panic!("{there}")
            };
            let both = words.contains(&now().to_string()) && words.contains(&there.to_string());
            assert!(both && words.contains("clocks"), "{words}");
        }
    }

    #[test]
    fn what_is_signed_and_too_long_is_refused_in_words() {
        let body = sealed(|request| request.entity = "x".repeat(513));
        let refused = Unsealed::Refused("`entity` has at most 512 bytes".to_owned());
        assert_eq!(opened(&body, now()), Err(refused));
    }

    #[test]
    fn a_key_is_long_enough_and_never_printed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        std::fs::write(&path, "s3cret-and-short").unwrap();
        let words = Key::read(&SecretSource::File(path)).unwrap_err();
        assert!(
            words.contains("openssl rand -hex 32") && !words.contains("s3cret"),
            "{words}"
        );
        assert_eq!(format!("{:?}", key('a')), "<secret>");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_refused(body: Vec<u8>) {
            proptest::prop_assert_eq!(opened(&body, now()), Err(Unsealed::Unproven));
        }
    }
}
