//! Proofs: no assignment that is not the best is taken for proven, whatever the duals; what is no assignment is refused.

use lsap::{Certificate, Error, Level, Route, verify};

use crate::bytes::Bytes;
use crate::costs::{self, Kind, Stored};
use crate::judge::Optimum;
use crate::lsap_harness::{Exact, Found, Total};

/// The part of its scale that a total may be above the bound and still be proven.
const GRANTED: f64 = 1.000_001 / (1u64 << 36) as f64;

/// Makes an input of the bytes, and asserts what must hold of it.
pub fn run(data: &[u8]) {
    let bytes = &mut Bytes::new(data);
    let options = costs::options(bytes);
    let stored = Stored::of(bytes);
    let limited = stored.stored(options);
    let problem = &stored.dense;
    let solved = stored.solve(Route::Auto, Level::detect(), options).unwrap_or_else(|_| Found {
        column_of_row: vec![None; problem.rows],
        total: 0.0,
        row_duals: vec![0.0; problem.rows],
        column_duals: vec![0.0; problem.columns],
    });
    let forgery = forged(bytes, solved, problem.columns);
    let Found { column_of_row, row_duals, column_duals, .. } = &forgery;
    let proof = verify(&problem.matrix(), limited, column_of_row, row_duals, column_duals);
    let fits =
        column_of_row.len() == problem.rows && row_duals.len() == problem.rows && column_duals.len() == problem.columns;
    let mut taken: Vec<_> = column_of_row.iter().flatten().collect();
    taken.sort_unstable();
    let is_assignment =
        taken.windows(2).all(|pair| pair[0] < pair[1]) && taken.last().is_none_or(|&&last| last < problem.columns);
    let is_sound = !problem.costs.iter().any(|cost| cost.is_nan() || *cost == f64::NEG_INFINITY);
    match proof {
        Err(Error::Option { .. }) => assert!(limited.cost_limit.is_some_and(|limit| !limit.is_finite())),
        Err(Error::Cost { .. }) => assert!(!is_sound),
        Err(Error::Length { .. }) => assert!(!fits),
        Err(Error::Assignment { .. }) => assert!(!is_assignment),
        Err(error) => panic!("{error}"),
        Ok(certificate) => {
            assert!(is_sound && fits && is_assignment);
            check(&stored, limited, &forgery, &certificate);
        }
    }
}

/// What somebody might give as a solution: the solver's, changed here and there.
fn forged(bytes: &mut Bytes<'_>, mut found: Found, columns: usize) -> Found {
    let kind = Kind::of(bytes);
    for _ in 0..bytes.below(6) {
        let (what, at) = (bytes.byte(), bytes.byte() as usize);
        let rows = found.column_of_row.len().max(1);
        match what % 8 {
            0 if !found.column_of_row.is_empty() => {
                found.column_of_row[at % rows] = Some(bytes.below(columns + 1)).filter(|_| what < 128);
            }
            1 if !found.column_of_row.is_empty() => {
                let other = bytes.below(rows);
                found.column_of_row.swap(at % rows, other);
            }
            2 if !found.row_duals.is_empty() => {
                let place = at % found.row_duals.len();
                found.row_duals[place] = kind.cost(bytes);
            }
            3 if !found.column_duals.is_empty() => {
                let place = at % found.column_duals.len();
                found.column_duals[place] = kind.cost(bytes);
            }
            4 => {
                let shift = kind.cost(bytes);
                found.row_duals.iter_mut().for_each(|dual| *dual += shift);
                found.column_duals.iter_mut().for_each(|dual| *dual -= shift);
            }
            5 => {
                let size = kind.cost(bytes);
                found.row_duals.iter_mut().chain(&mut found.column_duals).for_each(|dual| *dual *= size);
            }
            6 if what > 240 => found.row_duals.push(0.0),
            7 if what > 240 => drop(found.column_of_row.pop()),
            _ => {}
        }
    }
    found
}

fn check(stored: &Stored, limited: lsap::AssignmentOptions, forgery: &Found, certificate: &Certificate) {
    if stored.dense.columns > costs::SHORT {
        return;
    }
    let Some(Optimum { problem, limit, pairs: most, total: least, down }) = Optimum::of(&stored.dense, limited) else {
        return;
    };
    let column_of_row = &forgery.column_of_row;
    let pairs = column_of_row.iter().flatten().count();
    if certificate.optimal {
        let is_allowed = problem.pairs(column_of_row).iter().all(|pair| pair.2.is_finite());
        assert!(is_allowed && (limit.is_some() || pairs == most), "{certificate:?}");
        let mut total = problem.total(column_of_row);
        let mut scale = problem.scale(column_of_row);
        if let Some(limit) = limit {
            (0..pairs).for_each(|_| total = total.plus(-limit));
            scale = problem.pairs(column_of_row).iter().map(|pair| pair.2.abs() + limit.abs()).sum();
        }
        let excess = total.minus(&least);
        assert!(excess <= GRANTED * scale, "{excess:e} of {scale:e}: {certificate:?}");
    }
    // the bound holds whatever the duals
    let bound = certificate.bound * if limited.maximize { -1.0 } else { 1.0 };
    if bound > f64::NEG_INFINITY && (limit.is_some() || pairs == most) {
        let limits = std::iter::repeat_n(limit.unwrap_or(0.0), pairs);
        let best = limits.fold(least, |sum, limit| sum.plus(limit));
        let beyond = best.minus(&Exact::of([bound * down]));
        assert!(beyond >= 0.0 || is_rounded(bound, down), "{bound}: {beyond:e}");
    }
}

/// Whether a number has no exact value where it is scaled.
fn is_rounded(value: f64, down: f64) -> bool {
    value * down / down != value
}
