//! What is chosen at the top of a board.

use serde_json::{Value, json};

use crate::query::written_out;
use crate::text::{Language, Text, same, t};

pub(crate) struct Variable {
    name: &'static str,
    label: Text,
    description: Text,
    kind: Kind,
}

enum Kind {
    Datasource,
    /// The values of a label; of several or all, or of exactly one.
    Labels {
        of: String,
        several: bool,
    },
    /// What the reader types.
    Typed(&'static str),
}

/// The three that the linter wants on every board, by the labels that it wants: they are not translated.
pub(crate) fn common() -> [Variable; 3] {
    let job = t(
        "Jobs of Prometheus that scrape farmwarden.",
        "抓取 farmwarden 的 Prometheus 作业。",
    );
    let instance = t("Instances of farmwarden.", "farmwarden 实例。");
    [
        Variable {
            name: "datasource",
            label: same("Data source"),
            description: t(
                "A Prometheus, or what speaks PromQL.",
                "Prometheus，或支持 PromQL 的数据源。",
            ),
            kind: Kind::Datasource,
        },
        labels(
            "job",
            same("Job"),
            job,
            "label_values(farmwarden_build_info, job)",
            true,
        ),
        labels(
            "instance",
            same("Instance"),
            instance,
            "label_values(farmwarden_build_info{job=~\"$job\"}, instance)",
            true,
        ),
    ]
}

fn labels(name: &'static str, label: Text, description: Text, of: &str, several: bool) -> Variable {
    Variable {
        name,
        label,
        description,
        kind: Kind::Labels {
            of: written_out(of),
            several,
        },
    }
}

/// Targets of a collector; of all of them with `.+`.
pub(crate) fn targets(collector: &'static str) -> Variable {
    let of = format!("label_values(farmwarden_target_up{{@,collector=~\"{collector}\"}}, target)");
    let description = t("Targets by their names in the configuration.", "配置中的目标名称。");
    labels("target", t("Target", "目标"), description, &of, true)
}

/// Several values of a label, or all.
pub(crate) fn several(name: &'static str, label: Text, description: Text, of: &str) -> Variable {
    labels(name, label, description, of, true)
}

/// Exactly one value of a label.
pub(crate) fn one(name: &'static str, label: Text, description: Text, of: &str) -> Variable {
    labels(name, label, description, of, false)
}

/// A number that no metric knows.
pub(crate) fn typed(name: &'static str, label: Text, description: Text, usual: &'static str) -> Variable {
    Variable {
        name,
        label,
        description,
        kind: Kind::Typed(usual),
    }
}

impl Variable {
    pub(crate) fn render(&self, language: Language) -> Value {
        let mut json = json!({
            "name": self.name,
            "label": self.label.of(language),
            "description": self.description.of(language),
            "hide": 0,
            "skipUrlSync": false,
        });
        let more = match &self.kind {
            Kind::Datasource => json!({
                "type": "datasource", "query": "prometheus", "regex": "", "refresh": 1, "multi": false,
                "includeAll": false, "options": [],
            }),
            Kind::Labels { of, several } => from_labels(of, *several),
            Kind::Typed(usual) => json!({
                "type": "textbox", "query": usual, "options": [{"selected": true, "text": usual, "value": usual}],
                "current": {"selected": true, "text": usual, "value": usual},
            }),
        };
        if let (Some(json), Value::Object(more)) = (json.as_object_mut(), more) {
            json.extend(more);
        }
        json
    }
}

fn from_labels(of: &str, several: bool) -> Value {
    let mut json = json!({
        "type": "query",
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "query": {"qryType": 1, "query": of, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
        // When the time range changes, so that a target of yesterday can be chosen.
        "refresh": 2,
        "regex": "",
        // By name, numbers as numbers.
        "sort": 3,
        "multi": several,
        "includeAll": several,
        "options": [],
    });
    if several && let Some(json) = json.as_object_mut() {
        json.insert("allValue".to_owned(), ".+".into());
        let all = json!({"selected": true, "text": ["All"], "value": ["$__all"]});
        json.insert("current".to_owned(), all);
    }
    json
}
