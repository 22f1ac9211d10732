//! Each limit that is set by a record: at, below and above its bound.

use pinrail_types::{SessionId, VenueId};

use super::*;

fn reserve(risk: &mut Risk, qty: i64) -> Result<Amount, Reason> {
    risk.reserve(&ask(None, qty), &offer(REF.0), 0)
}

#[test]
fn notional_min_at_below_and_above_its_bound() {
    let mut risk = with(LimitKind::NotionalMin, worth(100), 0);
    assert_eq!(reserve(&mut risk, 95), Err(Reason::NotionalBelowMin));
    assert!(reserve(&mut risk, 100).is_ok());
    assert!(reserve(&mut risk, 105).is_ok());
}

#[test]
fn a_restricted_pair_is_refused_and_no_other() {
    let mut risk = with(LimitKind::Permitted, 0, 0);
    let buy = ask(Some(Side::Buy), 10);
    assert_eq!(risk.check_ask(&buy), Err(Reason::Restricted));
    assert_eq!(risk.check_fill(&buy, 0), Err(Reason::Restricted));
    let other = ClientDef {
        client: ClientId(1),
        ..bytemuck::Zeroable::zeroed()
    };
    risk.set_client(&other).unwrap();
    let of_other = Ask {
        client: ClientId(1),
        ..buy
    };
    assert!(risk.check_ask(&of_other).is_ok());
    for actor in ["ann", "bob"] {
        let lift = LimitSet {
            actor: Text::new(actor).unwrap(),
            ..limit(LimitKind::Permitted, i128::MAX, 0)
        };
        assert_eq!(risk.check_ask(&buy), Err(Reason::Restricted));
        risk.set_limit(&lift, 0).unwrap();
    }
    assert!(risk.check_ask(&buy).is_ok());
}

#[test]
fn the_restricted_list_is_bounded() {
    let mut list = crate::restricted::Restricted::new();
    let pair = |n: usize| (ClientId(n as u32 / 64), InstrumentId(n as u32 % 64));
    for n in 0..crate::RESTRICTED_MAX {
        let (client, instrument) = pair(n);
        list.set(client, instrument, true).unwrap();
    }
    let (client, instrument) = pair(crate::RESTRICTED_MAX);
    assert_eq!(list.set(client, instrument, true), Err(Reason::TableFull));
    let (first, of) = pair(0);
    list.set(first, of, true).unwrap();
    list.set(first, of, false).unwrap();
    list.set(client, instrument, true).unwrap();
    assert!(list.has(client, instrument) && !list.has(first, of) && list.has_client(first));
}

#[test]
fn client_unexecuted_at_below_and_above_its_bound() {
    let mut risk = with(LimitKind::ClientUnexecuted, worth(300), 0);
    let held = reserve(&mut risk, 200).unwrap();
    assert_eq!(reserve(&mut risk, 105), Err(Reason::ClientUnexecuted));
    assert!(reserve(&mut risk, 95).is_ok());
    assert_eq!(reserve(&mut risk, 10), Err(Reason::ClientUnexecuted));
    risk.release(&ask(None, 200), Px::NONE, REF, held);
    assert!(reserve(&mut risk, 205).is_ok());
    assert_eq!(reserve(&mut risk, 10), Err(Reason::ClientUnexecuted));
}

#[test]
fn asset_unexecuted_at_below_and_above_its_bound() {
    let mut risk = with(LimitKind::AssetUnexecuted, worth(300), 0);
    let held = reserve(&mut risk, 200).unwrap();
    assert_eq!(reserve(&mut risk, 105), Err(Reason::AssetUnexecuted));
    assert!(reserve(&mut risk, 100).is_ok());
    risk.release(&ask(None, 200), Px::NONE, REF, held);
    assert!(reserve(&mut risk, 200).is_ok());
    assert_eq!(reserve(&mut risk, 10), Err(Reason::AssetUnexecuted));
}

/// Three in 10 ns: one comes back each 4 ns.
#[test]
fn a_rate_at_below_and_above_its_bound() {
    for (kind, reason) in [
        (LimitKind::ClientRate, Reason::ClientRate),
        (LimitKind::SessionRate, Reason::SessionRate),
    ] {
        let mut risk = with(kind, 3, 10);
        let mut admit = |now| risk.admit_order(SessionId(7), ClientId(0), now);
        assert_eq!([admit(100), admit(100), admit(100)], [Ok(()); 3], "{kind:?}");
        assert_eq!([admit(100), admit(103)], [Err(reason); 2], "{kind:?}");
        assert_eq!(admit(104), Ok(()), "what was refused took no token");
        assert_eq!(
            [admit(104), admit(107), admit(108)],
            [Err(reason), Err(reason), Ok(())]
        );
        assert_eq!(
            [admit(1_000), admit(1_000), admit(1_000)],
            [Ok(()); 3],
            "full again"
        );
        assert_eq!(admit(1_000), Err(reason));
        assert_eq!(
            risk.admit_order(SessionId(8), ClientId(0), 1_000),
            if kind == LimitKind::SessionRate {
                Ok(())
            } else {
                Err(reason)
            },
            "each session has its own, a client one over all"
        );
    }
}

/// What a rate of one in a thousand seconds left to be waited for does not outlast it.
#[test]
fn a_loosened_rate_forgets_what_it_could_not_owe_itself() {
    for (kind, reason) in [
        (LimitKind::ClientRate, Reason::ClientRate),
        (LimitKind::SessionRate, Reason::SessionRate),
    ] {
        let mut risk = with(kind, 1, 1_000_000_000_000);
        assert_eq!(risk.admit_order(SessionId(7), ClientId(0), 100), Ok(()));
        loosen(&mut risk, kind);
        let mut admit = |now| risk.admit_order(SessionId(7), ClientId(0), now);
        assert_eq!(
            [admit(100), admit(103), admit(104)],
            [Err(reason), Err(reason), Ok(())]
        );
    }
    let mut risk = with(LimitKind::VenueRate, 1, 1_000_000_000_000);
    risk.venues.owe(VenueId(0), 100);
    loosen(&mut risk, LimitKind::VenueRate);
    let mut take = |now| risk.venues.take(VenueId(0), now);
    assert_eq!([take(103), take(104)], [false, true]);
    // What cancels owe is not forgiven to whoever sets the same once more.
    for _ in 0..10 {
        risk.venues.owe(VenueId(0), 104);
    }
    risk.set_limit(&limit(LimitKind::VenueRate, 3, 10), 104).unwrap();
    assert!(!risk.venues.take(VenueId(0), 124));
}

/// Two people make it three in 10 ns.
fn loosen(risk: &mut Risk, kind: LimitKind) {
    for actor in ["ann", "bob"] {
        let actor = Text::new(actor).unwrap();
        let set = limit(kind, 3, 10);
        risk.set_limit(&LimitSet { actor, ..set }, 100).unwrap();
    }
}

#[test]
fn sessions_are_bounded() {
    let mut risk = risk();
    let last = SessionId(crate::SESSIONS_MAX as u16 - 1);
    assert_eq!(risk.admit_order(last, ClientId(0), 1), Ok(()));
    let beyond = SessionId(crate::SESSIONS_MAX as u16);
    assert_eq!(
        risk.admit_order(beyond, ClientId(0), 1),
        Err(Reason::UnknownSession)
    );
}

#[test]
fn a_limit_that_is_none_of_its_kind_is_refused() {
    let mut risk = risk();
    let bad = Err(Reason::BadField);
    let mut refused = |kind, spoil: fn(&mut LimitSet)| {
        let mut set = limit(kind, 0, 0);
        spoil(&mut set);
        risk.set_limit(&set, 0).map(|_| ())
    };
    assert_eq!(
        refused(LimitKind::NotionalMin, |l| l.value = Amount::new(-1)),
        bad
    );
    assert_eq!(refused(LimitKind::NotionalMin, |l| l.window_ns = 1), bad);
    assert_eq!(refused(LimitKind::NotionalMin, |l| l.state = 1), bad);
    assert_eq!(refused(LimitKind::NotionalMin, |l| l.instrument.0 = 1), bad);
    assert_eq!(refused(LimitKind::NotionalMin, |l| l.kind = 0xff), bad);
    assert_eq!(refused(LimitKind::Permitted, |l| l.value = Amount::new(1)), bad);
    assert_eq!(refused(LimitKind::ClientRate, |l| l.value = Amount::new(1)), bad);
    assert_eq!(refused(LimitKind::ClientRate, |l| l.window_ns = 1), bad);
    assert_eq!(refused(LimitKind::SessionRate, |l| l.target = 1), bad);
    for (kind, reason) in [
        (LimitKind::NotionalMin, Reason::UnknownInstrument),
        (LimitKind::ClientUnexecuted, Reason::UnknownClient),
        (LimitKind::AssetUnexecuted, Reason::UnknownAsset),
    ] {
        let found = refused(kind, |l| {
            (l.target, l.value) = (9, Amount::new(1));
        });
        assert_eq!(found, Err(reason));
    }
    let pair = refused(LimitKind::Permitted, |l| l.instrument.0 = 9);
    assert_eq!(pair, Err(Reason::UnknownInstrument));
}

#[test]
fn a_limit_can_be_taken_away_unless_it_is_required() {
    for kind in LimitKind::ALL {
        let none = if kind.is_least() { 0 } else { LimitSet::NONE.get() };
        let taken = risk().set_limit(&limit(*kind, none, 0), 0).map(|_| ());
        let expected = if kind.is_required() {
            Err(Reason::BadField)
        } else {
            Ok(())
        };
        assert_eq!(taken, expected, "{kind:?}");
    }
}

/// The middles are 9,990 and up.
#[test]
fn venue_spread_at_below_and_above_its_bound() {
    let mut risk = with(LimitKind::VenueSpread, 100_000, 0);
    let mut quote = |high| {
        let quoted = Quoted {
            mids: (Px(10_000), Px(high)),
            ..offer(REF.0)
        };
        risk.reserve(&ask(None, 10), &quoted, 0).map(|_| ())
    };
    assert_eq!(quote(10_009), Ok(()));
    assert_eq!(quote(10_010), Ok(()));
    assert_eq!(quote(10_011), Err(Reason::VenuesDisagree));
}

/// One per cent within 160 ns: a sample each 10 ns.
#[test]
fn reference_move_at_below_and_above_its_bound() {
    let mut risk = with(LimitKind::ReferenceMove, i128::from(E8 / 100), 160);
    let mut quote = |ref_px, now| {
        let quoted = Quoted {
            ref_px: Px(ref_px),
            mids: (Px(ref_px), Px(ref_px)),
            ..offer(ref_px & !1)
        };
        risk.reserve(&ask(None, 10), &quoted, now).map(|_| ())
    };
    let moved = Err(Reason::ReferenceMoved);
    assert_eq!(quote(10_000, 1_000), Ok(()));
    assert_eq!(
        [quote(10_099, 1_001), quote(10_100, 1_001), quote(10_101, 1_001)],
        [Ok(()), Ok(()), moved]
    );
    assert_eq!([quote(9_900, 1_002), quote(9_899, 1_002)], [Ok(()), moved]);
    assert_eq!(quote(10_101, 1_159), moved, "the first sample is still within");
    assert_eq!(
        quote(10_101, 1_169),
        Ok(()),
        "and now it is not, nor was any refused reference lost"
    );
}

/// Whoever sets the limit again, or a tighter one, must not thereby let a reference pass that ran away.
#[test]
fn samples_are_kept_when_the_limit_is_set_again() {
    let one_percent = i128::from(E8 / 100);
    for (value, window_ns) in [(one_percent, 160), (one_percent / 2, 160), (one_percent, 1_600)] {
        let mut risk = with(LimitKind::ReferenceMove, one_percent, 160);
        risk.show(InstrumentId(0), Px(10_200), 1_000);
        risk.set_limit(&limit(LimitKind::ReferenceMove, value, window_ns), 1_001)
            .unwrap();
        assert_eq!(risk.next_sample(InstrumentId(0)), 1_000 + window_ns / 16);
        let refused = risk.reserve(&ask(None, 10), &offer(10_000), 1_002);
        assert_eq!(refused, Err(Reason::ReferenceMoved), "{value} in {window_ns} ns");
    }
}

/// Of a shorter window only what is within it counts, at once.
#[test]
fn a_shorter_window_forgets_what_is_outside_of_it() {
    let mut risk = with(LimitKind::ReferenceMove, i128::from(E8 / 100), 1_600);
    risk.show(InstrumentId(0), Px(10_200), 1_000);
    risk.show(InstrumentId(0), Px(10_000), 1_100);
    let shorter = limit(LimitKind::ReferenceMove, i128::from(E8 / 100), 100);
    for (actor, expected) in [("ann", Err(Reason::ReferenceMoved)), ("bob", Ok(()))] {
        let actor = Text::new(actor).unwrap();
        risk.set_limit(&LimitSet { actor, ..shorter }, 1_101).unwrap();
        let quoted = risk.reserve(&ask(None, 10), &offer(10_000), 1_101);
        assert_eq!(quoted.map(|_| ()), expected);
    }
    let far = Quoted {
        ref_px: Px(10_200),
        ..offer(10_200)
    };
    let refused = risk.reserve(&ask(None, 10), &far, 1_101);
    assert_eq!(refused, Err(Reason::ReferenceMoved), "what is inside is kept");
}

#[test]
fn the_reference_is_sampled_without_requests_too() {
    let mut risk = with(LimitKind::ReferenceMove, i128::from(E8 / 100), 160);
    assert_eq!(risk.next_sample(InstrumentId(0)), 0);
    risk.show(InstrumentId(0), Px(10_200), 1_000);
    assert_eq!(risk.next_sample(InstrumentId(0)), 1_010);
    let refused = risk.reserve(&ask(None, 10), &offer(10_000), 1_100);
    assert_eq!(refused, Err(Reason::ReferenceMoved));
}

#[test]
fn duplicate_order_within_and_behind_its_window() {
    let mut risk = with(LimitKind::DuplicateWindow, 0, 100);
    let buy = ask(Some(Side::Buy), 10);
    assert_eq!(risk.check_fill(&buy, 1_000), Ok(()));
    fill(&mut risk, Side::Buy, 10, 10_000, 1_000);
    assert_eq!(risk.check_fill(&buy, 1_000), Err(Reason::DuplicateOrder));
    assert_eq!(risk.check_fill(&buy, 1_099), Err(Reason::DuplicateOrder));
    assert_eq!(risk.check_fill(&buy, 1_100), Ok(()));
    assert_eq!(risk.check_fill(&ask(Some(Side::Sell), 10), 1_000), Ok(()));
    assert_eq!(risk.check_fill(&ask(Some(Side::Buy), 15), 1_000), Ok(()));
}

/// What there is no room to remember is refused; without the check it is not.
#[test]
fn a_full_table_of_orders_refuses() {
    for (omitted, expected) in [
        (None, Some(Reason::DuplicatesFull)),
        (Some(crate::Check::DuplicatesFull), None),
    ] {
        let mut risk = with(LimitKind::DuplicateWindow, 0, 100);
        risk.omitted.check = omitted;
        let refused = (1..20_000).find_map(|lots| {
            let refused = risk.check_fill(&ask(Some(Side::Buy), lots), 1_000).err();
            fill(&mut risk, Side::Buy, lots, 10_000, 1_000);
            refused
        });
        assert_eq!(refused, expected);
        let later = risk.check_fill(&ask(Some(Side::Buy), 1), 1_100);
        assert_eq!(later, Ok(()), "a window later there is room");
    }
}

#[test]
fn order_to_trade_at_below_and_above_its_bound() {
    let mut risk = with(LimitKind::OrderToTrade, 3, 100);
    let session = SessionId(0);
    let request = |risk: &mut Risk, now| risk.admit_message(session, ClientId(0), now);
    assert_eq!([0, 1, 2].map(|_| request(&mut risk, 1_000)), [Ok(()); 3]);
    assert_eq!(request(&mut risk, 1_001), Err(Reason::OrderToTrade));
    assert_eq!(
        risk.admit_order(session, ClientId(0), 1_002),
        Ok(()),
        "an order is never refused for it"
    );
    fill(&mut risk, Side::Buy, 10, 10_000, 1_002);
    assert_eq!(request(&mut risk, 1_003), Err(Reason::OrderToTrade), "4 for 1");
    fill(&mut risk, Side::Buy, 10, 10_000, 1_004);
    assert_eq!([0, 1].map(|_| request(&mut risk, 1_005)), [Ok(()); 2]);
    assert_eq!(request(&mut risk, 1_099), Err(Reason::OrderToTrade), "6 for 2");
    assert_eq!(request(&mut risk, 1_100), Ok(()), "another window");
}

#[test]
fn gross_exposure_at_below_and_above_its_bound() {
    let mut risk = with(LimitKind::GrossExposure, worth(300), 0);
    fill(&mut risk, Side::Buy, 200, 10_000, 0);
    assert!(risk.reserve(&ask(None, 100), &offer(REF.0), 0).is_ok());
    assert_eq!(
        risk.reserve(&ask(None, 10), &offer(REF.0), 0),
        Err(Reason::GrossExposure)
    );
    assert!(
        risk.reserve(&ask(None, 400), &bid(REF.0), 0).is_ok(),
        "gross is no greater"
    );
    assert!(risk.reserve(&ask(None, 100), &bid(REF.0), 0).is_ok());
    assert_eq!(
        risk.reserve(&ask(None, 10), &bid(REF.0), 0),
        Err(Reason::GrossExposure)
    );
}

#[test]
fn net_exposure_at_below_and_above_its_bound() {
    let mut risk = with(LimitKind::NetExposure, worth(300), 0);
    fill(&mut risk, Side::Sell, 200, 10_000, 0);
    assert!(risk.reserve(&ask(None, 95), &bid(REF.0), 0).is_ok());
    assert!(risk.reserve(&ask(None, 500), &offer(REF.0), 0).is_ok());
    assert_eq!(
        risk.reserve(&ask(None, 10), &offer(REF.0), 0),
        Err(Reason::NetExposure)
    );
    assert_eq!(
        risk.reserve(&ask(None, 10), &bid(REF.0), 0),
        Err(Reason::NetExposure)
    );
    fill(&mut risk, Side::Buy, 5, 10_000, 0);
    assert!(risk.reserve(&ask(None, 10), &bid(REF.0), 0).is_ok());
}
