//! The forms in which a condition, projection or update may be given: built in code, parsed before, or as text with
//! placeholders.
//!
//! ```
//! use hashrange::{Database, Item, key::S, attr, values};
//!
//! # fn main() -> hashrange::Result<()> {
//! let db = Database::in_memory()?;
//! let users = db.create_table("users").hash::<S>("id").create()?;
//! users.put(&Item::new().with("id", "u#1").with("age", 41))?;
//! let built = users.scan().filter(attr("age").ge(18) & !attr("banned").exists()).count()?;
//! let text = users.scan().filter(("age >= :a", values! {":a" => 18})).count()?;
//! assert_eq!((built, text), (1, 1));
//! # Ok(())
//! # }
//! ```

use super::{
    Condition, ExpressionKind, Placeholders, Predicate, ProjectionExpression, Scope, UpdateBuilder, UpdateExpression,
};
use crate::error::Result;

/// Whatever can stand for a condition or filter. Several conditions of one request must all hold.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no condition",
    label = "write `attr(\"status\").eq(\"OPEN\")` (not `==`), or a text with its values: `(\"a = :a\", values! {{\":a\" => 1}})`"
)]
pub trait IntoCondition {
    /// The condition. Errors: DynamoDB's for a faulty expression of that kind.
    fn into_condition(self, kind: ExpressionKind) -> Result<Condition>;
}
impl IntoCondition for Condition {
    fn into_condition(self, _: ExpressionKind) -> Result<Condition> {
        Ok(self)
    }
}
impl IntoCondition for Result<Condition> {
    fn into_condition(self, _: ExpressionKind) -> Result<Condition> {
        self
    }
}
impl IntoCondition for Predicate {
    fn into_condition(self, kind: ExpressionKind) -> Result<Condition> {
        self.build(kind)
    }
}
impl IntoCondition for (&str, Placeholders) {
    fn into_condition(self, kind: ExpressionKind) -> Result<Condition> {
        parse_alone(&self.1, |scope| Condition::parse(kind, self.0, scope))
    }
}

/// Whatever can stand for a projection.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no projection",
    label = "write paths as a text, `\"id, address.city\"`, or with names: `(\"#n\", values! {{\"#n\" => \"name\"}})`"
)]
pub trait IntoProjection {
    /// The projection. Errors: DynamoDB's for a faulty ProjectionExpression.
    fn into_projection(self) -> Result<ProjectionExpression>;
}
impl IntoProjection for ProjectionExpression {
    fn into_projection(self) -> Result<ProjectionExpression> {
        Ok(self)
    }
}
impl IntoProjection for &str {
    fn into_projection(self) -> Result<ProjectionExpression> {
        (self, Placeholders::none()).into_projection()
    }
}
impl IntoProjection for (&str, Placeholders) {
    fn into_projection(self) -> Result<ProjectionExpression> {
        parse_alone(&self.1, |scope| ProjectionExpression::parse(self.0, scope))
    }
}

/// Whatever can stand for an update.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no update",
    label = "write a text with its values: `(\"SET a = :a\", values! {{\":a\" => 1}})`, or use `set`, `add`, `remove`"
)]
pub trait IntoUpdate {
    /// The update. Errors: DynamoDB's for a faulty UpdateExpression.
    fn into_update(self) -> Result<UpdateExpression>;
}
impl IntoUpdate for UpdateExpression {
    fn into_update(self) -> Result<UpdateExpression> {
        Ok(self)
    }
}
impl IntoUpdate for UpdateBuilder {
    fn into_update(self) -> Result<UpdateExpression> {
        self.build()
    }
}
impl IntoUpdate for (&str, Placeholders) {
    fn into_update(self) -> Result<UpdateExpression> {
        parse_alone(&self.1, |scope| UpdateExpression::parse(self.0, scope))
    }
}

/// Parses one expression that uses all of its placeholders.
pub(crate) fn parse_alone<T>(
    placeholders: &Placeholders,
    parse: impl FnOnce(&mut Scope<'_>) -> Result<T>,
) -> Result<T> {
    let mut scope = Scope::new(placeholders);
    let parsed = parse(&mut scope)?;
    scope.finish()?;
    Ok(parsed)
}

/// Placeholders of an expression: `values! {":low" => 3, ":name" => "x", "#n" => "name"}`. Keys that begin with `:`
/// stand for values, keys that begin with `#` for attribute names.
///
/// They belong to one expression, which has to use all of them: in a request with a condition and an update, each gets
/// placeholders of its own. (A request on the wire has one map for all its expressions.)
#[macro_export]
macro_rules! values {
    ($($key:expr => $value:expr),* $(,)?) => {
        $crate::expression::Placeholders::none()$(.with($key, $value))*
    };
}
