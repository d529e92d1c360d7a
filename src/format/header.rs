//! The first bytes of a log segment, a manifest, a base, a stream segment and `CURRENT`: what the file is and whom it belongs to.
//!
//! ```text
//! offset  bytes
//!      0      8  magic       which kind of file
//!      8      4  version     of the format, now 1
//!     12      4  features    one bit each; a reader that does not know a bit rejects the file;
//!                            bit 0: the file is encrypted, and an encryption header follows;
//!                            bit 1: a log segment in a file that was one before: its frames have a tag, and behind
//!                            them there may be bytes of the earlier segment
//!     16      8  database id
//!     24      8  number      of the file, so that a renamed file is noticed
//!     32      8  detail      log, manifest, base: number of the first record; CURRENT: bytes of the manifest that are safe;
//!                            stream: number of the shard; KEYS: manifests with lower numbers were replaced
//!     40      1  flags       bit 0: a log segment that takes over the unsafe end of the one before
//!     41      3  zeros
//!     44      8  mark        of an encrypted database: begin of the salt of the file that this one goes with, which is for
//!                            log the segment before, for CURRENT the manifest; else 0
//!     52      8  zeros
//!     60      4  checksum    CRC-32 of bytes 0 to 60
//! ```
//! A file that was a log segment and may become another one begins with such a header too, of no database and with nothing but its
//! number: it says that no frame in the file counts.
//!
//! Numbers are little-endian. The checksum has no seed: a file of another database shall be recognised as such, not be
//! called damaged. All versions to come keep this form, so that a header that was torn by a crash is never taken for
//! one of a newer version.

/// Bytes of a file's header.
pub const FILE_HEADER_BYTES: usize = 64;
/// The format version that this crate writes.
pub const FORMAT_VERSION: u32 = 1;
const CHECKED_BYTES: usize = FILE_HEADER_BYTES - 4;
/// The bit of the features of an encrypted file.
pub const FEATURE_ENCRYPTED: u32 = 1;
/// The bit of the features of a log segment in a file that was one before.
const FEATURE_REUSED: u32 = 2;

/// The kinds of files that begin with a [`FileHeader`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileMagic {
    /// A segment of the write-ahead log.
    Log,
    /// A manifest.
    Manifest,
    /// The pointer to the current manifest.
    Current,
    /// A segment of a change stream.
    Stream,
    /// What was alive at a moment from which history can be read.
    Base,
    /// A file that was a segment of the log.
    Spare,
    /// The wrapped keys of an encrypted database.
    #[cfg_attr(not(feature = "encryption"), expect(dead_code, reason = "only a program with encryption reads it"))]
    Keys,
}

impl FileMagic {
    pub(super) fn bytes(self) -> &'static [u8; 8] {
        match self {
            Self::Log => b"hrLOG\r\n\x1a",
            Self::Manifest => b"hrMAN\r\n\x1a",
            Self::Current => b"hrCUR\r\n\x1a",
            Self::Stream => b"hrSTR\r\n\x1a",
            Self::Base => b"hrBAS\r\n\x1a",
            Self::Spare => b"hrSPR\r\n\x1a",
            Self::Keys => b"hrKEY\r\n\x1a",
        }
    }
}

/// What a file says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileHeader {
    /// The kind of file.
    pub magic: FileMagic,
    /// The database that it belongs to.
    pub database_id: u64,
    /// Its number, as in its name.
    pub number: u64,
    /// One more number; its meaning depends on the kind.
    pub detail: u64,
    /// Whether a log segment begins with the records that the segment before might lose; such a segment is made at
    /// each opening, and counts once the manifest says so.
    pub takes_over: bool,
    /// Whether the file was an earlier log segment: bytes of that one may lie behind its frames, which have a tag therefore.
    pub is_reused: bool,
    /// The mark of the file that this one goes with: of the log segment before, of the manifest that `CURRENT` names. 0 if
    /// that is not encrypted or there is none.
    pub mark: u64,
}

/// Why bytes are not a header that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderFault {
    /// Too short, another magic, or a wrong checksum.
    Damaged,
    /// The version or a feature bit is not known here.
    Newer,
    /// The file is encrypted, and there is no key for it.
    Locked,
    /// The file is not encrypted, though it should be.
    Plain,
    /// The header is whole and was not written with the key.
    Forged,
}

/// The first bytes of a file that was segment `number` of the log and may become another one.
pub fn spare_header(number: u64) -> [u8; FILE_HEADER_BYTES] {
    let magic = FileMagic::Spare;
    FileHeader { magic, database_id: 0, number, detail: 0, takes_over: false, is_reused: false, mark: 0 }.encode_with(0)
}

/// Whether a file that begins with these bytes was a segment of the log, and nothing in it counts.
pub fn is_spare(bytes: &[u8]) -> bool {
    FileHeader::decode_with(FileMagic::Spare, bytes).is_ok()
}

impl FileHeader {
    /// The header's bytes, of a file that is not encrypted.
    #[cfg(any(test, feature = "encryption", feature = "fuzzing"))]
    pub fn encode(&self) -> [u8; FILE_HEADER_BYTES] {
        self.encode_with(0)
    }

    pub(super) fn encode_with(&self, features: u32) -> [u8; FILE_HEADER_BYTES] {
        let mut out = [0; FILE_HEADER_BYTES];
        out[..8].copy_from_slice(self.magic.bytes());
        out[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        let features = features | if self.is_reused { FEATURE_REUSED } else { 0 };
        out[12..16].copy_from_slice(&features.to_le_bytes());
        out[16..24].copy_from_slice(&self.database_id.to_le_bytes());
        out[24..32].copy_from_slice(&self.number.to_le_bytes());
        out[32..40].copy_from_slice(&self.detail.to_le_bytes());
        out[40] = u8::from(self.takes_over);
        out[44..52].copy_from_slice(&self.mark.to_le_bytes());
        let checksum = crc32fast::hash(&out[..CHECKED_BYTES]);
        out[CHECKED_BYTES..].copy_from_slice(&checksum.to_le_bytes());
        out
    }

    /// Reads the header of a file of kind `magic` that is not encrypted.
    pub fn decode(magic: FileMagic, bytes: &[u8]) -> Result<Self, HeaderFault> {
        match Self::decode_with(magic, bytes)? {
            (header, false) => Ok(header),
            (_, true) => Err(HeaderFault::Locked),
        }
    }

    /// Reads the header of a file of kind `magic`; also whether the file is encrypted.
    pub(super) fn decode_with(magic: FileMagic, bytes: &[u8]) -> Result<(Self, bool), HeaderFault> {
        let header: &[u8; FILE_HEADER_BYTES] = bytes.first_chunk().ok_or(HeaderFault::Damaged)?;
        if header[..8] != *magic.bytes() {
            return Err(HeaderFault::Damaged);
        }
        if number_at::<4>(header, CHECKED_BYTES) != u64::from(crc32fast::hash(&header[..CHECKED_BYTES])) {
            return Err(HeaderFault::Damaged);
        }
        let features = number_at::<4>(header, 12) as u32;
        let known = FEATURE_ENCRYPTED | if magic == FileMagic::Log { FEATURE_REUSED } else { 0 };
        if number_at::<4>(header, 8) > u64::from(FORMAT_VERSION) || features & !known != 0 {
            return Err(HeaderFault::Newer);
        }
        let header = Self {
            magic,
            database_id: number_at::<8>(header, 16),
            number: number_at::<8>(header, 24),
            detail: number_at::<8>(header, 32),
            takes_over: header[40] & 1 != 0,
            is_reused: features & FEATURE_REUSED != 0,
            mark: number_at::<8>(header, 44),
        };
        Ok((header, features & FEATURE_ENCRYPTED != 0))
    }
}

/// The little-endian number of `N` bytes at `offset`, with `offset + N` inside the header.
fn number_at<const N: usize>(header: &[u8; FILE_HEADER_BYTES], offset: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes[..N].copy_from_slice(&header[offset..offset + N]);
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: FileHeader = FileHeader {
        magic: FileMagic::Log,
        database_id: 0x1122,
        number: 3,
        detail: 77,
        takes_over: false,
        is_reused: false,
        mark: 0,
    };

    #[test]
    fn golden_bytes() {
        let bytes = SAMPLE.encode();
        assert_eq!(bytes[..16], *b"hrLOG\r\n\x1a\x01\0\0\0\0\0\0\0");
        assert_eq!(bytes[16..40], *b"\x22\x11\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\x4d\0\0\0\0\0\0\0");
        assert_eq!(bytes[60..], GOLDEN_CHECKSUM);
        assert_eq!(FileHeader::decode(FileMagic::Log, &bytes), Ok(SAMPLE));
        let taking_over = FileHeader { takes_over: true, ..SAMPLE };
        assert_eq!(taking_over.encode()[40..60], *b"\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(FileHeader::decode(FileMagic::Log, &taking_over.encode()), Ok(taking_over));
        let reused = FileHeader { is_reused: true, ..SAMPLE };
        assert_eq!(reused.encode()[8..16], *b"\x01\0\0\0\x02\0\0\0");
        assert_eq!(FileHeader::decode(FileMagic::Log, &reused.encode()), Ok(reused));
        let stream = FileHeader { magic: FileMagic::Stream, ..reused };
        assert_eq!(FileHeader::decode(FileMagic::Stream, &stream.encode()), Err(HeaderFault::Newer));
    }

    #[test]
    fn a_spare_is_no_segment() {
        let spare = spare_header(7);
        assert_eq!(spare[..32], *b"hrSPR\r\n\x1a\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0");
        assert!(is_spare(&spare) && !is_spare(&spare[..63]) && !is_spare(&SAMPLE.encode()) && !is_spare(&[0; 64]));
        assert_eq!(FileHeader::decode(FileMagic::Log, &spare), Err(HeaderFault::Damaged));
    }

    const GOLDEN_CHECKSUM: [u8; 4] = [124, 65, 239, 192];

    #[test]
    fn every_flipped_bit_is_noticed() {
        let bytes = SAMPLE.encode();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes;
                flipped[at] ^= 1 << bit;
                assert!(FileHeader::decode(FileMagic::Log, &flipped).is_err(), "byte {at} bit {bit}");
            }
        }
        assert_eq!(FileHeader::decode(FileMagic::Manifest, &bytes), Err(HeaderFault::Damaged));
        assert_eq!(FileHeader::decode(FileMagic::Log, &bytes[..63]), Err(HeaderFault::Damaged));
    }

    #[test]
    fn newer_versions_and_unknown_features_are_told_apart_from_damage() {
        for (at, change) in [(8, 1), (12, 4)] {
            let mut newer = SAMPLE.encode();
            newer[at] += change;
            assert_eq!(FileHeader::decode(FileMagic::Log, &newer), Err(HeaderFault::Damaged));
            let checksum = crc32fast::hash(&newer[..60]);
            newer[60..].copy_from_slice(&checksum.to_le_bytes());
            assert_eq!(FileHeader::decode(FileMagic::Log, &newer), Err(HeaderFault::Newer));
        }
    }
}
