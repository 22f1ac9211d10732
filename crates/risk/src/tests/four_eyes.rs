//! Limits are tightened by one and loosened by two, and may return.

use pinrail_types::record::LimitOutcome;
use pinrail_types::state::{Load, Save};

use super::*;

fn by(actor: &str, set: LimitSet) -> LimitSet {
    LimitSet {
        actor: Text::new(actor).unwrap(),
        ..set
    }
}

fn most(value: i128) -> LimitSet {
    limit(LimitKind::ClientUnexecuted, worth(value), 0)
}

fn outcome(risk: &mut Risk, actor: &str, set: LimitSet, now: u64) -> Result<LimitOutcome, Reason> {
    let status = risk.set_limit(&by(actor, set), now)?;
    Ok(LimitOutcome::from_byte(status.outcome).unwrap())
}

/// The limit that is in force, in lots at the reference.
fn in_force(risk: &Risk) -> i128 {
    risk.clients[0].most(LimitKind::ClientUnexecuted) / worth(1)
}

#[test]
fn tightening_takes_one_person_and_loosening_two() {
    let mut risk = with(LimitKind::ClientUnexecuted, worth(300), 0);
    assert_eq!(outcome(&mut risk, "ann", most(200), 0), Ok(LimitOutcome::InForce));
    assert_eq!(outcome(&mut risk, "ann", most(250), 0), Ok(LimitOutcome::Waiting));
    assert_eq!(in_force(&risk), 200);
    assert_eq!(
        outcome(&mut risk, "ann", most(250), 0),
        Err(Reason::SecondActorNeeded)
    );
    assert_eq!(outcome(&mut risk, "", most(250), 0), Err(Reason::ActorMissing));
    let confirmed = risk.set_limit(&by("bob", most(250)), 0).unwrap();
    assert_eq!(
        (confirmed.outcome, confirmed.actor, confirmed.second),
        (
            LimitOutcome::InForce.byte(),
            Text::new("ann").unwrap(),
            Text::new("bob").unwrap()
        )
    );
    assert_eq!(in_force(&risk), 250);
}

#[test]
fn the_second_person_confirms_the_very_same_change() {
    let mut risk = with(LimitKind::ClientUnexecuted, worth(200), 0);
    assert_eq!(outcome(&mut risk, "ann", most(250), 0), Ok(LimitOutcome::Waiting));
    assert_eq!(
        outcome(&mut risk, "bob", most(251), 0),
        Ok(LimitOutcome::Waiting),
        "another one"
    );
    let for_a_time = LimitSet {
        expires_at: 9,
        ..most(251)
    };
    assert_eq!(
        outcome(&mut risk, "ann", for_a_time, 0),
        Ok(LimitOutcome::Waiting)
    );
    assert_eq!(outcome(&mut risk, "bob", most(251), 0), Ok(LimitOutcome::Waiting));
    assert_eq!(in_force(&risk), 200);
    assert_eq!(outcome(&mut risk, "bob", most(150), 0), Ok(LimitOutcome::InForce));
    assert_eq!(
        outcome(&mut risk, "ann", most(251), 0),
        Ok(LimitOutcome::Waiting),
        "what waited is forgotten"
    );
}

#[test]
fn what_waits_is_kept_over_a_restart() {
    let mut risk = with(LimitKind::ClientUnexecuted, worth(200), 0);
    assert_eq!(outcome(&mut risk, "ann", most(250), 0), Ok(LimitOutcome::Waiting));
    let mut save = Save::default();
    risk.visit(&mut save).unwrap();
    let mut loaded = Risk::new(&RiskBounds {
        venues: 1,
        instruments: 1,
        clients: 2,
        assets: 2,
    });
    loaded.visit(&mut Load::new(&save.words)).unwrap();
    assert_eq!(
        outcome(&mut loaded, "bob", most(250), 0),
        Ok(LimitOutcome::InForce)
    );
}

#[test]
fn a_limit_for_a_time_returns_to_what_it_was() {
    let mut risk = with(LimitKind::ClientUnexecuted, worth(200), 0);
    let until = |value, expires_at| LimitSet {
        expires_at,
        ..most(value)
    };
    assert_eq!(
        outcome(&mut risk, "ann", until(250, 100), 0),
        Ok(LimitOutcome::Waiting)
    );
    assert_eq!(
        outcome(&mut risk, "bob", until(250, 100), 0),
        Ok(LimitOutcome::InForce)
    );
    assert_eq!((in_force(&risk), risk.next_return()), (250, 100));
    // Tighter than what is in force, but it would outlast it.
    assert_eq!(outcome(&mut risk, "ann", most(240), 1), Ok(LimitOutcome::Waiting));
    assert_eq!(
        outcome(&mut risk, "ann", until(240, 1_000), 1),
        Ok(LimitOutcome::Waiting)
    );
    assert_eq!(
        outcome(&mut risk, "ann", until(150, 90), 1),
        Ok(LimitOutcome::InForce)
    );
    assert_eq!((risk.return_limit(89), in_force(&risk)), (None, 150));
    let returned = risk.return_limit(90).unwrap();
    assert_eq!(
        (returned.outcome, returned.value.get(), in_force(&risk)),
        (LimitOutcome::Returned.byte(), worth(200), 200)
    );
    assert_eq!((risk.return_limit(1_000), risk.next_return()), (None, u64::MAX));
    assert_eq!(
        outcome(&mut risk, "ann", until(150, 50), 50),
        Err(Reason::BadField),
        "it has ended"
    );
}

#[test]
fn definitions_do_not_loosen_what_is_in_force() {
    let mut risk = risk();
    let needed = Err(Reason::SecondActorNeeded);
    for loosen in [
        (|l| l.qty_lots_min = Qty(5)) as fn(&mut InstrumentLimits),
        |l| l.qty_lots_max = Qty(1_005),
        |l| l.notional_max = Amount::new(1 << 80),
        |l| l.position_lots_max = Qty(1_501),
        |l| l.collar_e8 += 1,
        |l| l.quote_ttl_ns += 1,
    ] {
        let mut looser = limits();
        loosen(&mut looser);
        assert_eq!(risk.set_limits(&looser), needed, "{looser:?}");
    }
    assert_eq!(risk.set_limits(&limits()), Ok(()));
    let client = |credit_max| ClientDef {
        credit_max: Amount::new(credit_max),
        ..bytemuck::Zeroable::zeroed()
    };
    assert_eq!(risk.set_client(&client(worth(1_000) + 1)), needed);
    assert_eq!(risk.set_client(&client(worth(900))), Ok(()));
}

/// What two people loosened for a time does not come back looser than what was defined meanwhile.
#[test]
fn a_definition_tightens_what_returns_too() {
    for (kind, loose, tight) in [
        (LimitKind::QtyMax, 2_000, 900),
        (LimitKind::NotionalMax, 1 << 80, worth(400)),
        (LimitKind::PositionMax, 4_000, 1_000),
        (LimitKind::Collar, i128::from(E8), i128::from(E8 / 100)),
        (LimitKind::Credit, 1 << 80, worth(900)),
    ] {
        for (defined, expected) in [(tight, tight), (loose, before(kind))] {
            let mut risk = risk();
            let for_a_time = LimitSet {
                expires_at: 100,
                ..limit(kind, loose, 0)
            };
            for actor in ["ann", "bob"] {
                outcome(&mut risk, actor, for_a_time, 0).unwrap();
            }
            define(&mut risk, kind, defined);
            let returned = risk.return_limit(100).unwrap();
            assert_eq!(returned.value.get(), expected, "{kind:?}");
            assert_eq!(
                outcome(&mut risk, "ann", limit(kind, expected + 1, 0), 100),
                Ok(LimitOutcome::Waiting),
                "{kind:?} is in force"
            );
        }
    }
}

fn before(kind: LimitKind) -> i128 {
    match kind {
        LimitKind::QtyMax => limits().qty_lots_max.0.into(),
        LimitKind::NotionalMax => limits().notional_max.get(),
        LimitKind::PositionMax => limits().position_lots_max.0.into(),
        LimitKind::Collar => limits().collar_e8.into(),
        _ => worth(1_000),
    }
}

/// Defines a most of a kind, and the others as they are.
fn define(risk: &mut Risk, kind: LimitKind, most: i128) {
    let narrow = most.try_into().unwrap_or(i64::MAX);
    let mut def = limits();
    match kind {
        LimitKind::QtyMax => def.qty_lots_max = Qty(narrow),
        LimitKind::NotionalMax => def.notional_max = Amount::new(most),
        LimitKind::PositionMax => def.position_lots_max = Qty(narrow),
        LimitKind::Collar => def.collar_e8 = narrow,
        _ => {
            let def = ClientDef {
                credit_max: Amount::new(most),
                ..bytemuck::Zeroable::zeroed()
            };
            return risk.set_client(&def).unwrap();
        }
    }
    risk.set_limits(&def).unwrap();
}

/// Each limit that a definition began with can be changed by two.
#[test]
fn required_limits_are_loosened_by_two() {
    for (kind, value) in [
        (LimitKind::QtyMax, 2_000),
        (LimitKind::NotionalMax, 1 << 80),
        (LimitKind::PositionMax, 4_000),
        (LimitKind::Collar, i128::from(E8)),
        (LimitKind::Credit, 1 << 80),
    ] {
        let mut risk = risk();
        assert_eq!(
            outcome(&mut risk, "ann", limit(kind, value, 0), 0),
            Ok(LimitOutcome::Waiting)
        );
        assert_eq!(
            outcome(&mut risk, "bob", limit(kind, value, 0), 0),
            Ok(LimitOutcome::InForce)
        );
        assert_eq!(
            outcome(&mut risk, "ann", limit(kind, 1, 0), 0),
            Ok(LimitOutcome::InForce)
        );
        let asked = risk.check_ask(&ask(None, 10));
        let refused = asked.and_then(|_| risk.reserve(&ask(None, 10), &offer(10_010), 0));
        assert!(refused.is_err(), "{kind:?} of 1 is in force");
    }
}

#[test]
fn before_the_desk_was_active_nobody_need_confirm() {
    let mut risk = with(LimitKind::ClientUnexecuted, worth(200), 0);
    risk.is_live = false;
    assert_eq!(
        outcome(&mut risk, "config", most(250), 0),
        Ok(LimitOutcome::InForce)
    );
}

#[test]
fn changes_that_wait_and_limits_that_return_are_bounded() {
    let mut changes = crate::changes::Changes::new();
    let of = |target: usize| {
        let set = LimitSet {
            target: target as u32,
            expires_at: 5,
            ..most(1)
        };
        by("ann", set)
    };
    for n in 0..crate::CHANGES_MAX {
        assert_eq!(changes.first_of(&of(n)), Ok(None));
    }
    assert_eq!(changes.first_of(&of(crate::CHANGES_MAX)), Err(Reason::TableFull));
    for n in 0..crate::CHANGES_MAX {
        assert!(changes.has_room(&of(n)));
        changes.came(&of(n), &of(n));
    }
    assert!(changes.has_room(&of(0)) && !changes.has_room(&of(crate::CHANGES_MAX)));
}
