//! The list of tables.

use super::{
    format,
    layout::{self, Section},
};
use crate::{
    answer::Answer,
    api::tables::{self, KeyPart, Table},
    context::Context,
    refusal::Refusal,
    request::Request,
};
use maud::{Markup, html};

/// Answers `/console/`.
pub(crate) fn respond(context: &Context, request: &Request) -> Result<Answer, Refusal> {
    if !request.is_read() {
        return Err(Refusal::method());
    }
    Ok(layout::page(context, Section::Tables, "Tables", list(&tables::all(&context.db)?)))
}

fn list(tables: &[Table]) -> Markup {
    html! {
        @if tables.is_empty() {
            p { "There is no table yet. Create one with " code { "hashrange create" } " or with any DynamoDB client." }
        } @else {
            div.wide tabindex="0" role="region" aria-label="Tables" {
                table {
                    thead { tr { th { "Table" } th { "Key" } th.n { "Items" } th.n { "Bytes" } th.n { "Indexes" } th { "Stream" } th { "TTL" } } }
                    tbody { @for table in tables { (row(table)) } }
                }
            }
            p.hint {
                a href="/console/heat" { "Heat" } " says which keys are hot, " a href="/console/costs" { "Costs" } " what requests consume, "
                a href="/console/explain" { "Explain" } " what a request would do. " a href="/console/inside" { "Inside" } " draws how items are stored; the "
                a href="/console/lessons" { "lessons" } " explain it step by step."
            }
        }
    }
}

fn row(table: &Table) -> Markup {
    html! {
        tr {
            td { a href=(format::table_address(&table.name, "items")) { (table.name) } @if table.status != "ACTIVE" { " " (table.status) } }
            td { (key(&table.partition_key)) @if let Some(sort) = &table.sort_key { ", " (key(sort)) } }
            td.n { (format::count(table.items)) }
            td.n { (format::bytes(table.bytes)) }
            td.n { (table.indexes.len()) }
            td { (table.stream.unwrap_or("–")) }
            td { (table.ttl_attribute.as_deref().unwrap_or("–")) }
        }
    }
}

/// A key attribute with its type.
pub(crate) fn key(part: &KeyPart) -> Markup {
    html! { code { (part.name) } " " span.kind { (part.kind) } }
}
