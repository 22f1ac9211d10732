//! Inputs that configure the engine. A journal carries the configuration that it ran under, as these.

use super::{byte_enum, record};
use crate::ids::{AssetId, ClientId, InstrumentId, StrategyId, VenueId};
use crate::money::{Amount, Qty};
use crate::text::Text;

record! {
    /// The first record of an epoch. With the definitions that follow it says all that an engine needs to be made.
    EpochStart = 0x0101, version 1, lines 2 {
        /// Number of the epoch, from 1; part of every id that goes out.
        epoch: u32 = 32,
        /// [`BEHAVIOUR_VERSION`](crate::BEHAVIOUR_VERSION) of the engine that runs.
        behaviour_version: u32 = 36,
        /// 1 where recordings are played and core time is the recorded time: such an epoch begins from nothing. 0 in
        /// live trading, which goes on from the epoch before.
        playback: u8 = 40,
        /// Zero.
        pad: [u8; 7] = 41,
        /// Most assets.
        assets_max: u32 = 48,
        /// Most instruments.
        instruments_max: u32 = 52,
        /// Most venues.
        venues_max: u32 = 56,
        /// Most clients.
        clients_max: u32 = 60,
        /// Most quotes open at once.
        open_quotes_max: u32 = 64,
        /// Most levels a side in each book.
        book_levels_max: u32 = 68,
        /// Most sources of inputs, the runtime included.
        sources_max: u32 = 72,
        /// Most orders open at once in the desk's own books.
        orders_max: u32 = 76,
        /// Most pages of prices of these books, 64 neighbouring ticks each.
        pages_max: u32 = 80,
        /// Zero.
        pad2: [u8; 44] = 84,
    }
}

record! {
    /// An asset. Given once; never changed within a journal.
    AssetDef = 0x0102, version 0, lines 1 {
        /// Its id.
        asset: AssetId = 32,
        /// Power of ten of its smallest unit, -18 to 0: -8 for satoshis.
        exponent: i8 = 36,
        /// Zero.
        pad: [u8; 3] = 37,
        /// `BTC`.
        symbol: Text<16> = 40,
        /// Zero.
        pad2: [u8; 8] = 56,
    }
}

record! {
    /// An instrument (`Symbol`, FIX tag 55). Given once; never changed within a journal.
    InstrumentDef = 0x0103, version 0, lines 2 {
        /// Its id.
        instrument: InstrumentId = 32,
        /// The asset that a quantity counts.
        base: AssetId = 36,
        /// The asset that a price counts.
        quote: AssetId = 40,
        /// Tick size: power of ten.
        tick_exponent: i8 = 44,
        /// Lot size: power of ten.
        lot_exponent: i8 = 45,
        /// Zero.
        pad: [u8; 2] = 46,
        /// Tick size: digits.
        tick_mantissa: i64 = 48,
        /// Lot size: digits.
        lot_mantissa: i64 = 56,
        /// `BTC-USDT`.
        symbol: Text<24> = 64,
        /// Zero.
        pad2: [u8; 40] = 88,
    }
}

byte_enum! {
    /// How a venue numbers its depth updates.
    SequenceRule {
        /// Each update follows the one before: `first_id` is the last `last_id` plus one, from a snapshot on.
        Plain = 0,
        /// Binance spot: drop `u <= lastUpdateId`; the first taken has `U <= lastUpdateId + 1 <= u`; then `U` is the
        /// previous `u` plus one. (Binance, "How to manage a local order book correctly", spot.)
        BinanceSpot = 1,
        /// Binance USD-M futures: drop `u < lastUpdateId`; the first taken has `U <= lastUpdateId <= u`; then `pu`
        /// is the previous `u`. (Binance, the same, USD-M futures.)
        BinanceUsdm = 2,
        /// As `Plain`, from a venue thread that keeps the book itself and passes on all levels from the best to some
        /// depth: what it did not name down to the worst level of a side is empty, after each update.
        Mirrored = 3,
    }
}

record! {
    /// An external venue.
    VenueDef = 0x0104, version 0, lines 2 {
        /// Its id.
        venue: VenueId = 32,
        /// [`SequenceRule`].
        rule: u8 = 34,
        /// Zero.
        pad: [u8; 1] = 35,
        /// Taker fee as a fraction of notional, times 1e8; negative is a rebate.
        taker_fee_e8: i32 = 36,
        /// A book of which nothing was heard for longer is stale.
        stale_ns_max: u64 = 40,
        /// `binance-spot`.
        name: Text<16> = 48,
        /// Zero.
        pad2: [u8; 64] = 64,
    }
}

record! {
    /// That a venue lists an instrument, and on which grid. Prices and quantities in records are always on the
    /// desk's grid.
    ListingDef = 0x0105, version 0, lines 2 {
        /// The venue.
        venue: VenueId = 32,
        /// Zero.
        pad: [u8; 2] = 34,
        /// The instrument.
        instrument: InstrumentId = 36,
        /// The venue's tick in the instrument's ticks; at least 1.
        tick_multiple: i64 = 40,
        /// The venue's lot in the instrument's lots; at least 1.
        lot_multiple: i64 = 48,
        /// The venue's own name for it: `BTCUSDT`.
        symbol: Text<24> = 56,
        /// Zero.
        pad2: [u8; 48] = 80,
    }
}

record! {
    /// A client, its tier and its credit.
    ClientDef = 0x0106, version 0, lines 2 {
        /// Its id.
        client: ClientId = 32,
        /// Tier, which chooses the half-spread; below 16.
        tier: u8 = 36,
        /// Zero.
        pad: [u8; 3] = 37,
        /// The asset that its credit is counted in.
        credit_asset: AssetId = 40,
        /// Zero.
        pad2: [u8; 4] = 44,
        /// Most that may be outstanding at once, open quotes at their worst and fills not yet settled together.
        credit_max: Amount = 48,
        /// Name.
        name: Text<24> = 64,
        /// Zero.
        pad3: [u8; 40] = 88,
    }
}

record! {
    /// The half-spread of a tier in an instrument.
    TierSpread = 0x0107, version 0, lines 1 {
        /// The instrument.
        instrument: InstrumentId = 32,
        /// The tier; below 16.
        tier: u8 = 36,
        /// Zero.
        pad: [u8; 3] = 37,
        /// Half-spread as a fraction of the price, times 1e8; 0 to 1e8.
        half_spread_e8: i64 = 40,
        /// Zero.
        pad2: [u8; 16] = 48,
    }
}

record! {
    /// The limits of an instrument. Without them nothing is quoted in it.
    InstrumentLimits = 0x0108, version 0, lines 2 {
        /// The instrument.
        instrument: InstrumentId = 32,
        /// Zero.
        pad: [u8; 4] = 36,
        /// Least quantity of a request.
        qty_lots_min: Qty = 40,
        /// Most quantity of a request.
        qty_lots_max: Qty = 48,
        /// Quantities must be multiples of this many lots; at least 1.
        qty_lots_step: Qty = 56,
        /// Most notional of a request, in the quote asset's smallest unit.
        notional_max: Amount = 64,
        /// Most that the house position may be away from zero, either way.
        position_lots_max: Qty = 80,
        /// Most that a quoted price may be away from the reference, as a fraction of it, times 1e8.
        collar_e8: i64 = 88,
        /// How long a quote is good for.
        quote_ttl_ns: u64 = 96,
        /// Quoted prices are multiples of this many ticks; at least 1.
        px_ticks_step: i64 = 104,
        /// Zero.
        pad2: [u8; 16] = 112,
    }
}

byte_enum! {
    /// How the house position moves prices.
    InventoryRule {
        /// In proportion to the position.
        Linear = 0,
        /// In proportion to the position and to the variance over the life of a quote and its hedge: the reservation price
        /// `s - q * gamma * sigma^2 * (T - t)` of Avellaneda and Stoikov, "High-frequency trading in a limit order book",
        /// Quantitative Finance 8 (2008).
        Reservation = 1,
    }
}

record! {
    /// How the default model quotes an instrument, beside the half-spreads of tiers. Without it only those count.
    QuotingParams = 0x010a, version 0, lines 2 {
        /// The instrument.
        instrument: InstrumentId = 32,
        /// [`InventoryRule`].
        inventory_rule: u8 = 36,
        /// Zero.
        pad: [u8; 3] = 37,
        /// What is added to the half-spread, in standard deviations of the return over the life of the quote and
        /// `hold_ns`, times 1e8: 0 to 100e8.
        volatility_mult_e8: i64 = 40,
        /// How long a hedge takes behind the life of the quote; at most an hour.
        hold_ns: u64 = 48,
        /// What is added to the half-spread at a quantity of `impact_qty`, and in proportion at others, as a fraction
        /// times 1e8: 0 to 1e8.
        impact_e8: i64 = 56,
        /// See `impact_e8`; above zero.
        impact_qty: Qty = 64,
        /// How far both prices move away from the position when it is `skew_position`, and in proportion at others.
        /// [`InventoryRule::Linear`]: a fraction times 1e8, 0 to 1e8. [`InventoryRule::Reservation`]: the aversion to risk
        /// `gamma`, times 1e8, 0 to 1e15, by which the variance is multiplied.
        skew_e8: i64 = 72,
        /// See `skew_e8`; above zero.
        skew_position: Qty = 80,
        /// Least edge over what the hedge costs, as a fraction times 1e8, whatever the skew: 0 to 1e8.
        edge_min_e8: i64 = 88,
        /// Time constant of the estimates of spread and volatility: 1 to a day.
        volatility_tau_ns: u64 = 96,
        /// Where the venues hold less than a request asks for: zero refuses it; else it is quoted for what they hold, if
        /// that is at least so much.
        hedgeable_lots_min: Qty = 104,
        /// A stream is quoted anew when a price differs by more than this fraction of the one quoted, times 1e8: 0 to 1e8.
        requote_e8: i64 = 112,
        /// A stream is not quoted again sooner than this after its last quote; at most a day.
        requote_ns_min: u64 = 120,
    }
}

record! {
    /// How the position in an instrument is brought back by orders at venues, for the default hedger.
    HedgingParams = 0x010c, version 0, lines 2 {
        /// The instrument.
        instrument: InstrumentId = 32,
        /// Under which strategy its orders go out.
        strategy: StrategyId = 36,
        /// How often orders are sent for one hedge at most; zero hedges nothing.
        tries_max: u16 = 38,
        /// How far the position may be away from zero before it is hedged.
        band_lots: Qty = 40,
        /// How far it is brought back then; at most the band.
        target_lots: Qty = 48,
        /// How far the worst price of a hedge, net of taker fee, may be from the reference when it begins, as a fraction times
        /// 1e8: 0 to 1e8.
        chase_e8: i64 = 56,
        /// What a hedge may cost beyond the reference at most, fees included, in the quote asset's smallest unit.
        cost_max: Amount = 64,
        /// How long it waits between two tries; at most an hour.
        retry_ns: u64 = 80,
        /// How long a hedge that no fill asks for is not begun behind the last; at most an hour.
        rest_ns: u64 = 88,
        /// Zero.
        pad: [u8; 32] = 96,
    }
}
