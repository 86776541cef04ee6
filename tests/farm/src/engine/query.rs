//! What stands behind the question mark of a path.

use serde::Deserialize;

/// A container is given this to stop where nobody says otherwise.
const PATIENCE_S: u64 = 10;

/// Whether containers that do not run are meant as well.
pub(super) fn all(query: &str) -> bool {
    query.split('&').any(|pair| matches!(pair, "all=1" | "all=true"))
}

/// What a container is given to stop by itself.
pub(super) fn patience_s(query: &str) -> u64 {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let said = pairs.find_map(|(key, value)| (key == "t").then_some(value));
    said.and_then(|text| text.parse().ok()).unwrap_or(PATIENCE_S)
}

/// The labels in `filters`, which is JSON in a query.
pub(super) fn labels(query: &str) -> Vec<String> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Filters {
        label: Vec<String>,
    }
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let filters = pairs.find_map(|(key, value)| (key == "filters").then(|| decoded(value)));
    let filters = filters.and_then(|text| serde_json::from_slice::<Filters>(&text).ok());
    filters.unwrap_or_default().label
}

/// What `+` and `%` stand for in a query.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => match (digit(rest.next()), digit(rest.next())) {
                (Some(high), Some(low)) => u8::try_from(high * 16 + low).unwrap_or(b'?'),
                _ => b'?',
            },
            plain => plain,
        });
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_stand_in_json_in_a_query() {
        let query = "all=1&filters=%7B%22label%22%3A%5B%22a.b%3Dc+d%22%5D%7D";
        assert_eq!(labels(query), ["a.b=c d"]);
        assert!(all(query) && !all("t=5"));
        assert!(labels("filters=%7").is_empty() && labels("").is_empty());
        assert_eq!((patience_s("t=5"), patience_s("t=x")), (5, 10));
    }
}
