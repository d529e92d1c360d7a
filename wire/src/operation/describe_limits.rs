//! `DescribeLimits`: the quotas of an account, which are those that DynamoDB starts accounts with.

use crate::{context::Context, error::Outcome, json::Writer, shape};

const ACCOUNT_UNITS: u64 = 80_000;
const TABLE_UNITS: u64 = 40_000;

pub(super) fn run(_: &Context<'_>, body: &[u8]) -> Outcome {
    shape::request(body, |reader, _| Ok(reader.skip()?))?;
    let mut out = Writer::with_capacity(192);
    out.begin_object();
    out.integer_member("AccountMaxReadCapacityUnits", ACCOUNT_UNITS);
    out.integer_member("AccountMaxWriteCapacityUnits", ACCOUNT_UNITS);
    out.integer_member("TableMaxReadCapacityUnits", TABLE_UNITS);
    out.integer_member("TableMaxWriteCapacityUnits", TABLE_UNITS);
    out.end_object();
    Ok(out.into_bytes())
}
