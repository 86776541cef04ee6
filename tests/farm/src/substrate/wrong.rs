//! Results of the wrong type, for clients that believe what they read.

use serde_json::Value;

use super::settings::Wrong;

/// The result spoiled in the given way; nothing if it is left out.
pub(super) fn spoiled(result: Value, wrong: Wrong) -> Option<Value> {
    match wrong {
        Wrong::Absent => None,
        Wrong::Null => Some(Value::Null),
        Wrong::Strings => Some(each(result, &|leaf| match leaf {
            Value::Number(number) => Value::String(number.to_string()),
            other => other,
        })),
        Wrong::NoPrefix => Some(each(
            result,
            &|leaf| match leaf.as_str().and_then(|text| text.strip_prefix("0x")) {
                Some(digits) => Value::String(digits.to_owned()),
                None => leaf,
            },
        )),
        Wrong::Negative => Some(each(result, &negative)),
    }
}

fn negative(leaf: Value) -> Value {
    if let Some(number) = leaf.as_i64() {
        return Value::from(-number - 1);
    }
    match leaf.as_str() {
        Some(text) if text.starts_with("0x") => Value::String(format!("-{text}")),
        _ => leaf,
    }
}

fn each(value: Value, change: &dyn Fn(Value) -> Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(|item| each(item, change)).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(key, value)| (key, each(value, change)))
            .collect(),
        leaf => change(leaf),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_leaf_is_spoiled() {
        let good = || json!({"number": "0x1a", "list": [{"peers": 3}], "ok": true});
        let is = |wrong, expected| assert_eq!(spoiled(good(), wrong), expected);
        is(
            Wrong::Strings,
            Some(json!({"number": "0x1a", "list": [{"peers": "3"}], "ok": true})),
        );
        is(
            Wrong::NoPrefix,
            Some(json!({"number": "1a", "list": [{"peers": 3}], "ok": true})),
        );
        is(
            Wrong::Negative,
            Some(json!({"number": "-0x1a", "list": [{"peers": -4}], "ok": true})),
        );
        is(Wrong::Null, Some(Value::Null));
        is(Wrong::Absent, None);
    }
}
