//! How to read a matrix, and what to find.

use crate::error::{Error, Result};

/// How to read a matrix.
#[derive(Clone, Copy, Debug, Default)]
pub struct AssignmentOptions {
    /// Find the largest total; +infinity still forbids.
    pub maximize: bool,
    /// Where no assignment covers the shorter side: the most pairs, and of those the least total, instead of an error.
    pub partial: bool,
    /// Leave pairs dearer than this (when maximising: cheaper) unassigned: of all sets of pairs, the one with the least
    /// sum of cost - limit, with as many pairs as that permits. Every set is then feasible, and `partial` has no
    /// meaning.
    pub cost_limit: Option<f64>,
}

impl AssignmentOptions {
    pub(crate) fn check(&self) -> Result<()> {
        let refused = self.cost_limit.filter(|limit| !limit.is_finite());
        refused.map_or(Ok(()), |value| Err(Error::Option { name: "cost_limit", rule: "a finite number", value }))
    }
}
