//! One life of a machine and the databases on it.

use crate::{
    event::{Aftermath, Event, Script},
    ledger::{Ledger, is_synced},
};
use hashrange::{
    Database, Durability, ErrorKind,
    file::{Disk, FileName},
    testing::SimulatedDisk,
};
use hashrange_test_support::world::{
    Mutation, Setup, State, Step,
    answer::{compare, contents, difference},
    judge::{Done, is_of_the_disk},
    run::{perform, repeat, run},
    state::Outcome,
    step::{BEGIN_MILLIS, Write},
    stream::{check_streams, keeps_streams},
    time::lag,
};
use std::{fmt, sync::Arc};

/// What happened in some lives.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// States of the medium after a power failure that were opened and compared.
    pub crash_points: u64,
    /// Power failures during recovery.
    pub crashes_in_recovery: u64,
    /// Processes killed between two steps.
    pub kills: u64,
    /// Events that were lived.
    pub steps: u64,
    /// Calls that a failing disk made fail.
    pub failures: u64,
    /// Items whose time to live had ended and that were deleted.
    pub expired: u64,
    /// Records of change streams that were replayed.
    pub stream_records: u64,
    /// Segments of the log, on the media that were opened, that were written over former ones.
    pub reused_segments: u64,
    /// Partitions that a database had at most.
    pub most_partitions: usize,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { crash_points, crashes_in_recovery, kills, steps, failures, .. } = self;
        let Self { expired, stream_records, reused_segments, most_partitions, .. } = self;
        write!(
            f,
            "{crash_points} crash points, {crashes_in_recovery} crashes during recovery, {kills} kills, {steps} steps, \
             {failures} calls that a disk made fail, {expired} items expired, {stream_records} stream records replayed, \
             {reused_segments} segments written over former ones, up to {most_partitions} partitions"
        )
    }
}

impl Counts {
    /// Adds what happened in other lives.
    pub fn add(&mut self, other: &Self) {
        self.crash_points += other.crash_points;
        self.crashes_in_recovery += other.crashes_in_recovery;
        self.kills += other.kills;
        self.steps += other.steps;
        self.failures += other.failures;
        self.expired += other.expired;
        self.stream_records += other.stream_records;
        self.reused_segments += other.reused_segments;
        self.most_partitions = self.most_partitions.max(other.most_partitions);
    }
}

/// Lives a script to its end; returns a hash of everything that the disks saw.
pub fn live(script: &Script, counts: &mut Counts) -> Result<u64, String> {
    live_on(SimulatedDisk::new(script.disk_seed), State::default(), script, counts)
}

/// Lives a script on a machine whose disk holds a database with these contents.
pub fn live_on(disk: SimulatedDisk, state: State, script: &Script, counts: &mut Counts) -> Result<u64, String> {
    let mut life = Life::new(disk, state, script, counts);
    if let Some((at, aftermath)) = script.first_cut {
        life.disk.crash_at(at);
        life.cut = Some(aftermath);
    }
    life.pass(script)?;
    life.end()
}

/// How many operations of the disk a script takes in which the power never goes.
pub fn operations_of(disk: SimulatedDisk, state: State, script: &Script) -> Result<u64, String> {
    let mut counts = Counts::default();
    let mut life = Life::new(disk, state, script, &mut counts);
    life.pass(script)?;
    Ok(life.disk.operations())
}

struct Life<'a> {
    setup: Setup,
    disk: SimulatedDisk,
    /// Absent while the disk does not let it be opened.
    db: Option<Database>,
    ledger: Ledger,
    /// What comes after the power cut that is planned.
    cut: Option<Aftermath>,
    /// The last transaction with a token, and whether it was acknowledged.
    token: Option<(Mutation, bool)>,
    /// Whether the disk is not to blame for what fails from now on.
    is_healed: bool,
    /// Whether the clock was never so far away that records of streams left.
    has_whole_streams: bool,
    trace: u64,
    counts: &'a mut Counts,
}

/// Segments of the log that were written over former ones, as their headers say (bit 1 of the features).
fn reused_segments(disk: &SimulatedDisk) -> u64 {
    let files = disk.list().unwrap_or_default();
    let logs = files.into_iter().filter(|name| matches!(name, FileName::Log(_)));
    logs.filter(|name| disk.contents(*name).is_some_and(|bytes| bytes.get(12).is_some_and(|bits| bits & 2 != 0)))
        .count() as u64
}

fn open(setup: &Setup, disk: &SimulatedDisk) -> hashrange::Result<Database> {
    setup.open(Arc::new(disk.clone()))
}

impl<'a> Life<'a> {
    fn new(disk: SimulatedDisk, state: State, script: &Script, counts: &'a mut Counts) -> Self {
        let clock = hashrange::Clock::manual(BEGIN_MILLIS);
        let setup = Setup { clock, ..script.setup.clone() };
        Self {
            setup,
            disk,
            db: None,
            ledger: Ledger::new(state),
            cut: None,
            token: None,
            is_healed: true,
            has_whole_streams: true,
            trace: 0,
            counts,
        }
    }

    fn pass(&mut self, script: &Script) -> Result<(), String> {
        self.open()?;
        for (position, event) in script.events.iter().enumerate() {
            self.happen(event).map_err(|text| format!("event {position}: {text}"))?;
        }
        Ok(())
    }

    fn happen(&mut self, event: &Event) -> Result<(), String> {
        self.counts.steps += 1;
        match event {
            Event::Step(Step::Reopen(mode)) => {
                self.setup.read_mode = *mode;
                if let Some(Err(error)) = self.db.take().map(Database::close) {
                    if !is_of_the_disk(&error) {
                        return Err(format!("close: {error}"));
                    }
                    self.counts.failures += 1;
                    self.ledger.failed();
                }
                self.open()
            }
            Event::Step(step) => self.step(step),
            Event::PowerCut { after, aftermath } => {
                self.disk.crash_at(self.disk.operations() + after);
                self.cut = Some(*aftermath);
                Ok(())
            }
            Event::Kill => {
                self.counts.kills += 1;
                let next = self.disk.kill();
                self.db = None;
                self.disk = next;
                self.open()
            }
            Event::Fault(plan) => {
                self.is_healed = false;
                self.disk.fail(*plan);
                Ok(())
            }
            Event::Full(room) => {
                self.is_healed = false;
                self.disk.set_capacity(Some(self.used_bytes() + room));
                Ok(())
            }
            Event::Heal => {
                self.heal();
                self.db = None;
                self.open()
            }
        }
    }

    fn used_bytes(&self) -> u64 {
        // The disk tells how much is left of a capacity, and so how much is used.
        self.disk.set_capacity(Some(u64::MAX));
        u64::MAX - hashrange::file::Disk::available_bytes(&self.disk).unwrap_or(u64::MAX)
    }

    fn heal(&mut self) {
        self.is_healed = true;
        self.disk.stop_failing();
        self.disk.set_capacity(None);
    }

    /// Opens the database where the last process left it.
    fn open(&mut self) -> Result<(), String> {
        match open(&self.setup, &self.disk) {
            Ok(db) => {
                if self.disk.has_crashed() {
                    drop(db);
                    return self.power_failure();
                }
                let found = match self.look(&db)? {
                    Some(found) => found,
                    None => {
                        self.ledger.failed();
                        return self.close_and_heal(db);
                    }
                };
                if !self.ledger.allows_after_exit(&found) {
                    return Err(format!("reopened: {}", difference(&found, self.ledger.last())));
                }
                self.ledger.found(found);
                self.db = Some(db);
                self.resend()
            }
            Err(_) if self.disk.has_crashed() => self.power_failure(),
            Err(error) if is_of_the_disk(&error) && !self.is_healed => {
                self.counts.failures += 1;
                self.ledger.failed();
                self.heal();
                self.open()
            }
            Err(error) => Err(format!("reopened: {error}")),
        }
    }

    fn close_and_heal(&mut self, db: Database) -> Result<(), String> {
        drop(db);
        if self.disk.has_crashed() {
            return self.power_failure();
        }
        self.heal();
        self.open()
    }

    /// Reads everything; change streams must tell the same.
    fn contents(&mut self, db: &Database) -> Result<State, String> {
        let state = contents(db)?;
        self.counts.stream_records += check_streams(db, self.has_whole_streams)?;
        Ok(state)
    }

    /// Reads everything; `None` if the disk fails meanwhile.
    fn look(&mut self, db: &Database) -> Result<Option<State>, String> {
        match self.contents(db) {
            Ok(state) => Ok(Some(state)),
            Err(text) if text.contains("simulated") => Ok(None),
            Err(text) => Err(text),
        }
    }

    /// A client that does not know how its transaction ended sends it again.
    fn resend(&mut self) -> Result<(), String> {
        let (Some(db), Some((mutation, acknowledged))) = (&self.db, self.token.take()) else { return Ok(()) };
        let Mutation::Transact(writes, _) = &mutation else { return Ok(()) };
        let is_gone = writes.iter().any(|write| self.ledger.last().table(write.table).is_none());
        if acknowledged && !is_gone { repeat(db, &mutation).map(drop) } else { Ok(()) }
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        let Some(db) = self.db.clone() else { return Ok(()) };
        match step {
            Step::Mutate(mutation, durability) => self.mutate(&db, mutation, *durability)?,
            Step::Read(read) => self.ledger.read(&db, read)?,
            Step::Verify if !self.ledger.is_certain() || self.ledger.has_failed() => {}
            Step::Lag(writes) => self.lag(&db, writes)?,
            Step::Work(_) | Step::Sweep if self.ledger.work_begins(db.clock().now_secs()) => {
                return self.work(db, step);
            }
            _ => {
                if let Step::Clock(millis) = step {
                    self.token = None;
                    self.has_whole_streams &= keeps_streams(*millis);
                }
                let mut state = self.ledger.last().clone();
                match self.forgive(run(&db, step, &mut state))? {
                    Done::AsExpected => {
                        if matches!(step, Step::Flush | Step::Compact | Step::Sync) {
                            self.ledger.synced();
                        }
                    }
                    Done::Failed => {
                        self.counts.failures += 1;
                        self.ledger.failed();
                    }
                }
            }
        }
        self.counts.most_partitions = self.counts.most_partitions.max(db.facts().partitions.len());
        drop(db);
        if self.disk.has_crashed() {
            self.db = None;
            return self.power_failure();
        }
        Ok(())
    }

    /// Background work while there are items that have expired.
    fn work(&mut self, db: Database, step: &Step) -> Result<(), String> {
        let mut state = self.ledger.last().clone();
        if !self.ledger.is_certain() {
            self.ledger.work_ended(state); // nobody knows what has expired
            return Ok(());
        }
        let items = |state: &State| state.tables.iter().flatten().map(|table| table.items.len() as u64).sum::<u64>();
        let before = items(&state);
        let done = self.forgive(run(&db, step, &mut state))?;
        if self.disk.has_crashed() {
            drop(db);
            return self.power_failure();
        }
        match done {
            Done::AsExpected => {
                self.counts.expired += before - items(&state);
                self.ledger.work_ended(state);
                Ok(())
            }
            Done::Failed => {
                self.counts.failures += 1;
                self.ledger.failed();
                self.db = None;
                self.close_and_heal(db)
            }
        }
    }

    fn lag(&mut self, db: &Database, writes: &[Write]) -> Result<(), String> {
        if !self.ledger.is_certain() || self.ledger.has_failed() {
            return Ok(());
        }
        let before = self.ledger.last().clone();
        let done = lag(db, &before, || {
            for write in writes {
                self.mutate(db, &Mutation::One(write.clone()), Durability::Sync)?;
            }
            let is_certain = self.ledger.is_certain() && !self.ledger.has_failed();
            Ok(is_certain.then(|| self.ledger.last().clone()))
        });
        self.forgive(done).map(drop)
    }

    /// A comparison in which the disk failed has compared nothing.
    fn forgive(&self, done: Result<Done, String>) -> Result<Done, String> {
        match done {
            Err(text) if !self.is_healed && text.contains("simulated") => Ok(Done::Failed),
            other => other,
        }
    }

    fn mutate(&mut self, db: &Database, mutation: &Mutation, durability: Durability) -> Result<(), String> {
        let is_tokened = matches!(mutation, Mutation::Transact(_, Some(_)));
        match perform(db, mutation, durability) {
            Ok(outcome) => {
                self.ledger.answered(mutation, durability, &outcome)?;
                if is_tokened && matches!(outcome, Outcome::Done(_)) {
                    self.token = Some((mutation.clone(), true));
                }
                if !self.ledger.is_certain()
                    && is_synced(mutation, durability)
                    && let Some(found) = self.look(db)?
                    && !self.ledger.allows_now(&found)
                {
                    return Err(format!("after {mutation:?}: {}", difference(&found, self.ledger.last())));
                }
                Ok(())
            }
            // Whoever failed first may have written something; those that come after are turned away.
            Err(error) if error.kind() == ErrorKind::Poisoned && self.ledger.has_failed() => Ok(()),
            Err(error) if is_of_the_disk(&error) => {
                self.counts.failures += 1;
                self.ledger.unanswered(mutation);
                if self.disk.has_crashed() {
                    return Ok(());
                }
                if let Some(found) = self.look(db)? {
                    if !self.ledger.allows_now(&found) {
                        return Err(format!("after {mutation:?}: {}", difference(&found, self.ledger.last())));
                    }
                    self.ledger.shows(&found, is_synced(mutation, durability));
                }
                Ok(())
            }
            Err(error) => Err(format!("{mutation:?}: {error}")),
        }
    }

    /// The power was cut: the machine comes up with one of many possible media.
    fn power_failure(&mut self) -> Result<(), String> {
        let aftermath = self.cut.take().ok_or("the power went without a cut")?;
        self.is_healed = true; // the machine that comes up has no faults
        self.db = None;
        self.note_trace();
        for other in 0..aftermath.others {
            self.inspect(&self.disk.crash(aftermath.image.wrapping_add(other + 1)))?;
        }
        self.disk = self.disk.crash(aftermath.image);
        self.disk.set_capacity(None);
        if let Some(again) = aftermath.again {
            self.disk.crash_at(again);
            if let Ok(db) = open(&self.setup, &self.disk) {
                // What has been shown once is there for good.
                if let Ok(found) = self.contents(&db)
                    && !self.disk.has_crashed()
                {
                    self.expect(&found)?;
                    self.ledger.found(found);
                }
                drop(db);
            }
            self.counts.crashes_in_recovery += 1;
            self.note_trace();
            self.disk = self.disk.crash(aftermath.image ^ 0xA6A1);
        }
        let db = self.recover(&self.disk.clone())?;
        let found = self.contents(&db)?;
        self.expect(&found)?;
        db.verify().map_err(|error| format!("verify after a power failure: {error}"))?;
        self.ledger.found(found);
        self.db = Some(db);
        self.resend()
    }

    fn recover(&mut self, disk: &SimulatedDisk) -> Result<Database, String> {
        self.counts.crash_points += 1;
        disk.set_capacity(None);
        self.counts.reused_segments += reused_segments(disk);
        open(&self.setup, disk).map_err(|error| format!("recovery after a power failure: {error}"))
    }

    fn expect(&self, found: &State) -> Result<(), String> {
        if self.ledger.allows_after_power_failure(found) {
            return Ok(());
        }
        Err(format!("after a power failure: {}", difference(found, self.ledger.last())))
    }

    /// Opens one more of the possible media, and leaves it.
    fn inspect(&mut self, disk: &SimulatedDisk) -> Result<(), String> {
        let db = self.recover(disk)?;
        let found = self.contents(&db)?;
        self.expect(&found)?;
        db.verify().map(drop).map_err(|error| format!("verify after a power failure: {error}"))
    }

    fn note_trace(&mut self) {
        // The bytes of an encrypted database differ each time; what is done with them does not.
        let trace = if self.setup.encrypted.is_some() { self.disk.operations() } else { self.disk.trace() };
        self.trace = self.trace.rotate_left(7) ^ trace;
    }

    fn end(mut self) -> Result<u64, String> {
        self.heal();
        self.disk.crash_at(u64::MAX);
        self.db = None;
        self.open()?;
        let db = self.db.take().ok_or("the database does not open on a healthy disk")?;
        compare(&db, self.ledger.last())?;
        db.compact().map_err(|error| format!("compact at the end: {error}"))?;
        compare(&db, self.ledger.last())?;
        self.contents(&db)?;
        drop(db);
        self.note_trace();
        Ok(self.trace)
    }
}
