//! Dense matrices: every way and level, a solver that is used again, `f32` and `f64`, proofs; transposed and negated.

use lsap::{AssignmentOptions, AssignmentSolver, Cost, CostMatrix, Error, Level, Route, verify};

use crate::bytes::Bytes;
use crate::costs::{self, Stored};
use crate::judge::{EXCESS, assert_same, is_beyond, is_proven, judge, largest};
use crate::lsap_harness::{Dense, Found, ROUTES, Total};

/// Solves a matrix, proves the result, and compares it with what is found another way.
pub fn run(data: &[u8]) {
    let bytes = &mut Bytes::new(data);
    let (other, route, level) = (bytes.byte(), bytes.pick(&ROUTES), bytes.pick(&Level::available()));
    let options = costs::options(bytes);
    let stored = Stored::of(bytes);
    let (problem, limited) = (&stored.dense, stored.stored(options));
    let found = stored.solve(route, level, options);
    judge(problem, limited, &found);
    match other % 6 {
        0 => assert_same(&found, &stored.solve(route, Level::detect(), options), "levels differ"),
        1 => assert_same(&found, &solve_after_another(bytes, &stored, route, options), "a solver that is used again"),
        2 => {
            let other = stored.solve(Route::Auto, level, options);
            judge(problem, limited, &other);
            assert_as_many_pairs(limited, [(problem, &found), (problem, &other)]);
        }
        3 => {
            let limit = options.cost_limit.map(|limit| -limit);
            let negated = AssignmentOptions { maximize: !options.maximize, cost_limit: limit, ..options };
            let opposite = Stored::new(problem.opposite(), stored.singles.is_some());
            let other = opposite.solve(route, level, negated);
            if found.is_ok() {
                judge(&opposite.dense, opposite.stored(negated), &other);
            }
            assert_as_many_pairs(limited, [(problem, &found), (problem, &other)]);
        }
        4 => {
            let across = Stored::new(transposed(problem), stored.singles.is_some());
            let other = across.solve(route, level, options);
            judge(&across.dense, limited, &other);
            assert_as_many_pairs(limited, [(problem, &found), (&across.dense, &other)]);
        }
        _ => {
            let (height, width) = (bytes.index(40), usize::from_le_bytes(bytes.array()));
            let matrix = CostMatrix::new(&problem.costs, height, width);
            let fits = height.checked_mul(width) == Some(problem.costs.len());
            assert!(if fits { matrix.is_ok() } else { matches!(matrix, Err(Error::Length { .. })) });
        }
    }
    let Ok(found) = found else { return };
    match &stored.singles {
        None => is_proven(problem, limited, &found, &problem.verify(limited, &found)),
        Some(singles) => {
            let matrix = CostMatrix::new(singles, problem.rows, problem.columns).expect("a matrix");
            let Found { column_of_row, row_duals, column_duals, .. } = &found;
            let certificate = verify(&matrix, options, column_of_row, row_duals, column_duals).expect("an assignment");
            is_proven(problem, limited, &found, &certificate);
        }
    }
}

/// What a solver finds that has solved another matrix.
fn solve_after_another(
    bytes: &mut Bytes<'_>,
    stored: &Stored,
    route: Route,
    options: AssignmentOptions,
) -> Result<Found, Error> {
    let mut solver = AssignmentSolver::with_route(route);
    let another = Stored::of(bytes);
    let mut solve = |Stored { dense: Dense { rows, columns, costs }, singles }: &Stored| match singles {
        Some(singles) => solve(&mut solver, &CostMatrix::new(singles, *rows, *columns)?, options),
        None => solve(&mut solver, &CostMatrix::new(costs, *rows, *columns)?, options),
    };
    let _ = solve(&another);
    solve(stored)
}

fn solve<T: Cost>(
    solver: &mut AssignmentSolver,
    matrix: &CostMatrix<'_, T>,
    options: AssignmentOptions,
) -> Result<Found, Error> {
    solver.solve(Level::detect(), matrix, options).map(Found::from)
}

/// With a limit, digits that are lost may decide which pairs are worth it: the sums of what they cost less the limit are not
/// the same then.
fn assert_as_many_pairs(options: AssignmentOptions, solved: [(&Dense, &Result<Found, Error>); 2]) {
    match solved.map(|(problem, found)| (problem, found.as_ref())) {
        [(_, Err(_)), (_, Err(_))] => {}
        [(a_problem, Ok(a)), (b_problem, Ok(b))] => {
            let [a_pairs, b_pairs] = [a, b].map(|found| found.column_of_row.iter().flatten().count());
            if let Some(limit) = options.cost_limit.filter(|_| a_pairs != b_pairs) {
                let sum = |problem: &Dense, found: &Found, pairs: usize| {
                    (0..pairs).fold(problem.total(&found.column_of_row), |sum, _| sum.plus(-limit))
                };
                let difference = sum(a_problem, a, a_pairs).minus(&sum(b_problem, b, b_pairs));
                let scale = (a_pairs + b_pairs) as f64 * (largest(a_problem) + limit.abs());
                let is_lost = difference != 0.0 && difference.abs() <= EXCESS * scale;
                assert!(
                    is_lost || is_beyond(a_problem, options),
                    "{a_pairs} pairs and {b_pairs}, {difference:e} apart"
                );
            } else {
                assert_eq!(a_pairs, b_pairs);
            }
        }
        [(_, a), (_, b)] => panic!("{a:?} and {b:?}"),
    }
}

fn transposed(problem: &Dense) -> Dense {
    let Dense { rows, columns, .. } = *problem;
    let cells = (0..columns).flat_map(|column| (0..rows).map(move |row| problem.at(row, column)));
    Dense { costs: cells.collect(), rows: columns, columns: rows }
}
