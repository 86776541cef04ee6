//! JSON-RPC to a Substrate node through subxt's RPC layer, over HTTP or websocket.
//!
//! Only reading calls pass: [`Substrate::call`] refuses a method that is not on the list below.
//! Source of the envelope: JSON-RPC 2.0; of the methods: polkadot-sdk, `substrate/client/rpc-api`.

use std::sync::Arc;
use std::time::Duration;

use jsonrpsee::core::client::{ClientT as _, Error as WsError};
use jsonrpsee::core::traits::ToRpcParams;
use jsonrpsee::ws_client::{WsClient, WsClientBuilder};
use reqwest::header::{AUTHORIZATION, HeaderMap};
use serde::Deserialize;
use serde_json::value::RawValue;
use subxt_rpcs::client::{RawRpcFuture, RawRpcSubscription, RpcClient, RpcClientT, RpcParams};
use subxt_rpcs::{Error as RpcError, UserError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Mutex;

use super::{Fault, Http, Token, Upstream, Why, tls};
use crate::values::{self, Endpoint, Scheme, Size};

/// The calls that a collector may make: none of them changes the node.
const READING: [&str; 12] = [
    "chain_getBlockHash",
    "chain_getFinalizedHead",
    "chain_getHeader",
    "state_getRuntimeVersion",
    "state_getStorage",
    "state_queryStorageAt",
    "system_chain",
    "system_health",
    "system_name",
    "system_properties",
    "system_syncState",
    "system_version",
];

/// JSON-RPC's code for a method that does not exist, or that the node offers to its own machine only.
const METHOD_NOT_FOUND: i32 = -32601;

/// One node.
#[derive(Clone, Debug)]
pub struct Substrate {
    client: RpcClient,
    who: String,
}

impl Substrate {
    /// Connects at the first call, and again after a websocket was lost. `deadline` bounds every single call.
    pub fn new(upstream: &Upstream, endpoint: &Endpoint, token: Option<Token>, deadline: Duration, cap: Size) -> Self {
        let who = endpoint.to_string();
        let client = match endpoint.scheme() {
            Scheme::Http | Scheme::Https => RpcClient::new(OverHttp {
                http: Http::new(upstream, who.clone(), deadline, cap).with_token(token),
                endpoint: endpoint.clone(),
            }),
            Scheme::Ws | Scheme::Wss => RpcClient::new(OverWs {
                upstream: upstream.clone(),
                endpoint: endpoint.clone(),
                token,
                deadline,
                cap,
                client: Mutex::new(None),
            }),
        };
        Self { client, who }
    }

    /// The `result` of a call, `null` included; `None` when the node does not offer the method.
    pub async fn call(&self, method: &'static str, params: RpcParams) -> Result<Option<Box<RawValue>>, Fault> {
        let fault = |why| Fault::new(&self.who, method, why);
        if !READING.contains(&method) {
            return Err(fault(Why::Internal(
                "this call is not on the list of reading calls".to_owned(),
            )));
        }
        match self.client.request_raw(method, params.build()).await {
            Ok(result) => Ok(Some(result)),
            Err(RpcError::User(error)) if error.code == METHOD_NOT_FOUND => Ok(None),
            Err(RpcError::User(error)) => Err(fault(Why::upstream(error.to_string()))),
            Err(RpcError::Client(error)) => Err(match error.downcast::<Fault>() {
                Ok(fault) => *fault,
                Err(other) => fault(Why::malformed(other.to_string())),
            }),
            Err(other) => Err(fault(Why::malformed(other.to_string()))),
        }
    }

    /// The endpoint as faults name it.
    pub fn who(&self) -> &str {
        &self.who
    }
}

/// Our faults travel through subxt's error type as its boxed cause.
fn as_rpc_error(fault: Fault) -> RpcError {
    RpcError::Client(Box::new(fault))
}

fn no_subscriptions<'a>() -> RawRpcFuture<'a, RawRpcSubscription> {
    let words = "subscriptions are not used: rounds ask".to_owned();
    Box::pin(async { Err(as_rpc_error(Fault::new("substrate", "subscribe", Why::Internal(words)))) })
}

struct OverHttp {
    http: Http,
    endpoint: Endpoint,
}

/// An answer, read leniently: extra members are no reason to lose a figure.
#[derive(Deserialize)]
struct Envelope {
    #[serde(default, deserialize_with = "present")]
    result: Option<Box<RawValue>>,
    error: Option<ErrorObject>,
}

/// Keeps `"result": null` apart from no `result` at all.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
struct ErrorObject {
    /// Some proxies leave it out.
    #[serde(default)]
    code: i32,
    #[serde(default)]
    message: String,
}

impl RpcClientT for OverHttp {
    fn request_raw<'a>(&'a self, method: &'a str, params: Option<Box<RawValue>>) -> RawRpcFuture<'a, Box<RawValue>> {
        Box::pin(async move {
            let params = params.as_ref().map_or("[]", |params| params.get());
            let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
            let answer = self
                .http
                .post_json(self.endpoint.url(), method, body.into_bytes())
                .await;
            let answer = answer.map_err(as_rpc_error)?;
            parse_envelope(&answer).map_err(|error| match error {
                Refused::ByNode(error) => RpcError::User(error),
                Refused::Unreadable(words) => {
                    as_rpc_error(Fault::new(self.endpoint.to_string(), method, Why::malformed(words)))
                }
            })
        })
    }

    fn subscribe_raw<'a>(
        &'a self,
        _sub: &'a str,
        _params: Option<Box<RawValue>>,
        _unsub: &'a str,
    ) -> RawRpcFuture<'a, RawRpcSubscription> {
        no_subscriptions()
    }
}

enum Refused {
    ByNode(UserError),
    Unreadable(String),
}

fn parse_envelope(body: &[u8]) -> Result<Box<RawValue>, Refused> {
    let envelope: Envelope = serde_json::from_slice(body).map_err(|e| {
        let html = body.trim_ascii_start().first() == Some(&b'<');
        Refused::Unreadable(if html {
            "a web page instead of JSON".to_owned()
        } else {
            format!("no JSON-RPC answer ({e})")
        })
    })?;
    match (envelope.error, envelope.result) {
        (Some(error), _) => Err(Refused::ByNode(UserError {
            code: error.code,
            message: error.message,
            data: None,
        })),
        (None, Some(result)) => Ok(result),
        (None, None) => Err(Refused::Unreadable("neither result nor error in the answer".to_owned())),
    }
}

struct OverWs {
    upstream: Upstream,
    endpoint: Endpoint,
    token: Option<Token>,
    deadline: Duration,
    cap: Size,
    /// Kept from call to call; taken away when it failed.
    client: Mutex<Option<Arc<WsClient>>>,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

struct Params(Option<Box<RawValue>>);

impl ToRpcParams for Params {
    fn to_rpc_params(self) -> Result<Option<Box<RawValue>>, serde_json::Error> {
        Ok(self.0)
    }
}

impl RpcClientT for OverWs {
    fn request_raw<'a>(&'a self, method: &'a str, params: Option<Box<RawValue>>) -> RawRpcFuture<'a, Box<RawValue>> {
        Box::pin(async move {
            let exchange = async {
                let client = self.connected().await.map_err(as_rpc_error)?;
                let answer = client.request::<Box<RawValue>, _>(method, Params(params)).await;
                match answer {
                    Ok(result) => Ok(result),
                    Err(WsError::Call(error)) => Err(RpcError::User(UserError {
                        code: error.code(),
                        message: error.message().to_owned(),
                        data: None,
                    })),
                    Err(error) => {
                        *self.client.lock().await = None;
                        Err(as_rpc_error(self.fault(method, self.why(&error))))
                    }
                }
            };
            if let Ok(answer) = tokio::time::timeout(self.deadline, exchange).await {
                return answer;
            }
            *self.client.lock().await = None;
            Err(as_rpc_error(self.fault(method, Why::Timeout(self.deadline))))
        })
    }

    fn subscribe_raw<'a>(
        &'a self,
        _sub: &'a str,
        _params: Option<Box<RawValue>>,
        _unsub: &'a str,
    ) -> RawRpcFuture<'a, RawRpcSubscription> {
        no_subscriptions()
    }
}

impl OverWs {
    async fn connected(&self) -> Result<Arc<WsClient>, Fault> {
        let mut slot = self.client.lock().await;
        if let Some(client) = slot.as_ref().filter(|client| client.is_connected()) {
            return Ok(Arc::clone(client));
        }
        let client = match self.handshake().await {
            Err(Fault {
                why: Why::Unauthorized(_),
                ..
            }) if self.renewed().await => self.handshake().await?,
            outcome => outcome?,
        };
        let client = Arc::new(client);
        *slot = Some(Arc::clone(&client));
        Ok(client)
    }

    async fn handshake(&self) -> Result<WsClient, Fault> {
        let stream = self.stream().await?;
        let cap = u32::try_from(self.cap.bytes()).unwrap_or(u32::MAX);
        let mut headers = HeaderMap::new();
        if let Some(header) = self.token.as_ref().and_then(Token::header) {
            headers.insert(AUTHORIZATION, header);
        }
        let client = WsClientBuilder::default()
            .max_response_size(cap)
            .max_frame_size(cap)
            .request_timeout(self.deadline)
            .connection_timeout(self.deadline)
            .max_redirections(0)
            .set_headers(headers)
            .build_with_stream(self.endpoint.url().as_str(), stream)
            .await;
        let why = |error| self.why(&error).knowing(self.token.is_some());
        client.map_err(|error| self.fault("websocket handshake", why(error)))
    }

    async fn renewed(&self) -> bool {
        match &self.token {
            Some(token) => token.renewed().await,
            None => false,
        }
    }

    async fn stream(&self) -> Result<Box<dyn Stream>, Fault> {
        let who = self.endpoint.to_string();
        let (host, port) = (self.endpoint.host(), self.endpoint.port());
        let tcp = self.upstream.resolver.connect(&who, host, port, self.deadline).await?;
        if self.endpoint.scheme() == Scheme::Ws {
            return Ok(Box::new(tcp));
        }
        let refused = |why| Fault::new(&who, "TLS handshake", why);
        let name = host
            .to_owned()
            .try_into()
            .map_err(|_| refused(Why::Tls("the host is no name for TLS".to_owned())))?;
        let connector = tokio_rustls::TlsConnector::from(Arc::clone(&self.upstream.tls));
        let stream = connector
            .connect(name, tcp)
            .await
            .map_err(|e| refused(tls::handshake_why(&e)))?;
        Ok(Box::new(stream))
    }

    fn fault(&self, operation: &str, why: Why) -> Fault {
        Fault::new(self.endpoint.to_string(), operation, why)
    }

    fn why(&self, error: &WsError) -> Why {
        match error {
            WsError::RestartNeeded(inner) => self.why(inner),
            WsError::RequestTimeout => Why::Timeout(self.deadline),
            WsError::ParseError(e) => Why::malformed(format!("no JSON-RPC answer ({e})")),
            WsError::Transport(inner) => match inner.downcast_ref() {
                Some(handshake) => handshake_why(handshake),
                None => self.transport_why(&inner.to_string()),
            },
            other => self.transport_why(&other.to_string()),
        }
    }

    fn transport_why(&self, text: &str) -> Why {
        // The library gives this fault as text only.
        if text.to_lowercase().contains("too large") {
            return Why::TooLarge(self.cap);
        }
        Why::malformed(text)
    }
}

fn handshake_why(error: &jsonrpsee::client_transport::ws::WsHandshakeError) -> Why {
    use jsonrpsee::client_transport::ws::WsHandshakeError as Handshake;
    match error {
        Handshake::Redirected { status_code, .. } => {
            Why::Status(*status_code, "it points elsewhere, which is never followed")
        }
        Handshake::Rejected { status_code: 401 } => Why::Unauthorized(401),
        Handshake::Rejected { status_code } => Why::Status(*status_code, "no websocket here; does it want http://?"),
        Handshake::Timeout(limit) => Why::Timeout(*limit),
        Handshake::Io(io) => Why::Unreachable(values::io_words(io)),
        other => Why::malformed(format!("it does not speak websocket on this port ({other})")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn result(body: &str) -> Option<String> {
        parse_envelope(body.as_bytes()).ok().map(|raw| raw.get().to_owned())
    }

    #[test]
    fn a_null_result_is_an_answer_and_an_absent_one_is_not() {
        assert_eq!(
            result(r#"{"jsonrpc":"2.0","id":1,"result":null}"#).as_deref(),
            Some("null")
        );
        assert_eq!(result(r#"{"jsonrpc":"2.0","id":1}"#), None);
        assert_eq!(result(r#"{"result":7,"extra":1}"#).as_deref(), Some("7"));
    }

    #[test]
    fn an_error_object_without_a_code_is_still_an_error() {
        let Err(Refused::ByNode(error)) = parse_envelope(br#"{"error":{"message":"boom"}}"#) else {
            panic!("an error object is the node's refusal");
        };
        assert_eq!((error.code, error.message.as_str()), (0, "boom"));
    }

    #[test]
    fn a_web_page_is_named_as_such() {
        let Err(Refused::Unreadable(words)) = parse_envelope(b"  <html>") else {
            panic!("HTML is not an answer");
        };
        assert_eq!(words, "a web page instead of JSON");
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_result_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            drop(parse_envelope(&bytes).err());
        }
    }
}
