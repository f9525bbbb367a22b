//! No solve or proof takes more memory than it asks for beforehand, so that none can be refused half-way; and what is much
//! is given back. An allocator counts.

#[path = "support/allocator.rs"]
mod allocator;
mod support;

use allocator::{GRANTED, assert_asked, held, limited, taken};
use lsap::memory::{GiveBack, KEPT};
use lsap::{
    AssignmentOptions, AssignmentSolver, Cost, CostMatrix, Error, Level, Result, Route, SparseMatrix, SparseSolver,
    verify, verifying_takes,
};
use support::Numbers;

/// With ever more memory, a call is refused and then succeeds; a process that ends meanwhile fails the test. Gives the
/// megabytes that were enough.
#[track_caller]
fn assert_refusals_are_errors(what: &str, mut call: impl FnMut() -> Result<()>) -> usize {
    let few = (0..16).map(|quarters| quarters << 18);
    for bytes in few.chain((4..256).step_by(3).map(|megabytes| megabytes << 20)) {
        match limited(bytes, &mut call) {
            Ok(()) => return bytes >> 20,
            Err(error) => assert!(matches!(error, Error::Memory { .. }), "{what}: {error}"),
        }
    }
    panic!("{what}: 256 MB are not enough");
}

/// Costs that are hard for searches, or random, with some forbidden cells and some huge ones.
fn costs(kind: usize, rows: usize, columns: usize) -> Vec<f64> {
    let mut numbers = Numbers(kind as u64 + 1);
    let cells = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
    cells
        .map(|(row, column)| match kind {
            0 => f64::from(numbers.unit()),
            1 => ((row + 1) * (column + 1)) as f64,
            2 => (numbers.below(3) as f64) - 1.0,
            3 if numbers.below(columns.min(rows).max(2)) > 8 => f64::INFINITY,
            3 => f64::from(numbers.unit()),
            _ => 1e300 * f64::from(numbers.unit()),
        })
        .collect()
}

fn all_options() -> impl Iterator<Item = AssignmentOptions> {
    [false, true].into_iter().flat_map(|maximize| {
        [(false, None), (true, None), (false, Some(0.4))].map(|(partial, cost_limit)| AssignmentOptions {
            maximize,
            partial,
            cost_limit,
        })
    })
}

fn check_solves<T: Cost>(shape: [usize; 2], kind: usize, route: Route, costs: &[T]) {
    let [rows, columns] = shape;
    let matrix = CostMatrix::new(costs, rows, columns).unwrap();
    for options in all_options() {
        let mut solver = AssignmentSolver::with_route(route);
        let (taken, _) = taken(|| solver.solve(Level::detect(), &matrix, options).is_ok());
        assert_asked(taken, solver.largest(), &format!("{shape:?}, costs {kind}, {route:?}, {options:?}"));
    }
}

#[test]
fn solving_takes_what_it_asks_for() {
    let shapes = [
        [1, 400_000],
        [400_000, 1],
        [3, 90_000],
        [90_000, 3],
        [20, 9000],
        [9000, 20],
        [600, 600],
        [500, 550],
        [550, 500],
    ];
    for shape in shapes {
        for kind in 0..5 {
            let costs = costs(kind, shape[0], shape[1]);
            for route in [Route::Auto, Route::Dense, Route::Lazy, Route::Scaling] {
                // the ways that a shape does not take by itself are slow on it
                if route == Route::Auto || kind == 0 && shape[0].abs_diff(shape[1]) < 100 {
                    check_solves(shape, kind, route, &costs);
                }
            }
            let single: Vec<f32> = costs.iter().map(|&cost| cost as f32).collect();
            check_solves(shape, kind, Route::Auto, &single);
        }
    }
}

#[test]
fn solving_listed_cells_takes_what_it_asks_for() {
    for (rows, columns, each) in [(60_000, 60_000, 1), (9000, 20_000, 9), (1000, 1000, 90), (1, 500_000, 9)] {
        let mut numbers = Numbers(7);
        let cells: Vec<[i32; 2]> = (0..rows)
            .flat_map(|row| (0..each).map(move |k| [row as i32, ((row + k * 977) % columns) as i32]))
            .collect();
        for is_sorted in [true, false] {
            let mut cells = cells.clone();
            if !is_sorted {
                cells.reverse();
            }
            let row_indices: Vec<i32> = cells.iter().map(|cell| cell[0]).collect();
            let column_indices: Vec<i32> = cells.iter().map(|cell| cell[1]).collect();
            let costs = numbers.list(cells.len(), |numbers| f64::from(numbers.unit()));
            let matrix = SparseMatrix::from_cells([rows, columns], &row_indices, &column_indices, &costs).unwrap();
            for options in all_options() {
                let mut solver = SparseSolver::default();
                let (taken, _) = taken(|| solver.solve(&matrix, options).is_ok());
                assert_asked(taken, solver.largest(), &format!("{rows}, {columns}, {each}, {is_sorted}, {options:?}"));
            }
            let (none, duals) = (vec![None; rows], [vec![0.0; rows], vec![0.0; columns]]);
            let (taken, _) =
                taken(|| verify(&matrix, AssignmentOptions::default(), &none, &duals[0], &duals[1]).is_ok());
            let mut solver = SparseSolver::default();
            let _ = solver.solve(&matrix, AssignmentOptions::default());
            assert_asked(taken, solver.largest() + verifying_takes(rows, columns), "the proof of a sparse matrix");
        }
    }
}

#[test]
fn verifying_takes_what_it_asks_for() {
    for [rows, columns] in [[1, 400_000], [400_000, 1], [900, 1000]] {
        let costs = costs(0, rows, columns);
        let matrix = CostMatrix::new(&costs, rows, columns).unwrap();
        let mut solver = AssignmentSolver::default();
        let found = solver.solve(Level::detect(), &matrix, AssignmentOptions::default()).unwrap();
        let pairs: Vec<_> = found.columns_of_rows().collect();
        let duals: [Vec<f64>; 2] = [found.row_duals().collect(), found.column_duals().collect()];
        let (taken, found) =
            taken(|| verify(&matrix, AssignmentOptions::default(), &pairs, &duals[0], &duals[1]).unwrap());
        assert!(found.optimal);
        assert_asked(taken, verifying_takes(rows, columns), &format!("{rows}, {columns}"));
    }
}

/// Costs whose digits are lost beside those of the first row and the first column, which differ.
fn lost(rows: usize, columns: usize) -> Vec<f64> {
    let mut numbers = Numbers(5);
    let is_huge = |at: usize| at < columns || at.is_multiple_of(columns);
    let mut cost = |at| f64::from(numbers.unit()) * if is_huge(at) { 1e9 } else { 1.0 };
    (0..rows * columns).map(|at| cost(at) + if is_huge(at) { 1e17 } else { 0.0 }).collect()
}

#[test]
fn memory_refused_to_what_looks_after_lost_digits_is_an_error() {
    for [rows, columns] in [[600, 600], [550, 600], [600, 550]] {
        let costs = lost(rows, columns);
        let matrix = CostMatrix::new(&costs, rows, columns).unwrap();
        let cells = || (0..rows as i32).flat_map(|row| (0..columns as i32).map(move |column| (row, column)));
        let (row_indices, column_indices): (Vec<i32>, Vec<i32>) = cells().unzip();
        let listed = SparseMatrix::from_cells([rows, columns], &row_indices, &column_indices, &costs).unwrap();
        for options in all_options() {
            let what = format!("{rows} × {columns}, {options:?}");
            let enough = assert_refusals_are_errors(&what, || {
                AssignmentSolver::default().solve(Level::detect(), &matrix, options).map(|_| ())
            });
            if options.cost_limit.is_none() {
                assert!(enough << 20 > rows * columns * 16, "{what}: the cells were not listed");
            }
            assert_refusals_are_errors(&what, || SparseSolver::default().solve(&listed, options).map(|_| ()));
        }
    }
}

#[test]
fn a_little_memory_that_is_refused_is_an_error() {
    for [rows, columns] in [[400, 400], [1000, 1000], [1, 60_000], [60_000, 1], [700, 900], [900, 700]] {
        for kind in 0..3 {
            let costs = costs(kind, rows, columns);
            let matrix = CostMatrix::new(&costs, rows, columns).unwrap();
            for options in all_options() {
                let what = format!("{rows} × {columns}, costs {kind}, {options:?}");
                let mut refused = 0;
                assert_refusals_are_errors(&what, || {
                    let solved = AssignmentSolver::default().solve(Level::detect(), &matrix, options).map(|_| ());
                    refused += usize::from(solved.is_err());
                    solved
                });
                assert!(refused > 0, "{what}");
            }
        }
    }
}

#[test]
fn memory_refused_to_what_takes_padding_off_is_an_error() {
    let (side, real) = (1200, 300);
    let mut numbers = Numbers(5);
    let cost = |at: usize| if at < real * side { f64::from(numbers.unit()) } else { 1e17 };
    let costs: Vec<f64> = (0..side * side).map(cost).collect();
    let matrix = CostMatrix::new(&costs, side, side).unwrap();
    let solve =
        || AssignmentSolver::default().solve(Level::detect(), &matrix, AssignmentOptions::default()).map(|_| ());
    let enough = assert_refusals_are_errors("a padded matrix", solve);
    let is_copied = (side * side * 4..side * side * 12).contains(&(enough << 20));
    assert!(is_copied, "{enough} MB: the matrix was not copied, or its cells were listed");
}

#[test]
fn memory_refused_to_a_proof_is_an_error() {
    let columns = 400_000;
    let mut numbers = Numbers(5);
    let is_small = |at: usize| [0, 1, columns].contains(&at);
    let costs: Vec<f64> =
        (0..2 * columns).map(|at| if is_small(at) { 1e-5 } else { 1e4 } * (1.0 + f64::from(numbers.unit()))).collect();
    let matrix = CostMatrix::new(&costs, 2, columns).unwrap();
    let none = AssignmentOptions::default();
    // the solver's own
    let solve = || AssignmentSolver::default().solve(Level::detect(), &matrix, none).map(|_| ());
    let enough = assert_refusals_are_errors("a doubtful result", solve);
    assert!(enough << 20 > columns * 128, "there was no proof");
    let mut solver = AssignmentSolver::default();
    let found = solver.solve(Level::detect(), &matrix, none).unwrap();
    let pairs: Vec<_> = found.columns_of_rows().collect();
    let duals: [Vec<f64>; 2] = [found.row_duals().collect(), found.column_duals().collect()];
    assert_refusals_are_errors("a proof", || verify(&matrix, none, &pairs, &duals[0], &duals[1]).map(|_| ()));
}

#[test]
fn what_no_machine_has_is_refused_before_anything_is_done() {
    let huge = (1 << 31) - 1;
    let none = AssignmentOptions::default();
    let solve = |rows, columns| {
        let matrix = CostMatrix::<f64>::new(&[], rows, columns).unwrap();
        AssignmentSolver::default().solve(Level::detect(), &matrix, none).map(|_| ()).unwrap_err()
    };
    for error in [solve(0, 1 << 50), solve(1 << 50, 0), solve(usize::MAX, 0)] {
        assert!(matches!(error, Error::Memory { argument: "cost", .. }), "{error}");
    }
    let matrix = SparseMatrix::<f64>::from_cells([huge, huge], &[], &[], &[]).unwrap();
    let (taken, refused) = taken(|| SparseSolver::default().solve(&matrix, none).map(|_| ()).unwrap_err());
    assert!(matches!(refused, Error::Memory { argument: "cost", .. }), "{refused}");
    assert!(taken < GRANTED, "{taken}");
}

#[test]
fn much_memory_is_given_back_and_little_is_kept() {
    let maximize = AssignmentOptions { maximize: true, ..AssignmentOptions::default() };
    let before = held();
    let held = || (held() - before) as usize;
    let mut solver = AssignmentSolver::default();
    let mut solve = |rows: usize, columns: usize| {
        let costs = vec![1.0; rows * columns];
        solver.solve(Level::detect(), &CostMatrix::new(&costs, rows, columns).unwrap(), maximize).unwrap();
        drop(costs);
        let own = held();
        solver.give_back();
        own
    };
    assert!(solve(3000, 3000) > KEPT);
    assert!(held() < 1000);
    let little = solve(300, 300);
    assert_eq!(held(), little);
    assert!(little > 300 * 300 * 8);
    let many = solve(1_500_000, 6);
    assert!(many > KEPT);
    assert!(held() < 1000);
}
