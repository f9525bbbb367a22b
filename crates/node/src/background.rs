//! The loss off the event loop: from a copy of all that is read, in another thread, until done or interrupted.

use std::ops::Deref;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hungarian_loss::{Criterion, Normalizers, Scratch};
use lsap::Interrupt;
use lsap::memory::{KEPT, copy, held};
use napi::Task;
use napi::bindgen_prelude::{AsyncTask, Env, External, Float32Array, Float64Array, Int32Array};
use napi_derive::napi;

use crate::error::Result;
use crate::parts::{RuleSlices, Rules};
use crate::task::in_background;
use crate::{GivenNormalizers, Inputs, Outputs, compute_loss, read_targets};

/// A copy of what a call reads; the fields are the arguments of [`compute`](crate::compute).
#[derive(Default)]
struct Snapshot {
    images: u32,
    tensors: Vec<Vec<f32>>,
    parts: Vec<f64>,
    rules: Option<OwnRules>,
    labels: Vec<i32>,
    label_offsets: Option<Vec<u32>>,
    target_boxes: Vec<f32>,
    offsets: Vec<u32>,
    ignores: Option<Vec<u8>>,
    num_boxes: Option<f64>,
    union_boxes: Option<f64>,
    class_weight: Option<Vec<f64>>,
    distilled: Option<Vec<f64>>,
}

#[derive(Default)]
struct OwnRules {
    rules: Vec<i32>,
    given: Vec<i32>,
    added: Vec<f32>,
}

/// Snapshots of calls that are over, none larger than [`KEPT`] bytes: writing to memory for the first time takes longer than
/// copying.
static SPARE: Mutex<Vec<Snapshot>> = Mutex::new(Vec::new());

/// So many at most: one is computed while the next is copied.
const SPARES: usize = 2;

/// One call.
pub struct LossTask {
    criterion: Criterion,
    snapshot: Snapshot,
    /// In place of the snapshot's tensors, where JavaScript has given them away.
    taken: Option<Vec<Float32Array>>,
    gradients: Vec<Float32Array>,
    target_of_query: Int32Array,
    values: Float64Array,
    interrupt: Interrupt,
}

impl Snapshot {
    fn inputs<'a, A: Deref<Target = [f32]>>(&'a self, tensors: &'a [A]) -> Result<Inputs<'a>> {
        Inputs::new(
            self.images,
            tensors,
            &self.parts,
            self.rules.as_ref().map(|OwnRules { rules, given, added }| RuleSlices { rules, given, added }),
            read_targets(
                &self.labels,
                self.label_offsets.as_deref(),
                &self.target_boxes,
                &self.offsets,
                self.ignores.as_deref(),
            )?,
        )
    }

    fn normalizers(&self) -> Normalizers<'_> {
        let Self { num_boxes, union_boxes, ref class_weight, ref distilled, .. } = *self;
        Normalizers { num_boxes, union_boxes, class_weight: class_weight.as_deref(), distilled: distilled.as_deref() }
    }

    /// One whose memory is reused, if there is one.
    fn take() -> Self {
        spare().pop().unwrap_or_default()
    }

    /// Bytes of the memory that is reused.
    fn held(&self) -> usize {
        let Self { tensors, parts, labels, target_boxes, offsets, .. } = self;
        let tensors = tensors.iter().map(held).sum::<usize>();
        tensors + held(parts) + held(labels) + held(target_boxes) + held(offsets)
    }

    /// Keeps the memory that every call needs for later, if it is not too much.
    fn give_back(self) {
        let Self { tensors, parts, labels, target_boxes, offsets, .. } = self;
        let kept = Self { tensors, parts, labels, target_boxes, offsets, ..Self::default() };
        let mut spare = spare();
        if spare.len() < SPARES && kept.held() <= KEPT {
            spare.push(kept);
        }
    }
}

impl OwnRules {
    fn copy(rules: &Rules<'_>) -> Result<Self> {
        let RuleSlices { rules, given, added } = rules.slices();
        let mut own = Self::default();
        copy("outputs", rules, &mut own.rules)?;
        copy("outputs", given, &mut own.given)?;
        copy("outputs", added, &mut own.added)?;
        Ok(own)
    }
}

impl LossTask {
    fn run(&mut self, scratch: &mut Scratch) -> Result<()> {
        let Self { criterion, snapshot, taken, gradients, target_of_query, values, .. } = self;
        // SAFETY: JavaScript hands these arrays to nobody before the call is over (`computeAsync` of `src/criterion.ts`
        // makes them itself), and they do not overlap.
        let outputs = unsafe {
            let gradients = gradients.iter_mut().map(|array| array.as_mut());
            Outputs::new(&snapshot.parts, gradients, target_of_query.as_mut(), values.as_mut())?
        };
        let inputs = match taken {
            None => snapshot.inputs(&snapshot.tensors)?,
            Some(tensors) => snapshot.inputs(tensors)?,
        };
        compute_loss(criterion, &inputs, snapshot.normalizers(), outputs, scratch)
    }
}

impl Task for LossTask {
    type Output = Result<()>;
    type JsValue = ();

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let interrupt = self.interrupt.clone();
        let computed = in_background(&interrupt, |scratch| self.run(scratch));
        std::mem::take(&mut self.snapshot).give_back();
        computed
    }

    fn resolve(&mut self, env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
        output.map_err(|failure| failure.into_js(&env))
    }
}

/// As [`compute`](crate::compute), in another thread: inputs are copied before this returns, but for the tensors of the
/// layers if `isTaken`, which nobody else may have then; the output arrays must stay untouched until the promise is settled.
#[napi(catch_unwind, ts_return_type = "Promise<void>")]
pub fn compute_async(
    env: Env,
    criterion: &External<Criterion>,
    is_taken: bool,
    interrupt: &External<Interrupt>,
    normalizers: Option<GivenNormalizers<'_>>,
    gradients: Vec<Float32Array>,
    target_of_query: Int32Array,
    values: Float64Array,
    images: u32,
    tensors: Vec<Float32Array>,
    parts: &[f64],
    rules: Option<Rules<'_>>,
    labels: &[i32],
    label_offsets: Option<&[u32]>,
    target_boxes: &[f32],
    offsets: &[u32],
    ignores: Option<&[u8]>,
) -> napi::Result<AsyncTask<LossTask>> {
    let Normalizers { num_boxes, union_boxes, class_weight, distilled } =
        normalizers.as_ref().map(GivenNormalizers::read).unwrap_or_default();
    let take_snapshot = || -> Result<Snapshot> {
        let mut snapshot = Snapshot { images, num_boxes, union_boxes, ..Snapshot::take() };
        if !is_taken {
            copy_all(&tensors, &mut snapshot.tensors)?;
        }
        copy("outputs", parts, &mut snapshot.parts)?;
        snapshot.rules = rules.as_ref().map(OwnRules::copy).transpose()?;
        copy("targets", labels, &mut snapshot.labels)?;
        snapshot.label_offsets = copy_if_any("targets", label_offsets)?;
        copy("targets", target_boxes, &mut snapshot.target_boxes)?;
        copy("targets", offsets, &mut snapshot.offsets)?;
        snapshot.ignores = copy_if_any("targets", ignores)?;
        snapshot.class_weight = copy_if_any("call", class_weight)?;
        snapshot.distilled = copy_if_any("call", distilled)?;
        Ok(snapshot)
    };
    let snapshot = take_snapshot().map_err(|failure| failure.into_js(&env))?;
    let criterion = Criterion::clone(criterion);
    let interrupt = Interrupt::clone(interrupt);
    let taken = Some(tensors).filter(|_| is_taken);
    Ok(AsyncTask::new(LossTask { criterion, snapshot, taken, gradients, target_of_query, values, interrupt }))
}

fn copy_all(arrays: &[Float32Array], copies: &mut Vec<Vec<f32>>) -> Result<()> {
    copies.resize_with(arrays.len(), Vec::new);
    for (array, its_copy) in arrays.iter().zip(copies) {
        copy("outputs", array, its_copy)?;
    }
    Ok(())
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
