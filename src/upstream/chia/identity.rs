//! Who we are to a farm, and whom we trust: a certificate of the farm's own authority with its key, and that authority.
//!
//! Chia's certificates carry no address, only the name `chia.net`; so that is the name that is verified, whatever was
//! dialled, and the farm's authority is the only one that is trusted. A verification is never switched off. The public
//! authority of chia (`chia_ca.crt`) is no protection: its key is published.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime as TlsTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{CertificateError, ClientConfig, Error, RootCertStore};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::super::{Fault, Why, certificate};
use super::NodeId;
use crate::clock::UnixTime;
use crate::values;

/// Where the three files lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificates {
    /// The farm's private authority: `ca/private_ca.crt`.
    pub authority: PathBuf,
    /// A certificate that it signed, like `daemon/private_daemon.crt`.
    pub certificate: PathBuf,
    /// The key of that: `daemon/private_daemon.key`.
    pub key: PathBuf,
}

/// Read once, at the start. It never prints what is in the files.
#[derive(Clone)]
pub struct Identity {
    pub(super) tls: Arc<ClientConfig>,
    /// When the authority ends; all certificates of the farm with it.
    pub authority_not_after: Option<UnixTime>,
    /// When our own certificate ends.
    pub certificate_not_after: Option<UnixTime>,
    /// What the farm's services call whoever uses this certificate.
    pub node_id: Option<NodeId>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity")
    }
}

/// The only name in every certificate of chia.
pub(super) fn server_name() -> Result<ServerName<'static>, Why> {
    ServerName::try_from("chia.net").map_err(|e| Why::Internal(e.to_string()))
}

/// A certificate has some kilobytes; without it a wrong path would be read to its end.
const LARGEST: u64 = 64 << 10;

impl Certificates {
    /// Tells whether a file was replaced; `None` while one cannot be read. It is never shown.
    pub fn digest(&self) -> Option<u64> {
        let mut hasher = DefaultHasher::new();
        for path in [&self.authority, &self.certificate, &self.key] {
            let mut bytes = Vec::new();
            let file = std::fs::File::open(path).ok()?;
            file.take(LARGEST).read_to_end(&mut bytes).ok()?;
            bytes.hash(&mut hasher);
        }
        Some(hasher.finish())
    }
}

impl Identity {
    /// The error names the file and what is wrong with it, never what stands in it.
    pub fn read(who: &str, files: &Certificates) -> Result<Self, Fault> {
        Self::from_files(files).map_err(|words| Fault::new(who, "its certificates", Why::Configuration(words)))
    }

    fn from_files(files: &Certificates) -> Result<Self, String> {
        let authority = certificates(&files.authority)?;
        let chain = certificates(&files.certificate)?;
        let key = key(&files.key)?;
        let own = chain.first().ok_or_else(|| holds_none(&files.certificate))?;
        let mut roots = RootCertStore::empty();
        for der in &authority {
            let added = roots.add(der.clone());
            added.map_err(|e| format!("{} cannot be trusted: {e}", files.authority.display()))?;
        }
        is_signed(own, &roots, &authority, files)?;
        let (authority_not_after, certificate_not_after) = (end(authority.first()), end(Some(own)));
        let node_id = NodeId::of(own);
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|e| format!("TLS: {e}"))?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key);
        let tls = config.map_err(|error| match error {
            Error::InconsistentKeys(_) => {
                let (key, certificate) = (files.key.display(), files.certificate.display());
                format!("{key} is not the key of {certificate}")
            }
            other => format!("{} cannot be used: {other}", files.key.display()),
        })?;
        Ok(Self {
            tls: Arc::new(tls),
            authority_not_after,
            certificate_not_after,
            node_id,
        })
    }
}

fn end(der: Option<&CertificateDer<'_>>) -> Option<UnixTime> {
    certificate::read(der?)?.not_after
}

/// A farm's service would only hang up on a stranger, so this is found here. The date is no matter: clocks differ.
fn is_signed(
    own: &CertificateDer<'_>,
    roots: &RootCertStore,
    authority: &[CertificateDer<'_>],
    files: &Certificates,
) -> Result<(), String> {
    let (own_path, authority_path) = (files.certificate.display(), files.authority.display());
    let both_valid = authority.iter().chain([own]).filter_map(|der| begin(der)).max();
    let at = TlsTime::since_unix_epoch(both_valid.unwrap_or_default());
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots.clone()), provider).build();
    let verifier = verifier.map_err(|e| format!("{authority_path} cannot be trusted: {e}"))?;
    match verifier.verify_client_cert(own, &[], at) {
        Err(Error::InvalidCertificate(CertificateError::BadSignature | CertificateError::UnknownIssuer)) => {
            Err(format!(
                "{own_path} is not signed by {authority_path}: it is of another farm, or one of the public_*.crt, which open \
             no RPC; take a private_*.crt"
            ))
        }
        // Whether it has ended is told by the rounds.
        Ok(_) | Err(Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. })) => {
            Ok(())
        }
        Err(other) => Err(format!("{own_path} cannot be used: {other}")),
    }
}

/// A second after the certificate becomes valid.
fn begin(der: &[u8]) -> Option<Duration> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let seconds = u64::try_from(certificate.validity().not_before.timestamp()).ok()?;
    Some(Duration::from_secs(seconds.saturating_add(1)))
}

pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    found
        .ok()
        .filter(|found| !found.is_empty())
        .ok_or_else(|| holds_none(path))
}

fn holds_none(path: &Path) -> String {
    format!(
        "{} holds no certificate in PEM (-----BEGIN CERTIFICATE-----)",
        path.display()
    )
}

/// PKCS#8 since chia 2.0, PKCS#1 before; keys outlive releases.
fn key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let pem = read(path)?;
    let shown = path.display();
    let mode = std::fs::metadata(path).map(|metadata| metadata.permissions().mode());
    match mode {
        Ok(mode) if mode & 0o002 != 0 => {
            return Err(format!("everybody on this machine may change {shown}: chmod 600 it"));
        }
        Ok(mode) if mode & 0o004 != 0 => tracing::warn!(
            "everybody on this machine may read {shown}, and with it open the wallet: chmod 640 it, or 600"
        ),
        _ => {}
    }
    PrivateKeyDer::from_pem_slice(&pem).map_err(|_| {
        if pem.windows(9).any(|word| word == b"ENCRYPTED") {
            format!("{shown} is encrypted; chia's own keys are not, and a service cannot ask for a password")
        } else {
            format!(
                "{shown} holds no private key in PEM (-----BEGIN PRIVATE KEY----- or -----BEGIN RSA PRIVATE KEY-----)"
            )
        }
    })
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let shown = path.display();
    let wrong = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::PermissionDenied => format!(
            "{shown} cannot be read: permission denied; chia keeps its keys for its own user, so give the user of \
             farmwarden a copy, or read access (docs/chia.md)"
        ),
        _ => format!("{shown} cannot be read: {}", values::io_words(&e)),
    };
    // A FIFO or a device would be waited for without end.
    if !std::fs::metadata(path).map_err(wrong)?.is_file() {
        return Err(format!("{shown} is no regular file"));
    }
    let mut bytes = Vec::new();
    let mut file = std::fs::File::open(path).map_err(wrong)?.take(LARGEST + 1);
    file.read_to_end(&mut bytes).map_err(wrong)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > LARGEST) {
        return Err(format!("{shown} is too large for a certificate or key"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{certificates, fixture};
    use super::*;

    fn words(files: &Certificates) -> String {
        Identity::read("farm-1", files).unwrap_err().to_string()
    }

    #[test]
    fn keys_of_chia_1_and_2_are_both_read() {
        for key in ["farm-leaf-pkcs8.key", "farm-leaf-pkcs1.key"] {
            let files = Certificates {
                key: fixture(key),
                ..certificates("farm")
            };
            let identity = Identity::read("farm-1", &files).unwrap();
            // openssl x509 -in farm-leaf.crt -outform der | sha256sum
            let id = "cf5383829dbe71b53001f6896faf735a638b6d9e95fd4229dacca8e70349c147";
            assert_eq!(identity.node_id, Some(id.parse().unwrap()));
            // date -u -d 2100-08-02 +%s
            let end = Some(UnixTime::from_millis(4_120_848_000_000));
            assert_eq!(
                (identity.authority_not_after, identity.certificate_not_after),
                (end, end)
            );
        }
    }

    #[test]
    fn a_certificate_of_another_farm_is_found_before_anything_is_asked() {
        let foreign = Certificates {
            authority: fixture("other-ca.crt"),
            ..certificates("farm")
        };
        let words = words(&foreign);
        assert!(
            words.contains("farm-leaf.crt is not signed by") && words.contains("another farm"),
            "{words}"
        );
    }

    #[test]
    fn a_key_of_another_certificate_is_found() {
        let mixed = Certificates {
            key: fixture("other-leaf-pkcs8.key"),
            ..certificates("farm")
        };
        assert!(words(&mixed).contains("is not the key of"));
    }

    #[test]
    fn what_is_no_certificate_or_key_is_told_without_its_content() {
        let swapped = Certificates {
            certificate: fixture("farm-leaf-pkcs8.key"),
            ..certificates("farm")
        };
        assert!(words(&swapped).contains("holds no certificate"));
        let swapped = Certificates {
            key: fixture("farm-leaf.crt"),
            ..certificates("farm")
        };
        let told = words(&swapped);
        assert!(told.contains("holds no private key") && !told.contains("MII"), "{told}");
        let missing = Certificates {
            authority: "/no/such/private_ca.crt".into(),
            ..certificates("farm")
        };
        let expected = "farm-1: its certificates: /no/such/private_ca.crt cannot be read: no such file or directory";
        assert_eq!(words(&missing), expected);
        let directory = Certificates {
            authority: "/".into(),
            ..certificates("farm")
        };
        assert!(words(&directory).contains("no regular file"));
    }

    #[test]
    fn a_key_that_everybody_may_change_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        std::fs::copy(fixture("farm-leaf-pkcs8.key"), &path).unwrap();
        let mut files = certificates("farm");
        files.key.clone_from(&path);
        for (mode, good) in [(0o600, true), (0o640, true), (0o644, true), (0o666, false)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(Identity::read("farm-1", &files).is_ok(), good, "{mode:o}");
        }
    }
}
