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
use super::matching::{MatchBuffers, transpose};
use super::part::Part;
use crate::batch::{BACKGROUND, EXCLUDED, ImageView, LEFT_OUT};
use crate::error::{Error, QueryPlace, Result};

/// Memory of the stage. Holds nothing between images but its capacity.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    /// Queries of a group that may be matched.
    queries: Vec<usize>,
    /// How often each target may still be matched.
    left: Vec<usize>,
    /// Targets that are, each as often as that.
    targets: Vec<usize>,
}

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
        let is_wide = rows.len() <= queries.len();
        let is_solved = if is_wide {
            solver.solve_block(level, costs, [rows.len(), queries.len()], wide)
        } else {
            let across = padded(rows.len());
            let transposed = first_rows("", transposed, [queries.len(), across]).map_err(refused())?;
            transposed.fill(f32::INFINITY);
            transpose(costs, wide, transposed, across);
            solver.solve_block(level, transposed, [queries.len(), rows.len()], across)
        };
        if solver.is_interrupted() {
            return Err(Error::Interrupted); // what was left half done is of no use
        }
        debug_assert!(is_solved, "matching costs are finite");
        for (row, &target) in rows.iter().enumerate() {
            if let Some(query) = if is_wide { solver.column_of(row) } else { solver.row_of(row) } {
                matches[queries[query as usize]] = targets.number(target) as i32;
            }
        }
    }
    Ok(())
}

impl Rest {
    /// What the pairs of a group leave. Excluded queries become background.
    fn set(&mut self, targets: &ImageView<'_>, repeat: usize, matches: &mut [i32]) {
        let Self { queries, left, targets: rows } = self;
        queries.clear();
        left.clear();
        left.resize(targets.kept.len(), repeat);
        for (query, target) in matches.iter_mut().enumerate() {
            match usize::try_from(*target) {
                Ok(number) => {
                    let place = targets.place(number);
                    place.into_iter().for_each(|place| left[place] = left[place].saturating_sub(1));
                }
                Err(_) if *target == BACKGROUND => queries.push(query),
                Err(_) if *target == EXCLUDED => *target = BACKGROUND,
                Err(_) => {}
            }
        }
        rows.clear();
        if repeat > 1 && repeat >= matches.len() {
            return;
        }
        for round in 0..repeat {
            rows.extend((0..left.len()).filter(|&target| left[target] > round));
        }
    }
}

/// How many pairs an image's matching will have. `matches`: what is given.
pub(crate) fn pairs(part: &Part, targets: &ImageView<'_>, matches: &[i32]) -> usize {
    let each = part.queries.len() / part.groups;
    let takes_part = |target: i32| match usize::try_from(target) {
        Ok(number) => targets.place(number).is_some(),
        Err(_) => target == BACKGROUND,
    };
    let rows = targets.kept.len().saturating_mul(part.repeat_of(targets.kept.len()));
    let of = |group: &[i32]| group.iter().filter(|&&target| takes_part(target)).count().min(rows);
    matches.chunks_exact(each.max(1)).map(of).sum()
}

/// Refuses pairs that cannot be, and excluded queries without which targets lack one. `targets`: of the image. `place`: of a
/// query.
pub(crate) fn check(
    part: &Part,
    targets: usize,
    is_ignored: impl Fn(usize) -> bool,
    matches: &[i32],
    place: impl Fn(usize) -> QueryPlace,
) -> Result<()> {
    let each = part.queries.len() / part.groups;
    let kept = (0..targets).filter(|&target| !is_ignored(target)).count();
    let repeat = part.repeat_of(kept);
    let mut often = vec![0; targets];
    for (group, matches) in matches.chunks_exact(each.max(1)).enumerate() {
        often.fill(0);
        let (mut excluded, mut absent) = (None, 0);
        for (query, &target) in matches.iter().enumerate() {
            let query = group * each + query;
            match usize::try_from(target) {
                Ok(target) if is_ignored(target) => absent += 1,
                Ok(target) => {
                    often[target] += 1;
                    if often[target] > repeat {
                        return Err(Error::FixedTwice { place: place(query), target, repeat });
                    }
                }
                Err(_) if target == LEFT_OUT => absent += 1,
                Err(_) if target == EXCLUDED => {
                    excluded.get_or_insert(query);
                    absent += 1;
                }
                Err(_) => {}
            }
        }
        let (targets, queries) = (kept.saturating_mul(repeat), each - absent);
        if let Some(query) = excluded.filter(|_| targets > queries) {
            return Err(Error::Infeasible { place: place(query), targets, queries });
        }
    }
    Ok(())
}
