//! The definition of a table: read at the source, made at the target.

use super::{CopyState, End, incomplete, refused, state::Made};
use crate::{failure::Failure, output};
use aws_sdk_dynamodb::{
    client::Waiters,
    error::{BuildError, ProvideErrorMetadata},
    types::{
        BillingMode, GlobalSecondaryIndex, GlobalSecondaryIndexDescription, KeySchemaElement, LocalSecondaryIndex,
        ProvisionedThroughput, ProvisionedThroughputDescription, StreamSpecification, TableDescription, Tag,
        TimeToLiveSpecification, TimeToLiveStatus,
    },
};
use std::time::Duration;

/// How long a table may take to become usable.
const MAX_WAIT: Duration = Duration::from_secs(600);

/// What a table is, without its items.
pub(super) struct Definition {
    pub(super) name: String,
    pub(super) description: TableDescription,
    tags: Vec<Tag>,
    ttl_attribute: Option<String>,
}

impl Definition {
    /// About how many items the table has.
    pub(super) fn items(&self) -> u64 {
        self.description.item_count().and_then(|count| u64::try_from(count).ok()).unwrap_or_default()
    }

    /// The names of the attributes of the table's key.
    pub(super) fn key_names(&self) -> impl Iterator<Item = &str> {
        self.description.key_schema().iter().map(|key| key.attribute_name())
    }

    /// The stream that is enabled.
    pub(super) fn stream(&self) -> Option<&StreamSpecification> {
        self.description.stream_specification().filter(|stream| stream.stream_enabled())
    }

    fn billing(&self) -> BillingMode {
        let summary = self.description.billing_mode_summary();
        summary.and_then(|summary| summary.billing_mode()).cloned().unwrap_or(BillingMode::Provisioned)
    }
}

/// Reads what a table is.
pub(super) async fn read(end: &End, name: &str) -> Result<Definition, Failure> {
    let client = &end.items;
    let description = describe(end, name).await?.ok_or_else(|| Failure::Service {
        what: format!("cannot copy {name}"),
        why: "the source has no such table".to_owned(),
    })?;
    let arn = description.table_arn().ok_or_else(|| incomplete(format!("cannot describe {name}")))?.to_owned();
    let (mut tags, mut next) = (Vec::new(), None);
    loop {
        let page = client.list_tags_of_resource().resource_arn(&arn).set_next_token(next).send().await;
        let page = page.map_err(|error| refused(format!("cannot list the tags of {name}"), error))?;
        tags.extend(page.tags.unwrap_or_default());
        next = page.next_token;
        if next.is_none() {
            break;
        }
    }
    let ttl_attribute = ttl(end, name).await?;
    Ok(Definition { name: name.to_owned(), description, tags, ttl_attribute })
}

/// Checks that a copy that goes on meets the tables that it began with. Errors: it meets others, or the target is gone.
pub(super) async fn check_ends(from: &End, to: &End, name: &str, state: &CopyState) -> Result<(), Failure> {
    let Some(made) = state.made(name)? else { return Ok(()) };
    let wrong = |what: &str| {
        let text = "begin again with an empty target and another folder for --state";
        Err(Failure::Usage(format!("{name} {what}; {text}")))
    };
    let is_other = |noted: &Option<String>, found: &TableDescription| {
        noted.as_deref().zip(found.table_id()).is_some_and(|(noted, found)| noted != found)
    };
    match describe(to, name).await? {
        None if made.target.is_some() || state.has_begun(name)? => {
            return wrong("is at the target no more, where this copy has put items");
        }
        Some(there) if is_other(&made.target, &there) => {
            return wrong("at the target is another table than the one that this copy has made");
        }
        _ => {}
    }
    match describe(from, name).await? {
        Some(there) if is_other(&made.source, &there) => {
            wrong("at the source is another table than the one that this copy began with")
        }
        _ => Ok(()),
    }
}

/// Makes the table at the target, unless it is there already: then it has to have the same key, and to be empty if this copy has
/// not made it.
pub(super) async fn make(to: &End, definition: &Definition, state: &CopyState) -> Result<(), Failure> {
    let name = &definition.name;
    let what = || format!("cannot make {name} at the target");
    let source = &definition.description;
    let known = state.made(name)?;
    let mut made = known.clone().unwrap_or_else(|| Made {
        stream: definition.stream().and(source.latest_stream_arn.clone()),
        source: source.table_id.clone(),
        target: None,
    });
    if let Some(there) = describe(to, name).await? {
        if !same_key(&there, source) {
            let why = "there is a table of this name with another key";
            return Err(Failure::Service { what: what(), why: why.to_owned() });
        }
        if known.is_none() && has_items(to, name).await? {
            let why = "there is a table of this name that holds items; drop it, or choose others with --table";
            return Err(Failure::Service { what: what(), why: why.to_owned() });
        }
        if known.is_none() {
            say_missing_indexes(&there, source);
        }
    } else {
        // A copy that is killed between the two finds a table that it may have made.
        state.note_made(name, &made)?;
        create(to, definition).await?;
    }
    wait(to, name).await?;
    made.source = made.source.or_else(|| source.table_id.clone());
    made.target = describe(to, name).await?.and_then(|there| there.table_id);
    state.note_made(name, &made)
}

/// Says which indexes a table that was there before lacks.
fn say_missing_indexes(there: &TableDescription, source: &TableDescription) {
    let names = |table: &TableDescription| -> Vec<String> {
        let locals = table.local_secondary_indexes().iter().filter_map(|index| index.index_name.clone());
        let globals = table.global_secondary_indexes().iter().filter_map(|index| index.index_name.clone());
        locals.chain(globals).collect()
    };
    let present = names(there);
    for index in names(source).iter().filter(|index| !present.contains(index)) {
        let table = source.table_name().unwrap_or_default();
        output::remark(format_args!("{table} at the target was there before and has no index {index}"));
    }
}

/// Asks the target for the table.
async fn create(to: &End, definition: &Definition) -> Result<(), Failure> {
    let name = &definition.name;
    let what = || format!("cannot make {name} at the target");
    let source = &definition.description;
    let billing = definition.billing();
    let provisioned = billing == BillingMode::Provisioned;
    let built = |error: BuildError| Failure::Service { what: what(), why: error.to_string() };
    let mut create = to
        .items
        .create_table()
        .table_name(name)
        .set_attribute_definitions(source.attribute_definitions.clone())
        .set_key_schema(source.key_schema.clone())
        .billing_mode(billing)
        .set_tags((!definition.tags.is_empty()).then(|| definition.tags.clone()));
    if provisioned {
        create = create.set_provisioned_throughput(throughput(source.provisioned_throughput()).map_err(built)?);
    }
    for index in source.local_secondary_indexes() {
        let index = LocalSecondaryIndex::builder()
            .set_index_name(index.index_name.clone())
            .set_key_schema(index.key_schema.clone())
            .set_projection(index.projection.clone());
        create = create.local_secondary_indexes(index.build().map_err(built)?);
    }
    for index in source.global_secondary_indexes() {
        create = create.global_secondary_indexes(global(index, provisioned).map_err(built)?);
    }
    create.send().await.map(drop).map_err(|error| refused(what(), error))
}

/// Sets what makes sense on a full table only: its stream shall not tell of the copy, and nothing shall expire or be
/// protected while it is filled.
pub(super) async fn finish(to: &End, definition: &Definition) -> Result<(), Failure> {
    let name = &definition.name;
    let what = || format!("cannot set up {name} at the target");
    let there = describe(to, name).await?.ok_or_else(|| incomplete(what()))?;
    let has_stream = there.stream_specification().is_some_and(StreamSpecification::stream_enabled);
    if let (Some(stream), false) = (definition.stream(), has_stream) {
        let update = to.items.update_table().table_name(name).stream_specification(stream.clone());
        update.send().await.map_err(|error| refused(what(), error))?;
        wait(to, name).await?;
    }
    if definition.description.deletion_protection_enabled() == Some(true)
        && there.deletion_protection_enabled() != Some(true)
    {
        let update = to.items.update_table().table_name(name).deletion_protection_enabled(true);
        update.send().await.map_err(|error| refused(what(), error))?;
        wait(to, name).await?;
    }
    if let Some(attribute) = &definition.ttl_attribute
        && ttl(to, name).await?.as_ref() != Some(attribute)
    {
        let specification = TimeToLiveSpecification::builder().attribute_name(attribute).enabled(true).build();
        let specification = specification.map_err(|error| Failure::Service { what: what(), why: error.to_string() })?;
        let update = to.items.update_time_to_live().table_name(name).time_to_live_specification(specification);
        update.send().await.map_err(|error| refused(what(), error))?;
    }
    Ok(())
}

async fn describe(end: &End, name: &str) -> Result<Option<TableDescription>, Failure> {
    match end.items.describe_table().table_name(name).send().await {
        Ok(answer) => Ok(answer.table),
        Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
        Err(error) => Err(refused(format!("cannot describe {name}"), error)),
    }
}

/// The attribute with the second at which an item expires, if expiry is on.
async fn ttl(end: &End, name: &str) -> Result<Option<String>, Failure> {
    let answer = end.items.describe_time_to_live().table_name(name).send().await;
    let answer = answer.map_err(|error| refused(format!("cannot describe the expiry of {name}"), error))?;
    let state = answer
        .time_to_live_description
        .unwrap_or_else(|| aws_sdk_dynamodb::types::TimeToLiveDescription::builder().build());
    let is_on = matches!(state.time_to_live_status(), Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling));
    Ok(state.attribute_name.filter(|_| is_on))
}

async fn wait(end: &End, name: &str) -> Result<(), Failure> {
    let waited = end.items.wait_until_table_exists().table_name(name).wait(MAX_WAIT).await;
    waited.map(drop).map_err(|error| Failure::Service {
        what: format!("{name} does not become usable at the target"),
        why: error.to_string(),
    })
}

async fn has_items(end: &End, name: &str) -> Result<bool, Failure> {
    let page = end.items.scan().table_name(name).limit(1).send().await;
    Ok(page.map_err(|error| refused(format!("cannot look into {name} at the target"), error))?.count() > 0)
}

fn same_key(one: &TableDescription, other: &TableDescription) -> bool {
    let typed = |table: &TableDescription| -> Vec<(KeySchemaElement, Option<String>)> {
        let kind = |key: &KeySchemaElement| {
            let definitions = table.attribute_definitions().iter();
            let mut same = definitions.filter(|definition| definition.attribute_name() == key.attribute_name());
            same.next().map(|definition| definition.attribute_type().as_str().to_owned())
        };
        table.key_schema().iter().map(|key| (key.clone(), kind(key))).collect()
    };
    typed(one) == typed(other)
}

fn global(index: &GlobalSecondaryIndexDescription, provisioned: bool) -> Result<GlobalSecondaryIndex, BuildError> {
    let units = if provisioned { throughput(index.provisioned_throughput())? } else { None };
    GlobalSecondaryIndex::builder()
        .set_index_name(index.index_name.clone())
        .set_key_schema(index.key_schema.clone())
        .set_projection(index.projection.clone())
        .set_provisioned_throughput(units)
        .build()
}

fn throughput(units: Option<&ProvisionedThroughputDescription>) -> Result<Option<ProvisionedThroughput>, BuildError> {
    let Some(units) = units else { return Ok(None) };
    let (read, write) = (units.read_capacity_units(), units.write_capacity_units());
    ProvisionedThroughput::builder().set_read_capacity_units(read).set_write_capacity_units(write).build().map(Some)
}
