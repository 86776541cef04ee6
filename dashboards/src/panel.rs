//! A panel as its board describes it: what is asked, how it is read, and what stands there when there is nothing.

use crate::cells::{Column, Link};
use crate::palette::Tone;
use crate::query::written_out;
use crate::states::State;
use crate::text::{Text, same};

/// How answers are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One number, or one for each series.
    Stat,
    /// Lines over time.
    Series,
    /// One row for each series, with the state that it was in.
    Timeline,
    /// Buckets of a histogram over time.
    Heatmap,
    /// Rows that can be sorted.
    Table,
}

/// One query and what its answers are called.
pub(crate) struct Query {
    pub(crate) expr: String,
    pub(crate) legend: Text,
}

/// From a value on, or from the lowest, it means this.
pub(crate) type Bound = (Option<f64>, Tone);

pub(crate) struct Panel {
    pub(crate) kind: Kind,
    pub(crate) title: Text,
    pub(crate) description: Text,
    /// Why there may be nothing to see, and what to do about it.
    pub(crate) empty: Text,
    pub(crate) queries: Vec<Query>,
    pub(crate) unit: &'static str,
    pub(crate) decimals: Option<u8>,
    pub(crate) floor: Option<f64>,
    pub(crate) bounds: Vec<Bound>,
    pub(crate) states: &'static [State],
    /// Series called after a state; those of `states` are values.
    pub(crate) series: &'static [State],
    pub(crate) columns: Vec<Column>,
    /// The query whose values decide what is on top, and whether high ones do.
    pub(crate) worst: Option<(usize, bool)>,
    pub(crate) links: Vec<Link>,
    pub(crate) stacked: bool,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Panel {
    fn new(kind: Kind, title: Text, description: Text, empty: Text) -> Self {
        let (width, height) = match kind {
            Kind::Stat => (4, 4),
            Kind::Series | Kind::Heatmap => (12, 8),
            Kind::Timeline => (24, 9),
            Kind::Table => (24, 10),
        };
        Self {
            kind,
            title,
            description,
            empty,
            queries: Vec::new(),
            unit: "short",
            decimals: None,
            floor: None,
            bounds: Vec::new(),
            states: &[],
            series: &[],
            columns: Vec::new(),
            worst: None,
            links: Vec::new(),
            stacked: false,
            width,
            height,
        }
    }

    /// One more query, called after the labels that tell its answers apart.
    pub(crate) fn ask(self, legend: &'static str, expr: impl AsRef<str>) -> Self {
        self.named(same(legend), expr)
    }

    /// One more query, whose one answer has a name.
    pub(crate) fn named(mut self, legend: Text, expr: impl AsRef<str>) -> Self {
        self.queries.push(Query {
            expr: written_out(expr.as_ref()),
            legend,
        });
        self
    }

    /// By the ids of Grafana's units.
    pub(crate) fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    pub(crate) fn decimals(mut self, decimals: u8) -> Self {
        self.decimals = Some(decimals);
        self
    }

    /// Where the axis begins at least.
    pub(crate) fn at_least_zero(mut self) -> Self {
        self.floor = Some(0.0);
        self
    }

    /// What values mean, the lowest first. Lines are drawn where something begins.
    pub(crate) fn bounds<const N: usize>(mut self, bounds: [Bound; N]) -> Self {
        self.bounds = bounds.to_vec();
        self
    }

    /// Nothing is good, anything from `least` on is what `tone` says.
    pub(crate) fn none_is_good(self, least: f64, tone: Tone) -> Self {
        self.bounds([(None, Tone::Good), (Some(least), tone)])
    }

    pub(crate) fn states(mut self, states: &'static [State]) -> Self {
        self.states = states;
        self
    }

    pub(crate) fn series(mut self, series: &'static [State]) -> Self {
        self.series = series;
        self
    }

    pub(crate) fn column(mut self, column: Column) -> Self {
        self.columns.push(column);
        self
    }

    /// High values of this query come first.
    pub(crate) fn highest_first(mut self, query: usize) -> Self {
        self.worst = Some((query, true));
        self
    }

    /// Low values of this query come first.
    pub(crate) fn lowest_first(mut self, query: usize) -> Self {
        self.worst = Some((query, false));
        self
    }

    pub(crate) fn link(mut self, link: Link) -> Self {
        self.links.push(link);
        self
    }

    pub(crate) fn stacked(mut self) -> Self {
        self.stacked = true;
        self
    }

    pub(crate) fn size(mut self, width: u32, height: u32) -> Self {
        (self.width, self.height) = (width, height);
        self
    }
}

pub(crate) fn stat(title: Text, description: Text, empty: Text) -> Panel {
    Panel::new(Kind::Stat, title, description, empty)
}

pub(crate) fn series(title: Text, description: Text, empty: Text) -> Panel {
    Panel::new(Kind::Series, title, description, empty)
}

pub(crate) fn timeline(title: Text, description: Text, empty: Text) -> Panel {
    Panel::new(Kind::Timeline, title, description, empty)
}

pub(crate) fn heatmap(title: Text, description: Text, empty: Text) -> Panel {
    Panel::new(Kind::Heatmap, title, description, empty)
}

pub(crate) fn table(title: Text, description: Text, empty: Text) -> Panel {
    Panel::new(Kind::Table, title, description, empty)
}
