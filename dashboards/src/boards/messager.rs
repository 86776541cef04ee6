//! The queue of a messager: whose messages wait, since when, and why.

use super::MESSAGER;
use crate::board::Board;
use crate::cells::{label, value};
use crate::palette::Tone::{Bad, Good, Wait, Warn};
use crate::panel::{Panel, series, stat, table, timeline};
use crate::states::{MESSAGE, WELL, YES_IS_GOOD};
use crate::text::{Text, t};
use crate::variable::{several, targets};

const NONE: Text = t(
    "No messager is configured, or it does not answer",
    "没有配置消息服务，或它没有应答",
);
const NOTHING_WAITS: Text = t(
    "Nothing waits for more than a minute, or no messager answers",
    "没有等待超过一分钟的消息，或消息服务没有应答",
);
const OLDEST: &str = r#"time() - min by (target, address, state)
    (venus_messager_oldest_message_created_timestamp_seconds{@t,address=~"$address"})"#;

fn by_sender(aggregate: &str, metric: &str) -> String {
    format!(r#"{aggregate} by (target, address) ({metric}{{@t,address=~"$address"}})"#)
}

pub(super) fn board() -> Board {
    let address = several(
        "address",
        t("Sender", "发送者"),
        t("Senders by address.", "按地址选择发送者。"),
        "label_values(venus_messager_address_active{@t}, address)",
    );
    Board::new(
        MESSAGER,
        t("Messager queue", "Venus 消息队列"),
        t(
            "Which sender is blocked, since when and why; nonces, fees, wallets.",
            "哪个发送者被阻塞、多久、为什么；nonce、费用、钱包。",
        ),
        &["venus"],
    )
    .choose(targets("venus"))
    .choose(address)
    .row(t("Now", "当前"), now())
    .row(t("Senders", "发送者"), senders())
    .row(t("How it went", "变化过程"), history())
}

fn now() -> [Panel; 6] {
    [
        stat(
            t("Messages that wait", "等待中的消息"),
            t("For more than a minute, filled and unfilled (up to 1.10 unfilled ones of any age). At least so many where a list was cut, see below.", "等待超过一分钟的消息，含已填充和未填充（1.10 及以前含所有未填充）。列表被截断时为下限，见下。"),
            NONE,
        )
        .named(t("messages", "消息"), r#"sum(venus_messager_messages{@t,address=~"$address"})"#)
        .unit("none")
        .bounds([(None, Good), (Some(20.0), Wait), (Some(200.0), Warn)]),
        stat(
            t("The oldest waits for", "最久等待"),
            t("Age of the oldest waiting message. 1 to 3 epochs are normal; from 30 minutes on it is stuck.", "最旧消息的等待时间。1 到 3 个高度正常；30 分钟以上为卡住。"),
            NONE,
        )
        .named(
            t("age", "时长"),
            format!(r#"max({OLDEST}) or 0 * sum(venus_messager_messages{{@t,address=~"$address"}})"#),
        )
        .unit("s")
        .bounds([(None, Good), (Some(300.0), Wait), (Some(1800.0), Bad)]),
        stat(
            t("With an error", "带错误的消息"),
            t("Waiting messages that carry an error, the same with every selection: each takes the place of one that could be sent. The graph below has the classes.", "带错误的等待消息，每次选择都会重现：占用可发送消息的位置。下图为错误类别。"),
            NONE,
        )
        .named(t("messages", "消息"), r#"sum(venus_messager_messages_with_error{@t,address=~"$address"})"#)
        .unit("none")
        .none_is_good(1.0, Warn),
        stat(
            t("Proofs for windows", "窗口证明"),
            t("SubmitWindowedPoSt that wait: act before the deadline closes.", "等待中的 SubmitWindowedPoSt：在窗口关闭前处理。"),
            NONE,
        )
        .named(t("proofs", "证明"), r#"sum(venus_messager_window_post_pending{@t,address=~"$address"})"#)
        .unit("none")
        .none_is_good(1.0, Bad),
        stat(
            t("Too cheap", "费用过低"),
            t("Filled messages whose fee cap is below the base fee: wait if it falls, else replace the one with the lowest nonce.", "费用上限低于基础费率的已填充消息：费率下降则等待，否则替换 nonce 最小的一条。"),
            NONE,
        )
        .named(t("messages", "消息"), r#"sum(venus_messager_underpriced_messages{@t,address=~"$address"})"#)
        .unit("none")
        .none_is_good(1.0, Warn),
        stat(
            t("Cut or left out", "截断或略去"),
            t(
                "Lists with more messages than are read (most_messages), and senders or miners beyond most_senders and most_miners: figures are then at least so many, and of the rest nothing is called well.",
                "消息多于读取上限（most_messages）的列表，以及超出 most_senders、most_miners 的发送者或矿工：数字为下限，其余不判为正常。",
            ),
            NONE,
        )
        .named(t("left out", "略去"), "sum(venus_messager_list_truncated{@t}) + sum(venus_left_out{@t})")
        .unit("none")
        .none_is_good(1.0, Wait),
    ]
}

fn senders() -> [Panel; 2] {
    [
        table(
            t("Senders, the one that waits longest first", "发送者，等待最久的在前"),
            t("Gap at the limit: nothing more is selected. Forbidden: address active. No signer: the wallet is locked, gone, or lost its key. Balance low: fill it before its proofs fail.", "间隙达到上限：不再选择新消息。被禁止：address active。无签名者：钱包锁定、离线或丢失密钥。余额低：在证明失败前充值。"),
            NONE,
        )
        .ask(
            "",
            format!("max by (target, address) ({OLDEST}) or 0 * ({} == 0)", by_sender("sum", "venus_messager_messages")),
        )
        .ask("", r#"sum by (target, address) (venus_messager_messages{@t,address=~"$address",state="unfilled"})"#)
        .ask("", r#"sum by (target, address) (venus_messager_messages{@t,address=~"$address",state="filled"})"#)
        .ask("", by_sender("sum", "venus_messager_messages_with_error"))
        .ask("", by_sender("sum", "venus_messager_window_post_pending"))
        .ask("", by_sender("sum", "venus_messager_underpriced_messages"))
        .ask("", by_sender("max", "venus_messager_nonce_gap"))
        .ask("", by_sender("max", "venus_messager_selection_limit"))
        .ask("", by_sender("max", "venus_messager_address_active"))
        .ask("", by_sender("max", "venus_gateway_signer_available"))
        .ask("", by_sender("max", "venus_wallet_balance_fil"))
        .column(label("address", t("Sender", "发送者")).width(260))
        .column(value(0, t("Oldest waits", "最久等待")).unit("s").bounds([(None, Good), (Some(300.0), Wait), (Some(1800.0), Bad)]))
        .column(value(1, t("Unfilled", "未填充")).unit("none").none_is_good(1.0, Wait))
        .column(value(2, t("Filled", "已填充")).unit("none").none_is_good(1.0, Wait))
        .column(value(3, t("With error", "带错误")).unit("none").none_is_good(1.0, Warn))
        .column(value(4, t("Window proofs", "窗口证明")).unit("none").none_is_good(1.0, Bad))
        .column(value(5, t("Too cheap", "费用过低")).unit("none").none_is_good(1.0, Warn))
        .column(value(6, t("Nonce gap", "nonce 间隙")).unit("none"))
        .column(value(7, t("Its limit", "间隙上限")).unit("none"))
        .column(value(8, t("Active", "启用")).states(YES_IS_GOOD))
        .column(value(9, t("Signer", "签名者")).states(YES_IS_GOOD))
        .column(value(10, t("Balance, FIL", "余额 FIL")).bounds([(None, Bad), (Some(20.0), Good)]))
        .column(label("target", t("Service", "服务")))
        .highest_first(0)
        .unit("string"),
        timeline(
            t("Symptoms of the queue", "队列症状"),
            t("Each symptom of senders and wallets; the overview lists the senders, farmwarden explain says what to do.", "发送者与钱包的各种症状；总览列出具体发送者，farmwarden explain 说明处理办法。"),
            NONE,
        )
        .ask("{{target}} {{symptom}}", r#"max by (target, symptom) (farmwarden_symptom{@t,symptom=~"venus_(message|nonce|window|sender|signer|wallet).*"})"#)
        .states(WELL),
    ]
}

fn history() -> [Panel; 6] {
    [
        series(
            t("Messages that wait, by state", "按状态的等待消息"),
            t("Unfilled have no nonce yet; filled are signed and pushed. Filled that do not fall: fees or a missing nonce. Unfilled: wallet, gateway, errors.", "未填充尚无 nonce；已填充已签名并推送。已填充不降：费用或缺失 nonce。未填充不降：钱包、网关或错误。"),
            NONE,
        )
        .ask("{{state}}", r#"sum by (state) (venus_messager_messages{@t,address=~"$address"})"#)
        .unit("none")
        .at_least_zero()
        .series(MESSAGE)
        .stacked(),
        series(
            t("Age of the oldest message by sender", "各发送者最旧消息的时长"),
            t("A straight line upwards is one message that nothing moves. Drawn: 30 minutes.", "直线上升表示有一条消息一直不动。虚线：30 分钟。"),
            NOTHING_WAITS,
        )
        .ask("{{target}} {{address}} {{state}}", OLDEST)
        .unit("s")
        .at_least_zero()
        .bounds([(None, Good), (Some(1800.0), Bad)]),
        series(
            t("Errors by class", "按类别的错误"),
            t("How far messages got, and the chain's exit code. gas_estimate: the chain would refuse it. sign: mend wallet or gateway. insufficient funds: fill the wallet.", "消息到达的阶段与链的退出码。gas_estimate：链会拒绝。sign：修复钱包或网关。余额不足：充值。"),
            t("No waiting message carries an error, or no messager answers", "没有带错误的等待消息，或消息服务没有应答"),
        )
        .ask("{{class}} {{exit_code}}", r#"sum by (class, exit_code) (venus_messager_errors{@t,address=~"$address"})"#)
        .unit("none")
        .at_least_zero(),
        series(
            t("Nonce gap as a share of its limit", "nonce 间隙占上限的比例"),
            t("At 100 % nothing more of the sender is selected until messages land.", "达到 100 % 后，消息上链前不再选择该发送者的消息。"),
            NONE,
        )
        .ask("{{target}} {{address}}", format!("{} / ({} > 0)", by_sender("max", "venus_messager_nonce_gap"), by_sender("max", "venus_messager_selection_limit")))
        .unit("percentunit")
        .at_least_zero()
        .bounds([(None, Good), (Some(1.0), Bad)]),
        series(
            t("Balances of senders and wallets", "发送者与钱包余额"),
            t("In FIL. Drawn: 20, below which venus_wallet_low is told unless a wallet has a minimum of its own.", "单位 FIL。虚线：20，低于此值报告 venus_wallet_low（钱包可自设最低值）。"),
            t("No node answers about balances", "没有节点回答余额"),
        )
        .ask("{{target}} {{address}}", by_sender("max", "venus_wallet_balance_fil"))
        .at_least_zero()
        .bounds([(None, Bad), (Some(20.0), Good)]),
        series(
            t("Nonces: handed out and on the chain", "nonce：已分配与已上链"),
            t("Both rise side by side while messages land. Only the upper one rises: they do not.", "两者并行上升表示消息在上链。只有上面一条上升：没有上链。"),
            NONE,
        )
        .named(t("{{target}} {{address}} handed out", "{{target}} {{address}} 已分配"), by_sender("max", "venus_messager_address_nonce"))
        .named(t("{{target}} {{address}} on the chain", "{{target}} {{address}} 已上链"), by_sender("max", "venus_wallet_chain_nonce"))
        .unit("none"),
    ]
}
