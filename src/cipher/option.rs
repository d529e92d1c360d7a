//! Encryption as an option of opening a database.

use super::{KeyProvider, RootKey};
use std::{fmt, sync::Arc};

/// With which root key a database is opened, and what else is asked for.
#[derive(Clone)]
pub struct Encryption {
    provider: Arc<dyn KeyProvider>,
    encrypts_existing: bool,
}

impl Encryption {
    /// Encryption under the root key of a provider.
    pub fn new(provider: impl KeyProvider + 'static) -> Self {
        Self { provider: Arc::new(provider), encrypts_existing: false }
    }
    /// Takes a database that is not encrypted as well, and encrypts what it writes from now on. What was written before stays
    /// readable to all until it is rewritten: [`Database::rewrite`](crate::Database::rewrite) does that. Without this, a
    /// database that is not encrypted is rejected, so that a folder that was exchanged is noticed.
    pub fn encrypt_existing(mut self) -> Self {
        self.encrypts_existing = true;
        self
    }
    /// Who holds the root key.
    pub(crate) fn provider(&self) -> &dyn KeyProvider {
        &*self.provider
    }
    /// Whether a database that is not encrypted is taken and encrypted.
    pub(crate) fn encrypts_existing(&self) -> bool {
        self.encrypts_existing
    }
}

impl From<RootKey> for Encryption {
    fn from(key: RootKey) -> Self {
        Self::new(key)
    }
}

impl fmt::Debug for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encryption").field("provider", &self.provider).finish_non_exhaustive()
    }
}
