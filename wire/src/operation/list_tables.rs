//! `ListTables`: names of tables in the order of their bytes, up to 100 a page.

use crate::{context::Context, error::Outcome, json::Writer, shape, validate::Violations};

const MAX_PAGE: i64 = 100;

pub(super) fn run(context: &Context<'_>, body: &[u8]) -> Outcome {
    let (mut limit, mut start) = (None, None);
    shape::request(body, |reader, name| {
        match name {
            "Limit" => limit = shape::integer(reader)?.map(i64::from),
            "ExclusiveStartTableName" => start = shape::string(reader)?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    let mut violations = Violations::default();
    violations.at_least(limit, "limit", 1);
    violations.at_most(limit, "limit", MAX_PAGE);
    if let Some(start) = &start {
        violations.name(start, "exclusiveStartTableName", true);
    }
    violations.finish()?;

    let names = context.database.list_tables();
    let first = start.map_or(0, |start| names.partition_point(|name| name.as_str() <= &*start));
    let count = usize::try_from(limit.unwrap_or(MAX_PAGE)).unwrap_or(0);
    let page = names.get(first..names.len().min(first + count)).unwrap_or_default();
    let mut out = Writer::with_capacity(64 + page.len() * 32);
    out.begin_object();
    out.name("TableNames");
    out.begin_array();
    page.iter().for_each(|name| out.string(name));
    out.end_array();
    if first + page.len() < names.len()
        && let Some(last) = page.last()
    {
        out.string_member("LastEvaluatedTableName", last);
    }
    out.end_object();
    Ok(out.into_bytes())
}
