//! Third stage: the matching of one image. That of least cost is solved here, group by group.

use std::ops::Range;

use lsap::Solver;
use lsap::memory::{first_rows, held};
use simd::{Level, padded};

use super::cost::CostBlock;
use super::image::Image;
use super::rest::Rest;
use crate::batch::{BACKGROUND, LEFT_OUT};
use crate::error::{Error, Result};

/// Memory of the stage. Holds nothing between images but its capacity.
#[derive(Debug, Default)]
pub(crate) struct MatchBuffers {
    pub solver: Solver,
    /// The rows and columns of the cost that one group of queries is matched by, where they are not all of it.
    pub grouped: Vec<f32>,
    /// `[queries, padded targets]`, where targets outnumber queries.
    pub transposed: Vec<f32>,
    /// What fixed pairs leave.
    pub rest: Rest,
}

/// The pairs of a matching.
#[derive(Debug, Default)]
pub(crate) struct Sorted {
    /// Query and target, in the order of the queries.
    pub pairs: Vec<(usize, usize)>,
    /// The number of each among all pairs of the matching, those of queries that are not finite included; empty where there are
    /// none of these.
    pub numbers: Vec<usize>,
    /// Queries that have no part in the loss: those that are not finite, then those that the matching leaves out.
    pub left_out: Vec<usize>,
}

impl MatchBuffers {
    /// Bytes that grow with an image; what the solver has grows with the sides of the cost.
    pub fn held(&self) -> usize {
        held(&self.grouped) + held(&self.transposed)
    }
}

impl Sorted {
    /// Lists the matched queries with their targets, and the queries that are left out, here or for their values.
    pub fn set(&mut self, matches: &[i32], not_finite: &[usize]) {
        self.pairs.clear();
        self.numbers.clear();
        let (mut number, all_finite) = (0, not_finite.is_empty());
        self.left_out.clear();
        self.left_out.extend_from_slice(not_finite);
        for (query, &target) in matches.iter().enumerate() {
            // most of them
            if target == BACKGROUND {
                continue;
            }
            match usize::try_from(target) {
                Ok(target) if all_finite => self.pairs.push((query, target)),
                Ok(target) => {
                    if not_finite.binary_search(&query).is_err() {
                        self.pairs.push((query, target));
                        self.numbers.push(number);
                    }
                    number += 1;
                }
                Err(_) if target == LEFT_OUT => self.left_out.push(query),
                _ => {}
            }
        }
    }

    /// Lists further pairs of queries that are matched, too. None of these is left out.
    pub fn add(&mut self, further: &[(usize, usize)]) {
        if !further.is_empty() {
            self.pairs.extend_from_slice(further);
            self.pairs.sort_unstable();
            self.numbers.clear();
        }
    }
}

/// Solves the cost of an image. Writes the target of each query, or -1.
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
    let (kept, groups) = (targets.kept.len(), image.part.groups);
    let (queries, repeat) = (image.queries / groups, image.part.repeat_of(kept));
    if kept == 0 || queries == 0 || repeat == 0 {
        matches.fill(BACKGROUND);
        return Ok(());
    }
    let MatchBuffers { solver, grouped, transposed, .. } = buffers;
    if repeat > 1 && repeat >= queries {
        nearest_targets(cells, stride, matches);
        matches.iter_mut().for_each(|target| *target = targets.number(*target as usize) as i32);
        return Ok(());
    }
    let refused = || Error::refused(Some(image.slot.part));
    let rows = kept * repeat;
    for (group, matches) in matches.chunks_exact_mut(queries).enumerate() {
        let (costs, stride) = if repeat == 1 && groups == 1 {
            (cells, stride)
        } else {
            let wide = padded(queries);
            let out = first_rows("", grouped, [rows, wide]).map_err(refused())?;
            copy_group(cells, stride, group * queries..(group + 1) * queries, out, wide);
            (&*out, wide)
        };
        let query_of = solve_block(level, solver, (costs, stride), [rows, queries], transposed, image.slot.part)?;
        matches.fill(BACKGROUND);
        for (row, target) in (0..rows).zip((0..kept).cycle()) {
            if let Some(query) = query_of(row) {
                matches[query as usize] = targets.number(target) as i32;
            }
        }
    }
    Ok(())
}

/// Solves costs, `[rows, columns]` of a stride; across where there are more rows than columns. Gives the column of each row,
/// if it has one.
///
/// # Errors
/// [`Error::Memory`]; [`Error::Interrupted`].
pub(crate) fn solve_block<'a>(
    level: Level,
    solver: &'a mut Solver,
    (costs, stride): (&[f32], usize),
    [rows, columns]: [usize; 2],
    transposed: &mut Vec<f32>,
    part: usize,
) -> Result<impl Fn(usize) -> Option<u32> + use<'a>> {
    let is_wide = rows <= columns;
    let is_solved = if is_wide {
        solver.solve_block(level, costs, [rows, columns], stride)
    } else {
        let wide = padded(rows);
        let transposed = first_rows("", transposed, [columns, wide]).map_err(Error::refused(Some(part)))?;
        transposed.fill(f32::INFINITY);
        transpose(costs, stride, transposed, wide);
        solver.solve_block(level, transposed, [columns, rows], wide)
    };
    if solver.is_interrupted() {
        return Err(Error::Interrupted); // what was left half done is of no use
    }
    debug_assert!(is_solved, "matching costs are finite");
    Ok(move |row| if is_wide { solver.column_of(row) } else { solver.row_of(row) })
}

/// `out`: `[columns, out_stride]` from `cells`: `[rows, stride]`, for as many rows as there are and whole out rows.
pub(crate) fn transpose(cells: &[f32], stride: usize, out: &mut [f32], out_stride: usize) {
    if out_stride == 0 {
        return;
    }
    for (column, out) in out.chunks_exact_mut(out_stride).enumerate() {
        for (value, row) in out.iter_mut().zip(cells.chunks_exact(stride)) {
            *value = row[column];
        }
    }
}

/// The columns of one group, and every row as often as targets are repeated. `out`: `[repeat × rows, out_stride]`.
fn copy_group(cells: &[f32], stride: usize, columns: Range<usize>, out: &mut [f32], out_stride: usize) {
    if out_stride == 0 {
        return;
    }
    let rows = cells.chunks_exact(stride).map(|row| &row[columns.clone()]);
    for (out, row) in out.chunks_exact_mut(out_stride).zip(rows.cycle()) {
        out[..row.len()].copy_from_slice(row);
        out[row.len()..].fill(f32::INFINITY);
    }
}

/// The row with the least cost of every column, the first of equal ones: the best matching where every target may have
/// all queries. `cells`: `[rows, stride]`, at least one row. `out`: `[columns]`.
fn nearest_targets(cells: &[f32], stride: usize, out: &mut [i32]) {
    out.fill(0);
    for (target, row) in cells.chunks_exact(stride).enumerate().skip(1) {
        for (query, best) in out.iter_mut().enumerate() {
            if row[query] < cells[*best as usize * stride + query] {
                *best = target as i32;
            }
        }
    }
}
