//! What a worker's last message says: when, and which kind of event out of a fixed list.
//!
//! PRB overwrites the message with every event and never clears it, so it may be hours old and its cause gone: states
//! and heights are trusted more. The kinds follow `runtime-bridge` (`src/lifecycle/runner`) and `phala-blockchain`
//! (`standalone/prb`); the text itself is for people only.

mod time;

use crate::clock::UnixTime;
use time::{MonthDay, Stamp, split_time};

/// A worker's last message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// When it was written, as far as the text says so. One without its year is completed by [`Self::dated`].
    pub at: Option<UnixTime>,
    yearless: Option<MonthDay>,
    pub kind: Kind,
    /// For people; cut, on one line.
    pub text: String,
}

/// What kind of event a message tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The course of things, or no message.
    Normal,
    /// A step on the chain that it waits for: registration, benchmark, adding to the pool, start, stake.
    ChainStep,
    /// Deliberately idle: the worker cools down on the chain.
    CoolingDown,
    /// Deliberately idle: configured to follow the chain only.
    SyncOnly,
    /// The session on the chain changed while unresponsive; cross-check with the session's state.
    UnresponsiveNotice,
    /// pRuntime expects another block than PRB sends.
    BlockNumberMismatch,
    /// Another refusal of pRuntime, like `NoStateRoot`.
    PruntimeError,
    /// pRuntime did not answer in time.
    Timeout,
    /// Nothing listens at pRuntime's address.
    ConnRefused,
    /// pRuntime's machine is not reached.
    ConnUnreachable,
    /// Messages of the worker do not get on the chain: gas or trade queue.
    MqEgress,
    /// The chain has the worker in another pool than PRB: restarting is useless.
    WrongPool,
    /// PRB v3 has stopped the worker, and leaves it so until it is restarted.
    NeedsRestart,
    OtherError,
}

impl Kind {
    pub const ALL: [Self; 14] = [
        Self::Normal,
        Self::ChainStep,
        Self::CoolingDown,
        Self::SyncOnly,
        Self::UnresponsiveNotice,
        Self::BlockNumberMismatch,
        Self::PruntimeError,
        Self::Timeout,
        Self::ConnRefused,
        Self::ConnUnreachable,
        Self::MqEgress,
        Self::WrongPool,
        Self::NeedsRestart,
        Self::OtherError,
    ];

    /// The value of the label `kind`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::ChainStep => "chain_step",
            Self::CoolingDown => "cooling_down",
            Self::SyncOnly => "sync_only",
            Self::UnresponsiveNotice => "unresponsive_notice",
            Self::BlockNumberMismatch => "block_number_mismatch",
            Self::PruntimeError => "pruntime_error",
            Self::Timeout => "timeout",
            Self::ConnRefused => "conn_refused",
            Self::ConnUnreachable => "conn_unreachable",
            Self::MqEgress => "mq_egress",
            Self::WrongPool => "wrong_pool",
            Self::NeedsRestart => "needs_restart",
            Self::OtherError => "other_error",
        }
    }
}

/// Found by a part of the text, first match wins: what is wrapped in another message comes behind its wrapper.
const PATTERNS: &[(&str, Kind)] = &[
    ("error while synching mq egress", Kind::MqEgress),
    ("worker unresponsive", Kind::UnresponsiveNotice),
    ("blocknumbermismatch", Kind::BlockNumberMismatch),
    ("assigned to other pool", Kind::WrongPool),
    ("need restart manually", Kind::NeedsRestart),
    ("cooling down", Kind::CoolingDown),
    ("sync only mode", Kind::SyncOnly),
    ("isruntimereturnederror", Kind::PruntimeError),
    ("pruntime returned an error", Kind::PruntimeError),
    ("nostateroot", Kind::PruntimeError),
    ("headerhashmismatch", Kind::PruntimeError),
    ("missingjustification", Kind::PruntimeError),
    ("storageprooffailed", Kind::PruntimeError),
    ("staterootmismatch", Kind::PruntimeError),
    ("headervalidatefailed", Kind::PruntimeError),
    ("relaychainheadernotsynced", Kind::PruntimeError),
    ("emptyrequest", Kind::PruntimeError),
    ("econnrefused", Kind::ConnRefused),
    ("connection refused", Kind::ConnRefused),
    ("ehostunreach", Kind::ConnUnreachable),
    ("enetunreach", Kind::ConnUnreachable),
    ("enotfound", Kind::ConnUnreachable),
    ("no route to host", Kind::ConnUnreachable),
    ("network is unreachable", Kind::ConnUnreachable),
    ("timeouterror", Kind::Timeout),
    ("error: timeout of", Kind::Timeout),
    ("timed out", Kind::Timeout),
    // A connection that is not made in time. The old HTTP client puts the same code into its timeouts of answers.
    ("etimedout", Kind::ConnUnreachable),
    // Newer v3 after three failures of the connection, v0's old HTTP client: which one stands behind it, if anywhere.
    ("continously received", Kind::ConnUnreachable),
    ("requesterror", Kind::ConnUnreachable),
    ("state changed from", Kind::Normal),
    ("getting ra report", Kind::ChainStep),
    ("registering worker", Kind::ChainStep),
    ("waiting for benchmark", Kind::ChainStep),
    ("adding worker", Kind::ChainStep),
    ("waiting until worker ready", Kind::ChainStep),
    ("starting worker", Kind::ChainStep),
    ("starting computing", Kind::ChainStep),
    ("starting mining", Kind::ChainStep),
    ("updating stake", Kind::ChainStep),
    ("forcera detected", Kind::ChainStep),
    ("re-register done", Kind::ChainStep),
    ("error", Kind::OtherError),
    ("failed", Kind::OtherError),
    // Serialised errors of the old HTTP client.
    ("\"code\":", Kind::OtherError),
];

/// Of a longer message only the beginning is looked at; error objects can hold a whole request.
const LOOKED_AT: usize = 4096;
/// Enough to recognise it on a page.
const SHOWN: usize = 240;

impl Message {
    /// Any text is a message. Forms: `[2022-06-01T20:00:00+08:00] text` (v2), `1636889212205 - text` (v0, older v2),
    /// `[2023-05-01 10:00:00.123456 +00:00] text` (v3) and `[12-20 10:00:00] text` (newer v3).
    pub fn read(text: &str) -> Self {
        let beginning: String = text.chars().take(LOOKED_AT).collect();
        let (stamp, words) = split_time(&beginning);
        let lower = words.to_lowercase();
        let found = PATTERNS.iter().find(|(part, _)| lower.contains(part));
        let clean = words.chars().map(|c| if c.is_control() { ' ' } else { c });
        let (at, yearless) = match stamp {
            Some(Stamp::At(at)) => (Some(at), None),
            Some(Stamp::Yearless(day)) => (None, Some(day)),
            None => (None, None),
        };
        Self {
            at,
            yearless,
            kind: found.map_or(Kind::Normal, |(_, kind)| *kind),
            text: clean.take(SHOWN).collect(),
        }
    }

    /// The same with other words, which say better what happened.
    #[must_use]
    pub fn saying(self, words: &str) -> Self {
        let Self { at, yearless, .. } = self;
        Self {
            at,
            yearless,
            ..Self::read(words)
        }
    }

    /// The same with a time that lacks its year put into the last one that fits.
    #[must_use]
    pub fn dated(self, now: UnixTime) -> Self {
        let completed = self.yearless.and_then(|day| day.before(now));
        Self {
            at: self.at.or(completed),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kind(text: &str) -> Kind {
        Message::read(&format!("[2022-06-01T20:00:00+08:00] {text}")).kind
    }

    #[test]
    fn the_prefix_is_no_part_of_the_text() {
        assert_eq!(
            Message::read("[12-20 10:00:00] Re-register done.").text,
            "Re-register done."
        );
        assert_eq!(Message::read("1636889212205 - a - b").text, "a - b");
        assert_eq!(Message::read("[object Object] a").text, "[object Object] a");
    }

    #[test]
    fn errors_are_told_apart() {
        let mismatch =
            r#"{"payload":{"message":"BlockNumberMismatch"},"signature":"ab","isRuntimeReturnedError":true}"#;
        assert_eq!(kind(mismatch), Kind::BlockNumberMismatch);
        assert_eq!(
            kind(&mismatch.replace("BlockNumberMismatch", "NoStateRoot")),
            Kind::PruntimeError
        );
        assert_eq!(kind(r#""Error: timeout of 8000ms exceeded""#), Kind::Timeout);
        assert_eq!(
            kind(r#"{"name":"TimeoutError","message":"Timeout awaiting 'request' for 30000ms","code":"ETIMEDOUT"}"#),
            Kind::Timeout
        );
        assert_eq!(
            kind(r#""Error: connect ETIMEDOUT 192.168.2.2:8000""#),
            Kind::ConnUnreachable
        );
        assert_eq!(
            kind(r#""Error: connect ECONNREFUSED 192.168.2.2:8000""#),
            Kind::ConnRefused
        );
        assert_eq!(
            kind(r#""Error: connect EHOSTUNREACH 192.168.2.2:8000""#),
            Kind::ConnUnreachable
        );
        assert_eq!(
            kind("Error while synching mq egress: Error: connect ECONNREFUSED"),
            Kind::MqEgress
        );
        assert_eq!(kind(r#""Error: Worker is assigned to other pool!""#), Kind::WrongPool);
        assert_eq!(
            kind("Need Restart Manually! Worker Info is not matching prb internal status."),
            Kind::NeedsRestart
        );
        let thrice = "Continously received 3 errors from pRuntime";
        assert_eq!(kind(thrice), Kind::ConnUnreachable);
        assert_eq!(kind(&format!("{thrice}: operation timed out")), Kind::Timeout);
        assert_eq!(
            kind(&format!("{thrice}: Connection refused (os error 111)")),
            Kind::ConnRefused
        );
        assert_eq!(
            kind(r#"{"name":"RequestError","code":"ECONNREFUSED"}"#),
            Kind::ConnRefused
        );
        assert_eq!(
            kind(r#"{"name":"RequestError","code":"ECONNRESET"}"#),
            Kind::ConnUnreachable
        );
        assert_eq!(kind("Failed to update runtime information!"), Kind::OtherError);
        assert_eq!(kind(r#""Error: something new""#), Kind::OtherError);
    }

    #[test]
    fn the_course_of_things_is_no_error() {
        for normal in [
            "",
            "State changed from S_SYNCHED to S_ERROR",
            "Runtime already initialized.",
            "Synching message queue...",
            "Now the worker should be mining.",
            "something new",
        ] {
            assert_eq!(kind(normal), Kind::Normal, "{normal}");
        }
        assert_eq!(kind("Waiting for benchmark..."), Kind::ChainStep);
        assert_eq!(
            kind("Worker is cooling down, skipping on-chain operations."),
            Kind::CoolingDown
        );
        assert_eq!(
            kind("Sync only mode enabled, skipping on-chain operations."),
            Kind::SyncOnly
        );
        assert_eq!(kind("Notice: worker unresponsive!"), Kind::UnresponsiveNotice);
    }

    #[test]
    fn kinds_have_labels_of_their_own() {
        let labels: std::collections::HashSet<_> = Kind::ALL.iter().map(|kind| kind.label()).collect();
        assert_eq!(labels.len(), Kind::ALL.len());
    }

    proptest! {
        #[test]
        fn any_text_is_a_short_message_on_one_line(text in ".*") {
            let message = Message::read(&text);
            prop_assert!(message.text.chars().count() <= SHOWN);
            prop_assert!(!message.text.chars().any(char::is_control));
        }
    }
}
