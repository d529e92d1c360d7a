//! Who executes a request, and whether policies allow it.
//!
//! A handle of a principal has a [`Caller`]. Before a request is carried out, and before its tables are looked at, the caller
//! decides on everything that the request asks for; one rejected part rejects the whole request.

use super::{any::RequestRef, asks::Asks};
use crate::{
    access::{
        Action, ArnScope, Ask, Decision, Environment, Explanation, Ground, Policy, Principal, Tested, decide_at,
        explain_at,
    },
    engine::Engine,
    error::{Error, Result},
    schema::{ResourcePolicy, TableDefinition},
    sync::Mutex,
};
use std::{
    borrow::Cow,
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// A principal that executes requests, and from where.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub principal: Arc<Principal>,
    /// What the ARNs of the database begin with.
    pub scope: Arc<ArnScope>,
    /// Without the time, which each decision takes from the database's clock.
    pub environment: Environment,
    /// Whether tags of tables are seen by conditions.
    pub tags_count: bool,
    /// Whether rejections name the policy that denies.
    pub names_policies: bool,
    /// What is told of a rejection, instead of rejecting.
    pub report: Option<Report>,
    policies: Arc<ResourcePolicies>,
    /// Asks that were allowed, also those of copies of this caller.
    allowed: Arc<AtomicU64>,
}

/// What is told of a rejection.
#[derive(Clone)]
pub(crate) struct Report(pub Arc<dyn Fn(&Error) + Send + Sync>);

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Report")
    }
}

/// The policies of tables and streams, compiled when they are first needed.
#[derive(Debug, Default)]
pub(crate) struct ResourcePolicies {
    /// By table and by whether it is the stream's.
    compiled: Mutex<HashMap<(u32, bool), Compiled>>,
}

/// A policy that was compiled.
#[derive(Debug)]
struct Compiled {
    /// What it was compiled from. A revision is no proof of it: one that comes after a deletion may have the same time.
    document: String,
    /// `None` if it cannot be understood.
    policy: Option<Arc<Policy>>,
}

/// Most policies that are kept compiled; with more they are compiled anew.
const MAX_COMPILED: usize = 10_000;

impl ResourcePolicies {
    /// The policy of a table or of its stream. Errors: it cannot be understood.
    fn get(&self, table: u32, is_stream: bool, policy: &ResourcePolicy) -> std::result::Result<Arc<Policy>, ()> {
        let key = (table, is_stream);
        if let Some(known) = self.compiled.lock().get(&key)
            && known.document == policy.document
        {
            return known.policy.clone().ok_or(());
        }
        let compiled = Policy::parse_of_resource(&policy.document).ok().map(Arc::new);
        let mut known = self.compiled.lock();
        if known.len() >= MAX_COMPILED {
            known.clear();
        }
        known.insert(key, Compiled { document: policy.document.clone(), policy: compiled.clone() });
        compiled.ok_or(())
    }
}

impl Caller {
    /// This principal, with the ARNs and the surroundings that are usual.
    pub fn new(principal: Arc<Principal>, policies: Arc<ResourcePolicies>) -> Self {
        let (scope, environment) = (Arc::default(), Environment::default());
        let (tags_count, names_policies, report, allowed) = (true, false, None, Arc::default());
        Self { principal, scope, environment, tags_count, names_policies, report, policies, allowed }
    }

    /// What a request about a table has to find out for policies.
    pub fn tested(&self, table: &TableDefinition) -> Tested {
        match table.settings.policy {
            // It is compiled when it is asked, which a request with nothing to find out would not have to wait for.
            Some(_) => Tested::ALL,
            None => self.principal.tested(),
        }
    }

    /// How many asks were allowed.
    pub fn allowed(&self) -> u64 {
        self.allowed.load(Ordering::Relaxed)
    }

    /// Decides on everything that a request asks for.
    ///
    /// Errors: kind [`Denied`](crate::ErrorKind::Denied) for the first part that is rejected.
    pub fn authorize(&self, engine: &Engine, request: RequestRef<'_>) -> Result<()> {
        Asks::of(self, engine, request).iter().try_for_each(|(ask, table)| self.decide(engine, ask, table.as_deref()))
    }

    /// Decides on one ask about a table, if there is such a table.
    pub fn decide(&self, engine: &Engine, ask: &Ask<'_>, table: Option<&TableDefinition>) -> Result<()> {
        let decision = match self.of_resource(ask, table) {
            Ok(policy) => {
                let policy = policy.as_deref();
                let tested = policy.map_or(Tested::default(), Policy::tested) | self.principal.tested();
                let now_millis = if tested.includes(Tested::TIME) { now_millis(engine) } else { 0 };
                let ask = self.with_tags(ask, table, tested);
                decide_at(&self.principal, &self.environment, now_millis, &ask, policy)
            }
            Err(()) => Decision { ground: Ground::Unreadable },
        };
        if decision.is_allowed() {
            self.allowed.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        self.refuse(decision, ask)
    }

    #[cold]
    fn refuse(&self, decision: Decision, ask: &Ask<'_>) -> Result<()> {
        let Some(mut text) = decision.refusal(&self.principal, ask) else { return Ok(()) };
        if self.names_policies
            && let Some(policy) = decision.denying_policy(&self.principal)
        {
            text = format!("{text}: {policy}");
        }
        let (action, resource) = (ask.action.to_string(), ask.resource.as_str());
        let error = Error::access_denied(text, self.principal.arn(), action, resource);
        let Some(Report(report)) = &self.report else { return Err(error) };
        self.allowed.fetch_add(1, Ordering::Relaxed);
        report(&error);
        Ok(())
    }

    /// The ask with the tags of its table, where a policy tests them.
    fn with_tags<'k, 'a>(&self, ask: &'k Ask<'a>, table: Option<&TableDefinition>, tested: Tested) -> Cow<'k, Ask<'a>> {
        let tags = table.map_or(&[][..], |table| &table.tags);
        // A table that is to be created has no tags yet, even if another one has its name.
        let is_new = ask.action == Action::CreateTable;
        if !tested.includes(Tested::RESOURCE_TAGS) || !self.tags_count || is_new || tags.is_empty() {
            return Cow::Borrowed(ask);
        }
        let mut ask = ask.clone();
        ask.resource_tags.extend_from_slice(tags);
        Cow::Owned(ask)
    }

    /// Whether an ask is allowed if its resource has this policy.
    pub fn would_allow(&self, engine: &Engine, ask: &Ask<'_>, of_resource: &Policy) -> bool {
        let (principal, environment) = (&self.principal, &self.environment);
        decide_at(principal, environment, now_millis(engine), ask, Some(of_resource)).is_allowed()
    }

    /// The decisions on everything that a request asks for, with their reasons.
    pub fn explain(&self, engine: &Engine, request: RequestRef<'_>) -> Vec<Explanation> {
        let now_millis = now_millis(engine);
        let asks = Asks::of(self, engine, request);
        let explained = asks.iter().map(|(ask, table)| {
            let policy = self.of_resource(ask, table.as_deref()).unwrap_or_default();
            let ask = self.with_tags(ask, table.as_deref(), Tested::ALL);
            explain_at(&self.principal, &self.environment, now_millis, &ask, policy.as_deref())
        });
        explained.collect()
    }

    /// The policy of the table or stream that an ask is about. Errors: it cannot be understood.
    fn of_resource(
        &self,
        ask: &Ask<'_>,
        table: Option<&TableDefinition>,
    ) -> std::result::Result<Option<Arc<Policy>>, ()> {
        let Some(table) = table else { return Ok(None) };
        let settings = &table.settings;
        if settings.policy.is_none() && settings.stream_policy.is_none() {
            return Ok(None);
        }
        let is_stream = ask.resource.resource().contains("/stream/");
        let policy = if is_stream { &settings.stream_policy } else { &settings.policy };
        policy.as_ref().map(|policy| self.policies.get(table.id, is_stream, policy)).transpose()
    }
}

fn now_millis(engine: &Engine) -> u64 {
    engine.options().clock.now_millis()
}
