//! What a farm in trouble costs in an hour, as far as metrics tell, and the prices that they do not tell.

use super::{CHIA, MINERS, PRB};
use crate::cells::to;
use crate::palette::Tone::Bad;
use crate::panel::{Panel, stat};
use crate::query::{known_last, lost, watched};
use crate::text::{Text, same, t};
use crate::variable::{Variable, typed};

/// What a worker earned in an hour while it computed and nothing before it was broken, on average of all and over a day.
/// An outage does not count, however long: there is nobody then to take the average of.
fn pha_of_a_worker() -> String {
    let now = r#"avg(clamp_min(delta(phala_worker_reward_pha{@t}[1h]), 0)
        and on (target, lifecycle, worker) (phala_worker_session_state{@t,state="idle"} == 1)
        unless on (target, lifecycle, worker) phala_worker_broken_link_info{@t})"#;
    format!("(avg_over_time(({now})[1d:30m]) or {now})")
}

/// Workers behind a broken link, and all of a PRB of which nothing is heard.
fn pha_lost() -> String {
    let all = "sum by (target) (phala_prb_workers_by_broken_link{@t})";
    let workers = format!(
        r#"sum(sum by (target) (phala_prb_workers_by_broken_link{{@t,link!="none"}}) or {})"#,
        lost("target", all, all)
    );
    format!("({workers} * ({} > 0) or ({workers} == 0))", pha_of_a_worker())
}

/// By farm, plots of harvesters that are connected and answer. A farmer that has lost all of them farms nothing.
pub(super) fn plots_farmed() -> String {
    "(sum by (target) (chia_harvester_plots{@t}
        unless on (target, harvester) (chia_harvester_unanswered_signage_points{@t} > 10))
        or 0 * sum by (target) (chia_harvester_plots{@t} or chia_harvester_connected{@t}))"
        .to_owned()
}

/// By farm, the most plots that were there at once within a day.
pub(super) fn plots_most() -> String {
    let now = "sum by (target) (chia_harvester_plots{@t})";
    format!(
        "((max_over_time(({now})[1d:5m]) or {now}) and on (target) {})",
        watched()
    )
}

/// What is not farmed of what was there within a day, at the pace at which a plot won while all was known.
fn xch_lost() -> String {
    let pace = "1 / (max by (target) (chia_farm_expected_time_to_win_seconds{@t})
        * sum by (target) (chia_harvester_plots{@t}) > 0)";
    let pace = format!("(avg_over_time(({pace})[1d:5m]) or {pace})");
    let (most, farmed) = (plots_most(), plots_farmed());
    format!("sum(3600 * $xch_per_win * {pace} * clamp_min({most} - ({farmed} or 0 * {most}), 0))")
}

/// Miners that shall mine, as far as is known: also of a service of which nothing is heard now.
pub(super) fn miners_expected(of: &str) -> String {
    known_last("target", &format!("max by (target, miner) (venus_miner_expected{of})"))
}

/// How many miners shall mine and do not: none of the services that are heard of mines for them.
pub(super) fn miners_off(of: &str) -> String {
    let expected = miners_expected(of);
    format!("(count({expected} == 1 unless on (target, miner) (venus_miner_mining{of} == 1)) or 0 * count({expected}))")
}

fn fil_lost() -> String {
    format!(
        "{} * $fil_per_miner_hour and on () (vector($fil_per_miner_hour) > 0)",
        miners_off("{@t}")
    )
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
            t("XCH per win", "每次爆块的 XCH"),
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
        "Workers behind a broken link, and all of a PRB that does not answer (they may still earn), x what a worker earned per hour within a day while it was well. A worker that earns less than the average is counted as an average one.",
        "断链之后的 worker 数，加上没有应答的 PRB 的全部 worker（它们可能仍有收益），× 一天内正常时每台每小时的平均收益。收益低于平均的 worker 也按平均计算。",
    );
    let nothing_earned = t(
        "No workers are watched (collectors.prb), or none earned anything within a day",
        "没有监控 worker（collectors.prb），或一天内没有任何收益",
    );
    let no_pace = t(
        "No Chia farm is watched (collectors.chia), or node and farmer have not answered within a day",
        "没有监控 Chia 农场（collectors.chia），或节点与 farmer 一天内没有应答",
    );
    [
        stat(t("PHA not earned per hour", "每小时损失 PHA"), how, nothing_earned)
            .named(same("PHA"), pha_lost())
            .decimals(3)
            .none_is_good(0.000_001, Bad)
            .link(to(t("PRB fleet", "PRB worker 群"), PRB, &[]))
            .size(6, 4),
        stat(
            t("XCH not farmed per hour", "每小时损失 XCH"),
            t(
                "Plots that were there within a day and are not farmed now: gone, on a harvester that leaves signage points unanswered, or on a farm that does not answer. At the pace of that day: XCH per win (above) / expected time to win. Plots that were taken away on purpose count for a day.",
                "一天内有过而现在没有耕种的 plot：丢失、所在 harvester 不应答信号点，或农场没有应答。按当天的速度计算：每次爆块的 XCH（上方）/ 预计爆块时间。有意移走的 plot 也计入一天。",
            ),
            no_pace,
        )
        .named(same("XCH"), xch_lost())
        .decimals(6)
        .none_is_good(0.000_000_001, Bad)
        .link(to(t("Chia farm", "Chia 农场"), CHIA, &[]))
        .size(6, 4),
        stat(
            t("FIL not won per hour", "每小时损失 FIL"),
            t(
                "Miners that do not mine, and those of a service that does not answer, x what one wins in an hour, which no metric knows: set it above (FIL per miner and hour).",
                "未挖矿的矿工数，加上没有应答的服务的矿工，× 每矿工每小时收益。后者没有指标，请在上方设置（每矿工每小时 FIL）。",
            ),
            t(
                "Set FIL per miner and hour above; or no Venus miner service is watched",
                "请在上方设置每矿工每小时 FIL；或没有监控 Venus 矿工服务",
            ),
        )
        .named(same("FIL"), fil_lost())
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
