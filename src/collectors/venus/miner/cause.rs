//! Whose fault an error of a miner service is: its texts are its own, not those of messages.
//!
//! Source: `ipfs-force-community/sophon-miner: miner/multiminer.go`, `miner/warmup.go`.

/// What a round of mining failed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A wallet did not sign: the ticket, the election, or the block.
    Signing,
    /// Nobody computed the winning proof.
    Proving,
    /// The round took too long, wherever it waited.
    Timeout,
    Other,
}

impl Cause {
    /// Any text has one. Signing stands first: the proof of an election is a signature.
    pub fn of(text: &str) -> Self {
        let text = text.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if says(&[
            "wallet",
            "signing",
            "signature",
            "signer",
            " sign",
            "vrf",
            "ticket",
            "election proof",
        ]) {
            Self::Signing
        } else if says(&["proof", "prove", "winning post", "no connection", "gateway"]) {
            Self::Proving
        } else if says(&["timeout", "timed out", "deadline exceeded"]) {
            Self::Timeout
        } else {
            Self::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_of_the_service_have_their_cause() {
        for (text, cause) in [
            ("2024-06-13 19:20:51 mining timeout!", Cause::Timeout),
            (
                "compute proof error: no connections for this miner f01000",
                Cause::Proving,
            ),
            ("failed to compute winning post proof: context canceled", Cause::Proving),
            ("scratching ticket failed: wallet f3abc not exit", Cause::Signing),
            ("checking round winner failed: failed to compute VRF", Cause::Signing),
            ("failed to sign block: no wallet connection", Cause::Signing),
            ("failed to get best mining base: connection refused", Cause::Other),
            ("slash filter: same height mined before", Cause::Other),
            ("", Cause::Other),
        ] {
            assert_eq!(Cause::of(text), cause, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_has_a_cause(text in ".*") {
            let _cause: Cause = Cause::of(&text);
        }
    }
}
