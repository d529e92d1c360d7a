//! Attribute values and items from and to those of other crates, each behind a feature: `aws-sdk` for the official SDK,
//! `serde_dynamo` for the crate of that name.
//!
//! To them nothing can fail. From them it can: a number that is none, a set that is empty or has an element twice, a
//! value of a kind that came after this crate.

use super::{AttributeValue, Item, Number};
use crate::error::{Error, Result};
use std::collections::{BTreeMap, BTreeSet, HashMap};

fn set<T: Ord>(elements: impl IntoIterator<Item = Result<T>>) -> Result<BTreeSet<T>> {
    let mut set = BTreeSet::new();
    for element in elements {
        if !set.insert(element?) {
            return Err(Error::decode("a set has an element twice"));
        }
    }
    if set.is_empty() { Err(Error::decode("a set is empty")) } else { Ok(set) }
}

/// The conversions from and to one crate's types, whose variants have the same names.
macro_rules! convert {
    ($theirs:path, $binary:expr, $bytes:expr $(, $unknown:pat)?) => {
        impl From<AttributeValue> for $theirs {
            fn from(value: AttributeValue) -> Self {
                match value {
                    AttributeValue::S(text) => Self::S(text),
                    AttributeValue::N(number) => Self::N(number.to_string()),
                    AttributeValue::B(bytes) => Self::B($binary(bytes.into())),
                    AttributeValue::Bool(truth) => Self::Bool(truth),
                    AttributeValue::Null => Self::Null(true),
                    AttributeValue::L(list) => Self::L(list.into_iter().map(Self::from).collect()),
                    AttributeValue::M(map) => {
                        Self::M(map.into_iter().map(|(name, value)| (name, value.into())).collect())
                    }
                    AttributeValue::Ss(set) => Self::Ss(set.into_iter().collect()),
                    AttributeValue::Ns(set) => Self::Ns(set.iter().map(ToString::to_string).collect()),
                    AttributeValue::Bs(set) => Self::Bs(set.into_iter().map(|bytes| $binary(bytes.into())).collect()),
                }
            }
        }

        /// Errors: kind [`Decode`](crate::ErrorKind::Decode) for a number, set or kind that a value of this crate cannot be.
        impl TryFrom<$theirs> for AttributeValue {
            type Error = Error;
            fn try_from(value: $theirs) -> Result<Self> {
                use $theirs as Theirs;
                let number = |text: String| {
                    Number::parse(&text).map_err(|_| Error::decode(format!("{text:?} is no number")))
                };
                Ok(match value {
                    Theirs::S(text) => Self::S(text),
                    Theirs::N(text) => Self::N(number(text)?),
                    Theirs::B(binary) => Self::B($bytes(binary).into()),
                    Theirs::Bool(truth) => Self::Bool(truth),
                    Theirs::Null(_) => Self::Null,
                    Theirs::L(list) => Self::L(list.into_iter().map(Self::try_from).collect::<Result<_>>()?),
                    Theirs::M(map) => {
                        let members = map.into_iter().map(|(name, value)| Ok((name, Self::try_from(value)?)));
                        Self::M(members.collect::<Result<BTreeMap<_, _>>>()?)
                    }
                    Theirs::Ss(texts) => Self::Ss(set(texts.into_iter().map(Ok))?),
                    Theirs::Ns(texts) => Self::Ns(set(texts.into_iter().map(number))?),
                    Theirs::Bs(binaries) => Self::Bs(set(binaries.into_iter().map(|binary| Ok($bytes(binary).into())))?),
                    $($unknown => return Err(Error::decode("a value of a kind that this crate does not have")),)?
                })
            }
        }

        impl From<Item> for HashMap<String, $theirs> {
            fn from(item: Item) -> Self {
                item.0.into_iter().map(|(name, value)| (name, value.into())).collect()
            }
        }

        /// Errors: those of its values.
        impl TryFrom<HashMap<String, $theirs>> for Item {
            type Error = Error;
            fn try_from(item: HashMap<String, $theirs>) -> Result<Self> {
                let members = item.into_iter().map(|(name, value)| Ok((name, AttributeValue::try_from(value)?)));
                members.collect::<Result<BTreeMap<_, _>>>().map(Self)
            }
        }
    };
}

#[cfg(feature = "aws-sdk")]
mod aws {
    use super::*;
    use aws_sdk_dynamodb::primitives::Blob;

    convert!(aws_sdk_dynamodb::types::AttributeValue, |bytes: Vec<u8>| Blob::new(bytes), Blob::into_inner, _);
}

#[cfg(feature = "serde_dynamo")]
mod dynamo {
    use super::*;

    convert!(serde_dynamo::AttributeValue, |bytes: Vec<u8>| bytes, |bytes: Vec<u8>| bytes);
}

#[cfg(all(test, feature = "aws-sdk"))]
mod tests {
    use super::*;
    use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue as Theirs};

    #[test]
    fn items_go_to_the_sdk_and_come_back() {
        let list = AttributeValue::L(vec![true.into(), AttributeValue::Null, AttributeValue::M(BTreeMap::new())]);
        let bytes = vec![0_u8, 255];
        let sets = [AttributeValue::Bs([vec![1_u8].into()].into()), AttributeValue::Ns([1.into()].into())];
        let [binaries, numbers] = sets;
        let item = Item::new().with("s", "text").with("n", 15).with("b", bytes.clone()).with("l", list);
        let item =
            item.with("bs", binaries).with("ns", numbers).with("ss", AttributeValue::Ss(["x".to_owned()].into()));
        let theirs: HashMap<String, Theirs> = item.clone().into();
        assert_eq!((&theirs["n"], &theirs["b"]), (&Theirs::N("15".to_owned()), &Theirs::B(Blob::new(bytes))));
        assert_eq!(Item::try_from(theirs).expect("it is one"), item);
        assert!(AttributeValue::try_from(Theirs::N("x".to_owned())).is_err());
    }
}
