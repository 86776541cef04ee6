//! Whether a process answers HTTP at all: another question than those of the collector, and one without a token.

use std::time::Duration;

use hyper::Method;
use hyper::header::{HeaderName, HeaderValue};

use crate::actions::Failed;
use crate::actions::wire::{Asked, Way, Wire};
use crate::collectors::venus::Instance;
use crate::upstream::{Upstream, VenusService, Why};

const WITHIN: Duration = Duration::from_secs(10);
const PATH: &str = "/healthcheck";

/// How a process answers to anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// With any status: before 1.11 there is no such route, and it runs all the same.
    Answers,
    /// It takes the connection and says nothing, or nothing of use: it may do its work still.
    Hangs,
    /// Nothing listens there: nobody is cut off by a restart.
    Gone,
}

/// Asks once. Nothing is changed.
pub async fn health(upstream: &Upstream, service: VenusService, instance: &Instance) -> Health {
    let wire = Wire {
        who: instance.url.to_string(),
        way: Way::to(upstream, &instance.url),
    };
    let proxied = service.behind_gateway("v1").filter(|_| instance.through_gateway);
    let header = HeaderName::from_static("x-venus-api-namespace");
    let asked = Asked {
        operation: PATH,
        method: Method::GET,
        path: PATH,
        headers: proxied
            .map(|name| (header, HeaderValue::from_static(name)))
            .into_iter()
            .collect(),
        body: None,
    };
    match wire.exchange(asked, WITHIN).await {
        // A proxy's words for one that does not answer it.
        Ok(reply) if matches!(reply.status.as_u16(), 502..=504) => Health::Hangs,
        Ok(_) => Health::Answers,
        Err(Failed { fault, .. }) => match fault.why {
            Why::Unreachable(words) if words.contains("refused") => Health::Gone,
            _ => Health::Hangs,
        },
    }
}
