//! Runs one of the main kernels a given number of times, so that its instructions can be counted
//! (`scripts/instructions.js`). The inputs are the same in every run.
//!
//! Usage: `kernels <kernel> <times>`; without arguments it prints the best level here and the names of all kernels.

use std::env;
use std::error::Error;
use std::hint::black_box;

use hungarian_loss::{
    Config, Criterion, Inputs, Level, Normalizers, Part, Plan, Result, Scratch, Stack, Structure, Targets,
};
use lsap::{AssignmentOptions, AssignmentSolver, CostMatrix};
use test_support::Random;

#[expect(dead_code, reason = "the crate's own module, of which this needs the generator")]
#[path = "../src/test_support.rs"]
mod test_support;

const CLASSES: usize = 91;
const IMAGES: usize = 4;
const QUERIES: usize = 100;
const TARGETS: usize = 7;

type Outcome = std::result::Result<(), Box<dyn Error>>;

type Kernel = fn(usize) -> Outcome;

const KERNELS: [(&str, Kernel); 8] = [
    ("loss, softmax", |times| loss(&Config::detr(CLASSES - 1), times)),
    ("loss, focal", |times| loss(&Config::deformable_detr(CLASSES), times)),
    ("loss, varifocal", |times| loss(&varifocal(), times)),
    ("match, softmax", |times| match_targets(&Config::detr(CLASSES - 1), times)),
    ("assignment, 100x100", |times| assign(100, 100, times)),
    ("assignment, 300x300", |times| assign(300, 300, times)),
    ("assignment, 100x7", |times| assign(100, 7, times)),
    ("assignment, padded", |times| assign_padded(60, 300, times)),
];

fn main() -> Outcome {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [name, times] = &arguments[..] else {
        println!("{}", Level::detect().name());
        KERNELS.iter().for_each(|(name, _)| println!("{name}"));
        return Ok(());
    };
    let (_, kernel) = KERNELS.iter().find(|(known, _)| known == name).ok_or("no such kernel")?;
    kernel(times.parse()?)
}

/// RT-DETR's class term.
fn varifocal() -> Config {
    Config::deformable_detr(CLASSES).with("classification.kind", "varifocal")
}

/// A batch of random predictions and targets.
struct Batch {
    logits: Vec<f32>,
    boxes: Vec<f32>,
    labels: Vec<i32>,
    target_boxes: Vec<f32>,
    offsets: Vec<u32>,
}

impl Batch {
    fn new() -> Self {
        let mut random = Random::new(1);
        let targets = IMAGES * TARGETS;
        Self {
            logits: (0..IMAGES * QUERIES * CLASSES).map(|_| 2.0 * random.normal()).collect(),
            boxes: boxes(&mut random, IMAGES * QUERIES),
            labels: (0..targets).map(|_| random.below(CLASSES - 1) as i32).collect(),
            target_boxes: boxes(&mut random, targets),
            offsets: (0..=IMAGES).map(|image| (image * TARGETS) as u32).collect(),
        }
    }

    /// What the kernels are given in each run.
    fn with_inputs<T>(&self, run: impl FnOnce(&Inputs<'_>) -> Result<T>) -> Result<T> {
        let fields: &[&[f32]] = &[&self.target_boxes];
        let targets = Targets::new(&self.labels, None, fields, &self.offsets, &[])?;
        run(&Inputs { tensors: &[&self.logits, &self.boxes], given: &[], costs: &[], query_weights: &[], targets })
    }
}

/// One layer, all of whose queries are matched.
fn plan(config: &Config) -> Result<Plan> {
    Criterion::new(Level::detect(), config)?.plan(Structure {
        images: IMAGES,
        stacks: vec![Stack { layers: 1, rows: QUERIES, widths: vec![CLASSES, 4] }],
        parts: vec![Part::plain(0..1, 0..QUERIES)],
        targets: vec![true],
    })
}

/// Boxes cxcywh within the image.
fn boxes(random: &mut Random, count: usize) -> Vec<f32> {
    let mut component = |k| if k % 4 < 2 { 0.25 + 0.5 * random.unit() } else { 0.05 + 0.4 * random.unit() };
    (0..4 * count).map(&mut component).collect()
}

fn loss(config: &Config, times: usize) -> Outcome {
    let (batch, plan) = (Batch::new(), plan(config)?);
    let (mut logits, mut boxes) = (vec![0.0; batch.logits.len()], vec![0.0; batch.boxes.len()]);
    let mut matches = vec![0; plan.reported_queries()];
    let mut scratch = Scratch::default();
    for _ in 0..times {
        let gradients: &mut [&mut [f32]] = &mut [&mut logits, &mut boxes];
        let compute =
            |inputs: &Inputs<'_>| plan.compute(inputs, Normalizers::default(), gradients, &mut matches, &mut scratch);
        black_box(batch.with_inputs(compute)?);
    }
    Ok(())
}

fn match_targets(config: &Config, times: usize) -> Outcome {
    let (batch, plan) = (Batch::new(), plan(config)?);
    let mut matches = vec![0; plan.reported_queries()];
    let mut scratch = Scratch::default();
    for _ in 0..times {
        black_box(batch.with_inputs(|inputs| plan.match_targets(inputs, &mut matches, &mut scratch))?);
    }
    Ok(())
}

fn assign(rows: usize, columns: usize, times: usize) -> Outcome {
    solve(&costs(rows * columns), rows, columns, times)
}

/// As callers pad a matrix of `rows` to a square of `size`: with rows that are equal.
fn assign_padded(rows: usize, size: usize, times: usize) -> Outcome {
    let mut costs = costs(rows * size);
    costs.resize(size * size, 1.0);
    solve(&costs, size, size, times)
}

fn costs(count: usize) -> Vec<f64> {
    let mut random = Random::new(2);
    (0..count).map(|_| f64::from(random.unit())).collect()
}

fn solve(costs: &[f64], rows: usize, columns: usize, times: usize) -> Outcome {
    let (mut solver, level) = (AssignmentSolver::default(), Level::detect());
    for _ in 0..times {
        let matrix = CostMatrix::new(costs, rows, columns)?;
        black_box(solver.solve(level, &matrix, AssignmentOptions::default())?.total);
    }
    Ok(())
}
