//! First stage: reads an image's predictions. Lays out what the cost needs, takes every query as background, and puts a
//! sanitised copy in the place of values that are left out.

use lsap::memory::{first, first_rows, held};
use simd::padded;

use super::image::{Image, inspect};
use super::setup::Setup;
use super::sums::NonFiniteCounts;
use crate::batch::{Columns, ImageTargets, Labels};
use crate::error::{Error, Result};
use crate::field::{FieldRows, MAX_FIELDS};
use crate::terms::class::{Background, BackgroundOutputs, Logits, Purpose};
use crate::terms::memory::TermMemory;
use crate::terms::{FAMILIES, LOGITS, queries_of};

/// Memory of the stage. Holds nothing between images but its capacity.
#[derive(Debug, Default)]
pub(crate) struct ReadBuffers {
    labels: Labels,
    /// Class costs, or what they are made of: `[rows of labels, padded queries]`.
    class_rows: Vec<f32>,
    /// The loss of each query as background, padded.
    losses: Vec<f64>,
    /// What each family lays out.
    layouts: [Vec<f32>; FAMILIES.len()],
    sanitized: [Vec<f32>; MAX_FIELDS],
    left_out: Vec<usize>,
    class: TermMemory,
    /// Of an image that lacks columns, the logits of those that it has, and the gradient by them.
    gathered: Vec<f32>,
    gradient: Vec<f32>,
}

/// What is known of an image once it is read.
pub(crate) struct Read<'a> {
    /// The image's queries, or a sanitised copy of them.
    pub rows: FieldRows<'a>,
    /// Their logits, of the columns that the image has.
    pub logits: Logits<'a>,
    /// Where the image lacks columns, the gradient by those logits, if it is wanted.
    pub gradient: &'a mut [f32],
    /// Queries that are not finite, ascending.
    pub left_out: &'a [usize],
    pub labels: &'a Labels,
    /// Of the pass, and the scale that it had.
    pub background: Background,
    pub scale: f32,
    /// `[rows of labels, padded queries]`.
    pub class_rows: &'a [f32],
    /// `[padded queries]`.
    pub losses: &'a mut [f64],
    pub layouts: &'a [Vec<f32>],
    /// The class term's.
    pub memory: &'a mut TermMemory,
}

impl ReadBuffers {
    /// Queries of the last image that are not finite, ascending.
    pub fn left_out(&self) -> &[usize] {
        &self.left_out
    }

    /// Bytes that grow with an image.
    pub fn held(&self) -> usize {
        let Self { labels, class_rows, losses, layouts, sanitized, class, gathered, gradient, .. } = self;
        let rows = layouts.iter().chain(sanitized).map(held).sum::<usize>();
        let of_columns = held(gathered) + held(gradient);
        labels.held() + held(class_rows) + held(losses) + class.held() + of_columns + rows
    }
}

/// Reads an image, without the queries that are not finite, which are counted.
///
/// # Errors
/// A value that is refused; [`Error::Memory`].
pub(crate) fn read<'a>(
    setup: &Setup,
    image: &Image<'a>,
    mut purpose: Purpose<'_>,
    buffers: &'a mut ReadBuffers,
    counts: &mut NonFiniteCounts,
) -> Result<Read<'a>> {
    let ReadBuffers { labels, class_rows, losses, layouts, sanitized, left_out, class, gathered, gradient } = buffers;
    let targets = if image.is_optimal { image.targets.kept } else { ImageTargets::none() };
    labels.set(&targets, image.classes, image.columns);
    let stride = padded(image.queries);
    let class_rows =
        first_rows("", class_rows, [labels.rows(), stride]).map_err(Error::refused(Some(image.slot.part)))?;
    let losses = first(losses, stride);
    left_out.clear();
    let wants_gradient = matches!(purpose, Purpose::Loss { gradient: Some(_), .. });
    let count = image.columns.filter(|_| wants_gradient).map_or(0, Columns::count);
    let gradient = first(gradient, image.queries * count);
    let mut pass = |rows: FieldRows<'_>, left_out: &[usize], purpose: Purpose<'_>| {
        let mut is_sound = true;
        for (family, terms) in setup.pairs(image.active()) {
            is_sound &= terms.lay_out(setup.level, rows, &mut layouts[family]);
        }
        for (family, _) in setup.images(image.active()) {
            is_sound &= queries_of(family).all(|field| simd::all_finite(setup.level, image.rows.get(field)));
        }
        if let Some(columns) = image.columns {
            columns.gather(rows.get(LOGITS), gathered);
            let own = columns.count();
            left_out
                .iter()
                .for_each(|&query| setup.class.neutralize(&mut gathered[query * own..][..own], image.columns));
        }
        let purpose = match purpose {
            Purpose::Loss { scale, gradient: Some(_) } if image.columns.is_some() => {
                Purpose::Loss { scale, gradient: Some(&mut *gradient) }
            }
            purpose => purpose,
        };
        let out = BackgroundOutputs { losses, rows: class_rows };
        let logits = image.logits(&rows, gathered);
        let background = setup.class.background(setup.level, logits, labels, purpose, out, class);
        Background { is_finite: background.is_finite && is_sound, ..background }
    };
    let scale = purpose.scale();
    let mut rows = image.rows;
    let mut background = pass(rows, &[], purpose.reborrow());
    if !background.is_finite && sanitize(setup, image, sanitized, left_out, counts)? {
        rows = rows.copied(sanitized);
        background = pass(rows, left_out, purpose);
    }
    let logits = image.logits(&rows, gathered);
    let layouts = &*layouts;
    Ok(Read { rows, logits, gradient, left_out, labels, background, scale, class_rows, losses, layouts, memory: class })
}

/// Looks at every value of an image that did not look sound. Returns whether a copy must stand in for it, since queries are
/// left out.
fn sanitize(
    setup: &Setup,
    image: &Image<'_>,
    copies: &mut [Vec<f32>; MAX_FIELDS],
    left_out: &mut Vec<usize>,
    counts: &mut NonFiniteCounts,
) -> Result<bool> {
    for query in 0..image.queries {
        let bad = inspect(setup, image, LOGITS, query, |_| None)?;
        counts.fields[LOGITS] += bad;
        if bad > 0 {
            left_out.push(query);
        }
    }
    for (family, terms) in setup.pairs(image.active()) {
        for query in 0..image.queries {
            for (k, field) in queries_of(family).enumerate() {
                // what all queries have is looked at once, and leaves out all of them
                if query > 0 && !image.rows.is_own(field) {
                    continue;
                }
                let bad = inspect(setup, image, field, query, |row| terms.check_query(k, row))?;
                counts.fields[field] += bad;
                match bad > 0 {
                    true if image.rows.is_own(field) => left_out.push(query),
                    true => left_out.extend(0..image.queries),
                    false => {}
                }
            }
        }
    }
    // without these an image lacks their terms, and its queries are as they were
    for field in setup.images(image.active()).flat_map(|(family, _)| queries_of(family)) {
        counts.fields[field] += inspect(setup, image, field, 0, |_| None)?;
    }
    if left_out.is_empty() {
        return Ok(false);
    }
    left_out.sort_unstable();
    left_out.dedup();
    copies.iter_mut().for_each(Vec::clear);
    let fields = setup.pairs(image.active()).flat_map(|(family, _)| queries_of(family));
    for field in std::iter::once(LOGITS).chain(fields) {
        copies[field].extend_from_slice(image.rows.get(field));
        let width = image.rows.width(field);
        if !image.rows.is_own(field) {
            let not_finite = copies[field].iter_mut().filter(|value| !value.is_finite());
            not_finite.for_each(|value| *value = 0.0);
            continue;
        }
        for &query in left_out.iter() {
            let row = &mut copies[field][query * width..][..width];
            if field == LOGITS { setup.class.neutralize(row, None) } else { row.fill(0.0) }
        }
    }
    Ok(true)
}
