//! A desk's own limits, in its pricer.
#![allow(clippy::unwrap_used, reason = "tests")]

mod desk;

use bytemuck::Zeroable;
use desk::Desk;
use pinrail_book::Consolidated;
use pinrail_engine::{Engine, Out};
use pinrail_pricing::{PriceRequest, Pricer, Prices, SweepPricer};
use pinrail_types::record::{
    Quote, QuoteRequest, QuoteRequestReject, Scope, TierSpread, TradingState, TradingStateSet,
};
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{Cause, Frame, Qty, Reason, SourceId, Text};

/// Refuses each quantity up to ten for a reason of its own.
#[derive(Debug)]
struct Picky(SweepPricer);

impl Pricer for Picky {
    const NAME: &'static str = "picky 1";

    fn price(&mut self, request: &PriceRequest<'_>, venues: &Consolidated) -> Result<Prices, Reason> {
        match Reason::from_code(899 + request.qty.0 as u16) {
            Some(own) => Err(own),
            None => self.0.price(request, venues),
        }
    }

    fn on_tier_spread(&mut self, spread: &TierSpread) -> Result<(), Reason> {
        self.0.on_tier_spread(spread)
    }

    fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        self.0.visit(visitor)
    }
}

/// A desk that a pricer of its own quotes for, and the sequence of its last record.
struct Own {
    engine: Engine<Picky>,
    seq: u64,
}

impl Own {
    fn put(&mut self, mut frame: Frame) -> Out {
        let mut out = Out::new();
        frame.stamp(self.seq + 1, 1_000);
        frame.header_mut().cause = Cause::input(SourceId(1), self.seq + 1);
        self.engine.on_event(&frame, &mut out);
        self.seq += 1 + out.len() as u64;
        let made = out.clone();
        self.engine.seal(&mut out);
        made
    }

    /// With the configuration and the books of a desk of tests.
    fn active() -> Own {
        let desk = Desk::active();
        let bounds = *desk.engine.bounds();
        let mut own = Own {
            engine: Engine::new(bounds, Picky(SweepPricer::new(bounds.instruments))),
            seq: 0,
        };
        for input in &desk.inputs {
            own.put(*input);
        }
        own
    }

    fn ask(&mut self, qty: i64) -> Result<Quote, Reason> {
        let out = self.put(Frame::of(&QuoteRequest {
            quote_req_id: Text::new(&format!("R{qty}")).unwrap(),
            qty: Qty(qty),
            side: b'1',
            ..Zeroable::zeroed()
        }));
        let reject = out.find::<QuoteRequestReject>().next();
        match reject {
            Some(reject) => Err(Reason::from_code(reject.reason).unwrap()),
            None => Ok(out.find::<Quote>().next().unwrap()),
        }
    }
}

#[test]
fn a_desks_own_limits_refuse_with_reasons_of_their_own() {
    let mut own = Own::active();
    let reasons = [
        Reason::Own0,
        Reason::Own1,
        Reason::Own2,
        Reason::Own3,
        Reason::Own4,
        Reason::Own5,
        Reason::Own6,
        Reason::Own7,
        Reason::Own8,
        Reason::Own9,
    ];
    for (qty, reason) in (1..).zip(reasons) {
        assert_eq!(own.ask(qty).map(drop), Err(reason));
        assert_eq!(i64::from(reason.code()), 899 + qty);
    }
    assert_eq!(own.ask(11).unwrap().qty, Qty(11));
    // The checks of risk come first.
    own.put(Frame::of(&TradingStateSet {
        scope: Scope::Global.byte(),
        state: TradingState::Halted.byte(),
        actor: Text::new("tester").unwrap(),
        ..Zeroable::zeroed()
    }));
    assert_eq!(own.ask(1).map(drop), Err(Reason::Halted));
}
