//! What an error text of a message is about, as one of a few classes: texts themselves are never labels.
//!
//! Source: `ipfs-force-community/sophon-messager: service/message_selector.go`; exit codes:
//! `filecoin-project/go-state-types: exitcode`.

/// How far a message got before it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Its gas could not be estimated: the chain would refuse it.
    GasEstimate,
    /// Nobody signed it.
    Sign,
    /// The node did not take it.
    Push,
    Other,
}

impl Stage {
    /// The label value `class`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::GasEstimate => "gas_estimate",
            Self::Sign => "sign",
            Self::Push => "push",
            Self::Other => "other",
        }
    }
}

/// The chain's reason, where the text names one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExitCode {
    None,
    /// Of the virtual machine or common to all actors: below 32.
    Common(u8),
    /// An actor's own, 32 and above: its meaning differs from actor to actor.
    OfActor,
}

/// First code that actors define for themselves.
const FIRST_OF_ACTORS: u32 = 32;

impl ExitCode {
    /// The label value `exit_code`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::OfActor => "actor_specific",
            Self::Common(code) => common(code),
        }
    }

    /// By its label, where that names one reason of the chain: not for success, none, and codes without a meaning.
    pub fn named(label: &str) -> Option<Self> {
        let common = (1..32).map(Self::Common).filter(|code| code.label() != common(0xff));
        let mut all = common.chain([Self::OfActor]);
        all.find(|code| code.label() == label)
    }

    /// `message execution failed: exit 16`, `exit code 16`, `ExitCode 16`, `RetCode=16`.
    fn read(text: &str) -> Self {
        for word in [
            "exit code ",
            "exitcode: ",
            "exitcode ",
            "exit ",
            "exit: ",
            "retcode=",
            "exitcode=",
        ] {
            let found = text.match_indices(word).find_map(|(at, _)| {
                let behind = text.get(at + word.len()..)?;
                let digits = behind.bytes().take_while(u8::is_ascii_digit).count();
                behind.get(..digits)?.parse::<u32>().ok()
            });
            match found {
                Some(code) if code >= FIRST_OF_ACTORS => return Self::OfActor,
                Some(code) => return u8::try_from(code).map_or(Self::None, Self::Common),
                None => {}
            }
        }
        Self::None
    }
}

/// Codes that nobody has given a meaning share a name.
const fn common(code: u8) -> &'static str {
    match code {
        0 => "ok",
        1 => "sender_invalid",
        2 => "sender_state_invalid",
        3 => "invalid_method",
        4 => "illegal_instruction",
        5 => "invalid_receiver",
        6 => "insufficient_funds",
        7 => "out_of_gas",
        16 => "illegal_argument",
        17 => "not_found",
        18 => "forbidden",
        19 => "actor_insufficient_funds",
        20 => "illegal_state",
        21 => "serialization",
        22 => "unhandled_message",
        23 => "unspecified",
        24 => "assertion_failed",
        25 => "read_only",
        26 => "not_payable",
        _ => "reserved",
    }
}

/// A class: at most four stages times 22 codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErrorClass {
    pub stage: Stage,
    pub exit_code: ExitCode,
}

impl ErrorClass {
    /// From whatever stands in the message; any text has a class.
    pub fn of(text: &str) -> Self {
        let text = text.to_lowercase();
        let says = |part: &str| text.contains(part);
        let stage = if says("gas estimate") || says("estimating gas") || says("estimate gas") {
            Stage::GasEstimate
        } else if says("sign message") || says("wallet") || says("no signer") || says("signer") {
            Stage::Sign
        } else if says("push") || says("mpool") || says("message pool") || says("base fee") {
            Stage::Push
        } else {
            Stage::Other
        };
        Self {
            stage,
            exit_code: ExitCode::read(&text),
        }
    }

    /// For people: `gas_estimate, illegal_argument`.
    pub fn words(self) -> String {
        match self.exit_code {
            ExitCode::None => self.stage.label().to_owned(),
            code => format!("{}, {}", self.stage.label(), code.label()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_texts_have_their_class() {
        let class = |text: &str| ErrorClass::of(text).words();
        assert_eq!(
            class("gas estimate: estimating gas limit: message execution failed: exit 16"),
            "gas_estimate, illegal_argument"
        );
        assert_eq!(
            class("gas estimate: message execution failed (exit=[ErrForbidden(18)], exit code 18)"),
            "gas_estimate, forbidden"
        );
        assert_eq!(
            class("gas estimate: call raised: exit 40"),
            "gas_estimate, actor_specific"
        );
        assert_eq!(class("sign message failed: wallet f3abc not exit"), "sign");
        assert_eq!(class("push message to node: message pool is full"), "push");
        assert_eq!(class("something new"), "other");
        assert_eq!(class("wallet f3ab not exit 99999999999"), "sign");
    }

    #[test]
    fn codes_without_a_meaning_share_a_label() {
        assert_eq!(
            (ExitCode::Common(9).label(), ExitCode::Common(31).label()),
            ("reserved", "reserved")
        );
        assert_eq!(ErrorClass::of("exit 0").exit_code.label(), "ok");
    }

    proptest! {
        #[test]
        fn any_text_has_one_of_few_classes(text in ".*", code in any::<u32>()) {
            let class = ErrorClass::of(&format!("{text} exit {code}"));
            prop_assert!(class.words().len() < 60);
        }
    }
}
