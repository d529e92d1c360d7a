//! Document paths: an attribute and the steps into it, such as `a.b[1]`.
//!
//! Expressions name values inside an item by path. Paths that an update writes, or that a projection returns, must be
//! compatible with each other: none may be the beginning of another (they overlap), and no position may be used both
//! as a map and as a list (they conflict). Both can be told from the paths alone, before any item is read.

use crate::item::{AttributeValue, Item, ItemRef, ValueRef};
use std::fmt;

/// How many names and indexes a path may have.
pub const MAX_PATH_LEVELS: usize = 32;

/// One step into a document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Into the member of a map.
    Name(Box<str>),
    /// Into the element of a list, counted from 0; at most 2,147,483,647.
    Index(u32),
}

/// A document path. The order puts a path right before the paths that go on from it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path {
    name: Box<str>,
    steps: Vec<Step>,
}

impl Path {
    /// The path to an attribute of the item. The whole text is its name, whatever characters it has.
    pub fn attribute(name: impl Into<Box<str>>) -> Self {
        Self { name: name.into(), steps: Vec::new() }
    }

    /// A path from a text such as `a.b[1]`: names between dots, each followed by any number of indexes. Names may have
    /// any characters but dots and brackets, and reserved words need no alias here. `None` if the text has another
    /// form: an empty name, an index that is not a number up to 2,147,483,647, or more than 32 levels.
    pub fn parse(text: &str) -> Option<Self> {
        let mut path: Option<Self> = None;
        for part in text.split('.') {
            let (name, mut indexes) = part.split_at(part.find('[').unwrap_or(part.len()));
            if name.is_empty() || name.contains(']') {
                return None;
            }
            let path = match &mut path {
                None => path.insert(Self::attribute(name)),
                Some(path) => {
                    path.push(Step::Name(name.into()));
                    path
                }
            };
            while !indexes.is_empty() {
                let (digits, rest) = indexes.strip_prefix('[')?.split_once(']')?;
                path.push(Step::Index(parse_index(digits)?));
                indexes = rest;
            }
        }
        path.filter(|path| path.levels() <= MAX_PATH_LEVELS)
    }

    /// Goes one step further.
    pub(crate) fn push(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// The attribute that the path begins with.
    pub fn top_level(&self) -> &str {
        &self.name
    }

    /// The steps into that attribute; none for the attribute itself.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether the path leads into an attribute.
    pub fn is_nested(&self) -> bool {
        !self.steps.is_empty()
    }

    /// How many names and indexes it has, at least 1.
    pub fn levels(&self) -> usize {
        1 + self.steps.len()
    }

    /// The value at this path, found without decoding any other.
    pub fn find<'a>(&self, item: &'a ItemRef) -> Option<ValueRef<'a>> {
        let mut value = item.get(&self.name)?;
        for step in &self.steps {
            value = match step {
                Step::Name(name) => value.get(name)?,
                Step::Index(index) => value.index(usize::try_from(*index).ok()?)?,
            };
        }
        Some(value)
    }

    /// The value at this path of a decoded item.
    pub fn find_in<'a>(&self, item: &'a Item) -> Option<&'a AttributeValue> {
        let mut value = item.get(&*self.name)?;
        for step in &self.steps {
            value = match (step, value) {
                (Step::Name(name), AttributeValue::M(map)) => map.get(&**name)?,
                (Step::Index(index), AttributeValue::L(list)) => list.get(usize::try_from(*index).ok()?)?,
                _ => return None,
            };
        }
        Some(value)
    }

    /// The form in which messages quote a path: `[a, b, [1]]`.
    pub(super) fn quoted(&self) -> Quoted<'_> {
        Quoted(self)
    }

    /// Whether one of two paths is the beginning of the other, or both are the same.
    fn overlaps(&self, other: &Self) -> bool {
        self.name == other.name && self.steps.iter().zip(&other.steps).all(|(a, b)| a == b)
    }

    /// Whether two paths part with a name on one side and an index on the other.
    fn conflicts(&self, other: &Self) -> bool {
        let parting = self.steps.iter().zip(&other.steps).find(|(a, b)| a != b);
        self.name == other.name
            && matches!(parting, Some((Step::Name(_), Step::Index(_)) | (Step::Index(_), Step::Name(_))))
    }
}

/// An index of at most 2,147,483,647; the digits are ASCII digits only.
pub(crate) fn parse_index(digits: &str) -> Option<u32> {
    let index: i32 = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())??;
    u32::try_from(index).ok()
}

/// Prints `a.b[1]`, for reading; names that contain dots or brackets make it ambiguous.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.steps.iter().try_for_each(|step| match step {
            Step::Name(name) => write!(f, ".{name}"),
            Step::Index(index) => write!(f, "[{index}]"),
        })
    }
}

/// A path in the form of messages.
pub(super) struct Quoted<'a>(&'a Path);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}", self.0.name)?;
        for step in &self.0.steps {
            match step {
                Step::Name(name) => write!(f, ", {name}")?,
                Step::Index(index) => write!(f, ", [{index}]")?,
            }
        }
        f.write_str("]")
    }
}

/// Why two paths cannot be together; `None` if all can. Overlaps are reported before conflicts, and of several the
/// one whose second path was written first; `path two` of the message is that path, or the other one if `later_first`.
pub(crate) fn clash(paths: &[&Path], later_first: bool) -> Option<String> {
    // In sorted order, paths that clash have neighbours that clash; pairs are looked at only to find which to name.
    let mut sorted = paths.to_vec();
    sorted.sort_unstable();
    if !sorted.windows(2).any(|pair| pair[0].overlaps(pair[1]) || pair[0].conflicts(pair[1])) {
        return None;
    }
    let pairs = || paths.iter().enumerate().flat_map(|(i, two)| paths.iter().take(i).map(move |one| (*one, *two)));
    let overlap = pairs().find(|(one, two)| one.overlaps(two)).map(|pair| ("overlap", pair));
    let found = overlap.or_else(|| pairs().find(|(one, two)| one.conflicts(two)).map(|pair| ("conflict", pair)));
    found.map(|(verb, (one, two))| {
        let (one, two) = if later_first { (two, one) } else { (one, two) };
        format!(
            "Two document paths {verb} with each other; must remove or rewrite one of these paths; path one: {}, \
             path two: {}",
            one.quoted(),
            two.quoted()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clash_of(paths: &[&str]) -> Option<String> {
        let paths: Vec<Path> = paths.iter().map(|text| Path::parse(text).unwrap()).collect();
        clash(&paths.iter().collect::<Vec<_>>(), false)
    }

    #[test]
    fn texts_become_paths() {
        let path = Path::parse("a.b-c[1][2].d").unwrap();
        assert_eq!(path.to_string(), "a.b-c[1][2].d");
        assert_eq!(path.quoted().to_string(), "[a, b-c, [1], [2], d]");
        assert_eq!((path.levels(), path.top_level()), (5, "a"));
        let long = vec!["x"; 33].join(".");
        for text in ["", ".", "a.", "a..b", "[1]", "a[", "a[]", "a[x]", "a[+1]", "a[1]b", "a[2147483648]", "a]", &long]
        {
            assert_eq!(Path::parse(text), None, "{text}");
        }
        assert_eq!(Path::parse("a[2147483647]").map(|path| path.levels()), Some(2));
    }

    #[test]
    fn clashes_name_the_earlier_path_first() {
        let overlap = "Two document paths overlap with each other; must remove or rewrite one of these paths; ";
        let conflict = "Two document paths conflict with each other; must remove or rewrite one of these paths; ";
        let cases = [
            (vec!["a", "b", "c.d", "c.e[0]", "c.e[1]"], None),
            (vec!["a", "a"], Some(format!("{overlap}path one: [a], path two: [a]"))),
            (vec!["a.b", "c", "a"], Some(format!("{overlap}path one: [a, b], path two: [a]"))),
            (vec!["d[1]", "d.b", "c[1].a", "c"], Some(format!("{overlap}path one: [c, [1], a], path two: [c]"))),
            (vec!["a.c", "x", "a[1]"], Some(format!("{conflict}path one: [a, c], path two: [a, [1]]"))),
            (vec!["a[1].x", "a.c"], Some(format!("{conflict}path one: [a, [1], x], path two: [a, c]"))),
            (vec!["a.z", "a[0]", "a.c"], Some(format!("{conflict}path one: [a, z], path two: [a, [0]]"))),
        ];
        for (paths, expected) in cases {
            assert_eq!(clash_of(&paths), expected, "{paths:?}");
        }
    }
}
