//! One worker: what it does, why it does not, what it earns.

use super::{PRB, WORKER};
use crate::board::Board;
use crate::cells::{label, to};
use crate::palette::Tone::{Bad, Busy, Good, Wait, Warn};
use crate::panel::{Panel, series, stat, table, timeline};
use crate::query::coded;
use crate::states::{LINK, SESSION, UP, WORKER as STATES, YES_IS_BAD, YES_IS_GOOD, codes, links};
use crate::text::{Text, same, t};
use crate::variable::{one, several, targets};

const NONE: Text = t(
    "Not known of this worker: does its PRB answer, is it loaded, and is its PRB shown in full (detail: full)?",
    "没有这台 worker 的数据：PRB 是否应答、worker 是否已加载、PRB 是否为 detail: full？",
);
const NO_RUNTIME: Text = t(
    "pRuntimes are asked where `pruntimes` is configured, within its networks",
    "仅在配置了 `pruntimes` 且地址在其网络内时查询 pRuntime",
);
/// What every query here is about.
const OF_IT: &str = r#"@t,lifecycle=~"$lifecycle",worker="$worker""#;

fn of_it(metric: &str) -> String {
    format!("{metric}{{{OF_IT}}}")
}

fn max(metric: &str) -> String {
    format!("max by (target, lifecycle, worker) ({})", of_it(metric))
}

pub(super) fn board() -> Board {
    let lifecycle = several(
        "lifecycle",
        t("Lifecycle", "生命周期"),
        t(
            "Lifecycles; choose one where several have a worker of the same name.",
            "生命周期；多个生命周期有同名 worker 时请选择一个。",
        ),
        "label_values(phala_worker_info{@t}, lifecycle)",
    );
    let worker = one(
        "worker",
        same("Worker"),
        t("The worker, by its name in PRB.", "PRB 中的 worker 名称。"),
        r#"label_values(phala_worker_info{@t,lifecycle=~"$lifecycle"}, worker)"#,
    );
    Board::new(
        WORKER,
        same("Worker"),
        t(
            "One worker of a PRB, or one without: state, cause, heights, what it earns, its pRuntime.",
            "一台 worker（有无 PRB 均可）：状态、原因、高度、收益、pRuntime。",
        ),
        &["phala"],
    )
    .choose(targets("prb"))
    .choose(lifecycle)
    .choose(worker)
    .row(t("Now", "当前"), now())
    .row(t("What it did", "变化过程"), history())
    .row(t("What it earns", "收益"), earns())
    .row(same("pRuntime"), runtime())
}

fn now() -> [Panel; 7] {
    let link = links().map(|(link, code)| {
        format!(
            "max by (target, lifecycle, worker) (phala_worker_broken_link_info{{{OF_IT},link=\"{link}\"}}) * {code}"
        )
    });
    let well = format!("0 * {}", max("phala_worker_info"));
    let link = link.chain([well]).collect::<Vec<_>>().join(" or ");
    [
        stat(
            t("State in PRB", "PRB 状态"),
            t("GetWorkerStatus. Error and kicked stay until it is restarted in PRB; active alone proves nothing: see its lag.", "GetWorkerStatus。出错和被踢出需在 PRB 中重启；仅显示工作中不能说明问题：看落后块数。"),
            NONE,
        )
        .named(t("{{target}} {{lifecycle}} state", "{{target}} {{lifecycle}} 状态"), coded("target, lifecycle, worker", &of_it("phala_worker_state"), codes(STATES)))
        .unit("none")
        .states(STATES),
        stat(
            t("Session on the chain", "链上会话"),
            t("Computing earns; unresponsive loses V, until it answers its next challenge.", "计算中才有收益；无响应会损失 V，直到回应下一次挑战。"),
            t("No session is known: it is not bound on the chain, or its PRB does not answer", "没有会话：未在链上绑定，或其 PRB 没有应答"),
        )
        .named(t("{{target}} {{lifecycle}} session", "{{target}} {{lifecycle}} 会话"), coded("target, lifecycle, worker", &of_it("phala_worker_session_state"), codes(SESSION)))
        .unit("none")
        .states(SESSION),
        stat(
            t("First broken link", "首个断开的环节"),
            t("Where on the way from relay chain to worker it breaks first. Only `the worker itself` is cured by restarting the worker.", "从中继链到 worker 首先断开之处。只有“worker 自身”可通过重启 worker 修复。"),
            NONE,
        )
        .named(t("{{target}} {{lifecycle}} link", "{{target}} {{lifecycle}} 环节"), link)
        .unit("none")
        .states(LINK),
        stat(
            t("Lag", "落后"),
            t("Blocks that its data provider has and it has not. From 10 on it misses heartbeats. Rising: overloaded machine or slow network.", "数据提供者有而它没有的块数。达到 10 会错过心跳。上升：机器过载或网络慢。"),
            t("Known only while it synchronises or follows, and its PRB answers", "仅在同步或跟随且其 PRB 有应答时可知"),
        )
        .named(t("{{target}} {{lifecycle}} blocks", "{{target}} {{lifecycle}} 块"), max("phala_worker_para_lag_blocks"))
        .unit("none")
        .bounds([(None, Good), (Some(5.0), Wait), (Some(10.0), Bad)]),
        stat(
            t("Earned in the last hour", "最近一小时收益"),
            t("Rise of the session's rewards in PHA. Zero for long although it computes: are its messages getting on the chain?", "会话奖励的增量（PHA）。计算中却长期为零：消息是否上链？"),
            t("No session is known: it is not bound on the chain, or its PRB does not answer", "没有会话：未在链上绑定，或其 PRB 没有应答"),
        )
        .ask("{{target}} {{lifecycle}} PHA", format!(
                "max by (target, lifecycle, worker) (clamp_min(delta({}[1h]), 0))",
                of_it("phala_worker_reward_pha")
            ))
        .decimals(4)
        .bounds([(None, Wait), (Some(0.000_001), Good)]),
        stat(
            t("pRuntime answers", "pRuntime 应答"),
            t("Whether the worker's own program answered the last request. Down: does its container run? After a kick it ends with exit code 0.", "worker 程序是否应答了上次请求。失联：容器是否在运行？被踢后以退出码 0 结束。"),
            NO_RUNTIME,
        )
        .ask("{{target}} {{lifecycle}} pRuntime", max("phala_pruntime_up"))
        .unit("none")
        .states(UP),
        table(
            t("Who it is", "身份"),
            t("Names, keys and release, as PRB and its pRuntime tell them.", "PRB 与 pRuntime 报告的名称、密钥和版本。"),
            NONE,
        )
        .ask("", format!(
            "max by (target, lifecycle, pool, worker, endpoint, account, public_key, uuid, pruntime_version, sync_only) ({})",
            of_it("phala_worker_info")
        ))
        .ask("", format!("max by (target, lifecycle, pool, worker, kind) ({})", of_it("phala_worker_last_message_info")))
        .column(label("worker", same("Worker")))
        .column(label("target", same("PRB")).link(to(t("PRB fleet", "PRB worker 群"), PRB, &[("target", "target"), ("lifecycle", "lifecycle")])))
        .column(label("lifecycle", t("Lifecycle", "生命周期")))
        .column(label("pool", t("Pool", "矿池")))
        .column(label("kind", t("Last message", "最后消息")))
        .column(label("endpoint", t("Address", "地址")))
        .column(label("pruntime_version", t("Release", "版本")))
        .column(label("sync_only", t("Follows only", "仅同步")))
        .column(label("account", t("Account", "账户")))
        .column(label("public_key", t("Public key", "公钥")))
        .column(label("uuid", same("UUID")))
        .unit("string")
        .size(24, 4),
    ]
}

fn history() -> [Panel; 5] {
    [
        timeline(
            t("State in PRB and on the chain", "PRB 与链上状态"),
            t("The state of the worker as PRB has it. A gap: its lifecycle did not answer, or it was not loaded.", "PRB 中的 worker 状态。空白：生命周期无应答或未加载。"),
            NONE,
        )
        .named(t("{{target}} {{lifecycle}} in PRB", "{{target}} {{lifecycle}} PRB 中"), coded("target, lifecycle, worker", &of_it("phala_worker_state"), codes(STATES)))
        .states(STATES)
        .size(12, 5),
        timeline(
            t("Session over time", "会话变化"),
            t("What the chain, or PRB where no `node` is configured, had the session as.", "链上会话状态（未配置 `node` 时为 PRB 转述）。"),
            t("No session is known: it is not bound on the chain, or its PRB does not answer", "没有会话：未在链上绑定，或其 PRB 没有应答"),
        )
        .named(t("{{target}} {{lifecycle}} on the chain", "{{target}} {{lifecycle}} 链上"), coded("target, lifecycle, worker", &of_it("phala_worker_session_state"), codes(SESSION)))
        .states(SESSION)
        .size(12, 5),
        series(
            t("Lag behind the data provider", "相对数据提供者的落后"),
            t("Should stay near zero. Drawn: 10, the window for a heartbeat. A straight rise: it stands still, restart it in PRB once.", "应接近零。虚线：10，心跳窗口。直线上升：停住，在 PRB 中重启一次。"),
            t("Known only while it synchronises or follows, and its PRB answers", "仅在同步或跟随且其 PRB 有应答时可知"),
        )
        .named(t("{{target}} {{lifecycle}} blocks", "{{target}} {{lifecycle}} 块"), max("phala_worker_para_lag_blocks"))
        .unit("none")
        .at_least_zero()
        .bounds([(None, Good), (Some(10.0), Bad)]),
        series(
            t("Parachain height: given and executed", "平行链高度：已给与已执行"),
            t("What PRB has given to the worker, and what its pRuntime has executed. Apart and staying apart: pRuntime hangs.", "PRB 已给 worker 的高度与 pRuntime 已执行的高度。持续分离：pRuntime 卡住。"),
            NONE,
        )
        .named(t("{{target}} {{lifecycle}} given by PRB", "{{target}} {{lifecycle}} PRB 已给"), max("phala_worker_para_block_height"))
        .named(t("{{target}} {{lifecycle}} executed", "{{target}} {{lifecycle}} 已执行"), max("phala_pruntime_block_height"))
        .unit("none"),
        series(
            t("Relay chain headers: given and taken", "中继链区块头：已给与已取"),
            t(
                "What PRB has given to the worker, and what its pRuntime has. Apart: the parachain waits for them.",
                "PRB 已给 worker 的与 pRuntime 已有的。分离：平行链在等待它们。",
            ),
            NONE,
        )
        .named(t("{{target}} {{lifecycle}} given by PRB", "{{target}} {{lifecycle}} PRB 已给"), max("phala_worker_relay_header_height"))
        .named(t("{{target}} {{lifecycle}} taken", "{{target}} {{lifecycle}} 已取"), max("phala_pruntime_relay_header_height"))
        .unit("none")
        .size(24, 7),
    ]
}

fn earns() -> [Panel; 4] {
    let no_session = t(
        "No session is known: it is not bound on the chain, or its PRB does not answer",
        "没有会话：未在链上绑定，或其 PRB 没有应答",
    );
    [
        series(
            t("V and Ve", "V 与 Ve"),
            t("V now and when computing began; rewards are in proportion to V. V falls: it was unresponsive.", "当前 V 与开始计算时的 Ve；奖励与 V 成正比。V 下降：曾无响应。"),
            no_session,
        )
        .ask("{{target}} {{lifecycle}} V", max("phala_worker_v"))
        .ask("{{target}} {{lifecycle}} Ve", max("phala_worker_ve"))
        .size(6, 8),
        series(
            t("Benchmark P", "跑分 P"),
            t("Now and at registration. Zero for a while after a restart of pRuntime; lower for long: heat or other programs.", "当前与注册时。pRuntime 重启后短暂为零；长期偏低：过热或其他程序占用。"),
            no_session,
        )
        .named(t("{{target}} {{lifecycle}} now", "{{target}} {{lifecycle}} 当前"), max("phala_worker_p_instant"))
        .named(t("{{target}} {{lifecycle}} at registration", "{{target}} {{lifecycle}} 注册时"), max("phala_worker_p_init"))
        .unit("none")
        .at_least_zero()
        .size(6, 8),
        series(
            t("Rewards of the session", "会话奖励"),
            t("In PHA, since the worker was bound; begins anew when it is bound again. Flat: it earns nothing.", "自绑定以来的 PHA；重新绑定后从头开始。平线：没有收益。"),
            no_session,
        )
        .ask("{{target}} {{lifecycle}} PHA", max("phala_worker_reward_pha"))
        .size(6, 8),
        series(
            t("Since it was settled and challenged", "距上次结算与挑战"),
            t("Hours without settlement mean that V does not count. Drawn: 12 h (worker_settled_long_ago); on a large network longer is normal.", "长时间未结算意味着 V 不计。虚线：12 小时（worker_settled_long_ago）；大网络中更久也正常。"),
            no_session,
        )
        .named(t("{{target}} {{lifecycle}} settled", "{{target}} {{lifecycle}} 结算"), format!("time() - {}", max("phala_worker_v_updated_timestamp_seconds")))
        .named(t("{{target}} {{lifecycle}} challenged", "{{target}} {{lifecycle}} 挑战"), format!("time() - {}", max("phala_worker_challenge_timestamp_seconds")))
        .unit("s")
        .at_least_zero()
        .bounds([(None, Good), (Some(43_200.0), Warn)])
        .size(6, 8),
    ]
}

fn runtime() -> [Panel; 7] {
    let yes = |title, description, metric| {
        stat(title, description, NO_RUNTIME)
            .ask("{{target}} {{lifecycle}}", max(metric))
            .unit("none")
            .size(4, 4)
    };
    [
        yes(
            t("Registered", "已注册"),
            t("Whether pRuntime has seen its registration on the chain. No for long: attestation, fees.", "pRuntime 是否看到链上注册。长期为否：认证或手续费问题。"),
            "phala_pruntime_registered",
        )
        .states(YES_IS_GOOD),
        yes(
            t("Developers' mode", "开发模式"),
            t("May not be in production: initialize it anew without developers' options.", "生产环境不应开启：去掉开发选项后重新初始化。"),
            "phala_pruntime_dev_mode",
        )
        .states(YES_IS_BAD),
        stat(
            t("Safe mode", "安全模式"),
            t("0 is normal; 1 follows without executing blocks, 2 without storing anything: it earns nothing.", "0 正常；1 只跟随不执行，2 不存储：没有收益。"),
            NO_RUNTIME,
        )
        .named(t("{{target}} {{lifecycle}} level", "{{target}} {{lifecycle}} 级别"), max("phala_pruntime_safe_mode_level"))
        .unit("none")
        .none_is_good(1.0, Bad),
        stat(
            t("Cores", "核数"),
            t("Cores that pRuntime uses (Statistics, since 2023).", "pRuntime 使用的核数（Statistics，2023 年起）。"),
            t("Only releases since 2023 tell it, where `pruntimes` is configured", "仅 2023 年后的版本且配置了 `pruntimes` 时提供"),
        )
        .named(t("{{target}} {{lifecycle}} cores", "{{target}} {{lifecycle}} 核"), max("phala_pruntime_cores"))
        .unit("none")
        .bounds([(None, Busy)]),
        stat(
            t("Runs since", "运行时间"),
            t("When pRuntime began to run, to about 5 s. Young again and again: it crashes, or something restarts it.", "pRuntime 开始运行的时间，精度约 5 秒。反复变新：崩溃或被重启。"),
            t("Only releases since 2023 tell it, where `pruntimes` is configured", "仅 2023 年后的版本且配置了 `pruntimes` 时提供"),
        )
        .named(t("{{target}} {{lifecycle}} started", "{{target}} {{lifecycle}} 启动"), format!("1000 * {}", max("phala_pruntime_start_timestamp_seconds")))
        .unit("dateTimeFromNow")
        .bounds([(None, Good)])
        .size(8, 4),
        series(
            t("Messages that are not on the chain yet", "尚未上链的消息"),
            t("Some come and go. Only ever more for 15 minutes: fees of the owner, or the trade queue; the worker itself needs nothing. Drawn: 10.", "少量往来正常。15 分钟内只增不减：所有者手续费或交易队列；worker 无需处理。虚线：10。"),
            NO_RUNTIME,
        )
        .named(t("{{target}} {{lifecycle}} messages", "{{target}} {{lifecycle}} 消息"), max("phala_pruntime_pending_messages"))
        .unit("none")
        .at_least_zero()
        .bounds([(None, Good), (Some(10.0), Bad)]),
        series(
            t("Memory in the enclave", "飞地内存"),
            t("By kind (GetInfo memory_usage). Free near zero: pRuntime is about to fail.", "按类型（GetInfo memory_usage）。空闲接近零：pRuntime 即将失败。"),
            NO_RUNTIME,
        )
        .ask("{{target}} {{lifecycle}} {{kind}}", format!("max by (target, lifecycle, worker, kind) ({})", of_it("phala_pruntime_memory_bytes")))
        .unit("bytes")
        .at_least_zero(),
    ]
}
