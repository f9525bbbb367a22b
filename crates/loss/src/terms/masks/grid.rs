//! Rasters read at points, and gradients by the samples taken back to the pixels.
//!
//! A point (x, y) of [0, 1]² lies at the pixel (x · width - 1/2, y · height - 1/2), as in torch's `grid_sample` with
//! `align_corners=False` at 2 · point - 1.

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

/// A place that no raster has.
const NOWHERE: u32 = u32::MAX;

/// The pixels around a point, upper left, upper right, lower left, lower right, and how far it lies to the right and below.
#[derive(Clone, Copy, Debug)]
struct Tap {
    pixels: [u32; 4],
    right: f32,
    below: f32,
}

/// Where points lie in a raster: laid out once, used for all rasters of that size.
#[derive(Debug, Default)]
pub(super) struct Taps {
    /// Of bilinear reading.
    around: Vec<Tap>,
    /// Of nearest reading.
    nearest: Vec<u32>,
}

impl Taps {
    /// `points`: `[points, 2]`, x and y. The raster has the size `inner`, lies at the top left of a `canvas`, over which the
    /// points are spread, and is 0 in the rest of that. Points may lie anywhere; the raster has less than 2^32 - 1 pixels.
    pub fn lay_out(&mut self, points: &[f32], inner: Size, canvas: Size, reading: Reading) {
        self.around.clear();
        self.nearest.clear();
        let points = points.chunks_exact(2).map(|point| [f64::from(point[0]), f64::from(point[1])]);
        match reading {
            Reading::Bilinear(outside) => {
                let columns = Line { inner: inner.width, canvas: canvas.width, outside };
                let rows = Line { inner: inner.height, canvas: canvas.height, outside };
                self.around.extend(points.map(|[x, y]| {
                    let ([left, right], to_right) = columns.around(x);
                    let ([upper, lower], below) = rows.around(y);
                    let place = |row, column| place(inner.width, row, column);
                    let pixels = [place(upper, left), place(upper, right), place(lower, left), place(lower, right)];
                    Tap { pixels, right: to_right, below }
                }));
            }
            Reading::Nearest(outside) => {
                let columns = Line { inner: inner.width, canvas: canvas.width, outside };
                let rows = Line { inner: inner.height, canvas: canvas.height, outside };
                self.nearest.extend(points.map(|[x, y]| place(inner.width, rows.nearest(y), columns.nearest(x))));
            }
        }
    }

    /// Points.
    pub fn len(&self) -> usize {
        self.around.len() + self.nearest.len()
    }

    /// The samples of a raster.
    pub fn gather(&self, raster: &[f32], out: &mut [f32]) {
        self.read(raster, out, f64::from, |sample| sample as f32);
    }

    /// The samples of a mask, 0 to 1: part of both only where reading is bilinear.
    pub fn gather_mask(&self, mask: &[u8], out: &mut [f32]) {
        self.read(mask, out, f64::from, |sample| sample as f32);
    }

    /// The samples of a mask, 0 or 1, where reading is nearest.
    pub fn gather_hard(&self, mask: &[u8], out: &mut [u8]) {
        debug_assert!(self.around.is_empty() && out.len() == self.len());
        for (out, &pixel) in out.iter_mut().zip(&self.nearest) {
            *out = mask.get(pixel as usize).copied().unwrap_or(0);
        }
    }

    /// A sample is computed in `f64`, so that it has no other rounding than that of the result, and that of equal pixels is
    /// exactly theirs.
    #[inline(always)]
    fn read<T: Copy>(&self, raster: &[T], out: &mut [f32], wide: impl Fn(T) -> f64, narrow: impl Fn(f64) -> f32) {
        debug_assert_eq!(out.len(), self.len());
        let at = |pixel: u32| raster.get(pixel as usize).map_or(0.0, |&value| wide(value));
        for (out, tap) in out.iter_mut().zip(&self.around) {
            let [a, b, c, d] = tap.pixels.map(at);
            let (right, below) = (f64::from(tap.right), f64::from(tap.below));
            let (upper, lower) = (a + (b - a) * right, c + (d - c) * right);
            *out = narrow(upper + (lower - upper) * below);
        }
        for (out, &pixel) in out.iter_mut().zip(&self.nearest) {
            *out = narrow(at(pixel));
        }
    }

    /// Adds to each pixel what the samples took of it, in the order of the points. `gradient`: `[points]`.
    pub fn scatter(&self, gradient: &[f32], raster: &mut [f64]) {
        debug_assert_eq!(gradient.len(), self.len());
        let mut add = |pixel: u32, value: f64| {
            if let Some(sum) = raster.get_mut(pixel as usize) {
                *sum += value;
            }
        };
        for (&gradient, tap) in gradient.iter().zip(&self.around) {
            let (gradient, right, below) = (f64::from(gradient), f64::from(tap.right), f64::from(tap.below));
            let (lower, upper) = (gradient * below, gradient * (1.0 - below));
            add(tap.pixels[0], upper * (1.0 - right));
            add(tap.pixels[1], upper * right);
            add(tap.pixels[2], lower * (1.0 - right));
            add(tap.pixels[3], lower * right);
        }
        for (&gradient, &pixel) in gradient.iter().zip(&self.nearest) {
            add(pixel, f64::from(gradient));
        }
    }

    /// Its bytes.
    pub fn held(&self) -> usize {
        self.around.capacity() * size_of::<Tap>() + self.nearest.capacity() * size_of::<u32>()
    }
}

/// The place of a pixel that may lie outside.
fn place(width: usize, row: Option<usize>, column: Option<usize>) -> u32 {
    match (row, column) {
        (Some(row), Some(column)) => (row * width + column) as u32,
        _ => NOWHERE,
    }
}

/// One axis of a raster.
#[derive(Clone, Copy)]
struct Line {
    inner: usize,
    canvas: usize,
    outside: Outside,
}

impl Line {
    /// The pixel that a coordinate lies at, as far out as it makes a difference.
    fn pixel(self, coordinate: f64) -> f64 {
        let size = self.canvas as f64;
        let (least, greatest) = match self.outside {
            Outside::Zero => (-1.0, size),
            Outside::Border => (0.0, (size - 1.0).max(0.0)),
        };
        (coordinate * size - 0.5).clamp(least, greatest)
    }

    /// The pixels before and after a coordinate, where the raster has them, and how far it lies after the first.
    fn around(self, coordinate: f64) -> ([Option<usize>; 2], f32) {
        let pixel = self.pixel(coordinate);
        // no less than 0, so that truncating is the floor
        let before = (pixel + 1.0) as i64 - 1;
        ([self.within(before), self.within(before + 1)], (pixel - before as f64) as f32)
    }

    /// The pixel that is nearest to a coordinate, where the raster has it.
    fn nearest(self, coordinate: f64) -> Option<usize> {
        /// Adding and subtracting 1.5 · 2^52 rounds to the nearest integer, half to even.
        const ROUND: f64 = 6_755_399_441_055_744.0;
        self.within((self.pixel(coordinate) + ROUND - ROUND) as i64)
    }

    fn within(self, pixel: i64) -> Option<usize> {
        usize::try_from(pixel).ok().filter(|&pixel| pixel < self.inner)
    }
}

/// The numbers of `f32` that are nearest to a gradient; zeros are +0.
pub(super) fn narrow(wide: &[f64], out: &mut [f32]) {
    debug_assert_eq!(wide.len(), out.len());
    for (out, &value) in out.iter_mut().zip(wide) {
        *out = value as f32 + 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{Random, assert_close};

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
        corners.chain((0..2 * count).map(|_| random.unit())).collect()
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

    fn taps(points: &[f32], inner: Size, canvas: Size, reading: Reading) -> Taps {
        let mut taps = Taps::default();
        // what was laid out before leaves nothing
        for reading in READINGS {
            taps.lay_out(&[0.5; 6], inner, canvas, reading);
        }
        taps.lay_out(points, inner, canvas, reading);
        assert_eq!(taps.len(), points.len() / 2);
        assert!(taps.held() > 0);
        taps
    }

    #[test]
    fn rasters_are_read_by_the_definition() {
        let mut random = Random::new(11);
        for size in SIZES {
            let points = points(&mut random, 40);
            let raster: Vec<f32> = (0..size.area()).map(|_| 3.0 * random.normal()).collect();
            for reading in READINGS {
                let mut found = vec![f32::NAN; points.len() / 2];
                taps(&points, size, size, reading).gather(&raster, &mut found);
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
                    taps.gather_mask(&mask, &mut found);
                    for (point, &found) in points.chunks_exact(2).zip(&found) {
                        let is_inside = |r: usize, c: usize| r < inner.height && c < inner.width;
                        let value = |r, c| if is_inside(r, c) { f64::from(mask[r * inner.width + c]) } else { 0.0 };
                        assert_close(f64::from(found), exact(value, canvas, point, reading), 1e-6);
                        assert!((0.0..=1.0).contains(&found));
                    }
                    if let Reading::Nearest(_) = reading {
                        let mut hard = vec![9; found.len()];
                        taps.gather_hard(&mask, &mut hard);
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
                for (pixel, &found) in found.iter().enumerate() {
                    let mut unit = vec![0.0; inner.area()];
                    unit[pixel] = 1.0;
                    let mut took = vec![0.0; gradient.len()];
                    taps.gather(&unit, &mut took);
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
            taps(&points, size, size, Reading::Bilinear(outside)).gather(&raster, &mut found);
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
            taps(&points, size, size, reading).gather(&raster, &mut found);
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
            taps.gather(&vec![value; size.area()], &mut found);
            assert!(found.iter().all(|&found| found == value));
        }
        let mut found = vec![0.0; 100];
        taps.gather_mask(&vec![1; size.area()], &mut found);
        assert!(found.iter().all(|&found| found == 1.0));
    }

    #[test]
    fn a_mask_without_pixels_is_0_everywhere() {
        let (inner, canvas) = (Size::default(), Size::new(4, 4));
        for reading in READINGS {
            let taps = taps(&[0.5, 0.5, 0.0, 1.0], inner, canvas, reading);
            let mut found = [f32::NAN; 2];
            taps.gather_mask(&[], &mut found);
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
