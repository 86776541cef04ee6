//! Looking and telling: what farmwarden sees, what it wrote down, and what people read, as it comes.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{
    alertmanager::{Alertmanager, Symptom},
    configuration as config,
    journal::Journal,
    stage::{Farm, Stage},
    teller::{Teller, What},
};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(250);

/// Nothing of the story takes longer unless something is broken, however slow the machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// What a restart of the node takes before it answers again.
const NODE_STARTS_IN: Duration = Duration::from_secs(3);

/// An incident of farmwarden's.
#[derive(Clone, Debug)]
struct Whom {
    policy: String,
    /// How it is shown.
    words: String,
    /// What farmwarden writes in front of its words to say the same.
    before: String,
}

/// One of the incidents that are played, and how it went.
#[derive(Clone, Debug)]
pub(super) struct Chapter {
    pub(super) policy: &'static str,
    pub(super) title: &'static str,
    began: Instant,
    pub(super) seen: Option<Duration>,
    pub(super) begun: Option<Duration>,
    pub(super) done: Option<Duration>,
    /// Actions that came to their end.
    pub(super) actions: usize,
    pub(super) over: Option<Duration>,
    /// Incidents of farmwarden's that were opened for it, and those of them that are over.
    pub(super) opened: BTreeSet<String>,
    pub(super) ended: BTreeSet<String>,
}

pub(super) struct Scene<'a> {
    stage: &'a Stage,
    pub(super) teller: &'a Teller,
    manager: Alertmanager,
    journal: Journal,
    seen: Vec<Symptom>,
    whom: BTreeMap<String, Whom>,
    pub(super) chapters: Vec<Chapter>,
    node_starts: usize,
    node_mended_at: Option<Instant>,
    messages: usize,
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Addresses of wallets fill a line by themselves.
const LONGEST_ENTITY: usize = 40;

/// `node-1 para`
fn shown(target: &str, entity: &str) -> String {
    let length = entity.chars().count();
    if length <= LONGEST_ENTITY {
        return format!("{target} {entity}").trim_end().to_owned();
    }
    let head: String = entity.chars().take(8).collect();
    let tail: String = entity.chars().skip(length - 6).collect();
    format!("{target} {head}...{tail}")
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

impl<'a> Scene<'a> {
    /// Waits until all targets were looked at and none is ill.
    pub(super) async fn open(stage: &'a Stage, teller: &'a Teller) -> Result<Self, String> {
        let mut scene = Self {
            stage,
            teller,
            manager: Alertmanager::default(),
            journal: Journal::new(&stage.directory.at(config::JOURNAL)),
            seen: Vec::new(),
            whom: BTreeMap::new(),
            chapters: Vec::new(),
            node_starts: 0,
            node_mended_at: None,
            messages: 0,
        };
        scene.welcome();
        let ready = |report: &Value| list(report, "targets").all(|target| text(target, "state") == "well");
        let began = Instant::now();
        loop {
            let report = scene.look().await?;
            if ready(&report) {
                break;
            }
            if began.elapsed() > PATIENCE {
                return Err(format!(
                    "the farm is not well at the beginning: {}",
                    text(&report, "verdict")
                ));
            }
            sleep(PAUSE).await;
        }
        scene.teller.line(
            What::Seen,
            scene.teller.say(
                "every target was looked at, and all are well",
                "所有目标都已检查，一切正常",
            ),
        );
        Ok(scene)
    }

    pub(super) fn farm(&self) -> &Farm {
        &self.stage.farm
    }

    fn welcome(&self) {
        let teller = self.teller;
        let address = &self.stage.warden.address;
        Teller::text(&format!(
            "{}  http://{address}/?refresh=5",
            teller.say("The status page:", "状态页：")
        ));
        Teller::text(&format!(
            "{}  {} incidents --web.control-socket {}",
            teller.say("Ask it yourself:", "也可自己查询："),
            self.stage.warden.program().display(),
            self.stage.directory.at("control.sock").display()
        ));
        teller.plain(
            "No Prometheus and no Alertmanager take part: the demo makes alerts of what /api/v1/targets says and hands them in \
             at /alerts, as Alertmanager does. Times are short; a real farm has minutes for these seconds.",
            "这里没有 Prometheus 和 Alertmanager：演示程序根据 /api/v1/targets 生成报警，并像 Alertmanager 一样提交到 /alerts。\
             时间都已缩短，真实矿场中这些秒数是分钟。",
        );
        Teller::text("");
        teller.line(
            What::Farm,
            teller.say(
                "a chain node in a container, a PRB with 12 workers in 4 pools, a Venus chain service with two senders",
                "一个容器中的链节点，一个有 12 个 worker、4 个矿池的 PRB，一个有两个发送地址的 Venus 链服务",
            ),
        );
        let share = match &self.farm().share {
            Ok(_) => teller
                .say("and a network share with plots", "以及一个存放 plot 的网络共享")
                .to_owned(),
            Err(why) => {
                let words = teller.say(
                    "without the network share: a mount that hangs needs FUSE and a namespace; farmwarden would call it \
                     mount_stuck, and go on answering",
                    "没有网络共享：会卡死的挂载需要 FUSE 和命名空间；farmwarden 会报 mount_stuck，并继续应答",
                );
                format!("{words} ({why})")
            }
        };
        teller.line(What::Farm, &share);
    }

    /// An incident begins.
    pub(super) fn begin(&mut self, policy: &'static str, title: &'static str, words: &str) {
        Teller::text("");
        self.teller.line(What::Incident, words);
        self.chapters.push(Chapter {
            policy,
            title,
            began: Instant::now(),
            seen: None,
            begun: None,
            done: None,
            actions: 0,
            over: None,
            opened: BTreeSet::new(),
            ended: BTreeSet::new(),
        });
    }

    pub(super) fn say(&self, words: &str) {
        self.teller.line(What::Farm, words);
    }

    /// Looks and tells until the incident that was begun last is as wanted.
    pub(super) async fn until(&mut self, what: &str, is_so: impl Fn(&Chapter) -> bool) -> Result<(), String> {
        let began = Instant::now();
        while !self.chapters.last().is_some_and(&is_so) {
            if began.elapsed() > PATIENCE {
                return Err(format!("not within {PATIENCE:?}: {what}"));
            }
            self.look().await?;
            sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Looks and tells for so long.
    pub(super) async fn rest(&mut self, lasting: Duration) -> Result<(), String> {
        let began = Instant::now();
        while began.elapsed() < lasting {
            self.look().await?;
            sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Looks and tells until the demo is ended from outside, or farmwarden is.
    pub(super) async fn stay(&mut self) {
        while self.look().await.is_ok() {
            sleep(PAUSE).await;
        }
    }

    /// One look at everything; gives the report.
    async fn look(&mut self) -> Result<Value, String> {
        let report = self.stage.warden.ask("/api/v1/targets").await?;
        self.symptoms(&report);
        if let Some(change) = self.manager.look(&self.seen, config::remedy) {
            for (symptom, policy) in &change.begun {
                let words = self.teller.say("handed in; it asks for", "已提交，请求");
                let whom = shown(&symptom.target, &symptom.entity);
                self.teller.line(What::Alert, &format!("{whom}: {words} {policy}"));
                self.mark(policy, |chapter, now| chapter.seen.get_or_insert(now));
            }
            self.stage.hand_in(&change.payload).await?;
        }
        let news = self.journal.news();
        let overview = self.stage.warden.ask("/api/v1/incidents").await?;
        for incident in list(&overview, "incidents") {
            self.know(text(incident, "id"), incident);
        }
        for record in &news {
            self.record(record);
        }
        self.restarted_node().await?;
        let messages = self.farm().messages();
        for title in messages.iter().skip(self.messages) {
            self.teller.line(What::Chat, &self.shortened(title));
        }
        self.messages = messages.len();
        Ok(report)
    }

    /// With long entities as they are shown elsewhere.
    fn shortened(&self, words: &str) -> String {
        let mut words = words.to_owned();
        for symptom in self.manager.known() {
            let Symptom { target, entity, .. } = symptom;
            words = words.replace(&format!("{target} {entity}"), &shown(target, entity));
        }
        words
    }

    /// What has just become ill.
    fn symptoms(&mut self, report: &Value) {
        let mut seen = Vec::new();
        for symptom in list(report, "symptoms") {
            let now = Symptom {
                target: text(symptom, "target").to_owned(),
                name: text(symptom, "symptom").to_owned(),
                entity: text(symptom, "entity").to_owned(),
            };
            if !self.seen.contains(&now) {
                let (evidence, whom) = (text(symptom, "evidence"), shown(&now.target, &now.entity));
                self.teller
                    .line(What::Seen, &format!("{whom}: {}: {evidence}", now.name));
            }
            seen.push(now);
        }
        self.seen = seen;
    }

    fn know(&mut self, id: &str, plan: &Value) {
        let (policy, target, entity) = (text(plan, "policy"), text(plan, "target"), text(plan, "entity"));
        let whom = Whom {
            policy: policy.to_owned(),
            words: shown(target, entity),
            before: format!("{policy} for {entity} of {target}: "),
        };
        self.whom.insert(id.to_owned(), whom);
        self.chapter(policy, |chapter, _| chapter.opened.insert(id.to_owned()));
    }

    /// The chapter that plays for this policy, and for how long.
    fn chapter<T>(&mut self, policy: &str, change: impl FnOnce(&mut Chapter, Duration) -> T) {
        if let Some(chapter) = self.chapters.iter_mut().rev().find(|chapter| chapter.policy == policy) {
            let now = chapter.began.elapsed();
            change(chapter, now);
        }
    }

    fn mark(&mut self, policy: &str, change: impl FnOnce(&mut Chapter, Duration) -> &mut Duration) {
        self.chapter(policy, |chapter, now| {
            change(chapter, now);
        });
    }

    /// A line of the journal.
    fn record(&mut self, record: &Value) {
        let Some(data) = record.get("data") else { return };
        let (kind, id, words) = (text(record, "kind"), text(data, "incident"), text(data, "words"));
        if let Some(plan) = data.get("plan") {
            self.know(id, plan);
        }
        let Some(Whom {
            policy,
            words: whom,
            before,
        }) = self.whom.get(id).cloned()
        else {
            return;
        };
        let words = words.strip_prefix(&before).unwrap_or(words);
        let what = match (kind, text(data, "outcome")) {
            ("decided" | "escalated", _) => What::Held,
            ("started" | "rehearsed", _) => What::Begun,
            ("noted", _) => What::Step,
            ("finished", "done") => What::Done,
            ("finished" | "failed" | "interrupted", _) => What::Failed,
            ("cured" | "closed", _) => What::Over,
            _ => return,
        };
        let more = match kind {
            "decided" => format!(" ({})", text(data, "guard")),
            "started" => format!(" ({})", data.get("plan").map_or("", |plan| text(plan, "action"))),
            _ => String::new(),
        };
        self.teller.line(what, &format!("{whom}: {words}{more}"));
        match what {
            What::Begun => self.mark(&policy, |chapter, now| chapter.begun.get_or_insert(now)),
            What::Done => self.mark(&policy, |chapter, now| {
                chapter.actions += 1;
                chapter.done.get_or_insert(now)
            }),
            What::Over => self.chapter(&policy, |chapter, now| {
                chapter.over = Some(now);
                chapter.ended.insert(id.to_owned())
            }),
            _ => {}
        }
    }

    /// What a restart of the container does to the node.
    async fn restarted_node(&mut self) -> Result<(), String> {
        let starts = self.farm().node_starts();
        if starts > self.node_starts {
            self.node_starts = starts;
            self.node_mended_at = Some(Instant::now() + NODE_STARTS_IN);
        }
        if self.node_mended_at.is_some_and(|at| at <= Instant::now()) {
            self.node_mended_at = None;
            self.farm().mend_node().await?;
            let words = self.teller.say(
                "the node was started anew: it finds its peers and follows the chain again",
                "节点已重新启动：找到了对等节点，重新跟上链",
            );
            self.say(words);
        }
        Ok(())
    }

    /// The last messages, what happened, and the proof that nobody changed the record of it.
    pub(super) async fn curtain(&mut self) {
        let teller = self.teller;
        Teller::text("");
        for chapter in &self.chapters {
            let seconds = |at: Option<Duration>| match at {
                Some(at) => format!("{} s", at.as_secs()),
                None => "-".to_owned(),
            };
            let [seen, begun, done, over] = [chapter.seen, chapter.begun, chapter.done, chapter.over].map(seconds);
            let words = match teller.language {
                super::Language::English => format!(
                    "{}: seen after {seen}, decided after {begun}, done after {done}, over after {over} ({} of {} incidents)",
                    chapter.title,
                    chapter.ended.len(),
                    chapter.opened.len()
                ),
                super::Language::Chinese => format!(
                    "{}：{seen} 后发现，{begun} 后决定，{done} 后完成，{over} 后结束（{} / {} 个事件）",
                    chapter.title,
                    chapter.ended.len(),
                    chapter.opened.len()
                ),
            };
            Teller::text(&words);
        }
        let journal = self.stage.directory.at(config::JOURNAL).display().to_string();
        let proof = self
            .stage
            .warden
            .command(&["audit", "verify", "--journal.directory", &journal])
            .await;
        Teller::text(&proof.unwrap_or_else(|words| words));
    }
}
