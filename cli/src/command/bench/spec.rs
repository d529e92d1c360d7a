//! What a workload consists of: kinds of operations by weight, and which keys they are at.

use crate::failure::Failure;
use serde_json::{Map, Value};
use std::{fs, path::Path};

/// A kind of operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Reads an item.
    Read,
    /// Replaces an item.
    Update,
    /// Puts a new item.
    Insert,
    /// Reads a page of a collection.
    Query,
    /// Reads an item, and replaces it.
    ReadModifyWrite,
    /// Adds 1 to one shard of a counter.
    Increment,
    /// Reads all shards of a counter.
    ReadShards,
    /// Writes one item to many collections.
    FanOutWrite,
    /// Reads many collections.
    FanOutRead,
}

impl Kind {
    pub(super) const ALL: [(&'static str, Self); 9] = [
        ("read", Self::Read),
        ("update", Self::Update),
        ("insert", Self::Insert),
        ("query", Self::Query),
        ("read_modify_write", Self::ReadModifyWrite),
        ("increment", Self::Increment),
        ("read_shards", Self::ReadShards),
        ("fan_out_write", Self::FanOutWrite),
        ("fan_out_read", Self::FanOutRead),
    ];

    pub(super) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}

/// Which keys come how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Distribution {
    /// All alike.
    Uniform,
    /// Some far more often than others.
    Zipfian,
    /// The newest most often.
    Latest,
    /// Nine of ten are one key.
    Hot,
}

const DISTRIBUTIONS: [(&str, Distribution); 4] = [
    ("uniform", Distribution::Uniform),
    ("zipfian", Distribution::Zipfian),
    ("latest", Distribution::Latest),
    ("hot", Distribution::Hot),
];

/// A workload.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Spec {
    pub(super) name: String,
    /// Items that are there before it begins.
    pub(super) records: u64,
    pub(super) item_bytes: u64,
    pub(super) distribution: Distribution,
    /// Kinds of operations and their weights.
    pub(super) mix: Vec<(Kind, u64)>,
    /// Items of one collection: records are cut into collections of so many.
    pub(super) collection: u64,
    /// Items that a query returns at most.
    pub(super) limit: u64,
    /// Collections that a fan-out is at.
    pub(super) fan_out: u64,
    /// Shards of a counter.
    pub(super) shards: u64,
}

impl Spec {
    fn new(name: &str, distribution: Distribution, mix: &[(Kind, u64)]) -> Self {
        Self {
            name: name.to_owned(),
            records: 10_000,
            item_bytes: 1_000,
            distribution,
            mix: mix.to_vec(),
            collection: 1,
            limit: 100,
            fan_out: 25,
            shards: 16,
        }
    }

    fn named(name: &str) -> Option<Self> {
        use Distribution::{Hot, Latest, Zipfian};
        use Kind::{FanOutRead, FanOutWrite, Increment, Insert, Query, Read, ReadModifyWrite, ReadShards, Update};
        let spec = |distribution, mix: &[(Kind, u64)]| Self::new(name, distribution, mix);
        Some(match name {
            "ycsb-a" => spec(Zipfian, &[(Read, 50), (Update, 50)]),
            "ycsb-b" => spec(Zipfian, &[(Read, 95), (Update, 5)]),
            "ycsb-c" => spec(Zipfian, &[(Read, 100)]),
            "ycsb-d" => spec(Latest, &[(Read, 95), (Insert, 5)]),
            "ycsb-e" => Self { collection: 100, ..spec(Zipfian, &[(Query, 95), (Insert, 5)]) },
            "ycsb-f" => spec(Zipfian, &[(Read, 50), (ReadModifyWrite, 50)]),
            "hot-key" => spec(Hot, &[(Update, 100)]),
            "time-series" => {
                let limit = 20;
                Self { collection: 100, limit, item_bytes: 200, ..spec(Latest, &[(Insert, 10), (Query, 1)]) }
            }
            "fan-out-write" => {
                let (collection, limit) = (100, 20);
                Self { collection, limit, item_bytes: 300, ..spec(Zipfian, &[(FanOutWrite, 1), (Query, 10)]) }
            }
            "fan-out-read" => {
                let (collection, limit, fan_out) = (100, 5, 10);
                let mix = [(Insert, 1), (FanOutRead, 10)];
                Self { collection, limit, fan_out, item_bytes: 300, ..spec(Zipfian, &mix) }
            }
            "sharded-counters" => {
                Self { records: 100, item_bytes: 50, ..spec(Zipfian, &[(Increment, 9), (ReadShards, 1)]) }
            }
            _ => return None,
        })
    }

    /// A workload by its name, or by a file. Errors: there is neither; what is wrong in the file, by its field.
    pub(super) fn find(name: &str) -> Result<Self, Failure> {
        if let Some(spec) = Self::named(name) {
            return Ok(spec);
        }
        if !Path::new(name).exists() {
            let text =
                format!("there is no workload {name} and no file of that name; `hashrange bench --help` lists them");
            return Err(Failure::Usage(text));
        }
        let text = fs::read_to_string(name).map_err(|error| Failure::io(format!("cannot read {name}"), error))?;
        Self::parse(&text).map_err(|why| Failure::Usage(format!("{name}: {why}")))
    }

    /// Reads a description: a JSON object.
    fn parse(text: &str) -> Result<Self, String> {
        let mut fields: Map<String, Value> =
            serde_json::from_str(text).map_err(|error| format!("no JSON object: {error}"))?;
        let mut spec = Self::new("custom", Distribution::Zipfian, &[]);
        if let Some(name) = fields.remove("name") {
            spec.name = name.as_str().ok_or("name: must be a text")?.to_owned();
        }
        if let Some(distribution) = fields.remove("distribution") {
            let known = DISTRIBUTIONS.iter().find(|(name, _)| distribution.as_str() == Some(name));
            spec.distribution = known.ok_or("distribution: must be uniform, zipfian, latest or hot")?.1;
        }
        let numbers: [(&str, &mut u64, u64); 6] = [
            ("records", &mut spec.records, 1_000_000_000),
            ("item_bytes", &mut spec.item_bytes, 400_000),
            ("collection", &mut spec.collection, 1_000_000),
            ("limit", &mut spec.limit, 1_000),
            ("fan_out", &mut spec.fan_out, 25),
            ("shards", &mut spec.shards, 100),
        ];
        for (field, place, most) in numbers {
            if let Some(value) = fields.remove(field) {
                let number = value.as_u64().filter(|number| (1..=most).contains(number));
                *place = number.ok_or_else(|| format!("{field}: must be a number from 1 to {most}"))?;
            }
        }
        let mix = fields.remove("mix").ok_or("mix: is missing")?;
        for (kind, weight) in mix.as_object().ok_or("mix: must be an object of weights")? {
            let known = Kind::ALL.iter().find(|(name, _)| name == kind);
            let known = known.ok_or_else(|| {
                let names: Vec<&str> = Kind::ALL.iter().map(|(name, _)| *name).collect();
                format!("mix.{kind}: there is no such operation; there are {}", names.join(", "))
            })?;
            let weight = weight.as_u64().filter(|weight| *weight <= 1_000_000);
            spec.mix.push((known.1, weight.ok_or_else(|| format!("mix.{kind}: must be a number up to 1000000"))?));
        }
        if spec.total_weight() == 0 {
            return Err("mix: all weights are 0".to_owned());
        }
        match fields.keys().next() {
            Some(unknown) => Err(format!("{unknown}: there is no such field")),
            None => Ok(spec),
        }
    }

    pub(super) fn total_weight(&self) -> u64 {
        self.mix.iter().map(|(_, weight)| weight).sum()
    }
    /// Whether its records are counters.
    pub(super) fn counts(&self) -> bool {
        self.mix.iter().any(|(kind, _)| matches!(kind, Kind::Increment | Kind::ReadShards))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_and_refused_by_their_field() {
        let spec = Spec::parse(
            r#"{"name": "mine", "records": 5, "distribution": "uniform", "mix": {"read": 1, "insert": 2}}"#,
        );
        let spec = spec.unwrap();
        assert_eq!((spec.records, spec.mix.len(), spec.total_weight()), (5, 2, 3));
        for (text, why) in [
            ("[]", "no JSON object"),
            ("{}", "mix: is missing"),
            (r#"{"mix": {"raed": 1}}"#, "mix.raed: there is no such operation"),
            (r#"{"mix": {"read": 0}}"#, "mix: all weights are 0"),
            (r#"{"mix": {"read": -1}}"#, "mix.read: must be"),
            (r#"{"mix": {"read": 1}, "fan_out": 26}"#, "fan_out: must be a number from 1 to 25"),
            (r#"{"mix": {"read": 1}, "distribution": "normal"}"#, "distribution: "),
            (r#"{"mix": {"read": 1}, "recrods": 1}"#, "recrods: there is no such field"),
        ] {
            let refused = Spec::parse(text).unwrap_err();
            assert!(refused.starts_with(why), "{text}: {refused}");
        }
    }
}
