//! Paths of attributes, as statements write them.

use super::Binder;
use crate::{
    error::{Error, Result},
    expression::{MAX_PATH_LEVELS, Path, Step, parse_index},
    partiql::{
        error,
        syntax::{Expression, ExpressionKind, PathStep},
    },
};

impl Binder<'_> {
    /// The path that an expression is.
    pub(super) fn path(&self, expression: &Expression) -> Result<Path> {
        let (root, steps) = match &expression.kind {
            ExpressionKind::Name(_) => (expression, &[][..]),
            ExpressionKind::Path(root, steps) => (&**root, steps.as_slice()),
            _ => return Err(error::unexpected_path_component(expression.span)),
        };
        let ExpressionKind::Name(name) = &root.kind else {
            return Err(error::unexpected_path_component(root.span));
        };
        if name.is_empty() {
            return Err(error::empty_component());
        }
        let mut path = Path::attribute(name.clone());
        for step in steps {
            match step {
                PathStep::Name(name) if name.is_empty() => return Err(error::empty_component()),
                PathStep::Name(name) => path.push(Step::Name(name.clone())),
                PathStep::Index(index) => {
                    let ExpressionKind::Number(digits) = &index.kind else {
                        return Err(error::unexpected_path_component(index.span));
                    };
                    let position = parse_index(digits).ok_or_else(|| {
                        Error::validation(format!("List index is not within the allowable range; index: [{digits}]"))
                    })?;
                    path.push(Step::Index(position));
                }
                PathStep::AllMembers | PathStep::AllElements => {
                    return Err(error::unexpected_path_component(expression.span));
                }
            }
        }
        if path.levels() > MAX_PATH_LEVELS {
            let levels = path.levels();
            return Err(Error::validation(format!(
                "The document path has too many nesting levels; nesting levels: {levels}"
            )));
        }
        Ok(path)
    }
}

/// The name under which the value at a path is returned: the last name in it with the indexes behind, so that results
/// are flat.
pub(in crate::partiql) fn result_name(path: &Path) -> String {
    let last = path.steps().iter().rposition(|step| matches!(step, Step::Name(_)));
    let mut name = match last.and_then(|at| path.steps().get(at)) {
        Some(Step::Name(name)) => name.to_string(),
        _ => path.top_level().to_owned(),
    };
    for step in path.steps().iter().skip(last.map_or(0, |at| at + 1)) {
        if let Step::Index(index) = step {
            name.push_str(&format!("[{index}]"));
        }
    }
    name
}
