//! Prices of the service: those that come with the program, or a file of the user's.

use crate::{failure::Failure, output::Output};
use hashrange::ledger::Prices;
use std::{fs, path::Path};

/// Prices that come with the program; the file says of which region, when, and from where.
const SHIPPED: &str = include_str!("../data/prices.json");

/// Prices of a file, or those that come with the program.
pub(crate) fn read(path: Option<&Path>) -> Result<Prices, Failure> {
    let Some(path) = path else { return Ok(Prices::from_json(SHIPPED)?) };
    let text =
        fs::read_to_string(path).map_err(|error| Failure::io(format!("cannot read {}", path.display()), error))?;
    Prices::from_json(&text).map_err(|error| Failure::Usage(format!("{}: {}", path.display(), error.message())))
}

/// An amount as people read it, rounded to a ten-thousandth; all nine digits if that is nothing.
pub(crate) fn amount(nanos: u64) -> String {
    let tenthousandths = (nanos + 50_000) / 100_000;
    if tenthousandths == 0 && nanos > 0 {
        return format!("0.{nanos:09}");
    }
    let whole = crate::text::grouped(tenthousandths / 10_000);
    format!("{whole}.{:04}", tenthousandths % 10_000)
}

/// Thousandths of units.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "units are neither negative nor beyond 2^53"
)]
pub(crate) fn milliunits(units: f64) -> u64 {
    (units.max(0.0) * 1_000.0).round() as u64
}

/// An amount for some time as one for a month; `None` where no time passed, or the amount is too large.
pub(crate) fn of_month(nanos: u64, millis: u64, hours_per_month: u64) -> Option<u64> {
    let month_millis = u128::from(hours_per_month) * 3_600_000;
    (millis > 0).then(|| u64::try_from(u128::from(nanos) * month_millis / u128::from(millis)).ok()).flatten()
}

/// Says which prices are assumed.
pub(crate) fn remark_assumptions(output: &mut Output, prices: &Prices) -> Result<(), Failure> {
    match prices.assumptions.is_empty() {
        true => Ok(()),
        false => output.line(format_args!(
            "Prices without a publication that the price file names: {}.",
            prices.assumptions.join(", ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_four_digits_or_all() {
        let shown: Vec<String> = [0, 625, 49_999, 50_000, 156_000_000, 1_234_567_890_123].map(amount).into();
        assert_eq!(shown, ["0.0000", "0.000000625", "0.000049999", "0.0001", "0.1560", "1,234.5679"]);
    }

    #[test]
    fn the_prices_that_come_with_the_program_can_be_read() {
        let prices = read(None).unwrap();
        assert_eq!((prices.region.as_str(), prices.currency.as_str()), ("us-east-1", "USD"));
        assert!(!prices.date.is_empty() && prices.source.contains("aws.amazon.com"));
        // Each price has a source or is said to be assumed: seven of each class, and three more.
        let sourced: usize = prices.sources.iter().map(|source| source.fields.len()).sum();
        assert_eq!(sourced + prices.assumptions.len(), 17);
    }
}
