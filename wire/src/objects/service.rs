//! The services whose buckets are reached: how one is named, and its client with what the environment says.

use super::status::Noted;
use object_store::{
    Error, ObjectStore as Client, ObjectStoreScheme, RetryConfig, aws::AmazonS3Builder, azure::MicrosoftAzureBuilder,
    gcp::GoogleCloudStorageBuilder,
};
use std::{io, sync::Arc, time::Duration};
use url::Url;

/// How long a request is tried again before it fails. The caller tries again: an archive goes on, a job is reported.
const RETRIES: Duration = Duration::from_secs(30);

/// A service that stores objects in buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ObjectService {
    /// Amazon S3, and whatever speaks its protocol at `AWS_ENDPOINT`. The environment has `AWS_ACCESS_KEY_ID`,
    /// `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION`, or what containers and machines of AWS get.
    S3,
    /// Google Cloud Storage. The environment has `GOOGLE_SERVICE_ACCOUNT` or `GOOGLE_APPLICATION_CREDENTIALS`, names of files.
    Gcs,
    /// Azure Blob Storage; a bucket is a container. The environment has `AZURE_STORAGE_ACCOUNT_NAME` and
    /// `AZURE_STORAGE_ACCOUNT_KEY`, or another credential.
    Azure,
}

impl ObjectService {
    /// The scheme of its addresses: `s3`, `gs` or `az`.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gcs => "gs",
            Self::Azure => "az",
        }
    }

    /// The client of one bucket. Errors: what the environment says is incomplete.
    pub(super) fn client(self, bucket: &str) -> io::Result<Arc<dyn Client>> {
        self.client_at(&format!("{}://{bucket}", self.scheme()))
    }

    fn client_at(self, url: &str) -> io::Result<Arc<dyn Client>> {
        use_ring();
        let retry = RetryConfig { retry_timeout: RETRIES, ..RetryConfig::default() };
        let made: object_store::Result<Arc<dyn Client>> = match self {
            Self::S3 => {
                let client = AmazonS3Builder::from_env().with_url(url).with_retry(retry);
                client.with_http_connector(Noted::default()).build().map(|client| Arc::new(client) as _)
            }
            Self::Gcs => {
                let client = GoogleCloudStorageBuilder::from_env().with_url(url).with_retry(retry);
                client.with_http_connector(Noted::default()).build().map(|client| Arc::new(client) as _)
            }
            Self::Azure => {
                let client = MicrosoftAzureBuilder::from_env().with_url(url).with_retry(retry);
                client.with_http_connector(Noted::default()).build().map(|client| Arc::new(client) as _)
            }
        };
        made.map_err(|error| invalid(format!("{url}: {error}; {}", self.advice())))
    }

    /// What to do where a service rejects.
    pub(super) fn advice(self) -> &'static str {
        match self {
            Self::S3 => "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT say who asks and where",
            Self::Gcs => "GOOGLE_SERVICE_ACCOUNT or GOOGLE_APPLICATION_CREDENTIALS says who asks",
            Self::Azure => "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY say who asks and where",
        }
    }
}

/// What an address names.
pub(super) struct Address {
    pub(super) service: ObjectService,
    pub(super) client: Arc<dyn Client>,
    /// The address of the bucket.
    pub(super) bucket: String,
    /// What keys begin with.
    pub(super) prefix: String,
}

impl Address {
    /// Reads an address. Errors: it is none, names another kind of store, or has a secret in it.
    pub(super) fn parse(text: &str) -> io::Result<Self> {
        let url = Url::parse(text).map_err(|error| invalid(format!("{text} is no URL: {error}")))?;
        if url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            return Err(invalid(
                "credentials and settings of a bucket are taken from the environment, not from its URL",
            ));
        }
        let unknown = || invalid(format!("{text}: buckets have URLs that begin with s3://, gs:// or az://"));
        let (scheme, prefix) = ObjectStoreScheme::parse(&url).map_err(|_| unknown())?;
        let service = match scheme {
            ObjectStoreScheme::AmazonS3 => ObjectService::S3,
            ObjectStoreScheme::GoogleCloudStorage => ObjectService::Gcs,
            ObjectStoreScheme::MicrosoftAzure => ObjectService::Azure,
            _ => return Err(unknown()),
        };
        let prefix = prefix.to_string();
        let bucket = text.trim_end_matches('/');
        let bucket = bucket.strip_suffix(prefix.as_str()).unwrap_or(bucket).trim_end_matches('/').to_owned();
        Ok(Self { service, client: service.client_at(url.as_str())?, bucket, prefix })
    }
}

/// TLS by ring, unless the program has chosen already: without a choice the HTTP client would panic.
fn use_ring() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Another thread may have chosen meanwhile, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

/// How errors of a client become those of the engine.
#[derive(Clone, Copy)]
pub(super) struct Problems(pub(super) Option<ObjectService>);

impl Problems {
    /// The error, with what to do.
    pub(super) fn of(self, error: Error) -> io::Error {
        let kind = match &error {
            Error::NotFound { .. } => io::ErrorKind::NotFound,
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => io::ErrorKind::PermissionDenied,
            Error::InvalidPath { .. } => io::ErrorKind::InvalidInput,
            Error::NotSupported { .. } | Error::NotImplemented { .. } => io::ErrorKind::Unsupported,
            _ => io::ErrorKind::Other,
        };
        match self.0.filter(|_| matches!(kind, io::ErrorKind::PermissionDenied | io::ErrorKind::Other)) {
            Some(service) => io::Error::new(kind, format!("{error}; {}", service.advice())),
            None => io::Error::new(kind, error),
        }
    }
}

pub(super) fn invalid(text: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text.into())
}
