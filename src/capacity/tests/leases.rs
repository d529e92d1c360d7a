//! What threads take ahead: it makes reads cheaper, and admits neither more nor less.

use super::{World, full, provisioned};
use crate::{
    capacity::{CapacityModel, KeyPosition, Ticket, Use, bucket::TOKENS_PER_UNIT},
    error::ThrottledLimit,
};
use std::{sync::mpsc, thread, time::Duration};

/// 4,000 read units a second over two partitions, and as many to begin with.
fn fast() -> World {
    let world = World::service(provisioned(4_000, 1));
    assert_eq!(world.partitions(), 2);
    world
}

impl World {
    /// A strong read as the engine does it: from what the thread took ahead, else by asking.
    fn leased_read(&self, token: u64) -> Result<bool, ThrottledLimit> {
        if self.resource.pay_leased(Use::StrongRead, token, TOKENS_PER_UNIT).is_some() {
            return Ok(true);
        }
        let place = KeyPosition { token, ..KeyPosition::default() };
        let admitted = self.resource.admit(Use::StrongRead, place, TOKENS_PER_UNIT, self.now_millis);
        let ticket: Ticket = admitted.map_err(|rejected| rejected.limit)?;
        ticket.debit(TOKENS_PER_UNIT, place);
        self.resource.lease(&ticket, token);
        Ok(false)
    }
    fn leased_reads_that_pass(&self, token: u64) -> (u64, ThrottledLimit) {
        let mut passed = 0;
        loop {
            match self.leased_read(token) {
                Ok(_) => passed += 1,
                Err(limit) => return (passed, limit),
            }
        }
    }
}

#[test]
fn most_reads_ask_no_bucket() {
    let world = fast();
    let asked = (0..1_000).filter(|_| world.leased_read(1) == Ok(false)).count();
    // 3,000 units a second of a partition, of which a lease is a 64th.
    assert!((20..=25).contains(&asked), "{asked}");
    assert_eq!(world.tokens_left(false), 3_000.0, "and all of them have paid");
}

#[test]
fn close_to_a_limit_reads_pass_as_they_would_without() {
    assert_eq!(fast().leased_reads_that_pass(1), (3_000, ThrottledLimit::KeyRangeThroughput));
    let world = fast();
    let (first, _) = world.leased_reads_that_pass(1);
    let (second, limit) = world.leased_reads_that_pass(u64::MAX);
    assert_eq!((first + second, limit), (4_000, ThrottledLimit::ProvisionedThroughput));
}

#[test]
fn what_another_thread_has_not_spent_comes_back_before_anything_is_rejected() {
    let world = fast();
    let (done, wait) = (mpsc::channel(), mpsc::channel::<()>());
    thread::scope(|scope| {
        let world = &world;
        scope.spawn(move || {
            world.leased_read(1).unwrap();
            done.0.send(()).unwrap();
            let _ = wait.1.recv_timeout(Duration::from_secs(20)); // holds what it took ahead
        });
        done.1.recv().unwrap();
        assert_eq!(world.leased_reads_that_pass(1), (2_999, ThrottledLimit::KeyRangeThroughput));
        drop(wait.0);
    });
}

#[test]
fn what_a_thread_took_that_is_gone_comes_back() {
    let world = fast();
    for _ in 0..8 {
        thread::scope(|scope| scope.spawn(|| world.leased_read(1).map(drop)).join().unwrap()).unwrap();
    }
    assert_eq!(world.tokens_left(false), 3_992.0);
}

#[test]
fn another_rate_begins_with_what_is_left() {
    let world = fast();
    world.leased_read(1).unwrap();
    world.resource.set_limits(provisioned(8_000, 1), world.now_millis, world.now_millis);
    assert_eq!(world.tokens_left(false), 3_999.0);
    assert_eq!(world.resource.pay_leased(Use::StrongRead, 1, TOKENS_PER_UNIT), None, "that lease is over");
}

#[test]
fn slow_tables_and_hot_partitions_give_nothing_ahead() {
    let slow = World::new(full(), provisioned(999, 1));
    assert!((0..100).all(|_| slow.leased_read(1) == Ok(false)));
    let mut hot = World::service(provisioned(3_000, 1));
    while hot.leased_read(1).is_ok() {}
    hot.advance(10_000);
    hot.leased_read(1).unwrap();
    assert!((0..100).all(|_| hot.leased_read(1) == Ok(false)), "its accesses are sampled one by one");
}

#[test]
fn a_lease_is_for_one_kind_of_read_in_one_partition() {
    let world = fast();
    world.leased_read(1).unwrap();
    assert_eq!(world.resource.pay_leased(Use::EventualRead, 1, 500), None);
    assert_eq!(world.resource.pay_leased(Use::StrongRead, u64::MAX, TOKENS_PER_UNIT), None);
    assert_eq!(world.resource.pay_leased(Use::StrongRead, 1, 47 * TOKENS_PER_UNIT), None, "more than it is");
    assert_eq!(world.resource.pay_leased(Use::StrongRead, 1, 46 * TOKENS_PER_UNIT), Some(0));
    let other = World::new(CapacityModel::service(), provisioned(4_000, 1));
    assert_eq!(other.resource.pay_leased(Use::StrongRead, 1, 500), None, "another table's");
}
