//! Runs one of the main kernels a given number of times, so that its instructions can be counted
//! (`scripts/instructions.js`). The inputs are the same in every run.
//!
//! Usage: `kernels <kernel> <times>`; without arguments it prints the best level here and the names of all kernels.

use std::env;
use std::error::Error;
use std::hint::black_box;

use hungarian_loss::{
    Classification, Config, Criterion, Layer, LayerGradients, Level, Normalizers, Predictions, Result, Scratch, Shape,
    Sigmoid, Targets,
};
use lsap::{AssignmentOptions, AssignmentSolver, CostMatrix};
use test_support::Random;

#[expect(dead_code, reason = "the crate's own module, of which this needs the generator")]
#[path = "../src/test_support.rs"]
mod test_support;

const CLASSES: usize = 91;
const SHAPE: Shape = Shape { images: 4, queries: 100, classes: CLASSES };
const TARGETS: usize = 7;

type Kernel = fn(usize) -> Result<()>;

const KERNELS: [(&str, Kernel); 8] = [
    ("loss, softmax", |times| loss(Config::detr(CLASSES - 1), times)),
    ("loss, focal", |times| loss(Config::deformable_detr(CLASSES), times)),
    ("loss, varifocal", |times| loss(varifocal(), times)),
    ("match, softmax", |times| match_targets(Config::detr(CLASSES - 1), times)),
    ("assignment, 100x100", |times| assign(100, 100, times)),
    ("assignment, 300x300", |times| assign(300, 300, times)),
    ("assignment, 100x7", |times| assign(100, 7, times)),
    ("assignment, padded", |times| assign_padded(60, 300, times)),
];

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [name, times] = &arguments[..] else {
        println!("{}", Level::detect().name());
        KERNELS.iter().for_each(|(name, _)| println!("{name}"));
        return Ok(());
    };
    let (_, kernel) = KERNELS.iter().find(|(known, _)| known == name).ok_or("no such kernel")?;
    Ok(kernel(times.parse()?)?)
}

/// RT-DETR's class term.
fn varifocal() -> Config {
    let classification = Classification::Sigmoid(Sigmoid::Varifocal { alpha: 0.75, gamma: 2.0, detach_weights: true });
    Config { classification, ..Config::deformable_detr(CLASSES) }
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
        let Shape { images, queries, classes } = SHAPE;
        let targets = images * TARGETS;
        Self {
            logits: (0..images * queries * classes).map(|_| 2.0 * random.normal()).collect(),
            boxes: boxes(&mut random, images * queries),
            labels: (0..targets).map(|_| random.below(CLASSES - 1) as i32).collect(),
            target_boxes: boxes(&mut random, targets),
            offsets: (0..=images).map(|image| (image * TARGETS) as u32).collect(),
        }
    }

    fn layer(&self) -> Layer<'_> {
        Layer { logits: &self.logits, boxes: &self.boxes, corners: None }
    }

    fn targets(&self) -> Result<Targets<'_>> {
        Targets::new(&self.labels, &self.target_boxes, &self.offsets)
    }
}

/// Boxes cxcywh within the image.
fn boxes(random: &mut Random, count: usize) -> Vec<f32> {
    let mut component = |k| if k % 4 < 2 { 0.25 + 0.5 * random.unit() } else { 0.05 + 0.4 * random.unit() };
    (0..4 * count).map(&mut component).collect()
}

fn loss(config: Config, times: usize) -> Result<()> {
    let (batch, criterion) = (Batch::new(), Criterion::new(Level::detect(), config)?);
    let (mut logits, mut boxes) = (vec![0.0; batch.logits.len()], vec![0.0; batch.boxes.len()]);
    let mut matches = vec![0; SHAPE.images * SHAPE.queries];
    let mut scratch = Scratch::default();
    for _ in 0..times {
        let gradients = LayerGradients { logits: &mut logits, boxes: &mut boxes, corners: &mut [] };
        black_box(criterion.compute(
            &Predictions::new(SHAPE, &[batch.layer()])?,
            &batch.targets()?,
            Normalizers::default(),
            &mut [gradients],
            &mut matches,
            &mut scratch,
        )?);
    }
    Ok(())
}

fn match_targets(config: Config, times: usize) -> Result<()> {
    let (batch, criterion) = (Batch::new(), Criterion::new(Level::detect(), config)?);
    let mut matches = vec![0; SHAPE.images * SHAPE.queries];
    let mut scratch = Scratch::default();
    for _ in 0..times {
        let predictions = [batch.layer()];
        let predictions = Predictions::new(SHAPE, &predictions)?;
        black_box(criterion.match_targets(&predictions, &batch.targets()?, &mut matches, &mut scratch)?);
    }
    Ok(())
}

fn assign(rows: usize, columns: usize, times: usize) -> Result<()> {
    solve(&costs(rows * columns), rows, columns, times)
}

/// As callers pad a matrix of `rows` to a square of `size`: with rows that are equal.
fn assign_padded(rows: usize, size: usize, times: usize) -> Result<()> {
    let mut costs = costs(rows * size);
    costs.resize(size * size, 1.0);
    solve(&costs, size, size, times)
}

fn costs(count: usize) -> Vec<f64> {
    let mut random = Random::new(2);
    (0..count).map(|_| f64::from(random.unit())).collect()
}

fn solve(costs: &[f64], rows: usize, columns: usize, times: usize) -> Result<()> {
    let (mut solver, level) = (AssignmentSolver::default(), Level::detect());
    for _ in 0..times {
        let matrix = CostMatrix::new(costs, rows, columns)?;
        black_box(solver.solve(level, &matrix, AssignmentOptions::default())?.total);
    }
    Ok(())
}
