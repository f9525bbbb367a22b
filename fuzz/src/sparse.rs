//! Sparse matrices: lists in any order, of cells that exist or do not, against the dense solver on the same cells.

use lsap::{AssignmentOptions, Cost, Error, Level, Route, SparseMatrix, SparseSolver, verify};

use crate::bytes::Bytes;
use crate::costs::{self, Kind};
use crate::judge::{assert_same, is_proven, judge, largest, same};
use crate::lsap_harness::{Dense, Found, solve_by};

/// The most cells of most lists.
const CELLS: usize = 36;

/// A list as a caller may give it.
#[derive(Clone, Debug)]
struct Listed {
    shape: [usize; 2],
    /// Where each row's cells start, in place of their rows.
    starts: Option<Vec<i32>>,
    rows: Vec<i32>,
    columns: Vec<i32>,
    costs: Vec<f64>,
    singles: Option<Vec<f32>>,
}

/// Makes an input of the bytes, and asserts what must hold of it.
pub fn run(data: &[u8]) {
    let bytes = &mut Bytes::new(data);
    let options = costs::options(bytes);
    let listed = Listed::of(bytes);
    let mut solver = SparseSolver::default();
    let found = listed.solve(&mut solver, options);
    assert_same(&found, &listed.solve(&mut solver, options), "a solver that is used again");
    let limited = AssignmentOptions {
        cost_limit: options.cost_limit.map(if listed.singles.is_some() { f32::stored } else { f64::stored }),
        ..options
    };
    if options.cost_limit.is_some_and(|limit| !limit.is_finite()) {
        assert!(matches!(found, Err(Error::Option { .. } | Error::Length { .. })), "{found:?}");
        return;
    }
    match listed.dense() {
        Err(fault) => assert!(is_fault(&found, &fault), "{found:?}, where {fault:?}"),
        Ok((dense, rows)) => check(&listed, &dense, rows, [options, limited], &found),
    }
}

/// What is wrong with a list, by the names of its errors.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Length,
    Starts,
    Row(usize),
    Column(usize),
    Cost(usize),
    Twice,
}

fn is_fault(found: &Result<Found, Error>, fault: &Fault) -> bool {
    match (found, fault) {
        (Err(Error::Length { .. }), Fault::Length)
        | (Err(Error::RowStarts { .. }), Fault::Starts)
        | (Err(Error::ListedTwice { .. }), Fault::Twice) => true,
        (Err(Error::RowIndex { index, .. }), Fault::Row(at))
        | (Err(Error::ColumnIndex { index, .. }), Fault::Column(at))
        | (Err(Error::ListedCost { index, .. }), Fault::Cost(at)) => index == at,
        _ => false,
    }
}

impl Listed {
    fn of(bytes: &mut Bytes<'_>) -> Self {
        let (kind, is_single, is_wild) = (Kind::of(bytes), bytes.flag(), bytes.rarely(8));
        let has_starts = bytes.flag();
        let most = if bytes.rarely(16) { 30 } else { costs::SHORT };
        let shape = costs::sides(bytes, most);
        let mut listed = Self { shape, starts: None, rows: vec![], columns: vec![], costs: vec![], singles: None };
        let mut count = bytes.below(CELLS + 1);
        if bytes.rarely(16) {
            count *= 8;
        }
        for _ in 0..count {
            let cell =
                shape.map(|side| if is_wild { i32::from(bytes.byte() as i8) } else { bytes.below(side.max(1)) as i32 });
            listed.rows.push(cell[0]);
            listed.columns.push(cell[1]);
            listed.costs.push(kind.cost(bytes));
        }
        if !is_wild {
            listed.keep_one_of_each(has_starts);
        }
        if has_starts {
            let before = |row: usize| listed.rows.iter().filter(|&&own| own < row as i32).count() as i32;
            let mut starts: Vec<_> = (0..=shape[0]).map(before).collect();
            if is_wild && bytes.flag() {
                let at = bytes.index(starts.len());
                starts[at] = i32::from(bytes.byte() as i8);
                starts.truncate(starts.len() - usize::from(bytes.rarely(8)));
            }
            listed.starts = Some(starts);
        }
        if is_wild && bytes.rarely(8) {
            listed.columns.pop();
        }
        listed.singles = is_single.then(|| listed.costs.iter().map(|&cost| cost as f32).collect());
        if let Some(singles) = &listed.singles {
            listed.costs = singles.iter().map(|&cost| f64::from(cost)).collect();
        }
        listed
    }

    /// Leaves out cells that are listed again; in order of rows where these are told by their starts.
    fn keep_one_of_each(&mut self, in_order: bool) {
        let cells = self.rows.iter().zip(&self.columns).zip(&self.costs);
        let mut cells: Vec<_> = cells.map(|((&row, &column), &cost)| (row, column, cost)).collect();
        let mut seen = vec![];
        cells.retain(|&(row, column, _)| {
            let is_new = self.shape[0] > 0 && self.shape[1] > 0 && !seen.contains(&(row, column));
            seen.push((row, column));
            is_new
        });
        if in_order {
            cells.sort_by_key(|cell| cell.0);
        }
        self.rows = cells.iter().map(|cell| cell.0).collect();
        self.columns = cells.iter().map(|cell| cell.1).collect();
        self.costs = cells.iter().map(|cell| cell.2).collect();
    }

    fn matrix<'a, T: Cost>(&'a self, costs: &'a [T]) -> Result<SparseMatrix<'a, T>, Error> {
        match &self.starts {
            Some(starts) => SparseMatrix::from_rows(self.shape, starts, &self.columns, costs),
            None => SparseMatrix::from_cells(self.shape, &self.rows, &self.columns, costs),
        }
    }

    fn solve(&self, solver: &mut SparseSolver, options: AssignmentOptions) -> Result<Found, Error> {
        match &self.singles {
            Some(singles) => solver.solve(&self.matrix(singles)?, options).map(Found::from),
            None => solver.solve(&self.matrix(&self.costs)?, options).map(Found::from),
        }
    }

    /// All cells, +infinity where none is listed, and the rows of the listed ones; or the first fault of the list.
    fn dense(&self) -> Result<(Dense, Vec<i32>), Fault> {
        let [rows, columns] = self.shape;
        let cells = self.costs.len();
        if self.columns.len() != cells || self.starts.as_ref().is_some_and(|starts| starts.len() != rows + 1) {
            return Err(Fault::Length);
        }
        let mut of_rows = self.rows.clone();
        if let Some(starts) = &self.starts {
            let rises = starts.windows(2).all(|pair| pair[0] <= pair[1]);
            if starts[0] != 0 || !rises || starts[rows] as usize != cells {
                return Err(Fault::Starts);
            }
            let own = |row: usize| std::iter::repeat_n(row as i32, (starts[row + 1] - starts[row]) as usize);
            of_rows = (0..rows).flat_map(own).collect();
        }
        let (mut costs, mut is_listed, mut is_twice) =
            (vec![f64::INFINITY; rows * columns], vec![false; rows * columns], false);
        for at in 0..cells {
            let (row, column, cost) = (of_rows[at], self.columns[at], self.costs[at]);
            if !(0..rows as i32).contains(&row) {
                return Err(Fault::Row(at));
            }
            if !(0..columns as i32).contains(&column) {
                return Err(Fault::Column(at));
            }
            if cost.is_nan() || cost == f64::NEG_INFINITY {
                return Err(Fault::Cost(at));
            }
            let place = row as usize * columns + column as usize;
            is_twice |= std::mem::replace(&mut is_listed[place], true);
            costs[place] = cost;
        }
        if is_twice { Err(Fault::Twice) } else { Ok((Dense { costs, rows, columns }, of_rows)) }
    }

    /// The same cells from the last to the first, with their rows.
    fn backwards(&self, rows: Vec<i32>) -> Self {
        let mut listed = Self { starts: None, rows, ..self.clone() };
        listed.rows.reverse();
        listed.columns.reverse();
        listed.costs.reverse();
        if let Some(singles) = &mut listed.singles {
            singles.reverse();
        }
        listed
    }
}

fn check(
    listed: &Listed,
    dense: &Dense,
    rows: Vec<i32>,
    [options, limited]: [AssignmentOptions; 2],
    found: &Result<Found, Error>,
) {
    judge(dense, limited, found);
    let by_dense = solve_by(Route::Auto, Level::detect(), &dense.matrix(), limited);
    assert_eq!(found.is_ok(), by_dense.is_ok(), "{found:?} and {by_dense:?}");
    let scaled = listed.solve(&mut SparseSolver::scaling_at_once(), options);
    judge(dense, limited, &scaled);
    let backwards = listed.backwards(rows).solve(&mut SparseSolver::default(), options);
    assert_same(found, &backwards, "the order of cells");
    for (found, is_scaled) in [(found, false), (&scaled, true)] {
        let Ok(found) = found else { continue };
        let Found { column_of_row, row_duals, column_duals, .. } = found;
        let certificate = match &listed.singles {
            Some(singles) => {
                let matrix = listed.matrix(singles).expect("a matrix");
                verify(&matrix, options, column_of_row, row_duals, column_duals)
            }
            None => {
                let matrix = listed.matrix(&listed.costs).expect("a matrix");
                verify(&matrix, options, column_of_row, row_duals, column_duals)
            }
        };
        let certificate = certificate.expect("an assignment");
        // a way that a matrix so small goes by itself only where it is hard; where the pairs cost nothing, no digit of the duals
        // that it ends with may be wrong
        let is_nearly = certificate.violation <= largest(dense) * f64::EPSILON;
        if !(is_scaled && found.total == 0.0 && is_nearly) {
            is_proven(dense, limited, found, &certificate);
        }
        let by_dense = dense.verify(limited, found);
        assert!(same(certificate.bound, by_dense.bound) && certificate.optimal == by_dense.optimal);
    }
}
