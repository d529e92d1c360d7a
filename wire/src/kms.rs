//! The keys of a modelled key service: which there are, and since when each of them can be used.
//!
//! The service asks AWS KMS for the key of a table. Here nothing is encrypted by what a request names, and without a
//! [`KeyService`] any name is taken for a key of the account. With one, only its keys are taken, and a key that is disabled has
//! the consequences that it has in the service, by the database's clock:
//!
//! | after | what happens |
//! |---|---|
//! | 5.5 minutes | reads and writes of the table are rejected |
//! | 30 minutes | the table's status is `INACCESSIBLE_ENCRYPTION_CREDENTIALS` |
//! | 7 days more | it is `ARCHIVED`, for good |
//! | enabled again: 5 minutes | reads and writes are possible |
//! | enabled again: 30 minutes | the table is `ACTIVE` |
//!
//! Data never changes by it: without the model everything is there again.
//!
//! ```
//! use hashrange::{Clock, Database};
//! use hashrange_wire::{Protocol, kms::{KeyService, KeyState}};
//! use std::{sync::Arc, time::Duration};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let clock = Clock::manual(1_800_000_000_000);
//! let keys = KeyService::new(clock.clone());
//! keys.add("mine");
//! let db = Database::options().clock(clock.clone()).hook(Arc::new(keys.clone())).background(false).in_memory()?;
//! let protocol = Protocol::new(db).keys(keys.clone());
//! let create = br#"{"TableName": "orders", "BillingMode": "PAY_PER_REQUEST",
//!     "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
//!     "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
//!     "SSESpecification": {"Enabled": true, "SSEType": "KMS", "KMSMasterKeyId": "mine"}}"#;
//! assert_eq!(protocol.handle("DynamoDB_20120810.CreateTable", create).status, 200);
//! keys.set_state("mine", KeyState::Disabled);
//! clock.advance(Duration::from_secs(360));
//! let scan = protocol.handle("DynamoDB_20120810.Scan", br#"{"TableName": "orders"}"#);
//! assert_eq!(scan.error, "ValidationException");
//! # Ok(())
//! # }
//! ```

mod file;
mod history;

pub use file::KeyFileError;
pub(crate) use history::{Archival, Availability};

use crate::{
    arn::{Owner, identity},
    error::Failure,
};
use hashrange::{
    Clock, Error,
    request::{Call, Completion, Hook},
    schema::TableDefinition,
};
use history::History;
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

/// The alias of the key that the service keeps for an account.
pub(crate) const SERVICE_ALIAS: &str = "alias/aws/dynamodb";

/// Whether a key can be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KeyState {
    /// It can.
    #[default]
    Enabled,
    /// It was disabled.
    Disabled,
    /// It will be deleted.
    PendingDeletion,
    /// It is gone.
    Deleted,
}

/// What a key is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// Encryption with one secret: what tables need.
    #[default]
    Symmetric,
    /// A pair of keys, which no table can be encrypted with.
    Asymmetric,
    /// Message authentication codes, which no table can be encrypted with.
    Hmac,
    /// As `Symmetric`, but the caller may not use it.
    Denied,
}

#[derive(Debug, Default)]
struct Keys {
    by_id: BTreeMap<String, Key>,
    /// Ids by alias.
    aliases: BTreeMap<String, String>,
}

#[derive(Debug)]
struct Key {
    kind: KeyKind,
    history: History,
}

/// The keys of an account. Cheap to clone; all clones are the same keys. As a [`Hook`] of a database it rejects requests for items
/// of tables whose key cannot be used.
#[derive(Clone)]
pub struct KeyService {
    clock: Clock,
    keys: Arc<RwLock<Keys>>,
}

impl fmt::Debug for KeyService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.read().by_id.keys()).finish()
    }
}

impl KeyService {
    /// No keys but the one that the service keeps itself (`alias/aws/dynamodb`). `clock` is the database's.
    pub fn new(clock: Clock) -> Self {
        Self { clock, keys: Arc::default() }
    }
    fn read(&self) -> RwLockReadGuard<'_, Keys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }
    fn write(&self) -> RwLockWriteGuard<'_, Keys> {
        self.keys.write().unwrap_or_else(PoisonError::into_inner)
    }
    /// Adds a key that can be used, by its id. One that is there already stays as it is.
    pub fn add(&self, id: impl Into<String>) {
        self.add_of_kind(id, KeyKind::Symmetric);
    }
    /// Adds a key of any kind, by its id. One that is there already stays as it is.
    pub fn add_of_kind(&self, id: impl Into<String>, kind: KeyKind) {
        self.write().by_id.entry(id.into()).or_insert_with(|| Key { kind, history: History::default() });
    }
    /// Lets an alias, such as `alias/orders`, stand for a key.
    pub fn add_alias(&self, alias: impl Into<String>, id: impl Into<String>) {
        self.write().aliases.insert(alias.into(), id.into());
    }
    /// Changes the state of a key, from now on by the clock. Whether there is such a key.
    pub fn set_state(&self, id: &str, state: KeyState) -> bool {
        let now_millis = self.clock.now_millis();
        let mut keys = self.write();
        let key = keys.by_id.get_mut(id);
        key.map(|key| key.history.change(state, now_millis)).is_some()
    }

    /// ARN of a key that a request names by its id, its ARN, an alias or the ARN of an alias. Errors: it cannot be used.
    pub(crate) fn resolve(&self, name: &str, owner: &Owner) -> Result<String, Failure> {
        let prefix = owner.keys_prefix();
        let local = match name.strip_prefix(&prefix) {
            Some(local) => local,
            None if name.starts_with("arn:") => return Err(not_found(&invalid_arn(name))),
            None => name,
        };
        if local == SERVICE_ALIAS {
            return Ok(owner.service_key());
        }
        let keys = self.read();
        let id = match local.strip_prefix("key/") {
            Some(id) => id,
            None if local.starts_with("alias/") => {
                let missing = || not_found(&format!("Alias {prefix}{local} is not found."));
                keys.aliases.get(local).ok_or_else(missing)?
            }
            None => local,
        };
        let arn = format!("{prefix}key/{id}");
        if arn == owner.service_key() {
            return Ok(arn);
        }
        let missing = || not_found(&format!("Key '{arn}' does not exist"));
        let key = keys.by_id.get(id).ok_or_else(missing)?;
        key.check(&arn, owner)?;
        Ok(arn)
    }

    /// What the state of its key means for a table.
    pub(crate) fn availability(&self, table: &TableDefinition) -> Availability {
        let Some(arn) = &table.settings.encryption_key else { return Availability::default() };
        let id = arn.value.rsplit('/').next().unwrap_or_default();
        let keys = self.read();
        // A key that is none of these was taken before there was a model, or is the service's own.
        keys.by_id.get(id).map_or_else(Availability::default, |key| key.history.at(self.clock.now_millis()))
    }

    /// Errors: the key of a table cannot be used, and what needs it fails by now.
    pub(crate) fn check(&self, table: &TableDefinition) -> Result<(), String> {
        match self.availability(table).lost {
            None => Ok(()),
            Some(state) => {
                let arn = table.settings.encryption_key.as_ref().map(|key| key.value.as_str()).unwrap_or_default();
                Err(unusable(state, arn))
            }
        }
    }
}

impl Hook for KeyService {
    fn before(&self, call: &Call<'_>) -> hashrange::Result<()> {
        call.tables.iter().try_for_each(|table| self.check(table).map_err(Error::validation))
    }
    fn after(&self, _: &Call<'_>, _: &Completion<'_>) {}
}

impl Key {
    /// Errors: a table cannot be given this key.
    fn check(&self, arn: &str, owner: &Owner) -> Result<(), Failure> {
        let by_kind = match self.kind {
            KeyKind::Symmetric => None,
            KeyKind::Asymmetric => Some("SIGN_VERIFY"),
            KeyKind::Hmac => Some("GENERATE_VERIFY_MAC"),
            KeyKind::Denied => {
                let text = format!(
                    "User: arn:aws:iam::{}:root is not authorized to perform: kms:CreateGrant on resource: {arn}",
                    owner.account
                );
                let denied = trailed("AWSKMSException", &text, "AccessDeniedException");
                return Err(Failure::access_denied(format!("KMS key access denied error: {denied}")));
            }
        };
        if let Some(usage) = by_kind {
            let text = format!("{arn} key usage is {usage} which is not valid for CreateGrant.");
            let name = "InvalidKeyUsageException";
            return Err(Failure::fault(format!("KMS internal error: {}", trailed(name, &text, name))));
        }
        match self.history.state() {
            KeyState::Enabled => Ok(()),
            KeyState::Deleted => Err(not_found(&format!("Key '{arn}' does not exist"))),
            state => Err(Failure::validation(unusable(state, arn))),
        }
    }
}

/// The text of the error of a key in a state.
fn unusable(state: KeyState, arn: &str) -> String {
    let (kind, name, text) = match state {
        KeyState::Disabled => ("key disabled", "DisabledException", format!("{arn} is disabled.")),
        KeyState::Deleted => ("validation", "NotFoundException", format!("Key '{arn}' does not exist")),
        KeyState::Enabled | KeyState::PendingDeletion => {
            ("validation", "KMSInvalidStateException", format!("{arn} is pending deletion."))
        }
    };
    format!("KMS {kind} error: {}", trailed(name, &text, name))
}

/// The text of the key service's own error, with what follows it.
fn trailed(class: &str, text: &str, code: &str) -> String {
    let request = identity(&[text.as_bytes()]);
    format!(
        "com.amazonaws.services.kms.model.{class}: {text} (Service: AWSKMS; Status Code: 400; Error Code: {code}; Request \
         ID: {request}; Proxy: null)"
    )
}

/// The error of a name that stands for no key.
pub(crate) fn not_found(what: &str) -> Failure {
    let name = "NotFoundException";
    Failure::validation(format!("KMS validation error: {}", trailed(name, what, name)))
}

/// What is wrong with an ARN of another account or region.
pub(crate) fn invalid_arn(arn: &str) -> String {
    format!("Invalid arn {}", arn.split(':').nth(3).unwrap_or_default())
}

impl Owner {
    /// What the ARNs of keys begin with.
    pub(crate) fn keys_prefix(&self) -> String {
        format!("arn:aws:kms:{}:{}:", self.region, self.account)
    }
    /// ARN of the key that the service keeps for the account.
    pub(crate) fn service_key(&self) -> String {
        format!("{}key/{}", self.keys_prefix(), identity(&[SERVICE_ALIAS.as_bytes()]))
    }
}
