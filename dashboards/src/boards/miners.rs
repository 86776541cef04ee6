//! Miners of a Venus service: who mines, who should, and what the chain has against them.

use super::MINERS;
use super::costs::{miners_expected, miners_off};
use super::overview::instance;
use crate::board::Board;
use crate::cells::{label, value};
use crate::palette::Tone::{Bad, Busy, Good, Wait, Warn};
use crate::panel::{Panel, series, stat, table, timeline};
use crate::query::{last_hour, within_range};
use crate::states::{UP, WELL, YES_IS_GOOD, YES_OR_NO};
use crate::text::{Text, t};
use crate::variable::{several, targets};

const NONE: Text = t(
    "No miner service is configured, or it does not answer",
    "没有配置矿工服务，或它没有应答",
);
const NO_NODE: Text = t(
    "No node answers about miners, or no miner is known yet",
    "没有节点回答矿工信息，或尚不知道矿工",
);
const NOT_KEPT: Text = t(
    "Only miner services from 1.13 on that record it tell of wins and blocks",
    "仅 1.13 及以上且开启记录的矿工服务提供爆块与区块",
);

/// The chosen miners.
const CHOSEN: &str = r#"{@t,miner=~"$miner"}"#;

/// 1 for those that a service mines for, 0 for those that it does not, or that no service that answers knows.
fn mines() -> String {
    let expected = by_miner("max", "venus_miner_expected");
    format!("({} or 0 * {expected})", by_miner("max", "venus_miner_mining"))
}

fn by_miner(aggregate: &str, metric: &str) -> String {
    format!(r#"{aggregate} by (target, miner) ({metric}{{@t,miner=~"$miner"}})"#)
}

pub(super) fn board() -> Board {
    let miner = several(
        "miner",
        t("Miner", "矿工"),
        t("Miners by address.", "按地址选择矿工。"),
        "label_values(venus_miner_expected{@t}, miner)",
    );
    Board::new(
        MINERS,
        t("Miners", "Venus 矿工"),
        t(
            "Who mines, who should and does not, with which power and which faults, and what was won.",
            "谁在挖矿、谁该挖而没有、算力与错误扇区、赢得了什么。",
        ),
        &["venus"],
    )
    .choose(targets("venus"))
    .choose(miner)
    .row(t("Now", "当前"), now())
    .row(t("Miners", "矿工"), miners())
    .row(t("How it went", "变化过程"), history())
}

fn now() -> [Panel; 6] {
    [
        stat(
            t("Miners that do not mine", "未出块的矿工"),
            t("Shall mine and are in no miner service's set, or nothing is heard of their service: every block that they could win is lost. The table says closed, open but not built, or not listed.", "应挖矿却不在任何矿工服务中，或其服务没有应答：可能赢得的区块全部损失。下表说明是关闭、未构建还是未列出。"),
            NONE,
        )
        .named(t("miners", "矿工"), miners_off(CHOSEN))
        .unit("none")
        .none_is_good(1.0, Bad),
        stat(
            t("Mined for twice", "被重复挖矿"),
            t("Miners that more than one service mines for: two blocks at one height are slashed. Stop all but one at once.", "被多个服务挖矿的矿工：同一高度两个区块会被罚没。立即只保留一个。"),
            NONE,
        )
        .named(t("miners", "矿工"), r#"sum(sum by (job, instance, miner) (venus_miner_mining{@t,miner=~"$miner"}) > bool 1)"#)
        .unit("none")
        .none_is_good(1.0, Bad),
        stat(
            t("Faulty sectors", "错误扇区"),
            t("Earn nothing and cost a fee every day. Were proofs for a window late, or is storage gone? Declare them recovered when it is back.", "没有收益且每天罚款。窗口证明迟到还是存储丢失？恢复后声明恢复。"),
            NO_NODE,
        )
        .named(t("sectors", "扇区"), r#"sum(venus_miner_sectors{@t,miner=~"$miner",state="faulty"})"#)
        .unit("none")
        .none_is_good(1.0, Bad),
        stat(
            t("Power, quality adjusted", "有效算力"),
            t("Of all chosen miners (StateMinerPower). A step down: faults, or sectors that ended.", "所选矿工的合计（StateMinerPower）。下降：错误或到期扇区。"),
            NO_NODE,
        )
        .named(t("power", "算力"), r#"sum(venus_miner_power_bytes{@t,miner=~"$miner",kind="quality_adjusted"})"#)
        .unit("bytes")
        .bounds([(None, Bad), (Some(1.0), Busy)]),
        stat(
            t("Errors of miner services", "矿工服务的错误"),
            t("Of the last minute from 1.8 on, before that since the start. Timeout: prover or node too slow. No connection: look at the gateway.", "1.8 起为最近一分钟，之前为启动以来。超时：证明程序或节点慢。无连接：检查网关。"),
            NONE,
        )
        .named(t("errors", "错误"), r#"sum(venus_miner_errors{@t,miner=~"$miner"})"#)
        .unit("none")
        .none_is_good(1.0, Warn),
        stat(
            t("Rounds won", "爆块轮次"),
            t("Within the shown range, where a miner service records them.", "所示时间内的爆块轮次（需矿工服务开启记录）。"),
            NOT_KEPT,
        )
        .named(t("rounds", "轮次"), within_range("sum", r#"venus_miner_won_rounds_total{@t,miner=~"$miner"}"#))
        .unit("none")
        .decimals(0)
        .bounds([(None, Wait), (Some(0.5), Good)]),
    ]
}

fn miners() -> [Panel; 2] {
    let expected = miners_expected(CHOSEN);
    [
        table(
            t("Miners, those that do not mine first", "矿工，未出块的在前"),
            t("Mines empty: nothing is heard of its service. Shall 1 and Mines 0: Open 0, address start; Open 1, its prover could not be built; Open empty, its user is disabled or not bound in auth. Provers 0: the sector manager does not dial the gateway.", "挖矿中为空：其服务没有应答。应挖为是而未挖：未开启则 address start；已开启则证明程序未能构建；开启为空则其用户在 auth 中被禁用或未绑定。证明程序为 0：扇区管理器未连接网关。"),
            NONE,
        )
        .ask("", format!("{expected} - on (target, miner) ({} or 0 * {expected}) or {} - 1", mines(), mines()))
        .ask("", &expected)
        .ask("", mines())
        .ask("", by_miner("max", "venus_miner_open_for_mining"))
        .ask("", by_miner("sum", "venus_miner_errors"))
        .ask("", by_miner("max", "venus_miner_has_min_power"))
        .ask("", r#"max by (target, miner) (venus_miner_power_bytes{@t,miner=~"$miner",kind="quality_adjusted"})"#)
        .ask("", r#"max by (target, miner) (venus_miner_sectors{@t,miner=~"$miner",state="faulty"})"#)
        .ask("", by_miner("max", "venus_miner_available_balance_fil"))
        .ask("", by_miner("sum", "venus_gateway_miner_connections"))
        .ask("", by_miner("max", "venus_miner_deadline_index"))
        .ask("", r#"30 * (max by (target, miner) (venus_miner_deadline_close_epoch{@t,miner=~"$miner"})
            - on (target) group_left () max by (target) (venus_chain_expected_epoch{@t}))"#)
        .column(label("miner", t("Miner", "矿工")))
        .column(value(1, t("Shall mine", "应挖矿")).states(YES_OR_NO))
        .column(value(2, t("Mines", "挖矿中")).states(YES_IS_GOOD))
        .column(value(3, t("Open", "已开启")).states(YES_OR_NO))
        .column(value(4, t("Errors", "错误")).unit("none").none_is_good(1.0, Warn))
        .column(value(9, t("Provers", "证明程序")).unit("none").bounds([(None, Bad), (Some(1.0), Good)]))
        .column(value(5, t("Enough power", "算力达标")).states(YES_IS_GOOD))
        .column(value(6, t("Power", "算力")).unit("bytes"))
        .column(value(7, t("Faulty", "错误扇区")).unit("none").none_is_good(1.0, Bad))
        .column(value(8, t("Can spend, FIL", "可用 FIL")).bounds([(None, Bad), (Some(0.0), Wait), (Some(1.0), Good)]))
        .column(value(10, t("Window", "窗口")).unit("none"))
        .column(value(11, t("It closes in", "窗口关闭剩余")).unit("s").bounds([(None, Wait), (Some(600.0), Good)]))
        .column(label("target", t("Service", "服务")))
        .column(instance())
        .highest_first(0)
        .unit("string"),
        timeline(
            t("Mining, miner by miner", "各矿工挖矿状态"),
            t("Red while no miner service mines for it. All at once: the node is not synchronised, or the service is down.", "没有矿工服务为其挖矿时为红色。同时变红：节点未同步或服务停止。"),
            NONE,
        )
        .ask("{{target}} {{miner}}", mines())
        .states(UP),
    ]
}

fn history() -> [Panel; 6] {
    [
        series(
            t("Power over time", "算力变化"),
            t(
                "Quality adjusted, by miner. A step down: faults, or sectors that ended.",
                "各矿工的有效算力。下降：错误或到期扇区。",
            ),
            NO_NODE,
        )
        .ask(
            "{{target}} {{miner}}",
            r#"max by (target, miner) (venus_miner_power_bytes{@t,miner=~"$miner",kind="quality_adjusted"})"#,
        )
        .unit("bytes")
        .at_least_zero()
        .size(8, 8),
        series(
            t("Sectors by state", "按状态的扇区"),
            t("Live ones include those that are faulty.", "存活扇区包含错误扇区。"),
            NO_NODE,
        )
        .ask(
            "{{target}} {{miner}} {{state}}",
            r#"max by (target, miner, state) (venus_miner_sectors{@t,miner=~"$miner"})"#,
        )
        .unit("none")
        .at_least_zero()
        .size(8, 8),
        series(
            t("What miners can spend", "矿工可用余额"),
            t(
                "In FIL; below zero it owes, and its proofs fail.",
                "单位 FIL；低于零为欠款，证明会失败。",
            ),
            NO_NODE,
        )
        .ask(
            "{{target}} {{miner}}",
            by_miner("max", "venus_miner_available_balance_fil"),
        )
        .bounds([(None, Bad), (Some(0.0), Good)])
        .size(8, 8),
        series(
            t("Rounds won in an hour", "一小时内爆块轮次"),
            t(
                "Since farmwarden watches, where a miner service records them.",
                "自 farmwarden 监控以来（需矿工服务开启记录）。",
            ),
            NOT_KEPT,
        )
        .ask(
            "{{target}} {{miner}}",
            last_hour(
                "sum by (target, miner)",
                r#"venus_miner_won_rounds_total{@t,miner=~"$miner"}"#,
            ),
        )
        .at_least_zero()
        .size(8, 8),
        series(
            t("Blocks of an hour by what became of them", "一小时内的区块及结果"),
            t(
                "success can still be orphaned; anything else is a loss: prover, node or clock.",
                "success 仍可能成为孤块；其他都是损失：证明程序、节点或时钟。",
            ),
            NOT_KEPT,
        )
        .ask(
            "{{result}}",
            last_hour("sum by (result)", r#"venus_miner_blocks_total{@t,miner=~"$miner"}"#),
        )
        .at_least_zero()
        .size(8, 8),
        timeline(
            t("Symptoms of miners", "矿工症状"),
            t(
                "Each symptom of miners and provers; farmwarden explain SYMPTOM says what to do.",
                "矿工与证明程序的各种症状；farmwarden explain 症状名 说明处理办法。",
            ),
            NONE,
        )
        .ask(
            "{{target}} {{symptom}}",
            r#"max by (target, symptom) (farmwarden_symptom{@t,symptom=~"venus_(miner|prover).*"})"#,
        )
        .states(WELL)
        .size(8, 8),
    ]
}
