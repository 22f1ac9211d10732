//! A desk of one instrument, two clients and two assets for the tests beside this file.

use pinrail_types::record::{
    AssetDef, ClientDef, InstrumentDef, InstrumentLimits, LimitKind, LimitSet, Scope, TradingState,
};
use pinrail_types::{Amount, AssetId, ClientId, E8, Instrument, InstrumentId, Px, Qty, Reason, Side, Text};

use crate::ask::{Ask, Quoted};
use crate::risk::{Risk, RiskBounds};

mod four_eyes;
mod latches;
mod legs;
mod limits;
mod orders;
mod reserve;

const REF: Px = Px(10_000);

fn meta(id: u32) -> Instrument {
    let quote = AssetDef {
        exponent: -8,
        ..bytemuck::Zeroable::zeroed()
    };
    let def = InstrumentDef {
        instrument: InstrumentId(id),
        base: AssetId(1),
        tick_mantissa: 1,
        tick_exponent: -2,
        lot_mantissa: 1,
        lot_exponent: -5,
        ..bytemuck::Zeroable::zeroed()
    };
    Instrument::new(&def, &quote, &quote).unwrap()
}

fn limits() -> InstrumentLimits {
    InstrumentLimits {
        qty_lots_min: Qty(10),
        qty_lots_max: Qty(1_000),
        qty_lots_step: Qty(5),
        notional_max: Amount::new(10 * 10_100 * 500),
        position_lots_max: Qty(1_500),
        collar_e8: E8 / 50,
        quote_ttl_ns: 1,
        px_ticks_step: 2,
        ..bytemuck::Zeroable::zeroed()
    }
}

fn risk() -> Risk {
    let mut risk = Risk::new(&RiskBounds {
        venues: 1,
        instruments: 1,
        clients: 2,
        assets: 2,
    });
    set(&mut risk, Scope::Global, TradingState::Active);
    risk.define(&meta(0)).unwrap();
    risk.set_limits(&limits()).unwrap();
    let credit_max = Amount::new(10 * 10_000 * 1_000);
    risk.set_client(&ClientDef {
        credit_max,
        ..bytemuck::Zeroable::zeroed()
    })
    .unwrap();
    risk
}

/// What `lots` are worth at the reference.
const fn worth(lots: i128) -> i128 {
    10 * 10_000 * lots
}

fn set(risk: &mut Risk, scope: Scope, state: TradingState) {
    risk.set_state(scope, 0, state, &Text::new("bob").unwrap())
        .unwrap();
}

/// Books a fill of the client's side at a price.
fn fill(risk: &mut Risk, side: Side, lots: i64, px: i64, now: u64) {
    let held = &risk.instruments[0];
    let bought = -side.sign() * lots;
    let position = Qty(held.position + bought);
    let cash = held.cash - i128::from(bought) * i128::from(px) * 10;
    risk.filled(&ask(Some(side), lots), position, cash, now);
}

fn limit(kind: LimitKind, value: i128, window_ns: u64) -> LimitSet {
    LimitSet {
        kind: kind.byte(),
        value: Amount::new(value),
        window_ns,
        actor: Text::new("ann").unwrap(),
        ..bytemuck::Zeroable::zeroed()
    }
}

fn with(kind: LimitKind, value: i128, window_ns: u64) -> Risk {
    let mut risk = risk();
    risk.set_limit(&limit(kind, value, window_ns), 0).unwrap();
    risk
}

fn ask(side: Option<Side>, qty: i64) -> Ask {
    Ask {
        client: ClientId(0),
        instrument: InstrumentId(0),
        side,
        qty: Qty(qty),
    }
}

fn offer(px: i64) -> Quoted {
    Quoted {
        bid_px: Px::NONE,
        offer_px: Px(px),
        ref_px: REF,
        mids: (REF, REF),
    }
}

fn bid(px: i64) -> Quoted {
    Quoted {
        bid_px: Px(px),
        offer_px: Px::NONE,
        ref_px: REF,
        mids: (REF, REF),
    }
}
