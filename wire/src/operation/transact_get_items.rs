//! `TransactGetItems`.

use super::transact_members::{self, Action, MAX_ACTIONS};
use crate::{
    capacity::{self, Kind, Report},
    context::Context,
    error::{Failure, Outcome},
    json::{Reader, Writer},
    profile::MessageDialect,
    shape::{self, Counted, JsonContext},
    table::name::TableName,
    validate::Violations,
    value::{self, Decoder},
};
use hashrange::{
    ItemRef,
    request::{TransactGetItem, TransactGetItems},
};
use std::borrow::Cow;

/// The gets of a request, as far as they can be right, and what else it asks.
#[derive(Default)]
struct Request<'a> {
    gets: Option<Counted<Option<Action<'a>>>>,
    report: Option<Cow<'a, str>>,
}

impl<'a> Request<'a> {
    fn decode(body: &'a [u8], decoder: Decoder) -> Result<Self, Failure> {
        let mut request = Self::default();
        shape::request(body, |reader, name| {
            match name {
                "TransactItems" => {
                    request.gets =
                        shape::counted(reader, "transactItems", MAX_ACTIONS, |reader| decode_get(reader, decoder))?;
                }
                "ReturnConsumedCapacity" => request.report = shape::string(reader)?,
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        Ok(request)
    }
}

/// An element of `TransactItems`: a get, or none if that member is missing.
fn decode_get<'a>(reader: &mut Reader<'a>, decoder: Decoder) -> Result<Option<Option<Action<'a>>>, Failure> {
    let mut get = None;
    shape::structure(reader, JsonContext::Element, "TransactGetItem", |reader, name| {
        match name {
            "Get" => get = transact_members::action(reader, "Get", "Key", &["ProjectionExpression"], decoder)?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    Ok(Some(get))
}

pub(super) fn run(context: &Context<'_>, body: &[u8]) -> Outcome {
    let profile = context.profile;
    let Request { gets, report } = Request::decode(body, Decoder { profile, dialect: MessageDialect::Older })?;
    let mut violations = Violations::default();
    transact_members::check_count(gets.as_ref().map(|gets| gets.total), "TransactGetItem", &mut violations);
    capacity::check(report.as_deref(), &mut violations);
    let gets = gets.map(|gets| gets.kept).unwrap_or_default();
    for (position, get) in gets.iter().enumerate() {
        let path = format!("transactItems.{}.member.get", position + 1);
        violations.not_null(get, &path);
        if let Some(get) = get {
            get.check_members(&path, "key", &mut violations);
        }
    }
    violations.finish()?;
    let gets: Vec<Action<'_>> = gets.into_iter().flatten().collect();
    for get in &gets {
        get.table.check_alone(context, MessageDialect::Older)?;
        get.check_values(profile)?;
    }
    let mut request = TransactGetItems::default();
    for get in &gets {
        let parsed = get.expressions.parse(profile, MessageDialect::Older)?;
        let Some(key) = &get.attributes else { continue };
        let mut one = TransactGetItem::new(get.table.name(), &key.item);
        one.projection = parsed.projection;
        request.gets.push(one);
    }
    let output = context.database.execute(&request)?;

    let size: usize = output.items.iter().flatten().map(|item| item.size_bytes() * 2).sum();
    let mut out = Writer::with_capacity(256 + size);
    out.begin_object();
    out.name("Responses");
    out.begin_array();
    for item in &output.items {
        out.begin_object();
        let shows = |item: &&ItemRef| !profile.omits_empty_projection() || item.iter().next().is_some();
        if let Some(item) = item.as_ref().filter(shows) {
            out.name("Item");
            value::write_item(&mut out, item);
        }
        out.end_object();
    }
    out.end_array();
    let given = |name: &str| gets.iter().map(|get| &get.table).find(|table| table.name() == name);
    let consumed = output.consumed.iter();
    let consumed = consumed.map(|(name, units)| (given(name).map_or(name.as_str(), TableName::given), units));
    capacity::write_list(&mut out, Report::of(report.as_deref()), Kind::TransactionRead, consumed);
    out.end_object();
    Ok(out.into_bytes())
}
