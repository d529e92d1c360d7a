//! Digests of all tables at a base: by them a restore proves that it is what was archived.

use crate::{
    engine::{Engine, Moment},
    error::Result,
};
use std::{collections::BTreeMap, sync::Arc};

/// Digest and number of items of each table, by name.
pub(super) type Digests = BTreeMap<String, (String, u64)>;

/// Those of a database as it was after a commit of its history.
pub(super) fn digests_of(engine: &Engine, commit: u64) -> Result<Digests> {
    digests(&engine.at_moment(Moment::Commit(commit))?.engine)
}

/// Those of a database as it is.
pub(super) fn digests(engine: &Arc<Engine>) -> Result<Digests> {
    let names = engine.table_names();
    let digest = |name: String| {
        let table = engine.digest(&name)?;
        Ok((name, (table.digest.to_string(), table.items)))
    };
    names.into_iter().map(digest).collect()
}
