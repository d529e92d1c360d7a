//! Turns trees back into texts with placeholders.
//!
//! Parsing the text with the placeholders gives the same tree again. Names that need no alias stand as they are; every
//! value gets a placeholder of its own.

use super::{
    Condition, KeyCondition, ProjectionExpression, UpdateExpression,
    names::Placeholders,
    parser::is_keyword,
    path::{Path, Step},
    reserved::is_reserved,
    token::is_plain_name,
    tree::{Action, Operand, SetOperand, SetValue, Test, Tree},
};
use crate::item::AttributeValue;
use std::collections::BTreeMap;

/// An expression as text, and what its placeholders stand for.
#[derive(Clone, Debug, PartialEq)]
pub struct Printed {
    /// The expression.
    pub text: String,
    /// Its names and values; a map without entries is absent.
    pub placeholders: Placeholders,
}

impl Condition {
    /// The condition as text. One that tests many things can be longer than a request may have.
    pub fn print(&self) -> Printed {
        let mut printer = Printer::default();
        printer.tree(self.tree());
        printer.finish()
    }
}

impl KeyCondition {
    /// The key condition as text.
    pub fn print(&self) -> Printed {
        let mut printer = Printer::default();
        let tests: Vec<Test> = self.clauses().iter().filter_map(|clause| clause.to_test()).collect();
        printer.separated(" AND ", &tests, Printer::test);
        printer.finish()
    }
}

impl ProjectionExpression {
    /// The projection as text.
    pub fn print(&self) -> Printed {
        let mut printer = Printer::default();
        printer.separated(", ", self.paths(), Printer::path);
        printer.finish()
    }
}

impl UpdateExpression {
    /// The update as text. Clauses of a section must be together, as they are unless the update was made from the
    /// legacy parameter.
    pub fn print(&self) -> Printed {
        let mut printer = Printer::default();
        let sections = self.actions().chunk_by(|a, b| std::mem::discriminant(a) == std::mem::discriminant(b));
        printer.separated(" ", sections, |printer, section| {
            let name = match section.first() {
                Some(Action::Remove(_)) => "REMOVE ",
                Some(Action::Add(..)) => "ADD ",
                Some(Action::Delete(..)) => "DELETE ",
                _ => "SET ",
            };
            printer.text.push_str(name);
            printer.separated(", ", section, Printer::action);
        });
        printer.finish()
    }
}

#[derive(Default)]
struct Printer {
    text: String,
    aliases: BTreeMap<String, String>,
    values: BTreeMap<String, AttributeValue>,
}

impl Printer {
    fn finish(self) -> Printed {
        let names: BTreeMap<_, _> = self.aliases.into_iter().map(|(name, alias)| (alias, name)).collect();
        let placeholders = Placeholders {
            names: (!names.is_empty()).then_some(names),
            values: (!self.values.is_empty()).then_some(self.values),
        };
        Printed { text: self.text, placeholders }
    }

    fn separated<T>(
        &mut self,
        separator: &str,
        parts: impl IntoIterator<Item = T>,
        mut print: impl FnMut(&mut Self, T),
    ) {
        for (i, part) in parts.into_iter().enumerate() {
            if i > 0 {
                self.text.push_str(separator);
            }
            print(self, part);
        }
    }

    fn tree(&mut self, tree: &Tree) {
        match tree {
            Tree::And(all) => self.separated(" AND ", all, |printer, one| match one {
                Tree::Or(_) => printer.parenthesised(one),
                _ => printer.tree(one),
            }),
            Tree::Or(all) => self.separated(" OR ", all, Self::tree),
            Tree::Not(one) => {
                self.text.push_str("NOT ");
                match **one {
                    Tree::And(_) | Tree::Or(_) => self.parenthesised(one),
                    _ => self.tree(one),
                }
            }
            Tree::Test(test) => self.test(test),
        }
    }

    fn parenthesised(&mut self, tree: &Tree) {
        self.text.push('(');
        self.tree(tree);
        self.text.push(')');
    }

    fn test(&mut self, test: &Test) {
        match test {
            Test::Compare(left, comparator, right) => {
                self.operand(left);
                self.text.push(' ');
                self.text.push_str(comparator.symbol());
                self.text.push(' ');
                self.operand(right);
            }
            Test::Between(value, low, high) => {
                self.operand(value);
                self.text.push_str(" BETWEEN ");
                self.separated(" AND ", [low, high], Self::operand);
            }
            Test::In(value, list) => {
                self.operand(value);
                self.text.push_str(" IN (");
                self.separated(", ", list, Self::operand);
                self.text.push(')');
            }
            Test::Exists(path) => self.call("attribute_exists", |printer| printer.path(path)),
            Test::NotExists(path) => self.call("attribute_not_exists", |printer| printer.path(path)),
            Test::TypeIs(operand, type_name) => self.call("attribute_type", |printer| {
                printer.operand(operand);
                printer.text.push_str(", ");
                printer.value(&AttributeValue::from(*type_name));
            }),
            Test::BeginsWith(one, two) => {
                self.call("begins_with", |printer| printer.separated(", ", [one, two], Self::operand));
            }
            Test::Contains(one, two) => {
                self.call("contains", |printer| printer.separated(", ", [one, two], Self::operand));
            }
        }
    }

    fn call(&mut self, function: &str, operands: impl FnOnce(&mut Self)) {
        self.text.push_str(function);
        self.text.push('(');
        operands(self);
        self.text.push(')');
    }

    fn operand(&mut self, operand: &Operand) {
        match operand {
            Operand::Path(path) => self.path(path),
            Operand::Value(value) => self.value(value),
            Operand::Size(path) => self.call("size", |printer| printer.path(path)),
            Operand::SizeOfValue(value) => self.call("size", |printer| printer.value(value)),
        }
    }

    fn action(&mut self, action: &Action) {
        self.path(action.target());
        match action {
            Action::Set(_, value) => {
                self.text.push_str(" = ");
                let (left, operator, right) = match value {
                    SetValue::Operand(operand) => return self.set_operand(operand),
                    SetValue::Plus(left, right) => (left, " + ", right),
                    SetValue::Minus(left, right) => (left, " - ", right),
                };
                self.separated(operator, [left, right], Self::set_operand);
            }
            Action::Remove(_) => {}
            Action::Add(_, value) | Action::Delete(_, value) => {
                self.text.push(' ');
                self.value(value);
            }
        }
    }

    fn set_operand(&mut self, operand: &SetOperand) {
        match operand {
            SetOperand::Path(path) => self.path(path),
            SetOperand::Value(value) => self.value(value),
            SetOperand::IfNotExists(path, otherwise) => self.call("if_not_exists", |printer| {
                printer.path(path);
                printer.text.push_str(", ");
                printer.set_operand(otherwise);
            }),
            SetOperand::ListAppend(first, second) => self.call("list_append", |printer| {
                printer.separated(", ", [&**first, &**second], Self::set_operand);
            }),
        }
    }

    fn path(&mut self, path: &Path) {
        self.name(path.top_level());
        for step in path.steps() {
            match step {
                Step::Name(name) => {
                    self.text.push('.');
                    self.name(name);
                }
                Step::Index(index) => self.text.push_str(&format!("[{index}]")),
            }
        }
    }

    fn name(&mut self, name: &str) {
        if is_plain_name(name) && !is_reserved(name) && !is_keyword(name) {
            self.text.push_str(name);
            return;
        }
        let next = self.aliases.len();
        let alias = self.aliases.entry(name.to_owned()).or_insert_with(|| format!("#{next}"));
        self.text.push_str(alias);
    }

    fn value(&mut self, value: &AttributeValue) {
        let token = format!(":{}", self.values.len());
        self.text.push_str(&token);
        self.values.insert(token, value.clone());
    }
}
