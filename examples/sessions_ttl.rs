//! Sessions that end by themselves: `cargo run -p hashrange --example sessions_ttl`.
//!
//! Each session carries the second in which it ends. A clock that is moved by hand lets an hour pass at once; what has
//! expired is deleted, and the table's stream tells who was logged out and that nobody asked for it.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use hashrange::{Clock, Database, Item, Result, key::S, schema::StreamView};
use std::time::Duration;

fn main() -> Result<()> {
    let clock = Clock::manual(1_795_000_000_000);
    let db = Database::options().clock(clock.clone()).in_memory()?;
    let sessions = db.create_table("sessions").hash::<S>("token").ttl("ends").stream(StreamView::OldImage).create()?;

    let login = |token: &str, user: &str, minutes: u64| {
        let ends = clock.now_secs() + minutes * 60;
        sessions.put(&Item::new().with("token", token).with("user", user).with("ends", ends))
    };
    login("t-1", "ada", 30)?;
    login("t-2", "grace", 30)?;
    login("t-3", "edsger", 24 * 60)?;

    clock.advance(Duration::from_secs(20 * 60));
    // Grace is active: her session ends later than it would have.
    sessions.update("t-2").set("ends", clock.now_secs() + 30 * 60).send()?;

    clock.advance(Duration::from_secs(20 * 60));
    // The background does this by itself after a while; a program that cannot wait asks for it.
    println!("{} session(s) swept", db.sweep_now()?);
    for session in sessions.scan().items() {
        let session = session?;
        println!("still there: {:?}", session.get("user").and_then(|user| user.as_str()));
    }

    for delivery in sessions.stream()?.checkpoint("audit").follow(Duration::ZERO) {
        let delivery = delivery?;
        if delivery.by_ttl {
            let user = delivery.old.as_ref().and_then(|old| old.get("user")?.as_str().map(str::to_owned));
            println!("logged out by time: {user:?}");
        }
        delivery.ack()?;
    }
    Ok(())
}
