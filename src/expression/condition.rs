//! Conditions, as users and tables hold them: parsed once, evaluated on any number of items.

use super::{ExpressionKind, check, evaluate, names::Scope, parse_condition, path::Path, tree::Tree};
use crate::{
    error::{Error, Result},
    item::ItemRef,
};
use std::sync::Arc;

/// A condition on an item, with its values: it passed every check that needs no table and no item. Clones share it.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    kind: ExpressionKind,
    tree: Arc<Tree>,
    /// Made from a legacy parameter, which some messages name.
    legacy: bool,
}

impl Condition {
    /// Parses a ConditionExpression or FilterExpression.
    ///
    /// # Errors
    /// `Invalid <kind>: ...` with DynamoDB's text for the first fault in its order of checks.
    pub fn parse(kind: ExpressionKind, text: &str, scope: &mut Scope<'_>) -> Result<Self> {
        Ok(Self::from_tree(kind, parse_condition::parse(kind, text, scope)?))
    }

    /// A condition from a tree that passed the checks.
    pub(crate) fn from_tree(kind: ExpressionKind, tree: Tree) -> Self {
        Self { kind, tree: Arc::new(tree), legacy: false }
    }

    /// A condition made from a legacy parameter.
    pub(super) fn from_legacy(kind: ExpressionKind, tree: Tree) -> Self {
        Self { kind, tree: Arc::new(tree), legacy: true }
    }

    /// Both conditions, joined with `AND`.
    ///
    /// # Errors
    /// `Invalid <kind>: ...` if the two have more operators together than one condition may have.
    pub fn and(self, other: Self) -> Result<Self> {
        let operators = self.tree.operators() + other.tree.operators() + 1;
        if let Some(fault) = check::too_many_operators(operators) {
            return Err(self.kind.error(fault));
        }
        let tree = Arc::unwrap_or_clone(self.tree).and(Arc::unwrap_or_clone(other.tree));
        Ok(Self { kind: self.kind, tree: Arc::new(tree), legacy: self.legacy && other.legacy })
    }

    /// What it is for.
    pub fn kind(&self) -> ExpressionKind {
        self.kind
    }

    /// Its tests and how they are joined.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Whether an item meets it; `None` is an item that does not exist, of which nothing exists and any path is
    /// missing. Only attributes that are tested are looked at, and evaluation never fails.
    pub fn matches(&self, item: Option<&ItemRef>) -> bool {
        evaluate::matches(&self.tree, item)
    }

    /// All paths that it reads, in the order in which they are written.
    pub fn paths(&self) -> Vec<&Path> {
        let mut paths = Vec::new();
        self.tree.visit_paths(&mut |path| paths.push(path));
        paths
    }

    /// The paths into attributes among them.
    pub(crate) fn nested_paths(&self) -> Vec<&Path> {
        let mut paths = Vec::new();
        self.tree.visit_paths(&mut |path| {
            if path.is_nested() {
                paths.push(path);
            }
        });
        paths
    }

    /// The attributes that it reads, or reads parts of; each as often as it is named.
    pub fn top_level_attributes(&self) -> Vec<&str> {
        self.paths().into_iter().map(Path::top_level).collect()
    }

    /// Rejects a Query's filter that reads an attribute of the queried key. `keys` are the attributes of the key of the
    /// table or index, partition key first.
    pub fn check_reads_no_key<'k>(&self, keys: impl IntoIterator<Item = &'k str>) -> Result<()> {
        let read = self.top_level_attributes();
        match keys.into_iter().find(|key| read.contains(key)) {
            None => Ok(()),
            Some(key) => {
                let what = if self.legacy { "QueryFilter" } else { "Filter Expression" };
                Err(Error::validation(format!(
                    "{what} can only contain non-primary key attributes: Primary key attribute: {key}"
                )))
            }
        }
    }
}

/// Rejects paths that lead into a key attribute, which is always a scalar: the keys of the table first, then those of
/// its indexes. For the paths of any kind of expression.
pub(crate) fn check_keys_are_scalars<'k>(
    paths: &[&Path],
    table_keys: impl IntoIterator<Item = &'k str>,
    index_keys: impl IntoIterator<Item = &'k str>,
) -> Result<()> {
    let leads_into = |key: &&str| paths.iter().any(|path| path.is_nested() && path.top_level() == *key);
    let of_table = table_keys.into_iter().find(leads_into).map(|key| ("Key", key));
    let found = of_table.or_else(|| index_keys.into_iter().find(leads_into).map(|key| ("IndexKey", key)));
    match found {
        None => Ok(()),
        Some((what, key)) => Err(Error::validation(format!(
            "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: {what}: {key}"
        ))),
    }
}
