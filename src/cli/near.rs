//! A word that nobody knows, and the known ones that it may have meant.

use crate::values;

/// What a list shows at most; a farm has thousands of targets.
const MOST_LISTED: usize = 20;

/// What is not known, what is near, and what there is.
pub(super) fn unknown<'a>(what: &str, word: &str, known: impl Iterator<Item = &'a str>, place: &str) -> String {
    let known: Vec<&str> = known.collect();
    // Whoever types an address with a password where a name belongs does not want to see it again.
    let shown = if values::is_harmless(word) {
        values::repeated(word)
    } else {
        format!("of that name ({})", values::repeated(word))
    };
    if known.is_empty() {
        return format!("there is no {what} {shown} {place}; there is none at all");
    }
    let mut near: Vec<&str> = known.iter().copied().filter(|known| is_near(word, known)).collect();
    near.sort_by_key(|known| strsim::levenshtein(word, known));
    near.truncate(3);
    let meant = if near.is_empty() {
        String::new()
    } else {
        format!("; did you mean {}?", near.join(" or "))
    };
    let listed: Vec<&str> = known.iter().copied().take(MOST_LISTED).collect();
    let more = match known.len() - listed.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(
        "there is no {what} {shown} {place}{meant}\nknown: {}{more}",
        listed.join(", ")
    )
}

/// A third of the letters may be wrong; a part of a name is near, too.
fn is_near(word: &str, known: &str) -> bool {
    let part = word.len() >= 3 && (known.contains(word) || word.contains(known));
    part || strsim::levenshtein(word, known) <= known.chars().count().div_ceil(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_near_ones_come_first_and_all_are_listed() {
        let known = ["harvester-1", "node-1", "node-2"];
        assert_eq!(
            unknown("target", "nod-1", known.into_iter(), "in farm.yml"),
            "there is no target `nod-1` in farm.yml; did you mean node-1 or node-2?\nknown: harvester-1, node-1, node-2"
        );
        assert_eq!(
            unknown("target", "x", std::iter::empty(), "here"),
            "there is no target `x` here; there is none at all"
        );
    }

    #[test]
    fn an_address_with_a_password_is_not_repeated() {
        let words = unknown("target", "http://u:hunter2@h", ["node-1"].into_iter(), "in farm.yml");
        assert_eq!(
            words,
            "there is no target of that name (a text of 18 characters) in farm.yml\nknown: node-1"
        );
    }
}
