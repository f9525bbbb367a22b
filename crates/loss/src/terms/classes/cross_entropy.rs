//! Softmax cross-entropy of rows of logits: value, gradient, and the probabilities that the matching cost needs.
//!
//! A row with label y and weight w has the loss w · -log p_y and the gradient w · (p - onehot(y)); the caller divides
//! the weights by the normaliser beforehand. Source: Carion et al. 2020, section 3.1; facebookresearch/detr,
//! `SetCriterion.loss_labels`.
//!
//! Two cancellations are avoided, so that confident rows keep all their digits: p_y - 1 is formed as minus the sum of
//! the *other* exponentials, and -log p_y as ln(1 + others/own) wherever p_y > ½.
//!
//! Rows are handled sixteen at a time, by one of three kernels: [`Narrow`] for fewer than 16 columns (a lane is a
//! row), [`Registers`] where a row fits the registers, [`Long`] beyond.

use simd::{F32, F64, LANES, Level, Simd, dispatch, lane_index, load, math, padded, prelude::*, store};

/// Longest row, in vectors, that stays in registers between exponential and scaling.
const MAX_REGISTER_BLOCKS: usize = 8;

/// A row with its label and weight.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Entry {
    pub query: usize,
    pub label: usize,
    pub weight: f32,
}

/// The logits of one image and where the gradient goes.
pub(super) struct Rows<'a> {
    /// `[queries, classes]`.
    pub logits: &'a [f32],
    /// `[queries, classes]`, or space for sixteen rows where no gradient is wanted.
    pub gradient: &'a mut [f32],
    pub classes: usize,
}

impl Rows<'_> {
    fn logits(&self, query: usize) -> &[f32] {
        &self.logits[query * self.classes..][..self.classes]
    }

    /// A row's place in `gradient`.
    fn at(&self, query: usize, slot: usize) -> usize {
        let row = if self.gradient.len() == self.logits.len() { query } else { slot };
        row * self.classes
    }

    /// Where `value` first occurs in a row.
    fn first(&self, query: usize, value: f32) -> Option<usize> {
        self.logits(query).iter().position(|&x| x == value)
    }
}

/// What a kernel finds out about up to sixteen rows.
#[derive(Default)]
struct Sums {
    /// Largest logit.
    max: [f32; LANES],
    /// The label's logit.
    own_logit: [f32; LANES],
    /// e^(own_logit - max).
    own: [f32; LANES],
    /// Sum of e^(x - max) over the other columns.
    others: [f32; LANES],
    /// weight / (own + others).
    scale: [f32; LANES],
}

impl Sums {
    /// -log p of each row's label.
    #[inline(always)]
    fn nll<S: Simd>(&self, simd: S) -> [f64; LANES] {
        let (own, others) = (load(simd, &self.own, 0), load(simd, &self.others, 0));
        let odds = others / own;
        let confident = odds.simd_lt(1.0);
        let small = math::ln_1p(confident.select(odds, F32::splat(simd, 0.0)));
        let [log_sum] = math::ln([own + others]);
        let (own_logit, max) = (load(simd, &self.own_logit, 0).widen(), load(simd, &self.max, 0).widen());
        // the difference of two logits may exceed the range of f32
        let gap = [max.0 - own_logit.0, max.1 - own_logit.1];
        let value = confident.select(small, log_sum).widen();
        let zero = F64::splat(simd, 0.0);
        let confident = confident.widen();
        let low = value.0 + confident.0.select(zero, gap[0]);
        let high = value.1 + confident.1.select(zero, gap[1]);
        let mut nll = [0.0; LANES];
        low.store_slice(&mut nll[..8]);
        high.store_slice(&mut nll[8..]);
        nll
    }

    /// Whether the label of row `slot` is its first largest logit.
    #[inline(always)]
    fn is_argmax(&self, slot: usize, entry: &Entry, rows: &Rows<'_>) -> bool {
        if self.own_logit[slot] != self.max[slot] {
            return false;
        }
        // another logit of the same size has the exponential 1
        self.others[slot] < 1.0 || rows.first(entry.query, self.max[slot]) == Some(entry.label)
    }
}

/// 1 for a column that counts towards `others`, 0 for the label's and for lanes that an earlier block has counted:
/// rows are read in blocks of sixteen, the last of which overlaps its predecessor.
struct Keep<const N: usize> {
    lanes: [[f32; LANES]; N],
    /// The column that is 0, and its block and lane.
    label: usize,
    place: (usize, usize),
}

impl<const N: usize> Keep<N> {
    fn new(classes: usize) -> Self {
        let mut lanes = [[1.0; LANES]; N];
        lanes[N - 1][..N * LANES - classes].fill(0.0);
        Self { lanes, label: usize::MAX, place: (N - 1, 0) }
    }

    #[inline(always)]
    fn set_label(&mut self, classes: usize, label: usize) {
        if label != self.label {
            self.move_label(classes, label);
        }
    }

    fn move_label(&mut self, classes: usize, label: usize) {
        let (block, lane) = self.place;
        let is_counted = block == N - 1 && lane < N * LANES - classes;
        self.lanes[block][lane] = if is_counted { 0.0 } else { 1.0 };
        self.label = label;
        self.place =
            if label < (N - 1) * LANES { (label / LANES, label % LANES) } else { (N - 1, label + LANES - classes) };
        self.lanes[self.place.0][self.place.1] = 0.0;
    }
}

/// Softmax of up to sixteen rows: writes weight · (p - onehot(label)) and fills `sums`.
///
/// `probe` accumulates the logits; it is not finite if one of them is not.
trait Kernel {
    fn new(classes: usize) -> Self;
    fn softmax<S: Simd>(
        &mut self,
        simd: S,
        rows: &mut Rows<'_>,
        entries: &[Entry],
        sums: &mut Sums,
        probe: &mut F32<S>,
    );
}

/// The largest logit of each row and the label's. `blocks`: whole blocks before the last, which overlaps them.
#[inline(always)]
fn largest<S: Simd>(simd: S, rows: &Rows<'_>, entries: &[Entry], blocks: usize, sums: &mut Sums, probe: &mut F32<S>) {
    for (slot, entry) in entries.iter().enumerate() {
        let row = rows.logits(entry.query);
        let mut max = load(simd, row, rows.classes - LANES);
        *probe += max;
        for block in 0..blocks {
            let x = load(simd, row, LANES * block);
            *probe += x;
            max = max.max(x);
        }
        sums.max[slot] = max.reduce_max();
        sums.own_logit[slot] = row[entry.label];
    }
}

/// e^(own_logit - max) of all rows at once.
#[inline(always)]
fn own_exp<S: Simd>(simd: S, sums: &mut Sums) {
    let [own] = math::exp([load(simd, &sums.own_logit, 0) - load(simd, &sums.max, 0)]);
    store(own, &mut sums.own, 0);
}

/// Rows of 16·(N - 1) + 1 to 16·N columns.
struct Registers<const N: usize>(Keep<N>);

impl<const N: usize> Kernel for Registers<N> {
    fn new(classes: usize) -> Self {
        Self(Keep::new(classes))
    }

    #[inline(always)]
    fn softmax<S: Simd>(
        &mut self,
        simd: S,
        rows: &mut Rows<'_>,
        entries: &[Entry],
        sums: &mut Sums,
        probe: &mut F32<S>,
    ) {
        let last = rows.classes - LANES;
        largest(simd, rows, entries, N - 1, sums, probe);
        own_exp(simd, sums);
        for (slot, entry) in entries.iter().enumerate() {
            self.0.set_label(rows.classes, entry.label);
            let row = rows.logits(entry.query);
            let mut x = [load(simd, row, last) - sums.max[slot]; N];
            for block in 0..N - 1 {
                x[block] = load(simd, row, LANES * block) - sums.max[slot];
            }
            let e = math::exp(x);
            let mut others = F32::splat(simd, 0.0);
            for block in 0..N {
                others += e[block] * load(simd, &self.0.lanes[block], 0);
            }
            let others = others.reduce_sum();
            let scale = entry.weight / (others + sums.own[slot]);
            let at = rows.at(entry.query, slot);
            let out = &mut rows.gradient[at..at + rows.classes];
            for block in 0..N - 1 {
                store(e[block] * scale, out, LANES * block);
            }
            store(e[N - 1] * scale, out, last);
            out[entry.label] = -others * scale;
            sums.others[slot] = others;
            sums.scale[slot] = scale;
        }
    }
}

/// Rows of any length from 16 columns on; the exponentials pass through memory.
struct Long;

impl Kernel for Long {
    fn new(_: usize) -> Self {
        Self
    }

    #[inline(always)]
    fn softmax<S: Simd>(
        &mut self,
        simd: S,
        rows: &mut Rows<'_>,
        entries: &[Entry],
        sums: &mut Sums,
        probe: &mut F32<S>,
    ) {
        /// Vectors at a time.
        const STEP: usize = 4;
        let classes = rows.classes;
        let last = classes - LANES;
        let tail = (classes - 1) / LANES * LANES; // first column of the last block that no earlier block covers
        largest(simd, rows, entries, tail / LANES, sums, probe);
        own_exp(simd, sums);
        let lane = lane_index(simd);
        let zero = F32::splat(simd, 0.0);
        for (slot, entry) in entries.iter().enumerate() {
            let at = rows.at(entry.query, slot);
            let row = &rows.logits[entry.query * classes..][..classes];
            let out = &mut rows.gradient[at..at + classes];
            let max = sums.max[slot];
            let mut others = zero;
            let mut start = 0;
            while start + STEP * LANES <= tail {
                let mut x = [zero; STEP];
                for block in 0..STEP {
                    x[block] = load(simd, row, start + LANES * block) - max;
                }
                let e = math::exp(x);
                for block in 0..STEP {
                    let at = start + LANES * block;
                    store(e[block], out, at);
                    others += (lane + at as f32).simd_eq(entry.label as f32).select(zero, e[block]);
                }
                start += STEP * LANES;
            }
            while start < tail {
                let [e] = math::exp([load(simd, row, start) - max]);
                store(e, out, start);
                others += (lane + start as f32).simd_eq(entry.label as f32).select(zero, e);
                start += LANES;
            }
            let [e] = math::exp([load(simd, row, last) - max]);
            let column = lane + last as f32;
            let counts = column.simd_ge(tail as f32) & column.simd_ne(entry.label as f32);
            others += counts.select(e, zero);
            let others = others.reduce_sum();
            let scale = entry.weight / (others + sums.own[slot]);
            for at in (0..tail).step_by(LANES) {
                store(load(simd, out, at) * scale, out, at);
            }
            store(e * scale, out, last);
            out[entry.label] = -others * scale;
            sums.others[slot] = others;
            sums.scale[slot] = scale;
        }
    }
}

/// Rows of fewer than 16 columns: a lane is a row, so that no lane is idle.
struct Narrow;

impl Kernel for Narrow {
    fn new(_: usize) -> Self {
        Self
    }

    #[inline(always)]
    fn softmax<S: Simd>(
        &mut self,
        simd: S,
        rows: &mut Rows<'_>,
        entries: &[Entry],
        sums: &mut Sums,
        probe: &mut F32<S>,
    ) {
        const STEP: usize = 4;
        let classes = rows.classes;
        let mut columns = [[0.0; LANES]; LANES];
        let mut labels = [0.0; LANES];
        let mut weights = [0.0; LANES];
        for (slot, entry) in entries.iter().enumerate() {
            let row = rows.logits(entry.query);
            for (column, &x) in columns.iter_mut().zip(row) {
                column[slot] = x;
            }
            sums.own_logit[slot] = row[entry.label];
            (labels[slot], weights[slot]) = (entry.label as f32, entry.weight);
        }
        let mut max = load(simd, &columns[0], 0);
        for column in &columns[..classes] {
            let x = load(simd, column, 0);
            *probe += x;
            max = max.max(x);
        }
        store(max, &mut sums.max, 0);
        own_exp(simd, sums);
        let labels = load(simd, &labels, 0);
        let zero = F32::splat(simd, 0.0);
        let mut others = zero;
        for start in (0..classes).step_by(STEP) {
            let mut x = [zero; STEP];
            for k in 0..STEP {
                x[k] = load(simd, &columns[start + k], 0) - max;
            }
            let e = math::exp(x);
            for k in 0..STEP {
                store(e[k], &mut columns[start + k], 0);
                let counts = labels.simd_ne((start + k) as f32);
                if start + k < classes {
                    others += counts.select(e[k], zero);
                }
            }
        }
        let scale = load(simd, &weights, 0) / (others + load(simd, &sums.own, 0));
        store(others, &mut sums.others, 0);
        store(scale, &mut sums.scale, 0);
        for column in &mut columns[..classes] {
            store(load(simd, column, 0) * scale, column, 0);
        }
        for (slot, entry) in entries.iter().enumerate() {
            let at = rows.at(entry.query, slot);
            let out = &mut rows.gradient[at..at + classes];
            for (out, column) in out.iter_mut().zip(&columns) {
                *out = column[slot];
            }
            out[entry.label] = -sums.others[slot] * sums.scale[slot];
        }
    }
}

/// Where the background pass leaves what later stages need.
pub(super) struct Background<'a> {
    /// -log p of no-object for each query, padded to whole vectors with zeros.
    pub nll: &'a mut [f64],
    /// weight · p of each of `classes`, `[classes, padded queries]`.
    pub probabilities: &'a mut [f32],
    /// The distinct labels of the image's targets.
    pub classes: &'a [usize],
}

/// What the background pass counts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct BackgroundCounts {
    /// Queries whose first largest logit is an object class.
    pub objects: usize,
    /// Whether every logit was finite; if not, nothing of the pass means anything.
    pub finite: bool,
}

/// The pass over all queries of an image, each with the label `no_object` and the weight `weight` > 0.
pub(super) fn background(
    level: Level,
    rows: &mut Rows<'_>,
    no_object: usize,
    weight: f32,
    out: &mut Background<'_>,
) -> BackgroundCounts {
    dispatch!(level, simd => with_kernel!(simd, rows.classes, K => background_with::<_, K>(simd, rows, no_object, weight, out)))
}

/// What is known of a labelled row.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Labelled {
    /// -log p of the label.
    pub nll: f64,
    /// Whether the label is the first largest logit.
    pub is_largest: bool,
}

/// Gives single rows their label and weight; `out` is as long as `entries`.
pub(super) fn labelled(level: Level, rows: &mut Rows<'_>, entries: &[Entry], out: &mut [Labelled]) {
    dispatch!(level, simd => with_kernel!(simd, rows.classes, K => labelled_with::<_, K>(simd, rows, entries, out)));
}

/// Binds `$kernel` to the kernel for rows of `$classes` columns. All kernels add in the same order, so the choice does
/// not show in the bits; levels with short vectors have too few registers to gain from [`Registers`].
macro_rules! with_kernel {
    ($simd:ident, $classes:expr, $kernel:ident => $body:expr) => {
        match $classes.div_ceil(LANES) {
            _ if $classes < LANES => with_kernel!(@ Narrow, $kernel => $body),
            _ if !has_wide_vectors($simd) => with_kernel!(@ Long, $kernel => $body),
            1 => with_kernel!(@ Registers<1>, $kernel => $body),
            2 => with_kernel!(@ Registers<2>, $kernel => $body),
            3 => with_kernel!(@ Registers<3>, $kernel => $body),
            4 => with_kernel!(@ Registers<4>, $kernel => $body),
            5 => with_kernel!(@ Registers<5>, $kernel => $body),
            6 => with_kernel!(@ Registers<6>, $kernel => $body),
            7 => with_kernel!(@ Registers<7>, $kernel => $body),
            MAX_REGISTER_BLOCKS => with_kernel!(@ Registers<MAX_REGISTER_BLOCKS>, $kernel => $body),
            _ => with_kernel!(@ Long, $kernel => $body),
        }
    };
    (@ $type:ty, $kernel:ident => $body:expr) => {{
        type $kernel = $type;
        $body
    }};
}
use with_kernel;

/// Whether the level's own vectors hold at least eight `f32`. A constant for each level.
#[inline(always)]
fn has_wide_vectors<S: Simd>(_: S) -> bool {
    const { <S::f32s as SimdBase<S>>::LEN >= 8 }
}

#[inline(always)]
fn background_with<S: Simd, K: Kernel>(
    simd: S,
    rows: &mut Rows<'_>,
    no_object: usize,
    weight: f32,
    out: &mut Background<'_>,
) -> BackgroundCounts {
    simd.vectorize(
        #[inline(always)]
        || {
            let queries = rows.logits.len() / rows.classes;
            let stride = padded(queries);
            let mut kernel = K::new(rows.classes);
            let mut entries = [Entry { query: 0, label: no_object, weight }; LANES];
            let mut probe = F32::splat(simd, 0.0);
            let mut objects = 0;
            for start in (0..queries).step_by(LANES) {
                let count = LANES.min(queries - start);
                for (slot, entry) in entries.iter_mut().enumerate() {
                    entry.query = start + slot;
                }
                let entries = &entries[..count];
                let mut sums = Sums::default();
                kernel.softmax(simd, rows, entries, &mut sums, &mut probe);
                for (k, &class) in out.classes.iter().enumerate() {
                    let column = &mut out.probabilities[k * stride + start..][..count];
                    if class == no_object {
                        let own = sums.own.iter().zip(&sums.scale);
                        column.iter_mut().zip(own).for_each(|(place, (own, scale))| *place = own * scale);
                    } else {
                        let rows = rows.gradient[rows.at(start, 0)..].chunks_exact(rows.classes);
                        column.iter_mut().zip(rows).for_each(|(place, row)| *place = row[class]);
                    }
                }
                let nll = sums.nll(simd);
                out.nll[start..start + count].copy_from_slice(&nll[..count]);
                objects +=
                    entries.iter().enumerate().filter(|&(slot, entry)| !sums.is_argmax(slot, entry, rows)).count();
            }
            out.nll[queries..].fill(0.0);
            // a sum of finite logits can overflow: then the caller looks closer
            BackgroundCounts { objects, finite: probe.abs().simd_lt(f32::INFINITY).all_true() }
        },
    )
}

#[inline(always)]
fn labelled_with<S: Simd, K: Kernel>(simd: S, rows: &mut Rows<'_>, entries: &[Entry], out: &mut [Labelled]) {
    simd.vectorize(
        #[inline(always)]
        || {
            let mut kernel = K::new(rows.classes);
            let mut probe = F32::splat(simd, 0.0);
            for (entries, out) in entries.chunks(LANES).zip(out.chunks_mut(LANES)) {
                let mut sums = Sums::default();
                kernel.softmax(simd, rows, entries, &mut sums, &mut probe);
                let nll = sums.nll(simd);
                for (slot, (entry, out)) in entries.iter().zip(out).enumerate() {
                    *out = Labelled { nll: nll[slot], is_largest: sums.is_argmax(slot, entry, rows) };
                }
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{Random, assert_close, bits};

    /// Everything that the background pass gives, as bits and as numbers.
    #[derive(Debug, PartialEq)]
    struct Pass {
        gradient: Vec<f32>,
        nll: Vec<f64>,
        probabilities: Vec<f32>,
        objects: usize,
    }

    fn pass(level: Level, logits: &[f32], classes: usize, label: usize, wanted: &[usize]) -> Pass {
        let queries = logits.len() / classes;
        let (mut gradient, mut nll) = (vec![f32::NAN; logits.len()], vec![f64::NAN; padded(queries)]);
        let mut probabilities = vec![0.0; wanted.len() * padded(queries)];
        let mut out = Background { nll: &mut nll, probabilities: &mut probabilities, classes: wanted };
        let mut rows = Rows { logits, gradient: &mut gradient, classes };
        let counts = background(level, &mut rows, label, 0.25, &mut out);
        assert!(counts.finite);
        Pass { gradient, nll, probabilities, objects: counts.objects }
    }

    /// The definition, in `f64`.
    fn exact(row: &[f32], label: usize) -> (f64, Vec<f64>) {
        let max = row.iter().fold(f64::NEG_INFINITY, |m, &x| m.max(f64::from(x)));
        let e: Vec<f64> = row.iter().map(|&x| (f64::from(x) - max).exp()).collect();
        let sum: f64 = e.iter().sum();
        let others: f64 = e.iter().enumerate().filter(|&(k, _)| k != label).map(|(_, e)| e).sum();
        let nll = if others < e[label] { (others / e[label]).ln_1p() } else { sum.ln() + max - f64::from(row[label]) };
        let gradient = (0..row.len()).map(|k| if k == label { -others / sum } else { e[k] / sum }).collect();
        (nll, gradient)
    }

    #[test]
    fn rows_of_every_shape_follow_the_definition_with_the_same_bits_at_every_level() {
        let mut random = Random::new(1);
        let widths = (1..=67).chain([80, 91, 92, 96, 112, 113, 128, 129, 144, 145, 200, 366]);
        for classes in widths {
            for queries in [0, 1, 2, 15, 16, 17, 33, 67] {
                let logits: Vec<f32> = (0..queries * classes).map(|_| random.normal() * 4.0).collect();
                let label = [0, classes - 1, random.below(classes)][random.below(3)];
                let wanted: Vec<usize> = (0..3.min(classes)).map(|_| random.below(classes)).collect();
                let mut passes = Level::available().into_iter().map(|l| pass(l, &logits, classes, label, &wanted));
                let first = passes.next().expect("a level");
                for other in passes {
                    assert_eq!(bits(&first.gradient), bits(&other.gradient), "{queries}x{classes}");
                    assert_eq!(first, other, "{queries}x{classes}");
                }
                let mut objects = 0;
                for (query, row) in logits.chunks_exact(classes).enumerate() {
                    let (nll, gradient) = exact(row, label);
                    assert_close(first.nll[query], nll, 5e-7);
                    for k in 0..classes {
                        assert_close(4.0 * f64::from(first.gradient[query * classes + k]), gradient[k], 1e-6);
                    }
                    for (k, &class) in wanted.iter().enumerate() {
                        let p = if class == label { 1.0 + gradient[class] } else { gradient[class] };
                        let found = first.probabilities[k * padded(queries) + query];
                        assert!((4.0 * f64::from(found) - p).abs() < 1e-6, "p {found} {p}");
                    }
                    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                    objects += usize::from(row.iter().position(|&x| x == largest) != Some(label));
                }
                assert_eq!(first.objects, objects, "{queries}x{classes}");
            }
        }
    }

    #[test]
    fn confident_rows_keep_all_their_digits() {
        for classes in [2, 11, 16, 92, 200] {
            for confidence in [1.0f32, 8.0, 20.0, 40.0, 80.0] {
                for label in [0, classes / 2, classes - 1] {
                    let mut logits = vec![0.0f32; 17 * classes];
                    logits.iter_mut().skip(label).step_by(classes).for_each(|x| *x = confidence);
                    for level in Level::available() {
                        let found = pass(level, &logits, classes, label, &[]);
                        let (nll, gradient) = exact(&logits[..classes], label);
                        assert_close(found.nll[16], nll, 8e-6);
                        let relative = f64::from(found.gradient[16 * classes + label]) * 4.0 / gradient[label] - 1.0;
                        assert!(relative.abs() < 8e-6, "{classes} classes, logit {confidence}: off by {relative}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_query_counts_as_an_object_by_its_first_largest_logit() {
        let rows = [[3.0, 3.0, 1.0], [1.0, 3.0, 3.0], [0.0, 0.0, 0.0], [1.0, 2.0, 4.0]].concat();
        for level in Level::available() {
            assert_eq!(pass(level, &rows, 3, 2, &[]).objects, 3);
            assert_eq!(pass(level, &rows, 3, 1, &[]).objects, 3);
            assert_eq!(pass(level, &rows, 3, 0, &[]).objects, 2);
        }
    }

    #[test]
    fn logits_that_are_not_finite_are_noticed_wherever_they_are() {
        for classes in [3, 16, 40, 92, 150] {
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                for at in [0, classes - 1, 20 * classes - 1, 9 * classes + classes / 2] {
                    let mut logits = vec![0.5; 20 * classes];
                    logits[at] = bad;
                    let mut gradient = vec![0.0; logits.len()];
                    let mut rows = Rows { logits: &logits, gradient: &mut gradient, classes };
                    for level in Level::available() {
                        let mut out = Background { nll: &mut [0.0; 32], probabilities: &mut [], classes: &[] };
                        assert!(!background(level, &mut rows, classes - 1, 1.0, &mut out).finite);
                    }
                }
            }
        }
    }

    #[test]
    fn matched_rows_take_their_own_label_and_weight() {
        let mut random = Random::new(2);
        for classes in [2, 11, 15, 16, 31, 92, 128, 300] {
            let logits: Vec<f32> = (0..40 * classes).map(|_| random.normal() * 3.0).collect();
            let entries: Vec<Entry> = (0..37)
                .map(|k| Entry { query: (k * 7) % 40, label: random.below(classes), weight: 0.5 + random.unit() })
                .collect();
            let mut first: Option<Vec<u32>> = None;
            for level in Level::available() {
                let mut gradient = vec![0.0; logits.len()];
                let mut found = vec![Labelled::default(); entries.len()];
                labelled(level, &mut Rows { logits: &logits, gradient: &mut gradient, classes }, &entries, &mut found);
                for (entry, found) in entries.iter().zip(&found) {
                    let row = &logits[entry.query * classes..][..classes];
                    let (nll, exact) = exact(row, entry.label);
                    assert_close(found.nll, nll, 5e-7);
                    assert_eq!(found.is_largest, row.iter().all(|&x| x <= row[entry.label]));
                    for (k, &slope) in exact.iter().enumerate() {
                        let value = f64::from(gradient[entry.query * classes + k]);
                        assert_close(value, slope * f64::from(entry.weight), 1e-6);
                    }
                }
                assert_eq!(*first.get_or_insert_with(|| bits(&gradient)), bits(&gradient));
            }
        }
    }
}
