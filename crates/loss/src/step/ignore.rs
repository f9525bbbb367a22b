//! Ignore regions: background queries that lie on an ignored target have no part in the loss.
//!
//! A query is left out if it is unmatched and its overlap with any ignored target exceeds the threshold, or if a given
//! matching pairs it with an ignored target. The overlap is that of the first active family over pairs.

use super::image::Image;
use super::setup::Setup;
use crate::batch::{BACKGROUND, LEFT_OUT};
use crate::field::FieldRows;
use crate::terms::{queries_of, targets_of};

/// Marks the queries to be left out. `rows`: the queries, sanitised. `matches`: `[queries]`.
pub(crate) fn mark(setup: &Setup, image: &Image<'_>, rows: &FieldRows<'_>, matches: &mut [i32]) {
    let targets = &image.targets;
    if !targets.has_ignored() {
        return;
    }
    let (overlap, threshold) = setup.ignore;
    let first = setup.pairs(image.active()).next();
    let lies_on = |query: usize| {
        let Some((family, terms)) = first else { return false };
        let own = rows.row(queries_of(family).start, query);
        let region = |at| targets.regions.row(targets_of(family).start, at);
        (0..targets.regions.count)
            .any(|at| terms.overlap(overlap, own, region(at)).is_some_and(|part| part > threshold))
    };
    for (query, target) in matches.iter_mut().enumerate() {
        let is_left_out = match usize::try_from(*target) {
            Ok(number) => targets.is_ignored(number),
            Err(_) => *target == BACKGROUND && lies_on(query),
        };
        if is_left_out {
            *target = LEFT_OUT;
        }
    }
}
