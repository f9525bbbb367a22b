//! Memory that is reused from class to class and from call to call.

use lsap::memory::{GiveBack, KEPT, held};
use lsap::{Interrupt, Interruptible};

use crate::curve::Progress;
use crate::matching::Reached;
use crate::overlap::{Candidate, Columns};

/// Buffers of one thread. Holds nothing between calls but its capacity.
#[derive(Debug, Default)]
pub struct Scratch {
    /// What stops the call.
    pub(crate) interrupt: Option<Interrupt>,
    /// The detections of the class in the order of their scores: what they are sorted by, and their number in the class.
    pub(crate) sorted: Vec<(u64, u32)>,
    /// What is known of each image.
    pub(crate) images: Vec<ImageState>,
    pub(crate) columns: Columns,
    /// For each target of the class, in which ranges of areas it is ignored.
    pub(crate) ignored: Vec<u64>,
    /// `[areas, targets]`: at which thresholds each target of the class is taken.
    pub(crate) taken: Vec<u64>,
    pub(crate) ious: Vec<f64>,
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) reached: Vec<Reached>,
    /// `[areas, recall thresholds]`, see [`crate::curve::places`].
    pub(crate) places: Vec<u32>,
    pub(crate) area_places: Vec<u32>,
    /// `[areas, IoU thresholds]`.
    pub(crate) progress: Vec<Progress>,
    /// `[areas, IoU thresholds, maxima]`: right ones that count with this maximum and with no smaller one.
    pub(crate) found: Vec<u32>,
    /// `[areas]`: detections that do not count at any threshold.
    pub(crate) uncounted: Vec<u32>,
}

/// What is known of an image while a class is evaluated.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ImageState {
    /// Its targets among those of the class.
    pub from: u32,
    pub to: u32,
    /// Its detections so far.
    pub rank: u32,
}

impl Scratch {
    /// Whether the call is to end.
    pub(crate) fn is_stopped(&self) -> bool {
        self.interrupt.as_ref().is_some_and(Interrupt::is_raised)
    }

    /// Bytes for a class of so many detections and targets.
    pub(crate) fn needs(detections: usize, targets: usize, images: usize, areas: usize) -> u128 {
        let per_target = 6 * size_of::<f64>() + (2 + areas) * size_of::<u64>();
        let per_candidate = size_of::<Candidate>() + size_of::<Reached>();
        let bytes = |count: usize, each: usize| count as u128 * each as u128;
        bytes(detections, size_of::<(u64, u32)>())
            + bytes(targets + 8, per_target + per_candidate)
            + bytes(images, size_of::<ImageState>())
    }
}

impl GiveBack for Scratch {
    fn give_back(&mut self) {
        let Self { sorted, images, columns, ignored, taken, ious, candidates, reached, .. } = &*self;
        let of_targets = columns.held() + held(ignored) + held(taken) + held(ious) + held(candidates) + held(reached);
        if held(sorted) + held(images) + of_targets > KEPT {
            *self = Self { interrupt: self.interrupt.take(), ..Self::default() };
        }
    }
}

impl Interruptible for Scratch {
    fn set_interrupt(&mut self, interrupt: Option<Interrupt>) {
        self.interrupt = interrupt;
    }
}
