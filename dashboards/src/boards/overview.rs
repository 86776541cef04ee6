//! The farm on one screen: am I earning, what is broken, what did the robot do, what is it costing me per hour.

use super::costs::{self, miners_off, plots_farmed, plots_most};
use super::{CHIA, MINERS, NODES, OVERVIEW, PRB, REPAIRS, SELF};
use crate::board::Board;
use crate::cells::{label, to, value};
use crate::palette::Tone::{Bad, Busy, Good, Wait, Warn};
use crate::panel::{Panel, series, stat, table, timeline};
use crate::query::{answers, known_last, silent, within_range};
use crate::states::{ANSWERS, WELL};
use crate::text::{Text, same, t};
use crate::variable::targets;

pub(super) const NO_PHALA: Text = t(
    "No workers are watched (collectors.prb), or no PRB answers",
    "没有监控矿机（collectors.prb），或没有 PRB 应答",
);
pub(super) const NO_CHIA: Text = t(
    "No Chia farmer is watched (collectors.chia), or it does not answer",
    "没有监控 Chia 农场（collectors.chia），或它没有应答",
);
const NO_VENUS: Text = t(
    "No Venus miner service is watched (collectors.venus), or it does not answer",
    "没有监控 Venus 矿工服务（collectors.venus），或它没有应答",
);
const NOT_SCRAPED: Text = t(
    "Prometheus has nothing of farmwarden: is it scraped?",
    "Prometheus 中没有 farmwarden 的数据：是否已抓取？",
);
const NO_JOURNAL: Text = t(
    "No journal is configured (journal.directory), so nothing is repaired; or farmwarden is not scraped",
    "没有配置日志（journal.directory），因此不会修复；或未抓取 farmwarden",
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
        .row(t("What is broken?", "哪里坏了？"), broken())
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
                "Rewards of all sessions in the last hour (phala_worker_reward_pha, from the chain or PRB). Zero although workers compute: see that V is settled. Fleets in detail: summary show the worst workers only.",
                "最近一小时所有会话的奖励（phala_worker_reward_pha，来自链上或 PRB）。矿机在计算却为零：检查 V 是否结算。detail: summary 只含最差的矿机。",
            ),
            NO_PHALA,
        )
        .named(same("PHA"), "sum(clamp_min(delta(phala_worker_reward_pha{@t}[1h]), 0))")
        .bounds([(None, Wait), (Some(0.000_001), Good)])
        .decimals(2)
        .size(5, 4),
        stat(
            t("Workers that are well", "正常的矿机"),
            t(
                "Share of workers with no broken link before them, from the relay chain to the worker itself. Workers of a PRB that does not answer are not counted as well. Below 95 %: open the PRB fleet, worst workers first.",
                "从中继链到矿机自身没有断开环节的矿机比例。没有应答的 PRB 的矿机不算正常。低于 95 %：打开 PRB 看板，最差的排在最前。",
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
        .link(to(t("PRB fleet", "PRB 矿机群"), PRB, &[]))
        .size(5, 4),
        stat(
            t("Plots farmed", "耕种中的绘图"),
            t(
                "Plots of harvesters that are connected and answer, as a share of the most within a day. Below 98 %: a disk, a share or a harvester is gone or hangs, or plots were taken away; open the Chia farm.",
                "已连接且有应答的收割机的绘图，占一天内最多时的比例。低于 98 %：磁盘、共享或收割机丢失或卡死，或绘图被移走；打开 Chia 看板。",
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
            t("Expected time to win", "预计获胜时间"),
            t(
                "Mean time between wins of the best farm: 18.75 s x network space / own space. It is luck: one farm in three waits longer.",
                "最大农场两次获胜的平均间隔：18.75 秒 × 全网空间 / 自有空间。这是运气：三分之一的情况会更久。",
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

fn broken() -> [Panel; 5] {
    [
        stat(
            t("Findings", "异常数"),
            t(
                "What is ill by farmwarden's own judgement, over all targets (farmwarden_symptom); the table beside it says what and where. And targets of which nothing can be told: they do not answer, or their farmwarden is silent.",
                "farmwarden 自行判断的异常总数（farmwarden_symptom），旁边的表格说明是什么、在哪里。以及无法判断的目标：没有应答，或其 farmwarden 失联。",
            ),
            NOT_SCRAPED,
        )
        .named(t("ill", "异常"), "sum(farmwarden_symptom{@t})")
        .named(
            t("cannot be told", "无法判断"),
            format!(
                "count({all} unless on (target) farmwarden_symptom{{@t}}) or 0 * count({all})",
                all = answers("target", "{@t}")
            ),
        )
        .unit("none")
        .none_is_good(1.0, Bad)
        .size(4, 8),
        table(
            t("What is ill, the longest first", "异常列表，最久的在前"),
            t(
                "Each finding with how long it was seen within the shown range. The name of the symptom in `farmwarden explain` says what it means and what to do; a click on the target opens its board.",
                "每个异常以及它在所示时间内持续了多久。`farmwarden explain 症状名` 说明含义和处理办法；点击目标打开对应看板。",
            ),
            t(
                "Nothing is ill of what can be told: see the figures beside",
                "可判断的目标没有异常：参见旁边的数字",
            ),
        )
        .ask("", with_board("sum by (target, symptom, entity) (farmwarden_symptom{@t} == 1)"))
        .ask(
            "",
            "60 * sum by (target, symptom, entity) (count_over_time((farmwarden_symptom{@t} == 1)[$__range:1m]))
                and (sum by (target, symptom, entity) (farmwarden_symptom{@t} == 1))",
        )
        .column(label("target", t("Target", "目标")).link(own_board()))
        .column(label("board", t("Kind", "类型")))
        .column(label("symptom", t("Symptom", "症状")))
        .column(label("entity", t("Seen on", "对象")))
        .column(value(1, t("Ill for", "持续")).unit("s").bounds([(None, Wait), (Some(300.0), Warn), (Some(3600.0), Bad)]))
        .column(instance())
        .highest_first(1)
        .unit("string")
        .size(20, 8),
        stat(
            t("Parts that do not answer", "未应答的部分"),
            t(
                "Parts of targets whose last round failed (farmwarden_target_up is 0), and those whose farmwarden Prometheus cannot reach. The table beside it says which; farmwarden doctor TARGET says at which step.",
                "最近一轮失败的目标部分（farmwarden_target_up 为 0），以及 Prometheus 无法抓取其 farmwarden 的部分。旁边的表格指出是哪些；farmwarden doctor 目标名 说明卡在哪一步。",
            ),
            NOT_SCRAPED,
        )
        .named(t("down", "失联"), "sum(farmwarden_target_up{@t} == bool 0)")
        .named(
            t("farmwarden is silent", "farmwarden 失联"),
            format!(
                "count({}) or 0 * count(farmwarden_target_up{{@t}})",
                silent("farmwarden_target_up{@t}")
            ),
        )
        .unit("none")
        .none_is_good(1.0, Bad)
        .link(to(t("farmwarden itself", "farmwarden 自身"), SELF, &[]))
        .size(4, 8),
        targets_table(),
        timeline(
            t("Well or ill, target by target", "各目标的健康状况"),
            t(
                "Red while anything is ill on a target (farmwarden_symptom). A gap: it could not be told.",
                "目标上有任何异常时为红色（farmwarden_symptom）。空白：无法判断。",
            ),
            NOT_SCRAPED,
        )
        .ask("{{target}}", "max by (target) (farmwarden_symptom{@t})")
        .states(WELL)
        .size(24, 8),
    ]
}

/// Those that do not answer on top, then those that are not judged, then by findings.
fn targets_table() -> Panel {
    let last = "farmwarden_target_last_success_timestamp_seconds{@t}";
    let answers = answers("target", "{@t}");
    table(
        t("Targets, the worst first", "目标列表，最差的在前"),
        t(
            "Every target with what is ill on it and how old its data is (three intervals without success and its figures vanish). On top those that do not answer, and for a day those whose farmwarden is silent: nothing is known of them. A click opens its board.",
            "每个目标的异常数和数据的年龄（连续三个周期失败后数据消失）。没有应答的在最前；其 farmwarden 失联的目标保留一天：状态未知。点击打开对应看板。",
        ),
        NOT_SCRAPED,
    )
    .ask("", "sum by (target) (farmwarden_symptom{@t})")
    .ask("", board_of(&crate::query::answers("target, collector", "{@t}")))
    .ask("", format!("time() - min by (target) ({last} or {})", silent(last)))
    .ask(
        "",
        format!("1e9 * ({answers} != bool 1) + (sum by (target) (farmwarden_symptom{{@t}}) or 1e6 + 0 * {answers})"),
    )
    .column(label("target", t("Target", "目标")).link(own_board()))
    .column(label("board", t("Kind", "类型")))
    .column(value(0, t("Findings", "异常数")).unit("none").none_is_good(1.0, Bad))
    .column(value(1, t("Answers", "应答")).states(ANSWERS))
    .column(
        value(2, t("Oldest part", "最旧的部分"))
            .unit("s")
            .bounds([(None, Good), (Some(120.0), Wait), (Some(900.0), Bad)]),
    )
    .column(instance())
    .highest_first(3)
    .unit("string")
    .size(20, 8)
}

/// Which farmwarden a row is of; links of the row need it.
pub(super) fn instance() -> crate::cells::Column {
    label("instance", t("Instance", "实例"))
}

/// Adds the label `board` by the kind of a target, for links.
fn board_of(expr: &str) -> String {
    format!(
        r#"label_replace(label_replace({expr}, "board", "$1", "collector", "(.*)"), "board", "nodes", "collector", "phala")"#
    )
}

/// The same for what has no label `collector`.
fn with_board(expr: &str) -> String {
    let kinds = board_of("max by (target, collector) (farmwarden_target_up{@t} >= bool 0)");
    format!(
        "({expr} * on (target) group_left (board) max by (target, board) ({kinds})) or ({expr} unless on (target) farmwarden_target_up{{@t}})"
    )
}

/// Resolves to a board of the row's own kind: `board` is one of nodes, prb, venus, chia, mounts.
fn own_board() -> crate::cells::Link {
    to(
        t("Its board", "对应看板"),
        "farmwarden-${__data.fields.board}",
        &[("instance", "instance"), ("target", "target")],
    )
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
            t("Held by people", "被人暂停"),
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
                "从哪里开始、随后是什么：最先上升的多半是原因。先看节点，再看数据提供者，再看矿机。",
            ),
            NOT_SCRAPED,
        )
        .ask("{{target}}", "sum by (target) (farmwarden_symptom{@t})")
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
