//! Sums in exact arithmetic, and what tolerances are a part of.

use super::{Dense, Total};

/// A sum without rounding: numbers of which none overlaps another, the smallest first (Shewchuk 1997).
#[derive(Clone, Debug, Default)]
pub struct Exact(Vec<f64>);

impl Exact {
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        values.into_iter().fold(Self::default(), |sum, value| sum.plus(value))
    }

    /// The difference, rounded; its sign is right.
    pub fn minus(&self, other: &Self) -> f64 {
        other.0.iter().fold(self.clone(), |sum, part| sum.plus(-part)).0.iter().sum()
    }
}

impl Total for Exact {
    fn plus(&self, value: f64) -> Self {
        let (mut sum, mut parts) = (value, vec![]);
        for &part in &self.0 {
            let (large, small) = if sum.abs() < part.abs() { (part, sum) } else { (sum, part) };
            sum = large + small;
            let rest = small - (sum - large);
            parts.extend(Some(rest).filter(|&rest| rest != 0.0));
        }
        parts.extend(Some(sum).filter(|&sum| sum != 0.0));
        Self(parts)
    }

    fn is_less(&self, other: &Self) -> bool {
        self.minus(other) < 0.0
    }
}

impl Dense {
    /// The lists of a sparse matrix with the same allowed cells.
    pub fn listed(&self) -> (Vec<i32>, Vec<i32>, Vec<f64>) {
        let (mut starts, mut columns, mut costs) = (vec![0], vec![], vec![]);
        for row in 0..self.rows {
            for (column, &cost) in self.row(row).iter().enumerate().filter(|(_, cost)| cost.is_finite()) {
                columns.push(column as i32);
                costs.push(cost);
            }
            starts.push(costs.len() as i32);
        }
        (starts, columns, costs)
    }

    pub fn pairs(&self, column_of_row: &[Option<usize>]) -> Vec<(usize, usize, f64)> {
        let pairs = column_of_row.iter().enumerate().filter_map(|(row, &column)| Some((row, column?)));
        pairs.map(|(row, column)| (row, column, self.at(row, column))).collect()
    }

    pub fn total(&self, column_of_row: &[Option<usize>]) -> Exact {
        Exact::of(self.pairs(column_of_row).into_iter().map(|(_, _, cost)| cost))
    }

    /// What tolerances are a part of: the magnitudes of the costs paid, and how far they are above the least ones of
    /// row and column.
    pub fn scale(&self, column_of_row: &[Option<usize>]) -> f64 {
        let least = |costs: &mut dyn Iterator<Item = f64>| costs.fold(f64::INFINITY, f64::min);
        let of_pair = |(row, column, cost): (usize, usize, f64)| {
            let of_row = least(&mut self.row(row).iter().copied());
            let of_column = least(&mut (0..self.rows).map(|row| self.at(row, column)));
            cost.abs() + (cost - of_row) + (cost - of_column)
        };
        self.pairs(column_of_row).into_iter().map(of_pair).sum()
    }
}
