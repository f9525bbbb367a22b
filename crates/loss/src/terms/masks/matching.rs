//! The cost of all queries of an image and its targets.

use simd::{Level, padded};

use super::cost::{Cost, CostWeights};
use super::factored::{Matrix, product};
use super::grid::{Outside, Reading, Taps};
use super::prediction::Prediction;
use super::random::{Purpose, Stream, points};
use super::samples::Samples;
use super::sampling::Sampling;
use super::targets::{LabelMemory, Targets};
use super::values::Focal;
use super::{COST_POINTS, MaskFamily};
use crate::terms::memory::Memory;
use crate::terms::pair::{CostInputs, PairTerms};

/// Memory of the cost. Holds nothing between images but its capacity.
#[derive(Debug, Default)]
pub(super) struct CostMemory {
    drawn: Vec<f32>,
    taps: Taps,
    /// `[channels, points]`, and memory of products.
    features: Vec<f32>,
    panel: Vec<f32>,
    /// `[queries, samples]`.
    logits: Vec<f32>,
    labels: LabelMemory,
    rows: Vec<usize>,
    cost: Cost,
}

impl Memory for CostMemory {
    fn held(&self) -> usize {
        let Self { drawn, taps, features, panel, logits, labels, cost, .. } = self;
        let floats: usize = [drawn, features, panel, logits].map(Vec::capacity).iter().sum();
        4 * floats + taps.held() + labels.held() + cost.held()
    }
}

/// Adds the cost to a block, `[targets, padded queries]`.
pub(super) fn add(
    family: &MaskFamily,
    level: Level,
    inputs: &CostInputs<'_>,
    block: &mut [f32],
    memory: &mut CostMemory,
) {
    let Sampling { cost_by_points, continues, is_nearest, alpha, gamma, .. } = family.sampling;
    let &[bce, focal, dice] = inputs.weights else { return };
    let CostMemory { drawn, taps, features, panel, logits, labels, rows, cost } = memory;
    let Some(targets) = Targets::new(inputs.targets, family.targets) else { return };
    rows.clear();
    rows.extend((0..inputs.targets.count).filter(|&target| family.knows(inputs.targets, target)));
    if rows.is_empty() || bce + focal + dice == 0.0 {
        return;
    }
    let prediction = Prediction::new(inputs.rows, family.queries);
    let size = Prediction::size(&inputs.rows, family.queries);
    labels.hard.clear();
    labels.soft.clear();
    let (x, has_void): (&[f32], bool) = if cost_by_points {
        let points = points_of(family, level, inputs, size, drawn);
        let outside = if continues { Outside::Border } else { Outside::Zero };
        taps.lay_out(level, points, size, size, Reading::Bilinear(outside));
        sample(level, prediction, inputs.queries, size.area(), taps, (features, panel, logits));
        let has_void = targets.lay_out(level, points, is_nearest, labels);
        rows.iter().for_each(|&target| targets.append_points(level, target, is_nearest, labels));
        (logits, has_void)
    } else {
        rows.iter().for_each(|&target| targets.append_nearest(target, size, &mut labels.hard));
        let has_void = targets.kept_nearest(size, labels).is_some();
        (whole(level, prediction, inputs.queries, size.area(), (panel, logits)), has_void)
    };
    let (own, kept) = labels.appended(!cost_by_points || is_nearest, has_void);
    let weights = CostWeights { bce, focal, dice };
    let samples = Samples { labels: own, kept };
    cost.add(level, &weights, Focal { alpha, gamma }, x, &samples, rows, block, padded(inputs.queries));
}

/// The points that are given, or drawn.
fn points_of<'a>(
    family: &MaskFamily,
    level: Level,
    inputs: &CostInputs<'a>,
    size: super::canvas::Size,
    drawn: &'a mut Vec<f32>,
) -> &'a [f32] {
    let given = inputs.rows.get(family.queries + COST_POINTS);
    if !given.is_empty() {
        return given;
    }
    let at = inputs.at;
    let image = if family.sampling.is_shared { 0 } else { at.image as u32 };
    let stream =
        Stream { seed: at.seed, purpose: Purpose::Cost, part: at.part as u32, layer: at.layer as u32, image, row: 0 };
    drawn.resize(2 * family.sampling.cost_points([size.height, size.width]), 0.0);
    points(level, &stream, drawn);
    drawn
}

/// The logits of all queries at the points, `[queries, points]`.
fn sample(
    level: Level,
    prediction: Prediction<'_>,
    queries: usize,
    area: usize,
    taps: &Taps,
    (sampled, panel, logits): (&mut Vec<f32>, &mut Vec<f32>, &mut Vec<f32>),
) {
    let count = taps.len();
    logits.resize(queries * count, 0.0);
    match prediction {
        Prediction::Planes(planes) => {
            for (plane, out) in planes.chunks_exact(area).zip(logits.chunks_exact_mut(count)) {
                taps.gather(level, plane, out);
            }
        }
        Prediction::Factors { features, queries: values, channels, bias } => {
            sampled.resize(channels * count, 0.0);
            for (plane, out) in features.chunks_exact(area).zip(sampled.chunks_exact_mut(count)) {
                taps.gather(level, plane, out);
            }
            let own = Matrix { values, rows: queries, columns: channels, is_transposed: false };
            product(level, &own, sampled, bias, panel, logits);
        }
    }
}

/// The logits of all queries, `[queries, pixels]`.
fn whole<'a>(
    level: Level,
    prediction: Prediction<'a>,
    queries: usize,
    area: usize,
    (panel, logits): (&mut Vec<f32>, &'a mut Vec<f32>),
) -> &'a [f32] {
    match prediction {
        Prediction::Planes(planes) => planes,
        Prediction::Factors { features, queries: values, channels, bias } => {
            logits.resize(queries * area, 0.0);
            let own = Matrix { values, rows: queries, columns: channels, is_transposed: false };
            product(level, &own, features, bias, panel, logits);
            logits
        }
    }
}
