//! The two ends of a copy.

use super::refused;
use crate::{args::DatabaseArgs, failure::Failure, session};
use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_sdk_dynamodb::config::Credentials;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use std::{convert::Infallible, fmt, path::PathBuf, str::FromStr, time::Duration};

/// Tries of one request before it counts as failed: a table that is throttled for a minute is nothing special.
const ATTEMPTS: u32 = 10;
/// First pause between tries, doubled up to the longest; the SDK takes a random part of each.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// Region of requests where the environment names none; a local endpoint takes any.
const DEFAULT_REGION: &str = "us-east-1";

/// Where tables are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CopyTarget {
    /// The folder of a database.
    Folder(PathBuf),
    /// The address of an endpoint.
    Endpoint(String),
    /// Amazon DynamoDB in the region of the environment.
    Aws,
}

impl FromStr for CopyTarget {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(if text == "aws" {
            Self::Aws
        } else if text.starts_with("http://") || text.starts_with("https://") {
            Self::Endpoint(text.trim_end_matches('/').to_owned())
        } else {
            Self::Folder(PathBuf::from(text))
        })
    }
}

impl fmt::Display for CopyTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => folder.display().fmt(f),
            Self::Endpoint(address) => f.write_str(address),
            Self::Aws => f.write_str("aws"),
        }
    }
}

/// An end of a copy: clients of the official SDK. A folder's database is open as long as they are there.
#[derive(Clone)]
pub(crate) struct End {
    /// Tables and items.
    pub(super) items: aws_sdk_dynamodb::Client,
    /// Changes.
    pub(super) streams: aws_sdk_dynamodbstreams::Client,
}

impl End {
    /// The end that is read; a folder has to hold a database.
    pub(crate) async fn source(place: &CopyTarget, args: &DatabaseArgs) -> Result<Self, Failure> {
        match place {
            CopyTarget::Folder(folder) => {
                let args = DatabaseArgs { data_dir: Some(folder.clone()), ..args.clone() };
                Ok(Self::of_database(&session::open_to_read(&args)?))
            }
            _ => Ok(Self::of_service(place).await),
        }
    }

    /// The end that is written; a folder may be empty.
    pub(crate) async fn target(place: &CopyTarget, args: &DatabaseArgs) -> Result<Self, Failure> {
        match place {
            CopyTarget::Folder(folder) => Ok(Self::of_database(&session::open_or_create(args, folder)?)),
            _ => Ok(Self::of_service(place).await),
        }
    }

    fn of_database(database: &hashrange::Database) -> Self {
        Self { items: hashrange_wire::aws_client(database), streams: hashrange_wire::aws_streams_client(database) }
    }

    async fn of_service(place: &CopyTarget) -> Self {
        let config = configuration(place).await;
        Self { items: aws_sdk_dynamodb::Client::new(&config), streams: aws_sdk_dynamodbstreams::Client::new(&config) }
    }

    /// The names of all tables.
    pub(crate) async fn tables(&self) -> Result<Vec<String>, Failure> {
        let mut names = Vec::new();
        let mut pages = self.items.list_tables().into_paginator().send();
        while let Some(page) = pages.next().await {
            names.extend(page.map_err(|error| refused("cannot list tables", error))?.table_names.unwrap_or_default());
        }
        Ok(names)
    }
}

async fn configuration(place: &CopyTarget) -> SdkConfig {
    let tls = Provider::Rustls(CryptoMode::Ring);
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().tls_provider(tls).build_https())
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(ATTEMPTS)
                .with_initial_backoff(FIRST_PAUSE)
                .with_max_backoff(LONGEST_PAUSE),
        );
    if let CopyTarget::Endpoint(address) = place {
        loader = loader.endpoint_url(address);
        // A local endpoint takes any region and credentials; looking for good ones would ask the network.
        if address.starts_with("http://") {
            let region = ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter().find_map(|name| std::env::var(name).ok());
            loader = loader.region(Region::new(region.unwrap_or_else(|| DEFAULT_REGION.to_owned())));
            if std::env::var_os("AWS_ACCESS_KEY_ID").is_none() {
                loader = loader.credentials_provider(Credentials::new("local", "local", None, None, "local"));
            }
        }
    }
    loader.load().await
}
