//! Every route: its path, who may ask, and what may be sent. What they answer is in `routes.rs`.

use hyper::Method;

use crate::access::{Need, Scope};
use crate::actions::remote;
use crate::alerts::LARGEST_BODY;

/// Where none is expected, or a line; a small one is passed over.
const NO_BODY: u64 = 64 << 10;

/// A name follows.
pub(super) const CHAT: &str = "/chat/";

/// A path that is answered: also the value of the label `route`.
#[derive(Debug)]
pub(super) struct Route {
    /// `/metrics` stands for whatever `--web.telemetry-path` says.
    pub(super) path: &'static str,
    pub(super) need: Need,
    /// The value of `Allow`.
    pub(super) methods: &'static str,
    /// Of what is sent with a request. A larger body is not read.
    pub(super) largest_body: u64,
}

impl Route {
    const fn read(path: &'static str, scope: Scope) -> Self {
        Self {
            path,
            need: Need::scope(scope),
            methods: "GET, HEAD",
            largest_body: NO_BODY,
        }
    }

    const fn order(path: &'static str) -> Self {
        Self {
            need: Need::scope(Scope::Control),
            methods: "POST",
            ..Self::read(path, Scope::Control)
        }
    }

    /// Whether it is the route of a path, where `/metrics` is where it always is.
    pub(super) fn is_of(&self, path: &str) -> bool {
        match self.path {
            CHAT => path.starts_with(CHAT),
            own => path == own,
        }
    }

    pub(super) fn takes(&self, method: &Method) -> bool {
        self.methods.split(", ").any(|known| known == method.as_str())
    }
}

/// Every route and what it needs.
pub(super) const ROUTES: &[Route] = &[
    Route::read("/", Scope::Scrape),
    Route::read("/api/v1/targets", Scope::Scrape),
    Route::read("/api/v1/incidents", Scope::Scrape),
    Route::read("/api/v1/sd", Scope::Scrape),
    Route::read("/metrics", Scope::Scrape),
    Route::read("/probe", Scope::Scrape),
    // A container's health check has no password.
    Route::read("/-/healthy", Scope::Open),
    Route::read("/-/ready", Scope::Scrape),
    Route {
        path: "/alerts",
        need: Need::scope(Scope::Alerts),
        methods: "POST",
        // Told by the route itself, which counts it.
        largest_body: u64::MAX,
    },
    Route {
        path: CHAT,
        need: Need::scope(Scope::Alerts),
        methods: "POST",
        largest_body: LARGEST_BODY.bytes(),
    },
    Route {
        path: remote::ROUTE,
        need: Need::scope(Scope::Remote),
        methods: "POST",
        largest_body: remote::LARGEST_BODY,
    },
    Route::order("/-/repairs/pause"),
    Route::order("/-/repairs/resume"),
    Route::order("/-/repairs/approve"),
    Route::order("/-/repairs/run"),
    Route {
        largest_body: LARGEST_BODY.bytes(),
        ..Route::order("/api/v1/decide")
    },
    Route {
        path: "/-/reload",
        need: Need::lifecycle(),
        methods: "POST, PUT",
        largest_body: NO_BODY,
    },
];

/// Everything else: who may not read may not search either.
pub(super) const OTHER: &Route = &Route::read("other", Scope::Scrape);

/// Whether a path is already answered by something else than the metrics.
pub fn is_taken(path: &str) -> bool {
    path != "/metrics" && ROUTES.iter().any(|route| route.is_of(path))
}
