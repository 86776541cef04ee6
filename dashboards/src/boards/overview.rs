//! The farm on one screen: am I earning, what is broken, what did the robot do, what is it costing me per hour.

use super::broken::{self, ILL};
use super::costs::{self, miners_off, plots_farmed, plots_most};
use super::{CHIA, MINERS, NODES, OVERVIEW, PRB, REPAIRS};
use crate::board::Board;
use crate::cells::{label, to};
use crate::palette::Tone::{Bad, Busy, Good, Wait, Warn};
use crate::panel::{Panel, series, stat};
use crate::query::{known_last, within_range};
use crate::text::{Text, same, t};
use crate::variable::targets;

pub(super) const NO_PHALA: Text = t(
    "No workers are watched (collectors.prb), or no PRB answers",
    "没有监控 worker（collectors.prb），或没有 PRB 应答",
);
const NO_REWARDS: Text = t(
    "Not known: no PRB answers, or none has all workers on the page (detail: full) with their sessions",
    "未知：没有 PRB 应答，或都没有输出全部 worker（detail: full）及其会话",
);
pub(super) const NO_CHIA: Text = t(
    "No Chia farmer is watched (collectors.chia), or it does not answer",
    "没有监控 Chia 农场（collectors.chia），或它没有应答",
);
const NO_VENUS: Text = t(
    "No Venus miner service is watched (collectors.venus), or it does not answer",
    "没有监控 Venus 矿工服务（collectors.venus），或它没有应答",
);
pub(super) const NOT_SCRAPED: Text = t(
    "Prometheus has nothing of farmwarden: is it scraped?",
    "Prometheus 中没有 farmwarden 的数据：是否已抓取？",
);
const NO_JOURNAL: Text = t(
    "No journal is configured (journal.directory), so nothing is repaired; or farmwarden is not scraped",
    "没有配置审计日志（journal.directory），因此不会修复；或未抓取 farmwarden",
);

pub(super) fn board() -> Board {
    let board = Board::new(
        OVERVIEW,
        t("Farm overview", "矿场总览"),
        t(
            "Am I earning, what is broken, what did the robot do, what is it costing me per hour.",
            "有没有收益、哪里坏了、机器人做了什么、每小时损失多少。",
        ),
        &["overview"],
    );
    costs::variables()
        .into_iter()
        .fold(board.choose(targets(".+")), Board::choose)
        .row(t("Am I earning?", "有收益吗？"), earning())
        .row(t("What is broken?", "哪里坏了？"), broken::panels())
        .row(t("What did the robot do?", "机器人做了什么？"), robot())
        .row(
            t("What is it costing me per hour?", "每小时损失多少？"),
            costs::panels(),
        )
        .row(t("How it went", "变化过程"), history())
}

fn earning() -> [Panel; 5] {
    [
        stat(
            t("PHA earned per hour", "每小时收益 PHA"),
            t(
                "Rewards of all sessions in the last hour (phala_worker_reward_pha, from the chain or PRB). Zero although workers compute: see that V is settled. Only of lifecycles whose workers are all known (detail: full).",
                "最近一小时所有会话的奖励（phala_worker_reward_pha，来自链上或 PRB）。worker 在计算却为零：检查 V 是否结算。只计全部 worker 已知的生命周期（detail: full）。",
            ),
            NO_REWARDS,
        )
        .named(
            same("PHA"),
            "sum(clamp_min(delta(phala_worker_reward_pha{@t}[1h]), 0)
                and on (target, lifecycle) (count by (target, lifecycle) (phala_worker_info{@t})
                >= 0.9 * sum by (target, lifecycle) (phala_prb_workers{@t})))",
        )
        .bounds([(None, Wait), (Some(0.000_001), Good)])
        .decimals(2)
        .size(5, 4),
        stat(
            t("Workers that are well", "正常的 worker"),
            t(
                "Share of workers with no broken link before them, from the relay chain to the worker itself. Workers of a PRB that does not answer are not counted as well. Below 95 %: open the PRB fleet, worst workers first.",
                "从中继链到 worker 自身没有断开环节的 worker 比例。没有应答的 PRB 的 worker 不算正常。低于 95 %：打开 PRB 看板，最差的排在最前。",
            ),
            NO_PHALA,
        )
        .named(
            t("well", "正常"),
            format!(
                r#"sum(phala_prb_workers_by_broken_link{{@t,link="none"}}) / (sum({}) > 0)"#,
                known_last("target", "sum by (target) (phala_prb_workers_by_broken_link{@t})")
            ),
        )
        .unit("percentunit")
        .bounds([(None, Bad), (Some(0.8), Warn), (Some(0.95), Good)])
        .link(to(t("PRB fleet", "PRB worker 群"), PRB, &[]))
        .size(5, 4),
        stat(
            t("Plots farmed", "耕种中的 plot"),
            t(
                "Plots of harvesters that are connected and answer, as a share of the most within a day. Below 98 %: a disk, a share or a harvester is gone or hangs, or plots were taken away; open the Chia farm.",
                "已连接且有应答的 harvester 的 plot，占一天内最多时的比例。低于 98 %：磁盘、共享或 harvester 丢失或卡死，或 plot 被移走；打开 Chia 看板。",
            ),
            NO_CHIA,
        )
        .named(
            t("farmed", "耕种中"),
            format!("sum({}) / (sum({}) > 0)", plots_farmed(), plots_most()),
        )
        .unit("percentunit")
        .bounds([(None, Bad), (Some(0.9), Warn), (Some(0.98), Good)])
        .link(to(t("Chia farm", "Chia 农场"), CHIA, &[]))
        .size(5, 4),
        stat(
            t("Expected time to win", "预计爆块时间"),
            t(
                "Mean time between wins of the best farm: 18.75 s x network space / own space. It is luck: one farm in three waits longer.",
                "最大农场两次爆块的平均间隔：18.75 秒 × 全网空间 / 自有空间。这是运气：三分之一的情况会更久。",
            ),
            NO_CHIA,
        )
        .named(t("mean", "平均"), "min(chia_farm_expected_time_to_win_seconds{@t})")
        .unit("s")
        .bounds([(None, Good)])
        .size(5, 4),
        stat(
            t("Miners that do not mine", "未出块的矿工"),
            t(
                "Miners that shall mine and are in no miner service's set (StatesForMining), or of whose service nothing is heard: every block that they could win is lost. Open the miners.",
                "应当挖矿却不在任何矿工服务中的矿工（StatesForMining），或其服务没有应答：可能赢得的区块全部损失。打开矿工看板。",
            ),
            NO_VENUS,
        )
        .named(t("miners", "矿工"), miners_off("{@t}"))
        .unit("none")
        .none_is_good(1.0, Bad)
        .link(to(t("Miners", "矿工"), MINERS, &[]))
        .size(4, 4),
    ]
}

/// Which farmwarden a row is of; links of the row need it.
pub(super) fn instance() -> crate::cells::Column {
    label("instance", t("Instance", "实例"))
}

fn robot() -> [Panel; 5] {
    let done = within_range(
        "sum",
        r#"farmwarden_remediation_actions_total{@,action!="notify",outcome="done"}"#,
    );
    let cured = within_range("sum", r#"farmwarden_remediation_incidents_closed_total{@,why="cured"}"#);
    let left = within_range("sum", "farmwarden_remediation_escalations_total{@}");
    let to_repairs = || to(t("Repairs and audit", "修复与审计"), REPAIRS, &[]);
    [
        stat(
            t("Repairs done", "完成的修复"),
            t(
                "Actions that came to their end within the shown range, without mere notices. That one ended is no cure: see the next figure.",
                "所示时间内完成的操作，不含单纯通知。完成不等于治愈：看下一个数字。",
            ),
            NO_JOURNAL,
        )
        .named(t("done", "完成"), done)
        .unit("none")
        .decimals(0)
        .bounds([(None, Good), (Some(0.5), Busy)])
        .link(to_repairs())
        .size(5, 4),
        stat(
            t("Incidents cured", "治愈的事件"),
            t(
                "Incidents whose symptom was gone after a repair, within the shown range.",
                "所示时间内修复后症状消失的事件。",
            ),
            NO_JOURNAL,
        )
        .named(t("cured", "治愈"), cured)
        .unit("none")
        .decimals(0)
        .bounds([(None, Good)])
        .link(to_repairs())
        .size(5, 4),
        stat(
            t("Left to a person", "交由人工"),
            t(
                "Incidents for which nothing is left to try, within the shown range: a person must act. farmwarden incidents says which.",
                "所示时间内已无办法可试的事件：必须人工处理。farmwarden incidents 列出它们。",
            ),
            NO_JOURNAL,
        )
        .named(t("escalated", "升级"), left)
        .unit("none")
        .decimals(0)
        .none_is_good(0.5, Bad)
        .link(to_repairs())
        .size(5, 4),
        stat(
            t("Open incidents", "未结事件"),
            t(
                "Incidents that are open now, whatever is done about them (farmwarden_remediation_incidents).",
                "目前未结的事件，无论处于哪个阶段（farmwarden_remediation_incidents）。",
            ),
            NO_JOURNAL,
        )
        .named(t("open", "未结"), "sum(farmwarden_remediation_incidents{@})")
        .unit("none")
        .none_is_good(1.0, Wait)
        .link(to_repairs())
        .size(5, 4),
        stat(
            t("Held by people", "人工暂停"),
            t(
                "Pauses that hold now, and the freeze file: while it is not 0, nothing (or not everything) is repaired. farmwarden resume ends a pause.",
                "当前有效的暂停和冻结文件：不为 0 时不（全部）修复。farmwarden resume 结束暂停。",
            ),
            NO_JOURNAL,
        )
        .named(
            t("pauses", "暂停"),
            "sum(farmwarden_remediation_pauses{@}) + sum(farmwarden_remediation_frozen{@})",
        )
        .unit("none")
        .none_is_good(1.0, Warn)
        .size(4, 4),
    ]
}

fn history() -> [Panel; 2] {
    [
        series(
            t("Findings by target", "各目标的异常数"),
            t(
                "Where it began, and what followed: the first to rise is mostly the cause. Nodes first, then providers, then workers.",
                "从哪里开始、随后是什么：最先上升的多半是原因。先看节点，再看数据提供者，再看 worker。",
            ),
            NOT_SCRAPED,
        )
        .ask("{{target}}", format!("sum by (target) ({ILL})"))
        .unit("none")
        .at_least_zero()
        .bounds([(None, Good), (Some(1.0), Bad)])
        .link(to(t("Chain nodes", "链节点"), NODES, &[]))
        .stacked(),
        series(
            t("Repairs by outcome", "修复结果"),
            t(
                "Actions that ended, per step of the graph (farmwarden_remediation_actions_total). None on a healthy farm: a line at zero.",
                "每个时间步内结束的操作（farmwarden_remediation_actions_total）。健康的矿场没有：一条零线。",
            ),
            NO_JOURNAL,
        )
        .ask(
            "{{action}} {{outcome}}",
            "sum by (action, outcome) (increase(farmwarden_remediation_actions_total{@}[$__rate_interval]))",
        )
        .unit("none")
        .at_least_zero(),
    ]
}
