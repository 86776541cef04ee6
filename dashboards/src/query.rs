//! Queries in short: `@` in a selector is what every one of them must have, `@t` the chosen targets as well.

/// `up{@t}` with everything written out. A target is one of one farmwarden: what is told apart by targets is by these, too,
/// since two may have targets of one name.
pub(crate) fn written_out(short: &str) -> String {
    const EVERY: &str = r#"job=~"$job",instance=~"$instance""#;
    const TARGETS: &str = r#"job=~"$job",instance=~"$instance",target=~"$target""#;
    let one_line = short.split_whitespace().collect::<Vec<_>>().join(" ");
    let apart = one_line
        .replace("by (target", "by (job, instance, target")
        .replace("on (target", "on (job, instance, target");
    apart.replace("@t", TARGETS).replace('@', EVERY)
}

/// The last that a farmwarden said that Prometheus wants to scrape and cannot. One that is scraped no more is not missed.
pub(crate) fn silent(selector: &str) -> String {
    format!("(last_over_time({selector}[1d]) and on (job, instance) (up{{@}} == 0))")
}

/// The parts of targets that somebody should know: those of a silent farmwarden, too.
pub(crate) fn watched() -> String {
    let up = "farmwarden_target_up{@t}";
    format!("({up} or {})", silent(up))
}

/// What is known, and of targets that are watched and of which nothing is known now the last within a day: `labels` tell
/// targets apart, or parts of them. Looked at every five minutes, so it costs little for thousands of series.
pub(crate) fn known_last(labels: &str, now: &str) -> String {
    format!("({now} or {})", lost(labels, now, now))
}

/// The second half of [`known_last`]: what was there, and is not known where `now` has nothing.
pub(crate) fn lost(labels: &str, was: &str, now: &str) -> String {
    format!(
        "((last_over_time(({was})[1d:5m]) unless on ({labels}) ({now})) and on (target) {})",
        watched()
    )
}

/// How targets answer, or what `labels` tell apart: 0, 1, and 2 for those of a silent farmwarden, as
/// [`ANSWERS`](crate::states::ANSWERS) has it.
pub(crate) fn answers(labels: &str, of: &str) -> String {
    let up = format!("farmwarden_target_up{of}");
    format!(
        "(min by ({labels}) ({up}) or 2 + 0 * max by ({labels}) ({}))",
        silent(&up)
    )
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

/// How much a counter rose within the last hour. A rate of minutes would make dozens an hour of a single rare event.
pub(crate) fn last_hour(aggregate: &str, counter: &str) -> String {
    within_range(aggregate, counter).replace("[$__range:", "[1h:")
}

/// One number of what is one gauge for each state: the code of the state that is 1.
pub(crate) fn coded(by: &str, gauge: &str, codes: impl IntoIterator<Item = (&'static str, u32)>) -> String {
    let terms = codes.into_iter().map(|(state, code)| {
        let of_state = gauge.replace('}', &format!(",state=\"{state}\"}}"));
        format!("max by ({by}) ({of_state} == 1) * {code}")
    });
    terms.collect::<Vec<_>>().join(" or ")
}
