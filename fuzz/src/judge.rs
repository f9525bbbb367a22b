//! What a solver may say of a matrix, by tries of every assignment in exact arithmetic where the sides are short, and by its
//! own proof everywhere.

use lsap::{AssignmentOptions, Certificate, Error};

use crate::costs::SHORT;
use crate::lsap_harness::{Dense, Exact, Found, Total};

/// Cells of the most that are tried with exact sums, which take long.
const FEW: usize = 12;

/// By how much of its scale a total may be above the least one.
pub const EXCESS: f64 = 1.0 / (1u64 << 40) as f64;

/// Checks a result. `options`: with the limit as the matrix stores it.
pub fn judge(problem: &Dense, options: AssignmentOptions, result: &Result<Found, Error>) {
    match result {
        Ok(found) => {
            is_assignment(problem, found);
            assert!(options.cost_limit.is_none_or(f64::is_finite), "a limit that is no number");
            assert_eq!(first_fault(problem), None, "a cost that is none");
            is_least(problem, options, found);
        }
        Err(Error::Option { name: "cost_limit", value, .. }) => {
            assert!(options.cost_limit.is_some_and(|limit| same(limit, *value)) && !value.is_finite());
        }
        Err(Error::Cost { row, column, value }) => {
            assert_eq!(first_fault(problem), Some((*row, *column)));
            assert!(same(problem.at(*row, *column), *value));
        }
        Err(error @ (Error::InfeasibleRows { .. } | Error::InfeasibleColumns { .. })) => {
            assert!(!options.partial && options.cost_limit.is_none(), "every set of pairs will do");
            assert_eq!(first_fault(problem), None);
            problem.assert_violated(error);
        }
        Err(error) => panic!("{error}"),
    }
}

/// Checks what a proof says of a result.
pub fn is_proven(problem: &Dense, options: AssignmentOptions, found: &Found, certificate: &Certificate) {
    assert!(certificate.optimal || is_beyond(problem, options), "{options:?}: {found:?}: {certificate:?}");
    assert!(same(certificate.total, found.total), "{} is not {}", certificate.total, found.total);
}

/// Whether digits of small costs may be lost beside large ones, as the documentation says, or sums of costs are no numbers.
/// What is found then is an assignment, and no more is known of it.
pub fn is_beyond(problem: &Dense, options: AssignmentOptions) -> bool {
    let sizes = problem.costs.iter().copied().chain(options.cost_limit).map(f64::abs);
    let sizes = sizes.filter(|&size| size > 0.0 && size < f64::INFINITY);
    let (least, most) = sizes.fold((f64::INFINITY, 0.0f64), |(least, most), size| (least.min(size), most.max(size)));
    most > 1e305 || least < most * 1e-15
}

/// The same bits, or NaN both.
pub fn same(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
}

/// Equal bit for bit, or refused alike.
pub fn assert_same(a: &Result<Found, Error>, b: &Result<Found, Error>, what: &str) {
    let text = |result: &Result<Found, Error>| format!("{result:?}");
    let are_same = match (a, b) {
        (Ok(a), Ok(b)) => {
            let all = |found: &Found| {
                let duals = found.row_duals.iter().chain(&found.column_duals);
                duals.chain([&found.total]).map(|value| value.to_bits()).collect::<Vec<_>>()
            };
            a.column_of_row == b.column_of_row && all(a) == all(b)
        }
        (Err(a), Err(b)) => a == b || format!("{a:?}") == format!("{b:?}"),
        _ => false,
    };
    assert!(are_same, "{what}: {} is not {}", text(a), text(b));
}

/// Row and column of the first cost that is none.
fn first_fault(problem: &Dense) -> Option<(usize, usize)> {
    let at = problem.costs.iter().position(|cost| cost.is_nan() || *cost == f64::NEG_INFINITY)?;
    Some((at / problem.columns, at % problem.columns))
}

/// The greatest magnitude of the costs.
pub fn largest(problem: &Dense) -> f64 {
    problem.costs.iter().filter(|cost| cost.is_finite()).fold(0.0, |largest, cost| cost.abs().max(largest))
}

/// Checks that no column has two rows, that no pair is forbidden, and that the total is that of the pairs.
fn is_assignment(problem: &Dense, found: &Found) {
    assert_eq!(found.column_of_row.len(), problem.rows);
    assert_eq!((found.row_duals.len(), found.column_duals.len()), (problem.rows, problem.columns));
    let (mut taken, mut total) = (vec![false; problem.columns], 0.0);
    for (row, column) in found.column_of_row.iter().enumerate() {
        let Some(column) = *column else { continue };
        assert!(!std::mem::replace(&mut taken[column], true), "column {column} has two rows");
        let cost = problem.at(row, column);
        assert!(cost.is_finite(), "row {row}, column {column} is forbidden");
        total += cost;
    }
    assert!(same(total, found.total), "{} is not {total}", found.total);
}

/// Checks that there are as many pairs as can be, and that they cost the least.
fn is_least(problem: &Dense, options: AssignmentOptions, found: &Found) {
    let pairs = found.column_of_row.iter().flatten().count();
    if !options.partial && options.cost_limit.is_none() {
        assert_eq!(pairs, problem.rows.min(problem.columns), "the shorter side is covered");
    }
    if problem.columns > SHORT || is_beyond(problem, options) {
        return; // too many to try
    }
    let Some(Optimum { problem, limit, pairs: most, total, .. }) = Optimum::of(problem, options) else { return };
    assert!(limit.is_some() || pairs == most, "{pairs} pairs where there may be {most}");
    let mut own = problem.total(&found.column_of_row);
    let mut scale = problem.scale(&found.column_of_row);
    if let Some(limit) = limit {
        (0..pairs).for_each(|_| own = own.plus(-limit));
        scale = problem.pairs(&found.column_of_row).iter().map(|pair| pair.2.abs() + limit.abs()).sum();
    }
    let excess = own.minus(&total);
    assert!((0.0..=EXCESS * scale).contains(&excess), "{excess:e} of {scale:e}: {found:?}");
}

/// The best of all assignments, by trying them.
pub struct Optimum {
    /// The problem that is minimised, and small enough that sums are numbers.
    pub problem: Dense,
    /// The limit alike.
    pub limit: Option<f64>,
    pub pairs: usize,
    /// Less the limit for each pair.
    pub total: Exact,
    /// What costs were multiplied by, so that sums are numbers.
    pub down: f64,
}

impl Optimum {
    /// Absent where the costs are both too large and too small for exact sums, and where there are too many of these.
    pub fn of(problem: &Dense, options: AssignmentOptions) -> Option<Self> {
        let largest = largest(problem).max(options.cost_limit.map_or(0.0, f64::abs));
        let down = if largest > 1e150 { 2f64.powi(-300) } else { 1.0 };
        let is_lost = |value: f64| value.is_finite() && value * down / down != value;
        if problem.costs.iter().copied().chain(options.cost_limit).any(is_lost) {
            return None;
        }
        let factor = if options.maximize { -down } else { down };
        let problem = problem.map(|_, cost| if cost.is_finite() { cost * factor } else { cost });
        let limit = options.cost_limit.map(|limit| limit * factor);
        let is_whole = |value: f64| value.fract() == 0.0 && value.abs() < 1e9;
        let (pairs, total) =
            if problem.costs.iter().copied().chain(limit).all(|cost| is_whole(cost) || !cost.is_finite()) {
                let (pairs, total) = problem.brute_force::<f64>(limit);
                (pairs, Exact::of([total]))
            } else if problem.rows * problem.columns <= FEW {
                problem.brute_force::<Exact>(limit)
            } else {
                return None;
            };
        Some(Self { problem, limit, pairs, total, down })
    }
}
