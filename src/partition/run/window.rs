//! What a walk upwards has in memory of a run that is neither mapped nor decrypted as a whole: a stretch of a few pages.
//!
//! The first page comes from the page cache, since most walks are short. A walk that goes on reads several pages
//! at once and past the cache. Where a record passes the end of the stretch, the next stretch begins with the record,
//! so that no page is read twice. Items refer to the stretch: one that a program keeps keeps at most 80 KiB.

use super::{
    format::{HEAD_BYTES, PAGE_BYTES, u32_at},
    source::Source,
};
use crate::{
    error::Result,
    item::{Dictionary, NamedBytes},
};
use bytes::Bytes;
use std::sync::Arc;

/// Pages of the first stretch of a walk, of the second, and so on. The first is the page that the walk has come from, as a rule.
const PAGES: [u64; 3] = [1, 2, 4];

/// A stretch of a run, verified.
#[derive(Clone, Debug)]
pub(super) struct Window {
    /// Where it begins in the file; it ends at the end of a page.
    start: u64,
    bytes: Bytes,
    /// What its items refer to.
    named: Arc<NamedBytes>,
    /// Which stretch of the walk it is.
    step: usize,
}

impl Window {
    /// The window that has the record at `offset`, as far as it fits: this one, or a new one. `end` is the end of all records.
    pub(super) fn at(
        source: &Source,
        names: &Arc<Dictionary>,
        before: Option<Box<Self>>,
        offset: u64,
        end: u64,
    ) -> Result<Box<Self>> {
        let before = match before {
            Some(window) if window.has_record(offset) => return Ok(window),
            before => before,
        };
        let step = before.as_ref().map_or(0, |window| window.step + 1).min(PAGES.len() - 1);
        let tail = before.as_ref().and_then(|window| window.bytes.get(window.place(offset)?..));
        let tail = tail.filter(|tail| tail.len() <= PAGE_BYTES).unwrap_or_default();
        let first = (offset + tail.len() as u64) / PAGE_BYTES as u64;
        let start = if tail.is_empty() { first * PAGE_BYTES as u64 } else { offset };
        let pages_end = end.div_ceil(PAGE_BYTES as u64);
        let load = |pages: u64| source.walk_on(tail, first, pages, pages_end);
        let (bytes, step) = match load(PAGES[step]) {
            // Damage further on is left to the reads that get there.
            Err(_) if PAGES[step] > 1 => (load(1)?, 0),
            loaded => (loaded?, step),
        };
        let named = Arc::new(NamedBytes::new(bytes.clone(), names.clone()));
        Ok(Box::new(Self { start, bytes, named, step }))
    }
    fn place(&self, offset: u64) -> Option<usize> {
        usize::try_from(offset.checked_sub(self.start)?).ok()
    }
    /// The record at `offset`, if all of it is here and none of it is behind `end`; also its flags.
    #[inline]
    pub(super) fn record(&self, offset: u64, end: u64) -> Option<(Bytes, u8)> {
        let start = self.place(offset)?;
        let rest = self.bytes.get(start..)?;
        let (len, flags) = (u32_at(rest, HEAD_BYTES - 5)? as usize, *rest.get(HEAD_BYTES - 1)?);
        let is_whole = len >= HEAD_BYTES && len <= rest.len() && len as u64 <= end.saturating_sub(offset);
        is_whole.then(|| (self.bytes.slice(start..start + len), flags))
    }
    /// What items of a record refer to, and where the record begins in that; `None` if it is not, or not wholly, in the window.
    #[inline]
    pub(super) fn named(&self, offset: u64, len: usize) -> Option<(&Arc<NamedBytes>, usize)> {
        let start = self.place(offset)?;
        (start.checked_add(len)? <= self.bytes.len()).then_some((&self.named, start))
    }
    /// Whether nothing more of the record at `offset` has to be read, or so much that it is no matter for a window.
    fn has_record(&self, offset: u64) -> bool {
        let Some(rest) = self.place(offset).and_then(|place| self.bytes.get(place..)) else { return false };
        let Some(len) = u32_at(rest, HEAD_BYTES - 5).filter(|_| rest.len() >= HEAD_BYTES) else { return false };
        let len = len as usize;
        len <= rest.len() || len > PAGES[PAGES.len() - 1] as usize * PAGE_BYTES
    }
}
