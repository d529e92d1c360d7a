//! Statements as a whole, with values in the place of parameters.

use super::{Binder, path::result_name};
use crate::{
    error::{Error, Result},
    expression::{Action, Path, Tree},
    item::{AttributeValue, Item},
    partiql::{
        error,
        syntax::{
            Arguments, Change, Delete, Expression, ExpressionKind, Insert, OrderTerm, PathStep, Returning, Select,
            SelectItems, Source, Span, Statement, Update,
        },
    },
    request::ReturnValues,
};

/// The table or index that a statement names.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::partiql) struct Target {
    /// Name of the table.
    pub table: Box<str>,
    /// Name of the index.
    pub index: Option<Box<str>>,
    /// Where the table is written.
    pub span: Span,
}

/// A statement with its values.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::partiql) enum Bound {
    /// `SELECT`
    Select(BoundSelect),
    /// `EXISTS(SELECT ..)`
    Exists(BoundSelect),
    /// `INSERT`
    Insert(BoundInsert),
    /// `UPDATE`
    Update(BoundUpdate),
    /// `DELETE`
    Delete(BoundDelete),
}

/// A query.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::partiql) struct BoundSelect {
    pub target: Target,
    /// Paths that are returned; `None` for whole items.
    pub items: Option<Vec<Path>>,
    pub condition: Option<Tree>,
    pub order: Vec<BoundOrder>,
}

/// A term of `ORDER BY`.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::partiql) struct BoundOrder {
    /// The attribute; what is wrong with the term if it is none.
    pub name: std::result::Result<Box<str>, String>,
    pub descending: bool,
}

/// An insert.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::partiql) struct BoundInsert {
    pub target: Target,
    pub item: Item,
}

/// An update.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::partiql) struct BoundUpdate {
    pub target: Target,
    pub actions: Vec<Action>,
    pub condition: Option<Tree>,
    pub returning: ReturnValues,
}

/// A delete.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::partiql) struct BoundDelete {
    pub target: Target,
    pub condition: Option<Tree>,
    pub returning: ReturnValues,
}

impl Bound {
    /// The table or index that is read or written.
    pub fn target(&self) -> &Target {
        match self {
            Self::Select(select) | Self::Exists(select) => &select.target,
            Self::Insert(insert) => &insert.target,
            Self::Update(update) => &update.target,
            Self::Delete(delete) => &delete.target,
        }
    }

    /// Whether it only reads; `EXISTS` counts as a write.
    pub fn is_read(&self) -> bool {
        matches!(self, Self::Select(_))
    }

    /// Whether it says what to return of a write.
    pub fn has_returning(&self) -> bool {
        match self {
            Self::Update(BoundUpdate { returning, .. }) | Self::Delete(BoundDelete { returning, .. }) => {
                *returning != ReturnValues::None
            }
            _ => false,
        }
    }
}

impl Binder<'_> {
    pub(super) fn statement(&mut self, statement: &Statement) -> Result<Bound> {
        match statement {
            Statement::Select(select) => Ok(Bound::Select(self.select(select)?)),
            Statement::Insert(insert) => Ok(Bound::Insert(self.insert(insert)?)),
            Statement::Update(update) => Ok(Bound::Update(self.update(update)?)),
            Statement::Delete(delete) => Ok(Bound::Delete(self.delete(delete)?)),
            Statement::Expression(expression) => self.exists(expression),
        }
    }

    /// `EXISTS(SELECT ..)`; other expressions are rejected by what they are.
    fn exists(&mut self, expression: &Expression) -> Result<Bound> {
        let ExpressionKind::Call(name, arguments) = &expression.kind else {
            return Err(match expression.kind {
                ExpressionKind::Chain(..)
                | ExpressionKind::Not(..)
                | ExpressionKind::Between(..)
                | ExpressionKind::Like(..)
                | ExpressionKind::Is(true, ..)
                | ExpressionKind::Sign(..) => error::exists_outside_transaction(),
                _ => error::unsupported_operation(expression.kind_name()),
            });
        };
        if &**name != "exists" {
            return Err(error::exists_outside_transaction());
        }
        match arguments {
            Arguments::List(arguments) => match arguments.as_slice() {
                [Expression { kind: ExpressionKind::Select(select), .. }] => Ok(Bound::Exists(self.select(select)?)),
                _ => Err(Error::validation("EXISTS() must contain a single item read with additional condition")),
            },
            _ => Err(error::exists_outside_transaction()),
        }
    }

    fn select(&mut self, select: &Select) -> Result<BoundSelect> {
        let target = target(&select.from)?;
        let first = |all: &[Expression]| all.first().map(|one| one.span).unwrap_or_default();
        if let Some((clause, all)) = select.unsupported.first() {
            return Err(error::unsupported_clause(clause.words(), first(all)));
        }
        if select.distinct {
            return Err(error::unsupported_clause("DISTINCT", target.span));
        }
        let items = match &select.items {
            SelectItems::All => None,
            SelectItems::Value(value) => return Err(error::unsupported_clause("VALUE", value.span)),
            SelectItems::List(items) => {
                if let Some((call, _)) = items.iter().find(|(item, _)| matches!(item.kind, ExpressionKind::Call(..))) {
                    return Err(error::unexpected_path_component(call.span));
                }
                let paths = items.iter().map(|(item, _)| self.path(item)).collect::<Result<Vec<_>>>()?;
                if items.iter().any(|(_, alias)| alias.is_some()) {
                    return Err(error::aliasing());
                }
                check_results(&paths)?;
                Some(paths)
            }
        };
        let condition = self.optional_condition(select.condition.as_ref())?;
        let order = select.order.iter().map(order_term).collect();
        Ok(BoundSelect { target, items, condition, order })
    }

    fn optional_condition(&mut self, condition: Option<&Expression>) -> Result<Option<Tree>> {
        condition.map(|condition| self.condition(condition)).transpose()
    }

    fn insert(&mut self, insert: &Insert) -> Result<BoundInsert> {
        let target = target_of(&insert.table)?;
        if !insert.is_single {
            return Err(error::unsupported_operation("Insert"));
        }
        if let Some(position) = &insert.position {
            return Err(error::unsupported_clause("AT", position.span));
        }
        if let Some(condition) = &insert.on_conflict {
            return Err(error::unsupported_clause("ON CONFLICT", condition.span));
        }
        if !insert.returning.is_empty() {
            return Err(Error::validation("RETURNING clause is not supported in INSERT statements."));
        }
        let value = &insert.value;
        let item = match &value.kind {
            ExpressionKind::Struct(members) => self.attributes(members)?,
            ExpressionKind::Parameter(position) => match self.parameter(*position) {
                AttributeValue::M(item) => item,
                // A missing parameter is found out when all are counted.
                AttributeValue::Null if *position >= self.parameters.len() => Default::default(),
                _ => return Err(not_an_item(value)),
            },
            _ => return Err(not_an_item(value)),
        };
        Ok(BoundInsert { target, item: Item::from_iter(item) })
    }

    fn update(&mut self, update: &Update) -> Result<BoundUpdate> {
        let target = target(&update.from)?;
        // The condition is read before the changes, wherever it is written; faults of operands count as they are written.
        let condition = self.optional_condition(update.condition.as_ref())?;
        let of_condition = self.fault.take();
        let actions = self.changes(&update.clauses)?;
        let of_changes = self.fault.take();
        self.fault =
            if begins_with_condition(update) { of_condition.or(of_changes) } else { of_changes.or(of_condition) };
        let returning = returning(&update.returning)?;
        Ok(BoundUpdate { target, actions, condition, returning })
    }

    fn delete(&mut self, delete: &Delete) -> Result<BoundDelete> {
        let target = target(std::slice::from_ref(&delete.from))?;
        let condition = self.optional_condition(delete.condition.as_ref())?;
        let values = returning(&delete.returning)?;
        if !matches!(values, ReturnValues::None | ReturnValues::AllOld) {
            let (extent, time) = match values {
                ReturnValues::AllNew => ("ALL", "NEW"),
                ReturnValues::UpdatedOld => ("MODIFIED", "OLD"),
                _ => ("MODIFIED", "NEW"),
            };
            return Err(Error::validation(format!(
                "Invalid returning clause: RETURNING {extent} {time} *. Only RETURNING ALL OLD * is allowed in DELETE \
                 statements."
            )));
        }
        Ok(BoundDelete { target, condition, returning: values })
    }
}

/// Whether the condition is written before the changes.
fn begins_with_condition(update: &Update) -> bool {
    let (Some(condition), Some(Change::Set(path, _) | Change::Remove(path))) =
        (&update.condition, update.clauses.first())
    else {
        return false;
    };
    let place = |span: Span| (span.line, span.column);
    place(condition.span) < place(path.span)
}

fn not_an_item(value: &Expression) -> Error {
    let (kind, span) = (value.kind_name(), value.span);
    Error::validation(format!("Unsupported data type: {kind} under key root at {span}"))
}

/// The one table of a statement.
fn target(sources: &[Source]) -> Result<Target> {
    let [source] = sources else { return Err(error::not_a_single_table()) };
    if source.alias.is_some() {
        return Err(error::aliasing());
    }
    target_of(&source.path)
}

fn target_of(path: &Expression) -> Result<Target> {
    let (root, steps) = match &path.kind {
        ExpressionKind::Name(_) => (path, &[][..]),
        ExpressionKind::Path(root, steps) => (&**root, steps.as_slice()),
        _ => return Err(error::not_a_single_table()),
    };
    let ExpressionKind::Name(table) = &root.kind else { return Err(error::not_a_single_table()) };
    let index = match steps {
        [] => None,
        [PathStep::Name(index)] => Some(index.clone()),
        [_] => return Err(error::not_a_single_table()),
        _ => return Err(Error::validation("A path may contain at most 2 components in the FROM clause")),
    };
    if table.is_empty() || index.as_ref().is_some_and(|index| index.is_empty()) {
        return Err(error::empty_component());
    }
    Ok(Target { table: table.clone(), index, span: root.span })
}

fn order_term(term: &OrderTerm) -> BoundOrder {
    let name = match &term.expression.kind {
        ExpressionKind::Name(name) => Ok(name.clone()),
        _ => Err(format!(
            "Argument to ORDER BY must be of type VariableReference. Type: {} at {}",
            term.expression.kind_name().to_uppercase(),
            term.expression.span
        )),
    };
    BoundOrder { name, descending: term.descending }
}

fn returning(elements: &[Returning]) -> Result<ReturnValues> {
    match elements {
        [] => Ok(ReturnValues::None),
        [Returning { modified, old, column: None }] => Ok(match (modified, old) {
            (false, true) => ReturnValues::AllOld,
            (false, false) => ReturnValues::AllNew,
            (true, true) => ReturnValues::UpdatedOld,
            (true, false) => ReturnValues::UpdatedNew,
        }),
        _ => Err(error::malformed("Unsupported syntax in RETURNING columns.")),
    }
}

/// Rejects two paths whose values would come back under one name.
fn check_results(paths: &[Path]) -> Result<()> {
    let mut names: Vec<String> = paths.iter().map(result_name).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Error::validation(format!("Duplicate identifiers in select clause: {}", pair[0]))),
        None => Ok(()),
    }
}
