//! `diff`: where two databases differ, item by item.

use crate::{args::DatabaseArgs, failure::Failure, outcome::Outcome, output::Output, session, text::counted};
use clap::Args;
use hashrange::{
    ItemRef,
    history::{Moment, Snapshot},
};
use std::{collections::BTreeSet, path::PathBuf};

/// Arguments of `diff`.
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// Folder of the first database
    first: PathBuf,
    /// Folder of the second database
    second: PathBuf,
    /// Compare this table only; may be repeated
    #[arg(long, value_name = "NAME")]
    table: Vec<String>,
    /// Say how many items differ, and do not show them
    #[arg(long)]
    summary: bool,
}

impl Diff {
    /// Compares digests first, and the items of those tables whose digests differ.
    pub(crate) fn run(&self, args: &DatabaseArgs) -> Result<Outcome, Failure> {
        let open = |folder: &PathBuf| {
            let args = DatabaseArgs { data_dir: Some(folder.clone()), ..args.clone() };
            let snapshot = session::open_to_read(&args)?.at(Moment::Now)?;
            Ok::<Snapshot, Failure>(snapshot)
        };
        let (first, second) = (open(&self.first)?, open(&self.second)?);
        let mut output = Output::new();
        let mut differs = false;
        for table in self.tables(&first, &second)? {
            differs |= self.compare(&table, &first, &second, &mut output)?;
        }
        output.finish()?;
        Ok(if differs { Outcome::Differs } else { Outcome::Done })
    }

    fn tables(&self, first: &Snapshot, second: &Snapshot) -> Result<BTreeSet<String>, Failure> {
        let all: BTreeSet<String> = first.list_tables().into_iter().chain(second.list_tables()).collect();
        if self.table.is_empty() {
            return Ok(all);
        }
        if let Some(unknown) = self.table.iter().find(|name| !all.contains(*name)) {
            return Err(Failure::Usage(format!("neither database has a table {unknown}")));
        }
        Ok(self.table.iter().cloned().collect())
    }

    fn compare(&self, table: &str, first: &Snapshot, second: &Snapshot, output: &mut Output) -> Result<bool, Failure> {
        let has = |snapshot: &Snapshot| snapshot.list_tables().iter().any(|name| name == table);
        for (one, other) in [(first, second), (second, first)] {
            if !has(one) {
                let items = other.database().digest(table)?.items;
                let folder = if has(first) { self.first.display() } else { self.second.display() };
                output.line(format_args!("{table}: only in {folder}, with {}", counted(items, "item")))?;
                return Ok(true);
            }
        }
        let digests = (first.database().digest(table)?, second.database().digest(table)?);
        if digests.0 == digests.1 {
            output.line(format_args!("{table}: the same {}", counted(digests.0.items, "item")))?;
            return Ok(false);
        }
        let (mut added, mut removed, mut changed) = (0, 0, 0);
        for change in second.changes_since(first, table)? {
            let change = change?;
            let (sign, count) = match (&change.old, &change.new) {
                (None, _) => ('+', &mut added),
                (_, None) => ('-', &mut removed),
                _ => ('~', &mut changed),
            };
            *count += 1;
            if !self.summary {
                let json = |item: &Option<ItemRef>| item.as_ref().map_or_else(|| "null".to_owned(), ItemRef::to_json);
                let (table, old, new) = (serde_json::json!(table), json(&change.old), json(&change.new));
                output.line(format_args!("{sign} {{\"table\":{table},\"old\":{old},\"new\":{new}}}"))?;
            }
        }
        output
            .line(format_args!("{table}: {added} only in the second, {removed} only in the first, {changed} differ"))?;
        Ok(true)
    }
}
