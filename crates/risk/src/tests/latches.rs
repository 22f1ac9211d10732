//! What latches: at, below and above its bound, told of once, lifted by a named person only, kept in a snapshot.

use pinrail_types::SessionId;
use pinrail_types::state::{Load, Save};

use crate::latch::Latch;

use super::*;

fn halted(reason: Reason) -> Latch {
    Latch {
        scope: Scope::Instrument,
        target: 0,
        state: TradingState::Halted,
        reason,
    }
}

fn asks(risk: &Risk) -> Result<(), Reason> {
    risk.check_ask(&ask(Some(Side::Buy), 10)).map(|_| ())
}

fn restarted(risk: &mut Risk) -> Risk {
    let mut save = Save::default();
    risk.visit(&mut save).unwrap();
    let mut loaded = Risk::new(&RiskBounds {
        venues: 1,
        instruments: 1,
        clients: 2,
        assets: 2,
    });
    let mut load = Load::new(&save.words);
    loaded.visit(&mut load).unwrap();
    load.end().unwrap();
    loaded
}

/// It refuses with its reason, also behind a restart, until somebody with a name turns it on.
fn stays_until_a_person_lifts_it(risk: &mut Risk, scope: Scope, reason: Reason) {
    assert_eq!(risk.latched(), None, "told of once");
    assert_eq!(asks(risk), Err(reason));
    let mut risk = restarted(risk);
    assert_eq!(asks(&risk), Err(reason));
    // Nor after somebody without a name has set what is as strict.
    risk.set_state(scope, 0, TradingState::Halted, &Text::EMPTY)
        .unwrap();
    let nobody = risk.set_state(scope, 0, TradingState::Active, &Text::EMPTY);
    assert_eq!(nobody, Err(Reason::ActorMissing));
    assert_eq!(asks(&risk), Err(reason));
    set(&mut risk, scope, TradingState::Active);
    assert_eq!(asks(&risk), Ok(()));
}

#[test]
fn the_execution_throttle_halts_at_its_bound_until_a_person_turns_it_on() {
    let mut risk = with(LimitKind::Executions, 2, 0);
    fill(&mut risk, Side::Buy, 10, 10_000, 0);
    assert_eq!((risk.latched(), asks(&risk)), (None, Ok(())));
    // What is active already is not turned on: nothing is forgotten.
    set(&mut risk, Scope::Instrument, TradingState::Active);
    fill(&mut risk, Side::Sell, 10, 10_000, 1 << 60);
    assert_eq!(risk.latched(), Some(halted(Reason::ExecutionThrottle)));
    stays_until_a_person_lifts_it(&mut risk, Scope::Instrument, Reason::ExecutionThrottle);
    set(&mut risk, Scope::Instrument, TradingState::Active);
    fill(&mut risk, Side::Buy, 10, 10_000, 1 << 60);
    assert_eq!(risk.latched(), None, "counted anew");
}

#[test]
fn fills_within_a_window_freeze_the_instrument() {
    let mut risk = with(LimitKind::ProtectionFills, 3, 100);
    for now in [1_000, 1_050, 1_100] {
        fill(&mut risk, Side::Buy, 10, 10_000, now);
        assert_eq!(risk.latched(), None, "at {now}");
    }
    fill(&mut risk, Side::Buy, 10, 10_000, 1_149);
    assert_eq!(risk.latched(), Some(halted(Reason::ProtectionFills)));
    stays_until_a_person_lifts_it(&mut risk, Scope::Instrument, Reason::ProtectionFills);
}

#[test]
fn net_delta_within_a_window_freezes_the_instrument() {
    let mut risk = with(LimitKind::ProtectionDelta, 100, 100);
    fill(&mut risk, Side::Buy, 60, 10_000, 1_000);
    fill(&mut risk, Side::Sell, 30, 10_000, 1_000);
    fill(&mut risk, Side::Buy, 65, 10_000, 1_001);
    assert_eq!(risk.latched(), None, "95 net");
    fill(&mut risk, Side::Buy, 65, 10_000, 1_100);
    assert_eq!(
        risk.latched(),
        Some(halted(Reason::ProtectionDelta)),
        "65 and 65; the first two are out"
    );
    stays_until_a_person_lifts_it(&mut risk, Scope::Instrument, Reason::ProtectionDelta);
}

/// No more fills are kept than these: beyond them the delta is not known.
#[test]
fn more_fills_than_are_kept_freeze_too() {
    let mut risk = with(LimitKind::ProtectionDelta, 1 << 40, 100);
    for n in 1..=crate::fills::FILLS_MAX {
        assert_eq!(risk.latched(), None, "fill {n}");
        fill(
            &mut risk,
            if n % 2 == 0 { Side::Buy } else { Side::Sell },
            10,
            10_000,
            1_000,
        );
    }
    assert_eq!(risk.latched(), Some(halted(Reason::ProtectionDelta)));
}

fn loss(kind: LimitKind, lots: i128, state: TradingState) -> LimitSet {
    LimitSet {
        state: state.byte(),
        ..limit(kind, worth(lots), 0)
    }
}

/// The next sample of the reference.
fn mark(risk: &mut Risk, px: i64) {
    let now = risk.next_sample(InstrumentId(0));
    risk.show(InstrumentId(0), Px(px), now);
}

/// However far apart the samples are, a loss is seen a tenth of a second later.
#[test]
fn a_long_window_of_samples_does_not_make_marks_rare() {
    let mut risk = short();
    let day_ns = 86_400_000_000_000;
    risk.set_limit(&limit(LimitKind::ReferenceMove, i128::from(E8 / 100), day_ns), 0)
        .unwrap();
    risk.set_limit(&loss(LimitKind::Loss, 1, TradingState::Halted), 0)
        .unwrap();
    let due = 100_000_000;
    assert_eq!(risk.next_sample(InstrumentId(0)), due);
    risk.show(InstrumentId(0), Px(10_200), due - 1);
    assert_eq!(risk.latched(), None);
    risk.show(InstrumentId(0), Px(10_200), due);
    assert_eq!(risk.latched(), Some(halted(Reason::LossLimit)));
    let risk = restarted(&mut risk);
    assert_eq!(risk.next_sample(InstrumentId(0)), due + 100_000_000);
    // What was marked at was no sample.
    let kept = risk.instruments[0].reference;
    assert_eq!((kept.low, kept.high), (Px(9_900), Px(10_100)));
}

/// The house sells 100 lots at 10,000; each tick up loses 1,000 units.
fn short() -> Risk {
    let mut risk = risk();
    fill(&mut risk, Side::Buy, 100, 10_000, 0);
    mark(&mut risk, 10_000);
    risk
}

#[test]
fn loss_at_below_and_above_its_bound() {
    for (kind, scope, reason) in [
        (LimitKind::Loss, Scope::Instrument, Reason::LossLimit),
        (LimitKind::AssetLoss, Scope::Global, Reason::DeskLoss),
    ] {
        let mut risk = short();
        risk.set_limit(&loss(kind, 1, TradingState::Halted), 0).unwrap();
        mark(&mut risk, 10_099);
        mark(&mut risk, 10_100);
        assert_eq!((risk.latched(), asks(&risk)), (None, Ok(())));
        mark(&mut risk, 10_101);
        let latch = risk.latched().unwrap();
        assert_eq!(
            (latch.scope, latch.state, latch.reason),
            (scope, TradingState::Halted, reason)
        );
        stays_until_a_person_lifts_it(&mut risk, scope, reason);
    }
}

#[test]
fn drawdown_at_below_and_above_its_bound() {
    for (kind, scope, reason) in [
        (LimitKind::Drawdown, Scope::Instrument, Reason::Drawdown),
        (LimitKind::AssetDrawdown, Scope::Global, Reason::DeskDrawdown),
    ] {
        let mut risk = short();
        risk.set_limit(&loss(kind, 1, TradingState::Halted), 0).unwrap();
        mark(&mut risk, 9_500);
        mark(&mut risk, 9_599);
        mark(&mut risk, 9_600);
        assert_eq!((risk.latched(), asks(&risk)), (None, Ok(())));
        mark(&mut risk, 9_601);
        assert_eq!(risk.latched().map(|latch| latch.reason), Some(reason));
        stays_until_a_person_lifts_it(&mut risk, scope, reason);
        set(&mut risk, scope, TradingState::Active);
        mark(&mut risk, 9_700);
        assert_eq!(risk.latched(), None, "the peak is of when a person turned it on");
    }
}

#[test]
fn a_loss_that_only_reduces_lets_pass_what_does() {
    let mut risk = short();
    risk.set_limit(&loss(LimitKind::Loss, 1, TradingState::Reducing), 0)
        .unwrap();
    mark(&mut risk, 10_200);
    assert_eq!(
        risk.latched().map(|latch| latch.state),
        Some(TradingState::Reducing)
    );
    assert_eq!(asks(&risk), Err(Reason::LossLimit));
    assert!(risk.check_ask(&ask(Some(Side::Sell), 100)).is_ok());
}

/// The mark of a request can itself be the one that passes the limit.
#[test]
fn a_request_at_a_price_that_loses_too_much_is_refused() {
    let mut risk = short();
    risk.set_limit(&loss(LimitKind::Loss, 1, TradingState::Halted), 0)
        .unwrap();
    let quoted = Quoted {
        ref_px: Px(10_150),
        mids: (Px(10_150), Px(10_150)),
        ..offer(10_150)
    };
    assert!(risk.check_ask(&ask(Some(Side::Buy), 10)).is_ok());
    let now = risk.next_sample(InstrumentId(0));
    let refused = risk.reserve(&ask(Some(Side::Buy), 10), &quoted, now);
    assert_eq!(refused, Err(Reason::LossLimit));
}

#[test]
fn a_limit_set_below_what_is_there_latches_at_once() {
    let mut risk = short();
    risk.set_limit(&limit(LimitKind::Executions, 1, 0), 0).unwrap();
    assert_eq!(risk.latched(), Some(halted(Reason::ExecutionThrottle)));
    let mut risk = short();
    mark(&mut risk, 10_101);
    risk.set_limit(&loss(LimitKind::AssetLoss, 1, TradingState::Reducing), 0)
        .unwrap();
    assert_eq!(risk.latched().map(|latch| latch.reason), Some(Reason::DeskLoss));
}

#[test]
fn a_latch_is_no_looser_than_what_a_person_set() {
    let mut risk = with(LimitKind::Executions, 1, 0);
    set(&mut risk, Scope::Instrument, TradingState::Halted);
    fill(&mut risk, Side::Buy, 10, 10_000, 0);
    assert_eq!(
        (risk.latched(), asks(&risk)),
        (None, Err(Reason::InstrumentHalted))
    );
    assert_eq!(risk.admit_order(SessionId(0), ClientId(0), 0), Ok(()));
}
