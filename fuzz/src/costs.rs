//! Matrices of costs and options, of all kinds that solvers may stumble over.

use lsap::{AssignmentOptions, Cost, CostMatrix, Error, Level, Route};

use crate::bytes::Bytes;
use crate::lsap_harness::{Dense, Found, solve_by};

/// The longest side of most matrices: such as every set of columns of can be tried.
pub const SHORT: usize = 6;

/// The longest side of the others.
const LONG: usize = 40;

/// Costs that sums lose digits of, that forbid, and that tie.
const SPECIAL: [f64; 24] = [
    0.0,
    1.0,
    f64::INFINITY,
    2.0,
    -1.0,
    0.1,
    0.5,
    1e15,
    1e16,
    1e17,
    -1e16,
    f32::MAX as f64,
    f64::MAX,
    -f64::MAX,
    1e300,
    1e-300,
    5e-324,
    1e200,
    9007199254740993.0,
    1.0 + f64::EPSILON,
    1e-9,
    -0.0,
    3.0,
    1e8,
];

/// How the bytes of a cost are read.
#[derive(Clone, Copy)]
pub enum Kind {
    /// Few whole numbers, so many ties.
    Few,
    Whole,
    Special,
    /// Any bits, NaN and -infinity among them.
    Bits,
    /// A digit at any scale.
    Scaled,
}

impl Kind {
    pub fn of(bytes: &mut Bytes<'_>) -> Self {
        bytes.pick(&[Self::Few, Self::Whole, Self::Special, Self::Special, Self::Scaled, Self::Bits])
    }

    pub fn cost(self, bytes: &mut Bytes<'_>) -> f64 {
        match self {
            Self::Few => match bytes.byte() % 8 {
                7 => f64::INFINITY,
                cost => f64::from(cost % 4),
            },
            Self::Whole => f64::from(bytes.byte() as i8),
            Self::Special => match bytes.byte() {
                254 => f64::NEG_INFINITY,
                255 => f64::NAN,
                at => SPECIAL[usize::from(at) % SPECIAL.len()],
            },
            Self::Bits => bytes.double(),
            Self::Scaled => {
                let [digit, exponent] = bytes.array().map(|byte: u8| byte as i8);
                f64::from(digit) * 2f64.powi(i32::from(exponent) / 2)
            }
        }
    }
}

/// A matrix with the type that its costs are stored in.
#[derive(Clone, Debug)]
pub struct Stored {
    pub dense: Dense,
    /// The costs as `f32`, where that is how they are stored; those of `dense` then are their values.
    pub singles: Option<Vec<f32>>,
}

impl Stored {
    /// Of the storage that is given, rounded to it.
    pub fn new(mut dense: Dense, is_single: bool) -> Self {
        let singles = is_single.then(|| dense.costs.iter().map(|&cost| cost as f32).collect::<Vec<_>>());
        if let Some(singles) = &singles {
            dense.costs = singles.iter().map(|&cost| f64::from(cost)).collect();
        }
        Self { dense, singles }
    }

    pub fn of(bytes: &mut Bytes<'_>) -> Self {
        let (kind, is_single) = (Kind::of(bytes), bytes.flag());
        let dense = if bytes.byte() == 255 { long(bytes) } else { short(bytes, kind) };
        Self::new(dense, is_single)
    }

    pub fn solve(&self, route: Route, level: Level, options: AssignmentOptions) -> Result<Found, Error> {
        let Dense { rows, columns, costs } = &self.dense;
        match &self.singles {
            Some(singles) => solve_by(route, level, &CostMatrix::new(singles, *rows, *columns)?, options),
            None => solve_by(route, level, &CostMatrix::new(costs, *rows, *columns)?, options),
        }
    }

    /// The options with the limit as the matrix stores it.
    pub fn stored(&self, options: AssignmentOptions) -> AssignmentOptions {
        let stored = if self.singles.is_some() { f32::stored } else { f64::stored };
        AssignmentOptions { cost_limit: options.cost_limit.map(stored), ..options }
    }
}

/// A small matrix, each of whose costs has bytes.
fn short(bytes: &mut Bytes<'_>, kind: Kind) -> Dense {
    let [rows, columns] = sides(bytes, SHORT);
    Dense { costs: (0..rows * columns).map(|_| kind.cost(bytes)).collect(), rows, columns }
}

/// A larger one, made of a few costs that bytes choose from in turn.
fn long(bytes: &mut Bytes<'_>) -> Dense {
    let [rows, columns] = sides(bytes, LONG);
    let kind = Kind::of(bytes);
    let few: Vec<_> = (0..=bytes.below(16)).map(|_| kind.cost(bytes)).collect();
    let [mut state, slope] = bytes.array().map(|byte: u8| u32::from(byte));
    let costs = (0..rows * columns).map(|at| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        few[(state >> 16) as usize % few.len()] + f64::from(slope % 3) * ((at / columns) * (at % columns)) as f64
    });
    Dense { costs: costs.collect(), rows, columns }
}

/// Rows and columns, of which square ones have their own ways in the solvers.
pub fn sides(bytes: &mut Bytes<'_>, most: usize) -> [usize; 2] {
    let rows = bytes.below(most + 1);
    let columns = bytes.below(most + 2);
    [rows, if columns > most { rows } else { columns }]
}

pub fn options(bytes: &mut Bytes<'_>) -> AssignmentOptions {
    let flags = bytes.byte();
    let cost_limit = (flags & 12 == 12).then(|| {
        let kind = Kind::of(bytes);
        kind.cost(bytes)
    });
    AssignmentOptions { maximize: flags & 1 == 1, partial: flags & 2 == 2, cost_limit }
}
