//! Files of a server that are read again while it runs.

#[cfg(feature = "tls")]
use crate::certificates::CertificateFiles;
use crate::{failure::Failure, faults, policies, private_file};
use hashrange::Database;
#[cfg(feature = "tls")]
use hashrange_wire::server::TlsIdentity;
use hashrange_wire::{access::SharedPrincipals, kms::KeyService};
use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

/// What SIGHUP calls: each reads a file again, and leaves everything as it is if that fails.
pub(crate) type Reloads = Vec<Box<dyn Fn() + Send>>;

/// Reads a policy file again.
pub(crate) fn reload_policies(path: PathBuf, principals: SharedPrincipals) -> Box<dyn Fn() + Send> {
    Box::new(move || match policies::read(&path) {
        Ok(read) if read.account() != principals.current().account() => {
            tracing::error!("{}: the account cannot change while the server runs", path.display());
        }
        Ok(read) => {
            tracing::info!(principals = read.len(), "the policies were read again");
            principals.replace(read);
        }
        Err(failure) => tracing::error!("the policies stay as they were: {failure}"),
    })
}

/// Takes the keys of a file.
pub(crate) fn take_keys(path: &Path, keys: &KeyService) -> Result<usize, Failure> {
    let text = String::from_utf8_lossy(&private_file::read(path)?).into_owned();
    let unreadable = |error| Failure::io(path.display().to_string(), io::Error::new(io::ErrorKind::InvalidData, error));
    keys.take_file(&text).map_err(unreadable)
}

/// Reads a file of keys again.
pub(crate) fn reload_keys(path: PathBuf, keys: KeyService) -> Box<dyn Fn() + Send> {
    Box::new(move || match take_keys(&path, &keys) {
        Ok(count) => tracing::info!(count, "the keys were read again"),
        Err(failure) => tracing::error!("the keys stay as they were: {failure}"),
    })
}

/// Reads a certificate and its key again.
#[cfg(feature = "tls")]
pub(crate) fn reload_certificate(files: CertificateFiles, identity: TlsIdentity) -> Box<dyn Fn() + Send> {
    Box::new(move || match files.read_again(&identity) {
        Ok(()) => tracing::info!("the certificate was read again"),
        Err(failure) => tracing::error!("the certificate stays as it was: {failure}"),
    })
}

/// The database that is served, until the server has ended.
pub(crate) type Served = Arc<Mutex<Option<Database>>>;

/// What reads the file of faults again.
pub(crate) fn reload_faults(path: PathBuf, served: Served) -> Box<dyn Fn() + Send> {
    Box::new(move || {
        let Some(db) = served.lock().ok().and_then(|served| served.clone()) else { return };
        match faults::read(&path).and_then(|model| Ok(db.set_faults(model)?)) {
            Ok(()) => tracing::info!("the faults were read again"),
            Err(failure) => tracing::error!("the faults stay as they were: {failure}"),
        }
    })
}
