//! Pages of another crate on the same socket, under a prefix of the path.
//!
//! A [`Handler`] answers plain HTTP requests. It is called behind the guards, the deadlines and the memory budget of the
//! server, on the thread of the connection, so it may block. It is meant for pages that a browser opens on the machine that
//! runs the server: besides what the server checks of every request, the client has to be on this machine, the `Host` header has to
//! name it (or a name that was allowed by itself, not by `*`), and an `Origin` has to be that of the page itself.

use bytes::Bytes;
use hyper::{Request, Response};
use std::{fmt, sync::Arc};

/// What answers the requests under a prefix.
pub trait Handler: Send + Sync {
    /// Answers one request, whose body has at most 16 MiB. The path is the whole one, prefix included.
    fn answer(&self, request: Request<Vec<u8>>) -> Response<MountedBody>;
}

/// The body of a mounted answer.
pub enum MountedBody {
    /// All of it.
    Whole(Bytes),
    /// Parts that come as they arise.
    Live(Box<dyn LiveBody>),
}

/// A body whose parts come as they arise, such as server-sent events.
///
/// It is asked about ten times a second, and only while the client takes what was sent: a client that is slow costs nothing
/// but the connection, which the server ends by its own deadlines. It must not block, and must hold a bounded amount.
pub trait LiveBody: Send {
    /// The next part; empty if there is none at the moment, `None` at the end.
    fn next(&mut self) -> Option<Bytes>;
    /// Whether it ended before its end: the client is told so, by a connection that breaks. Asked once there is no next part.
    /// Default false.
    fn is_cut_off(&self) -> bool {
        false
    }
    /// Whether it has an end, as a file has: a server that stops before that end breaks the connection. What would go on for ever, as events
    /// do, ends in order. Default false.
    fn has_end(&self) -> bool {
        false
    }
}

/// A handler, and the prefix of the paths that it answers.
#[derive(Clone)]
pub struct Mount {
    prefix: String,
    handler: Arc<dyn Handler>,
}

impl Mount {
    /// Answers requests for `prefix` and for every path below it, such as `/console` and `/console/tables`. The prefix begins
    /// with `/` and does not end with one.
    pub fn new(prefix: impl Into<String>, handler: Arc<dyn Handler>) -> Self {
        Self { prefix: prefix.into(), handler }
    }

    /// Whether a path is this mount's.
    pub(super) fn has(&self, path: &str) -> bool {
        path.strip_prefix(&self.prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// What answers.
    pub(super) fn handler(&self) -> &dyn Handler {
        &*self.handler
    }
}

impl fmt::Debug for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mount").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}
