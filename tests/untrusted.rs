//! Folders that come from somebody else: opened for reading, left as they were, and refused if anything is wrong.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "hostile folders are made by hand")]

use hashrange::{
    Clock, Database, Durability, Error, ErrorKind, Item, OpenOptions,
    admin::index,
    file::FileName,
    inspect::Work,
    key::{N, S},
    schema::StreamView,
    streams::IteratorStart,
};
use hashrange_test_support::rounds;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn options() -> OpenOptions {
    Database::options().clock(Clock::manual(1_800_000_000_000)).durability(Durability::Buffered).background(false)
}

/// Items of the folder. Each opening verifies all of them, in each place where they are.
const ITEMS: u64 = 150;

/// A database with every kind of file: manifest, runs, stream segments, and a log that holds more than they do.
fn fill(folder: &Path) {
    let db = options().memtable_bytes(1 << 20).open(folder).unwrap();
    let table = db
        .create_table("orders")
        .hash::<S>("customer")
        .range::<N>("number")
        .lsi(index("by_total").range::<N>("total"))
        .gsi(index("by_status").hash::<S>("status"))
        .stream(StreamView::NewAndOld)
        .create()
        .unwrap();
    for round in 0..3 {
        for number in 0..ITEMS {
            let item = Item::new().with("customer", format!("c{}", number % 7)).with("number", number);
            let item =
                item.with("total", number * round + round).with("status", "OPEN").with("note", "n".repeat(1_000));
            table.put(&item).unwrap();
        }
        if round < 2 {
            db.flush().unwrap();
            while db.step().unwrap() != Work::Idle {}
        }
    }
    db.close().unwrap();
}

/// What anybody could notice of a folder: names, bytes, and when each was changed.
fn look(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, std::time::SystemTime)> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths
        .map(|path| (path.clone(), (fs::read(&path).unwrap(), fs::metadata(&path).unwrap().modified().unwrap())))
        .collect()
}

fn copy(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for path in files(from) {
        fs::copy(&path, to.path().join(path.file_name().unwrap())).unwrap();
    }
    to
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn a_good_folder_opens_and_stays_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    for with_lock in [true, false] {
        if !with_lock {
            fs::remove_file(folder.path().join("LOCK")).unwrap();
        }
        let before = look(folder.path());
        let db = options().open_untrusted(folder.path()).unwrap();
        let second = options().open_untrusted(folder.path()).unwrap();
        assert_eq!(second.verify().unwrap().items, ITEMS);
        let table = db.table::<(S, N)>("orders").unwrap();
        assert_eq!(table.query("c3").items().count(), 21);
        assert_eq!(table.get(("c3", 3)).unwrap().unwrap().get("total").and_then(|total| total.as_i64()), Some(8));

        let refused = |outcome: Result<(), Error>| assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Unsupported);
        let item = Item::new().with("customer", "c").with("number", 1);
        refused(table.put(&item).map(drop));
        refused(table.delete(("c3", 3)).map(drop));
        refused(db.create_table("other").hash::<S>("id").create().map(drop));
        refused(db.delete_table("orders").map(drop));
        refused(db.flush());
        assert_eq!(table.get(("c3", 3)).unwrap().unwrap().get("total").and_then(|total| total.as_i64()), Some(8));
        assert_eq!(db.verify().unwrap().items, ITEMS);

        let fork = db.fork().unwrap();
        fork.table::<(S, N)>("orders").unwrap().put(&item).unwrap();
        assert_eq!((fork.verify().unwrap().items, db.verify().unwrap().items), (ITEMS + 1, ITEMS));
        db.close().unwrap();
        drop(second);
        assert!(look(folder.path()) == before, "the folder was changed");
    }
    let writer = options().open(folder.path()).unwrap();
    assert_eq!(options().open_untrusted(folder.path()).unwrap_err().kind(), ErrorKind::Locked);
    drop(writer);
}

#[test]
fn streams_are_read_from_a_folder_of_somebody_else() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let db = options().open_untrusted(folder.path()).unwrap();
    let stream = db.list_streams(Some("orders")).remove(0);
    let mut records = 0;
    for shard in &stream.shards {
        let start = IteratorStart::TrimHorizon;
        let mut next = Some(db.shard_iterator("orders", &stream.label, &shard.id, &start).unwrap());
        while let Some(iterator) = next {
            let page = db.stream_records(&iterator, None).unwrap();
            records += page.records.len();
            next = page.next.filter(|_| !page.records.is_empty());
        }
    }
    assert_eq!(records as u64, 3 * ITEMS);
}

#[test]
fn a_folder_without_a_database_is_not_filled() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(options().open_untrusted(folder.path()).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(options().open_untrusted(folder.path().join("none")).unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(files(folder.path()), [] as [PathBuf; 0]);
    fs::write(folder.path().join("file"), "").unwrap();
    assert_eq!(options().open_untrusted(folder.path().join("file")).unwrap_err().kind(), ErrorKind::Io);
}

#[test]
fn a_log_that_is_too_long_is_refused_before_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let refused = options().log_bytes(100_000).open_untrusted(folder.path()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::LimitExceeded, "{refused}");
}

type Replace<'a> = &'a dyn Fn(&Path);

/// Each file replaced by something else, in turn.
#[test]
fn files_that_are_something_else_are_refused() {
    let original = tempfile::tempdir().unwrap();
    fill(original.path());
    let before = peak_bytes();
    let mut kinds = BTreeMap::new();
    for (at, path) in files(original.path()).iter().enumerate() {
        let name = path.file_name().unwrap();
        if let Some(extension) = path.extension() {
            *kinds.entry(extension.to_owned()).or_insert(0) += 1;
        }
        let others: [(&str, Replace<'_>); 7] = [
            ("noise", &|place| fs::write(place, noise(100_000, at as u64)).unwrap()),
            ("nothing", &|place| fs::write(place, "").unwrap()),
            ("a file of a terabyte", &|place| fs::File::create(place).unwrap().set_len(1 << 40).unwrap()),
            ("a terabyte behind its bytes", &|place| {
                fs::copy(path, place).unwrap();
                fs::OpenOptions::new().write(true).open(place).unwrap().set_len(1 << 40).unwrap();
            }),
            ("a folder", &|place| fs::create_dir(place).unwrap()),
            ("a pipe", &|place| assert!(Command::new("mkfifo").arg(place).status().unwrap().success())),
            ("a link", &|place| std::os::unix::fs::symlink("/dev/zero", place).unwrap()),
        ];
        for (what, replace) in others {
            let folder = copy(original.path());
            let place = folder.path().join(name);
            fs::remove_file(&place).unwrap();
            replace(&place);
            match options().open_untrusted(folder.path()) {
                // Nothing is read of a lock, and the reserve is not even opened.
                Ok(_) => {
                    let is_unread = name == "LOCK" && fs::metadata(&place).unwrap().is_file();
                    assert!(is_unread || name == "RESERVE", "{name:?} was {what}");
                }
                Err(error) => {
                    let kind = error.kind();
                    let told = matches!(kind, ErrorKind::Corrupt | ErrorKind::Io | ErrorKind::LimitExceeded);
                    assert!(told || kind == ErrorKind::Incompatible, "{name:?} was {what}: {error}");
                }
            }
        }
    }
    assert_eq!(kinds.len(), 4, "a file of each kind: {kinds:?}");
    assert!(peak_bytes() - before < 128 << 20, "{} bytes", peak_bytes() - before);
}

/// Whoever writes a file can write its checksums too.
#[test]
fn forged_files_give_an_error_or_a_database() {
    let original = tempfile::tempdir().unwrap();
    fill(original.path());
    let folder = copy(original.path());
    let before = peak_bytes();
    let rounds = rounds(ROUNDS);
    let (mut opened, mut refused) = (0, 0);
    for path in files(original.path()) {
        let Some(name) = FileName::parse(path.file_name().unwrap().to_str().unwrap()) else { continue };
        let bytes = fs::read(&path).unwrap();
        if name == FileName::Reserve || (bytes.len() <= 64 && name != FileName::Current) {
            continue; // a lock, or a log without records
        }
        let place = folder.path().join(path.file_name().unwrap());
        for round in 0..rounds {
            let mut forged = bytes.clone();
            poke(&mut forged, name, round);
            match name {
                FileName::Run(_) => seal_run(&mut forged),
                FileName::Log(_) | FileName::Manifest(_) | FileName::Stream(_) | FileName::Base(_) => {
                    seal_frames(&bytes, &mut forged);
                }
                FileName::Current => seal_header(&mut forged),
                _ => continue,
            }
            fs::write(&place, &forged).unwrap();
            match options().open_untrusted(folder.path()) {
                Ok(db) => {
                    opened += 1;
                    let _ = db.table::<(S, N)>("orders").map(|table| table.scan().items().count());
                }
                Err(_) => refused += 1,
            }
        }
        fs::write(&place, &bytes).unwrap();
    }
    assert!(refused > 100 && opened > 10, "{refused} were refused, {opened} opened");
    assert!(peak_bytes() - before < 256 << 20, "{} bytes", peak_bytes() - before);
}

/// Forgeries of each file, unless the variable `HASHRANGE_ROUNDS` says another number.
const ROUNDS: u64 = 10;
const PAGE_BYTES: usize = 16 << 10;
const FOOTER_BYTES: usize = 136;

/// Numbers that are the same for the same seed.
fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// Makes some bytes absurd: in a manifest digits, elsewhere lengths and whatever else they hit.
fn poke(bytes: &mut [u8], name: FileName, round: u64) {
    let draw: Vec<usize> =
        noise(64, round + 1).chunks(4).map(|four| u32::from_le_bytes(four.try_into().unwrap()) as usize).collect();
    let (start, end) = match name {
        // A footer has counts and sections, and so has the header of CURRENT.
        FileName::Run(_) if round.is_multiple_of(2) => (bytes.len() - FOOTER_BYTES, bytes.len() - 4),
        FileName::Current => (8, 60),
        _ => (64, bytes.len()),
    };
    let at = start + draw[0] % (end - start);
    if matches!(name, FileName::Manifest(_)) {
        let digits = bytes[at..].iter().position(u8::is_ascii_digit).map_or(at, |ahead| at + ahead);
        bytes[digits..].iter_mut().take_while(|byte| byte.is_ascii_digit()).for_each(|byte| *byte = b'9');
        return;
    }
    let len = [1, 2, 4, 8][draw[1] % 4];
    let value = [0xff, 0x7f, 0x00, draw[2] as u8][draw[3] % 4];
    bytes[at..].iter_mut().take(len).for_each(|byte| *byte = value);
}

fn number(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn seal_header(bytes: &mut [u8]) {
    let checksum = crc32fast::hash(&bytes[..60]);
    bytes[60..64].copy_from_slice(&checksum.to_le_bytes());
}

/// Sets the checksums of frames that lie where they lay in `before`.
fn seal_frames(before: &[u8], bytes: &mut [u8]) {
    let mut seed = crc32fast::Hasher::new();
    [&before[..8], &before[16..24], &before[24..32]].into_iter().for_each(|part| seed.update(part));
    let seed = seed.finalize();
    let mut at = 64;
    while at + 24 <= before.len() && before[at + 20] != 0 {
        let end = at + 24 + u32::from_le_bytes(before[at + 4..at + 8].try_into().unwrap()) as usize;
        let mut hasher = crc32fast::Hasher::new_with_initial(seed ^ at as u32);
        hasher.update(&bytes[at + 4..end]);
        let checksum = hasher.finalize();
        bytes[at..at + 4].copy_from_slice(&checksum.to_le_bytes());
        at = end;
    }
}

/// Sets the checksums of a run, as far as its footer says where they are.
fn seal_run(bytes: &mut [u8]) {
    let identity: Vec<u8> = bytes[16..32].to_vec();
    let crc = |offset: u64, part: &[u8]| {
        let mut hasher = crc32fast::Hasher::new();
        [&identity, &offset.to_le_bytes()[..], part].into_iter().for_each(|part| hasher.update(part));
        hasher.finalize()
    };
    let footer = bytes.len() - FOOTER_BYTES;
    let (directory_end, blocks) = (number(bytes, footer + 8 + 2 * 8), number(bytes, footer + 8 + 14 * 8));
    let filter = if blocks == 0 { directory_end } else { directory_end.saturating_add(31) / 32 * 32 };
    let sums_at = usize::try_from(filter.saturating_add(blocks.saturating_mul(32))).unwrap();
    if sums_at <= footer && sums_at.div_ceil(PAGE_BYTES) * 4 == footer - sums_at {
        let pages = bytes[..sums_at].chunks(PAGE_BYTES).enumerate();
        let sums: Vec<u8> =
            pages.flat_map(|(page, part)| crc((page * PAGE_BYTES) as u64, part).to_le_bytes()).collect();
        let checksum = crc(sums_at as u64, &sums);
        bytes[sums_at..footer].copy_from_slice(&sums);
        bytes[footer + 128..footer + 132].copy_from_slice(&checksum.to_le_bytes());
    }
    let checksum = crc(footer as u64, &bytes[footer..footer + 132]);
    bytes[footer + 132..].copy_from_slice(&checksum.to_le_bytes());
}

/// The most memory that this process has had, in bytes.
fn peak_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()).unwrap_or(0) << 10
}
