//! Documents that are generated, and links between documents, against what is there.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Compares a document with what a command prints.
fn is_printed_by(document: &str, command: &str) {
    #[expect(clippy::disallowed_methods, reason = "the binary itself is under test")]
    let printed = std::process::Command::new(env!("CARGO_BIN_EXE_farmwarden"))
        .arg(command)
        .output()
        .unwrap();
    let file = root().join(document);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, &printed.stdout).unwrap();
    }
    let written = fs::read(&file).unwrap_or_default();
    assert!(
        written == printed.stdout,
        "{document} is stale: UPDATE_DOCS=1 cargo test --test documents"
    );
}

#[test]
fn the_list_of_metrics_is_what_the_binary_prints() {
    is_printed_by("docs/metrics.md", "metrics");
}

#[test]
fn the_example_configuration_is_what_the_binary_prints() {
    is_printed_by("docs/example.yml", "example-config");
}

#[test]
fn every_relative_link_of_a_document_leads_somewhere() {
    let mut documents = vec![root().to_owned(), root().join("docs"), root().join("docs/runbooks")];
    documents.push(root().join("tests/farm"));
    let mut checked = 0;
    for directory in documents {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "md") {
                continue;
            }
            for link in fs::read_to_string(&path).unwrap().split("](").skip(1) {
                let link = link.split([')', '#']).next().unwrap();
                if link.is_empty() || link.contains("://") {
                    continue;
                }
                assert!(
                    path.parent().unwrap().join(link).exists(),
                    "{}: {link} is not there",
                    path.display()
                );
                checked += 1;
            }
        }
    }
    assert!(checked > 0, "no links found: is this test looking at the right place?");
}

#[test]
fn the_example_configuration_is_read_and_names_every_kind() {
    let settings =
        farmwarden::config::Settings::read(&root().join("docs/example.yml"), farmwarden::config::Secrets::Ignored)
            .unwrap();
    let collectors = &settings.collectors;
    assert!(!collectors.phala.is_empty() && !collectors.prb.is_empty() && !collectors.mounts.is_empty());
    assert!(!collectors.venus.is_empty());
}

#[test]
fn the_configurations_of_the_composition_are_read_and_its_images_are_of_this_version() {
    for name in ["etc", "demo"] {
        let file = root().join("docker").join(name).join("farmwarden.yml");
        let settings = farmwarden::config::Settings::read(&file, farmwarden::config::Secrets::Ignored).unwrap();
        assert!(!settings.collectors.phala.is_empty(), "{name}");
    }
    let composition = fs::read_to_string(root().join("docker/compose.yml")).unwrap();
    for image in ["farmwarden", "farmwarden-simfarm"] {
        let line = format!("    image: {image}:{}\n", env!("CARGO_PKG_VERSION"));
        assert!(composition.contains(&line), "{line}");
    }
}

#[test]
fn every_key_that_a_symptom_names_has_a_value_and_stands_in_the_example() {
    let example = fs::read_to_string(root().join("docs/example.yml")).unwrap();
    let settings = farmwarden::config::Settings::parse("example.yml", &example).unwrap();
    let own = farmwarden::collectors::symptoms().into_iter();
    for symptom in own.chain(farmwarden::relations::SYMPTOMS.iter().copied()) {
        for threshold in symptom.thresholds {
            let (kind, key) = threshold.split_once('.').unwrap();
            let values = settings.collectors.settings(kind, key);
            assert!(!values.is_empty(), "{}: {threshold} has no value", symptom.name);
            let last = key.rsplit('.').next().unwrap();
            assert!(example.contains(&format!(" {last}:")), "{}: {threshold}", symptom.name);
        }
    }
}
