//! What the class term of a layer is divided by: a sum of weights that is known before the images are read, or is found
//! only when they are matched; or a number of targets, pairs, labels, queries or images, which is always known before.

use super::image::Image;
use super::inputs::Normalizers;
use super::jobs::Job;
use super::part::Part;
use super::plan::Slot;
use super::setup::Setup;
use crate::batch::{ImageView, LEFT_OUT};
use crate::terms::class::ClassDivisor;

/// The normaliser of a layer's class term.
#[derive(Clone, Copy, Default)]
pub(crate) struct ClassNormalizer {
    /// What the batch itself has, and the least that divides; see [`LayerCounts`](super::report::LayerCounts).
    pub sum: f64,
    pub least: f64,
    /// What divides the term; absent where that is a sum that is not known yet.
    pub divisor: Option<f64>,
    /// Whether the sum is found only when the images are matched.
    pub is_open: bool,
}

impl ClassNormalizer {
    /// What is known before the images are read. `targets`: of the batch. `pairs`: of the layer. `images`: of the layer.
    /// `matches`: where they are not to be solved, those of the layer, `[images, queries]`.
    pub fn new<'a>(
        setup: &Setup,
        part: &Part,
        targets: usize,
        pairs: usize,
        mut images: impl Iterator<Item = (ImageView<'a>, Known, Option<&'a [f32]>)>,
        matches: &[i32],
    ) -> Self {
        let queries = part.queries.len();
        match setup.class.divisor() {
            ClassDivisor::Weights | ClassDivisor::KeptQueries => {}
            ClassDivisor::Targets => {
                let sum = part.targets(targets);
                return Self { sum, least: part.normalizer_factor, divisor: None, is_open: false };
            }
            ClassDivisor::Pairs => return Self { sum: pairs as f64, least: 1.0, divisor: None, is_open: false },
            ClassDivisor::Labels => {
                // the sum of nothing by `sum()` is -0
                let labels = images.fold(0.0, |sum, (view, ..)| sum + setup.class.count(&view.kept));
                let sum = labels * part.counted() as f64 * part.normalizer_factor;
                return Self { sum, least: part.normalizer_factor, divisor: None, is_open: false };
            }
            ClassDivisor::Queries { least } => {
                let sum = images.count() as f64 * (queries as f64).max(least);
                return Self { sum, least: 0.0, divisor: Some(sum), is_open: false };
            }
            ClassDivisor::Images => {
                let sum = images.count() as f64;
                return Self { sum, least: 0.0, divisor: Some(sum), is_open: false };
            }
        }
        let mut next = 0;
        let mut weights = std::iter::from_fn(|| {
            let (view, known, query_weights) = images.next()?;
            let own = &matches[next..next + queries];
            next += queries;
            Some(weight_before_matching(setup, part, &view, known, own, query_weights))
        });
        let divisor = weights.try_fold(0.0, |sum, weight| Some(sum + weight?));
        // that a query is left out shows only when it is read
        let is_open = divisor.is_none() || setup.leaves_out;
        let sum = divisor.unwrap_or(0.0);
        let divisor = divisor.map(|sum| setup.class.divisor().of_sum(sum));
        Self { sum, least: 0.0, divisor, is_open }
    }
}

/// What is known of an image's matching before it is solved.
#[derive(Clone, Copy)]
pub(crate) enum Known {
    Nothing,
    /// The pairs that are fixed, and the queries that are left out.
    Some,
    All,
}

impl Known {
    pub fn of(slot: &Slot, is_optimal: bool) -> Self {
        match is_optimal {
            true if slot.is_fixed => Self::Some,
            true => Self::Nothing,
            false => Self::All,
        }
    }
}

/// The sum of the weights of an image's queries, where it depends on nothing that is not known yet. `matches`: as far as
/// they are known.
fn weight_before_matching(
    setup: &Setup,
    part: &Part,
    targets: &ImageView<'_>,
    known: Known,
    matches: &[i32],
    query_weights: Option<&[f32]>,
) -> Option<f64> {
    if targets.has_ignored() {
        return None;
    }
    match known {
        Known::All => Some(setup.class.weight(&targets.all, matches, &[], query_weights)),
        // which queries are background is known only when they are matched
        _ if query_weights.is_some() => None,
        // queries that are left out may be what targets lack
        Known::Some if matches.contains(&LEFT_OUT) => None,
        _ => {
            let copies = part.copies(targets.all.len());
            setup.class.weight_before_matching(part.queries.len(), &targets.all, copies)
        }
    }
}

fn of_image(setup: &Setup, image: &Image<'_>, matches: &[i32]) -> Option<f64> {
    let known = Known::of(image.slot, image.is_optimal);
    weight_before_matching(setup, image.part, &image.targets, known, matches, image.query_weights)
}

/// Whether an image of a layer whose divisor is not known has nothing to add to it but what is.
pub(crate) fn can_wait(setup: &Setup, image: &Image<'_>, matches: &[i32]) -> bool {
    let weight = || of_image(setup, image, matches);
    !setup.leaves_out && weight().is_some()
}

/// What divides the class term of a layer: what the caller gave, or the layer's own. Absent where that is open. `slot`: the
/// layer's number. `targets`: of the batch.
pub(crate) fn divisor_of(
    setup: &Setup,
    part: &Part,
    targets: usize,
    own: &ClassNormalizer,
    given: &Normalizers<'_>,
    slot: usize,
) -> Option<f64> {
    if let Some(class) = given.class {
        return Some(class[slot]);
    }
    match (setup.class.divisor(), given.images) {
        (ClassDivisor::Targets, _) => Some(part.normalizer(given.targets, targets)),
        (ClassDivisor::Pairs, _) => Some(given.pairs.map_or(own.sum.max(own.least), |pairs| pairs[slot])),
        (ClassDivisor::Labels, _) => Some(own.sum.max(own.least)),
        (ClassDivisor::Queries { least }, Some(images)) => Some(images * (part.queries.len() as f64).max(least)),
        (ClassDivisor::Images, Some(images)) => Some(images),
        _ => own.divisor,
    }
}

/// The weight of an image once it is matched, added in the same order as before. `left_out`: queries that are not finite.
pub(crate) fn image_weight(setup: &Setup, image: &Image<'_>, matches: &[i32], left_out: &[usize]) -> f64 {
    let before = of_image(setup, image, matches);
    match before.filter(|_| left_out.is_empty()) {
        Some(weight) => weight,
        None => setup.class.weight(&image.targets.all, matches, left_out, image.query_weights),
    }
}

/// Adds up what was open, once all images of a stage are matched. Gives for each layer whether it was divided by
/// another sum, or not at all yet; nothing if none was open.
pub(crate) fn close(setup: &Setup, jobs: &[Job<'_>], normalizers: &mut [ClassNormalizer], is_given: bool) -> Vec<bool> {
    if !normalizers.iter().any(|normalizer| normalizer.is_open) {
        return Vec::new();
    }
    let mut is_late = vec![false; normalizers.len()];
    let mut sums = vec![0.0; normalizers.len()];
    jobs.iter().for_each(|job| sums[job.slot] += job.class_weight);
    for (slot, normalizer) in normalizers.iter_mut().enumerate().filter(|(_, normalizer)| normalizer.is_open) {
        normalizer.is_open = false;
        normalizer.sum = sums[slot];
        let divisor = setup.class.divisor().of_sum(sums[slot]);
        if !is_given && normalizer.divisor != Some(divisor) {
            normalizer.divisor = Some(divisor);
            is_late[slot] = true;
        }
    }
    is_late
}

/// 1/x, and 0 for 0: a class term without any weight is 0.
pub(crate) fn reciprocal(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { 1.0 / x }
}
