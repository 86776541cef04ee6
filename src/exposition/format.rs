//! The two formats: OpenMetrics 1.0.0 and Prometheus text 0.0.4, and which of them a scraper asked for.
//!
//! Source: OpenMetrics specification 1.0; Prometheus documentation, "Exposition formats" and "Content negotiation".

use std::collections::HashMap;
use std::fmt::Write as _;

use super::{Family, Kind, Rendered};

/// How a page is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    OpenMetrics,
    Text,
}

impl Format {
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenMetrics => "openmetrics",
            Self::Text => "text",
        }
    }

    /// The best of what an `Accept` header allows; text 0.0.4 when it names neither, as Prometheus' documentation asks.
    pub fn negotiate(accept: &str) -> Self {
        let mut best = (0_u16, Self::Text);
        for offer in accept.split(',') {
            let mut parts = offer.split(';').map(str::trim);
            let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
            let (mut quality, mut version) = (1000, None);
            for parameter in parts {
                match parameter.split_once('=') {
                    Some(("q", value)) => quality = thousandths(value),
                    Some(("version", value)) => version = Some(value.trim_matches('"')),
                    _ => {}
                }
            }
            let format = match (media_type.as_str(), version) {
                ("application/openmetrics-text", None | Some("1.0.0")) => Self::OpenMetrics,
                ("text/plain", None | Some("0.0.4")) => Self::Text,
                _ => continue,
            };
            if quality > best.0 {
                best = (quality, format);
            }
        }
        best.1
    }

    /// The header lines of a family.
    pub fn write_header(self, family: &Family, out: &mut String) {
        let (name, kind) = match (self, family.kind) {
            (Self::OpenMetrics, Kind::Info) => (family.base_name(), "info"),
            (Self::OpenMetrics, Kind::Counter) => (family.base_name(), "counter"),
            (Self::Text, Kind::Counter) => (family.name, "counter"),
            (_, Kind::Histogram) => (family.name, "histogram"),
            // Text 0.0.4 has no info type, and Prometheus refuses a page that names one.
            (_, Kind::Gauge) | (Self::Text, Kind::Info) => (family.name, "gauge"),
        };
        let help = family.help;
        // Writing to a String cannot fail.
        let _infallible = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        if self == Self::OpenMetrics
            && let Some(unit) = family.unit()
        {
            let _infallible = writeln!(out, "# UNIT {name} {unit}");
        }
    }
}

/// A quality value of an `Accept` header in thousandths; what cannot be read counts as not wanted.
fn thousandths(quality: &str) -> u16 {
    let (whole, fraction) = quality.split_once('.').unwrap_or((quality, ""));
    if whole == "1" {
        return 1000;
    }
    let digits = fraction.chars().chain("000".chars()).take(3).collect::<String>();
    if whole == "0" { digits.parse().unwrap_or(0) } else { 0 }
}

/// Writes every family once, in the order of `order`, with the samples of all pages under its one header.
pub fn write_families<'a>(
    order: &[&'static Family],
    pages: impl IntoIterator<Item = &'a Rendered>,
    format: Format,
    out: &mut String,
) {
    let mut blocks: HashMap<*const Family, Vec<&str>> = HashMap::new();
    for page in pages {
        for (family, lines) in page.families() {
            blocks.entry(std::ptr::from_ref(family)).or_default().push(lines);
        }
    }
    for family in order {
        if let Some(blocks) = blocks.get(&std::ptr::from_ref(*family)) {
            format.write_header(family, out);
            for lines in blocks {
                out.push_str(lines);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Desc, Page};
    use super::*;

    static BYTES: Desc<0> = Desc::gauge("x_size_bytes", "Size.", &[]);
    static WINS: Desc<0> = Desc::counter("x_wins_total", "Wins.", &[]);
    static BUILD: Desc<1> = Desc::info("x_build_info", "Build.", &["version"]);
    static ORDER: [&Family; 3] = [BYTES.family(), WINS.family(), BUILD.family()];

    fn page(target: &str) -> Rendered {
        let mut page = Page::new(&[("target", target)]);
        page.add(&BUILD, ["1"], true);
        page.add(&WINS, [], 2_u64);
        page.add(&BYTES, [], 3_u64);
        page.finish()
    }

    fn written(format: Format) -> String {
        let (a, b) = (page("a"), page("b"));
        let mut out = String::new();
        write_families(&ORDER, [&a, &b], format, &mut out);
        out
    }

    #[test]
    fn targets_merge_under_one_header_in_the_listed_order() {
        assert_eq!(
            written(Format::OpenMetrics),
            "# HELP x_size_bytes Size.\n# TYPE x_size_bytes gauge\n# UNIT x_size_bytes bytes\n\
             x_size_bytes{target=\"a\"} 3\nx_size_bytes{target=\"b\"} 3\n\
             # HELP x_wins Wins.\n# TYPE x_wins counter\nx_wins_total{target=\"a\"} 2\nx_wins_total{target=\"b\"} 2\n\
             # HELP x_build Build.\n# TYPE x_build info\n\
             x_build_info{target=\"a\",version=\"1\"} 1\nx_build_info{target=\"b\",version=\"1\"} 1\n"
        );
    }

    #[test]
    fn the_text_format_knows_neither_info_nor_units() {
        let text = written(Format::Text);
        assert!(text.contains("# TYPE x_wins_total counter\n"));
        assert!(text.contains("# TYPE x_build_info gauge\n"));
        assert!(!text.contains("UNIT"));
    }

    proptest::proptest! {
        #[test]
        fn any_accept_header_gives_a_format(header in ".*") {
            Format::negotiate(&header);
        }
    }

    #[test]
    fn the_accept_header_decides_and_quality_counts() {
        let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                          text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(Format::negotiate(prometheus), Format::OpenMetrics);
        assert_eq!(Format::negotiate(""), Format::Text);
        assert_eq!(Format::negotiate("*/*"), Format::Text);
        assert_eq!(Format::negotiate("text/html,application/xhtml+xml"), Format::Text);
        assert_eq!(
            Format::negotiate("application/openmetrics-text;version=1.0.0;q=0.2, text/plain;version=0.0.4;q=0.9"),
            Format::Text
        );
        assert_eq!(
            Format::negotiate("application/openmetrics-text; version=0.0.1"),
            Format::Text
        );
        assert_eq!(Format::negotiate("application/openmetrics-text;q=0"), Format::Text);
        assert_eq!(
            Format::negotiate("APPLICATION/OpenMetrics-Text; version=\"1.0.0\""),
            Format::OpenMetrics
        );
    }
}
