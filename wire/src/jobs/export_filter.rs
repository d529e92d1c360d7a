//! `FilterSpecification`: which items of a table are exported, and what of them.

use crate::{
    error::Failure,
    expressions::{Expressions, Parsed},
    json::Reader,
    profile::{MessageDialect, Profile},
    value::Decoder,
};
use hashrange::{
    Database, ItemRef,
    expression::KeyCondition,
    request::{PageOptions, Query, Scan},
};

const KNOWN: &[&str] = &["ProjectionExpression", "FilterExpression", "KeyConditionExpression"];
/// The rules are those of Query.
const DIALECT: MessageDialect = MessageDialect::Read;

/// Expressions that were parsed.
#[derive(Default)]
pub(crate) struct ExportFilter(Parsed);

impl ExportFilter {
    /// From the JSON of the member.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let decoder = Decoder { profile: Profile::Latest, dialect: DIALECT };
        let mut expressions = Expressions::of(KNOWN);
        let mut reader = Reader::new(text);
        reader.object(|reader, name| {
            if !expressions.member(reader, &name, decoder)? {
                reader.skip()?;
            }
            Ok::<_, Failure>(())
        })?;
        expressions.check_mixing(&[], Profile::Latest, DIALECT)?;
        if KNOWN.iter().all(|name| expressions.text(name).is_none()) {
            return Err(Failure::validation("Invalid FilterSpecification: The specification can not be empty"));
        }
        expressions.parse(Profile::Latest, DIALECT).map(Self)
    }

    /// Errors: the filter does not fit the table.
    pub(crate) fn check(&self, database: &Database, table: &str) -> Result<(), Failure> {
        let plan = match self.key_condition() {
            Some(condition) => {
                let mut query = Query::new(table, condition);
                self.apply(&mut query.options);
                query.options.limit = Some(1);
                database.explain(&query)
            }
            None => {
                let mut scan = Scan::new(table);
                self.apply(&mut scan.options);
                scan.options.limit = Some(1);
                database.explain(&scan)
            }
        };
        plan?.refusal.map_or(Ok(()), |error| Err(error.into()))
    }

    /// The keys that are asked for, if not all are.
    pub(crate) fn key_condition(&self) -> Option<KeyCondition> {
        self.0.key_condition.clone()
    }

    /// Whether an item passes the filter.
    pub(super) fn selects(&self, item: &ItemRef) -> bool {
        self.0.filter.as_ref().is_none_or(|filter| filter.matches(Some(item)))
    }

    /// What is exported of an item.
    pub(super) fn shown(&self, item: ItemRef) -> ItemRef {
        match &self.0.projection {
            Some(projection) => ItemRef::from(&projection.apply(&item)),
            None => item,
        }
    }

    /// Filter and projection of a read.
    pub(super) fn apply(&self, options: &mut PageOptions<'_>) {
        options.filter.clone_from(&self.0.filter);
        options.projection.clone_from(&self.0.projection);
    }
}
