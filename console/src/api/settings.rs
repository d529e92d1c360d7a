//! Settings of a table that the console changes: time to live, stream, global indexes and their modelled lag.

use super::{tables, tables::Table};
use crate::{
    answer::{self, Answer},
    context::Context,
    refusal::Refusal,
    request::Request,
};
use hashrange::{
    Database,
    admin::{IndexSpec, TableUpdate},
    key::KeyType,
    schema::{IndexKind, KeyAttribute, Projection, StreamView},
    service::{Delay, IndexLag, StaleReplica},
};
use http::Method;
use serde::Serialize;

/// Longest modelled lag, in milliseconds: an hour.
const MAX_LAG_MILLIS: u64 = 3_600_000;

/// The modelled lag of a global index.
#[derive(Debug, Serialize)]
pub(crate) struct Lag {
    /// The index.
    pub(crate) index: String,
    /// How long changes take, in the words of the model; `None` if they arrive at once.
    pub(crate) delay: Option<String>,
    /// Changes that are on their way.
    pub(crate) pending_changes: usize,
    /// Milliseconds until the last of them arrives.
    pub(crate) longest_millis: u64,
}

/// The lag of each global index.
pub(crate) fn lags(db: &Database, table: &Table) -> Result<Vec<Lag>, Refusal> {
    let mut lags = Vec::new();
    for index in table.indexes.iter().filter(|index| !index.is_local) {
        let report = db.index_lag(&table.name, &index.name)?;
        lags.push(Lag {
            index: index.name.clone(),
            delay: report.map(|report| delay_text(report.lag.delay)),
            pending_changes: report.map_or(0, |report| report.pending_changes),
            longest_millis: report.map_or(0, |report| report.longest_millis),
        });
    }
    Ok(lags)
}

fn delay_text(delay: Delay) -> String {
    match delay {
        Delay::Fixed(millis) => format!("{millis} ms"),
        Delay::Uniform(least, most) => format!("{least} to {most} ms"),
        Delay::Exponential(mean) => format!("{mean} ms in the mean, exponential"),
        Delay::LogNormal(median, p99) => format!("{median} ms at the median, {p99} ms at the 99th percentile"),
    }
}

/// Changes what the parameter `do` says: `ttl-on` (`attribute`), `ttl-off`, `sweep`, `stream-on` (`view`), `stream-off`,
/// `add-index` (`index`, `hash`, `hash_type`, `range`, `range_type`, `projection`), `drop-index` (`index`), `lag` (`index`,
/// `millis`). Returns what was done, for people.
pub(crate) fn change(context: &Context, table: &str, request: &Request) -> Result<String, Refusal> {
    context.check_write()?;
    let db = &context.db;
    let update = |update: TableUpdate| db.update_table(table, update).map(|_| ());
    match request.required("do")? {
        "ttl-on" => {
            let attribute = request.required("attribute")?;
            db.update_ttl(table, attribute, true)?;
            Ok(format!("Items expire at the time in their attribute {attribute}."))
        }
        "ttl-off" => {
            let attribute = db.describe_ttl(table)?.attribute.unwrap_or_default();
            db.update_ttl(table, &attribute, false)?;
            Ok("Items do not expire any more.".to_owned())
        }
        "sweep" => Ok(format!("Expired items that were deleted, in all tables: {}.", db.sweep_now()?)),
        "stream-on" => {
            update(TableUpdate { stream: Some(Some(view(request.required("view")?)?)), ..TableUpdate::default() })?;
            Ok("The stream is on.".to_owned())
        }
        "stream-off" => {
            update(TableUpdate { stream: Some(None), ..TableUpdate::default() })?;
            Ok("The stream is off; its records stay readable for a day.".to_owned())
        }
        "add-index" => {
            let spec = index(request)?;
            let name = spec.name.clone();
            update(TableUpdate { create_index: Some(spec), ..TableUpdate::default() })?;
            Ok(format!("The index {name} is filled in the background."))
        }
        "drop-index" => {
            let name = request.required("index")?;
            update(TableUpdate { delete_index: Some(name.to_owned()), ..TableUpdate::default() })?;
            Ok(format!("The index {name} is removed."))
        }
        "lag" => {
            let (name, millis) = (request.required("index")?, request.number("millis", MAX_LAG_MILLIS)?.unwrap_or(0));
            let lag = IndexLag { delay: Delay::Fixed(millis), stale: StaleReplica::default(), seed: 0 };
            db.set_index_lag(table, name, (millis > 0).then_some(lag))?;
            Ok(match millis {
                0 => format!("Changes arrive in {name} at once."),
                _ => format!("Changes arrive in {name} after {millis} ms."),
            })
        }
        other => Err(Refusal::invalid(format!("do: there is no setting {other:?}"))),
    }
}

fn view(name: &str) -> Result<StreamView, Refusal> {
    let views = [StreamView::KeysOnly, StreamView::NewImage, StreamView::OldImage, StreamView::NewAndOld];
    let found = views.into_iter().find(|view| tables::view_name(*view) == name);
    found.ok_or_else(|| Refusal::invalid(format!("view: there is no view {name:?}")))
}

fn index(request: &Request) -> Result<IndexSpec, Refusal> {
    let attribute = |name: &str, kind: &str| -> Result<Option<KeyAttribute>, Refusal> {
        let Some(name) = request.parameter(name) else { return Ok(None) };
        let kinds = [KeyType::S, KeyType::N, KeyType::B];
        let wanted = request.parameter(kind).unwrap_or("S");
        let found = kinds.into_iter().find(|known| known.name() == wanted);
        let found = found.ok_or_else(|| Refusal::invalid(format!("{kind}: a key has type S, N or B")))?;
        Ok(Some(KeyAttribute::new(name, found)))
    };
    let hash =
        attribute("hash", "hash_type")?.ok_or_else(|| Refusal::invalid("the partition key of the index is missing"))?;
    let projection = match request.parameter("projection").unwrap_or("ALL") {
        "ALL" => Projection::All,
        "KEYS_ONLY" => Projection::KeysOnly,
        other => return Err(Refusal::invalid(format!("projection {other:?}: it is ALL or KEYS_ONLY"))),
    };
    Ok(IndexSpec {
        name: request.required("index")?.to_owned(),
        kind: IndexKind::Global,
        hash: vec![hash],
        range: attribute("range", "range_type")?.into_iter().collect(),
        projection,
        throughput: None,
    })
}

/// Answers `/console/api/tables/TABLE/settings` (`POST`) and `.../lag`.
pub(crate) fn respond(context: &Context, request: &Request, table: &str, is_lag: bool) -> Result<Answer, Refusal> {
    #[derive(Serialize)]
    struct Done {
        done: String,
    }
    match (request.method(), is_lag) {
        (&Method::GET, true) => Ok(answer::json(&lags(&context.db, &tables::one(&context.db, table)?)?)),
        (&Method::POST, false) => Ok(answer::json(&Done { done: change(context, table, request)? })),
        _ => Err(Refusal::method()),
    }
}
