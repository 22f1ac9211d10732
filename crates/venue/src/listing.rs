//! What a feed is a feed of.

use std::fmt;

use pinrail_types::record::SequenceRule;
use pinrail_types::{Grid, InstrumentId, VenueId};

/// A venue's market, whose messages are all of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Market {
    /// Binance spot.
    BinanceSpot,
    /// Binance USD-M futures.
    BinanceUsdm,
    /// Kraken spot, websocket version 1.
    Kraken,
    /// OKX, websocket version 5.
    Okx,
    /// Coinbase Pro, websocket feed.
    Coinbase,
    /// Bybit inverse contracts, the websocket before version 5.
    Bybit,
    /// Deribit, JSON-RPC version 2.
    Deribit,
}

impl Market {
    /// Every market.
    pub const ALL: [Market; 7] = [
        Market::BinanceSpot,
        Market::BinanceUsdm,
        Market::Kraken,
        Market::Okx,
        Market::Coinbase,
        Market::Bybit,
        Market::Deribit,
    ];

    /// How the records of its books are numbered.
    pub const fn rule(self) -> SequenceRule {
        match self {
            Market::BinanceSpot => SequenceRule::BinanceSpot,
            Market::BinanceUsdm => SequenceRule::BinanceUsdm,
            _ => SequenceRule::Mirrored,
        }
    }

    /// Its name in configurations and results: `binance-spot`.
    pub const fn name(self) -> &'static str {
        match self {
            Market::BinanceSpot => "binance-spot",
            Market::BinanceUsdm => "binance-usdm",
            Market::Kraken => "kraken",
            Market::Okx => "okx",
            Market::Coinbase => "coinbase",
            Market::Bybit => "bybit",
            Market::Deribit => "deribit",
        }
    }

    /// The market behind a websocket address, by its host: `wss://ws.kraken.com`. Binance's addresses do not tell
    /// spot from futures for sure, and are not known here.
    pub fn of_endpoint(url: &str) -> Option<Market> {
        let host = url.strip_prefix("wss://")?.split(['/', ':']).next()?;
        let hosts = [
            ("kraken.com", Market::Kraken),
            ("okx.com", Market::Okx),
            ("coinbase.com", Market::Coinbase),
            ("bybit.com", Market::Bybit),
            ("deribit.com", Market::Deribit),
        ];
        let is_of = |domain: &str| {
            host.strip_suffix(domain)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        hosts
            .into_iter()
            .find(|(domain, _)| is_of(domain))
            .map(|(_, market)| market)
    }
}

impl fmt::Display for Market {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One symbol of one market, and what the desk calls it.
///
/// The grids are the desk's, on which each price and quantity of every venue has to lie: nothing is rounded on the way in, and a
/// value off the grid is an error of its message, upon which the book is stale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The venue's own name, as it stands in messages: `BTCUSDT`, `XBT/CHF`.
    pub symbol: String,
    /// The market.
    pub market: Market,
    /// The venue in the desk's configuration.
    pub venue: VenueId,
    /// The instrument in the desk's configuration.
    pub instrument: InstrumentId,
    /// The instrument's price grid.
    pub tick: Grid,
    /// The instrument's quantity grid, in what the venue counts: where that is contracts, [`Grid::counted_in`] them.
    pub lot: Grid,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_market_is_known_by_its_host() {
        let of = Market::of_endpoint;
        assert_eq!(of("wss://ws.kraken.com"), Some(Market::Kraken));
        assert_eq!(of("wss://ws.okx.com:8443/ws/v5/public"), Some(Market::Okx));
        assert_eq!(of("wss://ws-feed.pro.coinbase.com"), Some(Market::Coinbase));
        assert_eq!(of("wss://stream.bybit.com/realtime"), Some(Market::Bybit));
        assert_eq!(of("wss://www.deribit.com/ws/api/v2"), Some(Market::Deribit));
        for url in [
            "wss://notkraken.com",
            "https://ws.kraken.com",
            "wss://",
            "wss://kraken.com.example.org",
        ] {
            assert_eq!(of(url), None, "{url}");
        }
    }
}
