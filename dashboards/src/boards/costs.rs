//! What a farm in trouble costs in an hour, as far as metrics tell, and the prices that they do not tell.

use super::overview::{NO_CHIA, NO_PHALA};
use super::{CHIA, MINERS, PRB};
use crate::cells::to;
use crate::palette::Tone::Bad;
use crate::panel::{Panel, stat};
use crate::text::{Text, same, t};
use crate::variable::{Variable, typed};

/// What a worker that computes earns in an hour, on average.
const PHA_OF_A_WORKER: &str = r#"avg(clamp_min(delta(phala_worker_reward_pha{@t}[1h]), 0)
    and on (target, lifecycle, worker) (phala_worker_session_state{@t,state="idle"} == 1))"#;
/// How many miners shall mine and do not.
pub(super) const MINERS_OFF: &str = r"(sum(max by (target, miner) (venus_miner_expected{@t}) == 1)
    - sum(max by (target, miner) (venus_miner_mining{@t}) and on (target, miner) (venus_miner_expected{@t} == 1)))";

fn pha_lost() -> String {
    format!(r#"sum(phala_prb_workers_by_broken_link{{@t,link!="none"}}) * {PHA_OF_A_WORKER}"#)
}

/// What is not farmed of what was there within a day, at the pace of the present.
fn xch_lost() -> String {
    "sum(3600 * $xch_per_win / max by (target) (chia_farm_expected_time_to_win_seconds{@t})
        * clamp_min(sum by (target) (max_over_time(chia_harvester_plots{@t}[1d]))
        / sum by (target) (chia_harvester_plots{@t}) - 1, 0))"
        .to_owned()
}

fn fil_lost() -> String {
    format!("{MINERS_OFF} * $fil_per_miner_hour")
}

/// What is not known is not zero: a coin with a price and without a figure leaves the sum empty.
fn money_lost() -> String {
    let priced = |lost: String, price: &str| {
        format!("(sum({lost}) * ${price} or (vector(0) unless on () (vector(${price}) > 0)))")
    };
    let terms = [
        priced(pha_lost(), "price_pha"),
        priced(xch_lost(), "price_xch"),
        priced(fil_lost(), "price_fil"),
    ];
    format!(
        "{} and on () (vector($price_pha + $price_xch + $price_fil) > 0)",
        terms.join(" + ")
    )
}

/// What no metric knows.
pub(super) fn variables() -> [Variable; 5] {
    let price = |coin: Text, name| {
        let what = t(
            "What one is worth in your money; 0 leaves it out of the sum.",
            "一枚折合多少钱；0 表示不计入合计。",
        );
        typed(name, coin, what, "0")
    };
    [
        price(t("Price of PHA", "PHA 单价"), "price_pha"),
        price(t("Price of XCH", "XCH 单价"), "price_xch"),
        price(t("Price of FIL", "FIL 单价"), "price_fil"),
        typed(
            "xch_per_win",
            t("XCH per win", "每次获胜的 XCH"),
            t(
                "Reward of a block: 1 from March 2024 on, half of it from March 2027 on; solo all of it, in a pool its share.",
                "区块奖励：2024 年 3 月起为 1，2027 年 3 月起减半；单独耕种得全部，矿池得其份额。",
            ),
            "1",
        ),
        typed(
            "fil_per_miner_hour",
            t("FIL per miner and hour", "每矿工每小时 FIL"),
            t(
                "What a miner of yours wins in an hour on average; no metric knows it. 0: not set.",
                "您的矿工平均每小时收益；没有指标能提供。0：未设置。",
            ),
            "0",
        ),
    ]
}

pub(super) fn panels() -> [Panel; 4] {
    let how = t(
        "Workers behind a broken link x what a computing worker earned in the last hour. A worker that earns less than the average is counted as an average one.",
        "断链之后的矿机数 × 正常矿机最近一小时的平均收益。收益低于平均的矿机也按平均计算。",
    );
    [
        stat(t("PHA not earned per hour", "每小时损失 PHA"), how, NO_PHALA)
            .named(same("PHA"), pha_lost())
            .decimals(3)
            .none_is_good(0.000_001, Bad)
            .link(to(t("PRB fleet", "PRB 矿机群"), PRB, &[]))
            .size(6, 4),
        stat(
            t("XCH not farmed per hour", "每小时损失 XCH"),
            t(
                "Plots that were there within a day and are not now, at the pace of the others: XCH per win (above) / expected time to win. Silent harvesters keep their plots in the count: see the Chia farm. Plots that were moved between harvesters count twice for a day.",
                "一天内有过而现在没有的绘图，按其余绘图的速度计算：每次获胜的 XCH（上方）/ 预计获胜时间。沉默的收割机仍计入：见 Chia 看板。在收割机之间移动的绘图一天内会重复计算。",
            ),
            NO_CHIA,
        )
        .named(same("XCH"), xch_lost())
        .decimals(6)
        .none_is_good(0.000_000_001, Bad)
        .link(to(t("Chia farm", "Chia 农场"), CHIA, &[]))
        .size(6, 4),
        stat(
            t("FIL not won per hour", "每小时损失 FIL"),
            t(
                "Miners that do not mine x what one wins in an hour, which no metric knows: set it above (FIL per miner and hour).",
                "未挖矿的矿工数 × 每矿工每小时收益。后者没有指标，请在上方设置（每矿工每小时 FIL）。",
            ),
            t(
                "Set FIL per miner and hour above; or no Venus miner service is watched",
                "请在上方设置每矿工每小时 FIL；或没有监控 Venus 矿工服务",
            ),
        )
        .named(
            same("FIL"),
            format!("{} and on () (vector($fil_per_miner_hour) > 0)", fil_lost()),
        )
        .decimals(4)
        .none_is_good(0.000_001, Bad)
        .link(to(t("Miners", "矿工"), MINERS, &[]))
        .size(6, 4),
        stat(
            t("In money per hour", "每小时损失金额"),
            t(
                "The three figures times the prices typed above, in whatever money these are. Only coins with a price count; if the figure of one is unknown, so is the sum. Power is not in it: no metric knows it.",
                "左侧三项乘以上方填写的单价，货币由您决定。只计入有单价的币；其中任何一项未知，合计也未知。不含电费：没有相应指标。",
            ),
            t(
                "Type at least one price above; or a figure to its left is unknown",
                "请在上方至少填写一个单价；或左侧某项未知",
            ),
        )
        .named(t("money", "金额"), money_lost())
        .decimals(2)
        .none_is_good(0.000_001, Bad)
        .size(6, 4),
    ]
}
