//! The console as one function from a request to a response.

use crate::{
    answer::{self, Answer, Body},
    api, assets,
    context::Context,
    options::ConsoleOptions,
    pages,
    refusal::Refusal,
    request::{self, Request},
};
use hashrange::Database;

/// Where the console's addresses begin.
pub const PREFIX: &str = "/console";

/// A request that is not a `GET` needs this header, with any value: a page of another origin cannot add it.
pub const WRITE_HEADER: &str = "x-hashrange-console";

/// The console of a database.
pub struct Console {
    context: Context,
}

impl Console {
    /// A console of a database.
    pub fn new(db: Database, options: ConsoleOptions) -> Self {
        Self { context: Context::new(db, options) }
    }

    /// Answers a request whose path begins with [`PREFIX`]. It may read and write the database, so it may block.
    pub fn answer(&self, request: http::Request<Vec<u8>>) -> http::Response<Body> {
        let is_api = request.uri().path().strip_prefix(PREFIX).is_some_and(|path| path.starts_with("/api/"));
        let is_part = request.headers().contains_key("hx-request");
        let checked = check_write_header(&request).and_then(|()| if is_api { check_site(&request) } else { Ok(()) });
        let parsed = checked.and_then(|()| Request::new(request, PREFIX));
        let answered = parsed.and_then(|request| self.route(&request));
        answer::guard(answered.unwrap_or_else(|refusal| match is_api {
            true => answer::refused(&refusal),
            false => pages::refused(&self.context, is_part, &refusal),
        }))
    }

    fn route(&self, request: &Request) -> Result<Answer, Refusal> {
        match request.segments().as_slice() {
            ["assets", name] => assets::file(name),
            ["api", rest @ ..] => api::respond(&self.context, request, rest),
            segments => pages::respond(&self.context, request, segments),
        }
    }
}

/// Errors: the request may change something, and a page of another origin could have sent it.
fn check_write_header(request: &http::Request<Vec<u8>>) -> Result<(), Refusal> {
    if request::is_read(request.method()) || request.headers().contains_key(WRITE_HEADER) {
        return Ok(());
    }
    Err(Refusal::forbidden(format!("a request other than GET needs the header {WRITE_HEADER}: 1")))
}

/// Errors: a page of another site asks. It may link to pages, and has no reason to link to values, whose making may cost much.
fn check_site(request: &http::Request<Vec<u8>>) -> Result<(), Refusal> {
    let site = request.headers().get("sec-fetch-site").map(http::HeaderValue::as_bytes);
    match site {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => Err(Refusal::forbidden("pages of other sites get no values")),
    }
}
