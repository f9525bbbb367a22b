//! Proof of optimality by dual variables.
//!
//! If u_i + v_j ≤ c_ij for every allowed cell, then any k pairs cost at least the k smallest u plus the k smallest v.
//! A result whose total meets that bound is optimal among all assignments of k pairs; that no assignment has more
//! pairs is checked by searching for an augmenting path (Berge's theorem). Where duals break the inequality, each row's
//! is lowered until it holds, or each column's, whichever gives the better bound: it relies on nothing but the matrix.
//!
//! With a limit l, if moreover u_i + v_j ≤ c_ij - l and no dual is above 0, then no set of pairs has a smaller sum of
//! c - l than the sum of all duals.
//!
//! All sums are [exact](Sum), and what is reported of them is rounded to the safe side. Duals, though, are themselves
//! rounded, so a small gap between total and bound is accepted: a part, [`TOLERANCE`], of a *scale* that depends on costs
//! and assignment alone. The scale has, for each pair, the magnitude of its cost, and how far it is above the least
//! cost of its row and above that of its column: optimal duals of no larger magnitude exist. With a limit, it has the
//! magnitudes of cost and limit. Forged duals may be as large as they like.

use crate::cells::{Cells, Matrix};
use crate::error::{Error, Result, check_length};
use crate::memory;
use crate::needs::{COST, verifying_takes};
use crate::options::AssignmentOptions;
use crate::sum::{Sum, two_sum};

/// What [`verify`] found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Certificate {
    /// Whether the result is proven optimal: no pair is forbidden, no other assignment has more pairs, and total - bound
    /// and `violation` are at most 2^-36 of the scale.
    pub optimal: bool,
    /// Sum of the assigned cells.
    pub total: f64,
    /// No assignment of as many pairs has a smaller total (a larger one, when maximising); with a limit, no set of
    /// pairs has a smaller (larger) sum of cost - limit than this has with as many pairs.
    pub bound: f64,
    /// Largest excess of `row dual + column dual` over a cost, 0 if there is none; infinite if a dual is not finite.
    pub violation: f64,
}

/// The part of the scale that rounding may make up, as a power of one half: where it is granted, and where a solver asks
/// about its own result.
const TOLERANCE: usize = 36;
pub(crate) const STRICT: usize = 42;

/// Checks an assignment and its duals against the matrix, dense or sparse; `options` as they were for the solution.
///
/// # Errors
/// As when the matrix is solved, but it is never infeasible; [`Error::Length`] or [`Error::Assignment`] if the lists do
/// not describe an assignment of this matrix; [`Error::Memory`].
pub fn verify(
    matrix: &impl Matrix,
    options: AssignmentOptions,
    column_of_row: &[Option<usize>],
    row_duals: &[f64],
    column_duals: &[f64],
) -> Result<Certificate> {
    options.check()?;
    let limit = options.cost_limit.map(|limit| matrix.stored(limit));
    let options = AssignmentOptions { cost_limit: limit, ..options };
    let cells = matrix.read()?;
    check_lengths(&cells, column_of_row, row_duals, column_duals)?;
    memory::require(COST, verifying_takes(cells.rows(), cells.columns()))?;
    certify(&cells, options, column_of_row, [row_duals, column_duals], TOLERANCE)
}

fn check_lengths(
    matrix: &impl Cells,
    column_of_row: &[Option<usize>],
    row_duals: &[f64],
    column_duals: &[f64],
) -> Result<()> {
    check_length("column_of_row", column_of_row.len(), &[matrix.rows()])?;
    check_length("row_duals", row_duals.len(), &[matrix.rows()])?;
    check_length("column_duals", column_duals.len(), &[matrix.columns()])
}

/// The same for a matrix that is sound and lists that are as long as it has rows and columns, with the limit as it stores
/// it, and with a tolerance. That there is memory for it has been asked.
pub(crate) fn certify(
    matrix: &impl Cells,
    options: AssignmentOptions,
    column_of_row: &[Option<usize>],
    [row_duals, column_duals]: [&[f64]; 2],
    tolerance: usize,
) -> Result<Certificate> {
    let limit = options.cost_limit;
    let row_of_column = rows_of_columns(column_of_row, matrix.columns())?;
    let pairs = column_of_row.iter().enumerate().filter_map(|(row, &column)| Some((row, column?)));
    let pairs: Vec<_> = pairs.map(|(row, column)| (row, column, matrix.cost(row, column))).collect();
    let total = pairs.iter().fold(0.0, |sum, &(_, _, cost)| sum + cost); // `sum` would give -0 for none
    let sign = if options.maximize { -1.0 } else { 1.0 };
    let is_allowed = pairs.iter().all(|&(_, _, cost)| cost != f64::INFINITY);
    if !row_duals.iter().chain(column_duals).all(|dual| dual.is_finite()) {
        return Ok(Certificate { optimal: false, total, bound: sign * f64::NEG_INFINITY, violation: f64::INFINITY });
    }
    let signed = |duals: &[f64]| -> Vec<f64> { duals.iter().map(|dual| dual * sign).collect() };
    let duals = [signed(row_duals), signed(column_duals)];
    let limit = limit.map(|limit| limit * sign);
    let Excesses { of_rows, of_columns, least_of_rows, least_of_columns } = Excesses::of(matrix, sign, limit, &duals);
    let mut violation = of_rows.iter().copied().fold(0.0, f64::max);
    if limit.is_some() {
        violation = duals.iter().flatten().copied().fold(violation, f64::max);
    }
    let [rows, columns] = &duals;
    let by_rows = bound([lowered(rows, &of_rows), as_it_is(columns)], limit, pairs.len());
    let by_columns = bound([as_it_is(rows), lowered(columns, &of_columns)], limit, pairs.len());
    let bound = match (by_rows, by_columns) {
        (Some(a), Some(b)) => Some(if a.minus(&b).sign().is_ge() { a } else { b }),
        (a, b) => a.or(b),
    };
    let mut optimal = false;
    if is_allowed && let Some(bound) = &bound {
        let exact = Sum::of(pairs.iter().map(|&(_, _, cost)| cost * sign));
        let mut scale = Sum::ZERO;
        for &(row, column, cost) in &pairs {
            let cost = cost * sign;
            scale.add(cost.abs());
            match limit {
                Some(limit) => scale.add(limit.abs()),
                None => {
                    [cost, -least_of_rows[row], cost, -least_of_columns[column]].iter().for_each(|&c| scale.add(c));
                }
            }
        }
        let is_within = |sum: &Sum| scale.minus(&sum.shifted(tolerance)).sign().is_ge();
        optimal = is_within(&exact.minus(bound))
            && violation < f64::INFINITY
            && is_within(&Sum::of([violation]))
            && (limit.is_some() || is_largest(matrix, column_of_row, &row_of_column));
    }
    let bound = bound.map_or(f64::NEG_INFINITY, |bound| bound.below());
    Ok(Certificate { optimal, total, bound: bound * sign + 0.0, violation }) // never -0
}

/// The row of every column.
fn rows_of_columns(column_of_row: &[Option<usize>], columns: usize) -> Result<Vec<Option<usize>>> {
    let mut row_of_column = vec![None; columns];
    for (row, column) in column_of_row.iter().enumerate() {
        let Some(column) = *column else { continue };
        let refuse = |rule| Err(Error::Assignment { row, column: column as i64, rule });
        match row_of_column.get_mut(column) {
            None => return refuse("does not exist"),
            Some(Some(_)) => return refuse("another row has too"),
            Some(free) => *free = Some(row),
        }
    }
    Ok(row_of_column)
}

/// What a pass over the matrix finds; all costs as if they were minimised.
struct Excesses {
    /// The largest excess of duals over a cost in each row, rounded up, 0 if there is none.
    of_rows: Vec<f64>,
    /// The same in each column.
    of_columns: Vec<f64>,
    /// The least cost of each row.
    least_of_rows: Vec<f64>,
    /// The least cost of each column.
    least_of_columns: Vec<f64>,
}

impl Excesses {
    fn of(matrix: &impl Cells, sign: f64, limit: Option<f64>, [rows, columns]: &[Vec<f64>; 2]) -> Self {
        let mut found = Self {
            of_rows: vec![0.0; rows.len()],
            of_columns: vec![0.0; columns.len()],
            least_of_rows: vec![f64::INFINITY; rows.len()],
            least_of_columns: vec![f64::INFINITY; columns.len()],
        };
        let limit = limit.unwrap_or(0.0);
        for (row, &dual) in rows.iter().enumerate() {
            let (mut largest, mut least) = (0.0f64, f64::INFINITY);
            for (column, cost) in matrix.cells(row) {
                let cost = cost * sign;
                least = least.min(cost);
                let least_of_column = &mut found.least_of_columns[column];
                *least_of_column = least_of_column.min(cost);
                let excess = excess(dual, columns[column], cost, limit);
                if excess > 0.0 {
                    largest = largest.max(excess);
                    found.of_columns[column] = found.of_columns[column].max(excess);
                }
            }
            (found.of_rows[row], found.least_of_rows[row]) = (largest, least);
        }
        found
    }
}

/// By how much u + v exceeds c - l, rounded up, or 0 if it does not.
#[inline]
fn excess(u: f64, v: f64, cost: f64, limit: f64) -> f64 {
    /// Four roundings make up less of the sum of magnitudes.
    const ROUNDING: f64 = 4.0 * f64::EPSILON;
    let near = (u + v) - (cost - limit);
    if near < -ROUNDING * (u.abs() + v.abs() + cost.abs() + limit.abs()) {
        return 0.0;
    }
    let ((duals, a), (beyond, b)) = (two_sum(u, v), two_sum(cost, -limit));
    let (excess, c) = two_sum(duals, -beyond);
    if a == 0.0 && b == 0.0 && c == 0.0 {
        return excess.max(0.0);
    }
    Sum::of([u, v, -cost, limit]).above().max(0.0)
}

/// Duals and by how much each is to be lowered.
type Lowered = Vec<[f64; 2]>;

fn lowered(duals: &[f64], excesses: &[f64]) -> Lowered {
    duals.iter().zip(excesses).map(|(&dual, &excess)| [dual, excess]).collect()
}

fn as_it_is(duals: &[f64]) -> Lowered {
    duals.iter().map(|&dual| [dual, 0.0]).collect()
}

/// What so many pairs cost at least, or nothing if the duals are so wrong that there is no number for it.
fn bound(duals: [Lowered; 2], limit: Option<f64>, pairs: usize) -> Option<Sum> {
    let mut sum = Sum::ZERO;
    if let Some(limit) = limit {
        for [dual, excess] in duals.into_iter().flatten() {
            if excess == f64::INFINITY {
                return None;
            }
            sum.add(dual.min(0.0));
            sum.add(-excess);
        }
        (0..pairs).for_each(|_| sum.add(limit));
        return Some(sum);
    }
    for duals in duals {
        // rounded down, so that those that are least are
        let lower = |[dual, excess]: [f64; 2]| if excess > 0.0 { (dual - excess).next_down() } else { dual };
        let mut duals: Vec<f64> = duals.into_iter().map(lower).collect();
        if pairs < duals.len() {
            duals.select_nth_unstable_by(pairs, f64::total_cmp);
        }
        for &dual in &duals[..pairs] {
            if dual == f64::NEG_INFINITY {
                return None;
            }
            sum.add(dual);
        }
    }
    Some(sum)
}

/// Whether no assignment of allowed cells has more pairs (Berge's theorem: there is no augmenting path).
fn is_largest(matrix: &impl Cells, column_of_row: &[Option<usize>], row_of_column: &[Option<usize>]) -> bool {
    let mut open: Vec<usize> = (0..matrix.rows()).filter(|&row| column_of_row[row].is_none()).collect();
    let mut reached = vec![false; matrix.columns()];
    while let Some(row) = open.pop() {
        for (column, _) in matrix.cells(row) {
            if !reached[column] {
                reached[column] = true;
                match row_of_column[column] {
                    Some(owner) => open.push(owner),
                    None => return false,
                }
            }
        }
    }
    true
}
