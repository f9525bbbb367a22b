//! What a solve is to find, how it ends, and the mark of what stays unassigned.

/// No row, or no column.
pub(crate) const NONE: u32 = u32::MAX;

/// What a solve is to find.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Demand {
    /// A column for every row.
    Complete,
    /// As many pairs as there can be.
    Partial,
    /// The pairs that are worth it: a row may also stay without a column at this cost.
    Limited(f64),
}

/// How a solve ended.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    /// Every row has a column.
    Optimal,
    /// These rows, in search order, have fewer allowed columns between them than they are.
    Infeasible(Vec<usize>),
    /// Some costs are not ordinary, see [`are_ordinary`](crate::scan::are_ordinary): they have to be checked first.
    Unchecked,
    /// Shortest paths alone would take too long.
    Hard,
}

/// How the searches ended.
pub(crate) enum Searches {
    Done,
    /// They would take too long; the rows left are free.
    Spent,
    /// These rows have fewer allowed columns between them than they are.
    Infeasible(Vec<usize>),
}
