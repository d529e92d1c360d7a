//! A root key that the process holds.

use super::{
    EncryptedAs, FileCipher, KeyContext, KeyProvider, Part, SALT_BYTES, Secret, TAG_BYTES, WrappedKey, random,
};
use crate::error::{Error, Result};
use data_encoding::HEXLOWER_PERMISSIVE;
use hkdf::Hkdf;
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroizing;

/// What a key file begins with.
const TEXT_PREFIX: &str = "hashrange-key-1 ";
/// First byte of what a root key wrapped.
const WRAPPED_VERSION: u8 = 1;
/// Version, salt, the key and its tag.
const WRAPPED_BYTES: usize = 1 + SALT_BYTES + 32 + TAG_BYTES;
/// The kind of what a root key wraps.
const WRAP_MAGIC: &[u8; 8] = b"hrWRP\r\n\x1a";

/// A root key of 32 bytes, from a file, the environment, or what else a program has it from.
///
/// ```
/// use hashrange::{Database, ErrorKind, Item, encryption::RootKey, key::S};
///
/// # fn main() -> hashrange::Result<()> {
/// # let temporary = tempfile::tempdir().unwrap();
/// # let folder = temporary.path().join("data");
/// let key = RootKey::generate()?;
/// let db = Database::options().encryption(key.clone()).open(&folder)?;
/// db.create_table("notes").hash::<S>("id").create()?.put(&Item::new().with("id", "n1"))?;
/// db.close()?;
///
/// assert_eq!(Database::open(&folder).unwrap_err().kind(), ErrorKind::Key);
/// let db = Database::options().encryption(key).open(&folder)?;
/// assert!(db.table::<S>("notes")?.get("n1")?.is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RootKey {
    key: Secret,
    id: String,
}

impl RootKey {
    /// A key that the caller has: 32 bytes that cannot be guessed.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        let key = Secret::new(bytes);
        let mut id = [0; 8];
        let expanded = Hkdf::<Sha256>::new(None, key.bytes()).expand(b"hashrange key id 1", &mut id);
        debug_assert!(expanded.is_ok(), "eight bytes can be derived");
        Self { key, id: HEXLOWER_PERMISSIVE.encode(&id) }
    }
    /// A new key. Errors: the operating system has no randomness.
    pub fn generate() -> Result<Self> {
        random().map(Self::from_bytes)
    }
    /// A key as text: 64 hexadecimal digits, with `hashrange-key-1` before them or not. Errors:
    /// [`ErrorKind::Key`](crate::ErrorKind::Key) for any other text.
    pub fn from_text(text: &str) -> Result<Self> {
        let digits = text.trim().strip_prefix(TEXT_PREFIX).unwrap_or(text).trim();
        let bytes = HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).map(Zeroizing::new);
        match bytes.ok().as_deref().and_then(|bytes| <[u8; 32]>::try_from(&bytes[..]).ok()) {
            Some(bytes) => Ok(Self::from_bytes(bytes)),
            None => Err(Error::unusable_key("a key is 64 hexadecimal digits, as `hashrange key new` writes them")),
        }
    }
    /// The key in an environment variable, as [`RootKey::from_text`] takes it. Errors:
    /// [`ErrorKind::Key`](crate::ErrorKind::Key) if there is no such variable, or if it holds no key.
    pub fn from_environment(variable: &str) -> Result<Self> {
        match std::env::var(variable).map(Zeroizing::new) {
            Ok(text) => Self::from_text(&text),
            Err(_) => Err(Error::unusable_key(format!("the environment variable {variable} holds no key"))),
        }
    }
    /// The key as text, for a file.
    pub(crate) fn to_text(&self) -> Zeroizing<String> {
        let digits = Zeroizing::new(HEXLOWER_PERMISSIVE.encode(self.key.bytes()));
        Zeroizing::new(format!("{TEXT_PREFIX}{}\n", *digits))
    }
    /// What this key is called in messages and in `KEYS`: 16 digits that follow from the key and do not show it.
    pub fn id(&self) -> &str {
        &self.id
    }

    fn cipher(&self, context: &KeyContext, salt: [u8; SALT_BYTES]) -> Option<FileCipher> {
        let encrypted_as = EncryptedAs { suite: FileCipher::OF_KEYS, generation: context.generation, salt };
        FileCipher::derive(&self.key, &encrypted_as, WRAP_MAGIC, context.database_id, context.generation.into())
    }
    /// The key wrapped: salt, ciphertext, tag.
    pub(super) fn wrapped_bytes(&self, context: &KeyContext, key: &Secret) -> Result<Vec<u8>> {
        let (salt, mut bytes) = (random()?, Zeroizing::new(*key.bytes()));
        let cipher = self.cipher(context, salt).ok_or_else(|| Error::unusable_key("a key cannot be derived"))?;
        let tag = cipher.encrypt(Part::Content, 0, &[], &mut *bytes)?;
        Ok([&[WRAPPED_VERSION][..], &salt, &*bytes, &tag].concat())
    }
    /// The key unwrapped; `None` if another root key wrapped it, or if the bytes were changed.
    pub(super) fn unwrapped(&self, context: &KeyContext, bytes: &[u8]) -> Option<Secret> {
        let bytes: &[u8; WRAPPED_BYTES] = bytes.try_into().ok()?;
        let (salt, rest) = bytes.strip_prefix(&[WRAPPED_VERSION])?.split_first_chunk()?;
        let (encrypted, tag) = rest.split_first_chunk::<32>()?;
        let mut key = Zeroizing::new(*encrypted);
        let opened = self.cipher(context, *salt)?.decrypt(Part::Content, 0, &[], &mut *key, tag.try_into().ok()?);
        opened.then(|| Secret::new(*key))
    }
}

impl KeyProvider for RootKey {
    fn wrap(&self, context: &KeyContext, key: &Secret) -> Result<WrappedKey> {
        Ok(WrappedKey { key_id: self.id.clone(), bytes: self.wrapped_bytes(context, key)? })
    }
    fn unwrap(&self, context: &KeyContext, wrapped: &WrappedKey) -> Result<Secret> {
        self.unwrapped(context, &wrapped.bytes).ok_or_else(|| Error::wrong_key(&wrapped.key_id, &self.id))
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootKey({})", self.id)
    }
}
