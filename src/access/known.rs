//! What a policy says of tables that a database has: names of tables, indexes and attributes that mean nothing there.

use super::{
    action::{Action, ActionSet},
    arn::ArnPattern,
    condition::Line,
    key::{ConditionKey, Lookup},
    lint::Remark,
    operator::Quantifier,
    policy::{Effect, Policy, Statement},
    policy_error::PolicyError,
    template::Template,
};
use crate::{
    access::{ArnScope, Ask, Environment, Principal},
    schema::{IndexDefinition, IndexKind, KeyAttribute, TableDefinition},
};
use std::{collections::BTreeSet, sync::Arc};

/// A table of a database.
#[derive(Debug)]
pub(crate) struct KnownTable {
    pub definition: Arc<TableDefinition>,
    /// Labels of its streams.
    pub streams: Vec<String>,
    /// Top-level attributes that its items were seen to have.
    pub attributes: BTreeSet<String>,
}

impl KnownTable {
    fn name(&self) -> &str {
        &self.definition.name
    }
    fn indexes(&self) -> impl Iterator<Item = &IndexDefinition> {
        self.definition.indexes.iter().filter(|index| index.kind != IndexKind::Expiry)
    }
    /// The table, its indexes and its streams, as the last part of ARNs.
    fn resources(&self) -> Vec<String> {
        let table = format!("table/{}", self.name());
        let indexes = self.indexes().map(|index| format!("{table}/index/{}", index.name));
        let streams = self.streams.iter().map(|label| format!("{table}/stream/{label}"));
        std::iter::once(table.clone()).chain(indexes).chain(streams).collect()
    }
    fn has_attribute(&self, matches: impl Fn(&str) -> bool) -> bool {
        let keys = self.definition.key.attributes().chain(self.indexes().flat_map(IndexDefinition::attributes));
        let mut keys = keys.map(|key: &KeyAttribute| key.name.as_str());
        keys.any(&matches) || self.attributes.iter().any(|name| matches(name))
    }
}

impl Policy {
    /// Remarks on names that mean nothing to these tables.
    pub(crate) fn remarks_on(&self, tables: &[KnownTable]) -> Vec<Remark> {
        let mut remarks = Vec::new();
        for (at, statement) in self.statements.iter().enumerate() {
            let mut remark = |text: String| remarks.push(Remark { statement: at, text });
            let about = About::of(statement, tables);
            about.unknown_resources(tables, &mut remark);
            about.keys_of_indexes(&mut remark);
            about.attributes(&mut remark);
        }
        remarks
    }
}

/// A statement, and the tables that it is about.
struct About<'a> {
    statement: &'a Statement,
    patterns: Vec<(&'a str, LastPart)>,
    tables: Vec<&'a KnownTable>,
}

/// The last part of a pattern, in which variables stand for anything.
struct LastPart(Template);

impl LastPart {
    /// `None` for patterns of other services, and for those of everything.
    fn of(pattern: &str) -> Option<Self> {
        let mut plain = String::new();
        let mut rest = pattern;
        while let Some((before, inside)) = rest.split_once("${") {
            plain.push_str(before);
            plain.push('*');
            rest = inside.split_once('}').map_or("", |(_, after)| after);
        }
        plain.push_str(rest);
        let mut parts = plain.splitn(6, ':');
        let service = parts.nth(2)?;
        let last = parts.nth(2)?;
        let is_ours = matches!(service, "dynamodb" | "*");
        let read = |last: &str| -> Result<Template, PolicyError> { Template::parse(last, false, true) };
        is_ours.then(|| read(last).ok().map(Self)).flatten()
    }
    fn matches(&self, resource: &str) -> bool {
        with_nothing_known(|lookup| self.0.matches(resource, false, lookup))
    }
}

/// Without variables nothing is looked up.
fn with_nothing_known<T>(run: impl FnOnce(&Lookup<'_>) -> T) -> T {
    let (principal, environment) = (Principal::root(), Environment::default());
    let ask = Ask::new(Action::ListTables, ArnScope::default().table("*"));
    run(&Lookup { principal: &principal, environment: &environment, now_millis: 0, ask: &ask })
}

impl<'a> About<'a> {
    fn of(statement: &'a Statement, tables: &'a [KnownTable]) -> Self {
        let patterns = statement.resource_patterns.iter().map(String::as_str);
        let patterns: Vec<_> = patterns.filter_map(|pattern| Some((pattern, LastPart::of(pattern)?))).collect();
        let is_everything = |pattern: &ArnPattern| matches!(pattern, ArnPattern::Everything);
        let is_general = statement.is_not_resource || statement.resources.iter().any(is_everything);
        let is_meant = |table: &&KnownTable| {
            is_general
                || table.resources().iter().any(|resource| patterns.iter().any(|(_, part)| part.matches(resource)))
        };
        let tables = tables.iter().filter(is_meant).collect();
        Self { statement, patterns, tables }
    }

    /// Whether the statement can be about a resource, by its last part.
    fn reaches(&self, resource: &str) -> bool {
        let is_everything = |pattern: &ArnPattern| matches!(pattern, ArnPattern::Everything);
        let matches = self.patterns.iter().any(|(_, part)| part.matches(resource));
        (matches || self.statement.resources.iter().any(is_everything)) != self.statement.is_not_resource
    }

    fn unknown_resources(&self, tables: &[KnownTable], remark: &mut impl FnMut(String)) {
        let creates =
            ActionSet::of_pattern("dynamodb:CreateTable").is_ok_and(|create| create == self.statement.actions);
        for (pattern, part) in self.patterns.iter().filter(|_| !creates) {
            let mut resources = tables.iter().flat_map(KnownTable::resources);
            if resources.any(|resource| part.matches(&resource)) || part.matches("table/*") {
                continue;
            }
            let resource = pattern.splitn(6, ':').nth(5).unwrap_or_default();
            let table = resource.strip_prefix("table/").and_then(|rest| rest.split_once('/'));
            match table.filter(|(table, _)| tables.iter().any(|known| known.name() == *table)) {
                Some((table, part)) => remark(format!("{pattern:?}: table {table} has no {}", part.replace('/', " "))),
                None => remark(format!("{pattern:?} names no table, index or stream of this database")),
            }
        }
    }

    fn tests_leading_keys(&self) -> bool {
        let is_test = |line: &Line| line.key == ConditionKey::PartitionKeyValues(0) && !line.operator.is_null();
        self.statement.conditions.iter().any(is_test)
    }

    /// A condition on leading keys means the partition key of the index that is queried.
    fn keys_of_indexes(&self, remark: &mut impl FnMut(String)) {
        let reads =
            [Action::Query, Action::PartiQLSelect].iter().any(|action| self.statement.actions.contains(*action));
        if !reads || !self.tests_leading_keys() {
            return;
        }
        for table in &self.tables {
            let own = &table.definition.key.hash.name;
            for index in table.indexes().filter(|index| index.kind == IndexKind::Global) {
                let is_other = index.hash.first().is_some_and(|hash| hash.name != *own);
                if is_other && self.reaches(&format!("table/{}/index/{}", table.name(), index.name)) {
                    let keys: Vec<&str> = index.hash.iter().map(|key| key.name.as_str()).collect();
                    remark(format!(
                        "dynamodb:LeadingKeys of index {} of table {} are values of {}, not of {own}",
                        index.name,
                        table.name(),
                        keys.join(", ")
                    ));
                }
            }
        }
    }

    /// Lists of attributes that lack a key, which each request names, or have an attribute that no item has.
    fn attributes(&self, remark: &mut impl FnMut(String)) {
        for line in self.statement.conditions.iter().filter(|line| line.key == ConditionKey::Attributes) {
            if line.operator.is_null() {
                continue;
            }
            let is_allow_list = line.operator.quantifier == Quantifier::ForAllValues
                && !line.operator.is_negated
                && self.statement.effect == Effect::Allow;
            for table in self.tables.iter().filter(|_| is_allow_list) {
                for key in table.definition.key.attributes() {
                    if !with_nothing_known(|lookup| line.accepts_text(&key.name, lookup)) {
                        remark(format!(
                            "dynamodb:Attributes lacks {}, a key attribute of table {}: it allows nothing there",
                            key.name,
                            table.name()
                        ));
                    }
                }
            }
            let plain = line.values.iter().filter(|value| !value.contains(['*', '?', '$']));
            for value in plain.filter(|_| !self.tables.is_empty()) {
                if !self.tables.iter().any(|table| table.has_attribute(|name| name == value)) {
                    let tables: Vec<&str> = self.tables.iter().map(|table| table.name()).collect();
                    remark(format!(
                        "no item that was looked at has an attribute {value:?} (tables {})",
                        tables.join(", ")
                    ));
                }
            }
        }
    }
}
