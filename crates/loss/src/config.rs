//! What to compute: the classes, the weights of all terms, and options.

use crate::error::{Error, Result, Value, WeightOf};
use crate::option::{OptionInfo, Options, Values};
use crate::terms::divisor::NORMALIZATION;
use crate::terms::family::Kind;
use crate::terms::{FAMILIES, KINDS, check_class_options};
use crate::weights::Weights;

/// The whole configuration of a [`Criterion`](crate::Criterion).
///
/// ```
/// use hungarian_loss::Config;
/// let config = Config::detr(91).with("classification.noObjectWeight", 0.2).with("boxFormat", "xyxy");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Object classes, 1 to 16,777,215. The logits have one column for each, and with softmax one more, for no-object.
    pub num_classes: usize,
    /// Weights of the matching cost.
    pub cost: Weights,
    /// Weights of the loss terms in the total; a part may have its own.
    pub weights: Weights,
    /// Options, described by [`describe`](crate::describe).
    pub options: Options,
}

/// The most classes: column numbers are exact in `f32`.
pub(crate) const MAX_CLASSES: usize = (1 << 24) - 1;

/// The kind of classification; what else it has, the kinds say.
const KIND: &str = "classification.kind";

/// What to do with NaN and ±infinity in the predictions: refuse the batch, naming the place; or give the query a cost above
/// every finite one of its image, leave it out of the loss, and count it.
pub(crate) const NON_FINITE: OptionInfo = OptionInfo::word("nonFinite", &["throw", "worst"]);

/// What is measured where an unmatched query lies on an ignored target: the intersection over the query's size (as
/// pycocotools measures detections against crowd regions, and the assigners of mmdetection `gt_bboxes_ignore` with
/// `ignore_wrt_candidates`), or over the union.
pub(crate) const IGNORE_OVERLAP: OptionInfo = OptionInfo::word("ignore.overlap", &["iof", "iou"]);

/// Above which overlap such a query is left out.
pub(crate) const IGNORE_THRESHOLD: OptionInfo = OptionInfo::number("ignore.threshold", 0.5, [0.0, 1.0]);

/// Whether an image without a visible target, of boxes one with two sides above 0, adds nothing to the class term, though what
/// divides it counts the image as any other (facebookresearch/sam3, `IABCEMdetr` with `use_presence`).
pub(crate) const IMAGE_GATE: OptionInfo = OptionInfo::flag("imageGate", false);

/// The options that do not belong to a kind of classification or to a family.
pub(crate) const COMMON: [&OptionInfo; 5] =
    [&NON_FINITE, &IGNORE_OVERLAP, &IGNORE_THRESHOLD, &NORMALIZATION, &IMAGE_GATE];

/// Names of all kinds.
const KIND_NAMES: [&str; KINDS.len()] = {
    let mut names = [""; KINDS.len()];
    let mut k = 0;
    while k < KINDS.len() {
        names[k] = KINDS[k].name;
        k += 1;
    }
    names
};

const KIND_OPTION: OptionInfo = OptionInfo { name: KIND, values: Values::Word(&KIND_NAMES) };

impl Config {
    /// DETR's published values (Carion et al. 2020; facebookresearch/detr, `main.py`).
    #[must_use]
    pub fn detr(num_classes: usize) -> Self {
        let weights = Weights::of(&[("class", 1.0), ("l1", 5.0), ("giou", 2.0)]);
        Self { num_classes, cost: weights, weights, options: Options::default() }
    }

    /// Deformable DETR's published values (Zhu et al. 2021; fundamentalvision/Deformable-DETR, `main.py`).
    #[must_use]
    pub fn deformable_detr(num_classes: usize) -> Self {
        let Self { weights, .. } = Self::detr(num_classes);
        let weights = weights.with("class", 2.0);
        Self { num_classes, cost: weights, weights, options: Options::default() }.with(KIND, "focal")
    }

    /// With another value for an option.
    #[must_use]
    pub fn with(self, name: &str, value: impl Into<crate::option::OptionValue>) -> Self {
        Self { options: self.options.with(name, value), ..self }
    }

    /// The kind of classification.
    ///
    /// # Errors
    /// [`Error::Option`] where there is no such kind.
    pub(crate) fn kind(&self) -> Result<&'static Kind> {
        let name = self.options.word(&KIND_OPTION);
        KINDS.iter().find(|kind| kind.name == name).copied().ok_or_else(|| {
            let names: Vec<_> = KIND_NAMES.iter().map(|name| format!("'{name}'")).collect();
            Error::Option { name: KIND, rule: names.join(" or "), value: Value::Word(name.to_owned()) }
        })
    }

    /// Checks every value.
    pub(crate) fn check(&self) -> Result<()> {
        if self.num_classes == 0 || self.num_classes > MAX_CLASSES {
            let rule = format!("an integer from 1 to {MAX_CLASSES}");
            return Err(Error::Option { name: "numClasses", rule, value: Value::Number(self.num_classes as f64) });
        }
        let kind = self.kind()?;
        let of_families = FAMILIES.into_iter().flat_map(|family| family.options);
        let known = std::iter::once(&&KIND_OPTION).chain(COMMON.iter()).chain(kind.options).chain(of_families);
        self.options.check(&known.copied().collect::<Vec<_>>(), self.num_classes)?;
        check_class_options(kind, &self.options)?;
        self.cost.check(WeightOf::Cost, kind.is_sigmoid)?;
        self.weights.check(WeightOf::Loss, kind.is_sigmoid)
    }
}
