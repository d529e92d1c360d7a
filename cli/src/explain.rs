//! `--explain`: what a command's requests would do, without doing it.

use crate::{
    failure::Failure,
    output::Output,
    prices::{self, amount},
};
use clap::Args;
use hashrange::{Database, admin::DryRun, request::RequestPlan};
use std::path::PathBuf;

/// Whether a command only explains, and what it says besides.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ExplainArgs {
    /// Show what would be done and what it costs, without doing it: of a query or scan, the first page
    #[arg(long)]
    pub(crate) explain: bool,
    /// With --explain: say what would be throttled at so many requests a second like this one
    #[arg(long, value_name = "PER_SECOND", requires = "explain")]
    at: Option<u64>,
    /// With --explain: price file; without it, prices of us-east-1 that come with the program
    #[arg(long, value_name = "FILE", requires = "explain")]
    prices: Option<PathBuf>,
}

impl ExplainArgs {
    /// Prints plans.
    pub(crate) fn print(&self, output: &mut Output, plans: &[RequestPlan]) -> Result<(), Failure> {
        let prices = prices::read(self.prices.as_deref())?;
        for plan in plans {
            output.line(plan)?;
            let million = plan.on_demand_nanos_of(&prices, 1_000_000);
            output.line(format_args!(
                "{:<8}{} {} for a million of them on demand, prices of {} as of {}",
                "costs",
                amount(million),
                prices.currency,
                prices.region,
                prices.date
            ))?;
            let Some(rate) = self.at else { continue };
            let reasons = plan.throttles_at(rate);
            if reasons.is_empty() {
                output.line(format_args!("{:<8}nothing at {rate} a second", "rejects"))?;
            }
            for reason in reasons {
                output.line(format_args!("{:<8}some at {rate} a second: {reason}", "rejects"))?;
            }
        }
        Ok(())
    }

    /// The database that a command works on: one that only plans requests, if that is all that is wanted.
    pub(crate) fn database<'d>(&self, dry: &'d DryRun, database: &'d Database) -> &'d Database {
        if self.explain { dry.database() } else { database }
    }

    /// What a request was answered with; `None` if it was only planned, after its plan was shown.
    pub(crate) fn answer<T>(&self, dry: &DryRun, answer: hashrange::Result<T>) -> Result<Option<T>, Failure> {
        let plans = dry.plans();
        if !self.explain || plans.is_empty() {
            return Ok(Some(answer?));
        }
        self.show(&plans)?;
        Ok(None)
    }

    /// Prints plans and nothing else.
    fn show(&self, plans: &[RequestPlan]) -> Result<(), Failure> {
        let mut output = Output::new();
        self.print(&mut output, plans)?;
        output.finish()
    }
}
