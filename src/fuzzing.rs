//! Doors into the rooms that users do not see, for the fuzz targets in `fuzz/` and the benchmarks in `benches/`.
//!
//! Compiled with the feature `fuzzing` only, which is for this project's own programs: nothing here is stable, and what
//! is reached through it may reject or lose data that the rest of the crate would protect.
//!
//! Imports: visible, format, item, expression, wal, manifest, partition.

pub use crate::{
    expression::tree::{Action, Comparator, Operand, SetOperand, SetValue, Test, Tree},
    format::{
        frame::{self, FrameKind, FrameSeed},
        header::{FILE_HEADER_BYTES, FileHeader, FileMagic},
        protection::Protection,
    },
    item::{
        codec::{decode, encode_item},
        dictionary::{Dictionary, DictionaryBuilder},
        key::{decode_component, decode_last, encode_component, encode_last, successor},
        transcode::transcode,
    },
    manifest::{Counters, Edit, Manifest, ManifestState, PartitionMeta, RunMeta},
    partition::{
        CollectionRange, KeyRef, Memtable, MemtableCursor, PageCache, ReadPoint, Run, RunCursor, RunWriter, Version,
        seal_run,
    },
    visible::Visible,
    wal::{
        LogBounds, Recovered, Wal, WalOptions,
        record::{Before, ChangeRef, CommitHeader, Record, encode_commit},
        recover,
    },
};
