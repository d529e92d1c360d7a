//! The certificate and key of a server: read, checked, and read again while it runs.

use crate::{
    failure::Failure,
    private_file::{self, Others},
};
use hashrange_wire::server::{TlsIdentity, TlsIdentityError};
use std::{
    io,
    path::{Path, PathBuf},
};

/// Where the certificate and the key are.
#[derive(Clone, Debug)]
pub(crate) struct CertificateFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl CertificateFiles {
    /// Reads both. Errors: one of them cannot be read or used, or others than a group may read the key.
    pub(crate) fn read(&self) -> Result<TlsIdentity, Failure> {
        let (certificate, key) = self.texts()?;
        TlsIdentity::from_pem(&certificate, &key).map_err(|error| self.refused(error))
    }

    /// Reads both again, for connections that begin from now on. Errors: as [`read`](Self::read); then the old ones stay.
    pub(crate) fn read_again(&self, identity: &TlsIdentity) -> Result<(), Failure> {
        let (certificate, key) = self.texts()?;
        identity.replace_pem(&certificate, &key).map_err(|error| self.refused(error))
    }

    fn texts(&self) -> Result<(Vec<u8>, Vec<u8>), Failure> {
        private_file::check(&self.key, Others::GroupReads)?;
        Ok((private_file::read(&self.certificate)?, private_file::read(&self.key)?))
    }

    fn refused(&self, error: TlsIdentityError) -> Failure {
        let path: &Path = match error {
            TlsIdentityError::KeyPem(_) | TlsIdentityError::NoKey => &self.key,
            _ => &self.certificate,
        };
        Failure::io(path.display().to_string(), io::Error::new(io::ErrorKind::InvalidData, error))
    }
}
