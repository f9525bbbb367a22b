//! The inputs of one call as they lie in memory: ragged targets, what parts see of them, and how matchings are written.

mod columns;
mod labels;
mod matches;
mod targets;
mod views;

pub(crate) use columns::Columns;
pub(crate) use labels::Labels;
pub(crate) use matches::{BACKGROUND, EXCLUDED, LEFT_OUT};
pub(crate) use targets::ImageTargets;
pub use targets::Targets;
pub(crate) use views::{ImageView, Views};
