//! Folders of several regions, and what waits in them for a Kinesis destination, as older versions wrote them: they open with
//! all of it, go on where they were, and become equal.
//!
//! `tests/fixtures/README.md` says what such a folder holds and how a new one is made.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::old_folders::{entries, expected};
use hashrange::{
    Clock, Database, Item, Table,
    admin::index,
    inspect::Work,
    key::S,
    regions::{LinkModel, StrongPeers, World},
    service::Delay,
    streams::KinesisRecord,
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

const REGIONS: [&str; 3] = ["eu-west-1", "us-east-1", "us-west-2"];
const WRITTEN_AT_MILLIS: u64 = 1_795_000_000_000;
const STREAM: &str = "arn:aws:kinesis:eu-west-1:000000000000:stream/changes";

/// Opens the regions below a folder. The clock stands where it stood when they were written.
fn open(folder: &Path) -> World {
    let database = Database::options().background(false).seed(7).initial_partitions(1);
    let database = database.memtable_bytes(64 << 10).log_segment_bytes(16 << 10).log_bytes(128 << 10);
    let options = World::options().clock(Clock::manual(WRITTEN_AT_MILLIS + 60_000)).database(database);
    let options = options.link(LinkModel::lag(Delay::Fixed(800)));
    REGIONS.iter().fold(options, |options, region| options.region_in(*region, folder.join(region))).open().unwrap()
}

fn table(world: &World, region: &str, name: &str) -> Table<S> {
    world.database(region).unwrap().table(name).unwrap()
}

/// Items of a region with their stamps, those of deleted items too, a line each.
fn state(world: &World) -> Vec<String> {
    let mut lines = Vec::new();
    for (region, name) in [(0, "cart"), (1, "cart"), (0, "stock"), (1, "stock")].map(|(at, name)| (REGIONS[at], name)) {
        for n in 0..40 {
            let key = Item::new().with("id", format!("i{n:02}"));
            let item = table(world, region, name).get(&*format!("i{n:02}")).unwrap();
            let item = item.map_or("-".to_owned(), |item| item.to_dynamodb_json());
            let stamp = world.stamp_of(region, name, &key).unwrap();
            lines.push(format!("{region}\t{name}\ti{n:02}\t{item}\t{stamp:?}"));
        }
    }
    lines
}

/// Hands out what waits for the Kinesis destination of the first region.
fn delivered(world: &World) -> Vec<String> {
    let (lines, database) = (Arc::<Mutex<Vec<String>>>::default(), world.database(REGIONS[0]).unwrap());
    let sink = lines.clone();
    let sink = move |records: &[KinesisRecord]| {
        sink.lock().unwrap().extend(records.iter().map(KinesisRecord::to_json));
        Ok::<_, hashrange::Error>(())
    };
    database.deliver_to_kinesis(sink).unwrap();
    while database.step().unwrap() != Work::Idle {}
    let mut lines = lines.lock().unwrap().clone();
    lines.sort();
    lines
}

fn fixtures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    entries(&root).into_iter().filter(|path| path.join(REGIONS[0]).is_dir()).collect()
}

#[expect(clippy::disallowed_methods, reason = "the test copies folders, as a user would")]
fn copy_regions(from: &Path, to: &Path) {
    for region in REGIONS {
        fs::create_dir_all(to.join(region)).unwrap();
        // Nothing is read from what is reserved for a full disk.
        for file in entries(&from.join(region)).into_iter().filter(|file| !file.ends_with("RESERVE")) {
            fs::copy(&file, to.join(region).join(file.file_name().unwrap())).unwrap();
        }
    }
}

#[test]
fn regions_of_every_version_open_with_all_they_have_and_become_equal() {
    let all = fixtures();
    assert!(!all.is_empty());
    for fixture in all {
        let folder = tempfile::tempdir().unwrap();
        copy_regions(&fixture, folder.path());
        let world = open(folder.path());
        assert_eq!(state(&world), expected(&fixture, "state.tsv"), "{fixture:?}");
        let definition = world.database(REGIONS[0]).unwrap().describe_table("cart").unwrap().definition.clone();
        assert!(definition.replication.as_ref().unwrap().replica(REGIONS[1]).is_some());
        assert_eq!(definition.settings.kinesis_destinations.len(), 2);
        assert_eq!(delivered(&world), expected(&fixture, "kinesis.tsv"), "{fixture:?}");

        // What was on its way arrives, and no other item is sent or compared again.
        world.advance(Duration::from_millis(800)).unwrap();
        let moved: Vec<u64> = world.links().iter().map(|link| link.applied).collect();
        assert!(moved.iter().sum::<u64>() >= 2 && world.links().iter().all(|link| link.comparisons == 0), "{moved:?}");
        for region in [REGIONS[0], REGIONS[1]] {
            let text = |id: &str| table(&world, region, "cart").get(id).unwrap().map(|item| item.to_dynamodb_json());
            assert!(text("i31").unwrap().contains("on its way") && text("i32").unwrap().contains("on its way"));
        }
        let west = table(&world, REGIONS[1], "stock");
        west.put(&Item::new().with("id", "i00").with("n", 100)).unwrap();
        let read = table(&world, REGIONS[0], "stock").get_with("i00").consistent(true).send().unwrap().item.unwrap();
        assert_eq!(read.get("n").unwrap().as_i64(), Some(100), "strong consistency goes on");
        table(&world, REGIONS[1], "cart").put(&Item::new().with("id", "i05").with("n", 7)).unwrap();
        world.settle().unwrap();
        assert!(world.is_converged("cart").unwrap() && world.is_converged("stock").unwrap());
        for region in REGIONS {
            let database = world.database(region).unwrap();
            database.verify().unwrap();
            database.flush().unwrap();
        }
        let before = state(&world);
        world.close().unwrap();
        drop(world);
        let world = open(folder.path());
        assert_eq!(state(&world), before);
    }
}

/// Writes regions for `tests/fixtures/`, in the version that is being tested.
#[test]
#[ignore = "makes a fixture: HASHRANGE_FIXTURE names its folder"]
#[expect(clippy::disallowed_methods, reason = "the fixture is an ordinary folder")]
fn write_regions_fixture() {
    let target = PathBuf::from(std::env::var_os("HASHRANGE_FIXTURE").unwrap());
    fs::create_dir_all(&target).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let world = open(folder.path());
    let eu = world.database(REGIONS[0]).unwrap();
    let cart = eu.create_table("cart").hash::<S>("id").gsi(index("by_kind").hash::<S>("kind")).ttl("ends");
    let cart = cart.create().unwrap();
    let item = |n: u64, kind: &str| Item::new().with("id", format!("i{n:02}")).with("kind", kind).with("n", n);
    (0..10).for_each(|n| drop(cart.put(&item(n, "before replicas")).unwrap()));
    world.create_replica("cart", REGIONS[0], REGIONS[1]).unwrap();
    eu.create_table("stock").hash::<S>("id").create().unwrap();
    let witness = REGIONS[2].to_owned();
    let peers = StrongPeers::ReplicaAndWitness { replica: REGIONS[1].to_owned(), witness };
    world.create_strong("stock", REGIONS[0], &peers).unwrap();
    let us = table(&world, REGIONS[1], "cart");
    (10..20).for_each(|n| drop(cart.put(&item(n, "eu")).unwrap()));
    world.advance(Duration::from_millis(1)).unwrap();
    (15..25).for_each(|n| drop(us.put(&item(n, "us")).unwrap()));
    cart.delete("i03").unwrap();
    us.delete("i12").unwrap();
    (0..6).for_each(|n| drop(table(&world, REGIONS[n as usize % 2], "stock").put(&item(n, "strong")).unwrap()));
    world.settle().unwrap();
    for region in REGIONS {
        world.database(region).unwrap().flush().unwrap();
    }
    // A destination that was disabled, and one whose records wait.
    eu.kinesis("cart").enable(&STREAM.replace("changes", "others"), None).unwrap();
    eu.kinesis("cart").disable(&STREAM.replace("changes", "others")).unwrap();
    eu.kinesis("cart").enable(STREAM, Some(hashrange::schema::RecordPrecision::Microsecond)).unwrap();
    cart.put(&item(30, "for Kinesis")).unwrap();
    cart.delete("i04").unwrap();
    world.settle().unwrap();
    cart.put(&item(31, "on its way")).unwrap();
    us.put(&item(32, "on its way")).unwrap();
    world.step().unwrap();
    REGIONS.iter().for_each(|region| world.database(region).unwrap().sync().unwrap());
    copy_regions(folder.path(), &target);
    // What a sink gets is tried on a copy, so that it still waits in the fixture.
    let copy = tempfile::tempdir().unwrap();
    copy_regions(&target, copy.path());
    let opened = open(copy.path());
    fs::write(target.join("state.tsv"), state(&opened).join("\n") + "\n").unwrap();
    fs::write(target.join("kinesis.tsv"), delivered(&opened).join("\n") + "\n").unwrap();
}
