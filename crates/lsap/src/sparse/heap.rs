//! A heap of columns by distance, four children to a node.
//!
//! Four children make it half as deep as two, and they lie together in memory. A column whose distance falls is pushed
//! anew; whoever pops recognises the entries that are out of date. Source: Johnson 1975, "Priority queues with update
//! and finding minimum spanning trees".

/// Children of a node.
const CHILDREN: usize = 4;

/// Distances with their columns, the least on top.
#[derive(Debug, Default)]
pub(super) struct Heap {
    entries: Vec<(f64, u32)>,
}

impl Heap {
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    pub fn push(&mut self, distance: f64, column: u32) {
        let mut at = self.entries.len();
        self.entries.push((distance, column));
        while at > 0 {
            let parent = (at - 1) / CHILDREN;
            if self.entries[parent].0 <= distance {
                break;
            }
            self.entries[at] = self.entries[parent];
            at = parent;
        }
        self.entries[at] = (distance, column);
    }

    pub fn pop(&mut self) -> Option<(f64, u32)> {
        let last = self.entries.pop()?;
        let Some(&top) = self.entries.first() else { return Some(last) };
        self.sink(last);
        Some(top)
    }

    /// Puts an entry in place of the top one and lets it down to where it belongs.
    fn sink(&mut self, entry: (f64, u32)) {
        let entries = &mut self.entries[..];
        let mut at = 0;
        loop {
            let first = at * CHILDREN + 1;
            let beyond = (first + CHILDREN).min(entries.len());
            let Some(children) = entries.get(first..beyond).filter(|children| !children.is_empty()) else { break };
            let (mut least, mut distance) = (0, children[0].0);
            for (k, child) in children.iter().enumerate().skip(1) {
                if child.0 < distance {
                    (least, distance) = (k, child.0);
                }
            }
            if entry.0 <= distance {
                break;
            }
            entries[at] = children[least];
            at = first + least;
        }
        entries[at] = entry;
    }
}

#[cfg(test)]
mod tests {
    use super::Heap;

    #[test]
    fn entries_come_out_in_order() {
        for count in 0..=67u32 {
            let mut heap = Heap::default();
            for k in 0..count {
                heap.push(f64::from(k * 37 % 23), k);
            }
            let popped: Vec<f64> = std::iter::from_fn(|| heap.pop()).map(|(distance, _)| distance).collect();
            assert_eq!(popped.len(), count as usize);
            assert!(popped.is_sorted(), "{popped:?}");
        }
    }
}
