//! Chain nodes: does each of them follow its chain, and is it the node or the chain that stands still.

use super::NODES;
use super::overview::instance;
use crate::board::Board;
use crate::cells::{label, value};
use crate::palette::Tone::{Bad, Good, Wait, Warn};
use crate::panel::{Panel, series, stat, table, timeline};
use crate::query::{answers, within_range};
use crate::states::{ANSWERS, UP, WELL, YES_OR_NO};
use crate::text::{Text, t};
use crate::variable::{several, targets};

const NONE: Text = t(
    "No chain node is watched (collectors.phala), or none of the chosen ones answers",
    "没有监控链节点（collectors.phala），或所选节点均无应答",
);
const HEAD_AGE: &str =
    r#"time() - max by (target, chain) (phala_node_best_block_timestamp_seconds{@t,chain=~"$chain"})"#;
const BEHIND: &str = r#"max by (target, chain) (phala_node_highest_block_height{@t,chain=~"$chain"})
    - max by (target, chain) (phala_node_best_block_height{@t,chain=~"$chain"})"#;
/// With the name of the network: nodes of two are not compared.
const NAMED_HEIGHT: &str = r#"phala_node_best_block_height{@t,chain=~"$chain"}
    * on (target, chain) group_left (chain_name) max by (target, chain, chain_name) (phala_node_info{@t,chain=~"$chain"})"#;
const UNFINAL: &str = r#"max by (target, chain) (phala_node_best_block_height{@t,chain=~"$chain"})
    - max by (target, chain) (phala_node_finalized_block_height{@t,chain=~"$chain"})"#;
const PEERS: &str = r#"max by (target, chain) (phala_node_peers{@t,chain=~"$chain"})"#;

/// Of a node that does not answer by the newest block that it told of within a day: it grows older.
fn head_age_as_far_as_known() -> String {
    format!(
        r#"time() - (max by (target, chain) (last_over_time(phala_node_best_block_timestamp_seconds{{@t,chain=~"$chain"}}[1d]))
            and on (target, chain) {})"#,
        answers_by_chain()
    )
}

/// Of each side of a node.
fn sides() -> String {
    answers("target, part", r#"{@t,collector="phala",part=~"$chain"}"#)
}

/// The same by the label of everything else here.
fn answers_by_chain() -> String {
    format!(
        r#"max by (target, chain) (label_replace({}, "chain", "$1", "part", "(.*)"))"#,
        sides()
    )
}

pub(super) fn board() -> Board {
    let chain = several(
        "chain",
        t("Chain", "链"),
        t("Parachain or relay chain.", "平行链或中继链。"),
        "label_values(phala_node_best_block_height{@t}, chain)",
    );
    Board::new(
        NODES,
        t("Chain nodes", "链节点"),
        t(
            "Phala, Khala and other Substrate nodes: whether each follows its chain, and whether the node or the chain stands still.",
            "Phala、Khala 及其他 Substrate 节点：是否跟上链，停住的是节点还是链。",
        ),
        &["phala"],
    )
    .choose(targets("phala"))
    .choose(chain)
    .row(t("Now", "当前"), now())
    .row(t("Nodes, the worst first", "节点，最差的在前"), nodes())
    .row(t("How it went", "变化过程"), history())
}

fn now() -> [Panel; 6] {
    [
        stat(
            t("Parts that answer", "应答的部分"),
            t("Parachain and relay sides that answered in the last round (farmwarden_target_up), of all that should. Below 100 %: farmwarden doctor TARGET.", "上一轮应答的平行链和中继链端占全部的比例（farmwarden_target_up）。低于 100 %：farmwarden doctor 目标名。"),
            NONE,
        )
        .named(t("answer", "应答"), format!("avg({} == bool 1)", sides()))
        .unit("percentunit")
        .bounds([(None, Bad), (Some(0.5), Warn), (Some(1.0), Good)]),
        stat(
            t("Oldest head", "最旧的链头"),
            t("Age of the oldest best block by the chain's own clock: the one figure that a node without peers cannot gloss over. Of a node that does not answer the newest block that it told of. From 2 minutes on workers miss heartbeats: see node_head_old.", "按链自身时钟计算的最旧最佳块年龄：没有对等点的节点也无法掩饰。没有应答的节点按它最后报告的块计算。超过 2 分钟 worker 会错过心跳：见 node_head_old。"),
            NONE,
        )
        .named(t("age", "年龄"), format!("max({})", head_age_as_far_as_known()))
        .unit("s")
        .bounds([(None, Good), (Some(60.0), Wait), (Some(120.0), Bad)]),
        stat(
            t("Furthest behind", "落后最多"),
            t("Blocks that a node's peers have and it has not (median of what they announce). Equals 0 without peers: look at the head's age.", "对等点有而节点没有的块数（取对等点通告的中位数）。没有对等点时为 0：请看链头年龄。"),
            NONE,
        )
        .named(t("blocks", "块"), format!("max({BEHIND})"))
        .unit("none")
        .bounds([(None, Good), (Some(20.0), Wait), (Some(200.0), Bad)]),
        stat(
            t("Fewest peers", "最少对等点"),
            t("Peers of the node that has the fewest. Below 3: are ports 30333 and 30334 open?", "对等点最少的节点的数量。少于 3：端口 30333 和 30334 是否开放？"),
            NONE,
        )
        .named(t("peers", "对等点"), format!("min({PEERS})"))
        .unit("none")
        .bounds([(None, Bad), (Some(3.0), Wait), (Some(8.0), Good)]),
        stat(
            t("Nodes apart", "节点间差距"),
            t("Blocks between the highest and the lowest of your nodes that answer, on one network. Small and all heads old: the chain itself stands still, restart nothing.", "同一网络上有应答的最高与最低节点之间的块数。差距小而链头都旧：是链本身停住，不要重启。"),
            NONE,
        )
        .named(t("blocks", "块"), format!("max(max by (chain, chain_name) ({NAMED_HEIGHT}) - min by (chain, chain_name) ({NAMED_HEIGHT}))"))
        .unit("none")
        .bounds([(None, Good), (Some(10.0), Wait), (Some(200.0), Warn)]),
        stat(
            t("Restarts seen", "看到的重启"),
            t("Restarts of nodes within the shown range, by a starting block that changed (system_syncState). Many: look at memory and disk.", "所示时间内节点的重启次数（system_syncState 的起始块变化）。多：检查内存和磁盘。"),
            NONE,
        )
        .named(t("restarts", "重启"), within_range("sum", r#"phala_node_restarts_total{@t,chain=~"$chain"}"#))
        .unit("none")
        .decimals(0)
        .bounds([(None, Good), (Some(0.5), Wait), (Some(3.5), Bad)]),
    ]
}

fn nodes() -> [Panel; 2] {
    [
        table(
            t("Chain nodes, those that do not answer first, then by age of their head", "链节点，未应答的在前，其次按链头年龄"),
            t("One row for each chain of each node. Of one that does not answer only the newest block that it told of within a day is known. Old and peers few: network. Old and peers many: node_stuck, look at its log. Old everywhere: the chain.", "每个节点的每条链一行。没有应答的节点只知道一天内最后报告的块。旧且对等点少：网络问题。旧但对等点多：node_stuck，看日志。全部都旧：链的问题。"),
            NONE,
        )
        .ask("", head_age_as_far_as_known())
        .ask("", BEHIND)
        .ask("", UNFINAL)
        .ask("", PEERS)
        .ask("", r#"max by (target, chain) (phala_node_syncing{@t,chain=~"$chain"})"#)
        .ask("", r#"time() - max by (target, chain) (phala_node_last_progress_timestamp_seconds{@t,chain=~"$chain"})"#)
        .ask("", r#"max by (target, chain) (phala_node_best_block_height{@t,chain=~"$chain"})"#)
        .ask("", r#"max by (target, chain, chain_name, version) (phala_node_info{@t,chain=~"$chain"})"#)
        .ask("", answers_by_chain())
        .ask(
            "",
            format!(
                "1e9 * ({answers} != bool 1) + ({} or 0 * {answers})",
                head_age_as_far_as_known(),
                answers = answers_by_chain()
            ),
        )
        .column(label("target", t("Node", "节点")))
        .column(label("chain", t("Chain", "链")))
        .column(value(8, t("Answers", "应答")).states(ANSWERS))
        .column(value(0, t("Head's age", "链头年龄")).unit("s").bounds([(None, Good), (Some(60.0), Wait), (Some(120.0), Bad)]))
        .column(value(5, t("No new block for", "无新块时长")).unit("s").bounds([(None, Good), (Some(60.0), Wait), (Some(300.0), Bad)]))
        .column(value(1, t("Behind peers", "落后对等点")).unit("none").bounds([(None, Good), (Some(20.0), Wait), (Some(200.0), Bad)]))
        .column(value(2, t("Not finalized", "未最终确定")).unit("none").bounds([(None, Good), (Some(15.0), Wait), (Some(30.0), Warn)]))
        .column(value(3, t("Peers", "对等点")).unit("none").bounds([(None, Bad), (Some(3.0), Wait), (Some(8.0), Good)]))
        .column(value(4, t("Synchronising", "同步中")).states(YES_OR_NO))
        .column(value(6, t("Height", "高度")).unit("none"))
        .column(label("chain_name", t("Network", "网络")))
        .column(label("version", t("Release", "版本")))
        .column(instance())
        .highest_first(9)
        .unit("string"),
        timeline(
            t("What answered, and what was ill", "应答与异常"),
            t("Two rows for each node: whether its sides answered, and whether it had any symptom. A gap: not known.", "每个节点两行：是否应答，是否有症状。空白：未知。"),
            NONE,
        )
        .named(t("{{target}} answers", "{{target}} 应答"), r#"min by (target) (farmwarden_target_up{@t,collector="phala"})"#)
        .named(t("{{target}} is well", "{{target}} 健康"), r#"1 - max by (target) (farmwarden_symptom{@t} and on (target) farmwarden_target_up{@t,collector="phala"})"#)
        .states(UP),
    ]
}

fn history() -> [Panel; 6] {
    [
        series(
            t("Age of the head", "链头年龄"),
            t("time() - phala_node_best_block_timestamp_seconds. All lines rise together: the chain stands still. One rises: that node. A line that ends: the node does not answer. Drawn: 2 minutes, the window for heartbeats.", "time() - phala_node_best_block_timestamp_seconds。全部一起上升：链停住。一条上升：该节点。线中断：节点没有应答。虚线：2 分钟，心跳窗口。"),
            NONE,
        )
        .ask("{{target}} {{chain}}", HEAD_AGE)
        .unit("s")
        .at_least_zero()
        .bounds([(None, Good), (Some(120.0), Bad)]),
        series(
            t("Blocks behind the peers", "落后对等点的块数"),
            t("Falling: it catches up, wait. Rising: disk too slow, or too few peers. Drawn: 200, as in the official scripts.", "下降：正在追赶，等待。上升：磁盘太慢或对等点太少。虚线：200，与官方脚本相同。"),
            NONE,
        )
        .ask("{{target}} {{chain}}", BEHIND)
        .unit("none")
        .at_least_zero()
        .bounds([(None, Good), (Some(200.0), Bad)]),
        series(
            t("Parachain and relay chain, blocks a minute", "平行链与中继链每分钟块数"),
            t("How fast each node imports: 5 a minute of a parachain with 12 s, 10 of its relay chain. More: it catches up. Zero: it stands.", "每个节点导入的速度：12 秒块时间的平行链每分钟 5 块，中继链 10 块。更多：追赶中。零：停住。"),
            NONE,
        )
        .ask("{{target}} {{chain}}", r#"60 * deriv(phala_node_best_block_height{@t,chain=~"$chain"}[5m])"#)
        .unit("none")
        .at_least_zero(),
        series(
            t("Not finalized yet", "尚未最终确定"),
            t("Blocks between best and finalized; PRB follows finalized ones only. Drawn: 15, as for a parachain (relay chain: 30).", "最佳块与最终块之间的块数；PRB 只跟随最终块。虚线：平行链 15（中继链 30）。"),
            NONE,
        )
        .ask("{{target}} {{chain}}", UNFINAL)
        .unit("none")
        .at_least_zero()
        .bounds([(None, Good), (Some(15.0), Warn)]),
        series(
            t("Peers", "对等点"),
            t("Peers by node and chain (system_health). Drawn: 3, below which node_few_peers is told.", "按节点和链统计的对等点（system_health）。虚线：3，低于此值报告 node_few_peers。"),
            NONE,
        )
        .ask("{{target}} {{chain}}", PEERS)
        .unit("none")
        .at_least_zero()
        .bounds([(None, Bad), (Some(3.0), Good)]),
        timeline(
            t("Symptoms of nodes", "节点症状"),
            t("Each symptom of each node; only those that were judged. farmwarden explain SYMPTOM says what to do.", "每个节点的每种症状；仅列出已判断的。farmwarden explain 症状名 说明处理办法。"),
            NONE,
        )
        .ask("{{target}} {{symptom}}", r#"max by (target, symptom) (farmwarden_symptom{@t,symptom=~"node_.*|chain_halted"})"#)
        .states(WELL)
        .size(12, 8),
    ]
}
