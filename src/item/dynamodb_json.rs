//! DynamoDB's JSON as a serde type, for fields of types that become JSON.

use super::{AttributeValue, Item, ItemRef};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use serde_json::value::RawValue;

/// An item or value that becomes DynamoDB's JSON in a JSON document (of `serde_json`), of which nothing is lost. By
/// themselves, items and values go through serde as plain data.
///
/// ```
/// use hashrange::{Item, item::DynamoDbJson};
///
/// let item = Item::new().with("id", "o#7").with("raw", vec![1u8, 2]);
/// let text = serde_json::to_string(&DynamoDbJson(item.clone())).unwrap();
/// assert_eq!(text, r#"{"id":{"S":"o#7"},"raw":{"B":"AQI="}}"#);
/// assert_eq!(serde_json::from_str::<DynamoDbJson<Item>>(&text).unwrap().0, item);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DynamoDbJson<T>(pub T);

macro_rules! json_text {
    ($($t:ty),*) => {$(
        impl Serialize for DynamoDbJson<$t> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                RawValue::from_string(self.0.to_dynamodb_json()).map_err(ser::Error::custom)?.serialize(serializer)
            }
        }
    )*};
}
json_text!(Item, &Item, ItemRef, &ItemRef, AttributeValue, &AttributeValue);

impl<'de> Deserialize<'de> for DynamoDbJson<Item> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        Item::from_dynamodb_json(text.get()).map(Self).map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for DynamoDbJson<AttributeValue> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        AttributeValue::from_dynamodb_json(text.get()).map(Self).map_err(de::Error::custom)
    }
}
