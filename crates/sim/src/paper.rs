//! A desk on paper: what the demo's venues and clients are, for whoever wants to try something on them.

use bytemuck::Zeroable;
use pinrail_types::record::{
    AssetDef, ClientDef, InstrumentDef, InstrumentLimits, ListingDef, Scope, TierSpread, TradingState,
    TradingStateSet, VenueDef,
};
use pinrail_types::{Amount, AssetId, ClientId, E8, Frame, InstrumentId, Px, Qty, SessionId, Text, VenueId};

use crate::{ClientFlow, ClientFlowConfig, FundamentalConfig, RequestRange, VenueFlow, VenueFlowConfig};

/// BTC-USDT, on a grid of cents and hundred-thousandths.
pub const INSTRUMENT: InstrumentId = InstrumentId(0);
/// The venues that list it.
pub const VENUES: [VenueId; 2] = [VenueId(0), VenueId(1)];
/// Levels a side that a mirror of a venue needs room for.
pub const BOOK_LEVELS: usize = 4 * LEVELS;

const LEVELS: usize = 40;

/// Whatever an engine needs to quote [`INSTRUMENT`] to clients with ids below `clients`; the last record puts the desk into
/// trade.
///
/// # Panics
/// Never: its names are short.
pub fn definitions(clients: u32) -> Vec<Frame> {
    let text = |name| Text::new(name).expect("a short literal");
    let mut frames = Vec::new();
    for (id, symbol) in [(0, "BTC"), (1, "USDT")] {
        frames.push(Frame::of(&AssetDef {
            asset: AssetId(id),
            exponent: -8,
            symbol: text(symbol),
            ..Zeroable::zeroed()
        }));
    }
    frames.push(Frame::of(&InstrumentDef {
        instrument: INSTRUMENT,
        quote: AssetId(1),
        tick_mantissa: 1,
        tick_exponent: -2,
        lot_mantissa: 1,
        lot_exponent: -5,
        symbol: Text::new("BTC-USDT").expect("a short literal"),
        ..Zeroable::zeroed()
    }));
    for (venue, name, taker_fee_e8) in [(VENUES[0], "sim-alpha", 20_000), (VENUES[1], "sim-beta", 30_000)] {
        frames.push(Frame::of(&VenueDef {
            venue,
            taker_fee_e8,
            stale_ns_max: 500_000_000,
            name: text(name),
            ..Zeroable::zeroed()
        }));
        frames.push(Frame::of(&ListingDef {
            venue,
            instrument: INSTRUMENT,
            tick_multiple: 1,
            lot_multiple: 1,
            symbol: Text::new("BTCUSDT").expect("a short literal"),
            ..Zeroable::zeroed()
        }));
    }
    frames.extend((0..clients).map(|id| {
        Frame::of(&ClientDef {
            client: ClientId(id),
            credit_asset: AssetId(1),
            credit_max: dollars(200_000_000),
            ..Zeroable::zeroed()
        })
    }));
    frames.push(Frame::of(&TierSpread {
        instrument: INSTRUMENT,
        half_spread_e8: 5_000,
        ..Zeroable::zeroed()
    }));
    frames.push(Frame::of(&InstrumentLimits {
        instrument: INSTRUMENT,
        qty_lots_min: RANGE.qty_lots_min,
        qty_lots_max: RANGE.qty_lots_max,
        qty_lots_step: RANGE.qty_lots_step,
        notional_max: dollars(500_000),
        position_lots_max: Qty(200_000_000),
        collar_e8: E8 / 200,
        quote_ttl_ns: 500_000_000,
        px_ticks_step: 1,
        ..Zeroable::zeroed()
    }));
    frames.push(Frame::of(&TradingStateSet {
        scope: Scope::Global.byte(),
        state: TradingState::Active.byte(),
        actor: text("paper"),
        ..Zeroable::zeroed()
    }));
    frames
}

/// In the smallest unit of the asset that prices count.
fn dollars(whole: i128) -> Amount {
    Amount::new(whole * i128::from(E8))
}

const RANGE: RequestRange = RequestRange {
    instrument: INSTRUMENT,
    qty_lots_min: Qty(100),
    qty_lots_max: Qty(200_000),
    qty_lots_step: Qty(100),
};

/// About 60,000 dollars a coin, moving by up to 20 cents a millisecond; levels hold about half a coin at the touch, so
/// that many requests sweep several.
pub fn venue(venue: VenueId, instrument: InstrumentId, seed: u64) -> VenueFlowConfig {
    VenueFlowConfig {
        venue,
        instrument,
        updates_per_s: 1_000,
        levels: LEVELS,
        spread_ticks_max: 20,
        qty_lots_mean: 50_000,
        trade_e8: 10_000_000,
        own_ticks_max: 50,
        fundamental: FundamentalConfig {
            seed,
            px_start: Px(6_000_000),
            step_ns: 1_000_000,
            step_ticks_max: 20,
        },
    }
}

/// So many clients, a thousand requests a second, a fifth of the quotes taken.
pub fn clients(clients: u32) -> ClientFlowConfig {
    ClientFlowConfig {
        clients,
        session: SessionId(0),
        instruments: vec![RANGE],
        interval_ns_mean: 1_000_000,
        end_ns: u64::MAX,
        two_sided_e8: 20_000_000,
        bad_e8: 1_000_000,
        accept_e8: 20_000_000,
        pass_e8: 10_000_000,
        view_e8_max: 0,
        packages: Vec::new(),
        packages_e8: 0,
        odd_leg: None,
        reaction_ns_min: 20_000_000,
        reaction_ns_max: 200_000_000,
        open_max: 65_536,
    }
}

/// The venues and the clients, in order of time. Of several due at once the first venue goes first, then the second.
#[derive(Clone, Debug)]
pub struct Market {
    venues: [VenueFlow; 2],
    clients: ClientFlow,
}

impl Market {
    /// So many clients; the same for the same seed.
    ///
    /// # Panics
    /// If there is no client.
    pub fn new(count: u32, seed: u64, start_ns: u64) -> Market {
        Market {
            venues: VENUES.map(|id| {
                let flow = VenueFlow::new(venue(id, INSTRUMENT, seed), seed + u64::from(id.0), start_ns);
                flow.expect("a sound flow")
            }),
            clients: ClientFlow::new(clients(count), seed, start_ns).expect("at least one client"),
        }
    }

    /// When the next frames are due.
    pub fn next_due(&self) -> u64 {
        let clients = self.clients.next_due().unwrap_or(u64::MAX);
        self.venues
            .iter()
            .map(VenueFlow::next_due)
            .fold(clients, u64::min)
    }

    /// Appends what is due next.
    pub fn take(&mut self, out: &mut Vec<Frame>) {
        let due = self.next_due();
        match self.venues.iter_mut().find(|venue| venue.next_due() == due) {
            Some(venue) => venue.take(out),
            None => out.push(self.clients.take()),
        }
    }

    /// Shows the clients an output of the desk.
    pub fn on_output(&mut self, output: &Frame) {
        self.clients.on_output(output);
    }
}
