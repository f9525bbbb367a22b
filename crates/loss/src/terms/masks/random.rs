//! Points at random, each of which depends on what it is for alone: the same whatever the thread, the order, the processor.
//!
//! The generator is Philox 4x32-10: Salmon et al. 2011, "Parallel Random Numbers: As Easy as 1, 2, 3". The seed is its key; the
//! counter says which mask and which points of it.

use simd::{LANES, Level, Simd, dispatch};

/// What points are drawn for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The matching cost.
    Cost = 0,
    /// The loss: those to choose from.
    Candidates = 1,
    /// The loss: those that are taken as they are.
    Fresh = 2,
}

/// A sequence of points.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stream {
    pub seed: u64,
    pub purpose: Purpose,
    /// Below 2^14.
    pub part: u32,
    /// Below 2^16.
    pub layer: u32,
    pub image: u32,
    /// The mask among those of an image.
    pub row: u32,
}

/// Writes the first points of a stream, x and y in [0, 1), multiples of 2^-24. `out`: `[points, 2]`.
pub(super) fn points(level: Level, stream: &Stream, out: &mut [f32]) {
    dispatch!(level, simd => points_with(simd, stream, out));
}

type Block = [[u32; LANES]; 4];

#[inline(always)]
fn points_with<S: Simd>(simd: S, stream: &Stream, out: &mut [f32]) {
    debug_assert!(stream.part < 1 << 14 && stream.layer < 1 << 16);
    let key = [stream.seed as u32, (stream.seed >> 32) as u32];
    let purpose = (stream.purpose as u32) << 30 | stream.part << 16 | stream.layer;
    simd.vectorize(
        #[inline(always)]
        || {
            // a block of four words is two points
            for (step, out) in out.chunks_mut(4 * LANES).enumerate() {
                let mut counter = [[0; LANES], [stream.row; LANES], [stream.image; LANES], [purpose; LANES]];
                for lane in 0..LANES {
                    counter[0][lane] = (step * LANES + lane) as u32;
                }
                let words = philox(counter, key);
                let mut values = [0.0; 4 * LANES];
                for lane in 0..LANES {
                    for word in 0..4 {
                        // 24 bits are what `f32` has
                        values[4 * lane + word] = (words[word][lane] >> 8) as f32 * (1.0 / (1 << 24) as f32);
                    }
                }
                out.copy_from_slice(&values[..out.len()]);
            }
        },
    );
}

/// Ten rounds, on sixteen counters.
#[inline(always)]
fn philox(mut counter: Block, mut key: [u32; 2]) -> Block {
    const MULTIPLIERS: [u64; 2] = [0xd251_1f53, 0xcd9e_8d57];
    const STEPS: [u32; 2] = [0x9e37_79b9, 0xbb67_ae85];
    for _ in 0..10 {
        let mut next = counter;
        for lane in 0..LANES {
            let first = MULTIPLIERS[0] * u64::from(counter[0][lane]);
            let second = MULTIPLIERS[1] * u64::from(counter[2][lane]);
            next[0][lane] = (second >> 32) as u32 ^ counter[1][lane] ^ key[0];
            next[1][lane] = second as u32;
            next[2][lane] = (first >> 32) as u32 ^ counter[3][lane] ^ key[1];
            next[3][lane] = first as u32;
        }
        counter = next;
        key = [key[0].wrapping_add(STEPS[0]), key[1].wrapping_add(STEPS[1])];
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{bits, extent};

    const STREAM: Stream = Stream { seed: 7, purpose: Purpose::Cost, part: 1, layer: 2, image: 3, row: 4 };

    fn points_of(stream: &Stream, count: usize) -> Vec<f32> {
        let mut all = Level::available().into_iter().map(|level| {
            let mut out = vec![f32::NAN; 2 * count];
            points(level, stream, &mut out);
            out
        });
        let first = all.next().expect("a level");
        all.for_each(|other| assert_eq!(bits(&first), bits(&other)));
        first
    }

    #[test]
    fn the_generator_gives_the_known_answers() {
        // kat_vectors of the authors' Random123: counter, key, result
        let known = [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ];
        for (counter, key, expected) in known {
            let found = philox(counter.map(|word| [word; LANES]), key);
            assert_eq!(found, expected.map(|word| [word; LANES]));
        }
    }

    #[test]
    fn a_point_depends_on_its_place_and_its_stream_alone() {
        let most = points_of(&STREAM, 100);
        for count in [0, 1, 2, 15, 16, 17, 31, 32, 33, 65] {
            assert_eq!(bits(&points_of(&STREAM, count)), bits(&most[..2 * count]));
        }
        let words = philox([[40; LANES], [4; LANES], [3; LANES], [(1 << 16) | 2; LANES]], [7, 0]);
        let exact = |word: usize| (words[word][0] >> 8) as f32 / 16_777_216.0;
        assert_eq!(most[160..164], [exact(0), exact(1), exact(2), exact(3)]);
    }

    #[test]
    fn no_two_streams_are_alike() {
        let streams = [
            STREAM,
            Stream { seed: 8, ..STREAM },
            Stream { seed: 7 + (1 << 32), ..STREAM },
            Stream { purpose: Purpose::Candidates, ..STREAM },
            Stream { purpose: Purpose::Fresh, ..STREAM },
            Stream { part: 0, ..STREAM },
            Stream { layer: 3, ..STREAM },
            Stream { image: 4, ..STREAM },
            Stream { row: 3, ..STREAM },
        ];
        let all: Vec<_> = streams.iter().map(|stream| points_of(stream, 20)).collect();
        for (k, one) in all.iter().enumerate() {
            for other in &all[..k] {
                assert!(one.iter().zip(other).filter(|(a, b)| a == b).count() < 3);
            }
        }
    }

    #[test]
    fn points_are_spread_evenly_over_the_unit_square() {
        const SIDE: usize = 8;
        let count = extent(64_000, 1600);
        let points = points_of(&STREAM, count);
        let mut cells = [0u32; SIDE * SIDE];
        for point in points.chunks_exact(2) {
            let [x, y] = [point[0], point[1]].map(|u| {
                assert!((0.0..1.0).contains(&u) && (u * 16_777_216.0).fract() == 0.0);
                (u * SIDE as f32) as usize
            });
            cells[y * SIDE + x] += 1;
        }
        let expected = (count / cells.len()) as f64;
        let chi_square: f64 = cells.iter().map(|&n| (f64::from(n) - expected).powi(2) / expected).sum();
        // 63 degrees of freedom: beyond these bounds once in ten thousand
        assert!((27.0..115.0).contains(&chi_square), "{chi_square}");
    }
}
