//! What a database is made of, its background work as it happens, and that work one step at a time.

use crate::{
    answer::{self, Answer, EventSource},
    context::{Context, StreamPlace},
    lessons::step_json,
    refusal::Refusal,
    request::Request,
};
use bytes::Bytes;
use hashrange::{
    Database,
    inspect::{Amplification, DatabaseStats, Piece, RecoveryReport},
    observe::{Event, EventKind, Subject, Subscription},
};
use serde::Serialize;
use serde_json::Value;

/// Events that wait for a reader at most; more are left out and counted.
const WAITING_EVENTS: usize = 256;

/// Polls of an event stream without an event, about ten a second, after which it sends a comment: so that the end of a
/// connection is noticed.
const QUIET_POLLS: u32 = 150;

/// What a database is made of.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Inside {
    /// Partitions with memtables and runs, the log with what needs its segments.
    #[serde(serialize_with = "with_token_texts")]
    pub(crate) facts: DatabaseStats,
    /// Bytes written and kept for a byte, places that a read may have to ask.
    pub(crate) amplification: Amplification,
    /// What the last opening found.
    pub(crate) recovery: RecoveryReport,
    /// Whether background work is stopped and done step by step.
    pub(crate) is_paused: bool,
}

/// Writes facts with tokens as texts of 16 hexadecimal digits: a number of 64 bits would be rounded by jq and by JavaScript.
fn with_token_texts<S: serde::Serializer>(facts: &DatabaseStats, serializer: S) -> Result<S::Ok, S::Error> {
    let mut json = serde_json::to_value(facts).map_err(serde::ser::Error::custom)?;
    tokens_as_text(&mut json);
    json.serialize(serializer)
}

/// Writes the tokens of facts about a database, which are in members whose names end with `_token`, as texts of 16 hexadecimal
/// digits: a number of 64 bits would be rounded by jq and by JavaScript.
pub fn tokens_as_text(json: &mut Value) {
    match json {
        Value::Array(elements) => elements.iter_mut().for_each(tokens_as_text),
        Value::Object(members) => {
            for (name, value) in members {
                match (name.ends_with("_token"), value.as_u64()) {
                    (true, Some(token)) => *value = format!("{token:016x}").into(),
                    _ => tokens_as_text(value),
                }
            }
        }
        _ => {}
    }
}

/// What a database is made of now. Errors: it is closed; disk, damage.
pub(crate) fn of(db: &Database, is_paused: bool) -> Result<Inside, Refusal> {
    let (facts, amplification) = (db.facts(), db.amplification()?);
    Ok(Inside { facts, amplification, recovery: db.recovery().clone(), is_paused })
}

/// The kinds of work that a step can be asked for: name, and what its button says.
pub(crate) const PIECES: [(&str, &str); 9] = [
    ("urgent", "The most urgent work"),
    ("flush", "Flush a memtable"),
    ("compaction", "Compact a partition"),
    ("split", "Split a partition"),
    ("backfill", "Fill a part of a new index"),
    ("stream_segment", "Write a stream segment"),
    ("expiry", "Delete expired items"),
    ("history", "Keep history"),
    ("log_trim", "Remove log segments"),
];

/// The piece of work that a request asks for. Errors: there is no such kind.
pub(crate) fn piece(request: &Request) -> Result<Piece, Refusal> {
    let partition = request.number("partition", u64::MAX)?;
    Ok(match request.required("piece")? {
        "urgent" => Piece::Urgent,
        "flush" => Piece::Flush { partition },
        "compaction" => Piece::Compaction { partition },
        "split" => Piece::Split { partition },
        "backfill" => Piece::Backfill,
        "stream_segment" => Piece::StreamSegment,
        "stream_retention" => Piece::StreamRetention,
        "expiry" => Piece::Expiry,
        "history" => Piece::History,
        "log_trim" => Piece::LogTrim,
        other => return Err(Refusal::invalid(format!("there is no kind of work {other}; docs/inside.md lists them"))),
    })
}

/// Answers `/console/api/inside` and what is below it.
pub(crate) fn respond(context: &Context, request: &Request, path: &[&str]) -> Result<Answer, Refusal> {
    match (request.is_read(), path) {
        (true, []) => Ok(answer::json(&of(&context.db, context.pause.is_on())?)),
        (true, ["events"]) => Ok(answer::events(Box::new(Events::new(&context.db, context.open_stream()?)))),
        (false, ["pause"]) => {
            context.check_write()?;
            context.pause.begin(&context.db)?;
            Ok(answer::json(&of(&context.db, true)?))
        }
        (false, ["resume"]) => {
            context.check_write()?;
            context.pause.end();
            Ok(answer::json(&of(&context.db, false)?))
        }
        (false, ["step"]) => {
            context.check_write()?;
            Ok(answer::json(&step_json(&context.pause.step(piece(request)?)?)))
        }
        (_, [] | ["events" | "pause" | "resume" | "step"]) => Err(Refusal::method()),
        _ => Err(Refusal::not_found("the API has no such address below inside; docs/inside.md lists them")),
    }
}

/// Events of background work as a browser reads them.
struct Events {
    events: Subscription,
    quiet_polls: u32,
    lost: u64,
    _place: StreamPlace,
}

/// One event.
#[derive(Serialize)]
struct Told<'a> {
    at_millis: u64,
    kind: &'static str,
    text: String,
    is_failure: bool,
    partition: Option<u64>,
    table: Option<&'a str>,
}

impl Events {
    fn new(db: &Database, place: StreamPlace) -> Self {
        // The first poll sends a comment, so that the browser sees the stream open at once.
        Self { events: db.subscribe(WAITING_EVENTS), quiet_polls: QUIET_POLLS, lost: 0, _place: place }
    }
}

impl EventSource for Events {
    fn next(&mut self) -> Option<Bytes> {
        let mut text = String::new();
        while let Some(event) = self.events.try_next() {
            if let Ok(told) = serde_json::to_string(&tell(&event)) {
                text.push_str(&answer::event(Some("work"), &told));
            }
        }
        let lost = self.events.lost();
        if lost > self.lost {
            text.push_str(&answer::event(Some("lost"), &(lost - self.lost).to_string()));
            self.lost = lost;
        }
        self.quiet_polls += 1;
        if text.is_empty() && self.quiet_polls > QUIET_POLLS {
            text.push_str(": still here\n\n");
        }
        if !text.is_empty() {
            self.quiet_polls = 0;
        }
        Some(Bytes::from(text))
    }
}

fn tell(event: &Event) -> Told<'_> {
    let (kind, subject) = kind_of(&event.kind);
    let partition = match subject {
        Some(Subject::Partition { partition, .. }) => Some(*partition),
        _ => None,
    };
    Told {
        at_millis: event.at_millis,
        kind,
        text: event.kind.to_string(),
        is_failure: event.kind.is_failure(),
        partition,
        table: subject.and_then(Subject::table),
    }
}

fn kind_of(kind: &EventKind) -> (&'static str, Option<&Subject>) {
    match kind {
        EventKind::Recovered { .. } => ("recovered", None),
        EventKind::Flushed { subject, .. } => ("flushed", Some(subject)),
        EventKind::Compacted { subject, .. } => ("compacted", Some(subject)),
        EventKind::Split { subject, .. } => ("split", Some(subject)),
        EventKind::Backfilled { subject } => ("backfilled", Some(subject)),
        EventKind::Expired { subject, .. } => ("expired", Some(subject)),
        EventKind::StreamSegmentWritten { subject, .. } => ("stream_segment_written", Some(subject)),
        EventKind::LogSegmentSealed { .. } => ("log_segment_sealed", None),
        EventKind::LogTrimmed { .. } => ("log_trimmed", None),
        EventKind::Failed(failure) => ("failed", Some(&failure.subject)),
        EventKind::Resumed { subject, .. } => ("resumed", Some(subject)),
        EventKind::WritingEnded(failure) => ("writing_ended", Some(&failure.subject)),
        _ => ("other", None),
    }
}
