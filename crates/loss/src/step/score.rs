//! One-to-many by score: how well a query suits a target is s = class · p + overlap · q, with p the probability of the
//! target's label (of several labels, their mean) and q how well the pair agrees, as the IoU of boxes. A target may have several
//! queries, and a query several targets.
//!
//! | `quantile` | pairs |
//! | --- | --- |
//! | yes | of each target the queries with s above the threshold and above the (1 - k/Q) quantile of all queries' s, between two of them linearly: facebookresearch/sam3, `sam3/train/matcher.py`, `BinaryOneToManyMatcher` |
//! | no | each query with its best target, where s reaches the threshold; of each target the k best of these: Visual-AI/Mr.DETR, `one2manyMatcherDAC.py`; jozhang97/DETA, `models/assigner.py`, whose code takes the best of all queries, as many as these |
//!
//! With `at_least_one`, each target's best query is among its pairs, too, whatever its s and whichever other target it suits.
//! Among equal scores the first query, and the first target, is the better. Queries that are not finite have no pair; to the
//! quantile they count with the score 0, the least there is.

use crate::option::{LIMIT, OptionInfo, UP_TO_LIMIT};

/// How pairs are chosen by score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// What the probability of the label is multiplied by, 0 to 1e12; 0.3 in SAM 3.
    pub class: f64,
    /// What the overlap is multiplied by, 0 to 1e12; 0.7 in SAM 3.
    pub overlap: f64,
    /// The most queries of a target, k, at least 1; infinity for any number.
    pub top: f64,
    /// Whether k is a quantile of each target's scores, and a query may have every target.
    pub quantile: bool,
    /// The score of a pair, 0 to 1e12; 0.4 in SAM 3.
    pub threshold: f64,
    /// Whether each target has its best query in any case.
    pub at_least_one: bool,
}

/// What the numbers of a [`Score`] may be, in the order of its fields.
pub const SCORE_OPTIONS: [&OptionInfo; 6] = [
    &OptionInfo::number("class", 0.3, [0.0, LIMIT]),
    &OptionInfo::number("overlap", 0.7, [0.0, LIMIT]),
    &OptionInfo::number("topK", f64::INFINITY, [1.0, f64::INFINITY]),
    &OptionInfo::flag("quantile", false),
    &OptionInfo::number("threshold", 0.4, [0.0, LIMIT]),
    &OptionInfo::flag("atLeastOne", false),
];

impl Score {
    /// Of its numbers, in the order of [`SCORE_OPTIONS`]; NaN for those that are absent, which is refused.
    #[must_use]
    pub fn from_slice(values: &[f64]) -> Self {
        let value = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
        Self {
            class: value(0),
            overlap: value(1),
            top: value(2),
            quantile: value(3) > 0.0,
            threshold: value(4),
            at_least_one: value(5) > 0.0,
        }
    }

    /// The first number that is outside its range, with its name.
    pub(crate) fn fault(&self) -> Option<(&'static str, &'static str, f64)> {
        let weights = [
            ("matching.class", self.class),
            ("matching.overlap", self.overlap),
            ("matching.threshold", self.threshold),
        ];
        let outside = weights.into_iter().find(|(_, value)| !(0.0..=LIMIT).contains(value));
        let fault = outside.map(|(name, value)| (name, UP_TO_LIMIT, value));
        let is_top = self.top >= 1.0 && (self.top.is_infinite() || self.top.fract() == 0.0);
        fault.or_else(|| (!is_top).then_some(("matching.topK", "an integer from 1 on", self.top)))
    }

    /// The most pairs of a target among so many queries of a group.
    pub(crate) fn most(&self, queries: usize) -> usize {
        // what is beyond the queries saturates
        (self.top as usize).min(queries)
    }
}
