//! Results and proofs against exact arithmetic: where costs differ so much that sums lose digits, and where duals are forged.

use harness::{Dense, Exact, Found, PARTIAL, ROUTES, Total, solve_by};
use lsap::{AssignmentOptions, Level, SparseMatrix, SparseSolver, verify};
use proptest::prelude::*;

mod harness;

impl Dense {
    /// What every solver finds.
    fn solve_all(&self, options: AssignmentOptions) -> Vec<Found> {
        let dense =
            ROUTES.map(|route| solve_by(route, Level::detect(), &self.matrix(), options).expect("an assignment"));
        let (starts, columns, costs) = self.listed();
        let sparse = SparseMatrix::from_rows([self.rows, self.columns], &starts, &columns, &costs).expect("a matrix");
        let solvers = [SparseSolver::default(), SparseSolver::scaling_at_once()];
        let sparse = solvers.map(|mut solver| Found::from(solver.solve(&sparse, options).expect("an assignment")));
        dense.into_iter().chain(sparse).collect()
    }
}

/// Kinds of costs that sums lose digits of, from noise in [0, 1).
const WIDE: [fn(f64, f64) -> f64; 9] = [
    // one huge cell among hundredths
    |value, fate| if fate < 0.05 { 1e15 } else { (value * 100.0).floor() / 100.0 },
    |value, fate| if fate < 0.05 { 1e16 } else { value },
    |value, fate| if fate < 0.05 { f64::MAX } else { value - 0.5 },
    // many
    |value, fate| if fate < 0.7 { 1e17 } else { (value * 100.0).floor() / 100.0 },
    |value, fate| if fate < 0.5 { 1e15 } else { value },
    |value, fate| if fate < 0.5 { f64::from(f32::MAX) } else { value },
    // all sizes
    |value, fate| (fate - 0.3) * 10f64.powf(20.0 * value - 10.0),
    |value, fate| (1.0 + fate) * 10f64.powf(8.0 * value - 4.0),
    |value, fate| (fate - 0.3) * 10f64.powf(400.0 * value - 200.0),
];

/// What stands for forbidden cells there.
const FILLS: [f64; 6] = [1e15, 1e16, 1e17, f32::MAX as f64, f64::MAX, f64::INFINITY];

fn wide_problems(largest: usize, forbidden: f64) -> impl Strategy<Value = Dense> {
    let sides = prop_oneof![(1..=largest, 1..=largest), (1..=largest).prop_map(|side| (side, side))];
    (sides, 0..WIDE.len()).prop_flat_map(move |((rows, columns), kind)| {
        let noise = prop::collection::vec((0.0..1.0, 0.0..1.0, 0.0..1.0), rows * columns);
        noise.prop_map(move |noise: Vec<(f64, f64, f64)>| {
            let cost = |(value, fate, forbids): (f64, f64, f64)| {
                if forbids < forbidden { f64::INFINITY } else { WIDE[kind](value, fate) }
            };
            Dense { costs: noise.into_iter().map(cost).collect(), rows, columns }
        })
    })
}

/// Ordinary costs.
fn problems(largest: usize) -> impl Strategy<Value = Dense> {
    let kinds: [fn(f64) -> f64; 4] =
        [|value| value, |value| value - 0.5, |value| (value * 4.0).floor(), |value| (value * 4.0).floor() * 5e-324];
    let sides = prop_oneof![(1..=largest, 1..=largest), (1..=largest).prop_map(|side| (side, side))];
    (sides, 0..kinds.len(), prop_oneof![Just(0.0), 0.0..0.7]).prop_flat_map(
        move |((rows, columns), kind, forbidden)| {
            let noise = prop::collection::vec((0.0..1.0, 0.0..1.0), rows * columns);
            noise.prop_map(move |noise: Vec<(f64, f64)>| {
                let cost =
                    |(value, forbids): (f64, f64)| if forbids < forbidden { f64::INFINITY } else { kinds[kind](value) };
                Dense { costs: noise.into_iter().map(cost).collect(), rows, columns }
            })
        },
    )
}

/// Duals as a forger might give them, from true ones: of wrong size, wrong in part, or no numbers.
fn forged(found: &Found, way: usize, size: f64, at: prop::sample::Index) -> [Vec<f64>; 2] {
    let mut duals = [found.row_duals.clone(), found.column_duals.clone()];
    let index = at.index(duals[0].len() + duals[1].len());
    let (side, place) = if index < duals[0].len() { (0, index) } else { (1, index - duals[0].len()) };
    let opposite = [size, -size];
    match way {
        // as they are
        0 => {}
        // one side up, the other down by as much
        1 => (0..2).for_each(|k| duals[k].iter_mut().for_each(|dual| *dual += opposite[k])),
        2 => (0..2).for_each(|k| duals[k].fill(opposite[k])),
        3 => (0..2).for_each(|k| duals[k].fill(-opposite[k])),
        // one alone
        4 => duals[side][place] += size,
        5 => duals[side][place] -= size,
        6 => duals[side][place] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, -f64::MAX][index % 5],
        7 => duals[side][place] = f64::from_bits(1),
        // all
        8 => duals.iter_mut().flatten().for_each(|dual| *dual *= size),
        9 => duals.iter_mut().flatten().for_each(|dual| *dual = -*dual),
        10 => duals.iter_mut().flatten().for_each(|dual| *dual = f64::MAX),
        11 => duals.iter_mut().flatten().for_each(|dual| *dual = -f64::MAX),
        12 => duals.iter_mut().flatten().for_each(|dual| *dual += size),
        _ => duals.iter_mut().flatten().for_each(|dual| *dual = f64::NEG_INFINITY),
    }
    duals
}

/// Another assignment: two rows trade columns, or one row takes a free one or gives its own up.
fn disturbed(
    column_of_row: &[Option<usize>],
    columns: usize,
    rows: [prop::sample::Index; 2],
    way: usize,
) -> Vec<Option<usize>> {
    let mut other = column_of_row.to_vec();
    let [a, b] = rows.map(|row| row.index(column_of_row.len()));
    let free = (0..columns).find(|column| !column_of_row.contains(&Some(*column)));
    match way {
        0 => other.swap(a, b),
        1 => other[a] = free.or(other[a]),
        2 => other[a] = None,
        _ => {}
    }
    other
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_forged_duals_prove_a_wrong_assignment(
        problem in prop_oneof![problems(5), wide_problems(5, 0.2)],
        limit in prop_oneof![Just(None), (-1.0..1.0).prop_map(Some)],
        maximize: bool,
        (wrong, way) in (0..4usize, 0..14usize),
        exponent in prop_oneof![-320..308i32, -20..20i32],
        rows: [prop::sample::Index; 2],
        at: prop::sample::Index,
    ) {
        let minimised = if maximize { problem.opposite() } else { problem.clone() };
        let options = AssignmentOptions {
            maximize,
            partial: limit.is_none(),
            cost_limit: limit.map(|limit: f64| if maximize { -limit } else { limit }),
        };
        let found = problem.solve_all(options).swap_remove(0);
        let column_of_row = disturbed(&found.column_of_row, problem.columns, rows, wrong);
        let [row_duals, column_duals] = forged(&found, way, 10f64.powi(exponent), at);
        let forgery = Found { column_of_row, row_duals, column_duals, ..found.clone() };
        let certificate = problem.verify(options, &forgery);
        let (starts, columns, costs) = problem.listed();
        let sparse = SparseMatrix::from_rows([problem.rows, problem.columns], &starts, &columns, &costs);
        let Found { column_of_row, row_duals, column_duals, .. } = &forgery;
        let of_sparse = verify(&sparse.expect("a matrix"), options, column_of_row, row_duals, column_duals);
        prop_assert_eq!(of_sparse.expect("an assignment"), certificate);

        // all in exact arithmetic, where the largest numbers have sums
        let is_large = minimised.costs.iter().any(|cost| cost.is_finite() && cost.abs() > 1e150);
        let down = if is_large { 2f64.powi(-300) } else { 1.0 };
        let scaled = Dense { costs: minimised.costs.iter().map(|cost| cost * down).collect(), ..minimised };
        let pairs = forgery.column_of_row.iter().flatten().count();
        let is_allowed = scaled.pairs(&forgery.column_of_row).iter().all(|pair| pair.2.is_finite());
        let limit = limit.map(|limit: f64| limit * down);
        let (most, optimum) = scaled.brute_force::<Exact>(limit);
        if certificate.optimal {
            prop_assert!(is_allowed && (limit.is_some() || pairs == most), "{certificate:?}");
            let mut total = scaled.total(&forgery.column_of_row);
            let mut scale = scaled.scale(&forgery.column_of_row);
            if let Some(limit) = limit {
                (0..pairs).for_each(|_| total = total.plus(-limit));
                scale = scaled.pairs(&forgery.column_of_row).iter().map(|pair| pair.2.abs() + limit.abs()).sum();
            }
            let excess = total.minus(&optimum);
            prop_assert!(excess <= 2f64.powi(-36) * scale * 1.000_001, "{excess:e} of {scale:e}: {certificate:?}");
        } else if wrong == 3 && way == 0 {
            prop_assert!(scaled.scale(&forgery.column_of_row) > f64::MAX * down, "refused: {certificate:?}");
        }
        // the bound holds whatever the duals
        let bound = certificate.bound * if maximize { -1.0 } else { 1.0 };
        if bound > f64::NEG_INFINITY && (limit.is_some() || pairs == most) {
            let limits = std::iter::repeat_n(limit.unwrap_or(0.0), pairs);
            let best = limits.fold(optimum, |sum, limit| sum.plus(limit));
            prop_assert!(best.minus(&Exact::of([bound * down])) >= 0.0, "{bound}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn wide_ranges_are_solved_exactly_and_proven(
        problem in prop_oneof![wide_problems(6, 0.5), wide_problems(6, 0.2), wide_problems(6, 0.0)],
        maximize: bool,
    ) {
        // sums of the largest double would overflow here
        let scaled = Dense { costs: problem.costs.iter().map(|c| c * 2f64.powi(-300)).collect(), ..problem };
        let (pairs, total) = scaled.brute_force::<Exact>(None);
        let given = if maximize { problem.opposite() } else { problem.clone() };
        let options = AssignmentOptions { maximize, ..PARTIAL };
        for found in given.solve_all(options) {
            prop_assert_eq!(found.column_of_row.iter().flatten().count(), pairs);
            let excess = scaled.total(&found.column_of_row).minus(&total);
            // fills do not count: beside them the others are as exact as without
            let is_filled = problem.costs.iter().all(|cost| FILLS.contains(cost) || cost.abs() < 1.0 && cost.abs() > 1e-12 || *cost == 0.0);
            let scale = scaled.scale(&found.column_of_row);
            let most = if is_filled { 1e-14 * 2f64.powi(-300) } else { 2f64.powi(-40) * scale };
            prop_assert!((0.0..=most).contains(&excess), "{excess:e} of {scale:e}");
            let certificate = given.verify(options, &found);
            // sums of several of the largest numbers are none
            prop_assert!(certificate.optimal || scale > f64::MAX * 2f64.powi(-300), "{certificate:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn larger_problems_of_wide_ranges_are_proven_and_all_solvers_agree(
        problem in prop_oneof![wide_problems(40, 0.5), wide_problems(40, 0.9), wide_problems(40, 0.0)],
        limit in prop_oneof![Just(None), (-0.5..1.0).prop_map(Some), (1e9..1e15).prop_map(Some)],
    ) {
        let options = AssignmentOptions { cost_limit: limit, ..PARTIAL };
        let scaled = Dense { costs: problem.costs.iter().map(|c| c * 2f64.powi(-300)).collect(), ..problem };
        let mut first = None;
        for found in problem.solve_all(options) {
            let mut total = scaled.total(&found.column_of_row);
            let pairs = found.column_of_row.iter().flatten().count();
            let limits = limit.unwrap_or(0.0) * pairs as f64 * 2f64.powi(-300);
            total = total.plus(-limits);
            let scale = scaled.scale(&found.column_of_row) + limits.abs();
            let (expected, expected_pairs) = first.get_or_insert_with(|| (total.clone(), pairs));
            prop_assert!(limit.is_some() || pairs == *expected_pairs);
            prop_assert!(total.minus(expected).abs() <= 2f64.powi(-40) * scale, "{}", total.minus(expected));
            let certificate = problem.verify(options, &found);
            prop_assert!(certificate.optimal || scale > f64::MAX * 2f64.powi(-300), "{certificate:?}");
        }
    }
}

#[test]
fn digits_that_only_a_row_left_out_has_lost_are_found_too() {
    let no = f64::INFINITY;
    let costs = [
        [1.0, no, no, 1.0, no, 1.0],
        [1.0, 1.0, no, no, 1.0, 1.0],
        [2147483649.0003014, no, no, no, no, 1.0000002384185793],
        [no, 1.0, no, no, 1.0, 1.0],
        [1.0, no, no, no, 1.0, no],
        [1.0, 1.0, no, 1.0, no, no],
    ];
    let problem = Dense { costs: costs.concat(), rows: 6, columns: 6 };
    for found in problem.solve_all(PARTIAL) {
        let certificate = problem.verify(PARTIAL, &found);
        assert!(certificate.optimal && certificate.total == 5.0, "{certificate:?}");
    }
}
