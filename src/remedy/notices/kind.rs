//! What a step is to people: whether they are told, how weighty it is, and in which words.

use crate::alerts::{Alert, Status};
use crate::notify::{Language, Severity};
use crate::remedy::decide::{Guard, Why};
use crate::remedy::incident::{After, Key, Phase};
use crate::remedy::step::{Outcome, Step};
use crate::remedy::tell::Told;
use crate::values;

/// What a step is to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Notice {
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

/// Where a person must or may do something. The others end by themselves, or many have them at once.
pub(super) const fn held(guard: Guard) -> Option<Notice> {
    match guard {
        Guard::Approval => Some(Notice::Approval),
        Guard::KnownTarget
        | Guard::KnownPolicy
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
pub(super) fn misnamed(alerts: &[Alert]) -> Option<String> {
    let mut firing = alerts.iter().filter(|alert| alert.status == Status::Firing);
    firing.find_map(|alert| {
        let words = Key::misnamed_by(alert)?;
        let name = values::clean(alert.label("alertname").unwrap_or("an alert without name"));
        Some(format!("{name} asks for a repair, but {words}; nothing is done"))
    })
}

impl Notice {
    /// What it is, where the incident may say more than the step; nothing where nobody is told.
    pub(super) fn of(told: &Told<'_>) -> Option<Self> {
        let notice = notice(told.step)?;
        let Some(incident) = told.incident else {
            return Some(notice);
        };
        Some(match (notice, incident.phase) {
            // Once for a rung, however often it is tried; that it is given up is told.
            (Notice::Refused, _) if incident.refused.is_some() => return None,
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

    /// Whoever must answer, and whatever may have been left half done.
    pub(super) const fn is_always_told(self) -> bool {
        !matches!(
            self,
            Self::Look
                | Self::Held(_)
                | Self::Rehearsed
                | Self::Begun
                | Self::Refused
                | Self::Cured
                | Self::DidNotHelp
                | Self::GivenUp
                | Self::WouldEscalate
                | Self::Unasked
                | Self::Misnamed
                | Self::Over
        )
    }

    pub(super) const fn severity(self) -> Severity {
        match self {
            Self::Escalated | Self::Storm => Severity::Critical,
            Self::Held(Guard::KnownPolicy | Guard::Window | Guard::Freeze | Guard::Pause)
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
    pub(super) const fn words(self, language: Language) -> &'static str {
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
            Self::GivenUp => ("the repair was refused again and again", "修复一再被拒绝"),
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
pub(super) const fn held_words(guard: Guard, language: Language) -> &'static str {
    let (english, chinese) = match guard {
        Guard::KnownTarget => ("nothing is done: the target is not known", "未执行：未知目标"),
        Guard::KnownPolicy => ("nothing is done: there is no policy for it", "未执行：没有对应策略"),
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
