//! What people are told of repairs: of each step that somebody may want to know, one message in words of his language.
//!
//! Figures and reasons are quoted as `decide` and the actions wrote them; around them stand the words of this file.

mod alike;
mod chinese;
mod english;
mod kind;
pub(super) mod untold;

use std::sync::{Mutex, PoisonError};

use super::incident::Key;
use super::links::{IN_CHINESE, Links};
use super::step::{Pause, Step};
use super::tell::{Tell, Told};
use crate::clock::UnixTime;
use crate::notify::{Language, Message, Post, escaped, link};
use crate::values;

use alike::{Admitted, Alike};
use kind::Notice;

/// Hands the messages to the ways of people, with links that approve where people have an address for them.
pub struct Notices {
    post: Post,
    links: Links,
    alike: Mutex<Alike>,
}

impl Notices {
    pub fn new(post: Post, links: Links) -> Self {
        Self {
            post,
            links,
            alike: Mutex::default(),
        }
    }

    /// Told now; of something that may have been long before.
    fn message(&self, notice: Notice, told: &Told<'_>, now: UnixTime, language: Language) -> Message {
        with_link(message(notice, told, language), &self.links, told, now, language)
    }
}

impl Tell for Notices {
    fn told(&self, told: &Told<'_>) {
        let Some(notice) = Notice::of(told) else { return };
        let admitted = {
            let mut alike = self.alike.lock().unwrap_or_else(PoisonError::into_inner);
            alike.admit(notice, told.time)
        };
        let message = |language| self.message(notice, told, told.time, language);
        self.post.tell(|language| match admitted {
            Admitted::No => None,
            Admitted::Yes => Some(message(language)),
            Admitted::Last => Some(last(message(language), language)),
        });
    }

    fn told_again(&self, told: &Told<'_>, now: UnixTime) {
        let Some(notice) = Notice::of(told) else { return };
        self.post
            .tell(|language| Some(again(self.message(notice, told, now, language), language)));
    }
}

/// How what waits for a person is approved from a chat.
fn with_link(mut message: Message, links: &Links, told: &Told<'_>, now: UnixTime, language: Language) -> Message {
    let Step::Decided {
        incident,
        plan: Some(plan),
        ..
    } = told.step
    else {
        return message;
    };
    let Some((url, until)) = links.link(*incident, plan, now) else {
        return message;
    };
    let (url, words, name) = match language {
        Language::English => (url, format!("or open (until {until}): "), "this link"),
        Language::Chinese => (
            format!("{url}?{IN_CHINESE}"),
            format!("或打开链接（{until} 前有效）："),
            "此链接",
        ),
    };
    let words = format!("{}\n{words}", message.text);
    message.markdown = Some(format!("{}{}", escaped(&words), link(name, &url)));
    message.text = format!("{words}{url}");
    message
}

fn last(mut message: Message, language: Language) -> Message {
    message.text += match language {
        Language::English => {
            "\nmore of this kind are not told one by one for 10 minutes: farmwarden incidents shows them"
        }
        Language::Chinese => "\n10 分钟内不再逐条通知同类消息，请用 farmwarden incidents 查看",
    };
    message
}

fn message(notice: Notice, told: &Told<'_>, language: Language) -> Message {
    let sentence = match language {
        Language::English => english::sentence(told),
        Language::Chinese => chinese::sentence(told),
    };
    let text = [
        sentence,
        action(told, language),
        Some(place(told, language)),
        Some(proof(told)),
    ];
    let text: Vec<String> = text.into_iter().flatten().filter(|line| !line.is_empty()).collect();
    Message {
        title: format!("{}: {}", whom(told, language), notice.words(language)),
        text: text.join("\n"),
        markdown: None,
        severity: notice.severity(),
        thread: told.step.incident().map(|id| id.to_string()).unwrap_or_default(),
        time: told.time,
    }
}

/// What may have been told before the start.
fn again(mut message: Message, language: Language) -> Message {
    message.title += match language {
        Language::English => " (before farmwarden started anew; perhaps told already)",
        Language::Chinese => "（farmwarden 重启前；可能已通知）",
    };
    message
}

/// What the title begins with.
fn whom(told: &Told<'_>, language: Language) -> String {
    if let Some(incident) = told.incident {
        let Key { target, entity, .. } = &incident.key;
        let entity = values::clean(entity);
        return if entity.is_empty() {
            target.to_string()
        } else {
            format!("{target} {entity}")
        };
    }
    match told.step {
        Step::Stormed { group, .. } => group.to_string(),
        Step::Paused(Pause { scope, .. }) | Step::Resumed { scope, .. } => match language {
            Language::English => scope.to_string(),
            Language::Chinese => chinese::scope(scope),
        },
        Step::Ordered { target, entity, .. } => format!("{target} {}", values::clean(entity)).trim_end().to_owned(),
        _ => "farmwarden".to_owned(),
    }
}

/// What is done, where the step says it.
fn action(told: &Told<'_>, language: Language) -> Option<String> {
    let plan = match told.step {
        Step::Rehearsed { plan, .. }
        | Step::Started { plan, .. }
        | Step::Approved { plan, .. }
        | Step::Decided { plan: Some(plan), .. } => plan,
        Step::Finished { .. } | Step::Interrupted { .. } => told.incident?.tried.as_ref()?,
        _ => return None,
    };
    let words = plan.in_words();
    Some(match language {
        Language::English => format!("action: {words}"),
        Language::Chinese => format!("操作：{words}"),
    })
}

/// Where the whole story is.
fn place(told: &Told<'_>, language: Language) -> String {
    let record = told.head.sequence;
    let Some(incident) = told.incident else {
        return match language {
            Language::English => format!("record {record}"),
            Language::Chinese => format!("记录 {record}"),
        };
    };
    // Beyond the last rung stands the one that was tried last.
    let is_beyond = matches!(told.step, Step::Escalated { .. }) && !incident.is_unknown();
    let rung = if is_beyond { incident.rung } else { incident.rung + 1 };
    let (id, policy) = (incident.id, &incident.key.policy);
    match language {
        Language::English => format!("repair {policy}, rung {rung}, incident {id}, record {record}"),
        Language::Chinese => format!("修复策略 {policy}，第 {rung} 级，事件 {id}，记录 {record}"),
    }
}

/// The end of the journal: noted by whoever reads this, it proves everything before it (`farmwarden audit verify --head`).
fn proof(told: &Told<'_>) -> String {
    format!("sha256 {}", told.head.hash)
}

#[cfg(test)]
mod tests;
