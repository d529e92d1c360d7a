//! Scaling of an open database: what programs and front ends call, and how consumption reaches it.

use super::{
    decide::{Change, MINUTE_MILLIS, ScalingState, Target},
    model::{ScalableResource, ScalableTarget, ScalingActivity, ScalingPolicy},
    scheduled_action::{Planned, ScheduledAction},
    store::{self, Row},
};
use crate::{
    engine::{Engine, TableUpdate},
    error::{Error, ErrorKind, Result},
    request::{Call, Completion, Hook, RequestRef, ResponseRef},
    schema::{BillingMode, IndexKind, ProvisionedThroughput, TableDefinition, UnitPair},
};
use parking_lot::Mutex;
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Auto scaling of a database: [`Database::auto_scaling`](crate::Database::auto_scaling). Cheap to clone.
///
/// ```
/// use hashrange::{Clock, Database, Item, key::S, scaling::{ScalableResource, ScalableTarget, ScalingPolicy}};
/// use std::time::Duration;
///
/// # fn main() -> hashrange::Result<()> {
/// let clock = Clock::manual(1_800_000_000_000);
/// let db = Database::options().clock(clock.clone()).auto_scaling(true).in_memory()?;
/// let stock = db.create_table("stock").hash::<S>("sku").provisioned(5, 5).create()?;
/// let reads = ScalableResource::reads_of("stock");
/// let scaling = db.auto_scaling()?;
/// scaling.register_target(ScalableTarget::new(reads.clone(), 5, 100))?;
/// scaling.put_policy(ScalingPolicy::new("keep 70 percent", reads, 70.0))?;
///
/// // Two minutes of 300 read units each; the third is evaluated ten seconds after its end.
/// for _ in 0..2 {
///     (0..600).try_for_each(|_| stock.get("bolt").map(drop))?;
///     clock.advance(Duration::from_secs(60));
/// }
/// clock.advance(Duration::from_secs(10));
/// assert_eq!(db.describe_table("stock")?.definition.throughput.read_units_per_sec, 8);
/// assert_eq!(scaling.activities()[0].description(), "Setting read capacity units to 8.");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct AutoScaling(Arc<Shared>);

struct Shared {
    engine: Arc<Engine>,
    state: Mutex<ScalingState>,
    /// When the next evaluation is due; `u64::MAX` without targets.
    next_millis: AtomicU64,
    /// One thread at a time makes what is due.
    evaluating: Mutex<()>,
}

impl fmt::Debug for AutoScaling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AutoScaling({} targets)", self.0.state.lock().targets.len())
    }
}

impl AutoScaling {
    /// Of a database, with the targets and policies that it keeps.
    pub(crate) fn open(engine: &Arc<Engine>) -> Result<Self> {
        let now_millis = engine.options().clock.now_millis();
        let mut state = ScalingState::at(now_millis);
        for row in store::load(engine)? {
            match row {
                Row::Target(target) => {
                    state.targets.insert(target.resource.clone(), Target::new(target, now_millis));
                }
                Row::Policy(policy) => {
                    state.policies.insert((policy.resource.clone(), policy.name.clone()), policy);
                }
                Row::Action(action) => {
                    let schedule = action.check()?;
                    let name = (action.resource.clone(), action.name.clone());
                    state.actions.insert(name, Planned::new(action, schedule, now_millis));
                }
            }
        }
        let next_millis = AtomicU64::new(state.next_millis());
        let shared =
            Shared { engine: engine.clone(), state: Mutex::new(state), next_millis, evaluating: Mutex::new(()) };
        Ok(Self(Arc::new(shared)))
    }

    fn now_millis(&self) -> u64 {
        self.0.engine.options().clock.now_millis()
    }

    /// Registers a target, or changes one: its bounds, and what is suspended. If the throughput is outside of the bounds, it
    /// is brought inside at once. Errors: bounds that are none, by the name of the field; there is no such table or index.
    pub fn register_target(&self, mut target: ScalableTarget) -> Result<()> {
        target.check()?;
        let resource = target.resource.clone();
        if units_of(&self.0.engine, &resource).is_none() && !exists(&self.0.engine, &resource) {
            return Err(Error::no_table_named(resource.id()));
        }
        self.step()?;
        let now_millis = self.now_millis();
        let mut state = self.0.state.lock();
        let known = state.targets.get(&resource);
        target.created_millis = known.map_or(now_millis, |known| known.target.created_millis);
        store::put(&self.0.engine, &Row::Target(target.clone()))?;
        match state.targets.get_mut(&resource) {
            Some(known) => known.target = target,
            None => drop(state.targets.insert(resource.clone(), Target::new(target, now_millis))),
        }
        let units = units_of(&self.0.engine, &resource);
        let change =
            state.targets.get(&resource).zip(units).and_then(|(target, units)| target.within_bounds(units, now_millis));
        drop(state);
        self.schedule();
        change.into_iter().for_each(|change| self.make(change));
        Ok(())
    }

    /// Forgets a target, its policies and its scheduled actions. Errors: there is no such target.
    pub fn deregister_target(&self, resource: &ScalableResource) -> Result<()> {
        self.step()?;
        let mut state = self.0.state.lock();
        let Some(target) = state.targets.get(resource) else { return Err(no_target(resource)) };
        store::delete(&self.0.engine, &Row::Target(target.target.clone()))?;
        state.targets.remove(resource);
        let names: Vec<_> = state.policies.keys().filter(|(of, _)| of == resource).cloned().collect();
        for name in names {
            if let Some(policy) = state.policies.remove(&name) {
                store::delete(&self.0.engine, &Row::Policy(policy))?;
            }
        }
        let names: Vec<_> = state.actions.keys().filter(|(of, _)| of == resource).cloned().collect();
        for name in names {
            if let Some(planned) = state.actions.remove(&name) {
                store::delete(&self.0.engine, &Row::Action(planned.action))?;
            }
        }
        drop(state);
        self.schedule();
        Ok(())
    }

    /// All targets, also of tables that are gone.
    pub fn targets(&self) -> Vec<ScalableTarget> {
        self.0.state.lock().targets.values().map(|target| target.target.clone()).collect()
    }

    /// Puts a policy, or replaces the one of its name. Errors: a field out of range; its resource is no target.
    pub fn put_policy(&self, mut policy: ScalingPolicy) -> Result<()> {
        policy.check()?;
        self.step()?;
        let now_millis = self.now_millis();
        let mut state = self.0.state.lock();
        if !state.targets.contains_key(&policy.resource) {
            return Err(no_target(&policy.resource));
        }
        let name = (policy.resource.clone(), policy.name.clone());
        policy.created_millis = state.policies.get(&name).map_or(now_millis, |known| known.created_millis);
        store::put(&self.0.engine, &Row::Policy(policy.clone()))?;
        state.policies.insert(name, policy);
        drop(state);
        self.schedule();
        Ok(())
    }

    /// Removes a policy. Errors: there is none of this name.
    pub fn delete_policy(&self, resource: &ScalableResource, name: &str) -> Result<()> {
        self.step()?;
        let mut state = self.0.state.lock();
        let key = (resource.clone(), name.to_owned());
        let Some(policy) = state.policies.get(&key) else {
            return Err(Error::not_found(format!("there is no scaling policy {name} for {resource}")));
        };
        store::delete(&self.0.engine, &Row::Policy(policy.clone()))?;
        state.policies.remove(&key);
        drop(state);
        self.schedule();
        Ok(())
    }

    /// All policies.
    pub fn policies(&self) -> Vec<ScalingPolicy> {
        self.0.state.lock().policies.values().cloned().collect()
    }

    /// Puts a scheduled action, or replaces the one of its name. Errors: a field out of range; its resource is no target.
    pub fn put_scheduled_action(&self, mut action: ScheduledAction) -> Result<()> {
        let schedule = action.check()?;
        self.step()?;
        let now_millis = self.now_millis();
        let mut state = self.0.state.lock();
        if !state.targets.contains_key(&action.resource) {
            return Err(no_target(&action.resource));
        }
        let name = (action.resource.clone(), action.name.clone());
        action.created_millis = state.actions.get(&name).map_or(now_millis, |known| known.action.created_millis);
        store::put(&self.0.engine, &Row::Action(action.clone()))?;
        state.actions.insert(name, Planned::new(action, schedule, now_millis));
        drop(state);
        self.schedule();
        Ok(())
    }

    /// Removes a scheduled action. Errors: there is none of this name.
    pub fn delete_scheduled_action(&self, resource: &ScalableResource, name: &str) -> Result<()> {
        self.step()?;
        let mut state = self.0.state.lock();
        let key = (resource.clone(), name.to_owned());
        let Some(planned) = state.actions.get(&key) else {
            return Err(Error::not_found(format!("there is no scheduled action {name} for {resource}")));
        };
        store::delete(&self.0.engine, &Row::Action(planned.action.clone()))?;
        state.actions.remove(&key);
        drop(state);
        self.schedule();
        Ok(())
    }

    /// All scheduled actions, also those whose times are over.
    pub fn scheduled_actions(&self) -> Vec<ScheduledAction> {
        self.0.state.lock().actions.values().map(|planned| planned.action.clone()).collect()
    }

    /// Changes of throughput since the database was opened, the latest first; at most 1,000.
    pub fn activities(&self) -> Vec<ScalingActivity> {
        self.0.state.lock().activities()
    }

    /// Provisioned units of a resource now; `None` if it is on demand or not there.
    pub fn units(&self, resource: &ScalableResource) -> Option<u64> {
        units_of(&self.0.engine, resource)
    }

    /// Makes what is due. Requests and descriptions of tables do the same, so that a program calls this only to see the
    /// outcome without either. A change that is rejected is an activity, and no error. Errors: the database is closed.
    pub fn step(&self) -> Result<()> {
        self.0.engine.check_open()?;
        self.catch_up();
        Ok(())
    }

    /// Evaluates the minutes that have ended.
    pub(crate) fn catch_up(&self) {
        let now_millis = self.now_millis();
        if now_millis < self.0.next_millis.load(Ordering::Relaxed) {
            return;
        }
        let Some(_one_at_a_time) = self.0.evaluating.try_lock() else { return };
        loop {
            let mut state = self.0.state.lock();
            if let Some((action, due_millis)) = state.take_due_action(now_millis) {
                drop(state);
                self.carry_out(&action, due_millis);
                continue;
            }
            let Some(due) = state.take_due(now_millis) else { break };
            let changes = state.evaluate(due, |resource| units_of(&self.0.engine, resource));
            drop(state);
            changes.into_iter().for_each(|change| self.make(change));
        }
        self.schedule();
    }

    /// Sets the bounds that a scheduled action wants, and brings the throughput inside.
    fn carry_out(&self, action: &ScheduledAction, due_millis: u64) {
        let mut state = self.0.state.lock();
        let Some(target) = state.bounds_of(action) else { return };
        let kept = target.and_then(|target| {
            let kept = store::put(&self.0.engine, &Row::Target(target.clone()));
            kept.map(|()| target).map_err(|error| error.message().to_owned())
        });
        let target = match kept {
            Ok(target) => target,
            Err(why) => {
                let known = state.targets.get(&action.resource).map(|known| &known.target);
                let (least, most) = known.map_or((0, 0), |known| (known.min_units, known.max_units));
                let bounds = (action.min_units.unwrap_or(least), action.max_units.unwrap_or(most));
                return state.note_action(action, due_millis, bounds, Some(why));
            }
        };
        state.note_action(action, due_millis, (target.min_units, target.max_units), None);
        let change = match (state.targets.get_mut(&action.resource), units_of(&self.0.engine, &action.resource)) {
            (Some(known), Some(units)) => {
                known.target = target;
                known.within_bounds(units, due_millis)
            }
            (Some(known), None) => {
                known.target = target;
                None
            }
            (None, _) => None,
        };
        drop(state);
        change.into_iter().for_each(|change| self.make(change));
    }

    fn schedule(&self) {
        self.0.next_millis.store(self.0.state.lock().next_millis(), Ordering::Relaxed);
    }

    /// Changes throughput, and notes what became of it.
    fn make(&self, change: Change) {
        let before = units_of(&self.0.engine, &change.resource).unwrap_or(0);
        let now_millis = self.now_millis();
        let quota = self.quota(change.resource.is_write);
        let made = self
            .0
            .engine
            .update_table(&change.resource.table, |table: &TableDefinition| update(table, &change, quota, now_millis));
        self.0.state.lock().note(change, before, made.err().map(|error| error.message().to_owned()));
    }

    /// Most units a second of one table or index.
    fn quota(&self, is_write: bool) -> u64 {
        let quotas = self.0.engine.options().capacity.map(|model| model.quotas).unwrap_or_default();
        if is_write { quotas.table_write_units } else { quotas.table_read_units }
    }
}

fn no_target(resource: &ScalableResource) -> Error {
    let text = format!("there is no scalable target for {resource}; register it first");
    Error::new(ErrorKind::NotFound, "ObjectNotFoundException", text)
}

fn exists(engine: &Engine, resource: &ScalableResource) -> bool {
    let Some(slot) = engine.table(&resource.table) else { return false };
    let state = slot.state();
    let is_global = |name: &String| state.definition.index(name).is_some_and(|index| index.kind == IndexKind::Global);
    !state.definition.is_internal() && resource.index.as_ref().is_none_or(is_global)
}

/// What a resource of a table is provisioned with.
fn provisioned(table: &TableDefinition, index: Option<&str>) -> Option<ProvisionedThroughput> {
    if table.billing != BillingMode::Provisioned {
        return None;
    }
    match index {
        None => Some(table.throughput),
        Some(name) => {
            let index = table.index(name).filter(|index| index.kind == IndexKind::Global)?;
            Some(index.throughput.unwrap_or(table.throughput))
        }
    }
}

fn units_of(engine: &Engine, resource: &ScalableResource) -> Option<u64> {
    let slot = engine.table(&resource.table)?;
    let throughput = provisioned(&slot.state().definition, resource.index.as_deref())?;
    Some(if resource.is_write { throughput.write_units_per_sec } else { throughput.read_units_per_sec })
}

/// The change of a table, by the rules that changes by hand have.
fn update(table: &TableDefinition, change: &Change, quota: u64, now_millis: u64) -> Result<TableUpdate> {
    let resource = &change.resource;
    let Some(before) = provisioned(table, resource.index.as_deref()) else {
        return Err(Error::no_table_named(resource.id()));
    };
    let mut after = before;
    *(if resource.is_write { &mut after.write_units_per_sec } else { &mut after.read_units_per_sec }) = change.units;
    if change.units > quota {
        return Err(Error::limit_exceeded(format!("{} units are above the quota of {quota}", change.units)));
    }
    let mut settings = table.settings.clone();
    let index = resource.index.as_deref().map(|name| (name, settings.index(name)));
    let changes = index.as_ref().map_or(settings.throughput_changes, |(_, index)| index.throughput_changes);
    changes.check_decrease(before, after, now_millis)?;
    // What a table was once ready for it stays ready for.
    let warm = |known: UnitPair| UnitPair {
        read_units_per_sec: known.read_units_per_sec.max(Some(before.read_units_per_sec)),
        write_units_per_sec: known.write_units_per_sec.max(Some(before.write_units_per_sec)),
    };
    let mut update = TableUpdate::default();
    match index {
        None => {
            settings.warm_throughput = warm(settings.warm_throughput);
            update.throughput = Some(after);
        }
        Some((name, mut index)) => {
            index.warm_throughput = warm(index.warm_throughput);
            settings.indexes.insert(name.to_owned(), index);
            update.index_throughput.push((name.to_owned(), after));
        }
    }
    update.settings = Some(Box::new(settings));
    Ok(update)
}

/// Consumption is counted, and what is due is done before a request.
impl Hook for AutoScaling {
    fn is_idle(&self) -> bool {
        self.0.next_millis.load(Ordering::Relaxed) == u64::MAX
    }
    fn before(&self, _: &Call<'_>) -> Result<()> {
        self.catch_up();
        Ok(())
    }
    fn after(&self, call: &Call<'_>, completion: &Completion<'_>) {
        // A transaction that is sent again with its token reads.
        let is_replayed = matches!(completion.result, Ok(ResponseRef::TransactWrite(output)) if output.replayed);
        let is_write = !is_replayed
            && matches!(
                call.request,
                RequestRef::PutItem(_)
                    | RequestRef::UpdateItem(_)
                    | RequestRef::DeleteItem(_)
                    | RequestRef::BatchWriteItem(_)
                    | RequestRef::TransactWriteItems(_)
            );
        let minute = self.now_millis() / MINUTE_MILLIS;
        let mut state = self.0.state.lock();
        let is_set_back = state.heed(minute);
        for (table, consumed) in completion.consumed {
            let mut add = |index: Option<&str>, units: f64| {
                let resource =
                    ScalableResource { table: (*table).to_owned(), index: index.map(str::to_owned), is_write };
                if let Some(target) = state.targets.get_mut(&resource) {
                    target.series.add(minute, units);
                }
            };
            // What local indexes cost is the table's.
            let of_locals: f64 = consumed.local_indexes.iter().map(|(_, units)| units).sum();
            add(None, consumed.table + of_locals);
            consumed.global_indexes.iter().for_each(|(index, units)| add(Some(index), *units));
        }
        drop(state);
        if is_set_back {
            self.schedule();
        }
    }
}
