//! D-FINE's terms for boxes whose four edges are distributions over bins: fine-grained localisation and distillation.
//!
//! An edge has reg_max + 1 logits, one for each offset W(0) < … < W(reg_max): the ends are ∓2u, the middle is 0, and between
//! lie ∓(s^i - 1), with u = up · reg_scale and s = (u + 1)^(2 / (reg_max - 2)).
//!
//! - Fine-grained localisation: the distance from the reference's centre to the target's edge, in units of the
//!   reference's side / reg_scale and less reg_scale / 2, lies between two offsets. The loss is the cross-entropy with
//!   both, weighted linearly by nearness; beyond the ends it is that with the end.
//! - Distillation: T² · KL(softmax(teacher / T) ‖ softmax(student / T)) of each edge, weighted by the IoU with its
//!   target or, where it has none, by the teacher's best class score. Teacher and weights pass no gradient.
//!
//! Source: Peng et al. 2025, "D-FINE"; Peterande/D-FINE, `dfine_criterion.py` (`loss_local`) and `dfine_utils.py`.

use lsap::memory::first;
use simd::{LANES, Level, dispatch};

use super::tile::{EDGES, add_transposed, distill_tile, softmax_tile, transpose_in};
use crate::terms::boxes::{BoxFormat, COMPONENTS};

/// Keeps the published code's quotients finite where a reference has no size.
const EPSILON: f64 = 1e-16;

/// The offsets that an edge's bins stand for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bins {
    offsets: Vec<f64>,
    reg_scale: f64,
}

/// A query whose edges have a target.
#[derive(Clone, Copy, Debug)]
pub(super) struct EdgeTarget {
    /// Row of the corner logits.
    pub row: usize,
    /// The box that the distances start from, in the configured format.
    pub reference: [f32; COMPONENTS],
    /// The target's box, in the configured format.
    pub target: [f32; COMPONENTS],
    /// Weight of its four edges: in D-FINE the IoU of the predicted box and the target.
    pub weight: f64,
}

/// What localisation compares.
#[derive(Clone, Copy, Debug)]
pub(super) struct Localization<'a> {
    /// `[queries, 4, bins]`.
    pub corners: &'a [f32],
    /// The queries that take part.
    pub targets: &'a [EdgeTarget],
    /// That of references and targets.
    pub format: BoxFormat,
}

/// What distillation compares.
#[derive(Clone, Copy, Debug)]
pub(super) struct DistilledEdges<'a> {
    /// `[queries, 4, bins]`.
    pub student: &'a [f32],
    /// `[queries, 4, bins]`.
    pub teacher: &'a [f32],
    /// Row of each query that takes part, and the weight of each of its edges in the sum.
    pub queries: &'a [(usize, f64)],
    /// T; 5 in D-FINE.
    pub temperature: f64,
}

/// Memory that the terms reuse. Holds nothing between calls but its capacity.
#[derive(Debug, Default)]
pub(super) struct Tiles([Vec<f32>; 3]);

impl Bins {
    /// `reg_max`: one less than the number of bins, an even number from 4 on. D-FINE has 32, `up` 0.5 and `reg_scale` 4.
    pub fn new(reg_max: usize, up: f64, reg_scale: f64) -> Self {
        let bound = up * reg_scale;
        let step = (bound + 1.0).powf(2.0 / (reg_max - 2) as f64);
        let middle = reg_max as i32 / 2;
        let offset = |bin: i32| match bin - middle {
            k if k == -middle => -2.0 * bound,
            k if k == middle => 2.0 * bound,
            k => f64::from(k.signum()) * (step.powi(k.abs()) - 1.0),
        };
        Self { offsets: (0..=reg_max as i32).map(offset).collect(), reg_scale }
    }

    /// Number of bins, reg_max + 1.
    pub fn count(&self) -> usize {
        self.offsets.len()
    }

    /// The bin on the left of a distance, and the weight of the next one.
    fn place(&self, distance: f64) -> (usize, f64) {
        let last = self.count() - 1;
        match self.offsets.partition_point(|&offset| offset <= distance) {
            0 => (0, 0.0),
            n if n > last => (last - 1, 1.0),
            n => (n - 1, (distance - self.offsets[n - 1]) / (self.offsets[n] - self.offsets[n - 1])),
        }
    }

    /// Distances of a target's left, top, right and bottom edges.
    fn distances(&self, format: BoxFormat, reference: &[f32; COMPONENTS], target: &[f32; COMPONENTS]) -> [f64; EDGES] {
        let (center, size) = (corners_mean(format, reference), sides(format, reference));
        let (target_center, target_size) = (corners_mean(format, target), sides(format, target));
        let mut distances = [0.0; EDGES];
        for axis in 0..2 {
            let unit = size[axis] / self.reg_scale + EPSILON;
            let (shift, half) = (target_center[axis] - center[axis], target_size[axis] / 2.0);
            distances[axis] = (half - shift) / unit - self.reg_scale / 2.0;
            distances[axis + 2] = (half + shift) / unit - self.reg_scale / 2.0;
        }
        distances
    }

    /// Weighted sum of the fine-grained localisation loss over all edges of the targets, not yet divided by anything.
    ///
    /// `gradient`: as long as the corners; `scale` · the derivative is added to it.
    pub fn localization(
        &self,
        level: Level,
        inputs: &Localization<'_>,
        scale: f64,
        mut gradient: Option<&mut [f32]>,
        tiles: &mut Tiles,
    ) -> f64 {
        let Localization { corners, targets, format } = *inputs;
        let bins = self.count();
        let mut sum = 0.0;
        let tile = first(&mut tiles.0[0], bins * LANES);
        for targets in targets.chunks(LANES / EDGES) {
            let mut edges = [Edge::default(); LANES];
            for (target, edges) in targets.iter().zip(edges.as_chunks_mut::<EDGES>().0) {
                let distances = self.distances(format, &target.reference, &target.target);
                for (k, distance) in distances.into_iter().enumerate() {
                    let (left, right_weight) = self.place(distance);
                    edges[k] = Edge { left, right_weight, weight: target.weight };
                }
            }
            let edges = &edges[..EDGES * targets.len()];
            let rows = || targets.iter().map(|target| target.row);
            dispatch!(level, simd => transpose_in(simd, corners, rows(), bins, tile));
            let mut picked = [[0.0; 2]; LANES];
            for (lane, edge) in edges.iter().enumerate() {
                picked[lane] = [tile[edge.left * LANES + lane], tile[(edge.left + 1) * LANES + lane]];
            }
            let log_sums = dispatch!(level, simd => softmax_tile(simd, 1.0, tile));
            for (lane, edge) in edges.iter().enumerate() {
                let [left, right] = picked[lane].map(|logit| log_sums[lane] - f64::from(logit));
                sum += edge.weight * ((1.0 - edge.right_weight) * left + edge.right_weight * right);
                tile[edge.left * LANES + lane] -= (1.0 - edge.right_weight) as f32;
                tile[(edge.left + 1) * LANES + lane] -= edge.right_weight as f32;
            }
            if let Some(gradient) = gradient.as_deref_mut() {
                let weighted = targets.iter().map(|target| (target.row, target.weight * scale));
                dispatch!(level, simd => add_transposed(simd, tile, weighted, bins, gradient));
            }
        }
        sum
    }

    /// Weighted sum of the distillation loss over the edges of `queries`, and of no others.
    ///
    /// `gradient`: as long as the student's logits; `scale` · the derivative by them is added to it.
    pub fn distillation(
        &self,
        level: Level,
        inputs: &DistilledEdges<'_>,
        scale: f64,
        mut gradient: Option<&mut [f32]>,
        tiles: &mut Tiles,
    ) -> f64 {
        let DistilledEdges { student, teacher, queries, temperature } = *inputs;
        let bins = self.count();
        let mut sum = 0.0;
        let mut tiles = tiles.0.each_mut().map(|tile| first(tile, bins * LANES));
        for queries in queries.chunks(LANES / EDGES) {
            let divergence = dispatch!(level, simd => {
                transpose_in(simd, student, queries.iter().map(|&(row, _)| row), bins, tiles[0]);
                transpose_in(simd, teacher, queries.iter().map(|&(row, _)| row), bins, tiles[1]);
                distill_tile(simd, temperature as f32, &mut tiles)
            });
            for (lane, divergence) in divergence.into_iter().enumerate().take(EDGES * queries.len()) {
                sum += queries[lane / EDGES].1 * temperature * temperature * f64::from(divergence);
            }
            if let Some(gradient) = gradient.as_deref_mut() {
                let weighted = queries.iter().map(|&(row, weight)| (row, weight * temperature * scale));
                dispatch!(level, simd => add_transposed(simd, tiles[0], weighted, bins, gradient));
            }
        }
        sum
    }
}

/// The shares of matched and unmatched queries in D-FINE's distillation, whose two means over edges are mixed by the
/// square roots of their numbers, of which only the ratio matters. They add up to 1, or without any queries are 0.
///
/// The published code multiplies both numbers by 8 / batch size first, which the shares do not feel.
pub(super) fn distillation_shares(numbers: [f64; 2]) -> [f64; 2] {
    let roots = numbers.map(f64::sqrt);
    let total = roots[0] + roots[1];
    roots.map(|root| if total > 0.0 { root / total } else { 0.0 })
}

/// One edge of a pair.
#[derive(Clone, Copy, Default)]
struct Edge {
    left: usize,
    right_weight: f64,
    weight: f64,
}

fn corners_mean(format: BoxFormat, b: &[f32; COMPONENTS]) -> [f64; 2] {
    let b = b.map(f64::from);
    match format {
        BoxFormat::Cxcywh => [b[0], b[1]],
        BoxFormat::Xyxy => [(b[0] + b[2]) / 2.0, (b[1] + b[3]) / 2.0],
    }
}

fn sides(format: BoxFormat, b: &[f32; COMPONENTS]) -> [f64; 2] {
    let b = b.map(f64::from);
    match format {
        BoxFormat::Cxcywh => [b[2], b[3]],
        BoxFormat::Xyxy => [b[2] - b[0], b[3] - b[1]],
    }
}
