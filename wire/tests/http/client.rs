//! A client that sends exactly what a test says.

use hashrange::Database;
use hashrange_wire::server::{Server, ServerOptions};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// A server with these options on a free port.
pub(crate) fn serve(change: impl FnOnce(&mut ServerOptions)) -> Server {
    let mut options = ServerOptions::default();
    options.address = SocketAddr::from(([127, 0, 0, 1], 0));
    change(&mut options);
    Server::start(Database::in_memory().unwrap(), options).unwrap()
}

/// An answer: its status, the lines of its head in lower case, its body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: Vec<String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// A connection to a server.
pub(crate) fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// Reads one answer; `None` if the connection ends before one.
pub(crate) fn read(stream: &mut impl Read) -> Option<Answer> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let head: Vec<String> = String::from_utf8(head).unwrap().lines().map(str::to_ascii_lowercase).collect();
    let status = head[0].split(' ').nth(1).unwrap().parse().unwrap();
    let mut answer = Answer { status, head, body: Vec::new() };
    let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
    answer.body.resize(length, 0);
    stream.read_exact(&mut answer.body).unwrap();
    Some(answer)
}

/// Sends bytes and reads one answer.
pub(crate) fn send(stream: &mut (impl Read + Write), bytes: &[u8]) -> Option<Answer> {
    // The server may close before everything is written; what matters is its answer.
    let _ = stream.write_all(bytes);
    read(stream)
}

/// A request of an operation, with more lines in its head.
pub(crate) fn request(operation: &str, body: &str, more: &[&str]) -> Vec<u8> {
    let mut text = format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.0\r\n\
         X-Amz-Target: DynamoDB_20120810.{operation}\r\nContent-Length: {}\r\n",
        body.len()
    );
    more.iter().for_each(|line| text += &format!("{line}\r\n"));
    (text + "\r\n" + body).into_bytes()
}
