//! The router: gives a dense matrix the form that suits its shape, and sends it the way that suits its costs.
//!
//! A matrix is read where it lies ([`view`](crate::view)), across if it has more rows than columns
//! ([`transposed`](crate::transposed)), and with many equal rows or columns in groups ([`grouping`](crate::grouping)). Small
//! ones go to [`tiny`](crate::tiny), large ones to [`lazy`](crate::lazy), those of which not all rows can be placed on to
//! [`partial`](crate::partial), all others to [`dense`](crate::dense), and those that turn out to be hard there to
//! [`lazy::solve_hard`](crate::lazy::solve_hard).

use simd::{Level, dispatch};

use crate::convert::{convert, transpose};
use crate::copies::Copies;
use crate::cost::Cost;
use crate::grouped::GroupedView;
use crate::grouping::{SHARE, equal_columns, equal_rows, is_worth_a_look, looks_constant};
use crate::groups::Groups;
use crate::interrupt::{Interrupt, Interruptible};
use crate::lazy::{self, Lazy};
use crate::matrix::CostMatrix;
use crate::options::AssignmentOptions;
use crate::outcome::{Demand, NONE, Outcome};
use crate::route::{Route, is_lazy_worth_while, may_be_hard, scaling_work};
use crate::state::State;
use crate::transposed::TransposedView;
use crate::view::{CostRows, MatrixView};
use crate::{dense, majority, partial, ties, tiny};

/// Work of the searches, in multiples of what scaling takes, that shows a matrix to be hard.
const PATIENCE: usize = 3;

/// Solves dense matrices that are known to be sound, one after the other, keeping its memory.
#[derive(Debug, Default)]
pub struct Solver {
    pub(crate) state: State,
    lazy: Lazy,
    pub(crate) route: Route,
}

impl Interruptible for Solver {
    fn set_interrupt(&mut self, interrupt: Option<Interrupt>) {
        self.state.interrupt = interrupt.unwrap_or_default();
    }
}

impl Solver {
    /// Whether the solve was stopped, so that what it has found is to be discarded.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        self.state.interrupt.is_raised()
    }

    /// The column of a row.
    pub fn column_of(&self, row: usize) -> Option<u32> {
        Some(self.state.column_of_row[row]).filter(|&k| k != NONE)
    }

    /// The row of a column.
    pub fn row_of(&self, column: usize) -> Option<u32> {
        Some(self.state.row_of_column[column]).filter(|&k| k != NONE)
    }

    /// Solves a matrix of finite costs, far from the largest `f64`, with at most as many rows as columns. `stride`: where
    /// the next row begins, a multiple of [`LANES`]; what lies between is +infinity. Whether all rows have columns then.
    pub fn solve_block<T: Cost>(
        &mut self,
        level: Level,
        costs: &[T],
        [rows, columns]: [usize; 2],
        stride: usize,
    ) -> bool {
        let mut view = MatrixView::padded(costs, rows, columns, stride, true);
        self.solve(level, &mut view, Demand::Complete) == Outcome::Optimal
    }

    /// Solves a matrix in the form that it has.
    fn solve<T: Cost, R: CostRows<T>>(&mut self, level: Level, rows: &mut R, demand: Demand) -> Outcome {
        self.state.is_partial = false;
        let mut outcome = self.pair_up(level, rows, demand);
        if demand == Demand::Partial && matches!(outcome, Outcome::Infeasible(_)) {
            self.state.is_partial = true;
            outcome = self.pair_up(level, rows, demand);
        }
        if outcome == Outcome::Optimal && !self.state.interrupt.is_raised() {
            match demand {
                Demand::Limited(limit) => self.state.complete_row_duals(rows, limit, 0.0),
                _ if self.state.is_partial => partial::solve(&mut self.state, level, rows),
                _ => self.state.complete_row_duals(rows, 0.0, 0.0),
            }
        }
        outcome
    }

    /// Finds the pairs and the duals of the columns.
    fn pair_up<T: Cost, R: CostRows<T>>(&mut self, level: Level, rows: &mut R, demand: Demand) -> Outcome {
        let state = &mut self.state;
        state.reset(rows.rows(), rows.columns());
        let may_be_constant = rows.groups().is_none() && !matches!(demand, Demand::Limited(_));
        let view = rows.view().filter(|_| may_be_constant);
        if let Some(view) = view.filter(|view| is_constant(view, &state.interrupt)) {
            if !dispatch!(level, simd => view.are_ordinary(simd, 0..1)) {
                return Outcome::Unchecked;
            }
            (0..view.rows).for_each(|row| state.pair(row, row));
            return Outcome::Optimal;
        }
        let is_tiny = self.route == Route::Auto && tiny::fits(rows) && !state.is_partial;
        if is_tiny && !matches!(demand, Demand::Limited(_)) {
            if !rows.is_ordinary(level, &state.interrupt) {
                return Outcome::Unchecked;
            }
            if dispatch!(level, simd => tiny::solve(simd, state, rows)) {
                return Outcome::Optimal;
            }
            state.reset(rows.rows(), rows.columns());
        }
        let rows_first = match (demand, rows.view(), rows.groups()) {
            (Demand::Limited(limit), ..) => return dense::solve_limited(state, level, rows, limit),
            (_, Some(view), Some(groups)) => majority::go_first(level, groups, view),
            (_, Some(view), _) if self.rows_go_first(level, view) => true,
            (_, Some(view), _) if self.is_lazy(view.rows, view.columns) => {
                return lazy::solve(&mut self.state, &mut self.lazy, level, view, self.route == Route::Scaling);
            }
            _ => false,
        };
        let patience = self.patience(rows);
        match (dense::solve(&mut self.state, level, rows, rows_first, patience), rows.view()) {
            (Outcome::Hard, Some(view)) => lazy::solve_hard(&mut self.state, &mut self.lazy, level, view),
            (outcome, _) => outcome,
        }
    }

    /// The cells that the dense searches of a matrix may be expected to scan before it counts as hard.
    fn patience<T: Cost, R: CostRows<T>>(&self, rows: &R) -> usize {
        let (height, width) = (rows.rows(), rows.columns());
        let may_turn = rows.view().is_some() || rows.groups().is_some();
        if self.route == Route::Auto && !self.state.is_partial && may_turn && may_be_hard(height, width) {
            PATIENCE * scaling_work(height, width)
        } else {
            usize::MAX
        }
    }

    /// Whether the rows choose before the columns do, although the matrix is square, and are scanned as a whole,
    /// although it is large.
    fn rows_go_first<T: Cost>(&self, level: Level, view: &MatrixView<'_, T>) -> bool {
        match self.route {
            Route::Auto => {
                let may_pay = self.state.takes_all(view) || self.is_lazy(view.rows, view.columns);
                !self.state.is_partial && may_pay && dispatch!(level, simd => ties::are_many(simd, view))
            }
            Route::RowsFirst | Route::Grouped => true,
            Route::Dense | Route::Lazy | Route::Scaling => false,
        }
    }

    /// Whether a matrix of that size goes the lazy way.
    fn is_lazy(&self, rows: usize, columns: usize) -> bool {
        match self.route {
            Route::Auto => is_lazy_worth_while(rows, columns),
            Route::Dense | Route::RowsFirst | Route::Grouped => false,
            Route::Lazy | Route::Scaling => rows > 0,
        }
    }

    /// Whether a matrix of that size should be transposed rather than read across.
    fn wants_rows_in_place(&self, rows: usize, columns: usize) -> bool {
        self.is_lazy(rows, columns) || self.route == Route::Auto && may_be_hard(rows, columns)
    }

    /// Solves a caller's matrix, times `sign`. `is_checked`: whether all costs are known to be sound.
    pub(crate) fn solve_matrix<T: Cost>(
        &mut self,
        level: Level,
        matrix: &CostMatrix<'_, T>,
        sign: f64,
        is_checked: bool,
        options: AssignmentOptions,
        copies: &mut Copies<T>,
    ) -> Outcome {
        let CostMatrix { costs, rows, columns } = *matrix;
        let Copies { converted, end, transposed, places } = copies;
        let costs = match sign {
            1.0 => costs,
            _ => convert(costs, converted, &self.state.interrupt, |cost| cost.times(sign)),
        };
        if self.is_interrupted() {
            return Outcome::Optimal;
        }
        let demand = match options.cost_limit {
            Some(limit) => Demand::Limited(limit * sign),
            None if options.partial => Demand::Partial,
            None => Demand::Complete,
        };
        if rows <= columns {
            let mut view = MatrixView::new(costs, rows, columns, end, is_checked);
            let grouped = self.solve_groups(level, &view, demand, transposed, places);
            grouped.unwrap_or_else(|| self.solve(level, &mut view, demand))
        } else if matches!(demand, Demand::Limited(_)) || !self.wants_rows_in_place(columns, rows) {
            let view = MatrixView::new(costs, rows, columns, end, is_checked);
            let grouped = self.solve_groups_across(level, view, demand, transposed, places);
            grouped.unwrap_or_else(|| self.solve(level, &mut TransposedView::new(view, transposed, places), demand))
        } else {
            let mut view = transpose(costs, rows, columns, transposed, is_checked, &self.state.interrupt);
            let grouped = self.solve_groups(level, &view, demand, &mut Vec::new(), places);
            grouped.unwrap_or_else(|| self.solve(level, &mut view, demand))
        }
    }

    /// Solves a matrix with many equal rows, or a square one with many equal columns; or gives nothing, having done
    /// nothing, where there are none. `gathered` and `places` are memory.
    fn solve_groups<T: Cost>(
        &mut self,
        level: Level,
        view: &MatrixView<'_, T>,
        demand: Demand,
        gathered: &mut Vec<T>,
        places: &mut Vec<u32>,
    ) -> Option<Outcome> {
        if !is_worth_a_look(self.route, view.rows) || looks_constant(view) {
            return None;
        }
        let rows = equal_rows(view, self.route, &self.state.interrupt);
        // of both, those that make fewer searches long; most often one look suffices
        let weight = rows.as_ref().map_or(0, |rows| rows.weight);
        let is_square = view.rows == view.columns && 2 * SHARE * weight < view.rows * view.rows;
        let columns = is_square.then(|| equal_columns(view, self.route, &self.state.interrupt)).flatten();
        if let Some(columns) = columns.filter(|columns| columns.weight > weight) {
            let outcome = self.solve_columns(level, *view, &columns, demand, gathered, places);
            self.state.transpose();
            return outcome;
        }
        self.solve_grouped(level, &mut GroupedView { rows: &mut view.clone(), groups: &rows? }, demand)
    }

    /// Solves a matrix that has many equal columns and more rows than columns, or gives nothing.
    fn solve_groups_across<T: Cost>(
        &mut self,
        level: Level,
        view: MatrixView<'_, T>,
        demand: Demand,
        gathered: &mut Vec<T>,
        places: &mut Vec<u32>,
    ) -> Option<Outcome> {
        if !is_worth_a_look(self.route, view.columns) {
            return None;
        }
        let columns = equal_columns(&view, self.route, &self.state.interrupt)?;
        self.solve_columns(level, view, &columns, demand, gathered, places)
    }

    fn solve_columns<T: Cost>(
        &mut self,
        level: Level,
        view: MatrixView<'_, T>,
        groups: &Groups,
        demand: Demand,
        gathered: &mut Vec<T>,
        places: &mut Vec<u32>,
    ) -> Option<Outcome> {
        let mut columns = TransposedView::new(view, gathered, places);
        self.solve_grouped(level, &mut GroupedView { rows: &mut columns, groups }, demand)
    }

    /// Gives nothing where not all rows can have columns, or searches would take too long: the usual way then tells
    /// which rows these are, or does what can be done.
    fn solve_grouped<T: Cost, R: CostRows<T>>(
        &mut self,
        level: Level,
        rows: &mut GroupedView<'_, R>,
        demand: Demand,
    ) -> Option<Outcome> {
        let demand = if demand == Demand::Partial { Demand::Complete } else { demand };
        Some(self.solve(level, rows, demand))
            .filter(|outcome| !matches!(outcome, Outcome::Infeasible(_) | Outcome::Hard))
    }
}

/// Whether all cells have the same cost and may be chosen.
fn is_constant<T: Cost>(view: &MatrixView<'_, T>, interrupt: &Interrupt) -> bool {
    let Some(last) = view.rows.checked_sub(1) else { return false };
    let first = view.at(0, 0);
    let has_first = |row: usize| {
        let costs = &view.row(row)[..view.columns];
        costs.iter().fold(true, |same, cost| same & (cost.value() == first))
    };
    first < f64::INFINITY && first == view.at(last, view.columns - 1) && interrupt.guard(0..view.rows).all(has_first)
}
