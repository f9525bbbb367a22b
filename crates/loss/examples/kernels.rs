//! Runs one of the main kernels a given number of times, so that its instructions can be counted
//! (`scripts/instructions.js`). The inputs are the same in every run.
//!
//! Usage: `kernels <kernel> <times>`; without arguments it prints the best level here and the names of all kernels.

use std::env;
use std::error::Error;
use std::hint::black_box;

use hungarian_loss::{
    Config, Criterion, Inputs, Level, Normalizers, Part, Plan, Raster, Result, Scratch, Stack, Structure, Targets,
    Weights, query_fields, target_fields,
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

const KERNELS: [(&str, Kernel); 11] = [
    ("loss, softmax", |times| loss(&Config::detr(CLASSES - 1), times)),
    ("loss, focal", |times| loss(&Config::deformable_detr(CLASSES), times)),
    ("loss, varifocal", |times| loss(&varifocal(), times)),
    ("match, softmax", |times| match_targets(&Config::detr(CLASSES - 1), times)),
    ("match, masks at points", match_masks),
    ("loss, masks at points", masks_loss),
    ("assignment, 10x10", |times| assign(10, 10, times)),
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
        let tensors: &[&[f32]] = &[&self.logits, &self.boxes];
        run(&Inputs { tensors, given: &[], costs: &[], query_weights: &[], targets, seed: 0 })
    }
}

/// One layer, all of whose queries are matched.
fn plan(config: &Config) -> Result<Plan> {
    Criterion::new(Level::detect(), config)?.plan(Structure {
        images: IMAGES,
        stacks: vec![Stack::of_rows(1, QUERIES, vec![CLASSES, 4])],
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

/// An image with masks, as Mask2Former has them, and the criterion of that.
struct Masks {
    plan: Plan,
    logits: Vec<f32>,
    masks: Vec<f32>,
    labels: Vec<i32>,
    /// `[targets, side, side]`.
    planes: Vec<u8>,
}

impl Masks {
    const SIDE: usize = 160;
    const TARGETS: usize = 20;

    fn new(points: usize) -> Result<Self> {
        let area = Self::SIDE * Self::SIDE;
        let weights = Weights::of(&[("class", 2.0), ("maskBce", 5.0), ("maskDice", 5.0)]);
        let config = Config { cost: weights, weights, ..Config::detr(CLASSES - 1) }
            .with("masks.costSampling", "points")
            .with("masks.lossSampling", "points")
            .with("masks.points", points as f64);
        let widths = query_fields().map(|field| match field.name {
            "logits" => CLASSES,
            "masks" => area,
            _ => 0,
        });
        let axes =
            query_fields().map(|field| if field.name == "masks" { vec![Self::SIDE, Self::SIDE] } else { Vec::new() });
        let plan = Criterion::new(Level::detect(), &config)?.plan(Structure {
            images: 1,
            stacks: vec![Stack { layers: 1, rows: QUERIES, widths: widths.collect(), axes: axes.collect() }],
            parts: vec![Part::plain(0..1, 0..QUERIES)],
            targets: target_fields().map(|target| target.field.name == "masks").collect(),
        })?;
        let mut random = Random::new(3);
        Ok(Self {
            plan,
            logits: (0..QUERIES * CLASSES).map(|_| 2.0 * random.normal()).collect(),
            masks: (0..QUERIES * area).map(|_| 8.0 * (random.unit() - 0.5)).collect(),
            labels: (0..Self::TARGETS).map(|_| random.below(CLASSES - 1) as i32).collect(),
            planes: (0..Self::TARGETS * area).map(|_| u8::from(random.below(5) == 0)).collect(),
        })
    }

    fn with_inputs<T>(&self, run: impl FnOnce(&Inputs<'_>) -> Result<T>) -> Result<T> {
        let planes = [Raster { values: &self.planes, height: Self::SIDE, width: Self::SIDE }];
        let own: Vec<&[Raster<'_>]> =
            target_fields().map(|target| if target.field.name == "masks" { &planes[..] } else { &[] }).collect();
        let offsets = [0, Self::TARGETS as u32];
        let targets = Targets::new(&self.labels, None, &[], &offsets, &[])?.with_rasters(&own);
        let tensors: &[&[f32]] = &[&self.logits, &self.masks];
        run(&Inputs { tensors, given: &[], costs: &[], query_weights: &[], targets, seed: 0 })
    }
}

/// At as many points as Mask2Former takes.
fn match_masks(times: usize) -> Outcome {
    let masks = Masks::new(12_544)?;
    let (mut matches, mut scratch) = (vec![0; masks.plan.reported_queries()], Scratch::default());
    for _ in 0..times {
        black_box(masks.with_inputs(|inputs| masks.plan.match_targets(inputs, &mut matches, &mut scratch))?);
    }
    Ok(())
}

fn masks_loss(times: usize) -> Outcome {
    let masks = Masks::new(1600)?;
    let (mut by_logits, mut by_masks) = (vec![0.0; masks.logits.len()], vec![0.0; masks.masks.len()]);
    let (mut matches, mut scratch) = (vec![0; masks.plan.reported_queries()], Scratch::default());
    for _ in 0..times {
        let gradients: &mut [&mut [f32]] = &mut [&mut by_logits, &mut by_masks];
        let compute = |inputs: &Inputs<'_>| {
            masks.plan.compute(inputs, Normalizers::default(), gradients, &mut matches, &mut scratch)
        };
        black_box(masks.with_inputs(compute)?);
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
