//! A state that was changed is refused, or is the state that was read and no other.

mod desk;

use bytemuck::Zeroable;
use desk::{Desk, INSTRUMENT};
use pinrail_engine::{Bounds, Engine};
use pinrail_pricing::SweepPricer;
use pinrail_types::record::{InputReject, Trade};
use pinrail_types::state::StateError;
use pinrail_types::{Px, Qty, VenueId};

fn load(bounds: Bounds, words: &[u64]) -> Result<Engine<SweepPricer>, StateError> {
    Engine::load(bounds, SweepPricer::new(bounds.instruments), words)
}

fn trade(taker_side: u8, qty: i64) -> Trade {
    Trade {
        venue: VenueId(1),
        taker_side,
        px: Px(9_990),
        qty: Qty(qty),
        ..Trade::zeroed()
    }
}

#[test]
fn the_last_trade_is_kept_and_a_malformed_one_is_none() {
    let mut desk = Desk::active();
    desk.put(trade(b'2', 7));
    for malformed in [trade(b'2', 0), trade(b'3', 8), trade(b'1', Qty::ABS_MAX + 1)] {
        desk::only::<InputReject>(&desk.put(malformed));
    }
    let words = desk.engine.save();
    let loaded = load(*desk.engine.bounds(), &words).unwrap();
    for engine in [&desk.engine, &loaded] {
        let last = engine.venues(INSTRUMENT).unwrap().last_trade().unwrap();
        assert_eq!(
            (last.venue, last.taker_side, last.qty),
            (VenueId(1), b'2', Qty(7))
        );
        assert_eq!(last.header.ts_core, desk.now);
    }
}

#[test]
fn no_word_can_be_changed_into_another_state_than_the_one_that_is_read() {
    let mut desk = Desk::active();
    let quote = desk.ask(0, b'1', 100).unwrap();
    desk.ask(1, b'2', 50).unwrap();
    desk.put(Desk::order(&quote, b'1'));
    desk.put(trade(b'2', 7));
    let bounds = *desk.engine.bounds();
    let words = desk.engine.save();
    let mut same = load(bounds, &words).unwrap();
    assert_eq!(same.position(INSTRUMENT), desk.engine.position(INSTRUMENT));
    assert_eq!(same.save(), words);
    let mut refused = 0;
    for at in 0..words.len() {
        for change in [1, 2, 1 << 32, 1 << 63, u64::MAX] {
            let mut changed = words.clone();
            changed[at] ^= change;
            match load(bounds, &changed) {
                Ok(mut loaded) => assert!(loaded.save() == changed, "word {at} changed by {change:#x}"),
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > words.len(), "{refused} of {} words", words.len());
    for len in 0..words.len() {
        assert!(load(bounds, &words[..len]).is_err(), "cut at {len}");
    }
}

#[test]
fn there_is_no_engine_of_bounds_that_are_zero_or_beyond_all_memory() {
    assert_eq!(Bounds::default().check(), Ok(()));
    let change: [fn(&mut Bounds) -> &mut usize; 9] = [
        |bounds| &mut bounds.assets,
        |bounds| &mut bounds.instruments,
        |bounds| &mut bounds.venues,
        |bounds| &mut bounds.clients,
        |bounds| &mut bounds.open_quotes,
        |bounds| &mut bounds.book_levels,
        |bounds| &mut bounds.sources,
        |bounds| &mut bounds.orders,
        |bounds| &mut bounds.pages,
    ];
    let mut names = Vec::new();
    for (at, bound) in change.into_iter().enumerate() {
        let mut bounds = Bounds::default();
        *bound(&mut bounds) = u32::MAX as usize;
        names.extend(bounds.check().err());
        *bound(&mut bounds) = 0;
        assert_eq!(bounds.check().is_ok(), at == 2, "{bounds:?}");
    }
    assert_eq!(names.len(), 9);
}
