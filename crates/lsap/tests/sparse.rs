//! The sparse solver against the dense one on the same cells, and against its own duals.

use harness::{COMPLETE, Dense, Found, PARTIAL, solve_by};
use lsap::{AssignmentOptions, Cost, Error, Interrupt, Level, Route, SparseMatrix, SparseSolver, verify};
use proptest::prelude::*;

mod harness;

/// A matrix in compressed rows that owns its cells.
#[derive(Clone, Debug)]
struct Problem {
    rows: usize,
    columns: usize,
    row_starts: Vec<i32>,
    column_indices: Vec<i32>,
    costs: Vec<f64>,
}

fn solve<T: Cost>(matrix: &SparseMatrix<'_, T>, options: AssignmentOptions) -> Result<Found, Error> {
    SparseSolver::default().solve(matrix, options).map(Found::from)
}

/// The ways of the solver: as it chooses, and by scaling wherever that is possible.
const WAYS: [fn() -> SparseSolver; 2] = [SparseSolver::default, SparseSolver::scaling_at_once];

impl Problem {
    fn new(rows: usize, columns: usize, cells: impl IntoIterator<Item = (usize, usize, f64)>) -> Self {
        let mut by_row = vec![vec![]; rows];
        for (row, column, cost) in cells {
            by_row[row].push((column as i32, cost));
        }
        let mut problem = Self { rows, columns, row_starts: vec![0], column_indices: vec![], costs: vec![] };
        for row in by_row {
            problem.column_indices.extend(row.iter().map(|cell| cell.0));
            problem.costs.extend(row.iter().map(|cell| cell.1));
            problem.row_starts.push(problem.costs.len() as i32);
        }
        problem
    }

    fn matrix(&self) -> SparseMatrix<'_, f64> {
        SparseMatrix::from_rows([self.rows, self.columns], &self.row_starts, &self.column_indices, &self.costs)
            .expect("lengths fit")
    }

    /// Rows, columns and costs of the listed cells.
    fn listed(&self) -> impl Iterator<Item = (usize, usize, f64)> {
        let rows =
            (0..self.rows).flat_map(|row| (self.row_starts[row]..self.row_starts[row + 1]).map(move |at| (row, at)));
        rows.map(|(row, at)| (row, self.column_indices[at as usize] as usize, self.costs[at as usize]))
    }

    fn solve(&self, options: AssignmentOptions) -> Result<Found, Error> {
        solve(&self.matrix(), options)
    }

    /// All cells, +infinity where none is listed.
    fn dense(&self) -> Dense {
        let mut costs = vec![f64::INFINITY; self.rows * self.columns];
        self.listed().for_each(|(row, column, cost)| costs[row * self.columns + column] = cost);
        Dense { costs, rows: self.rows, columns: self.columns }
    }

    fn solve_dense(&self, options: AssignmentOptions) -> Result<Found, Error> {
        solve_by(Route::Auto, Level::detect(), &self.dense().matrix(), options)
    }

    fn assert_proven(&self, found: &Found, options: AssignmentOptions) {
        let Found { column_of_row, row_duals, column_duals, .. } = found;
        let certificate =
            verify(&self.matrix(), options, column_of_row, row_duals, column_duals).expect("an assignment");
        assert!(certificate.optimal, "{certificate:?}");
        assert_eq!(certificate.total, found.total);
        assert_eq!(certificate, self.dense().verify(options, found));
    }

    fn assert_same_total(&self, found: &Found, expected: &Found) {
        let pairs = |found: &Found| found.column_of_row.iter().flatten().count();
        assert_eq!(pairs(found), pairs(expected));
        let largest = self.costs.iter().filter(|c| c.is_finite()).fold(0.0f64, |a, c| a.max(c.abs()));
        assert!((found.total - expected.total).abs() <= 1e-11 * largest, "{} is not {}", found.total, expected.total);
    }
}

/// The kinds of costs that solvers stumble over.
const KINDS: [fn(f64, usize, usize) -> f64; 9] = [
    |value, _, _| value - 0.5,
    |value, _, _| (value * 3.0).floor(),
    |value, _, _| (value * 100.0).floor() - 50.0,
    |_, i, j| ((i + 1) * (j + 1)) as f64,
    |value, i, j| (i as f64 - j as f64).abs() + 0.1 * value,
    |_, _, _| -2.5,
    |value, _, _| 1e6 + value,
    |value, _, _| (value - 0.5) * 1e300,
    |value, _, _| (value - 0.5) * 1e-300,
];

/// Problems up to `largest` on a side, of all densities; columns in any order, some cells +infinity, some lines empty.
fn problems(largest: usize) -> impl Strategy<Value = Problem> {
    let sides = prop_oneof![(0..=largest, 0..=largest), (0..=largest).prop_map(|side| (side, side))];
    (sides, 0..KINDS.len(), 0.02..1.0f64).prop_flat_map(|((rows, columns), kind, density)| {
        let noise = prop::collection::vec((0.0..1.0, 0.0..1.0, any::<u32>()), rows * columns);
        noise.prop_map(move |noise| problem(KINDS[kind], rows, columns, density, &noise))
    })
}

fn problem(
    kind: fn(f64, usize, usize) -> f64,
    rows: usize,
    columns: usize,
    density: f64,
    noise: &[(f64, f64, u32)],
) -> Problem {
    let mut cells: Vec<_> = noise
        .iter()
        .enumerate()
        .filter(|(_, noise)| noise.1 < density)
        .map(|(k, &(value, fate, order))| {
            let (row, column) = (k / columns, k % columns);
            let forbidden = fate < 0.05 * density;
            (order, (row, column, if forbidden { f64::INFINITY } else { kind(value, row, column) }))
        })
        .collect();
    cells.sort_by_key(|cell| cell.0);
    Problem::new(rows, columns, cells.into_iter().map(|cell| cell.1))
}

fn assert_as_dense(problem: &Problem, options: AssignmentOptions) {
    for way in WAYS {
        let found = way().solve(&problem.matrix(), options).map(Found::from);
        match (found, problem.solve_dense(options)) {
            (Ok(found), Ok(expected)) => {
                problem.assert_same_total(&found, &expected);
                problem.assert_proven(&found, options);
            }
            (Err(error @ Error::InfeasibleRows { .. }), Err(Error::InfeasibleRows { .. }))
            | (Err(error @ Error::InfeasibleColumns { .. }), Err(Error::InfeasibleColumns { .. })) => {
                problem.dense().assert_violated(&error);
            }
            (found, expected) => panic!("{found:?} is not {expected:?}"),
        }
    }
}

/// A limit within the range of the costs, or beyond.
fn limited(problem: &Problem, limit: f64) -> AssignmentOptions {
    let largest = problem.costs.iter().filter(|c| c.is_finite()).fold(0.0f64, |a, c| a.max(c.abs()));
    AssignmentOptions { cost_limit: Some(limit * largest), ..COMPLETE }
}

/// A limit that pairs cost exactly.
fn limited_by_a_cost(problem: &Problem, at: prop::sample::Index) -> AssignmentOptions {
    let finite: Vec<f64> = problem.costs.iter().copied().filter(|c| c.is_finite()).collect();
    let limit = if finite.is_empty() { 0.0 } else { finite[at.index(finite.len())] };
    AssignmentOptions { cost_limit: Some(limit), ..COMPLETE }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn small_problems_end_as_the_dense_solver_ends(problem in problems(8), maximize: bool, partial: bool) {
        assert_as_dense(&problem, AssignmentOptions { maximize, partial, cost_limit: None });
    }

    #[test]
    fn a_limit_leaves_the_pairs_that_the_dense_solver_leaves(problem in problems(8), limit in -1.2..1.2, maximize: bool) {
        assert_as_dense(&problem, AssignmentOptions { maximize, ..limited(&problem, limit) });
    }

    #[test]
    fn a_pair_that_costs_the_limit_is_made(problem in problems(8), at: prop::sample::Index, maximize: bool) {
        assert_as_dense(&problem, AssignmentOptions { maximize, ..limited_by_a_cost(&problem, at) });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn larger_problems_end_as_the_dense_solver_ends(problem in problems(45), maximize: bool, partial: bool) {
        assert_as_dense(&problem, AssignmentOptions { maximize, partial, cost_limit: None });
    }

    #[test]
    fn larger_problems_with_a_limit_end_as_the_dense_solver_ends(problem in problems(45), limit in -0.5..1.2) {
        assert_as_dense(&problem, limited(&problem, limit));
    }

    #[test]
    fn a_limit_beyond_all_costs_gives_the_most_pairs(problem in problems(20), exponent in 2..250i32, maximize: bool) {
        let sign = if maximize { -1.0 } else { 1.0 };
        let options = AssignmentOptions { maximize, ..limited(&problem, sign * 10f64.powi(exponent)) };
        // the largest numbers leave no room for a limit beyond
        prop_assume!(options.cost_limit.is_some_and(|limit| limit.is_finite() && limit != 0.0));
        for way in WAYS {
            let found = Found::from(way().solve(&problem.matrix(), options).expect("every set of pairs will do"));
            let expected = problem.solve(AssignmentOptions { cost_limit: None, partial: true, ..options });
            problem.assert_same_total(&found, &expected.expect("partial never fails"));
            problem.assert_proven(&found, options);
            prop_assert!(found.row_duals.iter().chain(&found.column_duals).all(|dual| dual * sign <= 0.0));
        }
    }

    #[test]
    fn a_list_of_cells_is_the_matrix_of_its_rows(problem in problems(20), order: u64) {
        let mut cells: Vec<_> = problem.listed().collect();
        shuffle(&mut cells, order);
        let rows: Vec<i32> = cells.iter().map(|cell| cell.0 as i32).collect();
        let columns: Vec<i32> = cells.iter().map(|cell| cell.1 as i32).collect();
        let costs: Vec<f64> = cells.iter().map(|cell| cell.2).collect();
        let matrix = SparseMatrix::from_cells([problem.rows, problem.columns], &rows, &columns, &costs);
        let matrix = matrix.expect("lengths fit");
        for options in [PARTIAL, limited(&problem, 0.5)] {
            prop_assert_eq!(solve(&matrix, options), problem.solve(options));
        }
    }

    #[test]
    fn the_order_of_cells_and_earlier_solves_make_no_difference(problem in problems(20), earlier in problems(20)) {
        let dense = problem.dense().costs;
        let cells = (0..dense.len()).filter(|&k| dense[k].is_finite());
        let in_order = cells.map(|k| (k / problem.columns, k % problem.columns, dense[k]));
        let in_order = Problem::new(problem.rows, problem.columns, in_order);
        let mut solver = SparseSolver::default();
        solver.solve(&earlier.matrix(), PARTIAL).expect("partial never fails");
        let found = Found::from(solver.solve(&problem.matrix(), PARTIAL).expect("partial never fails"));
        prop_assert_eq!(found, in_order.solve(PARTIAL).expect("partial never fails"));
    }

    #[test]
    fn storage_in_f32_gives_the_assignment_of_its_values(problem in problems(20)) {
        let clamp = |c: f64| if c.is_finite() { (c as f32).clamp(f32::MIN, f32::MAX) } else { f32::INFINITY };
        let narrow: Vec<f32> = problem.costs.iter().map(|&c| clamp(c)).collect();
        let Problem { rows, columns, row_starts, column_indices, .. } = &problem;
        let matrix = SparseMatrix::from_rows([*rows, *columns], row_starts, column_indices, &narrow).expect("a matrix");
        let wide = Problem { costs: narrow.iter().map(|&c| f64::from(c)).collect(), ..problem.clone() };
        prop_assert_eq!(solve(&matrix, PARTIAL), wide.solve(PARTIAL));
    }
}

/// Numbers that do not repeat.
fn random(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state >> 11
    }
}

fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut random = random(seed);
    for k in (1..items.len()).rev() {
        items.swap(k, random() as usize % (k + 1));
    }
}

/// `per_row` cells in every row, one of which makes a complete assignment possible if the matrix is `feasible`.
fn scattered(rows: usize, columns: usize, per_row: usize, feasible: bool, cost: fn(u64) -> f64) -> Problem {
    let mut random = random(7);
    let mut cells = vec![];
    for row in 0..rows {
        let mut listed = vec![];
        if feasible && row < columns {
            listed.push(columns - 1 - row);
        }
        while listed.len() < per_row {
            let column = random() as usize % columns;
            if !listed.contains(&column) {
                listed.push(column);
            }
        }
        cells.extend(listed.into_iter().map(|column| (row, column, cost(random()))));
    }
    Problem::new(rows, columns, cells)
}

#[test]
fn thousands_of_rows_are_proven_by_their_duals() {
    let costs: [fn(u64) -> f64; 3] = [|k| k as f64 / 2f64.powi(53), |k| (k % 10) as f64, |k| 1e6 + (k % 3) as f64];
    for (rows, columns) in [(3000, 3000), (2000, 3000), (3000, 2000)] {
        for (cost, feasible) in costs.into_iter().flat_map(|cost| [(cost, true), (cost, false)]) {
            let problem = scattered(rows, columns, 4, feasible, cost);
            let matrix = problem.matrix();
            let found = solve(&matrix, PARTIAL).expect("partial never fails");
            let certificate = verify(&matrix, PARTIAL, &found.column_of_row, &found.row_duals, &found.column_duals);
            assert!(certificate.as_ref().is_ok_and(|c| c.optimal), "{rows}x{columns}: {certificate:?}");
        }
    }
}

#[test]
fn free_lines_have_the_largest_duals() {
    let problem = scattered(60, 60, 2, false, |k| (k % 100) as f64);
    let found = problem.solve(PARTIAL).expect("partial never fails");
    let free: Vec<usize> = (0..60).filter(|&row| found.column_of_row[row].is_none()).collect();
    assert!(!free.is_empty());
    let largest = found.row_duals.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    assert!(free.iter().all(|&row| found.row_duals[row] == largest));
    let is_free = |column: usize| !found.column_of_row.contains(&Some(column));
    assert!((0..60).filter(|&column| is_free(column)).all(|column| found.column_duals[column] == 0.0));
    assert!(found.column_duals.iter().all(|&dual| dual <= 0.0));
}

#[test]
fn a_constant_matrix_gives_the_identity() {
    for (rows, columns) in [(1, 1), (5, 5), (6, 9), (9, 6), (40, 40), (17, 33)] {
        let cells = (0..rows * columns).map(|k| (k / columns, k % columns, -2.5));
        let found = Problem::new(rows, columns, cells).solve(COMPLETE).expect("nothing is forbidden");
        let identity: Vec<_> = (0..rows).map(|i| Some(i).filter(|&i| i < columns)).collect();
        assert_eq!(found.column_of_row, identity, "{rows}x{columns}");
    }
}

#[test]
fn problems_without_rows_or_columns_have_the_empty_assignment() {
    for (rows, columns) in [(0, 0), (0, 4), (4, 0)] {
        let found = Problem::new(rows, columns, []).solve(COMPLETE).expect("nothing to do");
        assert_eq!(found.column_of_row, vec![None; rows]);
        assert_eq!((found.total, found.row_duals.len(), found.column_duals.len()), (0.0, rows, columns));
    }
}

#[test]
fn empty_rows_and_columns_stay_free_or_are_named() {
    let problem = Problem::new(3, 3, [(0, 2, 1.0), (2, 0, 5.0), (2, 2, -4.0)]);
    let found = problem.solve(PARTIAL).expect("partial never fails");
    assert_eq!((&found.column_of_row[..], found.total), (&[Some(2), None, Some(0)][..], 6.0));
    problem.assert_proven(&found, PARTIAL);
    assert_eq!(problem.solve(COMPLETE), Err(Error::InfeasibleRows { rows: vec![1], columns: 0 }));
    let tall = Problem::new(3, 2, [(0, 1, 1.0), (1, 1, 2.0), (2, 1, 3.0)]);
    assert_eq!(tall.solve(COMPLETE), Err(Error::InfeasibleColumns { columns: vec![0], rows: 0 }));
    let nothing = Problem::new(2, 3, []).solve(PARTIAL).expect("partial never fails");
    assert_eq!((nothing.column_of_row, nothing.total), (vec![None, None], 0.0));
}

#[test]
fn a_listed_infinity_is_forbidden() {
    let problem = Problem::new(2, 2, [(0, 0, 1.0), (0, 1, f64::INFINITY), (1, 0, 0.0), (1, 1, 9.0)]);
    for maximize in [false, true] {
        let found = problem.solve(AssignmentOptions { maximize, ..COMPLETE }).expect("an assignment");
        assert_eq!((&found.column_of_row[..], found.total), (&[Some(0), Some(1)][..], 10.0));
        problem.assert_proven(&found, AssignmentOptions { maximize, ..COMPLETE });
    }
}

/// The error of a matrix of two rows and three columns.
fn refusal(row_starts: &[i32], column_indices: &[i32], costs: &[f64]) -> Error {
    let matrix = SparseMatrix::from_rows([2, 3], row_starts, column_indices, costs);
    matrix.and_then(|matrix| solve(&matrix, PARTIAL)).expect_err("not a matrix")
}

/// The same, of a list of cells.
fn refusal_of_cells(row_indices: &[i32], column_indices: &[i32], costs: &[f64]) -> Error {
    let matrix = SparseMatrix::from_cells([2, 3], row_indices, column_indices, costs);
    matrix.and_then(|matrix| solve(&matrix, PARTIAL)).expect_err("not a matrix")
}

#[test]
fn lists_that_are_no_matrix_are_refused_with_place_and_value() {
    let starts = |index, value| Error::RowStarts { index, value, cells: 3 };
    let column = |index, row, column| Error::ColumnIndex { index, row, column, columns: 3 };
    let twice = |index, first, row, column| Error::ListedTwice { index, first, row, column };
    let three = [1.0, 2.0, 3.0];
    assert_eq!(refusal(&[1, 2, 3], &[0, 1, 2], &three), starts(0, 1));
    assert_eq!(refusal(&[0, 4, 3], &[0, 1, 2], &three), starts(2, 3));
    assert_eq!(refusal(&[0, -1, 3], &[0, 1, 2], &three), starts(1, -1));
    assert_eq!(refusal(&[0, 2, 2], &[0, 1, 2], &three), starts(2, 2));
    assert_eq!(refusal(&[0, 2, 4], &[0, 1, 2], &three), starts(2, 4));
    assert!(matches!(refusal(&[0, 3], &[0, 1, 2], &three), Error::Length { expected: 3, actual: 2, .. }));
    assert!(matches!(refusal(&[0, 1, 3], &[0, 1], &three), Error::Length { expected: 3, actual: 2, .. }));
    assert_eq!(refusal(&[0, 1, 3], &[0, 1, 3], &three), column(2, 1, 3));
    assert_eq!(refusal(&[0, 1, 3], &[0, -1, 2], &three), column(1, 1, -1));
    assert_eq!(refusal(&[0, 1, 3], &[0, 2, 2], &three), twice(2, 1, 1, 2));
    assert_eq!(refusal(&[0, 3, 3], &[2, 0, 2], &three), twice(2, 0, 0, 2));
    assert_eq!(refusal(&[0, 3, 3], &[2, 0, 2], &[f64::INFINITY, 0.0, 1.0]), twice(2, 0, 0, 2));
    let row = |index, row| Error::RowIndex { index, row, rows: 2 };
    assert_eq!(refusal_of_cells(&[0, 2, 1], &[0, 1, 2], &three), row(1, 2));
    assert_eq!(refusal_of_cells(&[0, 1, -2], &[0, 1, 2], &three), row(2, -2));
    assert_eq!(refusal_of_cells(&[1, 0, 1], &[0, 1, 3], &three), column(2, 1, 3));
    assert_eq!(refusal_of_cells(&[1, 0, 1], &[2, 1, 2], &three), twice(2, 0, 1, 2));
    assert!(matches!(refusal_of_cells(&[0, 1], &[0, 1, 2], &three), Error::Length { expected: 3, actual: 2, .. }));
    let empty = |starts: &[i32], columns: &[i32], costs: &[f64]| {
        SparseMatrix::from_rows([0, 3], starts, columns, costs).and_then(|matrix| solve(&matrix, PARTIAL))
    };
    assert!(matches!(empty(&[1], &[], &[]), Err(Error::RowStarts { index: 0, value: 1, .. })));
    assert!(matches!(empty(&[0], &[0], &[1.0]), Err(Error::RowStarts { index: 0, value: 0, .. })));
    assert!(matches!(empty(&[], &[], &[]), Err(Error::Length { .. })));
}

#[test]
fn a_tall_matrix_names_the_cell_listed_twice_too() {
    let matrix = SparseMatrix::from_cells([3, 2], &[2, 0, 2], &[1, 0, 1], &[1.0; 3]).expect("lengths fit");
    assert_eq!(solve(&matrix, PARTIAL), Err(Error::ListedTwice { index: 2, first: 0, row: 2, column: 1 }));
}

#[test]
fn cells_that_are_no_costs_are_refused_with_their_place() {
    for bad in [f64::NAN, f64::NEG_INFINITY] {
        let refused = refusal(&[0, 1, 3], &[0, 2, 1], &[1.0, bad, 3.0]);
        assert!(matches!(refused, Error::ListedCost { index: 1, row: 1, column: 2, .. }), "{refused}");
        // the first row is empty
        let refused = refusal(&[0, 0, 2], &[1, 2], &[bad, 3.0]);
        assert!(matches!(refused, Error::ListedCost { index: 0, row: 1, column: 1, .. }), "{refused}");
        let matrix = SparseMatrix::from_rows([1, 1], &[0, 1], &[0], std::slice::from_ref(&bad)).expect("lengths fit");
        assert!(matches!(verify(&matrix, COMPLETE, &[None], &[0.0], &[0.0]), Err(Error::ListedCost { .. })));
    }
}

#[test]
fn a_limit_that_is_no_number_is_refused() {
    for limit in [f64::NAN, f64::INFINITY] {
        let options = AssignmentOptions { cost_limit: Some(limit), ..COMPLETE };
        let refused = Problem::new(1, 1, [(0, 0, 1.0)]).solve(options).expect_err("no limit");
        assert!(matches!(refused, Error::Option { name: "cost_limit", .. }), "{refused}");
    }
}

#[test]
fn matrices_that_31_bits_cannot_count_are_refused() {
    let columns = 1 << 31;
    let refused = SparseMatrix::<f64>::from_rows([1, columns], &[0, 0], &[], &[]).expect_err("too large");
    assert_eq!(refused, Error::SparseSize { rows: 1, columns });
    assert!(SparseMatrix::<f64>::from_rows([usize::MAX, 1], &[0, 0], &[], &[]).is_err());
    assert!(SparseMatrix::<f64>::from_cells([usize::MAX, usize::MAX], &[], &[], &[]).is_err());
}

#[test]
fn refusals_say_what_is_wrong_and_where() {
    let three = [1.0, 2.0, 3.0];
    let says = [
        (refusal(&[0, 4, 3], &[0, 1, 2], &three), "row_starts[2]: must rise from 0 to the number of costs, 3, got 3"),
        (
            refusal(&[0, 1, 3], &[0, 1, 7], &three),
            "column_indices[2]: must be below the number of columns, 3, and not negative, got 7 in row 1",
        ),
        (
            refusal_of_cells(&[0, 1, -1], &[0, 1, 2], &three),
            "row_indices[2]: must be below the number of rows, 2, and not negative, got -1",
        ),
        (refusal(&[0, 1, 3], &[0, 2, 2], &three), "costs[2]: row 1, column 2 is listed already, as costs[1]"),
        (
            refusal(&[0, 1, 3], &[0, 1, 2], &[1.0, 2.0, f64::NAN]),
            "costs[2]: NaN at row 1, column 2; must be a number or Infinity (which forbids the pair)",
        ),
        (
            Error::SparseSize { rows: 1, columns: 1 << 32 },
            "cost: 1 rows and 4294967296 columns are too many for 32-bit indices",
        ),
        (
            Error::Memory { argument: "cost", bytes: (1 << 30) + 1 },
            "cost: the system refuses the memory that is needed, up to 1025 MB",
        ),
    ];
    for (error, message) in says {
        assert_eq!(error.to_string(), message);
    }
}

/// Products of indices make the longest searches there are.
fn product(side: usize, per_row: usize) -> Problem {
    let mut cells = vec![];
    for row in 0..side {
        cells
            .extend((0..per_row).map(|k| (row, (row + k * k) % side)).map(|(i, j)| (i, j, ((i + 1) * (j + 1)) as f64)));
    }
    Problem::new(side, side, cells)
}

#[test]
fn an_interrupt_ends_a_solve_within_50_ms_whatever_it_is_at() {
    use std::time::{Duration, Instant};
    let square = product(20_000, 50);
    let wide = Problem { columns: square.columns + 1, ..square.clone() };
    let options = [COMPLETE, PARTIAL, AssignmentOptions { cost_limit: Some(1e9), ..COMPLETE }];
    for (problem, options) in [&square, &wide].into_iter().flat_map(|problem| options.map(|options| (problem, options)))
    {
        let matrix = problem.matrix();
        for wait in [0, 1, 2, 5, 10, 20, 40, 80, 160] {
            let delay = || {
                let interrupt = Interrupt::default();
                let mut solver = SparseSolver::with_interrupt(interrupt.clone());
                let raised = std::thread::spawn(move || {
                    std::thread::sleep(Duration::from_millis(wait));
                    interrupt.raise();
                    Instant::now()
                });
                let ended = solver.solve(&matrix, options).map(|found| found.total);
                let late = raised.join().expect("the other thread raises the flag").elapsed();
                (ended == Err(Error::Interrupted)).then_some(late)
            };
            // again if it is late, since a busy machine may not run this thread at once; some solves end by themselves
            let is_soon = (0..20).any(|_| delay().map_or(wait > 5, |late| late < Duration::from_millis(50)));
            assert!(is_soon, "late each time, or not interrupted, after {wait} ms");
        }
    }
}
