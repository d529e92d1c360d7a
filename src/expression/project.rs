//! Projections: which parts of an item are returned.
//!
//! The result keeps the structure of the item around the parts. Elements of a list keep their order and close ranks:
//! `a.b[2], a.b[0]` of `{a:{b:[10,20,30]}}` is `{a:{b:[10,30]}}`. Parts that the item lacks are left out.

use super::{
    ExpressionKind,
    names::Scope,
    parse_projection,
    path::{self, Path, Step},
};
use crate::{
    error::Result,
    item::{AttributeValue, Item, ItemRef},
};
use std::{collections::BTreeMap, sync::Arc};

/// A list of paths, none of which leads into another. Clones share it.
#[derive(Clone, Debug, PartialEq)]
pub struct ProjectionExpression {
    /// As written.
    paths: Arc<[Path]>,
    /// Ascending, in which elements of lists come in their order.
    sorted: Arc<[Path]>,
}

impl ProjectionExpression {
    /// Parses a ProjectionExpression.
    ///
    /// # Errors
    /// `Invalid ProjectionExpression: ...` with DynamoDB's text for the first fault in its order of checks.
    pub fn parse(text: &str, scope: &mut Scope<'_>) -> Result<Self> {
        Ok(Self::from_checked(parse_projection::parse(text, scope)?))
    }

    /// A projection of paths.
    ///
    /// # Errors
    /// `Invalid ProjectionExpression: ...` if there are none, or two overlap or conflict.
    pub fn of(paths: Vec<Path>) -> Result<Self> {
        if paths.is_empty() {
            return Err(ExpressionKind::Projection.error("The expression can not be empty;"));
        }
        match path::clash(&paths.iter().collect::<Vec<_>>(), false) {
            Some(fault) => Err(ExpressionKind::Projection.error(fault)),
            None => Ok(Self::from_checked(paths)),
        }
    }

    /// A projection of whole attributes by their names.
    pub fn of_attributes<N: Into<Box<str>>>(names: impl IntoIterator<Item = N>) -> Result<Self> {
        Self::of(names.into_iter().map(Path::attribute).collect())
    }

    fn from_checked(paths: Vec<Path>) -> Self {
        let mut sorted = paths.clone();
        sorted.sort_unstable();
        Self { paths: paths.into(), sorted: sorted.into() }
    }

    /// The paths as they were written.
    pub fn paths(&self) -> &[Path] {
        &self.paths
    }

    /// The paths into attributes among them.
    pub(crate) fn nested_paths(&self) -> Vec<&Path> {
        self.paths.iter().filter(|path| path.is_nested()).collect()
    }

    /// The attributes that it returns, or returns parts of; each as often as it is named.
    pub fn top_level_attributes(&self) -> Vec<&str> {
        self.paths.iter().map(Path::top_level).collect()
    }

    /// The named parts of an item; nothing else of it is decoded.
    pub fn apply(&self, item: &ItemRef) -> Item {
        assemble(self.sorted.iter().filter_map(|path| Some((path, path.find(item)?.to_value()))))
    }
}

/// The parts of an item at some paths, which need no order; `None` if there are none.
pub(super) fn parts<'p>(mut paths: Vec<&'p Path>, find: impl Fn(&'p Path) -> Option<AttributeValue>) -> Option<Item> {
    paths.sort_unstable();
    let item = assemble(paths.into_iter().filter_map(|path| Some((path, find(path)?))));
    (!item.is_empty()).then_some(item)
}

/// Builds an item that has these values at these ascending, compatible paths.
fn assemble<'p>(parts: impl Iterator<Item = (&'p Path, AttributeValue)>) -> Item {
    let mut item = Item::new();
    let mut previous: Option<&Path> = None;
    for (path, value) in parts {
        // How many steps lead to the same place as those of the part before.
        let shared = previous
            .filter(|previous| previous.top_level() == path.top_level())
            .map_or(0, |previous| previous.steps().iter().zip(path.steps()).take_while(|(a, b)| a == b).count());
        place(&mut item, path, shared, value);
        previous = Some(path);
    }
    item
}

fn place(item: &mut Item, path: &Path, shared: usize, value: AttributeValue) {
    let Some((last, leading)) = path.steps().split_last() else {
        item.insert(path.top_level().to_owned(), value);
        return;
    };
    let mut steps = path.steps().iter();
    let mut place = item.entry(path.top_level().to_owned()).or_insert_with(|| container_for(steps.next()));
    // Each step makes the container that the next one goes into.
    for (at, (step, next)) in leading.iter().zip(path.steps().iter().skip(1)).enumerate() {
        let known = at < shared;
        let inner = match (place, step) {
            (AttributeValue::M(map), Step::Name(name)) => {
                Some(map.entry(name.to_string()).or_insert_with(|| container_for(Some(next))))
            }
            (AttributeValue::L(list), Step::Index(_)) => {
                if !known {
                    list.push(container_for(Some(next)));
                }
                list.last_mut()
            }
            _ => None,
        };
        let Some(inner) = inner else { return };
        place = inner;
    }
    match (place, last) {
        (AttributeValue::M(map), Step::Name(name)) => {
            map.insert(name.to_string(), value);
        }
        (AttributeValue::L(list), Step::Index(_)) => list.push(value),
        // Compatible paths agree on what is a map and what is a list.
        _ => {}
    }
}

fn container_for(step: Option<&Step>) -> AttributeValue {
    match step {
        Some(Step::Index(_)) => AttributeValue::L(Vec::new()),
        _ => AttributeValue::M(BTreeMap::new()),
    }
}
