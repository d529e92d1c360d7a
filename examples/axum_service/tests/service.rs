//! Runs the service on a socket: reads, writes, a long answer, its health, and its end amid writes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{Database, key::S};
use hashrange_axum_service::serve;
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    thread::{self, JoinHandle},
    time::Duration,
};
use tokio::sync::oneshot;

struct Service {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Service {
    fn start(folder: &Path) -> Self {
        let db = Database::open(folder).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, address) = std::sync::mpsc::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                serve(listener, db, async { drop(stopped.await) }).await.unwrap();
            });
        });
        Self { address: address.recv().unwrap(), stop: Some(stop), thread: Some(thread) }
    }
    fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.thread.take().unwrap().join().unwrap();
    }
}

/// Sends a request and reads the whole answer: status and body.
fn request(address: SocketAddr, method: &str, path: &str, body: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let body = if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        unchunked(body)
    } else {
        body.to_owned()
    };
    Ok((status, body))
}

fn unchunked(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        whole += &rest[..size];
        body = rest[size..].trim_start_matches("\r\n");
    }
    whole
}

#[test]
fn notes_are_written_read_listed_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path());
    let ask = |method: &str, path: &str, body: &str| request(service.address, method, path, body).unwrap();
    assert_eq!(ask("GET", "/notes/a", "").0, 404);
    assert_eq!(ask("PUT", "/notes/a", r#"{"text":"hello"}"#).0, 204);
    assert_eq!(ask("GET", "/notes/a", ""), (200, r#"{"id":"a","text":"hello"}"#.to_owned()));
    assert_eq!(ask("PUT", "/notes/a", "no JSON").0, 400);
    let (status, text) = ask("PUT", &format!("/notes/{}", "k".repeat(3000)), r#"{"text":"long key"}"#);
    assert_eq!(status, 400, "{text}");
    assert_eq!(ask("DELETE", "/notes/a", "").0, 204);
    assert_eq!(ask("GET", "/notes/a", "").0, 404);
    let (status, health) = ask("GET", "/health", "");
    assert_eq!((status, health.as_str()), (200, r#"{"failures":[],"writable":true}"#));
    service.stop();
}

#[test]
fn a_long_answer_has_every_note() {
    let folder = tempfile::tempdir().unwrap();
    let db = Database::open(folder.path()).unwrap();
    let notes = db.create_table("notes").hash::<S>("id").create().unwrap();
    let long = "x".repeat(20_000);
    for n in 0..300 {
        let note = hashrange::Item::new().with("id", format!("n{n}")).with("text", long.as_str());
        notes.put_with(&note).durability(hashrange::Durability::Buffered).send().unwrap();
    }
    db.close().unwrap();
    let service = Service::start(folder.path());
    let (status, lines) = request(service.address, "GET", "/notes", "").unwrap();
    assert_eq!((status, lines.lines().count()), (200, 300), "6 MB in several pages");
    service.stop();
}

#[test]
fn the_end_comes_amid_writes_and_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path());
    let address = service.address;
    let writers: Vec<JoinHandle<Vec<String>>> = (0..8)
        .map(|writer| {
            thread::spawn(move || {
                let mut written = Vec::new();
                for n in 0.. {
                    let id = format!("{writer}-{n}");
                    match request(address, "PUT", &format!("/notes/{id}"), r#"{"text":"x"}"#) {
                        Ok((204, _)) => written.push(id),
                        _ => break,
                    }
                }
                written
            })
        })
        .collect();
    thread::sleep(Duration::from_millis(300));
    service.stop();
    let db = Database::open(folder.path()).unwrap();
    let notes = db.table::<S>("notes").unwrap();
    let mut count = 0;
    for written in writers {
        for id in written.join().unwrap() {
            assert!(notes.get(&id).unwrap().is_some(), "{id}");
            count += 1;
        }
    }
    assert!(count > 0);
}
