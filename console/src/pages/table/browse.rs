//! Items page by page, and changes of those that are chosen.

use super::{Shown, builder};
use crate::{
    answer::{self, Answer},
    api::{
        explain,
        items::{self, Page},
        read::Read,
        value,
    },
    pages::{format, parts},
    refusal::Refusal,
};
use hashrange::{AttributeValue, Item, schema::IndexKind};
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Columns besides those of keys: the attributes that most items of the page have.
const MAX_COLUMNS: usize = 10;

/// The page of items. A read that is rejected is shown with the form, so that it can be corrected.
pub(super) fn respond(table: &Shown<'_>) -> Result<Answer, Refusal> {
    if !table.request.is_read() {
        return Err(Refusal::method());
    }
    let form = builder::form(table)?;
    let found = asked(table).and_then(|read| Ok((items::page(&table.context.db, table.description, &read)?, read)));
    let content = html! {
        (form)
        @match &found {
            Ok((page, read)) => {
                (builder::spelled(read, &page.spelled))
                (results(table, page))
            }
            Err(refusal) => p.refusal role="alert" { strong { (refusal.code) } " " (refusal.message) },
        }
    };
    let mut answer = table.page("items", "", content);
    if let Err(refusal) = found {
        *answer.status_mut() = refusal.status;
    }
    Ok(answer)
}

/// The read that the form describes. If it chooses attributes, those of the keys are among them: a row without its key would lead to
/// no item.
fn asked(table: &Shown<'_>) -> Result<Read, Refusal> {
    let mut read = Read::of(&table.description.definition, table.request)?;
    if !read.attributes.is_empty() {
        let keys = key_names(table).into_iter().filter(|name| !read.attributes.contains(name)).collect::<Vec<_>>();
        read.attributes.extend(keys);
    }
    Ok(read)
}

/// What the read that the form describes would do and cost.
pub(super) fn explained(table: &Shown<'_>) -> Result<Answer, Refusal> {
    if !table.request.is_read() {
        return Err(Refusal::method());
    }
    let plan = asked(table).and_then(|read| explain::read(table.context, &read));
    let content = html! {
        (builder::form(table)?)
        @match &plan {
            Ok(plan) => (super::super::explain::plans(table.context, std::slice::from_ref(plan))),
            Err(refusal) => p.refusal role="alert" { strong { (refusal.code) } " " (refusal.message) },
        }
    };
    Ok(table.page("items", "explained", content))
}

/// Changes or deletes the items that were chosen.
pub(super) fn bulk(table: &Shown<'_>) -> Result<Answer, Refusal> {
    if table.request.is_read() {
        return Err(Refusal::method());
    }
    table.context.check_write()?;
    let changed = items::bulk(&table.context.db, table.description, table.request)?;
    let what = if table.request.parameter("do") == Some("delete") { "Deleted" } else { "Changed" };
    Ok(answer::html(html! {
        (parts::changed(what, &changed))
        p { a href="" { "Read the page again" } }
    }))
}

fn results(table: &Shown<'_>, page: &Page) -> Markup {
    let may_write = table.context.options.write;
    let columns = columns(table, &page.items);
    html! {
        h2 { "Items" }
        div.row {
            p {
                (page.operation) ": " (page.items.len()) " returned of " (page.scanned) " read, "
                (format!("{:.1}", page.units)) " read units"
                @if page.next.is_some() { ", more behind them" }
            }
            @if may_write { a.button href=(table.address("item")) { "New item" } }
            @if let Some(next) = &page.next { a.button href=(next_address(table, next)) rel="next" { "Next page" } }
        }
        @if !page.items.is_empty() {
            form hx-post=(table.address("bulk")) hx-target="#changed" {
                div.wide tabindex="0" role="region" aria-label="Items" {
                    table {
                        thead { tr {
                            @if may_write { th { input type="checkbox" data-all="key" aria-label="Choose all items"; } }
                            @for (name, _) in &columns.shown { th scope="col" { (name) } }
                            @if columns.has_more { th { "More" } }
                        } }
                        tbody { @for item in &page.items { (row(table, &columns, item)) } }
                    }
                }
                @if may_write { (bulk_fields()) }
            }
            div #changed aria-live="polite" {}
        }
        (table.read_only_remark())
    }
}

fn bulk_fields() -> Markup {
    html! {
        fieldset {
            legend { "With the chosen items" }
            div.form {
                (parts::choice("do", "Do", &[("set", "Set an attribute"), ("remove", "Remove an attribute"), ("delete", "Delete the items")], "set"))
                (parts::text("name", "Attribute", ""))
                (parts::type_choice("type", "Type", "S"))
                (parts::text("value", "Value", ""))
            }
            button.danger { "Change the chosen items" }
        }
    }
}

/// The columns of a page.
struct Columns {
    /// Names, and whether they are key attributes.
    shown: Vec<(String, bool)>,
    /// Whether items have other attributes.
    has_more: bool,
}

/// Key attributes of the table, then those of the index that is read.
fn key_names(table: &Shown<'_>) -> Vec<String> {
    let definition = &table.description.definition;
    let index = table.request.parameter("index").and_then(|name| definition.index(name));
    let mut keys: Vec<String> = definition.key.attributes().map(|key| key.name.clone()).collect();
    for key in index.into_iter().filter(|index| index.kind != IndexKind::Expiry).flat_map(|index| index.attributes()) {
        if !keys.contains(&key.name) {
            keys.push(key.name.clone());
        }
    }
    keys
}

/// Key attributes first, then what most items have.
fn columns(table: &Shown<'_>, items: &[Item]) -> Columns {
    let keys = key_names(table);
    let mut others: BTreeMap<&str, usize> = BTreeMap::new();
    for name in items.iter().flat_map(|item| item.0.keys()).filter(|name| !keys.contains(name)) {
        *others.entry(name).or_default() += 1;
    }
    let mut others: Vec<(&str, usize)> = others.into_iter().collect();
    others.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    let has_more = others.len() > MAX_COLUMNS;
    let others = others.into_iter().take(MAX_COLUMNS).map(|(name, _)| (name.to_owned(), false));
    Columns { shown: keys.into_iter().map(|name| (name, true)).chain(others).collect(), has_more }
}

fn row(table: &Shown<'_>, columns: &Columns, item: &Item) -> Markup {
    let key = items::key(table.description, item).to_dynamodb_json();
    let address = item_address(table, "item", &key);
    let unseen = item.0.keys().filter(|name| !columns.shown.iter().any(|(shown, _)| shown == *name)).count();
    html! {
        tr {
            @if table.context.options.write {
                td { input type="checkbox" name="key" value=(key) aria-label={ "Choose " (key) }; }
            }
            @for (position, (name, is_key)) in columns.shown.iter().enumerate() {
                @let cell = item.get(name).map(cell);
                @if position == 0 {
                    td.key { a href=(address) { (cell.as_deref().filter(|text| !text.is_empty()).unwrap_or("(empty)")) } }
                } @else if *is_key {
                    td.key { (cell.unwrap_or_default()) }
                } @else {
                    td.value { @if let Some(cell) = cell { span { (cell) } } }
                }
            }
            @if columns.has_more { td.n { @if unseen > 0 { a href=(address) { "+" (unseen) } } } }
        }
    }
}

/// The address of a page about an item.
pub(super) fn item_address(table: &Shown<'_>, page: &str, key: &str) -> String {
    format!("{}?key={}", table.address(page), format::segment(key))
}

/// The beginning of a value.
fn cell(of: &AttributeValue) -> String {
    let text = match of {
        AttributeValue::Null => "null".to_owned(),
        AttributeValue::L(_) | AttributeValue::M(_) => of.to_json(),
        other => value::text(other),
    };
    super::beginning(&text)
}

/// The same request, from where the page ended.
fn next_address(table: &Shown<'_>, next: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(table.request.query().as_bytes()).filter(|(name, _)| name != "start") {
        query.append_pair(&name, &value);
    }
    query.append_pair("start", next);
    format!("{}?{}", table.address("items"), query.finish())
}
