use super::*;

const LOOPBACK: Via = Via::Tcp(Tcp {
    peer: IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
    to_loopback: true,
    tls: false,
});
const NETWORK: Via = Via::Tcp(Tcp {
    peer: IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 9)),
    to_loopback: false,
    tls: true,
});

fn decision(via: Via, need: Need, request: &str, lifecycle: bool, has_credentials: bool) -> u16 {
    let mut lines = request.lines();
    let mut builder = Request::builder();
    let start = lines.next().unwrap();
    let (method, rest) = start.split_once(' ').unwrap();
    builder = builder.method(method).uri(rest.trim_end_matches(" HTTP/1.0"));
    if start.ends_with("1.0") {
        builder = builder.version(Version::HTTP_10);
    }
    for (name, value) in lines.map(|line| line.split_once(": ").unwrap()) {
        builder = builder.header(name, value);
    }
    let request = builder.body(()).unwrap();
    let hosts = Hosts::new(Some("farm-1"), &["farm.example".to_owned()]);
    let rules = Rules {
        hosts: &hosts,
        lifecycle,
        has_credentials,
    };
    match decide(&Facts::of(&request, via, need), &rules) {
        Decision::Answer => 200,
        Decision::AskForCredentials { .. } => 401,
        Decision::Refuse(refusal) => refusal.status.as_u16(),
    }
}

#[test]
fn each_scope_is_where_it_should_be() {
    let ask = |via, need, lifecycle, credentials| decision(via, need, "POST /\nHost: 10.0.0.1", lifecycle, credentials);
    let need = Need::scope;
    for via in [LOOPBACK, NETWORK] {
        for (needed, lifecycle, credentials, expected) in [
            (need(Scope::Open), false, true, 200),
            (need(Scope::Scrape), false, false, 200),
            (need(Scope::Scrape), false, true, 401),
            (need(Scope::Alerts), true, false, 404),
            (need(Scope::Alerts), false, true, 401),
            (need(Scope::Control), true, false, 404),
            (need(Scope::Control), false, true, 401),
            (Need::lifecycle(), false, false, 404),
            (Need::lifecycle(), false, true, 404),
            (Need::lifecycle(), true, true, 401),
            // Started so only where every address is loopback.
            (Need::lifecycle(), true, false, 200),
        ] {
            assert_eq!(
                ask(via, needed, lifecycle, credentials),
                expected,
                "{needed:?} {lifecycle} {credentials}"
            );
        }
    }
    let in_the_clear = Via::Tcp(Tcp {
        peer: [10, 0, 0, 9].into(),
        to_loopback: false,
        tls: false,
    });
    for (needed, expected) in [
        (need(Scope::Scrape), 401),
        (need(Scope::Alerts), 401),
        (need(Scope::Control), 403),
        (Need::lifecycle(), 403),
    ] {
        assert_eq!(ask(in_the_clear, needed, true, true), expected, "{needed:?}");
    }
    for needed in [
        need(Scope::Scrape),
        need(Scope::Alerts),
        need(Scope::Control),
        Need::lifecycle(),
    ] {
        assert_eq!(ask(Via::Socket { trusted: true }, needed, false, false), 200);
        assert_eq!(ask(Via::Socket { trusted: false }, needed, false, false), 403);
    }
}

#[test]
fn a_foreign_host_is_refused_on_loopback_and_wherever_something_is_done() {
    let ask = |via, scope, request: &str| decision(via, Need::scope(scope), request, false, true);
    for (via, scope, expected) in [
        (LOOPBACK, Scope::Scrape, 421),
        (NETWORK, Scope::Scrape, 401),
        (NETWORK, Scope::Alerts, 421),
        (NETWORK, Scope::Control, 421),
        (LOOPBACK, Scope::Open, 200),
    ] {
        assert_eq!(
            ask(via, scope, "GET /\nHost: evil.example:19977"),
            expected,
            "{via:?} {scope:?}"
        );
    }
    for (request, expected) in [
        ("GET /\nHost: localhost:1", 401),
        ("GET /\nHost: FARM-1", 401),
        ("GET /\nHost: farm.example", 401),
        ("GET /", 400),
        ("GET /\nHost: a\nHost: b", 400),
        ("GET /\nHost: a b", 400),
        ("GET / HTTP/1.0", 401),
        ("GET http://evil.example/\nHost: localhost", 421),
        ("GET http://localhost/\nHost: evil.example", 401),
    ] {
        assert_eq!(ask(LOOPBACK, Scope::Scrape, request), expected, "{request}");
    }
}

#[test]
fn only_what_changes_something_must_come_from_here() {
    let ask = |request: &str| decision(LOOPBACK, Need::scope(Scope::Control), request, false, true);
    for (headers, expected) in [
        ("", 401),
        ("\nOrigin: http://localhost:19977", 401),
        ("\nOrigin: http://localhost:19977\nSec-Fetch-Site: same-origin", 401),
        ("\nSec-Fetch-Site: none", 401),
        ("\nOrigin: http://evil.example", 403),
        ("\nOrigin: null", 403),
        ("\nOrigin: http://localhost", 403),
        ("\nOrigin: http://localhost:19977\nSec-Fetch-Site: cross-site", 403),
        ("\nSec-Fetch-Site: same-site", 403),
    ] {
        assert_eq!(
            ask(&format!("POST /\nHost: localhost:19977{headers}")),
            expected,
            "{headers}"
        );
        assert_eq!(
            ask(&format!("DELETE /\nHost: localhost:19977{headers}")),
            expected,
            "{headers}"
        );
        assert_eq!(ask(&format!("GET /\nHost: localhost:19977{headers}")), 401, "{headers}");
    }
    assert_eq!(ask("POST / HTTP/1.0\nOrigin: http://localhost"), 403);
}
