//! Regions and the links between them, and the time that passes there.

use super::{
    clocks::RegionClock,
    coordinator::{Coordinator, out_of_service},
    link::{Ends, Link},
    link_positions::LinkPositions,
    options::{DatabaseLocation, LinkModel, WorldOptions},
    region::Region,
    report::LinkReport,
    strong::Strong,
    thread::{Stop, start},
    topology::Topology,
    transit::Transit,
};
use crate::{
    clock::Clock,
    database::Database,
    error::{Error, Result},
    random::mix,
};
use parking_lot::{Mutex, MutexGuard};
use std::{
    collections::BTreeSet,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// How much the clock may go back without more being done about it than that something comes so much later, in milliseconds.
const SET_BACK_MILLIS: u64 = 1_000;
/// How much the clock of a region can differ from the world's, in milliseconds: a year.
const MOST_AHEAD_MILLIS: u64 = 365 * 24 * 3600 * 1000;

/// Databases in several regions, whose tables can be replicas of each other. Cheap to clone; it stays open as long as a
/// handle of it or of one of its databases is there, or until [`World::close`].
///
/// ```
/// use hashrange::{Clock, Item, key::S, regions::World};
/// use std::time::Duration;
///
/// # fn main() -> hashrange::Result<()> {
/// let clock = Clock::manual(1_800_000_000_000);
/// let world = World::options().region("us-east-1").region("eu-west-1").clock(clock).open()?;
/// let us = world.database("us-east-1")?.create_table("stock").hash::<S>("sku").create()?;
/// world.create_replica("stock", "us-east-1", "eu-west-1")?;
/// let eu = world.database("eu-west-1")?.table::<S>("stock")?;
///
/// us.put(&Item::new().with("sku", "bolt").with("left", 5))?;
/// assert!(eu.get("bolt")?.is_none());
/// world.advance(Duration::from_millis(800))?;
/// assert!(eu.get("bolt")?.is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct World {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub regions: Vec<Region>,
    positions: Vec<LinkPositions>,
    pub clock: Clock,
    /// Taken before any lock of a database, and never while one is held.
    state: Mutex<WorldState>,
    stop: Arc<Stop>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What changes while a world is open.
pub(super) struct WorldState {
    pub topology: Topology,
    clocks: Vec<RegionClock>,
    links: Vec<Link>,
    pub strong: Strong,
    /// The latest time that was looked at, in milliseconds since 1970.
    seen_millis: u64,
}

impl WorldState {
    pub fn links(&self) -> &[Link] {
        &self.links
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("World").field(&self.regions()).finish()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop.ask();
    }
}

impl World {
    /// How to open a world.
    pub fn options() -> WorldOptions {
        WorldOptions::default()
    }

    pub(super) fn open(options: WorldOptions) -> Result<Self> {
        let clock = options.clock.unwrap_or_default();
        let (mut regions, mut positions, mut clocks) = (Vec::new(), Vec::new(), Vec::new());
        for (name, place) in options.regions {
            let region_clock = RegionClock::of(&clock);
            let open = options.database.clone().clock(region_clock.clock.clone());
            let database = match place {
                DatabaseLocation::Memory => open.in_memory()?,
                DatabaseLocation::Folder(folder) => open.open(folder)?,
                DatabaseLocation::Disk(disk) => open.open_on(disk)?,
            };
            clocks.push(region_clock);
            regions.push(Region { name, database, is_down: AtomicBool::new(false) });
        }
        // Before anything is written in one of them.
        regions.iter().try_for_each(Region::check_name)?;
        for region in &regions {
            positions.push(LinkPositions::open(&region.database)?);
        }
        let (mut links, mut put_back) = (Vec::new(), BTreeSet::new());
        for from in 0..regions.len() {
            for to in (0..regions.len()).filter(|to| *to != from) {
                let seed = mix(options.seed ^ mix((from * regions.len() + to) as u64));
                let ends =
                    Ends { from: &regions[from], to: &regions[to], clock: &clocks[from], positions: &positions[to] };
                let transit = Transit::new(options.link, seed, options.pending_bytes);
                let (link, is_put_back) = Link::open((from, to), &ends, transit)?;
                links.push(link);
                put_back.extend(is_put_back.then_some(from));
            }
        }
        let is_driven = !clock.is_manual() && !options.is_stepped;
        let state =
            WorldState { topology: Topology::default(), clocks, links, strong: Strong::default(), seen_millis: 0 };
        let (state, stop, thread) = (Mutex::new(state), Arc::default(), Mutex::default());
        let world = Self { inner: Arc::new(Inner { regions, positions, clock, state, stop, thread }) };
        // What such a region wrote before is in the others only, and they do not send it by themselves. What it writes from now on
        // has the numbers of what they have. Last goes what says that it was put back.
        for region in put_back {
            let mut state = world.inner.lock();
            let others = || (0..world.inner.regions.len()).filter(move |other| *other != region);
            let ways = others().map(|from| (from, region)).chain(others().map(|to| (region, to)));
            ways.into_iter().try_for_each(|at| world.inner.compare_later(&mut state, at))?;
        }
        world.repair_membership()?;
        if is_driven {
            let started = start(Arc::downgrade(&world.inner), world.inner.stop.clone());
            let thread = started.map_err(|error| Error::io("start", "a thread", &error))?;
            *world.inner.thread.lock() = Some(thread);
        }
        Ok(world)
    }

    /// Names of the regions, in the order of the options.
    pub fn regions(&self) -> Vec<&str> {
        self.inner.regions.iter().map(|region| region.name.as_str()).collect()
    }
    /// The clock of the world.
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }
    /// The database of a region. Requests of this handle, and of the tables that it gives out, fail while the region is down, and
    /// agree with the other regions where a table wants that. Errors: there is no such region.
    pub fn database(&self, region: &str) -> Result<Database> {
        let region = self.inner.number_of(region)?;
        let coordinator = Coordinator { world: self.inner.clone(), region };
        Ok(self.inner.regions[region].database.coordinated(Arc::new(coordinator)))
    }

    /// Carries out what is due by the clock: reads the logs, and applies the changes that have arrived. Returns how many
    /// those were. Without the system clock, or with [`WorldOptions::stepped`], nothing else does. Errors: a link failed, which
    /// is part of its report too; the others have done their work.
    pub fn step(&self) -> Result<u64> {
        self.inner.step()
    }
    /// Moves a manual clock, and carries out on the way what is due, each change at its time. With the system clock it
    /// only carries out what is due. Returns how many changes arrived. Errors: as [`step`](Self::step).
    pub fn advance(&self, by: Duration) -> Result<u64> {
        let mut state = self.inner.lock();
        let until = self.inner.now_millis().saturating_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX));
        if self.inner.clock.is_manual() {
            self.inner.run_until(&mut state, until)
        } else {
            self.inner.carry(&mut state)
        }
    }
    /// Goes on until everything has arrived that can: what is behind a link that is cut, or in a region that is down, stays.
    /// A manual clock is moved to when the last change arrives; with the system clock it waits. Errors: as
    /// [`step`](Self::step).
    pub fn settle(&self) -> Result<()> {
        loop {
            let mut state = self.inner.lock();
            self.inner.carry(&mut state)?;
            let Some(next) = self.inner.next_arrival(&state) else {
                if self.inner.is_idle(&state) {
                    return Ok(());
                }
                continue;
            };
            if self.inner.clock.is_manual() {
                self.inner.run_until(&mut state, next)?;
            } else {
                drop(state);
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    /// Changes how the link from one region to another behaves; what is on its way keeps its time. Errors: there is no such
    /// link; it cannot be.
    pub fn set_link(&self, from: &str, to: &str, model: LinkModel) -> Result<()> {
        let model = model.check()?;
        let (from, to) = self.inner.link_of(from, to)?;
        let mut state = self.inner.lock();
        state.links.iter_mut().filter(|link| (link.from, link.to) == (from, to)).for_each(|link| link.set_model(model));
        Ok(())
    }
    /// Cuts the link from one region to another. What is committed meanwhile, and what is on its way, arrives when it is
    /// whole again. Errors: there is no such link.
    pub fn cut(&self, from: &str, to: &str) -> Result<()> {
        self.set_connected(from, to, false)
    }
    /// Makes a link whole again. Errors: there is no such link.
    pub fn mend(&self, from: &str, to: &str) -> Result<()> {
        self.set_connected(from, to, true)
    }
    fn set_connected(&self, from: &str, to: &str, works: bool) -> Result<()> {
        let (from, to) = self.inner.link_of(from, to)?;
        self.inner.lock().topology.set_link(from, to, works);
        Ok(())
    }
    /// Cuts all links between two groups of regions, in both directions: both sides go on. A region in neither group keeps its
    /// links. Errors: there is no such region.
    pub fn split(&self, one: &[&str], other: &[&str]) -> Result<()> {
        let numbers = |names: &[&str]| names.iter().map(|name| self.inner.number_of(name)).collect::<Result<Vec<_>>>();
        let (one, other) = (numbers(one)?, numbers(other)?);
        let mut state = self.inner.lock();
        for (from, to) in one.iter().flat_map(|from| other.iter().map(move |to| (*from, *to))) {
            state.topology.set_link(from, to, false);
            state.topology.set_link(to, from, false);
        }
        Ok(())
    }
    /// Takes a region out of service, or into it again: requests to its database fail with
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable), and nothing leaves or reaches it. Its data stays. Errors: there is no such region.
    pub fn set_region_up(&self, region: &str, is_up: bool) -> Result<()> {
        let region = self.inner.number_of(region)?;
        self.inner.lock().topology.set_region(region, is_up);
        self.inner.regions[region].is_down.store(!is_up, Ordering::Release);
        Ok(())
    }
    /// Makes all links whole, and all regions serve requests.
    pub fn heal(&self) {
        self.inner.lock().topology.heal();
        self.inner.regions.iter().for_each(|region| region.is_down.store(false, Ordering::Release));
    }
    /// Sets the clock of a region ahead of the world's, or behind it, by at most a year. Errors: there is no such region; the world has
    /// the system clock; log or disk.
    pub fn set_clock_ahead(&self, region: &str, millis: i64) -> Result<()> {
        let region = self.inner.number_of(region)?;
        if !self.inner.clock.is_manual() {
            return Err(Error::unsupported("only a clock that is moved by hand can differ from another"));
        }
        if millis.unsigned_abs() > MOST_AHEAD_MILLIS {
            return Err(Error::validation("the clock of a region differs from the world's by at most a year"));
        }
        let mut state = self.inner.lock();
        // What was committed by the clock as it was is read by it.
        self.inner.read_logs_of(&mut state, region)?;
        state.clocks[region].set_ahead(millis);
        Ok(())
    }
    /// What the link from one region to another did, and how it behaves. Errors: there is no such link.
    pub fn link(&self, from: &str, to: &str) -> Result<(LinkModel, LinkReport)> {
        let (from, to) = self.inner.link_of(from, to)?;
        let state = self.inner.lock();
        let found = state.links.iter().find(|link| (link.from, link.to) == (from, to));
        let link = found.ok_or_else(|| unknown_region(&self.inner.regions[to].name, &self.regions()))?;
        Ok((link.model(), self.inner.report(&state, link)))
    }
    /// What all links did, in the order of their regions.
    pub fn links(&self) -> Vec<LinkReport> {
        let state = self.inner.lock();
        state.links.iter().map(|link| self.inner.report(&state, link)).collect()
    }
    /// Ends the thread that carries changes over, and closes the databases of all regions. What is on its way arrives when
    /// the world is opened again. Errors: log or disk; the others are closed all the same.
    pub fn close(&self) -> Result<()> {
        self.inner.stop.ask();
        let thread = self.inner.thread.lock().take();
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != std::thread::current().id()) {
            // It has no panic to report: a step fails with an error.
            let _ = thread.join();
        }
        // A step that is under way ends first. The lock is free meanwhile: a trigger whose end a database waits for may take it.
        drop(self.inner.lock());
        let closed: Vec<Result<()>> = self.inner.regions.iter().map(|region| region.database.clone().close()).collect();
        closed.into_iter().collect()
    }
}

impl Inner {
    pub fn number_of(&self, name: &str) -> Result<usize> {
        let names = || self.regions.iter().map(|region| region.name.as_str()).collect::<Vec<_>>();
        self.regions.iter().position(|region| region.name == name).ok_or_else(|| unknown_region(name, &names()))
    }
    fn link_of(&self, from: &str, to: &str) -> Result<(usize, usize)> {
        let (from, to) = (self.number_of(from)?, self.number_of(to)?);
        if from == to { Err(Error::validation("a region has no link to itself")) } else { Ok((from, to)) }
    }
    pub fn now_millis(&self) -> u64 {
        self.clock.now_millis()
    }
    pub fn lock(&self) -> MutexGuard<'_, WorldState> {
        let mut state = self.state.lock();
        self.follow_clock(&mut state);
        state
    }
    /// After a clock was set back, times that were reckoned by it would come too late: nothing waits for them any more.
    fn follow_clock(&self, state: &mut WorldState) {
        let now_millis = self.now_millis();
        if now_millis.saturating_add(SET_BACK_MILLIS) < state.seen_millis {
            state.seen_millis = now_millis;
            state.links.iter_mut().for_each(Link::begin_again);
            state.strong = Strong::default();
        }
        state.seen_millis = state.seen_millis.max(now_millis);
    }
    fn ends<'a>(&'a self, clocks: &'a [RegionClock], (from, to): (usize, usize)) -> Ends<'a> {
        let (clock, positions) = (&clocks[from], &self.positions[to]);
        Ends { from: &self.regions[from], to: &self.regions[to], clock, positions }
    }
    fn report(&self, state: &WorldState, link: &Link) -> LinkReport {
        let at = (link.from, link.to);
        link.report(&self.ends(&state.clocks, at), state.topology.is_connected(at.0, at.1), self.now_millis())
    }
    pub fn step(&self) -> Result<u64> {
        let mut state = self.lock();
        self.carry(&mut state)
    }

    /// Moves the clock to a time, and stops on the way wherever a change arrives.
    fn run_until(&self, state: &mut WorldState, until: u64) -> Result<u64> {
        let mut arrived = self.carry(state)?;
        while let Some(next) = self.next_arrival(state).filter(|next| *next <= until) {
            self.clock.set_millis(next.max(self.now_millis()));
            arrived += self.carry(state)?;
        }
        self.clock.set_millis(until.max(self.now_millis()));
        Ok(arrived)
    }

    /// When the next change arrives over a link that works.
    fn next_arrival(&self, state: &WorldState) -> Option<u64> {
        let working = state.links.iter().filter(|link| state.topology.is_connected(link.from, link.to));
        working.filter_map(Link::wakes_at).min()
    }
    /// Whether everything has arrived that can.
    fn is_idle(&self, state: &WorldState) -> bool {
        let mut working = state.links.iter().filter(|link| state.topology.is_connected(link.from, link.to));
        working.all(|link| link.is_idle(&self.ends(&state.clocks, (link.from, link.to))))
    }

    /// Reads the logs, and applies what has arrived by now, in the order of arrival. A link that had no room for all of its log goes
    /// on as soon as there is some.
    fn carry(&self, state: &mut WorldState) -> Result<u64> {
        let mut arrived = 0;
        loop {
            let count = self.carry_once(state)?;
            arrived += count;
            let WorldState { topology, links, .. } = &*state;
            let is_behind =
                |link: &Link| link.is_behind(self.now_millis()) && topology.is_connected(link.from, link.to);
            if !links.iter().any(is_behind) {
                return Ok(arrived);
            }
        }
    }

    fn carry_once(&self, state: &mut WorldState) -> Result<u64> {
        let now_millis = self.now_millis();
        let WorldState { topology, clocks, links, .. } = state;
        let mut failures = Vec::new();
        for link in links.iter_mut() {
            let (ends, is_connected) =
                (self.ends(clocks, (link.from, link.to)), topology.is_connected(link.from, link.to));
            if is_connected {
                failures.extend(link.read_log(&ends, now_millis).err());
            }
        }
        let mut working: Vec<&mut Link> =
            links.iter_mut().filter(|link| topology.is_connected(link.from, link.to)).collect();
        let mut arrived = 0;
        let next = |links: &[&mut Link]| {
            let due = links.iter().enumerate().filter_map(|(at, link)| Some((link.next_arrival()?, at)));
            due.min().filter(|(arrival, _)| *arrival <= now_millis)
        };
        while let Some((_, at)) = next(&working) {
            let ends = self.ends(clocks, (working[at].from, working[at].to));
            match working[at].deliver_next(&ends, now_millis) {
                Ok(is_done) => arrived += u64::from(is_done),
                Err(error) => failures.push(error),
            }
        }
        for link in working {
            failures.extend(link.note_place(&self.ends(clocks, (link.from, link.to))).err());
        }
        failures.into_iter().next().map_or(Ok(arrived), Err)
    }

    /// Brings everything of some tables that a region has over to another one at once. Errors: one of the regions has no replica
    /// of a table; log, disk.
    pub fn bring_over(&self, state: &mut WorldState, at: (usize, usize), tables: &[String]) -> Result<()> {
        if let Some(table) = tables.iter().find(|table| !self.share(table, at)) {
            let (from, to) = (&self.regions[at.0].name, &self.regions[at.1].name);
            return Err(out_of_service(&format!("table {table} is not in region {from} and in region {to}")));
        }
        let now_millis = self.now_millis();
        let WorldState { clocks, links, .. } = state;
        let ends = self.ends(clocks, at);
        let mut found = links.iter_mut().filter(|link| (link.from, link.to) == at);
        found.try_for_each(|link| link.bring_over(&ends, tables, now_millis))
    }
    fn read_logs_of(&self, state: &mut WorldState, region: usize) -> Result<()> {
        let WorldState { topology, clocks, links, .. } = state;
        let mut own = links.iter_mut().filter(|link| link.from == region);
        own.try_for_each(|link| {
            let at = (link.from, link.to);
            // All items are compared once the link works.
            if link.has_to_compare() && !topology.is_connected(at.0, at.1) {
                return Ok(());
            }
            link.read_log(&self.ends(clocks, at), self.now_millis())
        })
    }
    /// Lets a link compare all items before it goes on. Errors: log, disk.
    pub fn compare_later(&self, state: &mut WorldState, at: (usize, usize)) -> Result<()> {
        let WorldState { clocks, links, .. } = state;
        let ends = self.ends(clocks, at);
        let mut found = links.iter_mut().filter(|link| (link.from, link.to) == at);
        found.try_for_each(|link| link.compare_later(&ends))
    }
    /// Lets the links between some regions compare all items, each with each. Errors: log, disk.
    pub fn compare_among(&self, state: &mut WorldState, regions: &[usize]) -> Result<()> {
        let pairs = regions.iter().flat_map(|from| regions.iter().map(move |to| (*from, *to)));
        pairs.filter(|(from, to)| from != to).try_for_each(|at| self.compare_later(state, at))
    }
    /// Lets some regions note how far they have what the others sent. Errors: log, disk.
    pub fn note_places(&self, state: &mut WorldState, regions: &[usize]) -> Result<()> {
        let WorldState { clocks, links, .. } = state;
        let mut own = links.iter_mut().filter(|link| regions.contains(&link.from) && regions.contains(&link.to));
        own.try_for_each(|link| link.note_place(&self.ends(clocks, (link.from, link.to))))
    }
    /// What is on its way of a table from a region, or to it, arrives no more.
    pub fn forget(state: &mut WorldState, table: &str, region: usize) {
        let links = state.links.iter_mut().filter(|link| link.from == region || link.to == region);
        links.for_each(|link| link.forget(table));
    }
    /// Copies all items of a table from one region to another. Errors: log, disk.
    pub fn copy_table(&self, state: &WorldState, at: (usize, usize), table: &str) -> Result<()> {
        let ends = self.ends(&state.clocks, at);
        let Some((slot, _)) = ends.from.replicated(table) else { return Ok(()) };
        super::link::copy(&ends, table, &slot)
    }
    /// How long a link takes at the moment, in milliseconds, for a random number.
    pub fn lag_millis(state: &WorldState, at: (usize, usize), random: u64) -> u64 {
        let found = state.links.iter().find(|link| (link.from, link.to) == at);
        found.map_or(0, |link| link.model().lag.draw(random))
    }
}

/// There is no such region.
pub(super) fn unknown_region(name: &str, known: &[&str]) -> Error {
    Error::validation(format!(
        "Region {name} is not supported. The latest version of global tables are only supported in the following regions: \
         [{}]",
        known.join(", ")
    ))
}
