//! The kernels of edges: sixteen edges are the columns of a tile, `[bins, 16]`.

use simd::math::{exp, ln, logistic};
use simd::{F32, LANES, Simd, f32x4, load, prelude::*, store};

/// Edges of a box.
pub(super) const EDGES: usize = 4;

/// Logarithms of ratios beyond this count as this, so that their product with a probability stays finite.
const LARGEST: f32 = 1e30;

/// σ of the largest logit of each row. `logits`: `[rows, classes]`, where `out` has as many rows.
#[inline(always)]
pub(super) fn best_scores<S: Simd>(simd: S, logits: &[f32], classes: usize, out: &mut [f32]) {
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

/// The edges of up to four queries as the columns of a tile, `[bins, 16]`; idle lanes hold zeros.
#[inline(always)]
pub(super) fn transpose_in<S: Simd>(
    simd: S,
    values: &[f32],
    rows: impl Iterator<Item = usize>,
    bins: usize,
    tile: &mut [f32],
) {
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
pub(super) fn add_transposed<S: Simd>(
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
pub(super) fn softmax_tile<S: Simd>(simd: S, factor: f32, tile: &mut [f32]) -> [f64; LANES] {
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
pub(super) fn distill_tile<S: Simd>(
    simd: S,
    temperature: f32,
    [student, teacher, ratio]: &mut [&mut [f32]; 3],
) -> [f32; LANES] {
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
