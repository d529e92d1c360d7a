//! Names of attributes that were found to be UTF-8 before, so that it need not be found out in each item.
//!
//! Where an item has its names written out (in memtables, in the log and in change streams), a walk through its attributes spends
//! half of its time on checking them, although a program has few names and its items have the same ones. A short name that comes a
//! second time is therefore kept, once for the process, in the slot that its hash chooses. A reader compares bytes with the name in
//! the slot, and returns that name; what is not there is checked as ever. So the answer to any bytes is what it
//! was without this. A slot keeps the first name that it got: nothing is ever removed, and no more than the slots hold is kept.

use std::sync::{
    OnceLock,
    atomic::{AtomicU32, Ordering},
};

/// Slots, a power of two.
const SLOTS: usize = 512;
/// Longest name that is kept, in bytes.
const MOST_BYTES: usize = 16;

/// A place for one name.
struct Slot {
    name: OnceLock<Name>,
    /// Part of the hash of the last name that was seen once and belongs here.
    seen: AtomicU32,
}

struct Name {
    /// Its bytes, filled up with zeros.
    word: u128,
    text: Box<str>,
}

/// The names that are kept.
pub(super) struct CheckedNames([Slot; SLOTS]);

/// Those of the process.
pub(super) static CHECKED_NAMES: CheckedNames = CheckedNames::new();

impl CheckedNames {
    const fn new() -> Self {
        Self([const { Slot { name: OnceLock::new(), seen: AtomicU32::new(0) } }; SLOTS])
    }
    /// The first `len` bytes of `bytes` as text; `None` if they are not UTF-8, or not as many.
    #[inline]
    pub(super) fn name_at<'a>(&'a self, bytes: &'a [u8], len: usize) -> Option<&'a str> {
        if !(1..=MOST_BYTES).contains(&len) {
            return std::str::from_utf8(bytes.get(..len)?).ok();
        }
        let word = match bytes.first_chunk() {
            Some(head) => u128::from_le_bytes(*head) & u128::MAX >> (8 * (MOST_BYTES - len)),
            None => word_of(bytes.get(..len)?),
        };
        let hash = hash_of(word);
        let slot = &self.0[hash as usize % SLOTS];
        match slot.name.get() {
            Some(name) if name.word == word && name.text.len() == len => Some(&name.text),
            _ => check(bytes.get(..len)?, word, (hash >> 32) as u32, slot),
        }
    }
}

/// The word of a name behind which too few bytes follow to load a whole word: the name of the last attribute, mostly. It is put
/// together of its first and its last bytes, which may be the same in part.
#[inline]
fn word_of(name: &[u8]) -> u128 {
    if let (Some(first), Some(last)) = (name.first_chunk::<8>(), name.last_chunk::<8>()) {
        u128::from(u64::from_le_bytes(*first)) | u128::from(u64::from_le_bytes(*last)) << (8 * (name.len() - 8))
    } else if let (Some(first), Some(last)) = (name.first_chunk::<4>(), name.last_chunk::<4>()) {
        u128::from(u32::from_le_bytes(*first)) | u128::from(u32::from_le_bytes(*last)) << (8 * (name.len() - 4))
    } else {
        name.iter().rev().fold(0, |word, byte| word << 8 | u128::from(*byte))
    }
}

#[inline]
fn hash_of(word: u128) -> u64 {
    let mixed = (word as u64 ^ (word >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ mixed >> 32
}

/// Checks a name that is not known, and keeps it if it comes a second time and its slot is free.
#[inline(never)]
fn check<'a>(bytes: &'a [u8], word: u128, sighting: u32, slot: &Slot) -> Option<&'a str> {
    let text = std::str::from_utf8(bytes).ok()?;
    // A slot that is taken is not written to, so that threads share its line.
    if slot.name.get().is_none() && slot.seen.swap(sighting, Ordering::Relaxed) == sighting {
        slot.name.get_or_init(|| Name { word, text: text.into() });
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_that_came_twice_is_kept_and_answers_for_its_own_bytes_only() {
        let names = CheckedNames::new();
        let bytes = *b"only in this test, and what follows";
        let is_kept = || !std::ptr::eq(names.name_at(&bytes, 7).unwrap().as_ptr(), bytes.as_ptr());
        assert_eq!((is_kept(), is_kept(), is_kept()), (false, false, true));
        assert_eq!(names.name_at(&bytes, 7), Some("only in"));
        assert_eq!(names.name_at(&bytes, 8), Some("only in "));
        assert_eq!(names.name_at(b"only in", 7), Some("only in"), "with nothing behind it");
        for len in 1..=MOST_BYTES {
            let alone = &b"each length alone"[..len];
            assert_eq!(word_of(alone).to_le_bytes()[..len], *alone);
            assert_eq!(word_of(alone) >> (8 * len - 1) >> 1, 0, "filled up with zeros");
        }
        let zero = *b"only in\0 follows the same word";
        assert_eq!(names.name_at(&zero, 8), Some("only in\0"));
        assert_eq!((names.name_at(&bytes, 0), names.name_at(&bytes, 36)), (Some(""), None));
    }

    proptest! {
        #[test]
        fn every_name_is_what_utf_8_says(
            bytes in prop::collection::vec(prop_oneof![Just(b'a'), Just(0), Just(0xc3), Just(0xa4), any::<u8>()], 0..24),
            len in 0usize..24,
        ) {
            let expected = bytes.get(..len).and_then(|bytes| std::str::from_utf8(bytes).ok());
            let names = &CHECKED_NAMES;
            for _ in 0..4 {
                prop_assert_eq!(names.name_at(&bytes, len), expected);
            }
        }
    }
}
