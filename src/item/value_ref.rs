//! A value as it is in encoded bytes, looked at without decoding it.
//!
//! A [`ValueRef`] is three words: where the payload is, and which names its ids mean. Each accessor reads what it
//! answers and nothing else: text is validated when it is asked for, a list is walked only as far as the element
//! that is wanted.
//! Nothing here panics or loops on damaged bytes; they answer as if what they hold were absent.

use super::{
    AttributeValue, Dictionary, Number,
    accessors::indexes_of,
    codec::{Cursor, MAX_DEPTH, Tag},
};
use bytes::Bytes;
use std::{collections::BTreeMap, fmt};

/// A borrowed, undecoded attribute value.
#[derive(Clone, Copy)]
pub struct ValueRef<'a> {
    pub(crate) payload: &'a [u8],
    pub(crate) names: Option<&'a Dictionary>,
    pub(crate) tag: Tag,
}

impl<'a> ValueRef<'a> {
    /// DynamoDB's tag for the type: `S`, `N`, `B`, `BOOL`, `NULL`, `L`, `M`, `SS`, `NS` or `BS`.
    pub fn type_name(&self) -> &'static str {
        match self.tag {
            Tag::S => "S",
            Tag::N => "N",
            Tag::B => "B",
            Tag::False | Tag::True => "BOOL",
            Tag::Null => "NULL",
            Tag::L => "L",
            Tag::M => "M",
            Tag::Ss => "SS",
            Tag::Ns => "NS",
            Tag::Bs => "BS",
        }
    }
    /// The text of an `S`.
    #[inline]
    pub fn as_str(&self) -> Option<&'a str> {
        if self.tag == Tag::S { std::str::from_utf8(self.payload).ok() } else { None }
    }
    /// The bytes of a `B`.
    #[inline]
    pub fn as_bytes(&self) -> Option<&'a [u8]> {
        (self.tag == Tag::B).then_some(self.payload)
    }
    /// The number of an `N`.
    #[inline]
    pub fn as_number(&self) -> Option<Number> {
        if self.tag != Tag::N {
            return None;
        }
        let (number, used) = Number::decode_ordered(self.payload)?;
        (used == self.payload.len()).then_some(number)
    }
    /// The number of an `N`, if it is an integer of this range.
    #[inline]
    pub fn as_i64(&self) -> Option<i64> {
        self.as_number()?.to_i64()
    }
    /// The number of an `N`, if it is an integer of this range.
    #[inline]
    pub fn as_u64(&self) -> Option<u64> {
        self.as_number()?.to_u64()
    }
    /// The number of an `N`, rounded to the nearest binary fraction.
    pub fn as_f64(&self) -> Option<f64> {
        self.as_number()?.to_f64()
    }
    /// The value of a `BOOL`.
    #[inline]
    pub fn as_bool(&self) -> Option<bool> {
        match self.tag {
            Tag::True => Some(true),
            Tag::False => Some(false),
            _ => None,
        }
    }
    /// Whether this is `NULL`.
    pub fn is_null(&self) -> bool {
        self.tag == Tag::Null
    }
    /// How many elements a list or set has, or how many members a map; 0 for scalars.
    pub fn len(&self) -> usize {
        self.count().unwrap_or(0)
    }
    /// The count of a list, set or map; none if it is damaged.
    pub(crate) fn count(&self) -> Option<usize> {
        if self.is_container() { Cursor::new(self.payload).count() } else { None }
    }
    /// Whether there are no elements or members.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    fn is_container(&self) -> bool {
        self.tag as u8 >= Tag::L as u8
    }
    /// The elements of an `L`.
    pub fn as_list(&self) -> Option<Elements<'a>> {
        (self.tag == Tag::L).then(|| self.list())
    }
    /// The members of an `M`.
    pub fn as_map(&self) -> Option<Members<'a>> {
        (self.tag == Tag::M).then(|| self.map())
    }
    /// The elements of an `SS`.
    pub fn as_string_set(&self) -> Option<impl Iterator<Item = &'a str> + use<'a>> {
        (self.tag == Tag::Ss).then(|| self.set().filter_map(|element| element.as_str()))
    }
    /// The elements of an `NS`.
    pub fn as_number_set(&self) -> Option<impl Iterator<Item = Number> + use<'a>> {
        (self.tag == Tag::Ns).then(|| self.set().filter_map(|element| element.as_number()))
    }
    /// The elements of a `BS`.
    pub fn as_binary_set(&self) -> Option<impl Iterator<Item = &'a [u8]> + use<'a>> {
        (self.tag == Tag::Bs).then(|| self.set().filter_map(|element| element.as_bytes()))
    }
    /// The elements of an `L`, in order; none for other types.
    pub fn list(&self) -> Elements<'a> {
        if self.tag == Tag::L { Elements::new(*self, None) } else { Elements::none() }
    }
    /// The elements of an `SS`, `NS` or `BS` as `S`, `N` or `B`, ascending; none for other types.
    pub fn set(&self) -> Elements<'a> {
        match self.tag.of_elements() {
            Some(tag) => Elements::new(*self, Some(tag)),
            None => Elements::none(),
        }
    }
    /// The members of an `M`, ascending by the bytes of their names; none for other types.
    pub fn map(&self) -> Members<'a> {
        let mut cursor = Cursor::new(if self.tag == Tag::M { self.payload } else { &[] });
        Members { left: cursor.count().unwrap_or(0), cursor, names: self.names }
    }
    /// A member of an `M`, by its exact name.
    #[inline]
    pub fn get(&self, name: &str) -> Option<ValueRef<'a>> {
        if self.tag == Tag::M { find(self.payload, self.names, name) } else { None }
    }
    /// An element of an `L`.
    pub fn index(&self, index: usize) -> Option<ValueRef<'a>> {
        self.list().nth(index)
    }
    /// The value that a path such as `address.lines[0]` leads to, beginning at a member of this `M`. Names that contain
    /// dots or brackets are out of its reach; use [`get`](Self::get) for them.
    pub fn path(&self, path: &str) -> Option<ValueRef<'a>> {
        let mut value = *self;
        for step in path.split('.') {
            let (name, indexes) = step.split_at(step.find('[').unwrap_or(step.len()));
            value = value.get(name)?;
            for index in indexes_of(indexes) {
                value = value.index(index?)?;
            }
        }
        Some(value)
    }
    /// DynamoDB's size of the value in bytes, without the name it goes by.
    pub fn size_bytes(&self) -> usize {
        self.size_above(MAX_DEPTH)
    }
    fn size_above(&self, depth: usize) -> usize {
        /// What a list or map counts besides its content.
        const CONTAINER_BYTES: usize = 3;
        let Some(depth) = depth.checked_sub(1) else {
            return 0;
        };
        match self.tag {
            Tag::Null | Tag::False | Tag::True => 1,
            Tag::S | Tag::B => self.payload.len(),
            Tag::N => self.as_number().map_or(0, |number| number.size_bytes()),
            Tag::Ss | Tag::Ns | Tag::Bs => self.set().map(|e| e.size_above(depth)).sum(),
            Tag::L => CONTAINER_BYTES + self.list().map(|e| 1 + e.size_above(depth)).sum::<usize>(),
            Tag::M => CONTAINER_BYTES + self.map().map(|(n, v)| n.len() + 1 + v.size_above(depth)).sum::<usize>(),
        }
    }
    /// The value, decoded. Damaged parts are left out.
    pub fn to_value(&self) -> AttributeValue {
        self.value_above(MAX_DEPTH).unwrap_or(AttributeValue::Null)
    }
    /// The members of an `M`, decoded.
    pub(crate) fn to_members(self) -> BTreeMap<String, AttributeValue> {
        self.members_above(MAX_DEPTH)
    }
    fn members_above(&self, depth: usize) -> BTreeMap<String, AttributeValue> {
        self.map().filter_map(|(name, value)| Some((name.to_owned(), value.value_above(depth)?))).collect()
    }
    fn value_above(&self, depth: usize) -> Option<AttributeValue> {
        let depth = depth.checked_sub(1)?;
        Some(match self.tag {
            Tag::Null => AttributeValue::Null,
            Tag::False => AttributeValue::Bool(false),
            Tag::True => AttributeValue::Bool(true),
            Tag::S => AttributeValue::S(self.as_str()?.to_owned()),
            Tag::N => AttributeValue::N(self.as_number()?),
            Tag::B => AttributeValue::B(Bytes::copy_from_slice(self.payload)),
            Tag::L => AttributeValue::L(self.list().filter_map(|e| e.value_above(depth)).collect()),
            Tag::M => AttributeValue::M(self.members_above(depth)),
            Tag::Ss => AttributeValue::Ss(self.set().filter_map(|e| Some(e.as_str()?.to_owned())).collect()),
            Tag::Ns => AttributeValue::Ns(self.set().filter_map(|e| e.as_number()).collect()),
            Tag::Bs => AttributeValue::Bs(self.set().map(|e| Bytes::copy_from_slice(e.payload)).collect()),
        })
    }
}

/// Prints the decoded value.
impl fmt::Debug for ValueRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_value().fmt(f)
    }
}

/// Finds a member by name. Ids are compared as numbers, names that are written out first by their length, and values
/// in between are stepped over by theirs. This is what each read of an attribute costs, so nothing else happens here.
#[inline]
fn find<'a>(members: &'a [u8], names: Option<&'a Dictionary>, wanted: &str) -> Option<ValueRef<'a>> {
    let mut cursor = Cursor::new(members);
    // No id is zero in this form, as its lowest bit is set.
    let wanted_id = names.and_then(|names| names.id(wanted)).map_or(0, |id| u64::from(id) << 1 | 1);
    for _ in 0..cursor.count()? {
        let head = cursor.varint()?;
        let found = if head & 1 == 1 { head == wanted_id } else { cursor.take(head >> 1)? == wanted.as_bytes() };
        let value = cursor.value(names)?;
        if found {
            return Some(value);
        }
    }
    None
}

/// The elements of a list or set; see [`ValueRef::list`] and [`ValueRef::set`].
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    cursor: Cursor<'a>,
    left: usize,
    names: Option<&'a Dictionary>,
    /// The type of all elements, for sets.
    tag: Option<Tag>,
}

impl<'a> Elements<'a> {
    fn new(value: ValueRef<'a>, tag: Option<Tag>) -> Self {
        let mut cursor = Cursor::new(value.payload);
        Self { left: cursor.count().unwrap_or(0), cursor, names: value.names, tag }
    }
    fn none() -> Self {
        Self { cursor: Cursor::new(&[]), left: 0, names: None, tag: None }
    }
    /// What follows the last element read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.cursor.rest()
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = ValueRef<'a>;

    #[inline]
    fn next(&mut self) -> Option<ValueRef<'a>> {
        self.left = self.left.checked_sub(1)?;
        let value = match self.tag {
            Some(tag) => self.cursor.bytes().map(|payload| ValueRef { payload, names: None, tag }),
            None => self.cursor.value(self.names),
        };
        if value.is_none() {
            self.left = 0;
        }
        value
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.left))
    }
}

/// The members of a map; see [`ValueRef::map`].
#[derive(Clone, Debug)]
pub struct Members<'a> {
    cursor: Cursor<'a>,
    left: usize,
    names: Option<&'a Dictionary>,
}

impl<'a> Members<'a> {
    /// What follows the last member read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.cursor.rest()
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, ValueRef<'a>);

    #[inline]
    fn next(&mut self) -> Option<(&'a str, ValueRef<'a>)> {
        self.left = self.left.checked_sub(1)?;
        let member = self.cursor.name(self.names).and_then(|name| Some((name, self.cursor.value(self.names)?)));
        if member.is_none() {
            self.left = 0;
        }
        member
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.left))
    }
}
