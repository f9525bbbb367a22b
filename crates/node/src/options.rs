//! The criterion's options as they come from TypeScript, which has resolved every default.

use hungarian_loss::{BoxFormat, Classification, Config, Ignore, NonFinite, Normalization, Overlap, Weights};
use napi_derive::napi;

use crate::error::{Failure, Result};

/// A resolved configuration.
#[napi(object, object_to_js = false)]
pub struct CriterionOptions {
    pub num_classes: f64,
    pub no_object_index: f64,
    pub no_object_weight: f64,
    pub class_weights: Option<Vec<f64>>,
    pub normalization: String,
    pub allow_no_object_labels: bool,
    pub cost_class: f64,
    pub cost_l1: f64,
    pub cost_giou: f64,
    pub weight_class: f64,
    pub weight_l1: f64,
    pub weight_giou: f64,
    pub box_format: String,
    pub normalized_boxes: bool,
    pub non_finite: String,
    pub ignore_overlap: String,
    pub ignore_threshold: f64,
}

impl CriterionOptions {
    pub fn into_config(self) -> Result<Config> {
        Ok(Config {
            num_classes: self.num_classes as usize,
            classification: Classification {
                no_object_index: self.no_object_index as usize,
                no_object_weight: self.no_object_weight,
                class_weights: self.class_weights,
                normalization: choice(
                    "options.classification.normalization",
                    &self.normalization,
                    &[("weighted-mean", Normalization::WeightedMean), ("num-boxes", Normalization::NumBoxes)],
                )?,
                allow_no_object_labels: self.allow_no_object_labels,
            },
            cost: Weights { class: self.cost_class, l1: self.cost_l1, giou: self.cost_giou },
            weights: Weights { class: self.weight_class, l1: self.weight_l1, giou: self.weight_giou },
            box_format: choice(
                "options.boxFormat",
                &self.box_format,
                &[("cxcywh", BoxFormat::Cxcywh), ("xyxy", BoxFormat::Xyxy)],
            )?,
            normalized_boxes: self.normalized_boxes,
            non_finite: choice(
                "options.nonFinite",
                &self.non_finite,
                &[("throw", NonFinite::Throw), ("worst", NonFinite::Worst)],
            )?,
            ignore: Ignore {
                overlap: choice(
                    "options.ignore.overlap",
                    &self.ignore_overlap,
                    &[("iof", Overlap::Iof), ("iou", Overlap::Iou)],
                )?,
                threshold: self.ignore_threshold,
            },
        })
    }
}

fn choice<T: Copy>(argument: &'static str, name: &str, choices: &[(&str, T)]) -> Result<T> {
    let found = choices.iter().find(|(known, _)| *known == name);
    found.map(|&(_, value)| value).ok_or_else(|| {
        let known: Vec<_> = choices.iter().map(|(known, _)| format!("'{known}'")).collect();
        Failure::option(argument, format!("{argument}: must be {}, got '{name}'", known.join(" or ")))
    })
}
