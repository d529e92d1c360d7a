//! The facts behind an error, as values.
//!
//! DynamoDB's texts often leave out which table, attribute or size they are about, and clients compare them, so that
//! nothing may be added. A [`Detail`] holds these facts beside the text. [`Error`](super::Error)'s `Display` appends
//! what the text does not say, and the layers of this project tell errors apart by it.

use super::{Error, ErrorKind, ThrottlingReason};
use std::fmt;

/// What an error is about. More variants may come.
///
/// ```
/// use hashrange::{Database, error::Detail, key::S};
///
/// # fn main() -> hashrange::Result<()> {
/// let db = Database::in_memory()?;
/// let error = db.table::<S>("orders").unwrap_err();
/// assert_eq!(error.message(), "Requested resource not found");
/// assert_eq!(error.to_string(), "ResourceNotFoundException: Requested resource not found (Table: orders)");
/// assert!(matches!(error.detail(), Some(Detail::NoTable { table }) if table == "orders"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Detail {
    /// The database cannot be read as it was at this moment: no history is kept, or it does not reach so far.
    OutsideHistory {
        /// The earliest instant that can be read, in milliseconds since 1970; `None` if no history is kept.
        earliest_millis: Option<u64>,
        /// The time of the last commit, in milliseconds since 1970; `None` if no history is kept.
        latest_millis: Option<u64>,
    },
    /// There is no such table, or it is not active yet.
    NoTable {
        /// Its name.
        table: String,
    },
    /// A table of this name exists already.
    TableExists {
        /// Its name.
        table: String,
    },
    /// A table that exists differs from what the program describes.
    TableDiffers {
        /// Its name.
        table: String,
        /// Each difference, in words; [`TableBuilder::differences`](crate::admin::TableBuilder::differences) has them as values.
        differences: Vec<String>,
    },
    /// The table has no such index.
    NoIndex {
        /// The name that was asked for.
        index: String,
    },
    /// The table has an index of this name already.
    IndexExists {
        /// Its name.
        index: String,
    },
    /// The index is being filled and cannot be read yet.
    IndexCreating {
        /// Its name.
        index: String,
    },
    /// The table has no such stream, or none at all.
    NoStream {
        /// The table's name.
        table: String,
    },
    /// The stream of the table is in the state that was asked for.
    StreamUnchanged {
        /// The table's name.
        table: String,
        /// Whether the stream is on.
        is_enabled: bool,
    },
    /// The Kinesis destination of the table has the precision that was asked for.
    PrecisionUnchanged {
        /// The table's name.
        table: String,
    },
    /// Time to live of the table is in the state that was asked for.
    TtlUnchanged {
        /// The table's name.
        table: String,
        /// Whether time to live is on.
        is_enabled: bool,
    },
    /// A given key does not consist of exactly the key attributes of the table, with their types.
    KeyMismatch {
        /// Names and types of the table's key attributes, partition key first; empty where no table is known.
        expected: Vec<(String, &'static str)>,
    },
    /// An item to be put lacks an attribute of the table's key.
    KeyMissing {
        /// The attribute's name.
        attribute: String,
    },
    /// A value of a key attribute has another type than the key.
    KeyType {
        /// The attribute's name.
        attribute: String,
        /// The index whose key it is; `None` for the table's key.
        index: Option<String>,
        /// The key's type: `S`, `N` or `B`.
        expected: &'static str,
        /// The value's type: `S`, `NULL`, `M`, ...
        actual: &'static str,
    },
    /// A value of a key attribute is empty.
    KeyEmpty {
        /// The attribute's name.
        attribute: String,
        /// The index whose key it is; `None` for the table's key.
        index: Option<String>,
        /// `string` or `binary`.
        what: &'static str,
    },
    /// An update would change an attribute of the table's key.
    KeyUpdated {
        /// The attribute's name.
        attribute: String,
    },
    /// A condition was false. DynamoDB charges the larger one of two sizes.
    ConditionFailed {
        /// Size of the item that the condition was tested on; `None` if there was none.
        item_bytes: Option<usize>,
        /// Size of the item that was to be put; `None` of other writes.
        put_bytes: Option<usize>,
    },
    /// The key of an item is longer than allowed, or the key of its entry in an index.
    KeyTooLarge {
        /// Bytes of the key, as the limit counts them.
        size_bytes: usize,
        /// The most that is allowed.
        limit_bytes: usize,
    },
    /// An item is larger than allowed.
    ItemTooLarge {
        /// Its size by DynamoDB's rule.
        size_bytes: usize,
        /// The most that is allowed.
        limit_bytes: usize,
    },
    /// An expression is longer than one may be.
    ExpressionTooLarge {
        /// The parameter of the request that it is, such as `FilterExpression`.
        expression: &'static str,
        /// Its length in bytes.
        size_bytes: usize,
        /// How long it may be, in bytes.
        limit_bytes: usize,
    },
    /// The items that a transaction writes are larger together than allowed.
    TransactionTooLarge {
        /// Their size by DynamoDB's rule.
        size_bytes: usize,
        /// The most that is allowed.
        limit_bytes: usize,
    },
    /// A write would make an item collection larger than allowed.
    CollectionTooLarge {
        /// Its size after the write.
        size_bytes: u64,
        /// The most that is allowed.
        limit_bytes: u64,
    },
    /// A table or global index has no capacity for the request at the moment.
    Throttled {
        /// What had none, in the order in which the service lists it; never empty.
        reasons: Vec<ThrottlingReason>,
    },
    /// A rule of a model of faults struck the request.
    Fault {
        /// Name of the rule.
        rule: String,
        /// Whether the request was carried out; if not, nothing was read or written.
        is_carried_out: bool,
        /// Whether there is an answer, if only an error; a server closes the connection without one otherwise.
        has_answer: bool,
    },
    /// A record of a change stream could not be processed, and there is no table for such records.
    Unprocessed {
        /// Its number in its shard, as [`ChangeRecord::sequence_number`](crate::streams::ChangeRecord::sequence_number) has it.
        sequence: String,
        /// The text of the error of the function that processes records.
        failure: String,
    },
    /// A policy does not allow what was asked for.
    AccessDenied {
        /// ARN of the principal.
        principal: String,
        /// The action, such as `dynamodb:GetItem`.
        action: String,
        /// ARN of the resource.
        resource: String,
    },
    /// An operation of the operating system on a file failed.
    File {
        /// What was to be done: `open`, `sync`, ...
        operation: &'static str,
        /// The file or folder.
        file: String,
    },
    /// Bytes of a file are not what was written.
    Damage {
        /// The file.
        file: String,
        /// Where in the file.
        offset: u64,
    },
}

impl Detail {
    /// The facts in words, where a service's text may leave them out. A text that has these words has the facts.
    pub(super) fn note(&self) -> Option<String> {
        match self {
            Self::NoTable { table } => Some(format!("Table: {table}")),
            Self::IndexExists { index } => Some(format!("Index: {index}")),
            Self::KeyMismatch { expected } if !expected.is_empty() => Some(format!("the key is {}", Keys(expected))),
            Self::KeyType { attribute, index: None, expected, actual } => {
                Some(format!("key {attribute} expected: {expected} actual: {actual}"))
            }
            Self::KeyTooLarge { size_bytes, .. } => Some(format!("it has {size_bytes} bytes")),
            Self::ItemTooLarge { size_bytes, limit_bytes }
            | Self::ExpressionTooLarge { size_bytes, limit_bytes, .. } => {
                Some(format!("it has {size_bytes} bytes, {limit_bytes} are allowed"))
            }
            Self::CollectionTooLarge { size_bytes, limit_bytes } => {
                Some(format!("it would have {size_bytes} bytes, {limit_bytes} are allowed"))
            }
            Self::Throttled { reasons } => Some(reasons.iter().map(|r| r.to_string()).collect::<Vec<_>>().join(", ")),
            Self::Fault { rule, .. } => Some(format!("fault: {rule}")),
            // The texts of these have the facts, or they are for programs.
            Self::ConditionFailed { .. }
            | Self::TransactionTooLarge { .. }
            | Self::TableExists { .. }
            | Self::TableDiffers { .. }
            | Self::NoIndex { .. }
            | Self::IndexCreating { .. }
            | Self::NoStream { .. }
            | Self::StreamUnchanged { .. }
            | Self::PrecisionUnchanged { .. }
            | Self::TtlUnchanged { .. }
            | Self::KeyMismatch { .. }
            | Self::KeyMissing { .. }
            | Self::KeyType { .. }
            | Self::KeyEmpty { .. }
            | Self::KeyUpdated { .. }
            | Self::Unprocessed { .. }
            | Self::AccessDenied { .. }
            | Self::File { .. }
            | Self::OutsideHistory { .. }
            | Self::Damage { .. } => None,
        }
    }
}

/// Errors whose text and detail go together.
impl Error {
    /// A table does not exist, as operations on items say it.
    pub(crate) fn no_table(table: impl Into<String>) -> Self {
        Self::not_found("Requested resource not found").with_detail(Detail::NoTable { table: table.into() })
    }
    /// A table does not exist, as operations on tables say it.
    pub(crate) fn no_table_named(table: impl Into<String>) -> Self {
        let table = table.into();
        let text = format!("Requested resource not found: Table: {table} not found");
        Self::not_found(text).with_detail(Detail::NoTable { table })
    }
    /// A table of this name exists.
    pub(crate) fn table_exists(table: impl Into<String>) -> Self {
        let table = table.into();
        Self::in_use(format!("Table already exists: {table}")).with_detail(Detail::TableExists { table })
    }
    /// An index does not exist, as operations on tables say it.
    pub(crate) fn no_index(index: impl Into<String>) -> Self {
        let index = index.into();
        let text = format!("Requested resource not found: Index: {index} not found");
        Self::not_found(text).with_detail(Detail::NoIndex { index })
    }
    /// A given key does not consist of the key attributes, with their types.
    pub(crate) fn key_mismatch(expected: Vec<(String, &'static str)>) -> Self {
        Self::validation("The provided key element does not match the schema")
            .with_detail(Detail::KeyMismatch { expected })
    }
    /// A value in a key condition has another type than the key attribute.
    pub(crate) fn key_condition_type(attribute: &str, expected: &'static str, actual: &'static str) -> Self {
        let attribute = attribute.to_owned();
        Self::invalid_parameter("Condition parameter type does not match schema type").with_detail(Detail::KeyType {
            attribute,
            index: None,
            expected,
            actual,
        })
    }
    /// An empty value of an attribute of the table's key.
    pub(crate) fn empty_key(attribute: &str, what: &'static str) -> Self {
        let text = format!(
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty \
             {what} value. Key: {attribute}"
        );
        let attribute = attribute.to_owned();
        Self::validation(text).with_detail(Detail::KeyEmpty { attribute, index: None, what })
    }
    /// A policy does not allow an action of a principal on a resource.
    pub(crate) fn access_denied(text: String, principal: &str, action: String, resource: &str) -> Self {
        let (principal, resource) = (principal.to_owned(), resource.to_owned());
        Self::new(ErrorKind::Denied, "AccessDeniedException", text).with_detail(Detail::AccessDenied {
            principal,
            action,
            resource,
        })
    }
    /// A write would make an item collection larger than allowed.
    pub(crate) fn collection_too_large(size_bytes: u64, limit_bytes: u64) -> Self {
        let code = "ItemCollectionSizeLimitExceededException";
        Self::new(ErrorKind::LimitExceeded, code, "Collection size exceeded.")
            .with_detail(Detail::CollectionTooLarge { size_bytes, limit_bytes })
    }
}

/// Key attributes in words.
struct Keys<'a>(&'a [(String, &'static str)]);

impl fmt::Display for Keys<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (name, kind)) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { " and " };
            write!(f, "{comma}{name} ({kind})")?;
        }
        Ok(())
    }
}
