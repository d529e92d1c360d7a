//! Conditions: results on one item, and the text of every rejection.

use super::*;
use crate::item::ItemRef;

fn sample() -> ItemRef {
    ItemRef::from(&item([
        ("a", 5.into()),
        ("s", "x".into()),
        ("l", list([1.into(), 2.into()])),
        ("ss", strings(["p"])),
        ("n", AttributeValue::Null),
        ("m", map([("k", map([("deep", list([map([("x", 5.into())])]))]))])),
        ("bin", binary(b"abc")),
        ("a.b", "dotted".into()),
        ("c", "a".into()),
        ("emoji", "😀!".into()),
    ]))
}

#[test]
fn results_on_an_item() {
    let cases = [
        ("a = :5", true),
        ("a = :s5", false),
        ("a <> :s5", true),
        ("zz <> :1", true),
        ("zz = :1", false),
        ("NOT zz = :1", true),
        ("zz < :1", false),
        ("NOT zz < :1", true),
        ("a BETWEEN :1 AND :5", true),
        ("a between :5 and :5", true),
        ("a NOT BETWEEN", false),
        ("a IN (:1,:5)", true),
        ("a IN (:1,:s5)", false),
        ("zz IN (:1)", false),
        ("size(s) = :1", true),
        ("size(l) = :2", true),
        ("size(a) = :1", false),
        ("size(zz) <> :1", true),
        ("size(emoji) > :2 AND size(emoji) < :5", true),
        ("size(m) = :1 AND size(ss) = :1 AND size(bin) BETWEEN :2 AND :5", true),
        ("size(:x) = size(s)", true),
        ("attribute_exists(n)", true),
        ("attribute_exists(m.k.deep[0].x) AND m.k.deep[0].x = a", true),
        ("attribute_exists(m.k.deep[1]) OR attribute_exists(m[0]) OR attribute_exists(l.a)", false),
        ("attribute_not_exists(zz) AND attribute_not_exists(s.x)", true),
        ("attribute_type(n,:type)", true),
        ("attribute_type(a,:type)", false),
        ("attribute_type(:type,:type)", false),
        ("attribute_type(:null,:type)", true),
        ("begins_with(s, :x)", true),
        ("begins_with(bin, :b)", true),
        ("begins_with(:x, s)", true),
        ("begins_with(a, :s5)", false),
        ("contains(ss,:x) OR contains(l, :s1)", false),
        ("contains(l,:2)", true),
        ("contains(s,:2)", false),
        ("contains(bin, :b)", true),
        ("contains(:p, s) OR contains(:list, a)", false),
        ("contains(:ns, l[0])", true),
        ("contains(:list, l[0])", true),
        ("(a = :5)", true),
        ("(a) = (:5)", true),
        ("a=:5 AND s=:x OR zz=:1", true),
        ("zz=:1 OR s=:x AND a=:5", true),
        ("NOT a=:5 AND s=:x", false),
        ("NOT (a=:5 AND s=:z)", true),
        ("not not a = :5", true),
        ("s > :5", false),
        ("#dot >= :b", false),
        ("#dot > :1 OR begins_with(#dot, c)", false),
        ("(m).k.deep[0].x = :5 AND (m.k).deep[0].x = :5", true),
        (" \t\r\na=:5\n", true),
        ("s < :z and s <= :x and s >= :x and s > :s1", true),
        (":5 > :1 AND :1 < a AND size(:x) = :1", true),
        ("l = :list", false),
    ];
    let item = sample();
    for (text, expected) in cases {
        match condition(text) {
            Ok(condition) => assert_eq!(condition.matches(Some(&item)), expected, "{text}"),
            Err(error) => assert!(text.contains("NOT BETWEEN"), "{text}: {error}"),
        }
    }
}

#[test]
fn nothing_exists_in_an_absent_item() {
    for (text, expected) in [
        ("attribute_not_exists(a)", true),
        ("attribute_exists(a)", false),
        ("a = :1", false),
        ("a <> :1", true),
        ("a < :1 OR size(a) < :1 OR contains(a, :1) OR a IN (:1)", false),
        (":1 < :5", true),
    ] {
        assert_eq!(condition(text).unwrap().matches(None), expected, "{text}");
    }
}

#[test]
fn syntax_errors_quote_their_surroundings() {
    for (text, token, near) in [
        ("foo", "<EOF>", "foo"),
        ("   ", "<EOF>", "   "),
        ("a = ", "<EOF>", "= "),
        ("things are not", "are", "things are not"),
        ("a > 4", "4", "> 4"),
        ("a == :5", "=", "== :5"),
        ("a != :5", "!", "a !="),
        ("ü > a", "ü", "ü >"),
        ("attribute_exists(Pictures-RearView)", "-", "Pictures-RearView"),
        ("attribute_exists(\"x\")", "\"", "(\"x"),
        ("attribute_exists(Pictures..RearView)", ".", "..RearView"),
        ("attribute_exists(Pi#ctures.RearView)", "#ctures", "Pi#ctures."),
        ("attribute_exists(asdf[a])", "a", "[a]"),
        ("attribute_type()", ")", "()"),
        ("a[01] = :1", "0", "[01"),
        ("a > between", "between", "> between"),
        ("a in b", "b", "in b"),
        ("a in (b,c,)", ")", ",)"),
        ("a in ()", ")", "()"),
        ("(a)between(b.(c.d))and(c)", "(", ".(c"),
        ("(a)between(b.c.d)and((c)", "<EOF>", ")"),
        ("#$.b > a", "#", "#$"),
        ("a > :things.stuff", ".", ":things.stuff"),
        ("b[:a] > a", ":a", "[:a]"),
        ("(a)between(b.c[4.5].#d)and(:a)", ".", "4.5"),
        ("size(a).b > a", ".", ").b"),
        ("(size(a))[0] > a", "[", ")[0"),
        ("a = :1 = :5", "=", ":1 = :5"),
        ("a AND s", "AND", "a AND s"),
        ("NOT a", "<EOF>", "a"),
        ("(a = :1).b", ".", ").b"),
        ("(a = :1) = :1", "=", ") = :1"),
        ("a = (b = :1)", "=", "b = :1"),
        ("a = NOT b", "NOT", "= NOT b"),
        ("contains(a, b = c)", "=", "b = c"),
        ("a BETWEEN :1 OR :5", "OR", ":1 OR :5"),
        ("_a = :1", "_", "_a"),
        ("a = :1 AND", "<EOF>", "AND"),
        ("a = :1)", ")", ":1)"),
        ("a.in = :1", "in", ".in ="),
        ("a = :1 + :1", "+", ":1 + :1"),
        ("a = :1, b = :1", ",", ":1, b"),
        (")", ")", ")"),
    ] {
        assert_eq!(condition_fault(text), format!("Syntax error; token: \"{token}\", near: \"{near}\""), "{text}");
    }
}

#[test]
fn texts_that_are_empty_or_too_long() {
    assert_eq!(condition_fault(""), "The expression can not be empty;");
    let padded = |len: usize| format!("a = :1{}", " ".repeat(len - "a = :1".len()));
    assert!(condition(&padded(MAX_EXPRESSION_BYTES)).is_ok());
    let fault = "Expression size has exceeded the maximum allowed size;";
    assert_eq!(condition_fault(&padded(MAX_EXPRESSION_BYTES + 1)), fault);
}

#[test]
fn doubled_parentheses_are_refused() {
    for text in [
        "((a = :5))",
        "zz=zz and a > ((b))",
        "(a)between(((b.c)).d)and(c)",
        "a > whatever((:things), ((a)))",
        "a=a AND ((a=a AND a=a)) AND a=a",
        "a=a AND ((a=a AND (a=a AND a=a)))",
        "((attribute_exists(a)))",
        "((a)) = :1",
        "((size(a))) = :1",
        "NOT ((a = :1 AND b = :1))",
    ] {
        assert_eq!(condition_fault(text), "The expression has redundant parentheses;", "{text}");
    }
    for text in [
        "((a = :1) AND b = :1)",
        "((a) = (:1))",
        "(NOT (a = :1))",
        "((attribute_exists(a)) AND b = :1)",
        "a IN ((:1), (:2))",
        "contains((a), (:1))",
        "((a).b = :1 AND c = :1)",
    ] {
        assert!(condition(text).is_ok(), "{text}");
    }
}

#[test]
fn functions_by_name_and_place() {
    let misplaced = "The function is not allowed to be used this way in an expression; function: ";
    let unknown = "Invalid function name; function: ";
    let of_updates = "The function is not allowed in a condition expression; function: ";
    for (text, fault, function) in [
        ("a=a and whatever((:things)) > a", unknown, "whatever"),
        ("attRIbute_exIsts((views), #a)", unknown, "attRIbute_exIsts"),
        ("dog(a)", unknown, "dog"),
        ("if_not_exists(a,:5)=:5", of_updates, "if_not_exists"),
        ("a = list_append(a, b)", of_updates, "list_append"),
        ("a=a and attribute_exists((views), (#a)) > b", misplaced, "attribute_exists"),
        ("attribute_type(things, :a) > b", misplaced, "attribute_type"),
        ("begins_with(things, a) > b", misplaced, "begins_with"),
        ("size(contains(a, b)) > a", misplaced, "contains"),
        ("size(things)", misplaced, "size"),
        ("NOT size(things)", misplaced, "size"),
        ("(size(things)) AND a = :1", misplaced, "size"),
        ("a between b and attribute_exists(things)", misplaced, "attribute_exists"),
        ("a in (b, attribute_exists(things))", misplaced, "attribute_exists"),
    ] {
        assert_eq!(condition_fault(text), format!("{fault}{function}"), "{text}");
    }
}

#[test]
fn names_and_values() {
    let reserved = "Attribute name is a reserved keyword; reserved keyword: ";
    let name = "An expression attribute name used in the document path is not defined; attribute name: ";
    let value = "An expression attribute value used in expression is not defined; attribute value: ";
    for (text, fault, which) in [
        ("attribute_exists(views, #a)", reserved, "views"),
        (":a < abOrT", reserved, "abOrT"),
        ("m.name = :1", reserved, "name"),
        ("attribute_exists(#Pictures.RearView, :a) and a=a", name, "#Pictures"),
        ("begins_with(Pictures.#RearView)", name, "#RearView"),
        ("(#P between :lo and :hi) and (#PC in (:cat1, :cat2))", name, "#P"),
        ("#4g > a", name, "#4g"),
        ("#_ > a", name, "#_"),
        ("(a)between(b.c[45].#d)and(:a)", name, "#d"),
        ("begins_with(:hello, #a, #b)", value, ":hello"),
        (":a < :bb", value, ":a"),
        (":_ > a", value, ":_"),
    ] {
        assert_eq!(condition_fault(text), format!("{fault}{which}"), "{text}");
    }
}

#[test]
fn numbers_of_operands() {
    for (text, function, count) in [
        ("attribute_exists(things, a) and a=a", "attribute_exists", 2),
        ("attribute_not_exists(things, b)", "attribute_not_exists", 2),
        ("attribute_type(things)", "attribute_type", 1),
        ("begins_with(things)", "begins_with", 1),
        ("begins_with(things, size(a), b)", "begins_with", 3),
        ("contains(things)", "contains", 1),
        ("size(things, a) > b", "size", 2),
    ] {
        let fault = format!(
            "Incorrect number of operands for operator or function; operator or function: {function}, number of \
             operands: {count}"
        );
        assert_eq!(condition_fault(text), fault, "{text}");
    }
    let in_list = |count: usize| format!("a IN ({}:1)", ":1,".repeat(count - 1));
    assert!(condition(&in_list(100)).is_ok());
    let fault = "The IN operator is provided with too many operands; number of operands: 101";
    assert_eq!(condition_fault(&in_list(101)), fault);
}

#[test]
fn equal_operands() {
    for (text, operator, first) in [
        ("a = a AND #a = b AND :views > a", "=", "[a]"),
        ("#a <> a", "<>", "[a]"),
        ("a > #a", ">", "[a]"),
        ("((a=a) OR (a=a))", "=", "[a]"),
        ("contains(a, a)", "contains", "[a]"),
        ("contains(ab.bc[1].a, ab.bc[1].#a)", "contains", "[ab, bc, [1], a]"),
        ("attribute_type(ab.bc[1].#a, ab.bc[1].a)", "attribute_type", "[ab, bc, [1], a]"),
        ("begins_with(ab.bc[1].a, ab.bc[1].#a)", "begins_with", "[ab, bc, [1], a]"),
        ("a IN (:1, b, (a))", "IN", "[a]"),
        ("a BETWEEN :1 AND #a", "BETWEEN", "[a]"),
    ] {
        let fault = format!(
            "The first operand must be distinct from the remaining operands for this operator or function; operator: \
             {operator}, first operand: {first}"
        );
        assert_eq!(condition_fault(text), fault, "{text}");
    }
    assert!(condition(":1 = :1 AND size(a) = size(a)").is_ok());
}

#[test]
fn types_of_literal_operands() {
    for (text, operator, type_name) in [
        ("l < :list", "<", "L"),
        ("a >= :t", ">=", "BOOL"),
        (":p <= a", "<=", "SS"),
        ("a BETWEEN :1 AND :null", "BETWEEN", "NULL"),
        (":map BETWEEN :1 AND :5", "BETWEEN", "M"),
        ("begins_with(s, :5)", "begins_with", "N"),
        ("begins_with(:ns, s)", "begins_with", "NS"),
        ("begins_with(a, size(s)) and a=:5", "begins_with", "N"),
        ("size(:5) = :5", "size", "N"),
        ("size(:t) > a", "size", "BOOL"),
        ("size(:null) > a", "size", "NULL"),
        ("size(size(s)) = :1", "size", "N"),
        ("attribute_not_exists(size(:1))", "size", "N"),
        ("attribute_type(a, :1)", "attribute_type", "N"),
        ("attribute_type(a, size(s)) and a=a", "attribute_type", "N"),
        ("attribute_type(a, s)", "attribute_type", "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}"),
    ] {
        let fault = format!(
            "Incorrect operand type for operator or function; operator or function: {operator}, operand type: \
             {type_name}"
        );
        assert_eq!(condition_fault(text), fault, "{text}");
    }
    let fault = "Invalid attribute type name found; type: DOG, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}";
    assert_eq!(condition_fault("attribute_type(a,:dog)"), fault);
    for (text, function) in
        [("attribute_exists(:5)", "attribute_exists"), ("attribute_not_exists(size(:x))", "attribute_not_exists")]
    {
        let fault = format!("Operator or function requires a document path; operator or function: {function}");
        assert_eq!(condition_fault(text), fault);
    }
    let same_type = "The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: \
                     AttributeValue: {N:1}, upper bound operand: AttributeValue: {S:z}";
    assert_eq!(condition_fault("a BETWEEN :1 AND :z"), same_type);
    let in_order = "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound \
                    operand: AttributeValue: {N:5}, upper bound operand: AttributeValue: {N:1}";
    assert_eq!(condition_fault("a BETWEEN :5 AND :1"), in_order);
}

#[test]
fn the_most_important_fault_is_reported() {
    for (text, fault) in [
        ("name = :1 AND ((a = :1))", "The expression has redundant parentheses;"),
        ("name = :1 AND dog(a)", "Invalid function name; function: dog"),
        ("size(a) AND dog(a)", "Invalid function name; function: dog"),
        ("name = :1 AND size(a)", "The function is not allowed to be used this way in an expression; function: size"),
        ("a = a AND name = :1", "Attribute name is a reserved keyword; reserved keyword: name"),
        (
            "l < :list AND #zz = :1",
            "Incorrect operand type for operator or function; operator or function: <, operand type: L",
        ),
        ("((a = :1)) AND", "Syntax error; token: \"<EOF>\", near: \"AND\""),
    ] {
        assert_eq!(condition_fault(text), fault, "{text}");
    }
}

#[test]
fn limits() {
    let chain = |count: usize| vec!["a=:1"; count].join(" OR ");
    assert!(condition(&chain(150)).is_ok());
    let nots = |count: usize| format!("{}a=:1", "NOT ".repeat(count));
    assert!(condition(&nots(299)).is_ok());
    let fault = |count| format!("The expression contains too many operators; operator count: {count}");
    assert_eq!(condition_fault(&nots(300)), fault(301));
    assert_eq!(condition_fault(&chain(151)), fault(301));
    assert_eq!(condition_fault(&nots(1000)), fault(1001));
    let deep = |levels: usize| format!("attribute_exists(a{})", ".b".repeat(levels - 1));
    assert!(condition(&deep(32)).is_ok());
    assert_eq!(condition_fault(&deep(33)), "The document path has too many nesting levels; nesting levels: 33");
    let fault = "List index is not within the allowable range; index: [99999999999999]";
    assert_eq!(condition_fault("a[99999999999999] = :1"), fault);
    assert!(condition("a[2147483647] = :1").is_ok());
}

#[test]
fn no_nesting_overflows_the_stack() {
    // On a stack far smaller than any that the engine runs on.
    let deep = || {
        for (open, close) in
            [("(", ")"), ("size(", ")"), ("NOT ", ""), ("NOT (", ")"), ("contains(", ", a)"), ("f(", "")]
        {
            let count = (MAX_EXPRESSION_BYTES - 10) / (open.len() + close.len());
            let text = format!("{}a = :1{}", open.repeat(count), close.repeat(count));
            assert!(condition(&text).is_err(), "{open}");
            let text = format!("{}a{} = :1", open.repeat(count), close.repeat(count));
            assert!(condition(&text).is_err(), "{open}");
            let text = format!("SET a = {}b{}", open.repeat(count), close.repeat(count));
            assert!(update(&text).is_err() || open == "(", "{open}");
        }
        let count = 240;
        let text = format!("SET a = {}:1{}", "if_not_exists(b,".repeat(count), ")".repeat(count));
        let update = update(&text).expect("nested");
        let applied = update.apply(None, &item([])).expect("applied");
        assert_eq!(applied.item, Some(item([("a", 1.into())])));
        let text = format!("{}a = :1{}", "NOT (b = :1 OR ".repeat(99), ")".repeat(99));
        assert!(condition(&text).expect("nested").matches(None));
    };
    std::thread::Builder::new().stack_size(256 << 10).spawn(deep).unwrap().join().unwrap();
}

#[test]
fn filters_keep_off_keys() {
    let filter = condition("a = :1 AND attribute_exists(m.k) AND contains(l[0], s)").unwrap();
    assert_eq!(filter.top_level_attributes(), ["a", "m", "l", "s"]);
    assert!(filter.check_reads_no_key(["pk", "sk"]).is_ok());
    let expected = "Filter Expression can only contain non-primary key attributes: Primary key attribute: s";
    assert_eq!(filter.check_reads_no_key(["pk", "s"]).unwrap_err().message(), expected);
    let expected =
        "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: IndexKey: l";
    let refusal = check_keys_are_scalars(&filter.paths(), ["a", "s"], ["a", "l"]).unwrap_err();
    assert_eq!(refusal.message(), expected);
}
