//! What open quotes could cost: reserved when they go out, released once when they end.

use pinrail_types::money::product;
use pinrail_types::record::LimitKind;
use pinrail_types::{Amount, ClientId, InstrumentId, Px, Qty, Reason, Side};

use crate::ask::{Ask, Quoted};
use crate::asset::AssetRisk;
use crate::checks::{Check, Omitted};
use crate::client::ClientRisk;
use crate::exposure::Exposure;
use crate::risk::Risk;

/// What a quote adds to each sum: money in the quote asset's smallest unit, and lots; none is below zero.
struct Added {
    notional: i128,
    lot_worth: i64,
    long: i64,
    short: i64,
    gross: i64,
}

impl Added {
    /// Adds them where they count, if each is of 64 bits and there is room at hand.
    #[expect(clippy::inline_always, reason = "a call costs as much as the sums")]
    #[inline(always)]
    fn fill(&self, client: &mut ClientRisk, asset: &mut AssetRisk) -> bool {
        let worth = |lots: i64| self.lot_worth.cast_unsigned().checked_mul(lots.cast_unsigned());
        let Exposure { long, short, gross } = &mut asset.exposure;
        if let Ok(notional) = u64::try_from(self.notional)
            && let (Some(bought), Some(sold), Some(more)) =
                (worth(self.long), worth(self.short), worth(self.gross))
            && client.credit.has_room(notional)
            && client.reserved.has_room(notional)
            && asset.unexecuted.has_room(notional)
            && long.has_room(bought)
            && short.has_room(sold)
            && gross.has_room(more)
        {
            client.credit.fill(notional);
            client.reserved.fill(notional);
            asset.unexecuted.fill(notional);
            long.fill(bought);
            short.fill(sold);
            gross.fill(more);
            return true;
        }
        false
    }

    /// The same in 128 bits, with the reason.
    #[cold]
    fn put(&self, client: &mut ClientRisk, asset: &mut AssetRisk, omitted: Omitted) -> Result<(), Reason> {
        let Exposure { long, short, gross } = &mut asset.exposure;
        let [bought, sold, more] =
            [self.long, self.short, self.gross].map(|lots| product(self.lot_worth, lots));
        omitted.require(Check::Credit, client.credit.allows(self.notional))?;
        omitted.require(Check::ClientUnexecuted, client.reserved.allows(self.notional))?;
        omitted.require(Check::AssetUnexecuted, asset.unexecuted.allows(self.notional))?;
        omitted.require(Check::GrossExposure, gross.allows(more))?;
        let is_within = long.allows(bought) && short.allows(sold);
        omitted.require(Check::NetExposure, is_within)?;
        client.credit.add(self.notional);
        client.reserved.add(self.notional);
        asset.unexecuted.add(self.notional);
        long.add(bought);
        short.add(sold);
        gross.add(more);
        Ok(())
    }
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
        let at = ask.instrument.index();
        if now >= self.instruments[at].reference.next_at {
            return self.sample_and_reserve(ask, quoted, now);
        }
        self.hold(ask, quoted)
    }

    #[cold]
    fn sample_and_reserve(&mut self, ask: &Ask, quoted: &Quoted, now: u64) -> Result<Amount, Reason> {
        if self.sample(ask.instrument.index(), quoted.ref_px, now) {
            self.check_ask(ask)?;
        }
        self.hold(ask, quoted)
    }

    #[inline]
    fn hold(&mut self, ask: &Ask, quoted: &Quoted) -> Result<Amount, Reason> {
        let omitted = self.omitted;
        let at = ask.instrument.index();
        let instrument = &mut self.instruments[at];
        let client = &mut self.clients[ask.client.index()];
        let asset = &mut self.assets[instrument.quote.index()];
        let dearer = instrument.check_prices(quoted, omitted)?;
        let notional = instrument.worth(dearer, ask.qty.0)?;
        let least = instrument.most(LimitKind::NotionalMin);
        omitted.require(Check::NotionalMin, notional >= least)?;
        omitted.require(Check::NotionalMax, notional <= instrument.limits.notional_max)?;
        let (buys, sells) = Quoted::lots(quoted.bid_px, quoted.offer_px, ask.qty);
        let before = instrument.worst_with(0, 0);
        let after = instrument.worst_with(buys, sells);
        let most = instrument.limits.position_max;
        let is_within = (buys == 0 || after.long <= most) && (sells == 0 || after.short <= most);
        omitted.require(Check::Position, is_within)?;
        omitted.require(Check::CreditAsset, client.credit_asset == instrument.quote)?;
        if instrument.lot_worth == i64::MAX {
            return Err(Reason::Overflow);
        }
        let added = Added {
            notional,
            lot_worth: instrument.lot_worth,
            long: buys,
            short: sells,
            gross: after.gross() - before.gross(),
        };
        if !added.fill(client, asset) {
            added.put(client, asset, omitted)?;
        }
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
        asset.exposure.moves(instrument.lot_worth, &before, &after);
        client.credit.add(-notional.get());
        client.reserved.add(-notional.get());
        asset.unexecuted.add(-notional.get());
        assert!(
            instrument.open_buy >= 0
                && instrument.open_sell >= 0
                && client.reserved.sum() >= 0
                && asset.unexecuted.sum() >= 0,
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
        let used = notional.get().checked_abs();
        let used = used.expect("a notional that was reserved has a magnitude");
        self.clients[client.index()].credit.add(used);
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
