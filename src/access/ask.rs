//! What a request asks for: an action on a resource, and what conditions can test.

use super::{action::Action, arn::ResourceArn};
use std::{borrow::Cow, net::IpAddr};

/// Attributes of a partition key, at most.
const MAX_PARTITION_KEYS: usize = 4;

/// One authorisation that a request needs. Each member that a condition can test is absent where the request does not have
/// it: a missing value is a value of its own in IAM's language.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Ask<'a> {
    /// The action.
    pub action: Action,
    /// What it is done to.
    pub resource: ResourceArn,
    /// Values of the partition key attributes that the request names, attribute by attribute: `dynamodb:LeadingKeys`. Texts
    /// are as they are, numbers in canonical form, binary values in base64.
    pub partition_keys: [Option<Vec<Cow<'a, str>>>; MAX_PARTITION_KEYS],
    /// Names of the top-level attributes that the request spells: `dynamodb:Attributes`.
    pub attributes: Option<Vec<Cow<'a, str>>>,
    /// `dynamodb:Select`.
    pub select: Option<&'a str>,
    /// `dynamodb:ReturnValues`.
    pub return_values: Option<&'a str>,
    /// `dynamodb:ReturnConsumedCapacity`.
    pub return_consumed_capacity: Option<&'a str>,
    /// `dynamodb:EnclosingOperation`: the transaction that the action is part of.
    pub enclosing_operation: Option<&'a str>,
    /// `dynamodb:FullTableScan`: whether a statement reads a whole table or index.
    pub full_table_scan: Option<bool>,
    /// Tags of the resource, where tags decide: `aws:ResourceTag/..`.
    pub resource_tags: Vec<(String, String)>,
    /// Tags that the request sets: `aws:RequestTag/..`.
    pub request_tags: Vec<(String, String)>,
    /// Names of the tags that the request sets or removes: `aws:TagKeys`.
    pub tag_keys: Option<Vec<Cow<'a, str>>>,
}

impl<'a> Ask<'a> {
    /// Asks for an action on a resource, and has nothing for conditions to test.
    pub fn new(action: Action, resource: ResourceArn) -> Self {
        Self {
            action,
            resource,
            partition_keys: [const { None }; MAX_PARTITION_KEYS],
            attributes: None,
            select: None,
            return_values: None,
            return_consumed_capacity: None,
            enclosing_operation: None,
            full_table_scan: None,
            resource_tags: Vec::new(),
            request_tags: Vec::new(),
            tag_keys: None,
        }
    }
    /// With these values of the first partition key attribute.
    #[must_use]
    pub fn partition_keys<T: Into<Cow<'a, str>>>(mut self, values: impl IntoIterator<Item = T>) -> Self {
        self.partition_keys[0] = Some(values.into_iter().map(Into::into).collect());
        self
    }
    /// With these names of attributes.
    #[must_use]
    pub fn attributes<T: Into<Cow<'a, str>>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.attributes = Some(names.into_iter().map(Into::into).collect());
        self
    }
    /// The same action and resource without what conditions can test.
    #[must_use]
    pub fn bare(&self) -> Ask<'static> {
        Ask::new(self.action, self.resource.clone())
    }
}

/// When and from where a request comes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Environment {
    /// The time in milliseconds since 1970: `aws:CurrentTime`, `aws:EpochTime`.
    pub now_millis: u64,
    /// Address of the client: `aws:SourceIp`.
    pub source_ip: Option<IpAddr>,
    /// Whether the connection is encrypted: `aws:SecureTransport`.
    pub secure_transport: Option<bool>,
    /// What the client says that it is: `aws:UserAgent`.
    pub user_agent: Option<String>,
    /// `aws:RequestedRegion`.
    pub requested_region: Option<String>,
    /// What the request wants to be told about the capacity that it consumes, of which only a protocol's front end knows:
    /// `dynamodb:ReturnConsumedCapacity`.
    pub return_consumed_capacity: Option<String>,
}
