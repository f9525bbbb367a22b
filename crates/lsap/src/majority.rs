//! A group of equal rows that holds at least half of all: it is placed first, all at once, and only the others are searched
//! for.

use simd::{Level, dispatch};

use crate::cost::Cost;
use crate::groups::Groups;
use crate::outcome::NONE;
use crate::state::State;
use crate::ties;
use crate::view::{CostRows, MatrixView};

/// Whether rows choose before columns do, for a matrix with equal rows: the usual reasons, or that the largest group is
/// padding.
pub(crate) fn go_first<T: Cost>(level: Level, groups: &Groups, view: &MatrixView<'_, T>) -> bool {
    groups.majority().is_some()
        || dispatch!(level, simd => ties::are_many(simd, view))
        || ties::is_padding(&view.row(groups.largest())[..view.columns])
}

/// Gives the rows of a row's group the columns that are the cheapest for them, whose duals fall to what the next one
/// costs; all other rows become free rows. Of columns that are as cheap they get those that others want least.
pub(crate) fn place<T: Cost, R: CostRows<T>>(state: &mut State, rows: &mut R, row: usize) {
    let (height, columns) = (rows.rows(), rows.columns());
    let costs: Vec<f64> = rows.row(row)[..columns].iter().map(|cost| cost.value()).collect();
    let (mut members, mut others) = (Vec::new(), Vec::new());
    if let Some(groups) = rows.groups() {
        members.extend(groups.equals(row));
        others.extend((0..height).filter(|&other| groups.first(other) == other && other != row));
    }
    let cost = |column: &u32| costs[*column as usize];
    let by_cost = |one: &u32, other: &u32| cost(one).total_cmp(&cost(other));
    let mut cheap: Vec<u32> = (0..columns as u32).filter(|column| cost(column) < f64::INFINITY).collect();
    let count = members.len().min(cheap.len());
    if count < cheap.len() {
        cheap.select_nth_unstable_by(count, by_cost);
    }
    let next = cheap.get(count).or(cheap.iter().max_by(|one, other| by_cost(one, other))).map_or(0.0, cost);
    let mut tied: Vec<u32> = cheap.iter().copied().filter(|column| cost(column) == next).collect();
    cheap.retain(|column| cost(column) < next);
    if cheap.len() + tied.len() > count {
        let mut least = vec![f64::INFINITY; columns];
        for &other in state.interrupt.guard(&others) {
            for (least, cost) in least.iter_mut().zip(rows.row(other)) {
                *least = if cost.value() < *least { cost.value() } else { *least };
            }
        }
        let least = |column: &u32| least[*column as usize];
        tied.sort_unstable_by(|one, other| least(other).total_cmp(&least(one)).then(one.cmp(other)));
        tied.truncate(count - cheap.len());
    }
    cheap.extend(tied);
    cheap.sort_unstable();
    for (member, column) in members.into_iter().zip(cheap) {
        state.pair(member, column as usize);
        state.column_duals[column as usize] = cost(&column) - next;
    }
    state.free_rows.clear();
    state.free_rows.extend((0..height as u32).filter(|&row| state.column_of_row[row as usize] == NONE));
}
