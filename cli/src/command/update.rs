//! `update`: changes attributes of the item with a key.

use super::get::KeyArgs;
use crate::{
    args::DatabaseArgs, explain::ExplainArgs, expressions::PlaceholderArgs, failure::Failure, outcome::Outcome,
    output::Output, session,
};
use clap::Args;

/// Arguments of `update`.
#[derive(Debug, Args)]
pub(crate) struct Update {
    /// Name of the table
    table: String,
    #[command(flatten)]
    key: KeyArgs,
    /// What to change, as in 'SET price = :p REMOVE old ADD visits :one'
    #[arg(value_name = "EXPRESSION")]
    expression: String,
    /// Update only if the item that is there (or none) fulfils a condition, as in 'attribute_exists(id)'
    #[arg(long = "if", value_name = "EXPRESSION")]
    condition: Option<String>,
    #[command(flatten)]
    placeholders: PlaceholderArgs,
    /// Print the item as it is afterwards
    #[arg(long)]
    return_new: bool,
    #[command(flatten)]
    explain: ExplainArgs,
}

impl Update {
    /// Updates the item, or makes one where there is none, as in DynamoDB.
    pub(crate) fn run(&self, args: &DatabaseArgs) -> Result<Outcome, Failure> {
        let database = session::open(args)?;
        let dry = database.dry_run();
        let table = session::table(self.explain.database(&dry, &database), &self.table)?;
        let key = self.key.key(&table.definition())?;
        let (changes, condition) = self.placeholders.update(&self.expression, self.condition.as_deref())?;
        let mut update = table.update(&key).apply(changes);
        if let Some(condition) = condition {
            update = update.when(condition);
        }
        if self.return_new {
            update = update.return_new();
        }
        let Some(written) = self.explain.answer(&dry, update.send())? else { return Ok(Outcome::Done) };
        database.close()?;
        if let Some(item) = written.attributes() {
            let mut output = Output::new();
            output.line(item.to_json())?;
            output.finish()?;
        }
        Ok(Outcome::Done)
    }
}
