//! The most pairs, and of those the least total, where forbidden cells leave no complete assignment.
//!
//! Successive shortest paths: every step starts at all free rows at once and takes the shortest path to a free column,
//! so that after k steps the pairs are the cheapest k, and the last step ends when no path is left. The duals keep
//! u + v ≤ c with equality at the pairs, every free row at the largest u and every free column at the largest v, which
//! proves that no other k pairs are cheaper. Source: Ahuja, Magnanti and Orlin 1993, "Network Flows", section 9.7.

use super::Cost;
use super::block::Block;
use super::dense::Solver;

/// Solves a block that has no complete assignment, leaving pairs and duals in `solver`.
pub(super) fn solve<T: Cost>(block: &Block<'_, T>, solver: &mut Solver) {
    solver.reset(block.rows, block.columns);
    let costs = solver.interrupt.guard(0..block.rows).flat_map(|row| &block.row(row)[..block.columns]);
    let smallest = costs.map(|cost| cost.value()).fold(f64::INFINITY, f64::min);
    let start = if smallest.is_finite() { smallest } else { 0.0 };
    let mut row_duals = vec![start; block.rows];
    let mut tree = Tree::default();
    while let Some(end) = tree.grow(block, solver, &row_duals) {
        let reach = tree.distance[end];
        for &(row, distance) in &tree.rows {
            row_duals[row] += reach - distance;
        }
        for &(column, distance) in &tree.columns {
            solver.column_duals[column] -= reach - distance;
        }
        let mut column = end;
        loop {
            let row = tree.parent[column];
            let previous = solver.column_of(row);
            solver.pair(row, column);
            match previous {
                Some(previous) => column = previous as usize,
                None => break,
            }
        }
    }
    solver.row_duals = row_duals;
}

/// A search from all free rows.
#[derive(Default)]
struct Tree {
    /// Length of the shortest path to a column.
    distance: Vec<f64>,
    /// The row before a column on its path.
    parent: Vec<usize>,
    done: Vec<bool>,
    /// Rows reached, with the lengths of their paths.
    rows: Vec<(usize, f64)>,
    /// Columns reached on the way, with the lengths of their paths.
    columns: Vec<(usize, f64)>,
}

impl Tree {
    /// The nearest free column, if any can be reached and the solve is not interrupted.
    fn grow<T: Cost>(&mut self, block: &Block<'_, T>, solver: &Solver, row_duals: &[f64]) -> Option<usize> {
        self.distance.clear();
        self.distance.resize(block.columns, f64::INFINITY);
        self.parent.resize(block.columns, 0);
        self.done.clear();
        self.done.resize(block.columns, false);
        self.columns.clear();
        self.rows.clear();
        self.rows.extend((0..block.rows).filter(|&row| solver.column_of(row).is_none()).map(|row| (row, 0.0)));
        let mut relaxed = 0;
        loop {
            while let Some(&(row, distance)) = self.rows.get(relaxed) {
                if solver.interrupt.is_raised() {
                    return None;
                }
                self.relax(block, solver, row, distance - row_duals[row]);
                relaxed += 1;
            }
            let is_free = |column: usize| solver.row_of(column).is_none();
            let open = (0..block.columns).filter(|&column| !self.done[column]);
            let nearest =
                open.min_by(|&a, &b| self.distance[a].total_cmp(&self.distance[b]).then(is_free(b).cmp(&is_free(a))))?;
            let distance = self.distance[nearest];
            if distance == f64::INFINITY {
                return None;
            }
            let Some(owner) = solver.row_of(nearest) else { return Some(nearest) };
            self.done[nearest] = true;
            self.columns.push((nearest, distance));
            self.rows.push((owner as usize, distance));
        }
    }

    fn relax<T: Cost>(&mut self, block: &Block<'_, T>, solver: &Solver, row: usize, offset: f64) {
        for column in 0..block.columns {
            let offered = block.at(row, column) - solver.column_duals[column] + offset;
            if !self.done[column] && offered < self.distance[column] {
                self.distance[column] = offered;
                self.parent[column] = row;
            }
        }
    }
}
