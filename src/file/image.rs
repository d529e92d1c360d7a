//! The bytes of a file that lives in memory: what was written, and zeros from there to the length.
//!
//! ```text
//!   +-----------------------+ . . . . . . . . . . . . +
//!   | content (in a buffer) |  zeros (only a number)  |
//!   +-----------------------+ . . . . . . . . . . . . +
//!   0                content.len()                   len
//! ```
//!
//! So reserving space costs nothing. A buffer is either growing, owned by the writer alone, or shared with readers
//! without a copy. A write to a shared buffer takes it back if no reader is left and copies it once otherwise; since
//! files are read after they were written, it hardly ever has to.

use bytes::{Bytes, BytesMut};
use std::io;

/// The bytes of one file in memory.
#[derive(Debug, Default)]
pub(super) struct Image {
    /// The content while it is not shared; empty otherwise.
    growing: BytesMut,
    shared: Option<Bytes>,
    len: u64,
}

impl From<Bytes> for Image {
    fn from(bytes: Bytes) -> Self {
        Self { growing: BytesMut::new(), len: bytes.len() as u64, shared: Some(bytes) }
    }
}

impl Image {
    /// Length in bytes.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Writes at a position; a gap before it reads as zeros.
    pub(super) fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let start = usize::try_from(offset).map_err(|_| too_large())?;
        let end = start.checked_add(bytes.len()).filter(|end| isize::try_from(*end).is_ok()).ok_or_else(too_large)?;
        let buffer = self.growing();
        if buffer.len() < start {
            buffer.resize(start, 0);
        }
        let (over, behind) = bytes.split_at(bytes.len().min(buffer.len() - start));
        buffer[start..start + over.len()].copy_from_slice(over);
        buffer.extend_from_slice(behind);
        self.len = self.len.max(end as u64);
        Ok(())
    }

    /// Makes the file at least `len` bytes long, with zeros.
    pub(super) fn extend_to(&mut self, len: u64) {
        self.len = self.len.max(len);
    }

    /// Cuts the file off at `len`, if it is longer.
    pub(super) fn truncate(&mut self, len: u64) {
        if len < self.len {
            self.len = len;
            if let Ok(len) = usize::try_from(len)
                && len < self.content().len()
            {
                self.growing().truncate(len);
            }
        }
    }

    /// The whole file; later writes do not change what was returned.
    pub(super) fn bytes(&mut self) -> io::Result<Bytes> {
        let len = usize::try_from(self.len).ok().filter(|len| isize::try_from(*len).is_ok()).ok_or_else(too_large)?;
        if self.content().len() < len {
            self.growing().resize(len, 0);
        }
        Ok(self.share())
    }

    /// Exactly `len` bytes from `offset`.
    pub(super) fn read_at(&self, offset: u64, len: usize) -> io::Result<Bytes> {
        let end = super::read_end(offset, len, self.len)?;
        let written = self.content().len();
        if let (Ok(start), Ok(end)) = (usize::try_from(offset), usize::try_from(end))
            && end <= written
        {
            return Ok(match &self.shared {
                Some(bytes) => bytes.slice(start..end),
                None => Bytes::copy_from_slice(&self.growing[start..end]),
            });
        }
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(written);
        let mut bytes = vec![0; len];
        bytes[..written - start].copy_from_slice(&self.content()[start..]);
        Ok(bytes.into())
    }

    /// A second image with the same bytes, which shares the buffer until one of the two is written.
    pub(super) fn twin(&mut self) -> Self {
        Self { growing: BytesMut::new(), shared: Some(self.share()), len: self.len }
    }

    fn content(&self) -> &[u8] {
        self.shared.as_deref().unwrap_or(&self.growing)
    }

    fn growing(&mut self) -> &mut BytesMut {
        if let Some(bytes) = self.shared.take() {
            self.growing = bytes.try_into_mut().unwrap_or_else(|held| BytesMut::from(&held[..]));
        }
        &mut self.growing
    }

    fn share(&mut self) -> Bytes {
        let growing = &mut self.growing;
        self.shared.get_or_insert_with(|| std::mem::take(growing).freeze()).clone()
    }
}

fn too_large() -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, "a file in memory cannot be that long")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_and_reserved_space_read_as_zeros() {
        let mut image = Image::default();
        image.write_at(2, b"ab").unwrap();
        image.extend_to(6);
        assert_eq!(image.read_at(0, 6).unwrap(), &b"\0\0ab\0\0"[..]);
        assert_eq!(image.read_at(3, 2).unwrap(), &b"b\0"[..]);
        assert_eq!(image.read_at(5, 1).unwrap(), &b"\0"[..]);
        assert!(image.read_at(5, 2).is_err());
        assert!(image.read_at(u64::MAX, 1).is_err());
        image.write_at(3, b"xyz").unwrap();
        assert_eq!(image.bytes().unwrap(), &b"\0\0axyz"[..]);
        assert!(image.write_at(u64::MAX, b"far").is_err());
    }

    #[test]
    fn what_was_cut_off_is_gone() {
        let mut image = Image::default();
        image.write_at(0, b"abcdef").unwrap();
        image.extend_to(9);
        let seen = image.bytes().unwrap();
        image.truncate(20);
        image.truncate(7);
        assert_eq!(image.bytes().unwrap(), &b"abcdef\0"[..]);
        image.truncate(2);
        image.extend_to(4);
        assert_eq!((image.bytes().unwrap(), image.len()), (Bytes::from_static(b"ab\0\0"), 4));
        assert_eq!(seen, &b"abcdef\0\0\0"[..]);
    }

    #[test]
    fn readers_share_the_buffer_and_keep_what_they_saw() {
        let mut image = Image::default();
        image.write_at(0, &[7; 4096]).unwrap();
        let seen = image.bytes().unwrap();
        assert_eq!(seen.as_ptr(), image.read_at(0, 4096).unwrap().as_ptr(), "no copy between readers");
        let mut twin = image.twin();
        image.write_at(0, &[8]).unwrap();
        assert_eq!((seen[0], image.read_at(0, 1).unwrap()[0]), (7, 8));
        assert_eq!(twin.bytes().unwrap(), seen);
    }

    #[test]
    fn a_buffer_that_nobody_else_holds_is_written_in_place() {
        let mut image = Image::default();
        image.write_at(0, &[7; 4096]).unwrap();
        let place = image.bytes().unwrap().as_ptr();
        image.write_at(0, &[8]).unwrap();
        assert_eq!(image.bytes().unwrap().as_ptr(), place);
    }
}
