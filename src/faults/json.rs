//! Models of faults as JSON, for servers; `docs/faults.md` describes the file.

use super::{Delay, FaultModel, FaultRule, ServiceFault, StateDelay};
use crate::error::{Error, Result};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    rules: Vec<Value>,
    #[serde(default)]
    states: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    name: Option<String>,
    #[serde(default)]
    operations: Vec<String>,
    #[serde(default)]
    tables: Vec<String>,
    key_prefix: Option<String>,
    #[serde(default = "always")]
    rate: f64,
    #[serde(default)]
    skip: u64,
    times: Option<u64>,
    delay: Option<DelayForm>,
    fault: Option<String>,
}

fn always() -> f64 {
    1.0
}

/// `{"fixed_millis": 5}`, `{"uniform_millis": [5, 50]}`, ...
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[expect(clippy::enum_variant_names, reason = "the members of the file have their unit last")]
enum DelayForm {
    FixedMillis(u64),
    UniformMillis([u64; 2]),
    ExponentialMillis(u64),
    LogNormalMillis { median: u64, p99: u64 },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StatesForm {
    #[serde(default)]
    tables: Vec<String>,
    #[serde(default)]
    creating_millis: u64,
    #[serde(default)]
    updating_millis: u64,
}

impl From<DelayForm> for Delay {
    fn from(form: DelayForm) -> Self {
        match form {
            DelayForm::FixedMillis(millis) => Self::Fixed(millis),
            DelayForm::UniformMillis([least, most]) => Self::Uniform(least, most),
            DelayForm::ExponentialMillis(mean) => Self::Exponential(mean),
            DelayForm::LogNormalMillis { median, p99 } => Self::LogNormal(median, p99),
        }
    }
}

impl Rule {
    fn into_rule(self, at: usize) -> std::result::Result<FaultRule, String> {
        let fault = self.fault.map(|name| {
            let known = ServiceFault::NAMES.iter().find(|(known, _)| *known == name).map(|(_, fault)| *fault);
            known.ok_or_else(|| {
                let names: Vec<&str> = ServiceFault::NAMES.iter().map(|(name, _)| *name).collect();
                format!("fault: there is no {name}; there are {}", names.join(", "))
            })
        });
        let Self { operations, tables, key_prefix, rate, skip, times, .. } = self;
        let name = self.name.unwrap_or_else(|| format!("rule {at}"));
        let (delay, fault) = (self.delay.map(Delay::from), fault.transpose()?);
        Ok(FaultRule { name, operations, tables, key_prefix, rate, skip, times, delay, fault })
    }
}

impl FaultModel {
    /// Reads a model from JSON: `{"seed": 1, "rules": [...], "states": [...]}`. Errors: what cannot be understood, or cannot be
    /// modelled, by its place, such as `faults.rules[0].rate: must be from 0 to 1, not 2`.
    ///
    /// ```
    /// use hashrange::service::FaultModel;
    ///
    /// let model = FaultModel::from_json(r#"{"rules": [{"operations": ["PutItem"], "fault": "ThrottlingException"}]}"#)?;
    /// assert_eq!(model.rules[0].name, "rule 0");
    /// let error = FaultModel::from_json(r#"{"rules": [{"rate": 2, "fault": "AnswerLost"}]}"#).unwrap_err();
    /// assert_eq!(error.message(), "faults.rules[0].rate: must be from 0 to 1, not 2");
    /// # Ok::<(), hashrange::Error>(())
    /// ```
    pub fn from_json(text: &str) -> Result<Self> {
        let invalid = |place: String, why: &dyn std::fmt::Display| Error::validation(format!("{place}: {why}"));
        let file: Value = serde_json::from_str(text).map_err(|error| invalid("faults".to_owned(), &error))?;
        if !file.is_object() {
            return Err(invalid("faults".to_owned(), &"must be an object with seed, rules and states"));
        }
        let file: File = serde_json::from_value(file).map_err(|error| invalid("faults".to_owned(), &error))?;
        let mut model = Self { seed: file.seed, ..Self::default() };
        for (at, rule) in file.rules.into_iter().enumerate() {
            let place = || format!("faults.rules[{at}]");
            let rule: Rule = serde_json::from_value(rule).map_err(|error| invalid(place(), &error))?;
            let rule = rule.into_rule(at).map_err(|why| Error::validation(format!("{}.{why}", place())))?;
            model.rules.push(rule);
        }
        for (at, state) in file.states.into_iter().enumerate() {
            let state =
                serde_json::from_value(state).map_err(|error| invalid(format!("faults.states[{at}]"), &error))?;
            let StatesForm { tables, creating_millis, updating_millis } = state;
            model.states.push(StateDelay { tables, creating_millis, updating_millis });
        }
        model.check()?;
        Ok(model)
    }
}
