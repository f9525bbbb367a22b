//! The solver for at most sixteen columns: shortest augmenting paths whose whole state stays in registers.
//!
//! In a square matrix column reduction comes first, as in [`dense`](crate::dense), unless many rows are constant. Then
//! row after row grows a tree by Dijkstra's algorithm as there, but distances, duals and parents of all columns are one
//! pair of vectors each, and there is nothing to prepare: at this size, preparing takes longer than solving.

use simd::{F64, LANES, Simd, load_f64, prelude::*};

use crate::cost::Cost;
use crate::outcome::NONE;
use crate::scan::bits;
use crate::state::State;
use crate::ties;
use crate::view::CostRows;

/// Finds a column for every row, or gives false where that cannot be. The state has been reset.
#[inline(always)]
pub(crate) fn solve<S: Simd, T: Cost, R: CostRows<T>>(simd: S, state: &mut State, rows: &mut R) -> bool {
    let infinity = F64::splat(simd, f64::INFINITY);
    let lanes = F64::from_fn(
        simd,
        #[inline(always)]
        |i| i as f64,
    );
    let lanes = [lanes, lanes + 8.0];
    if rows.rows() == rows.columns() && !ties::are_constant(simd, rows) {
        reduce_columns(simd, state, rows);
    }
    let mut duals = load_f64(simd, &state.column_duals, 0);
    // +infinity for a column that is taken
    let mut taken = [0.0; LANES];
    for (taken, &row) in taken.iter_mut().zip(&state.row_of_column) {
        *taken = if row == NONE { 0.0 } else { f64::INFINITY };
    }
    let mut taken = load_f64(simd, &taken, 0);
    for start in 0..rows.rows() {
        if state.column_of_row[start] != NONE {
            continue;
        }
        // the first row offers every column its cost, and most often one of the nearest is free
        let costs = T::load(simd, rows.row(start), 0);
        let mut distance = [(costs[0] - duals[0]) + 0.0, (costs[1] - duals[1]) + 0.0];
        let mut nearest = distance[0].min(distance[1]).reduce_min();
        if nearest == f64::INFINITY {
            return false;
        }
        let free = bits([(distance[0] + taken[0]).simd_eq(nearest), (distance[1] + taken[1]).simd_eq(nearest)]);
        if free != 0 {
            let end = free.trailing_zeros() as usize;
            for k in 0..2 {
                taken[k] = lanes[k].simd_eq(end as f64).select(infinity, taken[k]);
            }
            state.pair(start, end);
            continue;
        }
        // the duals, -infinity once scanned
        let mut open_duals = duals;
        let mut parent = [F64::splat(simd, start as f64); 2];
        let mut waiting = distance;
        let (length, end) = loop {
            // a taken column is as near only if no free one is
            let free = bits([(waiting[0] + taken[0]).simd_eq(nearest), (waiting[1] + taken[1]).simd_eq(nearest)]);
            if free != 0 {
                break (nearest, free.trailing_zeros() as usize);
            }
            let column = bits([waiting[0].simd_eq(nearest), waiting[1].simd_eq(nearest)]).trailing_zeros() as usize;
            let row = state.row_of_column[column] as usize;
            // what turns c - v into the length of the path that ends with it
            let offset = nearest - (rows.at(row, column) - state.column_duals[column]);
            let costs = T::load(simd, rows.row(row), 0);
            let here = F64::splat(simd, row as f64);
            for k in 0..2 {
                let is_here = lanes[k].simd_eq(column as f64);
                open_duals[k] = is_here.select(F64::splat(simd, f64::NEG_INFINITY), open_duals[k]);
                let offered = (costs[k] - open_duals[k]) + offset;
                let shorter = offered.simd_lt(distance[k]);
                distance[k] = shorter.select(offered, distance[k]);
                parent[k] = shorter.select(here, parent[k]);
                waiting[k] = open_duals[k].simd_eq(f64::NEG_INFINITY).select(infinity, distance[k]);
            }
            nearest = waiting[0].min(waiting[1]).reduce_min();
            if nearest == f64::INFINITY {
                return false;
            }
        };
        for k in 0..2 {
            taken[k] = lanes[k].simd_eq(end as f64).select(infinity, taken[k]);
        }
        let mut parents = [0.0; LANES];
        for k in 0..2 {
            let lowered = duals[k] + (distance[k] - length);
            duals[k] = open_duals[k].simd_lt(duals[k]).select(lowered, duals[k]);
            duals[k].store_slice(&mut state.column_duals[8 * k..8 * k + 8]);
            parent[k].store_slice(&mut parents[8 * k..8 * k + 8]);
        }
        let mut column = end as u32;
        while column != NONE {
            let row = parents[column as usize] as usize;
            let previous = state.column_of_row[row];
            state.pair(row, column as usize);
            column = previous;
        }
    }
    true
}

/// Makes every column's dual its smallest cost; the row that has it takes the column.
#[inline(always)]
fn reduce_columns<S: Simd, T: Cost, R: CostRows<T>>(simd: S, state: &mut State, rows: &mut R) {
    let mut least = [F64::splat(simd, f64::INFINITY); 2];
    let mut from = [F64::splat(simd, 0.0); 2];
    let mut number = F64::splat(simd, 0.0);
    for row in 0..rows.rows() {
        let costs = T::load(simd, rows.row(row), 0);
        for k in 0..2 {
            let lower = costs[k].simd_lt(least[k]);
            least[k] = lower.select(costs[k], least[k]);
            from[k] = lower.select(number, from[k]);
        }
        number += 1.0;
    }
    let (mut duals, mut from_rows) = ([0.0; LANES], [0.0; LANES]);
    for k in 0..2 {
        least[k].store_slice(&mut duals[8 * k..8 * k + 8]);
        from[k].store_slice(&mut from_rows[8 * k..8 * k + 8]);
    }
    for column in 0..rows.columns() {
        if duals[column] < f64::INFINITY {
            state.column_duals[column] = duals[column];
            let row = from_rows[column] as usize;
            if state.column_of_row[row] == NONE {
                state.pair(row, column);
            }
        }
    }
}
