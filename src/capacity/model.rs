//! Every switch of the model, in one place. Where the service's behaviour is not published, the default is the best
//! inference, and the switch is there to try the other one.

use crate::error::{Result, check_option};
use std::ops::RangeInclusive;

/// When a request is admitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AdmissionRule {
    /// If each bucket that it concerns holds something. It pays what it cost afterwards, into debt if need be, and nothing
    /// passes until the debt is repaid. So a page of a scan may cost more than a table has, and delays what comes after it.
    #[default]
    PostPaid,
    /// If each bucket that it concerns holds what it is expected to cost, or is full.
    PrePaid,
}

/// How a write is rejected that a global index of an on-demand table has no capacity for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum IndexRefusal {
    /// `ThrottlingException`, as the service's page about back-pressure of indexes has it.
    #[default]
    Throttling,
    /// `ProvisionedThroughputExceededException`.
    Provisioned,
}

/// When a virtual partition is cut into two because it is used too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeatModel {
    /// A second counts as hot if the partition consumed this share of its ceiling, in percent, or rejected something. 1 to
    /// 100; default 90.
    pub percent: u32,
    /// Hot seconds after which a cut is decided. At least 1, at most `of_secs`; default 90.
    pub hot_secs: u32,
    /// Seconds among which they are counted. 1 to 128; default 120.
    pub of_secs: u32,
    /// Seconds from the decision until the two halves are there. At most a day; default 180.
    pub delay_secs: u32,
}

impl Default for HeatModel {
    fn default() -> Self {
        Self { percent: 90, hot_secs: 90, of_secs: 120, delay_secs: 180 }
    }
}

/// Quotas of an account, in units a second; those that the service starts accounts with unless changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// Read units that one table or global index can have. Default 40,000.
    pub table_read_units: u64,
    /// Write units that one table or global index can have. Default 40,000.
    pub table_write_units: u64,
    /// Read units that all provisioned tables and indexes can have together. Default 80,000.
    pub account_read_units: u64,
    /// Write units that all provisioned tables and indexes can have together. Default 80,000.
    pub account_write_units: u64,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            table_read_units: 40_000,
            table_write_units: 40_000,
            account_read_units: 80_000,
            account_write_units: 80_000,
        }
    }
}

/// A model of the throughput that the service admits; see [`OpenOptions::capacity`](crate::OpenOptions::capacity).
///
/// ```
/// use hashrange::{Clock, ErrorKind, capacity::CapacityModel, prelude::*};
///
/// # fn main() -> hashrange::Result<()> {
/// let clock = Clock::manual(1_800_000_000_000);
/// let db = Database::options().clock(clock.clone()).capacity(CapacityModel::service()).in_memory()?;
/// let stock = db.create_table("stock").hash::<S>("sku").provisioned(10, 2).create()?;
/// let bolt = Item::new().with("sku", "bolt");
/// stock.put(&bolt)?;
/// stock.put(&bolt)?;
/// let error = stock.put(&bolt).unwrap_err();
/// assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Throttled, true));
/// assert_eq!(error.throttling_reasons()[0].name(), "TableWriteProvisionedThroughputExceeded");
/// clock.advance(std::time::Duration::from_millis(500));
/// stock.put(&bolt)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapacityModel {
    /// When a request is admitted. Default: [`AdmissionRule::PostPaid`].
    pub admission: AdmissionRule,
    /// Seconds for which provisioned throughput that is not used is kept. 1 to 86,400; default 300.
    pub burst_secs: u32,
    /// Whether a new table begins with all that it can keep, instead of one second's throughput. Default false.
    pub starts_full: bool,
    /// Read units a second of one partition. 1 to 1,000,000; default 3,000.
    pub partition_read_units: u64,
    /// Write units a second of one partition. 1 to 1,000,000; default 1,000.
    pub partition_write_units: u64,
    /// Read units a second of one partition if all its reads are eventually consistent: 3,000, or 4,500 as was measured of the
    /// service once. 1 to 1,000,000; default 3,000.
    pub eventual_read_units: u64,
    /// Whether reads and writes of a partition share its ceiling, so that their shares of it sum to one at most. Default
    /// false: they are judged apart.
    pub combined: bool,
    /// Whether a partition may use what others leave of a provisioned table's throughput. Default true, as in the service
    /// today; false gives each partition an equal share, as it was before 2018, exact to parts of a unit.
    pub adaptive: bool,
    /// When a partition is cut for heat. `None`: never.
    pub heat: Option<HeatModel>,
    /// Minutes after which a peak of an on-demand table counts: twice the peak is admitted from then on. At most 1,440;
    /// default 30.
    pub peak_minutes: u32,
    /// How a write is rejected that an index of an on-demand table has no capacity for.
    pub index_refusal: IndexRefusal,
    /// Whether a rejection names every table and index that had no capacity, instead of the first one. Default true.
    pub all_reasons: bool,
    /// Quotas of the account.
    pub quotas: Quotas,
    /// Milliseconds from a change of a table's throughput or billing until it acts, by the clock. At most a day; default 0.
    pub update_millis: u64,
    /// The same seed draws the same samples of hot keys.
    pub seed: u64,
}

impl CapacityModel {
    /// The service, as far as it is known.
    pub fn service() -> Self {
        Self {
            admission: AdmissionRule::PostPaid,
            burst_secs: 300,
            starts_full: false,
            partition_read_units: 3_000,
            partition_write_units: 1_000,
            eventual_read_units: 3_000,
            combined: false,
            adaptive: true,
            heat: Some(HeatModel::default()),
            peak_minutes: 30,
            index_refusal: IndexRefusal::Throttling,
            all_reasons: true,
            quotas: Quotas::default(),
            update_millis: 0,
            seed: 0,
        }
    }

    /// Rejects what no service can be modelled by, by the name of the field.
    pub(crate) fn check(&self) -> Result<()> {
        const DAY_SECS: u32 = 24 * 60 * 60;
        const CEILING: RangeInclusive<u64> = 1..=1_000_000;
        const QUOTA: RangeInclusive<u64> = 1..=1_000_000_000_000;
        check_option("capacity.burst_secs", self.burst_secs, 1..=DAY_SECS)?;
        check_option("capacity.partition_read_units", self.partition_read_units, CEILING)?;
        check_option("capacity.partition_write_units", self.partition_write_units, CEILING)?;
        check_option("capacity.eventual_read_units", self.eventual_read_units, CEILING)?;
        check_option("capacity.peak_minutes", self.peak_minutes, 0..=1_440)?;
        check_option("capacity.update_millis", self.update_millis, 0..=u64::from(DAY_SECS) * 1_000)?;
        check_option("capacity.quotas.table_read_units", self.quotas.table_read_units, QUOTA)?;
        check_option("capacity.quotas.table_write_units", self.quotas.table_write_units, QUOTA)?;
        check_option("capacity.quotas.account_read_units", self.quotas.account_read_units, QUOTA)?;
        check_option("capacity.quotas.account_write_units", self.quotas.account_write_units, QUOTA)?;
        let Some(heat) = self.heat else { return Ok(()) };
        check_option("capacity.heat.percent", heat.percent, 1..=100)?;
        check_option("capacity.heat.of_secs", heat.of_secs, 1..=128)?;
        check_option("capacity.heat.hot_secs", heat.hot_secs, 1..=heat.of_secs)?;
        check_option("capacity.heat.delay_secs", heat.delay_secs, 0..=DAY_SECS)
    }
}

impl Default for CapacityModel {
    fn default() -> Self {
        Self::service()
    }
}
