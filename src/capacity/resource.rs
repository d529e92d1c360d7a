//! A table or a global index: its buckets, its virtual partitions, and what becomes of both with time.
//!
//! Nothing here waits for a timer. What is due (a second that ends, a change of rates, a cut) is done by the first access at
//! or after its moment, as of that moment; since nothing was accessed in between, the outcome is the same.

use super::{
    bucket::{Bucket, TOKENS_PER_UNIT},
    limits::{ResourceLimits, ThroughputMode},
    model::CapacityModel,
    partition::{Use, VirtualPartition},
    peaks::Peaks,
    place::{OwnedPlace, Place},
    report::{ArmReport, ResourceReport, VirtualPartitionReport},
};
use crate::error::ThrottledLimit;
use crate::sync::Mutex;
use arc_swap::{ArcSwap, Guard};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// A table or a global index.
#[derive(Debug)]
pub struct Resource {
    model: Arc<CapacityModel>,
    /// Seed of its samples.
    seed: u64,
    /// When something is due next.
    next_event_millis: AtomicU64,
    state: ArcSwap<State>,
    changing: Mutex<Changing>,
}

/// What an access looks at. Replaced as a whole.
#[derive(Clone, Debug)]
struct State {
    limits: ResourceLimits,
    /// Reads and writes.
    arms: [Arm; 2],
    /// In the order of their starts; the first one starts at the lowest place.
    partitions: Vec<Arc<VirtualPartition>>,
    /// Shares of the partitions in provisioned throughput, where they do not share it; else empty.
    shares: Vec<[Arc<Bucket>; 2]>,
}

/// Reads or writes of the whole resource.
#[derive(Clone, Debug)]
struct Arm {
    /// The account's quota.
    account: Option<Arc<Bucket>>,
    /// Provisioned throughput, or the limit on demand.
    limit: Option<Arc<Bucket>>,
    /// What is said when that is reached.
    kind: ThrottledLimit,
}

#[derive(Debug)]
struct Changing {
    /// The second that is going on, since 1970.
    sec: u64,
    peaks: Peaks,
    pending: Vec<Pending>,
    /// Partitions made so far, for their seeds.
    made: u64,
}

#[derive(Debug)]
struct Pending {
    due_millis: u64,
    change: Change,
}

#[derive(Debug)]
enum Change {
    Limits(ResourceLimits),
    Cut { partition: Arc<VirtualPartition>, at: OwnedPlace },
}

/// Admission of one access, which pays when it has been carried out.
#[must_use = "an access that was admitted has to pay"]
pub struct Ticket {
    state: Guard<Arc<State>>,
    partition: usize,
    of: Use,
    now_millis: u64,
}

impl Ticket {
    /// The access cost so many tokens.
    #[inline]
    pub fn debit(&self, cost: i64, place: Place<'_>) {
        let arm = &self.state.arms[self.of.side()];
        for bucket in [&arm.account, &arm.limit].into_iter().flatten() {
            bucket.debit(cost, self.now_millis);
        }
        if let Some(shares) = self.state.shares.get(self.partition) {
            shares[self.of.side()].debit(cost, self.now_millis);
        }
        if let Some(partition) = self.state.partitions.get(self.partition) {
            partition.debit(self.of, cost, place, self.now_millis);
        }
    }
    /// First place of the next partition; `None` behind the last one.
    pub fn next_start(&self) -> Option<Place<'_>> {
        self.state.partitions.get(self.partition + 1).map(|partition| partition.start.as_place())
    }
    /// First place of the partition.
    pub fn start(&self) -> Option<Place<'_>> {
        self.state.partitions.get(self.partition).map(|partition| partition.start.as_place())
    }
}

impl State {
    #[inline]
    fn locate(&self, place: Place<'_>) -> usize {
        let after = self.partitions.partition_point(|partition| partition.start.as_place() <= place);
        after.saturating_sub(1)
    }
    #[inline]
    fn refusal(&self, of: Use, at: usize, wanted: Option<i64>, now_millis: u64) -> Option<ThrottledLimit> {
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
        let has_no_share = self.shares.get(at).is_some_and(|shares| lacks(&shares[of.side()]));
        let partition = self.partitions.get(at)?;
        if has_no_share || partition.refuses(of, wanted, now_millis) {
            partition.note_refusal(of);
            return Some(ThrottledLimit::KeyRangeThroughput);
        }
        None
    }
}

impl Resource {
    /// A resource that nothing was asked of yet.
    pub fn new(model: Arc<CapacityModel>, limits: ResourceLimits, seed: u64, now_millis: u64) -> Self {
        let mut changing = Changing { sec: now_millis / 1_000, peaks: Peaks::default(), pending: Vec::new(), made: 0 };
        let empty = [Arm::none(), Arm::none()];
        let mut state = State { limits, arms: empty, partitions: Vec::new(), shares: Vec::new() };
        state.arms = arms(&model, &limits, None, now_millis);
        let resource = Self {
            next_event_millis: AtomicU64::new((changing.sec + 1) * 1_000),
            seed,
            state: ArcSwap::from_pointee(state.clone()),
            changing: Mutex::new(Changing { sec: 0, peaks: Peaks::default(), pending: Vec::new(), made: 0 }),
            model,
        };
        resource.cut_evenly(&mut state, resource.partitions_for(&limits), &mut changing, now_millis);
        resource.share_out(&mut state, None, now_millis);
        resource.state.store(Arc::new(state));
        *resource.changing.lock() = changing;
        resource
    }

    /// Admits an access, or says which limit it meets. `expected` is what it is thought to cost, in tokens.
    #[inline]
    pub fn admit(&self, of: Use, place: Place<'_>, expected: i64, now_millis: u64) -> Result<Ticket, ThrottledLimit> {
        if now_millis >= self.next_event_millis.load(Ordering::Relaxed) {
            self.catch_up(now_millis);
        }
        let wanted = match self.model.admission {
            super::model::AdmissionRule::PostPaid => None,
            super::model::AdmissionRule::PrePaid => Some(expected),
        };
        let state = self.state.load();
        let partition = state.locate(place);
        match state.refusal(of, partition, wanted, now_millis) {
            None => Ok(Ticket { state, partition, of, now_millis }),
            Some(limit) => Err(limit),
        }
    }

    /// Gives it other limits, which act from a moment on.
    pub fn set_limits(&self, limits: ResourceLimits, from_millis: u64, now_millis: u64) {
        self.catch_up(now_millis);
        let mut changing = self.changing.lock();
        let is_last = |pending: &&Pending| matches!(pending.change, Change::Limits(_));
        let last = changing.pending.iter().rfind(is_last).map(|pending| match &pending.change {
            Change::Limits(limits) => *limits,
            Change::Cut { .. } => limits,
        });
        if last.unwrap_or(self.state.load().limits) == limits {
            return;
        }
        changing.pending.push(Pending { due_millis: from_millis.max(now_millis), change: Change::Limits(limits) });
        self.do_due(&mut changing, now_millis);
    }

    /// Does everything that is due.
    fn catch_up(&self, now_millis: u64) {
        let mut changing = self.changing.lock();
        if now_millis < self.next_event_millis.load(Ordering::Relaxed) {
            return; // another thread was here first
        }
        let sec = now_millis / 1_000;
        if changing.sec < sec {
            self.end_second(&mut changing);
            changing.sec = sec;
        }
        self.do_due(&mut changing, now_millis);
        let state = self.state.load_full();
        if state.limits.is_on_demand() {
            let [read, write] = changing.peaks.allowed(now_millis, self.model.peak_minutes);
            let mut limits = state.limits;
            limits.warm_read_units = limits.warm_read_units.max(read);
            limits.warm_write_units = limits.warm_write_units.max(write);
            let needed = self.partitions_for(&limits);
            if needed > state.partitions.len() {
                let mut grown = (*state).clone();
                self.cut_evenly(&mut grown, needed, &mut changing, now_millis);
                self.state.store(Arc::new(grown));
            }
        }
    }

    /// The second that was going on has ended.
    fn end_second(&self, changing: &mut Changing) {
        let state = self.state.load_full();
        let heat_model = self.model.heat.as_ref();
        let mut tokens = [0; 2];
        for partition in &state.partitions {
            let mut heat = partition.heat.lock();
            let second = heat.end_second(changing.sec, partition, heat_model);
            for (side, sum) in tokens.iter_mut().enumerate() {
                *sum += u64::try_from(partition.table_tokens(side, second.used[side])).unwrap_or(0);
            }
            let Some(model) = heat_model.filter(|_| second.is_too_hot) else { continue };
            match heat.sampler.cut(state.limits.keeps_collections) {
                Ok(at) => {
                    heat.is_cut_decided = true;
                    let due_millis = (changing.sec + 1 + u64::from(model.delay_secs)) * 1_000;
                    let change = Change::Cut { partition: partition.clone(), at };
                    changing.pending.push(Pending { due_millis, change });
                }
                Err(refusal) => heat.cut_refusal = Some(refusal),
            }
        }
        changing.peaks.add(changing.sec, tokens);
    }

    /// Makes the pending changes whose time has come, in their order, and says when something is due next.
    fn do_due(&self, changing: &mut Changing, now_millis: u64) {
        changing.pending.sort_by_key(|pending| pending.due_millis);
        while changing.pending.first().is_some_and(|pending| pending.due_millis <= now_millis) {
            let Pending { due_millis, change } = changing.pending.remove(0);
            let mut state = (*self.state.load_full()).clone();
            match change {
                Change::Limits(limits) => {
                    state.arms = arms(&self.model, &limits, Some(&state), due_millis);
                    let before = state.limits;
                    state.limits = limits;
                    self.cut_evenly(&mut state, self.partitions_for(&limits), changing, due_millis);
                    self.share_out(&mut state, Some(before), due_millis);
                }
                Change::Cut { partition, at } => {
                    self.cut(&mut state, &partition, at, changing, due_millis);
                    self.share_out(&mut state, None, due_millis);
                }
            }
            self.state.store(Arc::new(state));
        }
        let next = changing.pending.first().map_or(u64::MAX, |pending| pending.due_millis);
        self.next_event_millis.store(next.min((changing.sec + 1) * 1_000), Ordering::Relaxed);
    }

    fn partitions_for(&self, limits: &ResourceLimits) -> usize {
        limits.partitions(self.model.partition_read_units, self.model.partition_write_units)
    }

    fn new_partition(&self, start: OwnedPlace, changing: &mut Changing, now_millis: u64) -> Arc<VirtualPartition> {
        changing.made += 1;
        let seed = self.seed.wrapping_mul(31).wrapping_add(changing.made);
        Arc::new(VirtualPartition::new(start, &self.model, seed, now_millis))
    }

    /// Cuts partitions until none holds more than an equal part of the tokens. What is cut already stays cut.
    #[expect(clippy::cast_possible_truncation, reason = "the quotient of a 64-bit shift by its divisor fits 64 bits")]
    fn cut_evenly(&self, state: &mut State, parts: usize, changing: &mut Changing, now_millis: u64) {
        if parts <= state.partitions.len() {
            return;
        }
        for part in 0..parts {
            let start = OwnedPlace::of_token((((part as u128) << 64) / parts as u128) as u64);
            let at = state.partitions.partition_point(|partition| partition.start < start);
            if state.partitions.get(at).is_none_or(|partition| partition.start != start) {
                let partition = self.new_partition(start, changing, now_millis);
                state.partitions.insert(at, partition);
            }
        }
    }

    /// Two partitions take the place of one.
    fn cut(
        &self,
        state: &mut State,
        hot: &Arc<VirtualPartition>,
        at: OwnedPlace,
        changing: &mut Changing,
        now_millis: u64,
    ) {
        let Some(position) = state.partitions.iter().position(|partition| Arc::ptr_eq(partition, hot)) else { return };
        hot.heat.lock().is_cut_decided = false;
        if state.partitions.get(position + 1).is_some_and(|next| next.start <= at) {
            return; // its upper part was cut off meanwhile, with the place
        }
        let lower = self.new_partition(hot.start.clone(), changing, now_millis);
        let upper = self.new_partition(at, changing, now_millis);
        state.partitions.splice(position..=position, [lower, upper]);
    }

    /// Gives each partition an equal share of provisioned throughput, if they do not share it.
    fn share_out(&self, state: &mut State, before: Option<ResourceLimits>, now_millis: u64) {
        let ThroughputMode::Provisioned { read_units, write_units } = state.limits.mode else {
            state.shares.clear();
            return;
        };
        if self.model.adaptive {
            return;
        }
        let parts = state.partitions.len().max(1) as u64;
        let rate = |units: u64| i64::try_from(units / parts).unwrap_or(i64::MAX);
        let burst_secs = self.model.burst_secs;
        let one = |old: Option<&Arc<Bucket>>, rate: i64| {
            let begin = if self.model.starts_full { i64::MAX } else { Bucket::second_of(rate) };
            Arc::new(match old {
                Some(old) => old.with_rate(rate, burst_secs, now_millis),
                None => Bucket::new(rate, burst_secs, begin, now_millis),
            })
        };
        let old = std::mem::take(&mut state.shares);
        let keeps = before.is_none_or(|before| !before.is_on_demand());
        for at in 0..state.partitions.len() {
            let old = old.get(at.min(old.len().saturating_sub(1))).filter(|_| keeps);
            let shares = [
                one(old.map(|shares| &shares[0]), rate(read_units)),
                one(old.map(|shares| &shares[1]), rate(write_units)),
            ];
            state.shares.push(shares);
        }
    }

    /// What can be seen of it.
    pub fn report(&self, index: Option<String>, now_millis: u64) -> ResourceReport {
        self.catch_up(now_millis);
        let state = self.state.load();
        let arm = |side: usize| {
            let limit = state.arms[side].limit.as_ref();
            ArmReport {
                units_left: limit.map(|bucket| units(bucket.tokens(now_millis))),
                most_units: limit.map(|bucket| units(bucket.most())),
            }
        };
        let of_secs = self.model.heat.map_or(1, |heat| heat.of_secs);
        let partition = |partition: &Arc<VirtualPartition>| {
            let heat = partition.heat.lock();
            let used = |side: usize| units(partition.table_tokens(side, partition.sides[side].used()));
            VirtualPartitionReport {
                first_token: partition.start.token,
                begins_within_collection: !partition.start.sort.is_empty(),
                read_units: used(0),
                write_units: used(1),
                refused_reads: partition.sides[0].refused(),
                refused_writes: partition.sides[1].refused(),
                hot_secs: heat.hot_secs(of_secs),
                is_cut_decided: heat.is_cut_decided,
                cut_refusal: heat.cut_refusal,
            }
        };
        let partitions = state.partitions.iter().map(partition).collect();
        ResourceReport { index, limits: state.limits, reads: arm(0), writes: arm(1), partitions }
    }
}

#[expect(clippy::cast_precision_loss, reason = "tokens are far below 2^53")]
fn units(tokens: i64) -> f64 {
    tokens as f64 / TOKENS_PER_UNIT as f64
}

impl Arm {
    fn none() -> Self {
        Self { account: None, limit: None, kind: ThrottledLimit::ProvisionedThroughput }
    }
}

/// Buckets for limits; what `before` had left is kept where it goes on.
fn arms(model: &CapacityModel, limits: &ResourceLimits, before: Option<&State>, now_millis: u64) -> [Arm; 2] {
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
