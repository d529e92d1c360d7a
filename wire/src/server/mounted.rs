//! A request for a mounted page: guarded as a page, read and answered within the server's bounds.

use super::{
    answer::{self, Answer},
    body::{AnswerBody, Live},
    cost::SMALL_BODY_BYTES,
    mount::{Mount, MountedBody},
    service::{Missing, Service},
};
use crate::http::{MAX_BODY_BYTES, stream::Transport};
use hyper::{
    Request, StatusCode,
    body::{Body, Incoming},
};
use std::{rc::Rc, sync::Arc};

/// What a byte of a body may become while a handler works on it.
const WORK_BYTES_PER_BYTE: usize = 6;

impl Service {
    /// Answers a request for a mounted page.
    pub(super) async fn mounted(&self, request: Request<Incoming>, mount: &Mount) -> Answer {
        let scheme = if self.transport == Transport::Plain { "http" } else { "https" };
        let peer = self.connection.peer().ip().to_canonical();
        let checked = self.context.guard.check_page(request.headers(), scheme);
        let checked =
            if peer.is_loopback() { checked } else { Err("the page is for browsers on the server's machine") };
        let (head, mut body) = request.into_parts();
        if let Err(reason) = checked {
            return self.refuse_body(body, answer::text(StatusCode::FORBIDDEN, reason));
        }
        if body.size_hint().lower() > MAX_BODY_BYTES as u64 {
            return self.refuse_body(body, answer::closing(StatusCode::PAYLOAD_TOO_LARGE));
        }
        let (bytes, arriving) = match self.receive(&mut body).await {
            Ok(received) => received,
            Err(Missing::TooLarge) => return self.refuse_body(body, answer::closing(StatusCode::PAYLOAD_TOO_LARGE)),
            Err(Missing::NoMemory) => return self.refuse_body(body, answer::closing(StatusCode::SERVICE_UNAVAILABLE)),
            Err(Missing::Late) => return answer::closing(StatusCode::REQUEST_TIMEOUT),
            Err(Missing::Broken) => return answer::closing(StatusCode::BAD_REQUEST),
        };
        let work_bytes = if bytes.len() > SMALL_BODY_BYTES { bytes.len() * WORK_BYTES_PER_BYTE } else { 0 };
        let Some(mut borrowed) = self.borrow_for_work(work_bytes) else {
            return answer::closing(StatusCode::SERVICE_UNAVAILABLE);
        };
        let (head, body) = mount.handler().answer(Request::from_parts(head, bytes)).into_parts();
        drop(arriving);
        let body = match body {
            MountedBody::Whole(bytes) => {
                borrowed.resize(if bytes.len() > SMALL_BODY_BYTES { bytes.len() } else { 0 });
                answer::lent_body(bytes, borrowed)
            }
            MountedBody::Live(source) => {
                let (connection, interest) = (Arc::clone(&self.connection), Rc::clone(&self.interest));
                AnswerBody::Live(Live { source, connection, interest, ask_at: None })
            }
        };
        self.connection.arrived();
        Answer::from_parts(head, body)
    }
}
