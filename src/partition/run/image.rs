//! An encrypted run that is read all over, decrypted as a whole, so that reads use it in place like a mapped one.
//!
//! Once as many pages were decrypted as half of the run has, each further one takes a few others along into the image,
//! until it is whole; so no read waits for long. The cache of pages lends the memory, as far as it has any.

use super::{
    format::PAGE_BYTES,
    page_cache::{Lease, PageCache},
};
use crate::error::Result;
use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU64, Ordering},
};

/// Once one of so many pages was decrypted, the image is begun.
const BEGIN_SHARE: u64 = 2;
/// Pages that a read takes along.
const STEP_PAGES: u64 = 4;

/// The image of one run, whole, growing or not begun.
#[derive(Debug, Default)]
pub(super) struct Image {
    whole: OnceLock<(Bytes, Lease)>,
    growing: Mutex<Option<Growing>>,
    decrypted_pages: AtomicU64,
}

/// A part of an image, from its begin.
#[derive(Debug)]
struct Growing {
    bytes: crate::cipher::ErasedImage,
    lease: Lease,
}

impl Image {
    /// The run as a whole.
    #[inline(always)]
    pub(super) fn whole(&self) -> Option<&Bytes> {
        self.whole.get().map(|(bytes, _)| bytes)
    }

    /// A page of a run of `len` bytes was decrypted for a read: takes others along where that pays. `page` decrypts one.
    /// True if the image became whole.
    pub(super) fn grow(&self, cache: &Arc<PageCache>, len: u64, mut page: impl FnMut(u64) -> Result<Bytes>) -> bool {
        let pages = len.div_ceil(PAGE_BYTES as u64);
        if self.decrypted_pages.fetch_add(1, Ordering::Relaxed) * BEGIN_SHARE < pages || self.whole().is_some() {
            return false;
        }
        // One reader at a time; others go on with their pages.
        let Some(mut growing) = self.growing.try_lock() else { return false };
        if growing.is_none() {
            let Some(lease) = usize::try_from(len).ok().and_then(|len| PageCache::lease(cache, len)) else {
                return false;
            };
            *growing = Some(Growing { bytes: crate::cipher::ErasedImage::with_capacity(len as usize), lease });
        }
        let Some(image) = growing.as_mut() else { return false };
        let begin = (image.bytes.len() / PAGE_BYTES) as u64;
        for number in begin..pages.min(begin + STEP_PAGES) {
            // Damage is left to the read that wants the page.
            let Ok(bytes) = page(number) else {
                *growing = None;
                self.decrypted_pages.store(0, Ordering::Relaxed);
                return false;
            };
            image.bytes.extend(&bytes);
        }
        if (image.bytes.len() as u64) < len {
            return false;
        }
        let Some(Growing { bytes, lease }) = growing.take() else { return false };
        self.whole.set((bytes.freeze(), lease)).is_ok()
    }
}
