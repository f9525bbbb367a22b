//! Every input that is kept, and some that are random, through the targets. `HUNGARIAN_LOSS_FUZZ_CASES`: how many of these.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

/// How many inputs of a target are replayed under Miri, which takes thousands of times as long: the shortest, since among
/// others are such as make large matrices.
const UNDER_MIRI: usize = 30;

/// The kept inputs of a target, the shortest first.
fn corpus(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let files = fs::read_dir(&folder).expect("a folder").map(|file| file.expect("a file"));
    let mut files: Vec<_> = files.map(|file| (file.metadata().expect("a file").len(), file.file_name())).collect();
    files.sort();
    if cfg!(miri) {
        files.truncate(UNDER_MIRI);
    }
    files.into_iter().map(|(_, name)| folder.join(name)).collect()
}

/// Runs a target on its corpus, and on random bytes.
fn replay(target: &str) {
    let (_, run) = fuzz::TARGETS.into_iter().find(|(name, _)| *name == target).expect("a target");
    let files = corpus(target);
    assert!(files.len() > 10, "{} inputs of {target}", files.len());
    for file in files {
        let data = fs::read(&file).expect("a file");
        // named where it fails
        let result = std::panic::catch_unwind(|| run(&data));
        assert!(result.is_ok(), "{}", file.display());
    }
    let cases = std::env::var("HUNGARIAN_LOSS_FUZZ_CASES").map_or(500, |cases| cases.parse().expect("a number"));
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(data in prop::collection::vec(any::<u8>(), 0..200))| run(&data));
}

/// A test for each target.
macro_rules! replay {
    ($($target:ident),*) => {
        $(
            #[test]
            fn $target() {
                replay(stringify!($target));
            }
        )*

        #[test]
        fn every_target_and_every_corpus_is_replayed() {
            let mut folders: Vec<_> = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus"))
                .expect("a folder")
                .map(|folder| folder.expect("a folder").file_name().into_string().expect("a name"))
                .collect();
            folders.sort();
            let mut replayed = vec![$(stringify!($target)),*];
            replayed.sort_unstable();
            assert_eq!(folders, replayed);
            let mut targets = fuzz::TARGETS.map(|(name, _)| name);
            targets.sort_unstable();
            assert_eq!(replayed, targets);
        }
    };
}

replay!(dense, sparse, batch, proof, step, structure);
