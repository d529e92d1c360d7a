//! `changes`: the records of a table's change stream, a line each.

use crate::{args::DatabaseArgs, failure::Failure, outcome::Outcome, output::Output, session};
use clap::Args;
use hashrange::{
    Database, Error,
    streams::{ChangeRecord, IteratorStart},
};

/// Arguments of `changes`.
#[derive(Debug, Args)]
pub(crate) struct Changes {
    /// Name of the table
    table: String,
    /// Show at most so many records
    #[arg(long, value_name = "RECORDS")]
    limit: Option<usize>,
    /// Print items in DynamoDB JSON, which names every type
    #[arg(long)]
    ddb_json: bool,
}

impl Changes {
    /// Shows the records that the newest stream of the table still has, shard by shard, parents before children. Within a
    /// partition key they are in the order of their commits.
    pub(crate) fn run(&self, args: &DatabaseArgs) -> Result<Outcome, Failure> {
        let database = session::open_to_read(args)?;
        drop(session::table(&database, &self.table)?);
        let streams = database.list_streams(Some(&self.table));
        let newest = streams.iter().max_by_key(|stream| stream.label_millis).ok_or_else(|| {
            let text = format!("table {} has no change stream; update-table --stream both begins one", self.table);
            Failure::from(Error::not_found(text))
        })?;
        let stream = database.describe_stream(&self.table, &newest.label)?;
        let mut output = Output::new();
        let mut left = self.limit.unwrap_or(usize::MAX);
        for shard in &stream.shards {
            self.show(&database, &newest.label, &shard.id, &mut left, &mut output)?;
        }
        output.finish()?;
        Ok(Outcome::Done)
    }

    fn show(
        &self,
        database: &Database,
        label: &str,
        shard: &str,
        left: &mut usize,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let begin = IteratorStart::TrimHorizon;
        let mut next = Some(database.shard_iterator(&self.table, label, shard, &begin)?);
        while let Some(iterator) = next.take().filter(|_| *left > 0) {
            let page = database.stream_records(&iterator, Some((*left).min(1_000)))?;
            for record in &page.records {
                output.line(self.line(record))?;
                *left -= 1;
            }
            // A shard that still takes records has no end: an empty page is where it ends for now.
            next = page.next.filter(|_| !page.records.is_empty());
        }
        Ok(())
    }

    /// A record with the names that DynamoDB gives its parts.
    fn line(&self, record: &ChangeRecord) -> String {
        let item = record.to_item().with("SequenceNumber", record.sequence_number());
        if self.ddb_json { item.to_dynamodb_json() } else { item.to_json() }
    }
}
