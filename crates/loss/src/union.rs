//! The union matching of several layers, for their box terms (Peng et al. 2025, "D-FINE"; Peterande/D-FINE,
//! `_get_go_indices`): of all layers' pairs, the most frequent first, one target for each query. Of equally frequent
//! pairs of a query, the one with the smaller target.

use crate::part::BACKGROUND;

/// Writes the target of each query of one image, or -1. `layers`: the matchings of all layers, `[queries]` each.
pub(crate) fn merge(layers: &[&[i32]], out: &mut [i32]) {
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
