//! Exact linear sum assignment: of a matrix of costs, one cell in every row of the shorter side, no two in a column,
//! with the least total. Dense and sparse matrices of `f32` or `f64`, square or not, with forbidden cells, with a limit beyond
//! which a pair is not worth it, one by one or many at once on several threads; each result with dual variables, by which
//! [`verify`] proves it optimal. The same result on every instruction set. A solve reads the matrix where it lies, takes no
//! more memory than a few lines of it unless it has to, asks for that beforehand, and can be stopped by another thread.
//!
//! # Dense matrices
//!
//! ```
//! use lsap::{AssignmentOptions, AssignmentSolver, CostMatrix, Level};
//!
//! let costs = [4.0, 1.0, 3.0, 2.0, 0.0, 5.0, 3.0, 2.0, 2.0];
//! let mut solver = AssignmentSolver::default(); // keeps its memory from solve to solve
//! let matrix = CostMatrix::new(&costs, 3, 3)?;
//! let found = solver.solve(Level::detect(), &matrix, AssignmentOptions::default())?;
//! assert_eq!(found.total, 5.0);
//! assert!(found.columns_of_rows().eq([Some(1), Some(0), Some(2)]));
//! # Ok::<(), lsap::Error>(())
//! ```
//!
//! In a rectangular matrix, lines of the longer side stay unassigned; to maximise is an option.
//!
//! ```
//! # use lsap::{AssignmentOptions, AssignmentSolver, CostMatrix, Level};
//! let scores = [0.9f32, 0.1, 0.4, 0.8, 0.2, 0.3];
//! let options = AssignmentOptions { maximize: true, ..AssignmentOptions::default() };
//! let mut solver = AssignmentSolver::default();
//! let found = solver.solve(Level::detect(), &CostMatrix::new(&scores, 3, 2)?, options)?;
//! assert!(found.columns_of_rows().eq([Some(0), Some(1), None]));
//! # Ok::<(), lsap::Error>(())
//! ```
//!
//! # Forbidden pairs, and pairs that are not worth it
//!
//! +infinity forbids a cell. Where that leaves no complete assignment, the error names the rows, or columns, that have too
//! few between them; with `partial`, as many pairs as there can be are made instead.
//!
//! ```
//! # use lsap::{AssignmentOptions, AssignmentSolver, CostMatrix, Error, Level};
//! let never = f64::INFINITY;
//! let costs = [1.0, never, 2.0, never];
//! let matrix = CostMatrix::new(&costs, 2, 2)?;
//! let (mut solver, level) = (AssignmentSolver::default(), Level::detect());
//! let refused = solver.solve(level, &matrix, AssignmentOptions::default()).unwrap_err();
//! assert_eq!(refused, Error::InfeasibleRows { rows: vec![0, 1], columns: 1 });
//!
//! let partial = AssignmentOptions { partial: true, ..AssignmentOptions::default() };
//! assert_eq!(solver.solve(level, &matrix, partial)?.total, 1.0);
//!
//! let limited = AssignmentOptions { cost_limit: Some(0.5), ..AssignmentOptions::default() };
//! assert!(solver.solve(level, &matrix, limited)?.columns_of_rows().all(|column| column.is_none()));
//! # Ok::<(), lsap::Error>(())
//! ```
//!
//! # Proof
//!
//! Duals u of the rows and v of the columns with u + v ≤ c everywhere, and equality where assigned, prove a result optimal,
//! whoever made them.
//!
//! ```
//! # use lsap::{AssignmentOptions, AssignmentSolver, CostMatrix, Level, verify};
//! let costs = [8.0, 9.0, 1.0, 4.0];
//! let (matrix, options) = (CostMatrix::new(&costs, 2, 2)?, AssignmentOptions::default());
//! let mut solver = AssignmentSolver::default();
//! let found = solver.solve(Level::detect(), &matrix, options)?;
//! let columns: Vec<_> = found.columns_of_rows().collect();
//! let (u, v): (Vec<_>, Vec<_>) = (found.row_duals().collect(), found.column_duals().collect());
//! let proof = verify(&matrix, options, &columns, &u, &v)?;
//! assert!(proof.optimal);
//! assert_eq!((proof.total, proof.bound), (10.0, 10.0));
//! # Ok::<(), lsap::Error>(())
//! ```
//!
//! # Sparse matrices
//!
//! Only the listed cells may be chosen, and only they take time and memory.
//!
//! ```
//! use lsap::{AssignmentOptions, SparseMatrix, SparseSolver};
//!
//! // rows 0 and 1 list two cells each, row 2 one
//! let (row_starts, columns, costs) = ([0, 2, 4, 5], [0, 1, 0, 2, 1], [1.0, 2.0, 1.0, 5.0, 1.0]);
//! let matrix = SparseMatrix::from_rows([3, 3], &row_starts, &columns, &costs)?;
//! let mut solver = SparseSolver::default();
//! let found = solver.solve(&matrix, AssignmentOptions::default())?;
//! assert!(found.columns_of_rows().eq([Some(0), Some(2), Some(1)]));
//! # Ok::<(), lsap::Error>(())
//! ```
//!
//! # Many matrices
//!
//! ```
//! use lsap::{AssignmentOptions, AssignmentSolver, BatchOutputs, Level, Threads};
//!
//! let costs = [8.0, 9.0, 1.0, 4.0, 7.0]; // 2×2, then 1×1
//! let (mut column_of_row, mut totals) = ([0; 3], [0.0; 2]);
//! let outputs =
//!     BatchOutputs { column_of_row: &mut column_of_row, duals: &mut [], totals: &mut totals };
//! let (mut solver, threads) = (AssignmentSolver::default(), Threads::default());
//! let (level, options) = (Level::detect(), AssignmentOptions::default());
//! solver.solve_batch(level, &threads, &costs, &[[2, 2], [1, 1]], options, outputs)?;
//! assert_eq!((column_of_row, totals), ([1, 0, 0], [10.0, 7.0]));
//! # Ok::<(), lsap::Error>(())
//! ```
//!
//! # Stopping a solve
//!
//! ```
//! # use lsap::{AssignmentOptions, AssignmentSolver, CostMatrix, Error, Interrupt, Level};
//! let interrupt = Interrupt::default();
//! let mut solver = AssignmentSolver::with_interrupt(interrupt.clone());
//! let stopper = std::thread::spawn(move || interrupt.raise());
//! stopper.join().unwrap();
//! let costs: Vec<f64> = (0..10_000).map(|k| f64::from(k * 7919 % 10_007)).collect();
//! let matrix = CostMatrix::new(&costs, 100, 100)?;
//! let stopped = solver.solve(Level::detect(), &matrix, AssignmentOptions::default());
//! assert_eq!(stopped.err(), Some(Error::Interrupted));
//! # Ok::<(), lsap::Error>(())
//! ```
//!
//! # Within
//!
//! From the ground up: `error`, `cost`, `options`, `matrix`, `interrupt`, `memory` → `scan` (one row) → `view` (the rows of a
//! matrix, wherever they lie) → `state` → `search`, `choice`, `reduce`, `augment` → `tiny`, `dense`, `partial`, `lazy` with
//! `candidates` and `scaling` → `router` → `solver`, the entry, which also asks `doubt` and `certificate`, and takes `padding`
//! off where it costs digits. Matrices of listed cells have all this of their own in `sparse`. `threads` and `interrupt` serve whoever computes beside the solver, too.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod assignment;
mod augment;
mod batch;
mod candidates;
mod cells;
mod certificate;
mod choice;
mod convert;
mod copies;
mod cost;
mod dense;
mod doubt;
mod error;
mod grouped;
mod grouping;
mod groups;
mod interrupt;
mod lazy;
mod lazy_search;
mod majority;
mod matrix;
#[doc(hidden)]
pub mod memory;
mod needs;
mod options;
mod outcome;
mod padding;
mod partial;
mod reduce;
mod route;
mod router;
mod scaling;
mod scan;
mod search;
mod solution;
mod solver;
mod sparse;
mod state;
mod sum;
mod threads;
mod ties;
mod tiny;
mod transposed;
mod view;

pub use assignment::Assignment;
pub use batch::BatchOutputs;
#[doc(hidden)]
pub use cells::Cells;
pub use cells::Matrix;
pub use certificate::{Certificate, verify};
pub use cost::Cost;
#[doc(hidden)]
pub use error::Shown;
pub use error::{Error, Result};
pub use interrupt::{Interrupt, Interruptible};
pub use matrix::CostMatrix;
#[doc(hidden)]
pub use needs::{solving_takes, verifying_takes};
pub use options::AssignmentOptions;
#[doc(hidden)]
pub use route::Route;
#[doc(hidden)]
pub use router::Solver;
pub use simd::Level;
pub use solver::AssignmentSolver;
pub use sparse::{SparseMatrix, SparseSolver};
pub use threads::{Share, Threads};
