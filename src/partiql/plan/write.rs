//! What `INSERT`, `UPDATE`, `DELETE` and `EXISTS` do: one item by its whole key, under a condition.

use super::{index, key_names, open};
use crate::{
    database::Database,
    error::{Error, Result},
    expression::{Action, Comparator, Condition, ExpressionKind, Operand, Path, Test, Tree, UpdateExpression, clash},
    item::{AttributeValue, Item},
    partiql::{
        bind::{Bound, BoundDelete, BoundInsert, BoundSelect, BoundUpdate, Target},
        ranges::{self, KeyRange, SortRange},
    },
    request::ReturnValues,
    schema::TableDefinition,
    table::{Dynamic, Table},
};
use std::sync::Arc;

/// What a statement that writes does.
#[derive(Clone, Debug)]
pub(in crate::partiql) struct WritePlan {
    pub database: Database,
    pub table: Table<Dynamic>,
    pub definition: Arc<TableDefinition>,
    pub kind: WriteKind,
    /// Must hold for the item that is there, or for its absence.
    pub condition: Option<Condition>,
    /// What the statement itself demands of an item, without what its kind does.
    pub demanded: Option<Condition>,
    pub returning: ReturnValues,
}

/// A write.
#[derive(Clone, Debug)]
pub(in crate::partiql) enum WriteKind {
    /// Of a new item.
    Insert(Item),
    /// Of an item that is there.
    Update(Item, UpdateExpression),
    /// Removes the item with this key.
    Delete(Item),
    /// Checks the item with this key.
    Check(Item),
}

impl WritePlan {
    /// The key of the item; that of an insert may be incomplete.
    pub fn key(&self) -> Item {
        match &self.kind {
            WriteKind::Insert(item) => {
                let key = self.definition.key.attributes();
                key.filter_map(|key| Some((key.name.clone(), item.get(&key.name)?.clone()))).collect()
            }
            WriteKind::Update(key, _) | WriteKind::Delete(key) | WriteKind::Check(key) => key.clone(),
        }
    }
}

/// Plans a statement that writes, or checks; `in_transaction` leaves to the transaction what cancels it. `echoes` says
/// afterwards whether an error is of the kind that names its table in a batch.
///
/// # Errors
/// DynamoDB's text for the first fault that depends on the table.
pub(in crate::partiql) fn plan_write(
    database: &Database,
    bound: Bound,
    in_transaction: bool,
    echoes: &mut bool,
) -> Result<WritePlan> {
    refuse_index(&bound)?;
    let table = open(database, bound.target())?;
    let definition = table.definition();
    let mut plan = WritePlan {
        database: database.clone(),
        table,
        definition: definition.clone(),
        kind: WriteKind::Check(Item::new()),
        condition: None,
        demanded: None,
        returning: ReturnValues::None,
    };
    let mut planner = Planner { definition: &definition, in_transaction, echoes };
    match bound {
        Bound::Insert(insert) => planner.insert(insert, &mut plan)?,
        Bound::Update(update) => planner.update(update, &mut plan)?,
        Bound::Delete(delete) => planner.delete(delete, &mut plan)?,
        Bound::Select(select) | Bound::Exists(select) => planner.check(select, &mut plan)?,
    }
    Ok(plan)
}

fn refuse_index(bound: &Bound) -> Result<()> {
    let Target { index: Some(_), span, .. } = bound.target() else { return Ok(()) };
    match bound {
        Bound::Insert(_) => Err(Error::validation(format!(
            "FROM clause may only contain a single table name in data manipulation statements at {span}"
        ))),
        Bound::Update(_) | Bound::Delete(_) => Err(Error::validation("This operation is not supported on an index")),
        Bound::Select(_) | Bound::Exists(_) => Ok(()),
    }
}

struct Planner<'d> {
    definition: &'d TableDefinition,
    in_transaction: bool,
    /// Whether what is being checked is named with its table in a batch.
    echoes: &'d mut bool,
}

impl Planner<'_> {
    fn exists(&self, exists: bool) -> Tree {
        let hash = Path::attribute(self.definition.key.hash.name.as_str());
        Tree::Test(if exists { Test::Exists(hash) } else { Test::NotExists(hash) })
    }

    fn insert(&mut self, insert: BoundInsert, plan: &mut WritePlan) -> Result<()> {
        if !self.in_transaction {
            for key in self.definition.key.attributes() {
                let Some(value) = insert.item.get(&key.name) else { continue };
                if !key.kind.matches(value) {
                    return Err(wrong_type(&key.name));
                }
            }
            self.definition.key_of_item(&insert.item)?;
        }
        plan.condition = Some(condition(self.exists(false)));
        plan.kind = WriteKind::Insert(insert.item);
        Ok(())
    }

    fn update(&mut self, update: BoundUpdate, plan: &mut WritePlan) -> Result<()> {
        let (key, rest) = self.key(update.condition)?;
        let actions = UpdateExpression::from_actions(update.actions, false);
        if !self.in_transaction {
            *self.echoes = true;
            actions.check_writes_no_key(self.definition.key.attributes().map(|key| key.name.as_str()))?;
            *self.echoes = false;
        }
        if let Some(fault) = clash(&actions.actions().iter().map(Action::target).collect::<Vec<_>>(), true) {
            return Err(Error::validation(fault));
        }
        plan.demanded = rest.clone().map(condition);
        let exists = self.exists(true);
        plan.condition = Some(condition(match rest {
            Some(rest) => exists.and(rest),
            None => exists,
        }));
        plan.kind = WriteKind::Update(key, actions);
        plan.returning = update.returning;
        Ok(())
    }

    fn delete(&mut self, delete: BoundDelete, plan: &mut WritePlan) -> Result<()> {
        let (key, rest) = self.key(delete.condition)?;
        plan.demanded = rest.clone().map(condition);
        // An item that is not there is deleted already, whatever was demanded of it.
        plan.condition = rest.map(|rest| condition(self.exists(false).or(rest)));
        plan.kind = WriteKind::Delete(key);
        plan.returning = delete.returning;
        Ok(())
    }

    /// `EXISTS(SELECT ..)`: a key, and a condition besides.
    fn check(&mut self, select: BoundSelect, plan: &mut WritePlan) -> Result<()> {
        let fault = || Error::validation("EXISTS() must contain a single item read with additional condition");
        if let Some(name) = select.target.index.as_deref() {
            key_names(self.definition, Some(index(self.definition, name)?))?;
            return Err(Error::validation("Reads on indices are not supported within transactions."));
        }
        let (key, rest) = self.key(select.condition).map_err(|_| fault())?;
        let rest = condition(rest.ok_or_else(fault)?);
        plan.demanded = Some(rest.clone());
        plan.condition = Some(rest);
        plan.kind = WriteKind::Check(key);
        Ok(())
    }

    /// The key that a condition pins by equalities, and what else it demands.
    fn key(&mut self, condition: Option<Tree>) -> Result<(Item, Option<Tree>)> {
        let names: Vec<&str> = self.definition.key.attributes().map(|key| key.name.as_str()).collect();
        let mut found: Vec<Vec<AttributeValue>> = vec![Vec::new(); names.len()];
        let mut rest: Option<Tree> = None;
        let all = match condition {
            Some(Tree::And(all)) => all,
            other => other.into_iter().collect(),
        };
        for one in all {
            match equality(&one, &names) {
                Some((at, value)) => {
                    if !found[at].contains(&value) {
                        found[at].push(value);
                    }
                }
                None => rest = Some(rest.map_or_else(|| one.clone(), |rest| rest.and(one.clone()))),
            }
        }
        if found.iter().any(Vec::is_empty) {
            return Err(Error::validation("Where clause does not contain a mandatory equality on all key attributes"));
        }
        self.check_key(&found)?;
        let values = found.into_iter().filter_map(|mut values| values.pop());
        let key: Item = names.iter().map(|name| (*name).to_owned()).zip(values).collect();
        Ok((key, rest))
    }

    fn check_key(&mut self, found: &[Vec<AttributeValue>]) -> Result<()> {
        let attributes: Vec<_> = self.definition.key.attributes().collect();
        for (attribute, values) in attributes.iter().zip(found) {
            for value in values {
                let checked = ranges::check_type(value, attribute);
                // A scalar of another type cancels a transaction instead.
                let is_scalar = crate::item::KeyScalar::of(value).is_some();
                if !(self.in_transaction && is_scalar) {
                    checked?;
                }
            }
        }
        for (attribute, values) in attributes.iter().zip(found) {
            if values.len() > 1 {
                return Err(Error::validation(format!(
                    "Multiple conditions on same key {}. Only single item Update/Insert/Delete are supported",
                    attribute.name
                )));
            }
        }
        let mut values = found.iter().filter_map(|values| values.first().cloned());
        if let (Some(hash), false) = (values.next(), self.in_transaction) {
            let sort = values.next().map_or(SortRange::All, SortRange::Equal);
            *self.echoes = true;
            ranges::check_sizes(&KeyRange { hash, sort })?;
            *self.echoes = false;
        }
        Ok(())
    }
}

fn condition(tree: Tree) -> Condition {
    Condition::from_tree(ExpressionKind::Condition, tree)
}

fn wrong_type(name: &str) -> Error {
    Error::validation(format!("Key attribute's data type should match its data type in table's schema: Key {name}"))
}

/// The position of the key attribute that a test pins to a value, and the value.
fn equality(tree: &Tree, names: &[&str]) -> Option<(usize, AttributeValue)> {
    let Tree::Test(Test::Compare(left, Comparator::Equal, right)) = tree else { return None };
    let (path, value) = match (left, right) {
        (Operand::Path(path), Operand::Value(value)) | (Operand::Value(value), Operand::Path(path)) => (path, value),
        _ => return None,
    };
    let at = names.iter().position(|name| !path.is_nested() && path.top_level() == *name)?;
    Some((at, value.clone()))
}
