//! How long changes of tables take.
//!
//! The service answers a change with `CREATING`, `UPDATING` or `ENABLING`, and is done seconds or minutes later. Here the
//! first answer says the same, and by default the change is done with it: clients that wait find it done at their first
//! look. With [`Timing::Service`] it takes the time that was seen of the service, by the database's clock, so that a
//! program's waiting can be tested.

use hashrange::schema::KinesisTiming;

/// How long changes of tables take, and whether the service's pauses between them hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Timing {
    /// Changes are done with the answer, and may follow each other at once. The default.
    #[default]
    Instant,
    /// Changes take as long as they were seen to take, and some may follow only after a pause: time to live changes once in
    /// 31 minutes, a resource policy every 15 seconds. New tables are usable at once all the same; that they are not is an option
    /// of the database ([`creating_millis`](hashrange::OpenOptions::creating_millis)).
    Service,
}

/// What takes time, in milliseconds; small tables, as seen of the service in October 2026.
pub(crate) mod takes {
    /// Provisioned throughput.
    pub(crate) const THROUGHPUT: u64 = super::Timing::THROUGHPUT_MILLIS;
    /// From provisioned throughput to on-demand billing, for the first time.
    pub(crate) const ON_DEMAND: u64 = 150_000;
    /// The same once more.
    pub(crate) const ON_DEMAND_AGAIN: u64 = 4_500;
    /// From on-demand billing to provisioned throughput.
    pub(crate) const PROVISIONED: u64 = 80_000;
    /// More throughput that a table is ready for, for the first time.
    pub(crate) const WARM: u64 = 400_000;
    /// The same once more.
    pub(crate) const WARM_AGAIN: u64 = 2_000;
    /// A replica of a small table until it is described.
    pub(crate) const REPLICA_SHOWN: u64 = 6_000;
    /// A replica of a small table.
    pub(crate) const REPLICA: u64 = 21_000;
    /// From a replica's creation until the region that it was asked for at can leave.
    pub(crate) const REPLICA_SOURCE: u64 = 24 * 60 * 60 * 1000;
    /// Another table class.
    pub(crate) const TABLE_CLASS: u64 = 6_000;
    /// Another encryption key.
    pub(crate) const ENCRYPTION: u64 = 22_000;
    /// From the change of an encryption key until the new one is shown.
    pub(crate) const ENCRYPTION_KEY_SHOWN: u64 = 8_500;
    /// Contributor insights.
    pub(crate) const INSIGHTS: u64 = 2_000;
    /// A Kinesis destination until it is active.
    pub(crate) const KINESIS_ENABLING: u64 = 5_000;
    /// A Kinesis destination until it is disabled.
    pub(crate) const KINESIS_DISABLING: u64 = 2_000;
    /// Another precision of a Kinesis destination.
    pub(crate) const KINESIS_UPDATING: u64 = 135_000;
    /// From a table's creation until backups are possible.
    pub(crate) const CONTINUOUS_BACKUPS: u64 = 10_000;
    /// A backup until it is available.
    pub(crate) const BACKUP: u64 = 50;
    /// A restore of a small table.
    pub(crate) const RESTORE: u64 = 90_000;
    /// An export of a small table.
    pub(crate) const EXPORT: u64 = 180_000;
    /// An import of a small table until the table is active.
    pub(crate) const IMPORT_TABLE: u64 = 110_000;
    /// The same until it is completed.
    pub(crate) const IMPORT: u64 = 114_000;
    /// A bulk write of a few items.
    pub(crate) const BULK: u64 = 60_000;
    /// What can be restored ends so long ago.
    pub(crate) const RECOVERY_LAG: u64 = 300_000;
    /// The pause between two changes of time to live.
    pub(crate) const TTL_PAUSE: u64 = 31 * 60 * 1000;
    /// How long a resource policy is said to be pending.
    pub(crate) const POLICY: u64 = 1_500;
    /// The pause between two changes of a resource policy.
    pub(crate) const POLICY_PAUSE: u64 = 15_000;
}

impl Timing {
    /// Milliseconds that a change of throughput or billing takes with [`Timing::Service`].
    pub const THROUGHPUT_MILLIS: u64 = 2_000;

    /// How long changes of Kinesis destinations take.
    pub(crate) fn kinesis(self) -> KinesisTiming {
        match self {
            Self::Instant => KinesisTiming::default(),
            Self::Service => KinesisTiming {
                enabling_millis: takes::KINESIS_ENABLING,
                disabling_millis: takes::KINESIS_DISABLING,
                updating_millis: takes::KINESIS_UPDATING,
            },
        }
    }

    /// Whether something that began at a moment, if it did, and takes so long goes on.
    pub(crate) fn is_under_way(self, began_millis: impl Into<Option<u64>>, takes_millis: u64, now_millis: u64) -> bool {
        let Some(began_millis) = began_millis.into() else { return false };
        // A clock that was set back behind the beginning keeps nothing waiting.
        let age_millis = now_millis.checked_sub(began_millis);
        self == Self::Service && age_millis.is_some_and(|age_millis| age_millis < takes_millis)
    }
}
