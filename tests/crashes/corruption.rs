//! Damaged files: every byte flipped, every length cut, files swapped, missing, stale or of another database.
//!
//! Whatever happened to its files, a database that was closed cleanly gives the right answer or an error that names the
//! damage: never a wrong answer, never a panic. What is not damaged may be read or not; what is read is right.

#![expect(clippy::print_stdout, reason = "what was covered is worth reading")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Database, Durability, ErrorKind, ReadMode,
    file::{Disk, FileName},
    testing::SimulatedDisk,
};
use hashrange_test_support::world::{
    Draw, Mutation, Random, Setup, State, Step,
    answer::{self, contents},
    run::run,
    shape::shapes,
    step::Change,
};
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
};

/// How the files of a database are protected.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Files {
    Plain,
    Encrypted,
}

fn setup(protection: Files, read_mode: ReadMode, seed: u64) -> Setup {
    let setup = Setup {
        partitions: 1,
        split_bytes: 1 << 20,
        memtable_bytes: 1 << 20,
        log_segment_bytes: 4096,
        log_bytes: 1 << 20,
        runs_per_partition: 8,
        read_mode,
        seed,
        encrypted: None,
        ..Setup::random(&mut Random::new(1))
    };
    if protection == Files::Encrypted { setup.encrypted() } else { setup }
}

/// A database that was closed cleanly: two tables with indexes, in several runs, log segments and manifest edits.
fn database(protection: Files, seed: u64) -> (SimulatedDisk, State) {
    database_of(protection, seed, 14, None)
}

/// The same with so many writes in each of three rounds, and items of a size if one is given.
fn database_of(protection: Files, seed: u64, writes: usize, item_bytes: Option<usize>) -> (SimulatedDisk, State) {
    let disk = SimulatedDisk::new(seed);
    let mut state = State::default();
    let mut random = Random::new(seed);
    let mut draw = Draw { random: &mut random, tables: &[0, 1] };
    for round in 0..3 {
        let db = setup(protection, ReadMode::Mapped, seed).open(Arc::new(disk.clone())).unwrap();
        let mut steps = Vec::new();
        if round == 0 {
            let create = |table| Step::Mutate(Mutation::CreateTable(table), Durability::Sync);
            steps.extend([0, 1].map(create));
        }
        let wanted = steps.len() + writes;
        while steps.len() < wanted {
            let mut step = Step::random(&mut draw);
            if let Step::Mutate(Mutation::One(write), _) = &mut step {
                if let (Change::Put(item), Some(bytes)) = (&mut write.change, item_bytes) {
                    item.insert("v".to_owned(), "v".repeat(bytes).into());
                }
                steps.push(step);
            }
        }
        if round < 2 {
            steps.push(Step::Flush);
        }
        for step in &steps {
            run(&db, step, &mut state).unwrap();
        }
    }
    (disk, state)
}

/// A machine of its own with the same files.
fn copy(files: &BTreeMap<FileName, Vec<u8>>) -> SimulatedDisk {
    let copy = SimulatedDisk::new(0);
    for (name, bytes) in files {
        copy.set_contents(*name, bytes.clone());
    }
    copy
}

fn files(disk: &SimulatedDisk) -> BTreeMap<FileName, Vec<u8>> {
    let names = disk.list().unwrap();
    names.into_iter().map(|name| (name, disk.contents(name).unwrap().to_vec())).collect()
}

/// What became of reading a damaged database.
#[derive(Debug, PartialEq)]
enum Reading {
    Right,
    Refused,
}

/// Reads everything; the error says what was wrong with the answer.
fn read(protection: Files, disk: &SimulatedDisk, mode: ReadMode, state: &State) -> Result<Reading, String> {
    let read = || {
        let db = match setup(protection, mode, 0).open(Arc::new(disk.clone())) {
            Ok(db) => db,
            Err(error) => return refusal(&error),
        };
        let mut reading = Reading::Right;
        for (table, shape) in shapes().iter().enumerate() {
            let Some(expected) = state.table(table) else { continue };
            let handle = db.dynamic_table(shape.name).map_err(|error| format!("{}: {error}", shape.name))?;
            for hash in 0..shape.hashes.len() {
                for range in 0..shape.ranges.len() {
                    match handle.get(shape.key_item((hash, range))) {
                        Ok(item) => {
                            let item = item.map(|item| item.to_item());
                            if item.as_ref() != expected.items.get(&(hash, range)).map(|item| &**item) {
                                return Err(format!("{} {:?}: {item:?}", shape.name, (hash, range)));
                            }
                        }
                        Err(error) => reading = refusal(&error)?,
                    }
                }
            }
        }
        match everything(&db) {
            Ok(found) if found == *state => Ok(reading),
            Ok(found) => Err(answer::difference(&found, state)),
            Err(error) if error.contains("damaged") => Ok(Reading::Refused),
            Err(error) => Err(error),
        }
    };
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err("panic".to_owned()))
}

fn everything(db: &Database) -> Result<State, String> {
    let state = contents(db)?;
    db.verify().map_err(|error| error.to_string())?;
    Ok(state)
}

fn refusal(error: &hashrange::Error) -> Result<Reading, String> {
    match error.kind() {
        ErrorKind::Corrupt | ErrorKind::Incompatible | ErrorKind::Key => Ok(Reading::Refused),
        _ => Err(format!("an error that does not tell of damage: {error}")),
    }
}

/// Reads each variant of the database, in one mode and the other by turns, on all cores, and prints how many were
/// refused.
fn check(what: &str, protection: Files, state: &State, variants: impl Iterator<Item = (String, SimulatedDisk)> + Send) {
    let variants = Mutex::new(variants.enumerate());
    let found = Mutex::new((0, 0, Vec::new()));
    let next = || variants.lock().unwrap().next();
    let work = || {
        while let Some((number, (name, disk))) = next() {
            let mode = if number % 2 == 0 { ReadMode::Mapped } else { ReadMode::Buffered };
            let reading = read(protection, &disk, mode, state);
            let (all, refused, wrong) = &mut *found.lock().unwrap();
            *all += 1;
            match reading {
                Ok(reading) => *refused += usize::from(reading == Reading::Refused),
                Err(text) => wrong.push(format!("{name}, {mode:?}: {text}")),
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let (all, refused, wrong) = found.into_inner().unwrap();
    let first: Vec<&str> = wrong.iter().take(10).map(String::as_str).collect();
    assert!(wrong.is_empty(), "{what}: {} of {all} variants are read wrong:\n{}", wrong.len(), first.join("\n"));
    println!("{what}, {protection:?}: {all} variants, {refused} refused, the others read right");
}

#[test]
fn an_undamaged_copy_is_read() {
    let (disk, state) = database(Files::Plain, 1);
    let files = files(&disk);
    let kinds = |name: &&FileName| matches!(name, FileName::Run(_));
    assert!(files.keys().filter(kinds).count() >= 4, "{:?}", files.keys());
    assert!(state.table(0).unwrap().items.len() > 2 && state.table(1).unwrap().items.len() > 4);
    for mode in [ReadMode::Mapped, ReadMode::Buffered] {
        assert_eq!(read(Files::Plain, &copy(&files), mode, &state), Ok(Reading::Right));
    }
}

/// Of how many bytes, or lengths, one is tried: `HASHRANGE_STRIDE`, or as usual.
fn stride() -> usize {
    std::env::var("HASHRANGE_STRIDE").ok().and_then(|stride| stride.parse().ok()).unwrap_or(32)
}

#[test]
fn bytes_flipped() {
    flip_bytes(Files::Plain, &database(Files::Plain, 1), stride());
}

#[test]
fn bytes_of_an_encrypted_database_flipped() {
    flip_bytes(Files::Encrypted, &database(Files::Encrypted, 1), stride());
}

#[test]
#[ignore = "takes a minute or two: `cargo test -p hashrange --release --test crashes corruption:: -- --ignored`"]
fn each_byte_of_128_kib_flipped() {
    let database = database_of(Files::Plain, 5, 60, Some(1_000));
    let bytes: usize = files(&database.0).values().map(Vec::len).sum();
    assert!(bytes >= 128 << 10, "the database has {bytes} bytes");
    flip_bytes(Files::Plain, &database, 1);
}

fn flip_bytes(protection: Files, (disk, state): &(SimulatedDisk, State), stride: usize) {
    let files = files(disk);
    let variants = files.iter().flat_map(|(name, bytes)| {
        let files = &files;
        (0..bytes.len()).step_by(stride).map(move |at| {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at / stride % 8);
            let copy = copy(files);
            copy.set_contents(*name, flipped);
            (format!("byte {at} of {name} flipped"), copy)
        })
    });
    check("flips", protection, state, variants);
}

#[test]
fn lengths_cut() {
    cut_lengths(Files::Plain);
}

#[test]
fn lengths_of_an_encrypted_database_cut() {
    cut_lengths(Files::Encrypted);
}

fn cut_lengths(protection: Files) {
    let (disk, state) = database(protection, 2);
    let files = files(&disk);
    let variants = files.iter().flat_map(|(name, bytes)| {
        let files = &files;
        (0..bytes.len()).step_by(stride()).map(move |len| {
            let copy = copy(files);
            copy.set_contents(*name, bytes[..len].to_vec());
            (format!("{name} cut to {len} of {} bytes", bytes.len()), copy)
        })
    });
    check("cuts", protection, &state, variants);
}

#[test]
fn files_swapped_missing_or_of_another_database() {
    mix_files(Files::Plain, Files::Plain);
}

#[test]
fn encrypted_files_swapped_missing_or_of_another_database() {
    mix_files(Files::Encrypted, Files::Encrypted);
}

#[test]
fn encrypted_files_exchanged_for_files_that_are_not() {
    mix_files(Files::Encrypted, Files::Plain);
}

fn mix_files(protection: Files, of_foreign: Files) {
    let (disk, state) = database(protection, 3);
    let own = files(&disk);
    let foreign = files(&database(of_foreign, 4).0);
    let mut variants = Vec::new();
    for (name, bytes) in &own {
        let without = copy(&own.iter().filter(|(other, _)| *other != name).map(owned).collect());
        variants.push((format!("{name} missing"), without));
        for (other, other_bytes) in own.iter().filter(|(other, _)| *other > name) {
            let swapped = copy(&own);
            swapped.set_contents(*name, other_bytes.clone());
            swapped.set_contents(*other, bytes.clone());
            variants.push((format!("{name} and {other} swapped"), swapped));
        }
        for (other, other_bytes) in foreign.iter().filter(|(_, other_bytes)| *other_bytes != bytes) {
            let mixed = copy(&own);
            mixed.set_contents(*name, other_bytes.clone());
            variants.push((format!("{name} replaced by {other} of another database"), mixed));
        }
    }
    check("mixed files", protection, &state, variants.into_iter());
}

fn owned((name, bytes): (&FileName, &Vec<u8>)) -> (FileName, Vec<u8>) {
    (*name, bytes.clone())
}
