//! Names to addresses, by the machine's own name servers and hosts file, and TCP connections to them.
//!
//! Not getaddrinfo: a static binary cannot load the machine's NSS modules. Not reqwest's default: without an
//! `/etc/resolv.conf` it asks a public server, and names of a farm are nobody's business.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use tokio::net::TcpStream;

use super::{Fault, Fence, Why};
use crate::values;

#[derive(Clone)]
pub(super) struct Resolver {
    system: Arc<TokioResolver>,
    /// Addresses outside are not given to anybody.
    fence: Option<Fence>,
}

impl Resolver {
    pub(super) fn from_system() -> Result<Self, String> {
        // Without name servers only `localhost`, the hosts file and plain addresses resolve.
        let mut builder = TokioResolver::builder_tokio().unwrap_or_else(|_| {
            TokioResolver::builder_with_config(
                ResolverConfig::from_parts(None, Vec::new(), Vec::new()),
                TokioRuntimeProvider::default(),
            )
        });
        builder.options_mut().ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        let resolver = builder.build().map_err(|e| format!("name look-ups: {e}"))?;
        Ok(Self {
            system: Arc::new(resolver),
            fence: None,
        })
    }

    /// The same look-ups, of which nobody sees what lies outside of the fence.
    pub(super) fn fenced(&self, fence: Option<Fence>) -> Self {
        Self {
            system: Arc::clone(&self.system),
            fence,
        }
    }

    pub(super) fn fence(&self) -> Option<&Fence> {
        self.fence.as_ref()
    }

    pub(super) async fn lookup(&self, host: &str) -> Result<Vec<IpAddr>, Why> {
        let found = self.everywhere(host).await.map_err(Why::Unreachable)?;
        match &self.fence {
            Some(fence) => fence.within(host, found),
            None => Ok(found),
        }
    }

    async fn everywhere(&self, host: &str) -> Result<Vec<IpAddr>, String> {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        match self.system.lookup_ip(host).await {
            Ok(found) => Ok(found.iter().collect()),
            Err(e) if e.is_no_records_found() => Err(format!("the name `{host}` does not resolve")),
            Err(e) => Err(format!("the name `{host}` cannot be looked up ({e})")),
        }
    }

    /// The first address of `host` that accepts a connection.
    pub(super) async fn connect(&self, who: &str, host: &str, port: u16, within: Duration) -> Result<TcpStream, Fault> {
        let fault = |why| Fault::new(who, "connect", why);
        let attempt = async {
            let mut last = "the name has no address".to_owned();
            for address in self.lookup(host).await? {
                match TcpStream::connect(SocketAddr::new(address, port)).await {
                    Ok(stream) => return Ok(stream),
                    Err(e) => last = values::io_words(&e),
                }
            }
            Err(Why::Unreachable(last))
        };
        match tokio::time::timeout(within, attempt).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(why)) => Err(fault(why)),
            Err(_) => Err(fault(Why::Timeout(within))),
        }
    }
}

impl reqwest::dns::Resolve for Resolver {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let found = resolver.lookup(name.as_str()).await;
            let addresses = found.map_err(|why| Fault::new(name.as_str(), "look up the name", why))?;
            let addresses: reqwest::dns::Addrs = Box::new(addresses.into_iter().map(|ip| SocketAddr::new(ip, 0)));
            Ok(addresses)
        })
    }
}
