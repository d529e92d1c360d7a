//! Lessons in the terminal, those of the program and those of a teacher.

use crate::place::Place;

#[test]
fn a_lesson_is_read_and_carried_out() {
    let place = Place::new();
    let list = place.ok(&["lesson"]);
    assert_eq!(list.lines().filter(|line| line.contains("  ")).count(), 10, "{list}");
    let told = place.ok(&["lesson", "log-and-crash", "--check"]);
    assert!(told.starts_with("THE LOG, AND A CRASH\n"), "{told}");
    assert!(told.contains("| cut power 1\n") && told.contains("\"was_closed\": false"), "{told}");
    assert!(told.contains("synced          a crash keeps it 16 of 16 times"), "{told}");
    let refusal = place.fails(2, &["lesson", "astrology"]);
    assert!(refusal.contains("there is no lesson astrology"), "{refusal}");
}

const OWN: &str = "# One item

You will put an item.

```json CreateTable
{ \"TableName\": \"stock\", \"BillingMode\": \"PAY_PER_REQUEST\",
  \"AttributeDefinitions\": [{ \"AttributeName\": \"sku\", \"AttributeType\": \"S\" }],
  \"KeySchema\": [{ \"AttributeName\": \"sku\", \"KeyType\": \"HASH\" }] }
```

```sql
INSERT INTO stock VALUE {'sku': 'bolt'}
```

```json Scan
{ \"TableName\": \"stock\" }
```

```expect
Count is 1
```
";

#[test]
fn a_teacher_adds_lessons_and_learns_what_is_wrong_with_one() {
    let place = Place::new();
    let file = place.write("one-item.md", OWN);
    let folder = std::path::Path::new(&file).parent().unwrap().to_string_lossy().into_owned();
    let with = |args: &[&str]| {
        [&["lesson"], args, &["--lessons", &folder]].concat().iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>()
    };
    let ok = |args: &[&str]| place.ok(&with(args).iter().map(String::as_str).collect::<Vec<_>>());
    let fails = |code, args: &[&str]| place.fails(code, &with(args).iter().map(String::as_str).collect::<Vec<_>>());
    assert!(ok(&[]).contains("one-item"));
    ok(&["one-item", "--check"]);
    place.write("one-item.md", OWN.replace("Count is 1", "Count is 2"));
    let unmet = fails(1, &["one-item", "--check"]);
    assert!(unmet.contains("1 answers are not as the lesson expects"), "{unmet}");
    let unmet = fails(1, &["--check"]);
    assert!(unmet.contains("1 answers are not as the lesson expects"), "all lessons: {unmet}");
    // What fails, and what is not there, is not as expected.
    let put = "INSERT INTO stock VALUE {'sku': 'bolt'}";
    for (lesson, count) in [
        (OWN.replace(put, "INSERT INTO stock VALUE {'sku': 7}").replace("Count is 1", "Count is 0"), 1),
        (OWN.replace("Count is 1", "Items[0].left.N is not \"5\""), 1),
        (OWN.replace("Count is 1", "Count is not 1.0\nCount is 1.0\nCount is not 2"), 1),
        (
            OWN.replace(put, "SELEKT")
                .replace("```json Scan", "```expect\nerror is there\n```\n\n```json Scan")
                .replace("Count is 1", "Count is 0"),
            0,
        ),
    ] {
        place.write("one-item.md", lesson);
        if count == 0 {
            ok(&["one-item", "--check"]);
        } else {
            let unmet = fails(1, &["one-item", "--check"]);
            assert!(unmet.contains(&format!("{count} answers are not as the lesson expects")), "{unmet}");
        }
    }
    for (bad, said) in [
        (OWN.replace("Count is 1", "Count equals 1"), "one-item.md:20: `equals 1` does not compare"),
        (OWN.replace("```sql", "```prolog"), "one-item.md:11: there is no kind of block `prolog`"),
        (OWN.replace("# One item", "One item"), "one-item.md:1: a lesson begins with `# ` and its title"),
    ] {
        place.write("one-item.md", bad);
        let refusal = fails(2, &[]);
        assert!(refusal.contains(said), "{refusal}");
    }
}
