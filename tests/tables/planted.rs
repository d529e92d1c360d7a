//! Bugs that are planted in history, archives and replicas, and where segments are written over, are found by the tests of
//! those.

use super::{archive, history, log_reuse, regions};
use hashrange::canary::{Canary, plant};
use std::panic::catch_unwind;

#[test]
#[ignore = "plants bugs in the whole process; run it by its name"]
fn every_planted_bug_of_history_archives_replicas_and_reuse_is_found() {
    let hunts: [(Canary, fn()); 13] = [
        (
            Canary::SpareKeepsHeader,
            log_reuse::what_was_acknowledged_outlives_a_power_failure_while_segments_are_written_over,
        ),
        (Canary::BaseNotTaken, history::moments::an_index_that_was_filled_meanwhile_is_whole),
        (
            Canary::BaseDroppedEarly,
            history::retention::each_promised_instant_can_be_read_and_no_more_is_kept_than_that_takes,
        ),
        (Canary::TimeOfOneCommit, history::moments::a_clock_that_is_set_back_never_shows_the_second_without_the_first),
        (
            Canary::ArchiveSkipsTail,
            archive::histories::every_prefix_of_an_archive_restores_and_every_flipped_byte_is_named,
        ),
        (Canary::ArchiveForgetsBase, archive::failures::what_the_log_does_not_tell_is_archived_before_what_needs_it),
        (Canary::ArchivePrunedEarly, archive::lives::pruning_keeps_what_is_promised),
        (Canary::StampIgnored, regions::histories::random_histories_agree_with_the_model),
        (Canary::DeleteForgetsStamp, regions::vectors::what_was_deleted_later_stays_deleted),
        (Canary::TieByArrival, regions::vectors::equal_stamps_have_one_winner),
        (Canary::CompareFromLastLogged, regions::faults::a_comparison_loses_no_write_that_is_under_way),
        (Canary::TransitOutlivesReplica, regions::faults::what_was_on_its_way_from_a_deleted_replica_is_in_the_new_one),
        (Canary::CompareForgottenAtRestart, regions::faults::a_comparison_that_is_due_outlives_the_world),
    ];
    for (canary, hunt) in hunts {
        hunt();
        plant(Some(canary));
        let found = catch_unwind(hunt).err();
        plant(None);
        assert!(found.is_some(), "{canary:?} was not found");
    }
}
