//! Options that are out of range.

use super::{Error, Result};
use std::{fmt::Display, ops::RangeInclusive};

/// Rejects the value of an option that is out of range, by the name of the option.
pub(crate) fn check_option<T: PartialOrd + Display>(name: &str, value: T, range: RangeInclusive<T>) -> Result<()> {
    if range.contains(&value) {
        return Ok(());
    }
    let (least, most) = range.into_inner();
    Err(Error::validation(format!("option {name} is {value}, and has to be {least} to {most}")))
}
