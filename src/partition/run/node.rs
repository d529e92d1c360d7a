//! A node: where the parts of a large collection are.
//!
//! A collection that is cut into leaves has a small static tree above them. A node lists its children, and between
//! two neighbours the shortest sort key that tells them apart; a full node is written behind its children, so the
//! root comes last and a run is written in one pass, whatever the size of a collection. A search compares fences
//! first, the eight bytes that follow what all separators share, and looks at whole separators only where fences are
//! equal.
//!
//! ```text
//! node := head (see `format`), varint children, varint prefix length, prefix,
//!         offset of a child u64 *, fence u64 *, end of a suffix u32 *, suffix*
//! ```
//!
//! There is one child more than fences, ends and suffixes. A suffix is a separator without the prefix; ends count from
//! the begin of the suffixes; a fence is the begin of a suffix as a big-endian number, filled up with zeros.

use super::format::{
    FLAG_EARLIER, FLAG_LATER, FLAG_NODE, FLAG_ZERO, HEAD_BYTES, common_prefix, fence, put_varint, take_len, u32_at,
    u32_of, u64_at,
};

/// Levels above the leaves. Nodes have hundreds of children, so that three are plenty.
pub(super) const MAX_LEVEL: u8 = 15;
/// A node is closed when its separators pass this many bytes, if it has a few children,
const NODE_BYTES: usize = 8 << 10;
const NODE_CHILDREN_MIN: usize = 8;
/// or when it has this many children.
const NODE_CHILDREN_MAX: usize = 512;

/// Where the parts of a node are in its bytes.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) token: u64,
    /// 1 if the children are leaves, else their level and one.
    pub(super) level: u8,
    pub(super) children: usize,
    collection_at: usize,
    collection_end: usize,
    prefix_at: usize,
    children_at: usize,
    fences_at: usize,
    ends_at: usize,
    suffixes_at: usize,
}

impl Node {
    /// Takes a record apart; `None` if it is not a node whose parts fit into it exactly.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let token = u64_at(bytes, 0)?;
        let flags = *bytes.get(HEAD_BYTES - 1)?;
        let level = flags >> 4;
        if flags & (FLAG_NODE | FLAG_EARLIER | FLAG_LATER | FLAG_ZERO) != FLAG_NODE || level == 0 {
            return None;
        }
        let mut at = HEAD_BYTES;
        let collection_len = take_len(bytes, &mut at)?;
        let collection_at = at;
        at = at.checked_add(collection_len)?;
        let children = take_len(bytes, &mut at)?;
        let prefix_len = take_len(bytes, &mut at)?;
        let separators = children.checked_sub(1)?;
        let children_at = at.checked_add(prefix_len)?;
        let fences_at = children.checked_mul(8)?.checked_add(children_at)?;
        let ends_at = separators.checked_mul(8)?.checked_add(fences_at)?;
        let suffixes_at = separators.checked_mul(4)?.checked_add(ends_at)?;
        let suffixes_len = if separators == 0 { 0 } else { u32_at(bytes, suffixes_at.checked_sub(4)?)? as usize };
        let node = Self {
            token,
            level,
            children,
            collection_at,
            collection_end: collection_at + collection_len,
            prefix_at: at,
            children_at,
            fences_at,
            ends_at,
            suffixes_at,
        };
        (suffixes_at.checked_add(suffixes_len)? == bytes.len()).then_some(node)
    }
    pub(super) fn collection<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        bytes.get(self.collection_at..self.collection_end)
    }
    /// Offset of a child in the file.
    pub(super) fn child(&self, bytes: &[u8], index: usize) -> Option<u64> {
        if index < self.children { u64_at(bytes, self.children_at + index * 8) } else { None }
    }
    fn fence(&self, bytes: &[u8], index: usize) -> Option<u64> {
        u64_at(bytes, self.fences_at + index * 8)
    }
    fn suffix<'a>(&self, bytes: &'a [u8], index: usize) -> Option<&'a [u8]> {
        let start = if index == 0 { 0 } else { u32_at(bytes, self.ends_at + (index - 1) * 4)? as usize };
        let end = u32_at(bytes, self.ends_at + index * 4)? as usize;
        bytes.get(self.suffixes_at.checked_add(start)?..self.suffixes_at.checked_add(end)?)
    }
    /// The separator in front of child `index + 1`.
    pub(super) fn separator(&self, bytes: &[u8], index: usize) -> Option<Vec<u8>> {
        let prefix = bytes.get(self.prefix_at..self.children_at)?;
        Some([prefix, self.suffix(bytes, index)?].concat())
    }
    /// The child in whose range a sort key is.
    pub(super) fn find(&self, bytes: &[u8], sort: &[u8]) -> Option<usize> {
        let prefix = bytes.get(self.prefix_at..self.children_at)?;
        let separators = self.children - 1;
        let Some(wanted) = sort.strip_prefix(prefix) else {
            return Some(if sort < prefix { 0 } else { separators });
        };
        let wanted_fence = fence(wanted, 0, wanted.len());
        let (mut low, mut high) = (0, separators);
        while low < high {
            let middle = low + (high - low) / 2;
            let fence = self.fence(bytes, middle)?;
            let below = fence < wanted_fence || (fence == wanted_fence && self.suffix(bytes, middle)? <= wanted);
            if below { low = middle + 1 } else { high = middle }
        }
        Some(low)
    }
}

/// Gathers the children of the next node of one level.
#[derive(Debug, Default)]
struct Level {
    /// In front of each child, the first one included.
    separators: Vec<Vec<u8>>,
    children: Vec<u64>,
    bytes: usize,
}

/// The nodes above the leaves of one collection that are still open: one per level, so memory stays flat.
#[derive(Debug, Default)]
pub(super) struct TreeBuilder {
    levels: Vec<Level>,
}

/// Which collection a tree belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodeHead<'a> {
    pub(super) token: u64,
    pub(super) collection: &'a [u8],
}

impl TreeBuilder {
    /// Adds the next leaf. `separator` is above the keys of all leaves before and not above the keys of this one.
    /// Full nodes are appended to `out`, whose begin is at `base` in the file; answers how many.
    pub(super) fn push(
        &mut self,
        head: NodeHead<'_>,
        separator: Vec<u8>,
        leaf: u64,
        base: u64,
        out: &mut Vec<u8>,
    ) -> u64 {
        let (mut separator, mut child, mut written) = (separator, leaf, 0);
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Level::default());
            }
            let open = &mut self.levels[level];
            let children = open.children.len();
            let full = children >= NODE_CHILDREN_MAX || (children >= NODE_CHILDREN_MIN && open.bytes > NODE_BYTES);
            let closed = full.then(|| open.close(head, level + 1, base, out));
            open.bytes += separator.len();
            open.separators.push(separator);
            open.children.push(child);
            match closed {
                Some((low, node)) => (separator, child, written) = (low, node, written + 1),
                None => break,
            }
        }
        written
    }
    /// Appends what is open to `out`, as [`TreeBuilder::push`] does, and begins anew. Answers the root's offset and the
    /// number of nodes written, or `None` if there was no leaf.
    pub(super) fn finish(&mut self, head: NodeHead<'_>, base: u64, out: &mut Vec<u8>) -> Option<(u64, u64)> {
        let mut written = 0;
        let mut below: Option<(Vec<u8>, u64)> = None;
        let levels = self.levels.len();
        for (at, mut open) in std::mem::take(&mut self.levels).into_iter().enumerate() {
            if let Some((separator, child)) = below.take() {
                open.separators.push(separator);
                open.children.push(child);
            }
            if at + 1 == levels && open.children.len() == 1 {
                below = open.separators.pop().zip(open.children.pop());
            } else {
                below = Some(open.close(head, at + 1, base, out));
                written += 1;
            }
        }
        below.map(|(_, root)| (root, written))
    }
}

impl Level {
    /// Appends the node; answers its lowest separator and its offset in the file.
    fn close(&mut self, head: NodeHead<'_>, level: usize, base: u64, out: &mut Vec<u8>) -> (Vec<u8>, u64) {
        let start = out.len();
        let low = std::mem::take(&mut self.separators[0]);
        let separators = &self.separators[1..];
        let shared = match separators {
            [first, .., last] => common_prefix(first, last),
            [only] => only.len(),
            [] => 0,
        };
        out.extend_from_slice(&head.token.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.push(FLAG_NODE | (level as u8) << 4);
        put_varint(head.collection.len() as u64, out);
        out.extend_from_slice(head.collection);
        put_varint(self.children.len() as u64, out);
        put_varint(shared as u64, out);
        out.extend_from_slice(separators.first().map_or(&[][..], |first| &first[..shared]));
        self.children.iter().for_each(|child| out.extend_from_slice(&child.to_le_bytes()));
        separators.iter().for_each(|own| out.extend_from_slice(&fence(own, shared, own.len()).to_le_bytes()));
        let mut end = 0;
        for separator in separators {
            end += separator.len() - shared;
            out.extend_from_slice(&u32_of(end).to_le_bytes());
        }
        separators.iter().for_each(|separator| out.extend_from_slice(&separator[shared..]));
        let len = u32_of(out.len() - start);
        out[start + 8..start + 12].copy_from_slice(&len.to_le_bytes());
        *self = Self::default();
        (low, base + start as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: NodeHead<'_> = NodeHead { token: 5, collection: b"\0c" };

    fn sample(separators: &[&[u8]]) -> Vec<u8> {
        let mut tree = TreeBuilder::default();
        let mut out = Vec::new();
        for (at, separator) in separators.iter().enumerate() {
            tree.push(HEAD, separator.to_vec(), at as u64 * 100, 1000, &mut out);
        }
        assert_eq!(tree.finish(HEAD, 1000, &mut out), Some((1000, 1)));
        out
    }

    #[test]
    fn golden_bytes() {
        let expected = b"\x05\0\0\0\0\0\0\0\x46\0\0\0\x11\x02\0c\x03\x01k\
            \0\0\0\0\0\0\0\0\x64\0\0\0\0\0\0\0\xc8\0\0\0\0\0\0\0\
            \0\0\0\0\0\0\0\x31\0\0\0\0\0\0\x32\x32\x01\0\0\0\x03\0\0\0\x31\x32\x32";
        let bytes = sample(&[b"", b"k1", b"k22"]);
        assert_eq!(bytes, expected, "{}", bytes.escape_ascii());
    }

    #[test]
    fn keys_find_their_child() {
        let separators: [&[u8]; 7] = [b"", b"ka", b"ka\0", b"kabcdefgh", b"kabcdefghi", b"kabcdefghij", b"kb"];
        let bytes = sample(&separators);
        let node = Node::parse(&bytes).unwrap();
        let keys: [&[u8]; 14] = [
            b"",
            b"a",
            b"k",
            b"ka",
            b"ka\0",
            b"ka\0\0",
            b"kab",
            b"kabcdefgh",
            b"kabcdefghh",
            b"kabcdefghi",
            b"kabcdefghik",
            b"kb",
            b"kbbbbbbbbbbbbbb",
            b"z",
        ];
        for key in keys {
            let expected = separators.iter().filter(|separator| **separator <= key).count() - 1;
            assert_eq!(node.find(&bytes, key), Some(expected), "{key:?}");
            assert_eq!(node.child(&bytes, expected), Some(expected as u64 * 100));
        }
        assert_eq!(node.separator(&bytes, 1).unwrap(), b"ka\0");
        assert_eq!(node.child(&bytes, 7), None);
    }

    #[test]
    fn a_tree_grows_in_levels() {
        let mut tree = TreeBuilder::default();
        let mut out = Vec::new();
        let mut written = 0;
        for leaf in 0..300_000u64 {
            written += tree.push(HEAD, leaf.to_be_bytes().to_vec(), leaf, 0, &mut out);
        }
        let (root, more) = tree.finish(HEAD, 0, &mut out).unwrap();
        assert_eq!(written + more, 300_000u64.div_ceil(512) + 2 + 1);
        for leaf in [0u64, 511, 512, 262_143, 262_144, 299_999] {
            let (mut at, mut level) = (root, MAX_LEVEL);
            while level != 1 {
                let len = u32_at(&out, at as usize + 8).unwrap() as usize;
                let bytes = &out[at as usize..at as usize + len];
                let node = Node::parse(bytes).unwrap();
                assert!(level == MAX_LEVEL || node.level == level - 1);
                level = node.level;
                at = node.child(bytes, node.find(bytes, &leaf.to_be_bytes()).unwrap()).unwrap();
            }
            assert_eq!(at, leaf);
        }
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let good = sample(&[b"", b"k1", b"k22"]);
        for at in 0..good.len() {
            for value in 0..=255 {
                let mut bytes = good.clone();
                bytes[at] = value;
                let Some(node) = Node::parse(&bytes) else {
                    continue;
                };
                let _ = (
                    node.find(&bytes, b"k22"),
                    node.child(&bytes, 2),
                    node.separator(&bytes, 1),
                    node.collection(&bytes),
                );
            }
            assert!(Node::parse(&good[..at]).is_none());
        }
    }
}
