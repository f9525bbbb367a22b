//! A caller's dense matrix of costs.

use simd::{LANES, Level, Simd, dispatch, prelude::*};

use crate::cost::{Cost, LARGE, scale_of};
use crate::error::{Error, Result, check_length};
use crate::interrupt::Interrupt;
use crate::scan::CHUNK;

/// A caller's matrix of costs, row-major.
#[derive(Clone, Copy, Debug)]
pub struct CostMatrix<'a, T> {
    pub(crate) costs: &'a [T],
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

impl<'a, T: Cost> CostMatrix<'a, T> {
    /// `costs`: `[rows, columns]`; +infinity forbids a cell. Values are checked where they are first read.
    ///
    /// # Errors
    /// [`Error::Length`].
    pub fn new(costs: &'a [T], rows: usize, columns: usize) -> Result<Self> {
        check_length("cost", costs.len(), &[rows, columns])?;
        Ok(Self { costs, rows, columns })
    }

    pub(crate) fn at(&self, row: usize, column: usize) -> f64 {
        self.costs[row * self.columns + column].value()
    }

    /// Refuses NaN and -infinity; gives a power of two that brings costs near the largest `f64` into a range where sums
    /// of them stay finite.
    pub(crate) fn check(&self, level: Level, interrupt: &Interrupt) -> Result<f64> {
        let mut scale = 1.0;
        for (part, costs) in self.costs.chunks(CHUNK).enumerate() {
            if interrupt.is_raised() || dispatch!(level, simd => are_allowed(simd, costs)) {
                continue;
            }
            for (at, cost) in costs.iter().enumerate().map(|(at, cost)| (part * CHUNK + at, cost.value())) {
                if cost.is_nan() || cost == f64::NEG_INFINITY {
                    return Err(Error::Cost { row: at / self.columns, column: at % self.columns, value: cost });
                }
                if cost.abs() > LARGE && cost < f64::INFINITY {
                    scale = scale_of(cost.abs());
                }
            }
        }
        Ok(scale)
    }
}

/// Whether all costs are +infinity or can be used as they are.
#[inline(always)]
fn are_allowed<S: Simd, T: Cost>(simd: S, costs: &[T]) -> bool {
    let whole = costs.len() / LANES * LANES;
    let vectors_are = (0..whole).step_by(LANES).all(
        #[inline(always)]
        |at| {
            let costs = T::load(simd, costs, at);
            let [low, high] = costs.map(
                #[inline(always)]
                |cost| cost.abs().simd_le(LARGE) | cost.simd_eq(f64::INFINITY),
            );
            (low & high).all_true()
        },
    );
    vectors_are && costs[whole..].iter().all(|cost| cost.value().abs() <= LARGE || cost.value() == f64::INFINITY)
}
