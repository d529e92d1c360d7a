//! What protects the frames of one file: by checksums, or by encryption as well.
//!
//! A frame always has a checksum, which says whether it is what was written here. In an encrypted file its payload is
//! encrypted too, and a tag of 16 bytes behind it proves payload and header: a frame whose checksum is right and whose tag
//! is wrong was made by a writer who has no key.
//!
//! ```text
//! frame of an encrypted file := header of a frame, len bytes: encrypted payload, tag 16
//! ```
//! The nonce of a frame is its offset. A file is written upwards and never twice at one place, so each nonce is used once;
//! a frame that is below the last one is rejected.

use super::{
    frame::{self, FRAME_HEADER_BYTES, FrameSeed, FrameTag},
    header::FileMagic,
};
use crate::{
    cipher::{FileCipher, Part, TAG_BYTES},
    error::{Error, Result},
    file::FileName,
};
use bytes::Bytes;

/// Protects the frames, or checks and decrypts them, of one file.
#[derive(Clone, Debug)]
pub struct FrameProtection {
    magic: FileMagic,
    number: u64,
    seed: FrameSeed,
    /// That of all its frames.
    tag: FrameTag,
    cipher: Option<FileCipher>,
    /// The end of the last frame that was encrypted.
    encrypted_to: u64,
}

impl FrameProtection {
    /// Of a file of that kind and number; it is encrypted if it has a cipher.
    pub(super) fn new(magic: FileMagic, database_id: u64, number: u64, cipher: Option<FileCipher>) -> Self {
        let seed = FrameSeed::new(magic, database_id, number);
        Self { magic, number, seed, tag: FrameTag::default(), cipher, encrypted_to: 0 }
    }
    /// Of a file whose header is not readable, of which only checksums can be looked at.
    pub fn of_checksums(magic: FileMagic, database_id: u64, number: u64) -> Self {
        Self::new(magic, database_id, number, None)
    }

    /// The same with or without a tag in its frames, which those of a file have that was another one before.
    pub fn tagged(mut self, is_tagged: bool) -> Self {
        self.tag = if is_tagged { self.seed.tag() } else { FrameTag::default() };
        self
    }
    /// The tag of its frames.
    pub(super) fn tag(&self) -> FrameTag {
        self.tag
    }

    /// Bytes that a frame has behind its payload.
    pub fn trailer_bytes(&self) -> usize {
        if self.cipher.is_some() { TAG_BYTES } else { 0 }
    }
    /// Generation of the database key; 0 if the file is not encrypted.
    pub fn generation(&self) -> u32 {
        self.cipher.as_ref().map_or(0, FileCipher::generation)
    }

    /// By which other files of the database know this one; 0 if it is not encrypted.
    pub fn mark(&self) -> u64 {
        self.cipher.as_ref().map_or(0, FileCipher::mark)
    }

    /// Finishes a frame that [`frame::begin`] and [`frame::end`] filled, once its place is known. Errors: the place is below
    /// one that was encrypted before.
    #[inline]
    pub fn stamp(&mut self, frame: &mut [u8], offset: u64, synced_to: u64) -> Result<()> {
        self.tag.put(frame);
        if self.cipher.is_some() {
            return self.encrypt(frame, offset, synced_to);
        }
        frame::stamp(frame, self.seed, offset, synced_to);
        Ok(())
    }

    /// The same for a frame of which parts are elsewhere, each with the number of bytes of `frame` that it comes behind. Errors:
    /// the file is encrypted, which only a frame in one piece can be.
    pub fn stamp_with_shared<'p>(
        &mut self,
        frame: &mut [u8],
        shared: impl Iterator<Item = (usize, &'p [u8])>,
        offset: u64,
        synced_to: u64,
    ) -> Result<()> {
        if self.cipher.is_some() {
            return Err(Error::corrupt(self.name(), offset, "a part of it would not be encrypted"));
        }
        self.tag.put(frame);
        frame::stamp_with_shared(frame, shared, self.seed, offset, synced_to);
        Ok(())
    }

    fn encrypt(&mut self, frame: &mut [u8], offset: u64, synced_to: u64) -> Result<()> {
        let misplaced = || Error::corrupt(self.name(), offset, "a place in it would be encrypted twice");
        let Some(cipher) = self.cipher.as_ref().filter(|_| offset >= self.encrypted_to) else {
            return Err(misplaced());
        };
        frame::set_synced_to(frame, synced_to);
        let (header, content) = frame.split_at_mut_checked(FRAME_HEADER_BYTES).ok_or_else(misplaced)?;
        let (payload, tag) = content.split_last_chunk_mut::<TAG_BYTES>().ok_or_else(misplaced)?;
        *tag = cipher.encrypt(Part::Content, offset, &header[4..], payload)?;
        self.encrypted_to = offset + frame.len() as u64;
        frame::stamp(frame, self.seed, offset, synced_to);
        Ok(())
    }

    /// Whether `frame`, a header and all behind it, was written at this place of this file.
    pub fn is_intact(&self, frame: &[u8], checksum: u32, offset: u64) -> bool {
        frame::is_intact(frame, checksum, self.seed, offset)
    }

    /// The payload of an intact frame. Errors: it was not written with the key.
    #[inline]
    pub fn payload(&self, frame: &Bytes, offset: u64) -> Result<Bytes> {
        match &self.cipher {
            None => Ok(frame.slice(FRAME_HEADER_BYTES..)),
            Some(cipher) => self.decrypt(cipher, frame, offset),
        }
    }

    fn decrypt(&self, cipher: &FileCipher, frame: &Bytes, offset: u64) -> Result<Bytes> {
        let forged = || Error::corrupt(self.name(), offset, "it was written without the key of the database");
        let (header, content) = frame.split_at_checked(FRAME_HEADER_BYTES).ok_or_else(forged)?;
        let (payload, tag) = content.split_last_chunk::<TAG_BYTES>().ok_or_else(forged)?;
        let mut payload = payload.to_vec();
        if cipher.decrypt(Part::Content, offset, &header[4..], &mut payload, tag) {
            Ok(payload.into())
        } else {
            Err(forged())
        }
    }

    fn name(&self) -> FileName {
        match self.magic {
            FileMagic::Log => FileName::Log(self.number),
            FileMagic::Manifest => FileName::Manifest(self.number),
            FileMagic::Stream => FileName::Stream(self.number),
            FileMagic::Current => FileName::Current,
            FileMagic::Keys => FileName::Keys,
            FileMagic::Base => FileName::Base(self.number),
            FileMagic::Spare => FileName::Spare(self.number),
        }
    }
}
