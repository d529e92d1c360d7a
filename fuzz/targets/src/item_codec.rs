//! Items as bytes: what is written is read back, and any bytes are an item, a part of one, or an error.

use crate::value;
use arbitrary::{Result, Unstructured};
use bytes::Bytes;
use hashrange::{
    Item, ItemRef, ValueRef,
    fuzzing::{Dictionary, DictionaryBuilder, decode, encode_item, transcode},
    item::size::{item_size, validate_item},
};
use std::sync::Arc;

/// Calls every function that reads an item. No function may panic, whatever the bytes are.
fn look(item: &ItemRef) {
    let _ = (item.size_bytes(), item.to_json(), item.to_dynamodb_json(), item.to_inline_bytes(), format!("{item:?}"));
    let _ = item.de::<serde_json::Value>();
    for path in ["a", "b.c", "a[1]", "d[0].a", "name", "a.b", "", "[0]", "."] {
        item.get(path).into_iter().for_each(look_at);
    }
    item.iter().for_each(|(_, value)| look_at(value));
    assert_eq!(*item, item.clone());
}

fn look_at(value: ValueRef<'_>) {
    let _ =
        (value.type_name(), value.as_str(), value.as_number(), value.as_bool(), value.as_bytes(), value.size_bytes());
    let _ = (value.to_value(), value.len(), value.index(1), value.get("a"), value.to_json());
    value.list().chain(value.set()).for_each(look_at);
    value.map().for_each(|(_, value)| look_at(value));
}

/// Rewrites an item for a dictionary and back.
fn check_transcode(item: &ItemRef, tree: &Item) {
    let mut names = DictionaryBuilder::default();
    let mut out = Vec::new();
    transcode(item, &mut names, &mut out).expect("a whole item is rewritten");
    let mut encoded_names = Vec::new();
    let names = names.finish();
    names.encode(&mut encoded_names);
    let names = Arc::new(Dictionary::decode(&encoded_names).expect("a dictionary is read back"));
    let short = ItemRef::with_names(Bytes::from(out), names);
    short.check().expect("a rewritten item is whole");
    assert_eq!(short.to_item(), *tree);
    assert_eq!(short, *item);
    assert_eq!(short.to_inline_bytes(), item.to_inline_bytes());
    look(&short);
}

fn check_tree(tree: &Item) {
    let bytes = encode_item(tree);
    let item = ItemRef::from(tree);
    assert_eq!(item.encoded(), bytes);
    assert_eq!(item.size_bytes(), item_size(tree));
    assert_eq!(item.to_item(), *tree);
    item.check().expect("an encoded item is whole");
    assert_eq!(decode(&bytes).expect("an encoded item is read back"), *tree);
    for (name, value) in tree.iter() {
        let found = item.get(name).expect("an attribute is found");
        assert!(found.eq_value(value) && found.to_value() == *value);
    }
    check_transcode(&item, tree);
    assert_eq!((item.to_json(), item.to_dynamodb_json()), (tree.to_json(), tree.to_dynamodb_json()));
    if validate_item(tree).is_ok() {
        assert_eq!(Item::from_dynamodb_json(&tree.to_dynamodb_json()).expect("what is printed can be read"), *tree);
        Item::from_json(&tree.to_json()).expect("what is printed can be read");
    }
    look(&item);
}

fn check_bytes(bytes: &[u8], names: Option<Arc<Dictionary>>) {
    let bytes = Bytes::copy_from_slice(bytes);
    let item = match &names {
        Some(names) => ItemRef::with_names(bytes.clone(), names.clone()),
        None => ItemRef::from_bytes(bytes.clone()),
    };
    look(&item);
    let mut out = Vec::new();
    let _ = transcode(&item, &mut DictionaryBuilder::default(), &mut out);
    if item.check().is_err() {
        return;
    }
    let tree = item.to_item();
    if names.is_none() {
        // With names written out an item has one encoding.
        assert_eq!(encode_item(&tree), bytes);
    }
    assert_eq!(item.size_bytes(), item_size(&tree));
    check_transcode(&item, &tree);
}

fn check(u: &mut Unstructured<'_>) -> Result<()> {
    match u.int_in_range(0..=3)? {
        0 => check_tree(&value::item(u)?),
        1 => check_bytes(value::rest(u), None),
        2 => {
            let mut names = DictionaryBuilder::default();
            value::NAMES.iter().for_each(|name| {
                names.id_for(name);
            });
            check_bytes(value::rest(u), Some(Arc::new(names.finish())));
        }
        _ => {
            // An item with a few wrong bytes.
            let mut bytes = encode_item(&value::item(u)?);
            for _ in 0..u.int_in_range(1..=3)? {
                let at = u.choose_index(bytes.len())?;
                bytes[at] = u.arbitrary()?;
            }
            check_bytes(&bytes, None);
            if let Some(names) = Dictionary::decode(value::rest(u)) {
                check_bytes(&bytes, Some(Arc::new(names)));
            }
        }
    }
    Ok(())
}

pub fn item_codec(data: &[u8]) {
    let _ = check(&mut Unstructured::new(data));
    if let Ok(text) = std::str::from_utf8(data) {
        for item in [Item::from_json(text), Item::from_dynamodb_json(text)].into_iter().flatten() {
            let _ = item.to_json();
        }
    }
}
