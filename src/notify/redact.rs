//! Takes secrets out of words that came from elsewhere: a service may quote the address that it was asked under.

use url::form_urlencoded::byte_serialize;

use crate::values::Secret;

/// The words without any of the secrets, as they are or as they stand in an address.
pub(super) fn redacted(words: &str, secrets: &[&Secret]) -> String {
    let mut clean = words.to_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        let encoded: String = byte_serialize(secret.expose().as_bytes()).collect();
        clean = clean.replace(&encoded, "<secret>").replace(secret.expose(), "<secret>");
    }
    clean
}

#[cfg(test)]
mod tests {
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
}
