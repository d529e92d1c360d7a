//! From an archive to a database as it was.
//!
//! ```text
//! RESTORING                        first: from here on the folder is known to be half of a database
//! runs, log                        as they were archived, each checked as it is read
//! the log is cut                   behind the last record that is wanted
//! manifest and CURRENT             from here on it is a database, and opens by recovery
//! RESTORING is removed
//! ```
//!
//! A restore that was interrupted left a folder with `RESTORING` and without `CURRENT`; the next one begins it anew.

use super::{
    Archive,
    catalog::{BaseEntry, ENTRIES_AT_A_TIME, Entry, LogPart, ObjectMeta, copy, get},
    chain::chains,
    digests::{Digests, digests},
    place::ArchivePlace,
};
use crate::{
    cipher::{Encryption, Keyring},
    config::Options,
    engine::{Engine, Moment, Point, TIMELINE_NOTE, Timeline},
    error::{Detail, Error, ErrorKind, Result},
    file::{Disk, FileName, OverlayDisk, PartDisk, WritableFile},
    format::{keys, protection::Protection},
    manifest::{Manifest, ManifestState, read_base},
    wal::{LogBounds, ReadUntil, record::CommitRef, recover_until},
};
use bytes::Bytes;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    vec::IntoIter,
};

/// Which state of an archive is restored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RestorePoint {
    /// The moment; [`Moment::Now`] is the last commit that the archive has. An instant behind that commit is this commit too.
    pub moment: Moment,
    /// The timeline; by default the newest one that has the moment.
    pub timeline: Option<u64>,
    /// Whether the digests that were archived with the base are compared with those of the tables that come back. Where there
    /// are none, nothing is compared. All items are read once.
    pub checks_digests: bool,
}

impl From<Moment> for RestorePoint {
    fn from(moment: Moment) -> Self {
        Self { moment, ..Self::default() }
    }
}

/// Where a restore begins, and what leads on from there.
struct Plan<'a> {
    timeline: u64,
    base: &'a BaseEntry,
    /// Parts of the log from the base's first segment on until behind the moment, by segment and offset, with the number of
    /// their entry.
    parts: BTreeMap<(u64, u64), (u64, &'a LogPart)>,
    /// Where segments end that others took over.
    ends: BTreeMap<u64, u64>,
    encrypted_from: u64,
    /// Newest first.
    keys: Vec<&'a ObjectMeta>,
    /// The last commit that the parts have.
    last: Point,
}

/// The parts of the log that entries hold themselves, in the order in which a restore wants them, some entries at a time.
struct InlineParts<'a> {
    place: &'a ArchivePlace,
    /// Entries that were not read yet.
    wanted: VecDeque<u64>,
    /// Those that were, from the one that is in use on.
    read: VecDeque<(u64, IntoIter<Bytes>)>,
}

impl<'a> InlineParts<'a> {
    fn new(place: &'a ArchivePlace, parts: &BTreeMap<(u64, u64), (u64, &LogPart)>) -> Self {
        let inline = parts.values().filter(|(_, part)| part.object.is_none());
        let mut wanted: Vec<u64> = inline.map(|(entry, _)| *entry).collect();
        wanted.dedup();
        Self { place, wanted: wanted.into(), read: VecDeque::new() }
    }

    /// The next part of an entry.
    fn next(&mut self, entry: u64) -> Result<Bytes> {
        while self.read.front().is_some_and(|(front, _)| *front != entry) {
            self.read.pop_front();
        }
        if self.read.is_empty() {
            let count = self.wanted.len().min(ENTRIES_AT_A_TIME);
            let numbers: Vec<u64> = self.wanted.drain(..count).collect();
            let read = Entry::read_many(self.place, &numbers)?;
            self.read.extend(read.into_iter().map(|(entry, parts)| (entry.number, parts.into_iter())));
        }
        let part = self.read.front_mut().and_then(|(_, parts)| parts.next());
        part.ok_or_else(|| self.place.damaged(&Entry::name(entry), "a part is missing"))
    }
}

impl Archive {
    /// Makes a database of what the archive has, on a disk that holds nothing or an interrupted restore. Returns the last
    /// commit of the database.
    pub(crate) fn restore(&self, wanted: RestorePoint, disk: &Arc<dyn Disk>, options: &Options) -> Result<Point> {
        let plan = self.plan(wanted)?;
        let protection = self.protection(&plan, options.encryption.as_ref())?;
        let _lock = disk.lock()?;
        begin_anew(&**disk)?;
        let BaseEntry { file, object, runs, commit, .. } = plan.base;
        for (run, object) in runs {
            self.write(object, &**disk, FileName::Run(*run))?;
        }
        self.write(object, &**disk, FileName::Base(*file))?;
        let reach = self.write_log(&plan, &**disk)?;
        disk.sync_directory()?;
        let mut state = read_base(&**disk, &protection, *file, plan.base.segment < plan.encrypted_from)?;
        let first_segment = plan.base.first_segment;
        let ends = plan.ends.clone().split_off(&first_segment);
        let encrypted_from = plan.encrypted_from;
        state.log = LogBounds { first_segment, reach, ends, encrypted_from, ..LogBounds::default() };
        without_streams(&mut state);
        if let Some(expected) = plan.base.digests.as_ref().filter(|_| wanted.checks_digests) {
            self.check_digests(expected, &state, disk, &protection, &plan, options)?;
        }
        let until = match wanted.moment {
            Moment::Now => ReadUntil::Commit(plan.last.commit),
            Moment::Commit(commit) => ReadUntil::Commit(commit),
            Moment::Instant(millis) => ReadUntil::Time(millis),
        };
        let read = |until: ReadUntil| {
            let mut stamp = plan.base.at_millis;
            let cut = recover_until(&**disk, &protection, &state.log, until, &mut |_, payload| {
                if let Some(commit) = CommitRef::decode(payload)? {
                    stamp = stamp.max(commit.header.at_millis);
                }
                Ok(())
            })?;
            Ok::<_, Error>((cut, stamp))
        };
        let (mut cut, mut stamp) = read(until)?;
        if cut.next_seqno > plan.last.commit + 1 {
            // The parts may hold more than counts.
            (cut, stamp) = read(ReadUntil::Commit(plan.last.commit))?;
        }
        let reached = cut.next_seqno.saturating_sub(1);
        if reached < *commit || matches!(until, ReadUntil::Commit(wanted) if reached != wanted) {
            let what = format!("the log that follows it ends at commit {reached}");
            return Err(self.place.damaged(&object.name, &what));
        }
        cut.ends.iter().for_each(|(segment, end)| state.log.put_end(*segment, *end));
        let copy = Timeline { id: 0, parent: Some((plan.timeline, reached)) };
        state.notes.insert(TIMELINE_NOTE.to_owned(), copy.to_note()?);
        disk.remove(FileName::Base(*file))?;
        Manifest::write_to(&**disk, &protection, &state)?;
        disk.remove(FileName::Restoring)?;
        Ok(Point { commit: reached, at_millis: stamp })
    }

    /// How the files of the plan are protected. Errors: the archive is encrypted, and there is no key or another one; it is not,
    /// and there is one.
    fn protection(&self, plan: &Plan<'_>, encryption: Option<&Encryption>) -> Result<Protection> {
        let place = self.place.to_string();
        let stored: Vec<_> = plan.keys.iter().map(|object| get(&self.place, object)).collect::<Result<_>>()?;
        if stored.is_empty() && encryption.is_some_and(|encryption| !encryption.encrypts_existing()) {
            let text = format!("the database in the archive {place} is not encrypted, but a key was given");
            return Err(Error::not_encrypted(text));
        }
        let keyring: Option<Arc<Keyring>> = keys::open_all(&place, &stored, encryption)?;
        Ok(Protection::new(self.database_id, keyring))
    }

    fn write(&self, object: &ObjectMeta, disk: &dyn Disk, name: FileName) -> Result<()> {
        let mut file = disk.create(name)?;
        copy(&self.place, object, &mut |bytes| file.append(bytes))?;
        file.sync()
    }

    /// Writes the segments of the log; where they end.
    fn write_log(&self, plan: &Plan<'_>, disk: &dyn Disk) -> Result<(u64, u64)> {
        let mut reach = (0, 0);
        let mut open: Option<Box<dyn WritableFile>> = None;
        let mut inline = InlineParts::new(&self.place, &plan.parts);
        for ((segment, from), (entry, part)) in &plan.parts {
            let at = if open.is_some() && reach.0 == *segment { reach.1 } else { 0 };
            if *from != at {
                let what = format!("the log of segment {segment} before its part from {from} on is missing");
                return Err(self.place.damaged(&Entry::name(*entry), &what));
            }
            if at == 0 {
                open.take().map_or(Ok(()), |mut file| file.sync())?;
            }
            let file = match &mut open {
                Some(file) => file,
                None => open.insert(disk.create(FileName::Log(*segment))?),
            };
            match &part.object {
                Some(name) => {
                    let object = ObjectMeta { name: name.clone(), bytes: part.bytes(), sum: part.sum.clone() };
                    copy(&self.place, &object, &mut |bytes| file.append(bytes))?;
                }
                None => file.append(&inline.next(*entry)?)?,
            }
            reach = (*segment, part.to);
        }
        open.map_or(Ok(()), |mut file| file.sync())?;
        Ok(reach)
    }

    /// Opens what was written as it was at the base, with what opening writes in memory, and compares its digests.
    fn check_digests(
        &self,
        expected: &Digests,
        state: &ManifestState,
        disk: &Arc<dyn Disk>,
        protection: &Protection,
        plan: &Plan<'_>,
        options: &Options,
    ) -> Result<()> {
        let is_content = |name: &FileName| matches!(name, FileName::Run(_) | FileName::Log(_));
        let files: BTreeSet<FileName> = disk.list()?.into_iter().filter(is_content).collect();
        let overlay = Arc::new(OverlayDisk::over_own(Arc::new(PartDisk::new(disk.clone(), files))));
        Manifest::write_to(&*overlay, protection, state)?;
        let found = digests(&Engine::open_to_read(overlay, options.clone(), ReadUntil::Commit(plan.base.commit))?)?;
        match found == *expected {
            true => Ok(()),
            false => {
                let what = format!("its tables have other digests than they had: {found:?} and not {expected:?}");
                Err(self.place.damaged(&plan.base.object.name, &what))
            }
        }
    }

    fn plan(&self, wanted: RestorePoint) -> Result<Plan<'_>> {
        let chains = chains(&self.entries);
        let fits = |timeline: u64| wanted.timeline.is_none_or(|wanted| wanted == timeline);
        let chain = chains.iter().rev().filter(|chain| fits(chain.timeline));
        let found = chain.filter_map(|chain| Some((chain, chain.base_for(wanted.moment)?))).next();
        let Some((chain, base)) = found else { return Err(self.outside(wanted.moment)) };
        chain.check(&self.place)?;
        let mut plan = Plan {
            timeline: chain.timeline,
            base,
            parts: BTreeMap::new(),
            ends: BTreeMap::new(),
            encrypted_from: 0,
            keys: Vec::new(),
            last: chain.latest(),
        };
        let has_moment = |entry: &Entry| match wanted.moment {
            Moment::Now => false,
            Moment::Commit(commit) => entry.commit >= commit,
            Moment::Instant(millis) => entry.at_millis > millis,
        };
        let last_needed = chain.entries().iter().find(|entry| has_moment(entry)).map_or(u64::MAX, |entry| entry.number);
        for entry in chain.entries() {
            if entry.number <= last_needed {
                let needed = entry.parts.iter().filter(|part| part.segment >= base.first_segment);
                plan.parts.extend(needed.map(|part| ((part.segment, part.from), (entry.number, part))));
                plan.ends.extend(entry.ends.clone());
            }
            // Later entries tell how the earlier log is protected.
            plan.encrypted_from = plan.encrypted_from.max(entry.encrypted_from);
            if let Some(keys) = entry.keys.as_ref().filter(|keys| !plan.keys.contains(keys)) {
                plan.keys.insert(0, keys);
            }
        }
        Ok(plan)
    }

    fn outside(&self, moment: Moment) -> Error {
        let status = self.status();
        let earliest_millis = status.timelines.iter().map(|timeline| timeline.earliest.at_millis).min();
        let latest_millis = status.timelines.iter().map(|timeline| timeline.latest.at_millis).max();
        let reach: Vec<String> = status
            .timelines
            .iter()
            .map(|timeline| {
                let (earliest, latest) = (timeline.earliest.commit, timeline.latest.commit);
                format!("commits {earliest} to {latest} of timeline {:016x}", timeline.timeline)
            })
            .collect();
        let text = format!("{moment:?} is not in the archive {}, which has {}", self.place, reach.join(", "));
        Error::new(ErrorKind::NotFound, "MomentOutsideHistory", text)
            .with_detail(Detail::OutsideHistory { earliest_millis, latest_millis })
    }
}

/// Change streams are not archived: they begin anew.
fn without_streams(state: &mut ManifestState) {
    state.streams.clear();
    state.shards.clear();
    state.stream_segments.clear();
}

/// Removes what an interrupted restore left. Errors: the disk holds anything else.
fn begin_anew(disk: &dyn Disk) -> Result<()> {
    let mut files = disk.list()?;
    files.retain(|name| !matches!(name, FileName::Lock | FileName::Reserve));
    let is_half = files.contains(&FileName::Restoring) && !files.contains(&FileName::Current);
    if !files.is_empty() && !is_half || disk.has_foreign_files()? {
        let text = format!("{} is not empty; restore into a folder that is, or that does not exist", disk.describe());
        return Err(Error::validation(text));
    }
    if !is_half {
        disk.create(FileName::Restoring)?.sync()?;
        disk.sync_directory()?;
    }
    files.into_iter().filter(|name| *name != FileName::Restoring).try_for_each(|name| disk.remove(name))
}
