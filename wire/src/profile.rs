//! The two wordings of DynamoDB's validation, in one place.
//!
//! DynamoDB is moving, region by region and operation by operation, from one validation layer to another: texts move with
//! it, the order of checks, and a few outcomes. [`Profile::Latest`] is what most regions answered in October 2026,
//! [`Profile::May2026`] what the public conformance suite recorded in May. Every difference between the two is a function of
//! this file.

use hashrange::item::json::{LatestWording, Wording};

/// Which wording rejections have, and in which order a request is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Profile {
    /// As most regions answered in October 2026. The default.
    #[default]
    Latest,
    /// As the public conformance suite recorded it in May 2026.
    May2026,
}

/// Operations that word some rejections differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MessageDialect {
    /// `PutItem`, `UpdateItem`, `DeleteItem`: the newer layer wraps what is wrong with the request itself.
    Write,
    /// `GetItem`, `BatchGetItem`, `Query`.
    Read,
    /// `Scan`, `BatchWriteItem`, transactions: still the older layer in most regions.
    Older,
}

impl Profile {
    /// Whether a key attribute may not be defined again with another type, beside a new index.
    pub(crate) fn refuses_redefinition(self) -> bool {
        self == Self::May2026
    }

    /// A text about the request itself (expressions, values, mixing of parameters), before data was looked at.
    pub(crate) fn request(self, voice: MessageDialect, text: String) -> String {
        if self == Self::Latest && voice == MessageDialect::Write {
            format!("1 validation error detected: {text}")
        } else {
            text
        }
    }

    /// A value of a placeholder that breaks a rule.
    pub(crate) fn placeholder_value(self, voice: MessageDialect, text: &str, name: &str) -> String {
        match (self, voice) {
            (Self::Latest, MessageDialect::Write | MessageDialect::Read) => self.request(voice, text.to_owned()),
            _ => format!("ExpressionAttributeValues contains invalid value: {text} for key {name}"),
        }
    }

    /// A table name of no characters.
    pub(crate) fn empty_table_name(self, voice: MessageDialect) -> String {
        let subject = match (self, voice) {
            (Self::Latest, MessageDialect::Write | MessageDialect::Read) => "Value at 'TableName'",
            _ => "Value '' at 'tableName'",
        };
        format!(
            "1 validation error detected: {subject} failed to satisfy constraint: \
             Member must have length greater than or equal to 1"
        )
    }

    /// A table name of the wrong length in an operation on tables; none if the ordinary constraint text serves.
    pub(crate) fn control_table_name_length(self) -> Option<&'static str> {
        match self {
            Self::May2026 => None,
            Self::Latest => Some("TableName must be at least 3 characters long and at most 255 characters long"),
        }
    }

    /// A `Limit` below one, as one of several violations.
    pub(crate) fn small_number(self, voice: MessageDialect, member: &str, value: i32, least: i32) -> String {
        // Query answers in the newer words in every region, Scan in a part of them.
        if voice == MessageDialect::Read || self == Self::Latest {
            format!(
                "Value at '{member}' failed to satisfy constraint: \
                 Member must have value greater than or equal to {least}"
            )
        } else {
            let path = lower_first(member);
            format!(
                "Value '{value}' at '{path}' failed to satisfy constraint: \
                 Member must have value greater than or equal to {least}"
            )
        }
    }

    /// `ExpressionAttributeValues` without an expression that could use them.
    pub(crate) fn values_without_expression(self, expressions: &[&str]) -> String {
        let text = "ExpressionAttributeValues can only be specified when using expressions";
        match self {
            Self::Latest => text.to_owned(),
            Self::May2026 => {
                let verb = if expressions.len() > 1 { "are" } else { "is" };
                format!("{text}: {} {verb} null", expressions.join(" and "))
            }
        }
    }

    /// Whether an operation reads values with the older layer: all do in the older wording, and Scan, `BatchWriteItem` and
    /// transactions still do.
    fn reads_values_as_before(self, dialect: MessageDialect) -> bool {
        self == Self::May2026 || dialect == MessageDialect::Older
    }

    /// Maps and lists that may be wrapped around a scalar in `ExpressionAttributeValues`: the older layer compares values that
    /// are too deep to be stored.
    pub(crate) fn value_wraps(self, dialect: MessageDialect) -> usize {
        if self.reads_values_as_before(dialect) { 32 } else { 31 }
    }

    /// A number without a digit.
    pub(crate) fn empty_number(self, dialect: MessageDialect) -> &'static str {
        if self.reads_values_as_before(dialect) {
            "The parameter cannot be converted to a numeric value"
        } else {
            LatestWording.empty_number()
        }
    }

    /// A number that cannot be read or is out of range. The older layer reads a number as Java's `BigDecimal` does: an exponent or a
    /// scale that no integer of 32 bits has is none, and the largest exponent becomes a small one.
    pub(crate) fn number_fault(self, dialect: MessageDialect, text: &str, fault: &str) -> String {
        if self != Self::Latest || dialect != MessageDialect::Older {
            return fault.to_owned();
        }
        match exponent_of(text) {
            Some(i32::MAX) => {
                "Number underflow. Attempting to store a number with magnitude smaller than supported range".to_owned()
            }
            Some(_) => fault.to_owned(),
            None => format!("The parameter cannot be converted to a numeric value: {text}"),
        }
    }

    /// A string set that holds an element twice.
    pub(crate) fn duplicate_strings(self, dialect: MessageDialect, texts: &[String]) -> String {
        if !self.reads_values_as_before(dialect) {
            return LatestWording.duplicate_strings(texts);
        }
        let shown = texts.join(", ");
        format!("One or more parameter values were invalid: Input collection [{shown}] contains duplicates.")
    }

    /// A binary set that holds an element twice; `texts` in base64.
    pub(crate) fn duplicate_binaries(self, dialect: MessageDialect, texts: &[String]) -> String {
        if !self.reads_values_as_before(dialect) {
            return LatestWording.duplicate_binaries(texts);
        }
        let shown = texts.join(", ");
        format!("One or more parameter values were invalid: Input collection [{shown}]of type BS contains duplicates.")
    }

    /// A number set that holds an element twice.
    pub(crate) fn duplicate_numbers(self, dialect: MessageDialect) -> &'static str {
        if self.reads_values_as_before(dialect) {
            "Input collection contains duplicates"
        } else {
            LatestWording.duplicate_numbers()
        }
    }

    /// Whether a read of a transaction that projects nothing of its item answers without an item.
    pub(crate) fn omits_empty_projection(self) -> bool {
        self == Self::Latest
    }

    /// Whether `BatchGetItem` rejects an expression for one table beside the older form for another.
    pub(crate) fn refuses_mixing_over_tables(self) -> bool {
        self == Self::Latest
    }

    /// Whether the statement of an `UpdateItem` is measured besides the finished item.
    pub(crate) fn measures_statements(self) -> bool {
        self == Self::Latest
    }

    /// Whether an `UpdateItem` without `Key` is told everything that is wrong with its members together.
    pub(crate) fn joins_faults_of_a_missing_key(self) -> bool {
        self == Self::Latest
    }

    /// The error of an `UpdateTable` that changes nothing.
    pub(crate) fn no_change(self) -> &'static str {
        match self {
            Self::Latest => {
                "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates, \
                 SSESpecification, ReplicaUpdates, MultiAccountReplicaReady, ReplicaTransitRoleArn, \
                 MultiRegionConsistency, DeletionProtectionEnabled, OnDemandThroughput, WarmThroughput or TableClass is \
                 required"
            }
            Self::May2026 => {
                "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates or \
                 SSESpecification or ReplicaUpdates is required"
            }
        }
    }

    /// Throughput beside a change to billing by request.
    pub(crate) fn throughput_on_demand(self) -> &'static str {
        match self {
            Self::Latest => "ProvisionedThroughput cannot be specified when BillingMode is PAY_PER_REQUEST",
            Self::May2026 => {
                "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"
            }
        }
    }

    /// Whether `BatchGetItem` tells what is wrong with the names of tables before an unknown `ReturnConsumedCapacity`, and
    /// `BatchWriteItem` tells the latter alone.
    pub(crate) fn tells_names_first(self) -> bool {
        self == Self::Latest
    }

    /// Whether `BatchGetItem` repeats the tables of a request as JSON, where the name of one breaks a rule.
    pub(crate) fn echoes_maps_as_json(self) -> bool {
        self == Self::Latest
    }

    /// Whether the actions of a transaction are checked one by one, each to its end.
    pub(crate) fn checks_action_by_action(self) -> bool {
        self == Self::Latest
    }

    /// Whether an unknown `ConditionalOperator` of a query is told alone, before all else.
    pub(crate) fn tells_operator_alone(self) -> bool {
        self == Self::Latest
    }

    /// `Segment` that is not below `TotalSegments`.
    pub(crate) fn segment(self, segment: i32, total: i32) -> String {
        let text = "The Segment parameter is zero-based and must be less than parameter TotalSegments";
        match self {
            Self::Latest => text.to_owned(),
            Self::May2026 => format!("{text}: Segment: {segment} is not less than TotalSegments: {total}"),
        }
    }

    /// `BatchGetItem` or `BatchWriteItem` that asks for nothing.
    pub(crate) fn empty_batch(self, operation: &str) -> String {
        match (self, operation) {
            (Self::Latest, "BatchGetItem") => "1 validation error detected: Value at 'RequestItems' failed to satisfy \
                 constraint: Member must have length greater than or equal to 1"
                .to_owned(),
            _ => format!("The requestItems parameter is required for {operation}"),
        }
    }

    /// Whether an unknown `ReturnValues` is one constraint among others (and not a text of its own).
    pub(crate) fn return_values_is_constraint(self) -> bool {
        self == Self::May2026
    }

    /// An unknown `ReturnValues` in the newer layer, with the name that it misspells.
    pub(crate) const UNKNOWN_RETURN_VALUES: &'static str = "1 validation error detected: Failed to satisfy \
         constraint: Member must satisfy enum value set: [ALL_OLD, UPDATED_OLD, ALL_NEW, UPDATE_NEW, NONE]";

    /// `Select` that does not go with the projection; the newer layer wraps it.
    pub(crate) fn select(self, text: String) -> String {
        match self {
            Self::Latest => format!("1 validation error detected: {text}"),
            Self::May2026 => text,
        }
    }

    /// Whether the text about an expression that is too long ends with its length: the older layer says that, but not of updates.
    pub(crate) fn says_size_of_expression(self, dialect: MessageDialect, expression: &str) -> bool {
        self == Self::Latest && dialect == MessageDialect::Older && expression != "UpdateExpression"
    }

    /// What a `Select` chooses, as messages name it.
    pub(crate) fn chosen(self, select: &str) -> &str {
        if self == Self::Latest && select == "COUNT" { "only the Count" } else { select }
    }

    /// What Query or Scan does, as messages about `Select` name it: the newer layer says the same for both.
    pub(crate) fn verb(self, verb: &str) -> &str {
        if self == Self::Latest { "Querying" } else { verb }
    }
}

/// The exponent of a number, 0 if it has none; `None` if it, or the number of places behind the point that it leaves, has more than 32
/// bits.
fn exponent_of(text: &str) -> Option<i32> {
    let (digits, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i64 = exponent.parse().ok()?;
    let fraction = digits.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    i32::try_from(i64::try_from(fraction).ok()?.checked_sub(exponent)?).ok()?;
    i32::try_from(exponent).ok()
}

/// `TableName` as `tableName`.
pub(crate) fn lower_first(member: &str) -> String {
    let mut path = member.to_owned();
    if let Some(first) = path.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    path
}
