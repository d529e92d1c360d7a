//! Which condition keys policies test, so that a request need not find out what nothing looks at.

use super::key::ConditionKey;
use std::ops::BitOr;

/// Kinds of condition keys whose values cost something to find.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tested(u8);

impl Tested {
    pub const PARTITION_KEYS: Self = Self(1);
    pub const ATTRIBUTES: Self = Self(1 << 1);
    pub const RESOURCE_TAGS: Self = Self(1 << 2);
    pub const TIME: Self = Self(1 << 3);
    /// All of them, where the policies are not known yet.
    pub const ALL: Self = Self(0b1111);

    /// The kind of a key; none if its value costs nothing.
    pub(super) fn of(key: &ConditionKey) -> Self {
        match key {
            ConditionKey::PartitionKeyValues(_) => Self::PARTITION_KEYS,
            ConditionKey::Attributes => Self::ATTRIBUTES,
            ConditionKey::ResourceTag(_) => Self::RESOURCE_TAGS,
            ConditionKey::CurrentTime | ConditionKey::EpochTime => Self::TIME,
            _ => Self::default(),
        }
    }
    /// Whether one of those kinds is among these.
    #[inline]
    pub fn includes(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for Tested {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
