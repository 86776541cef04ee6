//! What may be told to a Chia farm, apart from what is asked of it (`upstream/chia/call.rs`): a harvester to look for its
//! plots, a daemon to stop and start a service that it started itself.
//!
//! A farm's certificates open its wallet and its keychain as well, so nothing else can be named: a call is a value of an
//! enum here, and no text of anybody becomes a route. Source: chia contract 7, 10, 15; chia-blockchain 2.7.5.

mod daemon;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use serde::Deserialize;

pub use daemon::{Daemon, Restarted, Service};

use super::Failed;
use super::wire::{Asked, Way, Wire};
use crate::upstream::chia::{self, Identity};
use crate::upstream::{Upstream, Why};
use crate::values::HostPort;

/// A harvester by its RPC.
#[derive(Clone, Debug)]
pub struct Harvester {
    wire: Wire,
}

const REFRESH: &str = "refresh_plots";
/// It only wakes the thread that looks.
const REFRESH_WITHIN: Duration = Duration::from_secs(10);

impl Harvester {
    /// Nothing is sent yet.
    pub fn new(upstream: &Upstream, identity: &Arc<Identity>, place: &HostPort) -> Self {
        let way = chia::Way::new(upstream, identity, "https", place);
        Self {
            wire: Wire {
                who: way.who().to_owned(),
                way: Way::Chia(way),
            },
        }
    }

    /// Has it look through its plot directories. It begins within a second, and nobody is told when it is done but the
    /// farmer. To be asked twice does no harm.
    pub async fn refresh_plots(&self) -> Result<(), Failed> {
        let asked = Asked {
            operation: REFRESH,
            method: Method::POST,
            path: "/refresh_plots",
            headers: Vec::new(),
            body: Some(b"{}".to_vec()),
        };
        let reply = self.wire.exchange(asked, REFRESH_WITHIN).await?;
        let refused = |why| Failed::before(&self.wire.who, REFRESH, why);
        match reply.status.as_u16() {
            200 => outcome(&reply.body).map_err(refused),
            404 => Err(refused(Why::NotFound("no harvester of chia listens there".to_owned()))),
            status => Err(refused(Why::Status(status, ""))),
        }
    }
}

/// What every answer begins with. A `traceback` is never taken up: it holds paths.
fn outcome(body: &[u8]) -> Result<(), Why> {
    #[derive(Deserialize)]
    struct Outcome {
        success: Option<bool>,
        error: Option<String>,
    }
    match serde_json::from_slice::<Outcome>(body) {
        Ok(Outcome {
            success: Some(true), ..
        }) => Ok(()),
        Ok(Outcome { error: Some(words), .. }) => Err(Why::upstream(words)),
        Ok(_) => Err(Why::malformed("it does not say whether it succeeded")),
        Err(e) => Err(Why::malformed(format!("no answer of chia ({e})"))),
    }
}
