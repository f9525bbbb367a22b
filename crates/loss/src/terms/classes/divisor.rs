//! What the class term is divided by, as the options say it.

use crate::option::{LIMIT, OptionInfo, Options};
use crate::terms::class::ClassDivisor;

/// Of the sigmoid kinds: the number of targets in the batch, as geometric terms are (most published code); that of the layer's
/// pairs (the heads of mmdetection) or of the batch's labels, several of a target counted one by one; that of all queries of
/// the layer, B · Q (facebookresearch/sam3), or of those that have a part in the term: all but queries that are left out, and
/// background whose weight is 0 (there with `weak_loss`, + 1e-6); or each image by its own number of labels, then by the number
/// of images (google-research/scenic, `owl_vit`). At least 1 in each case but that of kept queries.
pub(super) const SIGMOID: OptionInfo =
    OptionInfo::word(NAME, &["num-boxes", "num-pairs", "num-labels", "num-queries", "num-kept-queries", "per-image"]);

/// Of softmax: the sum of the weights over all queries of the batch (DETR's published code); the number of targets, as
/// geometric terms are (DETR's paper); that of all queries (jayleicn/moment_detr); that of the layer's pairs; or each image by
/// its own number of targets, then by the number of images.
pub(super) const SOFTMAX: OptionInfo =
    OptionInfo::word(NAME, &["weighted-mean", "num-boxes", "num-queries", "num-pairs", "per-image"]);

/// The least number of queries of an image that `num-queries` counts; 200 in facebookresearch/sam3.
pub(super) const MIN_QUERIES: OptionInfo = OptionInfo::number("classification.minQueries", 0.0, [0.0, LIMIT]);

const NAME: &str = "classification.normalization";

/// The divisor of a kind whose option is `info`.
pub(super) fn divisor(options: &Options, info: &OptionInfo) -> ClassDivisor {
    match options.word(info) {
        "weighted-mean" => ClassDivisor::Weights,
        "num-pairs" => ClassDivisor::Pairs,
        "num-labels" => ClassDivisor::Labels,
        "num-queries" => ClassDivisor::Queries { least: options.number(&MIN_QUERIES) },
        "num-kept-queries" => ClassDivisor::KeptQueries,
        "per-image" => ClassDivisor::Images,
        _ => ClassDivisor::Targets,
    }
}
