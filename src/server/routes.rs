//! Every route, in one table ([`ROUTES`]) and one match:
//!
//! | route | scope | answers |
//! |---|---|---|
//! | `GET /` | scrape | the status page |
//! | `GET /metrics` (`--web.telemetry-path`) | scrape | the scrape |
//! | `GET /-/healthy` | open | 200 while the process runs |
//! | `GET /-/ready` | scrape | 200 once every part of every target had its first round, else 503 and what is missing |

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{compression, status_page};
use crate::access::{Access, Need, Refusal, Scope, Via};
use crate::clock::Clock;
use crate::exposition::{Family, Format, Own, ProcessUsage, RequestLabels, write_families};
use crate::store::{self, Store};

/// A path that is answered: also the value of the label `route`.
#[derive(Debug)]
struct Route {
    /// `/metrics` stands for whatever `--web.telemetry-path` says.
    path: &'static str,
    need: Need,
    /// The value of `Allow`.
    methods: &'static str,
}

impl Route {
    const fn read(path: &'static str, scope: Scope) -> Self {
        Self {
            path,
            need: Need::scope(scope),
            methods: "GET, HEAD",
        }
    }

    fn takes(&self, method: &Method) -> bool {
        self.methods.split(", ").any(|known| known == method.as_str())
    }
}

/// Every route and what it needs.
const ROUTES: &[Route] = &[
    Route::read("/", Scope::Scrape),
    Route::read("/metrics", Scope::Scrape),
    // A container's health check has no password.
    Route::read("/-/healthy", Scope::Open),
    Route::read("/-/ready", Scope::Scrape),
];

/// Everything else: who may not read may not search either.
const OTHER: &Route = &Route::read("other", Scope::Scrape);

/// Whether a path is already answered by something else than the metrics.
pub fn is_taken(path: &str) -> bool {
    path != "/metrics" && ROUTES.iter().any(|route| route.path == path)
}

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
}

/// Pages that are being sent at once. Without it clients that ask and do not read would hold a page of memory each.
const MAX_SCRAPES: usize = 16;

/// A page on its way; its place is free again when the last byte was handed to the kernel or the client is gone.
struct Scrape {
    page: Vec<u8>,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Scrape {
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
    /// Beyond what every answer has.
    headers: Vec<(HeaderName, HeaderValue)>,
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
            headers: Vec::new(),
        }
    }

    fn refusal(refusal: Refusal) -> Self {
        Self {
            headers: refusal.headers,
            ..Self::words(refusal.status, refusal.words)
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
        }
    }

    pub(super) fn own(&self) -> &Own {
        &self.own
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(super) async fn answer(&self, request: Request<Incoming>, via: Via, access: &Access) -> Response<Full<Bytes>> {
        let route = self.find(request.uri().path());
        let head_only = request.method() == Method::HEAD;
        // Nothing of the request is looked at before it is clear that it may be answered.
        let answer = match access.admit(&request, via, route.need).await {
            Ok(()) => self.route(route, request).await,
            Err(refusal) => Answer::refusal(refusal),
        };
        let labels = RequestLabels {
            route: route.path,
            code: answer.status.as_u16().into(),
        };
        self.own.requests.get_or_create(&labels).inc();
        let mut response = response(answer, head_only);
        for (name, value) in access.headers() {
            response.headers_mut().insert(name, value);
        }
        response
    }

    fn find(&self, path: &str) -> &'static Route {
        let is_asked = |route: &&Route| match route.path {
            "/metrics" => path == self.telemetry_path,
            own => path == own,
        };
        ROUTES.iter().find(is_asked).unwrap_or(OTHER)
    }

    #[expect(clippy::unused_async, reason = "a route may wait; those of today need not")]
    async fn route(&self, route: &Route, request: Request<Incoming>) -> Answer {
        if route.path == OTHER.path {
            return Answer::words(StatusCode::NOT_FOUND, self.what_there_is());
        }
        if !route.takes(request.method()) {
            let words = format!("only {} are answered here", route.methods.replace(", ", " and "));
            return Answer {
                headers: vec![(header::ALLOW, HeaderValue::from_static(route.methods))],
                ..Answer::words(StatusCode::METHOD_NOT_ALLOWED, words)
            };
        }
        let headers = request.headers();
        if announced_length(headers) > MAX_BODY_BYTES {
            return Answer::words(StatusCode::PAYLOAD_TOO_LARGE, "no body is expected here");
        }
        match route.path {
            "/metrics" => self.metrics(headers),
            "/-/ready" => self.ready(),
            "/" => Answer {
                status: StatusCode::OK,
                content_type: HTML,
                body: status_page::render(&self.store, &self.telemetry_path, self.clock.now()).into(),
                gzip: false,
                headers: Vec::new(),
            },
            _ => Answer::words(StatusCode::OK, "farmwarden runs"),
        }
    }

    fn what_there_is(&self) -> String {
        let readable = ROUTES.iter().filter(|route| route.takes(&Method::GET));
        let paths = readable.map(|route| match route.path {
            "/metrics" => self.telemetry_path.as_str(),
            path => path,
        });
        format!("nothing here; there are {}", paths.collect::<Vec<_>>().join(" "))
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
            body: Bytes::from_owner(Scrape { page, _permit: permit }),
            gzip,
            headers: Vec::new(),
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
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if answer.gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    match answer.content_type {
        PLAIN => None,
        HTML => headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(status_page::POLICY),
        ),
        _ => headers.insert(header::VARY, HeaderValue::from_static("Accept, Accept-Encoding")),
    };
    // A refusal may carry two challenges of the same name.
    headers.extend(answer.headers);
    response
}

/// On every answer, for the browsers among the clients: nothing is guessed, kept, passed on, framed or embedded.
const ALWAYS: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CACHE_CONTROL, "no-store"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

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
