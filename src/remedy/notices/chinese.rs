//! What people are told in Chinese: sentences made from what a step means. The words of the journal are English; of them only
//! evidence and answers of upstreams are quoted.

use crate::remedy::decide::Guard;
use crate::remedy::guards::SEEN_SINCE;
use crate::remedy::incident::{Incident, Phase};
use crate::remedy::step::{Outcome, Pause, Plan, Scope, Step};
use crate::remedy::tell::Told;
use crate::values;

/// Nothing where the title says all.
pub(super) fn sentence(told: &Told<'_>) -> Option<String> {
    let tried = told.incident.and_then(|incident| incident.tried.as_ref());
    let action = tried.map_or("上一级操作", |plan| plan.action.as_str());
    Some(match told.step {
        Step::Decided {
            guard,
            until,
            words,
            plan,
            ..
        } => {
            let until = until.map_or_else(String::new, |until| format!("（最早 {until} 再试）"));
            let held = format!("{}{until}", held(*guard, told.incident?, plan.as_ref()));
            // Who holds it, why, which budget it was and what is seen of it stand in the words alone.
            let why = match guard {
                Guard::Freeze | Guard::Pause | Guard::Budget => Some(quoted("说明", words)),
                Guard::Approval => words.split_once(SEEN_SINCE).map(|(_, seen)| quoted("症状", seen)),
                _ => None,
            };
            below(held, why.flatten())
        }
        Step::Rehearsed { plan, .. } => format!("演练模式：本应执行 {}，未做任何更改", plan.action),
        Step::Started { words, .. } => quoted("依据", words)?,
        Step::Finished { outcome, words, .. } => {
            let how = match outcome {
                Outcome::Done => format!("{action} 已执行"),
                Outcome::TimedOut => format!("{action} 未在规定时间内完成，结果未知"),
                Outcome::Unknown => format!("{action} 是否执行未知"),
                Outcome::Refused => format!("{action} 未执行，未做任何更改"),
                Outcome::Failed => format!("{action} 未能完成"),
            };
            below(how, quoted("结果", words))
        }
        Step::Interrupted { .. } => {
            let how = format!("{action} 执行中 farmwarden 退出：可能已执行，也可能未执行，请先查看现状");
            let noted = told
                .incident
                .and_then(|incident| quoted("进度", incident.noted.as_deref()?));
            below(how, noted)
        }
        Step::Cured { .. } => format!("执行 {action} 后症状已消失"),
        Step::Failed { .. } if told.incident?.phase == Phase::Open => {
            format!("{action} 一再被拒绝，未做任何更改，不再重试这一级")
        }
        Step::Failed { .. } => format!("执行 {action} 后症状仍在，或无法确认是否消失"),
        Step::Escalated { .. } => ladder(told.incident?).to_owned(),
        Step::Closed { .. } => "症状已消失".to_owned(),
        Step::Stormed { policy, group, .. } => {
            format!("分组 {group} 中同类异常过多（策略 {policy}），不再逐个修复，请查找共同原因")
        }
        Step::Approved { by, until, .. } => format!("{} 批准，有效期至 {until}", values::clean(by)),
        Step::Ordered { by, until, .. } => format!("{} 请求修复，有效期至 {until}", values::clean(by)),
        Step::TakenBack { by, .. } => format!("{} 撤回请求", values::clean(by)),
        Step::Paused(Pause { by, reason, until, .. }) => {
            format!("{} 暂停至 {until}，原因：{}", values::clean(by), values::clean(reason))
        }
        Step::Resumed { by, .. } => format!("{} 恢复", values::clean(by)),
        Step::Received { .. } | Step::Strange { .. } => {
            "告警的标签 remedy 或 target 不是有效名称，无法修复；请检查告警规则".to_owned()
        }
        Step::Noted { .. } | Step::Relapsed { .. } | Step::Asked(_) | Step::Withdrawn(_) => return None,
    })
}

/// What a title begins with.
pub(super) fn scope(scope: &Scope) -> String {
    match scope {
        Scope::All => "全部".to_owned(),
        Scope::Group(name) => format!("分组 {name}"),
        Scope::Target(name) => format!("目标 {name}"),
    }
}

fn quoted(title: &str, words: &str) -> Option<String> {
    (!words.is_empty()).then(|| format!("{title}（原文）：{}", values::clean(words)))
}

/// One below the other.
fn below(first: String, then: Option<String>) -> String {
    match then {
        Some(then) => format!("{first}\n{then}"),
        None => first,
    }
}

const fn ladder(incident: &Incident) -> &'static str {
    if incident.is_unknown() {
        "另一台 farmwarden 是否执行过未知，不再继续，请在两边查看"
    } else if incident.acted {
        "所有级别均已尝试，均无效，请人工处理"
    } else if incident.rehearsed {
        "演练：所有级别均未真正执行，正式运行时此刻会通知人工"
    } else {
        "没有任何级别能够执行修复，请人工处理"
    }
}

fn held(guard: Guard, incident: &Incident, plan: Option<&Plan>) -> String {
    let (target, policy) = (&incident.key.target, &incident.key.policy);
    match guard {
        Guard::KnownTarget => format!("配置中没有目标 {target}，请检查告警规则的标签 target"),
        Guard::KnownPolicy => format!("remedies.policies 中没有策略 {policy}，该告警不会触发修复"),
        Guard::TwoKeys if !incident.fires() => "告警已结束，不再请求修复".to_owned(),
        Guard::TwoKeys => {
            format!("策略 {policy} 未允许用于 {target}，或告警的症状与策略不符，请检查 remedies.policies 与规则的标签")
        }
        Guard::Window => "不在策略允许的时段".to_owned(),
        Guard::Freeze => "冻结文件存在，删除后继续".to_owned(),
        Guard::Pause => "已被人工暂停".to_owned(),
        Guard::Attempts => "尝试次数已用完，请人工查看".to_owned(),
        Guard::Budget => "修复额度已用完".to_owned(),
        Guard::Flapping => "多次修复后又复发，已隔离，请查找根本原因".to_owned(),
        Guard::Approval => format!(
            "等待人工批准，命令：farmwarden approve {} --plan {}",
            incident.id,
            plan.map(Plan::mark).unwrap_or_default()
        ),
        _ => "暂不执行".to_owned(),
    }
}
