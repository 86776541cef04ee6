//! Panels as Grafana's JSON.

use serde_json::{Map, Value, json};

use crate::cells::{Column, Field, Link};
use crate::palette::Tone;
use crate::panel::{Bound, Kind, Panel};
use crate::states::State;
use crate::text::Language;

/// Rows of a timeline that can still be told apart.
const ROWS_OF_A_PAGE: u32 = 20;

/// Where a panel is on a board that is 24 wide.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) x: u32,
    pub(crate) y: u32,
}

impl Panel {
    pub(crate) fn draw(&self, id: u32, place: Place, language: Language) -> Value {
        let targets: Vec<Value> = (0..self.queries.len())
            .map(|query| self.target(query, language))
            .collect();
        let mut json = json!({
            "id": id,
            "type": self.type_name(),
            "title": self.title.of(language),
            "description": self.description.of(language),
            "datasource": datasource(),
            "gridPos": {"x": place.x, "y": place.y, "w": self.width, "h": self.height},
            "targets": targets,
            "options": self.options(),
            "fieldConfig": {"defaults": self.defaults(language), "overrides": self.overrides(language)},
        });
        if self.kind == Kind::Table
            && let Some(json) = json.as_object_mut()
        {
            json.insert("transformations".to_owned(), self.transformations());
        }
        json
    }

    const fn type_name(&self) -> &'static str {
        match self.kind {
            Kind::Stat => "stat",
            Kind::Series => "timeseries",
            Kind::Timeline => "state-timeline",
            Kind::Heatmap => "heatmap",
            Kind::Table => "table",
        }
    }

    fn target(&self, query: usize, language: Language) -> Value {
        let asked = self.queries.get(query);
        // The last value of a range would show for hours what nobody knows any more.
        let instant = matches!(self.kind, Kind::Table | Kind::Stat);
        let format = match self.kind {
            Kind::Table => "table",
            Kind::Heatmap => "heatmap",
            _ => "time_series",
        };
        json!({
            "refId": ref_id(query),
            "datasource": datasource(),
            "editorMode": "code",
            "expr": asked.map(|asked| asked.expr.as_str()),
            "legendFormat": asked.map(|asked| asked.legend.of(language)),
            "format": format,
            "instant": instant,
            "range": !instant,
        })
    }

    fn options(&self) -> Value {
        let legend = json!({"showLegend": true, "displayMode": "list", "placement": "bottom", "calcs": []});
        let last = json!({"calcs": ["lastNotNull"], "fields": "", "values": false});
        match self.kind {
            Kind::Stat => json!({
                "reduceOptions": last, "colorMode": "background", "graphMode": "none", "justifyMode": "auto",
                "orientation": "auto", "textMode": "auto", "wideLayout": true, "showPercentChange": false,
                "percentChangeColorMode": "standard",
            }),
            Kind::Series => json!({"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}),
            Kind::Timeline => json!({
                "mergeValues": true, "showValue": "never", "alignValue": "left", "rowHeight": 0.85,
                "perPage": ROWS_OF_A_PAGE, "legend": legend, "tooltip": {"mode": "single", "sort": "none"},
            }),
            Kind::Heatmap => json!({
                "calculate": false,
                "cellGap": 1,
                "color": {"mode": "scheme", "scheme": "Spectral", "steps": 64, "reverse": true, "exponent": 0.5, "fill": "dark-orange"},
                "exemplars": {"color": "rgba(255,0,255,0.7)"},
                "filterValues": {"le": 1e-9},
                "legend": {"show": true},
                "rowsFrame": {"layout": "auto"},
                "showValue": "never",
                "tooltip": {"mode": "single", "yHistogram": true, "showColorScale": false},
                "yAxis": {"axisPlacement": "left", "reverse": false, "unit": self.unit},
            }),
            Kind::Table => json!({
                "showHeader": true, "cellHeight": "sm", "frameIndex": 0,
                "footer": {"show": false, "reducer": ["sum"], "countRows": false, "fields": "", "enablePagination": true},
            }),
        }
    }

    fn defaults(&self, language: Language) -> Value {
        let mut json = Map::new();
        json.insert("unit".to_owned(), self.unit.into());
        json.insert("noValue".to_owned(), self.empty.of(language).into());
        json.insert("mappings".to_owned(), mappings(self.states, language));
        json.insert("thresholds".to_owned(), thresholds(&self.bounds));
        json.insert("color".to_owned(), json!({"mode": self.colour_mode()}));
        json.insert("custom".to_owned(), self.custom());
        if let Some(decimals) = self.decimals {
            json.insert("decimals".to_owned(), decimals.into());
        }
        if let Some(floor) = self.floor {
            json.insert("min".to_owned(), floor.into());
        }
        let links: Vec<Value> = self
            .links
            .iter()
            .map(|link| drawn_link(link, "labels", language))
            .collect();
        json.insert("links".to_owned(), links.into());
        Value::Object(json)
    }

    const fn colour_mode(&self) -> &'static str {
        match self.kind {
            Kind::Series => "palette-classic",
            _ => "thresholds",
        }
    }

    fn custom(&self) -> Value {
        match self.kind {
            Kind::Stat => json!({}),
            Kind::Series => json!({
                "drawStyle": "line", "lineInterpolation": "stepAfter", "lineWidth": 1, "showPoints": "never",
                "fillOpacity": if self.stacked { 40 } else { 5 },
                "spanNulls": false, "insertNulls": false, "axisPlacement": "auto", "axisLabel": "",
                "stacking": {"mode": if self.stacked { "normal" } else { "none" }, "group": "A"},
                "thresholdsStyle": {"mode": if self.bounds.is_empty() { "off" } else { "dashed" }},
            }),
            Kind::Timeline => json!({"fillOpacity": 75, "lineWidth": 0}),
            Kind::Heatmap => json!({"scaleDistribution": {"type": "linear"}}),
            Kind::Table => {
                json!({"align": "auto", "cellOptions": {"type": "auto"}, "filterable": true, "inspect": false})
            }
        }
    }

    fn overrides(&self, language: Language) -> Value {
        let of_series = self.series.iter().map(|state| {
            let properties = [
                property("displayName", state.word.of(language)),
                property("color", json!({"mode": "fixed", "fixedColor": state.tone.colour()})),
            ];
            by_name(state.name, &properties)
        });
        let of_columns = self.columns.iter().map(|column| self.drawn_column(column, language));
        of_series.chain(of_columns).collect()
    }

    fn drawn_column(&self, column: &Column, language: Language) -> Value {
        // Without its own every empty cell would say why the whole table may be empty.
        let mut properties = vec![
            property("displayName", column.title.of(language)),
            property("noValue", "-"),
        ];
        if let Some(unit) = column.unit {
            properties.push(property("unit", unit));
        }
        if let Some(width) = column.width {
            properties.push(property("custom.width", width));
        }
        if !column.states.is_empty() {
            properties.push(property("mappings", mappings(column.states, language)));
        }
        if !column.bounds.is_empty() {
            properties.push(property("thresholds", thresholds(&column.bounds)));
        }
        if !(column.states.is_empty() && column.bounds.is_empty()) {
            properties.push(property(
                "custom.cellOptions",
                json!({"type": "color-background", "mode": "basic"}),
            ));
        }
        if !column.links.is_empty() {
            let links: Vec<Value> = column
                .links
                .iter()
                .map(|link| drawn_link(link, "fields", language))
                .collect();
            properties.push(property("links", links));
        }
        by_name(&self.field(column.field), &properties)
    }

    /// Grafana numbers the values of a table only where there are several queries.
    fn field(&self, field: Field) -> String {
        match field {
            Field::Label(name) => name.to_owned(),
            Field::Value(_) if self.queries.len() == 1 => "Value".to_owned(),
            Field::Value(query) => format!("Value #{}", ref_id(query)),
        }
    }

    /// One row for what has the same labels, the columns that are described in their order, the worst on top.
    fn transformations(&self) -> Value {
        let names: Vec<String> = self.columns.iter().map(|column| self.field(column.field)).collect();
        let order: Map<String, Value> = names.iter().cloned().zip((0_u32..).map(Value::from)).collect();
        let mut all = vec![json!({"id": "merge", "options": {}})];
        // Before columns go: what decides need not be shown.
        if let Some((query, highest)) = self.worst {
            let field = self.field(Field::Value(query));
            all.push(json!({"id": "sortBy", "options": {"fields": {}, "sort": [{"field": field, "desc": highest}]}}));
        }
        all.push(json!({"id": "filterFieldsByName", "options": {"include": {"names": names}}}));
        let organized = json!({"excludeByName": {}, "indexByName": order, "renameByName": {}});
        all.push(json!({"id": "organize", "options": organized}));
        all.into()
    }
}

pub(crate) fn datasource() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

/// A, B, C and so on.
fn ref_id(query: usize) -> char {
    ('A'..='Z').nth(query).unwrap_or('Z')
}

fn property(id: &str, value: impl Into<Value>) -> Value {
    json!({"id": id, "value": value.into()})
}

fn by_name(name: &str, properties: &[Value]) -> Value {
    json!({"matcher": {"id": "byName", "options": name}, "properties": properties})
}

fn thresholds(bounds: &[Bound]) -> Value {
    const PLAIN: &[Bound] = &[(None, Tone::Off)];
    let bounds = if bounds.is_empty() { PLAIN } else { bounds };
    let steps: Vec<Value> = bounds
        .iter()
        .map(|(from, tone)| json!({"value": from, "color": tone.colour()}))
        .collect();
    json!({"mode": "absolute", "steps": steps})
}

/// Numbers and names both, since a state is a number in one panel and a label in another.
fn mappings(states: &[State], language: Language) -> Value {
    if states.is_empty() {
        return json!([]);
    }
    let mut options = Map::new();
    for state in states {
        let shown = json!({"text": state.word.of(language), "color": state.tone.colour(), "index": state.code});
        options.insert(state.code.to_string(), shown.clone());
        options.insert(state.name.to_owned(), shown);
    }
    json!([{"type": "value", "options": options}])
}

/// `from` is where Grafana keeps what is handed over: the labels of a series or the fields of a row.
fn drawn_link(link: &Link, from: &str, language: Language) -> Value {
    let mut url = format!(
        "/d/{}?${{__url_time_range}}&${{datasource:queryparam}}&${{job:queryparam}}",
        link.board
    );
    // A row may be of one of several farmwardens.
    if !link.hands_over.iter().any(|(variable, _)| *variable == "instance") {
        url.push_str("&${instance:queryparam}");
    }
    for (variable, name) in &link.hands_over {
        let value = match from {
            "fields" => format!("${{__data.fields.{name}}}"),
            _ => format!("${{__field.labels.{name}}}"),
        };
        url = format!("{url}&var-{variable}={value}");
    }
    json!({"title": link.title.of(language), "url": url, "targetBlank": false})
}
