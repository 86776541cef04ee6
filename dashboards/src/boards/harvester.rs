//! One harvester: does it answer in time, what does it farm, which mounts hold it.

use super::overview::instance;
use super::{CHIA, HARVESTER, MOUNTS};
use crate::board::Board;
use crate::cells::{label, to, value};
use crate::palette::Tone::{Bad, Busy, Good, Wait, Warn};
use crate::panel::{Panel, heatmap, series, stat, table, timeline};
use crate::query::last_hour;
use crate::states::{UP, WELL};
use crate::text::{Text, same, t};
use crate::variable::{one, targets};

const NONE: Text = t(
    "Not known of this harvester: does the farmer answer, and does it know it?",
    "没有这台 harvester 的数据：farmer 是否应答、是否认识它？",
);
const NO_EVENTS: Text = t(
    "Known from events only: no daemon is configured, its connection is cut, or the release tells no lookup times (before 2.0)",
    "仅来自事件：没有配置守护进程、连接中断，或版本不提供查询时间（2.0 之前）",
);
const NO_MOUNTS: Text = t(
    "Known where farmwarden watches the mounts of the same machine and the harvester's directories (rpc, or root)",
    "仅当 farmwarden 监控同一机器的挂载和 harvester 目录（rpc 或 root）时可知",
);

fn of_it(aggregate: &str, metric: &str) -> String {
    format!(r#"{aggregate}({metric}{{@t,harvester="$harvester"}})"#)
}

pub(super) fn board() -> Board {
    let harvester = one(
        "harvester",
        same("Harvester"),
        t(
            "The harvester, by its name or the beginning of its id.",
            "harvester 名称，或其 id 的开头。",
        ),
        "label_values(chia_harvester_connected{@t}, harvester)",
    );
    Board::new(
        HARVESTER,
        t("Harvester", "Chia harvester 详情"),
        t(
            "One harvester: answers, lookup times, plots by kind, and the mounts that they lie on.",
            "一台 harvester：应答、查询时间、plot 种类以及所在挂载。",
        ),
        &["chia"],
    )
    .choose(targets("chia"))
    .choose(harvester)
    .row(t("Now", "当前"), now())
    .row(t("Does it answer in time?", "应答是否及时？"), answers())
    .row(t("What it farms", "耕种内容"), farms())
}

fn now() -> [Panel; 6] {
    [
        stat(
            t("Connected", "已连接"),
            t("With the farmer. It dials again every 3 s; down for 3 minutes: machine, process, certificate.", "与 farmer 的连接。每 3 秒重拨；断开 3 分钟：机器、进程或证书问题。"),
            NONE,
        )
        .named(t("connected", "已连接"), of_it("max", "chia_harvester_connected"))
        .unit("none")
        .states(UP)
        .link(to(t("Chia farm", "Chia 农场"), CHIA, &[])),
        stat(
            t("Plots", "plot 数"),
            t("That are farmed. Fewer than before: look at the mounts below.", "耕种中的 plot。减少时检查下方挂载。"),
            NONE,
        )
        .named(t("plots", "plot 数"), of_it("sum", "chia_harvester_plots"))
        .unit("none")
        .bounds([(None, Bad), (Some(1.0), Busy)]),
        stat(
            t("Unanswered signage points", "未应答的信号点"),
            t("Since it last answered one. More than 10: it does not farm, mostly because a mount hangs. Repair the mount; never restart it while one hangs.", "自上次应答以来。超过 10：没有耕种，多半是挂载卡死。先修挂载；卡死时绝不要重启。"),
            NO_EVENTS,
        )
        .named(t("points", "信号点"), of_it("max", "chia_harvester_unanswered_signage_points"))
        .unit("none")
        .bounds([(None, Good), (Some(3.0), Wait), (Some(10.0), Bad)]),
        stat(
            t("Lookup time, 95 of 100", "查询时间，95%"),
            t("19 of 20 lookups are shorter, within a step. From 8 s on chia warns, from 20 s on wins are lost.", "一个时间步内 20 次中有 19 次更短。8 秒起警告，20 秒起会错过爆块。"),
            NO_EVENTS,
        )
        .named(
            t("95 of 100", "95 分位"),
            r#"histogram_quantile(0.95, sum by (le) (rate(chia_harvester_lookup_seconds_bucket{@t,harvester="$harvester"}[$__rate_interval]))) >= 0"#,
        )
        .unit("s")
        .bounds([(None, Good), (Some(5.0), Wait), (Some(8.0), Warn), (Some(20.0), Bad)]),
        stat(
            t("Not farmed", "未耕种的文件"),
            t("Invalid plots, plots for missing keys and second copies: its log names them.", "无效 plot、缺少密钥的 plot 和重复副本：日志中有文件名。"),
            NONE,
        )
        .named(
            t("plots", "plot 数"),
            format!(
                "{} + {} + {}",
                of_it("sum", "chia_harvester_invalid_plots"),
                of_it("sum", "chia_harvester_keys_missing_plots"),
                of_it("sum", "chia_harvester_duplicate_plots")
            ),
        )
        .unit("none")
        .none_is_good(1.0, Warn),
        stat(
            t("Last look through its directories", "上次目录扫描"),
            t("Older than 10 minutes and no progress: the scan hangs, mostly in a dead mount.", "超过 10 分钟且无进展：扫描卡住，多半是挂载卡死。"),
            NONE,
        )
        .named(t("age", "时长"), format!("time() - {}", of_it("max", "chia_harvester_last_sync_timestamp_seconds")))
        .unit("s")
        .bounds([(None, Good), (Some(300.0), Wait), (Some(600.0), Bad)]),
    ]
}

fn answers() -> [Panel; 4] {
    [
        heatmap(
            t("Lookup times", "查询时间"),
            t("From a signage point to the end of its lookups, queueing included. Two bands: some disks sleep. A climbing band: a share over a slow network, or copies to the disks.", "从信号点到查询结束，含排队。两条色带：部分磁盘休眠。上升色带：慢网络共享或正在写入磁盘。"),
            NO_EVENTS,
        )
        .ask("{{le}}", r#"sum by (le) (increase(chia_harvester_lookup_seconds_bucket{@t,harvester="$harvester"}[$__rate_interval]))"#)
        .unit("s"),
        series(
            t("Unanswered points over time", "未应答信号点变化"),
            t("Should be near zero. Drawn: 10 (harvester_silent). A saw that climbs: some points only, a mount with few plots hangs.", "应接近零。虚线：10（harvester_silent）。上升锯齿：只有部分信号点，含少量 plot 的挂载卡死。"),
            NO_EVENTS,
        )
        .named(t("points", "信号点"), of_it("max", "chia_harvester_unanswered_signage_points"))
        .unit("none")
        .at_least_zero()
        .bounds([(None, Good), (Some(10.0), Bad)]),
        series(
            t("Eligible plots and proofs of an hour", "一小时内的合格 plot 与证明"),
            t("About one plot in 256 (512 before 2024) passes the filter of each point. Proofs include partials.", "每个信号点约 1/256（2024 年前 1/512）plot 通过过滤。证明含 partial。"),
            NO_EVENTS,
        )
        .named(t("eligible", "合格"), last_hour("sum", r#"chia_harvester_eligible_plots_total{@t,harvester="$harvester"}"#))
        .named(t("proofs", "证明"), last_hour("sum", r#"chia_harvester_proofs_total{@t,harvester="$harvester"}"#))
        .unit("none")
        .at_least_zero(),
        timeline(
            t("Symptoms of this harvester", "此 harvester 的症状"),
            t("Each symptom while it is seen on this harvester; a row at `well` for the farm otherwise.", "在此 harvester 上出现的症状；否则为农场的正常行。"),
            NONE,
        )
        .ask("{{symptom}}", r#"max by (symptom) (farmwarden_symptom{@t,symptom=~"harvester_.*|plots_.*|lookup_.*",entity="$harvester"}
            or farmwarden_symptom{@t,symptom=~"harvester_.*|plots_.*|lookup_.*",entity=""})"#)
        .states(WELL)
        .size(12, 8),
    ]
}

fn farms() -> [Panel; 4] {
    let directories =
        r#"sum by (job, instance, host, mount) (chia_harvester_mount_directories{@t,harvester="$harvester"})"#;
    let hangs = r#"max by (job, instance, host, mount) (label_replace(mount_stuck{@}, "host", "$1", "target", "(.*)"))
        and on (job, instance, host, mount) chia_harvester_mount_directories{@t,harvester="$harvester"}"#;
    [
        series(
            t("Plots and their worth", "plot 数量"),
            t("A step down: a disk or share has gone.", "下降一级：磁盘或共享消失。"),
            NONE,
        )
        .named(t("plots", "plot 数"), of_it("sum", "chia_harvester_plots"))
        .unit("none")
        .size(8, 8),
        table(
            t("Plots by kind", "按种类的 plot"),
            t("By size, owner and compression (get_harvester_plots_valid). Looked at by itself up to 20,000 plots.", "按大小、归属与压缩级别（get_harvester_plots_valid）。2 万 plot 以内自动读取。"),
            t("More plots than are looked at one by one (plot_detail), or not read yet", "plot 过多未逐个读取（plot_detail），或尚未读取"),
        )
        .ask("", r#"sum by (harvester, k, type, compression) (chia_harvester_plots_by_kind{@t,harvester="$harvester"})"#)
        .ask("", r#"sum by (harvester, k, type, compression) (chia_harvester_plots_by_kind_bytes{@t,harvester="$harvester"})"#)
        .column(label("k", t("Size k", "大小 k")))
        .column(label("type", t("Owner", "归属")))
        .column(label("compression", t("Compression", "压缩")))
        .column(value(0, t("Plots", "plot 数")).unit("none"))
        .column(value(1, t("Files", "文件大小")).unit("bytes"))
        .highest_first(0)
        .unit("string")
        .size(8, 8),
        table(
            t("Mounts that hold its plots, those that hang first", "承载 plot 的挂载，卡死的在前"),
            t("Plot directories of the harvester joined with the mounts of the same machine. Hangs empty: it cannot be told. A click opens the mount.", "harvester 目录与同一机器挂载的对应关系。卡死为空：无法判断。点击打开挂载。"),
            NO_MOUNTS,
        )
        .ask("", hangs)
        .ask("", directories)
        .ask("", r#"sum by (job, instance, host, mount) (chia_harvester_mount_plots{@t,harvester="$harvester"})"#)
        .ask("", format!("{hangs} or 0.5 + 0 * {directories}"))
        .column(label("mount", t("Mount", "挂载")).link(to(t("This mount", "此挂载"), MOUNTS, &[("instance", "instance"), ("target", "host"), ("mount", "mount")])))
        .column(value(0, t("Hangs", "卡死")).states(crate::states::YES_IS_BAD))
        .column(value(1, t("Directories", "目录")).unit("none"))
        .column(value(2, t("Plots", "plot 数")).unit("none"))
        .column(label("host", t("Host", "主机")))
        .column(instance())
        .highest_first(3)
        .unit("string")
        .size(8, 8),
        series(
            t("Size of its plot files", "plot 文件大小"),
            t("Files, and what they are worth whatever their compression.", "文件大小与等效空间。"),
            NONE,
        )
        .named(t("files", "文件"), of_it("sum", "chia_harvester_plot_bytes"))
        .named(t("worth", "等效"), of_it("sum", "chia_harvester_effective_plot_bytes"))
        .unit("bytes")
        .size(24, 6),
    ]
}
