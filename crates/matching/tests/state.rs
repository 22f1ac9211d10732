//! A matcher that is saved and read back, also in the middle of long work, goes on as if nothing had happened.

#![allow(clippy::unwrap_used, reason = "tests")]

use pinrail_matching::twin::{Domain, Engine, Message, Tape};
use pinrail_matching::{Bounds, Matcher};
use pinrail_types::state::{Load, Save, StateError};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

const DOMAIN: Domain = Domain::SMALL;
const BOUNDS: Bounds = Bounds {
    books: DOMAIN.books as usize,
    orders: 40,
    pages: 1024,
    steps: 1,
};

fn saved(matcher: &mut Matcher) -> Vec<u64> {
    let mut save = Save::default();
    matcher.visit(&mut save).unwrap();
    save.words
}

fn loaded(words: &[u64]) -> Result<Matcher, StateError> {
    let mut matcher = Matcher::new(BOUNDS);
    let mut load = Load::new(words);
    matcher.visit(&mut load)?;
    load.end()?;
    Ok(matcher)
}

/// What a matcher says and is, told random messages; with `reads_back` it is saved and read back at every tenth look.
fn run(seed: u64, messages: usize, reads_back: bool) -> (Vec<u64>, usize, usize) {
    let mut draws = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut matcher = Matcher::new(BOUNDS);
    DOMAIN.open(&mut matcher);
    let (mut tape, mut now, mut said, mut busy) = (Tape::default(), 1, 0, 0);
    for _ in 0..messages {
        let mut bytes = [0; Domain::MESSAGE_BYTES];
        draws.fill_bytes(&mut bytes);
        let message = DOMAIN.message(now, &bytes);
        if let Message::Advance(ts) = message {
            now = ts;
        }
        let _ = matcher.send(&message, &mut tape);
        loop {
            if draws.next_u32().is_multiple_of(10) && reads_back {
                let words = saved(&mut matcher);
                busy += usize::from(matcher.is_busy());
                matcher = loaded(&words).unwrap();
                assert_eq!(saved(&mut matcher), words);
            }
            if !matcher.is_busy() {
                break;
            }
            matcher.go_on(&mut tape);
        }
        matcher.audit();
        said += std::mem::take(&mut tape.said).len();
    }
    (saved(&mut matcher), said, busy)
}

#[test]
fn a_matcher_that_is_read_back_goes_on_as_before() {
    for seed in 0..4 {
        let (words, said, busy) = run(seed, 20_000, true);
        let (words_unread, said_unread, _) = run(seed, 20_000, false);
        assert_eq!((words, said), (words_unread, said_unread));
        assert!(
            said > 5_000 && busy > 100,
            "{said} sayings, {busy} in the middle of work"
        );
    }
}

#[test]
fn words_that_are_no_state_are_refused_or_make_a_sound_matcher() {
    let (words, _, _) = run(9, 3_000, false);
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
        match loaded(&bad) {
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
    assert!(loaded(&words[..words.len() - 1]).is_err());
}
