//! A client's certificate against `client_auth_type`, the authorities and `client_allowed_sans`.
//!
//! Verified ones go through webpki. What webpki alone would not do: certificates that are asked for and not verified,
//! a self-signed certificate that is its own authority (Go accepts it, and many small farms have just that), and names.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore, SignatureScheme,
};
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::time::ASN1Time;

/// Looks at the certificates of clients.
#[derive(Debug)]
pub(super) struct Verifier {
    mandatory: bool,
    trust: Trust,
    allowed_names: Vec<String>,
    provider: Arc<CryptoProvider>,
}

/// Whose word is taken.
#[derive(Debug)]
enum Trust {
    /// Any certificate whose key the client has.
    Anybody,
    /// No authority is known: no certificate can be verified.
    Nobody,
    Authorities {
        webpki: Arc<dyn ClientCertVerifier>,
        own: Vec<CertificateDer<'static>>,
    },
}

impl Verifier {
    /// `authorities` is nothing where certificates are not verified. With `allowed_names` a certificate must have one
    /// of them, so there must be one.
    pub(super) fn new(
        mandatory: bool,
        authorities: Option<&[CertificateDer<'static>]>,
        allowed_names: Vec<String>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, String> {
        let trust = match authorities {
            None => Trust::Anybody,
            Some([]) => Trust::Nobody,
            Some(own) => {
                let mut roots = RootCertStore::empty();
                for authority in own {
                    roots.add(authority.clone()).map_err(|e| e.to_string())?;
                }
                let webpki = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
                Trust::Authorities {
                    webpki: webpki.build().map_err(|e| e.to_string())?,
                    own: own.to_vec(),
                }
            }
        };
        Ok(Self {
            mandatory: mandatory || !allowed_names.is_empty(),
            trust,
            allowed_names,
            provider: Arc::clone(provider),
        })
    }

    fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        match &self.trust {
            Trust::Anybody => Ok(()),
            Trust::Nobody => Err(CertificateError::UnknownIssuer.into()),
            Trust::Authorities { own, .. } if own.iter().any(|authority| authority == end_entity) => {
                verify_pinned(end_entity, now)
            }
            Trust::Authorities { webpki, .. } => webpki.verify_client_cert(end_entity, intermediates, now).map(drop),
        }
    }

    fn check_names(&self, end_entity: &CertificateDer<'_>) -> Result<(), Error> {
        if self.allowed_names.is_empty() {
            return Ok(());
        }
        let names = alternative_names(&parsed(end_entity)?);
        if names.iter().any(|name| self.allowed_names.contains(name)) {
            Ok(())
        } else {
            Err(CertificateError::Other(OtherError(Arc::new(NotAllowed))).into())
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("none of the certificate's alternative names is in client_allowed_sans")]
struct NotAllowed;

fn parsed<'a>(certificate: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, Error> {
    X509Certificate::from_der(certificate)
        .map(|(_, parsed)| parsed)
        .map_err(|_| CertificateError::BadEncoding.into())
}

/// A certificate that is itself named as an authority: what is left to look at are its time and its purpose.
fn verify_pinned(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let certificate = parsed(certificate)?;
    let now = i64::try_from(now.as_secs())
        .ok()
        .and_then(|now| ASN1Time::from_timestamp(now).ok());
    let now = now.ok_or(CertificateError::BadEncoding)?;
    if now < certificate.validity().not_before {
        return Err(CertificateError::NotValidYet.into());
    }
    if now > certificate.validity().not_after {
        return Err(CertificateError::Expired.into());
    }
    match certificate.extended_key_usage() {
        Ok(Some(usage)) if !usage.value.client_auth && !usage.value.any => Err(CertificateError::InvalidPurpose.into()),
        Ok(_) => Ok(()),
        Err(_) => Err(CertificateError::BadEncoding.into()),
    }
}

/// Subject alternative names as exporter-toolkit compares them: DNS, e-mail, URI as they are, IP in its usual form.
fn alternative_names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let mut names = Vec::new();
    for extension in certificate.extensions() {
        let ParsedExtension::SubjectAlternativeName(alternatives) = extension.parsed_extension() else {
            continue;
        };
        names.extend(alternatives.general_names.iter().filter_map(|name| match name {
            GeneralName::DNSName(name) | GeneralName::RFC822Name(name) | GeneralName::URI(name) => {
                Some((*name).to_owned())
            }
            GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_canonical().to_string()),
            _ => None,
        }));
    }
    names
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        match &self.trust {
            Trust::Authorities { webpki, .. } => webpki.root_hint_subjects(),
            Trust::Anybody | Trust::Nobody => &[],
        }
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.verify(end_entity, intermediates, now)?;
        self.check_names(end_entity)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{
        BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType,
    };

    use super::*;

    /// 2026-01-01, within the usual validity of what rcgen makes (1975 to 4096).
    const NOW: Duration = Duration::from_secs(1_767_225_600);

    fn provider() -> Arc<CryptoProvider> {
        Arc::new(rustls::crypto::ring::default_provider())
    }

    fn params(names: &[&str]) -> CertificateParams {
        let mut params =
            CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params
    }

    fn self_signed(change: impl FnOnce(&mut CertificateParams)) -> CertificateDer<'static> {
        let mut params = params(&["farm-1"]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        change(&mut params);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    fn answer(
        authorities: Option<&[CertificateDer<'static>]>,
        allowed: &[&str],
        certificate: &CertificateDer<'_>,
    ) -> Result<(), Error> {
        let allowed = allowed.iter().map(|name| (*name).to_owned()).collect();
        let verifier = Verifier::new(true, authorities, allowed, &provider()).unwrap();
        let now = UnixTime::since_unix_epoch(NOW);
        verifier.verify_client_cert(certificate, &[], now).map(drop)
    }

    #[test]
    fn a_certificate_of_a_named_authority_is_accepted_and_another_one_is_not() {
        let mut authority = params(&[]);
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let client = params(&["farm-1"])
            .signed_by(&KeyPair::generate().unwrap(), &authority)
            .unwrap();
        let trusted = [authority.as_ref().der().clone()];
        assert!(answer(Some(&trusted), &[], client.der()).is_ok());
        assert!(answer(Some(&[self_signed(|_| ())]), &[], client.der()).is_err());
        assert!(
            answer(Some(&[]), &[], client.der()).is_err(),
            "without authorities nobody is verified"
        );
        assert!(answer(None, &[], client.der()).is_ok(), "any certificate will do");
    }

    #[test]
    fn a_self_signed_certificate_may_be_its_own_authority_within_its_time_and_purpose() {
        let good = self_signed(|_| ());
        assert!(answer(Some(std::slice::from_ref(&good)), &[], &good).is_ok());
        let old = self_signed(|params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
        let expired = answer(Some(std::slice::from_ref(&old)), &[], &old).unwrap_err();
        assert_eq!(expired, CertificateError::Expired.into());
        let early = self_signed(|params| params.not_before = rcgen::date_time_ymd(2050, 1, 1));
        assert!(answer(Some(std::slice::from_ref(&early)), &[], &early).is_err());
        let server = self_signed(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]);
        assert!(answer(Some(std::slice::from_ref(&server)), &[], &server).is_err());
    }

    #[test]
    fn one_name_of_every_kind_is_enough_and_parts_of_names_are_not() {
        let certificate = self_signed(|params| {
            params.subject_alt_names = vec![
                SanType::DnsName("prometheus.farm".try_into().unwrap()),
                SanType::Rfc822Name("ops@farm".try_into().unwrap()),
                SanType::URI("spiffe://farm/prometheus".try_into().unwrap()),
                SanType::IpAddress([10, 0, 0, 7].into()),
                SanType::IpAddress("2001:db8::7".parse().unwrap()),
            ];
        });
        for name in [
            "prometheus.farm",
            "ops@farm",
            "spiffe://farm/prometheus",
            "10.0.0.7",
            "2001:db8::7",
        ] {
            assert!(answer(None, &["other", name], &certificate).is_ok(), "{name}");
        }
        for name in ["farm", "prometheus", "10.0.0.70", "PROMETHEUS.FARM", ""] {
            assert!(answer(None, &[name], &certificate).is_err(), "{name}");
        }
    }

    #[test]
    fn allowed_names_make_a_certificate_necessary() {
        let verifier = Verifier::new(false, None, vec!["a".to_owned()], &provider()).unwrap();
        assert!(verifier.client_auth_mandatory());
        let verifier = Verifier::new(false, None, Vec::new(), &provider()).unwrap();
        assert!(!verifier.client_auth_mandatory() && verifier.offer_client_auth());
        let garbage = CertificateDer::from(vec![1, 2, 3]);
        assert!(answer(None, &["a"], &garbage).is_err());
    }
}
