//! Many matrices in one call, in parallel where there is enough work, with the results of solving them one by one.

use simd::Level;

use crate::cost::Cost;
use crate::error::{Error, Result, check_length};
use crate::matrix::CostMatrix;
use crate::memory;
use crate::needs::Needs;
use crate::options::AssignmentOptions;
use crate::solver::AssignmentSolver;
use crate::threads::Threads;

/// Cells that make up for waking a thread.
const WORTH_A_THREAD: usize = 1 << 17;

/// Where the results of a batch go, matrix after matrix.
#[derive(Debug)]
pub struct BatchOutputs<'a> {
    /// The column of every row, or -1: as many as all matrices have rows.
    pub column_of_row: &'a mut [i32],
    /// For each matrix the duals of its rows, then of its columns; or empty where they are not wanted.
    pub duals: &'a mut [f64],
    /// One for each matrix.
    pub totals: &'a mut [f64],
}

/// One matrix and where its results go.
struct MatrixJob<'a, T> {
    matrix: CostMatrix<'a, T>,
    column_of_row: &'a mut [i32],
    duals: &'a mut [f64],
    total: &'a mut f64,
    fault: Option<Error>,
}

impl AssignmentSolver {
    /// Solves matrices that lie one after the other in `costs`, in the caller's thread and in as many of those that are
    /// shared as are free and worth it. `shapes`: rows and columns of each.
    ///
    /// # Errors
    /// As [`AssignmentSolver::solve`], for the first matrix at fault, as [`Error::InBatch`]; [`Error::Length`] where an
    /// array does not fit the shapes; [`Error::Memory`].
    pub fn solve_batch<T: Cost + Sync>(
        &mut self,
        level: Level,
        threads: &Threads,
        costs: &[T],
        shapes: &[[usize; 2]],
        options: AssignmentOptions,
        outputs: BatchOutputs<'_>,
    ) -> Result<()> {
        let mut jobs = jobs(costs, shapes, outputs)?;
        let run = |solver: &mut Self, job: &mut MatrixJob<'_, T>| {
            job.fault = job.run(solver, level, options).err();
            job.fault.is_none()
        };
        let count = threads.count().min(costs.len() / WORTH_A_THREAD).min(jobs.len());
        let most =
            jobs.iter().map(|job| Needs::of(&job.matrix, if options.maximize { -1.0 } else { 1.0 }).bytes::<T>());
        memory::require("costs", most.max().unwrap_or(0) * count.max(1) as u128)?;
        threads.each(count, false, self, &mut jobs, run);
        let first = jobs.into_iter().enumerate().find_map(|(index, job)| Some((index, job.fault?)));
        first.map_or(Ok(()), |(index, error)| Err(Error::InBatch { index, error: Box::new(error) }))
    }
}

/// Splits costs and outputs into the matrices' own.
fn jobs<'a, T: Cost>(
    mut costs: &'a [T],
    shapes: &[[usize; 2]],
    outputs: BatchOutputs<'a>,
) -> Result<Vec<MatrixJob<'a, T>>> {
    let sum = |size: fn(&[usize; 2]) -> u128| -> usize {
        usize::try_from(shapes.iter().map(size).sum::<u128>()).unwrap_or(usize::MAX)
    };
    check_length("cost", costs.len(), &[sum(|&[rows, columns]| rows as u128 * columns as u128)])?;
    check_length("column_of_row", outputs.column_of_row.len(), &[sum(|&[rows, _]| rows as u128)])?;
    check_length("totals", outputs.totals.len(), &[shapes.len()])?;
    let BatchOutputs { mut column_of_row, mut duals, totals } = outputs;
    let wants_duals = !duals.is_empty();
    if wants_duals {
        check_length("duals", duals.len(), &[sum(|&[rows, columns]| rows as u128 + columns as u128)])?;
    }
    let mut jobs = Vec::with_capacity(shapes.len());
    for (&[rows, columns], total) in shapes.iter().zip(totals) {
        let (matrix, its_columns, its_duals);
        (matrix, costs) = costs.split_at(rows * columns);
        (its_columns, column_of_row) = column_of_row.split_at_mut(rows);
        (its_duals, duals) = duals.split_at_mut(if wants_duals { rows + columns } else { 0 });
        let matrix = CostMatrix::new(matrix, rows, columns)?;
        jobs.push(MatrixJob { matrix, column_of_row: its_columns, duals: its_duals, total, fault: None });
    }
    Ok(jobs)
}

impl<T: Cost> MatrixJob<'_, T> {
    fn run(&mut self, solver: &mut AssignmentSolver, level: Level, options: AssignmentOptions) -> Result<()> {
        let found = solver.solve(level, &self.matrix, options)?;
        found.write(self.column_of_row, self.duals)?;
        *self.total = found.total;
        Ok(())
    }
}
