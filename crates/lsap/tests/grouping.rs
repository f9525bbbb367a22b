//! The solver on matrices that are padded with constants or repeat rows, columns or values: every way leads to a proven
//! assignment of the same total, at every level to the same one.

use harness::{COMPLETE, Dense, Found, PARTIAL, ROUTES, solve_by};
use lsap::{
    AssignmentOptions, AssignmentSolver, CostMatrix, Error, Interrupt, Level, Route, SparseMatrix, SparseSolver,
};
use proptest::prelude::*;
use support::Numbers;

mod harness;
mod support;

/// How a matrix is padded, or what repeats in it.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// The rest of the rows one constant; all random numbers are below 1.
    Rows(f64),
    Columns(f64),
    Both(f64),
    /// A constant for each row.
    ConstantRows,
    /// The rest of the rows, or columns, alike, but not constant.
    AlikeRows,
    AlikeColumns,
    /// Each row so many times, side by side or by turns.
    BlocksOfRows(usize),
    TurnsOfRows(usize),
    BlocksOfColumns(usize),
    TurnsOfColumns(usize),
    /// Rows and columns so many times.
    Duplicates(usize),
    Blocks(usize),
    /// Integers below.
    FewValues(usize),
    /// Ranks as products of few values.
    FewProducts,
    /// A few costs in each row, and one constant for all others.
    Gated(f64),
}

const KINDS: [Kind; 24] = [
    Kind::Rows(0.0),
    Kind::Rows(0.5),
    Kind::Rows(1.0),
    Kind::Columns(0.0),
    Kind::Columns(0.5),
    Kind::Columns(1e6),
    Kind::Both(0.0),
    Kind::Both(0.01),
    Kind::Both(1.0),
    Kind::ConstantRows,
    Kind::AlikeRows,
    Kind::AlikeColumns,
    Kind::BlocksOfRows(3),
    Kind::BlocksOfRows(20),
    Kind::TurnsOfRows(7),
    Kind::BlocksOfColumns(20),
    Kind::TurnsOfColumns(7),
    Kind::Duplicates(2),
    Kind::Blocks(9),
    Kind::FewValues(2),
    Kind::FewValues(3),
    Kind::FewProducts,
    Kind::Gated(1.0),
    Kind::Gated(1e6),
];

/// Shares of real rows or columns; the second of the columns where both are padded.
const SHARES: [(f64, f64); 6] = [(0.06, 0.06), (0.3, 0.8), (0.5, 0.5), (0.8, 0.3), (0.9, 0.9), (0.97, 0.5)];

/// `first`: padding comes before what is real.
fn problem(kind: Kind, rows: usize, columns: usize, shares: (f64, f64), first: bool, seed: u64) -> Dense {
    let mut numbers = Numbers(seed);
    let noise = numbers.list(rows * columns, |numbers| f64::from(numbers.unit()));
    let of_row = numbers.list(rows.max(columns), |numbers| f64::from(numbers.unit()));
    let is_real = |place: usize, count: usize, share: f64| {
        let real = ((count as f64 * share).round() as usize).max(1);
        if first { place + real >= count } else { place < real }
    };
    let mut costs = Vec::with_capacity(rows * columns);
    for i in 0..rows {
        for j in 0..columns {
            let at = |i: usize, j: usize| noise[i * columns + j];
            let value = at(i, j);
            let (in_row, in_column) = (is_real(i, rows, shares.0), is_real(j, columns, shares.1));
            let group = |place: usize, count: usize, size: usize| place % count.div_ceil(size);
            costs.push(match kind {
                Kind::Rows(constant) => {
                    if in_row {
                        value
                    } else {
                        constant
                    }
                }
                Kind::Columns(constant) => {
                    if in_column {
                        value
                    } else {
                        constant
                    }
                }
                Kind::Both(constant) => {
                    if in_row && in_column {
                        value
                    } else {
                        constant
                    }
                }
                Kind::ConstantRows => {
                    if in_row {
                        value
                    } else {
                        of_row[i]
                    }
                }
                Kind::AlikeRows => {
                    if in_row {
                        value
                    } else {
                        of_row[j]
                    }
                }
                Kind::AlikeColumns => {
                    if in_column {
                        value
                    } else {
                        of_row[i]
                    }
                }
                Kind::BlocksOfRows(size) => at(i / size, j),
                Kind::TurnsOfRows(size) => at(group(i, rows, size), j),
                Kind::BlocksOfColumns(size) => at(i, j / size),
                Kind::TurnsOfColumns(size) => at(i, group(j, columns, size)),
                Kind::Duplicates(size) => at(group(i, rows, size), group(j, columns, size)),
                Kind::Blocks(size) => at(i / size, j / size),
                Kind::FewValues(values) => (value * values as f64).floor(),
                Kind::FewProducts => (of_row[i] * 3.0).floor() * (of_row[j] * 3.0).floor(),
                Kind::Gated(constant) => {
                    if value < 3.0 / columns as f64 {
                        value
                    } else {
                        constant
                    }
                }
            });
        }
    }
    Dense { costs, rows, columns }
}

/// Solved at every level, and proven.
#[track_caller]
fn solve(problem: &Dense, route: Route, options: AssignmentOptions) -> Found {
    let found = problem.solve_by(route, options).expect("an assignment");
    problem.assert_proven(&found, options);
    found
}

/// Every way gives the same total.
#[track_caller]
fn assert_solved(problem: &Dense, what: &str) {
    let totals = ROUTES.map(|route| solve(problem, route, COMPLETE).total);
    for (route, total) in ROUTES.iter().zip(totals) {
        assert!((total - totals[0]).abs() <= problem.tolerance(), "{what}: {route:?} gives {total} for {}", totals[0]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn small_problems_are_proven_whichever_way_they_go(
        kind in 0..KINDS.len(), rows in 1usize..45, more in 0usize..6, turned: bool, shares in 0..SHARES.len(),
        first: bool, seed: u64,
    ) {
        let (rows, columns) = if turned { (rows + more, rows) } else { (rows, rows + more) };
        assert_solved(&problem(KINDS[kind], rows, columns, SHARES[shares], first, seed), "a small one");
    }

    #[test]
    fn limits_are_proven_whichever_way_they_go(
        kind in 0..KINDS.len(), rows in 1usize..60, more in 0usize..6, turned: bool, shares in 0..SHARES.len(),
        first: bool, seed: u64, limit in 0usize..5,
    ) {
        let (rows, columns) = if turned { (rows + more, rows) } else { (rows, rows + more) };
        let problem = problem(KINDS[kind], rows, columns, SHARES[shares], first, seed);
        let limit = [0.0, 0.01, 0.3, 1.0, 2.0][limit]; // some of them what the padding costs
        let options = AssignmentOptions { cost_limit: Some(limit), ..COMPLETE };
        let sum = |found: &Found| found.total - limit * found.column_of_row.iter().flatten().count() as f64;
        let sums = [Route::Auto, Route::Grouped, Route::Dense].map(|route| sum(&solve(&problem, route, options)));
        let tolerance = problem.tolerance().max(1e-9);
        prop_assert!(sums.iter().all(|sum| (sum - sums[0]).abs() <= tolerance), "{:?} {:?}", KINDS[kind], sums);
    }

    #[test]
    fn forbidden_cells_leave_as_many_pairs_as_the_sparse_solver_finds(
        kind in 0..KINDS.len(), side in 1usize..50, shares in 0..SHARES.len(), seed: u64, forbidden in 0.0..0.9,
    ) {
        // whole rows and columns, so that equal ones stay so, and single cells
        let problem = problem(KINDS[kind], side, side, SHARES[shares], false, seed);
        let mut numbers = Numbers(seed ^ 5);
        let fates = numbers.list(3 * side, |numbers| f64::from(numbers.unit()));
        let is_forbidden = |at: usize| {
            let (i, j) = (at / side, at % side);
            fates[j] < forbidden && (fates[side + i % 3] < 0.7 || fates[2 * side + (i + j) % side] < forbidden)
        };
        let problem = problem.map(|at, cost| if is_forbidden(at) { f64::INFINITY } else { cost });
        let starts: Vec<i32> = (0..=side).map(|row| (row * side) as i32).collect();
        let columns: Vec<i32> = (0..side * side).map(|at| (at % side) as i32).collect();
        let listed = SparseMatrix::from_rows([side, side], &starts, &columns, &problem.costs).expect("a matrix");
        let mut solver = SparseSolver::default();
        let expected = solver.solve(&listed, PARTIAL).expect("partial never fails");
        let (pairs, total) = (expected.columns_of_rows().flatten().count(), expected.total);
        for route in [Route::Auto, Route::Grouped, Route::RowsFirst] {
            let found = solve_by(route, Level::detect(), &problem.matrix(), PARTIAL).expect("partial never fails");
            prop_assert_eq!(found.column_of_row.iter().flatten().count(), pairs);
            prop_assert!((found.total - total).abs() <= problem.tolerance(), "{} is not {}", found.total, total);
            let complete = solve_by(route, Level::detect(), &problem.matrix(), COMPLETE);
            match complete {
                Ok(found) => prop_assert!(pairs == side && (found.total - total).abs() <= problem.tolerance()),
                Err(Error::InfeasibleRows { rows, columns }) => {
                    let is_allowed = |i: usize, j: usize| problem.costs[i * side + j].is_finite();
                    let allowed = (0..side).filter(|&j| rows.iter().any(|&i| is_allowed(i, j))).count();
                    prop_assert!(pairs < side && allowed == columns && columns < rows.len());
                }
                Err(other) => prop_assert!(false, "{}", other),
            }
        }
    }
}

#[test]
fn every_kind_is_proven_at_awkward_sizes_whichever_way_it_goes() {
    for (seed, kind) in KINDS.into_iter().enumerate() {
        for (k, side) in [15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 129, 300].into_iter().enumerate() {
            let shares = SHARES[(k + seed) % SHARES.len()];
            let problem = problem(kind, side, side, shares, (k + seed) % 3 == 0, seed as u64);
            assert_solved(&problem, &format!("{kind:?} {side} {shares:?}"));
        }
    }
}

#[test]
fn every_kind_is_proven_at_sizes_of_the_lazy_search() {
    for (seed, kind) in KINDS.into_iter().enumerate() {
        for (rows, columns) in [(450, 450), (449, 470), (470, 450), (700, 440)] {
            let shares = SHARES[seed % SHARES.len()];
            let problem = problem(kind, rows, columns, shares, rows % 2 == 1, seed as u64);
            let totals =
                [Route::Auto, Route::Grouped, Route::RowsFirst].map(|route| solve(&problem, route, COMPLETE).total);
            for total in totals {
                assert!((total - totals[0]).abs() <= problem.tolerance(), "{kind:?} {rows}x{columns}: {totals:?}");
            }
        }
    }
}

#[test]
fn maximising_is_minimising_the_opposite() {
    for (seed, kind) in KINDS.into_iter().enumerate() {
        for side in [10, 40, 200] {
            let problem = problem(kind, side, side, SHARES[(seed + side) % SHARES.len()], false, seed as u64);
            let found = solve(&problem, Route::Auto, COMPLETE);
            let opposite = problem.map(|_, cost| -cost);
            let mirrored = solve(&opposite, Route::Auto, AssignmentOptions { maximize: true, ..COMPLETE });
            assert_eq!(mirrored.column_of_row, found.column_of_row, "{kind:?} {side}");
        }
    }
}

#[test]
fn storage_in_f32_gives_the_assignment_of_its_values() {
    for (seed, kind) in KINDS.into_iter().enumerate() {
        for side in [10, 40, 200, 450] {
            let problem = problem(kind, side, side, SHARES[(seed + side) % SHARES.len()], true, seed as u64);
            let narrow: Vec<f32> = problem.costs.iter().map(|&cost| cost as f32).collect();
            let wide = problem.map(|at, _| f64::from(narrow[at]));
            let matrix = CostMatrix::new(&narrow, side, side).expect("a matrix");
            let narrow = solve_by(Route::Auto, Level::detect(), &matrix, COMPLETE).expect("an assignment");
            assert_eq!(narrow, solve(&wide, Route::Auto, COMPLETE), "{kind:?} {side}");
        }
    }
}

#[test]
fn costs_that_are_not_ordinary_are_found_among_equal_rows_and_columns() {
    for side in [12, 40, 450] {
        for kind in [Kind::Rows(0.0), Kind::Columns(0.0), Kind::AlikeRows, Kind::AlikeColumns] {
            let problem = problem(kind, side, side, (0.3, 0.3), false, 1);
            for at in [0, side * side / 2 + 3, side * side - 1] {
                for bad in [f64::NAN, f64::NEG_INFINITY] {
                    let wrong = problem.map(|place, cost| if place == at { bad } else { cost });
                    let refused = solve_by(Route::Auto, Level::detect(), &wrong.matrix(), COMPLETE);
                    let place = (at / side, at % side);
                    assert!(
                        matches!(refused, Err(Error::Cost { row, column, .. }) if (row, column) == place),
                        "{refused:?}"
                    );
                }
            }
            // where everything is too large, it is scaled
            let huge = problem.map(|_, cost| (cost - 0.5) * 1e300);
            for route in [Route::Auto, Route::Grouped] {
                let total = solve(&huge, route, COMPLETE).total;
                assert!((total - solve(&huge, Route::Dense, COMPLETE).total).abs() <= huge.tolerance());
            }
        }
        // a whole row, and a whole column, of what is no cost
        for (of_rows, bad) in [(true, f64::NEG_INFINITY), (false, f64::NAN)] {
            let problem = problem(Kind::Both(0.0), side, side, (0.3, 0.3), false, 1);
            let is_bad = |at: usize| if of_rows { at / side == side - 2 } else { at % side == side - 2 };
            let wrong = problem.map(|at, cost| if is_bad(at) { bad } else { cost });
            let refused = solve_by(Route::Auto, Level::detect(), &wrong.matrix(), COMPLETE);
            assert!(matches!(refused, Err(Error::Cost { .. })), "{refused:?}");
        }
    }
}

#[test]
fn a_solver_keeps_nothing_but_memory_from_one_matrix_to_the_next() {
    for route in [Route::Auto, Route::Grouped] {
        let mut solver = AssignmentSolver::with_route(route);
        for round in 0..2 {
            for (seed, kind) in KINDS.into_iter().enumerate() {
                let side = [90, 33, 120, 11][(seed + round) % 4];
                let (rows, columns) = [(side, side), (side, side + 5), (side + 9, side)][seed % 3];
                let problem = problem(kind, rows, columns, SHARES[seed % SHARES.len()], round == 1, seed as u64);
                let fresh = solve_by(route, Level::detect(), &problem.matrix(), COMPLETE).expect("an assignment");
                let kept = solver.solve(Level::detect(), &problem.matrix(), COMPLETE).expect("an assignment");
                assert_eq!(kept.columns_of_rows().collect::<Vec<_>>(), fresh.column_of_row);
                assert_eq!(kept.column_duals().collect::<Vec<_>>(), fresh.column_duals);
            }
        }
    }
}

#[test]
fn an_interrupt_stops_the_search_for_equal_rows_and_columns() {
    for kind in [Kind::Rows(1.0), Kind::Columns(0.0), Kind::TurnsOfRows(7), Kind::AlikeColumns] {
        let problem = problem(kind, 600, 600, (0.5, 0.5), false, 3);
        let interrupt = Interrupt::default();
        interrupt.raise();
        let mut solver = AssignmentSolver::with_interrupt(interrupt);
        let ended = solver.solve(Level::detect(), &problem.matrix(), COMPLETE).map(|found| found.total);
        assert_eq!(ended, Err(Error::Interrupted), "{kind:?}");
    }
}
