//! Rasters of different sizes: bilinear resizing with its transpose, nearest resizing and padding of targets' masks.
//!
//! Bilinear as torch's `interpolate(mode='bilinear', align_corners=False)`: output i reads the source at
//! (i + 1/2) · from / to - 1/2, no less than 0, and the last row or column stands for those beyond it. Nearest as
//! `mode='nearest'`: output i reads ⌊i · from / to⌋.

use simd::{F32, F64, LANES, Level, Simd, dispatch, load, load_half, store, store_f64};

/// Rows and columns of a raster, which is row-major.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub height: usize,
    pub width: usize,
}

impl Size {
    pub const fn new(height: usize, width: usize) -> Self {
        Self { height, width }
    }

    /// Its pixels.
    pub fn area(self) -> usize {
        self.height * self.width
    }
}

/// Where the outputs of one axis read the source: `(1 - t) · source[low] + t · source[high]`.
#[derive(Debug, Default)]
struct Axis {
    low: Vec<u32>,
    high: Vec<u32>,
    /// 1 - t and t.
    weights: Vec<[f32; 2]>,
}

impl Axis {
    fn set(&mut self, from: usize, to: usize) {
        self.low.clear();
        self.high.clear();
        self.weights.clear();
        let (ratio, last) = (from as f64 / to as f64, from - 1);
        for i in 0..to {
            let source = ((i as f64 + 0.5) * ratio - 0.5).max(0.0);
            let low = (source as usize).min(last);
            let t = source - low as f64;
            self.low.push(low as u32);
            self.high.push((low + 1).min(last) as u32);
            self.weights.push([(1.0 - t) as f32, t as f32]);
        }
    }

    fn held(&self) -> usize {
        (self.low.capacity() + self.high.capacity()) * size_of::<u32>()
            + self.weights.capacity() * size_of::<[f32; 2]>()
    }
}

/// Bilinear resizing from one size to another, forwards and transposed. Keeps its tables while the sizes stay the same.
#[derive(Debug, Default)]
pub(super) struct Resize {
    from: Size,
    to: Size,
    rows: Axis,
    columns: Axis,
    /// Two rows of the source at the width of the output, and which rows they are.
    stretched: [Vec<f32>; 2],
    /// A row of the output's gradient before it is narrowed, and one of the source's.
    wide: Vec<f64>,
    narrow: Vec<f64>,
}

impl Resize {
    /// Both sizes are at least one pixel, or `to` has none.
    pub fn set(&mut self, from: Size, to: Size) {
        if (from, to) == (self.from, self.to) {
            return;
        }
        (self.from, self.to) = (from, to);
        if from.area() > 0 && to.area() > 0 {
            self.rows.set(from.height, to.height);
            self.columns.set(from.width, to.width);
        }
    }

    /// Whether the sizes are equal, so that resizing is a copy.
    pub fn is_identity(&self) -> bool {
        self.from == self.to
    }

    /// `raster`: the first size. `out`: the second size, overwritten.
    pub fn forward(&mut self, level: Level, raster: &[f32], out: &mut [f32]) {
        debug_assert_eq!((raster.len(), out.len()), (self.from.area(), self.to.area()));
        if self.is_identity() {
            out.copy_from_slice(raster);
        } else if !out.is_empty() {
            dispatch!(level, simd => self.forward_with(simd, raster, out));
        }
    }

    #[inline(always)]
    fn forward_with<S: Simd>(&mut self, simd: S, raster: &[f32], out: &mut [f32]) {
        let width = self.to.width;
        for row in &mut self.stretched {
            row.resize(width, 0.0);
        }
        let mut held = [u32::MAX; 2];
        for (i, out) in out.chunks_exact_mut(width).enumerate() {
            let [low, high] = [self.rows.low[i], self.rows.high[i]];
            // going down, the lower row of one output is often the upper of the next
            if held[1] == low && held[0] != low {
                self.stretched.swap(0, 1);
                held.swap(0, 1);
            }
            for (k, row) in [low, high].into_iter().enumerate() {
                if held[k] != row {
                    let source = &raster[row as usize * self.from.width..][..self.from.width];
                    stretch(&self.columns, source, &mut self.stretched[k]);
                    held[k] = row;
                }
            }
            let [upper, lower] = &self.stretched;
            mix(simd, self.rows.weights[i], upper, lower, out);
        }
    }

    /// The transpose: `canvas` is a gradient by the output; `out`, that by the source, is overwritten.
    pub fn backward(&mut self, level: Level, canvas: &[f32], out: &mut [f32]) {
        debug_assert_eq!((canvas.len(), out.len()), (self.to.area(), self.from.area()));
        if self.is_identity() {
            out.copy_from_slice(canvas);
        } else if canvas.is_empty() {
            out.fill(0.0);
        } else {
            dispatch!(level, simd => self.backward_with(simd, canvas, out));
        }
    }

    #[inline(always)]
    fn backward_with<S: Simd>(&mut self, simd: S, canvas: &[f32], out: &mut [f32]) {
        let width = self.to.width;
        self.wide.resize(width, 0.0);
        self.narrow.resize(self.from.width, 0.0);
        // the outputs that read a source row follow each other
        let mut first = 0;
        for (source, out) in out.chunks_exact_mut(self.from.width).enumerate() {
            while first < self.to.height && (self.rows.high[first] as usize) < source {
                first += 1;
            }
            let mut end = first;
            while end < self.to.height && self.rows.low[end] as usize <= source {
                end += 1;
            }
            self.wide.fill(0.0);
            for i in first..end {
                let [upper, lower] = self.rows.weights[i];
                let weight = f64::from(if self.rows.low[i] as usize == source { upper } else { 0.0 })
                    + f64::from(if self.rows.high[i] as usize == source { lower } else { 0.0 });
                add_scaled(simd, weight, &canvas[i * width..][..width], &mut self.wide);
            }
            self.narrow.fill(0.0);
            for (j, &value) in self.wide.iter().enumerate() {
                let [left, right] = self.columns.weights[j];
                self.narrow[self.columns.low[j] as usize] += f64::from(left) * value;
                self.narrow[self.columns.high[j] as usize] += f64::from(right) * value;
            }
            for (out, &value) in out.iter_mut().zip(&self.narrow) {
                // also where a number too small for `f32` is negative, a zero is +0
                *out = value as f32 + 0.0;
            }
        }
    }

    /// Bytes of its tables.
    pub fn held(&self) -> usize {
        let stretched: usize = self.stretched.iter().map(Vec::capacity).sum();
        self.rows.held()
            + self.columns.held()
            + stretched * size_of::<f32>()
            + (self.wide.capacity() + self.narrow.capacity()) * size_of::<f64>()
    }
}

/// A row of the source at the width of the output.
#[inline(always)]
fn stretch(columns: &Axis, source: &[f32], out: &mut [f32]) {
    let places = columns.low.iter().zip(&columns.high).zip(&columns.weights);
    for (out, ((&low, &high), &[left, right])) in out.iter_mut().zip(places) {
        *out = source[low as usize] * left + source[high as usize] * right;
    }
}

/// `upper · weights[0] + lower · weights[1]`.
#[inline(always)]
fn mix<S: Simd>(simd: S, weights: [f32; 2], upper: &[f32], lower: &[f32], out: &mut [f32]) {
    let whole = out.len() / LANES * LANES;
    for at in (0..whole).step_by(LANES) {
        let value: F32<S> = load(simd, upper, at) * weights[0] + load(simd, lower, at) * weights[1];
        store(value, out, at);
    }
    for at in whole..out.len() {
        out[at] = upper[at] * weights[0] + lower[at] * weights[1];
    }
}

/// Adds `weight · values`.
#[inline(always)]
fn add_scaled<S: Simd>(simd: S, weight: f64, values: &[f32], sums: &mut [f64]) {
    let whole = values.len() / LANES * LANES;
    for at in (0..whole).step_by(LANES) {
        let [mut low, mut high]: [F64<S>; 2] = simd::load_f64(simd, sums, at);
        low += load_half(simd, values, at) * weight;
        high += load_half(simd, values, at + LANES / 2) * weight;
        store_f64([low, high], sums, at);
    }
    for at in whole..values.len() {
        sums[at] += f64::from(values[at]) * weight;
    }
}

/// Puts a mask of `size` at the top left of a canvas that is no smaller, and zeros in the rest of it.
pub(super) fn pad(mask: &[u8], size: Size, canvas: Size, out: &mut [u8]) {
    debug_assert!(size.height <= canvas.height && size.width <= canvas.width);
    debug_assert_eq!((mask.len(), out.len()), (size.area(), canvas.area()));
    if size == canvas {
        out.copy_from_slice(mask);
        return;
    }
    out.fill(0);
    if size.area() > 0 {
        for (row, out) in mask.chunks_exact(size.width).zip(out.chunks_exact_mut(canvas.width)) {
            out[..size.width].copy_from_slice(row);
        }
    }
}

/// The pixel that the nearest neighbours of one axis take: ⌊i · from / to⌋ in the rounding that published values have, which is that
/// of `f32`. Source: pytorch/pytorch, `aten/src/ATen/native/UpSample.h`, `nearest_idx`.
fn nearest_pixel(i: usize, from: usize, to: usize) -> usize {
    if to == from {
        i
    } else if to == 2 * from {
        i / 2
    } else {
        let scale = from as f32 / to as f32;
        ((i as f32 * scale) as usize).min(from.saturating_sub(1))
    }
}

/// A mask of `size`, padded with zeros to `canvas`, at the size `to` by nearest neighbours.
pub(super) fn nearest(mask: &[u8], size: Size, canvas: Size, to: Size, out: &mut [u8]) {
    debug_assert_eq!((mask.len(), out.len()), (size.area(), to.area()));
    if to.area() == 0 {
        return;
    }
    for (i, out) in out.chunks_exact_mut(to.width).enumerate() {
        let row = nearest_pixel(i, canvas.height, to.height);
        if row >= size.height {
            out.fill(0);
            continue;
        }
        let source = &mask[row * size.width..][..size.width];
        for (j, out) in out.iter_mut().enumerate() {
            *out = source.get(nearest_pixel(j, canvas.width, to.width)).copied().unwrap_or(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{Random, assert_close, bits, extent};

    const SIZES: [(usize, usize); 9] = [(1, 1), (1, 7), (5, 1), (3, 4), (4, 15), (6, 16), (2, 17), (9, 33), (16, 8)];

    fn sizes() -> impl Iterator<Item = (Size, Size)> {
        let size = |(height, width)| Size::new(height, width);
        let all = SIZES.into_iter().flat_map(move |from| SIZES.into_iter().map(move |to| (size(from), size(to))));
        all.step_by(extent(1, 7))
    }

    /// Weight of every source row for an output row, by the definition.
    fn weights(from: usize, to: usize, i: usize) -> Vec<f64> {
        let source = ((2 * i + 1) as f64 * from as f64 / to as f64 / 2.0 - 0.5).max(0.0);
        let tent = |row: usize| (1.0 - (source - row as f64).abs()).max(0.0);
        let mut weights: Vec<f64> = (0..from).map(tent).collect();
        weights[from - 1] += if source > (from - 1) as f64 { source - (from - 1) as f64 } else { 0.0 };
        weights
    }

    fn exact(from: Size, to: Size, raster: &[f32], i: usize, j: usize) -> f64 {
        let (rows, columns) = (weights(from.height, to.height, i), weights(from.width, to.width, j));
        let at = |r: usize, c: usize| f64::from(raster[r * from.width + c]) * rows[r] * columns[c];
        (0..from.height).flat_map(|r| (0..from.width).map(move |c| (r, c))).map(|(r, c)| at(r, c)).sum()
    }

    fn at_every_level(resize: impl Fn(Level) -> Vec<f32>) -> Vec<f32> {
        let mut all = Level::available().into_iter().map(resize);
        let first = all.next().expect("a level");
        all.for_each(|other| assert_eq!(bits(&first), bits(&other)));
        first
    }

    fn forward(from: Size, to: Size, raster: &[f32]) -> Vec<f32> {
        at_every_level(|level| {
            let (mut resize, mut out) = (Resize::default(), vec![f32::NAN; to.area()]);
            resize.set(from, to);
            resize.forward(level, raster, &mut out);
            out
        })
    }

    fn backward(from: Size, to: Size, canvas: &[f32]) -> Vec<f32> {
        at_every_level(|level| {
            let (mut resize, mut out) = (Resize::default(), vec![f32::NAN; from.area()]);
            resize.set(from, to);
            resize.backward(level, canvas, &mut out);
            out
        })
    }

    #[test]
    fn every_size_is_resized_by_the_definition_with_the_same_bits_at_every_level() {
        let mut random = Random::new(5);
        for (from, to) in sizes() {
            let raster: Vec<f32> = (0..from.area()).map(|_| 4.0 * random.normal()).collect();
            let found = forward(from, to, &raster);
            for (k, &found) in found.iter().enumerate() {
                let expected = exact(from, to, &raster, k / to.width, k % to.width);
                assert_close(f64::from(found), expected, 2e-6);
            }
        }
    }

    #[test]
    fn the_transpose_gives_each_pixel_what_the_outputs_took_of_it() {
        let mut random = Random::new(6);
        for (from, to) in sizes() {
            let canvas: Vec<f32> = (0..to.area()).map(|_| random.normal()).collect();
            let found = backward(from, to, &canvas);
            for (pixel, &found) in found.iter().enumerate().step_by(extent(1, 61)) {
                let mut unit = vec![0.0; from.area()];
                unit[pixel] = 1.0;
                let took = |(k, &g): (usize, &f32)| f64::from(g) * exact(from, to, &unit, k / to.width, k % to.width);
                let expected: f64 = canvas.iter().enumerate().map(took).sum();
                assert_close(f64::from(found), expected, 1e-6);
            }
        }
    }

    #[test]
    fn torch_gives_these_values() {
        // interpolate([[0, 1], [2, 3]], (3, 4), mode='bilinear', align_corners=False)
        let rows = [[0.0, 0.25, 0.75, 1.0], [1.0, 1.25, 1.75, 2.0], [2.0, 2.25, 2.75, 3.0]];
        let found = forward(Size::new(2, 2), Size::new(3, 4), &[0.0, 1.0, 2.0, 3.0]);
        found.iter().zip(rows.concat()).for_each(|(&found, expected)| assert_close(f64::from(found), expected, 1e-6));
        // interpolate([[0, 1, 2, 3, 4]], (1, 2)): no smoothing where it shrinks
        assert_eq!(forward(Size::new(1, 5), Size::new(1, 2), &[0.0, 1.0, 2.0, 3.0, 4.0]), [0.75, 3.25]);
    }

    #[test]
    fn equal_sizes_are_a_copy_bit_for_bit() {
        let size = Size::new(3, 5);
        let raster: Vec<f32> = (0..15).map(|k| if k % 2 == 0 { -0.0 } else { 1.0 / k as f32 }).collect();
        assert_eq!(bits(&forward(size, size, &raster)), bits(&raster));
        assert_eq!(bits(&backward(size, size, &raster)), bits(&raster));
    }

    #[test]
    fn a_canvas_without_pixels_gives_no_gradient() {
        assert_eq!(forward(Size::new(2, 2), Size::default(), &[1.0; 4]), []);
        assert_eq!(bits(&backward(Size::new(2, 2), Size::default(), &[])), [0; 4]);
    }

    #[test]
    fn tables_follow_the_sizes_they_are_set_to() {
        let (mut resize, level) = (Resize::default(), Level::detect());
        for (from, to) in sizes() {
            let raster: Vec<f32> = (0..from.area()).map(|k| k as f32).collect();
            let mut out = vec![f32::NAN; to.area()];
            resize.set(from, to);
            resize.forward(level, &raster, &mut out);
            assert_eq!(bits(&out), bits(&forward(from, to, &raster)));
        }
        assert!(resize.held() > 0);
    }

    #[test]
    fn padding_puts_zeros_right_and_below() {
        let mut out = [9; 12];
        pad(&[1, 2, 3, 4], Size::new(2, 2), Size::new(3, 4), &mut out);
        assert_eq!(out, [1, 2, 0, 0, 3, 4, 0, 0, 0, 0, 0, 0]);
        pad(&[], Size::new(0, 0), Size::new(3, 4), &mut out);
        assert_eq!(out, [0; 12]);
        let same = [7; 12];
        pad(&same, Size::new(3, 4), Size::new(3, 4), &mut out);
        assert_eq!(out, same);
    }

    #[test]
    fn nearest_pixels_are_those_of_torch() {
        // torch.nn.functional.interpolate(torch.arange(26.)[None, None], 22), whose 12th is 12, although 11 · 26 / 22 is 13
        let taken: Vec<usize> = (0..22).map(|i| nearest_pixel(i, 26, 22)).collect();
        assert_eq!(taken, [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 14, 15, 16, 17, 18, 20, 21, 22, 23, 24]);
        assert_eq!((0..6).map(|i| nearest_pixel(i, 3, 6)).collect::<Vec<_>>(), [0, 0, 1, 1, 2, 2]);
        assert_eq!((0..3).map(|i| nearest_pixel(i, 12, 3)).collect::<Vec<_>>(), [0, 4, 8]);
        assert_eq!(nearest_pixel(1, 1, 7), 0);
    }

    #[test]
    fn nearest_reads_the_padded_canvas_at_the_floor() {
        let (size, canvas) = (Size::new(3, 4), Size::new(5, 7));
        let mask: Vec<u8> = (1..=12).collect();
        let mut padded = [0; 35];
        pad(&mask, size, canvas, &mut padded);
        for to in [Size::new(5, 7), Size::new(2, 3), Size::new(1, 1), Size::new(9, 20), Size::new(0, 3)] {
            let mut out = vec![99; to.area()];
            nearest(&mask, size, canvas, to, &mut out);
            for (k, &found) in out.iter().enumerate() {
                let row = (k / to.width) as f64 * canvas.height as f64 / to.height as f64;
                let column = (k % to.width) as f64 * canvas.width as f64 / to.width as f64;
                assert_eq!(found, padded[row.floor() as usize * canvas.width + column.floor() as usize]);
            }
        }
    }
}
