//! Requests recorded, and replayed on other designs.

use super::{
    format,
    layout::{self, Section},
};
use crate::{
    answer::{self, Answer},
    api::{
        replay::{self, Comparison, Outcome, Recording},
        tables,
    },
    context::Context,
    refusal::Refusal,
    request::Request,
};
use maud::{Markup, html};
use serde_json::json;

/// Answers `/console/replay`.
pub(super) fn respond(context: &Context, request: &Request) -> Result<Answer, Refusal> {
    if !request.is_read() {
        return Ok(answer::html(match request.parameter("do") {
            Some("compare") => comparison(context, &replay::compare(context, request.required("designs")?)?),
            _ => controls(&replay::control(context, request)?),
        }));
    }
    let Some(recording) = replay::recording(context) else {
        return Ok(layout::page(
            context,
            Section::Replay,
            "Record and replay",
            html! {
                p { "This database was opened without a recorder." }
            },
        ));
    };
    if request.flag("part") {
        return Ok(answer::html(controls(&recording)));
    }
    Ok(layout::page(
        context,
        Section::Replay,
        "Record and replay",
        html! {
            p { "Record the requests of a while, then try them on other designs: other keys, other indexes, other throughput. A replay asks the model of capacity and touches no data." }
            h2 { "1. Record" }
            div #recording hx-get="/console/replay?part=1" hx-trigger="every 2s" { (controls(&recording)) }
            h2 { "2. Compare designs" }
            form hx-post="/console/replay" hx-target="#comparison" {
                input type="hidden" name="do" value="compare";
                label { "Designs" textarea name="designs" spellcheck="false" { (example(context)?) } }
                div.row { button.main { "Replay and compare" } }
            }
            p.quiet { "In a template, " code { "{name}" } " is an attribute of the key, " code { "{shard:8}" } " one of eight shards. A read of a sharded key reads every shard." }
            div #comparison aria-live="polite" {}
        },
    ))
}

fn controls(recording: &Recording) -> Markup {
    html! {
        div.row {
            @if recording.is_recording {
                button hx-post="/console/replay" hx-vals=r#"{"do":"stop"}"# hx-target="#recording" { "Stop recording" }
                p role="status" { "Recording: " (format::count(recording.accesses)) " accesses" }
            } @else {
                button hx-post="/console/replay" hx-vals=r#"{"do":"start"}"# hx-target="#recording" { "Start recording" }
                p role="status" { "Not recording; " (format::count(recording.accesses)) " accesses are recorded" }
            }
            @if recording.dropped > 0 { p.warn { (format::count(recording.dropped)) " did not fit" } }
        }
    }
}

/// Two designs of the first table: as it is, and with its partition key spread over shards.
fn example(context: &Context) -> Result<String, Refusal> {
    let mut designs = vec![json!({"name": "as recorded"})];
    if let Some(name) = context.db.list_tables().first() {
        let table = tables::one(&context.db, name)?;
        let key = format!("{{{}}}#{{shard:8}}", table.partition_key.name);
        designs.push(json!({"name": "eight shards", "tables": {name.clone(): {"partition_key": key}}}));
    }
    Ok(serde_json::to_string_pretty(&json!({ "designs": designs })).unwrap_or_default())
}

/// A row of the comparison: its name, and what it says of a design.
type Row = (&'static str, fn(&Outcome) -> String);

const ROWS: [Row; 8] = [
    ("Accesses", |design| format::count(design.accesses)),
    ("Read units", |design| format!("{:.1}", design.read_units)),
    ("Write units", |design| format!("{:.1}", design.write_units)),
    ("Throttled attempts", |design| format::count(design.throttled)),
    ("Failed", |design| format::count(design.failed)),
    ("Median latency", |design| format!("{} ms", design.p50_millis)),
    ("99th percentile", |design| format!("{} ms", design.p99_millis)),
    ("Partitions", |design| design.partitions.to_string()),
];

fn comparison(context: &Context, comparison: &Comparison) -> Markup {
    html! {
        p.said role="status" { (format::count(comparison.accesses)) " accesses of " (comparison.millis / 1_000) " s were replayed." }
        div.wide tabindex="0" role="region" aria-label="Designs side by side" {
            table {
                thead { tr { th { "Design" } @for design in &comparison.designs { th.n { (design.name) } } } }
                tbody {
                    @for (name, value) in ROWS { tr { th scope="row" { (name) } @for design in &comparison.designs { td.n { (value(design)) } } } }
                    @if let Some(prices) = &context.options.prices {
                        tr { th scope="row" { (prices.currency) " on demand" } @for design in &comparison.designs { td.n { (design.nanos.map(format::amount).unwrap_or_default()) } } }
                    }
                    tr { th scope="row" { "Hottest keys" } @for design in &comparison.designs {
                        td.key { @for (table, key, units) in &design.hot_keys { div { (table) " " (key) ": " (format!("{units:.0}")) } } }
                    } }
                }
            }
        }
    }
}
