//! The member `TableName`, which is a name or an ARN, and its checks, which differ between operations.

use crate::{
    arn::{self, Arn, Owner},
    context::Context,
    error::Failure,
    profile::MessageDialect,
    validate::{Violations, matches_name_pattern, shortened},
};
use std::{borrow::Cow, collections::BTreeSet};

/// Longest text of a `TableName`: the length of the longest ARN.
const MAX_ARN_CHARACTERS: usize = 1_024;

/// A table as a request names it.
#[derive(Debug, Default)]
pub(crate) struct TableName<'a> {
    given: Option<Cow<'a, str>>,
}

impl<'a> TableName<'a> {
    /// The member as decoded.
    pub(crate) fn new(given: Option<Cow<'a, str>>) -> Self {
        Self { given }
    }

    /// As the request gave it; responses repeat it like this.
    pub(crate) fn given(&self) -> &str {
        self.given.as_deref().unwrap_or_default()
    }

    /// Whether an empty name was given.
    pub(crate) fn is_empty(&self) -> bool {
        self.given.as_deref() == Some("")
    }

    /// The name of the table, also when the request gave its ARN.
    pub(crate) fn name(&self) -> &str {
        let given = self.given();
        Arn::parse(given).map_or(given, |arn| arn.table)
    }

    /// What is reported alone, before any other constraint: an empty name, an ARN that is unreadable or another owner's.
    pub(crate) fn check_alone(&self, context: &Context<'_>, voice: MessageDialect) -> Result<(), Failure> {
        match self.given.as_deref() {
            Some("") => Err(Failure::validation(context.profile.empty_table_name(voice))),
            Some(given) if given.starts_with("arn:") => check_arn(given, context.owner),
            _ => Ok(()),
        }
    }

    /// Constraints on the name, with those of other members; `path` is where the member is.
    pub(crate) fn check(&self, violations: &mut Violations, path: &str, both: bool) {
        violations.not_null(&self.given, path);
        if let Some(given) = self.given.as_deref()
            && !given.starts_with("arn:")
        {
            violations.name(given, path, both);
        }
    }

    /// Constraints on a name that is the key of a map, as in batches; `shown` is how the map prints.
    pub(crate) fn check_map_key(&self, violations: &mut Violations, shown: impl FnOnce(&str) -> String) {
        let name = self.given();
        let fits = (3..=255).contains(&name.chars().count()) && matches_name_pattern(name);
        if !fits && Arn::parse(name).is_none() {
            let shown = shown(name);
            violations.push(format!(
                "Value '{}' at 'requestItems' failed to satisfy constraint: Map keys must satisfy constraint: \
                 [Member must have length less than or equal to 255, Member must have length greater than or equal to 3, \
                 Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+]",
                shortened(&shown)
            ));
        }
    }

    /// Rejects a map that names one table more than once, as by its name and by its ARN: an answer has one list for each table.
    pub(crate) fn check_distinct<'n>(names: impl Iterator<Item = &'n TableName<'n>>) -> Result<(), Failure> {
        let mut known = BTreeSet::new();
        for name in names {
            if !known.insert(name.name()) {
                let text = "One or more parameter values were invalid: RequestItems names a table more than once";
                return Err(Failure::validation(format!("{text}: {}", name.name())));
            }
        }
        Ok(())
    }

    /// Rejects the ARN of a table of another partition, region or account: the table of that name here is not that one.
    pub(crate) fn check_owner(&self, owner: &Owner) -> Result<(), Failure> {
        match Arn::parse(self.given()) {
            Some(arn) if !owner.has_region_of(&arn) => Err(Failure::validation(arn::malformed(self.given()))),
            Some(arn) if !owner.owns(&arn) => Err(Failure::access_denied("Access is denied")),
            _ => Ok(()),
        }
    }

    /// The checks of an operation on tables: first that it is there, then its length, alone.
    pub(crate) fn check_control(&self, context: &Context<'_>) -> Result<(), Failure> {
        let Some(given) = self.given.as_deref() else {
            let text = "The parameter 'TableName' is required but was not present in the request";
            return Err(Failure::validation(text));
        };
        if given.starts_with("arn:") {
            return check_arn(given, context.owner);
        }
        if !(3..=255).contains(&given.chars().count())
            && let Some(text) = context.profile.control_table_name_length()
        {
            return Err(Failure::validation(text));
        }
        let mut violations = Violations::default();
        violations.name(given, "tableName", false);
        violations.finish()
    }
}

fn check_arn(given: &str, owner: &Owner) -> Result<(), Failure> {
    let fits = given.chars().count() <= MAX_ARN_CHARACTERS;
    match Arn::parse(given) {
        Some(Arn { part: None, .. }) if fits => TableName::new(Some(given.into())).check_owner(owner),
        _ => Err(Failure::validation(arn::malformed(given))),
    }
}
