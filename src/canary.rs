//! Known bugs that a test can plant, to show that the nets that are meant to catch bugs do.
//!
//! A search for lost writes that finds none was made in a good database or is a bad search. So the flag `--cfg hashrange_canaries`
//! plants bugs of the kinds that stores have had, one at a time and chosen at run time. The lives of the simulation, the
//! schedules of threads, `threads waiting::`, `tables planted` and `crashes planted` show that each is found. A place where one can be planted reads `canary!(Name)`, which is the constant `false` unless this
//! project's own tests ask for the flag.
//!
//! Imports: nothing.

/// Whether a bug is planted, by its name in [`Canary`].
#[cfg(hashrange_canaries)]
macro_rules! canary {
    ($name:ident) => {
        $crate::canary::is_planted($crate::canary::Canary::$name)
    };
}

/// Never: bugs are planted with the flag `--cfg hashrange_canaries` only.
#[cfg(not(hashrange_canaries))]
macro_rules! canary {
    ($name:ident) => {
        false
    };
}

pub(crate) use canary;

#[cfg(hashrange_canaries)]
pub use planted::{Canary, is_planted, plant};

#[cfg(hashrange_canaries)]
mod planted {
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A bug.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Canary {
        /// A new log segment counts before its name is durable.
        SegmentNameUnsynced,
        /// A commit is acknowledged before its bytes are synced.
        EarlyAcknowledgement,
        /// Writing goes on after a sync of the log failed.
        ForgivenSync,
        /// An edit of the manifest is not synced.
        ManifestUnsynced,
        /// `CURRENT` counts before its new name is durable.
        CurrentNameUnsynced,
        /// A run is published before its bytes are synced.
        RunUnsynced,
        /// A former segment of the log keeps its header until a new one is written over it.
        SpareKeepsHeader,
        /// Recovery does not write again what nothing vouches for.
        ForgottenTakeOver,
        /// Recovery believes a frame whose checksum is wrong.
        TornFrame,
        /// The checksum of a frame leaves out an image that was not copied.
        SharedImageUnchecked,
        /// Recovery applies the first change of a transaction and leaves out the others.
        HalfTransaction,
        /// Recovery forgets the client request tokens.
        ForgottenToken,
        /// A client request token goes with the log segment that it was in.
        TokenGoneWithSegment,
        /// History takes no base before the record of an index that was filled, or of a table that was loaded.
        BaseNotTaken,
        /// The last part of the log is left out of an archive's entry.
        ArchiveSkipsTail,
        /// An archive counts the record of an index that was filled before the base that has its entries.
        ArchiveForgetsBase,
        /// The removal of what is too old in an archive takes the base that serves the earliest promised instant.
        ArchivePrunedEarly,
        /// The base that serves the earliest promised instant is dropped with those before it.
        BaseDroppedEarly,
        /// The time of a commit is taken from its own record, also where the clock was set back since.
        TimeOfOneCommit,
        /// Recovery derives no index entries.
        IndexNotReplayed,
        /// A flush claims to cover a commit that came after it.
        FlushClaimsTooMuch,
        /// The log gives up records that only memtables have besides.
        LogTrimmedEarly,
        /// Compaction drops tombstones above older entries.
        LostTombstone,
        /// Compaction removes its inputs before the manifest names the result.
        RunsRemovedEarly,
        /// A half of a split loses its first token.
        LostBoundaryToken,
        /// An index keeps the old entry of an item that moved.
        StaleIndexEntry,
        /// A stream takes a record again that a segment has.
        DoubleStreamRecord,
        /// The manifest does not learn of a segment of a stream.
        LostStreamSegment,
        /// A shard ends behind a commit that a power failure can still take.
        ShardEndUnsynced,
        /// The sweeper deletes an item whose end was moved.
        ExpiryBelievesIndex,
        /// A segment is sealed without waiting for a sync that is under way.
        SealBesideSync,
        /// A commit counts as applied before its entries of global indexes are in.
        AppliedEarly,
        /// A write from another region replaces the item, also if its stamp is smaller.
        StampIgnored,
        /// The stamp of an item goes when the item is deleted.
        DeleteForgetsStamp,
        /// Of two writes with equal times the one that arrives later wins.
        TieByArrival,
        /// A comparison of all items goes on behind the last logged commit, which readers may not see yet.
        CompareFromLastLogged,
        /// What is on its way from a replica, or to it, arrives also after the replica was deleted.
        TransitOutlivesReplica,
        /// That a link has to compare all items is forgotten when the world is closed.
        CompareForgottenAtRestart,
    }

    impl Canary {
        /// All of them.
        pub const ALL: [Self; 38] = [
            Self::SegmentNameUnsynced,
            Self::EarlyAcknowledgement,
            Self::ForgivenSync,
            Self::ManifestUnsynced,
            Self::CurrentNameUnsynced,
            Self::RunUnsynced,
            Self::SpareKeepsHeader,
            Self::ForgottenTakeOver,
            Self::TornFrame,
            Self::SharedImageUnchecked,
            Self::HalfTransaction,
            Self::ForgottenToken,
            Self::TokenGoneWithSegment,
            Self::BaseNotTaken,
            Self::ArchiveSkipsTail,
            Self::ArchiveForgetsBase,
            Self::ArchivePrunedEarly,
            Self::BaseDroppedEarly,
            Self::TimeOfOneCommit,
            Self::IndexNotReplayed,
            Self::FlushClaimsTooMuch,
            Self::LogTrimmedEarly,
            Self::LostTombstone,
            Self::RunsRemovedEarly,
            Self::LostBoundaryToken,
            Self::StaleIndexEntry,
            Self::DoubleStreamRecord,
            Self::LostStreamSegment,
            Self::ShardEndUnsynced,
            Self::ExpiryBelievesIndex,
            Self::SealBesideSync,
            Self::AppliedEarly,
            Self::StampIgnored,
            Self::DeleteForgetsStamp,
            Self::TieByArrival,
            Self::CompareFromLastLogged,
            Self::TransitOutlivesReplica,
            Self::CompareForgottenAtRestart,
        ];
    }

    const NONE: usize = usize::MAX;

    /// The one that is planted, in the whole process.
    static PLANTED: AtomicUsize = AtomicUsize::new(NONE);

    /// Plants a bug in every database of this process, or none from now on.
    pub fn plant(canary: Option<Canary>) {
        PLANTED.store(canary.map_or(NONE, |canary| canary as usize), Ordering::SeqCst);
    }

    /// Whether this one is planted.
    pub fn is_planted(canary: Canary) -> bool {
        PLANTED.load(Ordering::Relaxed) == canary as usize
    }
}
