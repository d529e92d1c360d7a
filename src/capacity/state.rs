//! What an access to a table or index looks at: its limits, its buckets and its virtual partitions. A change replaces it as a
//! whole.

use super::{
    bucket::Bucket,
    key_position::KeyPosition,
    lease::{self, LeaseOf},
    limits::{ResourceLimits, ThroughputMode},
    model::CapacityModel,
    partition::{Use, VirtualPartition},
};
use crate::error::ThrottledLimit;
use arc_swap::Guard;
use std::sync::Arc;

/// What an access looks at. Replaced as a whole.
#[derive(Clone, Debug)]
pub struct ResourceState {
    /// A number that no other state has.
    pub number: u64,
    pub limits: ResourceLimits,
    /// Reads and writes.
    pub arms: [Arm; 2],
    /// In the order of their starts; the first one starts at the lowest place.
    pub partitions: Vec<Arc<VirtualPartition>>,
    /// Shares of the partitions in provisioned throughput, where they do not share it; else empty. Each earns tokens like the
    /// whole, and a unit costs it as many times as much as there are partitions, so that no part of a unit is lost.
    pub shares: Vec<[Arc<Bucket>; 2]>,
}

/// Reads or writes of the whole resource.
#[derive(Clone, Debug)]
pub struct Arm {
    /// The account's quota.
    pub account: Option<Arc<Bucket>>,
    /// Provisioned throughput, or the limit on demand.
    pub limit: Option<Arc<Bucket>>,
    /// What is said when that is reached.
    pub kind: ThrottledLimit,
}

/// Admission of one access, which pays when it has been carried out.
#[must_use = "an access that was admitted has to pay"]
pub struct Ticket {
    pub state: Guard<Arc<ResourceState>>,
    pub partition: usize,
    pub of: Use,
    pub now_millis: u64,
}

/// An access that was not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Which limit it met.
    pub limit: ThrottledLimit,
    /// First token of the virtual partition of its place.
    pub partition: u64,
}

impl Ticket {
    /// The access cost so many tokens.
    #[inline]
    pub fn debit(&self, cost: i64, place: KeyPosition<'_>) {
        let arm = &self.state.arms[self.of.side()];
        for bucket in [&arm.account, &arm.limit].into_iter().flatten() {
            bucket.debit(cost, self.now_millis);
        }
        if let Some(shares) = self.state.shares.get(self.partition) {
            shares[self.of.side()].debit(self.state.share_tokens(cost), self.now_millis);
        }
        if let Some(partition) = self.state.partitions.get(self.partition) {
            partition.debit(self.of, cost, place, self.now_millis);
        }
    }
    /// Which places the partition has, and how many tokens may be taken ahead for them; `None` where each read has to ask.
    pub fn lease(&self) -> Option<(LeaseOf, i64)> {
        let partition = self.state.partitions.get(self.partition).filter(|_| self.state.shares.is_empty())?;
        let arm = &self.state.arms[self.of.side()];
        let of_buckets = [&arm.account, &arm.limit].into_iter().flatten();
        let of_buckets = of_buckets.map(|bucket| lease::lease_of(bucket.rate(), bucket.tokens(self.now_millis)));
        let tokens = of_buckets.fold(partition.lease(self.of, self.now_millis), i64::min);
        // A partition that begins or ends within a collection has no range of tokens.
        let (start, next) = (self.start()?, self.next_start());
        let is_whole = start.collection.is_empty() && next.is_none_or(|next| next.collection.is_empty());
        let last_token = next.map_or(u64::MAX, |next| next.token.saturating_sub(1));
        let lease = LeaseOf { number: self.state.number, of: self.of, first_token: start.token, last_token };
        (is_whole && tokens > 0).then_some((lease, tokens))
    }
    /// First place of the next partition; `None` behind the last one.
    pub fn next_start(&self) -> Option<KeyPosition<'_>> {
        self.state.partitions.get(self.partition + 1).map(|partition| partition.start.as_position())
    }
    /// First place of the partition.
    pub fn start(&self) -> Option<KeyPosition<'_>> {
        self.state.partitions.get(self.partition).map(|partition| partition.start.as_position())
    }
}

impl ResourceState {
    /// What an access costs the share of its partition, in that bucket's tokens.
    fn share_tokens(&self, cost: i64) -> i64 {
        cost.saturating_mul(i64::try_from(self.partitions.len()).unwrap_or(i64::MAX))
    }
    /// Tokens that were taken ahead come back.
    pub fn credit(&self, partition: &VirtualPartition, of: Use, tokens: i64) {
        let arm = &self.arms[of.side()];
        [&arm.account, &arm.limit].into_iter().flatten().for_each(|bucket| bucket.credit(tokens));
        partition.credit(of, tokens);
    }
    #[inline]
    /// Position of the partition of a place.
    pub fn locate(&self, place: KeyPosition<'_>) -> usize {
        let after = self.partitions.partition_point(|partition| partition.start.as_position() <= place);
        after.saturating_sub(1)
    }
    #[inline]
    /// Which limit an access meets, if any.
    pub fn refusal(&self, of: Use, at: usize, wanted: Option<i64>, now_millis: u64) -> Option<ThrottledLimit> {
        let arm = &self.arms[of.side()];
        let lacks = |bucket: &Bucket| match wanted {
            None => !bucket.has_some(now_millis),
            Some(cost) => !bucket.has(cost, now_millis),
        };
        if arm.account.as_deref().is_some_and(lacks) {
            return Some(ThrottledLimit::AccountLimit);
        }
        if arm.limit.as_deref().is_some_and(lacks) {
            return Some(arm.kind);
        }
        let has_no_share = self.shares.get(at).is_some_and(|shares| match wanted {
            None => !shares[of.side()].has_some(now_millis),
            Some(cost) => !shares[of.side()].has(self.share_tokens(cost), now_millis),
        });
        let partition = self.partitions.get(at)?;
        let is_refused = has_no_share || partition.refuses(of, wanted, now_millis);
        is_refused.then_some(ThrottledLimit::KeyRangeThroughput)
    }
}

/// A rejection, which counts for the partition if that is the reason.
#[cold]
pub fn noted(state: &ResourceState, of: Use, partition: usize, limit: ThrottledLimit) -> Rejected {
    let partition = state.partitions.get(partition);
    if let (ThrottledLimit::KeyRangeThroughput, Some(partition)) = (limit, partition) {
        partition.note_refusal(of);
    }
    Rejected { limit, partition: partition.map_or(0, |partition| partition.start.token) }
}

impl Arm {
    /// Without buckets.
    pub fn none() -> Self {
        Self { account: None, limit: None, kind: ThrottledLimit::ProvisionedThroughput }
    }
}

/// Buckets for limits; what `before` had left is kept where it goes on.
pub fn arms(
    model: &CapacityModel,
    limits: &ResourceLimits,
    before: Option<&ResourceState>,
    now_millis: u64,
) -> [Arm; 2] {
    let burst_secs = model.burst_secs;
    let rate = |units: u64| i64::try_from(units).unwrap_or(i64::MAX);
    let was_on_demand = before.is_some_and(|before| before.limits.is_on_demand());
    let old = |side: usize| before.filter(|_| was_on_demand == limits.is_on_demand()).map(|before| &before.arms[side]);
    let limit = |side: usize, units: u64| {
        let rate = rate(units);
        let begin = if model.starts_full { i64::MAX } else { Bucket::second_of(rate) };
        Arc::new(match old(side).and_then(|arm| arm.limit.as_ref()) {
            Some(bucket) => bucket.with_rate(rate, burst_secs, now_millis),
            None => Bucket::new(rate, burst_secs, begin, now_millis),
        })
    };
    let account = |side: usize, units: u64| match old(side).and_then(|arm| arm.account.clone()) {
        Some(bucket) => bucket,
        None => Arc::new(Bucket::new(rate(units), 1, i64::MAX, now_millis)),
    };
    match limits.mode {
        ThroughputMode::Provisioned { read_units, write_units } => {
            let kind = ThrottledLimit::ProvisionedThroughput;
            let arm = |side: usize, units: u64| Arm {
                account: None,
                limit: model.adaptive.then(|| limit(side, units)),
                kind,
            };
            [arm(0, read_units), arm(1, write_units)]
        }
        ThroughputMode::OnDemand { max_read_units, max_write_units } => {
            let kind = ThrottledLimit::MaxOnDemandThroughput;
            let arm = |side: usize, quota: u64, most: Option<u64>| Arm {
                account: Some(account(side, quota)),
                limit: most.map(|units| limit(side, units)),
                kind,
            };
            let quotas = &model.quotas;
            [arm(0, quotas.table_read_units, max_read_units), arm(1, quotas.table_write_units, max_write_units)]
        }
    }
}
