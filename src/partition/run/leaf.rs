//! A leaf: entries of one collection, in order of their sort keys.
//!
//! A small collection is one leaf; a large one is cut into leaves of about 16 KiB. Keys are together in front and items
//! behind them, so that a search touches a few adjacent cache lines and no item. The part that all sort keys share is
//! stored once, and every entry has its place in a table of fixed stride: any entry is reached at once, forwards or
//! backwards.
//!
//! ```text
//! leaf  := head (see `format`), varint entries, varint prefix length, varint base seqno,
//!          varint distance to the leaf before (only with FLAG_EARLIER), prefix, entry*, suffix*, item*
//! entry := end of its suffix u16, end of its item << 1 | tombstone u32, seqno - base seqno (0 to 8 bytes, see flags)
//! ```
//!
//! Ends count from the begin of the suffixes, or items.

use super::format::{
    FLAG_EARLIER, FLAG_LATER, FLAG_NODE, FLAG_ZERO, HEAD_BYTES, common_prefix, fence, put_varint, take_len,
    take_lengths_and_varint, take_varint, u16_at, u32_at, u32_of, u64_at,
};
use std::{
    cmp::Ordering,
    ops::{Bound, Range},
};

/// Bytes of an entry before its seqno delta.
const ENTRY_BYTES: usize = 6;

/// Of the entry at a position: end of its suffix, end of its item, and whether it is a tombstone.
#[inline]
fn ends(bytes: &[u8], at: usize) -> Option<(u32, u32, bool)> {
    let [a, b, c, d, e, f] = *bytes.get(at..)?.first_chunk()?;
    let item = u32::from_le_bytes([c, d, e, f]);
    Some((u16::from_le_bytes([a, b]).into(), item >> 1, item & 1 == 1))
}

/// Where the parts of a leaf are in its bytes. A holder of the bytes can read entries from it; all accessors take the
/// bytes that it was parsed from and answer `None` where they contradict themselves. Positions fit 32 bits, as a
/// record's length does.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    pub(super) token: u64,
    /// Distance in bytes to the part of the collection before this one, if there is one.
    pub(super) back: Option<u64>,
    base_seqno: u64,
    len: u32,
    collection_at: u32,
    collection_end: u32,
    prefix_at: u32,
    entries_at: u32,
    suffixes_at: u32,
    items_at: u32,
    end: u32,
    seqno_bytes: u8,
    /// Whether a later part of the collection follows.
    pub(super) later: bool,
}

/// An entry as its leaf has it: sequence number, and where its item begins and ends in the leaf's bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) seqno: u64,
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) is_tombstone: bool,
}

impl Leaf {
    /// Takes a record apart; `None` if it is not a leaf whose parts fit into it exactly.
    #[inline]
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let end = u32::try_from(bytes.len()).ok()?;
        let head: &[u8; HEAD_BYTES] = bytes.first_chunk()?;
        let (token, flags) = (u64_at(head, 0)?, head[HEAD_BYTES - 1]);
        let seqno_bytes = flags >> 4;
        if flags & (FLAG_NODE | FLAG_ZERO) != 0 || seqno_bytes > 8 {
            return None;
        }
        let mut at = HEAD_BYTES;
        let collection_len = take_len(bytes, &mut at)?;
        let collection_at = at;
        at = at.checked_add(collection_len)?;
        let collection_end = at;
        let (len, prefix_len, base_seqno) = take_lengths_and_varint(bytes, &mut at)?;
        let back = if flags & FLAG_EARLIER == 0 { None } else { Some(take_varint(bytes, &mut at)?) };
        let entries_at = at.checked_add(prefix_len)?;
        let suffixes_at = len.checked_mul(ENTRY_BYTES + usize::from(seqno_bytes))?.checked_add(entries_at)?;
        let (last_suffix, last_item, _) =
            ends(bytes, suffixes_at.checked_sub(ENTRY_BYTES + usize::from(seqno_bytes))?)?;
        let items_at = suffixes_at + last_suffix as usize;
        if len == 0 || items_at + last_item as usize != bytes.len() {
            return None;
        }
        // All of these are at most `items_at`, which is at most the length.
        Some(Self {
            token,
            back,
            base_seqno,
            len: len as u32,
            collection_at: collection_at as u32,
            collection_end: collection_end as u32,
            prefix_at: at as u32,
            entries_at: entries_at as u32,
            suffixes_at: suffixes_at as u32,
            items_at: items_at as u32,
            end,
            seqno_bytes,
            later: flags & FLAG_LATER != 0,
        })
    }
    /// Number of entries.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }
    #[inline]
    pub(super) fn collection<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        bytes.get(self.collection_at as usize..self.collection_end as usize)
    }
    /// What all sort keys begin with.
    #[inline]
    pub(super) fn prefix<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        bytes.get(self.prefix_at as usize..self.entries_at as usize)
    }
    #[inline]
    fn entry_at(&self, index: usize) -> usize {
        self.entries_at as usize + index * (ENTRY_BYTES + usize::from(self.seqno_bytes))
    }
    /// What follows the prefix in the sort key of an entry.
    #[inline]
    pub(super) fn suffix<'a>(&self, bytes: &'a [u8], index: usize) -> Option<&'a [u8]> {
        let (start, end) = self.suffix_place(bytes, index)?;
        bytes.get(start..end)
    }
    #[inline]
    fn suffix_place(&self, bytes: &[u8], index: usize) -> Option<(usize, usize)> {
        let at = self.entry_at(index);
        let start = if index == 0 { 0 } else { u16_at(bytes, at - self.stride())? };
        let end = u16_at(bytes, at)?;
        let suffixes_at = self.suffixes_at as usize;
        let (start, end) = (suffixes_at + usize::from(start), suffixes_at + usize::from(end));
        (index < self.len() && start <= end && end <= self.items_at as usize).then_some((start, end))
    }
    #[inline]
    fn stride(&self) -> usize {
        ENTRY_BYTES + usize::from(self.seqno_bytes)
    }
    /// Sequence number and item of an entry.
    #[inline]
    pub(super) fn slot(&self, bytes: &[u8], index: usize) -> Option<Slot> {
        let at = self.entry_at(index);
        let (suffix_start, start, _) = if index == 0 { (0, 0, false) } else { ends(bytes, at - self.stride())? };
        let (suffix_end, end, is_tombstone) = ends(bytes, at)?;
        let seqno = self.base_seqno.checked_add(self.seqno_delta(bytes, at + ENTRY_BYTES)?)?;
        let has_suffix = suffix_start <= suffix_end && suffix_end <= self.items_at - self.suffixes_at;
        let has_item = start <= end && end <= self.end - self.items_at && !(is_tombstone && start != end);
        let slot = Slot {
            seqno,
            start: self.items_at.wrapping_add(start),
            end: self.items_at.wrapping_add(end),
            is_tombstone,
        };
        (index < self.len() && has_suffix && has_item).then_some(slot)
    }
    /// The items at some indexes, for a walk from one to the next.
    #[inline(always)]
    pub(super) fn items<'a>(&self, bytes: &'a [u8], indexes: Range<usize>, is_down: bool) -> Option<LeafItems<'a>> {
        let (stride, entries_at) = (self.stride(), self.entries_at as usize);
        let entries = bytes.get(entries_at..self.suffixes_at as usize)?.get(..indexes.end * stride)?;
        let (before, entries) = entries.split_at_checked(indexes.start * stride)?;
        // Ends count from the begin of the items; before the first one there is none.
        let end_of_last = |entries: &[u8]| match entries.len().checked_sub(stride) {
            Some(last) => u32_at(entries, last + 2),
            None => Some(0),
        };
        let start = end_of_last(before)?;
        let edge = if is_down && !entries.is_empty() { end_of_last(entries)? } else { start };
        Some(LeafItems { entries, items: bytes.get(self.items_at as usize..)?, start, stride, is_down, edge })
    }
    /// Where the items lie in the bytes of the leaf.
    #[inline(always)]
    pub(super) fn items_at(&self) -> usize {
        self.items_at as usize
    }
    /// An integer of `seqno_bytes` bytes.
    #[inline]
    fn seqno_delta(&self, bytes: &[u8], at: usize) -> Option<u64> {
        let width = u32::from(self.seqno_bytes);
        if width == 0 {
            return Some(0);
        }
        if let Some(word) = u64_at(bytes, at) {
            return Some(word & u64::MAX >> (64 - 8 * width));
        }
        let mut delta = [0; 8];
        delta.get_mut(..width as usize)?.copy_from_slice(bytes.get(at..at + width as usize)?);
        Some(u64::from_le_bytes(delta))
    }
    /// The entry at an index, if it has a sort key.
    #[inline(always)]
    pub(super) fn entry_if(&self, bytes: &[u8], index: usize, sort: &[u8]) -> Option<Option<Slot>> {
        let at = self.entry_at(index);
        let (suffix_start, start, _) = if index == 0 { (0, 0, false) } else { ends(bytes, at - self.stride())? };
        let (suffix_end, end, is_tombstone) = ends(bytes, at)?;
        let suffixes = bytes.get(self.suffixes_at as usize..self.items_at as usize)?;
        let suffix = suffixes.get(suffix_start as usize..suffix_end as usize)?;
        let prefix = self.prefix(bytes)?;
        if sort.len() != prefix.len() + suffix.len() || !sort.ends_with(suffix) || !sort.starts_with(prefix) {
            return Some(None);
        }
        let seqno = self.base_seqno.checked_add(self.seqno_delta(bytes, at + ENTRY_BYTES)?)?;
        let has_item = start <= end && end <= self.end - self.items_at && !(is_tombstone && start != end);
        let slot = Slot { seqno, start: self.items_at + start, end: self.items_at + end, is_tombstone };
        (index < self.len() && has_item).then_some(Some(slot))
    }
    /// The entry with a sort key, or else where it would be.
    pub(super) fn search(&self, bytes: &[u8], sort: &[u8]) -> Option<Result<usize, usize>> {
        let prefix = self.prefix(bytes)?;
        let Some(wanted) = sort.strip_prefix(prefix) else {
            return Some(Err(if sort < prefix { 0 } else { self.len() }));
        };
        let entries = bytes.get(self.entries_at as usize..self.suffixes_at as usize)?;
        let suffixes = bytes.get(self.suffixes_at as usize..)?;
        let (stride, suffixes_len) = (self.stride(), (self.items_at - self.suffixes_at) as usize);
        let wanted_fence = fence(wanted, 0, wanted.len());
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let at = middle * stride;
            let start = if middle == 0 { 0 } else { usize::from(u16_at(entries, at - stride)?) };
            let end = usize::from(u16_at(entries, at)?);
            if start > end || end > suffixes_len {
                return None;
            }
            let fence = fence(suffixes, start, end);
            let order = fence.cmp(&wanted_fence);
            let order = if order.is_eq() { suffixes.get(start..end)?.cmp(wanted) } else { order };
            match order {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Some(Ok(middle)),
                Ordering::Greater => high = middle,
            }
        }
        Some(Err(low))
    }
    /// The first entry that is not below a lower bound.
    pub(super) fn first_within(&self, bytes: &[u8], lower: Bound<&[u8]>) -> Option<usize> {
        Some(match lower {
            Bound::Unbounded => 0,
            Bound::Included(sort) => self.search(bytes, sort)?.unwrap_or_else(|at| at),
            Bound::Excluded(sort) => self.search(bytes, sort)?.map_or_else(|at| at, |at| at + 1),
        })
    }
    /// The number of entries that are not above an upper bound.
    pub(super) fn end_within(&self, bytes: &[u8], upper: Bound<&[u8]>) -> Option<usize> {
        Some(match upper {
            Bound::Unbounded => self.len(),
            Bound::Included(sort) => self.search(bytes, sort)?.map_or_else(|at| at, |at| at + 1),
            Bound::Excluded(sort) => self.search(bytes, sort)?.unwrap_or_else(|at| at),
        })
    }
}

/// The items of a leaf, for a walk from one to the next.
#[derive(Debug)]
pub(super) struct LeafItems<'a> {
    /// The entries that are left.
    entries: &'a [u8],
    items: &'a [u8],
    /// Where the first item of the walk in the order of the leaf begins, as an entry has it.
    start: u32,
    stride: usize,
    is_down: bool,
    /// Where the next item begins on the way up, or ends on the way down, as its entry has it.
    edge: u32,
}

/// What a walk comes to.
pub(super) enum LeafItem<'a> {
    /// An item, and where it begins among the items of the leaf.
    At(usize, &'a [u8]),
    Tombstone,
    /// There is no more.
    End,
}

impl<'a> LeafItems<'a> {
    /// How many entries are left.
    #[inline]
    pub(super) fn left(&self) -> usize {
        self.entries.len() / self.stride
    }
    /// The next item of the walk; `None` if the leaf contradicts itself.
    #[inline(always)]
    pub(super) fn next(&mut self) -> Option<LeafItem<'a>> {
        let (start, end) = if self.is_down {
            let Some(rest) = self.entries.len().checked_sub(self.stride) else { return Some(LeafItem::End) };
            self.entries = self.entries.get(..rest)?;
            let before = match rest.checked_sub(self.stride) {
                Some(before) => u32_at(self.entries, before + 2)?,
                None => self.start,
            };
            (before, std::mem::replace(&mut self.edge, before))
        } else {
            let Some(end) = u32_at(self.entries, 2) else { return Some(LeafItem::End) };
            self.entries = self.entries.get(self.stride..)?;
            (std::mem::replace(&mut self.edge, end), end)
        };
        let (start, is_tombstone) = (start as usize >> 1, end & 1 == 1);
        let item = self.items.get(start..end as usize >> 1)?;
        if !is_tombstone {
            return Some(LeafItem::At(start, item));
        }
        item.is_empty().then_some(LeafItem::Tombstone)
    }
}

/// Gathers the entries of the next leaf.
#[derive(Debug, Default)]
pub(super) struct LeafBuilder {
    entries: Vec<Entry>,
    sorts: Vec<u8>,
    items: Vec<u8>,
}

#[derive(Debug)]
struct Entry {
    sort_end: usize,
    item_end: usize,
    seqno: u64,
    tombstone: bool,
}

/// What a leaf says beyond its entries.
#[derive(Clone, Copy, Debug)]
pub(super) struct LeafHead<'a> {
    pub(super) token: u64,
    pub(super) collection: &'a [u8],
    /// Distance to the part before, if there is one.
    pub(super) back: Option<u64>,
    /// Whether another part will follow.
    pub(super) later: bool,
}

impl LeafBuilder {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
    /// About what the leaf would take if it were written now.
    pub(super) fn size(&self) -> usize {
        self.sorts.len() + self.items.len() + self.entries.len() * (ENTRY_BYTES + 4)
    }
    /// Adds an entry; `item` is `None` for a tombstone. Bytes of an item may be taken over, so that something else is there
    /// afterwards. The caller keeps order and limits.
    pub(super) fn push(&mut self, sort: &[u8], seqno: u64, item: Option<&mut Vec<u8>>) {
        let tombstone = item.is_none();
        self.sorts.extend_from_slice(sort);
        match item {
            // The first item of a leaf may be large, and then it is the only one.
            Some(item) if self.items.is_empty() => std::mem::swap(&mut self.items, item),
            Some(item) => self.items.extend_from_slice(item),
            None => {}
        }
        self.entries.push(Entry { sort_end: self.sorts.len(), item_end: self.items.len(), seqno, tombstone });
    }
    fn sort(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.entries[index - 1].sort_end };
        &self.sorts[start..self.entries[index].sort_end]
    }
    /// The lowest sort key of a builder that is not empty.
    pub(super) fn first_sort(&self) -> &[u8] {
        self.sort(0)
    }
    /// The highest sort key of a builder that is not empty.
    pub(super) fn last_sort(&self) -> &[u8] {
        self.sort(self.entries.len() - 1)
    }
    /// Appends the leaf to `out` and begins a new one.
    pub(super) fn encode(&mut self, head: LeafHead<'_>, out: &mut Vec<u8>) {
        let start = out.len();
        let prefix_len = common_prefix(self.first_sort(), self.last_sort());
        let seqnos = || self.entries.iter().map(|entry| entry.seqno);
        let base = seqnos().min().unwrap_or(0);
        let delta = seqnos().max().unwrap_or(0) - base;
        let seqno_bytes = (64 - delta.leading_zeros()).div_ceil(8) as usize;
        out.extend_from_slice(&head.token.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        let earlier = if head.back.is_some() { FLAG_EARLIER } else { 0 };
        let later = if head.later { FLAG_LATER } else { 0 };
        out.push(earlier | later | (seqno_bytes as u8) << 4);
        put_varint(head.collection.len() as u64, out);
        out.extend_from_slice(head.collection);
        put_varint(self.entries.len() as u64, out);
        put_varint(prefix_len as u64, out);
        put_varint(base, out);
        if let Some(back) = head.back {
            put_varint(back, out);
        }
        out.extend_from_slice(&self.first_sort()[..prefix_len]);
        for (index, entry) in self.entries.iter().enumerate() {
            let suffix_end = entry.sort_end - (index + 1) * prefix_len;
            out.extend_from_slice(&(suffix_end as u16).to_le_bytes());
            out.extend_from_slice(&(u32_of(entry.item_end) << 1 | u32::from(entry.tombstone)).to_le_bytes());
            out.extend_from_slice(&(entry.seqno - base).to_le_bytes()[..seqno_bytes]);
        }
        for index in 0..self.entries.len() {
            out.extend_from_slice(&self.sort(index)[prefix_len..]);
        }
        out.extend_from_slice(&self.items);
        let len = u32_of(out.len() - start);
        out[start + 8..start + 12].copy_from_slice(&len.to_le_bytes());
        self.entries.clear();
        self.sorts.clear();
        self.items.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let mut builder = LeafBuilder::default();
        builder.push(b"k1", 300, Some(&mut b"one".to_vec()));
        builder.push(b"k22", 40, None);
        builder.push(b"k3", 41, Some(&mut Vec::new()));
        let mut out = Vec::new();
        builder.encode(LeafHead { token: 5, collection: b"\0c", back: Some(9), later: true }, &mut out);
        out
    }

    #[test]
    fn golden_bytes() {
        let expected = b"\x05\0\0\0\0\0\0\0\x34\0\0\0\x26\x02\0c\x03\x01\x28\x09k\
            \x01\0\x06\0\0\0\x04\x01\x03\0\x07\0\0\0\0\0\x04\0\x06\0\0\0\x01\0\x31\x32\x32\x33one";
        assert_eq!(sample(), expected, "{:?}", sample().escape_ascii().to_string());
    }

    #[test]
    fn entries_read_back_and_are_found() {
        let bytes = sample();
        let leaf = Leaf::parse(&bytes).unwrap();
        assert_eq!((leaf.token, leaf.len(), leaf.back, leaf.later), (5, 3, Some(9), true));
        assert_eq!(leaf.collection(&bytes), Some(&b"\0c"[..]));
        let slots = (0..3).map(|index| leaf.slot(&bytes, index).unwrap());
        let items = slots.map(|slot| (slot.seqno, &bytes[slot.start as usize..slot.end as usize], slot.is_tombstone));
        assert_eq!(items.collect::<Vec<_>>(), [(300, &b"one"[..], false), (40, b"", true), (41, b"", false)]);
        assert_eq!(leaf.slot(&bytes, 3), None);
        let searches = [
            (&b"k"[..], Err(0)),
            (b"k1", Ok(0)),
            (b"k2", Err(1)),
            (b"k22", Ok(1)),
            (b"k3", Ok(2)),
            (b"l", Err(3)),
            (b"", Err(0)),
        ];
        for (sort, expected) in searches {
            assert_eq!(leaf.search(&bytes, sort), Some(expected), "{sort:?}");
        }
        assert_eq!(leaf.first_within(&bytes, Bound::Excluded(b"k1")), Some(1));
        assert_eq!(leaf.end_within(&bytes, Bound::Included(b"k22")), Some(2));
        assert_eq!(leaf.end_within(&bytes, Bound::Excluded(b"k22")), Some(1));
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let good = sample();
        for at in 0..good.len() {
            for value in 0..=255 {
                let mut bytes = good.clone();
                bytes[at] = value;
                let Some(leaf) = Leaf::parse(&bytes) else {
                    continue;
                };
                for index in 0..leaf.len().min(10) {
                    let _ = (leaf.suffix(&bytes, index), leaf.slot(&bytes, index));
                }
                let _ = (leaf.search(&bytes, b"k22"), leaf.collection(&bytes));
            }
            assert!(Leaf::parse(&good[..at]).is_none());
        }
    }
}
