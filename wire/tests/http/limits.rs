//! Bounds: nothing that a client sends may grow, hang or end the server, or stall others.

use crate::client::{connect, read, request, send, serve};
use std::{io::Write, time::Duration};

#[test]
fn bodies_end_at_16_megabytes() {
    let server = serve(|_| {});
    let head = String::from_utf8(request("ListTables", "", &[])).unwrap();
    let declared = head.replace("Content-Length: 0", "Content-Length: 16777217");
    assert_eq!(send(&mut connect(&server), declared.as_bytes()).unwrap().status, 413);

    let mut stream = connect(&server);
    let chunked = head.replace("Content-Length: 0", "Transfer-Encoding: chunked");
    stream.write_all(chunked.as_bytes()).unwrap();
    let chunk = format!("100000\r\n{}\r\n", " ".repeat(1 << 20));
    // A client that sends everything before it looks for an answer gets the answer all the same.
    for _ in 0..20 {
        stream.write_all(chunk.as_bytes()).unwrap();
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
    assert_eq!(read(&mut stream).unwrap().status, 413);
    let mut stream = connect(&server);
    stream.write_all(&request("ListTables", &" ".repeat(20 << 20), &[])).unwrap();
    assert_eq!(read(&mut stream).unwrap().status, 413);
    let large = request("ListTables", &format!("{{{}}}", " ".repeat((16 << 20) - 2)), &[]);
    assert_eq!(send(&mut connect(&server), &large).unwrap().status, 200);
}

#[test]
fn heads_are_bounded() {
    let server = serve(|_| {});
    let long = request("ListTables", "{}", &[&format!("X-Long: {}", "x".repeat(64 << 10))]);
    assert!(send(&mut connect(&server), &long).is_none_or(|answer| answer.status >= 400));
    let lines: Vec<String> = (0..200).map(|n| format!("X-{n}: y")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert!(
        send(&mut connect(&server), &request("ListTables", "{}", &lines)).is_none_or(|answer| answer.status >= 400)
    );
    assert!(
        send(&mut connect(&server), b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n").is_none_or(|answer| answer.status == 400)
    );
}

#[test]
fn who_sends_slowly_is_cut_off() {
    let server = serve(|options| {
        options.body_timeout = Duration::from_millis(100);
        options.head_timeout = Duration::from_millis(100);
    });
    let mut slow_body = connect(&server);
    let head = String::from_utf8(request("ListTables", "{}", &[])).unwrap();
    slow_body.write_all(head.trim_end_matches('}').as_bytes()).unwrap();
    assert_eq!(read(&mut slow_body).unwrap().status, 408);
    let mut slow_head = connect(&server);
    slow_head.write_all(b"POST / HTTP/1.1\r\nHost: loc").unwrap();
    assert!(read(&mut slow_head).is_none_or(|answer| answer.status == 408));
}

#[test]
fn one_connection_too_many_waits() {
    let server = serve(|options| options.max_connections = 2);
    let (mut first, mut second) = (connect(&server), connect(&server));
    assert_eq!(send(&mut first, &request("ListTables", "{}", &[])).unwrap().status, 200);
    assert_eq!(send(&mut second, &request("ListTables", "{}", &[])).unwrap().status, 200);
    let mut third = connect(&server);
    third.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(send(&mut third, &request("ListTables", "{}", &[])).is_none());
    drop(first);
    third.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert_eq!(read(&mut third).unwrap().status, 200);
}

#[test]
fn large_bodies_wait_for_memory_and_all_arrive() {
    let server = serve(|options| options.max_buffered_bytes = 0);
    let body = format!("{{{}}}", " ".repeat(9 << 20));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                assert_eq!(send(&mut connect(&server), &request("ListTables", &body, &[])).unwrap().status, 200);
            });
        }
    });
}
