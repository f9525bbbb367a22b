//! Memory that is reused from class to class and from call to call.

use lsap::memory::{GiveBack, KEPT, first_rows, held, reserve};
use lsap::{Interrupt, Interruptible};

use crate::curve::Progress;
use crate::error::Result;
use crate::matching::Reached;
use crate::overlap::{Candidate, Columns, ROOM};

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

    /// Makes room for a class of so many detections and targets, and forgets the one before.
    ///
    /// # Errors
    /// [`crate::Error::Memory`].
    pub(crate) fn prepare(&mut self, sizes: &ClassSizes) -> Result<()> {
        let ClassSizes { detections, targets, images, areas, thresholds, maxima } = *sizes;
        let Self { sorted, columns, ignored, taken, candidates, reached, found, .. } = self;
        sorted.clear();
        reserve("detections", sorted, detections as u128)?;
        first_rows("detections", &mut self.images, [images, 1])?;
        columns.prepare(targets)?;
        ignored.clear();
        reserve("targets", ignored, targets as u128)?;
        taken.clear();
        reserve("targets", taken, targets as u128 * areas as u128)?;
        first_rows("targets", &mut self.ious, [targets + ROOM, 1])?;
        candidates.clear();
        reserve("targets", candidates, targets as u128)?;
        reached.clear();
        reserve("targets", reached, targets as u128)?;
        found.clear();
        let rows = areas as u128 * thresholds as u128 * maxima as u128;
        reserve("options", found, rows)?;
        found.resize(rows as usize, 0);
        Ok(())
    }
}

/// How much a class has.
pub(crate) struct ClassSizes {
    pub detections: usize,
    pub targets: usize,
    pub images: usize,
    pub areas: usize,
    pub thresholds: usize,
    pub maxima: usize,
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
