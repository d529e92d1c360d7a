//! `ListStreams`: streams in the order of their ARNs, up to 100 a page.

use super::{check_arn, parse};
use crate::{
    context::Context,
    error::{Failure, Outcome},
    json::Writer,
    profile::MessageDialect,
    shape,
    table::name::TableName,
    validate::Violations,
};
use hashrange::streams::StreamDescription;

const MAX_PAGE: i64 = 100;

pub(in crate::operation) fn run(context: &Context<'_>, body: &[u8]) -> Outcome {
    let (mut table, mut limit, mut start) = (None, None, None);
    shape::request(body, |reader, name| {
        match name {
            "TableName" => table = shape::string(reader)?,
            "Limit" => limit = shape::integer(reader)?.map(i64::from),
            "ExclusiveStartStreamArn" => start = shape::string(reader)?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    let has_table = table.is_some();
    let table = TableName::new(table);
    table.check_alone(context, MessageDialect::Older)?;
    let mut violations = Violations::default();
    violations.at_least(limit, "limit", 1);
    violations.at_most(limit, "limit", MAX_PAGE);
    if has_table {
        table.check(&mut violations, "tableName", false);
    }
    check_arn(start.as_deref(), "exclusiveStartStreamArn", &mut violations);
    violations.finish()?;
    start.as_deref().map(parse).transpose()?;

    let streams = context.database.list_streams(has_table.then(|| table.name()));
    if streams.is_empty() && has_table && context.database.describe_table(table.name()).is_err() {
        let text = format!("Requested resource not found: Table: {} not found", table.name());
        return Err(Failure::not_found(text));
    }
    let arn = |stream: &StreamDescription| context.owner.stream_arn(&stream.table_name, stream.label_millis);
    let mut streams: Vec<(String, StreamDescription)> =
        streams.into_iter().map(|stream| (arn(&stream), stream)).collect();
    streams.sort_by(|a, b| a.0.cmp(&b.0));
    let first = start.map_or(0, |start| streams.partition_point(|(arn, _)| arn.as_str() <= &*start));
    let count = usize::try_from(limit.unwrap_or(MAX_PAGE)).unwrap_or(0);
    let page = streams.get(first..streams.len().min(first + count)).unwrap_or_default();
    Ok(write(page, first + page.len() < streams.len()))
}

fn write(page: &[(String, StreamDescription)], has_more: bool) -> Vec<u8> {
    let mut out = Writer::with_capacity(64 + page.len() * 192);
    out.begin_object();
    out.name("Streams");
    out.begin_array();
    for (arn, stream) in page {
        out.begin_object();
        out.string_member("StreamArn", arn);
        out.string_member("TableName", &stream.table_name);
        out.string_member("StreamLabel", &stream.label);
        out.end_object();
    }
    out.end_array();
    if let (true, Some((arn, _))) = (has_more, page.last()) {
        out.string_member("LastEvaluatedStreamArn", arn);
    }
    out.end_object();
    out.into_bytes()
}
