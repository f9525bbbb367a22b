//! Assignment over the listed cells of a sparse matrix.
//!
//! [`solver`] is the entry. [`paths`] solves by shortest augmenting paths over the [`state`], after the reductions of
//! [`reduce`], or an [`auction`] where searches would take long. [`partial`] comes first if not all rows need to be placed,
//! and whether they can be is decided by [`matching`]. Where digits may have been lost, of a dense matrix too, [`exact`] has
//! the last word.

mod auction;
mod column;
mod complete;
mod exact;
mod heap;
mod listing;
mod matching;
mod partial;
mod paths;
mod reduce;
mod rows;
mod search;
mod solver;
mod state;

pub use listing::SparseMatrix;
pub use solver::SparseSolver;
