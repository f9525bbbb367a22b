//! Padding taken off: a row, or a column, that holds one number alone adds it to every complete assignment, so that it may
//! as well hold 0. Beside a large number the other costs would lose their digits.

use crate::cost::Cost;
use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::matrix::CostMatrix;
use crate::memory;
use crate::needs::COST;
use crate::state::State;

/// A matrix without its padding.
#[derive(Debug)]
pub(crate) struct Unpadded<T> {
    costs: Vec<T>,
    sides: [usize; 2],
    side: Side,
    /// What each row, or column, held; 0 for one that is no padding.
    constants: Vec<f64>,
}

/// Where the padding is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Side {
    Rows,
    Columns,
}

impl<T: Cost> Unpadded<T> {
    /// Looks at the shorter side, all of which has partners, and of a square at its columns where no row is padding. Nothing
    /// where there is none.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory).
    pub fn of(matrix: &CostMatrix<'_, T>, interrupt: &Interrupt) -> Result<Option<Self>> {
        let CostMatrix { costs, rows, columns } = *matrix;
        let of_rows = || {
            let constants: Vec<_> = costs.chunks_exact(columns).map(constant).collect();
            constants.iter().any(|&constant| constant != 0.0).then_some((Side::Rows, constants))
        };
        let of_columns = || {
            let constants = constants_of_columns(costs, columns, interrupt);
            constants.iter().any(|&constant| constant != 0.0).then_some((Side::Columns, constants))
        };
        let found = if rows <= columns { of_rows() } else { None };
        let found = found.or_else(|| if columns <= rows { of_columns() } else { None });
        let Some((side, constants)) = found else { return Ok(None) };
        let mut copy = Vec::new();
        memory::copy(COST, costs, &mut copy)?;
        for (row, costs) in interrupt.guard(copy.chunks_exact_mut(columns).enumerate()) {
            match side {
                Side::Rows if constants[row] != 0.0 => costs.fill(T::default()),
                Side::Rows => {}
                Side::Columns => {
                    for (cost, _) in costs.iter_mut().zip(&constants).filter(|&(_, &constant)| constant != 0.0) {
                        *cost = T::default();
                    }
                }
            }
        }
        Ok(Some(Self { costs: copy, sides: [rows, columns], side, constants }))
    }

    pub fn matrix(&self) -> CostMatrix<'_, T> {
        CostMatrix { costs: &self.costs, rows: self.sides[0], columns: self.sides[1] }
    }

    /// Makes the duals of what was found for this matrix those of the one with padding, whose costs are times `sign`.
    pub fn put_back(&self, state: &mut State, sign: f64) {
        let [rows, columns] = self.sides;
        let duals = match self.side {
            Side::Columns if rows == columns => &mut state.column_duals,
            // the solver's rows are the shorter side
            _ => &mut state.row_duals,
        };
        duals.iter_mut().zip(&self.constants).for_each(|(dual, constant)| *dual += constant * sign);
    }
}

/// What all cells of a row hold; 0 if they differ or are forbidden.
fn constant<T: Cost>(row: &[T]) -> f64 {
    let value = row[0].value();
    let is_constant = value < f64::INFINITY && row.iter().all(|cost| cost.value() == value);
    if is_constant { value } else { 0.0 }
}

/// Likewise of each column.
fn constants_of_columns<T: Cost>(costs: &[T], columns: usize, interrupt: &Interrupt) -> Vec<f64> {
    let mut constants: Vec<f64> = costs[..columns].iter().map(|cost| cost.value()).collect();
    for row in interrupt.guard(costs.chunks_exact(columns)) {
        for (constant, cost) in constants.iter_mut().zip(row) {
            *constant = if *constant == cost.value() && *constant < f64::INFINITY { *constant } else { 0.0 };
        }
    }
    constants
}
