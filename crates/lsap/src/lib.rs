//! Exact linear sum assignment: of a matrix of costs, one cell in every row of the shorter side, no two in a column,
//! with the least total.

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
pub use error::Value;
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
pub use threads::Threads;
