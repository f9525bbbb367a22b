//! Masks: the kernels.
#![cfg_attr(not(test), expect(dead_code, reason = "the family that uses them is not listed yet"))]

mod canvas;
mod cost;
mod factored;
mod grid;
mod points;
mod random;
mod samples;
mod values;
