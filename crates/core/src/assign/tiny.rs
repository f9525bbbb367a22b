//! The solver for at most sixteen columns: shortest augmenting paths whose whole state stays in registers.
//!
//! Row after row grows a tree by Dijkstra's algorithm as in [`dense`](super::dense), but distances, duals and parents of
//! all columns are one pair of vectors each, and there is nothing to prepare: at this size, preparing takes longer than
//! solving.

use super::Cost;
use super::block::Rows;
use super::dense::{NONE, Solver};
use crate::simd::{F64, LANES, Simd, load_f64, prelude::*};

/// Finds a column for every row, or gives false where that cannot be. The solver has been reset.
#[inline(always)]
pub(super) fn solve<S: Simd, T: Cost, R: Rows<T>>(simd: S, solver: &mut Solver, rows: &mut R) -> bool {
    let infinity = F64::splat(simd, f64::INFINITY);
    let zero = F64::splat(simd, 0.0);
    let lanes = F64::from_fn(
        simd,
        #[inline(always)]
        |i| i as f64,
    );
    let lanes = [lanes, lanes + 8.0];
    let mut duals = load_f64(simd, &solver.column_duals, 0);
    // +infinity for a column that is taken
    let mut taken = [zero; 2];
    for start in 0..rows.rows() {
        // the duals, -infinity once scanned
        let mut open = duals;
        let (mut distance, mut parent) = ([infinity; 2], [zero; 2]);
        // `offset`: what turns c - v into the length of the path that ends with it
        let (mut row, mut offset) = (start, 0.0);
        let (length, end) = loop {
            let costs = T::load(simd, rows.row(row), 0);
            let here = F64::splat(simd, row as f64);
            let mut waiting = [infinity; 2];
            for k in 0..2 {
                let offered = (costs[k] - open[k]) + offset;
                let shorter = offered.simd_lt(distance[k]);
                distance[k] = shorter.select(offered, distance[k]);
                parent[k] = shorter.select(here, parent[k]);
                waiting[k] = open[k].simd_eq(f64::NEG_INFINITY).select(infinity, distance[k]);
            }
            let nearest = waiting[0].min(waiting[1]).reduce_min();
            if nearest == f64::INFINITY {
                return false;
            }
            // a taken column is as near only if no free one is
            let free = bits([(waiting[0] + taken[0]).simd_eq(nearest), (waiting[1] + taken[1]).simd_eq(nearest)]);
            if free != 0 {
                break (nearest, free.trailing_zeros() as usize);
            }
            let column = bits([waiting[0].simd_eq(nearest), waiting[1].simd_eq(nearest)]).trailing_zeros() as usize;
            for k in 0..2 {
                let is_here = lanes[k].simd_eq(column as f64);
                open[k] = is_here.select(F64::splat(simd, f64::NEG_INFINITY), open[k]);
            }
            row = solver.row_of_column[column] as usize;
            offset = nearest - (rows.at(row, column) - solver.column_duals[column]);
        };
        let mut parents = [0.0; LANES];
        for k in 0..2 {
            let lowered = duals[k] + (distance[k] - length);
            duals[k] = open[k].simd_lt(duals[k]).select(lowered, duals[k]);
            taken[k] = lanes[k].simd_eq(end as f64).select(infinity, taken[k]);
            duals[k].store_slice(&mut solver.column_duals[8 * k..8 * k + 8]);
            parent[k].store_slice(&mut parents[8 * k..8 * k + 8]);
        }
        let mut column = end as u32;
        while column != NONE {
            let row = parents[column as usize] as usize;
            let previous = solver.column_of_row[row];
            solver.pair(row, column as usize);
            column = previous;
        }
    }
    true
}

/// One bit for each of sixteen lanes.
#[inline(always)]
fn bits<S: Simd, M: SimdMask<S>>(lanes: [M; 2]) -> u64 {
    lanes[0].to_bitmask() | lanes[1].to_bitmask() << 8
}
