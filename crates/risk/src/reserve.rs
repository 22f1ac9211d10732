//! What open quotes could cost: reserved when they go out, released once when they end.

use pinrail_types::money::product;
use pinrail_types::record::LimitKind;
use pinrail_types::{Amount, ClientId, InstrumentId, Px, Qty, Reason, Side};

use crate::ask::{Ask, Quoted};
use crate::checks::Check;
use crate::exposure::Worst;
use crate::reference::are_near;
use crate::risk::Risk;

#[inline]
fn sum(a: i128, b: i128) -> Result<i128, Reason> {
    a.checked_add(b).ok_or(Reason::Overflow)
}

impl Risk {
    /// Checks the prices made for an ask and, if all pass, reserves what they could cost at their worst: the
    /// position on each side that is quoted, and the notional of the dearer of them. Gives back that notional.
    /// Nothing is reserved on an error.
    ///
    /// # Errors
    /// One reason for each check, the first that fails.
    ///
    /// # Panics
    /// If an id is beyond the bounds: the ask did not pass [`Risk::check_ask`].
    #[inline]
    pub fn reserve(&mut self, ask: &Ask, quoted: &Quoted, now: u64) -> Result<Amount, Reason> {
        let omitted = self.omitted;
        let at = ask.instrument.index();
        if now >= self.instruments[at].reference.next_at && self.sample(at, quoted.ref_px, now) {
            self.check_ask(ask)?;
        }
        let instrument = &mut self.instruments[at];
        let client = &mut self.clients[ask.client.index()];
        let asset = &mut self.assets[instrument.quote.index()];
        let limits = &instrument.limits;
        omitted.require(Check::PxRepresentable, quoted.ref_px.is_representable())?;
        let mut dearer = 0;
        for px in [quoted.bid_px, quoted.offer_px] {
            if px != Px::NONE {
                limits.check_px(px, quoted.ref_px, omitted)?;
                dearer = dearer.max(px.0.abs());
            }
        }
        let (low, high) = quoted.mids;
        let agree = instrument.venue_spread_e8 == u64::MAX || are_near(low, high, instrument.venue_spread_e8);
        omitted.require(Check::VenueSpread, agree)?;
        omitted.require(Check::ReferenceMove, instrument.reference.holds(quoted.ref_px))?;
        let notional = instrument.worth(Px(dearer), ask.qty.0)?;
        let least = instrument.most(LimitKind::NotionalMin);
        omitted.require(Check::NotionalMin, notional >= least)?;
        omitted.require(Check::NotionalMax, notional <= limits.notional_max)?;
        let (buys, sells) = Quoted::lots(quoted.bid_px, quoted.offer_px, ask.qty);
        let before = Worst {
            long: instrument.position + instrument.open_buy,
            short: instrument.open_sell - instrument.position,
        };
        let after = Worst {
            long: before.long + buys,
            short: before.short + sells,
        };
        let too_long = buys > 0 && after.long > limits.position_max;
        let too_short = sells > 0 && after.short > limits.position_max;
        omitted.require(Check::Position, !too_long && !too_short)?;
        omitted.require(Check::CreditAsset, client.credit_asset == instrument.quote)?;
        let unexecuted = sum(client.reserved, notional)?;
        omitted.require(Check::Credit, sum(unexecuted, client.used)? <= client.credit_max)?;
        let most = client.most(LimitKind::ClientUnexecuted);
        omitted.require(Check::ClientUnexecuted, unexecuted <= most)?;
        let in_asset = sum(asset.unexecuted, notional)?;
        let most = asset.most(LimitKind::AssetUnexecuted);
        omitted.require(Check::AssetUnexecuted, in_asset <= most)?;
        if instrument.lot_worth == i64::MAX {
            return Err(Reason::Overflow);
        }
        let lots = after.gross() - before.gross();
        let gross = asset.exposure.gross + product(instrument.lot_worth, lots);
        // What makes an exposure no greater passes.
        let most = asset.most(LimitKind::GrossExposure);
        omitted.require(Check::GrossExposure, lots <= 0 || gross <= most)?;
        let most = asset.most(LimitKind::NetExposure);
        let mut long = asset.exposure.long;
        if buys > 0 {
            long += product(instrument.lot_worth, buys);
            omitted.require(Check::NetExposure, long <= most)?;
        }
        if sells > 0 {
            let short = asset.exposure.short + product(instrument.lot_worth, sells);
            omitted.require(Check::NetExposure, short <= most)?;
            asset.exposure.short = short;
        }
        asset.exposure.long = long;
        asset.exposure.gross = gross;
        asset.unexecuted = in_asset;
        client.reserved = unexecuted;
        instrument.open_buy += buys;
        instrument.open_sell += sells;
        Ok(Amount::new(notional))
    }

    /// Releases what a quote reserved.
    ///
    /// # Panics
    /// If more is released than was reserved, or an id is beyond the bounds.
    #[inline]
    pub fn release(&mut self, ask: &Ask, bid_px: Px, offer_px: Px, notional: Amount) {
        let instrument = &mut self.instruments[ask.instrument.index()];
        let client = &mut self.clients[ask.client.index()];
        let asset = &mut self.assets[instrument.quote.index()];
        let (buys, sells) = Quoted::lots(bid_px, offer_px, ask.qty);
        let before = instrument.worst_with(0, 0);
        instrument.open_buy -= buys;
        instrument.open_sell -= sells;
        let after = instrument.worst_with(0, 0);
        asset.exposure = asset.exposure.moved(instrument.lot_worth, &before, &after);
        client.reserved -= notional.get();
        asset.unexecuted -= notional.get();
        assert!(
            instrument.open_buy >= 0
                && instrument.open_sell >= 0
                && client.reserved >= 0
                && asset.unexecuted >= 0,
            "released more than was reserved"
        );
    }

    /// Checks that an open quote may be filled now, by trading states, the restricted list and what was filled just
    /// before: limits were reserved when it went out.
    ///
    /// # Errors
    /// The reason of what forbids it; where only reducing is allowed, a fill must bring the house position towards
    /// zero without passing it.
    ///
    /// # Panics
    /// If an id is beyond the bounds.
    pub fn check_fill(&self, ask: &Ask, now: u64) -> Result<(), Reason> {
        let position = self.instruments[ask.instrument.index()].position;
        let reduces = match ask.side {
            Some(Side::Buy) => position >= ask.qty.0,
            Some(Side::Sell) => -position >= ask.qty.0,
            None => false,
        };
        if !self.states.check(ask.instrument, ask.client, self.omitted)? && !reduces {
            self.states
                .check_reducing(ask.instrument, ask.client, self.omitted)?;
        }
        let is_restricted = self.clients[ask.client.index()].is_restricted;
        let is_permitted = !is_restricted || !self.restricted.has(ask.client, ask.instrument);
        self.omitted.require(Check::Permitted, is_permitted)?;
        if self.clients[ask.client.index()].bounds[LimitKind::DuplicateWindow.place()].window_ns > 0 {
            self.orders.check(ask, now, self.omitted)?;
        }
        Ok(())
    }

    /// Whether a limit of the instrument needs [`Quoted::mids`].
    ///
    /// # Panics
    /// If the instrument is beyond the bounds.
    #[inline]
    pub fn looks_at_venues(&self, instrument: InstrumentId) -> bool {
        self.instruments[instrument.index()].venue_spread_e8 != u64::MAX
    }

    /// Counts a fill against the client's credit until it is settled.
    ///
    /// # Panics
    /// If the client is beyond the bounds or the sum does not fit: it was reserved, so it does.
    pub fn use_credit(&mut self, client: ClientId, notional: Amount) {
        let client = &mut self.clients[client.index()];
        let used = notional
            .get()
            .checked_abs()
            .and_then(|notional| client.used.checked_add(notional));
        client.used = used.expect("a fill's notional was reserved within the client's credit");
    }

    /// The house position, as the last fill left it.
    ///
    /// # Panics
    /// If the instrument is beyond the bounds.
    #[inline]
    pub fn position(&self, instrument: InstrumentId) -> Qty {
        Qty(self.instruments[instrument.index()].position)
    }

    /// Lots that the house would buy, and sell, if every open quote were taken.
    ///
    /// # Panics
    /// If the instrument is beyond the bounds.
    #[inline]
    pub fn open_lots(&self, instrument: InstrumentId) -> (Qty, Qty) {
        let instrument = &self.instruments[instrument.index()];
        (Qty(instrument.open_buy), Qty(instrument.open_sell))
    }
}
