//! The four operations on change streams: `ListStreams`, `DescribeStream`, `GetShardIterator`, `GetRecords`.

mod describe_stream;
mod get_records;
mod get_shard_iterator;
mod list_streams;

pub(super) use describe_stream::run as describe_stream;
pub(super) use get_records::run as get_records;
pub(super) use get_shard_iterator::run as get_shard_iterator;
pub(super) use list_streams::run as list_streams;

use crate::{arn::Arn, context::Context, error::Failure, validate::Violations};
use hashrange::streams::StreamDescription;

/// Bounds of the length of a stream's ARN, in characters.
const STREAM_ARN_LENGTH: (usize, usize) = (37, 1_024);
/// Bounds of the length of a shard's id, in characters.
const SHARD_ID_LENGTH: (usize, usize) = (28, 65);

/// Constraints on a member that names a stream.
fn check_arn(arn: Option<&str>, path: &str, violations: &mut Violations) {
    check_length(arn, path, STREAM_ARN_LENGTH, violations);
}

/// Constraints on a member that names a shard.
fn check_shard(shard: Option<&str>, path: &str, violations: &mut Violations) {
    check_length(shard, path, SHARD_ID_LENGTH, violations);
}

fn check_length(text: Option<&str>, path: &str, (least, most): (usize, usize), violations: &mut Violations) {
    if let Some(text) = text {
        violations.length(text.chars().count(), text, path, least, most);
    }
}

/// The table and the label of the stream that an ARN names.
fn parse(arn: &str) -> Result<(&str, &str), Failure> {
    let parsed = Arn::parse(arn);
    let label = parsed.and_then(|arn| arn.part?.strip_prefix("stream/"));
    match (parsed, label) {
        (Some(arn), Some(label)) => Ok((arn.table, label)),
        _ => Err(Failure::validation(format!("Invalid StreamArn: Invalid ResourceArn provided as input {arn}"))),
    }
}

/// The stream that an ARN names.
fn find(context: &Context<'_>, arn: &str) -> Result<StreamDescription, Failure> {
    let (table, label) = parse(arn)?;
    let found = context.database.describe_stream(table, label).ok();
    let found = found.filter(|_| Arn::parse(arn).is_some_and(|arn| context.owner.owns(&arn)));
    found.ok_or_else(|| Failure::not_found(format!("Requested resource not found: Stream: {arn} not found")))
}
