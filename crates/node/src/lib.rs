//! The binding: converts arguments, calls the core, writes results into arrays that JavaScript has allocated.
//!
//! No arithmetic happens here. Every export catches panics. Outputs never share memory with inputs or with each
//! other: `checkDisjoint` of the TypeScript layer (`src/gradients.ts`), the only caller, sees to that before every call.

#![allow(clippy::too_many_arguments, reason = "plain arguments are the cheapest to convert")]

pub mod assign;
pub mod background;
mod environment;
mod error;
mod options;
mod parts;
pub mod small;
mod solver_error;
pub mod sparse;
pub mod task;

use std::cell::RefCell;
use std::ops::Deref;

use hungarian_loss::{
    Corners, Criterion, Layer, LayerCounts, LayerGradients, LayerRule, LayerTerms, NonFiniteCounts, Normalizers,
    Predictions, Report, Scratch, Targets,
};
use lsap::memory::{GiveBack, reserve};
use napi::bindgen_prelude::{Env, External, Float32ArraySlice, Float64ArraySlice, Int32ArraySlice};
use napi_derive::napi;

use environment::{level, threads};
use error::{Failure, Result};
use options::CriterionOptions;
use parts::{RuleSlices, Rules};

thread_local! {
    /// One for each JavaScript thread.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Name of the instruction set in use: `avx512`, `avx2`, `sse2`, `neon`, `simd128` or `scalar`.
#[napi(catch_unwind)]
pub fn simd_level(env: Env) -> napi::Result<String> {
    level().map(|level| level.name().to_owned()).map_err(|failure| failure.into_js(&env))
}

/// The most threads that this process uses at once.
#[napi(catch_unwind)]
pub fn thread_count(env: Env) -> napi::Result<u32> {
    threads().map(|threads| threads.count() as u32).map_err(|failure| failure.into_js(&env))
}

/// Checks a configuration and prepares it.
#[napi(catch_unwind)]
pub fn create_criterion(env: Env, options: CriterionOptions) -> napi::Result<External<Criterion>> {
    let create = || {
        let count = options.threads as usize;
        let criterion = Criterion::new(level()?, options.into_config()?)?;
        Ok(External::new(criterion.with_threads(threads()?.clone(), count)))
    };
    create().map_err(|failure: Failure| failure.into_js(&env))
}

/// The batch as it comes from JavaScript: arrays that hold one layer or several, and the parts that these make up.
struct Inputs<'a> {
    images: usize,
    layers: Vec<Layer<'a>>,
    parts: &'a [f64],
    rules: Vec<LayerRule<'a>>,
    targets: Targets<'a>,
}

impl<'a> Inputs<'a> {
    fn new<A: Deref<Target = [f32]>>(
        images: u32,
        tensors: &'a [A],
        parts: &'a [f64],
        rules: Option<RuleSlices<'a>>,
        targets: Targets<'a>,
    ) -> Result<Self> {
        let images = images as usize;
        let (held, parts) = parts::split(parts)?;
        let rules = rules.map(|rules| rules.read(parts, images, targets.total())).transpose()?.unwrap_or_default();
        Ok(Self { images, layers: layers(held, tensors)?, parts, rules, targets })
    }

    fn predictions(&self) -> Result<Predictions<'_>> {
        let parts = parts::parts(self.parts, &self.rules)?;
        Ok(Predictions::of_parts(self.images, &self.layers, parts)?)
    }
}

fn read_targets<'a>(
    labels: &'a [i32],
    label_offsets: Option<&'a [u32]>,
    boxes: &'a [f32],
    offsets: &'a [u32],
    ignores: Option<&'a [u8]>,
) -> Result<Targets<'a>> {
    let targets = match label_offsets {
        None => Targets::new(labels, boxes, offsets)?,
        Some(label_offsets) => Targets::with_several_labels(labels, label_offsets, boxes, offsets)?,
    };
    Ok(targets.ignoring(ignores.unwrap_or_default())?)
}

/// Splits tensors into their layers. `held`: how many layers each holds. `tensors`: logits and boxes of each, or those and
/// corners and references, which have no values for layers without.
fn layers<'a>(held: &[f64], tensors: &'a [impl Deref<Target = [f32]>]) -> Result<Vec<Layer<'a>>> {
    let width = tensors.len() / held.len().max(1);
    let mut layers = Vec::new();
    reserve("outputs", &mut layers, held.iter().sum::<f64>() as u128)?;
    for (&held, tensors) in held.iter().zip(tensors.chunks_exact(width.max(1))) {
        for layer in 0..held as usize {
            let slice = |at: usize| {
                let tensor: &[f32] = tensors.get(at).map_or(&[], |tensor| tensor);
                let length = tensor.len() / held as usize;
                &tensor[layer * length..][..length]
            };
            let corners = Corners { logits: slice(2), references: slice(3) };
            let corners = Some(corners).filter(|corners| !corners.logits.is_empty());
            layers.push(Layer { logits: slice(0), boxes: slice(1), corners });
        }
    }
    Ok(layers)
}

/// What the caller divides by in place of the batch's own numbers.
#[napi(object, object_to_js = false)]
pub struct GivenNormalizers<'a> {
    /// What the box terms are divided by.
    pub num_boxes: Option<f64>,
    /// What those of the union matching are divided by.
    pub union_boxes: Option<f64>,
    /// For each layer of every part, what the class term is divided by.
    pub class_weight: Option<Float64ArraySlice<'a>>,
    /// For each layer of every part, how many queries with and without a target the distillation takes.
    pub distilled: Option<Float64ArraySlice<'a>>,
}

impl GivenNormalizers<'_> {
    fn read(&self) -> Normalizers<'_> {
        let Self { num_boxes, union_boxes, class_weight, distilled } = self;
        Normalizers {
            num_boxes: *num_boxes,
            union_boxes: *union_boxes,
            class_weight: class_weight.as_deref(),
            distilled: distilled.as_deref(),
        }
    }
}

/// Where the results of [`compute`] go.
struct Outputs<'a> {
    gradients: Vec<LayerGradients<'a>>,
    target_of_query: &'a mut [i32],
    values: &'a mut [f64],
}

impl<'a> Outputs<'a> {
    /// `parts`, `gradients`: as for [`compute`].
    fn new(
        parts: &[f64],
        gradients: impl ExactSizeIterator<Item = &'a mut [f32]>,
        target_of_query: &'a mut [i32],
        values: &'a mut [f64],
    ) -> Result<Self> {
        let (held, _) = parts::split(parts)?;
        Ok(Self { gradients: layer_gradients(held, gradients)?, target_of_query, values })
    }
}

/// Places for the gradients of all layers. `held`: how many layers each of the tensors holds. `arrays`: those of logits and
/// boxes, or those and corners, for each; or none.
fn layer_gradients<'a>(
    held: &[f64],
    mut arrays: impl ExactSizeIterator<Item = &'a mut [f32]>,
) -> Result<Vec<LayerGradients<'a>>> {
    let width = arrays.len() / held.len().max(1);
    let mut layers = Vec::new();
    reserve("outputs", &mut layers, if width == 0 { 0 } else { held.iter().sum::<f64>() as u128 })?;
    for &held in held.iter().filter(|_| width > 0) {
        let mut rest = [0, 1, 2].map(|at| if at < width { arrays.next() } else { None }.unwrap_or_default());
        for left in (1..=held as usize).rev() {
            let [logits, boxes, corners] = rest.each_mut().map(|rest| {
                let length = rest.len() / left;
                let layer;
                (layer, *rest) = std::mem::take(rest).split_at_mut(length);
                layer
            });
            layers.push(LayerGradients { logits, boxes, corners });
        }
    }
    Ok(layers)
}

fn compute_loss(
    criterion: &Criterion,
    inputs: &Inputs<'_>,
    normalizers: Normalizers<'_>,
    Outputs { mut gradients, target_of_query, values }: Outputs<'_>,
    scratch: &mut Scratch,
) -> Result<()> {
    let predictions = inputs.predictions()?;
    let report =
        criterion.compute(&predictions, &inputs.targets, normalizers, &mut gradients, target_of_query, scratch)?;
    write_report(&report, values)
}

/// Loss, terms, matches and gradients of a batch.
///
/// `tensors`: for each layer, or layers that are stacked, logits and boxes, and where any layer has corners, those and
/// references, without any values for layers without. `parts`, `rules`: the parts of the step and how they are matched.
/// `labelOffsets`: `[targets + 1]`, or absent where each target has one label. `ignores`: `[targets]`, or absent for none.
/// `gradients`: as `tensors`, but for the references; empty where none are wanted.
///
/// `targetOfQuery`: `[images, queries]` for each layer of every part; -1 for background, -2 for what is left out.
/// `values`: loss, numBoxes, unionBoxes, counts of non-finite logits, boxes, corners and references and of filled
/// costs, numbers of targets and of union pairs, then for each layer of every part class, l1, giou, iou, diou, ciou, fgl,
/// ddf, classError, cardinalityError, classWeight, its sum before any clamp and the least that it is clamped to, and
/// the distilled queries with and without a target.
#[napi(catch_unwind)]
pub fn compute(
    env: Env,
    criterion: &External<Criterion>,
    normalizers: Option<GivenNormalizers<'_>>,
    mut gradients: Vec<Float32ArraySlice<'_>>,
    mut target_of_query: Int32ArraySlice<'_>,
    mut values: Float64ArraySlice<'_>,
    images: u32,
    tensors: Vec<Float32ArraySlice<'_>>,
    parts: &[f64],
    rules: Option<Rules<'_>>,
    labels: &[i32],
    label_offsets: Option<&[u32]>,
    target_boxes: &[f32],
    offsets: &[u32],
    ignores: Option<&[u8]>,
) -> napi::Result<()> {
    let mut run = || -> Result<()> {
        let inputs = Inputs::new(
            images,
            &tensors,
            parts,
            rules.as_ref().map(Rules::slices),
            read_targets(labels, label_offsets, target_boxes, offsets, ignores)?,
        )?;
        // SAFETY: the arrays live in JavaScript memory that neither JavaScript (this is its thread) nor another slice of
        // this call can reach meanwhile: the TypeScript layer refuses outputs that overlap each other or an input.
        let outputs = unsafe {
            let gradients = gradients.iter_mut().map(|array| array.as_mut());
            let (target_of_query, values) = (target_of_query.as_mut(), values.as_mut());
            Outputs::new(parts, gradients, target_of_query, values)?
        };
        let normalizers = normalizers.as_ref().map(GivenNormalizers::read).unwrap_or_default();
        with_scratch(|scratch| compute_loss(criterion, &inputs, normalizers, outputs, scratch))
    };
    run().map_err(|failure| failure.into_js(&env))
}

/// The matching alone; arguments as for [`compute`], with the loss and its terms 0.
#[napi(catch_unwind)]
pub fn match_targets(
    env: Env,
    criterion: &External<Criterion>,
    mut target_of_query: Int32ArraySlice<'_>,
    mut values: Float64ArraySlice<'_>,
    images: u32,
    tensors: Vec<Float32ArraySlice<'_>>,
    parts: &[f64],
    rules: Option<Rules<'_>>,
    labels: &[i32],
    label_offsets: Option<&[u32]>,
    target_boxes: &[f32],
    offsets: &[u32],
    ignores: Option<&[u8]>,
) -> napi::Result<()> {
    let mut run = || -> Result<()> {
        let inputs = Inputs::new(
            images,
            &tensors,
            parts,
            rules.as_ref().map(Rules::slices),
            read_targets(labels, label_offsets, target_boxes, offsets, ignores)?,
        )?;
        // SAFETY: as in `compute`.
        let matches = unsafe { target_of_query.as_mut() };
        let predictions = inputs.predictions()?;
        let report = with_scratch(|scratch| criterion.match_targets(&predictions, &inputs.targets, matches, scratch))?;
        // SAFETY: as in `compute`.
        write_report(&report, unsafe { values.as_mut() })
    };
    run().map_err(|failure| failure.into_js(&env))
}

/// The matching cost alone; arguments as for [`compute`]. `out`: for each layer of every part and each image a block
/// `[queries, targets of the image]`. Of `values`, only the counts are written.
#[napi(catch_unwind)]
pub fn cost_matrix(
    env: Env,
    criterion: &External<Criterion>,
    mut out: Float32ArraySlice<'_>,
    mut values: Float64ArraySlice<'_>,
    images: u32,
    tensors: Vec<Float32ArraySlice<'_>>,
    parts: &[f64],
    rules: Option<Rules<'_>>,
    labels: &[i32],
    label_offsets: Option<&[u32]>,
    target_boxes: &[f32],
    offsets: &[u32],
    ignores: Option<&[u8]>,
) -> napi::Result<()> {
    let mut run = || -> Result<()> {
        let inputs = Inputs::new(
            images,
            &tensors,
            parts,
            rules.as_ref().map(Rules::slices),
            read_targets(labels, label_offsets, target_boxes, offsets, ignores)?,
        )?;
        // SAFETY: as in `compute`.
        let out = unsafe { out.as_mut() };
        let predictions = inputs.predictions()?;
        let counts = with_scratch(|scratch| criterion.cost(&predictions, &inputs.targets, out, scratch))?;
        // SAFETY: as in `compute`.
        write_counts(counts, unsafe { values.as_mut() })
    };
    run().map_err(|failure| failure.into_js(&env))
}

fn with_scratch<T>(run: impl FnOnce(&mut Scratch) -> T) -> T {
    SCRATCH.with_borrow_mut(|scratch| {
        let result = run(scratch);
        scratch.give_back();
        result
    })
}

fn write_report(report: &Report, values: &mut [f64]) -> Result<()> {
    let layers = report.layers.iter().flat_map(|layer| {
        let LayerTerms { class, l1, giou, iou, diou, ciou, fgl, ddf, class_error, cardinality_error, .. } = *layer;
        let LayerCounts { class_weight, least_class_weight, distilled: [paired, others] } = layer.counts;
        let terms = [class, l1, giou, iou, diou, ciou, fgl, ddf, class_error, cardinality_error, layer.class_weight];
        terms.into_iter().chain([class_weight, least_class_weight, paired as f64, others as f64])
    });
    let divisors = [report.loss, report.num_boxes, report.union_boxes].into_iter();
    let numbers = [report.targets, report.union_pairs].map(|count| count as f64);
    fill(values, divisors.chain(counts(report.non_finite)).chain(numbers).chain(layers))
}

fn write_counts(non_finite: NonFiniteCounts, values: &mut [f64]) -> Result<()> {
    let head = values.split_at_mut_checked(HEAD).map_or(&mut [][..], |(head, _)| head);
    fill(head, [0.0; 3].into_iter().chain(counts(non_finite)).chain([0.0; 2]))
}

/// Values before those of the layers.
const HEAD: usize = 10;

fn counts(non_finite: NonFiniteCounts) -> [f64; 5] {
    let NonFiniteCounts { logits, boxes, corners, references, costs } = non_finite;
    [logits, boxes, corners, references, costs].map(|count| count as f64)
}

/// Writes all values, which must be as many as there are places.
fn fill<T>(places: &mut [T], values: impl IntoIterator<Item = T>) -> Result<()> {
    let wrong = || Failure::Binding("INTERNAL", "values", "an output array has the wrong length".to_owned());
    let mut values = values.into_iter();
    for place in places {
        *place = values.next().ok_or_else(wrong)?;
    }
    if values.next().is_some() {
        return Err(wrong());
    }
    Ok(())
}
