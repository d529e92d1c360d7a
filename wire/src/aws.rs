//! The official Rust SDK against a database in the same process: no socket, no port, no HTTP.
//!
//! The SDK lets others carry its requests. What is handed to it here takes the operation and the body out of a request,
//! calls the [`Protocol`], and gives its answer back as the response. So a program that was written for DynamoDB runs on
//! an embedded database, and leaves it again, by changing the line that makes its client:
//!
//! ```
//! use hashrange::{Database, Item, key::S};
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let db = Database::in_memory()?;
//! db.create_table("stock").hash::<S>("sku").create()?.put(&Item::new().with("sku", "bolt").with("left", 7))?;
//!
//! let client = hashrange_wire::aws_client(&db);
//! let answer = client.scan().table_name("stock").send().await?;
//! assert_eq!(answer.count(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Inside a tokio runtime the engine is called on its threads for blocking work, elsewhere in place.

use crate::{access::Caller, protocol::Protocol};
use aws_smithy_runtime_api::{
    client::{
        http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::{body::SdkBody, timeout::TimeoutConfig};
use hashrange::{Database, access::Principal};
use std::sync::Arc;
use tokio::runtime::Handle;

/// A client of the official SDK whose requests go to `database`. The database stays open as long as the client is there.
///
/// Requests are not signed and have no time limit; everything else about it is the SDK's, retries of throttled requests
/// included. Region and account are those of [`Owner`](crate::Owner)'s default; use [`InProcess`] for others.
pub fn aws_client(database: &Database) -> aws_sdk_dynamodb::Client {
    client(InProcess::new(Protocol::new(database.clone())))
}

/// As [`aws_client`], with the requests of a principal, on which its policies decide.
pub fn aws_client_as(database: &Database, principal: impl Into<Arc<Principal>>) -> aws_sdk_dynamodb::Client {
    client(InProcess::new(Protocol::new(database.clone())).caller(Caller::new(principal)))
}

fn client(in_process: InProcess) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
        .region(aws_sdk_dynamodb::config::Region::new(in_process.protocol.region().to_owned()))
        .http_client(in_process)
        .allow_no_auth()
        .timeout_config(TimeoutConfig::disabled())
        .identity_cache(aws_sdk_dynamodb::config::IdentityCache::no_cache())
        .stalled_stream_protection(aws_sdk_dynamodb::config::StalledStreamProtectionConfig::disabled());
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

/// As [`aws_client`], for change streams.
pub fn aws_streams_client(database: &Database) -> aws_sdk_dynamodbstreams::Client {
    let protocol = Protocol::new(database.clone());
    let config = aws_sdk_dynamodbstreams::Config::builder()
        .behavior_version(aws_sdk_dynamodbstreams::config::BehaviorVersion::latest())
        .region(aws_sdk_dynamodbstreams::config::Region::new(protocol.region().to_owned()))
        .http_client(InProcess::new(protocol))
        .allow_no_auth()
        .timeout_config(TimeoutConfig::disabled())
        .identity_cache(aws_sdk_dynamodbstreams::config::IdentityCache::no_cache())
        .stalled_stream_protection(aws_sdk_dynamodbstreams::config::StalledStreamProtectionConfig::disabled());
    aws_sdk_dynamodbstreams::Client::from_conf(config.build())
}

/// What carries the SDK's requests to a database: the `http_client` of a configuration of one's own.
#[derive(Clone, Debug)]
pub struct InProcess {
    protocol: Protocol,
    caller: Option<Caller>,
}

impl InProcess {
    /// Carries requests to this protocol.
    pub fn new(protocol: Protocol) -> Self {
        Self { protocol, caller: None }
    }
    /// As this caller, on whose requests policies decide.
    #[must_use]
    pub fn caller(self, caller: Caller) -> Self {
        Self { caller: Some(caller), ..self }
    }
}

impl HttpClient for InProcess {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let carrier = self.clone();
        match Handle::try_current() {
            Ok(runtime) => HttpConnectorFuture::new(async move {
                let answer = runtime.spawn_blocking(move || answer(&carrier, &request)).await;
                answer.unwrap_or_else(|error| Err(ConnectorError::other(error.into(), None)))
            }),
            Err(_) => HttpConnectorFuture::ready(answer(&carrier, &request)),
        }
    }
}

fn answer(carrier: &InProcess, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let target = request.headers().get("x-amz-target").unwrap_or_default();
    let body = request.body().bytes().ok_or_else(|| ConnectorError::user("the body is a stream".into()))?;
    let answer = match &carrier.caller {
        None => carrier.protocol.handle(target, body),
        Some(caller) => carrier.protocol.handle_as(caller, target, body),
    };
    if answer.is_lost {
        return Err(ConnectorError::io("the connection was closed before the answer".into()));
    }
    let status = StatusCode::try_from(answer.status).map_err(|error| ConnectorError::other(error.into(), None))?;
    let checksum = answer.crc32();
    let mut response = HttpResponse::new(status, SdkBody::from(answer.body));
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    response.headers_mut().insert("x-amz-crc32", checksum.to_string());
    Ok(response)
}
