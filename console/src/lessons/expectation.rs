//! What the answer of a step is expected to be: a place in it, a comparison, a value.

use serde::Serialize;
use serde_json::Value;

/// A line of an `expect` block.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// The line as it was written.
    pub(super) text: String,
    path: Vec<Part>,
    wanted: Wanted,
}

/// A part of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Member(String),
    Element(usize),
    /// The number of members, elements or characters.
    Length,
}

#[derive(Clone, Debug, PartialEq)]
enum Wanted {
    Is(Value),
    IsNot(Value),
    Absent,
    There,
    Contains(Value),
    /// The value is a number, or a text that is one, and is compared as `<`, `<=`, `>` or `>=`.
    Compares(&'static str, f64),
    /// The value is kept under a name for later steps.
    Keep(String),
}

/// What became of an expectation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// The line of the file.
    pub expected: String,
    /// Whether the answer is as expected.
    pub met: bool,
    /// What was found at the place, if it was not.
    pub found: Option<Value>,
}

impl Expectation {
    /// Reads a line. Errors: what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (subject, rest) = match text.strip_prefix("keep ") {
            Some(kept) => {
                let (name, path) = kept.split_once(" = ").ok_or("it reads: keep NAME = PATH")?;
                return Ok(Self {
                    text: text.to_owned(),
                    path: path_of(path.trim())?,
                    wanted: Wanted::Keep(name.trim().to_owned()),
                });
            }
            None => text.split_once(' ').ok_or("it reads: PATH is VALUE")?,
        };
        let json = |text: &str| {
            serde_json::from_str::<Value>(text.trim())
                .map_err(|_| format!("{text} is no JSON; texts are in \"quotes\""))
        };
        let number = |text: &str| text.trim().parse::<f64>().map_err(|_| format!("{text} is not a number"));
        let rest = rest.trim();
        let wanted = if rest == "is absent" {
            Wanted::Absent
        } else if rest == "is there" {
            Wanted::There
        } else if let Some(value) = rest.strip_prefix("is not ") {
            Wanted::IsNot(json(value)?)
        } else if let Some(value) = rest.strip_prefix("is ") {
            Wanted::Is(json(value)?)
        } else if let Some(value) = rest.strip_prefix("contains ") {
            Wanted::Contains(json(value)?)
        } else if let Some(value) = rest.strip_prefix("<= ") {
            Wanted::Compares("<=", number(value)?)
        } else if let Some(value) = rest.strip_prefix("< ") {
            Wanted::Compares("<", number(value)?)
        } else if let Some(value) = rest.strip_prefix(">= ") {
            Wanted::Compares(">=", number(value)?)
        } else if let Some(value) = rest.strip_prefix("> ") {
            Wanted::Compares(">", number(value)?)
        } else {
            return Err(format!(
                "`{rest}` does not compare; use: is, is not, is absent, is there, contains, <, <=, >, >="
            ));
        };
        Ok(Self { text: text.to_owned(), path: path_of(subject)?, wanted })
    }

    /// Whether it is about what failed.
    pub(super) fn is_about_failure(&self) -> bool {
        matches!(self.path.first(), Some(Part::Member(name)) if ["error", "message", "failed", "errors"].contains(&name.as_str()))
    }

    /// Compares an answer. What is to be kept is handed to `keep`.
    pub(super) fn check(&self, answer: &Value, keep: &mut dyn FnMut(&str, &Value)) -> Check {
        let found = find(answer, &self.path);
        let met = match (&self.wanted, &found) {
            (Wanted::Absent, found) => found.is_none(),
            (_, None) => false,
            (Wanted::IsNot(value), Some(found)) => !same(value, found),
            (Wanted::There, Some(_)) => true,
            (Wanted::Is(value), Some(found)) => same(value, found),
            (Wanted::Contains(value), Some(found)) => contains(found, value),
            (Wanted::Compares(how, number), Some(found)) => compares(found, how, *number),
            (Wanted::Keep(name), Some(found)) => {
                keep(name, found);
                true
            }
        };
        Check { expected: self.text.clone(), met, found: if met { None } else { found } }
    }
}

/// Whether two values are the same; numbers are by their values, however they are written.
fn same(wanted: &Value, found: &Value) -> bool {
    match (wanted.as_f64(), found.as_f64()) {
        (Some(wanted_float), Some(found_float)) => match (whole(wanted), whole(found)) {
            (Some(wanted), Some(found)) => wanted == found,
            _ => wanted_float == found_float,
        },
        _ => wanted == found,
    }
}

/// A number that is kept as a whole one, with all of its digits.
fn whole(number: &Value) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

fn contains(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
        (Value::Array(elements), wanted) => elements.iter().any(|element| same(wanted, element)),
        (Value::Object(members), Value::String(name)) => members.contains_key(name),
        _ => false,
    }
}

fn compares(found: &Value, how: &str, number: f64) -> bool {
    let found = found.as_f64().or_else(|| found.as_str().and_then(|text| text.parse().ok()));
    found.is_some_and(|found| match how {
        "<" => found < number,
        "<=" => found <= number,
        ">" => found > number,
        _ => found >= number,
    })
}

fn path_of(text: &str) -> Result<Vec<Part>, String> {
    let mut path = Vec::new();
    for member in text.split('.') {
        let (name, elements) = member.find('[').map_or((member, ""), |at| member.split_at(at));
        match name {
            "" if path.is_empty() && !elements.is_empty() => {}
            "" => return Err(format!("{text} is no path; one reads Items[0].total.N")),
            "length" => path.push(Part::Length),
            name => path.push(Part::Member(name.to_owned())),
        }
        for element in elements.split('[').filter(|element| !element.is_empty()) {
            let index = element.strip_suffix(']').and_then(|index| index.parse().ok());
            path.push(Part::Element(index.ok_or(format!("[{element} in {text} is no place in a list"))?));
        }
    }
    Ok(path)
}

fn find(answer: &Value, path: &[Part]) -> Option<Value> {
    let mut at = answer.clone();
    for part in path {
        at = match part {
            Part::Member(name) => at.get(name)?.clone(),
            Part::Element(index) => at.get(index)?.clone(),
            Part::Length => match &at {
                Value::Array(elements) => elements.len().into(),
                Value::Object(members) => members.get("length").cloned().unwrap_or_else(|| members.len().into()),
                Value::String(text) => text.chars().count().into(),
                _ => return None,
            },
        };
    }
    Some(at)
}
