//! Softmax of sixteen rows at a time: a kernel for short rows, one for rows that fit the registers, one for all longer ones.

use simd::{F32, LANES, Simd, lane_index, load, math, prelude::*, store};

use super::rows::{Entry, RowSums, Rows};

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
pub(super) trait Kernel {
    fn new(classes: usize) -> Self;
    fn softmax<S: Simd>(
        &mut self,
        simd: S,
        rows: &mut Rows<'_>,
        entries: &[Entry],
        sums: &mut RowSums,
        probe: &mut F32<S>,
    );
}

/// The largest logit of each row and the label's. `blocks`: whole blocks before the last, which overlaps them.
#[inline(always)]
fn largest<S: Simd>(
    simd: S,
    rows: &Rows<'_>,
    entries: &[Entry],
    blocks: usize,
    sums: &mut RowSums,
    probe: &mut F32<S>,
) {
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
fn own_exp<S: Simd>(simd: S, sums: &mut RowSums) {
    let [own] = math::exp([load(simd, &sums.own_logit, 0) - load(simd, &sums.max, 0)]);
    store(own, &mut sums.own, 0);
}

/// Rows of 16·(N - 1) + 1 to 16·N columns.
pub(super) struct Registers<const N: usize>(Keep<N>);

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
        sums: &mut RowSums,
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
pub(super) struct Long;

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
        sums: &mut RowSums,
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
pub(super) struct Narrow;

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
        sums: &mut RowSums,
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
