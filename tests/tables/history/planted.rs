//! Bugs that are planted in history are found by the tests beside this one.

use super::{moments, retention};
use hashrange::canary::{Canary, plant};
use std::panic::catch_unwind;

#[test]
#[ignore = "plants bugs in the whole process; run it by its name"]
fn every_planted_bug_of_history_is_found() {
    let hunts: [(Canary, fn()); 3] = [
        (Canary::BaseNotTaken, moments::an_index_that_was_filled_meanwhile_is_whole),
        (Canary::BaseDroppedEarly, retention::each_promised_instant_can_be_read_and_no_more_is_kept_than_that_takes),
        (Canary::TimeOfOneCommit, moments::a_clock_that_is_set_back_never_shows_the_second_without_the_first),
    ];
    for (canary, hunt) in hunts {
        hunt();
        plant(Some(canary));
        let found = catch_unwind(hunt).err();
        plant(None);
        assert!(found.is_some(), "{canary:?} was not found");
    }
}
