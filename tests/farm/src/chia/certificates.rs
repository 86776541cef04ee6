//! Authorities and certificates in the shape of chia's: every authority has the same name, every leaf is for `chia.net`.

use std::{
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
    sync::Arc,
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair, date_time_ymd,
};
use ring::digest::{SHA256, digest};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};
use tokio_rustls::TlsAcceptor;

/// The authority of a farm.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key.
pub(super) struct Leaf {
    der: CertificateDer<'static>,
    pem: String,
    key: KeyPair,
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "Chia");
    name.push(DnType::CommonName, common);
    name.push(DnType::OrganizationalUnitName, "Organic Farming Division");
    name
}

impl Authority {
    pub(super) fn new() -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name = name("Chia CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = date_time_ymd(2021, 5, 1);
        params.not_after = date_time_ymd(2100, 8, 2);
        Ok(Self(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?))
    }

    /// One that ended long ago, or one that holds.
    pub(super) fn leaf(&self, expired: bool) -> Result<Leaf, rcgen::Error> {
        let mut params = CertificateParams::new(vec!["chia.net".to_owned()])?;
        params.distinguished_name = name("Chia");
        params.not_before = date_time_ymd(2021, 5, 1);
        params.not_after = date_time_ymd(if expired { 2022 } else { 2100 }, 8, 2);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.0)?;
        Ok(Leaf {
            der: certificate.der().clone(),
            pem: certificate.pem(),
            key,
        })
    }

    pub(super) fn write(&self, directory: &Path) -> io::Result<()> {
        fs::create_dir_all(directory)?;
        fs::write(directory.join("private_ca.crt"), self.0.as_ref().pem())
    }

    /// What a service has that shows `leaf` and lets in whom this authority signed.
    pub(super) fn acceptor(&self, issuer: &Self, leaf: &Leaf) -> Result<TlsAcceptor, String> {
        let mut roots = RootCertStore::empty();
        let words = |error: &dyn std::fmt::Display| format!("TLS: {error}");
        roots
            .add(self.0.as_ref().der().clone())
            .map_err(|error| words(&error))?;
        let provider = Arc::new(default_provider());
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        // As the real ones: it names no authority when it asks for a certificate.
        let clients = clients
            .clear_root_hint_subjects()
            .build()
            .map_err(|error| words(&error))?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(leaf.key.serialize_der()));
        let chain = vec![leaf.der.clone(), issuer.0.as_ref().der().clone()];
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| words(&error))?
            .with_client_cert_verifier(clients)
            .with_single_cert(chain, key)
            .map_err(|error| words(&error))?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

impl Leaf {
    /// Writes `NAME.crt` and `NAME.key`, the key for its owner only.
    pub(super) fn write(&self, directory: &Path, name: &str) -> io::Result<()> {
        fs::create_dir_all(directory)?;
        fs::write(directory.join(format!("{name}.crt")), &self.pem)?;
        let key = directory.join(format!("{name}.key"));
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&key)?;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        file.write_all(self.key.serialize_pem().as_bytes())
    }

    /// What services call whoever shows this certificate.
    pub(super) fn node_id(&self) -> String {
        let bytes = digest(&SHA256, &self.der);
        let mut text = String::new();
        for byte in bytes.as_ref() {
            write!(text, "{byte:02x}").ok();
        }
        text
    }
}
