//! Inside: the ring of tokens, partitions, the log, background work as it happens and step by step.

mod bench;
pub(crate) mod drawing;
pub(crate) mod followed;

pub(crate) use bench::picture;

use super::{
    format,
    layout::{self, Section},
};
use crate::{
    answer::{self, Answer},
    api::inside::{self, Inside, PIECES},
    context::Context,
    refusal::Refusal,
    request::Request,
};
use drawing::Ring;
use hashrange::inspect::{Amplification, RecoveryReport, TablePartitionStats};
use maud::{Markup, html};

/// Answers `/console/inside` and what is below it.
pub(crate) fn respond(context: &Context, request: &Request, path: &[&str]) -> Result<Answer, Refusal> {
    match (request.is_read(), path) {
        (_, ["bench", rest @ ..]) => bench::respond(context, request, rest),
        (true, []) => {
            let inside = inside::of(&context.db, context.pause.is_on())?;
            Ok(layout::page(context, Section::Inside, "Inside", overview(context, &inside)))
        }
        (true, ["now"]) => Ok(answer::html(now(&inside::of(&context.db, context.pause.is_on())?))),
        (true, ["partition", id]) => partition_page(context, id),
        (false, ["pause"]) => {
            context.check_write()?;
            context.pause.begin(&context.db)?;
            said(
                context,
                "Background work is paused. Nothing is flushed, compacted or split unless you ask for it; only a writer that runs out of memory flushes by itself.",
            )
        }
        (false, ["resume"]) => {
            context.check_write()?;
            context.pause.end();
            said(context, "Background work goes on by itself.")
        }
        (false, ["step"]) => {
            context.check_write()?;
            let step = context.pause.step(inside::piece(request)?)?;
            let events: Vec<String> = step.events.iter().map(|event| event.kind.to_string()).collect();
            let text = match (step.work, events.as_slice()) {
                (hashrange::inspect::Work::Idle, _) => "There was nothing of that kind to do.".to_owned(),
                (work, []) => work.name().replace('_', " "),
                (_, events) => events.join("; "),
            };
            said(context, &text)
        }
        (_, [] | ["now" | "pause" | "resume" | "step"] | ["partition", _]) => Err(Refusal::method()),
        _ => Err(Refusal::not_found("the console has no such page inside")),
    }
}

/// What was done, and what the database looks like now.
fn said(context: &Context, text: &str) -> Result<Answer, Refusal> {
    let inside = inside::of(&context.db, context.pause.is_on())?;
    Ok(answer::html(html! {
        div #stepper { (stepper(context, inside.is_paused)) p.said role="status" { (text) } }
        div #now hx-swap-oob="innerHTML" { (now(&inside)) }
    }))
}

fn overview(context: &Context, inside: &Inside) -> Markup {
    html! {
        (layout::inside_assets())
        p.hint {
            "This is the running engine. Items are spread over " strong { "partitions" } " by the hash of their key; each partition has "
            "items in memory (memtables) and in sorted files (runs); every commit is first in the " strong { "log" } ". "
            "To try things without touching this database, take a " a href="/console/inside/bench" { "workbench" } ", or one of the "
            a href="/console/lessons" { "lessons" } "."
        }
        section aria-labelledby="stepping" {
            h2 #stepping { "Background work" }
            div #stepper { (stepper(context, inside.is_paused)) }
            ol.events data-work="/console/api/inside/events" aria-live="polite" aria-label="Events of background work, newest first" {}
        }
        div #now hx-get="/console/inside/now" hx-trigger="engine-work from:body" { (now(inside)) }
    }
}

/// The buttons that stop background work and do it step by step.
fn stepper(context: &Context, is_paused: bool) -> Markup {
    if !context.options.write {
        return html! { p.quiet { "Flushes, compactions and splits appear here as they happen. Started with " code { "--write" } ", the console can also pause them and do them step by step." } };
    }
    if !is_paused {
        return html! {
            form.row hx-post="/console/inside/pause" hx-target="#stepper" hx-swap="outerHTML" {
                p { "It runs by itself." }
                button type="submit" { "Pause, and do it step by step" }
            }
        };
    }
    html! {
        form.row hx-post="/console/inside/step" hx-target="#stepper" hx-swap="outerHTML" {
            label for="piece" { "One step of" }
            div { select #piece name="piece" { @for (name, text) in PIECES { option value=(name) { (text) } } } }
            button.main type="submit" { "Do it" }
            button type="button" hx-post="/console/inside/resume" hx-target="#stepper" hx-swap="outerHTML" { "Let it run by itself" }
        }
    }
}

/// Everything that changes.
fn now(inside: &Inside) -> Markup {
    let address = |id: u64| Some(format!("/console/inside/partition/{id}"));
    let rings = drawing::rings(&inside.facts.partitions);
    html! {
        (figures(&inside.amplification))
        section aria-labelledby="rings" {
            h2 #rings { "Rings of tokens" }
            @if rings.is_empty() { p { "There is no table yet." } }
            @for ring in &rings { (ring_part(ring, &address)) }
        }
        section aria-labelledby="log" {
            h2 #log { "The log" }
            p { "A segment is removed when nothing needs it, or a segment before it, any more. A line says what needs the log from where on." }
            div.wide tabindex="0" role="region" aria-label="Drawing of the log" { (drawing::log(&inside.facts.log)) }
            (drawing::log_table(&inside.facts.log))
        }
        section aria-labelledby="recovery" {
            h2 #recovery { "The last opening" }
            (recovery(&inside.recovery))
        }
    }
}

/// What the form of the data costs.
pub(super) fn figures(amplification: &Amplification) -> Markup {
    html! {
        dl.figures {
            div { dt { "Bytes written for a byte of log" } dd { (format!("{:.2}", amplification.write)) } }
            div { dt { "Bytes in files for a living byte" } dd { (format!("{:.2}", amplification.space)) } }
            div { dt { "Places a read may look in, mean" } dd { (format!("{:.2}", amplification.read)) } }
            div { dt { "The same, worst partition" } dd { (amplification.read_worst) } }
            div { dt { @if amplification.is_exact { "Living bytes" } @else { "Living bytes, about" } } dd { (format::bytes(amplification.live_bytes)) } }
        }
    }
}

fn ring_part(ring: &Ring<'_>, address: &dyn Fn(u64) -> Option<String>) -> Markup {
    let name = ring.index.map_or(ring.table.to_owned(), |index| format!("{}, index {index}", ring.table));
    html! {
        div.ringed {
            (drawing::ring(ring, address))
            div.wide tabindex="0" role="region" aria-label=(format!("Partitions of {name}")) { table {
                caption { "Table " (ring.table) @if let Some(index) = ring.index { ", global index " (index) } }
                thead { tr { th { "Partition" } th.n { "Tokens" } th.n { "In memory" } th.n { "Runs" } th.n { "In runs" } } }
                tbody { @for part in &ring.partitions { (row(part, address(part.partition.id))) } }
            } }
        }
    }
}

fn row(part: &TablePartitionStats, address: Option<String>) -> Markup {
    let keys: usize = drawing::memtables(part).map(|memtable| memtable.keys).sum();
    let in_runs: u64 = part.partition.runs.iter().map(|run| run.own_bytes).sum();
    html! {
        tr data-partition=(part.partition.id) {
            td { @if let Some(address) = address { a href=(address) { (part.partition.id) } } @else { (part.partition.id) } }
            td.n { (drawing::percent(drawing::share(part))) }
            td.n { (drawing::counted(keys as u64, "key", "keys")) }
            td.n { (part.partition.runs.len()) }
            td.n { (format::bytes(in_runs)) }
        }
    }
}

/// What recovery decided.
pub(super) fn recovery(report: &RecoveryReport) -> Markup {
    html! {
        @if report.segments.is_empty() {
            p { "The database was new." }
        } @else {
            p {
                @if report.was_closed { "It had been closed in order: nothing could be lost. " } @else { "It had not been closed: the process ended, or the power was cut. " }
                "Recovery read " (format::count(report.records)) " records of the log, put " (format::count(report.replayed)) " versions into memtables, left out "
                (format::count(report.skipped)) " that were in runs already, and ended with commit " (format::count(report.last_commit)) "."
                @if report.taken_over > 0 { " At the end of the log " (drawing::counted(report.taken_over, "record was", "records were")) " readable but perhaps not durable: the new segment begins with that, synced." }
            }
            div.wide tabindex="0" role="region" aria-label="Segments that recovery read" { table {
                thead { tr { th.n { "Segment" } th { "Decision" } th.n { "Records" } th.n { "Records end at" } th.n { "File" } } }
                tbody { @for verdict in &report.segments {
                    tr { td.n { (verdict.segment) } td { (verdict.case) } td.n { (format::count(verdict.records)) } td.n { (format::count(verdict.records_end)) } td.n { (format::bytes(verdict.bytes)) } }
                } }
            } }
            @if !report.removed_files.is_empty() {
                p { "Files that nothing needed were removed: " (report.removed_files.join(", ")) "." }
            }
        }
    }
}

fn partition_page(context: &Context, id: &str) -> Result<Answer, Refusal> {
    let facts = context.db.facts();
    let found = facts.partitions.iter().find(|part| part.partition.id.to_string() == id);
    let part =
        found.ok_or_else(|| Refusal::not_found(format!("there is no partition {id}; it may have been split")))?;
    let title = format!(
        "Partition {id} of {}",
        part.index.as_deref().map_or(part.table.clone(), |index| format!("{}, index {index}", part.table))
    );
    let content = html! {
        (layout::inside_assets())
        p { a href="/console/inside" { "Inside" } " › " (drawing::percent(drawing::share(part))) " of the tokens of its table" }
        p.hint {
            "A read asks from the top to the bottom and stops at the first answer: the newest version wins. "
            "A flush turns the memtable into the topmost run; a compaction merges runs into one. Each bar reaches over the tokens that the run has entries of."
        }
        div.wide tabindex="0" role="region" aria-label="Drawing of the partition" { (drawing::partition(part)) }
        div.wide tabindex="0" role="region" aria-label="Runs" { table {
            caption { "Runs, newest first" }
            thead { tr { th.n { "Run" } th.n { "Entries" } th.n { "Tombstones" } th { "Commits" } th.n { "Bytes" } th.n { "Item collections" } th.n { "Leaves" } th.n { "Nodes" } } }
            tbody {
                @if part.partition.runs.is_empty() { tr { td colspan="8" { "none yet: everything is in memory" } } }
                @for run in &part.partition.runs {
                    @let inside = run.inside.as_ref();
                    tr {
                        td.n { (run.facts.file) }
                        td.n { (format::count(run.facts.entries)) }
                        td.n { (format::count(run.facts.tombstones)) }
                        td { (run.facts.min_seqno) " to " (run.facts.max_seqno) }
                        td.n { (format::bytes(run.own_bytes)) @if run.shared { " of " (format::bytes(run.facts.bytes)) } }
                        @if let Some(inside) = inside {
                            td.n { (format::count(inside.collections)) } td.n { (format::count(inside.leaves)) } td.n { (format::count(inside.nodes)) }
                        } @else {
                            td.bad colspan="3" { "cannot be read" }
                        }
                    }
                }
            }
        } }
    };
    Ok(layout::page(context, Section::Inside, &title, content))
}
