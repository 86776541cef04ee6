//! An answer and the headers that every one has.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

use super::{api, status_page};
use crate::access::Refusal;

pub(super) const HTML: &str = "text/html; charset=utf-8";
pub(super) const PLAIN: &str = "text/plain; charset=utf-8";

/// An answer before its general headers.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) content_type: &'static str,
    pub(super) body: Bytes,
    pub(super) gzip: bool,
    /// Beyond what every answer has.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

/// A page on its way; its place is free again when the last byte was handed to the kernel or the client is gone.
struct Sent<P> {
    page: Vec<u8>,
    _place: P,
}

impl<P> AsRef<[u8]> for Sent<P> {
    fn as_ref(&self) -> &[u8] {
        &self.page
    }
}

impl Answer {
    pub(super) fn words(status: StatusCode, words: impl Into<String>) -> Self {
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

    /// A page that holds a place until it is sent.
    pub(super) fn page(
        content_type: &'static str,
        page: impl Into<Vec<u8>>,
        place: impl Send + Sync + 'static,
    ) -> Self {
        let sent = Sent {
            page: page.into(),
            _place: place,
        };
        Self {
            status: StatusCode::OK,
            content_type,
            body: Bytes::from_owner(sent),
            gzip: false,
            headers: Vec::new(),
        }
    }

    pub(super) fn refusal(refusal: Refusal) -> Self {
        Self {
            headers: refusal.headers,
            ..Self::words(refusal.status, refusal.words)
        }
    }

    /// What programs ask is refused in a form that they read.
    pub(super) fn in_json(self) -> Self {
        if self.content_type != PLAIN {
            return self;
        }
        Self {
            content_type: api::JSON,
            body: api::error(String::from_utf8_lossy(&self.body).trim_end()).into(),
            ..self
        }
    }

    pub(super) fn response(self, head_only: bool) -> Response<Full<Bytes>> {
        let length = self.body.len();
        let body = if head_only { Bytes::new() } else { self.body };
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        for (name, value) in ALWAYS {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if self.gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        match self.content_type {
            PLAIN | api::JSON => None,
            HTML if self
                .headers
                .iter()
                .any(|(name, _)| *name == header::CONTENT_SECURITY_POLICY) =>
            {
                None
            }
            HTML => headers.insert(
                header::CONTENT_SECURITY_POLICY,
                HeaderValue::from_static(status_page::policy()),
            ),
            _ => headers.insert(header::VARY, HeaderValue::from_static("Accept, Accept-Encoding")),
        };
        for (name, value) in self.headers {
            headers.append(name, value);
        }
        response
    }
}

/// On every answer, for the browsers among the clients: nothing is guessed, kept, passed on, framed or embedded.
const ALWAYS: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CACHE_CONTROL, "no-store"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];
