//! The files of an open database: the manifest that says which are alive, the disk that holds them, and the numbers for new
//! ones.
//!
//! The manifest's lock guards its file and every change of what is published from it: a run or segment of a stream appears to
//! readers, or goes, while it is held. A file is removed only after an edit that no longer names it.

use super::kept::Kept;
use crate::{
    cipher::Encryption,
    config::{Options, ReadMode},
    error::Result,
    file::{Disk, FileName},
    format::protection::Protection,
    manifest::{Edit, Manifest, PartitionMeta, RunMeta},
    partition::{PageCache, Run, RunContext},
    stream::SegmentContext,
    sync::{OrderedMutex, Rank},
    wal::Wal,
};
use arc_swap::ArcSwapOption;
use std::{
    ops::DerefMut,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Disk and manifest.
pub(super) struct Files {
    pub disk: Arc<dyn Disk>,
    pub protection: Protection,
    manifest: OrderedMutex<Manifest>,
    next_file: AtomicU64,
    read_mode: ReadMode,
    run_cache: Arc<PageCache>,
    segment_context: SegmentContext,
    /// Files that stay for readers of the past.
    pub kept: Arc<Kept>,
    /// The root key that the database goes by now.
    pub encryption: ArcSwapOption<Encryption>,
}

impl Files {
    /// The files that opening found.
    pub fn new(
        disk: Arc<dyn Disk>,
        manifest: Manifest,
        next_file: u64,
        options: &Options,
        run_cache: Arc<PageCache>,
        segment_context: SegmentContext,
        kept: Arc<Kept>,
    ) -> Self {
        Self {
            disk,
            protection: manifest.protection().clone(),
            manifest: OrderedMutex::new(Rank::Manifest, manifest),
            next_file: AtomicU64::new(next_file),
            read_mode: options.read_mode,
            run_cache,
            segment_context,
            kept,
            encryption: ArcSwapOption::from(options.encryption.clone().map(Arc::new)),
        }
    }
    /// Waits for the manifest.
    pub fn manifest(&self) -> impl DerefMut<Target = Manifest> + '_ {
        self.manifest.lock()
    }
    /// Commits edits of the manifest. If that fails it is unknown what the manifest says, and all writing ends with it.
    pub fn commit(&self, manifest: &mut Manifest, edits: &[Edit], wal: &Wal) -> Result<()> {
        manifest.commit(edits).inspect_err(|error| wal.poison(error))
    }
    /// A number for a new file.
    pub fn new_file(&self) -> u64 {
        self.next_file.fetch_add(1, Ordering::Relaxed)
    }
    /// The next number of a file.
    pub fn next_file(&self) -> u64 {
        self.next_file.load(Ordering::Relaxed)
    }
    /// What writing and reading segments of streams needs.
    pub fn segment_context(&self) -> SegmentContext {
        self.segment_context.clone()
    }
    /// What writing and reading runs needs.
    pub fn run_context<'a>(&'a self, next_file: &'a (dyn Fn() -> u64 + Sync)) -> RunContext<'a> {
        RunContext {
            disk: self.disk.clone(),
            protection: self.protection.clone(),
            next_file,
            read_mode: self.read_mode,
            cache: self.run_cache.clone(),
        }
    }
    /// Opens a run that was just written.
    pub fn open_run(&self, facts: &RunMeta) -> Result<Arc<Run>> {
        self.run_context(&|| self.new_file()).open(facts)
    }
    /// Removes a run that the manifest does not name.
    pub fn remove_run(&self, file: u64) {
        if self.kept.gives_up_run(file) {
            // Only garbage is removed here; opening the database removes what is left over.
            let _ = self.disk.remove(FileName::Run(file));
        }
    }
    /// Removes a base that the manifest does not name.
    pub fn remove_base(&self, file: u64) {
        // Only garbage is removed here; opening the database removes what is left over.
        let _ = self.disk.remove(FileName::Base(file));
    }
    /// Removes a segment of a stream that the manifest does not name.
    pub fn remove_segment(&self, file: u64) {
        // Only garbage is removed here; opening the database removes what is left over.
        let _ = self.disk.remove(FileName::Stream(file));
    }
    /// Removes run files that no partition refers to any more. A failure leaves garbage for the next opening.
    pub fn remove_unreferenced(&self, manifest: &Manifest, files: impl IntoIterator<Item = u64>) {
        for file in files {
            let referenced =
                manifest.state().partitions.values().any(|record| record.runs.iter().any(|facts| facts.file == file));
            if !referenced {
                self.remove_run(file);
            }
        }
    }
    /// The edits that drop the partitions of a key space, and the files that go with them.
    pub fn drop_keyspace(manifest: &Manifest, keyspace: u32) -> (Vec<Edit>, Vec<u64>) {
        let owned: Vec<&PartitionMeta> =
            manifest.state().partitions.values().filter(|record| record.keyspace == keyspace).collect();
        let edits = owned.iter().map(|record| Edit::DropPartition(record.id)).collect();
        let files = owned.iter().flat_map(|record| record.runs.iter().map(|facts| facts.file)).collect();
        (edits, files)
    }
}
