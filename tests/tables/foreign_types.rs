//! Items from and to the types of other crates.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hashrange::{AttributeValue, ErrorKind, Item, Number};
use serde_dynamo::AttributeValue as Theirs;
use std::collections::HashMap;

fn every_type() -> Item {
    let nested = AttributeValue::L(vec![
        1.into(),
        AttributeValue::Null,
        AttributeValue::M([("a".to_owned(), true.into())].into()),
    ]);
    Item::new()
        .with("s", "text")
        .with("n", Number::parse("-12345678901234567890.5").unwrap())
        .with("b", vec![0_u8, 255])
        .with("nested", nested)
        .with("ss", AttributeValue::Ss(["x".to_owned(), "y".to_owned()].into()))
        .with("ns", AttributeValue::Ns([1.into(), 2.into()].into()))
        .with("bs", AttributeValue::Bs([vec![1_u8].into()].into()))
}

#[test]
fn items_go_to_serde_dynamo_and_come_back() {
    let theirs: HashMap<String, Theirs> = every_type().into();
    assert_eq!(theirs["n"], Theirs::N("-12345678901234567890.5".to_owned()));
    assert_eq!(Item::try_from(theirs).unwrap(), every_type());

    #[derive(serde::Deserialize, Debug, PartialEq)]
    struct Row {
        s: String,
    }
    let theirs: HashMap<String, Theirs> = every_type().into();
    assert_eq!(
        serde_dynamo::from_item::<_, Row>(serde_dynamo::Item::from(theirs)).unwrap(),
        Row { s: "text".to_owned() }
    );
}

#[test]
fn what_is_no_value_here_is_an_error() {
    for theirs in [
        Theirs::N("seven".to_owned()),
        Theirs::Ns(vec!["1".to_owned(), "1.0".to_owned()]),
        Theirs::Ss(Vec::new()),
        Theirs::L(vec![Theirs::Bs(vec![vec![1], vec![1]])]),
    ] {
        assert_eq!(AttributeValue::try_from(theirs).unwrap_err().kind(), ErrorKind::Decode);
    }
}
