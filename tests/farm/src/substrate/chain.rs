//! Block hashes that are a function of chain and height, and can be turned back into the height.

use std::fmt::Write as _;

/// The hash of block `height` on the chain `seed`: 64 hex digits.
pub(super) fn hash(seed: u64, height: u64) -> String {
    let words = [1, 2, 3].map(|word| mixed(seed ^ mixed(height ^ mixed(word))));
    let mask = words.iter().fold(0, |mask, word| mask ^ word);
    let mut text = String::from("0x");
    for word in words.into_iter().chain([height ^ mask]) {
        // Writing to a string cannot fail.
        write!(text, "{word:016x}").ok();
    }
    text
}

/// The height of a block of the chain `seed`, if `text` is the hash of one.
pub(super) fn height(seed: u64, text: &str) -> Option<u64> {
    let digits = text.strip_prefix("0x")?;
    let word = |at: usize| u64::from_str_radix(digits.get(at * 16..at * 16 + 16)?, 16).ok();
    let height = word(0)? ^ word(1)? ^ word(2)? ^ word(3)?;
    (hash(seed, height) == text).then_some(height)
}

/// Whether `text` is `0x` and whole bytes.
pub(super) fn is_hex(text: &str) -> bool {
    let digits = text.strip_prefix("0x");
    digits.is_some_and(|digits| digits.len().is_multiple_of(2) && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Bytes as `0x` and hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::from("0x"), |mut text, byte| {
        write!(text, "{byte:02x}").ok();
        text
    })
}

/// The finaliser of splitmix64: neighbouring numbers come out unlike.
fn mixed(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_leads_back_to_its_height_on_its_own_chain_only() {
        for at in [0, 1, 2_905_240, u64::MAX] {
            let text = hash(7, at);
            assert_eq!(text.len(), 66);
            assert_eq!(height(7, &text), Some(at));
            assert_eq!(height(8, &text), None);
        }
        assert_eq!(height(7, "0x00"), None);
        assert_eq!(height(7, ""), None);
    }

    #[test]
    fn hex_is_whole_bytes() {
        assert!(is_hex("0x") && is_hex("0x0aF1"));
        assert!(!is_hex("0a") && !is_hex("0x0") && !is_hex("0xzz"));
        assert_eq!(hex(&[0, 171]), "0x00ab");
    }
}
