//! Columns of tables, and links that keep the time range, the data source and what was chosen.

use crate::palette::Tone;
use crate::panel::Bound;
use crate::states::State;
use crate::text::Text;

/// Where a click leads: another board, with these variables taken from labels of the row or series.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) title: Text,
    pub(crate) board: &'static str,
    /// Variable of that board and label here.
    pub(crate) hands_over: Vec<(&'static str, &'static str)>,
}

pub(crate) fn to(title: Text, board: &'static str, hands_over: &[(&'static str, &'static str)]) -> Link {
    Link {
        title,
        board,
        hands_over: hands_over.to_vec(),
    }
}

/// What Grafana calls the fields of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Field {
    Label(&'static str),
    /// The value of a query, by its place.
    Value(usize),
}

#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) field: Field,
    pub(crate) title: Text,
    pub(crate) unit: Option<&'static str>,
    pub(crate) bounds: Vec<Bound>,
    pub(crate) states: &'static [State],
    pub(crate) links: Vec<Link>,
    pub(crate) width: Option<u32>,
}

impl Column {
    fn new(field: Field, title: Text) -> Self {
        Self {
            field,
            title,
            unit: None,
            bounds: Vec::new(),
            states: &[],
            links: Vec::new(),
            width: None,
        }
    }

    pub(crate) fn unit(mut self, unit: &'static str) -> Self {
        self.unit = Some(unit);
        self
    }

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

    pub(crate) fn link(mut self, link: Link) -> Self {
        self.links.push(link);
        self
    }

    pub(crate) fn width(mut self, width: u32) -> Self {
        self.width = Some(width);
        self
    }
}

pub(crate) fn label(name: &'static str, title: Text) -> Column {
    Column::new(Field::Label(name), title)
}

pub(crate) fn value(query: usize, title: Text) -> Column {
    Column::new(Field::Value(query), title)
}
