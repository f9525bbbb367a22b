//! The loss off the event loop: from a copy of all that is read, in another thread, until done or interrupted.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hungarian_loss::{Normalizers, Scratch};
use lsap::Interrupt;
use lsap::memory::{KEPT, copy, held};
use napi::Task;
use napi::bindgen_prelude::{AsyncTask, Env, External, Float32Array, Float64Array, Int32Array};
use napi_derive::napi;

use crate::disjoint::Arrays;
use crate::error::Result;
use crate::loss::{Batch, BatchExtras, Extras, GivenNormalizers, compute_loss};
use crate::output::Publish;
use crate::plan::NamedPlan;
use crate::task::in_background;

/// A copy of what a call reads; the fields are the arguments of `compute`.
#[derive(Default)]
struct Snapshot {
    /// Those of the targets alone where the tensors were taken.
    fields: Vec<Vec<f32>>,
    labels: Vec<i32>,
    label_offsets: Option<Vec<u32>>,
    offsets: Vec<u32>,
    ignored: Vec<u8>,
    given: Vec<i32>,
    costs: Vec<f32>,
    planes: Vec<Vec<u8>>,
    plane_sizes: Vec<u32>,
    seed: u64,
    values: Vec<f32>,
    weights: Vec<f32>,
    columns: Vec<u8>,
    query_weights: Vec<f32>,
    num_boxes: Option<f64>,
    pairs: Option<Vec<f64>>,
    images: Option<f64>,
    union_boxes: Option<f64>,
    class: Option<Vec<f64>>,
    distilled: Option<Vec<f64>>,
}

/// Snapshots of calls that are over, none larger than [`KEPT`] bytes: writing to memory for the first time takes longer than
/// copying.
static SPARE: Mutex<Vec<Snapshot>> = Mutex::new(Vec::new());

/// So many at most: one is computed while the next is copied.
const SPARES: usize = 2;

/// One call.
pub struct LossTask {
    plan: NamedPlan,
    snapshot: Snapshot,
    /// The tensors, where JavaScript has given them away.
    taken: Vec<Float32Array>,
    gradients: Vec<Float32Array>,
    target_of_query: Int32Array,
    values: Float64Array,
    interrupt: Interrupt,
}

impl Snapshot {
    fn batch<'a>(&'a self, plan: &NamedPlan, taken: &'a [Float32Array]) -> Result<Batch<'a>> {
        let taken = taken.iter().map(|tensor| &**tensor);
        let fields: Vec<&[f32]> = taken.chain(self.fields.iter().map(|field| &**field)).collect();
        let planes: Vec<&[u8]> = self.planes.iter().map(|plane| &**plane).collect();
        Ok(Batch {
            fields: plan.fields(fields.into_iter())?,
            labels: &self.labels,
            label_offsets: self.label_offsets.as_deref(),
            offsets: &self.offsets,
            ignored: &self.ignored,
            given: &self.given,
            costs: &self.costs,
            planes: plan.planes(planes.iter().copied(), &self.plane_sizes)?,
            extras: Extras {
                values: &self.values,
                weights: &self.weights,
                columns: &self.columns,
                query_weights: &self.query_weights,
                planes,
                plane_sizes: &self.plane_sizes,
                seed: self.seed,
            },
        })
    }

    fn normalizers(&self) -> Normalizers<'_> {
        let Self { num_boxes, ref pairs, images, union_boxes, ref class, ref distilled, .. } = *self;
        Normalizers {
            targets: num_boxes,
            pairs: pairs.as_deref(),
            images,
            union_pairs: union_boxes,
            class: class.as_deref(),
            distilled: distilled.as_deref(),
        }
    }

    /// One whose memory is reused, if there is one.
    fn take() -> Self {
        spare().pop().unwrap_or_default()
    }

    /// Bytes of the memory that is reused.
    fn held(&self) -> usize {
        let Self { fields, labels, offsets, .. } = self;
        fields.iter().map(held).sum::<usize>() + held(labels) + held(offsets)
    }

    /// Keeps the memory that every call needs for later, if it is not too much.
    fn give_back(self) {
        let Self { fields, labels, offsets, .. } = self;
        let kept = Self { fields, labels, offsets, ..Self::default() };
        let mut spare = spare();
        if spare.len() < SPARES && kept.held() <= KEPT {
            spare.push(kept);
        }
    }
}

impl LossTask {
    fn run(&mut self, scratch: &mut Scratch) -> Result<()> {
        let Self { plan, snapshot, taken, gradients, target_of_query, values, .. } = self;
        // SAFETY: JavaScript hands these arrays to nobody before the call is over (`computeAsync` makes them itself), and
        // they do not overlap each other or what was given away: `compute_async` has checked that.
        let (mut gradients, target_of_query, values) = unsafe {
            let gradients: Vec<_> = gradients.iter_mut().map(|array| array.as_mut()).collect();
            (gradients, target_of_query.as_mut(), values.as_mut())
        };
        let batch = snapshot.batch(plan, taken)?;
        compute_loss(plan, &batch, snapshot.normalizers(), &mut gradients, target_of_query, values, scratch)
    }
}

impl Task for LossTask {
    type Output = Result<()>;
    type JsValue = ();

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let interrupt = self.interrupt.clone();
        let computed = in_background(&interrupt, |scratch: &mut Scratch| self.run(scratch));
        std::mem::take(&mut self.snapshot).give_back();
        computed
    }

    fn resolve(&mut self, env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
        self.gradients.iter_mut().for_each(|array| array.publish(&env));
        self.target_of_query.publish(&env);
        self.values.publish(&env);
        output.map_err(|failure| failure.into_js(&env))
    }
}

/// As `compute`, in another thread: inputs are copied before this returns, but for the tensors if
/// `isTaken`, which nobody else may have then; the output arrays must stay untouched until the promise is settled.
#[napi(catch_unwind, ts_return_type = "Promise<void>")]
pub fn compute_async(
    env: Env,
    plan: &External<NamedPlan>,
    is_taken: bool,
    interrupt: &External<Interrupt>,
    normalizers: Option<GivenNormalizers<'_>>,
    gradients: Vec<Float32Array>,
    target_of_query: Int32Array,
    values: Float64Array,
    mut fields: Vec<Float32Array>,
    labels: &[i32],
    label_offsets: Option<&[u32]>,
    offsets: &[u32],
    ignored: Option<&[u8]>,
    given: Option<&[i32]>,
    costs: Option<&[f32]>,
    extras: Option<BatchExtras<'_>>,
) -> napi::Result<AsyncTask<LossTask>> {
    let Normalizers { targets, pairs, images, union_pairs, class, distilled } =
        normalizers.as_ref().map(GivenNormalizers::read).unwrap_or_default();
    let mut take_snapshot = || -> Result<Snapshot> {
        let mut arrays = Arrays::default();
        arrays.written(gradients.iter().map(|array| &**array)).written([&*target_of_query]).written([&*values]);
        arrays.read(fields.iter().map(|array| &**array)).check("call.out")?;
        let mut snapshot = Snapshot { num_boxes: targets, images, union_boxes: union_pairs, ..Snapshot::take() };
        let tensors = plan.fields(fields.iter().map(|array| &**array))?.tensors().len();
        let first = if is_taken { tensors } else { 0 };
        snapshot.fields.resize_with(fields.len() - first, Vec::new);
        for (place, its_copy) in (first..).zip(&mut snapshot.fields) {
            copy(if place < tensors { "outputs" } else { "targets" }, &fields[place], its_copy)?;
        }
        copy("targets", labels, &mut snapshot.labels)?;
        snapshot.label_offsets = copy_if_any("targets", label_offsets)?;
        copy("targets", offsets, &mut snapshot.offsets)?;
        copy("targets", ignored.unwrap_or_default(), &mut snapshot.ignored)?;
        copy("outputs", given.unwrap_or_default(), &mut snapshot.given)?;
        copy("outputs", costs.unwrap_or_default(), &mut snapshot.costs)?;
        let extras = extras.as_ref().map(BatchExtras::read).unwrap_or_default();
        snapshot.planes.resize_with(extras.planes.len(), Vec::new);
        for (plane, its_copy) in extras.planes.iter().zip(&mut snapshot.planes) {
            copy("targets", plane, its_copy)?;
        }
        copy("targets", extras.plane_sizes, &mut snapshot.plane_sizes)?;
        snapshot.seed = extras.seed;
        copy("targets", extras.values, &mut snapshot.values)?;
        copy("targets", extras.weights, &mut snapshot.weights)?;
        copy("targets", extras.columns, &mut snapshot.columns)?;
        copy("outputs", extras.query_weights, &mut snapshot.query_weights)?;
        snapshot.pairs = copy_if_any("call", pairs)?;
        snapshot.class = copy_if_any("call", class)?;
        snapshot.distilled = copy_if_any("call", distilled)?;
        fields.truncate(if is_taken { tensors } else { 0 });
        Ok(snapshot)
    };
    let snapshot = take_snapshot().map_err(|failure| failure.into_js(&env))?;
    let plan = NamedPlan::clone(plan);
    let interrupt = Interrupt::clone(interrupt);
    Ok(AsyncTask::new(LossTask { plan, snapshot, taken: fields, gradients, target_of_query, values, interrupt }))
}

fn copy_if_any<T: Copy>(argument: &'static str, values: Option<&[T]>) -> Result<Option<Vec<T>>> {
    let Some(values) = values else { return Ok(None) };
    let mut its_copy = Vec::new();
    copy(argument, values, &mut its_copy)?;
    Ok(Some(its_copy))
}

fn spare() -> MutexGuard<'static, Vec<Snapshot>> {
    SPARE.lock().unwrap_or_else(PoisonError::into_inner)
}
