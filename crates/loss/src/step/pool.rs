//! Jobs are done by whichever thread is free.

use lsap::{Interrupt, Interruptible, Share, Threads};

use super::jobs::Job;
use super::scratch::Scratch;
use crate::error::{Error, Result};

/// Work that makes up for waking a thread, in logits to read.
const WORTH_A_THREAD: usize = 1 << 16;

/// Work that makes up for starting one, as those in the background are that help within a job.
const WORTH_A_NEW_THREAD: usize = 1 << 20;

/// Runs jobs, in several threads where there is enough work; those that are left over may help with a job of theirs. `threads`:
/// shared ones, and how many of them at most.
///
/// # Errors
/// The first in the order of the jobs; [`Error::Interrupted`].
pub(crate) fn run(
    threads: Option<&(Threads, usize)>,
    jobs: &mut [Job<'_>],
    scratch: &mut Scratch,
    work: impl Fn(&mut Job<'_>, &mut Scratch, &Share) -> Result<()> + Sync,
) -> Result<()> {
    let interrupt = scratch.interrupt.clone();
    let is_stopped = || interrupt.as_ref().is_some_and(Interrupt::is_raised);
    let run = |scratch: &mut Scratch, job: &mut Job<'_>, share: &Share| {
        if let Some(interrupt) = &interrupt {
            scratch.solve.solver.set_interrupt(Some(interrupt.clone()));
        }
        job.fault = if is_stopped() { Some(Error::Interrupted) } else { work(job, scratch, share).err() };
        if interrupt.is_some() {
            scratch.solve.solver.set_interrupt(None);
        }
        job.fault.is_none()
    };
    match threads {
        Some((threads, count)) => {
            let work: usize = jobs.iter().map(|job| job.work).sum();
            let in_background = interrupt.is_some();
            let most = threads.count().min(*count);
            let count = (work / WORTH_A_THREAD).min(most).min(jobs.len());
            let helped = most.min(work / if in_background { WORTH_A_NEW_THREAD } else { WORTH_A_THREAD });
            let share = if helped > count { threads.share(helped, count, in_background) } else { Share::ALONE };
            threads.each(count, in_background, scratch, jobs, |scratch, job| run(scratch, job, &share));
        }
        None => drop(jobs.iter_mut().all(|job| run(scratch, job, &Share::ALONE))),
    }
    jobs.iter_mut().find_map(|job| job.fault.take()).map_or(Ok(()), Err)
}
