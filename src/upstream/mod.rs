//! How we talk to other systems: typed protocols with deadlines, size caps and no redirects.
//!
//! Every call either gives bytes or a [`Fault`] that names who and what. Calls that change an upstream are never
//! on these types: collectors hold them, and a collector reads.

mod advice;
mod bee_queue;
mod body;
mod certificate;
pub mod chia;
mod dial;
mod dns;
mod elements;
mod fault;
mod fence;
mod http;
mod pinned;
mod prb;
mod prb_v0;
mod prb_v3;
mod prometheus;
mod pruntime;
mod substrate;
mod tls;
mod token;
mod venus;
pub mod walk;

use std::sync::Arc;

use tokio::sync::Semaphore;

pub use bee_queue::{BeeQueue, QUEUE_CALL, QueueDepth};
pub use dial::{Stream, Trust, TrustFiles};
pub use elements::Elements;
pub use fault::{Fault, Reason, Why};
pub use fence::Fence;
pub use http::Http;
pub use prb::{PRB_LIST_WITHIN, PrbCall, PrbMonitor};
pub use prb_v0::{Id as LegacyId, LegacyCall, LegacyMonitor};
pub use prb_v3::{TRANSACTIONS, TRANSACTIONS_CAP, WorkerManager, WorkerManagerCall};
pub use prometheus::{MOST_POINTS, Prometheus, Series};
pub use pruntime::{Answer, Pruntimes};
pub use substrate::Substrate;
pub use token::Token;
pub use venus::{Refusal, Refused, Venus, VenusAuth, VenusCall, VenusPlace, VenusService, Verdict, Verified};

/// What all clients share: name look-ups and trust. Cloning gives another handle.
#[derive(Clone)]
pub struct Upstream {
    resolver: dns::Resolver,
    http: reqwest::Client,
    tls: Arc<rustls::ClientConfig>,
    /// Places for large answers.
    large: Arc<Semaphore>,
}

impl Upstream {
    /// Reads the machine's name servers and certificate authorities, once.
    pub fn from_system() -> Result<Self, String> {
        let resolver = dns::Resolver::from_system()?;
        let tls = tls::client_config()?;
        Ok(Self {
            http: http::client(&resolver, &tls, http::Connections::Kept)?,
            resolver,
            tls,
            large: Arc::new(Semaphore::new(body::LARGE_AT_ONCE)),
        })
    }

    /// Another handle: it closes connections after each answer, and reaches nothing outside of the fence if there is
    /// one.
    pub fn apart(&self, fence: Option<Fence>) -> Result<Self, String> {
        let resolver = self.resolver.fenced(fence);
        Ok(Self {
            http: http::client(&resolver, &self.tls, http::Connections::Closed)?,
            resolver,
            tls: Arc::clone(&self.tls),
            large: Arc::clone(&self.large),
        })
    }

    /// Whether something accepts TCP connections there; the connection is closed at once.
    pub async fn connects(&self, host: &str, port: u16, within: std::time::Duration) -> Result<(), Fault> {
        let who = format!("{host}:{port}");
        self.resolver.connect(&who, host, port, within).await.map(drop)
    }
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Upstream")
    }
}
