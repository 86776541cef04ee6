//! What spans several keys of an entry and cannot be.

use std::path::PathBuf;

use super::target::Target;
use crate::values::{self, Duration, Name};

pub(super) fn contradictions(target: &Target) -> Vec<(&'static str, String)> {
    let mut wrong = Vec::new();
    let second = Duration::from_secs(1);
    if target.interval < second {
        wrong.push(("interval", format!("{} is too short; at least 1s", target.interval)));
    }
    if target.probe_timeout.get() + second.get() > target.interval.get().mul_f64(0.9) {
        let words = format!(
            "{} is too long for the interval of {}: a round takes up to a second more than it, and must end before \
             nine tenths of the interval",
            target.probe_timeout, target.interval
        );
        wrong.push(("probe_timeout", words));
    }
    if target.max_children > MOST_CHILDREN {
        let words = format!(
            "{} is more than a machine has use for; at most {MOST_CHILDREN}: each takes 0.4 MB and three open files",
            target.max_children
        );
        wrong.push(("max_children", words));
    }
    if target.max_children < 4 {
        wrong.push((
            "max_children",
            format!("{} is too few; at least 4", target.max_children),
        ));
    }
    wrong.extend(target.wrong_paths());
    wrong.extend(target.wrong_plot_sizes());
    wrong
}

impl Target {
    fn wrong_paths(&self) -> Vec<(&'static str, String)> {
        let expected: Vec<&PathBuf> = self.expected.iter().map(|expected| &expected.mount).collect();
        let temporary: Vec<&PathBuf> = self.temporary.iter().collect();
        let mut wrong = Vec::new();
        for (key, paths) in [
            ("procfs", vec![&self.procfs]),
            ("rootfs", vec![&self.rootfs]),
            ("expected", expected),
            ("temporary", temporary),
        ] {
            let relative = paths.iter().filter(|path| !path.is_absolute());
            wrong.extend(relative.map(|path| {
                (
                    key,
                    format!("{} is not an absolute path", values::repeated(&path.to_string_lossy())),
                )
            }));
            wrong.extend(repeated(&paths).map(|path| (key, format!("`{}` is named twice", path.display()))));
        }
        wrong
    }

    fn wrong_plot_sizes(&self) -> Vec<(&'static str, String)> {
        let names: Vec<&Name> = self.plot_sizes.iter().map(|plot| &plot.name).collect();
        let mut words: Vec<String> = repeated(&names)
            .map(|name| format!("`{name}` is named twice"))
            .collect();
        let empty = self.plot_sizes.iter().filter(|plot| plot.size.bytes() == 0);
        words.extend(empty.map(|plot| format!("a plot `{}` of no size would fit without end", plot.name)));
        if self.plot_sizes.is_empty() {
            words.push("the list is empty; leave it out for k32 plots".to_owned());
        }
        words.into_iter().map(|words| ("plot_sizes", words)).collect()
    }
}

fn repeated<T: PartialEq>(all: &[T]) -> impl Iterator<Item = &T> {
    all.iter()
        .enumerate()
        .filter(|(index, one)| all.iter().take(*index).any(|before| before == *one))
        .map(|(_, one)| one)
}

/// Beyond the largest farm known, all of whose mounts hang.
const MOST_CHILDREN: usize = 4096;
