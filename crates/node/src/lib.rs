//! The binding: converts arguments, calls the core, writes results into arrays that JavaScript has allocated.
//!
//! No arithmetic happens here. Every export catches panics. Outputs never share memory with inputs or with each other: each
//! call looks (`disjoint.rs`), and the TypeScript layer does before, with better words.

#![allow(clippy::too_many_arguments, reason = "plain arguments are the cheapest to convert")]

pub mod assign;
pub mod background;
pub mod describe;
mod disjoint;
pub mod environment;
mod error;
pub mod evaluate;
mod evaluation_error;
pub mod loss;
mod loss_error;
pub mod options;
mod output;
mod place;
pub mod plan;
pub mod small;
mod solver_error;
pub mod sparse;
pub mod task;
mod values;
