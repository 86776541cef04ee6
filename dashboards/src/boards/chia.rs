//! A Chia farm: does it follow the chain, do all harvesters answer, what does the pool accept.

use super::overview::instance;
use super::{CHIA, HARVESTER, MOUNTS};
use crate::board::Board;
use crate::cells::{label, to, value};
use crate::palette::Tone::{Bad, Busy, Good, Wait, Warn};
use crate::panel::{Panel, heatmap, series, stat, table, timeline};
use crate::query::{answers, last_hour, lost};
use crate::states::{ANSWERS, PARTIAL, WELL, YES_IS_GOOD};
use crate::text::{Text, same, t};
use crate::variable::targets;

const NO_NODE: Text = t(
    "No full node is configured (full_node), or it does not answer",
    "没有配置全节点（full_node），或它没有应答",
);
const NO_FARMER: Text = t(
    "No farmer is configured (farmer), or it does not answer",
    "没有配置 farmer，或它没有应答",
);
const NO_EVENTS: Text = t(
    "Known from events only: no daemon is configured, its connection is cut, or the release tells no lookup times (before 2.0)",
    "仅来自事件：没有配置守护进程、连接中断，或版本不提供查询时间（2.0 之前）",
);
const NO_WALLET: Text = t(
    "No wallet is configured (wallet), or it does not answer",
    "没有配置钱包（wallet），或它没有应答",
);
const NO_POOL: Text = t(
    "No plots of a pool, or the farmer does not answer",
    "没有矿池 plot，或 farmer 没有应答",
);

pub(super) fn board() -> Board {
    Board::new(
        CHIA,
        t("Chia farm", "Chia 农场"),
        t(
            "Node, farmer, harvesters, pools and wallet of a Chia farm: is everything farmed that lies there.",
            "Chia 农场的节点、farmer、harvester、矿池与钱包：所有 plot 是否都在耕种。",
        ),
        &["chia"],
    )
    .choose(targets("chia"))
    .row(t("Now", "当前"), now())
    .row(t("Harvesters", "harvester 列表"), harvesters())
    .row(t("Pools", "矿池"), pools())
    .row(t("Node and wallet", "节点与钱包"), node())
}

fn now() -> [Panel; 8] {
    [
        stat(
            t("Node follows the chain", "节点已同步"),
            t("A transaction block of the last 7 minutes and a peer (get_blockchain_state). No: does its height rise? Then wait; else peers, clock, disk.", "最近 7 分钟有交易区块且有对等点（get_blockchain_state）。否：高度上升则等待；否则检查对等点、时钟、磁盘。"),
            NO_NODE,
        )
        .named(t("synchronised", "同步"), "min(chia_full_node_synced{@t})")
        .unit("none")
        .states(YES_IS_GOOD)
        .size(3, 4),
        stat(
            t("Harvesters connected", "已连接的 harvester"),
            t("Of all that were seen once or are configured; none of a farm that does not answer. Below 100 %: is its machine on? Before a restart look at its plot mounts.", "占曾出现或已配置的 harvester；没有应答的农场不计为已连接。低于 100 %：机器是否开机？重启前先检查 plot 挂载。"),
            NO_FARMER,
        )
        .named(t("connected", "已连接"), format!("sum(chia_harvester_connected{{@t}}) / count({})", connected()))
        .unit("percentunit")
        .bounds([(None, Bad), (Some(1.0), Good)])
        .size(3, 4),
        stat(
            t("Plots", "plot 数"),
            t("Of all connected harvesters. Whether that is all that there was: see the overview and the harvesters below.", "所有已连接 harvester 的 plot。是否齐全：见总览和下方的 harvester。"),
            NO_FARMER,
        )
        .named(t("plots", "plot 数"), "sum(chia_harvester_plots{@t})")
        .unit("none")
        .bounds([(None, Bad), (Some(1.0), Busy)])
        .size(3, 4),
        stat(
            t("What they are worth", "有效空间"),
            t("Effective size, whatever the compression, since 2.0. Compare with the network's space below.", "无论压缩的有效空间，2.0 起。与下方全网空间比较。"),
            t("Releases before 2.0 do not tell it; or no farmer answers", "2.0 之前的版本不提供；或没有 farmer 应答"),
        )
        .named(t("space", "空间"), "sum(chia_harvester_effective_plot_bytes{@t})")
        .unit("bytes")
        .bounds([(None, Bad), (Some(1.0), Busy)])
        .size(3, 4),
        stat(
            t("Expected time to win", "预计爆块时间"),
            t("A mean: a farm waits longer in 37 of 100 cases, longer than five times in less than one.", "平均值：100 次中有 37 次会更久，超过五倍的不到一次。"),
            t("Needs a full node and a farmer that answer", "需要全节点和 farmer 应答"),
        )
        .named(t("mean", "平均"), "min(chia_farm_expected_time_to_win_seconds{@t})")
        .unit("s")
        .bounds([(None, Good)])
        .size(3, 4),
        stat(
            t("Last signage point", "上个信号点"),
            t("Seconds since the farmer was told of one; every 9 s. From 90 s on nothing is farmed: is the node synchronised and the farmer connected with it?", "距 farmer 收到上个信号点的秒数；正常每 9 秒。超过 90 秒即没有耕种：节点是否同步并与 farmer 连接？"),
            NO_EVENTS,
        )
        .named(t("age", "时长"), "max(time() - chia_farmer_last_signage_point_timestamp_seconds{@t})")
        .unit("s")
        .bounds([(None, Good), (Some(30.0), Wait), (Some(90.0), Bad)])
        .size(3, 4),
        stat(
            t("Lookups above 8 s", "超过 8 秒的查询"),
            t("Share of all lookups within a step. chia warns from 8 s on; a proof has 28 s in all. The heat map below has the rest.", "一个时间步内的占比。8 秒起 chia 会警告；一个证明总共只有 28 秒。详见下方热图。"),
            NO_EVENTS,
        )
        .named(t("share", "占比"), share_above_8("sum"))
        .unit("percentunit")
        .decimals(2)
        .bounds([(None, Good), (Some(0.01), Wait), (Some(0.05), Bad)])
        .size(3, 4),
        stat(
            t("Parts that answer", "应答的部分"),
            t("Node, farmer, wallet and events that answered in the last round, of all that should (farmwarden_target_up). What a silent one had is in none of the figures beside. Below 100 %: farmwarden doctor TARGET.", "上一轮应答的节点、farmer、钱包和事件占全部的比例（farmwarden_target_up）。没有应答的不在旁边的数字中。低于 100 %：farmwarden doctor 目标名。"),
            t("No Chia farm is watched (collectors.chia)", "没有监控 Chia 农场（collectors.chia）"),
        )
        .named(t("answer", "应答"), format!("avg({} == bool 1)", answers("target, part", r#"{@t,collector="chia"}"#)))
        .unit("percentunit")
        .bounds([(None, Bad), (Some(0.5), Warn), (Some(1.0), Good)])
        .size(3, 4),
    ]
}

/// By harvester: 0, 1, and 2 where nothing is heard of its farm.
fn connected() -> String {
    let now = "max by (target, harvester) (chia_harvester_connected{@t})";
    format!("({now} or 2 + 0 * {})", lost("target", now, now))
}

/// Nothing where nothing was looked up.
fn share_above_8(aggregate: &str) -> String {
    format!(
        r#"1 - {aggregate} (rate(chia_harvester_lookup_seconds_bucket{{@t,le="8.0"}}[$__rate_interval]))
            / ({aggregate} (rate(chia_harvester_lookup_seconds_count{{@t}}[$__rate_interval])) > 0)"#
    )
}

fn harvesters() -> [Panel; 4] {
    let by = |aggregate: &str, metric: &str| format!("{aggregate} by (target, harvester) ({metric}{{@t}})");
    let handed = [
        ("instance", "instance"),
        ("target", "target"),
        ("harvester", "harvester"),
    ];
    let unanswered = by("max", "chia_harvester_unanswered_signage_points");
    [
        table(
            t("Harvesters, the most silent first", "harvester，最沉默的在前"),
            t("Those that are not connected on top, and for a day those of a farm that does not answer. Then by unanswered signage points, since a dead mount shows there while plots stay counted. A click opens the harvester. Never restart one while a mount of its hangs.", "未连接的在最前，没有应答的农场的 harvester 保留一天。其次按未应答的信号点：挂载卡死会先在这里显现，而 plot 数不变。点击打开 harvester。挂载卡死时绝不要重启它。"),
            NO_FARMER,
        )
        .ask("", &unanswered)
        .ask("", connected())
        .ask("", by("sum", "chia_harvester_plots"))
        .ask("", by("sum", "chia_harvester_effective_plot_bytes"))
        .ask("", share_above_8("sum by (target, harvester)"))
        .ask("", by("sum", "chia_harvester_invalid_plots"))
        .ask("", by("sum", "chia_harvester_keys_missing_plots"))
        .ask("", by("sum", "chia_harvester_duplicate_plots"))
        .ask("", "time() - max by (target, harvester) (chia_harvester_last_sync_timestamp_seconds{@t})")
        .ask("", "max by (target, harvester, host) (chia_harvester_info{@t})")
        .ask("", format!("1e9 * ({} != bool 1) + ({unanswered} or 0 * {}) or {unanswered}", connected(), connected()))
        .column(label("harvester", same("Harvester")).link(to(t("This harvester", "这台 harvester"), HARVESTER, &handed)))
        .column(value(0, t("Unanswered points", "未应答信号点")).unit("none").bounds([(None, Good), (Some(3.0), Wait), (Some(10.0), Bad)]))
        .column(value(1, t("Connected", "已连接")).states(ANSWERS))
        .column(value(2, t("Plots", "plot 数")).unit("none"))
        .column(value(3, t("Worth", "有效空间")).unit("bytes"))
        .column(value(4, t("Above 8 s", "超过 8 秒")).unit("percentunit").bounds([(None, Good), (Some(0.01), Wait), (Some(0.05), Bad)]))
        .column(value(5, t("Invalid", "无效")).unit("none").none_is_good(1.0, Warn))
        .column(value(6, t("Key missing", "缺少密钥")).unit("none").none_is_good(1.0, Warn))
        .column(value(7, t("Duplicate", "重复")).unit("none").none_is_good(1.0, Wait))
        .column(value(8, t("Last look", "上次扫描")).unit("s").bounds([(None, Good), (Some(600.0), Warn)]))
        .column(label("host", t("Host", "主机")))
        .column(label("target", t("Farm", "农场")))
        .column(instance())
        .highest_first(10)
        .unit("string"),
        heatmap(
            t("Lookup times of all harvesters", "所有 harvester 的查询时间"),
            t("From a signage point to the end of all lookups, queueing included. A band that climbs: a slow disk or share; from 20 s on proofs come too late.", "从信号点到全部查询结束，含排队。向上的色带：磁盘或共享变慢；20 秒以上证明来不及。"),
            NO_EVENTS,
        )
        .ask("{{le}}", "sum by (le) (increase(chia_harvester_lookup_seconds_bucket{@t}[$__rate_interval]))")
        .unit("s"),
        series(
            t("Plots by harvester", "各 harvester 的 plot"),
            t("A step down is a disk or share that has gone and says nothing else (plots_lost). It is back within seconds after the mount is.", "下降一级表示磁盘或共享悄悄消失（plots_lost）。挂载恢复后数秒内回来。"),
            NO_FARMER,
        )
        .ask("{{target}} {{harvester}}", by("sum", "chia_harvester_plots"))
        .unit("none")
        .link(to(t("Mounts", "挂载"), MOUNTS, &[])),
        timeline(
            t("Symptoms of the farm", "农场症状"),
            t("Each symptom; farmwarden explain SYMPTOM says what to do. Mounts first, then harvesters.", "各种症状；farmwarden explain 症状名 说明处理办法。先看挂载，再看 harvester。"),
            NO_FARMER,
        )
        .ask(
            "{{target}} {{symptom}}",
            r#"max by (target, symptom) (farmwarden_symptom{@t} and on (target) farmwarden_target_up{@t,collector="chia"})"#,
        )
        .states(WELL),
    ]
}

fn pools() -> [Panel; 4] {
    [
        series(
            t("Partials of an hour", "一小时内的 partial"),
            t("By what became of them (since 2.0). Stale ones come too late: lookup times, clock. Invalid ones: a damaged plot, bad memory.", "按结果（2.0 起）。过期：查询时间或时钟问题。无效：plot 损坏或内存故障。"),
            NO_POOL,
        )
        .ask("{{result}}", last_hour("sum by (result)", "chia_pool_partials_total{@t}"))
        .at_least_zero()
        .series(PARTIAL)
        .size(6, 8),
        series(
            t("Points of the last 24 hours", "最近 24 小时积分"),
            t("Found, and acknowledged by the pool. Apart: the pool refuses or loses partials.", "找到的与矿池确认的。出现差距：矿池拒绝或丢失 partial。"),
            NO_POOL,
        )
        .named(t("found {{pool}}", "找到 {{pool}}"), "sum by (pool) (chia_pool_points_found_24h{@t})")
        .named(t("acknowledged {{pool}}", "确认 {{pool}}"), "sum by (pool) (chia_pool_points_acknowledged_24h{@t})")
        .unit("none")
        .at_least_zero()
        .size(6, 8),
        series(
            t("Errors of pools in 24 hours", "24 小时矿池错误"),
            t("Rising all the time: the pool is down, or does not know this farmer. The farmer's log has its words.", "持续上升：矿池故障或不认识该 farmer。farmer 日志有详情。"),
            NO_POOL,
        )
        .ask("{{pool}}", "sum by (pool) (chia_pool_errors_24h{@t})")
        .unit("none")
        .at_least_zero()
        .bounds([(None, Good), (Some(1.0), Warn)])
        .size(6, 8),
        series(
            t("Difficulty that pools ask for", "矿池要求的难度"),
            t("It follows how many partials come. A fall without fewer plots: partials get lost.", "随 partial 数量调整。plot 未减而下降：partial 丢失。"),
            NO_POOL,
        )
        .ask("{{pool}} {{launcher}}", "max by (pool, launcher) (chia_pool_difficulty{@t})")
        .unit("none")
        .at_least_zero()
        .size(6, 8),
    ]
}

fn node() -> [Panel; 9] {
    [
        series(
            t("Signage points per 10 minutes", "每 10 分钟信号点"),
            t("64 are expected. The farmer's below the node's: their link. Missed by the farmer's own count (since 2.0): an overloaded machine or network.", "预期 64 个。farmer 少于节点：两者连接问题。farmer 自报错过（2.0 起）：机器或网络过载。"),
            NO_EVENTS,
        )
        .named(t("{{target}} node", "{{target}} 节点"), "600 * sum by (target) (rate(chia_full_node_signage_points_total{@t}[$__rate_interval]))")
        .named(t("{{target}} farmer", "{{target}} farmer"), "600 * sum by (target) (rate(chia_farmer_signage_points_total{@t}[$__rate_interval]))")
        .named(t("{{target}} missed", "{{target}} 错过"), "600 * sum by (target) (rate(chia_farmer_missed_signage_points_total{@t}[$__rate_interval]))")
        .unit("none")
        .at_least_zero()
        .size(8, 8),
        series(
            t("Height of node and wallet", "节点与钱包高度"),
            t("32 blocks in ten minutes. The wallet stands: farming goes on without it, restored ones take hours.", "十分钟 32 块。钱包停住：不影响耕种，恢复需数小时。"),
            NO_NODE,
        )
        .named(t("{{target}} node", "{{target}} 节点"), "max by (target) (chia_full_node_peak_height{@t})")
        .named(t("{{target}} wallet", "{{target}} 钱包"), "max by (target) (chia_wallet_height{@t})")
        .unit("none")
        .size(8, 8),
        series(
            t("Peers of the node", "节点的对等点"),
            t("Full nodes that it is connected with; it looks for 8. Drawn: 3 (chia_node_few_peers).", "已连接的全节点；目标为 8。虚线：3（chia_node_few_peers）。"),
            NO_NODE,
        )
        .ask("{{target}}", r#"max by (target) (chia_connections{@t,service="full_node",type="full_node"})"#)
        .unit("none")
        .at_least_zero()
        .bounds([(None, Bad), (Some(3.0), Good)])
        .size(8, 8),
        series(
            t("Space of the network", "全网空间"),
            t("Estimate over 4608 blocks. Your share of it is your share of wins.", "基于 4608 个区块的估计。您的占比即爆块占比。"),
            NO_NODE,
        )
        .named(t("network", "全网"), "max(chia_network_space_bytes{@t})")
        .unit("bytes")
        .size(8, 8),
        series(
            t("Mempool", "内存池"),
            t(
                "Cost of what waits for a block, as a share of what fits: near 100 % cheap transactions are refused.",
                "等待打包的交易成本占容量的比例：接近 100 % 时低费交易被拒绝。",
            ),
            NO_NODE,
        )
        .ask(
            "{{target}}",
            "max by (target) (chia_full_node_mempool_cost{@t}) / (max by (target) (chia_full_node_mempool_max_cost{@t}) > 0)",
        )
        .unit("percentunit")
        .at_least_zero()
        .size(12, 7),
        table(
            t("Releases and the wallet", "版本与钱包"),
            t(
                "Release of every service (since 2.4), and whether the wallet follows the chain: farming goes on without it.",
                "各服务版本（2.4 起），以及钱包是否同步：不影响耕种。",
            ),
            t(
                "No service of a release from 2.4 on answers",
                "没有 2.4 及以上版本的服务应答",
            ),
        )
        .ask("", "max by (target, service, version) (chia_service_info{@t})")
        .ask("", "max by (target) (chia_wallet_synced{@t})")
        .column(label("service", t("Service", "服务")))
        .column(label("version", t("Release", "版本")))
        .column(value(1, t("Wallet synchronised", "钱包同步")).states(YES_IS_GOOD))
        .column(label("target", t("Farm", "农场")))
        .unit("string")
        .size(12, 7),
        series(
            t("Blocks won", "赢得的区块"),
            t("Of the wallet so far, since 2.0.", "钱包累计，2.0 起。"),
            NO_WALLET,
        )
        .ask("{{target}}", "max by (target) (chia_wallet_blocks_won{@t})")
        .unit("none")
        .size(8, 8),
        series(
            t("Certificates end in", "证书剩余时间"),
            t("Of the farm's authority and of the certificate that farmwarden uses. Drawn: 60 days. A new authority means new certificates on every machine at once.", "农场证书机构与 farmwarden 所用证书。虚线：60 天。更换机构需同时更换所有机器的证书。"),
            t("No certificate was read: is a Chia farm configured?", "没有读取证书：是否配置了 Chia？"),
        )
        .ask("{{target}} {{file}}", "min by (target, file) (chia_tls_certificate_not_after_timestamp_seconds{@t}) - time()")
        .unit("s")
        .bounds([(None, Bad), (Some(5_184_000.0), Good)])
        .size(8, 8),
        stat(
            t("Last win", "上次爆块"),
            t("When the wallet last saw one; luck, mostly. More than five times the expected time: see no_win_for_long.", "钱包上次看到爆块的时间；多半靠运气。超过预计时间五倍：见 no_win_for_long。"),
            t("No wallet is configured or answers, it is older than 2.0, or nothing was won yet", "没有配置钱包或没有应答、版本早于 2.0，或尚未爆块"),
        )
        .named(t("win", "爆块"), "1000 * max(chia_wallet_last_farmed_timestamp_seconds{@t})")
        .unit("dateTimeFromNow")
        .bounds([(None, Good)])
        .size(8, 8),
    ]
}
