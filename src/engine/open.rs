//! From a folder to an open database: lock, manifest, log, and the removal of what a crash left over.

use super::{
    background::Background,
    catalog::{Catalog, TableSlot, TableState},
    engine::Engine,
    files::Files,
    history::{Base, History},
    kept::Kept,
    recovery_report::{RecoveryReport, Versions},
    replay::{Builder, Replay, ring_from_records},
    session::{Session, may_wait},
    tables::Tables,
    work_gate::WorkGate,
};
use crate::{
    admission::{Admission, Tokens},
    cipher::{Encryption, Keyring},
    config::{Options, ReadMode},
    error::{Error, Result},
    file::{Disk, FileName},
    format::{keys, protection::Protection},
    ledger::Recorder,
    manifest::{Counters, Edit, Manifest, PartitionMeta},
    observe::{EventKind, Observe},
    partition::{PageCache, Run},
    schema::IndexKind,
    service::PropagationModels,
    stream::{SegmentContext, Streams},
    visible::Visible,
    wal::{self, LogBounds, ReadUntil, Recovered, Wal, WalOptions},
};
use bytes::Bytes;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use xxhash_rust::xxh3::xxh3_64;

impl Engine {
    /// Opens the database that a disk holds, or creates one on an empty disk.
    pub fn open(disk: Arc<dyn Disk>, options: Options) -> Result<Self> {
        let engine = Self::open_until(disk, options, ReadUntil::End)?;
        engine.take_up_work()?;
        Ok(engine)
    }

    /// Opens the database that a disk holds as it was where the reading of its log stops.
    pub(super) fn open_until(disk: Arc<dyn Disk>, options: Options, until: ReadUntil) -> Result<Self> {
        let observe = observe_of(&options);
        let (lock, keyring) = lock_folder(disk.as_ref(), &options)?;
        let Opening { mut manifest, was_plain } = open_manifest(&disk, &options, keyring)?;
        let protection = manifest.protection().clone();
        let run_cache = run_cache_of(&protection, &options);
        let catalog = load_catalog(&manifest, disk.as_ref(), &options, &protection, &run_cache)?;

        let counters = manifest.state().counters;
        let segment_context = SegmentContext::new(&disk, &protection, options.read_mode);
        let streams = Streams::load(manifest.state(), &segment_context);
        let mut next_partition = next_partition(&manifest);
        let mut take_partition = || {
            next_partition += 1;
            next_partition - 1
        };
        let visible = Visible::default();
        let mut replay = Replay {
            builder: Builder { options: &options, next_partition: &mut take_partition },
            catalog,
            visible: &visible,
            edits: Vec::new(),
            highest_keyspace: counters.next_table.saturating_sub(1),
            tokens: Tokens::default(),
            streams,
            has_streams: until == ReadUntil::End,
            stamp_millis: 0,
            versions: Versions::default(),
        };
        let mut apply = |seqno: u64, payload: &Bytes| replay.apply(seqno, payload);
        let bounds = log_bounds(&manifest, was_plain);
        let recovered = wal::recover_until(disk.as_ref(), &protection, &bounds, until, &mut apply)?;
        let Replay { catalog, mut edits, highest_keyspace, tokens, streams, stamp_millis, versions, .. } = replay;
        let mut recovery = RecoveryReport::new(&recovered, &versions);
        // Replay met tables that are gone by now, perhaps under names that others have since.
        let catalog = Catalog::of(catalog.by_id);

        check_reach(&manifest, disk.as_ref(), &options, until, recovered.next_seqno)?;
        let next_file = 1 + highest_file(disk.as_ref())?.max(counters.next_file.saturating_sub(1));
        let (next_table, next_shard) = (highest_keyspace + 1, streams.next_id());
        edits.extend(manifest.state().orphans().map(|partition| Edit::DropPartition(partition.id)));
        // What replay adds to the manifest is not in it yet.
        let may_wait = edits.is_empty() && !was_plain && may_wait(disk.as_ref(), &manifest, &recovered)?;
        edits.push(Edit::PutCounters(Counters { next_file, next_table, next_partition, next_shard }));
        edits.extend(log_edits(&recovered));
        edits.extend(was_plain.then_some(Edit::PutLogEncryptedFrom(recovered.next_segment)));
        streams.begin_session(recovered.next_segment);
        observe.event(recovery_of(&recovered));
        let wal = continue_log(disk.clone(), &options, &observe, protection, recovered);
        let (session, removed) = Session::of_opening(may_wait, disk.as_ref(), &wal, &mut manifest, edits)?;
        recovery.removed_files = removed;
        let (kept, bases) = kept_files(&disk, &manifest)?;
        let ledger = options.ledger.map(|kept| Arc::new(Recorder::new(kept, options.clock.now_millis())));
        let engine = Self {
            admission: Admission::new(&options, ledger, tokens),
            tables: Tables::new(catalog, next_partition, highest_keyspace + 1),
            history: History::new(manifest.state(), bases, stamp_millis),
            files: Files::new(disk, manifest, next_file, &options, run_cache, segment_context, kept),
            session,
            observe,
            options,
            wal,
            streams,
            propagation: PropagationModels::default(),
            background: Background::default(),
            gate: WorkGate::new(lock),
            recovery,
        };
        Ok(engine)
    }

    /// Goes on with what the last opening left undone.
    fn take_up_work(&self) -> Result<()> {
        self.account_memory();
        self.tables.load().by_id.values().for_each(|slot| self.note_table(slot));
        self.tables.rings().iter().for_each(|ring| self.consider_ring(ring));
        self.begin_missing_streams()?;
        self.resume_backfills()?;
        self.drop_all_unfinished()?;
        if let Some(history) = self.options.history {
            self.keep_history(history)?;
        }
        // One that begins later trims then.
        if self.session.has_begun() { self.trim_log().map(drop) } else { Ok(()) }
    }
}

/// Every file that the manifest names must be there; one that was removed is damage like any other.
fn check_files_exist(disk: &dyn Disk, manifest: &Manifest) -> Result<()> {
    let present: BTreeSet<FileName> = disk.list()?.into_iter().collect();
    let orphans: BTreeSet<u64> = manifest.state().orphans().map(|partition| partition.id).collect();
    let needed = manifest.state().partitions.values().filter(|partition| !orphans.contains(&partition.id));
    let runs = needed.flat_map(|partition| &partition.runs).map(|run| FileName::Run(run.file));
    let streams = manifest.state().stream_segments.keys().map(|number| FileName::Stream(*number));
    match runs.chain(streams).find(|name| !present.contains(name)) {
        Some(name) => Err(Error::corrupt(name, 0, "the file is missing")),
        None => Ok(()),
    }
}

/// Errors: the log ends before something that is known to have been in it.
fn check_reach(
    manifest: &Manifest,
    disk: &dyn Disk,
    options: &Options,
    until: ReadUntil,
    next_seqno: u64,
) -> Result<()> {
    check_log_reaches_what_is_flushed(manifest, next_seqno)?;
    if until == ReadUntil::End { check_least_commit(options, disk, next_seqno.saturating_sub(1)) } else { Ok(()) }
}

/// Errors: the last commit is below the one that the caller expects.
fn check_least_commit(options: &Options, disk: &dyn Disk, last_commit: u64) -> Result<()> {
    if last_commit < options.least_commit {
        return Err(Error::rolled_back(disk.describe(), last_commit, options.least_commit));
    }
    Ok(())
}

/// A run holds nothing that the log could still lose. Were there one from beyond the log, what is written from now on would
/// have numbers that its partition takes for flushed, and the next replay would leave it out.
fn check_log_reaches_what_is_flushed(manifest: &Manifest, next_seqno: u64) -> Result<()> {
    let beyond = |record: &&PartitionMeta| record.flushed_seqno >= next_seqno;
    match manifest.state().partitions.values().find(beyond) {
        Some(record) => {
            let text = format!("partition {} was flushed further than the log reaches", record.id);
            Err(Error::corrupt(FileName::Current, 0, text))
        }
        None => Ok(()),
    }
}

/// What the manifest must learn of a log that was recovered: where segments end, and which is the first that counts.
fn log_edits(recovered: &Recovered) -> Vec<Edit> {
    let first = recovered.segments.first().map_or(recovered.next_segment, |segment| segment.number);
    let ends = recovered.ends.iter().map(|&(segment, valid_end)| Edit::PutLogEnd { segment, valid_end });
    ends.chain([Edit::PutLogStart(first)]).collect()
}

/// The log that goes on with one that was read, in a new segment.
fn continue_log(
    disk: Arc<dyn Disk>,
    options: &Options,
    observe: &Arc<Observe>,
    protection: Protection,
    recovered: Recovered,
) -> Wal {
    let wal_options = WalOptions {
        observe: observe.clone(),
        segment_bytes: options.log_segment_bytes,
        windows: options.maps_log || options.read_mode == ReadMode::Mapped,
        protection,
        mark_before: recovered.mark,
        first_segment: recovered.next_segment,
        next_seqno: recovered.next_seqno,
        older_segments: recovered.segments,
        taken_over: Some(recovered.taken_over),
    };
    Wal::new(disk, wal_options)
}

/// How far the log is durable.
pub(super) fn reach_of(wal: &Wal) -> Vec<Edit> {
    let (segment, offset) = wal.durable_end();
    let mark = wal.mark().map(|(segment, mark)| Edit::PutLogMark { segment, mark });
    [Edit::PutLogReach { segment, offset }].into_iter().chain(mark).collect()
}

fn recovery_of(recovered: &Recovered) -> EventKind {
    let first = recovered.segments.first().map_or(recovered.next_seqno, |segment| segment.first_seqno);
    EventKind::Recovered {
        records: recovered.next_seqno.saturating_sub(first),
        segments: recovered.segments.len(),
        bytes: recovered.segments.iter().map(|segment| segment.bytes).sum(),
    }
}

/// Where everything that happens is reported.
fn observe_of(options: &Options) -> Arc<Observe> {
    Observe::followed(options.clock.clone(), options.observer.clone(), options.follower.clone())
}

/// A number that tells this database's files from any other's.
fn fresh_id(options: &Options) -> u64 {
    let seed = options.seed.unwrap_or_else(|| {
        let mut bytes = options.clock.now_millis().to_le_bytes().to_vec();
        bytes.extend_from_slice(&std::process::id().to_le_bytes());
        // The address of a local differs between processes, so that databases made in one millisecond differ too.
        bytes.extend_from_slice(&(std::ptr::from_ref(&bytes) as usize).to_le_bytes());
        xxh3_64(&bytes)
    });
    xxh3_64(&seed.to_le_bytes())
}

/// What keeps other processes out of the folder.
type FolderLock = Box<dyn Send + Sync>;

/// Takes the folder, and reads the keys of an encrypted database. The keys are asked for before anything is taken or
/// changed: one that does not fit leaves the folder as it is.
fn lock_folder(disk: &dyn Disk, options: &Options) -> Result<(FolderLock, Option<Arc<Keyring>>)> {
    let stored = keys::read(disk)?;
    let keyring = keys::open(disk, stored.as_ref(), options.encryption.as_ref())?;
    let lock = disk.lock()?;
    let stored_now = keys::read(disk)?;
    if stored_now == stored {
        return Ok((lock, keyring));
    }
    Ok((lock, keys::open(disk, stored_now.as_ref(), options.encryption.as_ref())?))
}

/// What the manifest says about the log. Of a database that was not encrypted no segment need be.
fn log_bounds(manifest: &Manifest, was_plain: bool) -> LogBounds {
    let mut bounds = manifest.state().log.clone();
    if was_plain {
        bounds.encrypt_from(u64::MAX);
    }
    bounds
}

/// The cache of pages of runs that are not mapped.
fn run_cache_of(protection: &Protection, options: &Options) -> Arc<PageCache> {
    Arc::new(match protection.is_encrypted() {
        true => PageCache::of_decrypted(options.block_cache_bytes),
        false => PageCache::new(options.block_cache_bytes),
    })
}

/// The manifest that opening begins with.
struct Opening {
    manifest: Manifest,
    /// It was not encrypted, and is from now on.
    was_plain: bool,
}

fn open_manifest(disk: &Arc<dyn Disk>, options: &Options, keyring: Option<Arc<Keyring>>) -> Result<Opening> {
    let encryption = options.encryption.as_ref();
    if !Manifest::exists(disk.as_ref())? {
        Manifest::check_may_create(disk.as_ref())?;
        check_least_commit(options, disk.as_ref(), 0)?;
        let keyring = match (keyring, encryption) {
            // An earlier creation ended between its two steps.
            (Some(keyring), _) => Some(keyring),
            (None, Some(encryption)) => Some(keys::create(disk.as_ref(), fresh_id(options), encryption)?),
            (None, None) => None,
        };
        let database_id = keyring.as_ref().map_or_else(|| fresh_id(options), |keyring| keyring.database_id());
        let manifest = Manifest::create(disk.clone(), Protection::new(database_id, keyring))?;
        return Ok(Opening { manifest, was_plain: false });
    }
    let takes_plain = encryption.is_some_and(Encryption::encrypts_existing);
    let mut manifest = Manifest::open(disk.clone(), keyring.clone(), takes_plain)?;
    check_files_exist(disk.as_ref(), &manifest)?;
    let was_plain = encryption.is_some() && !manifest.is_encrypted();
    if let Some(encryption) = encryption.filter(|_| was_plain) {
        let keyring = match keyring {
            Some(keyring) => keyring,
            None => keys::create(disk.as_ref(), manifest.state().database_id, encryption)?,
        };
        manifest.encrypt(keyring);
    }
    Ok(Opening { manifest, was_plain })
}

fn load_catalog(
    manifest: &Manifest,
    disk: &dyn Disk,
    options: &Options,
    protection: &Protection,
    run_cache: &Arc<PageCache>,
) -> Result<Catalog> {
    let mut opened: BTreeMap<u64, Arc<Run>> = BTreeMap::new();
    let mut open_run = |facts: &crate::manifest::RunMeta| -> Result<Arc<Run>> {
        if let Some(run) = opened.get(&facts.file) {
            return Ok(run.clone()); // the two halves of a split share their parent's runs
        }
        let run = Arc::new(Run::open(disk, facts, protection, options.read_mode, run_cache)?);
        opened.insert(facts.file, run.clone());
        Ok(run)
    };
    let mut catalog = Catalog::default();
    for definition in manifest.state().tables.values() {
        let records = || manifest.state().partitions.values();
        let ring = ring_from_records(definition.id, records(), &mut open_run)?;
        let mut index_rings = Vec::with_capacity(definition.indexes.len());
        for index in &definition.indexes {
            index_rings.push(match index.kind {
                IndexKind::Local => ring.clone(),
                IndexKind::Global | IndexKind::Expiry => ring_from_records(index.id, records(), &mut open_run)?,
            });
        }
        let state = TableState { definition: Arc::new(definition.clone()), ring, index_rings };
        catalog.insert(&Arc::new(TableSlot::new(state)));
    }
    Ok(catalog)
}

/// A change that takes numbers records the counter along with what it takes them for. Should a manifest say otherwise, no
/// partition that it has is taken for another one.
fn next_partition(manifest: &Manifest) -> u64 {
    let taken = manifest.state().partitions.keys().next_back().map_or(0, |highest| highest + 1);
    taken.max(manifest.state().counters.next_partition)
}

fn highest_file(disk: &dyn Disk) -> Result<u64> {
    let numbers = disk.list()?.into_iter().filter_map(|name| match name {
        FileName::Run(number) | FileName::Stream(number) | FileName::Base(number) => Some(number),
        _ => None,
    });
    Ok(numbers.max().unwrap_or(0))
}

/// What history holds, and which files only it needs.
fn kept_files(disk: &Arc<dyn Disk>, manifest: &Manifest) -> Result<(Arc<Kept>, Vec<Base>)> {
    let kept = Kept::new(disk.clone());
    let state = manifest.state();
    let mut bases: Vec<Base> = Vec::with_capacity(state.bases.len());
    for facts in state.bases.values() {
        let hold = kept.hold(facts.runs.iter().copied().collect(), facts.first_segment).with_base(facts.file);
        let hold = hold.outliving_process();
        bases.push(Base { facts: facts.clone(), hold });
    }
    bases.sort_by_key(|base| (base.facts.seqno, base.facts.file));
    if bases.is_empty() {
        return Ok((kept, bases));
    }
    let alive = state.live_runs();
    let of_bases = bases.iter().flat_map(|base| &base.facts.runs).filter(|run| !alive.contains(run));
    for run in of_bases {
        kept.gives_up_run(*run);
    }
    for name in disk.list()? {
        if let FileName::Log(number) = name
            && number < state.log.first_segment
        {
            kept.gives_up_segment(number, disk.open(name, false)?.len());
        }
    }
    Ok((kept, bases))
}
