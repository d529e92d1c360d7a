//! Models on a server: files of faults, and traces that are replayed.
#![cfg(target_os = "linux")]
#![expect(clippy::disallowed_methods, reason = "files of a user, not of a database")]

use crate::place::Place;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
};

/// A server in memory, until it is ended.
struct Served {
    child: Child,
    address: String,
}

impl Served {
    fn start(place: &Place, options: &[&str]) -> Self {
        let mut serve = place.command(&[&["serve", "--port", "0"], options].concat());
        let mut child = serve.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, address: line.trim().strip_prefix("listening on http://").unwrap().to_owned() }
    }
    /// The status of an answer.
    fn ask(&self, operation: &str, body: &str) -> String {
        self.send(operation, body).lines().next().unwrap_or_default().to_owned()
    }
    /// The body of an answer.
    fn answer(&self, operation: &str, body: &str) -> String {
        self.send(operation, body).split("\r\n\r\n").nth(1).unwrap_or_default().to_owned()
    }
    fn send(&self, operation: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let head = format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.0\r\nConnection: close\r\n\
             X-Amz-Target: DynamoDB_20120810.{operation}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }
    fn end(mut self) -> String {
        self.signal("-TERM");
        let mut stderr = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert!(self.child.wait().unwrap().success(), "{stderr}");
        stderr
    }
}

const CREATE: &str = r#"{"TableName": "orders", "BillingMode": "PAY_PER_REQUEST",
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}]}"#;

fn put(pk: &str) -> String {
    format!(r#"{{"TableName": "orders", "Item": {{"pk": {{"S": "{pk}"}}}}}}"#)
}

#[test]
fn faults_are_read_again_and_a_bad_file_is_refused_by_its_field() {
    let place = Place::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("faults.json");
    let write = |text: &str| std::fs::write(&file, text).unwrap();
    write(r#"{"rules": [{"operations": ["PutItems"], "fault": "AnswerLost"}]}"#);
    let options = ["serve", "--port", "0", "--faults", file.to_str().unwrap()];
    let refused = place.fails(1, &options);
    assert!(refused.contains("faults.rules[0].operations[0]: there is no operation PutItems"), "{refused}");
    write(r#"{"rules": [{"operations": ["PutItem"], "fault": "ServiceUnavailable"}]}"#);
    let mut server = Served::start(&place, &["--log", "info", "--faults", file.to_str().unwrap()]);
    assert!(server.ask("CreateTable", CREATE).contains("200"));
    assert!(server.ask("PutItem", &put("a")).contains("503"));
    write("{}");
    server.signal("-HUP");
    let mut log = BufReader::new(server.child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("the faults were read again") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "the log ended");
    }
    assert!(server.ask("PutItem", &put("a")).contains("200"));
    server.child.stderr = Some(log.into_inner());
    server.end();
}

#[test]
fn a_server_has_a_cache_whose_answers_are_old() {
    let place = Place::new();
    let mut server = place.command(&["serve", "--port", "0", "--in-memory", "--dax", "--dax-port", "0"]);
    let mut child = server.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut address = |before: &str| lines.next().unwrap().strip_prefix(before).unwrap().to_owned();
    let mut server = Served { address: address("listening on http://"), child };
    assert!(server.ask("CreateTable", CREATE).contains("200"));
    let (direct, cache) = (server.address.clone(), address("the cache is at http://"));
    let key = r#"{"TableName": "orders", "Key": {"pk": {"S": "a"}}}"#;
    server.address.clone_from(&cache);
    assert_eq!(server.answer("GetItem", key), "{}", "it is absent, and that is stored");
    server.address = direct;
    assert!(server.ask("PutItem", &put("a")).contains("200"));
    assert!(server.answer("GetItem", key).contains("\"pk\""));
    server.address = cache;
    assert_eq!(server.answer("GetItem", key), "{}");
    let said = server.end();
    assert!(said.contains("cache: items 1 hits, 1 misses"), "{said}");
    let refused = place.fails(2, &["serve", "--port", "0", "--dax-nodes", "3"]);
    assert!(refused.contains("--dax"), "{refused}");
}

#[test]
fn what_a_server_records_is_replayed_on_other_designs() {
    let place = Place::new();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (trace, designs) = (path("orders.trace"), path("designs.json"));
    let server = Served::start(&place, &["--record", &trace]);
    server.ask("CreateTable", CREATE);
    for at in 0..40 {
        assert!(server.ask("PutItem", &put(if at % 4 == 0 { "cold" } else { "hot" })).contains("200"));
    }
    let said = server.end();
    assert!(said.contains("recorded 40 accesses; 0 did not fit"), "{said}");
    std::fs::write(
        &designs,
        r#"{"designs": [{"name": "as recorded"},
        {"name": "tiny", "tables": {"orders": {"billing": {"provisioned": {"read": 1, "write": 1}}}}}]}"#,
    )
    .unwrap();
    let shown = place.ok(&["replay", &trace, "--design", &designs]);
    for expected in ["as recorded", "write units", "hot (30)", "tiny: orders throttled"] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&place.ok(&["replay", &trace, "--design", &designs, "--json"])).unwrap();
    assert_eq!((&json["accesses"], &json["designs"][0]["write_units"]), (&40.into(), &40.0.into()));
    // 40 units at 0.625 USD a million, and an hour of one read and one write unit a second.
    let nanos = |at: usize| json["designs"][at]["throughput_nanos"].as_u64().unwrap();
    assert_eq!((nanos(0), nanos(1)), (25_000, 780_000));
    let month = shown.lines().find(|line| line.contains("a month like it")).unwrap();
    assert!(shown.contains("USD of the trace") && month.contains("0.5694"), "730 hours of what one costs: {shown}");
    std::fs::write(&designs, r#"{"designs": [{"name": "a", "tables": {"orders": {"partition_key": "{pk"}}}]}"#)
        .unwrap();
    let refused = place.fails(2, &["replay", &trace, "--design", &designs]);
    assert!(refused.contains("designs[0].tables.orders.partition_key: a { has no }"), "{refused}");
    let twice = place.fails(1, &["serve", "--port", "0", "--record", &trace]);
    assert!(twice.contains("cannot create"), "{twice}");
    // A server that does not come to serve leaves no trace behind.
    let (unused, ledger) = (path("unused.trace"), path("no folder/ledger.json"));
    let refused = place.fails(1, &["serve", "--port", "0", "--record", &unused, "--ledger", &ledger]);
    assert!(refused.contains("cannot write") && !std::path::Path::new(&unused).exists(), "{refused}");
}

/// A server of regions and one of a single database never take each other's folder for an empty one.
#[test]
fn the_folders_of_regions_are_theirs() {
    let (regions, single) = (Place::new(), Place::new());
    let both = ["serve", "--until-stdin-closes", "--region", "us-east-1=0", "--region", "eu-west-1=0"];
    let one = ["serve", "--until-stdin-closes", "--port", "0"];
    regions.ok(&both);
    regions.ok(&both);
    let text = regions.fails(2, &one);
    assert!(text.contains("--region eu-west-1=PORT --region us-east-1=PORT"), "{text}");
    single.ok(&one);
    let text = single.fails(2, &both);
    assert!(text.contains("is the database of one server"), "{text}");

    // Other databases in folders below, also of other stores, are none of regions: no server begins among them, and none of
    // several regions is what is missing.
    let place = Place::new();
    place.ok_in(place.file("data/backup").to_str().unwrap(), &one);
    let rocks = place.file("data/us-east-1");
    #[expect(clippy::disallowed_methods, reason = "another store's folder")]
    std::fs::create_dir_all(&rocks).unwrap();
    place.write("data/us-east-1/CURRENT", "MANIFEST-000005\n");
    let text = place.fails(1, &one);
    assert!(text.contains("holds files that are not a database's"), "{text}");
}
