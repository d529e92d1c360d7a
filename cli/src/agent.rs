//! Clients of HTTP for commands that ask a server, and whose certificates they trust.
//!
//! The authorities are those of the machine, or of the file that `SSL_CERT_FILE` names. So the program carries no list of its own, which
//! would be a tenth of a megabyte that ages, and a server with a certificate of one's own can be asked.

use crate::failure::Failure;
use std::time::Duration;
use ureq::Agent;

/// A client for an address. Errors: it begins with `https`, and there is no authority to trust.
pub(crate) fn of(address: &str, timeout: Duration) -> Result<Agent, Failure> {
    // The server is on this machine or named by its address. A proxy of the environment would be measured too, and would see the
    // keys of requests.
    let config = Agent::config_builder().timeout_global(Some(timeout)).http_status_as_error(false).proxy(None);
    #[cfg(feature = "tls")]
    let config = match address.starts_with("https://") {
        true => config.tls_config(tls::trusting_authorities()?),
        false => config,
    };
    #[cfg(not(feature = "tls"))]
    let _ = address;
    Ok(config.build().into())
}

#[cfg(feature = "tls")]
mod tls {
    use crate::failure::Failure;
    use std::{env, fs, io, path::PathBuf};
    use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

    /// Names the file of the authorities, for OpenSSL and what follows it.
    const VARIABLE: &str = "SSL_CERT_FILE";

    /// Where systems have the authorities that they trust: Debian and Alpine, Fedora, openSUSE, macOS and the BSDs.
    const PLACES: [&str; 4] = [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem",
        "/etc/ssl/cert.pem",
    ];

    /// Errors: no file has a certificate.
    #[expect(clippy::disallowed_methods, reason = "authorities of the user, no file of a database")]
    pub(super) fn trusting_authorities() -> Result<TlsConfig, Failure> {
        let named = env::var_os(VARIABLE).filter(|name| !name.is_empty()).map(PathBuf::from);
        let path = named.or_else(|| PLACES.iter().map(PathBuf::from).find(|path| path.is_file()));
        let Some(path) = path else { return none() };
        let what = || format!("cannot read authorities from {}", path.display());
        let text = fs::read(&path).map_err(|error| Failure::io(what(), error))?;
        let certificates = parse_pem(&text).filter_map(|part| match part {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        });
        let certificates: Vec<_> = certificates.collect();
        if certificates.is_empty() {
            return Err(Failure::io(
                what(),
                io::Error::new(io::ErrorKind::InvalidData, "it has no certificate in PEM"),
            ));
        }
        Ok(TlsConfig::builder().root_certs(RootCerts::from(certificates)).build())
    }

    /// Windows has its authorities in no file; there the program carries a list.
    #[cfg(windows)]
    fn none() -> Result<TlsConfig, Failure> {
        Ok(TlsConfig::default())
    }

    #[cfg(not(windows))]
    fn none() -> Result<TlsConfig, Failure> {
        let text = format!("this machine has no file of authorities to trust; name one by {VARIABLE}");
        Err(Failure::io("cannot speak TLS", io::Error::new(io::ErrorKind::NotFound, text)))
    }
}
