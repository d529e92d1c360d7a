//! What each view of a stream shows, and what the log keeps for it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{
    Database, Item,
    key::S,
    schema::StreamView,
    streams::{ChangeEvent, ChangeRecord, IteratorStart},
    testing::SimulatedDisk,
};
use std::sync::Arc;

fn open(disk: &SimulatedDisk) -> Database {
    Database::options().seed(1).background(false).open_on(Arc::new(disk.clone())).unwrap()
}

/// The records of a table whose shards fit into a page each.
fn records(db: &Database, table: &str) -> Vec<ChangeRecord> {
    let stream = db.list_streams(Some(table)).pop().unwrap();
    let read = |shard: &str| {
        let start = db.shard_iterator(table, &stream.label, shard, &IteratorStart::TrimHorizon).unwrap();
        db.stream_records(&start, None).unwrap().records
    };
    stream.shards.iter().flat_map(|shard| read(&shard.id)).collect()
}

#[test]
fn every_view_tells_the_same_after_a_crash() {
    let views = [StreamView::KeysOnly, StreamView::NewImage, StreamView::OldImage, StreamView::NewAndOld];
    let disk = SimulatedDisk::new(5);
    let db = open(&disk);
    let named = |view: StreamView| format!("{view:?}");
    let bare = || Item::new().with("id", "a");
    for view in views {
        let table = db.create_table(named(view)).hash::<S>("id").stream(view).create().unwrap();
        table.put(&bare().with("n", 1)).unwrap();
        table.put(&bare().with("n", 1)).unwrap(); // changes nothing, so there is no record
        table.update("a").set("n", 2).send().unwrap();
        table.put(&bare()).unwrap(); // what is left is the key, and there was more before
        table.put(&bare()).unwrap();
        table.delete("a").unwrap();
        table.delete("a").unwrap();
    }
    let told = |db: &Database, view: StreamView| -> Vec<(ChangeEvent, [Option<Item>; 2])> {
        let records = records(db, &named(view));
        assert!(records.iter().all(|record| record.keys() == bare()));
        let item = |image: &Option<hashrange::ItemRef>| image.as_ref().map(hashrange::ItemRef::to_item);
        records.iter().map(|record| (record.event, [item(&record.old), item(&record.new)])).collect()
    };
    let before = views.map(|view| told(&db, view));
    let disk = disk.crash(5);
    drop(db);
    let db = open(&disk);
    let states = [None, Some(bare().with("n", 1)), Some(bare().with("n", 2)), Some(bare()), None];
    for (view, before) in views.into_iter().zip(before) {
        let shows = |wanted: [StreamView; 2], item: &Option<Item>| item.clone().filter(|_| wanted.contains(&view));
        let expected: Vec<_> = states
            .windows(2)
            .map(|pair| {
                let event = match (&pair[0], &pair[1]) {
                    (None, _) => ChangeEvent::Insert,
                    (_, Some(_)) => ChangeEvent::Modify,
                    _ => ChangeEvent::Remove,
                };
                let old = shows([StreamView::OldImage, StreamView::NewAndOld], &pair[0]);
                (event, [old, shows([StreamView::NewImage, StreamView::NewAndOld], &pair[1])])
            })
            .collect();
        assert_eq!(before, expected, "{view:?}");
        assert_eq!(told(&db, view), expected, "{view:?}, from the log");
    }
}

#[test]
fn the_log_has_old_images_only_where_the_stream_shows_them() {
    let logged = |view: Option<StreamView>| {
        // Segments are as long as was reserved for them, so they have to be short.
        let db = Database::options().background(false).log_segment_bytes(4 << 10).in_memory().unwrap();
        let table = db.create_table("things").hash::<S>("id");
        let table = if let Some(view) = view { table.stream(view) } else { table }.create().unwrap();
        for n in 0..20 {
            table.put(&Item::new().with("id", "a").with("n", n).with("text", "x".repeat(1000))).unwrap();
        }
        db.facts().log_bytes
    };
    let plain = logged(None);
    for view in [StreamView::KeysOnly, StreamView::NewImage] {
        assert!(logged(Some(view)).abs_diff(plain) < 8_000, "{view:?}: {} and {plain}", logged(Some(view)));
    }
    for view in [StreamView::OldImage, StreamView::NewAndOld] {
        assert!(logged(Some(view)) > plain + 12_000, "{view:?}: {} and {plain}", logged(Some(view)));
    }
}
