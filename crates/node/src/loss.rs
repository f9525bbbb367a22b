//! The loss on the event loop: borrows the arrays of a batch, and writes into those that JavaScript has allocated.

use std::cell::RefCell;

use hungarian_loss::{Error, Inputs, Normalizers, Raster, Scratch, Targets};
use lsap::memory::GiveBack;
use napi::bindgen_prelude::{Env, External, Uint8ArraySlice, Uint32ArraySlice};
use napi_derive::napi;

use crate::disjoint::Arrays;
use crate::error::{Failure, Result};
use crate::output::{Float32ArraySlice, Float64ArraySlice, Int32ArraySlice};
use crate::plan::{Fields, NamedPlan, Planes};
use crate::values::{write_counts, write_report};

thread_local! {
    /// One for each JavaScript thread.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// What the caller divides by in place of the batch's own numbers.
#[napi(object, object_to_js = false)]
pub struct GivenNormalizers<'a> {
    /// What geometric terms are divided by.
    pub num_boxes: Option<f64>,
    /// For each layer of every part, what terms are divided by where that is its number of pairs.
    pub pairs: Option<Float64ArraySlice<'a>>,
    /// What stands for the number of images where terms are divided by that, or by the number of queries.
    pub images: Option<f64>,
    /// What those of the union matching are divided by.
    pub union_boxes: Option<f64>,
    /// For each layer of every part, what the class term is divided by.
    pub class: Option<Float64ArraySlice<'a>>,
    /// For each layer of every part, how many queries with and without a target the distillation takes.
    pub distilled: Option<Float64ArraySlice<'a>>,
}

impl GivenNormalizers<'_> {
    /// What the core takes.
    pub fn read(&self) -> Normalizers<'_> {
        let Self { num_boxes, pairs, images, union_boxes, class, distilled } = self;
        Normalizers {
            targets: *num_boxes,
            pairs: pairs.as_deref(),
            images: *images,
            union_pairs: *union_boxes,
            class: class.as_deref(),
            distilled: distilled.as_deref(),
        }
    }
}

/// What few batches have.
#[napi(object, object_to_js = false)]
pub struct BatchExtras<'a> {
    /// A value for each label.
    pub values: Option<Float32ArraySlice<'a>>,
    /// A weight for each target.
    pub weights: Option<Float32ArraySlice<'a>>,
    /// For each image and column of the logits, 1 where it is there, else 0.
    pub columns: Option<Uint8ArraySlice<'a>>,
    /// For each part that has them, weights of its queries as background, `[images, queries]`.
    pub query_weights: Option<Float32ArraySlice<'a>>,
    /// Of each field of the targets that is made of planes of bytes and that the plan says there is, those of every image.
    pub planes: Option<Vec<Uint8ArraySlice<'a>>>,
    /// Height and width of each plane.
    pub plane_sizes: Option<Uint32ArraySlice<'a>>,
    /// What random numbers are drawn from, a whole number from 0 on; 0 where it is absent.
    pub seed: Option<f64>,
}

/// Likewise, as slices.
#[derive(Clone, Default)]
pub struct Extras<'a> {
    /// A value for each label; empty for none, as the others.
    pub values: &'a [f32],
    /// A weight for each target.
    pub weights: &'a [f32],
    /// Which columns there are.
    pub columns: &'a [u8],
    /// Weights of queries.
    pub query_weights: &'a [f32],
    /// Planes of bytes.
    pub planes: Vec<&'a [u8]>,
    /// Their sizes.
    pub plane_sizes: &'a [u32],
    /// What random numbers are drawn from.
    pub seed: u64,
}

impl BatchExtras<'_> {
    /// The slices.
    pub fn read(&self) -> Extras<'_> {
        let Self { values, weights, columns, query_weights, planes, plane_sizes, seed } = self;
        Extras {
            planes: planes.iter().flatten().map(|plane| &**plane).collect(),
            plane_sizes: plane_sizes.as_deref().unwrap_or_default(),
            seed: seed.unwrap_or_default() as u64,
            values: values.as_deref().unwrap_or_default(),
            weights: weights.as_deref().unwrap_or_default(),
            columns: columns.as_deref().unwrap_or_default(),
            query_weights: query_weights.as_deref().unwrap_or_default(),
        }
    }
}

/// The arrays of a batch, as slices.
pub struct Batch<'a> {
    /// The fields of queries and targets.
    pub fields: Fields<'a>,
    /// The classes of all targets, or those of several labels each.
    pub labels: &'a [i32],
    /// Where the labels of each target begin, if targets have several.
    pub label_offsets: Option<&'a [u32]>,
    /// Where the targets of each image begin.
    pub offsets: &'a [u32],
    /// 1 for each target to be ignored; may be empty.
    pub ignored: &'a [u8],
    /// The matchings that are given.
    pub given: &'a [i32],
    /// The costs to be added.
    pub costs: &'a [f32],
    /// The planes of the targets.
    pub planes: Planes<'a>,
    /// What few batches have.
    pub extras: Extras<'a>,
}

impl Batch<'_> {
    /// What the core takes.
    fn inputs<'b>(&'b self, planes: &'b [&'b [Raster<'b>]]) -> hungarian_loss::Result<Inputs<'b>> {
        let Self { labels, label_offsets, offsets, ignored, given, costs, ref fields, ref extras, .. } = *self;
        let Extras { values, weights, columns, query_weights, seed, .. } = *extras;
        let targets = Targets::new(labels, label_offsets, fields.targets(), offsets, ignored)?.with_rasters(planes);
        let targets = targets.with_values(values)?.with_weights(weights)?.with_columns(columns);
        Ok(Inputs { tensors: fields.tensors(), given, costs, query_weights, targets, seed })
    }

    /// The arrays that are read.
    fn add_to<'b>(&self, arrays: &'b mut Arrays) -> &'b mut Arrays {
        arrays
            .read(self.fields.all())
            .read([self.labels, self.given])
            .read([self.costs])
            .read([self.offsets])
            .read(self.label_offsets)
            .read([self.ignored, self.extras.columns])
            .read([self.extras.values, self.extras.weights, self.extras.query_weights])
            .read(self.planes.all())
    }
}

/// Loss, terms, matches and gradients. `gradients`: one for each tensor that has one, or none.
pub fn compute_loss(
    plan: &NamedPlan,
    batch: &Batch<'_>,
    normalizers: Normalizers<'_>,
    gradients: &mut [&mut [f32]],
    target_of_query: &mut [i32],
    values: &mut [f64],
    scratch: &mut Scratch,
) -> Result<()> {
    let planes = batch.planes.fields();
    let compute = || plan.plan.compute(&batch.inputs(&planes)?, normalizers, gradients, target_of_query, scratch);
    write_report(&named(plan, compute)?, values)
}

/// An error of the core, with the names of the parts.
fn named<T>(plan: &NamedPlan, run: impl FnOnce() -> std::result::Result<T, Error>) -> Result<T> {
    run().map_err(|error| Failure::Loss(error, plan.names.clone()))
}

/// Loss, terms, matches and gradients of a batch.
///
/// `fields`: of each stack its tensors, without those of width 0; then the fields of the targets that the plan says there
/// are; each in the order of the description. `gradients`: one for each tensor that has one, or none where they are not
/// wanted. `labelOffsets`: `[targets + 1]`, or absent where each target has one label. `ignored`: `[targets]`, or absent for
/// none. `given`, `costs`: of the layers whose rules say so, one after the other. `extras`: absent where a batch has none.
///
/// `targetOfQuery`: `[images, queries]` for each layer of every part; -1 for background, -2 for what is left out. `values`: as
/// the description names them.
#[napi(catch_unwind)]
pub fn compute(
    env: Env,
    plan: &External<NamedPlan>,
    normalizers: Option<GivenNormalizers<'_>>,
    mut gradients: Vec<Float32ArraySlice<'_>>,
    mut target_of_query: Int32ArraySlice<'_>,
    mut values: Float64ArraySlice<'_>,
    fields: Vec<&[f32]>,
    labels: &[i32],
    label_offsets: Option<&[u32]>,
    offsets: &[u32],
    ignored: Option<&[u8]>,
    given: Option<&[i32]>,
    costs: Option<&[f32]>,
    extras: Option<BatchExtras<'_>>,
) -> napi::Result<()> {
    let mut run = || -> Result<()> {
        let batch = batch(plan, &fields, labels, label_offsets, offsets, ignored, given, costs, extras.as_ref())?;
        let normalizers = normalizers.as_ref().map(GivenNormalizers::read).unwrap_or_default();
        let mut arrays = Arrays::default();
        arrays.written(gradients.iter().map(|array| &**array)).written([&*target_of_query]).written([&*values]);
        batch
            .add_to(&mut arrays)
            .read(normalizers.class)
            .read(normalizers.pairs)
            .read(normalizers.distilled)
            .check("call.out")?;
        // SAFETY: the arrays live in JavaScript memory that JavaScript (this is its thread) cannot reach meanwhile, and no
        // other slice of this call does: that has just been checked.
        let (mut gradients, target_of_query, values) = unsafe {
            let gradients: Vec<_> = gradients.iter_mut().map(|array| array.as_mut()).collect();
            (gradients, target_of_query.as_mut(), values.as_mut())
        };
        with_scratch(|scratch| {
            compute_loss(plan, &batch, normalizers, &mut gradients, target_of_query, values, scratch)
        })
    };
    run().map_err(|failure| failure.into_js(&env))
}

/// The matching alone; arguments as for `compute`, with the loss and its terms 0.
#[napi(catch_unwind)]
pub fn match_targets(
    env: Env,
    plan: &External<NamedPlan>,
    mut target_of_query: Int32ArraySlice<'_>,
    mut values: Float64ArraySlice<'_>,
    fields: Vec<&[f32]>,
    labels: &[i32],
    label_offsets: Option<&[u32]>,
    offsets: &[u32],
    ignored: Option<&[u8]>,
    given: Option<&[i32]>,
    costs: Option<&[f32]>,
    extras: Option<BatchExtras<'_>>,
) -> napi::Result<()> {
    let mut run = || -> Result<()> {
        let batch = batch(plan, &fields, labels, label_offsets, offsets, ignored, given, costs, extras.as_ref())?;
        let mut arrays = Arrays::default();
        arrays.written([&*target_of_query]).written([&*values]);
        batch.add_to(&mut arrays).check("call.out")?;
        // SAFETY: as in `compute`.
        let (matches, values) = unsafe { (target_of_query.as_mut(), values.as_mut()) };
        let planes = batch.planes.fields();
        let mut matched = |scratch: &mut Scratch| plan.plan.match_targets(&batch.inputs(&planes)?, matches, scratch);
        write_report(&with_scratch(|scratch| named(plan, || matched(scratch)))?, values)
    };
    run().map_err(|failure| failure.into_js(&env))
}

/// The matching cost alone; arguments as for `compute`. `out`: for each layer of every part and each image a block
/// `[queries, targets of the image]`. Of `values`, only the counts are written.
#[napi(catch_unwind)]
pub fn cost_matrix(
    env: Env,
    plan: &External<NamedPlan>,
    mut out: Float32ArraySlice<'_>,
    mut values: Float64ArraySlice<'_>,
    fields: Vec<&[f32]>,
    labels: &[i32],
    label_offsets: Option<&[u32]>,
    offsets: &[u32],
    ignored: Option<&[u8]>,
    given: Option<&[i32]>,
    costs: Option<&[f32]>,
    extras: Option<BatchExtras<'_>>,
) -> napi::Result<()> {
    let mut run = || -> Result<()> {
        let batch = batch(plan, &fields, labels, label_offsets, offsets, ignored, given, costs, extras.as_ref())?;
        let mut arrays = Arrays::default();
        arrays.written([&*out]).written([&*values]);
        batch.add_to(&mut arrays).check("call.out")?;
        // SAFETY: as in `compute`.
        let (out, values) = unsafe { (out.as_mut(), values.as_mut()) };
        let planes = batch.planes.fields();
        let mut cost = |scratch: &mut Scratch| plan.plan.cost(&batch.inputs(&planes)?, out, scratch);
        write_counts(&with_scratch(|scratch| named(plan, || cost(scratch)))?, values)
    };
    run().map_err(|failure| failure.into_js(&env))
}

fn batch<'a>(
    plan: &NamedPlan,
    fields: &[&'a [f32]],
    labels: &'a [i32],
    label_offsets: Option<&'a [u32]>,
    offsets: &'a [u32],
    ignored: Option<&'a [u8]>,
    given: Option<&'a [i32]>,
    costs: Option<&'a [f32]>,
    extras: Option<&'a BatchExtras<'_>>,
) -> Result<Batch<'a>> {
    let extras = extras.map(BatchExtras::read).unwrap_or_default();
    Ok(Batch {
        fields: plan.fields(fields.iter().copied())?,
        labels,
        label_offsets,
        offsets,
        ignored: ignored.unwrap_or_default(),
        given: given.unwrap_or_default(),
        costs: costs.unwrap_or_default(),
        planes: plan.planes(extras.planes.iter().copied(), extras.plane_sizes)?,
        extras,
    })
}

fn with_scratch<T>(run: impl FnOnce(&mut Scratch) -> T) -> T {
    SCRATCH.with_borrow_mut(|scratch| {
        let result = run(scratch);
        scratch.give_back();
        result
    })
}
