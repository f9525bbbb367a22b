//! Batches: what they find is what each matrix has by itself, in any number of threads, or the first one's fault.

use std::sync::LazyLock;

use lsap::{AssignmentOptions, AssignmentSolver, BatchOutputs, Cost, CostMatrix, Error, Level, Threads};

use crate::bytes::Bytes;
use crate::costs::{self, Kind};

/// So many cells are worth several threads.
const MANY: usize = 1 << 18;

static THREADS: LazyLock<[Threads; 2]> =
    LazyLock::new(|| [1, 2].map(|count| Threads::new(count.try_into().expect("some"))));

/// A call, whose arrays may have any length.
#[derive(Debug)]
struct Call {
    costs: Vec<f64>,
    shapes: Vec<[usize; 2]>,
    options: AssignmentOptions,
    wants_duals: bool,
    /// By how much the outputs are longer than they must be.
    longer: [isize; 3],
}

/// What a call has written, bit for bit.
type Written = (Vec<i32>, Vec<u64>, Vec<u64>);

/// Makes an input of the bytes, and asserts what must hold of it.
pub fn run(data: &[u8]) {
    let bytes = &mut Bytes::new(data);
    let is_single = bytes.flag();
    let call = Call::of(bytes);
    let singles: Vec<_> = call.costs.iter().map(|&cost| cost as f32).collect();
    if is_single { call.check(&singles) } else { call.check(&call.costs) }
}

impl Call {
    fn of(bytes: &mut Bytes<'_>) -> Self {
        let (options, wants_duals, kind) = (costs::options(bytes), bytes.flag(), Kind::of(bytes));
        let mut shapes: Vec<_> = (0..bytes.below(6)).map(|_| costs::sides(bytes, costs::SHORT)).collect();
        let cells: usize = shapes.iter().map(|[rows, columns]| rows * columns).sum();
        let (mut longer, mut more) = ([0; 3], 0);
        match bytes.byte() {
            // a few of the many are enough
            255 if (1..4).contains(&cells) && bytes.array() == [255, 255] => {
                let costs: Vec<_> = (0..cells).map(|_| kind.cost(bytes)).collect();
                let (costs, shapes) = (costs.repeat(MANY / cells), shapes.repeat(MANY / cells));
                return Self { costs, shapes, options, wants_duals, longer };
            }
            200..230 => {
                longer = longer.map(|_: isize| bytes.below(3) as isize - 1);
                more = bytes.below(3) as isize - 1;
            }
            230..240 if !shapes.is_empty() => {
                let at = bytes.index(shapes.len());
                shapes[at] = [usize::from_le_bytes(bytes.array()), bytes.below(4)];
            }
            _ => {}
        }
        let costs = (0..cells.saturating_add_signed(more)).map(|_| kind.cost(bytes)).collect();
        Self { costs, shapes, options, wants_duals, longer }
    }

    /// Lengths of columns, duals and totals as they must be, where there are numbers for them, and of the costs.
    fn lengths(&self) -> Option<([usize; 3], usize)> {
        let sum = |size: fn(&[usize; 2]) -> Option<usize>| {
            self.shapes.iter().try_fold(0usize, |sum, shape| sum.checked_add(size(shape)?))
        };
        let rows = sum(|&[rows, _]| Some(rows).filter(|rows| *rows < 1 << 32))?;
        let duals = if self.wants_duals { sum(|&[rows, columns]| rows.checked_add(columns))? } else { 0 };
        Some(([rows, duals, self.shapes.len()], sum(|&[rows, columns]| rows.checked_mul(columns))?))
    }

    fn check<T: Cost + Sync>(&self, costs: &[T]) {
        let fitting = self.lengths().filter(|(outputs, _)| outputs.iter().all(|&length| length < 1 << 20));
        let outputs = fitting.map_or([1; 3], |(outputs, _)| outputs);
        let given: [usize; 3] = std::array::from_fn(|k| outputs[k].saturating_add_signed(self.longer[k]));
        // no duals at all are such as are not wanted
        let fits = |([rows, duals, totals], cells): ([usize; 3], usize)| {
            let wants_none = given[1] == 0;
            let all: usize = self.shapes.iter().map(|[rows, columns]| rows + columns).sum();
            cells == costs.len() && given[0] == rows && given[2] == totals && (wants_none || given[1] == all.max(duals))
        };
        let [alone, together] = [0, 1].map(|k| self.solve(costs, &THREADS[k], given));
        assert!(format!("{alone:?}") == format!("{together:?}"), "threads: {alone:?} is not {together:?}");
        match fitting.is_some_and(fits) {
            true => {
                let expected = self.one_by_one(costs, given[1] > 0);
                assert!(format!("{alone:?}") == format!("{expected:?}"), "{alone:?} is not {expected:?}");
            }
            false => assert!(matches!(alone, Err(Error::Length { .. })), "{alone:?} of {self:?}"),
        }
    }

    fn solve<T: Cost + Sync>(
        &self,
        costs: &[T],
        threads: &Threads,
        [rows, duals, totals]: [usize; 3],
    ) -> Result<Written, Error> {
        let (mut column_of_row, mut duals, mut totals) =
            (vec![i32::MIN; rows], vec![f64::NAN; duals], vec![f64::NAN; totals]);
        let outputs = BatchOutputs { column_of_row: &mut column_of_row, duals: &mut duals, totals: &mut totals };
        let solver = &mut AssignmentSolver::default();
        solver.solve_batch(Level::detect(), threads, costs, &self.shapes, self.options, outputs)?;
        Ok((column_of_row, bits(&duals), bits(&totals)))
    }

    fn one_by_one<T: Cost>(&self, mut costs: &[T], wants_duals: bool) -> Result<Written, Error> {
        let (mut column_of_row, mut all_duals, mut totals) = (vec![], vec![], vec![]);
        let mut solver = AssignmentSolver::default();
        for (index, &[rows, columns]) in self.shapes.iter().enumerate() {
            let own;
            (own, costs) = costs.split_at(rows * columns);
            let matrix = CostMatrix::new(own, rows, columns)?;
            let found = solver.solve(Level::detect(), &matrix, self.options);
            let found = found.map_err(|error| Error::InBatch { index, error: Box::new(error) })?;
            let (mut own_columns, mut duals) = (vec![0; rows], vec![0.0; if wants_duals { rows + columns } else { 0 }]);
            found.write(&mut own_columns, &mut duals)?;
            column_of_row.extend(own_columns);
            all_duals.extend(bits(&duals));
            totals.push(found.total.to_bits());
        }
        Ok((column_of_row, all_duals, totals))
    }
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}
