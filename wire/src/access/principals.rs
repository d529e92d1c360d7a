//! The principals of a server, by their access keys.

use crate::http::signature::Credentials;
use hashrange::access::{Environment, Principal};
use std::sync::{Arc, PoisonError, RwLock};

/// Who sends a request, and from where.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Caller {
    /// The principal.
    pub principal: Arc<Principal>,
    /// Address, user agent and the like, which conditions can test.
    pub environment: Environment,
    pub(crate) options: FileOptions,
}

/// What a policy file says for all principals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileOptions {
    /// Whether conditions see the tags of tables.
    pub(crate) abac: bool,
    /// Whether rejections name the policy that denies.
    pub(crate) names_policies: bool,
}

impl Default for FileOptions {
    fn default() -> Self {
        Self { abac: true, names_policies: false }
    }
}

impl Caller {
    /// A principal of which nothing else is known.
    pub fn new(principal: impl Into<Arc<Principal>>) -> Self {
        Self { principal: principal.into(), environment: Environment::default(), options: FileOptions::default() }
    }
    /// Whether conditions see the tags of tables: true, unless this says otherwise.
    #[must_use]
    pub fn abac(mut self, enabled: bool) -> Self {
        self.options.abac = enabled;
        self
    }
    /// Whether rejections by an explicit deny name the policy; false, unless this says otherwise.
    #[must_use]
    pub fn names_policies(mut self, enabled: bool) -> Self {
        self.options.names_policies = enabled;
        self
    }
}

/// A principal and the key that its requests are signed with.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) credentials: Credentials,
    pub(crate) principal: Arc<Principal>,
}

impl Entry {
    pub(super) fn has_key_of(&self, other: &Self) -> bool {
        self.credentials.access_key_id == other.credentials.access_key_id
    }
}

/// The principals of a server: [`parse`](Self::parse) reads them.
#[derive(Clone, Debug)]
pub struct Principals {
    account: String,
    pub(crate) options: FileOptions,
    entries: Vec<Entry>,
}

impl Principals {
    pub(super) fn new(account: String, options: FileOptions, entries: Vec<Entry>) -> Self {
        Self { account, options, entries }
    }
    /// The account that owns the tables, 12 digits.
    pub fn account(&self) -> &str {
        &self.account
    }
    /// Their number.
    pub fn len(&self) -> usize {
        self.entries.len()
    }
    /// Whether there are none, which a file cannot say.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Principal>> {
        self.entries.iter().map(|entry| &entry.principal)
    }
    /// The principal of a name.
    pub fn named(&self, name: &str) -> Option<&Arc<Principal>> {
        let ends_in_name = |entry: &&Entry| entry.principal.arn().rsplit(['/', ':']).next() == Some(name);
        self.entries.iter().find(ends_in_name).map(|entry| &entry.principal)
    }
    pub(crate) fn find(&self, access_key_id: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.credentials.access_key_id == access_key_id)
    }
}

/// The principals of a running server, which can be replaced while it runs. Requests that have begun keep those that they
/// began with.
#[derive(Clone, Debug)]
pub struct SharedPrincipals(Arc<RwLock<Arc<Principals>>>);

impl SharedPrincipals {
    /// Begins with these.
    pub fn new(principals: Principals) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(principals))))
    }
    /// Those of the present.
    pub fn current(&self) -> Arc<Principals> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
    /// Puts others in their place, from the next request on.
    pub fn replace(&self, principals: Principals) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(principals);
    }
}
