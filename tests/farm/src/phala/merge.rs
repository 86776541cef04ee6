//! JSON merge patches, so that a test can make one worker say anything.

use serde_json::Value;

/// Lays a JSON merge patch (RFC 7396) over a value: objects are merged, `null` removes, all else replaces.
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(members) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(object) = target else { return };
    for (name, value) in members {
        if value.is_null() {
            object.remove(name);
        } else {
            merge(object.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_merge_patch_replaces_removes_and_goes_deeper() {
        let mut value = json!({"a": 1, "b": {"c": 2, "d": 3}});
        merge(&mut value, &json!({"a": null, "b": {"c": "x"}, "e": [1]}));
        assert_eq!(value, json!({"b": {"c": "x", "d": 3}, "e": [1]}));
    }
}
