//! What is broken on the whole farm: findings, and targets of which nothing is known.

use super::SELF;
use super::overview::{NOT_SCRAPED, instance};
use crate::cells::{label, to, value};
use crate::palette::Tone::{Bad, Good, Wait, Warn};
use crate::panel::{Panel, stat, table, timeline};
use crate::query::{answers, silent};
use crate::states::{ANSWERS, WELL};
use crate::text::t;

/// Findings without hints, which make nobody ill: those whose alerts are of the severity `info`.
pub(super) const ILL: &str = r#"farmwarden_symptom{@t,symptom!~"harvester_rpc_down|no_win_for_long|plots_duplicate|venus_base_fee_high|venus_token_too_weak|wallet_not_synced|worker_lagging"}"#;

pub(super) fn panels() -> [Panel; 5] {
    [
        stat(
            t("Findings", "异常数"),
            t(
                "What is ill by farmwarden's own judgement, over all targets and without hints (farmwarden_symptom); the table beside it says what and where. And targets of which nothing can be told: they do not answer, or their farmwarden is silent.",
                "farmwarden 自行判断的异常总数，不含提示（farmwarden_symptom），旁边的表格说明是什么、在哪里。以及无法判断的目标：没有应答，或其 farmwarden 失联。",
            ),
            NOT_SCRAPED,
        )
        .named(t("ill", "异常"), format!("sum({ILL})"))
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
        .ask("", with_board(&format!("sum by (target, symptom, entity) ({ILL} == 1)")))
        .ask(
            "",
            format!(
                "60 * sum by (target, symptom, entity) (count_over_time(({ILL} == 1)[$__range:1m]))
                    and (sum by (target, symptom, entity) ({ILL} == 1))
                    or 0 * sum by (target, symptom, entity) ({ILL} == 1)"
            ),
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
        .ask("{{target}}", format!("max by (target) ({ILL})"))
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
    .ask("", format!("sum by (target) ({ILL})"))
    .ask("", board_of(&crate::query::answers("target, collector", "{@t}")))
    .ask("", format!("time() - min by (target) ({last} or {})", silent(last)))
    .ask(
        "",
        format!("1e9 * ({answers} != bool 1) + (sum by (target) ({ILL}) or 1e6 + 0 * {answers})"),
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
