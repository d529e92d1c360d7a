//! Amazon resource names of tables, indexes and streams.
//!
//! ```text
//! arn:aws:dynamodb:<region>:<account>:table/<table>
//! arn:aws:dynamodb:<region>:<account>:table/<table>/index/<index>
//! arn:aws:dynamodb:<region>:<account>:table/<table>/stream/<label>      label: 2026-11-20T12:34:56.789
//! ```
//!
//! Members that name a table also take the table's ARN.

use hashrange::{date, schema::TableDefinition};
use sha2::{Digest, Sha256};

/// The partition of all ARNs here.
const PARTITION: &str = "aws";

/// Whose resources these are: the parts of an ARN that a local database has to make up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Region, such as `us-east-1`.
    pub region: String,
    /// Account, 12 digits.
    pub account: String,
}

impl Default for Owner {
    fn default() -> Self {
        Self { region: "us-east-1".to_owned(), account: "000000000000".to_owned() }
    }
}

impl Owner {
    /// ARN of a table.
    pub fn table_arn(&self, table: &str) -> String {
        format!("arn:aws:dynamodb:{}:{}:table/{table}", self.region, self.account)
    }

    /// ARN of an index.
    pub fn index_arn(&self, table: &str, index: &str) -> String {
        format!("{}/index/{index}", self.table_arn(table))
    }

    /// ARN of the stream of a table that was enabled at `label_millis` since 1970.
    pub fn stream_arn(&self, table: &str, label_millis: u64) -> String {
        format!("{}/stream/{}", self.table_arn(table), date::label(label_millis))
    }

    /// Whether an ARN that parses is of the owner's partition and region; the account may be another one.
    pub(crate) fn has_region_of(&self, arn: &Arn<'_>) -> bool {
        arn.partition == PARTITION && self.region == arn.region
    }

    /// Whether an ARN that parses belongs to this owner.
    pub(crate) fn owns(&self, arn: &Arn<'_>) -> bool {
        self.has_region_of(arn) && self.account == arn.account
    }
}

/// An ARN of a table or of something that belongs to a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arn<'a> {
    pub(crate) partition: &'a str,
    pub(crate) region: &'a str,
    pub(crate) account: &'a str,
    pub(crate) table: &'a str,
    /// What follows the table: `index/name` or `stream/label`.
    pub(crate) part: Option<&'a str>,
}

impl<'a> Arn<'a> {
    /// Takes an ARN apart; `None` if it is not one of a table.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let mut fields = text.strip_prefix("arn:")?.splitn(5, ':');
        let (partition, service) = (fields.next()?, fields.next()?);
        let (region, account) = (fields.next()?, fields.next()?);
        let resource = fields.next()?.strip_prefix("table/")?;
        let (table, part) = match resource.split_once('/') {
            Some((table, part)) => (table, Some(part)),
            None => (resource, None),
        };
        let is_account = !account.is_empty() && account.bytes().all(|byte| byte.is_ascii_digit());
        let is_table = (3..=255).contains(&table.len()) && crate::validate::matches_name_pattern(table);
        (service == "dynamodb" && is_account && is_table).then_some(Self { partition, region, account, table, part })
    }
}

/// A UUID that is the same for the same parts: the identity of something that has none of its own.
pub(crate) fn identity(parts: &[&[u8]]) -> String {
    let mut digest = Sha256::new();
    parts.iter().for_each(|part| digest.update(part));
    let hex: String = digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

/// A UUID that stays the same for the life of the table and differs between tables of the same name.
pub(crate) fn table_id(definition: &TableDefinition) -> String {
    identity(&[&definition.id.to_be_bytes(), &definition.created_millis.to_be_bytes(), definition.name.as_bytes()])
}

/// The error of an ARN that cannot be read.
pub(crate) fn malformed(arn: &str) -> String {
    format!("Invalid TableArn: Invalid ResourceArn provided as input {arn}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_are_taken_apart() {
        let owner = Owner::default();
        let arn = owner.table_arn("orders");
        assert_eq!(Arn::parse(&arn).map(|arn| (arn.table, arn.part)), Some(("orders", None)));
        let stream = owner.stream_arn("orders", 0);
        assert_eq!(Arn::parse(&stream).and_then(|arn| arn.part), Some("stream/1970-01-01T00:00:00.000"));
        for bad in ["", "orders", "arn:aws:s3:::table/orders", "arn:aws:dynamodb:r:1:table/x", "arn:aws:dynamodb:r:1"] {
            assert_eq!(Arn::parse(bad), None, "{bad}");
        }
    }
}
