//! Who asks: tokens of the auth service and each service's own, and the ways in which they are refused.

use bytes::Bytes;
use hyper::{Request, header};

use super::{
    people::{Perm, Token},
    rpc::Failure,
    settings::{Instance, Own},
    text,
    version::{Role, Version},
    world::World,
};

/// Whoever asks, once the token is accepted.
#[derive(Clone, Debug)]
pub(super) struct Who {
    pub(super) name: String,
    pub(super) perm: Perm,
}

/// The service that is asked, and by whom.
#[derive(Debug)]
pub(super) struct At {
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) instance: Instance,
    pub(super) path: String,
    pub(super) who: Who,
}

impl At {
    pub(super) fn version(&self) -> Version {
        self.instance.version
    }

    /// The first character of addresses: the messager printed `t` until 1.16, the node goes by its network.
    pub(super) fn prefix(&self, network: &str) -> char {
        let test = match self.role {
            Role::Node => network != "mainnet",
            Role::Messager => !self.version().from(17),
            _ => self.version().is_a(self.role),
        };
        let own = self.instance.prefix.chars().next();
        own.unwrap_or(if test { 't' } else { 'f' })
    }

    /// Since 1.10 lists hold only what belongs to the caller, unless that is an admin.
    pub(super) fn owns(&self, user: &str) -> bool {
        self.who.perm == Perm::Admin || !self.version().from(10) || self.who.name == user
    }

    /// Too little permission is an error of the application.
    pub(super) fn permits(&self, method: &str, need: Perm) -> Result<(), Failure> {
        if self.who.perm >= need {
            return Ok(());
        }
        let (method, need) = (method.split('.').next_back().unwrap_or(method), need.name());
        Err(Failure::said(match self.role {
            Role::Messager if self.version().is_a(Role::Messager) => {
                format!("missing permission to invoke '{method}', need '{need}'")
            }
            _ => format!("missing permission to invoke '{method}'  (need '{need}')"),
        }))
    }
}

/// The admin token that a service wrote into its folder when it started.
pub(super) fn own_token(name: &str, instance: &Instance) -> String {
    text::jwt(&format!("local {name}"), "admin", instance.drawn)
}

/// The bearer token of a request; the word is case-sensitive.
pub(super) fn bearer(request: &Request<Bytes>) -> Option<&str> {
    let header = request.headers().get(header::AUTHORIZATION);
    let header = header.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let mut query = request.uri().query().unwrap_or_default().split('&');
    header.or_else(|| query.find_map(|part| part.strip_prefix("token=")))
}

/// An issued token, as the auth service knows it.
pub(super) fn issued<'a>(world: &'a World, token: &str) -> Option<&'a Token> {
    world.settings.tokens.iter().find(|issued| issued.text() == token)
}

/// Who asks a JSON-RPC service; nobody if the answer is 401, for a bad token and for an auth service that is away alike.
pub(super) fn admitted(
    world: &World,
    name: &str,
    role: Role,
    instance: &Instance,
    request: &Request<Bytes>,
) -> Option<Who> {
    let Some(token) = bearer(request) else {
        // Lotus' handler, which the miner of era A has, lets everybody read.
        let reads = role == Role::Miner && instance.version.is_a(role);
        return reads.then(|| Who {
            name: String::new(),
            perm: Perm::Read,
        });
    };
    if token == own_token(name, instance) {
        return Some(Who {
            name: name.to_owned(),
            perm: Perm::Admin,
        });
    }
    if role == Role::Miner && !instance.version.from(10) {
        return None;
    }
    let auth = world.well(Role::Auth)?;
    if auth.instance.is(Own::DatabaseDown) {
        return None;
    }
    issued(world, token).map(|issued| Who {
        name: issued.name.clone(),
        perm: issued.perm,
    })
}
