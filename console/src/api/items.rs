//! Items: read by page, looked at one by one, put, deleted and changed in number.

use super::{
    read::Read,
    spell::{self, Spelled},
    tables, value,
};
use crate::{
    answer::{self, Answer},
    context::Context,
    refusal::Refusal,
    request::Request,
};
use hashrange::{
    Database, Error, Item, ItemRef,
    admin::TableDescription,
    expression::{Condition, ExpressionKind, Placeholders, Scope, UpdateExpression, attr_named},
    key::Dynamic,
    request::{AnyResponse, DeleteItem, GetItem, PutItem, UpdateItem},
};
use http::Method;
use serde::Serialize;

/// Items that one request changes, at most.
const MAX_BULK: usize = 1_000;

/// Rejections that an answer names, at most; all are counted.
const MAX_REFUSALS: usize = 1_000;

/// A page of items.
#[derive(Debug, Serialize)]
pub(crate) struct Page {
    /// `Query` or `Scan`.
    pub(crate) operation: &'static str,
    /// The items, in DynamoDB's JSON.
    #[serde(serialize_with = "items_as_json")]
    pub(crate) items: Vec<Item>,
    /// How many were evaluated to find them.
    pub(crate) scanned: usize,
    /// Read units that it cost.
    pub(crate) units: f64,
    /// The key that the page ended with, as `start` of the next one.
    pub(crate) next: Option<String>,
    /// The same request for other clients.
    pub(crate) spelled: Spelled,
}

fn items_as_json<S: serde::Serializer>(items: &[Item], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(items.iter().map(value::item_json))
}

/// What a change of items came to.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Changed {
    /// Items that were changed.
    pub(crate) changed: usize,
    /// Write units of the change.
    pub(crate) units: f64,
    /// What was not changed, with the reason: the first 1,000.
    pub(crate) refused: Vec<RefusedItem>,
    /// How many were not changed.
    pub(crate) refused_count: usize,
}

/// An item that was not changed.
#[derive(Debug, Serialize)]
pub(crate) struct RefusedItem {
    /// Its key in DynamoDB's JSON, or where it was in the input.
    pub(crate) item: String,
    /// The engine's code.
    pub(crate) code: String,
    /// The engine's text.
    pub(crate) message: String,
}

impl Changed {
    /// One more, or the rejection of one.
    pub(crate) fn note(&mut self, item: impl Into<String>, done: Result<f64, Refusal>) {
        match done {
            Ok(units) => {
                self.changed += 1;
                self.units += units;
            }
            Err(refusal) => {
                self.refused_count += 1;
                if self.refused.len() >= MAX_REFUSALS {
                    return;
                }
                let (code, message) = (refusal.code.into_owned(), refusal.message);
                self.refused.push(RefusedItem { item: item.into(), code, message });
            }
        }
    }
}

/// Reads a page.
pub(crate) fn page(db: &Database, description: &TableDescription, read: &Read) -> Result<Page, Refusal> {
    let spelled = spell::read(&description.definition, read);
    let AnyResponse::Page(page) = db.execute(&read.request()?)? else {
        return Err(Refusal::invalid("the request is no query and no scan"));
    };
    Ok(Page {
        operation: if read.is_query() { "Query" } else { "Scan" },
        items: page.items.iter().map(ItemRef::to_item).collect(),
        scanned: page.scanned_count,
        units: page.consumed.total(),
        next: page.last_evaluated_key().map(|key| key.to_dynamodb_json()),
        spelled,
    })
}

/// An item by its key; `None` if there is none.
pub(crate) fn get(db: &Database, table: &str, key: &Item) -> Result<Option<Item>, Refusal> {
    Ok(db.execute(&GetItem::new(table, key.clone()))?.item.map(|item| item.to_item()))
}

/// The key attributes of an item.
pub(crate) fn key(description: &TableDescription, item: &Item) -> Item {
    let names = description.definition.key.attributes().map(|attribute| &attribute.name);
    Item(names.filter_map(|name| Some((name.clone(), item.get(name)?.clone()))).collect())
}

/// Puts a new item: one with its key must not be there. Returns the units.
pub(crate) fn create(db: &Database, description: &TableDescription, item: Item) -> Result<f64, Refusal> {
    let hash = &description.definition.key.hash.name;
    let mut put = PutItem::new(&description.definition.name, item);
    put.condition = Some(attr_named(hash.clone()).not_exists().build(ExpressionKind::Condition)?);
    match db.execute(&put) {
        Ok(output) => Ok(output.consumed().total()),
        Err(error) if error.is_condition_failed() => {
            Err(refused(&error, "an item with this key is there already; open it to change it"))
        }
        Err(error) => Err(error.into()),
    }
}

/// Replaces an item that is still what it was when it was shown; an item with another key is a copy, and its key must be free.
pub(crate) fn replace(db: &Database, description: &TableDescription, was: &Item, item: Item) -> Result<f64, Refusal> {
    let (old_key, new_key) = (key(description, was), key(description, &item));
    if old_key != new_key {
        return create(db, description, item);
    }
    let table = db.dynamic_table(&description.definition.name)?;
    db.transaction(|transaction| {
        let present = transaction.get::<Dynamic>(&table, &old_key)?;
        if present.as_ref().map(ItemRef::to_item).as_ref() != Some(was) {
            return Err(Refusal {
                status: http::StatusCode::CONFLICT,
                code: "ItemChanged".into(),
                message: "the item was changed since it was shown; load it again, then change it".to_owned(),
            });
        }
        transaction.put(&table, &item)?;
        Ok::<_, Refusal>(())
    })?;
    Ok(0.0)
}

/// Deletes an item. Errors: there is none with this key.
pub(crate) fn delete(db: &Database, description: &TableDescription, key: &Item) -> Result<f64, Refusal> {
    let hash = &description.definition.key.hash.name;
    let mut delete = DeleteItem::new(&description.definition.name, key.clone());
    delete.condition = Some(attr_named(hash.clone()).exists().build(ExpressionKind::Condition)?);
    match db.execute(&delete) {
        Ok(output) => Ok(output.consumed().total()),
        Err(error) if error.is_condition_failed() => Err(refused(&error, "there is no item with this key any more")),
        Err(error) => Err(error.into()),
    }
}

/// Sets an attribute of an item that is there, or removes it if `to` is absent.
pub(crate) fn set(
    db: &Database,
    description: &TableDescription,
    key: &Item,
    name: &str,
    to: Option<&hashrange::AttributeValue>,
) -> Result<f64, Refusal> {
    let placeholders = Placeholders::none().name("#a", name).name("#k", &description.definition.key.hash.name);
    let (text, placeholders) = match to {
        Some(to) => ("SET #a = :v", placeholders.value(":v", to.clone())),
        None => ("REMOVE #a", placeholders),
    };
    let mut scope = Scope::new(&placeholders);
    let update = UpdateExpression::parse(text, &mut scope)?;
    let condition = Condition::parse(ExpressionKind::Condition, "attribute_exists(#k)", &mut scope)?;
    let mut request = UpdateItem::new(&description.definition.name, key.clone(), update);
    request.condition = Some(condition);
    match db.execute(&request) {
        Ok(output) => Ok(output.consumed().total()),
        Err(error) if error.is_condition_failed() => Err(refused(&error, "there is no item with this key any more")),
        Err(error) => Err(error.into()),
    }
}

fn refused(error: &Error, message: &str) -> Refusal {
    Refusal { status: http::StatusCode::CONFLICT, code: error.code().to_owned().into(), message: message.to_owned() }
}

/// The keys that a request names by its parameters `key`, each in DynamoDB's JSON.
fn chosen(request: &Request) -> Result<Vec<Item>, Refusal> {
    let keys = request.parameters("key");
    if keys.is_empty() {
        return Err(Refusal::invalid("choose at least one item"));
    }
    if keys.len() > MAX_BULK {
        return Err(Refusal::invalid(format!("at most {MAX_BULK} items at once")));
    }
    keys.into_iter().map(value::key_of).collect()
}

/// Deletes or changes the items whose keys a request names: parameter `do` is `delete`, `set` (with `name`, `type`, `value`) or
/// `remove` (with `name`). Each item is changed by itself.
pub(crate) fn bulk(db: &Database, description: &TableDescription, request: &Request) -> Result<Changed, Refusal> {
    let keys = chosen(request)?;
    let what = request.required("do")?;
    let to = match what {
        "set" => Some(value::parse(
            request.parameter("type").unwrap_or("S"),
            request.parameter("value").unwrap_or_default(),
        )?),
        _ => None,
    };
    let mut changed = Changed::default();
    for key in keys {
        let done = match what {
            "delete" => delete(db, description, &key),
            "set" | "remove" => set(db, description, &key, request.required("name")?, to.as_ref()),
            _ => return Err(Refusal::invalid("do: it is delete, set or remove")),
        };
        changed.note(key.to_dynamodb_json(), done);
    }
    Ok(changed)
}

/// Answers `/console/api/tables/TABLE/items` and `/console/api/tables/TABLE/bulk`.
pub(crate) fn respond(context: &Context, request: &Request, table: &str, is_bulk: bool) -> Result<Answer, Refusal> {
    let db = &context.db;
    let description = tables::describe(db, table)?;
    if request.is_read() && !is_bulk {
        if let Some(text) = request.parameter("key") {
            let found = get(db, table, &value::key_of(text)?)?;
            let item = found.ok_or_else(|| Refusal::not_found("there is no item with this key"))?;
            return Ok(answer::json(&value::item_json(&item)));
        }
        let read = Read::of(&description.definition, request)?;
        return Ok(answer::json(&page(db, &description, &read)?));
    }
    context.check_write()?;
    let mut changed = Changed::default();
    match (request.method(), is_bulk) {
        (&Method::POST, true) => changed = bulk(db, &description, request)?,
        (&Method::PUT, false) => {
            let item = Item::from_dynamodb_json(request.text()?)?;
            let put = db.execute(&PutItem::new(table, item)).map(|output| output.consumed().total());
            changed.note("", Ok(put?));
        }
        (&Method::DELETE, false) => {
            let key = value::key_of(request.required("key")?)?;
            changed.note("", Ok(delete(db, &description, &key)?));
        }
        _ => return Err(Refusal::method()),
    }
    Ok(answer::json(&changed))
}
