//! What the terms of a family are divided by, by name.

use crate::option::OptionInfo;

/// What the terms of a family are divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Divisor {
    /// N, the number of targets in the batch, at least 1.
    Targets,
    /// The pairs of the layer, at least 1.
    Pairs,
    /// The queries of the layer, B · Q.
    Queries,
    /// Each image by its own targets, at least 1, then the mean over the images.
    Images,
    /// The number of images: what images have as a whole, whatever the options say.
    Batch,
}

/// What geometric terms are divided by: the number of targets in the batch; that of the layer's pairs, which is another where
/// targets outnumber queries (jayleicn/moment_detr; the heads of mmdetection); that of the layer's queries in all images; or
/// each image by its own number of targets, and then by the number of images (google-research/scenic, `owl_vit`). At least 1
/// in each case. A family may have a word of its own, by [`own`].
pub(crate) const NORMALIZATION: OptionInfo = OptionInfo::word("normalization", WORDS);

const WORDS: &[&str] = &["num-boxes", "num-pairs", "num-queries", "per-image"];

/// What a family's terms are divided by where that is another than [`NORMALIZATION`] says. `name`: `normalization.` and the
/// family's.
pub(crate) const fn own(name: &'static str) -> OptionInfo {
    OptionInfo::word(name, WORDS)
}

/// What the names of these options begin with.
pub(crate) const OWN: &str = "normalization.";

impl Divisor {
    /// The divisor that a word names.
    pub fn of(word: &str) -> Self {
        match word {
            "num-pairs" => Self::Pairs,
            "num-queries" => Self::Queries,
            "per-image" => Self::Images,
            _ => Self::Targets,
        }
    }
}
