//! Load for `compare`: raw requests over loopback, without an SDK whose own time would hide the server's.
//!
//! ```text
//! loopback ADDRESS:PORT      prints "get_us MEDIAN" (one connection) and "puts_per_sec RATE" (32 connections)
//! ```

use std::{
    env,
    error::Error,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const ITEMS: u64 = 1_000;
const WARM_UP_GETS: u64 = 2_000;
const GETS: u64 = 10_000;
const CONNECTIONS: u64 = 32;
const PUT_TIME: Duration = Duration::from_secs(3);

/// A connection that is kept, as SDKs keep theirs.
struct Connection {
    address: String,
    stream: BufReader<TcpStream>,
    body: Vec<u8>,
}

impl Connection {
    fn open(address: &str) -> Outcome<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { address: address.to_owned(), stream: BufReader::new(stream), body: Vec::new() })
    }

    /// Sends a request and reads the whole answer, which must be a success.
    fn call(&mut self, operation: &str, body: &str) -> Outcome<()> {
        let request = format!(
            "POST / HTTP/1.1\r\nHost: {}\r\nX-Amz-Target: DynamoDB_20120810.{operation}\r\n\
             Content-Type: application/x-amz-json-1.0\r\nX-Amz-Date: 20260101T000000Z\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, \
             SignedHeaders=host;x-amz-date;x-amz-target, Signature={:064}\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            0,
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut status = String::new();
        self.stream.read_line(&mut status)?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line)?;
            match line.trim_end().split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse()?,
                Some(_) => {}
                None => break,
            }
        }
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body)?;
        if status.contains(" 200 ") { Ok(()) } else { Err(String::from_utf8_lossy(&self.body).into()) }
    }
}

fn put(id: u64) -> String {
    let pad = "x".repeat(200);
    format!(
        r#"{{"TableName":"load","Item":{{"id":{{"S":"item#{id}"}},"n":{{"N":"{id}"}},"open":{{"BOOL":true}},"text":{{"S":"{pad}"}}}}}}"#
    )
}

fn main() -> Outcome<()> {
    let address = env::args().nth(1).ok_or("usage: loopback ADDRESS:PORT")?;
    let mut one = Connection::open(&address)?;
    one.call(
        "CreateTable",
        r#"{"TableName":"load","BillingMode":"PAY_PER_REQUEST","KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],
            "AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}]}"#,
    )?;
    for id in 0..ITEMS {
        one.call("PutItem", &put(id))?;
    }
    let mut nanos = Vec::new();
    for turn in 0..WARM_UP_GETS + GETS {
        let body = format!(r#"{{"TableName":"load","Key":{{"id":{{"S":"item#{}"}}}}}}"#, turn * 7919 % ITEMS);
        let start = Instant::now();
        one.call("GetItem", &body)?;
        if turn >= WARM_UP_GETS {
            nanos.push(start.elapsed().as_nanos());
        }
    }
    nanos.sort_unstable();
    println!("get_us {:.1}", nanos[nanos.len() / 2] as f64 / 1e3);
    println!("puts_per_sec {:.0}", puts_per_sec(&address)?);
    one.call("DeleteTable", r#"{"TableName":"load"}"#)
}

fn puts_per_sec(address: &str) -> Outcome<f64> {
    let (done, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let ready = Arc::new(Barrier::new(CONNECTIONS as usize + 1));
    let threads: Vec<_> = (0..CONNECTIONS)
        .map(|number| {
            let (done, over, ready) = (done.clone(), over.clone(), ready.clone());
            let mut connection = Connection::open(address)?;
            Ok(thread::spawn(move || -> Outcome<()> {
                ready.wait();
                let mut id = number << 32;
                while !over.load(Ordering::Relaxed) {
                    connection.call("PutItem", &put(id))?;
                    done.fetch_add(1, Ordering::Relaxed);
                    id += 1;
                }
                Ok(())
            }))
        })
        .collect::<Outcome<_>>()?;
    ready.wait();
    let start = Instant::now();
    thread::sleep(PUT_TIME);
    let rate = done.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64();
    over.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().map_err(|_| "a connection's thread panicked")??;
    }
    Ok(rate)
}
