//! Bytes of a key while it is built and while it is in use: mostly few, so that they are in the value itself.

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    ops::Deref,
};

/// What key bytes are appended to.
pub trait KeySink {
    /// Appends bytes.
    fn put(&mut self, bytes: &[u8]);
}

impl KeySink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Bytes of a key. Those of usual length are in the value itself, so that a look-up allocates nothing for them.
#[derive(Clone)]
pub struct KeyBuf(Storage);

/// Bytes that a [`KeyBuf`] holds by itself.
const INLINE_BYTES: usize = 78;

#[derive(Clone)]
enum Storage {
    Inline { len: u8, bytes: [u8; INLINE_BYTES] },
    Heap(Vec<u8>),
}

impl KeyBuf {
    /// No bytes.
    #[inline]
    pub fn new() -> Self {
        Self(Storage::Inline { len: 0, bytes: [0; INLINE_BYTES] })
    }
    /// One byte, which is what a collection begins with.
    #[inline]
    pub fn beginning_with(byte: u8) -> Self {
        let mut bytes = [0; INLINE_BYTES];
        bytes[0] = byte;
        Self(Storage::Inline { len: 1, bytes })
    }
}

impl KeySink for KeyBuf {
    #[inline(always)]
    fn put(&mut self, more: &[u8]) {
        match &mut self.0 {
            Storage::Heap(bytes) => bytes.extend_from_slice(more),
            Storage::Inline { len, bytes } => {
                let (start, end) = (usize::from(*len), usize::from(*len) + more.len());
                if let Some(room) = bytes.get_mut(start..end) {
                    room.copy_from_slice(more);
                    *len = end as u8;
                } else {
                    self.0 = Storage::Heap([&bytes[..start], more].concat());
                }
            }
        }
    }
}

impl Default for KeyBuf {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for KeyBuf {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Storage::Inline { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Storage::Heap(bytes) => bytes,
        }
    }
}

impl PartialEq for KeyBuf {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}
impl Eq for KeyBuf {}
impl PartialOrd for KeyBuf {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for KeyBuf {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}
impl Hash for KeyBuf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}
impl fmt::Debug for KeyBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_hold_keys_of_any_length() {
        for total in [0, 1, INLINE_BYTES - 1, INLINE_BYTES, INLINE_BYTES + 1, 3_000] {
            for piece in [1, 7, 100] {
                let bytes: Vec<u8> = (0..total).map(|at| at as u8).collect();
                let mut buffer = KeyBuf::new();
                bytes.chunks(piece).for_each(|chunk| buffer.put(chunk));
                assert_eq!(*buffer, *bytes);
                assert_eq!(buffer.cmp(&KeyBuf::new()), bytes.as_slice().cmp(&[]));
            }
        }
    }
}
