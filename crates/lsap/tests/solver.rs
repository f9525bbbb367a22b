//! The solver against brute force and against its own duals, at every level.

use harness::{COMPLETE, Dense, PARTIAL, ROUTES, solve_by};
use lsap::{
    AssignmentOptions, AssignmentSolver, BatchOutputs, CostMatrix, Error, Interrupt, Level, Route, Threads, verify,
};
use proptest::prelude::*;

mod harness;

/// The kinds of matrices that solvers stumble over.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Uniform,
    FewIntegers,
    Product,
    LowRank,
    Clusters,
    NearDiagonal,
    AllEqual,
    LargeOffset,
    Huge,
    Tiny,
}

const KINDS: [Kind; 10] = [
    Kind::Uniform,
    Kind::FewIntegers,
    Kind::Product,
    Kind::LowRank,
    Kind::Clusters,
    Kind::NearDiagonal,
    Kind::AllEqual,
    Kind::LargeOffset,
    Kind::Huge,
    Kind::Tiny,
];

/// Problems up to `largest` on a side, some of them with forbidden cells.
fn problems(largest: usize, forbidding: bool) -> impl Strategy<Value = Dense> {
    let forbidden = if forbidding { 0.0..0.9 } else { 0.0..f64::MIN_POSITIVE };
    let sides = prop_oneof![(0..=largest, 0..=largest), (0..=largest).prop_map(|side| (side, side))];
    (sides, 0..KINDS.len(), forbidden).prop_flat_map(|((rows, columns), kind, forbidden)| {
        let noise = prop::collection::vec((0.0..1.0, 0.0..1.0), rows * columns + rows + columns);
        noise.prop_map(move |noise| problem(KINDS[kind], rows, columns, forbidden, &noise))
    })
}

fn problem(kind: Kind, rows: usize, columns: usize, forbidden: f64, noise: &[(f64, f64)]) -> Dense {
    let (cells, rest) = noise.split_at(rows * columns);
    let (of_row, of_column) = rest.split_at(rows);
    let mut costs = Vec::with_capacity(cells.len());
    for i in 0..rows {
        for j in 0..columns {
            let (value, fate) = cells[i * columns + j];
            let (a, b) = (of_row[i], of_column[j]);
            let cost = match kind {
                Kind::Uniform => value - 0.5,
                Kind::FewIntegers => (value * 4.0).floor(),
                Kind::Product => ((i + 1) * (j + 1)) as f64,
                Kind::LowRank => a.0 * b.0 + a.1 * b.1,
                Kind::Clusters => ((a.0 * 3.0).floor() - b.0 * 3.0).hypot((a.1 * 3.0).floor() - b.1 * 3.0),
                Kind::NearDiagonal => (i as f64 - j as f64).abs() + 0.1 * value,
                Kind::AllEqual => 7.25,
                Kind::LargeOffset => 1e6 + value,
                Kind::Huge => (value - 0.5) * 1e300,
                Kind::Tiny => (value - 0.5) * 1e-300,
            };
            costs.push(if fate < forbidden { f64::INFINITY } else { cost });
        }
    }
    Dense { costs, rows, columns }
}

/// Every route finds a proven assignment of the same total, or that there is none, and says why.
fn assert_routes_agree(problem: &Dense) {
    let mut totals = Vec::new();
    for route in ROUTES {
        match problem.solve_by(route, COMPLETE) {
            Ok(found) => {
                problem.assert_proven(&found, COMPLETE);
                totals.push(Some(found.total));
            }
            Err(error) => {
                problem.assert_violated(&error);
                totals.push(None);
            }
        }
    }
    for (route, total) in ROUTES.iter().zip(&totals).skip(1) {
        match (total, totals[0]) {
            (Some(total), Some(expected)) => assert_same_total(*total, expected, problem),
            _ => assert_eq!(*total, totals[0], "{route:?}"),
        }
    }
}

fn assert_same_total(found: f64, expected: f64, problem: &Dense) {
    assert!((found - expected).abs() <= problem.tolerance(), "{found} is not {expected}");
}

const LARGEST: AssignmentOptions = AssignmentOptions { maximize: true, ..PARTIAL };

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn partial_assignments_are_those_of_brute_force(problem in problems(7, true)) {
        let (pairs, total) = problem.brute_force::<f64>(None);
        let found = problem.solve(PARTIAL).expect("partial never fails");
        prop_assert_eq!(found.column_of_row.iter().flatten().count(), pairs);
        assert_same_total(found.total, total, &problem);
        problem.assert_proven(&found, COMPLETE);
    }

    #[test]
    fn complete_assignments_are_those_of_brute_force_or_name_a_hall_violator(problem in problems(7, true)) {
        let (pairs, total) = problem.brute_force::<f64>(None);
        let short = problem.rows.min(problem.columns);
        match problem.solve(COMPLETE) {
            Ok(found) => {
                prop_assert_eq!(pairs, short);
                assert_same_total(found.total, total, &problem);
                problem.assert_proven(&found, COMPLETE);
            }
            Err(error) => {
                prop_assert!(pairs < short);
                problem.assert_violated(&error);
            }
        }
    }

    #[test]
    fn a_limit_leaves_the_pairs_that_are_not_worth_it(problem in problems(6, true), limit in -1.0..2.0) {
        // one more column for each row, in which it costs the limit: there the pairs that are not worth it go
        let limit = limit * problem.costs.iter().filter(|c| c.is_finite()).fold(0.0f64, |a, c| a.max(c.abs()));
        let (rows, columns) = (problem.rows, problem.columns + problem.rows);
        let cell = |i: usize, j: usize| match j.checked_sub(problem.columns) {
            None => problem.costs[i * problem.columns + j],
            Some(k) if k == i => limit,
            Some(_) => f64::INFINITY,
        };
        let costs = (0..rows * columns).map(|k| cell(k / columns, k % columns)).collect();
        let (_, total) = Dense { costs, rows, columns }.brute_force::<f64>(None);
        let options = AssignmentOptions { cost_limit: Some(limit), ..COMPLETE };
        let found = problem.solve(options).expect("every set of pairs will do");
        let pairs = found.column_of_row.iter().flatten().count();
        assert_same_total(found.total + (rows - pairs) as f64 * limit, total, &problem);
        problem.assert_proven(&found, options);
        for (i, j) in found.column_of_row.iter().enumerate() {
            prop_assert!(j.is_none_or(|j| problem.costs[i * problem.columns + j] <= limit));
        }
        let opposite = problem.opposite();
        let options = AssignmentOptions { maximize: true, cost_limit: Some(-limit), ..COMPLETE };
        let mirrored = opposite.solve(options).expect("every set of pairs will do");
        prop_assert_eq!(&mirrored.column_of_row, &found.column_of_row);
        opposite.assert_proven(&mirrored, options);
    }

    #[test]
    fn a_pair_that_costs_the_limit_is_made(problem in problems(6, true), at: prop::sample::Index) {
        // the largest set of pairs of which none is dearer than the limit is that of the limit alone
        let finite: Vec<f64> = problem.costs.iter().copied().filter(|c| c.is_finite()).collect();
        let limit = if finite.is_empty() { 0.0 } else { finite[at.index(finite.len())] };
        let level = problem.map(|_, cost| if cost <= limit { limit } else { f64::INFINITY });
        let (pairs, _) = level.brute_force::<f64>(None);
        let options = AssignmentOptions { cost_limit: Some(limit), ..COMPLETE };
        let found = level.solve(options).expect("every set of pairs will do");
        prop_assert_eq!(found.column_of_row.iter().flatten().count(), pairs);
        level.assert_proven(&found, options);
    }

    #[test]
    fn maximising_is_minimising_the_opposite(problem in problems(7, true)) {
        let (pairs, total) = problem.opposite().brute_force::<f64>(None);
        let found = problem.solve(LARGEST).expect("partial never fails");
        prop_assert_eq!(found.column_of_row.iter().flatten().count(), pairs);
        assert_same_total(found.total, -total, &problem);
        problem.assert_proven(&found, LARGEST);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn larger_problems_are_proven_by_their_duals(problem in problems(70, false)) {
        let found = problem.solve(COMPLETE).expect("nothing is forbidden");
        problem.assert_proven(&found, COMPLETE);
    }

    #[test]
    fn larger_problems_with_forbidden_cells_are_proven_by_their_duals(problem in problems(50, true)) {
        problem.assert_proven(&problem.solve(PARTIAL).expect("partial never fails"), PARTIAL);
    }

    #[test]
    fn larger_problems_with_a_limit_are_proven_by_their_duals(problem in problems(60, true), limit in -0.5..1.0) {
        let options = AssignmentOptions { cost_limit: Some(limit), ..COMPLETE };
        problem.assert_proven(&problem.solve(options).expect("every set of pairs will do"), options);
    }

    #[test]
    fn all_routes_agree(problem in problems(100, false)) {
        assert_routes_agree(&problem);
    }

    #[test]
    fn all_routes_agree_where_cells_are_forbidden(problem in problems(60, true)) {
        assert_routes_agree(&problem);
    }

    #[test]
    fn storage_in_f32_gives_the_assignment_of_its_values(problem in problems(40, false)) {
        let narrow: Vec<f32> = problem.costs.iter().map(|&c| c as f32).map(|c| c.clamp(f32::MIN, f32::MAX)).collect();
        let wide: Vec<f64> = narrow.iter().map(|&c| f64::from(c)).collect();
        let (rows, columns) = (problem.rows, problem.columns);
        let level = Level::detect();
        let narrow = solve_by(Route::Auto, level, &CostMatrix::new(&narrow, rows, columns).expect("a matrix"), COMPLETE);
        let wide = solve_by(Route::Auto, level, &CostMatrix::new(&wide, rows, columns).expect("a matrix"), COMPLETE);
        prop_assert_eq!(narrow, wide);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_batch_gives_what_its_matrices_give_one_by_one(
        problems in prop::collection::vec(problems(40, false), 0..60),
        infeasible in any::<prop::sample::Index>(),
    ) {
        let solve_batch = |problems: &[Dense]| {
            let costs: Vec<f64> = problems.iter().flat_map(|p| p.costs.iter().copied()).collect();
            let shapes: Vec<_> = problems.iter().map(|p| [p.rows, p.columns]).collect();
            let rows = problems.iter().map(|p| p.rows).sum();
            let (mut columns, mut totals) = (vec![i32::MIN; rows], vec![f64::NAN; problems.len()]);
            let mut duals = vec![f64::NAN; shapes.iter().flatten().sum()];
            let outputs = BatchOutputs { column_of_row: &mut columns, duals: &mut duals, totals: &mut totals };
            let solved =
                AssignmentSolver::default().solve_batch(Level::detect(), &Threads::default(), &costs, &shapes, COMPLETE, outputs);
            solved.map(|()| (columns, duals, totals))
        };
        let (columns, duals, totals) = solve_batch(&problems).expect("nothing is forbidden");
        let alone: Vec<_> = problems.iter().map(|p| p.solve(COMPLETE).expect("nothing is forbidden")).collect();
        let expected = alone.iter().flat_map(|f| f.column_of_row.iter().map(|c| c.map_or(-1, |c| c as i32)));
        prop_assert_eq!(columns, expected.collect::<Vec<_>>());
        let expected = alone.iter().flat_map(|f| f.row_duals.iter().chain(&f.column_duals).copied());
        prop_assert_eq!(duals, expected.collect::<Vec<_>>());
        prop_assert_eq!(totals, alone.iter().map(|f| f.total).collect::<Vec<_>>());

        // the first matrix at fault is named, whichever thread finds it first
        prop_assume!(!problems.is_empty());
        let at = infeasible.index(problems.len());
        let mut problems = problems;
        for problem in &mut problems[at..] {
            *problem = Dense { costs: vec![f64::INFINITY; 4], rows: 2, columns: 2 };
        }
        let refused = solve_batch(&problems).expect_err("nothing is allowed");
        prop_assert!(matches!(refused, Error::InBatch { index, .. } if index == at), "{}", refused);
    }
}

/// Noise that does not repeat, from a seed.
fn noise(seed: u64, length: usize) -> Vec<(f64, f64)> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    (0..length).map(|_| (next(), next())).collect()
}

fn seeded(kind: Kind, rows: usize, columns: usize, forbidden: f64, seed: u64) -> Dense {
    problem(kind, rows, columns, forbidden, &noise(seed, rows * columns + rows + columns))
}

#[test]
fn all_routes_agree_on_large_problems_of_every_kind() {
    for (seed, kind) in KINDS.into_iter().enumerate() {
        for (rows, columns, forbidden) in [
            (150, 150, 0.0),
            (180, 220, 0.0),
            (220, 200, 0.0),
            (400, 400, 0.0),
            (400, 400, 0.6),
            (300, 420, 0.0),
            (410, 390, 0.3),
        ] {
            assert_routes_agree(&seeded(kind, rows, columns, forbidden, seed as u64));
        }
    }
}

#[test]
fn all_routes_agree_on_larger_problems_that_tie_or_cluster() {
    for kind in [Kind::FewIntegers, Kind::Clusters, Kind::Product, Kind::AllEqual] {
        for (rows, columns, forbidden) in [(800, 800, 0.0), (700, 810, 0.2)] {
            assert_routes_agree(&seeded(kind, rows, columns, forbidden, 7));
        }
    }
}

#[test]
fn large_problems_without_an_assignment_name_a_hall_violator() {
    for kind in KINDS {
        // five columns for six rows, somewhere in the middle
        let mut problem = seeded(kind, 350, 350, 0.0, 3);
        for row in 200..206 {
            let costs = &mut problem.costs[row * 350..][..350];
            costs[..100].fill(f64::INFINITY);
            costs[105..].fill(f64::INFINITY);
        }
        for route in ROUTES {
            let error = problem.solve_by(route, COMPLETE).expect_err("six rows share five columns");
            problem.assert_violated(&error);
        }
        problem.assert_proven(&problem.solve(PARTIAL).expect("partial never fails"), PARTIAL);
    }
}

#[test]
fn a_huge_fill_beside_fractions_costs_no_digits() {
    for (seed, side) in [40, 120, 330].into_iter().enumerate() {
        for (kind, allowed) in
            [(Kind::Uniform, 0.5), (Kind::LowRank, 0.2), (Kind::FewIntegers, 0.3), (Kind::Clusters, 0.4)]
        {
            let forbidding = seeded(kind, side, side, 1.0 - allowed, seed as u64);
            let filled = forbidding.map(|_, cost| if cost.is_finite() { cost } else { f64::from(f32::MAX) });
            let expected = forbidding.solve_by(Route::Dense, COMPLETE).expect("enough is allowed").total;
            for route in ROUTES {
                let total = filled.solve_by(route, COMPLETE).expect("nothing is forbidden").total;
                assert!((total - expected).abs() <= 1e-9, "{total} is not {expected} ({kind:?} {side} {route:?})");
            }
        }
    }
}

#[test]
fn huge_padding_costs_no_digits() {
    for (seed, [rows, columns], real) in
        [(1, [12, 12], 5), (2, [60, 60], 20), (3, [330, 330], 30), (4, [40, 64], 9), (5, [64, 40], 9)]
    {
        let kind = KINDS[seed as usize % KINDS.len()];
        let ordinary = seeded(kind, rows, columns, 0.0, seed);
        // the side all of which has partners
        for is_of_rows in [rows <= columns, rows < columns].into_iter().take(if rows == columns { 2 } else { 1 }) {
            let is_real = |at: usize| if is_of_rows { at / columns < real } else { at % columns < real };
            let costs: Vec<f64> = (0..rows * columns).filter(|&at| is_real(at)).map(|at| ordinary.costs[at]).collect();
            let sides = if is_of_rows { [real, columns] } else { [rows, real] };
            let alone = Dense { costs, rows: sides[0], columns: sides[1] };
            for options in [COMPLETE, AssignmentOptions { maximize: true, ..COMPLETE }] {
                let expected = alone.solve_by(Route::Dense, options).expect("nothing is forbidden").total;
                for pad in [1e9, 1e15, -1e16, 1e17, f64::from(f32::MAX), f64::MAX] {
                    let padded = ordinary.map(|at, cost| if is_real(at) { cost } else { pad });
                    let found = padded.solve(options).expect("nothing is forbidden");
                    let pairs = found.column_of_row.iter().enumerate();
                    let places = pairs.filter_map(|(row, &column)| Some(row * columns + column?));
                    let total: f64 = places.filter(|&at| is_real(at)).map(|at| padded.costs[at]).sum();
                    let what = format!("{kind:?} {rows}x{columns}, {real} real, {pad}, {options:?}");
                    assert!((total - expected).abs() <= 1e-9 * expected.abs(), "{total} is not {expected}: {what}");
                    padded.assert_proven(&found, options);
                }
            }
        }
    }
}

#[test]
fn rows_or_columns_of_one_small_number_are_proven_too() {
    // beside duals as large as 2, the small number has lost digits
    let problem = Dense { costs: vec![1e-9, 1e-9, 0.0, 2.0], rows: 2, columns: 2 };
    let across = Dense { costs: vec![1e-9, 0.0, 1e-9, 2.0], rows: 2, columns: 2 };
    for route in ROUTES {
        for problem in [&problem, &across] {
            let found = problem.solve_by(route, COMPLETE).expect("nothing is forbidden");
            assert_eq!(found.total, 1e-9);
            problem.assert_proven(&found, COMPLETE);
        }
    }
}

#[test]
fn a_solver_keeps_nothing_but_memory_from_one_matrix_to_the_next() {
    for route in ROUTES {
        let mut solver = AssignmentSolver::with_route(route);
        for (seed, kind) in KINDS.into_iter().enumerate() {
            let side = [90, 33, 120][seed % 3];
            let problem = seeded(kind, side, side + seed % 2, 0.1 * (seed % 4) as f64, seed as u64);
            let fresh = solve_by(route, Level::detect(), &problem.matrix(), COMPLETE).map(|found| found.column_of_row);
            let kept = solver.solve(Level::detect(), &problem.matrix(), COMPLETE);
            assert_eq!(kept.map(|found| found.columns_of_rows().collect::<Vec<_>>()), fresh);
        }
    }
}

#[test]
#[ignore = "minutes; run with --ignored before a release"]
fn all_routes_agree_on_a_hundred_thousand_problems() {
    for seed in 0..100_000u64 {
        let choice = noise(seed, 2);
        let largest = if seed % 100 == 0 { 120.0 } else { 24.0 };
        let side = |part: f64| (part * largest) as usize;
        let (rows, columns) = (side(choice[0].0), if seed % 2 == 0 { side(choice[0].0) } else { side(choice[0].1) });
        let forbidden = if seed % 3 == 0 { choice[1].0 * 0.8 } else { 0.0 };
        assert_routes_agree(&seeded(KINDS[(seed / 6) as usize % KINDS.len()], rows, columns, forbidden, seed));
    }
}

#[test]
fn a_constant_matrix_gives_the_identity() {
    for (rows, columns) in [(1, 1), (5, 5), (6, 9), (9, 6), (40, 40), (17, 33), (350, 350), (300, 360)] {
        let problem = Dense { costs: vec![-2.5; rows * columns], rows, columns };
        let found = problem.solve(COMPLETE).expect("nothing is forbidden");
        let identity: Vec<_> = (0..rows).map(|i| Some(i).filter(|&i| i < columns)).collect();
        assert_eq!(found.column_of_row, identity, "{rows}x{columns}");
        for route in ROUTES {
            let found = problem.solve_by(route, COMPLETE).expect("nothing is forbidden");
            assert_eq!(found.column_of_row, identity, "{rows}x{columns} {route:?}");
        }
    }
}

#[test]
fn every_width_up_to_67_is_solved_alike_at_every_level() {
    // costs that collide often, so that ties and long paths occur
    let cost = |i: usize, j: usize| ((i * 37 + j * 101 + i * j * 13) % 17) as f64;
    for columns in 0..=67 {
        for rows in [1, columns / 2, columns, columns + 3] {
            let costs = (0..rows * columns).map(|k| cost(k / columns.max(1), k % columns.max(1))).collect();
            let problem = Dense { costs, rows, columns };
            problem.assert_proven(&problem.solve(COMPLETE).expect("nothing is forbidden"), COMPLETE);
        }
    }
}

#[test]
fn problems_without_rows_or_columns_have_the_empty_assignment() {
    for (rows, columns) in [(0, 0), (0, 4), (4, 0)] {
        let found = Dense { costs: vec![], rows, columns }.solve(COMPLETE).expect("nothing to do");
        assert_eq!(found.column_of_row, vec![None; rows]);
        assert_eq!((found.total, found.column_duals.len()), (0.0, columns));
    }
}

#[test]
fn an_interrupt_stops_every_stage_of_a_long_solve_within_50_ms() {
    use std::time::{Duration, Instant};
    // products of indices are the longest searches there are
    const CELLS: usize = 2500 * 2500;
    let products = |columns: usize| (0..CELLS).map(move |k| ((k / columns + 1) * (k % columns + 1)) as f64);
    let square: Vec<f64> = products(2500).collect();
    let wide: Vec<f64> = products(6250).collect();
    // three rows that share two columns
    let infeasible: Vec<f64> = square
        .iter()
        .enumerate()
        .map(|(k, &cost)| if k / 2500 < 3 && k % 2500 > 1 { f64::INFINITY } else { cost })
        .collect();
    let limited = AssignmentOptions { cost_limit: Some(1e9), ..COMPLETE };
    let maximising = AssignmentOptions { maximize: true, ..COMPLETE };
    let cases = [
        (&square, 2500, COMPLETE),
        (&square, 2500, maximising),
        (&square, 2500, limited),
        (&wide, 6250, limited),
        (&wide, 1000, maximising),
        (&infeasible, 2500, PARTIAL),
    ];
    for (costs, columns, options) in cases {
        let matrix = CostMatrix::new(costs, CELLS / columns, columns).expect("lengths fit");
        for wait in [0, 1, 3, 10, 30, 100].map(Duration::from_millis) {
            let delay = || {
                let interrupt = Interrupt::default();
                let mut solver = AssignmentSolver::with_interrupt(interrupt.clone());
                let raised = std::thread::spawn(move || {
                    std::thread::sleep(wait);
                    interrupt.raise();
                    Instant::now()
                });
                let ended = solver.solve(Level::detect(), &matrix, options).map(|found| found.total);
                let late = raised.join().expect("the other thread raises the flag").elapsed();
                assert!(ended.is_ok() || ended == Err(Error::Interrupted), "{ended:?}");
                late
            };
            // again if it is late, since a busy machine may not run this thread at once
            let is_soon = (0..20).any(|_| delay() < Duration::from_millis(50));
            assert!(is_soon, "late each time after {wait:?}, {columns} columns, {options:?}");
        }
    }
}

#[test]
fn cells_that_are_no_costs_are_refused_with_their_place() {
    for bad in [f64::NAN, f64::NEG_INFINITY] {
        let costs = [1.0, 2.0, 3.0, 4.0, bad, 6.0];
        let matrix = CostMatrix::new(&costs, 2, 3).expect("lengths fit");
        let refused = solve_by(Route::Auto, Level::detect(), &matrix, PARTIAL).expect_err("not a cost");
        assert!(matches!(refused, Error::Cost { row: 1, column: 1, .. }), "{refused}");
    }
    assert!(matches!(CostMatrix::new(&[1.0; 5], 2, 3), Err(Error::Length { expected: 6, actual: 5, .. })));
    assert!(CostMatrix::<f64>::new(&[], usize::MAX, usize::MAX).is_err());
}

#[test]
fn a_wrong_proof_is_not_accepted() {
    let costs = [4.0, 1.0, 3.0, 2.0, 0.0, 5.0, 3.0, 2.0, 2.0];
    let matrix = CostMatrix::new(&costs, 3, 3).expect("a matrix");
    let found = solve_by(Route::Auto, Level::detect(), &matrix, COMPLETE).expect("nothing is forbidden");
    let is_proven = |columns: &[Option<usize>], rows: &[f64], duals: &[f64]| {
        verify(&matrix, COMPLETE, columns, rows, duals).expect("an assignment").optimal
    };
    assert!(is_proven(&found.column_of_row, &found.row_duals, &found.column_duals));
    let worse = [Some(0), Some(1), Some(2)];
    assert!(!is_proven(&worse, &found.row_duals, &found.column_duals));
    let raised: Vec<f64> = found.row_duals.iter().map(|u| u + 0.1).collect();
    assert!(!is_proven(&found.column_of_row, &raised, &found.column_duals));
    assert!(!is_proven(&found.column_of_row, &[f64::NAN; 3], &found.column_duals));
    let fewer = [found.column_of_row[0], found.column_of_row[1], None];
    assert!(!is_proven(&fewer, &found.row_duals, &found.column_duals));
    let twice = verify(&matrix, COMPLETE, &[Some(1), Some(1), None], &found.row_duals, &found.column_duals);
    assert!(matches!(twice, Err(Error::Assignment { row: 1, .. })));
}
