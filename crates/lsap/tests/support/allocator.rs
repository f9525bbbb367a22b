//! An allocator that counts and limits the bytes of each thread.

#![allow(dead_code, reason = "no test uses all of it")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Bytes that are granted without asking.
pub const GRANTED: usize = 256 << 10;

/// A piece of bytes larger than this is taken for one that is only asked for: no test keeps one so large.
const ASKED: usize = 4 << 20;

/// What is not worth a question.
const SMALL: u128 = 1 << 16;

thread_local! {
    /// Bytes that this thread has, and the most that it has had.
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
    /// Bytes that have just been taken, and may be given back at once.
    static ASKED_FOR: Cell<usize> = const { Cell::new(0) };
    /// How many it may have.
    static LIMIT: Cell<isize> = const { Cell::new(isize::MAX) };
}

struct Counting;

/// Whether a piece of memory may be one that is only asked for, and given back at once.
fn may_be_asked_for(layout: Layout, size: usize) -> bool {
    layout.align() == 1 && size > GRANTED
}

fn add(bytes: isize) {
    let held = HELD.get() + bytes;
    HELD.set(held);
    MOST.set(MOST.get().max(held));
}

/// Counts what is taken; what may be only asked for, once something else happens before it is given back.
fn take(layout: Layout, size: usize) {
    add(ASKED_FOR.take() as isize);
    if may_be_asked_for(layout, size) { ASKED_FOR.set(size) } else { add(size as isize) }
}

/// Counts what is given back.
fn give_back(layout: Layout) {
    let asked_for = ASKED_FOR.take();
    if asked_for > 0 && layout.align() == 1 && layout.size() == asked_for {
        return;
    }
    add(asked_for as isize);
    add(-(layout.size() as isize));
}

/// Whether there is no room for so many bytes more. What is granted without asking lies beyond the limit.
fn is_refused(layout: Layout, size: usize) -> bool {
    let granted = if may_be_asked_for(layout, size) && size > ASKED { 0 } else { GRANTED };
    HELD.get() + size as isize > LIMIT.get().saturating_add(granted as isize)
}

// SAFETY: the system's allocator does all the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_refused(layout, layout.size()) {
            return std::ptr::null_mut();
        }
        // SAFETY: as this function's.
        let place = unsafe { System.alloc(layout) };
        if !place.is_null() {
            take(layout, layout.size());
        }
        place
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        give_back(layout);
        // SAFETY: as this function's.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if is_refused(layout, size) {
            return std::ptr::null_mut();
        }
        // SAFETY: as this function's.
        let place = unsafe { System.realloc(place, layout, size) };
        if !place.is_null() {
            // both have existed for a moment
            take(layout, size);
            give_back(layout);
        }
        place
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
    add(ASKED_FOR.take() as isize);
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
