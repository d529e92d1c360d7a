//! What a request would do and cost, without doing it.

use super::{
    format,
    layout::{self, Section},
    parts,
};
use crate::{
    answer::{self, Answer},
    api::explain::{self, Plan},
    context::Context,
    refusal::Refusal,
    request::Request,
};
use hashrange_wire::ITEM_OPERATIONS;
use maud::{Markup, html};

/// Answers `/console/explain`.
pub(super) fn respond(context: &Context, request: &Request) -> Result<Answer, Refusal> {
    if !request.is_read() {
        return Ok(answer::html(plans(context, &explain::asked(context, request)?)));
    }
    let tables = context.db.list_tables();
    let example = tables.first().map_or("SELECT * FROM \"a-table\" WHERE id = 'x'".to_owned(), |table| {
        format!("SELECT * FROM \"{}\"", table.replace('"', "\"\""))
    });
    let operations = ITEM_OPERATIONS.map(|operation| (operation, operation));
    Ok(layout::page(
        context,
        Section::Explain,
        "Explain a request",
        html! {
            p { "Says which keys and partitions a request touches, how many items and units that is, and how many a second like it can go on. Nothing is written, and nothing is paid." }
            form hx-post="/console/explain" hx-target="#plans" {
                label { "PartiQL statement" textarea.short name="statement" spellcheck="false" { (example) } }
                div.row { button.main { "Explain the statement" } }
            }
            details {
                summary { "A request in DynamoDB’s JSON" }
                form hx-post="/console/explain" hx-target="#plans" {
                    div.form { (parts::choice("operation", "Operation", &operations, "Query")) }
                    label { "Body" textarea name="body" spellcheck="false" { "{\n  \"TableName\": \"" (tables.first().map_or("a-table", String::as_str)) "\"\n}" } }
                    div.row { button.main { "Explain the request" } }
                }
            }
            div #plans aria-live="polite" {}
        },
    ))
}

/// Plans, one after the other.
pub(super) fn plans(context: &Context, plans: &[Plan]) -> Markup {
    html! { @for plan in plans { (one(context, plan)) } }
}

fn one(context: &Context, plan: &Plan) -> Markup {
    let mut figures = vec![
        ("Operation", plan.operation.to_owned()),
        ("Items evaluated", format::count(plan.items)),
        ("Units", format!("{:.1}", plan.units)),
        ("A second, at most", plan.most_per_sec.map_or_else(|| "no limit".to_owned(), format::count)),
    ];
    if let (Some(nanos), Some(prices)) = (plan.million_nanos, &context.options.prices) {
        figures.push(("A million, on demand", format!("{} {}", format::amount(nanos), prices.currency)));
    }
    html! {
        h2 { "Plan" }
        @if let Some(refusal) = &plan.refusal { p.refusal { "It would be rejected: " (refusal) } }
        (parts::figures(&figures))
        @if plan.has_more { p { "These are the figures of the first page; there are more." } }
        div.wide tabindex="0" role="region" aria-label="What the request touches" {
            table {
                thead { tr { th { "Table or index" } th { "Keys" } th.n { "Partitions" } } }
                tbody { @for access in &plan.accesses {
                    tr {
                        td { (access.table) @if let Some(index) = &access.index { " / " (index) } }
                        td.key { (access.keys) }
                        td.n { (access.partitions) " of " (access.of_partitions) }
                    }
                } }
            }
        }
        ul { @for resource in &plan.resources {
            li { (format!("{:.1}", resource.units)) (if resource.is_write { " write" } else { " read" }) " units of " (resource.table) @if let Some(index) = &resource.index { " / " (index) } }
        } }
        details { summary { "As text" } pre tabindex="0" { (plan.text) } }
    }
}
