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

use lsap::memory;
use simd::math::{exp, ln, logistic};
use simd::{F32, LANES, Level, Simd, dispatch, f32x4, load, prelude::*, store};

use crate::batch::check_length;
use crate::config::BoxFormat;
use crate::error::{COMPONENTS, Error, Result};

/// Logarithms of ratios beyond this count as this, so that their product with a probability stays finite.
const LARGEST: f32 = 1e30;

/// Edges of a box.
pub(crate) const EDGES: usize = 4;

/// Keeps the published code's quotients finite where a reference has no size.
const EPSILON: f64 = 1e-16;

/// The offsets that an edge's bins stand for.
#[derive(Clone, Debug, PartialEq)]
pub struct Bins {
    offsets: Vec<f64>,
    reg_scale: f64,
}

/// A query whose edges have a target.
#[derive(Clone, Copy, Debug)]
pub struct EdgeTarget {
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
pub struct Localization<'a> {
    /// `[queries, 4, bins]`.
    pub corners: &'a [f32],
    /// The queries that take part.
    pub targets: &'a [EdgeTarget],
    /// That of references and targets.
    pub format: BoxFormat,
}

/// What distillation compares.
#[derive(Clone, Copy, Debug)]
pub struct Distillation<'a> {
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
pub struct Tiles([Vec<f32>; 3]);

impl Bins {
    /// `reg_max`: one less than the number of bins, an even number from 4 to 1024. D-FINE has 32, `up` 0.5 and `reg_scale` 4.
    ///
    /// # Errors
    /// [`Error::Option`] for a value outside its range.
    pub fn new(reg_max: usize, up: f64, reg_scale: f64) -> Result<Self> {
        if reg_max % 2 == 1 || !(4..=1024).contains(&reg_max) {
            let rule = "an even number from 4 to 1024";
            return Err(Error::Option { name: "options.distribution.regMax", rule, value: reg_max as f64 });
        }
        for (name, value) in [("options.distribution.up", up), ("options.distribution.regScale", reg_scale)] {
            if !(1e-3..=1e3).contains(&value) {
                return Err(Error::Option { name, rule: "a number from 0.001 to 1000", value });
            }
        }
        let bound = up * reg_scale;
        let step = (bound + 1.0).powf(2.0 / (reg_max - 2) as f64);
        let middle = reg_max as i32 / 2;
        let offset = |bin: i32| match bin - middle {
            k if k == -middle => -2.0 * bound,
            k if k == middle => 2.0 * bound,
            k => f64::from(k.signum()) * (step.powi(k.abs()) - 1.0),
        };
        Ok(Self { offsets: (0..=reg_max as i32).map(offset).collect(), reg_scale })
    }

    /// Number of bins, reg_max + 1.
    #[must_use]
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
    ///
    /// # Errors
    /// [`Error::Length`] where the lengths do not fit, or a row lies beyond the last.
    pub fn localization(
        &self,
        level: Level,
        inputs: &Localization<'_>,
        scale: f64,
        mut gradient: Option<&mut [f32]>,
        tiles: &mut Tiles,
    ) -> Result<f64> {
        let Localization { corners, targets, format } = *inputs;
        let bins = self.count();
        let needed = targets.iter().map(|target| target.row + 1).max().unwrap_or(0);
        let rows = needed.max(corners.len() / (EDGES * bins));
        check_length("outputs.corners", corners.len(), &[rows, EDGES, bins])?;
        if let Some(gradient) = &gradient {
            check_length("call.out.corners", gradient.len(), &[rows, EDGES, bins])?;
        }
        let mut sum = 0.0;
        let tile = memory::first(&mut tiles.0[0], bins * LANES);
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
        Ok(sum)
    }

    /// Weighted sum of the distillation loss over the edges of `queries`, and of no others.
    ///
    /// `gradient`: as long as the student's logits; `scale` · the derivative by them is added to it.
    ///
    /// # Errors
    /// [`Error::Length`] where the lengths do not fit, or a row lies beyond the last.
    pub fn distillation(
        &self,
        level: Level,
        inputs: &Distillation<'_>,
        scale: f64,
        mut gradient: Option<&mut [f32]>,
        tiles: &mut Tiles,
    ) -> Result<f64> {
        let Distillation { student, teacher, queries, temperature } = *inputs;
        let bins = self.count();
        let needed = queries.iter().map(|&(row, _)| row + 1).max().unwrap_or(0);
        let rows = needed.max(student.len() / (EDGES * bins));
        check_length("outputs.corners", student.len(), &[rows, EDGES, bins])?;
        check_length("outputs.corners", teacher.len(), &[rows, EDGES, bins])?;
        if let Some(gradient) = &gradient {
            check_length("call.out.corners", gradient.len(), &[rows, EDGES, bins])?;
        }
        let mut sum = 0.0;
        let mut tiles = tiles.0.each_mut().map(|tile| memory::first(tile, bins * LANES));
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
        Ok(sum)
    }
}

/// The shares of matched and unmatched queries in D-FINE's distillation, whose two means over edges are mixed by the
/// square roots of their numbers, of which only the ratio matters. They add up to 1, or without any queries are 0.
///
/// The published code multiplies both numbers by 8 / batch size first, which the shares do not feel.
#[must_use]
pub fn distillation_shares(numbers: [f64; 2]) -> [f64; 2] {
    let roots = numbers.map(f64::sqrt);
    let total = roots[0] + roots[1];
    roots.map(|root| if total > 0.0 { root / total } else { 0.0 })
}

/// σ of the largest logit of each row. `logits`: `[rows, classes]`, where `out` has as many rows.
pub(crate) fn best_scores(level: Level, logits: &[f32], classes: usize, out: &mut [f32]) {
    dispatch!(level, simd => best_scores_with(simd, logits, classes, out));
}

#[inline(always)]
fn best_scores_with<S: Simd>(simd: S, logits: &[f32], classes: usize, out: &mut [f32]) {
    for (rows, out) in logits.chunks(LANES * classes).zip(out.chunks_mut(LANES)) {
        let mut largest = [0.0; LANES];
        for (row, largest) in rows.chunks_exact(classes).zip(&mut largest) {
            *largest = max_of(simd, row);
        }
        let scores = logistic(simd, [load(simd, &largest, 0)]).p[0];
        store(scores, &mut largest, 0);
        out.copy_from_slice(&largest[..out.len()]);
    }
}

/// The largest of finite values, of which there is at least one.
#[inline(always)]
fn max_of<S: Simd>(simd: S, values: &[f32]) -> f32 {
    let mut lanes = [values[0]; LANES];
    if let Some(last) = values.len().checked_sub(LANES) {
        let mut max = load(simd, values, last);
        for at in (0..last).step_by(LANES) {
            max = max.max(load(simd, values, at));
        }
        store(max, &mut lanes, 0);
    } else {
        lanes[..values.len()].copy_from_slice(values);
    }
    let mut max = lanes[0];
    for lane in lanes {
        max = if lane > max { lane } else { max };
    }
    max
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

/// The edges of up to four queries as the columns of a tile, `[bins, 16]`; idle lanes hold zeros.
#[inline(always)]
fn transpose_in<S: Simd>(simd: S, values: &[f32], rows: impl Iterator<Item = usize>, bins: usize, tile: &mut [f32]) {
    tile.fill(0.0);
    for (lane, row) in (0..LANES).step_by(EDGES).zip(rows) {
        let edges = &values[row * EDGES * bins..][..EDGES * bins];
        let whole = bins - bins % EDGES;
        for bin in (0..whole).step_by(EDGES) {
            let columns = transposed(simd, edges, bin, bins);
            for k in 0..EDGES {
                columns[k].store_slice(&mut tile[(bin + k) * LANES + lane..][..EDGES]);
            }
        }
        for bin in whole..bins {
            for edge in 0..EDGES {
                tile[bin * LANES + lane + edge] = edges[edge * bins + bin];
            }
        }
    }
}

/// Adds the columns of a tile to the edges of up to four queries. `rows`: of these, and what they are multiplied by.
#[inline(always)]
fn add_transposed<S: Simd>(
    simd: S,
    tile: &[f32],
    rows: impl Iterator<Item = (usize, f64)>,
    bins: usize,
    out: &mut [f32],
) {
    for (lane, (row, weight)) in (0..LANES).step_by(EDGES).zip(rows) {
        let (out, weight) = (&mut out[row * EDGES * bins..][..EDGES * bins], weight as f32);
        let whole = bins - bins % EDGES;
        for bin in (0..whole).step_by(EDGES) {
            let edges = transposed(simd, tile, bin * LANES + lane, LANES);
            for k in 0..EDGES {
                let out = &mut out[k * bins + bin..][..EDGES];
                (f32x4::from_slice(simd, out) + edges[k] * weight).store_slice(out);
            }
        }
        for bin in whole..bins {
            for edge in 0..EDGES {
                out[edge * bins + bin] += tile[bin * LANES + lane + edge] * weight;
            }
        }
    }
}

/// The columns of four rows of four values, the first of which is at `at` and the others each `stride` further.
#[inline(always)]
fn transposed<S: Simd>(simd: S, values: &[f32], at: usize, stride: usize) -> [f32x4<S>; EDGES] {
    let mut rows = [f32x4::splat(simd, 0.0); EDGES];
    for k in 0..EDGES {
        rows[k] = f32x4::from_slice(simd, &values[at + k * stride..][..EDGES]);
    }
    let [a, b, c, d] = rows;
    let (low, high) = ([a.zip_low(c), b.zip_low(d)], [a.zip_high(c), b.zip_high(d)]);
    [low[0].zip_low(low[1]), low[0].zip_high(low[1]), high[0].zip_low(high[1]), high[0].zip_high(high[1])]
}

/// Replaces the columns' logits by softmax(logits · `factor`); gives the logarithm of each column's sum of exponentials.
#[inline(always)]
fn softmax_tile<S: Simd>(simd: S, factor: f32, tile: &mut [f32]) -> [f64; LANES] {
    let (max, log) = softmax_parts(simd, factor, tile);
    let mut lanes = [[0.0; LANES]; 2];
    store(max, &mut lanes[0], 0);
    store(log, &mut lanes[1], 0);
    let mut sums = [0.0; LANES];
    for lane in 0..LANES {
        sums[lane] = f64::from(lanes[0][lane]) + f64::from(lanes[1][lane]);
    }
    sums
}

/// As [`softmax_tile`]; gives the largest logit and the logarithm of the sum relative to it.
#[inline(always)]
fn softmax_parts<S: Simd>(simd: S, factor: f32, tile: &mut [f32]) -> (F32<S>, F32<S>) {
    let mut max = load(simd, tile, 0) * factor;
    for at in (LANES..tile.len()).step_by(LANES) {
        max = max.max(load(simd, tile, at) * factor);
    }
    let mut sum = F32::splat(simd, 0.0);
    for at in (0..tile.len()).step_by(LANES) {
        let [e] = exp([load(simd, tile, at) * factor - max]);
        sum += e;
        store(e, tile, at);
    }
    let scale = F32::splat(simd, 1.0) / sum;
    for at in (0..tile.len()).step_by(LANES) {
        store(load(simd, tile, at) * scale, tile, at);
    }
    let [log] = ln([sum]);
    (max, log)
}

/// Where the largest logit of an edge is beyond this, its distance to the other logits is taken first, lest the ratios of
/// probabilities lose their digits.
const FAR: f32 = 100.0;

/// What lies further below the largest logit has no probability at any temperature, and stays in range at all of them.
const DEEPEST: f32 = 1e34;

/// The largest logit of each column.
#[inline(always)]
fn largest<S: Simd>(simd: S, tile: &[f32]) -> F32<S> {
    let mut max = load(simd, tile, 0);
    for at in (LANES..tile.len()).step_by(LANES) {
        max = max.max(load(simd, tile, at));
    }
    max
}

/// Takes each column's largest logit away, which softmax does not feel.
#[inline(always)]
fn center<S: Simd>(simd: S, max: F32<S>, tile: &mut [f32]) {
    for at in (0..tile.len()).step_by(LANES) {
        store((load(simd, tile, at) - max).max(-DEEPEST), tile, at);
    }
}

/// KL(teacher ‖ student) of each column at a temperature. The tiles are the student's logits, the teacher's, and one
/// for their ratios; the first becomes the derivative by the student's logits divided by the temperature.
///
/// With δ = ln(s / t), the sum of t·(e^δ - 1 - δ) is the divergence too, since both sum to 1, and it does not feel a
/// common error of the logarithms.
#[inline(always)]
fn distill_tile<S: Simd>(simd: S, temperature: f32, [student, teacher, ratio]: &mut [&mut [f32]; 3]) -> [f32; LANES] {
    let factor = 1.0 / temperature;
    let (student_max, teacher_max) = (largest(simd, student), largest(simd, teacher));
    if student_max.abs().max(teacher_max.abs()).simd_gt(FAR).any_true() {
        center(simd, student_max, student);
        center(simd, teacher_max, teacher);
    }
    for at in (0..student.len()).step_by(LANES) {
        store((load(simd, student, at) - load(simd, teacher, at)) * factor, ratio, at);
    }
    let (student_max, student_log) = softmax_parts(simd, factor, student);
    let (teacher_max, teacher_log) = softmax_parts(simd, factor, teacher);
    let shift = (student_max - teacher_max) + (student_log - teacher_log);
    let mut sum = F32::splat(simd, 0.0);
    for at in (0..student.len()).step_by(LANES) {
        let (s, t) = (load(simd, student, at), load(simd, teacher, at));
        let delta = (load(simd, ratio, at) - shift).max(-LARGEST).min(LARGEST);
        let series = delta * (delta * (delta * (delta * (1.0 / 720.0) + 1.0 / 120.0) + 1.0 / 24.0) + 1.0 / 6.0) + 0.5;
        let near = delta.abs().simd_lt(0.25);
        sum += near.select(t * delta * delta * series, (s - t) - t * delta);
        store(s - t, student, at);
    }
    let mut lanes = [0.0; LANES];
    store(sum, &mut lanes, 0);
    lanes
}
