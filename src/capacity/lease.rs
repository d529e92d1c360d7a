//! Leases: a thread takes some units of a table ahead, and pays its next reads from them without asking any bucket. It is
//! what the service's request routers do.
//!
//! The buckets pay for a lease when it is taken, so that the table admits no more than it has. Where a request would be
//! rejected, what threads have not spent is taken back first, so that it admits no less either. Leases are taken by reads of a
//! partition that is not hot, and only while every bucket concerned earns at least a thousand units a second and has eight
//! times as much. Under a manual clock there are none, so that tests and simulations are exact.
//!
//! A slot holds the unspent tokens of one thread for one partition. The thread finds it by the number of the resource's
//! present state; the partition lists it, to take the tokens back. A state that is replaced has another number.

use super::{bucket::TOKENS_PER_UNIT, partition::Use};
use std::{
    cell::RefCell,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

/// The most tokens of a lease.
const MAX_LEASE: i64 = 256 * TOKENS_PER_UNIT;
/// The least units a second of buckets that give leases.
const MIN_RATE: i64 = 1_000;
/// A lease is this part of what a bucket earns in a second.
const SHARE: i64 = 64;
/// A bucket that gives a lease holds at least so many of them.
const RESERVE: i64 = 8;
/// Slots that a thread remembers.
const PLACES: usize = 32;
/// Bits of a number that say into how many slices the tokens of its resource are divided.
const SLICE_BITS: u32 = 3;
/// The most bits of a token that tell slices apart.
const MAX_SLICE: u32 = 4;

/// Unspent tokens of one thread for the places of one partition.
#[derive(Debug)]
#[repr(align(64))] // a cache line of its own: only one thread writes it
pub struct Slot {
    of: Use,
    first_token: u64,
    /// The last token, itself included.
    last_token: u64,
    tokens: AtomicI64,
}

impl Slot {
    #[inline]
    fn covers(&self, of: Use, token: u64) -> bool {
        self.of == of && self.first_token <= token && token <= self.last_token
    }
    /// Pays, unless it has not enough.
    #[inline]
    fn pay(&self, cost: i64) -> bool {
        let mut tokens = self.tokens.load(Ordering::Relaxed);
        while tokens >= cost {
            match self.tokens.compare_exchange_weak(tokens, tokens - cost, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(other) => tokens = other,
            }
        }
        false
    }
}

/// What a thread remembers of a slot.
struct Remembered {
    /// Number of the resource's state.
    number: u64,
    slot: Option<Arc<Slot>>,
}

thread_local! {
    static SLOTS: RefCell<[Remembered; PLACES]> =
        const { RefCell::new([const { Remembered { number: 0, slot: None } }; PLACES]) };
}

/// A number for the state of a resource with so many partitions, which no other state has.
pub fn next_number(partitions: usize) -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let bits = partitions.max(1).next_power_of_two().trailing_zeros().min(MAX_SLICE);
    NEXT.fetch_add(1, Ordering::Relaxed) << SLICE_BITS | u64::from(bits)
}

/// Where a thread remembers its slot for a token.
#[inline]
fn position(number: u64, of: Use, token: u64) -> usize {
    let bits = number & ((1 << SLICE_BITS) - 1);
    let slice = token >> (u64::BITS - MAX_SLICE) >> u64::from(MAX_SLICE).saturating_sub(bits);
    let of = u64::from(of == Use::EventualRead);
    ((number >> SLICE_BITS).wrapping_mul(3).wrapping_add(slice * 2 + of) % PLACES as u64) as usize
}

/// Pays from what the thread has taken ahead, and returns the first token of the partition; `None` if that is not enough.
#[inline]
pub fn pay(number: u64, of: Use, token: u64, cost: i64) -> Option<u64> {
    let paid = SLOTS.try_with(|slots| {
        let slots = slots.try_borrow().ok()?;
        let remembered = &slots[position(number, of, token)];
        let slot = remembered.slot.as_deref().filter(|_| remembered.number == number)?;
        (slot.covers(of, token) && slot.pay(cost)).then_some(slot.first_token)
    });
    paid.ok().flatten()
}

/// Tokens that a bucket may give ahead that earns so many units a second and holds so many tokens; 0 if it gives none.
pub fn lease_of(rate: i64, tokens: i64) -> i64 {
    if rate < MIN_RATE {
        return 0;
    }
    let lease = (rate * TOKENS_PER_UNIT / SHARE).min(MAX_LEASE);
    if tokens >= RESERVE * lease { lease } else { 0 }
}

/// Which places a lease is for.
#[derive(Clone, Copy, Debug)]
pub struct LeaseOf {
    /// Number of the resource's state.
    pub number: u64,
    pub of: Use,
    pub first_token: u64,
    /// The last token, itself included.
    pub last_token: u64,
}

/// The slots of a partition.
#[derive(Debug, Default)]
pub struct Slots(Vec<Arc<Slot>>);

impl Slots {
    /// Gives tokens to the thread for reads like one at a token. `false` if it has no place for them, since another
    /// partition's slot is in it.
    pub fn give(&mut self, lease: LeaseOf, token: u64, tokens: i64) -> bool {
        let LeaseOf { number, of, first_token, last_token } = lease;
        let given = SLOTS.try_with(|slots| {
            let Ok(mut slots) = slots.try_borrow_mut() else { return false };
            let remembered = &mut slots[position(number, of, token)];
            if let Some(slot) = &remembered.slot {
                let is_listed = self.0.iter().any(|known| Arc::ptr_eq(known, slot));
                if remembered.number == number && is_listed && slot.covers(of, token) {
                    slot.tokens.fetch_add(tokens, Ordering::Relaxed);
                    return true;
                }
                if Arc::strong_count(slot) > 1 && slot.tokens.load(Ordering::Relaxed) > 0 {
                    return false; // its partition still lists it
                }
            }
            let slot = Arc::new(Slot { of, first_token, last_token, tokens: AtomicI64::new(tokens) });
            self.0.push(slot.clone());
            *remembered = Remembered { number, slot: Some(slot) };
            true
        });
        given.unwrap_or(false)
    }
    /// Takes back what threads have not spent: each kind of use with its tokens.
    pub fn take_all(&mut self) -> impl Iterator<Item = (Use, i64)> {
        self.0.drain(..).map(|slot| (slot.of, slot.tokens.swap(0, Ordering::Relaxed)))
    }
    /// Takes back what threads have not spent that do not remember it any more.
    pub fn take_forgotten(&mut self) -> Vec<(Use, i64)> {
        let forgotten = self.0.extract_if(.., |slot| Arc::strong_count(slot) == 1);
        forgotten.map(|slot| (slot.of, slot.tokens.swap(0, Ordering::Relaxed))).collect()
    }
}
