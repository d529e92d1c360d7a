//! Policies: compiled documents, and which of their statements apply to a request.

use super::{
    action::ActionSet,
    arn::ArnPattern,
    condition::Line,
    key::{ConditionKey, Lookup},
    principals::{Naming, Principals},
    tested::Tested,
};

/// What a statement does to the requests that it applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It allows them, unless something denies them.
    Allow,
    /// It denies them.
    Deny,
}

/// A policy document that was understood.
#[derive(Clone, Debug)]
pub struct Policy {
    pub(super) name: String,
    pub(super) statements: Vec<Statement>,
    pub(super) version: Version,
    /// Kinds of condition keys that its conditions and variables name.
    pub(super) tested: Tested,
}

/// The version of the language, which decides whether `${..}` is a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V2008,
    V2012,
}

/// A statement.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    pub sid: Option<String>,
    pub effect: Effect,
    /// `None` in policies of identities.
    pub principals: Option<Principals>,
    pub actions: ActionSet,
    /// As the document writes them.
    pub action_patterns: Vec<String>,
    /// `NotResource`: all but these.
    pub is_not_resource: bool,
    pub resources: Vec<ArnPattern>,
    /// As the document writes them.
    pub resource_patterns: Vec<String>,
    pub conditions: Vec<Line>,
    /// The variables without a default in it: where one has no value, the statement does not apply.
    pub variables: Vec<ConditionKey>,
}

/// Why a statement does not apply to a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Failed<'a> {
    Principal,
    Action,
    Resource,
    Variable(&'a ConditionKey),
    Condition(&'a Line),
}

impl Statement {
    /// How it names the principal, if it applies; or what keeps it from applying.
    #[inline]
    pub fn applies(&self, lookup: &Lookup<'_>) -> Result<Naming, Failed<'_>> {
        if !self.actions.contains(lookup.ask.action) {
            return Err(Failed::Action);
        }
        let naming = self.principals.as_ref().map_or(Naming::Itself, |them| them.naming(lookup.principal));
        if naming == Naming::None {
            return Err(Failed::Principal);
        }
        if let Some(key) = self.variables.iter().find(|key| lookup.find(key).into_text().is_none()) {
            return Err(Failed::Variable(key));
        }
        let matches = self.resources.iter().any(|pattern| pattern.matches(&lookup.ask.resource, lookup));
        if matches == self.is_not_resource {
            return Err(Failed::Resource);
        }
        match self.conditions.iter().find(|line| !line.holds(self.effect, lookup)) {
            Some(line) => Err(Failed::Condition(line)),
            None => Ok(naming),
        }
    }
}

impl Policy {
    /// With a name for explanations.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }
    /// Its name; empty if it was given none and the document has no `Id`.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// Kinds of condition keys that it names.
    pub(crate) fn tested(&self) -> Tested {
        self.tested
    }
    /// How many statements it has.
    pub fn len(&self) -> usize {
        self.statements.len()
    }
    /// Whether it has no statements. No policy that was parsed is empty.
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }
    /// The first statement of an effect that applies.
    #[inline]
    pub(super) fn first(&self, effect: Effect, lookup: &Lookup<'_>) -> Option<usize> {
        self.statements.iter().position(|statement| statement.effect == effect && statement.applies(lookup).is_ok())
    }
    /// The `Allow` that names the principal most closely.
    pub(super) fn closest_allow(&self, lookup: &Lookup<'_>) -> Option<(Naming, usize)> {
        let allows = self.statements.iter().enumerate().filter(|(_, statement)| statement.effect == Effect::Allow);
        let applying = allows.filter_map(|(at, statement)| Some((statement.applies(lookup).ok()?, at)));
        applying.max_by_key(|(naming, at)| (*naming, std::cmp::Reverse(*at)))
    }
}
