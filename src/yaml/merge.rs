//! `<<: *defaults`: the keys of another map where there are none of our own.

use super::tree::{Entry, Id, Tree, Value};

/// Adds what is missing, from a map or from each of a list of maps; the first one that has a key wins.
pub(super) fn into(entries: &mut Vec<Entry>, tree: &Tree, from: Id) -> Result<(), String> {
    let wrong = || "`<<` takes keys and values, or a list of such, from an alias".to_owned();
    match tree.get(from).map(|node| &node.value) {
        Some(Value::Map(more)) => {
            for entry in more {
                if entries.iter().all(|own| own.key != entry.key) {
                    entries.push(entry.clone());
                }
            }
            Ok(())
        }
        Some(Value::List(maps))
            if maps
                .iter()
                .all(|id| tree.get(*id).is_some_and(|node| is_map(&node.value))) =>
        {
            maps.iter().try_for_each(|id| into(entries, tree, *id))
        }
        _ => Err(wrong()),
    }
}

const fn is_map(value: &Value) -> bool {
    matches!(value, Value::Map(_))
}
