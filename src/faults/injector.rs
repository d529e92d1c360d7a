//! The faults of an open database: a model that can be replaced, and the errors that its rules make.

use super::{
    decide::{Active, Verdict},
    model::{FaultModel, ServiceFault},
};
use crate::{
    capacity::{CapacityModel, throttled},
    clock::Clock,
    error::{Detail, Error, ErrorKind, ThrottledLimit, ThrottlingReason},
};
use arc_swap::ArcSwap;
use std::{sync::Arc, time::Duration};

/// Where a request is at, or one of its items.
#[derive(Clone, Debug)]
pub struct FaultSubject {
    /// The table.
    pub table: String,
    /// The partition key as text, if it is known.
    pub key: Option<String>,
    /// Whether something is written there.
    pub is_write: bool,
}

/// How often a rule struck; see [`Database::fault_counts`](crate::Database::fault_counts).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FaultCount {
    /// Name of the rule.
    pub rule: String,
    /// Requests that it was about, or items of batches and transactions.
    pub matched: u64,
    /// Those of them that it struck.
    pub struck: u64,
}

/// A fault of an operation that is no request for items, such as `DescribeTable`: what a front end does instead.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct OperationFault {
    /// The operation fails with this before it is carried out.
    pub failure: Option<Error>,
    /// The operation is carried out and fails with this, if it succeeded.
    pub lost: Option<Error>,
}

/// What becomes of a request.
#[derive(Debug, Default)]
pub struct Plan {
    delay: Duration,
    /// The request fails with this before it is carried out.
    pub failure: Option<Error>,
    /// The request is carried out and its answer replaced by this.
    pub lost: Option<Error>,
    /// Positions of the items of a batch or transaction that are throttled, and their errors.
    pub throttled: Vec<(usize, Error)>,
}

/// The faults of an open database.
#[derive(Debug)]
pub struct Faults {
    active: ArcSwap<Active>,
    clock: Clock,
}

impl Faults {
    /// With a model that was checked.
    pub fn new(model: FaultModel, clock: Clock) -> Self {
        Self { active: ArcSwap::from_pointee(Active::new(model)), clock }
    }
    /// Another model that was checked; counts begin anew.
    pub fn set(&self, model: FaultModel) {
        self.active.store(Arc::new(Active::new(model)));
    }
    /// How often each rule struck.
    pub fn counts(&self) -> Vec<FaultCount> {
        let active = self.active.load();
        let count = active.progress().map(|(rule, progress)| FaultCount {
            rule: rule.name.clone(),
            matched: progress.matched,
            struck: progress.struck,
        });
        count.collect()
    }
    /// Whether any rule asks for keys.
    pub fn asks_for_keys(&self) -> bool {
        self.active.load().model.rules.iter().any(|rule| rule.key_prefix.is_some())
    }
    /// Milliseconds for which a new table is being created, and for which one is being updated.
    pub fn state_millis(&self, table: &str) -> (u64, u64) {
        let active = self.active.load();
        let of_table = |names: &[String]| names.is_empty() || names.iter().any(|name| name == table);
        let states = active.model.states.iter().filter(|state| of_table(&state.tables));
        states.fold((0, 0), |(creating, updating), state| {
            (creating.max(state.creating_millis), updating.max(state.updating_millis))
        })
    }

    /// What becomes of a request; `by_item` if it consists of items that can be throttled one by one.
    pub fn plan(&self, operation: &str, places: &[FaultSubject], by_item: bool) -> Plan {
        let active = self.active.load();
        let Verdict { delay_millis, failure, throttled } = active.decide(operation, places, by_item);
        let name = |number: usize| active.model.rules.get(number).map_or("", |rule| rule.name.as_str());
        let mut plan = Plan { delay: Duration::from_millis(delay_millis), ..Plan::default() };
        if let Some((number, fault)) = failure {
            let error = error(fault, name(number), places.first());
            *(if fault == ServiceFault::AnswerLost { &mut plan.lost } else { &mut plan.failure }) = Some(error);
        }
        plan.throttled =
            throttled.into_iter().map(|(at, number, fault)| (at, error(fault, name(number), places.get(at)))).collect();
        plan
    }

    /// Lets the delay of a plan pass: a manual clock is advanced by it, otherwise the thread sleeps.
    pub fn delay(&self, plan: &Plan) {
        if plan.delay.is_zero() {
            return;
        }
        if self.clock.is_manual() {
            self.clock.advance(plan.delay);
        } else {
            std::thread::sleep(plan.delay);
        }
    }
}

fn error(fault: ServiceFault, rule: &str, place: Option<&FaultSubject>) -> Error {
    let unavailable = |code: &'static str, text: &'static str, is_carried_out: bool, has_answer: bool| {
        let rule = rule.to_owned();
        Error::new(ErrorKind::Unavailable, code, text).with_detail(Detail::Fault { rule, is_carried_out, has_answer })
    };
    let throttle = |limit: ThrottledLimit, is_on_demand: bool| {
        let (table, is_write) = place.map_or((String::new(), false), |place| (place.table.clone(), place.is_write));
        throttled(vec![ThrottlingReason::new(table, None, is_write, limit)], is_on_demand, &CapacityModel::service())
    };
    match fault {
        ServiceFault::InternalServerError => unavailable("InternalServerError", "Internal server error", false, true),
        ServiceFault::ServiceUnavailable => {
            unavailable("ServiceUnavailable", "Service is not available. Please retry.", false, true)
        }
        ServiceFault::ProvisionedThroughputExceeded => throttle(ThrottledLimit::ProvisionedThroughput, false),
        ServiceFault::Throttling => throttle(ThrottledLimit::KeyRangeThroughput, true),
        ServiceFault::RequestLimitExceeded => throttle(ThrottledLimit::AccountLimit, true),
        ServiceFault::ConnectionClosed => {
            unavailable("NoAnswer", "the connection was closed before the request", false, false)
        }
        ServiceFault::AnswerLost => {
            unavailable("NoAnswer", "the request was carried out and its answer was lost", true, false)
        }
    }
}
