//! Masks as products: the logit of a query at a pixel is ⟨query, features of the pixel⟩ + bias, as in facebookresearch/MaskFormer
//! and roboflow/rf-detr. What is linear in the features may be sampled before it is multiplied or after, but for the bias, which
//! is no part of what is 0 outside a raster.

use lsap::Share;
use lsap::memory::{GiveBack, KEPT_TO_HELP, held};
use simd::{F32, F64, LANES, Level, Simd, dispatch, load, load_half, prelude::*, store_f64};

/// Factors whose products are added in `f32`, before the sum goes on in `f64`.
const RUN: usize = 16;

/// Columns that are multiplied with all rows before the next ones.
const PANEL: usize = 8 * LANES;

/// Rows that are multiplied at a time.
const ROWS: usize = 4;

/// Columns of a product, and features of a projection, that a thread takes at a time.
const COLUMNS: usize = 16 * PANEL;
const FEATURES_AT_ONCE: usize = 16;

/// Memory of a product: of a panel of the right, and of all of the left. It grows with the columns of the left.
#[derive(Debug, Default)]
pub(super) struct Panel(Vec<f32>);

impl Panel {
    /// Its bytes.
    pub fn held(&self) -> usize {
        held(&self.0)
    }
}

impl GiveBack for Panel {
    fn give_back(&mut self) {
        if self.held() > KEPT_TO_HELP {
            *self = Self::default();
        }
    }
}

/// A matrix, row-major.
#[derive(Clone, Copy, Debug)]
pub(super) struct Matrix<'a> {
    pub values: &'a [f32],
    pub rows: usize,
    pub columns: usize,
    /// Whether `values` has its columns as rows, `[columns, rows]`.
    pub is_transposed: bool,
}

impl Matrix<'_> {
    #[inline(always)]
    fn at(&self, row: usize, column: usize) -> f32 {
        self.values[if self.is_transposed { column * self.rows + row } else { row * self.columns + column }]
    }
}

/// `left · right + bias`. `right`: `[left.columns, width]`. `out`: `[left.rows, width]`, overwritten.
pub(super) fn product(
    level: Level,
    share: &Share,
    left: &Matrix<'_>,
    right: &[f32],
    bias: f32,
    panel: &mut Panel,
    out: &mut [f32],
) {
    debug_assert_eq!(left.values.len(), left.rows * left.columns);
    if left.rows == 0 || left.columns == 0 || out.is_empty() {
        out.fill(bias);
        return;
    }
    debug_assert_eq!(right.len() * left.rows, out.len() * left.columns);
    let width = right.len() / left.columns;
    let mut jobs = in_columns(out, width, COLUMNS);
    share.each(panel, &mut jobs, |Panel(panel), (first, out)| {
        panel.resize(left.columns * (PANEL + left.rows.next_multiple_of(ROWS)), 0.0);
        dispatch!(level, simd => product_with(simd, left, (right, width), *first, bias, panel, out));
    });
}

/// Splits a matrix into some columns after others, each with the number of its first and a slice of every row.
fn in_columns<T>(matrix: &mut [T], width: usize, count: usize) -> Vec<(usize, Vec<&mut [T]>)> {
    let mut rest: Vec<_> = matrix.chunks_exact_mut(width.max(1)).collect();
    let mut split = |first: usize| {
        let rows = rest.iter_mut().map(|row| row.split_off_mut(..count.min(width - first)).expect("so many are left"));
        (first, rows.collect())
    };
    (0..width).step_by(count).map(&mut split).collect()
}

/// The columns of a product from the `first` on. `out`: those of each row.
#[inline(always)]
fn product_with<S: Simd>(
    simd: S,
    left: &Matrix<'_>,
    (right, width): (&[f32], usize),
    first: usize,
    bias: f32,
    panel: &mut [f32],
    out: &mut [&mut [f32]],
) {
    let columns = out.first().map_or(0, |row| row.len());
    let (panel, factors) = panel.split_at_mut(left.columns * PANEL);
    for (group, factors) in factors.chunks_exact_mut(left.columns * ROWS).enumerate() {
        for (place, factor) in factors.iter_mut().enumerate() {
            let (column, row) = (place / ROWS, group * ROWS + place % ROWS);
            *factor = if row < left.rows { left.at(row, column) } else { 0.0 };
        }
    }
    for at in (0..columns).step_by(PANEL) {
        let length = PANEL.min(columns - at);
        // rows that lie far apart are brought together once, for all rows of the left
        for (row, panel) in right.chunks_exact(width).zip(panel.chunks_exact_mut(PANEL)) {
            panel[..length].copy_from_slice(&row[first + at..][..length]);
            panel[length..].fill(0.0);
        }
        for (group, factors) in factors.chunks_exact(left.columns * ROWS).enumerate() {
            for within in (0..length).step_by(LANES) {
                let tile = if left.rows == 1 {
                    tile::<S, 1>(simd, factors, panel, within, bias)
                } else {
                    tile::<S, ROWS>(simd, factors, panel, within, bias)
                };
                for (out, tile) in out[group * ROWS..].iter_mut().zip(&tile) {
                    put(tile, &mut out[at + within..][..LANES.min(length - within)]);
                }
            }
        }
    }
}

/// One vector of the first `N` of some rows of the product. `factors`: `[columns, ROWS]`; `panel`: `[columns, PANEL]`.
#[inline(always)]
fn tile<S: Simd, const N: usize>(
    simd: S,
    factors: &[f32],
    panel: &[f32],
    within: usize,
    bias: f32,
) -> [[f32; LANES]; ROWS] {
    let mut sums = [[F64::splat(simd, f64::from(bias)); 2]; N];
    for (factors, panel) in factors.chunks(RUN * ROWS).zip(panel.chunks(RUN * PANEL)) {
        let mut partial = [F32::splat(simd, 0.0); N];
        for (factors, panel) in factors.chunks_exact(ROWS).zip(panel.chunks_exact(PANEL)) {
            let right = load(simd, panel, within);
            for row in 0..N {
                partial[row] += right * factors[row];
            }
        }
        for row in 0..N {
            let (low, high) = partial[row].widen();
            sums[row][0] += low;
            sums[row][1] += high;
        }
    }
    let mut tile = [[0.0; LANES]; ROWS];
    for row in 0..N {
        let mut wide = [0.0; LANES];
        store_f64(sums[row], &mut wide, 0);
        for (out, wide) in tile[row].iter_mut().zip(wide) {
            *out = wide as f32;
        }
    }
    tile
}

/// Writes the first values of a vector, most often all.
#[inline(always)]
fn put(values: &[f32; LANES], out: &mut [f32]) {
    match out.first_chunk_mut() {
        Some(out) => *out = *values,
        None => out.iter_mut().zip(values).for_each(|(out, &value)| *out = value),
    }
}

/// The derivatives by some queries, `features · gradient`; each feature is read once for all of them. `features`:
/// `[features, width]`; `gradients`: `[queries, width]`; `out`: `[queries, features]`, overwritten.
pub(super) fn project(level: Level, share: &Share, features: &[f32], gradients: &[f32], width: usize, out: &mut [f64]) {
    if width == 0 {
        out.fill(0.0);
        return;
    }
    let count = features.len() / width;
    debug_assert_eq!(out.len() * width, gradients.len() * count);
    let mut jobs = in_columns(out, count, FEATURES_AT_ONCE);
    share.each(&mut (), &mut jobs, |(), (first, out)| {
        let features = features[*first * width..].chunks_exact(width).take(FEATURES_AT_ONCE);
        dispatch!(level, simd => for (k, feature) in features.enumerate() {
            for (gradient, out) in gradients.chunks_exact(width).zip(&mut *out) {
                out[k] = dot(simd, feature, gradient);
            }
        });
    });
}

#[inline(always)]
fn dot<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f64 {
    const STEP: usize = 4 * LANES;
    let mut sums = [F64::splat(simd, 0.0); 2];
    let whole = a.len() / STEP * STEP;
    for run in (0..whole).step_by(RUN / 4 * STEP) {
        let mut partial = [F32::splat(simd, 0.0); 4];
        for at in (run..whole.min(run + RUN / 4 * STEP)).step_by(STEP) {
            for k in 0..4 {
                partial[k] += load(simd, a, at + k * LANES) * load(simd, b, at + k * LANES);
            }
        }
        let (low, high) = ((partial[0] + partial[1]) + (partial[2] + partial[3])).widen();
        sums[0] += low;
        sums[1] += high;
    }
    let rest = a[whole..].iter().zip(&b[whole..]);
    (sums[0] + sums[1]).reduce_sum() + rest.map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>()
}

/// The sum of a gradient: the derivative by the bias.
pub(super) fn total(level: Level, gradient: &[f32]) -> f64 {
    dispatch!(level, simd => total_with(simd, gradient))
}

#[inline(always)]
fn total_with<S: Simd>(simd: S, values: &[f32]) -> f64 {
    let mut sums = [F64::splat(simd, 0.0); 2];
    let whole = values.len() / LANES * LANES;
    for at in (0..whole).step_by(LANES) {
        sums[0] += load_half(simd, values, at);
        sums[1] += load_half(simd, values, at + LANES / 2);
    }
    (sums[0] + sums[1]).reduce_sum() + values[whole..].iter().map(|&value| f64::from(value)).sum::<f64>()
}

/// Adds a bias to samples, and takes back what those beyond the border lack of it, as if it had been added to each pixel.
pub(super) fn shift(bias: f32, lacking: &[(u32, f32)], samples: &mut [f32]) {
    for sample in samples.iter_mut() {
        *sample += bias;
    }
    unshift(bias, lacking, samples);
}

/// Takes back what samples lack of a bias that was added to all of them.
pub(super) fn unshift(bias: f32, lacking: &[(u32, f32)], samples: &mut [f32]) {
    for &(sample, lack) in lacking {
        samples[sample as usize] += bias * lack;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{Random, assert_close, bits, extent};

    const WIDTHS: [usize; 12] = [0, 1, 15, 16, 17, 31, 33, 127, 128, 129, 300, 1000];

    fn widths() -> impl Iterator<Item = usize> {
        WIDTHS.into_iter().step_by(extent(1, 4))
    }

    fn random_values(random: &mut Random, count: usize) -> Vec<f32> {
        (0..count).map(|_| random.normal()).collect()
    }

    /// Relative to the sum of the magnitudes.
    #[track_caller]
    fn assert_sum(found: f64, start: f64, terms: impl Iterator<Item = f64>) {
        let (expected, size) = terms.fold((start, start), |(sum, size), term| (sum + term, size + term.abs()));
        assert!((found - expected).abs() <= 3e-7 * size, "{found} is not {expected}");
    }

    #[test]
    fn products_of_every_size_follow_the_definition_with_the_same_bits_at_every_level() {
        let mut random = Random::new(41);
        for width in widths() {
            for (rows, columns) in
                [(0, 3), (1, 0), (1, 1), (2, 5), (3, 16), (5, 17), (4, 64)].into_iter().take(extent(7, 5))
            {
                let (values, right) =
                    (random_values(&mut random, rows * columns), random_values(&mut random, columns * width));
                for is_transposed in [false, true] {
                    let left = Matrix { values: &values, rows, columns, is_transposed };
                    let mut all = Level::available().into_iter().map(|level| {
                        // what was multiplied before leaves nothing
                        let (mut panel, mut out) = (Panel(vec![f32::NAN; 3 * PANEL]), vec![f32::NAN; rows * width]);
                        product(level, &Share::ALONE, &left, &right, 0.5, &mut panel, &mut out);
                        out
                    });
                    let first = all.next().expect("a level");
                    all.for_each(|other| assert_eq!(bits(&first), bits(&other)));
                    for (k, &found) in first.iter().enumerate() {
                        let (row, column) = (k / width, k % width);
                        let factor = |i: usize| values[if is_transposed { i * rows + row } else { row * columns + i }];
                        let term = |i: usize| f64::from(factor(i)) * f64::from(right[i * width + column]);
                        assert_sum(f64::from(found), 0.5, (0..columns).map(term));
                    }
                }
            }
        }
    }

    #[test]
    fn the_gradients_by_query_and_bias_follow_the_definition_with_the_same_bits_at_every_level() {
        let mut random = Random::new(42);
        for (width, queries) in widths().flat_map(|width| [0, 1, 2, 5].map(|queries| (width, queries))) {
            for count in [0, 1, 3] {
                let features = random_values(&mut random, count * width);
                let gradients = random_values(&mut random, queries * width);
                let mut all = Level::available().into_iter().map(|level| {
                    let mut out = vec![f64::NAN; queries * count];
                    project(level, &Share::ALONE, &features, &gradients, width, &mut out);
                    out.push(total(level, &gradients));
                    out
                });
                let first = all.next().expect("a level");
                all.for_each(|other| assert!(first.iter().zip(&other).all(|(a, b)| a.to_bits() == b.to_bits())));
                for (k, &found) in first[..queries * count].iter().enumerate() {
                    let (query, feature) = (k / count * width, k % count * width);
                    let term = |i: usize| f64::from(features[feature + i]) * f64::from(gradients[query + i]);
                    assert_sum(found, 0.0, (0..width).map(term));
                }
                let sum: f64 = gradients.iter().map(|&value| f64::from(value)).sum();
                assert_close(first[queries * count], sum, 1e-12);
            }
        }
    }

    #[test]
    fn sampling_before_or_after_the_product_is_the_same() {
        use super::super::canvas::Size;
        use super::super::grid::{Outside, Reading, Taps};
        let mut random = Random::new(43);
        let (size, rows, columns, count) = (Size::new(6, 9), 3, 8, 50);
        let queries = random_values(&mut random, rows * columns);
        let features = random_values(&mut random, columns * size.area());
        let points: Vec<f32> = (0..2 * count).map(|_| random.unit()).collect();
        let left = Matrix { values: &queries, rows, columns, is_transposed: false };
        for outside in [Outside::Zero, Outside::Border] {
            let mut taps = Taps::default();
            let level = Level::detect();
            taps.lay_out(level, &points, size, size, Reading::Bilinear(outside));
            let mut panel = Panel::default();
            let (mut sampled, mut before) = (vec![0.0; columns * count], vec![0.0; rows * count]);
            for (plane, out) in features.chunks_exact(size.area()).zip(sampled.chunks_exact_mut(count)) {
                taps.gather(level, plane, out);
            }
            product(level, &Share::ALONE, &left, &sampled, 0.75, &mut panel, &mut before);
            let (mut masks, mut after) = (vec![0.0; rows * size.area()], vec![0.0; rows * count]);
            product(level, &Share::ALONE, &left, &features, 0.75, &mut panel, &mut masks);
            for (mask, out) in masks.chunks_exact(size.area()).zip(after.chunks_exact_mut(count)) {
                taps.gather(level, mask, out);
            }
            let mut lacking = Vec::new();
            taps.lacking(&mut lacking);
            assert_eq!(lacking.is_empty(), outside == Outside::Border);
            before.chunks_exact_mut(count).for_each(|row| unshift(0.75, &lacking, row));
            let mut shifted = after.clone();
            product(level, &Share::ALONE, &left, &features, 0.0, &mut panel, &mut masks);
            for (mask, out) in masks.chunks_exact(size.area()).zip(shifted.chunks_exact_mut(count)) {
                taps.gather(level, mask, out);
                shift(0.75, &lacking, out);
            }
            for ((before, after), shifted) in before.iter().zip(after).zip(shifted) {
                assert_close(f64::from(*before), f64::from(after), 2e-6);
                assert_close(f64::from(shifted), f64::from(after), 2e-6);
            }
        }
    }
}
