//! What people want to read in a certificate: who issued it, for which names, until when.
//!
//! Nothing is verified here; rustls has done that, or refused. Source: RFC 5280 (fields), X.690 (encoding).

use std::net::IpAddr;
use std::time::Duration;

use crate::clock::UnixTime;

/// As far as it could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Certificate {
    /// The common name of the authority, or its organisation.
    pub issuer: Option<String>,
    /// Host names and addresses that it is valid for.
    pub names: Vec<String>,
    pub not_after: Option<UnixTime>,
}

const SEQUENCE: u8 = 0x30;
const OBJECT_IDENTIFIER: u8 = 0x06;
const OCTET_STRING: u8 = 0x04;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `[0]`, the version; left out of certificates of version 1.
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;

const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ORGANISATION: &[u8] = &[0x55, 0x04, 0x0a];
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// A certificate for hundreds of names shows the first ones.
const MOST_NAMES: usize = 8;

/// Any bytes give a certificate, or `None` when it does not even begin like one.
pub(super) fn read(der: &[u8]) -> Option<Certificate> {
    let mut outer = Der(Der(der).expect(SEQUENCE)?);
    let mut fields = Der(outer.expect(SEQUENCE)?);
    let (first, _) = fields.next()?;
    if first == VERSION {
        let _serial = fields.next()?;
    }
    let _algorithm = fields.next()?;
    let issuer = fields.expect(SEQUENCE)?;
    let mut validity = Der(fields.expect(SEQUENCE)?);
    let _not_before = validity.next()?;
    let not_after = validity.next().and_then(|(tag, text)| time(tag, text));
    let extensions = std::iter::from_fn(|| fields.next()).find(|(tag, _)| *tag == EXTENSIONS);
    Some(Certificate {
        issuer: name_part(issuer, COMMON_NAME).or_else(|| name_part(issuer, ORGANISATION)),
        names: extensions
            .and_then(|(_, wrapped)| alternative_names(wrapped))
            .unwrap_or_default(),
        not_after,
    })
}

/// Elements of the distinguished encoding, one after another.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let [tag, first, rest @ ..] = self.0 else { return None };
        let (length, rest) = if *first < 0x80 {
            (usize::from(*first), rest)
        } else {
            let digits = usize::from(first & 0x7f);
            // Four bytes are 4 GB; without the limit the sum could overflow.
            let (digits, rest) = rest.split_at_checked(digits).filter(|_| (1..=4).contains(&digits))?;
            let length = digits.iter().fold(0, |sum, digit| (sum << 8) | usize::from(*digit));
            (length, rest)
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((*tag, content))
    }

    fn expect(&mut self, wanted: u8) -> Option<&'a [u8]> {
        self.next()
            .filter(|(tag, _)| *tag == wanted)
            .map(|(_, content)| content)
    }
}

/// The first value of a kind in a distinguished name: a sequence of sets of pairs.
fn name_part(name: &[u8], kind: &[u8]) -> Option<String> {
    let mut sets = Der(name);
    while let Some((_, set)) = sets.next() {
        let mut pairs = Der(set);
        while let Some((_, pair)) = pairs.next() {
            let mut pair = Der(pair);
            if pair.expect(OBJECT_IDENTIFIER) == Some(kind) {
                return pair.next().map(|(_, text)| printable(text));
            }
        }
    }
    None
}

fn alternative_names(extensions: &[u8]) -> Option<Vec<String>> {
    let mut list = Der(Der(extensions).expect(SEQUENCE)?);
    let wanted = std::iter::from_fn(|| list.next()).find_map(|(_, extension)| {
        let mut extension = Der(extension);
        (extension.expect(OBJECT_IDENTIFIER)? == SUBJECT_ALT_NAME).then_some(extension)
    });
    let mut wanted = wanted?;
    // A flag may stand in between.
    let value = std::iter::from_fn(|| wanted.next()).find(|(tag, _)| *tag == OCTET_STRING);
    let mut names = Der(Der(value?.1).expect(SEQUENCE)?);
    let readable = std::iter::from_fn(|| names.next()).filter_map(|(tag, name)| match tag {
        DNS_NAME => Some(printable(name)),
        IP_ADDRESS => address(name),
        _ => None,
    });
    Some(readable.take(MOST_NAMES).collect())
}

fn address(bytes: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let address = v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from));
    address.ok().map(|address| address.to_string())
}

/// What a stranger wrote goes to a terminal.
fn printable(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`.
fn time(tag: u8, text: &[u8]) -> Option<UnixTime> {
    let text = std::str::from_utf8(text).ok()?;
    let (year, rest) = match tag {
        // RFC 5280, 4.1.2.5.1: two digits from 50 on are of the last century.
        UTC_TIME => match number(text.get(..2)?)? {
            year @ 50.. => (1900 + year, text.get(2..)?),
            year => (2000 + year, text.get(2..)?),
        },
        GENERALIZED_TIME => (number(text.get(..4)?)?, text.get(4..)?),
        _ => return None,
    };
    let pair = |from: usize| number(rest.get(from..from + 2)?);
    let (month, day) = (pair(0)?, pair(2)?);
    let (hour, minute, second) = (pair(4)?, pair(6)?, pair(8)?);
    let days = days_since_1970(year, month, day)?;
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second;
    Some(UnixTime::from_duration(Duration::from_secs(seconds)))
}

fn number(digits: &str) -> Option<u64> {
    digits.parse().ok()
}

/// Counted in years that begin in March, so that the leap day is the last one.
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year.checked_sub(1)? } else { year };
    let month = (month + 9) % 12;
    let leap_days = year / 4 - year / 100 + year / 400;
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    (365 * year + leap_days + (153 * month + 2) / 5 + day - 1).checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuer_names_and_end_are_read() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters =
            rcgen::CertificateParams::new(vec!["farm.test".to_owned(), "10.0.0.11".to_owned()]).unwrap();
        parameters.not_after = rcgen::date_time_ymd(2031, 2, 28);
        parameters
            .distinguished_name
            .push(rcgen::DnType::CommonName, "Farm CA\u{7}");
        let der = parameters.self_signed(&key).unwrap();
        let read = read(der.der()).unwrap();
        assert_eq!(read.issuer.as_deref(), Some("Farm CA"));
        assert_eq!(read.names, ["farm.test", "10.0.0.11"]);
        // date -u -d 2031-02-28 +%s
        assert_eq!(read.not_after, Some(UnixTime::from_millis(1_930_003_200_000)));
    }

    #[test]
    fn days_are_counted_over_leap_years() {
        assert_eq!(days_since_1970(1970, 1, 1), Some(0));
        assert_eq!(days_since_1970(2000, 3, 1), Some(11_017));
        assert_eq!(days_since_1970(2024, 2, 29), Some(19_782));
        assert_eq!(days_since_1970(2024, 13, 1), None);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_give_a_certificate_or_none(bytes: Vec<u8>) {
            drop(read(&bytes));
        }
    }
}
