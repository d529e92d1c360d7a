//! The keys that requests may be signed with at one moment: those of the root, and those of principals.

use crate::{
    access::{FileOptions, Principals},
    http::signature::Credentials,
};
use hashrange::access::Principal;
use std::sync::Arc;

/// The keys of a server, as they are when a request arrives.
pub(super) struct Keys<'o> {
    pub(super) root: Option<&'o Credentials>,
    pub(super) principals: Option<Arc<Principals>>,
}

impl Keys<'_> {
    /// The key of the root.
    pub(super) fn root(&self) -> Option<&Credentials> {
        self.root
    }

    /// What the policy file says for all principals.
    pub(super) fn options(&self) -> FileOptions {
        self.principals.as_ref().map(|principals| principals.options).unwrap_or_default()
    }

    /// The key of an id.
    pub(super) fn find(&self, id: &str) -> Option<&Credentials> {
        let root = self.root.filter(|root| root.access_key_id == id);
        let of_principals = || Some(&self.principals.as_ref()?.find(id)?.credentials);
        root.or_else(of_principals)
    }

    /// The principal of a key, if policies decide; `account` owns the tables.
    pub(super) fn principal(&self, id: &str, account: &str) -> Option<Arc<Principal>> {
        let principals = self.principals.as_ref()?;
        match self.root {
            Some(root) if root.access_key_id == id => Some(Arc::new(Principal::root().account(account))),
            _ => principals.find(id).map(|entry| entry.principal.clone()),
        }
    }
}
