//! `DescribeStream`: a stream and its shards, parents before children, up to 100 a page.

use super::{check_arn, check_shard, find};
use crate::{
    context::Context,
    error::Outcome,
    json::Writer,
    shape::{self, JsonContext},
    table::{description, members},
    validate::Violations,
};
use hashrange::streams::{ShardDescription, StreamDescription, StreamStatus};

const MAX_PAGE: i64 = 100;

/// `ShardFilter`: only the children of one shard.
#[derive(Default)]
struct Filter {
    kind: Option<String>,
    shard: Option<String>,
}

pub(in crate::operation) fn run(context: &Context<'_>, body: &[u8]) -> Outcome {
    let (mut arn, mut limit, mut start, mut filter) = (None, None, None, None);
    shape::request(body, |reader, name| {
        match name {
            "StreamArn" => arn = shape::string(reader)?,
            "Limit" => limit = shape::integer(reader)?.map(i64::from),
            "ExclusiveStartShardId" => start = shape::string(reader)?,
            "ShardFilter" => {
                let mut found = Filter::default();
                let present = shape::structure(reader, JsonContext::Field, "ShardFilter", |reader, name| {
                    match name {
                        "Type" => found.kind = members::text(reader)?,
                        "ShardId" => found.shard = members::text(reader)?,
                        _ => reader.skip()?,
                    }
                    Ok(())
                })?;
                filter = present.then_some(found);
            }
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    let mut violations = Violations::default();
    violations.not_null(&arn, "streamArn");
    check_arn(arn.as_deref(), "streamArn", &mut violations);
    violations.at_least(limit, "limit", 1);
    violations.at_most(limit, "limit", MAX_PAGE);
    check_shard(start.as_deref(), "exclusiveStartShardId", &mut violations);
    if let Some(filter) = &filter {
        violations.not_null(&filter.kind, "shardFilter.type");
        violations.one_of(filter.kind.as_deref(), "shardFilter.type", &["CHILD_SHARDS"]);
        violations.not_null(&filter.shard, "shardFilter.shardId");
        check_shard(filter.shard.as_deref(), "shardFilter.shardId", &mut violations);
    }
    violations.finish()?;
    let arn = arn.unwrap_or_default();
    let stream = find(context, &arn)?;
    let parent = filter.and_then(|filter| filter.shard);
    let shards: Vec<&ShardDescription> =
        stream.shards.iter().filter(|shard| parent.is_none() || shard.parent == parent).collect();
    let first = start.map_or(0, |start| match shards.iter().position(|shard| shard.id == *start) {
        Some(position) => position + 1,
        // The shard may be gone since it was told of.
        None => shards.iter().position(|shard| *shard.id > *start).unwrap_or(shards.len()),
    });
    let count = usize::try_from(limit.unwrap_or(MAX_PAGE)).unwrap_or(0);
    let page = shards.get(first..shards.len().min(first + count)).unwrap_or_default();
    Ok(write(&arn, &stream, page, first + page.len() < shards.len()))
}

fn write(arn: &str, stream: &StreamDescription, page: &[&ShardDescription], has_more: bool) -> Vec<u8> {
    let mut out = Writer::with_capacity(512 + page.len() * 192);
    out.begin_object();
    out.name("StreamDescription");
    out.begin_object();
    out.string_member("StreamArn", arn);
    out.string_member("StreamLabel", &stream.label);
    let status = match stream.status {
        StreamStatus::Enabled => "ENABLED",
        StreamStatus::Disabled => "DISABLED",
    };
    out.string_member("StreamStatus", status);
    out.string_member("StreamViewType", description::stream_view_name(stream.view));
    out.name("CreationRequestDateTime");
    out.epoch_seconds(stream.label_millis);
    out.string_member("TableName", &stream.table_name);
    description::write_key_schema(&mut out, std::slice::from_ref(&stream.key.hash), stream.key.range.as_slice());
    out.name("Shards");
    out.begin_array();
    page.iter().for_each(|shard| write_shard(&mut out, shard));
    out.end_array();
    if let (true, Some(shard)) = (has_more, page.last()) {
        out.string_member("LastEvaluatedShardId", &shard.id);
    }
    out.end_object();
    out.end_object();
    out.into_bytes()
}

fn write_shard(out: &mut Writer, shard: &ShardDescription) {
    out.begin_object();
    out.string_member("ShardId", &shard.id);
    if let Some(parent) = &shard.parent {
        out.string_member("ParentShardId", parent);
    }
    out.name("SequenceNumberRange");
    out.begin_object();
    out.string_member("StartingSequenceNumber", &shard.starting_sequence_number);
    if let Some(end) = &shard.ending_sequence_number {
        out.string_member("EndingSequenceNumber", end);
    }
    out.end_object();
    out.end_object();
}
