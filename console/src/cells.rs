//! What the cells of CSV mean, in both directions, for the console and the command line.
//!
//! A column is called `name` or `name:TYPE`. Types are those of DynamoDB's scalars (`S`, `N`, `B` in base64, `BOOL`), its sets
//! (`SS`, `NS`, `BS`, as JSON arrays of strings), and `JSON` for everything else. Without a type, a column that is part of a
//! key has the type of the key, one whose first cells are all numbers is numbers, and any other is text. What looks like a
//! type and is none is rejected: `tags:XS:S` is how an attribute gets the name `tags:XS`.

use hashrange::{AttributeValue, ItemRef, Number, key::KeyType, schema::TableDefinition};
use std::collections::{BTreeMap, BTreeSet};

/// Reads a value of a type; binary is written in base64.
pub fn parse_value(kind: KeyType, text: &str) -> Result<AttributeValue, String> {
    match kind {
        KeyType::S => Ok(AttributeValue::from(text)),
        KeyType::N => Number::parse(text).map(AttributeValue::N).map_err(|error| error.message().to_owned()),
        KeyType::B => parse_binary(text),
    }
}

/// Reads base64.
pub fn parse_binary(text: &str) -> Result<AttributeValue, String> {
    let typed = serde_json::json!({ "B": text }).to_string();
    AttributeValue::from_dynamodb_json(&typed).map_err(|_| format!("{text:?} is not base64"))
}

/// The types of all attributes that are part of a key of a table or of one of its indexes.
#[derive(Clone, Debug, Default)]
pub struct KeyTypes(BTreeMap<String, KeyType>);

impl KeyTypes {
    /// Those of a table.
    pub fn of(definition: &TableDefinition) -> Self {
        let indexes = definition.indexes.iter().flat_map(|index| index.attributes());
        let all = indexes.chain(definition.key.attributes());
        Self(all.map(|key| (key.name.clone(), key.kind)).collect())
    }
    /// The type of an attribute, if it is part of a key.
    pub fn get(&self, attribute: &str) -> Option<KeyType> {
        self.0.get(attribute).copied()
    }
    /// The attributes of a type.
    pub fn of_type(&self, kind: KeyType) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(_, known)| **known == kind).map(|(name, _)| name.as_str())
    }
    /// The names, for messages.
    pub fn names(&self) -> String {
        self.0.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
    }
}

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellType {
    /// Text, unchanged.
    S,
    /// A number.
    N,
    /// Binary in base64.
    B,
    /// `true` or `false`.
    Bool,
    /// Plain JSON.
    Json,
    /// A set, by the name of its type: a JSON array of strings.
    Set(&'static str),
}

const TYPES: [(&str, CellType); 8] = [
    ("S", CellType::S),
    ("N", CellType::N),
    ("B", CellType::B),
    ("BOOL", CellType::Bool),
    ("JSON", CellType::Json),
    ("SS", CellType::Set("SS")),
    ("NS", CellType::Set("NS")),
    ("BS", CellType::Set("BS")),
];

/// The types that a header can name, for messages.
pub const TYPE_NAMES: &str = "S, N, B, BOOL, SS, NS, BS and JSON";

/// A column of a table of cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The attribute.
    pub name: String,
    /// What its cells hold.
    pub cells: CellType,
    /// Whether neither the header nor a key says what they hold.
    pub is_guessed: bool,
}

/// Columns that a header has at most: far more than an item of 400 KB can fill.
pub const MAX_COLUMNS: usize = 10_000;

/// Reads a header. Errors: a column without a name or of an unknown type, a name twice, more than [`MAX_COLUMNS`].
pub fn parse_header<'a>(header: impl Iterator<Item = &'a str>, keys: &KeyTypes) -> Result<Vec<Column>, String> {
    let (mut columns, mut names) = (Vec::<Column>::new(), BTreeSet::new());
    for (position, text) in header.enumerate() {
        if position >= MAX_COLUMNS {
            return Err(format!("the header has more than {MAX_COLUMNS} columns"));
        }
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        let (name, kind) = match text.rsplit_once(':') {
            Some((name, kind)) if looks_like_a_type(kind) => {
                let known = TYPES.iter().find(|(text, _)| *text == kind);
                let unknown = || {
                    format!(
                        "column {text}: {kind} is no type; there are {TYPE_NAMES}. {text}:S is a text of this whole name"
                    )
                };
                (name, Some(known.ok_or_else(unknown)?.1))
            }
            _ => (text, None),
        };
        let cells = kind.unwrap_or_else(|| default_type(keys, name));
        let is_guessed = kind.is_none() && keys.get(name).is_none();
        if name.is_empty() {
            return Err(format!("column {} of the header has no name", position + 1));
        }
        if !names.insert(name) {
            return Err(format!("the header names {name} twice"));
        }
        columns.push(Column { name: name.to_owned(), cells, is_guessed });
    }
    if columns.is_empty() { Err("the header is missing".to_owned()) } else { Ok(columns) }
}

/// Whether what follows a colon was meant as a type, and not as a part of the name.
fn looks_like_a_type(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Whether a cell is a number as JSON writes it: `007` and `+49` are texts that have their digits for other reasons.
fn looks_like_a_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let whole = digits.split(['.', 'e', 'E']).next().unwrap_or_default();
    let leads_with_zero = whole.len() > 1 && whole.starts_with('0');
    let fraction_is_empty =
        digits.split_once('.').is_some_and(|(_, rest)| !rest.starts_with(|c: char| c.is_ascii_digit()));
    !whole.is_empty()
        && !leads_with_zero
        && !fraction_is_empty
        && whole.bytes().all(|byte| byte.is_ascii_digit())
        && Number::parse(text).is_ok()
}

/// Decides of columns without a type whether they are numbers, by the first cells; returns the names of those that are.
pub fn guess_numbers<'a>(
    columns: &mut [Column],
    cells_of: impl Fn(usize) -> Box<dyn Iterator<Item = &'a str> + 'a>,
) -> Vec<String> {
    let mut numbers = Vec::new();
    for (position, column) in columns.iter_mut().enumerate().filter(|(_, column)| column.is_guessed) {
        let mut cells = cells_of(position).filter(|cell| !cell.is_empty()).peekable();
        if cells.peek().is_some() && cells.all(looks_like_a_number) {
            column.cells = CellType::N;
            numbers.push(column.name.clone());
        }
    }
    numbers
}

fn default_type(keys: &KeyTypes, name: &str) -> CellType {
    match keys.get(name) {
        None | Some(KeyType::S) => CellType::S,
        Some(KeyType::N) => CellType::N,
        Some(KeyType::B) => CellType::B,
    }
}

impl Column {
    /// The value of a cell that is not empty.
    pub fn parse(&self, text: &str) -> Result<AttributeValue, String> {
        let value = match self.cells {
            CellType::S => Ok(AttributeValue::from(text)),
            CellType::N => Number::parse(text).map(AttributeValue::N).map_err(|error| error.message().to_owned()),
            CellType::B => parse_binary(text),
            CellType::Bool if text.eq_ignore_ascii_case("true") => Ok(true.into()),
            CellType::Bool if text.eq_ignore_ascii_case("false") => Ok(false.into()),
            CellType::Bool => Err(format!("{text:?} is neither true nor false")),
            CellType::Json => AttributeValue::from_json(text).map_err(|error| error.message().to_owned()),
            CellType::Set(kind) => AttributeValue::from_dynamodb_json(&format!("{{\"{kind}\":{text}}}"))
                .map_err(|error| error.message().to_owned()),
        };
        let name = &self.name;
        value.map_err(|what| match (self.is_guessed, self.cells) {
            (true, CellType::N) => {
                format!(
                    "column {name}: {what}; its first cells are numbers, so it is: {name}:S in the header makes it text"
                )
            }
            _ => format!("column {name}: {what}"),
        })
    }

    /// The name with the type.
    pub fn header(&self) -> String {
        let kind = TYPES.iter().find(|(_, cells)| *cells == self.cells).map_or("S", |(text, _)| text);
        format!("{}:{kind}", self.name)
    }

    /// The cell of an item.
    pub fn print(&self, item: &ItemRef) -> String {
        let Some(value) = item.get(&self.name) else { return String::new() };
        match (self.cells, value.to_value()) {
            (CellType::S, AttributeValue::S(text)) => text,
            (CellType::B, binary) => binary.to_json().trim_matches('"').to_owned(),
            // As DynamoDB writes it, so that numbers and binaries are strings too.
            (CellType::Set(kind), set) => {
                let json = set.to_dynamodb_json();
                let elements = json.strip_prefix(&format!("{{\"{kind}\":")).and_then(|rest| rest.strip_suffix('}'));
                elements.map_or_else(|| set.to_json(), str::to_owned)
            }
            (_, value) => value.to_json(),
        }
    }
}

/// Finds the columns that hold every attribute of the items that it is shown.
#[derive(Debug, Default)]
pub struct ColumnFinder {
    types: BTreeMap<String, BTreeSet<&'static str>>,
}

impl ColumnFinder {
    /// Looks at an item.
    pub fn add(&mut self, item: &ItemRef) {
        for (name, value) in item.iter() {
            // An empty text would read back as a missing attribute.
            let empty = value.as_str().is_some_and(str::is_empty) || value.as_bytes().is_some_and(<[u8]>::is_empty);
            let kind = if empty { "empty" } else { value.type_name() };
            match self.types.get_mut(name) {
                Some(kinds) => _ = kinds.insert(kind),
                None => _ = self.types.insert(name.to_owned(), BTreeSet::from([kind])),
            }
        }
    }

    /// How many columns there are so far.
    pub fn count(&self) -> usize {
        self.types.len()
    }

    /// The columns: those of the key first, the others by name.
    pub fn columns<'a>(mut self, keys: impl Iterator<Item = &'a str>) -> Vec<Column> {
        let mut columns = Vec::new();
        let mut add = |name: &str, kinds: &BTreeSet<&'static str>| {
            let only = (kinds.len() == 1).then(|| kinds.first().copied()).flatten();
            let known = only.and_then(|kind| TYPES.iter().find(|(text, _)| *text == kind));
            let cells = known.map_or(CellType::Json, |(_, cells)| *cells);
            columns.push(Column { name: name.to_owned(), cells, is_guessed: false });
        };
        for key in keys {
            if let Some(kinds) = self.types.remove(key) {
                add(key, &kinds);
            }
        }
        for (name, kinds) in &self.types {
            add(name, kinds);
        }
        columns
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hashrange::Item;

    #[test]
    fn headers_give_types() {
        let header = ["\u{FEFF}id", "a:N", "b:x", "c:JSON"].into_iter();
        let columns = parse_header(header, &KeyTypes::default()).unwrap();
        let shown: Vec<String> = columns.iter().map(Column::header).collect();
        assert_eq!(shown, ["id:S", "a:N", "b:x:S", "c:JSON"]);
        for bad in [vec!["a", "a:N"], vec!["a", ""], vec![":N"], vec![], vec!["a:L"], vec!["a:STRING"], vec!["a:S:XS"]]
        {
            assert!(parse_header(bad.clone().into_iter(), &KeyTypes::default()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_header_has_so_many_columns_and_no_more() {
        let parse = |count: usize| {
            let names: Vec<String> = (0..count).map(|number| format!("column {number}")).collect();
            parse_header(names.iter().map(String::as_str), &KeyTypes::default())
        };
        assert_eq!(parse(MAX_COLUMNS).map(|columns| columns.len()), Ok(MAX_COLUMNS));
        assert_eq!(parse(MAX_COLUMNS + 1), Err("the header has more than 10000 columns".to_owned()));
    }

    #[test]
    fn numbers_are_as_json_writes_them() {
        for number in ["0", "-1", "19.90", "1e5", "0.5", "12345678901234567890123456789012345678"] {
            assert!(looks_like_a_number(number), "{number}");
        }
        for text in ["", "007", "+49", "1,5", ".5", "1.", "1 ", "0x1", "-", "NaN", "Infinity", "1e999", "-007"] {
            assert!(!looks_like_a_number(text), "{text}");
        }
    }

    #[test]
    fn items_pass_through_cells_unchanged() {
        let items = [
            r#"{"id":{"N":"1"},"s":{"S":"a,b"},"b":{"B":"AAE="},"x":{"S":"text"},"e":{"S":""},"t":{"BOOL":true},"q":{"SS":["a","b"]},"r":{"NS":["1","2.5"]}}"#,
            r#"{"id":{"N":"2"},"x":{"N":"7"},"e":{"S":"e"},"l":{"L":[{"NULL":true},{"S":"q\""}]}}"#,
        ]
        .map(|text| Item::from_dynamodb_json(text).unwrap());
        let mut finder = ColumnFinder::default();
        items.iter().for_each(|item| finder.add(&ItemRef::from(item)));
        let columns = finder.columns(["id"].into_iter());
        let header: Vec<String> = columns.iter().map(Column::header).collect();
        assert_eq!(header, ["id:N", "b:B", "e:JSON", "l:JSON", "q:SS", "r:NS", "s:S", "t:BOOL", "x:JSON"]);
        for item in &items {
            let mut back = Item::new();
            for column in &columns {
                let cell = column.print(&ItemRef::from(item));
                if !cell.is_empty() {
                    back.insert(column.name.clone(), column.parse(&cell).unwrap());
                }
            }
            assert_eq!(back, *item);
        }
    }
}
