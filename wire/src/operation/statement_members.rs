//! What the three operations with PartiQL statements share: statements with their parameters, and the token of the next page.
//!
//! ```text
//! token := statement u64, parameters u64, continuation of the engine; sealed by the engine
//! ```
//!
//! The two numbers are hashes: a token is good for the statement as it is written and for the same parameters, of which
//! numbers are the same if value and scale are, and those of sets if their values are. A statement with a list or map among its parameters cannot be resumed, as in
//! the service, though its first page hands out a token.

use crate::{
    error::Failure,
    json::{Reader, Token},
    shape::{self, JsonContext},
    validate::{Violations, values},
    value::{Decoder, Values},
};
use hashrange::{
    AttributeValue, Database, Error,
    item::Number,
    partiql::{Continuation, MAX_STATEMENT_LENGTH, Statement},
};
use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// A statement with its parameters, as requests have them.
#[derive(Default)]
pub(crate) struct StatementMembers<'a> {
    pub(crate) text: Option<Cow<'a, str>>,
    parameters: Option<Values<Vec<AttributeValue>>>,
    /// The parameters as they are written.
    written: Option<Reader<'a>>,
    pub(crate) consistent: Option<bool>,
    on_condition_failure: Option<Cow<'a, str>>,
}

impl<'a> StatementMembers<'a> {
    /// Decodes one of the members; whether it is one of them.
    pub(crate) fn member(&mut self, reader: &mut Reader<'a>, name: &str, decoder: Decoder) -> Result<bool, Failure> {
        match name {
            "Statement" => self.text = shape::string(reader)?,
            "Parameters" => {
                self.written = Some(reader.clone());
                self.parameters = decoder.parameters(reader)?;
            }
            "ConsistentRead" => self.consistent = shape::boolean(reader)?,
            "ReturnValuesOnConditionCheckFailure" => self.on_condition_failure = shape::string(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Constraint on what is returned if a condition fails; `path` is before the member.
    pub(crate) fn check_mode(&self, path: &str, violations: &mut Violations) {
        let member = format!("{path}returnValuesOnConditionCheckFailure");
        violations.one_of(self.on_condition_failure.as_deref(), &member, values::ON_CONDITION_FAILURE);
    }

    /// Constraint on the text.
    pub(crate) fn check_text(&self, path: &str, violations: &mut Violations) {
        let member = format!("{path}statement");
        violations.not_null(&self.text, &member);
        if let Some(text) = &self.text {
            violations.length(text.chars().count(), text, &member, 1, MAX_STATEMENT_LENGTH);
        }
    }

    /// Constraint on the number of parameters.
    pub(crate) fn check_parameters(&self, path: &str, violations: &mut Violations) {
        if let Some(parameters) = &self.parameters {
            violations.length(parameters.values.len(), "[]", &format!("{path}parameters"), 1, usize::MAX);
        }
    }

    /// The first rule that a parameter breaks.
    pub(crate) fn check_values(&self) -> Result<(), Failure> {
        match self.parameters.as_ref().and_then(|parameters| parameters.fault.clone()) {
            Some(fault) => Err(Failure::validation(fault)),
            None => Ok(()),
        }
    }

    /// The statement, which is rejected for its parameters, if that has to be, when it runs.
    pub(crate) fn statement(&self, database: &Database) -> Statement {
        let mut statement = database.statement(self.text.as_deref().unwrap_or_default());
        if let Some(parameters) = &self.parameters {
            for value in &parameters.values {
                statement = statement.bind_value(value.clone());
            }
            if let Some(fault) = &parameters.fault {
                statement = statement.reject(Error::validation(fault.clone()));
            }
        }
        if self.on_condition_failure.as_deref() == Some("ALL_OLD") {
            statement = statement.return_old_on_failure();
        }
        statement.consistent(self.consistent.unwrap_or(false))
    }

    /// The token of the next page.
    pub(crate) fn seal(&self, database: &Database, next: &Continuation) -> String {
        let mut content = self.hash_of_text().to_vec();
        content.extend_from_slice(&self.hash_of_parameters().unwrap_or_default());
        content.extend_from_slice(&next.to_bytes());
        database.seal_token(&content)
    }

    /// What a token says, if it is of this database, and of this statement with these parameters.
    pub(crate) fn open(&self, database: &Database, token: &str) -> Result<Continuation, Failure> {
        let invalid = || Failure::validation("Invalid NextToken");
        let content = database.open_token(token).map_err(|_| invalid())?;
        let (of_text, rest) = content.split_at_checked(HASH_BYTES).ok_or_else(invalid)?;
        let (of_parameters, next) = rest.split_at_checked(HASH_BYTES).ok_or_else(invalid)?;
        let is_same_text = of_text == self.hash_of_text();
        if !is_same_text || self.hash_of_parameters().is_none_or(|hash| of_parameters != hash) {
            return Err(Failure::validation("NextToken does not match request"));
        }
        Ok(Continuation::from_bytes(next)?)
    }

    fn hash_of_text(&self) -> [u8; HASH_BYTES] {
        first_bytes(&Sha256::digest(self.text.as_deref().unwrap_or_default().as_bytes()))
    }

    /// `None` if one of the parameters is a list or a map.
    fn hash_of_parameters(&self) -> Option<[u8; HASH_BYTES]> {
        let mut identity = String::new();
        if let Some(written) = &self.written {
            describe_parameters(&mut written.clone(), &mut identity).ok()??;
        }
        Some(first_bytes(&Sha256::digest(identity.as_bytes())))
    }
}

const HASH_BYTES: usize = 8;

fn first_bytes(hash: &[u8]) -> [u8; HASH_BYTES] {
    let mut first = [0; HASH_BYTES];
    first.iter_mut().zip(hash).for_each(|(to, from)| *to = *from);
    first
}

/// Describes parameters so that only the same ones are described alike; `None` if there is a list or map.
fn describe_parameters(reader: &mut Reader<'_>, out: &mut String) -> Result<Option<()>, Failure> {
    let mut is_flat = true;
    shape::list(reader, |reader| {
        shape::structure(reader, JsonContext::Element, "AttributeValue", |reader, tag| {
            out.push_str(tag);
            match tag {
                "L" | "M" => {
                    is_flat = false;
                    reader.skip()?;
                }
                "SS" | "BS" | "NS" => {
                    let mut members = Vec::new();
                    shape::list(reader, |reader| {
                        let member = shape::string(reader)?.unwrap_or_default();
                        members.push(if tag == "NS" { valued(&member) } else { member.into_owned() });
                        Ok(())
                    })?;
                    members.sort_unstable();
                    out.push_str(&format!("{members:?}"));
                }
                "N" => out.push_str(&scaled(&shape::string(reader)?.unwrap_or_default())),
                _ => match reader.peek()? {
                    Token::String => out.push_str(&format!("{:?}", reader.string()?)),
                    token => {
                        out.push_str(if token == Token::True { "true" } else { "false" });
                        reader.skip()?;
                    }
                },
            }
            out.push('\n');
            Ok(())
        })?;
        Ok(())
    })?;
    Ok(is_flat.then_some(()))
}

/// A number by its digits and its scale once the exponent is folded in: `1E2` and `1e+2` are the same, `100` is not.
fn scaled(text: &str) -> String {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let is_negative = mantissa.starts_with('-');
    let mantissa = mantissa.trim_start_matches(['+', '-']);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    let exponent: i64 = exponent.parse().unwrap_or_default();
    let scale = i64::try_from(fraction.len()).unwrap_or_default().saturating_sub(exponent);
    let sign = if is_negative && !digits.is_empty() { "-" } else { "" };
    format!("{sign}{digits}@{scale}")
}

/// A number by its value, as sets compare them: `1` and `1.0` are the same.
fn valued(text: &str) -> String {
    text.parse::<Number>().map_or_else(|_| text.to_owned(), |number| number.to_string())
}

#[cfg(test)]
mod tests {
    use super::scaled;

    #[test]
    fn numbers_are_the_same_by_value_and_scale() {
        for (one, two) in [("1E2", "1e+2"), ("01", "1"), ("1.5E1", "15"), ("+7", "7"), ("-0", "0"), ("-0.0", "0.0")] {
            assert_eq!(scaled(one), scaled(two), "{one} {two}");
        }
        for (one, two) in [("0", "0.0"), ("100", "1E2"), ("1", "-1"), ("1", "1.0")] {
            assert_ne!(scaled(one), scaled(two), "{one} {two}");
        }
    }
}
