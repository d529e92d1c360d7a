//! Drawings of what a database is made of: the ring of tokens, a partition, the log. Each has the same facts as text beside it.

use crate::{lessons::pin, pages::format};
use hashrange::inspect::{LogStats, MemtableStats, RunStats, TablePartitionStats};
use maud::{Markup, html};
use std::f64::consts::TAU;

/// Half of the width of the ring's drawing, and the radii of its outer and inner edge.
const CENTRE: f64 = 110.0;
const OUTER: f64 = 104.0;
const INNER: f64 = 66.0;

/// Tokens of the whole ring.
const TOKENS: f64 = 18_446_744_073_709_551_616.0;

/// Width of drawings with an axis, and of the axis in them.
const WIDTH: f64 = 640.0;

/// The partitions of a table, or of one of its global indexes.
pub(crate) struct Ring<'a> {
    /// Name of the table.
    pub(crate) table: &'a str,
    /// Name of the global index.
    pub(crate) index: Option<&'a str>,
    /// In the order of their tokens.
    pub(crate) partitions: Vec<&'a TablePartitionStats>,
}

/// The rings of a database, in the order of the figures.
pub(crate) fn rings(partitions: &[TablePartitionStats]) -> Vec<Ring<'_>> {
    let mut rings: Vec<Ring<'_>> = Vec::new();
    for part in partitions {
        let (table, index) = (part.table.as_str(), part.index.as_deref());
        match rings.last_mut().filter(|ring| (ring.table, ring.index) == (table, index)) {
            Some(ring) => ring.partitions.push(part),
            None => rings.push(Ring { table, index, partitions: vec![part] }),
        }
    }
    rings
}

/// Bytes that a partition has in memory and in runs.
pub(crate) fn bytes_of(part: &TablePartitionStats) -> u64 {
    let partition = &part.partition;
    let memory: usize = memtables(part).map(|memtable| memtable.bytes).sum();
    memory as u64 + partition.runs.iter().map(|run| run.own_bytes).sum::<u64>()
}

/// The memtables of a partition, the one that is written to first.
pub(crate) fn memtables(part: &TablePartitionStats) -> impl Iterator<Item = &MemtableStats> {
    std::iter::once(&part.partition.active).chain(&part.partition.frozen)
}

/// The ring of tokens: an arc for each partition, as long as its share of the tokens, and darker the more bytes it has.
pub(crate) fn ring(ring: &Ring<'_>, address: &dyn Fn(u64) -> Option<String>) -> Markup {
    let most = ring.partitions.iter().map(|part| bytes_of(part)).max().unwrap_or(0).max(1);
    let name = ring.index.map_or(ring.table.to_owned(), |index| format!("{}, index {index}", ring.table));
    let label = format!("The ring of tokens of {name}: {} partitions", ring.partitions.len());
    html! {
        svg.ring viewBox="0 0 220 220" width="220" height="220" role="group" aria-label=(label) {
            @for part in &ring.partitions {
                @let id = part.partition.id;
                @let heat = (5 * bytes_of(part)).div_ceil(most).min(5);
                @let title = format!("partition {id}: {} of the tokens, {}", percent(share(part)), format::bytes(bytes_of(part)));
                @match address(id) {
                    Some(address) => { a href=(address) aria-label=(title) { (arc(part, heat, &title)) } }
                    None => { (arc(part, heat, &title)) }
                }
            }
            text x="110" y="106" text-anchor="middle" { (ring.partitions.len()) @if ring.partitions.len() == 1 { " partition" } @else { " partitions" } }
            text x="110" y="124" text-anchor="middle" { (format::bytes(ring.partitions.iter().map(|part| bytes_of(part)).sum())) }
        }
    }
}

fn arc(part: &TablePartitionStats, heat: u64, title: &str) -> Markup {
    let partition = &part.partition;
    let (from, to) = (partition.first_token as f64 / TOKENS, (partition.last_token as f64 + 1.0) / TOKENS);
    html! {
        path class=(format!("cell h{heat}")) d=(arc_path(from, to)) data-partition=(partition.id) { title { (title) } }
    }
}

/// The edge of a part of the ring, from one share of it to another; the ring begins at the top.
fn arc_path(from: f64, to: f64) -> String {
    // A whole circle has no begin and end that differ; so it is left open by 0.01 %.
    let to = to.min(from + 0.9999);
    let point = |share: f64, radius: f64| {
        let angle = share * TAU;
        format!("{:.2} {:.2}", CENTRE + radius * angle.sin(), CENTRE - radius * angle.cos())
    };
    let is_large = u8::from(to - from > 0.5);
    format!(
        "M {} A {OUTER} {OUTER} 0 {is_large} 1 {} L {} A {INNER} {INNER} 0 {is_large} 0 {} Z",
        point(from, OUTER),
        point(to, OUTER),
        point(to, INNER),
        point(from, INNER)
    )
}

/// The share of all tokens that a partition owns.
pub(crate) fn share(part: &TablePartitionStats) -> f64 {
    (part.partition.last_token as f64 - part.partition.first_token as f64 + 1.0) / TOKENS
}

/// A share in percent.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// One partition: its memtables and runs, each over the part of the tokens that it has entries of.
pub(crate) fn partition(part: &TablePartitionStats) -> Markup {
    let stats = &part.partition;
    let memtables: Vec<&MemtableStats> = memtables(part).collect();
    let rows = memtables.len() + stats.runs.len();
    let height = 36 * rows + 34;
    let label =
        format!("Partition {}: {} memtables and {} runs over its tokens", stats.id, memtables.len(), stats.runs.len());
    html! {
        svg.layers viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-label=(label) data-partition=(stats.id) {
            @for (row, memtable) in memtables.iter().enumerate() {
                @let what = if row == 0 { "memtable" } else { "frozen memtable" };
                @let text = format!("{what}: {}, {} in memory{}", counted(memtable.keys as u64, "key", "keys"), format::bytes(memtable.bytes as u64), commits(memtable.min_seqno, memtable.max_seqno));
                (layer(row, (0.0, 1.0), if memtable.keys == 0 { "empty-layer" } else { "memtable" }, &text))
            }
            @for (row, run) in stats.runs.iter().enumerate() {
                (layer(memtables.len() + row, extent(part, run), "run", &run_text(run)))
            }
            line.axis x1="0" x2=(WIDTH) y1=(height - 24) y2=(height - 24) {}
            text x="0" y=(height - 8) { (format!("token {:016x}", stats.first_token)) }
            text x=(WIDTH) y=(height - 8) text-anchor="end" { (format!("{:016x}", stats.last_token)) }
        }
    }
}

/// A number with its noun.
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", format::count(number), if number == 1 { one } else { many })
}

/// A run in words.
pub(crate) fn run_text(run: &RunStats) -> String {
    let facts = &run.facts;
    let leaves =
        run.inside.as_ref().map_or(String::new(), |inside| format!(", {}", counted(inside.leaves, "leaf", "leaves")));
    let tombstones = match facts.tombstones {
        0 => String::new(),
        1 => ", one of them a tombstone".to_owned(),
        number => format!(", {} of them tombstones", format::count(number)),
    };
    let shared = if run.shared { ", shared with the other half of a split" } else { "" };
    let bytes = format::bytes(run.own_bytes);
    let entries = counted(facts.entries, "entry", "entries");
    format!("run {}: {entries}{tombstones}, {bytes}{leaves}{shared}", facts.file)
}

fn commits(from: Option<u64>, to: Option<u64>) -> String {
    match (from, to) {
        (Some(from), Some(to)) if from == to => format!(", commit {from}"),
        (Some(from), Some(to)) => format!(", commits {from} to {to}"),
        _ => String::new(),
    }
}

/// The part of a partition's tokens that a run has entries of.
fn extent(part: &TablePartitionStats, run: &RunStats) -> (f64, f64) {
    let (first, last) = (part.partition.first_token as f64, part.partition.last_token as f64);
    let place = |token: u64| ((token as f64 - first) / (last - first).max(1.0)).clamp(0.0, 1.0);
    (place(run.facts.min_token), place(run.facts.max_token))
}

fn layer(row: usize, (from, to): (f64, f64), class: &str, text: &str) -> Markup {
    let (x, width) = (from * WIDTH, ((to - from) * WIDTH).max(3.0));
    let y = 36 * row + 18;
    html! {
        text x="0" y=(y - 5) { (text) }
        rect class=(format!("layer {class}")) x=(format!("{x:.1}")) y=(y) width=(format!("{width:.1}")) height="10" rx="2" { title { (text) } }
    }
}

/// The log: its segments from the oldest to the newest, as wide as their bytes, and below them who needs them from where on.
pub(crate) fn log(log: &LogStats) -> Markup {
    let total: f64 = log.segments.iter().map(|segment| segment.bytes as f64).sum::<f64>().max(1.0);
    let least = 26.0;
    let room = (WIDTH - least * log.segments.len() as f64).max(0.0);
    let width = |bytes: u64| least + room * bytes as f64 / total;
    let mut places = Vec::new();
    let mut x = 0.0;
    for segment in &log.segments {
        places.push((segment, x, width(segment.bytes)));
        x += width(segment.bytes);
    }
    let right = x;
    let start_of =
        |number: u64| places.iter().find(|(segment, ..)| segment.number >= number).map_or(0.0, |(_, x, _)| *x);
    let height = 62 + 22 * log.pins.len().min(MOST_PINS);
    let label = format!("The log: {} segments, needed by {} holders", log.segments.len(), log.pins.len());
    html! {
        svg.log viewBox=(format!("0 0 {:.0} {height}", right.max(WIDTH))) role="img" aria-label=(label) {
            @for (segment, x, width) in &places {
                @let is_last = log.segments.last().is_some_and(|last| last.number == segment.number);
                @let title = format!("log segment {}: {}, commits {} to {}", segment.number, format::bytes(segment.bytes), segment.first_seqno, segment.last_seqno);
                rect class=(if is_last { "segment open" } else { "segment sealed" }) x=(format!("{x:.1}")) y="20" width=(format!("{:.1}", width - 2.0)) height="26" rx="2" { title { (title) } }
                text x=(format!("{:.1}", x + 4.0)) y="14" { (segment.number) }
            }
            @for (row, pin) in log.pins.iter().take(MOST_PINS).enumerate() {
                @let from = start_of(pin.from_segment);
                @let y = 62 + 22 * row;
                line.pin x1=(format!("{from:.1}")) x2=(format!("{right:.1}")) y1=(y) y2=(y) {}
                @if from < right / 2.0 {
                    text x=(format!("{:.1}", from + 4.0)) y=(y - 4) { (crate::lessons::pin(pin)) }
                } @else {
                    text x=(format!("{:.1}", right)) y=(y - 4) text-anchor="end" { (crate::lessons::pin(pin)) }
                }
            }
        }
    }
}

/// Holders of the log that are drawn; the table below the drawing has all.
const MOST_PINS: usize = 12;

/// The log in words and numbers.
pub(crate) fn log_table(log: &LogStats) -> Markup {
    html! {
        div.wide tabindex="0" role="region" aria-label="Segments of the log" { table {
            caption { "Commits up to " (format::count(log.durable_seqno)) " of " (format::count(log.last_seqno)) " are durable." }
            thead { tr { th.n { "Segment" } th.n { "Bytes" } th { "Commits" } th { "Needed by" } } }
            tbody {
                @for kept in &log.kept {
                    tr { td.n { (kept.number) } td.n { (format::bytes(kept.bytes)) } td { "not in the log any more" } td { "history, an archive, or a reader of the past" } }
                }
                @for segment in &log.segments {
                    tr {
                        td.n { (segment.number) }
                        td.n { (format::bytes(segment.bytes)) }
                        td { @if segment.last_seqno < segment.first_seqno { "none yet" } @else { (segment.first_seqno) " to " (segment.last_seqno) } }
                        td.holders { (needed(log, segment.number)) }
                    }
                }
            }
        } }
    }
}

fn needed(log: &LogStats, segment: u64) -> Markup {
    let holders = log.pins.iter().filter(|found| found.from_segment <= segment);
    let is_last = log.segments.last().is_some_and(|last| last.number == segment);
    let (count, shown): (usize, Vec<String>) = (holders.clone().count(), holders.take(6).map(pin).collect());
    html! {
        @if is_last { div { "the next commit" } }
        @for holder in &shown { div { (holder) } }
        @if count > shown.len() { div.quiet { "and " (count - shown.len()) " more" } }
        @if count == 0 && !is_last { span.quiet { "nothing: it can be removed" } }
    }
}
