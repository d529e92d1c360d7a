//! An encrypted run that is read all over, decrypted as a whole, so that reads use it in place like a mapped one.
//!
//! Once as many pages were decrypted as half of the run has, each further one takes a few others along into the image,
//! until it is whole; so no read waits for long. A walk decrypts what it needs past the image, unless everything was decrypted
//! before. The cache of pages lends the memory, as far as it has any.

use super::{
    format::PAGE_BYTES,
    page_cache::{Lease, PageCache},
};
use crate::{cipher::ErasedImage, error::Result};
use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU64, Ordering},
};

/// Once one of so many pages was decrypted, the image is begun.
const BEGIN_SHARE: u64 = 2;
/// A walk through all records leaves out less than one of so many pages.
const WALKED_SHARE: u64 = 4;
/// Pages that a read takes along.
const STEP_PAGES: u64 = 4;

/// The image of one run, whole, growing or not begun.
#[derive(Debug, Default)]
pub(super) struct Image {
    whole: OnceLock<(Bytes, Lease)>,
    growing: Mutex<Option<Growing>>,
    /// Pages that single reads decrypted, and that walks did.
    decrypted_pages: AtomicU64,
    walked_pages: AtomicU64,
}

/// A part of an image, from its begin.
#[derive(Debug)]
struct Growing {
    bytes: ErasedImage,
    lease: Lease,
}

impl Image {
    /// The run as a whole.
    #[inline(always)]
    pub(super) fn whole(&self) -> Option<&Bytes> {
        self.whole.get().map(|(bytes, _)| bytes)
    }

    /// A page of a run of `len` bytes was decrypted for a read: takes others along where that pays. `load` decrypts pages from
    /// one on into memory. True if the image became whole.
    pub(super) fn grow(
        &self,
        cache: &Arc<PageCache>,
        len: u64,
        load: impl FnOnce(u64, &mut [u8]) -> Result<()>,
    ) -> bool {
        let pages = len.div_ceil(PAGE_BYTES as u64);
        if self.decrypted_pages.fetch_add(1, Ordering::Relaxed) * BEGIN_SHARE < pages || self.whole().is_some() {
            return false;
        }
        self.extend(cache, len, |image| {
            let begin = image.len();
            let bytes = (STEP_PAGES as usize * PAGE_BYTES).min(len as usize - begin);
            load((begin / PAGE_BYTES) as u64, image.append(bytes)).is_ok()
        })
    }

    /// A walk decrypted pages of a run of `len` bytes, from `first` on: keeps them if they are the next ones of the image, and
    /// if walks went through about all of the run before. With the last record, `is_last`, the image gets what no walk comes to.
    /// A walk that comes by once leaves no image.
    pub(super) fn walk(
        &self,
        cache: &Arc<PageCache>,
        len: u64,
        (first, bytes): (u64, &[u8]),
        is_last: bool,
        load: impl Fn(u64, &mut [u8]) -> Result<()>,
    ) {
        let (all, pages) = (len.div_ceil(PAGE_BYTES as u64), bytes.len().div_ceil(PAGE_BYTES) as u64);
        let walked = self.walked_pages.fetch_add(pages, Ordering::Relaxed);
        let is_next = |len: usize| (len / PAGE_BYTES) as u64 + STEP_PAGES >= first;
        let is_begun = || self.growing.try_lock().is_some_and(|growing| growing.is_some());
        if walked + walked / WALKED_SHARE < all || self.whole().is_some() || !(is_next(0) || is_begun()) {
            return;
        }
        self.extend(cache, len, |image| {
            // A walk takes its first pages from the cache, and begins before the end of another: a few may be missing, or there.
            let begin = first as usize * PAGE_BYTES;
            let known = image.len().saturating_sub(begin);
            if !is_next(image.len()) || known > bytes.len() {
                return true;
            }
            let append = |image: &mut ErasedImage, bytes: usize| {
                let from = (image.len() / PAGE_BYTES) as u64;
                bytes == 0 || load(from, image.append(bytes)).is_ok()
            };
            let is_right = append(image, begin.saturating_sub(image.len()));
            image.extend(&bytes[known..]);
            is_right && (!is_last || append(image, len as usize - image.len()))
        });
    }

    /// Has `more` extend the image, which is begun if it was not; what it says is whether the image is still right. True if it
    /// became whole.
    fn extend(&self, cache: &Arc<PageCache>, len: u64, more: impl FnOnce(&mut ErasedImage) -> bool) -> bool {
        // One reader at a time; others go on with their pages.
        let Some(mut growing) = self.growing.try_lock() else { return false };
        if growing.is_none() && self.whole().is_none() {
            let Some(lease) = usize::try_from(len).ok().and_then(|len| PageCache::lease(cache, len)) else {
                return false;
            };
            *growing = Some(Growing { bytes: ErasedImage::with_capacity(len as usize), lease });
        }
        let Some(image) = growing.as_mut() else { return false };
        if !more(&mut image.bytes) {
            // Damage is left to the read that wants the page.
            *growing = None;
            self.decrypted_pages.store(0, Ordering::Relaxed);
            self.walked_pages.store(0, Ordering::Relaxed);
            return false;
        }
        if (image.bytes.len() as u64) < len {
            return false;
        }
        let Some(Growing { bytes, lease }) = growing.take() else { return false };
        self.whole.set((bytes.freeze(), lease)).is_ok()
    }
}
