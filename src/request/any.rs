//! Requests and responses of every kind, for programs that learn at run time which operation they do.

use super::{
    BatchGetItem, BatchGetOutput, BatchWriteItem, BatchWriteOutput, DeleteItem, GetItem, GetOutput, Page, PutItem,
    Query, Scan, TransactGetItems, TransactGetOutput, TransactOutput, TransactWriteItems, UpdateItem, WriteOutput,
    cached::Behind,
    executor::{Executor, Request, Response, Run},
    table_ref::TableRef,
};
use crate::{capacity::Consumed, error::Result};

macro_rules! every_request {
    ($($kind:ident => $response:ident),* $(,)?) => {
        /// A request of any kind.
        #[derive(Clone, Debug)]
        #[expect(missing_docs, reason = "each variant is the request of its name")]
        pub enum AnyRequest<'a> {
            $($kind($kind<'a>),)*
        }

        /// A request of any kind, borrowed.
        #[derive(Clone, Copy, Debug)]
        #[non_exhaustive]
        #[expect(missing_docs, reason = "each variant is the request of its name")]
        pub enum RequestRef<'a> {
            $($kind(&'a $kind<'a>),)*
        }

        impl RequestRef<'_> {
            /// DynamoDB's name of the operation, such as `GetItem`.
            pub fn operation(&self) -> &'static str {
                match self {
                    $(Self::$kind(_) => stringify!($kind),)*
                }
            }
            /// Whether it writes, so that its units are of writing.
            pub fn is_write(&self) -> bool {
                matches!(self.operation(), "PutItem" | "UpdateItem" | "DeleteItem" | "BatchWriteItem" | "TransactWriteItems")
            }
        }

        impl Request for AnyRequest<'_> {}
        impl Run for AnyRequest<'_> {
            type Response = AnyResponse;
            fn run(&self, executor: &Executor<'_>) -> Result<AnyResponse> {
                Ok(match self {
                    $(Self::$kind(request) => AnyResponse::$response(request.run(executor)?),)*
                })
            }
            fn run_cached(&self, behind: &Behind<'_>) -> Result<AnyResponse> {
                Ok(match self {
                    $(Self::$kind(request) => AnyResponse::$response(request.run_cached(behind)?),)*
                })
            }
            fn as_request(&self) -> RequestRef<'_> {
                match self {
                    $(Self::$kind(request) => RequestRef::$kind(request),)*
                }
            }
            fn tables(&self) -> Vec<&TableRef<'_>> {
                match self {
                    $(Self::$kind(request) => request.tables(),)*
                }
            }
        }

        $(impl<'a> From<$kind<'a>> for AnyRequest<'a> {
            fn from(request: $kind<'a>) -> Self {
                Self::$kind(request)
            }
        })*
    };
}
every_request! {
    GetItem => Get,
    PutItem => Write,
    UpdateItem => Write,
    DeleteItem => Write,
    Query => Page,
    Scan => Page,
    BatchGetItem => BatchGet,
    BatchWriteItem => BatchWrite,
    TransactGetItems => TransactGet,
    TransactWriteItems => TransactWrite,
}

impl ResponseRef<'_> {
    /// Items of a page; none of other responses.
    pub(super) fn returned_items(&self) -> u64 {
        match self {
            Self::Page(page) => page.count as u64,
            _ => 0,
        }
    }
}

macro_rules! every_response {
    ($($kind:ident($response:ident) $text:literal),* $(,)?) => {
        /// A response of any kind.
        #[derive(Clone, Debug)]
        pub enum AnyResponse {
            $(#[doc = $text] $kind($response),)*
        }

        /// A response of any kind, borrowed.
        #[derive(Clone, Copy, Debug)]
        #[non_exhaustive]
        pub enum ResponseRef<'a> {
            $(#[doc = $text] $kind(&'a $response),)*
        }

        impl Response for AnyResponse {
            fn as_response(&self) -> ResponseRef<'_> {
                match self {
                    $(Self::$kind(response) => ResponseRef::$kind(response),)*
                }
            }
            fn consumed_by_table(&self) -> Vec<(usize, Consumed)> {
                match self {
                    $(Self::$kind(response) => response.consumed_by_table(),)*
                }
            }
        }
    };
}
every_response! {
    Get(GetOutput) "To a [`GetItem`].",
    Write(WriteOutput) "To a [`PutItem`], [`UpdateItem`] or [`DeleteItem`].",
    Page(Page) "To a [`Query`] or [`Scan`].",
    BatchGet(BatchGetOutput) "To a [`BatchGetItem`].",
    BatchWrite(BatchWriteOutput) "To a [`BatchWriteItem`].",
    TransactGet(TransactGetOutput) "To a [`TransactGetItems`].",
    TransactWrite(TransactOutput) "To a [`TransactWriteItems`].",
}
