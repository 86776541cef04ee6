//! States by name, with one word and one colour each, the same on every board.

use crate::palette::Tone::{self, Bad, Busy, Good, Off, Unknown, Wait, Warn};
use crate::text::{Text, t};

/// A state as the metrics name it, its number in panels that draw numbers, and what people read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct State {
    pub(crate) name: &'static str,
    pub(crate) code: u32,
    pub(crate) word: Text,
    pub(crate) tone: Tone,
}

const fn state(name: &'static str, code: u32, word: Text, tone: Tone) -> State {
    State { name, code, word, tone }
}

/// For [`crate::query::coded`].
pub(crate) fn codes(states: &'static [State]) -> impl Iterator<Item = (&'static str, u32)> {
    states.iter().map(|state| (state.name, state.code))
}

pub(crate) const YES_IS_GOOD: &[State] = &[
    state("no", 0, t("no", "否"), Bad),
    state("yes", 1, t("yes", "是"), Good),
];

pub(crate) const YES_IS_BAD: &[State] = &[
    state("no", 0, t("no", "否"), Good),
    state("yes", 1, t("yes", "是"), Bad),
];

/// Neither is good or bad.
pub(crate) const YES_OR_NO: &[State] = &[
    state("no", 0, t("no", "否"), Off),
    state("yes", 1, t("yes", "是"), Busy),
];

pub(crate) const UP: &[State] = &[
    state("down", 0, t("down", "失联"), Bad),
    state("up", 1, t("up", "正常"), Good),
];

/// Of what may be silent because who looks at it is.
pub(crate) const ANSWERS: &[State] = &[
    state("down", 0, t("down", "失联"), Bad),
    state("up", 1, t("up", "正常"), Good),
    state("unknown", 2, t("unknown", "未知"), Unknown),
];

pub(crate) const WELL: &[State] = &[
    state("well", 0, t("well", "正常"), Good),
    state("ill", 1, t("ill", "异常"), Bad),
];

/// Of a worker in PRB.
pub(crate) const WORKER: &[State] = &[
    state("unknown", 0, t("unknown", "未知"), Unknown),
    state("starting", 1, t("starting", "启动中"), Busy),
    state("syncing", 2, t("synchronising", "同步中"), Busy),
    state("synced", 3, t("synchronised", "已同步"), Busy),
    state("pre_active", 4, t("about to be active", "即将激活"), Busy),
    state("active", 5, t("active", "工作中"), Good),
    state("idle", 6, t("idle", "空闲"), Off),
    state("kicked", 7, t("kicked", "被踢出"), Bad),
    state("error", 8, t("error", "出错"), Bad),
];

/// Of a worker's session on the chain; `idle` is Phala's word for computing.
pub(crate) const SESSION: &[State] = &[
    state("ready", 1, t("ready", "就绪"), Wait),
    state("idle", 2, t("computing", "计算中"), Good),
    state("unresponsive", 3, t("unresponsive", "无响应"), Bad),
    state("cooling_down", 4, t("cooling down", "冷却中"), Off),
];

/// Links of the chain before a worker.
pub(crate) const LINK: &[State] = &[
    state("none", 0, t("well", "正常"), Good),
    state("relay", 1, t("relay chain", "中继链"), Bad),
    state("para", 2, t("parachain", "平行链"), Bad),
    state("data_provider", 3, t("data provider", "数据提供者"), Bad),
    state("lifecycle", 4, t("lifecycle", "生命周期"), Bad),
    state("worker", 5, t("the worker itself", "worker 自身"), Warn),
    state("unknown", 6, t("unknown", "未知"), Unknown),
];

/// Those of them that can be broken.
pub(crate) fn links() -> impl Iterator<Item = (&'static str, u32)> {
    codes(LINK).filter(|(_, code)| (1..6).contains(code))
}

/// What became of asking a pRuntime.
pub(crate) const ASKED: &[State] = &[
    state("up", 0, t("up", "正常"), Good),
    state("down", 1, t("down", "失联"), Bad),
    state("not_asked", 2, t("not asked", "未查询"), Off),
    state("unknown", 3, t("unknown", "未知"), Unknown),
];

/// Of a data provider.
pub(crate) const PROVIDER: &[State] = &[
    state("unknown", 0, t("unknown", "未知"), Unknown),
    state("syncing", 1, t("synchronising", "同步中"), Busy),
    state("idle", 2, t("up to date", "已追上"), Good),
];

/// Of transactions of a worker manager and of a trade queue.
pub(crate) const TRANSACTION: &[State] = &[
    state("waiting", 0, t("waiting", "排队"), Wait),
    state("pending", 1, t("pending", "待处理"), Wait),
    state("active", 2, t("active", "处理中"), Busy),
    state("running", 3, t("running", "执行中"), Busy),
    state("delayed", 4, t("delayed", "延后"), Wait),
    state("succeeded", 5, t("succeeded", "成功"), Good),
    state("success", 6, t("success", "成功"), Good),
    state("failed", 7, t("failed", "失败"), Bad),
    state("error", 8, t("error", "出错"), Bad),
    state("unknown", 9, t("unknown", "未知"), Unknown),
];

/// Of a message in the messager.
pub(crate) const MESSAGE: &[State] = &[
    state("unfilled", 0, t("unfilled", "未填充"), Wait),
    state("filled", 1, t("filled", "已填充"), Warn),
];

/// What is done about an incident.
pub(crate) const PHASE: &[State] = &[
    state("open", 0, t("open", "已打开"), Wait),
    state("running", 1, t("a repair runs", "修复中"), Busy),
    state("proving", 2, t("watched for the cure", "观察疗效"), Busy),
    state("escalated", 3, t("left to a person", "交由人工"), Bad),
];

/// How an action ended.
pub(crate) const OUTCOME: &[State] = &[
    state("done", 0, t("done", "完成"), Good),
    state("failed", 1, t("failed", "失败"), Bad),
    state("timed_out", 2, t("took too long", "超时"), Bad),
    state("interrupted", 3, t("interrupted", "被中断"), Warn),
];

/// Of a mount, the worst that holds.
pub(crate) const MOUNT: &[State] = &[
    state("well", 0, t("well", "正常"), Good),
    state("read_only", 1, t("read-only", "只读"), Wait),
    state("disconnected", 2, t("server away", "服务器失联"), Warn),
    state("error", 3, t("error", "出错"), Bad),
    state("stuck", 4, t("stuck", "卡死"), Bad),
    state("missing", 5, t("missing", "缺失"), Bad),
    state("unknown", 6, t("unknown", "未知"), Unknown),
];

/// What became of partials.
pub(crate) const PARTIAL: &[State] = &[
    state("valid", 0, t("valid", "有效"), Good),
    state("stale", 1, t("stale", "过期"), Warn),
    state("invalid", 2, t("invalid", "无效"), Bad),
    state("insufficient", 3, t("not good enough", "难度不足"), Off),
    state("missing", 4, t("signage point missing", "缺少信号点"), Warn),
];
