//! What fixed pairs leave of an image's queries and targets, and which pairs may be fixed at all.

use super::part::Part;
use crate::batch::{BACKGROUND, EXCLUDED, ImageView, LEFT_OUT};
use crate::error::{Error, QueryPlace, Result};

/// Memory of the stage. Holds nothing between images but its capacity.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    /// Queries of a group that may be matched.
    pub queries: Vec<usize>,
    /// How often each target may still be matched.
    pub left: Vec<usize>,
    /// Targets that are, each as often as that.
    pub targets: Vec<usize>,
}

impl Rest {
    /// What the pairs of a group leave. Excluded queries become background.
    pub fn set(&mut self, targets: &ImageView<'_>, repeat: usize, matches: &mut [i32]) {
        let Self { queries, left, targets: rows } = self;
        queries.clear();
        left.clear();
        left.resize(targets.kept.len(), repeat);
        for (query, target) in matches.iter_mut().enumerate() {
            match usize::try_from(*target) {
                Ok(number) => {
                    let place = targets.place(number);
                    place.into_iter().for_each(|place| left[place] = left[place].saturating_sub(1));
                }
                Err(_) if *target == BACKGROUND => queries.push(query),
                Err(_) if *target == EXCLUDED => *target = BACKGROUND,
                Err(_) => {}
            }
        }
        rows.clear();
        if repeat > 1 && repeat >= matches.len() {
            return;
        }
        for round in 0..repeat {
            rows.extend((0..left.len()).filter(|&target| left[target] > round));
        }
    }
}

/// How many pairs an image's matching will have. `matches`: what is given.
pub(crate) fn pairs(part: &Part, targets: &ImageView<'_>, matches: &[i32]) -> usize {
    let each = part.queries.len() / part.groups;
    let takes_part = |target: i32| match usize::try_from(target) {
        Ok(number) => targets.place(number).is_some(),
        Err(_) => target == BACKGROUND,
    };
    let rows = targets.kept.len().saturating_mul(part.repeat_of(targets.kept.len()));
    let of = |group: &[i32]| group.iter().filter(|&&target| takes_part(target)).count().min(rows);
    matches.chunks_exact(each.max(1)).map(of).sum()
}

/// Refuses pairs that cannot be, and excluded queries without which targets lack one. `targets`: of the image. `place`: of a
/// query.
pub(crate) fn check(
    part: &Part,
    targets: usize,
    is_ignored: impl Fn(usize) -> bool,
    matches: &[i32],
    place: impl Fn(usize) -> QueryPlace,
) -> Result<()> {
    let each = part.queries.len() / part.groups;
    let kept = (0..targets).filter(|&target| !is_ignored(target)).count();
    let repeat = part.repeat_of(kept);
    let mut often = vec![0; targets];
    for (group, matches) in matches.chunks_exact(each.max(1)).enumerate() {
        often.fill(0);
        let (mut excluded, mut absent) = (None, 0);
        for (query, &target) in matches.iter().enumerate() {
            let query = group * each + query;
            match usize::try_from(target) {
                Ok(target) if is_ignored(target) => absent += 1,
                Ok(target) => {
                    often[target] += 1;
                    if often[target] > repeat {
                        return Err(Error::FixedTwice { place: place(query), target, repeat });
                    }
                }
                Err(_) if target == LEFT_OUT => absent += 1,
                Err(_) if target == EXCLUDED => {
                    excluded.get_or_insert(query);
                    absent += 1;
                }
                Err(_) => {}
            }
        }
        let (targets, queries) = (kept.saturating_mul(repeat), each - absent);
        if let Some(query) = excluded.filter(|_| targets > queries) {
            return Err(Error::Infeasible { place: place(query), targets, queries });
        }
    }
    Ok(())
}
