//! Bugs that are planted in publishing and in the ends of shards are found by the tests of those.

use super::{publishing, shard_ends};
use hashrange::canary::{Canary, plant};
use std::panic::catch_unwind;

#[test]
#[ignore = "plants bugs in the whole process; run it by its name"]
fn every_planted_bug_of_publishing_and_shards_is_found() {
    let hunts: [(Canary, fn()); 2] = [
        (Canary::DroppedPartitionRevived, publishing::a_flush_without_a_run_brings_nothing_back_that_goes_meanwhile),
        (Canary::ShardEndUnsynced, shard_ends::a_split_loses_no_record_to_a_power_failure),
    ];
    for (canary, hunt) in hunts {
        hunt();
        plant(Some(canary));
        let found = catch_unwind(hunt).err();
        plant(None);
        assert!(found.is_some(), "{canary:?} was not found");
    }
}
