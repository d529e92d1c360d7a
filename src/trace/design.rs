//! What is to be different, as JSON; `docs/replay.md` describes the file.

use super::template::Template;
use crate::error::{Error, Result};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Designs to be compared, and how clients attempt again.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Designs {
    /// The designs, in the order of the file.
    pub designs: Vec<Design>,
    /// What clients do about throttles.
    pub retries: Retries,
}

/// What a client does about a throttle: it waits a random part of a time that doubles with each attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retries {
    /// Attempts in all, 1 to 20. Default 4.
    pub attempts: u32,
    /// Longest wait before the second attempt, in milliseconds; at most 20 s with doubling. Default 1,000.
    pub base_millis: u64,
}

impl Default for Retries {
    fn default() -> Self {
        Self { attempts: 4, base_millis: 1_000 }
    }
}

/// A design: what differs from what was recorded, by table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Design {
    /// Its name, in the answer.
    pub name: String,
    pub(super) tables: BTreeMap<String, TableDesign>,
}

impl Design {
    /// The design that was recorded.
    pub fn as_recorded() -> Self {
        Self { name: "as recorded".to_owned(), tables: BTreeMap::new() }
    }
}

/// What differs of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableDesign {
    pub partition_key: Option<Template>,
    pub sort_key: Option<Template>,
    /// `Some(None)` is on demand.
    pub billing: Option<Option<(u64, u64)>>,
    pub drop_indexes: Vec<String>,
    pub add_indexes: Vec<AddedIndex>,
}

/// A global index that a design adds.
#[derive(Clone, Debug, PartialEq)]
pub struct AddedIndex {
    pub name: String,
    pub key: Template,
    /// Bytes of an entry; `None` for those of the item.
    pub entry_bytes: Option<u64>,
    pub provisioned: Option<(u64, u64)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    retries: Retries,
    designs: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DesignForm {
    name: String,
    #[serde(default)]
    tables: BTreeMap<String, TableForm>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TableForm {
    partition_key: Option<String>,
    sort_key: Option<String>,
    billing: Option<BillingForm>,
    drop_indexes: Vec<String>,
    add_indexes: BTreeMap<String, IndexForm>,
}

/// `"on_demand"`, or `{"provisioned": {"read": 100, "write": 50}}`.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum BillingForm {
    OnDemand,
    Provisioned(UnitsForm),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UnitsForm {
    read: u64,
    write: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IndexForm {
    partition_key: String,
    /// Without it an entry is as large as its item.
    entry_bytes: Option<u64>,
    billing: Option<BillingForm>,
}

impl BillingForm {
    fn units(self) -> std::result::Result<Option<(u64, u64)>, String> {
        match self {
            Self::OnDemand => Ok(None),
            Self::Provisioned(UnitsForm { read, write }) => {
                const MOST: u64 = 1_000_000_000;
                match [("read", read), ("write", write)].iter().find(|(_, units)| !(1..=MOST).contains(units)) {
                    Some((field, units)) => Err(format!("provisioned.{field}: must be from 1 to {MOST}, not {units}")),
                    None => Ok(Some((read, write))),
                }
            }
        }
    }
}

impl TableForm {
    fn design(self) -> std::result::Result<TableDesign, String> {
        let template = |field: &str, text: Option<String>| {
            let parsed = text.map(|text| Template::parse(&text).map_err(|why| format!("{field}: {why}")));
            parsed.transpose()
        };
        let mut add_indexes = Vec::new();
        for (name, form) in self.add_indexes {
            let place = |why: String| format!("add_indexes.{name}.{why}");
            let key = Template::parse(&form.partition_key).map_err(|why| place(format!("partition_key: {why}")))?;
            let provisioned =
                form.billing.map(BillingForm::units).transpose().map_err(|why| place(format!("billing.{why}")))?;
            add_indexes.push(AddedIndex {
                key,
                entry_bytes: form.entry_bytes,
                provisioned: provisioned.flatten(),
                name,
            });
        }
        Ok(TableDesign {
            partition_key: template("partition_key", self.partition_key)?,
            sort_key: template("sort_key", self.sort_key)?,
            billing: self.billing.map(BillingForm::units).transpose().map_err(|why| format!("billing.{why}"))?,
            drop_indexes: self.drop_indexes,
            add_indexes,
        })
    }
}

impl Designs {
    /// Reads designs from JSON. Errors: what cannot be understood, by its place, such as
    /// `designs[0].tables.orders.partition_key: a { has no }`.
    ///
    /// ```
    /// use hashrange::trace::Designs;
    ///
    /// let designs = Designs::from_json(
    ///     r#"{"designs": [{"name": "sharded", "tables": {"orders": {"partition_key": "{customer}#{shard:8}"}}}]}"#,
    /// )?;
    /// assert_eq!(designs.designs[0].name, "sharded");
    /// # Ok::<(), hashrange::Error>(())
    /// ```
    pub fn from_json(text: &str) -> Result<Self> {
        let file: File = serde_json::from_str(text).map_err(|error| Error::validation(format!("designs: {error}")))?;
        let Retries { attempts, base_millis } = file.retries;
        if !(1..=20).contains(&attempts) {
            return Err(Error::validation(format!("retries.attempts: must be from 1 to 20, not {attempts}")));
        }
        if base_millis > 20_000 {
            return Err(Error::validation(format!("retries.base_millis: must be at most 20000, not {base_millis}")));
        }
        let mut designs = Vec::new();
        for (at, form) in file.designs.into_iter().enumerate() {
            let form: DesignForm =
                serde_json::from_value(form).map_err(|error| Error::validation(format!("designs[{at}]: {error}")))?;
            let mut design = Design { name: form.name, tables: BTreeMap::new() };
            for (table, form) in form.tables {
                let made = form.design();
                let made = made.map_err(|why| Error::validation(format!("designs[{at}].tables.{table}.{why}")))?;
                design.tables.insert(table, made);
            }
            designs.push(design);
        }
        Ok(Self { designs, retries: file.retries })
    }
}
