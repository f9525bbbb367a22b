//! What the floors have in common: their level and files, and how they take their samples, as the benchmarks in JavaScript do.

use std::env;
use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::time::Instant;

use simd::Level;

pub type Outcome<T> = Result<T, Box<dyn Error>>;

/// Seconds for all samples and for each, and how many there are at least.
pub struct Limits {
    pub max_time: f64,
    pub min_time: f64,
    pub min_samples: usize,
}

impl Limits {
    /// From the command line.
    pub fn read([max_time, min_time, min_samples]: [&str; 3]) -> Outcome<Self> {
        Ok(Self { max_time: max_time.parse()?, min_time: min_time.parse()?, min_samples: min_samples.parse()? })
    }
}

/// The level that the addon would use.
pub fn level() -> Outcome<Level> {
    let forced = env::var("HUNGARIAN_LOSS_SIMD").ok();
    let level = forced.map_or_else(|| Some(Level::detect()), |name| Level::from_name(&name));
    level.ok_or_else(|| "HUNGARIAN_LOSS_SIMD names a level that this processor has not".into())
}

/// The values of a file, four bytes each.
pub fn read<T>(path: &str, value: fn([u8; 4]) -> T) -> Outcome<Vec<T>> {
    let bytes = fs::read(path)?;
    let (chunks, rest) = bytes.as_chunks();
    if rest.is_empty() { Ok(chunks.iter().copied().map(value).collect()) } else { Err("values have four bytes".into()) }
}

/// Seconds for one step, several times; how many steps fill a sample is found first.
pub fn take_samples<T>(step: &mut dyn FnMut() -> T, limits: &Limits) -> Vec<f64> {
    let mut time = |steps: u32| {
        let start = Instant::now();
        for _ in 0..steps {
            black_box(step());
        }
        start.elapsed().as_secs_f64()
    };
    let (mut steps, mut spent) = (1, time(1));
    while spent < limits.min_time {
        steps = (f64::from(steps) * (1.2 * limits.min_time / spent).min(10.0)).ceil() as u32;
        spent = time(steps);
    }
    let (mut samples, mut left) = (Vec::new(), limits.max_time);
    while samples.len() < limits.min_samples || left > 0.0 {
        let spent = time(steps);
        left -= spent;
        samples.push(spent / f64::from(steps));
    }
    samples
}
