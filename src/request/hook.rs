//! What a program may do around each request: reject it, count it, measure it.

use super::{
    any::{RequestRef, ResponseRef},
    cached::CacheAccess,
    caller::Caller,
    explain::Plans,
};
use crate::{
    capacity::Consumed,
    error::{Error, Result},
    faults::Faults,
    ledger::Recorder,
    schema::TableDefinition,
};
use std::{fmt, sync::Arc};

/// Sees each request of a database, before and after it is carried out; see
/// [`OpenOptions::hook`](crate::OpenOptions::hook). It is called on the thread of the request.
///
/// ```
/// use hashrange::{Database, Error, Item, Result, key::S, request::{Call, Completion, Hook, RequestRef}};
/// use std::sync::{Arc, atomic::{AtomicUsize, Ordering}};
///
/// #[derive(Default)]
/// struct NoScans {
///     requests: AtomicUsize,
/// }
/// impl Hook for NoScans {
///     fn before(&self, call: &Call<'_>) -> Result<()> {
///         match call.request {
///             RequestRef::Scan(_) => Err(Error::validation("scans are switched off")),
///             _ => Ok(()),
///         }
///     }
///     fn after(&self, _: &Call<'_>, _: &Completion<'_>) {
///         self.requests.fetch_add(1, Ordering::Relaxed);
///     }
/// }
///
/// # fn main() -> Result<()> {
/// let hook = Arc::new(NoScans::default());
/// let db = Database::options().hook(hook.clone()).in_memory()?;
/// let stock = db.create_table("stock").hash::<S>("sku").create()?;
/// stock.put(&Item::new().with("sku", "bolt"))?;
/// assert_eq!(stock.query("bolt").count()?, 1);
/// assert!(stock.scan().page().is_err());
/// assert_eq!(hook.requests.load(Ordering::Relaxed), 3);
/// # Ok(())
/// # }
/// ```
pub trait Hook: Send + Sync {
    /// Whether it wants to see no request at the moment, which saves the work of showing them. Default false.
    fn is_idle(&self) -> bool {
        false
    }
    /// The request is about to be carried out. An error rejects it, and becomes its result.
    fn before(&self, call: &Call<'_>) -> Result<()> {
        let _ = call;
        Ok(())
    }
    /// The request has been carried out or rejected.
    fn after(&self, call: &Call<'_>, completion: &Completion<'_>);
}

/// A request and the tables that it is about.
#[derive(Debug)]
#[non_exhaustive]
pub struct Call<'a> {
    /// The request.
    pub request: RequestRef<'a>,
    /// Definitions of its tables, each once, in the order in which the request names them. A table that does not exist is
    /// not among them; the request is rejected then without a call of [`Hook::before`].
    pub tables: &'a [Arc<TableDefinition>],
}

/// What became of a request.
#[derive(Debug)]
#[non_exhaustive]
pub struct Completion<'a> {
    /// The response, or the error.
    pub result: std::result::Result<ResponseRef<'a>, &'a Error>,
    /// Capacity that was consumed, by name of the table; none for an error.
    pub consumed: &'a [(&'a str, &'a Consumed)],
}

/// Lets requests of one region agree with those of others, where tables have replicas that must.
pub(crate) trait Coordination: Send + Sync {
    /// The request is about to be carried out. An error rejects it. What is returned is held meanwhile. `is_in_transaction` tells a
    /// read of a transaction that runs as a closure.
    fn begin<'a>(&'a self, call: &Call<'_>, is_in_transaction: bool) -> Result<Option<Box<dyn Coordinated + 'a>>>;
}

/// A request that is being carried out, and that requests of other regions wait for.
pub(crate) trait Coordinated {
    /// It was carried out, or failed. An error becomes the answer of what was carried out.
    fn finish(self: Box<Self>, has_succeeded: bool) -> Result<()>;
}

/// Two hooks, of which the first sees a request first, before and after.
struct Both(Arc<dyn Hook>, Arc<dyn Hook>);

impl Hook for Both {
    fn is_idle(&self) -> bool {
        self.0.is_idle() && self.1.is_idle()
    }
    fn before(&self, call: &Call<'_>) -> Result<()> {
        self.0.before(call)?;
        self.1.before(call)
    }
    fn after(&self, call: &Call<'_>, completion: &Completion<'_>) {
        self.0.after(call, completion);
        self.1.after(call, completion);
    }
}

/// What the requests of a handle pass through: the hook of the database, if it has one; the principal on whose behalf the handle
/// sends them, if policies decide on them; faults that they meet, if a model wants any. A handle that keeps the database open has its share of it here too.
#[derive(Clone, Default)]
pub struct Hooks {
    /// `None` where requests pass through nothing, so that they look at one place and each handle is small.
    set: Option<Arc<HookSet>>,
    _keeper: Option<Keeper>,
}

#[derive(Clone, Default)]
struct HookSet {
    hook: Option<Arc<dyn Hook>>,
    /// What moves throughput with what is consumed.
    scaling: Option<Arc<dyn Hook>>,
    caller: Option<Arc<Caller>>,
    /// Where what requests consume is noted.
    recorder: Option<Arc<Recorder>>,
    /// Number of the tag under which it is.
    tag: u32,
    /// The operation that it is, where that is not the request's own: a statement's.
    operation: Option<&'static str>,
    /// Where plans are kept of requests that are not carried out.
    plans: Option<Plans>,
    faults: Option<Arc<Faults>>,
    /// The cache that is in front of the database.
    cache: Option<CacheAccess>,
    /// What its region agrees on with others.
    coordination: Option<Arc<dyn Coordination>>,
}

impl HookSet {
    /// Whether requests pass through nothing. Tag and operation are of no use without a recorder.
    fn is_empty(&self) -> bool {
        let Self { hook, scaling, caller, recorder, tag: _, operation: _, plans, faults, cache, coordination } = self;
        let has_hook = hook.is_some() || scaling.is_some() || coordination.is_some();
        !(has_hook || caller.is_some() || recorder.is_some() || plans.is_some() || faults.is_some() || cache.is_some())
    }
}

/// A share of an open database: the last one that goes closes it.
pub(crate) type Keeper = Arc<dyn Send + Sync>;

impl Hooks {
    /// The same, but for one thing.
    fn changed(&self, change: impl FnOnce(&mut HookSet)) -> Self {
        let mut set = self.set.as_deref().cloned().unwrap_or_default();
        change(&mut set);
        Self { set: (!set.is_empty()).then(|| Arc::new(set)), _keeper: self._keeper.clone() }
    }
    /// The same, and this hook behind those that are there.
    pub(crate) fn and(self, hook: Arc<dyn Hook>) -> Self {
        self.changed(|set| {
            set.hook = Some(match set.hook.take() {
                Some(first) => Arc::new(Both(first, hook)),
                None => hook,
            });
        })
    }
    /// The hooks that want to see requests now.
    pub(super) fn busy(&self) -> impl Iterator<Item = &dyn Hook> {
        let hooks = self.set.iter().flat_map(|set| [set.scaling.as_deref(), set.hook.as_deref()]);
        hooks.flatten().filter(|hook| !hook.is_idle())
    }
    /// The same, for a database whose throughput follows what is consumed.
    pub(crate) fn with_scaling(&self, scaling: Option<Arc<dyn Hook>>) -> Self {
        self.changed(|set| set.scaling = scaling)
    }
    /// The same, for requests that meet these faults.
    pub(crate) fn with_faults(&self, faults: Option<Arc<Faults>>) -> Self {
        self.changed(|set| set.faults = faults)
    }
    /// Faults that requests meet, if they can meet any.
    pub(crate) fn faults(&self) -> Option<&Arc<Faults>> {
        self.set.as_ref()?.faults.as_ref()
    }
    /// The same, for requests that a cache may answer.
    pub(crate) fn with_cache(&self, cache: Option<CacheAccess>) -> Self {
        self.changed(|set| set.cache = cache)
    }
    /// The cache that may answer requests, if there is one.
    pub(super) fn cache(&self) -> Option<&CacheAccess> {
        self.set.as_ref()?.cache.as_ref()
    }
    /// The same, where no policy decides on requests, and they are neither noted nor planned.
    #[inline]
    pub(super) fn cache_alone(&self) -> Option<&CacheAccess> {
        let HookSet { caller, recorder, plans, cache, .. } = self.set.as_deref()?;
        let is_alone = caller.is_none() && recorder.is_none() && plans.is_none();
        cache.as_ref().filter(|_| is_alone)
    }
    /// The same, for requests that agree with those of other regions.
    pub(crate) fn coordinated(&self, coordination: Arc<dyn Coordination>) -> Self {
        self.changed(|set| set.coordination = Some(coordination))
    }
    /// What requests of the region agree on with others, if they do.
    pub(super) fn coordination(&self) -> Option<&dyn Coordination> {
        self.set.as_ref()?.coordination.as_deref()
    }
    /// The same, for a handle that keeps the database open.
    pub(crate) fn keeping(&self, keeper: Keeper) -> Self {
        Self { _keeper: Some(keeper), ..self.clone() }
    }
    /// The same, for a handle that does not.
    pub(crate) fn without_keeper(self) -> Self {
        Self { _keeper: None, ..self }
    }
    /// The same, with the principal on whose requests policies decide.
    pub(crate) fn as_caller(&self, caller: Arc<Caller>) -> Self {
        self.changed(|set| set.caller = Some(caller))
    }
    /// The same, for requests that policies have already allowed.
    pub(crate) fn decided(&self) -> Self {
        self.changed(|set| set.caller = None)
    }
    /// The principal on whose requests policies decide; `None` if no policy does.
    pub(crate) fn caller(&self) -> Option<&Caller> {
        self.set.as_ref()?.caller.as_deref()
    }
    /// The same, with a place where what requests consume is noted.
    pub(crate) fn noting(self, recorder: Option<Arc<Recorder>>) -> Self {
        self.changed(|set| set.recorder = recorder)
    }
    /// The same, with a tag under which it is noted.
    pub(crate) fn tagged(&self, tag: &str) -> Self {
        self.changed(|set| set.tag = set.recorder.as_ref().map_or(0, |recorder| recorder.tag(tag)))
    }
    /// The same, for requests that are noted as those of another operation, where they are noted.
    pub(crate) fn noted_as(&self, operation: &'static str) -> Self {
        if self.recorder().is_none() {
            return self.clone();
        }
        self.changed(|set| set.operation = Some(operation))
    }
    /// Where what requests consume is noted.
    pub(crate) fn recorder(&self) -> Option<&Recorder> {
        self.set.as_ref()?.recorder.as_deref()
    }
    /// The same, for requests that are planned and not carried out.
    pub(crate) fn planning(&self, plans: Plans) -> Self {
        self.changed(|set| set.plans = Some(plans))
    }
    /// Where plans are kept of requests that are not carried out.
    pub(super) fn plans(&self) -> Option<&Plans> {
        self.set.as_ref()?.plans.as_ref()
    }
    /// Number of the tag under which it is noted.
    pub(super) fn tag(&self) -> u32 {
        self.set.as_ref().map_or(0, |set| set.tag)
    }
    /// The operation that requests are noted as, where that is not their own.
    pub(super) fn operation(&self) -> Option<&'static str> {
        self.set.as_ref()?.operation
    }
    /// Whether a hook sees requests, policies decide on them, they meet faults, or they are noted or only planned.
    #[inline]
    pub(crate) fn is_some(&self) -> bool {
        self.set.is_some()
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_some() { "Hooks(some)" } else { "Hooks(none)" })
    }
}
