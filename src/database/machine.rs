//! A database on a simulated machine: its power can be cut at any moment, and a write can be followed from point to point.

use super::{Database, OpenOptions, Stepper};
use crate::{
    clock::Clock,
    engine::{RecoveryReport, TableDigest},
    error::Result,
    file::simulated::SimulatedDisk,
    maintenance::Piece,
    observe::{Follower, Subject, WritePoint},
    request::Hooks,
};
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

/// Crashes that are tried at each point of a write that is followed.
const CRASHES_PER_POINT: u64 = 16;

/// A database on a machine with a [simulated disk](SimulatedDisk), which really forgets what was not synced when its power is
/// cut. For tests, and for looking at what a crash leaves.
///
/// ```
/// use hashrange::{Database, Durability, Item, key::S, testing::Machine};
///
/// let mut machine = Machine::new(Database::options().durability(Durability::Buffered), 7)?;
/// let stock = machine.database().create_table("stock").hash::<S>("sku").create()?;
/// stock.put(&Item::new().with("sku", "bolt"))?;
/// machine.database().sync()?;
/// stock.put(&Item::new().with("sku", "nut"))?; // buffered: a power cut may lose it
///
/// let report = machine.cut_power(1)?;
/// assert!(!report.was_closed);
/// let stock = machine.database().table::<S>("stock")?;
/// assert!(stock.get("bolt")?.is_some());
/// # Ok::<(), hashrange::Error>(())
/// ```
pub struct Machine {
    disk: SimulatedDisk,
    options: OpenOptions,
    database: Database,
    trace: Arc<Trace>,
}

/// What crashes at one point of a write left, by real recoveries of copies of the disk.
///
/// Before the sync, the disk may have kept the record or lost it: both are seen, if both can happen. Once the answer is there,
/// `before` and `between` are 0 under [`Durability::Sync`](crate::Durability::Sync).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct CrashOutcomes {
    /// Recoveries after which all tables were as before the request.
    pub before: u32,
    /// Recoveries after which all tables were as after the request.
    pub after: u32,
    /// Recoveries after which tables held something between: a part of a request of several commits, such as a batch.
    pub between: u32,
}

/// One point of a request that was followed.
#[derive(Clone, Debug, serde::Serialize)]
pub struct FollowedPoint {
    /// The point.
    #[serde(flatten)]
    pub at: WritePoint,
    /// What a power cut at this point would have left.
    pub crash: CrashOutcomes,
}

/// The points of the write that is being followed, with images of the disk as crashes would leave it there.
#[derive(Default)]
struct Trace {
    /// `None` while no write is followed. Innermost but for the machine's own.
    points: Mutex<Option<Points>>,
}

struct Points {
    disk: SimulatedDisk,
    reached: Vec<(WritePoint, Vec<SimulatedDisk>)>,
}

impl Points {
    fn reach(&mut self, point: WritePoint) {
        let seed = 1000 * self.reached.len() as u64;
        let images = (0..CRASHES_PER_POINT).map(|crash| self.disk.crash(seed + crash)).collect();
        self.reached.push((point, images));
    }
}

impl Trace {
    fn reach(&self, point: WritePoint) {
        if let Some(points) = &mut *self.points.lock() {
            points.reach(point);
        }
    }
}

impl Trace {
    /// Numbers of the partitions that the request has locked.
    fn locked(&self) -> BTreeSet<u64> {
        let points = self.points.lock();
        let reached = points.iter().flat_map(|points| &points.reached);
        let locked = reached.filter_map(|(point, _)| match point {
            WritePoint::Locked { partitions } => Some(partitions),
            _ => None,
        });
        let number = |subject: &Subject| match subject {
            Subject::Partition { partition, .. } => Some(*partition),
            _ => None,
        };
        locked.flatten().filter_map(number).collect()
    }
}

/// What all tables hold, by name.
type Contents = BTreeMap<String, TableDigest>;

impl Machine {
    /// A new machine with an empty database. `seed` decides what failures of the disk do. Background work runs on threads
    /// only if the options say so. Errors: options that do not go together.
    pub fn new(options: OpenOptions, seed: u64) -> Result<Self> {
        Self::open(options, SimulatedDisk::new(seed))
    }
    /// A new machine with a copy of a database, in which all that was committed is durable. It has the options of that
    /// database and no background threads. The hooks and the observer of the original learn nothing of the copy. The copy has
    /// a manual clock of its own, which is at the time of the original until it is moved. Errors: log or disk.
    pub fn copy_of(database: &Database, seed: u64) -> Result<Self> {
        let disk = SimulatedDisk::new(seed);
        database.fork_onto(&disk)?;
        let mut options = OpenOptions::again(database.engine(), &Hooks::default()).background(false);
        options.options.observer = None;
        options.options.clock = Clock::manual(database.clock().now_millis());
        Self::open(options, disk)
    }
    fn open(options: OpenOptions, disk: SimulatedDisk) -> Result<Self> {
        let trace = Arc::<Trace>::default();
        let database = Self::start(&options, &disk, &trace)?;
        Ok(Self { disk, options, database, trace })
    }
    fn start(options: &OpenOptions, disk: &SimulatedDisk, trace: &Arc<Trace>) -> Result<Database> {
        let (mut options, trace) = (options.clone(), trace.clone());
        options.options.follower = Some(Follower::new(move |point| trace.reach(point)));
        options.open_on(Arc::new(disk.clone()))
    }
    /// The database that runs now. After a power cut it is another one.
    pub fn database(&self) -> &Database {
        &self.database
    }
    /// The disk of the machine, to plan its failures.
    pub fn disk(&self) -> &SimulatedDisk {
        &self.disk
    }

    /// Cuts the power now, and opens the database that is left: all that was synced, and of the rest what `seed` chooses, as
    /// the [model of a crash](SimulatedDisk) has it. All handles of the database before fail from now on. Errors: what the
    /// recovery fails with; the machine then has the database from before the cut, without power.
    pub fn cut_power(&mut self, seed: u64) -> Result<RecoveryReport> {
        let after = self.disk.crash(seed);
        // Of the database before no operation reaches any disk.
        self.disk.crash_at(0);
        let database = Self::start(&self.options, &after, &self.trace)?;
        (self.disk, self.database) = (after, database);
        Ok(self.database.recovery().clone())
    }

    /// Runs a request and follows it: each point that it reaches, then its flush, and the compaction of the partition, with
    /// what a power cut at each point would leave. That is found out by crashes of copies of the disk, 16 at each point with
    /// different seeds, each of which is opened and compared. Other writers of the machine must rest meanwhile.
    /// Errors: a flush, a compaction or a recovery fails; the request's own result is the first of the two values.
    ///
    /// ```
    /// use hashrange::{Database, Item, key::S, observe::WritePoint, testing::Machine};
    ///
    /// let machine = Machine::new(Database::options().background(false), 7)?;
    /// let stock = machine.database().create_table("stock").hash::<S>("sku").create()?;
    /// let (put, points) = machine.follow(|_| stock.put(&Item::new().with("sku", "bolt")))?;
    /// put?;
    /// let answered = points.iter().find(|point| point.at == WritePoint::Answered).expect("it was answered");
    /// assert_eq!((answered.crash.before, answered.crash.after), (0, 16));
    /// # Ok::<(), hashrange::Error>(())
    /// ```
    pub fn follow<T>(&self, request: impl FnOnce(&Database) -> T) -> Result<(T, Vec<FollowedPoint>)> {
        let before = contents(&self.database)?;
        let stepper = self.database.stepper()?;
        *self.trace.points.lock() = Some(Points { disk: self.disk.clone(), reached: Vec::new() });
        self.trace.reach(WritePoint::Requested);
        let answer = request(&self.database);
        self.trace.reach(WritePoint::Answered);
        let worked = self.work_on(&stepper);
        let points = self.trace.points.lock().take();
        worked?;
        let after = contents(&self.database)?;
        let reached = points.map(|points| points.reached).unwrap_or_default();
        let followed = reached.into_iter().map(|(at, images)| {
            let crash = self.outcomes(images, &before, &after)?;
            Ok(FollowedPoint { at, crash })
        });
        Ok((answer, followed.collect::<Result<_>>()?))
    }

    /// Flushes and compacts the partitions that the request has locked.
    fn work_on(&self, stepper: &Stepper) -> Result<()> {
        let partitions = self.trace.locked();
        let flushes = partitions.iter().map(|id| Piece::Flush { partition: Some(*id) });
        let compactions = partitions.iter().map(|id| Piece::Compaction { partition: Some(*id) });
        for piece in flushes.chain(compactions) {
            for event in stepper.step(piece)?.events {
                self.trace.reach(WritePoint::Worked { event: event.kind.to_string() });
            }
        }
        Ok(())
    }

    /// Opens each image of the disk, and compares.
    fn outcomes(&self, images: Vec<SimulatedDisk>, before: &Contents, after: &Contents) -> Result<CrashOutcomes> {
        let mut outcomes = CrashOutcomes::default();
        let options = self.database.copy_options();
        for image in images {
            let found = contents(&options.clone().open_on(Arc::new(image))?)?;
            let counted = match found {
                found if found == *after => &mut outcomes.after,
                found if found == *before => &mut outcomes.before,
                _ => &mut outcomes.between,
            };
            *counted += 1;
        }
        Ok(outcomes)
    }
}

/// What all tables hold.
fn contents(database: &Database) -> Result<Contents> {
    let digest = |name: String| Ok((name.clone(), database.digest(&name)?));
    database.list_tables().into_iter().map(digest).collect()
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Machine({:?})", self.database)
    }
}
