//! The fuzz targets without a fuzzer: on the committed corpus, and on seeded mutations of it.
//!
//! `PINRAIL_CORPUS=write cargo test -p pinrail-tests --test corpus` makes the seeds that are not there.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};

use pinrail_tests::fuzz::{TARGETS, run, seeds};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Most bytes of the whole corpus.
const CORPUS_BYTES_MAX: u64 = 300 << 10;

fn fuzz_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

/// The files of a folder with their contents, in order of name.
fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let dir = fuzz_dir().join("corpus").join(target);
    let entries = std::fs::read_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect()
}

/// Runs a target; where it fails, says on what, and keeps that.
fn check(target: &str, data: &[u8], what: &str) {
    if let Err(panicked) = catch_unwind(AssertUnwindSafe(|| run(target, data))) {
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("crash-{target}"));
        std::fs::write(&kept, data).unwrap();
        println!(
            "{target} fails on {what}; the input is kept as {}",
            kept.display()
        );
        resume_unwind(panicked);
    }
}

/// Runs a target on its corpus and on so many mutations of it.
fn replay(target: &str, mutations: usize) {
    let corpus = corpus(target);
    assert!(!corpus.is_empty());
    for (path, data) in &corpus {
        check(target, data, &path.display().to_string());
    }
    let mut draws = Xoshiro256PlusPlus::seed_from_u64(1);
    for n in 0..mutations {
        let data = mutated(&corpus, &mut draws);
        check(target, &data, &format!("mutation {n}"));
    }
}

fn below(draws: &mut Xoshiro256PlusPlus, end: usize) -> usize {
    (draws.next_u64() % end.max(1) as u64) as usize
}

/// An input of the corpus, changed here and there.
fn mutated(corpus: &[(PathBuf, Vec<u8>)], draws: &mut Xoshiro256PlusPlus) -> Vec<u8> {
    let mut data = corpus[below(draws, corpus.len())].1.clone();
    for _ in 0..=below(draws, 5) {
        let at = below(draws, data.len());
        let len = below(draws, 40.min(data.len() - at + 1));
        match below(draws, 7) {
            0 if at < data.len() => data[at] ^= 1 << below(draws, 8),
            1 if at < data.len() => data[at] = draws.next_u64() as u8,
            2 => drop(data.drain(at..at + len)),
            3 => {
                let again = data[at..at + len].to_vec();
                data.splice(at..at, again);
            }
            4 => data[at..at + len].fill([0, 0xff, 1][below(draws, 3)]),
            5 => {
                let other = &corpus[below(draws, corpus.len())].1;
                let from = below(draws, other.len());
                data.truncate(at);
                data.extend(&other[from..]);
            }
            _ => {
                let noise = draws.next_u64().to_le_bytes();
                data.splice(at..at, noise);
            }
        }
    }
    data
}

#[test]
fn binance() {
    replay("binance", 4000);
}

#[test]
fn config() {
    replay("config", 400);
}

#[test]
fn engine() {
    replay("engine", 300);
}

#[test]
fn matching() {
    replay("matching", 400);
}

#[test]
fn read_archive() {
    replay("read_archive", 400);
}

#[test]
fn recover() {
    replay("recover", 400);
}

#[test]
fn replays() {
    replay("replay", 400);
}

#[test]
fn ring() {
    replay("ring", 600);
}

#[test]
fn snapshot() {
    replay("snapshot", 1000);
}

/// Makes the seeds that are not there, if told so; else sees that there are some for every target, and not too much.
#[test]
fn the_corpus_has_its_seeds() {
    let dir = fuzz_dir().join("corpus");
    let mut seeded = BTreeSet::new();
    for (target, name, bytes) in seeds() {
        let path = dir.join(target).join(format!("seed-{name}"));
        if std::env::var_os("PINRAIL_CORPUS").is_some_and(|told| told == "write") && !path.exists() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, bytes).unwrap();
        }
        assert!(
            path.exists(),
            "{} is not there: see CONTRIBUTING.md",
            path.display()
        );
        seeded.insert(target);
    }
    let targets: BTreeSet<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(seeded, targets);
    let files = targets.iter().flat_map(|target| corpus(target));
    let bytes: u64 = files.map(|(_, data)| data.len() as u64).sum();
    assert!(bytes <= CORPUS_BYTES_MAX, "the corpus has {bytes} bytes");
}

#[test]
fn every_target_can_be_fuzzed() {
    let manifest = std::fs::read_to_string(fuzz_dir().join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let bins = manifest["bin"].as_array().unwrap().iter();
    let bins: Vec<&str> = bins.map(|bin| bin["name"].as_str().unwrap()).collect();
    let targets: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(bins, targets);
    for target in targets {
        let path = fuzz_dir().join("fuzz_targets").join(format!("{target}.rs"));
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.contains(&format!("run(\"{target}\", ")),
            "{}",
            path.display()
        );
    }
}
