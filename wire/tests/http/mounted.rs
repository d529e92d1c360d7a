//! Pages of another crate on the server's socket.

#![expect(clippy::disallowed_methods, reason = "deadlines of sockets are real time")]

use crate::client::{connect, read, send};
use bytes::Bytes;
use hashrange::Database;
use hashrange_wire::server::{Handler, LiveBody, Mount, MountedBody, Server, ServerOptions};
use http::{Request, Response};
use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// Answers with what it was asked; `/pages/live` counts for ever.
#[derive(Default)]
struct Echo {
    live: Arc<AtomicUsize>,
}

/// Counts how often it is asked; every second part is empty. The flag says whether it is a file.
struct Counting(Arc<AtomicUsize>, usize, bool);

impl LiveBody for Counting {
    fn next(&mut self) -> Option<Bytes> {
        self.1 += 1;
        self.0.fetch_add(1, Ordering::Relaxed);
        Some(if self.1.is_multiple_of(2) { Bytes::new() } else { Bytes::from(format!("part {}\n", self.1)) })
    }
    fn has_end(&self) -> bool {
        self.2
    }
}

/// Ends after its first part, too early.
struct Broken(bool);

impl LiveBody for Broken {
    fn next(&mut self) -> Option<Bytes> {
        (!std::mem::replace(&mut self.0, true)).then(|| Bytes::from_static(b"half"))
    }
    fn is_cut_off(&self) -> bool {
        true
    }
}

impl Handler for Echo {
    fn answer(&self, request: Request<Vec<u8>>) -> Response<MountedBody> {
        if request.uri().path() == "/pages/broken" {
            return Response::new(MountedBody::Live(Box::new(Broken(false))));
        }
        if let path @ ("/pages/live" | "/pages/file") = request.uri().path() {
            return Response::new(MountedBody::Live(Box::new(Counting(self.live.clone(), 0, path == "/pages/file"))));
        }
        let text = format!("{} {} {}", request.method(), request.uri(), String::from_utf8_lossy(request.body()));
        Response::new(MountedBody::Whole(Bytes::from(text)))
    }
}

fn options() -> ServerOptions {
    let mut options = ServerOptions::default();
    options.address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    options
}

fn mounted(echo: Echo) -> Server {
    let bound = Server::bind(options()).unwrap().mount(Mount::new("/pages", Arc::new(echo))).unwrap();
    bound.serve(Database::in_memory().unwrap()).unwrap()
}

fn ask(server: &Server, head: &str, body: &str) -> (u16, String) {
    let text = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let answer = send(&mut connect(server), text.as_bytes()).unwrap();
    (answer.status, answer.text().to_owned())
}

#[test]
fn a_prefix_is_answered_by_its_handler() {
    let server = mounted(Echo::default());
    let post = ask(&server, "POST /pages/a?b=c HTTP/1.1\r\nhost: localhost", "body");
    assert_eq!(post, (200, "POST /pages/a?b=c body".to_owned()));
    assert_eq!(ask(&server, "GET /pages HTTP/1.1\r\nhost: localhost", "").0, 200);
    assert_eq!(ask(&server, "GET /pagesx HTTP/1.1\r\nhost: localhost", "").0, 404, "another path");
    assert_eq!(ask(&server, "GET / HTTP/1.1\r\nhost: localhost", "").0, 200, "the server's own health");
    let long = "x".repeat(200_000);
    assert_eq!(ask(&server, "POST /pages/a HTTP/1.1\r\nhost: localhost", &long).1.len(), long.len() + 14);
}

#[test]
fn only_the_page_itself_on_this_machine_gets_an_answer() {
    let server = mounted(Echo::default());
    let own = format!("http://localhost:{}", server.address().port());
    let host = format!("localhost:{}", server.address().port());
    assert_eq!(ask(&server, &format!("POST /pages/a HTTP/1.1\r\nhost: {host}\r\norigin: {own}"), "").0, 200);
    for head in [
        format!("host: {host}\r\norigin: http://evil.example"),
        format!("host: {host}\r\norigin: null"),
        format!("host: {host}\r\norigin: http://localhost:1"),
        format!("host: {host}\r\norigin: {own}\r\norigin: {own}"),
        "host: evil.example\r\norigin: http://evil.example".to_owned(),
        "host: evil.example".to_owned(),
    ] {
        assert_eq!(ask(&server, &format!("POST /pages/a HTTP/1.1\r\n{head}"), "").0, 403, "{head}");
    }
}

#[test]
fn pages_are_refused_where_a_browser_could_not_be_told_from_others() {
    let mount = || Mount::new("/pages", Arc::new(Echo::default()));
    let mut signed = options();
    signed.credentials = Some(hashrange_wire::server::Credentials {
        access_key_id: "key".to_owned(),
        secret_access_key: "secret".to_owned(),
    });
    assert!(Server::bind(signed.clone()).unwrap().mount(mount()).is_err());
    signed.address = SocketAddr::from(([0, 0, 0, 0], 0));
    assert!(Server::bind(signed).unwrap().mount(mount()).is_err());
}

#[test]
fn parts_are_sent_as_they_arise_until_the_reader_leaves() {
    let echo = Echo::default();
    let asked = echo.live.clone();
    let server = mounted(echo);
    let mut stream = connect(&server);
    stream.write_all(b"GET /pages/live HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let answer = read(&mut stream).unwrap();
    assert_eq!((answer.status, answer.header("transfer-encoding")), (200, Some("chunked")));
    let begun = Instant::now();
    let mut seen = Vec::new();
    let mut buffer = [0; 1_024];
    while !String::from_utf8_lossy(&seen).contains("part 7") {
        let count = stream.read(&mut buffer).unwrap();
        seen.extend_from_slice(&buffer[..count]);
    }
    assert!(begun.elapsed() >= Duration::from_millis(200), "a body that has nothing is not asked all the time");
    drop(stream);
    // The next part finds no reader; then the body is dropped and not asked any more.
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let before = asked.load(Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(400));
        if asked.load(Ordering::Relaxed) == before {
            break;
        }
        assert!(Instant::now() < deadline, "the body of a reader that left is still asked");
    }
}

#[test]
fn a_body_that_breaks_off_does_not_look_whole() {
    let server = mounted(Echo::default());
    let mut stream = connect(&server);
    stream.write_all(b"GET /pages/broken HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    assert!(!all.ends_with(b"0\r\n\r\n"), "{}", String::from_utf8_lossy(&all));
}

#[test]
fn a_stop_ends_bodies_that_would_go_on_and_breaks_files_off() {
    for (path, is_in_order) in [("live", true), ("file", false)] {
        let server = mounted(Echo::default());
        let mut stream = connect(&server);
        stream.write_all(format!("GET /pages/{path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes()).unwrap();
        read(&mut stream).unwrap();
        let begun = Instant::now();
        server.stop();
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert_eq!(rest.ends_with(b"0\r\n\r\n"), is_in_order, "{path}");
    }
}
