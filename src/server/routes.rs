//! Every route, in one match:
//!
//! | route | answers |
//! |---|---|
//! | `GET /` | the status page; `?target=NAME`, `?all`, `?refresh=SECONDS` |
//! | `GET /api/v1/targets` | the same as JSON; `?target=NAME` |
//! | `GET /api/v1/sd` | Prometheus' HTTP service discovery: every target by itself |
//! | `GET /metrics` (`--web.telemetry-path`) | the scrape |
//! | `GET /-/healthy` | 200 while the process runs |
//! | `GET /-/ready` | 200 once every part of every target had its first round, else 503 and what is missing |

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::status_page::{self, View};
use super::{api, compression};
use crate::clock::Clock;
use crate::exposition::{Family, Format, Own, ProcessUsage, RequestLabels, write_families};
use crate::report::Report;
use crate::store::{self, Store};

/// What the answers are made from.
pub struct Routes {
    store: Arc<Store>,
    own: Own,
    clock: Clock,
    telemetry_path: String,
    order: Vec<&'static Family>,
    /// Size of the last page: growing a buffer step by step would cost more than filling it.
    last_size: AtomicUsize,
    scrapes: Arc<Semaphore>,
    reports: Arc<Semaphore>,
}

/// Pages that are being sent at once. Without it clients that ask and do not read would hold a page of memory each.
const MAX_SCRAPES: usize = 16;
/// The same for the status page and the API, which a large farm makes large, too. Their own, so that people who keep
/// them open never cost a scrape.
const MAX_REPORTS: usize = 16;

/// A page on its way; its place is free again when the last byte was handed to the kernel or the client is gone.
struct Sent {
    page: Vec<u8>,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Sent {
    fn as_ref(&self) -> &[u8] {
        &self.page
    }
}

/// A larger body has no business here; it is not read.
const MAX_BODY_BYTES: u64 = 64 << 10;

const HTML: &str = "text/html; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";

/// An answer before its general headers.
struct Answer {
    status: StatusCode,
    content_type: &'static str,
    body: Bytes,
    gzip: bool,
}

impl Answer {
    fn words(status: StatusCode, words: impl Into<String>) -> Self {
        let mut body = words.into();
        body.push('\n');
        Self {
            status,
            content_type: PLAIN,
            body: body.into(),
            gzip: false,
        }
    }

    /// What programs ask is refused in a form that they read.
    fn in_json(self) -> Self {
        if self.content_type != PLAIN {
            return self;
        }
        Self {
            content_type: api::JSON,
            body: api::error(String::from_utf8_lossy(&self.body).trim_end()).into(),
            ..self
        }
    }
}

impl Routes {
    /// `families` are those of the collectors, in the order of the page.
    pub fn new(
        store: Arc<Store>,
        own: Own,
        clock: Clock,
        telemetry_path: String,
        families: &[&'static Family],
    ) -> Self {
        Self {
            store,
            own,
            clock,
            telemetry_path,
            order: [store::FAMILIES, families].concat(),
            last_size: AtomicUsize::new(0),
            scrapes: Arc::new(Semaphore::new(MAX_SCRAPES)),
            reports: Arc::new(Semaphore::new(MAX_REPORTS)),
        }
    }

    pub(super) fn own(&self) -> &Own {
        &self.own
    }

    pub(super) fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let (route, answer) = self.route(request);
        let labels = RequestLabels {
            route,
            code: answer.status.as_u16().into(),
        };
        self.own.requests.get_or_create(&labels).inc();
        response(answer, request.method() == Method::HEAD)
    }

    fn route(&self, request: &Request<Incoming>) -> (&'static str, Answer) {
        let path = request.uri().path();
        let route = match path {
            "/" => "/",
            "/api/v1/targets" => "/api/v1/targets",
            "/api/v1/sd" => "/api/v1/sd",
            "/-/healthy" => "/-/healthy",
            "/-/ready" => "/-/ready",
            path if path == self.telemetry_path => "/metrics",
            _ => "other",
        };
        let headers = request.headers();
        let answer = match (route, request.method()) {
            ("other", _) => Answer::words(
                StatusCode::NOT_FOUND,
                format!(
                    "nothing here; there are / {} /api/v1/targets /api/v1/sd /-/healthy /-/ready",
                    self.telemetry_path
                ),
            ),
            (_, method) if *method != Method::GET && *method != Method::HEAD => {
                Answer::words(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered here")
            }
            _ if announced_length(headers) > MAX_BODY_BYTES => {
                Answer::words(StatusCode::PAYLOAD_TOO_LARGE, "no body is expected here")
            }
            ("/metrics", _) => self.metrics(headers),
            ("/-/ready", _) => self.ready(),
            ("/" | "/api/v1/targets" | "/api/v1/sd", _) => self.report(route, request),
            _ => Answer::words(StatusCode::OK, "farmwarden runs"),
        };
        let answer = if path.starts_with("/api/") {
            answer.in_json()
        } else {
            answer
        };
        (route, answer)
    }

    /// What is known now, for people, for programs, or as a list of targets for Prometheus.
    fn report(&self, route: &str, request: &Request<Incoming>) -> Answer {
        let Ok(permit) = Arc::clone(&self.reports).try_acquire_owned() else {
            let words = format!("{MAX_REPORTS} such answers are being read already");
            return Answer::words(StatusCode::SERVICE_UNAVAILABLE, words);
        };
        let report = Report::of(&self.store, self.clock.now());
        let view = View::read(request.uri().query());
        let (status, content_type, text) = match route {
            "/api/v1/targets" => {
                let (status, text) = api::targets(report, view.target.as_deref());
                (status, api::JSON, text)
            }
            "/api/v1/sd" => match host(request) {
                Some(host) => (StatusCode::OK, api::JSON, api::discovery(&report, host, false)),
                None => return Answer::words(StatusCode::BAD_REQUEST, "the request needs a Host header"),
            },
            _ => match status_page::render(report, &self.telemetry_path, &view) {
                Some(page) => (StatusCode::OK, HTML, page),
                None => (StatusCode::NOT_FOUND, HTML, status_page::unknown_target(&view)),
            },
        };
        let sent = Sent {
            page: text.into_bytes(),
            _permit: permit,
        };
        Answer {
            status,
            content_type,
            body: Bytes::from_owner(sent),
            gzip: false,
        }
    }

    fn ready(&self) -> Answer {
        let waiting = self.store.waiting();
        if waiting.is_empty() {
            Answer::words(StatusCode::OK, "farmwarden is ready")
        } else {
            let words = format!("waiting for the first round of: {}", waiting.join(", "));
            Answer::words(StatusCode::SERVICE_UNAVAILABLE, words)
        }
    }

    fn metrics(&self, headers: &HeaderMap) -> Answer {
        let Ok(permit) = Arc::clone(&self.scrapes).try_acquire_owned() else {
            let words = format!("{MAX_SCRAPES} scrapes are being read already");
            return Answer::words(StatusCode::SERVICE_UNAVAILABLE, words);
        };
        let format = Format::negotiate(&joined(headers, &header::ACCEPT));
        let gzip = compression::wants_gzip(&joined(headers, &header::ACCEPT_ENCODING));
        // Here and not on another thread: it takes milliseconds, and depends on nothing but memory.
        let (page, gzip) = self.write_page(format, gzip);
        Answer {
            status: StatusCode::OK,
            content_type: format.content_type(),
            body: Bytes::from_owner(Sent { page, _permit: permit }),
            gzip,
        }
    }

    /// The whole page as it is sent, and whether it was compressed.
    pub fn write_page(&self, format: Format, gzip: bool) -> (Vec<u8>, bool) {
        let body = self.page(format).into_bytes();
        match gzip.then(|| compression::gzip(&body)).flatten() {
            Some(small) => (small, true),
            None => (body, false),
        }
    }

    /// The whole page.
    pub fn page(&self, format: Format) -> String {
        let pages = self.store.pages();
        // A little more than last time covers counters that gained a digit.
        let mut out = String::with_capacity(self.last_size.load(Ordering::Relaxed) + 4096);
        write_families(&self.order, pages.iter().map(AsRef::as_ref), format, &mut out);
        self.own.write(ProcessUsage::read(), format, &mut out);
        self.last_size.store(out.len(), Ordering::Relaxed);
        out
    }
}

fn response(answer: Answer, head_only: bool) -> Response<Full<Bytes>> {
    let length = answer.body.len();
    let body = if head_only { Bytes::new() } else { answer.body };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if answer.gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    match answer.content_type {
        PLAIN | api::JSON => None,
        HTML => headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(status_page::policy()),
        ),
        _ => headers.insert(header::VARY, HeaderValue::from_static("Accept, Accept-Encoding")),
    };
    if answer.status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}

/// Under which address the client reached us.
fn host(request: &Request<Incoming>) -> Option<&str> {
    let header = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    header.or_else(|| request.uri().authority().map(hyper::http::uri::Authority::as_str))
}

/// All values of a header that may be repeated.
fn joined(headers: &HeaderMap, name: &HeaderName) -> String {
    let values: Vec<&str> = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    values.join(",")
}

fn announced_length(headers: &HeaderMap) -> u64 {
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    length.and_then(|length| length.parse().ok()).unwrap_or(0)
}
