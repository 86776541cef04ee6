//! `tls_server_config` to what rustls serves with.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{ServerConfig, SupportedCipherSuite, SupportedProtocolVersion, version};

use super::client_cert::Verifier;
use super::file::{ClientAuth, TlsSection};
use super::report::Report;
use super::tls_names::Version;

pub(super) const SECTION: &str = "tls_server_config";

/// Nothing without TLS, and nothing with mistakes; those are in the report.
pub(super) fn server_config(section: &TlsSection, http2: bool, report: &mut Report) -> Option<Arc<ServerConfig>> {
    if !is_enabled(section) {
        said_in_vain(section, report);
        return None;
    }
    let before = report.mistakes();
    let identity = identity(section, report);
    let versions = versions(section, report);
    let provider = provider(section, http2, versions, report);
    let clients = clients(section, &provider, report);
    let (certificates, key) = identity?;
    if report.mistakes() > before {
        return None;
    }
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(|e| e.to_string())
        .and_then(|builder| {
            builder
                .with_client_cert_verifier(clients)
                .with_single_cert(certificates, key)
                .map_err(|e| unusable(&e))
        });
    match config {
        Ok(mut config) => {
            config.ignore_client_order = section.prefer_server_cipher_suites.unwrap_or(true);
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
            Some(Arc::new(config))
        }
        Err(words) => {
            report.mistake(SECTION, words);
            None
        }
    }
}

fn unusable(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InconsistentKeys(_) => "the key does not belong to the certificate".to_owned(),
        other => format!("certificate and key cannot be used: {other}"),
    }
}

fn key(name: &str) -> String {
    format!("{SECTION}.{name}")
}

/// Where exporter-toolkit begins to take it seriously.
fn is_enabled(section: &TlsSection) -> bool {
    given(section.cert_file.as_deref()).is_some()
        || given(section.key_file.as_deref()).is_some()
        || given(section.client_ca_file.as_deref()).is_some()
        || text(section.cert.as_deref()).is_some()
        || text(section.client_ca.as_deref()).is_some()
        || section.key.as_ref().is_some_and(|key| !key.is_empty())
        || section.client_auth_type.is_some_and(|kind| kind != ClientAuth::None)
}

/// Settings of a TLS that is not there. Names of clients look like a protection, so they may not be there in vain.
fn said_in_vain(section: &TlsSection, report: &mut Report) {
    if section.client_allowed_sans.is_some() {
        report.mistake(
            &key("client_allowed_sans"),
            "protects nothing without cert_file and key_file",
        );
    }
    let other = section.min_version.is_some()
        || section.max_version.is_some()
        || section.cipher_suites.is_some()
        || section.curve_preferences.is_some();
    if other {
        report.warning(
            SECTION,
            "has neither certificate nor key, so this server speaks plain HTTP",
        );
    }
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn identity(section: &TlsSection, report: &mut Report) -> Option<Identity> {
    let certificates = pem(
        &Inline::of(section.cert.as_deref()),
        section.cert_file.as_deref(),
        "cert",
        report,
    );
    let key = section.key.as_ref().map(crate::values::Secret::expose);
    let key = pem(&Inline::of(key), section.key_file.as_deref(), "key", report);
    let certificates = certificates.and_then(|(key, pem)| certificates_in(&key, &pem, report));
    let key = key.and_then(|(name, pem)| {
        let parsed = PrivateKeyDer::from_pem_slice(pem.as_bytes());
        if parsed.is_err() {
            let words = if pem.contains("ENCRYPTED") {
                "the key is encrypted; a service cannot ask for its password"
            } else {
                "holds no private key in PEM (-----BEGIN PRIVATE KEY-----)"
            };
            report.mistake(&name, words);
        }
        parsed.ok()
    });
    Some((certificates?, key?))
}

/// A text in the file itself; empty ones count as absent.
struct Inline<'a>(Option<&'a str>);

impl<'a> Inline<'a> {
    fn of(inline: Option<&'a str>) -> Self {
        Self(text(inline))
    }
}

/// The text of `NAME_file` or else `NAME`, and the key that it came from.
fn pem(inline: &Inline<'_>, file: Option<&Path>, name: &str, report: &mut Report) -> Option<(String, String)> {
    let file = given(file);
    let key = format!("{SECTION}.{name}{}", if file.is_some() { "_file" } else { "" });
    match (file, inline.0) {
        (Some(path), also) => {
            if also.is_some() {
                report.warning(&key, format!("is used; the inline `{name}` is ignored"));
            }
            report.read(&key, path).map(|pem| (key, pem))
        }
        (None, Some(pem)) => Some((key, pem.to_owned())),
        (None, None) => {
            report.mistake(SECTION, format!("`{name}_file` (or `{name}`) is missing"));
            None
        }
    }
}

fn certificates_in(key: &str, pem: &str, report: &mut Report) -> Option<Vec<CertificateDer<'static>>> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Some(certificates),
        _ => {
            report.mistake(key, "holds no certificate in PEM (-----BEGIN CERTIFICATE-----)");
            None
        }
    }
}

const BOTH: &[&SupportedProtocolVersion] = &[&version::TLS13, &version::TLS12];
const ONLY_13: &[&SupportedProtocolVersion] = &[&version::TLS13];
const ONLY_12: &[&SupportedProtocolVersion] = &[&version::TLS12];

fn versions(section: &TlsSection, report: &mut Report) -> &'static [&'static SupportedProtocolVersion] {
    let mut raised = |name: &str, version: Option<Version>, default| {
        let version = version.unwrap_or(default);
        if version < Version::Tls12 {
            report.warning(
                &key(name),
                "TLS 1.0 and 1.1 are broken and not spoken; it counts as TLS12",
            );
        }
        version.max(Version::Tls12)
    };
    let least = raised("min_version", section.min_version, Version::Tls12);
    let most = raised("max_version", section.max_version, Version::Tls13);
    match (least, most) {
        (Version::Tls13, Version::Tls13) => ONLY_13,
        (Version::Tls13, _) => {
            report.mistake(&key("min_version"), "is above max_version");
            BOTH
        }
        (_, Version::Tls13) => BOTH,
        _ => ONLY_12,
    }
}

/// ring, with the suites and curves that are wanted.
fn provider(
    section: &TlsSection,
    http2: bool,
    versions: &[&'static SupportedProtocolVersion],
    report: &mut Report,
) -> Arc<CryptoProvider> {
    let mut provider = ring::default_provider();
    if let Some(wanted) = section.cipher_suites.as_ref().filter(|wanted| !wanted.is_empty()) {
        let key = key("cipher_suites");
        for missing in wanted.iter().filter(|cipher| cipher.suite.is_none()) {
            report.warning(&key, format!("{} is not spoken here and left out", missing.name));
        }
        // As in Go, the list chooses among the suites of TLS 1.2; those of TLS 1.3 are all good and always there.
        let older = |suite: &SupportedCipherSuite| suite.version() == &version::TLS12;
        provider.cipher_suites.retain(|suite| !older(suite));
        provider
            .cipher_suites
            .extend(wanted.iter().filter_map(|cipher| cipher.suite).filter(older));
        let usable = |suite: &SupportedCipherSuite| versions.contains(&suite.version());
        if !provider.cipher_suites.iter().any(usable) {
            report.mistake(&key, "none of them is spoken here with max_version TLS12");
        }
        let needed = [
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        ];
        let has_needed = wanted.iter().any(|cipher| needed.contains(&cipher.name));
        if http2 && section.min_version != Some(Version::Tls13) && !has_needed {
            // HTTP/2 is not spoken here, but other programs that read the same file refuse it.
            report.mistake(
                &key,
                format!(
                    "lacks what HTTP/2 requires ({}); add one, or set http_server_config.http2 to false",
                    needed.join(" or ")
                ),
            );
        }
    }
    if let Some(wanted) = section.curve_preferences.as_ref().filter(|wanted| !wanted.is_empty()) {
        let key = key("curve_preferences");
        for missing in wanted.iter().filter(|curve| curve.group.is_none()) {
            report.warning(&key, format!("{} is not spoken here and left out", missing.name));
        }
        provider.kx_groups = wanted.iter().filter_map(|curve| curve.group).collect();
        if provider.kx_groups.is_empty() {
            report.mistake(&key, "none of them is spoken here; X25519, CurveP256 and CurveP384 are");
        }
    }
    Arc::new(provider)
}

fn clients(section: &TlsSection, provider: &Arc<CryptoProvider>, report: &mut Report) -> Arc<dyn ClientCertVerifier> {
    let kind = section.client_auth_type.unwrap_or_default();
    let named = named_in(section).map(|_| authorities(section, report).unwrap_or_default());
    if kind == ClientAuth::None {
        let sans = section.client_allowed_sans.as_ref().map(|_| "client_allowed_sans");
        for name in named_in(section).into_iter().chain(sans) {
            let words = "protects nothing without client_auth_type; set RequireAndVerifyClientCert";
            report.mistake(&key(name), words);
        }
        return WebPkiClientVerifier::no_client_auth();
    }
    if let Some(words) = weakness(kind, section.client_allowed_sans.is_some()) {
        report.warning(&key("client_auth_type"), words);
    }
    let mandatory = matches!(kind, ClientAuth::RequireAny | ClientAuth::RequireAndVerify);
    let authorities = matches!(kind, ClientAuth::VerifyIfGiven | ClientAuth::RequireAndVerify)
        .then(|| named.unwrap_or_else(|| authorities_of_the_machine(report)));
    let allowed_sans = section.client_allowed_sans.clone().unwrap_or_default();
    match Verifier::new(mandatory, authorities.as_deref(), allowed_sans, provider) {
        Ok(verifier) => Arc::new(verifier),
        Err(words) => {
            report.mistake(
                &key("client_ca_file"),
                format!("a certificate in it cannot be an authority: {words}"),
            );
            // Never used: with a mistake there is no configuration.
            WebPkiClientVerifier::no_client_auth()
        }
    }
}

/// What a type lets in that somebody may have meant to keep out. Names make a certificate mandatory.
const fn weakness(kind: ClientAuth, names: bool) -> Option<&'static str> {
    match kind {
        ClientAuth::Request | ClientAuth::RequireAny => Some(
            "certificates are not verified, so anybody can make one that passes; RequireAndVerifyClientCert protects",
        ),
        ClientAuth::VerifyIfGiven if !names => {
            Some("a client without a certificate is let in; RequireAndVerifyClientCert protects")
        }
        ClientAuth::None | ClientAuth::VerifyIfGiven | ClientAuth::RequireAndVerify => None,
    }
}

/// The key that names the authorities of clients, if one does.
fn named_in(section: &TlsSection) -> Option<&'static str> {
    let file = given(section.client_ca_file.as_deref()).map(|_| "client_ca_file");
    file.or_else(|| text(section.client_ca.as_deref()).map(|_| "client_ca"))
}

/// Nothing where they cannot be read.
fn authorities(section: &TlsSection, report: &mut Report) -> Option<Vec<CertificateDer<'static>>> {
    let inline = Inline::of(section.client_ca.as_deref());
    let (key, pem) = pem(&inline, section.client_ca_file.as_deref(), "client_ca", report)?;
    certificates_in(&key, &pem, report)
}

/// What Go falls back to.
fn authorities_of_the_machine(report: &mut Report) -> Vec<CertificateDer<'static>> {
    report.warning(
        SECTION,
        "no client_ca_file: clients with a certificate of any authority that this machine trusts are let in",
    );
    let mut roots = rustls::RootCertStore::empty();
    let mut found = rustls_native_certs::load_native_certs().certs;
    // Machines carry a few that nobody can use.
    found.retain(|authority| roots.add(authority.clone()).is_ok());
    found
}

fn given(path: Option<&Path>) -> Option<&Path> {
    path.filter(|path| !path.as_os_str().is_empty())
}

fn text(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}
