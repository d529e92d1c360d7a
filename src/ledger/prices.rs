//! What units, storage and the rest cost: data that a program gives, with where and when it is from. No price is in the code.
//!
//! Amounts are read digit by digit into billionths of the currency, so that sums are exact.

use crate::error::{Error, Result};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Digits behind the point.
const NANO_DIGITS: usize = 9;

/// Prices of a region; see [`Prices::from_json`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Prices {
    /// Region that they are of, such as `us-east-1`.
    pub region: String,
    /// When they were looked up.
    pub date: String,
    /// Where they are from.
    pub source: String,
    /// Fields whose amounts have been seen published, and where.
    pub sources: Vec<PriceSource>,
    /// Fields whose amounts are assumed: no publication of them is named.
    pub assumptions: Vec<String>,
    /// Currency, such as `USD`. All amounts below are billionths of it.
    pub currency: String,
    /// Hours of a month.
    pub hours_per_month: u64,
    /// Prices of the class Standard.
    pub standard: ClassPrices,
    /// Prices of the class Standard-Infrequent Access.
    pub infrequent_access: ClassPrices,
    /// Reserved capacity of the class Standard, by the years of its term.
    pub reserved: Vec<ReservedPrices>,
    /// A GB-month of point-in-time recovery.
    pub point_in_time_recovery_gb_month_nanos: u64,
    /// A million reads of change streams.
    pub stream_reads_million_nanos: u64,
}

/// Where some of the prices have been seen.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PriceSource {
    /// Fields of the file, such as `STANDARD.storage_gb_month`.
    pub fields: Vec<String>,
    /// Address of the publication.
    pub address: String,
    /// When it was published, or read.
    pub date: String,
}

/// Prices that depend on the table class, in billionths of the currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClassPrices {
    /// A million units of one kind, on demand.
    pub on_demand_million: UnitPrices,
    /// A unit a second for an hour, provisioned.
    pub provisioned_hour: UnitPrices,
    /// A million write units of a replica on demand.
    pub replicated_write_million_nanos: u64,
    /// A write unit a second of a replica for an hour.
    pub replicated_write_hour_nanos: u64,
    /// A GB-month of storage; a GB has 2^30 bytes.
    pub storage_gb_month_nanos: u64,
}

/// Prices of reading and of writing, in billionths of the currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnitPrices {
    /// Of reading.
    pub read_nanos: u64,
    /// Of writing.
    pub write_nanos: u64,
}

/// Prices of reserved capacity, in billionths of the currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReservedPrices {
    /// Years of the term.
    pub years: u64,
    /// Units a second of one block.
    pub block_units: u64,
    /// A block, once.
    pub upfront: UnitPrices,
    /// A block, each hour.
    pub hour: UnitPrices,
}

/// A decimal number of the file, such as `0.00065`.
#[derive(Deserialize)]
#[serde(transparent)]
struct Amount(Box<RawValue>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceFile {
    region: String,
    date: String,
    source: String,
    #[serde(default)]
    sources: Vec<PriceSource>,
    #[serde(default)]
    assumptions: Vec<String>,
    currency: String,
    hours_per_month: u64,
    classes: ClassesOfFile,
    #[serde(default)]
    reserved: Vec<ReservedOfFile>,
    point_in_time_recovery_gb_month: Amount,
    stream_reads_million: Amount,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClassesOfFile {
    #[serde(rename = "STANDARD")]
    standard: ClassOfFile,
    #[serde(rename = "STANDARD_INFREQUENT_ACCESS")]
    infrequent_access: ClassOfFile,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClassOfFile {
    on_demand_read_units_million: Amount,
    on_demand_write_units_million: Amount,
    provisioned_read_unit_hour: Amount,
    provisioned_write_unit_hour: Amount,
    replicated_write_units_million: Amount,
    replicated_write_unit_hour: Amount,
    storage_gb_month: Amount,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReservedOfFile {
    years: u64,
    block_units: u64,
    read_upfront: Amount,
    write_upfront: Amount,
    read_block_hour: Amount,
    write_block_hour: Amount,
}

/// Reads decimal digits, with at most nine behind the point.
fn nanos(name: &str, amount: &Amount) -> Result<u64> {
    let text = amount.0.get();
    let refused = |why: &str| Error::validation(format!("the price {name} is {text}, which {why}"));
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(part) {
        return Err(refused("is no amount: give digits and a point, such as 0.00065"));
    }
    if part.len() > NANO_DIGITS {
        return Err(refused("has more than nine digits behind the point"));
    }
    format!("{whole}{part:0<NANO_DIGITS$}").parse().map_err(|_| refused("is too large"))
}

impl Prices {
    /// Reads a price file.
    ///
    /// Errors: it is not JSON of this form; a price is missing, unknown, negative, has more than nine digits behind the point,
    /// or is too large. The name of the field is in the text.
    pub fn from_json(text: &str) -> Result<Self> {
        let file: PriceFile =
            serde_json::from_str(text).map_err(|error| Error::validation(format!("this is no price file: {error}")))?;
        if !(1..=10_000).contains(&file.hours_per_month) {
            return Err(Error::validation(format!("hours_per_month is {}", file.hours_per_month)));
        }
        file.check_sources()?;
        let reserved = file.reserved.iter().map(ReservedOfFile::read).collect::<Result<Vec<_>>>()?;
        Ok(Self {
            standard: file.classes.standard.read("STANDARD")?,
            infrequent_access: file.classes.infrequent_access.read("STANDARD_INFREQUENT_ACCESS")?,
            reserved,
            point_in_time_recovery_gb_month_nanos: nanos(
                "point_in_time_recovery_gb_month",
                &file.point_in_time_recovery_gb_month,
            )?,
            stream_reads_million_nanos: nanos("stream_reads_million", &file.stream_reads_million)?,
            region: file.region,
            date: file.date,
            source: file.source,
            sources: file.sources,
            assumptions: file.assumptions,
            currency: file.currency,
            hours_per_month: file.hours_per_month,
        })
    }
    /// Prices of a table class.
    pub fn of_class(&self, is_infrequent_access: bool) -> &ClassPrices {
        if is_infrequent_access { &self.infrequent_access } else { &self.standard }
    }
}

impl ClassPrices {
    /// What read and write units cost on demand, given in thousandths.
    pub fn on_demand_nanos(&self, read_milliunits: u64, write_milliunits: u64) -> u64 {
        let prices = self.on_demand_million;
        sum(cost(read_milliunits, prices.read_nanos, MILLION_MILLIUNITS), {
            cost(write_milliunits, prices.write_nanos, MILLION_MILLIUNITS)
        })
    }
    /// What read and write units a second cost, provisioned for some hours.
    pub fn provisioned_nanos(&self, read_units: u64, write_units: u64, hours: u64) -> u64 {
        let prices = self.provisioned_hour;
        let hour = sum(cost(read_units, prices.read_nanos, 1), cost(write_units, prices.write_nanos, 1));
        hour.saturating_mul(hours)
    }
}

/// Prices of a class, by their names in the file.
const CLASS_FIELDS: [&str; 7] = [
    "on_demand_read_units_million",
    "on_demand_write_units_million",
    "provisioned_read_unit_hour",
    "provisioned_write_unit_hour",
    "replicated_write_units_million",
    "replicated_write_unit_hour",
    "storage_gb_month",
];

impl PriceFile {
    /// What says where prices are from has to name prices. Errors: it names something else.
    fn check_sources(&self) -> Result<()> {
        let is_price = |field: &str| {
            let of_class = field.strip_prefix("STANDARD_INFREQUENT_ACCESS.").or(field.strip_prefix("STANDARD."));
            match of_class {
                Some(name) => CLASS_FIELDS.contains(&name),
                None => ["reserved", "point_in_time_recovery_gb_month", "stream_reads_million"].contains(&field),
            }
        };
        let of_sources = self.sources.iter().enumerate();
        let of_sources = of_sources
            .flat_map(|(at, source)| source.fields.iter().map(move |field| (format!("sources[{at}].fields"), field)));
        let assumed = self.assumptions.iter().map(|field| ("assumptions".to_owned(), field));
        match of_sources.chain(assumed).find(|(_, field)| !is_price(field)) {
            Some((place, field)) => Err(Error::validation(format!("{place}: {field} is no price of the file"))),
            None => Ok(()),
        }
    }
}

/// Thousandths of a million units.
pub(super) const MILLION_MILLIUNITS: u128 = 1_000_000_000;

/// A quantity times a price for so many of it, rounded to the nearest billionth.
pub(super) fn cost(quantity: u64, price_nanos: u64, per: u128) -> u64 {
    let per = per.max(1);
    u64::try_from((u128::from(quantity) * u128::from(price_nanos) + per / 2) / per).unwrap_or(u64::MAX)
}

/// Both.
pub(super) fn sum(a: u64, b: u64) -> u64 {
    a.saturating_add(b)
}

impl ClassOfFile {
    fn read(&self, class: &str) -> Result<ClassPrices> {
        let nanos = |name: &str, amount: &Amount| nanos(&format!("{class}.{name}"), amount);
        let on_demand_million = UnitPrices {
            read_nanos: nanos("on_demand_read_units_million", &self.on_demand_read_units_million)?,
            write_nanos: nanos("on_demand_write_units_million", &self.on_demand_write_units_million)?,
        };
        let provisioned_hour = UnitPrices {
            read_nanos: nanos("provisioned_read_unit_hour", &self.provisioned_read_unit_hour)?,
            write_nanos: nanos("provisioned_write_unit_hour", &self.provisioned_write_unit_hour)?,
        };
        Ok(ClassPrices {
            on_demand_million,
            provisioned_hour,
            replicated_write_million_nanos: nanos(
                "replicated_write_units_million",
                &self.replicated_write_units_million,
            )?,
            replicated_write_hour_nanos: nanos("replicated_write_unit_hour", &self.replicated_write_unit_hour)?,
            storage_gb_month_nanos: nanos("storage_gb_month", &self.storage_gb_month)?,
        })
    }
}

impl ReservedOfFile {
    fn read(&self) -> Result<ReservedPrices> {
        if self.years == 0 || self.block_units == 0 {
            return Err(Error::validation("reserved capacity has years and block_units of at least 1"));
        }
        Ok(ReservedPrices {
            years: self.years,
            block_units: self.block_units,
            upfront: UnitPrices {
                read_nanos: nanos("reserved.read_upfront", &self.read_upfront)?,
                write_nanos: nanos("reserved.write_upfront", &self.write_upfront)?,
            },
            hour: UnitPrices {
                read_nanos: nanos("reserved.read_block_hour", &self.read_block_hour)?,
                write_nanos: nanos("reserved.write_block_hour", &self.write_block_hour)?,
            },
        })
    }
}
