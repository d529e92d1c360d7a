//! The values that pages show and programs read: the JSON API under `/console/api/`.
//!
//! Each file has the values of one subject, which are made from the engine's public API and serialise to JSON, and the
//! addresses under which they are served. The pages are made from the same values. `docs/console.md` documents the addresses.
//!
//! Imports: lessons, options, refusal, request, answer, pause, context.

pub(crate) mod bench;
pub(crate) mod costs;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod heat;
pub(crate) mod history;
pub(crate) mod import;
pub(crate) mod inside;
pub(crate) mod items;
pub(crate) mod keys;
pub(crate) mod lessons;
pub(crate) mod moment;
pub(crate) mod over_time;
pub(crate) mod pages;
pub(crate) mod read;
pub(crate) mod replay;
pub(crate) mod settings;
pub(crate) mod sizes;
pub(crate) mod spell;
pub(crate) mod streams;
pub(crate) mod tables;
pub(crate) mod value;

use crate::{answer::Answer, context::Context, refusal::Refusal, request::Request};

/// Answers a request under `/console/api/`; `path` is what follows.
pub(crate) fn respond(context: &Context, request: &Request, path: &[&str]) -> Result<Answer, Refusal> {
    match path {
        ["tables", rest @ ..] => tables::respond(context, request, rest),
        ["costs", what @ ("over-time" | "keys")] | [what @ ("costs" | "throttles" | "minutes")] => {
            costs::respond(context, request, what)
        }
        ["heat", table] => heat::respond(context, request, table),
        ["heat", table, "sizes"] => sizes::respond(context, request, table),
        ["explain"] => explain::respond(context, request),
        ["recording"] => replay::respond(context, request, false),
        ["replay"] => replay::respond(context, request, true),
        ["inside", rest @ ..] => inside::respond(context, request, rest),
        ["bench", rest @ ..] => bench::respond(context, request, rest),
        ["lessons", rest @ ..] => lessons::respond(context, request, rest),
        _ => Err(Refusal::not_found("the API has no such address; docs/console.md lists them")),
    }
}
