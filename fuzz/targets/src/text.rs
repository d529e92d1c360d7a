//! Random expressions as texts with placeholders.
//!
//! The grammar is followed, what the words mean is not: many texts are refused, for types that cannot fit or for paths
//! that clash, and the rest is evaluated.

use crate::value::{self, NAMES};
use arbitrary::{Result, Unstructured};
use hashrange::{AttributeValue, expression::Placeholders};

/// A text that is being written, with the placeholders that it uses.
pub struct Text<'a, 'd> {
    u: &'a mut Unstructured<'d>,
    placeholders: Placeholders,
    values: usize,
}

/// A condition.
pub fn condition(u: &mut Unstructured<'_>) -> Result<(String, Placeholders)> {
    let mut text = Text { u, placeholders: Placeholders::none(), values: 0 };
    let condition = text.condition(4)?;
    Ok((condition, text.placeholders))
}

/// An update.
pub fn update(u: &mut Unstructured<'_>) -> Result<(String, Placeholders)> {
    let mut text = Text { u, placeholders: Placeholders::none(), values: 0 };
    let mut sections = Vec::new();
    for word in ["SET", "REMOVE", "ADD", "DELETE"] {
        let mut actions = Vec::new();
        for _ in 0..text.u.int_in_range(0..=2)? {
            actions.push(text.action(word)?);
        }
        if !actions.is_empty() {
            sections.push(format!("{word} {}", actions.join(", ")));
        }
    }
    Ok((sections.join(" "), text.placeholders))
}

impl Text<'_, '_> {
    fn given(&mut self, value: AttributeValue) -> String {
        let token = format!(":v{}", self.values);
        self.values += 1;
        self.placeholders = std::mem::take(&mut self.placeholders).value(&token, value);
        token
    }

    fn value(&mut self) -> Result<String> {
        let value = value::value(self.u, 2)?;
        Ok(self.given(value))
    }

    fn path(&mut self) -> Result<String> {
        let mut path = self.step_name()?;
        for _ in 0..self.u.int_in_range(0..=2)? {
            if self.u.arbitrary()? {
                path += &format!("[{}]", self.u.int_in_range(0..=3)?);
            } else {
                path = format!("{path}.{}", self.step_name()?);
            }
        }
        Ok(path)
    }

    fn step_name(&mut self) -> Result<String> {
        let at = self.u.int_in_range(0..=NAMES.len() - 1)?;
        if at < 4 {
            return Ok(NAMES[at].to_owned());
        }
        let alias = format!("#n{at}");
        self.placeholders = std::mem::take(&mut self.placeholders).name(&alias, NAMES[at]);
        Ok(alias)
    }

    fn operand(&mut self) -> Result<String> {
        Ok(match self.u.int_in_range(0..=7)? {
            0..=3 => self.path()?,
            4..=5 => self.value()?,
            6 => format!("size({})", self.path()?),
            _ => {
                let text = value::text(self.u)?;
                format!("size({})", self.given(text.into()))
            }
        })
    }

    fn test(&mut self) -> Result<String> {
        Ok(match self.u.int_in_range(0..=9)? {
            0..=2 => {
                let comparator = *self.u.choose(&["=", "<>", "<", "<=", ">", ">="])?;
                format!("{} {comparator} {}", self.operand()?, self.operand()?)
            }
            3 => format!("{} BETWEEN {} AND {}", self.operand()?, self.operand()?, self.operand()?),
            4 => {
                let value = self.operand()?;
                let list = (0..self.u.int_in_range(1..=3)?).map(|_| self.operand()).collect::<Result<Vec<_>>>()?;
                format!("{value} IN ({})", list.join(", "))
            }
            5 => format!("attribute_exists({})", self.path()?),
            6 => format!("attribute_not_exists({})", self.path()?),
            7 => {
                let name = *self.u.choose(&["S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"])?;
                format!("attribute_type({}, {})", self.path()?, self.given(name.into()))
            }
            8 => format!("begins_with({}, {})", self.operand()?, self.operand()?),
            _ => format!("contains({}, {})", self.operand()?, self.operand()?),
        })
    }

    /// A condition; parentheses stand around what is composed, and nowhere else.
    fn condition(&mut self, levels: usize) -> Result<String> {
        if levels == 0 || self.u.ratio(1, 2)? {
            return self.test();
        }
        let first = self.part(levels)?;
        Ok(match self.u.int_in_range(0..=3)? {
            0 => format!("NOT {first}"),
            1 => format!("{first} OR {}", self.part(levels)?),
            _ => format!("{first} AND {}", self.part(levels)?),
        })
    }

    fn part(&mut self, levels: usize) -> Result<String> {
        let inner = self.condition(levels - 1)?;
        let is_composed = [" AND ", " OR ", "NOT "].iter().any(|word| inner.contains(word));
        Ok(if is_composed { format!("({inner})") } else { inner })
    }

    fn set_operand(&mut self, levels: usize) -> Result<String> {
        Ok(match self.u.int_in_range(0..=if levels == 0 { 4 } else { 6 })? {
            0..=1 => self.path()?,
            2..=3 => self.value()?,
            4 => {
                let number = value::number(self.u)?;
                self.given(number.into())
            }
            5 => format!("if_not_exists({}, {})", self.path()?, self.set_operand(levels - 1)?),
            _ => format!("list_append({}, {})", self.set_operand(levels - 1)?, self.set_operand(levels - 1)?),
        })
    }

    fn action(&mut self, word: &str) -> Result<String> {
        let path = self.path()?;
        Ok(match word {
            "SET" => match self.u.int_in_range(0..=3)? {
                0 => format!("{path} = {} + {}", self.set_operand(2)?, self.set_operand(2)?),
                1 => format!("{path} = {} - {}", self.set_operand(2)?, self.set_operand(2)?),
                _ => format!("{path} = {}", self.set_operand(2)?),
            },
            "REMOVE" => path,
            _ => format!("{path} {}", self.value()?),
        })
    }
}
