//! `inspect`: where everything is and how much of it there is.

use crate::{
    args::DatabaseArgs,
    failure::Failure,
    outcome::Outcome,
    output::Output,
    session,
    text::{bytes, counted, grouped, ratio},
};
use clap::Args;
use hashrange::{
    Database,
    inspect::{DatabaseStats, LogHolder, LogPin, TablePartitionStats},
};
use hashrange_console::tokens_as_text;
use std::collections::BTreeSet;

/// Arguments of `inspect`.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
}

impl Inspect {
    /// Shows the database.
    pub(crate) fn run(&self, args: &DatabaseArgs) -> Result<Outcome, Failure> {
        let database = session::open_to_read(args)?;
        let facts = database.facts();
        let mut output = Output::new();
        if self.json {
            let mut json = serde_json::json!(&facts);
            tokens_as_text(&mut json);
            json["tables"] = database.list_tables().into();
            json["amplification"] = serde_json::json!({
                "space": quotient(facts.run_bytes, facts.logical_bytes),
                "read": most_runs(&facts),
            });
            output.line(format_args!("{json:#}"))?;
        } else {
            print(&database, &facts, &mut output)?;
        }
        output.finish()?;
        Ok(Outcome::Done)
    }
}

/// Runs that a read may have to look into at most.
fn most_runs(facts: &DatabaseStats) -> usize {
    facts.partitions.iter().map(|facts| facts.partition.runs.len()).max().unwrap_or(0)
}

#[expect(clippy::cast_precision_loss, reason = "a ratio")]
fn quotient(whole: u64, part: u64) -> Option<f64> {
    (part > 0).then(|| whole as f64 / part as f64)
}

fn print(database: &Database, facts: &DatabaseStats, output: &mut Output) -> Result<(), Failure> {
    let files: BTreeSet<u64> =
        facts.partitions.iter().flat_map(|facts| &facts.partition.runs).map(|run| run.facts.file).collect();
    let segments = &facts.log.segments;
    let memtables = facts.partitions.iter().map(|facts| 1 + facts.partition.frozen.len()).sum::<usize>();
    output.line(format_args!("database    {}", facts.folder))?;
    output.line(format_args!("tables      {}", database.list_tables().join(", ")))?;
    output.line(format_args!(
        "log         {} in {}; last commit {}, durable up to {}",
        bytes(facts.log_bytes),
        counted(as_u64(segments.len()), "segment"),
        grouped(facts.log.last_seqno),
        grouped(facts.log.durable_seqno)
    ))?;
    let memory = bytes(as_u64(facts.memtable_bytes));
    output.line(format_args!("memtables   {memory} in {}", counted(as_u64(memtables), "memtable")))?;
    output.line(format_args!(
        "runs        {} in {}, for {} of items and index entries by DynamoDB's size rule",
        bytes(facts.run_bytes),
        counted(as_u64(files.len()), "file"),
        bytes(facts.logical_bytes)
    ))?;
    output.line(format_args!(
        "amplified   space {} (bytes in runs per byte of item), reads {} (runs that a read may look into at most)",
        ratio(facts.run_bytes, facts.logical_bytes),
        most_runs(facts)
    ))?;
    if !segments.is_empty() {
        output.line("\nlog segment         bytes  commits")?;
    }
    for segment in segments {
        let commits = if segment.last_seqno < segment.first_seqno {
            "none yet".to_owned()
        } else {
            format!("{} to {}", grouped(segment.first_seqno), grouped(segment.last_seqno))
        };
        output.line(format_args!("{:010}     {:>10}  {commits}", segment.number, bytes(segment.bytes)))?;
    }
    print_pins(&facts.log.pins, output)?;
    print_partitions(&facts.partitions, output)
}

/// Holders of the log that are named at most; the rest is counted.
const NAMED_PINS: usize = 8;

/// Says what keeps segments of the log from being removed.
fn print_pins(pins: &[LogPin], output: &mut Output) -> Result<(), Failure> {
    if !pins.is_empty() {
        output.line("\nlog needed by")?;
    }
    for pin in pins.iter().take(NAMED_PINS) {
        let holder = match &pin.holder {
            LogHolder::Memtable { subject } => format!("the memtable of {subject}"),
            LogHolder::Stream { subject } => format!("records in the memory of {subject}"),
            LogHolder::Commit => "a commit on its way".to_owned(),
            LogHolder::History => "history, an archive, or a reader of the past".to_owned(),
            _ => "another holder".to_owned(),
        };
        output.line(format_args!("{:010}     and later: {holder}", pin.from_segment))?;
    }
    if pins.len() > NAMED_PINS {
        output.line(format_args!("               and {} more", pins.len() - NAMED_PINS))?;
    }
    Ok(())
}

/// Prints partitions, those of one table or index together.
pub(super) fn print_partitions(partitions: &[TablePartitionStats], output: &mut Output) -> Result<(), Failure> {
    let mut heading = None;
    for facts in partitions {
        let place = (facts.table.as_str(), facts.index.as_deref());
        if heading != Some(place) {
            heading = Some(place);
            let index = place.1.map(|name| format!(", index {name}")).unwrap_or_default();
            output.line(format_args!("\ntable {}{index}", place.0))?;
            output.line("  partition  tokens                             share   in memory             in runs")?;
        }
        print_partition(facts, output)?;
    }
    Ok(())
}

fn print_partition(facts: &TablePartitionStats, output: &mut Output) -> Result<(), Failure> {
    let partition = &facts.partition;
    let memtables = || std::iter::once(&partition.active).chain(&partition.frozen);
    let keys: usize = memtables().map(|memtable| memtable.keys).sum();
    let memory: usize = memtables().map(|memtable| memtable.bytes).sum();
    let in_runs: u64 = partition.runs.iter().map(|run| run.own_bytes).sum();
    output.line(format_args!(
        "  {:<9}  {:016x}-{:016x}  {:>5.1} %  {:>7} keys {:>9}  {} in {}",
        partition.id,
        partition.first_token,
        partition.last_token,
        share(partition.first_token, partition.last_token),
        grouped(as_u64(keys)),
        bytes(as_u64(memory)),
        bytes(in_runs),
        counted(as_u64(partition.runs.len()), "run")
    ))?;
    for run in &partition.runs {
        let facts = &run.facts;
        let tombstones = match facts.tombstones {
            0 => String::new(),
            many => format!(", {}", counted(many, "tombstone")),
        };
        output.line(format_args!(
            "    run {:010}{}  {} entries{tombstones}, {}, commits {} to {}{}",
            facts.file,
            if facts.bottom { " (bottom)" } else { "" },
            grouped(facts.entries),
            bytes(facts.bytes),
            grouped(facts.min_seqno),
            grouped(facts.max_seqno),
            if run.shared { "; shared with the other half of a split" } else { "" },
        ))?;
        if let Some(inside) = &run.inside {
            output.line(format_args!(
                "      {} in {}; items {}, directory {}, names {}, hash index {}, checksums {}",
                counted(inside.collections, "collection"),
                match inside.leaves {
                    1 => "1 leaf".to_owned(),
                    leaves => format!("{} leaves", grouped(leaves)),
                },
                bytes(inside.record_bytes),
                bytes(inside.directory_bytes),
                bytes(inside.dictionary_bytes),
                bytes(inside.hash_index_bytes),
                bytes(inside.checksum_bytes)
            ))?;
        }
    }
    Ok(())
}

/// Per cent of all tokens.
#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
fn share(first: u64, last: u64) -> f64 {
    (last - first) as f64 / u64::MAX as f64 * 100.0
}

fn as_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
