//! What one key cannot know: names that are used twice, keys of one target that contradict each other.

use std::collections::HashMap;

use crate::collectors::Sections;

/// All of them, each as `file: path: what is wrong, what was expected`.
pub(super) fn mistakes(file: &str, sections: &Sections) -> Vec<String> {
    let mut mistakes = Vec::new();
    let mut seen = HashMap::new();
    for (kind, name, own) in sections.check() {
        let path = format!("{file}: collectors.{kind}.{name}");
        mistakes.extend(own.into_iter().map(|words| format!("{path}: {words}")));
        if let Some(before) = seen.insert(name.clone(), kind) {
            mistakes.push(format!(
                "{path}: the name stands twice (also in collectors.{before}); metrics, alerts and repairs need it to be unique"
            ));
        }
    }
    mistakes
}
