//! ARNs of backups, exports, imports and bulk operations, and pages of lists of them.
//!
//! Of such an ARN only account, table and id identify: the service ignores the region of a backup's, and answers with the ARN
//! as it was sent.

use crate::{arn::Arn, context::Context, error::Failure, shape, table::members, validate::Violations};

/// Shortest and longest ARN of this kind, in characters.
const ARN_CHARS: (usize, usize) = (37, 1_024);
/// Regions of the service.
const REGIONS: &[&str] = &[
    "af-south-1",
    "ap-east-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

/// What an ARN identifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct JobArn {
    /// As it was sent.
    pub(super) given: String,
    pub(super) region: String,
    pub(super) table: String,
    pub(super) id: String,
}

/// The ARN in a member, which has to be there, with the constraints on its length.
pub(super) fn checked(arn: &Option<String>, path: &str, violations: &mut Violations) {
    violations.not_null(arn, path);
    if let Some(arn) = arn {
        violations.length(arn.chars().count(), arn, path, ARN_CHARS.0, ARN_CHARS.1);
    }
}

/// A request whose only member is an ARN.
pub(super) fn decode(body: &[u8], member: &str) -> Result<String, Failure> {
    let mut found = None;
    shape::request(body, |reader, name| {
        if name == member {
            found = members::text(reader)?;
            return Ok(());
        }
        Ok(reader.skip()?)
    })?;
    let mut violations = Violations::default();
    checked(&found, &crate::profile::lower_first(member), &mut violations);
    violations.finish()?;
    Ok(found.unwrap_or_default())
}

/// Takes the ARN of a `kind` (`Backup`, `Export`, `Import`) apart.
pub(super) fn parse(context: &Context<'_>, given: &str, kind: &str) -> Result<JobArn, Failure> {
    let invalid = || Failure::validation(format!("Invalid {kind} ARN"));
    let fields: Vec<&str> = given.splitn(6, ':').collect();
    let ["arn", partition, service, region, _, _] = fields[..] else { return Err(invalid()) };
    // The shape is looked at as if the service were right.
    let normal = given.replacen(&format!("arn:{partition}:{service}:"), "arn:aws:dynamodb:", 1);
    let arn = Arn::parse(&normal).ok_or_else(invalid)?;
    let part = format!("{}/", kind.to_ascii_lowercase());
    let id = arn.part.and_then(|found| found.strip_prefix(&part)).filter(|id| !id.contains('/')).ok_or_else(invalid)?;
    let is_known = REGIONS.contains(&region) || region == context.owner.region;
    if partition != "aws" || service != "dynamodb" || !is_known {
        return Err(Failure::validation(format!("Invalid Request: {kind}Arn is not valid")));
    }
    if arn.account != context.owner.account {
        return Err(Failure::access_denied("Access is denied"));
    }
    Ok(JobArn { given: given.to_owned(), region: region.to_owned(), table: arn.table.to_owned(), id: id.to_owned() })
}

/// A page of a list that is shown newest first.
#[derive(Debug, Default)]
pub(super) struct PageRequest {
    pub(super) table: Option<String>,
    size: Option<i32>,
    token: Option<String>,
}

impl PageRequest {
    /// Decodes a request; `limit` is the member with the size of a page, of 25 at most.
    pub(super) fn decode(body: &[u8], limit: &str) -> Result<Self, Failure> {
        let mut page = Self::default();
        shape::request(body, |reader, name| {
            match name {
                _ if name == limit => page.size = shape::integer(reader)?,
                "TableArn" => page.table = members::text(reader)?,
                "NextToken" => page.token = members::text(reader)?,
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        let path = crate::profile::lower_first(limit);
        let mut violations = Violations::default();
        violations.at_least(page.size.map(i64::from), &path, 1);
        violations.at_most(page.size.map(i64::from), &path, 25);
        violations.finish()?;
        Ok(page)
    }

    /// The name of the table whose jobs are asked for, if one is.
    pub(super) fn table_name(&self) -> Option<&str> {
        self.table.as_deref().map(|arn| Arn::parse(arn).map_or(arn, |arn| arn.table))
    }

    /// The ids of a page out of all of them, which are in ascending order, and the token that goes on behind it.
    pub(super) fn cut<'r, R>(
        &self,
        rows: &'r [R],
        id: impl Fn(&R) -> &str,
    ) -> Result<(Vec<&'r R>, Option<String>), Failure> {
        let end = match &self.token {
            None => rows.len(),
            Some(token) => {
                let before = token_id(token).ok_or_else(|| {
                    Failure::validation(format!("Invalid Request: Provided nextToken is invalid: {token}"))
                })?;
                rows.partition_point(|row| id(row) < before.as_str())
            }
        };
        let size = usize::try_from(self.size.unwrap_or(10)).unwrap_or(0);
        let page: Vec<&R> = rows[..end].iter().rev().take(size).collect();
        let more = end > page.len();
        let token = page.last().filter(|_| more).map(|last| token(id(last)));
        Ok((page, token))
    }
}

/// The token that goes on behind a row.
fn token(id: &str) -> String {
    let check = crate::arn::identity(&[b"page behind", id.as_bytes()]);
    hashrange::item::base64::encode(format!("{id}/{}", &check[..8]).as_bytes())
}

fn token_id(text: &str) -> Option<String> {
    let text = String::from_utf8(hashrange::item::base64::decode(text).ok()?).ok()?;
    let (id, _) = text.split_once('/')?;
    (token(id) == hashrange::item::base64::encode(text.as_bytes())).then(|| id.to_owned())
}
