//! `Scan`.

use super::read_members::{self, ReadMembers};
use crate::{
    context::Context,
    error::{Failure, Outcome},
    legacy,
    profile::{MessageDialect, Profile},
    shape,
    validate::Violations,
    value::Decoder,
};
use hashrange::request::Scan;

const MAX_SEGMENTS: i64 = 1_000_000;

pub(super) fn run(context: &Context<'_>, body: &[u8]) -> Outcome {
    let profile = context.profile;
    let decoder = Decoder { profile, dialect: MessageDialect::Older };
    let mut members = ReadMembers::new(&["ProjectionExpression", "FilterExpression"]);
    let (mut segment, mut total) = (None, None);
    shape::request(body, |reader, name| {
        match name {
            "Segment" => segment = shape::integer(reader)?,
            "TotalSegments" => total = shape::integer(reader)?,
            _ => members.member(reader, name, "ScanFilter", decoder)?,
        }
        Ok(())
    })?;
    members.table.check_alone(context, MessageDialect::Older)?;
    let mut violations = Violations::default();
    members.check_members(profile, MessageDialect::Older, true, "scanFilter", &mut violations);
    check_segment_members(segment, total, profile, &mut violations);
    violations.finish()?;
    let older = members.older(&[("ScanFilter", members.filter.is_some())]);
    members.expressions.check_mixing(&older, profile, MessageDialect::Older)?;
    let older_projection = read_members::projection(members.attributes.as_deref())?;
    let operator = members.conditional_operator();
    let older_filter = legacy::filter_condition(members.filter.as_ref(), operator, profile)?;
    members.check_start(profile)?;
    let segments = segments(segment, total, profile)?;
    let parsed = members.expressions.parse(profile, MessageDialect::Older)?;
    let select = members.select(profile, "Scanning")?;

    let mut scan = Scan::new(members.table.name());
    scan.segment = segments;
    let projection = parsed.projection.or(older_projection);
    scan.options = members.page_options(select, parsed.filter.or(older_filter), projection);
    Ok(members.respond(&context.database.execute(&scan)?, select))
}

fn check_segment_members(segment: Option<i32>, total: Option<i32>, profile: Profile, violations: &mut Violations) {
    for (member, value, least) in [("TotalSegments", total, 1), ("Segment", segment, 0)] {
        if let Some(value) = value
            && value < least
        {
            violations.push(profile.small_number(MessageDialect::Older, member, value, least));
        }
    }
    violations.at_most(total.map(i64::from), "totalSegments", MAX_SEGMENTS);
    violations.at_most(segment.map(i64::from), "segment", MAX_SEGMENTS - 1);
}

/// Which segment of how many: both are given or neither is.
fn segments(segment: Option<i32>, total: Option<i32>, profile: Profile) -> Result<Option<(u32, u32)>, Failure> {
    let text = match (segment, total) {
        (None, None) => return Ok(None),
        (Some(_), None) => {
            "The TotalSegments parameter is required but was not present in the request when Segment parameter is \
             present"
                .to_owned()
        }
        (None, Some(_)) => {
            "The Segment parameter is required but was not present in the request when parameter TotalSegments is \
             present"
                .to_owned()
        }
        (Some(segment), Some(total)) if segment >= total => profile.segment(segment, total),
        (Some(segment), Some(total)) => {
            return Ok(u32::try_from(segment).ok().zip(u32::try_from(total).ok()));
        }
    };
    Err(Failure::validation(text))
}
