//! A frame: the unit in which log segments and manifests are written, checked and believed.
//!
//! A frame is believed only where it was written: its checksum begins from a seed made of the database, the file (its
//! kind and number) and the offset, so a frame that a confused disk or person moved elsewhere fails like a damaged one.
//! A frame also says up to which offset the file was known to be on stable storage when the frame was written. That is
//! what tells damage from a torn tail: bytes below a later frame's `synced_to` were once safe, so if they are bad now
//! something broke them; bytes above it may simply never have arrived.
//!
//! ```text
//! offset  bytes
//!      0      4  checksum  CRC-32 of everything behind it, begun from the seed of (database, file, offset)
//!      4      4  len       payload bytes, at most 48 MiB
//!      8      8  seqno     number of the record; for a seal, the number that the next record will get
//!     16      4  synced_to offset in this file below which all bytes were on stable storage
//!     20      1  kind      1 record, 2 seal: nothing follows in this file; 0 is never written, so zeros are no frame
//!     21      3  tag       in a log segment whose file was one before, begin of the seed without an offset: no frame of
//!                          the earlier one has it; else zeros
//!     24    len  payload
//! ```
//! Numbers are little-endian.

use super::header::FileMagic;
use crate::{
    canary::canary,
    error::{Error, Result},
};
use std::ops::Range;

/// Bytes of a frame before its payload.
pub const FRAME_HEADER_BYTES: usize = 24;
/// Largest payload. A transaction of 100 items writes at most 4 MB, and the log may have the old images of all, 400 KB each.
pub const MAX_PAYLOAD_BYTES: usize = 48 << 20;
/// Bytes that are looked at in one step where headers are searched.
const SEARCHED_BYTES: usize = 64;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// Carries a record.
    Data,
    /// The last frame of a file that was finished in good order.
    Seal,
}

impl FrameKind {
    fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Data),
            2 => Some(Self::Seal),
            _ => None,
        }
    }

    fn to_byte(self) -> u8 {
        match self {
            Self::Data => 1,
            Self::Seal => 2,
        }
    }
}

/// Where the checksums of a file's frames begin.
#[derive(Clone, Copy, Debug)]
pub struct FrameSeed(u32);

impl FrameSeed {
    /// The seed of a database's file of kind `magic` with this number.
    pub fn new(magic: FileMagic, database_id: u64, number: u64) -> Self {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(magic.bytes());
        hasher.update(&database_id.to_le_bytes());
        hasher.update(&number.to_le_bytes());
        Self(hasher.finalize())
    }

    /// What tells the frames of a file from those that it had when it was another one.
    pub(super) fn tag(self) -> FrameTag {
        let [a, b, c, _] = self.0.to_le_bytes();
        FrameTag([a, b, c])
    }

    /// The checksum of a frame's bytes behind the checksum field. From two different starting values the same bytes
    /// never give the same CRC, so mixing the offset in by XOR is enough to tell the offsets of a file apart.
    pub(super) fn checksum(self, offset: u64, covered: &[u8]) -> u32 {
        let mut hasher = self.hasher(offset);
        hasher.update(covered);
        hasher.finalize()
    }

    fn hasher(self, offset: u64) -> crc32fast::Hasher {
        let folded = (offset ^ (offset >> 32)) as u32;
        crc32fast::Hasher::new_with_initial(self.0 ^ folded)
    }
}

/// Three bytes by which a frame names its file: zeros where the file was never another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameTag([u8; 3]);

impl FrameTag {
    /// Fills in the tag of a frame.
    #[inline]
    pub(super) fn put(self, frame: &mut [u8]) {
        frame[21..FRAME_HEADER_BYTES].copy_from_slice(&self.0);
    }

    /// The next places of `bytes` from `from` on at some of which a header with this tag may begin.
    pub(super) fn search(self, bytes: &[u8], from: usize) -> Option<Range<usize>> {
        let [first, ..] = self.0;
        let begins = (bytes.len() + 1).checked_sub(FRAME_HEADER_BYTES)?;
        let mut at = from;
        while at < begins {
            let end = begins.min(at + SEARCHED_BYTES);
            // As simple a question as can be, so that the compiler asks it about many bytes in one step.
            let (kinds, tags) = (&bytes[at + 20..end + 20], &bytes[at + 21..end + 21]);
            let found = kinds
                .iter()
                .zip(tags)
                .fold(0, |found, (kind, tag)| found | (u8::from(kind.wrapping_sub(1) < 2) & u8::from(*tag == first)));
            if found != 0 {
                return Some(at..end);
            }
            at = end;
        }
        None
    }
}

/// The fields of a frame's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// CRC-32 of the rest.
    pub checksum: u32,
    /// Payload bytes.
    pub len: u32,
    /// Number of the record.
    pub seqno: u64,
    /// Offset below which the file was on stable storage.
    pub synced_to: u32,
    /// Record or seal.
    pub kind: FrameKind,
}

impl FrameHeader {
    /// Reads a header. `None` if these bytes are not one with that tag; the payload is not looked at.
    #[inline]
    pub fn parse(bytes: &[u8], tag: FrameTag) -> Option<Self> {
        let header: &[u8; FRAME_HEADER_BYTES] = bytes.first_chunk()?;
        let [c0, c1, c2, c3, l0, l1, l2, l3, seqno @ .., y0, y1, y2, y3, kind, t0, t1, t2] = *header;
        let len = u32::from_le_bytes([l0, l1, l2, l3]);
        if len as usize > MAX_PAYLOAD_BYTES || tag != FrameTag([t0, t1, t2]) {
            return None;
        }
        Some(Self {
            checksum: u32::from_le_bytes([c0, c1, c2, c3]),
            len,
            seqno: u64::from_le_bytes(seqno),
            synced_to: u32::from_le_bytes([y0, y1, y2, y3]),
            kind: FrameKind::from_byte(kind)?,
        })
    }

    /// Bytes of the whole frame.
    pub fn frame_bytes(&self) -> usize {
        FRAME_HEADER_BYTES + self.len as usize
    }
}

/// Appends a header with room for what only the writer of the file knows: length, offset, `synced_to` and checksum.
pub fn begin(out: &mut Vec<u8>, seqno: u64, kind: FrameKind) {
    let mut header = [0; FRAME_HEADER_BYTES];
    header[8..16].copy_from_slice(&seqno.to_le_bytes());
    header[20] = kind.to_byte();
    out.extend_from_slice(&header);
}

/// Appends room for `trailer` bytes, which the protection of the file fills, and fills in the length of the frame that begins at
/// `start` and ends where `out` ends then. Rejects a payload over [`MAX_PAYLOAD_BYTES`]; the caller then cuts `out` back to
/// `start`.
pub fn end(out: &mut Vec<u8>, start: usize, trailer: usize) -> Result<()> {
    end_with_shared(out, start, trailer, 0)
}

/// The same for a frame of which so many bytes are elsewhere.
#[inline]
pub fn end_with_shared(out: &mut Vec<u8>, start: usize, trailer: usize, shared: usize) -> Result<()> {
    out.resize(out.len() + trailer, 0);
    let payload = (out.len() + shared).checked_sub(start + FRAME_HEADER_BYTES);
    match payload.and_then(|len| u32::try_from(len).ok()) {
        Some(len) if len as usize <= MAX_PAYLOAD_BYTES => {
            out[start + 4..start + 8].copy_from_slice(&len.to_le_bytes());
            Ok(())
        }
        _ => Err(Error::limit_exceeded(format!("one commit may hold at most {MAX_PAYLOAD_BYTES} bytes"))),
    }
}

/// Bytes of the frame at the start of a buffer that [`begin`] and [`end`] filled; `None` at its end.
pub fn frame_bytes(buffer: &[u8]) -> Option<usize> {
    let len = u32::from_le_bytes(*buffer.get(4..)?.first_chunk()?);
    Some(FRAME_HEADER_BYTES + len as usize)
}

/// The number in the frame at the start of a buffer that [`begin`] filled.
pub fn frame_seqno(buffer: &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(*buffer.get(8..)?.first_chunk()?))
}

/// Finishes a frame that [`begin`] and [`end`] filled, once its place is known. `synced_to` is capped by what four bytes
/// hold, which is always true to say.
pub fn stamp(frame: &mut [u8], seed: FrameSeed, offset: u64, synced_to: u64) {
    set_synced_to(frame, synced_to);
    let checksum = seed.checksum(offset, &frame[4..]);
    frame[..4].copy_from_slice(&checksum.to_le_bytes());
}

/// The same for a frame of which parts are elsewhere, each with the number of bytes of `frame` that it comes behind.
pub(super) fn stamp_with_shared<'p>(
    frame: &mut [u8],
    shared: impl Iterator<Item = (usize, &'p [u8])>,
    seed: FrameSeed,
    offset: u64,
    synced_to: u64,
) {
    set_synced_to(frame, synced_to);
    let (mut hasher, mut at) = (seed.hasher(offset), 4);
    for (behind, part) in shared {
        hasher.update(&frame[at..behind]);
        if !canary!(SharedImageUnchecked) {
            hasher.update(part);
        }
        at = behind;
    }
    hasher.update(&frame[at..]);
    frame[..4].copy_from_slice(&hasher.finalize().to_le_bytes());
}

/// Fills in the offset below which the file is on stable storage.
pub(super) fn set_synced_to(frame: &mut [u8], synced_to: u64) {
    let synced_to = u32::try_from(synced_to).unwrap_or(u32::MAX);
    frame[16..20].copy_from_slice(&synced_to.to_le_bytes());
}

/// Whether `frame`, a header and its whole payload, was written at this place of this file.
pub fn is_intact(frame: &[u8], checksum: u32, seed: FrameSeed, offset: u64) -> bool {
    frame.get(4..).is_some_and(|covered| seed.checksum(offset, covered) == checksum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(seqno: u64, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        begin(&mut out, seqno, FrameKind::Data);
        out.extend_from_slice(payload);
        end(&mut out, 0, 0).unwrap();
        out
    }

    #[test]
    fn golden_bytes() {
        let mut frame = sample(0x0102, b"abc");
        stamp(&mut frame, FrameSeed::new(FileMagic::Log, 7, 9), 64, 64);
        assert_eq!(frame[4..], *b"\x03\0\0\0\x02\x01\0\0\0\0\0\0\x40\0\0\0\x01\0\0\0abc");
        assert_eq!(frame[..4], GOLDEN_CHECKSUM);
    }

    const GOLDEN_CHECKSUM: [u8; 4] = [29, 99, 124, 17];

    #[test]
    fn a_frame_is_intact_only_in_its_place() {
        let seed = FrameSeed::new(FileMagic::Log, 7, 9);
        let mut frame = sample(3, b"payload");
        stamp(&mut frame, seed, 4096, 64);
        let header = FrameHeader::parse(&frame, FrameTag::default()).unwrap();
        assert_eq!((header.seqno, header.len, header.synced_to), (3, 7, 64));
        assert_eq!(header.frame_bytes(), frame.len());
        assert!(is_intact(&frame, header.checksum, seed, 4096));
        assert!(!is_intact(&frame, header.checksum, seed, 4097));
        // Segments may be of any size: of two places 4 GiB apart it tells too.
        for (offset, high) in [(4096, 1 << 32), (1, 1 << 32)] {
            stamp(&mut frame, seed, offset, 64);
            let checksum = FrameHeader::parse(&frame, FrameTag::default()).unwrap().checksum;
            assert!(is_intact(&frame, checksum, seed, offset) && !is_intact(&frame, checksum, seed, offset + high));
        }
        assert!(!is_intact(&frame, header.checksum, FrameSeed::new(FileMagic::Log, 8, 9), 4096));
        assert!(!is_intact(&frame, header.checksum, FrameSeed::new(FileMagic::Log, 7, 10), 4096));
        for at in 4..frame.len() {
            let mut flipped = frame.clone();
            flipped[at] ^= 1;
            assert!(!is_intact(&flipped, header.checksum, seed, 4096), "byte {at}");
        }
    }

    #[test]
    fn zeros_are_no_frame() {
        assert_eq!(FrameHeader::parse(&[0; FRAME_HEADER_BYTES], FrameTag::default()), None);
        assert_eq!(FrameHeader::parse(&[1; FRAME_HEADER_BYTES - 1], FrameTag::default()), None);
    }

    #[test]
    fn a_payload_has_a_largest_size() {
        let mut out = Vec::new();
        begin(&mut out, 1, FrameKind::Data);
        out.resize(FRAME_HEADER_BYTES + MAX_PAYLOAD_BYTES + 1, 0);
        assert!(end(&mut out, 0, 0).is_err());
        out.pop();
        assert!(end(&mut out, 0, 0).is_ok());
        let has_header = |len: usize| {
            out[4..8].copy_from_slice(&u32::try_from(len).unwrap().to_le_bytes());
            FrameHeader::parse(&out, FrameTag::default()).is_some()
        };
        assert_eq!(
            [MAX_PAYLOAD_BYTES, MAX_PAYLOAD_BYTES + 1, 2 * MAX_PAYLOAD_BYTES].map(has_header),
            [true, false, false]
        );
    }
}
