//! Copies of a database and its archive over time: who goes on, what is a gap, what is removed.

use super::*;
use hashrange::streams::IteratorStart;

#[test]
fn a_restored_database_goes_on_in_the_archive_once_it_takes_it_over() {
    let (clock, store, mut known) = (Clock::manual(BEGIN), MemoryStore::new(), BTreeMap::new());
    let origin = options(&clock).in_memory().unwrap();
    work(&origin, &store, &mut known);
    let (commit, expected) = known.iter().nth(30).map(|(commit, state)| (*commit, state.clone())).unwrap();
    let restored = restore(&open(&store), Moment::Commit(commit), &clock).unwrap();
    assert_eq!(contents(&restored), expected);
    let refused = restored.archive_to(place(&store), ArchiveOptions::default()).unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::InUse, "ArchiveInUse"));
    let going_on = origin.archive_to(place(&store), ArchiveOptions::default()).unwrap();
    let takes_over = ArchiveOptions { takes_over: true, ..ArchiveOptions::default() };
    let archiving = restored.archive_to(place(&store), takes_over).unwrap();
    put(&restored, "restored", 1);
    archiving.step().unwrap();
    put(&origin, "origin", 1);
    let refused = going_on.step().unwrap_err();
    assert_eq!(refused.code(), "ArchiveInUse", "the other one is told");
    assert_eq!(going_on.step().unwrap_err().code(), "ArchiveInUse");
    drop((archiving, going_on));

    let archive = open(&store);
    archive.verify().unwrap();
    let status = archive.status();
    assert_eq!(status.timelines.len(), 2);
    assert_eq!(status.timelines[1].parent, Some((status.timelines[0].timeline, commit)));
    let again = restore(&archive, Moment::Now, &clock).unwrap();
    assert_eq!(contents(&again), contents(&restored));
    // What came after the restore on the first timeline is still there.
    let (last, expected) = known.last_key_value().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let point = RestorePoint {
        moment: Moment::Commit(*last),
        timeline: Some(status.timelines[0].timeline),
        ..RestorePoint::default()
    };
    assert_eq!(contents(&archive.restore_on(point, disk, options(&clock)).unwrap().0), *expected);
}

#[test]
fn an_archive_belongs_to_one_database() {
    let (clock, store) = (Clock::manual(BEGIN), MemoryStore::new());
    let db = options(&clock).seed(1).in_memory().unwrap();
    drop(db.archive_to(place(&store), ArchiveOptions::default()).unwrap());
    let other = options(&clock).seed(2).in_memory().unwrap();
    let refused = other.archive_to(place(&store), ArchiveOptions::default()).unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Validation, "ArchiveOfAnotherDatabase"));
    let nothing = Archive::open(place(&MemoryStore::new())).unwrap_err();
    assert_eq!(nothing.kind(), ErrorKind::NotFound);
}

#[test]
fn what_was_committed_while_nothing_was_archived_is_not_a_silent_gap() {
    let (clock, store) = (Clock::manual(BEGIN), MemoryStore::new());
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let keep = HistoryOptions { retention_secs: 10_000, base_bytes: 4_000 };
    let mut known = BTreeMap::new();
    let db = options(&clock).history(keep).open_on(disk.clone()).unwrap();
    work(&db, &store, &mut known);
    let before = db.facts().log.last_seqno;
    drop(db);
    // The archiver is away, for less than history reaches back: nothing is missing afterwards.
    let db = options(&clock).open_on(disk.clone()).unwrap();
    (0..40).for_each(|n| put(&db, "away", n));
    db.flush().unwrap();
    drop(db);
    let db = options(&clock).open_on(disk.clone()).unwrap();
    drop(db.archive_to(place(&store), ArchiveOptions::default()).unwrap());
    let status = open(&store).status();
    assert_eq!((status.timelines.len(), status.timelines[0].gaps), (1, 0));
    let restored = restore(&open(&store), Moment::Commit(before + 7), &clock).unwrap();
    assert!(contents(&restored).contains_key("away"));
    // It is away while history is turned off and on again: the gap is said.
    db.stop_history().unwrap();
    let missing = db.facts().log.last_seqno + 1;
    (40..90).for_each(|n| put(&db, "away", n));
    db.compact().unwrap();
    drop(db);
    let db = options(&clock).history(keep).open_on(disk).unwrap();
    drop(db.archive_to(place(&store), ArchiveOptions::default()).unwrap());
    let archive = open(&store);
    archive.verify().unwrap();
    assert_eq!(archive.status().timelines[0].gaps, 1);
    let refused = restore(&archive, Moment::Commit(missing), &clock).unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::NotFound, "MomentOutsideHistory"));
    assert_eq!(contents(&restore(&archive, Moment::Now, &clock).unwrap()), contents(&db));
    let restored = restore(&archive, Moment::Commit(before), &clock).unwrap();
    assert_eq!(contents(&restored), known[&before]);
}

#[test]
pub(crate) fn pruning_keeps_what_is_promised() {
    let (clock, store, mut known) = (Clock::manual(BEGIN), MemoryStore::new(), BTreeMap::new());
    let db = options(&clock).in_memory().unwrap();
    db.keep_history(HistoryOptions { base_bytes: 5_000, ..HistoryOptions::default() }).unwrap();
    work(&db, &store, &mut known);
    let whole = open(&store).status();
    let horizon = BEGIN + 40_000;
    let before = open(&store);
    let waiting = open(&store).prune(BEGIN, horizon, 1000).unwrap();
    assert!(waiting.entries > 0 && waiting.bytes == 0 && waiting.waiting_bytes > 0, "{waiting:?}");
    // A restore that had begun can end.
    assert!(restore(&before, Moment::Instant(BEGIN + 1000), &clock).is_ok());
    assert!(restore(&open(&store), Moment::Instant(BEGIN + 1000), &clock).is_err());
    let Pruned { bytes: freed, waiting_bytes, .. } = open(&store).prune(BEGIN + 1000, horizon, 1000).unwrap();
    assert_eq!(waiting_bytes, 0);
    let archive = open(&store);
    let status = archive.verify().unwrap();
    assert_eq!((status.bytes + freed, status.timelines[0].latest), (whole.bytes, whole.timelines[0].latest));
    assert!(freed > 0 && status.timelines[0].bases < whole.timelines[0].bases);
    assert!(status.timelines[0].earliest.at_millis <= horizon);
    assert_eq!(store.list("", "").unwrap().len(), status.objects + status.entries + 1, "nothing else is left");
    for second in 40..60 {
        let restored = restore(&archive, Moment::Instant(BEGIN + second * 1000), &clock).unwrap();
        let expected = known.values().nth(second as usize).unwrap();
        assert_eq!(contents(&restored), *expected, "second {second}");
    }
    assert_eq!(restore(&archive, Moment::Instant(BEGIN + 1), &clock).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(open(&store).prune(BEGIN + 2000, horizon, 0).unwrap(), Pruned::default());
    // It goes on.
    drop(db.archive_to(place(&store), ArchiveOptions::default()).unwrap());
    open(&store).verify().unwrap();
}

#[test]
fn a_database_that_was_put_back_from_an_older_copy_is_not_mixed_with_what_came_after_it() {
    let (clock, store) = (Clock::manual(BEGIN), MemoryStore::new());
    let disk = SimulatedDisk::new(7);
    let db = options(&clock).durability(Durability::Sync).open_on(Arc::new(disk.clone())).unwrap();
    drop(db.archive_to(place(&store), ArchiveOptions::default()).unwrap());
    put(&db, "before", 1);
    // The folder as it is now, which is put back later: it is on the same timeline.
    let older = disk.crash(1);
    put(&db, "lost", 2);
    drop(db.archive_to(place(&store), ArchiveOptions::default()).unwrap());
    drop(db);
    for more in [0, 5] {
        let db = options(&clock).open_on(Arc::new(older.crash(2))).unwrap();
        (0..more).for_each(|n| put(&db, "other", n));
        let refused = db.archive_to(place(&store), ArchiveOptions::default()).unwrap_err();
        assert_eq!(refused.code(), "ArchiveInUse", "{more}");
    }
    let db = options(&clock).open_on(Arc::new(older.crash(2))).unwrap();
    let takes_over = ArchiveOptions { takes_over: true, ..ArchiveOptions::default() };
    drop(db.archive_to(place(&store), takes_over).unwrap());
    put(&db, "again", 3);
    drop(db.archive_to(place(&store), ArchiveOptions::default()).unwrap());
    let archive = open(&store);
    archive.verify().unwrap();
    assert_eq!(archive.status().timelines.len(), 2);
    assert_eq!(contents(&restore(&archive, Moment::Now, &clock).unwrap()), contents(&db));
}

#[test]
fn a_copy_of_an_earlier_moment_has_its_streams_anew() {
    let (clock, store) = (Clock::manual(BEGIN), MemoryStore::new());
    let db = options(&clock).in_memory().unwrap();
    db.create_table("stock").hash::<S>("sku").stream(StreamView::NewImage).create().unwrap();
    (0..80).for_each(|n| put(&db, &format!("{n}"), n));
    db.flush().unwrap();
    while db.step().unwrap() != Work::Idle {}
    db.keep_history(HistoryOptions::default()).unwrap();
    drop(db.archive_to(place(&store), ArchiveOptions::default()).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let forked = db.at(Moment::Now).unwrap().database().fork_into(folder.path().join("fork")).unwrap();
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let restored = open(&store).restore_on(Moment::Now, disk, options(&clock)).unwrap().0;
    for copy in [forked, restored] {
        assert!(copy.describe_table("stock").unwrap().definition.stream.is_some());
        put(&copy, "new", 1);
        let stream = copy.list_streams(Some("stock")).pop().unwrap();
        let records = stream.shards.iter().flat_map(|shard| {
            let start = copy.shard_iterator("stock", &stream.label, &shard.id, &IteratorStart::TrimHorizon).unwrap();
            copy.stream_records(&start, None).unwrap().records
        });
        let told: Vec<String> = records.map(|record| record.keys().to_json()).collect();
        assert!(told.contains(&r#"{"sku":"new"}"#.to_owned()) && told.len() < 80, "{told:?}");
    }
}

#[test]
fn history_stays_on_while_an_archive_is_made_of_it() {
    let (clock, store) = (Clock::manual(BEGIN), MemoryStore::new());
    let db = options(&clock).in_memory().unwrap();
    let archiving = db.archive_to(place(&store), ArchiveOptions::default()).unwrap();
    (0..120).for_each(|n| put(&db, &format!("{n}"), n));
    db.flush().unwrap();
    let rejected = db.stop_history().map_err(|error| (error.kind(), error.code().to_owned()));
    // A load writes no items to the log. So the archiver uploads a base with them before it uploads the log that activates the table.
    let spec = IndexSpec {
        name: "by_text".into(),
        kind: IndexKind::Global,
        hash: vec![KeyAttribute::new("text", KeyType::S)],
        range: Vec::new(),
        projection: Projection::All,
        throughput: None,
    };
    db.update_table("stock", TableUpdate { create_index: Some(spec), ..TableUpdate::default() }).unwrap();
    while db.step().unwrap() != Work::Idle {}
    archiving.step().unwrap();
    let restored = restore(&open(&store), Moment::Now, &clock).unwrap();
    restored.verify().unwrap();
    assert_eq!(stock(&restored).scan().index("by_text").items().map(Result::unwrap).count(), 120);
    assert_eq!(rejected, Err((ErrorKind::InUse, "HistoryInUse".to_owned())));
    drop(archiving);
    db.stop_history().unwrap();
    assert!(db.history_options().is_none());
}

#[test]
fn what_an_archive_has_before_a_gap_is_removed_when_it_is_old() {
    let (clock, store, mut known) = (Clock::manual(BEGIN), MemoryStore::new(), BTreeMap::new());
    let db = options(&clock).in_memory().unwrap();
    work(&db, &store, &mut known);
    let before = open(&store).status().timelines[0].latest;
    db.stop_history().unwrap();
    (0..50).for_each(|n| put(&db, "away", n));
    db.compact().unwrap();
    work(&db, &store, &mut known);
    assert_eq!(open(&store).status().timelines[0].gaps, 1);
    // While the horizon lies before the gap, `prune` keeps the entries before the gap.
    let now = clock.now_millis();
    open(&store).prune(now, before.at_millis, 0).unwrap();
    assert_eq!(open(&store).status().timelines[0].gaps, 1);
    assert!(restore(&open(&store), Moment::Commit(before.commit), &clock).is_ok());
    open(&store).prune(now, before.at_millis + 1_000, 0).unwrap();
    let archive = open(&store);
    let status = archive.verify().unwrap();
    assert!(status.timelines[0].gaps == 0 && status.timelines[0].earliest.commit > before.commit, "{status:?}");
    assert_eq!(contents(&restore(&archive, Moment::Now, &clock).unwrap()), contents(&db));
}
