//! Verified access to the bytes of a run, in place or through the page cache.
//!
//! Whoever reads says which bytes, and gets them only if the checksums of all pages that they lie on are right. In a
//! mapped file a page is verified when it is first touched, one bit per page remembers that, and the bytes are used in
//! place. Otherwise pages are read and verified on their way into the cache, and bytes that lie on several pages are
//! put together in a buffer of their own.

use super::{
    format::{FOOTER_BYTES, Footer, HEADER_BYTES, Identity, PAGE_BYTES, u32_at},
    page_cache::PageCache,
};
use crate::{error::Result, file::ReadableFile};
use bytes::{Bytes, BytesMut};
use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Longer stretches are read at once and past the cache.
const CACHED_PAGES_MAX: u64 = 4;

/// The bytes of a run before its checksums.
#[derive(Debug)]
pub(super) struct Source {
    identity: Identity,
    file: Arc<dyn ReadableFile>,
    map: Option<Bytes>,
    cache: Arc<PageCache>,
    sums: Bytes,
    /// One bit per page of a mapped file that has been verified. The bytes under a bit never change, so that it guards
    /// no other memory; two threads may verify the same page once each.
    verified: Box<[AtomicU64]>,
    len: u64,
}

/// A verified stretch of a run. Stays valid as long as its source, without borrowing from it.
#[derive(Clone, Debug, Default)]
pub(super) struct Span {
    start: usize,
    end: usize,
    /// The bytes, unless the source is mapped.
    own: Option<Bytes>,
}

impl Source {
    /// Reads header, footer and checksums of a file that ends with a footer at `footer`.
    pub(super) fn open(
        identity: Identity,
        file: Arc<dyn ReadableFile>,
        cache: Arc<PageCache>,
        footer: u64,
    ) -> Result<(Self, Footer)> {
        let map = file.mapped();
        let raw = |offset: u64, len: u64| match (&map, usize::try_from(offset), usize::try_from(len)) {
            (Some(map), Ok(offset), Ok(len)) if offset.checked_add(len).is_some_and(|end| end <= map.len()) => {
                Ok(map.slice(offset..offset + len))
            }
            (None, Ok(_), Ok(len)) if offset.checked_add(len as u64).is_some_and(|end| end <= file.len()) => {
                file.read_at(offset, len)
            }
            _ => Err(identity.corrupt(offset, "the file ends too early")),
        };
        identity.check_header(&raw(0, HEADER_BYTES as u64)?)?;
        let facts = Footer::decode(&raw(footer, FOOTER_BYTES as u64)?, identity, footer)?;
        let len = facts.sums_at();
        let sums = raw(len, footer - len)?;
        if identity.crc(len, &sums) != facts.sums_crc {
            return Err(identity.corrupt(len, "checksum of the checksums differs"));
        }
        let words = if map.is_some() { len.div_ceil(PAGE_BYTES as u64).div_ceil(64) } else { 0 };
        let verified = (0..words).map(|_| AtomicU64::new(0)).collect();
        Ok((Self { identity, file, map, cache, sums, verified, len }, facts))
    }
    pub(super) fn is_mapped(&self) -> bool {
        self.map.is_some()
    }
    fn page_range(&self, page: u64) -> Range<u64> {
        let start = page * PAGE_BYTES as u64;
        start..(start + PAGE_BYTES as u64).min(self.len)
    }
    fn check_page(&self, page: u64, bytes: &[u8]) -> Result<()> {
        let start = self.page_range(page).start;
        let sum = usize::try_from(page).ok().and_then(|page| u32_at(&self.sums, page.checked_mul(4)?));
        if sum == Some(self.identity.crc(start, bytes)) {
            Ok(())
        } else {
            Err(self.identity.corrupt(start, format!("checksum of {} bytes differs", bytes.len())))
        }
    }
    /// The bytes from `offset`, verified.
    #[inline]
    pub(super) fn span(&self, offset: u64, len: usize) -> Result<Span> {
        let end = offset.checked_add(len as u64).filter(|end| *end <= self.len);
        let (Some(end), Ok(start)) = (end, usize::try_from(offset)) else {
            return Err(self.identity.corrupt(offset, "a record passes the end of its section"));
        };
        if len == 0 {
            return Ok(Span { own: Some(Bytes::new()), ..Span::default() });
        }
        let (first, last) = (offset / PAGE_BYTES as u64, (end - 1) / PAGE_BYTES as u64);
        let Some(map) = &self.map else {
            return Ok(Span { start: 0, end: len, own: Some(self.gather(offset, len, first, last)?) });
        };
        for page in first..=last {
            let word = &self.verified[(page / 64) as usize];
            if word.load(Ordering::Relaxed) >> (page % 64) & 1 == 0 {
                self.verify_mapped(map, page)?;
            }
        }
        Ok(Span { start, end: start + len, own: None })
    }
    #[cold]
    fn verify_mapped(&self, map: &Bytes, page: u64) -> Result<()> {
        let range = self.page_range(page);
        self.check_page(page, &map[range.start as usize..range.end as usize])?;
        self.verified[(page / 64) as usize].fetch_or(1 << (page % 64), Ordering::Relaxed);
        Ok(())
    }
    fn read_page(&self, page: u64) -> Result<Bytes> {
        let id = (self.identity.file, page);
        if let Some(bytes) = self.cache.get(id) {
            return Ok(bytes);
        }
        let range = self.page_range(page);
        let bytes = self.file.read_at(range.start, (range.end - range.start) as usize)?;
        self.check_page(page, &bytes)?;
        self.cache.insert(id, bytes.clone());
        Ok(bytes)
    }
    /// `len` bytes from `offset`, which lie on the pages `first` to `last`.
    fn gather(&self, offset: u64, len: usize, first: u64, last: u64) -> Result<Bytes> {
        let skip = (offset - first * PAGE_BYTES as u64) as usize;
        let short = || self.identity.corrupt(offset, "a page is shorter than it should be");
        if first == last {
            let page = self.read_page(first)?;
            return if skip + len <= page.len() { Ok(page.slice(skip..skip + len)) } else { Err(short()) };
        }
        if last - first >= CACHED_PAGES_MAX {
            let (start, end) = (self.page_range(first).start, self.page_range(last).end);
            let bytes = self.file.read_at(start, (end - start) as usize)?;
            for (page, bytes) in (first..=last).zip(bytes.chunks(PAGE_BYTES)) {
                self.check_page(page, bytes)?;
            }
            return if skip + len <= bytes.len() { Ok(bytes.slice(skip..skip + len)) } else { Err(short()) };
        }
        let mut bytes = BytesMut::with_capacity(len);
        for page in first..=last {
            let page = self.read_page(page)?;
            let from = if bytes.is_empty() { skip.min(page.len()) } else { 0 };
            let to = page.len().min(from + len - bytes.len());
            bytes.extend_from_slice(&page[from..to]);
        }
        if bytes.len() == len { Ok(bytes.freeze()) } else { Err(short()) }
    }
    /// The bytes of a span of this source.
    #[inline]
    pub(super) fn bytes<'a>(&'a self, span: &'a Span) -> &'a [u8] {
        match (&span.own, &self.map) {
            (Some(own), _) => own,
            (None, Some(map)) => map.get(span.start..span.end).unwrap_or_default(),
            (None, None) => &[],
        }
    }
    /// A part of a span as a handle that outlives the source; `None` if it passes the span's end.
    #[inline]
    pub(super) fn share(&self, span: &Span, part: Range<usize>) -> Option<Bytes> {
        if part.start > part.end || part.end > span.end - span.start {
            return None;
        }
        match (&span.own, &self.map) {
            (Some(own), _) => Some(own.slice(part)),
            (None, Some(map)) => Some(map.slice(span.start + part.start..span.start + part.end)),
            (None, None) => None,
        }
    }
    /// Verifies every page anew, whatever was verified before.
    pub(super) fn verify_all(&self) -> Result<()> {
        for page in 0..self.len.div_ceil(PAGE_BYTES as u64) {
            let range = self.page_range(page);
            match &self.map {
                Some(map) => self.check_page(page, &map[range.start as usize..range.end as usize])?,
                None => self.check_page(page, &self.file.read_at(range.start, (range.end - range.start) as usize)?)?,
            }
        }
        Ok(())
    }
}
