//! `/approve/LINK`: the page behind a link in a chat. GET shows what would be done and changes nothing, since chats fetch
//! what they preview; the button on it sends a POST, which approves. The link itself is the credential.

use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode};
use maud::{Markup, html};

use super::answer::{Answer, HTML};
use super::status_page;
use crate::remedy::{Declined, LINK_PATH, Offer, Repairs};
use crate::values;

/// Answers a request for a link; `from` is whoever opened it, in words.
pub(super) async fn answer<B>(repairs: &Repairs, request: &Request<B>, from: &str) -> Answer {
    let path = request.uri().path();
    let link = path.strip_prefix(LINK_PATH).unwrap_or_default();
    if request.method() == Method::POST {
        return match repairs.approve_by_link(link, from).await {
            Ok(plan) => {
                let (action, target) = (&plan.action, &plan.target);
                tracing::info!(%action, %target, "repairs: {action} on {target} was approved by a link, from {from}");
                let words =
                    format!("{action} on {target} is approved and begins as soon as nothing else holds it back.");
                page(StatusCode::OK, "Approved", &html! { p { (words) } })
            }
            Err(why) => declined(&why),
        };
    }
    match repairs.offered(link) {
        Ok(offer) => page(StatusCode::OK, "A repair waits for your approval", &shown(&offer)),
        Err(why) => declined(&why),
    }
}

fn shown(offer: &Offer) -> Markup {
    let plan = &offer.plan;
    let whom = if plan.entity.is_empty() {
        plan.target.to_string()
    } else {
        format!("{} of {}", values::clean(&plan.entity), plan.target)
    };
    html! {
        p { strong { (plan.action) } " for " strong { (whom) } ", policy " (plan.policy) ", rung " (plan.rung + 1) }
        @for (key, value) in &plan.with {
            p { (values::clean(key)) ": " (values::clean(value)) }
        }
        @if let Some(does) = &plan.does {
            p { "That is: " (values::clean(does)) }
        }
        p { "Seen since " (offer.seen_since) ": " (values::clean(&offer.evidence)) }
        p { "Incident " (offer.incident) ". This link approves just this, once, until " (offer.until) "." }
        form method="post" {
            button type="submit" { "Approve " (plan.action) " for " (whom) }
        }
    }
}

fn declined(why: &Declined) -> Answer {
    let status = match why {
        Declined::Unknown(_) => StatusCode::NOT_FOUND,
        Declined::NotNow(_) => StatusCode::CONFLICT,
        Declined::Unrecorded(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    page(status, "Nothing was approved", &html! { p { (why.to_string()) } })
}

fn page(status: StatusCode, title: &str, body: &Markup) -> Answer {
    let body = html! { main { h1 { (title) } (body) } };
    let policy = (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(status_page::policy_with_form()),
    );
    // Not for a search engine, whoever hands it the link.
    let robots = (
        HeaderName::from_static("x-robots-tag"),
        HeaderValue::from_static("noindex, nofollow"),
    );
    Answer {
        status,
        content_type: HTML,
        body: status_page::plain(title, &body).into(),
        gzip: false,
        headers: vec![policy, robots],
    }
}
