//! Operators of conditions, and the values that they compare with.

use super::{
    arn::ArnPattern,
    date,
    json::Json,
    key::{Found, Lookup},
    policy_error::PolicyError,
    template::{Template, Variables},
};
use std::{cmp::Ordering, net::IpAddr};

/// How many of the values under a key have to match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantifier {
    /// None is named: there should be a single value.
    Single,
    ForAllValues,
    ForAnyValue,
}

/// How a value is compared. Negated operators compare as their positive ones and turn the result round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    StringEquals,
    StringEqualsIgnoreCase,
    StringLike,
    Numeric(Order),
    Date(Order),
    Bool,
    BinaryEquals,
    IpAddress,
    Arn,
    Null,
}

/// Which order two values have to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Order {
    fn accepts(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

use Comparison::*;

/// Operators by their names in small letters, and whether they are negated.
const OPERATORS: &[(&str, Comparison, bool)] = &[
    ("stringequals", StringEquals, false),
    ("stringnotequals", StringEquals, true),
    ("stringequalsignorecase", StringEqualsIgnoreCase, false),
    ("stringnotequalsignorecase", StringEqualsIgnoreCase, true),
    ("stringlike", StringLike, false),
    ("stringnotlike", StringLike, true),
    ("numericequals", Numeric(Order::Equal), false),
    ("numericnotequals", Numeric(Order::Equal), true),
    ("numericlessthan", Numeric(Order::Less), false),
    ("numericlessthanequals", Numeric(Order::LessOrEqual), false),
    ("numericgreaterthan", Numeric(Order::Greater), false),
    ("numericgreaterthanequals", Numeric(Order::GreaterOrEqual), false),
    ("dateequals", Date(Order::Equal), false),
    ("datenotequals", Date(Order::Equal), true),
    ("datelessthan", Date(Order::Less), false),
    ("datelessthanequals", Date(Order::LessOrEqual), false),
    ("dategreaterthan", Date(Order::Greater), false),
    ("dategreaterthanequals", Date(Order::GreaterOrEqual), false),
    ("bool", Bool, false),
    ("binaryequals", BinaryEquals, false),
    ("ipaddress", IpAddress, false),
    ("notipaddress", IpAddress, true),
    ("arnequals", Arn, false),
    ("arnlike", Arn, false),
    ("arnnotequals", Arn, true),
    ("arnnotlike", Arn, true),
    ("null", Null, false),
];

/// An operator with its prefix and suffix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Operator {
    comparison: Comparison,
    pub is_negated: bool,
    pub if_exists: bool,
    pub quantifier: Quantifier,
}

impl Operator {
    /// The operator of this name; case does not count. Errors: there is none.
    pub fn parse(name: &str) -> Result<Self, PolicyError> {
        let small = name.to_ascii_lowercase();
        let (quantifier, rest) = match (small.strip_prefix("forallvalues:"), small.strip_prefix("foranyvalue:")) {
            (Some(rest), _) => (Quantifier::ForAllValues, rest),
            (_, Some(rest)) => (Quantifier::ForAnyValue, rest),
            _ => (Quantifier::Single, small.as_str()),
        };
        let (base, if_exists) = match rest.strip_suffix("ifexists") {
            Some(base) => (base, true),
            None => (rest, false),
        };
        let unknown = || PolicyError::new(format!("{name:?} is no condition operator"));
        let (_, comparison, is_negated) = OPERATORS.iter().find(|(known, ..)| *known == base).ok_or_else(unknown)?;
        if *comparison == Null && (if_exists || quantifier != Quantifier::Single) {
            return Err(PolicyError::new("Null takes neither a prefix nor IfExists"));
        }
        Ok(Self { comparison: *comparison, is_negated: *is_negated, if_exists, quantifier })
    }
    /// Whether it asks if a key is there.
    pub fn is_null(self) -> bool {
        self.comparison == Null
    }
    /// Reads a value that it compares with. Errors: it has not the type that the operator needs.
    pub fn operand(self, value: &Json, with_variables: bool) -> Result<Operand, PolicyError> {
        let text = match value {
            Json::Text(text) | Json::Number(text) => text.as_str(),
            Json::Bool(value) => {
                if *value {
                    "true"
                } else {
                    "false"
                }
            }
            other => return Err(PolicyError::new(format!("a value is expected, not {}", other.kind()))),
        };
        let wrong = |what: &str| PolicyError::new(format!("{text:?} is no {what}"));
        Ok(match self.comparison {
            StringEquals | StringEqualsIgnoreCase => Operand::Text(Template::parse(text, with_variables, false)?),
            StringLike => Operand::Text(Template::parse(text, with_variables, true)?),
            Numeric(_) => Operand::Number(parse_number(text).ok_or_else(|| wrong("number"))?),
            Date(_) => {
                Operand::Moment(date::parse(text).ok_or_else(|| wrong("date of the form 2026-11-29T12:00:00Z"))?)
            }
            Bool | Null => match text.to_ascii_lowercase().as_str() {
                "true" => Operand::Flag(true),
                "false" => Operand::Flag(false),
                _ => return Err(wrong("boolean")),
            },
            BinaryEquals => Operand::Bytes(from_base64(text).ok_or_else(|| wrong("base64"))?),
            IpAddress => Operand::Network(Network::parse(text).ok_or_else(|| wrong("IP address or range"))?),
            Arn => Operand::Arn(ArnPattern::parse(text, with_variables)?),
        })
    }

    /// Whether one value of the request matches one of the policy, before negation.
    pub fn compares(self, operand: &Operand, found: &Found<'_>, lookup: &Lookup<'_>) -> bool {
        match (self.comparison, operand, found) {
            (StringEquals | StringLike, Operand::Text(template), Found::Text(text)) => {
                template.matches(text, false, lookup)
            }
            (Date(order), Operand::Moment(wanted), found) => {
                moment(found).is_some_and(|moment| order.accepts(moment.cmp(wanted)))
            }
            (Bool, Operand::Flag(wanted), Found::Flag(value)) => wanted == value,
            (IpAddress, Operand::Network(network), Found::Address(address)) => network.contains(*address),
            (_, operand, found) => {
                found.clone().into_text().is_some_and(|text| self.compares_text(operand, &text, lookup))
            }
        }
    }

    fn compares_text(self, operand: &Operand, text: &str, lookup: &Lookup<'_>) -> bool {
        match (self.comparison, operand) {
            (StringEquals | StringLike, Operand::Text(template)) => template.matches(text, false, lookup),
            (StringEqualsIgnoreCase, Operand::Text(template)) => template.matches(text, true, lookup),
            (Numeric(order), Operand::Number(wanted)) => {
                let order_of = parse_number(text).and_then(|value| value.partial_cmp(wanted));
                order_of.is_some_and(|actual| order.accepts(actual))
            }
            (Bool, Operand::Flag(wanted)) => text.eq_ignore_ascii_case(if *wanted { "true" } else { "false" }),
            (BinaryEquals, Operand::Bytes(wanted)) => from_base64(text).is_some_and(|bytes| bytes == *wanted),
            (IpAddress, Operand::Network(network)) => text.parse().is_ok_and(|address| network.contains(address)),
            (Arn, Operand::Arn(pattern)) => pattern.matches_text(text, lookup),
            _ => false,
        }
    }
}

/// A value that an operator compares with.
#[derive(Clone, Debug)]
pub(super) enum Operand {
    Text(Template),
    Number(f64),
    /// Milliseconds since 1970.
    Moment(i64),
    Flag(bool),
    Bytes(Vec<u8>),
    Network(Network),
    Arn(ArnPattern),
}

impl Operand {
    /// Adds the variables in it.
    pub fn add_variables(&self, variables: &mut Variables) {
        match self {
            Self::Text(template) => template.add_variables(variables),
            Self::Arn(pattern) => pattern.add_variables(variables),
            _ => {}
        }
    }
}

fn parse_number(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|number| number.is_finite())
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    data_encoding::BASE64.decode(text.as_bytes()).ok()
}

fn moment(found: &Found<'_>) -> Option<i64> {
    match found {
        Found::Moment(millis) => i64::try_from(*millis).ok(),
        Found::Epoch(seconds) => i64::try_from(*seconds).ok()?.checked_mul(1000),
        Found::Text(text) => date::parse(text),
        _ => None,
    }
}

/// Addresses with the same first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    address: u128,
    is_v4: bool,
    bits: u32,
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u32>().ok()?)),
            None => (text, None),
        };
        let (address, is_v4, width) = as_bits(address.parse().ok()?);
        let bits = bits.unwrap_or(width);
        (bits <= width).then_some(Self { address, is_v4, bits })
    }
    fn contains(self, address: IpAddr) -> bool {
        let (address, is_v4, width) = as_bits(address);
        is_v4 == self.is_v4 && (self.bits == 0 || (address ^ self.address) >> (width - self.bits) == 0)
    }
}

/// An address as a number, whether it is of version 4, and how many bits it has. A version 4 address in version 6 is itself.
fn as_bits(address: IpAddr) -> (u128, bool, u32) {
    match address.to_canonical() {
        IpAddr::V4(address) => (u128::from(address.to_bits()), true, 32),
        IpAddr::V6(address) => (address.to_bits(), false, 128),
    }
}
