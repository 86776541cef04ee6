//! farmwarden itself: does it see everything, how fresh, at what cost.

use super::SELF;
use super::overview::instance;
use crate::board::Board;
use crate::cells::{label, value};
use crate::palette::Tone::{Bad, Good, Wait, Warn};
use crate::panel::{Panel, series, stat, table, timeline};
use crate::query::{answers, silent};
use crate::states::{ANSWERS, UP, YES_IS_GOOD};
use crate::text::{Text, same, t};
use crate::variable::targets;

const NONE: Text = t(
    "Prometheus has nothing of farmwarden: is it scraped?",
    "Prometheus 中没有 farmwarden 的数据：是否已抓取？",
);

/// Of every instance that has answered within a week, whether it does now.
const SCRAPED: &str =
    "max by (job, instance) (up{@} and on (job, instance) last_over_time(farmwarden_build_info{@}[7d]))";

/// How long ago each part last succeeded. One that never did is as old as its farmwarden, and those of a silent one grow older.
fn ages() -> String {
    let last = "farmwarden_target_last_success_timestamp_seconds{@t}";
    format!(
        "(time() - max by (target, collector, part) ({last} or {})
            or 0 * max by (target, collector, part) (farmwarden_target_up{{@t}})
                + on (job, instance) group_left () (time() - max by (job, instance) (process_start_time_seconds{{@}})))",
        silent(last)
    )
}

pub(super) fn board() -> Board {
    Board::new(
        SELF,
        t("farmwarden itself", "farmwarden 自身"),
        t(
            "Whether it sees every target, how fresh that is, what fails and why, and what it costs.",
            "是否看到每个目标、数据多新、失败原因以及资源消耗。",
        ),
        &["self"],
    )
    .choose(targets(".+"))
    .row(t("Now", "当前"), now())
    .row(t("What it sees", "看到的内容"), sees())
    .row(t("What it costs", "资源消耗"), costs())
    .row(t("Its page and its door", "页面与访问"), door())
}

fn now() -> [Panel; 6] {
    [
        stat(
            t("Scraped", "已抓取"),
            t("Whether Prometheus reaches every instance of farmwarden that it has reached within a week and still scrapes (up). Down: the table of instances says which; is it running, is the address right?", "Prometheus 能否抓取一周内抓取过且仍在配置中的每个 farmwarden 实例（up）。失联：见实例表；是否运行、地址是否正确？"),
            NONE,
        )
        .named(t("up", "正常"), format!("min({SCRAPED})"))
        .unit("none")
        .states(UP),
        stat(
            t("Parts that do not answer", "未应答的部分"),
            t("Parts of targets whose last round failed, and those of a farmwarden that is silent itself; the table says which.", "最近一轮失败的目标部分，以及失联的 farmwarden 的部分；见下表。"),
            NONE,
        )
        .named(t("parts", "部分"), format!("sum({} != bool 1)", answers("target, collector, part", "{@t}")))
        .unit("none")
        .none_is_good(1.0, Bad),
        stat(
            t("Oldest data", "最旧的数据"),
            t("Seconds since the part that succeeded longest ago, of one that never did since the start. Some parts run every 30 minutes only.", "距最久未成功部分的秒数；从未成功的从启动算起。有些部分每 30 分钟才执行。"),
            NONE,
        )
        .named(t("age", "时长"), format!("max({})", ages()))
        .unit("s")
        .bounds([(None, Good), (Some(3600.0), Wait), (Some(14_400.0), Bad)]),
        stat(
            t("Configuration in force", "配置已生效"),
            t("No: a file was changed and could not be read, an older one still is in force. farmwarden check-config says every mistake.", "否：文件已改但无法读取，旧配置仍有效。farmwarden check-config 列出所有错误。"),
            NONE,
        )
        .named(t("in force", "生效"), "min(farmwarden_config_last_reload_successful{@})")
        .unit("none")
        .states(YES_IS_GOOD),
        stat(
            t("Runs since", "运行时间"),
            t("When it was started. Counters of events begin anew with it.", "启动时间。事件计数随之重新开始。"),
            NONE,
        )
        .named(t("started", "启动"), "1000 * max(process_start_time_seconds{@} and on (job, instance) farmwarden_build_info{@})")
        .unit("dateTimeFromNow")
        .bounds([(None, Good)]),
        stat(
            t("Lost without a trace", "无声丢失"),
            t("Per hour: log lines that could not be written, samples that an upstream named twice. Not 0: slow disk for the log; or see the upstream's names.", "每小时无法写入的日志行与上游重名的样本。不为 0：日志磁盘慢，或检查上游命名。"),
            NONE,
        )
        .named(
            t("an hour", "每小时"),
            "3600 * (sum(rate(farmwarden_log_lines_dropped_total{@}[$__rate_interval])) + sum(rate(farmwarden_duplicate_samples_total{@}[$__rate_interval])))",
        )
        .unit("none")
        .none_is_good(0.1, Warn),
    ]
}

fn sees() -> [Panel; 4] {
    let answers = answers("target, collector, part", "{@t}");
    [
        table(
            t("Parts of targets, those that do not answer first, then the oldest", "目标各部分，未应答的在前，其次最旧的"),
            t("Unknown: its farmwarden is silent. farmwarden doctor TARGET says at which step one fails. Failed an hour counts rounds; in_progress means that one round was not done when the next was due.", "未知：其 farmwarden 失联。farmwarden doctor 目标名 说明卡在哪一步。每小时失败按轮计；in_progress 表示上一轮未完成。"),
            NONE,
        )
        .ask("", ages())
        .ask("", &answers)
        .ask("", "max by (target, collector, part) (farmwarden_target_round_duration_seconds{@t})")
        .ask("", "3600 * sum by (target, collector, part) (rate(farmwarden_target_failures_total{@t}[$__rate_interval]))")
        .ask("", format!("1e9 * ({answers} != bool 1) + ({} or 0 * {answers})", ages()))
        .column(label("target", t("Target", "目标")))
        .column(label("collector", t("Kind", "类型")))
        .column(label("part", t("Part", "部分")))
        .column(value(1, t("Answers", "应答")).states(ANSWERS))
        .column(value(0, t("Last success", "上次成功")).unit("s").bounds([(None, Good), (Some(600.0), Wait), (Some(3600.0), Warn)]))
        .column(value(2, t("Round took", "一轮用时")).unit("s").bounds([(None, Good), (Some(5.0), Wait), (Some(15.0), Warn)]))
        .column(value(3, t("Failed an hour", "每小时失败")).unit("none").none_is_good(1.0, Warn))
        .column(instance())
        .highest_first(4)
        .unit("string")
        .size(12, 10),
        timeline(
            t("Parts over time", "各部分变化"),
            t("Whether the last round of each part succeeded. All at once: the network, or this machine.", "各部分上一轮是否成功。同时失败：网络或本机问题。"),
            NONE,
        )
        .ask("{{target}} {{part}}", "min by (target, part) (farmwarden_target_up{@t})")
        .states(UP)
        .size(12, 10),
        series(
            t("Failures a minute, by reason", "每分钟失败，按原因"),
            t("unreachable, timeout: network or process. unauthorized, client_cert_refused: credentials. malformed: another release. in_progress: too slow for its interval.", "unreachable、timeout：网络或进程。unauthorized、client_cert_refused：凭据。malformed：版本不同。in_progress：慢于周期。"),
            NONE,
        )
        .ask("{{reason}}", "60 * sum by (reason) (rate(farmwarden_target_failures_total{@t}[$__rate_interval]))")
        .unit("none")
        .at_least_zero()
        .stacked(),
        series(
            t("Duration of rounds", "一轮用时"),
            t("By target and part. It climbs before it fails: the upstream is overloaded.", "按目标和部分。失败前会上升：上游过载。"),
            NONE,
        )
        .ask("{{target}} {{part}}", "max by (target, part) (farmwarden_target_round_duration_seconds{@t})")
        .unit("s")
        .at_least_zero(),
    ]
}

fn costs() -> [Panel; 4] {
    [
        series(
            t("Memory", "内存"),
            t(
                "Held in RAM. It follows the number of workers, plots and messages.",
                "占用的内存。随 worker、plot 和消息数量变化。",
            ),
            NONE,
        )
        .ask(
            "{{instance}}",
            "process_resident_memory_bytes{@} and on (job, instance) farmwarden_build_info{@}",
        )
        .unit("bytes")
        .at_least_zero()
        .size(6, 7),
        series(
            t("Processor", "处理器"),
            t(
                "Share of one core. High for long: raise the intervals of the largest target.",
                "单核占比。长期偏高：延长最大目标的周期。",
            ),
            NONE,
        )
        .ask(
            "{{instance}}",
            "rate(process_cpu_seconds_total{@}[$__rate_interval]) and on (job, instance) farmwarden_build_info{@}",
        )
        .unit("percentunit")
        .at_least_zero()
        .size(6, 7),
        series(
            t("Threads and open files", "线程与打开的文件"),
            t("A straight climb is a leak: report it.", "直线上升即泄漏：请报告。"),
            NONE,
        )
        .named(
            t("threads", "线程"),
            "sum(process_threads{@} and on (job, instance) farmwarden_build_info{@})",
        )
        .named(
            t("open files", "打开的文件"),
            "sum(process_open_fds{@} and on (job, instance) farmwarden_build_info{@})",
        )
        .unit("none")
        .at_least_zero()
        .size(6, 7),
        series(
            t("Children that touch mounts", "访问挂载的子进程"),
            t(
                "Busy or stuck; a dead mount keeps one each until it returns.",
                "忙碌或卡死；每个失效挂载占用一个。",
            ),
            NONE,
        )
        .ask("{{instance}}", "farmwarden_probe_children{@}")
        .unit("none")
        .at_least_zero()
        .size(6, 7),
    ]
}

fn door() -> [Panel; 3] {
    [
        series(
            t("Requests a minute", "每分钟请求"),
            t("By route and code. 401: a wrong token or password; 503 of /alerts: the journal.", "按路径与状态码。401：令牌或密码错误；/alerts 的 503：审计日志问题。"),
            NONE,
        )
        .ask("{{route}} {{code}}", "60 * sum by (route, code) (rate(farmwarden_http_requests_total{@}[$__rate_interval]))")
        .unit("none")
        .at_least_zero()
        .size(8, 8),
        series(
            t("Refused a minute, by reason", "每分钟拒绝，按原因"),
            t("wrong_credentials that climbs: somebody guesses. no_credentials: a scraper without its token. connections: too many were open.", "wrong_credentials 上升：有人在猜。no_credentials：抓取方没带令牌。connections：连接过多。"),
            NONE,
        )
        .ask("{{reason}}", "60 * sum by (reason) (rate(farmwarden_http_requests_refused_total{@}[$__rate_interval]))")
        .named(t("connections", "连接"), "60 * sum(rate(farmwarden_http_connections_refused_total{@}[$__rate_interval]))")
        .unit("none")
        .at_least_zero()
        .size(8, 8),
        table(
            t("Instances, those that are down first", "实例，失联的在前"),
            t("Every instance of the last week that Prometheus still scrapes, with its release and when its configuration was last read.", "一周内出现过且仍在抓取的每个实例、版本和上次读取配置的时间。"),
            NONE,
        )
        .ask("", "1000 * min by (job, instance) (farmwarden_config_last_reload_success_timestamp_seconds{@})")
        .ask("", "sum by (job, instance) (farmwarden_http_connections{@})")
        .ask("", "max by (job, instance, version, arch) (farmwarden_build_info{@})")
        .ask("", SCRAPED)
        .column(label("instance", t("Instance", "实例")))
        .column(value(3, t("Scraped", "已抓取")).states(UP))
        .column(label("job", t("Job of Prometheus", "Prometheus 作业")))
        .column(label("version", same("farmwarden")))
        .column(label("arch", t("Architecture", "架构")))
        .column(value(0, t("Configuration read", "配置读取")).unit("dateTimeFromNow"))
        .column(value(1, t("Connections", "连接")).unit("none"))
        .lowest_first(3)
        .unit("string")
        .size(8, 8),
    ]
}
