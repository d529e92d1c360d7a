//! What the builders of puts, updates and deletes have in common.

/// Methods of a builder with fields `executor` and `request`, the request or what is wrong with it.
macro_rules! write_builder {
    ($builder:ident) => {
        impl<'a> $builder<'a> {
            /// Writes only if the condition holds for the item that is there (or for no item). Several conditions must
            /// all hold.
            pub fn when(self, condition: impl crate::expression::IntoCondition) -> Self {
                self.try_change(|request| {
                    let condition = condition.into_condition(crate::expression::ExpressionKind::Condition)?;
                    request.condition = Some(match request.condition.take() {
                        Some(before) => before.and(condition)?,
                        None => condition,
                    });
                    Ok(())
                })
            }
            /// Returns the item as it was before.
            pub fn return_old(self) -> Self {
                self.return_values(crate::request::ReturnValues::AllOld)
            }
            /// What to return.
            pub fn return_values(self, values: crate::request::ReturnValues) -> Self {
                self.try_change(|request| Ok(request.return_values = values))
            }
            /// Attaches the item to the error if the condition fails.
            pub fn return_old_on_failure(self) -> Self {
                self.try_change(|request| Ok(request.return_old_on_failure = true))
            }
            /// Overrides the database's durability for this write.
            pub fn durability(self, durability: crate::config::Durability) -> Self {
                self.try_change(|request| Ok(request.durability = Some(durability)))
            }
        }
    };
}
pub(super) use write_builder;
