//! An axum service over an embedded database.
//!
//! The database's calls are plain functions that block. Which of them may run on a thread of the async runtime depends on
//! what they wait for; the asynchronous handles (feature `tokio`) run the others on the runtime's pool for blocking work:
//!
//! | call | waits for | where it runs |
//! |---|---|---|
//! | `get`, a page of a query or scan | nothing, or a page fault: microseconds | inline, in the handler |
//! | `put`, `update`, `delete`, transactions | the sync of the log: milliseconds | on the pool, by [`AsyncTable`] |
//! | walking through many pages | as long as the client reads | as a stream, whose pages are read on the pool |
//! | change records of a stream's consumer | news | as a stream, or [`Database::on_change`] |
//! | `open`, `close` | the disk | before the runtime serves; on the pool, by [`AsyncDatabase`] |
//!
//! Writes on the pool are also *faster* than inline. Those that wait at the same time share one sync of the log, and
//! a runtime of two threads that writes inline has two writes waiting at most. With 32 connections and two threads,
//! the pool made two to three times as many synced puts a second, and a get beside them waited less than a
//! millisecond instead of six.
//!
//! [`AsyncDatabase`]: hashrange::asynchronous::AsyncDatabase
//!
//! Shutting down has an order: stop to accept, let requests end, then close the database. [`Database::close`] reports what
//! dropping would hide, and frees the folder though handlers still hold tables.

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use hashrange::{
    Database, ErrorKind,
    asynchronous::{AsyncTable, Asynchronous},
    key::S,
};
use serde::{Deserialize, Serialize};
use std::{future::Future, io};
use tokio::net::TcpListener;
use tokio_stream::StreamExt;

/// A note.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Note {
    /// Its key; taken from the path of the request.
    #[serde(default)]
    pub id: String,
    /// What it says.
    pub text: String,
}

/// What handlers share. Cheap to clone, as the database and its tables are.
#[derive(Clone)]
struct App {
    db: Database,
    notes: AsyncTable<S>,
}

/// An error of the database as an answer.
struct Failure(hashrange::Error);

impl From<hashrange::Error> for Failure {
    fn from(error: hashrange::Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = match self.0.kind() {
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::ConditionFailed | ErrorKind::Conflict | ErrorKind::InUse => StatusCode::CONFLICT,
            ErrorKind::Throttled => StatusCode::TOO_MANY_REQUESTS,
            ErrorKind::Closed | ErrorKind::Poisoned => StatusCode::SERVICE_UNAVAILABLE,
            kind if kind.is_server_fault() => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        (status, self.0.message().to_owned()).into_response()
    }
}

async fn put_note(
    State(app): State<App>,
    Path(id): Path<String>,
    Json(note): Json<Note>,
) -> Result<StatusCode, Failure> {
    app.notes.put(Note { id, ..note }).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn get_note(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Failure> {
    // Inline: a read waits for no writer. The item goes to the client as it is, without a detour over a Rust type.
    Ok(match app.notes.table().get(id)? {
        Some(note) => ([(CONTENT_TYPE, "application/json")], note.to_json()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    })
}

async fn delete_note(State(app): State<App>, Path(id): Path<String>) -> Result<StatusCode, Failure> {
    app.notes.call(move |notes| notes.delete(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// All notes, one JSON document a line. A page is read when the client has taken the one before: memory stays small, whatever
/// the table holds and however slow the client is.
async fn all_notes(State(app): State<App>) -> Response {
    let lines = app.notes.table().scan().stream().map(|note| match note {
        Ok(note) => Ok(note.to_json() + "\n"),
        Err(error) => Err(io::Error::other(error)),
    });
    ([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response()
}

/// Whether the service can do its work: for load balancers, which ask often. It reads what is known and does nothing.
async fn health(State(app): State<App>) -> impl IntoResponse {
    let health = app.db.health();
    let status = if health.is_writable() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let failures: Vec<String> = health.failures.iter().map(ToString::to_string).collect();
    (status, Json(serde_json::json!({ "failures": failures, "writable": health.is_writable() })))
}

fn router(app: App) -> Router {
    Router::new()
        .route("/notes", get(all_notes))
        .route("/notes/{id}", get(get_note).put(put_note).delete(delete_note))
        .route("/health", get(health))
        .with_state(app)
}

/// Serves notes until `stop` is over, lets the requests that are under way end, and closes the database.
pub async fn serve(
    listener: TcpListener,
    db: Database,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let notes = db.create_table("notes").hash::<S>("id").open_or_update().map_err(io::Error::other)?;
    let app = App { db: db.clone(), notes: notes.asynchronous() };
    axum::serve(listener, router(app)).with_graceful_shutdown(stop).await?;
    db.asynchronous().close().await.map_err(io::Error::other)
}
