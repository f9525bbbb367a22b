//! The terms of the loss, each with its value and gradient side by side.

pub(crate) mod boxes;
pub(crate) mod softmax;
