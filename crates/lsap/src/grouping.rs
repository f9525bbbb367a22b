//! Finds equal rows and equal columns, where there are enough of them to be of use.
//!
//! A few rows and columns tell whether it is worth while to look for groups at all. Rows are compared as a whole, so
//! that none are grouped that are not equal.

use std::ops::Range;

use simd::LANES;

use crate::cost::Cost;
use crate::groups::Groups;
use crate::interrupt::Interrupt;
use crate::route::{Route, is_lazy_worth_while};
use crate::view::MatrixView;

/// Rows from which groups are looked for; fewer are solved sooner without.
const SMALLEST: usize = 3 * LANES;

/// The share of the rows, one in so many, from which a group is used; and the same for a group that is padding.
pub(crate) const SHARE: usize = 8;
const SHARE_OF_PADDING: usize = 20;

/// In large matrices groups are also used where a row has, on average, so many equals, itself included.
const EQUALS: usize = 6;

/// Rows, or columns, with the same key that one is compared with.
const KNOWN: usize = 4;

/// Whether to look for groups in a matrix with so many rows.
pub(crate) fn is_worth_a_look(route: Route, rows: usize) -> bool {
    match route {
        Route::Auto => rows >= SMALLEST,
        Route::Grouped => rows > 1,
        _ => false,
    }
}

/// Whether a matrix is likely to be constant, which the solver sees best.
pub(crate) fn looks_constant<T: Cost>(view: &MatrixView<'_, T>) -> bool {
    let value = view.at(0, 0);
    let are_one = |row: usize| view.at(row, 0) == value && are_one(&view.row(row)[..view.columns]);
    view.at(view.rows - 1, view.columns - 1) == value && places(view.rows).into_iter().all(are_one)
}

/// The equal rows of a matrix, where they are of use.
pub(crate) fn equal_rows<T: Cost>(view: &MatrixView<'_, T>, route: Route, interrupt: &Interrupt) -> Option<Groups> {
    let &MatrixView { rows, columns, .. } = view;
    let places = places(columns);
    let agree = |one, other| places.iter().all(|&column| view.at(one, column) == view.at(other, column));
    if route != Route::Grouped && !is_promising(rows, |row| view.at(row, columns / 2), agree) {
        return None;
    }
    let key = |row: usize| places.iter().fold(0, |key, &column| extended(key, view.at(row, column)));
    let mut keys: Vec<(u64, u32)> = (0..rows as u32).map(|row| (key(row as usize), row)).collect();
    keys.sort_unstable();
    let is_padding = |row| places.iter().all(|&column| view.at(row, column) == view.at(row, 0));
    if !are_of_use(route, rows, columns, alike(&keys), is_padding) {
        return None;
    }
    let mut first: Vec<u32> = (0..rows as u32).collect();
    let cells = |row: u32| &view.row(row as usize)[..columns];
    let mut known: Vec<u32> = Vec::new();
    for rows in keys.chunk_by(|one, other| one.0 == other.0) {
        known.clear();
        for &(_, row) in interrupt.guard(rows) {
            let found = known.iter().rev().take(KNOWN).position(|&first| are_equal(cells(first), cells(row)));
            // those that are met most are looked at first
            let last = found.map_or(row, |found| known.remove(known.len() - 1 - found));
            first[row as usize] = last;
            known.push(last);
        }
    }
    let groups = Groups::new(first);
    are_of_use(route, rows, columns, groups.sizes(), is_padding).then_some(groups)
}

/// The equal columns of a matrix, as rows, where they are of use.
pub(crate) fn equal_columns<T: Cost>(view: &MatrixView<'_, T>, route: Route, interrupt: &Interrupt) -> Option<Groups> {
    let &MatrixView { rows, columns, .. } = view;
    let places = places(rows);
    let agree = |one, other| places.iter().all(|&row| view.at(row, one) == view.at(row, other));
    if route != Route::Grouped && !is_promising(columns, |column| view.at(rows / 2, column), agree) {
        return None;
    }
    let mut keys: Vec<(u64, u32)> = (0..columns as u32).map(|column| (0, column)).collect();
    for row in places {
        keys.iter_mut().zip(view.row(row)).for_each(|((key, _), cost)| *key = extended(*key, cost.value()));
    }
    keys.sort_unstable();
    let is_padding = |column| places.iter().all(|&row| view.at(row, column) == view.at(0, column));
    if !are_of_use(route, columns, rows, alike(&keys), is_padding) {
        return None;
    }
    let mut first = vec![0; columns];
    for columns in keys.chunk_by(|one, other| one.0 == other.0) {
        columns.iter().for_each(|&(_, column)| first[column as usize] = columns[0].1);
    }
    let mut runs = runs(&first);
    for row in interrupt.guard(0..rows) {
        let costs = view.row(row);
        runs.retain(|Run { first: column, columns }| {
            let stays = costs[*column].value() == costs[columns.start].value() && are_one(&costs[columns.clone()]);
            if !stays {
                columns.clone().for_each(|column| first[column] = column as u32);
            }
            stays
        });
    }
    let groups = Groups::new(first);
    are_of_use(route, columns, rows, groups.sizes(), is_padding).then_some(groups)
}

/// Whether groups, each with its first row and its size, are of use. `rows`: all of them; `columns`: as many as there
/// are; `is_padding`: whether a row looks constant.
fn are_of_use(
    route: Route,
    rows: usize,
    columns: usize,
    groups: impl Iterator<Item = (usize, usize)>,
    is_padding: impl Fn(usize) -> bool,
) -> bool {
    let ((first, largest), weight) = groups.fold(((0, 0), 0), |(largest, weight), (first, size)| {
        (if size > largest.1 { (first, size) } else { largest }, weight + size * size)
    });
    match route {
        Route::Grouped => largest > 1,
        _ if largest * SHARE >= rows => true,
        _ if largest * SHARE_OF_PADDING >= rows && is_padding(first) => true,
        _ => is_lazy_worth_while(rows, columns) && weight >= EQUALS * rows,
    }
}

/// The first of the rows with each key, and how many they are. `keys`: sorted, each with its row.
fn alike(keys: &[(u64, u32)]) -> impl Iterator<Item = (usize, usize)> {
    keys.chunk_by(|one, other| one.0 == other.0).map(|alike| (alike[0].1 as usize, alike.len()))
}

/// Neighbouring columns that may be equal, and the first column that they may equal.
struct Run {
    first: usize,
    columns: Range<usize>,
}

/// What has to be compared. `first`: the first column of each column's group.
fn runs(first: &[u32]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (column, &first) in first.iter().enumerate() {
        let first = first as usize;
        match runs.last_mut() {
            Some(run) if run.first == first && run.columns.end == column => run.columns.end += 1,
            _ => runs.push(Run { first, columns: column..column + 1 }),
        }
    }
    runs.retain(|run| run.columns.end > run.first + 1);
    runs
}

/// Some of `count` places, at least two, wherever padding may be.
fn places(count: usize) -> [usize; 8] {
    let last = count - 1;
    let [second, third] = [last / 3, 2 * last / 3];
    [0, 1, second, second + 1, third, third + 1, last - 1, last]
}

/// Whether two of some of the rows, or columns, agree as far as one looks. `value`: the first value that one looks at.
fn is_promising(count: usize, value: impl Fn(usize) -> f64, agree: impl Fn(usize, usize) -> bool) -> bool {
    const MOST: usize = 32;
    let sample = (count / 8).clamp(8, MOST).min(count);
    // steps that do not go in step with what repeats; neighbours by twos
    let step = (0.618 * count as f64) as usize | 1;
    let (mut places, mut values) = ([0; MOST], [0.0; MOST]);
    let mut place = 0;
    for k in 0..sample {
        places[k] = (place + k % 2) % count;
        values[k] = value(places[k]);
        place = if k % 2 == 1 { (place + step) % count } else { place };
        for other in (0..k).filter(|&other| values[other] == values[k]) {
            if places[other] != places[k] && agree(places[other], places[k]) {
                return true;
            }
        }
    }
    false
}

/// A key that tells different values apart, most likely, with another value.
#[inline(always)]
fn extended(key: u64, value: f64) -> u64 {
    (key.rotate_left(23) ^ value.to_bits()).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Whether two rows are equal.
fn are_equal<T: Cost>(one: &[T], other: &[T]) -> bool {
    const PART: usize = 8 * LANES;
    let mut parts = one.chunks(PART).zip(other.chunks(PART));
    parts.all(|(one, other)| {
        one.iter().zip(other).fold(true, |same, (one, other)| same & (one.value() == other.value()))
    })
}

/// Whether all costs are one.
fn are_one<T: Cost>(costs: &[T]) -> bool {
    are_equal(&costs[1..], &costs[..costs.len() - 1])
}
