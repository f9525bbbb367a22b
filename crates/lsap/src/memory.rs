//! Large memory: an error where the system refuses it, and given back after the call that needed it.
//!
//! Rust ends the process where a `Vec` cannot grow. So what is as large as a matrix is reserved by itself
//! ([`reserve`]), and for all the rest together a call asks beforehand ([`require`]) whether there would be room, without
//! keeping it: what others take in the meantime, it cannot know.

use std::hint::black_box;

use crate::error::{Error, Result};

/// Scratch memory that is kept from call to call, in bytes; what needed more is given back at once.
pub const KEPT: usize = 64 << 20;

/// Of threads that help with the job of another, for each kind of job.
pub const KEPT_TO_HELP: usize = 16 << 20;

/// What is there without asking.
const GRANTED: u128 = 256 << 10;

/// Refuses a call that needs so many bytes where the system would refuse them. `argument`: what they are needed for.
///
/// # Errors
/// [`Error::Memory`].
pub fn require(argument: &'static str, bytes: u128) -> Result<()> {
    let is_there = |bytes| {
        let mut memory = Vec::<u8>::new();
        let is_there = memory.try_reserve_exact(bytes).is_ok();
        // seen by nobody, it would not even be asked for in a release
        black_box(&mut memory);
        is_there
    };
    if bytes <= GRANTED || usize::try_from(bytes).is_ok_and(is_there) {
        return Ok(());
    }
    Err(refusal(argument, bytes))
}

/// Makes room for `length` values in all.
///
/// # Errors
/// [`Error::Memory`].
pub fn reserve<T>(argument: &'static str, memory: &mut Vec<T>, length: u128) -> Result<()> {
    let reserve = |length: usize| memory.try_reserve_exact(length.saturating_sub(memory.len())).is_ok();
    if usize::try_from(length).is_ok_and(reserve) {
        return Ok(());
    }
    Err(refusal(argument, length * size_of::<T>() as u128))
}

/// Copies values to memory that is already there, or made.
///
/// # Errors
/// [`Error::Memory`].
pub fn copy<T: Copy>(argument: &'static str, values: &[T], memory: &mut Vec<T>) -> Result<()> {
    memory.clear();
    reserve(argument, memory, values.len() as u128)?;
    memory.extend_from_slice(values);
    Ok(())
}

/// The first `length` values of a buffer, whatever they are; makes it as long where it is shorter.
pub fn first<T: Clone + Default>(memory: &mut Vec<T>, length: usize) -> &mut [T] {
    if memory.len() < length {
        memory.resize(length, T::default());
    }
    &mut memory[..length]
}

/// As [`first`], of `[rows, width]` values, where there is so much memory.
///
/// # Errors
/// [`Error::Memory`].
pub fn first_rows<'a, T: Clone + Default>(
    argument: &'static str,
    memory: &'a mut Vec<T>,
    [rows, width]: [usize; 2],
) -> Result<&'a mut [T]> {
    let length = rows as u128 * width as u128;
    reserve(argument, memory, length)?;
    Ok(first(memory, length as usize))
}

/// Memory that is kept from call to call.
pub trait GiveBack {
    /// Gives it back to the system if it is more than [`KEPT`].
    fn give_back(&mut self);
}

/// Jobs that need no memory.
impl GiveBack for () {
    fn give_back(&mut self) {}
}

/// The bytes of a buffer.
#[must_use]
pub fn held<T>(memory: &Vec<T>) -> usize {
    memory.capacity() * size_of::<T>()
}

fn refusal(argument: &'static str, bytes: u128) -> Error {
    Error::Memory { argument, bytes: u64::try_from(bytes).unwrap_or(u64::MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_machine_has_is_refused() {
        assert_eq!(require("cost", 1 << 20), Ok(()));
        let refused = Error::Memory { argument: "cost", bytes: 1 << 62 };
        assert_eq!(require("cost", 1 << 62), Err(refused.clone()));
        assert_eq!(reserve("cost", &mut Vec::<u64>::new(), 1 << 59), Err(refused));
        assert_eq!(require("cost", u128::MAX), Err(Error::Memory { argument: "cost", bytes: u64::MAX }));
    }

    #[test]
    fn memory_that_is_there_is_reused() {
        let mut memory = Vec::with_capacity(100);
        let place = memory.as_ptr();
        copy("cost", &[1.0, 2.0], &mut memory).unwrap();
        reserve("cost", &mut memory, 100).unwrap();
        assert_eq!(memory, [1.0, 2.0]);
        assert_eq!(memory.as_ptr(), place);
    }
}
