//! The table or index that a query or scan reads.

use super::{
    key_paths::{check_condition_paths, check_projection_paths},
    page::{PageOptions, Select},
    page_token::TokenScope,
};
use crate::{
    engine::{Engine, TableSlot, TableState, TokenRing},
    error::{Detail, Error, ErrorKind, Result},
    expression::{Condition, ProjectionExpression},
    item::Item,
    schema::{EncodedKey, IndexDefinition, IndexKind, IndexStatus, Projection as Projected},
};
use arc_swap::Guard;
use std::sync::Arc;

/// The table or index that is read, borrowed: the schema may change meanwhile.
pub(super) struct Target {
    pub state: Guard<Arc<TableState>>,
    /// Position of the index in the definition.
    pub index: Option<usize>,
}

impl Target {
    pub fn find(slot: &TableSlot, options: &PageOptions<'_>) -> Result<Self> {
        slot.check_alive()?;
        options.check()?;
        let state = slot.state();
        let Some(name) = &options.index else { return Ok(Self { state, index: None }) };
        let is_it = |index: &IndexDefinition| index.name == *name && index.kind != IndexKind::Expiry;
        let position = state.definition.indexes.iter().position(is_it);
        let Some(position) = position else {
            let text = format!("The table does not have the specified index: {name}");
            return Err(Error::validation(text).with_detail(Detail::NoIndex { index: name.clone().into_owned() }));
        };
        if state.definition.indexes[position].kind == IndexKind::Global && options.consistent_read {
            return Err(Error::validation("Consistent reads are not supported on global secondary indexes"));
        }
        Ok(Self { state, index: Some(position) })
    }
    /// Rejects a read of an index that is being filled, or of more than a global index carries.
    pub fn check_readable(&self, options: &PageOptions<'_>) -> Result<()> {
        let Some(index) = self.definition() else { return Ok(()) };
        let name = &index.name;
        if index.status == IndexStatus::Creating {
            let text = format!("Cannot read from backfilling global secondary index: {name}");
            // The code is the service's; the remedy is to wait.
            let error = Error::new(ErrorKind::InUse, "ValidationException", text);
            return Err(error.with_detail(Detail::IndexCreating { index: name.clone() }));
        }
        let wants_all = options.select == Select::AllAttributes && index.projection != Projected::All;
        if index.kind == IndexKind::Global && wants_all {
            return Err(Error::invalid_parameter(format!(
                "Select type ALL_ATTRIBUTES is not supported for global secondary index {name} because its projection \
                 type is not ALL"
            )));
        }
        self.check_projection(index, options.projection.as_ref())
    }
    pub fn definition(&self) -> Option<&IndexDefinition> {
        self.index.map(|position| &self.state.definition.indexes[position])
    }
    /// What page tokens of the target are bound to.
    pub fn token_scope(&self, engine: &Engine) -> TokenScope {
        let index = self.definition().map(|index| index.id);
        TokenScope::new(engine.options(), engine.database_id(), self.state.definition.id, index)
    }
    pub fn ring(&self) -> &Arc<TokenRing> {
        self.index.map_or(&self.state.ring, |position| &self.state.index_rings[position])
    }
    /// First byte of the collections that belong to the target.
    pub fn space(&self) -> u8 {
        self.definition().map_or(crate::schema::ITEM_SPACE, |index| self.state.definition.local_space(index))
    }
    /// The place that a `LastEvaluatedKey` names.
    pub fn place_of(&self, key: &Item) -> Result<EncodedKey> {
        let invalid = || Error::validation("The provided starting key is invalid");
        match self.definition() {
            None => self.state.definition.key_of_attributes(key).map_err(|error| {
                if matches!(error.detail(), Some(Detail::KeyMismatch { .. })) {
                    invalid()
                } else {
                    Error::validation(format!("The provided starting key is invalid: {}", error.message()))
                }
            }),
            Some(index) => self.state.definition.index_key_of_attributes(index, key).ok_or_else(invalid),
        }
    }
    /// Neither filter nor projection may lead into a key attribute.
    #[inline(always)]
    pub fn check_paths(&self, options: &PageOptions<'_>) -> Result<()> {
        check_condition_paths(&self.state.definition, options.filter.as_ref())?;
        check_projection_paths(&self.state.definition, options.projection.as_ref())
    }
    /// A filter may not test the attributes that a query selects by.
    pub fn check_filter_reads_no_key(&self, filter: Option<&Condition>) -> Result<()> {
        let Some(filter) = filter else { return Ok(()) };
        match self.definition() {
            None => filter.check_reads_no_key(self.state.definition.key.attributes().map(|key| key.name.as_str())),
            Some(index) => filter.check_reads_no_key(index.attributes().map(|key| key.name.as_str())),
        }
    }
    /// Whether entries of a local index stand for their items, because more is asked for than the index carries.
    pub fn reads_whole_items(&self, options: &PageOptions<'_>) -> bool {
        let Some(index) = self.definition().filter(|index| index.kind == IndexKind::Local) else { return false };
        let wanted = options.projection.as_ref().map(ProjectionExpression::top_level_attributes).unwrap_or_default();
        let lacks = || !self.lacking(index, wanted).is_empty();
        index.projection != Projected::All && (options.select == Select::AllAttributes || lacks())
    }
    /// Rejects a projection that names what a global index does not carry: its items are not read from the table.
    fn check_projection(&self, index: &IndexDefinition, projection: Option<&ProjectionExpression>) -> Result<()> {
        let Some(projection) = projection.filter(|_| index.kind == IndexKind::Global) else { return Ok(()) };
        let lacking = self.lacking(index, projection.top_level_attributes());
        if lacking.is_empty() {
            return Ok(());
        }
        let (name, lacking) = (&index.name, lacking.join(", "));
        Err(Error::invalid_parameter(format_args!("Global secondary index {name} does not project [{lacking}]")))
    }
    /// Rejects a query's filter on what the entries of an index do not carry, which no entry would meet.
    pub fn check_filter_is_projected(&self, options: &PageOptions<'_>) -> Result<()> {
        let (Some(index), Some(filter)) = (self.definition(), &options.filter) else { return Ok(()) };
        if self.reads_whole_items(options) {
            return Ok(());
        }
        let mut lacking = self.lacking(index, filter.top_level_attributes());
        if lacking.is_empty() {
            return Ok(());
        }
        lacking.sort_unstable();
        lacking.dedup();
        let (name, lacking) = (&index.name, lacking.join(", "));
        Err(Error::invalid_parameter(format_args!(
            "Secondary index {name} does not project one or more filter attributes: [{lacking}]"
        )))
    }
    fn lacking<'n>(&self, index: &IndexDefinition, wanted: Vec<&'n str>) -> Vec<&'n str> {
        let key = &self.state.definition.key;
        wanted.into_iter().filter(|attribute| !index.projects(key, attribute)).collect()
    }
}
