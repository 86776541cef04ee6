//! Links by which a person approves a rung from a chat. Whoever has one may approve just that incident, rung and plan, until
//! it ends, once.
//!
//! A link proves itself: nothing of it is kept but the key, which lives as long as the process. After a start the
//! newest that wait are told anew, with new links. What was used is remembered with the incident, from the journal.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::step::{IncidentId, Plan};
use crate::clock::UnixTime;
use crate::values::{Duration, deserialize_from_str};

/// Where links lead, below the address that people use.
pub const PATH: &str = "/approve/";

/// Behind a link in a message in Chinese: the page is for whoever reads that.
pub const IN_CHINESE: &str = "language=zh";

/// Without it whatever a stranger asks for would be read.
const LONGEST: usize = 256;

/// How people approve from a chat.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Approvals {
    /// The address under which people reach farmwarden, mostly that of a proxy that speaks TLS. With it messages about a rung that waits hold a link that approves it: whoever reads the chat can.
    #[schemars(example = &"https://farm.example/farmwarden", extend("x-off" = true))]
    pub external_url: Option<ExternalUrl>,
    /// How long a link holds; later the command approves.
    pub link_for: Duration,
}

impl Default for Approvals {
    fn default() -> Self {
        Self {
            external_url: None,
            link_for: Duration::from_secs(3600),
        }
    }
}

/// An address that people open. A link must not be read on the way, so it has TLS, unless it stays on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalUrl(String);

impl FromStr for ExternalUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|e| format!("not a URL ({e}); write it like https://farm.example"))?;
        let is_here = match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => return Err("the URL names no host".to_owned()),
        };
        if url.scheme() != "https" && !(is_here && url.scheme() == "http") {
            return Err("scheme must be https: whoever reads a link on the way could approve".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            return Err("only scheme, host, port and path are expected here".to_owned());
        }
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }
}

deserialize_from_str!(ExternalUrl, "an address like https://farm.example");

/// Makes links and knows its own; cloning gives the same ones.
#[derive(Clone)]
pub struct Links(Arc<Inner>);

struct Inner {
    key: hmac::Key,
    approvals: Mutex<Approvals>,
}

/// What a link says of itself; true only if it [`Links::fits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) incident: IncidentId,
    pub(super) until: UnixTime,
    mac: [u8; 32],
}

impl Links {
    /// The error is that of the machine's randomness.
    pub fn new(approvals: &Approvals) -> Result<Self, String> {
        let mut key = [0; 32];
        let random = SystemRandom::new().fill(&mut key);
        random.map_err(|_| "the system gives no random numbers for links that approve".to_owned())?;
        Ok(Self(Arc::new(Inner {
            key: hmac::Key::new(hmac::HMAC_SHA256, &key),
            approvals: Mutex::new(approvals.clone()),
        })))
    }

    /// From now on; links that are out stay what they are.
    pub(super) fn change_to(&self, approvals: &Approvals) {
        *self.approvals() = approvals.clone();
    }

    /// The address that approves this plan, and until when; nothing where people have no address for it.
    pub(super) fn link(&self, incident: IncidentId, plan: &Plan, now: UnixTime) -> Option<(String, UnixTime)> {
        let approvals = self.approvals();
        let url = approvals.external_url.clone()?;
        let until = now.plus(approvals.link_for.get());
        drop(approvals);
        let until = UnixTime::from_duration(std::time::Duration::from_secs(until.since_epoch().as_secs()));
        let mac = hmac::sign(&self.0.key, &signed(incident, plan, until)?);
        let claim = Claim {
            incident,
            until,
            mac: mac.as_ref().try_into().ok()?,
        };
        Some((format!("{}{PATH}{claim}", url.0), until))
    }

    /// Whether we made it, for this plan.
    pub(super) fn fits(&self, claim: &Claim, plan: &Plan) -> bool {
        let signed = signed(claim.incident, plan, claim.until);
        signed.is_some_and(|signed| hmac::verify(&self.0.key, &signed, &claim.mac).is_ok())
    }

    fn approvals(&self) -> MutexGuard<'_, Approvals> {
        self.0.approvals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Links")
    }
}

/// All that a link is bound to.
fn signed(incident: IncidentId, plan: &Plan, until: UnixTime) -> Option<Vec<u8>> {
    serde_json::to_vec(&(incident, plan, until)).ok()
}

impl Claim {
    /// By which it is remembered when it was used; it does not approve anything.
    pub(super) fn id(&self) -> String {
        let digest = ring::digest::digest(&ring::digest::SHA256, &self.mac);
        URL_SAFE_NO_PAD.encode(digest.as_ref().get(..12).unwrap_or_default())
    }
}

/// `412.0-1795262400-<43 digits>`.
impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let until = self.until.since_epoch().as_secs();
        write!(f, "{}-{until}-{}", self.incident, URL_SAFE_NO_PAD.encode(self.mac))
    }
}

impl FromStr for Claim {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text.len() > LONGEST {
            return Err(());
        }
        let mut pieces = text.splitn(3, '-');
        let mut next = || pieces.next().ok_or(());
        let (incident, until, mac) = (next()?, next()?, next()?);
        let until: u64 = until.parse().map_err(|_| ())?;
        let mac = URL_SAFE_NO_PAD.decode(mac).map_err(|_| ())?;
        Ok(Self {
            incident: incident.parse().map_err(|_| ())?,
            until: UnixTime::from_duration(std::time::Duration::from_secs(until)),
            mac: mac.try_into().map_err(|_| ())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{ID, at, plan};
    use super::*;

    fn links(url: Option<&str>) -> Links {
        let approvals = Approvals {
            external_url: url.map(|url| url.parse().unwrap()),
            ..Approvals::default()
        };
        Links::new(&approvals).unwrap()
    }

    fn claim(link: &str) -> Claim {
        link.rsplit_once(PATH).unwrap().1.parse().unwrap()
    }

    #[test]
    fn a_link_fits_its_incident_rung_and_plan_and_no_other() {
        let links = links(Some("https://farm.example/fw/"));
        let (link, until) = links.link(ID, &plan("w1", 1), at(5)).unwrap();
        assert!(link.starts_with("https://farm.example/fw/approve/1.0-"), "{link}");
        assert_eq!(until, at(3605));
        let own = claim(&link);
        assert_eq!((own.incident, own.until), (ID, until));
        assert!(links.fits(&own, &plan("w1", 1)));
        assert!(!links.fits(&own, &plan("w1", 0)) && !links.fits(&own, &plan("w2", 1)));
        let later = Claim { until: at(9999), ..own };
        let other = Claim {
            incident: IncidentId { record: 2, nth: 0 },
            ..own
        };
        assert!(!links.fits(&later, &plan("w1", 1)) && !links.fits(&other, &plan("w1", 1)));
        // Another process has another key.
        assert!(!self::links(None).fits(&own, &plan("w1", 1)));
        assert!(!link.contains(&own.id()));
    }

    #[test]
    fn without_an_address_for_people_there_is_no_link() {
        assert_eq!(links(None).link(ID, &plan("w1", 0), at(5)), None);
    }

    #[test]
    fn an_address_for_people_has_tls_and_holds_nothing_else() {
        let read = |text: &str| text.parse::<ExternalUrl>();
        for good in [
            "https://farm.example",
            "https://10.0.0.1:8443/a/",
            "http://127.0.0.1:19977",
            "http://localhost",
        ] {
            assert!(read(good).is_ok(), "{good}");
        }
        for bad in [
            "farm.example",
            "http://farm.example",
            "ftp://localhost",
            "https://a@b",
            "https://a?b",
            "https://a#b",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_claim_or_none(text in "[0-9.a-zA-Z_-]{0,80}|.*|[0-9]{1,3}\\.[0-9]-[0-9]{1,12}-[A-Za-z0-9_-]{43}") {
            if let Ok(claim) = text.parse::<Claim>() {
                prop_assert_eq!(claim.to_string().parse(), Ok(claim));
            }
        }
    }
}
