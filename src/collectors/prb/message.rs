//! What a worker's last message says: when, and which kind of event out of a fixed list.
//!
//! PRB overwrites the message with every event and never clears it, so it may be hours old and its cause gone: states
//! and heights are trusted more. The kinds follow `runtime-bridge` (`src/lifecycle/runner`) and `phala-blockchain`
//! (`standalone/prb`); the text itself is for people only.

use std::time::Duration;

use crate::clock::UnixTime;

/// A worker's last message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// When it was written, if the text says so with its year.
    pub at: Option<UnixTime>,
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
    OtherError,
}

impl Kind {
    pub const ALL: [Self; 13] = [
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
    ("need restart manually", Kind::OtherError),
    // Serialised errors of the old HTTP client.
    ("\"code\":", Kind::OtherError),
];

/// Of a longer message only the beginning is looked at; error objects can hold a whole request.
const LOOKED_AT: usize = 4096;
/// Enough to recognise it on a page.
const SHOWN: usize = 240;

impl Message {
    /// Any text is a message. Forms: `[2022-06-01T20:00:00+08:00] text` (v2), `1636889212205 - text` (v0, older v2),
    /// `[2023-05-01 10:00:00.123456 +00:00] text` (v3) and `[12-20 10:00:00] text` (newer v3; without a year it is no
    /// time).
    pub fn read(text: &str) -> Self {
        let beginning: String = text.chars().take(LOOKED_AT).collect();
        let (at, words) = split_time(&beginning);
        let lower = words.to_lowercase();
        let found = PATTERNS.iter().find(|(part, _)| lower.contains(part));
        let clean = words.chars().map(|c| if c.is_control() { ' ' } else { c });
        Self {
            at,
            kind: found.map_or(Kind::Normal, |(_, kind)| *kind),
            text: clean.take(SHOWN).collect(),
        }
    }
}

fn split_time(text: &str) -> (Option<UnixTime>, &str) {
    if let Some((stamp, words)) = text.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        // Something in brackets that is no time belongs to the message.
        if stamp.starts_with(|c: char| c.is_ascii_digit()) {
            return (iso_time(stamp), words);
        }
    }
    if let Some((millis, words)) = text.split_once(" - ") {
        // From 2001 on: a smaller number is no time.
        if let Ok(millis @ 1_000_000_000_000..=MOST_MILLIS) = millis.parse() {
            return (Some(UnixTime::from_millis(millis)), words);
        }
    }
    (None, text)
}

/// The year 9999.
const MOST_MILLIS: u64 = 253_402_300_799_999;

/// `2022-06-01T20:00:00+08:00`, also with a blank for the `T`, a fraction, a blank before the offset, or `Z`.
fn iso_time(stamp: &str) -> Option<UnixTime> {
    let (date, time) = stamp.split_once(['T', ' '])?;
    let [year, month, day] = numbers(date, '-')?;
    let zone_at = time.find(['+', '-', 'Z', ' '])?;
    let (clock, zone) = time.split_at_checked(zone_at)?;
    let [hour, minute, second] = numbers(clock.split('.').next()?, ':')?;
    let sound = (1971..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    let local = days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    let utc = local - offset(zone.trim())?;
    let seconds = sound.then(|| u64::try_from(utc).ok()).flatten()?;
    Some(UnixTime::from_duration(Duration::from_secs(seconds)))
}

/// Seconds that the zone is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    let (sign, digits) = match (zone.strip_prefix('+'), zone.strip_prefix('-')) {
        (Some(digits), _) => (1, digits),
        (_, Some(digits)) => (-1, digits),
        _ => return (zone == "Z").then_some(0),
    };
    let [hours, minutes] = numbers(digits, ':')?;
    Some(sign * (hours * 3_600 + minutes * 60))
}

/// Exactly `COUNT` short numbers.
fn numbers<const COUNT: usize>(text: &str, separator: char) -> Option<[i64; COUNT]> {
    let number = |digits: &str| {
        let short = (1..=4).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        short.then(|| digits.parse().ok()).flatten()
    };
    let all: Option<Vec<i64>> = text.split(separator).map(number).collect();
    all?.try_into().ok()
}

/// By counting from 1 March, so that a leap day is the last one of its year (proleptic Gregorian).
const fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year / 4 - year / 100 + year / 400;
    365 * year + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kind(text: &str) -> Kind {
        Message::read(&format!("[2022-06-01T20:00:00+08:00] {text}")).kind
    }

    #[test]
    fn every_form_of_time_is_read() {
        let time = |text: &str| Message::read(text).at.map(UnixTime::as_secs_f64);
        assert_eq!(time("[2022-06-01T20:00:00+08:00] x"), Some(1_654_084_800.0));
        assert_eq!(time("[2022-06-01T12:00:00Z] x"), Some(1_654_084_800.0));
        assert_eq!(time("[2022-06-01T06:30:00-05:30] x"), Some(1_654_084_800.0));
        assert_eq!(time("[2024-02-29T00:00:00+00:00] x"), Some(1_709_164_800.0));
        assert_eq!(time("1636889212205 - x"), Some(1_636_889_212.205));
        assert_eq!(time("[2023-05-01 10:00:00.123456 +00:00] x"), Some(1_682_935_200.0));
        for without in [
            "[12-20 10:00:00] x",
            "x",
            "",
            "[] x",
            "[2022-13-01T00:00:00Z] x",
            "7 - x",
            "[1] x",
        ] {
            assert_eq!(time(without), None, "{without}");
        }
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

        #[test]
        fn anything_in_brackets_is_a_time_or_none(stamp in "[0-9TZ:. +-]{0,40}") {
            drop(Message::read(&format!("[{stamp}] x")));
        }

        #[test]
        fn every_day_is_one_after_the_day_before(day in 1_i64..28, month in 1_i64..=12, year in 1971_i64..9999) {
            prop_assert_eq!(days_since_1970(year, month, day) + 1, days_since_1970(year, month, day + 1));
        }
    }
}
