//! Parses updates: the grammar of UpdateExpression.
//!
//! ```text
//! update  := section+                                          each section once, in any order
//! section := SET set ( ',' set )* | REMOVE path ( ',' path )* | ADD pair ( ',' pair )* | DELETE pair ( ',' pair )*
//! set     := path '=' value                                    pair := path :value
//! value   := operand | operand ( + | - ) operand | '(' value ')'
//! operand := path | :value | if_not_exists(path, operand) | list_append(operand, operand) | '(' operand ')'
//! ```
//!
//! As with conditions, what is begun is on a stack of its own, so that no nesting deepens the call stack.

use super::{
    ExpressionKind,
    check::{self, Findings},
    names::Scope,
    parser::{Keyword, Parser},
    path,
    token::TokenKind,
    tree::{Action, SetOperand, SetValue},
};
use crate::{error::Result, item::AttributeValue};

/// Something begun in the value of a `SET`.
enum Frame<'t> {
    /// `(`
    Group,
    /// `name(` and the operands so far.
    Call { name: &'t str, operands: Vec<SetOperand> },
    /// `operand +` or `operand -`
    Sum { left: SetOperand, minus: bool },
}

struct UpdateParser<'t, 's, 'p> {
    parser: Parser<'t, 's, 'p>,
    actions: Vec<Action>,
    sections: Vec<Keyword>,
    repeated_section: Option<String>,
    /// The first `ADD` or `DELETE` of a value that they do not take.
    operand_type: Option<String>,
}

/// Parses an update and reports its most important fault, if it has any.
pub(super) fn parse(text: &str, scope: &mut Scope<'_>) -> Result<Vec<Action>> {
    let kind = ExpressionKind::Update;
    let parser = Parser::new(kind, text, scope)?;
    let mut parser =
        UpdateParser { parser, actions: Vec::new(), sections: Vec::new(), repeated_section: None, operand_type: None };
    parser.sections()?;
    let UpdateParser { parser, actions, repeated_section, operand_type, .. } = parser;
    let mut findings = parser.findings;
    let reserved = findings.reserved.take();
    let fault = findings
        .limit()
        .or(reserved)
        .or_else(|| findings.structure())
        .or(repeated_section)
        .or(findings.undefined_name)
        .or(findings.undefined_value)
        .or_else(|| path::clash(&actions.iter().map(Action::target).collect::<Vec<_>>(), false))
        .or(operand_type)
        .or(findings.operand);
    fault.map_or(Ok(actions), |fault| Err(kind.error(fault)))
}

impl<'t> UpdateParser<'t, '_, '_> {
    fn sections(&mut self) -> Result<()> {
        loop {
            let Some(section) = self.parser.current_keyword() else { return Err(self.parser.cursor.syntax_error()) };
            self.parser.cursor.advance();
            if self.sections.contains(&section) {
                Findings::note(&mut self.repeated_section, || {
                    let name = section_name(section);
                    format!("The \"{name}\" section can only be used once in an update expression;")
                });
            }
            self.sections.push(section);
            self.action(section)?;
            while self.parser.cursor.accept(TokenKind::Comma) {
                self.action(section)?;
            }
            if self.parser.cursor.current().kind == TokenKind::End {
                return Ok(());
            }
        }
    }

    fn action(&mut self, section: Keyword) -> Result<()> {
        let path = self.parser.path()?;
        let action = match section {
            Keyword::Set => {
                self.parser.cursor.expect(TokenKind::Equal)?;
                Action::Set(path, self.set_value()?)
            }
            Keyword::Remove => Action::Remove(path),
            _ => {
                let value = self.parser.value()?;
                let fault = || set_operation_fault(section_name(section), &value);
                self.operand_type = self.operand_type.take().or_else(fault);
                if section == Keyword::Add { Action::Add(path, value) } else { Action::Delete(path, value) }
            }
        };
        self.actions.push(action);
        Ok(())
    }

    /// Reads the right side of a `SET`.
    fn set_value(&mut self) -> Result<SetValue> {
        let mut stack = Vec::new();
        loop {
            let Some(operand) = self.begin_operand(&mut stack)? else { continue };
            if let Some(value) = self.after_value(&mut stack, SetValue::Operand(operand))? {
                return Ok(value);
            }
        }
    }

    fn begin_operand(&mut self, stack: &mut Vec<Frame<'t>>) -> Result<Option<SetOperand>> {
        let token = self.parser.cursor.current();
        match token.kind {
            TokenKind::Open => {
                self.parser.cursor.advance();
                stack.push(Frame::Group);
                Ok(None)
            }
            TokenKind::ValuePlaceholder => Ok(Some(SetOperand::Value(self.parser.value()?))),
            TokenKind::Name if self.parser.at_path() && self.parser.cursor.parenthesis_follows() => {
                let name = self.parser.cursor.text_of(token);
                self.parser.cursor.advance();
                self.parser.cursor.advance();
                stack.push(Frame::Call { name, operands: Vec::new() });
                Ok(None)
            }
            _ => Ok(Some(SetOperand::Path(self.parser.path()?))),
        }
    }

    /// Finishes what the value completes; the value itself once nothing waits for it.
    fn after_value(&mut self, stack: &mut Vec<Frame<'t>>, mut value: SetValue) -> Result<Option<SetValue>> {
        loop {
            let kind = self.parser.cursor.current().kind;
            let may_add = stack.iter().all(|frame| matches!(frame, Frame::Group));
            value = match (value, stack.pop()) {
                (SetValue::Operand(right), Some(Frame::Sum { left, minus })) => self.sum(left, minus, right),
                (SetValue::Operand(left), frame) if may_add && matches!(kind, TokenKind::Plus | TokenKind::Minus) => {
                    stack.extend(frame);
                    self.parser.cursor.advance();
                    self.parser.findings.operators += 1;
                    stack.push(Frame::Sum { left, minus: kind == TokenKind::Minus });
                    return Ok(None);
                }
                (SetValue::Operand(operand), Some(Frame::Call { name, mut operands }))
                    if matches!(kind, TokenKind::Comma | TokenKind::Close) =>
                {
                    operands.push(operand);
                    self.parser.cursor.advance();
                    if kind == TokenKind::Comma {
                        stack.push(Frame::Call { name, operands });
                        return Ok(None);
                    }
                    SetValue::Operand(self.call(name, operands))
                }
                (value, Some(Frame::Group)) if kind == TokenKind::Close => {
                    self.parser.cursor.advance();
                    value
                }
                (value, None) => return Ok(Some(value)),
                _ => return Err(self.parser.cursor.syntax_error()),
            };
        }
    }

    fn sum(&mut self, left: SetOperand, minus: bool, right: SetOperand) -> SetValue {
        let operator = if minus { "-" } else { "+" };
        if let Some(fault) = literal_fault(operator, "N", [&left, &right]) {
            Findings::note(&mut self.parser.findings.operand, || fault);
        }
        if minus { SetValue::Minus(left, right) } else { SetValue::Plus(left, right) }
    }

    fn call(&mut self, name: &str, operands: Vec<SetOperand>) -> SetOperand {
        let findings = &mut self.parser.findings;
        if let Some(fault) = function_fault(name) {
            Findings::note(&mut findings.function, || fault);
            return SetOperand::Value(AttributeValue::Null);
        }
        let count = operands.len();
        let Ok([first, second]) = <[SetOperand; 2]>::try_from(operands) else {
            Findings::note(&mut findings.operand, || check::wrong_count(name, count));
            return SetOperand::Value(AttributeValue::Null);
        };
        let result = if name == "if_not_exists" { if_not_exists(first, second) } else { list_append(first, second) };
        result.unwrap_or_else(|fault| {
            let slot = if fault.misplaced { &mut findings.misplaced } else { &mut findings.operand };
            Findings::note(slot, || fault.text);
            SetOperand::Value(AttributeValue::Null)
        })
    }
}

/// A fault of a call and the pass that it belongs to.
pub(super) struct CallFault {
    pub(super) misplaced: bool,
    pub(super) text: String,
}

/// The operand `if_not_exists(first, second)`.
pub(super) fn if_not_exists(first: SetOperand, second: SetOperand) -> std::result::Result<SetOperand, CallFault> {
    match first {
        SetOperand::Path(path) => Ok(SetOperand::IfNotExists(path, Box::new(second))),
        _ => Err(CallFault { misplaced: false, text: check::path_required("if_not_exists") }),
    }
}

/// The operand `list_append(first, second)`.
pub(super) fn list_append(first: SetOperand, second: SetOperand) -> std::result::Result<SetOperand, CallFault> {
    if matches!(first, SetOperand::ListAppend(..)) || matches!(second, SetOperand::ListAppend(..)) {
        return Err(CallFault { misplaced: true, text: check::misplaced("list_append") });
    }
    match literal_fault("list_append", "L", [&first, &second]) {
        Some(text) => Err(CallFault { misplaced: false, text }),
        None => Ok(SetOperand::ListAppend(Box::new(first), Box::new(second))),
    }
}

/// The operand `list_append(first, second)`, or its fault.
pub(crate) fn list_append_of(first: SetOperand, second: SetOperand) -> std::result::Result<SetOperand, String> {
    list_append(first, second).map_err(|fault| fault.text)
}

/// What is wrong with literal operands that must all have one type.
pub(crate) fn literal_fault(operator: &str, wanted: &str, operands: [&SetOperand; 2]) -> Option<String> {
    operands.into_iter().find_map(|operand| match operand {
        SetOperand::Value(value) if value.type_name() != wanted => Some(check::wrong_type(operator, value.type_name())),
        _ => None,
    })
}

fn function_fault(name: &str) -> Option<String> {
    let fault = match name {
        "if_not_exists" | "list_append" => return None,
        "size" | "attribute_exists" | "attribute_not_exists" | "attribute_type" | "begins_with" | "contains" => {
            "The function is not allowed in an update expression; function: "
        }
        _ => "Invalid function name; function: ",
    };
    Some(fault.to_owned() + name)
}

fn section_name(section: Keyword) -> &'static str {
    match section {
        Keyword::Remove => "REMOVE",
        Keyword::Add => "ADD",
        Keyword::Delete => "DELETE",
        _ => "SET",
    }
}

/// What is wrong with the value of an `ADD`, which takes numbers and sets, or of a `DELETE`, which takes sets.
pub(super) fn set_operation_fault(operation: &str, value: &AttributeValue) -> Option<String> {
    let type_name = match value {
        AttributeValue::Ss(_) | AttributeValue::Ns(_) | AttributeValue::Bs(_) => return None,
        AttributeValue::N(_) if operation == "ADD" => return None,
        AttributeValue::N(_) => "NUMBER",
        AttributeValue::S(_) => "STRING",
        AttributeValue::B(_) => "Binary",
        AttributeValue::L(_) => "LIST",
        AttributeValue::M(_) => "MAP",
        AttributeValue::Bool(_) => "BOOL",
        AttributeValue::Null => "NULL",
    };
    // The service names the set of types after ADD for both.
    Some(format!(
        "Incorrect operand type for operator or function; operator: {operation}, operand type: {type_name}, typeSet: \
         ALLOWED_FOR_ADD_OPERAND"
    ))
}
