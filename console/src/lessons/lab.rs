//! The scratch database of a lesson: on a simulated machine, spoken to by statements, requests and actions.

use super::{action, lesson::StepKind, setup::Setup};
use hashrange::{
    Database,
    history::Moment,
    inspect::DatabaseStats,
    testing::{FollowedPoint, Machine},
};
use hashrange_wire::{Protocol, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Bytes up to which a database is copied, and up to which a request is followed: that opens and reads more than a hundred copies.
pub(crate) const MOST_COPIED_BYTES: u64 = 8 << 20;

/// Bytes up to which a scratch database takes requests; also the bytes that a step sends at most.
const MOST_BYTES: u64 = 32 << 20;

/// A scratch database on a simulated machine. What is asked of it is answered by a JSON value, whatever happens; what fails
/// has the members `error` and `message`.
#[derive(Debug)]
pub struct Lab {
    pub(super) machine: Machine,
    protocol: Protocol,
    kept: BTreeMap<String, String>,
}

impl Lab {
    /// An empty database, as a lesson wants it. Errors: options that do not go together.
    pub fn new(setup: &Setup) -> hashrange::Result<Self> {
        Ok(Self::on(Machine::new(setup.options(), setup.seed)?))
    }
    /// A copy of a database, in which everything is durable. Errors: log or disk.
    pub fn copy_of(database: &Database) -> hashrange::Result<Self> {
        Ok(Self::on(Machine::copy_of(database, 1)?))
    }
    fn on(machine: Machine) -> Self {
        let protocol = Protocol::new(machine.database().clone());
        Self { machine, protocol, kept: BTreeMap::new() }
    }
    /// The database. After a power cut it is another one.
    pub fn database(&self) -> &Database {
        self.machine.database()
    }
    /// Carries out a text, with what was kept under names in the place of `${name}`. A database that has grown too large takes
    /// no more requests, and actions only.
    pub fn run(&mut self, kind: &StepKind, text: &str) -> Value {
        if let Some(refusal) = self.refusal(kind) {
            return refusal;
        }
        if let StepKind::Request { operation, times, .. } = kind
            && *times > 1
        {
            return self.repeat(operation, *times, text);
        }
        let text = match self.filled(text, None) {
            Ok(text) => text,
            Err(missing) => return missing,
        };
        match kind {
            StepKind::Statement { at: Some(commit), .. } => self.statement_at(commit, &text),
            StepKind::Statement { at: None, is_followed } => {
                self.request("ExecuteStatement", &statement(&text), *is_followed)
            }
            StepKind::Request { operation, is_followed, .. } => self.request(operation, &text, *is_followed),
            StepKind::Action => action::run(self, &text),
        }
    }
    /// The answer to a request for which the database has become too large.
    fn refusal(&self, kind: &StepKind) -> Option<Value> {
        let (most, what) = match kind {
            StepKind::Action => return None,
            StepKind::Statement { is_followed: true, .. } | StepKind::Request { is_followed: true, .. } => {
                (MOST_COPIED_BYTES, "follows a request")
            }
            StepKind::Statement { .. } | StepKind::Request { .. } => (MOST_BYTES, "takes requests"),
        };
        let bytes = held_bytes(self.database());
        let text = || format!("this scratch database has {bytes} bytes and {what} up to {most}; begin another one");
        (bytes > most).then(|| refused(text()))
    }
    /// Keeps a value for later steps.
    pub(super) fn keep(&mut self, name: &str, value: &Value) {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        self.kept.insert(name.to_owned(), text);
    }

    /// Cuts the power, and goes on with the database that is left.
    pub(super) fn cut_power(&mut self, seed: u64) -> Value {
        match self.machine.cut_power(seed) {
            Ok(report) => {
                self.protocol = Protocol::new(self.machine.database().clone());
                serde_json::to_value(report).unwrap_or_default()
            }
            Err(error) => failed(&error),
        }
    }

    fn request(&self, operation: &str, body: &str, is_followed: bool) -> Value {
        let target = target(operation);
        if !is_followed {
            return answer(&self.protocol.handle(&target, body.as_bytes()));
        }
        match self.machine.follow(|_| self.protocol.handle(&target, body.as_bytes())) {
            Ok((response, points)) => {
                json!({ "answer": answer(&response), "points": points.iter().map(point).collect::<Vec<_>>() })
            }
            Err(error) => failed(&error),
        }
    }

    fn repeat(&self, operation: &str, times: u64, text: &str) -> Value {
        let (target, mut errors, mut last) = (target(operation), BTreeMap::<&str, u64>::new(), Value::Null);
        let mut left = MOST_BYTES;
        for i in 0..times {
            let body = match self.filled(text, Some(i)) {
                Ok(body) => body,
                Err(missing) => return missing,
            };
            let Some(rest) = left.checked_sub(body.len() as u64) else {
                return refused(format!("the requests have more than {MOST_BYTES} bytes; {i} of {times} were sent"));
            };
            left = rest;
            let response = self.protocol.handle(&target, body.as_bytes());
            if !response.error.is_empty() {
                *errors.entry(response.error).or_default() += 1;
            }
            last = answer(&response);
        }
        json!({ "requests": times, "failed": errors.values().sum::<u64>(), "errors": errors, "last": last })
    }

    fn statement_at(&self, commit: &str, text: &str) -> Value {
        let commit = match self.filled(commit, None) {
            Ok(commit) => commit,
            Err(missing) => return missing,
        };
        let Ok(number) = commit.parse() else { return refused(format!("{commit} is not the number of a commit")) };
        match self.database().at(Moment::Commit(number)) {
            Ok(then) => {
                let protocol = Protocol::new(then.database().clone());
                answer(&protocol.handle(&target("ExecuteStatement"), statement(text).as_bytes()))
            }
            Err(error) => failed(&error),
        }
    }

    /// A text with what was kept in the place of names. Errors: an answer that says which name is not known.
    fn filled(&self, text: &str, i: Option<u64>) -> Result<String, Value> {
        let (mut filled, mut rest) = (String::with_capacity(text.len()), text);
        while let Some((before, behind)) = rest.split_once("${") {
            filled.push_str(before);
            let Some((name, after)) = behind.split_once('}') else {
                return Err(refused("`${` without `}`".to_owned()));
            };
            let counted = i.and_then(|i| count_of(name, i)).map(|count| count.to_string());
            match counted.as_ref().or_else(|| self.kept.get(name)) {
                Some(value) => filled.push_str(value),
                None => return Err(refused(format!("nothing was kept under the name {name}"))),
            }
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

/// Bytes that a copy of a database has: memtables, runs, log and change streams. History stays with the original.
pub(crate) fn copied_bytes(db: &Database) -> u64 {
    bytes_without_history(&db.facts())
}

/// Bytes that a database holds: those of a copy, and the segments of the log that only history needs.
fn held_bytes(db: &Database) -> u64 {
    let facts = db.facts();
    bytes_without_history(&facts) + facts.log.kept.iter().map(|segment| segment.bytes).sum::<u64>()
}

fn bytes_without_history(facts: &DatabaseStats) -> u64 {
    let in_memory = (facts.memtable_bytes + facts.stream_tail_bytes) as u64;
    facts.run_bytes + facts.log_bytes + facts.stream_bytes + in_memory
}

/// What `i` or `i % NUMBER` is in the request with this number.
fn count_of(name: &str, i: u64) -> Option<u64> {
    match name.strip_prefix("i % ") {
        Some(divisor) => i.checked_rem(divisor.parse().ok()?),
        None => (name == "i").then_some(i),
    }
}

/// An engine's error as an answer.
pub(super) fn failed(error: &hashrange::Error) -> Value {
    json!({ "error": error.code(), "message": error.message() })
}

/// An answer to something that cannot be carried out.
pub(super) fn refused(message: String) -> Value {
    json!({ "error": "InvalidStep", "message": message })
}

fn target(operation: &str) -> String {
    let of_streams = ["DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"].contains(&operation);
    let service = if of_streams { "DynamoDBStreams_20120810" } else { "DynamoDB_20120810" };
    format!("{service}.{operation}")
}

fn statement(text: &str) -> String {
    json!({ "Statement": text.trim() }).to_string()
}

/// The body of a response, with the name of the error instead of the protocol's type.
fn answer(response: &Response) -> Value {
    let mut body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    if response.error.is_empty() {
        return body;
    }
    if let Some(members) = body.as_object_mut() {
        members.remove("__type");
        if let Some(message) = members.remove("Message") {
            members.insert("message".to_owned(), message);
        }
        members.insert("error".to_owned(), response.error.into());
    }
    body
}

/// A point of a request that was followed: what happened, and in how many of the crashes there the request survived.
fn point(point: &FollowedPoint) -> Value {
    let crash = point.crash;
    json!({
        "point": point.at.name(), "text": point.at.to_string(),
        "lost": crash.before, "kept": crash.after, "in_part": crash.between,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_has_grown_too_large_takes_no_more_requests() {
        let mut lab = Lab::new(&Setup::default()).expect("a scratch database");
        let table = lab.database().create_table("tab").hash::<hashrange::key::S>("id").create().expect("a table");
        let put = |from: u64, to: u64| {
            for n in from..to {
                let item = hashrange::Item::new().with("id", n.to_string()).with("pad", "x".repeat(300_000));
                table.put(&item).expect("a put");
            }
        };
        let ask = |lab: &mut Lab, is_followed| {
            lab.run(&StepKind::Statement { at: None, is_followed }, r#"SELECT * FROM "tab" WHERE id = 'none'"#)
        };
        assert!(ask(&mut lab, true)["points"].is_array());
        put(0, 35);
        let refusal = ask(&mut lab, true);
        assert!(refusal["message"].as_str().is_some_and(|text| text.contains("follows a request up to 8388608")));
        assert_eq!(ask(&mut lab, false)["Items"], json!([]), "it is small enough to be asked");
        put(35, 120);
        let refusal = ask(&mut lab, false);
        assert!(refusal["message"].as_str().is_some_and(|text| text.contains("takes requests up to 33554432")));
        assert_eq!(lab.run(&StepKind::Action, "sync"), json!({ "done": true }), "actions go on");
    }

    #[test]
    fn what_streams_and_history_keep_counts_too() {
        for has_history in [false, true] {
            let options = Setup { has_history, ..Setup::default() }.options().log_segment_bytes(1 << 20);
            let mut lab = Lab::on(Machine::new(options, 1).expect("a machine"));
            let table = lab.database().create_table("tab").hash::<hashrange::key::S>("id");
            let view = hashrange::schema::StreamView::NewAndOld;
            let table = if has_history { table.create() } else { table.stream(view).create() }.expect("a table");
            for n in 0..40 {
                table
                    .put(&hashrange::Item::new().with("id", "a").with("n", n).with("pad", "x".repeat(300_000)))
                    .expect("a put");
            }
            for action in ["flush everything", "trim", "trim"] {
                assert!(lab.run(&StepKind::Action, action)["error"].is_null());
            }
            let facts = lab.database().facts();
            assert!(facts.run_bytes + facts.log_bytes + (facts.memtable_bytes as u64) < MOST_COPIED_BYTES, "{facts:?}");
            assert!(held_bytes(lab.database()) > MOST_COPIED_BYTES, "{has_history}");
            assert_eq!(copied_bytes(lab.database()) > MOST_COPIED_BYTES, !has_history, "a copy has no history");
        }
    }

    #[test]
    fn a_step_sends_so_many_bytes_and_no_more() {
        let mut lab = Lab::new(&Setup::default()).expect("a scratch database");
        let kind = StepKind::Request { operation: "ListTables".to_owned(), times: 100, is_followed: false };
        let answer = lab.run(&kind, &format!("{{{}}}", " ".repeat(1 << 20)));
        assert_eq!(answer["error"], "InvalidStep");
        assert!(answer["message"].as_str().is_some_and(|text| text.contains("31 of 100 were sent")), "{answer}");
    }
}
