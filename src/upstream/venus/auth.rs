//! The authorisation service: who a token is, and which users there are.
//!
//! Its routes that list tokens are not here: they hand out every token of the farm.
//! Source: `ipfs-force-community/sophon-auth: auth/route.go`, `auth/transport.go`.

use bytes::Bytes;
use serde::Deserialize;
use url::Url;

use super::super::http::{Ask, status_why};
use super::super::{Fault, Http, Token, Upstream, Why};
use super::{VenusPlace, VenusService, joined};
use crate::values::Size;

/// A thousand users take about 200 kB.
const ANSWER_CAP: Size = Size::from_bytes(4 << 20);

/// One authorisation service.
#[derive(Clone, Debug)]
pub struct VenusAuth {
    http: Http,
    base: Url,
    through_gateway: bool,
}

/// What auth says of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Holds(Verified),
    /// Auth does not know it. A token that a service made for itself is never known here.
    Refused,
    /// Auth cannot tell: it does not answer, or its database does not.
    Unknown(Fault),
}

/// Whose token it is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Verified {
    #[serde(default)]
    pub name: String,
    /// `read`, `write`, `sign` or `admin`; each includes those before.
    #[serde(default)]
    pub perm: String,
}

impl VenusAuth {
    pub fn new(upstream: &Upstream, place: VenusPlace) -> Self {
        let who = place.endpoint.to_string();
        Self {
            http: Http::new(upstream, who, place.deadline, ANSWER_CAP).with_token(place.token),
            base: place.endpoint.url().clone(),
            through_gateway: place.through_gateway,
        }
    }

    /// How faults name it.
    pub fn who(&self) -> &str {
        self.http.who()
    }

    pub const fn token(&self) -> Option<&Token> {
        self.http.token()
    }

    /// Whether a token holds. It says itself who asks, so it needs no other permission.
    pub async fn verify(&self, token: &Token) -> Verdict {
        let body = serde_json::json!({"token": token.current().expose()});
        let http = self.http.clone().with_token(Some(token.clone()));
        match self
            .ask(&http, "/verify", &["verify"], None, Some(body.to_string()))
            .await
        {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(verified) => Verdict::Holds(verified),
                Err(_) => Verdict::Unknown(self.fault("/verify", Why::malformed("no answer of an auth service"))),
            },
            Err(fault) if matches!(fault.why, Why::Unauthorized(_)) => Verdict::Refused,
            Err(fault) => Verdict::Unknown(fault),
        }
    }

    /// From 1.8; before, the route is not there.
    pub async fn version(&self) -> Result<Bytes, Fault> {
        self.ask(&self.http, "/version", &["version"], None, None).await
    }

    /// Users from `skip` on, at most `limit`, in every state.
    pub async fn users(&self, skip: usize, limit: usize) -> Result<Bytes, Fault> {
        let query = format!("skip={skip}&limit={limit}&state=0");
        self.ask(&self.http, "/user/list", &["user", "list"], Some(&query), None)
            .await
    }

    async fn ask(
        &self,
        http: &Http,
        operation: &str,
        path: &[&str],
        query: Option<&str>,
        body: Option<String>,
    ) -> Result<Bytes, Fault> {
        let mut url = joined(&self.base, path).map_err(|why| self.fault(operation, why))?;
        url.set_query(query);
        let proxied = VenusService::Auth.behind_gateway("").filter(|_| self.through_gateway);
        let ask = Ask {
            url: &url,
            operation,
            body: body.map(String::into_bytes),
            header: proxied.map(|name| ("X-VENUS-API-NAMESPACE", name)),
        };
        let mut bytes = Vec::new();
        let take = |piece: &[u8]| {
            bytes.extend_from_slice(piece);
            Ok(true)
        };
        let poured = http.pour(&ask, take).await?;
        match poured.status {
            _ if !poured.whole => Err(self.fault(operation, Why::TooLarge(ANSWER_CAP))),
            200..300 => Ok(Bytes::from(bytes)),
            status => Err(self.fault(operation, why(status, &bytes))),
        }
    }

    fn fault(&self, operation: &str, why: Why) -> Fault {
        Fault::new(self.who(), operation, why)
    }
}

/// `{"error":"TEXT"}`; a missing or too weak token is HTTP 400 here, with a word of its own (`prem`).
fn why(status: u16, body: &[u8]) -> Why {
    #[derive(Deserialize)]
    struct Error {
        error: String,
    }
    match serde_json::from_slice::<Error>(body) {
        Ok(Error { error }) if error.contains("need admin") || error.contains("permission") => {
            Why::Forbidden("the token may not ask this: it needs the permission `admin`".to_owned())
        }
        Ok(Error { error }) => Why::upstream(error),
        Err(_) => match reqwest::StatusCode::from_u16(status) {
            Ok(status) => status_why(status),
            Err(_) => Why::Status(status, ""),
        },
    }
}
