//! A table or a global index: its buckets, its virtual partitions, and what becomes of both with time.
//!
//! Nothing here waits for a timer. What is due (a second that ends, a change of rates, a cut) is done by the first access at
//! or after its moment, as of that moment; since nothing was accessed in between, the outcome is the same.

use super::{
    bucket::{Bucket, TOKENS_PER_UNIT},
    key_position::{KeyPosition, OwnedKeyPosition},
    lease,
    limits::{ResourceLimits, ThroughputMode},
    model::CapacityModel,
    partition::{Use, VirtualPartition},
    peaks::Peaks,
    report::{ArmReport, ResourceReport, VirtualPartitionReport},
    state::{Arm, Rejected, ResourceState, Ticket, arms, noted},
};
use crate::sync::Mutex;
use arc_swap::ArcSwap;
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

/// A table or a global index.
#[derive(Debug)]
pub struct Resource {
    model: Arc<CapacityModel>,
    /// Seed of its samples.
    seed: u64,
    /// When something is due next.
    next_event_millis: AtomicU64,
    state: ArcSwap<ResourceState>,
    /// Number of the state.
    number: AtomicU64,
    /// Whether a thread may have taken something ahead.
    has_leases: AtomicBool,
    changing: Mutex<Changing>,
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
    Cut { partition: Arc<VirtualPartition>, at: OwnedKeyPosition },
}

impl Resource {
    /// A resource that nothing was asked of yet.
    pub fn new(model: Arc<CapacityModel>, limits: ResourceLimits, seed: u64, now_millis: u64) -> Self {
        let mut changing = Changing { sec: now_millis / 1_000, peaks: Peaks::default(), pending: Vec::new(), made: 0 };
        let empty = [Arm::none(), Arm::none()];
        let mut state = ResourceState { number: 0, limits, arms: empty, partitions: Vec::new(), shares: Vec::new() };
        state.arms = arms(&model, &limits, None, now_millis);
        let resource = Self {
            next_event_millis: AtomicU64::new(end_of(changing.sec)),
            seed,
            state: ArcSwap::from_pointee(state.clone()),
            number: AtomicU64::new(0),
            has_leases: AtomicBool::new(false),
            changing: Mutex::new(Changing { sec: 0, peaks: Peaks::default(), pending: Vec::new(), made: 0 }),
            model,
        };
        resource.cut_evenly(&mut state, resource.partitions_for(&limits), &mut changing, now_millis);
        resource.share_out(&mut state, None, now_millis);
        resource.replace(state);
        *resource.changing.lock() = changing;
        resource
    }

    /// Admits an access, or says which limit it meets and where. `expected` is what it is thought to cost, in tokens.
    #[inline]
    pub fn admit(&self, of: Use, place: KeyPosition<'_>, expected: i64, now_millis: u64) -> Result<Ticket, Rejected> {
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
            Some(limit) if !self.take_back(&state) => Err(noted(&state, of, partition, limit)),
            Some(_) => match state.refusal(of, partition, wanted, now_millis) {
                None => Ok(Ticket { state, partition, of, now_millis }),
                Some(limit) => Err(noted(&state, of, partition, limit)),
            },
        }
    }

    /// Pays for a read from what the thread has taken ahead, and returns the first token of the partition; `None` if the read
    /// has to ask.
    #[inline]
    pub fn pay_leased(&self, of: Use, token: u64, cost: i64) -> Option<u64> {
        lease::pay(self.number.load(Ordering::Relaxed), of, token, cost)
    }

    /// Takes tokens ahead for the thread's next reads near a token, where there are plenty.
    pub fn lease(&self, ticket: &Ticket, token: u64) {
        let Some((lease, tokens)) = ticket.lease() else { return };
        let Some(partition) = ticket.state.partitions.get(ticket.partition) else { return };
        let mut leases = partition.leases.lock();
        for (of, tokens) in leases.take_forgotten() {
            ticket.state.credit(partition, of, tokens);
        }
        if leases.give(lease, token, tokens) {
            ticket.debit(tokens, KeyPosition::default());
            self.has_leases.store(true, Ordering::Relaxed);
        }
    }

    /// Takes back what threads have not spent. `false` if none has taken anything.
    #[cold]
    fn take_back(&self, state: &ResourceState) -> bool {
        if !self.has_leases.swap(false, Ordering::Relaxed) {
            return false;
        }
        for partition in &state.partitions {
            for (of, tokens) in partition.leases.lock().take_all() {
                state.credit(partition, of, tokens);
            }
        }
        true
    }

    /// Puts another state in the place of the present one.
    fn replace(&self, mut state: ResourceState) {
        self.take_back(&self.state.load());
        state.number = lease::next_number(state.partitions.len());
        let number = state.number;
        self.state.store(Arc::new(state));
        self.number.store(number, Ordering::Relaxed);
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
                self.replace(grown);
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
                *sum += u64::try_from(second.done[side]).unwrap_or(0);
            }
            let Some(model) = heat_model.filter(|_| second.is_too_hot) else { continue };
            match heat.sampler.cut(state.limits.keeps_collections) {
                Ok(at) => {
                    heat.is_cut_decided = true;
                    let due_millis = end_of(changing.sec.saturating_add(u64::from(model.delay_secs)));
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
            let state = self.state.load_full();
            self.take_back(&state); // new buckets begin with what the old ones have left
            let mut state = (*state).clone();
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
            self.replace(state);
        }
        let next = changing.pending.first().map_or(u64::MAX, |pending| pending.due_millis);
        self.next_event_millis.store(next.min(end_of(changing.sec)), Ordering::Relaxed);
    }

    fn partitions_for(&self, limits: &ResourceLimits) -> usize {
        limits.partitions(self.model.partition_read_units, self.model.partition_write_units)
    }

    fn new_partition(
        &self,
        start: OwnedKeyPosition,
        changing: &mut Changing,
        now_millis: u64,
    ) -> Arc<VirtualPartition> {
        changing.made += 1;
        let seed = self.seed.wrapping_mul(31).wrapping_add(changing.made);
        Arc::new(VirtualPartition::new(start, &self.model, seed, now_millis))
    }

    /// Cuts partitions until none holds more than an equal part of the tokens. What is cut already stays cut.
    #[expect(clippy::cast_possible_truncation, reason = "the quotient of a 64-bit shift by its divisor fits 64 bits")]
    fn cut_evenly(&self, state: &mut ResourceState, parts: usize, changing: &mut Changing, now_millis: u64) {
        if parts <= state.partitions.len() {
            return;
        }
        for part in 0..parts {
            let start = OwnedKeyPosition::of_token((((part as u128) << 64) / parts as u128) as u64);
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
        state: &mut ResourceState,
        hot: &Arc<VirtualPartition>,
        at: OwnedKeyPosition,
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
    fn share_out(&self, state: &mut ResourceState, before: Option<ResourceLimits>, now_millis: u64) {
        let ThroughputMode::Provisioned { read_units, write_units } = state.limits.mode else {
            state.shares.clear();
            return;
        };
        if self.model.adaptive {
            return;
        }
        let before_it = self.state.load();
        let costs = (before_it.partitions.len(), state.partitions.len());
        let burst_secs = self.model.burst_secs;
        let one = |old: Option<&Arc<Bucket>>, units: u64| {
            let rate = i64::try_from(units).unwrap_or(i64::MAX);
            let begin = if self.model.starts_full { i64::MAX } else { Bucket::second_of(rate) };
            Arc::new(match old {
                Some(old) => old.with_costs(rate, burst_secs, costs, now_millis),
                None => Bucket::new(rate, burst_secs, begin, now_millis),
            })
        };
        let keeps = before.is_none_or(|before| !before.is_on_demand());
        // Each part of a partition that was cut begins with the share of the whole.
        let share = |partition: &Arc<VirtualPartition>| {
            let old = before_it.shares.get(before_it.locate(partition.start.as_position())).filter(|_| keeps);
            [one(old.map(|shares| &shares[0]), read_units), one(old.map(|shares| &shares[1]), write_units)]
        };
        state.shares = state.partitions.iter().map(share).collect();
    }

    /// What can be seen of it.
    pub fn report(&self, index: Option<String>, now_millis: u64) -> ResourceReport {
        self.catch_up(now_millis);
        let state = self.state.load();
        self.take_back(&state);
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
            let used = |side: usize| units(partition.sides[side].done());
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

/// When a second has ended; at the end of time none does.
fn end_of(sec: u64) -> u64 {
    sec.saturating_add(1).saturating_mul(1_000)
}

#[expect(clippy::cast_precision_loss, reason = "tokens are far below 2^53")]
fn units(tokens: i64) -> f64 {
    tokens as f64 / TOKENS_PER_UNIT as f64
}
