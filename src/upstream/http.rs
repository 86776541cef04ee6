//! HTTP requests with a deadline and a cap on the answer; redirects are never followed, proxies never used.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::{Client, Method, Response, StatusCode};
use tokio::sync::Semaphore;
use url::Url;

use super::body::Body;
use super::{Fault, Fence, Token, Upstream, Why, dns, tls};
use crate::values::{self, Size};

/// A client for one upstream. `who` stands in every fault, so it must be printable.
#[derive(Clone, Debug)]
pub struct Http {
    client: Client,
    who: String,
    deadline: Duration,
    cap: Size,
    token: Option<Token>,
    /// Whether an answer beyond the cap is cut off there, in place of being given up.
    cutting: bool,
    large: Arc<Semaphore>,
    fence: Option<Fence>,
}

/// An answer with any status, a redirect apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Bytes,
}

/// One request whose answer is read piece by piece.
pub(super) struct Ask<'a> {
    pub(super) url: &'a Url,
    /// As the upstream names the call; stands in faults.
    pub(super) operation: &'a str,
    /// Posted as JSON; without one it is a GET.
    pub(super) body: Option<Vec<u8>>,
    pub(super) header: Option<(&'static str, &'static str)>,
}

/// How such an answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Poured {
    pub(super) status: u16,
    /// False where the rest was left unread: whoever took it had enough, or it was beyond the cap.
    pub(super) whole: bool,
}

/// Whether connections stay open after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Connections {
    Kept,
    Closed,
}

/// What is behind all that share it: connections, name look-ups and trust.
pub(super) fn client(
    resolver: &dns::Resolver,
    tls: &rustls::ClientConfig,
    connections: Connections,
) -> Result<Client, String> {
    #[expect(clippy::disallowed_methods, reason = "this is the place that sets the limits")]
    let builder = Client::builder();
    let client = builder
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .dns_resolver(Arc::new(resolver.clone()))
        .tls_backend_preconfigured(tls.clone())
        .http1_only()
        .connect_timeout(CONNECT_WITHIN)
        .pool_idle_timeout(Duration::from_secs(90))
        .pool_max_idle_per_host(match connections {
            // A target is asked one thing at a time; more would only be kept open.
            Connections::Kept => 2,
            Connections::Closed => 0,
        })
        .user_agent(concat!("farmwarden/", env!("CARGO_PKG_VERSION")))
        .build();
    client.map_err(|e| format!("HTTP client: {}", e.without_url()))
}

/// Longer than a busy node needs to accept, shorter than every deadline of a round.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);

impl Http {
    /// A whole exchange ends within `deadline`; an answer beyond `cap` is given up.
    pub fn new(upstream: &Upstream, who: String, deadline: Duration, cap: Size) -> Self {
        Self {
            client: upstream.http.clone(),
            who,
            deadline,
            cap,
            token: None,
            cutting: false,
            large: Arc::clone(&upstream.large),
            fence: upstream.resolver.fence().cloned(),
        }
    }

    /// Sends the token with every request.
    #[must_use]
    pub fn with_token(mut self, token: Option<Token>) -> Self {
        self.token = token;
        self
    }

    /// Takes the beginning of an answer that is beyond the cap: exactly so many bytes. What follows is not fetched.
    #[must_use]
    pub fn cutting(mut self) -> Self {
        self.cutting = true;
        self
    }

    pub(super) const fn cap(&self) -> Size {
        self.cap
    }

    /// With another cap.
    #[must_use]
    pub(super) fn with_cap(mut self, cap: Size) -> Self {
        self.cap = cap;
        self
    }

    /// Posts JSON and gives the body of a 2xx answer.
    pub async fn post_json(&self, url: &Url, operation: &str, body: Vec<u8>) -> Result<Bytes, Fault> {
        self.exchange(url, operation, Some(body)).await
    }

    /// Gives the body of a 2xx answer.
    pub async fn get(&self, url: &Url, operation: &str) -> Result<Bytes, Fault> {
        self.exchange(url, operation, None).await
    }

    /// Gives the body whatever the status says, for upstreams that tell in it what failed.
    pub(super) async fn get_any(&self, url: &Url, operation: &str) -> Result<Reply, Fault> {
        let exchange = async {
            let response = self.send(url, None, None).await?;
            match response.status() {
                status if status.is_redirection() => Err(status_why(status)),
                status => Ok(Reply {
                    status: status.as_u16(),
                    body: self.read(response).await?,
                }),
            }
        };
        self.in_time(operation, exchange).await
    }

    /// Hands over the body of an answer as it comes, for upstreams that put words into their errors: only a refused
    /// token, a path that is not there and a redirect are faults. `take` says whether it wants more.
    pub(super) async fn pour(
        &self,
        ask: &Ask<'_>,
        mut take: impl FnMut(&[u8]) -> Result<bool, Why> + Send,
    ) -> Result<Poured, Fault> {
        let send = || self.send(ask.url, ask.body.clone(), ask.header);
        let exchange = async {
            let response = match send().await? {
                refused if refused.status() == StatusCode::UNAUTHORIZED && self.renewed().await => {
                    drop(refused);
                    send().await?
                }
                response => response,
            };
            match response.status() {
                status @ (StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND) => {
                    Err(status_why(status).knowing(self.token.is_some()))
                }
                status if status.is_redirection() => Err(status_why(status)),
                status => Ok(Poured {
                    status: status.as_u16(),
                    whole: self.drain(response, &mut take).await?,
                }),
            }
        };
        self.in_time(ask.operation, exchange).await
    }

    /// Whether it was read to its end.
    async fn drain(
        &self,
        mut response: Response,
        take: &mut (impl FnMut(&[u8]) -> Result<bool, Why> + Send),
    ) -> Result<bool, Why> {
        let mut left = self.cap.bytes();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.why(&e))? {
            let Some(rest) = left.checked_sub(u64::try_from(chunk.len()).unwrap_or(u64::MAX)) else {
                return Ok(false);
            };
            left = rest;
            if !take(&chunk)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn exchange(&self, url: &Url, operation: &str, body: Option<Vec<u8>>) -> Result<Bytes, Fault> {
        let exchange = async {
            match self.once(url, body.clone()).await {
                Err(Why::Unauthorized(_)) if self.renewed().await => self.once(url, body).await,
                outcome => outcome,
            }
        };
        self.in_time(operation, exchange).await
    }

    async fn in_time<T>(&self, operation: &str, exchange: impl Future<Output = Result<T, Why>>) -> Result<T, Fault> {
        match tokio::time::timeout(self.deadline, exchange).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(why)) => Err(Fault::new(&self.who, operation, why)),
            Err(_) => Err(Fault::new(&self.who, operation, Why::Timeout(self.deadline))),
        }
    }

    async fn once(&self, url: &Url, body: Option<Vec<u8>>) -> Result<Bytes, Why> {
        let response = self.send(url, body, None).await?;
        match response.status() {
            status if status.is_success() => self.read(response).await,
            status => Err(status_why(status).knowing(self.token.is_some())),
        }
    }

    async fn send(
        &self,
        url: &Url,
        body: Option<Vec<u8>>,
        header: Option<(&'static str, &'static str)>,
    ) -> Result<Response, Why> {
        if let Some(fence) = &self.fence {
            fence.check_url(url)?;
        }
        let mut request = match body {
            Some(body) => self
                .client
                .request(Method::POST, url.clone())
                .header(reqwest::header::CONTENT_TYPE, "application/json")
                .body(body),
            None => self.client.request(Method::GET, url.clone()),
        };
        request = request.header(reqwest::header::ACCEPT, "application/json");
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        if let Some(header) = self.token.as_ref().and_then(Token::header) {
            request = request.header(reqwest::header::AUTHORIZATION, header);
        }
        request.send().await.map_err(|e| self.why(&e))
    }

    pub(super) fn who(&self) -> &str {
        &self.who
    }

    pub(super) const fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }

    async fn renewed(&self) -> bool {
        match &self.token {
            Some(token) => token.renewed().await,
            None => false,
        }
    }

    async fn read(&self, mut response: Response) -> Result<Bytes, Why> {
        let mut body = Body::new(self.cap, &self.large, response.content_length(), self.cutting)?;
        while let Some(chunk) = response.chunk().await.map_err(|e| self.why(&e))? {
            if !body.push(&chunk).await? {
                break;
            }
        }
        Ok(body.finish())
    }

    /// The reason inside reqwest's error, without its URL: that may carry a token.
    fn why(&self, error: &reqwest::Error) -> Why {
        if error.is_timeout() {
            return Why::Timeout(if error.is_connect() {
                CONNECT_WITHIN
            } else {
                self.deadline
            });
        }
        if error.is_body() || error.is_decode() {
            return Why::malformed("it closed the connection in the middle of the answer");
        }
        let mut deepest = String::new();
        let mut source = error.source();
        while let Some(cause) = source {
            // From the look-up of the name.
            if let Some(fault) = cause.downcast_ref::<Fault>() {
                return fault.why.clone();
            }
            if let Some(error) = cause.downcast_ref::<rustls::Error>() {
                return tls::why(error);
            }
            if let Some(io) = cause.downcast_ref::<std::io::Error>() {
                if let Some(error) = tls::inside(io) {
                    return tls::why(error);
                }
                if error.is_connect() || io.raw_os_error().is_some() {
                    return Why::Unreachable(values::io_words(io));
                }
            }
            if let Some(hyper) = cause.downcast_ref::<hyper::Error>() {
                if hyper.is_parse() {
                    return Why::malformed("it does not speak HTTP on this port (does it expect TLS?)");
                }
                if hyper.is_incomplete_message() {
                    return Why::Unreachable("it closed the connection without an answer".to_owned());
                }
            }
            deepest = cause.to_string();
            source = cause.source();
        }
        if error.is_connect() {
            return Why::Unreachable(deepest);
        }
        Why::malformed(if deepest.is_empty() {
            "the answer could not be read"
        } else {
            &deepest
        })
    }
}

pub(super) fn status_why(status: StatusCode) -> Why {
    match status.as_u16() {
        code @ 401 => Why::Unauthorized(code),
        403 => Why::Forbidden("answered HTTP 403: it does not allow this address or Host header".to_owned()),
        404 => Why::NotFound("answered HTTP 404: is this the right port and path?".to_owned()),
        code @ (400 | 405 | 426) => Why::Status(code, "no JSON-RPC over http here; does it want ws://?"),
        code @ 429 => Why::Status(code, "it has too many clients"),
        code if status.is_redirection() => Why::Status(code, "it points elsewhere, which is never followed"),
        code => Why::Status(code, ""),
    }
}
