//! Random statements against the requests that ask for the same: what they return, what they leave, and how they fail.

use arbitrary::{Arbitrary, Unstructured};
use hashrange::{
    Database, Item, Table, attr,
    expression::Predicate,
    key::{N, S, between, eq, ge, le},
};

#[derive(Arbitrary, Debug)]
struct Input {
    items: Vec<(Key, u8, Option<u8>)>,
    steps: Vec<Step>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
struct Key {
    hash: u8,
    sort: u8,
}

impl Key {
    fn hash(self) -> String {
        format!("h{}", self.hash % 3)
    }
    fn sort(self) -> i64 {
        i64::from(self.sort % 5)
    }
}

#[derive(Arbitrary, Debug)]
enum Step {
    Insert(Key, u8),
    Update(Key, u8, Option<Test>),
    Remove(Key, Option<Test>),
    Delete(Key, Option<Test>),
    Get(Key),
    Query(Key, Sort, Option<Test>, bool),
    Scan(Option<Test>),
}

#[derive(Arbitrary, Debug)]
enum Sort {
    All,
    Equal(u8),
    AtLeast(u8),
    AtMost(u8),
    Between(u8, u8),
}

#[derive(Arbitrary, Clone, Debug)]
enum Test {
    Equal(u8),
    Unequal(u8),
    Less(u8),
    In(u8, u8),
    Between(u8, u8),
    Exists,
    Text,
    Not(Box<Test>),
    And(Box<Test>, Box<Test>),
    Or(Box<Test>, Box<Test>),
}

impl Test {
    /// The test as a statement has it.
    fn text(&self) -> String {
        match self {
            Self::Equal(value) => format!("v = {value}"),
            Self::Unequal(value) => format!("v <> {value}"),
            Self::Less(value) => format!("v < {value}"),
            Self::In(one, two) => format!("v IN [{one}, {two}]"),
            Self::Between(one, two) => format!("v BETWEEN {} AND {}", one.min(two), one.max(two)),
            Self::Exists => "v IS NOT MISSING".to_owned(),
            Self::Text => "begins_with(t, 'a')".to_owned(),
            Self::Not(test) => format!("NOT ({})", test.text()),
            Self::And(one, two) => format!("({} AND {})", one.text(), two.text()),
            Self::Or(one, two) => format!("({} OR {})", one.text(), two.text()),
        }
    }

    /// The same test, built.
    fn built(&self) -> Predicate {
        let value = || attr("v");
        match self {
            Self::Equal(other) => value().eq(*other),
            Self::Unequal(other) => value().ne(*other),
            Self::Less(other) => value().lt(*other),
            Self::In(one, two) => value().is_in([*one, *two]),
            Self::Between(one, two) => value().between(*one.min(two), *one.max(two)),
            Self::Exists => value().exists(),
            Self::Text => attr("t").begins_with("a"),
            Self::Not(test) => !test.built(),
            Self::And(one, two) => one.built() & two.built(),
            Self::Or(one, two) => one.built() | two.built(),
        }
    }

    fn depth(&self) -> usize {
        match self {
            Self::Not(test) => 1 + test.depth(),
            Self::And(one, two) | Self::Or(one, two) => 1 + one.depth().max(two.depth()),
            _ => 1,
        }
    }
}

fn database(input: &Input) -> (Database, Table<(S, N)>) {
    let database = Database::in_memory().expect("memory suffices");
    let table = database.create_table("table").hash::<S>("h").range::<N>("r").create().expect("a new table");
    for (key, value, text) in &input.items {
        let mut item = Item::new().with("h", key.hash()).with("r", key.sort()).with("v", *value);
        if let Some(text) = text {
            item = item.with("t", if text % 2 == 0 { "ab" } else { "b" });
        }
        table.put(&item).expect("a sound item");
    }
    (database, table)
}

/// What a step returns: items as JSON in their order, or the code of an error.
type Answer = Result<Vec<String>, &'static str>;

fn shown(items: impl Iterator<Item = hashrange::Result<hashrange::ItemRef>>) -> Answer {
    items.map(|item| item.map(|item| item.to_item().to_json()).map_err(|error| error.code())).collect()
}

/// The text of a condition behind others.
fn and(test: Option<&Test>) -> String {
    test.map(|test| format!(" AND {}", test.text())).unwrap_or_default()
}

fn by_statement(database: &Database, step: &Step) -> Answer {
    let keyed = |key: &Key| format!("h = '{}' AND r = {}", key.hash(), key.sort());
    let text = match step {
        Step::Insert(key, value) => {
            format!("INSERT INTO \"table\" VALUE {{'h': '{}', 'r': {}, 'v': {value}}}", key.hash(), key.sort())
        }
        Step::Update(key, value, test) => {
            format!("UPDATE \"table\" SET v = {value} WHERE {}{}", keyed(key), and(test.as_ref()))
        }
        Step::Remove(key, test) => format!("UPDATE \"table\" REMOVE v WHERE {}{}", keyed(key), and(test.as_ref())),
        Step::Delete(key, test) => {
            format!("DELETE FROM \"table\" WHERE {}{} RETURNING ALL OLD *", keyed(key), and(test.as_ref()))
        }
        Step::Get(key) => format!("SELECT * FROM \"table\" WHERE {}", keyed(key)),
        Step::Query(key, sort, test, descending) => {
            let sort = match sort {
                Sort::All => String::new(),
                Sort::Equal(value) => format!(" AND r = {}", value % 5),
                Sort::AtLeast(value) => format!(" AND {} <= r", value % 5),
                Sort::AtMost(value) => format!(" AND r <= {}", value % 5),
                Sort::Between(low, high) => {
                    let (low, high) = (low % 5, high % 5);
                    format!(" AND r BETWEEN {} AND {}", low.min(high), low.max(high))
                }
            };
            let order = if *descending { " ORDER BY r DESC" } else { "" };
            format!("SELECT * FROM \"table\" WHERE h = '{}'{sort}{}{order}", key.hash(), and(test.as_ref()))
        }
        Step::Scan(None) => "SELECT * FROM \"table\"".to_owned(),
        Step::Scan(Some(test)) => format!("SELECT * FROM \"table\" WHERE {}", test.text()),
    };
    shown(database.statement(&text).items())
}

fn by_request(table: &Table<(S, N)>, step: &Step) -> Answer {
    let code = |error: hashrange::Error| error.code();
    let place = |key: &Key| (key.hash(), key.sort());
    match step {
        Step::Insert(key, value) => {
            let item = Item::new().with("h", key.hash()).with("r", key.sort()).with("v", *value);
            let put = table.put_with(&item).when(attr("h").not_exists()).send();
            match put {
                Err(error) if error.is_condition_failed() => Err("DuplicateItemException"),
                other => other.map(|_| Vec::new()).map_err(code),
            }
        }
        Step::Update(key, value, test) => {
            let exists = attr("h").exists();
            let condition = test.iter().fold(exists, |all, test| all & test.built());
            table.update(place(key)).set("v", *value).when(condition).send().map(|_| Vec::new()).map_err(code)
        }
        Step::Remove(key, test) => {
            let condition = test.iter().fold(attr("h").exists(), |all, test| all & test.built());
            table.update(place(key)).remove("v").when(condition).send().map(|_| Vec::new()).map_err(code)
        }
        Step::Delete(key, test) => {
            let mut delete = table.delete_with(place(key)).return_old();
            if let Some(test) = test {
                delete = delete.when(attr("h").not_exists() | test.built());
            }
            let output = delete.send().map_err(code)?;
            shown(output.attributes.into_iter().map(Ok))
        }
        Step::Get(key) => shown(table.get(place(key)).map_err(code)?.into_iter().map(Ok)),
        Step::Query(key, sort, test, descending) => {
            let hash = key.hash();
            let mut query = table.query(hash.as_str());
            query = match sort {
                Sort::All => query,
                Sort::Equal(value) => query.range(eq(value % 5)),
                Sort::AtLeast(value) => query.range(ge(value % 5)),
                Sort::AtMost(value) => query.range(le(value % 5)),
                Sort::Between(low, high) => {
                    let (low, high) = (low % 5, high % 5);
                    query.range(between(low.min(high), low.max(high)))
                }
            };
            if let Some(test) = test {
                query = query.filter(test.built());
            }
            if *descending {
                query = query.descending();
            }
            shown(query.items())
        }
        Step::Scan(test) => {
            let mut scan = table.scan();
            if let Some(test) = test {
                scan = scan.filter(test.built());
            }
            shown(scan.items())
        }
    }
}

pub fn partiql_requests(data: &[u8]) {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(data)) else { return };
    let (by_text, _) = database(&input);
    let (_, built) = database(&input);
    for step in &input.steps {
        let test = match step {
            Step::Update(_, _, test) | Step::Remove(_, test) | Step::Delete(_, test) | Step::Scan(test) => {
                test.as_ref()
            }
            Step::Query(_, _, test, _) => test.as_ref(),
            Step::Insert(..) | Step::Get(_) => None,
        };
        if test.is_some_and(|test| test.depth() > 20) {
            continue; // statements count more operators than the builders do
        }
        assert_eq!(by_statement(&by_text, step), by_request(&built, step), "{step:?}");
    }
    let all = "SELECT * FROM \"table\"";
    let left: Vec<_> = built.scan().items().map(|item| item.expect("a scan").to_item()).collect();
    let stated: Vec<_> = by_text.statement(all).items().map(|item| item.expect("a scan").to_item()).collect();
    assert_eq!(left, stated);
}
