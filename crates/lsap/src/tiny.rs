//! The solver for at most 32 columns: shortest augmenting paths whose state is a few vectors, most of it in registers.
//!
//! In a square matrix column reduction comes first, as in [`dense`](crate::dense), unless many rows are constant. Then
//! row after row grows a tree by Dijkstra's algorithm as there, but distances, duals and parents of all columns are two
//! to four vectors each, and there is nothing to prepare: at this size, preparing takes longer than solving.

use simd::{F64, LANES, Simd, prelude::*};

use crate::cost::Cost;
use crate::outcome::NONE;
use crate::state::State;
use crate::ties;
use crate::view::CostRows;

/// The most columns.
const COLUMNS: usize = 4 * EIGHT;

/// Lanes of a vector.
const EIGHT: usize = LANES / 2;

/// A value for every column, eight a vector.
type Vectors<S, const COUNT: usize> = [F64<S>; COUNT];

/// Whether a matrix is small enough, and has no rows that stand for several.
pub(crate) fn fits<T: Cost, R: CostRows<T>>(rows: &R) -> bool {
    (1..=COLUMNS).contains(&rows.columns()) && rows.groups().is_none()
}

/// Finds a column for every row, or gives false where that cannot be. The state has been reset.
#[inline(always)]
pub(crate) fn solve<S: Simd, T: Cost, R: CostRows<T>>(simd: S, state: &mut State, rows: &mut R) -> bool {
    match rows.columns().div_ceil(EIGHT) {
        ..=2 => solve_in::<2, S, T, R>(simd, state, rows),
        3 => solve_in::<3, S, T, R>(simd, state, rows),
        _ => solve_in::<4, S, T, R>(simd, state, rows),
    }
}

/// [`solve`], with so many vectors.
#[inline(always)]
fn solve_in<const COUNT: usize, S: Simd, T: Cost, R: CostRows<T>>(simd: S, state: &mut State, rows: &mut R) -> bool {
    let infinity = F64::splat(simd, f64::INFINITY);
    let lanes: Vectors<S, COUNT> = std::array::from_fn(
        #[inline(always)]
        |k| {
            F64::from_fn(
                simd,
                #[inline(always)]
                |i| (EIGHT * k + i) as f64,
            )
        },
    );
    // whether every column's dual is its smallest cost, so that nothing is nearer than 0
    let mut is_reduced = rows.rows() == rows.columns() && !ties::are_constant(simd, rows);
    if is_reduced {
        reduce_columns::<COUNT, S, T, R>(simd, state, rows);
    }
    let mut duals: Vectors<S, COUNT> = load(simd, &state.column_duals);
    // a bit for each column that no row has
    let mut free = 0;
    for (column, &row) in state.row_of_column[..rows.columns()].iter().enumerate() {
        free |= u64::from(row == NONE) << column;
    }
    for start in 0..rows.rows() {
        if state.column_of_row[start] != NONE {
            continue;
        }
        // the first row offers every column its cost, and most often one of the nearest is free
        let mut distance: Vectors<S, COUNT> = costs_of::<COUNT, S, T>(simd, rows.row(start));
        for k in 0..COUNT {
            distance[k] = (distance[k] - duals[k]) + 0.0;
        }
        let free_at_0 = if is_reduced { at(distance, 0.0) & free } else { 0 };
        let mut nearest = if free_at_0 == 0 { least(distance) } else { 0.0 };
        if nearest == f64::INFINITY {
            return false;
        }
        let free_nearest = if free_at_0 == 0 { at(distance, nearest) & free } else { free_at_0 };
        if let Some(end) = first(free_nearest) {
            free &= !(1 << end);
            state.pair(start, end);
            continue;
        }
        is_reduced = false;
        // the duals, -infinity once scanned
        let mut open_duals = duals;
        let mut parent = [F64::splat(simd, start as f64); COUNT];
        let mut waiting = distance;
        let (length, end) = loop {
            // a taken column is as near only if no free one is
            let near = at(waiting, nearest);
            if let Some(end) = first(near & free) {
                break (nearest, end);
            }
            let Some(column) = first(near) else { return false };
            let row = state.row_of_column[column] as usize;
            // what turns c - v into the length of the path that ends with it
            let offset = nearest - (rows.at(row, column) - state.column_duals[column]);
            let costs: Vectors<S, COUNT> = costs_of::<COUNT, S, T>(simd, rows.row(row));
            let here = F64::splat(simd, row as f64);
            for k in 0..COUNT {
                let is_here = lanes[k].simd_eq(column as f64);
                open_duals[k] = is_here.select(F64::splat(simd, f64::NEG_INFINITY), open_duals[k]);
                let offered = (costs[k] - open_duals[k]) + offset;
                let shorter = offered.simd_lt(distance[k]);
                distance[k] = shorter.select(offered, distance[k]);
                parent[k] = shorter.select(here, parent[k]);
                waiting[k] = open_duals[k].simd_eq(f64::NEG_INFINITY).select(infinity, distance[k]);
            }
            nearest = least(waiting);
            if nearest == f64::INFINITY {
                return false;
            }
        };
        free &= !(1 << end);
        let mut parents = [0.0; COLUMNS];
        for k in 0..COUNT {
            let lowered = duals[k] + (distance[k] - length);
            duals[k] = open_duals[k].simd_lt(duals[k]).select(lowered, duals[k]);
            duals[k].store_slice(&mut state.column_duals[EIGHT * k..EIGHT * k + EIGHT]);
            parent[k].store_slice(&mut parents[EIGHT * k..EIGHT * k + EIGHT]);
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
fn reduce_columns<const COUNT: usize, S: Simd, T: Cost, R: CostRows<T>>(simd: S, state: &mut State, rows: &mut R) {
    let mut least = [F64::splat(simd, f64::INFINITY); COUNT];
    let mut from = [F64::splat(simd, 0.0); COUNT];
    // of two rows the lower costs first, so that but one comparison of the two waits for those before
    let mut number = F64::splat(simd, 0.0);
    for first in (0..rows.rows()).step_by(2) {
        let costs: Vectors<S, COUNT> = costs_of::<COUNT, S, T>(simd, rows.row(first));
        let others: Vectors<S, COUNT> = costs_of::<COUNT, S, T>(simd, rows.row((first + 1).min(rows.rows() - 1)));
        for k in 0..COUNT {
            let is_other = others[k].simd_lt(costs[k]);
            let lower_cost = is_other.select(others[k], costs[k]);
            let lower = lower_cost.simd_lt(least[k]);
            from[k] = lower.select(is_other.select(number + 1.0, number), from[k]);
            least[k] = lower.select(lower_cost, least[k]);
        }
        number += 2.0;
    }
    let (mut duals, mut from_rows) = ([0.0; COLUMNS], [0.0; COLUMNS]);
    for k in 0..COUNT {
        least[k].store_slice(&mut duals[EIGHT * k..EIGHT * k + EIGHT]);
        from[k].store_slice(&mut from_rows[EIGHT * k..EIGHT * k + EIGHT]);
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

/// The first values of a slice.
#[inline(always)]
fn load<const COUNT: usize, S: Simd>(simd: S, values: &[f64]) -> Vectors<S, COUNT> {
    let mut vectors = [F64::splat(simd, 0.0); COUNT];
    for k in 0..COUNT {
        vectors[k] = F64::from_slice(simd, &values[EIGHT * k..EIGHT * k + EIGHT]);
    }
    vectors
}

/// The costs of a row.
#[inline(always)]
fn costs_of<const COUNT: usize, S: Simd, T: Cost>(simd: S, row: &[T]) -> Vectors<S, COUNT> {
    let mut vectors = [F64::splat(simd, 0.0); COUNT];
    for k in 0..COUNT {
        vectors[k] = T::load_half(simd, row, EIGHT * k);
    }
    vectors
}

/// The smallest value.
#[inline(always)]
fn least<const COUNT: usize, S: Simd>(values: Vectors<S, COUNT>) -> f64 {
    let mut least = values[0];
    for &value in &values[1..] {
        least = least.min(value);
    }
    least.reduce_min()
}

/// The columns with that value, a bit each.
#[inline(always)]
fn at<const COUNT: usize, S: Simd>(values: Vectors<S, COUNT>, value: f64) -> u64 {
    let mut columns = 0;
    for k in 0..COUNT {
        columns |= values[k].simd_eq(value).to_bitmask() << (EIGHT * k);
    }
    columns
}

/// The first of some columns.
#[inline(always)]
fn first(columns: u64) -> Option<usize> {
    (columns != 0).then(|| columns.trailing_zeros() as usize)
}
