//! Memory that the stages reuse from image to image and from call to call.

use crate::assign::dense::Solver;
use crate::cost::boxes::Columns;
use crate::loss::softmax::{Job, Matched};

/// Buffers of one worker. Holds nothing between calls but its capacity.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(crate) labels: Labels,
    pub(crate) columns: Columns,
    /// `[distinct labels, padded queries]`.
    pub(crate) probabilities: Vec<f32>,
    /// `[targets, padded queries]`.
    pub(crate) block: Vec<f32>,
    /// The rows and columns of the block that one group of queries is matched by, where they are not all of it.
    pub(crate) grouped: Vec<f32>,
    /// `[queries, padded targets]`, where targets outnumber queries.
    pub(crate) transposed: Vec<f32>,
    /// -log p of no-object for each query, padded.
    pub(crate) nll: Vec<f64>,
    /// Sixteen rows of logits, where no gradient is wanted.
    pub(crate) tile: Vec<f32>,
    pub(crate) solver: Solver,
    /// Matched (query, target) pairs in query order.
    pub(crate) pairs: Vec<(usize, usize)>,
    pub(crate) jobs: Vec<Job>,
    pub(crate) matched: Vec<Matched>,
    pub(crate) clean: Clean,
    /// Queries that have no part in the loss, ascending.
    pub(crate) left_out: Vec<usize>,
}

/// The distinct labels of one image's targets.
#[derive(Debug, Default)]
pub(crate) struct Labels {
    /// Each label once, in order of first use.
    pub distinct: Vec<usize>,
    /// Which of them each target has.
    pub index: Vec<usize>,
    /// Index of a label in `distinct`, or `NONE`; all `NONE` between calls.
    slots: Vec<u32>,
}

impl Labels {
    const NONE: u32 = u32::MAX;

    pub fn set(&mut self, labels: &[i32], classes: usize) {
        self.distinct.clear();
        self.index.clear();
        if self.slots.len() < classes {
            self.slots.resize(classes, Self::NONE);
        }
        for &label in labels {
            let label = label as usize;
            if self.slots[label] == Self::NONE {
                self.slots[label] = self.distinct.len() as u32;
                self.distinct.push(label);
            }
            self.index.push(self.slots[label] as usize);
        }
        for &label in &self.distinct {
            self.slots[label] = Self::NONE;
        }
    }
}

/// A copy of an image's predictions without the queries that hold non-finite values.
#[derive(Debug, Default)]
pub(crate) struct Clean {
    pub logits: Vec<f32>,
    pub boxes: Vec<f32>,
    /// Queries that are left out.
    pub left_out: Vec<usize>,
}

/// Makes room for at least `len` values, whatever they are.
pub(crate) fn reserve<T: Clone + Default>(buffer: &mut Vec<T>, len: usize) -> &mut [T] {
    if buffer.len() < len {
        buffer.resize(len, T::default());
    }
    &mut buffer[..len]
}
