//! What is shipped, so many times faster: every duration is divided, and nothing else is changed.

use std::iter;

/// Rules, or the configuration of Alertmanager.
pub(super) fn hurried(text: &str, times: u64) -> String {
    let mut seconds = false;
    let mut hurried = String::new();
    for line in text.lines() {
        hurried.push_str(&hurried_line(line, times, seconds));
        hurried.push('\n');
        // A recorded limit says its unit in its name, and the next line is its number.
        seconds = line.contains("record: farmwarden:limit:") && line.ends_with("_seconds");
    }
    hurried
}

fn hurried_line(line: &str, times: u64, seconds: bool) -> String {
    if let (true, Some((before, number))) = (seconds, line.split_once("vector(")) {
        let (number, after) = number.rsplit_once(')').unwrap();
        return format!("{before}vector(({number}) / {times}){after}");
    }
    for key in [
        "for: ",
        "keep_firing_for: ",
        "group_wait: ",
        "group_interval: ",
        "repeat_interval: ",
    ] {
        let indented = line.trim_start();
        if let Some(duration) = indented.strip_prefix(key).and_then(|text| divided(text, times)) {
            let before = line.strip_suffix(indented).unwrap();
            return format!("{before}{key}{duration}");
        }
    }
    let mut parts = line.split('[');
    let first = parts.next().unwrap_or_default().to_owned();
    let ranges = parts.map(|part| {
        let range = part.split_once(']');
        let range = range.and_then(|(text, rest)| Some(format!("{}]{rest}", divided(text, times)?)));
        format!("[{}", range.unwrap_or_else(|| part.to_owned()))
    });
    iter::once(first).chain(ranges).collect()
}

/// A duration of one unit, so many times shorter; nothing if the text is none.
fn divided(text: &str, times: u64) -> Option<String> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    Some(format!("{}ms", number.parse::<u64>().ok()? * unit / times))
}

#[test]
fn durations_are_divided_and_all_else_stays() {
    for (shipped, expected) in [
        ("        for: 10m", "        for: 10000ms"),
        ("        for: 0s", "        for: 0ms"),
        ("        keep_firing_for: 1h", "        keep_firing_for: 60000ms"),
        ("      group_wait: 10s", "      group_wait: 166ms"),
        (
            "expr: max_over_time(farmwarden_symptom{symptom=\"node_stuck\"}[1m]) == 1",
            "expr: max_over_time(farmwarden_symptom{symptom=\"node_stuck\"}[1000ms]) == 1",
        ),
        (
            "  predict_linear(a[1d], b) < 0 and c[15m] > 3",
            "  predict_linear(a[1440000ms], b) < 0 and c[15000ms] > 3",
        ),
        // Neither a duration: a pattern, labels, words.
        (
            r#"{{ reReplaceAll "/[^/]*$" "" $labels.entity }}"#,
            r#"{{ reReplaceAll "/[^/]*$" "" $labels.entity }}"#,
        ),
        ("  equal: [job, instance]", "  equal: [job, instance]"),
        ("  has not risen for 5m or longer", "  has not risen for 5m or longer"),
        ("  expr: vector(3)", "  expr: vector(3)"),
        (
            "- record: farmwarden:limit:stale_seconds\n  expr: vector(3 * 86400)",
            "- record: farmwarden:limit:stale_seconds\n  expr: vector((3 * 86400) / 60)",
        ),
    ] {
        assert_eq!(hurried(shipped, 60), format!("{expected}\n"));
    }
}
