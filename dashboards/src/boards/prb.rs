//! A fleet of workers: what state they are in, what breaks them first, which are the worst.

use super::overview::instance;
use super::{PRB, WORKER, feed};
use crate::board::Board;
use crate::cells::{label, to, value};
use crate::palette::Tone::{Bad, Busy, Good, Wait, Warn};
use crate::panel::{Panel, series, stat, table};
use crate::query::{answers, coded, lost};
use crate::states::{LINK, SESSION, WORKER as WORKER_STATES, YES_OR_NO, codes, links};
use crate::text::{Text, same, t};
use crate::variable::{several, targets};

pub(super) const NONE: Text = t(
    "No PRB is watched (collectors.prb), or none of the chosen ones answers",
    "没有监控 PRB（collectors.prb），或所选 PRB 均无应答",
);
const SUMMARY: Text = t(
    "No chosen PRB answers, or it has no single workers to show: all with detail: full, the worst 20 with detail: summary",
    "所选 PRB 均无应答，或没有可显示的单台 worker：detail: full 显示全部，detail: summary 只显示最差的 20 台",
);
pub(super) const NO_CHAIN: Text = t(
    "Asked of the chain only where `node` is configured; or it does not answer",
    "仅在配置了 `node` 时向链上查询；或它没有应答",
);

pub(super) fn board() -> Board {
    let lifecycle = several(
        "lifecycle",
        t("Lifecycle", "生命周期"),
        t(
            "Lifecycles (v3: worker managers) by name.",
            "按名称选择生命周期（v3：worker manager）。",
        ),
        "label_values(phala_prb_workers_configured{@t}, lifecycle)",
    );
    Board::new(
        PRB,
        t("PRB fleet", "PRB worker 群"),
        t(
            "Workers of PRB v2, v3 and v0 and those without: by state, by first broken link, the worst first; pools, providers, trade queues.",
            "PRB v2、v3、v0 以及无 PRB 的 worker：按状态、按首个断开的环节、最差的在前；矿池、数据提供者、交易队列。",
        ),
        &["phala"],
    )
    .choose(targets("prb"))
    .choose(lifecycle)
    .row(t("Now", "当前"), now())
    .row(t("Workers", "worker 列表"), workers())
    .row(t("Pools and what they earn", "矿池与收益"), pools())
    .row(t("What stands before the workers", "worker 之前的环节"), feed::providers())
    .row(t("Transactions, pRuntimes and the network", "交易、pRuntime 与网络"), feed::transactions())
}

fn now() -> [Panel; 7] {
    [
        stat(
            t("PRBs that answer", "应答的 PRB"),
            t("Parts of PRBs that answered in the last round, of all that should (farmwarden_target_up). What a silent one had is in none of the figures beside. Below 100 %: farmwarden doctor TARGET.", "上一轮应答的 PRB 各部分占全部的比例（farmwarden_target_up）。没有应答的不在旁边的数字中。低于 100 %：farmwarden doctor 目标名。"),
            NONE,
        )
        .named(t("answer", "应答"), format!("avg({} == bool 1)", answers("target, part", r#"{@t,collector="prb"}"#)))
        .unit("percentunit")
        .bounds([(None, Bad), (Some(0.5), Warn), (Some(1.0), Good)])
        .size(3, 4),
        stat(
            t("Workers that compute", "计算中的 worker"),
            t("Sessions that the chain (or PRB, see the label source) has as computing: only these earn. Compare with the enabled ones. Of a PRB with detail: summary its worst 20 are counted only.", "链上（或 PRB，见标签 source）显示为计算中的会话：只有它们有收益。与已启用的数量比较。detail: summary 的 PRB 只计最差的 20 台。"),
            SUMMARY,
        )
        .named(t("computing", "计算中"), r#"sum(phala_worker_session_state{@t,lifecycle=~"$lifecycle",state="idle"})"#)
        .unit("none")
        .bounds([(None, Bad), (Some(1.0), Busy)])
        .size(3, 4),
        stat(
            t("Enabled workers", "已启用的 worker"),
            t("Enabled in the lifecycle's database (ListWorker). More than are loaded: restart the lifecycle at a quiet moment.", "生命周期数据库中已启用的 worker（ListWorker）。多于已加载的：在空闲时重启生命周期。"),
            NONE,
        )
        .named(t("enabled", "已启用"), r#"sum(phala_prb_workers_enabled{@t,lifecycle=~"$lifecycle"})"#)
        .unit("none")
        .bounds([(None, Good)])
        .size(3, 4),
        stat(
            t("In error or kicked", "出错或被踢出"),
            t("Workers that PRB has in error or kicked: they do not leave that by themselves (but for lost connections of v3). Restart them in PRB, or let a policy do it.", "PRB 中出错或被踢出的 worker：不会自行恢复（v3 的断连除外）。在 PRB 中重启，或由策略处理。"),
            NONE,
        )
        .named(t("workers", "worker 数"), r#"sum(phala_prb_workers{@t,lifecycle=~"$lifecycle",state=~"error|kicked"})"#)
        .unit("none")
        .none_is_good(1.0, Bad)
        .size(3, 4),
        stat(
            t("Behind a broken link", "受上游故障影响"),
            t("Workers that suffer from something before them (relay chain to lifecycle), not of their own: repair that, leave the workers alone.", "因上游（中继链到生命周期）而受影响的 worker：修复上游，不要动 worker。"),
            NONE,
        )
        .named(t("workers", "worker 数"), r#"sum(phala_prb_workers_by_broken_link{@t,lifecycle=~"$lifecycle",link!~"none|worker"})"#)
        .unit("none")
        .none_is_good(1.0, Warn),
        stat(
            t("Largest lag", "最大落后"),
            t("Blocks that the data provider has and the slowest worker that follows has not (v3: the furthest worker). Drawn: 10, the window for a heartbeat.", "数据提供者有而最慢的跟随 worker 没有的块数（v3：相对最快的 worker）。界限：10，心跳窗口。"),
            SUMMARY,
        )
        .named(t("blocks", "块"), r#"max(phala_worker_para_lag_blocks{@t,lifecycle=~"$lifecycle"})"#)
        .unit("none")
        .bounds([(None, Good), (Some(5.0), Wait), (Some(10.0), Bad)]),
        stat(
            t("Least gas of a pool's owner", "矿池所有者最少余额"),
            t("PHA that the owner of a pool has free for fees. Below 2: send some to the account in the table of pools. Not what counts where PRB pays by a proxy account.", "矿池所有者可用于手续费的 PHA。低于 2：向矿池表中的账户转入。若 PRB 由代理账户付费则以代理为准。"),
            NO_CHAIN,
        )
        .named(same("PHA"), "min(phala_pool_operator_free_balance_pha{@t})")
        .decimals(2)
        .bounds([(None, Bad), (Some(2.0), Wait), (Some(10.0), Good)]),
    ]
}

fn workers() -> [Panel; 4] {
    let own =
        |metric: &str| format!(r#"max by (target, lifecycle, pool, worker) ({metric}{{@t,lifecycle=~"$lifecycle"}})"#);
    let state = coded(
        "target, lifecycle, pool, worker",
        r#"phala_worker_state{@t,lifecycle=~"$lifecycle"}"#,
        codes(WORKER_STATES),
    );
    let session = coded(
        "target, lifecycle, pool, worker",
        r#"phala_worker_session_state{@t,lifecycle=~"$lifecycle"}"#,
        codes(SESSION),
    );
    let broken = broken_link();
    [
        series(
            t("Workers by state in PRB", "按 PRB 状态的 worker 数"),
            t("Workers that are loaded (GetWorkerStatus). PRB leaves a worker active that silently stopped: compare with the next graph.", "已加载的 worker（GetWorkerStatus）。静默停止的 worker 在 PRB 中仍是工作中：与下一图比较。"),
            NONE,
        )
        .ask("{{state}}", r#"sum by (state) (phala_prb_workers{@t,lifecycle=~"$lifecycle"})"#)
        .unit("none")
        .at_least_zero()
        .series(WORKER_STATES)
        .stacked(),
        series(
            t("Workers by first broken link", "按首个断开环节的 worker 数"),
            t("What breaks first on the way from relay chain to worker; `well` counts those without. Repair the leftmost link.", "从中继链到 worker 首先断开的环节；“正常”为没有断开的。先修最靠前的环节。"),
            NONE,
        )
        .ask("{{link}}", r#"sum by (link) (phala_prb_workers_by_broken_link{@t,lifecycle=~"$lifecycle"})"#)
        .unit("none")
        .at_least_zero()
        .series(LINK)
        .stacked(),
        table(
            t("Workers, the worst first", "worker，最差的在前"),
            t("Every worker with what PRB, the chain and farmwarden know of it. A click opens the worker. First those that nobody hears of (for a day, since their PRB does not answer), then those with a broken link, which stands in the second column.", "每台 worker 的 PRB、链上和 farmwarden 信息。点击打开 worker 看板。最前是没有消息的 worker（其 PRB 没有应答，保留一天），然后是有断开环节的，见第二列。"),
            SUMMARY,
        )
        .ask("", broken)
        .ask("", state)
        .ask("", session)
        .ask("", own("phala_worker_para_lag_blocks"))
        .ask("", own("phala_worker_v"))
        .ask("", own("phala_worker_ve"))
        .ask("", own("phala_worker_p_init"))
        .ask("", own("phala_worker_p_instant"))
        .ask("", own("phala_worker_reward_pha"))
        .ask("", own("phala_worker_stake_pha"))
        .ask("", own("phala_pruntime_cores"))
        .ask("", own("phala_worker_para_block_height"))
        .ask("", r#"1000 * max by (target, lifecycle, pool, worker) (phala_worker_v_updated_timestamp_seconds{@t,lifecycle=~"$lifecycle"})"#)
        .ask("", r#"1000 * max by (target, lifecycle, pool, worker) (phala_pruntime_start_timestamp_seconds{@t,lifecycle=~"$lifecycle"})"#)
        .ask("", r#"max by (target, lifecycle, pool, worker, endpoint, account, public_key) (phala_worker_info{@t,lifecycle=~"$lifecycle"})"#)
        .column(label("worker", same("Worker")).link(own_worker()))
        .column(value(0, t("Broken link", "断开环节")).states(LINK))
        .column(value(1, t("In PRB", "PRB 状态")).states(WORKER_STATES))
        .column(value(2, t("On the chain", "链上状态")).states(SESSION))
        .column(value(3, t("Lag", "落后")).unit("none").bounds([(None, Good), (Some(5.0), Wait), (Some(10.0), Bad)]))
        .column(value(4, same("V")))
        .column(value(5, same("Ve")))
        .column(value(6, t("P initial", "初始 P")).unit("none"))
        .column(value(7, t("P now", "当前 P")).unit("none"))
        .column(value(8, t("Rewards", "奖励")))
        .column(value(9, t("Stake", "质押")))
        .column(value(10, t("Cores", "核数")).unit("none"))
        .column(value(11, t("Height", "高度")).unit("none"))
        .column(value(12, t("Settled", "结算")).unit("dateTimeFromNow"))
        .column(value(13, t("Started", "启动")).unit("dateTimeFromNow"))
        .column(label("pool", t("Pool", "矿池")))
        .column(label("lifecycle", t("Lifecycle", "生命周期")))
        .column(label("target", same("PRB")))
        .column(label("endpoint", t("Address", "地址")))
        .column(label("account", t("Account", "账户")))
        .column(label("public_key", t("Public key", "公钥")))
        .column(instance())
        .highest_first(0)
        .unit("string")
        .size(24, 12),
        series(
            t("Workers by kind of their last message", "按最后消息类型的 worker 数"),
            t("Messages are never cleared and may be old; many of one kind at once have one cause. docs/prb.md lists the kinds.", "消息不会清除，可能是旧的；同一类型突然很多说明有共同原因。类型见 docs/prb.md。"),
            NONE,
        )
        .ask("{{kind}}", r#"sum by (kind) (phala_prb_worker_messages{@t,lifecycle=~"$lifecycle"}) > 0"#)
        .unit("none")
        .at_least_zero()
        .size(24, 6),
    ]
}

/// The code of the first broken link of every worker, 0 for those that are well, that of unknown where nothing is heard.
fn broken_link() -> String {
    let ill = links().map(|(link, code)| {
        format!(
            r#"max by (target, lifecycle, pool, worker) (phala_worker_broken_link_info{{@t,lifecycle=~"$lifecycle",link="{link}"}}) * {code}"#
        )
    });
    let all = r#"max by (target, lifecycle, pool, worker) (phala_worker_info{@t,lifecycle=~"$lifecycle"})"#;
    // In a summary a worker that is well again is shown no more: its lifecycle still is.
    let gone = lost(
        "target, lifecycle",
        all,
        r#"phala_prb_workers{@t,lifecycle=~"$lifecycle"}"#,
    );
    let rest = [format!("0 * {all}"), format!("6 + 0 * {gone}")];
    ill.chain(rest).collect::<Vec<_>>().join(" or ")
}

fn own_worker() -> crate::cells::Link {
    let hands_over = [
        ("instance", "instance"),
        ("target", "target"),
        ("lifecycle", "lifecycle"),
        ("worker", "worker"),
    ];
    to(t("This worker", "这台 worker"), WORKER, &hands_over)
}

fn pools() -> [Panel; 4] {
    let by_pool = |aggregate: &str, metric: &str| {
        format!(r#"{aggregate} by (target, lifecycle, pool) ({metric}{{@t,lifecycle=~"$lifecycle"}})"#)
    };
    [
        table(
            t("Pools, the one with the most broken workers first", "矿池，故障 worker 最多的在前"),
            t("Pools of the lifecycles' databases; gas is the free balance of the pool's owner on the chain, where `node` is configured. Commission and free stake are not read.", "生命周期数据库中的矿池；余额为所有者链上可用余额（需配置 `node`）。不读取佣金和空闲质押。"),
            NONE,
        )
        .ask("", r#"sum by (target, lifecycle, pool) (phala_prb_workers{@t,lifecycle=~"$lifecycle",state=~"error|kicked"})"#)
        .ask("", by_pool("sum", "phala_prb_workers"))
        .ask("", by_pool("sum", "phala_worker_reward_pha"))
        .ask("", by_pool("sum", "phala_worker_stake_pha"))
        .ask("", by_pool("max", "phala_prb_pool_enabled"))
        .ask("", r#"max by (target, lifecycle, pool, name) (phala_prb_pool_info{@t,lifecycle=~"$lifecycle"})"#)
        .ask(
            "",
            r#"0 * max by (target, lifecycle, pool) (phala_prb_pool_enabled{@t,lifecycle=~"$lifecycle"})
                + on (target, pool) group_left (account) max by (target, pool, account) (phala_pool_operator_free_balance_pha{@t})"#,
        )
        .column(label("pool", t("Pool", "矿池")))
        .column(label("name", t("Name", "名称")))
        .column(value(0, t("In error or kicked", "出错或被踢出")).unit("none").none_is_good(1.0, Bad))
        .column(value(1, t("Workers", "worker 数")).unit("none"))
        .column(value(2, t("Rewards of these sessions", "会话累计奖励")))
        .column(value(3, t("Stake", "质押")))
        .column(value(4, t("Enabled", "启用")).states(YES_OR_NO))
        .column(value(6, t("Owner's gas", "所有者余额")).bounds([(None, Bad), (Some(2.0), Wait), (Some(10.0), Good)]))
        .column(label("account", t("Owner", "所有者")))
        .column(label("lifecycle", t("Lifecycle", "生命周期")))
        .column(label("target", same("PRB")))
        .highest_first(0)
        .unit("string")
        .size(24, 8),
        series(
            t("Rewards per hour by pool", "各矿池每小时奖励"),
            t("Sum of what the sessions of a pool earned in the last hour, in PHA; of a PRB with detail: summary, of its worst workers only. It falls before anything else does when heartbeats are missed.", "矿池内会话最近一小时的收益之和（PHA）；detail: summary 的 PRB 只含最差的 worker。错过心跳时它最先下降。"),
            SUMMARY,
        )
        .ask("{{pool}}", r#"sum by (pool) (clamp_min(delta(phala_worker_reward_pha{@t,lifecycle=~"$lifecycle"}[1h]), 0))"#)
        .at_least_zero()
        .size(8, 8),
        series(
            t("V and Ve by pool, on average", "各矿池平均 V 与 Ve"),
            t("V below Ve for long: workers were unresponsive and lose. V grows while a worker answers its heartbeats.", "V 长期低于 Ve：worker 曾无响应而受损。回应心跳时 V 增长。"),
            SUMMARY,
        )
        .ask("V {{pool}}", r#"avg by (pool) (phala_worker_v{@t,lifecycle=~"$lifecycle"})"#)
        .ask("Ve {{pool}}", r#"avg by (pool) (phala_worker_ve{@t,lifecycle=~"$lifecycle"})"#)
        .size(8, 8),
        series(
            t("P now by pool, on average", "各矿池平均当前 P"),
            t("Benchmark of the present; lower than at registration on many workers: heat, throttling, other programs.", "当前跑分；很多 worker 低于注册时：过热、降频或被其他程序占用。"),
            SUMMARY,
        )
        .named(t("now {{pool}}", "当前 {{pool}}"), r#"avg by (pool) (phala_worker_p_instant{@t,lifecycle=~"$lifecycle"})"#)
        .named(t("initial {{pool}}", "初始 {{pool}}"), r#"avg by (pool) (phala_worker_p_init{@t,lifecycle=~"$lifecycle"})"#)
        .unit("none")
        .size(8, 8),
    ]
}
