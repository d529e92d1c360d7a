//! Constraints on members, checked together: all that fail are reported in one `ValidationException`.
//!
//! The model gives each member its limits (presence, length, range, pattern, enumeration). DynamoDB checks them over
//! the whole request before anything else and lists what it found: `2 validation errors detected: ..; ..`.

use crate::error::Failure;
use std::fmt::Display;

/// DynamoDB stops collecting after so many.
const MAX_VIOLATIONS: usize = 10;
/// Longest part of an offending value that is repeated in a message, in bytes.
const MAX_ECHO_BYTES: usize = 1_024;

/// Values that the members of this name may have, in the order in which DynamoDB lists them.
pub(crate) mod values {
    pub(crate) const CAPACITY: &[&str] = &["INDEXES", "TOTAL", "NONE"];
    pub(crate) const COLLECTION_METRICS: &[&str] = &["SIZE", "NONE"];
    pub(crate) const SELECT: &[&str] = &["SPECIFIC_ATTRIBUTES", "COUNT", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES"];
    pub(crate) const CONDITIONAL_OPERATOR: &[&str] = &["OR", "AND"];
    pub(crate) const RETURN_VALUES: &[&str] = &["ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW"];
    pub(crate) const ON_CONDITION_FAILURE: &[&str] = &["ALL_OLD", "NONE"];
    pub(crate) const BILLING_MODE: &[&str] = &["PROVISIONED", "PAY_PER_REQUEST"];
    pub(crate) const KEY_TYPE: &[&str] = &["HASH", "RANGE"];
    pub(crate) const ATTRIBUTE_TYPE: &[&str] = &["B", "N", "S"];
    pub(crate) const PROJECTION_TYPE: &[&str] = &["ALL", "INCLUDE", "KEYS_ONLY"];
    pub(crate) const TABLE_CLASS: &[&str] = &["STANDARD", "STANDARD_INFREQUENT_ACCESS"];
    pub(crate) const ITERATOR: &[&str] =
        &["AT_TIMESTAMP", "AFTER_SEQUENCE_NUMBER", "LATEST", "AT_SEQUENCE_NUMBER", "TRIM_HORIZON"];
    pub(crate) const STREAM_VIEW: &[&str] = &["NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES", "KEYS_ONLY"];
}

/// The pattern of table and index names.
const NAME_PATTERN: &str = "[a-zA-Z0-9_.-]+";

/// The constraints that a request breaks.
#[derive(Default)]
pub(crate) struct Violations {
    texts: Vec<String>,
    /// What is before every path.
    prefix: &'static str,
}

impl Violations {
    /// Those of members that are under a member; `prefix` is its path, with a point.
    pub(crate) fn under(prefix: &'static str) -> Self {
        Self { texts: Vec::new(), prefix }
    }

    /// Adds `Value 'value' at 'path' failed to satisfy constraint: Member must ..`.
    pub(crate) fn add(&mut self, value: &str, path: &str, constraint: impl Display) {
        let (value, prefix) = (shortened(value), self.prefix);
        self.push(format!(
            "Value '{value}' at '{prefix}{path}' failed to satisfy constraint: Member must {constraint}"
        ));
    }

    /// Adds a whole text.
    pub(crate) fn push(&mut self, text: String) {
        if self.texts.len() < MAX_VIOLATIONS {
            self.texts.push(text);
        }
    }

    /// The member at `path` has to be there.
    pub(crate) fn not_null<T>(&mut self, member: &Option<T>, path: &str) {
        if member.is_none() {
            let prefix = self.prefix;
            self.push(format!("Value null at '{prefix}{path}' failed to satisfy constraint: Member must not be null"));
        }
    }

    /// The member is one of `allowed`, if it is there.
    pub(crate) fn one_of(&mut self, member: Option<&str>, path: &str, allowed: &[&str]) {
        if let Some(value) = member
            && !allowed.contains(&value)
        {
            self.add(value, path, format_args!("satisfy enum value set: [{}]", allowed.join(", ")));
        }
    }

    /// The member is at least `least`, if it is there.
    pub(crate) fn at_least(&mut self, member: Option<i64>, path: &str, least: i64) {
        if let Some(value) = member
            && value < least
        {
            self.add(&value.to_string(), path, format_args!("have value greater than or equal to {least}"));
        }
    }

    /// The member is at most `most`, if it is there.
    pub(crate) fn at_most(&mut self, member: Option<i64>, path: &str, most: i64) {
        if let Some(value) = member
            && value > most
        {
            self.add(&value.to_string(), path, format_args!("have value less than or equal to {most}"));
        }
    }

    /// A length; `shown` is how the value prints.
    pub(crate) fn length(&mut self, length: usize, shown: &str, path: &str, least: usize, most: usize) {
        if length < least {
            self.add(shown, path, format_args!("have length greater than or equal to {least}"));
        }
        if length > most {
            self.add(shown, path, format_args!("have length less than or equal to {most}"));
        }
    }

    /// The name of a table or index: 3 to 255 characters of the pattern. With `both`, a name that breaks pattern and
    /// length is reported for both, otherwise for its length alone.
    pub(crate) fn name(&mut self, name: &str, path: &str, both: bool) {
        let before = self.texts.len();
        if both && !matches_name_pattern(name) {
            self.add(name, path, format_args!("satisfy regular expression pattern: {NAME_PATTERN}"));
        }
        self.length(name.chars().count(), name, path, 3, 255);
        if !both && self.texts.len() == before && !matches_name_pattern(name) {
            self.add(name, path, format_args!("satisfy regular expression pattern: {NAME_PATTERN}"));
        }
    }

    /// The name of a table, index or backup has to be there, and is told everything that is wrong with it.
    pub(crate) fn required_name(&mut self, member: &Option<String>, path: &str) {
        self.not_null(member, path);
        if let Some(name) = member {
            self.name(name, path, true);
        }
    }

    /// Whether nothing was found.
    pub(crate) fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// Rejects the request if anything was found.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        let count = self.texts.len();
        match count {
            0 => Ok(()),
            1 => Err(Failure::validation(format!("1 validation error detected: {}", self.texts[0]))),
            _ => {
                let texts = self.texts.join("; ");
                Err(Failure::validation(format!("{count} validation errors detected: {texts}")))
            }
        }
    }
}

/// Whether a name consists of the characters that names of tables and indexes may have.
pub(crate) fn matches_name_pattern(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    !name.is_empty() && name.bytes().all(allowed)
}

/// A value as far as a message repeats it.
pub(crate) fn shortened(value: &str) -> &str {
    let mut end = value.len().min(MAX_ECHO_BYTES);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    &value[..end]
}
