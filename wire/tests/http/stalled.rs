//! Clients that send slowly, take no answer, say nothing, or go away in the middle.

#![expect(clippy::disallowed_methods, reason = "deadlines of sockets are real time")]

use crate::client::{Answer, connect, read, request, send, serve};
use hashrange_wire::server::{Server, ServerOptions};
use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    thread,
    time::{Duration, Instant},
};

/// A time that a slow client gets in these tests.
const SHORT: Duration = Duration::from_millis(200);

/// As long as a busy machine may take for an answer that nothing holds up.
const SOON: Duration = Duration::from_secs(10);

fn announcing(length: usize, more: &[&str]) -> Vec<u8> {
    let head = String::from_utf8(request("ListTables", "", more)).unwrap();
    head.replace("Content-Length: 0", &format!("Content-Length: {length}")).into_bytes()
}

/// Another client is served within a time.
#[track_caller]
fn others_are_served(server: &Server, body: &str, patience: Duration) {
    let begun = Instant::now();
    let mut stream = connect(server);
    stream.set_read_timeout(Some(patience)).unwrap();
    let answer = send(&mut stream, &request("ListTables", body, &[]));
    assert_eq!(answer.map(|answer| answer.status), Some(200), "after {:?}", begun.elapsed());
}

#[test]
fn a_client_that_sends_slowly_is_cut_off() {
    let server = serve(|options| {
        options.stall_timeout = SHORT;
        options.head_timeout = SHORT;
    });
    let mut slow_body = connect(&server);
    slow_body.write_all(&announcing(2, &[])).unwrap();
    assert_eq!(read(&mut slow_body).unwrap().status, 408);
    let mut slow_head = connect(&server);
    slow_head.write_all(b"POST / HTTP/1.1\r\nHost: loc").unwrap();
    assert!(read(&mut slow_head).is_none_or(|answer| answer.status == 408));
}

/// A byte now and then does not keep a body alive, and enough bytes do.
#[test]
fn the_pace_counts_and_not_the_last_byte() {
    let server = serve(|options| {
        options.stall_timeout = SHORT;
        options.min_bytes_per_sec = 1_000;
    });
    let mut dribbling = connect(&server);
    dribbling.write_all(&announcing(1_000, &[])).unwrap();
    let mut steady = connect(&server);
    steady.write_all(&announcing(1_000, &[])).unwrap();
    steady.write_all(b"{").unwrap();
    let begun = Instant::now();
    for _ in 0..10 {
        let _ = dribbling.write_all(b" ");
        steady.write_all(&[b' '; 99]).unwrap();
        thread::sleep(SHORT / 4);
    }
    assert!(begun.elapsed() > SHORT * 2);
    assert_eq!(read(&mut dribbling).unwrap().status, 408);
    assert_eq!(send(&mut steady, b"        }").unwrap().status, 200);
}

#[test]
fn slow_bodies_hold_no_memory_that_they_only_announce() {
    let server = serve(|options| options.max_buffered_bytes = 64 << 20);
    for more in [&[][..], &["Content-Encoding: gzip"]] {
        let mut slow: Vec<TcpStream> = (0..16).map(|_| connect(&server)).collect();
        for stream in &mut slow {
            stream.write_all(&announcing(16 << 20, more)).unwrap();
            stream.write_all(b"{").unwrap();
        }
        thread::sleep(SHORT / 2);
        others_are_served(&server, "{}", SOON);
        others_are_served(&server, &format!("{{{}}}", " ".repeat(2 << 20)), SOON);
    }
}

/// Bodies that have arrived in part hold memory, until others want it.
#[test]
fn slow_bodies_give_way_to_others_that_need_memory() {
    let server = serve(|options| options.max_buffered_bytes = 64 << 20);
    let mut slow: Vec<TcpStream> = (0..4).map(|_| connect(&server)).collect();
    for stream in &mut slow {
        stream.write_all(&announcing(12 << 20, &[])).unwrap();
        stream.write_all(&vec![b' '; 1 << 20]).unwrap();
    }
    thread::sleep(SHORT);
    others_are_served(&server, "{}", SOON);
    others_are_served(&server, &format!("{{{}}}", " ".repeat(12 << 20)), Duration::from_secs(40));
}

/// A table with an item of 390 KB.
fn large_item(server: &Server) -> TcpStream {
    let mut stream = connect(server);
    let create = r#"{"TableName":"large","BillingMode":"PAY_PER_REQUEST",
        "AttributeDefinitions":[{"AttributeName":"k","AttributeType":"S"}],
        "KeySchema":[{"AttributeName":"k","KeyType":"HASH"}]}"#;
    let item = format!(r#"{{"TableName":"large","Item":{{"k":{{"S":"a"}},"v":{{"S":"{}"}}}}}}"#, "x".repeat(390_000));
    for (operation, body) in [("CreateTable", create), ("PutItem", &item)] {
        assert_eq!(send(&mut stream, &request(operation, body, &[])).unwrap().status, 200);
    }
    stream
}

const GET: &str = r#"{"TableName":"large","Key":{"k":{"S":"a"}}}"#;

/// Sends requests until the server takes no more, since it cannot send its answers.
fn stuff(server: &Server) -> TcpStream {
    let mut stream = connect(server);
    stream.set_write_timeout(Some(SHORT)).unwrap();
    for _ in 0..200 {
        if stream.write_all(&request("GetItem", GET, &[])).is_err() {
            break;
        }
    }
    stream
}

/// Reads until the connection ends; whether it did.
fn ends(mut stream: TcpStream, patience: Duration) -> bool {
    let (begun, mut buffer) = (Instant::now(), vec![0; 1 << 20]);
    stream.set_read_timeout(Some(SHORT)).unwrap();
    while begun.elapsed() < patience {
        match stream.read(&mut buffer) {
            Ok(0) => return true,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return true,
            _ => {}
        }
    }
    false
}

#[test]
fn a_client_that_takes_no_answer_is_cut_off() {
    let server = serve(|options| {
        options.stall_timeout = Duration::from_secs(1);
        options.min_bytes_per_sec = u32::MAX;
        options.metrics = true;
    });
    large_item(&server);
    let stuffed: Vec<TcpStream> = (0..5).map(|_| stuff(&server)).collect();
    let begun = Instant::now();
    let is_over = || {
        let metrics = send(&mut connect(&server), b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let has = |line: &str| metrics.text().lines().any(|known| known == line);
        has("hashrange_connections_open 1") && has("hashrange_borrowed_bytes 0")
    };
    while !is_over() {
        assert!(begun.elapsed() < Duration::from_secs(30), "answers are kept for clients that do not take them");
        thread::sleep(SHORT);
    }
    for stream in stuffed {
        assert!(ends(stream, Duration::from_secs(20)));
    }
}

#[test]
fn connections_that_are_idle_for_long_end() {
    let server = serve(|options| options.idle_timeout = SHORT);
    let mut stream = connect(&server);
    assert_eq!(send(&mut stream, &request("ListTables", "{}", &[])).unwrap().status, 200);
    assert!(ends(stream, Duration::from_secs(20)));
    assert!(ends(connect(&server), Duration::from_secs(20)), "one that never sent anything");
}

#[test]
fn a_client_that_has_said_everything_gets_its_answers() {
    let server = serve(|_| {});
    large_item(&server);
    for count in [1, 50, 200] {
        let mut stream = connect(&server);
        let mut requests = Vec::new();
        for number in 0..count {
            let item = format!(r#"{{"TableName":"large","Item":{{"k":{{"S":"{count} {number}"}}}}}}"#);
            requests.extend(request("PutItem", &item, &[]));
        }
        requests.extend(request("GetItem", GET, &[]));
        stream.write_all(&requests).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let answers: Vec<Answer> = std::iter::from_fn(|| read(&mut stream)).collect();
        assert_eq!(answers.len(), count + 1);
        assert!(answers.iter().all(|answer| answer.status == 200));
        assert!(answers[count].body.len() > 390_000);
    }
    let scan = r#"{"TableName":"large","Select":"COUNT"}"#;
    let scanned = send(&mut connect(&server), &request("Scan", scan, &[])).unwrap();
    assert!(scanned.text().contains("\"Count\":252"), "{}", scanned.text());
}

#[test]
fn a_body_that_is_cut_off_is_not_carried_out() {
    let server = serve(|_| {});
    let mut stream = connect(&server);
    stream.write_all(&announcing(100, &[])).unwrap();
    stream.write_all(b"{}").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert!(read(&mut stream).is_none_or(|answer| answer.status == 400));
}

#[test]
fn a_stop_waits_for_requests_and_not_for_clients() {
    let server = serve(|options: &mut ServerOptions| options.stop_timeout = Duration::from_secs(1));
    let mut idle = connect(&server);
    assert_eq!(send(&mut idle, &request("ListTables", "{}", &[])).unwrap().status, 200);
    let mut half = connect(&server);
    half.write_all(&announcing(100, &[])).unwrap();
    let begun = Instant::now();
    server.stop();
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert!(ends(idle, SHORT * 5) && ends(half, SHORT * 5));
}

/// One descriptor for a connection, and none is left behind.
#[test]
#[cfg(target_os = "linux")]
fn a_connection_has_one_descriptor() {
    let server = serve(|_| {});
    let count = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    // Other tests of this process open connections too: this one opens many more than they do.
    let before = count();
    let mut streams: Vec<TcpStream> = (0..300).map(|_| connect(&server)).collect();
    for stream in &mut streams {
        assert_eq!(send(stream, &request("ListTables", "{}", &[])).unwrap().status, 200);
    }
    let more = count() - before;
    assert!(more < 300 * 2 + 150, "{more} descriptors for both ends of 300 connections");
}
