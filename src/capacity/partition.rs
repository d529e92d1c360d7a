//! A virtual partition: a range of places with a ceiling of units a second. The ceiling holds also where the table has more left.

use super::{
    bucket::Bucket,
    heat::Heat,
    key_position::{KeyPosition, OwnedKeyPosition},
    lease::{Slots, lease_of},
    model::CapacityModel,
};
use crate::sync::Mutex;
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
};

/// Tokens of a ceiling that one unit costs: strong reads, eventual reads, writes.
///
/// The three may differ, so that a second's ceiling is a common multiple of the units that it allows of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weights {
    /// Tokens a millisecond of the ceiling of reads, and of a ceiling that both share.
    read_rate: i64,
    write_rate: i64,
    strong: i64,
    eventual: i64,
    write: i64,
}

/// Ceilings are scaled up to this many tokens a millisecond at most.
const MAX_SCALE: u64 = 50_000_000;

impl Weights {
    /// The weights of a model.
    pub fn of(model: &CapacityModel) -> Self {
        let (strong, eventual) = (model.partition_read_units, model.eventual_read_units);
        let mut scale = lcm(strong, eventual);
        if model.combined {
            scale = lcm(scale, model.partition_write_units);
        }
        // Odd ceilings have no small common multiple: then a unit costs a token more or less in some thousand.
        let scale = scale.min(MAX_SCALE);
        let cost = |units: u64| i64::try_from(scale.div_ceil(units).max(1)).unwrap_or(i64::MAX);
        let write = if model.combined { cost(model.partition_write_units) } else { 1 };
        let rate = |units: u64| i64::try_from(units).unwrap_or(i64::MAX);
        Self {
            read_rate: rate(scale),
            write_rate: if model.combined { rate(scale) } else { rate(model.partition_write_units) },
            strong: cost(strong),
            eventual: cost(eventual),
            write,
        }
    }
}

fn lcm(a: u64, b: u64) -> u64 {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    a / x.max(1) * b
}

/// What a partition has for one direction.
#[derive(Debug)]
pub struct Side {
    /// The ceiling; both directions have the same one if they share it.
    ceiling: Arc<Bucket>,
    /// Tokens of the ceiling that were taken.
    used: AtomicI64,
    /// Tokens of the table that were taken: an eventually consistent unit may take less of the ceiling than a strong one.
    done: AtomicI64,
    /// Requests that were rejected because of the partition.
    refused: AtomicU64,
}

impl Side {
    #[inline]
    fn refuses(&self, wanted: Option<i64>, weight: i64, now_millis: u64) -> bool {
        match wanted {
            None => !self.ceiling.has_some(now_millis),
            Some(cost) => !self.ceiling.has(cost.saturating_mul(weight), now_millis),
        }
    }
    /// Tokens of the ceiling that were taken since the beginning.
    pub fn used(&self) -> i64 {
        self.used.load(Ordering::Relaxed)
    }
    /// Tokens of the table that were taken since the beginning.
    pub fn done(&self) -> i64 {
        self.done.load(Ordering::Relaxed)
    }
    /// Requests that were rejected since the beginning.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
    /// The ceiling.
    pub fn ceiling(&self) -> &Bucket {
        &self.ceiling
    }
}

/// A range of places, from its start to the start of the next one.
#[derive(Debug)]
pub struct VirtualPartition {
    /// First place of the range.
    pub start: OwnedKeyPosition,
    weights: Weights,
    /// Reads and writes.
    pub sides: [Side; 2],
    /// Whether it was hot lately, so that its accesses are sampled.
    is_warm: AtomicBool,
    /// What decides whether it is cut.
    pub heat: Mutex<Heat>,
    /// What threads have taken ahead.
    pub leases: Mutex<Slots>,
}

/// Which side of a partition an access uses, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// A strongly consistent or transactional read.
    StrongRead,
    /// An eventually consistent read.
    EventualRead,
    /// A write.
    Write,
}

impl Use {
    /// Position of the side.
    #[inline]
    pub fn side(self) -> usize {
        usize::from(self == Self::Write)
    }
}

impl VirtualPartition {
    /// A partition with a full ceiling.
    pub fn new(start: OwnedKeyPosition, model: &CapacityModel, seed: u64, now_millis: u64) -> Self {
        let weights = Weights::of(model);
        let ceiling = |rate: i64| Arc::new(Bucket::new(rate, 1, Bucket::second_of(rate), now_millis));
        let reads = ceiling(weights.read_rate);
        let writes = if model.combined { reads.clone() } else { ceiling(weights.write_rate) };
        let side = |ceiling: Arc<Bucket>| Side {
            ceiling,
            used: AtomicI64::new(0),
            done: AtomicI64::new(0),
            refused: AtomicU64::new(0),
        };
        Self {
            start,
            weights,
            sides: [side(reads), side(writes)],
            is_warm: AtomicBool::new(false),
            heat: Mutex::new(Heat::new(seed)),
            leases: Mutex::new(Slots::default()),
        }
    }

    #[inline]
    fn weight(&self, of: Use) -> i64 {
        match of {
            Use::StrongRead => self.weights.strong,
            Use::EventualRead => self.weights.eventual,
            Use::Write => self.weights.write,
        }
    }

    /// Whether it has nothing for an access, or less than it wants.
    #[inline]
    pub fn refuses(&self, of: Use, wanted: Option<i64>, now_millis: u64) -> bool {
        let side = &self.sides[of.side()];
        side.refuses(wanted, self.weight(of), now_millis)
    }

    /// An access was rejected because of the partition.
    pub fn note_refusal(&self, of: Use) {
        self.sides[of.side()].refused.fetch_add(1, Ordering::Relaxed);
    }

    /// An access costs so many tokens of its table.
    #[inline]
    pub fn debit(&self, of: Use, cost: i64, place: KeyPosition<'_>, now_millis: u64) {
        let side = &self.sides[of.side()];
        let weighted = cost.saturating_mul(self.weight(of));
        side.ceiling.debit(weighted, now_millis);
        side.used.fetch_add(weighted, Ordering::Relaxed);
        side.done.fetch_add(cost, Ordering::Relaxed);
        if self.is_warm.load(Ordering::Relaxed) {
            self.heat.lock().sampler.take(place, cost);
        }
    }

    /// Tokens of its table were taken and not used.
    pub fn credit(&self, of: Use, tokens: i64) {
        let side = &self.sides[of.side()];
        let weighted = tokens.saturating_mul(self.weight(of));
        side.ceiling.credit(weighted);
        side.used.fetch_sub(weighted, Ordering::Relaxed);
        side.done.fetch_sub(tokens, Ordering::Relaxed);
    }

    /// The most tokens of its table that it may give ahead; 0 if it gives none, as while its accesses are sampled.
    pub fn lease(&self, of: Use, now_millis: u64) -> i64 {
        if self.is_warm.load(Ordering::Relaxed) {
            return 0;
        }
        let (ceiling, weight) = (&self.sides[of.side()].ceiling, self.weight(of).max(1));
        lease_of(ceiling.rate() / weight, ceiling.tokens(now_millis) / weight)
    }

    /// Begins or ends the sampling of accesses.
    pub fn set_warm(&self, is_warm: bool) {
        self.is_warm.store(is_warm, Ordering::Relaxed);
    }

    /// Whether reads and writes share the ceiling.
    pub fn shares_ceiling(&self) -> bool {
        Arc::ptr_eq(&self.sides[0].ceiling, &self.sides[1].ceiling)
    }
}
