//! Writes a run, in one pass and key order.
//!
//! Entries gather in a leaf, leaves in a buffer, and the buffer leaves for the file page by page. What stays in
//! memory until the end is small: the open leaf and the open nodes above it, 16 bytes per collection for the
//! directory, 16 per entry for the hash index, four bytes per page of checksums and the attribute names.

use super::{
    directory::DirectoryBuilder,
    format::{
        BUCKET_BYTES, Footer, Identity, LEAF_BYTES, LEAF_ENTRIES, MAX_FILE_BYTES, MAX_KEY_BYTES, PAGE_BYTES,
        common_prefix,
    },
    hash_index::HashIndexBuilder,
    leaf::{LeafBuilder, LeafHead},
    node::{NodeHead, TreeBuilder},
    page_protection::PageProtection,
};
use crate::{
    canary::canary,
    error::{Error, Result},
    file::{Disk, WritableFile},
    format::protection::Protection,
    item::{DictionaryBuilder, ItemRef, transcode},
    manifest::RunMeta,
    partition::key::KeyRef,
};
use std::sync::Arc;

/// Bytes that are gathered before they are appended to the file.
const BUFFER_BYTES: usize = 256 << 10;
/// Appended bytes after which the disk is asked to begin writing them back.
const WRITE_BACK_BYTES: u64 = 4 << 20;
/// An encoded item; items end at 400 KB, so this only keeps the arithmetic of a leaf within 32 bits.
const MAX_ENCODED_BYTES: usize = 1 << 28;
/// Collections that the directory is sized for in advance at most; it grows beyond.
const EXPECTED_MAX: usize = 1 << 16;

/// The file being written: appends, and keeps a sum per page.
#[derive(Debug)]
struct PagedFile {
    protection: PageProtection,
    file: Box<dyn WritableFile>,
    /// Bytes from `written` on, which is the begin of a page.
    buffer: Vec<u8>,
    written: u64,
    sums: Vec<u8>,
    /// The first failed append: nothing may follow it.
    failure: Option<Error>,
}

impl PagedFile {
    fn position(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }
    /// Seals the first bytes of the buffer, once: they leave it with the next append, or never.
    fn sum(&mut self, len: usize) -> Result<()> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        for (at, page) in self.buffer[..len].chunks_mut(PAGE_BYTES).enumerate() {
            self.protection.protect_page(self.written + (at * PAGE_BYTES) as u64, page, &mut self.sums)?;
        }
        Ok(())
    }
    fn append(&mut self, len: usize) -> Result<()> {
        self.file.append(&self.buffer[..len]).inspect_err(|failure| self.failure = Some(failure.clone()))
    }
    /// Appends full pages to the file once enough have come together.
    fn spill(&mut self) -> Result<()> {
        if self.buffer.len() < BUFFER_BYTES {
            return Ok(());
        }
        let len = self.buffer.len() / PAGE_BYTES * PAGE_BYTES;
        self.sum(len)?;
        self.append(len)?;
        self.buffer.drain(..len);
        let before = self.written;
        self.written += len as u64;
        if before / WRITE_BACK_BYTES != self.written / WRITE_BACK_BYTES {
            self.file.write_back();
        }
        Ok(())
    }
    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.buffer.extend_from_slice(bytes);
        self.spill()
    }
}

/// Writes one run. Nothing of it counts before [`RunWriter::finish`] returns.
#[derive(Debug)]
pub struct RunWriter {
    disk: Arc<dyn Disk>,
    identity: Identity,
    file: PagedFile,
    names: DictionaryBuilder,
    directory: DirectoryBuilder,
    hashes: HashIndexBuilder,
    figures: Footer,
    /// The collection being written, if an entry of it has come.
    token: u64,
    collection: Vec<u8>,
    open: bool,
    leaf: LeafBuilder,
    tree: TreeBuilder,
    /// Offset and highest sort key of the leaf before the open one in this collection.
    before: Option<u64>,
    before_sort: Vec<u8>,
    scratch: Vec<u8>,
}

impl RunWriter {
    /// Begins a file that must not exist yet. `expected` entries are a hint, nothing more.
    pub fn create(disk: &Arc<dyn Disk>, file_no: u64, protection: &Protection, expected: usize) -> Result<Self> {
        let identity = Identity { database_id: protection.database_id(), file: file_no };
        let (pages, header) = PageProtection::begin(identity, protection)?;
        let file = disk.create(identity.name())?;
        let mut buffer = Vec::with_capacity(BUFFER_BYTES + LEAF_BYTES);
        buffer.extend_from_slice(&header);
        Ok(Self {
            disk: Arc::clone(disk),
            identity,
            file: PagedFile { protection: pages, file, buffer, written: 0, sums: Vec::new(), failure: None },
            names: DictionaryBuilder::new(),
            hashes: HashIndexBuilder::default(),
            directory: DirectoryBuilder::with_capacity(expected.min(EXPECTED_MAX)),
            figures: Footer { min_seqno: u64::MAX, ..Footer::default() },
            token: 0,
            collection: Vec::new(),
            open: false,
            leaf: LeafBuilder::default(),
            tree: TreeBuilder::default(),
            before: None,
            before_sort: Vec::new(),
            scratch: Vec::new(),
        })
    }
    /// Entries so far.
    pub fn entries(&self) -> u64 {
        self.figures.entries
    }
    /// Adds an entry; `None` is a tombstone. Keys must ascend strictly; one that does not, which only damaged input
    /// of a merge can bring about, is rejected. Collections and sort keys are at most 65,535 bytes long.
    pub fn add(&mut self, key: KeyRef<'_>, seqno: u64, item: Option<&ItemRef>) -> Result<()> {
        if key.collection.len() > MAX_KEY_BYTES || key.sort.len() > MAX_KEY_BYTES {
            return Err(Error::limit_exceeded(format!("A key of a run is longer than {MAX_KEY_BYTES} bytes")));
        }
        let same = self.open && self.token == key.token && self.collection == key.collection;
        let ascends = if same {
            let last = if self.leaf.len() > 0 { self.leaf.last_sort() } else { &self.before_sort };
            last < key.sort
        } else {
            !self.open || (self.token, self.collection.as_slice()) < (key.token, key.collection)
        };
        if !ascends {
            return Err(self.identity.corrupt(self.file.position(), "keys do not ascend"));
        }
        self.scratch.clear();
        if let Some(item) = item {
            transcode(item, &mut self.names, &mut self.scratch)?;
        }
        if self.scratch.len() > MAX_ENCODED_BYTES {
            return Err(Error::limit_exceeded("An encoded item is longer than a run can hold"));
        }
        if !same {
            self.close_collection()?;
            self.token = key.token;
            self.collection.clear();
            self.collection.extend_from_slice(key.collection);
            self.open = true;
        }
        let full = self.leaf.size() + key.sort.len() + self.scratch.len() > LEAF_BYTES;
        if self.leaf.len() >= LEAF_ENTRIES || (full && self.leaf.len() > 0) {
            self.close_leaf(true);
            self.file.spill()?;
        }
        self.leaf.push(key.sort, seqno, item.map(|_| &mut self.scratch));
        self.hashes.push(key);
        let figures = &mut self.figures;
        if figures.entries == 0 {
            figures.min_token = key.token;
        }
        figures.entries += 1;
        match item {
            Some(item) => figures.logical_bytes += item.size_bytes() as u64,
            None => figures.tombstones += 1,
        }
        figures.max_token = key.token;
        figures.min_seqno = figures.min_seqno.min(seqno);
        figures.max_seqno = figures.max_seqno.max(seqno);
        Ok(())
    }
    /// Writes the open leaf and tells the tree of it.
    fn close_leaf(&mut self, later: bool) {
        if self.leaf.len() == 0 {
            return;
        }
        let offset = self.file.position();
        if later || self.before.is_some() {
            let first = self.leaf.first_sort();
            let separator = match self.before {
                None => Vec::new(),
                Some(_) => first[..first.len().min(common_prefix(&self.before_sort, first) + 1)].to_vec(),
            };
            self.before_sort.clear();
            self.before_sort.extend_from_slice(self.leaf.last_sort());
            let back = self.before.map(|before| offset - before);
            let head = LeafHead { token: self.token, collection: &self.collection, back, later };
            self.leaf.encode(head, &mut self.file.buffer);
            let head = NodeHead { token: self.token, collection: &self.collection };
            let base = self.file.written;
            self.figures.nodes += self.tree.push(head, separator, offset, base, &mut self.file.buffer);
        } else {
            let head = LeafHead { token: self.token, collection: &self.collection, back: None, later };
            self.leaf.encode(head, &mut self.file.buffer);
        }
        self.hashes.place(offset);
        self.figures.leaves += 1;
        self.before = Some(offset);
    }
    fn close_collection(&mut self) -> Result<()> {
        if !self.open {
            return Ok(());
        }
        self.close_leaf(false);
        let head = NodeHead { token: self.token, collection: &self.collection };
        let root = match self.tree.finish(head, self.file.written, &mut self.file.buffer) {
            Some((root, nodes)) => {
                self.figures.nodes += nodes;
                root
            }
            None => self.before.unwrap_or_default(),
        };
        self.directory.push(self.token, root);
        self.figures.collections += 1;
        (self.before, self.open) = (None, false);
        if self.file.position() >= MAX_FILE_BYTES {
            return Err(Error::limit_exceeded(format!("A run is longer than {MAX_FILE_BYTES} bytes")));
        }
        self.file.spill()
    }
    /// Ends the run and makes it durable: the file is synced, then its folder. The facts say `bottom: false`; a caller that
    /// knows better says so. A run without entries is valid.
    pub fn finish(mut self) -> Result<RunMeta> {
        self.close_collection()?;
        let figures = &mut self.figures;
        figures.records_end = self.file.position();
        if figures.entries == 0 {
            figures.min_seqno = 0;
        }
        let mut names = Vec::new();
        self.names.finish().encode(&mut names);
        self.file.put(&names)?;
        figures.dictionary_end = self.file.position();
        figures.directory_scale = self.directory.encode(&mut |bytes| self.file.put(bytes))?;
        figures.directory_end = self.file.position();
        let hashes = self.hashes.finish(figures.collections);
        figures.hash_blocks = hashes.len() as u64 / BUCKET_BYTES;
        let padding = figures.hash_at() - figures.directory_end;
        self.file.buffer.extend((0..padding).map(|_| 0));
        for piece in hashes.chunks(BUFFER_BYTES) {
            self.file.put(piece)?;
        }
        let sums_at = self.file.position();
        let rest = self.file.buffer.len();
        self.file.sum(rest)?;
        figures.sums_crc = self.identity.crc(sums_at, &self.file.sums);
        let footer = sums_at + self.file.sums.len() as u64;
        self.file.buffer.extend_from_slice(&self.file.sums);
        let footer_bytes = self.file.protection.protect_footer(figures, footer)?;
        self.file.buffer.extend_from_slice(&footer_bytes);
        self.file.append(self.file.buffer.len())?;
        if !canary!(RunUnsynced) {
            self.file.file.sync()?;
        }
        self.disk.sync_directory()?;
        Ok(RunMeta {
            file: self.identity.file,
            bytes: footer + footer_bytes.len() as u64,
            entries: figures.entries,
            tombstones: figures.tombstones,
            logical_bytes: figures.logical_bytes,
            min_token: figures.min_token,
            max_token: figures.max_token,
            min_seqno: figures.min_seqno,
            max_seqno: figures.max_seqno,
            bottom: false,
            footer,
            generation: self.file.protection.generation(),
            mark: self.file.protection.mark(),
        })
    }
    /// Gives the run up and removes its file.
    pub fn abandon(self) -> Result<()> {
        let Self { disk, identity, file, .. } = self;
        drop(file);
        disk.remove(identity.name())
    }
}
