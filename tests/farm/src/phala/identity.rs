//! Made-up keys, accounts and ids: the same for the same name, in every stand-in and in every run.

use std::fmt::Write as _;

use blake2::{
    Blake2b, Blake2b512, Digest as _,
    digest::consts::{U4, U16, U32},
};

/// SS58 prefix of Khala and Phala.
pub const SS58_PHALA: u8 = 30;

/// SS58 prefix of Polkadot.
pub const SS58_POLKADOT: u8 = 0;

/// What a worker that is not bound on chain has for an account.
pub const NO_ACCOUNT: [u8; 32] = [0; 32];

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// 32 bytes that follow from what is named.
fn made_up(kind: &str, name: &str) -> [u8; 32] {
    hash32(format!("simfarm {kind} {name}").as_bytes())
}

/// Blake2b with 32 bytes.
pub(crate) fn hash32(bytes: &[u8]) -> [u8; 32] {
    Blake2b::<U32>::digest(bytes).into()
}

/// Blake2b with 4 bytes, as in the checksums of Filecoin's addresses.
pub(crate) fn hash4(bytes: &[u8]) -> [u8; 4] {
    Blake2b::<U4>::digest(bytes).into()
}

/// Blake2b with 16 bytes, as in storage keys of accounts.
pub(crate) fn hash16(bytes: &[u8]) -> [u8; 16] {
    Blake2b::<U16>::digest(bytes).into()
}

/// The public key of the pRuntime of a worker.
pub fn public_key(worker: &str) -> [u8; 32] {
    made_up("public key", worker)
}

/// The account that a worker's session has on chain.
pub fn session_account(worker: &str) -> [u8; 32] {
    made_up("session account", worker)
}

/// The account that pays for a pool's transactions.
pub fn operator_account(pid: u64) -> [u8; 32] {
    made_up("operator", &pid.to_string())
}

/// A UUID as version 4 has it.
pub fn uuid(name: &str) -> String {
    let text = hex(&made_up("uuid", name));
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    format!(
        "{}-{}-4{}-8{}-{}",
        part(0, 8),
        part(8, 12),
        part(13, 16),
        part(17, 20),
        part(20, 32)
    )
}

/// A libp2p peer id of an RSA key: base58 of a SHA-256 multihash.
pub fn peer_id(name: &str) -> String {
    let mut bytes = vec![0x12, 0x20];
    bytes.extend(made_up("peer", name));
    base58(&bytes)
}

/// An address in SS58, for prefixes below 64.
pub fn ss58(prefix: u8, account: &[u8; 32]) -> String {
    let mut bytes = vec![prefix];
    bytes.extend(account);
    let hash = Blake2b512::new()
        .chain_update(b"SS58PRE")
        .chain_update(&bytes)
        .finalize();
    bytes.extend(hash.iter().take(2));
    base58(&bytes)
}

/// Lower-case hex without prefix.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02x}").ok();
    }
    text
}

fn base58(bytes: &[u8]) -> String {
    let mut digits: Vec<u32> = Vec::new();
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += *digit << 8;
            *digit = carry % 58;
            carry /= 58;
        }
        while carry > 0 {
            digits.push(carry % 58);
            carry /= 58;
        }
    }
    let zeros = bytes.iter().take_while(|byte| **byte == 0).map(|_| 0);
    let digits = zeros.chain(digits.into_iter().rev());
    digits
        .filter_map(|digit| ALPHABET.get(usize::try_from(digit).ok()?))
        .map(|byte| char::from(*byte))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_the_chain() {
        let zero = "3zcnkmF6XjEogm8vAyPiL2ykPZHpeVtcfDcwTWJ2teqdSvjq";
        assert_eq!(ss58(SS58_PHALA, &NO_ACCOUNT), zero);
        // The public development account Alice.
        let account = [
            0xd4, 0x35, 0x93, 0xc7, 0x15, 0xfd, 0xd3, 0x1c, 0x61, 0x14, 0x1a, 0xbd, 0x04, 0xa9, 0x9f, 0xd6, 0x82, 0x2c,
            0x85, 0x58, 0x85, 0x4c, 0xcd, 0xe3, 0x9a, 0x56, 0x84, 0xe7, 0xa5, 0x6d, 0xa2, 0x7d,
        ];
        assert_eq!(
            ss58(SS58_POLKADOT, &account),
            "15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5"
        );
    }

    #[test]
    fn ids_look_like_the_real_ones_and_differ() {
        let peer = peer_id("lifecycle");
        assert!(peer.starts_with("Qm") && peer.len() == 46, "{peer}");
        let id = uuid("a");
        let parts: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        assert_ne!(id, uuid("b"));
        assert_ne!(public_key("a"), session_account("a"));
    }
}
