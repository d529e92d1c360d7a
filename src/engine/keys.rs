//! The keys of an open database: seen and rotated, and files rewritten under the newest one.

use super::engine::Engine;
use crate::{
    cipher::{Encryption, Keyring},
    error::{Error, Result},
    file::{Disk, FileName},
    format::{
        header::FILE_HEADER_BYTES,
        keys,
        protection::{MAX_HEADER_BYTES, generation_of},
    },
    manifest::{Edit, Manifest},
    observe::Job,
    partition::{Choice, Partition, RUN_HEADER_BYTES, Reason},
    stream::{Segment, Shard},
};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A generation of a database's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyGeneration {
    /// Its number, counted from 1. New files are encrypted with the highest.
    pub generation: u32,
    /// Which root key wrapped it, as the key provider calls it.
    pub root_key: String,
    /// Files that are encrypted with it.
    pub files: u64,
}

/// What [`Database::rewrite`](crate::Database::rewrite) has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RewriteReport {
    /// Partitions whose runs were written anew.
    pub partitions: u64,
    /// Segments of change streams that were.
    pub stream_segments: u64,
    /// Files that are still encrypted with an older key, or not at all, since something refers to them: segments of the log.
    pub files_left: u64,
}

impl Engine {
    fn encrypted(&self) -> Result<(Arc<Keyring>, Encryption)> {
        let keyring = self.files.protection.keyring().cloned();
        keyring.zip(self.encryption()).ok_or_else(|| Error::not_encrypted("the database is not encrypted"))
    }

    /// The generations of the key, oldest first; `None` if the database is not encrypted.
    pub fn key_generations(&self) -> Result<Option<Vec<KeyGeneration>>> {
        let _work = self.gate.enter()?;
        let Some(keyring) = self.files.protection.keyring() else { return Ok(None) };
        let counted = count_generations(self.files.disk.as_ref())?;
        let known = |generation: &crate::cipher::Generation| KeyGeneration {
            generation: generation.number,
            root_key: generation.wrapped.key_id.clone(),
            files: counted.files.get(&generation.number).copied().unwrap_or_default(),
        };
        Ok(Some(keyring.generations().iter().map(known).collect()))
    }

    /// Makes a new key for all files that are written from now on, and returns its generation.
    pub fn rotate_database_key(&self) -> Result<u32> {
        let _work = self.enter_work()?;
        let (keyring, encryption) = self.encrypted()?;
        let mut manifest = self.files.manifest();
        let generations = keyring.with_new_generation(encryption.provider())?;
        let newest = generations.last().map_or(0, |newest| newest.number);
        keys::replace(self.files.disk.as_ref(), &keyring, generations, keyring.least_manifest())?;
        manifest.leave_file();
        self.commit_manifest_or_retry(&mut manifest, &[])?;
        drop(manifest);
        self.leave_present_segment()?;
        Ok(newest)
    }

    /// Wraps the keys by another root key. No file but `KEYS` changes.
    pub fn change_root_key(&self, encryption: Encryption) -> Result<()> {
        let _work = self.enter_work()?;
        let (keyring, _) = self.encrypted()?;
        let _manifest = self.files.manifest();
        let generations = keyring.rewrapped(encryption.provider())?;
        keys::replace(self.files.disk.as_ref(), &keyring, generations, keyring.least_manifest())?;
        self.files.encryption.store(Some(Arc::new(encryption)));
        Ok(())
    }

    /// Writes what is encrypted with an older key, or not at all, anew.
    pub fn rewrite_files(&self) -> Result<RewriteReport> {
        let _work = self.enter_work()?;
        let (keyring, _) = self.encrypted()?;
        let newest = keyring.generations().last().map_or(0, |newest| newest.number);
        self.flush_all()?;
        let mut report = RewriteReport { partitions: self.rewrite_runs(newest)?, ..RewriteReport::default() };
        for shard in self.streams.shards() {
            for segment in shard.segments().iter().filter(|segment| segment.facts().generation != newest) {
                report.stream_segments += u64::from(self.rewrite_segment(&shard, segment)?);
            }
        }
        let mut manifest = self.files.manifest();
        manifest.leave_file();
        self.commit_manifest_or_retry(&mut manifest, &[])?;
        drop(manifest);
        self.leave_present_segment()?;
        self.trim_log()?;
        let counted = count_generations(self.files.disk.as_ref())?;
        report.files_left = counted.files.iter().filter(|(number, _)| **number != newest).map(|(_, files)| files).sum();
        Ok(report)
    }

    /// Goes on in a new log segment, which is encrypted with the newest key.
    fn leave_present_segment(&self) -> Result<()> {
        let present = self.wal.segments().pop();
        present.map_or(Ok(()), |present| self.wal.leave_segment(present.number))
    }

    fn rewrite_runs(&self, newest: u32) -> Result<u64> {
        let _one = self.background.compacting.lock();
        let mut rewritten = 0;
        for ring in self.tables.rings() {
            for partition in ring.all().iter() {
                let stale = || self.compact_partition(&ring, partition, |_| not_under(partition, newest));
                rewritten += u64::from(self.attempt_on(Job::Compaction, &ring, partition, stale)?);
            }
        }
        Ok(rewritten)
    }

    /// Writes a segment of a stream anew; false if it is gone by now.
    fn rewrite_segment(&self, shard: &Arc<Shard>, segment: &Arc<Segment>) -> Result<bool> {
        // No other thread removes segments meanwhile.
        let _one = self.streams.cutting.lock();
        if !shard.has_segment(segment) {
            return Ok(false);
        }
        let (file, context) = (self.files.new_file(), self.files.segment_context());
        let facts = segment.copy_to(&context, file).inspect_err(|_| self.files.remove_segment(file))?;
        let mut manifest = self.files.manifest();
        let edits = [Edit::PutStreamSegment(facts.clone()), Edit::DropStreamSegment(segment.facts().file)];
        self.commit_manifest_or_retry(&mut manifest, &edits).inspect_err(|_| {
            if !manifest.is_poisoned() {
                self.files.remove_segment(file);
            }
        })?;
        shard.replace_segment(segment, Arc::new(Segment::new(facts, context)));
        self.files.remove_segment(segment.facts().file);
        Ok(true)
    }
}

/// All runs of a partition, if one of them is not encrypted with the newest key.
fn not_under(partition: &Partition, newest: u32) -> Option<Choice> {
    let view = partition.view();
    let facts = || view.runs().iter().map(|run| run.facts());
    let is_stale = facts().any(|facts| facts.generation != newest);
    is_stale.then(|| Choice { inputs: facts().map(|facts| facts.file).collect(), reason: Reason::Requested })
}

/// Forgets keys that no file is encrypted with. For the end of an opening, when no thread writes a file: a file whose header
/// is still on its way would be taken for none.
pub(super) fn drop_unused_generations(disk: &dyn Disk, manifest: &Manifest) -> Result<()> {
    let Some(keyring) = manifest.protection().keyring().filter(|keyring| keyring.generations().len() > 1) else {
        return Ok(());
    };
    let counted = count_generations(disk)?;
    // A file that says nothing readable may be under any key.
    if counted.has_unreadable {
        return Ok(());
    }
    let used: BTreeSet<u32> = counted.files.into_keys().collect();
    let generations = keyring.without_unused(&used);
    if generations.len() < keyring.generations().len() {
        keys::replace(disk, keyring, generations, keyring.least_manifest())?;
    }
    Ok(())
}

struct Counted {
    /// Files by generation; 0 for those that are not encrypted.
    files: BTreeMap<u32, u64>,
    has_unreadable: bool,
}

fn count_generations(disk: &dyn Disk) -> Result<Counted> {
    let mut counted = Counted { files: BTreeMap::new(), has_unreadable: false };
    for name in disk.list()? {
        let header_bytes = match name {
            FileName::Run(_) => RUN_HEADER_BYTES,
            FileName::Log(_) | FileName::Manifest(_) | FileName::Stream(_) | FileName::Base(_) | FileName::Current => {
                FILE_HEADER_BYTES
            }
            FileName::Lock
            | FileName::Reserve
            | FileName::CurrentNext
            | FileName::Spare(_)
            | FileName::Keys
            | FileName::KeysNext
            | FileName::Restoring => {
                continue;
            }
        };
        // A file may go while the folder is read.
        let Ok(file) = disk.open(name, false) else { continue };
        let len = usize::try_from(file.len()).map_or(MAX_HEADER_BYTES, |len| len.min(MAX_HEADER_BYTES));
        match generation_of(&file.read_at(0, len)?, header_bytes) {
            Some(generation) => *counted.files.entry(generation).or_default() += 1,
            None => counted.has_unreadable = true,
        }
    }
    Ok(counted)
}
