//! The threads that all calls of a process share.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Builder;

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::assign::{AssignmentSolver, Interrupt};
use crate::scratch::Scratch;

/// How often a caller looks whether helpers are done with their last jobs before it goes to sleep, which takes longer than
/// most jobs.
const LOOKS: usize = 4096;

/// A number of threads, shared by its clones: whatever is computed at the same time, no more of them are at work, but
/// for callers that each bring a thread of their own and do not wait.
///
/// A call works in the caller's thread, and those that are free help it. Threads are started at first need; where the
/// system refuses them, the caller works alone. They end with the last clone, unless the thread whose call started them
/// counts among them, as it does in one of all [`Threads`] at most: its calls are the cheapest.
#[derive(Clone, Debug)]
pub struct Threads(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    count: usize,
    state: Mutex<State>,
    freed: Condvar,
    /// For the calls of the foreground.
    pool: OnceLock<Option<ThreadPool>>,
    scratches: Spare<Scratch>,
    solvers: Spare<AssignmentSolver>,
}

#[derive(Debug, Default)]
struct State {
    /// Callers and helpers.
    at_work: usize,
    /// Callers in the background.
    waiting: usize,
}

/// Memory of threads between calls.
#[derive(Debug, Default)]
pub(crate) struct Spare<S>(Mutex<Vec<S>>);

/// Threads counted as at work, until dropped.
struct Places<'a> {
    shared: &'a Shared,
    caller: usize,
    helpers: usize,
}

impl Default for Threads {
    /// As many as the process may use at once, by its affinity and quota.
    fn default() -> Self {
        Self::new(std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
    }
}

impl Threads {
    /// So many.
    #[must_use]
    pub fn new(count: NonZeroUsize) -> Self {
        Self(Arc::new(Shared {
            count: count.get(),
            state: Mutex::default(),
            freed: Condvar::new(),
            pool: OnceLock::new(),
            scratches: Spare::default(),
            solvers: Spare::default(),
        }))
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.count
    }

    /// Runs a call that is in no hurry: waits until a thread is free, counts as that one, and is stopped by the flag.
    ///
    /// `call`: gets the scratch that it must compute with, if it computes a loss.
    pub fn in_background<T>(&self, interrupt: &Interrupt, call: impl FnOnce(&mut Scratch) -> T) -> T {
        let _place = self.0.wait();
        self.0.scratches.lend(|scratch| {
            scratch.interrupt = Some(interrupt.clone());
            let result = call(scratch);
            scratch.interrupt = None;
            result
        })
    }

    pub(crate) fn scratches(&self) -> &Spare<Scratch> {
        &self.0.scratches
    }

    pub(crate) fn solvers(&self) -> &Spare<AssignmentSolver> {
        &self.0.solvers
    }

    /// Runs jobs in up to `count` threads, the caller's and its helpers'. Jobs are started in their order, and no more
    /// once one has given false; so the first of those has the least index of all that would.
    ///
    /// `in_background`: whether the caller is counted as at work, and in no hurry. `own`: its memory; helpers take theirs
    /// from `spare`.
    pub(crate) fn each<S: Default + Send, T: Send>(
        &self,
        count: usize,
        in_background: bool,
        (own, spare): (&mut S, &Spare<S>),
        jobs: &mut [T],
        run: impl Fn(&mut S, &mut T) -> bool + Sync,
    ) {
        let places = (count > 1).then(|| self.0.enter(in_background, count - 1));
        let helpers = places.as_ref().map_or(0, |places| places.helpers);
        if helpers == 0 {
            jobs.iter_mut().all(|job| run(own, job));
            return;
        }
        let (jobs, stopped, busy) = (Mutex::new(jobs.iter_mut()), AtomicBool::new(false), AtomicUsize::new(0));
        let next = || if stopped.load(Ordering::Relaxed) { None } else { lock(&jobs).next() };
        let work = |memory: &mut S| {
            while let Some(job) = next() {
                if !run(memory, job) {
                    stopped.store(true, Ordering::Relaxed);
                }
            }
        };
        let help = || {
            busy.fetch_add(1, Ordering::Relaxed);
            spare.lend(work);
            busy.fetch_sub(1, Ordering::Release);
        };
        if in_background {
            // not in the pool, whose members, the event loop's thread among them, take up whatever they find while they wait
            std::thread::scope(|scope| {
                for k in 1..=helpers {
                    let refused = Builder::new().name(name(k)).spawn_scoped(scope, help).is_err();
                    if refused {
                        break;
                    }
                }
                work(own);
            });
        } else if let Some(pool) = self.0.pool() {
            pool.in_place_scope(|scope| {
                for _ in 0..helpers {
                    scope.spawn(|_| help());
                }
                work(own);
                for _ in (0..LOOKS).take_while(|_| busy.load(Ordering::Acquire) > 0) {
                    std::hint::spin_loop();
                }
            });
        } else {
            work(own);
        }
    }
}

impl Shared {
    /// Counts the caller, unless it is counted already, and up to `wanted` helpers, as far as threads are free.
    fn enter(&self, in_background: bool, wanted: usize) -> Places<'_> {
        let caller = usize::from(!in_background);
        let mut state = lock(&self.state);
        let free = if state.waiting > 0 { 0 } else { self.count.saturating_sub(state.at_work + caller) };
        let helpers = wanted.min(free);
        state.at_work += caller + helpers;
        Places { shared: self, caller, helpers }
    }

    /// Waits for a place.
    fn wait(&self) -> Places<'_> {
        let mut state = lock(&self.state);
        state.waiting += 1;
        let free = self.freed.wait_while(state, |state| state.at_work >= self.count);
        state = free.unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        state.at_work += 1;
        Places { shared: self, caller: 1, helpers: 0 }
    }

    /// The calling thread counts as one of those that start with it, if it can: such a caller takes back what no helper has
    /// begun, where any other must wait until helpers have woken up to find that nothing is left.
    fn pool(&self) -> Option<&ThreadPool> {
        let builder = || ThreadPoolBuilder::new().thread_name(name);
        let with_caller = || builder().num_threads(self.count).use_current_thread().build();
        let without = |_| builder().num_threads(self.count - 1).build();
        self.pool.get_or_init(|| with_caller().or_else(without).ok()).as_ref()
    }
}

impl Drop for Places<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.shared.state);
        state.at_work -= self.caller + self.helpers;
        if state.waiting > 0 {
            self.shared.freed.notify_all();
        }
    }
}

impl<S: Default> Spare<S> {
    fn lend<T>(&self, to: impl FnOnce(&mut S) -> T) -> T {
        let mut memory = lock(&self.0).pop().unwrap_or_default();
        let result = to(&mut memory);
        lock(&self.0).push(memory);
        result
    }
}

/// Shown by debuggers.
fn name(thread: usize) -> String {
    format!("hungarian-loss {thread}")
}

/// A panic elsewhere leaves nothing half done in what is locked here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
