//! The expression members of a request: decoding, their mixing with older parameters, and parsing.
//!
//! All expressions of a request share the two maps of placeholders, and every entry of the maps has to be used by one
//! of them.

use crate::{
    error::Failure,
    json::{Reader, Writer},
    profile::{MessageDialect, Profile},
    shape,
    value::{Decoder, MAX_OPERAND_BYTES},
};
use hashrange::error::Detail;
use hashrange::expression::{
    Condition, ExpressionKind, KeyCondition, Placeholders, ProjectionExpression, Scope, UpdateExpression,
};
use std::{borrow::Cow, collections::BTreeMap};

/// The expression members of one operation.
#[derive(Default)]
pub(crate) struct Expressions<'a> {
    /// Those that the operation has, in the order in which messages list them.
    known: &'static [&'static str],
    texts: [Option<Cow<'a, str>>; 5],
    placeholders: Placeholders,
    /// The first value of a placeholder that breaks a rule.
    value_fault: Option<(String, String)>,
    /// The value of a placeholder has a form that only the older layer reads.
    pub(crate) has_older_form: bool,
}

/// Names of the expressions; the position is that of the text.
const NAMES: [&str; 5] =
    ["ConditionExpression", "UpdateExpression", "KeyConditionExpression", "FilterExpression", "ProjectionExpression"];
const KEY_CONDITION: usize = 2;
const PROJECTION: usize = 4;

/// Expressions that were parsed.
#[derive(Default)]
pub(crate) struct Parsed {
    pub(crate) condition: Option<Condition>,
    pub(crate) update: Option<UpdateExpression>,
    pub(crate) key_condition: Option<KeyCondition>,
    pub(crate) filter: Option<Condition>,
    pub(crate) projection: Option<ProjectionExpression>,
}

impl<'a> Expressions<'a> {
    /// No expressions yet, of these kinds.
    pub(crate) fn of(known: &'static [&'static str]) -> Self {
        Self { known, ..Self::default() }
    }

    /// Decodes a member if it belongs to the expressions of the operation; otherwise leaves it and says false.
    pub(crate) fn member(&mut self, reader: &mut Reader<'a>, name: &str, decoder: Decoder) -> Result<bool, Failure> {
        match name {
            "ExpressionAttributeNames" => self.placeholders.names = names(reader)?,
            "ExpressionAttributeValues" if self.takes_values() => {
                let found = decoder.placeholders(reader)?;
                self.has_older_form = found.as_ref().is_some_and(|found| found.has_older_form);
                let (values, fault) = found.map_or((None, None), |found| (Some(found.values), found.fault));
                (self.placeholders.values, self.value_fault) = (values, fault);
            }
            _ => {
                let known = NAMES.iter().position(|known| *known == name && self.known.contains(known));
                let Some(position) = known else { return Ok(false) };
                self.texts[position] = shape::string(reader)?;
            }
        }
        Ok(true)
    }

    /// An expression by its name, as the request has it.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let position = NAMES.iter().position(|known| *known == name)?;
        self.texts[position].as_deref()
    }

    /// The aliases, as a member of a request that shall be sent again.
    pub(crate) fn write_names(&self, out: &mut Writer) {
        let Some(names) = &self.placeholders.names else { return };
        out.name("ExpressionAttributeNames");
        out.begin_object();
        for (alias, name) in names {
            out.string_member(alias, name);
        }
        out.end_object();
    }

    /// Operations that only project take no values.
    fn takes_values(&self) -> bool {
        self.known.iter().any(|name| *name != NAMES[PROJECTION])
    }

    /// Rejects expressions next to older parameters, and placeholders without an expression. `older` names the older
    /// parameters of the operation and says which are there.
    pub(crate) fn check_mixing(
        &self,
        older: &[(&'static str, bool)],
        profile: Profile,
        voice: MessageDialect,
    ) -> Result<(), Failure> {
        let refuse = |text: String| Err(Failure::validation(profile.request(voice, text)));
        let present: Vec<&str> = self.known.iter().copied().filter(|name| self.text(name).is_some()).collect();
        let older: Vec<&str> = older.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
        // A key condition in the older form may be next to expressions: it has none of its own to contradict.
        let may_mix = older == ["KeyConditions"] && self.text(NAMES[KEY_CONDITION]).is_none();
        if !may_mix && !present.is_empty() && !older.is_empty() {
            return refuse(format!(
                "Can not use both expression and non-expression parameters in the same request: \
                 Non-expression parameters: {{{}}} Expression parameters: {{{}}}",
                older.join(", "),
                present.join(", ")
            ));
        }
        if self.placeholders.names.is_some() && present.is_empty() {
            return refuse("ExpressionAttributeNames can only be specified when using expressions".to_owned());
        }
        let with_values: Vec<&str> = self.known.iter().copied().filter(|name| *name != NAMES[PROJECTION]).collect();
        if self.placeholders.values.is_some() && !with_values.iter().any(|name| present.contains(name)) {
            return refuse(profile.values_without_expression(&with_values));
        }
        Ok(())
    }

    /// Parses what is there, in DynamoDB's order, and rejects placeholders that nothing uses.
    pub(crate) fn parse(&self, profile: Profile, voice: MessageDialect) -> Result<Parsed, Failure> {
        if self.texts.iter().all(Option::is_none) {
            return Ok(Parsed::default());
        }
        self.placeholders.check().map_err(|error| refused(profile, voice, &error))?;
        if let Some((name, text)) = &self.value_fault {
            return Err(Failure::validation(profile.placeholder_value(voice, text, name)));
        }
        self.parse_all().map_err(|error| refused(profile, voice, &error))
    }

    fn parse_all(&self) -> hashrange::Result<Parsed> {
        let mut scope = Scope::new(&self.placeholders);
        let [condition, update, key_condition, filter, projection] = &self.texts;
        // That an expression is empty is noticed before anything about the others.
        let is_empty = |text: &Option<Cow<'_, str>>| text.as_deref() == Some("");
        for (kind, text) in [(ExpressionKind::Condition, condition), (ExpressionKind::Filter, filter)] {
            if is_empty(text) && !is_empty(key_condition) {
                Condition::parse(kind, "", &mut scope)?;
            }
        }
        if is_empty(projection) && !is_empty(key_condition) {
            ProjectionExpression::parse("", &mut scope)?;
        }
        let parsed = Parsed {
            update: update.as_deref().map(|text| UpdateExpression::parse(text, &mut scope)).transpose()?,
            condition: condition
                .as_deref()
                .map(|text| Condition::parse(ExpressionKind::Condition, text, &mut scope))
                .transpose()?,
            key_condition: key_condition.as_deref().map(|text| KeyCondition::parse(text, &mut scope)).transpose()?,
            filter: filter
                .as_deref()
                .map(|text| Condition::parse(ExpressionKind::Filter, text, &mut scope))
                .transpose()?,
            projection: projection.as_deref().map(|text| ProjectionExpression::parse(text, &mut scope)).transpose()?,
        };
        scope.finish()?;
        Ok(parsed)
    }
}

fn refused(profile: Profile, voice: MessageDialect, error: &hashrange::Error) -> Failure {
    let mut text = error.message().to_owned();
    if let Some(Detail::ExpressionTooLarge { expression, size_bytes, .. }) = error.detail()
        && profile.says_size_of_expression(voice, expression)
    {
        text.push_str(&format!(" expression size: {size_bytes}"));
    }
    Failure::validation(profile.request(voice, text))
}

fn names(reader: &mut Reader<'_>) -> Result<Option<BTreeMap<String, String>>, Failure> {
    let mut names = BTreeMap::new();
    let mut left = MAX_OPERAND_BYTES;
    let present = shape::map(reader, "java.lang.String", |reader, alias| {
        // A null name is as good as an empty one, which is rejected.
        let name = shape::string(reader)?.unwrap_or_default();
        let Some(rest) = left.checked_sub(alias.len() + name.len()) else {
            let text = format!("The names of the request have more than {MAX_OPERAND_BYTES} bytes together");
            return Err(Failure::validation(text));
        };
        left = rest;
        names.insert(alias.into_owned(), name.into_owned());
        Ok(())
    })?;
    Ok(present.then_some(names))
}
