//! The criterion's options as they come from TypeScript: by name, as the description lists them.

use hungarian_loss::{Config, OptionValue, Options, Weights};
use napi::bindgen_prelude::Either4;
use napi_derive::napi;
use std::collections::HashMap;

/// A resolved configuration.
#[napi(object, object_to_js = false)]
pub struct CriterionOptions {
    /// How many classes there are, no-object not among them.
    pub num_classes: f64,
    /// One weight for each term, in the order of the description.
    pub cost: Vec<f64>,
    /// As for the cost, those of the loss.
    pub weights: Vec<f64>,
    /// The values of options by name; others have their default.
    pub options: HashMap<String, Either4<f64, bool, String, Vec<f64>>>,
    /// In how many threads images may be computed at once, at least 1.
    pub threads: u32,
}

impl CriterionOptions {
    /// What the core takes.
    pub fn into_config(self) -> Config {
        let options = self.options.into_iter().fold(Options::default(), |options, (name, value)| {
            options.with(
                &name,
                match value {
                    Either4::A(number) => OptionValue::Number(number),
                    Either4::B(flag) => OptionValue::Flag(flag),
                    Either4::C(word) => OptionValue::Word(word),
                    Either4::D(numbers) => OptionValue::Numbers(numbers),
                },
            )
        });
        Config {
            num_classes: self.num_classes as usize,
            cost: Weights::from_slice(&self.cost),
            weights: Weights::from_slice(&self.weights),
            options,
        }
    }
}
