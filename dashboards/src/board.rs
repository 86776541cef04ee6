//! A whole board: its variables, rows of panels from left to right, annotations and links.

use serde_json::{Value, json};

use crate::draw::{Place, datasource};
use crate::palette::Tone;
use crate::panel::Panel;
use crate::query::written_out;
use crate::text::{Language, Text, t};
use crate::variable::{Variable, common};

/// Of Grafana 11; newer ones bring older boards up to date when they load them.
const SCHEMA_VERSION: u32 = 41;
const WIDTH: u32 = 24;
/// Every board has it, so that each lists the others.
const TAG: &str = "farmwarden";

/// One board.
pub struct Board {
    uid: &'static str,
    title: Text,
    description: Text,
    tags: &'static [&'static str],
    variables: Vec<Variable>,
    rows: Vec<(Text, Vec<Panel>)>,
}

impl Board {
    pub(crate) fn new(uid: &'static str, title: Text, description: Text, tags: &'static [&'static str]) -> Self {
        Self {
            uid,
            title,
            description,
            tags,
            variables: common().into(),
            rows: Vec::new(),
        }
    }

    pub(crate) fn choose(mut self, variable: Variable) -> Self {
        self.variables.push(variable);
        self
    }

    pub(crate) fn row<const N: usize>(mut self, title: Text, panels: [Panel; N]) -> Self {
        self.rows.push((title, panels.into()));
        self
    }

    /// By which links and files name it; it never changes.
    pub const fn uid(&self) -> &'static str {
        self.uid
    }

    /// As Grafana takes it.
    pub fn render(&self, language: Language) -> Value {
        let mut tags = vec![TAG];
        tags.extend(self.tags);
        let variables: Vec<Value> = self
            .variables
            .iter()
            .map(|variable| variable.render(language))
            .collect();
        json!({
            "id": null,
            "uid": self.uid,
            "title": self.title.of(language),
            "description": self.description.of(language),
            "tags": tags,
            "schemaVersion": SCHEMA_VERSION,
            "version": 1,
            "editable": false,
            "graphTooltip": 1,
            "fiscalYearStartMonth": 0,
            "liveNow": false,
            "preload": false,
            "refresh": "30s",
            "time": {"from": "now-6h", "to": "now"},
            "timepicker": {},
            "timezone": "browser",
            "weekStart": "",
            "links": [others(language)],
            "annotations": {"list": annotations(language)},
            "templating": {"list": variables},
            "panels": self.panels(language),
        })
    }

    fn panels(&self, language: Language) -> Vec<Value> {
        let mut drawn = Vec::new();
        let mut ids = 1_u32..;
        let mut top = 0;
        for (title, panels) in &self.rows {
            drawn.push(json!({
                "id": ids.next(), "type": "row", "title": title.of(language), "collapsed": false, "panels": [],
                "gridPos": {"x": 0, "y": top, "w": WIDTH, "h": 1},
            }));
            top += 1;
            let (mut x, mut tallest) = (0, 0);
            for (panel, id) in panels.iter().zip(ids.by_ref()) {
                if x + panel.width > WIDTH {
                    (x, top, tallest) = (0, top + tallest, 0);
                }
                drawn.push(panel.draw(id, Place { x, y: top }, language));
                (x, tallest) = (x + panel.width, tallest.max(panel.height));
            }
            top += tallest;
        }
        drawn
    }
}

/// A menu of all boards that keeps time and variables.
fn others(language: Language) -> Value {
    json!({
        "type": "dashboards", "title": t("Boards", "看板").of(language), "tags": [TAG], "asDropdown": true,
        "includeVars": true, "keepTime": true, "targetBlank": false, "icon": "external link", "tooltip": "", "url": "",
    })
}

/// What happened: alerts that fire, and what farmwarden did.
fn annotations(language: Language) -> Value {
    let alerts = t("Alerts", "告警");
    let actions = t("Repairs", "修复");
    let done = "sum by (action, outcome) (increase(farmwarden_remediation_actions_total{@}[$__rate_interval])) > 0";
    json!([
        {
            "name": t("Annotations & Alerts", "注释与告警").of(language), "builtIn": 1, "enable": true, "hide": true,
            "iconColor": "rgba(0, 211, 255, 1)", "type": "dashboard",
            "datasource": {"type": "grafana", "uid": "-- Grafana --"},
        },
        annotation(alerts.of(language), "ALERTS{alertstate=\"firing\"}", "{{alertname}} {{target}} {{entity}}", Tone::Bad),
        annotation(actions.of(language), &written_out(done), "{{action}}: {{outcome}}", Tone::Busy),
    ])
}

fn annotation(name: &str, expr: &str, title: &str, tone: Tone) -> Value {
    json!({
        "name": name, "datasource": datasource(), "enable": true, "hide": false, "iconColor": tone.colour(),
        "expr": expr, "step": "60s", "titleFormat": title, "tagKeys": "severity,target", "textFormat": "",
        "useValueForTime": false,
    })
}
