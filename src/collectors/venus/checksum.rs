//! Whether the checksum of an address fits: what a person copied may lack a character or have another one.
//!
//! Source: `filecoin-project/go-address`.

use blake2::digest::consts::U4;
use blake2::{Blake2b, Digest as _};

const LENGTH: usize = 4;
/// 8 bits of each byte, 5 of each character.
const BITS: u32 = 5;

/// Of an address without its network's letter, which has the shape of one. Ids have no checksum.
pub(super) fn fits(protocol_and_rest: &str) -> bool {
    let Some((protocol, rest)) = protocol_and_rest.split_at_checked(1) else {
        return false;
    };
    match protocol {
        "0" => true,
        "4" => {
            let parts = rest
                .split_once('f')
                .and_then(|(number, rest)| Some((number.parse().ok()?, rest)));
            parts.is_some_and(|(number, rest)| sums_up(&[&[4], &leb128(number)[..]].concat(), rest))
        }
        digit => digit.parse().is_ok_and(|protocol: u8| sums_up(&[protocol], rest)),
    }
}

/// Whether what is written in `text` ends with the hash of `before` and the rest.
fn sums_up(before: &[u8], text: &str) -> bool {
    let Some(bytes) = base32(text) else { return false };
    let Some((payload, sum)) = bytes.split_last_chunk::<LENGTH>() else {
        return false;
    };
    let hash = Blake2b::<U4>::new()
        .chain_update(before)
        .chain_update(payload)
        .finalize();
    hash.as_slice() == sum
}

/// Lower-case base32 without padding; `None` for other characters, and for bits behind the last byte, which another
/// spelling of the same address would have.
fn base32(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut held, mut bits) = (Vec::with_capacity(text.len()), 0_u32, 0_u32);
    for letter in text.bytes() {
        let value = match letter {
            b'a'..=b'z' => letter - b'a',
            b'2'..=b'7' => letter - b'2' + 26,
            _ => return None,
        };
        held = (held << BITS) | u32::from(value);
        bits += BITS;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits).ok()?);
            held &= (1 << bits) - 1;
        }
    }
    (held == 0 && bits < BITS).then_some(bytes)
}

/// A number as addresses have it: seven bits in a byte, the lowest first.
fn leb128(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or_default();
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::address::samples::{BLS, SECP};
    use super::*;

    const ACTOR: &str = "f24vg6ut43yw2h2jqydgbg2xq7x6f4kub3bg6as6i";
    /// Of the account 0xd388ab098ed3e84c0d808776440b48f685198498.
    const DELEGATED: &str = "f410f2oekwcmo2pueydmaq53eic2i62crtbeyuzx2gmy";

    #[test]
    fn checksums_of_every_protocol_fit() {
        for text in ["f01000", SECP, ACTOR, BLS, DELEGATED] {
            assert!(fits(text.trim_start_matches('f')), "{text}");
        }
    }

    #[test]
    fn a_large_number_takes_several_bytes() {
        assert_eq!((leb128(10), leb128(300)), (vec![10], vec![0xac, 2]));
    }

    proptest! {
        #[test]
        fn one_letter_that_differs_is_noticed(which in 0_usize..4, at in 0_usize..39, letter in "[a-z2-7]") {
            let text = [SECP, ACTOR, BLS, DELEGATED][which].trim_start_matches('f');
            let begin = text.find('f').filter(|_| which == 3).unwrap_or_default() + 1;
            let at = begin + at % (text.len() - begin);
            let mut other = text.to_owned();
            other.replace_range(at..=at, &letter);
            prop_assert_eq!(fits(&other), other == text);
        }

        #[test]
        fn any_text_fits_or_not(text in ".*") {
            let _fits: bool = fits(&text);
        }
    }
}
