//! A bug that is planted in the ends of shards is found by their tests.

use super::shard_ends;
use hashrange::canary::{Canary, plant};
use std::panic::catch_unwind;

#[test]
#[ignore = "plants a bug in the whole process; run it by its name"]
fn the_planted_bug_of_shards_is_found() {
    let hunt = shard_ends::a_split_loses_no_record_to_a_power_failure;
    hunt();
    plant(Some(Canary::ShardEndUnsynced));
    let found = catch_unwind(hunt).err();
    plant(None);
    assert!(found.is_some(), "it was not found");
}
