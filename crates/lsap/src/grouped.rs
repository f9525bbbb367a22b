//! A matrix in which equal rows are known: all of a group read the same memory.

use simd::{Level, Simd, dispatch};

use crate::cost::Cost;
use crate::groups::Groups;
use crate::interrupt::Interrupt;
use crate::scan::{Cheapest, cheapest};
use crate::view::{Choices, CostRows, MatrixView};

/// A matrix with rows that are known to be equal.
pub(crate) struct GroupedView<'a, R> {
    pub rows: &'a mut R,
    pub groups: &'a Groups,
}

impl<T: Cost, R: CostRows<T>> CostRows<T> for GroupedView<'_, R> {
    fn rows(&self) -> usize {
        self.rows.rows()
    }

    fn columns(&self) -> usize {
        self.rows.columns()
    }

    #[inline(always)]
    fn row(&mut self, row: usize) -> &[T] {
        self.rows.row(self.groups.first(row))
    }

    #[inline(always)]
    fn at(&self, row: usize, column: usize) -> f64 {
        self.rows.at(self.groups.first(row), column)
    }

    fn view(&self) -> Option<&MatrixView<'_, T>> {
        self.rows.view()
    }

    fn groups(&self) -> Option<&Groups> {
        Some(self.groups)
    }

    fn is_ordinary(&self, level: Level, interrupt: &Interrupt) -> bool {
        let Some(view) = self.rows.view() else { return self.rows.is_ordinary(level, interrupt) };
        let firsts = (0..view.rows).filter(|&row| self.groups.first(row) == row);
        interrupt.guard(firsts).all(|row| dispatch!(level, simd => view.are_ordinary(simd, row..row + 1)))
    }

    #[inline(always)]
    fn choose<S: Simd>(&self, simd: S, duals: &[f64], choices: &mut Choices, interrupt: &Interrupt) -> bool {
        let Some(view) = self.rows.view() else { return self.rows.choose(simd, duals, choices, interrupt) };
        choices.reset(view.rows);
        for row in interrupt.guard(0..view.rows) {
            let equal = self.groups.first(row);
            if equal < row {
                choices.columns[row] = choices.columns[equal];
                choices.firsts[row] = choices.firsts[equal];
                choices.seconds[row] = choices.seconds[equal];
                continue;
            }
            if !view.are_ordinary(simd, row..row + 1) {
                return false;
            }
            let Cheapest { column, first, second } = cheapest(simd, view.row(row), duals);
            choices.columns[row] = column as f64;
            choices.firsts[row] = first;
            choices.seconds[row] = second;
        }
        true
    }
}
