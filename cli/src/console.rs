//! The console's pages on the server's socket.

use crate::{failure::Failure, lessons, prices};
use bytes::Bytes;
use hashrange::Database;
use hashrange_console::{Body, Console, ConsoleOptions, EventSource, PREFIX, TraceTap};
use hashrange_wire::server::{BoundServer, Handler, LiveBody, Mount, MountedBody};
use std::{path::Path, sync::Arc};

/// What the pages may do with the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// They show it.
    Read,
    /// They change items and settings too.
    Write,
}

/// Adds the pages of a database to a server. Errors: a price file that cannot be read; the server takes no pages.
pub(crate) fn mount(
    bound: BoundServer,
    db: &Database,
    access: Access,
    price_file: Option<&Path>,
    lesson_folder: Option<&Path>,
    tap: TraceTap,
) -> Result<BoundServer, Failure> {
    let mut options = ConsoleOptions::default();
    options.write = access == Access::Write;
    options.prices = Some(prices::read(price_file)?);
    options.lessons = lessons::all(lesson_folder)?;
    options.tap = Some(tap);
    let pages = Pages(Console::new(db.clone(), options));
    bound.mount(Mount::new(PREFIX, Arc::new(pages))).map_err(|error| Failure::io("cannot serve the console", error))
}

/// The console as the server calls it.
struct Pages(Console);

impl Handler for Pages {
    fn answer(&self, request: http::Request<Vec<u8>>) -> http::Response<MountedBody> {
        self.0.answer(request).map(|body| match body {
            Body::Whole(bytes) => MountedBody::Whole(bytes),
            Body::Events(source) => MountedBody::Live(Box::new(Events(source))),
        })
    }
}

/// Events of the console as the server sends them.
struct Events(Box<dyn EventSource>);

impl LiveBody for Events {
    fn next(&mut self) -> Option<Bytes> {
        self.0.next()
    }
    fn is_cut_off(&self) -> bool {
        self.0.is_cut_off()
    }
    fn has_end(&self) -> bool {
        self.0.has_end()
    }
}
