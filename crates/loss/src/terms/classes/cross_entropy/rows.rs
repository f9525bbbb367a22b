//! Rows of logits with their labels, and what is found out about sixteen of them.

use simd::{F32, F64, LANES, Simd, load, math, prelude::*};

/// A row with its label and weight.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Entry {
    pub query: usize,
    pub label: usize,
    pub weight: f32,
}

/// The logits of one image and where the gradient goes.
pub(crate) struct Rows<'a> {
    /// `[queries, classes]`.
    pub logits: &'a [f32],
    /// `[queries, classes]`, or space for sixteen rows where no gradient is wanted.
    pub gradient: &'a mut [f32],
    pub classes: usize,
}

impl Rows<'_> {
    pub fn logits(&self, query: usize) -> &[f32] {
        &self.logits[query * self.classes..][..self.classes]
    }

    /// A row's place in `gradient`.
    pub fn at(&self, query: usize, slot: usize) -> usize {
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
pub(super) struct RowSums {
    /// Largest logit.
    pub max: [f32; LANES],
    /// The label's logit.
    pub own_logit: [f32; LANES],
    /// e^(own_logit - max).
    pub own: [f32; LANES],
    /// Sum of e^(x - max) over the other columns.
    pub others: [f32; LANES],
    /// weight / (own + others).
    pub scale: [f32; LANES],
}

impl RowSums {
    /// -log p of each row's label.
    #[inline(always)]
    pub fn nll<S: Simd>(&self, simd: S) -> [f64; LANES] {
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
    pub fn is_argmax(&self, slot: usize, entry: &Entry, rows: &Rows<'_>) -> bool {
        if self.own_logit[slot] != self.max[slot] {
            return false;
        }
        // another logit of the same size has the exponential 1
        self.others[slot] < 1.0 || rows.first(entry.query, self.max[slot]) == Some(entry.label)
    }
}
