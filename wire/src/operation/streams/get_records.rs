//! `GetRecords`: the changes behind a shard iterator.

use crate::{context::Context, error::Outcome, json::Writer, shape, table::description, validate::Violations, value};
use hashrange::{
    ItemRef,
    streams::{ChangeEvent, ChangeRecord},
};

const MAX_PAGE: i64 = 1_000;
/// Longest iterator, in characters.
const MAX_ITERATOR: usize = 2_048;

pub(in crate::operation) fn run(context: &Context<'_>, body: &[u8]) -> Outcome {
    let (mut iterator, mut limit) = (None, None);
    shape::request(body, |reader, name| {
        match name {
            "ShardIterator" => iterator = shape::string(reader)?,
            "Limit" => limit = shape::integer(reader)?.map(i64::from),
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    let mut violations = Violations::default();
    violations.not_null(&iterator, "shardIterator");
    if let Some(iterator) = iterator.as_deref() {
        violations.length(iterator.chars().count(), iterator, "shardIterator", 1, MAX_ITERATOR);
    }
    violations.at_least(limit, "limit", 1);
    violations.at_most(limit, "limit", MAX_PAGE);
    violations.finish()?;
    let limit = limit.and_then(|limit| usize::try_from(limit).ok());
    let page = context.database.stream_records(&iterator.unwrap_or_default(), limit)?;
    let size: usize = page.records.iter().map(|record| 512 + record.size_bytes() * 2).sum();
    let mut out = Writer::with_capacity(256 + size);
    out.begin_object();
    out.name("Records");
    out.begin_array();
    page.records.iter().for_each(|record| write(&mut out, &context.owner.region, record));
    out.end_array();
    if let Some(next) = &page.next {
        out.string_member("NextShardIterator", next);
    }
    out.end_object();
    Ok(out.into_bytes())
}

fn write(out: &mut Writer, region: &str, record: &ChangeRecord) {
    let event = match record.event {
        ChangeEvent::Insert => "INSERT",
        ChangeEvent::Modify => "MODIFY",
        ChangeEvent::Remove => "REMOVE",
    };
    out.begin_object();
    out.string_member("eventID", &record.event_id_text());
    out.string_member("eventName", event);
    out.string_member("eventVersion", "1.1");
    out.string_member("eventSource", "aws:dynamodb");
    out.string_member("awsRegion", region);
    out.name("dynamodb");
    out.begin_object();
    out.integer_member("ApproximateCreationDateTime", record.at_millis / 1000);
    out.name("Keys");
    value::write_key(out, &record.keys());
    write_image(out, "NewImage", record.new.as_ref());
    write_image(out, "OldImage", record.old.as_ref());
    out.string_member("SequenceNumber", &record.sequence_number());
    out.integer_member("SizeBytes", record.size_bytes() as u64);
    out.string_member("StreamViewType", description::stream_view_name(record.view));
    out.end_object();
    if record.by_ttl {
        out.name("userIdentity");
        out.begin_object();
        out.string_member("Type", "Service");
        out.string_member("PrincipalId", "dynamodb.amazonaws.com");
        out.end_object();
    }
    out.end_object();
}

fn write_image(out: &mut Writer, member: &str, image: Option<&ItemRef>) {
    if let Some(image) = image {
        out.name(member);
        value::write_item(out, image);
    }
}
