//! Jobs: images of layers, each with the places that its results go to.

use super::plan::{Layout, Slot};
use super::sums::{NonFiniteCounts, Sums};
use crate::error::Error;
use crate::field::{MAX_FIELDS, Owner};
use crate::terms::OWNERS;

/// Gradients of an image by the fields of its queries, in their order; empty where there is none.
pub(crate) type Gradients<'a> = [&'a mut [f32]; MAX_FIELDS];

/// One image of one layer, where its results go, and what it adds to the sums.
pub(crate) struct Job<'a> {
    /// Number of the layer among those of all parts.
    pub slot: usize,
    pub image: usize,
    /// The number of its first pair among those of its layer, where anything belongs to pairs.
    pub first_pair: usize,
    /// How long it takes, in logits to read.
    pub work: usize,
    pub gradients: Option<Gradients<'a>>,
    /// `[queries]`.
    pub matches: &'a mut [i32],
    /// `[queries]`: how well each pair agrees, where that is asked for later.
    pub quality: Option<&'a mut [f64]>,
    /// Of a matching by score, the pairs beyond the first of each query.
    pub further: Vec<(usize, usize)>,
    pub sums: Sums,
    pub class_weight: f64,
    pub non_finite: NonFiniteCounts,
    pub fault: Option<Error>,
}

/// Where the results of a stage go.
pub(crate) struct JobOutputs<'a, 'b> {
    /// One for each tensor that has a gradient, or what stands in for it ([`super::shared`]); none where gradients are not
    /// wanted.
    pub gradients: &'a mut [&'b mut [f32]],
    /// The matchings of all layers.
    pub matches: &'a mut [i32],
    /// As long, or empty.
    pub quality: &'a mut [f64],
    /// For each layer and image the number of its first pair, or empty.
    pub first_pairs: &'a [usize],
}

/// All images of the layers that a stage takes, layer after layer.
pub(crate) fn jobs<'a>(
    layout: &Layout,
    takes: impl Fn(&Slot) -> bool,
    work: impl Fn(&Slot, usize) -> usize,
    out: JobOutputs<'a, '_>,
) -> Vec<Job<'a>> {
    let images = layout.images;
    let mut gradients = split_gradients(layout, out.gradients);
    let (mut matches, mut quality) = (out.matches, out.quality);
    let mut jobs = Vec::with_capacity(layout.slots.len() * images);
    for (index, slot) in layout.slots.iter().enumerate() {
        let queries = layout.parts[slot.part].queries.len();
        let is_taken = takes(slot);
        for image in 0..images {
            let matches = take(&mut matches, queries);
            let quality = if quality.is_empty() { None } else { Some(take(&mut quality, queries)) };
            if is_taken {
                jobs.push(Job {
                    slot: index,
                    image,
                    first_pair: out.first_pairs.get(index * images + image).copied().unwrap_or(0),
                    work: work(slot, image),
                    gradients: gradients.get_mut(index * images + image).and_then(Option::take),
                    matches,
                    quality,
                    further: Vec::new(),
                    sums: Sums::default(),
                    class_weight: 0.0,
                    non_finite: NonFiniteCounts::default(),
                    fault: None,
                });
            }
        }
    }
    jobs
}

/// The gradients of all images of all layers, `[layers, images]`, or nothing where none are wanted.
fn split_gradients<'a>(layout: &Layout, gradients: &'a mut [&mut [f32]]) -> Vec<Option<Gradients<'a>>> {
    let images = if gradients.is_empty() { 0 } else { layout.images };
    let mut split: Vec<Option<Gradients<'a>>> = Vec::new();
    split.resize_with(layout.slots.len() * images, || Some(std::array::from_fn(|_| &mut [][..])));
    for (gradient, info) in gradients.iter_mut().zip(&layout.gradients) {
        let width = layout.tensors[info.tensor].width();
        let is_own = OWNERS[info.field] == Owner::Query;
        let mut rest = &mut **gradient;
        for sharing in &info.slots {
            for image in 0..images {
                for &slot in sharing {
                    let queries = layout.parts[layout.slots[slot].part].queries.len();
                    let own = take(&mut rest, if is_own { queries * width } else { width });
                    if let Some(places) = &mut split[slot * images + image] {
                        places[info.field] = own;
                    }
                }
            }
        }
    }
    split
}

/// Takes the first values away.
fn take<'a, T>(rest: &mut &'a mut [T], length: usize) -> &'a mut [T] {
    let first;
    (first, *rest) = std::mem::take(rest).split_at_mut(length);
    first
}
