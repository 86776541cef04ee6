//! Addresses, cids, tokens, times and amounts as Filecoin's Go programs write them. Made up, but well formed.

use std::fmt::Write as _;

use crate::phala::{
    identity::{hash4, hash32},
    text::civil,
};

const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// An address that is none.
pub(super) const EMPTY: &str = "<empty>";

/// A cid of version 1: dag-cbor, Blake2b of 32 bytes.
const CID: [u8; 6] = [0x01, 0x71, 0xa0, 0xe4, 0x02, 0x20];

/// Bits in groups of `width`, the last one filled up with zeros.
fn groups(bytes: &[u8], width: u32) -> impl Iterator<Item = usize> {
    let bits = bytes.len() * 8;
    let width = usize::try_from(width).unwrap_or(8);
    let bit = |at: usize| {
        bytes
            .get(at / 8)
            .map_or(0, |byte| usize::from(byte >> (7 - at % 8) & 1))
    };
    (0..bits.div_ceil(width)).map(move |group| (0..width).fold(0, |word, at| word << 1 | bit(group * width + at)))
}

/// Lower case, without padding (multibase `b`, and addresses).
fn base32(bytes: &[u8]) -> String {
    let letters = groups(bytes, 5).filter_map(|at| BASE32.get(at));
    letters.map(|letter| char::from(*letter)).collect()
}

/// Standard, with padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    let letters = groups(bytes, 6).filter_map(|at| BASE64.get(at));
    let mut text: String = letters.map(|letter| char::from(*letter)).collect();
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

/// For URLs, without padding, as JWT has it.
fn base64_url(bytes: &[u8]) -> String {
    base64(bytes).replace('+', "-").replace('/', "_").replace('=', "")
}

/// The address of protocol 1 (secp256k1) or 3 (BLS) whose key is made up from `name`.
pub(super) fn key_address(protocol: u8, name: &str) -> String {
    let first = hash32(format!("venus key {name}").as_bytes());
    let second = hash32(&first);
    let length = if protocol == 3 { 48 } else { 20 };
    let payload: Vec<u8> = first.into_iter().chain(second).take(length).collect();
    let sum: Vec<u8> = [protocol].into_iter().chain(payload.iter().copied()).collect();
    let bytes: Vec<u8> = payload.into_iter().chain(hash4(&sum)).collect();
    format!("f{protocol}{}", base32(&bytes))
}

/// An address without its network, so that `t` and `f` compare as equal.
pub(super) fn bare(address: &str) -> &str {
    address.strip_prefix(['f', 't']).unwrap_or(address)
}

/// An address with the first character that the printing process has.
pub(super) fn on_network(address: &str, prefix: char) -> String {
    let rest = bare(address);
    if rest.len() == address.len() {
        return address.to_owned();
    }
    format!("{prefix}{rest}")
}

/// Whether `text` is an address as go-address takes it: a network, a protocol, a payload of its alphabet.
pub(super) fn is_address(text: &str) -> bool {
    let rest = bare(text);
    let body = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| BASE32.contains(&byte));
    text.is_empty()
        || text == EMPTY
        || rest.len() < text.len()
            && match rest.split_at_checked(1) {
                Some(("0", digits)) => digits.parse::<u64>().is_ok(),
                Some(("1" | "2" | "3", payload)) => body(payload),
                Some(("4", payload)) => payload.contains('f'),
                _ => false,
            }
}

/// The cid that belongs to two numbers. Not a hash: lists of a million rows have two in each.
pub(super) fn cid(seed: u64, number: u64) -> String {
    let words = [1, 2, 3, 4].map(|word| mixed(seed ^ mixed(number ^ mixed(word))));
    let digest = words.into_iter().flat_map(u64::to_be_bytes);
    let bytes: Vec<u8> = CID.into_iter().chain(digest).collect();
    format!("b{}", base32(&bytes))
}

/// A UUID as version 4 has it, from two numbers.
pub(super) fn uuid(seed: u64, number: u64) -> String {
    let (high, low) = (mixed(seed ^ mixed(number)), mixed(number ^ mixed(!seed)));
    let first = format!("{:08x}-{:04x}-4{:03x}", high >> 32, high >> 16 & 0xffff, high & 0xfff);
    format!("{first}-8{:03x}-{:012x}", low >> 48 & 0xfff, low & 0xffff_ffff_ffff)
}

/// The finaliser of splitmix64: neighbouring numbers come out unlike.
fn mixed(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// A token in the form of a JWT; another `drawn` gives another one.
pub(super) fn jwt(name: &str, perm: &str, drawn: u64) -> String {
    let head = base64_url(br#"{"alg":"HS256","typ":"JWT"}"#);
    let body = base64_url(format!(r#"{{"name":"{name}","perm":"{perm}","ext":""}}"#).as_bytes());
    let signature = base64_url(&hash32(format!("venus token {name} {perm} {drawn}").as_bytes()));
    format!("{head}.{body}.{signature}")
}

/// RFC 3339 as Go writes it: milliseconds without trailing zeros, the offset of the server, and 0 as "never".
pub(super) fn time(unix_ms: u64, hours: i8) -> String {
    if unix_ms == 0 {
        return "0001-01-01T00:00:00Z".to_owned();
    }
    let [year, month, day, hour, minute, second] = civil(unix_ms, hours);
    let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if !unix_ms.is_multiple_of(1000) {
        let fraction = format!(".{:03}", unix_ms % 1000);
        text.push_str(fraction.trim_end_matches('0'));
    }
    match hours {
        0 => text.push('Z'),
        // Writing to a string cannot fail.
        _ => drop::<Result<(), std::fmt::Error>>(write!(text, "{hours:+03}:00")),
    }
    text
}

/// `2006-01-02 15:04:05`, as the miner service begins its errors.
pub(super) fn local_time(unix_ms: u64, hours: i8) -> String {
    let [year, month, day, hour, minute, second] = civil(unix_ms, hours);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// The first letter in lower case.
pub(super) fn camel(key: &str) -> String {
    let mut letters = key.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

/// An amount of attoFIL; 0 for what is none.
pub(super) fn amount(text: &str) -> u128 {
    text.parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_the_length_and_alphabet_of_the_real_ones() {
        let real = "f3ttjhclnhk6r4eevwegoitqh3l4cvqaq3od377g3uoz6vgozuu4osaozucgm5jbwrankgcc5uidmhcnhk26va";
        let (bls, secp) = (key_address(3, "a"), key_address(1, "a"));
        assert_eq!((bls.len(), secp.len()), (real.len(), 41));
        for address in [real, &bls, &secp, "f01000", "t01000", "f410fabc", "", EMPTY] {
            assert!(is_address(address), "{address}");
        }
        for address in ["x01000", "f0", "f0x", "f5abc", "f1", "f3ABC", "1000"] {
            assert!(!is_address(address), "{address}");
        }
    }

    #[test]
    fn the_checksum_is_that_of_a_real_address() {
        // f1pxc22etg2rlkvq6lkri252tdnwduuirw2qodu5i: 20 bytes of payload and their sum.
        let payload = [
            0x7d, 0xc5, 0xad, 0x12, 0x66, 0xd4, 0x56, 0xaa, 0xc3, 0xcb, 0x54, 0x51, 0xae, 0xea, 0x63, 0x6d, 0x87, 0x4a,
            0x22, 0x36,
        ];
        let sum: Vec<u8> = [1].into_iter().chain(payload).collect();
        let bytes: Vec<u8> = payload.into_iter().chain(hash4(&sum)).collect();
        assert_eq!(base32(&bytes), "pxc22etg2rlkvq6lkri252tdnwduuirw2qodu5i");
    }

    #[test]
    fn texts_are_as_go_writes_them() {
        assert_eq!(time(1_718_277_664_310, 8), "2024-06-13T19:21:04.31+08:00");
        assert_eq!(time(1_718_277_664_000, 0), "2024-06-13T11:21:04Z");
        assert_eq!(time(0, 8), "0001-01-01T00:00:00Z");
        assert_eq!(local_time(1_718_277_664_000, 8), "2024-06-13 19:21:04");
        assert_eq!([base64(b""), base64(b"a"), base64(&[0x85, 0])], ["", "YQ==", "hQA="]);
        let (one, other) = (cid(1, 2), cid(1, 3));
        assert!(
            one.starts_with("bafy2bzace") && one.len() == 62 && one != other,
            "{one}"
        );
        assert_eq!(jwt("li", "read", 0).split('.').count(), 3);
        assert_ne!(jwt("li", "read", 0), jwt("li", "read", 1));
    }
}
