//! The room without the feature `encryption`: there are no keys, so that nothing is ever encrypted.

use super::{EncryptedAs, Part, Tag};
use crate::error::Result;

/// Of a program without encryption, which opens nothing with a key.
#[derive(Clone, Debug)]
pub enum Encryption {}

/// Of a program without encryption, which has no keys.
#[derive(Debug)]
pub enum Keyring {}

/// Of a program without encryption, which encrypts nothing.
#[derive(Clone, Debug)]
pub enum FileCipher {}

impl Encryption {
    /// Whether a database that is not encrypted is taken and encrypted.
    pub(crate) fn encrypts_existing(&self) -> bool {
        match *self {}
    }
}

impl Keyring {
    /// Manifests with lower numbers were replaced.
    pub fn least_manifest(&self) -> u64 {
        match *self {}
    }
    /// The database that the keys belong to.
    pub fn database_id(&self) -> u64 {
        match *self {}
    }
    /// The cipher of a new file.
    pub fn new_file(&self, _magic: &[u8; 8], _number: u64) -> Result<(EncryptedAs, FileCipher)> {
        match *self {}
    }
    /// The cipher of a file that exists.
    pub fn file(&self, _magic: &[u8; 8], _number: u64, _sealed_as: &EncryptedAs) -> Option<FileCipher> {
        match *self {}
    }
}

impl FileCipher {
    /// By which other files of the database know this one.
    pub fn mark(&self) -> u64 {
        match *self {}
    }
    /// Generation of the database key that it was derived from.
    pub fn generation(&self) -> u32 {
        match *self {}
    }
    /// Encrypts a part.
    pub fn encrypt(&self, _part: Part, _offset: u64, _associated: &[u8], _bytes: &mut [u8]) -> Result<Tag> {
        match *self {}
    }
    /// Decrypts a part.
    pub fn decrypt(&self, _part: Part, _offset: u64, _associated: &[u8], _bytes: &mut [u8], _tag: &Tag) -> bool {
        match *self {}
    }
}
