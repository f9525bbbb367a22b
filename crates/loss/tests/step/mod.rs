//! The step: its structure, its inputs and its parts.

mod inputs;
mod parts;
mod plan;
mod score;
