//! What targets have of masks, as the terms see them: their planes on the canvas, and the pixels that are left out.

use lsap::Share;
use simd::Level;

use super::canvas::{Size, nearest, pad};
use super::grid::{Outside, Reading, Taps};
use super::samples::Labels;
use crate::field::FieldRows;
use crate::raster::{ImageRasters, Raster};

/// The places of the fields of targets within the family.
pub(super) const PLANES: usize = 0;
pub(super) const HAS_MASK: usize = 1;
const VOID: usize = 2;

/// The targets of an image, or some of them.
#[derive(Clone, Copy)]
pub(super) struct Targets<'a> {
    rasters: ImageRasters<'a>,
    rows: FieldRows<'a>,
    first: usize,
    /// The canvas of the batch.
    pub canvas: Size,
}

/// Memory for samples of targets. Holds nothing between pairs and images but its capacity.
#[derive(Debug, Default)]
pub(super) struct LabelMemory {
    pub hard: Vec<u8>,
    pub soft: Vec<f32>,
    kept: Vec<u8>,
    pub taps: Taps,
}

impl LabelMemory {
    /// Its bytes.
    pub fn held(&self) -> usize {
        self.hard.capacity() + 4 * self.soft.capacity() + self.kept.capacity() + self.taps.held()
    }
}

fn size_of(raster: &Raster<'_>) -> Size {
    Size::new(raster.height, raster.width)
}

impl<'a> Targets<'a> {
    /// Those of some rows, if there are any planes. `first`: the place of the family's first field.
    pub fn new(rows: FieldRows<'a>, first: usize) -> Option<Self> {
        let rasters = rows.rasters()?;
        let [height, width] = rasters.canvas(first + PLANES);
        Some(Self { rasters, rows, first, canvas: Size::new(height, width) })
    }

    fn mask(&self, target: usize) -> Raster<'a> {
        self.rasters.of_target(self.first + PLANES, target)
    }

    fn void(&self) -> Option<Raster<'a>> {
        self.rasters.of_image(self.first + VOID)
    }

    /// Reads the pixels of some targets that are nearest to those of a prediction.
    pub fn read_nearest(&self, share: &Share, targets: &[usize], to: Size, memory: &mut LabelMemory) {
        memory.hard.resize(targets.len() * to.area(), 0);
        let read = |target: usize, out: &mut [u8]| {
            let mask = self.mask(target);
            nearest(mask.values, size_of(&mask), self.canvas, to, out);
        };
        each(share, targets, to.area(), &mut memory.hard, read);
    }

    /// Which pixels of a prediction are kept, if any may be left out.
    pub fn kept_nearest<'b>(&self, to: Size, LabelMemory { kept, .. }: &'b mut LabelMemory) -> Option<&'b [u8]> {
        let void = self.void()?;
        kept.resize(to.area(), 0);
        nearest(void.values, size_of(&void), self.canvas, to, kept);
        invert(kept);
        Some(kept)
    }

    /// A target on the whole canvas, and which of its pixels are kept.
    pub fn on_canvas<'b>(
        &self,
        target: usize,
        LabelMemory { hard, kept, .. }: &'b mut LabelMemory,
    ) -> (Labels<'b>, Option<&'b [u8]>)
    where
        'a: 'b,
    {
        let kept = self.void().map(|void| {
            kept.resize(self.canvas.area(), 0);
            pad(void.values, size_of(&void), self.canvas, kept);
            invert(kept);
            &**kept
        });
        let mask = self.mask(target);
        if size_of(&mask) == self.canvas {
            return (Labels::Hard(mask.values), kept);
        }
        hard.resize(self.canvas.area(), 0);
        pad(mask.values, size_of(&mask), self.canvas, hard);
        (Labels::Hard(hard), kept)
    }

    /// Lays out points for all targets of the image, and says which are kept, if any may be left out.
    pub fn lay_out(&self, level: Level, points: &[f32], reading: Reading, memory: &mut LabelMemory) -> bool {
        let LabelMemory { kept, taps, .. } = memory;
        let void = self.void();
        if let Some(void) = &void {
            kept.resize(points.len() / 2, 0);
            taps.lay_out(level, points, size_of(void), self.canvas, Reading::Nearest(Outside::Border));
            taps.gather_hard(level, void.values, kept);
            invert(kept);
        }
        let size = if self.rows.count > 0 { size_of(&self.mask(0)) } else { self.canvas };
        taps.lay_out(level, points, size, self.canvas, reading);
        void.is_some()
    }

    /// Reads some targets at the points that are laid out.
    pub fn read_points(
        &self,
        level: Level,
        share: &Share,
        targets: &[usize],
        is_nearest: bool,
        LabelMemory { hard, soft, taps, .. }: &mut LabelMemory,
    ) {
        let values = |target: usize| self.mask(target).values;
        let (taps, count) = (&*taps, taps.len());
        if is_nearest {
            hard.resize(targets.len() * count, 0);
            each(share, targets, count, hard, |target, out| taps.gather_hard(level, values(target), out));
        } else {
            soft.resize(targets.len() * count, 0.0);
            each(share, targets, count, soft, |target, out| taps.gather_mask(level, values(target), out));
        }
    }
}

/// Does something for some targets, each of which has so many values.
fn each<T: Send>(share: &Share, targets: &[usize], count: usize, out: &mut [T], read: impl Fn(usize, &mut [T]) + Sync) {
    let mut jobs: Vec<_> = targets.iter().zip(out.chunks_exact_mut(count.max(1))).collect();
    share.each(&mut (), &mut jobs, |(), (target, out)| read(**target, out));
}

impl LabelMemory {
    /// What has been read last, and which samples are kept.
    pub fn read(&self, is_hard: bool, has_void: bool) -> (Labels<'_>, Option<&[u8]>) {
        let labels = if is_hard { Labels::Hard(&self.hard) } else { Labels::Soft(&self.soft) };
        (labels, has_void.then_some(&self.kept))
    }
}

/// What is void is not kept.
fn invert(values: &mut [u8]) {
    values.iter_mut().for_each(|value| *value = 1 - *value);
}
