//! Which column of a row is the largest.

/// Whether the first largest logit is in one of the columns.
pub(super) fn is_largest(row: &[f32], mut columns: impl Iterator<Item = usize>) -> bool {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    row.iter().position(|&x| x == largest).is_some_and(|first| columns.any(|column| column == first))
}
