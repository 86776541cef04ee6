//! Services of Venus on this machine: what answers on their usual ports as they do.

use std::sync::Arc;
use std::time::Duration;

use super::era::About;
use crate::collectors::{Discovery, Key, Proposal, Tools};
use crate::upstream::{Fault, Reason, Refused, Venus, VenusAuth, VenusCall, VenusPlace, VenusService};
use crate::values::Endpoint;

/// A version comes within milliseconds.
const WITHIN: Duration = Duration::from_secs(2);

/// What answers on a port of this machine: a service in words, or why not.
async fn find(service: VenusService, port: u16, tools: &Tools) -> Result<(Endpoint, String), String> {
    let endpoint: Endpoint = format!("http://127.0.0.1:{port}").parse()?;
    let place = VenusPlace {
        endpoint: endpoint.clone(),
        token: None,
        through_gateway: false,
        deadline: WITHIN,
    };
    let known = match service {
        VenusService::Auth => auth(VenusAuth::new(&tools.upstream, place)).await,
        _ => speaks_rpc(Venus::new(&tools.upstream, service, place, Arc::new([]))).await,
    };
    known
        .map(|words| (endpoint, words))
        .map_err(|fault| fault.why.to_string())
}

async fn auth(auth: VenusAuth) -> Result<String, Fault> {
    let bytes = auth.version().await?;
    let about = About::read(VenusService::Auth, Some(&bytes));
    about
        .map(|about| about.to_string())
        .map_err(|why| Fault::new(auth.who(), "/version", why))
}

/// Without a token they refuse, which only they do on these ports.
async fn speaks_rpc(service: Venus) -> Result<String, Fault> {
    let call = VenusCall::version(service.service());
    let read = |answer: Option<&[u8]>| About::read(service.service(), answer);
    match service.call(call, &serde_json::json!([]), read).await {
        Ok(about) => Ok(about.to_string()),
        Err(refusal) if refusal.kind != Refused::Failed => Ok("without a version".to_owned()),
        Err(refusal) if refusal.fault.reason() == Reason::Unauthorized => Ok("asks for a token".to_owned()),
        Err(refusal) => Err(refusal.fault),
    }
}

/// The keys of a target, in the order of start.
const fn key(service: VenusService) -> &'static str {
    match service {
        VenusService::Auth => "auth_services",
        VenusService::Gateway => "gateways",
        VenusService::Node => "nodes",
        VenusService::Messager => "messagers",
        VenusService::Miner => "miner_services",
    }
}

/// All services of this machine in one entry.
pub(super) async fn discover(ports: &[(VenusService, u16)], tools: &Tools) -> Discovery {
    let mut discovery = Discovery::default();
    let mut found = Vec::new();
    let mut keys = vec![Key::text("name", "venus-1").about("What metrics and alerts call it.")];
    for (service, port) in ports {
        let label = service.label();
        match find(*service, *port, tools).await {
            Ok((endpoint, words)) => {
                discovery.looked.push(format!("{endpoint}: {label} of Venus ({words})"));
                found.push(format!("{label} at {endpoint}"));
                let entry = vec![Key::text("url", endpoint.to_string())];
                keys.push(Key::list(key(*service), vec![entry]).about(words));
            }
            Err(why) => discovery
                .looked
                .push(format!("127.0.0.1:{port}, http: no {label} of Venus ({why})")),
        }
    }
    if !found.is_empty() {
        let token = Key::text("token_file", "/etc/farmwarden/venus.token");
        keys.push(
            token
                .about("A token that auth issued; docs/venus.md says with which permission.")
                .only_proposed(),
        );
        discovery.proposals.push(Proposal {
            why: format!("Services of Venus answer: {}.", found.join(", ")),
            keys,
        });
    }
    discovery
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::exposition::Own;
    use crate::upstream::Upstream;

    fn tools() -> Tools {
        Tools {
            upstream: Upstream::from_system().unwrap(),
            own: Own::default(),
        }
    }

    #[tokio::test]
    async fn a_service_that_asks_for_a_token_is_proposed_with_one() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 1024];
            let read = stream.read(&mut asked).await.unwrap();
            assert!(asked[..read].starts_with(b"POST /rpc/v0 "));
            let refused = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
            stream.write_all(refused).await.unwrap();
        });
        let ports = [(VenusService::Messager, port), (VenusService::Auth, 1)];
        let found = discover(&ports, &tools()).await;
        assert_eq!(
            found.looked,
            [
                format!("http://127.0.0.1:{port}: messager of Venus (asks for a token)"),
                "127.0.0.1:1, http: no auth of Venus (connection refused)".to_owned()
            ]
        );
        let keys: Vec<_> = found.proposals[0]
            .keys
            .iter()
            .map(|key| (key.name, key.only_proposed))
            .collect();
        assert_eq!(keys, [("name", false), ("messagers", false), ("token_file", true)]);
    }

    #[tokio::test]
    async fn where_nothing_is_nothing_is_proposed() {
        let found = discover(&[(VenusService::Node, 1)], &tools()).await;
        assert!(found.proposals.is_empty() && found.looked.len() == 1);
    }
}
