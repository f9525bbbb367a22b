//! Memory that the stages reuse from image to image and from call to call.

use lsap::memory::{GiveBack, KEPT, held};
use lsap::{Interrupt, Interruptible, Solver};

use crate::batch::ImageTargets;
use crate::cost::boxes::Columns;
use crate::loss::distribution::{EdgeTarget, Tiles};
use crate::loss::sigmoid::Cell;
use crate::loss::softmax::{Job, Matched};

/// Buffers of one thread. Holds nothing between calls but its capacity.
#[derive(Debug, Default)]
pub struct Scratch {
    /// What stops the call, in [`lsap::Threads::in_background`].
    pub(crate) interrupt: Option<Interrupt>,
    pub(crate) labels: Labels,
    pub(crate) columns: Columns,
    /// Class costs, or what they are made of: `[rows of labels, padded queries]`.
    pub(crate) class_rows: Vec<f32>,
    /// `[targets, padded queries]`.
    pub(crate) block: Vec<f32>,
    /// The rows and columns of the block that one group of queries is matched by, where they are not all of it.
    pub(crate) grouped: Vec<f32>,
    /// `[queries, padded targets]`, where targets outnumber queries.
    pub(crate) transposed: Vec<f32>,
    /// -log p of no-object for each query, padded.
    pub(crate) nll: Vec<f64>,
    /// Sum of the background losses of sigmoid classification.
    pub(crate) background: f64,
    /// Sixteen rows of logits, where no gradient is wanted.
    pub(crate) tile: Vec<f32>,
    pub(crate) solver: Solver,
    /// Matched (query, target) pairs in query order.
    pub(crate) pairs: Vec<(usize, usize)>,
    pub(crate) jobs: Vec<Job>,
    pub(crate) matched: Vec<Matched>,
    /// Labelled logits of sigmoid classification.
    pub(crate) cells: Vec<Cell>,
    /// IoU of each pair.
    pub(crate) ious: Vec<f64>,
    pub(crate) clean: Clean,
    /// What each query of a step is to the terms of edges' distributions, as a matching.
    pub(crate) roles: Vec<i32>,
    /// The pairs of an image with the boxes that their edges' distances are measured by.
    pub(crate) edges: Vec<EdgeTarget>,
    /// Queries of an image that are taught, with the weights of their edges.
    pub(crate) taught: Vec<(usize, f64)>,
    /// Teachers' class scores.
    pub(crate) scores: Vec<f32>,
    /// Sixteen edges each.
    pub(crate) tiles: Tiles,
    /// Queries that have no part in the loss, ascending.
    pub(crate) left_out: Vec<usize>,
}

impl GiveBack for Scratch {
    fn give_back(&mut self) {
        let Self { labels, columns, class_rows, block, grouped, transposed, nll, clean, roles, tile, cells, .. } =
            &*self;
        let rows = [class_rows, block, grouped, transposed, &clean.logits, &clean.boxes, tile].map(held);
        let others = [labels.held(), columns.held(), held(nll), held(roles), held(cells)];
        let bytes = rows.iter().chain(&others).sum::<usize>();
        // what the solver has grows with the sides of the block, and the rest with the queries
        if bytes > KEPT {
            *self = Self { interrupt: self.interrupt.take(), ..Self::default() };
        }
    }
}

impl Interruptible for Scratch {
    fn set_interrupt(&mut self, interrupt: Option<Interrupt>) {
        self.interrupt = interrupt;
    }
}

/// The distinct labels of one image's targets, and the distinct rows of class costs that follow.
#[derive(Debug, Default)]
pub(crate) struct Labels {
    /// Each label once, in order of first use.
    pub distinct: Vec<usize>,
    /// Which row each target has: that of its label in `distinct`, or where it has several, one of its own after those.
    pub row_of_target: Vec<usize>,
    /// Places in `distinct` of the labels of the targets that have several, one target after the other.
    members: Vec<usize>,
    /// Where in `members` each of those ends.
    ends: Vec<usize>,
    /// Index of a label in `distinct`, or `NONE`; all `NONE` between calls.
    slots: Vec<u32>,
}

impl Labels {
    const NONE: u32 = u32::MAX;

    pub fn set(&mut self, targets: &ImageTargets<'_>, classes: usize) {
        self.distinct.clear();
        self.row_of_target.clear();
        self.members.clear();
        self.ends.clear();
        if self.slots.len() < classes {
            self.slots.resize(classes, Self::NONE);
        }
        for target in 0..targets.len() {
            match targets.labels(target) {
                &[label] => {
                    let row = self.slot(label);
                    self.row_of_target.push(row);
                }
                labels => {
                    for &label in labels {
                        let slot = self.slot(label);
                        self.members.push(slot);
                    }
                    self.row_of_target.push(usize::MAX);
                    self.ends.push(self.members.len());
                }
            }
        }
        let own_rows = self.row_of_target.iter_mut().filter(|row| **row == usize::MAX);
        for (k, row) in own_rows.enumerate() {
            *row = self.distinct.len() + k;
        }
        for &label in &self.distinct {
            self.slots[label] = Self::NONE;
        }
    }

    /// Bytes of its memory.
    fn held(&self) -> usize {
        let Self { distinct, row_of_target, members, ends, slots } = self;
        [distinct, row_of_target, members, ends].map(held).iter().sum::<usize>() + held(slots)
    }

    /// Rows of class costs.
    pub fn rows(&self) -> usize {
        self.distinct.len() + self.ends.len()
    }

    /// The labels, as places in `distinct`, of each target that has several.
    pub fn sets(&self) -> impl Iterator<Item = &[usize]> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts.zip(&self.ends).map(|(&start, &end)| &self.members[start..end])
    }

    fn slot(&mut self, label: i32) -> usize {
        let label = label as usize;
        if self.slots[label] == Self::NONE {
            self.slots[label] = self.distinct.len() as u32;
            self.distinct.push(label);
        }
        self.slots[label] as usize
    }
}

/// A copy of an image's predictions without the queries that hold non-finite values, and with sides below 0 clamped.
#[derive(Debug, Default)]
pub(crate) struct Clean {
    /// Whether the copy stands in for the image.
    pub in_use: bool,
    pub logits: Vec<f32>,
    pub boxes: Vec<f32>,
    /// Queries that are left out.
    pub left_out: Vec<usize>,
}
