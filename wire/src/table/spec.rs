//! From the members of a request to what the engine creates, with the checks that span members.

use super::{
    members::{IndexMember, NamedKind, StreamMember},
    units::Units,
};
use crate::{error::Failure, profile::Profile, validate::values};
use hashrange::{
    admin::IndexSpec,
    key::KeyType,
    schema::{
        BillingMode, IndexKind, KeyAttribute, KeySchema, Projection, ProvisionedThroughput, StreamView, TableDefinition,
    },
};

/// Most units that can be asked for.
const MAX_UNITS: i64 = 1_000_000_000_000;

/// The primary key of a table.
pub(crate) fn table_key(keys: &[NamedKind], definitions: &[NamedKind]) -> Result<KeySchema, Failure> {
    check_defined(keys, definitions)?;
    check_structure(keys)?;
    let mut attributes = attributes(keys, definitions)?.into_iter();
    let hash = attributes.next().ok_or_else(|| Failure::validation(NO_HASH))?;
    Ok(KeySchema { hash, range: attributes.next() })
}

const NO_HASH: &str = "Invalid KeySchema: The first KeySchemaElement is not a HASH key type";
const NO_RANGE: &str = "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type";
const SAME_NAME: &str = "Both the Hash Key and the Range Key element in the KeySchema have the same name";

/// No attribute is defined twice.
pub(crate) fn check_distinct(definitions: &[NamedKind]) -> Result<(), Failure> {
    let is_repeated = |at: usize| definitions[..at].iter().any(|earlier| earlier.name == definitions[at].name);
    match (0..definitions.len()).find(|at| is_repeated(*at)) {
        None => Ok(()),
        Some(at) => Err(Failure::invalid_parameter(format_args!(
            "Duplicate AttributeName in AttributeDefinitions: {}",
            definitions[at].name()
        ))),
    }
}

/// Every key attribute has a definition.
fn check_defined(keys: &[NamedKind], definitions: &[NamedKind]) -> Result<(), Failure> {
    if keys.len() > definitions.len() {
        return Err(Failure::validation("Invalid KeySchema: Some index key attribute have no definition"));
    }
    let is_defined = |key: &NamedKind| definitions.iter().any(|definition| definition.name == key.name);
    if keys.iter().all(is_defined) {
        return Ok(());
    }
    Err(undefined(keys, definitions))
}

/// The error of key attributes that are not defined.
pub(crate) fn undefined(keys: &[NamedKind], definitions: &[NamedKind]) -> Failure {
    Failure::invalid_parameter(format_args!(
        "Some index key attributes are not defined in AttributeDefinitions. Keys: [{}], AttributeDefinitions: [{}]",
        names(keys),
        names(definitions)
    ))
}

/// One hash element, then at most one range element, of different names.
fn check_structure(keys: &[NamedKind]) -> Result<(), Failure> {
    if let [first, second, ..] = keys
        && first.name == second.name
    {
        return Err(Failure::validation(SAME_NAME));
    }
    if keys.first().is_none_or(|key| key.kind() != "HASH") {
        return Err(Failure::validation(NO_HASH));
    }
    if keys.get(1).is_some_and(|key| key.kind() != "RANGE") {
        return Err(Failure::validation(NO_RANGE));
    }
    Ok(())
}

/// The key of a global index may have up to four attributes of each kind, hash attributes first.
fn check_global_structure(keys: &[NamedKind]) -> Result<(), Failure> {
    if keys.len() <= 2 {
        let all_hash = keys.iter().all(|key| key.kind() == "HASH");
        return if keys.len() == 2 && all_hash && keys[0].name != keys[1].name {
            Ok(())
        } else {
            check_structure(keys)
        };
    }
    let repeated = keys.iter().enumerate().any(|(at, key)| keys[..at].iter().any(|other| other.name == key.name));
    if repeated {
        return Err(Failure::validation("The KeySchema contains multiple key attributes with the same name"));
    }
    if keys[0].kind() != "HASH" {
        return Err(Failure::validation(NO_HASH));
    }
    let hashes = keys.iter().filter(|key| key.kind() == "HASH").count();
    if keys[..hashes].iter().any(|key| key.kind() != "HASH") {
        return Err(Failure::invalid_parameter(
            "All HASH key attributes must precede RANGE key attributes in the KeySchema",
        ));
    }
    for (kind, count) in [("HASH", hashes), ("RANGE", keys.len() - hashes)] {
        if count > 4 {
            let text = format!("The KeySchema exceeds the maximum allowed number of {kind} key attributes");
            return Err(Failure::invalid_parameter(text));
        }
    }
    Ok(())
}

/// A local index; `table` is the table's key schema as the request has it.
pub(crate) fn local_index(
    index: &IndexMember,
    table: &[NamedKind],
    definitions: &[NamedKind],
) -> Result<IndexSpec, Failure> {
    let keys = index.keys();
    check_defined(keys, definitions)?;
    check_structure(keys)?;
    let name = index.name();
    if keys.len() < 2 {
        return Err(Failure::invalid_parameter(format_args!(
            "Index KeySchema does not have a range key for index: {name}"
        )));
    }
    if keys[0].name != table[0].name {
        return Err(Failure::invalid_parameter(format_args!(
            "Index KeySchema does not have the same leading hash key as table KeySchema for index: {name}. \
             index hash key: {}, table hash key: {}",
            keys[0].name(),
            table[0].name()
        )));
    }
    spec(index, IndexKind::Local, definitions)
}

/// A global index of a table with this billing mode.
pub(crate) fn global_index(
    index: &IndexMember,
    billing: BillingMode,
    definitions: &[NamedKind],
) -> Result<IndexSpec, Failure> {
    check_defined(index.keys(), definitions)?;
    check_global_structure(index.keys())?;
    let mut spec = spec(index, IndexKind::Global, definitions)?;
    let name = index.name();
    match (billing, index.throughput) {
        (BillingMode::PayPerRequest, Some(_)) => Err(Failure::invalid_parameter(format_args!(
            "ProvisionedThroughput should not be specified for index: {name} when BillingMode is PAY_PER_REQUEST"
        ))),
        (BillingMode::Provisioned, None) => {
            Err(Failure::invalid_parameter(format_args!("ProvisionedThroughput must be specified for index: {name}")))
        }
        (_, throughput) => {
            spec.throughput = throughput.map(units).transpose()?;
            Ok(spec)
        }
    }
}

fn spec(index: &IndexMember, kind: IndexKind, definitions: &[NamedKind]) -> Result<IndexSpec, Failure> {
    let (hash, range): (Vec<_>, Vec<_>) = index.keys().iter().partition(|key| key.kind() == "HASH");
    Ok(IndexSpec {
        name: index.name().to_owned(),
        kind,
        hash: attributes(hash, definitions)?,
        range: attributes(range, definitions)?,
        projection: projection(index)?,
        throughput: None,
    })
}

fn projection(index: &IndexMember) -> Result<Projection, Failure> {
    let member = index.projection.as_ref();
    let kind = member.and_then(|projection| projection.kind.as_deref());
    let attributes = member.and_then(|projection| projection.attributes.as_deref());
    match (kind, attributes) {
        (None, _) => Err(Failure::invalid_parameter("Unknown ProjectionType: null")),
        (Some("INCLUDE"), Some(attributes)) => Ok(Projection::Include(attributes.to_vec())),
        (Some("INCLUDE"), None) => {
            Err(Failure::invalid_parameter("ProjectionType is INCLUDE, but NonKeyAttributes is not specified"))
        }
        (Some(kind), Some(_)) => {
            Err(Failure::invalid_parameter(format_args!("ProjectionType is {kind}, but NonKeyAttributes is specified")))
        }
        (Some("KEYS_ONLY"), None) => Ok(Projection::KeysOnly),
        (Some(_), None) => Ok(Projection::All),
    }
}

/// Provisioned units, which are in bounds.
pub(crate) fn units(throughput: Units) -> Result<ProvisionedThroughput, Failure> {
    let bounded = |units: Option<i64>, member: &str| {
        let units = units.unwrap_or(0);
        if units > MAX_UNITS {
            return Err(Failure::validation(format!("Given value {units} for {member} is out of bounds")));
        }
        Ok(u64::try_from(units).unwrap_or(0))
    };
    Ok(ProvisionedThroughput {
        read_units_per_sec: bounded(throughput.read, "ReadCapacityUnits")?,
        write_units_per_sec: bounded(throughput.write, "WriteCapacityUnits")?,
    })
}

/// The stream that a table is to have.
pub(crate) fn stream(member: &StreamMember) -> Result<Option<StreamView>, Failure> {
    match (member.enabled, member.view.as_deref()) {
        (Some(true), Some(view)) => Ok(stream_view(view)),
        (Some(true), None) => {
            Err(Failure::invalid_parameter("Table is being created with a stream enabled, StreamViewType is required"))
        }
        (_, None) => Ok(None),
        (_, Some(_)) => Err(Failure::invalid_parameter(
            "Table is being created with a stream disabled, UpdateViewType should not be specified",
        )),
    }
}

/// The stream that a change of a table enables.
pub(crate) fn enabled_stream(member: &StreamMember) -> Result<Option<StreamView>, Failure> {
    match member.view.as_deref() {
        Some(view) => Ok(stream_view(view)),
        None => Err(Failure::invalid_parameter("If stream is being enabled then UpdateViewType is required")),
    }
}

/// Rejects a table class that there is not.
pub(crate) fn check_table_class(class: Option<&str>) -> Result<(), Failure> {
    match class {
        Some(class) if !values::TABLE_CLASS.contains(&class) => Err(unknown_table_class()),
        _ => Ok(()),
    }
}

pub(crate) fn unknown_table_class() -> Failure {
    let classes = values::TABLE_CLASS.join(", ");
    Failure::validation(format!(
        "Invalid table-class parameter provided. Please try again with a valid table-class value: [{classes}]."
    ))
}

/// A stream view as the wire names it.
fn stream_view(name: &str) -> Option<StreamView> {
    match name {
        "KEYS_ONLY" => Some(StreamView::KeysOnly),
        "NEW_IMAGE" => Some(StreamView::NewImage),
        "OLD_IMAGE" => Some(StreamView::OldImage),
        "NEW_AND_OLD_IMAGES" => Some(StreamView::NewAndOld),
        _ => None,
    }
}

fn attributes<'a>(
    keys: impl IntoIterator<Item = &'a NamedKind>,
    definitions: &[NamedKind],
) -> Result<Vec<KeyAttribute>, Failure> {
    keys.into_iter()
        .map(|key| {
            let definition = definitions.iter().find(|definition| definition.name == key.name);
            let kind = match definition.map(NamedKind::kind) {
                Some("S") => KeyType::S,
                Some("N") => KeyType::N,
                Some("B") => KeyType::B,
                _ => {
                    let text = "Invalid KeySchema: Some index key attribute have no definition";
                    return Err(Failure::validation(text));
                }
            };
            Ok(KeyAttribute::new(key.name(), kind))
        })
        .collect()
}

/// The definitions of a request that changes a table. None is repeated; of an attribute that is a key already the type
/// stays as it is, whatever the request says.
pub(crate) fn agreed(
    table: &TableDefinition,
    definitions: &[NamedKind],
    profile: Profile,
) -> Result<Vec<NamedKind>, Failure> {
    check_distinct(definitions)?;
    let public = table.indexes.iter().filter(|index| index.kind != IndexKind::Expiry);
    let of_indexes = public.flat_map(|index| index.hash.iter().chain(&index.range));
    let mut agreed = definitions.to_vec();
    for KeyAttribute { name, kind } in table.key.attributes().chain(of_indexes) {
        let redefined = agreed.iter_mut().find(|new| new.name() == name && new.kind() != kind.name());
        let Some(new) = redefined else { continue };
        if profile.refuses_redefinition() {
            return Err(Failure::invalid_parameter(format_args!(
                "Attributes cannot be redefined. Please check that your attribute has the same type as previously \
                 defined. Existing schema: Schema:[SchemaElement: key{{{name}:{}:HASH}}] New schema: \
                 Schema:[SchemaElement: key{{{name}:{}:HASH}}]",
                kind.name(),
                new.kind()
            )));
        }
        new.kind = Some(kind.name().to_owned());
    }
    Ok(agreed)
}

/// Names, joined as messages list them.
pub(crate) fn names(elements: &[NamedKind]) -> String {
    elements.iter().map(NamedKind::name).collect::<Vec<_>>().join(", ")
}
