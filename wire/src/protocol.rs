//! The protocol as a function: the name of an operation and a request body in, a status and a response body out.
//!
//! Nothing here knows of sockets or of HTTP beyond the status, so the same function serves the server, clients in
//! the same process, and tests.

use crate::{
    access::{Caller, control},
    arn::Owner,
    context::Context,
    error::{Failure, Outcome},
    operation::{self, Operation},
    profile::Profile,
    shape,
    timing::Timing,
    validate::shortened,
};
use hashrange::{Database, RestrictedDatabase, access::ArnScope};

/// DynamoDB's JSON protocol over a database. Cheap to clone.
///
/// ```
/// use hashrange::Database;
/// use hashrange_wire::Protocol;
///
/// let protocol = Protocol::new(Database::in_memory()?);
/// let response = protocol.handle("DynamoDB_20120810.ListTables", b"{}");
/// assert_eq!((response.status, response.body.as_slice()), (200, br#"{"TableNames":[]}"#.as_slice()));
/// # Ok::<(), hashrange::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Protocol {
    database: Database,
    owner: Owner,
    profile: Profile,
    timing: Timing,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// HTTP status: 200, 400 or 500.
    pub status: u16,
    /// JSON.
    pub body: Vec<u8>,
    /// The operation, such as `PutItem`; `Unknown` if there is no such operation.
    pub operation: &'static str,
    /// DynamoDB's name of the error; empty if there is none.
    pub error: &'static str,
}

impl Response {
    /// The answer to a request that failed.
    pub(crate) fn refusal(operation: &'static str, failure: &Failure, owner: &Owner) -> Self {
        let (status, error) = (failure.status(), failure.name());
        if status >= 500 {
            tracing::error!(operation, error, message = failure.message(), "request failed");
        }
        Self { status, body: failure.to_body(owner), operation, error }
    }

    /// The value of the header `x-amz-crc32`: clients check it against the body.
    pub fn crc32(&self) -> u32 {
        crc32fast::hash(&self.body)
    }
}

impl Protocol {
    /// The protocol over a database, with default owner and wording.
    pub fn new(database: Database) -> Self {
        Self { database, owner: Owner::default(), profile: Profile::default(), timing: Timing::default() }
    }

    /// Whose region and account ARNs name.
    #[must_use]
    pub fn owner(mut self, owner: Owner) -> Self {
        self.owner = owner;
        self
    }

    /// Which wording refusals have.
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// How long changes of tables take.
    #[must_use]
    pub fn timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// The region that ARNs name.
    pub fn region(&self) -> &str {
        &self.owner.region
    }

    /// The database.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Answers a request; `target` is the value of the header `X-Amz-Target`, such as `DynamoDB_20120810.PutItem`.
    ///
    /// Blocks while the engine reads or writes. Any bytes get an answer: there is no input that panics.
    pub fn handle(&self, target: &str, body: &[u8]) -> Response {
        match operation::find(target) {
            None => self.unknown(target),
            Some(operation) => self.answer(operation, &self.database, None, body),
        }
    }

    /// Answers a request of a principal, as [`handle`](Self::handle) does, if policies allow it: its own, and those that the
    /// tables and streams have. What is refused has done nothing.
    pub fn handle_as(&self, caller: &Caller, target: &str, body: &[u8]) -> Response {
        let Some(operation) = operation::find(target) else { return self.unknown(target) };
        let Owner { region, account } = self.owner.clone();
        let scope = ArnScope { region, account, ..ArnScope::default() };
        let mut environment = caller.environment.clone();
        environment.return_consumed_capacity = reported_capacity(body);
        environment.requested_region.get_or_insert_with(|| self.owner.region.clone());
        let restricted = self.database.as_principal(caller.principal.clone());
        let restricted = restricted.arns(scope.clone()).environment(environment);
        if let Err(refused) = control::authorize(&restricted, &scope, operation.name, body) {
            return Response::refusal(operation.name, &refused, &self.owner);
        }
        let response = self.answer(operation, restricted.database(), Some(&restricted), body);
        // A request that is wrong in itself fails before the engine decides on it.
        if response.error == "ValidationException"
            && restricted.allowed() == 0
            && let Err(refused) = control::authorize_failed(&restricted, &scope, operation.name, body)
        {
            return Response::refusal(operation.name, &refused, &self.owner);
        }
        response
    }

    fn answer(
        &self,
        operation: &Operation,
        database: &Database,
        restricted: Option<&RestrictedDatabase>,
        body: &[u8],
    ) -> Response {
        let (owner, profile, timing) = (&self.owner, self.profile, self.timing);
        let context = Context { database, restricted, owner, profile, timing };
        let outcome: Outcome = (operation.run)(&context, body);
        match outcome {
            Ok(body) => Response { status: 200, body, operation: operation.name, error: "" },
            Err(failure) => Response::refusal(operation.name, &failure, &self.owner),
        }
    }

    fn unknown(&self, target: &str) -> Response {
        Response::refusal("Unknown", &Failure::unknown_operation(shortened(target)), &self.owner)
    }
}

/// The member `ReturnConsumedCapacity`, which the engine does not know.
fn reported_capacity(body: &[u8]) -> Option<String> {
    let mut report = None;
    let read = shape::request(body, |reader, name| {
        match name {
            "ReturnConsumedCapacity" => report = shape::string(reader)?.map(std::borrow::Cow::into_owned),
            _ => reader.skip()?,
        }
        Ok(())
    });
    read.ok().and(report)
}
