//! Bugs that are planted in archives are found by the tests beside this one.

use super::{failures, histories, lives};
use hashrange::canary::{Canary, plant};
use std::panic::catch_unwind;

#[test]
#[ignore = "plants bugs in the whole process; run it by its name"]
fn every_planted_bug_of_archives_is_found() {
    let hunts: [(Canary, fn()); 3] = [
        (Canary::ArchiveSkipsTail, histories::every_prefix_of_an_archive_restores_and_every_flipped_byte_is_named),
        (Canary::ArchiveForgetsBase, failures::what_the_log_does_not_tell_is_archived_before_what_needs_it),
        (Canary::ArchivePrunedEarly, lives::pruning_keeps_what_is_promised),
    ];
    for (canary, hunt) in hunts {
        hunt();
        plant(Some(canary));
        let found = catch_unwind(hunt).err();
        plant(None);
        assert!(found.is_some(), "{canary:?} was not found");
    }
}
