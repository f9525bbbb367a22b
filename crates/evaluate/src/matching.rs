//! Which target a detection takes, at up to 64 thresholds of IoU at once: a bit for each.

use crate::overlap::Candidate;

/// Thresholds that are looked at together.
pub(crate) const BITS: usize = 64;

/// The bits of the first `count` thresholds.
pub(crate) fn first_bits(count: usize) -> u64 {
    if count >= BITS { u64::MAX } else { (1 << count) - 1 }
}

/// At which thresholds a detection counts how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// It took a target.
    pub right: u64,
    /// It took one that is ignored.
    pub ignored: u64,
    /// It took none.
    pub left: u64,
}

/// What a target is in a range of areas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub is_ignored: bool,
    pub is_crowd: bool,
}

/// A candidate, with the thresholds that its IoU reaches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reached {
    pub target: u32,
    pub bits: u64,
}

/// Sorts candidates so that the first which is free is the one to take: the largest IoU first, of equal ones the later.
/// `thresholds`: rising.
pub(crate) fn sort(candidates: &mut [Candidate], thresholds: &[f64], reached: &mut Vec<Reached>) {
    if candidates.len() > 1 {
        candidates.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)));
    }
    reached.clear();
    let bits = |iou: f64| first_bits(thresholds.iter().take_while(|&&threshold| threshold <= iou).count());
    reached.extend(candidates.iter().map(|&(iou, target)| Reached { target, bits: bits(iou) }));
}

/// Takes, at each threshold of `all`, the first candidate that is free, those that are ignored after all others.
///
/// `kind`: what a target is. `taken`: for each target, at which thresholds it is.
pub(crate) fn take(candidates: &[Reached], all: u64, kind: impl Fn(u32) -> Kind, taken: &mut [u64]) -> Verdict {
    let mut verdict = Verdict { right: 0, ignored: 0, left: all };
    for &Reached { target, bits } in candidates.iter().filter(|candidate| !kind(candidate.target).is_ignored) {
        let its = &mut taken[target as usize];
        let free = verdict.left & bits & !*its;
        *its |= free;
        verdict.right |= free;
        verdict.left &= !free;
    }
    if verdict.left == 0 {
        return verdict;
    }
    for &Reached { target, bits } in candidates {
        let Kind { is_ignored, is_crowd } = kind(target);
        if !is_ignored {
            continue;
        }
        let its = &mut taken[target as usize];
        let free = verdict.left & bits & if is_crowd { u64::MAX } else { !*its };
        *its |= free;
        verdict.ignored |= free;
        verdict.left &= !free;
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Kind = Kind { is_ignored: false, is_crowd: false };

    fn sorted(mut candidates: Vec<Candidate>) -> Vec<Reached> {
        let mut reached = Vec::new();
        sort(&mut candidates, &[0.5, 0.75], &mut reached);
        reached
    }

    #[test]
    fn of_equal_overlaps_the_later_is_taken() {
        let mut taken = [0; 3];
        let verdict = take(&sorted(vec![(0.8, 0), (0.8, 2), (0.6, 1)]), 0b11, |_| PLAIN, &mut taken);
        assert_eq!(verdict, Verdict { right: 0b11, ignored: 0, left: 0 });
        assert_eq!(taken, [0, 0, 0b11]);
    }

    #[test]
    fn what_is_taken_at_a_threshold_is_not_taken_again_but_a_crowd_is() {
        let mut taken = [0; 2];
        let first = take(&sorted(vec![(0.6, 0)]), 0b11, |_| PLAIN, &mut taken);
        assert_eq!(first, Verdict { right: 0b01, ignored: 0, left: 0b10 });
        let second = take(&sorted(vec![(0.9, 0)]), 0b11, |_| PLAIN, &mut taken);
        assert_eq!(second, Verdict { right: 0b10, ignored: 0, left: 0b01 });
        let crowd = |_| Kind { is_ignored: true, is_crowd: true };
        for _ in 0..2 {
            let verdict = take(&sorted(vec![(0.9, 1)]), 0b11, crowd, &mut taken);
            assert_eq!(verdict, Verdict { right: 0, ignored: 0b11, left: 0 });
        }
    }

    #[test]
    fn an_ignored_target_comes_after_all_others_however_large_its_overlap() {
        let mut taken = [0; 2];
        let kind = |target| Kind { is_ignored: target == 0, is_crowd: false };
        let verdict = take(&sorted(vec![(0.9, 0), (0.6, 1)]), 0b11, kind, &mut taken);
        assert_eq!(verdict, Verdict { right: 0b01, ignored: 0b10, left: 0 });
    }

    #[test]
    fn sixty_four_thresholds_have_all_bits() {
        assert_eq!(first_bits(64), u64::MAX);
        assert_eq!(first_bits(0), 0);
        assert_eq!(first_bits(3), 0b111);
    }
}
