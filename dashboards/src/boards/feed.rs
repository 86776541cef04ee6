//! What stands around the workers of a PRB: what feeds them, and what carries their messages to the chain.

use super::prb::{NO_CHAIN, NONE};
use super::{NODES, REPAIRS};
use crate::cells::{label, to, value};
use crate::palette::Tone::{Bad, Good};
use crate::panel::{Panel, series, table, timeline};
use crate::query::{answers, coded};
use crate::states::{ANSWERS, ASKED, PROVIDER, TRANSACTION, UP, YES_OR_NO, codes};
use crate::text::{same, t};

/// Peers and data providers.
pub(super) fn providers() -> [Panel; 3] {
    [
        timeline(
            t("Peers of PRB", "PRB 进程"),
            t("Data providers and lifecycles: whether the last call brought an answer. Down: is its container running?", "数据提供者与生命周期：上次调用是否有应答。失联：容器是否在运行？"),
            NONE,
        )
        .ask("{{target}} {{peer}}", "min by (target, peer) (phala_prb_peer_up{@t})")
        .states(UP)
        .size(12, 7),
        timeline(
            t("Data providers", "数据提供者"),
            t("What each says of itself; one that has just started says that it is up to date although it knows nothing.", "各自报告的状态；刚启动的会说已追上，尽管它还一无所知。"),
            t("No PRB answers, or they have no data provider: PRB v3, and workers without a PRB", "没有 PRB 应答，或没有数据提供者：PRB v3 和无 PRB 的 worker"),
        )
        .ask("{{target}} {{peer}}", coded("target, peer", "phala_prb_data_provider_state{@t}", codes(PROVIDER)))
        .states(PROVIDER)
        .size(12, 7),
        series(
            t("Blocks that a data provider still has to process", "数据提供者待处理的块"),
            t("Finalized by its node less what workers can be given. Rising: its disk or node; restarting workers does not help. Drawn: 10.", "节点最终块减去可供 worker 的块。上升：磁盘或节点问题；重启 worker 无用。虚线：10。"),
            t("No PRB answers, or they have no data provider: PRB v3, and workers without a PRB", "没有 PRB 应答，或没有数据提供者：PRB v3 和无 PRB 的 worker"),
        )
        .ask("{{target}} {{peer}} {{chain}}", r#"max by (target, peer, chain) (phala_prb_data_provider_block_height{@t,stage="target"})
            - max by (target, peer, chain) (phala_prb_data_provider_block_height{@t,stage="processed"})"#)
        .unit("none")
        .bounds([(None, Good), (Some(10.0), Bad)])
        .link(to(t("Chain nodes", "链节点"), NODES, &[]))
        .size(8, 8),
    ]
}

/// What goes from the workers to the chain, and what is known of both beside PRB.
pub(super) fn transactions() -> [Panel; 6] {
    let prbs = answers("target", r#"{@t,collector="prb"}"#);
    [
        series(
            t("Trade queue", "交易队列"),
            t("Transactions that wait for the trader's Redis (PRB v2). Waiting grows and never falls: fees of the owner's account, then the trader's log.", "等待交易的任务（PRB v2 的 Redis）。只增不减：检查所有者账户手续费，再看 trade 日志。"),
            t("No queue is configured (queues), it does not answer, or nothing was ever put into it", "没有配置队列（queues）、它没有应答，或从未有任务"),
        )
        .ask("{{state}}", "sum by (state) (phala_prb_trade_queue_jobs{@t})")
        .unit("none")
        .at_least_zero()
        .series(TRANSACTION)
        .size(8, 8),
        series(
            t("Transactions of worker managers", "worker manager 的交易"),
            t("Of PRB v3, since it started (/tx/status). Errors rise: fees, or the chain refuses; see its list.", "PRB v3 启动以来的交易（/tx/status）。错误增加：手续费不足或链上拒绝；查看其列表。"),
            t("Only PRB v3 tells of them, and none answers", "只有 PRB v3 提供，且没有应答"),
        )
        .ask("{{state}}", r#"sum by (state) (phala_prb_transactions_by_state{@t,lifecycle=~"$lifecycle"})"#)
        .unit("none")
        .at_least_zero()
        .series(TRANSACTION)
        .link(to(t("Repairs and audit", "修复与审计"), REPAIRS, &[]))
        .size(8, 8),
        series(
            t("The next transaction has waited for", "下一笔交易已等待"),
            t(
                "The same transaction at the head of a trade queue. Drawn: 10 minutes, from where on the trader sends nothing: fees, then restart lifecycle, trade and redis-q together.",
                "交易队列首位的同一笔交易。虚线：10 分钟，此后 trade 不再发送：检查手续费，再一起重启 lifecycle、trade、redis-q。",
            ),
            t(
                "Nothing waits, no queue is configured (queues), or its Redis does not answer",
                "没有等待的交易、没有配置队列（queues），或其 Redis 没有应答",
            ),
        )
        .ask(
            "{{target}} {{queue}}",
            "time() - max by (target, queue) (phala_prb_trade_queue_next_job_waiting_since_timestamp_seconds{@t})",
        )
        .unit("s")
        .at_least_zero()
        .bounds([(None, Good), (Some(600.0), Bad)])
        .size(8, 8),
        series(
            t("pRuntimes by what became of asking them", "按查询结果的 pRuntime"),
            t(
                "Asked directly, whatever PRB believes. Down: the container, the machine, the network. Not asked: an address outside of pruntimes.networks.",
                "直接查询，与 PRB 的判断无关。失联：容器、机器、网络。未查询：地址不在 pruntimes.networks 内。",
            ),
            t(
                "pRuntimes are asked where `pruntimes` is configured, and their PRB answers",
                "仅在配置了 `pruntimes` 且其 PRB 有应答时查询 pRuntime",
            ),
        )
        .ask(
            "{{state}}",
            r#"sum by (state) (phala_prb_pruntimes{@t,lifecycle=~"$lifecycle"})"#,
        )
        .unit("none")
        .at_least_zero()
        .series(ASKED)
        .stacked()
        .size(8, 8),
        table(
            t("Which PRBs these are, those that do not answer first", "PRB 版本，未应答的在前"),
            t(
                "v2 and v0 by their monitors, v3 by its worker manager with the revision that it was built from; and whether the network's heartbeats are paused, when nobody loses V.",
                "v2、v0 由 monitor 识别，v3 由 worker manager 及构建版本识别；以及全网心跳是否暂停（暂停时无人损失 V）。",
            ),
            NONE,
        )
        .ask("", "max by (target, prb, git_revision) (phala_prb_info{@t})")
        .ask("", "max by (target) (phala_chain_heartbeat_paused{@t})")
        .ask("", &prbs)
        .ask("", format!("{prbs} != bool 1"))
        .column(label("target", same("PRB")))
        .column(value(2, t("Answers", "应答")).states(ANSWERS))
        .column(label("prb", t("Version", "版本")))
        .column(label("git_revision", t("Revision", "构建版本")))
        .column(value(1, t("Heartbeats paused", "心跳暂停")).states(YES_OR_NO))
        .highest_first(3)
        .unit("string")
        .size(8, 8),
        series(
            t("Workers of the whole network", "全网 worker"),
            t("Workers that compute or are unresponsive, of everybody (OnlineWorkers). It falls with yours: the chain or the gatekeepers, wait.", "全网计算中或无响应的 worker（OnlineWorkers）。与您的同时下降：链或守门人问题，等待。"),
            NO_CHAIN,
        )
        .named(t("network", "全网"), "max(phala_chain_online_workers{@t})")
        .unit("none")
        .size(24, 6),
    ]
}
