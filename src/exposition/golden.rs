//! For tests: a rendered page compared with the file that a reviewer reads.

use std::path::Path;

use super::{Family, Format, Page, write_families};

/// The page in OpenMetrics, as the text of a golden file.
pub(crate) fn rendered(order: &[&'static Family], page: Page) -> String {
    let mut text = String::new();
    write_families(order, [&page.finish()], Format::OpenMetrics, &mut text);
    text
}

/// Compares with `file` (relative to the crate); `UPDATE_GOLDEN=1` writes it instead.
#[track_caller]
pub(crate) fn check(file: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == text,
        "{file} differs; UPDATE_GOLDEN=1 rewrites it. The page is now:\n{text}"
    );
}

/// The families of a room's goldens and its list are the same set: none is listed and never written, none unlisted.
#[track_caller]
pub(crate) fn covers(directory: &str, families: &[&'static Family]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let mut written = std::collections::BTreeSet::new();
    for entry in std::fs::read_dir(path).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        written.extend(names.filter_map(|rest| rest.split(' ').next()).map(ToOwned::to_owned));
    }
    let listed: std::collections::BTreeSet<_> = families.iter().map(|family| family.base_name().to_owned()).collect();
    assert_eq!(written, listed);
}
