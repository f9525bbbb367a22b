//! The tests of the crate's public interface, as one program; `memory.rs` has an allocator of its own.

mod criterion;
mod harness;
mod step;
mod terms;
mod threads;
