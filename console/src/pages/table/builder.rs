//! The form that builds a query or scan, and the request for other clients.

use super::Shown;
use crate::{
    api::{
        read::{self, DEFAULT_LIMIT, FILTER_TESTS, Read, SORT_TESTS},
        spell::Spelled,
        value,
    },
    pages::parts,
    refusal::Refusal,
};
use hashrange::schema::{IndexKind, KeyAttribute};
use maud::{Markup, html};

/// The form, filled with the parameters that the request has, be they right or wrong.
pub(super) fn form(table: &Shown<'_>) -> Result<Markup, Refusal> {
    let request = table.request;
    let definition = &table.description.definition;
    let index = request.parameter("index").unwrap_or_default();
    let (hash, range) = read::keys(definition, Some(index).filter(|index| !index.is_empty()))?;
    let given =
        |name: &str, position: usize| request.parameters(name).get(position).copied().unwrap_or_default().to_owned();
    let indexes = definition.indexes.iter().filter(|index| index.kind != IndexKind::Expiry);
    let sources: Vec<(&str, String)> = std::iter::once(("", "Table".to_owned()))
        .chain(indexes.map(|index| (index.name.as_str(), format!("Index {}", index.name))))
        .collect();
    let label = |key: &KeyAttribute, what: &str| format!("{what} {} ({})", key.name, key.kind.name());
    let limit = request.parameter("limit").map_or_else(|| DEFAULT_LIMIT.to_string(), str::to_owned);
    Ok(html! {
        form #builder method="get" action=(table.address("items")) {
            div.form {
                label {
                    "Read from"
                    select name="index" hx-get=(table.address("items")) hx-trigger="change" hx-target="body" hx-push-url="true" {
                        @for (name, text) in &sources { option value=(name) selected[*name == index] { (text) } }
                    }
                }
                @for (position, key) in hash.iter().enumerate() {
                    (parts::text("pk", &label(key, "Partition key"), &given("pk", position)))
                }
                @for (position, key) in range.iter().enumerate() {
                    @if position + 1 == range.len() {
                        (parts::choice("op", "Sort key is", &SORT_TESTS, request.parameter("op").unwrap_or("eq")))
                    }
                    (parts::text("sk", &label(key, "Sort key"), &given("sk", position)))
                }
                @if !range.is_empty() { (parts::text("sk2", "and (for between)", &given("sk2", 0))) }
            }
            details open[has_options(table)] {
                summary { "Filters, attributes, order, limit" }
                fieldset {
                    legend { "Filters: read and paid for, and then left out" }
                    div #filters { @for position in 0..=filters_given(table) { (filter(table, position)) } }
                    button type="button" data-add="#filters" { "Add a filter" }
                }
                div.form {
                    (parts::text("attributes", "Attributes, with commas", &given("attributes", 0)))
                    (parts::text("limit", "Items a page", &limit))
                    @if !range.is_empty() { (parts::check("descending", "Descending", request.flag("descending"))) }
                    (parts::check("consistent", "Strongly consistent", request.flag("consistent")))
                }
            }
            div.row {
                button.main { "Read" }
                button formaction=(table.address("explain")) { "Explain" }
                a.button href=(table.address("items")) { "Clear" }
                p.quiet { "Without a partition key everything is read, item by item (a scan)." }
            }
        }
    })
}

/// Rows of filters up to the last one with a name: rows before it that have none stay where they are.
fn filters_given(table: &Shown<'_>) -> usize {
    let last = table.request.parameters("filter_name").iter().rposition(|name| !name.is_empty());
    last.map_or(0, |last| last + 1)
}

fn has_options(table: &Shown<'_>) -> bool {
    let request = table.request;
    filters_given(table) > 0
        || request.flag("descending")
        || request.flag("consistent")
        || request.parameter("attributes").is_some()
}

fn filter(table: &Shown<'_>, position: usize) -> Markup {
    let given = |name: &str| table.request.parameters(name).get(position).copied().unwrap_or_default();
    let types = value::TYPES.map(|(name, _)| (name, name));
    html! {
        div.filter {
            (parts::text("filter_name", "Attribute", given("filter_name")))
            (parts::choice("filter_op", "Test", &FILTER_TESTS, given("filter_op")))
            (parts::choice("filter_type", "Type", &types, given("filter_type")))
            (parts::text("filter_value", "Value", given("filter_value")))
        }
    }
}

/// A request in four languages.
pub(super) fn spelled(read: &Read, spelled: &Spelled) -> Markup {
    let texts = [
        ("AWS CLI", &spelled.cli),
        ("Rust", &spelled.rust),
        ("Python", &spelled.python),
        ("PartiQL", &spelled.partiql),
    ];
    html! {
        details #request {
            summary { "This " (if read.is_query() { "query" } else { "scan" }) " as AWS CLI, Rust, Python and PartiQL" }
            @for (name, text) in texts { h3 { (name) } pre tabindex="0" { (text) } }
        }
    }
}
