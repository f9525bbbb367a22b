//! The cost of all queries of an image and its targets.

use std::ops::Range;

use lsap::Share;
use lsap::memory::{GiveBack, KEPT_TO_HELP};
use simd::{Level, padded};

use super::canvas::Size;
use super::cost::{Cost, CostWeights, GROUP};
use super::factored::{Matrix, Panel, product, unshift};
use super::grid::{Reading, Taps};
use super::points::Order;
use super::prediction::Prediction;
use super::random::{Purpose, Stream, points};
use super::samples::Samples;
use super::sampling::Sampling;
use super::targets::{LabelMemory, Targets};
use super::values::Focal;
use super::{COST_POINTS, MaskFamily};
use crate::terms::memory::Memory;
use crate::terms::pair::{CostInputs, PairTerms};

/// Queries whose cost is computed at a time: so few that the logits of their planes stay in the cache, and of factors so many
/// that their products take no longer for it.
const QUERIES_OF_PLANES: usize = GROUP;
pub(super) const QUERIES_OF_PRODUCTS: usize = 4 * GROUP;

/// Channels of features that are read at points at a time.
const CHANNELS: usize = 16;

/// Memory of the cost. Holds nothing between images but its capacity.
#[derive(Debug, Default)]
pub(super) struct CostMemory {
    drawn: Vec<f32>,
    order: Order,
    taps: Taps,
    /// `[channels, points]`.
    features: Vec<f32>,
    /// What points beyond the border lack of a bias.
    lacking: Vec<(u32, f32)>,
    labels: LabelMemory,
    rows: Vec<usize>,
    /// Of some queries after others, `[targets, queries]`.
    costs: Vec<f32>,
    own: PartMemory,
}

/// Of a thread that computes the cost of some queries.
#[derive(Debug, Default)]
struct PartMemory {
    /// `[queries, samples]`, and memory of products.
    logits: Vec<f32>,
    panel: Panel,
    cost: Cost,
}

impl Memory for CostMemory {
    fn held(&self) -> usize {
        let Self { drawn, order, taps, features, lacking, labels, costs, own, .. } = self;
        let floats: usize = [drawn, features, costs].map(Vec::capacity).iter().sum();
        4 * floats + 8 * lacking.capacity() + order.held() + taps.held() + labels.held() + own.held()
    }
}

impl PartMemory {
    fn held(&self) -> usize {
        4 * self.logits.capacity() + self.panel.held() + self.cost.held()
    }
}

impl GiveBack for PartMemory {
    fn give_back(&mut self) {
        if self.held() > KEPT_TO_HELP {
            *self = Self::default();
        }
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
    let Sampling { cost_by_points, outside, is_nearest, alpha, gamma, .. } = family.sampling;
    let &[bce, focal, dice] = inputs.weights else { return };
    let &CostInputs { queries, share, .. } = inputs;
    let CostMemory { drawn, order, taps, features, lacking, labels, rows, costs, own } = memory;
    let Some(targets) = Targets::new(inputs.targets, family.targets) else { return };
    rows.clear();
    rows.extend((0..inputs.targets.count).filter(|&target| family.knows(inputs.targets, target)));
    if rows.is_empty() || bce + focal + dice == 0.0 {
        return;
    }
    let prediction = Prediction::new(inputs.rows, family.queries);
    let size = Prediction::size(&inputs.rows, family.queries);
    let (taps, has_void) = if cost_by_points {
        let points = order.by_pixel(points_of(family, level, inputs, size, drawn), size);
        taps.lay_out(level, points, size, size, Reading::Bilinear(outside));
        let has_void = targets.lay_out(level, points, family.sampling.target_reading(), labels);
        targets.read_points(level, share, rows, is_nearest, labels);
        (Some(&*taps), has_void)
    } else {
        targets.read_nearest(share, rows, size, labels);
        (None, targets.kept_nearest(size, labels).is_some())
    };
    let (own_labels, kept) = labels.read(!cost_by_points || is_nearest, has_void);
    let samples = Samples { labels: own_labels, kept };
    let logits = Logits::new(level, share, prediction, size.area(), taps, (features, lacking));
    let (weights, form) = (CostWeights { bce, focal, dice }, Focal { alpha, gamma });
    let known = rows.len();
    let count = match prediction {
        Prediction::Planes(_) => QUERIES_OF_PLANES,
        Prediction::Factors { .. } => QUERIES_OF_PRODUCTS,
    };
    costs.clear();
    costs.resize(known * queries.next_multiple_of(count), 0.0);
    let parts = (0..queries).step_by(count).map(|first| first..queries.min(first + count));
    let mut jobs: Vec<_> = parts.zip(costs.chunks_exact_mut(known * count)).collect();
    share.each(own, &mut jobs, |PartMemory { logits: memory, panel, cost }, (part, out)| {
        let own = logits.of(level, part.clone(), (memory, panel));
        cost.add(level, &weights, form, own, &samples, known, out, count);
    });
    let stride = padded(queries);
    for (part, costs) in jobs {
        for (&row, costs) in rows.iter().zip(costs.chunks_exact(count)) {
            let out = &mut block[row * stride..][part.clone()];
            out.iter_mut().zip(costs).for_each(|(out, cost)| *out += cost);
        }
    }
}

/// The points that are given, or drawn.
fn points_of<'a>(
    family: &MaskFamily,
    level: Level,
    inputs: &CostInputs<'a>,
    size: Size,
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

/// Where the logits of queries come from.
enum Logits<'a> {
    /// Planes of which all pixels are taken, `[queries, pixels]`.
    Whole { planes: &'a [f32], area: usize },
    /// Those that are read at points.
    Read { planes: &'a [f32], area: usize, taps: &'a Taps },
    /// Products with the features of each sample, `[channels, samples]`, and a bias of which some samples lack a part.
    Products { features: &'a [f32], queries: &'a [f32], channels: usize, bias: f32, lacking: &'a [(u32, f32)] },
}

impl<'a> Logits<'a> {
    /// `taps`: the points, or none where all pixels are taken. `sampled`, `lacking`: memory for the features at points, which are read
    /// here, and for what these lack of a bias.
    fn new(
        level: Level,
        share: &Share,
        prediction: Prediction<'a>,
        area: usize,
        taps: Option<&'a Taps>,
        (sampled, lacking): (&'a mut Vec<f32>, &'a mut Vec<(u32, f32)>),
    ) -> Self {
        match (prediction, taps) {
            (Prediction::Planes(planes), None) => Self::Whole { planes, area },
            (Prediction::Planes(planes), Some(taps)) => Self::Read { planes, area, taps },
            (Prediction::Factors { features, queries, channels, bias }, None) => {
                Self::Products { features, queries, channels, bias: bias.unwrap_or(0.0), lacking: &[] }
            }
            (Prediction::Factors { features, queries, channels, bias }, Some(taps)) => {
                sampled.resize(channels * taps.len(), 0.0);
                let parts = features.chunks(CHANNELS * area).zip(sampled.chunks_mut(CHANNELS * taps.len()));
                let mut jobs: Vec<_> = parts.collect();
                share.each(&mut (), &mut jobs, |(), (planes, out)| gather(level, taps, planes, area, out));
                lacking.clear();
                let bias = bias.unwrap_or(0.0);
                if bias != 0.0 {
                    taps.lacking(lacking);
                }
                Self::Products { features: sampled, queries, channels, bias, lacking }
            }
        }
    }

    /// Those of some queries, `[queries, samples]`. `memory`: for them, and of products.
    fn of<'b>(
        &'b self,
        level: Level,
        part: Range<usize>,
        (memory, panel): (&'b mut Vec<f32>, &mut Panel),
    ) -> &'b [f32] {
        match *self {
            Self::Whole { planes, area } => &planes[part.start * area..part.end * area],
            Self::Read { planes, area, taps } => {
                memory.resize(part.len() * taps.len(), 0.0);
                gather(level, taps, &planes[part.start * area..part.end * area], area, memory);
                memory
            }
            Self::Products { features, queries, channels, bias, lacking } => {
                let values = &queries[part.start * channels..part.end * channels];
                let own = Matrix { values, rows: part.len(), columns: channels, is_transposed: false };
                memory.resize(part.len() * (features.len() / channels), 0.0);
                product(level, &Share::ALONE, &own, features, bias, panel, memory);
                let rows = memory.chunks_exact_mut((features.len() / channels).max(1));
                rows.for_each(|row| unshift(bias, lacking, row));
                memory
            }
        }
    }
}

/// Some planes at the points, `[planes, points]`.
fn gather(level: Level, taps: &Taps, planes: &[f32], area: usize, out: &mut [f32]) {
    for (plane, out) in planes.chunks_exact(area).zip(out.chunks_exact_mut(taps.len())) {
        taps.gather(level, plane, out);
    }
}
