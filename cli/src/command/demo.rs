//! `demo`: a walk through the database on data that comes with it.

mod bad_deploy;
mod heat;

use super::inspect::print_partitions;
use crate::{
    args::DatabaseArgs,
    failure::Failure,
    formats::{self, Format},
    loading::{Listener, Loader},
    outcome::Outcome,
    output::Output,
    session,
    stopwatch::Stopwatch,
    text::{bytes, counted, grouped, ratio},
};
use clap::{Args, Subcommand};
use flate2::bufread::GzDecoder;
use hashrange::{
    Database, Error, ItemRef, Table,
    admin::index,
    expression::{Condition, ExpressionKind, Placeholders, ProjectionExpression, Scope},
    key::{N, S, begins_with},
    request::Page,
};
use hashrange_console::cells::KeyTypes;
use std::{
    io::BufReader,
    path::{Path, PathBuf},
};

/// Compressed, in half of their size. See `data/README.md` for sources, licences and how these files are made.
const COUNTRIES: &[u8] = include_bytes!("../../data/countries.csv.gz");
const CITIES: &[u8] = include_bytes!("../../data/cities.csv.gz");

/// Items that are made durable together while loading.
const BATCH_ITEMS: u64 = 500;
/// How often every city is read when gets are timed.
const GET_ROUNDS: u32 = 10;
/// Items that a query shows.
const SHOWN_ITEMS: usize = 4;
/// Inhabitants of what the scan looks for.
const GIANT_INHABITANTS: u64 = 10_000_000;

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    #[command(subcommand)]
    what: Option<Show>,
}

/// What is shown instead of the walk.
#[derive(Debug, Subcommand)]
enum Show {
    /// A hot key throttles, its partition is cut, and sharding helps; on a clock that the program moves
    Heat(heat::Heat),
}

type Countries = Table<S>;
type Cities = Table<(S, S)>;

impl Demo {
    /// Shows everything in a temporary database, or in the folder that was named, which is kept.
    pub(crate) fn run(&self, args: &DatabaseArgs) -> Result<Outcome, Failure> {
        if let Some(Show::Heat(heat)) = &self.what {
            return heat.run();
        }
        let folder = Folder::of(args);
        let output = Output::new();
        let database = session::open_or_create(args, &folder.path)?;
        let mut tour = Tour { args, folder: &folder.path, output, step: 0 };
        let (countries, cities) = tour.create(&database)?;
        tour.load(&database)?;
        tour.get(&countries, &cities)?;
        tour.query(&cities)?;
        tour.query_index(&cities)?;
        tour.scan(&cities)?;
        tour.look_inside(&database)?;
        std::mem::drop((countries, cities));
        tour.bad_deploy(&database)?;
        tour.reopen(database)?;
        tour.end(folder.temporary)?;
        Ok(Outcome::Done)
    }
}

/// Where the demonstration takes place.
struct Folder {
    path: PathBuf,
    temporary: bool,
}

impl Folder {
    fn of(args: &DatabaseArgs) -> Self {
        match &args.data_dir {
            Some(path) => Self { path: path.clone(), temporary: false },
            None => {
                let name = format!("hashrange-demo-{}", std::process::id());
                Self { path: std::env::temp_dir().join(name), temporary: true }
            }
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.temporary {
            // What cannot be removed is in the system's folder for such things.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

struct Tour<'a> {
    args: &'a DatabaseArgs,
    folder: &'a Path,
    output: Output,
    step: u32,
}

impl Tour<'_> {
    fn heading(&mut self, title: &str) -> Result<(), Failure> {
        self.step += 1;
        let gap = if self.step == 1 { "" } else { "\n" };
        self.output.line(format_args!("{gap}{}. {title}", self.step))?;
        self.output.flush()
    }

    fn say(&mut self, text: impl std::fmt::Display) -> Result<(), Failure> {
        self.output.line(format_args!("   {text}"))
    }

    fn items<'i>(&mut self, items: impl IntoIterator<Item = &'i ItemRef>) -> Result<(), Failure> {
        items.into_iter().try_for_each(|item| self.say(item.to_json()))
    }

    fn create(&mut self, database: &Database) -> Result<(Countries, Cities), Failure> {
        self.heading("Two tables")?;
        let countries = database.create_table("countries").hash::<S>("code").open_or_create()?;
        let by_population = index("by_population").range::<N>("population");
        let cities = database.create_table("cities").hash::<S>("country").range::<S>("name").lsi(by_population);
        let cities = cities.open_or_create()?;
        self.say("countries   partition key code")?;
        self.say("cities      partition key country, sort key name; index by_population")?;
        self.say(format_args!("in {}", self.folder.display()))?;
        Ok((countries, cities))
    }

    fn load(&mut self, database: &Database) -> Result<(), Failure> {
        self.heading("Load real data, in durable batches")?;
        let watch = Stopwatch::start();
        let countries = load(database, "countries", COUNTRIES)?;
        let cities = load(database, "cities", CITIES)?;
        let took = watch.elapsed();
        self.say(format_args!(
            "{} countries and {} cities in {took}, {} items a second",
            grouped(countries),
            grouped(cities),
            grouped(took.per_second(countries + cities))
        ))
    }

    fn get(&mut self, countries: &Countries, cities: &Cities) -> Result<(), Failure> {
        self.heading("Get: one item by its key")?;
        let iceland = countries.get("IS")?;
        self.items(&iceland)?;
        let city = cities.get(("JP", "Kyoto"))?;
        self.items(&city)?;
        if let Some(inhabitants) = city.as_ref().and_then(|city| city.get("population")).and_then(|n| n.as_u64()) {
            self.say(format_args!("Kyoto has {} inhabitants; only this number was decoded", grouped(inhabitants)))?;
        }
        let keys = keys_of(cities)?;
        let watch = Stopwatch::start();
        for _ in 0..GET_ROUNDS {
            for (country, name) in &keys {
                if cities.get((country, name))?.is_none() {
                    return Err(lost(country, name));
                }
            }
        }
        let gets = u32::try_from(keys.len()).unwrap_or(u32::MAX).saturating_mul(GET_ROUNDS);
        let took = watch.elapsed();
        self.say(format_args!("{} gets of scattered cities: {} each", grouped(gets.into()), took.each(gets)))
    }

    fn query(&mut self, cities: &Cities) -> Result<(), Failure> {
        self.heading("Query: the cities of Japan that begin with K, from A to Z and from Z to A")?;
        let query = || cities.query("JP").range(begins_with("K"));
        let watch = Stopwatch::start();
        let up = query().limit(SHOWN_ITEMS).page()?;
        let took = watch.elapsed();
        self.items(&up.items)?;
        self.say("...")?;
        let down = query().limit(SHOWN_ITEMS).descending().page()?;
        self.items(down.items.iter().rev())?;
        let all = query().count_only().page()?;
        self.say(format_args!("{SHOWN_ITEMS} of {} in {took}; {}", grouped(all.count as u64), cost(&up)))
    }

    fn query_index(&mut self, cities: &Cities) -> Result<(), Failure> {
        self.heading("Query an index: the largest cities of Brazil")?;
        let projection = project("country, #n, population", &Placeholders::none().name("#n", "name"))?;
        let query = cities.query("BR").index("by_population").descending().limit(SHOWN_ITEMS).project(projection);
        let watch = Stopwatch::start();
        let page = query.page()?;
        let took = watch.elapsed();
        self.items(&page.items)?;
        self.say(format_args!("in {took}; {}", cost(&page)))
    }

    fn scan(&mut self, cities: &Cities) -> Result<(), Failure> {
        self.heading("Scan with a filter: population >= :giant, of all cities of the world")?;
        let placeholders = Placeholders::none().value(":giant", GIANT_INHABITANTS);
        let mut scope = Scope::new(&placeholders);
        let filter = Condition::parse(ExpressionKind::Filter, "population >= :giant", &mut scope)?;
        let watch = Stopwatch::start();
        let mut giants = Vec::new();
        let (mut scanned, mut units) = (0, 0.0);
        for page in cities.scan().filter(filter).pages() {
            let page = page?;
            scanned += page.scanned_count as u64;
            units += page.consumed.total();
            giants.extend(page.items);
        }
        let took = watch.elapsed();
        giants.sort_by_key(|city| std::cmp::Reverse(city.get("population").and_then(|n| n.as_u64())));
        self.items(giants.iter().take(SHOWN_ITEMS))?;
        self.say(format_args!(
            "{} giants among {} cities in {took}; {units} read units",
            grouped(giants.len() as u64),
            grouped(scanned)
        ))
    }

    fn look_inside(&mut self, database: &Database) -> Result<(), Failure> {
        self.heading("Where the items lie: partitions by hash of the partition key, in memory and in sorted runs")?;
        database.flush()?;
        let facts = database.facts();
        print_partitions(&facts.partitions, &mut self.output)?;
        let mut size = 0;
        for name in database.list_tables() {
            size += database.describe_table(&name)?.size_bytes;
        }
        self.output.line("")?;
        self.say(format_args!(
            "{} of items by DynamoDB's size rule; with the entries of the index {}",
            bytes(size),
            bytes(facts.logical_bytes)
        ))?;
        self.say(format_args!(
            "{} of runs: {} bytes on disk for a byte of items and entries; {} of log",
            bytes(facts.run_bytes),
            ratio(facts.run_bytes, facts.logical_bytes),
            bytes(facts.log_bytes)
        ))
    }

    fn reopen(&mut self, database: Database) -> Result<(), Failure> {
        self.heading("Close, and open again from disk")?;
        database.close()?;
        let watch = Stopwatch::start();
        let database = session::open_or_create(self.args, self.folder)?;
        let countries: Countries = database.table("countries")?;
        let cities: Cities = database.table("cities")?;
        let took = watch.elapsed();
        self.say(format_args!("opened in {took}"))?;
        let count = (countries.scan().items().count() as u64, cities.scan().items().count() as u64);
        self.say(format_args!("{} countries and {} cities are there", grouped(count.0), grouped(count.1)))?;
        self.items(&cities.get(("IS", "Reykjavík"))?)?;
        let watch = Stopwatch::start();
        let report = database.verify()?;
        self.say(format_args!(
            "no damage: {} and {} index entries checked in {}",
            counted(report.items, "item"),
            grouped(report.index_entries),
            watch.elapsed()
        ))
    }

    fn end(mut self, temporary: bool) -> Result<(), Failure> {
        self.output.line("")?;
        if temporary {
            self.output.line("The database was temporary. To keep one and look around:")?;
            self.output.line("   hashrange --data-dir ./atlas demo")?;
            self.output.line("   hashrange --data-dir ./atlas query cities --hash IS")?;
        } else {
            let folder = self.folder.display();
            self.output.line("The database is kept. Look around:")?;
            self.output.line(format_args!("   hashrange --data-dir {folder} query cities --hash IS"))?;
            self.output.line(format_args!("   hashrange --data-dir {folder} inspect"))?;
        }
        self.output.line("Cities: GeoNames, CC BY 4.0. Countries: countries-list, MIT. See cli/data/README.md.")?;
        self.output.finish()
    }
}

/// Puts a file that is part of the program into a table.
fn load(database: &Database, name: &str, packed: &[u8]) -> Result<u64, Failure> {
    let table = session::table(database, name)?;
    let keys = KeyTypes::of(&table.definition());
    let records = formats::read(Format::Csv, BufReader::new(GzDecoder::new(packed)), &keys)?.records;
    let loader = Loader::new(database, &table, &keys, &[], BATCH_ITEMS)?;
    let mut complaint = Complaint(None);
    let loaded = loader.load(records, &mut complaint)?;
    match complaint.0 {
        None => Ok(loaded.items),
        Some(what) => Err(Error::validation(format!("the data of {name} that comes with the program: {what}")).into()),
    }
}

/// The first bad line, if there is one.
struct Complaint(Option<String>);

impl Listener for Complaint {
    fn acknowledged(&mut self, _items: u64) {}
    fn bad_line(&mut self, line: u64, what: &str) {
        self.0.get_or_insert_with(|| format!("line {line}: {what}"));
    }
}

/// The keys of all cities, neighbours in the table far from each other.
fn keys_of(cities: &Cities) -> Result<Vec<(String, String)>, Failure> {
    let mut keys = Vec::new();
    for city in cities.scan().items() {
        let city = city?;
        let text = |name| city.get(name).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
        keys.push((text("country"), text("name")));
    }
    keys.sort_by(|a, b| a.1.chars().rev().cmp(b.1.chars().rev()));
    Ok(keys)
}

fn project(text: &str, placeholders: &Placeholders) -> Result<ProjectionExpression, Failure> {
    Ok(ProjectionExpression::parse(text, &mut Scope::new(placeholders))?)
}

fn cost(page: &Page) -> String {
    match page.consumed.total() {
        1.0 => "1 read unit".to_owned(),
        units => format!("{units} read units"),
    }
}

fn lost(country: &str, name: &str) -> Failure {
    Error::corrupt("of table cities", 0, format!("{country} / {name} was put and is not there")).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn packed_data_is_what_the_files_beside_it_say() {
        let plain = [&include_bytes!("../../data/countries.csv")[..], &include_bytes!("../../data/cities.csv")[..]];
        for (packed, plain) in [COUNTRIES, CITIES].into_iter().zip(plain) {
            let mut unpacked = Vec::new();
            GzDecoder::new(packed).read_to_end(&mut unpacked).expect("it is whole");
            assert!(unpacked == plain);
        }
    }
}
