//! Files that stay though the database does not need them any more: bases of history and readers of the past hold them.
//!
//! The owner of the files says which it gives up. One that is held is removed when its last holder lets go; what a crash
//! leaves over, the next opening removes, as it knows which files the bases need.

use crate::{
    file::{Disk, FileName},
    sync::Mutex,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

/// Which files are held, and which only their holders need.
pub(super) struct Kept {
    disk: Arc<dyn Disk>,
    /// Innermost.
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// Holders of each run.
    runs: BTreeMap<u64, usize>,
    /// Held runs that the database gave up.
    given_up_runs: BTreeSet<u64>,
    /// Holders of the file of each base.
    bases: BTreeMap<u64, usize>,
    /// Held bases that the database gave up.
    given_up_bases: BTreeSet<u64>,
    /// Holders of the log from a segment on.
    log_from: BTreeMap<u64, usize>,
    /// Segments that the database gave up, with the bytes of each that count.
    given_up_segments: BTreeMap<u64, u64>,
    /// Where segments of earlier sessions end, which the manifest forgets once the database needs them no more.
    ends: BTreeMap<u64, u64>,
    is_closed: bool,
}

/// One holder less; whether it was the last one.
fn lets_go(holders: &mut BTreeMap<u64, usize>, of: u64) -> bool {
    let left = holders.get(&of).map_or(0, |holders| holders.saturating_sub(1));
    match left {
        0 => drop(holders.remove(&of)),
        left => drop(holders.insert(of, left)),
    }
    left == 0
}

impl Held {
    fn log_is_held(&self, segment: u64) -> bool {
        self.log_from.first_key_value().is_some_and(|(first, _)| *first <= segment)
    }
}

impl Kept {
    /// Nothing is held.
    pub fn new(disk: Arc<dyn Disk>) -> Arc<Self> {
        Arc::new(Self { disk, held: Mutex::new(Held::default()) })
    }
    /// Holds runs, and the log from a segment on. The caller sees to it that they exist meanwhile: it holds the manifest, or
    /// them.
    pub fn hold(self: &Arc<Self>, runs: BTreeSet<u64>, first_segment: u64) -> Hold {
        let mut held = self.held.lock();
        for run in &runs {
            *held.runs.entry(*run).or_default() += 1;
        }
        *held.log_from.entry(first_segment).or_default() += 1;
        drop(held);
        Hold { kept: self.clone(), runs, first_segment, base: None, outlives_process: false }
    }
    /// The database needs a run no more. Whether no other holder does either, so that it can be removed.
    pub fn gives_up_run(&self, run: u64) -> bool {
        let mut held = self.held.lock();
        let is_held = held.runs.contains_key(&run);
        if is_held {
            held.given_up_runs.insert(run);
        }
        !is_held
    }
    /// The database needs a base no more. Its file goes with its last holder.
    pub fn gives_up_base(&self, file: u64) {
        self.held.lock().given_up_bases.insert(file);
    }
    /// Remembers where segments end whose files are longer. To be called before the manifest forgets it.
    pub fn note_ends(&self, ends: &BTreeMap<u64, u64>) {
        self.held.lock().ends.extend(ends);
    }
    /// The database needs a segment of the log no more. Whether no other holder does either, so that it can be removed.
    pub fn gives_up_segment(&self, segment: u64, bytes: u64) -> bool {
        let mut held = self.held.lock();
        let counting_bytes = held.ends.get(&segment).map_or(bytes, |end| bytes.min(*end));
        let is_held = counting_bytes > 0 && held.log_is_held(segment);
        if is_held {
            held.given_up_segments.insert(segment, counting_bytes);
        }
        !is_held
    }
    /// The database is closed: files are another process's affair from now on, and the next opening removes what is left over.
    pub fn close(&self) {
        self.held.lock().is_closed = true;
    }
    /// The first segment of the log that a holder needs.
    pub fn first_segment(&self) -> Option<u64> {
        self.held.lock().log_from.first_key_value().map(|(first, _)| *first)
    }
    /// Segments that only holders need, with the bytes of each that count.
    pub fn segments(&self) -> BTreeMap<u64, u64> {
        self.held.lock().given_up_segments.clone()
    }
    /// Where segments of earlier sessions end, also those that the manifest has forgotten.
    pub fn ends(&self) -> BTreeMap<u64, u64> {
        self.held.lock().ends.clone()
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("held", &self.held).finish_non_exhaustive()
    }
}

/// Runs, the log from a segment on, and perhaps the file of a base, which stay until this is dropped. One that outlives the process stays until it is
/// let go.
#[derive(Debug)]
pub struct Hold {
    kept: Arc<Kept>,
    runs: BTreeSet<u64>,
    first_segment: u64,
    /// The base whose file stays, too.
    base: Option<u64>,
    outlives_process: bool,
}

impl Hold {
    /// The same, for files that stay beyond the end of the process.
    pub fn outliving_process(mut self) -> Self {
        self.outlives_process = true;
        self
    }
    /// The same, and the file of a base.
    pub fn with_base(mut self, file: u64) -> Self {
        *self.kept.held.lock().bases.entry(file).or_default() += 1;
        self.base = Some(file);
        self
    }
    /// Ends it.
    pub fn let_go(mut self) {
        self.outlives_process = false;
    }
    /// A second hold on the same files.
    pub fn again(&self) -> Self {
        let hold = self.without_base();
        match self.base {
            Some(file) => hold.with_base(file),
            None => hold,
        }
    }
    /// A second hold on the same files but for that of a base, which is read once.
    pub fn without_base(&self) -> Self {
        self.kept.hold(self.runs.clone(), self.first_segment)
    }
    /// The first segment of the log that stays.
    pub fn first_segment(&self) -> u64 {
        self.first_segment
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut held = self.kept.held.lock();
        if held.is_closed || self.outlives_process {
            return;
        }
        let mut garbage = Vec::new();
        for run in &self.runs {
            if lets_go(&mut held.runs, *run) && held.given_up_runs.remove(run) {
                garbage.push(FileName::Run(*run));
            }
        }
        if let Some(file) = self.base
            && lets_go(&mut held.bases, file)
            && held.given_up_bases.remove(&file)
        {
            garbage.push(FileName::Base(file));
        }
        lets_go(&mut held.log_from, self.first_segment);
        let needed_from = held.log_from.first_key_value().map_or(u64::MAX, |(first, _)| *first);
        let still_held = held.given_up_segments.split_off(&needed_from);
        let free = std::mem::replace(&mut held.given_up_segments, still_held);
        garbage.extend(free.into_keys().map(FileName::Log));
        drop(held);
        for name in garbage {
            // What cannot be removed costs space until the next opening removes it.
            let _ = self.kept.disk.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::MemoryDisk;

    fn disk() -> Arc<MemoryDisk> {
        let disk = Arc::new(MemoryDisk::new());
        let names = (1..4).flat_map(|number| [FileName::Run(number), FileName::Log(number)]);
        names.for_each(|name| drop(disk.create(name).unwrap()));
        disk
    }

    #[test]
    fn what_is_held_goes_with_its_last_holder() {
        let disk = disk();
        let kept = Kept::new(disk.clone());
        let first = kept.hold(BTreeSet::from([1, 2]), 2);
        let second = first.again();
        assert!(kept.gives_up_run(3) && !kept.gives_up_run(2));
        assert!(kept.gives_up_segment(1, 10) && !kept.gives_up_segment(2, 10) && !kept.gives_up_segment(3, 10));
        drop(first);
        assert_eq!(disk.list().unwrap().len(), 6);
        let later = kept.hold(BTreeSet::from([2]), 3);
        drop(second);
        // Run 1 is the database's own.
        let left = [FileName::Log(1), FileName::Log(3), FileName::Run(1), FileName::Run(2), FileName::Run(3)];
        assert_eq!(disk.list().unwrap(), left);
        drop(later);
        assert_eq!(disk.list().unwrap(), [FileName::Log(1), FileName::Run(1), FileName::Run(3)]);
    }

    /// Behind the end of a segment that a crash left are bytes that were never acknowledged, and that no reader may read.
    #[test]
    fn a_segment_that_is_kept_ends_where_it_ended() {
        let kept = Kept::new(disk());
        let hold = kept.hold(BTreeSet::new(), 1);
        kept.note_ends(&BTreeMap::from([(1, 70), (2, 0)]));
        assert!(!kept.gives_up_segment(1, 100) && kept.gives_up_segment(2, 100) && !kept.gives_up_segment(3, 100));
        assert_eq!(kept.segments(), BTreeMap::from([(1, 70), (3, 100)]));
        drop(hold);
    }

    #[test]
    fn the_end_of_the_process_removes_nothing() {
        let disk = disk();
        let kept = Kept::new(disk.clone());
        let (base, reader) = (kept.hold(BTreeSet::from([1]), 1).outliving_process(), kept.hold(BTreeSet::from([2]), 1));
        assert!(!kept.gives_up_run(1) && !kept.gives_up_run(2));
        let other = kept.hold(BTreeSet::from([1]), 1).outliving_process();
        drop(other);
        base.let_go();
        assert_eq!(disk.list().unwrap().len(), 6, "the other one was not let go");
        kept.close();
        drop(reader);
        assert_eq!(disk.list().unwrap().len(), 6);
    }
}
