//! The union matching of several layers, for their geometric terms (Peng et al. 2025, "D-FINE"; Peterande/D-FINE,
//! `_get_go_indices`): of all layers' pairs, the most frequent first, one target for each query. Of equally frequent
//! pairs of a query, the one with the smaller target.

use std::borrow::Cow;

use super::step::Step;
use crate::batch::BACKGROUND;
use crate::error::{Error, Result};

/// The union matching, `[images, queries]`, if any part uses it. A pair counts in the layers where its query is finite.
/// `are_finite`: whether all queries are known to be.
///
/// # Errors
/// [`Error::UnionQueries`].
pub(crate) fn union(step: &Step<'_>, matches: &[i32], are_finite: bool) -> Result<Option<Vec<i32>>> {
    let layout = step.layout;
    let slots: Vec<_> = layout.slots.iter().enumerate().filter(|(_, slot)| layout.parts[slot.part].union).collect();
    let Some(&(_, first)) = slots.first() else { return Ok(None) };
    let queries = layout.parts[first.part].queries.len();
    for (_, slot) in &slots {
        let own = layout.parts[slot.part].queries.len();
        if own != queries {
            let (part, first) = (slot.part, first.part);
            return Err(Error::UnionQueries { part, queries: own, first, expected: queries });
        }
    }
    let layers = slots.iter().map(|(index, slot)| match &matches[slot.matches.clone()] {
        all if are_finite => Cow::Borrowed(all),
        all => Cow::Owned(finite_pairs(step, *index, all, queries)),
    });
    let layers: Vec<_> = layers.collect();
    let mut out = vec![BACKGROUND; layout.images * queries];
    for (image, out) in out.chunks_exact_mut(queries.max(1)).enumerate() {
        let layers: Vec<_> = layers.iter().map(|layer| &layer[image * queries..][..queries]).collect();
        merge(&layers, out);
    }
    Ok(Some(out))
}

/// A layer's matching, `[images, queries]`, with queries that are not finite as background.
fn finite_pairs(step: &Step<'_>, slot: usize, matches: &[i32], queries: usize) -> Vec<i32> {
    let mut finite = matches.to_vec();
    for (number, matches) in finite.chunks_exact_mut(queries.max(1)).enumerate() {
        let image = step.image(slot, number);
        for (query, target) in matches.iter_mut().enumerate() {
            if !image.is_finite(step.setup, query) {
                *target = BACKGROUND;
            }
        }
    }
    finite
}

/// Writes the target of each query of one image, or -1. `layers`: the matchings of all layers, `[queries]` each.
fn merge(layers: &[&[i32]], out: &mut [i32]) {
    let mut offered = Vec::with_capacity(layers.len());
    for (query, chosen) in out.iter_mut().enumerate() {
        offered.clear();
        offered.extend(layers.iter().map(|targets| targets[query]).filter(|&target| target >= 0));
        offered.sort_unstable();
        let runs = offered.chunk_by(|a, b| a == b);
        let best = runs.reduce(|best, run| if run.len() > best.len() { run } else { best });
        *chosen = best.map_or(BACKGROUND, |run| run[0]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_pair_wins_and_ties_go_to_the_smaller_target() {
        let mut out = [7; 6];
        merge(&[&[2, -1, 0, 1, -2, 0], &[2, 3, 1, 0, -1, -1], &[0, -1, 1, 2, -1, -2]], &mut out);
        assert_eq!(out, [2, 3, 1, 0, -1, 0]);
        merge(&[], &mut out);
        assert_eq!(out, [-1; 6]);
    }
}
