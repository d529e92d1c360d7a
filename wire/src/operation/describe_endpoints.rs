//! `DescribeEndpoints`: where clients that discover endpoints shall go on.

use crate::{context::Context, error::Outcome, json::Writer, shape};

/// How long clients may remember the answer, in minutes.
const CACHE_MINUTES: u64 = 1_440;

pub(super) fn run(context: &Context<'_>, body: &[u8]) -> Outcome {
    shape::request(body, |reader, _| Ok(reader.skip()?))?;
    let mut out = Writer::with_capacity(128);
    out.begin_object();
    out.name("Endpoints");
    out.begin_array();
    out.begin_object();
    out.string_member("Address", &format!("dynamodb.{}.amazonaws.com", context.owner.region));
    out.integer_member("CachePeriodInMinutes", CACHE_MINUTES);
    out.end_object();
    out.end_array();
    out.end_object();
    Ok(out.into_bytes())
}
