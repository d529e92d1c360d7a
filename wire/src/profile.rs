//! The two wordings of DynamoDB's validation, in one place.
//!
//! DynamoDB is moving, region by region and operation by operation, from one validation layer to another, and some
//! texts move with it. [`Profile::Established`] has the texts that the public conformance suite recorded and that most
//! clients have seen; [`Profile::Recent`] has those of the newer layer. What is refused is the same under both.

/// Which wording refusals have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Profile {
    /// The texts of the public conformance suite. The default.
    #[default]
    Established,
    /// The texts of the newer validation layer.
    Recent,
}

/// Operations that word some refusals differently.
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
    /// A text about the request itself (expressions, values, mixing of parameters), before data was looked at.
    pub(crate) fn request(self, voice: MessageDialect, text: String) -> String {
        if self == Self::Recent && voice == MessageDialect::Write {
            format!("1 validation error detected: {text}")
        } else {
            text
        }
    }

    /// A value of a placeholder that breaks a rule.
    pub(crate) fn placeholder_value(self, voice: MessageDialect, text: &str, name: &str) -> String {
        match (self, voice) {
            (Self::Recent, MessageDialect::Write | MessageDialect::Read) => self.request(voice, text.to_owned()),
            _ => format!("ExpressionAttributeValues contains invalid value: {text} for key {name}"),
        }
    }

    /// A table name of no characters.
    pub(crate) fn empty_table_name(self, voice: MessageDialect) -> String {
        let subject = match (self, voice) {
            (Self::Recent, MessageDialect::Write | MessageDialect::Read) => "Value at 'TableName'",
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
            Self::Established => None,
            Self::Recent => Some("TableName must be at least 3 characters long and at most 255 characters long"),
        }
    }

    /// A `Limit` below one, as one of several violations.
    pub(crate) fn small_number(self, voice: MessageDialect, member: &str, value: i32, least: i32) -> String {
        // Query answers in the newer words in every region, Scan in a part of them.
        if voice == MessageDialect::Read || self == Self::Recent {
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
            Self::Recent => text.to_owned(),
            Self::Established => {
                let verb = if expressions.len() > 1 { "are" } else { "is" };
                format!("{text}: {} {verb} null", expressions.join(" and "))
            }
        }
    }

    /// A number without a digit.
    pub(crate) fn empty_number(self) -> &'static str {
        match self {
            Self::Established => "The parameter cannot be converted to a numeric value",
            Self::Recent => "The parameter cannot be converted to a numeric value: ",
        }
    }

    /// A string set that holds an element twice.
    pub(crate) fn duplicate_strings(self, texts: &[String]) -> String {
        format!("{} contains duplicates.", self.collection(texts))
    }

    /// A binary set that holds an element twice; `texts` in base64.
    pub(crate) fn duplicate_binaries(self, texts: &[String]) -> String {
        format!("{}of type BS contains duplicates.", self.collection(texts))
    }

    /// A number set that holds an element twice.
    pub(crate) fn duplicate_numbers(self) -> &'static str {
        match self {
            Self::Established => "Input collection contains duplicates",
            Self::Recent => "One or more parameter values were invalid: Input collection contains duplicates.",
        }
    }

    fn collection(self, texts: &[String]) -> String {
        let elements: Vec<String> = match self {
            Self::Established => texts.to_vec(),
            Self::Recent => texts.iter().map(|text| format!("\"{text}\"")).collect(),
        };
        format!("One or more parameter values were invalid: Input collection [{}]", elements.join(", "))
    }

    /// `BatchGetItem` or `BatchWriteItem` that asks for nothing.
    pub(crate) fn empty_batch(self, operation: &str) -> String {
        match (self, operation) {
            (Self::Recent, "BatchGetItem") => "1 validation error detected: Value at 'RequestItems' failed to satisfy \
                 constraint: Member must have length greater than or equal to 1"
                .to_owned(),
            _ => format!("The requestItems parameter is required for {operation}"),
        }
    }

    /// Whether an unknown `ReturnValues` is one constraint among others (and not a text of its own).
    pub(crate) fn return_values_is_constraint(self) -> bool {
        self == Self::Established
    }

    /// An unknown `ReturnValues` in the newer layer, with the name that it misspells.
    pub(crate) const UNKNOWN_RETURN_VALUES: &'static str = "1 validation error detected: Failed to satisfy \
         constraint: Member must satisfy enum value set: [ALL_OLD, UPDATED_OLD, ALL_NEW, UPDATE_NEW, NONE]";

    /// `Select` that does not go with the projection; the newer layer wraps it on Query.
    pub(crate) fn select(self, voice: MessageDialect, text: String) -> String {
        match (self, voice) {
            (Self::Recent, MessageDialect::Read) => format!("1 validation error detected: {text}"),
            _ => text,
        }
    }
}

/// `TableName` as `tableName`.
pub(crate) fn lower_first(member: &str) -> String {
    let mut path = member.to_owned();
    if let Some(first) = path.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    path
}
