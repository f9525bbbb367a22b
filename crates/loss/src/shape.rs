//! What is checked of any array.

use crate::error::{Array, Error, Result};

/// Compares a length with a shape's product, in 128 bits so that no product can wrap.
pub(crate) fn check_length(array: Array, actual: usize, shape: &[usize]) -> Result<()> {
    let expected: u128 = shape.iter().map(|&n| n as u128).product();
    if expected == actual as u128 {
        return Ok(());
    }
    let expected = u64::try_from(expected).unwrap_or(u64::MAX);
    Err(Error::Length { array, expected, actual: actual as u64, shape: shape.to_vec() })
}

/// The first value that is NaN or infinite, and how many are; nothing where all are finite.
pub(crate) fn not_finite(values: &[f32]) -> Option<(usize, usize)> {
    let first = values.iter().position(|x| !x.is_finite())?;
    Some((first, values[first..].iter().filter(|x| !x.is_finite()).count()))
}
