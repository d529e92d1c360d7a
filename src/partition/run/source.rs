//! Verified access to the bytes of a run, in place or through the page cache.
//!
//! A reader says which bytes it wants, and gets them only if the checksums of all pages that they are on are right. In a
//! mapped file a page is verified when it is first touched, one bit per page remembers that, and the bytes are used in
//! place. Otherwise pages are read and verified on their way into the cache, and bytes that are on several pages are
//! put together in a buffer of their own.

use super::{
    format::{Footer, Identity, PAGE_BYTES},
    image::Image,
    page_cache::PageCache,
    page_protection::{MAX_HEADER_BYTES, PageProtection},
};
use crate::{
    cipher::ErasedImage,
    error::{Error, Result},
    file::ReadableFile,
    format::protection::Protection,
    manifest::RunMeta,
};
use bytes::Bytes;
use std::{
    ops::{Deref, Range},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

/// A walk through a mapped file that has come so far, in pages, has what follows loaded before it gets there.
const SHORT_WALK_PAGES: u32 = 4;
/// As many pages at a time.
const READ_AHEAD_PAGES: u32 = 64;
/// Longer stretches are read at once and past the cache.
const CACHED_PAGES_MAX: u64 = 4;
/// Once reads have verified one of so many pages, each further page that a read verifies takes others along.
const SCRUB_SHARE: u64 = 2;
/// How many, so that a file which is read all over is soon wholly verified.
const SCRUB_PAGES: u64 = 4;

/// The bytes of a run before its checksums.
#[derive(Debug)]
pub(super) struct Source {
    identity: Identity,
    protection: PageProtection,
    file: Arc<dyn ReadableFile>,
    map: Option<Bytes>,
    cache: Arc<PageCache>,
    /// All of an encrypted file, once that pays.
    image: Image,
    sums: Bytes,
    /// One bit per page of a mapped file that has been verified. The bytes under a bit never change, so that it guards
    /// no other memory; two threads may verify the same page once each.
    verified: Box<[AtomicU64]>,
    verified_pages: AtomicU64,
    /// All pages of a mapped file have been verified, so that reads need not look at the bits any more.
    is_whole: AtomicBool,
    /// The page before which no more are looked for that reads have not verified.
    scrubbed: AtomicU64,
    len: u64,
}

/// Where a look-up takes verified bytes from: a [`Source`], which checks the pages, or a [`Whole`], which need not.
pub(super) trait Access<'a>: Copy {
    /// Bytes that were taken.
    type Piece: Deref<Target = [u8]> + Into<Piece<'a>>;
    /// The bytes from `offset`, verified.
    fn piece(self, offset: u64, len: usize) -> Result<Self::Piece>;
}

impl<'a> Access<'a> for &'a Source {
    type Piece = Piece<'a>;
    #[inline(always)]
    fn piece(self, offset: u64, len: usize) -> Result<Piece<'a>> {
        Source::piece(self, offset, len)
    }
}

/// A mapped file, all of whose pages have been verified.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whole<'a> {
    source: &'a Source,
    bytes: &'a [u8],
}

impl<'a> Access<'a> for Whole<'a> {
    type Piece = &'a [u8];
    #[inline(always)]
    fn piece(self, offset: u64, len: usize) -> Result<&'a [u8]> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        match self.bytes.get(start..).and_then(|bytes| bytes.get(..len)) {
            Some(bytes) => Ok(bytes),
            None => Err(self.source.passes_end(offset)),
        }
    }
}

/// A verified stretch of a run.
#[derive(Clone, Debug)]
pub(super) enum Piece<'a> {
    /// In a mapped file, in place.
    InPlace(&'a [u8]),
    /// Read into memory.
    Own(Bytes),
}

impl<'a> From<&'a [u8]> for Piece<'a> {
    #[inline(always)]
    fn from(bytes: &'a [u8]) -> Self {
        Self::InPlace(bytes)
    }
}

impl Deref for Piece<'_> {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::InPlace(bytes) => bytes,
            Self::Own(bytes) => bytes,
        }
    }
}

impl Source {
    /// Reads header, footer and checksums of a file that the manifest knows.
    pub(super) fn open(
        identity: Identity,
        protection: &Protection,
        file: Arc<dyn ReadableFile>,
        cache: Arc<PageCache>,
        known: &RunMeta,
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
        let footer = known.footer;
        let first_bytes = raw(0, footer.min(MAX_HEADER_BYTES as u64))?;
        let (pages, version) = PageProtection::read(identity, protection, known, &first_bytes)?;
        let facts = pages.open_footer(&raw(footer, known.bytes.saturating_sub(footer))?, version, footer)?;
        let len = facts.sums_at();
        let sums = raw(len, footer - len)?;
        if identity.crc(len, &sums) != facts.sums_crc {
            return Err(identity.corrupt(len, "checksum of the checksums differs"));
        }
        let words = if map.is_some() { len.div_ceil(PAGE_BYTES as u64).div_ceil(64) } else { 0 };
        let source = Self {
            identity,
            protection: pages,
            file,
            map,
            cache,
            image: Image::default(),
            sums,
            verified: (0..words).map(|_| AtomicU64::new(0)).collect(),
            verified_pages: AtomicU64::new(0),
            is_whole: AtomicBool::new(false),
            scrubbed: AtomicU64::new(0),
            len,
        };
        Ok((source, facts))
    }
    /// The file without the checks of its pages, once all of them have been verified.
    #[inline(always)]
    pub(super) fn whole(&self) -> Option<Whole<'_>> {
        let bytes = match &self.map {
            Some(map) if self.is_whole.load(Ordering::Relaxed) => map.get(..self.len as usize)?,
            Some(_) => return None,
            None => self.image.whole()?,
        };
        Some(Whole { source: self, bytes })
    }
    /// Whether the file is mapped.
    pub(super) fn is_mapped(&self) -> bool {
        self.map.is_some()
    }
    /// The whole file in place, if it is mapped or decrypted as a whole.
    pub(super) fn in_one_piece(&self) -> Option<&Bytes> {
        self.map.as_ref().or_else(|| self.image.whole())
    }
    fn page_range(&self, page: u64) -> Range<u64> {
        let start = page * PAGE_BYTES as u64;
        start..(start + PAGE_BYTES as u64).min(self.len)
    }
    /// Checks a page of a mapped file, which is not encrypted.
    fn check_page(&self, page: u64, bytes: &[u8]) -> Result<()> {
        self.protection.check_page(page, self.page_range(page).start, bytes, &self.sums)
    }
    /// The bytes from `offset`, verified.
    #[inline(always)]
    pub(super) fn piece(&self, offset: u64, len: usize) -> Result<Piece<'_>> {
        match &self.map {
            Some(map) => self.in_place(map, offset, len).map(Piece::InPlace),
            None => self.decrypted_or_read(offset, len),
        }
    }
    #[inline]
    fn decrypted_or_read(&self, offset: u64, len: usize) -> Result<Piece<'_>> {
        match self.image.whole() {
            Some(bytes) => Whole { source: self, bytes }.piece(offset, len).map(Piece::InPlace),
            None => self.read(offset, len).map(Piece::Own),
        }
    }
    #[inline(always)]
    fn in_place<'a>(&'a self, map: &'a Bytes, offset: u64, len: usize) -> Result<&'a [u8]> {
        let end = offset.wrapping_add(len as u64);
        let (first, last) = (offset / PAGE_BYTES as u64, end.wrapping_sub(1) / PAGE_BYTES as u64);
        // `self.len` is not above the length of the map. A stretch of no bytes takes the long way.
        if offset < end && end <= self.len && self.is_verified(first, last) {
            return map.get(offset as usize..end as usize).ok_or_else(|| self.passes_end(offset));
        }
        self.in_place_at_first(map, offset, len)
    }
    #[cold]
    fn in_place_at_first<'a>(&'a self, map: &'a Bytes, offset: u64, len: usize) -> Result<&'a [u8]> {
        if len == 0 {
            return Ok(&[]);
        }
        let end = offset.checked_add(len as u64).filter(|end| *end <= self.len);
        let end = end.ok_or_else(|| self.passes_end(offset))?;
        let pages = offset / PAGE_BYTES as u64..end.div_ceil(PAGE_BYTES as u64);
        self.will_need(pages.clone());
        for page in pages {
            self.verify_mapped(map, page)?;
        }
        self.scrub(map);
        map.get(offset as usize..end as usize).ok_or_else(|| self.passes_end(offset))
    }
    /// Whether all pages from `first` to `last` have been verified; those of one word are looked at together.
    #[inline(always)]
    fn is_verified(&self, first: u64, last: u64) -> bool {
        let mut page = first;
        loop {
            let end = last.min(page | 63);
            let wanted = (u64::MAX >> (63 - (end - page))) << (page % 64);
            let word = self.verified.get((page / 64) as usize).map_or(0, |word| word.load(Ordering::Relaxed));
            if word & wanted != wanted || end == last {
                return word & wanted == wanted;
            }
            page = end + 1;
        }
    }
    /// Loads a byte of a mapped file, for nothing but having it in the cache.
    #[inline]
    pub(super) fn touch(&self, offset: u64) -> u64 {
        let Some(map) = &self.map else { return 0 };
        let byte = usize::try_from(offset).ok().and_then(|offset| map.get(offset));
        u64::from(byte.copied().unwrap_or_default())
    }
    fn will_need(&self, pages: Range<u64>) {
        self.file.will_need(pages.start * PAGE_BYTES as u64, (pages.end - pages.start) * PAGE_BYTES as u64);
    }
    /// For a walk that is at `offset`: has what follows loaded in time. `ahead` is the page that the walk was told last,
    /// 0 at its begin; the answer is for the next time.
    #[inline]
    pub(super) fn read_ahead(&self, offset: u64, ahead: u32) -> u32 {
        // A file of more pages than this is not read ahead.
        let page = u32::try_from(offset / PAGE_BYTES as u64).unwrap_or(u32::MAX);
        match ahead {
            0 => page.saturating_add(2 * SHORT_WALK_PAGES),
            _ if page.saturating_add(SHORT_WALK_PAGES) < ahead => ahead,
            _ => {
                let (start, end) = (ahead.max(page), ahead.max(page).saturating_add(READ_AHEAD_PAGES));
                self.will_need(u64::from(start)..u64::from(end));
                end
            }
        }
    }
    #[cold]
    fn passes_end(&self, offset: u64) -> Error {
        self.identity.corrupt(offset, "a record passes the end of its section")
    }
    fn verify_mapped(&self, map: &Bytes, page: u64) -> Result<()> {
        if self.is_verified(page, page) {
            return Ok(());
        }
        let range = self.page_range(page);
        self.check_page(page, &map[range.start as usize..range.end as usize])?;
        let bit = 1 << (page % 64);
        if self.verified[(page / 64) as usize].fetch_or(bit, Ordering::Relaxed) & bit == 0 {
            let verified = self.verified_pages.fetch_add(1, Ordering::Relaxed) + 1;
            if verified == self.pages() {
                self.is_whole.store(true, Ordering::Relaxed);
            }
        }
        Ok(())
    }
    fn pages(&self) -> u64 {
        self.len.div_ceil(PAGE_BYTES as u64)
    }
    /// Verifies a few pages that no read has touched, if many have been: a run that is read all over is soon wholly
    /// verified. A damaged page stays unverified; the read that wants it reports it.
    fn scrub(&self, map: &Bytes) {
        let verified = self.verified_pages.load(Ordering::Relaxed);
        if verified == self.pages() || verified * SCRUB_SHARE < self.pages() {
            return;
        }
        let mut page = self.scrubbed.load(Ordering::Relaxed);
        let mut left = SCRUB_PAGES;
        while left > 0 && page < self.pages() {
            if !self.is_verified(page, page) {
                left -= 1;
                let _damage_is_left_to_the_read_that_wants_it = self.verify_mapped(map, page);
            }
            page += 1;
        }
        self.scrubbed.fetch_max(page, Ordering::Relaxed);
    }
    fn read(&self, offset: u64, len: usize) -> Result<Bytes> {
        if len == 0 {
            return Ok(Bytes::new());
        }
        let end = offset.checked_add(len as u64).filter(|end| *end <= self.len);
        let end = end.ok_or_else(|| self.passes_end(offset))?;
        self.gather(offset, len, offset / PAGE_BYTES as u64, (end - 1) / PAGE_BYTES as u64)
    }
    /// A page, verified, from the cache if it is there.
    pub(super) fn read_page(&self, page: u64) -> Result<Bytes> {
        let id = (self.identity.file, page);
        if let Some(bytes) = self.cache.get(id) {
            return Ok(bytes);
        }
        let bytes = self.load_page(page)?;
        self.cache.insert(id, bytes.clone());
        if self.protection.is_encrypted() {
            self.image.grow(&self.cache, self.len, |first, pages| self.load_pages(first, pages));
        }
        Ok(bytes)
    }
    /// A page from the file, checked and decrypted.
    fn load_page(&self, page: u64) -> Result<Bytes> {
        let range = self.page_range(page);
        let len = (range.end - range.start) as usize;
        if self.protection.is_encrypted() {
            let mut buffer = self.cache.buffers().take(len);
            self.load_pages(page, buffer.as_mut())?;
            return Ok(buffer.freeze());
        }
        let bytes = self.file.read_at(range.start, len)?;
        self.check_page(page, &bytes)?;
        Ok(bytes)
    }
    /// Pages from the file, checked and decrypted in `pages`, which has room for as many as shall be read from `first` on.
    fn load_pages(&self, first: u64, pages: &mut [u8]) -> Result<()> {
        let start = self.page_range(first).start;
        self.file.read_into(start, pages)?;
        for (number, page) in (0..).zip(pages.chunks_mut(PAGE_BYTES)) {
            self.protection.open_page(first + number, start + number * PAGE_BYTES as u64, page, &self.sums)?;
        }
        Ok(())
    }
    /// Some of the pages from `first` up to `last`, for a walk that has come there, behind `tail`, which it has already.
    pub(super) fn walk_on(&self, tail: &[u8], first: u64, pages: u64, last: u64) -> Result<Bytes> {
        let end_page = last.min(first + pages);
        let (start, end) = (self.page_range(first).start.min(self.len), self.page_range(end_page).start.min(self.len));
        let mut buffer = self.cache.windows().take(tail.len() + end.saturating_sub(start) as usize);
        let (kept, pages) = buffer.as_mut().split_at_mut(tail.len());
        kept.copy_from_slice(tail);
        if pages.len() <= PAGE_BYTES && !pages.is_empty() {
            // A walk that may be short leaves its pages in the cache.
            let page = self.read_page(first)?;
            pages.copy_from_slice(page.get(..pages.len()).ok_or_else(|| self.passes_end(start))?);
        } else {
            self.load_pages(first, pages)?;
        }
        if self.protection.is_encrypted() {
            let load = |first: u64, pages: &mut [u8]| self.load_pages(first, pages);
            self.image.walk(&self.cache, self.len, (first, pages), end_page == last, load);
        }
        Ok(buffer.freeze())
    }
    /// `len` bytes from `offset`, which are on the pages `first` to `last`.
    fn gather(&self, offset: u64, len: usize, first: u64, last: u64) -> Result<Bytes> {
        let skip = (offset - first * PAGE_BYTES as u64) as usize;
        let short = || self.identity.corrupt(offset, "a page is shorter than it should be");
        if first == last {
            let page = self.read_page(first)?;
            return if skip + len <= page.len() { Ok(page.slice(skip..skip + len)) } else { Err(short()) };
        }
        if last - first >= CACHED_PAGES_MAX {
            let (start, end) = (self.page_range(first).start, self.page_range(last).end);
            let count = (end - start) as usize;
            let bytes = if self.protection.is_encrypted() {
                let mut image = ErasedImage::with_capacity(count);
                self.load_pages(first, image.append(count))?;
                image.freeze()
            } else {
                let bytes = self.file.read_at(start, count)?;
                for (page, bytes) in (first..=last).zip(bytes.chunks(PAGE_BYTES)) {
                    self.check_page(page, bytes)?;
                }
                bytes
            };
            return if skip + len <= bytes.len() { Ok(bytes.slice(skip..skip + len)) } else { Err(short()) };
        }
        let buffers = if len <= PAGE_BYTES { self.cache.buffers() } else { self.cache.windows() };
        let mut buffer = buffers.take(len);
        let (mut rest, mut from) = (buffer.as_mut(), skip);
        for page in first..=last {
            let page = self.read_page(page)?;
            let (piece, behind) = rest.split_at_mut(rest.len().min(page.len().saturating_sub(from)));
            piece.copy_from_slice(&page[page.len().min(from)..][..piece.len()]);
            (rest, from) = (behind, 0);
        }
        if rest.is_empty() { Ok(buffer.freeze()) } else { Err(short()) }
    }
    /// Verifies every page anew, whatever was verified before.
    pub(super) fn verify_all(&self) -> Result<()> {
        let mut ahead = 0;
        for page in 0..self.pages() {
            let range = self.page_range(page);
            ahead = self.read_ahead(range.start, ahead);
            match &self.map {
                Some(map) => self.check_page(page, &map[range.start as usize..range.end as usize])?,
                None => drop(self.load_page(page)?),
            }
        }
        Ok(())
    }
}
