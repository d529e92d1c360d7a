//! Serves a database over HTTP: `cargo run -p hashrange-wire --example serve -- 8000 [folder]`.

use hashrange::Database;
use hashrange_wire::server::{Server, ServerOptions};
use std::{env, error::Error, io::Write, net::SocketAddr};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let port: u16 = arguments.next().map_or(Ok(8000), |port| port.parse())?;
    let database = match arguments.next() {
        Some(folder) => Database::open(folder)?,
        None => Database::in_memory()?,
    };
    let mut options = ServerOptions::default();
    options.address = SocketAddr::from(([127, 0, 0, 1], port));
    let server = Server::start(database, options)?;
    writeln!(std::io::stdout(), "listening on http://{}", server.address())?;
    server.wait();
    Ok(())
}
