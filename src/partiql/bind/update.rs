//! The changes of an `UPDATE`, as actions of the expression language.

use super::Binder;
use crate::{
    error::{Error, Result},
    expression::{self, Action, Path, SetOperand, SetValue, check},
    item::AttributeValue,
    partiql::{
        error,
        syntax::{Arguments, Change, Expression, ExpressionKind, Operator, Span, precedence},
    },
};

impl Binder<'_> {
    /// The actions of an update, in the order in which they are written.
    pub(super) fn changes(&mut self, changes: &[Change]) -> Result<Vec<Action>> {
        let mut actions = Vec::with_capacity(changes.len());
        for change in changes {
            actions.push(match change {
                Change::Remove(path) => Action::Remove(self.path(path)?),
                Change::Set(path, value) => {
                    let path = self.path(path)?;
                    self.set(path, value)?
                }
            });
        }
        Ok(actions)
    }

    fn set(&mut self, path: Path, value: &Expression) -> Result<Action> {
        match &value.kind {
            ExpressionKind::Call(name, arguments) if matches!(&**name, "set_add" | "set_delete") => {
                self.set_operation(path, name, arguments, value.span)
            }
            ExpressionKind::Chain(first, rest) if is_sum(rest) => {
                self.count(rest.len())?;
                let [(operator, right)] = rest.as_slice() else { return Err(unsupported_operator(rest)) };
                let minus = match operator {
                    Operator::Plus => false,
                    Operator::Minus => true,
                    _ => return Err(unsupported_operator(rest)),
                };
                let (left, right) = (self.operand(first)?, self.operand(right)?);
                let symbol = if minus { "-" } else { "+" };
                self.note(expression::literal_fault(symbol, "N", [&left, &right]));
                let value = if minus { SetValue::Minus(left, right) } else { SetValue::Plus(left, right) };
                Ok(Action::Set(path, value))
            }
            _ => Ok(Action::Set(path, SetValue::Operand(self.operand(value)?))),
        }
    }

    fn operand(&mut self, expression: &Expression) -> Result<SetOperand> {
        match &expression.kind {
            ExpressionKind::Name(_) | ExpressionKind::Path(..) => Ok(SetOperand::Path(self.path(expression)?)),
            ExpressionKind::Call(name, Arguments::List(arguments)) if &**name == "list_append" => {
                self.count(1)?;
                let mut operands = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    operands.push(self.operand(argument)?);
                }
                let count = operands.len();
                let Ok([first, second]) = <[SetOperand; 2]>::try_from(operands) else {
                    self.note(Some(check::wrong_count("list_append", count)));
                    return Ok(SetOperand::Value(AttributeValue::Null));
                };
                Ok(expression::list_append_of(first, second).unwrap_or_else(|fault| {
                    self.note(Some(fault));
                    SetOperand::Value(AttributeValue::Null)
                }))
            }
            ExpressionKind::Call(name, _) => Err(error::unrecognized_function(name, expression.span)),
            ExpressionKind::Select(_) => {
                Err(Error::validation(format!("Unsupported token in expression: SELECT at {}", expression.span)))
            }
            ExpressionKind::Chain(_, rest) => Err(unsupported_operator(rest)),
            _ => Ok(SetOperand::Value(self.value(expression)?)),
        }
    }

    /// `set_add(path, set)` or `set_delete(path, set)`, assigned to the path.
    fn set_operation(&mut self, path: Path, name: &str, arguments: &Arguments, span: Span) -> Result<Action> {
        let shown = name.to_uppercase();
        let Arguments::List(arguments) = arguments else { return Err(error::unrecognized_function(name, span)) };
        let [first, second] = arguments.as_slice() else {
            return Err(Error::validation(format!("{shown} must have exactly two arguments at {span}")));
        };
        if self.path(first).ok().as_ref() != Some(&path) {
            let text = format!("The first argument to {shown} must equal the assignment value at {span}");
            return Err(Error::validation(text));
        }
        let is_value = matches!(second.kind, ExpressionKind::Bag(_) | ExpressionKind::Parameter(_));
        let set = if is_value { Some(self.value(second)?) } else { None };
        let is_counted = match second.kind {
            ExpressionKind::Parameter(position) => position < self.parameters.len(),
            _ => true,
        };
        match set {
            Some(set @ (AttributeValue::Ss(_) | AttributeValue::Ns(_) | AttributeValue::Bs(_))) => {
                Ok(if name == "set_add" { Action::Add(path, set) } else { Action::Delete(path, set) })
            }
            // The parameter is missing, which is found out when all are counted.
            Some(_) if !is_counted => Ok(Action::Remove(path)),
            _ => Err(Error::validation(format!(
                "The second argument to {shown} must be a value with type SET at {}",
                first.span
            ))),
        }
    }
}

fn is_sum(rest: &[(Operator, Expression)]) -> bool {
    rest.iter().any(|(operator, _)| operator.precedence() == precedence::SUM)
}

fn unsupported_operator(rest: &[(Operator, Expression)]) -> Error {
    let symbol = rest.last().map_or("", |(operator, _)| operator.symbol());
    Error::validation(format!("Unsupported operator in Update Expression. Operator: {symbol}"))
}
