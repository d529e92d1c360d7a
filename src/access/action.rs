//! Actions: what a policy allows or denies, and sets of them.

use super::policy_error::PolicyError;
use std::fmt;

macro_rules! actions {
    ($($name:ident)*) => {
        /// An action of DynamoDB, as policies name it. Most have the name of an operation; the operations of transactions and
        /// of PartiQL ask for the actions of what they contain.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[expect(missing_docs, reason = "the names are DynamoDB's")]
        pub enum Action {
            $($name,)*
        }

        /// All actions, in the order of their numbers.
        const ALL: &[Action] = &[$(Action::$name),*];

        impl Action {
            /// DynamoDB's name, such as `GetItem`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }
        }
    };
}

actions! {
    GetItem PutItem UpdateItem DeleteItem Query Scan BatchGetItem BatchWriteItem ConditionCheckItem
    PartiQLSelect PartiQLInsert PartiQLUpdate PartiQLDelete
    CreateTable UpdateTable DeleteTable DescribeTable ListTables DescribeLimits DescribeEndpoints
    UpdateTimeToLive DescribeTimeToLive TagResource UntagResource ListTagsOfResource
    PutResourcePolicy GetResourcePolicy DeleteResourcePolicy
    DescribeStream GetShardIterator GetRecords ListStreams
    UpdateContributorInsights DescribeContributorInsights ListContributorInsights
    EnableKinesisStreamingDestination DisableKinesisStreamingDestination UpdateKinesisStreamingDestination
    DescribeKinesisStreamingDestination
    UpdateContinuousBackups DescribeContinuousBackups CreateBackup DescribeBackup DeleteBackup ListBackups
    RestoreTableFromBackup RestoreTableToPointInTime
    ExportTableToPointInTime DescribeExport ListExports ImportTable DescribeImport ListImports
    StartBulkPutItems DescribeBulkOperation ListBulkOperations CancelBulkOperation
    CreateGlobalTable UpdateGlobalTable DescribeGlobalTable ListGlobalTables
    DescribeGlobalTableSettings UpdateGlobalTableSettings
    DescribeTableReplicaAutoScaling UpdateTableReplicaAutoScaling SearchVectors
    CreateTableReplica DeleteTableReplica CreateGlobalTableWitness DeleteGlobalTableWitness
    ReadDataForReplication WriteDataForReplication ReplicateSettings
    StartAwsBackupJob RestoreTableFromAwsBackup GetAbacStatus UpdateAbacStatus
    DescribeReservedCapacity DescribeReservedCapacityOfferings PurchaseReservedCapacityOfferings InjectError
}

impl Action {
    /// The action of this name; the case counts, as in the name of an operation.
    pub fn named(name: &str) -> Option<Self> {
        ALL.iter().copied().find(|action| action.name() == name)
    }
    /// All actions.
    pub fn all() -> impl Iterator<Item = Self> {
        ALL.iter().copied()
    }
    /// Whether the action reads a change stream.
    pub(super) fn is_of_streams(self) -> bool {
        matches!(self, Self::DescribeStream | Self::GetShardIterator | Self::GetRecords | Self::ListStreams)
    }
    /// Whether the request names values of partition keys, so that a condition on `LeadingKeys` limits it.
    pub(super) fn has_leading_keys(self) -> bool {
        use Action::*;
        matches!(
            self,
            GetItem
                | BatchGetItem
                | Query
                | PutItem
                | UpdateItem
                | DeleteItem
                | BatchWriteItem
                | ConditionCheckItem
                | PartiQLSelect
                | PartiQLInsert
                | PartiQLUpdate
                | PartiQLDelete
        )
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dynamodb:{}", self.name())
    }
}

/// A set of actions.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ActionSet(u128);

const _: () = assert!(ALL.len() <= 128, "a set has 128 bits");

impl ActionSet {
    /// The actions that a pattern such as `dynamodb:Get*` names; none for those of other services.
    ///
    /// Errors: the pattern names no service.
    pub fn of_pattern(pattern: &str) -> Result<Self, PolicyError> {
        if pattern == "*" {
            return Ok(Self::everything());
        }
        let Some((service, name)) = pattern.split_once(':') else {
            return Err(PolicyError::new(format!(
                "the action {pattern:?} names no service; write \"dynamodb:{pattern}\""
            )));
        };
        if name.is_empty() || service.is_empty() {
            return Err(PolicyError::new(format!("the action {pattern:?} is incomplete")));
        }
        if service != "*" && !service.eq_ignore_ascii_case("dynamodb") {
            return Ok(Self::default());
        }
        let pattern = name.to_ascii_lowercase();
        let mut set = Self::default();
        for action in ALL {
            if glob(pattern.as_bytes(), action.name().to_ascii_lowercase().as_bytes()) {
                set.0 |= 1 << (*action as u32);
            }
        }
        Ok(set)
    }
    fn everything() -> Self {
        Self(if ALL.len() == 128 { u128::MAX } else { (1 << ALL.len()) - 1 })
    }
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
    pub fn complement(self) -> Self {
        Self(!self.0 & Self::everything().0)
    }
    #[inline]
    pub fn contains(self, action: Action) -> bool {
        self.0 & (1 << (action as u32)) != 0
    }
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Debug for ActionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(ALL.iter().filter(|action| self.contains(**action))).finish()
    }
}

/// Whether a text matches a pattern in which `*` is any text and `?` is any byte.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while read < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                retry = Some((at, read));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[read] => {
                at += 1;
                read += 1;
            }
            _ => match &mut retry {
                Some((star, from)) => {
                    *from += 1;
                    (at, read) = (*star + 1, *from);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}
