//! What a service answered to a list.
//!
//! `object_store` hides the status of a list that failed, which tells a bucket that is not there from one that is not reached. So
//! the status is noted where the answer comes in, for the task that waits for it.

use futures_util::future::BoxFuture;
use object_store::{
    ClientOptions, Error, Result,
    client::{HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector},
};
use std::cell::Cell;

tokio::task_local! {
    /// The status of the last answer; 0 if there was none.
    static STATUS: Cell<u16>;
}

/// The usual HTTP client, whose answers are noted.
#[derive(Debug, Default)]
pub(super) struct Noted(ReqwestConnector);

impl HttpConnector for Noted {
    fn connect(&self, options: &ClientOptions) -> Result<HttpClient> {
        Ok(HttpClient::new(NotedClient(self.0.connect(options)?)))
    }
}

#[derive(Debug)]
struct NotedClient(HttpClient);

impl HttpService for NotedClient {
    fn call<'a, 'b>(&'a self, request: HttpRequest) -> BoxFuture<'b, std::result::Result<HttpResponse, HttpError>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            // Credentials may be asked for on the way, of another server.
            let query = request.uri().query().unwrap_or_default();
            let is_list = query.split('&').any(|part| part == "list-type=2" || part == "comp=list");
            let answer = self.0.execute(request).await;
            if is_list {
                let status = answer.as_ref().map_or(0, |answer| answer.status().as_u16());
                // Outside of a call that is classified there is none to note it for.
                let _ = STATUS.try_with(|noted| noted.set(status));
            }
            answer
        })
    }
}

/// Carries out a call, and gives its error the kind that the status of the answer has.
pub(super) async fn classified<T>(call: impl Future<Output = Result<T>>) -> Result<T> {
    let noted = STATUS.scope(Cell::new(0), async {
        let outcome = call.await;
        (outcome, STATUS.with(Cell::get))
    });
    match noted.await {
        (Err(error @ Error::Generic { .. }), status) => {
            let (path, source) = (String::new(), Box::new(error));
            Err(match status {
                401 => Error::Unauthenticated { path, source },
                403 => Error::PermissionDenied { path, source },
                404 => Error::NotFound { path, source },
                _ => *source,
            })
        }
        (outcome, _) => outcome,
    }
}
