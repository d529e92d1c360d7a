//! Amazon resource names: of what a request is about, and as patterns in policies.

use super::{
    key::Lookup,
    policy_error::PolicyError,
    template::{Template, Variables},
};
use std::fmt;

/// Parts of an ARN: `arn`, partition, service, region, account, resource.
const PARTS: usize = 6;

/// What the ARNs of a database's resources begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArnScope {
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// Region, such as `us-east-1`.
    pub region: String,
    /// Account that owns the tables, 12 digits.
    pub account: String,
}

impl Default for ArnScope {
    /// Partition `aws`, region `us-east-1`, account `000000000000`.
    fn default() -> Self {
        Self { partition: "aws".into(), region: "us-east-1".into(), account: "000000000000".into() }
    }
}

impl ArnScope {
    /// A resource of DynamoDB, such as `table/orders`.
    pub fn resource(&self, resource: impl fmt::Display) -> ResourceArn {
        let Self { partition, region, account } = self;
        ResourceArn::split(format!("arn:{partition}:dynamodb:{region}:{account}:{resource}"))
    }
    /// A table.
    pub fn table(&self, table: &str) -> ResourceArn {
        self.joined(&["table/", table])
    }
    /// An index of a table.
    pub fn index(&self, table: &str, index: &str) -> ResourceArn {
        self.joined(&["table/", table, "/index/", index])
    }
    /// A change stream of a table, by its label.
    pub fn stream(&self, table: &str, label: &str) -> ResourceArn {
        self.joined(&["table/", table, "/stream/", label])
    }
    /// As [`resource`](Self::resource), for requests, which each need one: without formatting, and allocated once.
    fn joined(&self, resource: &[&str]) -> ResourceArn {
        let Self { partition, region, account } = self;
        let before = ["arn", partition, "dynamodb", region, account];
        let bytes: usize = before.iter().map(|part| part.len() + 1).chain(resource.iter().map(|part| part.len())).sum();
        let mut text = String::with_capacity(bytes);
        let mut ends = [bytes; PARTS];
        for (part, end) in before.into_iter().zip(&mut ends) {
            text.push_str(part);
            *end = text.len();
            text.push(':');
        }
        resource.iter().for_each(|part| text.push_str(part));
        ResourceArn { text, ends }
    }
}

/// The ARN of what a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceArn {
    text: String,
    /// Where the parts end.
    ends: [usize; PARTS],
}

impl ResourceArn {
    /// Takes any ARN; `None` if it has fewer than six parts.
    pub fn parse(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        let is_whole = text.starts_with("arn:") && text.matches(':').count() >= PARTS - 1;
        is_whole.then(|| Self::split(text))
    }
    fn split(text: String) -> Self {
        let mut ends = [text.len(); PARTS];
        ends.iter_mut().zip(text.match_indices(':')).take(PARTS - 1).for_each(|(end, (at, _))| *end = at);
        Self { text, ends }
    }
    /// The same resource in another region.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        let (before, after) = (&self.text[..self.ends[2]], &self.text[self.ends[3]..]);
        Self::split(format!("{before}:{region}{after}"))
    }
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
    fn part(&self, at: usize) -> &str {
        let begin = if at == 0 { 0 } else { self.ends[at - 1] + 1 };
        self.text.get(begin..self.ends[at]).unwrap_or_default()
    }
    /// The account that owns the resource.
    pub fn account(&self) -> &str {
        self.part(4)
    }
    /// What follows the account, such as `table/orders/index/by_name`.
    pub fn resource(&self) -> &str {
        self.part(5)
    }
}

impl fmt::Display for ResourceArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A pattern of ARNs: wildcards match inside one of the six parts.
#[derive(Clone, Debug)]
pub(super) enum ArnPattern {
    /// `*`: everything.
    Everything,
    Parts(Box<[Template; PARTS]>),
}

impl ArnPattern {
    /// Reads a pattern. Errors: it has fewer than six parts, or a variable that cannot be read.
    pub fn parse(text: &str, with_variables: bool) -> Result<Self, PolicyError> {
        if text == "*" {
            return Ok(Self::Everything);
        }
        let parts = split_outside_variables(text);
        let [Ok(first), rest @ ..] = &parts else {
            return Err(PolicyError::new(format!("{text:?} is neither \"*\" nor an ARN of six parts")));
        };
        if !matches!(*first, "arn" | "*") || rest.iter().any(Result::is_err) {
            return Err(PolicyError::new(format!("{text:?} is neither \"*\" nor an ARN of six parts")));
        }
        let template = |part: &Result<&str, ()>| Template::parse(part.unwrap_or_default(), with_variables, true);
        let [a, b, c, d, e, f] = &parts;
        let templates = [template(a)?, template(b)?, template(c)?, template(d)?, template(e)?, template(f)?];
        Ok(Self::Parts(Box::new(templates)))
    }

    /// Whether it matches a resource.
    #[inline]
    pub fn matches(&self, arn: &ResourceArn, lookup: &Lookup<'_>) -> bool {
        match self {
            Self::Everything => true,
            // The last part tells most resources apart.
            Self::Parts(parts) => {
                parts.iter().enumerate().rev().all(|(at, part)| part.matches(arn.part(at), false, lookup))
            }
        }
    }
    /// Whether it matches a text, which may be no ARN at all.
    pub fn matches_text(&self, text: &str, lookup: &Lookup<'_>) -> bool {
        match self {
            Self::Everything => true,
            Self::Parts(_) => ResourceArn::parse(text).is_some_and(|arn| self.matches(&arn, lookup)),
        }
    }
    /// The variables in it.
    pub fn add_variables(&self, variables: &mut Variables) {
        if let Self::Parts(parts) = self {
            parts.iter().for_each(|part| part.add_variables(variables));
        }
    }
}

/// The six parts of an ARN in which the colon of `${aws:username}` separates nothing; an error for each that is not there.
fn split_outside_variables(text: &str) -> [Result<&str, ()>; PARTS] {
    let mut parts = [Err(()); PARTS];
    let (mut begin, mut at, mut in_variable) = (0, 0, false);
    for (offset, character) in text.char_indices() {
        match character {
            '$' if text[offset..].starts_with("${") => in_variable = true,
            '}' => in_variable = false,
            ':' if !in_variable && at < PARTS - 1 => {
                parts[at] = Ok(&text[begin..offset]);
                (begin, at) = (offset + 1, at + 1);
            }
            _ => {}
        }
    }
    parts[at] = Ok(&text[begin..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_make_an_arn_agree() {
        let scope = ArnScope { region: "eu-west-1".to_owned(), ..ArnScope::default() };
        assert_eq!(scope.table("orders"), scope.resource("table/orders"));
        assert_eq!(scope.index("orders", "by_name"), scope.resource("table/orders/index/by_name"));
        let stream = scope.stream("orders", "2026-11-29T00:00:00.000");
        assert_eq!(stream, scope.resource("table/orders/stream/2026-11-29T00:00:00.000"));
        assert_eq!(stream.account(), "000000000000");
    }
}
