//! How the costs of a target's labels become one.

use crate::batch::Labels;
use crate::option::OptionInfo;

/// How the costs of a target's labels are combined: their sum, each times its value (google-research/scenic, `owl_vit`); their
/// mean, weighted by the values (IDEA-Research/GroundingDINO; huggingface/transformers, `loss_grounding_dino.py`); or over all
/// columns the sum of y times the part of a label and 1 - y times that of background, y the value, 0 without a label
/// (open-mmlab/mmdetection, `BinaryFocalLossCost`).
pub(super) const LABELS: OptionInfo = OptionInfo::word("cost.labels", &["sum", "mean", ALL_COLUMNS]);
pub(super) const ALL_COLUMNS: &str = "all-columns";

/// Likewise with softmax.
pub(super) const SOFTMAX_LABELS: OptionInfo = OptionInfo::word("cost.labels", &["sum"]);

/// How the costs of a target's labels are combined, see [`LABELS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Combination {
    Sum,
    Mean,
    AllColumns,
}

impl Combination {
    /// By its name.
    pub fn of(word: &str) -> Self {
        match word {
            "mean" => Self::Mean,
            ALL_COLUMNS => Self::AllColumns,
            _ => Self::Sum,
        }
    }

    /// What the values of a target's labels are multiplied by.
    pub fn share(self, values: impl Iterator<Item = f32>) -> f32 {
        if self != Self::Mean {
            return 1.0;
        }
        (1.0 / values.map(f64::from).sum::<f64>()) as f32
    }
}

/// Fills the rows of sets by those of their labels, each label's cost times its value, and where that is wanted their mean.
pub(super) fn combine(labels: &Labels, combination: Combination, stride: usize, out: &mut [f32]) {
    let (single, sets) = out.split_at_mut(labels.distinct.len() * stride);
    for (set, row) in labels.sets().zip(sets.chunks_exact_mut(stride)) {
        row.fill(0.0);
        let share = combination.share(set.iter().map(|&(_, value)| value));
        for &(label, value) in set {
            let addend = &single[label * stride..][..stride];
            let value = value * share;
            row.iter_mut().zip(addend).for_each(|(sum, cost)| *sum += cost * value);
        }
    }
}
