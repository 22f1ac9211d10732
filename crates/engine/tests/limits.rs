//! Limits as inputs: each is journaled, and what it refuses is refused with its own reason.

mod desk;

use bytemuck::Zeroable;
use desk::{Desk, filled, only};
use pinrail_engine::Engine;
use pinrail_pricing::SweepPricer;
use pinrail_types::record::{
    InputReject, InstrumentLimits, LimitKind, LimitOutcome, LimitSet, LimitStatus, QuoteStatusReport, Scope,
    StateChange, TradingState, TradingStateSet,
};
use pinrail_types::{Amount, Qty, Reason, Text, VenueId};

fn limit(kind: LimitKind, target: u32, value: i128, window_ns: u64) -> LimitSet {
    LimitSet {
        kind: kind.byte(),
        target,
        value: Amount::new(value),
        window_ns,
        actor: Text::new("ann").expect("short"),
        ..Zeroable::zeroed()
    }
}

/// Refused with this reason as soon as the limit is set, and by an engine that was loaded from a snapshot too.
fn refuses(set: LimitSet, reason: Reason) {
    let mut desk = Desk::active();
    desk.ask(0, b'1', 100).expect("a quote");
    let status: LimitStatus = only(&desk.put(set));
    assert_eq!((status.kind, status.actor), (set.kind, set.actor));
    let words = desk.engine.save();
    let bounds = *desk.engine.bounds();
    desk.engine = Engine::load(bounds, SweepPricer::new(bounds.instruments), &words).expect("what was saved");
    assert_eq!(desk.engine.save(), words);
    // A rate lets its first message pass.
    let first = desk.ask(0, b'1', 100);
    let outcome = if set.window_ns > 0 {
        desk.ask(0, b'1', 100)
    } else {
        first
    };
    assert_eq!(outcome.map(|_| ()), Err(reason));
}

#[test]
fn each_limit_refuses_with_its_own_reason_before_and_after_a_restart() {
    refuses(
        limit(LimitKind::NotionalMin, 0, 1 << 80, 0),
        Reason::NotionalBelowMin,
    );
    refuses(limit(LimitKind::Permitted, 0, 0, 0), Reason::Restricted);
    refuses(
        limit(LimitKind::ClientUnexecuted, 0, 100, 0),
        Reason::ClientUnexecuted,
    );
    refuses(
        limit(LimitKind::AssetUnexecuted, 1, 100, 0),
        Reason::AssetUnexecuted,
    );
    refuses(limit(LimitKind::ClientRate, 0, 1, 1_000), Reason::ClientRate);
    refuses(limit(LimitKind::SessionRate, 0, 1, 1_000), Reason::SessionRate);
    refuses(limit(LimitKind::OrderToTrade, 0, 1, 1_000), Reason::OrderToTrade);
    refuses(limit(LimitKind::GrossExposure, 1, 100, 0), Reason::GrossExposure);
    refuses(limit(LimitKind::NetExposure, 1, 100, 0), Reason::NetExposure);
}

#[test]
fn a_limit_of_nothing_known_is_refused_as_an_input() {
    let mut desk = Desk::active();
    let out = desk.put(limit(LimitKind::ClientRate, 77, 1, 1_000));
    assert_eq!(only::<InputReject>(&out).reason, Reason::UnknownClient.code());
}

#[test]
fn an_order_counts_as_a_message_and_a_pass_never_does() {
    let mut desk = Desk::active();
    desk.put(limit(LimitKind::ClientRate, 0, 2, 1_000));
    let quote = desk.ask(0, b'1', 100).unwrap();
    let other = desk.ask(0, b'1', 100).unwrap();
    assert_eq!(
        filled(&desk.put(Desk::order(&quote, b'1'))),
        Err(Reason::ClientRate)
    );
    assert_eq!(desk.put(Desk::pass(&other)).find::<InputReject>().count(), 0);
    desk.now += 500;
    assert!(filled(&desk.put(Desk::order(&quote, b'1'))).is_ok());
    assert!(desk.engine.nothing_reserved());
}

#[test]
fn a_session_that_the_desk_has_no_room_for_is_refused() {
    let mut desk = Desk::active();
    let mut request = desk.request(0, b'1', 100);
    request.session.0 = u16::MAX;
    assert_eq!(
        desk::answer(&desk.put(request)).map(|_| ()),
        Err(Reason::UnknownSession)
    );
}

#[test]
fn an_open_quote_cannot_be_taken_once_its_client_is_restricted() {
    let mut desk = Desk::active();
    let quote = desk.ask(0, b'1', 100).unwrap();
    desk.put(limit(LimitKind::Permitted, 0, 0, 0));
    assert_eq!(
        filled(&desk.put(Desk::order(&quote, b'1'))),
        Err(Reason::Restricted)
    );
    desk.put(Desk::pass(&quote));
    assert!(desk.engine.nothing_reserved());
}

/// The second venue's middle is far from the first's.
#[test]
fn venues_that_disagree_are_not_quoted_from() {
    let mut desk = Desk::active();
    desk.put(limit(LimitKind::VenueSpread, 0, 100_000, 0));
    assert!(desk.ask(0, b'1', 100).is_ok());
    desk.snapshot(VenueId(1), &[(10_004, 500)], &[(10_021, 500)]);
    let refused = desk.ask(0, b'1', 100).map(|_| ());
    assert_eq!(refused, Err(Reason::VenuesDisagree));
    desk.books();
    assert!(desk.ask(0, b'1', 100).is_ok());
}

/// Nobody asked while it moved, and yet it is noticed.
#[test]
fn a_reference_that_ran_away_is_not_quoted_at() {
    let mut desk = Desk::active();
    desk.put(limit(LimitKind::ReferenceMove, 0, 1_000_000, 1_600));
    desk.books();
    for venue in [VenueId(0), VenueId(1)] {
        desk.snapshot(venue, &[(10_190, 500)], &[(10_210, 500)]);
    }
    let refused = desk.ask(0, b'1', 100).map(|_| ());
    assert_eq!(refused, Err(Reason::ReferenceMoved));
    desk.now += 1_600;
    assert!(desk.ask(0, b'1', 100).is_ok());
}

#[test]
fn a_duplicate_order_is_refused_and_its_quote_stays_open() {
    let mut desk = Desk::active();
    desk.put(limit(LimitKind::DuplicateWindow, 0, 0, 100));
    let quotes = [0, 1].map(|_| desk.ask(0, b'1', 100).expect("a quote"));
    assert!(filled(&desk.put(Desk::order(&quotes[0], b'1'))).is_ok());
    let again = desk.put(Desk::order(&quotes[1], b'1'));
    assert_eq!(filled(&again), Err(Reason::DuplicateOrder));
    desk.now += 100;
    assert!(filled(&desk.put(Desk::order(&quotes[1], b'1'))).is_ok());
    assert!(desk.engine.nothing_reserved());
}

/// What latches is told of, withdraws what is open, refuses with its reason, also behind a new epoch, until somebody
/// with a name lifts it.
fn latches(set: LimitSet, scope: Scope, reason: Reason) {
    let mut desk = Desk::active();
    let quotes = [0, 1].map(|_| desk.ask(0, b'1', 100).expect("a quote"));
    desk.put(set);
    let out = desk.put(Desk::order(&quotes[0], b'1'));
    assert!(filled(&out).is_ok(), "a fill is never dropped");
    let change: StateChange = only(&out);
    assert_eq!((change.scope, change.reason), (scope.byte(), reason.code()));
    assert!(change.actor.is_empty());
    assert!(desk.engine.wants_continue());
    let withdrawn: QuoteStatusReport = only(&desk.go_on());
    assert_eq!(withdrawn.quote_id, quotes[1].quote_id);
    assert!(desk.engine.nothing_reserved());
    let epoch = desk.engine.bounds().epoch_start(2);
    desk.put(epoch);
    while desk.engine.wants_continue() {
        desk.go_on();
    }
    desk.books();
    assert_eq!(desk.ask(0, b'1', 100).map(|_| ()), Err(reason));
    let nobody = desk.put(TradingStateSet {
        scope: scope.byte(),
        ..Zeroable::zeroed()
    });
    assert_eq!(only::<InputReject>(&nobody).reason, Reason::ActorMissing.code());
    assert_eq!(desk.ask(0, b'1', 100).map(|_| ()), Err(reason));
    desk.set_state(scope, 0, TradingState::Active);
    assert!(desk.ask(0, b'1', 100).is_ok());
}

#[test]
fn each_latch_is_told_of_kept_over_a_restart_and_lifted_by_a_person() {
    let once = |kind, window_ns| limit(kind, 0, 1, window_ns);
    latches(
        once(LimitKind::Executions, 0),
        Scope::Instrument,
        Reason::ExecutionThrottle,
    );
    latches(
        once(LimitKind::ProtectionFills, 50),
        Scope::Instrument,
        Reason::ProtectionFills,
    );
    latches(
        once(LimitKind::ProtectionDelta, 50),
        Scope::Instrument,
        Reason::ProtectionDelta,
    );
}

/// A desk that is short, and whose reference then rises.
fn loses(kind: LimitKind, target: u32, scope: Scope, reason: Reason) {
    let mut desk = Desk::active();
    let quote = desk.ask(0, b'1', 100).expect("a quote");
    assert!(filled(&desk.put(Desk::order(&quote, b'1'))).is_ok());
    let open = desk.ask(1, b'1', 100).expect("a quote");
    desk.put(LimitSet {
        state: TradingState::Halted.byte(),
        ..limit(kind, target, 100_000, 0)
    });
    let mut out = Vec::new();
    for venue in [VenueId(0), VenueId(1)] {
        desk.now += 200_000_000;
        out.push(desk.snapshot(venue, &[(10_590, 500)], &[(10_610, 500)]));
    }
    let changes: Vec<StateChange> = out.iter().flat_map(pinrail_engine::Out::find).collect();
    let change = changes[0];
    assert_eq!(changes.len(), 1);
    assert_eq!(
        (change.scope, change.state, change.reason),
        (scope.byte(), TradingState::Halted.byte(), reason.code())
    );
    assert_eq!(desk.ask(0, b'1', 100).map(|_| ()), Err(reason));
    assert!(filled(&desk.put(Desk::order(&open, b'1'))).is_err());
    while desk.engine.wants_continue() {
        desk.go_on();
    }
    assert!(desk.engine.nothing_reserved());
}

#[test]
fn a_loss_halts_without_a_request() {
    loses(LimitKind::Loss, 0, Scope::Instrument, Reason::LossLimit);
    loses(LimitKind::Drawdown, 0, Scope::Instrument, Reason::Drawdown);
    loses(LimitKind::AssetLoss, 1, Scope::Global, Reason::DeskLoss);
    loses(LimitKind::AssetDrawdown, 1, Scope::Global, Reason::DeskDrawdown);
}

#[test]
fn nobody_lifts_a_latch_without_a_name() {
    let mut desk = Desk::active();
    let quote = desk.ask(0, b'1', 100).unwrap();
    desk.put(limit(LimitKind::Executions, 0, 1, 0));
    desk.put(Desk::order(&quote, b'1'));
    let nobody = |state: TradingState| TradingStateSet {
        scope: Scope::Instrument.byte(),
        state: state.byte(),
        ..Zeroable::zeroed()
    };
    for state in [TradingState::Active, TradingState::Reducing] {
        let out = desk.put(nobody(state));
        assert_eq!(only::<InputReject>(&out).reason, Reason::ActorMissing.code());
    }
    let stricter = desk.put(nobody(TradingState::Halted));
    assert_eq!(stricter.find::<InputReject>().count(), 0);
}

#[test]
fn a_limit_is_loosened_by_two_for_a_time_and_returns_by_itself() {
    let mut desk = Desk::active();
    desk.put(limit(LimitKind::ClientUnexecuted, 0, 100, 0));
    let end = desk.now + 500;
    let by = |actor: &str| LimitSet {
        actor: Text::new(actor).unwrap(),
        expires_at: end,
        ..limit(LimitKind::ClientUnexecuted, 0, 1 << 80, 0)
    };
    let outcome = |out: &pinrail_engine::Out| LimitOutcome::from_byte(only::<LimitStatus>(out).outcome);
    assert_eq!(outcome(&desk.put(by("ann"))), Some(LimitOutcome::Waiting));
    let again = desk.put(by("ann"));
    assert_eq!(
        only::<InputReject>(&again).reason,
        Reason::SecondActorNeeded.code()
    );
    assert_eq!(desk.ask(0, b'1', 100).map(|_| ()), Err(Reason::ClientUnexecuted));
    assert_eq!(outcome(&desk.put(by("bob"))), Some(LimitOutcome::InForce));
    desk.ask(0, b'1', 100).unwrap();
    assert_eq!(desk.engine.next_timer(), end);
    desk.now = end;
    assert_eq!(outcome(&desk.tick()), Some(LimitOutcome::Returned));
    assert_eq!(desk.ask(0, b'1', 100).map(|_| ()), Err(Reason::ClientUnexecuted));
}

/// A file that was loosened between two starts is no two people.
#[test]
fn a_start_does_not_loosen_what_is_in_force() {
    let mut desk = Desk::active();
    desk.put(desk.engine.bounds().epoch_start(2));
    let looser = InstrumentLimits {
        position_lots_max: Qty(200_000),
        ..Desk::limits()
    };
    let out = desk.put(looser);
    assert_eq!(only::<InputReject>(&out).reason, Reason::SecondActorNeeded.code());
    assert_eq!(desk.put(Desk::limits()).find::<InputReject>().count(), 0);
}
