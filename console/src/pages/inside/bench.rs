//! The workbench: a copy of the database on a simulated machine, to follow a write, do background work and cut the power.

use super::{drawing, figures, followed, recovery};
use crate::{
    answer::{self, Answer},
    api::{bench, inside},
    context::Context,
    pages::layout::{self, Section},
    refusal::Refusal,
    request::Request,
};
use hashrange::Database;
use maud::{Markup, html};

/// What the buttons of the workbench do: action, and text.
const ACTIONS: [(&str, &str); 6] = [
    ("sync", "Sync the log"),
    ("flush", "Flush"),
    ("compact", "Compact"),
    ("split", "Split"),
    ("trim", "Trim the log"),
    ("sweep", "Delete expired items"),
];

/// Answers `/console/inside/bench` and what is below it.
pub(super) fn respond(context: &Context, request: &Request, path: &[&str]) -> Result<Answer, Refusal> {
    match (request.is_read(), path) {
        (true, []) => Ok(layout::page(context, Section::Inside, "Workbench", begin(context))),
        (false, []) => {
            let begun = bench::begin(context, request.parameter("from") != Some("empty"))?;
            Ok(answer::see_other(&format!("/console/inside/bench/{}", begun.bench)))
        }
        (true, [id]) => {
            let lab = context.benches.find(id)?;
            let lab = lab.lock();
            let content = html! {
                (layout::inside_assets())
                (forms(id))
                div #answer aria-live="polite" {}
                div #picture { (picture(lab.database())?) }
            };
            Ok(layout::page(context, Section::Inside, "Workbench", content))
        }
        (false, [id, "run"]) => {
            let found = bench::run(context, request, id)?;
            let lab = context.benches.find(id)?;
            let lab = lab.lock();
            Ok(answer::html(html! {
                h2 { "Answer" }
                (followed::answer(&found))
                div #picture hx-swap-oob="innerHTML" { (picture(lab.database())?) }
            }))
        }
        (_, [_] | [_, "run"]) => Err(Refusal::method()),
        _ => Err(Refusal::not_found("the workbench has no such page")),
    }
}

fn begin(context: &Context) -> Markup {
    let tables = context.db.list_tables();
    html! {
        (layout::inside_assets())
        p { a href="/console/inside" { "Inside" } }
        p.hint {
            "A workbench is a database on a " strong { "simulated machine" } ". Nothing you do there changes this database. "
            "You can follow a write from its request to the disk, do background work step by step, and really cut the power: "
            "the simulated disk forgets what was not synced, as a real one does."
        }
        form.row hx-post="/console/inside/bench" {
            @if !tables.is_empty() { button.main type="submit" name="from" value="copy" { "Begin with a copy of this database" } }
            button type="submit" name="from" value="empty" { "Begin with an empty database" }
        }
    }
}

fn forms(id: &str) -> Markup {
    let run = format!("/console/inside/bench/{id}/run");
    html! {
        p { a href="/console/inside" { "Inside" } " › " a href="/console/inside/bench" { "begin another one" } }
        form.bench hx-post=(run) hx-target="#answer" {
            label for="text" { "A statement, or the JSON of a request" }
            textarea.short #text name="text" required spellcheck="false" { "INSERT INTO \"orders\" VALUE {'id': 'order 1', 'total': 10}" }
            div.row {
                label for="kind" { "It is" }
                div { select #kind name="kind" { option value="sql" { "PartiQL" } option value="json" { "JSON of the operation" } } }
                div { input name="operation" aria-label="Operation, such as PutItem" placeholder="PutItem" value="PutItem"; }
                label.check { input type="checkbox" name="followed" value="yes"; "follow it, with crashes" }
                button.main type="submit" { "Run" }
            }
        }
        div.row {
            @for (action, text) in ACTIONS {
                form hx-post=(run) hx-target="#answer" {
                    input type="hidden" name="kind" value="do";
                    button type="submit" name="text" value=(action) { (text) }
                }
            }
            form.row hx-post=(run) hx-target="#answer" {
                input type="hidden" name="kind" value="do";
                @for seed in 1..=3 {
                    button.danger type="submit" name="text" value=(format!("cut power {seed}")) { "Cut the power (" (seed) ")" }
                }
            }
        }
        p.quiet { "The number of a power cut chooses what the disk kept of the bytes that were not synced: one of the states that are possible." }
    }
}

/// What a database is made of, without links.
pub(crate) fn picture(db: &Database) -> Result<Markup, Refusal> {
    let inside = inside::of(db, true)?;
    let rings = drawing::rings(&inside.facts.partitions);
    Ok(html! {
        h2 { "Inside now" }
        (figures(&inside.amplification))
        @if rings.is_empty() { p { "There is no table yet." } }
        @for ring in &rings {
            div.ringed {
                (drawing::ring(ring, &|_| None))
                div {
                    h3 { "Table " (ring.table) @if let Some(index) = ring.index { ", global index " (index) } }
                    @for part in &ring.partitions { div.wide tabindex="0" role="region" aria-label=(format!("Partition {}", part.partition.id)) { (drawing::partition(part)) } }
                }
            }
        }
        h3 { "The log" }
        div.wide tabindex="0" role="region" aria-label="Drawing of the log" { (drawing::log(&inside.facts.log)) }
        h3 { "The last opening" }
        (recovery(&inside.recovery))
    })
}
