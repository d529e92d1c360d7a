//! Starts a container of an image, writes an item and reads it, by plain HTTP.

use hashrange_testcontainer::{Hashrange, PORT};
use std::{
    error::Error,
    io::{Read, Write},
    net::TcpStream,
};
use testcontainers::runners::AsyncRunner;

fn call(port: u16, operation: &str, body: &str) -> Result<String, Box<dyn Error>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/x-amz-json-1.0\r\n\
         X-Amz-Target: DynamoDB_20120810.{operation}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.starts_with("HTTP/1.1 200") { Ok(answer) } else { Err(answer.into()) }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let tag = std::env::args().nth(1).ok_or("name the tag of the image")?;
    let container = Hashrange::new(tag).start().await?;
    let port = container.get_host_port_ipv4(PORT).await?;
    call(
        port,
        "CreateTable",
        r#"{"TableName":"things","BillingMode":"PAY_PER_REQUEST","KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],
            "AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}]}"#,
    )?;
    call(port, "PutItem", r#"{"TableName":"things","Item":{"id":{"S":"u1"},"name":{"S":"Ada"}}}"#)?;
    let answer = call(port, "GetItem", r#"{"TableName":"things","Key":{"id":{"S":"u1"}}}"#)?;
    container.rm().await?;
    println!("{}", if answer.contains("Ada") { "Ada" } else { "nothing" });
    Ok(())
}
