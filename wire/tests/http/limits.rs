//! Bounds: nothing that a client sends may grow, hang or end the server, or stall others.

use crate::client::{connect, read, request, send, serve};
use std::io::Write;

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

#[test]
fn a_newcomer_takes_the_place_of_the_longest_idle_connection() {
    let server = serve(|options| options.max_connections = 2);
    let list = request("ListTables", "{}", &[]);
    let (mut first, mut second) = (connect(&server), connect(&server));
    assert_eq!(send(&mut first, &list).unwrap().status, 200);
    std::thread::sleep(std::time::Duration::from_millis(200)); // an answer is read before its connection counts as idle
    assert_eq!(send(&mut second, &list).unwrap().status, 200);
    std::thread::sleep(std::time::Duration::from_millis(200));
    let mut third = connect(&server);
    assert_eq!(send(&mut third, &list).unwrap().status, 200);
    assert!(send(&mut first, &list).is_none(), "the first was idle for the longest time");
    let mut fourth = connect(&server);
    assert_eq!(send(&mut fourth, &list).unwrap().status, 200);
    assert!(send(&mut second, &list).is_none());
    assert_eq!(send(&mut third, &list).unwrap().status, 200, "one that is used stays");
}

#[test]
fn an_address_has_a_number_of_busy_connections() {
    let server = serve(|options| options.max_connections_per_address = Some(2));
    let mut busy = [connect(&server), connect(&server)];
    let body = request("ListTables", "{}", &[]);
    for stream in &mut busy {
        stream.write_all(&body[..body.len() - 1]).unwrap();
    }
    std::thread::sleep(std::time::Duration::from_millis(200)); // until then they count as idle
    assert_eq!(read(&mut connect(&server)).unwrap().status, 503);
    for stream in &mut busy {
        assert_eq!(send(stream, b"}").unwrap().status, 200);
    }
    assert_eq!(send(&mut connect(&server), &body).unwrap().status, 200, "idle ones make room");
}
