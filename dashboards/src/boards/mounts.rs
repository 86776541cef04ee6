//! Mounts and plot disks: which are away, hang or fail, and where there is room.

use super::MOUNTS;
use super::overview::instance;
use crate::board::Board;
use crate::cells::{label, value};
use crate::palette::Tone::{Bad, Good, Wait, Warn};
use crate::panel::{Panel, series, stat, table, timeline};
use crate::query::{lost, within_range};
use crate::states::{MOUNT, UP};
use crate::text::{Text, t};
use crate::variable::{several, targets};

const NONE: Text = t(
    "No machine's mounts are watched (collectors.mounts)",
    "没有监控机器的挂载（collectors.mounts）",
);
const NO_PLOTS: Text = t(
    "No chosen mount is a plot mount (plots), or its files cannot be counted",
    "所选挂载不是 plot 挂载（plots），或文件无法统计",
);
const YOUNG: Text = t(
    "Known after ten minutes of watching, and of the date while it is being filled",
    "监控十分钟后可知；填满时间仅在写入时可知",
);

fn by_mount(aggregate: &str, metric: &str) -> String {
    format!(r#"{aggregate} by (target, mount) ({metric}{{@t,mount=~"$mount"}})"#)
}

/// The worst that holds of a mount, by the codes of [`MOUNT`].
fn worst() -> String {
    let of = |code: u32, is: String| format!("{code} * ({is})");
    [
        of(5, format!("{} == bool 0 > 0", by_mount("max", "mount_present"))),
        of(4, format!("{} == 1", by_mount("max", "mount_stuck"))),
        of(
            3,
            r#"max by (target, mount) (mount_error{@t,mount=~"$mount",errno!="none"}) == 1"#.to_owned(),
        ),
        of(2, format!("{} == 1", by_mount("max", "mount_cifs_disconnected"))),
        of(
            2,
            format!("{} == bool 0 > 0", by_mount("max", "mount_server_reachable")),
        ),
        of(
            6,
            format!(
                "{} unless on (target, mount) mount_error{{@t}}",
                by_mount("max", "mount_present")
            ),
        ),
        of(1, format!("{} == 1", by_mount("max", "mount_read_only"))),
        of(0, by_mount("max", "mount_present")),
    ]
    .join(" or ")
}

/// The same, with mounts of machines of which nothing is heard.
fn worst_as_far_as_known() -> String {
    let there = by_mount("max", "mount_present");
    format!("{} or 6 + 0 * {}", worst(), lost("target", &there, &there))
}

pub(super) fn board() -> Board {
    let mount = several(
        "mount",
        t("Mount", "挂载"),
        t("Mount points; of plotters choose all.", "挂载点；plotter 请选全部。"),
        "label_values(mount_present{@t}, mount)",
    );
    Board::new(
        MOUNTS,
        t("Mounts", "挂载"),
        t(
            "Disks and shares of a machine: away, hung, failing, full; plots on them and plotters that fill them.",
            "机器的磁盘与共享：缺失、卡死、出错、写满；其上的 plot 与正在写入的 plotter。",
        ),
        &["mounts"],
    )
    .choose(targets("mounts"))
    .choose(mount)
    .row(t("Now", "当前"), now())
    .row(t("Mounts", "挂载"), mounts())
    .row(t("Room and plots", "空间与 plot"), room())
    .row(t("Plotters", "plotter 进度"), plotters())
}

fn now() -> [Panel; 6] {
    let count = |title, description, expr: &str| {
        stat(title, description, NONE)
            .named(title, expr)
            .unit("none")
            .none_is_good(1.0, Bad)
    };
    [
        count(
            t("Missing", "缺失"),
            t(
                "Expected mounts that are not there: what is written now fills the disk below. Stop plotters, mount, look below it.",
                "应有而不存在的挂载：现在写入会填满下层磁盘。停止 plotter，挂载，再检查下层。",
            ),
            r#"sum(mount_present{@t,mount=~"$mount"} == bool 0)"#,
        ),
        count(
            t("Stuck", "卡死"),
            t(
                "A probe has not returned: whoever touches it hangs. Is the server up? umount -f, umount -l, mount. Not the harvester first.",
                "探测没有返回：访问者都会卡住。服务器是否在线？umount -f、umount -l、mount。不要先重启 harvester。",
            ),
            r#"sum(mount_stuck{@t,mount=~"$mount"})"#,
        ),
        count(
            t("In error", "出错"),
            t(
                "ESTALE, EHOSTDOWN, ENOTCONN: mount anew. EIO on an own disk: dmesg, smartctl. EACCES: credentials.",
                "ESTALE、EHOSTDOWN、ENOTCONN：重新挂载。本机磁盘 EIO：dmesg、smartctl。EACCES：凭据。",
            ),
            r#"sum(mount_error{@t,mount=~"$mount",errno!="none"}) or 0 * sum(mount_error{@t,mount=~"$mount"})"#,
        ),
        count(
            t("Not probed", "未探测"),
            t(
                "Mounts of which nothing is known: no probe of them has ended (every child process may hang in dead mounts: repair these, or raise max_children), or nothing is heard of their machine.",
                "状态未知的挂载：探测尚无结果（子进程可能都卡在失效挂载中：修复它们或提高 max_children），或其机器没有消息。",
            ),
            &format!(
                "count({state} == 6) or 0 * count({state})",
                state = format_args!("({})", worst_as_far_as_known())
            ),
        ),
        stat(
            t("Free slots for plots", "可容纳 plot"),
            t(
                "Plots that still fit on all chosen mounts, by their first size, after reserve and unfinished ones.",
                "所选挂载按首个尺寸还能容纳的 plot 数，已扣除预留和未完成部分。",
            ),
            NO_PLOTS,
        )
        .ask("{{plot}}", r#"sum by (plot) (mount_free_slots{@t,mount=~"$mount"})"#)
        .unit("none")
        .bounds([(None, Bad), (Some(2.0), Wait), (Some(20.0), Good)]),
        stat(
            t("Plots finished", "完成的 plot"),
            t(
                "Plot files that appeared within the shown range.",
                "所示时间内出现的 plot 文件。",
            ),
            NO_PLOTS,
        )
        .named(
            t("plots", "plot 数"),
            within_range("sum", r#"mount_plots_finished_total{@t,mount=~"$mount"}"#),
        )
        .unit("none")
        .decimals(0)
        .bounds([(None, Good)]),
    ]
}

fn mounts() -> [Panel; 3] {
    [
        table(
            t("Mounts, the worst first", "挂载，最差的在前"),
            t("The worst that holds of each mount, its room, and how long probes take. On top those of which nothing is known, for a day also those of a machine that is not heard of. Figures of a mount that hangs vanish after three intervals: they are never zero.", "每个挂载最严重的状态、空间和探测用时。最前是状态未知的，机器没有消息的保留一天。卡死挂载的数字三个周期后消失，绝不显示为零。"),
            NONE,
        )
        .ask("", worst_as_far_as_known())
        .ask("", format!("1 - {} / ({} > 0)", by_mount("max", "mount_avail_bytes"), by_mount("max", "mount_size_bytes")))
        .ask("", by_mount("max", "mount_avail_bytes"))
        .ask("", by_mount("max", "mount_size_bytes"))
        .ask("", by_mount("max", "mount_free_slots"))
        .ask("", by_mount("max", "mount_plot_files"))
        .ask("", by_mount("max", "mount_temp_files"))
        .ask("", by_mount("max", "mount_probe_duration_seconds"))
        .ask("", by_mount("max", "mount_write_bytes_per_second"))
        .ask("", format!("{} - time()", by_mount("max", "mount_full_timestamp_seconds")))
        .ask("", format!("1 - {} / ({} > 0)", by_mount("max", "mount_files_free"), by_mount("max", "mount_files")))
        .ask("", r#"max by (target, mount, errno) (mount_error{@t,mount=~"$mount"})"#)
        .ask("", r#"max by (target, mount, fstype, source) (mount_info{@t,mount=~"$mount"})"#)
        .column(label("mount", t("Mount", "挂载")))
        .column(value(0, t("State", "状态")).states(MOUNT))
        .column(label("errno", t("Error", "错误")))
        .column(value(1, t("Used", "已用")).unit("percentunit"))
        .column(value(2, t("Free", "可用")).unit("bytes"))
        .column(value(3, t("Size", "大小")).unit("bytes"))
        .column(value(4, t("Slots", "可容纳")).unit("none"))
        .column(value(5, t("Plots", "plot 数")).unit("none"))
        .column(value(6, t("Unfinished", "未完成")).unit("none"))
        .column(value(7, t("Probe took", "探测用时")).unit("s").bounds([(None, Good), (Some(1.0), Wait), (Some(5.0), Bad)]))
        .column(value(8, t("Fills by", "写入速度")).unit("Bps"))
        .column(value(9, t("Full in", "写满剩余")).unit("s").bounds([(None, Bad), (Some(86_400.0), Wait), (Some(259_200.0), Good)]))
        .column(value(10, t("Inodes used", "inode 已用")).unit("percentunit").bounds([(None, Good), (Some(0.9), Bad)]))
        .column(label("fstype", t("Type", "类型")))
        .column(label("source", t("Source", "来源")))
        .column(label("target", t("Host", "主机")))
        .column(instance())
        .highest_first(0)
        .unit("string"),
        timeline(
            t("State of every mount", "各挂载状态"),
            t("The worst that held at the time. Many at once: their server, switch or cable. Unknown: no probe has ended. A gap: it was not watched, or its machine was away.", "当时最严重的状态。同时多个：服务器、交换机或线缆。未知：探测没有结果。空白：未监控或机器离线。"),
            NONE,
        )
        .ask("{{target}} {{mount}}", worst())
        .states(MOUNT)
        .size(24, 10),
        timeline(
            t("Servers of shares", "共享服务器"),
            t("Whether the server of a CIFS or NFS share accepts connections within 2 s; the share itself is not touched. Minutes earlier than any error.", "CIFS 或 NFS 服务器 2 秒内是否接受连接；不触碰共享本身。比错误早数分钟。"),
            t("No chosen mount is a CIFS or NFS share over TCP", "所选挂载不是基于 TCP 的 CIFS 或 NFS 共享"),
        )
        .ask("{{target}} {{mount}}", by_mount("min", "mount_server_reachable"))
        .states(UP)
        .size(24, 6),
    ]
}

fn room() -> [Panel; 6] {
    [
        series(
            t("Free space", "可用空间"),
            t("What an ordinary user can still write; ext4 keeps 5 % for root.", "普通用户还能写入的空间；ext4 为 root 保留 5 %。"),
            NONE,
        )
        .ask("{{target}} {{mount}}", by_mount("max", "mount_avail_bytes"))
        .unit("bytes")
        .at_least_zero()
        .size(8, 8),
        series(
            t("Free slots by mount", "各挂载可容纳 plot"),
            t("Drawn: 2, below which a mount that is being filled is almost full. Point the plotter to another one.", "虚线：2，低于此值正在写入的挂载即将写满。把 plotter 指向其他挂载。"),
            NO_PLOTS,
        )
        .ask("{{target}} {{mount}} {{plot}}", r#"max by (target, mount, plot) (mount_free_slots{@t,mount=~"$mount"})"#)
        .unit("none")
        .at_least_zero()
        .bounds([(None, Bad), (Some(2.0), Good)])
        .size(8, 8),
        series(
            t("Plot files", "plot 文件"),
            t("Files that end in .plot or .plot2. More than the harvester farms: some are skipped, see the harvester.", "以 .plot 或 .plot2 结尾的文件。多于 harvester 耕种的数量：有文件被跳过，见 harvester。"),
            NO_PLOTS,
        )
        .ask("{{target}} {{mount}}", by_mount("max", "mount_plot_files"))
        .unit("none")
        .size(8, 8),
        series(
            t("How fast it fills", "写入速度"),
            t("Mean growth over up to six hours; negative while space is freed.", "最长六小时的平均增长；释放空间时为负。"),
            YOUNG,
        )
        .ask("{{target}} {{mount}}", by_mount("max", "mount_write_bytes_per_second"))
        .unit("Bps")
        .size(8, 8),
        series(
            t("Full in", "写满剩余时间"),
            t("If it goes on growing like that. Drawn: one day.", "按当前速度继续写入。虚线：一天。"),
            YOUNG,
        )
        .ask("{{target}} {{mount}}", format!("{} - time()", by_mount("max", "mount_full_timestamp_seconds")))
        .unit("s")
        .at_least_zero()
        .bounds([(None, Bad), (Some(86_400.0), Good)])
        .size(8, 8),
        series(
            t("Duration of probes", "探测用时"),
            t("How long a look at the mount took. It climbs before a share hangs. Drawn: 5 s, from where on it counts as stuck.", "一次探测的用时。共享卡死前会上升。虚线：5 秒，视为卡死。"),
            NONE,
        )
        .ask("{{target}} {{mount}}", by_mount("max", "mount_probe_duration_seconds"))
        .unit("s")
        .at_least_zero()
        .bounds([(None, Good), (Some(5.0), Warn)])
        .size(8, 8),
    ]
}

fn plotters() -> [Panel; 3] {
    let none = t(
        "No temporary directory is configured (temporary)",
        "没有配置临时目录（temporary）",
    );
    [
        series(
            t("Plots in progress", "进行中的 plot"),
            t(
                "By temporary directory: different names among the .tmp files. Zero: no plotter works there.",
                "按临时目录统计的 .tmp 文件名。零：没有 plotter 在工作。",
            ),
            none,
        )
        .ask(
            "{{target}} {{directory}}",
            "max by (target, directory) (mount_temporary_plots{@t})",
        )
        .unit("none")
        .at_least_zero()
        .size(8, 8),
        series(
            t("Written to temporary directories", "临时目录已写入"),
            t(
                "It changes while a plotter works; a straight line with plots in progress: it hangs.",
                "plotter 工作时会变化；有进行中的 plot 却是平线：卡住。",
            ),
            none,
        )
        .ask(
            "{{target}} {{directory}}",
            "max by (target, directory) (mount_temporary_written_bytes{@t})",
        )
        .unit("bytes")
        .at_least_zero()
        .size(8, 8),
        series(
            t("Room in temporary directories", "临时目录可用空间"),
            t(
                "A k32 plot takes some 300 GB while it is made.",
                "制作一个 k32 plot 约需 300 GB。",
            ),
            none,
        )
        .ask(
            "{{target}} {{directory}}",
            "max by (target, directory) (mount_temporary_avail_bytes{@t})",
        )
        .unit("bytes")
        .at_least_zero()
        .size(8, 8),
    ]
}
