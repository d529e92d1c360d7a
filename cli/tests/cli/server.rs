//! The server as a process: what it takes of the system, and what it gives back.
#![cfg(target_os = "linux")]
#![expect(clippy::disallowed_methods, reason = "what the kernel says of a process, and how long it takes")]

use crate::place::{Place, Run};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

/// A server of the folder of a test, as a process of its own.
struct Served {
    child: Child,
    address: String,
}

impl Served {
    /// Starts one whose limit on descriptors is `descriptors`.
    fn start(place: &Place, descriptors: u32, options: &[&str]) -> Self {
        Self::start_behind(&format!("ulimit -n {descriptors}"), place, options)
    }

    /// Starts one by a shell that does something before.
    fn start_behind(before: &str, place: &Place, options: &[&str]) -> Self {
        let serve = place.command(&[&["serve", "--port", "0"], options].concat());
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{before} && exec \"$0\" \"$@\"")]);
        shell.arg(serve.get_program()).args(serve.get_args());
        let mut child = shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap_or_default().to_owned();
        Self { child, address }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// A number of `/proc/PID/status`, in megabytes.
    fn megabytes(&self, what: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(what)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap().success());
    }

    fn end(mut self) -> Run {
        self.signal("-TERM");
        let mut stderr = Vec::new();
        self.child.stderr.take().unwrap().read_to_end(&mut stderr).unwrap();
        Run::of(&Output { status: self.child.wait().unwrap(), stdout: Vec::new(), stderr })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends an operation and reads its whole answer; the status.
fn call(stream: &mut TcpStream, operation: &str, body: &str) -> u16 {
    let head = format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.0\r\n\
         X-Amz-Target: DynamoDB_20120810.{operation}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn many_idle_connections_leave_writing_alone() {
    let place = Place::new();
    place.ok(&["create", "things", "--hash", "id:N"]);
    let small = ["--memtable-bytes", "200000", "--log-segment-bytes", "200000", "--log-bytes", "800000"];
    let served = Served::start(&place, 128, &small);
    let mut idle: Vec<TcpStream> = (0..200).map(|_| served.connect()).collect();
    let mut stream = served.connect();
    let text = "x".repeat(10_000);
    for id in 0..200 {
        let item = format!(r#"{{"TableName":"things","Item":{{"id":{{"N":"{id}"}},"text":{{"S":"{text}"}}}}}}"#);
        assert_eq!(call(&mut stream, "PutItem", &item), 200, "{id}");
        if id % 20 == 0 {
            idle.push(served.connect());
        }
    }
    assert_eq!(call(&mut served.connect(), "ListTables", "{}"), 200);
    let run = served.end();
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(place.ok(&["scan", "things", "--count"]), "200\n");
}

#[test]
fn signals_that_are_ignored_at_the_start_stop_no_server() {
    let place = Place::new();
    // As `nohup` does, and a script with what it runs in the background.
    let served = Served::start_behind("trap '' HUP INT", &place, &[]);
    served.signal("-HUP");
    served.signal("-INT");
    thread::sleep(Duration::from_millis(500));
    assert_eq!(call(&mut served.connect(), "ListTables", "{}"), 200);
    let run = served.end();
    assert_eq!(run.code, 0, "{run:?}");
}

#[test]
fn a_server_whose_words_nobody_reads_serves() {
    let place = Place::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = place.command(&["serve", "--port", &port.to_string()]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut served = Served { child, address: format!("127.0.0.1:{port}") };
    let begin = Instant::now();
    while TcpStream::connect(&served.address).is_err() {
        assert!(served.child.try_wait().unwrap().is_none(), "it ended");
        assert!(begin.elapsed() < Duration::from_secs(60));
        thread::sleep(Duration::from_millis(20));
    }
    thread::sleep(Duration::from_millis(200)); // by then it has said where it is
    assert_eq!(call(&mut served.connect(), "ListTables", "{}"), 200);
    assert_eq!(served.end().code, 0);
}

#[test]
fn a_measurement_ends_with_the_first_error() {
    let place = Place::new();
    let served = Served::start(&place, 128, &[]);
    let endpoint = format!("http://{}", served.address);
    let bench =
        ["bench", "ycsb-a", "--endpoint", &endpoint, "--seconds", "600", "--records", "50", "--threads", "2", "--live"];
    let mut command = Place::new().command(&bench);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut remarks = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("operations") {
        line.clear();
        assert!(remarks.read_line(&mut line).unwrap() > 0);
    }
    drop(served);
    let begin = Instant::now();
    let status = child.wait().unwrap();
    assert!(!status.success() && begin.elapsed() < Duration::from_secs(120), "{status}, {:?}", begin.elapsed());
}

/// Batches of 25 items that are nearly as large as a body may be.
const STORM_CLIENTS: usize = 16;
/// The budget, memtables and log buffers, the program itself, and what lies between malloc and free.
const PEAK_MEGABYTES: u64 = 256 + 64 + 330;
/// What the server may keep: memtables, and what maps of files count.
const IDLE_MEGABYTES: u64 = 250;

#[test]
fn a_storm_of_large_batches_keeps_to_the_budget() {
    let place = Place::new();
    place.ok(&["create", "things", "--hash", "id:S"]);
    let served = Served::start(&place, 1_024, &[]);
    // JSON that is more bytes than the item: many empty lists, and characters that are written as escapes.
    let list: String = r#"{"L":[]},"#.repeat(8_000);
    let text = r"\u0078".repeat(50_000) + &"x".repeat(200_000);
    thread::scope(|scope| {
        for client in 0..STORM_CLIENTS {
            let (mut stream, list, text) = (served.connect(), &list, &text);
            scope.spawn(move || {
                let puts: Vec<String> = (0..25)
                    .map(|item| {
                        format!(
                            r#"{{"PutRequest":{{"Item":{{"id":{{"S":"{client} {item}"}},"n":{{"L":[{list}{{"NULL":true}}]}},
                            "t":{{"S":"{text}"}}}}}}}}"#
                        )
                    })
                    .collect();
                let body = format!(r#"{{"RequestItems":{{"things":[{}]}}}}"#, puts.join(","));
                assert!(body.len() > 13_000_000 && body.len() < 16 << 20, "{}", body.len());
                assert_eq!(call(&mut stream, "BatchWriteItem", &body), 200);
            });
        }
    });
    let peak = served.megabytes("VmHWM");
    let begun = Instant::now();
    while served.megabytes("RssAnon") > IDLE_MEGABYTES && begun.elapsed() < Duration::from_secs(60) {
        thread::sleep(Duration::from_millis(200));
    }
    let idle = served.megabytes("RssAnon");
    println!("peak {peak} MB, {idle} MB after {:?}", begun.elapsed());
    assert!(peak < PEAK_MEGABYTES, "peak {peak} MB");
    // The C library's allocator keeps what threads that sleep have freed.
    assert!(idle < IDLE_MEGABYTES || cfg!(not(feature = "mimalloc")), "{idle} MB of an idle server");
}

#[test]
fn the_ledger_of_a_server_is_kept_in_a_file_and_priced() {
    let place = Place::new();
    let file = place.file("ledger.json");
    let served = Served::start(&place, 1024, &["--in-memory", "--ledger", file.to_str().unwrap()]);
    let mut stream = served.connect();
    let table = r#"{"TableName":"orders","BillingMode":"PAY_PER_REQUEST",
        "AttributeDefinitions":[{"AttributeName":"k","AttributeType":"S"}],
        "KeySchema":[{"AttributeName":"k","KeyType":"HASH"}]}"#;
    assert_eq!(call(&mut stream, "CreateTable", table), 200);
    for _ in 0..3 {
        assert_eq!(call(&mut stream, "PutItem", r#"{"TableName":"orders","Item":{"k":{"S":"a"}}}"#), 200);
    }
    drop(stream);
    let run = served.end();
    assert_eq!(run.code, 0, "{run:?}");
    let bill = place.ok(&["cost", file.to_str().unwrap(), "--by", "operation", "--json"]);
    let bill: serde_json::Value = serde_json::from_str(&bill).unwrap();
    let usage = &bill["usage"][0];
    assert_eq!((&usage["operation"], &usage["write_milliunits"]), (&"PutItem".into(), &3_000.into()));
    let refused = place.fails(1, &["serve", "--port", "0", "--in-memory", "--ledger", "/nonexistent/ledger.json"]);
    assert!(refused.contains("/nonexistent/ledger.json"), "{refused}");
}
