//! What was asked of farmwarden, what it did, what held it back, and whether its record is whole.

use super::{OVERVIEW, REPAIRS};
use crate::board::Board;
use crate::cells::{label, to, value};
use crate::palette::Tone::{Bad, Busy, Good, Wait, Warn};
use crate::panel::{Panel, heatmap, series, stat, table, timeline};
use crate::query::within_range;
use crate::states::{OUTCOME, PHASE, UP};
use crate::text::{Text, t};

const NONE: Text = t(
    "No journal is configured (journal.directory), so nothing is repaired; or farmwarden is not scraped",
    "没有配置审计日志（journal.directory），因此不会修复；或未抓取 farmwarden",
);
const NO_POLICY: Text = t(
    "No policy is configured (remedies.policies), so nothing is repaired; or farmwarden is not scraped",
    "没有配置策略（remedies.policies），因此不会修复；或未抓取 farmwarden",
);
const NOBODY: Text = t(
    "No way to people is configured (notify); or farmwarden is not scraped",
    "没有配置通知方式（notify）；或未抓取 farmwarden",
);

pub(super) fn board() -> Board {
    Board::new(
        REPAIRS,
        t("Repairs and audit", "修复与审计"),
        t(
            "What alerts asked for, what was done or rehearsed, what held it back, whether it helped, and whether the record is whole.",
            "告警请求了什么、做了或演练了什么、被什么阻止、是否有效、记录是否完整。",
        ),
        &["repairs"],
    )
    .row(t("Now", "当前"), now())
    .row(t("What was done", "做了什么"), done())
    .row(t("What held it back", "被什么阻止"), held())
    .row(t("The record, and who was told", "记录与通知"), record())
}

fn now() -> [Panel; 8] {
    let small = |panel: Panel| panel.unit("none").decimals(0).size(3, 4);
    [
        small(
            stat(
                t("Open incidents", "未结事件"),
                t("Incidents that are open now. farmwarden incidents says what holds each and what comes next.", "当前未结的事件。farmwarden incidents 说明每个被什么阻止、下一步是什么。"),
                NONE,
            )
            .named(t("open", "未结"), "sum(farmwarden_remediation_incidents{@})")
            .none_is_good(1.0, Wait),
        ),
        small(
            stat(
                t("Left to a person", "交由人工"),
                t("Open incidents for which nothing is left to try: a person must act.", "已无办法可试的未结事件：必须人工处理。"),
                NONE,
            )
            .named(t("escalated", "升级"), r#"sum(farmwarden_remediation_incidents{@,phase="escalated"})"#)
            .none_is_good(1.0, Bad),
        ),
        small(
            stat(
                t("Actions done", "完成的操作"),
                t("Within the shown range, without mere notices.", "所示时间内，不含单纯通知。"),
                NONE,
            )
            .named(
                t("done", "完成"),
                within_range("sum", r#"farmwarden_remediation_actions_total{@,action!="notify",outcome="done"}"#),
            )
            .bounds([(None, Good), (Some(0.5), Busy)]),
        ),
        small(
            stat(
                t("Incidents cured", "治愈的事件"),
                t("The symptom was gone after a repair, within the shown range.", "所示时间内修复后症状消失。"),
                NONE,
            )
            .named(t("cured", "治愈"), within_range("sum", r#"farmwarden_remediation_incidents_closed_total{@,why="cured"}"#))
            .bounds([(None, Good)]),
        ),
        small(
            stat(
                t("Steps that did not help", "无效的步骤"),
                t("Rungs after which the symptom was still there, within the shown range. Many: the policy treats the wrong cause.", "所示时间内执行后症状仍在的步骤。很多：策略针对了错误的原因。"),
                NONE,
            )
            .named(t("rungs", "步骤"), within_range("sum", "farmwarden_remediation_rungs_failed_total{@}"))
            .none_is_good(0.5, Warn),
        ),
        small(
            stat(
                t("Storms", "风暴"),
                t("So much of a group was ill at once that nothing was repaired one by one: look at what they share.", "同组大量同时异常，因此不逐个修复：检查共同部分。"),
                NONE,
            )
            .named(t("storms", "风暴"), within_range("sum", "farmwarden_remediation_storms_total{@}"))
            .none_is_good(0.5, Bad),
        ),
        small(
            stat(
                t("Pauses and freezes", "暂停与冻结"),
                t("Pauses that hold, and the freeze file. farmwarden resume all ends pauses; removing the file ends a freeze.", "有效的暂停与冻结文件。farmwarden resume all 结束暂停；删除文件结束冻结。"),
                NONE,
            )
            .named(t("held", "暂停"), "sum(farmwarden_remediation_pauses{@}) + sum(farmwarden_remediation_frozen{@})")
            .none_is_good(1.0, Warn),
        ),
        stat(
            t("Journal takes records", "审计日志可写"),
            t("No: alerts are answered 503 and nothing is repaired. Is its disk full or away?", "否：告警返回 503，不会修复。磁盘是否已满或离线？"),
            NONE,
        )
        .named(t("journal", "审计日志"), "min(farmwarden_journal_up{@})")
        .unit("none")
        .states(UP)
        .size(3, 4),
    ]
}

fn done() -> [Panel; 5] {
    [
        series(
            t("Incidents by phase", "按阶段的事件"),
            t("Open: held or about to begin. Watched: the action ended, its effect is looked at.", "打开：被阻止或即将开始。观察：操作结束，正在看效果。"),
            NONE,
        )
        .ask("{{phase}}", "sum by (phase) (farmwarden_remediation_incidents{@})")
        .unit("none")
        .at_least_zero()
        .series(PHASE)
        .stacked(),
        series(
            t("Actions by how they ended", "按结果的操作"),
            t("Per step of the graph. done says that it came to its end, not that it helped.", "每个时间步。完成表示操作结束，不代表有效。"),
            NONE,
        )
        .ask("{{outcome}}", "sum by (outcome) (increase(farmwarden_remediation_actions_total{@}[$__rate_interval]))")
        .unit("none")
        .at_least_zero()
        .series(OUTCOME)
        .stacked(),
        table(
            t("Actions in the shown range, the most frequent first", "所示时间内的操作，最多的在前"),
            t("Begun and ended by action and outcome; notices are messages to people and change nothing.", "按操作与结果统计；notify 只是通知，不改变任何东西。"),
            NONE,
        )
        .ask("", within_range("sum by (action, outcome)", "farmwarden_remediation_actions_total{@}"))
        .column(label("action", t("Action", "操作")))
        .column(label("outcome", t("Ended", "结果")).states(OUTCOME))
        .column(value(0, t("Times", "次数")).unit("short"))
        .highest_first(0)
        .unit("string")
        .size(8, 8),
        heatmap(
            t("How long actions took", "操作用时"),
            t("By duration. Near the `within` of a rung: it is about to be given up in the middle.", "按用时分布。接近步骤的 within：即将中途放弃。"),
            NONE,
        )
        .ask("{{le}}", "sum by (le) (increase(farmwarden_remediation_action_duration_seconds_bucket{@}[$__rate_interval]))")
        .unit("s")
        .size(8, 8),
        series(
            t("Incidents closed, by why", "按原因关闭的事件"),
            t("cured: after a repair. well: by itself. only_rehearsed: of a dry run. forgotten: neither repeated nor ill for long.", "cured：修复后。well：自行恢复。only_rehearsed：演练。forgotten：长期未重复且无异常。"),
            NONE,
        )
        .ask("{{why}}", "sum by (why) (increase(farmwarden_remediation_incidents_closed_total{@}[$__rate_interval]))")
        .unit("none")
        .at_least_zero()
        .stacked()
        .size(8, 8),
    ]
}

fn held() -> [Panel; 3] {
    [
        series(
            t("Held back, by guard", "被阻止，按守卫"),
            t("What lasts is counted once. cause_upstream: repair the link before. fleet: a storm. approval: farmwarden approve. dry_run: what would have been done. docs/repairs.md has all.", "持续的只计一次。cause_upstream：先修上游。fleet：风暴。approval：farmwarden approve。dry_run：本会执行的操作。详见 docs/repairs.md。"),
            NONE,
        )
        .ask("{{guard}}", "sum by (guard) (increase(farmwarden_remediation_decisions_total{@}[$__rate_interval]))")
        .unit("none")
        .at_least_zero()
        .stacked()
        .size(8, 9),
        table(
            t("Policies, the one with the least budget first", "策略，预算最少的在前"),
            t("What may act by itself. dry_run only shows what it would do; farmwarden report judges that. A budget at 0 holds until the hour or day is over.", "可自动执行的策略。dry_run 只显示会做什么；用 farmwarden report 评估。预算为 0 时等到该小时或当天结束。"),
            NO_POLICY,
        )
        .ask("", r#"min by (job, instance, policy) (farmwarden_remediation_budget_left{@,within="1h"})"#)
        .ask("", r#"min by (job, instance, policy) (farmwarden_remediation_budget_left{@,within!="1h"})"#)
        .ask("", "max by (job, instance, policy, symptom, mode, enabled) (farmwarden_remediation_policy_info{@})")
        .column(label("policy", t("Policy", "策略")))
        .column(label("symptom", t("Cures", "针对症状")))
        .column(label("mode", t("Mode", "模式")))
        .column(label("enabled", t("Enabled", "启用")))
        .column(value(0, t("Left this hour", "本小时剩余")).unit("none").bounds([(None, Bad), (Some(1.0), Good)]))
        .column(value(1, t("Left this day", "当天剩余")).unit("none").bounds([(None, Bad), (Some(1.0), Good)]))
        .column(label("instance", t("Instance", "实例")))
        .lowest_first(0)
        .unit("string")
        .size(8, 9),
        series(
            t("What Alertmanager handed in", "Alertmanager 提交的告警"),
            t("Alerts of recorded deliveries: asks for a repair, asks for nothing, refused, left out by Alertmanager. Nothing although alerts fire: token, route, scope alerts.", "已记录的告警：请求修复、不请求、被拒绝、被 Alertmanager 省略。有告警却没有数据：令牌、路由或 alerts 权限。"),
            NONE,
        )
        .ask("{{result}}", "sum by (result) (increase(farmwarden_remediation_alerts_total{@}[$__rate_interval]))")
        .named(t("delivery {{result}}", "投递 {{result}}"), r#"sum by (result) (increase(farmwarden_remediation_deliveries_total{@,result!="recorded"}[$__rate_interval]))"#)
        .unit("none")
        .at_least_zero()
        .link(to(t("Farm overview", "矿场总览"), OVERVIEW, &[]))
        .size(8, 9),
    ]
}

fn record() -> [Panel; 5] {
    [
        table(
            t("The end of the record", "记录末端"),
            t("Number and SHA-256 of the last record. Noted elsewhere it proves that nothing before was changed: farmwarden audit verify --head.", "最后一条记录的编号与 SHA-256。记在别处即可证明此前未被改动：farmwarden audit verify --head。"),
            NONE,
        )
        .ask("", "max by (instance, sequence, sha256) (farmwarden_journal_head_info{@})")
        .column(label("instance", t("Instance", "实例")))
        .column(label("sequence", t("Record", "记录")))
        .column(label("sha256", t("Hash of its line", "该行哈希")))
        .unit("string")
        .size(12, 6),
        series(
            t("Records a minute", "每分钟记录"),
            t("On the disk, and refused: with any refused nothing was done because of it. Is the disk full?", "已落盘与被拒绝：有被拒绝则相应操作未执行。磁盘是否已满？"),
            NONE,
        )
        .named(t("written", "已写入"), "60 * sum(rate(farmwarden_journal_records_total{@}[$__rate_interval]))")
        .named(t("refused", "被拒绝"), "60 * sum(rate(farmwarden_journal_records_refused_total{@}[$__rate_interval]))")
        .named(t("waiting for the disk", "等待磁盘"), "sum(farmwarden_journal_waiting_records{@})")
        .unit("none")
        .at_least_zero()
        .size(12, 6),
        series(
            t("Size of the journal", "审计日志大小"),
            t("Of all its files.", "全部文件。"),
            NONE,
        )
        .ask("{{instance}}", "sum by (instance) (farmwarden_journal_size_bytes{@})")
        .unit("bytes")
        .at_least_zero()
        .size(8, 7),
        series(
            t("Messages to people", "发给人的消息"),
            t("Sent, lost and failed tries per step, by way. Lost ones nobody will get: is the robot muted, its token or secret wrong?", "每个时间步的发送、丢失与失败。丢失的无人收到：机器人被禁言，或令牌、密钥错误？"),
            NOBODY,
        )
        .named(t("{{way}} sent", "{{way}} 已发送"), "sum by (way) (increase(farmwarden_notifications_sent_total{@}[$__rate_interval]))")
        .named(t("{{way}} lost", "{{way}} 丢失"), "sum by (way) (increase(farmwarden_notifications_lost_total{@}[$__rate_interval]))")
        .named(t("{{way}} failed tries", "{{way}} 失败尝试"), "sum by (way) (increase(farmwarden_notification_failures_total{@}[$__rate_interval]))")
        .named(t("{{way}} waiting", "{{way}} 等待"), "sum by (way) (farmwarden_notifications_waiting{@})")
        .unit("none")
        .at_least_zero()
        .size(8, 7),
        timeline(
            t("Ways to people", "通知方式"),
            t("Whether the last try to send succeeded.", "最近一次发送是否成功。"),
            t("Nothing was sent since the start, or no way to people is configured (notify)", "启动以来没有发送，或没有配置通知方式（notify）"),
        )
        .ask("{{way}}", "min by (way) (farmwarden_notifier_up{@})")
        .states(UP)
        .size(8, 7),
    ]
}
