//! Memory for decrypted bytes: it is used again while there is use for it, and erased when it is given back.

use bytes::Bytes;
use parking_lot::Mutex;
use std::{fmt, sync::Arc};
use zeroize::Zeroizing;

/// Buffers that wait to be used again at most.
const SPARE_BUFFERS: usize = 64;

/// Buffers for pages of one size. To overwrite one with the next page costs nothing; to erase it takes as long as to
/// decrypt it.
#[derive(Default)]
pub struct ErasedBuffers(Mutex<Vec<Zeroizing<Vec<u8>>>>);

impl fmt::Debug for ErasedBuffers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ErasedBuffers({})", self.0.lock().len())
    }
}

/// Bytes that readers hold, which go back when the last one has gone.
struct Lent {
    bytes: Zeroizing<Vec<u8>>,
    home: Arc<ErasedBuffers>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut spare = self.home.0.lock();
        if spare.len() < SPARE_BUFFERS {
            spare.push(std::mem::take(&mut self.bytes));
        }
    }
}

impl ErasedBuffers {
    /// A copy of bytes in a buffer.
    pub(super) fn copy(&self, bytes: &[u8]) -> Zeroizing<Vec<u8>> {
        let mut copy = self.0.lock().pop().unwrap_or_default();
        if copy.capacity() < bytes.len() {
            // Growing in place would leave what was there before in memory that is not erased.
            copy = Zeroizing::new(Vec::with_capacity(bytes.len()));
        }
        copy.clear();
        copy.extend_from_slice(bytes);
        copy
    }
    /// The buffer as bytes for readers.
    pub(super) fn lend(self: &Arc<Self>, bytes: Zeroizing<Vec<u8>>) -> Bytes {
        Bytes::from_owner(Lent { bytes, home: self.clone() })
    }
}

/// Bytes that are decrypted one page after another, in one piece of memory that is erased.
#[derive(Debug)]
pub struct ErasedImage(Zeroizing<Vec<u8>>);

impl ErasedImage {
    /// Room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self(Zeroizing::new(Vec::with_capacity(bytes)))
    }
    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.0.len()
    }
    /// Appends bytes, for which there is room.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
    /// The bytes, for readers.
    pub fn freeze(self) -> Bytes {
        Bytes::from_owner(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_used_again() {
        let buffers = Arc::<ErasedBuffers>::default();
        let one = buffers.lend(buffers.copy(b"first"));
        let place = one.as_ptr();
        let twin = one.clone();
        drop(one);
        assert_eq!((&twin[..], buffers.0.lock().len()), (&b"first"[..], 0));
        drop(twin);
        let two = buffers.lend(buffers.copy(b"2nd"));
        assert_eq!((two.as_ptr(), &two[..]), (place, &b"2nd"[..]));
        let longer = buffers.lend(buffers.copy(b"longer than that"));
        drop((two, longer));
        assert_eq!(&buffers.copy(b"as long as it is..")[..], b"as long as it is..");
        let many: Vec<Bytes> = (0..100).map(|_| buffers.lend(buffers.copy(b"page"))).collect();
        drop(many);
        assert_eq!(buffers.0.lock().len(), SPARE_BUFFERS);
    }
}
