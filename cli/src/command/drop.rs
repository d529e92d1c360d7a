//! `drop`: deletes a table.

use crate::{args::DatabaseArgs, failure::Failure, outcome::Outcome, output, session, text::counted};
use clap::Args;
use std::io::{self, BufRead, IsTerminal};

/// Arguments of `drop`.
#[derive(Debug, Args)]
pub(crate) struct Drop {
    /// Name of the table
    table: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

impl Drop {
    /// Deletes the table and gives its space back.
    pub(crate) fn run(&self, args: &DatabaseArgs) -> Result<Outcome, Failure> {
        let database = session::open(args)?;
        let is =
            database.describe_table(&self.table).map_err(|error| session::explain(&database, &self.table, error))?;
        let items = counted(is.item_count, "item");
        if !self.yes && !self.is_confirmed(&items)? {
            return Err(Failure::Usage(format!("table {} was not deleted", self.table)));
        }
        database.delete_table(&self.table).map_err(|error| session::explain(&database, &self.table, error))?;
        database.close()?;
        output::remark(format_args!("deleted table {} with about {items}", self.table));
        Ok(Outcome::Done)
    }

    /// Asks the person at the terminal; a script has to say --yes.
    fn is_confirmed(&self, items: &str) -> Result<bool, Failure> {
        if !io::stdin().is_terminal() {
            return Err(Failure::Usage(format!("this deletes table {} with about {items}: say --yes", self.table)));
        }
        output::remark(format_args!("Delete table {} with about {items}? Type its name:", self.table));
        let mut line = String::new();
        let read = io::stdin().lock().read_line(&mut line);
        read.map_err(|error| Failure::io("cannot read standard input", error))?;
        Ok(line.trim() == self.table)
    }
}
