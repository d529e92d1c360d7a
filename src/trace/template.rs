//! Keys of a design, as templates over what was recorded.
//!
//! `{name}` is an attribute, `{name%8}` a number from 0 to 7 that follows from it, `{shard:8}` one of 8 at random, and
//! `{time:60}` the number of the minute. Everything else stands for itself.

use super::format::{Access, RecordedTable};
use crate::random::mix;
use xxhash_rust::xxh3::xxh3_64;

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Attribute(String),
    Bucket { attribute: String, buckets: u64 },
    Shard(u64),
    Time(u64),
}

/// A template of a key.
#[derive(Clone, Debug, PartialEq)]
pub struct Template(Vec<Part>);

/// Most shards or buckets: a read of a sharded key reads each of them.
const MOST_SHARDS: u64 = 10_000;

impl Template {
    /// Reads a template. Errors: what is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('{') {
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let Some((inner, after)) = behind.split_once('}') else { return Err("a { has no }".to_owned()) };
            parts.push(part(inner)?);
            rest = after;
        }
        if rest.contains('}') {
            return Err("a } has no {".to_owned());
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        if parts.is_empty() {
            return Err("is empty".to_owned());
        }
        let template = Self(parts);
        match template.shards() {
            shards if shards > MOST_SHARDS => Err(format!("makes more than {MOST_SHARDS} keys of one")),
            _ => Ok(template),
        }
    }

    /// Over how many keys it spreads one.
    pub fn shards(&self) -> u64 {
        let of = |part: &Part| if let Part::Shard(shards) = part { *shards } else { 1 };
        self.0.iter().map(of).fold(1, u64::saturating_mul)
    }

    /// The key of an access; of a sharded key, shard number `shard` of all.
    pub fn key(&self, access: &Access, table: &RecordedTable, attributes: &[String], shard: u64, out: &mut Vec<u8>) {
        let mut shard = shard;
        for part in &self.0 {
            match part {
                Part::Text(text) => out.extend_from_slice(text.as_bytes()),
                Part::Attribute(name) => out.extend_from_slice(value(name, access, table, attributes)),
                Part::Bucket { attribute, buckets } => {
                    let hash = xxh3_64(value(attribute, access, table, attributes));
                    out.extend_from_slice((hash % buckets).to_string().as_bytes());
                }
                Part::Shard(shards) => {
                    out.extend_from_slice((shard % shards).to_string().as_bytes());
                    shard /= shards;
                }
                Part::Time(secs) => out.extend_from_slice((access.at_millis / 1_000 / secs).to_string().as_bytes()),
            }
        }
    }
}

/// A random shard for the access of a number.
pub fn random_shard(number: u64, shards: u64) -> u64 {
    mix(number) % shards.max(1)
}

fn value<'a>(name: &str, access: &'a Access, table: &RecordedTable, attributes: &[String]) -> &'a [u8] {
    if name == table.key {
        return access.key.as_deref().unwrap_or_default();
    }
    if Some(name) == table.sort.as_deref() {
        return &access.sort;
    }
    let known = access.values.iter().find(|(at, _)| attributes.get(*at).is_some_and(|known| known == name));
    if let Some((_, text)) = known {
        return text;
    }
    let entry = access.entries.iter().find(|(index, ..)| table.indexes.get(*index).is_some_and(|one| one.key == name));
    entry.map(|(.., key)| key.as_slice()).unwrap_or_default()
}

fn part(inner: &str) -> Result<Part, String> {
    let number = |text: &str, most: u64| match text.trim().parse::<u64>() {
        Ok(number) if (1..=most).contains(&number) => Ok(number),
        _ => Err(format!("{{{inner}}}: {text} is no number from 1 to {most}")),
    };
    if let Some(shards) = inner.strip_prefix("shard:") {
        return Ok(Part::Shard(number(shards, MOST_SHARDS)?));
    }
    if let Some(secs) = inner.strip_prefix("time:") {
        return Ok(Part::Time(number(secs, 366 * 86_400)?));
    }
    match inner.rsplit_once('%') {
        Some((attribute, buckets)) if !attribute.is_empty() => {
            Ok(Part::Bucket { attribute: attribute.to_owned(), buckets: number(buckets, MOST_SHARDS)? })
        }
        _ if inner.is_empty() => Err("{} names no attribute".to_owned()),
        _ => Ok(Part::Attribute(inner.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_make_keys() {
        let table = RecordedTable { key: "pk".to_owned(), sort: Some("sk".to_owned()), ..RecordedTable::default() };
        let values = vec![(0, b"red".to_vec())];
        let (key, sort) = (Some(b"c#1".to_vec()), b"o#7".to_vec());
        let access = Access { at_millis: 120_000, key, sort, values, ..Access::default() };
        let key = |template: &str, shard: u64| {
            let mut out = Vec::new();
            Template::parse(template).unwrap().key(&access, &table, &["color".to_owned()], shard, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(key("{pk}#{sk}/{color}", 0), "c#1#o#7/red");
        assert_eq!([key("{pk}#{shard:4}", 2), key("{pk}#{shard:4}", 5)], ["c#1#2", "c#1#1"]);
        assert_eq!(key("{time:60}{none}", 0), "2");
        assert!(key("{sk%3}", 0).parse::<u64>().unwrap() < 3);
        assert_eq!(Template::parse("{shard:4}x{shard:3}").unwrap().shards(), 12);
        for wrong in ["", "{pk", "pk}", "{}", "{shard:0}", "{shard:x}", "{time:0}", "{pk%0}", "{shard:200}{shard:51}"] {
            assert!(Template::parse(wrong).is_err(), "{wrong}");
        }
    }
}
