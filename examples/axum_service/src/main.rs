//! Serves notes: `cargo run -p hashrange-axum-service -- FOLDER [PORT]`. Ends with Ctrl-C.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use hashrange::Database;
use hashrange_axum_service::serve;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| "notes.db".to_owned());
    let port: u16 = arguments.next().map_or(Ok(3000), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let stop = async {
        // Without the signal there is no other way to be stopped than by force, which the database survives.
        let _ = tokio::signal::ctrl_c().await;
    };
    serve(listener, Database::open(folder)?, stop).await?;
    println!("closed");
    Ok(())
}
