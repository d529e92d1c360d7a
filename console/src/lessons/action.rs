//! What a step can do to the scratch database and its machine besides sending requests, in words.

use super::lab::{Lab, failed, refused};
use hashrange::{
    Database, Item, date,
    inspect::{LogHolder, LogPin, Piece, StepReport, TablePartitionStats},
    ledger::KeyHeat,
    streams::{Batch, ChangeRecord},
};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The actions, for the message about one that is not known.
const KNOWN: &str = "sync, flush, flush everything, compact, split, work, sweep, trim, advance N UNIT, cut power SEED, commit, \
                     look, look at TABLE, heat of TABLE, read TABLE as NAME, consume TABLE as NAME, count TABLE as NAME into TABLE";

/// Longest time that the clock is moved at once: ten years, in seconds.
const MOST_SECS: u64 = 10 * 366 * 86_400;

/// Carries out an action.
pub(super) fn run(lab: &mut Lab, text: &str) -> Value {
    let words: Vec<&str> = text.split_whitespace().collect();
    let db = lab.database().clone();
    let done = match words.as_slice() {
        ["sync"] => db.sync().map(|()| json!({ "done": true })),
        ["flush"] => piece(&db, Piece::Flush { partition: None }),
        ["flush", "everything"] => db.flush().map(|()| json!({ "done": true })),
        ["compact"] => piece(&db, Piece::Compaction { partition: None }),
        ["split"] => piece(&db, Piece::Split { partition: None }),
        ["trim"] => piece(&db, Piece::LogTrim),
        ["work"] => piece(&db, Piece::Urgent),
        ["sweep"] => db.sweep_now().map(|deleted| json!({ "deleted": deleted })),
        ["advance", number, unit] => return advance(&db, number, unit),
        ["cut", "power", seed] => match seed.parse() {
            Ok(seed) => {
                drop(db);
                return lab.cut_power(seed);
            }
            Err(_) => return refused(format!("{seed} is not a whole number")),
        },
        ["commit"] => {
            let now = date::short_text(db.clock().now_millis());
            Ok(json!({ "commit": db.statistics().last_commit, "now": now }))
        }
        ["look"] => look(&db, None),
        ["look", "at", table] => look(&db, Some(table)),
        ["heat", "of", table] => heat(&db, table),
        ["read", table, "as", name] => consume(&db, table, name, |_| Ok(())),
        ["consume", table, "as", name] => consume(&db, table, name, Batch::ack),
        ["count", table, "as", name, "into", totals] => {
            consume(&db, table, name, |batch| count(&db, batch, name, totals))
        }
        _ => return refused(format!("there is no action `{}`; there are: {KNOWN}", text.trim())),
    };
    done.unwrap_or_else(|error| failed(&error))
}

/// One piece of background work.
fn piece(db: &Database, piece: Piece) -> hashrange::Result<Value> {
    Ok(step(&db.stepper()?.step(piece)?))
}

/// A piece of background work as JSON.
pub(crate) fn step(report: &StepReport) -> Value {
    let events: Vec<String> = report.events.iter().map(|event| event.kind.to_string()).collect();
    json!({ "work": report.work.name(), "events": events })
}

fn advance(db: &Database, number: &str, unit: &str) -> Value {
    let secs_of_unit = match unit.trim_end_matches('s') {
        "second" => 1,
        "minute" => 60,
        "hour" => 3_600,
        "day" => 86_400,
        _ => return refused(format!("{unit} is no unit of time; there are seconds, minutes, hours and days")),
    };
    let secs = number.parse::<u64>().ok().and_then(|number| number.checked_mul(secs_of_unit));
    let Some(secs) = secs.filter(|secs| *secs <= MOST_SECS) else {
        return refused(format!("the clock moves by whole numbers, and by ten years at most; {number} {unit} is none"));
    };
    db.clock().advance(Duration::from_secs(secs));
    json!({ "now": date::short_text(db.clock().now_millis()), "seconds": db.clock().now_secs() })
}

/// What the database, or one table of it with its global indexes, is made of.
fn look(db: &Database, table: Option<&str>) -> hashrange::Result<Value> {
    if let Some(table) = table {
        db.describe_table(table)?;
    }
    let facts = db.facts();
    let shown = facts.partitions.iter().filter(|part| table.is_none_or(|table| part.table == table));
    let amplification = db.amplification()?;
    Ok(json!({
        "partitions": shown.map(partition).collect::<Vec<_>>(),
        "log": {
            "segments": facts.log.segments.len(),
            "last_commit": facts.log.last_seqno,
            "durable_commit": facts.log.durable_seqno,
            "needed_by": facts.log.pins.iter().map(pin).collect::<Vec<_>>(),
        },
        "amplification": {
            "write": rounded(amplification.write), "space": rounded(amplification.space),
            "read": rounded(amplification.read),
        },
    }))
}

fn partition(stats: &TablePartitionStats) -> Value {
    let partition = &stats.partition;
    let memtables = partition.frozen.iter().chain([&partition.active]);
    let runs = partition.runs.iter().map(|run| {
        let leaves = run.inside.as_ref().map(|inside| inside.leaves);
        json!({ "entries": run.facts.entries, "tombstones": run.facts.tombstones, "bytes": run.facts.bytes, "leaves": leaves })
    });
    json!({
        "partition": partition.id,
        "index": stats.index,
        "tokens": format!("{:016x} to {:016x}", partition.first_token, partition.last_token),
        "in_memory": memtables.map(|memtable| memtable.keys).sum::<usize>(),
        "runs": runs.collect::<Vec<_>>(),
    })
}

/// A holder of the log in words.
pub(crate) fn pin(pin: &LogPin) -> String {
    match &pin.holder {
        LogHolder::Memtable { subject } => format!("the memtable of {subject}"),
        LogHolder::Stream { subject } => format!("stream records in the memory of {subject}"),
        LogHolder::Commit => "a commit on its way to its memtables".to_owned(),
        LogHolder::History => "history, an archive, or a reader of the past".to_owned(),
        _ => "another holder".to_owned(),
    }
}

fn heat(db: &Database, table: &str) -> hashrange::Result<Value> {
    let report = db.heat(table)?;
    let Some(heat) = report.resources.first() else { return Ok(json!({ "keys": [] })) };
    let key = |key: &KeyHeat| {
        let share = 100.0 * key.weight as f64 / heat.total_weight.max(1) as f64;
        json!({ "key": item(&key.key), "percent": rounded(share) })
    };
    let partitions = heat.partitions.iter().map(|part| {
        json!({ "first_token": format!("{:016x}", part.first_token), "write_units": part.write_milliunits / 1_000 })
    });
    Ok(json!({
        "keys": heat.accessed_partition_keys.iter().take(5).map(key).collect::<Vec<_>>(),
        "partitions": partitions.collect::<Vec<_>>(),
    }))
}

/// Lets a consumer read the next records of a table's stream, and does something with them.
fn consume(
    db: &Database,
    table: &str,
    name: &str,
    process: impl FnOnce(&Batch) -> hashrange::Result<()>,
) -> hashrange::Result<Value> {
    let stream = db.dynamic_table(table)?.stream()?;
    // The worker holds the shard until it is dropped: its batch is acknowledged before that.
    let mut worker = stream.checkpoint(name);
    let Some(batch) = worker.next_batch(Duration::ZERO)? else { return Ok(json!({ "records": [] })) };
    process(&batch)?;
    Ok(json!({ "records": batch.records().iter().map(record).collect::<Vec<_>>() }))
}

/// Adds the number of records to a counter, in the transaction that acknowledges them.
fn count(db: &Database, batch: &Batch, name: &str, totals: &str) -> hashrange::Result<()> {
    let (totals, records) = (db.table::<hashrange::key::S>(totals)?, batch.records().len() as u64);
    let add = db.transact_write().update(&totals, name, |update| update.add("records", records));
    batch.ack_in(add)?.send().map(drop)
}

fn record(record: &ChangeRecord) -> Value {
    let mut shown = Map::new();
    shown.insert("event".to_owned(), record.event.name().into());
    shown.insert("keys".to_owned(), item(&record.keys()));
    for (name, image) in [("old", &record.old), ("new", &record.new)] {
        if let Some(image) = image {
            shown.insert(name.to_owned(), serde_json::from_str(&image.to_json()).unwrap_or_default());
        }
    }
    shown.insert("by_ttl".to_owned(), record.by_ttl.into());
    Value::Object(shown)
}

fn item(item: &Item) -> Value {
    serde_json::from_str(&item.to_json()).unwrap_or_default()
}

fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}
