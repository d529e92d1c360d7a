//! `GetShardIterator`: where in a shard a reader begins.

use super::{check_arn, check_shard, find};
use crate::{
    context::Context,
    error::{Failure, Outcome},
    json::Writer,
    shape,
    validate::{Violations, values},
};
use hashrange::streams::IteratorStart;

/// Bounds of the length of a sequence number, in digits.
const SEQUENCE_LENGTH: (usize, usize) = (21, 40);

pub(in crate::operation) fn run(context: &Context<'_>, body: &[u8]) -> Outcome {
    let (mut arn, mut shard, mut kind, mut sequence, mut timestamp) = (None, None, None, None, None);
    shape::request(body, |reader, name| {
        match name {
            "StreamArn" => arn = shape::string(reader)?,
            "ShardId" => shard = shape::string(reader)?,
            "ShardIteratorType" => kind = shape::string(reader)?,
            "SequenceNumber" => sequence = shape::string(reader)?,
            "Timestamp" => timestamp = shape::double(reader)?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    let mut violations = Violations::default();
    violations.not_null(&arn, "streamArn");
    check_arn(arn.as_deref(), "streamArn", &mut violations);
    violations.not_null(&shard, "shardId");
    check_shard(shard.as_deref(), "shardId", &mut violations);
    violations.not_null(&kind, "shardIteratorType");
    violations.one_of(kind.as_deref(), "shardIteratorType", values::ITERATOR);
    check_sequence(sequence.as_deref(), &mut violations);
    violations.finish()?;
    let start = start(&kind.unwrap_or_default(), sequence.as_deref(), timestamp)?;
    let stream = find(context, &arn.unwrap_or_default())?;
    let shard = shard.unwrap_or_default();
    let iterator = context.database.shard_iterator(&stream.table_name, &stream.label, &shard, &start)?;
    let mut out = Writer::with_capacity(128);
    out.begin_object();
    out.string_member("ShardIterator", &iterator);
    out.end_object();
    Ok(out.into_bytes())
}

fn check_sequence(sequence: Option<&str>, violations: &mut Violations) {
    let Some(length) = sequence.map(|sequence| sequence.chars().count()) else { return };
    let (least, most) = SEQUENCE_LENGTH;
    let bound = match length {
        length if length < least => format!("greater than or equal to {least}"),
        length if length > most => format!("less than or equal to {most}"),
        _ => return,
    };
    violations.push(format!("Value at 'sequenceNumber' failed to satisfy constraint: Member must have length {bound}"));
}

/// Where the iterator begins; each kind takes the members that it needs and no other.
fn start(kind: &str, sequence: Option<&str>, timestamp: Option<f64>) -> Result<IteratorStart, Failure> {
    let at_sequence = matches!(kind, "AT_SEQUENCE_NUMBER" | "AFTER_SEQUENCE_NUMBER");
    let at_time = kind == "AT_TIMESTAMP";
    for (member, given, needed) in
        [("SequenceNumber", sequence.is_some(), at_sequence), ("Timestamp", timestamp.is_some(), at_time)]
    {
        if needed && !given {
            return Err(Failure::invalid_parameter(format_args!("{member} cannot be null")));
        }
        if given && !needed {
            let text = format!("{member} should not be passed for this iterator type");
            return Err(Failure::invalid_parameter(text));
        }
    }
    let sequence = sequence.unwrap_or_default().to_owned();
    Ok(match kind {
        "LATEST" => IteratorStart::Latest,
        "AT_SEQUENCE_NUMBER" => IteratorStart::AtSequenceNumber(sequence),
        "AFTER_SEQUENCE_NUMBER" => IteratorStart::AfterSequenceNumber(sequence),
        // The cast saturates: times before 1970 are 1970, those too far ahead are rejected as the future.
        "AT_TIMESTAMP" => IteratorStart::AtTimestamp((timestamp.unwrap_or(0.0) * 1000.0) as u64),
        _ => IteratorStart::TrimHorizon,
    })
}
