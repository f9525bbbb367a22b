//! Copies of a matrix that differ from the caller's: negated or scaled, or transposed.

use simd::{LANES, padded};

use crate::cost::Cost;
use crate::interrupt::Interrupt;
use crate::scan::CHUNK;
use crate::view::MatrixView;

/// A copy of a matrix with `convert` applied to every cost.
pub(crate) fn convert<'a, T: Cost>(
    costs: &[T],
    memory: &'a mut Vec<T>,
    interrupt: &Interrupt,
    convert: impl Fn(T) -> T,
) -> &'a [T] {
    memory.clear();
    memory.reserve(costs.len());
    for part in interrupt.guard(costs.chunks(CHUNK)) {
        memory.extend(part.iter().map(|&cost| convert(cost)));
    }
    memory
}

/// A transposed copy with rows padded to whole vectors.
pub(crate) fn transpose<'a, T: Cost>(
    costs: &[T],
    rows: usize,
    columns: usize,
    memory: &'a mut Vec<T>,
    is_checked: bool,
    interrupt: &Interrupt,
) -> MatrixView<'a, T> {
    let stride = padded(rows);
    memory.clear();
    memory.resize(columns * stride, T::default());
    // sixteen rows at a time, so that what is written to lies together
    for (group, rows) in interrupt.guard(costs.chunks(LANES * columns.max(1)).enumerate()) {
        for column in 0..columns {
            let places = &mut memory[column * stride + group * LANES..];
            for (place, row) in places.iter_mut().zip(rows.chunks_exact(columns)) {
                *place = row[column];
            }
        }
    }
    MatrixView::padded(memory, columns, rows, stride, is_checked)
}
