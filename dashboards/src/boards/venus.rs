//! A Venus chain service: its processes, the node's head, the gateway, the token.

use super::costs::miners_expected;
use super::overview::instance;
use super::{MESSAGER, MINERS, VENUS};
use crate::board::Board;
use crate::cells::{label, to, value};
use crate::palette::Tone::{Bad, Good, Wait, Warn};
use crate::panel::{Panel, series, stat, table, timeline};
use crate::query::lost;
use crate::states::{ANSWERS, UP, WELL, YES_IS_GOOD};
use crate::text::{Text, t};
use crate::variable::targets;

const NONE: Text = t(
    "No Venus service is watched (collectors.venus), or none of its nodes answers",
    "没有监控 Venus 服务（collectors.venus），或其节点均无应答",
);
const NO_GATEWAY: Text = t(
    "No gateway is configured, it does not answer, or the token may not ask it (it needs admin)",
    "没有配置网关、它没有应答，或令牌权限不足（需要 admin）",
);

pub(super) fn board() -> Board {
    Board::new(
        VENUS,
        t("Venus service", "Venus 链服务"),
        t(
            "Node, messager, miner service, gateway and auth of a Filecoin chain service, from 2021 to Sophon.",
            "Filecoin 链服务的节点、消息、矿工、网关与认证，从 2021 版到 Sophon。",
        ),
        &["venus"],
    )
    .choose(targets("venus"))
    .row(t("Now", "当前"), now())
    .row(t("Processes", "进程"), processes())
    .row(t("The chain as nodes see it", "节点看到的链"), chain())
    .row(t("Gateway", "网关"), gateway())
}

/// By process: 0, 1, and 2 where nothing is heard of its service.
fn processes_up() -> String {
    let now = "max by (target, component, process) (venus_instance_up{@t})";
    format!("({now} or 2 + 0 * {})", lost("target", now, now))
}

fn now() -> [Panel; 6] {
    [
        stat(
            t("Processes that answer", "应答的进程"),
            t("Processes that told what they were asked for (venus_instance_up), of all that should. Start order is auth, gateway and node, messager, miner.", "给出所需回答的进程（venus_instance_up）。启动顺序：auth、gateway 与 node、messager、miner。"),
            NONE,
        )
        .named(t("answer", "应答"), format!("sum(venus_instance_up{{@t}}) / count({})", processes_up()))
        .unit("percentunit")
        .bounds([(None, Bad), (Some(0.99), Good)]),
        stat(
            t("Epochs behind", "落后的高度"),
            t("Between the head of the worst node and the clock: 1 is normal, 2 an epoch without a block, from 6 on blocks are lost and proofs at risk.", "最差节点的链头与时钟之差：1 正常，2 为空块，达到 6 会丢块并危及证明。"),
            NONE,
        )
        .named(t("epochs", "高度"), "max(venus_chain_epochs_behind{@t})")
        .unit("none")
        .bounds([(None, Good), (Some(4.0), Wait), (Some(6.0), Bad)]),
        stat(
            t("Base fee", "基础费率"),
            t("In attoFIL per unit of gas; 10^9 is a nanoFIL. Above 3 nanoFIL messages wait for their ceilings: leave batches for later.", "每单位 gas 的 attoFIL；10^9 为 1 nanoFIL。高于 3 nanoFIL 消息会等待：批量操作稍后再做。"),
            NONE,
        )
        .named(t("attoFIL", "attoFIL 每单位"), "max(venus_chain_base_fee_attofil{@t})")
        .bounds([(None, Good), (Some(1e9), Wait), (Some(3e9), Bad)]),
        stat(
            t("Messages that wait", "等待中的消息"),
            t("Messages of all senders that wait for more than a minute. Open the queue: it says whose, since when and why.", "所有发送者等待超过一分钟的消息。打开消息队列看板：是谁的、多久、为什么。"),
            t("No messager is configured, or it does not answer", "没有配置消息服务，或它没有应答"),
        )
        .named(t("messages", "消息"), "sum(venus_messager_messages{@t})")
        .unit("none")
        .bounds([(None, Good), (Some(20.0), Wait), (Some(200.0), Warn)])
        .link(to(t("Messager queue", "消息队列"), MESSAGER, &[])),
        stat(
            t("Proofs for windows that wait", "等待的窗口证明"),
            t("SubmitWindowedPoSt messages that wait for more than a minute: after the deadline closes they are worthless and sectors count as faulty.", "等待超过一分钟的 SubmitWindowedPoSt：窗口关闭后失效，扇区计为错误。"),
            t("No messager is configured, or it does not answer", "没有配置消息服务，或它没有应答"),
        )
        .named(t("proofs", "证明"), "sum(venus_messager_window_post_pending{@t})")
        .unit("none")
        .none_is_good(1.0, Bad)
        .link(to(t("Messager queue", "消息队列"), MESSAGER, &[])),
        stat(
            t("Miners that mine", "出块中的矿工"),
            t("Of those that shall; none of a service of which nothing is heard. Open the miners: it says where one is missing.", "占应挖矿矿工的比例；没有应答的服务不计为出块。打开矿工看板查看缺在哪里。"),
            t("No miner service is configured, or it does not answer", "没有配置矿工服务，或它没有应答"),
        )
        .named(
            t("mine", "出块"),
            format!(
                "(count(max by (target, miner) (venus_miner_expected{{@t}}) == 1
                    and on (target, miner) (venus_miner_mining{{@t}} == 1))
                    or 0 * count(venus_miner_expected{{@t}})) / (sum({}) > 0)",
                miners_expected("{@t}")
            ),
        )
        .unit("percentunit")
        .bounds([(None, Bad), (Some(1.0), Good)])
        .link(to(t("Miners", "矿工"), MINERS, &[])),
    ]
}

fn processes() -> [Panel; 4] {
    [
        table(
            t("Processes, those that do not answer first", "进程，未应答的在前"),
            t("Every process of the configuration with its release and what our token may ask. Token known 0: not issued by auth, as those of a service's own folder.", "配置中的每个进程、版本及令牌权限。令牌未知：不是 auth 签发的，例如服务自身目录中的令牌。"),
            NONE,
        )
        .ask("", processes_up())
        .ask("", "max by (target, component, process) (venus_auth_token_valid{@t})")
        .ask("", "max by (target, component, process) (venus_view_partial{@t})")
        .ask("", "max by (target, component, process, permission) (venus_auth_token_permission{@t} == 1)")
        .ask("", "max by (target, component, process, version, era) (venus_instance_info{@t})")
        .ask("", format!("{} != bool 1", processes_up()))
        .column(label("component", t("Role", "角色")))
        .column(label("process", t("Process", "进程")))
        .column(value(0, t("Answers", "应答")).states(ANSWERS))
        .column(value(1, t("Token known", "令牌有效")).states(YES_IS_GOOD))
        .column(label("permission", t("Token may", "令牌权限")))
        .column(value(2, t("Own user's only", "仅自身用户")).states(crate::states::YES_OR_NO))
        .column(label("version", t("Release", "版本")))
        .column(label("era", t("Era", "时期")))
        .column(label("target", t("Service", "服务")))
        .column(instance())
        .highest_first(5)
        .unit("string")
        .size(12, 9),
        table(
            t("Calls that a process did not answer", "未应答的调用"),
            t("Calls refused or failed in the last round although others were answered; what they would have told is absent. forbidden: a stronger token.", "其他调用正常而这些被拒绝或失败；相应数据缺失。forbidden：需要更强的令牌。"),
            t("No call failed of processes that answer: see the table beside", "有应答的进程没有失败的调用：见旁边的表格"),
        )
        .ask("", "max by (target, component, process, method, reason) (venus_call_failed{@t} == 1)")
        .column(label("component", t("Role", "角色")))
        .column(label("process", t("Process", "进程")))
        .column(label("method", t("Call", "调用")))
        .column(label("reason", t("Reason", "原因")))
        .column(label("target", t("Service", "服务")))
        .unit("string")
        .size(12, 9),
        timeline(
            t("Processes over time", "进程变化"),
            t("Whether each told what it was asked for. All at once: auth, or the machine.", "各进程是否给出回答。同时失联：auth 或机器问题。"),
            NONE,
        )
        .ask("{{target}} {{component}} {{process}}", "min by (target, component, process) (venus_instance_up{@t})")
        .states(UP)
        .size(12, 9),
        timeline(
            t("Symptoms of the service", "服务症状"),
            t("Each symptom of processes and nodes; farmwarden explain SYMPTOM says what to do.", "进程与节点的各种症状；farmwarden explain 症状名 说明处理办法。"),
            NONE,
        )
        .ask("{{target}} {{symptom}}", r#"max by (target, symptom) (farmwarden_symptom{@t,symptom=~"venus_(instance|token|node|head|base|gateway|user).*"})"#)
        .states(WELL)
        .size(12, 9),
    ]
}

fn chain() -> [Panel; 6] {
    [
        series(
            t("Head against the clock", "链头与时钟之差"),
            t("Epochs that each node is behind. Falling: it catches up, wait. Drawn: 6, from where on blocks are lost; messager and miner can be taken to another node.", "各节点落后的高度。下降：正在追赶。虚线：6，从此开始丢块；可把消息与矿工服务切到其他节点。"),
            NONE,
        )
        .ask("{{target}} {{process}}", "max by (target, process) (venus_chain_epochs_behind{@t})")
        .unit("none")
        .at_least_zero()
        .bounds([(None, Good), (Some(6.0), Bad)])
        .size(8, 8),
        series(
            t("Age of the head", "链头年龄"),
            t("Seconds since the newest block of each node was made. Drawn: 5 minutes, ten epochs (venus_head_stalled).", "各节点最新区块至今的秒数。虚线：5 分钟，十个高度（venus_head_stalled）。"),
            NONE,
        )
        .ask("{{target}} {{process}}", "time() - max by (target, process) (venus_chain_head_timestamp_seconds{@t})")
        .unit("s")
        .at_least_zero()
        .bounds([(None, Good), (Some(300.0), Bad)])
        .size(8, 8),
        series(
            t("Base fee over time", "基础费率变化"),
            t("In attoFIL per unit of gas. Drawn: 3 nanoFIL (venus_base_fee_high).", "每单位 gas 的 attoFIL。虚线：3 nanoFIL（venus_base_fee_high）。"),
            NONE,
        )
        .ask("{{target}} {{process}}", "max by (target, process) (venus_chain_base_fee_attofil{@t})")
        .at_least_zero()
        .bounds([(None, Good), (Some(3e9), Bad)])
        .size(8, 8),
        series(
            t("Peers of nodes", "节点的对等点"),
            t("All, and those that take messages or blocks from it: with none of these nothing gets out. Drawn: 10.", "全部对等点，以及接收其消息或区块的对等点：后者为零则发不出去。虚线：10。"),
            NONE,
        )
        .named(t("{{target}} {{process}} all", "{{target}} {{process}} 全部"), "max by (target, process) (venus_node_peers{@t})")
        .named(t("{{target}} {{process}} take {{topic}}", "{{target}} {{process}} 接收 {{topic}}"), "max by (target, process, topic) (venus_node_publish_peers{@t})")
        .unit("none")
        .at_least_zero()
        .bounds([(None, Bad), (Some(10.0), Good)])
        .size(8, 8),
        series(
            t("Blocks in the head", "链头区块数"),
            t("Five are expected. Often fewer on one node only: it sees blocks late.", "预期五个。只有某节点经常偏少：它收到区块较晚。"),
            NONE,
        )
        .ask("{{target}} {{process}}", "max by (target, process) (venus_chain_head_blocks{@t})")
        .unit("none")
        .at_least_zero()
        .size(8, 8),
        series(
            t("Targets of synchronisation", "同步目标"),
            t("By stage (SyncState). Running ones while a node is behind: it catches up, wait. None of them: peers, disk, log.", "按阶段（SyncState）。落后且有运行中的目标：正在追赶。没有：检查对等点、磁盘、日志。"),
            NONE,
        )
        .ask("{{target}} {{process}} {{stage}}", "sum by (target, process, stage) (venus_chain_sync_targets{@t})")
        .unit("none")
        .at_least_zero()
        .size(8, 8),
    ]
}

fn gateway() -> [Panel; 3] {
    [
        series(
            t("Requests that were not taken", "未被取走的请求"),
            t("Per kind of connection; a channel holds 30. Above 20 a wallet or prover hangs: restart that, not the gateway.", "按连接类型；每个通道可存 30。超过 20 说明钱包或证明程序卡住：重启它，而不是网关。"),
            NO_GATEWAY,
        )
        .ask("{{target}} {{process}} {{kind}}", "max by (target, process, kind) (venus_gateway_pending_requests{@t})")
        .unit("none")
        .at_least_zero()
        .bounds([(None, Good), (Some(20.0), Bad)])
        .size(8, 8),
        series(
            t("Connections", "连接数"),
            t("Wallets, provers and markets that are connected. A step down: it dials again with a token that holds, or it is gone.", "已连接的钱包、证明程序和市场。下降：会用有效令牌重连，或已消失。"),
            NO_GATEWAY,
        )
        .named(t("wallets", "钱包"), "sum(venus_gateway_wallet_connections{@t})")
        .named(t("provers", "证明程序"), "sum(venus_gateway_miner_connections{@t})")
        .named(t("markets", "市场"), "sum(venus_gateway_market_connections{@t})")
        .unit("none")
        .at_least_zero()
        .size(8, 8),
        series(
            t("Age of the oldest connection", "最旧连接的时长"),
            t("A saw that never grows old: the other side flaps. Look at its log.", "始终很短的锯齿：对方反复重连。查看其日志。"),
            NO_GATEWAY,
        )
        .ask("{{target}} {{process}} {{kind}}", "time() - min by (target, process, kind) (venus_gateway_oldest_connection_timestamp_seconds{@t})")
        .unit("s")
        .at_least_zero()
        .size(8, 8),
    ]
}
