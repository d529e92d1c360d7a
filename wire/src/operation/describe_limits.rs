//! `DescribeLimits`: the quotas of an account: those of the model of capacity, or those that DynamoDB starts accounts with.

use crate::{context::Context, error::Outcome, json::Writer, shape};

pub(super) fn run(context: &Context<'_>, body: &[u8]) -> Outcome {
    shape::request(body, |reader, _| Ok(reader.skip()?))?;
    let quotas = context.quotas();
    let mut out = Writer::with_capacity(192);
    out.begin_object();
    out.integer_member("AccountMaxReadCapacityUnits", quotas.account_read_units);
    out.integer_member("AccountMaxWriteCapacityUnits", quotas.account_write_units);
    out.integer_member("TableMaxReadCapacityUnits", quotas.table_read_units);
    out.integer_member("TableMaxWriteCapacityUnits", quotas.table_write_units);
    out.end_object();
    Ok(out.into_bytes())
}
