//! The body of an answer as hyper sends it: whole, or in parts as they arise.

use super::mount::LiveBody;
use crate::http::{connections::Connection, driver::Interest, pace::now};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use std::{
    fmt,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

/// How often a live body is asked for more.
const LIVE_INTERVAL: Duration = Duration::from_millis(100);

/// The body of an answer.
pub(super) enum AnswerBody {
    /// All of it.
    Whole(Full<Bytes>),
    /// Parts as they arise.
    Live(Live),
}

/// A body ended before its end.
#[derive(Debug)]
pub(super) struct CutOff;

impl fmt::Display for CutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body of an answer ended before its end")
    }
}

impl std::error::Error for CutOff {}

/// A body that is asked for more while its client takes what it gets.
pub(super) struct Live {
    pub(super) source: Box<dyn LiveBody>,
    pub(super) connection: Arc<Connection>,
    pub(super) interest: Rc<Interest>,
    /// When the source is asked again, after it had nothing.
    pub(super) ask_at: Option<Instant>,
}

impl Default for AnswerBody {
    fn default() -> Self {
        Self::Whole(Full::default())
    }
}

impl From<Full<Bytes>> for AnswerBody {
    fn from(whole: Full<Bytes>) -> Self {
        Self::Whole(whole)
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        match self.get_mut() {
            Self::Whole(whole) => Pin::new(whole).poll_frame(context).map_err(|error| match error {}),
            Self::Live(live) => live.poll().map(|part| part.map(|part| part.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(whole) => whole.is_end_stream(),
            Self::Live(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(whole) => whole.size_hint(),
            Self::Live(_) => SizeHint::default(),
        }
    }
}

impl Live {
    fn poll(&mut self) -> Poll<Option<Result<Bytes, CutOff>>> {
        if self.connection.is_stopping() {
            return Poll::Ready(self.source.has_end().then_some(Err(CutOff)));
        }
        // Whatever else makes the connection look, the source is asked no more often.
        if let Some(at) = self.ask_at.filter(|at| *at > now()) {
            self.interest.look_again.set(Some(at));
            return Poll::Pending;
        }
        match self.source.next() {
            Some(part) if part.is_empty() => {
                self.ask_at = now().checked_add(LIVE_INTERVAL);
                self.interest.look_again.set(self.ask_at);
                Poll::Pending
            }
            Some(part) => {
                // A client that takes its parts is not idle.
                self.connection.arrived();
                Poll::Ready(Some(Ok(part)))
            }
            None => Poll::Ready(self.source.is_cut_off().then_some(Err(CutOff))),
        }
    }
}
