//! Gradients by what several jobs share, such as a row that all queries of an image have: each job writes to a copy of its
//! own, and the copies are added up in the order of the jobs, so that the bits do not depend on who is done first.

use lsap::memory::first_rows;

use super::plan::{GradientTensor, Layout};
use crate::error::{Error, Result};
use crate::field::Owner;
use crate::terms::OWNERS;

/// Whether any gradient has such.
pub(crate) fn has_any(layout: &Layout) -> bool {
    layout.gradients.iter().any(|info| is_shared(layout, info))
}

/// For each tensor with a gradient its copies, `[layers, images, slots, width]`; nothing where each job has rows of its own.
pub(crate) fn copies(layout: &Layout) -> Result<Vec<Vec<f32>>> {
    let of = |info: &GradientTensor| {
        let length = if is_shared(layout, info) { length(layout, info) } else { 0 };
        let mut memory = Vec::new();
        first_rows("", &mut memory, [1, length]).map_err(Error::refused(Some(layout.tensors[info.tensor].part)))?;
        Ok(memory)
    };
    layout.gradients.iter().map(of).collect()
}

/// Bytes that the copies take.
pub(crate) fn bytes(layout: &Layout) -> u128 {
    let shared = layout.gradients.iter().filter(|info| is_shared(layout, info));
    shared.map(|info| length(layout, info) as u128 * size_of::<f32>() as u128).sum()
}

/// Where the jobs write: the copies, or where there are none, the gradients themselves.
pub(crate) fn places<'a>(
    gradients: &'a mut [&mut [f32]],
    copies: &'a mut [Vec<f32>],
    layout: &Layout,
) -> Vec<&'a mut [f32]> {
    let all = gradients.iter_mut().zip(copies).zip(&layout.gradients);
    all.map(|((own, copies), info)| if is_shared(layout, info) { &mut **copies } else { &mut **own }).collect()
}

/// Adds up the copies.
pub(crate) fn add_up(gradients: &mut [&mut [f32]], copies: &[Vec<f32>], layout: &Layout) {
    for ((gradient, copies), info) in gradients.iter_mut().zip(copies).zip(&layout.gradients) {
        if !is_shared(layout, info) {
            continue;
        }
        let (width, images) = (layout.tensors[info.tensor].width(), layout.images);
        let mut rest = &**copies;
        let mut rows = gradient.chunks_exact_mut(width.max(1));
        for sharing in &info.slots {
            let (rows_of_layer, jobs) = match OWNERS[info.field] {
                Owner::Layer | Owner::Pair => (1, images * sharing.len()),
                _ => (images, sharing.len()),
            };
            for row in rows.by_ref().take(rows_of_layer) {
                let own;
                (own, rest) = rest.split_at(jobs * width);
                for (at, sum) in row.iter_mut().enumerate() {
                    // the sum of nothing by `sum()` is -0, and one beyond the range of f32 is its largest number
                    let total = (0..jobs).fold(0.0, |sum, job| sum + f64::from(own[job * width + at]));
                    *sum = (total as f32).clamp(f32::MIN, f32::MAX);
                }
            }
        }
    }
}

/// Whether more than one job, or none, adds to a row of a tensor.
fn is_shared(layout: &Layout, info: &GradientTensor) -> bool {
    match OWNERS[info.field] {
        Owner::Query => false,
        Owner::Image => info.slots.iter().any(|sharing| sharing.len() != 1),
        Owner::Layer | Owner::Pair => info.slots.iter().any(|sharing| layout.images * sharing.len() != 1),
    }
}

fn length(layout: &Layout, info: &GradientTensor) -> usize {
    let jobs: usize = info.slots.iter().map(|sharing| layout.images * sharing.len()).sum();
    jobs * layout.tensors[info.tensor].width()
}
