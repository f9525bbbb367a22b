//! The loss off the event loop: from a copy of all that is read, in another thread, until done or interrupted.

use std::ops::Deref;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hungarian_loss::{Criterion, Interrupt, Scratch};
use napi::Task;
use napi::bindgen_prelude::{AsyncTask, Env, External, Float32Array, Float64Array, Int32Array};
use napi_derive::napi;

use crate::error::Result;
use crate::task::in_background;
use crate::{Inputs, Outputs, compute_loss, gradients, normalizers, read_targets};

/// A copy of what a call reads; the fields are the arguments of [`compute`](crate::compute).
#[derive(Default)]
struct Snapshot {
    images: u32,
    layers: Vec<u32>,
    /// Logits, boxes, corners and references.
    tensors: [Vec<Vec<f32>>; 4],
    parts: Vec<f64>,
    rules: Vec<i32>,
    given: Vec<i32>,
    added: Vec<f32>,
    labels: Vec<i32>,
    label_offsets: Vec<u32>,
    target_boxes: Vec<f32>,
    offsets: Vec<u32>,
    ignores: Vec<u8>,
    num_boxes: f64,
    union_boxes: f64,
    class_weight: Vec<f64>,
}

/// Snapshots of calls that are over: writing to memory for the first time takes longer than copying.
static SPARE: Mutex<Vec<Snapshot>> = Mutex::new(Vec::new());

/// So many at most: one is computed while the next is copied.
const KEPT: usize = 2;

/// The tensors of the layers: logits, boxes, corners and references.
type Tensors = [Vec<Float32Array>; 4];

/// One call.
pub struct LossTask {
    criterion: Criterion,
    snapshot: Snapshot,
    /// In place of the snapshot's, where JavaScript has given them away.
    taken: Option<Tensors>,
    grad_logits: Vec<Float32Array>,
    grad_boxes: Vec<Float32Array>,
    grad_corners: Vec<Float32Array>,
    target_of_query: Int32Array,
    values: Float64Array,
    interrupt: Interrupt,
}

impl Snapshot {
    fn inputs<'a>(&'a self, taken: Option<&'a Tensors>) -> Result<Inputs<'a>> {
        let [logits, boxes, corners, references] = &self.tensors;
        match taken {
            None => self.inputs_of([logits, boxes, corners, references]),
            Some([logits, boxes, corners, references]) => self.inputs_of([logits, boxes, corners, references]),
        }
    }

    fn inputs_of<'a, A: Deref<Target = [f32]>>(
        &'a self,
        [logits, boxes, corners, references]: [&'a [A]; 4],
    ) -> Result<Inputs<'a>> {
        Inputs::new(
            self.images,
            (&self.layers, logits, boxes),
            [corners, references],
            (&self.parts, &self.rules, &self.given, &self.added),
            read_targets(&self.labels, &self.label_offsets, &self.target_boxes, &self.offsets, &self.ignores)?,
        )
    }

    /// One whose memory is reused, if there is one.
    fn take() -> Self {
        spare().pop().unwrap_or_default()
    }

    /// Keeps the memory for later.
    fn give_back(self) {
        let mut spare = spare();
        if spare.len() < KEPT {
            spare.push(self);
        }
    }
}

impl LossTask {
    fn run(&mut self, scratch: &mut Scratch) -> Result<()> {
        let Self { criterion, snapshot, taken, grad_logits, grad_boxes, grad_corners, target_of_query, values, .. } =
            self;
        // SAFETY: JavaScript hands these arrays to nobody before the call is over (`computeAsync` of `src/criterion.ts`
        // makes them itself), and they do not overlap.
        let outputs = unsafe {
            let grad_logits = grad_logits.iter_mut().map(|array| array.as_mut());
            let grad_boxes = grad_boxes.iter_mut().map(|array| array.as_mut());
            let grad_corners = grad_corners.iter_mut().map(|array| array.as_mut());
            Outputs {
                gradients: gradients(&snapshot.layers, grad_logits, grad_boxes, grad_corners),
                target_of_query: target_of_query.as_mut(),
                values: values.as_mut(),
            }
        };
        let normalizers = normalizers(snapshot.num_boxes, snapshot.union_boxes, &snapshot.class_weight);
        compute_loss(criterion, &snapshot.inputs(taken.as_ref())?, normalizers, outputs, scratch)
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
    criterion: &External<Criterion>,
    is_taken: bool,
    images: u32,
    layers: &[u32],
    logits: Vec<Float32Array>,
    boxes: Vec<Float32Array>,
    corners: Vec<Float32Array>,
    references: Vec<Float32Array>,
    parts: &[f64],
    rules: &[i32],
    given: &[i32],
    added: &[f32],
    labels: &[i32],
    label_offsets: &[u32],
    target_boxes: &[f32],
    offsets: &[u32],
    ignores: &[u8],
    num_boxes: f64,
    union_boxes: f64,
    class_weight: &[f64],
    grad_logits: Vec<Float32Array>,
    grad_boxes: Vec<Float32Array>,
    grad_corners: Vec<Float32Array>,
    target_of_query: Int32Array,
    values: Float64Array,
    interrupt: &External<Interrupt>,
) -> AsyncTask<LossTask> {
    let mut snapshot = Snapshot { images, num_boxes, union_boxes, ..Snapshot::take() };
    layers.clone_into(&mut snapshot.layers);
    let tensors = [logits, boxes, corners, references];
    if !is_taken {
        tensors.iter().zip(&mut snapshot.tensors).for_each(|(arrays, copies)| copy_all(arrays, copies));
    }
    parts.clone_into(&mut snapshot.parts);
    rules.clone_into(&mut snapshot.rules);
    given.clone_into(&mut snapshot.given);
    added.clone_into(&mut snapshot.added);
    labels.clone_into(&mut snapshot.labels);
    label_offsets.clone_into(&mut snapshot.label_offsets);
    target_boxes.clone_into(&mut snapshot.target_boxes);
    offsets.clone_into(&mut snapshot.offsets);
    ignores.clone_into(&mut snapshot.ignores);
    class_weight.clone_into(&mut snapshot.class_weight);
    let criterion = Criterion::clone(criterion);
    let interrupt = Interrupt::clone(interrupt);
    AsyncTask::new(LossTask {
        criterion,
        snapshot,
        taken: Some(tensors).filter(|_| is_taken),
        grad_logits,
        grad_boxes,
        grad_corners,
        target_of_query,
        values,
        interrupt,
    })
}

fn copy_all(arrays: &[Float32Array], copies: &mut Vec<Vec<f32>>) {
    copies.resize_with(arrays.len(), Vec::new);
    for (array, copy) in arrays.iter().zip(copies) {
        array[..].clone_into(copy);
    }
}

fn spare() -> MutexGuard<'static, Vec<Snapshot>> {
    SPARE.lock().unwrap_or_else(PoisonError::into_inner)
}
