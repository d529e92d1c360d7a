//! Checks a whole run: every byte and every relation between them.
//!
//! Reads trust what checksums cover. This check does not: it shows that records fill their section without a gap, keys
//! ascend, items are whole, every key is found where it is, and that figures, names and directory are those of the
//! records.

use super::{
    format::Footer,
    lookup::{LeafAt, NodeAt, Opened, Root},
    reader::Run,
};
use crate::{
    error::{Error, Result},
    partition::key::KeyRef,
};

impl Run {
    /// Re-reads and checks the whole file, including what was verified before. Takes about as long as reading it.
    pub fn verify(&self) -> Result<()> {
        let opened = self.open_now()?;
        opened.source.verify_all()?;
        let (padding_at, hash_at) = (opened.footer.directory_end, opened.footer.hash_at());
        let padding = opened.source.piece(padding_at, (hash_at - padding_at) as usize)?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(opened.damaged(padding_at));
        }
        let mut walk = Walk {
            offset: opened.footer.plan.records_at,
            found: Footer { min_seqno: u64::MAX, ..Footer::default() },
            token: 0,
            collection: None,
            opened: &opened,
        };
        opened.directory.verify(&opened.source, &mut std::iter::from_fn(|| walk.collection().transpose()))?;
        let found = walk.found;
        let wanted = &opened.footer;
        if opened.hashes.exists() && opened.hashes.taken(&opened.source)? != found.entries {
            return Err(opened.damaged(hash_at));
        }
        let counted = Footer {
            plan: wanted.plan,
            records_end: walk.offset,
            min_seqno: if found.entries == 0 { 0 } else { found.min_seqno },
            dictionary_end: wanted.dictionary_end,
            directory_end: wanted.directory_end,
            directory_scale: wanted.directory_scale,
            hash_blocks: wanted.hash_blocks,
            sums_crc: wanted.sums_crc,
            ..found
        };
        if counted == *wanted { Ok(()) } else { Err(opened.damaged(self.facts().footer)) }
    }
}

/// A walk over the records, collection by collection.
struct Walk<'a> {
    opened: &'a Opened,
    offset: u64,
    found: Footer,
    token: u64,
    collection: Option<Vec<u8>>,
}

impl Walk<'_> {
    fn damaged(&self) -> Error {
        self.opened.damaged(self.offset)
    }
    /// Checks the next collection; answers its token and the offset of the record that stands for it.
    fn collection(&mut self) -> Result<Option<(u64, u64)>> {
        if self.offset == self.opened.footer.records_end {
            return Ok(None);
        }
        let (mut before, mut leaves) = (None, Vec::new());
        let mut root = self.offset;
        let mut last_sort: Option<Vec<u8>> = None;
        loop {
            let start = self.offset;
            let record = self.opened.root(start)?;
            let later = match &record {
                Root::Leaf(at) => {
                    self.leaf(at, before, &mut last_sort)?;
                    before = Some(start);
                    leaves.push(start);
                    at.leaf.later
                }
                Root::Node(at) => {
                    self.node(at)?;
                    true
                }
            };
            root = start.max(root);
            self.offset += record.bytes_len();
            if !later {
                break;
            }
        }
        if leaves.len() > 1 {
            root = self.roots(root)?;
            leaves.iter().try_for_each(|leaf| self.is_found(root, *leaf))?;
        }
        self.found.collections += 1;
        self.found.max_token = self.token;
        if self.found.collections == 1 {
            self.found.min_token = self.token;
        }
        Ok(Some((self.token, root)))
    }
    /// Checks the nodes behind the last leaf; answers the last one's offset.
    fn roots(&mut self, last_leaf: u64) -> Result<u64> {
        let mut root = last_leaf;
        while self.offset < self.opened.footer.records_end {
            let Root::Node(at) = self.opened.root(self.offset)? else {
                break;
            };
            self.node(&at)?;
            root = self.offset;
            self.offset += at.bytes.len() as u64;
        }
        if root == last_leaf { Err(self.damaged()) } else { Ok(root) }
    }
    fn leaf(&mut self, at: &LeafAt<'_>, before: Option<u64>, last_sort: &mut Option<Vec<u8>>) -> Result<()> {
        let (leaf, bytes) = (&at.leaf, &at.bytes[..]);
        let collection = leaf.collection(bytes).ok_or_else(|| self.damaged())?;
        let follows = match (&self.collection, before) {
            (Some(last), None) => (self.token, last.as_slice()) < (leaf.token, collection),
            (Some(last), Some(_)) => (self.token, last.as_slice()) == (leaf.token, collection),
            (None, _) => true,
        };
        if !follows || leaf.back != before.map(|before| at.offset - before) {
            return Err(self.damaged());
        }
        self.token = leaf.token;
        self.collection = Some(collection.to_vec());
        let prefix = leaf.prefix(bytes).ok_or_else(|| self.damaged())?;
        for index in 0..leaf.len() {
            let entry = leaf.suffix(bytes, index).zip(leaf.slot(bytes, index));
            let (suffix, slot) = entry.ok_or_else(|| self.damaged())?;
            let sort = [prefix, suffix].concat();
            let key = KeyRef { token: leaf.token, collection, sort: &sort };
            let source = &self.opened.source;
            let is_led_to = self.opened.hashes.leads_to(source, key, at.offset, index)?;
            if !is_led_to || !self.opened.filter.may_hold(source, key)? {
                return Err(self.opened.damaged(self.opened.footer.hash_at()));
            }
            if last_sort.as_ref().is_some_and(|last| *last >= sort) {
                return Err(self.damaged());
            }
            *last_sort = Some(sort);
            let found = &mut self.found;
            found.entries += 1;
            found.min_seqno = found.min_seqno.min(slot.seqno);
            found.max_seqno = found.max_seqno.max(slot.seqno);
            match self.opened.item(at, slot) {
                Some(item) => {
                    item.check()?;
                    found.logical_bytes += item.size_bytes() as u64;
                }
                None => found.tombstones += 1,
            }
        }
        self.found.leaves += 1;
        Ok(())
    }
    fn node(&mut self, at: &NodeAt<'_>) -> Result<()> {
        let (node, bytes) = (&at.node, &at.bytes[..]);
        let mut last: Option<Vec<u8>> = None;
        for index in 0..node.children - 1 {
            let separator = node.separator(bytes, index).ok_or_else(|| self.damaged())?;
            if last.is_some_and(|last| last >= separator) || node.find(bytes, &separator) != Some(index + 1) {
                return Err(self.damaged());
            }
            last = Some(separator);
        }
        let same = self.token == node.token && self.collection.as_deref() == node.collection(bytes);
        self.found.nodes += 1;
        if same { Ok(()) } else { Err(self.damaged()) }
    }
    /// Whether the first and last key of a leaf lead to it from the root.
    fn is_found(&self, root: u64, leaf: u64) -> Result<()> {
        let at = self.opened.leaf(leaf)?;
        for index in [0, at.leaf.len() - 1] {
            let key = at.leaf.prefix(&at.bytes).zip(at.leaf.suffix(&at.bytes, index));
            let key = key.map(|(prefix, suffix)| [prefix, suffix].concat());
            let key = key.ok_or_else(|| self.opened.damaged(leaf))?;
            let found = self.opened.descend(self.opened.root(root)?, |node, bytes| node.find(bytes, &key))?;
            if found.offset != leaf {
                return Err(self.opened.damaged(leaf));
            }
        }
        Ok(())
    }
}
