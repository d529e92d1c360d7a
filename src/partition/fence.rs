//! Keys as numbers, so that most comparisons of a merge are those of two numbers.
//!
//! The fence of a sort key is made of the eight bytes behind what all keys of its leaf begin with. Of two keys the lower one
//! has the lower fence, or the same; where fences are the same, the keys are compared.

use super::{key::SplitKey, merge::Direction};
use std::cmp::Ordering;

/// Bytes of a common begin that are taken note of; beyond that, fences are made of bytes that tell little.
const MOST_COMMON_BYTES: usize = 40;

/// How the keys of a merge become numbers.
#[derive(Debug)]
pub(super) struct Fences {
    direction: Direction,
    is_used: bool,
    /// What the keys of all leaves begin with that the sources are on at the begin.
    common: [u8; MOST_COMMON_BYTES],
    common_bytes: usize,
}

impl Fences {
    /// All the same: every comparison is one of keys.
    pub fn none(direction: Direction) -> Self {
        Self { direction, is_used: direction == Direction::Scan, common: [0; MOST_COMMON_BYTES], common_bytes: 0 }
    }
    /// For sources that are on these keys.
    pub fn new<'k>(direction: Direction, keys: impl Iterator<Item = SplitKey<'k>>) -> Self {
        let mut fences = Self { is_used: true, ..Self::none(direction) };
        // A memtable has no leaves: what its keys begin with does not count.
        let mut prefixes = keys.map(|key| key.prefix).filter(|prefix| !prefix.is_empty());
        if let Some(first) = prefixes.next() {
            let len = first.len().min(MOST_COMMON_BYTES);
            fences.common[..len].copy_from_slice(&first[..len]);
            fences.common_bytes = prefixes.fold(len, |len, prefix| common_bytes(&first[..len], prefix));
        }
        fences
    }
    /// Whether they tell anything.
    #[inline]
    pub fn are_used(&self) -> bool {
        self.is_used
    }
    /// The order of the merge.
    #[inline]
    pub fn direction(&self) -> Direction {
        self.direction
    }
    /// The fence of a key: the lower it is, the earlier the key comes in the direction of the merge.
    #[inline]
    pub fn of(&self, key: &SplitKey<'_>) -> u64 {
        match self.direction {
            Direction::Scan => key.token,
            Direction::Ascending => self.of_sort(key),
            Direction::Descending => !self.of_sort(key),
        }
    }
    #[inline]
    fn of_sort(&self, key: &SplitKey<'_>) -> u64 {
        let common = self.common.get(..self.common_bytes).unwrap_or_default();
        let (order, rest) = match key.prefix.split_at_checked(common.len()) {
            Some((begin, [])) => (begin.cmp(common), key.suffix),
            // A memtable has all of the key in one piece.
            None if key.prefix.is_empty() => match key.suffix.split_at_checked(common.len()) {
                Some((begin, rest)) => (begin.cmp(common), rest),
                None => (key.suffix.cmp(common), &[][..]),
            },
            _ => return self.of_pieces(key),
        };
        match order {
            Ordering::Less => 0,
            Ordering::Equal => first_bytes(rest),
            Ordering::Greater => u64::MAX,
        }
    }
    /// The same for a key whose pieces do not meet where the common begin ends.
    #[inline(never)]
    fn of_pieces(&self, key: &SplitKey<'_>) -> u64 {
        let common = self.common.get(..self.common_bytes).unwrap_or_default();
        let mut begin = [0; MOST_COMMON_BYTES + 8];
        let mut len = 0;
        for (place, byte) in begin.iter_mut().zip(key.prefix.iter().chain(key.suffix)) {
            *place = *byte;
            len += 1;
        }
        match begin[..len.min(common.len())].cmp(common) {
            Ordering::Less => 0,
            Ordering::Equal => first_bytes(&begin[common.len()..len]),
            Ordering::Greater => u64::MAX,
        }
    }
}

fn common_bytes(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(x, y)| x == y).count()
}

/// The first eight bytes as a big-endian number, filled up with zeros.
#[inline]
fn first_bytes(bytes: &[u8]) -> u64 {
    if let Some(word) = bytes.first_chunk() {
        return u64::from_be_bytes(*word);
    }
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_be_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_are_in_the_order_of_the_keys() {
        let long = [&[b'a'; 60][..], b"1"].concat();
        let texts: [&[u8]; 12] =
            [b"", b"\0", b"a", b"ab", b"ab\0", b"ab12345678", b"ab123456789", b"abc", b"ac", b"b", &[0xff; 12], &long];
        let splits: Vec<SplitKey<'_>> = texts
            .iter()
            .flat_map(|text| (0..=text.len()).map(|at| text.split_at(at)))
            .map(|(prefix, suffix)| SplitKey { token: 1, collection: b"c", prefix, suffix })
            .collect();
        for first in splits.iter().step_by(13) {
            for second in splits.iter().step_by(19) {
                for direction in [Direction::Ascending, Direction::Descending] {
                    let fences = Fences::new(direction, [*first, *second].into_iter());
                    for (a, b) in splits.iter().flat_map(|a| splits.iter().step_by(3).map(move |b| (a, b))) {
                        let order = match direction {
                            Direction::Descending => b.compare_sort(a),
                            _ => a.compare_sort(b),
                        };
                        let fence_order = fences.of(a).cmp(&fences.of(b));
                        assert!(fence_order == order || fence_order.is_eq(), "{a:?} {b:?} behind {first:?} {second:?}");
                        assert!(order.is_ne() || fence_order.is_eq(), "{a:?} {b:?} behind {first:?} {second:?}");
                    }
                }
            }
        }
    }
}
