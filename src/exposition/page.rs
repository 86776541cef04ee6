//! The samples of one target, rendered line by line as they are added.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use super::{Desc, Family, Histogram, Value};
use crate::values;

/// What a round writes on. Built anew every round, so a label set that vanished upstream vanishes here.
#[derive(Debug)]
pub struct Page {
    /// Labels that every sample begins with, rendered: `target="farm-1"`.
    prefix: String,
    families: Vec<(&'static Family, String)>,
    /// Hashes of the series written: the same series twice would make Prometheus refuse the whole page.
    seen: HashSet<u64>,
    hasher: RandomState,
    duplicates: u64,
}

/// A finished page: immutable, one block of sample lines per family.
#[derive(Debug, Default)]
pub struct Rendered {
    families: Vec<(&'static Family, String)>,
    /// Samples left out because their series was already there: an upstream that says the same thing twice.
    pub duplicates: u64,
}

impl Page {
    /// A page whose samples all carry these labels first.
    pub fn new(labels: &[(&str, &str)]) -> Self {
        let mut prefix = String::new();
        for (name, value) in labels {
            push_label(&mut prefix, name, value);
        }
        Self {
            prefix,
            families: Vec::new(),
            seen: HashSet::new(),
            hasher: RandomState::new(),
            duplicates: 0,
        }
    }

    /// Adds one sample; nothing when the value is unknown.
    pub fn add<const LABELS: usize>(&mut self, desc: &'static Desc<LABELS>, labels: [&str; LABELS], value: impl Value) {
        self.line(desc.family(), "", &labels, None, value);
    }

    /// Adds the samples of a histogram.
    pub fn add_histogram<const LABELS: usize>(
        &mut self,
        desc: &'static Desc<LABELS>,
        labels: [&str; LABELS],
        histogram: &Histogram,
    ) {
        let family = desc.family();
        for (bound, count) in histogram.buckets() {
            self.line(family, "_bucket", &labels, Some(("le", bound)), count);
        }
        self.line(family, "_sum", &labels, None, histogram.sum());
        self.line(family, "_count", &labels, None, histogram.count());
    }

    fn line(
        &mut self,
        family: &'static Family,
        suffix: &str,
        labels: &[&str],
        last: Option<(&str, &str)>,
        value: impl Value,
    ) {
        let block = self.family_index(family);
        let Some((_, lines)) = self.families.get_mut(block) else {
            return;
        };
        let start = lines.len();
        lines.push_str(family.name);
        let label_start = lines.len();
        lines.push_str(suffix);
        let own = family.labels.iter().copied().zip(labels.iter().copied());
        let all = own.chain(last);
        if !(self.prefix.is_empty() && labels.is_empty() && last.is_none()) {
            lines.push('{');
            lines.push_str(&self.prefix);
            for (name, value) in all {
                if !lines.ends_with('{') {
                    lines.push(',');
                }
                push_escaped_label(lines, name, value);
            }
            lines.push('}');
        }
        let series = lines.get(label_start..).unwrap_or_default();
        let series = self.hasher.hash_one((block, series));
        lines.push(' ');
        if !value.write(lines) {
            lines.truncate(start);
        } else if self.seen.insert(series) {
            lines.push('\n');
        } else {
            lines.truncate(start);
            self.duplicates += 1;
        }
    }

    pub fn finish(self) -> Rendered {
        let mut families = self.families;
        families.retain(|(_, lines)| !lines.is_empty());
        for (_, lines) in &mut families {
            // Kept until the next round, in which nothing is added: spare room would double the memory of a page.
            lines.shrink_to_fit();
        }
        Rendered {
            families,
            duplicates: self.duplicates,
        }
    }

    /// Samples of a family mostly come one after another, so the search begins at the end.
    fn family_index(&mut self, family: &'static Family) -> usize {
        let known = self
            .families
            .iter()
            .rposition(|(known, _)| std::ptr::eq(*known, family));
        known.unwrap_or_else(|| {
            self.families.push((family, String::new()));
            self.families.len() - 1
        })
    }
}

impl Rendered {
    /// Each family with its sample lines.
    pub fn families(&self) -> impl Iterator<Item = (&'static Family, &str)> {
        self.families.iter().map(|(family, lines)| (*family, lines.as_str()))
    }
}

fn push_label(text: &mut String, name: &str, value: &str) {
    if !text.is_empty() {
        text.push(',');
    }
    push_escaped_label(text, name, value);
}

/// `name="value"` with the escapes that both formats know; what upstreams wrote to be obeyed instead of seen is written
/// out before.
fn push_escaped_label(text: &mut String, name: &str, value: &str) {
    text.push_str(name);
    text.push_str("=\"");
    let value = values::clean(value);
    if value.contains(['\\', '"']) {
        for c in value.chars() {
            if matches!(c, '\\' | '"') {
                text.push('\\');
            }
            text.push(c);
        }
    } else {
        text.push_str(&value);
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    static PLOTS: Desc<1> = Desc::gauge("x_plots", "Plots.", &["harvester"]);
    static WINS: Desc<0> = Desc::counter("x_wins_total", "Wins.", &[]);

    fn lines(page: Page) -> String {
        page.finish().families().map(|(_, lines)| lines).collect()
    }

    #[test]
    fn every_sample_begins_with_the_labels_of_the_page() {
        let mut page = Page::new(&[("target", "farm-1")]);
        page.add(&PLOTS, ["h1"], 7_u64);
        page.add(&WINS, [], 1_u64);
        assert_eq!(
            lines(page),
            "x_plots{target=\"farm-1\",harvester=\"h1\"} 7\nx_wins_total{target=\"farm-1\"} 1\n"
        );
    }

    #[test]
    fn quotes_and_backslashes_are_escaped() {
        let mut page = Page::new(&[]);
        page.add(&PLOTS, ["a\"b\\c é"], 1_u64);
        assert_eq!(lines(page), "x_plots{harvester=\"a\\\"b\\\\c é\"} 1\n");
    }

    #[test]
    fn what_is_obeyed_instead_of_seen_is_written_out() {
        let mut page = Page::new(&[]);
        page.add(&PLOTS, ["a\nb\u{1b}[31m\u{202e}c"], 1_u64);
        assert_eq!(lines(page), "x_plots{harvester=\"a\\\\nb\\\\u001b[31m\\\\u202ec\"} 1\n");
    }

    #[test]
    fn the_same_series_twice_is_written_once_and_counted() {
        let mut page = Page::new(&[]);
        page.add(&PLOTS, ["h1"], 1_u64);
        page.add(&PLOTS, ["h1"], 2_u64);
        let rendered = page.finish();
        assert_eq!(rendered.duplicates, 1);
        assert_eq!(
            rendered.families().map(|(_, lines)| lines).collect::<String>(),
            "x_plots{harvester=\"h1\"} 1\n"
        );
    }

    static LOOKUPS: Desc<1> = Desc::histogram("x_lookup_seconds", "Lookups.", &["harvester"]);

    #[test]
    fn a_histogram_is_written_with_its_bounds_behind_the_labels() {
        let mut lookups = Histogram::new(&["0.5", "2.0"]);
        for seconds in [0.25, 0.5, 1.0, 8.0] {
            lookups.observe(seconds);
        }
        let mut page = Page::new(&[("target", "farm-1")]);
        page.add_histogram(&LOOKUPS, ["h1"], &lookups);
        let labels = r#"{target="farm-1",harvester="h1""#;
        assert_eq!(
            lines(page),
            format!(
                "x_lookup_seconds_bucket{labels},le=\"0.5\"}} 2\nx_lookup_seconds_bucket{labels},le=\"2.0\"}} 3\n\
                 x_lookup_seconds_bucket{labels},le=\"+Inf\"}} 4\nx_lookup_seconds_sum{labels}}} 9.75\n\
                 x_lookup_seconds_count{labels}}} 4\n"
            )
        );
    }

    #[test]
    fn an_unknown_value_leaves_no_family_behind() {
        let mut page = Page::new(&[]);
        page.add(&PLOTS, ["h1"], None::<u64>);
        page.add(&PLOTS, ["h1"], f64::NAN);
        assert_eq!(page.finish().families().count(), 0);
    }
}
