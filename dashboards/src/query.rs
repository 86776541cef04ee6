//! Queries in short: `@` in a selector is what every one of them must have, `@t` the chosen targets as well.

/// `up{@t}` with everything written out.
pub(crate) fn written_out(short: &str) -> String {
    const EVERY: &str = r#"job=~"$job",instance=~"$instance""#;
    const TARGETS: &str = r#"job=~"$job",instance=~"$instance",target=~"$target""#;
    let one_line = short.split_whitespace().collect::<Vec<_>>().join(" ");
    one_line.replace("@t", TARGETS).replace('@', EVERY)
}

/// How much a counter rose within what the board shows.
///
/// The linter wants `$__rate_interval` in every rate, which alone would only see the end of the range. The sum over all
/// steps is right also for a counter that is younger than the range, and misses no single event between two windows.
pub(crate) fn within_range(aggregate: &str, counter: &str) -> String {
    format!(
        "{aggregate} (sum_over_time(rate({counter}[$__rate_interval])[$__range:$__interval])) * $__interval_ms / 1000"
    )
}

/// One number of what is one gauge for each state: the code of the state that is 1.
pub(crate) fn coded(by: &str, gauge: &str, codes: impl IntoIterator<Item = (&'static str, u32)>) -> String {
    let terms = codes.into_iter().map(|(state, code)| {
        let of_state = gauge.replace('}', &format!(",state=\"{state}\"}}"));
        format!("max by ({by}) ({of_state} == 1) * {code}")
    });
    terms.collect::<Vec<_>>().join(" or ")
}
