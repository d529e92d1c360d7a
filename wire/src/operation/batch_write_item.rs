//! `BatchWriteItem`.

use crate::{
    capacity::{self, Kind, Report},
    context::Context,
    error::{Failure, Outcome},
    json::{Reader, Writer},
    profile::MessageDialect,
    shape::{self, JsonContext},
    table::name::TableName,
    validate::{Violations, shortened, values},
    value::{self, Attributes, Decoder},
};
use hashrange::{
    Item,
    error::Detail,
    request::{BatchWriteItem, BatchWriteOutput},
};
use std::borrow::Cow;

/// Most puts and deletes of one request.
const MAX_WRITES: usize = 25;
/// Names of attributes that a message repeats of one item.
const SHOWN_NAMES: usize = 8;

const SEVERAL_TYPES: &str =
    "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes";

/// A put or a delete; exactly one of them, or the request is rejected.
#[derive(Default)]
struct WriteRequest {
    /// The outer option tells whether the member is there, the inner one whether it has an item.
    put: Option<Option<Attributes>>,
    delete: Option<Option<Attributes>>,
}

/// What a request does in one table.
struct WritesOfTable<'a> {
    table: TableName<'a>,
    /// Up to one more than there may be.
    writes: Vec<WriteRequest>,
}

pub(super) fn run(context: &Context<'_>, body: &[u8]) -> Outcome {
    let profile = context.profile;
    let (mut tables, mut report, mut metrics) = (None, None, None);
    shape::request(body, |reader, name| {
        match name {
            "RequestItems" => tables = decode_tables(reader, Decoder { profile, dialect: MessageDialect::Older })?,
            "ReturnConsumedCapacity" => report = shape::string(reader)?,
            "ReturnItemCollectionMetrics" => metrics = shape::string(reader)?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    let mut violations = Violations::default();
    capacity::check(report.as_deref(), &mut violations);
    if profile.tells_names_first() {
        std::mem::take(&mut violations).finish()?;
    }
    violations.one_of(metrics.as_deref(), "returnItemCollectionMetrics", values::COLLECTION_METRICS);
    violations.not_null(&tables, "requestItems");
    let tables: Vec<WritesOfTable<'_>> = tables.unwrap_or_default();
    if tables.is_empty() && violations.is_empty() {
        return Err(Failure::validation(profile.empty_batch("BatchWriteItem")));
    }
    check_members(&tables, &mut violations);
    violations.finish()?;
    tables.iter().try_for_each(|table| table.table.check_owner(context.owner))?;
    TableName::check_distinct(tables.iter().map(|table| &table.table))?;
    let writes = collect(&tables)?;
    let request = BatchWriteItem::new(writes.iter().map(|(table, write)| ((*table).into(), write.request())));
    let output = context.database.execute(&request).map_err(as_key_mismatch)?;
    let metrics = metrics.as_deref() == Some("SIZE");
    Ok(respond(context, &tables, &writes, &output, Report::of(report.as_deref()), metrics))
}

fn decode_tables<'a>(reader: &mut Reader<'a>, decoder: Decoder) -> Result<Option<Vec<WritesOfTable<'a>>>, Failure> {
    let mut tables = Vec::new();
    let class = "java.util.List<com.amazonaws.dynamodb.v20120810.WriteRequest>";
    let present = shape::map(reader, class, |reader, table| {
        if tables.len() > MAX_WRITES {
            // Too many writes in any case: each table has at least one.
            return Ok(reader.skip()?);
        }
        let writes = shape::counted(reader, &format!("requestItems.{table}.member"), MAX_WRITES + 1, |reader| {
            let mut write = WriteRequest::default();
            let present = shape::structure(reader, JsonContext::Element, "WriteRequest", |reader, name| {
                match name {
                    "PutRequest" => write.put = holder(reader, "PutRequest", "Item", decoder)?,
                    "DeleteRequest" => write.delete = holder(reader, "DeleteRequest", "Key", decoder)?,
                    _ => reader.skip()?,
                }
                Ok(())
            })?;
            Ok(present.then_some(write))
        })?;
        tables.extend(writes.map(|writes| WritesOfTable { table: TableName::new(Some(table)), writes: writes.kept }));
        Ok(())
    })?;
    Ok(present.then_some(tables))
}

/// A structure with one member.
fn holder(
    reader: &mut Reader<'_>,
    class: &str,
    member: &str,
    decoder: Decoder,
) -> Result<Option<Option<Attributes>>, Failure> {
    let mut held = None;
    let present = shape::structure(reader, JsonContext::Field, class, |reader, name| {
        if name == member {
            held = decoder.attributes(reader)?;
        } else {
            reader.skip()?;
        }
        Ok(())
    })?;
    Ok(present.then_some(held))
}

fn check_members(tables: &[WritesOfTable<'_>], violations: &mut Violations) {
    for WritesOfTable { table, writes } in tables {
        let shown = || {
            let all: Vec<String> = writes.iter().take(MAX_WRITES + 1).map(WriteRequest::shown).collect();
            all.join(", ")
        };
        table.check_map_key(violations, |name| format!("{{{name}=[{}]}}", shown()));
        let name = shortened(table.given());
        if !(1..=MAX_WRITES).contains(&writes.len()) {
            violations.push(format!(
                "Value '{{{name}=[{}]}}' at 'requestItems' failed to satisfy constraint: Map value must satisfy \
                 constraint: [Member must have length less than or equal to {MAX_WRITES}, Member must have length \
                 greater than or equal to 1]",
                shown()
            ));
        }
        for (position, write) in writes.iter().enumerate() {
            let path = format!("requestItems.{name}.member.{}.member", position + 1);
            if let Some(item) = &write.put {
                violations.not_null(item, &format!("{path}.putRequest.item"));
            }
            if let Some(key) = &write.delete {
                violations.not_null(key, &format!("{path}.deleteRequest.key"));
            }
        }
    }
}

impl WriteRequest {
    /// As messages print it, but for values.
    fn shown(&self) -> String {
        let names = |attributes: &Option<Attributes>| {
            let names = attributes.iter().flat_map(|attributes| attributes.item.keys()).take(SHOWN_NAMES);
            let shown: Vec<String> = names.map(|name| format!("{}=...", shortened(name))).collect();
            shown.join(", ")
        };
        match (&self.put, &self.delete) {
            (Some(item), _) => format!("WriteRequest(putRequest=PutRequest(item={{{}}}))", names(item)),
            (None, Some(key)) => format!("WriteRequest(deleteRequest=DeleteRequest(key={{{}}}))", names(key)),
            (None, None) => "WriteRequest()".to_owned(),
        }
    }
}

/// One write, after the checks of its values.
#[derive(Clone, Copy)]
enum Action<'a> {
    Put(&'a Item),
    Delete(&'a Item),
}

impl<'a> Action<'a> {
    /// The item, or the key.
    fn item(self) -> &'a Item {
        match self {
            Self::Put(item) | Self::Delete(item) => item,
        }
    }
    fn request(self) -> hashrange::request::WriteRequest<'a> {
        match self {
            Self::Put(item) => hashrange::request::WriteRequest::Put(Cow::Borrowed(item)),
            Self::Delete(key) => hashrange::request::WriteRequest::Delete(key.into()),
        }
    }
}

/// The writes in the order of the request with their tables, after the checks of their values.
fn collect<'a>(tables: &'a [WritesOfTable<'_>]) -> Result<Vec<(&'a str, Action<'a>)>, Failure> {
    let mut all = Vec::new();
    for WritesOfTable { table, writes } in tables {
        for write in writes {
            let one = match write {
                WriteRequest { put: Some(Some(item)), delete: None } => {
                    item.check().map_err(Failure::validation)?;
                    item.check_size()?;
                    Action::Put(&item.item)
                }
                WriteRequest { put: None, delete: Some(Some(key)) } => {
                    key.check().map_err(Failure::validation)?;
                    Action::Delete(&key.item)
                }
                _ => return Err(Failure::validation(SEVERAL_TYPES)),
            };
            all.push((table.name(), one));
        }
    }
    if all.len() > MAX_WRITES {
        return Err(Failure::validation("Too many items requested for the BatchWriteItem call"));
    }
    Ok(all)
}

/// In a batch, an item with a wrong key is rejected like a wrong key.
fn as_key_mismatch(error: hashrange::Error) -> Failure {
    if matches!(error.detail(), Some(Detail::KeyMissing { .. } | Detail::KeyType { index: None, .. })) {
        return Failure::validation("The provided key element does not match the schema");
    }
    error.into()
}

fn respond(
    context: &Context<'_>,
    tables: &[WritesOfTable<'_>],
    writes: &[(&str, Action<'_>)],
    output: &BatchWriteOutput,
    report: Report,
    metrics: bool,
) -> Vec<u8> {
    let given = |name: &str| tables.iter().map(|table| &table.table).find(|table| table.name() == name);
    let mut out = Writer::with_capacity(256);
    out.begin_object();
    out.name("UnprocessedItems");
    out.begin_object();
    for WritesOfTable { table, .. } in tables {
        let left = output.unprocessed.iter().filter_map(|at| writes.get(*at));
        let left: Vec<Action<'_>> = left.filter(|(name, _)| *name == table.name()).map(|(_, write)| *write).collect();
        if !left.is_empty() {
            out.name(table.given());
            out.begin_array();
            left.iter().for_each(|write| write_request(&mut out, *write));
            out.end_array();
        }
    }
    out.end_object();
    if metrics {
        let items = writes.iter().map(|(table, write)| (*table, write.item()));
        capacity::write_metrics_by_table(&mut out, context.database, items);
    }
    let consumed = output.consumed.iter();
    let consumed = consumed.map(|(name, units)| (given(name).map_or(name.as_str(), TableName::given), units));
    capacity::write_list(&mut out, report, Kind::Single, consumed);
    out.end_object();
    out.into_bytes()
}

fn write_request(out: &mut Writer, write: Action<'_>) {
    let (request, member) = match write {
        Action::Put(_) => ("PutRequest", "Item"),
        Action::Delete(_) => ("DeleteRequest", "Key"),
    };
    out.begin_object();
    out.name(request);
    out.begin_object();
    out.name(member);
    value::write_key(out, write.item());
    out.end_object();
    out.end_object();
}
