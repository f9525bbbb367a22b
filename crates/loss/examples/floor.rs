//! The floor that the benchmark of the loss is held against: for a given matching, the class term and its gradient in
//! one tight pass over the logits, on the same vectors and at the same level. No matching, no boxes, no checks;
//! whoever computes the loss makes at least this pass.
//!
//! Usage: `floor <softmax|focal> <layers> <classes> <targets> <logits> <labels> <gradient> <max time> <min time>
//! <min samples>`. `logits` is a file of `[layers, queries, classes]` `f32`, `labels` one of `[layers, queries]` `i32`,
//! -1 for background; the gradient of the weighted term is written to the file `gradient`. The limits are in seconds, as
//! in `benchmarks/sample.js`. Prints the unweighted term of each layer and the samples as JSON.

use std::env;
use std::fs;

use simd::{F32, F64, LANES, Level, Simd, dispatch, load, math, prelude::*, store};

mod common;

use common::{Limits, Outcome, level, read, take_samples};

const NO_OBJECT_WEIGHT: f32 = 0.1;
const ALPHA: f32 = 0.25;
/// Weight of the focal term in the loss of Deformable DETR; that of DETR's class term is 1.
const FOCAL_WEIGHT: f32 = 2.0;
/// Vectors that the focal pass handles together.
const STEP: usize = 4;

/// One layer, its images after one another.
struct Layer<'a> {
    /// `[queries, classes]`.
    logits: &'a [f32],
    /// `[queries]`.
    labels: &'a [i32],
    /// `[queries, classes]`.
    gradient: &'a mut [f32],
    classes: usize,
}

/// A pass over one layer, which gives its term.
type Pass = Box<dyn Fn(Layer<'_>) -> f64>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [kind, layers, classes, targets, logits, labels, out, max_time, min_time, min_samples] = &arguments[..] else {
        return Err("ten arguments are needed; the head of the source names them".into());
    };
    let limits = Limits::read([max_time, min_time, min_samples])?;
    let (layers, classes): (usize, usize) = (layers.parse()?, classes.parse()?);
    let (logits, labels) = (read(logits, f32::from_le_bytes)?, read(labels, i32::from_le_bytes)?);
    let mut gradient = vec![0.0; logits.len()];
    let pass = pass_of(kind, level()?, classes, targets.parse()?)?;
    let mut step = || {
        let (values, queries) = (logits.len() / layers, labels.len() / layers);
        let parts = logits.chunks(values).zip(labels.chunks(queries)).zip(gradient.chunks_mut(values));
        parts
            .map(|((logits, labels), gradient)| pass(Layer { logits, labels, gradient, classes }))
            .collect::<Vec<f64>>()
    };
    let terms = step();
    let samples = take_samples(&mut step, &limits);
    fs::write(out, gradient.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())?;
    println!(r#"{{"terms":{terms:?},"samples":{samples:?}}}"#);
    Ok(())
}

/// The pass of this name.
fn pass_of(kind: &str, level: Level, classes: usize, targets: f32) -> Outcome<Pass> {
    macro_rules! softmax {
        ($($blocks:literal)*) => {
            match classes.div_ceil(LANES) {
                $($blocks if classes >= LANES => {
                    Ok(Box::new(move |layer: Layer<'_>| dispatch!(level, simd => softmax::<_, $blocks>(simd, layer))))
                })*
                _ => Err("the floor of softmax is for 16 to 128 classes".into()),
            }
        };
    }
    match kind {
        "softmax" => softmax!(1 2 3 4 5 6 7 8),
        "focal" => Ok(Box::new(move |layer: Layer<'_>| dispatch!(level, simd => focal(simd, layer, targets.max(1.0))))),
        _ => Err(format!("no such floor: {kind}").into()),
    }
}

/// DETR's weighted cross-entropy. A row stays in `N` vectors between its exponentials and their scaling; the last vector
/// overlaps the one before.
#[inline(always)]
fn softmax<S: Simd, const N: usize>(simd: S, layer: Layer<'_>) -> f64 {
    let Layer { logits, labels, gradient, classes } = layer;
    let objects = labels.iter().filter(|&&label| label >= 0).count() as f32;
    let divisor = objects + NO_OBJECT_WEIGHT * (labels.len() as f32 - objects);
    let mut lanes = [1.0; LANES];
    lanes[..N * LANES - classes].fill(0.0);
    let counted = load(simd, &lanes, 0);
    let mut loss = 0.0;
    for (rows, labels) in labels.chunks(LANES).enumerate() {
        let (mut sums, mut rests, mut weights) = ([1.0; LANES], [0.0; LANES], [0.0; LANES]);
        for (slot, &label) in labels.iter().enumerate() {
            let start = (rows * LANES + slot) * classes;
            let (row, out) = (&logits[start..start + classes], &mut gradient[start..start + classes]);
            let mut x = [F32::splat(simd, 0.0); N];
            for block in 0..N {
                x[block] = load(simd, row, at(block, classes));
            }
            let mut max = x[0];
            for block in 1..N {
                max = max.max(x[block]);
            }
            let max = max.reduce_max();
            for block in 0..N {
                x[block] -= max;
            }
            let x = math::exp(x);
            let mut sum = x[N - 1] * counted;
            for block in 0..N - 1 {
                sum += x[block];
            }
            let sum = sum.reduce_sum();
            let (label, weight) = if label < 0 { (classes - 1, NO_OBJECT_WEIGHT) } else { (label as usize, 1.0) };
            let share = weight / divisor;
            let scale = share / sum;
            for block in 0..N {
                store(x[block] * scale, out, at(block, classes));
            }
            out[label] -= share;
            (sums[slot], rests[slot], weights[slot]) = (sum, max - row[label], weight);
        }
        let [logs] = math::ln([load(simd, &sums, 0)]);
        loss += f64::from(((logs + load(simd, &rests, 0)) * load(simd, &weights, 0)).reduce_sum());
    }
    loss / f64::from(divisor)
}

/// Where a block of a row begins.
#[inline(always)]
fn at(block: usize, classes: usize) -> usize {
    (block * LANES).min(classes - LANES)
}

/// Sigmoid focal loss with γ = 2: every cell as background, then the labelled ones again.
#[inline(always)]
fn focal<S: Simd>(simd: S, layer: Layer<'_>, targets: f32) -> f64 {
    let Layer { logits, labels, gradient, classes } = layer;
    let scale = FOCAL_WEIGHT * (1.0 - ALPHA) / targets;
    let zero = F64::splat(simd, 0.0);
    let mut sums = [zero; 2];
    let (mut tile, mut tile_out) = ([f32::MIN; STEP * LANES], [0.0; STEP * LANES]);
    let mut chunks = logits.chunks_exact(STEP * LANES).zip(gradient.chunks_exact_mut(STEP * LANES));
    for (logits, gradient) in &mut chunks {
        background(simd, logits, gradient, scale, &mut sums);
    }
    let whole = logits.len() / tile.len() * tile.len();
    let rest = logits.len() - whole;
    tile[..rest].copy_from_slice(&logits[whole..]);
    background(simd, &tile, &mut tile_out, scale, &mut sums);
    gradient[whole..].copy_from_slice(&tile_out[..rest]);
    let mut loss = f64::from(1.0 - ALPHA) * (sums[0] + sums[1]).reduce_sum();
    for (query, &label) in labels.iter().enumerate().filter(|&(_, &label)| label >= 0) {
        let cell = query * classes + label as usize;
        let (gain, slope) = labelled(f64::from(logits[cell]));
        loss += gain;
        gradient[cell] = slope as f32 * FOCAL_WEIGHT / targets;
    }
    loss / f64::from(targets)
}

/// p² · -ln(1 - p) of some cells, unweighted, and its derivative times `scale`.
#[inline(always)]
fn background<S: Simd>(simd: S, logits: &[f32], gradient: &mut [f32], scale: f32, sums: &mut [F64<S>; 2]) {
    let mut x = [F32::splat(simd, 0.0); STEP];
    for i in 0..STEP {
        x[i] = load(simd, logits, i * LANES);
    }
    let cells = math::logistic(simd, x);
    let mut total = F32::splat(simd, 0.0);
    for i in 0..STEP {
        let (p, nll) = (cells.p[i], cells.nll_q[i]);
        let square = p * p;
        total += square * nll;
        store(square * (p + cells.q[i] * nll * 2.0) * scale, gradient, i * LANES);
    }
    let (low, high) = total.widen();
    sums[0] += low;
    sums[1] += high;
}

/// What a cell gains by being labelled, and its derivative.
fn labelled(x: f64) -> (f64, f64) {
    let alpha = f64::from(ALPHA);
    let p = 1.0 / (1.0 + (-x).exp());
    let nll_q = x.max(0.0) + (-x.abs()).exp().ln_1p();
    let (weight, nll_p) = (alpha * (1.0 - p) * (1.0 - p), nll_q - x);
    let gain = weight * nll_p - (1.0 - alpha) * p * p * nll_q;
    (gain, -weight * (1.0 - p + 2.0 * p * nll_p))
}
