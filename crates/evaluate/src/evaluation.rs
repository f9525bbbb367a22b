//! The entry: checks what is given, shares the classes among threads, and writes what comes of them in the order of results.

use lsap::Threads;
use lsap::memory::reserve;
use simd::Level;

use crate::buckets::Buckets;
use crate::class::{ClassJob, Context};
use crate::error::{Error, Result};
use crate::inputs::Inputs;
use crate::means::{self, mean};
use crate::outputs::{OutputMemory, Outputs};
use crate::scratch::Scratch;
use crate::settings::Settings;

/// Values of classes that wait to be written, in either block.
const WAITING: usize = 1 << 19;

/// Entries that make up for waking a thread.
const WORTH_A_THREAD: usize = 1 << 12;

/// Samples that lie in one line of the cache.
const LINE: usize = 8;

/// Settings that have been checked.
#[derive(Clone, Copy, Debug)]
pub struct Evaluation<'a> {
    level: Level,
    settings: Settings<'a>,
}

/// What the classes of a round write to; of each class one part after the other.
#[derive(Default)]
struct Blocks {
    /// `[classes, A, T, R]`.
    precision: Vec<f64>,
    scores: Vec<f64>,
    /// `[classes, A, T, M]`.
    recall: Vec<f64>,
}

/// How many values a class has.
#[derive(Clone, Copy)]
struct Sizes {
    thresholds: usize,
    samples: usize,
    areas: usize,
    maxima: usize,
}

impl<'a> Evaluation<'a> {
    /// Checks settings.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn new(level: Level, settings: Settings<'a>) -> Result<Self> {
        settings.check()?;
        Ok(Self { level, settings })
    }

    /// Memory for results.
    #[must_use]
    pub fn outputs(&self) -> OutputMemory {
        OutputMemory::new(&self.settings)
    }

    /// Evaluates all images. `threads`: those that are shared, and how many of them at most; none for the caller's own.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::OutputLength`], [`Error::Offsets`], [`Error::Order`], [`Error::Count`], [`Error::Label`] and
    /// [`Error::Value`] where something does not fit, before anything is written; [`Error::Memory`]; [`Error::Interrupted`], after
    /// which the outputs are unspecified.
    pub fn run(
        &self,
        inputs: &Inputs<'_>,
        mut out: Outputs<'_>,
        threads: Option<(&Threads, usize)>,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let Self { level, settings } = *self;
        out.check(&settings)?;
        inputs.check(settings.classes)?;
        check_order(inputs.order)?;
        let buckets = |entries| Buckets::new(entries, inputs.order, settings.classes, settings.is_class_agnostic);
        let (detections, targets) = (buckets(inputs.detected())?, buckets(inputs.given())?);
        let context = Context { level, settings, inputs, detections: &detections, targets: &targets };
        let entries = |class| detections.class(class).len() + targets.class(class).len();
        let classes = settings.result_classes();
        let sizes = Sizes::of(&settings);
        let in_round = (WAITING / sizes.block()).clamp(1, classes);
        let mut blocks = Blocks::new(&sizes, in_round)?;
        for first in (0..classes).step_by(in_round) {
            let round = first..classes.min(first + in_round);
            let work: usize = round.clone().map(entries).sum();
            let mut jobs = blocks.jobs(round.clone(), &sizes, out.targets)?;
            run_jobs(&context, &mut jobs, threads, work, scratch)?;
            blocks.average(&round, &sizes, out.targets, out.average_precision, out.average_recall);
            blocks.write(&round, &sizes, classes, &mut out);
        }
        means::over_classes(&settings, &mut out)
    }
}

/// Evaluates classes, in several threads where there is enough to do.
fn run_jobs(
    context: &Context<'_>,
    jobs: &mut [ClassJob<'_>],
    threads: Option<(&Threads, usize)>,
    work: usize,
    scratch: &mut Scratch,
) -> Result<()> {
    let interrupt = scratch.interrupt.clone();
    let run = |scratch: &mut Scratch, job: &mut ClassJob<'_>| {
        let own = scratch.interrupt.take();
        scratch.interrupt.clone_from(&interrupt);
        job.fault = if scratch.is_stopped() { Some(Error::Interrupted) } else { job.run(context, scratch).err() };
        scratch.interrupt = own;
        job.fault.is_none()
    };
    match threads {
        Some((threads, count)) => {
            let count = (work / WORTH_A_THREAD).min(count).min(jobs.len());
            threads.each(count, interrupt.is_some(), scratch, jobs, run);
        }
        None => drop(jobs.iter_mut().all(|job| run(scratch, job))),
    }
    jobs.iter_mut().find_map(|job| job.fault.take()).map_or(Ok(()), Err)
}

/// Refuses an order that does not name each image once.
fn check_order(order: &[u32]) -> Result<()> {
    let mut is_named = Vec::new();
    reserve("detections", &mut is_named, order.len() as u128)?;
    is_named.resize(order.len(), false);
    for (index, &image) in order.iter().enumerate() {
        match is_named.get_mut(image as usize) {
            Some(is_named) if !*is_named => *is_named = true,
            _ => return Err(Error::Order { index }),
        }
    }
    Ok(())
}

impl Sizes {
    fn of(settings: &Settings<'_>) -> Self {
        let Settings { iou_thresholds, recall_thresholds, areas, max_detections, .. } = settings;
        Self {
            thresholds: iou_thresholds.len(),
            samples: recall_thresholds.len(),
            areas: areas.len(),
            maxima: max_detections.len(),
        }
    }

    /// Values of precision.
    fn block(&self) -> usize {
        self.areas * self.thresholds * self.samples
    }

    /// Values of recall.
    fn recalls(&self) -> usize {
        self.areas * self.thresholds * self.maxima
    }
}

impl Blocks {
    fn new(sizes: &Sizes, classes: usize) -> Result<Self> {
        let zeros = |length: usize| -> Result<Vec<f64>> {
            let mut values = Vec::new();
            reserve("options", &mut values, length as u128)?;
            values.resize(length, 0.0);
            Ok(values)
        };
        Ok(Self {
            precision: zeros(classes * sizes.block())?,
            scores: zeros(classes * sizes.block())?,
            recall: zeros(classes * sizes.recalls())?,
        })
    }

    fn jobs<'a>(
        &'a mut self,
        round: std::ops::Range<usize>,
        sizes: &Sizes,
        targets: &'a mut [i32],
    ) -> Result<Vec<ClassJob<'a>>> {
        let mut jobs = Vec::new();
        reserve("options", &mut jobs, round.len() as u128)?;
        let precision = self.precision.chunks_exact_mut(sizes.block());
        let scores = self.scores.chunks_exact_mut(sizes.block());
        let recall = self.recall.chunks_exact_mut(sizes.recalls());
        let targets = targets.chunks_exact_mut(sizes.areas).skip(round.start);
        let parts = precision.zip(scores).zip(recall.zip(targets));
        let job = |(class, ((precision, scores), (recall, targets)))| ClassJob {
            class,
            precision,
            scores,
            recall,
            targets,
            fault: None,
        };
        jobs.extend(round.zip(parts).map(job));
        Ok(jobs)
    }

    /// The averages of each class.
    fn average(
        &self,
        round: &std::ops::Range<usize>,
        sizes: &Sizes,
        targets: &[i32],
        average_precision: &mut [f64],
        average_recall: &mut [f64],
    ) {
        let Sizes { thresholds, samples, areas, maxima } = *sizes;
        let mut column = Vec::with_capacity(thresholds);
        for (number, class) in round.clone().enumerate() {
            for area in 0..areas {
                let precisions = &mut average_precision[((1 + class) * areas + area) * (1 + thresholds)..];
                let recalls = &mut average_recall[((1 + class) * areas + area) * maxima..];
                let precisions = &mut precisions[..1 + thresholds];
                let recalls = &mut recalls[..maxima];
                if targets[class * areas + area] == 0 {
                    precisions.fill(-1.0);
                    recalls.fill(-1.0);
                    continue;
                }
                let values = &self.precision[(number * areas + area) * thresholds * samples..][..thresholds * samples];
                precisions[0] = mean(values);
                for (average, values) in precisions[1..].iter_mut().zip(values.chunks_exact(samples)) {
                    *average = mean(values);
                }
                let values = &self.recall[(number * areas + area) * thresholds * maxima..][..thresholds * maxima];
                for (maximum, average) in recalls.iter_mut().enumerate() {
                    column.clear();
                    column.extend(values.iter().skip(maximum).step_by(maxima));
                    *average = mean(&column);
                }
            }
        }
    }

    /// Writes what is known of some classes in the order of results.
    fn write(&self, round: &std::ops::Range<usize>, sizes: &Sizes, classes: usize, out: &mut Outputs<'_>) {
        let Sizes { thresholds, samples, areas, maxima } = *sizes;
        for (block, values) in [(&self.precision, &mut *out.precision), (&self.scores, &mut *out.scores)] {
            for threshold in 0..thresholds {
                for from in (0..samples).step_by(LINE) {
                    let to = samples.min(from + LINE);
                    for (number, class) in round.clone().enumerate() {
                        for area in 0..areas {
                            let row = ((number * areas + area) * thresholds + threshold) * samples;
                            for sample in from..to {
                                let place = (threshold * samples + sample) * classes + class;
                                values[place * areas + area] = block[row + sample];
                            }
                        }
                    }
                }
            }
        }
        for threshold in 0..thresholds {
            for (number, class) in round.clone().enumerate() {
                for area in 0..areas {
                    let from = ((number * areas + area) * thresholds + threshold) * maxima;
                    let to = ((threshold * classes + class) * areas + area) * maxima;
                    out.recall[to..to + maxima].copy_from_slice(&self.recall[from..from + maxima]);
                }
            }
        }
    }
}
