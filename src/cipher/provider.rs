//! Where root keys come from.

use super::Secret;
use crate::error::Result;
use std::fmt::Debug;

/// What a key is wrapped for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyContext {
    /// The database, as [`Database::identity`](crate::Database::identity) has it.
    pub database_id: u64,
    /// Generation of the database key.
    pub generation: u32,
}

/// A database key that only the holder of the root key can unwrap. It is stored beside the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKey {
    /// Which root key wrapped it, for people; at most 1,024 bytes.
    pub key_id: String,
    /// The wrapped key; at most 64 KiB.
    pub bytes: Vec<u8>,
}

/// Holds a root key and wraps the keys of databases with it: a key file, a key service, a security chip.
///
/// It is called when a database is created or opened and when keys are rotated, never by reads and writes. Both calls may
/// take their time. A database whose root key is lost is lost.
///
/// ```
/// use hashrange::{Database, encryption::{Encryption, KeyContext, KeyProvider, RootKey, Secret, WrappedKey}};
///
/// /// Asks a service of this company; here it is a key in memory.
/// #[derive(Debug)]
/// struct Vault(RootKey);
///
/// impl KeyProvider for Vault {
///     fn wrap(&self, context: &KeyContext, key: &Secret) -> hashrange::Result<WrappedKey> {
///         self.0.wrap(context, key)
///     }
///     fn unwrap(&self, context: &KeyContext, wrapped: &WrappedKey) -> hashrange::Result<Secret> {
///         self.0.unwrap(context, wrapped)
///     }
/// }
///
/// # fn main() -> hashrange::Result<()> {
/// let vault = Vault(RootKey::generate()?);
/// let db = Database::options().encryption(Encryption::new(vault)).in_memory()?;
/// assert!(db.keys()?.is_some_and(|keys| keys.len() == 1));
/// # Ok(())
/// # }
/// ```
pub trait KeyProvider: Debug + Send + Sync {
    /// Wraps a key. What is returned must not show the key and need not be the same each time.
    fn wrap(&self, context: &KeyContext, key: &Secret) -> Result<WrappedKey>;
    /// Unwraps a key that this root key wrapped in the same context. Errors:
    /// [`ErrorKind::Key`](crate::ErrorKind::Key) if another one did.
    fn unwrap(&self, context: &KeyContext, wrapped: &WrappedKey) -> Result<Secret>;
}
