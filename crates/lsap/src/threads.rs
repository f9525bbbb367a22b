//! The threads that all calls of a process share.

use std::any::Any;
use std::cell::Cell;
use std::iter::Enumerate;
use std::num::NonZeroUsize;
use std::slice::IterMut;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, Builder};
use std::time::{Duration, Instant};

use rayon::{ThreadPool, ThreadPoolBuilder, Yield};

use crate::interrupt::{Interrupt, Interruptible};
use crate::memory::GiveBack;

/// How often a caller looks whether helpers are done with their last jobs before it goes to sleep, which takes longer than
/// most jobs.
const LOOKS: usize = 4096;

/// How long a helper stays awake after its last job, since waking it takes as long as a small call, and in a loop the next
/// call is near.
const LINGER: Duration = Duration::from_micros(100);

/// How often a call that waits for a thread looks whether it is still wanted.
const WAITED: Duration = Duration::from_millis(5);

thread_local! {
    static LINGERS: Cell<bool> = const { Cell::new(false) };
}

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
    state: Mutex<Occupancy>,
    freed: Condvar,
    /// For the calls of the foreground.
    pool: OnceLock<Option<ThreadPool>>,
    spare: Spare,
}

#[derive(Debug, Default)]
struct Occupancy {
    /// Callers and helpers.
    at_work: usize,
    /// Callers in the background.
    waiting: usize,
}

/// Memory of threads between calls, of as many types as there are kinds of calls.
#[derive(Debug, Default)]
struct Spare(Mutex<Vec<Box<dyn Any + Send>>>);

/// What one job of several may have of the threads that all share, for jobs of its own.
#[derive(Clone, Debug)]
pub struct Share {
    threads: Option<Threads>,
    /// The most threads at work on the job, its own among them.
    count: usize,
    caller: Caller,
}

/// Who has jobs to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    /// A thread in the foreground that is not counted as at work yet.
    New,
    /// One that is counted already.
    Counted,
    /// One in the background, which is counted, too.
    InBackground,
}

/// Jobs that threads take one by one, with their numbers.
struct Queue<'a, T> {
    jobs: Mutex<Enumerate<IterMut<'a, T>>>,
    /// The first job that failed: none after it is run.
    stopped: AtomicUsize,
}

/// Where to take jobs from.
#[derive(Clone, Copy)]
enum QueueEnd {
    First,
    Last,
}

/// Threads counted as at work, until dropped.
struct ThreadPlaces<'a> {
    shared: &'a Shared,
    caller: usize,
    helpers: usize,
}

impl Default for Threads {
    /// As many as the process may use at once, by its affinity and quota.
    fn default() -> Self {
        Self::new(thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
    }
}

impl Threads {
    /// A pool of at most `count` threads.
    #[must_use]
    pub fn new(count: NonZeroUsize) -> Self {
        Self(Arc::new(Shared {
            count: count.get(),
            state: Mutex::default(),
            freed: Condvar::new(),
            pool: OnceLock::new(),
            spare: Spare::default(),
        }))
    }

    /// Maximum number of threads.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.count
    }

    /// Runs a call that is in no hurry: waits until a thread is free, counts as that one, and is stopped by the flag.
    ///
    /// `call`: gets the memory that it must compute with, if it needs any.
    pub fn in_background<M, T>(&self, interrupt: &Interrupt, call: impl FnOnce(&mut M) -> T) -> T
    where
        M: Interruptible + GiveBack + Default + Send + 'static,
    {
        let _place = self.0.wait(interrupt);
        self.0.spare.lend(|memory: &mut M| {
            memory.set_interrupt(Some(interrupt.clone()));
            let result = call(memory);
            memory.set_interrupt(None);
            result
        })
    }

    /// Runs jobs in up to `count` threads: the caller from the first on, its helpers from the last, so that in call after
    /// call the same thread has the same memory at hand. A job that gives false stops those after it; so the first of
    /// those is the first of all that would.
    ///
    /// `in_background`: whether the caller is counted as at work, and in no hurry. `own`: its memory; helpers have
    /// theirs from earlier calls.
    pub fn each<M: GiveBack + Default + Send + 'static, T: Send>(
        &self,
        count: usize,
        in_background: bool,
        own: &mut M,
        jobs: &mut [T],
        run: impl Fn(&mut M, &mut T) -> bool + Sync,
    ) {
        let caller = if in_background { Caller::InBackground } else { Caller::New };
        self.each_of(caller, count, own, jobs, run);
    }

    /// For a job of an [`Threads::each`] in `count` threads: its part of `most` threads in all.
    #[must_use]
    pub fn share(&self, most: usize, count: usize, in_background: bool) -> Share {
        let caller = match count {
            _ if in_background => Caller::InBackground,
            0 | 1 => Caller::New,
            _ => Caller::Counted,
        };
        Share { threads: Some(self.clone()), count: most / count.max(1), caller }
    }

    fn each_of<M: GiveBack + Default + Send + 'static, T: Send>(
        &self,
        caller: Caller,
        count: usize,
        own: &mut M,
        jobs: &mut [T],
        run: impl Fn(&mut M, &mut T) -> bool + Sync,
    ) {
        let places = (count > 1).then(|| self.0.enter(caller, count - 1));
        let helpers = places.as_ref().map_or(0, |places| places.helpers);
        if helpers == 0 {
            jobs.iter_mut().all(|job| run(own, job));
            return;
        }
        let queue = Queue { jobs: Mutex::new(jobs.iter_mut().enumerate()), stopped: AtomicUsize::new(usize::MAX) };
        let mut work = || queue.work(QueueEnd::First, own, &run);
        let help = || self.0.spare.lend(|memory| queue.work(QueueEnd::Last, memory, &run));
        if caller == Caller::InBackground {
            in_new_threads(helpers, work, help);
        } else if let Some(pool) = self.0.pool() {
            in_pool(pool, helpers, work, help);
        } else {
            work();
        }
    }
}

impl Share {
    /// That of a job which nobody helps.
    pub const ALONE: Self = Self { threads: None, count: 1, caller: Caller::New };

    /// Runs jobs as [`Threads::each`] does, all of them.
    pub fn each<M: GiveBack + Default + Send + 'static, T: Send>(
        &self,
        own: &mut M,
        jobs: &mut [T],
        run: impl Fn(&mut M, &mut T) + Sync,
    ) {
        match &self.threads {
            Some(threads) => {
                let run = |memory: &mut M, job: &mut T| {
                    run(memory, job);
                    true
                };
                threads.each_of(self.caller, self.count.min(jobs.len()), own, jobs, run);
            }
            None => jobs.iter_mut().for_each(|job| run(own, job)),
        }
    }
}

impl<'a, T> Queue<'a, T> {
    /// Runs jobs from one end until none are left.
    fn work<M>(&self, end: QueueEnd, memory: &mut M, run: impl Fn(&mut M, &mut T) -> bool) {
        while let Some((index, job)) = self.next(end) {
            if index < self.stopped.load(Ordering::Relaxed) && !run(memory, job) {
                self.stopped.fetch_min(index, Ordering::Relaxed);
            }
        }
    }

    fn next(&self, end: QueueEnd) -> Option<(usize, &'a mut T)> {
        let mut jobs = lock(&self.jobs);
        match end {
            QueueEnd::First => jobs.next(),
            QueueEnd::Last => jobs.next_back(),
        }
    }
}

impl Shared {
    /// Counts the caller, unless it is counted already, and up to `wanted` helpers, as far as threads are free.
    fn enter(&self, caller: Caller, wanted: usize) -> ThreadPlaces<'_> {
        let caller = usize::from(caller == Caller::New);
        let mut state = lock(&self.state);
        let free = if state.waiting > 0 { 0 } else { self.count.saturating_sub(state.at_work + caller) };
        let helpers = wanted.min(free);
        state.at_work += caller + helpers;
        ThreadPlaces { shared: self, caller, helpers }
    }

    /// Waits for a place, but no longer than the call is wanted: one that is stopped ends at once, and takes none away.
    fn wait(&self, interrupt: &Interrupt) -> ThreadPlaces<'_> {
        let mut state = lock(&self.state);
        state.waiting += 1;
        while state.at_work >= self.count && !interrupt.is_raised() {
            let woken = self.freed.wait_timeout(state, WAITED);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.waiting -= 1;
        state.at_work += 1;
        ThreadPlaces { shared: self, caller: 1, helpers: 0 }
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

impl Drop for ThreadPlaces<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.shared.state);
        state.at_work -= self.caller + self.helpers;
        if state.waiting > 0 {
            self.shared.freed.notify_all();
        }
    }
}

impl Spare {
    fn lend<M: GiveBack + Default + Send + 'static, T>(&self, to: impl FnOnce(&mut M) -> T) -> T {
        let mut memory = self.take::<M>().unwrap_or_default();
        let result = to(&mut memory);
        memory.give_back();
        lock(&self.0).push(memory);
        result
    }

    /// The memory of this type that was used last.
    fn take<M: 'static>(&self) -> Option<Box<M>> {
        let mut spare = lock(&self.0);
        let last = spare.iter().rposition(|memory| memory.is::<M>())?;
        spare.remove(last).downcast().ok()
    }
}

/// Works in the caller's thread, while members of a pool help.
fn in_pool(pool: &ThreadPool, helpers: usize, work: impl FnOnce() + Send, help: impl Fn() + Sync) {
    let busy = AtomicUsize::new(0);
    let help = || {
        busy.fetch_add(1, Ordering::Relaxed);
        help();
        linger(pool); // before the caller looks for something to do, which would be this
        busy.fetch_sub(1, Ordering::Release);
    };
    let lingers = LINGERS.replace(true); // a caller, whomever it helps while it waits, is wanted elsewhere
    pool.in_place_scope(|scope| {
        (0..helpers).for_each(|_| scope.spawn(|_| help()));
        work();
        for _ in (0..LOOKS).take_while(|_| busy.load(Ordering::Acquire) > 0) {
            std::hint::spin_loop();
        }
    });
    LINGERS.set(lingers);
}

/// Works in the caller's thread, while threads help that are started for it: not members of the pool, since those, the event
/// loop's thread among them, take up whatever they find while they wait.
fn in_new_threads(helpers: usize, work: impl FnOnce(), help: impl Fn() + Sync) {
    thread::scope(|scope| {
        let start = |k| Builder::new().name(name(k)).spawn_scoped(scope, &help).is_ok();
        (1..=helpers).all(start);
        work();
    });
}

/// Has the calling helper stay awake for a while once it is done.
fn linger(pool: &ThreadPool) {
    if LINGERS.get() {
        return;
    }
    let helper = thread::current().id();
    pool.spawn(move || {
        if LINGERS.get() || thread::current().id() != helper {
            return;
        }
        LINGERS.set(true);
        let mut since = Instant::now();
        while since.elapsed() < LINGER {
            match rayon::yield_now() {
                Some(Yield::Executed) => since = Instant::now(),
                _ => thread::yield_now(),
            }
        }
        LINGERS.set(false);
    });
}

/// Shown by debuggers.
fn name(thread: usize) -> String {
    format!("hungarian-loss {thread}")
}

/// A panic elsewhere leaves nothing half done in what is locked here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often memory was used.
    #[derive(Default)]
    struct Uses<const KIND: usize>(usize);

    impl<const KIND: usize> GiveBack for Uses<KIND> {
        fn give_back(&mut self) {}
    }

    fn used<const KIND: usize>(spare: &Spare) -> usize {
        spare.lend(|uses: &mut Uses<KIND>| {
            uses.0 += 1;
            uses.0
        })
    }

    /// Whether two jobs of a share are at work at the same time, and how many threads are counted meanwhile.
    fn meet(share: &Share) -> (bool, usize) {
        let (threads, present) = (share.threads.clone(), AtomicUsize::new(0));
        let mut jobs = [(false, 0); 2];
        share.each(&mut (), &mut jobs, |(), (have_met, at_work)| {
            present.fetch_add(1, Ordering::SeqCst);
            let since = Instant::now();
            while present.load(Ordering::SeqCst) < 2 && since.elapsed() < Duration::from_secs(2) {
                thread::yield_now();
            }
            *have_met = since.elapsed() < Duration::from_secs(2);
            *at_work = threads.as_ref().map_or(0, |threads| lock(&threads.0.state).at_work);
        });
        let [first, second] = jobs;
        (first.0 && second.0, first.1.max(second.1))
    }

    #[test]
    fn a_share_helps_with_jobs_within_a_job_and_counts_its_threads() {
        let threads = Threads::new(NonZeroUsize::new(4).expect("some"));
        let at_work = || lock(&threads.0.state).at_work;
        assert_eq!(meet(&threads.share(2, 1, false)), (true, 2), "the caller is counted, too");
        assert_eq!(at_work(), 0);
        // one of two jobs, whose threads are counted already
        lock(&threads.0.state).at_work = 2;
        assert_eq!(meet(&threads.share(4, 2, false)), (true, 3));
        assert_eq!(meet(&threads.share(4, 2, true)), (true, 3));
        assert_eq!(at_work(), 2);
        // nobody is free, nothing is left over, nobody shares
        lock(&threads.0.state).at_work = 4;
        let alone = [threads.share(4, 2, false), threads.share(3, 2, false), Share::ALONE];
        for share in alone {
            let mut jobs = [1, 2, 3];
            share.each(&mut (), &mut jobs, |(), job| *job *= 2);
            assert_eq!(jobs, [2, 4, 6]);
        }
        assert_eq!(at_work(), 4);
    }

    #[test]
    fn memory_is_kept_for_calls_of_its_type_and_for_one_at_a_time() {
        let spare = Spare::default();
        assert_eq!([used::<0>(&spare), used::<1>(&spare), used::<0>(&spare)], [1, 1, 2]);
        assert_eq!(spare.lend(|_: &mut Uses<0>| used::<0>(&spare)), 1);
    }
}
