//! The protocol as a function: the name of an operation and a request body in, a status and a response body out.
//!
//! Nothing here knows of sockets or of HTTP beyond the status, so the same function serves the server, clients in
//! the same process, and tests.

use crate::{
    access::{AccessMode, Caller, control},
    arn::{Arn, Owner},
    context::Context,
    error::{Failure, Outcome},
    jobs::JobBoard,
    kms::KeyService,
    objects::ObjectStore,
    operation::{self, Operation},
    profile::Profile,
    shape,
    timing::Timing,
    validate::shortened,
};
use hashrange::{Database, RestrictedDatabase, access::ArnScope, regions::World};
use std::sync::Arc;

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
    access_mode: AccessMode,
    keys: Option<KeyService>,
    world: Option<World>,
    objects: Option<Arc<dyn ObjectStore>>,
    board: Arc<JobBoard>,
}

/// Operations besides those on items that need a table's key.
const NEED_KEY: [&str; 3] = ["UpdateTimeToLive", "CreateBackup", "UpdateContributorInsights"];

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// HTTP status: 200, 400, 500 or 503.
    pub status: u16,
    /// JSON.
    pub body: Vec<u8>,
    /// The operation, such as `PutItem`; `Unknown` if there is no such operation.
    pub operation: &'static str,
    /// DynamoDB's name of the error; empty if there is none.
    pub error: &'static str,
    /// Whether a [model of faults](hashrange::OpenOptions::faults) wants that the client gets no answer: a server closes the
    /// connection instead.
    pub is_lost: bool,
}

impl Response {
    /// The answer to a request that failed.
    pub(crate) fn refusal(operation: &'static str, failure: &Failure, owner: &Owner) -> Self {
        let (status, error) = (failure.status(), failure.name());
        if status >= 500 && !failure.is_modelled() {
            tracing::error!(operation, error, message = failure.message(), "request failed");
        }
        Self { status, body: failure.to_body(owner), operation, error, is_lost: failure.has_no_answer() }
    }

    /// The value of the header `x-amz-crc32`: clients check it against the body.
    pub fn crc32(&self) -> u32 {
        crc32fast::hash(&self.body)
    }
}

impl Protocol {
    /// The protocol over a database, with default owner and wording.
    pub fn new(database: Database) -> Self {
        let board = database.companion();
        Self {
            database,
            owner: Owner::default(),
            profile: Profile::default(),
            timing: Timing::default(),
            access_mode: AccessMode::default(),
            keys: None,
            world: None,
            objects: None,
            board,
        }
    }

    /// Whose region and account ARNs name.
    #[must_use]
    pub fn owner(mut self, owner: Owner) -> Self {
        self.owner = owner;
        self
    }

    /// Which wording rejections have.
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

    /// What a rejection by policies does.
    #[must_use]
    pub fn access_mode(mut self, mode: AccessMode) -> Self {
        self.access_mode = mode;
        self
    }

    /// The keys that tables can be encrypted with. Give them to the database too, as a
    /// [hook](hashrange::OpenOptions::hook), so that requests for items need them. Default: any key is taken.
    #[must_use]
    pub fn keys(mut self, keys: KeyService) -> Self {
        self.keys = Some(keys);
        self
    }

    /// The regions that the database is one of: tables can have replicas in the others then. The owner says which region this is.
    /// Default: there is one region.
    #[must_use]
    pub fn world(mut self, world: World) -> Self {
        self.world = Some(world);
        self
    }

    /// Where exports go and imports come from. Default: nowhere; they are rejected.
    #[must_use]
    pub fn objects(mut self, objects: Arc<dyn ObjectStore>) -> Self {
        self.objects = Some(objects);
        self
    }

    /// Goes on with backups, restores, exports and imports that an earlier process promised and did not finish. The first
    /// request does so too.
    pub fn resume(&self) {
        self.context(&self.database, None).jobs().begin();
    }

    /// Ends the threads that work on backups, restores, exports and imports; [`resume`](Self::resume) goes on with them, in
    /// this process or in another.
    pub fn pause(&self) {
        self.board.stop();
    }

    /// The same protocol for requests that are noted under a tag; see [`Database::tagged`].
    #[must_use]
    pub fn tagged(&self, tag: &str) -> Self {
        Self { database: self.database.tagged(tag), ..self.clone() }
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
    /// tables and streams have. What is rejected has done nothing. With another [`AccessMode`] less is rejected.
    pub fn handle_as(&self, caller: &Caller, target: &str, body: &[u8]) -> Response {
        let Some(operation) = operation::find(target) else { return self.unknown(target) };
        if self.access_mode == AccessMode::Off {
            return self.answer(operation, &self.database, None, body);
        }
        let scope = self.scope();
        let restricted = self.restricted(caller, operation.name, body);
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

    /// Decides whether a principal may see what all tables consume. Policies are asked the same as for CloudWatch's operations. Errors:
    /// they do not allow it.
    pub(crate) fn authorize_figures(&self, caller: &Caller) -> Result<(), Failure> {
        const NAME: &str = "GetMetricData";
        match self.access_mode {
            AccessMode::Off => Ok(()),
            _ => control::authorize(&self.restricted(caller, NAME, b"{}"), &self.scope(), NAME, b"{}"),
        }
    }

    fn scope(&self) -> ArnScope {
        let Owner { region, account } = self.owner.clone();
        ArnScope { region, account, ..ArnScope::default() }
    }

    /// The database as a principal has it.
    fn restricted(&self, caller: &Caller, operation: &'static str, body: &[u8]) -> RestrictedDatabase {
        let mut environment = caller.environment.clone();
        environment.return_consumed_capacity = string_member(body, "ReturnConsumedCapacity");
        environment.requested_region.get_or_insert_with(|| self.owner.region.clone());
        let restricted = self.database.as_principal(caller.principal.clone());
        let restricted = restricted.arns(self.scope()).environment(environment).abac(caller.options.abac);
        let restricted = restricted.names_policies(caller.options.names_policies);
        match self.access_mode {
            AccessMode::Soft => restricted.report_only(move |refused| {
                tracing::warn!(target: "hashrange_wire::access", operation, "{}", refused.message());
            }),
            _ => restricted,
        }
    }

    fn answer(
        &self,
        operation: &Operation,
        database: &Database,
        restricted: Option<&RestrictedDatabase>,
        body: &[u8],
    ) -> Response {
        if !self.board.has_begun() {
            self.resume();
        }
        let context = self.context(database, restricted);
        let outcome: Outcome =
            self.check_key(database, operation, body).and_then(|()| match operation.meets_faults_itself() {
                true => operation.answer(&context, body),
                false => run_faulted(operation, &context, body),
            });
        match outcome {
            Ok(body) => Response { status: 200, body, operation: operation.name, error: "", is_lost: false },
            Err(failure) => {
                if !failure.0.is_of_engine && failure.status() < 500 {
                    database.note_user_error(operation.name);
                }
                Response::refusal(operation.name, &failure, &self.owner)
            }
        }
    }

    /// Errors: the operation needs the key of a table, and it cannot be used.
    fn check_key(&self, database: &Database, operation: &Operation, body: &[u8]) -> Outcome<()> {
        let Some(keys) = self.keys.as_ref().filter(|_| NEED_KEY.contains(&operation.name)) else { return Ok(()) };
        let Some(name) = string_member(body, "TableName") else { return Ok(()) };
        let name = Arn::parse(&name).map_or(name.as_str(), |arn| arn.table);
        // A table that is not there is told so by the operation.
        let Ok(table) = database.describe_table(name) else { return Ok(()) };
        keys.check(&table.definition).map_err(Failure::validation)
    }

    fn context<'p>(&'p self, database: &'p Database, restricted: Option<&'p RestrictedDatabase>) -> Context<'p> {
        let (owner, profile, timing) = (&self.owner, self.profile, self.timing);
        let (root, objects, board) = (&self.database, self.objects.as_ref(), &self.board);
        let (keys, world) = (self.keys.as_ref(), self.world.as_ref());
        Context { database, root, objects, board, restricted, owner, profile, timing, keys, world }
    }

    fn unknown(&self, target: &str) -> Response {
        Response::refusal("Unknown", &Failure::unknown_operation(shortened(target)), &self.owner)
    }
}

/// Carries out an operation that is no request for items, with the fault that it meets.
fn run_faulted(operation: &Operation, context: &Context<'_>, body: &[u8]) -> Outcome {
    if !context.database.meets_faults() {
        return operation.answer(context, body);
    }
    let table = string_member(body, "TableName");
    let name = table.as_deref().map(|table| Arn::parse(table).map_or(table, |arn| arn.table));
    let fault = context.database.operation_fault(operation.name, name);
    if let Some(error) = fault.failure {
        return Err(error.into());
    }
    let outcome = operation.answer(context, body)?;
    fault.lost.map_or(Ok(outcome), |error| Err(error.into()))
}

/// A member of a request that is a text. The engine does not know them all.
fn string_member(body: &[u8], member: &str) -> Option<String> {
    let mut found = None;
    let read = shape::request(body, |reader, name| {
        match name {
            _ if name == member => found = shape::string(reader)?.map(std::borrow::Cow::into_owned),
            _ => reader.skip()?,
        }
        Ok(())
    });
    read.ok().and(found)
}
