//! What one key cannot know: keys of one target that contradict each other, and what targets say of one another.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::Secrets;
use super::links::links;
use crate::actions::remote::Key;
use crate::collectors::{Checked, Link, Sections};
use crate::journal::JournalSection;
use crate::notify::Way;
use crate::remedy::settings::Mode;
use crate::remedy::{Caller, Contradiction, Remedies, caller_contradictions, hands};
use crate::values::{Name, SecretSource};
use crate::yaml::{Document, Mistake, Read};

/// All of them. A target in which something could not be read is not judged: what is missing there may be what was
/// wrong.
pub(super) fn mistakes<T>(document: &Document, read: &Read<T>, sections: &Sections, secrets: Secrets) -> Vec<Mistake> {
    let targets: Vec<(String, Checked)> = sections
        .check()
        .into_iter()
        .map(|target| (path(read, &target), target))
        .collect();
    let links = links(&sections.check());
    let mut mistakes = Vec::new();
    for (path, target) in &targets {
        if !read.is_wrong(path) {
            let own = target.contradictions.iter();
            mistakes.extend(own.map(|(key, words)| document.mistake(&below(path, key), words)));
            if secrets == Secrets::MustBeThere {
                mistakes.extend(missing_secrets(document, path, &target.secrets));
            }
        }
    }
    mistakes.extend(names(document, &targets));
    mistakes.extend(dependencies(document, &targets, &links));
    mistakes
}

/// What policies say of targets and of themselves; not of one in which something could not be read.
pub(super) fn remedies<T>(document: &Document, read: &Read<T>, remedies: &Remedies) -> Vec<Mistake> {
    let known = written_names(document);
    let contradictions = remedies.contradictions(|name| known.iter().any(|known| known == name.as_str()));
    of_policies(document, read, contradictions)
}

fn of_policies<T>(document: &Document, read: &Read<T>, wrong: Vec<Contradiction>) -> Vec<Mistake> {
    let placed = wrong.into_iter().filter_map(|wrong| {
        let path = read.path_of("remedies.policies", wrong.policy);
        (!read.is_wrong(&path)).then(|| document.mistake(&below(&path, &wrong.key), wrong.words))
    });
    placed.collect()
}

/// What may be touched, and what policies want to do with it. Policies are not held against lists that could not be read.
pub(super) fn hands<T>(
    document: &Document,
    read: &Read<T>,
    hands: &hands::Settings,
    remedies: &Remedies,
) -> Vec<Mistake> {
    let written = written_names(document);
    let is_unread =
        |name: &Name| !hands.targets.contains_key(name) && written.iter().any(|written| written == name.as_str());
    let mut mistakes = Vec::new();
    for wrong in hands.misplaced(is_unread) {
        let path = match wrong.number {
            Some(number) => read.path_of(wrong.list, number),
            None => wrong.list.to_owned(),
        };
        if !read.is_wrong(&path) {
            mistakes.push(document.mistake(&below(&path, &wrong.key), wrong.words));
        }
    }
    if !["engines", "units", "stacks", "remotes", "commands"]
        .iter()
        .any(|list| read.is_wrong(list))
    {
        mistakes.extend(of_policies(document, read, hands.contradictions(remedies, is_unread)));
    }
    mistakes
}

/// Keys and certificates of other farmwardens that cannot be read: with one of them nothing would start.
pub(super) fn remotes<T>(
    document: &Document,
    read: &Read<T>,
    hands: &hands::Settings,
    secrets: Secrets,
) -> Vec<Mistake> {
    if secrets == Secrets::Ignored {
        return Vec::new();
    }
    let paths = hands.remotes.iter().enumerate();
    let paths = paths.map(|(number, remote)| (read.path_of("remotes", number), remote));
    let sound = paths.filter(|(path, _)| !read.is_wrong(path));
    sound
        .flat_map(|(path, remote)| {
            let certificate = remote.unreadable();
            let certificate = certificate.map(|(key, words)| document.mistake(&below(&path, key), words));
            wrong_key(document, &path, &remote.key_file)
                .into_iter()
                .chain(certificate)
        })
        .collect()
}

fn wrong_key(document: &Document, path: &str, file: &Path) -> Option<Mistake> {
    let words = Key::read(&SecretSource::File(file.to_owned())).err()?;
    Some(document.mistake(&below(path, "key_file"), words))
}

/// What other farmwardens may ask for, and that it can be recorded.
pub(super) fn callers<T>(
    document: &Document,
    read: &Read<T>,
    (callers, remedies, journal): (&[Caller], &Remedies, &JournalSection),
    secrets: Secrets,
) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    // A policy that could not be read is there all the same.
    let written = document.texts_in("remedies.policies", "name");
    let is_unread =
        |name: &Name| remedies.policy(name).is_none() && written.iter().any(|written| written == name.as_str());
    for (number, key, words) in caller_contradictions(callers, remedies, is_unread) {
        let path = read.path_of("callers", number);
        if !read.is_wrong(&path) {
            mistakes.push(document.mistake(&below(&path, &key), words));
        }
    }
    if secrets == Secrets::MustBeThere {
        for (number, caller) in callers.iter().enumerate() {
            let path = read.path_of("callers", number);
            if !read.is_wrong(&path) {
                mistakes.extend(wrong_key(document, &path, &caller.key_file));
            }
        }
    }
    if !callers.is_empty() && journal.directory.is_none() && !read.is_wrong("journal") {
        let words = "what others ask for is taken only with a journal: name `journal.directory`";
        mistakes.push(document.mistake("callers", words));
    }
    mistakes
}

/// What ways to people say of themselves, and names that stand twice.
pub(super) fn ways<T>(document: &Document, read: &Read<T>, ways: &[Way], secrets: Secrets) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let mut seen: HashSet<&Name> = HashSet::new();
    for (number, way) in ways.iter().enumerate() {
        let path = read.path_of("notify", number);
        if read.is_wrong(&path) {
            continue;
        }
        let own = way.contradictions().into_iter();
        mistakes.extend(own.map(|(key, words)| document.mistake(&below(&path, key), words)));
        if secrets == Secrets::MustBeThere {
            mistakes.extend(missing_secrets(document, &path, &way.secrets()));
        }
        if !seen.insert(&way.name) {
            let words = format!(
                "the name `{}` stands twice; alerts are handed to a way by its name",
                way.name
            );
            mistakes.push(document.mistake(&below(&path, "name"), words));
        }
    }
    mistakes
}

/// What the journal's own keys contradict, and policies that would act and cannot: nothing is done that is not recorded.
pub(super) fn journal<T>(
    document: &Document,
    read: &Read<T>,
    journal: &JournalSection,
    remedies: &Remedies,
) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    if !read.is_wrong("journal") {
        let own = journal.contradictions().into_iter();
        mistakes.extend(own.map(|(key, words)| document.mistake(&below("journal", key), words)));
    }
    let is_missing = journal.directory.is_none() && !read.is_wrong("journal");
    for (number, policy) in remedies.policies.iter().enumerate() {
        let path = read.path_of("remedies.policies", number);
        if policy.mode != Mode::Act || read.is_wrong(&path) {
            continue;
        }
        if is_missing {
            let words = "it may act only with a journal: name `journal.directory`";
            mistakes.push(document.mistake(&below(&path, "mode"), words));
        }
    }
    mistakes
}

/// Of all targets, also of those that could not be read.
fn written_names(document: &Document) -> Vec<String> {
    let lists = Sections::KINDS.iter().map(|kind| format!("collectors.{kind}"));
    lists.flat_map(|list| document.texts_in(&list, "name")).collect()
}

fn path<T>(read: &Read<T>, target: &Checked) -> String {
    read.path_of(&format!("collectors.{}", target.collector), target.number)
}

fn below(path: &str, key: &str) -> String {
    if key.is_empty() {
        path.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

fn missing_secrets(document: &Document, path: &str, secrets: &[(&'static str, SecretSource)]) -> Vec<Mistake> {
    let unread = secrets
        .iter()
        .filter_map(|(key, source)| Some((key, source.read().err()?)));
    unread
        .map(|(key, words)| document.mistake(&below(path, key), words))
        .collect()
}

fn names(document: &Document, targets: &[(String, Checked)]) -> Vec<Mistake> {
    let mut seen: HashMap<&Name, &str> = HashMap::new();
    let mut mistakes = Vec::new();
    for (path, target) in targets {
        if let Some(before) = seen.insert(&target.name, path) {
            let words = format!(
                "the name `{}` stands twice (also {before}); metrics, alerts and repairs need it to be unique",
                target.name
            );
            mistakes.push(document.mistake(&below(path, "name"), words));
        }
    }
    mistakes
}

/// Every target that something hangs on must be there and not hang on itself, over however many others; what was
/// inferred counts.
fn dependencies(document: &Document, targets: &[(String, Checked)], links: &[Link]) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    // Targets that could not be read are there all the same.
    let known = written_names(document);
    let graph: HashMap<&Name, &[Name]> = links
        .iter()
        .map(|link| (&link.target, link.depends_on.as_slice()))
        .collect();
    // A circle is told once, at its first target.
    let mut in_circle: HashSet<&Name> = HashSet::new();
    for (path, target) in targets {
        for (number, needed) in target.depends_on.iter().flatten().enumerate() {
            let words = if *needed == target.name {
                "a target cannot depend on itself".to_owned()
            } else if known.iter().all(|name| name != needed.as_str()) {
                format!("no target is called `{needed}`")
            } else if in_circle.contains(&target.name) {
                continue;
            } else if let Some(circle) = way(&graph, needed, &target.name) {
                in_circle.extend(circle.iter().copied());
                let names: Vec<&str> = circle.iter().map(|name| name.as_str()).collect();
                format!("this goes in a circle: {} -> {}", target.name, names.join(" -> "))
            } else {
                continue;
            };
            mistakes.push(document.mistake(&format!("{path}.depends_on[{number}]"), words));
        }
    }
    mistakes
}

/// The targets from one to another by what they depend on, if there is a way.
fn way<'a>(graph: &HashMap<&'a Name, &'a [Name]>, from: &'a Name, to: &Name) -> Option<Vec<&'a Name>> {
    let mut came_from: HashMap<&Name, Option<&'a Name>> = HashMap::from([(from, None)]);
    let mut open = vec![from];
    while let Some(at) = open.pop() {
        if at == to {
            let mut way = vec![at];
            while let Some(before) = way.last().and_then(|last| came_from.get(last).copied().flatten()) {
                way.push(before);
            }
            way.reverse();
            return Some(way);
        }
        for next in graph.get(at).copied().unwrap_or_default() {
            if !came_from.contains_key(next) {
                came_from.insert(next, Some(at));
                open.push(next);
            }
        }
    }
    None
}
