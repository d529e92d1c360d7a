//! `BatchGetItem`.

use super::read_members;
use crate::{
    capacity::{self, Kind, Report},
    context::Context,
    error::{Failure, Outcome},
    expressions::Expressions,
    json::{Reader, Writer},
    profile::{MessageDialect, Profile},
    shape::{self, JsonContext},
    table::name::TableName,
    validate::Violations,
    value::{self, Attributes, Decoder},
};
use hashrange::request::{BatchGetItem, BatchGetOutput, KeysAndAttributes};

/// Most keys of one request.
const MAX_KEYS: usize = 100;

/// What a request asks of one table.
struct KeysOfTable<'a> {
    table: TableName<'a>,
    keys: Option<Vec<Attributes>>,
    attributes: Option<Vec<String>>,
    consistent: Option<bool>,
    expressions: Expressions<'a>,
}

pub(super) fn run(context: &Context<'_>, body: &[u8]) -> Outcome {
    let profile = context.profile;
    let decoder = Decoder { profile, dialect: MessageDialect::Read };
    let (mut tables, mut report) = (None, None);
    shape::request(body, |reader, name| {
        match name {
            "RequestItems" => tables = decode_tables(reader, decoder)?,
            "ReturnConsumedCapacity" => report = shape::string(reader)?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    let mut violations = Violations::default();
    if !profile.tells_names_first() {
        capacity::check(report.as_deref(), &mut violations);
    }
    violations.not_null(&tables, "requestItems");
    let tables: Vec<KeysOfTable<'_>> = tables.unwrap_or_default();
    if tables.is_empty() && violations.is_empty() {
        return Err(Failure::validation(profile.empty_batch("BatchGetItem")));
    }
    check_members(&tables, profile, &mut violations);
    if profile.tells_names_first() {
        capacity::check(report.as_deref(), &mut violations);
    }
    violations.finish()?;
    let total: usize = tables.iter().map(|table| table.keys().len().max(1)).sum();
    if total > MAX_KEYS {
        return Err(Failure::validation("Too many items requested for the BatchGetItem call"));
    }
    tables.iter().try_for_each(|table| table.table.check_owner(context.owner))?;
    TableName::check_distinct(tables.iter().map(|table| &table.table))?;
    check_mixing_over_tables(&tables, profile)?;
    let mut request = BatchGetItem::default();
    for table in &tables {
        request.tables.push(table.request(profile)?);
    }
    let output = context.database.execute(&request)?;
    Ok(respond(&tables, &output, Report::of(report.as_deref())))
}

fn decode_tables<'a>(reader: &mut Reader<'a>, decoder: Decoder) -> Result<Option<Vec<KeysOfTable<'a>>>, Failure> {
    let mut tables: Vec<KeysOfTable<'a>> = Vec::new();
    let present = shape::map(reader, "KeysAndAttributes", |reader, table| {
        if tables.len() > MAX_KEYS {
            // Too many keys in any case: each table has at least one.
            return Ok(reader.skip()?);
        }
        let mut found = KeysOfTable {
            table: TableName::new(Some(table)),
            keys: None,
            attributes: None,
            consistent: None,
            expressions: Expressions::of(&["ProjectionExpression"]),
        };
        let present = shape::structure(reader, JsonContext::Element, "KeysAndAttributes", |reader, name| {
            match name {
                "Keys" => {
                    let keys = shape::counted(reader, "requestItems.member.keys", MAX_KEYS + 1, |reader| {
                        decoder.attributes(reader)
                    })?;
                    found.keys = keys.map(|keys| keys.kept);
                }
                "AttributesToGet" => found.attributes = read_members::attributes_to_get(reader)?,
                "ConsistentRead" => found.consistent = shape::boolean(reader)?,
                _ => {
                    if !found.expressions.member(reader, name, decoder)? {
                        reader.skip()?;
                    }
                }
            }
            Ok(())
        })?;
        if present {
            tables.push(found);
        }
        Ok(())
    })?;
    Ok(present.then_some(tables))
}

fn check_members(tables: &[KeysOfTable<'_>], profile: Profile, violations: &mut Violations) {
    for table in tables {
        let name = table.table.given();
        table.table.check_map_key(violations, |name| match profile.echoes_maps_as_json() {
            true => echo(tables),
            false => format!("{{{name}=...}}"),
        });
        violations.not_null(&table.keys, &format!("requestItems.{name}.member.keys"));
        if let Some(keys) = &table.keys {
            let bound = match keys.len() {
                0 => "greater than or equal to 1",
                1..=MAX_KEYS => continue,
                _ => "less than or equal to 100",
            };
            violations.push(format!(
                "Value at 'RequestItems.{name}.member.Keys' failed to satisfy constraint: Member must have length {bound}"
            ));
        }
        let path = format!("requestItems.{name}.member.attributesToGet");
        read_members::check_attributes_to_get(table.attributes.as_deref(), &path, violations);
    }
}

/// The tables as the request gave them.
fn echo(tables: &[KeysOfTable<'_>]) -> String {
    let mut out = Writer::with_capacity(256);
    out.begin_object();
    for table in tables {
        table.write_unprocessed(&mut out, &(0..table.keys().len()).collect::<Vec<_>>());
    }
    out.end_object();
    String::from_utf8_lossy(&out.into_bytes()).into_owned()
}

/// One table's expression and another's older form do not go together either.
fn check_mixing_over_tables(tables: &[KeysOfTable<'_>], profile: Profile) -> Result<(), Failure> {
    let older = tables.iter().any(|table| table.attributes.is_some());
    let newer = tables.iter().any(|table| table.expressions.text("ProjectionExpression").is_some());
    if older && newer && profile.refuses_mixing_over_tables() {
        let text = "Can not use both expression and non-expression parameters in the same request: Non-expression \
                    parameters: {AttributesToGet} Expression parameters: {ProjectionExpression}";
        return Err(Failure::validation(text));
    }
    Ok(())
}

impl KeysOfTable<'_> {
    fn keys(&self) -> &[Attributes] {
        self.keys.as_deref().unwrap_or_default()
    }

    /// What the engine shall read.
    fn request(&self, profile: Profile) -> Result<KeysAndAttributes<'_>, Failure> {
        let older = [("AttributesToGet", self.attributes.is_some())];
        self.expressions.check_mixing(&older, profile, MessageDialect::Read)?;
        let older = read_members::projection(self.attributes.as_deref())?;
        for key in self.keys() {
            key.check().map_err(Failure::validation)?;
        }
        let parsed = self.expressions.parse(profile, MessageDialect::Read)?;
        let keys = self.keys();
        if keys.iter().enumerate().any(|(position, key)| keys[..position].iter().any(|other| other.item == key.item)) {
            return Err(Failure::validation("Provided list of item keys contains duplicates"));
        }
        let mut wanted = KeysAndAttributes::new(self.table.name(), keys.iter().map(|key| &key.item));
        wanted.projection = parsed.projection.or(older);
        wanted.consistent_read = self.consistent.unwrap_or(false);
        Ok(wanted)
    }

    /// The table as the request gave it, with keys that were not read, in the form of a request.
    fn write_unprocessed(&self, out: &mut Writer, left: &[usize]) {
        out.name(self.table.given());
        out.begin_object();
        out.name("Keys");
        out.begin_array();
        left.iter().filter_map(|at| self.keys().get(*at)).for_each(|key| value::write_key(out, &key.item));
        out.end_array();
        if let Some(attributes) = &self.attributes {
            out.name("AttributesToGet");
            out.begin_array();
            attributes.iter().for_each(|attribute| out.string(attribute));
            out.end_array();
        }
        if let Some(consistent) = self.consistent {
            out.boolean_member("ConsistentRead", consistent);
        }
        if let Some(projection) = self.expressions.text("ProjectionExpression") {
            out.string_member("ProjectionExpression", projection);
        }
        self.expressions.write_names(out);
        out.end_object();
    }
}

fn respond(tables: &[KeysOfTable<'_>], output: &BatchGetOutput, report: Report) -> Vec<u8> {
    let items = output.items.iter().flat_map(|(_, items)| items);
    let size: usize = items.map(|item| item.size_bytes() * 2).sum();
    let given = |name: &str| tables.iter().find(|table| table.table.name() == name);
    let mut out = Writer::with_capacity(256 + size);
    out.begin_object();
    out.name("Responses");
    out.begin_object();
    for (name, items) in &output.items {
        out.name(given(name).map_or(name, |table| table.table.given()));
        out.begin_array();
        items.iter().for_each(|item| value::write_item(&mut out, item));
        out.end_array();
    }
    out.end_object();
    out.name("UnprocessedKeys");
    out.begin_object();
    for (table, left) in tables.iter().zip(&output.unprocessed) {
        if !left.is_empty() {
            table.write_unprocessed(&mut out, left);
        }
    }
    out.end_object();
    let consumed = output.consumed.iter();
    let consumed =
        consumed.map(|(name, units)| (given(name).map_or(name.as_str(), |table| table.table.given()), units));
    capacity::write_list(&mut out, report, Kind::Single, consumed);
    out.end_object();
    out.into_bytes()
}
