//! The binding: converts arguments, calls the core, writes results into arrays that JavaScript has allocated.
//!
//! No arithmetic happens here. Every export catches panics. Outputs never share memory with inputs or with each other: each
//! call looks (`disjoint.rs`), and the TypeScript layer does before, with better words.

#![allow(clippy::too_many_arguments, reason = "plain arguments are the cheapest to convert")]

mod assign;
mod background;
mod describe;
mod disjoint;
mod environment;
mod error;
mod loss;
mod loss_error;
mod options;
mod plan;
mod small;
mod solver_error;
mod sparse;
mod task;
mod values;
