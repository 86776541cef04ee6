//! Takes secrets out of words that came from elsewhere: a service may quote the address that it was asked under, or the
//! token that it used itself.

use url::form_urlencoded::byte_serialize;

use super::Secret;

const HIDDEN: &str = "<secret>";

/// Names behind which a secret stands, in an address or in JSON. Without them an unknown one cannot be told from a word.
const NAMES: [&str; 5] = ["token", "password", "passwd", "secret", "authorization"];
const BEARER: &str = "Bearer ";
/// Shorter words behind it are prose.
const SHORTEST_BEARER: usize = 16;
/// Every JSON Web Token begins so: it is `{"` in base64.
const JWT: &str = "eyJ";
/// A header alone has more; a word that begins so by chance has less.
const SHORTEST_JWT: usize = 16;

/// The words without any of the secrets, as they are or as they stand in an address, and without whatever looks like the
/// secret of somebody else: tokens, passwords, the user in front of a host.
pub fn redacted(words: &str, secrets: &[&Secret]) -> String {
    let mut clean = words.to_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        let encoded: String = byte_serialize(secret.expose().as_bytes()).collect();
        clean = clean.replace(&encoded, HIDDEN).replace(secret.expose(), HIDDEN);
    }
    let clean = without(&clean, JWT, |rest| Some((0, run(rest, is_of_jwt))), SHORTEST_JWT);
    let behind_bearer = |rest: &str| Some((BEARER.len(), run(rest.get(BEARER.len()..)?, is_of_value)));
    let clean = without(&clean, BEARER, behind_bearer, SHORTEST_BEARER);
    let clean = without(&clean, "://", user, 1);
    NAMES.iter().fold(clean, |clean, name| without(&clean, name, value, 1))
}

fn is_of_jwt(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

fn is_of_value(c: char) -> bool {
    !c.is_whitespace() && !matches!(c, '&' | '"' | '\'' | '`' | '<' | '>' | ',' | ';' | ')' | '}' | '\\')
}

/// Bytes of the characters at the beginning that are of a kind.
fn run(text: &str, is: impl Fn(char) -> bool) -> usize {
    text.find(|c| !is(c)).unwrap_or(text.len())
}

/// What stands between `://` and `@`.
fn user(rest: &str) -> Option<(usize, usize)> {
    let behind = rest.get(3..)?;
    let length = run(behind, |c| is_of_value(c) && !matches!(c, '/' | '@' | '?' | '#'));
    behind.get(length..)?.starts_with('@').then_some((3, length))
}

/// What stands behind a name: `token=...`, `"token":"..."`, `token: ...`.
fn value(rest: &str) -> Option<(usize, usize)> {
    let name = run(rest, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    let sign = rest.get(name..)?;
    // What is escaped stands in a text within JSON.
    let between = run(sign, |c| matches!(c, '=' | ':' | '"' | '\'' | '\\' | ' '));
    let signs = sign.get(..between)?;
    let is_assigned = signs.contains('=') || (signs.contains(':') && signs.contains(['"', '\'']));
    let length = run(rest.get(name + between..)?, is_of_value);
    is_assigned.then_some((name + between, length))
}

/// Where `marker` stands, in any case, what `part` finds (from where on, how many bytes) is hidden if it is long enough.
fn without(words: &str, marker: &str, part: impl Fn(&str) -> Option<(usize, usize)>, least: usize) -> String {
    let lower = words.to_ascii_lowercase();
    let marker = marker.to_ascii_lowercase();
    let (mut out, mut from) = (String::with_capacity(words.len()), 0);
    while let Some(found) = lower.get(from..).and_then(|rest| rest.find(&marker)) {
        let at = from + found;
        let hidden = part(words.get(at..).unwrap_or_default()).filter(|(_, length)| *length >= least);
        let (kept, length) = hidden.unwrap_or((marker.len(), 0));
        out.push_str(words.get(from..at + kept).unwrap_or_default());
        out.push_str(hidden.map_or("", |_| HIDDEN));
        from = at + kept + length;
    }
    out.push_str(words.get(from..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn secrets_do_not_pass_in_either_form() {
        let (token, sign) = (Secret::new("t0ken"), Secret::new("a+b/c="));
        let words = "no robot at /send?access_token=t0ken&sign=a%2Bb%2Fc%3D (a+b/c=)";
        assert_eq!(
            redacted(words, &[&token, &sign, &Secret::new("")]),
            "no robot at /send?access_token=<secret>&sign=<secret> (<secret>)"
        );
    }

    #[test]
    fn secrets_of_others_do_not_pass_either() {
        for (words, clean) in [
            (
                "dial eyJhbGciOiJIUzI1NiJ9.eyJuYW1lIjoibGki.Zm9v:/ip4/10.0.0.1/tcp/45132: refused",
                "dial <secret>:/ip4/10.0.0.1/tcp/45132: refused",
            ),
            ("cut off: eyJhbGciOiJIUzI1NiJ9.eyJu", "cut off: <secret>"),
            (
                "Get \"http://h:8989/token?token=abc&x=1\": EOF",
                "Get \"http://h:8989/token?token=<secret>&x=1\": EOF",
            ),
            (
                "sent {\"token\":\"abc\",\"x\":1}",
                "sent {\"token\":\"<secret>\",\"x\":1}",
            ),
            (
                "sent {\\\"Token\\\": \\\"abc\\\"}",
                "sent {\\\"Token\\\": \\\"<secret>\\\"}",
            ),
            ("header bearer 0123456789abcdef0", "header bearer <secret>"),
            ("mysql://root:pa55@10.0.0.1/venus", "mysql://<secret>@10.0.0.1/venus"),
        ] {
            assert_eq!(redacted(words, &[]), clean);
        }
    }

    #[test]
    fn words_without_a_secret_stay_as_they_are() {
        for words in [
            "A non-registered token",
            "token: permission denied",
            "no Bearer token was sent",
            "dial tcp 10.0.0.1:3306: connect: connection refused",
            "http://10.0.0.1/a@b",
            "eyJs and wallet f3abc not exit",
            "",
        ] {
            assert_eq!(redacted(words, &[]), words);
        }
    }

    proptest! {
        #[test]
        fn a_token_passes_in_no_surroundings(before in "\\PC{0,20}", after in "\\PC{0,20}") {
            let token = "eyJhbGciOiJIUzI1NiJ9.eyJuYW1lIjoibGki.Zm9vYmFy";
            let clean = redacted(&format!("{before} {token} {after}"), &[]);
            prop_assert!(!clean.contains("eyJuYW1lIjoibGki"), "{}", clean);
        }
    }
}
