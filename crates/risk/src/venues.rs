//! What is kept of each venue: its message rate, and what the house has there.

use pinrail_types::money::{product, whole_ceil};
use pinrail_types::record::LimitKind;
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{Amount, AssetId, Instrument, InstrumentId, Reason, VenueId};

use crate::bound::Bound;
use crate::rate::{Bucket, Rate};
use crate::risk::RiskBounds;

/// One venue.
#[derive(Clone, Copy, Debug)]
struct VenueRisk {
    /// What a fill may cost at most, as a fraction of its notional, times 1e8.
    fee_e8: i64,
    /// The venue's time of the last fill that was taken.
    filled_at: u64,
    bound: Bound,
    rate: Rate,
    bucket: Bucket,
}

/// What the house has of an asset at a venue.
#[derive(Clone, Copy, Debug, Default)]
struct Balance {
    /// The venue has said what there is.
    is_known: bool,
    held: i128,
    /// What open orders could cost.
    reserved: i128,
}

/// What a lot of an instrument is in the smallest unit of its base asset.
#[derive(Clone, Copy, Debug)]
struct Base {
    asset: AssetId,
    lot_units: i64,
}

/// All venues.
#[derive(Clone, Debug)]
pub(crate) struct Venues {
    each: Vec<VenueRisk>,
    /// By venue, then by asset.
    balances: Vec<Balance>,
    /// By instrument.
    bases: Vec<Base>,
    assets: usize,
}

impl Venues {
    pub(crate) fn new(bounds: &RiskBounds) -> Venues {
        let venue = VenueRisk {
            fee_e8: 0,
            filled_at: 0,
            bound: Bound::none(LimitKind::VenueRate),
            rate: Rate::UNLIMITED,
            bucket: Bucket::default(),
        };
        let base = Base {
            asset: AssetId(0),
            lot_units: 1,
        };
        Venues {
            each: vec![venue; bounds.venues],
            balances: vec![Balance::default(); bounds.venues * bounds.assets],
            bases: vec![base; bounds.instruments],
            assets: bounds.assets,
        }
    }

    pub(crate) fn define(&mut self, venue: VenueId, taker_fee_e8: i32) {
        self.each[venue.index()].fee_e8 = i64::from(taker_fee_e8).max(0);
    }

    /// Takes what a lot of an instrument is in its base asset, which is within the bounds.
    pub(crate) fn define_base(&mut self, meta: &Instrument) {
        self.bases[meta.id.index()] = Base {
            asset: meta.base,
            lot_units: meta.lot_units,
        };
    }

    /// The base asset of an instrument, and what `lots` are in its smallest unit.
    pub(crate) fn base(&self, instrument: InstrumentId, lots: i64) -> (AssetId, i128) {
        let Base { asset, lot_units } = self.bases[instrument.index()];
        (asset, i128::from(lots) * i128::from(lot_units))
    }

    /// The most that a venue takes for a fill of this notional, rounded up.
    pub(crate) fn fee(&self, venue: VenueId, notional: i128) -> Result<i128, Reason> {
        let fee_e8 = self.each[venue.index()].fee_e8;
        let fee = match i64::try_from(notional) {
            Ok(notional) => product(notional, fee_e8),
            Err(_) => notional.checked_mul(fee_e8.into()).ok_or(Reason::Overflow)?,
        };
        Ok(whole_ceil(fee))
    }

    pub(crate) fn knows(&self, venue: VenueId) -> bool {
        venue.index() < self.each.len()
    }

    pub(crate) fn rate_bound(&self, venue: u32) -> Result<Bound, Reason> {
        let venue = self.each.get(venue as usize).ok_or(Reason::UnknownVenue)?;
        Ok(venue.bound)
    }

    pub(crate) fn set_rate(&mut self, at: usize, bound: Bound) {
        let venue = &mut self.each[at];
        venue.bound = bound;
        venue.rate = Rate::of(&bound);
    }

    pub(crate) fn loosen(&mut self, at: usize, now: u64) {
        let venue = &mut self.each[at];
        venue.bucket.loosen(venue.rate, now);
    }

    /// Takes the token of an order, if there is one.
    pub(crate) fn take(&mut self, venue: VenueId, now: u64) -> bool {
        let venue = &mut self.each[venue.index()];
        let taken = venue.bucket.less_one(venue.rate, now);
        venue.bucket = taken.unwrap_or(venue.bucket);
        taken.is_some()
    }

    /// Takes the token of a cancel, whether it is there or not.
    pub(crate) fn owe(&mut self, venue: VenueId, now: u64) {
        let venue = &mut self.each[venue.index()];
        venue.bucket = venue.bucket.owing_one(venue.rate, now);
    }

    fn balance_mut(&mut self, venue: VenueId, asset: AssetId) -> &mut Balance {
        &mut self.balances[venue.index() * self.assets + asset.index()]
    }

    /// Whether there is so much of an asset beside what open orders could cost.
    pub(crate) fn has(&self, venue: VenueId, asset: AssetId, amount: i128) -> bool {
        let balance = &self.balances[venue.index() * self.assets + asset.index()];
        let wanted = balance.reserved.checked_add(amount);
        balance.is_known && wanted.is_some_and(|wanted| wanted <= balance.held)
    }

    /// How much there is of an asset beside what open orders could cost; nothing where the venue never said.
    pub(crate) fn free(&self, venue: VenueId, asset: AssetId) -> i128 {
        let balance = &self.balances[venue.index() * self.assets + asset.index()];
        if balance.is_known {
            balance.held.saturating_sub(balance.reserved)
        } else {
            0
        }
    }

    pub(crate) fn reserve(&mut self, venue: VenueId, asset: AssetId, amount: i128) {
        let balance = self.balance_mut(venue, asset);
        balance.reserved = balance.reserved.saturating_add(amount);
    }

    pub(crate) fn release(&mut self, venue: VenueId, asset: AssetId, amount: i128) {
        let balance = self.balance_mut(venue, asset);
        balance.reserved -= amount;
        assert!(balance.reserved >= 0, "released more than was reserved");
    }

    /// Takes off what a fill spent; what it brought counts when the venue says so.
    pub(crate) fn spend(&mut self, venue: VenueId, asset: AssetId, amount: i128) {
        let balance = self.balance_mut(venue, asset);
        balance.held = balance.held.saturating_sub(amount.max(0));
    }

    pub(crate) fn filled_at(&mut self, venue: VenueId, as_of: u64) {
        let filled_at = &mut self.each[venue.index()].filled_at;
        *filled_at = as_of.max(*filled_at);
    }

    /// Takes what a venue says that it holds.
    ///
    /// # Errors
    /// [`Reason::UnknownVenue`], [`Reason::UnknownAsset`], [`Reason::BadField`] where it is below zero, or
    /// [`Reason::BalanceOutdated`] where a fill was taken that is younger.
    pub(crate) fn set_balance(
        &mut self,
        venue: VenueId,
        asset: AssetId,
        held: Amount,
        as_of: u64,
    ) -> Result<(), Reason> {
        let filled_at = self.each.get(venue.index()).map(|venue| venue.filled_at);
        let filled_at = filled_at.ok_or(Reason::UnknownVenue)?;
        if asset.index() >= self.assets {
            return Err(Reason::UnknownAsset);
        }
        if held.get() < 0 {
            return Err(Reason::BadField);
        }
        if as_of < filled_at {
            return Err(Reason::BalanceOutdated);
        }
        let balance = self.balance_mut(venue, asset);
        balance.is_known = true;
        balance.held = held.get();
        Ok(())
    }

    pub(crate) fn nothing_reserved(&self) -> bool {
        self.balances.iter().all(|balance| balance.reserved == 0)
    }

    pub(crate) fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        for venue in &mut self.each {
            visitor.signed(&mut venue.fee_e8)?;
            visitor.word(&mut venue.filled_at)?;
            venue.bound.visit(visitor)?;
            venue.rate = Rate::of(&venue.bound);
            venue.bucket.visit(visitor)?;
        }
        for balance in &mut self.balances {
            visitor.flag(&mut balance.is_known)?;
            visitor.wide(&mut balance.held)?;
            visitor.wide(&mut balance.reserved)?;
        }
        for base in &mut self.bases {
            visitor.u32(&mut base.asset.0)?;
            visitor.signed(&mut base.lot_units)?;
            if base.asset.index() >= self.assets || base.lot_units <= 0 {
                return Err(visitor.bad(base.lot_units.cast_unsigned(), "what a lot is in its base asset"));
            }
        }
        Ok(())
    }
}
