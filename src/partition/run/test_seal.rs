//! Right checksums over wrong bytes, for tests and fuzz targets.
//!
//! Checksums keep nearly all damage away from the code behind them. That code must be safe by itself all the
//! same: a program that can write a file can write its checksums too. So a forged run is sealed like a true one, and is then read.

use super::format::{FOOTER_BYTES, Footer, Identity, PAGE_BYTES, u32_at};
use crate::manifest::RunMeta;

/// Bytes of the footer before its own checksum.
const FOOTER_CHECKED_BYTES: usize = FOOTER_BYTES - 4;

/// Sets the checksums of what is meant to be a run with this number of this database, as far as its footer says where
/// they are, and returns the facts that its manifest would hold. `None` if there is no room for a footer.
pub fn seal(bytes: &mut [u8], database_id: u64, file: u64) -> Option<RunMeta> {
    let identity = Identity { database_id, file };
    let at = bytes.len().checked_sub(FOOTER_BYTES)?;
    let footer_at = at as u64;
    let crc = identity.crc(footer_at, bytes.get(at..at + FOOTER_CHECKED_BYTES)?);
    bytes.get_mut(at + FOOTER_CHECKED_BYTES..)?.copy_from_slice(&crc.to_le_bytes());
    let facts = RunMeta { file, bytes: bytes.len() as u64, footer: footer_at, ..RunMeta::default() };
    let version = u32_at(bytes, 8)?;
    let Ok(mut footer) = Footer::decode(bytes.get(at..)?, identity, version, footer_at) else { return Some(facts) };
    let sums_at = usize::try_from(footer.sums_at()).ok()?;
    let (covered, rest) = bytes.split_at_mut(sums_at);
    let pages = covered.chunks(PAGE_BYTES).enumerate();
    let sums: Vec<u8> =
        pages.flat_map(|(page, bytes)| identity.crc((page * PAGE_BYTES) as u64, bytes).to_le_bytes()).collect();
    let (room, end) = rest.split_at_mut(at - sums_at);
    room.copy_from_slice(&sums);
    footer.sums_crc = identity.crc(footer.sums_at(), &sums);
    end.copy_from_slice(&footer.encode(identity, footer_at));
    Some(RunMeta {
        entries: footer.entries,
        tombstones: footer.tombstones,
        logical_bytes: footer.logical_bytes,
        min_token: footer.min_token,
        max_token: footer.max_token,
        min_seqno: footer.min_seqno,
        max_seqno: footer.max_seqno,
        ..facts
    })
}
