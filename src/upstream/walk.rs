//! The way to an endpoint, step by step, for a person who wants to know where it ends: the name resolves, a
//! connection is made, TLS is agreed on. What comes after is the protocol's business.
//!
//! It uses the same look-ups and the same trust as every round; nothing is sent but a TLS handshake.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

use super::{Fault, Upstream, Why, certificate, tls};
use crate::clock::UnixTime;
use crate::values::{self, Endpoint, Scheme};

/// One step of the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub name: &'static str,
    pub took: Duration,
    /// What was found, in words.
    pub outcome: Result<String, Fault>,
}

/// Names of the steps, in their order.
pub const STEPS: [&str; 3] = ["name", "connect", "tls"];

/// For each step, and for each address. A busy machine of a farm accepts within a second.
const WITHIN: Duration = Duration::from_secs(3);
/// A name with more addresses is a large service in the internet; one of the first will do.
const MOST_ADDRESSES: usize = 8;

/// Walks until a step fails, which is then the last one. Without TLS there are two steps.
pub async fn walk(upstream: &Upstream, endpoint: &Endpoint, now: UnixTime) -> Vec<Step> {
    let mut steps = Vec::new();
    let [name, connect, tls] = STEPS;
    let Some(addresses) = step(&mut steps, name, look_up(upstream, endpoint)).await else {
        return steps;
    };
    let Some(stream) = step(&mut steps, connect, connect_to(endpoint, addresses)).await else {
        return steps;
    };
    if matches!(endpoint.scheme(), Scheme::Https | Scheme::Wss) {
        step(&mut steps, tls, shake_hands(upstream, endpoint, stream, now)).await;
    }
    steps
}

/// Takes the time, and keeps the words apart from what the next step needs.
async fn step<T>(
    steps: &mut Vec<Step>,
    name: &'static str,
    attempt: impl Future<Output = Result<(String, T), Fault>>,
) -> Option<T> {
    let started = Instant::now();
    let outcome = attempt.await;
    let took = started.elapsed();
    let (outcome, next) = match outcome {
        Ok((words, next)) => (Ok(words), Some(next)),
        Err(fault) => (Err(fault), None),
    };
    steps.push(Step { name, took, outcome });
    next
}

async fn look_up(upstream: &Upstream, endpoint: &Endpoint) -> Result<(String, Vec<SocketAddr>), Fault> {
    let fault = |why| Fault::new(endpoint.to_string(), "look up the name", why);
    let found = tokio::time::timeout(WITHIN, upstream.resolver.lookup(endpoint.host())).await;
    let mut addresses = found.map_err(|_| fault(Why::Timeout(WITHIN)))?.map_err(fault)?;
    addresses.truncate(MOST_ADDRESSES);
    let words = match addresses.as_slice() {
        [] => return Err(fault(Why::Unreachable("the name has no address".to_owned()))),
        [address] if address.to_string() == endpoint.host() => "an address, nothing to look up".to_owned(),
        several => several.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    };
    let with_port = |ip| SocketAddr::new(ip, endpoint.port());
    Ok((words, addresses.into_iter().map(with_port).collect()))
}

/// To the first address that accepts; those before it are named with their fault.
async fn connect_to(endpoint: &Endpoint, addresses: Vec<SocketAddr>) -> Result<(String, TcpStream), Fault> {
    let fault = |why| Fault::new(endpoint.to_string(), "connect", why);
    let mut refused = Vec::new();
    let mut last = Why::Unreachable("the name has no address".to_owned());
    for address in addresses {
        last = match tokio::time::timeout(WITHIN, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                let words = std::iter::once(format!("to {address}")).chain(refused);
                return Ok((words.collect::<Vec<_>>().join("; "), stream));
            }
            Ok(Err(e)) => Why::Unreachable(values::io_words(&e)),
            Err(_) => Why::Timeout(WITHIN),
        };
        refused.push(format!("not to {address}: {last}"));
    }
    match refused.as_slice() {
        [] | [_] => Err(fault(last)),
        several => Err(fault(Why::Unreachable(several.join("; ")))),
    }
}

async fn shake_hands(
    upstream: &Upstream,
    endpoint: &Endpoint,
    stream: TcpStream,
    now: UnixTime,
) -> Result<(String, ()), Fault> {
    let fault = |why| Fault::new(endpoint.to_string(), "TLS handshake", why);
    let name = endpoint
        .host()
        .to_owned()
        .try_into()
        .map_err(|_| fault(Why::Tls("the host is no name for TLS".to_owned())))?;
    let connector = tokio_rustls::TlsConnector::from(Arc::clone(&upstream.tls));
    let shaken = tokio::time::timeout(WITHIN, connector.connect(name, stream)).await;
    let stream = shaken
        .map_err(|_| fault(Why::Timeout(WITHIN)))?
        .map_err(|e| fault(tls::handshake_why(&e)))?;
    let (_, connection) = stream.get_ref();
    let mut words = vec![connection.protocol_version().map_or("TLS", tls::version).to_owned()];
    let first = connection.peer_certificates().and_then(<[_]>::first);
    if let Some(read) = first.and_then(|der| certificate::read(der)) {
        words.extend(read.issuer.map(|issuer| format!("issued by {issuer}")));
        if !read.names.is_empty() {
            words.push(format!("for {}", read.names.join(", ")));
        }
        words.extend(
            read.not_after
                .map(|end| format!("expires in {}", tls::days(now.age_at(end)))),
        );
    }
    Ok((words.join(", "), ()))
}

#[cfg(test)]
mod tests;
