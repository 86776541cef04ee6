//! What people want to read in a certificate: who issued it, for which names, until when.
//!
//! Nothing is verified here; rustls has done that, or refused.

use std::net::IpAddr;
use std::time::Duration;

use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate, X509Name};

use crate::clock::UnixTime;
use crate::values;

/// As far as it could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Certificate {
    /// The common name of the authority, or its organisation.
    pub issuer: Option<String>,
    /// Host names and addresses that it is valid for.
    pub names: Vec<String>,
    pub not_after: Option<UnixTime>,
}

/// A certificate for hundreds of names shows the first ones.
const MOST_NAMES: usize = 8;

/// Any bytes give a certificate, or `None` when they are none.
pub(super) fn read(der: &[u8]) -> Option<Certificate> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.iter().flat_map(|names| &names.value.general_names);
    let not_after = u64::try_from(certificate.validity().not_after.timestamp()).ok();
    Some(Certificate {
        issuer: authority(certificate.issuer()),
        names: names.filter_map(shown).take(MOST_NAMES).collect(),
        not_after: not_after.map(|seconds| UnixTime::from_duration(Duration::from_secs(seconds))),
    })
}

fn authority(name: &X509Name<'_>) -> Option<String> {
    let mut parts = name.iter_common_name().chain(name.iter_organization());
    parts.find_map(|part| part.as_str().ok()).map(printable)
}

fn shown(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(printable(name)),
        GeneralName::IPAddress(bytes) => address(bytes),
        _ => None,
    }
}

fn address(bytes: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let address = v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from));
    address.ok().map(|address| address.to_string())
}

/// What a stranger wrote goes to a terminal.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !values::is_unseen(*c)).take(100).collect()
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

    proptest::proptest! {
        #[test]
        fn any_bytes_give_a_certificate_or_none(bytes: Vec<u8>) {
            drop(read(&bytes));
        }
    }
}
