//! Keys and ciphers: what makes files of a database unreadable for those who have no key.
//!
//! A root key, which a [`KeyProvider`] holds and no file does, wraps the keys of the database, one by generation. From the
//! key of a generation and a random salt in its header each file gets a key of its own, under which its parts are encrypted:
//!
//! ```text
//! root key (provider) --wraps--> database key (KEYS, by generation) --HKDF, salt of the file--> file key --AEAD--> parts
//! ```
//! A part is encrypted once, under a nonce that is its place in the file. Since no two files have a salt in common and a file
//! is written upwards by one writer, no nonce is used twice under one key. Salts and keys come from the operating system,
//! never from the seed of a database.
//!
//! Without the feature `encryption` the same names are types without values, so that no other room asks for the feature.
//!
//! Imports: error.

#[cfg(not(feature = "encryption"))]
mod absent;
#[cfg(feature = "encryption")]
mod command;
mod erased;
#[cfg(feature = "encryption")]
mod file_cipher;
#[cfg(feature = "encryption")]
mod keyring;
#[cfg(feature = "encryption")]
mod option;
#[cfg(feature = "encryption")]
mod passphrase;
#[cfg(feature = "encryption")]
mod provider;
#[cfg(feature = "encryption")]
mod root_key;
#[cfg(feature = "encryption")]
mod secret;

pub use erased::{ErasedBuffers, ErasedImage};

#[cfg(not(feature = "encryption"))]
pub use absent::{Encryption, FileCipher, Keyring};
#[cfg(feature = "encryption")]
pub use {
    command::KeyCommand,
    file_cipher::FileCipher,
    keyring::{Generation, Keyring},
    option::Encryption,
    passphrase::Passphrase,
    provider::{KeyContext, KeyProvider, WrappedKey},
    root_key::RootKey,
    secret::{Secret, random},
};

/// Bytes of a tag, which proves that a part is what was encrypted.
pub const TAG_BYTES: usize = 16;
/// Bytes of the salt of a file.
pub const SALT_BYTES: usize = 32;

/// The tag of an encrypted part.
pub type Tag = [u8; TAG_BYTES];

/// What the header of a file says about how it is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncryptedAs {
    /// The cipher, by number.
    pub suite: u8,
    /// Generation of the database key.
    pub generation: u32,
    /// Random bytes that no other file has.
    pub salt: [u8; SALT_BYTES],
}

#[cfg(feature = "encryption")]
impl EncryptedAs {
    /// The begin of the salt as a number, by which other files of the database know this one: a file of a copy of the database
    /// may have the same key and number, but not the same salt.
    pub fn mark(&self) -> u64 {
        self.salt.first_chunk().copied().map_or(0, u64::from_le_bytes)
    }
}

/// Which part of a file a nonce is for: parts of different kinds may begin at the same offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A page or a frame.
    Content,
    /// The header, of which nothing is secret and all is vouched for.
    Header,
    /// The footer of a run.
    Footer,
}
