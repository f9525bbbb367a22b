//! What the tests of the solvers share: dense matrices, what is found in them, and brute force.

#![allow(dead_code, unused_imports, reason = "no test uses all of it")]

mod exact;

pub use exact::Exact;
use lsap::{
    Assignment, AssignmentOptions, AssignmentSolver, Certificate, Cost, CostMatrix, Error, Level, Route, verify,
};

pub const COMPLETE: AssignmentOptions = AssignmentOptions { maximize: false, partial: false, cost_limit: None };
pub const PARTIAL: AssignmentOptions = AssignmentOptions { partial: true, ..COMPLETE };

pub const ROUTES: [Route; 6] =
    [Route::Auto, Route::Dense, Route::RowsFirst, Route::Grouped, Route::Lazy, Route::Scaling];

/// What a solver found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    pub column_of_row: Vec<Option<usize>>,
    pub total: f64,
    pub row_duals: Vec<f64>,
    pub column_duals: Vec<f64>,
}

impl From<Assignment<'_>> for Found {
    fn from(found: Assignment<'_>) -> Self {
        Self {
            column_of_row: found.columns_of_rows().collect(),
            total: found.total,
            row_duals: found.row_duals().collect(),
            column_duals: found.column_duals().collect(),
        }
    }
}

pub fn solve_by<T: Cost>(
    route: Route,
    level: Level,
    matrix: &CostMatrix<'_, T>,
    options: AssignmentOptions,
) -> Result<Found, Error> {
    AssignmentSolver::with_route(route).solve(level, matrix, options).map(Found::from)
}

/// A dense matrix; +infinity forbids a cell.
#[derive(Clone, Debug)]
pub struct Dense {
    pub costs: Vec<f64>,
    pub rows: usize,
    pub columns: usize,
}

impl Dense {
    pub fn at(&self, row: usize, column: usize) -> f64 {
        self.costs[row * self.columns + column]
    }

    pub fn row(&self, row: usize) -> &[f64] {
        &self.costs[row * self.columns..][..self.columns]
    }

    pub fn matrix(&self) -> CostMatrix<'_, f64> {
        CostMatrix::new(&self.costs, self.rows, self.columns).expect("a matrix")
    }

    pub fn map(&self, change: impl Fn(usize, f64) -> f64) -> Self {
        Self { costs: self.costs.iter().enumerate().map(|(at, &cost)| change(at, cost)).collect(), ..*self }
    }

    /// The same with the opposite costs, where they are finite.
    pub fn opposite(&self) -> Self {
        self.map(|_, cost| if cost.is_finite() { -cost } else { cost })
    }

    /// What all levels find.
    #[track_caller]
    pub fn solve_by(&self, route: Route, options: AssignmentOptions) -> Result<Found, Error> {
        let solve = |level| solve_by(route, level, &self.matrix(), options);
        let mut results = Level::available().into_iter().map(solve);
        let first = results.next().expect("a level");
        results.for_each(|other| assert_eq!(first, other, "levels differ"));
        first
    }

    #[track_caller]
    pub fn solve(&self, options: AssignmentOptions) -> Result<Found, Error> {
        self.solve_by(Route::Auto, options)
    }

    pub fn verify(&self, options: AssignmentOptions, found: &Found) -> Certificate {
        let Found { column_of_row, row_duals, column_duals, .. } = found;
        verify(&self.matrix(), options, column_of_row, row_duals, column_duals).expect("an assignment")
    }

    #[track_caller]
    pub fn assert_proven(&self, found: &Found, options: AssignmentOptions) {
        let certificate = self.verify(options, found);
        assert!(certificate.optimal, "{options:?}: {certificate:?}");
        assert_eq!(certificate.total, found.total);
    }

    /// The error names a Hall violator: rows (or columns) that are more than their allowed counterparts.
    #[track_caller]
    pub fn assert_violated(&self, error: &Error) {
        let is_allowed = |row: usize, column: usize| self.at(row, column).is_finite();
        let (more, fewer, allowed) = match error {
            Error::InfeasibleRows { rows, columns } => {
                let allowed = (0..self.columns).filter(|&j| rows.iter().any(|&i| is_allowed(i, j)));
                (rows, *columns, allowed.count())
            }
            Error::InfeasibleColumns { columns, rows } => {
                let allowed = (0..self.rows).filter(|&i| columns.iter().any(|&j| is_allowed(i, j)));
                (columns, *rows, allowed.count())
            }
            other => panic!("{other}"),
        };
        assert!(more.is_sorted_by(|a, b| a < b) && fewer < more.len(), "{error:?}");
        assert_eq!(allowed, fewer, "{error:?}");
    }

    /// By how much totals of the same optimum may differ.
    pub fn tolerance(&self) -> f64 {
        1e-11 * self.costs.iter().filter(|cost| cost.is_finite()).fold(0.0f64, |a, c| a.max(c.abs()))
    }

    /// Most pairs, and of those the least total, by dynamic programming over sets of columns; with a limit, the least
    /// sum of cost - limit.
    pub fn brute_force<N: Total>(&self, limit: Option<f64>) -> (usize, N) {
        let mut best: Vec<Option<(usize, N)>> = vec![None; 1 << self.columns];
        best[0] = Some((0, N::default()));
        let less = |a: &(usize, N), b: &(usize, N)| {
            let more = limit.is_none() && a.0 > b.0;
            more || (limit.is_some() || a.0 == b.0) && a.1.is_less(&b.1)
        };
        for row in 0..self.rows {
            for set in (0..1usize << self.columns).rev() {
                for column in (0..self.columns).filter(|column| set >> column & 1 == 1) {
                    let cost = self.at(row, column);
                    if let (true, Some((pairs, total))) = (cost.is_finite(), &best[set & !(1 << column)]) {
                        let offered = (pairs + 1, total.plus(cost).plus(-limit.unwrap_or(0.0)));
                        if best[set].as_ref().is_none_or(|best| less(&offered, best)) {
                            best[set] = Some(offered);
                        }
                    }
                }
            }
        }
        best.into_iter().flatten().reduce(|a, b| if less(&b, &a) { b } else { a }).expect("no pair at least")
    }
}

/// A sum of costs.
pub trait Total: Clone + Default {
    fn plus(&self, value: f64) -> Self;
    fn is_less(&self, other: &Self) -> bool;
}

impl Total for f64 {
    fn plus(&self, value: f64) -> Self {
        self + value
    }

    fn is_less(&self, other: &Self) -> bool {
        self < other
    }
}
