//! The layout of a run file, and its first and last bytes.
//!
//! A run is written once, in key order, and never changed. It has no blocks: records of any length follow one
//! another, and checksums are laid over the file in pages of fixed size, whatever the records' borders. A reader
//! checks the pages that a record touches, each page once, and takes the record apart in place. All integers are
//! little endian; `varint` is LEB128.
//!
//! ```text
//! file       := header record* dictionary directory hashes sums footer
//! header     := magic 8, version u32, features u32 (bit 0: encrypted), database_id u64, file u64, page_bytes u32, crc u32,
//!               of an encrypted run also an encryption header
//! record     := leaf | node                      one collection or a part of it, see `leaf` and `node`
//! dictionary := attribute names by id            see `item::Dictionary`
//! directory  := where each collection begins     see `directory`
//! hashes     := where each entry is              see `hash_index`; absent where it would not pay;
//!               in version 1, which keys there are, see `filter`
//! sums       := crc u32 per page of all bytes before the sums; the last page may be short;
//!               of an encrypted run a tag of 16 bytes per page
//! footer     := magic 8,
//!               records_end u64, dictionary_end u64, directory_end u64,
//!               collections u64, leaves u64, nodes u64,
//!               entries u64, tombstones u64, logical_bytes u64,
//!               min_token u64, max_token u64, min_seqno u64, max_seqno u64,
//!               directory_scale u64, hash_blocks u64 (of 64 bytes, in version 1 of 32), sums_crc u32, crc u32;
//!               of an encrypted run it is encrypted, with a tag of 16 bytes in the place of crc
//!
//! record     := token u64, length u32, flags u8, varint collection length, collection, rest by kind
//! flags      := bit 0: node;  bit 1 (leaf): an earlier part exists;  bit 2 (leaf): a later part exists;
//!               bit 3: zero;  bits 4 to 7: level of a node, 1 and up, or bytes of a seqno delta in a leaf
//! ```
//!
//! Every checksum but the header's is seeded with database id, file number and offset, so that a page of another file,
//! or of another place in this one, does not pass.

use crate::{
    error::{Error, Result},
    file::FileName,
    format::header::FEATURE_ENCRYPTED,
};

/// Bytes under one checksum. A page is verified when it is first touched: about a microsecond.
pub(super) const PAGE_BYTES: usize = 16 << 10;
/// A collection that is longer than this is cut into parts of about this size.
pub(super) const LEAF_BYTES: usize = 16 << 10;
/// Entries of one part at most, whatever their size.
pub(super) const LEAF_ENTRIES: usize = 4096;
/// Length of a collection or sort key, in bytes; well above what tables and indexes allow.
pub(super) const MAX_KEY_BYTES: usize = 65_535;
/// Offsets take 40 bits in the directory: a run ends below 1 TiB.
pub(super) const MAX_FILE_BYTES: u64 = 1 << 40;

/// Bytes of the header, without the encryption header.
pub const HEADER_BYTES: usize = 40;
/// Bytes of the footer before its own checksum or tag.
pub(super) const FOOTER_CONTENT_BYTES: usize = 132;
pub(super) const FOOTER_BYTES: usize = FOOTER_CONTENT_BYTES + 4;
/// A block of the filter is half a cache line, and aligned to its size so that it is in one.
pub(super) const FILTER_BLOCK_BYTES: u64 = 32;
/// A bucket of the hash index is a cache line, and aligned to it.
pub(super) const BUCKET_BYTES: u64 = 64;
/// Token, length and flags: what every record begins with.
pub(super) const HEAD_BYTES: usize = 13;

pub(super) const FLAG_NODE: u8 = 1;
pub(super) const FLAG_EARLIER: u8 = 2;
pub(super) const FLAG_LATER: u8 = 4;
pub(super) const FLAG_ZERO: u8 = 8;

/// Version 2 has a hash index in the place of the filter of version 1.
pub(super) const VERSION: u32 = 2;
const VERSION_WITH_FILTER: u32 = 1;
const HEADER_MAGIC: &[u8; 8] = b"HRrun\r\n\x1a";
const FOOTER_MAGIC: &[u8; 8] = b"HRrunend";

/// Which file of which database: the seed of its checksums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) database_id: u64,
    pub(super) file: u64,
}

impl Identity {
    /// What a run begins with.
    pub(super) const MAGIC: &[u8; 8] = HEADER_MAGIC;

    pub(super) fn name(self) -> FileName {
        FileName::Run(self.file)
    }
    /// Checksum of `bytes` that are at `offset`.
    pub(super) fn crc(self, offset: u64, bytes: &[u8]) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        let mut seed = [0; 24];
        seed[..8].copy_from_slice(&self.database_id.to_le_bytes());
        seed[8..16].copy_from_slice(&self.file.to_le_bytes());
        seed[16..].copy_from_slice(&offset.to_le_bytes());
        hasher.update(&seed);
        hasher.update(bytes);
        hasher.finalize()
    }
    pub(super) fn corrupt(self, offset: u64, what: impl std::fmt::Display) -> Error {
        Error::corrupt(self.name(), offset, what)
    }
    /// The first bytes of a file that is written now.
    pub(super) fn encode_header(self, is_encrypted: bool) -> [u8; HEADER_BYTES] {
        self.header_of(VERSION, if is_encrypted { FEATURE_ENCRYPTED } else { 0 })
    }
    fn header_of(self, version: u32, features: u32) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        out[..8].copy_from_slice(HEADER_MAGIC);
        out[8..12].copy_from_slice(&version.to_le_bytes());
        out[12..16].copy_from_slice(&features.to_le_bytes());
        out[16..24].copy_from_slice(&self.database_id.to_le_bytes());
        out[24..32].copy_from_slice(&self.file.to_le_bytes());
        out[32..36].copy_from_slice(&u32_of(PAGE_BYTES).to_le_bytes());
        let crc = crc32fast::hash(&out[..36]);
        out[36..].copy_from_slice(&crc.to_le_bytes());
        out
    }
    /// Whether a header is this file's. Versions and features that this code does not know are rejected as such; the
    /// header has an unseeded checksum of its own, so that news can be told from damage. Returns the version, and whether
    /// the run is encrypted.
    pub(super) fn check_header(self, header: &[u8]) -> Result<(u32, bool)> {
        let damaged = |at| self.corrupt(at, "not the header of this run");
        if header.len() != HEADER_BYTES || !header.starts_with(HEADER_MAGIC) {
            return Err(damaged(0));
        }
        if u32_at(header, 36) != Some(crc32fast::hash(&header[..36])) {
            return Err(damaged(36));
        }
        let (version, features) = (u32_at(header, 8).unwrap_or(0), u32_at(header, 12).unwrap_or(0));
        if version > VERSION || features & !FEATURE_ENCRYPTED != 0 {
            let text = format!(
                "{} has format version {version} with features {features:#x}; \
                 this program knows versions up to {VERSION} and features {FEATURE_ENCRYPTED:#x}: use a newer one",
                self.name()
            );
            return Err(Error::incompatible(text));
        }
        let is_its_own = version >= VERSION_WITH_FILTER && header == self.header_of(version, features).as_slice();
        if is_its_own { Ok((version, features & FEATURE_ENCRYPTED != 0)) } else { Err(damaged(16)) }
    }
}

/// What the header of a run decides about its other sections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// Of the format.
    pub(super) version: u32,
    /// Where the records begin.
    pub(super) records_at: u64,
    /// Bytes of the sum of a page.
    pub(super) sum_bytes: u64,
}

/// Sections and figures of a run, from its last bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Footer {
    /// As the header says.
    pub(super) plan: Plan,
    pub(super) records_end: u64,
    pub(super) dictionary_end: u64,
    pub(super) directory_end: u64,
    pub(super) collections: u64,
    pub(super) leaves: u64,
    pub(super) nodes: u64,
    pub(super) entries: u64,
    pub(super) tombstones: u64,
    pub(super) logical_bytes: u64,
    pub(super) min_token: u64,
    pub(super) max_token: u64,
    pub(super) min_seqno: u64,
    pub(super) max_seqno: u64,
    pub(super) directory_scale: u64,
    pub(super) hash_blocks: u64,
    pub(super) sums_crc: u32,
}

impl Footer {
    fn fields(&self) -> [u64; 15] {
        [
            self.records_end,
            self.dictionary_end,
            self.directory_end,
            self.collections,
            self.leaves,
            self.nodes,
            self.entries,
            self.tombstones,
            self.logical_bytes,
            self.min_token,
            self.max_token,
            self.min_seqno,
            self.max_seqno,
            self.directory_scale,
            self.hash_blocks,
        ]
    }
    /// Bytes of a block of the hash index, or filter.
    pub(super) fn hash_block_bytes(&self) -> u64 {
        if self.plan.version == VERSION_WITH_FILTER { FILTER_BLOCK_BYTES } else { BUCKET_BYTES }
    }
    /// Blocks of the filter; 0 if the run has none.
    pub(super) fn filter_blocks(&self) -> u64 {
        if self.plan.version == VERSION_WITH_FILTER { self.hash_blocks } else { 0 }
    }
    /// Buckets of the hash index; 0 if the run has none.
    pub(super) fn buckets(&self) -> u64 {
        if self.plan.version == VERSION_WITH_FILTER { 0 } else { self.hash_blocks }
    }
    /// Where the blocks of the hash index, or filter, begin, if there are any.
    pub(super) fn hash_at(&self) -> u64 {
        if self.hash_blocks == 0 {
            self.directory_end
        } else {
            self.directory_end.next_multiple_of(self.hash_block_bytes())
        }
    }
    /// Where the checksums begin: the end of what they cover.
    pub(super) fn sums_at(&self) -> u64 {
        self.hash_at() + self.hash_blocks * self.hash_block_bytes()
    }
    /// The last bytes of a file that is not encrypted, which are at `offset`.
    pub(super) fn encode(&self, identity: Identity, offset: u64) -> [u8; FOOTER_BYTES] {
        let mut out = [0; FOOTER_BYTES];
        out[..FOOTER_CONTENT_BYTES].copy_from_slice(&self.encode_content());
        let crc = identity.crc(offset, &out[..FOOTER_CONTENT_BYTES]);
        out[FOOTER_CONTENT_BYTES..].copy_from_slice(&crc.to_le_bytes());
        out
    }
    /// All of it but its own checksum.
    pub(super) fn encode_content(&self) -> [u8; FOOTER_CONTENT_BYTES] {
        let mut out = [0; FOOTER_CONTENT_BYTES];
        out[..8].copy_from_slice(FOOTER_MAGIC);
        for (at, field) in self.fields().into_iter().enumerate() {
            out[8 + at * 8..16 + at * 8].copy_from_slice(&field.to_le_bytes());
        }
        out[128..].copy_from_slice(&self.sums_crc.to_le_bytes());
        out
    }
    /// Reads the footer that is at `offset` of a file of that version that is not encrypted, and checks that its sections
    /// fill the file up to itself.
    pub(super) fn decode(bytes: &[u8], identity: Identity, version: u32, offset: u64) -> Result<Self> {
        let damaged = |what| identity.corrupt(offset, what);
        let Some((content, crc)) = bytes.split_at_checked(FOOTER_CONTENT_BYTES).filter(|(_, crc)| crc.len() == 4)
        else {
            return Err(damaged("no footer"));
        };
        if content.starts_with(FOOTER_MAGIC) && u32_at(crc, 0) != Some(identity.crc(offset, content)) {
            return Err(damaged("footer checksum differs"));
        }
        let plan = Plan { version, records_at: HEADER_BYTES as u64, sum_bytes: 4 };
        Self::decode_content(content, identity, plan, offset)
    }
    /// Reads all of it but its own checksum, which was right.
    pub(super) fn decode_content(bytes: &[u8], identity: Identity, plan: Plan, offset: u64) -> Result<Self> {
        let damaged = |what| identity.corrupt(offset, what);
        if bytes.len() != FOOTER_CONTENT_BYTES || !bytes.starts_with(FOOTER_MAGIC) {
            return Err(damaged("no footer"));
        }
        let field = |at: usize| u64_at(bytes, 8 + at * 8).unwrap_or(0);
        let footer = Self {
            plan,
            records_end: field(0),
            dictionary_end: field(1),
            directory_end: field(2),
            collections: field(3),
            leaves: field(4),
            nodes: field(5),
            entries: field(6),
            tombstones: field(7),
            logical_bytes: field(8),
            min_token: field(9),
            max_token: field(10),
            min_seqno: field(11),
            max_seqno: field(12),
            directory_scale: field(13),
            hash_blocks: field(14),
            sums_crc: u32_at(bytes, 128).unwrap_or(0),
        };
        let ordered = plan.records_at <= footer.records_end
            && footer.records_end <= footer.dictionary_end
            && footer.dictionary_end <= footer.directory_end
            && footer.directory_end <= offset
            && footer.hash_blocks <= offset / footer.hash_block_bytes()
            && footer.min_token <= footer.max_token;
        let sums_bytes = |sums_at: u64| sums_at.div_ceil(PAGE_BYTES as u64) * plan.sum_bytes;
        if !ordered || footer.sums_at() > offset || offset - footer.sums_at() != sums_bytes(footer.sums_at()) {
            return Err(damaged("sections do not fill the file"));
        }
        Ok(footer)
    }
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_le_bytes)
}
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_le_bytes)
}
pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().copied().map(u64::from_le_bytes)
}

/// The first eight of the bytes from `start` to `end` as a big-endian number, filled up with zeros. Where two differ,
/// their bytes compare alike; where they are equal, the bytes must be looked at.
#[inline]
pub(super) fn fence(bytes: &[u8], start: usize, end: usize) -> u64 {
    let len = end.saturating_sub(start);
    match bytes.get(start..).and_then(|rest| rest.first_chunk()) {
        Some(word) if len >= 8 => u64::from_be_bytes(*word),
        Some(word) => u64::from_be_bytes(*word) & !(u64::MAX >> (8 * len)),
        None => {
            let mut word = [0; 8];
            let own = bytes.get(start..end).unwrap_or_default();
            let len = own.len().min(8);
            word[..len].copy_from_slice(&own[..len]);
            u64::from_be_bytes(word)
        }
    }
}

/// A length that the caller has bounded far below 4 GiB; a larger one would show up as a record that does not parse.
pub(super) fn u32_of(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

pub(super) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The varint at `*at`, which moves behind it; `None` if it does not end in `bytes` or passes 64 bits.
#[inline]
pub(super) fn take_varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    match bytes.get(*at) {
        Some(&byte) if byte < 0x80 => {
            *at += 1;
            Some(u64::from(byte))
        }
        _ => take_long_varint(bytes, at),
    }
}

#[inline]
fn take_long_varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    const LAST: u64 = 0x8080_8080_8080_8080;
    match u64_at(bytes, *at) {
        // It ends within eight bytes: their groups of seven bits are moved together by twos, fours and eights.
        Some(word) if !word & LAST != 0 => {
            let bits = (!word & LAST).trailing_zeros() + 1;
            *at += bits as usize / 8;
            Some(join_groups(word & !LAST & u64::MAX >> (u64::BITS - bits)))
        }
        _ => take_varint_by_bytes(bytes, at),
    }
}

/// Moves the groups of seven bits of a varint together.
#[inline(always)]
fn join_groups(word: u64) -> u64 {
    let word = word & 0x007f_007f_007f_007f | (word & 0x7f00_7f00_7f00_7f00) >> 1;
    let word = word & 0x0000_3fff_0000_3fff | (word & 0x3fff_0000_3fff_0000) >> 2;
    word & 0x0fff_ffff | (word & 0x0fff_ffff_0000_0000) >> 4
}

/// Two lengths and a varint, one behind the other. Mostly they are short enough to be read as one word: a byte for each length, and
/// at most six for the varint.
#[inline(always)]
pub(super) fn take_lengths_and_varint(bytes: &[u8], at: &mut usize) -> Option<(usize, usize, u64)> {
    const LONG: u64 = 0x8080;
    const LAST: u64 = 0x8080_8080_8080;
    let word = u64_at(bytes, *at).unwrap_or(LONG);
    let ends = !(word >> 16) & LAST;
    if word & LONG == 0 && ends != 0 {
        let bits = ends.trailing_zeros() + 1;
        *at += 2 + bits as usize / 8;
        let varint = join_groups(word >> 16 & !LAST & u64::MAX >> (u64::BITS - bits));
        return Some(((word & 0x7f) as usize, (word >> 8 & 0x7f) as usize, varint));
    }
    Some((take_len(bytes, at)?, take_len(bytes, at)?, take_varint(bytes, at)?))
}

fn take_varint_by_bytes(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        if shift == 63 && byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// A varint that is a length within a file.
#[inline]
pub(super) fn take_len(bytes: &[u8], at: &mut usize) -> Option<usize> {
    if let Some(&byte) = bytes.get(*at)
        && byte < 0x80
    {
        *at += 1;
        return Some(usize::from(byte));
    }
    let len = take_long_varint(bytes, at)?;
    if len <= u64::from(u32::MAX) { usize::try_from(len).ok() } else { None }
}

/// Bytes that two keys begin with alike.
pub(super) fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(x, y)| x == y).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn varints_round_trip_and_refuse_excess() {
        let powers = (0..64).map(|bits| 1 << bits).flat_map(|power: u64| [power - 1, power, power + power / 3]);
        for value in powers.chain([300, 0x0123_4567_89ab_cdef, u64::MAX - 1, u64::MAX]) {
            let mut out = Vec::new();
            put_varint(value, &mut out);
            let len = out.len();
            assert_eq!(take_varint(&out[..len - 1], &mut 0), None);
            for more in 0..9 {
                out.resize(len + more, 0x81);
                let mut at = 0;
                assert_eq!(take_varint(&out, &mut at), Some(value));
                assert_eq!(at, len);
            }
        }
        assert_eq!(take_varint(&[0xff; 12], &mut 0), None);
        assert_eq!(take_varint(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2], &mut 0), None);
    }

    #[test]
    fn headers_tell_news_from_damage() {
        let identity = Identity { database_id: 7, file: 3 };
        let header = identity.encode_header(false);
        identity.check_header(&header).unwrap();
        let other = Identity { database_id: 8, file: 3 };
        assert_eq!(other.check_header(&header).unwrap_err().kind(), ErrorKind::Corrupt);
        let mut older = header;
        older[8] = 1;
        let crc = crc32fast::hash(&older[..36]);
        older[36..].copy_from_slice(&crc.to_le_bytes());
        let versions =
            [&header, &older, &identity.encode_header(true)].map(|header| identity.check_header(header).unwrap());
        assert_eq!(versions, [(VERSION, false), (1, false), (VERSION, true)]);
        for (at, change) in [(8, 1), (12, 2)] {
            let mut newer = header;
            newer[at] += change;
            assert_eq!(identity.check_header(&newer).unwrap_err().kind(), ErrorKind::Corrupt);
            let crc = crc32fast::hash(&newer[..36]);
            newer[36..].copy_from_slice(&crc.to_le_bytes());
            assert_eq!(identity.check_header(&newer).unwrap_err().kind(), ErrorKind::Incompatible);
        }
    }

    #[test]
    fn footers_round_trip_and_belong_to_one_place() {
        let identity = Identity { database_id: 7, file: 3 };
        let footer = Footer {
            records_end: 100,
            dictionary_end: 150,
            directory_end: 19_961,
            hash_blocks: 1,
            collections: 3,
            entries: 9,
            max_token: 5,
            sums_crc: 17,
            ..Footer::default()
        };
        for (version, at) in [(1, 20_008), (VERSION, 20_040)] {
            let plan = Plan { version, records_at: HEADER_BYTES as u64, sum_bytes: 4 };
            let footer = Footer { plan, ..footer.clone() };
            let bytes = footer.encode(identity, at);
            assert_eq!(Footer::decode(&bytes, identity, version, at).unwrap(), footer);
            assert!(Footer::decode(&bytes, identity, 3 - version, at).is_err());
            assert!(Footer::decode(&bytes, identity, version, at + 1).is_err());
            assert!(Footer::decode(&bytes, Identity { database_id: 7, file: 4 }, version, at).is_err());
            assert!(Footer::decode(&bytes[..135], identity, version, at).is_err());
        }
    }
}
