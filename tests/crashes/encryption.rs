//! Encrypted databases under attack and in crashes: what a writer without the key can do to the files is noticed, no nonce
//! is used twice whatever happens, and a rotation that is cut short at any moment loses nothing.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use hashrange::{
    Clock, Database, Durability, ErrorKind, Item, OpenOptions, Result,
    encryption::{Encryption, RootKey},
    file::{Disk, FileName, MemoryDisk},
    key::{N, S},
    schema::StreamView,
    testing::{Fault, FaultPlan, SimulatedDisk},
};
use hashrange_test_support::nonce_ledger::{NonceLedger, WatchedDisk};
use std::{collections::BTreeMap, sync::Arc};

/// Bytes of a page of a run.
const PAGE: usize = 16 << 10;

fn key(n: u8) -> RootKey {
    RootKey::from_bytes([n; 32])
}

fn options() -> OpenOptions {
    let options = Database::options().background(false).initial_partitions(1).log_segment_bytes(16 << 10).seed(1);
    options.clock(Clock::manual(1_800_000_000_000)).durability(Durability::Sync)
}

fn open(disk: &Arc<dyn Disk>) -> Result<Database> {
    options().encryption(key(1)).open_on(disk.clone())
}

fn put(db: &Database, numbers: std::ops::Range<i64>) {
    let table = db.table::<(S, N)>("items").unwrap();
    for n in numbers {
        let item = Item::new().with("id", format!("id {}", n % 7)).with("n", n).with("text", "some text ".repeat(40));
        table.put_with(&item).durability(Durability::Buffered).send().unwrap();
    }
    db.sync().unwrap();
}

fn create(db: &Database) {
    db.create_table("items").hash::<S>("id").range::<N>("n").stream(StreamView::KeysOnly).create().unwrap();
}

fn count(db: &Database) -> Result<usize> {
    let mut found = 0;
    for item in db.table::<(S, N)>("items")?.scan().items() {
        item?;
        found += 1;
    }
    Ok(found)
}

type Files = BTreeMap<FileName, Vec<u8>>;

fn files(disk: &dyn Disk) -> Files {
    let bytes = |name| {
        let file = disk.open(name, false).unwrap();
        file.read_at(0, file.len() as usize).unwrap().to_vec()
    };
    disk.list().unwrap().into_iter().map(|name| (name, bytes(name))).collect()
}

fn disk_of(files: &Files) -> Arc<dyn Disk> {
    let disk = MemoryDisk::new();
    for (name, bytes) in files {
        let mut file = disk.create(*name).unwrap();
        file.append(bytes).unwrap();
        file.sync().unwrap();
    }
    Arc::new(disk)
}

/// Reads everything there is, the log and the streams too.
fn read_all(files: &Files) -> Result<usize> {
    let db = open(&disk_of(files))?;
    let found = count(&db)?;
    db.verify()?;
    Ok(found)
}

#[track_caller]
fn is_refused(files: &Files, what: &str) {
    let refused = read_all(files).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt, "{what}: {refused}");
}

/// A database with two runs of several pages, several log segments and stream segments, closed.
fn database() -> Files {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let db = open(&disk).unwrap();
    create(&db);
    put(&db, 0..300);
    db.flush().unwrap();
    put(&db, 200..500);
    db.flush().unwrap();
    put(&db, 400..600);
    db.close().unwrap();
    let files = files(&*disk);
    assert_eq!(read_all(&files).unwrap(), 600);
    files
}

fn numbers(files: &Files, kind: impl Fn(u64) -> FileName) -> Vec<u64> {
    (0..100).filter(|number| files.contains_key(&kind(*number))).collect()
}

#[test]
fn pages_that_were_moved_are_noticed() {
    let own = database();
    let runs = numbers(&own, FileName::Run);
    assert!(runs.len() >= 2, "{runs:?}");
    let [one, two] = [runs[0], runs[1]].map(FileName::Run);
    let page = |number: usize| number * PAGE..(number + 1) * PAGE;

    let mut swapped = own.clone();
    let run = swapped.get_mut(&one).unwrap();
    let [third, fourth] = [page(3), page(4)].map(|range| run[range].to_vec());
    run[page(3)].copy_from_slice(&fourth);
    run[page(4)].copy_from_slice(&third);
    is_refused(&swapped, "two pages of a run swapped");

    // With the tags that belong to them: they are bound to their place as well.
    let pages = |run: &[u8]| (run.len() - 148).div_ceil(PAGE + 16);
    let run = swapped.get_mut(&one).unwrap();
    let tags = run.len() - 148 - pages(run) * 16;
    let [third, fourth] = [3, 4].map(|number| run[tags + number * 16..tags + (number + 1) * 16].to_vec());
    run[tags + 48..tags + 64].copy_from_slice(&fourth);
    run[tags + 64..tags + 80].copy_from_slice(&third);
    is_refused(&swapped, "two pages of a run and their tags swapped");

    let mut foreign = own.clone();
    let of_other = own[&two][page(3)].to_vec();
    foreign.get_mut(&one).unwrap()[page(3)].copy_from_slice(&of_other);
    is_refused(&foreign, "a page of another run");

    let mut header = own.clone();
    let of_other = own[&two][..104].to_vec();
    header.get_mut(&one).unwrap()[..104].copy_from_slice(&of_other);
    is_refused(&header, "the header of another run");

    let mut spliced = own.clone();
    let (first, second) = (own[&one].clone(), own[&two].clone());
    let half = page(2).start;
    spliced.insert(one, [&first[..half], &second[half..]].concat());
    is_refused(&spliced, "the end of another run");
}

/// Gives a frame the checksum that belongs to its content and place, which needs no key.
fn stamp(frame: &mut [u8], header: &[u8], offset: usize) {
    // The magic, and database and number as they lie in the header of the file.
    let mut seed = crc32fast::Hasher::new();
    [&header[..8], &header[16..32]].into_iter().for_each(|part| seed.update(part));
    let mut checksum = crc32fast::Hasher::new_with_initial(seed.finalize() ^ offset as u32);
    checksum.update(&frame[4..]);
    frame[..4].copy_from_slice(&checksum.finalize().to_le_bytes());
}

/// Frames of log and manifest put in the place of others, or changed, with checksums that are right.
#[test]
fn frames_that_were_replayed_or_made_up_are_noticed() {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let db = open(&disk).unwrap();
    create(&db);
    let table = db.table::<(S, N)>("items").unwrap();
    // Records of one length, so that each fits into the place of each.
    (100..140).for_each(|n| drop(table.put(&Item::new().with("id", "the same").with("n", n)).unwrap()));
    drop(table);
    db.close().unwrap();
    let own = files(&*disk);
    assert_eq!(read_all(&own).unwrap(), 40);
    let mut forged = 0;
    for (name, bytes) in own.iter().filter(|(name, _)| matches!(name, FileName::Log(_) | FileName::Manifest(_))) {
        let mut frames = Vec::new();
        let mut at = 128;
        while let Some(len) = bytes.get(at + 4..at + 8).map(|len| u32::from_le_bytes(len.try_into().unwrap())) {
            let end = at + 24 + len as usize;
            if bytes.get(at + 20) == Some(&1) {
                frames.push(at..end);
            }
            at = end;
        }
        let refuse = |place: &std::ops::Range<usize>, content: &[u8], what: &str| {
            let mut mixed = own.clone();
            let file = mixed.get_mut(name).unwrap();
            file[place.clone()].copy_from_slice(content);
            stamp(&mut file[place.clone()], bytes, place.start);
            is_refused(&mixed, &format!("{what} at {} of {name}", place.start));
        };
        for pair in frames.windows(2) {
            let (first, second) = (&bytes[pair[0].clone()], &bytes[pair[1].clone()]);
            if first.len() == second.len() {
                refuse(&pair[1], first, "the frame before");
                // As the next record, which its number in the clear header says.
                let renumbered = [&second[..24], &first[24..]].concat();
                refuse(&pair[1], &renumbered, "the content of the frame before");
                forged += 2;
            }
            let mut changed = second.to_vec();
            changed[30] ^= 1;
            refuse(&pair[1], &changed, "a changed frame");
            forged += 1;
        }
    }
    assert!(forged > 60, "{forged}");
}

/// The length of a run's file is in the manifest, so the last page is cut and the footer put behind what is left.
#[test]
fn a_run_that_was_shortened_is_noticed() {
    let own = database();
    for run in numbers(&own, FileName::Run) {
        let bytes = &own[&FileName::Run(run)];
        for cut in [1, 148, 149, PAGE, bytes.len() / 2] {
            let mut shorter = own.clone();
            let footer = &bytes[bytes.len() - 148..];
            let kept = &bytes[..bytes.len() - 148 - cut.min(bytes.len() - 148)];
            shorter.insert(FileName::Run(run), [kept, footer].concat());
            is_refused(&shorter, "a run without its last bytes");
        }
    }
}

#[test]
fn files_of_a_copy_do_not_fit_into_its_origin() {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let db = open(&disk).unwrap();
    create(&db);
    put(&db, 0..100);
    let folder = tempfile::tempdir().unwrap();
    let copy = db.fork_into(folder.path()).unwrap();
    // Both go on with the same database, the same numbers of files and the same numbers of commits.
    for (db, from) in [(&db, 1000), (&copy, 2000)] {
        put(db, from..from + 50);
        db.flush().unwrap();
        put(db, from + 50..from + 80);
    }
    drop((db, copy));
    let (own, other) = (files(&*disk), files(&hashrange::file::RealDisk::open(folder.path(), false).unwrap()));
    assert_eq!(read_all(&own).unwrap(), 180);
    let mut exchanged = 0;
    for (name, bytes) in other.iter().filter(|(name, _)| !matches!(name, FileName::Lock | FileName::Reserve)) {
        let differs = own.get(name).is_some_and(|own| own != bytes);
        if !differs || matches!(name, FileName::Keys) {
            continue;
        }
        let mut mixed = own.clone();
        mixed.insert(*name, bytes.clone());
        let refused = read_all(&mixed).map(|found| panic!("{name} of the copy was taken: {found} items")).unwrap_err();
        assert!(matches!(refused.kind(), ErrorKind::Corrupt), "{name}: {refused}");
        exchanged += 1;
    }
    assert!(exchanged >= 3, "{exchanged}");
}

#[test]
fn an_older_manifest_that_is_put_back_is_noticed() {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let mut earlier: Vec<Files> = Vec::new();
    let db = open(&disk).unwrap();
    create(&db);
    db.close().unwrap();
    for round in 0..4 {
        let db = open(&disk).unwrap();
        earlier.push(files(&*disk));
        put(&db, round * 10..round * 10 + 10);
        if round == 2 {
            db.flush().unwrap();
        }
        db.close().unwrap();
        earlier.push(files(&*disk));
    }
    let now = files(&*disk);
    assert_eq!(read_all(&now).unwrap(), 40);
    let mut replayed = 0;
    let is_manifest = |name: &FileName| matches!(name, FileName::Manifest(_));
    for older in &earlier {
        let manifest = older.keys().find(|name| is_manifest(name)).copied().unwrap();
        if now.contains_key(&manifest) {
            continue;
        }
        let mut mixed: Files = now.clone();
        mixed.retain(|name, _| !is_manifest(name));
        mixed.insert(manifest, older[&manifest].clone());
        mixed.insert(FileName::Current, older[&FileName::Current].clone());
        let refused = read_all(&mixed).unwrap_err();
        assert!(refused.kind() == ErrorKind::Corrupt && refused.message().contains("put back"), "{refused}");
        replayed += 1;
    }
    assert!(replayed >= 4, "{replayed}");
}

/// All checksums are right, and all was written by a program of ours: but without the key.
#[test]
fn files_that_are_not_encrypted_are_noticed() {
    let plain: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let db = options().open_on(plain.clone()).unwrap();
    create(&db);
    put(&db, 0..300);
    db.flush().unwrap();
    put(&db, 0..50);
    drop(db);
    let (own, forged) = (database(), files(&*plain));
    for (name, bytes) in forged.iter().filter(|(name, _)| own.contains_key(name)) {
        let mut mixed = own.clone();
        mixed.insert(*name, bytes.clone());
        if *name != FileName::Lock {
            let refused = read_all(&mixed).unwrap_err();
            assert!(matches!(refused.kind(), ErrorKind::Corrupt | ErrorKind::Key), "{name}: {refused}");
        }
    }
    let mut all = forged.clone();
    all.insert(FileName::Keys, own[&FileName::Keys].clone());
    assert_eq!(read_all(&all).unwrap_err().code(), "NotEncrypted");
    assert_eq!(read_all(&forged).unwrap_err().code(), "NotEncrypted");
}

/// Does `work` on a machine that fails at each of its operations in turn; the media that a crash leaves are opened by `check`.
fn cut_everywhere(
    prepare: impl Fn(&Arc<dyn Disk>),
    work: impl Fn(&Arc<dyn Disk>) -> Result<()>,
    check: impl Fn(&Arc<dyn Disk>),
) {
    let ledger = Arc::<NonceLedger>::default();
    let base = SimulatedDisk::new(1);
    prepare(&(Arc::new(base.clone()) as Arc<dyn Disk>));
    let machine = || base.crash(3);
    let watched = |disk: &SimulatedDisk| WatchedDisk::new(Arc::new(disk.clone()), ledger.clone()) as Arc<dyn Disk>;
    let whole = machine();
    work(&watched(&whole)).unwrap();
    let operations = whole.operations();
    assert!(operations > 5, "{operations}");
    for cut in 1..=operations {
        let disk = machine();
        disk.crash_at(cut);
        let _ = work(&watched(&disk));
        check(&watched(&disk.crash(cut * 100)));
        if !cut.is_multiple_of(4) {
            continue;
        }
        // A disk that fails once leaves the process, which is killed then.
        let disk = machine();
        disk.fail(FaultPlan::any_change(cut, Fault::InputOutput));
        let _ = work(&watched(&disk));
        disk.stop_failing();
        check(&watched(&disk.kill()));
    }
    assert!(ledger.files() > operations as usize);
}

fn prepared(disk: &Arc<dyn Disk>) {
    let db = open(disk).unwrap();
    create(&db);
    put(&db, 0..20);
    db.flush().unwrap();
    put(&db, 15..25);
    db.close().unwrap();
}

/// Opens with the one key or the other, finds everything, and goes on.
fn opens_with(disk: &Arc<dyn Disk>, keys: &[RootKey]) {
    let opened = keys.iter().find_map(|key| match options().encryption(key.clone()).open_on(disk.clone()) {
        Ok(db) => Some(db),
        Err(error) if error.code() == "EncryptionKeyWrong" => None,
        Err(error) => panic!("{error}"),
    });
    let db = opened.unwrap();
    assert_eq!(count(&db).unwrap(), 25);
    put(&db, 25..30);
    db.flush().unwrap();
    db.verify().unwrap();
    assert_eq!(count(&db).unwrap(), 30);
}

#[test]
fn a_new_key_that_is_cut_short_anywhere_loses_nothing() {
    let work = |disk: &Arc<dyn Disk>| {
        let db = open(disk)?;
        db.rotate_key()?;
        db.rewrite()?;
        db.close()
    };
    cut_everywhere(prepared, work, |disk| opens_with(disk, &[key(1)]));
}

#[test]
fn a_new_root_key_that_is_cut_short_anywhere_loses_nothing() {
    let work = |disk: &Arc<dyn Disk>| {
        let db = open(disk)?;
        db.rotate_root_key(key(2))?;
        db.close()
    };
    cut_everywhere(prepared, work, |disk| opens_with(disk, &[key(1), key(2)]));
}

#[test]
fn a_creation_that_is_cut_short_anywhere_can_be_repeated() {
    let work = |disk: &Arc<dyn Disk>| {
        let db = open(disk)?;
        db.create_table("items").hash::<S>("id").range::<N>("n").create()?;
        db.close()
    };
    cut_everywhere(
        |_| (),
        work,
        |disk| {
            let db = open(disk).unwrap();
            db.create_table("items").hash::<S>("id").range::<N>("n").open_or_create().unwrap();
            put(&db, 0..5);
            assert_eq!(count(&db).unwrap(), 5);
        },
    );
}

/// Encrypting what was not, cut at every operation: until it is over, the same request goes on with it.
#[test]
fn a_change_to_encryption_that_is_cut_short_anywhere_goes_on() {
    let encrypting =
        |disk: &Arc<dyn Disk>| options().encryption(Encryption::from(key(1)).encrypt_existing()).open_on(disk.clone());
    let prepare = |disk: &Arc<dyn Disk>| {
        let db = options().open_on(disk.clone()).unwrap();
        create(&db);
        put(&db, 0..20);
        db.flush().unwrap();
        put(&db, 15..25);
        db.close().unwrap();
    };
    let work = |disk: &Arc<dyn Disk>| {
        let db = encrypting(disk)?;
        db.rewrite()?;
        db.close()
    };
    let check = |disk: &Arc<dyn Disk>| {
        let db = encrypting(disk).unwrap();
        assert_eq!(count(&db).unwrap(), 25);
        db.rewrite().unwrap();
        db.close().unwrap();
        let db = open(disk).unwrap();
        assert_eq!((count(&db).unwrap(), db.verify().unwrap().items), (25, 25));
    };
    cut_everywhere(prepare, work, check);
}
