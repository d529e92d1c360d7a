//! One item: shown with the type of each attribute, changed, copied and deleted.

use super::{Shown, browse::item_address};
use crate::{
    answer::{self, Answer},
    api::{items, value},
    pages::parts,
    refusal::Refusal,
};
use hashrange::{AttributeValue, Item};
use maud::{Markup, html};

/// Rows without an attribute that a form begins with.
const EMPTY_ROWS: usize = 1;
/// Attributes that a form shows; a larger item is changed as JSON.
const MAX_ROWS: usize = 200;

/// The page of an item, or what it was asked to do.
pub(super) fn respond(table: &Shown<'_>) -> Result<Answer, Refusal> {
    if table.request.is_read() {
        return show(table);
    }
    table.context.check_write()?;
    let db = &table.context.db;
    let was = table.request.parameter("was").map(value::key_of).transpose()?;
    match table.request.required("do")? {
        "delete" => {
            let was = was.ok_or_else(|| Refusal::invalid("the item that is deleted is missing"))?;
            items::delete(db, table.description, &items::key(table.description, &was))?;
            Ok(answer::see_other(&table.address("items")))
        }
        "save" => {
            let item = edited(table)?;
            match &was {
                Some(was) => items::replace(db, table.description, was, item.clone())?,
                None => items::create(db, table.description, item.clone())?,
            };
            let key = items::key(table.description, &item).to_dynamodb_json();
            Ok(answer::see_other(&item_address(table, "item", &key)))
        }
        _ => Err(Refusal::invalid("do: it is save or delete")),
    }
}

/// The item that a form holds: as JSON, or as rows of name, type and value. A row without a name is left out.
fn edited(table: &Shown<'_>) -> Result<Item, Refusal> {
    let request = table.request;
    if let Some(json) = request.parameter("json") {
        return Ok(Item::from_dynamodb_json(json)?);
    }
    let (kinds, values) = (request.parameters("type"), request.parameters("value"));
    let mut item = Item::new();
    for (position, name) in request.parameters("name").into_iter().enumerate().filter(|(_, name)| !name.is_empty()) {
        let at = |list: &[&str]| list.get(position).copied().unwrap_or_default().to_owned();
        let value = value::parse(&at(&kinds), &at(&values)).map_err(|mut refusal| {
            refusal.message = format!("{name}: {}", refusal.message);
            refusal
        })?;
        if item.0.insert(name.to_owned(), value).is_some() {
            return Err(Refusal::invalid(format!("the attribute {name} is there twice")));
        }
    }
    Ok(item)
}

fn show(table: &Shown<'_>) -> Result<Answer, Refusal> {
    let Some(key) = table.request.parameter("key") else {
        let keys = table.description.definition.key.attributes();
        let item = Item(keys.map(|key| (key.name.clone(), empty_key(key.kind.name()))).collect());
        return Ok(table.page("items", "new item", html! { (form(table, &item, None)) (table.read_only_remark()) }));
    };
    let key = value::key_of(key)?;
    let found = items::get(&table.context.db, table.name(), &key)?;
    let item = found.ok_or_else(|| Refusal::not_found("there is no item with this key"))?;
    let was = item.to_dynamodb_json();
    let content = html! {
        div.row {
            p { (item.0.len()) " attributes, " (crate::pages::format::bytes(size(&item))) }
            @if table.context.db.history_window().is_some() {
                a href=(item_address(table, "versions", &key.to_dynamodb_json())) { "History of this item" }
            }
        }
        (form(table, &item, Some(&was)))
        (table.read_only_remark())
    };
    Ok(table.page("items", "item", content))
}

/// A key attribute before it has a value.
fn empty_key(kind: &str) -> AttributeValue {
    match kind {
        "N" => AttributeValue::from(0),
        "B" => AttributeValue::B(bytes::Bytes::new()),
        _ => AttributeValue::from(""),
    }
}

/// Bytes of an item by DynamoDB's size rule.
fn size(item: &Item) -> u64 {
    hashrange::ItemRef::from(item).size_bytes() as u64
}

fn form(table: &Shown<'_>, item: &Item, was: Option<&str>) -> Markup {
    let may_write = table.context.options.write;
    let is_plain = item.0.iter().all(|(name, value)| is_kept_by_fields(name, value));
    let has_rows = is_plain && item.0.len() <= MAX_ROWS;
    html! {
        div #saved aria-live="polite" {}
        @if !is_plain {
            p.quiet { "This item has a text with carriage returns, or with other characters that fields of a page change. It is changed as JSON." }
        }
        @if has_rows {
            form hx-post=(table.address("item")) hx-target="#saved" {
                @if let Some(was) = was { input type="hidden" name="was" value=(was); }
                div #attributes {
                    @for (name, value) in in_order(table, item) { (attribute_row(name, value)) }
                    @for _ in 0..EMPTY_ROWS { (attribute_row("", &AttributeValue::from(""))) }
                }
                p.quiet {
                    "A list, map or set is written as in DynamoDB's JSON: " code { r#"["a","b"]"# } " is a set of strings, "
                    code { r#"[{"S":"a"},{"N":"1"}]"# } " a list. Clear the name to remove an attribute."
                }
                @if may_write {
                    div.row {
                        button.main name="do" value="save" { "Save" }
                        button type="button" data-add="#attributes" { "Add an attribute" }
                        @if was.is_some() { button.danger name="do" value="delete" hx-confirm="Delete this item?" { "Delete" } }
                    }
                }
            }
        }
        details open[!has_rows] {
            summary { "As DynamoDB JSON" }
            form hx-post=(table.address("item")) hx-target="#saved" {
                @if let Some(was) = was { input type="hidden" name="was" value=(was); }
                label { "Item" textarea name="json" spellcheck="false" { (pretty(item)) } }
                @if may_write { div.row { button.main name="do" value="save" { "Save the JSON" } } }
            }
        }
    }
}

/// Whether a browser sends a name and a value as they are: its fields make line feeds of carriage returns, and another character of
/// NUL; that of a name has one line. The JSON of values that are no texts has these characters in escapes.
fn is_kept_by_fields(name: &str, value: &AttributeValue) -> bool {
    let is_text_kept = |text: &str| !text.contains(['\r', '\0']);
    is_text_kept(name) && !name.contains('\n') && value.as_str().is_none_or(is_text_kept)
}

/// Attributes, those of the key first.
fn in_order<'i>(table: &Shown<'_>, item: &'i Item) -> Vec<(&'i str, &'i AttributeValue)> {
    let definition = &table.description.definition;
    let keys = definition.key.attributes().filter_map(|key| item.0.get_key_value(&key.name));
    let others = item.0.iter().filter(|(name, _)| !definition.is_key(name));
    keys.chain(others).map(|(name, value)| (name.as_str(), value)).collect()
}

fn attribute_row(name: &str, of: &AttributeValue) -> Markup {
    let text = value::text(of);
    html! {
        div.attribute {
            (parts::text("name", "Attribute", name))
            (parts::type_choice("type", "Type", of.type_name()))
            label {
                "Value"
                @if text.len() > 60 || text.contains('\n') {
                    textarea.short name="value" spellcheck="false" { "\n" (text) }
                } @else {
                    input name="value" value=(text) autocomplete="off" spellcheck="false";
                }
            }
        }
    }
}

/// DynamoDB's JSON with a line for each member.
fn pretty(item: &Item) -> String {
    serde_json::to_string_pretty(&value::item_json(item)).unwrap_or_default()
}
