//! `/approve/LINK`: the page behind a link in a chat. GET shows what would be done and changes nothing, since chats fetch
//! what they preview; the button on it sends a POST, which approves. The link itself is the credential; it says in which
//! language its message was.

use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode};
use maud::{Markup, html};

use super::answer::{Answer, HTML};
use super::status_page;
use crate::notify::Language;
use crate::remedy::{Declined, LINK_IN_CHINESE, LINK_PATH, Offer, Repairs};
use crate::values;

/// Answers a request for a link; `from` is whoever opened it, in words.
pub(super) async fn answer<B>(repairs: &Repairs, request: &Request<B>, from: &str) -> Answer {
    let path = request.uri().path();
    let link = path.strip_prefix(LINK_PATH).unwrap_or_default();
    let language = match request.uri().query() {
        Some(LINK_IN_CHINESE) => Language::Chinese,
        _ => Language::English,
    };
    let in_words = |english, chinese| match language {
        Language::English => english,
        Language::Chinese => chinese,
    };
    if request.method() == Method::POST {
        return match repairs.approve_by_link(link, from).await {
            Ok(plan) => {
                let (action, target) = (&plan.action, &plan.target);
                tracing::info!(%action, %target, "repairs: {action} on {target} was approved by a link, from {from}");
                let words = match language {
                    Language::English => {
                        format!("{action} on {target} is approved and begins as soon as nothing else holds it back.")
                    }
                    Language::Chinese => format!("已批准对 {target} 执行 {action}，没有其他限制后立即开始。"),
                };
                page(StatusCode::OK, in_words("Approved", "已批准"), &html! { p { (words) } })
            }
            Err(why) => declined(&why, language),
        };
    }
    match repairs.offered(link) {
        Ok(offer) => {
            let title = in_words("A repair waits for your approval", "修复等待批准");
            page(StatusCode::OK, title, &shown(&offer, language))
        }
        Err(why) => declined(&why, language),
    }
}

fn shown(offer: &Offer, language: Language) -> Markup {
    let plan = &offer.plan;
    let (action, policy, rung) = (&plan.action, &plan.policy, plan.rung + 1);
    let (incident, until, since) = (offer.incident, offer.until, offer.seen_since);
    let (entity, evidence) = (values::clean(&plan.entity), values::clean(&offer.evidence));
    let whom = match language {
        _ if entity.is_empty() => plan.target.to_string(),
        Language::English => format!("{entity} of {}", plan.target),
        Language::Chinese => format!("{} 的 {entity}", plan.target),
    };
    let (what, that_is, seen, bound, button) = match language {
        Language::English => (
            format!(" for {whom}, policy {policy}, rung {rung}"),
            "That is: ",
            format!("Seen since {since}: {evidence}"),
            format!("Incident {incident}. This link approves just this, once, until {until}."),
            format!("Approve {action} for {whom}"),
        ),
        Language::Chinese => (
            format!("，对象 {whom}，策略 {policy}，第 {rung} 级"),
            "具体内容：",
            format!("自 {since} 起的症状（原文）：{evidence}"),
            format!("事件 {incident}。此链接只批准这一项，仅可使用一次，{until} 前有效。"),
            format!("批准：{action}，{whom}"),
        ),
    };
    html! {
        p { strong { (action) } (what) }
        @for (key, value) in &plan.with {
            p { (values::clean(key)) ": " (values::clean(value)) }
        }
        @if let Some(does) = &plan.does {
            p { (that_is) (values::clean(does)) }
        }
        p { (seen) }
        p { (bound) }
        form method="post" {
            button type="submit" { (button) }
        }
    }
}

fn declined(why: &Declined, language: Language) -> Answer {
    let (status, chinese) = match why {
        Declined::Unknown(_) => (
            StatusCode::NOT_FOUND,
            "链接无效或已失效：farmwarden 可能已重启，或修复内容已改变。请用 farmwarden incidents 查看等待批准的修复及批准命令。",
        ),
        Declined::NotNow(_) => (StatusCode::CONFLICT, "现在没有可批准的内容。"),
        Declined::Unrecorded(_) => (StatusCode::SERVICE_UNAVAILABLE, "目前无法记录，请稍后再试。"),
        Declined::Unclear(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "磁盘没有响应：批准可能稍后才被记录，届时即生效。请用 farmwarden incidents 查看是否已批准。",
        ),
    };
    let (in_english, in_chinese) = if matches!(why, Declined::Unclear(_)) {
        ("Whether it is approved is not known yet", "尚不清楚是否已批准")
    } else {
        ("Nothing was approved", "未批准任何操作")
    };
    match language {
        Language::English => page(status, in_english, &html! { p { (why.to_string()) } }),
        Language::Chinese => page(
            status,
            in_chinese,
            &html! { p { (chinese) } p { "原文：" (why.to_string()) } },
        ),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_approved_yet_is_not_said_to_be_declined() {
        let page = |why: &Declined, language| String::from_utf8(declined(why, language).body.to_vec()).unwrap();
        for (language, nothing) in [
            (Language::English, "Nothing was approved"),
            (Language::Chinese, "未批准任何操作"),
        ] {
            let words = "the disk is silent".to_owned();
            assert!(page(&Declined::Unrecorded(words.clone()), language).contains(nothing));
            let unclear = page(&Declined::Unclear(words), language);
            assert!(
                !unclear.contains(nothing) && unclear.contains("the disk is silent"),
                "{unclear}"
            );
        }
    }
}
