//! `check`: what the tables use that another service lacks, before one moves there.

use crate::{args::DatabaseArgs, failure::Failure, outcome::Outcome, output, output::Output, session};
use clap::{Args, ValueEnum};
use hashrange::{BillingMode, IndexKind, Projection, TableDescription};

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Where the tables are to go
    #[arg(long, value_enum)]
    target: Target,
}

/// A service that speaks DynamoDB's protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Target {
    /// ScyllaDB's DynamoDB interface
    Alternator,
    /// Amazon DynamoDB
    Dynamodb,
}

/// The longest table name of Alternator, in characters.
const ALTERNATOR_NAME_CHARS: usize = 192;
/// The longest name of an index there, together with its table's name and what stands between them.
const ALTERNATOR_INDEX_NAME_CHARS: usize = 222;
/// Bytes of an item collection with a local index, on DynamoDB.
const DYNAMODB_COLLECTION_BYTES: u64 = 10 << 30;

impl Check {
    /// Prints a line for everything that a table uses and the target lacks.
    pub(crate) fn run(&self, args: &DatabaseArgs) -> Result<Outcome, Failure> {
        let database = session::open(args)?;
        let mut output = Output::new();
        let mut found = false;
        for name in database.list_tables() {
            for finding in self.findings(&database.describe_table(&name)?) {
                output.line(format_args!("{name}: {finding}"))?;
                found = true;
            }
        }
        if !found {
            output.line("the tables use nothing that the target lacks")?;
        }
        output.finish()?;
        if self.target == Target::Alternator {
            output::remark(
                "what tables do not show: Alternator has no transactions (TransactWriteItems, TransactGetItems)",
            );
        }
        Ok(Outcome::Done)
    }

    fn findings(&self, table: &TableDescription) -> Vec<String> {
        match self.target {
            Target::Alternator => lacking_on_alternator(table),
            Target::Dynamodb => lacking_on_dynamodb(table),
        }
    }
}

fn lacking_on_alternator(table: &TableDescription) -> Vec<String> {
    let definition = &table.definition;
    let mut findings = Vec::new();
    if definition.name.len() > ALTERNATOR_NAME_CHARS {
        findings.push(format!("names of tables end at {ALTERNATOR_NAME_CHARS} characters"));
    }
    for index in definition.indexes.iter().filter(|index| index.kind != IndexKind::Expiry) {
        let between = if index.kind == IndexKind::Local { 2 } else { 1 };
        if definition.name.len() + between + index.name.len() > ALTERNATOR_INDEX_NAME_CHARS {
            let most = ALTERNATOR_INDEX_NAME_CHARS - between;
            findings.push(format!("names of table and index {} end at {most} characters together", index.name));
        }
        if index.hash.len() > 1 || index.range.len() > 1 {
            findings.push(format!("index {} has keys of several attributes, which it does not take", index.name));
        }
        if index.projection != Projection::All {
            findings.push(format!("index {} holds a part of the items; there it holds them whole", index.name));
        }
    }
    if definition.deletion_protection {
        findings.push("deletion protection is not there".to_owned());
    }
    if definition.billing == BillingMode::Provisioned {
        findings.push("provisioned throughput is accepted and limits nothing".to_owned());
    }
    if definition.stream.is_some() {
        findings.push("change streams have other shards there and records may come late".to_owned());
    }
    findings
}

/// DynamoDB's limits on tables and items are this engine's too, but for one that counts what lies in a table.
fn lacking_on_dynamodb(table: &TableDescription) -> Vec<String> {
    let local = table.definition.indexes.iter().any(|index| index.kind == IndexKind::Local);
    let text = "an item collection with a local index ends at 10 GB; this table could have a larger one";
    let too_large = local && table.size_bytes > DYNAMODB_COLLECTION_BYTES;
    too_large.then(|| text.to_owned()).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hashrange::{Database, N, S, StreamView, index};

    fn findings(target: Target, build: impl FnOnce(&Database)) -> Vec<String> {
        let database = Database::in_memory().unwrap();
        build(&database);
        let table = database.describe_table(&database.list_tables()[0]).unwrap();
        Check { target }.findings(&table)
    }

    #[test]
    fn plain_tables_go_anywhere() {
        let plain = |database: &Database| {
            let whole = index("by_total").range::<N>("total");
            drop(
                database
                    .create_table("orders")
                    .hash::<S>("id")
                    .range::<N>("n")
                    .lsi(whole)
                    .ttl("ends")
                    .create()
                    .unwrap(),
            );
        };
        assert_eq!(findings(Target::Alternator, plain), Vec::<String>::new());
        assert_eq!(findings(Target::Dynamodb, plain), Vec::<String>::new());
    }

    #[test]
    fn what_alternator_lacks_is_named() {
        let rich = |database: &Database| {
            let table = database.create_table("n".repeat(193)).hash::<S>("id").deletion_protection();
            let table = table.gsi(index("part_of_the_orders_of_a_day").hash::<S>("day"));
            let table = table.gsi(index("a_part_of_the_orders_of_a_day").hash::<S>("day"));
            let table = table.gsi(index("part").hash::<S>("status").include(["total"])).stream(StreamView::NewAndOld);
            drop(table.provisioned(1, 1).create().unwrap());
        };
        let found = findings(Target::Alternator, rich);
        let expected = [
            "192 characters",
            "end at 221 characters together",
            "index part holds a part",
            "deletion protection",
            "throughput",
            "streams",
        ];
        assert_eq!(found.len(), expected.len(), "{found:?}");
        assert!(found.iter().zip(expected).all(|(finding, part)| finding.contains(part)), "{found:?}");
        assert_eq!(findings(Target::Dynamodb, rich), Vec::<String>::new());
    }

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
