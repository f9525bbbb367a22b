//! IoU of a detection with the targets of its class in its image.
//!
//! With the area I of the overlap, and areas D and G of detection and target: IoU = I / (D + G - I); with a crowd I / D.
//! Boxes that only touch have none. The order of operations is that of `bbIou` in cocoapi's `common/maskApi.c`, so that the
//! bits are.

use lsap::memory::reserve;
use simd::{F64, Level, Simd, dispatch, prelude::*};

use crate::error::Result;

/// Fewer targets are not worth vectors.
const FEW: usize = 8;

/// Lanes of a vector.
const WIDTH: usize = 8;

/// Places behind the last target, where a vector may end.
pub(crate) const ROOM: usize = WIDTH;

/// A detection's box.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Corners {
    /// Left, top, right, bottom.
    pub ends: [f64; 4],
    pub area: f64,
}

impl Corners {
    /// `b`: left, top, width and height.
    pub fn new(b: &[f64]) -> Self {
        let [x, y, w, h] = [b[0], b[1], b[2], b[3]];
        Self { ends: [x, y, w + x, h + y], area: w * h }
    }
}

/// The boxes of a class' targets, as columns.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    /// Left, top, right, bottom, each with room for a whole vector behind the last.
    ends: [Vec<f64>; 4],
    areas: Vec<f64>,
    /// 0 for a crowd, else 1.
    shares: Vec<f64>,
}

impl Columns {
    /// Makes room for so many targets, and forgets those before.
    ///
    /// # Errors
    /// [`crate::Error::Memory`].
    pub fn prepare(&mut self, targets: usize) -> Result<()> {
        for column in self.all_mut() {
            column.clear();
            reserve("targets", column, targets as u128 + ROOM as u128)?;
        }
        Ok(())
    }

    pub fn push(&mut self, b: &[f64], is_crowd: bool) {
        let Corners { ends, area } = Corners::new(b);
        for (column, end) in self.ends.iter_mut().zip(ends) {
            column.push(end);
        }
        self.areas.push(area);
        self.shares.push(if is_crowd { 0.0 } else { 1.0 });
    }

    /// Makes room behind the last.
    pub fn pad(&mut self) {
        self.all_mut().for_each(|column| column.resize(column.len() + ROOM, 0.0));
    }

    /// Bytes that are held.
    pub fn held(&self) -> usize {
        let Self { ends, areas, shares } = self;
        ends.iter().chain([areas, shares]).map(lsap::memory::held).sum()
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut Vec<f64>> {
        let Self { ends, areas, shares } = self;
        ends.iter_mut().chain([areas, shares])
    }

    fn of(&self, target: usize) -> (Corners, bool) {
        let ends = [0, 1, 2, 3].map(|k| self.ends[k][target]);
        (Corners { ends, area: self.areas[target] }, self.is_crowd(target))
    }

    pub fn is_crowd(&self, target: usize) -> bool {
        self.shares[target] == 0.0
    }
}

/// A target that a detection overlaps.
pub(crate) type Candidate = (f64, u32);

/// The targets, of those in `from..to`, whose IoU with a detection is at least `least`, which is above 0.
pub(crate) fn candidates(
    level: Level,
    detection: Corners,
    columns: &Columns,
    [from, to]: [usize; 2],
    least: f64,
    ious: &mut Vec<f64>,
    found: &mut Vec<Candidate>,
) {
    found.clear();
    if to - from < FEW {
        for target in from..to {
            let (corners, is_crowd) = columns.of(target);
            let iou = iou(&detection, &corners, is_crowd);
            if iou >= least {
                found.push((iou, target as u32));
            }
        }
        return;
    }
    let ious = lsap::memory::first(ious, (to - from).next_multiple_of(WIDTH));
    dispatch!(level, simd => row(simd, detection, columns, from, ious));
    for (target, &iou) in (from..to).zip(&*ious) {
        if iou >= least {
            found.push((iou, target as u32));
        }
    }
}

/// IoU of a detection and a target.
fn iou(detection: &Corners, target: &Corners, is_crowd: bool) -> f64 {
    let [d, t] = [&detection.ends, &target.ends];
    let width = d[2].min(t[2]) - d[0].max(t[0]);
    if width <= 0.0 {
        return 0.0;
    }
    let height = d[3].min(t[3]) - d[1].max(t[1]);
    if height <= 0.0 {
        return 0.0;
    }
    let overlap = width * height;
    overlap / if is_crowd { detection.area } else { detection.area + target.area - overlap }
}

/// IoU of a detection and as many targets as there are places.
#[inline(always)]
fn row<S: Simd>(simd: S, detection: Corners, columns: &Columns, from: usize, ious: &mut [f64]) {
    let zero = F64::splat(simd, 0.0);
    let d = [0, 1, 2, 3].map(
        #[inline(always)]
        |k| F64::splat(simd, detection.ends[k]),
    );
    let own = F64::splat(simd, detection.area);
    for at in (0..ious.len()).step_by(WIDTH) {
        let here = from + at..from + at + WIDTH;
        let t = [0, 1, 2, 3].map(
            #[inline(always)]
            |k| F64::from_slice(simd, &columns.ends[k][here.clone()]),
        );
        let area = F64::from_slice(simd, &columns.areas[here.clone()]);
        let share = F64::from_slice(simd, &columns.shares[here]);
        let width = d[2].min(t[2]) - d[0].max(t[0]);
        let height = d[3].min(t[3]) - d[1].max(t[1]);
        let overlap = width * height;
        let union = share.simd_gt(zero).select(own + area - overlap, own);
        let meets = width.min(height).simd_gt(zero);
        meets.select(overlap / union, zero).store_slice(&mut ious[at..at + WIDTH]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn vectors_give_the_bits_of_one_pair_at_every_level(
            boxes in prop::collection::vec(([0u32..40, 0..40, 0..30, 0..30], any::<bool>()), 0..40),
            detection in [0u32..40, 0..40, 0..30, 0..30],
            from in 0usize..3,
        ) {
            let scaled = |b: [u32; 4]| b.map(|v| f64::from(v) * 0.7);
            let mut columns = Columns::default();
            for (b, is_crowd) in &boxes {
                columns.push(&scaled(*b), *is_crowd);
            }
            columns.pad();
            let detection = Corners::new(&scaled(detection));
            let from = from.min(boxes.len());
            let expected: Vec<_> = (from..boxes.len()).map(|target| {
                let (corners, is_crowd) = columns.of(target);
                iou(&detection, &corners, is_crowd).to_bits()
            }).collect();
            for level in Level::available() {
                let mut ious = vec![0.0; (boxes.len() - from).next_multiple_of(WIDTH)];
                dispatch!(level, simd => row(simd, detection, &columns, from, &mut ious));
                let ious: Vec<_> = ious[..boxes.len() - from].iter().map(|iou| iou.to_bits()).collect();
                prop_assert_eq!(&ious, &expected);
            }
        }
    }

    #[test]
    fn touching_boxes_and_crowds() {
        let detection = Corners::new(&[0.0, 0.0, 10.0, 10.0]);
        assert_eq!(iou(&detection, &Corners::new(&[10.0, 0.0, 10.0, 10.0]), false), 0.0);
        assert_eq!(iou(&detection, &Corners::new(&[5.0, 0.0, 10.0, 10.0]), false), 50.0 / 150.0);
        assert_eq!(iou(&detection, &Corners::new(&[5.0, 0.0, 10.0, 10.0]), true), 0.5);
    }
}
