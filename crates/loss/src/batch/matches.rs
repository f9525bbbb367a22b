//! A matching is the target of each query, among all targets of its image, or one of these.

/// The query is background.
pub(crate) const BACKGROUND: i32 = -1;

/// The query has no part in the loss.
pub(crate) const LEFT_OUT: i32 = -2;

/// Where the rest is matched around fixed pairs: the query is background, and no target may find it.
pub(crate) const EXCLUDED: i32 = -3;
