//! Rasters read at points, and gradients by the samples taken back to the pixels.
//!
//! A point (x, y) of [0, 1]² lies at the pixel (x · width - 1/2, y · height - 1/2), as in torch's `grid_sample` with
//! `align_corners=False` at 2 · point - 1. Bilinear reading multiplies each pixel by how near it is, 1 - |distance| along each
//! axis, for which pixels are taken in steps of 2^-24, so that these factors are exact and add up to exactly 1.

use simd::{F32, F64, LANES, Level, Simd, dispatch, load, prelude::*, store, store_f64};

use super::canvas::Size;

/// What a raster is outside of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outside {
    /// 0 (`padding_mode='zeros'`).
    Zero,
    /// What its border is: the pixel is clamped to it (`padding_mode='border'`).
    Border,
}

/// How a raster is read between its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Of the four pixels around a point.
    Bilinear(Outside),
    /// Of the nearest pixel, the even one of two that are as near.
    Nearest(Outside),
}

/// Where points lie in a raster: laid out once, used for all rasters of that size.
#[derive(Debug, Default)]
pub(super) struct Taps {
    count: usize,
    /// Sixteen points after sixteen; those beyond the last have no part in any pixel.
    groups: Vec<Group>,
    /// From a pixel to the next of its row, 0 where rows have but one.
    right: usize,
    /// From a pixel to the one below, 0 where there is but one row.
    below: usize,
    /// Whether the raster has no pixels.
    is_empty: bool,
}

/// Groups that are read at a time: all of their pixels first, which takes less time than to wait for those of each.
const BLOCK: usize = 8;

/// Sixteen points.
#[derive(Clone, Copy, Debug, Default)]
struct Group {
    /// The pixel to the left and above of each, or the nearest one that has neighbours.
    pixel: [u32; LANES],
    /// The parts of this and the next column, and of this and the next row.
    columns: [[f32; LANES]; 2],
    rows: [[f32; LANES]; 2],
}

impl Taps {
    /// `points`: `[points, 2]`, x and y, finite; they may lie anywhere. The raster has the size `inner`, lies at the top left of a
    /// `canvas`, over which the points are spread, and is 0 in the rest of that. It has less than 2^32 pixels.
    pub fn lay_out(&mut self, level: Level, points: &[f32], inner: Size, canvas: Size, reading: Reading) {
        self.count = points.len() / 2;
        self.groups.resize(self.count.div_ceil(LANES), Group::default());
        self.right = usize::from(inner.width > 1);
        self.below = if inner.height > 1 { inner.width } else { 0 };
        self.is_empty = inner.area() == 0;
        let columns = Line { inner: inner.width, canvas: canvas.width, reading };
        let rows = Line { inner: inner.height, canvas: canvas.height, reading };
        dispatch!(level, simd => for (points, group) in points.chunks(2 * LANES).zip(&mut self.groups) {
            lay_out(simd, points, rows, columns, group);
        });
    }

    /// Points.
    pub fn len(&self) -> usize {
        self.count
    }

    /// The points that lie beyond the border by a part, with what they lack of a raster of ones: -1 to 0.
    pub fn lacking(&self, out: &mut Vec<(u32, f32)>) {
        out.clear();
        for (group, first) in self.groups.iter().zip((0..self.count).step_by(LANES)) {
            for lane in 0..LANES.min(self.count - first) {
                let along = |parts: &[[f32; LANES]; 2]| f64::from(parts[0][lane]) + f64::from(parts[1][lane]);
                let lack = along(&group.columns) * along(&group.rows) - 1.0;
                if lack < 0.0 {
                    out.push(((first + lane) as u32, lack as f32));
                }
            }
        }
    }

    /// The samples of a raster.
    pub fn gather(&self, level: Level, raster: &[f32], out: &mut [f32]) {
        self.read(level, raster, out, |sample| sample);
    }

    /// The samples of a mask, 0 to 1: part of both only where reading is bilinear.
    pub fn gather_mask(&self, level: Level, mask: &[u8], out: &mut [f32]) {
        self.read(level, mask, out, |sample| sample);
    }

    /// The samples of a mask, 0 or 1, where reading is nearest.
    pub fn gather_hard(&self, level: Level, mask: &[u8], out: &mut [u8]) {
        self.read(level, mask, out, |sample| sample as u8);
    }

    #[inline(always)]
    fn read<T: Copy + Into<f32>, U: Default>(
        &self,
        level: Level,
        raster: &[T],
        out: &mut [U],
        number: impl Fn(f32) -> U + Copy,
    ) {
        debug_assert_eq!(out.len(), self.count);
        if self.is_empty {
            out.iter_mut().for_each(|out| *out = U::default());
            return;
        }
        dispatch!(level, simd => for (groups, out) in self.groups.chunks(BLOCK).zip(out.chunks_mut(BLOCK * LANES)) {
            let samples = self.sample(simd, groups, raster);
            out.iter_mut().zip(samples.as_flattened()).for_each(|(out, &sample)| *out = number(sample));
        });
    }

    /// The samples of some groups. Computed in `f64`, so that a sample has no other rounding than that of the result, and that of
    /// equal pixels is exactly what these are.
    #[inline(always)]
    fn sample<S: Simd, T: Copy + Into<f32>>(&self, simd: S, groups: &[Group], raster: &[T]) -> [[f32; LANES]; BLOCK] {
        let mut all = [[[0.0; LANES]; 4]; BLOCK];
        let (to_right, to_below) = (self.right, self.below);
        for (group, around) in groups.iter().zip(&mut all) {
            for lane in 0..LANES {
                let window = &raster[group.pixel[lane] as usize..][..=to_right + to_below];
                around[0][lane] = window[0].into();
                around[1][lane] = window[to_right].into();
                around[2][lane] = window[to_below].into();
                around[3][lane] = window[to_right + to_below].into();
            }
        }
        let mut samples = [[0.0; LANES]; BLOCK];
        for ((group, around), samples) in groups.iter().zip(&all).zip(&mut samples) {
            let (left, right) = (halves(simd, &group.columns[0]), halves(simd, &group.columns[1]));
            let (upper, lower) = (halves(simd, &group.rows[0]), halves(simd, &group.rows[1]));
            let (a, b) = (halves(simd, &around[0]), halves(simd, &around[1]));
            let (c, d) = (halves(simd, &around[2]), halves(simd, &around[3]));
            let mut sums = a;
            for k in 0..2 {
                sums[k] = (a[k] * left[k] + b[k] * right[k]) * upper[k] + (c[k] * left[k] + d[k] * right[k]) * lower[k];
            }
            store(sums[0].narrow(sums[1]) + 0.0, samples, 0);
        }
        samples
    }

    /// Adds to each pixel what the samples took of it, in the order of the points. `gradient`: `[points]`.
    pub fn scatter(&self, gradient: &[f32], raster: &mut [f64]) {
        debug_assert_eq!(gradient.len(), self.count);
        if self.is_empty {
            return;
        }
        let (to_right, to_below) = (self.right, self.below);
        for (group, gradient) in self.groups.iter().zip(gradient.chunks(LANES)) {
            for (lane, &gradient) in gradient.iter().enumerate() {
                let window = &mut raster[group.pixel[lane] as usize..][..=to_right + to_below];
                let [left, right] = [0, 1].map(|k| f64::from(group.columns[k][lane]));
                let [upper, lower] = [0, 1].map(|k| f64::from(group.rows[k][lane]) * f64::from(gradient));
                window[0] += upper * left;
                window[to_right] += upper * right;
                window[to_below] += lower * left;
                window[to_right + to_below] += lower * right;
            }
        }
    }

    /// Its bytes.
    pub fn held(&self) -> usize {
        self.groups.capacity() * size_of::<Group>()
    }
}

/// Sixteen values, widened.
#[inline(always)]
fn halves<S: Simd>(simd: S, values: &[f32; LANES]) -> [F64<S>; 2] {
    let (low, high): (F64<S>, F64<S>) = load(simd, values, 0).widen();
    [low, high]
}

/// Up to sixteen points.
#[inline(always)]
fn lay_out<S: Simd>(simd: S, points: &[f32], rows: Line, columns: Line, group: &mut Group) {
    let mut coordinates = [[0.0; LANES]; 2];
    for (lane, point) in points.chunks_exact(2).enumerate() {
        coordinates[0][lane] = point[0];
        coordinates[1][lane] = point[1];
    }
    let x = columns.place(simd, load(simd, &coordinates[0], 0));
    let y = rows.place(simd, load(simd, &coordinates[1], 0));
    (group.columns, group.rows) = (x.parts, y.parts);
    for lane in 0..LANES {
        /// Adding 2^52 leaves an integer in the low bits.
        const INTEGER: f64 = 4_503_599_627_370_496.0;
        let pixel = y.first[lane] * columns.inner as f64 + x.first[lane];
        group.pixel[lane] = (pixel + INTEGER).to_bits() as u32;
    }
    for idle in points.len() / 2..LANES {
        group.pixel[idle] = 0;
        group.columns.iter_mut().chain(&mut group.rows).for_each(|parts| parts[idle] = 0.0);
    }
}

/// One axis of a raster.
#[derive(Clone, Copy)]
struct Line {
    inner: usize,
    canvas: usize,
    reading: Reading,
}

/// Where sixteen coordinates lie on an axis.
struct Places {
    /// The first of two pixels.
    first: [f64; LANES],
    /// The parts of both.
    parts: [[f32; LANES]; 2],
}

impl Line {
    #[inline(always)]
    fn place<S: Simd>(self, simd: S, coordinates: F32<S>) -> Places {
        /// Adding and subtracting 1.5 · 2^52 rounds to the nearest integer, half to even, and 1.5 · 2^28 to steps of 2^-24.
        const INTEGER: f64 = 6_755_399_441_055_744.0;
        const STEP: f64 = 402_653_184.0;
        let (outside, round) = match self.reading {
            Reading::Bilinear(outside) => (outside, STEP),
            Reading::Nearest(outside) => (outside, INTEGER),
        };
        let size = self.canvas as f64;
        let (least, greatest) = match outside {
            Outside::Zero => (-1.0, size),
            Outside::Border => (0.0, (size - 1.0).max(0.0)),
        };
        let last = self.inner.saturating_sub(2) as f64;
        let has_next = if self.inner > 1 { 1.0 } else { 0.0 };
        let (low, high) = coordinates.widen();
        let mut places = Places { first: [0.0; LANES], parts: [[0.0; LANES]; 2] };
        let (mut firsts, mut parts) = ([low, high], [[low, high]; 2]);
        for (k, coordinate) in [low, high].into_iter().enumerate() {
            let pixel = (coordinate * size - 0.5).max(least).min(greatest);
            let pixel = pixel + round - round;
            let whole = pixel + INTEGER - INTEGER;
            let zero = F64::splat(simd, 0.0);
            let floor = whole - whole.simd_gt(pixel).select(F64::splat(simd, 1.0), zero);
            firsts[k] = floor.max(0.0).min(last);
            let distance = pixel - firsts[k];
            parts[0][k] = (-distance.abs() + 1.0).max(0.0);
            parts[1][k] = (-(distance - 1.0).abs() + 1.0).max(0.0) * has_next;
        }
        store_f64(firsts, &mut places.first, 0);
        for (parts, out) in parts.into_iter().zip(&mut places.parts) {
            let mut wide = [0.0; LANES];
            store_f64(parts, &mut wide, 0);
            narrow(&wide, out);
        }
        places
    }
}

/// The numbers of `f32` that are nearest to a gradient; zeros are +0.
#[inline(always)]
pub(super) fn narrow(wide: &[f64], out: &mut [f32]) {
    debug_assert_eq!(wide.len(), out.len());
    for (out, &value) in out.iter_mut().zip(wide) {
        *out = value as f32 + 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{Random, assert_close, extent};

    const SIZES: [Size; 6] = [
        Size { height: 1, width: 1 },
        Size { height: 1, width: 5 },
        Size { height: 7, width: 1 },
        Size { height: 2, width: 2 },
        Size { height: 5, width: 8 },
        Size { height: 17, width: 3 },
    ];

    const READINGS: [Reading; 4] = [
        Reading::Bilinear(Outside::Zero),
        Reading::Bilinear(Outside::Border),
        Reading::Nearest(Outside::Zero),
        Reading::Nearest(Outside::Border),
    ];

    /// Random points, and the corners, edges and places outside.
    fn points(random: &mut Random, count: usize) -> Vec<f32> {
        let edges = [0.0, 1.0, 0.5, -0.5, 1.5, 1e30, -1e30, 0.999_999_94];
        let corners = edges.iter().flat_map(|&x| edges.iter().flat_map(move |&y| [x, y]));
        corners.step_by(extent(1, 5)).chain((0..2 * extent(count, count / 4)).map(|_| random.unit())).collect()
    }

    /// How much of each pixel of an axis a point reads, by the definition.
    fn weights(size: usize, coordinate: f32, reading: Reading) -> Vec<f64> {
        let mut pixel = f64::from(coordinate) * size as f64 - 0.5;
        let (Reading::Bilinear(outside) | Reading::Nearest(outside)) = reading;
        if outside == Outside::Border {
            pixel = pixel.max(0.0).min(size as f64 - 1.0);
        }
        let weight = |k: usize| match reading {
            Reading::Bilinear(_) => (1.0 - (pixel - k as f64).abs()).max(0.0),
            Reading::Nearest(_) => f64::from(u8::from(pixel.round_ties_even() == k as f64)),
        };
        (0..size).map(weight).collect()
    }

    fn exact(raster: impl Fn(usize, usize) -> f64, size: Size, point: &[f32], reading: Reading) -> f64 {
        let (columns, rows) = (weights(size.width, point[0], reading), weights(size.height, point[1], reading));
        let row = |r: usize| (0..size.width).map(|c| raster(r, c) * columns[c]).sum::<f64>() * rows[r];
        (0..size.height).map(row).sum()
    }

    fn taps_at(level: Level, points: &[f32], inner: Size, canvas: Size, reading: Reading) -> Taps {
        let mut taps = Taps::default();
        // what was laid out before leaves nothing
        for reading in READINGS {
            taps.lay_out(level, &[0.5; 6], inner, canvas, reading);
        }
        taps.lay_out(level, points, inner, canvas, reading);
        assert_eq!(taps.len(), points.len() / 2);
        assert!(taps.held() > 0);
        taps
    }

    fn taps(points: &[f32], inner: Size, canvas: Size, reading: Reading) -> Taps {
        taps_at(Level::detect(), points, inner, canvas, reading)
    }

    #[test]
    fn every_level_reads_the_same_bits() {
        let mut random = Random::new(16);
        let (inner, canvas) = (Size::new(7, 19), Size::new(8, 19));
        for count in [0, 1, 15, 16, 17, 33] {
            let points: Vec<f32> = (0..2 * count).map(|_| 1.2 * random.unit() - 0.1).collect();
            let raster: Vec<f32> = (0..inner.area()).map(|_| 3.0 * random.normal()).collect();
            for reading in READINGS {
                let mut all = Level::available().into_iter().map(|level| {
                    let taps = taps_at(level, &points, inner, canvas, reading);
                    let mut out = vec![f32::NAN; count];
                    taps.gather(level, &raster, &mut out);
                    let mut pixels = vec![0.0; inner.area()];
                    taps.scatter(&out, &mut pixels);
                    out.iter().map(|v| u64::from(v.to_bits())).chain(pixels.iter().map(|v| v.to_bits())).collect()
                });
                let first: Vec<u64> = all.next().expect("a level");
                all.for_each(|other| assert_eq!(first, other));
            }
        }
    }

    #[test]
    fn rasters_are_read_by_the_definition() {
        let mut random = Random::new(11);
        for size in SIZES {
            let points = points(&mut random, 40);
            let raster: Vec<f32> = (0..size.area()).map(|_| 3.0 * random.normal()).collect();
            for reading in READINGS {
                let mut found = vec![f32::NAN; points.len() / 2];
                taps(&points, size, size, reading).gather(Level::detect(), &raster, &mut found);
                for (point, &found) in points.chunks_exact(2).zip(&found) {
                    let value = |r: usize, c: usize| f64::from(raster[r * size.width + c]);
                    assert_close(f64::from(found), exact(value, size, point, reading), 1e-6);
                }
            }
        }
    }

    #[test]
    fn masks_are_read_as_if_they_were_padded_to_the_canvas() {
        let mut random = Random::new(12);
        for inner in SIZES {
            for canvas in [inner, Size::new(inner.height + 1, inner.width + 6)] {
                let points = points(&mut random, 40);
                let mask: Vec<u8> = (0..inner.area()).map(|_| random.below(2) as u8).collect();
                for reading in READINGS {
                    let taps = taps(&points, inner, canvas, reading);
                    let mut found = vec![f32::NAN; points.len() / 2];
                    taps.gather_mask(Level::detect(), &mask, &mut found);
                    for (point, &found) in points.chunks_exact(2).zip(&found) {
                        let is_inside = |r: usize, c: usize| r < inner.height && c < inner.width;
                        let value = |r, c| if is_inside(r, c) { f64::from(mask[r * inner.width + c]) } else { 0.0 };
                        assert_close(f64::from(found), exact(value, canvas, point, reading), 1e-6);
                        assert!((0.0..=1.0).contains(&found));
                    }
                    if let Reading::Nearest(_) = reading {
                        let mut hard = vec![9; found.len()];
                        taps.gather_hard(Level::detect(), &mask, &mut hard);
                        assert!(hard.iter().zip(&found).all(|(&hard, &soft)| f32::from(hard) == soft));
                    }
                }
            }
        }
    }

    #[test]
    fn scattering_is_the_transpose_of_gathering() {
        let mut random = Random::new(13);
        for inner in SIZES {
            let canvas = Size::new(inner.height + 2, inner.width);
            let points = points(&mut random, 40);
            let gradient: Vec<f32> = (0..points.len() / 2).map(|_| random.normal()).collect();
            for reading in READINGS {
                let taps = taps(&points, inner, canvas, reading);
                let mut found = vec![0.25; inner.area()];
                taps.scatter(&gradient, &mut found);
                for (pixel, &found) in found.iter().enumerate().step_by(extent(1, 7)) {
                    let mut unit = vec![0.0; inner.area()];
                    unit[pixel] = 1.0;
                    let mut took = vec![0.0; gradient.len()];
                    taps.gather(Level::detect(), &unit, &mut took);
                    let took = took.iter().zip(&gradient).map(|(&t, &g)| f64::from(t) * f64::from(g));
                    assert_close(found, 0.25 + took.sum::<f64>(), 1e-6);
                }
            }
        }
    }

    #[test]
    fn zeros_and_border_differ_only_at_points_outside_the_pixels_centres() {
        let mut random = Random::new(14);
        let (size, points) = (Size::new(5, 8), points(&mut random, 400));
        let raster: Vec<f32> = (0..size.area()).map(|_| 1.0 + random.unit()).collect();
        let read = |outside| {
            let mut found = vec![0.0; points.len() / 2];
            taps(&points, size, size, Reading::Bilinear(outside)).gather(Level::detect(), &raster, &mut found);
            found
        };
        let is_outside = |u: f32, size: usize| {
            let pixel = f64::from(u) * size as f64 - 0.5;
            pixel < 0.0 || pixel > size as f64 - 1.0
        };
        for ((zero, border), point) in read(Outside::Zero).iter().zip(read(Outside::Border)).zip(points.chunks_exact(2))
        {
            assert_eq!(*zero != border, is_outside(point[0], 8) || is_outside(point[1], 5), "{point:?}");
        }
    }

    #[test]
    fn points_at_the_pixels_centres_read_these_bit_for_bit() {
        let size = Size::new(4, 8);
        let raster: Vec<f32> = (0..32).map(|k| (k as f32 - 15.5) * 1e5 / 3.0).collect();
        let points: Vec<f32> =
            (0..32).flat_map(|k| [((k % 8) as f32 + 0.5) / 8.0, ((k / 8) as f32 + 0.5) / 4.0]).collect();
        for reading in READINGS {
            let mut found = vec![0.0; 32];
            taps(&points, size, size, reading).gather(Level::detect(), &raster, &mut found);
            assert_eq!(found, raster);
        }
    }

    #[test]
    fn between_equal_pixels_a_sample_is_exactly_what_they_are() {
        let mut random = Random::new(15);
        let size = Size::new(9, 13);
        let points: Vec<f32> = (0..200).map(|_| 0.1 + 0.8 * random.unit()).collect();
        let taps = taps(&points, size, size, Reading::Bilinear(Outside::Zero));
        for value in [f32::MAX, f32::MIN, 0.1, -1e-30] {
            let mut found = vec![0.0; 100];
            taps.gather(Level::detect(), &vec![value; size.area()], &mut found);
            assert!(found.iter().all(|&found| found == value));
        }
        let mut found = vec![0.0; 100];
        taps.gather_mask(Level::detect(), &vec![1; size.area()], &mut found);
        assert!(found.iter().all(|&found| found == 1.0));
    }

    #[test]
    fn a_mask_without_pixels_is_0_everywhere() {
        let (inner, canvas) = (Size::default(), Size::new(4, 4));
        for reading in READINGS {
            let taps = taps(&[0.5, 0.5, 0.0, 1.0], inner, canvas, reading);
            let mut found = [f32::NAN; 2];
            taps.gather_mask(Level::detect(), &[], &mut found);
            assert_eq!(found, [0.0; 2]);
        }
    }

    #[test]
    fn a_gradient_is_narrowed_to_the_nearest_numbers() {
        let mut found = [0.0; 3];
        narrow(&[0.1, -1e-60, 1.0 + 1e-9], &mut found);
        assert_eq!(found.map(f32::to_bits), [0.1f32, 0.0, 1.0].map(f32::to_bits));
    }
}
