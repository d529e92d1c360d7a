//! How the files of a database are protected: by checksums alone, or by a key as well.
//!
//! An encrypted file says so in the features of its header, behind which an encryption header follows:
//!
//! ```text
//! offset  bytes
//!      0      1  suite       1 AES-256-GCM, 2 ChaCha20-Poly1305
//!      1      3  zeros
//!      4      4  generation  of the database key, from which the key of this file is derived
//!      8     32  salt        random, and no other file has it
//!     40     16  tag         of the header before and of bytes 0 to 40
//!     56      4  zeros
//!     60      4  checksum    CRC-32 of bytes 0 to 60
//! ```
//! The key of a file is HKDF-SHA256 of the database key, with the salt and with the suite, the magic of the file, the
//! database id and its number as info. A wrong checksum is damage; a right one with a wrong tag is a file that was not
//! written with this key.

use super::{
    frame_protection::FrameProtection,
    header::{FEATURE_ENCRYPTED, FILE_HEADER_BYTES, FileHeader, FileMagic, HeaderFault},
};
use crate::{
    cipher::{EncryptedAs, FileCipher, Keyring, Part, SALT_BYTES, TAG_BYTES},
    error::Result,
};
use std::sync::Arc;

/// Bytes of an encryption header.
pub const ENCRYPTION_HEADER_BYTES: usize = 64;
/// Bytes of it that the tag covers.
const TAGGED_BYTES: usize = 8 + SALT_BYTES;
const CHECKED_BYTES: usize = ENCRYPTION_HEADER_BYTES - 4;
/// Bytes of the longest header.
pub const MAX_HEADER_BYTES: usize = FILE_HEADER_BYTES + ENCRYPTION_HEADER_BYTES;

/// Which database files belong to, and its keys if it has any. What writes or reads a file begins here.
#[derive(Clone, Debug)]
pub struct Protection {
    database_id: u64,
    keyring: Option<Arc<Keyring>>,
}

/// The begin of a file that was read.
#[derive(Debug)]
pub struct FileStart {
    /// What the file says about itself.
    pub header: FileHeader,
    /// Where its content begins.
    pub bytes: u64,
    cipher: Option<FileCipher>,
}

impl FileStart {
    /// By which other files of the database know this one; 0 if it is not encrypted.
    pub fn mark(&self) -> u64 {
        self.cipher.as_ref().map_or(0, FileCipher::mark)
    }
    /// Whether the file is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.cipher.is_some()
    }
    /// What checks and opens its frames.
    pub fn protection(&self) -> FrameProtection {
        let FileHeader { magic, database_id, number, is_reused, .. } = self.header;
        FrameProtection::new(magic, database_id, number, self.cipher.clone()).tagged(is_reused)
    }
}

impl Protection {
    /// Of a database without keys.
    #[cfg(any(test, feature = "fuzzing"))]
    pub fn plain(database_id: u64) -> Self {
        Self { database_id, keyring: None }
    }
    /// Of a database with these keys, if there are any.
    pub fn new(database_id: u64, keyring: Option<Arc<Keyring>>) -> Self {
        Self { database_id, keyring }
    }
    /// The database.
    pub fn database_id(&self) -> u64 {
        self.database_id
    }
    /// The keys of the database, if it is encrypted.
    pub fn keyring(&self) -> Option<&Arc<Keyring>> {
        self.keyring.as_ref()
    }
    /// Whether new files are encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.keyring.is_some()
    }
    /// Bytes that a frame of a new file has behind its payload.
    pub fn trailer_bytes(&self) -> usize {
        if self.is_encrypted() { TAG_BYTES } else { 0 }
    }

    /// Begins a file of frames: its first bytes, and what protects its frames. Each call draws another salt, so what one call
    /// returned is for one file that is written once. Errors: no randomness.
    pub fn begin(&self, header: &FileHeader) -> Result<(Vec<u8>, FrameProtection)> {
        let features = if self.is_encrypted() { FEATURE_ENCRYPTED } else { 0 };
        let mut bytes = header.encode_with(features).to_vec();
        let mut cipher = None;
        if let Some((encryption_header, its_cipher)) =
            self.encryption_header(header.magic.bytes(), header.number, &bytes)?
        {
            bytes.extend_from_slice(&encryption_header);
            cipher = Some(its_cipher);
        }
        let frames = FrameProtection::new(header.magic, header.database_id, header.number, cipher);
        Ok((bytes, frames.tagged(header.is_reused)))
    }

    /// Reads the first bytes of a file, as many as it has up to [`MAX_HEADER_BYTES`]. `takes_plain` says whether it may be
    /// unencrypted in a database with keys.
    pub fn read(
        &self,
        magic: FileMagic,
        bytes: &[u8],
        takes_plain: bool,
    ) -> std::result::Result<FileStart, HeaderFault> {
        let (header, is_encrypted) = FileHeader::decode_with(magic, bytes)?;
        if !is_encrypted {
            if self.is_encrypted() && !takes_plain {
                return Err(HeaderFault::Plain);
            }
            return Ok(FileStart { header, bytes: FILE_HEADER_BYTES as u64, cipher: None });
        }
        let (head, rest) = bytes.split_at_checked(FILE_HEADER_BYTES).ok_or(HeaderFault::Damaged)?;
        if header.database_id != self.database_id {
            return Err(HeaderFault::Forged);
        }
        let cipher = self.open_header(magic.bytes(), header.number, head, rest)?;
        Ok(FileStart { header, bytes: MAX_HEADER_BYTES as u64, cipher: Some(cipher) })
    }

    /// The encryption header of a new file that begins with `head`, and its cipher; `None` in a database without keys.
    /// Errors: no randomness.
    pub fn encryption_header(
        &self,
        magic: &[u8; 8],
        number: u64,
        head: &[u8],
    ) -> Result<Option<([u8; ENCRYPTION_HEADER_BYTES], FileCipher)>> {
        let Some(keyring) = &self.keyring else { return Ok(None) };
        let (encrypted_as, cipher) = keyring.new_file(magic, number)?;
        let mut out = [0; ENCRYPTION_HEADER_BYTES];
        out[0] = encrypted_as.suite;
        out[4..8].copy_from_slice(&encrypted_as.generation.to_le_bytes());
        out[8..TAGGED_BYTES].copy_from_slice(&encrypted_as.salt);
        let tag = cipher.encrypt(Part::Header, 0, &[head, &out[..TAGGED_BYTES]].concat(), &mut [])?;
        out[TAGGED_BYTES..TAGGED_BYTES + TAG_BYTES].copy_from_slice(&tag);
        let checksum = crc32fast::hash(&out[..CHECKED_BYTES]);
        out[CHECKED_BYTES..].copy_from_slice(&checksum.to_le_bytes());
        Ok(Some((out, cipher)))
    }

    /// The cipher of a file that begins with `head` and, behind it, with an encryption header.
    pub fn open_header(
        &self,
        magic: &[u8; 8],
        number: u64,
        head: &[u8],
        encryption_header: &[u8],
    ) -> std::result::Result<FileCipher, HeaderFault> {
        let bytes: &[u8; ENCRYPTION_HEADER_BYTES] = encryption_header.first_chunk().ok_or(HeaderFault::Damaged)?;
        let (encrypted_as, tag) = parse(bytes).ok_or(HeaderFault::Damaged)?;
        let keyring = self.keyring.as_ref().ok_or(HeaderFault::Locked)?;
        let cipher = keyring.file(magic, number, &encrypted_as).ok_or(HeaderFault::Locked)?;
        let associated = [head, &bytes[..TAGGED_BYTES]].concat();
        if cipher.decrypt(Part::Header, 0, &associated, &mut [], &tag) { Ok(cipher) } else { Err(HeaderFault::Forged) }
    }
}

/// The generation of the database key that the first bytes of a file name, whose header takes `header_bytes`; 0 if it is
/// not encrypted, `None` if that cannot be read.
#[cfg(feature = "encryption")]
pub fn generation_of(first_bytes: &[u8], header_bytes: usize) -> Option<u32> {
    let (head, rest) = first_bytes.split_at_checked(header_bytes)?;
    // All headers have their features in one place.
    match head.get(12)? & FEATURE_ENCRYPTED as u8 {
        0 => Some(0),
        _ => Some(parse(rest.first_chunk()?)?.0.generation),
    }
}

fn parse(bytes: &[u8; ENCRYPTION_HEADER_BYTES]) -> Option<(EncryptedAs, [u8; TAG_BYTES])> {
    let [suite, 0, 0, 0, g0, g1, g2, g3, rest @ ..] = bytes else { return None };
    let (salt, rest) = rest.split_first_chunk::<SALT_BYTES>()?;
    let (tag, rest) = rest.split_first_chunk::<TAG_BYTES>()?;
    let (zeros, checksum) = rest.split_first_chunk::<4>()?;
    let is_whole = *zeros == [0; 4] && checksum == crc32fast::hash(&bytes[..CHECKED_BYTES]).to_le_bytes();
    let generation = u32::from_le_bytes([*g0, *g1, *g2, *g3]);
    is_whole.then_some((EncryptedAs { suite: *suite, generation, salt: *salt }, *tag))
}
