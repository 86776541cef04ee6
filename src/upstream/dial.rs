//! Connections for those who speak a protocol of their own: the same look-ups as for every other call, and TLS with the
//! machine's authorities or with those that a configuration names.

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Fault, Upstream, Why, tls};
use crate::values;

/// A connection, whatever it goes over.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Whom a connection trusts, and who it says that we are.
#[derive(Clone)]
pub struct Trust(Arc<ClientConfig>);

/// Files in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustFiles {
    /// The authorities that sign the other side's certificate; nobody else is trusted.
    pub ca_file: PathBuf,
    /// Our certificate and its key.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// Chains and keys have some thousand characters. Without it a wrong path (a log, a disk) would be read to its end.
const LARGEST: u64 = 1 << 20;

impl Trust {
    /// Reads the files as they are now. The error names the file and never what is in it.
    pub fn read(files: &TrustFiles) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(certificates(&files.ca_file)?);
        if added == 0 {
            return Err(format!(
                "{} holds no certificate of an authority",
                files.ca_file.display()
            ));
        }
        let Some((certificate, key)) = &files.client else {
            return tls::trusting(roots).map(Self);
        };
        let chain = certificates(certificate)?;
        let pem = read(key)?;
        let parsed = PrivateKeyDer::from_pem_slice(&pem)
            .map_err(|_| format!("{} holds no private key in PEM without a password", key.display()))?;
        let config = tls::presenting(roots, chain, parsed);
        let config = config.map_err(|words| format!("{} and {}: {words}", certificate.display(), key.display()))?;
        Ok(Self(config))
    }

    /// Believes the certificates of this file and no others, as it is now.
    pub fn pinned(file: &Path) -> Result<Self, String> {
        tls::pinning(certificates(file)?).map(Self)
    }
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Trust")
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) | Err(_) => Err(format!("{} holds no certificate in PEM", path.display())),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let wrong = |e: std::io::Error| format!("{} cannot be read: {}", path.display(), values::io_words(&e));
    // A FIFO or a device would be waited for without end.
    if !std::fs::metadata(path).map_err(wrong)?.is_file() {
        return Err(format!("{} is no regular file", path.display()));
    }
    let mut bytes = Vec::new();
    let mut file = File::open(path).map_err(wrong)?.take(LARGEST + 1);
    file.read_to_end(&mut bytes).map_err(wrong)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > LARGEST {
        return Err(format!("{} is too large to hold certificates or a key", path.display()));
    }
    Ok(bytes)
}

impl Upstream {
    /// What the machine trusts.
    pub fn trust(&self) -> Trust {
        Trust(Arc::clone(&self.tls))
    }

    /// A connection to an address, with TLS if there is somebody to trust. Nothing has been sent when it fails.
    pub async fn dial(
        &self,
        who: &str,
        (host, port): (&str, u16),
        trust: Option<&Trust>,
        within: Duration,
    ) -> Result<Box<dyn Stream>, Fault> {
        let refused = |why| Fault::new(who, "connect", why);
        let tcp = self.resolver.connect(who, host, port, within).await?;
        let Some(Trust(config)) = trust else {
            return Ok(Box::new(tcp));
        };
        let name = host.to_owned().try_into();
        let name = name.map_err(|_| refused(Why::Tls("the host is no name for TLS".to_owned())))?;
        let handshake = tokio_rustls::TlsConnector::from(Arc::clone(config)).connect(name, tcp);
        match tokio::time::timeout(within, handshake).await {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(e)) => Err(refused(tls::handshake_why(&e))),
            Err(_) => Err(refused(Why::Timeout(within))),
        }
    }
}
