//! Looking at a partition from outside: what it is made of, and whether it is whole.

use super::{
    memtable::Memtable,
    partition::Partition,
    run::{Run, RunContentStats},
};
use crate::{
    error::{Error, Result},
    file::FileName,
    manifest::RunMeta,
};
use serde::Serialize;
use std::{collections::BTreeSet, sync::Arc};

/// What a partition is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartitionStats {
    /// Number within the database.
    pub id: u64,
    /// The table or global index that it belongs to.
    pub keyspace: u32,
    /// Lowest token.
    pub first_token: u64,
    /// Highest token, inclusive.
    pub last_token: u64,
    /// Every change up to this sequence number is in a run.
    pub flushed_seqno: u64,
    /// Where writes go.
    pub active: MemtableStats,
    /// Memtables that wait for their flush, newest first.
    pub frozen: Vec<MemtableStats>,
    /// Newest first.
    pub runs: Vec<RunStats>,
}

/// What a memtable holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MemtableStats {
    /// Keys, those of deleted items included.
    pub keys: usize,
    /// Memory in bytes.
    pub bytes: usize,
    /// Lowest sequence number, if there is any.
    pub min_seqno: Option<u64>,
    /// Highest sequence number, if there is any.
    pub max_seqno: Option<u64>,
}

/// What the manifest knows about a run, and how much of it belongs to the partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunStats {
    /// What the manifest knows.
    #[serde(flatten)]
    pub facts: RunMeta,
    /// Whether it holds entries of other partitions, since a split.
    pub shared: bool,
    /// About how many of its bytes belong to the partition.
    pub own_bytes: u64,
    /// What it is made of; absent if it cannot be read.
    pub inside: Option<RunContentStats>,
}

impl MemtableStats {
    fn new(memtable: &Arc<Memtable>) -> Self {
        let some = |seqno| (!memtable.is_empty()).then_some(seqno);
        Self {
            keys: memtable.len(),
            bytes: memtable.bytes(),
            min_seqno: some(memtable.min_seqno()),
            max_seqno: some(memtable.max_seqno()),
        }
    }
}

impl Partition {
    /// What the partition is made of at this moment.
    pub fn describe(&self) -> PartitionStats {
        let view = self.view();
        let run = |run: &Arc<Run>| RunStats {
            facts: run.facts().clone(),
            shared: self.is_shared(run.facts()),
            own_bytes: self.bytes_of(run),
            inside: run.describe().ok(),
        };
        PartitionStats {
            id: self.id,
            keyspace: self.keyspace,
            first_token: self.first_token,
            last_token: self.last_token,
            flushed_seqno: view.flushed_seqno(),
            active: MemtableStats::new(view.active()),
            frozen: view.frozen().iter().map(MemtableStats::new).collect(),
            runs: view.runs().iter().map(run).collect(),
        }
    }

    /// Reads everything on disk and fails at the first thing that is not as it was written: every byte of every run,
    /// and that the part of it that belongs here is in order, decodes, and agrees with what the manifest says.
    /// Runs that `whole` names were read already, as a part of another partition; those that are read here are added.
    pub fn verify(&self, whole: &mut BTreeSet<u64>) -> Result<()> {
        for run in self.view().runs() {
            if whole.insert(run.facts().file) {
                run.verify()?;
            }
            self.verify_run(run)?;
        }
        Ok(())
    }

    fn verify_run(&self, run: &Arc<Run>) -> Result<()> {
        let facts = run.facts();
        let damaged = |what: String| Err(Error::corrupt(FileName::Run(facts.file), 0, what));
        let mut cursor = run.scan(self.first_token, self.last_token, None)?;
        let mut before: Option<(u64, Vec<u8>, Vec<u8>)> = None;
        let (mut entries, mut tombstones) = (0, 0);
        while cursor.valid() {
            let (seqno, item) = (cursor.seqno(), cursor.item());
            let key = cursor.key();
            if before
                .as_ref()
                .is_some_and(|(token, c, s)| (*token, &c[..], &s[..]) >= (key.token, key.collection, key.sort))
            {
                return damaged(format!("its keys are not in order at token {}", key.token));
            }
            let lowest = self.first_token.max(facts.min_token);
            if key.token < lowest || key.token > self.last_token.min(facts.max_token) {
                return damaged(format!("token {} lies outside of its range", key.token));
            }
            if seqno < facts.min_seqno || seqno > facts.max_seqno {
                return damaged(format!("sequence number {seqno} lies outside of its range"));
            }
            before = Some((key.token, key.collection.to_vec(), key.sort.to_vec()));
            entries += 1;
            match item {
                Some(item) => item.check()?,
                None => tombstones += 1,
            }
            cursor.advance()?;
        }
        if !self.is_shared(facts) && (entries, tombstones) != (facts.entries, facts.tombstones) {
            return damaged(format!("it has {entries} entries instead of {}", facts.entries));
        }
        Ok(())
    }
}
