//! `check`: what the tables use that another service lacks, before one moves there.

use crate::{args::DatabaseArgs, failure::Failure, outcome::Outcome, output::Output, session};
use clap::{Args, ValueEnum};
use hashrange::{admin::TableDescription, schema::IndexKind};

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Where the tables are to go
    #[arg(long, value_enum, default_value_t = Target::Dynamodb)]
    target: Target,
}

/// A service that speaks DynamoDB's protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Target {
    /// Amazon DynamoDB
    Dynamodb,
}

/// Bytes of an item collection with a local index, on DynamoDB.
const DYNAMODB_COLLECTION_BYTES: u64 = 10 << 30;

impl Check {
    /// Prints a line for everything that a table uses and the target lacks.
    pub(crate) fn run(&self, args: &DatabaseArgs) -> Result<Outcome, Failure> {
        let database = session::open_to_read(args)?;
        let mut output = Output::new();
        let mut found = false;
        for name in database.list_tables() {
            let table = database.describe_table(&name)?;
            let findings = match self.target {
                Target::Dynamodb => lacking_on_dynamodb(&table),
            };
            for finding in findings {
                output.line(format_args!("{name}: {finding}"))?;
                found = true;
            }
        }
        if !found {
            output.line("the tables use nothing that the target lacks")?;
        }
        output.finish()?;
        Ok(Outcome::Done)
    }
}

/// DynamoDB's limits on tables and items are this engine's too, but for one that counts what is in a table.
fn lacking_on_dynamodb(table: &TableDescription) -> Vec<String> {
    let local = table.definition.indexes.iter().any(|index| index.kind == IndexKind::Local);
    let text = "an item collection with a local index ends at 10 GB; this table could have a larger one";
    let too_large = local && table.size_bytes > DYNAMODB_COLLECTION_BYTES;
    too_large.then(|| text.to_owned()).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hashrange::{
        Database,
        admin::index,
        key::{N, S},
    };

    #[test]
    fn a_collection_that_may_be_too_large_is_named() {
        let database = Database::in_memory().unwrap();
        let local = index("by_total").range::<N>("total");
        drop(database.create_table("orders").hash::<S>("id").range::<N>("n").lsi(local).create().unwrap());
        let mut table = database.describe_table("orders").unwrap();
        table.size_bytes = DYNAMODB_COLLECTION_BYTES;
        assert_eq!(lacking_on_dynamodb(&table), Vec::<String>::new());
        table.size_bytes += 1;
        assert_eq!(lacking_on_dynamodb(&table).len(), 1);
    }
}
