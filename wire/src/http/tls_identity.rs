//! The certificate and key with which a server proves its name.

use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};
use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

/// The protocol that clients may ask for. A client that offers HTTP/2 only is rejected in the handshake.
const ALPN: &[u8] = b"http/1.1";

/// The certificate and private key with which a server proves its name, by TLS 1.2 and 1.3. They can be replaced while it
/// runs: connections that have begun keep those that they began with.
#[derive(Clone)]
pub struct TlsIdentity(Arc<RwLock<Arc<ServerConfig>>>);

/// Why a certificate or key is rejected.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsIdentityError {
    /// The text of the certificates is damaged PEM.
    CertificatePem(pem::Error),
    /// The text has no section `CERTIFICATE`.
    NoCertificate,
    /// The text of the key is damaged PEM.
    KeyPem(pem::Error),
    /// The text has no section with a private key that can be read; one that a passphrase protects cannot.
    NoKey,
    /// The first certificate is of another key.
    OtherKey,
    /// The certificate or key is of a kind that cannot be used, or damaged.
    Unusable(rustls::Error),
}

impl fmt::Display for TlsIdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CertificatePem(error) => write!(f, "the certificate is damaged PEM: {error}"),
            Self::NoCertificate => f.write_str("there is no certificate; PEM with `BEGIN CERTIFICATE` is expected"),
            Self::KeyPem(error) => write!(f, "the key is damaged PEM: {error}"),
            Self::NoKey => f.write_str(
                "there is no private key; PEM with `BEGIN PRIVATE KEY` is expected, and not protected by a passphrase",
            ),
            Self::OtherKey => f.write_str(
                "the first certificate is not of this key; the server's own comes before those of its issuers",
            ),
            Self::Unusable(error) => write!(f, "the certificate or key cannot be used: {error}"),
        }
    }
}

impl std::error::Error for TlsIdentityError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::CertificatePem(error) | Self::KeyPem(error) => Some(error),
            Self::Unusable(error) => Some(error),
            Self::NoCertificate | Self::NoKey | Self::OtherKey => None,
        }
    }
}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsIdentity") // never the key
    }
}

impl TlsIdentity {
    /// Reads a chain of certificates, the server's own first, and its private key (PKCS#8, PKCS#1 or SEC1), both as PEM.
    ///
    /// Errors: a text has nothing of its kind, is damaged, or the key belongs to another certificate.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsIdentityError> {
        Ok(Self(Arc::new(RwLock::new(Arc::new(configuration(chain, key)?)))))
    }

    /// Puts another certificate and key in place, for connections that begin from now on. Errors: as
    /// [`from_pem`](Self::from_pem); then the old ones stay.
    pub fn replace_pem(&self, chain: &[u8], key: &[u8]) -> Result<(), TlsIdentityError> {
        let other = Arc::new(configuration(chain, key)?);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = other;
        Ok(())
    }

    /// What sessions are made of at the moment.
    pub(crate) fn current(&self) -> Arc<ServerConfig> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn configuration(chain: &[u8], key: &[u8]) -> Result<ServerConfig, TlsIdentityError> {
    let certificates = CertificateDer::pem_slice_iter(chain).collect::<Result<Vec<_>, _>>();
    let certificates = certificates.map_err(TlsIdentityError::CertificatePem)?;
    if certificates.is_empty() {
        return Err(TlsIdentityError::NoCertificate);
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| match error {
        pem::Error::NoItemsFound => TlsIdentityError::NoKey,
        damaged => TlsIdentityError::KeyPem(damaged),
    })?;
    let provider: Arc<CryptoProvider> = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(TlsIdentityError::Unusable)?.with_no_client_auth();
    let mut config = builder.with_single_cert(certificates, key).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => TlsIdentityError::OtherKey,
        other => TlsIdentityError::Unusable(other),
    })?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}
