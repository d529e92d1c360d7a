//! Updates and projections: results on one item, and the text of every rejection.

use super::*;
use crate::item::ItemRef;

fn sample() -> Item {
    item([
        ("a", 1.into()),
        ("l", list(["x".into(), "y".into(), "z".into()])),
        ("m", map([("k", 1.into())])),
        ("ss", strings(["p"])),
        ("n", AttributeValue::Null),
        ("ll", list([list([1.into(), 2.into()]), list([strings(["p"]), 3.into()]), 4.into()])),
    ])
}

fn apply_to(old: Option<&Item>, text: &str) -> Result<Applied, String> {
    let update = update(text).expect(text);
    let old = old.map(ItemRef::from);
    update.apply(old.as_ref(), &item([("pk", "key".into())])).map_err(|error| error.message().to_owned())
}

/// The sample after an update, with only those attributes that changed; removed ones are NULL.
fn changes(text: &str) -> Result<Item, String> {
    let before = sample();
    let after = apply_to(Some(&before), text)?.item.expect("exists");
    let gone = before.keys().filter(|name| !after.contains_key(*name)).map(|n| (n.clone(), AttributeValue::Null));
    let changed = after.iter().filter(|(name, value)| before.get(*name) != Some(value));
    Ok(gone.chain(changed.map(|(name, value)| (name.clone(), value.clone()))).collect())
}

#[test]
fn results_on_an_item() {
    let texts = |all: &[&str]| AttributeValue::L(all.iter().map(|text| (*text).into()).collect());
    let cases = [
        ("SET a = a + :1, b = a", item([("a", 2.into()), ("b", 1.into())])),
        ("REMOVE a SET b = a", item([("a", AttributeValue::Null), ("b", 1.into())])),
        ("SET l[9] = :x, l[7] = :z", item([("l", texts(&["x", "y", "z", "z", "x"]))])),
        ("REMOVE l[0], l[1]", item([("l", texts(&["z"]))])),
        ("REMOVE l[1] SET l[2] = :s5", item([("l", texts(&["x", "5"]))])),
        ("SET l[2] = :s5 REMOVE l[1]", item([("l", texts(&["x", "5"]))])),
        ("REMOVE l[17]", item([])),
        ("REMOVE l[0] SET l[9] = :s5", item([("l", texts(&["y", "z", "5"]))])),
        ("REMOVE l[0], l[1], l[2]", item([("l", list([]))])),
        ("SET m.z = :1", item([("m", map([("k", 1.into()), ("z", 1.into())]))])),
        ("REMOVE m.k, zz", item([("m", map([]))])),
        ("SET b = if_not_exists(zz,:1)", item([("b", 1.into())])),
        ("SET b = if_not_exists(n,:1)", item([("b", AttributeValue::Null)])),
        ("SET b = if_not_exists(zz, if_not_exists(yy, a))", item([("b", 1.into())])),
        ("SET b = if_not_exists(zz, :5) - if_not_exists(a, :1)", item([("b", 4.into())])),
        ("SET b = (:5 - (a))", item([("b", 4.into())])),
        ("SET b = l[1], m.k = ll[0][1]", item([("b", "y".into()), ("m", map([("k", 2.into())]))])),
        ("ADD c :1", item([("c", 1.into())])),
        ("ADD a :5, m.k :5", item([("a", 6.into()), ("m", map([("k", 6.into())]))])),
        ("ADD ss :q", item([("ss", strings(["p", "q"]))])),
        ("ADD nn :ns", item([("nn", numbers([1]))])),
        ("DELETE ss :p", item([("ss", AttributeValue::Null)])),
        ("DELETE ss :q", item([])),
        ("DELETE zz :p", item([])),
        ("DELETE ll[1][0] :p", item([("ll", list([list([1.into(), 2.into()]), list([3.into()]), 4.into()]))])),
        (
            "REMOVE ll[0] DELETE ll[1][0] :p SET ll[1][1] = :5, ll[1][9] = :2",
            item([("ll", list([list([5.into(), 2.into()]), 4.into()]))]),
        ),
        ("SET b = list_append(ll[0], :list)", item([("b", list([1.into(), 2.into(), 1.into()]))])),
        ("SET b = list_append(if_not_exists(zz, :list), :list)", item([("b", list([1.into(), 1.into()]))])),
        (
            "set a = :5 remove m add c :1 delete ss :p",
            item([("a", 5.into()), ("m", AttributeValue::Null), ("c", 1.into()), ("ss", AttributeValue::Null)]),
        ),
        ("SET #dot = :1", item([("a.b", 1.into())])),
    ];
    for (text, expected) in cases {
        assert_eq!(changes(text), Ok(expected), "{text}");
    }
}

#[test]
fn what_cannot_be_applied() {
    let path = "The document path provided in the update expression is invalid for update";
    let missing = "The provided expression refers to an attribute that does not exist in the item";
    let wrong_type = "An operand in the update expression has an incorrect data type";
    let overflow = "Number overflow. Attempting to store a number with magnitude larger than supported range";
    for (text, expected) in [
        ("SET m.z.k = :1", path),
        ("SET a.b = :1", path),
        ("SET n.b = :1", path),
        ("SET m[0] = :1", path),
        ("SET l.b = :1", path),
        ("SET l[7].b = :1", path),
        ("REMOVE zz.y", path),
        ("REMOVE zz[1]", path),
        ("REMOVE a.y", path),
        ("DELETE zz.y :p", path),
        ("ADD zz.y :1", path),
        ("SET b = zz", missing),
        ("SET b = list_append(zz, :list)", missing),
        ("SET b = if_not_exists(zz, yy)", missing),
        ("SET b = l[3]", missing),
        ("SET b = l + :1", wrong_type),
        ("SET b = :1 - m", wrong_type),
        ("SET b = list_append(a, :list)", wrong_type),
        ("SET b = list_append(:list, if_not_exists(zz, :1))", wrong_type),
        ("SET b = if_not_exists(zz, list_append(:list, :list)) + :1", wrong_type),
        ("ADD ss :5", wrong_type),
        ("ADD a :p", wrong_type),
        ("ADD ss :ns", wrong_type),
        ("DELETE a :p", wrong_type),
        ("DELETE ss :ns", wrong_type),
        ("SET b = :1e125 + :1", overflow),
        ("ADD a :1e125", overflow),
    ] {
        assert_eq!(changes(text), Err(expected.to_owned()), "{text}");
    }
}

#[test]
fn results_are_nested_31_deep_at_most() {
    let mut value = AttributeValue::from(1);
    for _ in 0..30 {
        value = list([value]);
    }
    let placeholders = Placeholders::none().value(":v", value.clone()).value(":w", list([value]));
    let mut scope = Scope::new(&placeholders);
    let inside = UpdateExpression::parse("SET m.k = :v, b = :w", &mut scope).unwrap();
    let old = ItemRef::from(&sample());
    assert!(inside.apply(Some(&old), &item([])).is_ok());
    for text in ["SET m.k = :w", "SET b = list_append(:w, :v), a = list_append(:w, :w), m.k = :w", "SET l[9] = :w"] {
        let update = UpdateExpression::parse(text, &mut scope).unwrap();
        let error = update.apply(Some(&old), &item([])).unwrap_err();
        assert_eq!(error.message(), "Nesting Levels have exceeded supported limits", "{text}");
    }
}

#[test]
fn absent_items() {
    let key = || item([("pk", "key".into())]);
    for text in ["REMOVE a", "REMOVE a.b, c[1]", "DELETE a :p", "REMOVE a DELETE b.c :p"] {
        let applied = apply_to(None, text).unwrap();
        assert_eq!((applied.item, applied.creates), (None, false), "{text}");
    }
    let applied = apply_to(None, "SET b = pk REMOVE c.d").unwrap();
    assert!(applied.creates);
    assert_eq!(applied.item, Some(key().with("b", "key")));
    assert_eq!(apply_to(None, "ADD c :1").unwrap().item, Some(key().with("c", 1)));
    for text in ["SET b.a = :1", "SET b[1] = :1", "ADD b.a :1"] {
        let path = "The document path provided in the update expression is invalid for update";
        assert_eq!(apply_to(None, text).unwrap_err(), path, "{text}");
    }
    let bare = UpdateExpression::none().apply(None, &key()).unwrap();
    assert_eq!((bare.item, bare.creates), (Some(key()), true));
    let old = ItemRef::from(&sample());
    let unchanged = UpdateExpression::none().apply(Some(&old), &key()).unwrap();
    assert_eq!((unchanged.item, unchanged.creates), (Some(sample()), false));
}

#[test]
fn updated_parts_are_those_of_the_paths() {
    let none: Option<Item> = None;
    let texts = |all: &[&str]| AttributeValue::L(all.iter().map(|text| (*text).into()).collect());
    let cases = [
        ("SET a = :5", Some(item([("a", 1.into())])), Some(item([("a", 5.into())]))),
        ("SET m.z = :1", none.clone(), Some(item([("m", map([("z", 1.into())]))]))),
        ("SET b = :1", none.clone(), Some(item([("b", 1.into())]))),
        ("REMOVE a", Some(item([("a", 1.into())])), none.clone()),
        ("REMOVE zz", none.clone(), none.clone()),
        ("DELETE ss :p", Some(item([("ss", strings(["p"]))])), none.clone()),
        ("DELETE ss :q", Some(item([("ss", strings(["p"]))])), Some(item([("ss", strings(["p"]))]))),
        (
            "SET l[2] = :s5, l[9] = :s1 REMOVE l[0]",
            Some(item([("l", texts(&["x", "z"]))])),
            Some(item([("l", texts(&["y", "1"]))])),
        ),
        ("REMOVE l[1]", Some(item([("l", texts(&["y"]))])), Some(item([("l", texts(&["z"]))]))),
        ("REMOVE l[2]", Some(item([("l", texts(&["z"]))])), none.clone()),
        ("SET l[1] = :s5, l[9] = :s1", Some(item([("l", texts(&["y"]))])), Some(item([("l", texts(&["5"]))]))),
        // The element that has this index by then.
        ("SET l[3] = :s5, l[4] = :s1, l[9] = :s5", none.clone(), Some(item([("l", texts(&["5", "1"]))]))),
        (
            "REMOVE ll[0] SET ll[1][1] = :5, m.k = :2",
            Some(item([("ll", list([list([1.into(), 2.into()]), list([3.into()])])), ("m", map([("k", 1.into())]))])),
            Some(item([("ll", list([list([strings(["p"]), 5.into()])])), ("m", map([("k", 2.into())]))])),
        ),
    ];
    for (text, old_parts, new_parts) in cases {
        let old = ItemRef::from(&sample());
        let update = update(text).expect(text);
        let applied = update.apply(Some(&old), &item([])).expect(text);
        assert_eq!(update.updated_old(Some(&old)), old_parts, "{text}");
        assert_eq!(update.updated_old(None), None);
        assert_eq!(update.updated_new(&applied), new_parts, "{text}");
    }
}

#[test]
fn key_attributes_stay() {
    for text in ["SET pk = :1", "ADD pk.b :1", "REMOVE d SET b = :1, pk = :1", "DELETE b :p REMOVE pk"] {
        let update = update(text).unwrap();
        let expected =
            "One or more parameter values were invalid: Cannot update attribute pk. This attribute is part of the key";
        assert_eq!(update.check_writes_no_key(["pk", "sk"]).unwrap_err().message(), expected, "{text}");
        assert!(update.check_writes_no_key(["x"]).is_ok());
    }
    let update = update("SET a = :1, b.c = pk[0] + :1 ADD d :5 REMOVE e").unwrap();
    assert!(update.check_writes_no_key(["pk"]).is_ok());
    assert_eq!(update.all_paths().iter().map(|p| p.to_string()).collect::<Vec<_>>(), ["a", "b.c", "pk[0]", "d", "e"]);
    assert_eq!(update.literal_values().map(|(name, _)| name).collect::<Vec<_>>(), ["a", "d"]);
}

#[test]
fn syntax_errors_quote_their_surroundings() {
    for (text, token, near) in [
        ("INVALID SYNTAX HERE", "INVALID", "INVALID SYNTAX"),
        ("SET", "<EOF>", "SET"),
        ("set a", "<EOF>", "a"),
        ("add a", "<EOF>", "a"),
        ("set a=set", "set", "=set"),
        ("remove a = b", "=", "a = b"),
        ("delete a b", "b", "a b"),
        ("add a if_not_exist(b)", "if_not_exist", "a if_not_exist("),
        ("remove a b", "b", "a b"),
        ("set :a = b", ":a", "set :a ="),
        ("set a = b / c", "/", "b / c"),
        ("set a[1] = 1", "1", "= 1"),
        ("SET a = if_not_exist(a, 100)", "100", ", 100)"),
        ("SET if_not_exist(a, b) = a", "(", "if_not_exist(a"),
        ("set (a = (b + c))", "(", "set (a"),
        ("set a = (b.c).d + e", ".", ").d"),
        ("set a = b + c + d", "+", "c + d"),
        ("SET a = :1 + :2 + :5", "+", ":2 + :5"),
        ("SET a = (b + c) + d", "+", ") + d"),
        ("SET a = list_append(b + c, d)", "+", "b + c"),
        ("SET a = b + (c + d)", "+", "c + d"),
        ("SET a = (b", "<EOF>", "b"),
        ("ADD hits : incr", ":", "hits : incr"),
        ("SET a = :1,", "<EOF>", ","),
        ("SET a = :1, SET b = :1", "SET", ", SET b"),
        ("SET _123 = :1", "_", "SET _123"),
        ("SET a = path VALUE 1", "VALUE", "path VALUE 1"),
    ] {
        assert_eq!(update_fault(text), format!("Syntax error; token: \"{token}\", near: \"{near}\""), "{text}");
    }
    for text in ["set a = (b + c)", "set a = ((b.c.d)+(e))", "SET a = if_not_exists(a, b) + b", "set and1 = :1"] {
        assert!(update(text).is_ok(), "{text}");
    }
}

#[test]
fn refused_updates_in_the_order_of_checks() {
    let once = |name| format!("The \"{name}\" section can only be used once in an update expression;");
    let clash = |verb, one, two| {
        format!(
            "Two document paths {verb} with each other; must remove or rewrite one of these paths; path one: {one}, \
             path two: {two}"
        )
    };
    let reserved = "Attribute name is a reserved keyword; reserved keyword: ";
    let name = "An expression attribute name used in the document path is not defined; attribute name: ";
    let value = "An expression attribute value used in expression is not defined; attribute value: ";
    let type_of = |operation, type_name| {
        format!(
            "Incorrect operand type for operator or function; operator: {operation}, operand type: {type_name}, \
             typeSet: ALLOWED_FOR_ADD_OPERAND"
        )
    };
    let operand = |operator, type_name| {
        format!(
            "Incorrect operand type for operator or function; operator or function: {operator}, operand type: \
             {type_name}"
        )
    };
    for (text, expected) in [
        ("", "The expression can not be empty;".to_owned()),
        (" set #c = :c set abOrt = true ", format!("{reserved}abOrt")),
        ("set #c = if_not_exist(:c) set c = d", "Invalid function name; function: if_not_exist".to_owned()),
        ("set a = size(b)", "The function is not allowed in an update expression; function: size".to_owned()),
        (
            "SET l = list_append(list_append(l,:list),:list)",
            "The function is not allowed to be used this way in an expression; function: list_append".to_owned(),
        ),
        ("set a = #cc set c = :d", once("SET")),
        ("remove #d set a = b remove e", once("REMOVE")),
        ("add #d :e set a = b add e :f", once("ADD")),
        ("delete #d :e set a = b delete #e :f", once("DELETE")),
        ("SET a = :1 SET b = :2", once("SET")),
        ("SET a = :nope, #nope = if_not_exists(:c)", format!("{name}#nope")),
        ("SET #a = if_not_exists(:c), a = :1", format!("{value}:c")),
        ("SET a = :1 REMOVE a", clash("overlap", "[a]", "[a]")),
        ("set d[1] = a, d.b = a, c[1].a = a, #c = if_not_exists(a)", clash("overlap", "[c, [1], a]", "[c]")),
        ("set #c[3].#3 = a, #c[3] = a", clash("overlap", "[c, [3], [3]]", "[c, [3]]")),
        ("set #c[3].#3 = a, #c.#3[3] = if_not_exists(a)", clash("conflict", "[c, [3], [3]]", "[c, [3], [3]]")),
        ("remove a.#c set a[1] = #3", clash("conflict", "[a, c]", "[a, [1]]")),
        ("SET m.k = :1, m[0] = :2", clash("conflict", "[m, k]", "[m, [0]]")),
        ("set b = list_append(:x, a), c = if_not_exists(a) add a.b :x", type_of("ADD", "STRING")),
        ("ADD a :x", type_of("ADD", "STRING")),
        ("delete a.b :5", type_of("DELETE", "NUMBER")),
        ("add a.b :null", type_of("ADD", "NULL")),
        ("delete a.b :t", type_of("DELETE", "BOOL")),
        ("add a.b :b", type_of("ADD", "Binary")),
        ("add a.b :map", type_of("ADD", "MAP")),
        ("delete a.b :list", type_of("DELETE", "LIST")),
        (
            "set a = if_not_exists(c)",
            "Incorrect number of operands for operator or function; operator or function: if_not_exists, number of \
             operands: 1"
                .to_owned(),
        ),
        (
            "set a = if_not_exists(if_not_exists(a, b), c)",
            "Operator or function requires a document path; operator or function: if_not_exists".to_owned(),
        ),
        ("set a = list_append(:x, a)", operand("list_append", "S")),
        ("set a = :x + :b", operand("+", "S")),
        ("set a = a - :t", operand("-", "BOOL")),
        ("SET a[99999999999] = :1", "List index is not within the allowable range; index: [99999999999]".to_owned()),
    ] {
        assert_eq!(update_fault(text), expected, "{text}");
    }
}

#[test]
fn projections() {
    let item_ref = ItemRef::from(&item([
        ("a", map([("b", list([10.into(), 20.into(), 30.into()])), ("c", 1.into())])),
        ("d", 2.into()),
        ("a.b", 3.into()),
        ("ll", list([list([1.into(), map([("x", 2.into()), ("y", 3.into())])]), list([4.into()])])),
    ]));
    let project = |text: &str| with_scope(|scope| ProjectionExpression::parse(text, scope)).map(|p| p.apply(&item_ref));
    let cases = [
        ("a.b[2], a.b[0]", item([("a", map([("b", list([10.into(), 30.into()]))]))])),
        ("a.c, d", item([("a", map([("c", 1.into())])), ("d", 2.into())])),
        ("a.zz, zz, d.x, a.c[0], ll[7]", item([])),
        ("#dot", item([("a.b", 3.into())])),
        (
            "ll[1], ll[0][1].y, ll[0][1].x",
            item([("ll", list([list([map([("x", 2.into()), ("y", 3.into())])]), list([4.into()])]))]),
        ),
        ("ll[1][0], ll[0][0]", item([("ll", list([list([1.into()]), list([4.into()])]))])),
    ];
    for (text, expected) in cases {
        assert_eq!(project(text), Ok(expected), "{text}");
    }
    for (text, expected) in [
        ("", "The expression can not be empty;"),
        ("!!", "Syntax error; token: \"!\", near: \"!!\""),
        ("a b", "Syntax error; token: \"b\", near: \"a b\""),
        ("a, ", "Syntax error; token: \"<EOF>\", near: \", \""),
        (":x", "Syntax error; token: \":x\", near: \":x\""),
        ("and", "Attribute name is a reserved keyword; reserved keyword: and"),
        ("#nope", "An expression attribute name used in the document path is not defined; attribute name: #nope"),
        (
            "a, a.b",
            "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], \
             path two: [a, b]",
        ),
        (
            "a.b, a[1]",
            "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [a, b], \
             path two: [a, [1]]",
        ),
    ] {
        assert_eq!(project(text), Err(format!("Invalid ProjectionExpression: {expected}")), "{text}");
    }
}

#[test]
fn a_statement_counts_what_it_writes_and_its_clauses() {
    let bytes = |text: &str| update(text).expect(text).statement_bytes();
    // :x is a string of one byte, :1 the number 1 of two bytes.
    let one = bytes("SET a = :x");
    assert_eq!(one, 3 + 19 + 1 + 1);
    assert_eq!(bytes("SET a = :x, b = :x") - one, 19 + 1 + 1);
    assert_eq!(bytes("SET a = :x REMOVE b") - one, 2);
    assert_eq!(bytes("SET abc = :x") - one, 2);
    assert_eq!(bytes("SET a.bc[10] = :x") - one, 4 + 2 + 4 + 2);
    assert_eq!(bytes("SET a = b"), 3 + 19 + 1 + 1 + 14 + 1);
    assert_eq!(bytes("SET a = b.c[10]"), 3 + 19 + 1 + 1 + 14 + 1 + 14 + 1 + 14 + 2);
    assert_eq!(bytes("SET a = a + :1"), 3 + 19 + 1 + 34 + 1 + 14 + 1 + 2);
    assert_eq!(bytes("SET a = a - b"), 3 + 19 + 1 + 37 + 2 * (1 + 14 + 1));
    assert_eq!(bytes("SET a = if_not_exists(a, :x)"), 3 + 19 + 1 + 39 + 1 + 14 + 1 + 1);
    assert_eq!(bytes("SET a = list_append(:list, :list)"), 3 + 19 + 1 + 37 + 2 * (3 + 1 + 2));
    assert_eq!(bytes("ADD a :1"), 3 + 19 + 1 + 2);
}
