//! `demo heat`: a hot key, minute by minute, on a clock that the program moves.
//!
//! A table on demand has four partitions of 3,000 read units a second. A page that all users look at takes more than that;
//! so first the pages on its partition are throttled with it, then the partition is cut, and at last the page is alone at
//! the ceiling of one item, until copies of it share the looks.

use crate::{
    failure::Failure,
    outcome::Outcome,
    output::Output,
    prices::{self, amount},
    text::grouped,
};
use clap::Args;
use hashrange::{
    Clock, Database, ErrorKind, Item, Table,
    capacity::{CapacityModel, CutRefusal, ResourceReport},
    key::S,
};
use std::time::Duration;

/// Bytes of a page: a strongly consistent look at it costs 50 read units, a change 200 write units.
const PAGE_BYTES: usize = 200 * 1024 - 40;
const LOOK_UNITS: u64 = 50;
const CHANGE_UNITS: u64 = 200;
/// Looks a second at the hot page, and at each other one.
const HOT_LOOKS: u64 = 90;
const OTHER_LOOKS: u64 = 1;
/// Other pages of each kind.
const OTHERS: usize = 20;
/// Looks are spread over the second in so many parts.
const PARTS: usize = 10;
/// Minutes that are shown of the hot key, and of its copies.
const HOT_MINUTES: u32 = 24;
const SHARDED_MINUTES: u32 = 2;
/// Copies of the hot page.
const SHARDS: u64 = 4;
/// Seconds between two changes of the hot page.
const CHANGE_SECS: u64 = 10;
/// Pages that are looked at to find enough that share a partition with the hot one.
const MOST_PROBES: usize = 10_000;
const TABLE: &str = "pages";
const BEGIN_MILLIS: u64 = 1_800_000_000_000;

/// Arguments of `demo heat`.
#[derive(Debug, Args)]
pub(crate) struct Heat {}

/// Looks that passed and that were throttled.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    passed: u64,
    throttled: u64,
}

impl Count {
    fn add(&mut self, passed: bool) {
        *(if passed { &mut self.passed } else { &mut self.throttled }) += 1;
    }
}

/// Pages besides the hot one.
struct Pages {
    /// On its partition.
    neighbours: Vec<String>,
    /// On other partitions.
    others: Vec<String>,
}

struct Site {
    output: Output,
    clock: Clock,
    database: Database,
    pages: Table<S>,
}

impl Heat {
    /// Shows it in a database in memory.
    pub(crate) fn run(&self) -> Result<Outcome, Failure> {
        let clock = Clock::manual(BEGIN_MILLIS);
        let options = Database::options().clock(clock.clone()).capacity(CapacityModel::service());
        let database = options.in_memory()?;
        let pages = database.create_table(TABLE).hash::<S>("page").create()?;
        let mut site = Site { output: Output::new(), clock, database, pages };
        site.show()?;
        Ok(Outcome::Done)
    }
}

impl Site {
    fn show(&mut self) -> Result<(), Failure> {
        let pages = self.write_pages()?;
        let all = pages.neighbours.len() + pages.others.len();
        self.output.line("1. One hot key")?;
        self.output.line(format_args!(
            "   The table is on demand: {} partitions of 3,000 read units a second. A look at a page costs {LOOK_UNITS}.",
            self.report()?.partitions.len()
        ))?;
        self.output.line(format_args!(
            "   `hot` gets {HOT_LOOKS} looks a second, {all} other pages {OTHER_LOOKS} each; half of them are on its \
             partition."
        ))?;
        let hot = self.minutes(HOT_MINUTES, &pages, |_| "hot".to_owned())?;
        self.isolation(hot)?;
        self.output.line(format_args!("\n2. The same page in {SHARDS} copies, each look at one of them"))?;
        let sharded = self.minutes(SHARDED_MINUTES, &pages, |look| format!("hot#{}", look % SHARDS))?;
        self.price(hot, sharded)
    }

    /// Says what the cuts came to: the hot item is alone, and why it is not cut further.
    fn isolation(&mut self, hot: Count) -> Result<(), Failure> {
        let report = self.report()?;
        let alone = report.partitions.iter().any(|partition| partition.cut_refusal == Some(CutRefusal::OneItem));
        self.output.line(format_args!(
            "   A partition that is hot in 90 of 120 seconds is cut 180 seconds later, at the median of its accesses: there \
             are {} now.",
            report.partitions.len()
        ))?;
        if alone {
            self.output.line(
                "   `hot` is alone on one (isolation), and its neighbours run. One item cannot be cut, so it stays at the",
            )?;
            let text = format!(
                "   3,000 units of one partition: {} looks a second are throttled for ever.",
                hot.throttled / 60
            );
            self.output.line(text)?;
        }
        Ok(())
    }

    /// What copies cost: looks as before, and as many writes as copies for each change.
    fn price(&mut self, hot: Count, sharded: Count) -> Result<(), Failure> {
        const DAY_SECS: u64 = 24 * 3_600;
        self.output
            .line(format_args!("\n3. What sharding costs, in units a day; the page changes every {CHANGE_SECS} s"))?;
        self.output.line(format_args!("   {:<20} {:>15} {:>15}", "", "one key", "sharded"))?;
        let looks = |count: Count| count.passed / 60 * DAY_SECS;
        let changes = DAY_SECS / CHANGE_SECS;
        let rows = [
            ("looks that pass", looks(hot), looks(sharded)),
            ("read units", looks(hot) * LOOK_UNITS, looks(sharded) * LOOK_UNITS),
            ("write units", changes * CHANGE_UNITS, changes * CHANGE_UNITS * SHARDS),
        ];
        for (what, one_key, sharded) in rows {
            self.output.line(format_args!("   {what:<20} {:>15} {:>15}", grouped(one_key), grouped(sharded)))?;
        }
        let prices = prices::read(None)?;
        let nanos = |count: Count, copies: u64| {
            let (read, write) = (looks(count) * LOOK_UNITS, changes * CHANGE_UNITS * copies);
            prices.standard.on_demand_nanos(read * 1_000, write * 1_000)
        };
        let costs = [nanos(hot, 1), nanos(sharded, SHARDS)];
        let [one_key, sharded_key] = costs.map(amount);
        let currency = &prices.currency;
        self.output.line(format_args!("   {:<20} {one_key:>15} {sharded_key:>15}", format!("{currency} a day")))?;
        let of_looks = |nanos: u64, count: Count| amount(nanos.saturating_mul(1_000_000) / looks(count).max(1));
        let [one_key, sharded_key] = [of_looks(costs[0], hot), of_looks(costs[1], sharded)];
        self.output
            .line(format_args!("   {:<20} {one_key:>15} {sharded_key:>15}", format!("{currency} a million looks")))?;
        self.output.line(format_args!(
            "   A look costs {LOOK_UNITS} units on either. Only a change is dearer: it writes {SHARDS} copies."
        ))?;
        let more = costs[1].saturating_sub(nanos(sharded, 1));
        self.output.line(format_args!(
            "   Of that, the copies cost {} {currency} a day (on demand, prices of {} as of {}).",
            amount(more),
            prices.region,
            prices.date
        ))?;
        self.output.flush()
    }

    fn report(&self) -> Result<ResourceReport, Failure> {
        let report = self.database.throughput(TABLE)?;
        let table = report.and_then(|report| report.resources.into_iter().next());
        table.ok_or_else(|| Failure::Usage("the database has no model of capacity".to_owned()))
    }

    /// Writes the hot page, its copies, pages on the partition of `hot` and pages elsewhere; what a probe of each costs shows
    /// where it is.
    fn write_pages(&self) -> Result<Pages, Failure> {
        let home = self.partition_of("hot")?;
        let mut pages = Pages { neighbours: Vec::new(), others: Vec::new() };
        for at in 0..MOST_PROBES {
            let name = format!("page {at}");
            let is_neighbour = self.partition_of(&name)? == home;
            let list = if is_neighbour { &mut pages.neighbours } else { &mut pages.others };
            if list.len() < OTHERS {
                list.push(name);
            }
            if pages.neighbours.len() == OTHERS && pages.others.len() == OTHERS {
                break;
            }
        }
        let copies: Vec<String> = (0..SHARDS).map(|copy| format!("hot#{copy}")).collect();
        let hot = ["hot".to_owned()];
        let text = "x".repeat(PAGE_BYTES);
        for page in hot.iter().chain(&copies).chain(&pages.neighbours).chain(&pages.others) {
            self.clock.advance(Duration::from_secs(1));
            self.pages.put(&Item::new().with("page", page.as_str()).with("text", text.as_str()))?;
        }
        self.clock.advance(Duration::from_secs(10));
        Ok(pages)
    }

    fn partition_of(&self, page: &str) -> Result<u64, Failure> {
        let units = |report: &ResourceReport| report.partitions.iter().map(|one| one.write_units).collect::<Vec<_>>();
        let before = units(&self.report()?);
        self.pages.put(&Item::new().with("page", page))?;
        let after = self.report()?;
        let moved = units(&after).iter().zip(&before).position(|(after, before)| after > before);
        Ok(moved.and_then(|at| after.partitions.get(at)).map_or(0, |partition| partition.first_token))
    }

    /// Lets minutes pass, and shows each; `hot` names the key of a look at the hot page. Returns the hot page's looks of the
    /// last minute.
    fn minutes(&mut self, minutes: u32, pages: &Pages, hot: impl Fn(u64) -> String) -> Result<Count, Failure> {
        self.output.line("                                          looks that pass, throttled")?;
        self.output.line("   minute  partitions             of `hot`     of its neighbours         of the others")?;
        let mut last = Count::default();
        for minute in 1..=minutes {
            let counts = self.minute(pages, &hot)?;
            last = counts[0];
            // Every other minute tells enough.
            if minute > 1 && minute % 2 > 0 {
                continue;
            }
            let partitions = self.report()?.partitions.len();
            let shown = counts.map(|count| format!("{:>9} {:>7}", grouped(count.passed), grouped(count.throttled)));
            self.output.line(format_args!("   {minute:>6}  {partitions:>10}   {}", shown.join("     ")))?;
            self.output.flush()?;
        }
        Ok(last)
    }

    fn minute(&self, pages: &Pages, hot: &impl Fn(u64) -> String) -> Result<[Count; 3], Failure> {
        let mut counts = [Count::default(); 3];
        let hot_looks = HOT_LOOKS / PARTS as u64;
        for part in 0..60 * PARTS {
            // Every page comes once a second, at another time of each second; every other second before those at `hot`.
            for before in [true, false] {
                for (count, pages) in [(1, &pages.neighbours), (2, &pages.others)] {
                    let of_part = pages.iter().skip((part + part / PARTS * 3) % PARTS).step_by(PARTS).enumerate();
                    for (_, page) in of_part.filter(|(at, _)| (at + part / PARTS).is_multiple_of(2) == before) {
                        counts[count].add(self.look(page)?);
                    }
                }
                for at in (0..hot_looks).filter(|_| before) {
                    counts[0].add(self.look(&hot(part as u64 * hot_looks + at))?);
                }
            }
            self.clock.advance(Duration::from_millis(1_000 / PARTS as u64));
        }
        Ok(counts)
    }

    /// Whether a look passed.
    fn look(&self, page: &str) -> Result<bool, Failure> {
        match self.pages.get_with(page).consistent(true).send() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::Throttled => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
