//! The floor that the benchmark of masks is held against: one pass over the same memory, and at each sample the arithmetic of
//! the terms, once, over samples that lie in order, on the same vectors and at the same level. No reading at points, no
//! enlarging, no products of factors, no matching, no checks.
//!
//! Usage: `masks_floor <plan> <max time> <min time> <min samples>`. Each line of the file `plan` says what a step does:
//!
//! - `read f32|u8 <file>`: adds up the values of the file
//! - `write <count>`: writes as many `f32`
//! - `cost <samples> <logits> <labels>`: the sum of cross-entropy and of dice of all pairs of a row of logits, `[queries, samples]`
//!   in the one file, and a row of labels, `[targets, samples]` in the other, both `f32`
//! - `pairs bce|focal <samples> <logits> <labels>`: the sum of that term and of dice over pairs of rows, `[pairs, samples]`, the
//!   labels `u8`; the derivative by that term is written
//!
//! The limits are in seconds, as in `benchmarks/sample.js`. Prints what each line comes to, but for `write`, and the samples, as
//! JSON.

use std::env;
use std::fs;
use std::hint::black_box;

use simd::{F32, LANES, Level, Simd, dispatch, load, math, prelude::*, store};

mod common;

use common::{Limits, Outcome, level, read, take_samples};

/// Samples that are handled together in the cost.
const BLOCK: usize = 16 * LANES;
/// Queries that a block of labels is used for before the next is read.
const GROUP: usize = 16;
/// Vectors whose logistic functions are computed together.
const STEP: usize = 4;
const ALPHA: f32 = 0.25;

/// What a line of the plan says.
enum Job {
    Read(Vec<f32>),
    ReadBytes(Vec<u8>),
    Write(Vec<f32>),
    Cost { samples: usize, logits: Vec<f32>, labels: Vec<f32> },
    Pairs { is_focal: bool, samples: usize, logits: Vec<f32>, labels: Vec<u8>, out: Vec<f32> },
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [plan, max_time, min_time, min_samples] = &arguments[..] else {
        return Err("four arguments are needed; the head of the source names them".into());
    };
    let limits = Limits::read([max_time, min_time, min_samples])?;
    let level = level()?;
    let text = fs::read_to_string(plan)?;
    let mut jobs = text.lines().map(job).collect::<Outcome<Vec<Job>>>()?;
    let mut step = || jobs.iter_mut().filter_map(|job| run(level, job)).collect::<Vec<[f64; 2]>>();
    let sums = step();
    let samples = take_samples(&mut step, &limits);
    println!(r#"{{"sums":{sums:?},"samples":{samples:?}}}"#);
    Ok(())
}

/// What a line asks for, with its files read.
fn job(line: &str) -> Outcome<Job> {
    let words: Vec<&str> = line.split(' ').collect();
    match words[..] {
        ["read", "f32", file] => Ok(Job::Read(read(file, f32::from_le_bytes)?)),
        ["read", "u8", file] => Ok(Job::ReadBytes(fs::read(file)?)),
        ["write", count] => Ok(Job::Write(vec![0.0; count.parse()?])),
        ["cost", samples, logits, labels] => Ok(Job::Cost {
            samples: samples.parse()?,
            logits: read(logits, f32::from_le_bytes)?,
            labels: read(labels, f32::from_le_bytes)?,
        }),
        ["pairs", kind @ ("bce" | "focal"), samples, logits, labels] => {
            let samples = samples.parse()?;
            let (logits, labels, out) = (read(logits, f32::from_le_bytes)?, fs::read(labels)?, vec![0.0; samples]);
            Ok(Job::Pairs { is_focal: kind == "focal", samples, logits, labels, out })
        }
        _ => Err(format!("not understood: {line}").into()),
    }
}

/// Does what a line says, and gives what it comes to.
fn run(level: Level, job: &mut Job) -> Option<[f64; 2]> {
    match job {
        Job::Read(values) => Some([dispatch!(level, simd => sum(simd, values)), 0.0]),
        Job::ReadBytes(values) => Some([dispatch!(level, simd => count(simd, values)) as f64, 0.0]),
        Job::Write(out) => {
            out.fill(black_box(0.0));
            black_box(out);
            None
        }
        Job::Cost { samples, logits, labels } => Some(dispatch!(level, simd => cost(simd, *samples, logits, labels))),
        Job::Pairs { is_focal: false, samples, logits, labels, out } => {
            Some(dispatch!(level, simd => pairs::<_, false>(simd, *samples, logits, labels, out)))
        }
        Job::Pairs { samples, logits, labels, out, .. } => {
            Some(dispatch!(level, simd => pairs::<_, true>(simd, *samples, logits, labels, out)))
        }
    }
}

#[inline(always)]
fn sum<S: Simd>(simd: S, values: &[f32]) -> f64 {
    const RUN: usize = 64 * LANES;
    let mut total = 0.0;
    for run in values.chunks(RUN) {
        let mut sums = [F32::splat(simd, 0.0); 4];
        let blocks = run.chunks_exact(4 * LANES);
        total += blocks.remainder().iter().map(|&value| f64::from(value)).sum::<f64>();
        for block in blocks {
            for k in 0..4 {
                sums[k] += load(simd, block, k * LANES);
            }
        }
        total += f64::from(((sums[0] + sums[1]) + (sums[2] + sums[3])).reduce_sum());
    }
    total
}

/// The sum of bytes of 0 and 1.
#[inline(always)]
fn count<S: Simd>(simd: S, values: &[u8]) -> u64 {
    simd.vectorize(
        #[inline(always)]
        || values.chunks(255).map(|run| u64::from(run.iter().sum::<u8>())).sum(),
    )
}

/// What the logits of a query are in a block.
struct Block {
    x: [f32; BLOCK],
    p: [f32; BLOCK],
}

/// The sums of cross-entropy and of dice of all pairs.
#[inline(always)]
fn cost<S: Simd>(simd: S, samples: usize, logits: &[f32], labels: &[f32]) -> [f64; 2] {
    let targets = labels.len() / samples;
    let zero = F32::splat(simd, 0.0);
    let mut own = vec![0.0; targets * BLOCK];
    let mut block = Block { x: [0.0; BLOCK], p: [0.0; BLOCK] };
    let mut areas = vec![0.0; targets];
    for (area, labels) in areas.iter_mut().zip(labels.chunks_exact(samples)) {
        *area = sum(simd, labels);
    }
    let mut total = [0.0; 2];
    for logits in logits.chunks(GROUP * samples) {
        let mut products = vec![[zero; 2]; GROUP * targets];
        let mut sizes = [[0.0; 2]; GROUP];
        for at in (0..samples).step_by(BLOCK) {
            let length = BLOCK.min(samples - at);
            for (own, labels) in own.chunks_exact_mut(BLOCK).zip(labels.chunks_exact(samples)) {
                own[..length].copy_from_slice(&labels[at..at + length]);
                own[length..].fill(0.0);
            }
            for (query, logits) in logits.chunks_exact(samples).enumerate() {
                let found = weigh(simd, &logits[at..at + length], &mut block);
                sizes[query][0] += found[0];
                sizes[query][1] += found[1];
                multiply(simd, &block, &own, &mut products[query * targets..][..targets]);
            }
        }
        for (&[softplus, size], products) in sizes[..logits.len() / samples].iter().zip(products.chunks_exact(targets))
        {
            for (&[product, overlap], area) in products.iter().zip(&areas) {
                let [product, overlap] = [product, overlap].map(|sum| f64::from(sum.reduce_sum()));
                total[0] += (softplus - product) / samples as f64;
                total[1] += 1.0 - (2.0 * overlap + 1.0) / (size + area + 1.0);
            }
        }
    }
    total
}

/// Fills a block, and gives the sums of ln(1 + eˣ) and of p.
#[inline(always)]
fn weigh<S: Simd>(simd: S, logits: &[f32], block: &mut Block) -> [f64; 2] {
    block.x[..logits.len()].copy_from_slice(logits);
    block.x[logits.len()..].fill(-100.0); // is worth nothing
    let mut sums = [F32::splat(simd, 0.0); 2];
    for first in (0..BLOCK).step_by(STEP * LANES) {
        let mut x = [F32::splat(simd, 0.0); STEP];
        for i in 0..STEP {
            x[i] = load(simd, &block.x, first + i * LANES);
        }
        let cells = math::logistic(simd, x);
        for i in 0..STEP {
            store(cells.p[i], &mut block.p, first + i * LANES);
            sums[0] += cells.nll_q[i];
            sums[1] += cells.p[i];
        }
    }
    sums.map(|sum| f64::from(sum.reduce_sum()))
}

/// Adds Σxy and Σpy of a query and all targets.
#[inline(always)]
fn multiply<S: Simd>(simd: S, block: &Block, labels: &[f32], products: &mut [[F32<S>; 2]]) {
    for (labels, sums) in labels.chunks_exact(BLOCK).zip(products) {
        for at in (0..BLOCK).step_by(LANES) {
            let label = load(simd, labels, at);
            sums[0] += load(simd, &block.x, at) * label;
            sums[1] += load(simd, &block.p, at) * label;
        }
    }
}

/// The sums of a term and of dice over pairs.
#[inline(always)]
fn pairs<S: Simd, const FOCAL: bool>(
    simd: S,
    samples: usize,
    logits: &[f32],
    labels: &[u8],
    out: &mut [f32],
) -> [f64; 2] {
    const TILE: usize = STEP * LANES;
    let zero = F32::splat(simd, 0.0);
    let mut total = [0.0; 2];
    for (logits, labels) in logits.chunks_exact(samples).zip(labels.chunks_exact(samples)) {
        let mut sums = [[0.0; 2]; 2];
        for (at, logits) in logits.chunks(TILE).enumerate() {
            let (mut own, mut wanted, mut counted) = ([0.0; TILE], [0.0; TILE], [0.0; TILE]);
            own[..logits.len()].copy_from_slice(logits);
            for (wanted, &label) in wanted.iter_mut().zip(&labels[at * TILE..][..logits.len()]) {
                *wanted = f32::from(label);
            }
            counted[..logits.len()].fill(1.0);
            let mut x = [zero; STEP];
            for i in 0..STEP {
                x[i] = load(simd, &own, i * LANES);
            }
            let cells = math::logistic(simd, x);
            let mut found = [zero; 4];
            for i in 0..STEP {
                let (y, kept) = (load(simd, &wanted, i * LANES), load(simd, &counted, i * LANES));
                let entropy = (cells.nll_q[i] - x[i] * y) * kept;
                let mut slope = cells.p[i] - y;
                let mut term = entropy;
                if FOCAL {
                    let miss = cells.p[i] + y - cells.p[i] * y * 2.0;
                    let weight = (y * ALPHA + (-y + 1.0) * (1.0 - ALPHA)) * miss;
                    term = weight * miss * entropy;
                    slope = weight * (miss * slope - (y * 2.0 - 1.0) * (cells.p[i] * cells.q[i] * entropy) * 2.0);
                }
                store(slope, &mut own, i * LANES);
                found[0] += term;
                found[1] += cells.p[i] * y * kept;
                found[2] += (cells.p[i] + y) * kept;
            }
            out[at * TILE..][..logits.len()].copy_from_slice(&own[..logits.len()]);
            let [term, overlap, size] = [found[0], found[1], found[2]].map(|sum| f64::from(sum.reduce_sum()));
            sums[0][0] += term;
            sums[1][0] += overlap;
            sums[1][1] += size;
        }
        black_box(&mut *out);
        total[0] += sums[0][0] / samples as f64;
        total[1] += 1.0 - (2.0 * sums[1][0] + 1.0) / (sums[1][1] + 1.0);
    }
    total
}
