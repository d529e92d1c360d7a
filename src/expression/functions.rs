//! The functions of conditions: what a call by name, with operands, stands for.

use super::{
    check::{self, Findings},
    tree::{Operand, Test},
};

/// The operand that `size(operands)` is, or its fault.
pub(crate) fn size(operands: Vec<Operand>) -> std::result::Result<Operand, String> {
    let count = operands.len();
    let [operand] = <[Operand; 1]>::try_from(operands).map_err(|_| check::wrong_count("size", count))?;
    match (check::size_fault(operand.type_name()), operand) {
        (None, Operand::Path(path)) => Ok(Operand::Size(path)),
        (None, Operand::Value(value)) => Ok(Operand::SizeOfValue(value)),
        (fault, _) => Err(fault.unwrap_or_else(|| check::misplaced("size"))),
    }
}

/// Notes a name that is no function of conditions.
pub(super) fn check_name(findings: &mut Findings, name: &str) -> bool {
    let fault = match name {
        "size" | "attribute_exists" | "attribute_not_exists" | "attribute_type" | "begins_with" | "contains" => {
            return true;
        }
        "if_not_exists" | "list_append" => "The function is not allowed in a condition expression; function: ",
        _ => "Invalid function name; function: ",
    };
    Findings::note(&mut findings.function, || fault.to_owned() + name);
    false
}

/// The test that a call of a known function other than `size` is, or its fault.
pub(crate) fn test(name: &str, operands: Vec<Operand>) -> std::result::Result<Test, String> {
    let count = operands.len();
    let wrong_count = |_| check::wrong_count(name, count);
    let path = |operand| match operand {
        Operand::Path(path) => Ok(path),
        _ => Err(check::path_required(name)),
    };
    if matches!(name, "attribute_exists" | "attribute_not_exists") {
        let [operand] = <[Operand; 1]>::try_from(operands).map_err(wrong_count)?;
        let path = path(operand)?;
        return Ok(if name == "attribute_exists" { Test::Exists(path) } else { Test::NotExists(path) });
    }
    let [first, second] = <[Operand; 2]>::try_from(operands).map_err(wrong_count)?;
    match name {
        "begins_with" => Ok(Test::BeginsWith(first, second)),
        "contains" => Ok(Test::Contains(first, second)),
        _ => {
            if let Some(fault) = check::same_path_fault(name, &first, &second) {
                return Err(fault);
            }
            Ok(Test::TypeIs(first, check::asked_type(&second)?))
        }
    }
}
