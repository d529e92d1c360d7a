//! The body of an answer as hyper sends it: whole, or in parts as they arise.

use super::mount::LiveBody;
use crate::http::{connections::Connection, driver::Interest, pace::now};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use std::{
    convert::Infallible,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
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

/// A body that is asked for more while its client takes what it gets.
pub(super) struct Live {
    pub(super) source: Box<dyn LiveBody>,
    pub(super) connection: Arc<Connection>,
    pub(super) interest: Rc<Interest>,
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
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        match self.get_mut() {
            Self::Whole(whole) => Pin::new(whole).poll_frame(context),
            Self::Live(live) => live.poll().map(|part| part.map(|part| Ok(Frame::data(part)))),
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
    fn poll(&mut self) -> Poll<Option<Bytes>> {
        if self.connection.is_stopping() {
            return Poll::Ready(None);
        }
        match self.source.next() {
            Some(part) if part.is_empty() => {
                self.interest.look_again.set(now().checked_add(LIVE_INTERVAL));
                Poll::Pending
            }
            Some(part) => {
                // A client that takes its parts is not idle.
                self.connection.arrived();
                Poll::Ready(Some(part))
            }
            None => Poll::Ready(None),
        }
    }
}
