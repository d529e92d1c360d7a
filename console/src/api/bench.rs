//! Workbenches: copies of the database on simulated machines, where anything can be tried and the power be cut.

use crate::{
    answer::{self, Answer},
    context::Context,
    lessons::{Lab, MOST_COPIED_BYTES, Setup, StepKind, copied_bytes},
    refusal::Refusal,
    request::Request,
};
use serde::Serialize;
use serde_json::Value;

/// A workbench.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Bench {
    /// Its number.
    pub(crate) bench: u64,
}

/// A new workbench: a copy of the database, or an empty one. Errors: the database is too large for a copy; log or disk.
pub(crate) fn begin(context: &Context, is_copy: bool) -> Result<Bench, Refusal> {
    let lab = if is_copy {
        let bytes = copied_bytes(&context.db);
        if bytes > MOST_COPIED_BYTES {
            return Err(Refusal::invalid(format!(
                "the database has {bytes} bytes; a workbench copies up to {MOST_COPIED_BYTES}. Begin with an empty one"
            )));
        }
        Lab::copy_of(&context.db)?
    } else {
        Lab::new(&Setup::default())?
    };
    Ok(Bench { bench: context.benches.begin(lab) })
}

/// How a request wants its text to be carried out: `kind` is `sql`, `json` with `operation`, or `do`. Errors: it is none of
/// them.
pub(crate) fn kind(request: &Request) -> Result<StepKind, Refusal> {
    let is_followed = request.flag("followed");
    match request.parameter("kind").unwrap_or("sql") {
        "sql" => Ok(StepKind::Statement { at: request.parameter("at").map(str::to_owned), is_followed }),
        "json" => {
            let operation = request.required("operation")?.to_owned();
            Ok(StepKind::Request { operation, times: 1, is_followed })
        }
        "do" => Ok(StepKind::Action),
        other => Err(Refusal::invalid(format!("{other} is no kind of step; there are sql, json and do"))),
    }
}

/// Carries out what a request asks for. Errors: the workbench is gone; the request is none.
pub(crate) fn run(context: &Context, request: &Request, bench: &str) -> Result<Value, Refusal> {
    let (kind, text) = (kind(request)?, request.required("text")?);
    let lab = context.benches.find(bench)?;
    let mut lab = lab.lock();
    Ok(lab.run(&kind, text))
}

/// Answers `/console/api/bench` and what is below it.
pub(crate) fn respond(context: &Context, request: &Request, path: &[&str]) -> Result<Answer, Refusal> {
    match (request.is_read(), path) {
        (false, []) => Ok(answer::json(&begin(context, request.parameter("from") != Some("empty"))?)),
        (true, [bench]) => {
            let lab = context.benches.find(bench)?;
            let lab = lab.lock();
            Ok(answer::json(&super::inside::of(lab.database(), true)?))
        }
        (false, [bench, "run"]) => Ok(answer::json(&run(context, request, bench)?)),
        (_, [] | [_] | [_, "run"]) => Err(Refusal::method()),
        _ => Err(Refusal::not_found("the API has no such address below bench; docs/inside.md lists them")),
    }
}
