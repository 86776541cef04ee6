//! What changes rarely: releases, the network, and how harvesters are set up.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Deserialize;

use super::wire::{Figure, Short, parse};
use crate::upstream::Why;

/// An answer of `get_version`.
pub(super) fn version(body: &[u8]) -> Result<String, Why> {
    #[derive(Deserialize)]
    struct Answer {
        version: Short,
    }
    parse::<Answer>(body).map(|answer| answer.version.0)
}

/// An answer of `get_network_info`: `mainnet`, `testnet11`.
pub(super) fn network(body: &[u8]) -> Result<String, Why> {
    #[derive(Deserialize)]
    struct Answer {
        network_name: Short,
    }
    parse::<Answer>(body).map(|answer| answer.network_name.0)
}

/// An answer of `get_plot_directories`: as configured, which says nothing of their being there.
pub(super) fn directories(body: &[u8]) -> Result<Vec<PathBuf>, Why> {
    #[derive(Deserialize)]
    struct Answer {
        directories: Vec<PathBuf>,
    }
    let Answer { directories } = parse(body)?;
    Ok(sound(directories))
}

/// Each directory once, however it is written. What is not absolute depends on where the harvester was started.
pub(super) fn sound(directories: impl IntoIterator<Item = PathBuf>) -> Vec<PathBuf> {
    let mut seen = BTreeSet::new();
    let absolute = directories.into_iter().filter(|path| path.is_absolute());
    // Anew from its components: without a slash at the end, or two in the middle.
    let plain = absolute.map(|path| path.components().collect::<PathBuf>());
    plain
        .filter(|path| seen.insert(path.clone()))
        .take(MOST_DIRECTORIES)
        .collect()
}

/// A machine has some hundred disks.
const MOST_DIRECTORIES: usize = 4_096;

/// An answer of `get_harvester_config`: seconds between two looks through the directories. Since 2.0.
pub(super) fn refresh_seconds(body: &[u8]) -> Result<Option<u64>, Why> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(default)]
        refresh_parameter_interval_seconds: Figure,
    }
    parse::<Answer>(body).map(|answer| answer.refresh_parameter_interval_seconds.small())
}

#[cfg(test)]
mod tests {
    use super::super::testing::recorded;
    use super::*;

    #[test]
    fn a_harvester_tells_its_directories_and_its_pace() {
        let directories = directories(&recorded("harvester.get_plot_directories")).unwrap();
        assert_eq!(directories.first().unwrap(), &PathBuf::from("/mnt/plots/disk1"));
        // The recording is cut after four.
        assert_eq!(directories.len(), 4);
        let seconds = refresh_seconds(&recorded("harvester.get_harvester_config"));
        assert_eq!(seconds, Ok(Some(15)));
    }

    #[test]
    fn a_directory_that_is_named_twice_is_one() {
        let text = br#"{"directories": ["/mnt/a/", "/mnt//a", "/mnt/a/b", "here"]}"#;
        let names: Vec<String> = directories(text)
            .unwrap()
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        assert_eq!(names, ["/mnt/a", "/mnt/a/b"]);
    }

    #[test]
    fn release_and_network_are_read() {
        assert_eq!(version(&recorded("farmer.get_version")), Ok("2.7.5".to_owned()));
        assert_eq!(
            network(&recorded("farmer.get_network_info")),
            Ok("simulator0".to_owned())
        );
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_give_a_picture_or_a_fault(bytes: Vec<u8>) {
            drop((version(&bytes), network(&bytes), directories(&bytes), refresh_seconds(&bytes)));
        }
    }
}
