//! Fixed pairs, the rest optimal: the matching of an image of which some pairs are given. What these leave is solved, group
//! by group, as if nothing else were there (timmeinhardt/trackformer, `models/matcher.py`: track queries keep their target;
//! megvii-research/MOTR, `models/motr.py`).
//!
//! Queries that are left out of the loss are as if they were not there: targets may lack them. Queries that are excluded
//! remain, as background, and a matching of the size that all queries would allow must exist without them; else there is
//! none, as where the reference's costs are infinite.

use lsap::memory::first_rows;
use simd::{Level, padded};

use super::cost::CostBlock;
use super::image::Image;
use super::matching::{MatchBuffers, solve_block};
use super::rest::Rest;
use crate::batch::BACKGROUND;
use crate::error::{Error, Result};

/// Solves the rest of an image's matching. `matches`: `[queries]`, what is given, see [`Inputs`](super::Inputs); written: the
/// target of each query, -1 or -2.
///
/// # Errors
/// [`Error::Memory`]; [`Error::Interrupted`].
pub(crate) fn solve(
    level: Level,
    image: &Image<'_>,
    CostBlock { cells, stride }: CostBlock<'_>,
    matches: &mut [i32],
    buffers: &mut MatchBuffers,
) -> Result<()> {
    let targets = &image.targets;
    let repeat = image.part.repeat_of(targets.kept.len());
    let each = image.queries / image.part.groups;
    let MatchBuffers { solver, grouped, transposed, rest, .. } = buffers;
    let refused = || Error::refused(Some(image.slot.part));
    for (group, matches) in matches.chunks_exact_mut(each.max(1)).enumerate() {
        rest.set(targets, repeat, matches);
        let Rest { queries, targets: rows, left } = rest;
        let cost = |target: usize, query: usize| cells[target * stride + group * each + query];
        if repeat > 1 && repeat >= each {
            // every target may still have all queries that are left
            for &query in &*queries {
                let nearest = (0..left.len()).reduce(|a, b| if cost(b, query) < cost(a, query) { b } else { a });
                matches[query] = nearest.map_or(BACKGROUND, |target| targets.number(target) as i32);
            }
            continue;
        }
        if rows.is_empty() || queries.is_empty() {
            continue;
        }
        let wide = padded(queries.len());
        let costs = first_rows("", grouped, [rows.len(), wide]).map_err(refused())?;
        for (out, &target) in costs.chunks_exact_mut(wide).zip(&*rows) {
            let (own, idle) = out.split_at_mut(queries.len());
            own.iter_mut().zip(&*queries).for_each(|(cell, &query)| *cell = cost(target, query));
            idle.fill(f32::INFINITY);
        }
        let sides = [rows.len(), queries.len()];
        let query_of = solve_block(level, solver, (costs, wide), sides, transposed, image.slot.part)?;
        for (row, &target) in rows.iter().enumerate() {
            if let Some(query) = query_of(row) {
                matches[queries[query as usize]] = targets.number(target) as i32;
            }
        }
    }
    Ok(())
}
