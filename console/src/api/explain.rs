//! What a request would do and cost, without doing it: a PartiQL statement, or any operation on items in DynamoDB's JSON.

use super::{read::Read, tables};
use crate::{
    answer::{self, Answer},
    context::Context,
    refusal::Refusal,
    request::Request,
};
use hashrange::request::RequestPlan;
use hashrange_wire::{ITEM_OPERATIONS, Protocol};
use http::StatusCode;
use serde::Serialize;
use serde_json::Value;

/// The plan of a request.
#[derive(Debug, Serialize)]
pub(crate) struct Plan {
    /// DynamoDB's name of the operation.
    pub(crate) operation: &'static str,
    /// What it reads or writes.
    pub(crate) accesses: Vec<Access>,
    /// Items that are evaluated; of a query or scan those of one page.
    pub(crate) items: u64,
    /// Whether there is another page behind it.
    pub(crate) has_more: bool,
    /// Units of each table and index.
    pub(crate) resources: Vec<Resource>,
    /// All units together.
    pub(crate) units: f64,
    /// How many a second like it can go on for ever; absent if nothing limits it.
    pub(crate) most_per_sec: Option<u64>,
    /// What a million of them cost on demand, in billionths of the currency; absent without prices.
    pub(crate) million_nanos: Option<u64>,
    /// Why it would be rejected.
    pub(crate) refusal: Option<String>,
    /// The plan as lines of text.
    pub(crate) text: String,
}

/// A key, or a range of keys.
#[derive(Debug, Serialize)]
pub(crate) struct Access {
    /// Name of the table.
    pub(crate) table: String,
    /// Name of the index that is read.
    pub(crate) index: Option<String>,
    /// Which keys.
    pub(crate) keys: String,
    /// Partitions that hold them.
    pub(crate) partitions: usize,
    /// Partitions that the table or index has.
    pub(crate) of_partitions: usize,
}

/// What a request consumes of a table or index.
#[derive(Debug, Serialize)]
pub(crate) struct Resource {
    /// Name of the table.
    pub(crate) table: String,
    /// Name of the index.
    pub(crate) index: Option<String>,
    /// Whether the units are of writing.
    pub(crate) is_write: bool,
    /// How many.
    pub(crate) units: f64,
}

impl Plan {
    fn of(context: &Context, plan: &RequestPlan) -> Self {
        let accesses = plan.accesses.iter().map(|access| Access {
            table: access.table.clone(),
            index: access.index.clone(),
            keys: access.keys.clone(),
            partitions: access.partitions.len(),
            of_partitions: access.of_partitions,
        });
        let resources = plan.resources.iter().map(|resource| Resource {
            table: resource.table.clone(),
            index: resource.index.clone(),
            is_write: resource.is_write,
            units: resource.units,
        });
        let prices = context.options.prices.as_ref();
        Self {
            operation: plan.operation,
            accesses: accesses.collect(),
            items: plan.items,
            has_more: plan.has_more,
            resources: resources.collect(),
            units: plan.units(),
            most_per_sec: plan.most_per_sec(),
            million_nanos: prices.map(|prices| plan.on_demand_nanos_of(prices, 1_000_000)),
            refusal: plan.refusal.as_ref().map(ToString::to_string),
            text: plan.to_string(),
        }
    }
}

/// The plan of a read.
pub(crate) fn read(context: &Context, read: &Read) -> Result<Plan, Refusal> {
    Ok(Plan::of(context, &context.db.explain(&read.request()?)?))
}

/// The plans of a PartiQL statement without parameters: one for each request that it becomes.
pub(crate) fn statement(context: &Context, text: &str) -> Result<Vec<Plan>, Refusal> {
    let plans = context.db.statement(text).dry_run()?;
    Ok(plans.iter().map(|plan| Plan::of(context, plan)).collect())
}

/// The plans of an operation with a body in DynamoDB's JSON. Errors: those that a client would get, in the same words.
pub(crate) fn operation(context: &Context, operation: &str, body: &str) -> Result<Vec<Plan>, Refusal> {
    let known = ITEM_OPERATIONS.iter().find(|known| **known == operation);
    let operation = known
        .ok_or_else(|| Refusal::invalid(format!("operation {operation:?}: only operations on items have a plan")))?;
    let dry = context.db.dry_run();
    let response =
        Protocol::new(dry.database().clone()).handle(&format!("DynamoDB_20120810.{operation}"), body.as_bytes());
    let plans = dry.plans();
    if plans.is_empty() {
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        let message = body.get("message").or_else(|| body.get("Message")).and_then(Value::as_str);
        let message = message.unwrap_or("the request was rejected").to_owned();
        return Err(Refusal { status: StatusCode::BAD_REQUEST, code: response.error.into(), message });
    }
    Ok(plans.iter().map(|plan| Plan::of(context, plan)).collect())
}

/// The plans that parameters ask for: `statement`, or `operation` and `body`.
pub(crate) fn asked(context: &Context, request: &Request) -> Result<Vec<Plan>, Refusal> {
    match request.parameter("statement") {
        Some(text) => statement(context, text),
        None => operation(context, request.required("operation")?, request.required("body")?),
    }
}

/// Answers `/console/api/explain`.
pub(crate) fn respond(context: &Context, request: &Request) -> Result<Answer, Refusal> {
    Ok(answer::json(&asked(context, request)?))
}

/// Answers `/console/api/tables/TABLE/explain`, which takes the parameters of `items`.
pub(crate) fn respond_read(context: &Context, request: &Request, table: &str) -> Result<Answer, Refusal> {
    if !request.is_read() {
        return Err(Refusal::method());
    }
    let description = tables::describe(&context.db, table)?;
    Ok(answer::json(&read(context, &Read::of(&description.definition, request)?)?))
}
