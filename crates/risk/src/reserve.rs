//! What open quotes could cost: reserved when they go out, released once when they end.

use pinrail_types::record::LimitKind;
use pinrail_types::{Amount, ClientId, InstrumentId, Px, Qty, Reason, Side};

use crate::ask::{Ask, Quoted};
use crate::asset::{AssetRisk, Worth};
use crate::checks::{Check, Omitted};
use crate::client::ClientRisk;
use crate::exposure::Exposure;
use crate::risk::Risk;

/// What a quote adds to each sum, in the quote asset's smallest unit.
struct Added {
    notional: u64,
    long: u64,
    short: u64,
    gross: u64,
}

impl Added {
    /// Adds them where they count, if there is room at hand.
    #[expect(clippy::inline_always, reason = "a call costs as much as the sums")]
    #[inline(always)]
    fn fill(&self, client: &mut ClientRisk, asset: &mut AssetRisk) -> bool {
        let Exposure { long, short, gross } = &mut asset.exposure;
        let has_room = client.reserved.has_room(self.notional)
            && asset.unexecuted.has_room(self.notional)
            && long.has_room(self.long)
            && short.has_room(self.short)
            && gross.has_room(self.gross);
        if has_room {
            client.reserved.fill(self.notional);
            asset.unexecuted.fill(self.notional);
            long.fill(self.long);
            short.fill(self.short);
            gross.fill(self.gross);
        }
        has_room
    }
}

/// The same in 128 bits, with the reason.
#[cold]
fn fill_exactly(
    client: &mut ClientRisk,
    asset: &mut AssetRisk,
    added: &Worth,
    omitted: Omitted,
) -> Result<(), Reason> {
    client.check_held(added.notional, omitted)?;
    asset.check(added, omitted)?;
    client.reserved.add(added.notional);
    asset.put(added);
    Ok(())
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
        if now >= self.instruments[at].show_at {
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
        let grows = instrument.check_position(buys, sells, omitted)?;
        omitted.require(Check::CreditAsset, client.credit_asset == instrument.quote)?;
        if instrument.lot_worth == i64::MAX {
            return Err(Reason::Overflow);
        }
        let lot_worth = instrument.lot_worth;
        let worth = lot_worth.cast_unsigned().checked_mul(ask.qty.0.cast_unsigned());
        let is_filled = match (u64::try_from(notional), worth) {
            (Ok(notional), Some(worth)) => {
                let added = Added {
                    notional,
                    long: if buys == 0 { 0 } else { worth },
                    short: if sells == 0 { 0 } else { worth },
                    // No more lots than were asked for, whose worth fits.
                    gross: lot_worth.wrapping_mul(grows).cast_unsigned(),
                };
                added.fill(client, asset)
            }
            _ => false,
        };
        if !is_filled {
            let added = Worth::of(notional, lot_worth, [buys, sells, grows]);
            fill_exactly(client, asset, &added, omitted)?;
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
        self.clients[client.index()].use_credit(notional.get());
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
