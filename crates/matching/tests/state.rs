//! A matcher that is saved and read back, also in the middle of long work, goes on as if nothing had happened.

#![allow(clippy::unwrap_used, reason = "tests")]

use pinrail_matching::twin::{Domain, Engine, Message, Tape};
use pinrail_matching::{Bounds, Matcher};
use pinrail_types::Reason;
use pinrail_types::state::{Load, Save, StateError};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

const NEAR: Domain = Domain::SMALL;
const BOUNDS: Bounds = Bounds {
    books: NEAR.books as usize,
    orders: 40,
    pages: 1024,
    steps: 1,
};
/// Prices so far apart, and so few pages, that there is often no room for another.
const FAR: Domain = Domain {
    px_span: 1 << 44,
    ids: 200,
    ..NEAR
};
const TIGHT: Bounds = Bounds {
    orders: 200,
    pages: 140,
    ..BOUNDS
};

fn saved(matcher: &mut Matcher) -> Vec<u64> {
    let mut save = Save::default();
    matcher.visit(&mut save).unwrap();
    save.words
}

fn loaded(bounds: Bounds, words: &[u64]) -> Result<Matcher, StateError> {
    let mut matcher = Matcher::new(bounds);
    let mut load = Load::new(words);
    matcher.visit(&mut load)?;
    load.end()?;
    Ok(matcher)
}

/// What became of a run.
#[derive(Default)]
struct Run {
    words: Vec<u64>,
    said: usize,
    /// It was read back so often in the middle of work.
    busy: usize,
    /// Orders that found no room, by message.
    full: Vec<usize>,
}

/// What a matcher says and is, told random messages; with `reads_back` it is saved and read back at every tenth look.
fn run(domain: Domain, bounds: Bounds, seed: u64, messages: usize, reads_back: bool) -> Run {
    let mut draws = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut matcher = Matcher::new(bounds);
    domain.open(&mut matcher);
    let (mut tape, mut now, mut run) = (Tape::default(), 1, Run::default());
    for at in 0..messages {
        let mut bytes = [0; Domain::MESSAGE_BYTES];
        draws.fill_bytes(&mut bytes);
        let message = domain.message(now, &bytes);
        if let Message::Advance(ts) = message {
            now = ts;
        }
        if matcher.send(&message, &mut tape) == Err(Reason::BookFull) {
            run.full.push(at);
        }
        loop {
            if draws.next_u32().is_multiple_of(10) && reads_back {
                let words = saved(&mut matcher);
                run.busy += usize::from(matcher.is_busy());
                matcher = loaded(bounds, &words).unwrap();
                assert_eq!(saved(&mut matcher), words);
            }
            if !matcher.is_busy() {
                break;
            }
            matcher.go_on(&mut tape);
        }
        matcher.audit();
        run.said += std::mem::take(&mut tape.said).len();
    }
    run.words = saved(&mut matcher);
    run
}

fn compare(domain: Domain, bounds: Bounds, seed: u64) -> Run {
    let (read, unread) = (
        run(domain, bounds, seed, 20_000, true),
        run(domain, bounds, seed, 20_000, false),
    );
    assert_eq!(read.full, unread.full);
    assert_eq!((&read.words, read.said), (&unread.words, unread.said));
    read
}

#[test]
fn a_matcher_that_is_read_back_goes_on_as_before() {
    for seed in 0..4 {
        let Run { said, busy, .. } = compare(NEAR, BOUNDS, seed);
        assert!(
            said > 5_000 && busy > 100,
            "{said} sayings, {busy} in the middle of work"
        );
    }
}

#[test]
fn there_is_as_much_room_for_prices_as_before() {
    for seed in 0..4 {
        let Run { full, .. } = compare(FAR, TIGHT, seed);
        assert!(full.len() > 100, "{} found no room", full.len());
    }
}

#[test]
fn words_that_are_no_state_are_refused_or_make_a_sound_matcher() {
    let words = run(NEAR, BOUNDS, 9, 3_000, false).words;
    let mut draws = Xoshiro256PlusPlus::seed_from_u64(1);
    let (mut refused, mut taken) = (0, 0);
    for _ in 0..4_000 {
        let mut bad = words.clone();
        let at = draws.next_u32() as usize % bad.len();
        bad[at] = match draws.next_u32() % 4 {
            0 => bad[at] ^ 1 << (draws.next_u32() % 64),
            1 => u64::MAX,
            2 => 0,
            _ => draws.next_u64(),
        };
        match loaded(BOUNDS, &bad) {
            Err(_) => refused += 1,
            Ok(matcher) => {
                if !matcher.is_busy() {
                    matcher.audit();
                }
                taken += 1;
            }
        }
    }
    assert!(refused > 500 && taken > 100, "{refused} refused, {taken} taken");
    assert!(loaded(BOUNDS, &words[..words.len() - 1]).is_err());
}
