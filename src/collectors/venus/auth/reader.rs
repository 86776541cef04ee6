//! Asks authorisation services: for their version, for users, and whether our own tokens hold.

use std::sync::Arc;

use futures_util::future::join_all;

use super::answers::{self, User};
use crate::collectors::venus::era::About;
use crate::collectors::venus::server::{Missed, Said};
use crate::upstream::{Fault, Reason, Token, VenusAuth, VenusService, Verdict, Why};

/// The most that a page holds; 0 would be "all" only with one of the databases.
const PAGE: usize = 1000;
/// Real ones have tens of users.
const MOST_PAGES: usize = 10;

/// What an authorisation service said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthSeen {
    /// `None` where the token may not ask.
    pub users: Option<Vec<User>>,
    pub tokens: Vec<TokenSeen>,
}

/// One of our own tokens, by the process that it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSeen {
    pub service: VenusService,
    /// The label value `process`.
    pub instance: Arc<str>,
    /// Its permission; `None` when auth does not know it, as is so for tokens that a service makes for itself.
    pub permission: Option<String>,
}

impl TokenSeen {
    fn is_for(&self, auth: &str) -> bool {
        self.service == VenusService::Auth && *self.instance == *auth
    }
}

/// A token of ours and the process that it is for.
pub(in crate::collectors::venus) struct OwnToken {
    pub(in crate::collectors::venus) service: VenusService,
    pub(in crate::collectors::venus) instance: Arc<str>,
    pub(in crate::collectors::venus) token: Token,
}

/// All authorisation services of a target; they share a database.
pub(in crate::collectors::venus) struct Auths {
    servers: Vec<(Arc<str>, VenusAuth)>,
    tokens: Vec<OwnToken>,
}

impl Auths {
    pub(in crate::collectors::venus) const fn new(servers: Vec<(Arc<str>, VenusAuth)>, tokens: Vec<OwnToken>) -> Self {
        Self { servers, tokens }
    }

    pub(in crate::collectors::venus) async fn read(&self) -> Vec<Said<AuthSeen>> {
        join_all(self.servers.iter().map(|(label, auth)| self.ask(label, auth))).await
    }

    async fn ask(&self, label: &Arc<str>, auth: &VenusAuth) -> Said<AuthSeen> {
        let mut said = Said {
            label: Arc::clone(label),
            about: None,
            outcome: Ok(AuthSeen::default()),
            missed: Vec::new(),
        };
        said.outcome = match version(auth).await {
            Ok(about) => {
                let is_since_9 = about.since(9);
                said.about = Some(about);
                self.seen(label, auth, is_since_9, &mut said.missed).await
            }
            Err(fault) => Err(fault),
        };
        said
    }

    async fn seen(
        &self,
        label: &str,
        auth: &VenusAuth,
        is_since_9: bool,
        missed: &mut Vec<Missed>,
    ) -> Result<AuthSeen, Fault> {
        let mut seen = AuthSeen::default();
        for own in &self.tokens {
            let permission = match auth.verify(&own.token).await {
                Verdict::Holds(verified) => Some(verified.perm),
                Verdict::Refused => None,
                // It answers, but cannot look tokens up: nobody can be let in anywhere.
                Verdict::Unknown(fault) => return Err(fault),
            };
            seen.tokens.push(TokenSeen {
                service: own.service,
                instance: Arc::clone(&own.instance),
                permission,
            });
        }
        seen.users = match users(auth, is_since_9).await {
            Ok(users) => Some(users),
            Err(fault) if matches!(fault.reason(), Reason::Forbidden | Reason::Unauthorized) => {
                // To this route a token that does not hold is one without permission.
                let refused = seen
                    .tokens
                    .iter()
                    .any(|token| token.is_for(label) && token.permission.is_none());
                let why = if refused { Why::Unauthorized(401) } else { fault.why };
                missed.push(Missed {
                    method: "/user/list",
                    fault: Fault { why, ..fault },
                });
                None
            }
            Err(fault) => return Err(fault),
        };
        Ok(seen)
    }
}

/// Before 1.8 there is no such route.
async fn version(auth: &VenusAuth) -> Result<About, Fault> {
    let bytes = match auth.version().await {
        Ok(bytes) => bytes,
        Err(fault)
            if matches!(
                fault.reason(),
                Reason::NotFound | Reason::Unauthorized | Reason::Forbidden
            ) =>
        {
            return Ok(About::without_version());
        }
        Err(fault) => return Err(fault),
    };
    About::read(VenusService::Auth, Some(&bytes)).map_err(|why| Fault::new(auth.who(), "/version", why))
}

async fn users(auth: &VenusAuth, is_since_9: bool) -> Result<Vec<User>, Fault> {
    let mut all = Vec::new();
    for page in 0..MOST_PAGES {
        let bytes = auth.users(page * PAGE, PAGE).await?;
        let users = answers::users(&bytes, is_since_9).map_err(|why| Fault::new(auth.who(), "/user/list", why))?;
        let last = users.len() < PAGE;
        all.extend(users);
        if last {
            break;
        }
    }
    Ok(all)
}
