//! An allocator that counts and limits the bytes of each thread.

#![allow(dead_code, reason = "no test uses all of it")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Bytes that are granted without asking.
pub const GRANTED: usize = 4 << 20;

/// What is not worth a question.
const SMALL: u128 = 1 << 16;

thread_local! {
    /// Bytes that this thread has, and the most that it has had.
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
    /// How many it may have.
    static LIMIT: Cell<isize> = const { Cell::new(isize::MAX) };
}

struct Counting;

/// Whether a piece of memory is that which is asked for and given back at once: no other bytes are so many.
fn is_asked_for(layout: Layout, size: usize) -> bool {
    layout.align() == 1 && size > GRANTED
}

fn count(layout: Layout, size: usize, times: isize) {
    if is_asked_for(layout, size) {
        return;
    }
    let held = HELD.get() + size as isize * times;
    HELD.set(held);
    MOST.set(MOST.get().max(held));
}

/// Whether there is no room for so many bytes more. What is granted without asking lies beyond the limit.
fn is_refused(layout: Layout, size: usize) -> bool {
    let granted = if is_asked_for(layout, size) { 0 } else { GRANTED };
    HELD.get() + size as isize > LIMIT.get().saturating_add(granted as isize)
}

// SAFETY: the system's allocator does all the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_refused(layout, layout.size()) {
            return std::ptr::null_mut();
        }
        count(layout, layout.size(), 1);
        // SAFETY: as this function's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(layout, layout.size(), -1);
        // SAFETY: as this function's.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if is_refused(layout, size) {
            return std::ptr::null_mut();
        }
        // both exist for a moment
        count(layout, size, 1);
        count(layout, layout.size(), -1);
        // SAFETY: as this function's.
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Bytes that this thread has.
pub fn held() -> isize {
    HELD.get()
}

/// The most bytes that a call adds to those that are there.
pub fn taken<T>(call: impl FnOnce() -> T) -> (usize, T) {
    let before = HELD.get();
    MOST.set(before);
    let result = call();
    ((MOST.get() - before) as usize, result)
}

/// A call that has so many bytes beside those that are there.
pub fn limited<T>(bytes: usize, call: impl FnOnce() -> T) -> T {
    LIMIT.set(HELD.get() + bytes as isize);
    let result = call();
    LIMIT.set(isize::MAX);
    result
}

#[track_caller]
pub fn assert_asked(taken: usize, asked: u128, what: &str) {
    assert!(taken as u128 <= asked + SMALL, "{what}: took {taken} bytes, asked for {asked}");
}
