//! What crashes leave, by the thousand: small journals live through a drawn history over a disk that keeps what is durable
//! apart from what is not, the power is cut or the process killed anywhere in it, and the real reader and the real start
//! must take what is left, hold everything that was called durable, and give back no wrong record.
//!
//! `scripts/crash-images` runs many; the tests here run a few thousand, and show that a build which breaks a rule is
//! caught.

mod check;
pub(crate) mod history;
mod images;
mod model;
mod retention;
pub(crate) mod tap;

use std::cell::Cell;

use images::Report;
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

type Random = Xoshiro256PlusPlus;

fn random(seed: u64) -> Random {
    Xoshiro256PlusPlus::seed_from_u64(seed)
}

/// One of `0..below`.
fn choose(draws: &mut Random, below: usize) -> usize {
    (draws.next_u64() % below as u64) as usize
}

/// A way to break the journal on purpose, to see that it is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sabotage {
    /// No record has a checksum, and none is asked for.
    ChecksumOff,
    /// Bytes of another epoch's segment of the same number have right checksums.
    SaltWithoutEpoch,
    /// A sync returns and did nothing.
    SyncSkipped,
    /// A record is shown before it is written.
    CommitWordFirst,
    /// What is stored with release is stored relaxed.
    ReleaseLeftOut,
    /// What is loaded with acquire is loaded relaxed.
    AcquireLeftOut,
    /// A segment is shown before its header is written.
    MagicFirst,
    /// A segment ends before the next one begins.
    EndBeforeHeader,
    /// Batches have no mark.
    MarkLeftOut,
    /// Marks call nothing durable.
    MarkVouchesForNothing,
    /// A new segment is an old one, not zeros.
    StaleSegment,
}

thread_local! {
    static SABOTAGE: Cell<Option<Sabotage>> = const { Cell::new(None) };
}

impl Sabotage {
    /// Breaks the journal on this thread, until the next call.
    pub(crate) fn set(sabotage: Option<Sabotage>) {
        SABOTAGE.set(sabotage);
    }

    pub(crate) fn is_on(self) -> bool {
        SABOTAGE.get() == Some(self)
    }

    /// `broken` if this is on, else `whole`.
    pub(crate) fn or<T>(self, whole: T, broken: T) -> T {
        if self.is_on() { broken } else { whole }
    }
}

/// Runs histories from `seed` on until there are `images` images, and truncates a segment of each `truncate_each`th.
fn run(first_seed: u64, images: u64, truncate_each: u64) -> Report {
    let mut report = Report::default();
    let mut seed = first_seed;
    while report.images() < images {
        images::of_seed(seed, 100, &mut report);
        if seed.is_multiple_of(truncate_each) {
            images::truncated(seed, 37, &mut report);
        }
        seed += 1;
    }
    report
}

fn assert_nothing_broken(report: &Report) {
    println!("{}", report.table());
    assert!(report.broken.is_empty(), "{:#?}", report.broken);
}

#[test]
fn nothing_that_was_durable_is_lost_and_nothing_wrong_is_given_back() {
    let report = run(1, 2000, 8);
    assert_nothing_broken(&report);
    assert_eq!(report.counts.len(), 22, "every class has images");
}

/// As many images as the environment says, on two threads; and whole segments truncated at every byte.
#[test]
fn as_many_images_as_are_asked_for() {
    let Ok(images) = std::env::var("PINRAIL_CRASH_IMAGES") else {
        println!("skipped: PINRAIL_CRASH_IMAGES says how many");
        return;
    };
    let images: u64 = images.parse().expect("a number of images");
    let mut report = Report::default();
    std::thread::scope(|scope| {
        let other = scope.spawn(|| run(1 << 32, images / 2, u64::MAX));
        report.merge(run(1 << 40, images - images / 2, u64::MAX));
        for seed in 0..4 {
            images::truncated(seed, 1, &mut report);
        }
        report.merge(other.join().expect("no panic"));
    });
    assert_nothing_broken(&report);
}

/// Runs images of a broken build until a broken rule says `what`.
fn assert_caught(sabotage: Sabotage, what: &str) {
    Sabotage::set(Some(sabotage));
    let mut told = Vec::new();
    for seed in 1..40 {
        let mut report = Report::default();
        images::of_seed(seed, 100, &mut report);
        told.extend(report.broken);
        if told.iter().any(|rule| rule.contains(what)) {
            Sabotage::set(None);
            return;
        }
    }
    Sabotage::set(None);
    panic!("{sabotage:?} is not caught by \"{what}\": {told:#?}");
}

#[test]
fn no_checksum_is_caught() {
    assert_caught(Sabotage::ChecksumOff, "wrong record");
}

#[test]
fn a_salt_without_the_epoch_is_caught() {
    assert_caught(Sabotage::SaltWithoutEpoch, "wrong record");
}

#[test]
fn a_skipped_sync_is_caught() {
    assert_caught(Sabotage::SyncSkipped, "were durable");
}

#[test]
fn a_commit_word_that_is_written_first_is_caught() {
    assert_caught(Sabotage::CommitWordFirst, "kill: anywhere");
}

#[test]
fn a_mark_that_is_left_out_is_caught() {
    assert_caught(Sabotage::MarkLeftOut, "were durable");
}

#[test]
fn a_mark_that_vouches_for_nothing_is_caught() {
    assert_caught(Sabotage::MarkVouchesForNothing, "damage: a bit flipped");
}

#[test]
fn a_segment_that_is_used_again_is_caught() {
    assert_caught(Sabotage::StaleSegment, "torn, though nothing was");
}
