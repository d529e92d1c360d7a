//! Memory for decrypted bytes: it is used again while there is use for it, and erased when it is given back.

use bytes::Bytes;
use parking_lot::Mutex;
use std::{fmt, sync::Arc};

/// Bytes that are overwritten with zeros before their memory is given back.
#[derive(Default)]
struct ErasedBytes(Vec<u8>);

impl AsRef<[u8]> for ErasedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Without the feature `encryption` nothing is decrypted, so that there is nothing to erase.
#[cfg(feature = "encryption")]
impl Drop for ErasedBytes {
    fn drop(&mut self) {
        // The whole allocation. `Zeroizing` takes some 20 times as long, because it writes each byte by itself.
        self.0.fill(0);
        self.0.resize(self.0.capacity(), 0);
        zeroize::optimization_barrier(self.0.as_slice()); // so that the compiler does not leave the zeros out
    }
}

/// Buffers of one size. To overwrite one with what is read next costs nothing; to erase it takes a pass over its memory.
pub struct ErasedBuffers {
    /// Length of a buffer; one that has to be longer is made for its purpose.
    bytes: usize,
    /// Buffers that wait to be used again at most.
    most_spare: usize,
    spare: Mutex<Vec<ErasedBytes>>,
}

impl fmt::Debug for ErasedBuffers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ErasedBuffers({} of {} bytes)", self.spare.lock().len(), self.bytes)
    }
}

/// A buffer in use, which goes back when it is dropped.
pub struct ErasedBuffer {
    memory: ErasedBytes,
    len: usize,
    home: Arc<ErasedBuffers>,
}

impl AsRef<[u8]> for ErasedBuffer {
    fn as_ref(&self) -> &[u8] {
        self.memory.0.get(..self.len).unwrap_or_default()
    }
}

impl AsMut<[u8]> for ErasedBuffer {
    fn as_mut(&mut self) -> &mut [u8] {
        self.memory.0.get_mut(..self.len).unwrap_or_default()
    }
}

impl Drop for ErasedBuffer {
    fn drop(&mut self) {
        let mut spare = self.home.spare.lock();
        if spare.len() < self.home.most_spare && self.memory.0.len() == self.home.bytes {
            spare.push(std::mem::take(&mut self.memory));
        }
    }
}

impl ErasedBuffer {
    /// The bytes, for readers; the buffer goes back when the last one has gone.
    pub fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl ErasedBuffers {
    /// Buffers of so many bytes, of which so many are kept while they are not used.
    pub fn new(bytes: usize, most_spare: usize) -> Self {
        Self { bytes, most_spare, spare: Mutex::default() }
    }
    /// A buffer of `len` bytes. They are whatever was there before.
    pub fn take(self: &Arc<Self>, len: usize) -> ErasedBuffer {
        let spare = if len <= self.bytes { self.spare.lock().pop() } else { None };
        // A buffer never grows: what was there before would be left in memory that is not erased.
        let memory = spare.unwrap_or_else(|| ErasedBytes(vec![0; len.max(self.bytes)]));
        ErasedBuffer { memory, len, home: self.clone() }
    }
}

/// Bytes that are decrypted one after another, in one piece of memory that is erased.
pub struct ErasedImage(ErasedBytes);

impl fmt::Debug for ErasedImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ErasedImage({} bytes)", self.len())
    }
}

impl ErasedImage {
    /// Room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self(ErasedBytes(Vec::with_capacity(bytes)))
    }
    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.0.0.len()
    }
    /// Appends bytes, for which there is room.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.0.0.extend_from_slice(bytes);
    }
    /// Appends so many zeros, for which there is room, to be overwritten.
    pub fn append(&mut self, bytes: usize) -> &mut [u8] {
        let len = self.0.0.len();
        self.0.0.resize(len + bytes, 0);
        &mut self.0.0[len..]
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
        let buffers = Arc::new(ErasedBuffers::new(8, 3));
        let lend = |bytes: &[u8]| {
            let mut buffer = buffers.take(bytes.len());
            buffer.as_mut().copy_from_slice(bytes);
            buffer.freeze()
        };
        let spare = || buffers.spare.lock().len();
        let one = lend(b"first");
        let place = one.as_ptr();
        let twin = one.clone();
        drop(one);
        assert_eq!((&twin[..], spare()), (&b"first"[..], 0));
        drop(twin);
        let two = lend(b"2nd");
        assert_eq!((two.as_ptr(), &two[..], spare()), (place, &b"2nd"[..], 0));
        // Longer ones are not kept.
        let longer = lend(b"longer than that");
        assert_eq!(&longer[..], b"longer than that");
        drop((two, longer));
        assert_eq!(spare(), 1);
        drop((0..10).map(|_| lend(b"page")).collect::<Vec<_>>());
        assert_eq!(spare(), 3);
    }

    #[test]
    fn an_image_grows_in_its_place() {
        let mut image = ErasedImage::with_capacity(6);
        image.extend(b"ab");
        image.append(4).copy_from_slice(b"cdef");
        assert_eq!((image.len(), &image.freeze()[..]), (6, &b"abcdef"[..]));
    }
}
