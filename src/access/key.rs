//! Condition keys: what conditions and variables can name, and where the values come from.

use super::{
    ask::{Ask, Environment},
    date,
    policy_error::PolicyError,
    principal::{Principal, PrincipalKind},
};
use std::{borrow::Cow, fmt, net::IpAddr};

/// A condition key. Names ignore case.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ConditionKey {
    /// Values of the first, second, third or fourth partition key attribute, by position.
    PartitionKeyValues(usize),
    Attributes,
    Select,
    ReturnValues,
    ReturnConsumedCapacity,
    EnclosingOperation,
    FullTableScan,
    ResourceTag(String),
    RequestTag(String),
    TagKeys,
    UserName,
    UserId,
    PrincipalArn,
    PrincipalAccount,
    PrincipalType,
    PrincipalTag(String),
    SourceIp,
    CurrentTime,
    EpochTime,
    SecureTransport,
    RequestedRegion,
    UserAgent,
    ViaAwsService,
    /// A key that a program gives principals, such as those of identity providers.
    Other(String),
}

use ConditionKey::*;

/// Keys without a parameter, by their names in small letters.
const PLAIN: &[(&str, ConditionKey)] = &[
    ("dynamodb:leadingkeys", PartitionKeyValues(0)),
    ("dynamodb:firstpartitionkeyvalues", PartitionKeyValues(0)),
    ("dynamodb:secondpartitionkeyvalues", PartitionKeyValues(1)),
    ("dynamodb:thirdpartitionkeyvalues", PartitionKeyValues(2)),
    ("dynamodb:fourthpartitionkeyvalues", PartitionKeyValues(3)),
    ("dynamodb:attributes", Attributes),
    ("dynamodb:select", Select),
    ("dynamodb:returnvalues", ReturnValues),
    ("dynamodb:returnconsumedcapacity", ReturnConsumedCapacity),
    ("dynamodb:enclosingoperation", EnclosingOperation),
    ("dynamodb:fulltablescan", FullTableScan),
    ("aws:tagkeys", TagKeys),
    ("aws:username", UserName),
    ("aws:userid", UserId),
    ("aws:principalarn", PrincipalArn),
    ("aws:principalaccount", PrincipalAccount),
    ("aws:principaltype", PrincipalType),
    ("aws:sourceip", SourceIp),
    ("aws:currenttime", CurrentTime),
    ("aws:epochtime", EpochTime),
    ("aws:securetransport", SecureTransport),
    ("aws:requestedregion", RequestedRegion),
    ("aws:useragent", UserAgent),
    ("aws:viaawsservice", ViaAwsService),
];

/// A kind of keys that end in the name of a tag.
type TagKind = fn(String) -> ConditionKey;

const TAGS: [(&str, TagKind); 3] =
    [("aws:resourcetag/", ResourceTag), ("aws:requesttag/", RequestTag), ("aws:principaltag/", PrincipalTag)];

impl ConditionKey {
    /// The key of this name. Errors: it is no name of a key, or one of DynamoDB's that does not exist.
    pub fn parse(name: &str) -> Result<Self, PolicyError> {
        let small = name.to_ascii_lowercase();
        if let Some((_, key)) = PLAIN.iter().find(|(known, _)| *known == small) {
            return Ok(key.clone());
        }
        for (prefix, of) in TAGS {
            if small.starts_with(prefix) {
                let tag = name.get(prefix.len()..).unwrap_or_default();
                return if tag.is_empty() {
                    Err(PolicyError::new(format!("{name:?} names no tag")))
                } else {
                    Ok(of(tag.to_owned()))
                };
            }
        }
        let is_known_not_to_be = small.starts_with("dynamodb:") || !small.contains(':');
        if is_known_not_to_be || small.ends_with(':') {
            return Err(PolicyError::new(format!("{name:?} is no condition key")));
        }
        Ok(Other(name.to_owned()))
    }
    /// Whether a request has any number of values under it.
    pub fn has_many_values(&self) -> bool {
        matches!(self, PartitionKeyValues(_) | Attributes | TagKeys)
    }
    /// Whether it is none that this program fills.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Other(_))
    }
}

impl fmt::Display for ConditionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            PartitionKeyValues(0) => "dynamodb:LeadingKeys",
            PartitionKeyValues(1) => "dynamodb:SecondPartitionKeyValues",
            PartitionKeyValues(2) => "dynamodb:ThirdPartitionKeyValues",
            PartitionKeyValues(_) => "dynamodb:FourthPartitionKeyValues",
            Attributes => "dynamodb:Attributes",
            Select => "dynamodb:Select",
            ReturnValues => "dynamodb:ReturnValues",
            ReturnConsumedCapacity => "dynamodb:ReturnConsumedCapacity",
            EnclosingOperation => "dynamodb:EnclosingOperation",
            FullTableScan => "dynamodb:FullTableScan",
            ResourceTag(tag) => return write!(f, "aws:ResourceTag/{tag}"),
            RequestTag(tag) => return write!(f, "aws:RequestTag/{tag}"),
            PrincipalTag(tag) => return write!(f, "aws:PrincipalTag/{tag}"),
            TagKeys => "aws:TagKeys",
            UserName => "aws:username",
            UserId => "aws:userid",
            PrincipalArn => "aws:PrincipalArn",
            PrincipalAccount => "aws:PrincipalAccount",
            PrincipalType => "aws:PrincipalType",
            SourceIp => "aws:SourceIp",
            CurrentTime => "aws:CurrentTime",
            EpochTime => "aws:EpochTime",
            SecureTransport => "aws:SecureTransport",
            RequestedRegion => "aws:RequestedRegion",
            UserAgent => "aws:UserAgent",
            ViaAwsService => "aws:ViaAWSService",
            Other(name) => name,
        };
        f.write_str(name)
    }
}

/// What a request has under a key.
#[derive(Clone, Debug)]
pub(super) enum Found<'a> {
    Missing,
    Text(Cow<'a, str>),
    Texts(&'a [Cow<'a, str>]),
    Flag(bool),
    /// A moment, in milliseconds since 1970.
    Moment(u64),
    /// A moment, in seconds since 1970.
    Epoch(u64),
    Address(IpAddr),
}

impl<'a> Found<'a> {
    /// As one text; `None` if it is missing or there are several values.
    pub fn into_text(self) -> Option<Cow<'a, str>> {
        Some(match self {
            Self::Missing | Self::Texts(_) => return None,
            Self::Text(text) => text,
            Self::Flag(value) => Cow::Borrowed(if value { "true" } else { "false" }),
            Self::Moment(millis) => Cow::Owned(date::to_text(millis)),
            Self::Epoch(seconds) => Cow::Owned(seconds.to_string()),
            Self::Address(address) => Cow::Owned(address.to_string()),
        })
    }
    /// All values as texts; `None` if it is missing.
    pub fn to_texts(&self) -> Option<Vec<String>> {
        match self {
            Self::Missing => None,
            Self::Texts(texts) => Some(texts.iter().map(|text| text.clone().into_owned()).collect()),
            one => Some(one.clone().into_text().map(Cow::into_owned).into_iter().collect()),
        }
    }
}

/// Where the values of keys come from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lookup<'a> {
    pub principal: &'a Principal,
    pub environment: &'a Environment,
    /// The time in milliseconds since 1970, which is not that of the environment where a database has a clock.
    pub now_millis: u64,
    pub ask: &'a Ask<'a>,
}

fn text(value: Option<&str>) -> Found<'_> {
    value.map_or(Found::Missing, |value| Found::Text(Cow::Borrowed(value)))
}

fn texts<'a>(values: Option<&'a [Cow<'a, str>]>) -> Found<'a> {
    values.map_or(Found::Missing, Found::Texts)
}

fn tag<'a>(tags: impl IntoIterator<Item = &'a (String, String)>, name: &str) -> Found<'a> {
    text(tags.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str()))
}

impl<'a> Lookup<'a> {
    /// What the request has under a key.
    #[inline]
    pub fn find(&self, key: &ConditionKey) -> Found<'a> {
        let Self { principal, environment, now_millis, ask } = *self;
        match key {
            PartitionKeyValues(at) => texts(ask.partition_keys.get(*at).and_then(Option::as_deref)),
            Attributes => texts(ask.attributes.as_deref()),
            Select => text(ask.select),
            ReturnValues => text(ask.return_values),
            ReturnConsumedCapacity => text(ask.return_consumed_capacity),
            EnclosingOperation => text(ask.enclosing_operation),
            FullTableScan => ask.full_table_scan.map_or(Found::Missing, Found::Flag),
            ResourceTag(name) => tag(&ask.resource_tags, name),
            RequestTag(name) => tag(&ask.request_tags, name),
            TagKeys => texts(ask.tag_keys.as_deref()),
            UserName => match principal.kind() {
                PrincipalKind::User { name } => text(Some(name)),
                _ => Found::Missing,
            },
            UserId => text(principal.user_id.as_deref()),
            PrincipalArn => text(Some(principal.policy_arn())),
            PrincipalAccount => text(Some(principal.account_id())),
            PrincipalType => text(Some(principal.kind().type_name())),
            PrincipalTag(name) => tag(&principal.tags, name),
            SourceIp => environment.source_ip.map_or(Found::Missing, Found::Address),
            CurrentTime => Found::Moment(now_millis),
            EpochTime => Found::Epoch(now_millis / 1000),
            SecureTransport => environment.secure_transport.map_or(Found::Missing, Found::Flag),
            RequestedRegion => text(environment.requested_region.as_deref()),
            UserAgent => text(environment.user_agent.as_deref()),
            ViaAwsService => Found::Flag(false),
            Other(name) => tag(&principal.attributes, name),
        }
    }
}
