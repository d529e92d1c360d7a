//! A database for Node.js. What the AWS SDK sees of it is JavaScript, in `index.js`.

use hashrange_shell::{Accepted, Answer as Answered, Embedded, Failure, Settings};
use napi::{
    Env, Error, Result, Status, Task,
    bindgen_prelude::{AsyncTask, Buffer},
};
use napi_derive::napi;
use std::{path::PathBuf, time::Duration};

/// A failure as an exception: its text begins with its code, which `index.js` takes off.
fn raised(failure: &Failure) -> Error {
    Error::new(Status::GenericFailure, format!("{}: {failure}", failure.code()))
}

/// How to open a database.
#[napi(object)]
pub struct Options {
    /// `sync` or `buffered`.
    pub durability: Option<String>,
    /// Where a clock that is moved by hand begins, in milliseconds since 1970.
    pub clock_millis: Option<f64>,
}

/// An open database.
#[napi]
pub struct Database {
    embedded: Embedded,
}

/// The answer to a request.
#[napi(object)]
pub struct Answer {
    /// HTTP's status.
    pub status: u32,
    /// JSON.
    pub body: Buffer,
    /// The header x-amz-crc32.
    pub crc32: u32,
}

#[napi]
impl Database {
    /// The database in a folder, which is made if it is not there; without a folder, one in memory.
    #[napi(constructor)]
    pub fn open(folder: Option<String>, options: Option<Options>) -> Result<Self> {
        let options = options.unwrap_or(Options { durability: None, clock_millis: None });
        let settings = Settings {
            folder: folder.map(PathBuf::from),
            durability: options.durability,
            clock_millis: options.clock_millis.map(whole_millis),
        };
        Ok(Self { embedded: Embedded::open(settings).map_err(|failure| raised(&failure))? })
    }

    /// Answers a request on a thread of Node's pool; `target` is the header X-Amz-Target. The request is accepted or rejected
    /// here and now, however long it waits for a thread. The answer is null if a model of faults loses it.
    #[napi(ts_return_type = "Promise<Answer | null>")]
    pub fn handle(&self, target: String, body: Buffer) -> AsyncTask<Request> {
        AsyncTask::new(Request { accepted: Some(self.embedded.accept()), target, body: body.to_vec() })
    }

    /// A copy in memory that lives apart from this database, with a clock of its own: cheap, also of a large one.
    #[napi]
    pub fn fork(&self) -> Result<Self> {
        Ok(Self { embedded: self.embedded.fork().map_err(|failure| raised(&failure))? })
    }

    /// Moves the clock forward; only if the database was opened with one.
    #[napi]
    pub fn advance(&self, millis: f64) -> Result<()> {
        self.embedded.advance(Duration::from_millis(whole_millis(millis))).map_err(|failure| raised(&failure))
    }

    /// Deletes the items whose time to live has passed, as background work does sooner or later; says how many this call deleted.
    #[napi]
    pub fn sweep_now(&self) -> Result<u32> {
        let swept = self.embedded.sweep_now().map_err(|failure| raised(&failure))?;
        Ok(u32::try_from(swept).unwrap_or(u32::MAX))
    }

    /// Closes the database once all requests that were accepted have ended, also those that still wait for a thread. Closing
    /// again does nothing.
    #[napi]
    pub fn close(&self) -> Result<()> {
        self.embedded.close().map_err(|failure| raised(&failure))
    }
}

/// JavaScript's numbers as milliseconds: what is negative or no number is 0.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "as saturates, which is what is wanted")]
fn whole_millis(millis: f64) -> u64 {
    millis as u64
}

/// A request on its way.
pub struct Request {
    /// Let go on the pool's thread: this object ends on the main thread, which may be waiting in `close`.
    accepted: Option<std::result::Result<Accepted, Failure>>,
    target: String,
    body: Vec<u8>,
}

impl Task for Request {
    type Output = Option<Answered>;
    type JsValue = Option<Answer>;

    fn compute(&mut self) -> Result<Self::Output> {
        let accepted = self.accepted.take().unwrap_or(Err(Failure::Closed)).map_err(|failure| raised(&failure))?;
        accepted.handle(&self.target, &self.body).map_err(|failure| raised(&failure))
    }

    fn resolve(&mut self, _: Env, answer: Self::Output) -> Result<Self::JsValue> {
        Ok(answer.map(|answer| Answer { status: answer.status.into(), body: answer.body.into(), crc32: answer.crc32 }))
    }
}
