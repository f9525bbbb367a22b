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

mod focus;
mod kernels;
mod rows;
#[cfg(test)]
mod tests;

use simd::{F32, LANES, Level, Simd, dispatch, padded, prelude::*};

pub(super) use focus::focus;
use kernels::{Kernel, Long, Narrow, Registers};
use rows::RowSums;
pub(super) use rows::{Entry, Rows};

/// Longest row, in vectors, that stays in registers between exponential and scaling.
const MAX_REGISTER_BLOCKS: usize = 8;

/// Where the background pass leaves what later stages need.
pub(super) struct BackgroundPlaces<'a> {
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
    out: &mut BackgroundPlaces<'_>,
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
    out: &mut BackgroundPlaces<'_>,
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
                let mut sums = RowSums::default();
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
                let mut sums = RowSums::default();
                kernel.softmax(simd, rows, entries, &mut sums, &mut probe);
                let nll = sums.nll(simd);
                for (slot, (entry, out)) in entries.iter().zip(out).enumerate() {
                    *out = Labelled { nll: nll[slot], is_largest: sums.is_argmax(slot, entry, rows) };
                }
            }
        },
    );
}
