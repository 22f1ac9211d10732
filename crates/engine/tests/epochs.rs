//! What a new epoch takes over from the one before, and what a start tells the engine.

mod desk;

use bytemuck::Zeroable;
use desk::{Desk, filled, only};
use pinrail_types::record::{
    AssetDef, EpochStart, InputReject, InstrumentDef, ListingDef, RuntimeEvent, RuntimeEventKind, Scope,
    StateChange, TradingState, VenueDef,
};
use pinrail_types::{AssetId, Cause, Frame, InstrumentId, Qty, Reason, SourceId};

#[test]
fn a_new_epoch_withdraws_what_was_open_and_refuses_old_ids_it_does_not_know() {
    let mut desk = Desk::active();
    let quote = desk.ask(0, b'1', 100).unwrap();
    let epoch = desk.engine.bounds().epoch_start(2);
    desk.put(epoch);
    while desk.engine.wants_continue() {
        desk.go_on();
    }
    assert_eq!(
        filled(&desk.put(Desk::order(&quote, b'1'))),
        Err(Reason::Withdrawn)
    );
    let mut lost = Desk::order(&quote, b'1');
    lost.quote_id.seq += 1_000;
    assert_eq!(filled(&desk.put(lost)), Err(Reason::QuoteEpochUnknown));
    assert_eq!(
        desk.ask(0, b'1', 1).map(|_| ()),
        Err(Reason::ReferenceMissing),
        "nobody has followed the venues' updates since"
    );
    desk.books();
    assert_eq!(desk.ask(0, b'1', 1).unwrap().quote_id.epoch, 2);
    assert_eq!(
        only::<InputReject>(&desk.put(epoch)).reason,
        Reason::BadDefinition.code(),
        "an epoch starts once"
    );
}

#[test]
fn an_epoch_of_another_size_or_behaviour_is_refused() {
    let mut desk = Desk::active();
    let good = desk.engine.bounds().epoch_start(2);
    let refused = |start: EpochStart| only::<InputReject>(&Desk::active().put(start)).reason;
    for start in [
        EpochStart {
            open_quotes_max: good.open_quotes_max + 1,
            ..good
        },
        EpochStart {
            sources_max: good.sources_max - 1,
            ..good
        },
        EpochStart {
            behaviour_version: good.behaviour_version + 1,
            ..good
        },
    ] {
        assert_eq!(refused(start), Reason::BadDefinition.code());
    }
    assert_eq!(desk.put(good).find::<InputReject>().count(), 0);
}

#[test]
fn definitions_given_again_change_nothing_and_others_are_refused() {
    let mut desk = Desk::active();
    desk.put(desk.engine.bounds().epoch_start(2));
    for mut frame in Desk::configuration() {
        let out = desk.put_again(&mut frame);
        assert!(out.find::<InputReject>().next().is_none(), "{frame:?}");
    }
    let changed = Desk::configuration().into_iter().filter_map(|frame| {
        if let Some(def) = frame.get::<VenueDef>() {
            return Some(Frame::of(&VenueDef {
                taker_fee_e8: def.taker_fee_e8 + 1,
                ..*def
            }));
        }
        if let Some(def) = frame.get::<ListingDef>() {
            return Some(Frame::of(&ListingDef {
                lot_multiple: def.lot_multiple + 1,
                ..*def
            }));
        }
        if let Some(def) = frame.get::<InstrumentDef>() {
            return Some(Frame::of(&InstrumentDef {
                tick_mantissa: def.tick_mantissa + 1,
                ..*def
            }));
        }
        let def = frame.get::<AssetDef>()?;
        Some(Frame::of(&AssetDef {
            exponent: def.exponent - 1,
            ..*def
        }))
    });
    let mut kinds = std::collections::BTreeSet::new();
    for mut frame in changed {
        let out = desk.put_again(&mut frame);
        assert_eq!(only::<InputReject>(&out).reason, Reason::BadDefinition.code());
        kinds.insert(frame.record_type().0);
    }
    assert_eq!(kinds.len(), 4);
}

#[test]
fn a_listing_says_in_which_lots_its_venue_is_hedged_on() {
    let mut desk = Desk::halted();
    let instrument = InstrumentId(1);
    desk.put(InstrumentDef {
        instrument,
        quote: AssetId(1),
        tick_mantissa: 1,
        tick_exponent: -2,
        lot_mantissa: 1,
        lot_exponent: -5,
        ..Zeroable::zeroed()
    });
    let mut list = |tick_multiple, lot_multiple| {
        let out = desk.put(ListingDef {
            instrument,
            tick_multiple,
            lot_multiple,
            ..Zeroable::zeroed()
        });
        out.find::<InputReject>().next().map(|reject| reject.reason)
    };
    for (tick, lot) in [(0, 10), (-1, 10), (10, 0), (10, -1), (10, Qty::ABS_MAX + 1)] {
        assert_eq!(
            list(tick, lot),
            Some(Reason::BadDefinition.code()),
            "{tick} {lot}"
        );
    }
    assert_eq!(list(10, 100), None);
    let venues = desk.engine.venues(instrument).unwrap();
    assert_eq!(
        venues
            .sources()
            .iter()
            .map(|source| source.lot)
            .collect::<Vec<_>>(),
        [Qty(100)]
    );
}

#[test]
fn a_poison_input_halts_the_desk_until_a_person_resumes_it() {
    let mut desk = Desk::active();
    let quote = desk.ask(0, b'1', 100).unwrap();
    let out = desk.put(RuntimeEvent {
        kind: RuntimeEventKind::PoisonInput.byte(),
        value: 7,
        ..Zeroable::zeroed()
    });
    let change = only::<StateChange>(&out);
    assert_eq!(
        (change.state, change.reason),
        (TradingState::Halted.byte(), Reason::PoisonInput.code())
    );
    assert_eq!(
        filled(&desk.put(Desk::order(&quote, b'1'))),
        Err(Reason::Withdrawn)
    );
    assert!(desk.engine.nothing_reserved());
    assert_eq!(desk.ask(0, b'1', 1).map(|_| ()), Err(Reason::PoisonInput));
    desk.set_state(Scope::Global, 0, TradingState::Active);
    assert!(desk.ask(0, b'1', 1).is_ok());
}

#[test]
fn an_input_that_is_skipped_has_no_effect_and_does_not_come_again() {
    let mut desk = Desk::active();
    let request = desk.request(0, b'1', 10);
    let mut frame = Frame::of(&request);
    frame.header_mut().cause = Cause::input(SourceId(0), 900);
    frame.header_mut().seq = desk.engine.next_seq();
    frame.header_mut().ts_core = desk.now;
    let before = (desk.engine.counts(), desk.engine.output_hash());
    desk.engine.skip(frame.header());
    assert_eq!((desk.engine.counts(), desk.engine.output_hash()), before);
    assert!(desk.engine.is_duplicate(frame.header().cause));
    assert_eq!(desk.engine.next_seq(), frame.header().seq + 1);
}
