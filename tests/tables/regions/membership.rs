//! Replicas that come and go, and what is refused.

use super::{A, B, C, get, put, replicated, world};
use hashrange::{Database, ErrorKind, Item, admin::TableUpdate, key::S, regions::StrongPeers};

#[test]
fn replicas_know_each_other_in_the_order_in_which_they_came() {
    let world = world();
    let tables = replicated(&world, &[B, C, A]);
    let known = |region: &str| {
        let definition = world.database(region).unwrap().describe_table("ttt").unwrap().definition.clone();
        let replication = definition.replication.as_deref().unwrap().clone();
        replication.replicas.iter().map(|replica| replica.region.clone()).collect::<Vec<_>>()
    };
    assert_eq!([known(B), known(C), known(A)], [[C, A], [B, A], [B, C]]);
    world.delete_replica("ttt", C, B).unwrap();
    assert_eq!([known(C), known(A)], [[A], [C]]);
    assert!(tables[0].get("x").unwrap_err().is_not_found());
    world.delete_replica("ttt", C, A).unwrap();
    assert!(world.database(C).unwrap().describe_table("ttt").unwrap().definition.replication.is_none());
    assert!(
        world.database(C).unwrap().describe_table("ttt").unwrap().definition.stream.is_some(),
        "it keeps its stream"
    );
    put(&tables[1], "x", 1);
    world.create_replica("ttt", C, A).unwrap();
    assert_eq!(get(&world.database(A).unwrap().table("ttt").unwrap(), "x"), Some(1));
}

#[test]
fn a_third_replica_gets_what_is_on_its_way_between_the_first_two() {
    let world = world();
    let tables = replicated(&world, &[A, B]);
    world.cut(B, A).unwrap();
    put(&tables[1], "x", 1);
    world.create_replica("ttt", A, C).unwrap();
    let third = world.database(C).unwrap().table::<S>("ttt").unwrap();
    assert_eq!(get(&third, "x"), Some(1));
    world.create_replica("ttt", A, C).unwrap_err();
    world.delete_replica("ttt", A, C).unwrap();

    world.cut(B, C).unwrap();
    world.create_replica("ttt", A, C).unwrap();
    world.settle().unwrap();
    assert!(!world.is_converged("ttt").unwrap());
    world.heal();
    world.settle().unwrap();
    assert!(world.is_converged("ttt").unwrap());
}

#[test]
fn refusals_have_the_texts_of_the_service() {
    let world = world();
    let database = world.database(A).unwrap();
    database.create_table("ttt").hash::<S>("id").create().unwrap();
    let refused = |table: &str, from: &str, region: &str| world.create_replica(table, from, region).unwrap_err();
    assert!(
        refused("ttt", A, A).message().starts_with("Cannot add or delete the local region through ReplicaUpdates.")
    );
    let unknown = refused("ttt", A, "EU-WEST-1");
    assert!(unknown.message().starts_with("Region EU-WEST-1 is not supported. The latest version"), "{unknown}");
    assert!(refused("missing", A, B).is_not_found());
    world.database(C).unwrap().create_table("ttt").hash::<S>("id").create().unwrap();
    let exists = "Failed to create a the new replica of table with name: ‘ttt’ because one or more replicas already existed as \
                  tables.";
    assert_eq!(refused("ttt", A, C).message(), exists);
    world.cut(A, B).unwrap();
    assert_eq!(refused("ttt", A, B).kind(), ErrorKind::Unavailable);
    assert!(database.describe_table("ttt").unwrap().definition.replication.is_none(), "nothing is left");
    world.heal();
    database.create_table("ppp").hash::<S>("id").provisioned(5, 5).create().unwrap();
    let text = "Table write capacity should either be Pay-Per-Request or AutoScaled.";
    assert_eq!(refused("ppp", A, B).message(), text);
    world.create_replica("ttt", A, B).unwrap();
    let text = "Update global table operation failed because one or more replicas were not part of the global table. Please \
                retry the request without these replicas: [us-west-2].";
    assert_eq!(world.delete_replica("ttt", A, C).unwrap_err().message(), text);
    let update = TableUpdate { deletion_protection: Some(true), ..TableUpdate::default() };
    world.database(B).unwrap().update_table("ttt", update).unwrap();
    let text = "Cannot delete table ttt in region us-east-1 because it has deletion protection enabled. Disable deletion \
                protection first.";
    assert_eq!(world.delete_replica("ttt", A, B).unwrap_err().message(), text);
    let both = StrongPeers::Replicas(B.into(), C.into());
    assert_eq!(world.create_strong("ttt", A, &both).unwrap_err().kind(), ErrorKind::Validation);
}

#[test]
fn options_that_make_no_world_are_refused() {
    use hashrange::{
        regions::{LinkModel, World},
        service::Delay,
    };
    let open = |options: hashrange::regions::WorldOptions| options.open().map(drop).map_err(|error| error.kind());
    let options = World::options;
    assert_eq!(open(options()), Err(ErrorKind::Validation));
    assert_eq!(open(options().region("a").region("a")), Err(ErrorKind::Validation));
    assert_eq!(open(options().region("a b")), Err(ErrorKind::Validation));
    let endless = LinkModel::lag(Delay::Fixed(u64::MAX));
    assert_eq!(open(options().region("a").link(endless)), Err(ErrorKind::Validation));
    let world = world();
    assert!(world.set_clock_ahead("x", 1).is_err() && world.cut(A, A).is_err() && world.link(A, "x").is_err());
}

#[test]
fn a_table_that_is_restored_or_forked_is_like_any_other() {
    let world = world();
    let tables = replicated(&world, &[A, B]);
    put(&tables[0], "x", 1);
    let database = world.database(A).unwrap();
    let fork = database.fork().unwrap();
    let forked = fork.table::<S>("ttt").unwrap();
    forked.put(&Item::new().with("id", "y").with("v", 1)).unwrap();
    world.settle().unwrap();
    assert_eq!(get(&tables[1], "y"), None, "a fork is in no world");
    let spec = hashrange::admin::TableSpec::like(&database.describe_table("ttt").unwrap().definition, "restored");
    let restored = fork.restore_table(&fork.at(hashrange::history::Moment::Now).unwrap(), "ttt", spec).unwrap();
    assert!(restored.definition.replication.is_none());
    let digest = |db: &Database, table: &str| db.digest(table).unwrap();
    assert_eq!(digest(&fork, "restored"), digest(&fork, "ttt"), "stamps are no part of what a table holds");
    assert_eq!(fork.describe_table("ttt").unwrap().item_count, 2);
    fork.verify().unwrap();
}

#[test]
fn the_system_clock_carries_changes_over_by_itself() {
    use hashrange::{
        regions::{LinkModel, World},
        service::Delay,
    };
    let world = World::options().region(A).region(B).link(LinkModel::lag(Delay::Fixed(1))).open().unwrap();
    let tables = replicated(&world, &[A, B]);
    put(&tables[0], "x", 1);
    for _ in 0..2_000 {
        if get(&tables[1], "x").is_some() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert_eq!(get(&tables[1], "x"), Some(1));
    world.settle().unwrap();
    world.close().unwrap();
    assert!(tables[0].get("x").unwrap_err().is_closed());
}

#[test]
fn settings_that_replicas_share_are_brought_over() {
    let world = world();
    let tables = replicated(&world, &[A, B, C]);
    let database = world.database(A).unwrap();
    let create_index = Some(hashrange::admin::IndexSpec {
        name: "by_owner".into(),
        kind: hashrange::schema::IndexKind::Global,
        hash: vec![hashrange::schema::KeyAttribute::new("owner", hashrange::key::KeyType::S)],
        range: Vec::new(),
        projection: hashrange::schema::Projection::All,
        throughput: None,
    });
    database.update_table("ttt", TableUpdate { create_index, ..TableUpdate::default() }).unwrap();
    database.update_ttl("ttt", "ends", true).unwrap();
    world.share_settings("ttt", A).unwrap();
    for region in [B, C] {
        let definition = world.database(region).unwrap().describe_table("ttt").unwrap().definition.clone();
        assert!(definition.index("by_owner").is_some() && definition.ttl_attribute.as_deref() == Some("ends"));
        while world.database(region).unwrap().step().unwrap() != hashrange::inspect::Work::Idle {}
    }
    tables[0].put(&Item::new().with("id", "x").with("owner", "o")).unwrap();
    world.settle().unwrap();
    assert_eq!(tables[2].scan().index("by_owner").items().filter(|item| item.is_ok()).count(), 1);
    let update = TableUpdate { delete_index: Some("by_owner".into()), ..TableUpdate::default() };
    database.update_table("ttt", update).unwrap();
    world.share_settings("ttt", A).unwrap();
    assert!(world.database(B).unwrap().describe_table("ttt").unwrap().definition.index("by_owner").is_none());
}

#[test]
fn a_change_in_one_region_takes_nothing_away_that_another_one_has() {
    let world = world();
    let tables = replicated(&world, &[A, B]);
    put(&tables[0], "x", 1);
    world.settle().unwrap();
    let spec = |name: &str| hashrange::admin::IndexSpec {
        name: name.into(),
        kind: hashrange::schema::IndexKind::Global,
        hash: vec![hashrange::schema::KeyAttribute::new("owner", hashrange::key::KeyType::S)],
        range: Vec::new(),
        projection: hashrange::schema::Projection::All,
        throughput: None,
    };
    let add = |name: &str| TableUpdate { create_index: Some(spec(name)), ..TableUpdate::default() };
    let change = |region: &str, update: TableUpdate| {
        world.update_table_with("ttt", region, |_| Ok::<_, hashrange::Error>(update))
    };
    let definition = |region: &str| world.database(region).unwrap().describe_table("ttt").unwrap().definition.clone();
    let has = |region: &str| ["first", "second"].map(|name| definition(region).index(name).is_some());
    let fill =
        |region: &str| while world.database(region).unwrap().step().unwrap() != hashrange::inspect::Work::Idle {};
    change(A, add("first")).unwrap();
    assert_eq!((has(A), has(B)), ([true, false], [true, false]));
    fill(A);
    assert_eq!(change(A, add("second")).unwrap_err().kind(), ErrorKind::LimitExceeded, "B still fills the first one");
    assert_eq!(has(A), [true, false], "nothing was changed");
    fill(B);
    // One that the world does not learn of stays where it is.
    world.database(A).unwrap().update_table("ttt", add("second")).unwrap();
    world.update_ttl("ttt", B, "ends", true).unwrap();
    assert_eq!((has(A), has(B)), ([true, true], [true, false]));
    assert_eq!(definition(A).ttl_attribute.as_deref(), Some("ends"));
    assert_eq!(world.update_ttl("ttt", A, "ends", true).unwrap_err().message(), "TimeToLive is already enabled");
    world.share_settings("ttt", A).unwrap();
    assert_eq!(has(B), [true, true]);
    let delete = TableUpdate { delete_index: Some("first".into()), ..TableUpdate::default() };
    change(B, delete).unwrap();
    assert_eq!((has(A), has(B)), ([false, true], [false, true]));
    assert!(world.update_table_with("none", A, |_| Ok::<_, hashrange::Error>(add("x"))).unwrap_err().is_not_found());
}
