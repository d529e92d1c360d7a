//! `delete`: removes the item with a key.

use super::get::KeyArgs;
use crate::{
    args::DatabaseArgs, explain::ExplainArgs, expressions::PlaceholderArgs, failure::Failure, outcome::Outcome,
    output::Output, session,
};
use clap::Args;
use hashrange::request::ReturnValues;

/// Arguments of `delete`.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Name of the table
    table: String,
    #[command(flatten)]
    key: KeyArgs,
    /// Delete only if the item that is there (or none) fulfils a condition, as in 'attribute_exists(id)'
    #[arg(long = "if", value_name = "EXPRESSION")]
    condition: Option<String>,
    #[command(flatten)]
    placeholders: PlaceholderArgs,
    /// Print the item that was there
    #[arg(long)]
    return_old: bool,
    #[command(flatten)]
    explain: ExplainArgs,
}

impl Delete {
    /// Deletes the item; one that is not there is no error, as in DynamoDB.
    pub(crate) fn run(&self, args: &DatabaseArgs) -> Result<Outcome, Failure> {
        let database = session::open(args)?;
        let dry = database.dry_run();
        let table = session::table(self.explain.database(&dry, &database), &self.table)?;
        let key = self.key.key(&table.definition())?;
        let mut delete = table.delete_with(&key);
        if let Some(condition) = self.placeholders.condition(self.condition.as_deref())? {
            delete = delete.when(condition);
        }
        if self.return_old {
            delete = delete.return_values(ReturnValues::AllOld);
        }
        let Some(written) = self.explain.answer(&dry, delete.send())? else { return Ok(Outcome::Done) };
        database.close()?;
        if let Some(old) = written.attributes() {
            let mut output = Output::new();
            output.line(old.to_json())?;
            output.finish()?;
        }
        Ok(Outcome::Done)
    }
}
