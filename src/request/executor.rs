//! The door: every read and write of items goes through [`Executor::execute`].

use super::{
    any::{RequestRef, ResponseRef},
    cached::{Behind, CacheAccess},
    caller::Caller,
    faulted,
    hook::{Call, Completion, Hook, Hooks},
    table_ref::TableRef,
};
use crate::{
    access::Explanation,
    capacity::Consumed,
    engine::{Engine, WriteOptions},
    error::{Error, Result},
    faults::Faults,
    ledger::{Ending, Recorder, RequestLabel},
};
use smallvec::SmallVec;

/// A request: one of DynamoDB's operations on items. Only the types of this module are requests.
pub trait Request: sealed::Run {}

/// The response to a request. Only the types of this module are responses.
pub trait Response {
    /// The response, as one of all kinds.
    fn as_response(&self) -> ResponseRef<'_>;
    /// Capacity that was consumed, by position of the table among [`Call::tables`](super::Call::tables).
    fn consumed_by_table(&self) -> Vec<(usize, Consumed)>;
}

pub(super) mod sealed {
    use super::{Behind, Executor, RequestRef, Response, Result, TableRef};

    /// What the door does with a request.
    pub trait Run {
        /// What the request is answered with.
        type Response: Response;
        /// Carries the request out.
        fn run(&self, executor: &Executor<'_>) -> Result<Self::Response>;
        /// Carries the request out where a cache is in front of the database, of which most requests know nothing.
        fn run_cached(&self, behind: &Behind<'_>) -> Result<Self::Response> {
            behind.pass_through(self)
        }
        /// The request, as one of all kinds.
        fn as_request(&self) -> RequestRef<'_>;
        /// Whether it is a read of a transaction that runs as a closure, which the request as one of all kinds does not tell.
        fn is_in_transaction(&self) -> bool {
            false
        }
        /// The tables that it is about, each once, in the order of their first appearance.
        fn tables(&self) -> Vec<&TableRef<'_>>;
    }
}
pub(super) use sealed::Run;

/// What requests are executed on: an open database, and the hook that sees them.
#[derive(Clone, Copy)]
pub struct Executor<'a> {
    pub(super) engine: &'a Engine,
    hooks: &'a Hooks,
    /// What the request is noted as, if it is.
    pub(super) label: RequestLabel,
    /// Whether requests are carried out only up to where they would write, ask for throughput or pay.
    pub(super) is_dry_run: bool,
    /// Items of a batch that a fault throttles, by their positions.
    throttled: &'a [(usize, Error)],
}

impl std::fmt::Debug for Executor<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Executor({})", self.engine.describe())
    }
}

impl<'a> Executor<'a> {
    /// Executes on this database, with these hooks.
    #[inline]
    pub(crate) fn new(engine: &'a Engine, hooks: &'a Hooks) -> Self {
        Self { engine, hooks, label: RequestLabel { operation: "", tag: 0 }, is_dry_run: false, throttled: &[] }
    }

    /// Carries out a request. Without a hook this is one branch more than the operation itself.
    #[inline(always)]
    pub fn execute<R: Request + ?Sized>(&self, request: &R) -> Result<R::Response> {
        if self.hooks.is_some() { self.execute_seen(request) } else { request.run(self) }
    }

    /// Decides on the request where there is a caller, notes it where there is a ledger, and shows it to the hook where there
    /// is one.
    #[cold]
    #[inline(never)]
    fn execute_seen<R: Request + ?Sized>(&self, request: &R) -> Result<R::Response> {
        if let Some(plans) = self.hooks.plans() {
            self.authorize(request.as_request())?;
            let (plan, result) = self.dry_run(request)?;
            plans.lock().push(plan);
            return result;
        }
        match self.hooks.recorder() {
            None => self.execute_decided(request),
            Some(recorder) => self.execute_noted(recorder, request),
        }
    }

    fn execute_noted<R: Request + ?Sized>(&self, recorder: &Recorder, request: &R) -> Result<R::Response> {
        let operation = self.hooks.operation().unwrap_or_else(|| request.as_request().operation());
        let label = RequestLabel { operation, tag: self.hooks.tag() };
        let clock = &self.engine.options().clock;
        let began = clock.stopwatch();
        let result = Self { label, ..*self }.execute_decided(request);
        let ending = match &result {
            Ok(response) => Ending::Done { items: response.as_response().returned_items() },
            Err(error) => Ending::of(error),
        };
        let tables = request.tables();
        let numbers: SmallVec<[u32; 4]> =
            tables.iter().filter_map(|table| Some(table.resolve(self.engine).ok()?.state().definition.id)).collect();
        recorder.ended(&numbers, operation, ending, began.micros(clock), clock.coarse_millis());
        result
    }

    fn execute_decided<R: Request + ?Sized>(&self, request: &R) -> Result<R::Response> {
        self.authorize(request.as_request())?;
        match self.hooks.cache() {
            None => self.execute_behind_cache(request),
            Some(access) => request.run_cached(&Behind::new(self, access)),
        }
    }

    /// Carries out a request that was decided on, and that no cache answered.
    pub(super) fn execute_behind_cache<R: Run + ?Sized>(&self, request: &R) -> Result<R::Response> {
        let is_hooked = self.hooks.faults().is_some() || self.hooks.coordination().is_some();
        if !is_hooked && self.hooks.busy().next().is_none() {
            return request.run(self);
        }
        self.execute_hooked(request)
    }

    /// The cache that may answer, where nothing has to be decided, noted or told besides.
    #[inline]
    pub(super) fn cache_alone(&self) -> Option<&'a CacheAccess> {
        let access = self.hooks.cache_alone()?;
        (access.seen.is_none() && !self.is_dry_run).then_some(access)
    }

    /// The fault that throttles an item of a batch.
    pub(super) fn throttled_item(&self, at: usize) -> Option<&Error> {
        self.throttled.iter().find(|(known, _)| *known == at).map(|(_, error)| error)
    }

    /// The same, for requests that are carried out only up to where they would write, ask for throughput or pay.
    pub(super) fn for_dry_run(&self) -> Self {
        Self { is_dry_run: true, ..*self }
    }

    /// How the writes of a request are done.
    #[inline]
    pub(super) fn write_options(&self) -> WriteOptions {
        WriteOptions { label: self.label, is_dry_run: self.is_dry_run, ..WriteOptions::default() }
    }

    /// Whether reads of a request ask for throughput, or what they consume is noted.
    #[inline]
    pub(super) fn is_metered(&self) -> bool {
        self.engine.is_metered() && !self.is_dry_run
    }

    /// How policies would decide on a request, part by part. Empty without a principal.
    pub(crate) fn explain<R: Request + ?Sized>(&self, request: &R) -> Vec<Explanation> {
        let explain = |caller: &Caller| caller.explain(self.engine, request.as_request());
        self.hooks.caller().map(explain).unwrap_or_default()
    }

    /// Decides on a request without carrying it out. Errors: a policy does not allow it.
    pub(crate) fn authorize(&self, request: RequestRef<'_>) -> Result<()> {
        self.hooks.caller().map_or(Ok(()), |caller| caller.authorize(self.engine, request))
    }

    fn execute_hooked<R: Run + ?Sized>(&self, request: &R) -> Result<R::Response> {
        let mut tables = Vec::new();
        let mut missing: Option<Error> = None;
        for table in request.tables() {
            match table.resolve(self.engine) {
                Ok(slot) => tables.push(slot.state().definition.clone()),
                Err(error) => drop(missing.get_or_insert(error)),
            }
        }
        let call = Call { request: request.as_request(), tables: &tables };
        let mut lost = None;
        let admitted = match missing {
            Some(error) => Err(error),
            None => self.hooks.busy().try_for_each(|hook| hook.before(&call)),
        };
        // What the database keeps for itself is no request of the program whose faults these are.
        let is_own = || !tables.is_empty() && tables.iter().all(|table| table.is_internal());
        let result = admitted.and_then(|()| match self.hooks.faults().filter(|_| !is_own()) {
            None => self.run_coordinated(&call, request),
            Some(faults) => self.run_faulted(faults, &call, request, &mut lost),
        });
        self.hooks.busy().for_each(|hook| show(hook, &call, &result));
        lost.map_or(result, Err)
    }

    /// Carries a request out in its turn, where it has to wait for one.
    fn run_coordinated<R: Run + ?Sized>(&self, call: &Call<'_>, request: &R) -> Result<R::Response> {
        let Some(coordination) = self.hooks.coordination() else { return request.run(self) };
        let coordinated = coordination.begin(call, request.is_in_transaction())?;
        let result = request.run(self);
        coordinated.map_or(Ok(()), |coordinated| coordinated.finish(result.is_ok()))?;
        result
    }

    /// Carries a request out as a model of faults wants it, whose delays pass before its turn and after it; `lost` receives what
    /// the caller gets instead of the answer.
    fn run_faulted<R: Run + ?Sized>(
        &self,
        faults: &Faults,
        call: &Call<'_>,
        request: &R,
        lost: &mut Option<Error>,
    ) -> Result<R::Response> {
        let mut plan = faulted::plan(faults, call);
        if plan.lost.is_none() {
            faults.delay(&plan);
        }
        if let Some(error) = faulted::refusal(&mut plan, call) {
            return Err(error);
        }
        let result = Executor { throttled: &plan.throttled, ..*self }.run_coordinated(call, request);
        if plan.lost.is_some() {
            faults.delay(&plan);
        }
        // What fails by itself has an answer that says so.
        *lost = plan.lost.take().filter(|_| result.is_ok());
        result
    }
}

/// Shows a hook what became of a request.
fn show<R: Response>(hook: &dyn Hook, call: &Call<'_>, result: &Result<R>) {
    let consumed = result.as_ref().map_or_else(|_| Vec::new(), Response::consumed_by_table);
    let by_table = consumed.iter().filter_map(|(at, consumed)| Some((call.tables.get(*at)?.name.as_str(), consumed)));
    hook.after(
        call,
        &Completion { result: result.as_ref().map(Response::as_response), consumed: &by_table.collect::<Vec<_>>() },
    );
}
