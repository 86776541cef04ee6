//! What people are told of repairs: of each step that somebody may want to know, one message in words of his language.
//!
//! Figures and reasons are quoted as `decide` and the actions wrote them; around them stand the words of this file.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::chinese;
use super::decide::{Guard, Why};
use super::incident::{After, Incident, Key, Phase};
use super::links::Links;
use super::step::{Outcome, Pause, Step};
use super::tell::{Tell, Told};
use crate::alerts::{Alert, Status};
use crate::clock::UnixTime;
use crate::notify::{Language, Message, Post, Severity, escaped, link};
use crate::values;

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

    fn message(&self, told: &Told<'_>, language: Language) -> Option<Message> {
        Some(with_link(message(told, language)?, &self.links, told, language))
    }
}

impl Tell for Notices {
    fn told(&self, told: &Told<'_>) {
        let Some(notice) = meant(told) else { return };
        let admitted = {
            let mut alike = self.alike.lock().unwrap_or_else(PoisonError::into_inner);
            alike.admit(notice, told.time)
        };
        self.post.tell(|language| match admitted {
            Admitted::No => None,
            Admitted::Yes => self.message(told, language),
            Admitted::Last => self.message(told, language).map(|message| last(message, language)),
        });
    }

    fn told_again(&self, told: &Told<'_>) {
        self.post
            .tell(|language| Some(again(self.message(told, language)?, language)));
    }
}

/// How what waits for a person is approved from a chat.
fn with_link(mut message: Message, links: &Links, told: &Told<'_>, language: Language) -> Message {
    let Step::Decided {
        incident,
        plan: Some(plan),
        ..
    } = told.step
    else {
        return message;
    };
    let Some((url, until)) = links.link(*incident, plan, told.time) else {
        return message;
    };
    let (words, name) = match language {
        Language::English => (format!("or open (until {until}): "), "this link"),
        Language::Chinese => (format!("或打开链接（{until} 前有效）："), "此链接"),
    };
    let words = format!("{}\n{words}", message.text);
    message.markdown = Some(format!("{}{}", escaped(&words), link(name, &url)));
    message.text = format!("{words}{url}");
    message
}

/// Messages of one kind that are told one by one within so long: many at once have a cause in common, and a chat that is
/// full of them hides the one that matters.
const MOST_ALIKE: u32 = 10;
const ALIKE_WITHIN: Duration = Duration::from_secs(600);

/// How many of a kind were told, and since when.
#[derive(Debug, Default)]
struct Alike(BTreeMap<Notice, (u32, UnixTime)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Admitted {
    Yes,
    /// With the word that more follow untold.
    Last,
    No,
}

impl Alike {
    fn admit(&mut self, notice: Notice, time: UnixTime) -> Admitted {
        if notice.is_always_told() {
            return Admitted::Yes;
        }
        let (count, since) = self.0.entry(notice).or_insert((0, time));
        if since.age_at(time) >= ALIKE_WITHIN {
            (*count, *since) = (0, time);
        }
        *count = count.saturating_add(1);
        match (*count).cmp(&MOST_ALIKE) {
            Ordering::Less => Admitted::Yes,
            Ordering::Equal => Admitted::Last,
            Ordering::Greater => Admitted::No,
        }
    }
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

/// What a step is to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Notice {
    /// The rung itself is a message.
    Look,
    Held(Guard),
    Approval,
    Rehearsed,
    Begun,
    Refused,
    Failed,
    TimedOut,
    Unknown,
    Interrupted,
    Cured,
    DidNotHelp,
    GivenUp,
    Escalated,
    WouldEscalate,
    /// Its alert has ended, and it is ill still.
    Unasked,
    Misnamed,
    Over,
    Storm,
    Approved,
    Ordered,
    Withdrawn,
    Paused,
    Resumed,
}

/// Nothing for what everybody would get by the hundred or hears of otherwise: alerts come from Alertmanager, a storm is
/// told once, who suffers is told by the cause, and whether an action helped is told instead of that it ended.
fn notice(step: &Step) -> Option<Notice> {
    Some(match step {
        Step::Decided { guard, .. } => held(*guard)?,
        Step::Rehearsed { .. } => Notice::Rehearsed,
        Step::Started { plan, .. } if plan.notice => Notice::Look,
        Step::Started { .. } => Notice::Begun,
        Step::Finished { outcome, .. } => match outcome {
            Outcome::Done => return None,
            Outcome::Refused => Notice::Refused,
            Outcome::Failed => Notice::Failed,
            Outcome::TimedOut => Notice::TimedOut,
            Outcome::Unknown => Notice::Unknown,
        },
        Step::Interrupted { .. } => Notice::Interrupted,
        Step::Cured { .. } => Notice::Cured,
        Step::Failed { .. } => Notice::DidNotHelp,
        Step::Escalated { .. } => Notice::Escalated,
        Step::Closed { why: Why::Well, .. } => Notice::Over,
        Step::Stormed { begins: true, .. } => Notice::Storm,
        Step::Approved { .. } => Notice::Approved,
        Step::Ordered { .. } => Notice::Ordered,
        Step::TakenBack { .. } => Notice::Withdrawn,
        Step::Paused(_) => Notice::Paused,
        Step::Resumed { .. } => Notice::Resumed,
        Step::Received { alerts, .. } | Step::Strange { alerts, .. } if misnamed(alerts).is_some() => Notice::Misnamed,
        Step::Received { .. }
        | Step::Strange { .. }
        | Step::Relapsed { .. }
        | Step::Noted { .. }
        | Step::Closed { .. }
        | Step::Stormed { .. }
        | Step::Asked(_)
        | Step::Withdrawn(_) => return None,
    })
}

/// The same, where the incident says more than the step.
fn meant(told: &Told<'_>) -> Option<Notice> {
    let notice = notice(told.step)?;
    let Some(incident) = told.incident else {
        return Some(notice);
    };
    Some(match (notice, incident.phase) {
        // Nothing was done that could have helped, and what follows is told.
        (
            Notice::DidNotHelp,
            Phase::Proving {
                after: After::Notice | After::Rehearsal,
                ..
            },
        ) => return None,
        (Notice::DidNotHelp, Phase::Open) => Notice::GivenUp,
        (Notice::Escalated, _) if incident.rehearsed && !incident.acted => Notice::WouldEscalate,
        // What another farmwarden asked for and asks no more is told over there.
        (Notice::Held(Guard::TwoKeys), _) if incident.alerts.is_empty() && incident.order.is_none() => return None,
        (Notice::Held(Guard::TwoKeys), _) if !incident.is_asked_for(told.time) => Notice::Unasked,
        _ => notice,
    })
}

/// Where a person must or may do something. The others end by themselves, or many have them at once.
const fn held(guard: Guard) -> Option<Notice> {
    match guard {
        Guard::Approval => Some(Notice::Approval),
        Guard::KnownTarget
        | Guard::TwoKeys
        | Guard::Window
        | Guard::Freeze
        | Guard::Pause
        | Guard::Attempts
        | Guard::Budget
        | Guard::Flapping => Some(Notice::Held(guard)),
        Guard::UnderWay
        | Guard::Enabled
        | Guard::FreshView
        | Guard::StillIll
        | Guard::CauseUpstream
        | Guard::Fleet
        | Guard::WarmUp
        | Guard::CoolDown
        | Guard::Concurrency
        | Guard::DryRun => None,
    }
}

/// The first alert that asks for a repair in words that are no names, and why they are none.
fn misnamed(alerts: &[Alert]) -> Option<String> {
    let mut firing = alerts.iter().filter(|alert| alert.status == Status::Firing);
    firing.find_map(|alert| {
        let words = Key::misnamed_by(alert)?;
        let name = values::clean(alert.label("alertname").unwrap_or("an alert without name"));
        Some(format!("{name} asks for a repair, but {words}; nothing is done"))
    })
}

impl Notice {
    /// Whoever must answer, and whatever may have been left half done.
    const fn is_always_told(self) -> bool {
        !matches!(
            self,
            Self::Look
                | Self::Held(_)
                | Self::Rehearsed
                | Self::Begun
                | Self::Cured
                | Self::DidNotHelp
                | Self::GivenUp
                | Self::WouldEscalate
                | Self::Unasked
                | Self::Misnamed
                | Self::Over
        )
    }

    const fn severity(self) -> Severity {
        match self {
            Self::Escalated | Self::Storm => Severity::Critical,
            Self::Held(Guard::Window | Guard::Freeze | Guard::Pause)
            | Self::Rehearsed
            | Self::WouldEscalate
            | Self::Unasked
            | Self::Begun
            | Self::Cured
            | Self::Over
            | Self::Approved
            | Self::Ordered
            | Self::Withdrawn
            | Self::Paused
            | Self::Resumed => Severity::Info,
            Self::Look
            | Self::Held(_)
            | Self::Approval
            | Self::Refused
            | Self::Failed
            | Self::TimedOut
            | Self::Unknown
            | Self::Interrupted
            | Self::Misnamed
            | Self::GivenUp
            | Self::DidNotHelp => Severity::Warning,
        }
    }

    /// Behind the name of what it is about.
    const fn words(self, language: Language) -> &'static str {
        let (english, chinese) = match self {
            Self::Look => ("look at it", "请查看"),
            Self::Held(guard) => return held_words(guard, language),
            Self::Approval => ("a repair waits for your approval", "修复等待人工批准"),
            Self::Rehearsed => ("dry run: this would be done", "演练：本应执行"),
            Self::Begun => ("a repair begins", "开始修复"),
            Self::Refused => ("the repair was refused, nothing was done", "修复被拒绝，未做任何更改"),
            Self::Failed => ("the repair failed", "修复执行失败"),
            Self::TimedOut => ("the repair took too long", "修复执行超时"),
            Self::Unknown => ("whether it was repaired is not known", "修复是否执行未知"),
            Self::Interrupted => ("a repair was interrupted", "修复被中断"),
            Self::Cured => ("cured", "已修复"),
            Self::DidNotHelp => ("the repair did not help", "修复无效"),
            Self::GivenUp => (
                "the repair was refused again and again; the next one follows",
                "修复一再被拒绝，改用下一级",
            ),
            Self::Escalated => ("a person must act", "需要人工处理"),
            Self::WouldEscalate => ("dry run: a person would be called", "演练：本应通知人工"),
            Self::Unasked => ("nobody asks for a repair any more", "告警已结束，不再修复"),
            Self::Misnamed => ("an alert asks for a repair by no name", "告警的修复标签无效"),
            Self::Over => ("well again", "已恢复正常"),
            Self::Storm => (
                "too much is ill at once: no repairs, look for a common cause",
                "大面积异常：停止修复，请查找共同原因",
            ),
            Self::Approved => ("a repair was approved", "修复已批准"),
            Self::Ordered => ("a person asks for a repair", "人工请求修复"),
            Self::Withdrawn => ("a person asks for a repair no more", "人工请求已撤回"),
            Self::Paused => ("repairs are paused", "修复已暂停"),
            Self::Resumed => ("repairs go on", "修复已恢复运行"),
        };
        match language {
            Language::English => english,
            Language::Chinese => chinese,
        }
    }
}

/// Why nothing is done.
const fn held_words(guard: Guard, language: Language) -> &'static str {
    let (english, chinese) = match guard {
        Guard::KnownTarget => ("nothing is done: the target is not known", "未执行：未知目标"),
        Guard::TwoKeys => ("nothing is done: it is not allowed here", "未执行：配置未允许"),
        Guard::Window => ("nothing is done outside of the window", "未执行：不在允许时段"),
        Guard::Freeze => ("nothing is done: frozen", "未执行：已冻结"),
        Guard::Pause => ("nothing is done: paused", "未执行：已暂停"),
        Guard::Attempts => ("left to people: tried often enough", "交由人工：尝试次数已用完"),
        Guard::Budget => ("left to people: the budget is used up", "交由人工：修复额度已用完"),
        Guard::Flapping => ("left to people: cures do not last", "交由人工：反复发作"),
        _ => ("nothing is done for now", "暂不执行"),
    };
    match language {
        Language::English => english,
        Language::Chinese => chinese,
    }
}

/// Nothing where nobody is told.
fn message(told: &Told<'_>, language: Language) -> Option<Message> {
    let notice = meant(told)?;
    let text = [
        said(told, language),
        action(told, language),
        Some(place(told, notice, language)),
        Some(proof(told)),
    ];
    let text: Vec<String> = text.into_iter().flatten().filter(|line| !line.is_empty()).collect();
    Some(Message {
        title: format!("{}: {}", whom(told, language), notice.words(language)),
        text: text.join("\n"),
        markdown: None,
        severity: notice.severity(),
        thread: told.step.incident().map(|id| id.to_string()).unwrap_or_default(),
        time: told.time,
    })
}

/// What may have been told before the start.
fn again(mut message: Message, language: Language) -> Message {
    message.title += match language {
        Language::English => " (before farmwarden started anew; perhaps told already)",
        Language::Chinese => "（farmwarden 重启前；可能已通知）",
    };
    message
}

/// Whether people are told of such a step.
pub(super) fn is_told(step: &Step) -> bool {
    notice(step).is_some()
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

/// What was written when it was decided or done; of what was cut off, how far it had come: something may be left stopped.
fn said(told: &Told<'_>, language: Language) -> Option<String> {
    if language == Language::Chinese {
        return chinese::sentence(told);
    }
    let words = match told.step {
        Step::Decided { words, .. }
        | Step::Rehearsed { words, .. }
        | Step::Started { words, .. }
        | Step::Noted { words, .. }
        | Step::Finished { words, .. }
        | Step::Cured { words, .. }
        | Step::Failed { words, .. }
        | Step::Escalated { words, .. }
        | Step::Closed { words, .. }
        | Step::Relapsed { words, .. }
        | Step::Stormed { words, .. } => words.clone(),
        Step::Approved { by, until, .. } | Step::Ordered { by, until, .. } => format!("{by}, {until}"),
        Step::Paused(Pause { by, reason, until, .. }) => format!("{by}: {reason} ({until})"),
        Step::Resumed { by, .. } | Step::TakenBack { by, .. } => by.clone(),
        Step::Interrupted { .. } => {
            let incident = told.incident?;
            let action = incident
                .tried
                .as_ref()
                .map_or("the action", |plan| plan.action.as_str());
            let noted = incident
                .noted
                .as_ref()
                .map(|noted| format!("; it had come so far: {noted}"));
            format!(
                "farmwarden ended while {action} was under way: it may have been done, or not; it is looked at, and not \
                 repeated{}",
                noted.unwrap_or_default()
            )
        }
        Step::Received { alerts, .. } | Step::Strange { alerts, .. } => misnamed(alerts)?,
        Step::Asked(_) | Step::Withdrawn(_) => return None,
    };
    Some(words)
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
    let with: Vec<String> = plan.with.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let with = with.join(" ");
    let shown = values::clean(with.as_str());
    Some(match language {
        Language::English => format!("action: {} {shown}", plan.action).trim_end().to_owned(),
        Language::Chinese => format!("操作：{} {shown}", plan.action).trim_end().to_owned(),
    })
}

/// Whether nobody knows what the last action did.
pub(super) const fn is_unknown(incident: &Incident) -> bool {
    matches!(
        incident.phase,
        Phase::Proving {
            after: After::Unknown,
            ..
        }
    )
}

/// Where the whole story is, and what can be done about it.
fn place(told: &Told<'_>, notice: Notice, language: Language) -> String {
    let record = told.head.sequence;
    let Some(incident) = told.incident else {
        return match language {
            Language::English => format!("record {record}"),
            Language::Chinese => format!("记录 {record}"),
        };
    };
    // Beyond the last rung stands the one that was tried last.
    let is_beyond = matches!(told.step, Step::Escalated { .. }) && !is_unknown(incident);
    let rung = if is_beyond { incident.rung } else { incident.rung + 1 };
    let (id, policy) = (incident.id, &incident.key.policy);
    let mut text = match language {
        Language::English => format!("repair {policy}, rung {rung}, incident {id}, record {record}"),
        Language::Chinese => format!("修复策略 {policy}，第 {rung} 级，事件 {id}，记录 {record}"),
    };
    if notice == Notice::Approval {
        let how = match language {
            Language::English => "to approve",
            Language::Chinese => "批准命令",
        };
        // Writing to a String cannot fail.
        let _infallible = write!(text, "\n{how}: farmwarden approve {id}");
    }
    text
}

/// The end of the journal: noted by whoever reads this, it proves everything before it (`farmwarden audit verify --head`).
fn proof(told: &Told<'_>) -> String {
    format!("sha256 {}", told.head.hash)
}

#[cfg(test)]
mod tests;
